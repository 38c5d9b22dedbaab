# SPDX-License-Identifier: Apache-2.0
"""The pillar M.mixed_effects over a run."""

from __future__ import annotations

import subprocess
import sys
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.observations import Cycles, Table
from ophamin.measuring.pillars.effects import FormulaError, MixedEffects, mixed
from ophamin.measuring.pillars.effects.mixed import PILLAR
from ophamin.protocols import Pillar


def run(seed=0, groups=6, rows=5):
    rng = np.random.default_rng(seed)
    users = np.repeat([f"u{at}" for at in range(groups)], rows).tolist()
    arms = [("new" if int(user[1:]) % 2 else "old") for user in users]
    lift = dict(zip(dict.fromkeys(users), rng.normal(size=groups), strict=True))
    phi = [0.4 * (arm == "new") + 0.6 * lift[user] + rng.normal() for user, arm in zip(users, arms, strict=True)]
    return {"phi": phi, "arm": arms, "user": users, "dose": rng.normal(size=len(phi)).tolist()}


def test_it_is_a_pillar_that_names_its_library_and_its_columns():
    pillar = mixed("t2.phi ~ arm * dose", groups="user", random="dose")
    assert isinstance(pillar, Pillar)
    assert (pillar.pillar_name, pillar.library) == ("M.mixed_effects", "statsmodels")
    assert pillar.columns == ("t2.phi", "arm", "dose", "user")
    assert pillar == mixed("t2.phi ~ arm * dose", groups="user", random="dose")
    assert hash(pillar)


def test_the_registered_form_says_how_to_configure_it(cycles_of):
    row = PILLAR.compute(cycles_of(run()), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "configure it: mixed('phi ~ arm', groups='user')" in row.detail["reason"]
    assert PILLAR.columns == ()
    assert MixedEffects() == PILLAR


def test_the_row_is_the_coefficient_with_its_interval_and_the_model(cycles_of):
    columns = run()
    row = mixed("phi ~ arm", groups="user").compute(cycles_of(columns), [])
    result = mixed("phi ~ arm", groups="user").fit(columns)
    one = result.coefficient("arm[T.old]")
    assert row.statistic_name == "coefficient of arm[T.old]"
    assert (row.statistic_value, row.ci_low, row.ci_high, row.p_value) == (one.estimate, one.low, one.high, one.p)
    assert row.cross_check == "passed"
    assert row.effect_size == pytest.approx(one.estimate / np.sqrt(result.var_between + result.var_within))
    assert row.detail["coefficients"][1]["df"] == 4
    assert row.detail["converged"] is True
    assert row.detail["few_groups"].startswith("6 groups")
    assert row.library_version.count(".") >= 1


def test_a_row_of_the_table_and_a_list_of_cycles_give_the_same(cycles_of):
    columns = run(3)
    n = len(columns["phi"])
    table = Table(n, dict(columns), {}, array("d", [0.1]) * n, array("b", [1]) * n, [""] * n)
    pillar = mixed("phi ~ arm + dose", groups="user", term="dose")
    assert pillar.compute(Cycles(table), []) == pillar.compute(cycles_of(columns), [])


def test_rows_that_lack_a_value_or_could_not_be_measured_are_left_out_and_counted(cycles_of):
    columns = run(1)
    whole = cycles_of(columns)
    broken = [*whole, CycleResult(90, True, {"phi": 9.0, "arm": "new"}), CycleResult(91, False, {}, error="crashed")]
    pillar = mixed("phi ~ arm", groups="user")
    row, other = pillar.compute(whole, []), pillar.compute(broken, [])
    assert (row.statistic_value, row.detail["left_out"]) == (other.statistic_value, 0)
    assert other.detail["left_out"] == 2


@pytest.mark.parametrize(
    ("pillar", "reason"),
    [
        (mixed("phi ~ arn", groups="user"), "no row carries 'arn'; did you mean 'arm'?"),
        (mixed("phi ~ arm", groups="usr"), "no row carries 'usr'; did you mean 'user'?"),
        (mixed("arm ~ phi", groups="user"), "'arm' holds"),
        (mixed("phi ~ dose", groups="user", random="arm"), "'arm' holds"),
        (mixed("phi ~ arm", groups="user", term="arm[T.new]"), "did you mean 'arm[T.old]'"),
        (mixed("phi ~ arm", groups="arm"), "leave 0 degrees of freedom"),
        (mixed("phi ~ user", groups="user"), "leave 0 degrees of freedom"),
    ],
)
def test_a_run_that_does_not_allow_it_gives_a_skipped_row_with_the_reason(pillar, reason, cycles_of):
    row = pillar.compute(cycles_of(run()), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert reason in row.detail["reason"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("phi ~ f(arm)", "user"), FormulaError),
        (("phi ~ arm", "user name"), FormulaError),
        (("phi ~ arm", ""), ClaimError),
    ],
)
def test_a_model_that_cannot_be_meant_is_an_error_where_it_is_written(arguments, error):
    with pytest.raises(error):
        mixed(*arguments)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, "0.95", None, True, float("nan")])
def test_a_confidence_lies_between_0_and_1(confidence):
    with pytest.raises(ClaimError, match="the confidence is"):
        mixed("phi ~ arm", groups="user", confidence=confidence)


def test_a_wider_confidence_gives_a_wider_interval(cycles_of):
    cycles = cycles_of(run())
    narrow = mixed("phi ~ arm", groups="user", confidence=0.5).compute(cycles, [])
    wide = mixed("phi ~ arm", groups="user", confidence=0.99).compute(cycles, [])
    assert wide.ci_low < narrow.ci_low < narrow.statistic_value < narrow.ci_high < wide.ci_high


def test_what_the_library_warns_of_is_in_the_detail_and_nothing_is_printed(cycles_of, capfd):
    rng = np.random.default_rng(8)
    users = np.repeat(np.arange(20), 30).tolist()
    small = 0.03 * rng.normal(size=20)[users] + rng.normal(size=600)
    row = mixed("phi ~ 1", groups="user").compute(cycles_of({"phi": small.tolist(), "user": users}), [])
    assert row.cross_check == "passed"
    assert 0.0 < row.detail["icc"] < 0.01
    assert row.detail["fit_warnings"] == ["The MLE may be on the boundary of the parameter space."]
    assert capfd.readouterr() == ("", "")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(-1e9, 1e9), st.integers(-3, 3), st.none(), st.just("x")),
            st.sampled_from(["a", "b", None, 1]),
            st.sampled_from(["u", "v", "w", 3, None]),
        ),
        max_size=12,
    )
)
def test_any_rows_give_a_row_of_evidence(rows):
    cycles = [CycleResult(at, True, {"phi": phi, "arm": arm, "user": user}) for at, (phi, arm, user) in enumerate(rows)]
    row = mixed("phi ~ arm", groups="user").compute(cycles, [])
    assert row.statistic_value is None or row.cross_check in {"passed", "failed"}
    if row.statistic_value is None:
        assert row.detail["reason"]


def test_making_a_pillar_imports_no_numerical_library():
    code = (
        "import sys; from ophamin.measuring.pillars.effects import mixed, mea, cohen_d;"
        "mixed('phi ~ arm', groups='user'); mea('phi', 'a', 'b');"
        "print([name for name in ('numpy', 'scipy', 'pandas', 'statsmodels') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
