# SPDX-License-Identifier: Apache-2.0
"""What a project tells ruff, mypy and bandit in its own tree: digests of it, and bandit's skipped tests.

An audit runs its tools with none of this, so a setting that is weakened there hides nothing from it. It is told all the
same: whoever runs the tools by hand, or in another job, sees less than before. Comments and layout do not count.
"""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from ophamin.auditing.ratchet_tree import CONFIG_NAMES, is_there, read_inside
from ophamin.core.canonical import NotCanonicalError, content_hash

__all__ = ["ConfigChange", "bandit_skips", "config_changes", "config_digests"]

MAX_CONFIG_BYTES: Final = 2**20

_TABLES: Final = ("ruff", "mypy", "bandit")
_PYPROJECT: Final = "pyproject.toml"
_RUFF: Final = ("ruff.toml", ".ruff.toml")
_SETUP: Final = "setup.cfg"
_BANDIT: Final = ".bandit"

How = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """A configuration of a tool that is not what the baseline knows.

    Attributes:
        place: the file, with the table in brackets, such as ``pyproject.toml[tool.ruff]``.
        how: added, changed or removed.
    """

    place: str
    how: How

    def to_dict(self) -> dict[str, str]:
        """Both fields."""
        return {"place": self.place, "how": self.how}


def config_digests(root: Path, files: Sequence[str] = ()) -> dict[str, str]:
    r"""SHA-256 in hex of each configuration of ruff, mypy and bandit in a tree.

    Args:
        root: the tree; the files at its top are always looked at.
        files: its other files, of which those with the name of a configuration are looked at.

    Returns:
        Place to digest. A file that is there and cannot be read or parsed has a digest too.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100")
        >>> list(config_digests(folder))
        ['pyproject.toml[tool.ruff]']
    """
    return {place: _digest(value) for place, value in sorted(_configurations(root, files), key=itemgetter(0))}


def config_changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[ConfigChange, ...]:
    """What differs between two answers of `config_digests`, by place.

    >>> config_changes({"mypy.ini": "0a"}, {"ruff.toml": "0b"})
    (ConfigChange(place='mypy.ini', how='removed'), ConfigChange(place='ruff.toml', how='added'))
    """
    changes = []
    for place in sorted(before.keys() | now.keys()):
        if before.get(place) != now.get(place):
            how: How = "added" if place not in before else "removed" if place not in now else "changed"
            changes.append(ConfigChange(place, how))
    return tuple(changes)


def bandit_skips(root: Path, files: Sequence[str] = ()) -> list[tuple[str, str]]:
    """The tests that a project's own configuration tells bandit to skip: file and test, sorted.

    Args:
        root: the tree.
        files: its files, as for `config_digests`.
    """
    found = set()
    for place, value in _configurations(root, files):
        path = place.removesuffix("[tool.bandit]")
        if isinstance(value, dict) and (path != place or PurePosixPath(path).name == _BANDIT):
            table = value.get("bandit", {}) if path == place else value
            found |= {(path, test) for test in _tests(table.get("skips") if isinstance(table, dict) else None)}
    return sorted(found)


def _tests(skips: Any) -> Iterable[str]:
    named = skips if isinstance(skips, list) else [skips]
    return (test for item in named if isinstance(item, str) for test in re.findall(r"\w+", item))


def _configurations(root: Path, files: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Place and content of each: parsed, or its bytes where it cannot be parsed, or None where it cannot be read."""
    for path in dict.fromkeys([*CONFIG_NAMES, *files]):
        name = PurePosixPath(path).name
        if name not in CONFIG_NAMES or not is_there(root, path):
            continue
        data = read_inside(root, path, MAX_CONFIG_BYTES)
        if name == _PYPROJECT:
            yield from _tables(path, data)
        elif name == _SETUP:
            yield from _sections(path, data)
        elif data is None:
            yield path, None
        else:
            yield path, _toml(data) if name in _RUFF else _ini(data)


def _tables(path: str, data: bytes | None) -> Iterator[tuple[str, Any]]:
    parsed = None if data is None else _toml(data)
    if not isinstance(parsed, dict):
        yield path, parsed
        return
    tools = parsed.get("tool")
    for tool in _TABLES:
        if isinstance(tools, dict) and tool in tools:
            yield f"{path}[tool.{tool}]", tools[tool]


def _sections(path: str, data: bytes | None) -> Iterator[tuple[str, Any]]:
    parsed = None if data is None else _ini(data)
    if not isinstance(parsed, dict):
        yield path, parsed
        return
    found = {name: section for name, section in parsed.items() if name == "mypy" or name.startswith("mypy-")}
    if found:
        yield f"{path}[mypy]", found


def _toml(data: bytes) -> dict[str, Any] | bytes:
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return data


def _ini(data: bytes) -> dict[str, Any] | bytes:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(data.decode("utf-8"))
        return {section: dict(parser.items(section)) for section in parser.sections()}
    except (configparser.Error, ValueError, AttributeError):
        return data


def _digest(value: Any) -> str:
    if value is None:
        return sha256(b"unreadable").hexdigest()
    if not isinstance(value, bytes):
        try:
            return content_hash(value)
        except NotCanonicalError:  # a date, or a number that JSON does not know
            value = repr(value).encode("utf-8", "surrogatepass")
    return sha256(value).hexdigest()
