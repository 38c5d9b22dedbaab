# SPDX-License-Identifier: Apache-2.0
"""Foreign text made safe to show: on a terminal and inside Markdown.

Text out of a test, a corpus or a plug-in may carry terminal escapes, marks that turn the reading direction, fake
headings or mentions. These functions keep what it says and take away what it does. They are for showing; a record
keeps the text as it is.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["escape_markdown", "visible"]

ZERO_WIDTH_SPACE: Final = "\u200b"

# C0, DEL, C1; marks, embeddings, overrides and isolates of the bidirectional algorithm (UAX 9); the two Unicode line
# ends; and lone surrogates, which no UTF-8 terminal can be sent.
_ACTING = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ACTING_BUT_NEWLINE = re.compile(_ACTING.pattern.replace(r"\x00-\x1f", r"\x00-\x09\x0b-\x1f"))

_MARKDOWN = re.compile(
    r"""
      (?P<escape> [\\`*\[\]|~\#$] | (?<![^\W_])_ | _(?![^\W_]) )      # an underscore inside a word is plain
    | (?P<less>   < (?![=\s\d]) )                                     # what may open a tag; "<= 3" stays readable
    | (?P<entity> & (?!\s) )
    | (?P<link>   @ | : (?=//) | (?<=www) (?=\.) )                     # mention, mail, address
    | (?P<start>  \A > | \A [-+=] (?=[-+=\s]|\Z) | (?<=\A\d) [.)] (?=\s|\Z) | \A \d{2,9} [.)] (?=\s|\Z) )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def visible(text: str, *, keep_newlines: bool = False) -> str:
    r"""Replace what a terminal would act on by an escape that can be seen.

    Args:
        text: any text, lone surrogates included.
        keep_newlines: leave line feeds as they are.

    Returns:
        The same object when there is nothing to replace.

    Example:
        >>> visible("a\x1b[2Kb\r\u202e")
        'a\\x1b[2Kb\\r\\u202e'
        >>> visible("one\ntwo", keep_newlines=True)
        'one\ntwo'
    """
    return (_ACTING_BUT_NEWLINE if keep_newlines else _ACTING).sub(_escape_sequence, text)


def escape_markdown(text: str) -> str:
    r"""One line of Markdown that renders as ``text`` and as nothing else.

    Headings, lists, tables, code, emphasis, links, images, tags, mentions and bare addresses are broken; runs of white
    space become one space. The result holds for CommonMark, its GitHub dialect and Python-Markdown.

    Example:
        >>> escape_markdown("# VALIDATED\n| a_b | `x` <img src=y> [l](u)")
        '\\# VALIDATED \\| a_b \\| \\`x\\` &lt;img src=y> \\[l\\](u)'
        >>> escape_markdown("rate <= 0.10")
        'rate <= 0.10'
    """
    return _MARKDOWN.sub(_disarm, visible(" ".join(text.split())))


def _escape_sequence(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _disarm(match: re.Match[str]) -> str:
    piece = match[0]
    if match.lastgroup == "less":
        return "&lt;"
    if match.lastgroup == "entity":
        return "&amp;"
    if match.lastgroup == "link":
        return piece + ZERO_WIDTH_SPACE
    if match.lastgroup == "start" and piece != ">":
        return f"{piece[:-1]}\\{piece[-1]}"
    return "&gt;" if piece == ">" else "\\" + piece
