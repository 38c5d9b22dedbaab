# SPDX-License-Identifier: Apache-2.0
"""The random-intercept model as an estimator over arrays, and the scaling of its features.

For a formula over the columns of a run see the pillar in `mixed`; both fit by `mixed_fit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.design import LARGEST, Design, codes_of, finite_column
from ophamin.measuring.pillars.effects.mixed_fit import fit_mixed
from ophamin.measuring.pillars.effects.mixed_result import MixedEffectsResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["RandomInterceptModel", "Scaled", "center_and_scale"]


@dataclass(frozen=True, slots=True)
class RandomInterceptModel:
    """A linear model with one random intercept per group.

    Attributes:
        reml: restricted maximum likelihood, which does not underestimate the variances; maximum likelihood if False.
        confidence: of the intervals.

    Example:
        >>> y = [1.1, 1.3, 1.0, 2.2, 2.1, 2.6, 1.7, 1.4, 1.6, 2.9, 3.0, 2.7]
        >>> groups = ["a"] * 3 + ["b"] * 3 + ["c"] * 3 + ["d"] * 3
        >>> result = RandomInterceptModel().fit(y, [0] * 6 + [1] * 6, groups, feature_names=["late"])
        >>> round(result.coefficient("late").estimate, 4), result.coefficient("late").df, round(result.icc, 2)
        (0.5, 2, 0.96)
    """

    reml: bool = True
    confidence: float = 0.95

    def fit(
        self,
        y: Sequence[float],
        X: Any,  # noqa: N803 - the name by which a matrix of features is known
        groups: Sequence[Any],
        fit_intercept: bool = True,
        feature_names: Sequence[str] | None = None,
    ) -> MixedEffectsResult:
        """Fit the model.

        Args:
            y: shape (n,), the response.
            X: shape (n,) or (n, features).
            groups: shape (n,), the group of each row.
            fit_intercept: whether the fixed effects have an intercept.
            feature_names: one per column of X; ``x0``, ``x1``, ... by default.

        Raises:
            NotComputableError: the rows do not allow it, or the fit did not converge; the message says why.
        """
        import numpy as np

        response = finite_column(np.ravel(y).tolist(), "y")
        matrix = _columns(X, "X")
        names = [f"x{at}" for at in range(matrix.shape[1])] if feature_names is None else list(feature_names)
        if not len(response) == len(matrix) == len(groups) or len(names) != matrix.shape[1]:
            raise NotComputableError(
                f"y has {len(response)} rows, X {len(matrix)} with {matrix.shape[1]} columns and {len(names)} names, "
                f"groups {len(groups)}; they must match"
            )
        ones = np.ones((len(response), 1))
        if fit_intercept:
            matrix, names = np.hstack([ones, matrix]), ["Intercept", *names]
        return fit_mixed(
            response,
            Design(matrix, tuple(names)),
            Design(ones, ("Intercept",)),
            codes_of(list(groups), "groups", ordered=False),
            reml=self.reml,
            confidence=self.confidence,
        )


class Scaled(NamedTuple):
    """Columns of mean 0 and standard deviation 1, with what brings them back: values * scale + center."""

    values: Matrix
    center: Matrix
    scale: Matrix


def center_and_scale(values: Any) -> Scaled:
    """Take the mean from each column and divide by its standard deviation (of the sample, n - 1).

    Args:
        values: shape (n,) or (n, columns).

    Returns:
        Values of shape (n, columns); center and scale of shape (columns,).

    Raises:
        NotComputableError: a column does not vary, so that its scale is undefined, or holds what is no number.

    Example:
        >>> center_and_scale([1.0, 2.0, 3.0]).values.ravel().tolist()
        [-1.0, 0.0, 1.0]
    """
    import numpy as np

    matrix = _columns(values, "the matrix")
    flat = np.flatnonzero(np.ptp(matrix, axis=0) == 0.0) if len(matrix) else np.arange(1)
    if len(flat):
        raise NotComputableError(f"column {int(flat[0])} does not vary, so that its scale is undefined; leave it out")
    center, scale = matrix.mean(axis=0), matrix.std(axis=0, ddof=1)
    return Scaled((matrix - center) / scale, center, scale)


def _columns(values: Any, name: str) -> Matrix:
    import numpy as np

    try:
        matrix: Matrix = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise NotComputableError(f"{name} is no table of numbers: {error}") from None
    matrix = matrix.reshape(len(matrix), -1) if matrix.size else matrix.reshape(0, 1)
    if not (np.abs(matrix) <= LARGEST).all():
        raise NotComputableError(f"{name} holds values that are not finite, or beyond {LARGEST:g}; leave them out")
    return matrix
