# SPDX-License-Identifier: Apache-2.0
"""What a population is like in its own units, to compare with what its members say of it.

Features for scoring are rescaled and cannot be asked about. What somebody can know of others is in natural units: how
often calls succeed, what they cost, which actions there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qmpt.data.models import Observation, Pattern

__all__ = ["asked_statistics", "population_statistics"]


def population_statistics(observations: Sequence[Observation], patterns: Mapping[str, Pattern]) -> dict[str, Any]:
    """Features and categories of a population.

    Features, one value per pattern that has it: numbers in its metadata, means of the numbers of its observations, and
    the statistics of `qmpt.features.behavior.behavior_statistics`; of two with one name the first. Categories:
    ``action`` with the counts of actions.

    Example:
        >>> from qmpt.data.models import Observation, Pattern
        >>> seen = [
        ...     Observation(
        ...         obs_id=str(i), pattern_id=f"p{i}", timestamp=0, modality="behavior",
        ...         payload={"action": "call", "ok": True, "numbers": {"tokens": i}},
        ...     )
        ...     for i in range(2)
        ... ]
        >>> found = population_statistics(seen, {f"p{i}": Pattern(pattern_id=f"p{i}", layer_id="L") for i in range(2)})
        >>> found["features"]["tokens"], found["categories"]
        ([0.0, 1.0], {'action': {'call': 2}})
    """
    from qmpt.data.indexing import by_pattern
    from qmpt.features.behavior import action_of, behavior_statistics

    features: dict[str, list[float]] = {}
    actions: Counter[str] = Counter()
    for name, group in by_pattern(observations).items():
        acts = [action_of(one) for one in sorted(group, key=_time) if one.modality == "behavior"]
        actions.update(one.action for one in acts)
        own = {key: value for key, value in patterns[name].metadata.items() if _is_number(value)}
        for feature, value in {**behavior_statistics(acts), **_means(group), **own}.items():
            features.setdefault(feature, []).append(float(value))
    return {"features": features, "categories": {"action": dict(actions)} if actions else {}}


def asked_statistics(statistics: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The statistics that any member speaks of in its report; also who leaves one of them out is asked about it.

    Args:
        statistics: from `population_statistics`.
        reports: of the members, as `qmpt.metrics.self_operator.self_reports_from` gives them.

    Example:
        >>> told = {"population": {"features": {"cost": [1.0]}}}
        >>> asked_statistics({"features": {"cost": [1.0, 2.0], "speed": [3.0]}, "categories": {}}, [told, {}])
        {'features': {'cost': [1.0, 2.0]}, 'categories': {}}
    """
    asked: dict[str, set[str]] = {"features": set(), "categories": set()}
    for report in reports:
        population = report.get("population") or {}
        for kind, names in asked.items():
            names |= set(population.get(kind) or {})
    return {kind: {name: statistics[kind][name] for name in statistics[kind] if name in asked[kind]} for kind in asked}


def _means(group: Sequence[Observation]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for one in group:
        numbers = one.payload.get("numbers") if isinstance(one.payload, dict) else None
        for name, value in (numbers if isinstance(numbers, dict) else {}).items():
            if _is_number(value):
                values.setdefault(name, []).append(float(value))
    return {name: sum(found) / len(found) for name, found in values.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _time(observation: Observation) -> float:
    return observation.timestamp
