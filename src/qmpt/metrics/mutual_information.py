# SPDX-License-Identifier: Apache-2.0
r"""How much a self-model tells of the state it models: \(I(S;S')/H(S)\), corrected for chance.

The plain ratio, Theil's uncertainty coefficient, is far above zero for short series of independent states. Here the
information that independent labels of the same frequencies would show is taken off, above and below:
(I - E[I]) / (H(S) - E[I]), as in the adjusted mutual information of Vinh, Epps and Bailey (JMLR 11, 2010), with the
entropy of the state below. It is 0 on average where nothing is known and 1 where all is known.

Numbers with many levels are cut into quantiles here; `qmpt.metrics.mutual_information_neighbors` leaves them whole.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final

from qmpt.data.values import LARGEST
from qmpt.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.intp]
    Vector = NDArray[np.float64]

__all__ = [
    "LEAST_PAIRS",
    "InformationRatio",
    "information_ratio",
    "plug_in_ratio",
    "quantile_codes",
    "self_prediction_ratio",
]

LEAST_PAIRS: Final = 20
"""Pairs of state and prediction below which no ratio is given."""

_Z95: Final = 1.959963984540054
"""Two-sided 95 percent point of the standard normal distribution."""
_EXACT_CELLS: Final = 250_000
"""Cells up to which the expectation is computed exactly; beyond, it is the mean over permutations."""
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class InformationRatio:
    """What is known of a state through its prediction, with everything needed to judge the number.

    Attributes:
        value: in [0, 1]; None where it is undefined.
        unclipped: the same before it was clipped; its mean is 0 for independent series.
        plug_in: the ratio without correction, in [0, 1].
        interval: 95 percent, clipped to [0, 1]; None where there is none.
        p_value: share of permuted predictions that tell at least as much, one-sided.
        information: I, in nats, as estimated.
        expected: I, in nats, that independence would show.
        entropy: H(S), in nats; None for continuous states.
        n: pairs.
        method: ``categories``, ``quantiles``, ``clusters`` or ``neighbors``.
        reason: why there is no value; empty where there is one.
        levels: different states that were seen, before any were put into one class; None for continuous states.
    """

    value: float | None
    unclipped: float | None
    plug_in: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    information: float | None
    expected: float | None
    entropy: float | None
    n: int
    method: str
    reason: str = ""
    levels: int | None = None


def plug_in_ratio(states: Sequence[Hashable], predictions: Sequence[Hashable]) -> float | None:
    """I/H(S) from the observed frequencies, without any correction; None where the state never changes.

    Example:
        >>> plug_in_ratio(["up", "down"], [1, 0]), plug_in_ratio(["up", "up"], [1, 0])
        (1.0, None)
    """
    same_length(states, predictions)
    table = _table(_codes(states), _codes(predictions))
    information, entropy = _information_and_entropy(table)
    return None if entropy == 0.0 else min(1.0, information / entropy)


def information_ratio(
    states: Sequence[Hashable],
    predictions: Sequence[Hashable],
    *,
    permutations: int = 199,
    seed: int = 0,
    method: str = "categories",
) -> InformationRatio:
    """The chance-corrected ratio of categories.

    The correction is exact for independence alone: between independence and certainty some of the upward bias of short
    series stays. The interval therefore covers the estimate and the jackknife's estimate of the plain ratio, each plus
    and minus 1.96 standard errors of the jackknife, or of the permutations where these spread more. On symmetric
    channels of 2 and 8 states it held the truth in 79 to 100 percent of draws for 20 to 50 pairs, in 84 to 100 percent
    for 200, and in 95 to 100 percent for 500.

    Args:
        states: what was the case, at least `LEAST_PAIRS`.
        predictions: what was predicted; its labels need not be those of the states.
        permutations: of the predictions, for the p-value; at least 19.
        seed: of the permutations.
        method: recorded in the result.

    Raises:
        DataError: the lengths differ, or there are too few permutations.

    Example:
        >>> found = information_ratio(["a", "b"] * 20, ["b", "a"] * 20)
        >>> found.value, found.p_value
        (1.0, 0.005)
    """
    n = same_length(states, predictions)
    enough_permutations(permutations)
    if n < LEAST_PAIRS:
        return undefined_ratio(n, method, f"{n} pairs of state and prediction; at least {LEAST_PAIRS} are needed")
    rows, columns = _codes(states), _codes(predictions)
    table = _table(rows, columns)
    information, entropy = _information_and_entropy(table)
    if entropy == 0.0:
        return undefined_ratio(n, method, "the state never changes, so that there is nothing to know about it")
    shuffled = _permuted_information(rows, columns, permutations, seed)
    expected = _expected_information(table, shuffled)
    room = entropy - expected
    if room <= _TINY * entropy:
        kinds = len(table)
        return undefined_ratio(
            n, method, f"{kinds} states in {n} pairs leave chance no room; observe more, or fewer states"
        )
    corrected = (information - expected) / room
    low, high = _interval(table, corrected, expected, float(shuffled.std(ddof=1)) / room)
    return InformationRatio(
        value=_unit(corrected),
        unclipped=corrected,
        plug_in=min(1.0, information / entropy),
        interval=(_unit(low), _unit(high)),
        p_value=permutation_p_value(information, shuffled),
        information=information,
        expected=expected,
        entropy=entropy,
        n=n,
        method=method,
        levels=len(table),
    )


def quantile_codes(values: Sequence[float] | Vector, bins: int | None = None) -> Codes:
    """Cut values at their quantiles into classes of about equal size; equal values share a class.

    Where one value is frequent there are fewer classes, but at least two where not all values are equal.

    Args:
        values: finite, at least one.
        bins: classes at most, at least 2; by default the cube root of the number of values.

    Raises:
        DataError: a value is not finite, or ``bins`` is below 2.

    Example:
        >>> quantile_codes([1.0, 2.0, 3.0, 4.0], bins=2).tolist()
        [0, 0, 1, 1]
    """
    import numpy as np

    numbers = finite_numbers("values", values)
    wanted = _cube_root(len(numbers)) if bins is None else bins
    if wanted < 2:
        raise DataError(f"bins is {bins}; give at least 2")
    edges = np.quantile(numbers, np.arange(1, wanted) / wanted)
    below_highest = np.unique(numbers)[:-1]
    if below_highest.size:  # an edge at the highest value would leave nothing above it
        edges = np.minimum(edges, below_highest[-1])
    edges = np.unique(edges)
    return np.searchsorted(edges, numbers, side="left")


def self_prediction_ratio(
    states: Sequence[Any], predictions: Sequence[Any], *, permutations: int = 199, seed: int = 0
) -> InformationRatio:
    """The chance-corrected ratio of states of any kind.

    Texts and truth values are categories, also where whole numbers stand among them. Numbers alone are read by their
    values and not by their type: a series with no more levels than the cube root of its length is taken as it is, any
    other is cut into that many quantiles; states and predictions each by their own. Give categories that only bear
    numbers, such as ids, as texts, or the cut takes neighbours for alike. Lists of numbers become the nearest of a few
    centres that are found among the states.

    Args:
        states: texts, numbers of Python or numpy, or lists of numbers of one length.
        predictions: of the same kind.
        permutations: at least 19.
        seed: of permutations and centres.

    Raises:
        DataError: lengths or kinds differ, or a number is not finite.

    Example:
        >>> found = self_prediction_ratio(list(range(40)), [2 * state for state in range(40)])
        >>> found.method, found.levels, round(found.value, 6)
        ('quantiles', 40, 1.0)
    """
    import numpy as np

    n = same_length(states, predictions)
    if n < LEAST_PAIRS:
        return undefined_ratio(n, "categories", f"{n} pairs of state and prediction; at least {LEAST_PAIRS} are needed")
    everything = (*states, *predictions)
    if all(isinstance(one, Real) and not isinstance(one, bool) for one in everything):
        numbers = finite_numbers("states", states), finite_numbers("predictions", predictions)
        levels, most = [len(np.unique(series)) for series in numbers], _cube_root(n)
        classes = [
            quantile_codes(series).tolist() if kinds > most else series.tolist()
            for series, kinds in zip(numbers, levels, strict=True)
        ]
        method = "quantiles" if max(levels) > most else "categories"
        found = information_ratio(*classes, permutations=permutations, seed=seed, method=method)
        return replace(found, levels=levels[0])
    if all(isinstance(one, str | bool | Integral) for one in everything):
        # True equals 1, so that a label is taken with its kind
        labels = [[(isinstance(one, str), str(one)) for one in series] for series in (states, predictions)]
        return information_ratio(*labels, permutations=permutations, seed=seed)
    if all(isinstance(one, list | tuple) for one in everything):
        near = _nearest_centers(states, predictions, seed)
        found = information_ratio(*near, permutations=permutations, seed=seed, method="clusters")
        return replace(found, levels=len({tuple(one) for one in states}))
    kinds = ", ".join(sorted({type(one).__name__ for one in everything}))
    raise DataError(f"states and predictions are of the kinds {kinds}; give texts, numbers or lists of numbers only")


def _nearest_centers(states: Sequence[Any], predictions: Sequence[Any], seed: int) -> tuple[list[int], list[int]]:
    import numpy as np
    from sklearn.cluster import KMeans

    lengths = sorted({len(one) for one in (*states, *predictions)})
    if len(lengths) > 1 or lengths[0] == 0:
        raise DataError(f"states and predictions are lists of {lengths} numbers; give lists of one length, not empty")
    flat = finite_numbers("states and predictions", [value for one in (*states, *predictions) for value in one])
    points = flat.reshape(-1, lengths[0])
    spread = points[: len(states)].std(axis=0)
    points = points / np.where(spread > 0.0, spread, 1.0)
    kinds = len(np.unique(points[: len(states)], axis=0))
    wanted = min(_cube_root(len(states)), kinds)
    model = KMeans(wanted, n_init=4, random_state=seed).fit(points[: len(states)])
    codes = model.predict(points).tolist()
    return codes[: len(states)], codes[len(states) :]


def _codes(values: Sequence[Hashable]) -> Codes:
    import numpy as np

    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(value, len(seen)) for value in values], dtype=np.intp)


def _table(rows: Codes, columns: Codes) -> NDArray[np.int64]:
    import numpy as np

    shape = int(rows.max(initial=-1)) + 1, int(columns.max(initial=-1)) + 1
    counts = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1])
    return counts.reshape(shape).astype(np.int64)


def _information_and_entropy(table: NDArray[np.int64]) -> tuple[float, float]:
    """I(S;S') and H(S) in nats, from the observed frequencies; the state is in the rows."""
    import numpy as np

    n = table.sum()
    if n == 0:
        return 0.0, 0.0
    shares = table / n
    of_state, of_prediction = shares.sum(axis=1), shares.sum(axis=0)
    row, column = np.nonzero(table)
    joint = shares[row, column]
    information = float(joint @ np.log(joint / (of_state[row] * of_prediction[column])))
    return max(0.0, information), float(-(of_state @ np.log(of_state))) + 0.0


def _permuted_information(rows: Codes, columns: Codes, permutations: int, seed: int) -> Vector:
    import numpy as np

    rng = np.random.default_rng(seed)
    return np.array([_information_and_entropy(_table(rows, rng.permutation(columns)))[0] for _ in range(permutations)])


def _expected_information(table: NDArray[np.int64], shuffled: Vector) -> float:
    if table.size > _EXACT_CELLS:
        return float(shuffled.mean())
    from sklearn.metrics.cluster import expected_mutual_information

    return float(expected_mutual_information(table, int(table.sum())))


def _interval(table: NDArray[np.int64], corrected: float, expected: float, null_error: float) -> tuple[float, float]:
    """Not clipped."""
    plain, plain_error = _jackknife(table, 0.0)
    _, error = _jackknife(table, expected)
    reach = _Z95 * max(plain_error, error, null_error)
    return min(corrected, plain) - reach, max(corrected, plain) + reach


def _jackknife(table: NDArray[np.int64], expected: float) -> tuple[float, float]:
    """Estimate and standard error of (I - E)/(H - E) with E held fixed, from leaving out one pair at a time.

    All pairs of one cell give the same value, and leaving one out changes one term of each sum.
    """
    import numpy as np
    from scipy.special import xlogy

    n = int(table.sum())
    row, column = np.nonzero(table)
    times = table[row, column].astype(np.float64)
    of_state, of_prediction = table.sum(axis=1).astype(np.float64), table.sum(axis=0).astype(np.float64)
    sums = [float(xlogy(counts, counts).sum()) for counts in (times, of_state, of_prediction)]

    def ratio(kept: list[Any], total: int) -> Any:
        cells, states, predictions = kept
        information = (cells - states - predictions) / total + math.log(total)
        entropy = math.log(total) - states / total
        return (information - expected) / (entropy - expected)

    affected = (times, of_state[row], of_prediction[column])
    smaller = [
        whole - xlogy(counts, counts) + xlogy(counts - 1.0, counts - 1.0)
        for whole, counts in zip(sums, affected, strict=True)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        left_out = ratio(smaller, n - 1)
    if not np.isfinite(left_out).all():  # a single pair is all that makes the state change
        return float(ratio(sums, n)), math.inf
    mean = float(times @ left_out) / n
    spread = float(times @ (left_out - mean) ** 2)
    return n * float(ratio(sums, n)) - (n - 1) * mean, math.sqrt((n - 1) / n * spread)


def permutation_p_value(observed: float, shuffled: Vector) -> float:
    # a permutation that gives the same table may differ in the last bit
    return (1 + int((shuffled >= observed - _TINY).sum())) / (1 + len(shuffled))


def _cube_root(n: int) -> int:
    """The largest whole number whose cube is at most n, but at least 2."""
    return max(2, int(n ** (1 / 3) + _TINY))


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))


def finite_numbers(name: str, values: Any) -> Vector:
    import numpy as np

    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{name} are no numbers; give finite numbers") from None
    if numbers.ndim != 1:
        raise DataError(f"{name} must be one row of finite numbers, not of the shape {numbers.shape}")
    bad = np.flatnonzero(~(np.abs(numbers) <= LARGEST))
    if bad.size:
        raise DataError(
            f"{name} hold {numbers[bad[0]]} at place {bad[0]}; give numbers between -{LARGEST:g} and {LARGEST:g}"
        )
    return numbers


def same_length(states: Sequence[Any], predictions: Sequence[Any]) -> int:
    if len(states) != len(predictions):
        raise DataError(f"{len(states)} states and {len(predictions)} predictions; give one prediction per state")
    return len(states)


def enough_permutations(permutations: int) -> None:
    if permutations < 19:
        raise DataError(f"permutations is {permutations}; give at least 19, below which no p-value reaches 0.05")


def undefined_ratio(n: int, method: str, reason: str) -> InformationRatio:
    return InformationRatio(None, None, None, None, None, None, None, None, n, method, reason)
