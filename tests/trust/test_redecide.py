# SPDX-License-Identifier: Apache-2.0
"""Deciding again: what a trial concluded comes out the same, and what was edited afterwards does not."""

import copy
import gzip
import json
import random
import tracemalloc
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin import (
    count_rate,
    difference,
    effect_size,
    estimate,
    mean,
    median,
    observed,
    quantile,
    rank_correlation,
    rate,
    scenario,
)
from ophamin.core.canonical import canonical_bytes, content_hash
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.measuring.observations import pack, unpack
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.measuring.scenarios.base import Scenario, ScenarioScore, Tier
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.situation import Before
from ophamin.measuring.trial import Situation, Trial
from ophamin.seeing.corpus.base import Corpus
from ophamin.seeing.substrate.base import SubstrateUnderTest
from ophamin.trust.redecide import Redecided, redecide

ROOT = Path(__file__).parent
GOLDEN = ROOT.parents[1] / "fixtures" / "golden"


def trial_of(*expectations, situation=None, **how):
    def test_it(trial):
        """Does it hold?"""

    script = declaration_of(scenario("it holds", *expectations, **how)(test_it)).compile(test_it, name="a.b")
    trial = Trial(script, Situation("command", ROOT, **(situation or {})))
    trial.open()
    return trial


def conclude(expectation, rows, broken="", **how):
    trial = trial_of(expectation, **how)
    for row in rows:
        trial.observe(**row)
    return trial.conclude(broken)[0]


def again(one):
    return redecide(one.record, one.observations)


def drawn(make, n=200, seed=1):
    rng = random.Random(seed)
    return [make(rng) for _ in range(n)]


class Small(Corpus):
    """Records that are texts."""

    name = "small"

    def __init__(self, *texts):
        super().__init__()
        self.texts = texts

    def is_available(self):
        return True

    def records(self):
        return (CorpusRecord(str(number), text) for number, text in enumerate(self.texts))

    def _compute_count(self):
        return len(self.texts)

    def _compute_content_hash(self):
        return content_hash(list(self.texts))


class Fragile(SubstrateUnderTest):
    """Cannot measure the stimulus ``"bad"``."""

    name = "fragile"

    def git_commit(self):
        return "c0ffee"

    def reset(self):
        pass

    def run_cycle(self, stimulus, params=None):
        if stimulus == "bad":
            raise ConnectionError("no answer")
        return CycleResult(0, True, {"x": stimulus == "blocked"})


def cycles(expectation, stimuli, **how):
    trial = trial_of(expectation, **how)
    trial.attach(Fragile())
    for stimulus in stimuli:
        trial.substrate.run_cycle(stimulus)
    return trial.conclude()[0]


def census(*, skip=0):
    corpus = Small(*(f"text {number}" for number in range(30)))
    trial = trial_of(rate("x") <= 0.5, corpus=corpus, census=True)
    for number, _ in enumerate(trial.stream):
        if number >= skip:
            trial.observe(x=number % 5 == 0)
    return trial.conclude()[0]


def resumed():
    """A sequential claim that was undecided at its budget, and went on from there."""
    rows = [{"x": number % 10 == 0} for number in range(400)]
    first = trial_of(rate("x") <= 0.25, budget=40, method="mixture")
    for row in rows[:40]:
        first.observe(**row)
    (before,) = first.conclude()
    assert before.record.verdict.outcome == "INCONCLUSIVE"
    second = trial_of(rate("x") <= 0.25, budget=40, method="mixture")
    table, _ = unpack(before.observations)
    second.resume(Before(rows=table, order_seed=1, used=0, rounds=2, lineage=(before.proof_id,)))
    for row in rows[40:80]:
        second.observe(**row)
    return second.conclude()[0]


UNITS = [{"x": number % 4 == 0, "who": f"user {number // 4}"} for number in range(120)]
TRIALS = {
    "rate": lambda: conclude(rate("x") <= 0.5, drawn(lambda rng: {"x": rng.random() < 0.2})),
    "rate, refuted": lambda: conclude(rate("x") <= 0.1, drawn(lambda rng: {"x": rng.random() < 0.4})),
    "rate, undecided": lambda: conclude(rate("x") <= 0.2, drawn(lambda rng: {"x": rng.random() < 0.2}, 60)),
    "rate, sprt": lambda: conclude(
        rate("x") <= 0.3, drawn(lambda rng: {"x": rng.random() < 0.1}), mde=0.1, method="sprt"
    ),
    "rate, calibrated": lambda: conclude(
        rate("x") <= 0.3,
        drawn(lambda rng: {"x": rng.random() < 0.05}),
        mde=0.1,
        budget=150,
        method="sprt",
        boundaries="calibrated",
    ),
    "mean": lambda: conclude(mean("x", bounds=(0, 1)) >= 0.3, drawn(lambda rng: {"x": rng.random()})),
    "mean, betting": lambda: conclude(
        mean("x", bounds=(0, 1)) >= 0.3, drawn(lambda rng: {"x": rng.random()}), budget=200
    ),
    "mean, gaussian": lambda: conclude(mean("x", model="gaussian") <= 1.0, drawn(lambda rng: {"x": rng.gauss(0, 1)})),
    "quantile": lambda: conclude(quantile("x", 0.9) <= 0.99, drawn(lambda rng: {"x": rng.random()})),
    "median": lambda: conclude(median("x") >= 0.2, drawn(lambda rng: {"x": rng.random()}), budget=200),
    "difference": lambda: conclude(
        difference(mean("x", bounds=(0, 1)), "head", "base") >= -0.2,
        [{"x": one["x"], "arm": arm} for one in drawn(lambda rng: {"x": rng.random()}) for arm in ("head", "base")],
    ),
    "tau": lambda: conclude(
        rank_correlation("x", "y") >= 0.0,
        drawn(lambda rng: {"x": (x := rng.random()), "y": x + rng.random()}),
        budget=200,
    ),
    "count rate": lambda: conclude(count_rate("x") <= 3, drawn(lambda rng: {"x": rng.randrange(3)})),
    "effect size": lambda: conclude(effect_size("x") >= 0.1, drawn(lambda rng: {"x": rng.gauss(1, 1)}), budget=200),
    "observed": lambda: conclude(observed("x", deterministic=True) <= 3, [{"x": 2}]),
    "observed, interval": lambda: conclude(observed("x") <= 3, [{"x": estimate(2.0, 1.0, 2.5)}]),
    "observed, no interval": lambda: conclude(observed("x") <= 3, [{"x": 2.0}]),
    "census": census,
    "census, incomplete": lambda: census(skip=3),
    "resumed": resumed,
    "errors, excluded": lambda: cycles(rate("x") <= 0.5, [*["good"] * 60, "bad"], error_budget=1),
    "errors, too many": lambda: cycles(rate("x") <= 0.5, [*["good"] * 60, "bad"]),
    "errors, failures": lambda: cycles(rate("x") <= 0.5, [*["good"] * 9, "bad"] * 6, errors="fail"),
    "units": lambda: conclude(rate("x") <= 0.5, UNITS, unit="who"),
    "nothing observed": lambda: conclude(rate("x") <= 0.5, []),
    "broken": lambda: conclude(rate("x") <= 0.5, [{"x": False}] * 50, broken="the test body raised ValueError"),
    "stopped early": lambda: conclude(rate("x") <= 0.5, [{"x": False}] * 20, budget=50, method="exact"),
    "metric missing": lambda: conclude(rate("x") <= 0.5, [{"y": 1}] * 5),
    "out of bounds": lambda: conclude(mean("x", bounds=(0, 1)) >= 0.5, [{"x": 2.0}] * 5),
    "dependent": lambda: conclude(rate("x") <= 0.5, [{"x": number < 40} for number in range(100)]),
}
DECIDED = ("rate", "rate, refuted", "mean", "resumed", "observed", "quantile", "difference", "units")


@pytest.fixture(scope="module")
def concluded():
    """Each trial once."""
    made = {}
    return lambda name: made.setdefault(name, TRIALS[name]())


@pytest.mark.parametrize("name", TRIALS)
def test_what_a_trial_concluded_comes_out_again(concluded, name):
    one = concluded(name)
    answer = again(one)
    assert answer.result is Redecided.SAME, answer.words
    assert answer.words.startswith(one.record.verdict.outcome)


@pytest.mark.parametrize("name", TRIALS)
def test_it_comes_out_again_after_a_way_through_the_wire(concluded, name):
    one = concluded(name)
    assert redecide(EmpiricalProofRecord.from_dict(one.record.to_dict()), one.observations).result is Redecided.SAME


def test_the_trials_reach_all_verdicts(concluded):
    outcomes = {name: concluded(name).record.verdict.outcome for name in TRIALS}
    assert set(outcomes.values()) == {"VALIDATED", "REFUTED", "INCONCLUSIVE"}
    assert {outcomes[name] for name in DECIDED} == {"VALIDATED", "REFUTED"}
    assert outcomes["resumed"] == "VALIDATED"


# --- a record that was edited, its id made anew


def edited(one, change):
    data = one.record.to_dict()
    change(data)
    probe = copy.deepcopy(data)
    body = {key: value for key, value in probe.items() if key not in {"proof_id", "signature", "attestation"}}
    data["proof_id"] = content_hash(body)
    return EmpiricalProofRecord.from_dict(data)


def shift(path, by):
    def change(data):
        *way, last = path
        for key in way:
            data = data[key]
        data[last] += by

    return change


def put(path, value):
    def change(data):
        *way, last = path
        for key in way:
            data = data[key]
        data[last] = value

    return change


def both_estimates(value):
    def change(data):
        data["verdict"]["observed_value"] = data["evidence"][0]["statistic_value"] = value

    return change


ROW = ("evidence", 0)
EDITS = {
    "estimate of the verdict": shift(("verdict", "observed_value"), 1e-6),
    "estimate of the evidence": shift((*ROW, "statistic_value"), 1e-6),
    "both estimates": both_estimates(0.123),
    "upper bound": shift((*ROW, "ci_high"), -1e-6),
    "lower bound": shift((*ROW, "ci_low"), 1e-6),
    "lower bound taken out": put((*ROW, "ci_low"), None),
    "p-value": put((*ROW, "p_value"), 1e-9),
    "units": shift((*ROW, "detail", "n_units"), 1),
    "rows": shift((*ROW, "detail", "n_rows"), 1),
    "errors": put((*ROW, "detail", "errors"), False),
    "method": put((*ROW, "detail", "method"), "sprt"),
    "budget": put((*ROW, "detail", "cap"), 400),
    "named observations": put((*ROW, "detail", "observations_sha256"), "0" * 64),
    "reasons": put((*ROW, "detail", "inconclusive"), ["of my own"]),
    "statistic": put((*ROW, "statistic_name"), "rate(y)"),
    "verdict": put(("verdict", "outcome"), "REFUTED"),
    "bar of the verdict": put(("verdict", "threshold", "value"), 0.9),
    "claim": put(("claim", "statement"), "it holds always"),
    "registered plan": put(("preregistration", "config_hash"), "0" * 64),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_record_with_a_new_id_is_a_contradiction(concluded, name):
    one = concluded("rate")
    answer = redecide(edited(one, EDITS[name]), one.observations)
    assert answer.result is Redecided.CONTRADICTION, name


def moved_bar(data, value=0.6):
    """The bar moved everywhere: in claim, verdict and plan, with a new digest of the plan."""
    data["claim"]["threshold"]["value"] = data["verdict"]["threshold"]["value"] = value
    entity = data["provenance"]["entity"]["ophamin:scenario"]
    config = json.loads(entity["ophamin:config"])
    config["value"] = value
    text = canonical_bytes(config)
    entity["ophamin:config"] = text.decode("ascii")
    data["preregistration"]["config_hash"] = content_hash(config)


def test_a_bar_moved_everywhere_is_found_by_its_p_value(concluded):
    one = concluded("rate")
    assert redecide(edited(one, moved_bar), one.observations).result is Redecided.CONTRADICTION


def test_a_refutation_that_says_validated_is_a_contradiction(concluded):
    one = concluded("rate, refuted")
    answer = redecide(edited(one, put(("verdict", "outcome"), "VALIDATED")), one.observations)
    assert answer.result is Redecided.CONTRADICTION
    assert "VALIDATED" in answer.words


def test_a_refutation_with_an_invented_estimate_is_a_contradiction(concluded):
    def change(data):
        both_estimates(0.05)(data)
        data["verdict"]["outcome"] = "VALIDATED"

    one = concluded("rate, refuted")
    assert redecide(edited(one, change), one.observations).result is Redecided.CONTRADICTION


def test_an_undecided_record_that_says_validated_is_a_contradiction(concluded):
    def change(data):
        data["verdict"]["outcome"] = "VALIDATED"
        data["evidence"][0]["detail"]["inconclusive"] = []

    for name in ("rate, undecided", "dependent", "errors, too many", "stopped early", "census, incomplete"):
        one = concluded(name)
        if one.record.verdict.threshold.decide(one.record.verdict.observed_value):
            answer = redecide(edited(one, change), one.observations)
            assert answer.result is Redecided.CONTRADICTION, name
            assert "INCONCLUSIVE" in answer.words


def test_a_decided_record_that_gives_itself_up_says_why_or_is_a_contradiction(concluded):
    def change(data):
        data["verdict"]["outcome"] = "INCONCLUSIVE"

    one = concluded("rate, refuted")
    assert redecide(edited(one, change), one.observations).result is Redecided.CONTRADICTION


def test_a_broken_trial_stays_undecided_whatever_its_rows_say(concluded):
    answer = again(concluded("broken"))
    assert answer.words == "INCONCLUSIVE for what no observation shows: the test body raised ValueError"


def test_a_budget_is_used_again_only_by_a_record_that_goes_on_from_another(concluded):
    one = concluded("resumed")
    answer = redecide(edited(one, put(("reproduction", "lineage_chain"), [])), one.observations)
    assert answer.result is Redecided.CONTRADICTION
    assert "goes on from 0 runs" in answer.words


def test_a_census_without_its_corpus_is_a_contradiction(concluded):
    def change(data):
        data["data"]["datasets"] = [one for one in data["data"]["datasets"] if one["kind"] == "observations"]

    one = concluded("census")
    assert redecide(edited(one, change), one.observations).result is Redecided.CONTRADICTION


# --- observations that were edited or exchanged


def test_edited_observations_with_a_new_digest_are_a_contradiction(concluded):
    one = concluded("rate, refuted")
    table, _ = unpack(one.observations)
    table.columns["x"] = [False] * table.n_rows
    packed, digest = pack(table)
    answer = redecide(edited(one, put((*ROW, "detail", "observations_sha256"), digest)), packed)
    assert answer.result is Redecided.CONTRADICTION
    assert "estimate" in answer.words


@pytest.mark.parametrize("row", [0, 57, 199])
def test_one_edited_row_is_a_contradiction(concluded, row):
    one = concluded("mean")
    table, _ = unpack(one.observations)
    table.columns["x"][row] += 1e-9
    packed, digest = pack(table)
    answer = redecide(edited(one, put((*ROW, "detail", "observations_sha256"), digest)), packed)
    assert answer.result is Redecided.CONTRADICTION


def test_swapped_observations_are_a_contradiction(concluded):
    answer = redecide(concluded("rate").record, concluded("rate, refuted").observations)
    assert answer.result is Redecided.CONTRADICTION
    assert "digest" in answer.words


def test_the_digest_is_over_the_unpacked_bytes(concluded):
    one = concluded("rate")
    other = gzip.compress(gzip.decompress(one.observations), compresslevel=9, mtime=5)
    assert other != one.observations
    assert redecide(one.record, other).result is Redecided.SAME


# --- what cannot be computed again


def test_missing_observations_cannot_be_decided_on(concluded):
    answer = redecide(concluded("rate").record, None)
    assert (answer.result, answer.cause) == (Redecided.NOT_RECOMPUTABLE, "observations")


@pytest.mark.parametrize("data", [b"", b"no gzip", gzip.compress(b"[]"), gzip.compress(b'[{"format": "x"}]')])
def test_damaged_observations_cannot_be_decided_on(concluded, data):
    answer = redecide(concluded("rate").record, data)
    assert (answer.result, answer.cause) == (Redecided.NOT_RECOMPUTABLE, "observations")


def test_a_gzip_bomb_is_stopped_early(concluded):
    bomb = gzip.compress(bytes(200 * 2**20), compresslevel=9)
    record = concluded("rate").record
    tracemalloc.start()
    answer = redecide(record, bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.cause == "observations"
    assert "unpack to more than" in answer.words
    assert peak < 100 * 2**20


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_record_of_another_tool_cannot_be_decided_again(version):
    record = EmpiricalProofRecord.from_json(GOLDEN / f"proof-{version}.json")
    record.provenance = {}
    answer = redecide(record, None)
    assert (answer.result, answer.cause) == (Redecided.NOT_RECOMPUTABLE, "foreign")


def test_a_record_of_another_tool_that_contradicts_itself_is_one_all_the_same():
    record = EmpiricalProofRecord.from_json(GOLDEN / "proof-1.0.json")
    record.provenance = {}
    other = "REFUTED" if record.verdict.outcome == "VALIDATED" else "VALIDATED"
    record.verdict = replace(record.verdict, outcome=other)
    assert redecide(record, None).result is Redecided.CONTRADICTION


class Longest(Scenario, register=False):
    """Scores itself."""

    name, tier, family = "longest", Tier.SCIENTIFIC, "words"
    goal, explanation, falsification_consequence = "Is it short?", "Short is good.", "it is long"
    corpus_name, n_cycles = "sentences", 5

    def build_claim(self):
        from ophamin.measuring.proof.record import Claim, Threshold

        return Claim("no sentence is long", "the most words", Threshold("longest", "<=", 99.0), "h0", "h1")

    def score(self, cycle_results, records):
        return ScenarioScore(max(one.get("value") for one in cycle_results), deterministic=True)


def test_a_score_of_its_own_cannot_be_computed_again():
    record = Longest().run(lambda text: len(text.split()), sign_key=b"a key of my own")
    assert record.verdict.outcome == "VALIDATED"
    answer = redecide(record, None)
    assert (answer.result, answer.cause) == (Redecided.NOT_RECOMPUTABLE, "score")


def test_a_plan_of_another_version_cannot_be_read(concluded):
    def change(data):
        entity = data["provenance"]["entity"]["ophamin:scenario"]
        config = json.loads(entity["ophamin:config"]) | {"of_next_year": True}
        entity["ophamin:config"] = canonical_bytes(config).decode("ascii")
        data["preregistration"]["config_hash"] = content_hash(config)

    one = concluded("rate")
    answer = redecide(edited(one, change), one.observations)
    assert (answer.result, answer.cause) == (Redecided.NOT_RECOMPUTABLE, "plan")


def test_boundaries_that_take_too_long_to_calibrate_are_not_computed(concluded):
    def change(data):
        entity = data["provenance"]["entity"]["ophamin:scenario"]
        config = json.loads(entity["ophamin:config"])
        config["settings"]["budget"] = data["evidence"][0]["detail"]["cap"] = 10**9
        entity["ophamin:config"] = canonical_bytes(config).decode("ascii")
        data["preregistration"]["config_hash"] = content_hash(config)

    one = concluded("rate, calibrated")
    answer = redecide(edited(one, change), one.observations)
    assert (answer.result, answer.cause) == (Redecided.NOT_RECOMPUTABLE, "plan")


# --- anything at all


PLAIN = st.none() | st.booleans() | st.integers(-3, 10**15) | st.floats(-1e9, 1e9) | st.text(max_size=8)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_plan_of_any_content_raises_or_passes_for_the_same(concluded, data):
    one = concluded("rate")
    config = json.loads(one.record.provenance["entity"]["ophamin:scenario"]["ophamin:config"])
    place = data.draw(st.sampled_from([config, config["settings"], config["options"]]))
    name = data.draw(st.sampled_from(sorted(place) or ["new"]))
    before, value = place.get(name), data.draw(PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.text(), PLAIN))
    place[name] = value

    def change(wire):
        wire["provenance"]["entity"]["ophamin:scenario"]["ophamin:config"] = canonical_bytes(config).decode("ascii")

    answer = redecide(edited(one, change), one.observations)
    if canonical_bytes(value) != canonical_bytes(before):
        assert answer.result is not Redecided.SAME


def test_long_rows_are_read_in_the_order_in_which_they_came():
    rows = list(islice(cycle([{"x": True}, {"x": False}, {"x": False}, {"x": False}]), 9000))
    assert again(conclude(rate("x") <= 0.4, rows)).result is Redecided.SAME
