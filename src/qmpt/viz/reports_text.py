# SPDX-License-Identifier: Apache-2.0
"""Foreign text and numbers, made fit to be shown: on a terminal, in Markdown, in a plot.

Names of patterns, layers and features come from traces that others wrote. What they say is kept; what a terminal, a
browser or a renderer would do with it is taken away. HTML is escaped by the template, not here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

__all__ = ["NO_BREAK", "interval_text", "markdown_text", "number", "shortened", "signed", "visible"]

MISSING: Final = "-"

# C0, DEL and C1; marks, embeddings, overrides and isolates that turn the reading direction; the Unicode line ends;
# zero-width characters, which hide; lone surrogates, which no encoder takes.
_ACTING: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_MARKDOWN: Final = re.compile(
    r"""
      (?P<escape> [\\`*\[\]|~$<] | (?<![^\W_])_ | _(?![^\W_]) )   # an underscore inside a word is plain
    | (?P<entity> & (?=[\#\w]) )
    | (?P<link>   @ | : (?=//) | (?<=www) (?=\.) )               # mention, address
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BLOCK_START: Final = re.compile(r"(\d{0,9})([#>+=-]|(?<=\d)[.)])(?=[#+=\s-]|\Z|(?<=>))")
NO_BREAK: Final = "\u00a0"
_ZERO_WIDTH_SPACE: Final = "\u200b"


def visible(text: str) -> str:
    r"""Replace every character that acts instead of showing itself by its escape.

    Example:
        >>> visible("a\x1b[2Kb\u202e")
        'a\\x1b[2Kb\\u202e'
    """
    return _ACTING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def markdown_text(text: str, *, at_start: bool = False) -> str:
    r"""One line of Markdown that renders as the text and as nothing else.

    Args:
        text: any text; runs of white space become one space.
        at_start: whether it begins a line, where a mark may begin a heading, a list or a quotation.

    Example:
        >>> markdown_text("a|b `x` <img> tool_calls -2.0")
        'a\\|b \\`x\\` \\<img> tool_calls -2.0'
        >>> markdown_text("# a", at_start=True), markdown_text("1. a", at_start=True)
        ('\\# a', '1\\. a')
    """
    line = _MARKDOWN.sub(_disarmed, visible(" ".join(text.split())))
    start = _BLOCK_START.match(line) if at_start else None
    return line if start is None else f"{start[1]}\\{line[start.start(2) :]}"


def number(value: float | None, digits: int = 2) -> str:
    """A number as it stands in a table; ``-`` where there is none.

    Args:
        value: any number.
        digits: after the point; large and tiny numbers are written with an exponent.

    Example:
        >>> number(3.14159), number(None), number(1.5e9), number(-0.0)
        ('3.14', '-', '1.5e+09', '0.00')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isfinite(value) and (value == 0.0 or abs(value) < 1e5):
        text = f"{value:.{digits}f}"
        return text.removeprefix("-") if float(text) == 0.0 else text
    return f"{value:.2g}"


def signed(value: float) -> str:
    """A number with its sign, one digit after the point.

    Example:
        >>> signed(8.04), signed(-3.0)
        ('+8.0', '-3.0')
    """
    text = number(value, 1)
    return text if text.startswith("-") else f"+{text}"


def interval_text(interval: Sequence[float] | None, digits: int = 2) -> str:
    """An interval as ``low to high``; ``-`` where there is none.

    Example:
        >>> interval_text((0.5, 1.25)), interval_text(None)
        ('0.50 to 1.25', '-')
    """
    if interval is None:
        return MISSING
    low, high = interval
    return f"{number(low, digits)} to {number(high, digits)}"


def shortened(text: str, width: int) -> str:
    """The text, with its middle left out where it is longer than ``width`` characters, at least 3.

    Example:
        >>> shortened("tests/shop/test_pay.py::test_refund", 20)
        'tests/sho…est_refund'
    """
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def _disarmed(found: re.Match[str]) -> str:
    if found.lastgroup == "entity":
        return "&amp;"
    if found.lastgroup == "link":
        return found[0] + _ZERO_WIDTH_SPACE
    return f"\\{found[0]}"
