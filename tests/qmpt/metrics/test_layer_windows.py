# SPDX-License-Identifier: Apache-2.0
import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qmpt.data.models import Observation
from qmpt.errors import ConfigError
from qmpt.metrics.layer_proxies import flag_shares
from qmpt.metrics.layer_windows import TimeWindows, seconds_of

TIMES = st.floats(-1e9, 4e9)


def seen(number, when):
    return Observation(obs_id=str(number), pattern_id="a", timestamp=when, modality="text", payload="x")


@given(TIMES, st.floats(1e-3, 1e9), st.integers(1, 200), st.floats(0.0, 1.0))
def test_every_time_within_the_span_lies_in_one_of_so_many_windows(first, length, count, share):
    windows = TimeWindows.of_number(first, first + length, count)
    place = windows.place(first + share * length)
    assert place is not None
    assert windows.place(first) == 0
    assert windows.place(first + length) == count - 1


@given(TIMES, st.floats(0.0, 1e7), st.sampled_from(["30min", "1h", "1d", "1w"]))
def test_windows_of_a_width_hold_the_first_and_the_last_time(first, length, width):
    windows = TimeWindows.of_width(first, first + length, seconds_of(width))
    assert windows.place(first) == 0
    assert windows.place(first + length) == windows.count - 1


@given(TIMES, st.floats(1e-3, 1e7), st.integers(1, 300))
def test_the_begin_of_each_window_lies_in_that_window_and_the_end_of_all_in_none(start, width, count):
    windows = TimeWindows(start, width, count)
    assert [windows.place(begin) for begin in windows.starts.tolist()] == list(range(count))
    assert windows.place(math.nextafter(float(windows.edges[-1]), -math.inf)) == count - 1
    assert windows.place(float(windows.edges[-1])) is None


# Here the difference of the times is rounded up to whole windows.
@example(-20610.5, 60.0, 247, -math.inf)
@given(TIMES, st.floats(1e-3, 1e5), st.integers(0, 300), st.sampled_from([-math.inf, 0.0, math.inf]))
def test_windows_from_a_start_hold_the_last_time_in_the_last_of_them(start, width, count, towards):
    edge = start + width * count
    last = max(edge if towards == 0.0 else math.nextafter(edge, towards), start)
    windows = TimeWindows.from_start(start, last, width)
    assert windows.place(last) == windows.count - 1


def test_days_begin_at_midnight_and_weeks_on_mondays():
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()  # a Saturday
    for width, begin in (("1d", datetime(2026, 11, 21, tzinfo=UTC)), ("1w", datetime(2026, 11, 16, tzinfo=UTC))):
        assert TimeWindows.of_width(noon, noon, seconds_of(width)).start == begin.timestamp()


def test_shares_keep_to_the_windows_given_and_leave_out_what_lies_outside():
    windows = TimeWindows(0.0, 10.0, 3)
    observations = [seen(n, when) for n, when in enumerate((-1.0, 1.0, 2.0, 25.0, 30.0))]
    starts, shares = flag_shares(observations, {"error": lambda _: True}, windows, fewest=1)
    assert starts.tolist() == [0.0, 10.0, 20.0]
    assert [len(held) for held in windows.sorted_in(observations)] == [2, 0, 1]
    assert math.isnan(shares["error"][1])


@pytest.mark.parametrize("text", ["", "h", "1", "0h", "-1h", "1 month", "1e9d", "٣h", "1h30min"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(ConfigError, match="is no length of time; write it as 30min"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda: TimeWindows(0.0, 0.0, 1), "width is 0.0", id="no width"),
        pytest.param(lambda: TimeWindows(0.0, math.inf, 1), "width is inf", id="endless"),
        pytest.param(lambda: TimeWindows(0.0, 1.0, 0), "count is 0", id="none"),
        pytest.param(lambda: TimeWindows.of_number(1.0, 1.0, 3), "give a last time after the first", id="one time"),
        pytest.param(lambda: TimeWindows.of_number(1.0, 2.0, 0), "count is 0", id="no number"),
        pytest.param(lambda: TimeWindows.of_width(0.0, 1.0, -1.0), "width is -1.0", id="negative"),
        pytest.param(lambda: TimeWindows.of_width(0.0, 1e9, 1.0), "the limit is 1000000", id="too many"),
    ],
)
def test_windows_out_of_range_are_refused(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
