# SPDX-License-Identifier: Apache-2.0
"""Canonical bytes and content ids.

The canonical bytes of a value are the ASCII bytes of CPython's JSON writer with sorted keys (by code point) and no
spaces, floats in their shortest round-trip form. That is the wire of the 1.0 records. What that writer would let
slip through is refused here: numbers that are not finite, integers that other readers round, keys that are not text,
and types that have no JSON form.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ophamin.errors import OphaminError

__all__ = ["MAX_SAFE_INTEGER", "NotCanonicalError", "canonical_bytes", "check_canonical", "content_hash", "file_digest"]

MAX_SAFE_INTEGER: Final = 2**53
"""Beyond this, readers that keep numbers as doubles would round (IEEE 754 binary64)."""

MAX_DEPTH: Final = 64

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


class NotCanonicalError(OphaminError, ValueError):
    """A value has no canonical form; ``path`` says where it sits, such as ``$.claim.threshold.value``."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


def canonical_bytes(value: Any) -> bytes:
    r"""The one byte string that stands for ``value``.

    Args:
        value: None, bool, int, float, str, or lists, tuples and text-keyed dicts of these.

    Returns:
        ASCII bytes.

    Raises:
        NotCanonicalError: with the path of a field that has no canonical form.

    Example:
        >>> canonical_bytes({"b": 1e20, "a": ["\u00e9", True, None, 1.0, 1]})
        b'{"a":["\\u00e9",true,null,1.0,1],"b":1e+20}'
    """
    check_canonical(value)
    return _encode(value).encode("ascii")


def content_hash(value: Any) -> str:
    """SHA-256 in hex over the canonical bytes of ``value``.

    >>> content_hash({})
    '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    """
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 in hex over the bytes of a file, read in blocks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_canonical(value: Any) -> None:
    """Raise `NotCanonicalError` where ``value`` has no canonical form.

    >>> check_canonical({"verdict": {"seed": 2**53 + 1}})
    Traceback (most recent call last):
    ...
    ophamin.core.canonical.NotCanonicalError: $.verdict.seed: the integer 9007199254740993 lies beyond 2**53; ...
    """
    pending: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while pending:
        item, path = pending.pop()
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if isinstance(item, float):
            if not math.isfinite(item):
                raise NotCanonicalError(_spell(path), f"{item!r} is not a finite number; leave it out or write null")
        elif isinstance(item, int):
            if not -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER:
                shown = item if item.bit_length() <= 256 else f"of {item.bit_length()} bits"
                raise NotCanonicalError(_spell(path), f"the integer {shown} lies beyond 2**53; write it as text")
        elif isinstance(item, (dict, list, tuple)):
            if len(path) >= MAX_DEPTH:
                raise NotCanonicalError(_spell(path), f"nested deeper than {MAX_DEPTH} levels")
            pending.extend((child, (*path, key)) for key, child in _children(item, path))
        elif not isinstance(item, str):
            raise NotCanonicalError(_spell(path), f"a {kind.__name__} has no JSON form; convert it first")


def _children(
    item: dict[Any, Any] | list[Any] | tuple[Any, ...], path: tuple[str | int, ...]
) -> Iterator[tuple[str | int, Any]]:
    if not isinstance(item, dict):
        yield from enumerate(item)
        return
    for key, child in item.items():
        if not isinstance(key, str):
            raise NotCanonicalError(_spell(path), f"the key {key!r} is a {type(key).__name__}; keys are text")
        yield key, child


def _spell(path: tuple[str | int, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
