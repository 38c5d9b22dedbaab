# SPDX-License-Identifier: Apache-2.0
"""Fields of what a tool printed, taken only where they have the expected type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["as_mapping", "as_text", "as_whole"]


def as_text(value: Any) -> str:
    """The value, which must be a text.

    Raises:
        TypeError: it is none.

    Example:
        >>> as_text(1)
        Traceback (most recent call last):
        ...
        TypeError: a text was expected, not int
    """
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, not {type(value).__name__}")
    return value


def as_whole(value: Any) -> int:
    """The value, which must be a whole number within 2**53.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is too large.

    Example:
        >>> as_whole(-1)
        -1
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"a whole number was expected, not {type(value).__name__}")
    if abs(value) >= 2**53:
        raise ValueError("a whole number within 2**53 was expected")
    return value


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The value, which must be an object.

    Raises:
        TypeError: it is none.

    Example:
        >>> as_mapping({"row": 1})
        {'row': 1}
    """
    if not isinstance(value, dict):
        raise TypeError(f"an object was expected, not {type(value).__name__}")
    return value
