# SPDX-License-Identifier: Apache-2.0
"""The head of a run on disk: ``head.json`` beside its records, signed as ``head.dsse.json``, and the heads before it.

A folder of records has the head of the run that wrote them. Heads of earlier runs lie in ``heads.jsonl``, one canonical
head on each line, oldest first, so that the chain can be followed after their records are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ophamin.core.dsse import IN_TOTO_TYPE, sign
from ophamin.core.files import write_atomic
from ophamin.core.keys import Signer
from ophamin.core.records import utc_now
from ophamin.trust.chain import ChainError, RunHead, append, read_head
from ophamin.trust.statements import HEAD, Statement, Subject, git_subjects, make_statement

__all__ = [
    "HEADS_NAME",
    "HEAD_ENVELOPE_NAME",
    "HEAD_NAME",
    "MAX_HEADS_BYTES",
    "earlier_heads",
    "head_statement",
    "next_attempt",
    "retire_head",
    "write_head",
]

HEAD_NAME: Final = "head.json"
HEAD_ENVELOPE_NAME: Final = "head.dsse.json"
HEADS_NAME: Final = "heads.jsonl"
MAX_HEADS_BYTES: Final = 2**24
"""More than 40,000 runs; a larger file of heads is refused."""


def head_statement(
    head: RunHead, commit: str | None, tree: str | None, *, dirty: bool = False, lock: str | None = None
) -> Statement:
    """What is signed of a run: its head, the commit, the tree and the lock.

    Args:
        head: of the run.
        commit: see `ophamin.trust.statements.git_subjects`.
        tree: see there.
        dirty: see there.
        lock: SHA-256 of the lock file, where there is one.

    Example:
        >>> facts = {"lock": None, "attempt": 1, "commit": None, "time": "2026-11-23T09:30:00+00:00"}
        >>> head_statement(append(None, [], **facts), None, None).subjects[0].name
        'head.json'
    """
    subjects = [*git_subjects(commit, tree, dirty=dirty), Subject(HEAD_NAME, {"sha256": head.digest})]
    if lock is not None:
        subjects.append(Subject("ophamin.lock", {"sha256": lock}))
    return make_statement(HEAD, subjects, head.to_dict())


def earlier_heads(folder: Path) -> list[RunHead]:
    """The heads of earlier runs, oldest first; none where no run was before.

    Raises:
        ChainError: the file is too large, or a line of it is no head.
        OSError: it cannot be read.
    """
    path = folder / HEADS_NAME
    if not path.exists():
        return []
    with path.open("rb") as handle:
        data = handle.read(MAX_HEADS_BYTES + 1)
    if len(data) > MAX_HEADS_BYTES:
        raise ChainError(f"{HEADS_NAME} is larger than {MAX_HEADS_BYTES} bytes; move it away to begin a new chain")
    heads = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            heads.append(read_head(line))
        except ChainError as error:
            raise ChainError(
                f"{HEADS_NAME}, line {number}: {error}; move the file away to begin a new chain"
            ) from error
    return heads


def retire_head(folder: Path) -> None:
    """Put the head of the last run to the earlier ones, before its records are removed.

    A process that is killed in between has at worst left the head in both places, which the next call puts right.

    Raises:
        ChainError: a file is no head.
        OSError: a file cannot be read or removed.
        RecordWriteError: the heads cannot be written.
    """
    path = folder / HEAD_NAME
    if path.exists():
        heads = earlier_heads(folder)
        last = read_head(path.read_bytes())
        if not heads or heads[-1] != last:
            lines = b"".join(head.to_bytes() + b"\n" for head in [*heads, last])
            write_atomic(folder / HEADS_NAME, lines)
        path.unlink()
    (folder / HEAD_ENVELOPE_NAME).unlink(missing_ok=True)


def next_attempt(last: RunHead | None, commit: str | None, environ: Mapping[str, str], *, is_new: bool = True) -> int:
    """Which attempt at this commit a run is: one more than the last run's, and at least what the CI service counts.

    Args:
        last: the head of the run before.
        commit: that is tried now.
        environ: where ``GITHUB_RUN_ATTEMPT`` may be.
        is_new: something was tried; a run that only gives stored verdicts again is no attempt.

    Example:
        >>> next_attempt(None, None, {"GITHUB_RUN_ATTEMPT": "3"})
        3
    """
    if not is_new and last is not None and commit and last.commit == commit:
        return last.attempt
    told = environ.get("GITHUB_RUN_ATTEMPT", "")
    counted = int(told) if told.isascii() and told.isdigit() and len(told) < 7 else 1
    again = last.attempt + 1 if last is not None and commit and last.commit == commit else 1
    return max(counted, again, 1)


def write_head(
    folder: Path,
    digests: Iterable[str],
    *,
    commit: str | None,
    tree: str | None,
    dirty: bool,
    lock: str | None,
    environ: Mapping[str, str],
    signer: Signer | None,
    is_new: bool = True,
) -> RunHead:
    """Write the head of a run that is over, and sign it where there is a key.

    Args:
        folder: of the records.
        digests: SHA-256 of each ``proof.json`` that the run wrote; see `ophamin.trust.chain.record_tree`.
        commit: that was tried; None outside a repository.
        tree: of that commit.
        dirty: whether the work tree differs from it.
        lock: SHA-256 of the lock file; None without one.
        environ: see `next_attempt`.
        signer: None leaves the head unsigned.
        is_new: see `next_attempt`.

    Raises:
        ChainError: the earlier heads cannot be read, or a digest is none.
        OSError: a file cannot be read.
        RecordWriteError: a file cannot be written.
    """
    heads = earlier_heads(folder)
    last = heads[-1] if heads else None
    attempt = next_attempt(last, commit, environ, is_new=is_new)
    head = append(last, digests, lock=lock, attempt=attempt, commit=commit, time=utc_now())
    write_atomic(folder / HEAD_NAME, head.to_bytes())
    if signer is not None:
        known = bool(commit and tree)
        statement = head_statement(head, commit if known else None, tree if known else None, dirty=dirty, lock=lock)
        write_atomic(folder / HEAD_ENVELOPE_NAME, sign(statement.data, IN_TOTO_TYPE, [signer]).to_bytes())
    return head
