# SPDX-License-Identifier: Apache-2.0
"""The chain of runs: one head for each run, which binds all of its records and the head before it.

A chain that only its author keeps shows nothing: he can write all of it anew. It shows that nothing was left out or
exchanged to whoever saw an earlier head, so heads go where the author cannot rewrite them: a protected branch, a
log, a second repository. Times in heads are shown, never trusted. Nothing is signed or stored here.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from ophamin.core import strictjson
from ophamin.core.canonical import MAX_SAFE_INTEGER, canonical_bytes
from ophamin.core.records import RecordFieldError, Section, record
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.trust.merkle import MerkleTree

__all__ = [
    "HEAD_FORMAT",
    "ChainError",
    "ChainProblem",
    "ProblemKind",
    "RunHead",
    "append",
    "read_head",
    "record_tree",
    "verify_chain",
]

HEAD_FORMAT: Final = "ophamin.head.v1"
MAX_HEAD_BYTES: Final = 4096

_SHA256: Final = re.compile(r"[0-9a-f]{64}")

ProblemKind = Literal["duplicate", "fork", "reorder", "gap", "wrong_previous", "unwitnessed"]


class ChainError(OphaminError, ValueError):
    """Something is no head, or cannot go into one."""


def _in_the_calendar(text: str) -> str:
    datetime.fromisoformat(text)
    return text


_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Time = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})$"),
    AfterValidator(_in_the_calendar),
]
_Natural = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]


@record
class RunHead(Section):
    """What a run leaves behind: a hash over its records, and one over everything before.

    Attributes:
        format: always ``ophamin.head.v1``.
        index: place in the chain, from 0; a removed head leaves a hole in the numbers.
        previous: digest of the head before, 64 hex digits; None for the first, and only for it.
        root: root of the Merkle tree over the digests of the run's record files, 64 hex digits.
        count: the number of those records; 0 for a run that decided nothing.
        lock: SHA-256 of the lock file that claims were held against, 64 hex digits; None without a lock.
        attempt: which attempt at this commit, from 1.
        commit: what was tried, 40 or 64 hex digits; None outside a repository.
        time: when, ISO 8601 with an offset; for people.

    Example:
        >>> head = append(None, ["ab" * 32], lock=None, attempt=1, commit=None, time="2026-11-23T09:30:00+00:00")
        >>> head.index, head.count, read_head(head.to_bytes()) == head
        (0, 1, True)
    """

    format: Literal["ophamin.head.v1"]
    index: _Natural
    previous: _Digest | None
    root: _Digest
    count: _Natural
    lock: _Digest | None
    attempt: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)]
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")] | None
    time: _Time

    def __post_init__(self) -> None:
        if (self.index == 0) is not (self.previous is None):
            raise ValueError(f"the first head, 0, and no other has no head before it; this is head {self.index}")

    def to_bytes(self) -> bytes:
        """The canonical bytes of the head."""
        return canonical_bytes(self.to_dict())

    @property
    def digest(self) -> str:
        """SHA-256 in hex over `to_bytes`, as ``sha256sum`` gives it for the file."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def binds(self, digests: Iterable[str]) -> bool:
        """Whether these are the records of the run, all of them and no others.

        Raises:
            ChainError: one is no digest, or stands twice.
        """
        tree = record_tree(digests)
        return tree.size == self.count and tree.root.hex() == self.root


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """One place where heads do not form a chain.

    Attributes:
        kind: a head stands twice, two heads follow the same one, heads stand in another order than their numbers, a
            head is missing, a head names another one than the one before it, or a head that somebody saw is not here.
        index: the number of the head in question, where there is one.
        message: the same for people.
    """

    kind: ProblemKind
    index: int | None
    message: str


def record_tree(digests: Iterable[str]) -> MerkleTree:
    """The tree over the records of a run: the 32 bytes of each digest, in ascending order.

    Args:
        digests: SHA-256 of each record file, 64 hex digits; in any order, since workers finish in any.

    Raises:
        ChainError: one is no digest, or stands twice.
    """
    ordered = sorted(digests)
    for before, digest in pairwise(["", *ordered]):
        if _SHA256.fullmatch(digest) is None:
            raise ChainError(f"{visible(digest[:70])!r} is no SHA-256; give 64 lower-case hex digits")
        if digest == before:
            raise ChainError(f"the record {digest} stands twice in this run; give each file once")
    return MerkleTree(bytes.fromhex(digest) for digest in ordered)


def append(
    last: RunHead | None,
    digests: Iterable[str],
    *,
    lock: str | None,
    attempt: int,
    commit: str | None,
    time: str,
) -> RunHead:
    """The head of a run that comes after ``last``.

    Args:
        last: the newest head of the chain; None begins one.
        digests: see `record_tree`.
        lock: see `RunHead`.
        attempt: see `RunHead`.
        commit: see `RunHead`.
        time: see `RunHead`.

    Raises:
        ChainError: a digest is none, or stands twice.
        RecordFieldError: another value has not the form that `RunHead` asks for.
    """
    tree = record_tree(digests)
    return RunHead(
        format=HEAD_FORMAT,
        index=0 if last is None else last.index + 1,
        previous=None if last is None else last.digest,
        root=tree.root.hex(),
        count=tree.size,
        lock=lock,
        attempt=attempt,
        commit=commit,
        time=time,
    )


def read_head(data: bytes) -> RunHead:
    """Read a head strictly; only its canonical bytes are taken, since its digest is over those.

    Raises:
        ChainError: not strict JSON, a field missing, unknown or of the wrong form, or other bytes than canonical ones.
    """
    try:
        value: Any = strictjson.loads(data, max_bytes=MAX_HEAD_BYTES, what="head")
        head = RunHead.from_dict(value)
    except (strictjson.StrictJSONError, RecordFieldError) as error:
        raise ChainError(f"this is no head of a run: {visible(str(error))}") from error
    if head.to_bytes() != data:
        raise ChainError("the head is not in its canonical form, so that its digest is another; take the signed bytes")
    return head


def verify_chain(heads: Sequence[RunHead], *, witnessed: Collection[str] = ()) -> tuple[ChainProblem, ...]:
    """Everything that keeps heads from being one whole chain, from its beginning.

    Heads that were removed from the end, and a chain that was written anew as a whole, leave no trace in the chain
    itself; only a witness can tell.

    Args:
        heads: in the order in which they are kept, oldest first.
        witnessed: digests of heads that were seen before, in a place where the author cannot rewrite them.

    Returns:
        Nothing for a whole chain, also for no heads.

    Example:
        >>> facts = {"lock": None, "attempt": 1, "commit": None, "time": "2026-11-23T09:30:00+00:00"}
        >>> first = append(None, [], **facts)
        >>> second = append(first, [], **facts)
        >>> verify_chain([first, second]), [problem.kind for problem in verify_chain([second])]
        ((), ['gap'])
    """
    digests = [head.digest for head in heads]
    different = dict(zip(digests, heads, strict=True))
    return (
        *_duplicates(Counter(digests), different),
        *_out_of_order(list(different.values())),
        *_broken_links(different),
        *_unwitnessed(different, witnessed),
    )


def _duplicates(counts: Counter[str], heads: dict[str, RunHead]) -> Iterator[ChainProblem]:
    for digest, head in heads.items():
        if counts[digest] > 1:
            yield ChainProblem(
                "duplicate", head.index, f"head {head.index} is here {counts[digest]} times; keep it once"
            )


def _out_of_order(heads: Sequence[RunHead]) -> Iterator[ChainProblem]:
    for before, head in pairwise(heads):
        if head.index < before.index:
            message = f"head {head.index} stands after head {before.index}; put them in the order of their numbers"
            yield ChainProblem("reorder", head.index, message)


def _broken_links(heads: dict[str, RunHead]) -> Iterator[ChainProblem]:
    """Forks, gaps and wrong links, whatever the order of the heads."""
    at: dict[int, list[str]] = {}
    for digest, head in heads.items():
        at.setdefault(head.index, []).append(digest)
    for index in sorted(at):
        if (count := len(at[index])) > 1:
            yield ChainProblem("fork", index, f"{count} different heads have the number {index}; one run was rewritten")
        if index > 0 and index - 1 not in at:
            yield ChainProblem("gap", index, f"head {index} is here, but head {index - 1} is missing; find it")
            continue
        for digest in at[index]:
            previous = heads[digest].previous
            if previous is not None and previous not in at[index - 1]:
                message = (
                    f"head {index} names {previous[:12]} before it, which head {index - 1} is not; one was changed"
                )
                yield ChainProblem("wrong_previous", index, message)


def _unwitnessed(heads: dict[str, RunHead], witnessed: Collection[str]) -> Iterator[ChainProblem]:
    for digest in sorted(set(witnessed) - set(heads)):
        message = f"the head {digest[:12]} was seen before and is not in the chain; it was cut off or written anew"
        yield ChainProblem("unwitnessed", None, message)
