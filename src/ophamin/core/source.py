# SPDX-License-Identifier: Apache-2.0
"""A digest of a function's source that comments, docstrings and layout do not change."""

from __future__ import annotations

import hashlib
import inspect
import tokenize
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["source_digest"]

_LAYOUT = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENCODING, tokenize.ENDMARKER})


def source_digest(function: Callable[..., Any]) -> str:
    """SHA-256 in hex over the tokens of a function, its decorators included.

    Comments, docstrings, blank lines and the width of the indentation are left out, so that reformatting is no
    change. Empty where the source cannot be read, as for a function typed at a prompt.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return ""
    tokens, starts = _tokens_of(code.co_filename)
    start = starts.get(code.co_firstlineno)
    if start is None:
        return ""
    return hashlib.sha256("\x00".join(_significant(tokens, start)).encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=64)
def _tokens_of(filename: str) -> tuple[list[tokenize.TokenInfo], dict[int, int]]:
    """The tokens of a file, and for the first line of each function (its decorators) where they start."""
    try:
        with Path(filename).open("rb") as handle:
            tokens = list(tokenize.tokenize(handle.readline))
    except (OSError, SyntaxError, tokenize.TokenError):
        return [], {}
    found = (
        _start_of_definition(tokens, index)
        for index, token in enumerate(tokens)
        if token.type == tokenize.NAME and token.string == "def"
    )
    return tokens, {tokens[start].start[0]: start for start in found}


def _start_of_definition(tokens: list[tokenize.TokenInfo], index: int) -> int:
    """Step back from ``def`` over ``async`` and the decorators above it."""
    start = index - 1 if index and tokens[index - 1].string == "async" else index
    while (above := _logical_line_above(tokens, start)) is not None and tokens[above].string == "@":
        start = above
    return start


def _logical_line_above(tokens: list[tokenize.TokenInfo], start: int) -> int | None:
    end = start - 1
    while end >= 0 and tokens[end].type in {tokenize.NL, tokenize.COMMENT}:
        end -= 1
    if end < 0 or tokens[end].type != tokenize.NEWLINE:
        return None
    first = end
    while first > 0 and tokens[first - 1].type not in {
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
    }:
        first -= 1
    while tokens[first].type in {tokenize.NL, tokenize.COMMENT}:
        first += 1
    return first


def _significant(tokens: list[tokenize.TokenInfo], start: int) -> tuple[str, ...]:
    """The tokens of one definition, docstrings left out, indentation as a mark without its width."""
    kept: list[str] = []
    depth, begins_line = 0, True
    for token in tokens[start:]:
        if token.type == tokenize.INDENT:
            depth += 1
            kept.append("\x01")
        elif token.type == tokenize.DEDENT:
            depth -= 1
            kept.append("\x02")
            if depth == 0:
                break
        elif token.type == tokenize.NEWLINE:
            begins_line = True
            if kept[-1] not in {"\n", "\x01"}:  # nothing is left of a docstring's own line
                kept.append("\n")
        elif token.type not in _LAYOUT:
            is_docstring = begins_line and token.type == tokenize.STRING
            begins_line = False
            if not is_docstring:
                kept.append(token.string)
    return tuple(kept)
