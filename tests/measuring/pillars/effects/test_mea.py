# SPDX-License-Identifier: Apache-2.0
"""The pillar M.mea over a run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.effects import FormulaError, mea
from ophamin.measuring.pillars.effects.mea import PILLAR, _holm
from ophamin.protocols import Pillar


@pytest.fixture
def three(cycles_of):
    """Three experiments on 120 rows; the second and the third interact."""
    rng = np.random.default_rng(20261121)
    arms = {name: rng.choice(["off", "on"], 120).tolist() for name in ("cache", "prompt", "model")}
    both = np.array([a == b == "on" for a, b in zip(arms["prompt"], arms["model"], strict=True)])
    return cycles_of({**arms, "nth": list(range(120)), "phi": (rng.normal(size=120) + 1.2 * both).tolist()})


def test_it_is_a_pillar_that_names_its_library_and_its_columns():
    pillar = mea("phi", "arm", "layout")
    assert isinstance(pillar, Pillar)
    assert (pillar.pillar_name, pillar.library, pillar.columns) == ("M.mea", "statsmodels", ("phi", "arm", "layout"))
    assert hash(pillar) == hash(mea("phi", "arm", "layout"))


def test_the_registered_form_says_how_to_configure_it():
    row = PILLAR.compute([], [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "configure it: mea('phi', 'arm', 'layout')" in row.detail["reason"]


def test_the_row_is_the_interaction_of_the_published_table(tooth_growth, cycles_of, capfd):
    row = mea("len", "supp", "dose").compute(cycles_of(tooth_growth), [])
    assert row.statistic_name == "F of the interaction supp:dose"
    assert (round(row.statistic_value, 3), round(row.p_value, 5)) == (4.107, 0.02186)
    assert round(row.effect_size, 4) == 0.1320
    assert (row.cross_check, row.detail["degrees_of_freedom"], row.detail["n"]) == ("passed", [2, 54], 60)
    supp, dose = row.detail["marginal_effects"]
    assert round(supp["p"], 5) == 0.06063
    assert dose == {"experiment": "dose", "arms": ["0.5", "1.0", "2.0"]}
    assert capfd.readouterr() == ("", "")


def test_of_several_interactions_the_strongest_is_told_with_a_p_value_for_all_looks(three):
    row = mea("phi", "cache", "prompt", "model").compute(three, [])
    raw = [pair["tests"][2]["p"] for pair in row.detail["interactions"]]
    adjusted = multipletests(raw, method="holm")[1]
    assert [pair["p_adjusted"] for pair in row.detail["interactions"]] == pytest.approx(list(adjusted))
    assert row.statistic_name == "F of the interaction prompt:model"
    assert row.p_value == pytest.approx(3 * min(raw))
    assert row.detail["p_value"] == "adjusted for 3 interactions (Holm)"


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_p_values_are_adjusted_as_holm_does(ps):
    assert _holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]), abs=1e-12)


@pytest.mark.parametrize(
    ("pillar", "reason"),
    [
        (mea("phi", "cash", "model"), "no row carries 'cash'; did you mean 'cache'?"),
        (mea("model", "cache", "prompt"), "'model' holds 'o"),
        (mea("phi", "nth", "prompt"), "of 'nth' has 1 unit; each takes 2 or more"),
    ],
)
def test_a_run_that_does_not_allow_it_gives_a_skipped_row_with_the_reason(pillar, reason, three):
    row = pillar.compute(three, [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert reason in row.detail["reason"]


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("phi",), {}, ClaimError),
        (("phi", "arm"), {}, ClaimError),
        (("phi", "arm", "arm"), {}, ClaimError),
        (("phi", "phi", "arm"), {}, ClaimError),
        (("phi", "arm", "layout"), {"typ": 1}, ClaimError),
        (("phi", "arm", "layout"), {"confidence": 2}, ClaimError),
        (("phi", "arm", "lay out"), {}, FormulaError),
        (("phi", "arm", "C(a)"), {}, FormulaError),
    ],
)
def test_experiments_that_cannot_be_meant_are_an_error_where_they_are_written(arguments, options, error):
    with pytest.raises(error):
        mea(*arguments, **options)


def test_rows_that_lack_a_value_are_left_out_and_counted(tooth_growth, cycles_of):
    whole = cycles_of(tooth_growth)
    whole[0].raw.pop("dose")
    row = mea("len", "supp", "dose").compute(whole, [])
    assert (row.detail["left_out"], row.detail["n"]) == (1, 59)
