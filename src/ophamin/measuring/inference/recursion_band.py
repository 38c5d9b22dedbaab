# SPDX-License-Identifier: Apache-2.0
"""The chances of a growing count between two boundaries, all of them advanced by one multiplication per unit.

The counts that are still open are kept side by side in one whole number, each in a slot of equal length. One more
unit multiplies that number by the law of a unit, written in the same slots: the polynomial product, at the speed of
long multiplication. Bits that no slot can keep are cut off, never rounded up, so that every chance is a lower bound
and what is missing from a sum of 1 bounds the error of each. It knows nothing of tests; `recursion` does.

Source: Kronecker, Journal fuer die reine und angewandte Mathematik 92 (1882), for products in slots.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from typing import Final

from ophamin.errors import ClaimError

__all__ = ["LARGEST", "Characteristics", "Law", "Places", "absorb", "characteristics"]

LARGEST: Final = 1 << 26
"""The most counts that may be visited; the digits that are kept are chosen for so many cuts."""

_DIGIT: Final = 30  # bits of a digit of a Python integer: slots of whole digits multiply fastest


@dataclass(frozen=True, slots=True)
class Characteristics:
    """What a walk does at one truth.

    Attributes:
        truth: the true value of the statistic.
        above: probability that it ends above the bar.
        below: probability that it ends below the bar.
        undecided: probability that it is open at the cap.
        expected_n: expected number of units, the cap counted for an open walk.
        n95: number of units that 95 % of the walks do not exceed, the cap counted likewise.
    """

    truth: float
    above: float
    below: float
    undecided: float
    expected_n: float
    n95: int


@dataclass(frozen=True, slots=True)
class Law:
    """What one unit adds to the count.

    Attributes:
        weights: the chance that it adds 0, 1, 2, ..., each as a whole number of ``2**-bits``; their sum is at most
            ``2**bits``.
        bits: length of the fractions.
    """

    weights: tuple[int, ...]
    bits: int


@dataclass(frozen=True, slots=True)
class Places:
    """Every place where a walk can end, and how likely each is.

    Attributes:
        units: n of each place, growing.
        counts: the count at each place.
        sides: 1 for above, -1 for below, 0 for open at the cap.
        chances: probability of each place.
    """

    units: Sequence[int]
    counts: Sequence[int]
    sides: Sequence[int]
    chances: Sequence[float]

    def tilted(self, per_count: float, per_unit: float) -> list[float]:
        """Each chance times exp(count * per_count + n * per_unit): another member of an exponential family."""
        exp = math.exp
        try:
            places = zip(self.units, self.counts, self.chances, strict=True)
            return [chance * exp(k * per_count + n * per_unit) for n, k, chance in places]
        except OverflowError:
            # a place that even the reference never reaches has no share at any truth worth asking for
            places = zip(self.units, self.counts, self.chances, strict=True)
            return [chance * exp(min(700.0, k * per_count + n * per_unit)) for n, k, chance in places]


def absorb(
    law: Law, edges: Callable[[int], tuple[int, int]], *, kept: int, every: int = 1, cap: int | None = None
) -> Places:
    """Follow a count from 0 until it leaves the open counts.

    Args:
        law: what one unit adds.
        edges: for a look at n, the smallest count that ends above and the largest that ends below. Neither falls.
        kept: bits kept of each chance; each visit of a count loses less than ``2**-kept``.
        every: a look is taken at multiples of this number of units, and at the cap.
        cap: last look; None to follow until nothing is left.

    Raises:
        ClaimError: where there is no cap and the walk is not over after `LARGEST` counts.

    Example:
        >>> places = absorb(Law((1, 1), 1), lambda n: (2, -1), kept=60, cap=3)  # the second head ends it
        >>> list(zip(places.units, places.counts, places.sides, places.chances))
        [(2, 2, 1, 0.25), (3, 2, 1, 0.25), (3, 0, 0, 0.125), (3, 1, 0, 0.375)]
    """
    slot = -(-(kept + 1 + law.bits) // _DIGIT) * _DIGIT
    step = sum(weight << slot * j for j, weight in enumerate(law.weights))
    bits, ceiling, keep = law.bits, slot - 1 - law.bits, _twice((1 << kept + 1) - 1, slot)
    band, scale, base, n, visited = 1 << kept, kept, 0, 0, 0
    places: list[tuple[int, int, int, float]] = []
    while band and n != cap:
        n += 1
        band *= step
        scale += bits
        if scale > ceiling:
            while keep.bit_length() < band.bit_length():
                keep = _twice(keep, -(-keep.bit_length() // slot) * slot)
            band = band >> scale - kept & keep
            scale = kept
        if every > 1 and n % every and n != cap:
            continue
        top, bottom = edges(n)
        place = slot * (top - base) if top > base else 0
        if over := band >> place:
            band -= over << place
            places += _ended(n, max(top, base), 1, over, slot, scale)
        if bottom >= base:
            length = slot * (bottom - base + 1)
            places += _ended(n, base, -1, band & (1 << length) - 1, slot, scale)
            band >>= length
            base = bottom + 1
        if cap is None:
            visited += band.bit_length() // slot
            if visited > LARGEST:
                raise ClaimError(f"the walk is still open after {n} units and has no cap; give cap")
    places += _ended(n, base, 0, band, slot, scale)
    return Places(*zip(*places, strict=True))


def characteristics(truth: float, places: Places, weighted: Sequence[float]) -> Characteristics:
    """Sum what the places say, under the chances ``weighted`` that they have at ``truth``."""
    above = sum(compress(weighted, [side > 0 for side in places.sides]))
    below = sum(compress(weighted, [side < 0 for side in places.sides]))
    undecided = sum(compress(weighted, [side == 0 for side in places.sides]))
    expected = sum(map(operator.mul, weighted, places.units))
    return Characteristics(truth, above, below, undecided, expected, quantile(places.units, weighted, 0.95))


def quantile(units: Sequence[int], weighted: Sequence[float], share: float) -> int:
    """The smallest n by which a share of the walks has ended, the cap counted as an end."""
    ended = bisect_left(list(accumulate(weighted)), share)
    return units[min(ended, len(units) - 1)]


def _twice(pattern: int, length: int) -> int:
    """The pattern, and once more above itself."""
    return pattern | pattern << length


def _ended(n: int, k: int, side: int, chances: int, slot: int, scale: int) -> list[tuple[int, int, int, float]]:
    """The places in a row of slots whose lowest is that of count ``k``."""
    if chances.bit_length() <= slot:  # nearly always
        return [(n, k, side, math.ldexp(chances, -scale))] if chances else []
    places = []
    while chances:
        if chance := chances & (1 << slot) - 1:
            places.append((n, k, side, math.ldexp(chance, -scale)))
        chances >>= slot
        k += 1
    return places
