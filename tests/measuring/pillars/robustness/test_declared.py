# SPDX-License-Identifier: Apache-2.0
"""Formulas are column names and nothing else."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.robustness.declared import Formula, read_design, require_count, require_share

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,8}", fullmatch=True)
spaces = st.sampled_from(["", " ", "  ", "\t"])


@given(st.lists(names, min_size=2, max_size=6, unique=True), spaces)
def test_a_formula_gives_back_its_names(columns, space):
    response, *features = columns
    text = f"{space}{response}{space}~{space}" + f"{space}+{space}".join(features) + space
    assert Formula.parse(text).columns == tuple(columns)


@given(st.text(max_size=40))
def test_any_text_is_a_formula_of_names_or_is_refused(text):
    try:
        parsed = Formula.parse(text)
    except ClaimError:
        return
    for name in parsed.columns:
        assert name.replace(".", "_").isidentifier()
    assert len(set(parsed.columns)) == len(parsed.columns)


@pytest.mark.parametrize(
    "text",
    [
        "", "y", "y ~", "~ x", "y ~ x ~ z", "y ~ x +", "y ~ x * z", "y ~ x - 1", "y ~ 1", "y ~ log(x)", "y ~ I(x)",
        "y ~ x:z", "y ~ x | g", "y ~ .", "y ~ x\nimport os", "y ~ __import__('os')", "y ~ x x", "y ~ x + x", "y ~ y",
    ],
)  # fmt: skip
def test_what_is_no_list_of_names_is_refused(text):
    with pytest.raises(ClaimError, match="formula"):
        Formula.parse(text)


def test_a_formula_that_is_no_text_is_refused():
    with pytest.raises(ClaimError, match="write 'response ~ feature"):
        Formula.parse(None)


def test_rows_without_a_column_are_left_out_and_counted():
    rows = [
        CycleResult(0, True, {"y": "a", "x": 1}),
        CycleResult(1, True, {"y": "b"}),
        CycleResult(2, True, {"y": "c", "x": 3}, error="broken"),
        CycleResult(3, True, {"y": "d", "x": True}),
    ]
    design = read_design(rows, Formula.parse("y ~ x"))
    assert (design.features.tolist(), design.response, design.left_out) == ([[1.0], [1.0]], ["a", "d"], 2)


def test_features_that_are_texts_or_not_finite_are_refused():
    for value in ("fast", math.nan, math.inf):
        rows = [CycleResult(i, True, {"y": i, "x": value}) for i in range(3)]
        with pytest.raises(NotComputableError, match="finite numbers"):
            read_design(rows, Formula.parse("y ~ x"))


def test_an_unknown_column_names_the_nearest():
    with pytest.raises(NotComputableError, match="did you mean 'length'"):
        read_design([CycleResult(0, True, {"y": 1, "length": 2})], Formula.parse("y ~ lenght"))


@pytest.mark.parametrize("value", [0, 1, 1.0, -0.1, math.nan, "0.5", True, None])
def test_a_share_lies_strictly_between_0_and_1(value):
    with pytest.raises(ClaimError, match="between 0 and 1"):
        require_share("confidence", value)


@pytest.mark.parametrize("value", [1, 2.0, "2", True, None])
def test_a_count_is_a_whole_number_of_at_least_the_least(value):
    with pytest.raises(ClaimError, match="whole number of at least 2"):
        require_count("k", value, 2)
