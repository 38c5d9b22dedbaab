# SPDX-License-Identifier: Apache-2.0
"""A verdict becomes the outcome of a test: word, count, exit code, and what xfail makes of it."""

import xml.etree.ElementTree as ET

import pytest
from _pytest.config import ExitCode


def by_word(result):
    """The words of a verbose session: name of the test -> word."""
    words = {}
    for line in result.outlines:
        parts = line.replace("\t", " ").split()
        node = next((part for part in parts if "::test_" in part and not part.startswith("/")), None)
        if node is not None and len(parts) >= 2 and any(part.isupper() and part.isalpha() for part in parts[:4]):
            words.setdefault(node.rpartition("::test_")[2], next(part for part in parts if part.isupper()))
    return words


def test_a_validated_claim_passes_and_exits_with_0(project):
    project.claims(right=0)
    result = project.run("-v")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"passed": 1})
    assert by_word(result) == {"right": "VALIDATED"}
    assert project.record().verdict.outcome == "VALIDATED"


def test_a_refuted_claim_fails_and_exits_with_1(project):
    project.claims(wrong=36)
    result = project.run("-v")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"failed": 1})
    assert by_word(result) == {"wrong": "REFUTED"}
    assert project.record().verdict.outcome == "REFUTED"


def test_an_inconclusive_claim_has_its_own_count_and_exits_with_0(project):
    project.claims(open=20)
    result = project.run("-v")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"inconclusive": 1})
    assert by_word(result) == {"open": "INCONCLUSIVE"}
    assert project.record().verdict.outcome == "INCONCLUSIVE"


def test_each_verdict_has_its_letter(project):
    project.claims(a_right=0, b_wrong=36, c_open=20)
    project.run().stdout.fnmatch_lines(["test_claims.py VR[?] *"])


def test_one_refuted_claim_among_others_makes_the_session_exit_with_1(both):
    both.claims(right=0, wrong=36, open=20)
    result = both.run()
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "inconclusive": 1}
    assert result.ret == ExitCode.TESTS_FAILED
    assert both.verdicts() == {"right": "VALIDATED", "wrong": "REFUTED", "open": "INCONCLUSIVE"}


def test_ordinary_tests_run_beside_scenarios(project):
    project.claims(right=0)
    project.write("def test_plain(): pass\ndef test_broken(): assert 0\n", "test_plain.py")
    result = project.run()
    assert result.parseoutcomes() == {"passed": 2, "failed": 1}
    assert project.verdicts() == {"right": "VALIDATED"}


def test_the_worst_of_several_claims_decides_and_each_leaves_a_record(project):
    project.write('''
        @scenario(
            "the answers are good",
            rate("wrong") <= 0.5,
            rate("late") <= 0.5,
            rate("rude") <= 0.5,
        )
        def test_answers(trial):
            """Are they good?"""
            for number in range(40):
                trial.observe(wrong=False, late=True, rude=number % 2 == 0)
    ''')
    result = project.run()
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"failed": 1})
    outcomes = {record.claim.threshold.metric: record.verdict.outcome for record in project.records()}
    assert outcomes == {"rate(wrong)": "VALIDATED", "rate(late)": "REFUTED", "rate(rude)": "INCONCLUSIVE"}


def test_an_undecided_claim_keeps_a_validated_one_from_passing(project):
    project.write('''
        @scenario("the answers are good", rate("wrong") <= 0.5, rate("rude") <= 0.5)
        def test_answers(trial):
            """Are they good?"""
            for number in range(40):
                trial.observe(wrong=False, rude=number % 2 == 0)
    ''')
    assert project.run().parseoutcomes() == {"inconclusive": 1}


def test_between_makes_two_claims_and_both_are_needed(project):
    project.write('''
        @scenario("about a tenth is wrong", rate("wrong").between(0.6, 0.9))
        def test_share(trial):
            """Is it about a tenth?"""
            for number in range(40):
                trial.observe(wrong=number % 10 == 0)
    ''')
    assert project.run().ret == ExitCode.TESTS_FAILED
    outcomes = {record.claim.h1: record.verdict.outcome for record in project.records()}
    assert outcomes == {"rate(wrong) >= 0.6": "REFUTED", "rate(wrong) <= 0.9": "VALIDATED"}


KNOWN = "@pytest.mark.xfail(raises=Refuted, strict={strict})"


def test_a_known_refutation_is_an_expected_failure(both):
    both.claims(marks=KNOWN.format(strict=True), wrong=36)
    result = both.run()
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"xfailed": 1})
    assert both.record().verdict.outcome == "REFUTED"


def test_a_known_refutation_that_validates_fails_without_the_word_validated(project):
    project.claims(marks=KNOWN.format(strict=True), right=0)
    result = project.run("-v")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"failed": 1})
    assert by_word(result) == {"right": "FAILED"}
    assert project.record().verdict.outcome == "VALIDATED"


@pytest.mark.parametrize("strict", [True, False])
def test_a_known_refutation_that_is_undecided_is_inconclusive(project, strict):
    project.claims(marks=KNOWN.format(strict=strict), open=20)
    result = project.run("-v")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"inconclusive": 1})
    assert by_word(result) == {"open": "INCONCLUSIVE"}


def test_a_lenient_known_refutation_that_validates_is_an_unexpected_pass(project):
    project.claims(marks=KNOWN.format(strict=False), right=0)
    result = project.run("-v")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"xpassed": 1})
    assert by_word(result) == {"right": "XPASS"}


def test_a_body_that_raises_is_no_known_refutation(project):
    project.write('''
        @pytest.mark.xfail(raises=Refuted, strict=True)
        @scenario("nothing is wrong", rate("wrong") <= 0.5)
        def test_broken(trial):
            """Does it run?"""
            raise LookupError("no such answer")
    ''')
    assert project.run().parseoutcomes() == {"failed": 1}
    assert project.record().verdict.outcome == "INCONCLUSIVE"


def test_a_body_that_raises_is_an_ordinary_failure(project):
    project.write('''
        @scenario("nothing is wrong", rate("wrong") <= 0.5)
        def test_broken(trial):
            """Does it run?"""
            trial.observe(wrong=False)
            raise LookupError("no such answer")
    ''')
    result = project.run("-v")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"failed": 1})
    assert by_word(result) == {"broken": "FAILED"}
    assert project.record().evidence[0].detail["inconclusive"][0] == "the test body raised LookupError: no such answer"


def properties(path):
    """Name of each test in a JUnit file -> its properties."""
    return {
        case.get("name").removeprefix("test_"): {
            one.get("name"): one.get("value") for one in case.iterfind("properties/property")
        }
        for case in ET.parse(path).iter("testcase")
    }


def test_the_junit_file_has_counts_and_verdicts(both):
    both.claims(right=4, wrong=36, open=20)
    both.run("--junitxml=junit.xml")
    (suite,) = ET.parse(both.path / "junit.xml").getroot().iter("testsuite")
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["3", "1", "0", "1"]
    told = properties(both.path / "junit.xml")
    assert {name: one["ophamin.verdict"] for name, one in told.items()} == {
        "right": "VALIDATED",
        "wrong": "REFUTED",
        "open": "INCONCLUSIVE",
    }
    claim = "ophamin.rate(wrong) <= 0.5"
    assert told["right"][f"{claim}.observed"] == "0.1"
    assert told["right"][f"{claim}.n"] == "40"
    assert (both.path / told["right"][f"{claim}.record"]).is_file()


def test_the_junit_file_places_an_undecided_claim_in_the_users_own_file(project):
    project.claims(open=20)
    project.run("--junitxml=junit.xml")
    (skipped,) = ET.parse(project.path / "junit.xml").iter("skipped")
    assert "test_claims.py" in skipped.text
    assert "verdicts.py" not in skipped.text


def test_two_bounds_of_one_statistic_have_properties_of_their_own(project):
    project.write('''
        @scenario("about a tenth is wrong", rate("wrong").between(0.01, 0.5))
        def test_share(trial):
            """Is it about a tenth?"""
            for number in range(40):
                trial.observe(wrong=number % 10 == 0)
    ''')
    project.run("--junitxml=junit.xml")
    told = properties(project.path / "junit.xml")["share"]
    assert told["ophamin.rate(wrong) >= 0.01.verdict"] == "VALIDATED"
    assert told["ophamin.rate(wrong) <= 0.5.verdict"] == "VALIDATED"


def test_the_gate_looks_at_every_claim_of_a_test_and_not_only_at_the_worst(project):
    project.write('''
        @scenario("two claims", rate("bad") <= 0.1, rate("coin") <= 0.5)
        def test_two(trial):
            """Do both hold?"""
            for n in range(40):
                trial.observe(bad=True, coin=n % 2 == 0)
    ''')
    result = project.run("--ophamin-gate=inconclusive")
    assert result.ret == 80
