# SPDX-License-Identifier: Apache-2.0
"""The text of a lock, before it is TOML: what is wrong with it is named, and what would be costly is refused.

``tomllib`` is careful about syntax and careless about cost: nested tables take a thousand times the bytes that they are
written in. A lock has a plain shape, so anything else is refused on its text. This module knows no claim.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, NoReturn

from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.measuring.lock_lines import plain_tables

__all__ = ["END", "MAX_LOCK_BYTES", "SCHEMA", "TABLES", "LockError", "Reason", "check_size", "line_of", "parse_toml"]

SCHEMA: Final = 1
TABLES: Final = ("claim", "amendment", "tombstone")
MAX_LOCK_BYTES: Final = 4 * 2**20
"""About five thousand claims."""

MAX_LINES: Final = 2**17
MAX_VALUES: Final = 2**17
MAX_BRACKETS: Final = 2**15
END: Final = "# end of ophamin.lock"
"""The last line. A file that was cut between two tables is still TOML, with fewer claims."""

Reason = Literal[
    "unreadable",
    "unwritable",
    "too_large",
    "encoding",
    "conflict",
    "schema",
    "half_written",
    "syntax",
    "unknown_field",
    "missing_field",
    "wrong_value",
    "duplicate",
    "ambiguous",
    "reason_needed",
]

_SCHEMA = re.compile(r"^schema[ \t]*=[ \t]*([^\s#]{1,20})", re.MULTILINE)
_CONFLICT = re.compile(r"^(?:(?:<{7}|>{7}|\|{7})(?=[ \r\n]|\Z)|={7}(?=\r?$))", re.MULTILINE)
_STRINGS = re.compile(r'"(?:[^"\\\n]++|\\.)*+"|\'[^\'\n]*+\'|#[^\n]*+')
_LONG_TEXT = re.compile(r"\"{3}|'{3}")  # two strings side by side, once those of one line are taken for one
_DOTTED_KEY = re.compile(r"\.[^=,\[\]{}\n.]*+[=.]")
_LONG_NUMBER = re.compile(r"(?<![0-9A-Fa-f_])[0-9A-Fa-f_]{400}")
_PLACE = re.compile(r"\(at line (\d+), ")


class LockError(OphaminError, ValueError):
    """The lock cannot be used, or claims cannot be registered as they are.

    Attributes:
        reason: why, as one word of `Reason`.
        line: where in the file, from 1; None where no line is to blame.
    """

    def __init__(self, reason: Reason, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.line = line


def parse_toml(data: bytes) -> tuple[str, dict[str, Any]]:
    """The text of a lock and its tables, with the form of the file checked and nothing of what it says.

    Args:
        data: UTF-8, at most `MAX_LOCK_BYTES`.

    Returns:
        The text with line feeds alone, and what ``tomllib`` makes of it or would make of it.

    Raises:
        LockError: the bytes are no whole lock of this schema.
    """
    text = _text_of(data)
    if _ends_whole(text) and (tables := plain_tables(text)) is not None and tables.get("schema") == SCHEMA:
        return text, tables
    if (marker := _CONFLICT.search(text)) is not None:
        _refuse(
            "conflict",
            f"{marker[0]} was left by a merge; keep the tables of both sides, delete the markers, and register again",
            _line_at(text, marker.start()),
        )
    if (found := _SCHEMA.search(text)) is not None and found[1] != str(SCHEMA):
        problem = f"schema {visible(found[1])} is not known here, where {SCHEMA} is read"
        _refuse("schema", f"{problem}; install the ophamin that wrote it", _line_at(text, found.start()))
    if not _ends_whole(text):
        problem = f"the last line is not '{END}', so the file was written by half or edited"
        _refuse("half_written", f"{problem}; take it from git again, or register again", text.rstrip().count("\n") + 1)
    _check_shape(text)
    return text, _tables_of(text)


def line_of(text: str, table: str, index: int, key: str = "") -> int | None:
    """The line of a key in the table ``[[table]]`` with that index, or of its header; None where there is none."""
    known = re.compile(rf'"?{re.escape(key)}"?[ \t]*=|\[{re.escape(table)}\.{re.escape(key)}\]') if key else None
    seen, start = -1, None
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip()
        if words.startswith("[["):
            if start is not None:
                break
            seen += words == f"[[{table}]]"
            start = number if seen == index else None
        elif start is not None and known is not None and known.match(words):
            return number
    return start


def check_size(data: bytes) -> None:
    """Do nothing where a lock of these bytes is read, and may be written.

    Raises:
        LockError: it is too large.
    """
    for limit, size, unit in ((MAX_LOCK_BYTES, len(data), "bytes"), (MAX_LINES, data.count(b"\n"), "lines")):
        if size > limit:
            _refuse("too_large", f"more than {limit} {unit}; split the project, or give fewer parameters")


def _text_of(data: bytes) -> str:
    check_size(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse("encoding", f"byte {error.start} is not UTF-8 ({error.reason}); save it as UTF-8", line)
    return text.replace("\r\n", "\n")


def _ends_whole(text: str) -> bool:
    kept = text.rstrip()
    return kept.endswith(END) and (len(kept) == len(END) or kept[-len(END) - 1] == "\n")


def _check_shape(text: str) -> None:
    """Refuse on the text what would cost much as a value."""
    skeleton = _STRINGS.sub(lambda found: "" if found[0].startswith("#") else '""', text)
    for pattern, what in (
        (_LONG_TEXT, "text over several lines, where a lock has one"),
        (_DOTTED_KEY, "a key of several parts, where a lock has one, and two in a header"),
        (_LONG_NUMBER, "a number of more than 400 digits"),
    ):
        if (found := pattern.search(skeleton)) is not None:
            _refuse("syntax", f"{what}; take the file from git again", _line_at(skeleton, found.start()))
    for limit, marks in ((MAX_VALUES, "=,"), (MAX_BRACKETS, "[{")):
        if (count := sum(map(skeleton.count, marks))) > limit:
            _refuse("too_large", f"{count} of the marks '{marks}'; the limit is {limit}. Split the project")


def _tables_of(text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        problem = f"no TOML: {visible(str(error))}; mend it there, or take the file from git again"
        _refuse("syntax", problem, int(place[1]) if place else None)
    except (ValueError, RecursionError):  # a number of thousands of digits, or brackets in brackets
        _refuse("syntax", "a number or a list that no lock has; take the file from git again")


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _refuse(reason: Reason, problem: str, line: int | None = None) -> NoReturn:
    where = "" if line is None else f"line {line}: "
    raise LockError(reason, f"{where}{problem}", line)
