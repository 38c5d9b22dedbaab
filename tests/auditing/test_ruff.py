# SPDX-License-Identifier: Apache-2.0
"""Ruff: what it prints, what it saw of what was listed, and that neither a tree nor a version makes it look clean."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from ophamin.auditing import sessions
from ophamin.auditing.base import AuditOptions, Coverage, PillarState
from ophamin.auditing.pillars import ruff as module
from ophamin.auditing.pillars.output_fields import as_mapping, as_text, as_whole
from ophamin.auditing.pillars.ruff import RuffPillar
from ophamin.auditing.pillars.ruff_output import read_output
from ophamin.auditing.pillars.ruff_rules import FAMILIES, RULES, RuleSet, rule_set
from ophamin.auditing.pillars.source_files import NOT_CHECKED_RULE, shown_message
from ophamin.auditing.pillars.trusted import TrustedConfigError, find_trusted_config
from ophamin.auditing.severities import SEVERITIES, SeverityTable

BOMB = "x = " + " + ".join(["1"] * 20_000) + "\n"  # ends ruff 0.6 to 0.17 by a stack overflow
BROKEN = "def broken(:\n    pass\n"
UNUSED = "import os\n"

posix_only = pytest.mark.skipif(os.name != "posix", reason="the tools of these tests are shell scripts")


@pytest.fixture
def pillar():
    """The pillar over the real ruff."""
    if not RuffPillar.is_available():
        pytest.skip("needs ruff")
    return RuffPillar()


@pytest.fixture
def tree(tmp_path):
    """Make a tree of files."""
    root = tmp_path / "tree"
    root.mkdir()

    def make(files: dict[str, str | bytes]) -> Path:
        for name, text in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return root

    return make


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """The pillar over a script that stands in for ruff; it knows one rule and lists every file."""

    def make(check: str, *, rules: str = '[{"code": "F401", "preview": false}]', listed: str = "") -> RuffPillar:
        (tmp_path / "rules.json").write_text(rules)
        show = listed or 'for word in "$@"; do case "$word" in /*) printf "%s\\n" "$word";; esac; done'
        script = (
            '#!/bin/sh\ncase "$*" in\n--version) echo ruff 99.0;;\n'
            f"'rule --all'*) cat '{tmp_path}/rules.json';;\n*--show-files*) {show};;\n*) {check};;\nesac\n"
        )
        binary = tmp_path / "bin" / "ruff"
        binary.parent.mkdir(exist_ok=True)
        binary.write_text(script)
        binary.chmod(0o755)
        monkeypatch.setattr(RuffPillar, "resolved_binary", classmethod(lambda cls: binary))
        return RuffPillar()

    return make


def rules(result):
    return [(finding.path, finding.rule_id, finding.line, finding.column) for finding in result.findings]


def item(path="/tree/a.py", **changes):
    place = {"row": 1, "column": 8}
    plain = {"filename": path, "code": "F401", "message": "unused", "location": place, "end_location": place}
    return {**plain, **changes}


def read(*items, root="/tree", files=("a.py",)):
    given = {f"{root}/{name}": name for name in files}
    return read_output(json.dumps(items).encode(), Path(root), given, SEVERITIES)


# What ruff prints


def test_real_output_is_read_whole_without_fixes_and_links(sample):
    output = read_output(sample("ruff.json").encode(), Path("/ROOT"), {"/ROOT/pkg/app.py": "pkg/app.py"}, SEVERITIES)
    assert [(one.rule_id, one.line, one.column, one.severity.value) for one in output.findings][:4] == [
        ("I001", 1, 1, "info"),
        ("F401", 1, 8, "low"),
        ("S101", 8, 5, "low"),
        ("S506", 9, 12, "medium"),
    ]
    unused = output.findings[1]
    assert (unused.pillar_name, unused.path, unused.message) == ("ruff", "pkg/app.py", "`os` imported but unused")
    assert unused.extra == {"end_line": 1, "end_column": 10, "name": "unused-import", "fix": "safe"}
    assert "https" not in str([one.to_dict() for one in output.findings])
    assert (output.unparsed, output.unread) == (frozenset(), {})


def test_a_syntax_error_is_a_finding_of_high_severity(sample):
    told = sample("ruff_syntax_error.json").encode()
    output = read_output(told, Path("/ROOT"), {"/ROOT/pkg/broken.py": "pkg/broken.py"}, SEVERITIES)
    assert [(one.rule_id, one.severity.value, one.line, one.column) for one in output.findings] == [
        ("invalid-syntax", "high", 1, 12),
        ("invalid-syntax", "high", 1, 13),
    ]
    assert output.unparsed == {"pkg/broken.py"}


def test_a_syntax_error_of_an_old_version_has_no_code_and_the_same_name():
    # Printed by ruff 0.6.0, which has neither the name nor the severity.
    output = read(item(code=None, message="SyntaxError: Expected an expression", url=None, noqa_row=None))
    assert [(one.rule_id, one.severity.value) for one in output.findings] == [("invalid-syntax", "high")]


def test_a_file_that_could_not_be_read_is_told_apart():
    output = read(item(code="E902", message="Permission denied (os error 13)"), item())
    assert output.unread == {"a.py": "Permission denied (os error 13)"}
    assert len(output.findings) == 2


def test_a_finding_without_a_place_is_about_the_file():
    (finding,) = read(item(location=None, end_location=None)).findings
    assert (finding.line, finding.column) == (0, 0)


def test_a_message_has_no_absolute_path_no_escape_and_an_end():
    message = "in /tree/pkg/a.py\x1b[2K\n and\ud800 " + "x" * 1000
    shown = read(item(message=message)).findings[0].message
    assert shown.startswith("in pkg/a.py\\x1b[2K and\\ud800 xxx")
    assert shown.endswith("x ... (cut)")
    assert len(shown) == 500 + len(" ... (cut)")
    assert shown_message("/tree", Path("/tree")) == "/tree"


def test_severities_come_from_the_given_table():
    table = SeverityTable.with_overrides({"ruff": {"F401": "critical"}})
    output = read_output(json.dumps([item()]).encode(), Path("/tree"), {"/tree/a.py": "a.py"}, table)
    assert output.findings[0].severity.value == "critical"


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"warning: something\n[]",
        b"{}",
        b'{"diagnostics": []}',
        b"[1]",
        b"[[]]",
        b"[" * 100_000,
        b'["\xff"]',
        json.dumps([item(path="/elsewhere/a.py")]).encode(),
        json.dumps([item(path="a.py")]).encode(),
        json.dumps([item(code=7)]).encode(),
        json.dumps([item(message=None)]).encode(),
        json.dumps([item(location={"line": 1})]).encode(),
        json.dumps([item(location={"row": "1", "column": 1})]).encode(),
        json.dumps([item(location={"row": True, "column": 1})]).encode(),
        json.dumps([item(location={"row": 2**60, "column": 1})]).encode(),
        json.dumps([{"filename": "/tree/a.py"}]).encode(),
        json.dumps([item(fix={"edits": []})]).encode(),
    ],
    ids=lambda told: str(told[:24], "latin-1"),
)
def test_what_is_not_of_the_known_form_is_refused(told):
    with pytest.raises((ValueError, TypeError, LookupError, RecursionError)):
        read_output(told, Path("/tree"), {"/tree/a.py": "a.py"}, SEVERITIES)


@pytest.mark.parametrize(("take", "bad"), [(as_text, 1), (as_whole, "1"), (as_whole, True), (as_mapping, [])])
def test_a_field_of_another_type_is_refused(take, bad):
    with pytest.raises(TypeError, match="was expected, not"):
        take(bad)


# The rules


def test_the_list_of_rules_is_fixed():
    # A change of the list needs a new version, since it moves every count.
    assert (len(RULES), len(set(RULES)), len(FAMILIES)) == (193, 193, 7)
    assert RuleSet(RULES, ()).digest.startswith("22ad1a7722e1")


def test_every_rule_is_on_in_the_installed_version(pillar, tree):
    result = pillar.run(tree({"a.py": "x = 1\n"}))
    if result.tool_version == "ruff 0.17.6":
        assert result.extra["rules"] == {"version": "1", "count": 193, "left_out": []}
    assert result.extra["rules"]["count"] > 150


@pytest.mark.parametrize(
    ("rule", "stable"),
    [
        ({"code": "F401", "preview": False}, True),
        ({"code": "F401", "preview": True}, False),
        ({"code": "F401", "preview": False, "status": {"Stable": {"since": "0.1"}}}, True),
        ({"code": "F401", "preview": False, "status": {"Removed": {"since": "0.9"}}}, False),
        ({"code": "F401", "preview": True, "status": {"Preview": {"since": "0.9"}}}, False),
        ({"code": "F401", "status": "Removed"}, False),
        ({"code": "F401"}, True),
    ],
    ids=["old", "old preview", "stable", "removed", "preview", "removed in a word", "bare"],
)
def test_only_rules_that_the_version_calls_stable_are_on(rule, stable):
    known = rule_set(json.dumps([rule, {"code": "F811"}, {"code": None}]).encode(), ["F401", "F811", "F999"])
    assert known.rules == (("F401", "F811") if stable else ("F811",))
    assert known.left_out == (("F999",) if stable else ("F401", "F999"))


@pytest.mark.parametrize("told", [b"", b"{}", b"[1]", b"[]", b'[{"code": "F1", "preview": true}]'])
def test_a_list_of_rules_in_another_form_is_refused(told):
    with pytest.raises((ValueError, TypeError)):
        rule_set(told)


# Runs over the real tool


def test_findings_have_relative_paths_places_and_severities(pillar, tree):
    root = tree({"a.py": UNUSED, "pkg/b.py": "try:\n    x = 1\nexcept:\n    pass\n", "pkg/c.py": "x = 1\n"})
    result = pillar.run(root)
    assert (result.state, result.status, result.error_message) == (PillarState.FINDINGS, "ok", "")
    assert rules(result) == [("a.py", "F401", 1, 8), ("pkg/b.py", "S110", 3, 1)]
    assert [finding.severity.value for finding in result.findings] == ["low", "low"]
    assert result.coverage == Coverage(3, 3)
    assert result.tool_version.startswith("ruff ")
    assert (result.exit_code, result.raw_stdout_bytes > 100) == (1, True)
    assert result.extra["config"] == "own"
    assert re.fullmatch("[0-9a-f]{64}", result.extra["config_digest"])
    assert result.extra["severity_table"] == "1"
    assert result.extra["listing"]["files"] == 3
    assert str(root) not in json.dumps(result.to_dict())


def test_a_clean_tree_is_ok_and_twice_the_same(pillar, tree):
    root = tree({"a.py": "x = 1\n", "b.pyi": "x: int\n"})
    first, second = pillar.run(root), pillar.run(root)
    assert (first.state, first.exit_code, first.coverage) == (PillarState.OK, 0, Coverage(2, 2))
    assert first.extra == second.extra


# Exit codes as measured: ruff 0.17 ends so in each of these cases.
@pytest.mark.parametrize(
    ("files", "status", "state", "found"),
    [
        ({"a.py": "x = 1\n"}, 0, PillarState.OK, set()),
        ({"a.py": UNUSED}, 1, PillarState.FINDINGS, {"F401"}),
        ({"a.py": BROKEN, "b.py": UNUSED}, 1, PillarState.FINDINGS, {"invalid-syntax", "F401"}),
        ({"a.py": 'x = "é"\n'.encode("latin-1"), "b.py": UNUSED}, 1, PillarState.PARTIAL, {"E902", "F401"}),
        ({"a.py": BOMB, "b.py": UNUSED}, -6, PillarState.PARTIAL, {NOT_CHECKED_RULE, "F401"}),
        ({}, None, PillarState.PARTIAL, set()),
    ],
    ids=["clean", "findings", "syntax error", "not UTF-8", "20,000-term sum", "empty folder"],
)
def test_the_state_follows_from_output_and_coverage(pillar, tree, files, status, state, found):
    result = pillar.run(tree(files))
    assert (result.exit_code, result.state) == (status, state)
    assert {finding.rule_id for finding in result.findings} == found
    assert result.may_pass is (state is not PillarState.PARTIAL)


def test_a_path_that_does_not_exist_is_no_clean_tree(pillar, tmp_path):
    result = pillar.run(tmp_path / "no such")
    assert (result.state, result.findings, result.coverage) == (PillarState.PARTIAL, (), Coverage(0, 0))
    assert "give a file or a folder that is there" in result.error_message
    assert str(tmp_path) not in result.error_message


def test_a_file_that_does_not_parse_is_seen_and_named(pillar, tree):
    result = pillar.run(tree({"a.py": BROKEN, "b.py": "x = 1\n"}))
    assert (result.coverage, result.extra["unparsed"]) == (Coverage(2, 2), ["a.py"])
    assert {finding.severity.value for finding in result.findings} == {"high"}


def test_one_file_that_ends_ruff_costs_one_file(pillar, tree):
    files = {f"{index:02}.py": UNUSED for index in range(20)}
    result = pillar.run(tree(files | {"07.py": BOMB}))
    assert (result.state, result.coverage) == (PillarState.PARTIAL, Coverage(20, 19, ["07.py"]))
    assert rules(result) == [
        (name, NOT_CHECKED_RULE, 0, 0) if name == "07.py" else (name, "F401", 1, 8) for name in sorted(files)
    ]
    assert "07.py: it ends ruff by a crash" in result.error_message
    assert result.extra["missed_because"] == {"07.py": "it ends ruff by a crash"}


def test_a_file_that_ruff_cannot_read_is_missed_and_has_one_finding(pillar, tree):
    result = pillar.run(tree({"a.py": b'x = "\xe9"\n', "b.py": "x = 1\n"}))
    assert rules(result) == [("a.py", "E902", 1, 1)]
    assert result.coverage == Coverage(2, 1, ["a.py"])
    assert "a.py: stream did not contain valid UTF-8" in result.error_message


def test_a_file_that_vanishes_after_it_was_listed_is_missed(pillar, tree, monkeypatch):
    root = tree({"a.py": UNUSED, "b.py": UNUSED})
    would = module._would_look_at

    def and_then_gone(*arguments):
        listed = would(*arguments)
        (root / "a.py").unlink()
        return listed

    monkeypatch.setattr(module, "_would_look_at", and_then_gone)
    result = pillar.run(root)
    assert result.coverage == Coverage(2, 1, ["a.py"])
    assert [rule for _, rule, _, _ in rules(result)] == ["E902", "F401"]


@posix_only
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_missed(pillar, tree):
    root = tree({"a.py": UNUSED, "b.py": UNUSED})
    (root / "a.py").chmod(0)
    assert pillar.run(root).coverage == Coverage(2, 1, ["a.py"])


@posix_only
@pytest.mark.parametrize("name", ["-rf.py", "--fix.py", "@args.py", "a b.py", "new\nline.py", "é.py", "'\".py"])
def test_odd_names_are_linted_under_their_names(pillar, tree, name):
    result = pillar.run(tree({name: UNUSED, "args": "--select=ALL\n"}))
    assert (rules(result), result.coverage) == ([(name, "F401", 1, 8)], Coverage(1, 1))


def test_only_named_files_are_looked_at(pillar, tree):
    root = tree({"a.py": UNUSED, "b.py": UNUSED})
    result = pillar.run(root, options=AuditOptions(files=("b.py",)))
    assert ([path for path, *_ in rules(result)], result.coverage) == (["b.py"], Coverage(1, 1))
    missing = pillar.run(root, options=AuditOptions(files=("b.py", "c.py")))
    assert (missing.state, missing.coverage) == (PillarState.PARTIAL, Coverage(2, 1, ["c.py"]))


def test_a_file_is_audited_alone_whatever_its_suffix(pillar, tree):
    result = pillar.run(tree({"script": UNUSED, "b.py": UNUSED}) / "script")
    assert rules(result) == [("script", "F401", 1, 8)]


def test_ten_thousand_findings_are_all_there(pillar, tree):
    result = pillar.run(tree({"a.py": "assert True\n" * 10_000}))
    assert (result.finding_count, result.state) == (10_000, PillarState.FINDINGS)
    assert [finding.line for finding in result.findings] == list(range(1, 10_001))


def test_batches_change_nothing(pillar, tree, monkeypatch):
    root = tree({f"{index:02}.py": UNUSED for index in range(30)} | {"11.py": BOMB, "12.py": BROKEN})
    whole = pillar.run(root)
    monkeypatch.setattr(sessions, "BATCH_BYTES", 4 * (len(str(root)) + 7))
    parts = pillar.run(root)
    assert parts.findings == whole.findings
    assert parts.extra == whole.extra


def test_syntax_of_the_running_version_is_no_error(pillar, tree):
    new = {(3, 11): "def f(*args: *tuple[int]) -> None: ...\n", (3, 12): "type X = int\n"}
    result = pillar.run(tree({"a.py": new[min(sys.version_info[:2], (3, 12))]}))
    assert result.state is PillarState.OK


def test_a_password_in_the_source_is_not_quoted(pillar, tree):
    result = pillar.run(tree({"a.py": 'password = "Tr0ub4dor-and-3"\ndef f(token="Tr0ub4dor-and-3"): ...\n'}))
    assert {finding.rule_id for finding in result.findings} == {"S105", "S107"}
    assert "Tr0ub4dor" not in json.dumps(result.to_dict())


# Caches


def test_a_cache_is_kept_by_version_and_configuration_and_changes_nothing(pillar, tree, tmp_path):
    root, cache = tree({"a.py": UNUSED, "b.py": BROKEN}), tmp_path / "cache"
    cold = pillar.run(root, options=AuditOptions(cache_dir=cache))
    (folder,) = (cache / "ruff").iterdir()
    kept = sorted(folder.rglob("*"))
    warm = pillar.run(root, options=AuditOptions(cache_dir=cache))
    assert len(kept) > 2
    assert sorted(folder.rglob("*")) == kept  # a run that remembers nothing would leave another file
    assert (warm.findings, warm.extra) == (cold.findings, cold.extra)
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    (trusted / "ruff.toml").write_text("line-length = 70\n")
    pillar.run(root, options=AuditOptions(cache_dir=cache, config_dir=trusted))
    assert len(list((cache / "ruff").iterdir())) == 2
    assert sorted(file.name for file in root.iterdir()) == ["a.py", "b.py"]


@pytest.mark.parametrize("spoilt", ["a file", "not empty"])
def test_a_cache_that_cannot_be_used_costs_only_time(pillar, tree, tmp_path, spoilt):
    root, options = tree({"a.py": UNUSED}), AuditOptions(cache_dir=tmp_path / "cache")
    if spoilt == "a file":
        (tmp_path / "cache").write_text("")
    else:
        pillar.run(root, options=options)
        (stays,) = (tmp_path / "cache" / "ruff").glob("*/empty")
        (stays / "ruff.toml").write_text('[lint.per-file-ignores]\n"*" = ["F"]\n')
    result = pillar.run(root, options=options)
    assert (rules(result), result.state) == ([("a.py", "F401", 1, 8)], PillarState.FINDINGS)


# A trusted configuration


@pytest.fixture
def trusted(tmp_path):
    folder = tmp_path / "trusted"
    folder.mkdir()

    def make(text: str, name: str = "ruff.toml") -> AuditOptions:
        (folder / name).write_text(text)
        return AuditOptions(config_dir=folder)

    return make


def test_a_trusted_configuration_decides_and_is_named(pillar, tree, trusted):
    root = tree({"a.py": "import os\nx = 1;\n"})
    options = trusted('[lint]\nselect = ["E703"]\n')
    result = pillar.run(root, options=options)
    assert rules(result) == [("a.py", "E703", 2, 6)]
    assert (result.extra["config"], "rule_set_digest" in result.extra) == ("ruff.toml", False)
    other = pillar.run(root, options=trusted('[lint]\nselect = ["E702"]\n'))
    assert (other.state, other.extra["config_digest"] != result.extra["config_digest"]) == (PillarState.OK, True)


def test_what_a_trusted_configuration_excludes_is_left_out_and_told(pillar, tree, trusted):
    root = tree({"a.py": UNUSED, "vendored/b.py": UNUSED})
    result = pillar.run(root, options=trusted('extend-exclude = ["vendored"]\n'))
    assert (result.state, result.coverage) == (PillarState.FINDINGS, Coverage(1, 1))
    assert result.extra["listing"]["left_out_names"] == {"vendored/b.py": "excluded by the configuration"}
    everything = pillar.run(root, options=trusted('extend-exclude = ["*.py"]\n'))
    assert (everything.state, everything.coverage) == (PillarState.PARTIAL, Coverage(0, 0))


def test_patterns_of_a_trusted_configuration_are_meant_from_the_top(pillar, tree, trusted):
    root = tree({"tests/a.py": UNUSED, "src/tests.py": UNUSED})
    result = pillar.run(root, options=trusted('[lint.per-file-ignores]\n"tests/**" = ["F401"]\n'))
    assert [path for path, *_ in rules(result)] == ["src/tests.py"]


def test_a_trusted_configuration_cannot_hide_that_a_file_was_not_read(pillar, tree, trusted):
    root = tree({"a.py": b'x = "\xe9"\n', "b.py": "x = 1\n"})
    options = trusted('[lint]\nselect = ["F"]\nignore = ["E9"]\n[lint.per-file-ignores]\n"*.py" = ["E902"]\n')
    assert pillar.run(root, options=options).coverage == Coverage(2, 1, ["a.py"])


def test_a_trusted_configuration_never_edits_the_tree(pillar, tree, trusted):
    root = tree({"a.py": UNUSED})
    result = pillar.run(root, options=trusted("fix = true\nunsafe-fixes = true\n"))
    assert ((root / "a.py").read_text(), rules(result)) == (UNUSED, [("a.py", "F401", 1, 8)])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no-such-option = 1\n", "unknown field `no-such-option`"),
        ("line-length = \n", "ruff ended with status 2: "),
        ('[lint]\nselect = ["ZZZ"]\n', "Unknown rule selector `ZZZ`"),
    ],
    ids=["unknown option", "no TOML", "unknown rule"],
)
def test_a_broken_trusted_configuration_is_a_failed_run(pillar, tree, trusted, text, told):
    result = pillar.run(tree({"a.py": UNUSED}), options=trusted(text))
    assert (result.state, result.findings) == (PillarState.CRASHED, ())
    assert told in result.error_message


def test_a_trusted_folder_without_a_configuration_of_ruff_changes_nothing(pillar, tree, trusted):
    root = tree({"a.py": UNUSED})
    plain = pillar.run(root)
    result = pillar.run(root, options=trusted("[tool.mypy]\nstrict = true\n", "pyproject.toml"))
    assert (result.findings, result.extra) == (plain.findings, plain.extra)


def test_the_first_name_that_configures_the_tool_wins(tmp_path):
    for name, text in {
        "pyproject.toml": "[tool.ruff]\n",
        "ruff.toml": "",
        "setup.cfg": "[mypy]\n",
        "mypy.toml": "",
    }.items():
        (tmp_path / name).write_text(text)
    assert find_trusted_config(tmp_path, "ruff", ["no.toml", "ruff.toml", "pyproject.toml"]).path.name == "ruff.toml"
    assert find_trusted_config(tmp_path, "ruff", ["pyproject.toml", "ruff.toml"]).path.name == "pyproject.toml"
    assert find_trusted_config(tmp_path, "mypy", ["pyproject.toml", "setup.cfg"]).path.name == "setup.cfg"
    assert find_trusted_config(tmp_path, "ruff", ["setup.cfg"]) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pyproject.toml", b"[tool.ruff\n"),
        ("setup.cfg", b"x = 1\n"),
        ("ruff.toml", b"\xff"),
        ("ruff.toml", b"#" * 2**20 + b"\n"),
    ],
    ids=["no TOML", "no INI", "no UTF-8", "too large"],
)
def test_a_trusted_configuration_that_cannot_be_read_is_said_and_not_passed_over(tmp_path, tree, pillar, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TrustedConfigError, match=re.escape(name)):
        find_trusted_config(tmp_path, "ruff", [name])
    if name != "setup.cfg":
        result = pillar.run(tree({"a.py": UNUSED}), options=AuditOptions(config_dir=tmp_path))
        assert (result.state, name in result.error_message) == (PillarState.CRASHED, True)


# Other versions, and tools that are not what they seem


@posix_only
@pytest.mark.parametrize(
    ("check", "state"),
    [
        ("echo '[]'", PillarState.OK),
        ("exit 0", PillarState.INVALID_OUTPUT),
        ("echo 'All checks passed!'", PillarState.INVALID_OUTPUT),
        ("echo '{\"diagnostics\": []}'", PillarState.INVALID_OUTPUT),
        ("echo '[]'; exit 1", PillarState.INVALID_OUTPUT),
        ("echo 'error: unknown option' >&2; exit 2", PillarState.CRASHED),
        ("echo '[]'; exit 3", PillarState.CRASHED),
    ],
    ids=["clean", "nothing", "text", "another form", "findings kept back", "usage", "unknown status"],
)
def test_an_unknown_version_is_judged_by_what_it_prints(fake, tree, check, state):
    result = fake(check).run(tree({"a.py": UNUSED}))
    assert result.state is state
    assert result.tool_version == "ruff 99.0"
    assert bool(result.error_message) is not result.may_pass


@posix_only
def test_a_finding_in_a_file_that_was_not_given_is_no_known_output(fake, tree):
    told = json.dumps([item(path="/etc/hosts")])
    result = fake(f"echo '{told}'; exit 1").run(tree({"a.py": UNUSED}))
    assert (result.state, "KeyError" in result.error_message) == (PillarState.INVALID_OUTPUT, True)


@posix_only
def test_a_file_that_ruff_does_not_list_is_missed(fake, tree):
    result = fake("echo '[]'", listed="exit 0").run(tree({"a.py": UNUSED}))
    assert (result.state, result.coverage) == (PillarState.PARTIAL, Coverage(1, 0, ["a.py"]))
    assert result.extra["missed_because"] == {"a.py": "ruff does not list it"}


@posix_only
def test_a_file_that_ruff_failed_over_in_words_only_is_missed(fake, tree):
    root = tree({"a.py": UNUSED, "b.py": UNUSED})
    result = fake(f"echo '[]'; echo 'warning: Failed to lint {root}/a.py: broken' >&2").run(root)
    assert result.coverage == Coverage(2, 1, ["a.py"])


@posix_only
def test_a_tool_that_always_dies_costs_a_bounded_number_of_runs(fake, tree, tmp_path):
    root = tree({f"{index:03}.py": UNUSED for index in range(200)})
    result = fake(f"echo run >> '{tmp_path}/runs'; kill -SEGV $$").run(root)
    assert (result.state, result.coverage.seen, result.exit_code) == (PillarState.PARTIAL, 0, -11)
    assert len((tmp_path / "runs").read_text().splitlines()) == 64
    assert "ruff crashed too often to try it alone" in result.extra["missed_because"].values()


@posix_only
@pytest.mark.parametrize("rules", ["", "{}", "[]"])
def test_a_version_that_does_not_say_its_rules_is_not_known(fake, tree, rules):
    result = fake("echo '[]'", rules=rules).run(tree({"a.py": UNUSED}))
    assert (result.state, "ruff rule printed" in result.error_message) == (PillarState.INVALID_OUTPUT, True)


@posix_only
def test_without_a_known_rule_the_digest_of_the_rules_is_another(fake, tree):
    result = fake("echo '[]'").run(tree({"a.py": UNUSED}))
    assert result.extra["rules"]["count"] == 1
    assert result.extra["rule_set_digest"] == RuleSet(("F401",), ()).digest


def test_a_missing_tool_is_unavailable(tree, monkeypatch):
    monkeypatch.setattr(RuffPillar, "resolved_binary", classmethod(lambda cls: None))
    result = RuffPillar().run(tree({"a.py": UNUSED}))
    assert (result.state, result.may_pass) == (PillarState.UNAVAILABLE, False)
