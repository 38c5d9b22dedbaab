# SPDX-License-Identifier: Apache-2.0
"""The errors that several parts of qmpt raise.

A class that ends in ``Error`` says that something is wrong with the input. `InsufficientEvidence` does not: the input
may be in order and still hold too little for a number. Every message gives the value, the limit and the way out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

__all__ = [
    "ConfigError",
    "DataError",
    "DuplicateIdError",
    "InsufficientEvidence",
    "MissingLibraryError",
    "QmptError",
    "RowError",
    "SourceError",
    "nearest_name",
    "validation_message",
]


class QmptError(Exception):
    """Root of every error that qmpt raises on purpose."""


class ConfigError(QmptError, ValueError):
    """A configuration cannot be honoured: unknown key, wrong kind of value, unreadable file."""


class DataError(QmptError, ValueError):
    """Data cannot be read, written or used."""


class RowError(DataError):
    """One row of a file cannot be used.

    Attributes:
        row: its number, counted from 1; for text files the number of the line.
    """

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


class DuplicateIdError(DataError):
    """One id stands for two things."""


class SourceError(DataError):
    """Input of another program is not in the form it should have, or is of no known kind."""


class MissingLibraryError(QmptError, ImportError):
    """An optional library is needed here and is not installed."""


class InsufficientEvidence(QmptError):  # noqa: N818 - not an error; the name is public API
    """There is too little evidence for a number; the message says what is missing."""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant, for the end of an error message.

    >>> nearest_name("gm_v1", ["gmm_v1", "hist_v1"])
    "did you mean 'gmm_v1'? Known: gmm_v1, hist_v1"
    >>> nearest_name("x", [])
    'none is known here'
    """
    import difflib

    names = sorted(known)
    if not names:
        return "none is known here"
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(names)}"


def validation_message(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem that a model found, in one sentence: where, what, and the nearest key for an unknown one.

    Args:
        error: what the model raised.
        model: the model, whose fields are the known keys.

    Example:
        >>> from pydantic import BaseModel, ConfigDict, ValidationError
        >>> class Weights(BaseModel):
        ...     model_config = ConfigDict(extra="forbid")
        ...     alpha: float = 1.0
        >>> try:
        ...     Weights(alhpa=2)
        ... except ValidationError as error:
        ...     validation_message(error, Weights)
        "alhpa is no known key; did you mean 'alpha'? Known: alpha"
    """
    problems = error.errors(include_url=False, include_context=False)
    first, others = problems[0], len(problems) - 1
    path = ".".join(str(part) for part in first["loc"]) or model.__name__
    if first["type"] == "extra_forbidden":
        text = f"{path} is no known key; {nearest_name(str(first['loc'][-1]), _keys_at(model, first['loc'][:-1]))}"
    elif first["type"] == "missing":
        text = f"{path} is missing; give it"
    else:
        said = first["msg"].removeprefix("Value error, ")
        text = f"{path}: {said[:1].lower()}{said[1:]}"
        if first["type"] != "value_error":  # those name the value themselves
            text += f", not {first['input']!r:.80}"
    return f"{text} (and {others} more)" if others else text


def _keys_at(model: Any, path: tuple[int | str, ...]) -> set[str]:
    """The fields of the model that is found by following a path of fields through a model."""
    from pydantic import BaseModel

    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        if field is None:
            return set()
        model = next((kind for kind in _types_in(field.annotation) if issubclass(kind, BaseModel)), None)
        if model is None:
            return set()
    return set(model.model_fields)


def _types_in(annotation: Any) -> list[type]:
    from typing import get_args

    parts = get_args(annotation)
    return (
        [kind for part in parts for kind in _types_in(part)] if parts else [annotation] * isinstance(annotation, type)
    )
