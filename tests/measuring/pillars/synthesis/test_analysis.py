# SPDX-License-Identifier: Apache-2.0
"""Cumulative meta-analysis, study by study."""

from __future__ import annotations

import math

import pytest

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.synthesis import CumulativeMetaAnalysis, pool
from ophamin.measuring.pillars.synthesis.analysis import ANY_LOOK


def filled(studies, *arguments, **options):
    analysis = CumulativeMetaAnalysis(*arguments, **options)
    for effect, variance in studies:
        analysis.add(effect, variance)
    return analysis


@pytest.fixture(scope="module")
def by_year(bcg):
    analysis = CumulativeMetaAnalysis(hksj=False)
    for author, year, effect, variance in sorted(bcg, key=lambda trial: trial[1]):
        analysis.add(effect, variance, f"{author}, {year}")
    return analysis


def test_the_vaccine_trials_by_year_come_out_as_published(by_year):
    # metafor, tests of cumul(): restricted likelihood, in order of year.
    published = [-0.889311, -1.325003, -0.97208, -1.001094, -1.101424, -0.973464, -0.901251, -0.788566, -0.865607]
    published += [-0.785211, -0.708206, -0.794768, -0.714532]
    # Its iteration stops at changes of 1e-5.
    assert [one.estimate for one in by_year.steps] == pytest.approx(published, abs=5e-6)
    assert [one.k for one in by_year.steps] == list(range(1, 14))


def test_each_step_is_the_pooled_effect_of_the_studies_so_far(by_year, bcg):
    trials = sorted(bcg, key=lambda trial: trial[1])
    for k, step in enumerate(by_year.steps, start=1):
        assert step == pool([t[2] for t in trials[:k]], [t[3] for t in trials[:k]], hksj=False)
    assert by_year.result == by_year.steps[-1]


def test_the_order_of_studies_changes_the_path_and_not_the_end(bcg):
    studies = [trial[2:] for trial in bcg]
    one, other = filled(studies), filled(studies[::-1])
    assert one.result.estimate == pytest.approx(other.result.estimate, rel=1e-10)
    assert one.result.low == pytest.approx(other.result.low, rel=1e-10)
    assert one.steps[1].estimate != pytest.approx(other.steps[1].estimate, rel=1e-3)


def test_the_interval_of_hartung_and_knapp_is_the_default_and_never_one_true_effect():
    studies = [(0.0, 0.01), (1.0, 0.01), (0.4, 0.01)]
    default = filled(studies).result
    assert (default.method, default.df) == ("reml", 2)
    assert filled(studies, False).result.method == "fixed"
    assert default.high - default.low > 5 * (filled(studies, False).result.high - filled(studies, False).result.low)


def test_the_first_significant_number_of_studies_is_that_from_which_on_all_are():
    # The second and third intervals exclude 0, the fourth does not, the fifth and sixth do again.
    analysis = CumulativeMetaAnalysis(random_effects=False)
    for effect in (0.1, 3.0, 0.5, -2.0, 3.0, 2.0):
        analysis.add(effect, 1.0)
    excluding = [one.excludes(0.0) for one in analysis.steps]
    assert excluding == [False, True, True, False, True, True]
    assert analysis.first_significant_k() == 5
    assert analysis.first_significant_k(null=100.0) == 1
    assert analysis.first_significant_k(null=1.0) is None
    assert "no test" in ANY_LOOK
    assert ".33" in ANY_LOOK


def test_tau_squared_may_be_kept_after_some_studies(bcg):
    studies = [trial[2:] for trial in bcg]
    frozen, free = filled(studies, True, 4), filled(studies)
    assert [one.tau2 for one in frozen.steps[:4]] == [one.tau2 for one in free.steps[:4]]
    assert {one.tau2 for one in frozen.steps[4:]} == {free.steps[3].tau2}
    assert len({one.tau2 for one in free.steps[4:]}) == 9


def test_heterogeneity_is_told_after_every_study_from_the_second_on(by_year):
    told = by_year.heterogeneity()
    assert [one["k"] for one in told] == list(range(2, 14))
    assert round(told[-1]["q"], 4) == 152.2330
    assert all(0.0 <= one["i2"] <= 1.0 and 0.0 <= one["q_p"] <= 1.0 for one in told)


def test_leaving_one_out_is_pooling_the_others(bcg):
    studies = [trial[2:] for trial in bcg]
    out = filled(studies).leave_one_out()
    assert len(out) == 13
    for at in (0, 7, 12):
        others = studies[:at] + studies[at + 1 :]
        assert out[at] == pool([effect for effect, _ in others], [variance for _, variance in others])
    # The large trial without an effect pulls the pooled effect towards 0.
    assert min(out, key=lambda one: one.estimate) is out[[trial[0] for trial in bcg].index("TPT Madras")]


def test_a_bad_study_is_refused_and_leaves_the_analysis_as_it_was():
    analysis = filled([(0.1, 0.1), (0.2, 0.1)])
    for effect, variance in ((0.1, 0.0), (0.1, -1.0), (0.1, math.inf), (math.nan, 0.1), ("x", 0.1), (0.1, None)):
        with pytest.raises(ValueError, match="variance"):
            analysis.add(effect, variance)
    assert len(analysis.steps) == 2
    assert analysis.add(0.3, 0.1).k == 3


@pytest.mark.parametrize(
    "options",
    [
        {"confidence": 1.0},
        {"confidence": "0.95"},
        {"method": "hedges"},
        {"tau2_fixed_after": 1},
        {"tau2_fixed_after": 2.5},
        {"tau2_fixed_after": True},
    ],
)
def test_an_analysis_that_cannot_be_meant_is_refused(options):
    with pytest.raises(ClaimError):
        CumulativeMetaAnalysis(**options)


def test_an_analysis_without_studies_has_no_result():
    empty = CumulativeMetaAnalysis()
    with pytest.raises(NotComputableError, match="no studies"):
        _ = empty.result
    with pytest.raises(NotComputableError, match="leaving one out takes two"):
        filled([(0.1, 0.1)]).leave_one_out()
    assert (empty.first_significant_k(), empty.heterogeneity(), empty.steps) == (None, [], ())
