# SPDX-License-Identifier: Apache-2.0
"""How features moved between two populations: a forest of shifts with intervals.

It takes and returns an Axes, takes plain numbers, and shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from qmpt.viz.plots_style import BLUE, GREY, INK, VERMILION, add_caption, axes_or_new, plain_labels
from qmpt.viz.reports_caveats import GENERAL
from qmpt.viz.reports_text import shortened, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_shifts"]

_NAME_WIDTH: Final = 34
_POINTS_PER_CHARACTER: Final = 5.0


def plot_shifts(
    shifts: Mapping[str, tuple[float, float, float]],
    ax: Axes | None = None,
    *,
    moved: frozenset[str] | set[str] = frozenset(),
    top: int = 15,
) -> Axes:
    """Shift of each feature with its interval, in the order given.

    Args:
        shifts: feature -> shift, lower and upper end, in robust standard deviations of the reference.
        ax: where to draw; None for a new figure.
        moved: features that are drawn as moved.
        top: the most features to draw, at least 1.

    Raises:
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> plot_shifts({"cost": (1.0, 0.5, 1.5)}).get_yticklabels()[0].get_text()
        'cost'
    """
    shown = list(shifts)[: max(1, top)]
    ax = axes_or_new(ax, width=7.2, height=1.9 + 0.24 * len(shown))
    ax.axvline(0.0, color=GREY, linewidth=1.0)
    for place, name in enumerate(shown):
        shift, low, high = shifts[name]
        colour = VERMILION if name in moved else BLUE
        ax.plot([low, high], [place, place], color=colour, linewidth=2.4, solid_capstyle="round", alpha=0.6)
        ax.plot(shift, place, "o", color=colour, markeredgecolor=INK, markeredgewidth=0.5, markersize=6)
    names = [visible(shortened(name, _NAME_WIDTH)) for name in shown]
    ax.set_yticks(range(len(names)), labels=names)
    plain_labels(ax.get_yticklabels())
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#E6E6E6", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set(
        xlabel="shift of the median (robust standard deviations of the reference)", title="Features, most moved first"
    )
    room = _POINTS_PER_CHARACTER * max((len(name) for name in names), default=0)
    add_caption(
        ax, "Bars: 95 % bootstrap intervals. Red: moved at the stated false discovery rate.", GENERAL, left=room
    )
    return ax
