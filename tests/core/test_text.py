# SPDX-License-Identifier: Apache-2.0
"""Foreign text on a terminal and in Markdown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ophamin.core.text import escape_markdown, visible

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = st.text(alphabet=st.sampled_from("#*_`[]()!<>|~\\-+=.:@&; \n\ta1/\"'$"), max_size=40)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("over\rprint", "over\\rprint"),
        ("bell\x07 del\x7f c1\x9b", "bell\\x07 del\\x7f c1\\x9b"),
        ("\u202egpj.exe\u2069", "\\u202egpj.exe\\u2069"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("half \ud800", "half \\ud800"),
        ("two\nlines\t.", "two\\nlines\\t."),
    ],
)
def test_what_a_terminal_acts_on_becomes_visible(text, shown):
    assert visible(text) == shown


def test_line_feeds_stay_where_asked_and_nothing_else_does():
    assert visible("a\nb\r\x1b", keep_newlines=True) == "a\nb\\r\\x1b"


def test_ordinary_text_of_any_language_comes_back_as_the_same_object():
    text = "Größe ≤ 3 µs, 模型, \U0001f600, e\u0301"
    assert visible(text) is text


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters()))
def test_visible_text_can_be_sent_to_any_utf8_terminal_and_holds_no_control(text):
    shown = visible(text)
    shown.encode()
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", shown)


@pytest.mark.parametrize(
    "text",
    [
        "# VALIDATED",
        "a\n\n# VALIDATED",
        "verdict\n===",
        "===",
        "---",
        "- item",
        "1. item",
        "12) item",
        "> quote",
        "    code",
        "```\ncode\n```",
        "`code`",
        "**bold** _it_ __it__ ~~gone~~",
        "![beacon](https://x.org/i.png)",
        "[link](javascript:alert(1))",
        "[ref]: https://x.org",
        "<script>alert(1)</script>",
        "<!-- hidden",
        "<https://x.org>",
        "<me@x.org>",
        "&lt;b&gt; &#60;b&#62; &amp",
        "ends with a backslash\\",
        "hard  \nbreak",
        "a | b",
        "a_b_c 2 * 3 = 6, x < 3 and y <= 0.10 -- R&D",
    ],
)
def test_text_renders_as_itself_in_one_paragraph(text):
    assert _rendered(escape_markdown(text)) == " ".join(text.split())


@settings(max_examples=150, deadline=None)
@given(HOSTILE)
def test_any_text_renders_as_itself_in_one_paragraph(text):
    plain = " ".join(text.split())
    assert _rendered(escape_markdown(text)) == plain


@settings(max_examples=80, deadline=None)
@given(HOSTILE)
def test_any_text_stays_in_its_table_cell(text):
    html = MARKDOWN.render(f"| a | b |\n|---|---|\n| x{escape_markdown(text)} | end |\n")
    assert html.count("<td>") == 2
    assert "<td>end</td>" in html


def test_mentions_and_bare_addresses_are_broken():
    escaped = escape_markdown("@octocat see https://x.org and www.x.org, a@x.org")
    assert "@octocat" not in escaped
    assert "://" not in escaped
    assert "www." not in escaped
    assert escaped.replace("\u200b", "") == "@octocat see https://x.org and www.x.org, a@x.org"


def test_an_expectation_stays_readable_in_the_source():
    assert escape_markdown("mean(wall_time_s) <= 0.10, x < 3") == "mean(wall_time_s) <= 0.10, x < 3"


def test_controls_inside_markdown_become_visible():
    assert _rendered(escape_markdown("a\x1b[2Jb")) == "a\\x1b[2Jb"


def _rendered(source: str) -> str:
    """The text of a document that must be one paragraph of plain text, or nothing."""
    tokens = MARKDOWN.parse(source)
    if not tokens:
        return ""
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text"}
    return "".join(child.content for child in children).replace("\u200b", "")
