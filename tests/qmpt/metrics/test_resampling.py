# SPDX-License-Identifier: Apache-2.0
"""Promises about folds and bootstrap intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.errors import ConfigError
from qmpt.metrics.resampling import bootstrap_intervals, fold_numbers


@given(st.integers(1, 60), st.integers(2, 8), st.integers(0, 9))
def test_folds_are_of_nearly_equal_size(rows, folds, seed):
    counts = np.bincount(fold_numbers(rows, folds, seed))
    assert counts.sum() == rows
    assert len(counts) == min(folds, rows)
    assert counts.max() - counts.min() <= 1


def test_one_fold_is_refused():
    with pytest.raises(ConfigError, match="cross_fit is 1"):
        fold_numbers(5, 1)


def shifted(rows, threshold=1.0, **options):
    """The score is the value minus the mean of the resample; above the threshold it has a label."""
    return bootstrap_intervals(
        rows - rows.mean(),
        lambda draw: rows - rows[draw].mean(),
        lambda scores: (scores > threshold).astype(int),
        population=len(rows),
        **options,
    )


def test_the_interval_is_that_of_the_mean_and_lies_around_the_score():
    rows = np.random.default_rng(0).normal(size=100)
    found = shifted(rows, n_resamples=2000)
    error = rows.std() / 10.0
    np.testing.assert_allclose(found.high - found.low, 2 * 1.96 * error, rtol=0.1)
    assert (found.low <= rows - rows.mean()).all()
    assert (found.high >= rows - rows.mean()).all()


def test_a_common_bias_of_resampled_models_does_not_move_the_interval():
    rows = np.random.default_rng(0).normal(size=60)
    plain = shifted(rows)
    biased = bootstrap_intervals(
        rows - rows.mean(), lambda draw: rows - rows[draw].mean() - 5.0, lambda s: (s > 1).astype(int), population=60
    )
    np.testing.assert_allclose(plain.low, biased.low, atol=1e-9)


def test_rank_one_is_the_largest_and_order_that_never_changes_has_no_spread():
    rows = np.arange(20.0)
    found = shifted(rows)
    assert found.rank_low.tolist() == list(range(20, 0, -1))
    assert found.rank_high.tolist() == found.rank_low.tolist()


def test_a_label_next_to_its_threshold_is_unstable_and_one_far_from_it_is_not():
    rows = np.r_[np.random.default_rng(0).normal(size=50), 1.0, 30.0]
    found = shifted(rows, threshold=float(1.0 - rows.mean()))
    assert found.unstable[-2]
    assert not found.unstable[-1]
    assert found.flips[-1] == 0.0


@pytest.mark.parametrize(
    "options", [{"n_resamples": 19}, {"level": 1.0}, {"unstable_above": 1.0}], ids=["few", "level", "unstable"]
)
def test_a_bootstrap_that_says_nothing_is_refused(options):
    with pytest.raises(ConfigError, match="give at least 20"):
        shifted(np.arange(10.0), **options)
