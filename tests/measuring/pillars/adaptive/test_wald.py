# SPDX-License-Identifier: Apache-2.0
"""The pillar A.sprt."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.core.environment import ophamin_version
from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars import adaptive
from ophamin.measuring.pillars.adaptive import BernoulliSPRT, GaussianSPRT, sprt
from ophamin.measuring.pillars.adaptive.wald import PILLAR
from ophamin.protocols import Pillar


def _rows(values):
    return [CycleResult(row, True, {"x": value}) for row, value in enumerate(values)]


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_rate_is_tested_as_the_test_of_the_room_does_it(values):
    row = sprt("x", p0=0.2, p1=0.6).compute(_rows(values), [])
    state = BernoulliSPRT(0.2, 0.6).update_many(values)
    assert (row.statistic_value, row.detail["n"], row.detail["decision"]) == (state.llr, state.n, state.decision)
    assert (row.detail["upper"], row.detail["lower"]) == (state.upper, state.lower)
    path = [0.0]
    for value in values[: state.n]:
        path.append(path[-1] + (math.log(3) if value else math.log(0.5)))
    assert row.p_value == pytest.approx(math.exp(-max(path)))
    assert row.detail["p_value_against_h1"] == pytest.approx(math.exp(min(path)))


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=60))
def test_a_mean_is_tested_as_the_test_of_the_room_does_it(values):
    row = sprt("x", mu0=0.0, mu1=1.0, sigma=2.0).compute(_rows(values), [])
    state = GaussianSPRT(0.0, 1.0, 2.0).update_many(values)
    assert (row.statistic_value, row.detail["n"], row.detail["decision"]) == (state.llr, state.n, state.decision)


def test_the_boundaries_are_those_of_the_original():
    # ln(0.80 / 0.05) = 2.7726 and ln(0.20 / 0.95) = -1.5581 (Wald 1947)
    told = sprt("x", p0=0.5, p1=0.9).compute(_rows([1]), []).detail
    assert (round(told["upper"], 4), round(told["lower"], 4)) == (2.7726, -1.5581)
    assert told["decision"] == "continue"


def test_what_comes_after_the_decision_is_not_read():
    told = sprt("x", p0=0.5, p1=0.9).compute(_rows([1] * 5 + [7]), []).detail
    assert (told["decision"], told["n"], told["rows"]) == ("accept_h1", 5, 6)


def test_the_row_says_by_what_it_was_computed():
    pillar = sprt("x", p0=0.1, p1=0.2)
    row = pillar.compute(_rows([0, 1]), [])
    assert (row.pillar, row.library, row.library_version) == ("A.sprt", "ophamin", ophamin_version())
    assert (row.detail["p0"], row.detail["p1"], row.detail["alpha"], row.detail["beta"]) == (0.1, 0.2, 0.05, 0.20)
    assert pillar.columns == ("x",)


@pytest.mark.slow
def test_the_p_value_keeps_its_level_however_often_it_is_read():
    rng = random.Random(20261123)
    runs, level = 4000, 0.05
    pillar = sprt("x", p0=0.3, p1=0.5, alpha=0.001, beta=0.001)
    low = sum(pillar.compute(_rows([rng.random() < 0.3 for _ in range(200)]), []).p_value <= level for _ in range(runs))
    assert low / runs <= level + 3 * math.sqrt(level * (1 - level) / runs)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no row carries 'x'"),
        (_rows(["a"]), "finite numbers alone"),
        (_rows([math.nan]), "finite numbers alone"),
        (_rows([0.5]), "a Bernoulli test needs 0 or 1"),
        ([CycleResult(0, True, {"x": 1}, error="broken")], "no row that could be measured"),
    ],
)
def test_a_run_that_does_not_allow_it_gives_a_reason_and_no_number(rows, said, capfd):
    row = sprt("x", p0=0.1, p1=0.2).compute(rows, [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert said in row.detail["reason"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "give p0 and p1"),
        ({"p0": 0.1}, "give p0 and p1"),
        ({"mu0": 0.0, "mu1": 1.0}, "known before the run"),
        ({"p0": 0.1, "p1": 0.2, "sigma": 1.0}, "give p0 and p1"),
        ({"p0": 0.1, "p1": 0.2, "mu0": 0.0, "mu1": 1.0, "sigma": 1.0}, "give p0 and p1"),
        ({"p0": 0.1, "p1": 0.1}, "two different hypotheses"),
        ({"p0": 0.0, "p1": 0.1}, "p0 is 0.0"),
        ({"mu0": 0.0, "mu1": 1.0, "sigma": 0.0}, "sigma is 0.0"),
        ({"p0": 0.1, "p1": 0.2, "alpha": 0.9, "beta": 0.2}, "alpha \\+ beta"),
    ],
)
def test_hypotheses_are_declared_or_refused(arguments, said):
    with pytest.raises(ClaimError, match=said):
        sprt("x", **arguments)


def test_a_metric_that_is_not_named_is_refused():
    with pytest.raises(ClaimError, match="the metric is ''"):
        sprt("", p0=0.1, p1=0.2)


def test_the_registered_pillar_says_how_to_declare_one():
    row = PILLAR.compute(_rows([1, 0]), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "sprt('hit', p0=0.1, p1=0.2)" in row.detail["reason"]
    assert isinstance(PILLAR, Pillar)
    assert PILLAR.columns == ()


def test_every_exported_name_is_there_and_no_other():
    assert {"SPRT", "BernoulliSPRT", "GaussianSPRT", "MixtureSPRT", "sprt", "msprt"} <= set(adaptive.__all__)
    assert all(callable(getattr(adaptive, name)) for name in adaptive.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Sprt'"):
        _ = adaptive.Sprt
