# SPDX-License-Identifier: Apache-2.0
"""Claims about the estimates of reflexivity and of the self operator, on channels and agents whose truth is known."""

from math import log, sqrt

import pytest

from ophamin import mean, rate, scenario

PAIRS = 500
CHANNELS = {"2 states": (2, 0.2), "8 states": (8, 0.3), "gaussian": (0, 0.6)}


pytestmark = pytest.mark.usefixtures("one_thread")


def true_ratio(states, errors):
    """I(S;S')/H(S) of a symmetric channel whose errors fall on every other state alike."""
    kept = 1.0 - errors
    return 1.0 + (kept * log(kept) + errors * log(errors / (states - 1))) / log(states)


def estimation_error(channel, rng):
    """The estimate of one series, minus the truth."""
    from qmpt.metrics.mutual_information import information_ratio
    from qmpt.metrics.mutual_information_neighbors import continuous_information_ratio

    states, parameter = CHANNELS[channel]
    if not states:
        truth = rng.normal(size=PAIRS)
        told = parameter * truth + sqrt(1.0 - parameter**2) * rng.normal(size=PAIRS)
        return continuous_information_ratio(truth.tolist(), told.tolist(), permutations=19).value - parameter
    truth, moved = rng.integers(states, size=PAIRS), rng.integers(1, states, size=PAIRS)
    told = (truth + moved * (rng.random(PAIRS) < parameter)) % states
    found = information_ratio(truth.tolist(), told.tolist(), permutations=19)
    return found.value - true_ratio(states, parameter)


@pytest.mark.slow
@pytest.mark.parametrize("channel", CHANNELS)
@scenario(
    lambda channel: (
        f"of 500 pairs the information ratio of a channel ({channel}) is estimated to 0.03, with a spread of 0.05"
    ),
    mean("error", model="gaussian").between(-0.03, 0.03),
    mean("squared_error", model="gaussian") <= 0.05**2,
    tier="measurement_machinery",
    family="qmpt-self-knowledge",
    budget=300,
    method="exact",
)
def test_the_information_ratio_is_estimated_closely(trial, rng, channel):
    """Is the number that reflexivity rests on the right one?

    Symmetric channels of 2 and 8 states with 20 % and 30 % errors, and a pair of normal variables with a correlation of
    0.6. Bias and mean squared error are means over 300 series, which are close to normal; that is assumed.

    If refuted: the estimate needs another correction, or more pairs.
    """
    for _ in range(300):
        error = estimation_error(channel, rng)
        trial.observe(error=error, squared_error=error**2)


@pytest.mark.slow
@pytest.mark.parametrize("pairs", [20, 50, 200])
@scenario(
    lambda pairs: f"of {pairs} pairs of independent states the information ratio is 0 on average, to 0.01",
    mean("ratio", model="gaussian").between(-0.01, 0.01),
    tier="measurement_machinery",
    family="qmpt-self-knowledge",
    budget=2500,
    method="exact",
)
def test_independent_states_tell_nothing_of_each_other(trial, rng, pairs):
    """Does knowing nothing score zero?

    The plain ratio of 20 pairs of 8 states is about a half where nothing is known. The corrected one is taken before it
    is clipped at 0, for the mean of what is clipped cannot be 0.

    If refuted: short series look reflexive by chance.
    """
    from qmpt.metrics.mutual_information import information_ratio

    for _ in range(2500):
        states, told = rng.integers(8, size=(2, pairs)).tolist()
        trial.observe(ratio=information_ratio(states, told, permutations=19).unclipped)


def estimators():
    from qmpt.metrics.reflexivity import ReflexivityEstimator
    from qmpt.metrics.self_operator import SelfOperatorEstimator

    return ReflexivityEstimator({"permutations": 19}), SelfOperatorEstimator()


@pytest.mark.slow
@scenario(
    "an honest agent has a higher self operator than a delusional, blind or imitating one, in 95 pairs of 100 each",
    rate("above_delusional") >= 0.95,
    rate("above_blind") >= 0.95,
    rate("above_imitator") >= 0.95,
    rate("talk_passes") <= 0.05,
    tier="scientific",
    family="qmpt-self-knowledge",
    budget=300,
)
def test_honest_agents_rank_first(trial, rng):
    """Can the self operator be had by talk?

    One population and one agent of each kind per unit, all simulated. The rate at which the honest one scores higher
    is the area under the ROC curve; a tie counts as lost. Talk passes if an imitator of whom nothing but its texts is
    known has a score of at least phi_self. What is found here says what the estimator can tell apart, not what agents
    are like.

    If refuted: the score rewards vocabulary or boldness, and must not be called self-knowledge.
    """
    from qmpt.metrics.self_operator_agents import (
        KINDS,
        SimulatedAgent,
        assess_agent,
        simulate_agent,
        simulate_population,
    )

    reflexivity, self_operator = estimators()
    while not trial.decided:
        seed = int(rng.integers(2**31))
        population = simulate_population(seed=seed)
        agents = {kind: simulate_agent(kind, population, seed=seed) for kind in KINDS}
        scores = {
            kind: assess_agent(agent, population, reflexivity, self_operator).value for kind, agent in agents.items()
        }
        imitator = agents["imitator"]
        said = [one for one in imitator.observations if one.modality == "text"]
        talk = assess_agent(
            SimulatedAgent("imitator", imitator.pattern, said), population, reflexivity, self_operator
        ).value
        trial.observe(
            **{f"above_{kind}": scores["honest"] > scores[kind] for kind in KINDS if kind != "honest"},
            talk_passes=talk is not None and talk >= 0.85,
            honest=scores["honest"],
        )


@pytest.mark.slow
@scenario(
    "the rule of persistence takes nine lasting agents of ten, and at most one transient of twenty",
    rate("lasting_is_taken") >= 0.9,
    rate("transient_is_taken") <= 0.05,
    tier="scientific",
    family="qmpt-self-knowledge",
    budget=300,
)
def test_what_passes_is_not_taken_for_lasting(trial, rng):
    """Is one good spell told from a lasting state?

    Six windows of a strong anomaly that is honest in all of them, or in four, one short
    of what the rule asks for.

    If refuted: the label "self-aware anomaly" may be luck.
    """
    from qmpt.metrics.self_operator_agents import simulate_population, simulate_windows

    reflexivity, self_operator = estimators()
    courses = {"lasting": [True] * 6, "transient": [False, True, True, True, True, False]}
    while not trial.decided:
        seed = int(rng.integers(2**31))
        population = simulate_population(seed=seed)
        taken = {}
        for name, honest in courses.items():
            windows = simulate_windows(honest, population, reflexivity, self_operator, seed=seed)
            taken[f"{name}_is_taken"] = self_operator.persistence(windows, theta_2=3.0).self_aware is True
        trial.observe(**taken)
