# SPDX-License-Identifier: Apache-2.0
"""Records that cannot be written: a folder that cannot be made, a full disk."""

from _pytest.config import ExitCode

RECORD_PROBLEM = 82


def test_a_folder_that_cannot_be_made_is_a_usage_error(project):
    project.claims(right=0)
    (project.path / "taken").write_text("a file")
    result = project.run("--ophamin-dir=taken/proofs")
    assert result.ret == ExitCode.USAGE_ERROR
    said = result.stderr.str()
    assert [word for word in ("taken/proofs", "Not a directory", "--ophamin-dir") if word not in said] == []


FULL = """
    import pytest

    from ophamin.core.files import write_folder
    from ophamin.errors import RecordWriteError

    asked = []

    def full(path, files):
        asked.append(path.name)
        if {when}:
            raise RecordWriteError(f"{{path.name}} was not written: no space left on device")
        write_folder(path, files)

    @pytest.fixture(autouse=True)
    def full_disk(monkeypatch):
        monkeypatch.setattr("ophamin.plugin.folder.write_folder", full)
"""


def test_a_full_disk_fails_the_test_and_the_session_with_82(both):
    both.write(FULL.format(when="True"), "conftest.py")
    both.claims(right=0)
    result = both.run()
    assert (result.ret, result.parseoutcomes()) == (RECORD_PROBLEM, {"failed": 1})
    assert "no space left on device" in result.stdout.str()
    assert both.proofs() == []


def test_a_failure_that_is_expected_does_not_hide_a_full_disk(project):
    project.write(FULL.format(when="True"), "conftest.py")
    project.claims(marks="@pytest.mark.xfail", right=0)
    result = project.run()
    assert (result.ret, result.parseoutcomes()) == (RECORD_PROBLEM, {"xfailed": 1})
    result.stdout.fnmatch_lines(["ophamin: *no space left on device"])


def test_a_full_disk_after_a_broken_setup_exits_with_82(project):
    project.write(FULL.format(when="True"), "conftest.py")
    project.write('''
        @pytest.fixture
        def helper():
            raise LookupError("no model")

        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_broken(helper, trial):
            """Does it begin?"""
    ''')
    result = project.run()
    assert (result.ret, result.parseoutcomes()) == (RECORD_PROBLEM, {"errors": 1})
    assert "no space left on device" in result.stdout.str()


def test_one_record_that_cannot_be_written_keeps_no_other_from_being_written(project):
    project.write(FULL.format(when="len(asked) == 1"), "conftest.py")
    project.write('''
        @scenario("both are good", rate("first") <= 0.5, rate("second") <= 0.5)
        def test_two(trial):
            """Are both good?"""
            for _ in range(40):
                trial.observe(first=False, second=False)
    ''')
    assert project.run().ret == RECORD_PROBLEM
    assert project.record().claim.threshold.metric == "rate(second)"
