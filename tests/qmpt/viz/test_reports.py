# SPDX-License-Identifier: Apache-2.0
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.data.models import Layer, LayerState
from qmpt.errors import DataError
from qmpt.viz.reports import layer_report, report_of, score_sections, to_html, to_markdown
from qmpt.viz.reports_document import Listing, Paragraph, Report, Section, Table
from qmpt.viz.reports_models import ScoredLayer, ScoredPattern, Scores, read_result
from qmpt.viz.reports_text import interval_text, markdown_text, number, shortened, visible

markdown_it = pytest.importorskip("markdown_it")

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a|b",
    "`code`",
    "[x](javascript:alert(1))",
    "![x](http://example.org/a.png)",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "*a* _b_ ~~c~~",
    "https://example.org and a@example.org",
    "&lt;b&gt;",
    "\x1b[2J\u202eevil",
    "a\\",
    "===",
    "---",
]


def rendered(text):
    """The text that a reader of the Markdown sees, and the kinds of what it consists of."""
    tokens = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    return "".join(child.content for child in inline), {token.type for token in (*tokens, *inline)}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_foreign_text_is_text_in_markdown(text):
    seen, kinds = rendered(markdown_text(text, at_start=True))
    assert seen.replace("\u200b", "") == visible(" ".join(text.split()))
    assert kinds <= {"paragraph_open", "inline", "paragraph_close", "text", "text_special"}


@given(st.text(max_size=60))
def test_any_text_is_text_in_markdown(text):
    seen, kinds = rendered(markdown_text(text, at_start=True))
    assert seen.replace("\u200b", "") == visible(" ".join(text.split())).replace("\u200b", "").strip()
    assert kinds <= {"paragraph_open", "inline", "paragraph_close", "text", "text_special"}


@given(st.lists(st.text(max_size=30), min_size=2, max_size=2))
def test_any_cell_stays_in_its_table(cells):
    table = Table(("left", "right"), (tuple(cells),))
    markdown = to_markdown(Report("t", (Section("s", (table,)),)))
    tokens = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    assert sum(token.type == "td_open" for token in tokens) == 2
    assert sum(token.type == "heading_open" for token in tokens) == 2


@pytest.mark.parametrize("cell", ["a|b", "a\\|b", "|", "`|`", "a\nb"], ids=range(5))
def test_a_bar_or_a_line_end_does_not_leave_its_cell(cell):
    table = Table(("left", "right"), ((cell, "x"),))
    markdown = to_markdown(Report("t", (Section("s", (table,)),)))
    tokens = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    cells = [after.content for token, after in pairwise(tokens) if token.type == "td_open"]
    assert len(cells) == 2
    assert cells[1] == "x"


class Texts(HTMLParser):
    """Tags and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_foreign_text_is_text_in_html(text):
    blocks = (Paragraph(text), Listing((text,)), Table((text,), ((text,),), caption=text))
    page = Texts(to_html(Report(text, (Section(text, blocks),))))
    plain = Texts(
        to_html(Report("x", (Section("x", (Paragraph("x"), Listing(("x",)), Table(("x",), (("x",),), caption="x"))),)))
    )
    assert page.tags == plain.tags
    assert page.texts.count(visible(text)) == 8


def test_figures_of_hostile_names_run_nothing_and_have_ids_of_their_own():
    pytest.importorskip("matplotlib")
    name = '</text><script>alert(1)</script>"$'
    patterns = [
        ScoredPattern(pattern_id=f"{name}{n}", score=float(n), label="typical", terms={"rarity": float(n)}, features=[])
        for n in range(6)
    ]
    scores = Scores(source=name, layers=[ScoredLayer(layer_id=name, patterns=patterns, of=6, thresholds=(4.0, 5.0))])
    page = to_html(report_of(name, score_sections(scores)))
    tags = Texts(page).tags
    assert "script" not in tags
    assert tags.count("svg") == 3
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]*)", page))
    assert used <= set(ids)


def test_a_table_of_groups_shows_no_fewer_than_five_people():
    def section(people):
        patterns = [
            ScoredPattern(
                pattern_id=f"p{n}", score=9.0 - n, label="rare" if n < 3 else "typical", terms={}, features=[]
            )
            for n in range(9)
        ]
        layer = ScoredLayer(layer_id="L", patterns=patterns, of=9, thresholds=(6.5, 99.0), people=people)
        return to_markdown(report_of("r", score_sections(Scores(source="s", layers=[layer]))))

    assert "| rare | 3 | 6.50 |" in section(people=False)
    assert "| rare | fewer than 5 | 6.50 |" in section(people=True)
    assert "no ranking of people" in section(people=True)


def test_a_layer_without_scores_says_why():
    layer = ScoredLayer(layer_id="L", patterns=[], reason="3 patterns, and 5 are the fewest", of=3)
    assert "no scores: 3 patterns, and 5 are the fewest" in to_markdown(
        report_of("r", score_sections(Scores(source="s", layers=[layer])))
    )


def test_a_report_of_a_layer_counts_what_is_missing():
    states = [LayerState(t=t, stress=None if t == 1 else 0.2, protection=0.8) for t in range(4)]
    text = to_markdown(layer_report(Layer(layer_id="L", state_trajectory=states)))
    assert "4 states, t = 0 to 3; 1 without stress." in text


def test_the_caveats_stand_first_and_last():
    text = to_markdown(report_of("r", [Section("middle", ())]))
    assert text.index("Exploratory") < text.index("middle") < text.index("What these numbers do not mean")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (0.0, "0.00"),
        (-0.001, "0.00"),
        (-1.5, "-1.50"),
        (1e300, "1e+300"),
        (1e5, "1e+05"),
    ],
    ids=["none", "nan", "zero", "tiny", "negative", "huge", "large"],
)
def test_numbers_are_short_and_a_missing_one_is_a_dash(value, text):
    assert number(value) == text


def test_an_interval_that_is_missing_is_a_dash():
    assert interval_text(None) == "-"
    assert interval_text((-1.0, 2.0)) == "-1.00 to 2.00"


@given(st.text(max_size=50), st.integers(3, 20))
def test_a_shortened_text_is_never_longer_than_asked(text, width):
    assert len(shortened(text, width)) <= width
    assert shortened(text, 100) == text


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"source": "a"}', '{"source": "a", "layers": [], "extra": 1}'],
    ids=["empty", "list", "cut", "missing", "unknown key"],
)  # fmt: skip
def test_a_result_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "scores.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"scores\.json"):
        read_result(path, Scores)
