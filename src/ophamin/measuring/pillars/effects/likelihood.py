# SPDX-License-Identifier: Apache-2.0
"""The profiled likelihood of a linear mixed model with one grouping, from one pass over the rows.

It finds where the fit starts, tells a variance on its boundary from an optimizer that failed, and recomputes what
the library reports. It holds sums by group, so that one evaluation does not depend on the number of rows.

The model is y = X beta + Z_g b_g + e with b_g ~ N(0, sigma^2 L L'), e ~ N(0, sigma^2). In coordinates in which the
columns of Z_g are orthonormal the weight of a group is (I + R L L' R')^-1, and what lies outside their span keeps
the weight 1, so that no large numbers are subtracted. Source of the profiling: Bates, Maechler, Bolker and Walker,
Journal of Statistical Software 67 (2015), section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["GroupSums", "Profile", "best_factor", "group_sums"]

_RANK: Final = 1e-10
_STARTS: Final = (1.0, 0.1)
_NOTHING: Final = 1e-7
"""A random effect that improves the criterion by less than this is none."""
_LARGEST: Final = 1e4
"""Largest ratio of a random slope's or intercept's standard deviation to the residual's that is searched."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What follows from one factor L.

    Attributes:
        criterion: -2 log-likelihood, restricted or not.
        beta: shape (p,).
        covariance: of beta, shape (p, p); inverse of X' V^-1 X.
        residual_variance: sigma^2.
    """

    criterion: float
    beta: Matrix
    covariance: Matrix
    residual_variance: float


@dataclass(frozen=True, slots=True)
class GroupSums:
    """What the likelihood needs of the rows.

    Attributes:
        n_rows: number of rows.
        within: shape (p + 1, p + 1), cross-products of [X y] outside the span of Z within groups.
        roots: shape (groups, q, q), R of each group.
        between: shape (groups, q, p + 1), coordinates of [X y] in the span of Z.
        ranks: shape (groups,), the rank of Z in each group.
    """

    n_rows: int
    within: Matrix
    roots: Matrix
    between: Matrix
    ranks: NDArray[np.intp]

    @property
    def within_df(self) -> int:
        """Rows less what the random effects take within the groups."""
        return self.n_rows - int(self.ranks.sum())

    @property
    def noise(self) -> float:
        """Mean square of the response that lies outside the span of X and Z within groups."""
        import numpy as np

        p = self.within.shape[0] - 1
        inside = np.linalg.pinv(self.within[:p, :p], hermitian=True)
        cross = self.within[:p, p]
        return float(self.within[p, p] - cross @ inside @ cross) / self.n_rows

    def profile(self, factor: Matrix, *, restricted: bool) -> Profile:
        """The criterion and the fixed effects at a factor L, shape (q, q).

        Raises:
            numpy.linalg.LinAlgError: the columns of X are collinear.
        """
        import numpy as np

        p = self.within.shape[0] - 1
        spread = self.roots @ factor
        lower = np.linalg.cholesky(np.eye(factor.shape[0]) + spread @ spread.transpose(0, 2, 1))
        weighted = np.linalg.solve(lower, self.between)
        total = self.within + np.tensordot(weighted, weighted, axes=([0, 1], [0, 1]))
        log_det = 2.0 * float(np.log(np.diagonal(lower, axis1=1, axis2=2)).sum())
        triangle = np.linalg.cholesky(total[:p, :p])
        projected = np.linalg.solve(triangle, total[:p, p])
        rest = max(float(total[p, p] - projected @ projected), 0.0)
        df = self.n_rows - p if restricted else self.n_rows
        variance = rest / df
        criterion = math.inf if variance <= 0.0 else df * (1.0 + math.log(2.0 * math.pi * variance)) + log_det
        if restricted:
            criterion += 2.0 * float(np.log(np.diagonal(triangle)).sum())
        inverse = np.linalg.inv(triangle)
        return Profile(criterion, inverse.T @ projected, variance * inverse.T @ inverse, variance)


def group_sums(y: Matrix, x: Matrix, z: Matrix, codes: NDArray[np.intp], n_groups: int) -> GroupSums:
    """Sums by group.

    Args:
        y: shape (n,).
        x: shape (n, p).
        z: shape (n, q), columns of about unit size.
        codes: shape (n,), the group of each row.
        n_groups: number of groups.
    """
    import numpy as np

    q, data = z.shape[1], np.column_stack([x, y])

    def by_group(values: Matrix) -> Matrix:
        sums: Matrix = np.bincount(codes, weights=values, minlength=n_groups)  # type: ignore[assignment] # the stub takes weighted sums for counts
        return sums

    zz = np.empty((n_groups, q, q))
    zd = np.empty((n_groups, q, data.shape[1]))
    for i in range(q):
        for j in range(i + 1):
            zz[:, i, j] = zz[:, j, i] = by_group(z[:, i] * z[:, j])
        for j in range(data.shape[1]):
            zd[:, i, j] = by_group(z[:, i] * data[:, j])
    values, vectors = np.linalg.eigh(zz)
    kept = values > _RANK * values.max(axis=1, keepdims=True).clip(min=_RANK)
    root = np.sqrt(np.where(kept, values, 0.0))
    shrink = np.divide(1.0, root, out=np.zeros_like(root), where=kept)
    between = shrink[:, :, None] * (vectors.transpose(0, 2, 1) @ zd)
    fitted = vectors @ (shrink[:, :, None] * between)
    residual = data
    for i in range(q):
        residual = residual - z[:, i, None] * fitted[codes, i]
    roots = root[:, :, None] * vectors.transpose(0, 2, 1)
    return GroupSums(len(y), residual.T @ residual, roots, between, kept.sum(axis=1))


def best_factor(sums: GroupSums, *, restricted: bool) -> Matrix:
    """The factor L with the smallest criterion.

    Returns:
        Shape (q, r). Its columns are orthogonal, in order of falling length. The rank r is below q where the best
        covariance of the random effects is singular, that is on the boundary of the parameter space.
    """
    import numpy as np

    factor, least = (_best_length if sums.roots.shape[1] == 1 else _best_triangle)(sums, restricted)
    directions, lengths, _ = np.linalg.svd(factor)
    for rank in range(len(lengths)):
        reduced: Matrix = directions[:, :rank] * lengths[:rank]
        if sums.profile(reduced, restricted=restricted).criterion <= least + _NOTHING:
            return reduced
    full: Matrix = directions * lengths
    return full


def _best_length(sums: GroupSums, restricted: bool) -> tuple[Matrix, float]:
    """The best factor of one random effect, by Brent's method over all lengths from 0 to infinity."""
    import numpy as np
    from scipy.optimize import minimize_scalar

    def factor(share: float) -> Matrix:
        return np.array([[share / (1.0 - share)]])

    found = minimize_scalar(
        lambda share: _criterion(sums, factor(share), restricted),
        bounds=(0.0, 1.0),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return factor(float(found.x)), float(found.fun)


def _best_triangle(sums: GroupSums, restricted: bool) -> tuple[Matrix, float]:
    """The best lower triangular factor; from two starts, because the criterion is flat where a length is 0."""
    import numpy as np
    from scipy.optimize import minimize

    q = sums.roots.shape[1]
    lower = np.tril_indices(q)
    diagonal = lower[0] == lower[1]

    def factor(entries: Matrix) -> Matrix:
        made = np.zeros((q, q))
        made[lower] = entries
        return made

    def criterion(entries: Matrix) -> float:
        return _criterion(sums, factor(entries), restricted)

    bounds = [(0.0 if on else -_LARGEST, _LARGEST) for on in diagonal.tolist()]
    found = [
        minimize(
            criterion,
            np.where(diagonal, start, 0.0),
            method="L-BFGS-B",
            bounds=bounds,
            options={"ftol": 1e-15, "gtol": 1e-9},
        )
        for start in _STARTS
    ]
    best = min(found, key=lambda one: float(one.fun))
    return factor(best.x), float(best.fun)


def _criterion(sums: GroupSums, factor: Matrix, restricted: bool) -> float:
    import numpy as np

    try:
        return sums.profile(factor, restricted=restricted).criterion
    except np.linalg.LinAlgError:
        return math.inf
