# SPDX-License-Identifier: Apache-2.0
"""The reliability diagram: stated probabilities beside what happened.

DeGroot and Fienberg, The Statistician 32 (1983). It takes and returns an Axes and shows nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from qmpt.errors import DataError
from qmpt.viz.plots_style import BLUE, GREY, INK, SKY, add_caption, axes_or_new
from qmpt.viz.reports_caveats import GENERAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_calibration", "reliability_points"]

_Z95: Final = 1.959963984540054


def reliability_points(
    probabilities: Sequence[float], outcomes: Sequence[bool], *, bins: int = 10
) -> list[tuple[float, float, float, float, int]]:
    """Mean stated probability, share that happened, its 95 % Wilson interval, and forecasts, per class of probability.

    Args:
        probabilities: in [0, 1].
        outcomes: whether it happened, one per probability.
        bins: equally wide classes, at least 1; empty ones are left out.

    Raises:
        DataError: different lengths, or a probability outside [0, 1].

    Example:
        >>> [(mean, share, n) for mean, share, _, _, n in reliability_points([0.1, 0.1, 0.9], [False, False, True])]
        [(0.1, 0.0, 2), (0.9, 1.0, 1)]
    """
    if len(probabilities) != len(outcomes):
        raise DataError(f"{len(probabilities)} probabilities and {len(outcomes)} outcomes; give one outcome each")
    classes: dict[int, list[tuple[float, bool]]] = {}
    for stated, happened in zip(probabilities, outcomes, strict=True):
        if not 0.0 <= stated <= 1.0:
            raise DataError(f"a stated probability is {stated!r}; give a number in [0, 1]")
        classes.setdefault(min(int(stated * bins), bins - 1), []).append((stated, bool(happened)))
    points = []
    for _, members in sorted(classes.items()):
        n = len(members)
        share = sum(happened for _, happened in members) / n
        mean = math.fsum(stated for stated, _ in members) / n
        points.append((mean, share, *_wilson(share, n), n))
    return points


def plot_calibration(
    probabilities: Sequence[float | None],
    outcomes: Sequence[bool | None],
    ax: Axes | None = None,
    *,
    bins: int = 10,
    name: str = "",
) -> Axes:
    """Stated probabilities beside the share that happened; on the diagonal they fit.

    Args:
        probabilities: in [0, 1]; None is counted as missing.
        outcomes: whether it happened; None where that is still open.
        ax: where to draw; None for a new figure.
        bins: equally wide classes, at least 1.
        name: of whoever stated them, for the title.

    Raises:
        DataError: different lengths, or a probability outside [0, 1].
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> plot_calibration([0.1, 0.9, None], [False, True, True]).get_xlabel()
        'stated probability'
    """
    if len(probabilities) != len(outcomes):
        raise DataError(f"{len(probabilities)} probabilities and {len(outcomes)} outcomes; give one outcome each")
    known = [
        (stated, happened)
        for stated, happened in zip(probabilities, outcomes, strict=True)
        if stated is not None and happened is not None
    ]
    points = reliability_points([stated for stated, _ in known], [happened for _, happened in known], bins=bins)
    ax = axes_or_new(ax, width=5.2, height=5.2)
    ax.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=1.0, linestyle=(0, (4, 2)))
    largest = max((n for *_, n in points), default=1)
    for mean, _, _, _, n in points:
        ax.bar(mean, 0.12 * n / largest, width=0.8 / bins, color=SKY, alpha=0.35, linewidth=0)
        ax.annotate(
            str(n), (mean, 0.0), xycoords=("data", "axes fraction"), xytext=(0, 3), textcoords="offset points",
            ha="center", va="bottom", fontsize="xx-small", color=GREY,
        )  # fmt: skip
    for mean, share, low, high, _ in points:
        ax.plot([mean, mean], [low, high], color=BLUE, linewidth=1.6, solid_capstyle="round")
        ax.plot(mean, share, "o", color=BLUE, markeredgecolor=INK, markeredgewidth=0.5, markersize=6)
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.09, 1.03), xlabel="stated probability", ylabel="share that happened")
    ax.set_title(f"Calibration{f' of {name}' if name else ''}: {len(known)} forecasts", parse_math=False)
    ax.set_aspect("equal")
    missing = len(probabilities) - len(known)
    add_caption(
        ax,
        f"{missing} of {len(probabilities)} forecasts have no probability or no outcome yet." if missing else "",
        "Lines: 95 % Wilson intervals. Pale bars and small numbers: forecasts per class.",
        GENERAL,
    )
    return ax


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson, Journal of the American Statistical Association 22 (1927)."""
    z2 = _Z95**2
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = _Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, center - reach), min(1.0, center + reach)
