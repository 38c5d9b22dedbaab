# SPDX-License-Identifier: Apache-2.0
"""How the pillars of this room find the numbers of a run: which column, and as an array.

It reads a run; it computes nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ophamin.core.shapes import CycleResult
from ophamin.measuring.observations import Cycles
from ophamin.measuring.pillars.base import NotComputableError, complete_rows, numbers

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["Series", "number_array", "only_numeric_column", "read_series"]

_OF_EVERY_CYCLE: Final = frozenset({"success", "wall_time_s"})
_NUMBERS: Final = frozenset({bool, int, float})


class Series:
    """The numbers of one metric in the order of the run, with the labels of their rows where these are asked for.

    Attributes:
        metric: the key.
        values: shape (n,), finite.
        labels: one for each value; empty where none were asked for.
        left_out: rows that could not be measured or carry no value.
    """

    __slots__ = ("labels", "left_out", "metric", "values")

    def __init__(self, metric: str, values: Floats, labels: Sequence[Any], left_out: int) -> None:
        self.metric = metric
        self.values = values
        self.labels = labels
        self.left_out = left_out


def read_series(cycles: Sequence[CycleResult], metric: str | None, label: str | None = None) -> Series:
    """The numbers of a metric.

    Args:
        cycles: of the run.
        metric: the key; None for the only numeric column there is.
        label: a further key whose values are wanted for the same rows.

    Raises:
        NotComputableError: there is no such column, several could be meant, or it holds more than finite numbers.

    Example:
        >>> read_series([CycleResult(0, True, {"phi": 0.5}), CycleResult(1, True, {"phi": 0.25})], None).values
        array([0.5 , 0.25])
    """
    name = only_numeric_column(cycles, without=[] if label is None else [label]) if metric is None else metric
    columns, left_out = complete_rows(cycles, [name] if label is None else [name, label])
    return Series(name, number_array(columns[name], name), columns[label] if label is not None else (), left_out)


def only_numeric_column(cycles: Sequence[CycleResult], without: Iterable[str] = ()) -> str:
    """The key of the only column of numbers; what every cycle has, success and wall time, does not count.

    Raises:
        NotComputableError: there is none, or there are several.
    """
    told = {*_OF_EVERY_CYCLE, *without}
    found = sorted(name for name, kinds in _kinds(cycles).items() if kinds and kinds <= _NUMBERS and name not in told)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotComputableError("no column of the run holds numbers; name the metric, such as metric='success'")
    shown = ", ".join(found[:10]) + (", ..." if len(found) > 10 else "")
    raise NotComputableError(f"{len(found)} columns hold numbers ({shown}); name one with metric=")


def number_array(values: Sequence[Any], name: str) -> Floats:
    """Values as an array of floats, shape (n,).

    Raises:
        NotComputableError: one is a text, not finite, or too large for a float.

    Example:
        >>> number_array([True, 2, 0.5], "phi")
        array([1. , 2. , 0.5])
    """
    import numpy as np

    try:
        array = np.array(values if set(map(type, values)) <= _NUMBERS else numbers(values, name), dtype=np.float64)
        if not np.isfinite(array).all():
            numbers(values, name)  # it names the first value that is not
    except OverflowError as error:
        raise NotComputableError(f"{name!r} holds an integer that no float can hold; scale it down") from error
    return array


def _kinds(cycles: Sequence[CycleResult]) -> dict[str, set[type]]:
    """The types of the values under each key."""
    if isinstance(cycles, Cycles):
        columns: Mapping[str, Sequence[Any]] = cycles.table.columns
        return {name: set(map(type, values)) - {type(None)} for name, values in columns.items()}
    kinds: dict[str, set[type]] = {}
    for cycle in cycles:
        for name, value in cycle.raw.items():
            if value is not None:
                kinds.setdefault(name, set()).add(type(value))
    return kinds
