# SPDX-License-Identifier: Apache-2.0
"""What all control charts share: limits are fitted on a reference, then points are judged against them.

The two steps are two calls. Points judged on limits that they set themselves give too few signals: of ten points
none can lie beyond three of their own standard deviations.

Source: Montgomery, Introduction to Statistical Quality Control, on phase I and phase II.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ophamin.errors import ClaimError, OphaminError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.observability.rules import Frame, Rule, Violation, chosen_rules, find_signals

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["Chart", "ControlChartResult", "NotFittedError", "number_table", "positive"]


class NotFittedError(OphaminError, RuntimeError):
    """A chart was asked to judge points before it had limits."""


@dataclass(frozen=True, slots=True, eq=False)
class ControlChartResult:
    """Points and what a chart says of them.

    Attributes:
        center: the centre line.
        ucl: upper control limit; an array where it differs from point to point.
        lcl: lower control limit; likewise.
        sigma: estimated standard deviation of the process, in the units of the values.
        values: the points drawn, shape (n,).
        signals: rule -> the points that complete it, from 0.
        size: values or units behind every point; None where it differs.
    """

    center: float
    ucl: float | Floats
    lcl: float | Floats
    sigma: float
    values: Floats
    signals: Mapping[Rule, npt.NDArray[Any]]
    size: int | None = 1

    @property
    def out_of_control(self) -> list[int]:
        """Every point that completes a rule, from 0, rising."""
        import numpy as np

        points: list[int] = np.unique(np.concatenate([*self.signals.values(), np.empty(0, dtype=np.int64)])).tolist()
        return points

    @property
    def violations(self) -> list[Violation]:
        """Every rule with every point that completes it, in the order of the points; built anew each time."""
        return self.first_violations(None)

    def first_violations(self, count: int | None) -> list[Violation]:
        """The first ``count`` violations in the order of the points; None for all."""
        found = [
            Violation(rule.number, int(index), rule.description, rule.rule_set)
            for rule, indices in self.signals.items()
            for index in indices[:count]
        ]
        return sorted(found, key=lambda one: (one.index, one.rule_set, one.rule))[:count]

    def classify(self, index: int | None = None) -> str:
        """``special`` where a rule points to a special cause, else ``common``; of one point, or of them all."""
        found = self.out_of_control
        return "special" if (found if index is None else index in found) else "common"


class Chart(ABC):
    """Limits from a reference, and points judged against them.

    Args:
        sigma_limit: distance of the limits from the centre, in standard deviations of a point.
        rules: names of `RULE_SETS`.

    Raises:
        ClaimError: an argument lies outside its range.
    """

    def __init__(self, sigma_limit: float = 3.0, rules: str | Iterable[str] = "western_electric") -> None:
        self.sigma_limit = positive("sigma_limit", sigma_limit)
        self.rules = chosen_rules(rules)

    @abstractmethod
    def fit(self, reference: Any) -> Self:
        """Set the limits, which is phase I.

        Raises:
            NotComputableError: the reference has another shape, is too short, not finite, or does not vary.
        """

    @abstractmethod
    def check(self, values: Any) -> ControlChartResult:
        """Judge points against the limits, which is phase II.

        Raises:
            NotFittedError: there are no limits yet.
            NotComputableError: the values have another shape or are not finite.
        """

    def check_dispersion(self, values: Any) -> ControlChartResult | None:
        """Judge the spread of the same values by the limits alone; None where the chart has no second half."""
        return None

    @abstractmethod
    def run_length(self, result: ControlChartResult) -> float | None:
        """Mean number of points to a false alarm, at known limits and independent points.

        Args:
            result: of `check`, since the size of a subgroup can matter.

        Returns:
            In points; None where it is not known.
        """

    def judged(self, values: Floats, frame: Frame, center: float, sigma: float, size: int | None) -> ControlChartResult:
        """The result for points under the rules of this chart."""
        return ControlChartResult(
            center, frame.ucl, frame.lcl, sigma, values, find_signals(values, frame, self.rules), size
        )

    def within_limits(self, values: Floats, frame: Frame, sigma: float, size: int) -> ControlChartResult:
        """The result under the control limits alone: the runs rules suppose a symmetric statistic."""
        found = find_signals(values, frame, chosen_rules("shewhart"))
        return ControlChartResult(float(frame.center), frame.ucl, frame.lcl, sigma, values, found, size)


def number_table(values: Any, shape: tuple[int | None, ...], meaning: str) -> Floats:
    """Values as an array of that shape.

    Args:
        values: anything that numpy makes an array of numbers of.
        shape: the length of each axis; None for any length from 1.
        meaning: what the values are, for the message.

    Raises:
        NotComputableError: they have another shape, or hold a text or a number that is not finite.

    Example:
        >>> number_table([[1, 2], [3, 4]], (None, 2), "pairs").shape
        (2, 2)
    """
    import numpy as np

    try:
        array = np.asarray(values)
    except ValueError as error:
        raise NotComputableError(f"{meaning}: the rows differ in length; give a rectangular array") from error
    if array.dtype.kind not in "biuf":
        raise NotComputableError(f"{meaning}: the values are no numbers; give finite numbers alone")
    fits = array.ndim == len(shape) and all(
        have >= 1 if want is None else have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("n" if one is None else str(one) for one in shape)
        raise NotComputableError(f"{meaning}: the shape is {array.shape}; give ({wanted}{',' * (len(shape) == 1)})")
    floats = array.astype(np.float64)
    if not np.isfinite(floats).all():
        raise NotComputableError(f"{meaning}: a value is not finite; leave out what could not be measured")
    return floats


def positive(name: str, value: float) -> float:
    """The value as a float.

    Raises:
        ClaimError: it is no finite number above 0.

    Example:
        >>> positive("sigma_limit", 3)
        3.0
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < float("inf"):
        raise ClaimError(f"{name} is {value!r}; give a finite number above 0")
    return float(value)
