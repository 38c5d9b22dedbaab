# SPDX-License-Identifier: Apache-2.0
"""Promises about the labelled sets. No score is computed here: the untouched ones stay so until the claim is tried."""

import numpy as np
import pytest

from qmpt.benchmark_sets import BENCHMARK_SETS, benchmark_set, benchmark_sets
from qmpt.errors import ConfigError

SHAPES = {
    "wdbc_21": (378, 30, 21), "wdbc_39": (396, 30, 39), "wine_1": (129, 13, 10), "digits_0": (1669, 64, 50),
    "digit_0": (188, 64, 10), "factors_local": (2000, 6, 100), "factors_global": (2000, 6, 100),
    "factors_cluster": (2000, 6, 100), "factors_dependency": (2000, 6, 100), "wdbc_benign_11": (223, 30, 11),
    "wine_2": (117, 13, 10), "wine_3": (140, 13, 10), "digits_8": (1673, 64, 50), "digit_4": (191, 64, 10),
    "digit_7": (189, 64, 10), "iris_virginica": (106, 4, 6), "skewed_local": (2000, 10, 100),
    "skewed_global": (2000, 10, 100), "skewed_cluster": (2000, 10, 100), "skewed_dependency": (2000, 10, 100),
}  # fmt: skip


def test_nine_sets_are_tuned_and_at_least_six_are_not():
    assert len(benchmark_sets("tuned")) == 9
    assert len(benchmark_sets("untouched")) >= 6
    assert set(SHAPES) == set(BENCHMARK_SETS)


@pytest.mark.parametrize("name", SHAPES)
def test_a_draw_has_its_size_and_its_share_of_anomalies_and_is_finite(name):
    drawn = benchmark_set(name).draw(3)
    rows, features, anomalies = SHAPES[name]
    assert drawn.rows.shape == (rows, features)
    assert int(drawn.anomaly.sum()) == anomalies
    assert np.isfinite(drawn.rows).all()
    assert drawn.rows.dtype == np.float64


@pytest.mark.parametrize("name", SHAPES)
def test_a_draw_is_fixed_by_its_seed(name):
    first, again, other = (benchmark_set(name).draw(seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.rows, again.rows)
    np.testing.assert_array_equal(first.anomaly, again.anomaly)
    assert not np.array_equal(first.rows, other.rows)
    assert np.flatnonzero(first.anomaly)[-1] - np.flatnonzero(first.anomaly)[0] > first.anomaly.sum()  # mixed in


@pytest.mark.parametrize("base", ["factors", "skewed"])
def test_synthetic_anomalies_are_of_their_kind(base):
    def parts(kind):
        drawn = benchmark_set(f"{base}_{kind}").draw(0)
        return drawn.rows[~drawn.anomaly], drawn.rows[drawn.anomaly]

    ordinary, local = parts("local")
    log = np.log if base == "skewed" else np.asarray
    assert 2.5 < log(local).var(axis=0).mean() / log(ordinary).var(axis=0).mean() < 7.5
    ordinary, spread = parts("global")
    assert (np.abs(spread - (ordinary.max(0) + ordinary.min(0)) / 2) <= 0.55 * np.ptp(ordinary, axis=0) + 1e-9).all()
    ordinary, cluster = parts("cluster")
    np.testing.assert_allclose(cluster.mean(axis=0), 5 * ordinary.mean(axis=0), atol=1.5 * ordinary.std(axis=0).max())
    ordinary, independent = parts("dependency")
    assert all(set(independent[:, j]) <= set(ordinary[:, j]) for j in range(ordinary.shape[1]))
    tied = np.abs(np.corrcoef(log(ordinary).T) - np.eye(ordinary.shape[1])).mean()
    assert np.abs(np.corrcoef(log(independent).T) - np.eye(ordinary.shape[1])).mean() < tied / 2


def test_a_set_that_does_not_exist_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'wine_1'"):
        benchmark_set("wine1")
