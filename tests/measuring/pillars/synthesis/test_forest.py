# SPDX-License-Identifier: Apache-2.0
"""Forest plots."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.measuring.pillars.synthesis import CumulativeMetaAnalysis, ForestRow, draw_forest

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def analysis(bcg):
    analysis = CumulativeMetaAnalysis()
    for author, year, effect, variance in bcg:
        analysis.add(effect, variance, f"{author}, {year}")
    return analysis


def test_the_rows_are_the_studies_then_the_pooled_effect_then_a_new_study(analysis, bcg):
    rows = analysis.forest_rows()
    assert [row.kind for row in rows] == ["study"] * 13 + ["pooled", "prediction"]
    # metafor, forest(res): Aronson -0.89 [-2.01, 0.23]; RE model -0.71, weights of 5.1 % and 9.1 % at the ends.
    assert (rows[0].label, round(rows[0].low, 2), round(rows[0].high, 2)) == ("Aronson, 1948", -2.01, 0.23)
    assert sum(row.weight for row in rows[:13]) == pytest.approx(1.0)
    assert round(100 * rows[0].weight, 1) == 5.1
    assert (rows[13].estimate, rows[13].low, rows[13].high) == (
        analysis.result.estimate, analysis.result.low, analysis.result.high,
    )  # fmt: skip
    assert (rows[14].low, rows[14].high) == (analysis.result.prediction_low, analysis.result.prediction_high)


def test_the_drawing_is_xml_with_a_title_and_a_mark_for_every_row(analysis):
    root = ET.fromstring(analysis.forest_svg("BCG"))
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text == "BCG"
    assert len(root.findall(f"{SVG}rect")) == 13
    assert len(root.findall(f"{SVG}path")) == 1
    told = [one.text for one in root.findall(f"{SVG}text")]
    assert "Aronson, 1948" in told
    assert "-0.71 [-1.11, -0.32]" in told
    assert "-0.89 [-2.01, 0.23]" in told
    assert not [one for one in told if one.startswith("-0.00")]


def test_marks_lie_where_their_values_are(analysis):
    root = ET.fromstring(analysis.forest_svg(null=-0.7145323421581392))
    null = root.find(f"{SVG}line")
    corners = [float(one) for one in re.findall(r"-?\d+\.\d", root.find(f"{SVG}path").get("d"))]
    assert corners[2] == pytest.approx(float(null.get("x1")), abs=0.11)  # the tip of the diamond
    assert corners[0] < corners[2] < corners[4]
    sides = [float(one.get("width")) for one in root.findall(f"{SVG}rect")]
    weights = [row.weight for row in analysis.forest_rows()[:13]]
    assert sides == [sides[weights.index(one)] for one in weights]
    assert [side for _, side in sorted(zip(weights, sides, strict=True))] == sorted(sides)
    assert max(sides) > min(sides)


texts = st.text(max_size=60)
ends = st.floats(-1e6, 1e6)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, ends, ends), max_size=4), texts, st.one_of(st.none(), ends))
def test_any_text_and_any_numbers_give_xml_that_holds_no_markup_of_theirs(rows, title, null):
    drawn = draw_forest(
        [ForestRow(label, "study", (low + high) / 2, min(low, high), max(low, high), 0.5) for label, low, high in rows],
        title,
        null=null,
    )
    root = ET.fromstring(drawn)
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {"svg", "title", "text", "line", "rect"}
    assert "nan" not in drawn.split("</title>")[1].split("<text")[0]


def test_hostile_labels_stay_text():
    label = "</text><script>alert(1)</script> & \x00\x1b[2J\u202e"
    drawn = draw_forest([ForestRow(label, "study", 0.0, -1.0, 1.0, 1.0)], label)
    assert "<script" not in drawn
    assert "\x1b" not in drawn
    ET.fromstring(drawn)


def test_a_row_without_an_interval_says_so():
    analysis = CumulativeMetaAnalysis()
    analysis.add(0.4, 0.04)
    drawn = analysis.forest_svg(null=None)
    assert "0.400 (no interval)" in drawn
    assert [row.kind for row in analysis.forest_rows()] == ["study", "pooled"]


def test_decimals_follow_the_span_of_the_axis():
    small = draw_forest([ForestRow("a", "study", 0.00123, 0.001, 0.0015, 1.0)], null=None)
    assert "0.001230 [0.001000, 0.001500]" in small
    large = draw_forest([ForestRow("a", "study", 12345.678, 10000.0, 15000.0, 1.0)], null=None)
    assert "12346 [10000, 15000]" in large
    one_point = draw_forest([ForestRow("a", "study", 3.0, 3.0, 3.0, 1.0)], null=None)
    ET.fromstring(one_point)
