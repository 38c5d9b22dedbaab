# SPDX-License-Identifier: Apache-2.0
"""What the author of a pillar declares, checked: a formula of column names, a level, a whole number.

A formula is ``y ~ a + b``: names and nothing else. It is no language; nothing in it is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.inference.values import shown
from ophamin.measuring.pillars.base import complete_rows, numbers

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["Design", "Formula", "read_design", "require_count", "require_share"]

_NAME: Final = re.compile(r"[^\W\d][\w.]*")


@dataclass(frozen=True, slots=True)
class Formula:
    """A response and the features that predict it, all by column name.

    Attributes:
        response: the column that is predicted.
        features: the columns that predict it, at least one.

    Example:
        >>> Formula.parse("label ~ length + t1.gauge.phi").features
        ('length', 't1.gauge.phi')
    """

    response: str
    features: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Formula:
        """Read ``y ~ a + b``; a name starts with a letter or an underscore and may hold digits and dots.

        Raises:
            ClaimError: the text is not of that form, or names a column twice.
        """
        if not isinstance(text, str) or text.count("~") != 1:
            raise ClaimError(f"the formula is {shown(text)}; write 'response ~ feature + feature', with one '~'")
        left, right = text.split("~")
        response, *features = (part.strip() for part in (left, *right.split("+")))
        for name in (response, *features):
            if not _NAME.fullmatch(name):
                raise ClaimError(
                    f"the formula {shown(text)} has {shown(name)} where a column's name belongs; it takes names "
                    "joined by '+' alone, so compute other terms before they are observed"
                )
        if len({response, *features}) <= len(features):
            raise ClaimError(f"the formula {shown(text)} names a column twice; name each of them once")
        return cls(response, tuple(features))

    @property
    def columns(self) -> tuple[str, ...]:
        """The response, then the features."""
        return (self.response, *self.features)


@dataclass(frozen=True, slots=True)
class Design:
    """The rows of a run that carry every column of a formula.

    Attributes:
        features: numbers, shape (rows, features).
        response: one value per row, as observed.
        extra: the values of further columns, by name.
        left_out: rows that could not be measured or lack a column.
    """

    features: NDArray[float64]
    response: list[Any]
    extra: dict[str, list[Any]]
    left_out: int


def read_design(cycles: Sequence[CycleResult], formula: Formula, extra: Sequence[str] = ()) -> Design:
    """The columns of a formula, and some more, over the rows that carry them all.

    Raises:
        NotComputableError: no row carries a column, or a feature is a text or not finite.

    Example:
        >>> rows = [CycleResult(0, True, {"y": "a", "x": 1.0}), CycleResult(1, True, {"y": "b", "x": 2})]
        >>> read_design(rows, Formula.parse("y ~ x")).features.tolist()
        [[1.0], [2.0]]
    """
    import numpy as np

    columns, left_out = complete_rows(cycles, (*formula.columns, *extra))
    features = np.column_stack([numbers(columns[name], name) for name in formula.features])
    return Design(features, columns[formula.response], {name: columns[name] for name in extra}, left_out)


def require_share(name: str, value: object) -> float:
    """The value, where it is a number between 0 and 1, both excluded.

    Raises:
        ClaimError: it is not.

    Example:
        >>> require_share("confidence", 0.95)
        0.95
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < 1.0:
        raise ClaimError(f"{name} is {shown(value)}; it lies between 0 and 1, both excluded")
    return float(value)


def require_count(name: str, value: object, least: int) -> int:
    """The value, where it is a whole number of at least ``least``.

    Raises:
        ClaimError: it is not.

    Example:
        >>> require_count("k", 5, 2)
        5
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ClaimError(f"{name} is {shown(value)}; it is a whole number of at least {least}")
    return value
