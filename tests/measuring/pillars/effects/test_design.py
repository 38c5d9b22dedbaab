# SPDX-License-Identifier: Apache-2.0
"""Design matrices and coded categories."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.design import codes_of, design, finite_column
from ophamin.measuring.pillars.effects.formula import FormulaError, parse_formula

_draw = random.Random(20261121)
COLUMNS = {
    "a": [_draw.choice("xy") for _ in range(40)],
    "b": [_draw.choice("pqr") for _ in range(40)],
    "u": [_draw.random() for _ in range(40)],
    "v": [_draw.choice([1, 2, 3]) for _ in range(40)],
    "ok": [_draw.random() < 0.5 for _ in range(40)],
}

atoms = st.sampled_from(["a", "b", "u", "v", "C(v)", "ok"])
sums = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([":", "*"]), inner).map("".join),
        st.tuples(inner, st.sampled_from([" + ", " - "]), inner).map(lambda parts: f"({''.join(parts)})"),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["", "0 + ", "-1 + "]), sums, st.sampled_from(["", " - 1", " + 1"]))
def test_columns_and_names_are_those_of_patsy(head, body, tail):
    patsy = pytest.importorskip("patsy")
    text = head + body + tail
    theirs = patsy.dmatrix(text, pd.DataFrame(COLUMNS))
    if not 0 < theirs.shape[1] <= 100:
        with pytest.raises((FormulaError, NotComputableError), match=r"no terms|more than"):
            design(parse_formula(f"y ~ {text}"), COLUMNS)
        return
    ours = design(parse_formula(f"y ~ {text}"), COLUMNS)
    assert list(ours.names) == theirs.design_info.column_names
    assert np.array_equal(ours.matrix, np.asarray(theirs))


def test_a_dotted_name_is_a_column_like_any_other():
    made = design(parse_formula("y ~ t1.arm * t1.dose"), {"t1.arm": ["a", "b"], "t1.dose": [2, 3]})
    assert made.names == ("Intercept", "t1.arm[T.b]", "t1.dose", "t1.arm[T.b]:t1.dose")
    assert made.matrix.tolist() == [[1.0, 0.0, 2.0, 0.0], [1.0, 1.0, 3.0, 3.0]]


def test_the_intercept_alone_is_as_long_as_the_rows():
    assert design(parse_formula("y ~ 1"), {"group": ["a"] * 5}).matrix.shape == (5, 1)


@pytest.mark.parametrize(
    ("text", "columns", "reason"),
    [
        ("y ~ a", {"a": ["x", "x"]}, "'a' is 'x' in every row"),
        ("y ~ a", {"a": [1, "x"]}, "'a' holds 'x'"),
        ("y ~ C(a)", {"a": [1, "x"]}, "texts and numbers together"),
        ("y ~ a", {"a": [1.0, float("nan")]}, "'a' holds 'nan'"),
        ("y ~ a", {"a": [1, 10**400]}, "'a' holds '1000"),
        ("y ~ a", {"a": [1, -1e80]}, "'a' holds '-1e.80'; it takes finite numbers alone, up to 1e.75"),
        ("y ~ C(a)", {"a": [[1], [2]]}, "'a' holds lists"),
        ("y ~ a", {"a": [f"u{i}" for i in range(1000)]}, "a has 1000 categories: is it groups="),
        ("y ~ a*b", {"a": list("abcdefghijkl"), "b": list("abcdefghijkl")}, "more than 100 columns"),
    ],
)
def test_columns_that_make_no_design_are_refused_with_the_reason(text, columns, reason):
    with pytest.raises(NotComputableError, match=reason.replace("(", r"\(")):
        design(parse_formula(text), columns)


@given(st.lists(st.sampled_from(["b", "a", "c"]), min_size=1))
def test_codes_lead_back_to_the_categories(values):
    for ordered in (True, False):
        codes = codes_of(values, "arm", ordered=ordered)
        assert [codes.levels[at] for at in codes.codes] == values
        assert codes.levels == tuple(sorted(set(values)) if ordered else dict.fromkeys(values))


@given(st.lists(st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.floats(-1e75, 1e75))))
def test_numbers_and_truth_values_are_a_column(values):
    assert finite_column(values, "phi").tolist() == [float(value) for value in values]
