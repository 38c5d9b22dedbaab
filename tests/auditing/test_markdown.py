# SPDX-License-Identifier: Apache-2.0
"""The Markdown twin shows what an audit says, and no text of a tool can change its structure."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ophamin.auditing.base import Finding, PillarResult, PillarState

SECTIONS = [
    "Identity and target",
    "Tools",
    "Summary",
    "Findings",
    "Claim and verdict",
    "Reproduction",
    "Signature",
]
HOSTILE = [
    "# No findings",
    "x\n# No findings\n\nx",
    "a | b | c",
    "```\ncode\n```",
    "`x`",
    "<script>alert(1)</script>",
    "</details><h1>clean</h1>",
    "<!-- gone",
    "![x](https://example.org/x.png)",
    "[x](javascript:alert(1))",
    "https://example.org",
    "**bold** _x_ ~~y~~ @everyone",
    "- item",
    "1. item",
    "> quote",
    "---",
    "===",
    "    code",
    "&lt;b&gt; &#35;",
    "line\\",
    "\\| x",
    "\r\n\r\n| a |\r\n| --- |\r\n| b |",
    "\u2028# x",
    "\x1b[2K\u202e",
    "",
    " ",
]
PARSER = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])


def structure(text):
    """Every block of a text, without what it says; the inline parts that are more than text."""
    tokens = PARSER.parse(text)
    blocks = [(token.type, token.tag, token.level) for token in tokens]
    marks = [child.type for token in tokens for child in token.children or [] if child.type != "text"]
    return blocks, [mark for mark in marks if mark not in {"text_special", "softbreak"}]


def headings(text):
    tokens = PARSER.parse(text)
    return [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]


@pytest.fixture(scope="session")
def attacked(audit, claim):
    """An audit in which every text that a tool or a tree could choose is ``text``."""

    def make(text):
        finding = Finding("tool", text, "high", text, f"a{text}", 3, 1, {text: text})
        failed = PillarResult("tool", text, text, "error", text, [finding], error_message=text or "x")
        record = audit(failed)
        record.target_path = text
        record.reproduction_command = f"run {text}"
        record.attach_pre_registration(claim=claim("high"), observed_value=1, metric="high", analysis_plan=text)
        return record.to_markdown().rpartition("\n---\n")[0]

    return make


def test_the_sections_stand_in_order_below_target_and_count(golden):
    title, *sections = headings(golden.to_markdown())
    assert title == "Audit of src: 4 findings"
    assert sections == SECTIONS


@pytest.mark.parametrize(("count", "said"), [(0, "no findings"), (1, "1 finding"), (2, "2 findings")])
def test_the_title_counts_the_findings(audit, result, found, count, said):
    text = audit(result(findings=found(count), state=PillarState.FINDINGS if count else PillarState.OK)).to_markdown()
    assert headings(text)[0] == f"Audit of src: {said}"
    assert ("Findings" in headings(text)) is (count > 0)


def test_the_twin_says_at_once_that_something_was_not_looked_at(golden, audit, result):
    assert "**Not everything was looked at (bandit: partial; pip_audit: unavailable).**" in golden.to_markdown()
    assert "Not everything" not in audit(result()).to_markdown()


def test_the_twin_shows_state_coverage_and_message_of_each_tool(golden):
    text = golden.to_markdown()
    assert "| bandit | bandit 1.9.4 | partial | 1 | 2 of 3 | 2.81 | the tool saw 2 of 3: src/broken.py;" in text
    assert "| mypy | mypy 2.4.1 (compiled: yes) | ok | 0 | 3 of 3 | 0.00 |" in text
    assert "unavailable" in text


def test_findings_stand_worst_first_with_their_place(golden):
    rows = re.findall(r"^\| (high|low|info) \| (\S+:\S+) \|", golden.to_markdown(), re.MULTILINE)
    assert rows == [
        ("high", "src/café/run.py:16:12"),
        ("high", "src/café/run.py:16:12"),
        ("low", "src/café/run.py:1:8"),
        ("info", "src/b.py:1:1"),
    ]


def test_a_finding_without_a_line_has_only_its_path(audit, result):
    vulnerable = Finding("pip_audit", "PYSEC-2024-1", "high", "xmlattr filter", "<dependency:jinja2>")
    text = audit(result("pip_audit", PillarState.FINDINGS, [vulnerable])).to_markdown()
    assert "| high | &lt;dependency:jinja2> | pip_audit | PYSEC-2024-1 |" in text


def test_many_findings_are_cut_and_the_worst_are_kept(audit, result, found):
    many = [*found(300, "low"), *found(1, "critical")]
    text = audit(result(findings=many, state=PillarState.FINDINGS)).to_markdown()
    assert "And 101 more in the JSON file." in text
    assert text.count("| ruff | S602 |") == 200
    assert "| critical | src/0.py:1:1 |" in text


def test_the_twin_shows_claim_and_verdict(golden):
    text = golden.to_markdown()
    assert "- Statement: The naïve tree has no finding of severity high." in text
    assert "- Outcome: REFUTED" in text
    assert "- Threshold: high <= 0.0 findings" in text


def test_an_undefined_value_is_called_undefined(audit, result, claim):
    record = audit(result()).attach_pre_registration(claim=claim(), observed_value=None)
    assert "- Observed: undefined" in record.to_markdown()


def test_the_end_says_whether_the_record_is_well_formed(rebuilt):
    assert "\nThe record is well-formed.\n" in rebuilt().to_markdown()
    text = rebuilt(summary__total_findings=0, reproduction__command="").to_markdown()
    assert "**The record is not well-formed (2):**" in text
    assert "- summary.total_findings is 0, but there are 4 findings" in text


def test_an_unsigned_record_is_called_unsigned(rebuilt):
    assert "- HMAC-SHA256: unsigned" in rebuilt(signature="").to_markdown()


def test_an_audit_in_which_nothing_ran_can_be_shown(audit):
    text = audit().to_markdown()
    assert "No tool ran." in text
    assert "no pillar ran" in text


def test_a_long_message_is_cut_and_says_so(audit, result):
    text = audit(result(findings=[Finding("ruff", "X1", "low", "x" * 9_000, "a.py")])).to_markdown()
    assert "x" * 501 not in text
    assert "cut; whole in the JSON file" in text


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_no_text_of_a_tool_changes_the_structure(attacked, hostile):
    assert structure(attacked(hostile)) == structure(attacked("plain"))


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="#|`<>!/[]()*_~-=+.&;:\\\n\r\t \x1b\u2028ab1", min_size=1, max_size=14))
def test_no_mix_of_marks_changes_the_structure(attacked, text):
    assert structure(attacked(text)) == structure(attacked("plain"))


def test_the_twin_holds_no_character_that_a_terminal_acts_on(attacked):
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", attacked("\x1b[2K\u202ex\x07\x9b"))
