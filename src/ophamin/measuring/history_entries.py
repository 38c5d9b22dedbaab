# SPDX-License-Identifier: Apache-2.0
"""What the ledger of attempts says: the key of a case, the entries of its attempts, and how they follow one another.

`ophamin.measuring.history` hands the names on; import them from there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints

from ophamin.core.canonical import MAX_SAFE_INTEGER, canonical_bytes, content_hash
from ophamin.core.records import RecordFieldError, Section, exact_fields, record
from ophamin.core.strictjson import StrictJSONError, loads
from ophamin.core.text import visible
from ophamin.measuring.history_store import MAX_LINE_BYTES, CaseFiles, End

__all__ = [
    "ATTEMPTS",
    "FORMAT",
    "KEY",
    "AttemptEntry",
    "CaseKey",
    "break_in",
    "key_bytes",
    "observations_name",
    "proof_name",
    "read_case",
]

FORMAT: Final = "ophamin-history/1"
KEY: Final = "key.json"
ATTEMPTS: Final = "attempts.jsonl"
MAX_REASON: Final = 2000

_KEY_FIELDS: Final = ("claim_digest", "system_version", "environment_class")
_STORED: Final = re.compile(r"([1-9][0-9]{0,8})\.(?:proof\.json|observations\.json\.gz)")


def _utc_time(text: str) -> str:
    try:
        offset = datetime.fromisoformat(text).utcoffset()
    except ValueError as error:
        raise ValueError(f"{text!r} is no ISO 8601 time ({error}); write it as utc_now() does") from None
    if offset != timedelta(0):
        raise ValueError(f"{text!r} is not in UTC; write it with the offset +00:00")
    return text


def _reason(value: Any) -> str:
    """A reason fit to be kept; an attempt must not go uncounted because its error had odd words."""
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__} is no reason; give text")
    text = visible(value, keep_newlines=True)
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 1]}…"


_Part = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
_Number = Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)]
_Time = Annotated[str, AfterValidator(_utc_time)]


@record
class CaseKey(Section):
    """What a verdict belongs to. Any text of 1 to 1000 characters; none of it becomes a path.

    Attributes:
        claim_digest: digest of the claim and of how it is tried.
        system_version: the system under test and its version, such as ``model@abc123``.
        environment_class: see `environment_class`.

    Example:
        >>> CaseKey("5f4f", "model@abc123", "0123456789abcdef").id[:8]
        'cfc75d90'
    """

    claim_digest: _Part
    system_version: _Part
    environment_class: _Part

    @property
    def id(self) -> str:
        """SHA-256 in hex over the canonical JSON of the three."""
        return content_hash(self.to_dict())


@record
class AttemptEntry(Section):
    """One attempt at a case, as the ledger tells it.

    An attempt begins a sample of its own or goes on from an earlier one. The first begins; a later one that begins
    says so by ``fresh``.

    Attributes:
        number: from 1.
        started_at: ISO 8601 in UTC.
        concluded_at: ISO 8601 in UTC. Clocks are shown, never trusted: it may lie before the start.
        outcome: of the record.
        kind: ``verdict`` for VALIDATED and REFUTED; else ``undecided``, or ``broken`` where the test's body raised
            or its machine failed.
        reason: why; controls made visible, and cut after 2000 characters.
        n_units: evidence units the outcome rests on.
        n_rows: rows of the stored observations.
        seed: as text.
        fresh: a new beginning was asked for.
        resumed_from: the attempt it went on from; None for a beginning.
        proof_id: id of the record.
        proof_sha256: SHA-256 in hex over the bytes of its file.
        observations_sha256: SHA-256 in hex over the bytes of the gzipped observations.
        next_seed_counter: the first seed of the declared sequence that no attempt has used.

    Raises:
        RecordFieldError: a field is of the wrong form, or two contradict each other.
    """

    number: _Number
    started_at: _Time
    concluded_at: _Time
    outcome: Literal["VALIDATED", "REFUTED", "INCONCLUSIVE"]
    kind: Literal["verdict", "undecided", "broken"]
    reason: Annotated[str, PlainValidator(_reason)]
    n_units: _Count
    n_rows: _Count
    seed: Annotated[str, StringConstraints(max_length=200)]
    fresh: bool
    resumed_from: _Number | None
    proof_id: _Digest
    proof_sha256: _Digest
    observations_sha256: _Digest
    next_seed_counter: _Count

    def __post_init__(self) -> None:
        if (self.kind == "verdict") is (self.outcome == "INCONCLUSIVE"):
            raise ValueError(f"an attempt of the kind {self.kind!r} cannot have the outcome {self.outcome}")
        if self.resumed_from is not None:
            if self.fresh:
                raise ValueError(f"attempt {self.number} is fresh and goes on from {self.resumed_from}; choose one")
            if self.resumed_from >= self.number:
                raise ValueError(f"attempt {self.number} cannot go on from attempt {self.resumed_from}")
        elif self.number > 1 and not self.fresh:
            raise ValueError(f"attempt {self.number} goes on from no other, so it is fresh; say so")


def proof_name(number: int) -> str:
    """The file of an attempt's record."""
    return f"{number}.proof.json"


def observations_name(number: int) -> str:
    """The file of an attempt's observations."""
    return f"{number}.observations.json.gz"


def key_bytes(key: CaseKey) -> bytes:
    """What `KEY` holds: the format and the three texts, in canonical JSON."""
    return canonical_bytes({"format": FORMAT, **key.to_dict()}) + b"\n"


def read_case(files: CaseFiles) -> tuple[CaseKey | None, tuple[AttemptEntry, ...], End]:
    """Key and attempts of a case, and where its lines end; no key where no attempt was begun.

    Raises:
        HistoryError: anything in it is not as this module writes it.
    """
    # The reverse of the order of writing, so that an attempt noted meanwhile does not look like damage.
    highest = max((int(match[1]) for name in files.names() if (match := _STORED.fullmatch(name))), default=0)
    lines, end = files.lines(ATTEMPTS)
    key = _read_key(files)
    attempts: list[AttemptEntry] = []
    for number, line in enumerate(lines, start=1):
        try:
            entry = AttemptEntry.from_dict(loads(line, max_bytes=MAX_LINE_BYTES, what=f"line {number}"), path="entry")
        except (StrictJSONError, RecordFieldError) as error:
            place = "" if isinstance(error, StrictJSONError) else f"line {number}: "
            raise files.damaged(ATTEMPTS, f"{place}{visible(str(error))}") from error
        if problem := break_in(entry, attempts):
            raise files.damaged(ATTEMPTS, f"line {number}: {problem}")
        attempts.append(entry)
    if key is None and attempts:
        raise files.damaged(KEY, "the file is missing")
    if highest > len(attempts) + 1:
        raise files.damaged(ATTEMPTS, f"{len(attempts)} attempts, but files of attempt {highest}: lines are missing")
    return key, tuple(attempts), end


def break_in(entry: AttemptEntry, before: Sequence[AttemptEntry]) -> str:
    """Why an entry cannot follow these; empty where it can."""
    if entry.number != len(before) + 1:
        return f"it has the number {entry.number}; the next one is {len(before) + 1}"
    if entry.resumed_from is not None and before[entry.resumed_from - 1].kind == "verdict":
        return f"it goes on from attempt {entry.resumed_from}, whose verdict stands"
    used = before[-1].next_seed_counter if before else 0
    if entry.next_seed_counter < used:
        return f"its next_seed_counter is {entry.next_seed_counter}, but the seeds before {used} are used"
    return ""


def _read_key(files: CaseFiles) -> CaseKey | None:
    data = files.read(KEY, MAX_LINE_BYTES)
    if data is None:
        return None
    try:
        found = loads(data, max_bytes=MAX_LINE_BYTES, what="the key")
        stored = found.get("format") if isinstance(found, dict) else None
        if stored != FORMAT:
            raise files.damaged(KEY, f"the format is {visible(repr(stored)[:80])}, this reads {FORMAT}")
        fields = exact_fields(found, ("format", *_KEY_FIELDS), "key")
        key = CaseKey.from_dict({name: fields[name] for name in _KEY_FIELDS}, path="key")
    except (StrictJSONError, RecordFieldError) as error:
        raise files.damaged(KEY, visible(str(error))) from error
    if key.id != files.case_id:
        raise files.damaged(KEY, f"this is the key of the case {key.id}")
    return key
