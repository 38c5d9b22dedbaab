# SPDX-License-Identifier: Apache-2.0
"""Putting rarity, distance and impact on one scale, so that their weights mean the same.

The three terms come in different units (nats, standard deviations, a centrality). Each is rescaled by constants of the
reference population, and those constants are kept, so that a pattern scored later meets the same scale.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, nearest_name
from qmpt.metrics.anomaly_settings import Normalisation

__all__ = ["Scale", "fit_scale"]

Array = NDArray[np.float64]

_NORMAL_MAD: Final = 1.482602218505602
_NORMAL_MEAN_DEVIATION: Final = 0.7978845608028654
_ROUNDING: Final = 1e-9
_LEAST: Final = 1e-150
_FARTHEST: Final = 1e100


@dataclass(frozen=True, slots=True)
class Scale:
    """How one term is rescaled, with the constants that do it.

    Attributes:
        mode: ``robust_z`` (v - median) / (1.4826 MAD); ``z`` (v - mean) / standard deviation; ``tail`` minus the log of
            the share of the reference that is at least as large; ``none`` the value itself.
        center: what is subtracted.
        spread: what it is divided by, above 0.
        basis: what the spread is: ``mad``, ``mean deviation`` (more than half of the reference is one value),
            ``standard deviation``, ``constant`` (the reference does not vary; then the spread is 1) or ``none``.
        reference: the sorted reference, for ``tail`` only.
    """

    mode: str
    center: float
    spread: float
    basis: str
    reference: Array = field(default_factory=lambda: np.empty(0), repr=False)

    def apply(self, values: Array) -> Array:
        """Rescale values, shape (n,); non-decreasing in each value, and cut at +-1e100 so that sums stay finite."""
        if self.mode == "tail":
            n = len(self.reference)
            at_least = n - np.searchsorted(self.reference, values, side="left")
            tail: Array = np.log(n + 1.0) - np.log(at_least + 1.0)
            return tail
        with np.errstate(over="ignore"):
            return np.clip((values - self.center) / self.spread, -_FARTHEST, _FARTHEST)


def fit_scale(values: Array, mode: str = "robust_z") -> Scale:
    """Read the constants of a scale from the reference population.

    Args:
        values: one term of the reference, finite, shape (n,).
        mode: one of ``robust_z``, ``z``, ``tail``, ``none``.

    Raises:
        ConfigError: an unknown mode.

    Example:
        >>> fit_scale(np.array([1.0, 2.0, 3.0, 4.0, 100.0])).apply(np.array([3.0])).tolist()
        [0.0]
    """
    if mode == "robust_z":
        center = float(np.median(values))
        return Scale(mode, center, *_robust_spread(values, center))
    if mode == "z":
        center, spread = float(values.mean()), float(values.std())
        return Scale(
            mode, center, *((spread, "standard deviation") if spread > _rounding(values) else (1.0, "constant"))
        )
    if mode == "tail":
        return Scale(mode, 0.0, 1.0, "none", np.sort(values))
    if mode == "none":
        return Scale(mode, 0.0, 1.0, "none")
    raise ConfigError(f"normalise is {mode!r}; {nearest_name(str(mode), get_args(Normalisation))}")


def _rounding(values: Array) -> float:
    return max(_ROUNDING * float(np.median(np.abs(values))), _LEAST)


def _robust_spread(values: Array, center: float) -> tuple[float, str]:
    away, least = np.abs(values - center), _rounding(values)
    for spread, basis in (
        (_NORMAL_MAD * float(np.median(away)), "mad"),
        (float(away.mean()) / _NORMAL_MEAN_DEVIATION, "mean deviation"),
    ):
        if spread > least:
            return spread, basis
    return 1.0, "constant"
