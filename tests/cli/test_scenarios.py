# SPDX-License-Identifier: Apache-2.0
import io
import json
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from rich.console import Console

from ophamin.cli.find import FoundScenario
from ophamin.cli.scenarios import scenario_table

PLAIN = "from ophamin import rate, scenario\n@scenario('few fail', rate('failed') <= 0.1)\ndef test_it(): ...\n"
HOSTILE = "a\x1b[2Jb\r\u202ec\td\ne"


@pytest.fixture
def tests(tmp_path, monkeypatch):
    """A project with one scenario in ``tests``; it is the current folder."""
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_a.py").write_text(PLAIN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def offered(monkeypatch):
    """One scenario class by entry point, whose module does not exist."""
    points = [EntryPoint("siege", "nowhere.to:Be", "ophamin.scenarios")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points if group == "ophamin.scenarios" else [])


def test_a_pipe_gets_one_line_between_tabs(tests, ophamin):
    result = ophamin("scenario", "list")
    assert result.stdout == "tests.test_a.test_it\tscientific\tfew fail\trate('failed') <= 0.1\n"
    assert (result.exit_code, result.stderr) == (0, "")


def test_json_is_one_list_with_file_and_line(tests, ophamin):
    (one,) = json.loads(ophamin("scenario", "list", "--json").stdout)
    assert one == {
        "name": "tests.test_a.test_it",
        "form": "function",
        "tier": "scientific",
        "statement": "few fail",
        "expectations": ["rate('failed') <= 0.1"],
        "file": "tests/test_a.py",
        "line": 3,
    }


def test_classes_of_installed_packages_are_named_without_importing_them(tests, offered, ophamin):
    assert ophamin("scenario", "list").stdout.splitlines()[1] == "siege\tinstalled class\t\t"
    last = json.loads(ophamin("scenario", "list", "--json").stdout)[-1]
    assert (last["name"], last["form"], last["statement"]) == ("siege", "entry point", None)


def test_testpaths_of_the_project_are_searched(tests, ophamin):
    (tests / "pytest.ini").write_text("[pytest]\ntestpaths = claims\npython_files = claim_*.py\n", encoding="utf-8")
    (tests / "claims").mkdir()
    (tests / "claims/claim_b.py").write_text(PLAIN, encoding="utf-8")
    assert ophamin("scenario", "list").stdout.startswith("claims.claim_b.test_it\t")


def test_without_testpaths_the_whole_project_is_searched_as_pytest_does(tests, ophamin):
    (tests / "scenarios").mkdir()
    for folder in ("scenarios", "."):
        (tests / folder / "test_b.py").write_text(PLAIN, encoding="utf-8")
    listed = ophamin("scenario", "list").stdout.splitlines()
    assert [line.partition("\t")[0] for line in listed] == [
        "test_b.test_it",
        "scenarios.test_b.test_it",
        "tests.test_a.test_it",
    ]


def test_a_project_elsewhere_is_named_from_its_own_root(tests, tmp_path_factory, monkeypatch, ophamin):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert ophamin("scenario", "list", tests / "tests/test_a.py").stdout.startswith("tests.test_a.test_it\t")


def test_a_path_that_is_not_there_is_an_error_with_a_way_out(tests, ophamin):
    result = ophamin("scenario", "list", "nowhere")
    assert result.exit_code == 2
    assert result.stderr == "error: nowhere: no such file or folder; name one that holds tests\n"


def test_a_file_that_does_not_parse_is_a_warning_and_no_failure(tests, ophamin):
    (tests / "tests/test_b.py").write_text("x = 1\ndef test(:\n", encoding="utf-8")
    result = ophamin("scenario", "list")
    assert result.exit_code == 0
    assert result.stdout.startswith("tests.test_a.test_it\t")
    assert re.fullmatch(r"warning: tests/test_b\.py:2: not read: .+\n", result.stderr)


def test_no_scenario_is_said_on_stderr(tests, ophamin):
    (tests / "tests/test_a.py").write_text("", encoding="utf-8")
    result = ophamin("scenario", "list", "--json")
    assert json.loads(result.stdout) == []
    assert "no scenario in .;" in result.stderr
    assert result.exit_code == 0


def test_a_project_without_tests_is_said_to_have_none(tmp_path, monkeypatch, ophamin):
    monkeypatch.chdir(tmp_path)
    result = ophamin("scenario", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no scenario in .;" in result.stderr


def test_an_unknown_statement_is_said_to_depend_on_parameters(tests, ophamin):
    text = (
        "import ophamin\n@ophamin.scenario(lambda d: str(d), lambda d: rate(d) <= 1, tier=choose())\ndef test_it(): ..."
    )
    (tests / "tests/test_a.py").write_text(text, encoding="utf-8")
    fields = ophamin("scenario", "list").stdout.rstrip("\n").split("\t")
    assert fields[1:] == ["depends on parameters", "depends on parameters", "lambda d: rate(d) <= 1"]


def test_foreign_text_reaches_no_terminal_as_it_is(tests, ophamin):
    text = f"from ophamin import scenario\n@scenario({HOSTILE!a}, x, name={HOSTILE!a})\ndef test_it(): ..."
    (tests / "tests/test_a.py").write_text(text, encoding="utf-8")
    line = ophamin("scenario", "list").stdout
    shown = r"a\x1b[2Jb\r\u202ec\td\ne"
    assert line == f"{shown}\tscientific\t{shown}\tx\n"
    assert ophamin("scenario", "list", "--json").stdout.isascii()


def one_scenario(**changes):
    values = {"name": "tests.test_a." + "n" * 90, "tier": "measurement_machinery", "statement": "word " * 40}
    values |= {"expectations": ("rate('x') <= 0.1", "y" * 200), "path": Path("a.py"), "line": 1}
    return FoundScenario(**values | changes)


def table_text(scenarios, registered=(), width=80):
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    console.print(scenario_table(scenarios, registered))
    return console.file.getvalue()


def test_the_table_fits_80_columns_and_loses_nothing():
    text = table_text([one_scenario()], ["siege"])
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.count("word") == 40
    assert text.count("y") - text.count("machinery") == 200
    assert re.search(r"^siege +installed class$", text, re.MULTILINE)


def test_the_table_shows_markup_and_escapes_as_text():
    text = table_text([one_scenario(name="[red]n[/red] :smile:", statement=HOSTILE, expectations=())])
    assert "[red]n[/red] :smile:" in text
    assert r"a\x1b[2Jb\r\u202ec\td\ne" in text
    assert "\x1b" not in text
