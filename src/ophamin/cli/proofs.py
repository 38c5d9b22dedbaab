# SPDX-License-Identifier: Apache-2.0
"""``ophamin proof``: look at records and check them. Nothing here writes a file or decides a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ophamin.cli.output import (
    EXIT_PROBLEM,
    EXIT_UNUSABLE,
    fail,
    note,
    on_terminal,
    say,
    say_fields,
    say_json,
    shown_path,
    terminal,
)
from ophamin.core.text import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ophamin.cli.records import Listed
    from ophamin.measuring.proof.record import EmpiricalProofRecord

__all__ = ["app", "print_record", "proof_table"]

UNREADABLE = "unreadable"
SHORT_ID = 12
DATE = 10
LABEL = 13

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def proof() -> None:
    """Records of tried claims: list them, read one, check them.

    \b
    Example:
      ophamin proof list
      ophamin proof show 80d5
      ophamin proof validate proofs/baseline
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters


@app.command("list")
def list_records(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Where to look; default: the project's records.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List the records of a folder: verdict, claim, what was measured, id and date.

    A file that cannot be read is listed with its error. Into a pipe goes one line for each: verdict, id, date,
    measurement, claim and path between tabs.

    \b
    Example:
      ophamin proof list
      ophamin proof list proofs/baseline | grep REFUTED
      ophamin proof list --json | jq '.[].verdict'
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.cli.records import read_folder

    where = folder or _project_records()
    if not where.is_dir():
        way_out = "name a folder of records" if folder else "run pytest --ophamin first, or name a folder"
        fail(f"{shown_path(where)} is no folder; {way_out}")
    if as_json:
        say_json([_plain(one) for one in read_folder(where)])
        return
    if not on_terminal():
        for one in read_folder(where):
            say_fields(_fields(one))
        return
    records = tuple(read_folder(where))
    if records:
        terminal().print(proof_table(records))
    counts = Counter(_verdict(one).lower() for one in records)
    told = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items())) or "no records"
    note(f"{told} in {shown_path(where)}")


@app.command("show")
def show_record(
    record: Annotated[
        str, typer.Argument(metavar="PATH_OR_ID", help="A proof.json, its folder, or the first digits of an id.")
    ],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print its Markdown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print its JSON.")] = False,
) -> None:
    """Show one record: verdict, claim, registration, data, evidence, and how to get it again.

    An id, or its first 4 or more digits, is looked up among the project's records. The seal is shown and not checked;
    `ophamin proof validate` checks it.

    \b
    Example:
      ophamin proof show 80d5b9f3
      ophamin proof show proofs/baseline/engineering/latency/80d5b9f33fba
      ophamin proof show 80d5b9f3 --markdown > PROOF.md
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.cli.records import locate
    from ophamin.measuring.proof.codec import load

    if markdown and as_json:
        fail("--markdown and --json are two forms of one record; ask for one of them")
    found = load(locate(record, _project_records()))
    if markdown:
        say(found.to_markdown().rstrip("\n"))
    elif as_json:
        say(found.dumps())
    else:
        print_record(found)


@app.command("validate")
def validate_records(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Proof files, or folders of them.")],
    key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check the seals (HMAC) with the key in it.", show_default=False)
    ] = None,
) -> None:
    """Check records: shape, agreement of the parts, id, and with a key the seal.

    Prints `PATH: ok` with the state of the seal, or one `PATH: problem` line for each problem. Ends with 0 when all are
    ok, 1 when a problem was found, 2 when a file could not be read or there was none. Links in a folder are not
    followed.

    \b
    Example:
      ophamin proof validate proofs/baseline
      ophamin proof validate proofs --key-file ~/.keys/ophamin
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.cli.records import judge, proof_files, read_keys
    from ophamin.measuring.proof.codec import ProofCodecError

    keys = () if key_file is None else read_keys(key_file)
    checked = wrong = unreadable = 0
    for file in dict.fromkeys(file for path in paths for file in proof_files(path)):
        checked += 1
        try:
            problems, seal = judge(file, keys)
        except ProofCodecError as error:
            unreadable += 1
            say(f"{shown_path(file)}: unreadable: {visible(str(error))}")
            continue
        wrong += bool(problems)
        for line in problems or [f"ok ({seal})"]:
            say(f"{shown_path(file)}: {visible(line)}")
    if not checked:
        fail(f"no record in {', '.join(map(str, paths))}; name a proof.json or a folder of records")
    raise typer.Exit(EXIT_UNUSABLE if unreadable else EXIT_PROBLEM if wrong else 0)


def proof_table(records: Sequence[Listed]) -> Table:
    """Claim over measurement, between verdict and id over date; a file that cannot be read has its error there."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from ophamin.cli.record_text import COLOURS

    table = Table(box=None, pad_edge=False, expand=True, padding=(0, 2, 0, 0))
    table.add_column("VERDICT", no_wrap=True)
    table.add_column("CLAIM", ratio=1)
    table.add_column("RECORD", no_wrap=True)
    for one in records:
        verdict, short, date, measurement, claim, path = (visible(field) for field in _fields(one))
        first, second = (path, claim) if one.record is None else (claim, measurement)
        cut = Text(first, no_wrap=True, overflow="ellipsis")
        style = f"bold {COLOURS.get(verdict, 'magenta')}"
        table.add_row(Text(verdict, style=style), Group(cut, Text(second, overflow="fold")), Text(f"{short}\n{date}"))
    return table


def print_record(record: EmpiricalProofRecord, console: Console | None = None) -> None:
    """The record on a terminal with colour and wrapped lines, or plain with one line for each fact.

    Args:
        record: the record.
        console: the terminal; default: stdout, where that is one.
    """
    from ophamin.cli.record_text import COLOURS, facts_of

    outcome, statement = record.verdict.outcome, visible(record.claim.statement)
    console = console or (terminal() if on_terminal() else None)
    if console is None:
        say(f"{outcome}: {statement}")
        for paragraph in facts_of(record):
            say()
            for label, value in paragraph:
                say(f"{label:<{LABEL}}{value}")
        return
    from rich.table import Table
    from rich.text import Text

    console.print(Text.assemble((outcome, f"bold {COLOURS[outcome]}"), f": {statement}"))
    for paragraph in facts_of(record):
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(min_width=LABEL - 1, no_wrap=True, style="cyan")
        grid.add_column(overflow="fold")
        for label, value in paragraph:
            grid.add_row(Text(label), Text(value))
        console.print()
        console.print(grid)


def _project_records() -> Path:
    from ophamin.settings import project_root, records_folder

    return records_folder(project_root(Path.cwd()))


def _verdict(one: Listed) -> str:
    return UNREADABLE if one.record is None else one.record.verdict.outcome


def _fields(one: Listed) -> tuple[str, str, str, str, str, str]:
    """Verdict, short id, date, measurement, claim or error, path."""
    from ophamin.cli.record_text import measured

    record, path = one.record, shown_path(one.path)
    if record is None:
        return UNREADABLE, "", "", "", one.error, path
    said = record.claim.statement
    return _verdict(one), record.proof_id[:SHORT_ID], record.created_at[:DATE], measured(record), said, path


def _plain(one: Listed) -> dict[str, Any]:
    record = one.record
    bar = record and record.verdict.threshold
    return {
        "path": one.path.as_posix(),
        "proof_id": record and record.proof_id,
        "verdict": record and record.verdict.outcome,
        "statement": record and record.claim.statement,
        "metric": bar and bar.metric,
        "observed": record and record.verdict.observed_value,
        "comparator": bar and bar.comparator,
        "threshold": bar and bar.value,
        "units": bar and bar.units,
        "created_at": record and record.created_at,
        "schema_version": record and record.schema_version,
        "error": one.error or None,
    }
