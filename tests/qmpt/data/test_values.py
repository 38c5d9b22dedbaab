# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.data.values import MAX_DEPTH, MAX_TIMESTAMP, MIN_TIMESTAMP, plain, plain_mapping, timestamp, utf8_text

MOMENT = 1_795_251_600.0  # 2026-11-21 09:00:00 UTC


@pytest.mark.parametrize(
    "given_as",
    [
        1_795_251_600,
        1_795_251_600.0,
        np.float64(1_795_251_600),
        np.int64(1_795_251_600),
        np.datetime64("2026-11-21T09:00:00"),
        datetime(2026, 11, 21, 9, tzinfo=UTC),
        datetime(2026, 11, 21, 9),  # noqa: DTZ001 - without a zone on purpose
        datetime(2026, 11, 21, 10, 30, tzinfo=timezone(timedelta(hours=1, minutes=30))),
        "2026-11-21T09:00:00Z",
        "2026-11-21t09:00:00z",
        "2026-11-21 09:00",
        "2026-11-21T10:00:00+01:00",
        "2026-11-21 10:00:00 +0100",
        "20261121T090000Z",
        "2026-W47-6T09:00:00",
        "2026-11-21T09:00:00.000000000Z",
        " 2026-11-21T09:00:00Z\n",
    ],
    ids=str,
)
def test_one_moment_is_read_from_every_usual_form(given_as):
    assert timestamp(given_as) == MOMENT


def test_a_date_is_its_midnight():
    assert timestamp(date(2026, 11, 21)) == timestamp("2026-11-21") == MOMENT - 9 * 3600


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis asks for naive bounds
def test_iso_text_and_the_datetime_itself_give_one_number(moment):
    assert timestamp(moment.isoformat()) == timestamp(moment)


@pytest.mark.parametrize("unit", ["Y", "M", "D", "h", "s", "ms", "us"])
@pytest.mark.parametrize("year", ["0001", "1600", "2500", "9999"])
def test_a_numpy_time_of_any_unit_and_year_is_the_time_of_its_text(unit, year):
    assert timestamp(np.datetime64(f"{year}-01-01", unit)) == timestamp(f"{year}-01-01")


def test_a_numpy_time_finer_than_microseconds_is_cut_there_as_text_is():
    text = "2026-11-21T09:00:00.123456789"
    assert timestamp(np.datetime64(text)) == timestamp(text) == MOMENT + 0.123456
    assert timestamp(np.datetime64(-1, "as")) == timestamp(np.datetime64(-1, "us")) == -1e-6  # the one before


@pytest.mark.parametrize(
    ("count", "unit"), [(2**62, "D"), (2**62, "W"), (2**62, "Y"), (-(10**17), "h"), (10**17, "m"), (10**15, "s")]
)
def test_a_numpy_time_that_microseconds_cannot_hold_is_refused_and_not_wrapped(count, unit):
    with pytest.raises(ValueError, match="years 1 to 9999"):
        timestamp(np.datetime64(count, unit))


def test_text_that_utf8_can_write_is_itself_and_other_text_is_refused_with_a_way_out():
    assert utf8_text("\U0001d518 é") == "\U0001d518 é"
    with pytest.raises(ValueError, match=r"the tag holds .* at position 1; decode it with errors='replace'"):
        utf8_text("a\udfff", where="the tag")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("yesterday", "no ISO 8601 time"),
        ("", "no ISO 8601 time"),
        ("1795251600", "number in quotes"),
        ("20261121", "number in quotes"),
        (1_795_251_600_000, "divide milliseconds by 1000"),
        (10**400, "years 1 to 9999"),
        (MAX_TIMESTAMP, "years 1 to 9999"),
        (MIN_TIMESTAMP - 1, "years 1 to 9999"),
        (float("nan"), "years 1 to 9999"),
        (float("-inf"), "years 1 to 9999"),
        (True, "is bool"),
        (None, "is NoneType"),
        ([1.0], "is list"),
        (np.datetime64("NaT"), "NaT"),
        (np.array([1.0]), "is ndarray"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_no_time_is_refused_with_a_way_out(value, said):
    with pytest.raises(ValueError, match=said):
        timestamp(value)


def test_arrays_tuples_and_numpy_numbers_become_lists_and_numbers():
    made = plain({"a": np.array([[1, 2], [3, 4]]), "b": (np.float32(0.5), np.bool_(True)), "c": np.array(["x"])})
    assert made == {"a": [[1, 2], [3, 4]], "b": [0.5, True], "c": ["x"]}
    assert [type(value) for value in made["b"]] == [float, bool]


def test_a_long_double_becomes_the_nearest_number_of_python():
    made = plain([np.longdouble(0.5), np.array([0.5], dtype=np.longdouble)])
    assert made == [0.5, [0.5]]
    assert type(made[0]) is type(made[1][0]) is float


def test_nan_becomes_none_also_inside_an_array():
    assert plain([float("nan"), np.array([np.nan, 1.0])]) == [None, [None, 1.0]]


def test_subclasses_become_the_types_themselves():
    class Role(StrEnum):
        USER = "user"

    made = plain({Role.USER: Role.USER})
    assert type(made["user"]) is str
    assert type(next(iter(made))) is str


def test_a_copy_shares_nothing_that_can_change():
    inner = [1]
    made = plain({"a": inner})
    inner.append(2)
    assert made == {"a": [1]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"raw", "base64"),
        ({1, 2}, "holds set"),
        (object(), "holds object"),
        (1 + 2j, "holds complex"),
        (np.array([1 + 2j]), "holds ndarray"),
        (float("inf"), "finite"),
        (2**63, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        ({1: "a"}, "only text as keys"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
    ],
    ids=[
        "bytes",
        "set",
        "object",
        "complex",
        "complex array",
        "inf",
        "big",
        "small",
        "key",
        "surrogate",
        "key surrogate",
    ],
)
def test_what_no_format_can_keep_is_refused(value, said):
    with pytest.raises(ValueError, match=said):
        plain([value])


def test_depth_is_limited_so_that_a_value_inside_itself_ends():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ValueError, match=f"more than {MAX_DEPTH} levels"):
        plain(endless)
    deep: object = 0
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert plain(deep) == deep


def test_only_a_dictionary_is_a_mapping():
    with pytest.raises(ValueError, match="metadata is list"):
        plain_mapping([1], where="metadata")
