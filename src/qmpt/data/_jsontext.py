# SPDX-License-Identifier: Apache-2.0
"""JSON text of plain values, by orjson where it is installed and by the standard library otherwise.

Both ways give equal values; the bytes may differ in how a number is written. A number that is not finite and an
integer beyond 64 bits never pass unnoticed, also where they were put into a value after it had been checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, NoReturn

from qmpt.data.values import utf8_text

__all__ = ["dump_lines", "dumps", "loads"]

# orjson reads an integer beyond 64 bits as a float; text with that many digits goes to the standard library instead.
_DIGITS_AS_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER: Final = b"0" * 20
_NULL: Final = b"null"  # also what orjson makes of a number that is not finite


def dumps(value: Any) -> bytes:
    """Compact UTF-8.

    Raises:
        ValueError: a number is not finite or a text is not UTF-8; the message says where, and the way out.
        TypeError: the value is not plain in another way.
    """
    return _dumper()(value)


def dump_lines(values: Iterable[Any]) -> bytes:
    """One line for each value, each with its end; what none of them may hold is looked for in all of them at once.

    Raises:
        ValueError: see `dumps`.
        TypeError: see `dumps`.
    """
    orjson = _orjson()
    if orjson is None:
        return b"".join(_dump_with_json(value) + b"\n" for value in values)
    rows, dump, option = list(values), orjson.dumps, _options(orjson) | orjson.OPT_APPEND_NEWLINE
    try:
        text = b"".join([dump(row, None, option) for row in rows])
    except TypeError:
        _check(rows)
        raise
    if _NULL in text:
        _check(rows)
    return text


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
    options = _options(orjson)

    def dump(value: Any) -> bytes:
        try:
            text: bytes = orjson.dumps(value, None, options)
        except TypeError:
            _check(value)
            raise
        if _NULL in text:
            _check(value)
        return text

    return dump


def _options(orjson: Any) -> int:
    options: int = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
    return options


def _dump_with_json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        _check(value)
        raise TypeError(f"it has no JSON text: {error}") from None


def _check(value: Any) -> None:
    """Find the number or text that JSON cannot write, wherever it is in a value; a value inside itself is no problem.

    Raises:
        ValueError: there is one; the message says where.
    """
    seen: set[int] = set()
    left: list[tuple[str, Any]] = [("", value)]
    while left:
        where, part = left.pop()
        if isinstance(part, str):
            utf8_text(part, where=where or "the value")
        elif isinstance(part, float) and not math.isfinite(part):
            raise ValueError(f"{where or 'the value'} is {part}; give a finite number, or None where there is none")
        elif isinstance(part, dict | list | tuple) and id(part) not in seen:
            seen.add(id(part))
            pairs = part.items() if isinstance(part, dict) else enumerate(part)
            for key, inner in pairs:
                name = utf8_text(str(key), where=f"a key of {where or 'the value'}")
                left.append((f"{where}.{name}" if where else name, inner))


def _load_with_json(text: bytes) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; write null")
