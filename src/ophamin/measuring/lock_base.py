# SPDX-License-Identifier: Apache-2.0
"""The lock at the merge base with the protected branch, read from git by object id.

What a work tree says about itself proves nothing: a lock and the threshold in it are edited in one commit. What stood
where the branch left the protected one was agreed before. Where git cannot say what stood there, the reason is told,
and nothing counts as agreed. Nothing is fetched, locked or written.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ophamin.core.text import visible
from ophamin.measuring.lock_claims import Lock
from ophamin.measuring.lock_text import MAX_LOCK_BYTES, LockError
from ophamin.measuring.lockfile import LOCK_NAME, parse_lock
from ophamin.seeing.corpus.git_process import GitError, GitRepository

__all__ = ["BaseLock", "BaseState", "base_lock"]

GIT_SECONDS: Final = 10.0
DEFAULT_BRANCHES: Final = ("main", "master")

BaseState = Literal[
    "read", "absent", "no_git", "no_commit", "shallow", "no_branch", "unrelated", "unreadable", "failed"
]

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = re.compile(r"(?![-/.])(?!.*(?:\.\.|@\{|//))[^\x00-\x20\x7f~^:?*\[\\]{1,250}(?<![/.])")  # git check-ref-format


@dataclass(frozen=True, slots=True)
class BaseLock:
    """The lock at the merge base, or why there is none.

    Attributes:
        lock: what was read; None in every state but ``read``.
        commit: the merge base, or empty where it is not known.
        state: ``read``; ``absent`` (no lock stood there); or what was in the way.
        problem: that state in words, with the way out; empty for ``read``.
        tip: the newest commit of the protected branch; empty where the lock was not read.
    """

    lock: Lock | None
    commit: str
    state: BaseState
    problem: str = ""
    tip: str = ""


class _Obstacle(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, state: BaseState, problem: str, commit: str = "") -> None:
        super().__init__(problem)
        self.found = BaseLock(None, commit, state, problem)


def base_lock(root: Path, branch: str | None = None, *, seconds: float = GIT_SECONDS) -> BaseLock:
    """Read ``ophamin.lock`` as it stood where HEAD left the protected branch.

    The merge base is the newest commit that is in HEAD's history and was itself a tip of the protected branch, that is,
    on its line of first parents. A commit that came into the branch as a part of a merge was never agreed by itself.

    Args:
        root: folder of the lock; the repository's top or a folder in it.
        branch: name such as ``main`` or ``upstream/main``, a full name from ``refs/``, or the full id of a commit. A
            branch of the remote ``origin`` goes before a local one, which anybody here can move. None is the default
            branch of ``origin``, or the only one that is called main or master.
        seconds: how long git may say nothing.

    Returns:
        Nothing is raised for what is in the way: a shallow clone, a missing branch, no repository are states.

    Example:
        >>> import tempfile
        >>> base_lock(Path(tempfile.mkdtemp())).state
        'no_git'
    """
    try:
        top = _top_of(root)
        git = GitRepository(top, seconds)
        with _git_may_fail():
            commit, tip = _merge_base(git, branch)
            data = _blob_at(git, commit, root.resolve().relative_to(top))
    except _Obstacle as obstacle:
        return obstacle.found
    try:
        return BaseLock(parse_lock(data, what=f"{LOCK_NAME} at {commit[:12]}"), commit, "read", tip=tip)
    except LockError as error:
        return BaseLock(None, commit, "unreadable", str(error))


def _top_of(root: Path) -> Path:
    if shutil.which("git") is None:
        raise _Obstacle("no_git", "git is not installed, so that nothing says what was locked before; install it")
    folder = root.resolve()
    for one in (folder, *folder.parents):
        if (one / ".git").exists():
            return one
    raise _Obstacle(
        "no_git", f"{visible(str(root))} is in no git repository, so that nothing says what was locked before"
    )


def _merge_base(git: GitRepository, branch: str | None) -> tuple[str, str]:
    """The merge base, and the newest commit of the protected branch."""
    if git.ask("rev-parse", "--is-shallow-repository") == "true":
        raise _Obstacle(
            "shallow", "the clone is shallow, and its history ends too early to tell; run git fetch --unshallow"
        )
    head = _commit(git, "HEAD")
    if not head:
        raise _Obstacle("no_commit", "HEAD is no commit yet; commit the lock")
    tip = _tip(git, branch)
    if not (met := _answer(git, "merge-base", "--end-of-options", head, tip)):
        raise _Obstacle("unrelated", f"HEAD and {_said(branch)} have no commit in common; merge or rebase")
    return _newest_tip(git, tip, met, head), tip


def _newest_tip(git: GitRepository, tip: str, met: str, head: str) -> str:
    """The newest commit on the branch's line of first parents that is in the history of ``head``.

    Mostly that is ``met``, where git says that the two histories meet. The walk ``tip --not head`` would be shorter to
    write, but goes by the dates of commits, which anybody can set.
    """
    line: list[str] = []
    with closing(_line_of_first_parents(git, tip)) as commits:
        for commit in commits:
            if commit == met:
                return met
            line.append(commit)
    newer, older = 0, len(line)  # `met` came in by a merge; on the line, what is older than an ancestor is one
    while newer < older:
        middle = (newer + older) // 2
        if _answer(git, "merge-base", "--is-ancestor", "--end-of-options", line[middle], head) is None:
            newer = middle + 1
        else:
            older = middle
    if newer == len(line):
        raise _Obstacle("unrelated", "HEAD holds no commit that was ever a tip of the protected branch; rebase")
    return line[newer]


def _line_of_first_parents(git: GitRepository, tip: str) -> Generator[str, None, None]:
    rest = b""
    with git.stream("rev-list", "--first-parent", "--end-of-options", tip) as blocks:
        for block in blocks:
            *commits, rest = (rest + block).split(b"\n")
            yield from (commit.decode("ascii") for commit in commits)


def _tip(git: GitRepository, branch: str | None) -> str:
    """The newest commit of the protected branch."""
    if branch is not None and _COMMIT.fullmatch(branch):
        if not (commit := _commit(git, branch)):
            raise _Obstacle("no_branch", f"the commit {branch[:12]} is not in this clone; fetch it")
        return commit
    if branch is not None and not _BRANCH.fullmatch(branch):
        raise _Obstacle("no_branch", f"{branch[:80]!r} is no name of a branch; such as 'main'")
    known = _refs(git)
    if branch is None:
        return _default_tip(known)
    names = [branch] if branch.startswith("refs/") else []
    names += [f"refs/remotes/origin/{branch}", f"refs/remotes/{branch}", f"refs/heads/{branch}"]
    for name in names:
        if name in known:
            return known[name]
    raise _Obstacle(
        "no_branch", f"there is no {_said(branch)} in this clone{_detached(git)}; run git fetch origin {branch}"
    )


def _default_tip(known: dict[str, str]) -> str:
    if (tip := known.get("refs/remotes/origin/HEAD")) is not None:
        return tip
    place = "refs/remotes/origin" if any(name.startswith("refs/remotes/origin/") for name in known) else "refs/heads"
    names = [name for name in DEFAULT_BRANCHES if f"{place}/{name}" in known]
    if len(names) == 1:
        return known[f"{place}/{names[0]}"]
    if names:
        raise _Obstacle("no_branch", f"{' and '.join(names)} may both be the protected branch; name one of them")
    raise _Obstacle("no_branch", f"{place} has no main and no master; name the protected branch, and fetch it")


def _refs(git: GitRepository) -> dict[str, str]:
    """All branches, here and of remotes, by their full names; no tag, which anybody may call main."""
    lines = git.ask("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/remotes").splitlines()
    return {name: commit for commit, _, name in (line.partition(" ") for line in lines)}


def _answer(git: GitRepository, *arguments: str) -> str | None:
    """What git says, or None where it says no, which it does by ending with status 1."""
    try:
        return git.ask(*arguments)
    except GitError as error:
        if error.status == 1:
            return None
        raise


def _commit(git: GitRepository, revision: str) -> str | None:
    """The full id of a commit, or None where there is none."""
    return _answer(git, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")


def _blob_at(git: GitRepository, commit: str, folder: Path) -> bytes:
    """The bytes of the lock in a commit."""
    path = (folder / LOCK_NAME).as_posix()
    blob = _answer(git, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}:{path}")
    if blob is None:
        problem = f"no {LOCK_NAME} stood at the merge base {commit[:12]}; what is locked here counts once it is merged"
        raise _Obstacle("absent", problem, commit)
    data = bytearray()
    with git.stream("cat-file", "blob", blob) as blocks:
        for block in blocks:
            data += block
            if len(data) > MAX_LOCK_BYTES:  # parse_lock says so
                break
    return bytes(data)


@contextmanager
def _git_may_fail() -> Iterator[None]:
    try:
        yield
    except GitError as error:
        raise _Obstacle("failed", str(error)) from None


def _detached(git: GitRepository) -> str:
    try:
        git.ask("symbolic-ref", "--quiet", "HEAD")
    except GitError:
        return ", and HEAD is detached"
    return ""


def _said(branch: str | None) -> str:
    return "the protected branch" if branch is None else f"branch {visible(branch)!r}"
