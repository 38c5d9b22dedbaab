# SPDX-License-Identifier: Apache-2.0
"""The mixed model against published fits, a dense second implementation, and data that do not allow it."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects import RandomInterceptModel, center_and_scale, mixed
from ophamin.measuring.pillars.effects.design import Codes, Design
from ophamin.measuring.pillars.effects.mixed_fit import fit_mixed


def table(seed, groups=8, rows=6, *, spread=0.7, slope=0.5):
    """Unbalanced rows in groups, with a column that varies within them and one that varies between."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), rng.integers(rows - 2, rows + 3, groups))
    x, arm = rng.normal(size=len(g)), (g % 2).astype(float)
    y = 1.0 + slope * x + 0.3 * arm + spread * rng.normal(size=groups)[g] + rng.normal(size=len(g))
    return {"y": y.tolist(), "x": x.tolist(), "arm": ["ab"[int(one)] for one in arm], "g": g.tolist()}


def numbers(result):
    """The estimates of a fit, for comparing two fits."""
    return np.array([
        *(part for one in result.coefficients for part in (one.estimate, one.se, one.p)),
        *np.ravel(result.random_covariance),
        result.residual_variance,
        result.icc,
    ])  # fmt: skip


def test_the_sleep_study_comes_out_as_lme4_published_it(sleepstudy):
    result = mixed("Reaction ~ Days", groups="Subject", random="Days").fit(sleepstudy)
    intercept, days = result.coefficients
    # lme4 reference page of lmer and its tests: fixed effects to 1e-13, printed errors and variances, REML criterion.
    assert intercept.estimate == pytest.approx(251.405104848485, abs=1e-9)
    assert days.estimate == pytest.approx(10.467285959595, abs=1e-9)
    assert (round(intercept.se, 3), round(days.se, 3)) == (6.825, 1.546)
    # The optimum is 612.0899; lme4 printed 612.09 with one optimizer and 612.10 with another.
    assert result.random_covariance[0][0] == pytest.approx(612.095, abs=0.0051)
    assert round(result.random_covariance[1][1], 2) == 35.07
    assert round(result.residual_variance, 2) == 654.94
    assert result.random_covariance[0][1] / math.sqrt(612.0899 * 35.0717) == pytest.approx(0.066, abs=5e-4)
    assert result.criterion == pytest.approx(1743.6282722424, abs=5e-6)
    assert result.criterion <= 1743.6282722424
    # lmerTest, summary(): t and degrees of freedom of Satterthwaite, which the balanced design makes exact.
    assert (round(intercept.t, 3), round(days.t, 3), intercept.df, days.df) == (36.838, 6.771, 17, 17)
    assert f"{days.p:.2e}" == "3.26e-06"
    assert (result.method, result.n, result.n_groups, result.group_sizes) == ("REML", 180, 18, (10, 10))
    assert (result.cross_check, result.singular, result.warnings) == ("passed", False, ())


def test_the_sleep_study_by_maximum_likelihood(sleepstudy):
    result = mixed("Reaction ~ Days", groups="Subject", random="Days", reml=False).fit(sleepstudy)
    # lme4 tests: AIC 1763.94 with 6 parameters; statsmodels: 1751.939344.
    assert result.criterion == pytest.approx(1751.939344, abs=1e-6)
    assert round(result.criterion + 12, 2) == 1763.94
    assert (result.method, result.cross_check) == ("ML", "passed")


def test_dyestuff_comes_out_as_lme4_published_it(dyestuff):
    result = mixed("yield_ ~ 1", groups="batch").fit(dyestuff)
    # lme4 reference page, lmer(Yield ~ 1 + (1 | Batch), Dyestuff).
    assert result.coefficients[0].estimate == pytest.approx(1527.5, abs=1e-9)
    assert round(math.sqrt(result.var_between), 2) == 42.00
    assert round(math.sqrt(result.var_within), 2) == 49.51
    assert round(result.criterion, 4) == 319.6543
    # Balanced, so that REML is the analysis of variance: (MSB - MSW) / 5 and MSW.
    y = np.array(dyestuff["yield_"], dtype=float).reshape(6, 5)
    within = float(((y - y.mean(axis=1, keepdims=True)) ** 2).sum() / 24)
    between = float(5 * y.mean(axis=1).var(ddof=1))
    assert result.var_within == pytest.approx(within, rel=1e-6)
    assert result.var_between == pytest.approx((between - within) / 5, rel=1e-6)
    assert result.icc == pytest.approx((between - within) / (between + 4 * within), rel=1e-6)
    ml = mixed("yield_ ~ 1", groups="batch", reml=False).fit(dyestuff)
    assert round(ml.criterion, 5) == 327.32706  # lme4, REML = FALSE


def test_a_variance_of_zero_is_a_fit_and_is_said():
    # lme4::Dyestuff2 (Box and Tiao 1973): REML criterion 161.8283, mean 5.6656, no variance between batches, 3.715684.
    y = [7.298, 3.846, 2.434, 9.566, 7.990, 5.220, 6.556, 0.608, 11.788, -0.892, 0.110, 10.386, 13.434, 5.510, 8.166]
    y += [2.212, 4.852, 7.092, 9.288, 4.980, 0.282, 9.014, 4.458, 9.446, 7.198, 1.722, 4.782, 8.106, 0.758, 3.758]
    columns = {"y": y, "batch": [at // 5 for at in range(30)]}
    result = mixed("y ~ 1", groups="batch").fit(columns)
    assert (result.singular, result.var_between, result.icc) == (True, 0.0, 0.0)
    assert round(result.coefficients[0].estimate, 4) == 5.6656
    assert round(math.sqrt(result.var_within), 6) == 3.715684
    assert round(result.criterion, 4) == 161.8283
    ml = mixed("y ~ 1", groups="batch", reml=False).fit(columns)
    assert (round(ml.criterion, 6), ml.cross_check) == (162.873037, "passed")
    assert ml.var_within == pytest.approx(result.var_within * 29 / 30, rel=1e-12)
    assert ml.coefficients[0].se == pytest.approx(math.sqrt(ml.var_within / 30), rel=1e-12)
    assert result.coefficients[0].df == 5


def test_the_rails_come_out_as_pinheiro_and_bates_published_them():
    # Pinheiro and Bates, Mixed-Effects Models in S and S-PLUS (2000), section 1.1: nlme::Rail.
    travel = [55, 53, 54, 26, 37, 32, 78, 91, 85, 92, 100, 96, 49, 51, 50, 80, 85, 83]
    result = mixed("travel ~ 1", groups="rail").fit({"travel": travel, "rail": [at // 3 for at in range(18)]})
    one = result.coefficients[0]
    assert (round(one.estimate, 1), round(one.se, 5), round(one.t, 6)) == (66.5, 10.17104, 6.538173)
    assert math.sqrt(result.var_between) == pytest.approx(24.80547, abs=6e-6)
    assert math.sqrt(result.var_within) == pytest.approx(4.020779, abs=6e-7)
    assert round(result.criterion / -2, 4) == -61.0885


def dense(y, x, z, codes, psi, sigma2, restricted):
    """Coefficients, errors and criterion by the textbook: one covariance matrix for all rows."""
    v = sigma2 * np.eye(len(y)) + (z @ psi @ z.T) * (codes[:, None] == codes)
    inverse = np.linalg.inv(v)
    information = x.T @ inverse @ x
    beta = np.linalg.solve(information, x.T @ inverse @ y)
    rest = y - x @ beta
    p = x.shape[1] if restricted else 0
    criterion = (len(y) - p) * math.log(2 * math.pi) + np.linalg.slogdet(v)[1] + rest @ inverse @ rest
    if restricted:
        criterion += np.linalg.slogdet(information)[1]
    return beta, np.sqrt(np.diag(np.linalg.inv(information))), criterion


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("slope", [True, False])
def test_a_fit_is_generalized_least_squares_at_the_optimum(seed, reml, slope):
    columns = table(seed)
    result = mixed("y ~ x + arm", groups="g", random="x" if slope else None, reml=reml).fit(columns)
    y, x, codes = np.array(columns["y"]), np.array(columns["x"]), np.array(columns["g"])
    fixed = np.column_stack([np.ones(len(y)), [arm == "b" for arm in columns["arm"]], x])
    z = np.column_stack([np.ones(len(y)), x])[:, : 1 + slope]
    psi = np.array(result.random_covariance)
    beta, errors, criterion = dense(y, fixed, z, codes, psi, result.residual_variance, reml)
    assert [one.name for one in result.coefficients] == ["Intercept", "arm[T.b]", "x"]
    assert [one.estimate for one in result.coefficients] == pytest.approx(beta, rel=1e-8, abs=1e-9)
    assert [one.se for one in result.coefficients] == pytest.approx(errors, rel=1e-7)
    assert result.criterion == pytest.approx(criterion, abs=1e-6)
    assert result.cross_check == "passed"
    rng = np.random.default_rng(seed)
    for _ in range(40):  # nothing near is better
        nudge = rng.normal(size=z.shape[1:] * 2) * 0.05
        near = (np.eye(len(psi)) + nudge) @ (psi + 1e-4 * np.eye(len(psi))) @ (np.eye(len(psi)) + nudge).T
        other = dense(y, fixed, z, codes, near, result.residual_variance * math.exp(rng.normal() * 0.05), reml)[2]
        assert other > result.criterion - 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_no_balanced_table_is_refused_because_its_variance_is_near_zero(seed):
    # From its own start the library does not converge on about half of such tables.
    rng = np.random.default_rng(seed)
    for _ in range(10):
        y = rng.normal(size=100)
        result = RandomInterceptModel().fit(y, np.repeat(np.arange(10) % 2, 10), np.repeat(np.arange(10), 10).tolist())
        assert result.cross_check == "passed"
        assert result.singular == (result.var_between == 0.0)


def test_a_covariance_of_rank_one_is_fitted_with_one_random_effect():
    # Intercept and slope vary together, so that their correlation is 1.
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(12), 8), np.tile(np.arange(8.0), 12)
    shared = rng.normal(size=12)[g]
    y = shared * (1.0 + 0.5 * x) + rng.normal(size=96) * 0.05 + x
    result = mixed("y ~ x", groups="g", random="x").fit({"y": y.tolist(), "x": x.tolist(), "g": g.tolist()})
    (a, b), (_, c) = result.random_covariance
    if result.singular:
        assert b / math.sqrt(a * c) == pytest.approx(1.0, abs=1e-9)
    assert b / math.sqrt(a * c) > 0.99
    assert result.cross_check == "passed"


def test_degrees_of_freedom_are_those_of_the_level_at_which_a_column_varies():
    columns = table(1)
    n, groups = len(columns["y"]), len(set(columns["g"]))
    plain = mixed("y ~ x + arm", groups="g").fit(columns)
    assert {one.name: one.df for one in plain.coefficients} == {
        "Intercept": groups - 2, "arm[T.b]": groups - 2, "x": n - groups - 1,
    }  # fmt: skip
    slopes = mixed("y ~ x * arm", groups="g", random="x").fit(columns)
    assert {one.name: one.df for one in slopes.coefficients} == dict.fromkeys(
        ["Intercept", "arm[T.b]", "x", "x:arm[T.b]"], groups - 2
    )


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-6, 1e6), st.floats(-1e4, 1e4), st.booleans())
def test_units_and_the_order_of_rows_do_not_matter(seed, scale, shift, slope):
    columns = table(seed % 1000)
    plain = mixed("y ~ x", groups="g", random="x" if slope else None).fit(columns)
    order = np.random.default_rng(seed).permutation(len(columns["y"]))
    moved = {name: [values[at] for at in order] for name, values in columns.items()}
    assert numbers(mixed("y ~ x", groups="g", random="x" if slope else None).fit(moved)) == pytest.approx(
        numbers(plain), rel=2e-4, abs=1e-5
    )
    scaled = mixed("y ~ x", groups="g", random="x" if slope else None).fit(
        {**columns, "y": [scale * value + shift * scale for value in columns["y"]]}
    )
    slopes = scaled.coefficient("x"), plain.coefficient("x")
    assert slopes[0].estimate == pytest.approx(scale * slopes[1].estimate, rel=1e-5, abs=1e-6 * scale)
    assert slopes[0].p == pytest.approx(slopes[1].p, rel=1e-3)
    assert scaled.icc == pytest.approx(plain.icc, rel=1e-3, abs=1e-5)
    assert scaled.coefficients[0].estimate == pytest.approx(
        scale * (plain.coefficients[0].estimate + shift), rel=1e-5, abs=1e-5 * scale
    )


def test_the_slope_does_not_depend_on_where_its_column_starts():
    columns = table(5)
    plain = mixed("y ~ x", groups="g", random="x").fit(columns)
    moved = mixed("y ~ x", groups="g", random="x").fit({**columns, "x": [1e4 + value for value in columns["x"]]})
    for one, other in ((plain.coefficient("x"), moved.coefficient("x")),):
        assert (one.estimate, one.se) == pytest.approx((other.estimate, other.se), rel=1e-5)
    assert plain.criterion == pytest.approx(moved.criterion, abs=1e-6)
    assert moved.cross_check == "passed"


@pytest.mark.parametrize(
    ("columns", "formula", "reason"),
    [
        ({"y": [1, 2, 3, 4], "g": ["a"] * 4}, "y ~ 1", "1 group; a mixed model compares two or more"),
        ({"y": [1, 2, 3, 4], "g": list("abcd")}, "y ~ 1", "no rows within groups"),
        ({"y": [1], "g": ["a"]}, "y ~ 1", "1 group"),
        ({"y": [2, 2, 2, 2], "g": list("aabb")}, "y ~ 1", "the response is 2.0 in every row"),
        ({"y": [1, 1, 2, 2], "g": list("aabb"), "x": [0, 0, 1, 1]}, "y ~ x", "the fixed effects fit every row"),
        ({"y": [1, 2, 3, 5], "g": list("aabb"), "x": [1, 1, 1, 1]}, "y ~ x", "'x' is a combination of the columns"),
        ({"y": [1, 2, 3, 5], "g": list("aabb"), "x": [0, 0, 0, 0]}, "y ~ 0 + x", "'x' is a combination"),
        (
            {"y": [1, 2, 3, 5, 4, 2], "g": list("aabbcc"), "x": [1, 2, 3, 4, 5, 6], "w": [3, 5, 7, 9, 11, 13]},
            "y ~ x + w",
            "'w' is a combination of the columns before it (Intercept, x)",
        ),
        ({"y": [1, 2, 3], "g": list("aab"), "x": [1, 5, 2], "w": [2, 2, 9]}, "y ~ x + w", "3 rows for 3 coefficients"),
        ({"y": ["1", "2", "3", "4"], "g": list("aabb")}, "y ~ 1", "'y' holds '1'; it takes finite numbers alone"),
        ({"y": [1, 2, 3, 4], "g": [[1], [1], [2], [2]]}, "y ~ 1", "'g' holds lists"),
    ],
)
def test_rows_that_allow_no_model_give_the_reason(columns, formula, reason):
    with pytest.raises(NotComputableError) as caught:
        mixed(formula, groups="g").fit(columns)
    assert reason in str(caught.value)


def test_noise_that_is_gone_within_groups_is_no_result():
    columns = {"y": [1, 1, 2, 2, 7, 7, 3, 3], "g": list("aabbccdd")}
    with pytest.raises(NotComputableError, match="rows of a group do not vary"):
        mixed("y ~ 1", groups="g").fit(columns)


def test_a_fit_that_does_not_converge_is_no_number(monkeypatch):
    from statsmodels.regression.mixed_linear_model import MixedLM

    fit = MixedLM.fit

    def stops_early(self, **options):
        answer = fit(self, **options)
        answer._results.converged = False
        warnings.warn("Gradient optimization failed", UserWarning, stacklevel=2)
        return answer

    monkeypatch.setattr(MixedLM, "fit", stops_early)
    with pytest.raises(NotComputableError, match=r"did not converge \(Gradient optimization failed\); take a simpler"):
        mixed("y ~ x", groups="g").fit(table(0))


def test_a_fit_that_ends_elsewhere_fails_the_cross_check_with_both_numbers(monkeypatch):
    from statsmodels.regression.mixed_linear_model import MixedLM

    fit = MixedLM.fit

    def off(self, **options):
        answer = fit(self, **options)
        answer._results.fe_params = answer._results.fe_params + 1e-6
        return answer

    monkeypatch.setattr(MixedLM, "fit", off)
    result = mixed("y ~ x", groups="g").fit(table(0))
    assert result.cross_check == "failed"
    reported, other = result.checks["differ"]["coefficient 0"]
    assert reported == pytest.approx(other + 1e-6, rel=1e-6)


def test_features_are_taken_as_arrays_with_names_of_their_own():
    columns = table(2)
    x = np.column_stack([columns["x"], [arm == "b" for arm in columns["arm"]]])
    result = RandomInterceptModel(reml=False).fit(np.array(columns["y"]), x, columns["g"], feature_names=["x", "late"])
    same = mixed("y ~ x + arm", groups="g", reml=False).fit(columns)
    assert result.coefficient("late").estimate == pytest.approx(same.coefficient("arm[T.b]").estimate, rel=1e-6)
    plain = RandomInterceptModel().fit(columns["y"], columns["x"], columns["g"], fit_intercept=False)
    assert [one.name for one in plain.coefficients] == ["x0"]
    assert plain.coefficient().name == "x0"


@pytest.mark.parametrize(
    ("y", "x", "g", "names"),
    [
        ([1, 2, 3], [[1], [2]], [1, 1, 2], None),
        ([1, 2], [[1], [2]], [1, 1, 2], None),
        ([1, 2, 3], [1, 2, 3], [1, 1, 2], ["a", "b"]),
        ([1, 2, 3], [1, math.inf, 3], [1, 1, 2], None),
        ([1, 2, 3], ["a", "b", "c"], [1, 1, 2], None),
        ([1, math.nan, 3], [1, 2, 3], [1, 1, 2], None),
        ([], [], [], None),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(y, x, g, names):
    with pytest.raises(NotComputableError):
        RandomInterceptModel().fit(y, x, g, feature_names=names)


def test_an_unknown_coefficient_names_the_nearest():
    with pytest.raises(NotComputableError, match=r"did you mean 'arm\[T.b\]'"):
        mixed("y ~ arm", groups="g").fit(table(0)).coefficient("arm[T.c]")


def test_scaling_takes_the_mean_and_the_standard_deviation_and_gives_them_back():
    values = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
    scaled = center_and_scale(values)
    assert np.allclose(scaled.values.mean(axis=0), 0.0)
    assert np.allclose(scaled.values.std(axis=0, ddof=1), 1.0)
    assert np.allclose(scaled.values * scaled.scale + scaled.center, values)


@pytest.mark.parametrize("values", [[], [3.0], [2.0, 2.0], [[1.0, 5.0], [2.0, 5.0]], [1.0, math.nan], ["a", "b"]])
def test_a_column_without_spread_has_no_scale(values):
    with pytest.raises(NotComputableError):
        center_and_scale(values)


def test_designs_may_be_given_as_they_are():
    columns = table(4)
    ones = np.ones((len(columns["y"]), 1))
    codes = Codes(np.array(columns["g"]), tuple(range(8)))
    result = fit_mixed(np.array(columns["y"]), Design(ones, ("Intercept",)), Design(ones, ("Intercept",)), codes)
    assert numbers(result) == pytest.approx(numbers(mixed("y ~ 1", groups="g").fit(columns)), rel=1e-6)
