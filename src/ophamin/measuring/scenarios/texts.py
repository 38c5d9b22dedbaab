# SPDX-License-Identifier: Apache-2.0
"""What a record says of a test: its docstring in sections, and its parameters as plain values."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from enum import Enum
from pathlib import PurePath
from typing import Any

from ophamin.core.canonical import MAX_SAFE_INTEGER

__all__ = ["plain_parameter", "read_docstring"]


def read_docstring(function: Callable[..., Any]) -> tuple[str, str, str, str]:
    r"""Goal, explanation, method and falsification consequence from a docstring.

    The first line is the goal; sections that begin with ``Method:`` or ``If refuted:`` are what they say; the rest
    is the explanation.

    >>> def test(): '''Does it hold?\n\nSince it matters.\n\nIf refuted: the gate is not safe.'''
    >>> read_docstring(test)
    ('Does it hold?', 'Since it matters.', '', 'the gate is not safe.')
    """
    text = inspect.getdoc(function) or ""
    goal, _, rest = text.partition("\n")
    parts = re.split(r"(?m)^(Method|If refuted):[ \t]*", rest)
    sections = dict(zip(parts[1::2], (_one_paragraph(part) for part in parts[2::2]), strict=True))
    return goal.strip(), _one_paragraph(parts[0]), sections.get("Method", ""), sections.get("If refuted", "")


def plain_parameter(value: Any, redact: Callable[[str], str] = str) -> Any:
    """A parameter as the record can hold it; objects are named by their type, since their repr holds addresses."""
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, (int, float)) and not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return str(value)  # also what is not finite
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (str, PurePath)):
        return redact(str(value))
    if isinstance(value, (list, tuple)):
        return [plain_parameter(part, redact) for part in value]
    if isinstance(value, dict):
        return {redact(str(key)): plain_parameter(part, redact) for key, part in value.items()}
    return getattr(value, "__qualname__", None) or f"<{type(value).__qualname__}>"


def _one_paragraph(text: str) -> str:
    return " ".join(text.split())
