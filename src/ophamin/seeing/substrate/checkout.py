# SPDX-License-Identifier: Apache-2.0
"""`Checkout`: a commit of a repository in a work tree of its own, outside the repository, for as long as it is needed.

The work tree is a linked, detached one of git: it shares the objects and touches no branch and no file of the user's
own. It takes what the repository holds already and fetches nothing. What runs in it is for the caller.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, final

from ophamin.core.text import visible
from ophamin.errors import ClaimError, OphaminError, nearest_name

__all__ = [
    "Checkout",
    "CheckoutError",
    "GitMissingError",
    "NoRepositoryError",
    "ShallowCloneError",
    "UnknownRefError",
    "WorktreeError",
]

PREFIX: Final = "ophamin-worktree-"
"""How the folders begin that hold a work tree; a folder of another name is never removed."""
OWNER: Final = "owner"
GIT_SECONDS: Final = 60.0
CHECKOUT_SECONDS: Final = 600.0

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF: Final = re.compile(r"[^-\s:\x00-\x20\x7f][^\s:\x00-\x20\x7f]{0,199}")
# Set inside a hook of git, these would point it at another repository than the one that was asked about.
_GIT_PLACES: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)
_OPTIONS: Final = ("--no-pager", "-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")


class WorktreeError(OphaminError):
    """A system at another commit cannot be had."""


class GitMissingError(WorktreeError):
    """There is no git."""


class NoRepositoryError(WorktreeError):
    """The folder lies in no git repository."""


class UnknownRefError(WorktreeError):
    """The repository knows no commit of that name."""


class ShallowCloneError(UnknownRefError):
    """The repository knows no commit of that name, and its history was cut off when it was cloned."""


class CheckoutError(WorktreeError):
    """git knows the commit and cannot check it out."""


@final
class Checkout:
    """One commit, named by a ref and resolved at once; its files are there between `open` and `close`.

    The folder lies in the temporary folder and is removed by `close`, with the last reference, or when the interpreter
    ends. What a killed process left behind is removed by the next checkout of the same repository, in any process.
    Hooks do not run, and submodules stay empty.

    Args:
        ref: branch, tag, commit or revision such as ``HEAD~1``.
        root: a folder of the repository; by default the current one.

    Attributes:
        commit: the full id of the commit.
        top: the repository's own work tree; None for a bare repository.

    Raises:
        ClaimError: the ref is empty, begins with a dash, or holds white space or a colon.
        GitMissingError: there is no git.
        NoRepositoryError: ``root`` lies in no repository.
        UnknownRefError: no commit has that name; ShallowCloneError in a shallow clone.
        CheckoutError: git fails in another way.

    Example:
        >>> Checkout("--upload-pack=x")
        Traceback (most recent call last):
        ...
        ophamin.errors.ClaimError: '--upload-pack=x' is no ref; give a branch, a tag, a commit or HEAD~1
    """

    def __init__(self, ref: str, root: Path | None = None) -> None:
        if not _REF.fullmatch(ref):
            raise ClaimError(f"{ref!r} is no ref; give a branch, a tag, a commit or HEAD~1")
        self.ref = ref
        self._root = Path.cwd() if root is None else root.absolute()
        self._in_root = ("-C", str(self._root))
        self._git_dir, self._prefix = self._place()
        self.commit = self._resolve()
        self.top = self._top()
        self._tree: Path | None = None
        self._finalizer: weakref.finalize[..., Checkout] | None = None

    @property
    def tree(self) -> Path | None:
        """Top of the work tree; None while it is not open."""
        return self._tree

    def open(self) -> Path:
        """Check the commit out, where that was not done yet.

        Returns:
            The folder in the work tree that stands for ``root``.

        Raises:
            CheckoutError: git fails, or the commit has no such folder.
        """
        if self._tree is None:
            with _turn.taken(self._git_dir):
                self._sweep()
                self._tree = self._add()
        project = self._tree / self._prefix
        if not project.is_dir():
            raise CheckoutError(
                f"the commit {self.ref} ({self.commit[:12]}) has no folder {self._prefix!r}; "
                "give the folder of the project at that commit as root"
            )
        return project

    def restore(self) -> None:
        """Bring every file back to the commit, and remove those that it does not have; compiled modules stay.

        Raises:
            CheckoutError: git fails, for instance since the system removed what makes the folder a work tree.
        """
        if self._tree is None:
            return
        # Named outright: searched for, the repository might be the user's own, if this tree had lost its mark.
        here = ("-C", str(self._tree), "--git-dir", str(self._tree / ".git"), "--work-tree", str(self._tree))
        _git(*here, "checkout", "--quiet", "--force", "--detach", self.commit, seconds=CHECKOUT_SECONDS)
        _git(*here, "clean", "-ffdxq", "-e", "__pycache__", seconds=CHECKOUT_SECONDS)

    def close(self) -> None:
        """Remove the work tree; a second time does nothing, and `open` makes a new one."""
        if self._finalizer is not None:
            self._finalizer()
        self._finalizer = self._tree = None

    def _place(self) -> tuple[str, str]:
        """The repository's own folder, and where ``root`` lies below the top of the work tree."""
        if not self._root.is_dir():
            raise NoRepositoryError(f"{self._root} is no folder; give a folder of a git repository as root")
        try:
            said = _git(*self._in_root, "rev-parse", "--git-common-dir", "--show-prefix")
        except CheckoutError as error:
            if "not a git repository" not in str(error):
                raise
            raise NoRepositoryError(
                f"{self._root} lies in no git repository; give root=, the folder of a clone with the history"
            ) from None
        git_dir, _, prefix = said.partition("\n")
        return os.path.realpath(self._root / git_dir), prefix.rstrip("\n")

    def _resolve(self) -> str:
        with suppress(CheckoutError):
            said = _git(
                *self._in_root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{self.ref}^{{commit}}"
            )
            if _COMMIT.fullmatch(said.strip()):
                return said.strip()
        if _git(*self._in_root, "rev-parse", "--is-shallow-repository").strip() == "true":
            raise ShallowCloneError(
                f"the ref {self.ref!r} is not in this shallow clone; run git fetch --unshallow origin, or "
                f"git fetch --depth=1 origin NAME:NAME for a branch or tag (on GitHub Actions, fetch-depth: 0)"
            )
        known = _git(*self._in_root, "for-each-ref", "--format=%(refname:short)", "--count=20", "--sort=-creatordate")
        raise UnknownRefError(
            f"no commit is named {self.ref!r}; fetch it first (git fetch origin main) and name a branch of the remote "
            f"with it (origin/main); {nearest_name(self.ref, known.split())}"
        )

    def _top(self) -> Path | None:
        with suppress(CheckoutError):
            return Path(_git(*self._in_root, "rev-parse", "--show-toplevel").rstrip("\n"))
        return None

    def _add(self) -> Path:
        folder, owner = _owned_folder()
        tree = folder / self.commit[:12]
        add = ("worktree", "add", "--detach", "--", str(tree), self.commit)
        try:
            _git("--git-dir", self._git_dir, *add, seconds=CHECKOUT_SECONDS)
        except BaseException:
            _discard(self._git_dir, tree, owner)
            raise
        self._finalizer = weakref.finalize(self, _remove, self._git_dir, tree, owner, os.getpid())
        return tree

    def _sweep(self) -> None:
        """Remove the work trees of ours whose process was killed; those of the user are never touched."""
        for line in _git("--git-dir", self._git_dir, "worktree", "list", "--porcelain").splitlines():
            tree = Path(line.removeprefix("worktree "))
            if line.startswith("worktree ") and tree.parent.name.startswith(PREFIX):
                with suppress(OSError):  # held by a process that lives, or not ours to remove
                    _discard(self._git_dir, tree, _own(tree.parent) if tree.parent.exists() else None)


def _owned_folder() -> tuple[Path, IO[bytes]]:
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        return folder, _own(folder)
    except OSError as error:
        raise CheckoutError(f"no work tree can be made in the temporary folder: {error}; set TMPDIR") from error


def _own(folder: Path) -> IO[bytes]:
    """Hold the folder for as long as this process lives, however it ends; raises OSError where another one does."""
    import fcntl

    handle = (folder / OWNER).open("ab")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise
    return handle


def _remove(git_dir: str, tree: Path, owner: IO[bytes], process: int) -> None:
    if os.getpid() != process:  # a fork of the process that made it
        return
    with _turn.taken(git_dir) as is_ours:
        _discard(git_dir, tree, owner, forget=is_ours)


def _discard(git_dir: str, tree: Path, owner: IO[bytes] | None, *, forget: bool = True) -> None:
    """Remove a work tree; one that git is not told of is forgotten by the next sweep."""
    if forget:
        with suppress(WorktreeError):  # the repository may be gone; the folder is removed all the same
            _git("--git-dir", git_dir, "worktree", "remove", "--force", "--force", "--", str(tree))
    shutil.rmtree(tree.parent, ignore_errors=True)
    if owner is not None:
        owner.close()


class _Turn:
    """Lets one of us at a time change the list of work trees: git trips over one that is half made or half gone."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._is_taken = False

    @contextmanager
    def taken(self, git_dir: str) -> Iterator[bool]:
        """Wait for the other threads and processes; gives False, at once, within a turn of this very thread.

        That happens where the garbage collector ends one checkout while this thread makes another.
        """
        with self._lock:
            if self._is_taken:
                yield False
                return
            self._is_taken = True
            try:
                with _locked(git_dir):
                    yield True
            finally:
                self._is_taken = False


_turn: Final = _Turn()


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Hold the folder against other processes; on a disk without such locks git's own care has to do."""
    import fcntl

    handle = None
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _git(*arguments: str, seconds: float = GIT_SECONDS) -> str:
    """What git prints; it runs no hook and asks no question."""
    git = shutil.which("git")
    if git is None:
        raise GitMissingError("git is not installed, or not on PATH; install it")
    environment = {name: value for name, value in os.environ.items() if name not in _GIT_PLACES}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = [git, *_OPTIONS, *arguments]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except (OSError, ValueError) as error:
        raise CheckoutError(f"git cannot be run: {error}; see whether {visible(git)} works") from error
    except subprocess.TimeoutExpired:
        raise CheckoutError(
            f"git said nothing for {seconds:g} s and was stopped; see whether the disk answers"
        ) from None
    if done.returncode:
        said = visible(done.stderr.decode("utf-8", "backslashreplace").strip())[:500] or "it gave no reason"
        raise CheckoutError(f"git ended with status {done.returncode}: {said}; mend the repository")
    return os.fsdecode(done.stdout)
