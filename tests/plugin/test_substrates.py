# SPDX-License-Identifier: Apache-2.0
"""Systems under test: where they come from, how long they live, and how an item is named after them."""

import pytest
from _pytest.config import ExitCode

USES = '''
    @scenario("phi is there", mean("phi", bounds=(0, 2)) >= 0{more})
    def test_system(substrate):
        """Is the system there?"""
        for _ in range(20):
            substrate.run_cycle("x")
'''

LIVES = """
    from ophamin.seeing.substrate.base import CycleResult, SubstrateUnderTest

    class Life(SubstrateUnderTest):
        name = "life"

        def __init__(self):
            self.tell("built")

        def git_commit(self):
            return "c0ffee"

        def reset(self):
            self.tell("reset")

        def run_cycle(self, stimulus, params=None):
            self.tell("run")
            return CycleResult(0, True, {"wrong": False})

        def tell(self, word):
            with open("life.txt", "a") as told:
                told.write(word + " ")

    def pytest_ophamin_register(registry):
        registry.register_substrate(Life, "life")
"""

TWO_TRIALS = "".join(
    f'''
    @scenario("few are wrong", rate("wrong") <= 0.99{{more}})
    def test_{name}(substrate):
        """Is the system right?"""
        substrate.run_cycle("x")
    '''
    for name in ("first", "second")
)


def items(result):
    """Ids of the parameters of the items that were run, in order."""
    reports = result.reprec.getreports("pytest_runtest_logreport")
    return [report.nodeid.partition("[")[2].rstrip("]") for report in reports if report.when == "call"]


def test_each_substrate_option_makes_an_item_with_a_stable_id(both):
    both.write(USES.format(more=""))
    result = both.run("--substrate=mock", "--substrate=mock:seed=3")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"passed": 2})
    assert sorted(items(result)) == ["mock", "mock:seed=3"]
    assert {record.substrate_git_commit for record in both.records()} == {"mock-0000000", "mock-0000003"}


def test_the_record_names_the_system_and_what_it_says_of_itself(project):
    project.write(USES.format(more=', substrate="mock:seed=3"'))
    project.run()
    record = project.record()
    assert (record.substrate_name, project.told(record)["system_seed"]) == ("mock", "3")
    assert project.told(record)["state_before"] != project.told(record)["state_after"]


def test_substrates_of_the_decorator_name_the_items(project):
    project.write('''
        from ophamin.seeing.substrate.mock import MockSubstrate

        SYSTEMS = {"calm": MockSubstrate(seed=1), "wild": "mock:seed=2"}

        @scenario("phi is there", mean("phi", bounds=(0, 2)) >= 0, substrates=SYSTEMS)
        def test_system(substrate):
            """Is the system there?"""
            for _ in range(20):
                substrate.run_cycle("x")
    ''')
    assert items(project.run()) == ["calm", "wild"]
    assert {record.substrate_git_commit for record in project.records()} == {"mock-0000001", "mock-0000002"}


def test_an_option_narrows_what_the_decorator_declares(project):
    project.write('''
        from ophamin.seeing.substrate.mock import MockSubstrate

        SYSTEMS = {"calm": MockSubstrate(seed=1), "wild": "mock:seed=2"}

        @scenario("phi is there", mean("phi", bounds=(0, 2)) >= 0, substrates=SYSTEMS)
        def test_system(substrate):
            """Is the system there?"""
            for _ in range(20):
                substrate.run_cycle("x")
    ''')
    assert items(project.run("--substrate=calm")) == ["calm"]
    assert project.record().substrate_git_commit == "mock-0000001"


def test_an_option_configures_the_system_that_is_declared_by_name(project):
    project.write(USES.format(more=', substrate="mock"'))
    assert items(project.run("--substrate=mock:seed=4")) == ["mock:seed=4"]
    assert project.record().substrate_git_commit == "mock-0000004"


def test_an_option_that_names_another_system_leaves_the_declared_one(project):
    project.write(LIVES, "conftest.py")
    project.write(USES.format(more=', substrate="mock"'))
    assert items(project.run("--substrate=life")) == ["mock"]


def test_a_test_that_asks_for_no_system_runs_once(project):
    project.claims(right=0)
    assert items(project.run("--substrate=mock", "--substrate=mock:seed=3")) == [""]


@pytest.mark.parametrize("scope", ["function", "session"])
def test_a_projects_fixture_can_be_the_system(project, scope):
    project.write(f'''
        @pytest.fixture(scope="{scope}")
        def my_model():
            return lambda text: {{"short": len(text) < 10}}

        @scenario("it is short", rate("short") >= 0.5, substrate="my_model")
        def test_model(substrate):
            """Is it short?"""
            for _ in range(20):
                substrate.run_cycle("x")
    ''')
    assert items(project.run()) == ["my_model"]
    assert project.record().verdict.outcome == "VALIDATED"


def test_options_for_a_projects_fixture_are_an_error(project):
    project.write('''
        @pytest.fixture
        def my_model():
            return len

        @scenario("it is short", rate("short") >= 0.5, substrate="my_model:seed=3")
        def test_model(substrate):
            """Is it short?"""
    ''')
    assert project.run().ret == ExitCode.TESTS_FAILED
    assert "takes no options" in project.record().evidence[0].detail["inconclusive"][0]


@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_callable_can_be_the_system(project, prefix):
    project.write(f'''
        {prefix}def answer(text):
            return {{"short": len(text) < 10}}

        @scenario("it is short", rate("short") >= 0.5, substrate=answer)
        def test_model(substrate):
            """Is it short?"""
            for _ in range(20):
                substrate.run_cycle("x")
    ''')
    result = project.run()
    assert (items(result), result.parseoutcomes()) == (["answer"], {"passed": 1})
    assert project.record().substrate_name == "answer"


def test_an_async_callable_can_be_awaited_in_an_async_body(project):
    project.write('''
        import asyncio

        async def answer(text):
            await asyncio.sleep(0)
            return {"short": len(text) < 10}

        @scenario("it is short", rate("short") >= 0.5, substrate=answer)
        async def test_model(substrate):
            """Is it short?"""
            for _ in range(20):
                substrate.run_cycle("x")
    ''')
    assert project.run("-W", "error").parseoutcomes() == {"passed": 1}


def lived(project):
    return (project.path / "life.txt").read_text().split()


def test_a_system_is_built_once_and_reset_before_every_trial(project):
    project.write(LIVES, "conftest.py")
    project.write(TWO_TRIALS.format(more=""))
    project.run("--substrate=life")
    assert lived(project) == ["built", "reset", "run", "reset", "run"]


def test_a_fresh_system_is_built_for_every_trial(project):
    project.write(LIVES, "conftest.py")
    project.write(TWO_TRIALS.format(more=""))
    project.run("--substrate=life:fresh=true")
    assert lived(project) == ["built", "reset", "run", "built", "reset", "run"]


def test_a_class_in_the_decorator_is_built_once(project):
    project.write(LIVES, "life.py")
    project.write("    from life import Life\n" + TWO_TRIALS.format(more=", substrate=Life"))
    project.run()
    assert lived(project) == ["built", "reset", "run", "reset", "run"]


def test_two_workers_build_one_system_each(spread):
    spread.write(LIVES, "conftest.py")
    spread.write(TWO_TRIALS.format(more=""))
    spread.run("--substrate=life")
    assert sorted(lived(spread)) == sorted(["built", "reset", "run"] * 2)
