# SPDX-License-Identifier: Apache-2.0
"""Promises about the self operator: what it knows, what it may not make up, and who passes it."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance
from sklearn.metrics import roc_auc_score

from qmpt.data.models import Observation, Pattern
from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.metrics.reflexivity import ReflexivityEstimator
from qmpt.metrics.self_operator import SelfOperatorEstimator, self_part, self_reports_from
from qmpt.metrics.self_operator_agents import (
    KINDS,
    SimulatedAgent,
    assess_agent,
    simulate_agent,
    simulate_population,
    simulate_windows,
)
from qmpt.metrics.self_operator_beliefs import belief_of, meta_part
from qmpt.metrics.self_operator_persistence import WindowScore, persistence
from qmpt.metrics.self_operator_population import population_part, reported_values, robust_spread

SCORES = np.random.default_rng(7).normal(size=400).tolist()
FEATURES = {
    "cost": np.random.default_rng(1).lognormal(size=400).tolist(),
    "speed": np.random.default_rng(2).normal(10.0, 2.0, 400).tolist(),
}
POPULATION = {"anomaly_scores": SCORES, "features": FEATURES}


def pattern(score=3.0, reflexivity=0.5):
    return Pattern(pattern_id="a", layer_id="L", anomaly_score=score, reflexivity=reflexivity)


def coherent(propositions=6, statements=4):
    return [
        {"proposition": f"{'not ' if turn % 2 else ''}claim {place}", "probability": 0.1 if turn % 2 else 0.9}
        for turn in range(statements)
        for place in range(propositions)
    ]


KNOWING = {"anomaly_score": 3.0, "population": {"features": FEATURES}, "beliefs": coherent()}


# -- the whole -----------------------------------------------------------------------------------------------------


def test_who_knows_everything_scores_the_weights_and_its_reflexivity():
    found = SelfOperatorEstimator().evaluate(pattern(), POPULATION, KNOWING)
    assert {part.name: part.value for part in found.parts} == pytest.approx(
        {"pop": 1.0, "self": 1.0, "meta": 1.0, "reflexivity": 0.5}
    )
    assert found.value == pytest.approx(0.9)
    assert found.coverage == 1.0
    json.dumps(found.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    "alphas",
    [
        {"alpha_pop": 0.3 + 2e-9},
        {"alpha_pop": 0.4},
        {"alpha_pop": 0.0, "alpha_self": 0.0, "alpha_meta": 0.0, "alpha_R": 0.0},
    ],
    ids=["a little", "more", "none"],
)
def test_weights_that_do_not_sum_to_one_are_refused(alphas):
    with pytest.raises(ConfigError, match=r"sum to .*; they must sum to 1 within 1e-9"):
        SelfOperatorEstimator(alphas)


def test_weights_that_sum_to_one_but_for_rounding_are_taken():
    SelfOperatorEstimator({"alpha_pop": 0.3 + 5e-10})
    SelfOperatorEstimator({"alpha_pop": 0.1, "alpha_self": 0.2, "alpha_meta": 0.3, "alpha_R": 0.4})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"alpha_r": 0.2}, "did you mean 'alpha_R'"),
        ({"alpha_pop": -0.1, "alpha_self": 0.7}, "alpha_pop"),
        ({"phi_self": 0.7}, "phi_self_min is 0.8; give at most phi_self"),
        ({"scale_self": 0.0}, "scale_self"),
    ],
    ids=["key", "negative", "thresholds", "scale"],
)
def test_a_configuration_that_cannot_be_honoured_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        SelfOperatorEstimator(config)


@pytest.mark.parametrize("missing", ["population", "anomaly_score", "beliefs"])
def test_a_missing_part_has_a_reason_and_no_value_and_the_others_share_its_weight(missing):
    told = {key: value for key, value in KNOWING.items() if key != missing}
    found = SelfOperatorEstimator().evaluate(pattern(reflexivity=1.0), POPULATION, told)
    gap = next(part for part in found.parts if part.value is None)
    assert gap.reason
    assert found.coverage == pytest.approx(1.0 - gap.weight)
    assert found.value == pytest.approx(1.0)


def test_without_reports_there_is_an_exception_that_names_what_is_missing():
    with pytest.raises(InsufficientEvidence, match=r"coverage is 0.20 .*pop \(no report about the population\); self"):
        SelfOperatorEstimator().score(pattern(), POPULATION)
    with pytest.raises(InsufficientEvidence, match="no part has evidence"):
        SelfOperatorEstimator().score(Pattern(pattern_id="a", layer_id="L"), {}, {})


def test_the_score_is_that_of_the_record():
    told = KNOWING | {"anomaly_score": 2.0}
    estimator = SelfOperatorEstimator()
    assert estimator.score(pattern(), POPULATION, told) == estimator.evaluate(pattern(), POPULATION, told).value


def test_the_score_has_an_interval_where_each_part_has_one():
    found = SelfOperatorEstimator().evaluate(
        pattern(), POPULATION, KNOWING, anomaly_interval=(2.5, 3.5), reflexivity_interval=(0.4, 0.6)
    )
    low, high = found.interval
    assert low < found.value <= high
    assert SelfOperatorEstimator().evaluate(pattern(), POPULATION, KNOWING).interval is None


@pytest.mark.parametrize(
    ("stats", "told", "message"),
    [
        ({"anomaly_score": SCORES}, {}, "population_stats has the unknown key 'anomaly_score'; did you mean"),
        (POPULATION, {"belief": []}, "self_reports has the unknown key 'belief'"),
        ([], {}, "population_stats is list"),
        (POPULATION, {"population": {"feature": {}}}, "did you mean 'features'"),
        (POPULATION, {"population": [1]}, "the report about the population is list"),
        (POPULATION, {"anomaly_score": math.nan}, "reported anomaly_score is nan"),
        (POPULATION, {"percentile": 101}, "percentile is 101"),
        (POPULATION, {"percentile": 50, "anomaly_score": 1.0}, "give one of them"),
        (POPULATION, {"population": {"features": None}}, "the features of the report about the population are None"),
        (POPULATION, {"population": {"categories": [1]}}, r"the categories of .* are \[1\]; give a dictionary"),
        (POPULATION, {"population": {"features": {"cost": [[1, 2], [3, 4]]}}}, r"not of the shape \(2, 2\)"),
        (POPULATION, {"population": {"features": {"cost": np.array(3.0)}}}, r"not of the shape \(\)"),
        (POPULATION, {"population": {"features": {"cost": np.array([])}}}, "the report of 'cost' is empty"),
        ({"features": None}, {}, "the features of the population are None; give a dictionary"),
        ({"features": {"c": [[1, 2], [3, 4]]}}, {}, r"'c' must be one row of finite numbers"),
        ({"features": {"c": None}}, {}, "'c' must be one row of finite numbers"),
        ({"categories": {"tool": {1: 2, "1": 3}}}, {}, "the categories of 'tool'"),
        ({"anomaly_scores": None}, {"percentile": 50}, "anomaly_scores must be one row"),
        (POPULATION, {"beliefs": None}, "the beliefs are None; give a list"),
        (POPULATION, {"beliefs": "it rains"}, "the beliefs are 'it rains'; give a list"),
        (POPULATION, {"contradictions": [1, 2]}, r"contradictions are \[1, 2\]; give"),
    ],
    ids=[
        "stats key",
        "report key",
        "stats",
        "feature",
        "population",
        "nan",
        "percentile",
        "both",
        "report of none",
        "report of a list",
        "report of a table",
        "report of a number",
        "report of nothing",
        "no features",
        "table",
        "no values",
        "one name twice",
        "no scores",
        "no beliefs",
        "text as beliefs",
        "contradictions",
    ],
)
def test_arguments_of_another_form_are_refused(stats, told, message):
    with pytest.raises(DataError, match=message):
        SelfOperatorEstimator().evaluate(pattern(), stats, told)


def test_the_version_follows_every_setting():
    one, other = SelfOperatorEstimator(), SelfOperatorEstimator({"scale_self": 2.0})
    assert one.self_operator_version != other.self_operator_version
    assert one.self_operator_version.startswith("self_operator_v1@1.0.0+")


# -- its own place -------------------------------------------------------------------------------------------------


@given(st.floats(-20.0, 20.0), st.floats(0.0, 1e6))
def test_reporting_too_much_and_too_little_cost_the_same_and_never_everything(score, error):
    above, below = (self_part(score, SCORES, {"anomaly_score": score + side * error}).value for side in (1, -1))
    assert above == pytest.approx(below, rel=1e-6)
    assert 0.0 < above <= 1.0


@given(st.floats(-5.0, 5.0), st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_a_larger_error_never_scores_more(score, one, more):
    near = self_part(score, SCORES, {"anomaly_score": score + one}).value
    assert self_part(score, SCORES, {"anomaly_score": score + one + more}).value <= near + 1e-12


def test_an_error_of_one_robust_standard_deviation_costs_a_factor_e():
    spread = robust_spread(np.array(SCORES))
    assert self_part(0.0, SCORES, {"anomaly_score": spread}).value == pytest.approx(math.exp(-1))
    assert self_part(0.0, SCORES, {"anomaly_score": spread}, scale=2.0).value == pytest.approx(math.exp(-0.5))


def test_a_percentile_is_read_off_the_population():
    score = float(np.quantile(SCORES, 0.9))
    assert self_part(score, SCORES, {"percentile": 90}).value == pytest.approx(1.0)


def test_a_place_that_is_none_was_not_reported():
    by_percentile = self_part(1.0, SCORES, {"percentile": 90})
    assert self_part(1.0, SCORES, {"anomaly_score": None, "percentile": 90}) == by_percentile
    assert self_part(1.0, SCORES, {"anomaly_score": 2.0, "percentile": None}).detail["reported"] == 2.0
    assert self_part(1.0, SCORES, {"anomaly_score": None, "percentile": None}).reason == "no report about itself"


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.uint8])
def test_numbers_of_numpy_are_read_wherever_something_is_reported(kind):
    for name in ("anomaly_score", "percentile"):
        part = self_part(1.0, SCORES, {name: kind(2)})
        assert part == self_part(1.0, SCORES, {name: 2})
        json.dumps(part.detail, allow_nan=False)
    shares = {"tool": {"a": kind(3), "b": kind(1)}}
    truth = {"categories": {"tool": {"a": 3, "b": 1}}}
    assert population_part(truth, {"categories": shares}).value == 1.0
    assert belief_of({"proposition": "x", "probability": kind(1), "weight": kind(2)}).weight == 2.0
    assert belief_of({"proposition": "x", "probability": np.True_}).probability == 1.0


def test_counts_of_contradictions_may_be_those_of_numpy():
    counts = {"found": np.int64(1), "checked": np.int32(20)}
    assert meta_part(coherent(), counts) == meta_part(coherent(), {"found": 1, "checked": 20})


@given(st.floats(-5.0, 5.0), st.floats(-5.0, 5.0), st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_the_interval_is_that_of_all_scores_between_the_limits(score, reported, below, above):
    limits = (score - below, score + above)
    part = self_part(score, SCORES, {"anomaly_score": reported}, anomaly_interval=limits)
    values = [self_part(one, SCORES, {"anomaly_score": reported}).value for one in np.linspace(*limits, 200)]
    assert part.interval[0] == pytest.approx(min(values), rel=1e-9)
    assert part.interval[1] >= max(values) - 1e-12
    assert part.interval[0] <= part.value <= part.interval[1]


@pytest.mark.parametrize(
    ("score", "scores", "reason"),
    [(None, SCORES, "no anomaly score"), (1.0, [1.0] * 19, "19 anomaly scores"), (1.0, [1.0] * 30, "are alike")],
    ids=["none", "few", "alike"],
)
def test_a_place_needs_a_score_and_a_population_that_varies(score, scores, reason):
    part = self_part(score, scores, {"anomaly_score": 1.0})
    assert part.value is None
    assert reason in part.reason


# -- the population ------------------------------------------------------------------------------------------------


def test_an_answer_without_knowledge_scores_one_over_e():
    mean = {name: [float(np.mean(values))] for name, values in FEATURES.items()}
    assert population_part(POPULATION, {"features": mean}).value == pytest.approx(math.exp(-1))
    even = {"categories": {"tool": {"a": 1, "b": 1, "c": 1}}}
    assert population_part({"categories": {"tool": {"a": 70, "b": 20, "c": 10}}}, even).value == pytest.approx(
        math.exp(-1)
    )


def test_the_distance_of_one_feature_is_wassersteins_over_that_of_the_mean():
    truth, told = np.array(FEATURES["cost"]), np.array([0.5, 1.0, 4.0])
    expected = wasserstein_distance(truth, told) / np.abs(truth - truth.mean()).mean()
    part = population_part({"features": {"cost": truth}}, {"features": {"cost": told}})
    assert part.value == pytest.approx(math.exp(-expected))


@pytest.mark.parametrize("kind", ["sample", "quantiles", "histogram"])
def test_each_form_of_a_true_report_scores_near_one(kind):
    values = np.array(FEATURES["speed"])
    counts, edges = np.histogram(values, bins=30)
    form = {
        "sample": values.tolist(),
        "quantiles": {"quantiles": {str(level / 20): float(np.quantile(values, level / 20)) for level in range(21)}},
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }[kind]
    part = population_part({"features": {"speed": values}}, {"features": {"speed": form}})
    assert part.value > 0.95
    low, high = part.interval
    assert low <= part.value <= high <= 1.0


@given(st.floats(0.01, 100.0), st.floats(-1e3, 1e3))
def test_the_unit_of_a_feature_does_not_matter(factor, shift):
    truth, told = np.array(FEATURES["cost"]), np.array([0.5, 1.0, 4.0])
    one = population_part({"features": {"cost": truth}}, {"features": {"cost": told}}, intervals=False).value
    moved = {"features": {"cost": told * factor + shift}}
    other = population_part({"features": {"cost": truth * factor + shift}}, moved, intervals=False).value
    assert other == pytest.approx(one, rel=1e-6)


def test_a_report_must_speak_of_enough_of_the_population():
    truth = {"features": FEATURES | {"more": SCORES}}
    part = population_part(truth, {"features": {"cost": FEATURES["cost"]}})
    assert part.value is None
    assert "1 of 3 features that vary; at least 50%" in part.reason


def test_a_constant_feature_counts_for_nothing():
    part = population_part({"features": {"fixed": [1.0] * 50}}, {"features": {"fixed": [1.0]}})
    assert part.value is None


def test_a_report_that_is_far_off_still_scores_above_zero():
    assert 0.0 < population_part(POPULATION, {"features": {name: [1e12] for name in FEATURES}}).value < 1e-300


@pytest.mark.parametrize(
    "form",
    [
        [],
        "high",
        {"mean": 3},
        {"quantiles": {}},
        {"quantiles": {"1.5": 0.0}},
        {"quantiles": {"0.1": 5.0, "0.9": 1.0}},
        {"edges": [0, 1], "counts": [1, 2]},
        {"edges": [1, 0], "counts": [1]},
        {"edges": [0, 1], "counts": [0]},
        [math.nan],
        ["a"],
    ],
    ids=["empty", "text", "key", "none", "level", "falling", "lengths", "edges", "counts", "nan", "texts"],
)
def test_a_report_of_another_form_is_refused(form):
    with pytest.raises(DataError, match="'cost'"):
        reported_values("cost", form)


@pytest.mark.parametrize("counts", [{}, [1], {"a": -1}, {"a": 0}, {"a": True}, {"a": math.inf}], ids=repr)
def test_categories_without_counts_are_refused(counts):
    with pytest.raises(DataError, match="the categories of 'tool'"):
        population_part({"categories": {"tool": counts}}, {"categories": {"tool": {"a": 1}}})


# -- beliefs -------------------------------------------------------------------------------------------------------


def test_coherent_and_lasting_beliefs_score_one_and_each_fault_lowers_its_share():
    assert meta_part(coherent()).detail["consistency"] == pytest.approx(1.0)
    double = [belief | {"probability": 0.9} for belief in coherent()]
    torn = meta_part(double)
    # both sides at .9: |.9 + .9 - 1| = .8, and each statement flips
    assert torn.detail["consistency"] == pytest.approx(0.2)
    assert torn.value == 0.0


def test_a_zero_in_one_share_cannot_be_bought_back():
    flipping = [
        {"proposition": f"claim {place}", "probability": turn % 2 == 0} for turn in range(6) for place in range(3)
    ]
    part = meta_part(flipping, {"found": 0, "checked": 100})
    assert part.detail["stability"] == 0.0
    assert part.value == 0.0


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.floats(0.0, 1.0)), min_size=1, max_size=40))
def test_any_beliefs_give_a_value_in_range_or_a_reason(rows):
    part = meta_part(
        [{"proposition": f"{'not ' * negated}x{place}", "probability": p} for place, negated, p in rows],
        {"found": 1, "checked": 10},
    )
    if part.value is None:
        assert "repeated statements" in part.reason
    else:
        low, high = part.interval
        assert 0.0 <= low <= high <= 1.0
        assert 0.0 <= part.value <= 1.0


def test_a_double_negation_is_none():
    assert belief_of({"proposition": "not NOT it   rains", "probability": True}).proposition == "it rains"
    assert belief_of({"proposition": "not not x", "probability": 0.75}).affirmed == 0.75


def test_without_both_kinds_of_evidence_there_is_no_value():
    once = coherent(statements=1)
    assert meta_part(once).reason == ("0 checks for contradiction, of at least 5; 0 repeated statements, of at least 5")
    assert meta_part([]).value is None


@pytest.mark.parametrize(
    "belief",
    [
        "it rains",
        {"proposition": "x"},
        {"proposition": "", "probability": 0.5},
        {"proposition": "x", "probability": 1.5},
        {"proposition": "x", "probability": math.nan},
        {"proposition": "x", "probability": 0.5, "weight": 0},
    ],
    ids=["text", "no probability", "no text", "above one", "nan", "weight"],
)
def test_a_belief_of_another_form_is_refused(belief):
    with pytest.raises(DataError, match="a belief is"):
        meta_part([belief])


@pytest.mark.parametrize("counts", [{}, {"found": 3, "checked": 2}, {"found": 1.0, "checked": 2}], ids=repr)
def test_counts_of_contradictions_must_be_counts(counts):
    with pytest.raises(DataError, match="contradictions are"):
        meta_part(coherent(), counts)


def test_reports_are_gathered_from_observations_and_the_latest_counts():
    rows = [
        ("self_report", {"percentile": 40, "population": {"features": {}}}),
        ("belief", {"proposition": "x", "probability": 0.5}),
        ("self_report", {"anomaly_score": 2.0}),
        ("text", "words"),
    ]
    seen = [
        Observation(obs_id=str(place), pattern_id="a", timestamp=place, modality=modality, payload=payload)
        for place, (modality, payload) in enumerate(rows)
    ]
    assert self_reports_from(seen[::-1]) == {
        "anomaly_score": 2.0,
        "population": {"features": {}},
        "beliefs": [{"proposition": "x", "probability": 0.5}],
    }
    assert self_reports_from([]) == {}


def reported(payload, pattern_id="a", place=0):
    return Observation(
        obs_id=f"{pattern_id}{place}", pattern_id=pattern_id, timestamp=place, modality="self_report", payload=payload
    )


def test_none_in_a_report_tells_nothing_and_leaves_what_was_told_before():
    assert self_reports_from([reported({"anomaly_score": None, "percentile": 50, "population": None})]) == {
        "percentile": 50
    }
    later = [reported({"percentile": 50}), reported({"anomaly_score": None}, place=1)]
    assert self_reports_from(later) == {"percentile": 50}


def test_reports_of_two_patterns_are_not_mixed():
    with pytest.raises(DataError, match=r"belong to 2 patterns \(a, b, \.\.\.\); give those of one"):
        self_reports_from([reported({"percentile": 50}), reported({"percentile": 5}, "b")])


@pytest.mark.parametrize("told", [{"features": None}, {"features": [1]}, [1], {"feature": {}}], ids=json.dumps)
def test_a_report_of_another_form_is_refused_with_its_observation(told):
    with pytest.raises(DataError, match="the self-report 'a0'"):
        self_reports_from([reported({"population": told})])


# -- persistence ---------------------------------------------------------------------------------------------------


def windows(values, anomaly=4.0, n=12):
    return [WindowScore(place, place + 1.0, value, anomaly, n) for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.9] * 5, True),
        ([0.9, 0.82, 0.9, 0.85, 0.81], True),
        ([0.81] * 8, False),
        ([0.9] * 4 + [0.79] + [0.9] * 4, False),
        ([0.9] * 4 + [None] + [0.9] * 4, False),
        ([0.9] * 4, None),
        ([None] * 20, None),
        ([], None),
        ([0.1] * 3 + [0.9] * 5, True),
        ([0.95] * 5 + [0.8] * 20, True),
        ([0.95] * 5 + [0.79] * 20, True),
        ([0.8] * 20 + [0.95] * 5 + [0.8] * 20, True),
        ([0.8] * 20 + [0.95] + [0.8] * 20, False),
    ],
    ids=[
        "lasting",
        "sinking a little",
        "never near one",
        "a dip",
        "a gap",
        "short",
        "no evidence",
        "nothing",
        "late",
        "lasted and sank",
        "lasted and ended",
        "lasted in the middle",
        "one moment",
    ],
)
def test_only_what_lasts_is_self_aware_and_too_little_is_undecided(values, verdict):
    assert persistence(windows(values), theta_2=3.0).self_aware is verdict


def test_a_typical_pattern_is_no_anomaly_however_well_it_knows_itself():
    assert persistence(windows([0.99] * 9, anomaly=1.0), theta_2=3.0).self_aware is False


def test_windows_with_few_observations_are_no_evidence():
    assert persistence(windows([0.9] * 9, n=9), theta_2=3.0).self_aware is None


def test_the_run_is_told_by_its_length_its_least_and_its_time():
    found = persistence(windows([0.1, 0.9, 0.86, 0.9, 0.9, 0.9]), theta_2=3.0)
    assert (found.windows, found.minimum, found.start, found.end) == (5, 0.86, 1, 6.0)
    assert found.mean == pytest.approx(0.892)


@given(st.lists(st.one_of(st.none(), st.floats(0.0, 1.0)), max_size=12))
def test_what_is_self_aware_stays_so_where_every_window_is_better(values):
    before = persistence(windows(values), theta_2=3.0).self_aware
    after = persistence(windows([None if value is None else 1.0 for value in values]), theta_2=3.0).self_aware
    assert after is True or (before is after is None) or before is False


LEVELS = st.lists(st.sampled_from([None, 0.5, 0.8, 0.82, 0.85, 0.9, 0.95, 1.0]), max_size=30)


@given(LEVELS, LEVELS)
def test_later_windows_never_take_a_verdict_back(values, later):
    before = persistence(windows(values), theta_2=3.0).self_aware
    after = persistence(windows(values + later), theta_2=3.0).self_aware
    assert after is True or before is not True
    assert after is not None or before is None


@given(LEVELS, st.integers(1, 6))
def test_an_interval_lasts_where_trying_all_of_them_finds_one_and_the_longest_is_told(values, least):
    lasting = [
        last - first
        for first in range(len(values))
        for last in range(first + least, len(values) + 1)
        if all(value is not None and value >= 0.8 for value in values[first:last])
        and math.fsum(values[first:last]) / (last - first) >= 0.85 - 1e-12
    ]
    found = persistence(windows(values), theta_2=3.0, least_windows=least)
    assert (found.self_aware is True) == bool(lasting)
    if lasting:
        assert found.windows == max(lasting) == found.end - found.start
        assert found.mean >= 0.85 - 1e-9


def apart(starts, length=1.0):
    return [WindowScore(start, start + length, 0.95, 4.0, 12) for start in starts]


@pytest.mark.parametrize(
    ("starts", "length", "gap", "verdict"),
    [
        (range(5), 1.0, 1.0, True),
        ([0, 1.9, 3.8, 5.7, 7.6], 1.0, 1.0, True),
        ([0, 1, 1e6, 2e6, 3e6], 1.0, 1.0, False),
        ([0.0, 0.1, 0.2, 0.4, 0.5], 0.1, 1.0, False),
        ([0, 1, 3, 4, 5], 1.0, 1.5, True),
        ([0, 1, 3, 4, 5, 6, 7], 1.0, 1.0, True),
    ],
    ids=["touching", "small gaps", "far apart", "one is missing", "a longer gap allowed", "five after the gap"],
)
def test_a_gap_with_room_for_another_window_ends_an_interval(starts, length, gap, verdict):
    assert persistence(apart(starts, length), theta_2=3.0, least_gap=gap).self_aware is verdict


def test_the_gap_is_measured_by_the_longer_window_and_the_configuration_sets_it():
    long = apart([0, 10, 20], 10.0)
    assert persistence([*long, *apart([39, 40])], theta_2=3.0).windows == 5
    assert persistence([*long, *apart([40, 41])], theta_2=3.0).windows == 3
    assert persistence([*long, *apart([35, 36])], theta_2=3.0, least_gap=0.5).windows == 3
    far = apart([0, 1, 5, 6, 7])
    assert SelfOperatorEstimator().persistence(far, theta_2=3.0).self_aware is False
    assert SelfOperatorEstimator({"least_gap": 4.0}).persistence(far, theta_2=3.0).self_aware is True


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((3.0, 1.0, 0.9, 4.0), "ends at 1.0, before it starts at 3.0"),
        ((math.nan, 1.0, 0.9, 4.0), "start of a window is nan"),
        ((0.0, math.inf, 0.9, 4.0), "end of a window is inf"),
        ((None, 1.0, 0.9, 4.0), "start of a window is None"),
        ((0.0, 1.0, 1.5, 4.0), r"self_operator of a window is 1.5; give a number in \[0, 1\]"),
        ((0.0, 1.0, -0.1, 4.0), "self_operator of a window is -0.1"),
        ((0.0, 1.0, math.nan, 4.0), "self_operator of a window is nan"),
        ((0.0, 1.0, 0.9, math.nan), "anomaly_score of a window is nan"),
    ],
    ids=["backwards", "start", "end", "no start", "above one", "below zero", "nan", "anomaly"],
)
def test_a_window_that_cannot_be_is_refused(values, message):
    with pytest.raises(DataError, match=message):
        WindowScore(*values, 12)


def test_windows_that_overlap_and_thresholds_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="do not overlap"):
        persistence([WindowScore(0, 2, 0.9, 4, 12), WindowScore(1, 3, 0.9, 4, 12)], theta_2=3.0)
    with pytest.raises(DataError, match="theta_2 is nan"):
        persistence([], theta_2=math.nan)
    for gap in (0.0, math.nan):
        with pytest.raises(DataError, match=f"least_gap is {gap}"):
            persistence([], theta_2=3.0, least_gap=gap)


# -- agents of known self-knowledge (B6) ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated():
    population = simulate_population(seed=3)
    return population, ReflexivityEstimator({"permutations": 19}), SelfOperatorEstimator()


@pytest.fixture(scope="module")
def scores(simulated):
    population = simulated[0]
    return {
        kind: [assess_agent(simulate_agent(kind, population, seed=seed), *simulated) for seed in range(12)]
        for kind in KINDS
    }


@pytest.mark.parametrize("kind", ["delusional", "blind", "imitator"])
def test_honest_agents_score_above_those_with_a_fault(scores, kind):
    values = [one.value for one in (*scores["honest"], *scores[kind])]
    assert roc_auc_score([1] * 12 + [0] * 12, values) >= 0.95


@pytest.mark.parametrize("kind", ["delusional", "blind"])
def test_delusion_and_blindness_show_in_their_own_part_and_in_no_other(scores, kind):
    for name in ("pop", "meta"):
        honest, faulty = (np.mean([one.part(name).value for one in scores[which]]) for which in ("honest", kind))
        assert faulty == pytest.approx(honest, abs=0.05)
    assert max(one.part("self").value for one in scores[kind]) < 0.2


def test_an_imitator_that_only_adds_vocabulary_does_not_pass(simulated, scores):
    population, reflexivity, self_operator = simulated
    assert max(one.value for one in scores["imitator"]) < 0.6
    agent = simulate_agent("imitator", population, seed=1)
    texts = [one for one in agent.observations if one.modality == "text"]
    assert reflexivity.score_text(texts) > 0.7
    talk = SimulatedAgent(agent.kind, agent.pattern, texts)
    assert assess_agent(talk, population, reflexivity, self_operator).value is None


def test_persistence_takes_the_lasting_and_rejects_the_transient(simulated):
    population, reflexivity, self_operator = simulated
    verdicts = {}
    for name, honest in {"lasting": [True] * 6, "transient": [False, True, True, True, False, False]}.items():
        course = simulate_windows(honest, population, reflexivity, self_operator, seed=5)
        verdicts[name] = self_operator.persistence(course, theta_2=3.0).self_aware
    assert verdicts == {"lasting": True, "transient": False}


def test_agents_are_the_same_for_the_same_seed_and_kinds_are_named():
    population = simulate_population()
    assert simulate_agent("honest", population, seed=2) == simulate_agent("honest", population, seed=2)
    with pytest.raises(DataError, match="did you mean 'honest'"):
        simulate_agent("honst", population)
    with pytest.raises(DataError, match="n is 50"):
        simulate_population(50)


@settings(max_examples=5, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 1000))
def test_every_simulated_agent_has_a_score_in_range(kind, seed):
    population = simulate_population(seed=seed)
    estimators = ReflexivityEstimator({"permutations": 19}), SelfOperatorEstimator()
    found = assess_agent(simulate_agent(kind, population, seed=seed), population, *estimators)
    assert 0.0 <= found.require() <= 1.0
    assert found.coverage == 1.0
