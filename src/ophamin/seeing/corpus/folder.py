# SPDX-License-Identifier: Apache-2.0
"""A folder of text files as a corpus, one record per file.

Links are not followed, so nothing outside the folder is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Final

from ophamin.core.canonical import content_hash, file_digest
from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError
from ophamin.seeing.corpus.base import Corpus, CorpusDataError
from ophamin.seeing.corpus.cache import SourceStamp, stamp_of_files

__all__ = ["MAX_FILE", "FolderCorpus"]

MAX_FILE: Final = 64 * 2**20
"""Bytes in one file."""

_OWN_PREFIX: Final = ".ophamin"


class FolderCorpus(Corpus):
    """The text files below a folder, by relative path; folders whose name starts with a dot are left out.

    The content hash is over pairs of relative path and SHA-256 of the file, in canonical form.

    Args:
        root: the folder.
        pattern: which files: ``*`` and ``?`` within a name, ``**`` for any number of folders.
        pinned: False for a folder that grows.
        label: how records name the folder; by default its own name.

    Raises:
        ClaimError: the pattern is absolute or leaves the folder.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.md").write_text("hello")
        >>> [record.id for record in FolderCorpus(folder, pattern="**/*.md").records()]
        ['a.md']
    """

    name = "folder"
    kind = "files"
    source = "local folder"
    needs_root: ClassVar[bool] = True

    def __init__(
        self, root: str | Path | None = None, *, pattern: str = "**/*", pinned: bool = True, label: str | None = None
    ) -> None:
        super().__init__(root)
        self.pattern = pattern
        self._segments = tuple(pattern.split("/"))
        if not all(self._segments) or {".", ".."}.intersection(self._segments):
            raise ClaimError(f"pattern={pattern!r}; it counts from the folder and stays in it, such as **/*.md")
        self.pinned = pinned
        self.label = label or ("" if self.root is None else self.root.name)
        self.name = f"folder:{self.label}" if self.label else "folder"

    def is_available(self) -> bool:
        """Whether the folder is there and at least one file of it matches."""
        return not self._problem()

    def why_unavailable(self) -> str:
        """What is wrong with the folder."""
        return self._problem()

    def records(self) -> Iterator[CorpusRecord]:
        """Stream one record per file; its id is the relative path, with slashes.

        Raises:
            CorpusDataError: a file is not UTF-8, or larger than `MAX_FILE`.
        """
        self.require_available()
        for relative, path in self._files():
            text = _text_of(path, relative)
            yield CorpusRecord(_plain(relative), text, {"bytes": path.stat().st_size, "suffix": path.suffix})

    def selection(self) -> dict[str, Any]:
        """Name, kind, the folder's label, and the pattern."""
        return {"name": self.name, "kind": self.kind, "folder": self.label, "pattern": self.pattern}

    def _compute_content_hash(self) -> str:
        return content_hash([[_plain(relative), file_digest(path)] for relative, path in self._files()])

    def _compute_count(self) -> int:
        return sum(1 for _ in self._walk())

    def _stamp(self) -> SourceStamp:
        return stamp_of_files([(relative, path.stat()) for relative, path in self._files()])

    def _cache_folder(self) -> Path | None:
        return self.root

    def _problem(self) -> str:
        if self.root is None:
            return "it needs a folder; write folder:PATH"
        if not self.root.is_dir():
            kind = "a file; name the folder that holds it" if self.root.exists() else "not there; check the path"
            return f"the folder {self.root} is {kind}"
        if next(self._walk(), None) is None:
            return f"{self.root} holds no file that matches {self.pattern!r}; put files there, or widen pattern="
        return ""

    def _files(self) -> list[tuple[str, Path]]:
        """Relative path and path of every file that belongs to the corpus, in code point order."""
        return sorted(self._walk())

    def _walk(self) -> Iterator[tuple[str, Path]]:
        assert self.root is not None
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            above = Path(folder).relative_to(self.root)
            for name in names:
                relative = (above / name).as_posix()
                if name.startswith(_OWN_PREFIX) or not _matches(relative.split("/"), self._segments):
                    continue
                path = self.root / relative
                if stat.S_ISREG(path.lstat().st_mode):
                    yield relative, path


def _matches(parts: list[str], segments: tuple[str, ...]) -> bool:
    """Whether a path matches a pattern, both cut at the slashes; ``**`` takes any number of folders, none too."""
    if not segments:
        return not parts
    if segments[0] == "**":
        rest = segments[1:] or ("*",)
        return any(_matches(parts[start:], rest) for start in range(len(parts) if rest[0] != "**" else 1))
    return bool(parts) and fnmatchcase(parts[0], segments[0]) and _matches(parts[1:], segments[1:])


def _plain(relative: str) -> str:
    """A path as text that every encoder takes, bytes that are no UTF-8 as escapes."""
    return os.fsencode(relative).decode("utf-8", "backslashreplace")


def _text_of(path: Path, relative: str) -> str:
    with path.open("rb") as handle:
        data = handle.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise CorpusDataError(f"{relative!r} is larger than {MAX_FILE} bytes; split it, or narrow pattern=")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise CorpusDataError(
            f"{relative!r}: the byte {data[problem.start]:#04x} at {problem.start} is not UTF-8; "
            "save the file as UTF-8, or leave it out with pattern="
        ) from None
