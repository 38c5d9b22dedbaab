# SPDX-License-Identifier: Apache-2.0
import os
import re
import subprocess
import sys

import pytest

import ophamin as package
from ophamin.cli import app as door
from ophamin.errors import OphaminError

RUN = [sys.executable, "-c", "import sys; from ophamin.cli.app import main; sys.exit(main())"]
COMMANDS = [("proof", "list"), ("proof", "show"), ("proof", "validate"), ("scenario", "list")]


def run(*words, **options):
    """The command line in a process of its own."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, "check": False, **options}
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "", **options.pop("env", {})}
    return subprocess.run([*RUN, *map(str, words)], env=environment, **options)


def test_the_version_is_that_of_the_package(ophamin):
    assert ophamin("--version").stdout == f"ophamin {package.__version__}\n"


@pytest.mark.parametrize("words", [(), ("proof",), ("scenario",)])
def test_no_command_prints_the_help(ophamin, words):
    result = ophamin(*words)
    assert "Example:\n" in result.output
    assert "Commands:\n" in result.output


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_help_of_each_command_teaches_by_an_example_in_80_columns(ophamin, words, flag):
    result = ophamin(*words, flag)
    assert result.exit_code == 0
    assert f"Example:\n    ophamin {' '.join(words)}" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


@pytest.mark.parametrize("words", [("nonsense",), ("proof", "list", "--nonsense"), ("proof", "validate")])
def test_a_wrong_command_line_ends_with_2_and_points_to_the_help(ophamin, words):
    result = ophamin(*words)
    assert result.exit_code == 2
    assert "--help" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OphaminError("bad\x1b[2J\nthing; mend it"), r"error: bad\x1b[2J\nthing; mend it"),
        (
            PermissionError(13, "Permission denied", "a/b"),
            "error: a/b: Permission denied; check the path and its permissions",
        ),
        (OSError("odd"), "error: odd; check the path and its permissions"),
    ],
)
def test_an_expected_failure_is_one_line_and_ends_with_2(folder, ophamin, monkeypatch, error, said):
    def fail(_):
        raise error

    monkeypatch.setattr("ophamin.cli.records.read_folder", fail)
    result = ophamin("proof", "list", folder[0])
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"{said}\n")


def test_a_fault_of_the_program_is_not_hidden(folder, ophamin, monkeypatch):
    def fail(_):
        raise ZeroDivisionError

    monkeypatch.setattr("ophamin.cli.records.read_folder", fail)
    assert isinstance(ophamin("proof", "list", folder[0]).exception, ZeroDivisionError)


def interrupt(*_, **__):
    raise KeyboardInterrupt


def test_an_interrupted_command_ends_with_130_and_says_nothing(folder, ophamin, monkeypatch):
    monkeypatch.setattr("ophamin.cli.records.read_folder", interrupt)
    result = ophamin("proof", "list", folder[0])
    assert (result.exit_code, result.output) == (130, "")


def test_an_interrupt_before_the_command_ends_with_130(monkeypatch):
    monkeypatch.setattr(door, "app", interrupt)
    assert door.main() == 130


@pytest.mark.parametrize(("code", "meant"), [(None, 0), (3, 3), ("text", 2)])
def test_main_gives_the_exit_code_back(monkeypatch, code, meant):
    def leave(**_):
        raise SystemExit(code)

    monkeypatch.setattr(door, "app", leave)
    assert door.main() == meant


def write_scenario(root):
    (root / "tests").mkdir()
    text = "import ophamin\n@ophamin.scenario('few fail', x <= 1)\ndef test_it(): ..."
    (root / "tests/test_a.py").write_text(text, encoding="utf-8")


def with_closed_pipe(*words, unbuffered=""):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return run(*words, stdout=writer, env={"PYTHONUNBUFFERED": unbuffered})
    finally:
        os.close(writer)


@pytest.mark.parametrize(
    "words", [("--help",), ("--version",), ("proof", "list"), ("proof", "validate", "."), ("scenario", "list")]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_quiet(project, words, unbuffered):
    write_scenario(project)
    result = with_closed_pipe(*words, unbuffered=unbuffered)
    assert (result.returncode, result.stderr) == (141, b"")


def test_a_pipe_that_closes_in_the_middle_of_much_output_is_quiet(tmp_path):
    for number in range(300):  # some 60 kB of lines, more than any buffer on the way out of the process
        (tmp_path / f"{number:0100}.json").write_text("{}", encoding="utf-8")
    result = with_closed_pipe("proof", "list", tmp_path)
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.parametrize("words", [("proof", "list"), ("proof", "show"), ("scenario", "list"), ("--help",)])
def test_what_is_piped_has_no_colour_even_where_colour_is_forced(project, folder, words):
    if words == ("proof", "show"):
        words = (*words, folder[1]["REFUTED"].proof_id)
    result = run(*words, cwd=project, env={"FORCE_COLOR": "1", "TERM": "xterm-256color", "CLICOLOR_FORCE": "1"})
    assert result.returncode == 0
    assert b"\x1b" not in result.stdout


def test_a_terminal_that_knows_few_characters_still_shows_all(tmp_path, build_record):
    build_record("caf\u00e9 \u2264 \U0001f600").to_json(tmp_path / "proof.json")
    result = run("proof", "list", tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0
    assert rb"caf\xe9 \u2264 \U0001f600" in result.stdout


def on_terminal(*words, cwd, columns=80):
    """What a terminal of that width is sent."""
    pytest.importorskip("termios", reason="needs a POSIX terminal")
    import fcntl
    import pty
    import struct
    import termios

    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES", "NO_COLOR"}}
    environment |= {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen([*RUN, *words], stdout=terminal, stderr=terminal, cwd=cwd, env=environment)
    os.close(terminal)
    parts = []
    try:
        while part := os.read(controller, 65536):
            parts.append(part)
    except OSError:  # Linux says so when the other end is closed
        pass
    finally:
        os.close(controller)
    assert process.wait(timeout=60) == 0
    return b"".join(parts).decode("utf-8")


def test_a_terminal_gets_a_coloured_table_of_its_width(project):
    write_scenario(project)
    (refuted,) = (project / "proofs/scientific/refuted").iterdir()
    for words, said in (
        (("proof", "list"), "REFUTED"),
        (("proof", "show", str(refuted)), "REFUTED"),
        (("scenario", "list"), "tests.test_a.test_it"),
    ):
        sent = on_terminal(*words, cwd=project)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", sent)
        assert plain != sent
        assert said in plain
        assert max(len(line) for line in plain.splitlines()) <= 80


def test_the_door_loads_no_heavy_library():
    heavy = ("rich", "pydantic", "numpy", "scipy", "jsonschema", "cryptography", "jinja2", "pytest")
    code = (
        "import sys, typer; before = set(sys.modules); import ophamin.cli.app; "
        f"print([name for name in {heavy} if name in set(sys.modules) - before])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"
