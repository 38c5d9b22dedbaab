# SPDX-License-Identifier: Apache-2.0
"""The trees that an auditor is tried on, ordinary and hostile, and what it did with each.

Nothing is judged here; `ophamin.checks.auditor` does that.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any, Final, TypeAlias

from ophamin.auditing.base import AuditOptions
from ophamin.auditing.results import PillarResult
from ophamin.checks.report import NotTriedError, raised

__all__ = ["HOSTILE", "LINKS", "ORDINARY", "PLACES", "Attempt", "AuditorRuns", "Files"]

Files: TypeAlias = Mapping[str, str | bytes]

ORDINARY: Final = "ordinary tree"
EMPTY: Final = "empty folder"
MISSING: Final = "missing path"
LINKS: Final = "links and a pipe"
PLACES: Final = (EMPTY, MISSING)
"""Where there is nothing to look at."""

OWN_FILES: Final[Files] = {
    "a.py": "x = 1\n",
    "package/__init__.py": "",
    "package/b.py": "def one() -> int:\n    return 1\n",
}
_ADDED: Final[Mapping[str, Files]] = {
    "a file that does not parse": {"broken.py": "def f(:\n"},
    "a file that is no UTF-8": {"bytes.py": b"x = '\xff'\n"},
    "a file with a null byte": {"null.py": b"x = 1\0\n"},
    "odd names": {"-n.py": "x = 1\n", "a b.py": "x = 1\n", "#%20.py": "x = 1\n", "line\nbreak.py": "x = 1\n"},
}
HOSTILE: Final = (EMPTY, MISSING, *_ADDED, LINKS)
"""The runs beside the ordinary one."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an auditor did with one target.

    Attributes:
        run: the name of the run.
        target: what it was given.
        result: what it gave; None where that was something else, or nothing.
        problem: why there is no result; empty where there is.
        printed: what it wrote to the standard output and the standard error of this process.
        changed: names of files that it made, changed or removed in the tree.
    """

    run: str
    target: Path
    result: PillarResult | None
    problem: str
    printed: str
    changed: tuple[str, ...]


class AuditorRuns:
    """An auditor and the trees it is tried on; each attempt is made once, when it is first looked at.

    Args:
        auditor: what is tried.
        folder: an empty one, for the trees.
        files: of the ordinary tree, name to content; None for a few lines of Python without a fault.
        seconds: how long one run may take.
    """

    def __init__(self, auditor: Any, folder: Path, files: Files | None, seconds: float) -> None:
        self.auditor = auditor
        self.were_given = files is not None
        self.files = dict(OWN_FILES if files is None else files)
        self._folder = folder
        self._seconds = seconds
        self._attempts: dict[str, Attempt] = {}

    @property
    def options(self) -> AuditOptions:
        """Those of an ordinary run."""
        return AuditOptions(timeout_s=self._seconds)

    def attempt(self, run: str) -> Attempt:
        """What the auditor does with the tree of that name: `ORDINARY` or one of `HOSTILE`."""
        if run not in self._attempts:
            self._attempts[run] = self.anew(run, self.tree(run))
        return self._attempts[run]

    def attempts(self) -> Iterator[Attempt]:
        """Every run, the ordinary one first; links and a pipe only where the system has them."""
        return map(self.attempt, [ORDINARY, *(name for name in HOSTILE if name != LINKS or self.has_links)])

    @property
    def has_links(self) -> bool:
        """Whether this system has links and pipes."""
        return hasattr(os, "mkfifo")

    def results(self) -> Iterator[tuple[Attempt, PillarResult]]:
        """The runs that gave a result."""
        return ((one, one.result) for one in self.attempts() if one.result is not None)

    def ordinary(self) -> PillarResult:
        """The result over the ordinary tree.

        Raises:
            NotTriedError: there is none.
        """
        result = self.attempt(ORDINARY).result
        if result is None:
            raise NotTriedError(f"there is no result of the {ORDINARY}")
        return result

    def anew(self, run: str, target: Path, *, auditor: Any = None, **options: Any) -> Attempt:
        """Let the auditor look at a target once more.

        Args:
            run: the name of the run.
            target: what to look at.
            auditor: another one than is tried, such as one whose tool is missing.
            **options: those that differ from an ordinary run.
        """
        before = _digests(target)
        asked = self.auditor if auditor is None else auditor
        given, problem, printed = _call(asked, target, replace(self.options, **options), 2 * self._seconds)
        if not problem and not isinstance(given, PillarResult):
            problem = f"it gave a {type(given).__name__}"
        after = _digests(target)
        changed = tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))
        return Attempt(run, target, given if isinstance(given, PillarResult) else None, problem, printed, changed)

    def tree(self, run: str, place: str = "tree") -> Path:
        """Make the tree of a run.

        Args:
            run: its name.
            place: the name of the folder.
        """
        root = self._folder / f"{len(list(self._folder.iterdir()))}" / place
        if run == MISSING:
            return root
        root.mkdir(parents=True)
        if run != EMPTY:
            _write(root, {**self.files, **_ADDED.get(run, {})})
        if run == LINKS:
            self._add_links(root)
        return root

    def folder(self) -> Path:
        """A new empty folder."""
        return self.tree(EMPTY, "folder")

    @property
    def first_source(self) -> str:
        """The first Python file of the ordinary tree.

        Raises:
            NotTriedError: it has none.
        """
        for name in sorted(self.files):
            if name.endswith(".py"):
                return name
        raise NotTriedError("the ordinary tree holds no Python file")

    def _add_links(self, root: Path) -> None:
        """A link out of the tree to what has the faults of the ordinary one, a loop, and a pipe nobody writes to."""
        outside = root.parent / "outside"
        _write(outside, self.files)
        source = next((name for name in sorted(self.files) if name.endswith(".py")), min(self.files))
        (root / "out.py").symlink_to(outside / source)
        (root / "outside").symlink_to(outside, target_is_directory=True)
        (root / "loop").symlink_to(root, target_is_directory=True)
        os.mkfifo(root / "pipe.py")


def _call(auditor: Any, target: Path, options: AuditOptions, seconds: float) -> tuple[Any, str, str]:
    """What the auditor gives, why it gives nothing, and what it printed; it is left alone when it takes too long."""
    told: list[tuple[Any, str]] = []
    printed = StringIO()

    def run() -> None:
        try:
            told.append((auditor.run(target, options=options), ""))
        except BaseException as error:  # noqa: BLE001 - a foreign auditor may raise anything
            told.append((None, raised(error)))

    thread = threading.Thread(target=run, daemon=True)
    with redirect_stdout(printed), redirect_stderr(printed):
        thread.start()
        thread.join(seconds)
        is_overdue = thread.is_alive()
        if is_overdue:
            _free_pipe(target)
            thread.join(1.0)
    if is_overdue:
        return None, f"it was not done after {seconds:g} s", printed.getvalue()
    return *told[0], printed.getvalue()


def _free_pipe(target: Path) -> None:
    """Let go whoever waits for the pipe of a tree."""
    with suppress(OSError):
        os.close(os.open(target / "pipe.py", os.O_WRONLY | getattr(os, "O_NONBLOCK", 0)))


def _write(root: Path, files: Files) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def _digests(root: Path) -> dict[str, str]:
    """Every file below a folder and what is in it; a link is what it points to, and nothing is waited for."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            is_file = path.is_file() and not path.is_symlink()
            told = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else _kind(path)
            found[path.relative_to(root).as_posix()] = told
    return found


def _kind(path: Path) -> str:
    return str(path.readlink()) if path.is_symlink() else "folder" if path.is_dir() else "other"
