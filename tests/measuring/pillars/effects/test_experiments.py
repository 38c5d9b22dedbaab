# SPDX-License-Identifier: Apache-2.0
"""Overlapping experiments: published tables, other libraries, and designs that allow no test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects import MultiExperimentAnalysis
from ophamin.measuring.pillars.effects.interaction import f_tail

# Moore and Krupat (1971), as carData::Moore: partner's status, conformity, category of authoritarianism.
MOORE = (
    "low 8 low,low 4 high,low 8 high,low 7 low,low 10 low,low 6 low,low 12 medium,low 4 medium,low 13 low,low 12 low,"
    "low 4 medium,low 13 high,low 7 low,low 9 medium,low 9 high,low 24 high,low 6 low,low 7 high,low 23 high,"
    "low 13 high,low 8 low,low 12 low,high 19 high,high 12 medium,high 21 low,high 9 high,high 23 low,high 7 high,"
    "high 17 medium,high 14 medium,high 11 high,high 16 medium,high 15 low,high 20 medium,high 8 medium,high 12 low,"
    "high 14 high,high 14 medium,high 17 medium,high 7 medium,high 17 medium,high 13 high,high 16 low,high 10 high,"
    "high 15 medium"
)


@pytest.fixture(scope="module")
def moore():
    status, conformity, category = zip(*(row.split() for row in MOORE.split(",")), strict=True)
    return MultiExperimentAnalysis({"fcategory": category, "partner": status}, [float(one) for one in conformity])


@pytest.fixture(scope="module")
def teeth(tooth_growth):
    return MultiExperimentAnalysis({name: tooth_growth[name] for name in ("supp", "dose")}, tooth_growth["len"])


def test_tooth_growth_has_the_published_analysis_of_variance(teeth):
    # R, anova(lm(len ~ supp * factor(dose), ToothGrowth)); balanced, so that all types agree.
    for typ in (2, 3):
        table = teeth.interaction_test("supp", "dose", typ=typ)
        assert [round(one.f, 3) for one in table.tests] == [15.572, 92.000, 4.107]
        assert [round(one.sum_of_squares, 2) for one in table.tests] == [205.35, 2426.43, 108.32]
        assert round(table.tests[0].p, 7) == 0.0002312
        assert round(table.interaction.p, 7) == 0.0218603
        assert round(table.residual_sum_of_squares, 2) == 712.11
        assert ([one.df for one in table.tests], table.residual_df) == ([1, 2, 2], 54)
        assert [one.term for one in table.tests] == ["supp", "dose", "supp:dose"]
        assert table.interaction.partial_eta_squared == pytest.approx(108.319 / (108.319 + 712.106), abs=1e-6)
        assert table.cross_check == "passed"


@pytest.mark.parametrize(
    ("typ", "squares", "fs", "ps"),
    [
        # Fox and Weisberg, An R Companion to Applied Regression: Anova() of an unbalanced table, types II and III.
        (2, [11.61, 212.21, 175.49], [0.2770, 10.1207, 4.1846], [0.759564, 0.002874, 0.022572]),
        (3, [36.02, 239.56, 175.49], [0.8589, 11.4250, 4.1846], [0.431492, 0.001657, 0.022572]),
    ],
)
def test_an_unbalanced_table_has_the_published_sums_of_squares_of_both_types(moore, typ, squares, fs, ps):
    table = moore.interaction_test("fcategory", "partner", typ=typ)
    assert [round(one.sum_of_squares, 2) for one in table.tests] == squares
    assert [round(one.f, 4) for one in table.tests] == fs
    assert [round(one.p, 6) for one in table.tests] == ps
    assert (round(table.residual_sum_of_squares, 2), table.residual_df) == (817.76, 39)
    assert table.cross_check == "passed"


def test_the_marginal_effect_is_the_published_welch_test(teeth):
    # R, t.test(len ~ supp, ToothGrowth): t = 1.9153, df = 55.309, p-value = 0.06063, -0.1710156 to 7.5710156.
    one = teeth.marginal_effect("supp", treated="OJ", control="VC")
    assert (round(one.t, 4), round(one.df, 3), round(one.p, 5)) == (1.9153, 55.309, 0.06063)
    assert (round(one.low, 7), round(one.high, 7)) == (-0.1710156, 7.5710156)
    assert (one.n_treated, one.n_control, one.effect) == (30, 30, pytest.approx(3.7))
    other = teeth.marginal_effect("supp")
    assert (other.treated, other.control, other.effect) == ("VC", "OJ", pytest.approx(-one.effect))


def test_a_conditional_effect_is_the_welch_test_of_the_rows_that_are_left(teeth, tooth_growth):
    one = teeth.conditional_effect("supp", {"dose": 0.5}, treated="OJ", control="VC")
    oj, vc = tooth_growth["len"][30:40], tooth_growth["len"][:10]
    welch = stats.ttest_ind(oj, vc, equal_var=False)
    assert (one.t, one.p, one.df) == pytest.approx((welch.statistic, welch.pvalue, welch.df), rel=1e-10)
    assert (one.low, one.high) == pytest.approx(tuple(welch.confidence_interval()), rel=1e-10)
    assert f"{one.p:.6f}" == "0.006359"  # R, t.test() at dose 0.5


def test_the_joint_estimate_is_one_additive_model(teeth):
    # R, summary(lm(len ~ supp + factor(dose), ToothGrowth)), with OJ and 0.5 as the first arms.
    told = {one.name: (round(one.estimate, 3), round(one.se, 4)) for one in teeth.joint_estimate()}
    assert told == {
        "Intercept": (12.455, 0.9883),
        "supp[T.VC]": (-3.7, 0.9883),
        "dose[T.1.0]": (9.13, 1.2104),
        "dose[T.2.0]": (15.495, 1.2104),
    }
    assert {one.df for one in teeth.joint_estimate()} == {56}


tables = st.integers(0, 10**9).map(np.random.default_rng)


@settings(max_examples=25, deadline=None)
@given(tables, st.sampled_from([2, 3]), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_the_table_does_not_depend_on_units_origin_or_order(rng, typ, scale, shift):
    a, b = rng.integers(0, 2, 40), rng.integers(0, 3, 40)
    y = rng.normal(size=40) + a * b
    assume(len(set(zip(a.tolist(), b.tolist(), strict=True))) == 6)
    assume(min(np.bincount(a).min(), np.bincount(b).min()) >= 2)
    order = rng.permutation(40)
    plain = MultiExperimentAnalysis({"a": a.tolist(), "b": b.tolist()}, y.tolist())
    moved = MultiExperimentAnalysis(
        {"a": a[order].tolist(), "b": b[order].tolist()}, (scale * (y[order] + shift)).tolist()
    )
    one, other = (analysis.interaction_test("a", "b", typ=typ) for analysis in (plain, moved))
    assert one.cross_check == other.cross_check == "passed"
    close = 1e-9 + 1e-14 * abs(shift)
    assert [line.f for line in one.tests] == pytest.approx([line.f for line in other.tests], rel=1e6 * close, abs=close)
    swapped = plain.interaction_test("b", "a", typ=typ)
    assert [line.f for line in swapped.tests] == pytest.approx(
        [one.tests[at].f for at in (1, 0, 2)], rel=1e-9, abs=1e-12
    )
    first, second = plain.marginal_effect("a"), moved.marginal_effect("a")
    assert second.t == pytest.approx(first.t, rel=1e6 * close, abs=1e6 * close)
    assert second.effect == pytest.approx(scale * first.effect, rel=1e-6, abs=1e-9 * scale * (1 + abs(shift)))


@given(st.floats(0, 500), st.integers(1, 30), st.integers(1, 500))
def test_the_tail_of_f_is_that_of_scipy(f, df, residual_df):
    assert f_tail(f, df, residual_df) == pytest.approx(stats.f.sf(f, df, residual_df), rel=1e-9, abs=1e-300)


def balanced(n=8):
    return {"a": ["x", "y"] * (n // 2), "b": (["p"] * 2 + ["q"] * 2) * (n // 4)}


@pytest.mark.parametrize(
    ("assignments", "outcome", "reason"),
    [
        ({"a": ["x", "y", "x"]}, [1, 2, 3], "3 units; the analysis takes 4 or more"),
        ({"a": ["x", "y", "x"]}, [1, 2, 3, 4], "'a' has 3 assignments for 4 outcomes"),
        ({"a": ["x"] * 4}, [1, 2, 3, 4], "every unit is in the arm 'x' of 'a'"),
        ({"a": ["x", "x", "x", "y"]}, [1, 2, 3, 4], "the arm 'y' of 'a' has 1 unit"),
        ({"a": ["x", "x", "y", 1]}, [1, 2, 3, 4], "texts and numbers together"),
        ({"a": ["x", "x", "y", "y"]}, [1, 2, 3, float("nan")], "'outcome' holds 'nan'"),
    ],
)
def test_assignments_that_are_no_experiment_are_refused(assignments, outcome, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        MultiExperimentAnalysis(assignments, outcome)
    assert isinstance(caught.value, NotComputableError)


def test_a_saturated_design_is_refused():
    saturated = MultiExperimentAnalysis({"a": list("xxyy"), "b": list("pqpq")}, [1, 2, 3, 5])
    with pytest.raises(ValueError, match="the design is saturated: 4 rows for 4 cells"):
        saturated.interaction_test("a", "b")
    three = {"a": list("xxyy"), "b": list("pqpq"), "c": list("mnnm")}
    with pytest.raises(ValueError, match="the design is saturated: 4 units for 4 coefficients"):
        MultiExperimentAnalysis(three, [1, 2, 3, 5]).joint_estimate()


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda one: one.interaction_test("a", "c"), "no experiment is named 'c'; did you mean"),
        (lambda one: one.interaction_test("a", "a"), "does not interact with itself"),
        (lambda one: one.interaction_test("a", "b", typ=1), "it is 2 or 3"),
        (lambda one: one.marginal_effect("a", treated="z"), "'a' has no arm 'z'"),
        (lambda one: one.marginal_effect("a", treated="x", control="x"), "compared with itself"),
        (lambda one: one.conditional_effect("a", {"b": "r"}), "'b' has no arm 'r'"),
        (lambda one: one.arms("c"), "no experiment is named 'c'"),
    ],
)
def test_a_question_about_what_is_not_there_names_what_is(ask, reason):
    with pytest.raises(NotComputableError) as caught:
        ask(MultiExperimentAnalysis(balanced(), range(8)))
    assert reason in str(caught.value).replace("Known", "did you mean", 1) or reason in str(caught.value)


def test_more_than_two_arms_have_to_be_named(teeth):
    with pytest.raises(NotComputableError, match="'dose' has 3 arms; name two of them"):
        teeth.marginal_effect("dose")
    assert teeth.marginal_effect("dose", treated=2.0, control=0.5).effect == pytest.approx(15.495)


def test_cells_without_rows_or_noise_allow_no_test():
    empty = MultiExperimentAnalysis({"a": list("xxxxyyy"), "b": list("ppqqppp")}, range(7))
    with pytest.raises(NotComputableError, match=r"no row has a = 'y' and b = 'q'"):
        empty.interaction_test("a", "b")
    flat = MultiExperimentAnalysis(balanced(), [1, 2, 3, 4] * 2)
    with pytest.raises(NotComputableError, match="does not vary within any cell"):
        flat.interaction_test("a", "b")
    with pytest.raises(NotComputableError, match="the arms fit every unit exactly"):
        flat.joint_estimate()
    with pytest.raises(NotComputableError, match="does not vary within the arms of 'a'"):
        MultiExperimentAnalysis(balanced(), [1, 2] * 4).marginal_effect("a")


def test_arms_that_always_go_together_cannot_be_told_apart():
    together = MultiExperimentAnalysis({"a": ["x", "y"] * 4, "b": ["p", "q"] * 4}, range(8))
    with pytest.raises(NotComputableError, match="always go together"):
        together.joint_estimate()
    with pytest.raises(NotComputableError, match="the arm 'y' of 'a' has 0 units there"):
        together.conditional_effect("a", {"b": "p"})


def test_a_table_that_differs_fails_the_cross_check_with_both_numbers(monkeypatch, teeth):
    import statsmodels.stats.anova as anova

    real = anova.anova_lm

    def off(*arguments, **options):
        table = real(*arguments, **options)
        table["F"] *= 1.0 + 1e-6
        return table

    monkeypatch.setattr(anova, "anova_lm", off)
    table = teeth.interaction_test("supp", "dose")
    assert table.cross_check == "failed"
    assert table.checks["differ"]["F supp:dose"] == pytest.approx([4.106991094 * (1 + 1e-6), 4.106991094], rel=1e-9)


def test_the_smallest_analysis_has_four_units():
    one = MultiExperimentAnalysis({"a": list("xxyy")}, [1, 2, 3, 5]).marginal_effect("a")
    assert (one.effect, one.n_treated) == (2.5, 2)
