# SPDX-License-Identifier: Apache-2.0
"""The version string of anything that computes numbers from a configuration.

It has the form ``name@semver+digest``. The digest covers the whole resolved configuration, so that two numbers with
equal version strings were made in the same way. What cannot be written into a digest is refused, never left out.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MethodType
from typing import Any

from qmpt.errors import ConfigError

__all__ = ["version_string"]

DIGEST_LENGTH = 8
"""Hexadecimal digits of SHA-256 that are kept."""
MAX_DEPTH = 64
"""Levels of lists, dictionaries and objects in one configuration."""

_WAY_OUT = "give numbers, texts, lists, dictionaries, or an object that has get_params or a text as version"


def version_string(name: str, semver: str, config: Mapping[str, Any]) -> str:
    """Name what computed a number: ``<name>@<semver>+<8 hex digits>``.

    Numpy numbers count as those of Python and arrays as lists. An object that has ``get_params``, as each estimator of
    scikit-learn, counts as its class and its parameters, and so does a dataclass with the fields that build it; an
    attribute ``version`` that is a text counts, too, and is enough for another object. This holds for objects inside
    objects. A class, or a function of a module, counts as its name.

    Args:
        name: of the estimator or feature specification.
        semver: version of its code.
        config: the resolved configuration; the order of its keys does not matter.

    Raises:
        ConfigError: a value that has no such form, a number that is not finite, or more than `MAX_DEPTH` levels.

    Example:
        >>> version_string("text_v1", "1.0.0", {"seed": 0})
        'text_v1@1.0.0+bd048884'
    """
    resolved = {key: _plain(value, str(key), 0) for key, value in config.items()}
    try:
        canonical = json.dumps(resolved, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except TypeError as error:
        raise ConfigError(f"the configuration of {name} has no version: {error}; give texts as keys") from None
    return f"{name}@{semver}+{hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_LENGTH]}"


def _plain(value: Any, where: str, depth: int) -> Any:
    """A value of which JSON text can be made, and the same text in every process."""
    if depth > MAX_DEPTH:
        raise ConfigError(f"{where} is more than {MAX_DEPTH} levels deep, which has no version; flatten it")
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConfigError(f"{where} is {value}, which has no version; give a finite number, or None for no limit")
        return float(value)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _from_numpy(value, where, depth)
    if isinstance(value, Mapping):
        return {key: _plain(part, f"{where}.{key}", depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, f"{where}.{place}", depth + 1) for place, part in enumerate(value)]
    return _from_object(value, where, depth)


def _from_numpy(value: Any, where: str, depth: int) -> Any:
    if value.dtype.kind not in "biufUO":
        raise ConfigError(f"{where} holds numpy values of type {value.dtype}, which has no version; {_WAY_OUT}")
    listed = value.astype("float64") if value.dtype.char == "g" else value  # a long double has no number of Python
    return _plain(listed.tolist(), where, depth + 1)


def _from_object(value: Any, where: str, depth: int) -> Any:
    """A name for a class or function, a name and parameters for another object."""
    if hasattr(value, "__qualname__"):
        # <lambda>, <locals> and methods: one name for many functions
        if "<" in value.__qualname__ or isinstance(value, MethodType):
            raise ConfigError(
                f"{where} is {value.__qualname__}, which has no name of its own and so no version; "
                "define a class or function in a module"
            )
        return f"{value.__module__}.{value.__qualname__}"
    version = getattr(value, "version", None)
    kind = type(value)
    described = {"class": f"{kind.__module__}.{kind.__qualname__}"}
    described |= {"version": version} if isinstance(version, str) else {}
    parameters = _parameters_of(value)
    if parameters is not None:
        return {**described, "parameters": _plain(parameters, where, depth + 1)}
    if "version" not in described:
        raise ConfigError(f"{where} is of type {kind.__name__}, which has no version; {_WAY_OUT}")
    return described


def _parameters_of(value: Any) -> Mapping[str, Any] | None:
    if callable(getattr(value, "get_params", None)):
        # deep=False, since the objects inside are visited here and name their own class
        parameters: Mapping[str, Any] = value.get_params(deep=False)
        return parameters
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    return None
