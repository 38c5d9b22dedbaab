# SPDX-License-Identifier: Apache-2.0
"""Plots of the most unusual patterns: their scores with intervals, and what the scores are made of.

Each takes and returns an Axes, takes plain numbers, and shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from qmpt.viz.plots_style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LABEL_COLOURS,
    ORANGE,
    add_caption,
    axes_or_new,
    missing_note,
    plain_labels,
)
from qmpt.viz.reports_caveats import ANOMALY, GENERAL
from qmpt.viz.reports_text import shortened, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TERM_COLOURS", "plot_ranked_scores", "plot_terms"]

TERM_COLOURS: Final = {"rarity": BLUE, "distance": ORANGE, "impact": GREEN}
"""Term of the anomaly score -> colour."""

_NAME_WIDTH: Final = 34
_POINTS_PER_CHARACTER: Final = 5.0


def plot_ranked_scores(
    scores: Mapping[str, float | None],
    ax: Axes | None = None,
    *,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    labels: Mapping[str, str] | None = None,
    thresholds: tuple[float, float] | None = None,
    top: int = 15,
) -> Axes:
    """The highest scores, highest first, each with its interval.

    Args:
        scores: pattern -> anomaly score; None where it has none.
        ax: where to draw; None for a new figure.
        intervals: pattern -> lower and upper end.
        labels: pattern -> ``typical``, ``rare``, ``anomaly`` or ``upgrade``, for the colour.
        thresholds: theta_1 and theta_2, drawn as lines.
        top: the most patterns to draw, at least 1.

    Raises:
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> ax = plot_ranked_scores({"a": 1.0, "b": 3.0}, intervals={"b": (2.0, 5.0)})
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['b', 'a']
    """
    known = {name: score for name, score in scores.items() if score is not None}
    shown = sorted(known, key=lambda name: (-known[name], name))[: max(1, top)]
    ax = axes_or_new(ax, width=7.2, height=1.9 + 0.24 * len(shown))
    for theta, colour in zip(thresholds or (), (LABEL_COLOURS["rare"], LABEL_COLOURS["anomaly"]), strict=False):
        ax.axvline(theta, color=colour, linewidth=1.0, linestyle=(0, (4, 2)), zorder=0)
    for place, name in enumerate(shown):
        colour = LABEL_COLOURS.get((labels or {}).get(name, "typical"), GREY)
        if intervals and name in intervals:
            ax.plot(intervals[name], [place, place], color=colour, linewidth=2.4, solid_capstyle="round", alpha=0.6)
        ax.plot(known[name], place, "o", color=colour, markeredgecolor=INK, markeredgewidth=0.5, markersize=6)
    _name_rows(ax, shown)
    _label_legend(ax, [(labels or {}).get(name, "") for name in shown])
    ax.set(xlabel="anomaly score", title=f"The {len(shown)} highest of {len(known)} scores")
    bars = sum(name in (intervals or {}) for name in shown)
    add_caption(
        ax,
        missing_note(len(scores) - len(known), len(scores), "an anomaly score"),
        f"Bars: 95 % bootstrap intervals over resampled populations ({len(shown) - bars} without)." if bars else "",
        ANOMALY,
        GENERAL,
        left=_room(shown),
    )
    return ax


def plot_terms(
    terms: Mapping[str, Mapping[str, float]], ax: Axes | None = None, *, top: int = 15, missing: int = 0
) -> Axes:
    """What each score is the sum of: rarity, distance and impact, stacked by pattern.

    Parts below 0, which lower a score, stand left of the line.

    Args:
        terms: pattern -> term -> what it adds to the score.
        ax: where to draw; None for a new figure.
        top: the most patterns to draw, those with the largest sums; at least 1.
        missing: patterns that have no terms, for the caption.

    Raises:
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> ax = plot_terms({"a": {"rarity": 2.0, "distance": -0.5}})
        >>> [round(float(bar.get_width()), 1) for bar in ax.patches]
        [2.0, -0.5]
    """
    sums = {name: sum(parts.values()) for name, parts in terms.items()}
    shown = sorted(sums, key=lambda name: (-sums[name], name))[: max(1, top)]
    ax = axes_or_new(ax, width=7.2, height=1.9 + 0.24 * len(shown))
    used = [term for term in TERM_COLOURS if any(term in terms[name] for name in shown)]
    for place, name in enumerate(shown):
        right = left = 0.0
        for term in used:
            width = terms[name].get(term, 0.0)
            start = left if width < 0.0 else right
            ax.barh(place, width, left=start, height=0.66, color=TERM_COLOURS[term])
            left, right = (left + width, right) if width < 0.0 else (left, right + width)
        ax.plot(sums[name], place, "D", color="white", markeredgecolor=INK, markersize=4.5)
    ax.axvline(0.0, color=INK, linewidth=0.8)
    _name_rows(ax, shown)
    _term_legend(ax, used)
    ax.set_xlabel("part of the anomaly score (diamond: the score)")
    ax.set_title(f"What makes the {len(shown)} highest scores", pad=24)
    none = "Impact has no source here and is not in the scores." if used and "impact" not in used else ""
    total = len(terms) + missing
    add_caption(ax, missing_note(missing, total, "an anomaly score"), none, ANOMALY, GENERAL, left=_room(shown))
    return ax


def _name_rows(ax: Axes, names: Sequence[str]) -> None:
    """One row per name, the first on top."""
    ax.set_yticks(range(len(names)), labels=[visible(shortened(name, _NAME_WIDTH)) for name in names])
    plain_labels(ax.get_yticklabels())
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#E6E6E6", linewidth=0.6)
    ax.set_axisbelow(True)


def _room(names: Sequence[str]) -> float:
    """About how wide the names are, in points."""
    return _POINTS_PER_CHARACTER * max((len(visible(shortened(name, _NAME_WIDTH))) for name in names), default=0)


def _label_legend(ax: Axes, labels: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    present = [label for label in LABEL_COLOURS if label in labels]
    if present:
        dots = [
            Line2D([], [], marker="o", linestyle="", color=LABEL_COLOURS[label], markeredgecolor=INK, label=label)
            for label in present
        ]
        ax.legend(handles=dots, loc="lower right", frameon=False, fontsize="small")


def _term_legend(ax: Axes, terms: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    if terms:
        patches = [Patch(color=TERM_COLOURS[term], label=term) for term in terms]
        ax.legend(
            handles=patches, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize="small", ncols=3
        )
