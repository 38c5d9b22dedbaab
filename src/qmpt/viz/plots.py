# SPDX-License-Identifier: Apache-2.0
"""The plots of patterns and of a layer: anomaly scores, anomaly beside reflexivity, and the course of a layer.

Each takes and returns an Axes. Without one it draws on a new figure of pyplot. None of them shows or saves anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qmpt.viz.plots_style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LABEL_COLOURS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    add_caption,
    axes_or_new,
    missing_note,
    plain_text,
)
from qmpt.viz.reports_caveats import ANOMALY, GENERAL, SIMULATION
from qmpt.viz.reports_text import shortened, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from qmpt.data.models import Layer, LayerState, Pattern

__all__ = ["MODE_COLOURS", "plot_anomaly_hist", "plot_anomaly_vs_reflexivity", "plot_layer_trajectory"]

MODE_COLOURS: Final = {"stagnation": GREY, "transition": ORANGE, "upgrade": GREEN, "collapse": VERMILION}
"""Mode of a layer -> colour of its time."""

_NAMED: Final = 5
_NAMED_IN_HISTOGRAM: Final = 3
_NAME_WIDTH: Final = 28


def plot_anomaly_hist(
    patterns: Mapping[str, Pattern],
    ax: Axes | None = None,
    *,
    thresholds: tuple[float, float] | None = None,
    bins: int | str = "auto",
) -> Axes:
    r"""The distribution of \(\hat A(\Psi)\), a mark per pattern, and the names of the highest.

    Args:
        patterns: ``pattern_id`` -> pattern; those without an anomaly score are counted in the caption.
        ax: where to draw; None for a new figure.
        thresholds: theta_1 and theta_2; a score at or above the first is rare, at or above the second an anomaly.
        bins: number of bars, or a rule of `numpy.histogram_bin_edges`.

    Raises:
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from qmpt.data.models import Pattern
        >>> scored = {f"p{i}": Pattern(pattern_id=f"p{i}", layer_id="L", anomaly_score=i / 10) for i in range(20)}
        >>> plot_anomaly_hist(scored).get_xlabel()
        'anomaly score'
    """
    import numpy as np

    ax = axes_or_new(ax)
    scores = {name: one.anomaly_score for name, one in patterns.items() if one.anomaly_score is not None}
    known = np.array(list(scores.values()))
    if known.size:
        edges = np.histogram_bin_edges(known, bins=_few_bins(known, bins)).tolist()
        groups = {label: known[[_label(score, thresholds) == label for score in known]] for label in LABEL_COLOURS}
        for (label, colour), below in zip(LABEL_COLOURS.items(), _heights_below(groups, edges), strict=True):
            ax.hist(groups[label], bins=edges, bottom=below, color=colour, edgecolor="white", linewidth=0.6)
        ax.plot(known, np.zeros(known.size), "|", color=INK, markersize=9, alpha=0.5, clip_on=False)
        ax.set_ylim(0.0, 1.12 * ax.dataLim.y1)
        _name_highest(ax, scores)
    _draw_thresholds(ax, thresholds)
    ax.set(xlabel="anomaly score", ylabel="patterns", title=f"Anomaly scores of {known.size} patterns")
    ax.locator_params(axis="y", integer=True)
    add_caption(ax, missing_note(len(patterns) - known.size, len(patterns), "an anomaly score"), ANOMALY, GENERAL)
    return ax


def plot_anomaly_vs_reflexivity(
    patterns: Mapping[str, Pattern],
    ax: Axes | None = None,
    *,
    thresholds: tuple[float, float] | None = None,
    named: int = _NAMED,
) -> Axes:
    r"""\(\hat R_{norm}(\Psi)\) over \(\hat A(\Psi)\).

    A pattern with a score and no reflexivity is a mark below the axis; it is not at 0.

    Args:
        patterns: ``pattern_id`` -> pattern.
        ax: where to draw; None for a new figure.
        thresholds: theta_1 and theta_2.
        named: how many of the highest scores get their names; with thresholds, of those that are rare.

    Raises:
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from qmpt.data.models import Pattern
        >>> one = Pattern(pattern_id="p", layer_id="L", anomaly_score=2.0, reflexivity=0.5)
        >>> plot_anomaly_vs_reflexivity({"p": one}).get_ylabel()
        'reflexivity'
    """
    ax = axes_or_new(ax)
    scored = {name: one for name, one in patterns.items() if one.anomaly_score is not None}
    both = {name: one for name, one in scored.items() if one.reflexivity is not None}
    for one in scored.values():
        score = one.anomaly_score or 0.0
        colour = LABEL_COLOURS[_label(score, thresholds)]
        if one.reflexivity is not None:
            ax.plot(score, one.reflexivity, "o", color=colour, markeredgecolor=INK, markeredgewidth=0.4, markersize=6)
        else:
            ax.plot(score, -0.06, "|", color=colour, markersize=9, markeredgewidth=1.4)
    unusual = [name for name in both if thresholds is None or (both[name].anomaly_score or 0.0) >= thresholds[0]]
    for name in sorted(unusual, key=lambda name: -(both[name].anomaly_score or 0.0))[:named]:
        _name_point(ax, name, both[name].anomaly_score or 0.0, both[name].reflexivity or 0.0)
    if len(both) < len(scored):
        ax.axhline(-0.03, color=GREY, linewidth=0.6)
    _draw_thresholds(ax, thresholds)
    ax.set(xlabel="anomaly score", ylabel="reflexivity", title="Anomaly and reflexivity", ylim=(-0.1, 1.05))
    without = len(scored) - len(both)
    note = f"{without} of {len(scored)} patterns have a score and no reflexivity: marks under the line." * bool(without)
    dropped = missing_note(len(patterns) - len(scored), len(patterns), "an anomaly score")
    add_caption(ax, note, dropped, ANOMALY, GENERAL)
    return ax


def plot_layer_trajectory(layer: Layer, ax: Axes | None = None) -> Axes:
    r"""Stress \(\sigma_k(t)\), protection \(P_k(t)\) and, where the states have one, capacity; the mode as a band.

    A state without a value is a gap in its line. Events are marks at the top.

    Args:
        layer: with its states in the order of time.
        ax: where to draw; None for a new figure. Capacity gets a second axis on the right, as it has another unit.

    Raises:
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from qmpt.data.models import Layer, LayerState
        >>> states = [LayerState(t=t, stress=0.2, protection=0.8) for t in range(5)]
        >>> ax = plot_layer_trajectory(Layer(layer_id="L", state_trajectory=states))
        >>> [line.get_label() for line in ax.get_lines()]
        ['stress', 'protection']
    """
    ax = axes_or_new(ax, height=4.2)
    states = layer.state_trajectory
    times = [state.t for state in states]
    modes = _draw_modes(ax, states)
    drawn = [
        *_draw_series(ax, times, [state.stress for state in states], "stress", VERMILION),
        *_draw_series(ax, times, [state.protection for state in states], "protection", BLUE),
    ]
    capacity = [_plain_number(state.macro_state.get("capacity")) for state in states]
    if any(value is not None for value in capacity):
        right = ax.twinx()
        right.spines["top"].set_visible(False)
        right.tick_params(colors=INK, labelsize="small")
        drawn += _draw_series(right, times, capacity, "capacity (right)", PURPLE, "--")
        right.set_ylabel("capacity")
        right.set_ylim(0.0, None)
    _draw_events(ax, states)
    ax.set(xlabel="time", ylabel="stress, protection", ylim=(-0.02, 1.06))
    ax.set_title(visible(f"Layer {shortened(layer.layer_id, 40)}"), parse_math=False, pad=34 if drawn else 6)
    if drawn or modes:
        ax.legend(
            handles=[*drawn, *modes], loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False,
            fontsize="small", ncols=4,
        )  # fmt: skip
    gaps = {"stress": sum(state.stress is None for state in states)}
    gaps["protection"] = sum(state.protection is None for state in states)
    told = [f"{count} of {len(states)} states have no {name} (gaps)." for name, count in gaps.items() if count]
    add_caption(ax, " ".join(told), SIMULATION, GENERAL)
    return ax


def _heights_below(groups: Mapping[str, Any], edges: list[float]) -> list[Any]:
    """Where the bars of each group begin when groups stand on one another."""
    import numpy as np

    counts = [np.histogram(group, bins=edges)[0] for group in groups.values()]
    return [sum(counts[:place], np.zeros(len(edges) - 1)) for place in range(len(counts))]


def _few_bins(known: Any, bins: int | str) -> int | str:
    """Rules of numpy may give a bar per value, or thousands, where a few values lie far from the others."""
    import numpy as np

    if bins != "auto":
        return bins
    edges = np.histogram_bin_edges(known, bins="auto") if np.ptp(known) > 0.0 else [0.0]
    return max(5, min(40, len(edges) - 1))


def _label(score: float, thresholds: tuple[float, float] | None) -> str:
    if thresholds is None:
        return "typical"
    return "anomaly" if score >= thresholds[1] else "rare" if score >= thresholds[0] else "typical"


def _draw_thresholds(ax: Axes, thresholds: tuple[float, float] | None) -> None:
    drawn = list(zip(("rare", "anomaly"), thresholds or (), (ORANGE, VERMILION), strict=False))
    if thresholds is not None and thresholds[0] == thresholds[1]:  # as in small populations
        drawn = drawn[1:]
    for (name, at, colour), (aside, side) in zip(drawn, ((-3, "right"), (3, "left"))[-len(drawn) :], strict=False):
        if math.isfinite(at):  # one name to the left of its line and one to the right: they cannot meet
            ax.axvline(at, color=colour, linewidth=1.2, linestyle=(0, (4, 2)))
            ax.annotate(
                f"{name} ≥ {at:.2f}", xy=(at, 1.0), xycoords=("data", "axes fraction"), xytext=(aside, -3),
                textcoords="offset points", va="top", ha=side, rotation=90, fontsize="x-small", color=colour,
            )  # fmt: skip


def _name_highest(ax: Axes, scores: Mapping[str, float]) -> None:
    """Names of the highest scores; they end at their leaders, the highest on top, so that no leader crosses a name."""
    top = ax.get_ylim()[1]
    for place, name in enumerate(sorted(scores, key=lambda name: (-scores[name], name))[:_NAMED_IN_HISTOGRAM]):
        height = top * (0.52 - 0.1 * place)
        ax.plot([scores[name]] * 2, [0.0, height], color=GREY, linewidth=0.6)
        plain_text(
            ax.annotate(
                visible(shortened(name, _NAME_WIDTH)), xy=(scores[name], height), xytext=(-2, -1),
                textcoords="offset points", ha="right", va="top", fontsize="x-small", color=INK,
            )
        )  # fmt: skip


def _name_point(ax: Axes, name: str, x: float, y: float) -> None:
    plain_text(
        ax.annotate(
            visible(shortened(name, _NAME_WIDTH)), xy=(x, y), xytext=(-6, 5), textcoords="offset points", ha="right",
            fontsize="x-small", color=INK,
        )
    )  # fmt: skip


def _draw_series(
    ax: Axes, times: Sequence[float], values: Sequence[float | None], label: str, colour: str, style: str = "-"
) -> list[Any]:
    if all(value is None for value in values):
        return []
    heights = [math.nan if value is None else value for value in values]
    return list(ax.plot(times, heights, style, color=colour, label=label, linewidth=1.8))


def _draw_modes(ax: Axes, states: Sequence[LayerState]) -> list[Any]:
    """A band per stretch of one mode; gives one handle per mode for the legend."""
    from matplotlib.patches import Patch

    handles: dict[str, Any] = {}
    start = 0
    for place in range(1, len(states) + 1):
        mode = states[start].macro_state.get("mode")
        if place < len(states) and states[place].macro_state.get("mode") == mode:
            continue
        if isinstance(mode, str):
            colour = MODE_COLOURS.get(mode, SKY)
            end = states[min(place, len(states) - 1)].t
            ax.axvspan(states[start].t, end, ymin=0.0, ymax=1.0, color=colour, alpha=0.13, linewidth=0)
            handles.setdefault(mode, Patch(facecolor=colour, alpha=0.35, label=visible(mode)))
        start = place
    return list(handles.values())


def _draw_events(ax: Axes, states: Sequence[LayerState]) -> None:
    for state in states:
        if state.macro_state.get("events"):
            ax.plot(state.t, 1.03, "v", color=INK, markersize=5, clip_on=False)


def _plain_number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
