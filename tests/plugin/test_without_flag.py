# SPDX-License-Identifier: Apache-2.0
"""Without --ophamin: scenarios are deselected, one line says so, nothing heavy is loaded, nothing is written."""

import pytest
from _pytest.config import ExitCode
from fixtures.heavy import HEAVY


def said(result):
    """The lines in which the plugin speaks."""
    return [line for line in result.outlines if line.startswith("ophamin")]


def test_scenarios_are_deselected_and_counted(both):
    both.claims(right=0, wrong=36)
    both.write("def test_plain(): pass", "test_plain.py")
    result = both.run(flag=None)
    assert result.ret == ExitCode.OK
    assert result.parseoutcomes()["passed"] == 1
    assert said(result) == ["ophamin: 2 scenarios deselected, add --ophamin to try them"]


def test_the_line_is_there_when_nothing_else_is_left(both):
    both.claims(right=0)
    result = both.run(flag=None)
    assert result.ret == ExitCode.NO_TESTS_COLLECTED
    assert said(result) == ["ophamin: 1 scenario deselected, add --ophamin to try them"]


@pytest.mark.parametrize("options", [["-q"], ["-m", "scenario"], ["-k", "right"], ["test_claims.py::test_right"]])
def test_the_line_is_there_with(project, options):
    project.claims(right=0)
    assert len(said(project.run(*options, flag=None))) == 1


def test_a_suite_without_scenarios_hears_nothing(project):
    project.write("def test_plain(): pass", "test_plain.py")
    result = project.run(flag=None)
    assert said(result) == []
    result.assert_outcomes(passed=1)


def test_no_file_is_written(project):
    project.claims(right=0)
    before = sorted(project.path.iterdir())
    project.run("-p", "no:cacheprovider", flag=None)
    after = [path for path in sorted(project.path.iterdir()) if path.name != "__pycache__"]
    assert after == before


def test_records_of_an_earlier_session_stay(project):
    project.claims(right=0)
    project.run()
    project.run(flag=None)
    assert project.verdicts() == {"right": "VALIDATED"}


def test_collect_only_names_no_scenario(project):
    project.claims(right=0)
    result = project.run("--collect-only", "-q", flag=None)
    result.stdout.no_fnmatch_line("*::test_right")


def test_nothing_heavy_is_loaded(project):
    project.write(
        f"""
        import json
        import sys

        HEAVY = {HEAVY!r}

        def pytest_sessionfinish(session):
            loaded = {{name.partition(".")[0] for name in sys.modules}}
            with open("loaded.json", "w") as seen:
                json.dump(sorted(loaded & set(HEAVY)), seen)
    """,
        "conftest.py",
    )
    project.claims(right=0)
    project.write("def test_plain(): pass", "test_plain.py")
    result = project.run_apart("-p", "no:cov", flag=None)
    assert result.ret == ExitCode.OK
    assert (project.path / "loaded.json").read_text() == "[]"


def test_only_the_door_of_the_plugin_is_loaded(project):
    project.write(
        """
        import sys

        def pytest_sessionfinish(session):
            with open("loaded.txt", "w") as seen:
                seen.write("\\n".join(sorted(name for name in sys.modules if name.startswith("ophamin."))))
    """,
        "conftest.py",
    )
    project.write("def test_plain(): pass", "plain_test.py")
    project.run_apart(flag=None)
    loaded = (project.path / "loaded.txt").read_text().split()
    assert loaded == ["ophamin.plugin", "ophamin.plugin.entry", "ophamin.plugin.hookspecs", "ophamin.plugin.options"]


def test_a_conftest_that_registers_plug_ins_is_not_called(project):
    project.write(
        """
        def pytest_ophamin_register(registry):
            raise AssertionError("called")
    """,
        "conftest.py",
    )
    project.write("def test_plain(): pass", "test_plain.py")
    assert project.run(flag=None).ret == ExitCode.OK
