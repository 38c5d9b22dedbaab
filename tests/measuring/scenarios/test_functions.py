# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin import claim, mean, quantile, rate, scenario
from ophamin.errors import ClaimError
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.scenarios.texts import read_docstring


def body(trial):
    """Does it hold?"""


def declared(*arguments, **settings):
    """A fresh function under @scenario, and its plans."""

    def test_it(trial, dose=0):
        """Does it hold?"""

    return declaration_of(scenario(*arguments, **settings)(test_it)), test_it


def plans(*arguments, parameters=None, **settings):
    declaration, function = declared(*arguments, **settings)
    return declaration.compile(function, name="a.b", parameters=parameters).plans


def test_the_smallest_scenario_is_a_statement_an_expectation_and_a_docstring():
    (plan,) = plans("few are blocked", rate("blocked") <= 0.1)
    assert (plan.metadata.tier, plan.metadata.family, plan.metadata.goal) == (
        "scientific",
        "functions",
        "Does it hold?",
    )


def test_several_expectations_give_several_plans():
    assert [plan.statistic for plan in plans("both", rate("a") <= 0.1, quantile("b", 0.9) <= 3)] == [
        "rate(a)",
        "quantile(b, 0.9)",
    ]


def test_a_claim_may_depend_on_parameters():
    (plan,) = plans(
        lambda dose: f"at dose {dose}", lambda dose: rate("x") <= dose / 10, parameters={"dose": 3, "other": object()}
    )
    assert (plan.statement, plan.value, plan.parameters["dose"]) == ("at dose 3", 0.3, 3)


def test_a_claim_that_asks_for_an_unknown_parameter_names_the_nearest():
    with pytest.raises(ClaimError, match="did you mean 'dose'"):
        plans(lambda dosis: "x", rate("x") <= 0.1, parameters={"dose": 3})


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("a statement",), {}, "no bound that could fail"),
        (("", rate("x") <= 0.1), {}, "begins with its claim as a sentence"),
        ((rate("x") <= 0.1,), {}, "begins with its claim as a sentence"),
        (("s", rate("x")), {}, "alone is no claim"),
        (("s", 0.1), {}, "is no expectation"),
        (("s", rate("x") <= 0.1), {"tier": "scientifc"}, "did you mean 'scientific'"),
        (("s", rate("x") <= 0.1), {"alfa": 0.1}, "did you mean 'alpha'"),
        (("s", rate("x") <= 0.1), {"substrate": len, "substrates": [len]}, "not both"),
        (("s", rate("x") <= 0.1), {"substrates": [len, len]}, "two substrates are called 'len'"),
    ],
)
def test_a_decorator_that_cannot_be_honoured_says_so_at_once(arguments, settings, message):
    with pytest.raises(ClaimError, match=message):
        declared(*arguments, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0}, "alpha is an error rate"),
        ({"alpha": 0.7}, "alpha is an error rate"),
        ({"beta": "x"}, "beta is an error rate"),
        ({"budget": 0}, "budget is a whole number"),
        ({"budget": 2.5}, "budget is a whole number"),
        ({"budget": True}, "budget is a whole number"),
        ({"budget": 3, "min_samples": 5}, "no run could satisfy both"),
        ({"errors": "ignore"}, "'exclude' or 'fail'"),
        ({"order": "sorted"}, "'random' or 'file'"),
        ({"load": "high"}, "'exclusive' or 'any'"),
        ({"max_seconds": 0}, "positive number of seconds"),
        ({"method": "exakt"}, "exact"),
        ({"census": True}, "declare corpus="),
    ],
)
def test_a_setting_that_no_plan_could_have_is_refused_when_compiled(settings, message):
    with pytest.raises(ClaimError, match=message):
        plans("s", rate("x") <= 0.1, **settings)


def test_a_mean_without_bounds_or_model_is_refused_with_both_ways_out():
    with pytest.raises(ClaimError, match=r"bounds=.*gaussian"):
        plans("s", mean("latency") <= 3)


def test_bounds_may_stand_in_the_decorator():
    (plan,) = plans("s", mean("phi") >= 0.5, bounds=(0, 1))
    assert plan.options["bounds"] == (0.0, 1.0)


def test_an_unknown_corpus_names_the_nearest():
    with pytest.raises(ValueError, match="sentences"):
        plans("s", rate("x") <= 0.1, corpus="sentence")


def test_an_unknown_pillar_is_an_error_that_lists_what_is_known():
    with pytest.raises(ValueError, match=r"O\.sp"):
        plans("s", rate("x") <= 0.1, pillars=["O.sp"])


def test_a_scenario_without_a_docstring_is_refused():
    def test_it(trial):
        pass

    with pytest.raises(ClaimError, match="docstring says its goal"):
        scenario("s", rate("x") <= 0.1)(test_it)


def test_given_is_refused():
    @given(st.integers())
    def test_it(n):
        """Does it hold?"""

    with pytest.raises(ClaimError, match="adapt to what fails"):
        scenario("s", rate("x") <= 0.1)(test_it)


def test_the_decorator_leaves_the_function_as_it_is():
    assert scenario("s", rate("x") <= 0.1)(body) is body


def test_a_plain_function_is_no_scenario():
    with pytest.raises(ClaimError, match="decorate it with @scenario"):
        declaration_of(len)


def test_the_digest_covers_claim_settings_parameters_and_body():
    (base,) = plans("s", rate("x") <= 0.1)
    others = [
        plans("t", rate("x") <= 0.1)[0],
        plans("s", rate("y") <= 0.1)[0],
        plans("s", rate("x") < 0.1)[0],
        plans("s", rate("x") <= 0.2)[0],
        plans("s", rate("x") <= 0.1, alpha=0.01)[0],
        plans("s", rate("x") <= 0.1, budget=9)[0],
        plans("s", rate("x") <= 0.1, corpus="sentences")[0],
        plans("s", rate("x") <= 0.1, parameters={"dose": 1})[0],
        plans("s", rate("x") <= 0.1, family="other")[0],
    ]
    assert len({base.digest, *(plan.digest for plan in others)}) == len(others) + 1
    assert plans("s", rate("x") <= 0.1)[0].digest == base.digest


def test_a_plan_comes_back_from_its_configuration():
    (plan,) = plans("s", mean("x", bounds=(0, 2)) >= 1, corpus="sentences", budget=70, parameters={"dose": [1, 2]})
    again = type(plan).from_config(plan.config)
    assert again.digest == plan.digest


def test_docstring_sections_become_metadata():
    def test_it():
        """Goal here.

        Why it
        matters.

        Method: by hand,
        twice.

        If refuted: stop.
        """

    assert read_docstring(test_it) == ("Goal here.", "Why it matters.", "by hand, twice.", "stop.")


def test_claim_builds_the_frozen_claim():
    built = claim("few are blocked", rate("blocked") <= 0.1, h0="too many")
    assert (built.h0, built.h1, built.threshold.value) == ("too many", "rate(blocked) <= 0.1", 0.1)
