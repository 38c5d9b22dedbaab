# SPDX-License-Identifier: Apache-2.0
"""Whether stated probabilities fit what happened: the Brier score, its skill, and the expected calibration error.

Brier, Monthly Weather Review 78 (1950). The skill compares with the base rate of the same outcomes: a forecaster that
always states it has skill 0, so that only distinguishing cases counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

__all__ = ["LEAST_FORECASTS", "Calibration", "brier_score", "calibration", "expected_calibration_error"]

LEAST_FORECASTS: Final = 20
"""Forecasts below which no skill is given."""

_BOOTSTRAP: Final = 400


@dataclass(frozen=True, slots=True)
class Calibration:
    """How good stated probabilities were.

    Attributes:
        skill: 1 - Brier score / that of the base rate; at most 1, below 0 where worse than the base rate; None where
            undefined.
        interval: of the skill, 95 percent, by the bootstrap over forecasts; None where undefined.
        brier: mean squared error, in [0, 1]; None without a forecast.
        calibration_error: see `expected_calibration_error`; None without a forecast.
        base_rate: share of outcomes that came true; None without a forecast.
        n: forecasts.
        reason: why there is no skill; empty where there is one.
    """

    skill: float | None
    interval: tuple[float, float] | None
    brier: float | None
    calibration_error: float | None
    base_rate: float | None
    n: int
    reason: str = ""


def brier_score(probabilities: Sequence[float], outcomes: Sequence[bool]) -> float:
    """Mean squared distance of probabilities from outcomes, in [0, 1].

    Raises:
        DataError: no forecast, different lengths, a probability outside [0, 1], or an outcome that is not 0 or 1.

    Example:
        >>> brier_score([1.0, 0.5], [True, False])
        0.125
    """
    stated, happened = _checked(probabilities, outcomes)
    if not len(stated):
        raise DataError("0 forecasts have no Brier score; give at least 1")
    return float(((stated - happened) ** 2).mean())


def expected_calibration_error(probabilities: Sequence[float], outcomes: Sequence[bool], *, bins: int = 10) -> float:
    """Mean distance of stated from observed shares over equally wide classes of probability, weighted by their size.

    Naeini, Cooper and Hauskrecht (AAAI 2015). It is biased upwards for few forecasts per class.

    Args:
        probabilities: in [0, 1], at least one.
        outcomes: whether it happened.
        bins: classes, at least 1.

    Raises:
        DataError: as `brier_score`, or ``bins`` below 1.

    Example:
        >>> expected_calibration_error([0.9, 0.9, 0.9, 0.9], [True, True, False, False])
        0.4
    """
    import numpy as np

    if bins < 1:
        raise DataError(f"bins is {bins}; give at least 1")
    stated, happened = _checked(probabilities, outcomes)
    if not len(stated):
        raise DataError("0 forecasts have no calibration error; give at least 1")
    place = np.minimum((stated * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=stated, minlength=bins) - np.bincount(place, weights=happened, minlength=bins)
    return float(np.abs(gaps).sum() / len(stated))


def calibration(probabilities: Sequence[float], outcomes: Sequence[bool], *, seed: int = 0) -> Calibration:
    """Skill, calibration error and base rate of stated probabilities.

    Args:
        probabilities: in [0, 1].
        outcomes: whether it happened.
        seed: of the bootstrap.

    Raises:
        DataError: different lengths, a probability outside [0, 1], or an outcome that is not 0 or 1.

    Example:
        >>> found = calibration([0.9, 0.1] * 20, [True, False] * 20)
        >>> round(found.skill, 2), round(found.calibration_error, 2)
        (0.96, 0.1)
    """
    import numpy as np

    stated, happened = _checked(probabilities, outcomes)
    n = len(stated)
    if n == 0:
        return Calibration(None, None, None, None, None, 0, "no forecast was stated")
    rate = float(happened.mean())
    brier = brier_score(probabilities, outcomes)
    known = brier, expected_calibration_error(probabilities, outcomes), rate, n
    if n < LEAST_FORECASTS:
        return Calibration(None, None, *known, f"{n} forecasts; at least {LEAST_FORECASTS} are needed")
    if rate in (0.0, 1.0):
        return Calibration(None, None, *known, "all outcomes are alike, so that the base rate is already certain")
    low, high = np.quantile(_resampled_skills((stated - happened) ** 2, happened, seed), [0.025, 0.975])
    return Calibration(1.0 - brier / (rate * (1.0 - rate)), (float(low), float(high)), *known)


def _resampled_skills(errors: Vector, happened: Vector, seed: int) -> list[float]:
    """Skills of resampled forecasts; a resample whose outcomes are all alike has none and is left out."""
    import numpy as np

    rng = np.random.default_rng(seed)
    skills: list[float] = []
    for _ in range(_BOOTSTRAP):
        drawn = rng.integers(len(errors), size=len(errors))
        rate = float(happened[drawn].mean())
        if 0.0 < rate < 1.0:
            skills.append(1.0 - float(errors[drawn].mean()) / (rate * (1.0 - rate)))
    return skills


def _checked(probabilities: Sequence[Any], outcomes: Sequence[Any]) -> tuple[Vector, Vector]:
    import numpy as np

    if len(probabilities) != len(outcomes):
        raise DataError(f"{len(probabilities)} probabilities and {len(outcomes)} outcomes; give one outcome each")
    for stated in probabilities:
        if isinstance(stated, bool) or not isinstance(stated, int | float) or not 0.0 <= stated <= 1.0:
            raise DataError(f"a stated probability is {stated!r:.40}; give a number in [0, 1]")
    for outcome in outcomes:
        if not isinstance(outcome, bool | int | float) or math.isnan(outcome) or outcome not in (0, 1):
            raise DataError(f"an outcome is {outcome!r:.40}; give true or false")
    return np.array(probabilities, dtype=np.float64), np.array(outcomes, dtype=np.float64)
