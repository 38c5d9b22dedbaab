# SPDX-License-Identifier: Apache-2.0
"""The history of a local git repository as a corpus: one record per commit, newest first.

Names and addresses of authors are never asked for. The history is read by git itself, in one process, without any
program, hook or remote that the repository's own configuration may name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ophamin.core.canonical import content_hash
from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError
from ophamin.seeing.corpus.base import Corpus, CorpusDataError, CorpusUnavailableError
from ophamin.seeing.corpus.cache import SourceStamp
from ophamin.seeing.corpus.git_process import GitError, GitRepository

__all__ = ["GitHistoryCorpus"]

MAX_COMMIT: Final = 64 * 2**20
"""Bytes of one commit: its message and the names of its files."""

_BETWEEN: Final = b"\0\0"
_COMMIT_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# No field is ever empty, for each has a letter before it; so two zero bytes stand only between commits.
_FORMAT: Final = "%x00%H%x00p%P%x00%aI%x00s%s%x00b%b"
_LOG: Final = (
    *("log", "-z", f"--format={_FORMAT}", "--name-only", "--encoding=UTF-8", "--no-mailmap", "--no-show-signature"),
    *("--no-renames", "--diff-merges=off", "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative"),
    *("--submodule=short", "--ignore-submodules=none"),
)


class GitHistoryCorpus(Corpus):
    """Every commit that can be reached from a revision, newest first.

    The id is the commit id; the text is the subject, a blank line and the body; the metadata are ``subject``, ``body``,
    ``author_date`` (ISO 8601), ``files`` (names of the files that were changed; none for a merge), ``n_files`` and
    ``parents`` (how many). Bytes that are no UTF-8 stand as escapes. A history lives: ``pinned`` is False, unless the
    revision is a full commit id.

    Args:
        root: the top of a repository, work tree or bare; by default the current folder.
        rev: a branch, tag or commit; no range.
        limit: the newest so many commits, 1 at least; None for all.
        label: how records name the repository; by default nothing but ``git``.

    Raises:
        ClaimError: ``rev`` or ``limit`` cannot be honoured.
    """

    name = "git"
    kind = "commits"
    source = "local git history"
    pinned = False

    def __init__(
        self,
        root: str | Path | None = None,
        *,
        rev: str = "HEAD",
        limit: int | None = None,
        label: str | None = None,
    ) -> None:
        super().__init__(Path() if root is None else root)
        if not rev or rev.startswith(("-", "^")) or ".." in rev or not rev.isprintable():
            raise ClaimError(f"rev={rev!r}; give one branch, tag or commit, and no range")
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise ClaimError(f"limit={limit!r}; give 1 or more, or leave it out for every commit")
        self._repository = GitRepository(Path() if root is None else Path(root))
        self.rev = rev
        self.limit = limit
        self.pinned = _COMMIT_ID.fullmatch(rev) is not None
        self.name = f"git:{label}" if label and label != "." else "git"

    def is_available(self) -> bool:
        """Whether git is there, the folder is the top of a repository, and the revision has a commit."""
        try:
            self._tip()
        except CorpusUnavailableError:
            return False
        return True

    def require_available(self) -> None:
        """Do nothing where the history can be read.

        Raises:
            CorpusUnavailableError: git is missing, this is no repository, or the revision has no commit.
        """
        self._tip()

    def records(self) -> Iterator[CorpusRecord]:
        """Stream the commits; closing the generator stops git.

        Raises:
            CorpusDataError: git failed on the way, or said nothing for a minute.
        """
        arguments = [*_LOG, *self._limits(), self._tip(), "--"]
        try:
            with self._repository.stream(*arguments) as blocks:
                for commit in _commits(blocks):
                    yield _record_of(commit)
        except GitError as problem:
            raise CorpusDataError(f"corpus {self.name!r}: {problem}") from None

    def is_shallow(self) -> bool:
        """Whether the clone was cut off, so that its oldest commits are not the first ones."""
        return self._ask("rev-parse", "--is-shallow-repository") == "true"

    def selection(self) -> dict[str, Any]:
        """Name, kind, revision, limit, and ``shallow`` where the clone was cut off.

        Raises:
            CorpusUnavailableError: the history cannot be read.
        """
        rule = {"name": self.name, "kind": self.kind, "rev": self.rev, "limit": self.limit}
        return {**rule, "shallow": True} if self.is_shallow() else rule

    def _compute_content_hash(self) -> str:
        return content_hash({"tip": self._tip(), "limit": self.limit, "cut": self._cut()})

    def _compute_count(self) -> int:
        return int(self._ask("rev-list", "--count", *self._limits(), self._tip(), "--"))

    def _stamp(self) -> SourceStamp:
        return SourceStamp(" ".join([self._tip(), *self._cut()]))

    def _cache_folder(self) -> Path | None:
        return None

    def _limits(self) -> list[str]:
        return [] if self.limit is None else [f"--max-count={self.limit}"]

    def _cut(self) -> list[str]:
        """The commits at which a shallow clone ends; none in a whole one."""
        if not self.is_shallow():
            return []
        path = Path(self._ask("rev-parse", "--path-format=absolute", "--git-path", "shallow"))
        try:
            return sorted(path.read_text(encoding="ascii").split())
        except OSError as problem:
            raise self._unavailable(f"{path}: {problem.strerror}; clone again") from None

    def _tip(self) -> str:
        """The id of the commit that the revision stands for."""
        try:
            tip = self._repository.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{self.rev}^{{commit}}")
        except GitError as problem:
            if problem.status != 1:
                raise self._unavailable(str(problem)) from None
            raise self._unavailable(
                f"{self.root} has no commit {self.rev!r}; commit something, fetch it, or give another rev="
            ) from None
        if not _COMMIT_ID.fullmatch(tip):
            raise self._unavailable(f"git gave {tip!r:.80} for {self.rev!r}, which is no commit id; give another rev=")
        return tip

    def _ask(self, *arguments: str) -> str:
        try:
            return self._repository.ask(*arguments)
        except GitError as problem:
            raise self._unavailable(str(problem)) from None

    def _unavailable(self, problem: str) -> CorpusUnavailableError:
        return CorpusUnavailableError(f"corpus {self.name!r}: {problem}")


def _commits(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of each commit, cut out of blocks that end anywhere.

    Raises:
        CorpusDataError: one commit is larger than `MAX_COMMIT`.
    """
    pieces: list[bytes] = []  # of a commit whose end was not read yet
    for block in blocks:
        straddles = bool(pieces) and pieces[-1].endswith(b"\0") and block.startswith(b"\0")
        if not straddles and _BETWEEN not in block:
            pieces.append(block)
        else:
            *whole, rest = b"".join([*pieces, block]).split(_BETWEEN)
            pieces = [rest]
            yield from whole
        if sum(map(len, pieces)) > MAX_COMMIT:
            raise CorpusDataError(f"one commit is larger than {MAX_COMMIT} bytes; give a limit= that ends before it")
    if last := b"".join(pieces):
        yield last


def _record_of(commit: bytes) -> CorpusRecord:
    fields = commit.strip(b"\0").decode("utf-8", "backslashreplace").split("\0")
    if len(fields) < 5:
        raise CorpusDataError(f"git gave {commit[:80]!r}, which is no commit; update git")
    commit_id, parents, author_date, subject, body, *files = fields
    body = body[1:].rstrip("\n")
    if files:
        files[0] = files[0].removeprefix("\n")
        files.sort()
    metadata = {
        "subject": subject[1:],
        "body": body,
        "author_date": author_date,
        "files": files,
        "n_files": len(files),
        "parents": len(parents[1:].split()),
    }
    return CorpusRecord(commit_id, f"{subject[1:]}\n\n{body}" if body else subject[1:], metadata)
