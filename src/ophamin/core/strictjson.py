# SPDX-License-Identifier: Apache-2.0
"""The reader for JSON that comes from outside.

It takes less than RFC 8259 allows: only what every reader understands in the same way, and only as much as can be
read in a moment. Parsers differ on duplicate keys, on large integers and on lone surrogates, so a document with any
of these has no single meaning. It checks the form of a document, never what the document says.
"""

from __future__ import annotations

import json
import math
import os
import re
import reprlib
import stat
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

from ophamin.core.canonical import MAX_DEPTH, MAX_SAFE_INTEGER
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["MAX_BYTES", "Reason", "StrictJSONError", "load", "loads"]

MAX_BYTES: Final = 8 * 2**20
MAX_STRING: Final = 2**16
BLOCK: Final = 2**16
BYTES_PER_VALUE: Final = 32
"""Besides the first 1024, a document may hold one value for each of these bytes of its size limit: `{}` has two bytes
on disk and 64 in memory."""

Reason = Literal[
    "too_large",
    "encoding",
    "duplicate_key",
    "not_finite",
    "big_integer",
    "too_deep",
    "surrogate",
    "long_string",
    "syntax",
    "unreadable",
]

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")  # one level down, and as a signed byte one level up
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_NO_MARKS = bytes(byte for byte in range(256) if byte not in b'[]{},"')


class StrictJSONError(OphaminError, ValueError):
    """A document was refused.

    Attributes:
        reason: why, as one word of `Reason`.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason


def loads(data: bytes, *, max_bytes: int = MAX_BYTES, what: str = "JSON") -> Any:
    """Read one JSON document.

    Args:
        data: UTF-8 without a byte order mark.
        max_bytes: size limit; the number of values is limited to 1024 and one for every 32 bytes of it.
        what: the name of the document, for messages.

    Returns:
        None, bool, int within 2**53, finite float, str, list or dict, at most 64 levels deep.

    Raises:
        StrictJSONError: the document is not plain; ``reason`` says in which way.

    Example:
        >>> loads(b'{"value": 0.1}')
        {'value': 0.1}
        >>> loads(b'{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ...
        ophamin.core.strictjson.StrictJSONError: JSON: the key 'a' stands twice in one object; keep one of them
    """
    try:
        text = _checked_text(data, max_bytes)
        value = _DECODER.decode(text)
        if len(data) > MAX_STRING or _SURROGATE_ESCAPE.search(data):
            _check_strings(value)
    except json.JSONDecodeError as error:
        problem = f"{error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"
        raise StrictJSONError("syntax", f"{visible(what)}: {problem}; mend the document there") from None
    except StrictJSONError as error:
        raise StrictJSONError(error.reason, f"{visible(what)}: {error}") from None
    return value


def load(path: Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """Read one JSON document from a regular file; see `loads`.

    Never reads more than ``max_bytes`` + 1 bytes, and never waits for a pipe.

    Raises:
        StrictJSONError: also where the file is missing, too large or no regular file.
    """
    try:
        data = _read_regular(path, max_bytes)
    except (OSError, ValueError) as error:
        if isinstance(error, StrictJSONError):
            raise
        problem = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        _refuse("unreadable", f"{visible(str(path))}: {problem}; give a file that can be read", error)
    return loads(data, max_bytes=max_bytes, what=str(path))


def _refuse(reason: Reason, message: str, cause: Exception | None = None) -> NoReturn:
    raise StrictJSONError(reason, message) from cause


def _read_regular(path: Path, max_bytes: int) -> bytes:
    # Opening a pipe to read waits for a writer, unless it is opened without waiting and then looked at.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            kind = "a folder" if stat.S_ISDIR(facts.st_mode) else "a pipe, socket or device"
            _refuse("unreadable", f"{visible(str(path))}: this is {kind}; give a regular file")
        if facts.st_size > max_bytes:
            _refuse_size(facts.st_size, max_bytes, f"{visible(str(path))}: ")
        with open(descriptor, "rb", closefd=False) as handle:
            return handle.read(max_bytes + 1)
    finally:
        os.close(descriptor)


def _refuse_size(size: int, max_bytes: int, prefix: str = "") -> NoReturn:
    _refuse("too_large", f"{prefix}{size} bytes; the limit is {max_bytes}. Split the document or raise max_bytes")


def _checked_text(data: bytes, max_bytes: int) -> str:
    """Everything that can be told before parsing."""
    if len(data) > max_bytes:
        _refuse_size(len(data), max_bytes)
    if data.startswith(_BYTE_ORDER_MARKS) or b"\x00" in data:
        _refuse("encoding", "starts with a byte order mark or holds NUL bytes; save it as UTF-8 without a mark")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse("encoding", f"byte {error.start} is not UTF-8 ({error.reason}); save it as UTF-8")
    _check_shape(data, 1024 + max_bytes // BYTES_PER_VALUE)
    return text


def _check_shape(data: bytes, max_values: int) -> None:
    """Count values and levels on the bytes, before a parser builds anything."""
    if len(data) <= max_values and data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return  # fewer values than bytes, and no more levels than brackets
    skeleton = _outside_strings(data)
    values = skeleton.count(b",") + skeleton.count(b"[") + skeleton.count(b"{")
    if values > max_values:
        problem = f"holds {values} values; the limit is {max_values}"
        _refuse("too_large", f"{problem}. Split the document or raise max_bytes ({BYTES_PER_VALUE} for each value)")
    steps = memoryview(skeleton.translate(_STEPS, _NO_BRACKETS)).cast("b")
    depth = max(accumulate(steps), default=0)
    if depth > MAX_DEPTH:
        _refuse("too_deep", f"nested {depth} levels deep; the limit is {MAX_DEPTH}. Flatten the document")


def _outside_strings(data: bytes) -> bytes:
    """Brackets and commas outside of strings, exact as far as it is JSON; in blocks, so that it takes little memory."""
    marks = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_MARKS)
    marks = marks.replace(b'""', b"")  # two quotes side by side change nothing for what stands around them
    outside, kept = True, []
    for start in range(0, len(marks), BLOCK):
        pieces = marks[start : start + BLOCK].split(b'"')
        kept.append(b"".join(pieces[0 if outside else 1 :: 2]))
        outside = outside is (len(pieces) % 2 == 1)
    return b"".join(kept)


def _check_strings(value: Any) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            _check_string(item)
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, dict):
            pending += item
            pending += item.values()


def _check_string(text: str) -> None:
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        _refuse("surrogate", f"{reprlib.repr(text)} holds half of a surrogate pair; write the character whole")
    if size > MAX_STRING:
        problem = f"a string has {size} bytes; the limit is {MAX_STRING}"
        _refuse("long_string", f"{problem}. Keep long text in a file of its own")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        # add() gives None, which is what lets the search go on; mypy objects to using that
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        _refuse("duplicate_key", f"the key {reprlib.repr(twice)} stands twice in one object; keep one of them")
    return members


def _integer(digits: str) -> int:
    # The length first: turning a million digits into an int takes a while.
    if len(digits.lstrip("-")) > 16 or abs(value := int(digits)) > MAX_SAFE_INTEGER:
        _refuse("big_integer", f"the integer {reprlib.repr(digits)} lies beyond 2**53; write it as text")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        _refuse("not_finite", f"{reprlib.repr(digits)} is beyond the largest float, about 1.8e308; write null or text")
    return value


def _constant(name: str) -> NoReturn:
    _refuse("not_finite", f"{name} is not a JSON number; write null or leave it out")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_float=_finite, parse_int=_integer, parse_constant=_constant
)
