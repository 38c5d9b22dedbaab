# SPDX-License-Identifier: Apache-2.0
"""Which exact versions a tree asks for, read from its lock files or requirements files.

Only what is already resolved is read: finding out what a range means would run code of the project and of its
dependencies, just as installing it does. What has no pin is named as a gap, never left out.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ophamin.auditing.pillars.requirement_lines import canonical_name, is_version, requirement_lines
from ophamin.auditing.regular_files import read_within
from ophamin.core.text import visible

__all__ = ["MAX_PIN_FILE_BYTES", "Gap", "Pin", "Pins", "pin_files", "read_pins"]

MAX_PIN_FILE_BYTES: Final = 16 * 2**20
"""A larger lock or requirements file is not read."""

_LOCK: Final = re.compile(r"pylock(?:\.[^./]+)?\.toml|uv\.lock|poetry\.lock")
_REQUIREMENTS: Final = re.compile(r"requirements[^/]*\.txt|requirements/[^/]+\.txt")
_NAME_LINE: Final = re.compile(r"""\s*name\s*=\s*["']([^"']+)["']\s*(?:#.*)?""")
_USER: Final = re.compile(r"://[^/\s]*@")  # user and password of an address
_UNPINNED: Final = "has no exact version; pin it with == (pip-compile, uv lock, poetry lock, or pip freeze)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package in one version.

    Attributes:
        name: canonical name (PEP 503).
        version: as it is written.
        path: the file it stands in, relative to the tree.
        line: 1-based; 0 where it was not found.
    """

    name: str
    version: str
    path: str
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What cannot be audited.

    Attributes:
        what: the requirement or the file, in visible characters.
        path: the file it stands in, relative to the tree.
        line: 1-based; 0 for a whole file.
        reason: why, and the way out.
    """

    what: str
    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        place = f" ({visible(self.path)}:{self.line})" if self.line else ""
        return f"{self.what}{place} {self.reason}"


@dataclass(slots=True)
class Pins:
    """What was read.

    Attributes:
        pins: one for each package and version, at the place that came first.
        gaps: what has no pin.
        sources: the files that were read, relative to the tree.
        own: packages that are part of the tree itself, which no index knows.
    """

    pins: dict[tuple[str, str], Pin] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)

    def rounds(self) -> list[list[Pin]]:
        """The pins in groups without two versions of one package, as few as there can be."""
        groups: list[list[Pin]] = []
        seen: defaultdict[str, int] = defaultdict(int)
        for pin in self.pins.values():
            turn = seen[pin.name]
            seen[pin.name] += 1
            if turn == len(groups):
                groups.append([])
            groups[turn].append(pin)
        return groups


def pin_files(names: Iterable[str]) -> list[str]:
    """The files among ``names`` that pins are read from: lock files, or else requirements files.

    Known are ``pylock.toml``, ``pylock.*.toml``, ``uv.lock`` and ``poetry.lock``, then ``requirements*.txt`` and
    ``requirements/*.txt``, all at the top of the tree.

    Args:
        names: relative to the tree, with forward slashes.

    Example:
        >>> pin_files(["src/a.py", "requirements.txt", "requirements-dev.txt"])
        ['requirements-dev.txt', 'requirements.txt']
        >>> pin_files(["uv.lock", "requirements.txt"])
        ['uv.lock']
    """
    there = sorted(set(names))
    locks = [name for name in there if _LOCK.fullmatch(name)]
    return locks or [name for name in there if _REQUIREMENTS.fullmatch(name)]


def read_pins(root: Path, sources: Iterable[str], allowed: frozenset[str] | None = None) -> Pins:
    """Read lock files and requirements files, and the requirements files that they include.

    Args:
        root: the tree; nothing outside of it is read.
        sources: names out of `pin_files`; another name is read as a requirements file.
        allowed: the files that may be read; None for every file of the tree.

    Returns:
        What was read. A file that cannot be read is a gap.
    """
    pins = Pins()
    waiting = list(sources)
    while waiting:
        path = waiting.pop(0)
        if path in pins.sources:
            continue
        pins.sources.append(path)
        try:
            if allowed is not None and path not in allowed:
                raise OSError("this is not among the files of the audit")
            text = read_within(root, path, MAX_PIN_FILE_BYTES).decode("utf-8-sig")
            if _LOCK.fullmatch(PurePosixPath(path).name):
                _read_lock(text, path, pins)
            else:
                waiting += _read_requirements(text, path, pins)
        except (OSError, ValueError, RecursionError) as error:
            problem = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
            pins.gaps.append(_gap(path, path, 0, f"was not read: {visible(problem)[:200]}; mend or regenerate it"))
    return pins


def _read_requirements(text: str, path: str, pins: Pins) -> Iterator[str]:
    """Take what stands in a requirements file; give the files that it includes."""
    for line in requirement_lines(text):
        if line.include:
            if "://" in line.include:
                pins.gaps.append(_gap(line.include, path, line.number, "lies elsewhere; include a file of this tree"))
            else:
                yield _joined(PurePosixPath(path).parent, line.include)
        elif line.name:
            _keep(Pin(name=line.name, version=line.version, path=path, line=line.number), pins)
        else:
            pins.gaps.append(_gap(line.text, path, line.number, _UNPINNED))


def _joined(folder: PurePosixPath, path: str) -> str:
    """A path relative to a folder, without the dots that lead nowhere; those that lead out stay, to be refused."""
    parts: list[str] = []
    for part in (folder / path).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts).as_posix()


def _read_lock(text: str, path: str, pins: Pins) -> None:
    """Take what stands in a lock file.

    Raises:
        ValueError: it is no TOML, or no lock file of a form that is known.
    """
    data = tomllib.loads(text)
    is_pylock = PurePosixPath(path).name.startswith("pylock")
    if is_pylock and str(data.get("lock-version", "")).partition(".")[0] != "1":
        raise ValueError("lock-version is not 1.x (PEP 751)")
    packages = data.get("packages" if is_pylock else "package", [])
    if not isinstance(packages, list) or not all(isinstance(entry, dict) for entry in packages):
        raise ValueError("its packages are no list of tables")
    lines = _lines_by_name(text)
    for entry in packages:
        name, version = entry.get("name"), entry.get("version")
        if not isinstance(name, str):
            raise ValueError("a package in it has no name")
        places = lines[name]
        line = places.pop(0) if places else 0
        if _is_own(entry):
            pins.own.append(visible(name)[:100])
        elif isinstance(version, str) and is_version(version):
            _keep(Pin(name=canonical_name(name), version=version, path=path, line=line), pins)
        else:
            pins.gaps.append(_gap(name, path, line, "has no version in the lock; lock a released version"))


def _is_own(entry: Mapping[str, Any]) -> bool:
    """Whether a package is a folder of the project itself: PEP 751, uv, poetry."""
    source = entry.get("source")
    kinds = [*source, source.get("type")] if isinstance(source, dict) else []
    return "directory" in entry or any(kind in kinds for kind in ("editable", "virtual", "directory"))


def _lines_by_name(text: str) -> defaultdict[str, list[int]]:
    """Where names stand; tomllib gives no places."""
    lines: defaultdict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(text.split("\n"), 1):
        if match := _NAME_LINE.fullmatch(line.rstrip("\r")):
            lines[match[1]].append(number)
    return lines


def _keep(pin: Pin, pins: Pins) -> None:
    pins.pins.setdefault((pin.name, pin.version), pin)


def _gap(what: str, path: str, line: int, reason: str) -> Gap:
    shown = _USER.sub("://", visible(what))[:200]
    return Gap(what=shown, path=path, line=line, reason=reason)
