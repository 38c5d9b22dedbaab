# SPDX-License-Identifier: Apache-2.0
"""The pillar diagnostics.anticipatory, and mapie beside it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import library_version
from ophamin.measuring.pillars.diagnostics import ConformalPredictor, anticipation, anticipatory
from ophamin.measuring.pillars.diagnostics.anticipation import PILLAR, mapie_half_width
from ophamin.protocols import Pillar

pytest.importorskip("mapie")


def _rows(n=200, seed=0, shift=0.0, **more):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = 2 * x + rng.normal(size=n)
    y[n // 2 :] += shift
    return [
        CycleResult(row, True, {"x": float(x[row]), "y": float(y[row]), **{k: v[row] for k, v in more.items()}})
        for row in range(n)
    ]


@pytest.mark.parametrize("confidence", [0.8, 0.85, 0.9, 0.95])
@pytest.mark.parametrize("n_calibration", [21, 29, 50, 69, 99, 100, 200])
def test_mapie_computes_the_same_half_width(confidence, n_calibration):
    rng = np.random.default_rng(n_calibration)
    n = round(n_calibration / 0.4)
    x = rng.normal(size=(n, 2))
    predictor = ConformalPredictor("linear", confidence).calibrate(x, x[:, 0] + rng.normal(size=n))
    assert mapie_half_width(predictor) == pytest.approx(predictor.half_width, rel=1e-12)


def test_the_row_says_what_was_computed_and_that_both_agree():
    pillar = anticipatory("y ~ x", failure_below=-3.0)
    row = pillar.compute(_rows(), [])
    assert (row.pillar, row.library, row.library_version) == (
        "diagnostics.anticipatory", "mapie", library_version("mapie"),
    )  # fmt: skip
    assert row.cross_check == "passed"
    told = row.detail
    assert (
        row.statistic_value == told["world_model_gap"] == told["empirical_miscoverage"] - told["expected_miscoverage"]
    )
    assert row.ci_low <= row.statistic_value <= row.ci_high
    assert row.p_value == told["gap_p_value"]
    assert (told["rows_of_history"], told["n"], told["n_calibration"]) == (100, 100, 40)
    assert sum(told["counts"].values()) == 100
    assert told["missed_failures"] >= 0
    assert "undefined" not in told
    assert pillar.columns == ("y", "x")


def test_a_world_that_moved_has_a_gap_and_one_that_stayed_has_none():
    stayed, moved = (anticipatory("y ~ x").compute(_rows(400, shift=shift), []) for shift in (0.0, 3.0))
    assert stayed.p_value > 0.05
    assert moved.p_value < 1e-9
    assert moved.ci_low > 0.3


def test_a_wrong_half_width_fails_the_cross_check(monkeypatch):
    monkeypatch.setattr(anticipation, "mapie_half_width", lambda predictor: predictor.half_width * 1.001)
    assert anticipatory("y ~ x").compute(_rows(), []).cross_check == "failed"


def test_a_second_opinion_that_is_refused_is_skipped_with_its_reason():
    # 9 calibration rows are enough at 0.9, but mapie asks for more
    row = anticipatory("y ~ x").compute(_rows(44), [])
    assert row.detail["n_calibration"] == 9
    assert (row.cross_check, row.statistic_value is not None) == ("skipped", True)
    assert "mapie refuses 9 rows" in row.detail["cross_check"]


def test_without_mapie_there_is_a_reason_and_no_number(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "mapie.regression", None)
    row = anticipatory("y ~ x").compute(_rows(), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "install the extra that brings mapie" in row.detail["reason"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("pillar", "rows", "said"),
    [
        (anticipatory("y ~ x"), [], "no row carries 'y'"),
        (anticipatory("y ~ x"), _rows(15), "which needs 8 or more"),
        (anticipatory("y ~ x"), _rows(40), "8 calibration rows; at confidence 0.9 the interval is infinite below 9"),
        (anticipatory("y ~ x", confidence=0.95), _rows(90), "18 calibration rows; at confidence 0.95"),
        (anticipatory("y ~ z"), _rows(z=["a"] * 200), "finite numbers alone"),
        (anticipatory("z ~ x"), _rows(z=[float("nan")] * 200), "finite numbers alone"),
        (anticipatory("z ~ x"), _rows(z=[1.5] * 200), "is 1.5 in every row"),
        (anticipatory("y ~ x", estimator="logistic"), _rows(), "predicts classes"),
        (anticipatory("y ~ x"), [CycleResult(0, True, {"y": 1}), CycleResult(1, True, {"x": 1})], "0 complete rows"),
    ],
)
def test_a_run_that_does_not_allow_it_gives_a_reason_and_no_number(pillar, rows, said, capfd):
    row = pillar.compute(rows, [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert said in row.detail["reason"]
    assert capfd.readouterr() == ("", "")


def test_what_was_not_declared_is_undefined_and_said():
    told = anticipatory("y ~ x").compute(_rows(), []).detail
    assert (told["counts"]["known_failure"], told["missed_failures"], told["false_alarms"]) == (None, None, None)
    assert "no failure limit" in told["undefined"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"formula": ""}, "formula is empty"),
        ({"confidence": 1.0}, "confidence is 1.0"),
        ({"history": 0}, "history is 0"),
        ({"calibration": 2}, "calibration is 2"),
        ({"estimator": "nothing"}, "no estimator"),
        ({"seed": -1}, "the seed is -1"),
        ({"failure_below": 2.0, "failure_above": 1.0}, "leave no success"),
    ],
)
def test_a_declaration_that_cannot_be_honoured_is_refused_where_it_is_made(arguments, said):
    with pytest.raises(ClaimError, match=said):
        anticipatory(**{"formula": "y ~ x", **arguments})


def test_the_registered_pillar_says_how_to_declare_one():
    row = PILLAR.compute(_rows(), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "anticipatory('y ~ x1 + x2')" in row.detail["reason"]
    assert isinstance(PILLAR, Pillar)
    assert PILLAR.columns == ()
