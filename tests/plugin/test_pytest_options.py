# SPDX-License-Identifier: Apache-2.0
"""pytest's own options keep their meaning on scenarios."""

import pytest
from _pytest.config import ExitCode


def ran(result):
    """Names of the tests whose body was run, in order."""
    return [
        report.nodeid.rpartition("::test_")[2]
        for report in result.reprec.getreports("pytest_runtest_logreport")
        if report.when == "call"
    ]


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_a_refuted_claim_stops_a_session_that_stops_at_failures(project, option):
    project.claims(a_right=0, b_wrong=36, c_right=0)
    result = project.run(option)
    assert result.ret == ExitCode.TESTS_FAILED
    assert ran(result) == ["a_right", "b_wrong"]
    assert project.verdicts() == {"a_right": "VALIDATED", "b_wrong": "REFUTED"}


def test_an_inconclusive_claim_does_not_count_towards_maxfail(project):
    project.claims(a_open=20, b_right=0)
    assert ran(project.run("-x")) == ["a_open", "b_right"]


def test_x_stops_two_workers_too(spread):
    spread.claims(a_wrong=36, b_wrong=36, c_wrong=36, d_wrong=36, e_wrong=36, f_wrong=36)
    result = spread.run("-x")
    assert result.ret != ExitCode.OK
    assert 1 <= len(spread.records()) < 6


def test_lf_runs_the_refuted_claim_again_and_no_other(project):
    project.claims(right=0, wrong=36, open=20)
    project.run()
    assert ran(project.run("--lf")) == ["wrong"]


def test_k_selects_scenarios_by_name(project):
    project.claims(right=0, wrong=36)
    assert ran(project.run("-k", "right")) == ["right"]
    assert project.verdicts() == {"right": "VALIDATED"}


def test_m_scenario_selects_scenarios(project):
    project.claims(right=0)
    project.write("def test_plain(): pass", "test_plain.py")
    assert ran(project.run("-m", "scenario")) == ["right"]
    assert ran(project.run("-m", "not scenario")) == ["plain"]


LOOKING = [
    "--collect-only",
    "--setup-plan",
    "--setup-only",
    "--fixtures",
    "--fixtures-per-test",
    "--cache-show",
    "--markers",
]


@pytest.mark.parametrize("option", LOOKING)
def test_a_session_that_only_looks_writes_and_removes_nothing(project, option):
    project.claims(right=0, wrong=36)
    project.run()
    before = {path: path.stat().st_mtime_ns for path in (project.path / "proofs").rglob("*")}
    assert project.run(option).ret == ExitCode.OK
    assert {path: path.stat().st_mtime_ns for path in (project.path / "proofs").rglob("*")} == before


@pytest.mark.parametrize("option", LOOKING)
def test_a_session_that_only_looks_makes_no_folder(project, option):
    project.claims(right=0)
    assert project.run(option).ret == ExitCode.OK
    assert not (project.path / "proofs").exists()


def test_collect_only_names_the_scenarios(project):
    project.claims(right=0)
    result = project.run("--collect-only", "-q")
    result.stdout.fnmatch_lines(["test_claims.py::test_right"])
    result.stdout.no_fnmatch_line("*verdicts*")


HARMLESS = [
    ["-p", "no:cacheprovider"],
    ["-p", "no:logging"],
    ["-p", "no:warnings"],
    ["-p", "no:skipping"],
    ["-p", "no:junitxml"],
    ["-p", "no:setuponly", "-p", "no:setupplan"],
    ["-p", "no:xdist"],
    ["--durations=3"],
    ["-q"],
    ["-qq"],
    ["-s"],
    ["--tb=no"],
    ["-W", "error"],
    ["--strict-markers", "--strict-config"],
    ["--import-mode=importlib"],
    ["--no-header", "--no-summary"],
    ["--setup-show"],
]


@pytest.mark.parametrize("options", HARMLESS, ids=" ".join)
def test_verdicts_and_exit_code_do_not_depend_on(project, options):
    if "--strict-config" in options:
        project.write("[pytest]\n", "pytest.ini")
    project.claims(right=0, wrong=36, open=20)
    result = project.run(*options)
    assert result.ret == ExitCode.TESTS_FAILED
    assert project.verdicts() == {"right": "VALIDATED", "wrong": "REFUTED", "open": "INCONCLUSIVE"}
    if options != ["-p", "no:skipping"]:
        assert [report.outcome for report in result.reprec.getreports() if report.when == "call"] == [
            "passed",
            "failed",
            "skipped",
        ]


def test_without_a_terminal_verdicts_and_exit_code_stay(both):
    both.claims(right=0, wrong=36)
    result = both.run("-p", "no:terminal")
    assert result.ret == ExitCode.TESTS_FAILED
    assert both.verdicts() == {"right": "VALIDATED", "wrong": "REFUTED"}
    assert "verdicts" not in result.stdout.str()


FAKE_PDB = """
    class Fake:
        quitting = False

        def __init__(self, *args, **kwargs):
            pass

        def reset(self):
            pass

        def interaction(self, *args):
            with open("entered.txt", "a") as seen:
                seen.write("entered ")

        set_trace = interaction
"""


def test_pdb_is_entered_on_a_refuted_claim_only(project, monkeypatch):
    project.write(FAKE_PDB, "fake_debugger.py")
    monkeypatch.syspath_prepend(project.path)
    project.claims(right=0, wrong=36, open=20)
    result = project.run("--pdb", "--pdbcls=fake_debugger:Fake")
    assert result.ret == ExitCode.TESTS_FAILED
    assert (project.path / "entered.txt").read_text() == "entered "
    assert project.verdicts() == {"right": "VALIDATED", "wrong": "REFUTED", "open": "INCONCLUSIVE"}


def test_without_the_plugin_scenarios_are_functions_that_can_be_imported(project):
    project.claims(right=0)
    project.write("def test_import():\n    from test_claims import test_right as body", "test_plain.py")
    result = project.run("-p", "no:ophamin", flag=None)
    assert result.parseoutcomes() == {"passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(["*fixture 'trial' not found"])


def test_a_skipped_scenario_is_skipped_and_its_record_says_so(project):
    project.claims(marks="@pytest.mark.skip(reason='not today')", right=0)
    result = project.run()
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"skipped": 1})
    assert project.record().evidence[0].detail["inconclusive"][0] == "skipped: not today"


def test_one_node_id_runs_one_scenario(project):
    project.claims(right=0, wrong=36)
    assert ran(project.run("test_claims.py::test_right")) == ["right"]
