# SPDX-License-Identifier: Apache-2.0
"""The README is run: its example, its commands, its options and its exit codes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)
BIN = Path(sys.executable).parent


def shell(command, cwd):
    """Run one of the README's commands with the programs of this environment."""
    return subprocess.run(
        command,
        shell=True,
        cwd=cwd,
        env={"PATH": f"{BIN}:/usr/bin:/bin", "COLUMNS": "80", "HOME": str(cwd), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with the example of the README, and nothing else."""
    folder = tmp_path_factory.mktemp("stranger")
    source = next(text for language, text in BLOCKS if language == "python")
    (folder / "test_answers.py").write_text(source, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def example(project):
    return shell("pytest --ophamin test_answers.py", project)


def test_the_first_two_commands_are_the_two_of_the_makefile():
    assert BLOCKS[0] == ("", "make scenarios\nmake test\n")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{target}: $(STAMP)" in makefile for target in ("scenarios", "test"))


def test_ci_calls_the_two_commands():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"for job in lint types floors oldest scenarios benchmarks test;", script)
    assert 'make --no-print-directory "$job"' in script


def test_the_example_prints_what_the_readme_shows(example):
    shown = next(text for _, text in BLOCKS if "pytest --ophamin test_answers.py" in text and "verdicts" in text)
    _, told = shown.split("...\n", 1)
    assert _without_run(told) in _without_run(example.stdout)
    assert example.returncode == 0


def test_without_the_flag_one_line_says_what_was_deselected(project):
    done = shell("pytest test_answers.py", project)
    assert "ophamin: 1 scenario deselected, add --ophamin" in done.stdout
    assert done.returncode == 5


@pytest.mark.parametrize("command", re.findall(r"^\$ (ophamin .*)$", README, flags=re.MULTILINE))
def test_each_command_line_example_works(example, project, command):
    done = shell(command, project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_proof_show_takes_the_first_digits_of_an_id(example, project):
    (record,) = (project / "proofs" / "latest").glob("*/*/*/proof.json")
    done = shell(f"ophamin proof show {record.parent.name}", project)
    assert "VALIDATED" in done.stdout, done.stderr


def test_every_claim_leaves_the_three_files_the_readme_lists(example, project):
    (folder,) = (project / "proofs" / "latest").glob("*/*/*")
    listed = re.findall(
        r"^\| `([\w.]+)` \|", README.partition("What is in a record")[2].partition("## Gate")[0], re.MULTILINE
    )
    assert sorted(path.name for path in folder.iterdir()) == sorted(listed)


def test_the_options_are_those_of_the_help(project):
    helped = shell("pytest --help", project).stdout
    group = helped.partition("claims about stochastic systems (ophamin)")[2].partition("\n\n")[0]
    options = set(re.findall(r"--(?:ophamin|substrate)[a-z-]*", group))
    table = README.partition("| option | ini value |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(--[a-z-]+)", table)) == options
    assert set(re.findall(r"\| `(ophamin_\w+)` \|", table)) == set(
        re.findall(r"^  (ophamin_\w+)", helped, re.MULTILINE)
    )


def test_the_exit_codes_are_those_of_the_code():
    from ophamin.plugin.docket import ONLY_INCONCLUSIVE, RECORD_PROBLEM
    from ophamin.plugin.registration import GOALPOSTS

    table = README.partition("| exit code | meaning |")[2].partition("\n\n")[0]
    assert {f"| {ONLY_INCONCLUSIVE} |", f"| {GOALPOSTS} |", f"| {RECORD_PROBLEM} |"} <= set(
        re.findall(r"^\| \d+ \|", table, re.MULTILINE)
    )


def _without_run(text):
    """Output without what differs from run to run: the record's id and the duration in the last line."""
    return re.sub(r"=+ 1 passed in .*", "", re.sub(r"\b[0-9a-f]{12}\b", "ID", text))
