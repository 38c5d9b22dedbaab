# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import qmpt
from qmpt.cli import main as door
from qmpt.cli.app import app
from qmpt.errors import QmptError

COMMANDS = (
    *("ingest", "features", "score", "reflexivity", "self", "stress", "simulate", "compare", "history", "report"),
    "validate",
)
RUN = [sys.executable, "-c", "import sys; from qmpt.cli.main import main; sys.exit(main())"]


def run(*words, code=None, **options):
    """The command line, or a piece of code, in a process of its own."""
    command = [*RUN, *words] if code is None else [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "", "COLUMNS": "80"}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, "check": False, **options}
    return subprocess.run(command, env=environment, **options)


def call(*words):
    return CliRunner().invoke(app, list(words))


def test_the_version_is_that_of_the_package():
    assert call("--version").stdout == f"qmpt {qmpt.__version__}\n"


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]], ids=["none", "long", "short"])
def test_the_help_says_what_it_is_for_lists_every_command_and_fits_80_columns(words):
    text = call(*words).output
    assert "unusual, why, and who knows it" in " ".join(text.split())
    assert "nothing about worth" in " ".join(text.split())
    listed = [line.split()[0] for line in text.split("Commands:")[1].splitlines() if line.strip()]
    assert [name for name in listed if name in COMMANDS] == list(COMMANDS)
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_names_its_exit_codes_and_teaches_by_an_example(name):
    result = call(name, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    qmpt {name}" in result.stdout
    assert "Ends with 0" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


def test_no_line_of_the_list_of_commands_is_cut():
    listed = run("--help").stdout.decode().partition("Commands:")[2].strip().splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)
    assert not [line for line in listed if "..." in line]


@pytest.mark.parametrize("words", [("nonsense",), ("score",), ("score", ".", "--nonsense"), ("history", "--runs", "1")])
def test_a_wrong_command_line_ends_with_2_and_points_to_the_help(words):
    result = run(*words)
    assert result.returncode == 2
    assert b"--help" in result.stderr
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (QmptError("bad\x1b[2J\nthing; mend it"), r"error: bad\x1b[2J\nthing; mend it"),
        (PermissionError(13, "Permission denied", "a"), "error: a: Permission denied; check the path"),
    ],
    ids=["own error", "system error"],
)
def test_an_expected_failure_is_one_line_and_ends_with_2(monkeypatch, error, said):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("qmpt.cli.history._tested", fail)
    result = call("history")
    assert result.exit_code == 2
    assert said in result.output
    assert result.output.count("\n") == 1


def test_a_fault_of_the_program_is_not_hidden(monkeypatch):
    monkeypatch.setattr("qmpt.cli.history._tested", lambda *_: 1 / 0)
    assert isinstance(call("history").exception, ZeroDivisionError)


def test_an_interrupt_ends_with_130(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("qmpt.cli.history._tested", interrupt)
    assert call("history").exit_code == 130


def test_main_gives_the_exit_code_of_the_command(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["qmpt", "--version"])
    assert door.main() == 0
    assert capsys.readouterr().out.startswith("qmpt ")
    monkeypatch.setattr("sys.argv", ["qmpt", "score", "nowhere at all"])
    assert door.main() == 2


def test_a_reader_that_leaves_early_is_no_error():
    read, write = os.pipe()
    os.close(read)
    result = run("--help", stdout=write)
    os.close(write)
    assert result.returncode == 141
    assert result.stderr == b""


def test_an_interrupt_while_the_commands_are_loaded_ends_with_130_and_says_nothing():
    code = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'qmpt.cli.app':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from qmpt.cli.main import main\n"
        "sys.exit(main())"
    )
    result = run(code=code)
    assert (result.returncode, result.stderr) == (130, b"")


def test_the_entry_loads_almost_nothing_before_it_can_be_interrupted():
    code = "import sys; before = set(sys.modules); import qmpt.cli.main; print(*sorted(set(sys.modules) - before))"
    loaded = {name.partition(".")[0] for name in run(code=code).stdout.decode().split()}
    assert loaded <= {"qmpt", "__future__"}


@pytest.mark.skipif(os.name != "posix", reason="only there a process can be started without a stdout")
@pytest.mark.parametrize("closed", [(1,), (1, 2)], ids=["stdout", "both"])
def test_a_closed_stdout_is_no_error_and_what_is_asked_for_is_kept(tmp_path, closed):
    out = tmp_path / "out"
    result = run(
        *("history", "--runs", "100", "--out", str(out)),
        stdout=None,
        preexec_fn=lambda: [os.close(number) for number in closed],
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert {path.name for path in out.iterdir()} == {"history.json", "run.json"}


def test_the_command_line_loads_no_library_that_it_may_not_need():
    code = (
        "import sys, qmpt.cli.app\n"
        "heavy = {'numpy', 'scipy', 'sklearn', 'matplotlib', 'networkx', 'pyarrow', 'torch', 'yaml', 'jinja2'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))))"
    )
    assert run(code=code).stderr.strip() == b""


def test_no_module_of_qmpt_but_the_bridge_loads_ophamin():
    code = (
        "import sys, importlib, pathlib, qmpt\n"
        "root = pathlib.Path(qmpt.__path__[0])\n"
        "for file in sorted(root.rglob('*.py')):\n"
        "    parts = file.relative_to(root).with_suffix('').parts\n"
        "    if parts[0] != 'bridge' and parts[-1] != '__init__':\n"
        "        importlib.import_module('.'.join(('qmpt', *parts)))\n"
        "sys.exit(', '.join(sorted(name for name in sys.modules if name.partition('.')[0] == 'ophamin')))"
    )
    assert run(code=code).stderr.strip() == b""
