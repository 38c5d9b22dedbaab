# SPDX-License-Identifier: Apache-2.0
"""The trust policy: what a record must show before it counts, and whose keys may say so.

It is written in ``ophamin-trust.toml``, and read from where the author of a change cannot rewrite it: the base commit.
What is left out of a file has the strict value. The module reads a policy; it verifies nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final, Literal, NoReturn, Self, final, get_args

from ophamin.core.dsse import IN_TOTO_TYPE, MAX_SIGNATURES
from ophamin.core.keyring import KeyRing, KeyRingError, RingKey
from ophamin.core.keys import MAX_KEY_BYTES, KeyMaterialError, read_public_key
from ophamin.core.text import visible
from ophamin.errors import OphaminError, nearest_name
from ophamin.trust.statements import AUDIT, PROOF

__all__ = [
    "LEVELS",
    "MAX_POLICY_BYTES",
    "POLICY_NAME",
    "ROLE_LEVELS",
    "Level",
    "PolicyError",
    "TrustPolicy",
]

POLICY_NAME: Final = "ophamin-trust.toml"
MAX_POLICY_BYTES: Final = 2**20
MAX_ATTEMPTS: Final = 1000
MAX_SEED: Final = 10**15

Level = Literal["L0", "L1", "L2"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""L0 is unsigned; L1 is signed by whoever measured; L2 is signed by a process that ran none of the project's code."""

ROLE_LEVELS: Final[Mapping[str, Level]] = MappingProxyType({"seal": "L2", "self": "L1"})
"""The roles in which a key may sign a proof, and the level that its signature gives."""

_AGE: Final = re.compile(r"([1-9][0-9]{0,5})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_EVENT: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_PLACE: Final = re.compile(r"\(at line (\d+)")
_TYPE: Final = re.compile(r"[!-~]{3,256}")
_LISTS: Final = ("payload_types", "predicate_types")
_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"min_level": LEVELS, "allow_hmac": ("never", "read-only", "write"), "inconclusive": ("fail", "warn")}
)
_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class PolicyError(OphaminError, ValueError):
    """A trust policy cannot be used.

    Attributes:
        field: the path of the field, such as ``policy.max_age``; empty where the whole file is meant.
        line: its line, from 1; None where there is none.
    """

    def __init__(self, problem: str, *, field: str = "", line: int | None = None) -> None:
        where = "" if line is None else f"line {line}: "
        super().__init__(f"{where}{field}: {problem}" if field else f"{where}{problem}")
        self.field = field
        self.line = line


@final
@dataclass(frozen=True)
class TrustPolicy:
    """What a record must show, and the keys that may sign.

    Attributes:
        payload_types: types of envelopes that are opened.
        predicate_types: kinds of statements that are read.
        min_level: the least level; see `LEVELS`.
        max_age: the greatest age of a record; None for any.
        allow_hmac: whether the seals of old records are taken (``read-only``), and may be written.
        inconclusive: what an undecided claim does to the gate.
        require_complete: whether the gate asks for a record of each locked claim.
        max_attempts: most attempts at one claim on one commit.
        seed: of sessions whose records count; None for any. A change must not choose the seed that it is tried with.
        ring: the keys.
        thresholds: role -> how many different keys have to sign; 1 where it is not named.
        events: event -> the fields that are others for it.
        digest: SHA-256 of the file; empty for a policy without one.
    """

    payload_types: tuple[str, ...] = (IN_TOTO_TYPE,)
    predicate_types: tuple[str, ...] = (PROOF, AUDIT)
    min_level: Level = "L2"
    max_age: timedelta | None = timedelta(hours=72)
    allow_hmac: Literal["never", "read-only", "write"] = "read-only"
    inconclusive: Literal["fail", "warn"] = "fail"
    require_complete: bool = True
    max_attempts: int = 1
    seed: int | None = 0
    ring: KeyRing = field(default_factory=KeyRing)
    thresholds: Mapping[str, int] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    digest: str = ""

    @classmethod
    def lenient(cls, ring: KeyRing | None = None) -> Self:
        """The policy where a project has none: any level, any age; what is signed must still be signed rightly.

        Example:
            >>> TrustPolicy.lenient().min_level, TrustPolicy().min_level
            ('L0', 'L2')
        """
        return cls(min_level="L0", max_age=None, require_complete=False, seed=None, ring=ring or KeyRing())

    @classmethod
    def from_toml(cls, data: bytes | str, *, fetch: Callable[[str], str | bytes] | None = None) -> Self:
        """Read a policy.

        Args:
            data: UTF-8, at most `MAX_POLICY_BYTES`.
            fetch: gives the PEM text of a key that the policy names by a file; without it, names are refused.

        Raises:
            PolicyError: the message names line, field, limit and way out.

        Example:
            >>> policy = TrustPolicy.from_toml('''
            ... schema = 1
            ... [policy]
            ... max_age = "24h"
            ... [event.fork_pull_request]
            ... min_level = "L0"
            ... ''')
            >>> policy.max_age.days, policy.min_level, policy.for_event("fork_pull_request").min_level
            (1, 'L2', 'L0')
        """
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        text = _text_of(raw)
        return cls(**_Reader(text, fetch).policy(_tables(text)), digest=hashlib.sha256(raw).hexdigest())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a policy from a file, and the keys that it names from files below its folder; links are refused.

        Raises:
            PolicyError: it cannot be read, anybody may write it, or it says what no policy says.
        """
        name = visible(path.name)
        data = _read_regular(path, MAX_POLICY_BYTES)
        try:
            return cls.from_toml(data, fetch=lambda key: _fetch(path.parent, key))
        except PolicyError as error:
            named = PolicyError(f"{name}: {error}")
            named.field, named.line = error.field, error.line
            raise named from error

    def for_event(self, name: str) -> Self:
        """The policy for one event, such as ``push``; itself where the event is not named."""
        return replace(self, **self.events.get(name, {}), events={})

    def threshold(self, role: str) -> int:
        """How many different keys have to sign in a role."""
        return self.thresholds.get(role, 1)

    def roles(self) -> tuple[str, ...]:
        """The roles whose signature reaches the least level, the highest first."""
        return tuple(role for role, level in ROLE_LEVELS.items() if level >= self.min_level)

    def __reduce__(self) -> tuple[Any, ...]:
        """Keys of ``cryptography`` do not cross to another process; their texts do."""
        plain = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "ring"}
        keys = [(one.public.to_pem(), one.roles, one.valid_from, one.valid_until, one.revoked_at) for one in self.ring]
        return _rebuilt, (plain, keys)


def _rebuilt(plain: dict[str, Any], keys: list[tuple[Any, ...]]) -> TrustPolicy:
    ring = KeyRing(tuple(RingKey(read_public_key(pem), *rest) for pem, *rest in keys))
    return TrustPolicy(**plain, ring=ring)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the tables of one text, and finds the line of what it refuses."""

    text: str
    fetch: Callable[[str], str | bytes] | None

    def policy(self, document: dict[str, Any]) -> dict[str, Any]:
        self._known(document, "", ("schema", "policy", "key", "role", "event"))
        if type(document.get("schema")) is not int or document["schema"] != 1:
            self._refuse("schema", f"{document.get('schema')!r} is unknown; this reads schema = 1")
        events = self._table(document, "event")
        for event in events:
            if _EVENT.fullmatch(event) is None:
                self._refuse(f"event.{event}", "an event has a name of a-z, 0-9 and _, at most 48 characters")
        return {
            **self._rules(self._table(document, "policy"), "policy"),
            "events": {name: self._rules(self._table(events, name, "event."), f"event.{name}") for name in events},
            "ring": (ring := self._ring(document.get("key", []))),
            "thresholds": self._thresholds(self._table(document, "role"), ring),
        }

    def _rules(self, table: Mapping[str, Any], path: str) -> dict[str, Any]:
        self._known(table, path, (*_LISTS, *_WORDS, "max_age", "require_complete", "max_attempts", "seed"))
        return {name: self._rule(f"{path}.{name}", name, value) for name, value in table.items()}

    def _rule(self, path: str, name: str, value: Any) -> Any:
        if name in _LISTS:
            return self._types(path, value)
        if name in _WORDS:
            if value not in _WORDS[name]:
                self._refuse(path, f"{_shown(value)} is none of {', '.join(_WORDS[name])}")
            return value
        if name == "max_age":
            return self._age(path, value)
        if name == "max_attempts":
            return self._count(path, value, MAX_ATTEMPTS)
        if name == "seed":
            return self._count(path, value, MAX_SEED, least=0)
        if type(value) is not bool:
            self._refuse(path, f"{_shown(value)} is neither true nor false")
        return value

    def _types(self, path: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= 16:
            self._refuse(path, f"{_shown(value)} is no list of 1 to 16 types; leave it out for the usual ones")
        for one in value:
            if not isinstance(one, str) or _TYPE.fullmatch(one) is None:
                self._refuse(path, f"{_shown(one)} is no type; write it as text without blanks, at most 256 characters")
        return tuple(value)

    def _age(self, path: str, value: Any) -> timedelta | None:
        if value == "any":
            return None
        found = _AGE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            self._refuse(path, f'{_shown(value)} is no age; write minutes, hours or days, "90m", "72h", "7d", or "any"')
        return timedelta(**{_UNITS[found[2]]: int(found[1])})

    def _count(self, path: str, value: Any, most: int, *, least: int = 1) -> int:
        if type(value) is not int or not least <= value <= most:
            self._refuse(path, f"{_shown(value)} is no whole number from {least} to {most}")
        return value

    def _ring(self, tables: Any) -> KeyRing:
        try:
            return KeyRing.from_tables(tables, fetch=self.fetch)
        except (KeyRingError, KeyMaterialError) as error:
            path, _, problem = str(error).partition(": ")
            raise PolicyError(problem or path, field=path if problem else "key", line=self._line(path)) from error

    def _thresholds(self, roles: Mapping[str, Any], ring: KeyRing) -> dict[str, int]:
        found = {}
        for role in roles:
            path, keys = f"role.{role}", len(ring.with_role(role))
            table = self._table(roles, role, "role.")
            self._known(table, path, ("threshold",))
            found[role] = self._count(f"{path}.threshold", table.get("threshold", 1), MAX_SIGNATURES)
            if found[role] > keys:
                close = nearest_name(role, {one for key in ring for one in key.roles})
                problem = f"{found[role]} keys have to sign, and {keys} in the ring have the role; {close}"
                self._refuse(f"{path}.threshold", problem)
        return found

    def _table(self, parent: Mapping[str, Any], name: str, prefix: str = "") -> Mapping[str, Any]:
        value = parent.get(name, {})
        if not isinstance(value, dict):
            self._refuse(f"{prefix}{name}", f"{_shown(value)} stands where a table belongs; write [{prefix}{name}]")
        return value

    def _known(self, table: Mapping[str, Any], path: str, known: tuple[str, ...]) -> None:
        for name in table:
            if name not in known:
                shown = visible(name[:60])
                self._refuse(f"{path}.{shown}" if path else shown, f"unknown; {nearest_name(shown, known)}")

    def _refuse(self, path: str, problem: str) -> NoReturn:
        raise PolicyError(problem, field=visible(path[:120]), line=self._line(path))

    def _line(self, path: str) -> int | None:
        """The line of a field, as far as plain text shows it: of its key below its table, or of the table."""
        numbered = re.fullmatch(r"key\[(\d+)\](?:\.(\w+))?", path)
        table, key = ("key", numbered[2] or "") if numbered else path.rpartition(".")[::2]
        wanted = int(numbered[1]) if numbered else 0
        header, seen = (0 if not table else None), -1
        for number, line in enumerate(self.text.split("\n"), 1):
            words = line.split("#", 1)[0].strip()
            if words.startswith("["):
                name = words.strip("[] ")
                seen += name == (table or key)
                header = number if name in {table, path} and (not numbered or seen == wanted) else None
                if name == path:
                    return number
            elif header is not None and re.match(rf'"?{re.escape(key)}"?[ \t]*=', words):
                return number
        return None if not numbered else self._header(wanted)

    def _header(self, wanted: int) -> int | None:
        headers = [number for number, line in enumerate(self.text.split("\n"), 1) if line.strip().startswith("[[key]]")]
        return headers[wanted] if wanted < len(headers) else None


def _text_of(data: bytes) -> str:
    if len(data) > MAX_POLICY_BYTES:
        raise PolicyError(f"{len(data)} bytes; the limit is {MAX_POLICY_BYTES}. Remove keys that expired long ago")
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"byte {error.start} is not UTF-8; save it as UTF-8", line=line) from error


def _tables(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line = int(place[1]) if place else None
        raise PolicyError(f"no TOML: {visible(str(error))}; mend it there", line=line) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or brackets in brackets
        raise PolicyError("a number or a list that no policy has; mend it, or take the file from git again") from error


def _fetch(folder: Path, name: str) -> bytes:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\\" in name or ":" in name:
        raise KeyRingError(f"{visible(name[:120])!r} is no file below the policy's folder; write keys/ci.pub.pem")
    try:
        return _read_regular(folder.joinpath(*parts), MAX_KEY_BYTES)
    except PolicyError as error:
        raise KeyRingError(str(error)) from error


def _read_regular(path: Path, most: int) -> bytes:
    name = visible(str(path))
    try:
        descriptor = os.open(path, _READ)
        with open(descriptor, "rb") as handle:  # noqa: PTH123 - a descriptor, not a path
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise PolicyError(f"{name} is no regular file; give the policy's own file")
            if os.name == "posix" and facts.st_mode & stat.S_IWOTH:
                raise PolicyError(f"{name} may be written by anybody; run chmod o-w on it")
            data = handle.read(most + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, PolicyError):
            raise
        problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise PolicyError(f"{name}: {problem}; give a regular file that can be read, no link") from error
    if len(data) > most:
        raise PolicyError(f"{name} has more than {most} bytes; give the right file")
    return data


def _shown(value: Any) -> str:
    return visible(repr(value)[:80])
