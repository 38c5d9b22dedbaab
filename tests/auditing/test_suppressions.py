# SPDX-License-Identifier: Apache-2.0
"""Suppressions: every comment that a tool obeys is counted, and a text that speaks of one is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.states import PillarState
from ophamin.auditing.suppressions import SUPPRESSIONS, count_suppressions, suppressions_in

BIN = Path(sys.executable).parent


def rules(source: str | bytes) -> list[str]:
    data = source.encode() if isinstance(source, str) else source
    return [finding.rule_id for finding in suppressions_in(data, "a.py")]


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# noqa", ["noqa"]),
        ("#noqa", ["noqa"]),
        ("# NoQA:F401", ["noqa:F401"]),
        ("# noqa: S602, E501", ["noqa:E501", "noqa:S602"]),
        ("# noqa: E501 S602 - the shell is a constant", ["noqa:E501", "noqa:S602"]),
        ("# noqa: E501S602,,f401", ["noqa:E501", "noqa:F401", "noqa:S602"]),
        ("# the reason # noqa: F401", ["noqa:F401"]),
        ("# ruff: noqa", ["file-noqa"]),
        ("# flake8: noqa: F401", ["file-noqa:F401"]),
        ("# ruff: ignore[unused-import]", ["ruff-ignore:unused-import"]),
        ("# ruff: ignore [F401, E501]", ["ruff-ignore:E501", "ruff-ignore:F401"]),
        ("# ruff: file-ignore[F401]", ["ruff-file-ignore:F401"]),
        ("# ruff: disable[E501]", ["ruff-disable:E501"]),
        ("# ruff: enable[E501]", []),
        ("# nosec", ["nosec"]),
        ("# nosec: B602,B607 # because", ["nosec:B602", "nosec:B607"]),
        ("# nosec B101, assert_used, md5", ["nosec:B101", "nosec:assert_used", "nosec:md5"]),
        ("# nosec because it is a test", ["nosec"]),
        ("# type: ignore", ["type-ignore"]),
        ("# type: ignore[attr-defined, misc]", ["type-ignore:attr-defined", "type-ignore:misc"]),
        ("# type: int", []),
        ("# mypy: ignore-errors", ["mypy:ignore-errors"]),
        ("# mypy: ignore_errors=True", ["mypy:ignore-errors"]),
        ('# mypy: disable-error-code="misc"', ["mypy:disable-error-code"]),
        ("# mypy: strict", []),
        ("# noqa: S602  # nosec B602  # type: ignore[misc]", ["noqa:S602", "nosec:B602", "type-ignore:misc"]),
        ("# a plain comment about ruff and mypy", []),
    ],
)
def test_each_form_has_its_name(comment, expected):
    assert rules(f"x = 1  {comment}\n") == expected


@pytest.mark.parametrize("quote", ["'{}'", '"{}"', "'''\n{}\n'''", 'r"{}"', 'b"{}"', 'f"{}"'])
@pytest.mark.parametrize("said", ["# noqa: F401", "# nosec", "# type: ignore", "# ruff: noqa", "# mypy: ignore-errors"])
def test_a_text_that_speaks_of_a_suppression_is_none(quote, said):
    assert rules(f"x = {quote.format(said)}\n") == []
    assert rules(f'def f():\n    """Say {said}."""\n') == []


def test_line_and_column_are_those_of_the_comment():
    (finding,) = suppressions_in(b"import os\r\nimport re  # noqa: F401\r\n", "a.py")
    assert (finding.line, finding.column, finding.path) == (2, 12, "a.py")
    assert finding.severity.value == "medium"
    assert finding.pillar_name == SUPPRESSIONS


def test_a_file_that_is_no_python_is_counted_by_its_lines():
    source = "def f(:\n    '''\nx = 1  # nosec B105\n"
    assert rules(source) == ["nosec:B105"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "cp1252", "utf-7"])
def test_a_declared_encoding_is_obeyed(encoding):
    name = encoding.removesuffix("-sig")
    source = f"# coding: {name}\nx = 'caf\xe9'  # nosec B105\n"
    assert rules(source.encode(encoding)) == ["nosec:B105"]


@pytest.mark.parametrize("name", ["rot13", "zlib", "no-such-codec"])
def test_an_encoding_that_gives_no_text_is_not_obeyed(name):
    assert rules(f"# coding: {name}\nx = 1  # nosec\n") == ["nosec"]


@given(st.binary(max_size=400))
def test_any_bytes_are_counted(data):
    for finding in suppressions_in(data + b"  # noqa", "a.py"):
        assert finding.line >= 1


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_what_stands_in_brackets_makes_one_line_of_plain_text(inside):
    for rule in rules(f"x = 1  # type: ignore[{inside}]\n"):
        assert "\n" not in rule
        assert len(rule) <= 720


@pytest.mark.parametrize(
    ("name", "text", "tests"),
    [
        (".bandit", "[bandit]\nskips = B101,B602\n", ["B101", "B602"]),
        ("pyproject.toml", '[tool.bandit]\nskips = ["B101"]\n', ["B101"]),
        ("pyproject.toml", '[tool.bandit]\nexclude_dirs = ["x"]\n', []),
        ("pyproject.toml", "[tool.bandit]\nskips = 7\n", []),
        ("pyproject.toml", "tool = 1\n", []),
        (".bandit", "skips B101", []),
    ],
)
def test_the_skipped_tests_of_bandit_are_suppressions(tmp_path, name, text, tests):
    (tmp_path / name).write_text(text)
    result = count_suppressions(tmp_path)
    assert [finding.rule_id for finding in result.findings] == [f"bandit-skip:{test}" for test in tests]
    assert {finding.path for finding in result.findings} <= {name}


def test_a_tree_is_counted_by_file(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "a.py").write_text("import os  # noqa\n")
    (tmp_path / "b.pyi").write_text("x = 1  # type: ignore\n")
    (tmp_path / "c.txt").write_text("# noqa\n")
    result = count_suppressions(tmp_path)
    assert [(one.path, one.rule_id) for one in result.findings] == [("b.pyi", "type-ignore"), ("pkg/a.py", "noqa")]
    assert result.state is PillarState.FINDINGS
    assert result.coverage.to_dict() == {"listed": 2, "seen": 2, "missed": []}


def test_a_file_that_cannot_be_read_makes_the_count_partial(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    result = count_suppressions(tmp_path, ["a.py", "gone.py", "../outside.py"])
    assert result.state is PillarState.PARTIAL
    assert not result.may_pass
    assert result.coverage.missed == ["gone.py", "../outside.py"]


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
def test_no_link_leads_out_of_the_tree(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.py").write_text("x = 1  # nosec\n")
    root = tmp_path / "tree"
    root.mkdir()
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "b.py").symlink_to(tmp_path / "outside" / "a.py")
    result = count_suppressions(root, ["folder/a.py", "b.py"])
    assert result.findings == ()
    assert result.state is PillarState.PARTIAL


# What the tools obey


def run(folder, tool, *arguments):
    """What a tool prints; how it ends does not matter here."""
    return subprocess.run([BIN / tool, *arguments], cwd=folder, capture_output=True, check=False, text=True).stdout


RUFF_FORMS = [
    "# noqa", "#noqa", "# NOQA", "# noqa:F401", "# noqa : F401", "# noqa: E501,F401", "# noqa:E501 F401",
    "# why # noqa: F401", "# noqa: F401 why", "# ruff: ignore[F401]", "# ruff:ignore[unused-import]",
    "# ruff: ignore [F401]", "# ruff: ignore[F401] why", "#ruff:ignore[E501,F401]",
]  # fmt: skip
RUFF_HEADS = [
    "# ruff: noqa", "#ruff:noqa:F401", "# ruff: noqa: F401", "# flake8: noqa", "# flake8: noqa: F401",
    "# ruff: file-ignore[F401]", "# ruff: disable[F401]",
]  # fmt: skip


@pytest.mark.skipif(not (BIN / "ruff").exists(), reason="ruff is not installed beside the interpreter")
def test_whatever_ruff_obeys_is_counted(tmp_path):
    sources = {f"line{n}.py": f"import os  {form}\n" for n, form in enumerate(RUFF_FORMS)}
    sources |= {f"head{n}.py": f"{form}\nimport os\n" for n, form in enumerate(RUFF_HEADS)}
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    told = json.loads(
        run(tmp_path, "ruff", "check", "--isolated", "--no-cache", "--select=F401", "--output-format=json")
    )
    obeyed = set(sources) - {Path(finding["filename"]).name for finding in told}
    assert len(obeyed) >= 15
    assert [name for name in sorted(obeyed) if not rules(sources[name])] == []


@pytest.mark.skipif(not (BIN / "bandit").exists(), reason="bandit is not installed beside the interpreter")
def test_whatever_bandit_obeys_is_counted(tmp_path):
    forms = [
        "# nosec",
        "#nosec",
        "# nosec B101",
        "# nosec: B101",
        "# nosec assert_used",
        "# why # nosec",
        "# nosecB101",
    ]
    sources = {f"form{n}.py": f"assert 1  {form}\n" for n, form in enumerate(forms)}
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    told = json.loads(run(tmp_path, "bandit", "-q", "-r", "-f", "json", "."))
    obeyed = set(sources) - {Path(finding["filename"]).name for finding in told["results"]}
    assert len(obeyed) >= 5
    assert [name for name in sorted(obeyed) if not rules(sources[name])] == []


def test_every_test_of_bandit_has_a_name_of_its_own():
    loader = pytest.importorskip("bandit.core.extension_loader", reason="bandit is not installed")
    known = {*loader.MANAGER.plugins_by_name, *loader.MANAGER.blacklist_by_name, *loader.MANAGER.plugins_by_id}
    assert len(known) > 90
    assert [name for name in sorted(known) if rules(f"x = 1  # nosec {name}\n") != [f"nosec:{name}"]] == []


@pytest.mark.skipif(not (BIN / "ruff").exists(), reason="ruff is not installed beside the interpreter")
@pytest.mark.parametrize(
    "form", ["noqa: F401E501", "noqa: F401,E501", "noqa: F401 E501", "noqa: F401,,E501", "ruff: ignore[F401, E501]"]
)
def test_a_comment_that_silences_two_rules_has_two_names(tmp_path, form):
    source = f"import os; x = '{'a' * 120}'  # {form}\n"
    (tmp_path / "a.py").write_text(source)
    told = run(tmp_path, "ruff", "check", "--isolated", "--no-cache", "--select=F401,E501", "--output-format=json")
    assert json.loads(told) == []
    assert len(rules(source)) == 2


@pytest.mark.skipif(not (BIN / "mypy").exists(), reason="mypy is not installed beside the interpreter")
def test_whatever_mypy_obeys_is_counted(tmp_path):
    lines = ["# type: ignore", "#type:ignore", "# type: ignore[assignment]", "# type: ignore [assignment]"]
    heads = ["# mypy: ignore-errors", "# mypy:ignore_errors=True", '# mypy: disable-error-code="assignment"']
    sources = {f"line{n}.py": f"x: int = ''  {form}\n" for n, form in enumerate(lines)}
    sources |= {f"head{n}.py": f"{form}\nx: int = ''\n" for n, form in enumerate(heads)}
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    told = run(tmp_path, "mypy", "--config-file=", "--cache-dir=cache", *sources)
    obeyed = {name for name in sources if f"{name}:" not in told}
    assert len(obeyed) >= 6
    assert [name for name in sorted(obeyed) if not rules(sources[name])] == []
