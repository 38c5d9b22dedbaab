# SPDX-License-Identifier: Apache-2.0
"""A sequential rule for a quantile of any distribution: a rate rule walked on the values up to the bar.

The quantile is the one of `quantile.py`, and so is the strictness: ``Q <= v`` and ``Q > v`` count the values at or
below v, ``Q >= v`` and ``Q < v`` those below it. No density is estimated.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Final

from ophamin.errors import ObservationError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.decision import JSON, Decision
from ophamin.measuring.inference.process import GUARD, EProcess, Walk, decide_by_walk
from ophamin.measuring.inference.rate_walk import RateRule, count_processes
from ophamin.measuring.inference.values import finite_numbers, inverted_cdf, require_share

__all__ = ["Counted", "SequentialQuantile"]

_MIRRORED: Final[Mapping[str, str]] = MappingProxyType({"<=": ">=", "<": ">", ">=": "<=", ">": "<", "==": "=="})


class Counted:
    """An e-process of a rate, fed with numbers: each is 1 where it lies up to the bar.

    Example:
        >>> from ophamin.measuring.inference.sprt import LikelihoodRatio
        >>> process = Counted(LikelihoodRatio(0.9, 0.5), Bar("<=", 200.0))
        >>> process.update(200.0)
        >>> round(process.log_e, 4)
        0.5878
    """

    __slots__ = ("_inclusive", "_n", "_value", "inner", "log_e")

    def __init__(self, inner: EProcess, bar: Bar) -> None:
        self.inner = inner
        self.log_e = inner.log_e
        self._value, self._inclusive, self._n = bar.value, bar.comparator in {"<=", ">"}, 0

    def update(self, value: float) -> None:
        """Take in one finite number.

        Raises:
            ObservationError: where it is none.
        """
        try:
            (number,) = finite_numbers((value,))
        except ObservationError as error:
            raise ObservationError(str(error).replace("observation 0", f"observation {self._n}", 1)) from None
        self.inner.update(number <= self._value if self._inclusive else number < self._value)
        self._n += 1
        self.log_e = self.inner.log_e


@dataclass(frozen=True, slots=True)
class SequentialQuantile:
    """Decides the quantile ``q`` by the share of values up to the bar, tested at q by a rate rule.

    An ``mde`` or ``margin`` of the inner rule is a share: how far from q the share up to the bar is when a verdict
    is wanted. The bounds are values of the sample at the last look; None where the sample is too small for
    one, or where the inner rule gives none at q.

    Attributes:
        q: which quantile, 0 to 1, both excluded.
        inner: a sequential rule for 0/1 units.

    Raises:
        ClaimError: where q lies outside its range.

    Example:
        >>> from ophamin.measuring.inference.mixture import BetaMixture
        >>> rule = SequentialQuantile(0.5, BetaMixture())
        >>> decision = rule.decide([3.0, 1.0, 4.0, 1.5, 5.0, 2.0, 1.0, 2.0], Bar("<=", 6.0))
        >>> decision.outcome, decision.n, decision.estimate, decision.high
        ('VALIDATED', 6, 2.0, 5.0)
    """

    q: float
    inner: RateRule
    guarantee: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        require_share(self.q)

    @property
    def name(self) -> str:
        """The name of the inner rule."""
        return self.inner.name

    def rate_bar(self, bar: Bar) -> Bar:
        """The bar of the share up to the value: a small quantile is a large share.

        >>> from ophamin.measuring.inference.mixture import BetaMixture
        >>> str(SequentialQuantile(0.95, BetaMixture()).rate_bar(Bar("<", 200.0)))
        '> 0.95'
        """
        return replace(bar, comparator=_MIRRORED[bar.comparator], value=self.q)

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar.

        Raises:
            ClaimError: where the inner rule cannot test q.
        """
        bar.require_direction(self.name)
        inner = self.inner.start(self.rate_bar(bar))
        return Walk(
            Counted(inner.high, bar), Counted(inner.low, bar),
            accept=inner.reject, reject=inner.accept, every=inner.every, cap=inner.cap,
        )  # fmt: skip

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Walk over one finite number per unit.

        Raises:
            ObservationError: at the first value before the decision that is not a finite number.
            ClaimError: where the comparator is ``==``, or the inner rule cannot test q.
        """
        inclusive = bar.comparator in {"<=", ">"}

        def detail(used: Sequence[float]) -> Mapping[str, JSON]:
            count = sum(value <= bar.value if inclusive else value < bar.value for value in used)
            return {"q": self.q, "at_or_below_bar" if inclusive else "below_bar": int(count)}

        return decide_by_walk(
            self, values, bar,
            estimate=lambda used: inverted_cdf(sorted(finite_numbers(used)), self.q),
            low=self._bound(bar, 0), high=self._bound(bar, 1), detail=detail, nulls=(None, None),
        )  # fmt: skip

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The n at which all values on one side of the bar decide.

        >>> from ophamin.measuring.inference.sprt import Sprt
        >>> SequentialQuantile(0.95, Sprt(mde=0.02)).smallest_n(Bar("<=", 200.0))
        (144, 9)
        """
        bar.require_direction(self.name)
        return self.inner.smallest_n(self.rate_bar(bar))

    def _bound(self, bar: Bar, side: int) -> Callable[[Sequence[float]], float | None]:
        return lambda used: self._bounds(used, bar)[side]

    def _bounds(self, used: Sequence[float], bar: Bar) -> tuple[float | None, float | None]:
        """Order statistics at the counts where the inner processes reach their boundaries."""
        share = self.rate_bar(bar)
        if self.inner.nulls(share) != (self.q, self.q) or self.inner.bounds(0, 1, share) == (None, None):
            return None, None
        inner, n, ordered = self.inner.start(share), len(used), sorted(finite_numbers(used))
        low, high = count_processes(inner)
        counts = range(n + 1)
        lower = bisect_left(counts, True, key=lambda k: high.at(k, n - k) < inner.reject + GUARD)
        upper = bisect_left(counts, True, key=lambda k: low.at(k, n - k) >= inner.accept + GUARD)
        return ordered[lower - 1] if lower else None, ordered[upper - 1] if upper <= n else None
