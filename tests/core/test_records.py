# SPDX-License-Identifier: Apache-2.0
"""The strict base of every signed record: exact fields, copied maps, id and seal."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core import records
from ophamin.core.canonical import NotCanonicalError
from ophamin.core.records import (
    JsonMap,
    Number,
    Real,
    RecordFieldError,
    Sealed,
    Section,
    TextDict,
    exact_fields,
    record,
    record_text,
    utc_now,
)
from ophamin.core.signing import SealKeyError


@record
class Inner(Section):
    _reals: ClassVar[tuple[str, ...]] = ("share",)

    share: Real
    count: Number | None = None


@record
class Outer(Section):
    _parts: ClassVar = {"inner": Inner}

    inner: Inner
    names: TextDict
    free: JsonMap
    words: list[str]


@record(frozen=False)
class Note(Sealed):
    text: str
    signature: str = ""

    def canonical_body(self):
        return record_text({"text": self.text}).encode("ascii")


def outer(**changes):
    return Outer(**{"inner": Inner(0.5, 3), "names": {"a": "b"}, "free": {"x": [1]}, "words": ["w"], **changes})


def test_a_section_reads_back_what_it_wrote():
    assert Outer.from_dict(outer().to_dict()) == outer()


def test_the_wire_has_the_fields_in_declared_order():
    assert list(outer().to_dict()) == ["inner", "names", "free", "words"]


def test_the_order_of_keys_does_not_matter_on_reading():
    wire = outer().to_dict()
    assert Outer.from_dict(dict(reversed(wire.items()))).to_dict() == wire


def test_an_integer_in_a_real_field_becomes_a_float_where_it_is_made():
    assert repr(Inner(1).share) == "1.0"


def test_an_integer_in_a_real_field_stays_one_where_it_is_read():
    assert repr(Inner.from_dict({"share": 1, "count": None}).share) == "1"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"words": ["a", 1]}, r"words\[1\]"),
        ({"words": ("a",)}, "words"),
        ({"names": {"a": 1}}, "names"),
        ({"names": {1: "a"}}, "names"),
        ({"names": []}, "names"),
        ({"names": {"a": "\udc80"}}, "names"),
        ({"names": {"a": "x" * (2**16 + 1)}}, "names"),
        ({"free": 3}, "free"),
        ({"inner": {"share": True, "count": None}}, r"inner\.share"),
        ({"inner": {"share": 0.5}}, r"inner\.count"),
        ({"inner": {"share": 0.5, "count": None, "z": 1}}, r"inner\.z"),
        ({"inner": [0.5]}, "inner"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(change, path):
    with pytest.raises(RecordFieldError, match=f"^{path}: "):
        Outer.from_dict({**outer().to_dict(), **change})


def test_a_field_error_is_a_value_error_with_path_and_problem():
    with pytest.raises(ValueError, match="missing") as caught:
        exact_fields({}, ["a"], "$")
    assert (caught.value.path, caught.value.problem.split(";")[0]) == ("a", "missing")


def test_the_name_of_an_unknown_field_is_cut():
    with pytest.raises(RecordFieldError) as caught:
        exact_fields({"a": 1, "z" * 10_000: 2}, ["a"], "$")
    assert len(str(caught.value)) < 200


def test_optional_fields_may_be_there_or_not():
    assert exact_fields({"a": 1}, ["a"], "$", optional=["b"]) == {"a": 1}
    assert exact_fields({"a": 1, "b": 2}, ["a"], "$", optional=["b"]) == {"a": 1, "b": 2}


def test_an_optional_field_does_not_stand_in_for_a_needed_one():
    with pytest.raises(RecordFieldError, match="a: missing"):
        exact_fields({"b": 2}, ["a"], "$", optional=["b"])


@pytest.mark.parametrize("data", [None, [], "a", 1])
def test_what_is_no_object_has_no_fields(data):
    with pytest.raises(RecordFieldError, match="named fields"):
        exact_fields(data, ["a"], "$")


def test_maps_are_copied_where_they_are_given():
    names, free = {"a": "b"}, {"x": [1]}
    made = outer(names=names, free=free)
    names["c"] = "d"
    free["x"].append(2)
    assert made == outer()


def test_a_frozen_record_cannot_be_assigned_to():
    with pytest.raises((AttributeError, ValueError)):
        Inner(0.5).share = 1.0


def test_an_assignment_to_an_unfrozen_record_is_checked():
    note = Note("x")
    with pytest.raises(ValueError, match="text"):
        note.text = 3


def test_id_and_seal_are_sha256_and_hmac_over_the_body():
    note = Note("x").sign(b"key")
    assert note.body_id() == hashlib.sha256(b'{"text":"x"}').hexdigest()
    assert note.signature == hmac.new(b"key", b'{"text":"x"}', "sha256").hexdigest()


def test_a_seal_holds_for_its_body_and_key_alone():
    note = Note("x").sign(b"key")
    assert note.verify_signature(b"key")
    assert not note.verify_signature(b"other")
    note.text = "y"
    assert not note.verify_signature(b"key")


@pytest.mark.parametrize("signature", ["", "0", "\u00e9" * 64, "0" * 64])
def test_a_seal_of_another_form_does_not_verify(signature):
    assert not Note("x", signature).verify_signature(b"key")


def test_an_empty_key_seals_nothing():
    with pytest.raises(SealKeyError):
        Note("x").sign(b"")


@pytest.mark.parametrize("value", [float("nan"), object(), 1j])
def test_a_value_put_in_later_without_a_form_is_named_by_path(value):
    made = outer()
    made.free["x"].append(value)
    with pytest.raises(NotCanonicalError, match=r"\$\.free\.x\[1\]"):
        record_text(made.wire())


def test_the_time_now_is_utc_with_microseconds_and_offset():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", utc_now())
    assert abs((datetime.now(UTC) - datetime.fromisoformat(utc_now())).total_seconds()) < 60


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.sampled_from([2**53, -0.0]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(st.characters(), max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


class Word(StrEnum):
    YES = "yes"


class Count(IntEnum):
    ONE = 1


def free(value):
    """What becomes of a value in a free map: its text, or why it is refused."""
    try:
        return record_text(outer(free={"x": value}).free)
    except (RecordFieldError, NotCanonicalError) as error:
        return f"{type(error).__name__}: {error}"


def by_the_standard_library(value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_orjson", lambda: None)
        return free(value)


@settings(max_examples=300, deadline=None)
@given(PLAIN)
def test_a_free_map_is_the_same_with_orjson_and_without(value):
    assert free(value) == by_the_standard_library(value)


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        *(-0.0, 5e-324, 1e22, 1e16, 1e308, math.nan, -math.inf),
        *(2**53, 2**53 + 1, -(2**53) - 1, 2**64, 2**63, -(2**64), True),
        *("\ud800", "\x00\x7f\u2028", "é" * 40_000, "a" * 2**16, "a" * (2**16 + 1)),
        *((1, 2), {1: 2}, {None: 1}, {1, 2}, b"a", nested(54), nested(55), nested(56), nested(300)),
        *(Word.YES, Count.ONE, {Word.YES: 1}, datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1), Inner(0.5), [math.nan]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_json_writers_differ_on_is_the_same_with_orjson_and_without(value):
    assert free(value) == by_the_standard_library(value)
