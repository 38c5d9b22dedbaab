# SPDX-License-Identifier: Apache-2.0
"""What the commands find, as it is kept in JSON beside ``run.json`` and shown in tables and reports.

These are plain records: they hold results, with intervals, coverage and reasons, and compute nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from qmpt.errors import DataError, validation_message
from qmpt.viz.reports_record import Finite, Pair, Record, Unit

__all__ = [
    "Assessed",
    "AssessedPattern",
    "ComparedLayer",
    "Comparison",
    "FeatureReason",
    "FeatureShift",
    "HistoryTest",
    "HistoryTests",
    "Moment",
    "ScoredLayer",
    "ScoredPattern",
    "Scores",
    "SimulatedScenario",
    "Simulation",
    "read_result",
]

MAX_BYTES: Final = 2**30

Result = TypeVar("Result", bound=BaseModel)


class FeatureReason(Record):
    """What one feature adds to a score.

    Attributes:
        feature: its name.
        z: distance from the median of the population, in robust standard deviations.
        part: what it adds, in units of the score.
    """

    feature: str
    z: Finite
    part: Finite


class ScoredPattern(Record):
    """One pattern with its score and the reasons.

    Attributes:
        pattern_id: its id; of a person, a pseudonym.
        score: the anomaly score.
        interval: of the score, 95 percent; None where none was computed.
        ranks: of its rank, 95 percent; rank 1 is the most unusual.
        label: ``typical``, ``rare``, ``anomaly`` or ``upgrade``; in a comparison ``unlike``, or nothing.
        flips: share of resamples in which the label is another one.
        terms: term -> what it adds to the score, largest first.
        features: the features that add most, largest first.
        observations: how many observations it has; None where they are not at hand.
        notes: what a reader must know of this pattern.
        marks: ``bot`` and the like.
    """

    pattern_id: str
    score: Finite
    interval: Pair | None = None
    ranks: tuple[int, int] | None = None
    label: str
    flips: Finite | None = None
    terms: dict[str, Finite]
    features: list[FeatureReason]
    observations: int | None = None
    notes: list[str] = Field(default_factory=list)
    marks: list[str] = Field(default_factory=list)


class ScoredLayer(Record):
    """The scores of one population.

    Attributes:
        layer_id: the layer.
        patterns: highest score first; empty where there is no score.
        reason: why there is no score; empty where there is one.
        of: how many patterns the layer has.
        thresholds: theta_1 and theta_2; None where the scores do not vary enough for any.
        cross_fitted: whether each pattern was scored by a model that had not seen it.
        features: number of features that vary.
        dropped: features that do not vary.
        versions: name of a version -> version.
        notes: what a reader must know of the whole layer.
        people: whether the patterns are people.
    """

    layer_id: str
    patterns: list[ScoredPattern]
    reason: str = ""
    of: int
    thresholds: Pair | None = None
    cross_fitted: bool = False
    features: int = 0
    dropped: list[str] = Field(default_factory=list)
    versions: dict[str, str] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    people: bool = False


class Scores(Record):
    """What ``qmpt score`` found.

    Attributes:
        format: ``qmpt-scores/1``.
        source: name of the input.
        layers: one entry per layer.
        skipped: why something was left out -> how many.
    """

    format: Literal["qmpt-scores/1"] = "qmpt-scores/1"
    source: str
    layers: list[ScoredLayer]
    skipped: dict[str, int] = Field(default_factory=dict)


class AssessedPattern(Record):
    """One pattern with a score that is put together from parts.

    Attributes:
        pattern_id: its id.
        layer_id: its layer.
        value: in [0, 1]; None where the evidence does not suffice.
        interval: 95 percent; None where a part in use has none.
        coverage: share of the weight that was present.
        reason: why there is no value; empty where there is one.
        parts: each with ``name``, ``value``, ``weight``, ``n``, ``interval``, ``reason`` and ``detail``.
        persistence: whether the value lasts, in words; only of the self operator.
    """

    pattern_id: str
    layer_id: str
    value: Unit | None
    interval: Pair | None = None
    coverage: Finite
    reason: str = ""
    parts: list[dict[str, Any]]
    persistence: str = ""


class Assessed(Record):
    """What ``qmpt reflexivity`` or ``qmpt self`` found.

    Attributes:
        format: ``qmpt-assessed/1``.
        quantity: ``reflexivity`` or ``self operator``.
        source: name of the input.
        patterns: those with the highest value first, those without a value last.
        versions: name of a version -> version.
        notes: what a reader must know.
        people: whether the patterns are people.
    """

    format: Literal["qmpt-assessed/1"] = "qmpt-assessed/1"
    quantity: Literal["reflexivity", "self operator"]
    source: str
    patterns: list[AssessedPattern]
    versions: dict[str, str] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    people: bool = False


class FeatureShift(Record):
    """How one feature moved between two populations.

    Attributes:
        feature: its name.
        shift: of the median, in robust standard deviations of the reference.
        interval: 95 percent, by the bootstrap over patterns.
        ks: Kolmogorov-Smirnov distance of the two distributions, in [0, 1].
        p_value: of that distance, adjusted over all features for the false discovery rate.
    """

    feature: str
    shift: Finite
    interval: Pair
    ks: Finite
    p_value: Finite


class ComparedLayer(Record):
    """One layer of two populations, the second measured against the first.

    Attributes:
        layer_id: the layer.
        of: patterns in the reference, and in the current population.
        common: patterns in both.
        gone: patterns of the reference alone.
        new: patterns of the current population alone.
        shifts: of features; the least probable first.
        scored: the current patterns, scored against the reference; highest first.
        p_values: pattern -> conformal p-value; empty where the reference is too small for any.
        found: current patterns that are unlike the reference at the false discovery rate.
        reason: why nothing was compared; empty where it was.
        notes: what a reader must know.
        people: whether the patterns are people.
    """

    layer_id: str
    of: tuple[int, int]
    common: int = 0
    gone: list[str] = Field(default_factory=list)
    new: list[str] = Field(default_factory=list)
    shifts: list[FeatureShift] = Field(default_factory=list)
    scored: list[ScoredPattern] = Field(default_factory=list)
    p_values: dict[str, Finite] = Field(default_factory=dict)
    found: list[str] = Field(default_factory=list)
    reason: str = ""
    notes: list[str] = Field(default_factory=list)
    people: bool = False


class Comparison(Record):
    """What ``qmpt compare`` found.

    Attributes:
        format: ``qmpt-comparison/1``.
        reference: name of the reference.
        current: name of what is compared with it.
        layers: one entry per layer that either of them has.
        level: false discovery rate of the findings.
    """

    format: Literal["qmpt-comparison/1"] = "qmpt-comparison/1"
    reference: str
    current: str
    layers: list[ComparedLayer]
    level: Finite


class Moment(Record):
    """A time at which something happened in a layer.

    Attributes:
        t: time.
        what: what happened.
        mode: regime from then on; None before the first is found.
        stress: then.
        protection: then.
        capacity: then.
    """

    t: Finite
    what: str
    mode: str | None
    stress: Finite
    protection: Finite
    capacity: Finite


class SimulatedScenario(Record):
    """A scenario in short.

    Attributes:
        scenario: its name, with the point of a sweep where there is one.
        runs: number of runs; with several, everything here is the mean over them.
        moments: begin, changes of regime, events, highest stress, end.
        peak_stress: highest stress.
        least_protection: lowest protection.
        share_above: share of the time with stress above the critical one.
        final: stress, protection and capacity at the end, each as mean, 5 percent and 95 percent of the runs.
        final_modes: regime at the end -> share of runs.
        metrics: number of a run -> ``n``, ``mean``, ``low``, ``high``, ``sd``, ``min`` and ``max`` over the runs.
        metrics_by_run: for each run number -> value; None where it does not exist, such as a time that never came.
        derived: those numbers that the configuration derives from the others.
    """

    scenario: str
    runs: int
    moments: list[Moment]
    peak_stress: Finite
    least_protection: Finite
    share_above: Finite
    final: dict[str, tuple[Finite, Finite, Finite]]
    final_modes: dict[str, Finite]
    metrics: dict[str, dict[str, Finite | None]] = Field(default_factory=dict)
    metrics_by_run: list[dict[str, Finite | None]] = Field(default_factory=list)
    derived: list[str] = Field(default_factory=list)


class Simulation(Record):
    """What ``qmpt simulate`` found.

    Attributes:
        format: ``qmpt-simulation/1``.
        layer_id: the layer.
        version: of the model with all its constants.
        t_end: end of the runs.
        dt: length of a step.
        sigma_crit: the critical stress.
        scenarios: one, or one per point of a sweep.
        counterfactual: pattern -> what it changes, each as mean and 95 percent interval.
    """

    format: Literal["qmpt-simulation/1"] = "qmpt-simulation/1"
    layer_id: str
    version: str
    t_end: Finite
    dt: Finite
    sigma_crit: Finite
    scenarios: list[SimulatedScenario]
    counterfactual: dict[str, dict[str, tuple[Finite, Finite, Finite]]] = Field(default_factory=dict)


class HistoryTest(Record):
    """The clustering of the historical events beside that of a model.

    Attributes:
        model: what the model is, in words.
        expected: events that it expects.
        observed: Gini coefficient of the counts per bin.
        mean: of the simulated coefficients.
        band: their 5th and 95th percentile.
        p_value: share of simulated coefficients at least as large as the observed one.
        runs: simulated histories.
    """

    model: str
    expected: Finite
    observed: Finite
    mean: Finite
    band: Pair
    p_value: Finite
    runs: int


class HistoryTests(Record):
    """What ``qmpt history`` found.

    Attributes:
        format: ``qmpt-history/1``.
        events: name, year, domain and age of each.
        starts: first year of each bin.
        counts: events per bin.
        tests: against each null model.
        origins: smallest and largest Gini coefficient over other beginnings of the bins.
        left_out: smallest and largest over the lists with one person left out.
    """

    format: Literal["qmpt-history/1"] = "qmpt-history/1"
    events: list[tuple[str, int, str, int]]
    starts: list[int]
    counts: list[int]
    tests: list[HistoryTest]
    origins: Pair
    left_out: Pair


def read_result(path: str | Path, model: type[Result]) -> Result:
    """Read a result back.

    Args:
        path: the JSON file.
        model: what it holds.

    Raises:
        DataError: it cannot be read, or holds something else.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "scores.json"
        >>> _ = path.write_text(Scores(source="a", layers=[]).model_dump_json())
        >>> read_result(path, Scores).source
        'a'
    """
    from qmpt.data.files import open_regular

    with open_regular(path) as handle:
        data = handle.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DataError(f"{path} has more than {MAX_BYTES} bytes; no result has")
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise DataError(
            f"{path}: {validation_message(error, model)}; let the command that wrote it run again"
        ) from None
