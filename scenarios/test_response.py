"""Claims about how a drifting system answers; each unit is an independent replicate with a seed of its own."""

import pytest

from ophamin import Refuted, mean, rate, scenario
from ophamin.seeing.substrate.mock import MockSubstrate


def replicates(count):
    """That many independent systems, freshly built."""
    return [(seed, MockSubstrate(seed=seed)) for seed in range(count)]


@scenario(
    "mean phi stays at or above 0.5 under a moderate dose",
    mean("phi", bounds=(0, 1)) >= 0.5,
    tier="scientific",
    family="response",
    unit="seed",
)
def test_phi_survives_a_moderate_dose(trial):
    """Does phi hold when injection is raised to 0.3?

    The system drifts, so its cycles are not independent: a unit is one freshly seeded system, and its cycles are
    averaged.

    If refuted: the gauge is no longer coupled to injection.
    """
    for seed, system in replicates(80):
        for _ in range(20):
            cycle = system.run_cycle("dose", {"injection_rate": 0.3})
            trial.observe(seed=seed, phi=cycle.raw["phi"])


@pytest.mark.parametrize("dose", [0.1, 0.5])
@scenario(
    lambda dose: f"energy is left after a hundred cycles at dose {dose}",
    lambda dose: rate("exhausted") <= 0.05,
    tier="scientific",
    family="response",
)
def test_energy_lasts(trial, dose):
    """Does the energy reserve outlast a hundred cycles at this dose?"""
    for _, system in replicates(60):
        for _ in range(100):
            cycle = system.run_cycle("dose", {"injection_rate": dose})
        trial.observe(exhausted=cycle.raw["ouroboros_energy_reserve"] <= 0)


@scenario(
    "phi is higher at the end of a long run than at its beginning",
    rate("rose") >= 0.9,
    tier="empirical_deep",
    family="drift",
)
def test_phi_drifts_upwards(trial):
    """Does state accumulate into the signal?

    If refuted: the drift term is lost, and scenarios that guard against drift guard against nothing.
    """
    for _, system in replicates(60):
        values = [system.run_cycle("tick").raw["phi"] for _ in range(200)]
        trial.observe(rose=sum(values[-50:]) > sum(values[:50]))


@pytest.mark.xfail(raises=Refuted, strict=True, reason="the mock accumulates state by design")
@scenario(
    "phi does not drift over a long run",
    rate("rose") <= 0.6,
    tier="empirical_deep",
    family="drift",
)
def test_phi_is_stationary(trial):
    """Does phi stay put when nothing changes?

    A known refutation, kept so that the day it no longer holds is noticed.
    """
    for _, system in replicates(60):
        values = [system.run_cycle("tick").raw["phi"] for _ in range(200)]
        trial.observe(rose=sum(values[-50:]) > sum(values[:50]))
