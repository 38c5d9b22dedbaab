# SPDX-License-Identifier: Apache-2.0
"""Promises about reflexivity: bounded, silent without evidence, and not to be had by vocabulary alone."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from qmpt.data.models import Observation
from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.features.planted_documents import reference_documents
from qmpt.metrics.reflexivity import ReflexivityEstimator
from qmpt.metrics.reflexivity_dynamics import (
    consistency_part,
    difference_interval,
    mutual_information_part,
    revision_part,
)
from qmpt.metrics.reflexivity_text import lexical_part
from qmpt.metrics.reflexivity_words_v1 import CATEGORIES, PATTERNS, REFERENCE, SCALES, WEIGHTS

PLAIN = "The parser reads a token and writes a node. " * 4 + "Every node has a line and a column in the file. " * 5
REFLECTIVE = (
    "I thought the cache was stale, but the measurements showed otherwise. I was wrong about the first cause. "
    "I do not know why the second run failed, and I may be missing something. I notice that my confidence in this "
    "estimate is too high. Perhaps the tests only exercise one path. I no longer believe that the scheduler is slow."
)
FAST = {"permutations": 19}


def seen(modality, payloads, tags=(), start=0):
    return [
        Observation(
            obs_id=f"{modality}{start + place}",
            pattern_id="a",
            timestamp=start + place,
            modality=modality,
            payload=payload,
            tags=list(tags),
        )
        for place, payload in enumerate(payloads)
    ]


def predictions(n=40):
    return seen("prediction", [{"p": 0.9 if place % 2 else 0.1, "outcome": bool(place % 2)} for place in range(n)])


def states(n=40, *, right=True):
    rng = np.random.default_rng(0)
    return seen(
        "self_state",
        [
            {"state": f"s{place % 3}", "predicted_state": f"s{place % 3 if right else rng.integers(3)}"}
            for place in range(n)
        ],
    )


# -- the text score ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "sentence"),
    [
        ("first_person", "I see."),
        ("hedges", "This is perhaps the case."),
        ("hedges", "I am not sure of it."),
        ("own_limits", "I don't know the answer."),
        ("own_limits", "I may well be wrong."),
        ("own_limits", "That is beyond my understanding."),
        ("second_order", "I doubt my own reasoning here."),
        ("second_order", "I know that I believe too quickly."),
        ("weighed_evidence", "The first run failed, but the data suggest another cause."),
        ("weighed_evidence", "The results are clear, although one run is missing."),
        ("revision", "I was wrong."),
        ("revision", "We have revised our plan."),
        ("revision", "On reflection the first plan was better."),
    ],
)
def test_a_sentence_counts_for_its_category(category, sentence):
    padding = " ".join(f"word{place}" for place in range(60))
    rates = lexical_part([f"{sentence} {padding}."]).detail["per_1000_words"]
    assert rates[category] > 0.0


@pytest.mark.parametrize(
    "sentence",
    ["The evidence is in the box.", "It is here, but late.", "They were wrong.", "Mayday in May.", "The limit is 3."],
)
def test_other_sentences_count_for_nothing(sentence):
    padding = " ".join(f"word{place}" for place in range(60))
    assert lexical_part([f"{sentence} {padding}."]).value == 0.0


def test_the_weights_sum_to_one_and_saying_i_gives_next_to_nothing():
    assert math.fsum(WEIGHTS.values()) == pytest.approx(1.0)
    assert set(WEIGHTS) == set(SCALES) == set(PATTERNS) == set(CATEGORIES)
    stuffed = " ".join(f"I word{place}." for place in range(400))
    assert lexical_part([stuffed]).value <= WEIGHTS["first_person"] + 1e-12


def test_plain_prose_scores_near_nothing_and_reflective_prose_far_above():
    assert lexical_part([PLAIN]).value < 0.05
    assert lexical_part([REFLECTIVE]).value > 0.6


def test_the_scales_are_those_of_the_reference_of_this_python():
    rates = []
    for text in reference_documents().values():
        part = lexical_part([text])
        if part.value is not None:
            rates.append([part.detail["per_1000_words"][name] for name in CATEGORIES])
    high = np.quantile(np.array(rates), 0.95, axis=0)
    # the reference is rewritten a little with each Python
    assert high == pytest.approx([REFERENCE[name] for name in CATEGORIES], abs=1.5)


def test_what_was_said_before_counts_for_nothing():
    once, often = lexical_part([REFLECTIVE]), lexical_part([REFLECTIVE] * 20)
    assert often.value < once.value
    assert often.detail["per_1000_words"]["revision"] == pytest.approx(once.detail["per_1000_words"]["revision"] / 20)


@settings(max_examples=50)
@given(st.sampled_from(CATEGORIES), st.integers(60, 300))
def test_stuffing_one_category_gives_no_more_than_its_weight_and_what_comes_with_it(category, n):
    stuffing = {
        "first_person": "i saw{}",
        "hedges": "perhaps it{}",
        "own_limits": "beyond our limit{}",
        "second_order": "whether i know{}",
        "weighed_evidence": "but data{}",
        "revision": "correction{}",
    }
    text = ". ".join(stuffing[category].format(f" word{place}") for place in range(n))
    # some phrases hold a pronoun, which is a category of its own
    bound = WEIGHTS[category] + WEIGHTS["first_person"] * (category in ("own_limits", "second_order"))
    assert 0.3 * WEIGHTS[category] < lexical_part([text]).value <= bound + 1e-12


@given(st.lists(st.text(max_size=80), max_size=6))
def test_any_texts_give_a_score_in_range_or_none_with_a_reason(texts):
    part = lexical_part([*texts, REFLECTIVE])
    assert 0.0 <= part.value <= 1.0
    short = lexical_part([text[:20] for text in texts][:2])
    assert short.value is None or 0.0 <= short.value <= 1.0
    assert short.value is not None or short.reason


@pytest.mark.parametrize(
    "piece", ["i ", "I think ", "but ", "evidence ", "my own ", "i know ", "a", " ", "i'", "\u200b", "😀"], ids=ascii
)
def test_a_megabyte_of_anything_is_read_to_its_end(piece):
    part = lexical_part([piece * (1_000_000 // len(piece))])
    assert part.value is None or part.value <= 0.01


def test_the_interval_holds_the_score_of_the_source():
    rng = np.random.default_rng(0)
    forms = ["I was wrong about {}.", "Perhaps {} is late.", "The list holds {} and more of it.", "There is {} here."]

    def text(n):
        return " ".join(forms[rng.integers(4)].format(f"item{rng.integers(10**9)}") for _ in range(n))

    truth = lexical_part([text(20_000)]).value
    held = [low <= truth <= high for low, high in (lexical_part([text(60)]).interval for _ in range(40))]
    assert np.mean(held) >= 0.8


def test_a_classifier_takes_the_place_of_the_word_lists():
    estimator = ReflexivityEstimator(classifier=lambda text: 0.75)
    assert estimator.score_text(seen("text", [PLAIN])) == 0.75
    assert estimator.reflexivity_model_version != ReflexivityEstimator().reflexivity_model_version


def test_a_classifier_may_answer_in_numbers_of_numpy():
    assert ReflexivityEstimator(classifier=lambda text: np.float32(0.5)).score_text(seen("text", [PLAIN])) == 0.5


@pytest.mark.parametrize("given_", [1.5, math.nan, "high", None, True], ids=repr)
def test_a_classifier_that_gives_no_share_is_refused(given_):
    with pytest.raises(DataError, match="the classifier gave"):
        ReflexivityEstimator(classifier=lambda text: given_).evaluate_text(seen("text", [PLAIN]))


# -- the trajectory ------------------------------------------------------------------------------------------------


def test_each_kind_of_evidence_gives_its_part():
    dynamic = ReflexivityEstimator(FAST).evaluate_dyn(predictions() + states())
    assert dynamic.part("mi").value == pytest.approx(1.0)
    assert dynamic.part("calibration").value == pytest.approx(0.96)
    assert dynamic.part("revision").value is None
    assert dynamic.coverage == 0.5
    assert dynamic.value == pytest.approx((1.0 + 0.96) / 2)


def test_a_self_model_that_guesses_scores_near_nothing():
    assert mutual_information_part(states(200, right=False)).value < 0.1


def test_predictions_that_are_still_open_are_left_out():
    open_ones = seen("prediction", [{"p": 0.5, "outcome": None}] * 30, start=100)
    one, other = (ReflexivityEstimator(FAST).evaluate_dyn(obs) for obs in (predictions(), predictions() + open_ones))
    assert one == other


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4), st.sampled_from([(), ("note",)]))
def test_unrelated_text_does_not_move_the_trajectory(texts, tags):
    estimator = ReflexivityEstimator(FAST)
    trajectory = predictions() + states()
    assert estimator.evaluate_dyn(trajectory + seen("text", texts, tags)) == estimator.evaluate_dyn(trajectory)


def test_vocabulary_cannot_lift_a_pattern_whose_trajectory_shows_nothing_above_its_weight():
    stuffed = seen("text", [" ".join(REFLECTIVE.replace(".", f" {place}.") for place in range(50))])
    found = ReflexivityEstimator(FAST).evaluate(stuffed + states(200, right=False))
    assert found.part("text").value > 0.8
    assert found.value <= 0.6 + 0.4 * 0.1


def acted(pairs):
    return seen("behavior", [{"action": action, "ok": ok} for action, ok in pairs])


def test_changing_after_failure_and_only_then_is_revision():
    # one of four fails, and the next four are done in another way
    course = [("ab"[place // 4 % 2], place % 4 != 3) for place in range(80)]
    part = revision_part(acted(course), steps=1)
    assert part.value == pytest.approx(1.0)
    assert part.detail["base_rate"] == 0.0


def test_changing_all_the_time_is_none():
    course = [("ab"[place % 2], place % 3 != 0) for place in range(60)]
    assert revision_part(acted(course), steps=1).value == 0.0


def test_the_object_of_an_action_belongs_to_the_decision():
    course = [{"action": "edit", "object": "xy"[place // 4 % 2], "ok": place % 4 != 3} for place in range(80)]
    assert revision_part(seen("behavior", course), steps=1).value == pytest.approx(1.0)


def test_revision_needs_failures_and_successes():
    part = revision_part(acted([("a", True)] * 50))
    assert part.reason == "0 failures and 47 successes; at least 10 of each are needed"


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_the_interval_of_a_difference_is_newcombes(hits, misses, other_hits, other_misses):
    n, other_n = hits + misses, other_hits + other_misses
    expected = confint_proportions_2indep(hits, n, other_hits, other_n, method="newcomb", compare="diff")
    assert difference_interval(hits, n, other_hits, other_n) == pytest.approx(expected, abs=1e-9)


GOALS = ["reduce the latency of search", "improve ranking quality", "repair the broken index", "teach chess openings"]


# filler words that carry no meaning make the same goal another text
FILLER = ["we", "now", "to", "will", "and so", "then", "but still", "also", "again", "here", "so", "i", "once", "the"]
FILLER = [*FILLER, "a"]


def stated(goals):
    return seen("text", [f"{filler} {goal}" for filler, goal in zip(FILLER, goals, strict=True)], ["goal"])


def test_keeping_to_a_goal_is_more_consistent_than_changing_it():
    steady = consistency_part(stated([GOALS[0]] * 15))
    changing = consistency_part(stated([GOALS[place // 3 % 4] for place in range(15)]))
    assert steady.value == pytest.approx(1.0)
    assert changing.value == pytest.approx(0.0, abs=1e-9)


def test_a_goal_that_is_pasted_again_counts_for_nothing():
    own = stated([GOALS[place // 3 % 4] for place in range(15)])
    pasted = seen("text", ["Repair the broken   INDEX!", "repair the broken index."] * 20, ["goal"], start=100)
    part = consistency_part(own + pasted)
    # the first copy is the sixteenth goal, and fills no window
    assert part.value == consistency_part(own).value
    assert (part.detail["windows"], part.detail["repeats"]) == (5, 39)
    assert consistency_part(pasted).reason == (
        "0 full windows of 3 different goals (1 of 40 differ); at least 5 are needed"
    )


@pytest.mark.parametrize("encode", [None, lambda texts: [[1.0, 0.0]] * len(texts)], ids=["words", "encoder"])
def test_fifteen_pasted_texts_that_are_tagged_as_goals_do_not_raise_the_trajectory(encode):
    estimator = ReflexivityEstimator(FAST, encoder=encode)
    trajectory = states(200, right=False)
    pasted = seen("text", ["Everything goes according to the plan."] * 15, ["goal"])
    assert estimator.score_dyn(trajectory + pasted) == estimator.score_dyn(trajectory)


def test_goals_are_those_with_the_tag_and_an_encoder_may_be_given():
    goals = [f"{goal} of team {team}" for team in range(10) for goal in GOALS]
    assert "0 full windows of 3 different goals (0 of 0 differ)" in consistency_part(seen("text", goals)).reason
    part = consistency_part(seen("text", goals, ["goal"]), encode=lambda texts: [[1.0, 0.0]] * len(texts))
    assert part.value == pytest.approx(1.0)
    with pytest.raises(DataError, match="one finite row per text"):
        consistency_part(seen("text", goals, ["goal"]), encode=lambda texts: [1.0])


def test_goals_without_a_meaningful_word_have_no_consistency():
    assert "no word that carries meaning" in consistency_part(stated(["the of and"] * 15)).reason


@pytest.mark.parametrize(
    ("modality", "payload"),
    [("self_state", {"state": "a"}), ("self_state", "a"), ("prediction", {"p": 0.5}), ("behavior", {"ok": True})],
    ids=["no prediction", "text", "no outcome", "no action"],
)
def test_a_payload_of_another_form_is_refused(modality, payload):
    with pytest.raises(DataError, match=f"'{modality}0' has the modality"):
        ReflexivityEstimator(FAST).evaluate_dyn(seen(modality, [payload] * 30))


# -- the whole -----------------------------------------------------------------------------------------------------


def test_the_score_weighs_its_parts():
    estimator = ReflexivityEstimator(FAST | {"beta_text": 3.0, "beta_dyn": 1.0})
    obs = seen("text", [REFLECTIVE]) + states()
    expected = 0.75 * estimator.score_text(obs) + 0.25 * estimator.score_dyn(obs)
    assert estimator.score(obs) == pytest.approx(expected)
    low, high = estimator.evaluate(obs).interval
    assert low <= expected <= high


def test_text_alone_just_suffices_and_a_trajectory_alone_does_not():
    estimator = ReflexivityEstimator(FAST)
    texts = seen("text", [REFLECTIVE])
    assert estimator.score(texts) == pytest.approx(estimator.score_text(texts))
    with pytest.raises(InsufficientEvidence, match=r"coverage is 0.40 of at least 0.60; missing: text \(0 words"):
        estimator.score(predictions())
    assert ReflexivityEstimator(FAST | {"least_coverage": 0.4}).score(predictions()) == pytest.approx(0.96)


@pytest.mark.parametrize("method", ["score", "score_text", "score_dyn"])
@pytest.mark.parametrize("payloads", [[], ["word"], [""]], ids=["nothing", "one word", "empty text"])
def test_without_evidence_there_is_an_exception_and_no_number(method, payloads):
    with pytest.raises(InsufficientEvidence, match="no part has evidence"):
        getattr(ReflexivityEstimator(), method)(seen("text", payloads))


def test_observations_of_two_patterns_are_refused():
    other = Observation(obs_id="x", pattern_id="b", timestamp=0, modality="text", payload=PLAIN)
    with pytest.raises(DataError, match=r"belong to 2 patterns \(a, b, \.\.\.\)"):
        ReflexivityEstimator().score([*seen("text", [PLAIN]), other])


def test_the_record_is_plain():
    json.dumps(ReflexivityEstimator(FAST).evaluate(seen("text", [REFLECTIVE]) + states()).as_dict(), allow_nan=False)


def test_the_same_observations_give_the_same_record_in_any_order():
    estimator = ReflexivityEstimator(FAST)
    obs = predictions() + seen("text", [REFLECTIVE, PLAIN])
    assert estimator.evaluate(obs[::-1]).value == estimator.evaluate(obs).value


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"beta_txt": 1.0}, "beta_txt is no known key; did you mean 'beta_text'"),
        ({"beta_text": -1.0}, "beta_text: .* not -1.0"),
        ({"beta_text": 0.0, "beta_dyn": 0.0}, "both 0"),
        ({"text_model": "llm"}, "text_model"),
        ({"permutations": 5}, "permutations"),
        ({"beta_dyn": math.nan}, "beta_dyn"),
    ],
    ids=["key", "negative", "no weight", "model", "permutations", "nan"],
)
def test_a_configuration_that_cannot_be_honoured_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        ReflexivityEstimator(config)


def test_the_version_names_the_text_score_and_follows_every_setting():
    versions = {
        ReflexivityEstimator(config).reflexivity_model_version for config in ({}, {"seed": 1}, {"beta_dyn": 1.0})
    }
    assert len(versions) == 3
    assert all(version.startswith("reflexivity_lexical_v1@1.0.0+") for version in versions)
    assert ReflexivityEstimator({"beta_text": 0.6}).reflexivity_model_version in versions
