# SPDX-License-Identifier: Apache-2.0
"""What all plots share: colours, where to draw, the caption with what is missing and the caveat.

The colours are those of Okabe and Ito, which remain distinct under the common kinds of colour blindness. matplotlib is
imported when something is drawn, and no plot is ever shown from here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import MissingLibraryError
from qmpt.viz.reports_text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "INK",
    "LABEL_COLOURS",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "add_caption",
    "axes_or_new",
    "missing_note",
    "plain_labels",
    "plain_text",
]

BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
ORANGE: Final = "#E69F00"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#8A8A8A"
INK: Final = "#333333"

LABEL_COLOURS: Final = {"typical": SKY, "rare": ORANGE, "anomaly": VERMILION, "upgrade": PURPLE}
"""Label of a pattern -> colour."""

_CAPTION_SIZE: Final = 7.5
_POINTS_PER_CHARACTER: Final = 3.95
_NARROWEST: Final = 40
_GROWTH: Final = 1.12
"""How much wider axes get when the layout is made, which happens after the caption was broken into lines."""


def axes_or_new(ax: Axes | None, width: float = 6.4, height: float = 4.0) -> Axes:
    """The axes that were given, or those of a new figure, in inches.

    Raises:
        MissingLibraryError: matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingLibraryError("plots need matplotlib; install pytest-ophamin[plots]") from None
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=INK, labelsize="small")
    return ax


def add_caption(ax: Axes, *sentences: str, below: float = 34.0, left: float = 0.0) -> None:
    """Write sentences under the axes, in lines that fit its width.

    Args:
        ax: where.
        sentences: empty ones are left out.
        below: distance from the axes, in points; more where the labels of the axis need room.
        left: how far it begins left of the axes, in points, where long labels leave room there.
    """
    figure = ax.get_figure()
    width = 6.4 if figure is None else figure.get_figure(root=True).get_figwidth()
    inches = width * min(1.0, ax.get_position().width * _GROWTH)
    characters = max(_NARROWEST, int(inches * 72.0 / _POINTS_PER_CHARACTER))
    lines = [line for sentence in sentences if sentence for line in textwrap.wrap(visible(sentence), characters)]
    ax.annotate(
        "\n".join(lines),
        xy=(0.0, 0.0),
        xycoords="axes fraction",
        xytext=(-left, -below),
        textcoords="offset points",
        va="top",
        ha="left",
        fontsize=_CAPTION_SIZE,
        color=GREY,
        linespacing=1.35,
        parse_math=False,
    )


def missing_note(missing: int, total: int, what: str) -> str:
    """How many values were not there to be drawn; empty where none is missing.

    Example:
        >>> missing_note(3, 50, "an anomaly score"), missing_note(0, 50, "an anomaly score")
        ('3 of 50 patterns have no anomaly score and are not drawn.', '')
    """
    if not missing:
        return ""
    verb = "has" if missing == 1 else "have"
    bare = what.removeprefix("an ").removeprefix("a ")
    return f"{missing} of {total} patterns {verb} no {bare} and {'is' if missing == 1 else 'are'} not drawn."


def plain_text(text: Any) -> Text:
    """A text of a plot whose content is foreign: dollar signs in it are no formula."""
    made: Text = text
    made.set_parse_math(False)
    return made


def plain_labels(labels: Iterable[Any]) -> None:
    """The same for the labels of an axis."""
    for label in labels:
        plain_text(label)
