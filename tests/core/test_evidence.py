# SPDX-License-Identifier: Apache-2.0
"""Evidence refuses what no reader could use, and keeps numbers as they were given."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.evidence import CROSS_CHECKS, PillarEvidence
from ophamin.core.records import RecordFieldError

NUMBERS = ("statistic_value", "effect_size", "ci_low", "ci_high", "p_value")


def piece(**changes):
    fields = {
        "pillar": "A.exact",
        "statistic_name": "blocked",
        "statistic_value": 0.25,
        "library": "scipy",
        "library_version": "1.17.1",
    }
    return PillarEvidence(**{**fields, **changes})


@pytest.mark.parametrize("cross_check", CROSS_CHECKS)
def test_every_known_cross_check_is_taken(cross_check):
    assert piece(cross_check=cross_check).cross_check == cross_check


def test_an_unknown_cross_check_is_refused_and_shown_up_to_60_characters():
    with pytest.raises(ValueError, match="cross_check") as caught:
        piece(cross_check="x" * 61)
    assert "x" * 60 in str(caught.value)
    assert "x" * 61 not in str(caught.value)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float64("nan")])
def test_a_number_that_is_not_finite_is_refused_by_field(name, value):
    with pytest.raises(ValueError, match=rf"(?s){name}.*not a finite number"):
        piece(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["1", True, [1], 1j, np.int64(1)])
def test_what_is_no_number_is_refused_by_field(name, value):
    with pytest.raises(ValueError, match=rf"(?s){name}.*not a number"):
        piece(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
def test_an_undefined_number_is_none(name):
    assert getattr(piece(**{name: None}), name) is None


@pytest.mark.parametrize("p_value", [-0.01, 1.0000001, 2])
def test_a_p_value_outside_0_to_1_is_refused(p_value):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        piece(p_value=p_value)


@pytest.mark.parametrize("p_value", [0, 0.0, 1, 1.0, 5e-324])
def test_a_p_value_at_the_ends_is_taken(p_value):
    assert piece(p_value=p_value).p_value == p_value


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1])
def test_an_integer_that_readers_round_is_refused(value):
    with pytest.raises(ValueError, match=r"2\*\*53"):
        piece(statistic_value=value)


@pytest.mark.parametrize("field", ["pillar", "statistic_name", "library", "library_version"])
@pytest.mark.parametrize("value", [None, 1, b"x"])
def test_a_name_is_text(field, value):
    with pytest.raises(ValueError, match=field):
        piece(**{field: value})


@pytest.mark.parametrize(
    "detail",
    [
        {"a": float("nan")},
        {"a": [{"b": float("inf")}]},
        {1: "a"},
        {"a": {True: 1}},
        {"a": 2**53 + 1},
        {"a": object()},
        {"a": b"x"},
        {"a": "\ud800"},
        {"a": "x" * (2**16 + 1)},
        {"a": np.int64(1)},
        ["a"],
        None,
    ],
)
def test_a_detail_without_one_json_form_is_refused(detail):
    with pytest.raises(ValueError, match="detail"):
        piece(detail=detail)


def nested(levels):
    deep = {}
    for _ in range(levels - 1):
        deep = {"a": deep}
    return deep


def test_a_detail_may_be_as_deep_as_leaves_room_for_the_record_around_it():
    assert piece(detail=nested(56)).detail == nested(56)
    with pytest.raises(ValueError, match="nested deeper"):
        piece(detail=nested(57))


def test_a_detail_that_holds_itself_is_refused():
    loop = {}
    loop["a"] = loop
    with pytest.raises(ValueError, match="nested deeper"):
        piece(detail=loop)


def test_brackets_inside_text_do_not_count_as_depth():
    assert piece(detail={"a": "[" * 200}).detail == {"a": "[" * 200}


def test_the_detail_is_a_copy_in_depth():
    inner = [1]
    evidence = piece(detail={"a": inner})
    inner.append(2)
    evidence.to_dict()["detail"]["a"].append(3)
    assert evidence.detail == {"a": [1]}


def test_tuples_in_a_detail_become_lists():
    assert piece(detail={"a": (1, (2.0,))}).detail == {"a": [1, [2.0]]}


def test_an_unknown_argument_is_refused():
    with pytest.raises(ValueError, match="extra"):
        piece(extra=1)


def test_evidence_cannot_be_changed():
    with pytest.raises((AttributeError, ValueError)):
        piece().statistic_value = 1.0


@settings(max_examples=100, deadline=None)
@given(st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_kind_and_their_text(value):
    evidence = PillarEvidence("a", "b", value, "c", "1", detail={"v": value})
    wire = json.loads(json.dumps(evidence.to_dict()))
    again = PillarEvidence.from_dict(wire)
    assert json.dumps(again.to_dict()) == json.dumps(evidence.to_dict())
    assert json.dumps(again.statistic_value) == json.dumps(value)


def test_numpy_floats_become_plain_floats():
    assert type(piece(statistic_value=np.float64(0.5)).statistic_value) is float


@pytest.mark.parametrize("name", PillarEvidence("a", "b", 1, "c", "1").to_dict())
def test_reading_fills_in_no_missing_field(name):
    wire = piece().to_dict()
    del wire[name]
    with pytest.raises(RecordFieldError, match=rf"evidence\[3\]\.{name}: missing"):
        PillarEvidence.from_dict(wire, path="evidence[3]")
