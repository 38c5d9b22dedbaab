# SPDX-License-Identifier: Apache-2.0
"""The fit of a linear mixed model with one grouping by statsmodels, and what is done around it.

Columns are made orthonormal, so that units do not decide over convergence. The search starts at the optimum of
`likelihood`, and a covariance that is singular there is fitted with the random effects that remain, because the
library cannot tell that boundary from a failure. Coefficients are tested by t with the degrees of freedom of the
level at which they vary, because Wald's z on few groups rejects far more often than it says. A fit that did not
converge is no result.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.agreement import cross_checked
from ophamin.measuring.pillars.effects.design import Codes, Design
from ophamin.measuring.pillars.effects.likelihood import GroupSums, Profile, best_factor, group_sums
from ophamin.measuring.pillars.effects.mixed_result import MixedEffectsResult, tested
from ophamin.measuring.pillars.effects.standardize import Standardized, standardize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["fit_mixed"]

_SECOND: Final = "generalized least squares on sums by group, at the library's variances"
_NO_NOISE: Final = 1e-24
_WAY_OUT: Final = "take a simpler model (no random slope, fewer terms) or more groups"


class _Fit(NamedTuple):
    """The library's answer, in standardized units.

    ``factor`` times its transpose is the covariance of the random effects in units of the residual variance;
    ``criterion`` is None where the library gives none of the kind wanted.
    """

    beta: Matrix
    covariance: Matrix
    factor: Matrix
    residual_variance: float
    criterion: float | None


def fit_mixed(
    y: Matrix, fixed: Design, random: Design, groups: Codes, *, reml: bool = True, confidence: float = 0.95
) -> MixedEffectsResult:
    """Fit a linear mixed model.

    Args:
        y: shape (n,), the response.
        fixed: design of the fixed effects.
        random: design of the random effects; a column of ones for the intercept, then slopes.
        groups: the group of each row.
        reml: restricted maximum likelihood, or maximum likelihood.
        confidence: of the intervals.

    Raises:
        NotComputableError: the rows do not allow it, or the fit did not converge; the message says why.
    """
    import numpy as np

    unit, sums = _prepared(y, fixed, random, groups)
    start = best_factor(sums, restricted=reml)
    fit, told = _by_statsmodels(unit, groups.codes, start, reml)
    optimum = sums.profile(start, restricted=reml)
    outcome, checks = _compared(fit, sums.profile(fit.factor, restricted=reml), optimum, len(y))
    beta, covariance = unit.fixed_effects(fit.beta, fit.covariance)
    psi = unit.random_covariance(fit.residual_variance * fit.factor @ fit.factor.T)
    criterion = optimum.criterion if fit.criterion is None else fit.criterion
    df = _degrees_of_freedom(fixed, random, groups, sums)
    sizes = np.bincount(groups.codes)
    return MixedEffectsResult(
        coefficients=tuple(
            tested(name, float(beta[at]), math.sqrt(covariance[at, at]), df[at], confidence)
            for at, name in enumerate(fixed.names)
        ),
        random_names=random.names,
        random_covariance=tuple(tuple(row) for row in psi.tolist()),
        residual_variance=fit.residual_variance * unit.scale**2,
        random_variance=float(np.sum(psi * (random.matrix.T @ random.matrix))) / len(y),
        method="REML" if reml else "ML",
        criterion=unit.criterion(criterion, restricted=reml),
        n=len(y),
        n_groups=len(groups.levels),
        group_sizes=(int(sizes.min()), int(sizes.max())),
        singular=start.shape[1] < random.matrix.shape[1],
        warnings=told,
        cross_check=outcome,
        checks=checks,
    )


def _prepared(y: Matrix, fixed: Design, random: Design, groups: Codes) -> tuple[Standardized, GroupSums]:
    """The columns made orthonormal, and their sums by group.

    Raises:
        NotComputableError: too few groups or rows, columns that are collinear, or rows without noise.
    """
    n, n_groups = len(y), len(groups.levels)
    if n_groups < 2:
        raise NotComputableError(f"{n_groups} group; a mixed model compares two or more")
    if n <= len(fixed.names):
        raise NotComputableError(f"{n} rows for {len(fixed.names)} coefficients; take more rows than coefficients")
    unit = standardize(y, fixed, random)
    sums = group_sums(unit.y, unit.x, unit.z, groups.codes, n_groups)
    if sums.within_df < 1:
        raise NotComputableError(
            f"{n} rows in {n_groups} groups leave no rows within groups to measure noise by; take more rows per group"
        )
    if not sums.noise > _NO_NOISE:
        raise NotComputableError("rows of a group do not vary around the model; without noise nothing can be tested")
    return unit, sums


def _by_statsmodels(
    unit: Standardized, codes: NDArray[np.intp], start: Matrix, reml: bool
) -> tuple[_Fit, tuple[str, ...]]:
    """The library's fit and what it warned of.

    Raises:
        NotComputableError: it failed or did not converge.
    """
    import numpy as np

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fit = _ordinary(unit, reml) if start.shape[1] == 0 else _mixed(unit, codes, start, reml)
        except np.linalg.LinAlgError as error:
            raise NotComputableError(f"statsmodels could not fit the model ({error}); {_WAY_OUT}") from error
    told = tuple(dict.fromkeys(str(one.message).strip() for one in caught))
    if fit is None:
        raise NotComputableError(f"the fit did not converge ({'; '.join(told)[:300]}); {_WAY_OUT}")
    return fit, told


def _ordinary(unit: Standardized, reml: bool) -> _Fit:
    """The model whose random effects are all 0: ordinary least squares."""
    import numpy as np
    from statsmodels.regression.linear_model import OLS

    answer = OLS(unit.y, unit.x).fit()
    share = 1.0 if reml else answer.df_resid / answer.nobs
    return _Fit(
        answer.params,
        answer.cov_params() * share,
        np.zeros((unit.z.shape[1], 0)),
        float(answer.scale) * share,
        None if reml else -2.0 * float(answer.llf),
    )


def _mixed(unit: Standardized, codes: NDArray[np.intp], start: Matrix, reml: bool) -> _Fit | None:
    """The mixed model with as many random effects as the starting factor has columns; None without convergence."""
    import numpy as np
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

    p, rank = unit.x.shape[1], start.shape[1]
    lengths = np.linalg.norm(start, axis=0)
    # A singular covariance is that of fewer random effects, in the directions that are left.
    directions = np.eye(rank) if rank == len(start) else start / lengths
    relative = start @ start.T if rank == len(start) else np.diag(lengths**2)
    begin = MixedLMParams.from_components(fe_params=np.zeros(p), cov_re=relative)
    answer = MixedLM(unit.y, unit.x, codes, exog_re=unit.z @ directions).fit(start_params=begin, reml=reml)
    if not answer.converged:
        return None
    values, vectors = np.linalg.eigh(np.asarray(answer.cov_re_unscaled))
    # The library's covariance lets the estimated variances correlate with the coefficients; the block of the
    # information matrix that belongs to the coefficients is X' V^-1 X, whose inverse is the covariance meant here.
    information = np.linalg.inv(np.asarray(answer.cov_params()))[:p, :p]
    return _Fit(
        np.asarray(answer.fe_params),
        np.linalg.inv(information),
        directions @ (vectors * np.sqrt(values.clip(min=0.0))),
        float(answer.scale),
        -2.0 * float(answer.llf),
    )


def _compared(fit: _Fit, own: Profile, optimum: Profile, n: int) -> tuple[str, dict[str, Any]]:
    """Whether the coefficients, their errors and the criterion come out again, and whether the optimum is one."""
    pairs: dict[str, tuple[float, float]] = {}
    scales: dict[str, float] = {}
    for at, (estimate, other) in enumerate(zip(fit.beta.tolist(), own.beta.tolist(), strict=True)):
        error, other_error = math.sqrt(fit.covariance[at, at]), math.sqrt(own.covariance[at, at])
        pairs[f"coefficient {at}"], scales[f"coefficient {at}"] = (estimate, other), error
        pairs[f"standard error {at}"] = (error, other_error)
    if fit.criterion is not None:
        pairs["criterion"] = (fit.criterion, own.criterion)
        pairs["criterion at its optimum"] = (fit.criterion, optimum.criterion)
        scales["criterion"] = scales["criterion at its optimum"] = float(n)
    return cross_checked(pairs, _SECOND, scales)


def _degrees_of_freedom(fixed: Design, random: Design, groups: Codes, sums: GroupSums) -> list[int]:
    """Degrees of freedom of each coefficient, by the level at which its column varies.

    A column that is, within each group, a multiple of a random effect's column is estimated from one number per
    group: groups less such columns. All others are estimated within groups: rows less what the random effects and
    these columns take. In a balanced design both are exact (Pinheiro and Bates, Mixed-Effects Models in S and
    S-PLUS, 2000, section 2.4.2).
    """
    import numpy as np

    n_groups = len(groups.levels)
    level = [
        next((at for at, z in enumerate(random.matrix.T) if _multiple(column, z, groups.codes, n_groups)), None)
        for column in fixed.matrix.T
    ]
    full = int(np.count_nonzero(sums.ranks == random.matrix.shape[1]))
    return [
        sums.within_df - level.count(None) if at is None else (full if at else n_groups) - level.count(at)
        for at in level
    ]


def _multiple(column: Matrix, z: Matrix, codes: NDArray[np.intp], n_groups: int) -> bool:
    """Whether a column is a multiple of another within each group."""
    import numpy as np

    square = np.bincount(codes, weights=z * z, minlength=n_groups)
    share = np.bincount(codes, weights=z * column, minlength=n_groups)
    share = np.divide(share, square, out=np.zeros_like(share), where=square > 0.0)
    rest = column - z * share[codes]
    return bool(np.sum(rest * rest) <= 1e-24 * np.sum(column * column))
