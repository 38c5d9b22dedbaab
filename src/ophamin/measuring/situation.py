# SPDX-License-Identifier: Apache-2.0
"""What goes into a trial beside its script, and what comes out: where it runs, what went before, what was concluded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ophamin.core.canonical import content_hash
from ophamin.core.records import utc_now
from ophamin.measuring.ledger import spoken

if TYPE_CHECKING:
    from ophamin.measuring.floor import Floor
    from ophamin.measuring.observations import Table
    from ophamin.measuring.plan import Plan
    from ophamin.measuring.proof.record import EmpiricalProofRecord
    from ophamin.seeing.substrate.base import SubstrateUnderTest

__all__ = ["Before", "Concluded", "Situation", "SystemFacts", "plain_metadata", "state_of"]


@dataclass(frozen=True, slots=True)
class Situation:
    """Where and how a trial runs; all of it comes from a door (plugin, conduct), none from the process.

    Attributes:
        command: gives the verdict again when pasted at the same commit.
        root: the project's folder, whose commit is named where there is no system under test.
        seed: the session's seed.
        attempt: how often this item was tried in the session, from 1.
        parallel: other tests run at the same time.
        redact: removes from a text what must not enter a record.
        now: the time, as text.
        clock: seconds that never run back.
        item: which test this is, where one claim is tried on several systems.
        progress: told of the trial between two records, so that a door can show how far it is.
        level_of: how much the registration of a claim is worth; see `ophamin.measuring.registration`.
        floor_of: the noise floor of a claim, where A/A runs have measured one.
        substrate: the name under which the lock holds the system under test; empty for none.
        lock: SHA-256 of the lock file that claims were held against; empty without one.
    """

    command: str
    root: Path
    seed: int = 0
    attempt: int = 1
    parallel: bool = False
    redact: Callable[[str], str] = str
    now: Callable[[], str] = utc_now
    clock: Callable[[], float] = time.monotonic
    item: str = ""
    progress: Callable[[Any], None] = lambda _trial: None
    floor_of: Callable[[Plan], Floor | None] = lambda _plan: None
    level_of: Callable[[Plan], str] = lambda _plan: "none"
    substrate: str = ""
    lock: str = ""


@dataclass(frozen=True, slots=True)
class Concluded:
    """One claim, concluded.

    Attributes:
        plan: the claim.
        record: its record, unsigned.
        proof_id: the record's id, computed once for all who name the record.
        observations: the observations file, gzipped.
        reason: why it is INCONCLUSIVE; empty where it is not.
        error: what was wrong with the claim's own evidence or score, to be raised once all records are written.
    """

    plan: Plan
    record: EmpiricalProofRecord
    proof_id: str
    observations: bytes
    reason: str = ""
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier attempt left, for a trial that goes on from it.

    Attributes:
        rows: all observations so far.
        order_seed: seed of the stream's order, that of the first attempt.
        used: records of that order that are used.
        rounds: how many times the budget may be used now.
        lineage: ids of the records of the attempts, the oldest first.
    """

    rows: Table
    order_seed: int
    used: int
    rounds: int
    lineage: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """What a record says of the system under test; asked before the first cycle, while it is sure to answer."""

    name: str
    commit: str
    metadata: Mapping[str, str]
    state: str = ""


def state_of(system: SubstrateUnderTest) -> str:
    """Digest of the system's state; empty where it shows none, none with a canonical form, or cannot answer."""
    try:
        state = system.capture_state()
        return content_hash(state) if state else ""
    except Exception:  # noqa: BLE001 - a system that broke in the trial must not take its record with it
        return ""


def plain_metadata(metadata: Mapping[str, Any], redact: Callable[[str], str]) -> dict[str, str]:
    """What a system says of itself, as text that may enter a record."""
    return {
        str(key): spoken(str(value), redact) for key, value in metadata.items() if key not in {"name", "git_commit"}
    }
