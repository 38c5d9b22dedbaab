# SPDX-License-Identifier: Apache-2.0
"""``qmpt self``: what patterns know of their population, of their own place in it, and of their own beliefs."""

from __future__ import annotations

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
    SourcePath,
    Top,
)
from qmpt.cli.output import note, progress, say_json, say_text

if TYPE_CHECKING:
    from qmpt.cli.populations import Reading
    from qmpt.cli.self_knowledge import Estimators
    from qmpt.data.models import Pattern
    from qmpt.viz.reports_models import Assessed

__all__ = ["SELF_FILE", "self_operator"]

SELF_FILE: Final = "self.json"


def self_operator(
    path: SourcePath,
    top: Top = 10,
    windows: Annotated[
        int, typer.Option("--windows", min=0, metavar="N", help="Also judge N windows of time; 0 for none.")
    ] = 0,
    kind: Kind = "auto",
    settings: Settings = None,
    layer: LayerName = None,
    by: By = Grouping.PATTERN,
    least: Least = 1,
    people: PeopleOption = False,
    config: Config = None,
    seed: Seed = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Estimate the self operator of each pattern, in [0, 1], or say what is missing for a number.

    It needs what patterns report: observations of modality self_report (their own place as anomaly_score or percentile,
    and what they say of the population), belief (a proposition and its probability), and what reflexivity needs. It
    measures calibrated self-knowledge, not anomaly: a typical pattern that says so correctly scores high.

    With --windows, the time is cut into windows, and a pattern that is an anomaly and knows it for long enough is a
    self-aware anomaly. Without enough windows nothing is said.

    Ends with 0, also where no pattern has a value, and with 2 where the input or the command cannot be used.

    \b
    Example:
      qmpt self agents
      qmpt self agents --windows 6 --out self
      qmpt self agents --config metrics_default --json
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from qmpt.cli.assessed import print_assessed
    from qmpt.cli.configured import load_for
    from qmpt.cli.outcome import Outcome, write_json
    from qmpt.cli.populations import read_population
    from qmpt.data.io import save_patterns
    from qmpt.viz.reports_caveats import GENERAL, PEOPLE, SELF_OPERATOR

    outcome = Outcome("self", out)
    estimators = _estimators(load_for(config, "features", "metrics"), seed)
    reading = read_population(path, kind=kind, settings=settings, layer=layer, by=by, least=least, people=people)
    outcome.lap("reading")
    result, patterns = _assessed(reading, estimators, windows)
    outcome.lap("features and self operator")
    outcome.inputs, outcome.warnings = reading.inputs, [*reading.notes, *result.notes]
    outcome.config = {
        "source": reading.options,
        "anomaly": dict(estimators.anomaly),
        "reflexivity": estimators.reflexivity.config,
        "self_operator": estimators.self_operator.config,
        "windows": windows,
    }
    outcome.seeds = {"all": seed or 0}
    with_value = sum(one.value is not None for one in result.patterns)
    outcome.counts = {"patterns": len(result.patterns), "with a value": with_value}
    outcome.keep(
        {
            SELF_FILE: lambda file: write_json(file, result.model_dump(mode="json")),
            "patterns.jsonl": lambda file: save_patterns(file, patterns),
        }
    )
    if as_json:
        say_json(result.model_dump(mode="json"))
    else:
        print_assessed(result, top)
        say_text(f"{GENERAL} {SELF_OPERATOR}{f' {PEOPLE}' if result.people else ''}")
    for told in reading.notes:
        note(told)


def _assessed(reading: Reading, estimators: Estimators, windows: int) -> tuple[Assessed, dict[str, Pattern]]:
    """The self operator of every pattern, and the patterns with all that was computed for it."""
    from qmpt.cli.assessed import assessed_pattern, best_first
    from qmpt.cli.layers import featured_layers
    from qmpt.cli.populations import enough_people
    from qmpt.cli.self_knowledge import assess_layer, persistence_texts
    from qmpt.viz.reports_models import Assessed, AssessedPattern

    layers = featured_layers(reading, estimators.features)
    found: list[AssessedPattern] = []
    patterns: dict[str, Pattern] = {}
    notes: list[str] = []
    with progress(len(layers), "self operator") as step:
        for one in layers:
            enough_people(one.patterns.values(), one.layer_id)
            judged = assess_layer(one, estimators)
            lasting = persistence_texts(one, windows, estimators) if windows > 1 else {}
            for name, each in judged.found.items():
                found.append(assessed_pattern(name, one.layer_id, each, lasting.get(name, "")))
                patterns[name] = judged.patterns[name].model_copy(update={"self_operator": each.value})
            notes += [f"{one.layer_id}: {judged.scored.reason}"] if judged.scored.reason else []
            step()
    versions = {
        "self_operator_version": estimators.self_operator.self_operator_version,
        "reflexivity_model_version": estimators.reflexivity.reflexivity_model_version,
    }
    result = Assessed(
        quantity="self operator",
        source=reading.name,
        patterns=best_first(found),
        versions=versions,
        notes=notes,
        people=reading.people,
    )
    return result, patterns


def _estimators(config: Any, seed: int | None) -> Estimators:
    from qmpt.cli.reflexivity import reflexivity_settings
    from qmpt.cli.scoring import anomaly_settings
    from qmpt.cli.self_knowledge import Estimators
    from qmpt.metrics.reflexivity import ReflexivityEstimator
    from qmpt.metrics.self_operator import SelfOperatorEstimator

    metrics = config.metrics if config is not None else None
    own: dict[str, Any] = {} if seed is None else {"seed": seed}
    if metrics is not None:
        section = metrics.self_operator
        own = {name: getattr(section, name) for name in sorted(section.model_fields_set)} | own
    return Estimators(
        anomaly_settings(metrics.anomaly if metrics is not None else None, seed, None),
        ReflexivityEstimator(config=reflexivity_settings(config, seed)),
        SelfOperatorEstimator(config=own),
        config.features if config is not None else None,
    )
