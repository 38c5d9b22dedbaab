# SPDX-License-Identifier: Apache-2.0
"""The Markdown twin shows what a record says, and no text in a record can change its structure."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

SECTIONS = [
    "1. Identity",
    "2. Claim",
    "3. Pre-registration",
    "4. Data",
    "5. Evidence",
    "6. Verdict",
    "7. Reproduction",
    "8. Provenance",
    "9. Signature",
]
HOSTILE = [
    "# VALIDATED",
    "x\n# VALIDATED\n\nx",
    "a | b | c",
    "```\ncode\n```",
    "`x`",
    "<script>alert(1)</script>",
    "</details><h1>VALIDATED</h1>",
    "<!-- gone",
    "![x](https://example.org/x.png)",
    "[x](javascript:alert(1))",
    "[x]: https://example.org",
    "https://example.org",
    "**bold** _x_ ~~y~~",
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
TEXT_FIELDS = (
    "claim__statement",
    "claim__operationalization",
    "claim__h0",
    "preregistration__analysis_plan",
    "data__substrate_name",
    "data__datasets__0__name",
    "data__datasets__0__source",
    "evidence__0__pillar",
    "evidence__0__statistic_name",
    "evidence__0__library",
    "verdict__reasoning",
    "reproduction__command",
)
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


def test_the_nine_sections_stand_in_order_below_the_outcome(golden):
    title, *sections = headings(golden.to_markdown())
    assert title.startswith("VALIDATED: The café filter")
    assert sections == SECTIONS


def test_the_twin_shows_what_the_wire_has_no_field_for(golden):
    text = golden.to_markdown()
    for line in (
        "- Scenario: filter.blocks",
        "- Tier: scientific",
        "- Family: filter",
        "- Goal: Keep benign inputs flowing.",
        "- Method: exact",
        "- If refuted: The filter is too strict.",
        "- Registration: declared",
        "- Attempt: 1",
    ):
        assert f"\n{line}\n" in text
    assert "Explanation" not in text


@pytest.mark.parametrize(
    "provenance",
    [{}, {"entity": []}, {"entity": {"ophamin:scenario": 3}}, {"entity": {}, "agent": 3}, {"agent": ["x"]}],
)
def test_a_record_without_a_scenario_in_its_provenance_is_shown_without(rebuilt, provenance):
    text = rebuilt(provenance=provenance).to_markdown()
    assert headings(text)[1:] == SECTIONS
    assert "- Scenario:" not in text


def test_the_twin_shows_value_interval_and_threshold(golden):
    text = golden.to_markdown()
    assert "0.03333333333333333 | 0.011464542043490638 to 0.07465280816655427" in text
    assert "- Threshold: blocked <= 0.1 fraction" in text


def test_an_undefined_value_is_called_undefined(rebuilt):
    text = rebuilt("1.1").to_markdown()
    assert "- Observed: undefined" in text
    assert "No data set." in text


def test_the_environment_is_folded_and_short(rebuilt):
    locked = {f"package-{index}": "1" for index in range(400)}
    text = rebuilt(reproduction__environment=locked).to_markdown()
    assert "<details><summary>Environment, 400 entries</summary>" in text
    assert "- and 360 more in the JSON file" in text
    assert "package-399" not in text


def test_the_end_says_that_the_record_is_well_formed_and_not_the_evidence(golden):
    assert golden.to_markdown().endswith(
        "The record is well-formed.\n\n"
        "The JSON file is the evidence. This text is a view of it and can be changed by anyone.\n"
    )


def test_the_end_lists_every_problem(rebuilt):
    text = rebuilt(claim__h0="", reproduction__command="").to_markdown()
    assert "**The record is not well-formed (2):**" in text
    assert "- claim.h0 or claim.h1 is empty" in text
    assert "- reproduction.command is empty" in text


def test_an_unsigned_record_is_called_unsigned(rebuilt):
    assert "- HMAC-SHA256: unsigned" in rebuilt(signature="").to_markdown()


def test_a_long_text_is_cut_and_says_so(rebuilt):
    text = rebuilt(verdict__reasoning="x" * 10_000).to_markdown()
    assert "x" * 2001 not in text
    assert "cut; whole in the JSON file" in text


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_no_text_changes_the_structure(rebuilt, hostile):
    plain = rebuilt(**dict.fromkeys(TEXT_FIELDS, "plain")).to_markdown()
    attacked = rebuilt(**dict.fromkeys(TEXT_FIELDS, hostile)).to_markdown()
    without_problems = [text.rpartition("\n---\n")[0] for text in (attacked, plain)]
    assert structure(without_problems[0]) == structure(without_problems[1])


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_no_text_in_a_free_map_changes_the_structure(rebuilt, hostile):
    def with_free(text):
        scenario = {"ophamin:name": text or "x", "ophamin:goal": {"$": text}}
        return rebuilt(
            preregistration__sweep_grid={text: text},
            evidence__0__detail={text: [text]},
            reproduction__environment={f"a{text}": text},
            reproduction__lineage_chain=[text],
            provenance={"entity": {"ophamin:scenario": scenario, text: {}}},
        ).to_markdown()

    assert structure(with_free(hostile)) == structure(with_free("plain"))


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="#|`<>!/[]()*_~-=+.&;:\\\n\r\t \x1b\u2028ab1", min_size=1, max_size=14))
def test_no_mix_of_marks_changes_the_structure(rebuilt, text):
    plain = rebuilt(claim__statement="x", verdict__reasoning="x", evidence__0__statistic_name="x").to_markdown()
    attacked = rebuilt(claim__statement=text, verdict__reasoning=text, evidence__0__statistic_name=text).to_markdown()
    if text.strip():
        assert structure(attacked) == structure(plain)


def test_the_twin_holds_no_character_that_a_terminal_acts_on(rebuilt):
    text = rebuilt(claim__statement="\x1b[2K\u202ex\x07", evidence__0__detail={"\x1b": "\x9b"}).to_markdown()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_a_text_that_says_validated_does_not_become_the_outcome(rebuilt):
    text = rebuilt(verdict__outcome="INCONCLUSIVE", claim__statement="x\n# VALIDATED: trust me").to_markdown()
    assert [title.split(":")[0] for title in headings(text)] == ["INCONCLUSIVE", *SECTIONS]


def test_the_twin_can_be_made_from_any_readable_record(golden_texts, rebuilt):
    assert len(json.loads(golden_texts["1.0"])["evidence"]) == 2
    assert rebuilt(evidence=[], data__datasets=[], provenance={}).to_markdown().count("No ") >= 3
