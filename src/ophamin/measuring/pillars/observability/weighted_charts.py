# SPDX-License-Identifier: Apache-2.0
"""Control charts with a memory: EWMA and CUSUM, which find small lasting shifts sooner than single points do.

They judge single values in order. Their statistic depends on its own past, so that no runs rules apply to it.

Sources: Roberts, Technometrics 1 (1959); Page, Biometrika 41 (1954); Montgomery, Introduction to Statistical Quality
Control, chapter 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.observability.charts import (
    Chart,
    ControlChartResult,
    NotFittedError,
    number_table,
    positive,
)
from ophamin.measuring.pillars.observability.rules import Frame
from ophamin.measuring.pillars.observability.run_length import cusum_run_length, ewma_run_length
from ophamin.measuring.pillars.observability.shewhart import individual_level

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["CusumChart", "EwmaChart", "moving_average"]

_FORGOTTEN: Final = 1e-18


@dataclass(frozen=True, slots=True)
class _Level:
    center: float
    sigma: float


class _WeightedChart(Chart):
    """The half that the charts with a memory share."""

    _level: _Level | None = None

    @property
    def level(self) -> _Level:
        """Centre and sigma of single values.

        Raises:
            NotFittedError: there is none yet.
        """
        if self._level is None:
            raise NotFittedError(f"{type(self).__name__} has no limits; call fit with a reference first")
        return self._level

    def fit(self, reference: Any) -> Self:
        """Centre and sigma from at least two single values, shape (n,)."""
        self._level = _Level(*individual_level(number_table(reference, (None,), "the reference of single values")))
        return self


class EwmaChart(_WeightedChart):
    """An exponentially weighted moving average against limits from its exact variance.

    Args:
        weight: of the newest value, in (0, 1].
        sigma_limit: distance of the limits, in standard deviations of the average.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> chart = EwmaChart().fit([10.0, 12.0, 11.0, 13.0, 12.0, 11.0])
        >>> chart.check([11.0, 12.0, 14.0, 14.0, 15.0]).out_of_control
        [4]
    """

    def __init__(self, weight: float = 0.2, sigma_limit: float = 3.0) -> None:
        super().__init__(sigma_limit, "shewhart")
        self.weight = positive("weight", weight)
        if self.weight > 1.0:
            raise ClaimError(f"weight is {weight!r}; the weight of the newest value lies above 0 and at most at 1")

    def check(self, values: Any) -> ControlChartResult:
        """Judge the average after each value, which starts at the centre; shape (n,)."""
        import numpy as np

        level = self.level
        points = number_table(values, (None,), "single values")
        average = level.center + moving_average(points - level.center, self.weight)
        after = np.arange(1, len(points) + 1, dtype=np.float64)
        share = self.weight / (2.0 - self.weight)
        kept = 0.0 if self.weight == 1.0 else np.exp(2.0 * after * np.log1p(-self.weight))
        sigma: Floats = level.sigma * np.sqrt(share * (1.0 - kept)) + np.zeros(len(points))
        width = self.sigma_limit * sigma
        frame = Frame(level.center, sigma, level.center + width, level.center - width)
        return self.judged(average, frame, level.center, level.sigma, 1)

    def run_length(self, result: ControlChartResult) -> float | None:
        """Mean number of values to a false alarm; see `ewma_run_length`."""
        return ewma_run_length(self.weight, self.sigma_limit)


class CusumChart(_WeightedChart):
    """Two one-sided cumulative sums against a decision interval.

    The points are in sigmas: the larger of the two sums, negative where it is the lower one. The sums go on after a
    signal.

    Args:
        reference_value: what a value must deviate by to add to a sum, in sigmas; half the shift to be found.
        decision_interval: the sum beyond which the process has shifted, in sigmas.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> chart = CusumChart().fit([10.0, 12.0, 11.0, 13.0, 12.0, 11.0])
        >>> chart.check([11.0, 14.0, 14.0, 15.0, 14.0]).out_of_control
        [3, 4]
    """

    def __init__(self, reference_value: float = 0.5, decision_interval: float = 5.0) -> None:
        super().__init__(positive("decision_interval", decision_interval), "shewhart")
        self.reference_value = positive("reference_value", reference_value)

    def check(self, values: Any) -> ControlChartResult:
        """Judge the sums after each value, shape (n,)."""
        import numpy as np

        level = self.level
        z = (number_table(values, (None,), "single values") - level.center) / level.sigma
        upper, lower = _sums(z - self.reference_value), _sums(-z - self.reference_value)
        frame = Frame(0.0, 1.0, self.sigma_limit, -self.sigma_limit)
        return self.judged(np.where(upper >= lower, upper, -lower), frame, 0.0, level.sigma, 1)

    def run_length(self, result: ControlChartResult) -> float | None:
        """Mean number of values to a false alarm; see `cusum_run_length`."""
        return cusum_run_length(self.reference_value, self.sigma_limit)


def moving_average(values: Floats, weight: float) -> Floats:
    """Exponentially weighted moving averages of values, from 0.

    Windows that double give all averages in a few passes over the array: an average over the last 2 s values is that
    over the last s, and the one s values before it, weighted down.

    Args:
        values: shape (n,).
        weight: of the newest value, in (0, 1].

    Example:
        >>> import numpy as np
        >>> moving_average(np.array([1.0, 1.0, 0.0]), 0.5)
        array([0.5  , 0.75 , 0.375])
    """
    averages = weight * values
    step, fade = 1, 1.0 - weight
    while step < len(values) and fade > _FORGOTTEN:
        averages[step:] += fade * averages[:-step]
        step, fade = 2 * step, fade * fade
    return averages


def _sums(steps: Floats) -> Floats:
    """Sums that never fall below zero: the running total above its own lowest point so far, or above zero."""
    import numpy as np

    total = np.cumsum(steps)
    sums: Floats = total - np.minimum(np.minimum.accumulate(total), 0.0)
    return sums
