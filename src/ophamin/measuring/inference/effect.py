# SPDX-License-Identifier: Apache-2.0
"""Sequential test of a standardised effect: the mean of Gaussian units over their standard deviation.

Like the t test it sees t alone, so that no scale of the values matters. Its levels hold where units are Gaussian.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from ophamin.errors import ClaimError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.betting_process import ESTIMATE_NOTE
from ophamin.measuring.inference.crossing import last_excluded
from ophamin.measuring.inference.decision import JSON, Decision, smallest_deciding
from ophamin.measuring.inference.gaussian import TRatio, log_t_ratio
from ophamin.measuring.inference.process import Walk, decide_by_walk, ville
from ophamin.measuring.inference.rate_walk import is_positive
from ophamin.measuring.inference.values import finite_numbers, plain_mean, shown, spread

__all__ = ["EffectRatio", "EffectSprt"]

_FAR: Final = 64.0
"""Standard deviations; an effect beyond is not told apart from this one."""


class EffectRatio:
    """The likelihood ratio of t under an effect of ``alternative`` to one of ``null``, both in standard deviations.

    Example:
        >>> process = EffectRatio(0.5, 0.2)
        >>> for value in (0.9, 1.1, 1.4, 0.7):
        ...     process.update(value)
        >>> round(process.log_e, 3)
        0.876
    """

    __slots__ = ("_alternative", "_null", "log_e")

    def __init__(self, alternative: float, null: float) -> None:
        self._alternative, self._null = TRatio(0.0, alternative), TRatio(0.0, null)
        self.log_e = 0.0

    def update(self, value: float) -> None:
        """Take in one unit.

        Raises:
            ObservationError: where it is not a finite number, or too far out for its square to be formed.
        """
        self._alternative.update(value)
        self._null.update(value)
        self.log_e = self._alternative.log_e - self._null.log_e


@dataclass(frozen=True, slots=True)
class EffectSprt:
    """Sequential t test of a bar on the effect size: effects ``delta`` beyond the bar against the bar.

    Attributes:
        delta: distance from the bar at which a verdict is wanted soon, in standard deviations; it never touches the
            levels.
        batch: a look is taken after every so many units.
        cap: units beyond this number are not looked at; None for no cap.

    Source: Rushton, Biometrika 37 (1950); Perez-Ortiz, Lardy, de Heide and Grunwald, "E-statistics, group
    invariance and anytime-valid testing", Annals of Statistics 52 (2024).

    Raises:
        ClaimError: where delta is not a finite number above 0.

    Example:
        >>> decision = EffectSprt(0.5).decide([1.2, 0.8, 1.5, 1.1, 0.9] * 3, Bar(">=", 0.5))
        >>> decision.outcome, decision.n
        ('VALIDATED', 10)
    """

    delta: float
    batch: int = 1
    cap: int | None = None
    name: ClassVar[str] = "t_sprt"
    guarantee: ClassVar[str] = "model"

    def __post_init__(self) -> None:
        if not is_positive(self.delta):
            raise ClaimError(f"delta is {shown(self.delta)}; give a distance in standard deviations above 0, as 0.3")

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar.

        Raises:
            ClaimError: where the comparator is ``==``.
        """
        bar.require_direction(self.name)
        accept, reject = ville(bar)
        return Walk(
            EffectRatio(bar.value + self.delta, bar.value), EffectRatio(bar.value - self.delta, bar.value),
            accept=accept, reject=reject, every=self.batch, cap=self.cap,
        )  # fmt: skip

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Walk over the values in their order; the bounds invert the evidence up to the last value used.

        Raises:
            ObservationError: at the first value before the decision that is not a finite number.
            ClaimError: where the comparator is ``==``.
        """
        detail: dict[str, JSON] = {"delta": self.delta, "estimate_note": ESTIMATE_NOTE}
        return decide_by_walk(
            self, values, bar, estimate=_effect, detail=detail,
            low=lambda used: self._bound(used, bar.low_level, 1.0),
            high=lambda used: self._bound(used, bar.high_level, -1.0),
        )  # fmt: skip

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The n at which values with hardly any spread decide.

        >>> EffectSprt(0.5).smallest_n(Bar(">=", 0.0))
        (8, 8)
        """
        bar.require_direction(self.name)
        above = self._run(bar.value, 1.0, bar.low_level)
        below = self._run(bar.value, -1.0, bar.high_level)
        return (above, below) if bar.upward else (below, above)

    def _run(self, null: float, sign: float, level: float) -> int | None:
        def decides(n: int) -> bool:
            return self._log_e(n, sign, null, sign) >= -math.log(level)

        return 2 if decides(2) else smallest_deciding(decides, 2)

    def _log_e(self, n: int, z: float, null: float, sign: float) -> float:
        return log_t_ratio(n, z, null + sign * self.delta) - log_t_ratio(n, z, null)

    def _bound(self, used: Sequence[float], level: float, sign: float) -> float | None:
        """The effect at which the ratio stands at 1 / level; None where it stays below at every effect."""
        numbers, n = finite_numbers(used), len(used)
        if n < 2 or min(numbers) == max(numbers):
            return None
        largest = max(map(abs, numbers))
        scaled = [number / largest for number in numbers]
        z = math.fsum(scaled) / math.sqrt(n * math.fsum(number * number for number in scaled))

        def gap(effect: float) -> float:
            return self._log_e(n, z, effect, sign) + math.log(level)

        centre = z * math.sqrt((n - 1) / n / max(1e-300, 1.0 - z * z))
        far = centre - sign * _FAR
        return last_excluded(gap, far, centre) if gap(far) > 0.0 else None


def _effect(used: Sequence[float]) -> float | None:
    """Mean over standard deviation; None for one value or values that are all equal, where there is none."""
    numbers = finite_numbers(used)
    if len(numbers) < 2 or min(numbers) == max(numbers):
        return None
    mean = plain_mean(numbers)
    return mean / spread(numbers, mean)
