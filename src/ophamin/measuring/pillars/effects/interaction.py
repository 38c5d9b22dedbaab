# SPDX-License-Identifier: Apache-2.0
"""Whether the effect of one factor depends on another: two-way analysis of variance by least squares and F.

The table comes from statsmodels. The same sums of squares are computed a second time from the means of the cells.
Sums of squares are of type II or III (Yates, 1934; see Langsrud, Statistics and Computing 13, 2003); for the
interaction itself the two are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ophamin.measuring.inference.special import betainc
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.agreement import cross_checked
from ophamin.measuring.pillars.effects.design import Codes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["FTest", "Interaction", "two_way"]

_FORMULAS: Final = {2: "y ~ first * second", 3: "y ~ C(first, Sum) * C(second, Sum)"}


@dataclass(frozen=True, slots=True)
class FTest:
    """One line of an analysis of variance.

    Attributes:
        term: what is tested, such as ``supp:dose``.
        sum_of_squares: of the term.
        df: its degrees of freedom.
        f: the F statistic.
        p: its p-value.
        partial_eta_squared: share of the term in the sum of itself and the error, 0 to 1.
    """

    term: str
    sum_of_squares: float
    df: int
    f: float
    p: float
    partial_eta_squared: float

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {field: getattr(self, field) for field in self.__slots__}


@dataclass(frozen=True, slots=True)
class Interaction:
    """The analysis of variance of two factors.

    Attributes:
        tests: the two main effects and the interaction, in that order.
        residual_sum_of_squares: of the error.
        residual_df: its degrees of freedom.
        typ: type of the sums of squares, 2 or 3.
        cross_check: whether the means of the cells give the same table.
        checks: what was compared.
    """

    tests: tuple[FTest, FTest, FTest]
    residual_sum_of_squares: float
    residual_df: int
    typ: int
    cross_check: str
    checks: Mapping[str, Any]

    @property
    def interaction(self) -> FTest:
        """The line of the interaction."""
        return self.tests[2]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "tests": [one.to_json() for one in self.tests],
            "residual_sum_of_squares": self.residual_sum_of_squares,
            "residual_df": self.residual_df,
            "type": self.typ,
            "cross_check": dict(self.checks),
        }


def two_way(names: tuple[str, str], factors: tuple[Codes, Codes], outcome: Matrix, typ: int) -> Interaction:
    """The analysis of variance of an outcome by two factors and their interaction.

    Args:
        names: of the factors.
        factors: the category of each row.
        outcome: shape (n,).
        typ: 2 or 3.

    Raises:
        NotComputableError: an empty cell, a saturated design, no spread within cells, or another type.
    """
    import numpy as np
    import pandas as pd  # type: ignore[import-untyped]  # comes with statsmodels and ships no type information
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    if typ not in _FORMULAS:
        raise NotComputableError(f"the type of the sums of squares is {typ!r}; it is 2 or 3")
    centered = outcome - outcome.mean()  # the table is the same, and large means cost no digits
    cells = _cells(names, factors, centered)
    one, two = (pd.Categorical.from_codes(codes.codes, list(range(len(codes.levels)))) for codes in factors)
    frame = pd.DataFrame({"y": centered / cells.scale, "first": one, "second": two}, copy=False)
    table = anova_lm(ols(_FORMULAS[typ], frame).fit(), typ=typ)
    squares = table["sum_sq"].to_numpy()[-4:] * cells.scale**2
    fs, ps = table["F"].to_numpy()[-4:-1], table["PR(>F)"].to_numpy()[-4:-1]
    dfs = np.rint(table["df"].to_numpy()[-4:]).astype(int)
    own = cells.sums_of_squares(typ)
    terms = (*names, ":".join(names))
    compared: dict[str, tuple[float, float]] = {}
    for at, term in enumerate(terms):
        f = own[at] / dfs[at] / (cells.within / cells.df)
        compared[f"F {term}"] = (float(fs[at]), f)
        compared[f"p {term}"] = (float(ps[at]), f_tail(float(fs[at]), int(dfs[at]), cells.df))
    outcome_of_check, checks = cross_checked(
        compared, "sums of squares of the cell means, incomplete beta function", {f"F {term}": 1.0 for term in terms}
    )
    tests = []
    for at, term in enumerate(terms):
        square = float(squares[at])
        share = square / (square + float(squares[3]))
        tests.append(FTest(term, square, int(dfs[at]), float(fs[at]), float(ps[at]), share))
    return Interaction((tests[0], tests[1], tests[2]), float(squares[3]), int(dfs[3]), typ, outcome_of_check, checks)


def f_tail(f: float, df: float, residual_df: float) -> float:
    """P(F >= f) for an F distribution.

    Example:
        >>> round(f_tail(4.107, 2, 54), 5)
        0.02186
    """
    explained, rest = df * max(f, 0.0), residual_df
    if f < 0.5:  # the share of the error is near 1 and has lost digits; the tail is large, so that 1 - x has not
        return 1.0 - betainc(0.5 * df, 0.5 * residual_df, explained / (explained + rest))
    return betainc(0.5 * residual_df, 0.5 * df, rest / (explained + rest))


@dataclass(frozen=True, slots=True)
class _Cells:
    """Number and mean of the outcome in each cell of two factors, in row-major order."""

    shape: tuple[int, int]
    counts: Matrix
    means: Matrix
    within: float
    df: int

    @property
    def scale(self) -> float:
        """Standard deviation within cells."""
        return float((self.within / self.df) ** 0.5)

    def sums_of_squares(self, typ: int) -> tuple[float, float, float]:
        """Of the first factor, the second, and their interaction: how far the fit moves when the term is left out."""
        import numpy as np

        first, second = (_effects(size) for size in self.shape)
        one = np.repeat(first, self.shape[1], axis=0)
        two = np.tile(second, (self.shape[0], 1))
        both = (one[:, :, None] * two[:, None, :]).reshape(len(one), -1)
        additive = self._fit(one, two)
        if typ == 2:
            pairs = ((additive, self._fit(two)), (additive, self._fit(one)))
        else:
            pairs = ((self.means, self._fit(two, both)), (self.means, self._fit(one, both)))
        moved = [large - small for large, small in (*pairs, (self.means, additive))]
        squares = [float(np.sum(self.counts * move * move)) for move in moved]
        return squares[0], squares[1], squares[2]

    def _fit(self, *columns: Matrix) -> Matrix:
        import numpy as np

        matrix = np.column_stack([np.ones(len(self.means)), *columns])
        weight = np.sqrt(self.counts)
        fit: Matrix = matrix @ np.linalg.lstsq(matrix * weight[:, None], self.means * weight, rcond=None)[0]
        return fit


def _effects(size: int) -> Matrix:
    """Columns for the levels of a factor that sum to 0 (deviation coding), shape (size, size - 1)."""
    import numpy as np

    return np.vstack([np.eye(size - 1), -np.ones((1, size - 1))])


def _cells(names: tuple[str, str], factors: tuple[Codes, Codes], outcome: Matrix) -> _Cells:
    """Sort the rows into cells.

    Raises:
        NotComputableError: an empty cell, a saturated design, or no spread within cells.
    """
    import numpy as np

    one, two = factors
    shape = len(one.levels), len(two.levels)
    at = one.codes * shape[1] + two.codes
    counts = np.bincount(at, minlength=shape[0] * shape[1]).astype(np.float64)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        i, j = divmod(int(empty[0]), shape[1])
        raise NotComputableError(
            f"no row has {names[0]} = {one.levels[i]!r} and {names[1]} = {two.levels[j]!r}; an interaction "
            "needs rows in every cell"
        )
    df = len(outcome) - len(counts)
    if df < 1:
        raise NotComputableError(
            f"the design is saturated: {len(outcome)} rows for {len(counts)} cells leave nothing for the error; "
            "take several rows per cell"
        )
    means = np.bincount(at, weights=outcome) / counts
    rest = outcome - means[at]
    within = float(rest @ rest)
    if not within > 1e-26 * float(outcome @ outcome):
        raise NotComputableError(
            "the outcome does not vary within any cell; without noise there is nothing to test against"
        )
    return _Cells(shape, counts, means, within, df)
