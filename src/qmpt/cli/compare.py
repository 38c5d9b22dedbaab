# SPDX-License-Identifier: Apache-2.0
"""``qmpt compare``: one population measured against another, such as this week's agents against last week's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

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
    Seed,
    Settings,
    Top,
)
from qmpt.cli.output import EXIT_FINDINGS, fail, note, say, say_json, say_table, say_text

if TYPE_CHECKING:
    from qmpt.cli.layers import FeaturedLayer
    from qmpt.viz.reports_models import ComparedLayer, Comparison, ScoredPattern

__all__ = ["COMPARISON_FILE", "compare"]

COMPARISON_FILE: Final = "comparison.json"


def compare(
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="Traces to measure against.")],
    current: Annotated[Path, typer.Argument(metavar="CURRENT", help="Traces that are measured.")],
    top: Top = 10,
    level: Annotated[
        float, typer.Option("--level", min=0.001, max=0.5, help="False discovery rate of the findings.")
    ] = 0.05,
    kind: Kind = "auto",
    settings: Settings = None,
    layer: LayerName = None,
    by: By = Grouping.PATTERN,
    least: Least = 1,
    people: PeopleOption = False,
    config: Config = None,
    seed: Seed = None,
    fail_on_findings: Annotated[
        bool, typer.Option("--fail-on-findings", help="End with 1 where a pattern is unlike the reference.")
    ] = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Fit the reference, and measure another population against it, layer by layer.

    It shows which features moved (shift of the median in robust standard deviations of the reference, with interval),
    and which patterns are unlike the reference: those whose conformal p-values, from 10 reference patterns on, are
    small enough that no more than --level of them are expected to be false. That holds where patterns are drawn alike;
    drift of the whole population shows as many findings at once.

    Ends with 0, with 1 where --fail-on-findings finds something, and with 2 where nothing could be compared.

    \b
    Example:
      qmpt compare last-week.jsonl this-week.jsonl
      qmpt compare main.xml branch.xml --fail-on-findings
      qmpt compare before after --layer fleet --out compared
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from qmpt.cli.comparing import compare_layer
    from qmpt.cli.configured import load_for
    from qmpt.cli.outcome import Outcome, write_json
    from qmpt.cli.populations import read_population
    from qmpt.cli.scoring import anomaly_settings, resolved_settings
    from qmpt.viz.reports_models import Comparison

    outcome = Outcome("compare", out)
    chosen = load_for(config, "features", "metrics")
    sides = [
        read_population(path, kind=kind, settings=settings, layer=layer, by=by, least=least, people=people)
        for path in (reference, current)
    ]
    outcome.lap("reading")
    given = anomaly_settings(chosen.metrics.anomaly if chosen is not None and chosen.metrics else None, seed, None)
    before, after = (_observed(reading) for reading in sides)
    layers = [
        compare_layer(before[name], after[name], chosen.features if chosen is not None else None, given, level)
        for name in before
        if name in after
    ]
    layers += [_alone(one, (len(one.patterns), 0), current) for name, one in before.items() if name not in after]
    layers += [_alone(one, (0, len(one.patterns)), reference) for name, one in after.items() if name not in before]
    outcome.lap("comparing")
    result = Comparison(reference=sides[0].name, current=sides[1].name, layers=layers, level=level)
    outcome.inputs = {
        f"{side}/{name}": digest
        for side, reading in zip(("reference", "current"), sides, strict=True)
        for name, digest in reading.inputs.items()
    }
    outcome.config = {"anomaly": resolved_settings(given), "level": level, "source": sides[0].options}
    outcome.seeds = {"anomaly": int(given.get("seed", 0)), "bootstrap": int(given.get("seed", 0))}
    outcome.counts = {"layers": len(layers), "found": sum(len(one.found) for one in layers)}
    outcome.warnings = [
        *sides[0].notes,
        *sides[1].notes,
        *(f"{one.layer_id}: {n}" for one in layers for n in one.notes),
    ]
    outcome.keep({COMPARISON_FILE: lambda file: write_json(file, result.model_dump(mode="json"))})
    _print(result, top, as_json)
    for told in dict.fromkeys([*sides[0].notes, *sides[1].notes]):
        note(told)
    if all(one.reason for one in layers):
        fail("; ".join(f"{one.layer_id}: {one.reason}" for one in layers) or "neither side has a layer")
    if fail_on_findings and any(one.found for one in layers):
        raise typer.Exit(EXIT_FINDINGS)


def _observed(reading: Any) -> dict[str, FeaturedLayer]:
    """The layers of a population with their observations; features are fitted to the reference later."""
    from qmpt.cli.layers import FeaturedLayer
    from qmpt.cli.populations import enough_people
    from qmpt.data.indexing import by_layer
    from qmpt.errors import InsufficientEvidence

    found = {}
    for layer_id, patterns in by_layer(reading.population.patterns).items():
        observations = [one for one in reading.population.observations if one.pattern_id in patterns]
        try:
            enough_people(patterns.values(), layer_id)
            reason = ""
        except InsufficientEvidence as error:
            reason = str(error)
        found[layer_id] = FeaturedLayer(layer_id, patterns, None, observations, reason, reading.columns)
    return found


def _alone(layer: FeaturedLayer, of: tuple[int, int], other: Path) -> ComparedLayer:
    from qmpt.viz.reports_models import ComparedLayer

    return ComparedLayer(
        layer_id=layer.layer_id, of=of, people=layer.people,
        reason=f"{other.name} has no such layer; --layer NAME takes all patterns of both as one",
    )  # fmt: skip


def _print(result: Comparison, top: int, as_json: bool) -> None:
    if as_json:
        say_json(result.model_dump(mode="json"))
        return
    from qmpt.viz.reports_caveats import ANOMALY, GENERAL, PEOPLE

    for one in result.layers:
        if one.reason:
            note(f"{one.layer_id}: not compared: {one.reason}")
        else:
            _print_layer(one, result, top)
    if any(not one.reason for one in result.layers):
        say_text(f"{GENERAL} {ANOMALY}")
        if any(one.people for one in result.layers):
            say_text(PEOPLE)


def _print_layer(layer: ComparedLayer, result: Comparison, top: int) -> None:
    from qmpt.viz.reports_scores import MOST_WITHOUT_FINDINGS
    from qmpt.viz.reports_text import interval_text, signed

    say_text(
        f"{layer.layer_id}: {layer.of[1]} patterns of {result.current} against {layer.of[0]} of {result.reference}; "
        f"{layer.common} in both, {len(layer.gone)} gone, {len(layer.new)} new"
    )
    say()
    moved = [one for one in layer.shifts if one.p_value <= result.level]
    say_text(f"{len(moved)} of {len(layer.shifts)} features moved (adjusted p at most {result.level:g}):" if moved else
             f"None of {len(layer.shifts)} features moved (adjusted p at most {result.level:g}).")  # fmt: skip
    if moved:
        rows = [
            (signed(one.shift), interval_text(one.interval, 1), f"{one.p_value:.2g}", one.feature)
            for one in moved[:top]
        ]
        say()
        say_table(("shift", "95 % interval", "p", "feature"), rows, right=(0,))
    say()
    found = [one for one in layer.scored if one.pattern_id in layer.found]
    rate = f"at a false discovery rate of {result.level:g}"
    if found:
        say_text(f"{len(found)} of {layer.of[1]} patterns are unlike it, {rate}:")
    else:
        found = layer.scored[:MOST_WITHOUT_FINDINGS]
        say_text(f"None of {layer.of[1]} patterns is found to be unlike it, {rate}; the highest scores:")
    say()
    _print_patterns(found[:top], layer.p_values)
    say()
    for told in layer.notes:
        note(f"{layer.layer_id}: {told}")


def _print_patterns(patterns: Sequence[ScoredPattern], p_values: Mapping[str, float]) -> None:
    """Score and p-value of each pattern, and in the next lines why."""
    from qmpt.cli.score import why
    from qmpt.viz.reports_text import number, visible

    scores = [number(one.score) for one in patterns]
    width = max([5, *map(len, scores)])
    say(f"{'score':>{width}}  {'p':<7}  pattern")
    for one, score in zip(patterns, scores, strict=True):
        p_value = p_values.get(one.pattern_id)
        marks = f" ({', '.join(one.marks)})" if one.marks else ""
        say(f"{score:>{width}}  {'-' if p_value is None else f'{p_value:.2g}':<7}  {visible(one.pattern_id)}{marks}")
        say_text(why(one), indent=" " * (width + 2))
