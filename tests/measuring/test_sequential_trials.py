# SPDX-License-Identifier: Apache-2.0
"""Claims that are looked at while their units come: when sampling ends, what counts, and what is said of it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin import (
    count_rate,
    difference,
    effect_size,
    mean,
    observed,
    quantile,
    rank_correlation,
    rate,
    scenario,
)
from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError, MetricMissingError, ObservationError
from ophamin.measuring.judgement import judge
from ophamin.measuring.ledger import unpack
from ophamin.measuring.plan import Plan
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Before, Situation, Trial
from ophamin.seeing.corpus.base import Corpus

ROOT = Path(__file__).parent


class Numbers(Corpus):
    """So many records, named by their number."""

    name = "numbers"

    def __init__(self, count):
        super().__init__()
        self._length = count

    def is_available(self):
        return True

    def records(self):
        for number in range(self._length):
            yield CorpusRecord(str(number), str(number))

    def _compute_content_hash(self):
        return hashlib.sha256(str(self._length).encode()).hexdigest()

    def _compute_count(self):
        return self._length


def script_of(*expectations, streams=False, **how):
    def with_stream(trial, stream):
        """Does it hold?"""

    def without(trial):
        """Does it hold?"""

    test = with_stream if streams else without
    return declaration_of(scenario("it holds", *expectations, **how)(test)).compile(test, name="a.b")


def opened(*expectations, situation=None, **how):
    trial = Trial(script_of(*expectations, **how), Situation("command", ROOT, **(situation or {})))
    trial.open()
    return trial


def fed(trial, values, metric="x", **rest):
    """Observe until decided; how many it took."""
    for n, value in enumerate(values, 1):
        trial.observe(**{metric: value}, **rest)
        if trial.decided:
            return n
    return None


# -- sequential or fixed ----------------------------------------------------------------------------------------------

OFTEN = rate("x") >= 0.9


@pytest.mark.parametrize(
    ("expectation", "how", "sequential"),
    [
        (OFTEN, {}, False),
        (OFTEN, {"budget": 100}, True),
        (OFTEN, {"mde": 0.05, "budget": 100}, True),
        (OFTEN, {"streams": True}, True),
        (OFTEN, {"method": "mixture"}, True),
        (OFTEN, {"method": "exact", "budget": 100}, False),
        (OFTEN, {"method": "exact", "streams": True}, False),
        (observed("x", deterministic=True) <= 1, {"budget": 5}, False),
    ],
)
def test_a_claim_is_sequential_where_something_says_how_far_to_go(expectation, how, sequential):
    (plan,) = script_of(expectation, **how).plans
    assert plan.sequential is sequential
    assert Plan.from_config(dict(plan.config)).digest == plan.digest
    assert ("stop when decided" in plan.analysis_plan()) is sequential


def test_what_sets_the_looks_is_part_of_the_digest():
    digests = {
        script_of(OFTEN, budget=300, **how).digest
        for how in (
            {},
            {"mde": 0.05},
            {"mde": 0.04},
            {"batch": 10},
            {"method": "mixture"},
            {"method": "sprt", "mde": 0.05},
            {"method": "sprt", "mde": 0.05, "boundaries": "calibrated"},
            {"design": "acceptance", "margin": 0.05},
            {"design": "acceptance", "margin": (0.05, 0.02)},
            {"multiplicity": "gate"},
            {"min_samples": 9},
        )
    }
    assert len(digests) == 11


def test_power_is_another_word_for_beta():
    assert script_of(OFTEN, power=0.8).settings.beta == 0.2
    with pytest.raises(ClaimError, match="not both"):
        script_of(OFTEN, power=0.8, beta=0.2)
    with pytest.raises(ClaimError, match="power is 1 - beta"):
        script_of(OFTEN, power=20)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"mde": 0}, "above 0"),
        ({"mde": -0.1}, "above 0"),
        ({"mde": float("nan")}, "above 0"),
        ({"mde": 0.2, "budget": 100}, "give mde below 0.1"),
        ({"mde": True}, "above 0"),
        ({"budget": 0}, "at least 1"),
        ({"batch": 0}, "at least 1"),
        ({"alpha": 0}, "error rate"),
        ({"alpha": 1.0}, "error rate"),
        ({"beta": float("inf")}, "error rate"),
        ({"design": "both"}, "'threshold' or 'acceptance'"),
        ({"design": "acceptance"}, "needs margin="),
        ({"design": "acceptance", "margin": 0.05, "mde": 0.1}, "takes margin=, not mde="),
        ({"margin": 0.05}, "belongs to design='acceptance'"),
        ({"method": "wald"}, "not a method"),
        ({"method": "betting", "boundaries": "calibrated"}, "needs method='sprt' or 'two_sprt'"),
        ({"method": "sprt", "mde": 0.05, "boundaries": "calibrated", "budget": 20}, "both verdicts in reach"),
        ({"method": "sprt", "mde": 0.05, "budget": 7}, "neither validated nor refuted with budget=7.*at least 8"),
    ],
)
def test_bad_looks_are_refused_with_value_and_way_out(how, told):
    with pytest.raises(ClaimError, match=told):
        script_of(OFTEN, **how)


# -- when sampling ends -----------------------------------------------------------------------------------------------


def test_sampling_ends_when_the_verdict_is_decided():
    trial = opened(OFTEN, mde=0.05, budget=600)
    assert fed(trial, [True] * 600) == 56
    (one,) = trial.conclude()
    assert one.record.verdict.outcome == "VALIDATED"
    assert one.record.evidence[0].detail["cap"] == 600


def test_observations_after_the_decision_are_kept_and_change_nothing():
    trial = opened(OFTEN, mde=0.05, budget=600)
    fed(trial, [True] * 600)
    for n in range(20):
        trial.observe(x=n % 2 == 0)
    (one,) = trial.conclude()
    detail = one.record.evidence[0].detail
    assert (one.record.verdict.outcome, detail["n_rows"], detail["decided_at"]) == ("VALIDATED", 76, 56)
    assert one.record.verdict.observed_value == 1.0


def test_a_stream_ends_when_decided_and_gives_no_record_more():
    trial = opened(OFTEN, mde=0.05, corpus=Numbers(1000), budget=600, streams=True)
    for _ in trial.stream:
        trial.observe(x=True)
    assert len(trial.ledger) == 56
    assert trial.conclude()[0].record.verdict.outcome == "VALIDATED"


def test_chunks_are_looked_at_between_batches():
    trial = opened(OFTEN, mde=0.05, corpus=Numbers(1000), budget=600, streams=True)
    for chunk in trial.stream.chunks(25):
        for _ in chunk:
            trial.observe(x=True)
    assert len(trial.ledger) == 75
    assert trial.conclude()[0].record.evidence[0].detail["decided_at"] == 56


def test_a_stream_ends_at_the_budget():
    trial = opened(OFTEN, mde=0.05, corpus=Numbers(1000), budget=100, streams=True)
    for n, _ in enumerate(trial.stream):
        trial.observe(x=n % 10 != 0)
    (one,) = trial.conclude()
    assert len(trial.ledger) == 100
    assert "the cap of 100 units is reached" in one.reason


def test_a_claim_is_not_over_before_its_least_number_of_units():
    trial = opened(OFTEN, mde=0.05, budget=600, min_samples=80)
    assert fed(trial, [True] * 600) == 80
    short = opened(OFTEN, mde=0.05, budget=600, min_samples=80)
    for _ in range(70):
        short.observe(x=True)
    assert short.conclude()[0].reason == "70 units, fewer than min_samples=80"


def test_several_claims_end_with_the_last_of_them():
    trial = opened(rate("x") >= 0.5, OFTEN, budget=600)
    assert fed(trial, [True] * 600) == 36
    assert [one.record.evidence[0].detail["decided_at"] for one in trial.conclude()] == [6, 36]


def test_a_fixed_claim_beside_a_sequential_one_keeps_the_stream_going():
    trial = opened(OFTEN, observed("y", deterministic=True) <= 5, corpus=Numbers(100), budget=60, streams=True)
    with pytest.raises(ClaimError, match="fixed-sample plan"):
        _ = trial.decided
    for _ in trial.stream:
        trial.observe(x=True, y=3)
    assert len(trial.ledger) == 60
    assert {one.record.verdict.outcome for one in trial.conclude()} == {"VALIDATED"}


def test_a_body_that_ends_undecided_is_stopped_by_hand_and_says_so():
    trial = opened(OFTEN, mde=0.05, budget=600)
    for _ in range(20):
        trial.observe(x=True)
    assert trial.conclude()[0].reason == "stopped by hand: 20 units of at most 600"


def test_a_corpus_that_ends_undecided_is_exhausted():
    trial = opened(OFTEN, mde=0.05, corpus=Numbers(30), budget=600, streams=True)
    for _ in trial.stream:
        trial.observe(x=True)
    assert trial.conclude()[0].reason == "exhausted: the corpus gave 30 records, the plan declares at most 600 units"


def test_a_value_out_of_bounds_ends_sampling_and_is_an_error():
    trial = opened(mean("x", bounds=(0, 1)) >= 0.5, budget=600)
    assert fed(trial, [0.7, 0.6, 55.0, 0.7]) == 3
    (one,) = trial.conclude()
    assert isinstance(one.error, ObservationError)
    assert "55.0" in one.reason


def test_an_undefined_value_leaves_the_walk_and_is_counted_as_an_error():
    trial = opened(mean("x", bounds=(0, 1)) >= 0.2, budget=600, error_budget=2)
    for n in range(600):
        trial._admit("s", None, _cycle(float("nan") if n == 3 else 0.9), 0.0)
        if trial.decided:
            break
    (one,) = trial.conclude()
    assert (one.record.verdict.outcome, one.record.evidence[0].detail["errors"]) == ("VALIDATED", 1)


def _cycle(value):
    from ophamin.core.shapes import CycleResult

    return CycleResult(0, True, {"x": value})


def test_what_comes_after_the_decision_changes_nothing():
    trial = opened(mean("x", bounds=(0, 1)) >= 0.1, rate("y") >= 0.5, budget=400)
    for n in range(300):
        trial.observe(x=1.0 - n / 400, y=n % 2 == 0)
    first, second = trial.conclude()
    detail = first.record.evidence[0].detail
    assert first.record.verdict.outcome == "VALIDATED"
    assert detail["n_units"] == detail["decided_at"] < 50
    assert second.record.verdict.outcome == "INCONCLUSIVE"


def test_errors_after_the_decision_count_no_more():
    trial = opened(mean("x", bounds=(0, 1)) >= 0.2, budget=400)
    for n in range(100):
        trial._admit("s", None, _cycle(0.9 if n < 60 else float("nan")), 0.0)
    (one,) = trial.conclude()
    assert (one.record.verdict.outcome, one.record.evidence[0].detail["errors"]) == ("VALIDATED", 0)


def test_a_record_that_gives_no_unit_does_not_use_up_the_budget():
    trial = opened(OFTEN, corpus=Numbers(1000), budget=100, streams=True)
    for n, _ in enumerate(trial.stream):
        if n % 2:
            trial.observe(x=n % 20 != 1)
    (one,) = trial.conclude()
    assert one.record.evidence[0].detail["n_units"] == 100
    assert "cap of 100 units" in one.reason


# -- units ------------------------------------------------------------------------------------------------------------


def test_a_unit_counts_once_it_is_complete():
    trial = opened(OFTEN, budget=600, unit="user")
    for user in range(3):
        for _ in range(4):
            trial.observe(x=True, user=str(user))
    assert not trial.decided
    assert trial.watches[0].n_units == 2  # the third may still go on
    assert trial.conclude()[0].record.evidence[0].detail["n_units"] == 3


def test_a_unit_that_comes_back_is_an_error_with_the_way_out():
    trial = opened(OFTEN, budget=600, unit="user")
    for user in ("a", "b", "a"):
        trial.observe(x=True, user=user)
    assert trial.decided  # nothing further can be used
    with pytest.raises(ObservationError, match=r"came back.*method='exact'"):
        raise trial.conclude()[0].error


def test_a_failure_of_no_known_unit_leaves_the_open_unit_open():
    trial = opened(OFTEN, budget=600, unit="user", errors="fail")
    for n in range(6):
        failed = n == 1
        raw = {} if failed else {"x": True, "user": "a" if n < 3 else "b"}
        from ophamin.core.shapes import CycleResult

        trial._admit("s", None, CycleResult(n, not failed, raw, error="broke" if failed else None), 0.0)
    (one,) = trial.conclude()
    assert one.error is None
    assert one.record.evidence[0].detail["n_units"] == 3


def test_a_fixed_plan_brings_the_rows_of_a_unit_together_wherever_they_stand():
    trial = opened(OFTEN, unit="user")
    for user in ("a", "b", "a", "b"):
        trial.observe(x=True, user=user)
    assert trial.conclude()[0].record.evidence[0].detail["n_units"] == 2


# -- kinds ------------------------------------------------------------------------------------------------------------


def pair(trial, head, base, number=None):
    more = {} if number is None else {"pair": number}
    trial.observe(s=head, arm="head", **more)
    trial.observe(s=base, arm="base", **more)


GAIN = difference(mean("s", bounds=(0, 1)), "head", "base") >= 0


def test_a_difference_pairs_the_arms_in_order_of_arrival():
    trial = opened(GAIN, budget=200)
    rng = np.random.default_rng(1)
    while not trial.decided:
        pair(trial, float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.0, 0.5)))
    (one,) = trial.conclude()
    assert one.record.verdict.outcome == "VALIDATED"
    assert one.record.evidence[0].detail["n_units"] == len(trial.ledger) // 2


def test_a_difference_pairs_by_number_where_rows_have_one():
    trial = opened(GAIN, budget=200)
    trial.observe(s=1.0, arm="head", pair=1)
    trial.observe(s=0.25, arm="base", pair=0)
    trial.observe(s=0.5, arm="head", pair=0)
    trial.observe(s=0.0, arm="other", pair=1)
    _ = trial.decided
    assert trial.watches[0].n_units == 1
    (one,) = trial.conclude()
    assert one.record.verdict.observed_value == 0.25


@pytest.mark.parametrize(
    ("rows", "error", "told"),
    [
        ([{"s": 0.5}], MetricMissingError, "not its arm 'arm'"),
        ([{"s": 0.5, "arm": "haed"}, {"s": 0.5, "arm": "base"}], MetricMissingError, "'arm' is base, haed"),
        ([{"s": 0.5, "arm": "head", "pair": 1}] * 2, ObservationError, "has the arm 'head' twice"),
        ([{"s": 5.0, "arm": "head"}, {"s": 0.5, "arm": "base"}], ObservationError, "outside the declared bounds"),
    ],
)
def test_arms_that_do_not_fit_are_an_error(rows, error, told):
    trial = opened(GAIN, budget=200)
    for row in rows:
        trial.observe(**row)
    with pytest.raises(error, match=told):
        raise trial.conclude()[0].error


def test_a_rank_correlation_reads_two_metrics_of_a_row():
    trial = opened(rank_correlation("x", "y") >= 0.2, budget=400)
    rng = np.random.default_rng(2)
    while not trial.decided:
        x = float(rng.normal())
        trial.observe(x=x, y=x + float(rng.normal()) / 4)
    assert trial.conclude()[0].record.verdict.outcome == "VALIDATED"
    lacking = opened(rank_correlation("x", "y") >= 0.2, budget=400)
    lacking.observe(x=1.0)
    assert "not 'y'" in lacking.conclude()[0].reason


def test_a_rate_of_events_and_an_effect_size_are_decided():
    rng = np.random.default_rng(3)
    counts = opened(count_rate("x") <= 2, budget=200)
    assert fed(counts, (int(value) for value in rng.poisson(1.0, 200)))
    assert counts.conclude()[0].record.verdict.outcome == "VALIDATED"
    gains = opened(effect_size("x") >= 0.2, budget=400)
    assert fed(gains, (float(value) for value in rng.normal(1.0, 1.0, 400)))
    assert gains.conclude()[0].record.verdict.outcome == "VALIDATED"


@pytest.mark.parametrize("expectation", [count_rate("x") <= 2, rank_correlation("x", "y") >= 0.2])
def test_a_statistic_without_meaning_inside_a_unit_is_refused_at_once(expectation):
    with pytest.raises(ClaimError, match="leave out unit="):
        script_of(expectation, unit="user")


# -- the record repeats the decision ----------------------------------------------------------------------------------

KINDS = {
    "rate": (rate("x") >= 0.5, lambda rng: {"x": bool(rng.random() < 0.7)}),
    "mean": (mean("x", bounds=(0, 1)) >= 0.5, lambda rng: {"x": float(rng.random())}),
    "quantile": (quantile("x", 0.5) >= 0.4, lambda rng: {"x": float(rng.random())}),
    "gaussian": (mean("x", model="gaussian") >= 0.0, lambda rng: {"x": float(rng.normal(0.5))}),
    "tau": (rank_correlation("x", "y") >= 0.0, lambda rng: {"x": float(rng.random()), "y": float(rng.random())}),
    "events": (count_rate("x") <= 2, lambda rng: {"x": int(rng.poisson(1.5))}),
}


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 1000), look=st.integers(1, 40))
@settings(max_examples=12, deadline=None)
def test_chunked_or_one_by_one_and_from_the_file_alone_the_decision_is_the_same(kind, seed, look):
    expectation, draw = KINDS[kind]
    rng = np.random.default_rng(seed)
    trial, whole = opened(expectation, budget=120), opened(expectation, budget=120)
    for n in range(120):
        row = draw(rng)
        trial.observe(**row)
        whole.observe(**row)
        if n % look == 0:
            _ = trial.decided
    _ = trial.decided
    (one,), (other,) = trial.conclude(), whole.conclude()
    assert one.record.evidence[0] == other.record.evidence[0]
    (watch,) = trial.watches
    assert (watch.walk.decided_at is not None) is (one.record.evidence[0].detail["decided_at"] is not None)
    again = judge(Plan.from_config(dict(one.plan.config)), unpack(one.observations)[0])
    assert again.decision.outcome == (None if one.reason else one.record.verdict.outcome)
    assert again.decision.low == one.record.evidence[0].ci_low


# -- going on ---------------------------------------------------------------------------------------------------------


def test_a_resumed_trial_counts_what_was_observed_and_skips_what_was_used():
    first = opened(OFTEN, corpus=Numbers(300), budget=20, streams=True)
    used = []
    for record in first.stream:
        used.append(record.id)
        first.observe(x=True)
    (one,) = first.conclude()
    again = opened(OFTEN, corpus=Numbers(300), budget=20, streams=True, situation={"attempt": 2})
    again.resume(Before(unpack(one.observations)[0], first.seed, 20, 2, (one.proof_id,)))
    for record in again.stream:
        assert record.id not in used
        again.observe(x=True)
    (two,) = again.conclude()
    assert (two.record.verdict.outcome, len(again.ledger)) == ("VALIDATED", 36)
    assert two.record.evidence[0].detail["cap"] == 40
    assert two.record.reproduction.lineage_chain == [one.proof_id]


def test_another_attempt_draws_other_numbers_even_where_the_generator_is_handed_out_already():
    trial, other = opened(OFTEN, budget=20), opened(OFTEN, budget=20)
    rng = trial.rng
    trial.number(2, "command")
    assert rng.random() != other.rng.random()
    assert trial.situation.attempt == 2


def test_progress_is_told_between_looks():
    told = []
    trial = opened(OFTEN, corpus=Numbers(50), budget=20, streams=True, situation={"progress": told.append})
    for _ in trial.stream:
        trial.observe(x=False)
    assert told == [trial] * (len(trial.ledger) + 1)


def test_input_that_was_fed_again_is_said_in_the_record():
    trial = opened(mean("x", bounds=(0, 1)) >= 0.2, budget=400)
    for n in range(60):
        trial._admit("abc"[n % 3], None, _cycle(0.9), 0.0)
    (one,) = trial.conclude()
    assert one.record.evidence[0].detail["distinct_inputs"] == 3
