# SPDX-License-Identifier: Apache-2.0
"""Promises about the distances and the scatter behind them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf, MinCovDet

from qmpt.errors import ConfigError
from qmpt.metrics.distance import fit_distance
from qmpt.metrics.robust_covariance import Scatter, ledoit_wolf, minimum_determinant, trimmed_ledoit_wolf

CENTRED = ["mahalanobis_robust", "mahalanobis", "euclidean"]


def normal(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def fitted(rows, mode, **options):
    return fit_distance(rows, mode, log_density=-(rows**2).sum(axis=1), **options)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_parts_of_a_distance_sum_to_it(seed):
    rows = normal(80, 4, seed)
    for mode in CENTRED:
        model = fitted(rows, mode)
        np.testing.assert_allclose(model.feature_distances(rows).sum(axis=1), model.distances(rows), rtol=1e-8)


def test_the_parts_are_the_shapley_values_of_the_squared_distance():
    # the definition over all orders of three features, an absent one standing at the centre
    from itertools import permutations

    rows = normal(200, 3) @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.7], [0.0, 0.0, 1.0]])
    model = fitted(rows, "mahalanobis_robust")
    row, center = np.array([2.0, -1.0, 3.0]), model.scatter.location

    def square(present):
        return model.distances(np.where([j in present for j in range(3)], row, center)[None])[0] ** 2

    expected = np.zeros(3)
    for order in permutations(range(3)):
        for place, feature in enumerate(order):
            expected[feature] += (square(order[: place + 1]) - square(order[:place])) / 6
    length = model.distances(row[None])[0]
    np.testing.assert_allclose(model.feature_distances(row[None])[0] * length, expected, rtol=1e-8)


def test_a_row_at_the_centre_has_the_distance_zero_and_parts_of_zero():
    model = fitted(normal(50, 2), "euclidean")
    at = model.scatter.location[None]
    assert model.distances(at).tolist() == [0.0]
    assert model.feature_distances(at).tolist() == [[0.0, 0.0]]


def test_the_minimum_determinant_is_that_of_scikit_learn():
    rows = np.vstack([normal(180, 3), normal(20, 3, 1) + 8.0])
    ours, peer = minimum_determinant(rows), MinCovDet(random_state=0).fit(rows)
    # the searches may end in neighbouring halves, and the scatter lacks a constant that makes it consistent
    np.testing.assert_allclose(ours.location, peer.location_, atol=0.05)
    ratio = ours.distances(rows) / np.sqrt(peer.mahalanobis(rows))
    np.testing.assert_allclose(ratio, ratio[-1], rtol=0.1)
    assert np.corrcoef(ours.distances(rows), np.sqrt(peer.mahalanobis(rows)))[0, 1] > 0.999


@pytest.mark.parametrize("n", [400, 3000])
def test_a_third_of_outliers_in_one_cluster_does_not_move_the_robust_centre(n):
    far = n // 3
    rows = np.vstack([normal(n - far, 3), normal(far, 3, 1) + 9.0])
    found = minimum_determinant(rows)
    assert np.abs(found.location).max() < 0.3
    assert found.distances(rows[-far:]).min() > 5.0
    assert np.abs(ledoit_wolf(rows).location).max() > 2.0


def test_a_start_near_the_answer_gives_the_answer():
    rows = np.vstack([normal(300, 4), normal(40, 4, 1) + 6.0])
    whole = minimum_determinant(rows)
    again = minimum_determinant(rows, start=whole)
    np.testing.assert_allclose(again.covariance, whole.covariance, rtol=1e-6)


def test_ledoit_wolf_is_that_of_scikit_learn_and_exists_with_more_features_than_rows():
    rows = normal(20, 40)
    np.testing.assert_allclose(
        ledoit_wolf(rows).distances(rows) ** 2, LedoitWolf().fit(rows).mahalanobis(rows), rtol=1e-8
    )


def test_trimming_takes_far_rows_out_of_the_scatter():
    rows = np.vstack([normal(45, 20), normal(5, 20, 1) + 10.0])
    assert trimmed_ledoit_wolf(rows).distances(rows[-5:]).min() > 2.0 * ledoit_wolf(rows).distances(rows[-5:]).max()


def test_few_rows_a_feature_are_answered_by_shrinkage():
    rows = normal(50, 10)
    expected = trimmed_ledoit_wolf(rows).distances(rows)
    np.testing.assert_array_equal(fitted(rows, "mahalanobis_robust").distances(rows), expected)


@pytest.mark.parametrize("mode", CENTRED)
def test_a_repeated_feature_that_differs_for_once_is_far(mode):
    x = normal(200, 1)
    model = fitted(np.column_stack([x, x]), mode)
    same, other = model.distances(np.array([[1.0, 1.0], [1.0, -1.0]]))
    assert np.isfinite(other)
    assert other > 3.0 * same if mode != "euclidean" else other == pytest.approx(same, rel=0.2)


@pytest.mark.parametrize("mode", CENTRED)
def test_more_features_than_axes_are_reduced_and_their_parts_still_sum(mode):
    rows = normal(700, 140)
    model = fitted(rows, mode)
    assert model.axes.axes.shape == (140, 128)
    np.testing.assert_allclose(model.feature_distances(rows[:5]).sum(axis=1), model.distances(rows[:5]), rtol=1e-8)


@pytest.mark.parametrize("mode", CENTRED)
def test_a_population_in_which_most_rows_are_one_and_the_same_has_finite_distances(mode):
    rows = np.zeros((100, 3))
    rows[:10] = normal(10, 3)
    found = fitted(rows, mode).distances(rows)
    assert np.isfinite(found).all()
    assert found[:10].min() > found[10:].max()


def test_a_feature_that_is_mostly_zero_does_not_rule_the_robust_distance():
    draw = np.random.default_rng(0)
    rows = np.column_stack([normal(500, 2), draw.random(500) < 0.02])
    found = fitted(rows, "mahalanobis_robust").distances(np.array([[0.0, 0.0, 1.0], [8.0, 8.0, 0.0]]))
    assert 3.0 < found[0] < found[1]


@pytest.mark.parametrize(("mode", "expected"), [("euclidean", 5.0), ("knn_typical", 4.0)])
def test_distance_to_the_centre_and_to_the_nearest_typical_are_different_things(mode, expected):
    angle = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    assert fitted(ring, mode, neighbours=1).distances(np.array([[5.0, 0.0]]))[0] == pytest.approx(expected, abs=1e-9)


def test_a_member_of_the_typical_set_is_not_its_own_neighbour():
    rows = np.arange(10.0)[:, None]
    model = fit_distance(rows, "knn_typical", log_density=np.zeros(10), neighbours=1)
    assert model.distances(rows, own=True).tolist() == [1.0] * 10
    assert model.distances(rows).tolist() == [0.0] * 10


def test_the_typical_set_is_the_denser_half():
    rows = np.arange(10.0)[:, None]
    model = fit_distance(rows, "knn_typical", log_density=np.arange(10.0), neighbours=2)
    assert model.members.ravel().tolist() == [5.0, 6.0, 7.0, 8.0, 9.0]
    assert model.distances(rows, own=True)[5] == 1.5
    assert model.distances(rows, own=True)[0] == 5.5


def test_an_unknown_mode_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'mahalanobis'"):
        fitted(normal(20, 2), "mahalanobi")


def test_whitening_is_a_root_of_the_precision():
    covariance = np.array([[2.0, 0.6], [0.6, 1.0]])
    found = Scatter.of(np.zeros(2), covariance)
    np.testing.assert_allclose(found.precision, np.linalg.inv(covariance), rtol=1e-12)
    assert found.log_det == pytest.approx(np.log(np.linalg.det(covariance)))
