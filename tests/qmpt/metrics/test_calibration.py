# SPDX-License-Identifier: Apache-2.0
"""Promises about the Brier score, its skill and the calibration error."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from qmpt.errors import DataError
from qmpt.metrics.calibration import brier_score, calibration, expected_calibration_error

FORECASTS = st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), min_size=1, max_size=80)


@given(FORECASTS)
def test_the_brier_score_is_that_of_scikit_learn(pairs):
    stated, happened = zip(*pairs, strict=True)
    assert brier_score(stated, happened) == pytest.approx(brier_score_loss(happened, stated, labels=[False, True]))


@given(FORECASTS, st.integers(1, 12))
def test_the_calibration_error_is_the_weighted_gap_of_each_class(pairs, bins):
    expected = 0.0
    for place in range(bins):
        inside = [(stated, happened) for stated, happened in pairs if min(int(stated * bins), bins - 1) == place]
        if inside:
            gap = abs(np.mean([stated for stated, _ in inside]) - np.mean([happened for _, happened in inside]))
            expected += gap * len(inside) / len(pairs)
    stated, happened = zip(*pairs, strict=True)
    assert expected_calibration_error(stated, happened, bins=bins) == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), min_size=20, max_size=40))
def test_the_skill_is_at_most_one_and_that_of_the_base_rate_is_zero(pairs):
    stated, happened = zip(*pairs, strict=True)
    found = calibration(stated, happened)
    if found.skill is None:
        assert found.reason
        return
    assert found.skill <= 1.0
    rate = sum(happened) / len(happened)
    assert calibration([rate] * len(happened), happened).skill == pytest.approx(0.0, abs=1e-9)


def test_a_calibrated_forecaster_has_the_skill_that_its_sharpness_allows():
    rng = np.random.default_rng(0)
    chance = rng.choice([0.1, 0.9], size=20_000)
    found = calibration(chance.tolist(), (rng.random(20_000) < chance).tolist())
    # Brier score .09 against .25 of the base rate
    assert found.skill == pytest.approx(1.0 - 0.09 / 0.25, abs=0.02)
    assert found.calibration_error < 0.01


def test_the_interval_holds_the_skill_of_the_source():
    held = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        chance = rng.choice([0.1, 0.9], size=150)
        low, high = calibration(chance.tolist(), (rng.random(150) < chance).tolist()).interval
        held.append(low <= 0.64 <= high)
    assert np.mean(held) >= 0.85


@pytest.mark.parametrize(
    ("stated", "happened", "reason"),
    [
        ([], [], "no forecast was stated"),
        ([0.5] * 19, [True] * 10 + [False] * 9, "19 forecasts; at least 20 are needed"),
        ([0.9] * 30, [True] * 30, "all outcomes are alike"),
    ],
    ids=["none", "few", "alike"],
)
def test_there_is_no_skill_without_evidence(stated, happened, reason):
    found = calibration(stated, happened)
    assert (found.skill, found.interval) == (None, None)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("stated", "happened", "message"),
    [
        ([0.5], [], "1 probabilities and 0 outcomes"),
        ([1.5], [True], "a stated probability is 1.5; give a number in"),
        ([math.nan], [True], "a stated probability is nan"),
        ([True], [True], "a stated probability is True"),
        (["0.5"], [True], "a stated probability is '0.5'"),
        ([0.5], [2], "an outcome is 2; give true or false"),
        ([0.5], ["yes"], "an outcome is 'yes'"),
        ([0.5], [math.nan], "an outcome is nan"),
    ],
    ids=["length", "above one", "nan", "bool", "text", "outcome", "outcome text", "outcome nan"],
)
def test_what_is_no_forecast_is_refused(stated, happened, message):
    with pytest.raises(DataError, match=message):
        calibration(stated, happened)


@pytest.mark.parametrize("call", [brier_score, expected_calibration_error], ids=["brier", "ece"])
def test_no_forecast_at_all_has_no_score(call):
    with pytest.raises(DataError, match="0 forecasts"):
        call([], [])
