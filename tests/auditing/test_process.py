# SPDX-License-Identifier: Apache-2.0
"""Running a tool that misbehaves: whatever it does, the run ends, is told truly, and leaves nothing running."""

from __future__ import annotations

import os
import select
import signal
import sys

import pytest

from ophamin.auditing import process
from ophamin.auditing.process import ToolCommandError, ToolRun, empty_folder, run_tool
from ophamin.auditing.sessions import ToolSession, ToolStoppedError
from ophamin.auditing.states import PillarState

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the tools of these tests are shell scripts")


@pytest.fixture
def tool(tmp_path):
    """Write a shell script, and run it in an empty folder."""

    def run(script: str, *arguments: str, seconds: float = 60.0, max_bytes: int = 10_000, **options) -> ToolRun:
        binary = tmp_path / "tool"
        binary.write_text(f"#!/bin/sh\n{script}\n")
        binary.chmod(0o755)
        with empty_folder() as cwd:
            return run_tool([binary, *arguments], cwd=cwd, seconds=seconds, max_bytes=max_bytes, **options)

    return run


@pytest.fixture
def life(tmp_path):
    """A pipe that a tool opens as descriptor 3; it ends when the last process that holds it has ended."""
    path = tmp_path / "life"
    os.mkfifo(path)
    listening = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    class Life:
        opening = f"exec 3>'{path}'"

        @staticmethod
        def said() -> bytes:
            assert select.select([listening], [], [], 30)[0]
            return os.read(listening, 100)

    yield Life
    os.close(listening)


# A tool that behaves


def test_both_streams_and_the_status_are_kept_apart(tool):
    ran = tool('echo "$1"; echo trouble >&2; exit 3', "found")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (3, b"found\n", b"trouble\n")
    assert (ran.failure, ran.how_it_ended, ran.complaint) == (None, "ended with status 3", "trouble")
    assert ran.facts == {
        "exit_code": 3,
        "raw_stdout_bytes": 6,
        "raw_stderr_bytes": 8,
        "wall_time_s": ran.seconds,
    }


def test_a_tool_that_prints_nothing_is_told_as_such(tool):
    ran = tool("exit 0")
    assert (ran.exit_code, ran.stdout, ran.stderr, ran.failure, ran.complaint) == (0, b"", b"", None, "")


def test_arguments_meet_no_shell(tool):
    hostile = ["$(echo hijacked)", "; echo hijacked", "a b", "-rf", "new\nline", "*"]
    assert tool('printf "%s|" "$@"', *hostile).stdout.decode() == "|".join(hostile) + "|"


def test_a_tool_works_in_an_empty_folder_and_sees_no_secret(tool, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A_SECRET_TOKEN", "hunter2hunter2")
    ran = tool("pwd; ls -A; env")
    assert str(tmp_path) not in ran.stdout.decode().splitlines()[0]
    assert b"hunter2" not in ran.stdout
    assert (
        ran.stdout.splitlines()[1].partition(b"=")[1] == b"="
    )  # nothing stands between the folder and the environment


def test_a_given_environment_is_the_whole_environment(tool):
    lines = tool("/usr/bin/env", environment={"ONLY": "this"}).stdout.decode().splitlines()
    assert "ONLY=this" in lines
    assert {line.partition("=")[0] for line in lines} <= {"ONLY", "PWD", "SHLVL", "_", "OLDPWD"}


def test_a_tool_reads_what_it_is_given_and_nothing_else(tool):
    assert tool("wc -c", stdin=b"x" * 300_000).stdout.split() == [b"300000"]
    assert tool("wc -c").stdout.split() == [b"0"]


@pytest.mark.parametrize(
    "command", [[], ["tool"], ["./tool"], ["", "/bin/sh"], ["-c"]], ids=lambda command: f"{command}"
)
def test_only_an_absolute_path_is_run(command, tmp_path):
    with pytest.raises(ToolCommandError, match="absolute path"):
        run_tool(command, cwd=tmp_path, seconds=1, max_bytes=1)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (None, 0, "No such file"),
        (b"\x7fELF and nothing more", 0o755, "Exec format error"),
        (b"#!/no/such/interpreter\n", 0o755, "No such file"),
    ],
    ids=["absent", "broken", "without interpreter"],
)
def test_a_tool_that_cannot_be_started_says_why(tmp_path, content, mode, reason):
    binary = tmp_path / "tool"
    if content is not None:
        binary.write_bytes(content)
        binary.chmod(mode)
    ran = run_tool([binary], cwd=tmp_path, seconds=1, max_bytes=1)
    assert reason in ran.not_started
    assert (ran.exit_code, ran.failure) == (None, PillarState.CRASHED)
    assert ran.how_it_ended.startswith("could not be started: ")


def test_an_argument_that_no_system_takes_is_no_exception(tool):
    assert "null byte" in tool("exit 0", "a\0b").not_started


# A tool that dies


@pytest.mark.parametrize(
    ("script", "status", "told"),
    [
        ("echo some; kill -SEGV $$", -signal.SIGSEGV, "was ended by signal SIGSEGV"),
        ("kill -ABRT $$", -signal.SIGABRT, "was ended by signal SIGABRT"),
        ("exit 139", 139, "ended with status 139"),
    ],
    ids=["segmentation fault", "abort", "told by a script"],
)
def test_a_tool_that_dies_has_crashed_whatever_it_printed(tool, script, status, told):
    ran = tool(script)
    assert (ran.exit_code, ran.failure, ran.how_it_ended) == (status, PillarState.CRASHED, told)


# A tool that floods


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_tool_that_floods_is_stopped_at_the_limit(tool, life, stream):
    redirect = ">&2" if stream == "stderr" else ""
    ran = tool(f"{life.opening}; trap '' TERM; while :; do printf 'xxxxxxxxxxxxxxxx' {redirect}; done", max_bytes=5_000)
    assert (ran.flooded, ran.exit_code, ran.failure) == (True, None, PillarState.INVALID_OUTPUT)
    assert getattr(ran, stream) == (b"x" * 16 * 313)[:5_000]
    assert "allow more" in ran.how_it_ended
    assert life.said() == b""


@pytest.mark.parametrize(("size", "flooded"), [(4_999, False), (5_000, False), (5_001, True)])
def test_exactly_as_much_as_is_allowed_is_no_flood(tool, size, flooded):
    ran = tool(f"head -c {size} /dev/zero", max_bytes=5_000)
    assert (ran.flooded, len(ran.stdout)) == (flooded, min(size, 5_000))


def test_much_output_on_both_streams_at_once_blocks_nobody(tool):
    ran = tool("head -c 900000 /dev/zero >&2 & head -c 900000 /dev/zero; wait", max_bytes=10**6)
    assert (len(ran.stdout), len(ran.stderr), ran.exit_code) == (900_000, 900_000, 0)


# A tool that takes too long


def test_a_tool_that_hangs_is_stopped_and_what_it_said_is_kept(tool, life):
    ran = tool(f"{life.opening}; echo working; sleep 600", seconds=1.0)
    assert (ran.timed_out, ran.exit_code, ran.failure) == (True, None, PillarState.TIMEOUT)
    assert ran.stdout == b"working\n"
    assert "was stopped after" in ran.how_it_ended
    assert life.said() == b""


def test_a_tool_is_first_asked_to_end(tool, life):
    ran = tool(
        f"{life.opening}; trap 'echo asked >&3; exit 0' TERM; echo up; while :; do sleep 0.01; done", seconds=1.0
    )
    assert ran.timed_out
    assert life.said() == b"asked\n"


def test_a_tool_that_ignores_being_asked_is_ended_with_its_children(tool, life):
    ran = tool(f"{life.opening}; trap '' TERM; sleep 600 & sleep 600 & echo up; wait", seconds=1.0)
    assert (ran.timed_out, ran.stdout) == (True, b"up\n")
    assert life.said() == b""


def test_a_tool_that_closes_its_output_and_stays_is_stopped(tool, life):
    ran = tool(f"{life.opening}; exec >&- 2>&-; sleep 600", seconds=1.0)
    assert ran.timed_out
    assert life.said() == b""


def test_a_tool_that_closes_its_output_early_is_waited_for(tool):
    assert tool("exec >&- 2>&-; sleep 0.1; exit 7").exit_code == 7


def test_without_time_left_nothing_is_waited_for(tool):
    assert tool("sleep 600", seconds=-1.0).timed_out


# A tool that leaves others behind


def test_a_child_that_keeps_the_output_open_is_neither_waited_for_nor_left(tool, life):
    ran = tool(f"{life.opening}; trap '' TERM; sleep 600 & echo done; exit 1")
    assert (ran.exit_code, ran.stdout, ran.timed_out) == (1, b"done\n", False)
    assert life.said() == b""


def test_a_process_that_left_the_session_holds_nobody_up(tmp_path):
    script = (
        "import os, sys, time\n"
        "if os.fork():\n"
        "    os.wait(); print('done', flush=True); os._exit(0)\n"
        "os.setsid()\n"
        "if os.fork():\n"
        "    os._exit(0)\n"
        "open(sys.argv[1], 'w').write(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    note = tmp_path / "pid"
    ran = run_tool([sys.executable, "-c", script, note], cwd=tmp_path, seconds=60, max_bytes=100)
    assert (ran.exit_code, ran.stdout, ran.timed_out) == (0, b"done\n", False)
    while not (note.exists() and note.read_text()):
        pass
    os.kill(int(note.read_text()), signal.SIGKILL)


def test_an_interrupt_ends_the_tool_and_goes_on(tool, life, monkeypatch):
    def interrupted(*_):
        assert life.said() == b"up\n"
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tool(f"{life.opening}; trap '' TERM INT; echo up >&3; sleep 600")
    assert life.said() == b""


# What is said


@pytest.mark.parametrize(
    ("stderr", "complaint"),
    [
        (b"first\nlast\n\n  \n", "last"),
        (b"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        (b"caf\xe9", "caf\ufffd"),
        (b"x" * 10_000, "x" * 500),
        (b"\n \n", ""),
    ],
    ids=["last line", "escapes", "no UTF-8", "long", "blank"],
)
def test_the_complaint_is_the_last_line_and_safe_to_show(stderr, complaint):
    assert ToolRun(exit_code=2, stderr=stderr).complaint == complaint


def test_an_unknown_signal_has_its_number():
    assert ToolRun(exit_code=-99).how_it_ended == "was ended by signal 99"


def test_an_empty_folder_is_empty_and_goes_with_what_was_left_there():
    with empty_folder() as folder:
        assert folder.is_absolute()
        assert list(folder.iterdir()) == []
        (folder / "left").mkdir()
        (folder / "left" / "behind").write_text("x")
    assert not folder.exists()


# Several runs


@pytest.fixture
def session(tmp_path):
    def make(script: str, **limits) -> ToolSession:
        binary = tmp_path / "tool"
        binary.write_text(f"#!/bin/sh\n{script}\n")
        binary.chmod(0o755)
        return ToolSession(binary, tmp_path, **{"seconds": 60.0, "max_bytes": 100, **limits})

    return make


def test_a_session_adds_up_its_runs_and_keeps_the_first_status(session):
    made = session('printf "$1"; exit "$2"')
    made.ask("not counted", "9")
    made.run("one", "3")
    made.run("three", "0")
    assert made.facts["exit_code"] == 3
    assert made.facts["raw_stdout_bytes"] == len("onethree")
    assert made.facts["wall_time_s"] > 0.0


def test_all_runs_share_one_allowance_of_time(session):
    made = session("exit 0", seconds=0.0)
    with pytest.raises(ToolStoppedError, match="tool was stopped after") as caught:
        made.run()
    assert caught.value.state is PillarState.TIMEOUT


def test_a_flood_ends_the_session_and_a_crash_does_not(session):
    with pytest.raises(ToolStoppedError, match="printed more than is allowed") as caught:
        session("head -c 101 /dev/zero").run()
    assert caught.value.state is PillarState.INVALID_OUTPUT
    assert session("kill -SEGV $$").run().failure is PillarState.CRASHED


def test_a_tool_that_vanished_ends_the_session(session):
    made = session("exit 0")
    made.binary.unlink()
    with pytest.raises(ToolStoppedError, match="tool could not be started: No such file") as caught:
        made.run()
    assert caught.value.state is PillarState.CRASHED


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
def test_a_tool_that_takes_all_memory_is_ended_by_the_kernel(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "MOST_MEMORY", 2**28)
    told = "import resource, time\nwhile resource.getrlimit(resource.RLIMIT_AS)[0] < 0: time.sleep(0.01)\n"
    source = f"{told}print(len(bytearray(2**29)))"
    ran = run_tool([sys.executable, "-c", source], cwd=tmp_path, seconds=60, max_bytes=10_000)
    assert ran.exit_code == 1
    assert b"MemoryError" in ran.stderr
