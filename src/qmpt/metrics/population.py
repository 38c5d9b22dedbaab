# SPDX-License-Identifier: Apache-2.0
"""The rows that the anomaly estimator takes: checked, put on a robust scale, and put into one order.

A population is a table of one row per pattern and one column per feature. What leaves this module is finite, has no
constant column, and does not depend on the order in which the rows came.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.data.values import LARGEST
from qmpt.errors import DataError, InsufficientEvidence

__all__ = [
    "FewPatternsWarning",
    "PrincipalAxes",
    "RobustStandardiser",
    "as_population",
    "as_rows",
    "canonical_order",
    "row_groups",
]

FEWEST: Final = 5
FEW: Final = 30
_FARTHEST: Final = 1e6
_LARGE: Final = 0.95
_ROUNDING: Final = 8 * float(np.finfo(float).eps)
_NORMAL_IQR: Final = 1.3489795003921634

Array = NDArray[np.float64]


class FewPatternsWarning(UserWarning):
    """The population is large enough for a number and too small for a reliable one."""


def as_population(values: Any) -> Array:
    """Check a table of patterns.

    Args:
        values: shape (n, d): one row per pattern, n at least 5; magnitudes up to 1e300.

    Returns:
        float64, shape (n, d).

    Raises:
        DataError: not a table of finite numbers.
        InsufficientEvidence: fewer than 5 rows.

    Warns:
        FewPatternsWarning: fewer than 30 rows.

    Example:
        >>> as_population([[1, 2]] * 40).shape
        (40, 2)
    """
    table = _finite(values)
    if len(table) and (table.ndim != 2 or table.shape[1] == 0):
        raise DataError(
            f"the population has the shape {table.shape}; give one row per pattern and one column a feature"
        )
    n = len(table)
    if n < FEWEST:
        raise InsufficientEvidence(
            f"the population has {n} patterns, and {FEWEST} are the fewest that can be compared; add patterns, or pool "
            "layers"
        )
    if n < FEW:
        message = (
            f"the population has {n} patterns; below {FEW} the scores say little: read the intervals, or add patterns"
        )
        warnings.warn(message, FewPatternsWarning, stacklevel=3)
    return table


def as_rows(values: Any, width: int) -> Array:
    """Check rows that are to be scored against a population of ``width`` features.

    Raises:
        DataError: another width, or not a table of finite numbers.

    Example:
        >>> as_rows([[1, 2]], 2)
        array([[1., 2.]])
    """
    table = _finite(values)
    if table.ndim != 2 or table.shape[1] != width:
        raise DataError(
            f"the rows have the shape {table.shape}, but the population had {width} features; "
            f"give shape (rows, {width}), from the same feature specification"
        )
    return table


def _finite(values: Any) -> Array:
    try:
        if np.ma.is_masked(values):
            raise TypeError
        given = np.asarray(values)
        if np.iscomplexobj(given):
            raise TypeError
        table = np.atleast_1d(given.astype(np.float64, copy=False))
    except (TypeError, ValueError, OverflowError):
        raise DataError(
            "the features are no table of real numbers; give rows of equal length of finite numbers, none masked"
        ) from None
    bad = ~(np.abs(table) <= LARGEST)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"the value at {place} is {table[place]} ({int(bad.sum())} of {table.size} are not finite or beyond "
            f"{LARGEST:g}); fill, drop or rescale them first"
        )
    return table


@dataclass(frozen=True, slots=True)
class RobustStandardiser:
    """Centres each column at its median and divides by IQR / 1.349, which is the standard deviation of a normal.

    Where more than half of a column is one value its IQR can be 0, or that of rounding; then the root mean square
    deviation takes the place of IQR / 1.349. Constant columns carry nothing and are dropped, and so are those whose
    values differ by rounding alone: by no more than 8 units in the last place of the largest. Standardised values are
    cut at +-1e6, so that squares stay finite.

    Attributes:
        center: medians of the kept columns, shape (k,).
        spread: their scales, above 0, shape (k,).
        kept: which columns are kept, shape (k,).
        dropped: which are constant, in ascending order.
        constants: the one value of each dropped column.

    Example:
        >>> known = RobustStandardiser.fit(np.array([[0.0, 7.0], [1.0, 7.0], [2.0, 7.0]]))
        >>> known.dropped, known.transform(np.array([[1.0, 7.0]])).tolist()
        ((1,), [[0.0]])
    """

    center: Array
    spread: Array
    kept: NDArray[np.intp]
    dropped: tuple[int, ...]
    constants: tuple[float, ...]

    @classmethod
    def fit(cls, table: Array) -> RobustStandardiser:
        """Read the columns of a checked population.

        Raises:
            DataError: where no column varies.
        """
        low, high = table.min(axis=0), table.max(axis=0)
        with np.errstate(over="ignore"):
            varies = high - low > _ROUNDING * np.maximum(np.abs(low), np.abs(high))
        kept = np.flatnonzero(varies)
        if kept.size == 0:
            raise DataError(
                f"none of the {table.shape[1]} features varies among {len(table)} patterns; nobody is unusual here: "
                "give features that differ"
            )
        columns = table[:, kept]
        low, center, high = np.quantile(columns, (0.25, 0.5, 0.75), axis=0)
        # Beside the larger ones of the values, but not beside a single far one, an IQR of rounding is as good as 0.
        within, large = high - low, np.quantile(np.abs(columns), _LARGE, axis=0)
        steady = within <= _ROUNDING * large
        spread = np.where(steady, _deviation(columns - center), within / _NORMAL_IQR)
        dropped = np.flatnonzero(~varies)
        return cls(
            center,
            np.maximum(spread, np.finfo(float).tiny),
            kept,
            tuple(int(i) for i in dropped),
            tuple(float(v) for v in table[0, dropped]),
        )

    def transform(self, table: Array) -> Array:
        """Rows in robust standard units, shape (n, k)."""
        with np.errstate(over="ignore"):
            return np.clip((table[:, self.kept] - self.center) / self.spread, -_FARTHEST, _FARTHEST)


def _deviation(away: Array) -> Array:
    """Root mean square of each column, shape (k,); the division keeps the squares of large values finite."""
    largest = np.abs(away).max(axis=0)
    root: Array = largest * np.sqrt(((away / largest) ** 2).mean(axis=0))
    return root


@dataclass(frozen=True, slots=True)
class PrincipalAxes:
    """A rotation onto the directions of largest variance, to fewer dimensions where ``limit`` asks for it.

    Values beyond +-10 robust units are cut before the directions are computed, so that one far row cannot turn them.

    Attributes:
        center: shape (d,).
        axes: orthonormal columns, shape (d, k), k at most ``limit``.

    Example:
        >>> PrincipalAxes.fit(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), 1).axes.round(3).tolist()
        [[0.707], [0.707]]
    """

    center: Array
    axes: Array

    @classmethod
    def fit(cls, rows: Array, limit: int) -> PrincipalAxes:
        """Find the first ``limit`` directions; each points to where its largest component is positive."""
        cut = np.clip(rows, -10.0, 10.0)
        center = cut.mean(axis=0)
        cut -= center
        directions: Array
        if cut.shape[1] <= len(cut):
            _, vectors = np.linalg.eigh(cut.T @ cut)
            directions = vectors[:, ::-1][:, :limit]
        else:
            directions = np.linalg.svd(cut, full_matrices=False)[2][:limit].T
        lead = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
        return cls(center, directions * np.where(lead < 0.0, -1.0, 1.0))

    def project(self, rows: Array) -> Array:
        """Coordinates on the axes, shape (n, k)."""
        return (rows - self.center) @ self.axes


def canonical_order(rows: Array) -> NDArray[np.intp]:
    """The order that sorts rows by first column, then second, and so on, whatever order they came in.

    Example:
        >>> canonical_order(np.array([[2.0, 0.0], [1.0, 5.0], [1.0, 3.0]])).tolist()
        [2, 1, 0]
    """
    order = np.argsort(rows[:, 0], kind="stable")
    first = rows[order, 0]
    if (first[1:] == first[:-1]).any():
        return np.lexsort(rows.T[::-1])
    return order


def row_groups(ordered: Array) -> NDArray[np.intp]:
    """Number runs of equal rows in canonical order, from 0.

    Example:
        >>> row_groups(np.array([[1.0], [1.0], [3.0]])).tolist()
        [0, 0, 1]
    """
    new = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.concatenate(([0], np.cumsum(new)))
