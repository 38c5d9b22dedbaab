# SPDX-License-Identifier: Apache-2.0
"""The pillar diagnostics.kernel_coupling."""

from __future__ import annotations

import math

import pytest

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import library_version
from ophamin.measuring.pillars.diagnostics import kernel_coupling
from ophamin.measuring.pillars.diagnostics.coupling_pillar import PILLAR
from ophamin.measuring.pillars.diagnostics.intervals import clopper_pearson
from ophamin.protocols import Pillar

NAMES = {"coefficient": "c", "repetition": "seed", "collapsed": "bad"}


def _rows(triples):
    return [CycleResult(row, True, {"c": c, "seed": s, "bad": bad}) for row, (c, s, bad) in enumerate(triples)]


def test_the_row_says_at_how_many_coefficients_collapse_persists():
    row = kernel_coupling(**NAMES).compute(_rows((c, s, c < 0.02) for s in range(8) for c in (0.05, 0.005, 0.01)), [])
    assert (row.pillar, row.library) == ("diagnostics.kernel_coupling", "numpy")
    assert row.library_version == library_version("numpy")
    assert row.statistic_value == pytest.approx(2 / 3)
    assert [one["coefficient"] for one in row.detail["rates"]] == [0.005, 0.01, 0.05]
    assert [row.detail["rates"][2]["ci_low"], row.detail["rates"][2]["ci_high"]] == list(clopper_pearson(0, 8, 0.95))
    assert (row.detail["conclusion"], row.detail["supported"]) == ("miscalibrated_boundary_logic", True)


def test_rows_of_one_seed_are_one_run_that_collapsed_where_any_of_them_did():
    row = kernel_coupling(**NAMES).compute(
        _rows([(0.1, 7, False), (0.1, 7, True), (0.1, 7, False), (0.1, 8, False)]), []
    )
    rate = row.detail["rates"][0]
    assert (rate["n"], rate["collapsed"], row.detail["repetitions"]) == (2, 1, 2)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no row carries 'c'"),
        (_rows([("low", 1, True)]), "finite numbers alone"),
        (_rows([(math.nan, 1, True)]), "finite numbers alone"),
        (_rows([(0.1, 1, 0.5)]), "more than True and False"),
        (_rows([(0.1, None, True)]), "no row carries 'seed'"),
        (_rows((i / 7, 1, True) for i in range(1001)), "1001 different coefficients; a sweep has at most 1000"),
        ([CycleResult(0, True, {"c": 1, "bad": True}), CycleResult(1, True, {"seed": 1})], "all three columns"),
    ],
)
def test_a_run_that_does_not_allow_it_gives_a_reason_and_no_number(rows, said, capfd):
    row = kernel_coupling(**NAMES).compute(rows, [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert said in row.detail["reason"]
    assert capfd.readouterr() == ("", "")


def test_a_repetition_may_be_named_by_anything():
    rows = _rows([(0.1, "a", True), (0.1, 1, False), (0.1, 2.5, False), (0.1, [1.0, 2.0, 3.0], False)])
    assert kernel_coupling(**NAMES).compute(rows, []).detail["rates"][0]["n"] == 4


def test_a_declaration_that_cannot_be_honoured_is_refused():
    with pytest.raises(ClaimError, match="repetition is ''"):
        kernel_coupling(**{**NAMES, "repetition": ""})
    with pytest.raises(ClaimError, match="persist_threshold is 2"):
        kernel_coupling(**NAMES, persist_threshold=2)


def test_the_registered_pillar_says_how_to_declare_one():
    row = PILLAR.compute(_rows([(0.1, 1, True)]), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "kernel_coupling(coefficient=" in row.detail["reason"]
    assert isinstance(PILLAR, Pillar)
    assert PILLAR.columns == ()
    assert kernel_coupling(**NAMES).columns == ("c", "seed", "bad")
