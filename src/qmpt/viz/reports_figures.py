# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG text that can stand in an HTML page: the same plot gives the same bytes.

A form of the report that shows no figures asks for them `without_drawing`, and gets their descriptions alone.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from io import StringIO
from typing import TYPE_CHECKING, Final

from qmpt.errors import MissingLibraryError
from qmpt.viz.reports_document import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["figure_of", "svg_of", "without_drawing"]

_ID: Final = re.compile(r' id="([^"]*)"')
_REFERENCE: Final = re.compile(r'(?:url\(#|href="#)([^")]*)')
_WIDTH, _HEIGHT = 7.2, 4.2
# Text stays text, so the reader's own fonts draw it; which glyphs the font of this machine lacks is no matter.
_NO_GLYPH: Final = r"Glyph \d+ .*missing from|Matplotlib currently does not support .* natively"
_DRAWING: Final[ContextVar[bool]] = ContextVar("drawing", default=True)


def svg_of(draw: Callable[[Axes], object], width: float = _WIDTH, height: float = _HEIGHT) -> str:
    """Draw on a figure of its own, which pyplot does not know, and give its SVG element.

    Text stays text, so that it can be searched and read aloud. There is no date in it, and ids come from what is drawn;
    those that nothing refers to are left out, for several plots share a page.

    Args:
        draw: takes the axes to draw on.
        width: of the figure, in inches.
        height: of the figure, in inches.

    Raises:
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> svg_of(lambda ax: ax.plot([0, 1])).startswith("<svg")
        True
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        raise MissingLibraryError("figures need matplotlib; install pytest-ophamin[plots]") from None
    with (
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "qmpt", "font.family": ["sans-serif"]}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message=_NO_GLYPH, category=UserWarning)
        canvas = Canvas(figsize=(width, height), layout="constrained")
        draw(canvas.subplots())
        buffer = StringIO()
        canvas.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return _apart(text[text.index("<svg") :].strip())


def figure_of(
    draw: Callable[[Axes], object], description: str, width: float = _WIDTH, height: float = _HEIGHT
) -> Figure | None:
    """The same as a part of a report, or None where matplotlib is not installed.

    Example:
        >>> figure_of(lambda ax: ax.plot([0, 1]), "A line").description
        'A line'
    """
    if not _DRAWING.get():
        return Figure("", description) if find_spec("matplotlib") is not None else None
    try:
        return Figure(svg_of(draw, width, height), description)
    except MissingLibraryError:
        return None


@contextmanager
def without_drawing() -> Iterator[None]:
    """Within this, `figure_of` draws nothing and gives the description with an empty SVG.

    Example:
        >>> with without_drawing():
        ...     figure_of(lambda ax: ax.plot([0, 1]), "A line")
        Figure(svg='', description='A line', kind='figure')
    """
    before = _DRAWING.set(False)
    try:
        yield
    finally:
        _DRAWING.reset(before)


def _apart(svg: str) -> str:
    """The element with ids that are its own: a digest of the plot goes before those that are used, the others go."""
    used = set(_REFERENCE.findall(svg))
    own = hashlib.sha256(svg.encode()).hexdigest()[:8]
    renamed = _ID.sub(lambda found: f' id="{own}-{found[1]}"' if found[1] in used else "", svg)
    return _REFERENCE.sub(lambda found: found[0].replace("#", f"#{own}-", 1), renamed)
