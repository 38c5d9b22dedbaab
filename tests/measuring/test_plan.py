# SPDX-License-Identifier: Apache-2.0
"""A plan is frozen, hashed, comes back from its configuration, and is refused where it could decide nothing."""

import dataclasses
import hashlib
import json
import math

import pytest

from ophamin import mean, observed, quantile, rate, scenario
from ophamin.errors import ClaimError
from ophamin.measuring.plan import Metadata, Plan, unit_text
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.script import Script
from ophamin.measuring.settings import Settings


def plan_of(*expectations, parameters=None, **settings):
    def test_it(trial):
        """Does it hold?

        Since it matters.
        """

    if settings.get("budget") is not None:
        settings.setdefault("method", "exact")  # a budget alone would make it sequential
    declaration = declaration_of(scenario("it holds", *expectations, **settings)(test_it))
    return declaration.compile(test_it, name="a.b", parameters=parameters).plans[0]


EVERY_KIND = [
    rate("x") <= 0.1,
    mean("x", bounds=(0, 2)) >= 1,
    mean("x", model="gaussian") < 3,
    quantile("x", 0.95) > 2,
    observed("x", deterministic=True) == 0,
    observed("x") <= 1,
]


@pytest.mark.parametrize("expectation", EVERY_KIND, ids=str)
def test_a_plan_comes_back_from_the_text_of_its_configuration(expectation):
    plan = plan_of(expectation, corpus="sentences", budget=300, parameters={"dose": 0.3, "names": ["a", None]})
    again = Plan.from_config(json.loads(plan.config_text))
    assert again.digest == plan.digest
    assert (again.rule, again.bar, again.claim()) == (plan.rule, plan.bar, plan.claim())
    assert again.analysis_plan() == plan.analysis_plan()


def test_the_digest_is_the_sha_256_of_the_text_that_a_record_keeps():
    plan = plan_of(rate("x") <= 0.1)
    assert plan.digest == hashlib.sha256(plan.config_text.encode("ascii")).hexdigest()
    assert json.loads(plan.config_text)["settings"]["alpha"] == 0.05


def test_a_plan_cannot_be_changed():
    plan = plan_of(rate("x") <= 0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.value = 0.2
    with pytest.raises(TypeError):
        plan.config["value"] = 0.2


def config(**changes):
    return json.loads(plan_of(rate("x") <= 0.1).config_text) | changes


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"name": "a"},
        [],
        None,
        config(settings={"alfa": 0.1}),
        config(settings={"alpha": 5}),
        config(settings=[]),
        config(options=None),
        config(pillars=None),
        {key: value for key, value in config().items() if key != "statement"},
    ],
)
def test_a_configuration_of_no_plan_is_refused_as_a_claim_error(broken):
    with pytest.raises(ClaimError):
        Plan.from_config(broken)


# -- what could decide nothing is refused before anything runs --------------------------------------------------------


@pytest.mark.parametrize(
    ("expectation", "settings", "message"),
    [
        (rate("x") <= 0.5, {"budget": 4}, r"neither validated nor refuted with budget=4 .* at least 5 are needed"),
        (mean("x", bounds=(0, 2)) >= 1, {"budget": 4}, "at least 5 are needed; raise budget="),
        (mean("x", model="gaussian") >= 1, {"budget": 1}, "at least 2 are needed"),
        (rate("x") <= 10, {}, "a share, not a percentage"),
        (mean("x", bounds=(0, 1)) >= 55, {}, "check the unit"),
        (observed("x", deterministic=True) <= 1, {"unit": "user"}, "one value for the whole run"),
        (quantile("x", 0.5) <= 1, {"errors": "fail"}, "needs a worst value"),
    ],
)
def test_a_plan_that_could_decide_nothing_is_refused_with_the_way_out(expectation, settings, message):
    with pytest.raises(ClaimError, match=message):
        plan_of(expectation, **settings)


@pytest.mark.parametrize(
    ("expectation", "budget", "reachable"),
    [
        (rate("x") <= 0.5, 5, ("VALIDATED", "REFUTED")),
        (rate("x") <= 0.1, 28, ("REFUTED",)),  # 0.9^29 is the first power below 0.05
        (rate("x") <= 0.1, 29, ("VALIDATED", "REFUTED")),
        (rate("x") >= 0.95, 58, ("REFUTED",)),
        (rate("x") >= 0.95, 59, ("VALIDATED", "REFUTED")),  # 59 runs without failure: Wilks 1941
        (rate("x") <= 0.1, None, ("VALIDATED", "REFUTED")),
        (observed("x", deterministic=True) == 0, 1, ("VALIDATED", "REFUTED")),
    ],
)
def test_a_plan_says_which_outcomes_its_budget_can_reach(expectation, budget, reachable):
    plan = plan_of(expectation, budget=budget)
    assert plan.reachable == reachable
    assert ("Only REFUTED can be reached." in plan.analysis_plan()) is (reachable == ("REFUTED",))


@pytest.mark.parametrize(
    ("expectation", "worst"),
    [
        (rate("x") <= 0.1, 1.0),
        (rate("x") >= 0.9, 0.0),
        (mean("x", bounds=(-2, 3)) >= 1, -2.0),
        (mean("x", bounds=(-2, 3)) < 1, 3.0),
    ],
)
def test_the_worst_value_speaks_against_the_claim(expectation, worst):
    assert plan_of(expectation, errors="fail").worst_value == worst


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_seconds": "5"}, "positive number of seconds, got '5'"),
        ({"max_seconds": math.inf}, "leave it out for no limit"),
        ({"max_seconds": math.nan}, "positive number of seconds"),
        ({"max_seconds": -1}, "positive number of seconds"),
        ({"unit": ""}, "name of an observed key, got ''"),
        ({"unit": 3}, "name of an observed key, got 3"),
        ({"alpha": True}, "alpha is an error rate"),
        ({"beta": math.nan}, "beta is an error rate"),
        ({"error_budget": -1}, "error_budget is a whole number, at least 0"),
        ({"min_samples": 0}, "min_samples is a whole number, at least 1"),
    ],
)
def test_a_setting_that_no_run_could_honour_is_refused(settings, message):
    with pytest.raises(ClaimError, match=message):
        Settings(**settings)


# -- what a plan says -------------------------------------------------------------------------------------------------


def test_claim_and_threshold_carry_the_plan_to_the_record():
    claim = plan_of(rate("blocked") <= 0.1).claim()
    assert (claim.statement, claim.h0, claim.h1) == ("it holds", "rate(blocked) > 0.1", "rate(blocked) <= 0.1")
    assert claim.threshold.describe() == "rate(blocked) <= 0.1 fraction"


def test_the_analysis_plan_names_units_method_levels_and_what_becomes_of_errors():
    text = plan_of(rate("x") <= 0.1, budget=60, alpha=0.01, error_budget=2, unit="user").analysis_plan()
    assert text == (
        "Take exactly 60 units; one unit is all rows of one 'user'. Decide 'rate(x) <= 0.1' by betting "
        "(finite-sample): VALIDATED excludes 'rate(x) > 0.1' at alpha=0.01, REFUTED excludes 'rate(x) <= 0.1' at "
        "beta=0.05, otherwise INCONCLUSIVE. Failed cycles: exclude, at most 2."
    )


def test_the_unit_is_one_cycle_or_observation_by_default():
    assert unit_text(None) == "one cycle or observation"


def test_a_rate_over_units_is_a_mean_of_shares():
    assert plan_of(rate("x") <= 0.1).rule.name == "exact_binomial"
    assert plan_of(rate("x") <= 0.1, unit="user").rule.name == "betting"


# -- a script ---------------------------------------------------------------------------------------------------------


def script_of(*values):
    base = plan_of(rate("x") <= 0.1)
    return Script(tuple(dataclasses.replace(base, value=value) for value in values))


def test_the_digest_of_one_plan_is_that_of_its_script():
    script = script_of(0.1)
    assert script.digest == script.plans[0].digest


def test_the_digest_of_several_plans_covers_each_and_their_order():
    digests = {script_of(*values).digest for values in [(0.1,), (0.1, 0.2), (0.2, 0.1), (0.1, 0.3)]}
    assert len(digests) == 4


def test_the_experiment_of_a_script_is_that_of_its_plans():
    script = script_of(0.1, 0.2)
    assert script.metadata == Metadata("a.b", "scientific", "plan", "Does it hold?", "Since it matters.")
    assert script.settings == Settings()
