# SPDX-License-Identifier: Apache-2.0
"""JSON text of a record file, written fast.

The text is the one of ``json.dumps(value, indent=2)``, character for character; CPython leaves its C encoder
as soon as an indent is asked for, this module does not. It writes only what a record may hold: text keys,
finite numbers. It reads nothing; `ophamin.core.strictjson` reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quote
from math import isfinite
from typing import Any, Final, final

__all__ = ["TextMap", "compact_sorted", "indented"]

_STEP: Final = "  "

compact_sorted: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False, check_circular=False
).encode
"""Canonical JSON text of a value that is known to be plain; `ophamin.core.canonical` checks what is not."""


@final
class TextMap:
    """A text-to-text mapping whose rendered forms are kept, since many records carry the same one.

    The forms depend on the content alone, so that a mapping which changed is rendered anew.

    Args:
        mapping: text keys and text values.

    Raises:
        TypeError: a key or a value is not text.
    """

    __slots__ = ("_keys", "_values")

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._keys = tuple(mapping)
        self._values = tuple(mapping.values())
        "".join(self._keys)  # the fastest proof that all are text: 1, 1.0 and True would share a cache entry
        "".join(self._values)

    def canonical(self) -> str:
        """Compact JSON text with sorted keys.

        >>> TextMap({"b": "2", "a": "1"}).canonical()
        '{"a":"1","b":"2"}'
        """
        return _canonical_map(self._keys, self._values)

    def indented(self, level: int = 0) -> str:
        """Indented JSON text in the mapping's own order, as it stands ``level`` levels deep."""
        return _indented_map(self._keys, self._values, level)


def indented(value: Any, level: int = 0) -> str:
    r"""``json.dumps(value, indent=2)``, for plain JSON values with text keys.

    Args:
        value: None, bool, int, float, str, lists, tuples and text-keyed dicts of these; a `TextMap` anywhere.
        level: how deep the value stands; 0 at the top.

    Raises:
        ValueError: a number is not finite.
        TypeError: a key is not text, or a value has no JSON form.

    Example:
        >>> indented({"a": [1, 2.5], "b": {}})
        '{\n  "a": [\n    1,\n    2.5\n  ],\n  "b": {}\n}'
    """
    kind = type(value)
    if kind is str:
        return _quote(value)
    if kind is dict:
        return _object(value, level)
    if kind is float:
        return _number(value)
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    return _other(value, level)


def _object(value: dict[str, Any], level: int) -> str:
    if not value:
        return "{}"
    inner = level + 1
    parts = []
    for key, child in value.items():
        kind = type(child)
        if kind is str:
            text = _quote(child)
        elif child is None:
            text = "null"
        elif kind is float:
            text = _number(child)
        else:
            text = indented(child, inner)
        parts.append(f"{_quote(key)}: {text}")
    return _enclosed("{", parts, "}", level)


def _other(value: Any, level: int) -> str:
    """Rarer kinds: sequences, subclasses of the plain types, and mappings with a kept form."""
    if isinstance(value, (list, tuple)):
        return _enclosed("[", [indented(child, level + 1) for child in value], "]", level) if value else "[]"
    if isinstance(value, TextMap):
        return value.indented(level)
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, dict):
        return _object(value, level)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _number(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form; convert it first")


def _number(value: float) -> str:
    if not isfinite(value):
        raise ValueError(f"{value!r} is not a finite number and has no JSON form; leave it out or write null")
    return float.__repr__(value)


def _enclosed(opening: str, parts: list[str], closing: str, level: int) -> str:
    outer = "\n" + _STEP * level
    inner = outer + _STEP
    return opening + inner + f",{inner}".join(parts) + outer + closing


@lru_cache(maxsize=16)
def _canonical_map(keys: tuple[str, ...], values: tuple[str, ...]) -> str:
    return compact_sorted(dict(zip(keys, values, strict=True)))


@lru_cache(maxsize=16)
def _indented_map(keys: tuple[str, ...], values: tuple[str, ...], level: int) -> str:
    return _object(dict(zip(keys, values, strict=True)), level)
