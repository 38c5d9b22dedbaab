# SPDX-License-Identifier: Apache-2.0
"""The fast JSON text is the text of the standard library, character for character."""

from __future__ import annotations

import enum
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.jsontext import TextMap, compact_sorted, indented

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_the_indented_text_is_the_one_of_the_standard_library(value):
    assert indented(value) == json.dumps(value, indent=2)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=6))
def test_a_text_map_renders_as_the_plain_mapping_does_at_any_depth(mapping):
    kept = TextMap(mapping)
    assert indented({"a": {"b": kept, "c": 1}}) == json.dumps({"a": {"b": mapping, "c": 1}}, indent=2)
    assert kept.canonical() == json.dumps(mapping, sort_keys=True, separators=(",", ":"))


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_the_compact_text_is_the_canonical_one(value):
    assert compact_sorted(value) == json.dumps(value, sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    "value",
    [0.0, -0.0, 1e20, 1e-7, 1.0, 1, 5e-324, 1.7976931348623157e308, True, None, "\x7f\u2028\U0001f600", (), (1, 2)],
)
def test_corner_values_are_written_as_the_standard_library_writes_them(value):
    assert indented([value]) == json.dumps([value], indent=2)


def test_subclasses_of_plain_types_are_written_as_their_plain_values():
    class Word(str):
        __slots__ = ()

        def __str__(self):
            return "other"

    class Level(enum.IntEnum):
        HIGH = 3

    class Share(float):
        def __repr__(self):
            return "other"

    value = {"word": Word("x"), "level": Level.HIGH, "share": Share(0.5)}
    assert indented(value) == json.dumps(value, indent=2)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="not a finite number"):
        indented({"a": [value]})
    with pytest.raises(ValueError, match="JSON compliant"):
        compact_sorted([value])


def test_a_value_without_a_json_form_is_refused():
    with pytest.raises(TypeError, match="set has no JSON form"):
        indented({"a": {1, 2}})


@pytest.mark.parametrize("mapping", [{"a": 1}, {1: "a"}, {"a": True}, {"a": None}])
def test_a_text_map_takes_text_alone(mapping):
    with pytest.raises(TypeError):
        TextMap(mapping)


def test_a_text_map_that_changed_is_rendered_anew():
    mapping = {"a": "1"}
    before = TextMap(mapping).indented(1)
    mapping["a"] = "2"
    assert TextMap(mapping).indented(1) == before.replace("1", "2")


def test_text_maps_of_equal_content_and_other_order_are_told_apart():
    assert TextMap({"a": "1", "b": "2"}).indented() != TextMap({"b": "2", "a": "1"}).indented()
    assert TextMap({"a": "1", "b": "2"}).canonical() == TextMap({"b": "2", "a": "1"}).canonical()
