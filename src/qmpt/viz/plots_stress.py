# SPDX-License-Identifier: Apache-2.0
"""Observed stress and protection of a layer over time, with intervals, the reference period and shifts.

It takes and returns an Axes, takes plain numbers, and shows nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from qmpt.viz.plots_style import BLUE, GREY, INK, VERMILION, add_caption, axes_or_new
from qmpt.viz.reports_caveats import GENERAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_observed_levels"]

Values = Sequence[float | None]
Intervals = Sequence[tuple[float, float] | None]

_COLOURS: Final = {"stress": VERMILION, "protection": BLUE}


def plot_observed_levels(
    starts: Sequence[float],
    levels: Mapping[str, tuple[Values, Intervals]],
    ax: Axes | None = None,
    *,
    reference: tuple[float, float] | None = None,
    changes: Sequence[float] = (),
) -> Axes:
    """Levels in [0, 1] by window, with gaps where there is no value.

    Args:
        starts: when each window begins, in seconds since 1970-01-01, UTC.
        levels: ``stress`` and ``protection``, or one of them -> values and intervals, one per window.
        ax: where to draw; None for a new figure.
        reference: beginning and end of the reference period, which is shaded.
        changes: times of shifts, drawn as lines.

    Raises:
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> ax = plot_observed_levels([0.0, 3600.0], {"stress": ([0.4, None], [(0.3, 0.5), None])})
        >>> ax.get_ylabel()
        'level'
    """
    ax = axes_or_new(ax, width=7.2, height=3.4)
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    times = [_day(start) for start in starts]
    if reference is not None:
        ax.axvspan(_day(reference[0]), _day(reference[1]), color=GREY, alpha=0.12, linewidth=0, label="reference")  # type: ignore[arg-type]  # matplotlib takes dates where its types say numbers
    for name, (values, intervals) in levels.items():
        colour = _COLOURS.get(name, INK)
        low = [math.nan if one is None else one[0] for one in intervals]
        high = [math.nan if one is None else one[1] for one in intervals]
        ax.fill_between(times, low, high, color=colour, alpha=0.18, linewidth=0)  # type: ignore[arg-type]  # as above
        shown = [math.nan if value is None else value for value in values]
        ax.plot(times, shown, color=colour, linewidth=1.4, marker="o", markersize=3, label=name)  # type: ignore[arg-type]  # as above
    for place, change in enumerate(changes):
        ax.axvline(_day(change), color=INK, linewidth=1.0, linestyle=(0, (4, 2)), label="" if place else "shift")  # type: ignore[arg-type]  # as above
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # matplotlib has no types here
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]  # as above
    ax.set(ylim=(-0.02, 1.02), ylabel="level", xlabel="time (UTC)")
    ax.set_title("Stress and protection by window", pad=24)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize="small", ncols=4)
    gaps = {name: sum(value is None for value in values) for name, (values, _) in levels.items()}
    told = [f"{count} of {len(starts)} windows have no {name} (gaps)." for name, count in gaps.items() if count]
    add_caption(ax, " ".join(told), "Bands: 95 % over resampled reference periods.", GENERAL)
    return ax


def _day(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
