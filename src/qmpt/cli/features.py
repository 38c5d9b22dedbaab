# SPDX-License-Identifier: Apache-2.0
"""``qmpt features``: one row of numbers per pattern, with names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qmpt.cli.options import (
    AsJson,
    By,
    Config,
    Grouping,
    Kind,
    LayerName,
    Least,
    Out,
    PeopleOption,
    Settings,
    SourcePath,
)
from qmpt.cli.output import fail, note, say, say_json, say_table, say_text

if TYPE_CHECKING:
    from qmpt.cli.layers import FeaturedLayer

__all__ = ["SPREAD_FORMAT", "features"]

SPREAD_FORMAT: Final = "qmpt-feature-spread/1"


def features(
    path: SourcePath,
    kind: Kind = "auto",
    settings: Settings = None,
    layer: LayerName = None,
    by: By = Grouping.PATTERN,
    least: Least = 1,
    people: PeopleOption = False,
    config: Config = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Compute the features of each pattern, and show how they are spread.

    Without --config, texts, acts and numbers are read by their own specifications and set side by side; topics of texts
    come in from 100 patterns on. With it, the section features names one specification. Nothing is downloaded.

    With --out the rows stay in patterns.jsonl and their names in features.json; qmpt score reads that folder.

    Ends with 0, or with 2 where the input or the command cannot be used.

    \b
    Example:
      qmpt features spans.jsonl
      qmpt features . --by week --config my.yaml
      qmpt features spans.jsonl --out rows && qmpt score rows
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from qmpt.cli.configured import load_for
    from qmpt.cli.layers import FEATURES_FILE, description, featured_layers
    from qmpt.cli.outcome import Outcome, write_json
    from qmpt.cli.populations import read_population
    from qmpt.data.io import save_patterns

    outcome = Outcome("features", out)
    loaded = load_for(config, "features")
    chosen = loaded.features if loaded is not None else None
    reading = read_population(path, kind=kind, settings=settings, layer=layer, by=by, least=least, people=people)
    outcome.lap("reading")
    layers = featured_layers(reading, chosen)
    outcome.lap("features")
    outcome.inputs, outcome.warnings = reading.inputs, reading.notes
    outcome.config = {"source": reading.options, "features": chosen.model_dump(mode="json") if chosen else "all"}
    outcome.counts = {"patterns": sum(len(one.table.ids) for one in layers if one.table is not None)}
    rows = {name: one for each in layers for name, one in each.patterns_with_features().items()}
    outcome.keep(
        {
            "patterns.jsonl": lambda file: save_patterns(file, rows),
            FEATURES_FILE: lambda file: write_json(file, description(layers)),
        }
    )
    _print(layers, as_json)
    for told in reading.notes:
        note(told)
    if all(one.table is None for one in layers):
        fail("; ".join(one.reason for one in layers))


def _print(layers: list[FeaturedLayer], as_json: bool) -> None:
    if as_json:
        found = {one.layer_id: _spread(one) if one.table is not None else {"reason": one.reason} for one in layers}
        say_json({"format": SPREAD_FORMAT, "layers": found})
        return
    from qmpt.viz.reports_text import number

    for one in layers:
        if one.table is None:
            continue
        say_text(f"{one.layer_id}: {len(one.table.ids)} patterns, {len(one.table.names)} features")
        say_text(one.table.version)
        say()
        rows = [
            (number(found["low"], 3), number(found["median"], 3), number(found["high"], 3), name)
            for name, found in _spread(one)["features"].items()
        ]
        say_table(("5 %", "median", "95 %", "feature"), rows, right=(0, 1, 2))
        say()


def _spread(layer: FeaturedLayer) -> dict[str, Any]:
    import numpy as np

    assert layer.table is not None
    table = layer.table
    low, median, high = np.quantile(table.rows, [0.05, 0.5, 0.95], axis=0).tolist()
    spread = {
        name: {"low": low[place], "median": median[place], "high": high[place]}
        for place, name in enumerate(table.names)
    }
    terms = {name: list(words) for name, words in table.terms.items()}
    return {"version": table.version, "patterns": len(table.ids), "features": spread, "topics": terms}
