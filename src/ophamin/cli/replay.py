# SPDX-License-Identifier: Apache-2.0
"""``ophamin replay``: run one claim again as its record says, and compare."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from ophamin.cli.output import EXIT_PROBLEM, fail, note, on_terminal, say, say_json, shown_path, terminal
from ophamin.core.text import visible
from ophamin.errors import OphaminError

if TYPE_CHECKING:
    from ophamin.cli.records import Listed
    from ophamin.measuring.proof.record import EmpiricalProofRecord
    from ophamin.trust.replay import Comparison, Row

__all__ = ["replay"]

EXIT_BROKEN: Final = 5
SHORT_ID: Final = 12
MOST_CANDIDATES: Final = 8
BASELINE: Final = Path("proofs/baseline")
COLOURS: Final = {"SAME": "green", "SAME VERDICT": "yellow", "DIFFERENT": "red"}
PROOF: Final = "proof.json"


def replay(
    claim: Annotated[
        str, typer.Argument(metavar="CLAIM", help="A claim's id in the lock, a scenario's name, or a record.")
    ],
    where: Annotated[
        Path | None,
        typer.Option("--record", metavar="PATH", help="Look here; default: proofs/latest, then proofs/baseline."),
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=1.0, help="Time limit.")] = 3600.0,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the new record, and say where it is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run one claim again, at the commit of its record and with its seed, and compare what comes out.

    It runs that commit's code with your rights, in a temporary work tree, or in this one where it is clean and at that
    commit. Of the record only commit, test and options are used; a command of any other form is refused. What the test
    prints goes to stderr. Keys in the environment are not passed on.

    SAME is the same verdict, value, number of units and observations, to the last bit. SAME VERDICT is the same verdict
    from other observations, as of a claim about time. Ends with 0 for both, 1 for DIFFERENT, 2 when no one record is
    meant, 5 when the claim could not be run.

    \b
    Example:
      ophamin replay test-latency-3f2a90b1c7
      ophamin replay tests.test_shop.test_latency --record proofs/baseline
      ophamin replay 80d5b9f3 --keep
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.measuring.proof.codec import load
    from ophamin.settings import project_root

    root = project_root(Path.cwd())
    path = _found(claim, where, root)
    recorded = load(path)
    note(f"record {recorded.proof_id[:SHORT_ID]} in {shown_path(path)}: {recorded.claim.statement}")
    started = time.monotonic()
    with _records_folder(keep=keep) as folder:
        replayed = _replayed(recorded, root, folder, timeout)
        _report(recorded, replayed, time.monotonic() - started, as_json=as_json)


def _report(recorded: EmpiricalProofRecord, replayed: EmpiricalProofRecord, seconds: float, *, as_json: bool) -> None:
    from ophamin.trust.replay import Outcome, compare

    found = compare(recorded, replayed)
    if as_json:
        say_json(_plain(found, recorded, replayed, seconds))
    else:
        _print(found, recorded)
        if found.environment:
            shown = ", ".join(found.environment[:MOST_CANDIDATES])
            more = f" and {len(found.environment) - MOST_CANDIDATES} more" * (len(found.environment) > MOST_CANDIDATES)
            note(f"installed otherwise than then: {shown}{more}")
    if found.outcome is Outcome.DIFFERENT:
        raise typer.Exit(EXIT_PROBLEM)


def _replayed(recorded: EmpiricalProofRecord, root: Path, folder: Path, seconds: float) -> EmpiricalProofRecord:
    from ophamin.trust.replay import place_of, replay_record
    from ophamin.trust.replay_command import read_command
    from ophamin.trust.verify_registration import told

    try:
        command = read_command(recorded.reproduction.command)
        if told(recorded, "project_dirty") != "false":
            note("the record was made on a tree that may have differed from its commit; the commit alone is run")
        with place_of(recorded, root) as place:
            tree = "in a work tree of its own" if place.is_apart else "here"
            note(f"running {command.item} at {str(told(recorded, 'project_commit'))[:SHORT_ID]}, {tree}")
            return replay_record(recorded, place, folder, seconds=seconds, environ=os.environ)
    except OphaminError as error:
        fail(str(error), code=EXIT_BROKEN)


@contextmanager
def _records_folder(*, keep: bool) -> Iterator[Path]:
    """Where the new records go; removed in the end, unless they are to be kept."""
    folder = Path(tempfile.mkdtemp(prefix="ophamin-replay-"))
    try:
        yield folder
    finally:
        if keep:
            note(f"kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _found(claim: str, where: Path | None, root: Path) -> Path:
    """The one record that is meant."""
    from ophamin.cli.records import RecordLookupError, locate
    from ophamin.settings import records_folder

    if where is None and Path(claim).exists():
        return locate(claim, root)
    folders = [where] if where is not None else [records_folder(root), root / BASELINE]
    for folder in folders:
        if not folder.exists():
            if where is not None:
                fail(f"{folder}: no such file or folder; name a record or a folder of records")
            continue
        matching = [one for one in _records(folder) if _is_meant(one, claim)]
        if len(matching) == 1:
            return matching[0].path
        if matching:
            _ambiguous(claim, matching)
    looked = " and ".join(map(shown_path, folders))
    raise RecordLookupError(f"no record in {looked} is of {claim!r}; see what there is with: ophamin proof list")


def _records(folder: Path) -> Iterator[Listed]:
    from ophamin.cli.records import read_folder

    yield from (one for one in read_folder(folder) if one.record is not None)


def _is_meant(one: Listed, claim: str) -> bool:
    """Whether a record is of that claim: by the id in the lock, the scenario's name or its end, or the record's id."""
    from ophamin.trust.verify_registration import told

    record = one.record
    if record is None:
        return False
    name = str(told(record, "name") or "")
    is_prefix = len(claim) >= 4 and record.proof_id.startswith(claim.lower())
    return is_prefix or claim in {name, name.rpartition(".")[2]} or claim == _lock_id(record)


def _lock_id(record: EmpiricalProofRecord) -> str:
    from ophamin.errors import ClaimError
    from ophamin.measuring.lock_claims import LockedClaim
    from ophamin.measuring.lock_text import LockError
    from ophamin.trust.redecide import recorded_plan

    try:
        plan = recorded_plan(record)
        return "" if plan is None else LockedClaim.of_plan(plan).id
    except (ClaimError, LockError):
        return ""


def _ambiguous(claim: str, matching: list[Listed]) -> NoReturn:
    from ophamin.cli.records import RecordLookupError

    shown = []
    for one in matching[:MOST_CANDIDATES]:
        assert one.record is not None
        shown.append(f"{one.record.proof_id[:SHORT_ID]} ({_item_of(one.record)})")
    more = f" and {len(matching) - MOST_CANDIDATES} more" * (len(matching) > MOST_CANDIDATES)
    raise RecordLookupError(
        f"{claim!r} has {len(matching)} records: {', '.join(shown)}{more}; give the first digits of one id"
    )


def _item_of(record: EmpiricalProofRecord) -> str:
    """Which test a record is of, and what it claims where the command does not say."""
    from ophamin.trust.replay_command import ForeignCommandError, read_command

    try:
        return read_command(record.reproduction.command).item
    except ForeignCommandError:
        return record.claim.statement


def _print(found: Comparison, recorded: EmpiricalProofRecord) -> None:
    """Recorded beside replayed, one row for each thing that was compared."""
    head = f"{found.outcome.value}: {visible(recorded.claim.statement)}"
    rows = [
        (row.name, _short(row.recorded), _short(row.replayed), "same" if row.is_same else "other") for row in found.rows
    ]
    if not on_terminal():
        say(head)
        for name, before, after, told in rows:
            say(f"{name:<13} {before:<22} {after:<22} {told}")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", "RECORDED", "REPLAYED", ""):
        table.add_column(name, no_wrap=True)
    for name, before, after, told in rows:
        table.add_row(Text(name), Text(before), Text(after), Text(told, style="dim" if told == "same" else "yellow"))
    console = terminal()
    console.print(Text(head, style=f"bold {COLOURS[found.outcome]}"))
    console.print(table)


def _short(value: Any) -> str:
    """A value in at most 22 characters; numbers in full, digests by their beginning."""
    if value is None:
        return "undefined"
    text = repr(value) if isinstance(value, float) else str(value)
    return visible(text if len(text) <= 22 else f"{text[:SHORT_ID]}...")


def _plain(
    found: Comparison, recorded: EmpiricalProofRecord, replayed: EmpiricalProofRecord, seconds: float
) -> dict[str, Any]:
    def row(one: Row) -> dict[str, Any]:
        return {"recorded": one.recorded, "replayed": one.replayed, "same": one.is_same}

    return {
        "outcome": found.outcome.value,
        "claim": recorded.claim.statement,
        "proof_id": recorded.proof_id,
        "replayed_id": replayed.proof_id,
        "seconds": round(seconds, 3),
        "compared": {one.name: row(one) for one in found.rows},
        "environment_changes": list(found.environment),
    }
