# SPDX-License-Identifier: Apache-2.0
"""The class form of a scenario: it registers itself, runs on the same engine, and becomes a test."""

import json
import warnings
from pathlib import Path

import pytest

from ophamin import as_test, conduct
from ophamin.core.plugins import PluginProtocolViolationError
from ophamin.core.shapes import CycleResult
from ophamin.core.signing import DEFAULT_SIGN_KEY
from ophamin.errors import ClaimError
from ophamin.measuring.proof.record import Claim, PillarEvidence, Threshold
from ophamin.measuring.scenarios.base import (
    SCENARIOS,
    DuplicateScenarioNameError,
    Scenario,
    ScenarioMetadataMissingError,
    ScenarioNameNotOverriddenError,
    ScenarioScore,
    Tier,
)
from ophamin.seeing.contract import FieldContract, ScenarioFieldContract, ScenarioFieldContractViolation
from ophamin.seeing.substrate.function import FunctionSubstrate

KEY = b"a key of one's own"


@pytest.fixture(autouse=True)
def _registry():
    """Scenarios that a test defines are taken out again."""
    before = set(SCENARIOS.names())
    yield
    for name in set(SCENARIOS.names()) - before:
        SCENARIOS.unregister(name)


class Words(Scenario, register=False):
    """Counts words; what a score says is set by each test."""

    name = "word-count"
    tier = Tier.SCIENTIFIC
    family = "words"
    goal = "Are the sentences short?"
    explanation = "Short sentences are read."
    falsification_consequence = "they are not read"
    corpus_name = "sentences"
    n_cycles = 20

    def __init__(self, verdict=None, bar=12.0):
        self.verdict = verdict or (lambda values: ScenarioScore(max(values), deterministic=True))
        self.bar = bar

    def build_claim(self):
        return Claim("no sentence is long", "the most words", Threshold("longest", "<=", self.bar, "words"), "h0", "h1")

    def score(self, cycle_results, records):
        return self.verdict([result.get("value") for result in cycle_results])


def count_words(text):
    return len(text.split())


def run(scenario, system=count_words, **how):
    return scenario.run(FunctionSubstrate(system), sign_key=KEY, **how)


# -- running ----------------------------------------------------------------------------------------------------------


def test_a_class_runs_to_a_sealed_and_well_formed_record():
    record = run(Words())
    assert (record.verdict.outcome, record.verdict.observed_value) == ("VALIDATED", 11.0)
    assert record.claim == Words().build_claim()
    assert record.verify_signature(KEY)
    assert record.validate() == []
    assert record.preregistration.preregistered_at < record.created_at


def test_a_deterministic_score_decides_both_ways():
    assert run(Words(bar=10.5)).verdict.outcome == "REFUTED"


def test_a_score_without_an_interval_is_inconclusive():
    record = run(Words(lambda values: ScenarioScore(max(values))))
    assert record.verdict.outcome == "INCONCLUSIVE"
    assert "undecided: no interval" in record.verdict.reasoning


def test_an_interval_decides():
    score = ScenarioScore(9.0, low=8.0, high=11.0)
    assert run(Words(lambda values: score)).verdict.outcome == "VALIDATED"
    assert run(Words(lambda values: score, bar=10.0)).verdict.outcome == "INCONCLUSIVE"
    assert run(Words(lambda values: score, bar=7.0)).verdict.outcome == "REFUTED"


def test_the_evidence_of_the_author_follows_that_of_the_verdict():
    own = PillarEvidence("O.words", "mean words", 9.0, "statistics", "3.11")
    record = run(Words(lambda values: ScenarioScore(12.0, [own], deterministic=True)))
    assert [row.pillar for row in record.evidence] == ["claim.deterministic", "O.words"]


def test_the_score_sees_the_raw_cycles_and_the_records_in_their_order():
    class Looking(Words, register=False):
        def score(self, cycle_results, records):
            seen.append(([result.raw for result in cycle_results], [record.text for record in records]))
            return ScenarioScore(1.0, deterministic=True)

    seen = []
    run(Looking(), lambda text: {"answer": text.upper(), "list": [1]})
    ((raws, texts),) = seen
    assert len(texts) == 20
    assert raws == [{"answer": text.upper(), "list": [1]} for text in texts]


def test_at_most_n_cycles_records_are_used_and_named():
    record = run(Words())
    used = {ref.kind: ref for ref in record.datasets}["records-used"]
    assert (used.n_records, used.source) == (20, "as the scenario selects them")
    assert {ref.kind: ref.n_records for ref in record.datasets}["text"] == 60


def test_select_records_chooses_and_orders():
    class Longest(Words, register=False):
        def select_records(self, corpus):
            return sorted(corpus.records(), key=lambda record: -record.metadata["words"])

        def score(self, cycle_results, records):
            words.extend(record.metadata["words"] for record in records)
            return ScenarioScore(1.0, deterministic=True)

    words = []
    run(Longest())
    assert words == sorted(words, reverse=True)
    assert len(words) == 20


def test_a_selection_of_nothing_and_a_class_without_a_corpus_say_what_to_change():
    class Nothing(Words, register=False):
        def select_records(self, corpus):
            return []

    class Bare(Words, register=False):
        corpus_name = ""

    with pytest.raises(ClaimError, match="selected no record of 'sentences'"):
        run(Nothing())
    with pytest.raises(ClaimError, match="names no corpus; set corpus_name"):
        run(Bare())


def test_a_class_that_drives_itself_may_do_without_a_system():
    class Static(Words, register=False):
        corpus_name = ""

        def drive(self, trial):
            trial.observe(words=7)

        def score(self, cycle_results, records):
            return ScenarioScore(7.0, deterministic=True)

    record = Static().run(None, sign_key=KEY)
    assert (record.verdict.outcome, record.substrate_name, record.validate()) == ("VALIDATED", "word-count", [])


def test_running_twice_gives_the_same_claim_data_and_verdict():
    scenario = Words()
    first, second = run(scenario), run(scenario)
    assert first.preregistration.config_hash == second.preregistration.config_hash
    assert [ref.content_hash for ref in first.datasets[:2]] == [ref.content_hash for ref in second.datasets[:2]]
    assert (first.verdict, second.verdict.observed_value) == (second.verdict, 11.0)


def test_the_system_is_reset_before_each_run():
    resets = []

    class Remembering:
        def __call__(self, text):
            return 1

        def reset(self):
            resets.append(1)

    scenario, system = Words(), FunctionSubstrate(Remembering())
    scenario.run(system, sign_key=KEY)
    scenario.run(system, sign_key=KEY)
    assert len(resets) == 2


def test_a_cycle_that_cannot_be_measured_makes_the_verdict_inconclusive():
    def sometimes(text):
        if text.startswith("The kettle"):
            raise ConnectionError("no answer")
        return 3

    record = run(Words(lambda values: ScenarioScore(3.0, deterministic=True)), sometimes)
    assert record.verdict.outcome == "INCONCLUSIVE"
    assert "1 of 20 cycles could not be measured; first: ConnectionError: no answer" in record.verdict.reasoning


def test_what_a_score_raises_passes_through():
    with pytest.raises(ZeroDivisionError):
        run(Words(lambda values: 1 / 0))


def test_a_data_root_is_where_the_path_of_the_corpus_starts(tmp_path):
    class Lines(Words, register=False):
        corpus_name = "lines:some.txt"

    (tmp_path / "some.txt").write_text("one two\nthree\n", encoding="utf-8")
    assert run(Lines(), data_root=tmp_path).verdict.observed_value == 2.0
    assert run(Lines(), data_root=str(tmp_path)).verdict.observed_value == 2.0


# -- the configuration ------------------------------------------------------------------------------------------------


def config_of(scenario):
    return json.loads(run(scenario).provenance["entity"]["ophamin:scenario"]["ophamin:config"])


def test_metadata_threshold_and_selection_are_in_the_configuration():
    config = config_of(Words())
    kept = {name: config[name] for name in ("name", "tier", "family", "goal", "value", "comparator", "if_refuted")}
    assert kept == {
        "name": "word-count",
        "tier": "scientific",
        "family": "words",
        "goal": "Are the sentences short?",
        "value": 12.0,
        "comparator": "<=",
        "if_refuted": "they are not read",
    }
    assert config["parameters"] == {"target": "entity", "n_cycles": 20}
    assert config["corpus"]["name"] == "sentences"


def test_the_source_of_score_selection_drive_and_claim_is_in_the_configuration():
    class Score(Words, register=False):
        def score(self, cycle_results, records):
            return ScenarioScore(1.0, deterministic=True)

    class Select(Words, register=False):
        def select_records(self, corpus):
            return list(corpus.records())

    digests = {config_of(scenario)["source_digest"] for scenario in (Words(), Score(), Select())}
    assert len(digests) == 3


def test_the_command_names_the_class_or_its_script():
    class Scripted(Words, register=False):
        runner_path = "examples/words.py"

    assert run(Scripted()).reproduction.command == "python examples/words.py"
    assert "import Words; Words().run(SUBSTRATE)" in run(Words()).reproduction.command


# -- keys -------------------------------------------------------------------------------------------------------------


def test_the_default_key_warns_once_and_verifies():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        record = Words().run(FunctionSubstrate(count_words))
    assert [str(one.message)[:36] for one in caught] == ["sealed with the public default key, w"[:36]]
    assert caught[0].filename == __file__
    assert record.verify_signature(DEFAULT_SIGN_KEY)


def test_an_own_key_does_not_warn_and_no_other_key_verifies():
    record = run(Words())
    assert record.verify_signature(KEY)
    assert not record.verify_signature(DEFAULT_SIGN_KEY)


def test_an_empty_key_leaves_the_record_unsealed():
    assert Words().run(FunctionSubstrate(count_words), sign_key=b"").signature == ""


# -- the contract of fields -------------------------------------------------------------------------------------------


class Needing(Words, register=False):
    def field_contract(self):
        return ScenarioFieldContract("word-count", (FieldContract("value", types=(int,)),))


def test_a_field_that_the_system_does_not_give_stops_the_run_at_the_first_cycle():
    seen = []

    class Other(Needing, register=False):
        def drive(self, trial):
            for text in ("one", "two"):
                seen.append(text)
                trial.substrate.run_cycle(text)

    with pytest.raises(ScenarioFieldContractViolation, match=r"value: the cycle gave no such field") as caught:
        run(Other(), lambda text: {"values": 1})
    assert [violation.kind for violation in caught.value.violations] == ["missing_required"]
    assert seen == ["one"]


def test_a_field_of_another_type_is_a_violation():
    with pytest.raises(ScenarioFieldContractViolation, match="is of type str; the scenario reads int"):
        run(Needing(), lambda text: {"value": "3"})


def test_the_contract_is_held_against_the_first_cycle_that_could_be_measured():
    def late(text):
        if text.startswith("The kettle"):
            raise ConnectionError
        return {"values": 1}

    with pytest.raises(ScenarioFieldContractViolation):
        run(Needing(), late)


def test_only_the_first_cycle_is_held_against_the_contract():
    answers = iter([{"value": 1}] + [{"other": 1}] * 19)
    scenario = Needing(lambda values: ScenarioScore(1.0, deterministic=True))
    assert run(scenario, lambda text: next(answers)).verdict.outcome == "VALIDATED"


def test_a_system_that_keeps_the_contract_runs():
    assert run(Needing()).verdict.outcome == "VALIDATED"


# -- registration -----------------------------------------------------------------------------------------------------


def define(register=True, **attributes):
    body = {
        "name": "defined-here",
        "tier": Tier.ENGINEERING,
        "family": "f",
        "goal": "g",
        "explanation": "e",
        "build_claim": Words.build_claim,
        "score": Words.score,
    } | attributes
    body = {key: value for key, value in body.items() if value is not None}
    return type(Scenario)(attributes.get("__qualname__", "Defined"), (Scenario,), body, register=register)


def test_a_class_registers_itself_when_it_is_defined():
    cls = define()
    assert SCENARIOS["defined-here"] is cls


def test_register_false_skips_registration_and_its_checks():
    define(register=False, name=None, tier=None, goal="")
    assert "defined-here" not in SCENARIOS


def test_a_class_that_keeps_the_name_of_the_base_is_refused():
    with pytest.raises(ScenarioNameNotOverriddenError, match="keeps the name 'scenario'"):
        define(name=None)
    with pytest.raises(RuntimeError):
        define(name="scenario")


def test_missing_metadata_is_named_one_by_one():
    with pytest.raises(ScenarioMetadataMissingError, match="declares no tier, no goal, no explanation") as caught:
        define(tier=None, goal="", explanation=None)
    assert caught.value.missing == ("tier", "goal", "explanation")
    assert "defined-here" not in SCENARIOS


def test_two_classes_of_one_name_are_refused_and_both_are_named():
    first = define()
    with pytest.raises(DuplicateScenarioNameError, match=r"taken by .*Defined; give .*Other another") as caught:
        define(__qualname__="Other")
    assert (caught.value.name, caught.value.existing) == ("defined-here", first)
    assert SCENARIOS["defined-here"] is first


def test_the_same_class_again_is_no_error_and_the_newer_one_takes_the_place():
    define()
    again = define()
    assert SCENARIOS["defined-here"] is again
    assert SCENARIOS.register(again) is again


def test_a_class_that_an_entry_point_offers_is_defined_without_loading_that_entry_point(monkeypatch):
    class Point:
        name = "defined-here"
        value = "somewhere:Defined"
        dist = None

        def load(self):
            raise AssertionError("the module that defines the class would be imported within its own import")

    monkeypatch.setitem(SCENARIOS._offers, "defined-here", [Point()])
    cls = define()
    assert SCENARIOS["defined-here"] is cls


def test_what_is_no_scenario_cannot_be_registered():
    with pytest.raises(PluginProtocolViolationError, match="build_claim"):
        SCENARIOS.register(int, "int")


def test_a_scenario_cannot_be_made_without_claim_and_score():
    class Half(Scenario, register=False):
        def build_claim(self):
            return Words().build_claim()

    with pytest.raises(TypeError, match="score"):
        Half()


def test_tier_takes_its_seed_form():
    assert [tier.value for tier in Tier] == [
        "scientific",
        "engineering",
        "philosophical",
        "empirical_deep",
        "measurement_machinery",
    ]
    assert Tier.parse("scientific") is Tier.SCIENTIFIC
    with pytest.raises(ClaimError, match="did you mean 'philosophical'"):
        Tier.parse("philosophic")


# -- as a test --------------------------------------------------------------------------------------------------------


def test_as_test_makes_a_scenario_that_conduct_can_try():
    test = as_test(Words)
    assert (test.__name__, test.__doc__) == ("test_word_count", "Are the sentences short?\n\nShort sentences are read.")
    record = conduct(test, count_words)
    assert (record.verdict.outcome, record.signature) == ("VALIDATED", "")
    assert record.provenance["entity"]["ophamin:scenario"]["ophamin:name"] == "word-count"


def test_as_test_passes_arguments_on_and_records_them():
    record = conduct(as_test(Words, bar=10.5), count_words)
    assert record.verdict.outcome == "REFUTED"
    config = json.loads(record.provenance["entity"]["ophamin:scenario"]["ophamin:config"])
    assert config["parameters"] == {"target": "entity", "n_cycles": 20, "bar": 10.5}


def test_a_test_made_of_a_class_can_be_tried_twice():
    test = as_test(Words)
    assert conduct(test, count_words).verdict == conduct(test, count_words).verdict


def test_a_class_becomes_a_test_in_a_session_that_pytest_collects(pytester):
    source = Path(__file__).read_text(encoding="utf-8")
    start, end = source.index("class Words"), source.index("def run(scenario")
    pytester.makepyfile(
        "from ophamin import as_test\n"
        "from ophamin.measuring.proof.record import Claim, Threshold\n"
        "from ophamin.measuring.scenarios.base import Scenario, ScenarioScore, Tier\n"
        + source[start:end]
        + "test_words = as_test(Words)\n"
    )
    result = pytester.runpytest_subprocess("--ophamin", "--substrate=mock", "-p", "no:cacheprovider")
    assert result.parseoutcomes().get("failed", 0) == 1  # the mock gives no "value": the score raises, and says so
    result.stdout.fnmatch_lines(["*TypeError*"])
    assert len(list(pytester.path.glob("proofs/latest/**/proof.json"))) == 1


def test_a_cycle_result_is_what_the_score_gets():
    class Kinds(Words, register=False):
        def score(self, cycle_results, records):
            assert all(type(result) is CycleResult for result in cycle_results)
            return ScenarioScore(1.0, deterministic=True)

    assert run(Kinds()).verdict.outcome == "VALIDATED"
