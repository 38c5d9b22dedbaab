# SPDX-License-Identifier: Apache-2.0
"""Reading an audited tree that may be hostile: which files the ratchet looks at, and their bytes.

No link is followed, no pipe is waited for, nothing outside the tree is read, and no file beyond a limit.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from ophamin.auditing.fingerprints import MAX_SOURCE_BYTES
from ophamin.auditing.listing import PYTHON_SUFFIXES, list_files
from ophamin.auditing.regular_files import read_within

__all__ = ["CONFIG_NAMES", "is_inside", "is_there", "read_inside", "watched_files"]


CONFIG_NAMES: Final = (
    "pyproject.toml",
    "ruff.toml",
    ".ruff.toml",
    "mypy.ini",
    ".mypy.ini",
    "setup.cfg",
    ".bandit",
)
"""The files in which ruff, mypy and bandit look for what a project tells them."""


def watched_files(root: Path) -> tuple[str, ...]:
    """The Python files of a tree and the files that configure its tools, relative to it, sorted.

    What has to be looked at and cannot be is among them, so that it is missed and not forgotten.

    Raises:
        ListingError: there is no such folder, or it holds too many files.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.py").write_text("x = 1"), (folder / "notes.txt").write_text("x")
        >>> watched_files(folder)
        ('a.py',)
    """
    listing = list_files(root, suffixes=(*PYTHON_SUFFIXES, *CONFIG_NAMES))
    return tuple(sorted({*listing.files, *listing.unreadable}))


def is_inside(path: str) -> bool:
    """Whether a recorded path names a place below the tree by its text alone.

    >>> is_inside("src/a.py"), is_inside("../a.py"), is_inside("/a.py"), is_inside("<dependency:jinja2>")
    (True, False, False, False)
    """
    parts = path.split("/")
    return not ({"", ".", ".."} & set(parts) or "\0" in path or path.startswith("<"))


def is_there(root: Path, path: str) -> bool:
    """Whether something stands at a path below ``root``; a link counts, wherever it points."""
    with suppress(OSError, ValueError):
        return is_inside(path) and os.path.lexists(root / PurePosixPath(path))
    return False


def read_inside(root: Path, path: str, most: int = MAX_SOURCE_BYTES) -> bytes | None:
    """The bytes of a regular file below ``root``.

    Args:
        root: the tree.
        path: relative to it, with forward slashes.
        most: the greatest size in bytes.

    Returns:
        None where it is not there, no regular file, behind a link that leaves the tree, or too large.
    """
    with suppress(OSError, ValueError):
        return read_within(root, path, most)
    return None
