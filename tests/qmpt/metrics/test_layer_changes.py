# SPDX-License-Identifier: Apache-2.0
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from statsmodels.datasets import nile

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.metrics.layer_changes import cautious_noise, change_points, change_test, noise_scale


# Cobb, Biometrika 65, 1978: the annual flow of the Nile at Aswan fell after 1898, when the dam was begun.
def test_the_flow_of_the_nile_shifts_after_1898():
    flow = nile.load_pandas().data
    found = change_points(flow["volume"])
    years = [int(year) for year in flow["year"]]
    assert len(found.first) == 1
    assert abs(found.at(years)[0] - 1898) <= 2
    assert found.means == pytest.approx((1098, 850), abs=1)


def cheapest(series, penalty, shortest):
    """Cost of the best segmentation, by trying every last segment."""

    def cost(a, b):
        return float(((series[a:b] - series[a:b].mean()) ** 2).sum())

    best = {0: -penalty}
    for end in range(shortest, len(series) + 1):
        best[end] = min(best[start] + cost(start, end) + penalty for start in best if start <= end - shortest)
    return best[len(series)]


# In these a start is beaten at one end and is the best at a later one, for the winner would leave too short a segment.
@example([-1, -4, 1, -3, 1, -5, -6, 2], 9.0, 2)
@example([-5, -2, -4, -5, -6, -1, 2, 2, 6, -5], 4.0, 3)
@example([-3, 4, -5, 5, -2, 2, -5, -2, -5, 0, 6], 9.0, 4)
@given(st.lists(st.integers(-6, 6), min_size=8, max_size=40), st.floats(0.5, 30.0), st.integers(1, 4))
def test_the_segmentation_is_the_cheapest_there_is(values, penalty, shortest):
    series = np.array(values, dtype=float)
    found = change_points(series, penalty=penalty, noise=1.0, shortest=shortest)
    bounds = [0, *found.first, len(series)]
    segments = [series[a:b] for a, b in pairwise(bounds)]
    cost = sum(float(((part - part.mean()) ** 2).sum()) for part in segments) + penalty * len(found.first)
    assert min(len(part) for part in segments) >= shortest
    assert cost == pytest.approx(cheapest(series, penalty, shortest), abs=1e-6)


def test_independent_noise_seldom_shows_a_change():
    draw = np.random.default_rng(0)
    false = sum(bool(change_points(draw.normal(size=200)).first) for _ in range(200))
    assert false <= 10


def test_shifts_of_three_deviations_are_found_where_they_are():
    draw = np.random.default_rng(1)
    for _ in range(20):
        series = draw.normal(size=150) + np.repeat([0.0, 3.0, -1.0], 50)
        found = change_points(series).first
        assert len(found) == 2
        assert abs(found[0] - 50) <= 3
        assert abs(found[1] - 100) <= 3


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_changes_do_not_depend_on_the_unit(shift, scale):
    series = np.random.default_rng(2).normal(size=60) + np.repeat([0.0, 5.0], 30)
    assert change_points(series * scale + shift).first == change_points(series).first == (30,)


def test_the_noise_is_read_through_shifts():
    series = np.random.default_rng(3).normal(scale=2.0, size=4000) + np.repeat([0.0, 50.0, -30.0, 9.0], 1000)
    assert noise_scale(series) == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ([1.0, 2.0, 3.0], InsufficientEvidence, "3 values; 4"),
        ([], InsufficientEvidence, "0 values"),
        ([1.0] * 20, InsufficientEvidence, "most neighbours"),
        ([1.0, math.nan, 2.0, 3.0], DataError, "not finite"),
        ([1.0, 1e300, 2.0, 3.0], DataError, "rescale"),
        ([[1.0, 2.0], [3.0, 4.0]], DataError, r"shape \(2, 2\)"),
    ],
)
def test_series_that_cannot_be_segmented_are_refused(values, error, said):
    with pytest.raises(error, match=said):
        change_points(values)


@pytest.mark.parametrize("wrong", [{"penalty": 0.0}, {"noise": -1.0}, {"shortest": 0}, {"penalty": math.nan}])
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="above 0"):
        change_points([0.0, 1.0, 0.0, 2.0], **wrong)


def test_the_cautious_noise_is_that_of_normal_values_and_not_nothing_where_most_are_equal():
    draw = np.random.default_rng(3)
    assert cautious_noise(draw.normal(0.0, 2.0, 2000)) == pytest.approx(2.0, rel=0.1)
    rare = (draw.random(400) < 0.1).astype(float)
    with pytest.raises(InsufficientEvidence, match="most neighbours"):
        noise_scale(rare)
    assert cautious_noise(rare) == pytest.approx(rare.std(), rel=0.1)
    with pytest.raises(InsufficientEvidence, match="do not vary"):
        cautious_noise(np.ones(9))


def test_a_shift_among_rare_events_is_found_where_it_is():
    draw = np.random.default_rng(8)
    values = np.r_[draw.binomial(15, 0.02, 40), draw.binomial(15, 0.3, 20)] / 15.0
    tested = change_test(values)
    assert tested.p_value <= 0.01
    assert abs(tested.found.first[0] - 40) <= 1


def test_rare_events_at_one_rate_show_a_shift_no_oftener_than_the_level_says():
    found = [change_test(np.random.default_rng(seed).binomial(15, 0.02, 60) / 15.0, shuffles=39) for seed in range(60)]
    assert sum(one.p_value <= 0.05 for one in found) <= 8  # of 60 at 5 %; more has a chance below 1 in 100
    assert all((one.p_value == 1.0) for one in found if not one.found.first)


def test_a_short_memory_shows_a_shift_little_oftener():
    found = {None: 0, 1: 0, 4: 0}
    for seed in range(60):
        series = autoregressive(0.5, np.random.default_rng(seed).normal(size=110))[50:]
        for block in found:
            found[block] += change_test(series, shuffles=39, block=block).p_value <= 0.05
    assert found[None] <= 9  # of 60 at 7.5 %, as measured; more has a chance below 3 in 100
    assert found[None] < found[4] < found[1]  # shuffled in shorter blocks, the values would show more


def autoregressive(rho, steps):
    """A series in which each value keeps a share of the one before."""
    series = np.zeros(len(steps))
    for place in range(1, len(steps)):
        series[place] = rho * series[place - 1] + steps[place]
    return series


def test_shuffles_are_judged_by_the_noise_of_the_series():
    series = autoregressive(0.6, np.random.default_rng(4).normal(size=110))[50:]
    noise, seen = cautious_noise(series), []

    def kept(values, *, noise, shortest):
        seen.append(noise)
        return change_points(values, noise=noise, shortest=shortest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qmpt.metrics.layer_changes.change_points", kept)
        tested = change_test(series, shuffles=19)
    assert tested.found.first
    assert seen == [noise] * 20


def test_a_rise_by_one_and_a_half_deviations_in_the_last_third_is_mostly_found():
    steps = np.where(np.arange(60) < 40, 0.0, 1.5)
    found = [change_test(np.random.default_rng(seed).normal(size=60) + steps, shuffles=39) for seed in range(30)]
    assert sum(one.p_value <= 0.05 for one in found) >= 22  # of 30 at 90 %; fewer has a chance of 1 in 1000


def test_the_gain_is_what_the_segmentation_saves_less_its_penalties():
    values = np.r_[np.zeros(6), np.full(6, 4.0)] + np.tile([0.1, -0.1], 6)
    found = change_points(values, noise=0.5, penalty=7.0)
    apart = sum(((part - part.mean()) ** 2).sum() for part in np.split(values, list(found.first)))
    assert found.gain == pytest.approx((((values - values.mean()) ** 2).sum() - apart) / 0.25 - 7.0)


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ([1.0, 2.0], InsufficientEvidence, "2 values; 4 are the fewest"),
        ([], InsufficientEvidence, "0 values"),
        ([1.0] * 9, InsufficientEvidence, "do not vary"),
        ([1.0, 2.0, math.nan, 3.0], DataError, "not finite"),
    ],
)
def test_series_that_cannot_be_tested_are_refused(values, error, said):
    with pytest.raises(error, match=said):
        change_test(values)


@pytest.mark.parametrize("wrong", [{"shuffles": 18}, {"block": 0}], ids=str)
def test_a_test_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match="shuffles and block are"):
        change_test([1.0, 2.0, 3.0, 4.0], **wrong)
