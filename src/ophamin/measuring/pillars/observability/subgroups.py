# SPDX-License-Identifier: Apache-2.0
"""From the values of a run to the samples of a control chart: which rows make one point.

It forms subgroups; it judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.observability.series import Series

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["grouped_samples", "required_grouping"]

_NEED_SUBGROUPS: Final = frozenset({"xbar_r", "xbar_s", "p"})
_TAKE_NONE: Final = frozenset({"individuals", "ewma", "cusum"})


def required_grouping(kind: str, subgroup: object) -> None:
    """Raise `ClaimError` where a chart of that kind cannot have that subgroup.

    >>> required_grouping("xbar_r", 5)
    """
    if subgroup is None:
        if kind in _NEED_SUBGROUPS:
            raise ClaimError(f"a chart of the kind {kind!r} needs subgroup=: a number of rows, or the key of a column")
        return
    if kind in _TAKE_NONE:
        raise ClaimError(f"a chart of the kind {kind!r} draws single values; leave subgroup= out")
    least = 2 if kind in {"xbar_r", "xbar_s"} else 1
    if isinstance(subgroup, bool) or not isinstance(subgroup, (int, str)) or subgroup == "":
        raise ClaimError(f"the subgroup is {subgroup!r}; give a number of rows or the key of a column")
    if isinstance(subgroup, int) and subgroup < least:
        raise ClaimError(f"a subgroup of {subgroup} rows is too small for the kind {kind!r}; take {least} or more")


def grouped_samples(kind: str, series: Series, subgroup: int | str | None) -> tuple[Floats, int]:
    """The samples of a chart, one for each point.

    Args:
        kind: of the chart.
        series: the values, with labels where the subgroup is a key.
        subgroup: as in `control_chart`.

    Returns:
        Shape (k,) for single values and counts, (k, n) for measured subgroups, (k, 2) for shares: nonconforming
        units and units inspected; and how many rows of a last, incomplete subgroup were dropped.

    Raises:
        NotComputableError: subgroups differ in size where the chart has one, or a share is not made of 0 and 1.
    """
    import numpy as np

    values = series.values
    if kind == "p" and not np.isin(values, (0.0, 1.0)).all():
        raise NotComputableError(f"{series.metric!r} holds more than 0 and 1; a p chart counts nonconforming units")
    if subgroup is None:
        return values, 0
    dropped = 0
    if isinstance(subgroup, int):
        dropped = len(values) % subgroup
        sizes = np.full(len(values) // subgroup, subgroup)
        ordered = values[: len(values) - dropped]
    else:
        ordered, sizes = _by_label(values, series.labels)
    if not len(sizes):
        raise NotComputableError(f"the run holds {len(values)} values, too few for one subgroup of {subgroup}")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    if kind == "p":
        return np.column_stack([np.add.reduceat(ordered, starts), sizes.astype(np.float64)]), dropped
    if (sizes != sizes[0]).any():
        raise NotComputableError(
            f"the subgroups hold {sizes.min()} to {sizes.max()} rows; a chart of the kind {kind!r} needs equal ones"
        )
    table = ordered.reshape(len(sizes), int(sizes[0]))
    return (table.sum(axis=1) if kind == "c" else table), dropped


def _by_label(values: Floats, labels: Sequence[Any]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Values brought together by label, and the size of each group; groups in the order of their first row."""
    import numpy as np

    try:
        numbered = {label: number for number, label in enumerate(dict.fromkeys(labels))}
        codes = np.fromiter(map(numbered.__getitem__, labels), dtype=np.int64, count=len(labels))
    except TypeError as error:
        raise NotComputableError("a subgroup's label is a list; name a key that holds texts or numbers") from error
    return values[np.argsort(codes, kind="stable")], np.bincount(codes, minlength=len(numbered))
