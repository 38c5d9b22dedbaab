# SPDX-License-Identifier: Apache-2.0
"""Texts such as ``mock:seed=3,drift_rate=0.1`` turned into a name and typed options.

This reads the texts and checks options against a constructor; it knows no substrate and no corpus.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final, TypeVar

from ophamin.errors import ClaimError, nearest_name

__all__ = ["accepted_keywords", "build_with_options", "parse_options", "parse_value"]

T = TypeVar("T")

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,4000}")
_REAL: Final = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.?[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLEANS: Final = {"true": True, "True": True, "false": False, "False": False}


def parse_value(text: str) -> int | float | bool | str:
    """The value that a text writes down: int, float, bool, else the text itself.

    What is no finite number, such as ``nan`` or ``1e999``, stays text.

    >>> [parse_value(text) for text in ("3", "-0.5", "1e-3", "true", "walker", "nan")]
    [3, -0.5, 0.001, True, 'walker', 'nan']
    """
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _REAL.fullmatch(text) and isfinite(number := float(text)):
        return number
    return text


def parse_options(parts: list[str], spec: str) -> dict[str, str]:
    """Read ``key=value`` parts; the values stay texts.

    Args:
        parts: one text per option; a part without ``=`` stands for ``key=true``.
        spec: the whole text, for the error message.

    Raises:
        ClaimError: a key is empty, is no identifier, or stands twice.

    Example:
        >>> parse_options(["seed=3", "fresh"], "mock:seed=3,fresh")
        {'seed': '3', 'fresh': 'true'}
    """
    options: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.strip().partition("=")
        if not key.isidentifier():
            raise ClaimError(f"{spec!r}: {part!r} is no option; write name:key=value,key=value")
        if key in options:
            raise ClaimError(f"{spec!r}: the option {key!r} stands twice; give it once")
        options[key] = value if equals else "true"
    return options


def accepted_keywords(factory: Callable[..., Any]) -> dict[str, str]:
    """The keywords that a factory takes, each with its annotation as text (empty without one).

    >>> def build(seed: int = 0, *, name="x"): ...
    >>> accepted_keywords(build)
    {'seed': 'int', 'name': ''}
    """
    return {
        parameter.name: _annotation_text(parameter)
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
    }


def build_with_options(
    what: str,
    factory: Callable[..., T],
    options: Mapping[str, Any],
    *positional: Any,
    hidden: frozenset[str] = frozenset(),
) -> T:
    """Call a factory with options that were checked against its signature first.

    Args:
        what: what is built, for the error message, such as ``substrate 'mock'``.
        factory: a class or a function.
        options: keyword arguments.
        positional: arguments that stand before them.
        hidden: parameters of the factory that no option may set.

    Raises:
        ClaimError: an option is unknown, one that is needed is missing, or the factory refuses a value.
    """
    accepted = [name for name in accepted_keywords(factory) if name not in hidden]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(factory).parameters.values())
    for name in options:
        if name in hidden or (name not in accepted and not takes_any):
            raise ClaimError(f"{what} takes no option {name!r}; {nearest_name(name, accepted)}")
    try:
        return factory(*positional, **options)
    except (TypeError, ValueError) as problem:
        given = ", ".join(f"{name}={value!r}" for name, value in options.items()) or "no option"
        raise ClaimError(f"{what} cannot be built with {given}: {problem}; {nearest_name('', accepted)}") from problem


def _annotation_text(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return ""
    if isinstance(annotation, str):
        return annotation
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
