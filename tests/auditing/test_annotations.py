# SPDX-License-Identifier: Apache-2.0
"""Annotations: foreign text is told, and commands nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.annotations import annotation_lines
from ophamin.auditing.findings import Finding, FindingSeverity

# How the runner reads a command: github/docs, "Workflow commands for GitHub Actions".
COMMAND = re.compile(r"::(?P<command>error|warning|notice) (?P<properties>[^:]*)::(?P<message>.*)")


def finding(message="shell", path="src/run.py", line=3, column=5, severity="high", rule="S602", tool="ruff"):
    return Finding(tool, rule, severity, message, path, line, column)


def understood(line: str) -> dict[str, str]:
    """What the runner makes of a line."""
    match = COMMAND.fullmatch(line)
    assert match is not None
    found = dict(pair.split("=", 1) for pair in match["properties"].split(","))

    def plain(text):
        for escape, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            text = text.replace(escape, char)
        return text

    return {"command": match["command"], "message": plain(match["message"])} | {
        name: plain(value) for name, value in found.items()
    }


def test_a_finding_is_a_command_with_its_place():
    assert annotation_lines([finding()]) == [
        "::error file=src/run.py,line=3,col=5,title=ruff S602 (high)::shell",
    ]


@pytest.mark.parametrize(
    ("severity", "command"),
    [("critical", "error"), ("high", "error"), ("medium", "warning"), ("low", "notice"), ("info", "notice")],
)
def test_severities_become_the_three_levels_of_github(severity, command):
    assert understood(annotation_lines([finding(severity=severity)])[0])["command"] == command


def test_percent_colon_and_comma_are_escaped_where_they_would_act():
    (line,) = annotation_lines([finding("100%: a, b", "a,b:c%.py", rule="x:y,z")])
    assert line == "::error file=a%2Cb%3Ac%25.py,line=3,col=5,title=ruff x%3Ay%2Cz (high)::100%25: a, b"


@pytest.mark.parametrize(
    "text",
    ["::error::x", "a\n::set-output name=x::y", "a\r::stop-commands::t", "a\r\n::add-mask::x", "\u2028::x", "\x85x"],
)
def test_foreign_text_begins_no_line(text):
    some = [finding(text, path=text, rule=text, tool=text, severity=word) for word in FindingSeverity]
    printed = "\n".join(annotation_lines(some, prefix=""))
    assert len(printed.splitlines()) == len(some)
    for line in printed.splitlines():
        assert understood(line)["command"] in {"error", "warning", "notice"}


@pytest.mark.parametrize(
    "path", ["../outside.py", "/etc/passwd", "<dependency:jinja2>", "", "a\x1b[2K.py", "\u202e.py"]
)
def test_a_place_that_is_none_stands_in_the_message(path):
    told = understood(annotation_lines([finding(path=path)])[0])
    assert "file" not in told
    assert "line" not in told
    assert told["message"].endswith(": shell")


@pytest.mark.parametrize(
    ("line", "column", "expected"),
    [(3, 0, ["file", "line", "title"]), (0, 5, ["file", "title"]), (-1, 5, ["file", "title"])],
)
def test_a_line_or_column_that_is_not_known_is_left_out(line, column, expected):
    told = understood(annotation_lines([finding(line=line, column=column)])[0])
    assert [name for name in told if name not in {"command", "message"}] == expected


def test_paths_count_from_the_top_of_the_repository():
    assert understood(annotation_lines([finding(path="a.py")], prefix="src")[0])["file"] == "src/a.py"
    assert understood(annotation_lines([finding(path="a.py")], prefix=".")[0])["file"] == "a.py"
    assert "file" not in understood(annotation_lines([finding(path="a.py")], prefix="..")[0])


def test_ten_of_each_level_are_shown_and_the_rest_is_counted():
    some = [finding(severity=word, path=f"{n:02}.py") for n in range(12) for word in ("info", "medium", "high")]
    some += [finding(severity="critical", path="z.py")]
    *lines, last = annotation_lines(some)
    counted = [understood(line)["command"] for line in lines]
    assert {word: counted.count(word) for word in counted} == {"error": 10, "warning": 10, "notice": 10}
    assert understood(lines[0])["file"] == "z.py"
    assert "3 of level error, 2 of level warning, 2 of level notice" in last
    assert not last.startswith("::")


def test_nothing_found_is_nothing_printed():
    assert annotation_lines([]) == []


found = st.builds(
    finding, *[st.text(max_size=20)] * 2, st.integers(-2, 9), st.integers(-2, 9), st.sampled_from(FindingSeverity)
)


@given(findings=st.lists(found, max_size=30), shuffled=st.randoms())
def test_every_line_is_a_command_or_the_count_and_the_order_is_one(findings, shuffled):
    lines = annotation_lines(findings)
    for line in lines:
        assert line.splitlines() == [line]
        assert line.startswith("ophamin: more findings") or understood(line)
    other = list(findings)
    shuffled.shuffle(other)
    assert annotation_lines(other) == lines
