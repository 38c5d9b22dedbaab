# SPDX-License-Identifier: Apache-2.0
r"""How well a pattern knows its population: \(Q_{pop} = exp(-distance/\lambda)\).

The distance is between what a pattern reports about the population and what the population is. Its unit is the
distance of an answer without knowledge, which puts everything at the mean or gives every category the same share. Such
an answer scores exp(-1) = 0.37, and only knowledge of the shape scores more.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import DataError
from qmpt.metrics.evidence import Interval, Part, check_keys, number_or_none
from qmpt.metrics.mutual_information import finite_numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

__all__ = [
    "LEAST_POPULATION",
    "check_population_report",
    "decay",
    "population_part",
    "reported_values",
    "robust_spread",
]

LEAST_POPULATION: Final = 20
"""Members of the population below which nothing is compared with it."""

_KINDS: Final = ("categories", "features")
_GRID: Final = 200
"""Points that stand for a reported distribution."""
_GROUPS: Final = 20
"""Groups of the jackknife."""
_Z95: Final = 1.959963984540054


def population_part(
    population_stats: Mapping[str, Any],
    report: Mapping[str, Any] | None,
    *,
    weight: float = 1.0,
    least_feature_share: float = 0.5,
    intervals: bool = True,
    seed: int = 0,
) -> Part:
    """The part ``pop``.

    Numbers are compared by the 1-Wasserstein distance in robust standard deviations, averaged over features; shares
    of categories by the Jensen-Shannon distance. Each kind is divided by the distance of the answer without knowledge,
    and kinds are averaged by their number of features. The interval is that of a grouped jackknife over the members of
    the population; the report and the categories are taken as exact.

    Args:
        population_stats: ``features``: name -> values of the members; ``categories``: name -> category -> count or
            share.
        report: the same keys; a feature as a sample, as ``{"quantiles": {level: value}}`` or as ``{"edges": [...],
            "counts": [...]}``.
        weight: of the part.
        least_feature_share: share of the features that the report must speak of, or it could keep to what it knows.
        intervals: whether to compute the interval.
        seed: of the groups of the jackknife.

    Raises:
        DataError: a form that is not one of these, or a number that is not finite.

    Example:
        >>> population = {"features": {"cost": list(range(100))}}
        >>> round(population_part(population, {"features": {"cost": [49.5]}}).value, 4)
        0.3679
        >>> population_part(population, {"features": {"cost": list(range(100))}}).value
        1.0
    """
    truth = {kind: _named(f"the {kind} of the population", population_stats.get(kind, {})) for kind in _KINDS}
    features = {name: finite_numbers(repr(name), values) for name, values in truth["features"].items()}
    categories = {name: _shares(name, counts) for name, counts in truth["categories"].items()}
    check_population_report("the report about the population", report)
    if not report:
        return Part("pop", None, weight, reason="no report about the population")
    thin = [name for name, values in features.items() if values.size < LEAST_POPULATION]
    if thin:
        n = features[thin[0]].size
        reason = f"{n} members of the population have {thin[0]!r}; at least {LEAST_POPULATION} are needed"
        return Part("pop", None, weight, reason=reason)
    told = {name: reported_values(name, form) for name, form in report.get("features", {}).items()}
    shared = {name: _shares(name, counts) for name, counts in report.get("categories", {}).items()}
    used = _varied(features, told)
    used_categories = {name: shares for name, shares in categories.items() if name in shared and _uneven(shares)}
    n_all, n_used = len(features) + len(categories), len(used) + len(used_categories)
    if n_used == 0 or n_used < least_feature_share * n_all:
        reason = (
            f"the report speaks of {n_used} of {n_all} features that vary; at least {least_feature_share:.0%} must be"
        )
        return Part("pop", None, weight, n=n_used, reason=reason)

    def relative_distance(members: Mapping[str, Vector]) -> float:
        total = len(used_categories) * _category_distance(used_categories, shared) if used_categories else 0.0
        if members:
            total += len(members) * _number_distance(members, told)
        return total / n_used

    distance = relative_distance(used)
    interval = _jackknife(used, relative_distance, distance, seed) if intervals and not used_categories else None
    detail = {"relative_distance": distance, "features_reported": n_used, "features": n_all}
    return Part("pop", decay(distance), weight, n_used, interval, detail=detail)


def check_population_report(name: str, report: Any) -> None:
    """Check the outer form of what is told of a population: None, or dictionaries ``features`` and ``categories``.

    Raises:
        DataError: another form, or an unknown key.

    Example:
        >>> check_population_report("the report", {"features": None})
        Traceback (most recent call last):
        ...
        qmpt.errors.DataError: the features of the report are None; give a dictionary with an entry for each name
    """
    if report is None:
        return
    check_keys(name, report, set(_KINDS))
    for kind, entries in report.items():
        _named(f"the {kind} of {name}", entries)


def decay(distance: float) -> float:
    """exp(-distance), above 0 also where that underflows.

    Example:
        >>> decay(0.0), decay(1e6) > 0.0
        (1.0, True)
    """
    return max(math.exp(-distance), sys.float_info.min)


def robust_spread(values: Vector) -> float:
    """1.4826 times the median absolute deviation; the standard deviation where that is 0; 0 for constant values.

    Example:
        >>> import numpy as np
        >>> robust_spread(np.array([0.0, 1.0, 2.0])), robust_spread(np.array([0.0, 0.0, 0.0, 2.0]))
        (1.4826, 0.8660254037844386)
    """
    import numpy as np

    scale = float(np.abs(values).max()) or 1.0  # squares of large values would overflow
    scaled = values / scale
    mad = float(np.median(np.abs(scaled - np.median(scaled))))
    return (1.4826 * mad if mad > 0.0 else float(scaled.std())) * scale


def reported_values(name: str, form: Any) -> Vector:
    """Values that stand for a reported distribution: the sample itself, or the middles of 200 equal parts.

    Quantiles and histograms are read as straight lines between their points; beyond the outermost quantile the
    distribution ends.

    Args:
        name: of the feature, for messages.
        form: a sample, ``{"quantiles": {level: value}}`` or ``{"edges": [...], "counts": [...]}``.

    Raises:
        DataError: another form, or numbers that cannot be read.

    Example:
        >>> reported_values("cost", {"quantiles": {"0": 0.0, "1": 10.0}}).mean().round(3).item()
        5.0
    """
    import numpy as np

    if isinstance(form, Mapping) and set(form) == {"quantiles"} and isinstance(form["quantiles"], Mapping):
        levels, values = _quantiles(name, form["quantiles"])
    elif isinstance(form, Mapping) and set(form) == {"edges", "counts"}:
        levels, values = _histogram(name, form["edges"], form["counts"])
    elif isinstance(form, np.ndarray) or (isinstance(form, list | tuple) and form):
        sample = finite_numbers(f"the report of {name!r}", form)
        if not sample.size:
            raise DataError(f"the report of {name!r} is empty; give at least one value, or leave it out")
        return sample
    else:
        raise DataError(
            f"the report of {name!r} is {form!r:.60}; give a list of values, {{'quantiles': {{level: value}}}} or "
            "{'edges': [...], 'counts': [...]}"
        )
    return np.interp((np.arange(_GRID) + 0.5) / _GRID, levels, values)


def _quantiles(name: str, quantiles: Mapping[Any, Any]) -> tuple[Vector, Vector]:
    import numpy as np

    levels = finite_numbers(f"the levels of {name!r}", list(quantiles))
    values = finite_numbers(f"the quantiles of {name!r}", list(quantiles.values()))
    order = np.argsort(levels)
    levels, values = levels[order], values[order]
    if not levels.size or levels[0] < 0.0 or levels[-1] > 1.0 or (np.diff(values) < 0.0).any():
        raise DataError(f"the quantiles of {name!r} must have levels in [0, 1] and values that do not fall")
    return levels, values


def _histogram(name: str, edges: Any, counts: Any) -> tuple[Vector, Vector]:
    import numpy as np

    places, sizes = finite_numbers(f"the edges of {name!r}", edges), finite_numbers(f"the counts of {name!r}", counts)
    if len(places) != len(sizes) + 1 or (np.diff(places) <= 0.0).any() or (sizes < 0.0).any() or sizes.sum() == 0.0:
        raise DataError(
            f"the histogram of {name!r} has {len(places)} edges and {len(sizes)} counts; give one more edge than "
            "counts, rising, and counts of at least 0, not all 0"
        )
    return np.concatenate([[0.0], np.cumsum(sizes) / sizes.sum()]), places


def _named(name: str, entries: Any) -> Mapping[str, Any]:
    if not isinstance(entries, Mapping):
        raise DataError(f"{name} are {entries!r:.40}; give a dictionary with an entry for each name")
    return entries


def _shares(name: str, counts: Any) -> dict[str, float]:
    named = counts if isinstance(counts, Mapping) else {}
    read = {str(category): number_or_none(count) for category, count in named.items()}
    sizes = {category: size for category, size in read.items() if size is not None and size >= 0.0}
    total = math.fsum(sizes.values())
    if len(sizes) < len(named) or total <= 0.0:
        raise DataError(f"the categories of {name!r} are {counts!r:.60}; give category -> count or share, not all 0")
    return {category: size / total for category, size in sizes.items()}


def _varied(features: Mapping[str, Vector], told: Mapping[str, Vector]) -> dict[str, Vector]:
    """Features that the report speaks of and that vary: for a constant one an answer without knowledge is right."""
    return {name: values for name, values in features.items() if name in told and robust_spread(values) > 0.0}


def _uneven(shares: Mapping[str, float]) -> bool:
    return max(shares.values()) - min(shares.values()) > 1e-12


def _number_distance(members: Mapping[str, Vector], told: Mapping[str, Vector]) -> float:
    """The mean distance of the report over that of everything at the mean."""
    from scipy.stats import wasserstein_distance

    distance = uninformed = 0.0
    for name, values in members.items():
        spread = robust_spread(values)
        center = float((values / spread).mean())
        distance += float(wasserstein_distance(values / spread, told[name] / spread))
        uninformed += float(abs(values / spread - center).mean())
    return distance / uninformed


def _category_distance(
    categories: Mapping[str, Mapping[str, float]], shared: Mapping[str, Mapping[str, float]]
) -> float:
    """The mean distance of the report over that of equal shares."""
    from scipy.spatial.distance import jensenshannon

    distance = uninformed = 0.0
    for name, shares in categories.items():
        kinds = sorted({*shares, *shared[name]})
        truth = [shares.get(kind, 0.0) for kind in kinds]
        distance += float(jensenshannon(truth, [shared[name].get(kind, 0.0) for kind in kinds], base=2))
        uninformed += float(jensenshannon(list(shares.values()), [1.0 / len(shares)] * len(shares), base=2))
    return distance / uninformed


def _jackknife(members: Mapping[str, Vector], relative_distance: Any, distance: float, seed: int) -> Interval | None:
    """95 percent, from leaving out one of twenty random groups at a time."""
    import numpy as np

    rng = np.random.default_rng(seed)
    groups = {name: rng.permutation(len(values)) % _GROUPS for name, values in members.items()}
    left_out = []
    for group in range(_GROUPS):
        kept = {name: values[groups[name] != group] for name, values in members.items()}
        if any(robust_spread(values) == 0.0 for values in kept.values()):
            return None
        left_out.append(relative_distance(kept))
    error = math.sqrt((_GROUPS - 1) * float(np.var(left_out)))
    return decay(distance + _Z95 * error), decay(max(0.0, distance - _Z95 * error))
