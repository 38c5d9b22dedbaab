# SPDX-License-Identifier: Apache-2.0
"""``gmm_v1``: a Gaussian mixture whose size and shape the data choose."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, InsufficientEvidence
from qmpt.metrics.population import PrincipalAxes
from qmpt.metrics.robust_covariance import trimmed_ledoit_wolf

__all__ = ["MixtureDensity"]

Array = NDArray[np.float64]
_CHOICE_ROWS: Final = 5000


@dataclass(slots=True)
class MixtureDensity:
    """Gaussian mixtures with full and diagonal covariances, of which the one of least BIC is kept.

    Rows are first reduced to min(d, n // 10, ``most_axes``) principal axes. A mixture with more free parameters than
    rows is not tried. A cluster of outliers can get a component of its own and hide there; ``trim`` leaves out that
    share of rows, those farthest from the centre by a trimmed covariance.

    Attributes:
        most_components: the largest number of components tried, at least 1.
        most_axes: the largest number of principal axes, at least 1.
        trim: share of rows left out of the fit, in [0, 0.5).
        reg_covar: added to the diagonals, in squared robust units, above 0.
        seed: of the starting values.

    Raises:
        ConfigError: where a field lies outside its range.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(200, 2))
        >>> MixtureDensity().fit(rows).chosen
        (1, 'diag')
    """

    name: ClassVar[str] = "gmm_v1"
    version: ClassVar[str] = "gmm_v1@1.0.0"

    most_components: int = 5
    most_axes: int = 32
    trim: float = 0.0
    reg_covar: float = 1e-3
    seed: int = 0
    _axes: PrincipalAxes = field(init=False, repr=False)
    _mixture: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if min(self.most_components, self.most_axes) < 1 or not 0.0 <= self.trim < 0.5 or not self.reg_covar > 0.0:
            raise ConfigError(
                f"most_components, most_axes, trim and reg_covar are {self.most_components}, {self.most_axes}, "
                f"{self.trim} and {self.reg_covar}; they must be at least 1, at least 1, in [0, 0.5) and above 0"
            )

    @property
    def chosen(self) -> tuple[int, str]:
        """Number of components and kind of covariance of the fitted mixture."""
        return int(self._mixture.n_components), str(self._mixture.covariance_type)

    def fit(self, rows: Array) -> MixtureDensity:
        """Choose and fit a mixture, rows of shape (n, d).

        Raises:
            InsufficientEvidence: where even one diagonal component has more parameters than there are rows.
        """
        self._axes = PrincipalAxes.fit(rows, max(1, min(rows.shape[1], len(rows) // 10, self.most_axes)))
        reduced = self._axes.project(rows)
        if self.trim:
            away = trimmed_ledoit_wolf(reduced).distances(reduced)
            reduced = reduced[away <= np.quantile(away, 1.0 - self.trim)]
        self._mixture = self._best(reduced)
        return self

    def score_samples(self, rows: Array) -> Array:
        """Log densities on the principal axes, shape (n,)."""
        scores: Array = self._mixture.score_samples(self._axes.project(rows))
        return scores

    def _best(self, rows: Array) -> Any:
        """The mixture of least BIC; among many rows the choice is made on a part, and then fitted to all."""
        n, d = rows.shape
        part = rows
        if n > _CHOICE_ROWS:
            part = rows[np.sort(np.random.default_rng(self.seed).choice(n, _CHOICE_ROWS, replace=False))]
        tried: list[tuple[float, Any]] = []
        for count in range(1, self.most_components + 1):
            for kind, spread in (("diag", d), ("full", d * (d + 1) // 2)):
                if count * (d + spread) + count - 1 <= len(part):
                    mixture = self._mix(part, count, kind)
                    tried.append((mixture.bic(part), mixture))
        if not tried:
            raise InsufficientEvidence(
                f"{n} rows cannot carry the {2 * d} parameters of one component; use hist_v1, or add rows"
            )
        best = min(tried, key=lambda one: one[0])[1]
        return best if part is rows else self._mix(rows, best.n_components, best.covariance_type)

    def _mix(self, rows: Array, count: int, kind: str) -> Any:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(count, covariance_type=kind, reg_covar=self.reg_covar, random_state=self.seed)
        with warnings.catch_warnings():
            # neither is about the data: the likelihood flattens out, or k-means meets repeated rows
            warnings.simplefilter("ignore", ConvergenceWarning)
            return mixture.fit(rows)
