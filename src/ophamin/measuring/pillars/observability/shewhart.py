# SPDX-License-Identifier: Apache-2.0
"""Shewhart charts of measured values: single values with moving ranges, subgroup means with ranges or spreads.

Charts of counts are in `attribute_charts`, charts with a memory in `weighted_charts`.

Sources: Shewhart, Economic Control of Quality of Manufactured Product (1931); Montgomery, Introduction to Statistical
Quality Control, chapter 6.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.observability.charts import Chart, ControlChartResult, NotFittedError, number_table
from ophamin.measuring.pillars.observability.constants import ShewhartConstants, shewhart_constants
from ophamin.measuring.pillars.observability.rules import Frame
from ophamin.measuring.pillars.observability.run_length import normal_run_length

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["IndividualsChart", "XbarRChart", "XbarSChart", "individual_level"]


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What a reference gave: mean of the values, mean of their dispersions, sigma of a single value."""

    center: float
    dispersion: float
    sigma: float
    constants: ShewhartConstants


class _VariablesChart(Chart):
    """The half that the charts of measured values share."""

    _fitted: _Fitted | None = None

    @property
    def fitted(self) -> _Fitted:
        """The limits.

        Raises:
            NotFittedError: there are none yet.
        """
        if self._fitted is None:
            raise NotFittedError(f"{type(self).__name__} has no limits; call fit with a reference first")
        return self._fitted

    def run_length(self, result: ControlChartResult) -> float | None:
        """Mean number of points to a false alarm of the location chart; see `normal_run_length`."""
        return normal_run_length(self.rules, self.sigma_limit)


class IndividualsChart(_VariablesChart):
    """Single values against limits from their mean moving range.

    Values that depend on each other break it: with a lag-1 correlation r the limits lie at 3 sqrt(1 - r) standard
    deviations of the values, which at r = .6 gives .058 false alarms per point instead of .0027.

    Example:
        >>> chart = IndividualsChart().fit([10.0, 12.0, 11.0, 13.0, 12.0, 11.0])
        >>> result = chart.check([11.0, 19.0])
        >>> round(result.sigma, 4), result.out_of_control, result.classify(0)
        (1.2407, [1], 'common')
    """

    def fit(self, reference: Any) -> Self:
        """Limits from at least two values, shape (n,)."""
        values = number_table(reference, (None,), "the reference of single values")
        center, sigma = individual_level(values)
        constants = shewhart_constants(2, self.sigma_limit)
        self._fitted = _Fitted(center, sigma * constants.d2, sigma, constants)
        return self

    def check(self, values: Any) -> ControlChartResult:
        """Judge single values, shape (n,)."""
        fitted = self.fitted
        points = number_table(values, (None,), "single values")
        width = self.sigma_limit * fitted.sigma
        frame = Frame(fitted.center, fitted.sigma, fitted.center + width, fitted.center - width)
        return self.judged(points, frame, fitted.center, fitted.sigma, 1)

    def check_dispersion(self, values: Any) -> ControlChartResult | None:
        """Judge the moving ranges: point i is the range of the values i and i + 1; None for a single value."""
        import numpy as np

        fitted = self.fitted
        points = number_table(values, (None,), "single values")
        if len(points) < 2:
            return None
        mean, factors = fitted.dispersion, fitted.constants
        frame = Frame(mean, factors.d3 * fitted.sigma, factors.D4 * mean, factors.D3 * mean)
        return self.within_limits(np.abs(np.diff(points)), frame, fitted.sigma, 2)


class _SubgroupChart(_VariablesChart):
    """Means of subgroups against limits from the dispersion inside the subgroups."""

    dispersion_name: ClassVar[str]

    @abstractmethod
    def dispersions(self, table: Floats) -> Floats:
        """The dispersion of every row, shape (k,)."""

    @abstractmethod
    def factors(self, constants: ShewhartConstants) -> tuple[float, float, float]:
        """Mean dispersion in standard deviations, and the limits of a dispersion in mean dispersions."""

    def fit(self, reference: Any) -> Self:
        """Limits from subgroups of equal size, shape (k, n) with n from 2."""
        import numpy as np

        table = number_table(reference, (None, None), "the reference of subgroups")
        constants = shewhart_constants(_size(table), self.sigma_limit)
        with np.errstate(over="ignore", invalid="ignore"):
            center, dispersion = float(table.mean()), float(self.dispersions(table).mean())
            largest = float(np.ptp(table, axis=1).max())
        _require_spread(largest, center, dispersion)
        self._fitted = _Fitted(center, dispersion, dispersion / self.factors(constants)[0], constants)
        return self

    def check(self, values: Any) -> ControlChartResult:
        """Judge the means of subgroups of the size that was fitted, shape (k, n)."""
        fitted = self.fitted
        size = fitted.constants.n
        table = number_table(values, (None, size), "subgroups")
        of_mean = fitted.sigma / math.sqrt(size)
        width = self.sigma_limit * of_mean
        frame = Frame(fitted.center, of_mean, fitted.center + width, fitted.center - width)
        return self.judged(table.mean(axis=1), frame, fitted.center, fitted.sigma, size)

    def check_dispersion(self, values: Any) -> ControlChartResult:
        """Judge the dispersions inside the subgroups, shape (k, n)."""
        fitted = self.fitted
        size = fitted.constants.n
        table = number_table(values, (None, size), "subgroups")
        _, low, high = self.factors(fitted.constants)
        mean = fitted.dispersion
        frame = Frame(mean, (high - 1.0) * mean / self.sigma_limit, high * mean, low * mean)
        return self.within_limits(self.dispersions(table), frame, fitted.sigma, size)


class XbarRChart(_SubgroupChart):
    """Means of small subgroups against limits from their mean range.

    Example:
        >>> chart = XbarRChart().fit([[10.0, 12.0], [11.0, 13.0], [12.0, 10.0]])
        >>> result = chart.check([[11.0, 12.0], [18.0, 16.0]])
        >>> round(result.ucl, 3), result.out_of_control
        (15.093, [1])
    """

    dispersion_name = "range"

    def dispersions(self, table: Floats) -> Floats:
        """Largest minus smallest value of every row."""
        import numpy as np

        ranges: Floats = np.ptp(table, axis=1)
        return ranges

    def factors(self, constants: ShewhartConstants) -> tuple[float, float, float]:
        """d2, D3 and D4."""
        return constants.d2, constants.D3, constants.D4


class XbarSChart(_SubgroupChart):
    """Means of subgroups against limits from their mean standard deviation; better than ranges from about ten values.

    Example:
        >>> chart = XbarSChart().fit([[10.0, 12.0, 11.0], [11.0, 13.0, 12.0]])
        >>> round(chart.check([[11.0, 12.0, 13.0]]).sigma, 4)
        1.1284
    """

    dispersion_name = "standard deviation"

    def dispersions(self, table: Floats) -> Floats:
        """Standard deviation of every row, with n - 1 degrees of freedom."""
        spreads: Floats = table.std(axis=1, ddof=1)
        return spreads

    def factors(self, constants: ShewhartConstants) -> tuple[float, float, float]:
        """c4, B3 and B4."""
        return constants.c4, constants.B3, constants.B4


def individual_level(values: Floats) -> tuple[float, float]:
    """Mean of single values, and their standard deviation from the mean moving range.

    Raises:
        NotComputableError: there is one value, they do not vary, or they are too large.
    """
    import numpy as np

    if len(values) < 2:
        raise NotComputableError("the reference holds 1 value; a moving range needs two, and good limits 25")
    with np.errstate(over="ignore", invalid="ignore"):
        center, moving_range = float(values.mean()), float(np.abs(np.diff(values)).mean())
    _require_spread(moving_range, center, moving_range)
    return center, moving_range / shewhart_constants(2).d2


def _size(table: Floats) -> int:
    size = table.shape[1]
    if size < 2:
        raise NotComputableError("the subgroups hold 1 value; take an individuals chart")
    return int(size)


def _require_spread(largest: float, center: float, dispersion: float) -> None:
    if largest == 0.0 or dispersion == 0.0:
        raise NotComputableError("the reference does not vary, so that no limits follow from it; take a longer one")
    if not (math.isfinite(center) and math.isfinite(dispersion)):
        raise NotComputableError("the values of the reference are too large for their mean; scale them down")
