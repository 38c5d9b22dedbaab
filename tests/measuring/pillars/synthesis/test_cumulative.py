# SPDX-License-Identifier: Apache-2.0
"""The pillar I.cma over a run."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.effects import FormulaError
from ophamin.measuring.pillars.synthesis import CumulativeMetaAnalysis, cumulative, heterogeneity, pool
from ophamin.measuring.pillars.synthesis.cumulative import MAX_PATH, PILLAR
from ophamin.protocols import Pillar


def run(seed=0, groups=6, rows=10):
    rng = np.random.default_rng(seed)
    seeds = np.repeat([f"s{at}" for at in range(groups)], rows).tolist()
    lift = dict(zip(dict.fromkeys(seeds), 0.5 * rng.normal(size=groups), strict=True))
    arms = (["off", "on"] * (groups * rows))[: len(seeds)]
    phi = [3.0 + lift[one] + 0.8 * (arm == "on") + rng.normal() for one, arm in zip(seeds, arms, strict=True)]
    return {"phi": phi, "seed": seeds, "arm": arms}


def by_hand(columns, key="phi"):
    groups = {}
    for value, group in zip(columns[key], columns["seed"], strict=True):
        groups.setdefault(group, []).append(value)
    return [float(np.mean(g)) for g in groups.values()], [float(np.var(g, ddof=1)) / len(g) for g in groups.values()]


def test_it_is_a_pillar_that_names_its_library_and_its_columns():
    pillar = cumulative("phi", by="seed", contrast="arm")
    assert isinstance(pillar, Pillar)
    assert (pillar.pillar_name, pillar.library, pillar.columns) == ("I.cma", "statsmodels", ("phi", "seed", "arm"))
    assert hash(pillar) == hash(cumulative("phi", by="seed", contrast="arm"))


def test_the_registered_form_says_how_to_configure_it():
    row = PILLAR.compute([], [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "configure it: cumulative('phi', by='release')" in row.detail["reason"]


@pytest.mark.parametrize("method", ["reml", "dl", "pm", "fixed"])
def test_the_row_is_the_pooled_mean_of_the_groups(method, cycles_of, capfd):
    columns = run()
    row = cumulative("phi", by="seed", method=method).compute(cycles_of(columns), [])
    one = pool(*by_hand(columns), method=method)
    assert row.statistic_name == "pooled mean of phi"
    assert (row.statistic_value, row.ci_low, row.ci_high) == pytest.approx((one.estimate, one.low, one.high), rel=1e-9)
    assert (row.cross_check, row.p_value) == ("passed", None)
    assert row.detail["tau2"] == pytest.approx(one.tau2, rel=1e-9)
    assert [study["label"] for study in row.detail["studies"][:6]] == ["s0", "s1", "s2", "s3", "s4", "s5"]
    assert [step["k"] for step in row.detail["path"]] == [1, 2, 3, 4, 5, 6]
    assert len(row.detail["leave_one_out"]) == 6
    assert "first_significant_k" not in row.detail
    assert capfd.readouterr() == ("", "")


def test_a_level_is_not_tested_against_0_unless_that_is_asked(cycles_of):
    cycles = cycles_of(run())
    row = cumulative("phi", by="seed", null=3.0).compute(cycles, [])
    assert row.p_value == pytest.approx(pool(*by_hand(run())).p_value(3.0), rel=1e-7)
    analysis = CumulativeMetaAnalysis()
    for effect, variance in zip(*by_hand(run()), strict=True):
        analysis.add(effect, variance)
    assert row.detail["first_significant_k"]["k"] == analysis.first_significant_k(3.0)
    assert "no test" in row.detail["first_significant_k"]["meaning"]


def test_a_contrast_is_pooled_within_groups_and_tested_against_0(cycles_of):
    columns = run()
    row = cumulative("phi", by="seed", contrast="arm").compute(cycles_of(columns), [])
    effects, variances = [], []
    for at in range(6):
        rows = slice(10 * at, 10 * at + 10)
        off, on = (
            [v for v, arm in zip(columns["phi"][rows], columns["arm"][rows], strict=True) if arm == name]
            for name in ("off", "on")
        )
        effects.append(np.mean(on) - np.mean(off))
        variances.append(np.var(on, ddof=1) / len(on) + np.var(off, ddof=1) / len(off))
    one = pool(effects, variances)
    assert row.statistic_name == "pooled difference of phi"
    assert (row.statistic_value, row.ci_low, row.p_value) == pytest.approx(
        (one.estimate, one.low, one.p_value(0.0)), rel=1e-8
    )
    assert row.detail["null"] == 0.0


def test_the_order_of_rows_within_groups_does_not_matter(cycles_of):
    columns = run(4)
    order = np.random.default_rng(1).permutation(len(columns["phi"]))
    moved = {name: [values[at] for at in order] for name, values in columns.items()}
    one, other = (cumulative("phi", by="seed").compute(cycles_of(these), []) for these in (columns, moved))
    assert (one.statistic_value, one.ci_low) == pytest.approx((other.statistic_value, other.ci_low), rel=1e-9)


def test_tau_squared_that_was_put_to_0_is_said(cycles_of):
    rng = np.random.default_rng(3)
    values = [[m - 1, m + 1] * 20 for m in (2.0, 2.01, 1.99)]
    columns = {
        "phi": [value for group in values for value in group],
        "seed": [f"s{at}" for at in range(3) for _ in range(40)],
    }
    columns["phi"] = [value + 1e-3 * rng.normal() for value in columns["phi"]]
    row = cumulative("phi", by="seed").compute(cycles_of(columns), [])
    assert (row.detail["tau2"], row.detail["floored"]) == (0.0, True)
    assert "put to 0" in row.detail["tau2_note"]
    assert row.detail["hksj_scale"] < 1.0
    assert "agree better" in row.detail["hksj_note"]


def test_groups_with_one_row_are_left_out_and_named(cycles_of):
    columns = run()
    columns = {"phi": [*columns["phi"], 99.0], "seed": [*columns["seed"], "lonely"]}
    row = cumulative("phi", by="seed").compute(cycles_of(columns), [])
    assert row.detail["groups_left_out"] == ["lonely"]
    assert row.statistic_value == pytest.approx(pool(*by_hand(run())).estimate, rel=1e-9)


def test_tau_squared_that_was_kept_is_said(cycles_of):
    row = cumulative("phi", by="seed", tau2_fixed_after=3).compute(cycles_of(run()), [])
    assert "fixed after fewer studies" in row.detail["tau2_note"]
    assert row.detail["tau2"] == row.detail["path"][2]["tau2"]
    assert row.cross_check == "passed"


def test_of_very_many_groups_the_result_alone_is_told(cycles_of):
    columns = run(groups=MAX_PATH + 1, rows=2)
    row = cumulative("phi", by="seed", tau2_fixed_after=10).compute(cycles_of(columns), [])
    effects, variances = by_hand(columns)
    first = pool(effects[:10], variances[:10]).tau2
    assert row.detail["tau2"] == pytest.approx(first)
    assert row.detail["path"] == f"not told: more than {MAX_PATH} groups"
    assert "studies" not in row.detail
    assert row.detail["k"] == MAX_PATH + 1


@pytest.mark.parametrize(
    ("pillar", "reason"),
    [
        (cumulative("phy", by="seed"), "no row carries 'phy'; did you mean 'phi'?"),
        (cumulative("seed", by="arm"), "'seed' holds 's0'"),
        (cumulative("phi", by="phi"), "none of 60 groups has two rows"),
        (cumulative("phi", by="one"), "'same' is the one group with two rows"),
        (cumulative("flat", by="seed"), "the group 's0' does not vary"),
        (cumulative("phi", by="seed", contrast="seed"), "6 arms; a difference has two"),
        (cumulative("phi", by="arm", contrast="arm"), "none of 2 groups has two rows in each arm"),
        (cumulative("phi", by="seed", contrast="mixed"), "texts and numbers together"),
    ],
)
def test_a_run_that_does_not_allow_it_gives_a_skipped_row_with_the_reason(pillar, reason, cycles_of):
    n = 60
    columns = {**run(), "one": ["same"] * n, "flat": [1.0] * n, "mixed": ["a", 1] * (n // 2)}
    row = pillar.compute(cycles_of(columns), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert reason in row.detail["reason"]


def test_groups_that_agree_to_the_last_digit_have_an_estimate_without_an_interval(cycles_of):
    columns = {"phi": [1.0, 3.0, 1.0, 3.0, 0.0, 4.0], "seed": list("aabbcc")}
    row = cumulative("phi", by="seed").compute(cycles_of(columns), [])
    assert (row.statistic_value, row.ci_low, row.ci_high) == (2.0, None, None)
    assert "agree to the last digit" in row.detail["reason"]


def test_an_estimate_that_differs_fails_the_cross_check_with_both_numbers(cycles_of, monkeypatch):
    real = heterogeneity._restricted
    monkeypatch.setattr(
        heterogeneity, "_restricted", lambda y, v: real(y, v)._replace(value=real(y, v).value * (1 + 1e-6))
    )
    row = cumulative("phi", by="seed").compute(cycles_of(run(1)), [])
    assert row.detail["tau2"] > 0.0
    assert row.cross_check == "failed"
    again, ours = row.detail["cross_check"]["differ"]["tau squared"]
    assert ours == pytest.approx(again * (1 + 1e-6), rel=1e-8)


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("phi", ""), {}, ClaimError),
        (("phi", "seed"), {"method": "bayes"}, ClaimError),
        (("phi", "seed"), {"confidence": 0}, ClaimError),
        (("phi", "seed"), {"tau2_fixed_after": 0}, ClaimError),
        (("p h i", "seed"), {}, FormulaError),
        (("phi", "seed"), {"contrast": "a b"}, FormulaError),
    ],
)
def test_a_synthesis_that_cannot_be_meant_is_an_error_where_it_is_written(arguments, options, error):
    with pytest.raises(error):
        cumulative(*arguments, **options)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(allow_nan=False), st.integers(), st.none(), st.just("x")),
            st.sampled_from(["u", "v", "w", 3, None]),
        ),
        max_size=14,
    ),
    st.sampled_from(["reml", "dl", "pm", "fixed"]),
)
def test_any_rows_give_a_row_of_evidence(rows, method):
    cycles = [CycleResult(at, True, {"phi": phi, "seed": seed}) for at, (phi, seed) in enumerate(rows)]
    row = cumulative("phi", by="seed", method=method).compute(cycles, [])
    if row.statistic_value is None:
        assert row.detail["reason"]
    else:
        assert row.cross_check in {"passed", "failed"}


def test_making_a_pillar_imports_no_numerical_library():
    code = (
        "import sys; from ophamin.measuring.pillars.synthesis import CumulativeMetaAnalysis, cumulative;"
        "cumulative('phi', by='seed'); CumulativeMetaAnalysis();"
        "print([name for name in ('numpy', 'scipy', 'pandas', 'statsmodels') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
