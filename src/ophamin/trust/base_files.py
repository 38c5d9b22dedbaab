# SPDX-License-Identifier: Apache-2.0
"""The rules of a gate as they stood where the branch began: lock, policy, keys, baseline, read from git by object id.

Whoever proposes a change can edit all of these files in it. What is read here stood at the merge base with the
protected branch, so that an edit counts once it is merged; until then it is only told of. No file of the work tree is
opened, and nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from ophamin.core.keyring import KeyRingError
from ophamin.core.keys import MAX_KEY_BYTES
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.measuring.lock_base import BaseLock, BaseState, base_lock
from ophamin.measuring.lock_claims import Lock
from ophamin.measuring.lock_diff import compare_locks
from ophamin.measuring.lock_text import MAX_LOCK_BYTES, LockError
from ophamin.measuring.lockfile import LOCK_NAME, parse_lock
from ophamin.seeing.corpus.git_process import GitError, GitRepository
from ophamin.trust.policy import MAX_POLICY_BYTES, POLICY_NAME, PolicyError, TrustPolicy

__all__ = ["MAX_BASELINE_BYTES", "BaseFiles", "Edit", "GateError", "open_base"]

MAX_BASELINE_BYTES: Final = 16 * 2**20

USAGE: Final = 2
INCOMPLETE: Final = 3
MACHINERY: Final = 5

_EXITS: Final[dict[BaseState, int]] = {
    "absent": INCOMPLETE,
    "shallow": INCOMPLETE,
    "unrelated": INCOMPLETE,
    "failed": MACHINERY,
}
_HEX: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class GateError(OphaminError):
    """A gate cannot decide at all; ``exit_code`` says how its command ends."""

    def __init__(self, message: str, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Edit:
    """A file of rules that is not at HEAD what it was at the base.

    Attributes:
        path: from the repository's top.
        words: how it differs; safe to print.
    """

    path: str
    words: str


@dataclass(frozen=True)
class BaseFiles:
    """What was agreed on at the merge base; made by `open_base`.

    Attributes:
        git: the repository.
        folder: of the lock, from the repository's top; empty for the top itself.
        commit: the merge base.
        head: the commit that is judged.
        tree: its tree.
        lock: the lock at the base.
        tip: the newest commit of the protected branch.
        watched: paths that were read, from the top; see `edits`.
    """

    git: GitRepository
    folder: PurePosixPath
    commit: str
    head: str
    tree: str
    lock: Lock
    tip: str = ""
    watched: dict[str, None] = field(default_factory=dict, compare=False)

    def read(self, name: str, most: int) -> bytes | None:
        """A file as it stood at the base, and watch it for edits.

        Args:
            name: from the folder of the lock.
            most: most bytes.

        Returns:
            None where it did not stand there.

        Raises:
            GateError: it is larger, or git failed.
        """
        path = (self.folder / name).as_posix()
        self.watched[path] = None
        with _git_may_fail():
            data = self._blob(self.commit, path, most)
        if data is not None and len(data) > most:
            raise GateError(f"{visible(path)} at {self.commit[:12]} has more than {most} bytes; make it smaller")
        return data

    def policy(self) -> TrustPolicy:
        """The trust policy at the base, with the keys that it names.

        Raises:
            GateError: none stood there.
            PolicyError: it cannot be used, or a key that it names did not stand there.
        """
        data = self.read(POLICY_NAME, MAX_POLICY_BYTES)
        if data is None:
            raise GateError(
                f"no {POLICY_NAME} stood at the merge base {self.commit[:12]}, so that nothing says whose records "
                "count; merge one first, or give --policy a file from outside of the repository"
            )
        try:
            return TrustPolicy.from_toml(data, fetch=self._key)
        except PolicyError as error:
            raise PolicyError(f"{POLICY_NAME} at {self.commit[:12]}: {error}") from error

    def edits(self) -> tuple[Edit, ...]:
        """The watched files, and the lock, that HEAD holds otherwise than the base; none of them counts yet.

        Raises:
            GateError: git failed.
        """
        paths = tuple(dict.fromkeys([(self.folder / LOCK_NAME).as_posix(), *self.watched]))
        with _git_may_fail():
            was, now = (self._objects(commit, paths) for commit in (self.commit, self.head))
            changed = [path for path in paths if was.get(path) != now.get(path)]
            return tuple(Edit(visible(path), self._difference(path, was.get(path), now.get(path))) for path in changed)

    def behind(self) -> tuple[str, ...]:
        """The watched files, and the lock, that the protected branch holds otherwise by now.

        A branch may begin anywhere: what was agreed on since, such as a key that was revoked, must count for it too.

        Raises:
            GateError: git failed.
        """
        paths = tuple(dict.fromkeys([(self.folder / LOCK_NAME).as_posix(), *self.watched]))
        with _git_may_fail():
            was, now = (self._objects(commit, paths) for commit in (self.commit, self.tip or self.commit))
        return tuple(visible(path) for path in paths if was.get(path) != now.get(path))

    def _difference(self, path: str, was: str | None, now: str | None) -> str:
        if was is None or now is None:
            return "added" if was is None else "removed"
        if PurePosixPath(path).name != LOCK_NAME:
            return "edited"
        try:
            here = parse_lock(self._blob(self.head, path, MAX_LOCK_BYTES) or b"")
        except LockError as error:
            return f"edited, and cannot be read: {visible(str(error))}"
        return f"edited: {compare_locks(self.lock, here).to_text().splitlines()[0].partition(': ')[2]}"

    def _key(self, name: str) -> bytes:
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or name.startswith("/") or "\\" in name or ":" in name:
            raise KeyRingError(f"{visible(name[:120])!r} is no file below the policy's folder; write keys/ci.pub.pem")
        data = self.read(name, MAX_KEY_BYTES)
        if data is None:
            raise KeyRingError(f"{visible(name)} did not stand at {self.commit[:12]}; merge the key before its use")
        return data

    def _objects(self, commit: str, paths: tuple[str, ...]) -> dict[str, str]:
        """Ids of the files at paths in a commit; those that are not there are left out."""
        listed = self.git.ask("ls-tree", "--full-tree", "-z", commit, "--", *paths)
        entries = (entry.partition("\t") for entry in listed.split("\0") if entry)
        return {path: facts.split()[2] for facts, _, path in entries}

    def _blob(self, commit: str, path: str, most: int) -> bytes | None:
        if (blob := self._objects(commit, (path,)).get(path)) is None:
            return None
        data = bytearray()
        with self.git.stream("cat-file", "blob", blob) as blocks:
            for block in blocks:
                data += block
                if len(data) > most:
                    break
        return bytes(data)


def open_base(start: Path, branch: str | None = None) -> BaseFiles:
    """Find the merge base of HEAD with the protected branch, and the lock that stood there.

    The lock is that of the nearest folder upwards that had one at the base: no file of the work tree has a say in it.

    Args:
        start: a folder in the repository.
        branch: see `ophamin.measuring.lock_base.base_lock`.

    Raises:
        GateError: no repository, no such branch, no lock at the base, a shallow clone, a lock that cannot be read.

    Example:
        >>> import tempfile
        >>> try:
        ...     open_base(Path(tempfile.mkdtemp()))
        ... except GateError as error:
        ...     error.exit_code
        2
    """
    folder = start.resolve()
    found = first = base_lock(folder, branch)
    while found.state == "absent" and not (folder / ".git").exists():
        folder = folder.parent
        found = base_lock(folder, branch)
    if found.state == "absent":
        found = first
    if found.lock is None:
        raise GateError(_said(found), _EXITS.get(found.state, USAGE))
    top = next(one for one in (folder, *folder.parents) if (one / ".git").exists())
    git = GitRepository(top)
    with _git_may_fail():
        head, tree = (git.ask("rev-parse", "--verify", "--end-of-options", f"HEAD^{{{kind}}}") for kind in _KINDS)
    if not (_HEX.fullmatch(head) and _HEX.fullmatch(tree)):
        raise GateError(f"git names HEAD {visible(head[:60])!r}; mend the repository", MACHINERY)
    place = PurePosixPath(folder.relative_to(top).as_posix())
    return BaseFiles(git, place, found.commit, head, tree, found.lock, found.tip)


_KINDS: Final = ("commit", "tree")


def _said(found: BaseLock) -> str:
    if found.state == "absent":
        return (
            f"no {LOCK_NAME} stood at the merge base {found.commit[:12]}, so that nothing was agreed on; register the "
            "claims (pytest --ophamin --ophamin-register), and merge the lock before the gate is required"
        )
    if found.state == "unreadable":
        return f"the lock at the merge base cannot be used: {found.problem}"
    return found.problem


@contextmanager
def _git_may_fail() -> Iterator[None]:
    try:
        yield
    except GitError as error:
        raise GateError(str(error), MACHINERY) from None
