# SPDX-License-Identifier: Apache-2.0
"""The features of behaviour: which actions, in which order, with what success and at what cost.

The payload of an observation is ``{"action": text, "ok": bool, "cost": number, "object": text}``; only the action is
required. Actions are taken in the order of time.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from qmpt.data.values import LARGEST
from qmpt.errors import ConfigError, DataError
from qmpt.features.base import UNDEFINED_SHARE, BaseFeatureSpec, MissingValues, stacked
from qmpt.features.text_statistics import entropy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.data.models import Observation

    Groups = dict[str, list[Observation]]
    Matrix = NDArray[np.float64]

__all__ = ["BEHAVIOR_STATISTICS", "LEAST_OUTCOMES", "Action", "BehaviorFeatureSpec", "action_of", "behavior_statistics"]

BEHAVIOR_STATISTICS: Final = (
    "log_actions",
    "action_entropy",
    "transition_entropy",
    "repeat_rate",
    "object_variety",
    "success_rate",
    "cost_median",
    "cost_p90",
    "shift_after_failure",
)
"""Names of the statistics that do not depend on which actions there are, in the order of the columns."""
LEAST_OUTCOMES: Final = 5
"""Actions after a failure, and after a success, below which a change between the two is not estimated."""

OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Action:
    """One action as it was observed.

    Attributes:
        action: its name.
        ok: whether it went well; None where that is not known.
        cost: at most `LARGEST` in magnitude; None where that is not known.
        target: what it was done to; None where that is not known.
    """

    action: str
    ok: bool | None
    cost: float | None
    target: str | None


def action_of(observation: Observation) -> Action:
    """The action in a payload.

    Raises:
        DataError: the payload is no dictionary with an ``action``, or one of its values has another kind.

    Example:
        >>> from qmpt.data.models import Observation
        >>> seen = {"obs_id": "1", "pattern_id": "a", "timestamp": 0, "modality": "behavior"}
        >>> action_of(Observation(payload={"action": "search", "ok": False}, **seen))
        Action(action='search', ok=False, cost=None, target=None)
    """
    payload: Any = observation.payload
    if not isinstance(payload, Mapping):
        raise _unreadable(observation, f"its payload is {type(payload).__name__}")
    action, ok, cost, target = (payload.get(key) for key in ("action", "ok", "cost", "object"))
    if not isinstance(action, str):
        raise _unreadable(observation, f"its action is {action!r:.40}")
    if ok is not None and not isinstance(ok, bool):
        raise _unreadable(observation, f"its ok is {ok!r:.40}")
    if cost is not None and (isinstance(cost, bool) or not isinstance(cost, int | float) or not abs(cost) <= LARGEST):
        raise _unreadable(observation, f"its cost is {cost!r:.40}")
    return Action(action, ok, None if cost is None else float(cost), None if target is None else str(target))


def behavior_statistics(actions: Sequence[Action]) -> dict[str, float]:
    """The statistics of a sequence of actions that are defined; entropies are in bits.

    ``transition_entropy`` is the entropy of an action given the one before; ``object_variety`` the distinct objects
    per action that names one; ``shift_after_failure`` the Jensen-Shannon divergence, in [0, 1], between the actions
    that follow a failure and those that follow a success, each at least `LEAST_OUTCOMES`.

    Example:
        >>> found = behavior_statistics([Action("look", True, None, None), Action("look", False, None, None)])
        >>> found["repeat_rate"], found["success_rate"], "cost_median" in found
        (1.0, 0.5, False)
    """
    if not actions:
        return {}
    names = [one.action for one in actions]
    found = {"log_actions": math.log1p(len(names)), "action_entropy": entropy(list(Counter(names).values()))}
    if len(names) > 1:
        pairs = Counter(pairwise(names))
        found["transition_entropy"] = entropy(list(pairs.values())) - entropy(list(Counter(names[:-1]).values()))
        found["repeat_rate"] = sum(times for (one, after), times in pairs.items() if one == after) / (len(names) - 1)
    targets = [one.target for one in actions if one.target is not None]
    if targets:
        found["object_variety"] = len(set(targets)) / len(targets)
    outcomes = [one.ok for one in actions if one.ok is not None]
    if outcomes:
        found["success_rate"] = sum(outcomes) / len(outcomes)
    return {**found, **_costs(actions), **_shift(actions)}


def _costs(actions: Iterable[Action]) -> dict[str, float]:
    import numpy as np

    costs = [one.cost for one in actions if one.cost is not None]
    if not costs:
        return {}
    return {"cost_median": float(np.quantile(costs, 0.5)), "cost_p90": float(np.quantile(costs, 0.9))}


def _shift(actions: Sequence[Action]) -> dict[str, float]:
    after: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for one, following in pairwise(actions):
        if one.ok is not None:
            after[one.ok][following.action] += 1
    if min(counts.total() for counts in after.values()) < LEAST_OUTCOMES:
        return {}
    return {"shift_after_failure": _jensen_shannon(after[True], after[False])}


def _jensen_shannon(one: Counter[str], other: Counter[str]) -> float:
    """In bits; from counts, so that equal distributions give exactly 0.0 and those that share no name exactly 1.0."""
    return (_to_middle(one, other) + _to_middle(other, one)) / 2.0


def _to_middle(one: Counter[str], other: Counter[str]) -> float:
    """The Kullback-Leibler divergence, in bits, of a distribution from the mean of both."""
    total, others = one.total(), other.total()
    # share / mean of both shares = 2 (k / total) / (k / total + m / others), of whole numbers up to the division
    terms = (k * math.log2(2 * k * others / (k * others + other[name] * total)) for name, k in one.items() if k)
    return math.fsum(terms) / total


def _unreadable(observation: Observation, found: str) -> DataError:
    return DataError(
        f"the observation {observation.obs_id!r} has the modality {observation.modality!r}, but {found}; give "
        "{'action': text}, and where known 'ok': true or false, 'cost': a finite number, 'object': text"
    )


class BehaviorFeatureSpec(BaseFeatureSpec):
    """Features of the actions of each pattern: `BEHAVIOR_STATISTICS`, and the shares of the most frequent actions.

    Args:
        top_actions: how many actions have a column of their own, at least 1; the rest shares one.
        modality: of the observations that are read.

    Raises:
        ConfigError: ``top_actions`` is below 1.

    Example:
        >>> from qmpt.data.models import Observation
        >>> seen = [
        ...     Observation(obs_id=str(i), pattern_id="a", timestamp=i, modality="behavior", payload={"action": name})
        ...     for i, name in enumerate(["look", "look", "walk"])
        ... ]
        >>> spec = BehaviorFeatureSpec(top_actions=1)
        >>> matrix = spec.fit_transform(seen)
        >>> dict(zip(spec.feature_names_, matrix[0].round(2).tolist()))["share[look]"]
        0.67
    """

    id = "behavior_v1"

    def __init__(self, *, top_actions: int = 12, modality: str = "behavior") -> None:
        if isinstance(top_actions, bool) or not isinstance(top_actions, int) or top_actions < 1:
            raise ConfigError(f"top_actions is {top_actions!r}; give a whole number of at least 1")
        self.top_actions = top_actions
        self.modalities = (modality,)

    @property
    def config(self) -> dict[str, Any]:
        """What the numbers depend on."""
        return {"modality": self.modalities[0], "top_actions": self.top_actions}

    def _learn(self, groups: Groups) -> Matrix:
        # each pattern has one vote for its shares, or one that acts a thousand times would fill the columns
        votes: defaultdict[str, list[float]] = defaultdict(list)
        for group in groups.values():
            names = Counter(action_of(one).action for one in group)
            for name, times in names.items():
                votes[name].append(times / names.total())
        # an exact sum does not depend on the order of the patterns
        ranked = sorted(votes, key=lambda name: (-math.fsum(votes[name]), name))
        self.actions_ = tuple(ranked[: self.top_actions])
        self._names = (*BEHAVIOR_STATISTICS, *(f"share[{name}]" for name in self.actions_), f"share[{OTHER}]")
        raw = self._raw(groups)
        self._missing = MissingValues().fit(raw)
        self.feature_names_ = (*self._names, UNDEFINED_SHARE)
        return self._missing.fill(raw)

    def _rows(self, groups: Groups) -> Matrix:
        return self._missing.fill(self._raw(groups))

    def _raw(self, groups: Groups) -> Matrix:
        return stacked(groups, self._names, self._statistics_of)

    def _statistics_of(self, group: list[Observation]) -> dict[str, float]:
        actions = [action_of(one) for one in group]
        found = behavior_statistics(actions)
        if actions:
            counts = Counter(one.action for one in actions)
            n, counted = len(actions), sum(counts[name] for name in self.actions_)
            shares = {f"share[{name}]": counts[name] / n for name in self.actions_}
            # the last name is the column of all others, whatever an action may be called; from counts, since one
            # minus the other shares leaves a rounding error where nothing is left
            found |= {**shares, self._names[-1]: (n - counted) / n}
        return found
