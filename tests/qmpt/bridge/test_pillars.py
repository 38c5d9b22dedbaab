# SPDX-License-Identifier: Apache-2.0
"""Promises of the estimators as pillars."""

import random

import numpy as np
import pytest
from scipy.stats import betabinom

from ophamin.checks import check_pillar
from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from qmpt.bridge import AnomalyShare, Losses, ReflexivityCoverage, anomaly_share, losses, reflexivity_coverage
from qmpt.bridge.anomaly_share import _tail
from qmpt.metrics.reflexivity_text import lexical_part

REFLECTIVE = "I was wrong about the queue. I do not know why it failed, and I may be missing something. "
PLAIN = "The queue was read and written to the next one. "


def rows(**columns):
    return [
        CycleResult(row, success=True, raw=dict(zip(columns, values, strict=True)))
        for row, values in enumerate(zip(*columns.values(), strict=True))
    ]


def sixty():
    draw = random.Random(1)
    return {
        "phi": [round(draw.gauss(0.5, 0.1), 4) for _ in range(60)],
        "x": [round(draw.gauss(0.0, 1.0), 4) for _ in range(60)],
        "user": [f"user {row // 2 % 6}" for row in range(60)],
        "hit": [draw.random() < 0.7 for _ in range(60)],
        "p": [round(draw.random(), 3) for _ in range(60)],
        "reply": [REFLECTIVE if draw.random() < 0.5 else PLAIN for _ in range(60)],
    }


COLUMNS = sixty()


@pytest.mark.parametrize(
    "pillar",
    [
        anomaly_share("phi", "x", reference=40),
        anomaly_share("phi", reference=40, level=0.1, seed=3),
        losses("phi", "x", by="user"),
        reflexivity_coverage("reply", by="user"),
        reflexivity_coverage("reply", by="user", probability="p", outcome="hit"),
    ],
    ids=["shares", "share", "losses", "texts", "texts and chances"],
)
def test_a_configured_pillar_keeps_its_promises_and_computes(pillar):
    report = check_pillar(pillar, columns={name: COLUMNS[name] for name in pillar.columns})
    report.raise_if_failed()
    assert {result.name for result in report.results if result.outcome == "skipped"} <= {"condition"}


@pytest.mark.parametrize("pillar", [AnomalyShare(), Losses(), ReflexivityCoverage()], ids=lambda one: one.pillar_name)
def test_an_unconfigured_pillar_says_how_to_configure_it(pillar):
    check_pillar(pillar).raise_if_failed()
    assert f"pillars=[{pillar.pillar_name.partition('.')[2]}(" in pillar.compute([], []).detail["reason"]


# -- the share of unusual rows -------------------------------------------------------------------------------------


def run_of(shift, seed, n=400):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=n)
    x[200:] += shift
    return rows(x=x.tolist(), y=draw.normal(size=n).tolist())


def test_a_run_that_drifts_has_many_unusual_rows_and_one_that_does_not_has_few():
    pillar = anomaly_share("x", "y", reference=200)
    drifted, still = (pillar.compute(run_of(shift, 4), []) for shift in (3.0, 0.0))
    assert drifted.statistic_value > 0.4
    assert drifted.p_value < 1e-6
    assert still.p_value > 0.01
    assert still.ci_low <= still.statistic_value <= still.ci_high
    assert drifted.effect_size == pytest.approx(drifted.statistic_value - drifted.detail["expected_share"])
    assert drifted.cross_check == still.cross_check == "passed"


def test_the_expected_share_is_the_level_as_finely_as_the_reference_tells():
    row = anomaly_share("x", reference=200, level=0.05).compute(run_of(0.0, 1), [])
    assert row.detail["held_out"] == 100
    assert row.detail["expected_share"] == pytest.approx(5 / 101)


@pytest.mark.slow
def test_p_values_of_runs_that_do_not_drift_are_small_as_rarely_as_they_say():
    pillar = anomaly_share("x", "y", reference=200, level=0.1)
    small = [pillar.compute(run_of(0.0, seed), []).p_value <= 0.1 for seed in range(120)]
    # 12 expected at most; 24 or more has a probability below 0.001
    assert sum(small) < 24


@pytest.mark.parametrize(("least", "n", "a", "b"), [(0, 10, 1, 99), (3, 10, 5, 96), (10, 10, 2, 50), (40, 200, 5, 96)])
def test_the_second_opinion_on_the_tail_is_that_of_scipy(least, n, a, b):
    assert _tail(least, n, a, b) == pytest.approx(betabinom.sf(least - 1, n, a, b), rel=1e-9)


def test_too_few_rows_are_told_and_give_no_number():
    row = anomaly_share("x", reference=100).compute(run_of(0.0, 1)[:100], [])
    assert row.statistic_value is None
    assert row.detail["reason"] == "100 rows; 100 are the reference, and none is left"


@pytest.mark.parametrize(
    "options",
    [{"reference": 37}, {"level": 0.0}, {"level": 1.0}, {"level": 0.001}],
    ids=["reference", "zero", "one", "fine"],
)
def test_a_level_that_the_reference_cannot_tell_is_refused(options):
    with pytest.raises(ClaimError, match=r"reference is|level is"):
        anomaly_share("x", **options)
    anomaly_share("x", reference=38)


# -- losses --------------------------------------------------------------------------------------------------------


def test_losses_are_listed_and_a_tie_is_none():
    row = losses("a", "b", "c", by="set").compute(
        rows(set=["u", "v", "w", "u"], a=[1.0, 0.2, 0.5, 0.0], b=[0.5, 0.3, 0.5, 0.4], c=[0.0] * 4), []
    )
    assert row.statistic_value == 1
    assert row.detail["lost"] == ["v"]
    assert row.detail["means"]["u"] == {"a": 0.5, "b": 0.45, "c": 0.0}


@pytest.mark.parametrize(
    ("names", "by"), [(("a",), "set"), (("a", "a"), "set"), (("a", "b"), "a"), (("a", ""), "set")], ids=str
)
def test_columns_that_cannot_be_compared_are_refused(names, by):
    with pytest.raises(ClaimError, match="name each once"):
        losses(*names, by=by)


# -- reflexivity ---------------------------------------------------------------------------------------------------


def test_speakers_are_counted_and_their_mean_is_that_of_the_estimator():
    told = {"a": [REFLECTIVE] * 8, "b": [PLAIN] * 8, "c": ["Yes."]}
    speakers = [name for name, texts in told.items() for _ in texts]
    row = reflexivity_coverage("text", by="who").compute(
        rows(who=speakers, text=[text for texts in told.values() for text in texts]), []
    )
    assert row.statistic_value == pytest.approx(2 / 3)
    assert row.ci_low < 2 / 3 < row.ci_high
    expected = [lexical_part(told[name]).value for name in "ab"]
    assert row.detail["mean_reflexivity"] == pytest.approx(sum(expected) / 2)
    assert list(row.detail["without_a_score"]) == ["c"]
    assert "at least 50" in row.detail["without_a_score"]["c"]


def test_chances_alone_do_not_suffice_and_the_reason_says_so():
    draw = np.random.default_rng(0)
    stated = draw.random(60)
    row = reflexivity_coverage(by="who", probability="p", outcome="came").compute(
        rows(who=["a"] * 60, p=stated.tolist(), came=(draw.random(60) < stated).tolist()), []
    )
    assert row.statistic_value == 0.0
    assert row.detail["mean_reflexivity"] is None
    assert "the coverage is 0.40" in row.detail["without_a_score"]["a"]


def test_a_probability_that_is_none_gives_a_reason():
    row = reflexivity_coverage(by="who", probability="p", outcome="came").compute(
        rows(who=["a"] * 30, p=[1.5] * 30, came=[True] * 30), []
    )
    assert row.statistic_value is None
    assert row.detail["reason"]


@pytest.mark.parametrize("given", [{}, {"probability": "p"}, {"text": "t", "outcome": "o"}], ids=["none", "p", "o"])
def test_evidence_that_is_half_named_is_refused(given):
    with pytest.raises(ClaimError, match="name the speaker"):
        reflexivity_coverage(by="who", **given)
