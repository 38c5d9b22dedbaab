# SPDX-License-Identifier: Apache-2.0
"""``qmpt report``: what other commands kept, as one Markdown or HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qmpt.cli.options import Top
from qmpt.cli.output import note, say
from qmpt.errors import DataError

if TYPE_CHECKING:
    from qmpt.viz.reports_document import Section

__all__ = ["report"]


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
) -> None:
    """Write a report of kept results: tables, intervals, coverage, how it was made, and what it does not mean.

    HTML is one file with its figures in it, which opens no connection. Markdown has no figures. The same results give
    the same bytes. Beside a file, run.json says of which inputs it is made, unless the folder has one already.

    Ends with 0, or with 2 where a folder holds no result or the file cannot be written.

    \b
    Example:
      qmpt report scored    Markdown of what qmpt score --out scored kept
      qmpt report scored compared --out page.html --title "Agents, week 47"
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from qmpt.data.files import write_atomic
    from qmpt.viz.reports import report_of, to_html, to_markdown

    if out is not None and out.suffix.lower() not in (".md", ".html"):
        raise DataError(f"--out {out} has no known suffix; give one of .md, .html")
    sections: list[Section] = []
    for folder in folders:
        sections += _sections(folder, top)
    built = report_of(title, sections)
    if out is None:
        say(to_markdown(built).rstrip("\n"))
        return
    text = to_html(built) if out.suffix.lower() == ".html" else to_markdown(built)
    write_atomic(out, text.encode("utf-8", "backslashreplace"))
    _keep_run(out, folders)
    note(f"{out}: {len(sections)} sections, {len(text.encode('utf-8', 'backslashreplace'))} bytes")


def _sections(folder: Path, top: int) -> list[Section]:
    from qmpt.data.io import load_layers, load_patterns
    from qmpt.runs import read_run
    from qmpt.viz.reports import (
        assessed_sections,
        comparison_sections,
        history_sections,
        provenance_section,
        score_sections,
        simulation_sections,
    )
    from qmpt.viz.reports_models import Assessed, Comparison, HistoryTests, Scores, Simulation, read_result

    run = read_run(folder)
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
    if not found:
        raise DataError(
            f"{folder} holds no result; give what score, reflexivity, self, compare, simulate or history kept"
        )
    return [*found, provenance_section(run)]


def _keep_run(out: Path, folders: list[Path]) -> None:
    """``run.json`` beside the report, unless that folder is the result of a command and has its own."""
    from qmpt.runs import FILE_NAME, config_hash, read_run, write_run

    beside: dict[str, Any] = read_run(out.parent) if (out.parent / FILE_NAME).is_file() else {}
    if beside and beside["command"][:2] != ["qmpt", "report"]:
        return
    inputs = {folder.name: f"run:{config_hash(_without_time(read_run(folder)))}" for folder in folders}
    write_run(out.parent, command=["qmpt", "report", *(folder.name for folder in folders)], inputs=inputs)


def _without_time(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name != "time"}
