# SPDX-License-Identifier: Apache-2.0
"""``qmpt score``: who or what is unusual in its population, and why."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
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
    Resamples,
    Seed,
    Settings,
    SourcePath,
    Top,
)
from qmpt.cli.output import EXIT_FINDINGS, NO_BREAK, coloured, fail, note, progress, say, say_json, say_text

if TYPE_CHECKING:
    from qmpt.cli.layers import FeaturedLayer
    from qmpt.cli.populations import Reading
    from qmpt.viz.reports_models import ScoredLayer, ScoredPattern, Scores

__all__ = ["FailOn", "inputs_of", "load_layers", "print_scored", "score", "why"]

SCORES_FILE: Final = "scores.json"
UNSTABLE_ABOVE: Final = 0.2
_SHOWN_FEATURES: Final = 3


class FailOn(StrEnum):
    """Label from which on a pattern is a finding."""

    NEVER = "never"
    RARE = "rare"
    ANOMALY = "anomaly"


def score(
    path: SourcePath,
    top: Top = 10,
    kind: Kind = "auto",
    settings: Settings = None,
    layer: LayerName = None,
    by: By = Grouping.PATTERN,
    least: Least = 1,
    people: PeopleOption = False,
    config: Config = None,
    seed: Seed = None,
    resamples: Resamples = None,
    fail_on: Annotated[FailOn, typer.Option("--fail-on", help="End with 1 where a pattern has this label.")] = (
        FailOn.NEVER
    ),
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Score how unusual each pattern is, and say why: term by term, with the features that add most.

    PATH is a git repository (patterns are authors, under pseudonyms), OpenTelemetry spans of agents (agents), JUnit XML
    or a pytest report log (tests), a CSV or JSON Lines table of your own, what qmpt ingest kept, or what qmpt features
    kept. Each layer is a population of its own; --layer NAME makes one of all.

    Without --config every modality that the traces hold is read, and the score is rarity (a histogram density) and 0.7
    times a robust Mahalanobis distance, both in robust standard units. In the table, what stands after a feature is its
    distance from the median of the population in the same units.

    Ends with 0, with 1 where --fail-on finds something, and with 2 where the input or the command cannot be used.

    \b
    Example:
      qmpt score .                          authors of this repository
      qmpt score . --by observation         its commits, one by one
      qmpt score spans.jsonl --top 5        agents
      qmpt score junit.xml --fail-on anomaly
      qmpt score calls.csv --set pattern=agent --set time=at --set numbers=ms,cost
      qmpt score spans.jsonl --out scored   keep scores, patterns and run.json
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from qmpt.cli.configured import load_for
    from qmpt.cli.outcome import Outcome, write_json
    from qmpt.cli.scoring import anomaly_settings, resolved_settings, score_layer
    from qmpt.data.io import save_patterns
    from qmpt.viz.reports_models import Scores

    outcome = Outcome("score", out)
    chosen = load_for(config, "features", "metrics")
    layers, reading = load_layers(
        path, chosen, kind=kind, settings=settings, layer=layer, by=by, least=least, people=people
    )
    outcome.lap("reading and features")
    anomaly = chosen.metrics.anomaly if chosen is not None and chosen.metrics is not None else None
    asked = anomaly_settings(anomaly, seed, resamples)
    scored, patterns = [], {}
    with progress(len(layers), "scoring") as step:
        for one in layers:
            found, versions = score_layer(one, asked)
            scored.append(found)
            patterns.update(_with_scores(one, found, versions))
            step()
    outcome.lap("scoring")
    result = Scores(source=_name(path, reading), layers=scored, skipped=reading.population.skipped if reading else {})
    outcome.inputs = inputs_of(path, reading)
    outcome.config = {"anomaly": resolved_settings(asked), "source": reading.options if reading else {}}
    outcome.seeds = {"anomaly": int(asked.get("seed", 0))}
    outcome.counts = {"patterns": len(patterns), "scored": sum(len(one.patterns) for one in scored)}
    told = [f"{one.layer_id}: {text}" for one in scored for text in one.notes]
    outcome.warnings = [*(reading.notes if reading else []), *told]
    outcome.keep(
        {
            SCORES_FILE: lambda file: write_json(file, result.model_dump(mode="json")),
            "patterns.jsonl": lambda file: save_patterns(file, patterns),
        }
    )
    _print(result, reading, top, as_json)
    _end(result, fail_on)


def load_layers(path: Path, config: Any, **reading_options: Any) -> tuple[list[FeaturedLayer], Reading | None]:
    """The layers of an input with their features; the reading is None where the features were kept in a folder."""
    from qmpt.cli.layers import featured_layers, kept_features
    from qmpt.cli.populations import read_population

    kept = kept_features(path)
    if kept is not None:
        return kept, None
    reading = read_population(path, **reading_options)
    return featured_layers(reading, config.features if config is not None else None), reading


def why(pattern: ScoredPattern, most: int = _SHOWN_FEATURES) -> str:
    """The term that adds most with its share, and the features that add most."""
    positive = sum(part for part in pattern.terms.values() if part > 0.0)
    name, part = next(iter(pattern.terms.items()))
    told = f"{name}{NO_BREAK}{100.0 * part / positive:.0f}{NO_BREAK}%" if positive > 0.0 else name
    features = ", ".join(f"{one.feature}{NO_BREAK}{_signed(one.z)}" for one in pattern.features[:most])
    return f"{told}: {features}" if features else told


def print_scored(patterns: Sequence[ScoredPattern]) -> None:
    """A table of scored patterns: two or more lines for each."""
    from qmpt.viz.reports_text import interval_text, number, visible

    widths = {"score": 7, "interval": 16, "label": 8}
    numbers = [(number(one.score), interval_text(one.interval)) for one in patterns]
    widths["score"] = max([widths["score"], *(len(score) for score, _ in numbers)])
    widths["interval"] = max([widths["interval"], *(len(interval) for _, interval in numbers)])
    say(f"{'score':>{widths['score']}}  {'95 % interval':<{widths['interval']}}  {'label':<{widths['label']}}  pattern")
    for one, (shown, interval) in zip(patterns, numbers, strict=True):
        label = one.label + ("?" if (one.flips or 0.0) > UNSTABLE_ABOVE else "")
        marks = f" ({', '.join(one.marks)})" if one.marks else ""
        head = f"{shown:>{widths['score']}}  {interval:<{widths['interval']}}  {coloured(label, widths['label'])}  "
        say(f"{head}{visible(one.pattern_id)}{marks}")
        say_text(why(one), indent=" " * (widths["score"] + 2))


def _print(result: Scores, reading: Reading | None, top: int, as_json: bool) -> None:
    if as_json:
        say_json(result.model_dump(mode="json"))
        return
    if not any(layer.patterns for layer in result.layers):
        return
    from qmpt.viz.reports_caveats import ANOMALY, GENERAL, PEOPLE

    for one in result.layers:
        _print_layer(one, top)
    for told in [*(reading.notes if reading else []), *_joined_notes(result.layers)]:
        note(told)
    if any(one.flips is not None and one.flips > UNSTABLE_ABOVE for layer in result.layers for one in layer.patterns):
        say_text("A question mark: the label is another one in more than 20 % of resampled populations.")
    say_text(f"{GENERAL} {ANOMALY}")
    if any(one.people for one in result.layers):
        say_text(PEOPLE)


def _print_layer(layer: ScoredLayer, top: int) -> None:
    from qmpt.viz.reports_text import number

    if layer.reason:
        say_text(f"{layer.layer_id}: {layer.of} patterns, no scores: {layer.reason}")
        say()
        return
    bars = "no thresholds"
    if layer.thresholds is not None:
        bars = "rare from {}, anomaly from {}".format(*map(number, layer.thresholds))
    shown = layer.patterns[:top]
    say_text(f"{layer.layer_id}: {len(layer.patterns)} patterns, {layer.features} features; {bars}")
    say()
    print_scored(shown)
    say()
    if len(shown) < len(layer.patterns):
        note(f"{len(shown)} of {len(layer.patterns)} patterns are shown; --top {len(layer.patterns)} shows all")


def _joined_notes(layers: Sequence[ScoredLayer]) -> list[str]:
    """Each note once, with the layers that it is about where these are not all."""
    about: dict[str, list[str]] = {}
    for layer in layers:
        for told in layer.notes:
            about.setdefault(told, []).append(layer.layer_id)
    return [told if len(names) == len(layers) else f"{', '.join(names)}: {told}" for told, names in about.items()]


def _end(result: Scores, fail_on: FailOn) -> None:
    if not any(layer.patterns for layer in result.layers):
        reasons = "; ".join(f"{layer.layer_id}: {layer.reason}" for layer in result.layers)
        fail(f"no pattern could be scored: {reasons}")
    bad = {FailOn.NEVER: (), FailOn.RARE: ("rare", "anomaly", "upgrade"), FailOn.ANOMALY: ("anomaly", "upgrade")}
    count = sum(one.label in bad[fail_on] for layer in result.layers for one in layer.patterns)
    if count:
        note(f"{count} patterns are {'anomalies' if fail_on is FailOn.ANOMALY else 'rare, or anomalies'}")
        raise typer.Exit(EXIT_FINDINGS)


def _with_scores(layer: FeaturedLayer, found: ScoredLayer, versions: dict[str, str]) -> dict[str, Any]:
    scores = {one.pattern_id: one.score for one in found.patterns}
    return {
        name: one.model_copy(update={"anomaly_score": scores[name], "metrics_version": versions})
        if name in scores
        else one
        for name, one in layer.patterns_with_features().items()
    }


def _name(path: Path, reading: Reading | None) -> str:
    return reading.name if reading is not None else path.absolute().name


def inputs_of(path: Path, reading: Reading | None) -> dict[str, str]:
    """What was read: name -> digest; of features that were kept in a folder, their files."""
    if reading is not None:
        return reading.inputs
    from qmpt.cli.layers import FEATURES_FILE
    from qmpt.runs import file_digests

    return file_digests([path / "patterns.jsonl", path / FEATURES_FILE])


def _signed(value: float) -> str:
    from qmpt.viz.reports_text import signed

    return signed(value)
