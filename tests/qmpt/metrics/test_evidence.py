# SPDX-License-Identifier: Apache-2.0
"""Promises about scores that are put together from parts: nothing is made up for a missing one."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qmpt.errors import DataError, InsufficientEvidence
from qmpt.metrics.evidence import Part, assess, check_keys, count_or_none, number_or_none

UNIT = st.floats(0.0, 1.0)
PARTS = st.lists(st.tuples(st.one_of(st.none(), UNIT), st.floats(0.01, 1.0)), min_size=1, max_size=5)


def built(rows):
    return [
        Part(f"p{place}", value, weight, reason="" if value is not None else "none")
        for place, (value, weight) in enumerate(rows)
    ]


@given(PARTS)
def test_a_score_lies_among_its_parts_and_exists_where_the_coverage_suffices(rows):
    found = assess("score", built(rows))
    present = [(value, weight) for value, weight in rows if value is not None]
    coverage = math.fsum(weight for _, weight in present) / math.fsum(weight for _, weight in rows)
    assert found.coverage == pytest.approx(coverage)
    assume(abs(coverage - 0.6) > 1e-6)
    if coverage < 0.6:
        assert found.value is None
        with pytest.raises(InsufficientEvidence, match="no score: "):
            found.require()
    else:
        values = [value for value, _ in present]
        assert min(values) - 1e-9 <= found.require() <= max(values) + 1e-9


@given(PARTS, st.data())
def test_a_score_never_falls_where_a_part_rises(rows, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    value, weight = rows[place]
    assume(value is not None)
    raised = [*rows]
    raised[place] = (data.draw(st.floats(value, 1.0)), weight)
    before, after = assess("score", built(rows)), assess("score", built(raised))
    assert before.coverage == after.coverage
    assert before.value is None or after.value >= before.value - 1e-12


def test_coverage_of_exactly_the_least_suffices():
    assert assess("score", built([(1.0, 0.3), (1.0, 0.3), (None, 0.2), (None, 0.2)])).value == 1.0
    # weights that sum to one but for rounding
    assert assess("score", built([(1.0, 0.6 - 5e-10), (None, 0.4)])).value == 1.0


def test_the_reason_names_what_is_missing_and_the_limit():
    found = assess("score", [Part("a", 0.5, 0.3), Part("b", None, 0.7, reason="3 words")])
    assert found.reason == "the coverage is 0.30 of at least 0.60; missing: b (3 words)"


def test_intervals_of_independent_parts_add_in_squares():
    parts = [Part("a", 0.5, 0.5, interval=(0.2, 0.9)), Part("b", 0.5, 0.5, interval=(0.1, 0.8))]
    low, high = assess("score", parts).interval
    assert low == pytest.approx(0.5 - math.hypot(0.15, 0.2))
    assert high == pytest.approx(0.5 + math.hypot(0.2, 0.15))


def test_there_is_no_interval_where_a_part_in_use_has_none():
    assert assess("score", [Part("a", 0.5, 0.5, interval=(0.2, 0.9)), Part("b", 0.5, 0.5)]).interval is None
    missing = Part("b", None, 0.1, reason="none")
    assert assess("score", [Part("a", 0.5, 0.9, interval=(0.2, 0.9)), missing]).interval == pytest.approx((0.2, 0.9))


def test_a_record_is_plain_and_its_parts_have_names():
    found = assess("score", [Part("a", 0.5, detail={"n": 3})])
    assert json.loads(json.dumps(found.as_dict()))["parts"][0]["detail"] == {"n": 3}
    assert found.part("a").value == 0.5
    with pytest.raises(KeyError):
        found.part("b")


def test_a_weight_of_zero_counts_neither_for_nor_against():
    found = assess("score", [Part("a", 0.25, 1.0), Part("b", 1.0, 0.0)])
    assert (found.value, found.coverage) == (0.25, 1.0)
    assert assess("score", [Part("a", 0.5, 0.0)]).value is None


@pytest.mark.parametrize(
    ("value", "message"), [([], "is list"), ({"tow": 1}, "did you mean 'two'")], ids=["list", "key"]
)
def test_a_dictionary_of_another_form_is_refused(value, message):
    with pytest.raises(DataError, match=message):
        check_keys("it", value, {"one", "two"})


@pytest.mark.parametrize(
    "value",
    [3, 3.0, Fraction(3), np.int8(3), np.uint64(3), np.float16(3), np.float64(3)],
    ids=lambda v: type(v).__name__,
)
def test_numbers_of_every_library_are_read_as_floats(value):
    assert number_or_none(value) == 3.0
    assert type(number_or_none(value)) is float


@pytest.mark.parametrize(
    "value",
    [None, True, np.True_, "3", math.nan, np.float32("inf"), 1e301, 10**400, 3j, [3], np.array(3.0)],
    ids=["none", "true", "numpy true", "text", "nan", "inf", "large", "very large", "complex", "list", "array"],
)
def test_what_is_no_finite_number_is_none(value):
    assert number_or_none(value) is None


def test_counts_are_whole_and_not_negative():
    assert [count_or_none(value) for value in (0, np.int64(5), 10**400)] == [0, 5, 10**400]
    assert [count_or_none(value) for value in (-1, np.int64(-1), 1.0, True, None, "1")] == [None] * 6
