# SPDX-License-Identifier: Apache-2.0
"""Columns of a run as numbers: the codes of categories, and the design matrix of a formula.

Categories are coded against their first level (treatment coding), and a term takes as many columns as it adds to
the space of the terms before it, so that a formula does not make its own columns collinear. Names and order of the
columns are those of patsy: ``arm[T.b]``, ``arm[T.b]:dose``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ophamin.core.shapes import CycleResult
from ophamin.measuring.pillars.base import NotComputableError, complete_rows
from ophamin.measuring.pillars.effects.formula import Factor, Formula, Term

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LARGEST", "Codes", "Design", "codes_of", "design", "finite_column", "read_columns"]

MAX_COLUMNS: Final = 100
LARGEST: Final = 1e75
"""The fourth power of a larger number is none; no measurement comes near."""


@dataclass(frozen=True, slots=True)
class Codes:
    """A column of categories.

    Attributes:
        codes: shape (n,), integers; position of each row's category in ``levels``.
        levels: the categories.
    """

    codes: NDArray[np.intp]
    levels: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Design:
    """A design matrix.

    Attributes:
        matrix: shape (n, columns).
        names: one per column.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]


def read_columns(cycles: Sequence[CycleResult], names: Sequence[str]) -> tuple[dict[str, list[Any]], int]:
    """The values of several keys over the rows that carry them all; and how many rows were left out.

    Raises:
        NotComputableError: no row carries a key, or none carries all.

    Example:
        >>> read_columns([CycleResult(0, True, {"phi": 0.5}), CycleResult(1, True, {})], ["phi"])
        ({'phi': [0.5]}, 1)
    """
    columns, left_out = complete_rows(cycles, names)
    if not columns[names[0]]:
        raise NotComputableError(f"none of {left_out} rows carries all of {', '.join(names)}")
    return columns, left_out


def codes_of(values: Sequence[Any], name: str, *, ordered: bool = True) -> Codes:
    """Number the categories of a column.

    Args:
        values: one category per row: texts, numbers or truth values.
        name: of the column, for messages.
        ordered: sort the categories; otherwise they stay in order of first appearance.

    Raises:
        NotComputableError: a value is none of these, or texts and numbers are mixed where an order is wanted.

    Example:
        >>> codes_of(["b", "a", "b"], "arm").levels
        ('a', 'b')
    """
    import numpy as np

    try:
        levels: list[Any] = list(dict.fromkeys(values))
    except TypeError:
        raise NotComputableError(f"{name!r} holds lists; a category is a text, a number or a truth value") from None
    place = {level: at for at, level in enumerate(levels)}
    codes = np.fromiter(map(place.__getitem__, values), dtype=np.intp, count=len(values))
    if not ordered:
        return Codes(codes, tuple(levels))
    try:
        order = sorted(range(len(levels)), key=levels.__getitem__)
    except TypeError:
        raise NotComputableError(f"{name!r} holds texts and numbers together; give its categories one kind") from None
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return Codes(rank[codes], tuple(levels[at] for at in order))


def finite_column(values: Sequence[Any], name: str) -> NDArray[np.float64]:
    """A column of numbers.

    Returns:
        Shape (n,).

    Raises:
        NotComputableError: a value is a text, not finite, or beyond `LARGEST`.

    Example:
        >>> finite_column([True, 2, 0.5], "phi").tolist()
        [1.0, 2.0, 0.5]
    """
    import numpy as np

    if all(issubclass(kind, (bool, int, float)) for kind in set(map(type, values))):
        try:
            column = np.array(values, dtype=np.float64)
        except OverflowError:
            column = np.array([np.inf])
        if (np.abs(column) <= LARGEST).all():
            return column
    shown = next((value for value in values if not _is_usable(value)), None)
    raise NotComputableError(f"{name!r} holds {str(shown)[:40]!r}; it takes finite numbers alone, up to {LARGEST:g}")


def design(formula: Formula, columns: Mapping[str, Sequence[Any]]) -> Design:
    """The design matrix of the right-hand side of a formula.

    Args:
        formula: parsed.
        columns: name -> values, all of one length. A column of texts or truth values is taken as categories.

    Raises:
        NotComputableError: a category has one level, there are too many columns, or a column is unfit.

    Example:
        >>> from ophamin.measuring.pillars.effects.formula import parse_formula
        >>> made = design(parse_formula("phi ~ arm + dose"), {"arm": ["a", "b", "a"], "dose": [1, 2, 4]})
        >>> made.names, made.matrix[1].tolist()
        (('Intercept', 'arm[T.b]', 'dose'), [1.0, 1.0, 2.0])
    """
    import numpy as np

    n_rows = len(next(iter(columns.values()), ()))
    coded = {
        factor: _coded(factor, columns[factor.name])
        for factor in dict.fromkeys(factor for term in formula.terms for factor in term)
    }
    names: list[str] = []
    made: list[NDArray[np.float64]] = []
    for term, full in _plan(formula.terms, {factor for factor in coded if isinstance(coded[factor], Codes)}):
        choices = (_columns(factor, coded[factor], factor in full) for factor in reversed(term))
        for parts in product(*choices):  # the first factor of a term varies fastest
            names.append(":".join(label for label, _ in reversed(parts)) or "Intercept")
            made.append(_multiplied([values for _, values in parts], n_rows))
            if len(made) > MAX_COLUMNS:
                raise NotComputableError(_too_many(coded))
    return Design(np.column_stack(made), tuple(names))


Coded: TypeAlias = "Codes | NDArray[np.float64]"


def _coded(factor: Factor, values: Sequence[Any]) -> Coded:
    if not factor.categorical and not all(issubclass(kind, (str, bool)) for kind in set(map(type, values))):
        return finite_column(values, factor.name)
    codes = codes_of(values, factor.name)
    if len(codes.levels) < 2:
        raise NotComputableError(f"{factor.name!r} is {codes.levels[0]!r} in every row; a factor needs two categories")
    if len(codes.levels) > MAX_COLUMNS:
        raise NotComputableError(_too_many({factor: codes}))
    return codes


def _columns(factor: Factor, coded: Coded, full: bool) -> list[tuple[str, NDArray[np.float64]]]:
    """Named columns of one factor: itself, or an indicator for each category but the first."""
    import numpy as np

    if not isinstance(coded, Codes):
        return [(factor.label, coded)]
    mark = "" if full else "T."
    return [
        (f"{factor.label}[{mark}{level}]", (coded.codes == at).astype(np.float64))
        for at, level in enumerate(coded.levels)
        if full or at
    ]


def _multiplied(columns: Sequence[NDArray[np.float64]], n_rows: int) -> NDArray[np.float64]:
    import numpy as np

    column = columns[0] if columns else np.ones(n_rows)
    for other in columns[1:]:
        column = column * other
    return column


def _plan(terms: Sequence[Term], categorical: set[Factor]) -> Iterator[tuple[Term, frozenset[Factor]]]:
    """Products of factors to build, each with the factors that take a column for every category.

    Terms with the same numeric factors span spaces that may overlap. A term of categories a and b spans what the
    intercept, a, b and their interaction span; the parts that an earlier term spans already are left out.
    """
    buckets: dict[frozenset[Factor], list[Term]] = {frozenset(): []}
    for term in terms:
        buckets.setdefault(frozenset(term) - categorical, []).append(term)
    for bucket in buckets.values():
        spanned: set[frozenset[Factor]] = set()
        for term in sorted(bucket, key=len):
            categories = [factor for factor in term if factor in categorical]
            parts = [frozenset(part) for size in range(len(categories) + 1) for part in combinations(categories, size)]
            new = [part for part in parts if part not in spanned]
            spanned.update(new)
            for members, full in _merged(new):
                yield tuple(factor for factor in term if factor not in categorical or factor in members), full


def _merged(parts: Iterable[frozenset[Factor]]) -> list[tuple[frozenset[Factor], frozenset[Factor]]]:
    """Join a part with the one that has a factor more: together they are that factor without a left-out level."""
    found: list[tuple[frozenset[Factor], frozenset[Factor]]] = [(part, frozenset()) for part in parts]
    while True:
        pair = next(
            (
                (short, long)
                for short, long in combinations(range(len(found)), 2)
                if len(found[long][0]) == len(found[short][0]) + 1
                and found[short][0] < found[long][0]
                and found[short][1] == found[long][1]
            ),
            None,
        )
        if pair is None:
            return found
        short, long = pair
        members, full = found[long]
        found[long] = (members, full | (members - found[short][0]))
        del found[short]


def _too_many(coded: Mapping[Factor, Coded]) -> str:
    widths = {factor.label: len(codes.levels) for factor, codes in coded.items() if isinstance(codes, Codes)}
    most = max(widths, key=widths.__getitem__, default="")
    hint = f"; {most} has {widths[most]} categories: is it groups=?" if most else ""
    return f"the formula makes more than {MAX_COLUMNS} columns{hint}"


def _is_usable(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) and -LARGEST <= value <= LARGEST
