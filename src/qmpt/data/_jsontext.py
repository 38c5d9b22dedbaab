# SPDX-License-Identifier: Apache-2.0
"""JSON text of plain values, by orjson where it is installed and by the standard library otherwise.

Both ways give equal values; the bytes may differ in how a number is written. A number that is not finite and an
integer beyond 64 bits never pass unnoticed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final, NoReturn

__all__ = ["dumps", "line_dumper", "loads"]

# orjson reads an integer beyond 64 bits as a float; text with that many digits goes to the standard library instead.
_DIGITS_AS_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER: Final = b"0" * 20


def dumps(value: Any) -> bytes:
    """Compact UTF-8.

    Raises:
        TypeError, ValueError: the value is not plain.
    """
    return _dumper()(value)


@cache
def line_dumper() -> Callable[[Any], bytes]:
    """What makes the line of a value, with its end."""
    orjson = _orjson()
    if orjson is None:
        return lambda value: _dump_with_json(value) + b"\n"
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

    def dump(value: Any) -> bytes:
        line: bytes = orjson.dumps(value, None, options)
        return line

    return dump


def loads(text: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON; the message says where.
    """
    orjson = _orjson()
    if orjson is None or _LONG_NUMBER in text.translate(_DIGITS_AS_ZERO):
        return _load_with_json(text)
    return orjson.loads(text)


@cache
def _orjson() -> Any:
    try:
        import orjson
    except ImportError:
        return None
    return orjson


@cache
def _dumper() -> Callable[[Any], bytes]:
    orjson = _orjson()
    if orjson is None:
        return _dump_with_json
    options = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

    def dump(value: Any) -> bytes:
        text: bytes = orjson.dumps(value, None, options)
        return text

    return dump


def _dump_with_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _load_with_json(text: bytes) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; write null")
