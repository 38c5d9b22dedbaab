# SPDX-License-Identifier: Apache-2.0
"""Control charts of counts: shares of nonconforming units (p) and numbers of events (c).

Their statistics are discrete and skewed, so that the run length to a false alarm is computed for the binomial or
Poisson distribution at hand and not taken from the normal one.

Source: Montgomery, Introduction to Statistical Quality Control, chapter 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.observability.charts import Chart, ControlChartResult, NotFittedError, number_table
from ophamin.measuring.pillars.observability.rules import Frame
from ophamin.measuring.pillars.observability.run_length import normal_run_length, rules_run_length

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["CChart", "PChart"]

_NORMAL_FROM: Final = 1e8
"""From this variance on a count is taken as normal, which changes the run length by less than one part in 1000."""


@dataclass(frozen=True, slots=True)
class _Level:
    center: float


class _CountsChart(Chart):
    """The half that the charts of counts share."""

    _level: _Level | None = None

    @property
    def center(self) -> float:
        """The centre line.

        Raises:
            NotFittedError: there is none yet.
        """
        if self._level is None:
            raise NotFittedError(f"{type(self).__name__} has no limits; call fit with a reference first")
        return self._level.center


class PChart(_CountsChart):
    """Shares of nonconforming units, in subgroups that may differ in size.

    Example:
        >>> chart = PChart().fit([[4, 50], [6, 50], [5, 50]])
        >>> result = chart.check([[5, 50], [14, 50]])
        >>> round(result.center, 3), round(result.ucl, 4), result.out_of_control
        (0.1, 0.2273, [1])
    """

    def fit(self, reference: Any) -> Self:
        """Limits from nonconforming units and units inspected, shape (k, 2)."""
        count, size = _counts_of(reference, "the reference of a p chart")
        center = float(count.sum() / size.sum())
        if not 0.0 < center < 1.0:
            raise NotComputableError(
                f"the share in the reference is {center:g}, so that no limits follow from it; take a longer reference"
            )
        self._level = _Level(center)
        return self

    def check(self, values: Any) -> ControlChartResult:
        """Judge shares, from nonconforming units and units inspected, shape (k, 2); limits follow each size."""
        center = self.center
        count, sizes = _counts_of(values, "subgroups of a p chart")
        size = int(sizes[0]) if (sizes == sizes[0]).all() else None
        frame = self._frame(sizes if size is None else size)
        return self.judged(count / sizes, frame, center, math.sqrt(center * (1.0 - center)), size)

    def run_length(self, result: ControlChartResult) -> float | None:
        """Mean number of points to a false alarm where all have one size, else None; for binomial counts."""
        import numpy as np

        if result.size is None:
            return None
        size, center = result.size, self.center
        variance = size * center * (1.0 - center)
        if variance > _NORMAL_FROM:
            return normal_run_length(self.rules, self.sigma_limit)
        from scipy.stats import binom

        counts = _support(size * center, variance, size)
        shares = np.asarray(binom.pmf(counts, size, center), dtype=np.float64)
        return rules_run_length(counts / size, shares, self._frame(size), self.rules)

    def _frame(self, size: int | Floats) -> Frame:
        import numpy as np

        center = self.center
        sigma: float | Floats = np.sqrt(center * (1.0 - center) / size)
        width = self.sigma_limit * sigma
        high, low = np.minimum(1.0, center + width), np.maximum(0.0, center - width)
        if isinstance(size, int):
            return Frame(center, float(sigma), float(high), float(low))
        return Frame(center, sigma, high, low)


class CChart(_CountsChart):
    """Numbers of events in equal stretches of time, text or area.

    Example:
        >>> chart = CChart().fit([4, 6, 5, 5])
        >>> result = chart.check([5, 12])
        >>> result.center, round(result.ucl, 3), result.lcl, result.out_of_control
        (5.0, 11.708, 0.0, [1])
    """

    def fit(self, reference: Any) -> Self:
        """Limits from counts, shape (k,)."""
        counts = _whole(number_table(reference, (None,), "the reference of a c chart"), "the reference of a c chart")
        center = float(counts.mean())
        if center == 0.0:
            raise NotComputableError(
                "the reference holds no event, so that no limits follow from it; take a longer one"
            )
        self._level = _Level(center)
        return self

    def check(self, values: Any) -> ControlChartResult:
        """Judge counts, shape (k,)."""
        counts = _whole(number_table(values, (None,), "counts"), "counts")
        return self.judged(counts, self._frame(), self.center, math.sqrt(self.center), 1)

    def run_length(self, result: ControlChartResult) -> float | None:
        """Mean number of points to a false alarm, for Poisson counts."""
        import numpy as np

        if self.center > _NORMAL_FROM:
            return normal_run_length(self.rules, self.sigma_limit)
        from scipy.stats import poisson

        counts = _support(self.center, self.center, None)
        shares = np.asarray(poisson.pmf(counts, self.center), dtype=np.float64)
        return rules_run_length(counts, shares, self._frame(), self.rules)

    def _frame(self) -> Frame:
        center = self.center
        sigma = math.sqrt(center)
        width = self.sigma_limit * sigma
        return Frame(center, sigma, center + width, max(0.0, center - width))


def _counts_of(values: Any, meaning: str) -> tuple[Floats, Floats]:
    """Nonconforming units and units inspected, each of shape (k,)."""
    table = _whole(number_table(values, (None, 2), meaning), meaning)
    count, size = table[:, 0], table[:, 1]
    if (size < 1).any() or (count > size).any():
        raise NotComputableError(f"{meaning}: a row counts more than it inspected, or inspected nothing")
    return count, size


def _whole(table: Floats, meaning: str) -> Floats:
    if (table < 0).any() or (table % 1 != 0).any():
        raise NotComputableError(f"{meaning}: a count is negative or no whole number")
    return table


def _support(mean: float, variance: float, most: int | None) -> Floats:
    """The counts that can happen: beyond these lies less than one part in 1e15."""
    import numpy as np

    reach = 12.0 * math.sqrt(variance) + 20.0
    high = math.ceil(mean + reach) if most is None else min(most, math.ceil(mean + reach))
    return np.arange(max(0, math.floor(mean - reach)), high + 1, dtype=np.float64)
