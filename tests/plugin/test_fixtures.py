# SPDX-License-Identifier: Apache-2.0
"""What a scenario's body is given, and the forms in which a scenario can be written."""

import pytest
from _pytest.config import ExitCode


def test_a_body_is_given_all_that_it_asks_for(project):
    project.write('''
        @scenario("the prompt is read", rate("read") >= 0.5, corpus="sentences", substrate=len, method="exact")
        def test_all(claim, corpus, rng, stream, substrate, trial):
            """Is all there?"""
            assert claim.statement == "the prompt is read"
            assert corpus.count() == 60
            assert claim.threshold.value == 0.5
            assert trial.stream is stream and trial.rng is rng and trial.substrate is substrate
            for record in stream:
                assert substrate.run_cycle(record.content).raw["value"] == len(record.content)
                trial.observe(read=True)
            assert len(trial.ledger) == 120
    ''')
    result = project.run()
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"passed": 1})
    assert project.record().substrate_name == "len"


def test_the_fixture_claim_of_several_claims_is_their_tuple(project):
    project.write('''
        @scenario("few are wrong or late", rate("wrong") <= 0.5, rate("late") <= 0.4)
        def test_two(claim, trial):
            """Are there two?"""
            assert [one.threshold.value for one in claim] == [0.5, 0.4]
            for _ in range(40):
                trial.observe(wrong=False, late=False)
    ''')
    assert project.run().parseoutcomes() == {"passed": 1}


def test_a_corpus_fixture_without_a_corpus_is_none(project):
    project.write('''
        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_none(corpus, trial):
            """Is there none?"""
            assert corpus is None
            for _ in range(40):
                trial.observe(wrong=False)
    ''')
    assert project.run().parseoutcomes() == {"passed": 1}


@pytest.mark.parametrize("name", ["claim", "corpus", "rng", "stream", "substrate", "trial"])
def test_a_projects_own_fixture_wins(project, name):
    observe = "pass" if name == "trial" else "[trial.observe(wrong=False) for _ in range(40)]"
    project.write(f'''
        @pytest.fixture
        def {name}():
            return "my own"

        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_own({", ".join({name, "trial"})}):
            """Whose is it?"""
            assert {name} == "my own"
            {observe}
    ''')
    outcome = project.run("--substrate=mock", "--substrate=mock:seed=3").parseoutcomes()
    assert outcome == ({"inconclusive": 1} if name == "trial" else {"passed": 1})  # no trial, no observation


def test_an_ordinary_test_can_have_fixtures_of_these_names(project):
    project.write("""
        @pytest.fixture
        def trial():
            return 1

        def test_plain(trial):
            assert trial == 1
    """)
    assert project.run().parseoutcomes() == {"passed": 1}


def test_scenarios_can_be_methods(project):
    project.write('''
        class TestAnswers:
            @scenario("few are wrong", rate("wrong") <= 0.5)
            def test_wrong(self, trial):
                """Are few wrong?"""
                for _ in range(40):
                    trial.observe(wrong=False)

            class TestInner:
                @scenario("few are late", rate("late") <= 0.5)
                def test_late(self, trial):
                    """Are few late?"""
                    for _ in range(40):
                        trial.observe(late=False)
    ''')
    assert project.run().parseoutcomes() == {"passed": 2}
    names = {project.told(record)["name"] for record in project.records()}
    assert names == {"test_claims.TestAnswers.test_wrong", "test_claims.TestAnswers.TestInner.test_late"}


def test_a_scenario_in_a_folder_is_named_by_its_path_in_dots(project):
    project.claims(file="deep/er/test_claims.py", right=0)
    project.run()
    assert project.told(project.record())["name"] == "deep.er.test_claims.test_right"


def test_a_claim_can_depend_on_parameters(both):
    both.write('''
        @pytest.mark.parametrize(("limit", "wrong"), [(0.5, 4), (0.2, 36)])
        @scenario(
            lambda limit: f"at most {limit:.0%} are wrong",
            lambda limit: rate("wrong") <= limit,
        )
        def test_limit(trial, limit, wrong):
            """Is the limit kept?"""
            for number in range(40):
                trial.observe(wrong=number < wrong)
    ''')
    assert both.run().parseoutcomes() == {"passed": 1, "failed": 1}
    assert {
        (record.claim.statement, record.claim.threshold.value, record.verdict.outcome) for record in both.records()
    } == {("at most 50% are wrong", 0.5, "VALIDATED"), ("at most 20% are wrong", 0.2, "REFUTED")}


def test_parameters_enter_the_record_and_objects_by_their_type_alone(project):
    project.write('''
        class Model:
            pass

        @pytest.mark.parametrize("case", [Model()])
        @pytest.mark.parametrize("size", [3])
        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_sized(trial, size, case):
            """Does size matter?"""
            for _ in range(40):
                trial.observe(wrong=False)
    ''')
    project.run()
    first = project.record()
    assert first.preregistration.sweep_grid == {"case": "<Model>", "size": 3}
    project.run()
    assert project.record().preregistration.config_hash == first.preregistration.config_hash


def test_parameters_of_fixtures_count_as_parameters(project):
    project.write('''
        @pytest.fixture(params=["small", "large"])
        def size(request):
            return request.param

        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_sized(trial, size):
            """Does size matter?"""
            for _ in range(40):
                trial.observe(wrong=False)
    ''')
    project.run()
    assert {record.preregistration.sweep_grid["size"] for record in project.records()} == {"small", "large"}


ASYNC = '''
    import asyncio

    {mark}
    @scenario("few are wrong", rate("wrong") <= 0.5)
    async def test_async(trial, rng):
        """Is it awaited?"""
        for _ in range(40):
            await asyncio.sleep(0)
            trial.observe(wrong=rng.random() < 0.01)
'''


@pytest.mark.parametrize(
    ("mark", "options", "apart"),
    [
        ("", [], False),
        ("", ["-p", "no:asyncio", "-p", "no:anyio"], False),
        ("@pytest.mark.asyncio", [], True),
        ("@pytest.mark.asyncio", ["-pno:asyncio"], False),
        ("", ["-o", "asyncio_mode=auto"], True),
        ("@pytest.mark.anyio", [], False),
    ],
    ids=["plain", "no-plugin", "asyncio-mark", "asyncio-mark-alone", "asyncio-auto", "anyio-mark"],
)
def test_an_async_body_is_awaited(project, mark, options, apart):
    project.write(ASYNC.format(mark=mark))
    project.write(
        """
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
    """,
        "conftest.py",
    )
    run = project.run_apart if apart else project.run  # some versions of pytest-asyncio leave a loop open
    assert run(*options).parseoutcomes()["passed"] == 1
    assert project.record().evidence[0].detail["n_units"] == 40


def test_an_async_body_that_raises_leaves_a_record(project):
    project.write('''
        @scenario("few are wrong", rate("wrong") <= 0.5)
        async def test_async(trial):
            """Is it awaited?"""
            raise LookupError("no such answer")
    ''')
    assert project.run().parseoutcomes() == {"failed": 1}
    assert "LookupError" in project.record().evidence[0].detail["inconclusive"][0]


CLASS = """
    from ophamin import as_test
    from ophamin.measuring.scenarios.base import Scenario, ScenarioScore, Tier

    class Lengths(Scenario, register=False):
        name = "lengths"
        tier = Tier.ENGINEERING
        family = "text"
        goal = "Are sentences short?"
        explanation = "Since long ones are not read."
        corpus_name = "sentences"
        n_cycles = 30

        def build_claim(self):
            from ophamin import claim
            return claim("sentences are short", observed("longest") <= {limit})

        def score(self, cycle_results, records):
            assert len(cycle_results) == len(records) == 30
            return ScenarioScore(max(cycle.raw["value"] for cycle in cycle_results), deterministic=True)

    test_lengths = as_test(Lengths)
"""


def test_a_class_is_collected_and_runs_on_the_substrate_that_is_given(project):
    project.write(CLASS.format(limit=1000))
    project.write(
        """
        from ophamin.seeing.substrate.function import FunctionSubstrate

        def pytest_ophamin_register(registry):
            registry.register_substrate(FunctionSubstrate(len), "length")
    """,
        "conftest.py",
    )
    result = project.run("--substrate=length")
    assert result.parseoutcomes() == {"passed": 1}
    record = project.record()
    assert (project.told(record)["name"], record.substrate_name) == ("lengths", "len")


def test_a_class_without_a_substrate_is_an_error_that_says_how_to_give_one(project):
    project.write(CLASS.format(limit=1000))
    result = project.run()
    assert result.ret == ExitCode.TESTS_FAILED
    assert "pass --substrate NAME" in project.record().evidence[0].detail["inconclusive"][0]
