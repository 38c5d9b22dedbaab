# SPDX-License-Identifier: Apache-2.0
"""From rows to a decision: what counts, what is left out, and why no verdict may be given."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin import estimate, mean, observed, quantile, rate, scenario
from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError, MetricMissingError, ObservationError
from ophamin.measuring.inference.exact import NO_INTERVAL
from ophamin.measuring.judgement import Circumstances, judge
from ophamin.measuring.ledger import Ledger, pack, unpack
from ophamin.measuring.plan import Plan
from ophamin.measuring.proof.record import Verdict
from ophamin.measuring.scenarios.functions import declaration_of


def plan_of(*expectations, **settings):
    def test_it(trial):
        """Does it hold?"""

    if settings.get("budget") is not None:
        settings.setdefault("method", "exact")  # a budget alone would make it sequential
    declaration = declaration_of(scenario("it holds", *expectations, **settings)(test_it))
    return declaration.compile(test_it, name="a.b").plans[0]


BAD = object()
"""Stands for a cycle that could not be measured."""


def cycles(values, metric="x", unit=None, seconds=0.1):
    """A table of cycles that carry one metric; None carries nothing, BAD is an error."""
    ledger = Ledger([metric, "unit"])
    add_cycles(ledger, values, metric, unit, seconds)
    return ledger.table()


def add_cycles(ledger, values, metric="x", unit=None, seconds=0.1):
    for number, value in enumerate(values):
        raw = {} if value is None or value is BAD else {metric: value}
        if unit is not None and unit[number] is not None:
            raw["unit"] = unit[number]
        ledger.admit("in", None, CycleResult(0, True, raw, error=f"broke {number}" if value is BAD else None), seconds)


def observations(*rows):
    ledger = Ledger(["x"])
    for row in rows:
        ledger.observe(row)
    return ledger.table()


def reasons(plan, table, **circumstances):
    return judge(plan, table, Circumstances(**circumstances)).inconclusive


FEW = rate("x") <= 0.1
OFTEN = rate("x") >= 0.9


# -- the plain case ---------------------------------------------------------------------------------------------------


def test_enough_clean_units_decide_and_nothing_speaks_against_it():
    judgement = judge(plan_of(FEW), cycles([False] * 40))
    assert (judgement.decision.outcome, judgement.inconclusive) == ("VALIDATED", ())
    assert (judgement.n_rows, judgement.n_units, judgement.errors, judgement.missing) == (40, 40, 0, 0)


def test_too_few_units_are_undecided_with_the_reason_of_the_method():
    (reason,) = reasons(plan_of(FEW), cycles([False] * 10))
    assert "neither side of 0.1 is excluded" in reason


def test_nothing_observed_at_all_is_undecided():
    assert reasons(plan_of(FEW), cycles([])) == ("no observations",)


@pytest.mark.parametrize("value", [0.7, 2, "yes"])
def test_a_rate_of_what_is_not_0_or_1_is_an_error_in_the_evidence(value):
    with pytest.raises(ObservationError, match="a rate needs 0 or 1"):
        judge(plan_of(FEW), cycles([value]))


def test_a_value_outside_its_declared_bounds_is_an_error_in_the_evidence():
    with pytest.raises(ObservationError, match="outside the declared bounds"):
        judge(plan_of(mean("x", bounds=(0, 1)) >= 0.5), cycles([0.5, 1.5]))


# -- errors -----------------------------------------------------------------------------------------------------------


def test_errors_leave_the_denominator_and_are_reported():
    judgement = judge(plan_of(FEW, error_budget=5), cycles([False] * 40 + [BAD] * 3))
    assert (judgement.n_rows, judgement.n_units, judgement.errors) == (43, 40, 3)
    assert (judgement.decision.estimate, judgement.inconclusive, judgement.first_error) == (0.0, (), "broke 40")


def test_one_error_more_than_the_budget_is_inconclusive():
    rows = [False] * 40 + [BAD] * 3
    assert reasons(plan_of(FEW, error_budget=3), cycles(rows)) == ()
    assert reasons(plan_of(FEW, error_budget=2), cycles(rows)) == (
        "3 of 43 cycles could not be measured (error_budget=2); first: broke 40",
    )


def test_by_default_a_single_error_is_too_many():
    assert reasons(plan_of(FEW), cycles([False] * 40 + [BAD]))[0].startswith("1 of 41 cycles could not be measured")


def test_an_error_that_carries_a_value_is_still_no_evidence():
    ledger = Ledger(["x"])
    ledger.admit("in", None, CycleResult(0, True, {"x": True}, error="late"), 0.1)
    add_cycles(ledger, [False] * 40)
    judgement = judge(plan_of(FEW, error_budget=1), ledger.table())
    assert (judgement.n_units, judgement.decision.estimate) == (40, 0.0)


def test_nothing_but_errors_is_inconclusive_and_no_missing_metric():
    judgement = judge(plan_of(FEW), cycles([BAD] * 5))
    assert judgement.errors == 5
    assert judgement.inconclusive[0].startswith("5 of 5 cycles could not be measured")


@pytest.mark.parametrize(
    ("expectation", "good", "estimate_with_errors"),
    [
        (rate("x") <= 0.1, False, 10 / 50),
        (rate("x") >= 0.9, True, 40 / 50),
        (mean("x", bounds=(-1, 3)) >= 2, 3.0, (40 * 3 - 10) / 50),
        (mean("x", bounds=(-1, 3)) <= 0, -1.0, (-40 + 30) / 50),
    ],
)
def test_errors_fail_counts_each_error_as_the_worst_value(expectation, good, estimate_with_errors):
    # spread out, so that the units are not dependent
    order = [good] * 40 + [BAD] * 10
    random.Random(1).shuffle(order)
    judgement = judge(plan_of(expectation, errors="fail"), cycles(order))
    assert judgement.decision.estimate == pytest.approx(estimate_with_errors)
    assert (judgement.n_units, judgement.errors) == (50, 10)
    assert not any("could not be measured" in reason for reason in judgement.inconclusive)


def test_errors_fail_refutes_where_every_cycle_is_an_error():
    judgement = judge(plan_of(OFTEN, errors="fail"), cycles([BAD] * 5))
    assert (judgement.decision.outcome, judgement.inconclusive) == ("REFUTED", ())


def test_errors_fail_takes_errors_in_their_place_so_that_a_budget_does_not_cut_them_off():
    order = [True] * 45 + [BAD] * 15 + [True] * 40
    judgement = judge(plan_of(OFTEN, errors="fail", budget=60), cycles(order))
    assert (judgement.n_units, judgement.decision.estimate) == (60, 45 / 60)


@pytest.mark.parametrize("expectation", [quantile("x", 0.9) <= 3, mean("x", model="gaussian") <= 3])
def test_errors_fail_is_refused_at_once_where_there_is_no_worst_value(expectation):
    with pytest.raises(ClaimError, match="needs a worst value"):
        plan_of(expectation, errors="fail")


# -- rows without the metric ------------------------------------------------------------------------------------------


def test_a_cycle_that_lacks_the_metric_is_missing_and_makes_the_verdict_inconclusive():
    judgement = judge(plan_of(FEW), cycles([False] * 40 + [None, None]))
    assert (judgement.missing, judgement.n_units) == (2, 40)
    assert judgement.inconclusive == ("2 of 42 measured rows lacked 'x' (error_budget=0)",)


def test_missing_values_within_the_error_budget_are_tolerated_and_counted():
    judgement = judge(plan_of(FEW, error_budget=2), cycles([False] * 40 + [None, None]))
    assert (judgement.inconclusive, judgement.missing) == ((), 2)


def test_a_metric_that_nothing_carried_is_an_error_that_names_the_nearest():
    with pytest.raises(MetricMissingError, match="did you mean 'blocked'"):
        judge(plan_of(rate("blocket") <= 0.1), observations({"blocked": True}))


def test_cycles_that_carry_nothing_do_not_dilute_a_derived_metric():
    ledger = Ledger(["x"])
    for number in range(40):
        add_cycles(ledger, [None])
        ledger.observe({"x": False, "note": number})
    judgement = judge(plan_of(FEW), ledger.table())
    assert (judgement.n_rows, judgement.n_units, judgement.missing, judgement.inconclusive) == (40, 40, 0, ())


def test_errors_of_cycles_count_also_where_the_metric_is_derived_from_them():
    ledger = Ledger(["x"])
    add_cycles(ledger, [BAD])
    for _ in range(40):
        add_cycles(ledger, [None])
        ledger.observe({"x": False})
    judgement = judge(plan_of(FEW), ledger.table())
    assert (judgement.n_rows, judgement.n_units, judgement.errors, judgement.missing) == (41, 40, 1, 0)
    assert judgement.inconclusive[0].startswith("1 of 41 cycles could not be measured")


def test_observations_of_other_things_are_not_missing_where_cycles_carry_the_metric():
    ledger = Ledger(["x"])
    for _ in range(40):
        add_cycles(ledger, [False])
        ledger.observe({"note": "seen"})
    judgement = judge(plan_of(FEW), ledger.table())
    assert (judgement.n_rows, judgement.missing, judgement.inconclusive) == (40, 0, ())


def test_where_cycles_and_observations_both_carry_it_only_a_cycle_can_lack_it():
    ledger = Ledger(["x"])
    add_cycles(ledger, [False] * 30 + [None])
    ledger.observe({"x": False})
    ledger.observe({"note": "seen"})
    judgement = judge(plan_of(FEW), ledger.table())
    assert (judgement.n_rows, judgement.n_units, judgement.missing) == (32, 31, 1)


def test_observations_of_two_metrics_in_rows_of_their_own_miss_nothing():
    rows = [{"x": False}, {"y": 1.0}] * 30
    assert reasons(plan_of(FEW), observations(*rows)) == ()


def test_success_and_wall_time_are_metrics_of_every_cycle():
    assert judge(plan_of(rate("success") >= 0.9), cycles([1] * 40)).decision.outcome == "VALIDATED"
    assert judge(plan_of(quantile("wall_time_s", 0.5) <= 0.2), cycles([1] * 40)).decision.estimate == 0.1


# -- units ------------------------------------------------------------------------------------------------------------


def test_the_mean_of_a_unit_is_one_value():
    table = cycles([0.0, 1.0, 0.5, 0.2], unit=["a", "a", "b", "b"])
    judgement = judge(plan_of(mean("x", bounds=(0, 1)) >= 0.9, unit="unit"), table)
    assert (judgement.n_rows, judgement.n_units) == (4, 2)
    assert judgement.decision.estimate == pytest.approx((0.5 + 0.35) / 2)


def test_a_unit_counts_once_however_many_rows_it_has():
    table = cycles([True] * 98 + [False, False], unit=["a"] * 98 + ["b", "c"])
    assert judge(plan_of(OFTEN, unit="unit"), table).decision.estimate == pytest.approx(1 / 3)


def test_the_rate_inside_a_unit_is_its_share():
    table = cycles([True, False, True, True], unit=["a", "a", "b", "b"])
    judgement = judge(plan_of(OFTEN, unit="unit"), table)
    assert (judgement.n_units, judgement.decision.estimate) == (2, 0.75)


def test_the_quantile_inside_a_unit_is_the_inverted_distribution_function():
    table = cycles([1.0, 2.0, 3.0, 4.0, 9.0], unit=["a", "a", "a", "a", "b"])
    judgement = judge(plan_of(quantile("x", 0.5) <= 3, unit="unit"), table)
    assert (judgement.n_units, judgement.decision.estimate) == (2, 2.0)


def test_units_may_be_interleaved_and_named_by_numbers_lists_or_the_stimulus():
    assert judge(plan_of(OFTEN, unit="unit"), cycles([1, 1, 0], unit=[1, 2, 1])).n_units == 2
    assert judge(plan_of(OFTEN, unit="unit"), cycles([1, 1, 0], unit=[[0, 1, 2], [0, 1, 3], [0, 1, 2]])).n_units == 2
    assert judge(plan_of(OFTEN, unit="stimulus"), cycles([1, 1, 0])).n_units == 1


def test_a_row_without_its_unit_is_an_error_in_the_evidence():
    with pytest.raises(MetricMissingError, match="not its unit 'unit'"):
        judge(plan_of(OFTEN, unit="unit"), cycles([1, 1], unit=["a", None]))


@pytest.mark.parametrize("values", [[0.7], [0.7, 1], ["yes", "no"]])
def test_a_rate_inside_a_unit_takes_nothing_but_0_and_1(values):
    with pytest.raises(ObservationError, match="a rate needs 0 or 1"):
        judge(plan_of(OFTEN, unit="unit"), cycles(values, unit=["a"] * len(values)))


@pytest.mark.parametrize("expectation", [mean("x", bounds=(0, 1)) >= 0.5, quantile("x", 0.5) <= 1])
def test_a_text_inside_a_unit_is_an_error_in_the_evidence_like_any_other(expectation):
    with pytest.raises(ObservationError, match="only finite numbers"):
        judge(plan_of(expectation, unit="unit"), cycles([1.0, "fast"], unit=["a", "a"]))


def test_an_observed_value_has_no_units():
    with pytest.raises(ClaimError, match="one value for the whole run"):
        plan_of(observed("x", deterministic=True) <= 1, unit="unit")


def test_a_failure_counts_inside_its_own_unit():
    table = cycles([True, BAD, True, True], unit=["a", "a", "b", "b"])
    judgement = judge(plan_of(OFTEN, unit="unit", errors="fail"), table)
    assert (judgement.n_units, judgement.decision.estimate) == (2, 0.75)


def test_a_failure_that_belongs_to_no_known_unit_is_one_of_its_own():
    table = cycles([True, BAD, BAD], unit=["a", None, None])
    judgement = judge(plan_of(OFTEN, unit="unit", errors="fail"), table)
    assert (judgement.n_units, judgement.decision.estimate) == (3, pytest.approx(1 / 3))


# -- a declared number of units ---------------------------------------------------------------------------------------


def test_a_body_that_ends_before_the_declared_number_is_stopped_early():
    assert reasons(plan_of(FEW, budget=50), cycles([False] * 40)) == ("stopped early: 40 units of the declared 50",)


def test_a_corpus_that_ends_before_the_declared_number_is_exhausted():
    assert reasons(plan_of(FEW, budget=50), cycles([False] * 40), exhausted=40) == (
        "exhausted: the corpus gave 40 records, the plan declares 50 units",
    )


def test_a_body_that_skips_records_of_a_full_stream_is_stopped_early_and_not_exhausted():
    assert reasons(plan_of(FEW, budget=50), cycles([False] * 40), exhausted=50) == (
        "stopped early: 40 units of the declared 50",
    )


def test_only_the_first_declared_units_count():
    judgement = judge(plan_of(FEW, budget=40), cycles([False] * 40 + [True] * 60))
    assert (judgement.n_rows, judgement.n_units, judgement.decision.estimate) == (100, 40, 0.0)
    assert judgement.inconclusive == ()


def test_only_the_first_declared_units_count_where_a_unit_has_several_rows():
    table = cycles([True, True, False, True, True], unit=["a", "b", "c", "a", "d"])
    judgement = judge(plan_of(rate("x") >= 0.5, unit="unit", budget=7, min_samples=1), table)
    assert judgement.n_units == 4
    judgement = judge(plan_of(OFTEN, unit="unit", budget=2, min_samples=1), table)
    assert (judgement.n_units, judgement.decision.estimate) == (2, 1.0)


def test_an_error_within_the_error_budget_fills_the_declared_number_and_is_no_early_stop():
    rows = [False] * 47 + [BAD] * 3
    assert reasons(plan_of(FEW, budget=50, error_budget=3), cycles(rows)) == ()
    assert reasons(plan_of(FEW, budget=50, error_budget=3), cycles(rows[1:])) == (
        "stopped early: 46 units of the declared 50",
    )


def test_a_unit_that_was_lost_to_errors_fills_the_declared_number():
    table = cycles([False] * 39 + [BAD, BAD], unit=[*range(39), 39, 39])
    assert not any(
        "stopped early" in why for why in reasons(plan_of(FEW, budget=40, unit="unit", error_budget=2), table)
    )
    assert any("stopped early" in why for why in reasons(plan_of(FEW, budget=41, unit="unit", error_budget=2), table))


def test_a_lost_row_of_no_known_unit_does_not_fill_the_declared_number():
    table = cycles([False] * 39 + [BAD], unit=[*range(39), None])
    assert any("stopped early" in why for why in reasons(plan_of(FEW, budget=40, unit="unit", error_budget=1), table))


def test_fewer_units_than_min_samples_are_inconclusive():
    rows = cycles([False] * 40)
    assert reasons(plan_of(FEW, min_samples=41), rows) == ("40 units, fewer than min_samples=41",)
    assert reasons(plan_of(FEW, min_samples=40), rows) == ()


def test_undecided_at_the_end_of_the_corpus_is_exhausted():
    (reason,) = reasons(plan_of(FEW), cycles([False] * 10), exhausted=10)
    assert reason.startswith("exhausted: the corpus gave 10 records; neither side of 0.1")


def test_a_corpus_that_ends_does_not_undo_a_decision():
    assert reasons(plan_of(FEW), cycles([False] * 40), exhausted=40) == ()


# -- circumstances ----------------------------------------------------------------------------------------------------


def test_a_broken_body_is_the_first_reason_and_no_early_stop_is_added():
    assert reasons(plan_of(FEW, budget=50), cycles([False] * 40), broken="it broke") == ("it broke",)


def test_a_stream_that_ran_out_of_time_says_so():
    assert reasons(plan_of(FEW, budget=50, max_seconds=1.5), cycles([False] * 40), timed_out=True) == (
        "stopped by max_seconds=1.5",
    )


def test_wall_time_under_parallel_load_is_inconclusive():
    claim = quantile("wall_time_s", 0.5) <= 0.2
    rows = cycles([1] * 40)
    assert reasons(plan_of(claim), rows) == ()
    assert reasons(plan_of(claim), rows, parallel=True)[0].startswith("parallel load")
    assert reasons(plan_of(claim, load="any"), rows, parallel=True) == ()


def test_parallel_load_is_nothing_to_other_claims():
    assert reasons(plan_of(FEW), cycles([False] * 40), parallel=True) == ()


CENSUS = {"census": True, "corpus": "sentences"}


def test_a_whole_census_decides_exactly():
    judgement = judge(plan_of(FEW, **CENSUS), cycles([True] + [False] * 9), Circumstances(corpus_count=10, used=10))
    assert (judgement.decision.method, judgement.decision.outcome, judgement.inconclusive) == (
        "census",
        "VALIDATED",
        (),
    )


@pytest.mark.parametrize(("used", "rows"), [(9, 9), (10, 9), (11, 11)])
def test_a_census_that_left_a_record_out_or_took_one_twice_is_none(used, rows):
    assert reasons(plan_of(FEW, **CENSUS), cycles([False] * rows), corpus_count=10, used=used)[0].startswith(
        "not a census"
    )


def test_a_census_with_a_record_that_could_not_be_measured_is_none():
    rows = cycles([False] * 9 + [BAD])
    assert "not a census: 9 of 10 records were used" in reasons(
        plan_of(FEW, **CENSUS, error_budget=1), rows, corpus_count=10, used=10
    )


def test_a_census_of_a_dependent_stream_is_still_exact():
    rows = cycles([True] * 50 + [False] * 50)
    assert reasons(plan_of(rate("x") <= 0.5, **CENSUS), rows, corpus_count=100, used=100) == ()


# -- dependence -------------------------------------------------------------------------------------------------------


def test_dependent_units_are_inconclusive_even_where_the_method_decides():
    judgement = judge(plan_of(rate("x") <= 0.9), cycles([True] * 50 + [False] * 50))
    assert judgement.decision.outcome == "VALIDATED"
    assert judgement.inconclusive[0].startswith("dependent units: each tells of the next (lag-1 correlation 0.9")


def test_the_same_rows_in_a_random_order_are_decided():
    values = [True] * 50 + [False] * 50
    random.Random(3).shuffle(values)
    assert reasons(plan_of(rate("x") <= 0.9), cycles(values)) == ()


def test_a_declared_unit_is_the_authors_word_for_independence():
    values = [True] * 50 + [False] * 50
    assert reasons(plan_of(rate("x") <= 0.9, unit="unit"), cycles(values, unit=range(100))) == ()


def test_fewer_than_fifty_units_are_not_held_to_be_dependent():
    assert reasons(plan_of(rate("x") <= 0.9), cycles([True] * 24 + [False] * 25)) == ()


# -- observed values --------------------------------------------------------------------------------------------------


def test_a_deterministic_value_decides_by_itself():
    plan = plan_of(observed("x", deterministic=True) == 0)
    assert judge(plan, observations({"x": 0})).decision.outcome == "VALIDATED"
    assert judge(plan, observations({"x": 1})).decision.outcome == "REFUTED"


def test_a_value_without_an_interval_is_inconclusive():
    assert reasons(plan_of(observed("x") >= 0.5), observations({"x": 0.9})) == (NO_INTERVAL,)


def test_an_estimate_decides_by_its_interval():
    plan = plan_of(observed("x") >= 0.5)
    assert judge(plan, observations({"x": estimate(0.9, 0.8, 1.0)})).decision.outcome == "VALIDATED"
    assert judge(plan, observations({"x": estimate(0.3, 0.2, 0.4)})).decision.outcome == "REFUTED"
    assert "both sides" in reasons(plan, observations({"x": estimate(0.6, 0.4, 0.8)}))[0]


# -- what holds always ------------------------------------------------------------------------------------------------


VALUES = st.lists(st.booleans() | st.just(BAD) | st.none(), max_size=80)


@given(
    values=VALUES,
    bar=st.floats(0, 1),
    comparator=st.sampled_from(["<=", ">=", "<", ">"]),
    kind=st.sampled_from(["rate", "mean", "quantile"]),
    errors=st.sampled_from(["exclude", "fail"]),
)
@settings(max_examples=150, deadline=None)
def test_a_verdict_never_contradicts_its_estimate(values, bar, comparator, kind, errors):
    statistic = {"rate": rate("x"), "mean": mean("x", bounds=(0, 1)), "quantile": quantile("x", 0.5)}[kind]
    ways = {"<=": statistic.__le__, ">=": statistic.__ge__, "<": statistic.__lt__, ">": statistic.__gt__}
    if kind == "quantile":
        errors = "exclude"
    plan = plan_of(ways[comparator](bar), errors=errors, error_budget=100)
    try:
        judgement = judge(plan, cycles(values))
    except MetricMissingError:
        assert not any(isinstance(value, bool) for value in values)
        return
    verdict = Verdict.decide(
        judgement.decision.estimate, plan.threshold(), inconclusive=bool(judgement.inconclusive), reasoning="x"
    )
    if verdict.outcome != "INCONCLUSIVE":
        assert plan.bar.holds(judgement.decision.estimate) is (verdict.outcome == "VALIDATED")
        assert judgement.decision.outcome == verdict.outcome


@given(
    values=st.lists(st.integers(0, 100).map(lambda share: share / 100) | st.just(BAD), min_size=1, max_size=60),
    budget=st.none() | st.integers(20, 40),
    unit=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_anyone_with_the_configuration_and_the_file_gets_the_same_decision(values, budget, unit):
    plan = plan_of(mean("x", bounds=(0, 1)) >= 0.5, budget=budget, error_budget=3, unit="unit" if unit else None)
    table = cycles(values, unit=[number // 2 for number in range(len(values))])
    again = judge(Plan.from_config(dict(plan.config)), unpack(pack(table)[0])[0])
    assert again == judge(plan, table)


@given(
    st.lists(st.sampled_from([True, True, False, None, BAD]), max_size=70),
    st.sampled_from([{}, {"budget": 60}, {"error_budget": 9}, {"unit": "unit"}]),
)
@settings(max_examples=80, deadline=None)
def test_without_the_diagnosis_everything_else_is_the_same(values, how):
    plan, table = plan_of(OFTEN, **how), cycles(values, unit=[number // 2 for number in range(len(values))])

    def said(**more):
        try:
            return replace(judge(plan, table, **more), lag=None)
        except MetricMissingError as error:
            return str(error)

    assert said() == said(diagnose=False)


def test_a_dependence_is_a_reason_without_the_diagnosis_too():
    table = cycles([True] * 40 + [False] * 40)
    assert "dependent units" in judge(plan_of(OFTEN), table, diagnose=False).inconclusive[0]
