# SPDX-License-Identifier: Apache-2.0
"""Values that mean the same in memory and in every file format: plain values and time stamps.

Nothing here knows what a value stands for.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import Any, Final

__all__ = ["LARGEST", "MAX_DEPTH", "MAX_TIMESTAMP", "MIN_TIMESTAMP", "plain", "plain_mapping", "timestamp", "utf8_text"]

MAX_DEPTH: Final = 64
"""Levels of lists and dictionaries in one value."""
MIN_TIMESTAMP: Final = -62_135_596_800.0
"""0001-01-01, in seconds since 1970-01-01, UTC."""
MAX_TIMESTAMP: Final = 253_402_300_800.0
"""10000-01-01, in seconds since 1970-01-01, UTC; not itself allowed."""

LARGEST: Final = 1e300
"""Largest magnitude of a number that is measured: sums and differences of larger ones overflow."""

_MIN_INTEGER: Final = -(2**63)
_MAX_INTEGER: Final = 2**63 - 1
_FINER_UNITS: Final = ("ns", "ps", "fs", "as")  # than microseconds; each of their times fits
_BARE_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?")
_SPACE_BEFORE_OFFSET = re.compile(r"\s+(?=[+-][0-9]{2}:?[0-9]{2}$|Z$)")


def plain(value: Any, *, where: str = "the value") -> Any:
    """A copy of a value in which only None, bool, int, float, str, list and dict occur.

    Such a value comes back equal from every format. Tuples and numpy arrays become lists, numpy scalars become numbers,
    and NaN becomes None, which is how a missing number is written.

    Args:
        value: at most `MAX_DEPTH` levels deep.
        where: what the value is, for messages.

    Raises:
        ValueError: another type, a key that is no text, an infinite number, an integer beyond 64 bits, text with a lone
            surrogate, or too many levels.

    Example:
        >>> plain({"window": (1, 2.5, float("nan")), "ok": True})
        {'window': [1, 2.5, None], 'ok': True}
    """
    return _plain(value, where, 0)


def plain_mapping(value: Any, *, where: str = "the value") -> dict[str, Any]:
    """Like `plain`, for a dictionary with text as keys.

    Raises:
        ValueError: it is no dictionary, or see `plain`.

    Example:
        >>> plain_mapping({"team": "search"})
        {'team': 'search'}
    """
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {type(value).__name__}; give a dictionary with text as keys")
    copied: dict[str, Any] = _plain(value, where, 0)
    return copied


def timestamp(value: Any) -> float:
    """Seconds since 1970-01-01, UTC, from one of the usual forms.

    A time without a zone is read as UTC. Text is ISO 8601, with ``T`` or a space, ``Z`` or an offset, and also with
    a space before the offset, as git writes it. Text that is a bare number is refused, for nobody can tell seconds,
    milliseconds and the date ``20261121`` apart. Text and datetime64 are read to the microsecond.

    Args:
        value: seconds as int or float, a datetime, a date (its midnight), a numpy number or datetime64, or text.

    Returns:
        Seconds in [`MIN_TIMESTAMP`, `MAX_TIMESTAMP`).

    Raises:
        ValueError: another form, not finite, or out of the range.

    Example:
        >>> timestamp("2026-11-21T10:00:00+01:00"), timestamp("2026-11-21 09:00:00 Z"), timestamp(1795251600)
        (1795251600.0, 1795251600.0, 1795251600.0)
    """
    seconds = value if type(value) is float else _seconds(value)
    if not MIN_TIMESTAMP <= seconds < MAX_TIMESTAMP:  # also true of NaN
        raise ValueError(
            f"the time stamp {value!r} is not within the years 1 to 9999; give seconds since 1970-01-01 "
            "(divide milliseconds by 1000, nanoseconds by 1e9)"
        )
    return seconds


def utf8_text(text: str, *, where: str = "the value") -> str:
    r"""The text itself, if UTF-8 can write it, as every file format here asks for.

    Args:
        text: any text.
        where: what the text is, for messages.

    Raises:
        ValueError: it holds a lone surrogate, which is what badly decoded bytes leave behind.

    Example:
        >>> utf8_text("\ud800", where="the tag")
        Traceback (most recent call last):
        ...
        ValueError: the tag holds text with a lone surrogate at position 0; decode it with errors='replace'
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where} holds text with a lone surrogate at position {error.start}; decode it with errors='replace'"
        ) from None
    return text


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return _numpy_seconds(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(
            f"a time stamp is {type(value).__name__}; give seconds since 1970-01-01, a datetime or ISO 8601 text"
        )
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _numpy_seconds(value: Any) -> float:
    if value.dtype.kind == "M":
        if str(value) == "NaT":
            raise ValueError("a time stamp is NaT; leave the observation out or give its time")
        return _datetime64_seconds(value)
    return _seconds(value.item())


def _datetime64_seconds(value: Any) -> float:
    """By microseconds, for nanoseconds hold no year after 2262; infinite where microseconds do not hold it either."""
    import numpy as np

    microseconds = value.astype("datetime64[us]")  # numpy wraps in silence where it does not fit
    is_finer = np.datetime_data(value.dtype)[0] in _FINER_UNITS
    if not is_finer and microseconds.astype(value.dtype) != value:
        return math.inf
    return int(microseconds.astype("int64")) / 1e6


def _parsed(text: str) -> float:
    trimmed = text.strip()
    if _BARE_NUMBER.fullmatch(trimmed):
        raise ValueError(f"the time stamp {text!r} is a number in quotes; give the number itself, in seconds")
    try:
        moment = datetime.fromisoformat(_SPACE_BEFORE_OFFSET.sub("", trimmed.upper()))
        return _seconds(moment)
    except (ValueError, OverflowError):
        raise ValueError(
            f"the time stamp {text!r:.80} is no ISO 8601 time; write it as 2026-11-21T10:00:00+00:00"
        ) from None


def _plain(value: Any, where: str, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return value if value.isascii() else utf8_text(value, where=where)
    if value is None or kind is bool:
        return value
    if kind is float:
        return _finite(value, where)
    if kind is int:
        return _integer(value, where)
    if depth >= MAX_DEPTH:
        raise ValueError(f"{where} is more than {MAX_DEPTH} levels deep; flatten it, or write it as JSON text")
    if isinstance(value, dict):
        return {_key(key, where): _plain(item, where, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, where, depth + 1) for item in value]
    return _converted(value, where, depth)


def _converted(value: Any, where: str, depth: int) -> Any:
    """Subclasses of the plain types, and what numpy makes."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist") and value.dtype.kind in "biufUO":
        listed = value.astype("float64") if value.dtype.char == "g" else value  # a long double has no number of Python
        return _plain(listed.tolist(), where, depth)
    if isinstance(value, str):
        return utf8_text(str.__str__(value), where=where)
    if isinstance(value, int):
        return _integer(int(value), where)
    if isinstance(value, float):
        return _finite(float(value), where)
    way_out = "write bytes as base64 text" if isinstance(value, bytes | bytearray) else "write it as text or numbers"
    raise ValueError(f"{where} holds {type(value).__name__}, which not every file format can keep; {way_out}")


def _finite(value: float, where: str) -> float | None:
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return None
    raise ValueError(f"{where} holds {value}; give a finite number, or None where there is none")


def _integer(value: int, where: str) -> int:
    if not _MIN_INTEGER <= value <= _MAX_INTEGER:
        raise ValueError(f"{where} holds an integer of {value.bit_length()} bits; the limit is 63: write it as text")
    return value


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise ValueError(f"{where} has the key {key!r:.80}; JSON has only text as keys: write it as text")
    return utf8_text(str.__str__(key), where=where)
