# SPDX-License-Identifier: Apache-2.0
"""The record of one claim: its evidence rows, what pillars add, and what a class's own score decides."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin import rate, scenario
from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CycleResult
from ophamin.measuring.evidence import interval_text
from ophamin.measuring.inference import Bar, BinomialRate, Quantile
from ophamin.measuring.inference.exact import NO_INTERVAL
from ophamin.measuring.plan import Metadata, Plan
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.script import ScenarioScore, Script
from ophamin.measuring.settings import Settings
from ophamin.measuring.trial import Situation, Trial
from ophamin.seeing.substrate.function import FunctionSubstrate

ROOT = Path(__file__).parent
CLEAN = [False] * 40


def concluded(values, *, broken="", redact=str, **settings):
    def test_it(trial):
        """Does it hold?

        If refuted: stop.
        """

    declaration = declaration_of(scenario("few are wrong", rate("x") <= 0.1, **settings)(test_it))
    trial = Trial(declaration.compile(test_it, name="a.b"), Situation("the command", ROOT, redact=redact))
    trial.open()
    for value in values:
        trial.observe(x=value)
    (one,) = trial.conclude(broken)
    return one


# -- the row that the verdict rests on --------------------------------------------------------------------------------


def test_the_first_row_holds_the_decision_with_its_levels_and_counts():
    record = concluded(CLEAN).record
    row = record.evidence[0]
    assert (row.pillar, row.statistic_name, row.statistic_value) == ("claim.exact_binomial", "rate(x)", 0.0)
    assert (row.ci_low, round(row.ci_high, 5)) == (0.0, 0.07216)  # 1 - 0.05 ** (1 / 40): Clopper and Pearson 1934
    assert row.p_value == row.detail["p_claim_fails"] == pytest.approx(0.9**40)
    kept = {name: row.detail[name] for name in ("alpha", "beta", "method", "guarantee", "n_rows", "n_units", "unit")}
    assert kept == {
        "alpha": 0.05,
        "beta": 0.05,
        "method": "exact_binomial",
        "guarantee": "exact",
        "n_rows": 40,
        "n_units": 40,
        "unit": "one cycle or observation",
    }


def test_the_reasoning_of_a_decided_record_shows_estimate_interval_bound_and_n():
    assert concluded(CLEAN).record.verdict.reasoning == (
        "rate(x) = 0 [0, 0.0721575] against <= 0.1, n = 40; decided by exact_binomial"
    )


def test_the_reasoning_of_an_undecided_record_says_why_and_how_many_more_would_decide():
    one = concluded([False] * 20)
    assert one.reason.startswith("neither side of 0.1 is excluded")
    assert one.record.verdict.reasoning.startswith("rate(x) = 0 [0, 0.139108] against <= 0.1, n = 20; undecided: ")
    assert one.record.verdict.reasoning.endswith("; about 9 more units would decide")
    assert one.record.evidence[0].detail["more_units_would_decide"] == 9


def test_an_undefined_statistic_is_called_undefined():
    assert concluded([]).record.verdict.reasoning == "rate(x) is undefined: no observations"


def test_an_open_end_of_an_interval_is_infinite():
    decision = Quantile(0.95).decide([1.0, 2.0], Bar("<=", 5.0))
    assert interval_text(decision) == "[1, inf]"
    assert interval_text(BinomialRate().decide([1] * 3, Bar(">=", 0.5))).endswith(", 1]")


def test_what_the_wire_has_no_place_for_stands_in_the_provenance():
    facts = concluded(CLEAN, family="answers", tier="engineering").record.provenance["entity"]["ophamin:scenario"]
    kept = {name: facts[f"ophamin:{name}"] for name in ("name", "tier", "family", "goal", "if_refuted", "registration")}
    assert kept == {
        "name": "a.b",
        "tier": "engineering",
        "family": "answers",
        "goal": "Does it hold?",
        "if_refuted": "stop.",
        "registration": "none",
    }


# -- pillars ----------------------------------------------------------------------------------------------------------


class Pillar:
    """A third party's pillar."""

    pillar_name = "X.count"
    library = "example"
    library_version = "1.2"

    def __init__(self, answer):
        self.answer = answer

    def compute(self, cycle_results, records):
        return self.answer(cycle_results, records)


def evidence(value, **more):
    return PillarEvidence("X.count", "rows", value, "example", "1.2", **more)


def test_a_pillar_adds_its_evidence_after_the_claims_own():
    record = concluded(CLEAN, pillars=[Pillar(lambda cycles, records: evidence(len(cycles)))]).record
    assert [row.pillar for row in record.evidence] == ["claim.exact_binomial", "X.count"]
    assert record.evidence[1].statistic_value == 40
    assert (record.verdict.outcome, record.validate()) == ("VALIDATED", [])


def test_a_pillar_of_a_function_reads_the_columns_of_the_run():
    values = []
    concluded([True, False], pillars=[Pillar(lambda cycles, _: values.extend(one.get("x") for one in cycles))])
    assert values == [True, False]


def broken_pillar(cycles, records):
    raise ZeroDivisionError("in /home/zelda/pillar.py")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (broken_pillar, "ZeroDivisionError: in ~/pillar.py"),
        (lambda cycles, records: None, "TypeError: compute() gave a NoneType, not a PillarEvidence"),
        (lambda cycles, records: 5, "TypeError: compute() gave a int, not a PillarEvidence"),
        (lambda cycles, records: evidence(math.nan), "nan is not a finite number"),
    ],
)
@pytest.mark.parametrize(("values", "outcome"), [(CLEAN, "VALIDATED"), ([False] * 20, "INCONCLUSIVE")])
def test_a_pillar_that_fails_is_a_skipped_row_with_its_reason_and_takes_no_verdict_away(
    answer, reason, values, outcome
):
    one = concluded(values, pillars=[Pillar(answer)], redact=lambda text: text.replace("/home/zelda", "~"))
    row = one.record.evidence[1]
    assert (row.pillar, row.cross_check) == ("X.count", "skipped")
    assert reason in row.detail["reason"]
    assert (one.record.verdict.outcome, one.record.validate(), one.error) == (outcome, [], None)


def test_an_undefined_statistic_of_a_pillar_takes_no_verdict_away():
    one = concluded(CLEAN, pillars=[Pillar(lambda *_: evidence(None, detail={"why": "no spread"}))])
    row = one.record.evidence[1]
    assert (row.statistic_name, row.statistic_value, row.cross_check) == ("statistics computed", 0, "skipped")
    assert row.detail == {"why": "no spread", "undefined_statistic": "rows"}
    assert (one.record.verdict.outcome, one.record.schema_version, one.record.validate()) == ("VALIDATED", "1.0", [])


def test_an_undefined_statistic_stays_undefined_where_nothing_is_decided():
    one = concluded([False] * 20, pillars=[Pillar(lambda *_: evidence(None))])
    assert one.record.evidence[1].statistic_value is None
    assert (one.record.schema_version, one.record.validate()) == ("1.1", [])


def test_one_failing_pillar_does_not_stop_the_next():
    pillars = [Pillar(broken_pillar), Pillar(lambda *_: evidence(7))]
    assert [row.statistic_value for row in concluded([False] * 20, pillars=pillars).record.evidence[1:]] == [None, 7]


# -- a class's own score ----------------------------------------------------------------------------------------------


def scored(score, *, comparator=">=", bar=0.5, cycles=5, errors=0, broken="", redact=str):
    """The record of a class-form script whose score is given."""
    plan = Plan(
        Metadata("a.b", "scientific", "f", "g"),
        "it holds", "score", "score", "observed", comparator, bar, "as scored", "h0", "h1",
        settings=Settings(order="file"), analysis="score it",
    )  # fmt: skip
    function = score if callable(score) else lambda cycles, records: score
    trial = Trial(Script((plan,), score=function), Situation("the command", ROOT, redact=redact))
    trial.open()
    trial.attach(FunctionSubstrate(lambda text: CycleResult(0, True, error="lost" if text == "bad" else None)))
    for _ in range(cycles):
        trial.substrate.run_cycle("in")
    for _ in range(errors):
        trial.substrate.run_cycle("bad")
    (one,) = trial.conclude(broken)
    assert one.record.validate() == []
    return one


def outcome(score, **how):
    one = scored(score, **how)
    return one.record.verdict.outcome, one.reason


def test_a_score_without_an_interval_is_inconclusive():
    assert outcome(ScenarioScore(0.9)) == ("INCONCLUSIVE", NO_INTERVAL)


def test_a_deterministic_score_decides():
    assert outcome(ScenarioScore(0.9, deterministic=True)) == ("VALIDATED", "")
    assert outcome(ScenarioScore(0.1, deterministic=True)) == ("REFUTED", "")


def test_an_interval_decides_where_it_lies_on_one_side():
    assert outcome(ScenarioScore(0.9, low=0.8, high=1.0)) == ("VALIDATED", "")
    assert outcome(ScenarioScore(0.1, low=0.0, high=0.2)) == ("REFUTED", "")
    assert outcome(ScenarioScore(0.6, low=0.4, high=0.8))[0] == "INCONCLUSIVE"


def row(value, low=None, high=None):
    return PillarEvidence("X.own", "own", value, "example", "1", ci_low=low, ci_high=high)


def test_the_interval_may_come_from_the_evidence_row_of_the_same_value():
    assert outcome(ScenarioScore(0.9, [row(0.7), row(0.9, 0.8, 1.0)])) == ("VALIDATED", "")
    assert outcome(ScenarioScore(0.9, [row(0.7, 0.6, 0.8)])) == ("INCONCLUSIVE", NO_INTERVAL)
    assert outcome(ScenarioScore(0.9, [row(0.9, 0.8)])) == ("INCONCLUSIVE", NO_INTERVAL)


def test_of_two_rows_with_the_same_value_the_wider_interval_is_believed():
    assert outcome(ScenarioScore(0.9, [row(0.9, 0.8, 1.0), row(0.9, 0.4, 0.95)]))[0] == "INCONCLUSIVE"


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_an_undefined_score_is_inconclusive_and_no_number(value):
    one = scored(ScenarioScore(value))
    assert (one.record.verdict.observed_value, one.record.verdict.outcome) == (None, "INCONCLUSIVE")
    assert one.reason == f"the scenario's score is undefined ({value})"
    assert one.error is None


def test_the_authors_own_reason_not_to_decide_is_kept():
    score = ScenarioScore(0.9, inconclusive=True, reasoning="control saturated", deterministic=True)
    assert outcome(score) == ("INCONCLUSIVE", "control saturated")


def test_a_cycle_that_could_not_be_measured_makes_a_score_inconclusive():
    one = scored(ScenarioScore(0.9, deterministic=True), errors=2)
    assert one.reason == "2 of 7 cycles could not be measured; first: lost"
    assert (one.record.evidence[0].detail["errors"], one.record.evidence[0].detail["first_error"]) == (2, "lost")


def raising(cycles, records):
    raise KeyError("/home/zelda")


def no_score(cycles, records):
    return 0.9


def odd_evidence(cycles, records):
    return ScenarioScore(0.9, ["a row"], deterministic=True)


@pytest.mark.parametrize(
    ("score", "kind", "reason"),
    [
        (raising, KeyError, "KeyError: '~'"),
        (no_score, AttributeError, "AttributeError: "),
        (odd_evidence, TypeError, "TypeError: the score's evidence holds a str"),
        (ScenarioScore(2**60, deterministic=True), ValueError, "ObservationError: the score is 1152921504606846976"),
        (ScenarioScore("0.9"), TypeError, "TypeError: "),
        (ScenarioScore(0.9, low=0.95, high=1.0), ValueError, "ObservationError: the estimate 0.9 lies outside"),
    ],
)
def test_a_score_that_fails_leaves_its_record_and_is_raised_afterwards(score, kind, reason):
    one = scored(score, redact=lambda text: text.replace("/home/zelda", "~"))
    assert isinstance(one.error, kind)
    assert one.reason.startswith(reason)
    assert one.record.verdict.outcome == "INCONCLUSIVE"


def test_a_broken_run_is_not_scored():
    assert scored(raising, broken="it broke").reason == "it broke"
    assert scored(raising, broken="it broke").error is None


def test_a_score_over_no_data_at_all_decides_nothing():
    one = scored(ScenarioScore(0.9, deterministic=True), cycles=0)
    assert (one.reason, one.record.schema_version) == ("no data: nothing was observed and no corpus is named", "1.1")


def test_an_undefined_row_of_the_author_takes_no_verdict_away():
    one = scored(ScenarioScore(0.9, [row(None)], deterministic=True))
    assert (one.record.verdict.outcome, one.record.evidence[1].statistic_value) == ("VALIDATED", 0)


@given(
    value=st.floats(-1, 2),
    below=st.floats(0, 1),
    above=st.floats(0, 1),
    bar=st.floats(-1, 2),
    comparator=st.sampled_from([">=", "<=", ">", "<"]),
)
@settings(max_examples=60, deadline=None)
def test_a_score_never_gets_a_verdict_that_its_value_contradicts(value, below, above, bar, comparator):
    score = ScenarioScore(value, low=value - below, high=value + above)
    verdict = scored(score, comparator=comparator, bar=bar, cycles=1).record.verdict
    if verdict.outcome != "INCONCLUSIVE":
        assert Bar(comparator, bar).holds(value) is (verdict.outcome == "VALIDATED")
