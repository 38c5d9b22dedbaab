# SPDX-License-Identifier: Apache-2.0
"""``qmpt ingest``: traces of another program as observations, patterns and layers in one folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from qmpt.cli.options import AsJson, By, Grouping, Kind, LayerName, Least, PeopleOption, Settings, SourcePath
from qmpt.cli.output import note, say, say_json, say_table

__all__ = ["INGESTED_FORMAT", "ingest"]

INGESTED_FORMAT: Final = "qmpt-ingested/1"


def ingest(
    path: SourcePath,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for what is kept.")],
    kind: Kind = "auto",
    settings: Settings = None,
    layer: LayerName = None,
    by: By = Grouping.PATTERN,
    least: Least = 1,
    people: PeopleOption = False,
    as_json: AsJson = False,
) -> None:
    """Read traces and keep them as observations.jsonl.gz, patterns.jsonl and layers.jsonl, with run.json.

    The other commands read that folder like any source, and faster. Kinds: git, otel, junit, report-log, proofs, table,
    observations. A table needs to be told its columns, see below. People in it are given pseudonyms.

    Ends with 0, or with 2 where the input or the command cannot be used.

    \b
    Example:
      qmpt ingest . --out authors
      qmpt ingest spans.jsonl --out agents --layer fleet
      qmpt ingest calls.csv --out calls \\
          --set pattern=agent --set time=at --set text=said
    """  # noqa: D301 - the marks are a backspace, and a backslash at the end of a line that is shown
    from qmpt.cli.outcome import Outcome
    from qmpt.cli.populations import INGESTED, read_population
    from qmpt.data.io import save_layers, save_observations, save_patterns

    outcome = Outcome("ingest", out)
    reading = read_population(path, kind=kind, settings=settings, layer=layer, by=by, least=least, people=people)
    outcome.lap("reading")
    found = reading.population
    modalities = Counter(one.modality for one in found.observations)
    times = [one.timestamp for one in found.observations]
    outcome.inputs, outcome.config, outcome.warnings = reading.inputs, reading.options, reading.notes
    outcome.counts = {
        "observations": len(found.observations),
        "patterns": len(found.patterns),
        "layers": len(found.layers),
        **{f"skipped: {why}": count for why, count in found.skipped.items()},
    }
    writers: list[Callable[[Path], None]] = [
        lambda file: save_observations(file, found.observations),
        lambda file: save_patterns(file, found.patterns),
        lambda file: save_layers(file, found.layers),
    ]
    outcome.keep(dict(zip(INGESTED, writers, strict=True)))
    if as_json:
        kept = {"source": reading.name, "kind": reading.kind, "counts": outcome.counts, "modalities": modalities}
        say_json({"format": INGESTED_FORMAT, **kept})
        return
    say(f"{reading.name} ({reading.kind}), {_day(min(times))} to {_day(max(times))}")
    say()
    members = Counter(one.layer_id for one in found.patterns.values())
    seen = Counter(found.patterns[one.pattern_id].layer_id for one in found.observations)
    rows = [(str(members[name]), str(seen[name]), name) for name in found.layers]
    say_table(("patterns", "observations", "layer"), rows, right=(0, 1))
    say()
    say(", ".join(f"{count} {name}" for name, count in sorted(modalities.items())))
    for told in reading.notes:
        note(told)


def _day(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
