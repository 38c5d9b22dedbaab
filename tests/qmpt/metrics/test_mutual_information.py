# SPDX-License-Identifier: Apache-2.0
"""Promises about the chance-corrected ratio I/H: right on known channels, zero by chance, silent without evidence."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy
from sklearn.feature_selection import mutual_info_regression
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import expected_mutual_information

from qmpt.errors import DataError
from qmpt.metrics.mutual_information import (
    information_ratio,
    plug_in_ratio,
    quantile_codes,
    self_prediction_ratio,
)
from qmpt.metrics.mutual_information_neighbors import continuous_information_ratio, nearest_neighbor_information
from qmpt.metrics.reflexivity_channels import (
    gaussian_channel,
    gaussian_quantile_ratio,
    symmetric_channel,
    symmetric_ratio,
)

LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=20, max_size=80)


def drawn(states, error, n, draws):
    return [
        information_ratio(*symmetric_channel(n, states, error, seed=seed), permutations=19, seed=seed)
        for seed in range(draws)
    ]


# -- on channels of known ratio (B5) -------------------------------------------------------------------------------


@pytest.mark.parametrize(("states", "error"), [(2, 0.5), (2, 0.2), (8, 0.875), (8, 0.3), (8, 0.1)])
def test_five_hundred_pairs_give_the_ratio_of_a_symmetric_channel(states, error):
    truth = symmetric_ratio(states, error)
    values = np.array([found.value for found in drawn(states, error, 500, 60)])
    assert abs(values.mean() - truth) <= 0.03
    assert math.sqrt(((values - truth) ** 2).mean()) <= 0.05


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_five_hundred_pairs_give_the_quantised_ratio_of_a_gaussian_channel(correlation):
    truth = gaussian_quantile_ratio(correlation, 7)
    values = []
    for seed in range(40):
        state, prediction = gaussian_channel(500, correlation, seed=seed)
        values.append(self_prediction_ratio(state.tolist(), prediction.tolist(), permutations=19).value)
    assert abs(np.mean(values) - truth) <= 0.03
    assert math.sqrt(((np.array(values) - truth) ** 2).mean()) <= 0.05


@pytest.mark.parametrize(("states", "n"), [(2, 20), (8, 20), (8, 50), (8, 200)])
def test_independent_series_average_zero_before_clipping_and_far_more_without_correction(states, n):
    found = drawn(states, (states - 1) / states, n, 400)
    unclipped = np.array([one.unclipped for one in found])
    assert abs(unclipped.mean()) <= max(0.01, 3.0 * unclipped.std() / math.sqrt(len(found)))
    # 400 draws of 8 states and 20 pairs read 0.51 on average without correction
    if (states, n) == (8, 20):
        assert np.mean([one.plug_in for one in found]) == pytest.approx(0.51, abs=0.02)


@pytest.mark.parametrize(
    ("states", "error", "n", "least"), [(2, 0.3, 200, 0.88), (8, 0.3, 500, 0.88), (8, 0.875, 50, 0.9)]
)
def test_the_interval_holds_the_truth_as_often_as_is_said(states, error, n, least):
    truth = symmetric_ratio(states, error)
    held = [low <= truth <= high for low, high in (one.interval for one in drawn(states, error, n, 100))]
    assert np.mean(held) >= least


def test_the_p_value_of_independent_series_is_small_as_often_as_it_says():
    found = [one.p_value for one in drawn(2, 0.5, 60, 400)]
    # 19 permutations: 0.05 is the smallest p-value and comes once in twenty draws, less often where tables tie
    assert 0.005 <= np.mean(np.array(found) <= 0.05) <= 0.08


@pytest.mark.parametrize("correlation", [0.3, 0.6, 0.9])
def test_the_continuous_ratio_of_a_gaussian_channel_is_its_correlation(correlation):
    values = [
        continuous_information_ratio(*gaussian_channel(500, correlation, seed=seed), permutations=19).value
        for seed in range(20)
    ]
    assert np.mean(values) == pytest.approx(correlation, abs=0.03)


def test_continuous_information_averages_zero_where_there_is_none():
    found = [
        continuous_information_ratio(*gaussian_channel(200, 0.0, seed=seed), permutations=19) for seed in range(40)
    ]
    excess = [one.information - one.expected for one in found]
    assert abs(np.mean(excess)) <= 3.0 * np.std(excess) / math.sqrt(len(excess))
    assert np.mean([one.p_value <= 0.05 for one in found]) <= 0.2


# -- against second implementations --------------------------------------------------------------------------------


@given(LABELS)
def test_the_parts_of_the_ratio_are_those_of_the_libraries(pairs):
    states, predictions = zip(*pairs, strict=True)
    found = information_ratio(states, predictions, permutations=19)
    entropy = scipy_entropy(np.bincount(states))
    if found.value is None:
        assert found.reason
        return
    assert found.information == pytest.approx(max(0.0, mutual_info_score(states, predictions)), abs=1e-12)
    assert found.entropy == pytest.approx(entropy)
    table = np.zeros((5, 4), dtype=np.int64)
    np.add.at(table, (states, predictions), 1)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    expected = expected_mutual_information(table, len(pairs))
    assert found.expected == pytest.approx(expected, abs=1e-12)
    assert found.unclipped == pytest.approx((found.information - expected) / (entropy - expected), abs=1e-9)
    assert found.plug_in == pytest.approx(plug_in_ratio(states, predictions))
    low, high = found.interval
    assert 0.0 <= low <= found.value <= high <= 1.0


def test_the_estimate_by_neighbors_is_that_of_scikit_learn_where_that_is_not_clipped():
    state, prediction = gaussian_channel(400, 0.7, seed=2)
    expected = mutual_info_regression(state[:, None], prediction, n_neighbors=4, random_state=0)[0]
    assert nearest_neighbor_information(state, prediction, neighbors=4) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("states", "error"), [(2, 0.1), (8, 0.3), (3, 2 / 3)])
def test_the_ratio_of_a_channel_is_that_of_its_own_table(states, error):
    joint = np.full((states, states), error / (states - 1) / states)
    np.fill_diagonal(joint, (1.0 - error) / states)
    information = (joint * np.log(joint * states**2)).sum()
    assert symmetric_ratio(states, error) == pytest.approx(information / math.log(states), abs=1e-12)


def test_the_quantised_gaussian_channel_is_that_of_a_large_sample():
    state, prediction = gaussian_channel(400_000, 0.6, seed=1)
    observed = plug_in_ratio(quantile_codes(state, 7).tolist(), quantile_codes(prediction, 7).tolist())
    assert gaussian_quantile_ratio(0.6, 7) == pytest.approx(observed, abs=2e-3)


# -- invariances ---------------------------------------------------------------------------------------------------


@given(LABELS, st.permutations(range(4)))
def test_the_labels_of_predictions_do_not_matter(pairs, renamed):
    states, predictions = zip(*pairs, strict=True)
    one = information_ratio(states, predictions, permutations=19)
    other = information_ratio(states, [f"label {renamed[label]}" for label in predictions], permutations=19)
    assert one.unclipped == (None if other.unclipped is None else pytest.approx(other.unclipped, abs=1e-9))


@given(LABELS, st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(pairs, draw):
    shuffled = draw.sample(pairs, len(pairs))
    one, other = (information_ratio(*zip(*rows, strict=True), permutations=19) for rows in (pairs, shuffled))
    assert one.unclipped == (None if other.unclipped is None else pytest.approx(other.unclipped, abs=1e-9))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60), st.integers(2, 6))
def test_quantile_classes_keep_the_order_and_are_never_more_than_asked_for(values, bins):
    codes = quantile_codes(values, bins)
    assert len(set(codes.tolist())) <= bins
    assert (np.diff(codes[np.argsort(values, kind="stable")]) >= 0).all()


def test_a_thousand_values_make_ten_classes():
    assert set(quantile_codes(list(range(1000))).tolist()) == set(range(10))


# -- kinds of states, and no evidence ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "predictions", "method"),
    [
        (["a", "b"] * 15, ["a", "b"] * 15, "categories"),
        ([True, False] * 15, [True, False] * 15, "categories"),
        ([1, 2, 3] * 10, [1, 2, 3] * 10, "categories"),
        ([0.5, 1.5] * 15, [0.5, 1.5] * 15, "categories"),
        (list(range(30)), [2.5 * place for place in range(30)], "quantiles"),
        ([np.int64(1), np.int64(2)] * 15, [np.float32(1), np.float32(2)] * 15, "categories"),
        ([[0.0, 1.0], [5.0, 1.0]] * 15, [[0.1, 1.0], [4.9, 1.0]] * 15, "clusters"),
    ],
    ids=["text", "bool", "integer", "float", "many levels", "numpy", "vector"],
)
def test_a_perfect_prediction_tells_all_whatever_the_kind_of_state(states, predictions, method):
    found = self_prediction_ratio(states, predictions)
    assert found.method == method
    assert found.value == pytest.approx(1.0)
    assert found.p_value == pytest.approx(1 / 200)


def test_the_type_of_a_number_does_not_decide_what_is_known():
    rng = np.random.default_rng(0)
    states = rng.integers(500, size=200)
    predictions = states + rng.integers(-2, 3, size=200)
    whole = self_prediction_ratio(states.tolist(), predictions.tolist())
    assert whole == self_prediction_ratio(states.astype(float).tolist(), predictions.astype(float).tolist())
    assert whole.value > 0.9
    assert whole.interval[0] > 0.8
    assert (whole.method, whole.levels) == ("quantiles", len(set(states.tolist())))


@given(st.integers(2, 7), st.integers(0, 100))
def test_few_levels_are_taken_as_they_are_and_more_than_the_cube_root_are_cut(kinds, seed):
    rng = np.random.default_rng(seed)
    states, predictions = rng.integers(kinds, size=(2, 125)).tolist()
    found = self_prediction_ratio(states, predictions, permutations=19)
    assert (found.method, found.levels) == ("categories" if kinds <= 5 else "quantiles", kinds)
    if kinds <= 5:
        assert found.unclipped == information_ratio(states, predictions, permutations=19).unclipped


@pytest.mark.parametrize("frequent", [0, 50, 99], ids=["lowest", "middle", "highest"])
def test_a_state_that_is_nearly_always_the_same_is_still_told_from_the_others(frequent):
    states = [frequent] * 95 + [3, 7, 20, 60, 90]
    found = self_prediction_ratio(states, states)
    assert found.method == "quantiles"
    assert found.value == pytest.approx(1.0)


def test_one_and_true_and_the_text_one_are_three_states():
    found = self_prediction_ratio([1, True, "1"] * 10, [1, True, "1"] * 10)
    assert found.entropy == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("states", "predictions", "reason"),
    [
        ([], [], "0 pairs"),
        (["a", "b"] * 9, ["a", "b"] * 9, "18 pairs of state and prediction; at least 20"),
        (["a"] * 30, ["a", "b"] * 15, "the state never changes"),
        ([str(place) for place in range(30)],) * 2 + ("30 states in 30 pairs leave chance no room",),
    ],
    ids=["none", "few", "constant", "all different"],
)
def test_there_is_no_number_without_evidence(states, predictions, reason):
    found = self_prediction_ratio(states, predictions)
    assert (found.value, found.unclipped, found.interval) == (None, None, None)
    assert reason in found.reason


def test_a_constant_continuous_series_has_no_ratio():
    found = continuous_information_ratio([1.0] * 30, np.arange(30.0))
    assert found.value is None
    assert "the state never changes" in found.reason


def test_an_estimate_that_rests_on_one_pair_has_an_interval_of_everything():
    found = information_ratio(["rare", *["usual"] * 30], ["rare", *["usual"] * 30])
    assert found.value == pytest.approx(1.0)
    assert found.interval == (0.0, 1.0)


def test_a_constant_prediction_tells_nothing():
    assert information_ratio(["a", "b"] * 20, ["a"] * 40).value == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: information_ratio([1], [1, 2]), "1 states and 2 predictions"),
        (lambda: information_ratio([1, 2] * 20, [1, 2] * 20, permutations=18), "at least 19"),
        (lambda: self_prediction_ratio([0.5] * 20, [math.nan] * 20), "hold nan at place 0"),
        (lambda: self_prediction_ratio([0.5] * 20, [math.inf] * 20), "hold inf at place 0"),
        (lambda: self_prediction_ratio([0.5] * 20, ["a"] * 20), "of the kinds float, str"),
        (lambda: self_prediction_ratio([[1.0]] * 20, [[1.0, 2.0]] * 20), r"lists of \[1, 2\] numbers"),
        (lambda: self_prediction_ratio([["a"]] * 20, [["a"]] * 20), "are no numbers"),
        (lambda: self_prediction_ratio([{"a": 1}] * 20, [{"a": 1}] * 20), "of the kinds dict"),
        (lambda: quantile_codes([1.0], bins=1), "give at least 2"),
        (lambda: quantile_codes([[1.0, 2.0]]), r"one row of finite numbers, not of the shape \(1, 2\)"),
        (lambda: quantile_codes(None), r"one row of finite numbers, not of the shape \(\)"),
        (lambda: nearest_neighbor_information(np.arange(5.0), np.arange(5.0), neighbors=5), "give 1 to 4"),
        (lambda: symmetric_channel(3, 1, 0.5), "at least 2 states"),
        (lambda: gaussian_channel(3, 1.5), "correlation is 1.5"),
    ],
    ids=[
        "length",
        "permutations",
        "nan",
        "inf",
        "kinds",
        "lengths",
        "texts",
        "dict",
        "bins",
        "table",
        "none",
        "k",
        "states",
        "rho",
    ],
)
def test_what_cannot_be_used_is_refused_with_value_and_limit(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_very_many_states_take_their_expectation_from_permutations():
    rng = np.random.default_rng(0)
    states = rng.integers(700, size=3000)
    found = information_ratio(states.tolist(), rng.integers(700, size=3000).tolist(), permutations=19)
    assert found.unclipped == pytest.approx(0.0, abs=0.03)
    assert found.plug_in > 0.5
