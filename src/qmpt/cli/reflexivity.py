# SPDX-License-Identifier: Apache-2.0
"""``qmpt reflexivity``: what patterns say about their own thinking, and what their trajectories show of it."""

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
    Seed,
    Settings,
    SourcePath,
    Top,
)
from qmpt.cli.output import note, progress, say_json, say_text

if TYPE_CHECKING:
    from qmpt.cli.populations import Reading
    from qmpt.metrics.reflexivity import ReflexivityEstimator
    from qmpt.viz.reports_models import Assessed

__all__ = ["REFLEXIVITY_FILE", "assess_reflexivity", "reflexivity", "reflexivity_settings"]

REFLEXIVITY_FILE: Final = "reflexivity.json"


def reflexivity(
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
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Estimate the reflexivity of each pattern, in [0, 1], or say what is missing for a number.

    It has two parts: what the texts say (at least 50 words), and what the trajectory shows: predictions with outcomes,
    predicted and actual states, changes after failures, goals over time. A part without evidence has no value, and
    below a coverage of 0.6 there is no score.

    Ends with 0, also where no pattern has a value, and with 2 where the input or the command cannot be used.

    \b
    Example:
      qmpt reflexivity spans.jsonl
      qmpt reflexivity agents --top 20 --out reflexivity
      qmpt reflexivity agents --config metrics_default --json
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from qmpt.cli.assessed import print_assessed
    from qmpt.cli.configured import load_for
    from qmpt.cli.outcome import Outcome, write_json
    from qmpt.cli.populations import read_population
    from qmpt.data.io import save_patterns
    from qmpt.metrics.reflexivity import ReflexivityEstimator
    from qmpt.viz.reports_caveats import GENERAL, PEOPLE, REFLEXIVITY

    outcome = Outcome("reflexivity", out)
    chosen = reflexivity_settings(load_for(config, "metrics"), seed)
    reading = read_population(path, kind=kind, settings=settings, layer=layer, by=by, least=least, people=people)
    outcome.lap("reading")
    estimator = ReflexivityEstimator(config=chosen)
    result = assess_reflexivity(reading, estimator)
    outcome.lap("reflexivity")
    values = {one.pattern_id: one.value for one in result.patterns}
    patterns = {
        name: one.model_copy(update={"reflexivity": values.get(name), "metrics_version": result.versions})
        for name, one in reading.population.patterns.items()
    }
    outcome.inputs, outcome.warnings = reading.inputs, [*reading.notes, *result.notes]
    outcome.config = {"source": reading.options, "reflexivity": estimator.config}
    outcome.seeds = {"reflexivity": int(chosen.get("seed", 0))}
    outcome.counts = {"patterns": len(patterns), "with a value": sum(value is not None for value in values.values())}
    outcome.keep(
        {
            REFLEXIVITY_FILE: lambda file: write_json(file, result.model_dump(mode="json")),
            "patterns.jsonl": lambda file: save_patterns(file, patterns),
        }
    )
    if as_json:
        say_json(result.model_dump(mode="json"))
    else:
        print_assessed(result, top)
        say_text(f"{GENERAL} {REFLEXIVITY}{f' {PEOPLE}' if result.people else ''}")
    for told in reading.notes:
        note(told)


def reflexivity_settings(config: Any, seed: int | None) -> dict[str, Any]:
    """The settings of the estimator that a configuration and the command line name.

    Example:
        >>> reflexivity_settings(None, 3)
        {'seed': 3}
    """
    section = config.metrics.reflexivity if config is not None and config.metrics is not None else None
    given = {} if section is None else {name: getattr(section, name) for name in sorted(section.model_fields_set)}
    return given | ({"seed": seed} if seed is not None else {})


def assess_reflexivity(reading: Reading, estimator: ReflexivityEstimator) -> Assessed:
    """Estimate each pattern of a population.

    Raises:
        InsufficientEvidence: a layer has people, but too few to be shown.
        DataError: a payload cannot be read.
    """
    from qmpt.cli.assessed import assessed_pattern, best_first
    from qmpt.cli.populations import enough_people
    from qmpt.data.indexing import by_layer, by_pattern
    from qmpt.viz.reports_models import Assessed

    patterns = reading.population.patterns
    for layer_id, members in by_layer(patterns).items():
        enough_people(members.values(), layer_id)
    groups = by_pattern(reading.population.observations)
    found = []
    with progress(len(groups), "reflexivity") as step:
        for name, observations in groups.items():
            found.append(assessed_pattern(name, patterns[name].layer_id, estimator.evaluate(observations)))
            step()
    return Assessed(
        quantity="reflexivity",
        source=reading.name,
        patterns=best_first(found),
        versions={"reflexivity_model_version": estimator.reflexivity_model_version},
        people=reading.people,
    )
