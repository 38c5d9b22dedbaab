# SPDX-License-Identifier: Apache-2.0
"""A trial from its registration to its records: order, seeds, recording, and what is left when it breaks."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ophamin import mean, observed, quantile, rate, scenario
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError, MetricMissingError, ObservationError
from ophamin.measuring.abandoned import abandoned
from ophamin.measuring.judgement import judge
from ophamin.measuring.ledger import unpack
from ophamin.measuring.plan import Plan
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Situation, Trial, utc_now
from ophamin.seeing.corpus.base import Corpus
from ophamin.seeing.substrate.base import SubstrateUnderTest
from ophamin.seeing.substrate.function import FunctionSubstrate

ROOT = Path(__file__).parent


def script_of(*expectations, parameters=None, **settings):
    def test_it(trial):
        """Does it hold?"""

    declaration = declaration_of(scenario("it holds", *expectations, **settings)(test_it))
    return declaration.compile(test_it, name="a.b", parameters=parameters)


def opened(*expectations, situation=None, system=None, **settings):
    trial = Trial(script_of(*expectations, **settings), Situation("command", ROOT, **(situation or {})))
    trial.open()
    if system is not None:
        trial.attach(system)
    return trial


def tried(trial, values, metric="x"):
    for value in values:
        trial.observe(**{metric: value})
    return trial.conclude()


FEW = rate("x") <= 0.1


class Counter(SubstrateUnderTest):
    """Counts its cycles; the stimulus ``"bad"`` cannot be measured."""

    name = "counter"

    def __init__(self):
        self.cycles = 99
        self.resets = 0

    def git_commit(self):
        return "c0ffee"

    def reset(self):
        self.cycles = 0
        self.resets += 1

    def run_cycle(self, stimulus, params=None):
        self.cycles += 1
        if stimulus == "bad":
            raise ConnectionError("no answer from /home/zelda/socket")
        return CycleResult(self.cycles, True, {"x": False, "n": self.cycles})

    def capture_state(self):
        return {"cycles": self.cycles}

    def metadata(self):
        return {"name": self.name, "git_commit": "c0ffee", "model": "m-1", "home": "/home/zelda"}


class Small(Corpus):
    name = "small"

    def __init__(self, *texts):
        super().__init__()
        self.texts = texts

    def is_available(self):
        return True

    def records(self):
        return (CorpusRecord(str(number), text) for number, text in enumerate(self.texts))

    def _compute_content_hash(self):
        return hashlib.sha256("\n".join(self.texts).encode()).hexdigest()

    def _compute_count(self):
        return len(self.texts)


def experiment(record):
    return record.provenance["entity"]["ophamin:scenario"]


# -- registered before anything runs ----------------------------------------------------------------------------------


def test_the_plan_is_stamped_before_the_body_and_the_record_after_it():
    times = iter(f"2026-01-01T00:00:0{number}.000000+00:00" for number in range(3))
    trial = opened(FEW, situation={"now": lambda: next(times)})
    stamped = [one.preregistered_at for one in trial.preregistrations]
    (one,) = tried(trial, [False] * 40)
    assert stamped == ["2026-01-01T00:00:00.000000+00:00"]
    assert one.record.preregistration.preregistered_at == stamped[0]
    assert one.record.created_at == "2026-01-01T00:00:01.000000+00:00"


def test_with_the_real_clock_registration_comes_first():
    (one,) = tried(opened(FEW), [False] * 40)
    assert one.record.preregistration.preregistered_at < one.record.created_at


def test_now_is_utc_with_microseconds():
    assert utc_now().endswith("+00:00")
    assert len(utc_now()) == len("2026-01-01T00:00:00.000000+00:00")


def test_the_registration_binds_configuration_data_and_parameters():
    trial = opened(FEW, corpus=Small("a", "b"), parameters={"dose": 0.3})
    (registered,) = trial.preregistrations
    assert registered.config_hash == trial.script.plans[0].digest
    assert registered.data_hash == hashlib.sha256(b"a\nb").hexdigest()
    assert registered.sweep_grid == {"dose": 0.3}


def test_the_configuration_behind_the_hash_is_in_the_record_and_judges_the_observations_again():
    trial = opened(mean("x", bounds=(0, 1)) >= 0.5, error_budget=2)
    (one,) = tried(trial, [0.6] * 40)
    text = experiment(one.record)["ophamin:config"]
    assert hashlib.sha256(text.encode()).hexdigest() == one.record.preregistration.config_hash
    table, digest = unpack(one.observations)
    row = one.record.evidence[0]
    assert row.detail["observations_sha256"] == digest
    again = judge(Plan.from_config(json.loads(text)), table)
    assert again.inconclusive == ()
    assert again.decision.outcome == one.record.verdict.outcome == "VALIDATED"
    assert (again.decision.estimate, again.decision.low, again.decision.high) == (
        row.statistic_value,
        row.ci_low,
        row.ci_high,
    )


# -- seeds ------------------------------------------------------------------------------------------------------------


def drawn(attempt=1, seed=0, expectation=FEW):
    trial = opened(expectation, corpus="sentences", situation={"attempt": attempt, "seed": seed})
    return trial.rng.integers(0, 10**9, 5).tolist(), [record.id for record in trial.stream]


def test_the_same_claim_seed_and_attempt_draw_the_same_numbers_and_order():
    assert drawn() == drawn()


@pytest.mark.parametrize("other", [{"attempt": 2}, {"seed": 1}, {"expectation": rate("x") <= 0.2}])
def test_another_attempt_seed_or_claim_draws_others(other):
    numbers, order = drawn()
    others, other_order = drawn(**other)
    assert numbers != others
    assert order != other_order
    assert sorted(order) == sorted(other_order)


SEED_PROGRAM = """
from pathlib import Path
from ophamin import rate
from ophamin.measuring.plan import Metadata, Plan
from ophamin.measuring.script import Script
from ophamin.measuring.trial import Situation, Trial
plan = Plan(Metadata("a.b", "scientific", "f", "g"), "s", "x", "rate(x)", "rate", "<=", 0.1, "o", "h0", "h1",
            parameters={"names": ["b", "a"], "dose": 1})
print(Trial(Script((plan,)), Situation("c", Path("."), seed=3)).seed)
"""


def test_a_seed_is_the_same_in_every_process():
    seeds = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        run = subprocess.run(
            [sys.executable, "-c", SEED_PROGRAM], capture_output=True, text=True, check=True, env=environment
        )
        seeds.add(int(run.stdout))
    assert len(seeds) == 1
    assert 0 <= seeds.pop() < 2**48


def test_seed_and_attempt_stand_in_the_record_as_text_and_number():
    trial = opened(FEW, situation={"attempt": 2})
    (one,) = tried(trial, [False] * 40)
    assert experiment(one.record)["ophamin:seed"] == str(trial.seed)
    assert experiment(one.record)["ophamin:attempt"] == {"$": 2, "type": "xsd:int"}


# -- the system under test --------------------------------------------------------------------------------------------


def test_a_system_is_reset_before_its_trial_and_its_state_is_digested():
    system = Counter()
    trial = opened(FEW, system=system)
    assert (system.resets, system.cycles) == (1, 0)
    for _ in range(40):
        trial.substrate.run_cycle("in")
    (one,) = trial.conclude()
    facts = experiment(one.record)
    assert facts["ophamin:state_before"] == hashlib.sha256(b'{"cycles":0}').hexdigest()
    assert facts["ophamin:state_after"] == hashlib.sha256(b'{"cycles":40}').hexdigest()
    assert (one.record.substrate_name, one.record.substrate_git_commit) == ("counter", "c0ffee")
    assert facts["ophamin:system_model"] == "m-1"


def test_without_a_system_the_record_names_the_test_and_the_commit_of_the_project():
    (one,) = tried(opened(FEW), [False] * 40)
    assert one.record.substrate_name == "a.b"
    assert one.record.substrate_git_commit == (experiment(one.record)["ophamin:project_commit"] or "unversioned")


def test_asking_for_a_system_that_was_not_declared_says_how_to_declare_one():
    with pytest.raises(ClaimError, match="declare substrate=, or pass --substrate"):
        _ = opened(FEW).substrate


def test_every_cycle_goes_to_the_ledger_one_by_one_and_in_batches():
    trial = opened(FEW, system=Counter())
    trial.substrate.run_cycle("a")
    trial.substrate.run_batch(["b", "c"])
    assert len(trial.ledger) == 3


def test_success_wall_time_and_parameters_are_metrics_of_a_cycle():
    trial = opened(
        rate("success") >= 0.9,
        quantile("wall_time_s", 0.5) <= 60,
        mean("dose", bounds=(0, 1)) >= 0.2,
        system=Counter(),
        min_samples=40,
    )
    for _ in range(40):
        trial.substrate.run_cycle("in", {"dose": 0.75})
    assert [one.record.verdict.outcome for one in trial.conclude()] == ["VALIDATED"] * 3


def test_a_system_that_cannot_answer_afterwards_still_leaves_its_record():
    class Gone(Counter):
        gone = False

        def answer(self, value):
            if self.gone:
                raise ConnectionError("the process is gone")
            return value

        def git_commit(self):
            return self.answer("c0ffee")

        def capture_state(self):
            return self.answer({"a": 1})

        def metadata(self):
            return self.answer({"model": "m-2"})

    system = Gone()
    trial = opened(FEW, system=system)
    trial.observe(x=False)
    system.gone = True
    (one,) = trial.conclude("the system died")
    assert one.record.substrate_git_commit == "c0ffee"
    assert experiment(one.record)["ophamin:system_model"] == "m-2"
    assert experiment(one.record)["ophamin:state_after"] == ""
    assert one.record.validate() == []


# -- observing --------------------------------------------------------------------------------------------------------


def test_an_observation_belongs_to_the_record_that_the_stream_stands_at():
    trial = opened(FEW, corpus=Small("one", "two"), order="file")
    for _ in trial.stream:
        trial.observe(x=False)
    trial.observe(x=False)
    digests = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in ("one", "two")]
    assert trial.ledger.table().stimuli == [*digests, ""]


def test_nothing_can_be_observed_after_the_conclusion():
    trial = opened(FEW)
    tried(trial, [False] * 40)
    with pytest.raises(ClaimError, match="concluded"):
        trial.observe(x=True)
    with pytest.raises(ClaimError, match="concluded once"):
        trial.conclude()


def test_observing_nothing_is_refused():
    with pytest.raises(ClaimError, match=r"observe\(blocked=True\)"):
        opened(FEW).observe()


def test_a_stream_without_a_corpus_and_a_look_before_the_end_raise_and_say_what_to_declare():
    trial = opened(FEW)
    with pytest.raises(ClaimError, match=r"declares no corpus; write corpus="):
        _ = trial.stream
    with pytest.raises(ClaimError, match=r"Declare mde=, or budget="):
        _ = trial.decided


# -- several claims ---------------------------------------------------------------------------------------------------


def test_several_claims_are_decided_on_the_same_rows():
    trial = opened(rate("x") <= 0.1, rate("x") >= 0.9, observed("late", deterministic=True) == 0)
    for _ in range(40):
        trial.observe(x=False)
    trial.observe(late=0)
    concluded = trial.conclude()
    assert [one.record.verdict.outcome for one in concluded] == ["VALIDATED", "REFUTED", "VALIDATED"]
    assert len({one.observations for one in concluded}) == 1
    assert len({one.record.evidence[0].detail["observations_sha256"] for one in concluded}) == 1
    assert len({one.record.preregistration.config_hash for one in concluded}) == 3
    assert [one.record.validate() for one in concluded] == [[], [], []]


def test_one_claim_without_evidence_does_not_take_the_others_with_it():
    trial = opened(rate("x") <= 0.1, rate("y") <= 0.1)
    first, second = tried(trial, [False] * 40)
    assert (first.record.verdict.outcome, first.error) == ("VALIDATED", None)
    assert second.record.verdict.outcome == "INCONCLUSIVE"
    assert isinstance(second.error, MetricMissingError)
    assert second.reason.startswith("MetricMissingError: no cycle or observation carried 'y'")
    assert second.record.validate() == []


# -- data -------------------------------------------------------------------------------------------------------------


def datasets(trial):
    (one,) = trial.conclude()
    return {ref.kind: ref for ref in one.record.datasets}


def test_the_record_names_the_corpus_the_records_used_and_the_observations():
    trial = opened(FEW, corpus=Small("a", "b", "c"), order="file", budget=2, alpha=0.4, beta=0.4)
    for _ in trial.stream:
        trial.observe(x=False)
    found = datasets(trial)
    assert (found["text"].name, found["text"].n_records) == ("small", 3)
    assert (found["records-used"].name, found["records-used"].n_records) == ("small:used", 2)
    records = [CorpusRecord("0", "a").digest, CorpusRecord("1", "b").digest]
    assert found["records-used"].content_hash == hashlib.sha256(bytes.fromhex("".join(records))).hexdigest()
    assert found["records-used"].source == "in file order"
    assert found["observations"].n_records == 2


def used_hash(texts, order):
    trial = opened(FEW, corpus=Small(*texts), order=order)
    list(trial.stream)
    return datasets(trial)["records-used"]


def test_other_records_or_another_order_have_another_digest():
    base = used_hash("abcdef", "file")
    assert used_hash("abcdef", "file").content_hash == base.content_hash
    assert used_hash("abcdeg", "file").content_hash != base.content_hash
    shuffled = used_hash("abcdef", "random")
    assert shuffled.content_hash != base.content_hash
    assert shuffled.source.startswith("random order, seed ")


def test_the_corpus_is_named_as_it_was_registered_even_if_it_changes_meanwhile():
    corpus = Small("a", "b")
    trial = opened(FEW, corpus=corpus)
    corpus.texts = ("changed",)
    corpus._known.clear()
    (one,) = trial.conclude("stopped")
    assert one.record.datasets[0].content_hash == one.record.preregistration.data_hash
    assert one.record.datasets[0].n_records == 2


def test_a_census_of_every_record_is_exact_and_one_record_less_is_none():
    def outcome(count):
        trial = opened(FEW, corpus=Small("a", "b", "c"), census=True)
        for number, _ in enumerate(trial.stream, 1):
            trial.observe(x=False)
            if number == count:
                break
        (one,) = trial.conclude()
        return one.record.verdict.outcome, one.reason

    assert outcome(3) == ("VALIDATED", "")
    assert outcome(2) == ("INCONCLUSIVE", "not a census: 2 of 3 records were used")


# -- circumstances that a trial passes on -----------------------------------------------------------------------------


def test_a_stream_that_ends_before_the_budget_is_exhausted():
    trial = opened(FEW, corpus=Small(*map(str, range(30))), budget=40, method="exact")
    for _ in trial.stream:
        trial.observe(x=False)
    assert trial.conclude()[0].reason == "exhausted: the corpus gave 30 records, the plan declares 40 units"


def test_a_stream_that_runs_out_of_time_is_inconclusive():
    seconds = iter(range(1000))
    trial = opened(
        FEW, corpus=Small(*map(str, range(100))), max_seconds=50, situation={"clock": lambda: float(next(seconds))}
    )
    for _ in trial.stream:
        trial.observe(x=False)
    (one,) = trial.conclude()
    assert (one.reason, one.record.evidence[0].detail["n_units"]) == ("stopped by max_seconds=50", 49)


@pytest.mark.parametrize(("load", "outcome"), [("exclusive", "INCONCLUSIVE"), ("any", "VALIDATED")])
def test_wall_time_beside_other_tests_counts_only_where_the_claim_allows_it(load, outcome):
    claim = quantile("wall_time_s", 0.5) <= 60
    trial = opened(claim, load=load, situation={"parallel": True}, system=FunctionSubstrate(len))
    for _ in range(40):
        trial.substrate.run_cycle("in")
    assert trial.conclude()[0].record.verdict.outcome == outcome


def test_an_undefined_raw_metric_is_an_error_of_its_row():
    trial = opened(mean("value", bounds=(0, 1)) >= 0.2, system=FunctionSubstrate(float), error_budget=1)
    for _ in range(40):
        trial.substrate.run_cycle("0.75")
    trial.substrate.run_cycle("nan")
    (one,) = trial.conclude()
    detail = one.record.evidence[0].detail
    assert (detail["errors"], detail["n_units"], detail["first_error"][:13]) == (1, 40, "value is nan;")
    assert one.record.verdict.outcome == "VALIDATED"


# -- a body that broke ------------------------------------------------------------------------------------------------


def test_a_broken_body_leaves_an_inconclusive_record_with_what_was_seen():
    trial = opened(FEW)
    for _ in range(40):
        trial.observe(x=False)
    (one,) = trial.conclude("the test body raised ZeroDivisionError: division by zero")
    assert one.record.verdict.outcome == "INCONCLUSIVE"
    assert one.record.verdict.observed_value == 0.0
    assert "division by zero" in one.record.verdict.reasoning
    assert one.error is None
    assert one.record.validate() == []


@pytest.mark.parametrize("broken", ["", "the body raised"])
@pytest.mark.parametrize(
    "expectation",
    [
        FEW,
        mean("x", bounds=(0, 1)) >= 0.5,
        mean("x", model="gaussian") >= 0.5,
        quantile("x", 0.5) <= 1,
        observed("x") <= 1,
        observed("x", deterministic=True) == 1,
    ],
    ids=str,
)
def test_nothing_observed_at_all_is_a_well_formed_1_1_record(expectation, broken):
    trial = opened(expectation)
    (one,) = trial.conclude(broken)
    assert (one.record.schema_version, one.record.verdict.outcome) == ("1.1", "INCONCLUSIVE")
    assert (one.record.verdict.observed_value, one.record.datasets) == (None, [])
    assert one.record.validate() == []
    assert one.reason == (broken or "no observations")


def test_a_broken_body_without_the_metric_is_no_second_error():
    trial = opened(rate("y") <= 0.1)
    trial.observe(x=False)
    (one,) = trial.conclude("the body raised")
    assert (one.reason, one.error) == ("the body raised", None)


def test_evidence_that_the_method_cannot_take_is_raised_after_the_record():
    (one,) = tried(opened(FEW), [0.7] * 5)
    assert isinstance(one.error, ObservationError)
    assert one.reason.startswith("ObservationError: observation 0 is 0.7; a rate needs 0 or 1")
    assert one.record.verdict.outcome == "INCONCLUSIVE"
    assert one.record.validate() == []


# -- what must not leave ----------------------------------------------------------------------------------------------


def redact(text):
    return text.replace("/home/zelda", "~").replace("zelda", "<user>")


def test_nothing_that_must_not_leave_enters_record_or_observations():
    trial = opened(
        FEW, rate("y") <= 0.1, system=Counter(), unit="who", error_budget=1, situation={"redact": redact, "attempt": 1}
    )
    trial.substrate.run_cycle("bad")
    for number in range(40):
        trial.observe(x=False, who=f"zelda-{number}", note="/home/zelda/notes")
    concluded = trial.conclude("it broke in /home/zelda/x.py")
    for one in concluded:
        text = json.dumps(one.record.to_dict()) + json.dumps(unpack(one.observations)[0].columns)
        assert "zelda" not in text
        assert "it broke in ~/x.py" in text
    assert "~/notes" in unpack(concluded[0].observations)[0].columns["note"]


def test_the_message_of_a_wrong_observation_is_redacted_too():
    trial = opened(FEW, situation={"redact": redact})
    (one,) = tried(trial, ["/home/zelda/answer"])
    assert "~/answer" in one.record.verdict.reasoning
    assert "zelda/" not in json.dumps(one.record.to_dict()["verdict"])


def test_a_long_or_broken_text_does_not_cost_the_record():
    system = FunctionSubstrate(lambda _: (_ for _ in ()).throw(ValueError("\ud800" + "x" * 100_000)))
    trial = opened(FEW, system=system)
    trial.substrate.run_cycle("in")
    (one,) = trial.conclude("y" * 100_000 + "\udfff")
    assert one.record.validate() == []
    assert len(one.record.verdict.reasoning) < 10_000
    assert "\\ud800" in one.record.evidence[0].detail["first_error"]


# -- a process that died ----------------------------------------------------------------------------------------------


def test_a_draft_crosses_as_json_and_concludes_elsewhere_with_what_was_registered():
    trial = opened(
        FEW,
        mean("y", bounds=(0, 2)) >= 1,
        corpus="sentences",
        census=True,
        system=Counter(),
        parameters={"dose": 0.3},
        situation={"seed": 7, "attempt": 2},
    )
    draft = json.loads(json.dumps(trial.draft()))
    concluded = abandoned(draft, Situation(draft["command"], ROOT), "the worker process died")
    assert len(concluded) == 2
    for one, registered in zip(concluded, trial.preregistrations, strict=True):
        assert one.record.preregistration == registered
        assert (one.record.verdict.outcome, one.record.schema_version) == ("INCONCLUSIVE", "1.1")
        assert one.reason == "the worker process died"
        assert one.record.verdict.reasoning.count("census") == 0
        assert (one.record.substrate_name, one.record.substrate_git_commit) == ("counter", "c0ffee")
        assert experiment(one.record)["ophamin:seed"] == str(trial.seed)
        assert one.record.validate() == []
        assert unpack(one.observations)[0].n_rows == 0


def test_a_draft_without_a_system_concludes_as_well():
    draft = opened(FEW).draft()
    (one,) = abandoned(draft, Situation(draft["command"], ROOT), "died")
    assert one.record.substrate_name == "a.b"
