# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin import mean, median, observed, quantile, rate
from ophamin.errors import ClaimError

BOUNDS = st.floats(allow_nan=False, allow_infinity=False)


@given(BOUNDS)
def test_each_comparison_gives_an_expectation_with_its_comparator_and_bound(bound):
    estimator = rate("hit")
    made = [estimator >= bound, estimator <= bound, estimator > bound, estimator < bound]
    assert [(one.comparator, one.value) for one in made] == [(sign, bound) for sign in (">=", "<=", ">", "<")]


@given(st.sampled_from([">=", "<=", ">", "<"]), BOUNDS)
def test_the_null_hypothesis_is_the_negation_of_the_claim(comparator, bound):
    expectation = {">=": rate("x") >= bound, "<=": rate("x") <= bound, ">": rate("x") > bound, "<": rate("x") < bound}
    opposite = {">=": "<", "<=": ">", ">": "<=", "<": ">="}[comparator]
    assert expectation[comparator].opposite == f"rate(x) {opposite} {bound:g}"


def test_a_chained_bound_cannot_slip_by():
    with pytest.raises(ClaimError, match=r"between\(low, high\)"):
        0.2 <= mean("phi") <= 0.4  # noqa: B015 - the comparison itself is what is tried


def test_an_expectation_has_no_truth():
    with pytest.raises(ClaimError, match="has no truth value"):
        bool(rate("x") <= 0.1)


def test_an_estimator_alone_has_no_truth():
    with pytest.raises(ClaimError, match="compare it with a bound"):
        bool(rate("x"))


def test_between_makes_two_claims_both_needed():
    low, high = mean("phi", bounds=(0, 1)).between(0.2, 0.4)
    assert (low.comparator, low.value, high.comparator, high.value) == (">=", 0.2, "<=", 0.4)


def test_an_empty_interval_is_refused():
    with pytest.raises(ClaimError, match="is empty"):
        mean("phi").between(0.4, 0.2)


@pytest.mark.parametrize("bound", [math.nan, math.inf, -math.inf])
def test_a_bound_that_is_not_finite_is_refused_with_its_value(bound):
    with pytest.raises(ClaimError, match=str(bound)):
        rate("x") <= bound  # noqa: B015 - the comparison itself is what is tried


@pytest.mark.parametrize("bound", ["0.1", None, True, [0.1]])
def test_a_bound_that_is_no_number_is_refused(bound):
    with pytest.raises(ClaimError, match="compared with a number"):
        rate("x") <= bound  # noqa: B015 - the comparison itself is what is tried


@pytest.mark.parametrize("q", [0, 1, -0.1, 1.5])
def test_a_quantile_outside_its_range_is_refused(q):
    with pytest.raises(ClaimError, match="between 0 and 1"):
        quantile("x", q)


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_a_metric_is_named_by_a_text(name):
    with pytest.raises(ClaimError, match="named by a text"):
        rate(name)


def test_equality_is_only_for_fixed_values():
    with pytest.raises(ClaimError, match="cannot be validated by a sample"):
        rate("x") == 0.5  # noqa: B015 - the comparison itself is what is tried
    assert (observed("findings", deterministic=True) == 0).comparator == "=="


def test_labels_read_like_what_was_written():
    assert [one.label for one in (rate("a"), mean("b"), quantile("c", 0.95), median("d"), observed("e"))] == [
        "rate(a)",
        "mean(b)",
        "quantile(c, 0.95)",
        "median(d)",
        "observed(e)",
    ]
