# SPDX-License-Identifier: Apache-2.0
"""The contract of a pillar: where its tool is looked for, and that no failure looks like a clean tree."""

from __future__ import annotations

import os
import select
import stat
import sysconfig
from pathlib import Path

import pytest

from ophamin.auditing import binaries
from ophamin.auditing.base import (
    AuditOptions,
    AuditPillar,
    AuditPillarError,
    Coverage,
    Finding,
    PillarState,
    recorded_path,
)

posix_only = pytest.mark.skipif(os.name != "posix", reason="the tools of these tests are shell scripts")


class Lint(AuditPillar):
    name = "lint"
    tool_binary = "a-lint-of-these-tests"

    def run(self, target_path, *, options=AuditOptions()):  # noqa: B008 - frozen
        return self.unavailable_result(target_path)


@pytest.fixture
def places(tmp_path, monkeypatch):
    """An environment of the interpreter, a folder on PATH, and the current folder, all three empty."""
    folders = {name: tmp_path / name for name in ("venv", "path", "tree")}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(folders["venv"]) if name == "scripts" else "")
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", str(folders["path"])]))
    monkeypatch.chdir(folders["tree"])
    return folders


def install(folder: Path, script: str = "echo lint 1.2.3", name: str = Lint.tool_binary, mode: int = 0o755) -> Path:
    binary = folder / name
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(mode)
    return binary


# Finding the tool


@posix_only
def test_the_environment_of_the_interpreter_goes_before_path(places):
    on_path = install(places["path"])
    assert Lint.resolved_binary() == on_path
    beside = install(places["venv"])
    assert Lint.resolved_binary() == beside
    assert Lint.is_available()


@posix_only
def test_a_tool_in_the_current_folder_is_never_taken(places):
    install(places["tree"])
    assert Lint.resolved_binary() is None
    assert not Lint.is_available()


@posix_only
def test_a_file_that_cannot_be_run_is_no_tool(places):
    install(places["path"], mode=stat.S_IRUSR)
    (places["venv"] / Lint.tool_binary).mkdir()
    assert not Lint.is_available()


def test_without_any_path_nothing_is_found(places, monkeypatch):
    monkeypatch.delenv("PATH")
    assert not Lint.is_available()


# Asking for the version


@posix_only
@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo lint 1.2.3", "lint 1.2.3"),
        ("echo lint 1.2.3; echo built today", "lint 1.2.3"),
        ("printf 'lint 1'", "lint 1"),
        ("printf 'lint \\033[2K1\\n'", "lint \\x1b[2K1"),
        ("echo lint 1 >&2", ""),
        ("exit 3", ""),
        ("printf 'caf\\351\\n'", "caf\ufffd"),
        ("pwd | grep -q tree && echo in the tree || echo elsewhere", "elsewhere"),
        ('echo "secret: $A_SECRET_OF_MINE"', "secret:"),
    ],
)
def test_a_version_is_the_first_line_that_the_tool_prints(places, monkeypatch, script, version):
    monkeypatch.setenv("A_SECRET_OF_MINE", "hunter2")
    install(places["venv"], script)
    assert Lint().tool_version() == version


@posix_only
def test_a_tool_that_floods_is_cut(places):
    install(places["venv"], "while :; do printf 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'; done")
    assert 0 < len(Lint().tool_version()) <= 4096


@posix_only
def test_a_tool_that_ignores_being_asked_to_stop_is_ended_with_its_children(tmp_path):
    os.mkfifo(tmp_path / "alive")
    listening = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    binary = install(tmp_path, f"exec 3>{tmp_path}/alive; trap '' TERM; sleep 600 & echo lint 1; wait")
    assert binaries.ask([binary]) == "lint 1"
    # The pipe ends when the last process that holds it has ended.
    assert select.select([listening], [], [], 30)[0]
    assert os.read(listening, 1) == b""
    os.close(listening)


@posix_only
def test_a_tool_that_says_nothing_is_not_waited_for(tmp_path):
    assert binaries.ask([install(tmp_path, "sleep 600")], seconds=0.2) == ""


@posix_only
def test_a_program_that_cannot_be_started_has_no_version(tmp_path):
    broken = install(tmp_path, "")
    broken.write_bytes(b"\x7fELF and nothing more")
    assert binaries.ask([broken]) == ""
    assert binaries.ask([tmp_path / "absent"]) == ""


def test_a_missing_tool_has_an_empty_version(places):
    assert Lint().tool_version() == ""


# Results


def test_a_missing_tool_is_unavailable_and_says_what_to_do(places):
    result = Lint().run("src")
    assert (result.status, result.state, result.may_pass) == ("unavailable", PillarState.UNAVAILABLE, False)
    assert result.target_path == "src"
    assert "a-lint-of-these-tests is not installed here or on PATH; install" in result.error_message
    assert (
        Lint().unavailable_result("src", "the service does not answer").error_message == "the service does not answer"
    )


@pytest.mark.parametrize("state", [state for state in PillarState if state.status == "error"])
def test_a_failed_run_keeps_state_findings_and_facts(found, state):
    result = Lint().error_result(
        "src",
        "it broke",
        state=state,
        findings=found(2, pillar="lint"),
        version="lint 1",
        extra={"severity_table": "1"},
        exit_code=139,
        raw_stdout_bytes=12,
        raw_stderr_bytes=34,
        wall_time_s=1.5,
    )
    assert (result.status, result.state, result.may_pass, result.finding_count) == ("error", state, False, 2)
    assert (result.exit_code, result.raw_stdout_bytes, result.raw_stderr_bytes, result.wall_time_s) == (
        139,
        12,
        34,
        1.5,
    )
    assert result.extra == {"severity_table": "1", "state": state.value}


@pytest.mark.parametrize("state", [PillarState.OK, PillarState.FINDINGS, PillarState.UNAVAILABLE])
def test_a_failed_run_cannot_be_given_another_state(state):
    with pytest.raises(AuditPillarError, match="no state of a failed run"):
        Lint().error_result("src", "it broke", state=state)


@pytest.mark.parametrize(
    ("count", "coverage", "state"),
    [
        (0, Coverage(2, 2), PillarState.OK),
        (1, Coverage(2, 2), PillarState.FINDINGS),
        (0, Coverage(2, 1), PillarState.PARTIAL),
        (1, Coverage(2, 2, ["a.py"]), PillarState.PARTIAL),
        (0, Coverage(0, 0), PillarState.PARTIAL),
    ],
)
def test_a_finished_run_is_as_good_as_its_coverage(found, count, coverage, state):
    result = Lint().finished_result("src", found(count, pillar="lint"), coverage, exit_code=0)
    assert result.state is state
    assert result.may_pass is (state is not PillarState.PARTIAL)
    assert result.coverage == coverage
    assert bool(result.error_message) is (state is PillarState.PARTIAL)


def test_a_partial_run_says_what_was_not_seen():
    missed = [f"{index}.py" for index in range(9)]
    told = Lint().finished_result("src", [], Coverage(20, 11, missed)).error_message
    assert told == "the tool saw 11 of 20: 0.py, 1.py, 2.py, 3.py, 4.py; its findings say nothing of the rest"
    assert "nothing to look at" in Lint().finished_result("src", [], Coverage(0, 0)).error_message
    assert Lint().finished_result("src", [], Coverage(1, 0), message="broken.py").error_message == "broken.py"


def test_extra_values_cannot_overrule_the_state_or_the_coverage():
    forged = {"state": "ok", "coverage": {"listed": 1, "seen": 1, "missed": []}}
    result = Lint().finished_result("src", [], Coverage(2, 1), extra=forged)
    assert (result.state, result.coverage) == (PillarState.PARTIAL, Coverage(2, 1))
    assert Lint().error_result("src", "x", extra=forged).extra["state"] == "crashed"


def test_a_message_holds_no_escape_no_absolute_path_and_no_secret(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A_SECRET_TOKEN", "hunter2hunter2")
    told = Lint().error_result("src", f"\x1b[2K {tmp_path}/src/a.py: hunter2hunter2 in /opt/x/y.py").error_message
    assert told == "\\x1b[2K ./src/a.py: <env:A_SECRET_TOKEN> in …/y.py"


def test_a_long_message_is_cut():
    told = Lint().error_result("src", "x" * 1_000_000).error_message
    assert told == "x" * 2000 + " ... (cut)"


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"name": ""}, r"name is ''"),
        ({"name": "  "}, r"name is"),
        ({"name": None}, r"name is None"),
        ({"tool_binary": ""}, r"tool_binary is ''"),
        ({"tool_binary": "../evil"}, r"plain name of a command"),
        ({"tool_binary": "/bin/sh"}, r"plain name of a command"),
    ],
)
def test_a_pillar_needs_a_name_and_the_plain_name_of_a_tool(attributes, problem):
    kind = type("Odd", (Lint,), attributes)
    with pytest.raises(AuditPillarError, match=problem) as caught:
        kind()
    assert isinstance(caught.value, ValueError)


def test_a_pillar_without_run_cannot_be_made():
    with pytest.raises(TypeError, match="run"):
        type("Lazy", (AuditPillar,), {"name": "x", "tool_binary": "x"})()


# Paths


@pytest.mark.parametrize(
    ("target", "recorded"),
    [
        ("src", "src"),
        ("./src/../src", "src"),
        (".", "."),
        ("{cwd}", "."),
        ("{cwd}/src/a.py", "src/a.py"),
        ("..", "{parent}"),
        ("/somewhere/else/tree", "tree"),
        ("/", "."),
    ],
)
def test_no_absolute_path_is_recorded(tmp_path, monkeypatch, target, recorded):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    assert recorded_path(target.format(cwd=home)) == recorded.format(parent=tmp_path.name)
    assert not Path(recorded_path(Path(target.format(cwd=home)))).is_absolute()


def test_findings_made_by_a_pillar_stand_in_its_result():
    finding = Finding("lint", "L1", "low", "m", "a.py", 1, 1)
    assert Lint().finished_result("src", [finding], Coverage(1, 1)).findings == (finding,)
