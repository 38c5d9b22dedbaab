# SPDX-License-Identifier: Apache-2.0
"""Are successive values clearly dependent?

The levels of every rule here rest on independent units. This diagnostic looks at neighbours only; it cannot
show that units are independent, and clusters that are not neighbours escape it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import is_not
from typing import Final

from ophamin.measuring.inference.values import finite_numbers, plain_mean

__all__ = ["SMALLEST_N", "LagOne", "clearly_dependent", "lag1"]

SMALLEST_N: Final = 50
"""Fewer values are never called dependent."""

LARGEST_P: Final = 0.001


@dataclass(frozen=True, slots=True)
class LagOne:
    """How like a value is to the one before.

    Attributes:
        r: lag-1 autocorrelation, -1 to 1; None for fewer than three values or values that are all equal.
        p_value: two-sided p-value against "every order is equally likely"; None where r is.
        n: number of values.
    """

    r: float | None
    p_value: float | None
    n: int

    @property
    def is_clear(self) -> bool:
        """What `clearly_dependent` says of the same values."""
        return self.n >= SMALLEST_N and self.p_value is not None and self.p_value < LARGEST_P


def lag1(values: Sequence[float]) -> LagOne:
    """Lag-1 autocorrelation with a test that no marginal distribution misleads.

    Where one value makes up half of the stream or more (0/1 streams with rare ones, counts that are mostly
    zero), the p-value is that of the exact runs test of "this value or another". Otherwise it is that of the
    lag-1 correlation of the ranks by its exact permutation mean and variance and the normal curve. The normal
    curve would be far off for the raw values: two ones among fifty zeros stand side by side by chance once in
    25 streams, at 4 standard deviations.

    Source: Wald and Wolfowitz, Annals of Mathematical Statistics 11 (1940) and 14 (1943); Bartels, JASA 77
    (1982).

    Raises:
        ObservationError: at the first value that is not a finite number.

    Example:
        >>> lag1([2, 1, 3, 5, 4, 6, 8, 7, 9]).r
        0.6
    """
    numbers = _finite(values)
    n = len(numbers)
    if n < 3 or min(numbers) == max(numbers):
        return LagOne(None, None, n)
    parts = _deviations(numbers)
    r = _lagged(parts) / math.fsum(part * part for part in parts)
    return LagOne(r, _p_value(numbers), n)


def clearly_dependent(values: Sequence[float]) -> bool:
    """True for at least 50 values whose lag-1 test gives p < 0.001.

    Independent streams of any distribution are called dependent at most twice in 1000. It gives what
    ``lag1(values).is_clear`` gives, without what that takes besides.

    >>> clearly_dependent([0, 1] * 30), clearly_dependent([0, 1] * 10)
    (True, False)
    """
    if len(values) < SMALLEST_N:
        return False
    numbers = _finite(values)
    return min(numbers) != max(numbers) and _p_value(numbers, enough=LARGEST_P) < LARGEST_P


def _finite(values: Sequence[float]) -> list[float]:
    """`finite_numbers`, which looks at values one by one, only where they are not plain numbers."""
    if set(map(type, values)) <= {bool, int, float}:
        try:
            numbers = [*map(float, values)]
        except OverflowError:
            numbers = [math.inf]
        if all(map(math.isfinite, numbers)):
            return numbers
    return finite_numbers(values)


def _p_value(numbers: Sequence[float], enough: float = math.inf) -> float:
    """The p-value of values that are not all equal; from ``enough`` on, it may be a lower bound."""
    counts = Counter(numbers)
    common, count = counts.most_common(1)[0]
    if 2 * count >= len(numbers):
        return _runs_p_value([number == common for number in numbers], count, enough)
    return math.erfc(abs(_score(_deviations(_midranks(numbers, counts)))) / math.sqrt(2.0))


def _deviations(numbers: Sequence[float]) -> list[float]:
    """Distances from the mean, the largest of them scaled to 1."""
    mean = plain_mean(numbers)
    distances = [number - mean for number in numbers]
    largest = max(map(abs, distances))
    return [distance / largest for distance in distances]


def _lagged(parts: Sequence[float]) -> float:
    return math.fsum(before * after for before, after in pairwise(parts))


def _score(parts: Sequence[float]) -> float:
    """Distance of the sum of lagged products from its permutation mean, in standard deviations."""
    n = len(parts)
    squares = math.fsum(part * part for part in parts)
    fourths = math.fsum(part**4 for part in parts)
    expected = -squares / n
    second_moment = (squares**2 - fourths) / n + (squares**2 - 2.0 * fourths) / (n * (n - 1))
    variance = second_moment - expected**2
    return (_lagged(parts) - expected) / math.sqrt(variance) if variance > 0.0 else 0.0


def _midranks(numbers: Sequence[float], counts: Mapping[float, int]) -> list[float]:
    """Ranks from 1, equal values sharing their mean rank."""
    below = 0
    ranks: dict[float, float] = {}
    for number, count in sorted(counts.items()):
        ranks[number] = below + 0.5 * (count + 1)
        below += count
    return [ranks[number] for number in numbers]


def _runs_p_value(marks: Sequence[bool], first: int, enough: float) -> float:
    """Two-sided exact p-value of the number of runs among ``first`` true and the other false marks.

    Both tails hold the observed number, so that twice its probability is a lower bound, and mostly says enough.
    """
    second = len(marks) - first
    runs = 1 + sum(map(is_not, marks, marks[1:]))
    most = 2 * min(first, second) + (first != second)
    everything = _log_choose(first + second, first)

    def probability(number: int) -> float:
        return _arrangements(number, first, second, everything)

    least = min(1.0, 2.0 * probability(runs))
    if least >= enough:
        return least
    fewer = _sum_outward(probability, runs, 2, -1)
    more = _sum_outward(probability, runs, most, 1)
    return min(1.0, 2.0 * min(fewer, more))


def _arrangements(runs: int, first: int, second: int, log_all: float) -> float:
    """Probability of exactly this many runs."""
    half, odd = divmod(runs, 2)
    if not odd:
        ways = math.log(2.0) + _log_choose(first - 1, half - 1) + _log_choose(second - 1, half - 1)
        return math.exp(ways - log_all)
    one = _log_choose(first - 1, half) + _log_choose(second - 1, half - 1)
    other = _log_choose(first - 1, half - 1) + _log_choose(second - 1, half)
    return math.exp(one - log_all) + math.exp(other - log_all)


def _sum_outward(probability: Callable[[int], float], start: int, end: int, step: int) -> float:
    """Sum over a tail from ``start`` to ``end``, ended where a further pair of terms adds nothing."""
    total = 0.0
    previous = math.inf
    for runs in range(start, end + step, step):
        term = probability(runs)
        total += term
        if term + previous < 1e-17 * total:
            break
        previous = term
    return total


def _log_choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
