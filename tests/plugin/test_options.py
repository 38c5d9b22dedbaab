# SPDX-License-Identifier: Apache-2.0
"""The options of the plugin: what they do, how they are written, and what is said of a wrong one."""

import pytest
from _pytest.config import ExitCode

ONLY_INCONCLUSIVE = 80

RANDOM = '''
    @scenario("a draw is below one half", rate("low") >= 0.01)
    def test_draw(trial, rng):
        """Is the generator usable?"""
        for _ in range(40):
            trial.observe(low=bool(rng.random() < 0.5))

    @scenario("a prompt is read", rate("read") >= 0.5, corpus="sentences", budget=20)
    def test_stream(trial, stream):
        """Is the corpus usable?"""
        for record in stream:
            trial.observe(read=True, id=record.id)
'''


def drawn(project):
    """What the two scenarios of RANDOM observed."""
    columns = {}
    for proof in project.proofs():
        columns |= project.observations(proof)
    return columns["m.low"], columns["m.id"]


def test_gated_inconclusive_claims_alone_exit_with_80(both):
    both.claims(right=0, open=20)
    result = both.run("--ophamin-inconclusive=fail", "-v")
    assert (result.ret, result.parseoutcomes()) == (ONLY_INCONCLUSIVE, {"failed": 1, "passed": 1})
    assert any("INCONCLUSIVE" in line and "::test_open" in line for line in result.outlines)
    assert both.verdicts() == {"right": "VALIDATED", "open": "INCONCLUSIVE"}


def test_gated_inconclusive_and_refuted_claims_exit_with_1(project):
    project.claims(wrong=36, open=20)
    result = project.run("--ophamin-inconclusive=fail")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"failed": 2})


def test_gated_inconclusive_claims_and_a_broken_body_exit_with_1(project):
    project.claims(open=20)
    project.write("def test_broken(): assert 0", "test_plain.py")
    assert project.run("--ophamin-inconclusive=fail").ret == ExitCode.TESTS_FAILED


def test_a_gated_inconclusive_claim_with_a_broken_teardown_exits_with_1(project):
    project.write('''
        @pytest.fixture
        def leaky():
            yield
            raise RuntimeError("not put away")

        @scenario("half is wrong", rate("wrong") <= 0.5)
        def test_open(leaky, trial):
            """Is it half?"""
            for number in range(40):
                trial.observe(wrong=number % 2 == 0)
    ''')
    assert project.run("--ophamin-inconclusive=fail").ret == ExitCode.TESTS_FAILED


def test_gate_inconclusive_is_the_same_as_inconclusive_fail(project):
    project.claims(open=20, wrong=36)
    result = project.run("--ophamin-gate=inconclusive")
    assert result.ret == ONLY_INCONCLUSIVE
    assert result.parseoutcomes() == {"failed": 1, "refuted": 1}


def test_gate_none_counts_refuted_claims_and_exits_with_0(both):
    both.claims(right=0, wrong=36, open=20)
    result = both.run("--ophamin-gate=none")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"passed": 1, "refuted": 1, "inconclusive": 1})
    assert both.verdicts()["wrong"] == "REFUTED"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--ophamin-gate=typo", ["typo", "refuted, inconclusive, none"]),
        ("--ophamin-gate=", ["nothing", "refuted, inconclusive, none"]),
        ("--ophamin-gate=refuted,typo", ["typo", "refuted, inconclusive, none"]),
        ("--ophamin-seed=abc", ["'abc'", "whole number"]),
        ("--ophamin-seed=-1", ["'-1'", "whole number"]),
        ("--ophamin-seed=1.0", ["'1.0'", "SEED.ATTEMPT"]),
        ("--ophamin-seed=" + 16 * "9", ["whole number"]),
        ("--ophamin-inconclusive=maybe", ["maybe", "pass", "fail"]),
    ],
)
def test_a_wrong_value_is_a_usage_error_that_names_value_and_limit(project, option, said):
    project.claims(right=0)
    result = project.run_apart(option) if "maybe" in option else project.run(option)
    assert result.ret == ExitCode.USAGE_ERROR
    shown = result.stdout.str() + result.stderr.str()
    assert [word for word in said if word not in shown] == []
    assert not (project.path / "proofs").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("ophamin_gate", "typo"), ("ophamin_seed", "abc"), ("ophamin_inconclusive", "maybe")]
)
def test_a_wrong_ini_value_is_a_usage_error_that_names_it(project, name, value):
    project.claims(right=0)
    project.write(f"[pytest]\n{name} = {value}\n", "pytest.ini")
    result = project.run()
    assert result.ret == ExitCode.USAGE_ERROR
    assert value in result.stdout.str() + result.stderr.str()


def test_the_same_seed_draws_the_same_and_another_seed_draws_otherwise(project):
    project.write(RANDOM)
    project.run("--ophamin-seed=7")
    first = drawn(project)
    project.run("--ophamin-seed=7")
    assert drawn(project) == first
    project.run("--ophamin-seed=8")
    other = drawn(project)
    assert other[0] != first[0]
    assert other[1] != first[1]


def test_two_workers_draw_what_one_process_draws(project, spread):
    project.write(RANDOM)
    project.run()
    first = drawn(project)
    spread.run()
    assert drawn(project) == first


def test_a_seed_with_an_attempt_draws_what_that_attempt_drew(project):
    project.write(RANDOM)
    project.run("--ophamin-seed=7.2")
    assert {project.told(record)["attempt"] for record in project.records()} == {2}
    second = drawn(project)
    project.run("--ophamin-seed=7")
    assert drawn(project) != second


def test_records_go_where_ophamin_dir_says(project):
    project.claims(right=0)
    project.run("--ophamin-dir=elsewhere/here")
    assert len(project.records("elsewhere/here")) == 1
    assert not (project.path / "proofs").exists()


def test_records_go_to_an_absolute_folder_and_its_path_stays_out_of_them(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("outside")
    project.claims(wrong=36)
    result = project.run(f"--ophamin-dir={folder}")
    (proof,) = folder.rglob("proof.json")
    assert str(folder) not in proof.read_text()
    assert str(folder) not in "\n".join(line for line in result.outlines if "record" in line)


PER_OPTION = {
    "ophamin_enabled": "true",
    "ophamin_substrate": "mock:seed=5",
    "ophamin_dir": "by-ini",
    "ophamin_seed": "41",
    "ophamin_inconclusive": "fail",
    "ophamin_gate": "inconclusive",
}
AS_INI = "[pytest]\n" + "".join(f"{name} = {value}\n" for name, value in PER_OPTION.items())
AS_TOML = "".join(f'{name} = "{value}"\n' for name, value in PER_OPTION.items())
AS_TOML = AS_TOML.replace('"mock:seed=5"', '["mock:seed=5"]')
AS_NATIVE = AS_TOML.replace('"true"', "true")
FILES = {
    "pytest.ini": AS_INI,
    "tox.ini": AS_INI,
    "setup.cfg": AS_INI.replace("[pytest]", "[tool:pytest]"),
    "pyproject.toml": f"[tool.pytest.ini_options]\n{AS_TOML}",
    "pyproject.toml, native": f"[tool.pytest]\n{AS_NATIVE}",
    "pytest.toml": f"[pytest]\n{AS_NATIVE}",
}
NEEDS_PYTEST_9 = {"pyproject.toml, native", "pytest.toml"}


@pytest.mark.parametrize("kind", FILES)
def test_every_option_can_be_set_in(project, kind):
    if kind in NEEDS_PYTEST_9 and pytest.version_tuple < (9,):
        pytest.skip("pytest reads native tables since 9.0")
    project.write(FILES[kind], kind.partition(",")[0])
    project.claims(open=20, wrong=36)
    project.write(
        '''
        @scenario("phi is there", mean("phi", bounds=(0, 2)) >= 0)
        def test_system(substrate):
            """Is the system there?"""
            for _ in range(40):
                substrate.run_cycle("x")
    ''',
        "test_system.py",
    )
    result = project.run(flag=None)
    assert result.ret == ONLY_INCONCLUSIVE
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "refuted": 1}
    commands = [record.reproduction.command for record in project.records("by-ini")]
    assert len(commands) == 3
    assert all(command.endswith("--substrate=mock:seed=5 --ophamin-seed=41") for command in commands)


def test_the_command_line_wins_over_the_ini_file(project):
    project.write(AS_INI, "pytest.ini")
    project.claims(open=20, wrong=36)
    given = ["--ophamin-dir=by-hand", "--ophamin-seed=3", "--ophamin-inconclusive=pass", "--ophamin-gate=refuted"]
    result = project.run(*given, "--substrate=mock:seed=9", flag=None)
    assert result.ret == ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"failed": 1, "inconclusive": 1}
    assert not (project.path / "by-ini").exists()
    commands = {record.reproduction.command.partition(" --substrate")[2] for record in project.records("by-hand")}
    assert commands == {"=mock:seed=9 --ophamin-seed=3"}


def test_the_options_are_in_the_help_text(project):
    result = project.run("--help")
    options = ["--ophamin ", "--substrate", *(f"--ophamin-{name}" for name in ("dir", "seed", "inconclusive", "gate"))]
    assert [option for option in options if option not in result.stdout.str()] == []
