# SPDX-License-Identifier: Apache-2.0
"""The ledger of attempts: what was tried on one claim, system version and environment, and what came of it.

It is what makes reruns honest. A verdict belongs to the claim, the version of the system and the class of the
environment. Who runs the same case again finds the stored verdict, or goes on from the stored observations; a fresh
beginning is possible and counted. The ledger only grows.

    <folder>/.gitignore
    <folder>/<id[:2]>/<id>/key.json                      what the case is, and the format
                           attempts.jsonl                one line for each attempt; a line makes the attempt happen
                           <n>.proof.json                the record of attempt n, byte for byte
                           <n>.observations.json.gz      its observations
                           lock                          there while the case is open

This module knows no test runner, runs no trial and decides nothing. It keeps honest people honest: it holds no
signature, and who can write the folder can rewrite it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ophamin.core.canonical import canonical_bytes, content_hash
from ophamin.core.environment import GitFacts
from ophamin.core.text import visible
from ophamin.measuring.history_entries import (
    ATTEMPTS,
    KEY,
    AttemptEntry,
    CaseKey,
    break_in,
    key_bytes,
    observations_name,
    proof_name,
    read_case,
)
from ophamin.measuring.history_store import CaseBusyError, CaseFiles, HistoryError, HistoryWriteError

__all__ = [
    "AttemptEntry",
    "Case",
    "CaseBusyError",
    "CaseKey",
    "CaseSummary",
    "History",
    "HistoryError",
    "HistoryWriteError",
    "environment_class",
    "usable",
]

MAX_STORED_BYTES: Final = 256 * 2**20

_ID: Final = re.compile(r"[0-9a-f]{64}")
_PREFIX: Final = re.compile(r"[0-9a-f]{2}")
_COMPARABLE: Final = ("numpy", "scipy", "scikit-learn", "statsmodels", "pytest-ophamin")
_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"} | {
    name: name
    for name in ("x86_64", "aarch64", "armv7l", "armv6l", "i686", "i386", "ppc64le", "riscv64", "s390x", "loongarch64")
}


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """One case of a ledger.

    Attributes:
        id: name of its folder.
        key: what it is; None where that cannot be read.
        last: its last attempt; None where that cannot be read.
        problem: what is wrong with it; empty for a sound case.
    """

    id: str
    key: CaseKey | None
    last: AttemptEntry | None
    problem: str = ""


class Case:
    """One case, held alone by this handle; made by `History.open`.

    Attributes:
        key: what the case is.
        repaired: what a killed writer left half-done and is set aside, in words; empty where nothing is.
    """

    def __init__(self, key: CaseKey, files: CaseFiles) -> None:
        self.key = key
        self._files = files
        _, self._attempts, self._end = read_case(files)
        self._is_open = True
        self.repaired = ""
        if self._end.torn:
            self.repaired = (
                f"{ATTEMPTS} ends in {self._end.torn} bytes of a line that was never finished, as a killed process "
                f"leaves it: attempt {len(self._attempts) + 1} did not happen; the next append removes them"
            )

    @property
    def attempts(self) -> tuple[AttemptEntry, ...]:
        """All attempts, in order."""
        return self._attempts

    @property
    def last(self) -> AttemptEntry | None:
        """The last attempt; None where there was none."""
        return self._attempts[-1] if self._attempts else None

    def append(self, entry: AttemptEntry, proof: bytes, observations: bytes) -> None:
        """Note an attempt with its files.

        The files come first and the line last, each on the disk before the next begins. A process killed at any
        point leaves the attempt noted whole, or not at all.

        Args:
            entry: the attempt; its number follows that of `last`.
            proof: bytes of its record, at most 256 MiB.
            observations: bytes of its gzipped observations, at most 256 MiB.

        Raises:
            HistoryError: the entry does not follow the last one, goes on from a verdict, takes seeds back, or does
                not speak of these bytes; the case is closed, full, or was changed by others.
            HistoryWriteError: the system refused; the attempt is not noted.
        """
        if not self._is_open:
            raise HistoryError(f"the case {self.key.id[:12]} is closed; note an attempt while it is open")
        problem = break_in(entry, self._attempts) or _mismatch(entry, proof, observations)
        if problem:
            raise HistoryError(f"the attempt was not noted: {problem}")
        files = self._files
        files.sweep()
        files.ignore_by_git()
        if not self._attempts:
            files.write(KEY, key_bytes(self.key))
        files.write(proof_name(entry.number), proof)
        files.write(observations_name(entry.number), observations)
        self._end = files.append_line(ATTEMPTS, canonical_bytes(entry.to_dict()), self._end)
        self._attempts = (*self._attempts, entry)

    def proof(self, number: int) -> bytes:
        """The stored record of an attempt.

        Raises:
            HistoryError: there is no such attempt; the file is missing, or is not the one that was stored.
        """
        return self._stored(proof_name(number), self._attempt(number).proof_sha256)

    def observations(self, number: int) -> bytes:
        """The stored observations of an attempt, gzipped.

        Raises:
            HistoryError: as `proof`.
        """
        return self._stored(observations_name(number), self._attempt(number).observations_sha256)

    def close(self) -> None:
        """Refuse further attempts; reading goes on. `History.open` does it."""
        self._is_open = False

    def _attempt(self, number: int) -> AttemptEntry:
        if not 1 <= number <= len(self._attempts):
            raise HistoryError(f"there is no attempt {number}; the case {self.key.id[:12]} has {len(self._attempts)}")
        return self._attempts[number - 1]

    def _stored(self, name: str, digest: str) -> bytes:
        data = self._files.read(name, MAX_STORED_BYTES)
        if data is None:
            raise self._files.damaged(name, "the file is missing")
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise self._files.damaged(name, f"its SHA-256 is {found}, the ledger says {digest}")
        return data


class History:
    """The ledger of attempts in one folder; nothing is on disk before the first attempt.

    Args:
        folder: the ledger's own folder.

    Example:
        >>> import hashlib, tempfile
        >>> key = CaseKey("5f4f", "model@abc123", "0123456789abcdef")
        >>> history = History(Path(tempfile.mkdtemp()) / "history")
        >>> with history.open(key) as case:
        ...     digests = [hashlib.sha256(data).hexdigest() for data in (b"{}", b"rows")]
        ...     noon = "2026-01-02T12:00:00+00:00"
        ...     case.append(AttemptEntry(1, noon, noon, "INCONCLUSIVE", "undecided", "40 units more", 10, 10, "7",
        ...                              False, None, digests[0], *digests, 10), b"{}", b"rows")
        >>> with history.open(key) as case:
        ...     case.last.reason, case.observations(1)
        ('40 units more', b'rows')
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @contextmanager
    def open(self, key: CaseKey) -> Iterator[Case]:
        """Open a case for this handle alone, until the block ends.

        The lock needs the case's folder; where no attempt is noted, the folders that were made for it go again.

        Raises:
            CaseBusyError: another handle has the case open; the message names its process. Nothing waits.
            HistoryError: the case is damaged; the message names the file.
            HistoryWriteError: the folder cannot be made or written.
        """
        files = CaseFiles(self.folder, key.id)
        with files.locked():
            case = Case(key, files)
            try:
                yield case
            finally:
                case.close()

    def cases(self) -> Iterator[CaseSummary]:
        """All cases in the order of their ids, one in memory at a time; takes no lock and writes nothing.

        A damaged case comes with its problem. A folder in which no attempt was ever noted is left out.

        Raises:
            HistoryError: the ledger's folder itself cannot be read.
        """
        for prefix in _names(self.folder, _PREFIX):
            try:
                found = _names(self.folder / prefix, _ID)
            except HistoryError as error:
                yield CaseSummary(prefix, None, None, str(error))
                continue
            for name in found:
                if name.startswith(prefix):
                    yield from _summary(CaseFiles(self.folder, name))


def environment_class(environment: Mapping[str, str]) -> str:
    """Digest over what makes results comparable between two environments.

    Python's minor version; system and machine, without the versions of kernel and C library; the exact versions of
    numpy, scipy, scikit-learn, statsmodels and of ophamin. What else is installed belongs to the version of the
    system. A platform that names no machine counts as it is spelled, so that two are never taken for one.

    Args:
        environment: as `ophamin.core.environment.environment_lock` gives it; what is not in it counts as absent.

    Returns:
        16 hex digits.

    Example:
        >>> lock = {"python": "3.12.3", "platform": "Linux-6.8.0-x86_64-with-glibc2.39", "numpy": "2.1.0"}
        >>> environment_class(lock)
        'd6bc5f981ec8270d'
    """
    versions = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in environment.items()}
    facts = {name: versions.get(name, "absent") for name in _COMPARABLE}
    facts["python"] = ".".join(environment.get("python", "absent").split(".")[:2])
    facts["platform"] = _platform_class(environment.get("platform", "absent"))
    return content_hash(facts)[:16]


def usable(facts: GitFacts) -> str:
    """Why the ledger may not be used on this tree; empty where it may.

    An attempt belongs to a version, so the version must be known: a commit, and no change beyond it.

    Example:
        >>> usable(GitFacts("", None, shallow=False))
        'no commit is known: this is not a git repository, it has no commit yet, or git cannot be asked'
    """
    if not facts.commit:
        return "no commit is known: this is not a git repository, it has no commit yet, or git cannot be asked"
    if facts.dirty is None:
        return "git could not say whether the tree has uncommitted changes"
    return "the tree has uncommitted changes" if facts.dirty else ""


def _mismatch(entry: AttemptEntry, proof: bytes, observations: bytes) -> str:
    """Why an entry does not speak of these files; empty where it does."""
    for name, data, digest in (
        ("proof", proof, entry.proof_sha256),
        ("observations", observations, entry.observations_sha256),
    ):
        if len(data) > MAX_STORED_BYTES:
            return f"the {name} has {len(data)} bytes; the limit is {MAX_STORED_BYTES}"
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            return f"the {name} has the SHA-256 {found}, the entry says {digest}"
    return ""


def _summary(files: CaseFiles) -> Iterator[CaseSummary]:
    try:
        key, attempts, _ = read_case(files)
    except HistoryError as error:
        yield CaseSummary(files.case_id, None, None, str(error))
        return
    if attempts:
        yield CaseSummary(files.case_id, key, attempts[-1])


def _names(folder: Path, form: re.Pattern[str]) -> list[str]:
    try:
        return sorted(filter(form.fullmatch, os.listdir(folder)))  # noqa: PTH208 - names are all that is wanted
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = error.strerror or str(error)
        raise HistoryError(f"{visible(str(folder))}: {reason}; give a ledger that can be read") from error


def _platform_class(platform: str) -> str:
    words = platform.split("-")
    machines = [_MACHINES[word.lower()] for word in words if word.lower() in _MACHINES]
    return f"{words[0]} {machines[0]}" if machines else platform
