# SPDX-License-Identifier: Apache-2.0
"""Mypy: what it prints, what it saw of what was listed, and that one bad file never hides the others."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from ophamin.auditing.base import AuditOptions, Coverage, PillarState
from ophamin.auditing.pillars.mypy import OWN_CONFIG, MypyPillar
from ophamin.auditing.pillars.mypy_output import read_output
from ophamin.auditing.pillars.mypy_view import MypyView
from ophamin.auditing.pillars.source_files import NOT_CHECKED_RULE
from ophamin.auditing.process import ToolRun
from ophamin.auditing.severities import SEVERITIES

BOMB = "x = " + " + ".join(["1"] * 20_000) + "\n"  # ends mypy 2.4 by a segmentation fault
BROKEN = "def broken(:\n    pass\n"
WRONG = 'x: int = "a"\n'

posix_only = pytest.mark.skipif(os.name != "posix", reason="the tools of these tests are shell scripts")


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


@pytest.fixture
def tree(tmp_path):
    """Make a tree of files."""
    return lambda files: write(tmp_path / "tree", files)


@pytest.fixture(scope="module")
def pillar():
    """The pillar over the real mypy."""
    if not MypyPillar.is_available():
        pytest.skip("needs mypy")
    return MypyPillar()


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """The pillar over a script that stands in for mypy; it gets the words of its file of arguments as ``$words``."""

    def make(script: str) -> MypyPillar:
        binary = tmp_path / "bin" / "mypy"
        binary.parent.mkdir(exist_ok=True)
        took = (
            "took() { for word in $words; do case $word in tree/*) echo "
            " \"LOG:  Found source:  BuildSource(path='$word', module='$word', has_text=False)\" >&2;; esac; done; }"
        )
        version = 'if [ "$1" = --version ]; then echo "mypy 99.0 (compiled: yes)"; exit 0; fi'
        binary.write_text(f"#!/bin/sh\n{version}\nwords=$(cat arguments)\n{took}\n{script}\n")
        binary.chmod(0o755)
        monkeypatch.setattr(MypyPillar, "resolved_binary", classmethod(lambda cls: binary))
        return MypyPillar()

    return make


def places(result):
    return [(finding.path, finding.rule_id, finding.line, finding.column) for finding in result.findings]


def message(file="tree/a.py", **changes):
    place = {"line": 1, "column": 0, "end_line": 1, "end_column": 1}
    return json.dumps(
        {"file": file, **place, "message": "wrong", "hint": None, "code": "assignment", "severity": "error", **changes}
    )


def read(*lines: str, exit_code: int = 1, log: str = "") -> tuple:
    return read_output(ToolRun(exit_code=exit_code, stdout="\n".join(lines).encode(), stderr=log.encode()))


# What mypy prints


def test_real_output_is_read_whole_with_columns_from_1_and_without_hints(sample):
    output = read(sample("mypy.jsonl"))
    findings = [one.finding(one.file, Path("/ROOT"), SEVERITIES) for one in output.messages]
    assert [(one.rule_id, one.line, one.column, one.severity.value) for one in findings] == [
        ("import-untyped", 4, 1, "low"),
        ("no-any-return", 9, 5, "medium"),
        ("return-value", 13, 12, "medium"),
        ("no-untyped-def", 16, 1, "medium"),
    ]
    assert findings[0].message == 'Library stubs not installed for "yaml"'
    assert findings[1].extra == {"severity": "error", "end_line": 9, "end_column": 27}
    assert "http" not in str([one.to_dict() for one in findings])


def test_a_syntax_error_has_the_column_that_mypy_gives_it(sample):
    # The same place has column 12 in ruff, which counts from 1.
    output = read(sample("mypy_syntax_error.jsonl"), exit_code=2)
    assert [(one.code, one.line, one.column, one.end_column) for one in output.messages] == [
        ("syntax", 1, 12, 13),
        ("syntax", 1, 13, 14),
    ]
    assert output.messages[0].finding("broken.py", Path("/"), SEVERITIES).severity.value == "high"
    assert (output.stopped, output.unparsed(), set(output.culprits())) == (True, {"pkg/broken.py"}, {"pkg/broken.py"})


def test_a_message_without_a_place_or_code_is_one_about_the_file():
    output = read(message(line=-1, column=-1, end_line=-1, end_column=0, code=None, severity="note"))
    finding = output.messages[0].finding("a.py", Path("/"), SEVERITIES)
    assert (finding.line, finding.column, finding.rule_id, finding.severity.value) == (0, 0, "", "info")
    assert finding.extra == {"severity": "note", "end_line": 0, "end_column": 0}


def test_a_message_is_one_visible_line_without_the_place_of_the_tree():
    text = "see /tmp/x/tree/pkg/a.py\nand \x1b[2K\ud800"
    shown = read(message(message=text)).messages[0].finding("a.py", Path("/tmp/x/tree"), SEVERITIES).message
    assert shown == "see pkg/a.py and \\x1b[2K\\ud800"


def test_plain_lines_are_read_where_mypy_was_stopped_and_only_there():
    plain = "tree/a.py: error: Cannot read file: gone"
    stopped = read(
        "Found 1 error in 1 file", exit_code=2, log=f"LOG:  Mypy\n{plain}\ntree/b.py:3:7: error: INTERNAL ERROR"
    )
    assert stopped.culprits() == {"tree/a.py": "Cannot read file: gone", "tree/b.py": "INTERNAL ERROR"}
    assert read(plain, exit_code=2).culprits() == {"tree/a.py": "Cannot read file: gone"}
    assert read(message(), log=plain).culprits() == {}
    with pytest.raises(ValueError, match=r"a line is no JSON: 'tree/a\.py: error"):
        read(message(), plain)


def test_the_log_names_sources_and_their_modules():
    log = (
        "LOG:  Mypy Version:  2.4.1\n"
        "LOG:  Found source:            BuildSource(path='tree/a.py', module='a', has_text=False, base_dir='/x')\n"
        "LOG:  Found source:            BuildSource(path=\"tree/'b.py\", module='b', has_text=False, followed=False)\n"
        "LOG:  Found source:            BuildSource(path='tree/c\\nd.py', module='a', has_text=False)\n"
    )
    output = read(exit_code=0, log=log)
    assert output.modules == {"tree/a.py": "a", "tree/'b.py": "b", "tree/c\nd.py": "a"}
    assert output.namesakes() == {"tree/c\nd.py"}


@pytest.mark.parametrize(
    ("lines", "exit_code", "log"),
    [
        (["Success: no issues found"], 0, ""),
        ([message()], 0, ""),
        ([], 1, ""),
        ([message()], 3, ""),
        (["{"], 1, ""),
        (['{"file": "a.py"}'], 1, ""),
        ([message(line="1")], 1, ""),
        ([message(line=2**60)], 1, ""),
        ([message(severity="fatal")], 1, ""),
        ([message(code=3)], 1, ""),
        ([message(message=None)], 1, ""),
        (["{" * 100_000], 1, ""),
        ([], 0, "LOG:  Found source:  BuildSource('a.py', 'a')\n"),
        ([], 0, "LOG:  Found source:  BuildSource(path=print(1), module='a')\n"),
        ([], 0, "LOG:  Found source:  BuildSource(path='a.py' 1)\n"),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, list) else None,
)
def test_what_is_not_of_the_known_form_is_refused(lines, exit_code, log):
    with pytest.raises((ValueError, TypeError, LookupError, SyntaxError, RecursionError)):
        read(*lines, exit_code=exit_code, log=log)


# How the tree is seen


def test_modules_begin_at_the_top_and_at_src(tmp_path):
    view = MypyView.of(write(tmp_path, {"src/pkg/__init__.py": ""}))
    assert (view.linked, view.link, view.bases) == (tmp_path, "tree", f"tree/src{os.pathsep}tree")
    assert view.path("src/pkg/__init__.py") == "tree/src/pkg/__init__.py"
    assert view.name("tree/src/pkg/__init__.py") == "src/pkg/__init__.py"


def test_a_folder_inside_a_package_is_seen_with_the_whole_package(tmp_path):
    write(tmp_path, {"pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/a.py": ""})
    view = MypyView.of(tmp_path / "pkg" / "sub")
    assert (view.linked, view.link, view.bases) == (tmp_path / "pkg", "tree/pkg", "tree")
    assert (view.path("a.py"), view.name("tree/pkg/sub/a.py")) == ("tree/pkg/sub/a.py", "a.py")
    assert view.name("tree/pkg/other.py") == "tree/pkg/other.py"


def test_a_package_called_src_is_a_package(tmp_path):
    assert MypyView.of(write(tmp_path, {"src/__init__.py": ""})).bases == "tree"


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("a.py", True),
        ("odd-package/a.py", False),
        ("odd-package/__init__.py", False),
        ("odd-package/sub/a.py", False),
        ("odd-package/odd-folder/a.py", True),
        ("odd-folder/sub/a.py", True),
        ("odd-folder/a.py", True),
        ("types-stubs/a.pyi", True),
        ("src/odd-package/a.py", False),
    ],
)
def test_mypy_has_no_name_for_modules_of_an_odd_package(tmp_path, name, has):
    packages = ["odd-package", "src/odd-package", "types-stubs", "src"]
    view = MypyView.of(write(tmp_path / "tree", {f"{package}/__init__.py": "" for package in packages}))
    assert view.has_module(name) is has


# Runs over the real tool


@pytest.fixture(scope="module")
def messy(pillar, tmp_path_factory):
    """The result over a tree with nearly everything that stops mypy."""
    root = write(
        tmp_path_factory.mktemp("messy"),
        {
            "good.py": "def f(x: int) -> str:\n    return x\ndef untyped():\n    y: int = ''\n",
            "broken.py": BROKEN,
            "latin.py": b'x = "\xe9"\n',
            "declared.py": b'# -*- coding: latin-1 -*-\nx: int = "\xe9"\n',
            "user.py": "import broken\nimport latin\nfrom broken import name\n"
            + WRONG
            + "latin.y.z(name)\nbroken.f(1)\n",
            "01-first/main.py": WRONG,
            "02-second/main.py": WRONG + WRONG.replace("x", "y"),
            "stub.py": WRONG,
            "stub.pyi": "x: int\n",
            "odd-package/__init__.py": WRONG,
            "src/pkg/__init__.py": "value: int = 1\n",
            "src/pkg/user.py": "from . import value\nx: str = value\n",
            "tests/a/test_it.py": "import pkg\nx: str = pkg.value\n",
            "tests/b/test_it.py": "from pkg import value\nx: str = value\n",
            "notes.py": "reveal_type(1)\n",
            "new\nline.py": WRONG,
            "sep\u2028--python-executable=evil\u2028.py": WRONG,
            "-dash.py": WRONG,
            "@arguments.py": WRONG,
            "a b.py": WRONG,
        },
    )
    return pillar.run(root)


def test_one_bad_file_hides_no_other(messy):
    found = {(path, rule, line) for path, rule, line, _ in places(messy) if rule != NOT_CHECKED_RULE}
    assert found == {
        ("good.py", "return-value", 2),
        ("good.py", "assignment", 4),
        ("broken.py", "syntax", 1),
        ("declared.py", "assignment", 2),
        ("user.py", "assignment", 4),
        ("01-first/main.py", "assignment", 1),
        ("02-second/main.py", "assignment", 1),
        ("02-second/main.py", "assignment", 2),
        ("stub.py", "assignment", 1),
        ("src/pkg/user.py", "assignment", 2),
        ("tests/a/test_it.py", "assignment", 2),
        ("tests/b/test_it.py", "assignment", 2),
        ("notes.py", "misc", 1),
        ("new\nline.py", "assignment", 1),
        ("sep\u2028--python-executable=evil\u2028.py", "assignment", 1),
        ("-dash.py", "assignment", 1),
        ("@arguments.py", "assignment", 1),
        ("a b.py", "assignment", 1),
    }


def test_what_could_not_be_checked_is_missed_and_said(messy):
    assert (messy.state, messy.exit_code) == (PillarState.PARTIAL, 2)
    assert messy.coverage == Coverage(20, 18, ["latin.py", "odd-package/__init__.py"])
    assert [path for path, rule, *_ in places(messy) if rule == NOT_CHECKED_RULE] == messy.coverage.missed
    assert "latin.py: Cannot decode file" in messy.error_message
    assert (
        messy.extra["missed_because"]["odd-package/__init__.py"] == "it lies in a package whose name is no identifier"
    )


def test_a_file_that_does_not_parse_is_seen_and_named(messy):
    assert messy.extra["unparsed"] == ["broken.py"]
    assert {(one.path, one.severity.value) for one in messy.findings if one.rule_id == "syntax"} == {
        ("broken.py", "high")
    }


def test_a_note_is_information_and_errors_are_medium(messy):
    severities = {finding.rule_id: finding.severity.value for finding in messy.findings}
    assert (severities["misc"], severities["assignment"]) == ("info", "medium")


def test_columns_count_from_1(messy):
    assert ("good.py", "return-value", 2, 12) in places(messy)
    assert ("broken.py", "syntax", 1, 12) in places(messy)


def test_nothing_tells_where_the_tree_lies(messy):
    text = json.dumps(messy.to_dict())
    assert "/tmp" not in text
    assert "tree/" not in text
    assert re.fullmatch(r"mypy [0-9.]+", messy.tool_version)
    assert messy.extra["config"] == "own"


def test_a_clean_tree_is_ok_cold_and_warm(pillar, tree, tmp_path):
    root, options = (
        tree({"a.py": "import b\nx: int = b.y\n", "b.py": "y = 1\n"}),
        AuditOptions(cache_dir=tmp_path / "c"),
    )
    cold = pillar.run(root, options=options)
    assert (cold.state, cold.exit_code, cold.coverage) == (PillarState.OK, 0, Coverage(2, 2))
    warm = pillar.run(root, options=options)
    assert (warm.state, warm.extra) == (cold.state, cold.extra)
    assert len(list((tmp_path / "c" / "mypy").iterdir())) == 1
    (root / "b.py").write_text('y = "a"\n')
    assert places(pillar.run(root, options=options)) == [("a.py", "assignment", 2, 10)]
    assert sorted(file.name for file in root.iterdir()) == ["a.py", "b.py"]


def test_a_cache_that_cannot_be_used_costs_only_time(pillar, tree, tmp_path):
    (tmp_path / "cache").write_text("")
    result = pillar.run(tree({"a.py": WRONG}), options=AuditOptions(cache_dir=tmp_path / "cache"))
    assert (places(result), result.state) == ([("a.py", "assignment", 1, 10)], PillarState.FINDINGS)


def test_a_subpackage_finds_what_it_imports_and_only_named_files_are_told_of(pillar, tree):
    root = tree({"pkg/__init__.py": "", "pkg/base.py": "x = 1\n", "pkg/sub/__init__.py": "", "pkg/other.py": BROKEN})
    write(root, {"pkg/sub/a.py": "from ..base import x\nfrom pkg import other\ny: str = x\nother.z\n"})
    write(root, {"pkg/sub/unnamed.py": WRONG})
    result = pillar.run(root / "pkg" / "sub", options=AuditOptions(files=("a.py", "__init__.py")))
    assert places(result) == [("a.py", "assignment", 3, 10)]
    assert (result.state, result.coverage) == (PillarState.FINDINGS, Coverage(2, 2))


def test_one_file_that_ends_mypy_costs_one_file(pillar, tree):
    result = pillar.run(tree({"a.py": "import bomb\n" + WRONG, "bomb.py": BOMB}))
    assert (result.state, result.exit_code) == (PillarState.PARTIAL, -11)
    assert result.coverage == Coverage(2, 1, ["bomb.py"])
    assert places(result) == [("a.py", "assignment", 2, 10), ("bomb.py", NOT_CHECKED_RULE, 0, 0)]
    assert "bomb.py: it ends mypy by a crash" in result.error_message


def test_a_module_that_hides_one_of_the_library_is_no_clean_tree(pillar, tree):
    result = pillar.run(tree({"types.py": "x = 1\n", "a.py": WRONG}))
    assert (result.state, result.findings) == (PillarState.CRASHED, ())
    assert 'This file shadows library module "types"' in result.error_message


def test_an_empty_folder_and_a_missing_path_are_no_clean_tree(tree, tmp_path, pillar):
    for target in (tree({"a.txt": ""}), tmp_path / "no such"):
        result = pillar.run(target)
        assert (result.state, result.coverage) == (PillarState.PARTIAL, Coverage(0, 0))


def test_a_trusted_configuration_decides_and_is_named(pillar, tree, tmp_path):
    trusted = tmp_path / "trusted"
    write(trusted, {"pyproject.toml": '[tool.mypy]\ndisable_error_code = ["assignment"]\nexclude = "a"\n'})
    result = pillar.run(tree({"a.py": WRONG}), options=AuditOptions(config_dir=trusted))
    assert (result.state, result.extra["config"]) == (PillarState.OK, "pyproject.toml")
    assert "python_version" in OWN_CONFIG
    assert result.coverage == Coverage(1, 1)


def test_a_broken_trusted_configuration_is_a_failed_run(pillar, tree, tmp_path):
    trusted = tmp_path / "trusted"
    write(trusted, {"mypy.ini": "[mypy]\nplugins = no.such.plugin\n"})
    result = pillar.run(tree({"a.py": WRONG}), options=AuditOptions(config_dir=trusted))
    assert (result.state, result.findings) == (PillarState.CRASHED, ())
    assert 'Error importing plugin "no.such.plugin"' in result.error_message


# Other versions, and tools that are not what they seem


@posix_only
@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("took", PillarState.OK),
        (f"took; echo '{message()}'; exit 1", PillarState.FINDINGS),
        (f"took; echo '{message(severity='note')}'; exit 1", PillarState.FINDINGS),
        ("exit 0", PillarState.PARTIAL),
        ("took; echo 'Success: no issues found in 1 source file'", PillarState.INVALID_OUTPUT),
        ("took; echo 'a.py:1: error: wrong'; exit 1", PillarState.INVALID_OUTPUT),
        ("took; exit 1", PillarState.INVALID_OUTPUT),
        ("took; exit 4", PillarState.INVALID_OUTPUT),
        ("took; echo 'mypy: error: unknown option' >&2; exit 2", PillarState.CRASHED),
        ("echo nothing known >&2; exit 2", PillarState.CRASHED),
        (f"took; echo '{message('tree/x.py', code='syntax')}'; exit 2", PillarState.CRASHED),
    ],
    ids=[
        "clean",
        "findings",
        "notes alone",
        "no log",
        "summary",
        "text",
        "kept back",
        "unknown status",
        "usage",
        "riddle",
        "always another file",
    ],
)
def test_an_unknown_version_is_judged_by_what_it_prints(fake, tree, script, state):
    result = fake(script).run(tree({"a.py": WRONG}))
    assert (result.state, result.tool_version) == (state, "mypy 99.0")
    assert bool(result.error_message) is not result.may_pass


@posix_only
def test_files_that_stop_mypy_one_by_one_cost_a_bounded_number_of_runs(fake, tree, tmp_path):
    first = message("'$first'", code="syntax").replace("'$first'", "'\"$first\"'")
    script = f"echo run >> '{tmp_path}/runs'; took; first=${{words%%\n*}}; echo '{first}'; exit 2"
    result = fake(script).run(tree({f"{index:02}.py": BROKEN for index in range(50)}))
    assert len((tmp_path / "runs").read_text().splitlines()) == 32
    assert (result.state, result.coverage.seen, len(result.coverage.missed)) == (PillarState.PARTIAL, 32, 18)
    assert "other files stopped mypy 32 times" in result.error_message


@posix_only
def test_a_mypy_that_always_dies_costs_a_bounded_number_of_runs(fake, tree, tmp_path):
    result = fake(f"echo run >> '{tmp_path}/runs'; kill -SEGV $$").run(
        tree({f"{index:02}.py": WRONG for index in range(100)})
    )
    assert (result.state, result.coverage.seen) == (PillarState.PARTIAL, 0)
    assert len((tmp_path / "runs").read_text().splitlines()) == 49


@posix_only
def test_a_crash_that_no_file_explains_is_a_crash(fake, tree):
    script = 'case "$*" in *follow-imports=skip*) exit 0;; *) kill -SEGV $$;; esac'
    result = fake(script).run(tree({"a.py": WRONG, "b.py": WRONG}))
    assert (result.state, result.exit_code) == (PillarState.CRASHED, -11)
    assert "over none alone" in result.error_message


@posix_only
def test_findings_before_the_time_ran_out_are_kept(fake, tree):
    broken = message("tree/a.py", code="syntax")
    script = f"case \"$words\" in tree/a.py*) took; echo '{broken}'; exit 2;; *) sleep 600;; esac"
    result = fake(script).run(tree({"a.py": BROKEN, "b.py": WRONG}), options=AuditOptions(timeout_s=1.0))
    assert (result.state, places(result)) == (PillarState.TIMEOUT, [("a.py", "syntax", 1, 0)])


def test_a_missing_tool_is_unavailable(tree, monkeypatch):
    monkeypatch.setattr(MypyPillar, "resolved_binary", classmethod(lambda cls: None))
    assert MypyPillar().run(tree({"a.py": WRONG})).state is PillarState.UNAVAILABLE
