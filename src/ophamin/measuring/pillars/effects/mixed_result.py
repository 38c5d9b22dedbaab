# SPDX-License-Identifier: Apache-2.0
"""What a fitted mixed model says: its coefficients with their tests, its variances, and how sure the fit itself is.

These are values. They are made by `mixed_model`; nothing is computed here beyond one t test and sums of variances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ophamin.errors import nearest_name
from ophamin.measuring.inference.special import student_t_ppf, student_t_sf
from ophamin.measuring.pillars.base import NotComputableError

__all__ = ["Coefficient", "MixedEffectsResult", "tested"]


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A fixed effect and its two-sided t test against 0.

    Attributes:
        name: of the column of the design.
        estimate: in units of the response per unit of the column.
        se: standard error.
        df: degrees of freedom; 0 or less where there are too few groups, and then the test is undefined.
        t: estimate / se, or None.
        p: p-value, or None.
        low: lower end of the interval, or None.
        high: upper end, or None.
    """

    name: str
    estimate: float
    se: float
    df: float
    t: float | None
    p: float | None
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {field: getattr(self, field) for field in self.__slots__}


def tested(name: str, estimate: float, se: float, df: float, confidence: float) -> Coefficient:
    """A coefficient with its t test.

    Example:
        >>> one = tested("Days", 10.46729, 1.5458, 17, 0.95)
        >>> round(one.t, 3), f"{one.p:.2e}", round(one.low, 2)
        (6.771, '3.26e-06', 7.21)
    """
    if not (df > 0 and se > 0.0 and math.isfinite(se)):
        return Coefficient(name, estimate, se, df, None, None, None, None)
    t = estimate / se
    half = student_t_ppf(0.5 + confidence / 2, df) * se
    return Coefficient(name, estimate, se, df, t, 2.0 * student_t_sf(abs(t), df), estimate - half, estimate + half)


@dataclass(frozen=True, slots=True)
class MixedEffectsResult:
    """A linear mixed model that converged.

    Attributes:
        coefficients: the fixed effects.
        random_names: the random effects, the intercept first.
        random_covariance: their covariance between groups, in units of the response squared.
        residual_variance: variance within groups.
        random_variance: variance that the random effects give a row, on average over the rows.
        method: ``REML`` or ``ML``.
        criterion: -2 log-likelihood, restricted under REML.
        n: rows.
        n_groups: groups.
        group_sizes: rows of the smallest and of the largest group.
        singular: whether the covariance of the random effects lies on its boundary (a variance of 0, or a
            correlation of 1), so that fewer random effects would say the same.
        warnings: what the library warned of.
        cross_check: whether generalized least squares at the estimated variances gives the same numbers.
        checks: what was compared.
    """

    coefficients: tuple[Coefficient, ...]
    random_names: tuple[str, ...]
    random_covariance: tuple[tuple[float, ...], ...]
    residual_variance: float
    random_variance: float
    method: str
    criterion: float
    n: int
    n_groups: int
    group_sizes: tuple[int, int]
    singular: bool
    warnings: tuple[str, ...]
    cross_check: str
    checks: Mapping[str, Any]

    @property
    def var_between(self) -> float:
        """Variance of the random intercept."""
        return self.random_covariance[0][0]

    @property
    def var_within(self) -> float:
        """Residual variance."""
        return self.residual_variance

    @property
    def total_variance(self) -> float:
        """Variance of a row around its fixed effects, on average over the rows."""
        return self.random_variance + self.residual_variance

    @property
    def icc(self) -> float:
        """Intraclass correlation: share of the variance that lies between groups.

        With random slopes it is averaged over the rows (Johnson, Methods in Ecology and Evolution 5, 2014).
        """
        return self.random_variance / self.total_variance

    def coefficient(self, name: str | None = None) -> Coefficient:
        """The coefficient of that name; by default the first that is no intercept, or the intercept where it is alone.

        Raises:
            NotComputableError: the model has none of that name.
        """
        by_name = {one.name: one for one in self.coefficients}
        if name is None:
            return next((one for one in self.coefficients if one.name != "Intercept"), self.coefficients[0])
        if name not in by_name:
            raise NotComputableError(f"the model has no coefficient {name!r}; {nearest_name(name, by_name)}")
        return by_name[name]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values, for the detail of a row of evidence."""
        told: dict[str, Any] = {
            "coefficients": [one.to_json() for one in self.coefficients],
            "random_effects": list(self.random_names),
            "random_covariance": [list(row) for row in self.random_covariance],
            "residual_variance": self.residual_variance,
            "icc": self.icc,
            "method": self.method,
            "criterion": self.criterion,
            "n": self.n,
            "groups": self.n_groups,
            "group_sizes": list(self.group_sizes),
            "converged": True,
            "singular": self.singular,
            "cross_check": dict(self.checks),
        }
        if self.warnings:
            told["fit_warnings"] = list(self.warnings)
        return told
