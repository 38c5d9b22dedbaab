# SPDX-License-Identifier: Apache-2.0
"""The history of a local git repository: authors are the patterns, commits what is seen of them.

Authors are named by a keyed hash of their address, and addresses, trailers such as ``Signed-off-by`` and the author's
own name are taken out of the messages. That keeps names out of tables and reports. It is no protection against
somebody who has the repository, for the commit ids are kept.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from qmpt.data.models import Observation
from qmpt.data.sources.base import Entry, Source
from qmpt.data.sources.git_cochange import CoChange
from qmpt.errors import SourceError

__all__ = ["GitHistorySource"]

MAX_COMMIT_BYTES: Final = 16 * 2**20
PSEUDONYM_DIGITS: Final = 12
"""Hexadecimal digits of a pseudonym: among 10 000 authors two get one name with a probability of 2e-7."""

_BLOCK: Final = 2**18
_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Each field begins with a letter, so that two zero bytes stand only between commits.
_FORMAT: Final = "%x00i%H%x00a%aI%x00n%aN%x00e%aE%x00p%P%x00m%B"
_FIELDS: Final = 6
_LOG: Final = (
    *("log", "-z", f"--format={_FORMAT}", "--numstat", "--encoding=UTF-8", "--use-mailmap", "--no-show-signature"),
    *("--no-renames", "--diff-merges=off", "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative"),
    *("--submodule=short", "--ignore-submodules=none"),
)
# git reads this one repository: no configuration of the user, no other repository, no network, no question.
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_OPTIONS: Final = ("--no-pager", "-c", "core.fsmonitor=false", "-c", "log.showRoot=true", "-c", "mailmap.file=")
_BOT: Final = re.compile(
    r"\[bot\]|(^|[\s\-_.+])bot($|[\s\-_.@+])|dependabot|renovate|github-actions|pre-commit-ci|greenkeeper",
    re.IGNORECASE,
)
# Only the begin of a word is tried, so that a long word costs no more than it is long.
_ADDRESS: Final = re.compile(r"<?(?<![\w.+-])[\w.+-]+(\[bot\])?@[\w-]+(\.[\w-]+)+>?")
_TRAILER: Final = re.compile(r"^(cc|[a-z]+(-[a-z]+)*-by):.*$\n?", re.IGNORECASE | re.MULTILINE)


class GitHistorySource(Source):
    """Commits that can be reached from a revision, newest first.

    Each gives one observation of modality ``text``: ``{"text": message, "numbers": {...}}`` with the numbers ``files``,
    ``insertions``, ``deletions`` (0 for a merge; a binary file counts as a file alone), ``hour`` (0 to 23) and
    ``weekday`` (0 is Monday) in the author's own zone, and ``parents``. The time is the author's. Bots are kept; their
    pattern has ``bot: true``. Every pattern has ``human`` and ``pseudonymised``. A ``.mailmap`` joins several addresses
    of one author. A commit whose time cannot be read is skipped and counted.

    Args:
        path: the top of a repository, work tree or bare.
        rev: a branch, tag or commit; no range.
        limit: the newest so many commits; None for all.
        layer: name of the layer; by default the name of the folder.
        cochange: also give an observation of modality ``interaction`` for each pair of commits in which two authors
            changed the same file one after the other (`qmpt.data.sources.git_cochange`), for impact by a graph.
        key: secret of the hash. By default it is taken from the first commit, so that pseudonyms stay the same from run
            to run; then anybody who has the repository can compute them. Give a secret of your own before anything
            is handed on.

    Raises:
        SourceError: an option cannot be honoured.

    Example:
        >>> GitHistorySource(".", rev="a..b")
        Traceback (most recent call last):
        ...
        qmpt.errors.SourceError: rev='a..b'; give one branch, tag or commit, and no range
    """

    kind = "git"

    def __init__(
        self,
        path: str | Path,
        *,
        rev: str = "HEAD",
        limit: int | None = None,
        layer: str | None = None,
        cochange: bool = False,
        key: str | bytes | None = None,
    ) -> None:
        super().__init__(path)
        if not rev or rev.startswith(("-", "^")) or ".." in rev or not rev.isprintable():
            raise SourceError(f"rev={rev!r}; give one branch, tag or commit, and no range")
        if limit is not None and (isinstance(limit, bool) or limit < 1):
            raise SourceError(f"limit={limit!r}; give 1 or more, or leave it out for every commit")
        if not isinstance(cochange, bool):
            raise SourceError(f"cochange={cochange!r}; give true or false")
        if key is not None and not key:
            raise SourceError("key= is empty; give a secret, or leave it out")
        self._rev, self._limit, self._cochange = rev, limit, cochange
        self._key = key.encode() if isinstance(key, str) else key
        self._layer = layer or self.path.absolute().name.removesuffix(".git") or "repository"

    def inputs(self) -> dict[str, str]:
        """The commit that was read from."""
        return {self.path.absolute().name: f"git:{self._tip()}"}

    def entries(self) -> Iterator[Entry]:
        """One entry per commit, and with ``cochange`` one per link, after the earlier of its two commits.

        Raises:
            SourceError: git is missing or failed, or this is no repository.
        """
        self.skipped.clear()
        tip = self._tip()
        key = self._key or self._key_of_repository(tip)
        limits = [] if self._limit is None else [f"--max-count={self._limit}"]
        links = CoChange() if self._cochange else None
        with self._running(*_LOG, *limits, tip, "--") as output:
            for commit in _commits(output):
                fields = commit.strip(b"\0").decode("utf-8", "replace").split("\0")
                if len(fields) < _FIELDS or not _ID.fullmatch(fields[0][1:]):
                    raise SourceError(f"{self.path}: git gave {commit[:80]!r}, which is no commit; update git")
                try:
                    entry = self._entry(fields, key)
                except ValueError:  # also a ValidationError
                    self.skipped["commit with a time outside the years 1 to 9999"] += 1
                    continue
                yield entry
                if links is not None:
                    seen = entry.observation
                    files = [name for *_, name in _changes(fields[_FIELDS:])]
                    for link in links.seen(seen.obs_id, seen.pattern_id, seen.timestamp, files):
                        yield Entry(link, self._layer)

    def _entry(self, fields: list[str], key: bytes) -> Entry:
        commit_id, written, name, address, parents, message = (field[1:] for field in fields[:_FIELDS])
        moment = datetime.fromisoformat(written)
        is_bot = _BOT.search(name) is not None or _BOT.search(address) is not None
        observation = Observation(
            obs_id=commit_id,
            pattern_id=f"author-{_pseudonym(address or name, key)}",
            timestamp=moment,
            modality="text",
            payload={
                "text": _without_people(message, name),
                "numbers": {
                    **_numbers_of(fields[_FIELDS:]),
                    "hour": moment.hour,
                    "weekday": moment.weekday(),
                    "parents": len(parents.split()),
                },
            },
            tags=["merge"] if " " in parents else [],
        )
        return Entry(observation, self._layer, {"bot": is_bot, "human": not is_bot, "pseudonymised": True})

    def _key_of_repository(self, tip: str) -> bytes:
        roots = sorted(self._ask("rev-list", "--max-parents=0", tip, "--").split())
        return hashlib.sha256(b"qmpt pseudonyms\0" + roots[0].encode()).digest()

    def _tip(self) -> str:
        if not self.path.is_dir():
            raise SourceError(f"{self.path} is no folder; give the top of a repository")
        try:
            tip = self._ask("rev-parse", "--verify", "--end-of-options", f"{self._rev}^{{commit}}").strip()
        except SourceError:
            self._refuse_revision()
            raise
        if not _ID.fullmatch(tip):
            raise SourceError(f"{self.path}: git gave {tip!r:.80} for {self._rev!r}; give another rev=")
        return tip

    def _refuse_revision(self) -> None:
        """Say what is wrong with the revision, if this is a repository that git can read.

        Raises:
            SourceError: it is one.
        """
        if not self._ask("rev-list", "--all", "--max-count=1").strip():
            raise SourceError(f"{self.path} is a repository without commits; give one with a history") from None
        raise SourceError(
            f"{self.path} has no commit {self._rev!r}; give rev= a branch, tag or commit, on the command line as "
            "--set rev=NAME"
        ) from None

    def _ask(self, *arguments: str) -> str:
        with self._running(*arguments) as output:
            return output.read().decode("ascii", "replace")

    @contextmanager
    def _running(self, *arguments: str) -> Iterator[IO[bytes]]:
        """What git prints, as it comes; git is stopped when the block ends early."""
        inherited = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
        # Only the folder itself is looked at, so that a folder inside another repository is not taken for that one.
        around = {"GIT_CEILING_DIRECTORIES": str(self.path.resolve().parent)}
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(
                    ["git", *_OPTIONS, *arguments],
                    cwd=self.path,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={**inherited, **_ENVIRONMENT, **around},
                )
            except OSError as error:
                raise SourceError(f"git cannot be run: {error.strerror}; install git") from None
            with process:
                assert process.stdout is not None
                try:
                    yield process.stdout
                    process.stdout.read()
                    status = process.wait()
                except BaseException:
                    process.kill()
                    raise
            if status:
                errors.seek(0)
                said = errors.read(2000).decode("utf-8", "replace").strip().rpartition("\n")[2]
                raise SourceError(f"{self.path}: {said or f'git ended with {status}'}; give the top of a repository")


def _commits(output: IO[bytes]) -> Iterator[bytes]:
    """The bytes of each commit, cut out of a stream at two zero bytes.

    Raises:
        SourceError: one commit is larger than `MAX_COMMIT_BYTES`.
    """
    rest = b""
    while block := output.read(_BLOCK):
        *whole, rest = (rest + block).split(b"\0\0")
        yield from filter(None, whole)
        if len(rest) > MAX_COMMIT_BYTES:
            raise SourceError(f"one commit is larger than {MAX_COMMIT_BYTES} bytes; give a limit= that ends before it")
    if rest.strip(b"\0"):
        yield rest


def _changes(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Insertions, deletions and name from lines ``insertions TAB deletions TAB name``; a binary file has dashes."""
    for line in lines:
        added, tab, rest = line.lstrip("\n").partition("\t")
        removed, second_tab, name = rest.partition("\t")
        if tab and second_tab:
            yield int(added) if added.isdecimal() else 0, int(removed) if removed.isdecimal() else 0, name


def _numbers_of(lines: list[str]) -> dict[str, int]:
    changes = list(_changes(lines))
    return {
        "files": len(changes),
        "insertions": sum(added for added, _, _ in changes),
        "deletions": sum(removed for _, removed, _ in changes),
    }


def _pseudonym(identity: str, key: bytes) -> str:
    folded = identity.strip().casefold().encode("utf-8", "replace")
    return hmac.new(key, folded, hashlib.sha256).hexdigest()[:PSEUDONYM_DIGITS]


def _without_people(message: str, name: str) -> str:
    """The message without trailers that name people, addresses, and the author's full name."""
    text = _ADDRESS.sub("<address>", _TRAILER.sub("", message))
    if " " in name.strip():  # a single word may be a word of the language
        text = re.sub(re.escape(name.strip()), "<author>", text, flags=re.IGNORECASE)
    return text.strip()
