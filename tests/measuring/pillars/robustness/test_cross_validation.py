# SPDX-License-Identifier: Apache-2.0
"""The pillar N.cross_validation."""

from __future__ import annotations

import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars import robustness
from ophamin.measuring.pillars.base import library_version, resolve_pillars
from ophamin.measuring.pillars.robustness import k_fold
from ophamin.measuring.pillars.robustness.cross_validation import PILLAR, CrossValidation
from ophamin.protocols import Pillar


def _rows(**columns):
    return [
        CycleResult(row, True, dict(zip(columns, values, strict=True)))
        for row, values in enumerate(zip(*columns.values(), strict=True))
    ]


def _iris():
    table, label = load_iris(return_X_y=True)
    return _rows(label=label.tolist(), **dict(zip("abcd", table.T.tolist(), strict=True)))


def test_the_row_says_what_was_computed_and_by_what():
    pillar = k_fold("label ~ a + b + c + d", estimator="svc", seed=None)
    row = pillar.compute(_iris(), [])
    # scikit-learn user guide, section 3.1.1
    assert [round(one, 4) for one in row.detail["scores"]] == [0.9667, 1.0, 0.9667, 0.9667, 1.0]
    assert (row.pillar, row.statistic_name) == ("N.cross_validation", "mean accuracy over 5 folds")
    assert (row.library, row.library_version) == ("scikit-learn", library_version("scikit-learn"))
    assert row.statistic_value == pytest.approx(0.98, abs=1e-12)
    assert row.ci_low < row.statistic_value < row.ci_high
    assert row.detail["estimator"] == "SVC(kernel='linear')"
    assert row.detail["majority_share"] == pytest.approx(1 / 3)
    assert "plain t" in row.detail["interval"]
    assert pillar.columns == ("label", "a", "b", "c", "d")


def test_repeats_get_the_corrected_interval():
    row = k_fold("label ~ a + b", estimator="svc", repeats=4).compute(_iris(), [])
    assert len(row.detail["scores"]) == 20
    assert "Nadeau" in row.detail["interval"]


def test_groups_are_kept_together_as_the_library_does():
    rng = np.random.default_rng(0)
    x, groups = rng.normal(size=80), [f"g{i % 8}" for i in range(80)]
    label = (x + rng.normal(size=80) > 0).tolist()
    pillar = k_fold("label ~ x", splitter="group", groups="who", k=4)
    row = pillar.compute(_rows(label=label, x=x.tolist(), who=groups), [])
    direct = cross_val_score(
        LogisticRegression(max_iter=1000), x.reshape(-1, 1), label, groups=groups, cv=GroupKFold(4)
    )
    assert row.detail["scores"] == direct.tolist()
    assert pillar.columns == ("label", "x", "who")


def test_texts_are_classes_and_numbers_are_predicted_by_r2():
    x = [float(i) for i in range(40)]
    classes = k_fold("y ~ x").compute(_rows(y=["low"] * 20 + ["high"] * 20, x=x), [])
    assert (classes.detail["score"], classes.statistic_value) == ("accuracy", pytest.approx(0.95, abs=0.06))
    values = k_fold("y ~ x", estimator="ridge").compute(_rows(y=[2 * one + one % 3 for one in x], x=x), [])
    assert (values.detail["score"], "majority_share" in values.detail) == ("r2", False)


def test_time_never_trains_on_what_comes_later():
    # the relation turns around half way: trained on the past alone, the later parts are predicted badly
    x = [float(i % 7) for i in range(80)]
    y = [one if i < 40 else -one for i, one in enumerate(x)]
    rows = _rows(y=y, x=x)
    past = k_fold("y ~ x", estimator="linear", splitter="time", k=3).compute(rows, [])
    assert past.detail["n_train"] < 60
    assert past.detail["splits"].startswith("3 parts")
    assert past.statistic_value < 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no row carries 'y'"),
        (_rows(y=[1, 0] * 5, z=range(10)), "no row carries 'x'"),
        (_rows(y=[1] * 10, x=range(10)), "is 1 in every row"),
        (_rows(y=[1, 0], x=["a", "b"]), "finite numbers alone"),
        (_rows(y=[1, 0, 1], x=[0.1, float("nan"), 0.2]), "finite numbers alone"),
        (_rows(y=[1, "a"] * 5, x=range(10)), "texts and numbers"),
        (_rows(y=[0.5, 0.7] * 5, x=range(10)), "Got 'continuous'"),
        (_rows(y=[1], x=[0.3]), "1 complete rows"),
        (_rows(y=[1, 0, 1], x=[1, 2, 3]), "cannot score 5 folds of 3 rows"),
        ([CycleResult(0, True, {"y": 1}), CycleResult(1, True, {"x": 1})], "0 complete rows"),
    ],
)
def test_a_run_that_does_not_allow_it_gives_a_reason_and_no_number(rows, said, capfd):
    row = k_fold("y ~ x").compute(rows, [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert said in row.detail["reason"]
    assert capfd.readouterr() == ("", "")


def test_fewer_groups_than_folds_give_a_reason():
    row = k_fold("y ~ x", splitter="group", groups="g").compute(_rows(y=[0, 1] * 6, x=range(12), g=[0, 1, 2] * 4), [])
    assert "number of groups" in row.detail["reason"]


def test_an_unknown_score_and_a_missing_seed_give_a_reason():
    rows = _rows(y=[0, 1] * 20, x=range(40))
    assert "did you mean 'accuracy'" in k_fold("y ~ x", score="acuracy").compute(rows, []).detail["reason"]
    assert "need a seed" in k_fold("y ~ x", splitter="shuffle", seed=None).compute(rows, []).detail["reason"]


def test_a_perfect_score_has_no_interval_but_a_reason():
    row = k_fold("y ~ x", k=4).compute(_rows(y=[0, 1] * 20, x=[0.0, 1.0] * 20), [])
    assert (row.statistic_value, row.ci_low, row.ci_high) == (1.0, None, None)
    assert row.detail["interval"].startswith("undefined: all 4 scores are 1.0")


def test_warnings_of_the_library_go_into_the_row(capfd):
    # three rows of a class for five folds
    row = k_fold("y ~ x").compute(_rows(y=[0] * 20 + [1] * 3, x=range(23)), [])
    assert any("least populated class" in one for one in row.detail["warnings"])
    assert capfd.readouterr() == ("", "")


def test_without_the_library_there_is_a_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    row = k_fold("y ~ x").compute(_rows(y=[0, 1] * 20, x=range(40)), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "install the extra that brings scikit-learn" in row.detail["reason"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"formula": ""}, "formula is empty"),
        ({"formula": "y ~ exp(x)"}, "compute other terms"),
        ({"estimator": "tree"}, "no estimator is named 'tree'"),
        ({"estimator": 3}, "is no estimator"),
        ({"k": 1}, "k is 1"),
        ({"repeats": 0}, "repeats is 0"),
        ({"confidence": 1}, "confidence is 1"),
        ({"splitter": "kfolds"}, "did you mean 'kfold'"),
        ({"splitter": "group"}, "take the column of the groups"),
        ({"groups": "g"}, "take the column of the groups"),
    ],
)
def test_a_declaration_that_cannot_be_honoured_is_refused_where_it_is_made(arguments, said):
    with pytest.raises(ClaimError, match=said):
        k_fold(**{"formula": "y ~ x", **arguments})


def test_the_registered_pillar_says_how_to_declare_one():
    row = PILLAR.compute(_iris(), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "k_fold('label ~ x1 + x2')" in row.detail["reason"]
    assert CrossValidation() == PILLAR
    assert isinstance(PILLAR, Pillar)
    assert PILLAR.columns == ()


def test_a_pillar_is_a_frozen_value():
    pillar = k_fold("y ~ x")
    assert pillar == k_fold("y ~ x") != k_fold("y ~ x", k=4)
    assert resolve_pillars([pillar]) == (pillar,)
    with pytest.raises(FrozenInstanceError):
        pillar.k = 3


def test_every_exported_name_is_there_and_no_other():
    assert all(getattr(robustness, name) is not None for name in robustness.__all__)
    with pytest.raises(AttributeError, match="no attribute 'kfold'"):
        _ = robustness.kfold
