# SPDX-License-Identifier: Apache-2.0
"""The checks of a scenario class: a good one passes, and each broken one fails exactly the check it breaks."""

import itertools
import math

import pytest

from ophamin.checks import check_scenario
from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import MetricMissingError
from ophamin.measuring.proof.record import Claim, Threshold
from ophamin.measuring.scenarios.base import Scenario, ScenarioScore, Tier
from ophamin.seeing.contract import FieldContract, ScenarioFieldContract

CYCLES = [CycleResult(row, True, {"phi": 0.25 * row}) for row in range(4)]
RECORDS = [CorpusRecord(f"r{row}", "text") for row in range(4)]


class Good(Scenario, register=False):
    """Says the mean of phi, and of nothing nothing."""

    name = "phi.mean-1"
    tier = Tier.SCIENTIFIC
    family = "phi"
    goal = "Is phi high?"
    explanation = "Phi is high where it should be."
    corpus_name = "sentences"
    n_cycles = 20

    def build_claim(self):
        return Claim("phi is high", "the mean of phi", Threshold("phi", ">=", 0.5), "it is below", "it is not")

    def values(self, cycle_results):
        return [one.raw["phi"] for one in cycle_results if not one.failed_to_measure]

    def score(self, cycle_results, records):
        values = self.values(cycle_results)
        if not values:
            return ScenarioScore(None, reasoning="nothing was measured")
        row = PillarEvidence("X.rows", "rows", len(values), "python", "3")
        return ScenarioScore(math.fsum(values) / len(values), [row], low=min(values), high=max(values))

    def field_contract(self):
        return ScenarioFieldContract(self.name, (FieldContract("phi", types=(float,)),))


def results(cls, **how):
    report = check_scenario(cls, **{"cycles": CYCLES, "records": RECORDS, **how})
    return {result.name: result for result in report.results}


def failed(cls, **how):
    return {name: result.words for name, result in results(cls, **how).items() if result.outcome == "failed"}


CHECKS = list(results(Good))


# -- one that is good -------------------------------------------------------------------------------------------------


def test_a_good_scenario_passes_every_check():
    assert {result.outcome for result in results(Good).values()} == {"passed"}


def test_without_cycles_the_score_is_tried_on_nothing_alone():
    report = check_scenario(Good)
    assert report.passed
    skipped = {result.name: result.words for result in report.results if result.outcome == "skipped"}
    assert list(skipped) == ["scores a run", "interval", "repeats", "inputs unchanged"]
    assert set(skipped.values()) == {"no cycles of an ordinary run are known; give cycles="}


def test_a_scenario_that_inherits_nothing_is_as_good():
    class Plain:
        name, corpus_name, target, n_cycles = "plain", "", "entity", 1
        build_claim, values, score = Good.build_claim, Good.values, Good.score

        def run(self, substrate, *, data_root=None, sign_key=b""):
            raise NotImplementedError

    told = {name: result.outcome for name, result in results(Plain).items() if result.outcome != "passed"}
    assert told == {"metadata": "skipped", "plan": "skipped", "field contract": "skipped"}


def test_what_the_constructor_needs_is_given_as_arguments():
    class Barred(Good, register=False):
        def __init__(self, bar):
            self.bar = bar

        def build_claim(self):
            return Claim("s", "o", Threshold("phi", ">=", self.bar), "h0", "h1")

    assert list(failed(Barred)) == ["contract"]
    assert failed(Barred, arguments={"bar": 0.5}) == {}


def test_a_corpus_is_looked_for_below_the_given_folder(tmp_path):
    class Filed(Good, register=False):
        corpus_name = "lines:words.txt"

    (tmp_path / "words.txt").write_text("one\ntwo\n", encoding="utf-8")
    assert failed(Filed, data_root=tmp_path) == {}


def test_an_error_of_ours_says_that_there_is_no_score():
    assert failed(with_score(lambda self, cycles, records: missing() if len(cycles) < 4 else ScenarioScore(1.0))) == {}


def test_an_undecided_score_of_nothing_and_a_score_that_is_not_a_number_invent_nothing():
    assert failed(with_score(lambda self, cycles, records: ScenarioScore(1.0, inconclusive=not cycles))) == {}
    assert failed(with_score(lambda self, cycles, records: ScenarioScore(1.0 if cycles else math.nan))) == {}


# -- broken ones ------------------------------------------------------------------------------------------------------


def with_members(**members):
    return type("Changed", (Good,), members, register=False)


def with_score(score):
    return with_members(score=score, field_contract=lambda self: None)


def with_scored(change):
    """A scenario whose score of a run, and of nothing else, is changed."""

    class Changed(Good, register=False):
        def score(self, cycle_results, records):
            score = super().score(cycle_results, records)
            return score if score.observed_value is None else change(self, score, cycle_results, records) or score

    return Changed


def scored(**values):
    def change(scenario, score, cycles, records):
        for name, value in values.items():
            setattr(score, name, value)

    return with_scored(change)


def claiming(**values):
    fields = {
        "statement": "s",
        "operationalization": "o",
        "threshold": Threshold("phi", ">=", 0.5),
        "h0": "a",
        "h1": "b",
    }
    return with_members(build_claim=lambda self: Claim(**{**fields, **values}))


def missing():
    raise MetricMissingError("no cycle carries 'phi'")


turns = itertools.count()


class Drifting(Good, register=False):
    """Claims more each time."""

    def build_claim(self):
        return Claim("s", "o", Threshold("phi", ">=", float(next(turns))), "h0", "h1")


class Instances(Good, register=False):
    """Each of it claims something else."""

    def __init__(self):
        self.bar = float(next(turns))

    def build_claim(self):
        return Claim("s", "o", Threshold("phi", ">=", self.bar), "h0", "h1")


class Needing(Good, register=False):
    def __init__(self, bar):
        self.bar = bar


class Bare(Good, register=False):
    """Means over nothing, whatever comes of it."""

    def score(self, cycle_results, records):
        values = self.values(cycle_results)
        return ScenarioScore(sum(values) / len(values)) if cycle_results else ScenarioScore(None)


class Confident(Good, register=False):
    """Finds nothing wrong where nothing was looked at."""

    def score(self, cycle_results, records):
        return ScenarioScore(float(len(self.values(cycle_results))), deterministic=True)


BROKEN = [
    ("contract", object),
    ("contract", Good()),
    ("contract", Needing),
    ("contract", with_members(score=None)),
    ("name", with_members(name="scenario", field_contract=lambda self: None)),
    ("name", with_members(name="phi is high")),
    ("name", with_members(name="")),
    ("metadata", with_members(goal="")),
    ("metadata", with_members(explanation=None)),
    ("metadata", with_members(family=" ")),
    ("metadata", with_members(method=None)),
    ("metadata", with_members(tier="scientifik")),
    ("feed", with_members(target=3)),
    ("feed", with_members(n_cycles=0)),
    ("feed", with_members(n_cycles=True)),
    ("claim", claiming(statement=" ")),
    ("claim", claiming(h0="")),
    ("claim", claiming(threshold=Threshold("", ">=", 0.5))),
    ("claim", with_members(build_claim=lambda self: {"statement": "s"})),
    ("same claim", Drifting),
    ("same claim", Instances),
    ("plan", with_members(analysis_plan=lambda self: f"read it in the way {next(turns)}")),
    ("plan", with_members(analysis_plan=lambda self: "")),
    ("plan", with_members(corpus_name="sentenses")),
    ("field contract", with_members(field_contract=lambda self: {"phi": float})),
    ("field contract", with_members(field_contract=lambda self: ScenarioFieldContract("other", ()))),
    (
        "field contract",
        with_members(field_contract=lambda self: ScenarioFieldContract(self.name, (FieldContract("psi"),))),
    ),
    ("scores nothing of nothing", Confident),
    ("scores nothing of nothing", with_score(lambda self, cycles, records: ScenarioScore(1.0 / len(cycles)))),
    ("scores nothing of nothing", with_score(lambda self, cycles, records: ScenarioScore(1.0) if cycles else 0.0)),
    ("cycles that failed", Bare),
    ("scores a run", scored(observed_value=None)),
    ("scores a run", scored(observed_value="0.5")),
    ("scores a run", scored(evidence=["0.5"])),
    ("scores a run", scored(low=-math.inf)),
    ("scores a run", scored(observed_value=math.nan)),
    ("scores a run", with_score(lambda self, cycles, records: missing())),
    ("scores a run", with_scored(lambda self, score, cycles, records: 0.5)),
    ("scores a run", with_scored(lambda self, score, cycles, records: 1 / 0)),
    ("interval", scored(low=0.9)),
    ("interval", scored(low=1.0, high=0.0)),
    ("repeats", with_scored(lambda self, score, cycles, records: ScenarioScore(float(next(turns))))),
    (
        "repeats",
        with_scored(lambda self, score, cycles, records: ScenarioScore(1.0, inconclusive=next(turns) % 2 == 0)),
    ),
    ("inputs unchanged", with_scored(lambda self, score, cycles, records: cycles[0].raw.update(seen=True))),
    ("inputs unchanged", with_scored(lambda self, score, cycles, records: records.clear())),
]


@pytest.mark.parametrize(("check", "cls"), BROKEN, ids=[f"{number}-{one[0]}" for number, one in enumerate(BROKEN)])
def test_a_broken_scenario_fails_exactly_the_check_that_it_breaks(check, cls):
    assert list(failed(cls)) == [check]


def test_there_is_a_broken_scenario_for_every_check():
    assert {check for check, _ in BROKEN} == set(CHECKS)


@pytest.mark.parametrize(
    ("cls", "check", "words"),
    [
        (
            Confident,
            "scores nothing of nothing",
            "of no cycle at all it scores 0.0; give ScenarioScore(None",
        ),
        (Bare, "cycles that failed", "of cycles that all failed it raised ZeroDivisionError: division by zero; give"),
        (with_members(corpus_name="sentenses"), "plan", "it raised UnknownPluginError: no corpus is named 'sentenses'"),
        (with_members(tier="scientifik"), "metadata", "tier is 'scientifik': unknown tier 'scientifik'; did you mean"),
        (
            with_score(lambda self, cycles, records: missing()),
            "scores a run",
            "of the given cycles it has no score",
        ),
        (
            with_scored(lambda self, score, cycles, records: 1 / 0),
            "scores a run",
            "of the given cycles it raised Zero",
        ),
        (
            scored(observed_value=None),
            "scores a run",
            "of the given cycles it scores None; give cycles that it can",
        ),
        (scored(low=0.9), "interval", "the score 0.375 lies outside its interval [0.9, 0.75]; give the interval of"),
        (
            with_members(field_contract=lambda self: ScenarioFieldContract(self.name, (FieldContract("psi"),))),
            "field contract",
            "the given cycles break its field contract: psi: the cycle gave no such field; did you mean 'phi'",
        ),
    ],
)
def test_a_breach_is_told_with_the_value_and_the_way_out(cls, check, words):
    assert failed(cls)[check].startswith(words)


def test_the_given_cycles_and_records_are_left_as_they_are():
    before = repr((CYCLES, RECORDS))
    failed(with_scored(lambda self, score, cycles, records: cycles[0].raw.update(seen=True)))
    assert repr((CYCLES, RECORDS)) == before


def test_checking_registers_nothing():
    from ophamin.registry import SCENARIOS

    before = SCENARIOS.names()
    check_scenario(Good)
    assert SCENARIOS.names() == before
