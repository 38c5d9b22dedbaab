# SPDX-License-Identifier: Apache-2.0
"""What goes wrong while a claim is tried: the test fails, the record is INCONCLUSIVE, and both say why."""

import pytest
from _pytest.config import ExitCode


def tried(project, declaration, body, *, asks="trial"):
    """Run one scenario whose body is a loop of 40 turns."""
    project.write(f'''
        @scenario("it is good", {declaration})
        def test_bad({asks}):
            """Is it refused?"""
            for number in range(40):
                {body}
    ''')
    return project.run()


def fails(project, result, *words):
    """The test failed or could not begin, the record is INCONCLUSIVE, and every word is said in both."""
    assert result.ret == ExitCode.TESTS_FAILED
    record = project.record()
    assert record.verdict.outcome == "INCONCLUSIVE"
    reason = record.evidence[0].detail["inconclusive"][0]
    shown = " ".join(line.removeprefix("E").strip() for line in result.outlines)
    assert [word for word in words if word not in reason] == []
    assert [word for word in words if word not in shown] == []


def test_a_metric_that_nothing_carried(project):
    result = tried(project, 'rate("wrnog") <= 0.5', "trial.observe(wrong=False)")
    fails(project, result, "no cycle or observation carried 'wrnog'", "did you mean 'wrong'")
    assert result.parseoutcomes() == {"failed": 1}


def test_the_failure_is_shown_without_a_walk_through_the_engine(project):
    result = tried(project, 'rate("wrnog") <= 0.5', "trial.observe(wrong=False)")
    result.stdout.fnmatch_lines(["*MetricMissingError: no cycle or observation carried 'wrnog'*"])
    result.stdout.no_fnmatch_line("*ophamin/*.py:*")


def test_a_metric_that_no_cycle_carried(project):
    result = tried(project, 'rate("phy") <= 0.5, substrate="mock"', 'substrate.run_cycle("x", {})', asks="substrate")
    fails(project, result, "no cycle or observation carried 'phy'", "Known: ")
    assert result.parseoutcomes() == {"failed": 1}


def test_a_share_where_a_rate_needs_0_or_1(project):
    result = tried(project, 'rate("wrong") <= 0.5', "trial.observe(wrong=0.7)")
    fails(project, result, "0.7", "a rate needs 0 or 1", "mean with bounds")


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')"])
def test_an_undefined_value_is_observed(project, value):
    result = tried(project, 'mean("size", bounds=(0, 1)) <= 0.5', f"trial.observe(size={value})")
    fails(project, result, value[7:10], "an undefined value is no observation")


def test_an_object_is_observed(project):
    result = tried(project, 'rate("wrong") <= 0.5', "trial.observe(wrong=object())")
    fails(project, result, "wrong is a object", "observe a number, True or False, a text")


def test_a_value_beyond_its_declared_bounds(project):
    result = tried(project, 'mean("size", bounds=(0, 1)) <= 0.5', "trial.observe(size=number)")
    fails(project, result, "2", "0.0", "1.0")


def test_nothing_is_observed(project):
    result = tried(project, 'rate("wrong") <= 0.5', "trial.observe()")
    fails(project, result, "observe() takes at least one named value", "observe(blocked=True)")


def test_a_fixed_plan_is_asked_whether_it_is_decided(project):
    result = tried(project, 'rate("wrong") <= 0.5', "trial.decided")
    fails(project, result, "fixed-sample plan", "each earlier look would add to its error rate")


def test_a_stream_without_a_corpus(project):
    result = tried(project, 'rate("wrong") <= 0.5', "pass", asks="trial, stream")
    fails(project, result, "asks for a stream and declares no corpus", "corpus='sentences'")
    assert result.parseoutcomes() == {"errors": 1}


def test_a_substrate_that_is_not_declared(project):
    result = tried(project, 'rate("wrong") <= 0.5', "pass", asks="substrate")
    fails(project, result, "no system under test", "--substrate NAME")


@pytest.mark.parametrize("name", ["moc", "moc:seed=3"])
def test_an_unknown_substrate(project, name):
    result = tried(project, f'rate("wrong") <= 0.5, substrate="{name}"', "pass", asks="substrate")
    fails(project, result, "unknown substrate 'moc'", "nor a fixture of this project", "did you mean 'mock'")


def test_an_unknown_option_of_a_substrate(project):
    result = tried(project, 'rate("wrong") <= 0.5, substrate="mock:sed=3"', "pass", asks="substrate")
    fails(project, result, "sed", "seed")


def test_a_fixture_that_is_no_system(project):
    project.write("import pytest\n\n@pytest.fixture\ndef model():\n    return 3\n", "conftest.py")
    result = tried(project, 'rate("wrong") <= 0.5, substrate="model"', "pass", asks="substrate")
    fails(project, result, "int", "it needs name, reset, run_cycle")


def test_an_ordinary_test_that_asks_for_a_trial(project):
    project.write("def test_plain(trial): pass")
    result = project.run()
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(["*test_plain asks for the fixture 'trial'*decorate it with @scenario*"])


def test_a_system_that_raises_on_every_cycle_is_inconclusive_and_its_error_is_quoted(project):
    project.write('''
        def broken(text):
            raise ConnectionError("no route to model")

        @scenario("it is good", rate("success") >= 0.5, substrate=broken)
        def test_bad(substrate):
            """Is it inconclusive?"""
            for number in range(40):
                substrate.run_cycle("x")
    ''')
    result = project.run()
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"inconclusive": 1})
    evidence = project.record().evidence[0]
    assert evidence.detail["inconclusive"][0].startswith("40 of 40 cycles could not be measured (error_budget=0)")
    assert evidence.detail["first_error"] == "ConnectionError: no route to model"
    assert evidence.statistic_value is None


def test_a_body_that_observes_nothing_is_inconclusive(project):
    result = tried(project, 'rate("wrong") <= 0.5', "pass")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"inconclusive": 1})
    assert project.record().verdict.observed_value is None


FILES = {
    "missing": (None, ["prompts.jsonl", "No such file", "check the path"]),
    "empty": ("", ["prompts.jsonl", "is empty"]),
    "blank": ("\n\n", ["prompts.jsonl", "holds no record"]),
    "half JSON": ('{"text": "one"}\n{"text": "tw', ["prompts.jsonl", "2"]),
}


@pytest.mark.parametrize("case", FILES)
def test_a_corpus_file_that_cannot_be_used(project, case):
    content, words = FILES[case]
    if content is not None:
        (project.path / "prompts.jsonl").write_text(content)
    project.write('''
        @scenario("it is good", rate("wrong") <= 0.5, corpus="jsonl:prompts.jsonl")
        def test_bad(trial, stream):
            """Is it refused?"""
            for record in stream:
                trial.observe(wrong=False)
    ''')
    result = project.run()
    assert result.ret == ExitCode.TESTS_FAILED
    shown = " ".join(line.removeprefix("E").strip() for line in result.outlines)
    assert [word for word in words if word not in shown] == []
    assert {record.verdict.outcome for record in project.records()} <= {"INCONCLUSIVE"}


def test_a_corpus_that_ends_before_the_budget_is_inconclusive(project):
    project.write('''
        @scenario("it is good", rate("wrong") <= 0.5, corpus="sentences", budget=61, method="exact")
        def test_bad(trial, stream):
            """Is it inconclusive?"""
            for record in stream:
                trial.observe(wrong=False)
    ''')
    assert project.run().parseoutcomes() == {"inconclusive": 1}
    reason = project.record().evidence[0].detail["inconclusive"][0]
    assert reason == "exhausted: the corpus gave 60 records, the plan declares 61 units"


def test_a_body_that_stops_before_its_budget_is_inconclusive(project):
    result = tried(project, 'rate("wrong") <= 0.5, budget=41, method="exact"', "trial.observe(wrong=False)")
    assert result.parseoutcomes() == {"inconclusive": 1}
    assert project.record().evidence[0].detail["inconclusive"][0] == "stopped early: 40 units of the declared 41"


def test_wall_time_beside_other_tests_is_inconclusive(spread):
    spread.write('''
        @scenario("it is quick", quantile("wall_time_s", 0.5) <= 60, substrate=len)
        def test_quick(substrate):
            """Is it quick?"""
            for _ in range(40):
                substrate.run_cycle("x")

        @scenario("it is quick", quantile("wall_time_s", 0.5) <= 60, substrate=len, load="any")
        def test_quick_in_any_case(substrate):
            """Is it quick?"""
            for _ in range(40):
                substrate.run_cycle("x")
    ''')
    assert spread.run().parseoutcomes() == {"inconclusive": 1, "passed": 1}
    assert spread.verdicts() == {"quick": "INCONCLUSIVE", "quick_in_any_case": "VALIDATED"}
