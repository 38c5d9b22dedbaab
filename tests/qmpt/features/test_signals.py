# SPDX-License-Identifier: Apache-2.0
"""Promises about the features of numeric series."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.data.models import Observation
from qmpt.errors import DataError
from qmpt.features.signals import NumericFeatureSpec, lempel_ziv, permutation_entropy, signal_statistics


def measured(rows):
    return [
        Observation(obs_id=f"a{place}", pattern_id="a", timestamp=place, modality="numeric", payload=row)
        for place, row in enumerate(rows)
    ]


def test_noise_and_order_are_told_apart():
    noise = np.random.default_rng(0).normal(size=5000)
    walk = np.cumsum(noise)
    assert signal_statistics(noise)["lag1"] == pytest.approx(0.0, abs=0.05)
    assert signal_statistics(walk)["lag1"] > 0.95
    assert permutation_entropy(noise) > 0.99
    assert permutation_entropy(np.arange(50.0)) == 0.0
    assert lempel_ziv(noise > 0.0) > 2.0 * lempel_ziv(np.arange(5000) % 2 == 0)


def test_permutation_entropy_is_that_of_the_published_example():
    # Bandt and Pompe 2002: for 4, 7, 9, 10, 6, 11, 3 and order 3 the orders come 2, 1 and 2 times, H = 1.5219 bits
    values = np.array([4.0, 7.0, 9.0, 10.0, 6.0, 11.0, 3.0])
    assert permutation_entropy(values) * math.log2(6) == pytest.approx(1.5219, abs=5e-5)


def test_the_phrases_are_those_of_the_parsing_of_1978():
    # 1 0 11 01 010 00 10, the example of Cover and Thomas, Elements of Information Theory, 13.4.2
    bits = np.array([int(bit) for bit in "1011010100010"], dtype=bool)
    assert lempel_ziv(bits) * 13 / math.log2(13) == pytest.approx(7)
    # a last phrase that was seen before counts, too: 1 0 1
    assert lempel_ziv(bits[[0, 1, 2]]) == pytest.approx(math.log2(3))


@given(st.lists(st.floats(-1e6, 1e6), min_size=10, max_size=60), st.sampled_from([2.0, 1024.0]))
def test_scaling_a_series_scales_level_and_spread_and_nothing_else(values, factor):
    one, other = signal_statistics(np.array(values)), signal_statistics(np.array(values) * factor)
    assert set(one) == set(other)
    for name, value in one.items():
        expected = value * factor if name in ("mean", "mad") else value
        assert other[name] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.floats(-1e6, 1e6), st.integers(1, 300))
def test_a_constant_series_has_exactly_that_mean_and_no_spread(value, length):
    found = signal_statistics(np.full(length, value))
    assert (found["mean"], found["mad"], "lag1" in found) == (value, 0.0, False)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=50))
def test_series_of_whole_numbers_with_one_sum_have_one_mean_whatever_their_largest_is(values):
    # a division by a largest value that is no power of two would round each value in another way
    n, total = len(values), sum(values)
    found = signal_statistics(np.array(values, dtype=float))["mean"]
    assert found == pytest.approx(total / n, rel=1e-15, abs=1e-15)
    if total % n == 0:
        assert found == total // n


@pytest.mark.parametrize("values", [[5.0] * 20, [0.0] * 20, [1e300, -1e300] * 10, [1e-300] * 20], ids=str)
def test_constant_and_extreme_series_have_finite_statistics(values):
    found = signal_statistics(np.array(values))
    assert all(math.isfinite(value) for value in found.values())
    assert ("lag1" in found) == (len(set(values)) > 1)


def test_what_was_not_measured_is_passed_over():
    spec = NumericFeatureSpec()
    row = spec.fit_transform(measured([[1.0, None], [math.nan, None], [3.0, None]]))[0]
    named = dict(zip(spec.feature_names_, row, strict=True))
    assert named["mean[0]"] == 2.0
    assert named["undefined_share"] == pytest.approx(8 / 10)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0], [1.0, 2.0]], "'a1' holds 2 numbers, and the first of 'numeric' held 1"),
        ([[1.0], ["x"]], "'a1' holds 'x' at place 0; give a number between"),
        ([[True]], "holds True at place 0"),
        ([[1e301]], "holds 1e\\+301 at place 0"),
        (["1,2"], "its payload is str; give a list of numbers"),
        ([[]], "holds 0 numbers"),
    ],
    ids=["length", "text", "bool", "too large", "no list", "empty"],
)
def test_a_payload_of_another_form_is_refused_with_the_way_out(rows, message):
    with pytest.raises(DataError, match=message):
        NumericFeatureSpec().fit(measured(rows))


def test_a_modality_without_observations_is_an_error():
    with pytest.raises(DataError, match="no observation has the modality 'eeg'"):
        NumericFeatureSpec(modality="eeg").fit(measured([[1.0]]))
