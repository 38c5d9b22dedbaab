# SPDX-License-Identifier: Apache-2.0
"""The fan of an ensemble: how far runs of one scenario spread over time.

It takes and returns an Axes, takes arrays, and shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import DataError
from qmpt.viz.plots_style import BLUE, GREEN, ORANGE, PURPLE, VERMILION, add_caption, axes_or_new
from qmpt.viz.reports_caveats import GENERAL, SIMULATION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_ensemble_fan"]

_COLOURS: Final = (BLUE, VERMILION, GREEN, ORANGE, PURPLE)
_BANDS: Final = ((0.05, 0.95, 0.15), (0.25, 0.75, 0.25))


def plot_ensemble_fan(
    times: Any, runs: Mapping[str, Any], ax: Axes | None = None, *, quantity: str = "stress", members: int = 3
) -> Axes:
    """Median, middle half and middle nine tenths of the runs over time, for one or several scenarios.

    Args:
        times: shape (t,).
        runs: scenario -> values, shape (runs, t); NaN is counted as missing and left out of the quantiles.
        ax: where to draw; None for a new figure.
        quantity: name of the values, for the axis.
        members: runs of each scenario that are also drawn one by one.

    Raises:
        DataError: values of another shape than the times ask for, or no scenario.
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import numpy as np
        >>> plot_ensemble_fan(np.arange(3), {"baseline": np.zeros((8, 3))}).get_ylabel()
        'stress'
    """
    import numpy as np

    at = np.asarray(times, dtype=float)
    if not runs or at.ndim != 1:
        raise DataError(f"{len(runs)} scenarios over times of the shape {at.shape}; give one row of times and a name")
    ax = axes_or_new(ax)
    missing = total = 0
    for (name, values), colour in zip(runs.items(), _repeated(len(runs)), strict=True):
        table = np.asarray(values, dtype=float)
        if table.ndim != 2 or table.shape[1] != at.size or not table.shape[0]:
            raise DataError(f"the runs of {name!r} have the shape {table.shape}; give (runs, {at.size})")
        missing, total = missing + int(np.isnan(table).sum()), total + table.size
        seen = ~np.isnan(table).all(axis=0)
        for low, high, alpha in _BANDS:
            ends = np.nanquantile(table[:, seen], (low, high), axis=0)
            ax.fill_between(at[seen], *ends, color=colour, alpha=alpha, linewidth=0)
        ax.plot(at, table[: max(0, members)].T, color=colour, linewidth=0.5, alpha=0.45)
        median = np.nanmedian(table[:, seen], axis=0)
        ax.plot(at[seen], median, color=colour, linewidth=2.0, label=f"{name} ({len(table)} runs)")
    ax.legend(frameon=False, fontsize="small", loc="best")
    ax.set(xlabel="time", ylabel=quantity, title=f"{quantity[:1].upper()}{quantity[1:]} over the runs")
    add_caption(
        ax,
        f"{missing} of {total} values are missing and left out." if missing else "",
        "Line: median. Bands: the middle 50 % and 90 % of the runs, pointwise. Thin lines: single runs.",
        SIMULATION,
        GENERAL,
    )
    return ax


def _repeated(n: int) -> list[str]:
    return [_COLOURS[place % len(_COLOURS)] for place in range(n)]
