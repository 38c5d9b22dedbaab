# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.errors import ClaimError
from ophamin.seeing.spec import accepted_keywords, build_with_options, parse_options, parse_value


@given(st.integers())
def test_a_whole_number_is_read_as_int(number):
    value = parse_value(str(number))
    assert (value, type(value)) == (number, int)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_real_number_is_read_as_the_same_float(number):
    value = parse_value(repr(number))
    assert (value, type(value)) == (number, float)


@given(st.text())
def test_any_text_gives_a_value_and_never_an_error(text):
    value = parse_value(text)
    assert value == text or not isinstance(value, str)


@pytest.mark.parametrize("text", ["nan", "inf", "1_000", "0x10", "1,5", "", " 1", "TRUE", "1e", "٣", "9" * 5000])
def test_what_is_no_plain_number_stays_text(text):
    assert parse_value(text) is text


@pytest.mark.parametrize("part", ["=3", "a b=3", "", "3x=1", "a-b=1"])
def test_an_option_without_a_proper_key_is_refused(part):
    with pytest.raises(ClaimError, match="is no option; write name:key=value"):
        parse_options([part], "mock:...")


def test_an_option_that_stands_twice_is_refused():
    with pytest.raises(ClaimError, match="'seed' stands twice"):
        parse_options(["seed=1", "seed=2"], "mock:seed=1,seed=2")


def test_a_value_may_hold_an_equals_sign():
    assert parse_options(["query=a=b"], "x:query=a=b") == {"query": "a=b"}


class Thing:
    def __init__(self, root=None, *, seed: int = 0, mode: str = "fast"):
        if seed < 0:
            raise ValueError("seeds are positive")
        self.made_of = root, seed, mode


def test_keywords_come_with_their_annotations():
    assert accepted_keywords(Thing) == {"root": "", "seed": "int", "mode": "str"}


def test_an_unknown_option_names_the_accepted_ones():
    with pytest.raises(ClaimError, match=r"thing takes no option 'sed'; did you mean 'seed'\? Known: mode, root, seed"):
        build_with_options("thing", Thing, {"sed": 1})


def test_a_hidden_option_is_unknown():
    with pytest.raises(ClaimError, match="takes no option 'root'; Known: mode, seed"):
        build_with_options("thing", Thing, {"root": 1}, hidden=frozenset({"root"}))


def test_a_value_that_the_constructor_refuses_is_shown():
    with pytest.raises(ClaimError, match="thing cannot be built with seed=-1: seeds are positive"):
        build_with_options("thing", Thing, {"seed": -1})


def test_positional_arguments_stand_before_the_options():
    assert build_with_options("thing", Thing, {"seed": 2}, "here").made_of == ("here", 2, "fast")


def test_a_factory_that_takes_any_option_gets_any_option():
    assert build_with_options("thing", lambda **options: options, {"new": 1}) == {"new": 1}
