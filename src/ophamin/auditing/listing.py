# SPDX-License-Identifier: Apache-2.0
"""Which files of a tree are audited: one list, made before any tool starts, and the same for all of them.

Inside a git work tree it is what git tracks, and what it neither tracks nor ignores; elsewhere, and inside a folder
that git ignores, a walk. No link is followed. A pipe, a device or a link that is called ``x.py`` is no source and is
left out by name; a file that has to be looked at and cannot be is kept apart, since no audit that lacks it is whole.
The list says nothing of what is in the files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from ophamin.auditing.binaries import find_binary, tool_environment
from ophamin.auditing.process import empty_folder, run_tool
from ophamin.auditing.states import Coverage
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["MOST_FILES", "PYTHON_SUFFIXES", "Listing", "ListingError", "Source", "list_files"]

PYTHON_SUFFIXES: Final = (".py", ".pyi")

MOST_FILES: Final = 100_000
"""A tree with more files is not listed."""

_MOST_NAMED: Final = 100  # how many names a record keeps
_GIT_SECONDS: Final = 60.0
_GIT_BYTES: Final = 256 * 2**20
# The caller's GIT_DIR is none of its business, and nothing that the repository configures is started.
_GIT_ENVIRONMENT: Final = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
_GIT_OPTIONS: Final = ("--no-pager", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")
_CACHES: Final = frozenset(
    {".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox", "node_modules"}
)
_KINDS: Final = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)

Source = Literal["git", "walk", "caller"]


class ListingError(OphaminError, ValueError):
    """There is nothing at a path that could be listed, or too much."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files to be audited.

    Attributes:
        root: the folder that names are relative to; absolute, without links.
        files: regular files, with forward slashes, sorted.
        unreadable: name to reason for what has to be looked at and cannot be: a file whose name is no UTF-8, a folder
            that may not be read.
        left_out: name to reason for what is no source, though its name says so, and for folders of tools.
        source: who named the files.

    Example:
        >>> listing = Listing(Path("/tree"), ("a.py", "b.py"), {"c.py": "it is gone"})
        >>> listing.coverage({"a.py", "other.py"})
        Coverage(listed=3, seen=1, missed=['b.py', 'c.py'])
    """

    root: Path
    files: tuple[str, ...]
    unreadable: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    source: Source = "walk"

    def coverage(self, seen: Collection[str]) -> Coverage:
        """What was listed, what of it was seen, and the first 100 names of what was not.

        Args:
            seen: the names that a tool accounts for; others than those of the list do not count.
        """
        accounted = set(seen)
        missed = [name for name in self.files if name not in accounted]
        return Coverage(
            listed=len(self.files) + len(self.unreadable),
            seen=len(self.files) - len(missed),
            missed=[*missed, *self.unreadable][:_MOST_NAMED],
        )

    def to_dict(self) -> dict[str, Any]:
        """What a record keeps of the list besides the coverage; at most 100 names of each kind."""
        kept: dict[str, Any] = {"source": self.source, "files": len(self.files)}
        for kind, names in (("unreadable", self.unreadable), ("left_out", self.left_out)):
            if names:
                kept[kind] = len(names)
                kept[f"{kind}_names"] = dict(list(names.items())[:_MOST_NAMED])
        return kept


def list_files(
    target: str | Path,
    *,
    chosen: Sequence[str] | None = None,
    suffixes: tuple[str, ...] = PYTHON_SUFFIXES,
    most: int = MOST_FILES,
) -> Listing:
    """The files of a file or a folder.

    Args:
        target: a folder, or a file, which is then the whole list whatever its suffix.
        chosen: the files, where the caller names them, relative to the folder with forward slashes; each must be there.
        suffixes: how the name of a file ends that is listed.
        most: how many files there may be.

    Raises:
        ListingError: the target is neither a file nor a folder, or it holds too many files.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.py").write_text("x = 1")
        >>> (folder / "b.py").symlink_to("a.py")
        >>> listing = list_files(folder)
        >>> listing.files, listing.left_out
        (('a.py',), {'b.py': 'a link'})
    """
    root, found = _root_of(target)
    source: Source = "caller" if chosen is not None else "walk"
    sorter = _Sorter(root, most)
    if chosen is not None:
        sorter.take(chosen, named=True)
    elif found is not None:
        sorter.take([found], named=True)
    elif (names := _ask_git(root, suffixes)) is not None:
        sorter.take(names)
        source = "git"
    else:
        sorter.take(_walk(root, suffixes, sorter))
    return Listing(root, tuple(sorted(sorter.files)), _in_order(sorter.unreadable), _in_order(sorter.left_out), source)


class _Sorter:
    """Regular files here, everything else there."""

    def __init__(self, root: Path, most: int) -> None:
        self.root = root
        self.most = most
        self.files: set[str] = set()
        self.unreadable: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self._folders: dict[PurePosixPath, bool] = {PurePosixPath(): True}

    def take(self, names: Iterable[str], *, named: bool = False) -> None:
        """Sort names; one that was ``named`` by the caller must be a regular file."""
        for name in names:
            shown = _shown(name)
            reason, gone = self._objection(name)
            if not reason:
                self.files.add(name)
            elif named or (shown != name and not gone):
                self.unreadable[shown] = reason
            elif not gone:
                self.left_out[shown] = reason
            if len(self.files) > self.most:
                raise ListingError(f"{self.root} holds more than {self.most} files; audit a part of it")

    def _objection(self, name: str) -> tuple[str, bool]:
        """Why a name is no regular file below the root, or nothing; and whether it is not there at all."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.as_posix() != name or "\0" in name:
            return "no plain path below the audited folder", False
        try:
            mode = (self.root / path).lstat().st_mode
            inside = self._is_inside(path.parent)
        except OSError as error:
            return error.strerror or "it cannot be read", isinstance(error, FileNotFoundError | NotADirectoryError)
        if not inside:
            return "behind a link", False
        if not stat.S_ISREG(mode):
            return next((kind for test, kind in _KINDS if test(mode)), "a device"), False
        return ("" if _shown(name) == name else "its name is no UTF-8"), False

    def _is_inside(self, folder: PurePosixPath) -> bool:
        """Whether no part of a folder's path is a link."""
        if folder not in self._folders:
            real = stat.S_ISDIR((self.root / folder).lstat().st_mode)
            self._folders[folder] = real and self._is_inside(folder.parent)
        return self._folders[folder]


def _root_of(target: str | Path) -> tuple[Path, str | None]:
    """The folder that names are relative to, and the name of the file where the target is one."""
    try:
        path = Path(target).resolve(strict=True)
        mode = path.stat().st_mode
    except (OSError, ValueError, RuntimeError) as error:  # a NUL, a loop of links
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ListingError(f"{visible(str(target))[:200]}: {reason}; give a file or a folder that is there") from None
    if stat.S_ISDIR(mode):
        return path, None
    if stat.S_ISREG(mode):
        return path.parent, path.name
    raise ListingError(f"{visible(str(target))[:200]} is neither a file nor a folder; give one of them")


def _ask_git(root: Path, suffixes: tuple[str, ...]) -> list[str] | None:
    """The files that git tracks or does not ignore; None where it has no say over the folder."""
    git = find_binary("git")
    if git is None:
        return None
    words: tuple[str | Path, ...] = (git, *_GIT_OPTIONS, "-C", root)
    patterns = [f":(glob)**/*{suffix}" for suffix in suffixes]
    environment = tool_environment() | _GIT_ENVIRONMENT
    with empty_folder() as empty:
        told = run_tool(
            [*words, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
            cwd=empty,
            seconds=_GIT_SECONDS,
            max_bytes=_GIT_BYTES,
            environment=environment,
        )
        if told.exit_code != 0:
            return None
        names = [os.fsdecode(name) for name in told.stdout.split(b"\0") if name]
        if not names:
            asked = [*words, "check-ignore", "--quiet", "."]
            ignored = run_tool(asked, cwd=empty, seconds=_GIT_SECONDS, max_bytes=4096, environment=environment)
            if ignored.exit_code == 0:
                return None
    return names


def _walk(root: Path, suffixes: tuple[str, ...], sorter: _Sorter) -> Iterator[str]:
    """The names below a folder that end in a suffix; folders that are not entered are told to the sorter."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            sorter.unreadable[_shown(folder) or "."] = error.strerror or "it cannot be read"
            continue
        if folder and any(entry.name == "pyvenv.cfg" for entry in inside):
            sorter.left_out[_shown(folder)] = "a virtual environment"
            continue
        for entry in inside:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name in _CACHES:
                    sorter.left_out[_shown(name)] = "a folder of a tool"
                else:
                    waiting.append(name)
            elif name.endswith(suffixes):
                yield name


def _in_order(names: dict[str, str]) -> dict[str, str]:
    return dict(sorted(names.items()))


def _shown(name: str) -> str:
    r"""The name as text that can be written: bytes that are no UTF-8 as ``\xff``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
