# SPDX-License-Identifier: Apache-2.0
"""The columns of a mixed model made orthonormal, and its answer brought back to the units of the user.

The model does not change: the coefficients and the random effects are only written in other coordinates. What changes
is that convergence and rounding do not depend on whether a time is given in seconds or in nanoseconds, nor on how far
a column lies from 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.design import Design

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["Standardized", "standardize"]

_COLLINEAR: Final = 1e-9
"""Share of a column's length that must lie outside the span of the columns before it."""
_EXACT: Final = 1e-13
"""Residuals below this share of the response are rounding."""


@dataclass(frozen=True, slots=True)
class Standardized:
    """Orthonormal columns, with what brings estimates back.

    Attributes:
        y: shape (n,); residuals of ordinary least squares, divided by ``scale``.
        x: shape (n, p); the fixed design @ ``x_back``, orthogonal columns of unit size.
        z: shape (n, q); the random design @ ``z_back``, orthogonal columns of unit size.
        scale: standard deviation of the residuals.
        least_squares: shape (p,); coefficients of ordinary least squares.
        x_back: shape (p, p).
        z_back: shape (q, q).
    """

    y: Matrix
    x: Matrix
    z: Matrix
    scale: float
    least_squares: Matrix
    x_back: Matrix
    z_back: Matrix

    def fixed_effects(self, beta: Matrix, covariance: Matrix) -> tuple[Matrix, Matrix]:
        """Coefficients and their covariance in the units of the user."""
        back = self.scale * self.x_back
        return self.least_squares + back @ beta, back @ covariance @ back.T

    def random_covariance(self, covariance: Matrix) -> Matrix:
        """Covariance of the random effects in the units of the user."""
        back = self.scale * self.z_back
        return back @ covariance @ back.T

    def criterion(self, value: float, *, restricted: bool) -> float:
        """-2 log-likelihood of the response as it was given."""
        import numpy as np

        df = len(self.x) - (len(self.x_back) if restricted else 0)
        moved = value + 2.0 * df * math.log(self.scale)
        return moved - 2.0 * float(np.linalg.slogdet(self.x_back)[1]) if restricted else moved


def standardize(y: Matrix, fixed: Design, random: Design) -> Standardized:
    """Make the columns orthonormal.

    Args:
        y: shape (n,), the response.
        fixed: design of the fixed effects.
        random: design of the random effects.

    Raises:
        NotComputableError: the response does not vary around the fixed effects, or a column is a combination of others.
    """
    import numpy as np

    x, x_back = _orthonormal(fixed)
    z, z_back = _orthonormal(random)
    projected = x.T @ y / len(y)
    residuals = y - x @ projected
    scale = float(np.sqrt(np.mean(residuals * residuals)))
    if not scale > _EXACT * float(np.abs(y).max()):
        shown = (
            f"the response is {float(y[0])!r} in every row" if np.ptp(y) == 0.0 else "the fixed effects fit every row"
        )
        raise NotComputableError(f"{shown}; without noise there is nothing to test against")
    return Standardized(residuals / scale, x, z, scale, x_back @ projected, x_back, z_back)


def _orthonormal(design: Design) -> tuple[Matrix, Matrix]:
    """Columns of unit mean square that span the same space, and the matrix that makes them.

    Raises:
        NotComputableError: a column is 0 or a combination of those before it.
    """
    import numpy as np

    root = math.sqrt(len(design.matrix))
    unit, triangle = np.linalg.qr(design.matrix)
    lengths = np.linalg.norm(design.matrix, axis=0)
    outside = np.abs(np.diagonal(triangle))
    for at, name in enumerate(design.names):
        if not outside[at] > _COLLINEAR * lengths[at]:
            raise NotComputableError(
                f"{name!r} is a combination of the columns before it ({', '.join(design.names[:at]) or 'none'}), so "
                "that their effects cannot be told apart; leave one out"
            )
    return unit * root, np.linalg.inv(triangle) * root
