# SPDX-License-Identifier: Apache-2.0
"""``qmpt report``: what other commands kept, as one Markdown or HTML file."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from qmpt.cli.options import Top
from qmpt.cli.output import note, say, say_json
from qmpt.cli.stress import STRESS_FILE
from qmpt.errors import DataError

if TYPE_CHECKING:
    from qmpt.viz.reports_document import Section

__all__ = ["REPORT_FORMAT", "report"]

REPORT_FORMAT: Final = "qmpt-report/1"
_RESULTS: Final = (
    *("scores.json", "reflexivity.json", "self.json", "comparison.json", "simulation.json", "history.json"),
    *(STRESS_FILE, "patterns.jsonl", "layers.jsonl"),
)


def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="Folders that commands kept with --out.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="A .md or .html file; default: Markdown to stdout.", show_default=False
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="Title of the report.")] = "qmpt report",
    top: Top = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written, as JSON; needs --out.")] = False,
) -> None:
    """Write a report of kept results: tables, intervals, coverage, how it was made, and what it does not mean.

    HTML is one file with its figures in it, which opens no connection. Markdown has no figures. The same results give
    the same bytes. Beside a file r.html, r.html.run.json says how it was made, and of which results.

    Ends with 0, or with 2 where a folder holds no result, or other files than its run.json says, or where the file
    cannot be written.

    \b
    Example:
      qmpt report scored    Markdown of what qmpt score --out scored kept
      qmpt report scored compared --out page.html --title "Agents, week 47"
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from qmpt.cli.claims import require_writable
    from qmpt.data.files import write_atomic
    from qmpt.viz.reports import report_of, to_html, to_markdown
    from qmpt.viz.reports_figures import without_drawing

    if out is not None and out.suffix.lower() not in (".md", ".html"):
        raise DataError(f"--out {out} has no known suffix; give one of .md, .html")
    if out is not None:
        require_writable(out.parent)
    elif as_json:
        raise DataError("--json says what was written, and without --out nothing is; give --out FILE")
    is_page = out is not None and out.suffix.lower() == ".html"
    sections: list[Section] = []
    with nullcontext() if is_page else without_drawing():
        for folder in folders:
            sections += _sections(folder, top)
    built = report_of(title, sections)
    text = to_html(built) if is_page else to_markdown(built)
    if out is None:
        say(text.rstrip("\n"))
        return
    data = text.encode("utf-8", "backslashreplace")
    write_atomic(out, data)
    kept = _keep_run(out, folders, {"title": title, "top": top})
    if as_json:
        titles = [section.title for section in sections]
        say_json({"format": REPORT_FORMAT, "file": out.name, "bytes": len(data), "sections": titles, **kept})
        return
    note(f"{out}: {len(sections)} sections, {len(data)} bytes")


def _sections(folder: Path, top: int) -> list[Section]:
    from qmpt.data.io import load_layers, load_patterns
    from qmpt.runs import read_kept
    from qmpt.viz.reports import (
        assessed_sections,
        comparison_sections,
        history_sections,
        provenance_section,
        score_sections,
        simulation_sections,
    )
    from qmpt.viz.reports_levels import stress_sections
    from qmpt.viz.reports_models import Assessed, Comparison, HistoryTests, Scores, Simulation, read_result
    from qmpt.viz.reports_stress import Stress

    run = read_kept(folder, _RESULTS)
    patterns = load_patterns(folder / "patterns.jsonl") if (folder / "patterns.jsonl").is_file() else {}
    found: list[Section] = []
    if (folder / "scores.json").is_file():
        found += score_sections(read_result(folder / "scores.json", Scores), patterns, top)
    for name in ("reflexivity.json", "self.json"):
        if (folder / name).is_file():
            found += assessed_sections(read_result(folder / name, Assessed), patterns, top)
    if (folder / "comparison.json").is_file():
        found += comparison_sections(read_result(folder / "comparison.json", Comparison), top)
    if (folder / "simulation.json").is_file():
        result = read_result(folder / "simulation.json", Simulation)
        found += simulation_sections(result, load_layers(folder / "layers.jsonl"))
    if (folder / "history.json").is_file():
        found += history_sections(read_result(folder / "history.json", HistoryTests))
    if (folder / STRESS_FILE).is_file():
        found += stress_sections(read_result(folder / STRESS_FILE, Stress))
    if not found:
        raise DataError(
            f"{folder} holds no result; give what score, reflexivity, self, compare, simulate, stress or history kept"
        )
    return [*found, provenance_section(run)]


def _keep_run(out: Path, folders: list[Path], config: dict[str, Any]) -> dict[str, Any]:
    """The record of the report, beside it under a name of its own; gives what it says of inputs and outputs."""
    from qmpt.cli.outcome import words_of_command
    from qmpt.runs import FILE_NAME, config_hash, distinct_names, file_digests, read_run, write_run

    made_of = {
        name: f"run:{config_hash(_without_time(read_run(folder)))}"
        for name, folder in zip(distinct_names(folders), folders, strict=True)
    }
    written, record = file_digests([out]), f"{out.name}.{FILE_NAME}"
    write_run(
        out.parent,
        command=words_of_command("report"),
        config=config,
        inputs=made_of,
        outputs=written,
        name=record,
    )
    return {"inputs": made_of, "outputs": written, "record": record}


def _without_time(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name != "time"}
