# SPDX-License-Identifier: Apache-2.0
"""What every kind of signed record shares: strict value types, exact reading of sections, id and seal.

A record type is a pydantic dataclass made with `record`: unknown arguments, wrong types and numbers that are
not finite are errors where the value is made. Reading is exact: a section has its fields, all of them and no
others. This module knows no kind of record and writes no file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache, wraps
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Final, Self, TypeVar, cast, dataclass_transform, overload

from pydantic import ConfigDict, PlainValidator, ValidationError
from pydantic.dataclasses import dataclass as _pydantic_dataclass

from ophamin.core import signing
from ophamin.core.canonical import MAX_DEPTH, MAX_SAFE_INTEGER, check_canonical
from ophamin.core.jsontext import compact_sorted
from ophamin.core.strictjson import MAX_STRING
from ophamin.errors import OphaminError

__all__ = [
    "JsonMap",
    "Number",
    "Real",
    "RecordFieldError",
    "Sealed",
    "Section",
    "TextDict",
    "construct",
    "exact_fields",
    "plain_copy",
    "record",
    "record_text",
    "utc_now",
]

_CONFIG: Final = ConfigDict(
    strict=True, extra="forbid", allow_inf_nan=False, validate_assignment=True, str_max_length=MAX_STRING
)
_SHOWN: Final = 60
_LEVELS_AROUND: Final = 8  # levels of a record and its envelope around a free map, which readers count too
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False)
_T = TypeVar("_T")


class RecordFieldError(OphaminError, ValueError):
    """A record has a field missing, unknown or of the wrong form; ``path`` says which."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


@overload
def record(cls: type[_T], /) -> type[_T]: ...
@overload
def record(cls: None = None, /, *, frozen: bool = True) -> Callable[[type[_T]], type[_T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def record(cls: type[_T] | None = None, /, *, frozen: bool = True) -> type[_T] | Callable[[type[_T]], type[_T]]:
    """Make a strict record type: a pydantic dataclass with slots that takes exactly its fields and types.

    A value that it refuses is a `RecordFieldError` with the name of the field; on assignment, pydantic's own
    ``ValidationError``. Both are a ``ValueError``.

    Args:
        cls: the class, where the decorator stands without brackets.
        frozen: False for a record that is signed in place; assignments to it are checked too.

    Example:
        >>> @record
        ... class Point:
        ...     x: Number
        >>> Point(x=1)
        Point(x=1)
    """

    def make(plain: type[_T]) -> type[_T]:
        made: Any = _pydantic_dataclass(plain, config=_CONFIG, frozen=frozen, slots=True)
        made.__init__ = _with_named_fields(made.__init__)
        return cast("type[_T]", made)

    return make if cls is None else make(cls)


def _with_named_fields(init: Callable[..., None]) -> Callable[..., None]:
    """Pydantic names a field given by position by its number; say its name instead."""

    @wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it takes the place of one
        try:
            init(self, *args, **kwargs)
        except ValidationError as error:
            raise _field_error(type(self), error) from error

    return __init__


def _field_error(kind: Any, error: ValidationError) -> RecordFieldError:
    first = error.errors(include_url=False)[0]
    names, _ = _fields_of(kind)
    path = kind.__name__
    for depth, part in enumerate(first["loc"]):
        if depth == 0 and isinstance(part, int) and part < len(names):
            part = names[part]  # noqa: PLW2901 - the same part, by name
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] not in {"value_error", "missing", "missing_argument"}:
        message += f"; given {reprlib.repr(first['input'])}"
    return RecordFieldError(path, message)


def _number(value: Any) -> int | float:
    """``value`` as a plain int or float, whichever it was; finite, and exact in every reader."""
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        raise ValueError(f"{value!r} is not a finite number; an undefined value is None, with its reason")
    if isinstance(value, int) and not isinstance(value, bool):
        if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            return int(value)
        raise ValueError("the integer lies beyond 2**53, where readers round; write it as text in the detail")
    raise ValueError(f"a {type(value).__name__} is not a number; give an int or a float")


def _json_map(value: Any) -> dict[str, Any]:
    """A deep copy of ``value`` in plain JSON types, so that nobody can change the record from outside."""
    if not isinstance(value, Mapping):
        raise ValueError(f"a {type(value).__name__} is not a mapping; give a dict with text keys")
    if not value:
        return {}
    plain = dict(value)
    if (quick := _quick_copy(plain)) is not None:
        return quick
    try:
        text = _ENCODER.encode(plain)
        copy: dict[str, Any] = _DECODER.decode(text)
    except (TypeError, ValueError, RecursionError):
        check_canonical(plain)
        raise
    # What reads back unequal held a key that is not text, or a tuple; what has few brackets is not deep.
    if copy != plain or text.count("{") + text.count("[") > MAX_DEPTH - _LEVELS_AROUND:
        check_canonical(plain)
        check_canonical(_wrapped(copy, _LEVELS_AROUND))
    _check_unicode(text)
    if len(text) > MAX_STRING:
        _check_lengths(copy)
    return copy


def _quick_copy(plain: dict[str, Any]) -> dict[str, Any] | None:
    """A copy by orjson, for what passes every check of `_json_map`; None without orjson, and where there is doubt."""
    if (orjson := _orjson()) is None:
        return None
    try:
        text = orjson.dumps(plain, None, orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_SUBCLASS)
    except TypeError:
        return None
    if len(text) > MAX_STRING or text.count(b"{") + text.count(b"[") > MAX_DEPTH - _LEVELS_AROUND:
        return None
    copy: dict[str, Any] = orjson.loads(text)
    return copy if copy == plain else None


@cache
def _orjson() -> Any:
    try:
        import orjson
    except ImportError:
        return None
    return orjson


def _wrapped(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


def _safe_integer(digits: str) -> int:
    value = int(digits)
    if not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        raise ValueError(f"the integer {digits} lies beyond 2**53; write it as text")
    return value


def _text_dict(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(f"a {type(value).__name__} is not a mapping; give a dict of texts")
    copy = dict(value)
    try:
        text = "".join(copy) + "".join(copy.values())
    except TypeError as error:
        raise ValueError(f"keys and values are text ({error}); convert them with str()") from None
    _check_unicode(text)
    if len(text) > MAX_STRING:
        _check_lengths(copy)
    return copy


def _check_lengths(value: Any) -> None:
    """Refuse texts that the strict reader would refuse, so that what is written can be read."""
    if isinstance(value, str):
        size = len(value.encode())
        if size > MAX_STRING:
            raise ValueError(f"a text of {size} bytes; the limit is {MAX_STRING}, so keep it in a file beside")
    elif isinstance(value, (dict, list)):
        for child in value.values() if isinstance(value, dict) else value:
            _check_lengths(child)


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ascii(text[error.start])
        raise ValueError(f"{half} is half of a surrogate pair; readers differ on it, so replace it") from None


_DECODER: Final = json.JSONDecoder(parse_int=_safe_integer)

Number = Annotated[int | float, PlainValidator(_number)]
"""A finite number that stays the int or float it was, so that its JSON text stays the same."""

Real = Annotated[float, PlainValidator(lambda value: float(_number(value)))]
"""A finite number that is always kept as a float."""

JsonMap = Annotated[dict[str, Any], PlainValidator(_json_map)]
"""A free mapping of plain JSON values with text keys; copied in depth."""

TextDict = Annotated[dict[str, str], PlainValidator(_text_dict)]
"""A mapping of text to text; copied, and cheap to make from a large one."""


class Sealed:
    """A record with an id and a seal, both over one canonical body.

    A record type inherits from it, has a field ``signature`` (hex, or empty while unsigned), is made with
    ``@record(frozen=False)``, and says what its canonical body is.
    """

    __slots__ = ()

    signature: str

    def canonical_body(self) -> bytes:
        """The bytes under id and seal."""
        raise NotImplementedError

    def body_id(self) -> str:
        """SHA-256 in hex over the canonical body."""
        return hashlib.sha256(self.canonical_body()).hexdigest()

    def sign(self, key: bytes) -> Self:
        """Seal the body under a shared key and return the record itself.

        Raises:
            SealKeyError: the key is empty; a record without a key stays unsigned.
        """
        object.__setattr__(self, "signature", signing.seal(self.canonical_body(), key))
        return self

    def verify_signature(self, key: bytes) -> bool:
        """Whether the seal belongs to the body under ``key``; False for an unsigned record.

        Raises:
            SealKeyError: the key is empty.
        """
        return signing.seal_matches(self.canonical_body(), key, self.signature)


class Section:
    """Part of a record that has the same field names in Python and on the wire, in the same order."""

    __slots__ = ()

    _parts: ClassVar[Mapping[str, type[Section]]] = {}
    """Fields that are sections themselves."""

    _reals: ClassVar[tuple[str, ...]] = ()
    """Fields that are made floats here, while an integer read from the wire stays one, to keep the id."""

    def to_dict(self) -> dict[str, Any]:
        """Every field under its own name, in wire order; nothing in it is shared with the section."""
        return {name: plain_copy(value) for name, value in self.wire().items()}

    def wire(self) -> dict[str, Any]:
        """Like `to_dict`, but maps and lists are the section's own: for reading only."""
        kind: Any = type(self)
        names, values = _fields_of(kind)
        wire = dict(zip(names, values(self), strict=False))
        for name in self._parts:
            wire[name] = wire[name].wire()
        return wire

    @classmethod
    def from_dict(cls, data: Any, *, path: str = "$") -> Self:
        """Read the section from its wire form.

        Args:
            data: an object with exactly the fields of the section.
            path: where it stands in the record, for messages.

        Raises:
            RecordFieldError: a field is missing, unknown, or not of its type. Nothing is filled in.
        """
        kind: Any = cls
        fields = exact_fields(data, _fields_of(kind)[0], path)
        for name, part in cls._parts.items():
            fields[name] = part.from_dict(fields[name], path=_join(path, name))
        made = construct(cls, fields, path)
        for name in cls._reals:
            if type(fields[name]) is int:
                object.__setattr__(made, name, fields[name])
        return made


def exact_fields(data: Any, names: Iterable[str], path: str, *, optional: Iterable[str] = ()) -> dict[str, Any]:
    """The fields of a section read from outside: all of ``names``, and nothing beyond those and ``optional``.

    Raises:
        RecordFieldError: with the path of the first field that is missing or unknown.

    Example:
        >>> exact_fields({"a": 1}, ["a", "b"], "claim")
        Traceback (most recent call last):
        ...
        ophamin.core.records.RecordFieldError: claim.b: missing; reading fills nothing in, so write it out
    """
    if not isinstance(data, Mapping):
        raise RecordFieldError(path, f"a {type(data).__name__} stands where named fields belong")
    needed = tuple(names)
    for name in needed:
        if name not in data:
            raise RecordFieldError(_join(path, name), "missing; reading fills nothing in, so write it out")
    if len(data) > len(needed):
        known = {*needed, *optional}
        for name in data:
            if name not in known:
                problem = f"unknown field; the known ones are {', '.join(sorted(known))}"
                raise RecordFieldError(_join(path, str(name)[:_SHOWN]), problem)
    return dict(data)


def construct(kind: type[_T], fields: Mapping[str, Any], path: str) -> _T:
    """``kind(**fields)``, where a refused field is named by its path on the wire."""
    try:
        return kind(**fields)
    except RecordFieldError as error:
        where = error.path.removeprefix(kind.__name__).removeprefix(".")
        raise RecordFieldError(_join(path, where) if where else path, error.problem) from error.__cause__


def record_text(value: Any) -> str:
    """Canonical JSON text of plain values; a value put in after construction that has none is named by path.

    Raises:
        NotCanonicalError: with the path of the value.
    """
    try:
        return compact_sorted(value)
    except (TypeError, ValueError, RecursionError):
        check_canonical(value)
        raise


def plain_copy(value: Any) -> Any:
    """A copy of plain dicts and lists, in depth; everything else in them cannot change and is kept."""
    if isinstance(value, dict):
        return {key: plain_copy(child) for key, child in value.items()}
    return [plain_copy(child) for child in value] if isinstance(value, list) else value


def utc_now() -> str:
    """The time now in UTC, ISO 8601 with microseconds and ``+00:00``."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@lru_cache(maxsize=64)
def _fields_of(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """The names of the fields, and what reads them all at once: the first twice, so that it is a tuple."""
    names = tuple(field.name for field in dataclasses.fields(kind))
    return names, attrgetter(*names, names[0])


def _join(path: str, name: str) -> str:
    return name if path == "$" else f"{path}.{name}"
