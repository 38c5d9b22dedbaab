# SPDX-License-Identifier: Apache-2.0
"""What is said of a scenario that cannot be tried: the value, the limit, the way out."""

import pytest
from _pytest.config import ExitCode

BODY = '''
    def test_bad({asks}):
        """{goal}"""
        for number in range(40):
            {observe}
'''


def bad(project, declaration, *, asks="trial", goal="Is it refused?", observe="trial.observe(wrong=False)"):
    project.write(f"    @scenario({declaration})" + BODY.format(asks=asks, goal=goal, observe=observe))


def refused(result, *words):
    """The session stopped at collection, and every word is in what it said."""
    assert result.ret == ExitCode.INTERRUPTED
    assert result.parseoutcomes() == {"errors": 1}
    shown = " ".join(line.removeprefix("E").strip() for line in result.outlines)
    assert [word for word in words if word not in shown] == []


UNDECLARABLE = {
    "no claim": ('"it is good"', ["'it is good'", "no bound", "rate('blocked') <= 0.10"]),
    "no sentence": ('rate("wrong") <= 0.5', ["begins with its claim as a sentence"]),
    "empty sentence": ('"  ", rate("wrong") <= 0.5', ["'  '", "sentence"]),
    "no bound": ('"it is good", rate("wrong")', ["rate(wrong) alone is no claim", "rate(wrong) <= 0.10"]),
    "NaN bound": ('"it is good", rate("wrong") <= float("nan")', ["nan", "finite number"]),
    "infinite bound": ('"it is good", rate("wrong") <= float("inf")', ["inf", "finite number"]),
    "text bound": ('"it is good", rate("wrong") <= "0.5"', ["'0.5'", "number"]),
    "chained bounds": ('"it is good", 0.1 <= rate("wrong") <= 0.5', ["between(low, high)"]),
    "empty range": ('"it is good", rate("wrong").between(0.5, 0.1)', ["between(0.5, 0.1)", "smaller bound first"]),
    "unknown tier": ('"it is good", rate("wrong") <= 0.5, tier="scientifc"', ["did you mean 'scientific'"]),
    "unknown setting": ('"it is good", rate("wrong") <= 0.5, alfa=0.01', ["'alfa'", "did you mean 'alpha'"]),
    "two substrates": ('"it is good", rate("wrong") <= 0.5, substrate=len, substrates=[len]', ["not both"]),
    "one name twice": ('"it is good", rate("wrong") <= 0.5, substrates=[len, len]', ["'len'", "give them names"]),
    "rate beyond 1": ('"it is good", rate("wrong") <= 10', ["10", "0.0 and 1.0", "not a percentage"]),
    "unbounded mean": ('"it is good", mean("size") <= 10', ["needs bounds or a model", "bounds=(lo, hi)"]),
    "bounds turned round": ('"it is good", mean("size", bounds=(1, 0)) <= 0.5', ["1", "0"]),
    "unknown method": ('"it is good", rate("wrong") <= 0.5, method="exct"', ["'exct'", "did you mean 'exact'"]),
    "impossible alpha": ('"it is good", rate("wrong") <= 0.5, alpha=0.7', ["0.7", "between 0 and 0.5"]),
    "empty budget": ('"it is good", rate("wrong") <= 0.5, budget=0', ["budget", "at least 1", "0"]),
    "impossible minimum": ('"it is good", rate("wrong") <= 0.5, budget=5, min_samples=9', ["samples=9", "budget=5"]),
    "unknown order": ('"it is good", rate("wrong") <= 0.5, order="any"', ["'random' or 'file'", "'any'"]),
    "census of nothing": ('"it is good", rate("wrong") <= 0.5, census=True', ["census=True", "declare corpus="]),
    "unknown corpus": ('"it is good", rate("wrong") <= 0.5, corpus="sentence"', ["did you mean 'sentences'"]),
    "pathless corpus": ('"it is good", rate("wrong") <= 0.5, corpus="jsonl"', ["jsonl:PATH"]),
    "unknown corpus option": ('"it is good", rate("wrong") <= 0.5, corpus="jsonl:a.jsonl,txt=b"', ["txt", "text"]),
    "unknown pillar": ('"it is good", rate("wrong") <= 0.5, pillars=["countng"]', ["countng", "Known"]),
    "no pillar": ('"it is good", rate("wrong") <= 0.5, pillars=[3]', ["Pillar"]),
    "unknown parameter": ('lambda size: "it is good", rate("wrong") <= 0.5', ["'size'", "no parameter of the test"]),
}


@pytest.mark.parametrize("case", UNDECLARABLE)
def test_a_declaration_that_cannot_be_honoured_stops_the_session_at_collection(project, case):
    declaration, words = UNDECLARABLE[case]
    if case == "unknown pillar":
        project.write(PILLAR, "conftest.py")
    bad(project, declaration)
    refused(project.run(), *words)
    assert project.proofs() == []


PILLAR = """
    class Counting:
        pillar_name = "counting"
        library = "none"
        library_version = "1"

        def compute(self, cycle_results, records):
            raise NotImplementedError

    def pytest_ophamin_register(registry):
        registry.register_pillar(Counting())
"""


def test_an_error_at_collection_names_the_test(project):
    bad(project, '"it is good", mean("size") <= 10')
    refused(project.run(), "test_claims.py::test_bad: ClaimError:")


def test_an_error_at_collection_stops_two_workers_too(spread):
    bad(spread, '"it is good", mean("size") <= 10')
    result = spread.run()
    assert result.ret != ExitCode.OK
    assert "needs bounds or a model" in " ".join(result.outlines)


def test_a_missing_docstring_is_an_error(project):
    project.write("""
        @scenario("it is good", rate("wrong") <= 0.5)
        def test_bad(trial):
            pass
    """)
    refused(project.run(), "test_bad", "docstring", "goal in the first line")


def test_a_scenario_fed_by_hypothesis_is_an_error(project):
    project.write('''
        from hypothesis import given, strategies

        @scenario("it is good", rate("wrong") <= 0.5)
        @given(strategies.integers())
        def test_bad(trial, number):
            """Is it refused?"""
    ''')
    refused(project.run(), "@given", "draw inputs from a corpus")


@pytest.mark.parametrize("varied", [False, True])
def test_two_scenarios_of_one_name_are_an_error_that_names_both(project, varied):
    bound = 'lambda case: rate("wrong") <= case' if varied else 'rate("wrong") <= 0.5'
    for file in ("test_first.py", "test_second.py"):
        project.write(
            f'''
            @pytest.mark.parametrize("case", [0.5])
            @scenario("few are wrong", {bound}, name="the-answers")
            def test_answers(trial, case):
                """Are the answers right?"""
        ''',
            file,
        )
    refused(project.run(), "'the-answers'", "test_first.py::test_answers", "test_second.py::test_answers")


def test_one_scenario_may_be_named_twice_on_the_command_line(project):
    project.claims(right=0)
    assert project.run("test_claims.py", "test_claims.py::test_right").ret == ExitCode.OK


def test_one_parametrized_scenario_may_have_a_name(project):
    project.write('''
        @pytest.mark.parametrize("limit", [0.5, 0.4])
        @scenario("few are wrong", lambda limit: rate("wrong") <= limit, name="the-answers")
        def test_answers(trial, limit):
            """Are the answers right?"""
            for _ in range(40):
                trial.observe(wrong=False)
    ''')
    assert project.run().parseoutcomes() == {"passed": 2}
    assert {project.told(record)["name"] for record in project.records()} == {"the-answers"}


def test_a_claim_that_its_parameters_make_impossible_stops_the_session_at_collection(project):
    project.write('''
        @pytest.mark.parametrize("limit", [0.5, float("nan")])
        @scenario("few are wrong", lambda limit: rate("wrong") <= limit)
        def test_answers(trial, limit):
            """Are the answers right?"""
            for _ in range(40):
                trial.observe(wrong=False)
    ''')
    refused(project.run(), "test_answers[nan]", "the bound of rate(wrong) is nan; a claim needs a finite number")
