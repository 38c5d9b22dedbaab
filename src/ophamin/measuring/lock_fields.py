# SPDX-License-Identifier: Apache-2.0
"""What the lock holds of a plan: one table that says of every part whether it decides, is the body, or only tells.

A part of `Plan.config` that is not in the table has no place in the lock, and a test fails until it is given one. The
module knows values, not files: `ophamin.measuring.lockfile` reads and writes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ophamin.core import strictjson
from ophamin.core.canonical import MAX_SAFE_INTEGER, NotCanonicalError, canonical_bytes, check_canonical
from ophamin.core.jsontext import compact_sorted

__all__ = [
    "PARTS",
    "REQUIRED",
    "TERMS",
    "Part",
    "Role",
    "absent_terms",
    "is_same",
    "packed",
    "read_term",
    "terms_of",
    "unpacked",
]

Role = Literal["decides", "body", "tells"]
Form = Literal["text", "number", "count", "flag", "distance", "texts", "table"]

REQUIRED: Final = object()
"""Stands where a term has no value that an absent key could mean."""

_PACKED: Final = "json:"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a plan's configuration, and what becomes of it in the lock.

    Attributes:
        path: where it stands in ``Plan.config``; empty for what the collector adds.
        role: ``decides`` (a change moves the goalposts), ``body`` (the digest of the test), or ``tells`` (prose and
            labels, which no verdict depends on).
        name: its key in the lock; empty where it has none.
        form: of which kind its value is.
        absent: what an absent key means in this schema, whatever the default of `Settings` may become; `REQUIRED`
            where the key must be there.
    """

    path: tuple[str, ...]
    role: Role
    name: str = ""
    form: Form = "text"
    absent: Any = REQUIRED


def _decides(path: str, form: Form = "text", absent: Any = REQUIRED, name: str = "") -> Part:
    parts = tuple(path.split("."))
    return Part(parts, "decides", name or parts[-1], form, absent)


PARTS: Final = (
    _decides("name", name="scenario"),
    _decides("statement"),
    _decides("statistic"),
    _decides("metric"),
    _decides("kind"),
    _decides("comparator"),
    _decides("value", "number", name="threshold"),
    _decides("units", absent=""),
    _decides("operationalization"),
    _decides("h0"),
    _decides("h1"),
    _decides("sequential", "flag", absent=False),
    _decides("settings.method"),
    _decides("settings.alpha", "number"),
    _decides("settings.beta", "number"),
    _decides("settings.mde", "number", absent=None),
    _decides("settings.design", absent="threshold"),
    _decides("settings.margin", "distance", absent=None),
    _decides("settings.budget", "count", absent=None),
    _decides("settings.batch", "count", absent=1),
    _decides("settings.boundaries", absent="ville"),
    _decides("settings.min_samples", "count", absent=1),
    _decides("settings.unit", absent=None),
    _decides("settings.errors", absent="exclude"),
    _decides("settings.error_budget", "count", absent=0),
    _decides("settings.max_seconds", "number", absent=None),
    _decides("settings.order", absent="random"),
    _decides("settings.load", absent="exclusive"),
    _decides("settings.census", "flag", absent=False),
    _decides("settings.multiplicity", absent=""),
    _decides("analysis", absent=""),
    _decides("pillars", "texts", absent=()),
    _decides("conditions", "texts", absent=()),
    Part((), "decides", "corpus_digest", "text", ""),
    _decides("corpus", "table", absent={}),
    _decides("options", "table", absent={}),
    _decides("parameters", "table", absent={}),
    Part(("source_digest",), "body"),
    Part(("goal",), "tells"),
    Part(("explanation",), "tells"),
    Part(("method_note",), "tells"),
    Part(("if_refuted",), "tells"),
    Part(("tier",), "tells"),
    Part(("family",), "tells"),
)
"""Every part of ``Plan.config``, in the order in which the lock writes them."""

TERMS: Final[Mapping[str, Part]] = {part.name: part for part in PARTS if part.role == "decides"}
"""The parts that decide, by their keys in the lock."""


def terms_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of a plan: all of its configuration that decides, in the forms of the lock.

    Args:
        config: ``Plan.config``.

    Returns:
        Key in the lock to value; ``corpus_digest`` is None, since the plan does not know it.

    Raises:
        ValueError: a value is of another form than the table says.
    """
    terms = absent_terms()
    terms["corpus_digest"] = None
    for name, part in TERMS.items():
        value: Any = config
        for key in part.path:
            value = value[key]
        if part.path and (value is not None or part.absent is REQUIRED):
            terms[name] = _in_form(part, value)
    return terms


def absent_terms() -> dict[str, Any]:
    """What a lock means that gives no term at all, in the order of the lock; `REQUIRED` where it has to give one."""
    return {name: {} if part.form == "table" else part.absent for name, part in TERMS.items()}


def read_term(name: str, value: Any) -> Any:
    """A term as it came out of a file, checked and in its own form.

    Raises:
        ValueError: says what the value is and what belongs there.

    Example:
        >>> read_term("threshold", 1)
        1.0
        >>> read_term("budget", "many")
        Traceback (most recent call last):
        ...
        ValueError: it is 'many', and a whole number belongs there
    """
    part = TERMS[name]
    if part.form == "table" and isinstance(value, dict):
        value = {key: unpacked(one) for key, one in value.items()}
    return _FORMS[part.form](value)


def is_same(name: str, old: Any, new: Any) -> bool:
    """Whether two values of a term mean the same; in tables 1, 1.0 and true are three values.

    >>> is_same("parameters", {"dose": 1}, {"dose": True}), is_same("threshold", 1.0, 1.0)
    (False, True)
    """
    if TERMS[name].form != "table":
        return bool(old == new)
    return bool(old == new) and (not old or compact_sorted(old) == compact_sorted(new))


def packed(value: Any) -> Any:
    """A plain JSON value in one TOML value: what TOML has no form for becomes text that begins with ``json:``.

    Text, numbers, truth values and flat lists of these stay as they are.

    >>> packed(["a", 1]), packed(["a", None])
    (['a', 1], 'json:["a",null]')
    """
    if isinstance(value, (list, tuple)) and all(_is_scalar(part) for part in value):
        return list(value)
    if _is_scalar(value) and not (isinstance(value, str) and value.startswith(_PACKED)):
        return value
    return _PACKED + canonical_bytes(value).decode("ascii")


def unpacked(value: Any) -> Any:
    """The value that was `packed`.

    Raises:
        ValueError: text that begins with ``json:`` holds none.

    Example:
        >>> unpacked('json:["a",null]')
        ['a', None]
    """
    if isinstance(value, str) and value.startswith(_PACKED):
        return strictjson.loads(value.removeprefix(_PACKED).encode("utf-8", "surrogatepass"), what="json")
    return value


def _in_form(part: Part, value: Any) -> Any:
    if part.form == "table" and part.name != "parameters":
        # None says that an option or a limit was not given; in parameters it is a value like others.
        value = {key: one for key, one in value.items() if one is not None}
    return _FORMS[part.form](value)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, bool, int, float))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(_misfit(value, "a text"))
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(_misfit(value, "a number"))
    if not math.isfinite(value):
        raise ValueError(f"it is {value!r}, and a finite number belongs there")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_SAFE_INTEGER:
        raise ValueError(_misfit(value, "a whole number"))
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(_misfit(value, "true or false"))
    return value


def _distance(value: Any) -> float | tuple[float, ...]:
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise ValueError(f"it has {len(value)} numbers, and one or two belong there")
        return tuple(_number(one) for one in value)
    return _number(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(_misfit(value, "a list of texts"))
    return tuple(sorted(_text(one) for one in value))


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(_misfit(value, "a table"))
    found = {key: list(one) if isinstance(one, tuple) else one for key, one in value.items()}
    try:
        check_canonical(found)
    except NotCanonicalError as error:
        raise ValueError(f"{error}, and plain values belong there") from error
    return found


def _misfit(value: Any, wanted: str) -> str:
    """What stands there, short whatever it is: a number may have a million digits."""
    shown = repr(value[:40]) if isinstance(value, str) else f"of the type {type(value).__name__}"
    if isinstance(value, (bool, int, float)) and (isinstance(value, float) or value.bit_length() <= 64):
        shown = repr(value)
    return f"it is {shown}, and {wanted} belongs there"


_FORMS: Final[Mapping[Form, Callable[[Any], Any]]] = {
    "text": _text,
    "number": _number,
    "count": _count,
    "flag": _flag,
    "distance": _distance,
    "texts": _texts,
    "table": _table,
}
