# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import math
from array import array
from enum import Enum
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ophamin.core.canonical import (
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    NotCanonicalError,
    canonical_bytes,
    check_canonical,
    content_hash,
    file_digest,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


# The inputs of the published conformance set of the earlier project; the bytes follow from its rules R1 to R10.
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {
                "z_string": "ophamin",
                "a_integer": 42,
                "m_float": 3.14159,
                "y_true": True,
                "x_false": False,
                "w_null": None,
                "list": [1, 2, 3],
                "nested": {"inner_b": 2, "inner_a": 1},
            },
            (
                b'{"a_integer":42,"list":[1,2,3],"m_float":3.14159,"nested":{"inner_a":1,"inner_b":2},'
                b'"w_null":null,"x_false":false,"y_true":true,"z_string":"ophamin"}'
            ),
        ),
        (
            {
                "zero_float": 0.0,
                "neg_zero_float": -0.0,
                "zero_int": 0,
                "large_pos": 1e20,
                "small_neg_exp": 1e-7,
                "pi": 3.14159,
                "neg_value": -2.5,
            },
            (
                b'{"large_pos":1e+20,"neg_value":-2.5,"neg_zero_float":-0.0,"pi":3.14159,"small_neg_exp":1e-07,'
                b'"zero_float":0.0,"zero_int":0}'
            ),
        ),
        (
            {
                "empty_object": {},
                "empty_array": [],
                "nested_empties": {"a": [{}], "b": [[]]},
                "long": "a" * 200,
                "escapes": '"\\\b\f\n\r\t/',
                "control": "\x00\x01\x02\x05\x1f",
                " ": "a key that is one space",
                "empty_string": "",
            },
            b'{" ":"a key that is one space","control":"\\u0000\\u0001\\u0002\\u0005\\u001f","empty_array":[],'
            b'"empty_object":{},"empty_string":"","escapes":"\\"\\\\\\b\\f\\n\\r\\t/","long":"' + b"a" * 200 + b'",'
            b'"nested_empties":{"a":[{}],"b":[[]]}}',
        ),
        (
            {"ключ": "значение", "emoji": "\U0001f600"},
            (
                b'{"emoji":"\\ud83d\\ude00","\\u043a\\u043b\\u044e\\u0447":'
                b'"\\u0437\\u043d\\u0430\\u0447\\u0435\\u043d\\u0438\\u0435"}'
            ),
        ),
        (
            {"a": {"b": {"c": {"d": [{"e": [1, {"f": []}]}]}}}, "empty": [[[[]]]]},
            b'{"a":{"b":{"c":{"d":[{"e":[1,{"f":[]}]}]}}},"empty":[[[[]]]]}',
        ),
    ],
    ids=["simple", "numerical_edge", "boundary_cases", "unicode", "deeply_nested"],
)
def test_conformance_inputs_give_the_bytes_that_the_rules_say(value, expected):
    assert canonical_bytes(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\x7f", b'"\\u007f"'),  # DEL: CPython's writer escapes it, and the writer is the reference
        ("\x80\xff", b'"\\u0080\\u00ff"'),
        ("\ud83d", b'"\\ud83d"'),
        (1e22, b"1e+22"),
        (1e16, b"1e+16"),
        (123456789012345680.0, b"1.2345678901234568e+17"),
        (5e-324, b"5e-324"),
        (1.7976931348623157e308, b"1.7976931348623157e+308"),
        (3.3306690738754696e-16, b"3.3306690738754696e-16"),
        (0.1 + 0.2, b"0.30000000000000004"),
        (1, b"1"),
        (1.0, b"1.0"),
        (True, b"true"),
        ((1, ("a",)), b'[1,["a"]]'),
    ],
)
def test_single_values_have_one_form(value, expected):
    assert canonical_bytes(value) == expected


def test_keys_are_sorted_by_code_point_and_not_by_utf_16_unit():
    # As UTF-16, U+1F600 begins with D83D, which sorts before U+FF5E; by code point it comes last.
    assert list(json.loads(canonical_bytes({"\U0001f600": 1, "\uff5e": 2}))) == ["\uff5e", "\U0001f600"]


@given(DOCUMENTS)
def test_bytes_are_those_of_the_reference_writer(value):
    reference = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert canonical_bytes(value) == reference.encode("ascii")


@given(DOCUMENTS)
def test_reading_the_bytes_gives_the_value_back(value):
    assert canonical_bytes(json.loads(canonical_bytes(value))) == canonical_bytes(value)


JCS_SAFE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - MAX_SAFE_INTEGER, MAX_SAFE_INTEGER - 1)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(min_codepoint=32, max_codepoint=126)), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JCS_SAFE)
def test_documents_without_floats_in_plain_ascii_agree_with_rfc_8785(value):
    assert canonical_bytes(value) == rfc8785.dumps(value)


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        ({"a": [1, {"b": math.nan}]}, "$.a[1].b", "not a finite number"),
        ([math.inf], "$[0]", "not a finite number"),
        ({"x": -math.inf}, "$.x", "not a finite number"),
        ({"claim": {"seed": 2**53 + 1}}, "$.claim.seed", "9007199254740993 lies beyond 2"),
        (-(2**53) - 1, "$", "beyond 2"),
        pytest.param(10**5000, "$", "of 16610 bits lies beyond 2", id="more digits than Python prints"),
        ({1: "a"}, "$", "the key 1 is a int; keys are text"),
        ({"a": {None: 1}}, "$.a", "the key None is a NoneType"),
        ({"a": {True: 1}}, "$.a", "the key True is a bool"),
        ({"a": {1, 2}}, "$.a", "a set has no JSON form"),
        ([b"bytes"], "$[0]", "a bytes has no JSON form"),
        ({"p": Path("x")}, "$.p", "has no JSON form"),
        ([array("d", [1.0])], "$[0]", "a array has no JSON form"),
        ([Colour.RED], "$[0]", "a Colour has no JSON form"),
        ([object()], "$[0]", "a object has no JSON form"),
    ],
)
def test_a_value_without_a_canonical_form_is_refused_with_its_path(value, path, problem):
    with pytest.raises(NotCanonicalError, match=problem) as caught:
        canonical_bytes(value)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("value", [2**53, -(2**53), 2**53 - 1, 0])
def test_integers_up_to_2_to_the_53_are_plain(value):
    assert canonical_bytes([value]) == f"[{value}]".encode()


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_the_depth_limit_is_the_one_that_is_named():
    assert canonical_bytes(nested(MAX_DEPTH)) == b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    with pytest.raises(NotCanonicalError, match=f"deeper than {MAX_DEPTH} levels"):
        check_canonical(nested(MAX_DEPTH + 1))


def test_a_value_that_holds_itself_is_refused_and_not_followed_for_ever():
    value = {}
    value["self"] = value
    with pytest.raises(NotCanonicalError, match="nested deeper"):
        canonical_bytes(value)


def test_the_content_hash_is_sha_256_over_the_bytes():
    # FIPS 180-4 over the two bytes "{}", the id of an empty document in every published record.
    assert content_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert content_hash({"b": 1, "a": 2}) == hashlib.sha256(b'{"a":2,"b":1}').hexdigest()


def test_an_int_and_a_float_of_one_value_have_different_ids():
    assert content_hash([1]) != content_hash([1.0])


def test_a_file_digest_covers_every_byte(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"abc" * 300_000)
    assert file_digest(path) == hashlib.sha256(b"abc" * 300_000).hexdigest()
