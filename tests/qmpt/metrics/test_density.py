# SPDX-License-Identifier: Apache-2.0
"""Promises about the density models and their registry."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.mixture import GaussianMixture

from qmpt.errors import ConfigError, DataError, InsufficientEvidence, MissingLibraryError
from qmpt.metrics import density
from qmpt.metrics.anomaly_models import checked_scores
from qmpt.metrics.density import create_density, density_names, register_density
from qmpt.metrics.density_hist import HistogramDensity
from qmpt.metrics.density_kernel import KernelDensity
from qmpt.metrics.density_mixture import MixtureDensity
from qmpt.metrics.flow import GaussianizationFlow, MarginalMap
from qmpt.metrics.population import RobustStandardiser

OFFLINE = ["hist_v1", "gmm_v1", "kde_v1", "flow_v1"]


def normal(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def integral(model, low, high, steps=4001):
    grid = np.linspace(low, high, steps)
    return np.trapezoid(np.exp(model.score_samples(grid[:, None])), grid)


@pytest.mark.parametrize("name", OFFLINE)
def test_a_density_of_one_feature_integrates_to_one(name):
    model = create_density(name)
    model.fit(normal(500, 1))
    reach = 3.5 if name == "hist_v1" else 9.0  # beyond its grid the histogram is a floor
    assert integral(model, -reach, reach, 60_001) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("name", OFFLINE)
def test_a_density_prefers_the_middle_to_the_far_and_is_finite_at_the_farthest(name):
    model = create_density(name)
    model.fit(normal(300, 3))
    near, far, farthest = model.score_samples(np.array([[0.0] * 3, [7.0] * 3, [1e6] * 3]))
    assert near > far >= farthest
    assert math.isfinite(farthest)


@pytest.mark.parametrize("name", OFFLINE)
def test_fitting_twice_gives_the_same_density(name):
    rows = normal(200, 3)
    first, second = create_density(name).fit(rows), create_density(name).fit(rows)
    np.testing.assert_array_equal(first.score_samples(rows), second.score_samples(rows))


def test_a_histogram_is_the_sum_of_its_features_and_counts_what_lies_in_each_bin():
    rows = normal(400, 3)
    model = HistogramDensity().fit(rows)
    np.testing.assert_allclose(model.feature_scores(rows).sum(axis=1), model.score_samples(rows), rtol=1e-12)

    column = rows[:, 0]
    bins = math.ceil((column.max() - column.min()) / (2 * 1.3489795 * 400 ** (-1 / 3)))  # Freedman and Diaconis, 1981
    counts, edges = np.histogram(column, bins)
    heights = np.log((counts + 1) / (400 + bins + 2) / np.diff(edges))
    middles = (edges[1:] + edges[:-1]) / 2
    found = model.feature_scores(np.column_stack([middles, middles, middles]))[:, 0]
    np.testing.assert_allclose(found, heights, rtol=1e-9)


def test_the_ends_of_the_data_belong_to_the_bins_of_the_histogram():
    rows = np.r_[np.zeros(50), np.ones(50)][:, None]
    inside, beyond = HistogramDensity().fit(rows).score_samples(np.array([[0.0], [1.0], [-0.1], [1.1]])).reshape(2, 2)
    assert inside[0] == pytest.approx(inside[1], rel=1e-9)
    assert (beyond < inside).all()


def test_a_mixture_finds_two_groups_and_scores_as_scikit_learn_does():
    rows = np.vstack([normal(200, 2, 1) - 4.0, normal(200, 2, 2) + 4.0])
    model = MixtureDensity().fit(rows)
    assert model.chosen[0] == 2
    axes = model._axes
    peer = GaussianMixture(2, covariance_type=model.chosen[1], reg_covar=1e-3, random_state=0).fit(axes.project(rows))
    np.testing.assert_allclose(model.score_samples(rows), peer.score_samples(axes.project(rows)), rtol=1e-9)


def test_a_trimmed_mixture_does_not_give_a_cluster_of_outliers_a_component_of_its_own():
    rows = np.vstack([normal(300, 2), 0.1 * normal(15, 2, 1) + 12.0])
    plain, trimmed = MixtureDensity().fit(rows), MixtureDensity(trim=0.1).fit(rows)
    outlier = np.array([[12.0, 12.0]])
    assert plain.score_samples(outlier)[0] > -5.0  # masked
    assert trimmed.score_samples(outlier)[0] < -50.0


def test_a_mixture_of_many_rows_is_chosen_on_a_part_and_fitted_to_all():
    rows = np.vstack([normal(4000, 1) - 5.0, normal(2000, 1, 1) + 5.0])
    model = MixtureDensity(most_components=2).fit(rows)
    assert model.chosen[0] == 2
    assert model._mixture.weights_.max() == pytest.approx(2 / 3, abs=1e-3)


def test_a_mixture_without_enough_rows_for_one_component_is_refused():
    with pytest.raises(InsufficientEvidence, match="1 rows cannot carry the 2 parameters"):
        MixtureDensity().fit(np.zeros((1, 1)))


def test_a_kernel_density_is_that_of_scipy_at_the_same_bandwidth():
    rows = normal(150, 1)
    model = KernelDensity().fit(rows)
    points = np.linspace(-3, 3, 7)
    peer = stats.gaussian_kde(rows.ravel(), bw_method=model.bandwidth / rows.std(ddof=1))
    np.testing.assert_allclose(model.score_samples(points[:, None]), peer.logpdf(points), rtol=1e-8)


def test_a_row_is_not_hidden_by_its_own_kernel():
    rows = np.r_[normal(100, 1), [[30.0]]]
    model = KernelDensity().fit(rows)
    assert model.own_scores(rows)[-1] < model.score_samples(rows)[-1] - 10.0
    others = KernelDensity().fit(rows)
    others._kernels, others.bandwidth = np.delete(others._kernels, 7, axis=0), model.bandwidth
    at = model._chosen[7]
    assert model.own_scores(rows)[at] == pytest.approx(others.score_samples(rows[at : at + 1])[0], rel=1e-9)


def test_the_flow_of_a_bent_population_is_likelier_than_one_gaussian_on_new_rows():
    def bent(seed):
        x = np.random.default_rng(seed).normal(size=(800, 2))
        return np.column_stack([x[:, 0], x[:, 0] ** 2 + 0.3 * x[:, 1]])

    flow, gaussian = GaussianizationFlow().fit(bent(0)), GaussianizationFlow(most_layers=0).fit(bent(0))
    assert flow.layers >= 1
    assert gaussian.layers == 0
    assert flow.score_samples(bent(1)).mean() > gaussian.score_samples(bent(1)).mean() + 0.3


def test_the_flow_stops_before_it_fits_the_sample_worse_than_a_mixture_does():
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer().data[:, :10]
    order = np.random.default_rng(0).permutation(len(table))
    known = RobustStandardiser.fit(table[order[:400]])
    kept, held = known.transform(table[order[:400]]), known.transform(table[order[400:]])
    flow = GaussianizationFlow().fit(kept)
    assert 1 <= flow.layers < 10
    assert flow.score_samples(held).mean() > MixtureDensity().fit(kept).score_samples(held).mean()


def test_without_a_layer_the_flow_is_the_normal_density():
    rows = normal(300, 1)
    flow = GaussianizationFlow(most_layers=0).fit(rows)
    expected = stats.norm(rows.mean(), rows.std()).logpdf([-1.0, 0.0, 2.0])
    np.testing.assert_allclose(flow.score_samples(np.array([[-1.0], [0.0], [2.0]])), expected, rtol=1e-9)


@given(st.integers(0, 10_000), st.integers(5, 30))
@settings(max_examples=30, deadline=None)
def test_a_marginal_map_rises_everywhere_and_its_slope_is_the_derivative(seed, knots):
    draw = np.random.default_rng(seed)
    rows = np.round(draw.standard_t(2, size=(60, 2)), 1)  # ties and gaps
    bend = MarginalMap.fit(rows, knots)
    points = np.sort(draw.uniform(-20, 20, size=(50, 2)), axis=0)
    bent, slopes = bend.apply(points)
    assert (np.diff(bent, axis=0) > 0.0).all()
    step = 1e-6
    moved, _ = bend.apply(points + step)
    measured = np.log((moved - bent) / step).sum(axis=1)
    close = np.isclose(measured, slopes, rtol=1e-3, atol=1e-3)
    assert close.mean() > 0.9  # the rest has a knot within the step


def test_an_unknown_density_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'hist_v1'"):
        create_density("hist_v2")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("hist_v1", {"bins": 3}, "bins"),
        ("hist_v1", {"pseudocount": 0.0}, "above 0"),
        ("gmm_v1", {"trim": 0.5}, "0.5"),
        ("kde_v1", {"most_kernels": 1}, "at least 2"),
        ("flow_v1", {"most_layers": -1}, "at least 0"),
        (3, {}, "int"),
        (HistogramDensity, {}, "type"),
        (HistogramDensity(), {"pseudocount": 2.0}, "go with a name"),
    ],
    ids=["unknown option", "pseudocount", "trim", "kernels", "layers", "no model", "a class", "options of an object"],
)
def test_a_density_that_cannot_be_made_says_what_is_wrong(model, options, message):
    with pytest.raises(ConfigError, match=message):
        create_density(model, options)


def test_an_object_is_copied_and_not_fitted_itself():
    mine = HistogramDensity()
    create_density(mine).fit(normal(20, 1))
    with pytest.raises(AttributeError):
        mine.score_samples(np.zeros((1, 1)))


def test_a_registered_density_is_made_by_name_and_a_taken_name_is_refused(monkeypatch):
    monkeypatch.setattr(density, "_FACTORIES", dict(density._FACTORIES))
    register_density("coarse_v1", lambda: HistogramDensity(pseudocount=9.0))
    assert create_density("coarse_v1").pseudocount == 9.0
    assert "coarse_v1" in density_names()
    for taken in ("hist_v1", "pyod:HBOS", ""):
        with pytest.raises(ConfigError, match="choose a new one"):
            register_density(taken, HistogramDensity)


def test_the_torch_flow_says_what_to_install_and_what_to_use_instead(monkeypatch):
    monkeypatch.setitem(sys.modules, "zuko", None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'pytest-ophamin\[flow\]', or use flow_v1"):
        create_density("flow_torch_v1")


def test_the_torch_flow_finds_what_a_bent_population_lacks():
    pytest.importorskip("zuko")
    x = normal(2000, 2)
    bent = np.column_stack([x[:, 0], x[:, 0] ** 2 + 0.3 * x[:, 1]])
    model = create_density("flow_torch_v1", {"epochs": 5}).fit(bent)
    inside, outside = model.score_samples(np.array([[1.5, 2.25], [1.5, -2.0]]))
    assert inside > outside
    with pytest.raises(InsufficientEvidence, match="1999 rows and needs 2000"):
        create_density("flow_torch_v1").fit(bent[:-1])


def test_a_pyod_detector_scores_as_it_does_by_itself():
    knn = pytest.importorskip("pyod.models.knn")
    rows = normal(100, 3)
    found = create_density("pyod:KNN", {"n_neighbors": 7}).fit(rows).score_samples(rows)
    np.testing.assert_allclose(-found, knn.KNN(n_neighbors=7).fit(rows).decision_function(rows))


def test_a_pyod_detector_is_seeded_and_carries_the_version_of_the_library():
    pyod = pytest.importorskip("pyod")
    rows = normal(60, 2)
    first, second = (create_density("pyod:IForest").fit(rows).score_samples(rows) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert create_density("pyod:IForest").version == f"pyod:IForest@{pyod.__version__}"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [("HBOZ", {}, "did you mean 'hbos'"), ("hbos", {}, "Known: HBOS"), ("HBOS", {"bins": 3}, "do not fit")],
)
def test_a_pyod_detector_that_does_not_exist_names_the_nearest(name, options, message):
    pytest.importorskip("pyod")
    with pytest.raises(ConfigError, match=message):
        create_density(f"pyod:{name}", options)


def test_a_missing_pyod_is_named(monkeypatch):
    monkeypatch.setattr("qmpt.metrics.pyod_adapter.find_spec", lambda _: None)
    with pytest.raises(MissingLibraryError, match="pip install pyod, or use hist_v1"):
        create_density("pyod:HBOS")


def test_a_density_that_answers_with_infinity_is_refused():
    class Certain:
        def fit(self, rows):
            return self

        def score_samples(self, rows):
            return np.full(len(rows), -np.inf)

    with pytest.raises(DataError, match="Certain gave 4 values that are not finite"):
        checked_scores(Certain(), np.zeros((4, 1)))
