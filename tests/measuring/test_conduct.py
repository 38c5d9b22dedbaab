# SPDX-License-Identifier: Apache-2.0
"""A scenario without pytest."""

import asyncio
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ophamin import conduct, mean, rate, scenario
from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.conduct import INJECTED, as_system, conduct_all
from ophamin.seeing.substrate.base import SubstrateUnderTest
from ophamin.seeing.substrate.mock import MockSubstrate

FEW = rate("x") <= 0.1


@scenario("few are wrong", FEW)
def clean(trial):
    """Does it hold?"""
    for _ in range(40):
        trial.observe(x=False)


def test_it_gives_the_record_unsigned_and_well_formed():
    record = conduct(clean)
    assert (record.verdict.outcome, record.signature, record.validate()) == ("VALIDATED", "", [])


def test_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    conduct(clean)
    assert list(tmp_path.iterdir()) == []


def test_the_same_seed_gives_the_same_observations():
    @scenario("few are wrong", mean("x", bounds=(0, 1)) >= 0.5)
    def drawn(trial, rng):
        """Does it hold?"""
        for value in rng.random(20):
            trial.observe(x=float(value))

    digests = [conduct(drawn, seed=seed).evidence[0].detail["observations_sha256"] for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_every_fixture_of_a_trial_can_be_asked_for():
    given = {}

    @scenario("few are wrong", rate("success") >= 0.9, corpus="sentences", substrate=len)
    def everything(claim, corpus, rng, stream, substrate, trial):
        """Does it hold?"""
        given.update(claim=claim, corpus=corpus, rng=rng, stream=stream, substrate=substrate, trial=trial)
        for record in stream:
            substrate.run_cycle(record.content)

    assert conduct(everything).verdict.outcome == "VALIDATED"
    assert ("arms", *given) == INJECTED
    assert given["claim"].statement == "few are wrong"
    assert given["corpus"].name == "sentences"
    assert given["substrate"].name == "len"


def test_several_claims_come_as_a_tuple_and_give_a_record_each():
    claims = []

    @scenario("both", rate("x") <= 0.1, rate("x") >= 0.9)
    def two(claim, trial):
        """Does it hold?"""
        claims.append(claim)
        for _ in range(40):
            trial.observe(x=False)

    assert [record.verdict.outcome for record in conduct_all(two)] == ["VALIDATED", "REFUTED"]
    assert [one.h1 for one in claims[0]] == ["rate(x) <= 0.1", "rate(x) >= 0.9"]
    with pytest.raises(ClaimError, match=r"two makes 2 claims; use conduct_all\(\)"):
        conduct(two)


def test_a_parameter_with_a_default_is_left_alone_and_one_without_is_named():
    @scenario("few are wrong", FEW)
    def with_default(trial, *rest, dose=0.3, **more):
        """Does it hold?"""
        assert (rest, dose, more) == ((), 0.3, {})
        for _ in range(40):
            trial.observe(x=False)

    @scenario("few are wrong", FEW)
    def with_fixture(trial, tmp_path):
        """Does it hold?"""

    assert conduct(with_default).verdict.outcome == "VALIDATED"
    with pytest.raises(ClaimError, match="asks for 'tmp_path', which only pytest can give"):
        conduct(with_fixture)


def test_a_plain_function_is_no_scenario():
    with pytest.raises(ClaimError, match="decorate it with @scenario"):
        conduct(len)


def test_an_error_of_the_body_passes_through():
    @scenario("few are wrong", FEW)
    def broken(trial):
        """Does it hold?"""
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        conduct(broken)


def test_evidence_that_cannot_be_used_is_raised():
    @scenario("few are wrong", FEW)
    def silent(trial):
        """Does it hold?"""
        trial.observe(y=1)

    with pytest.raises(LookupError, match="carried 'x'"):
        conduct(silent)


# -- async ------------------------------------------------------------------------------------------------------------


@scenario("few are wrong", FEW)
async def awaited(trial):
    """Does it hold?"""
    for _ in range(40):
        await asyncio.sleep(0)
        trial.observe(x=False)


def test_an_async_body_is_run_to_its_end():
    assert conduct(awaited).verdict.outcome == "VALIDATED"


def test_an_async_body_runs_where_a_loop_runs_already_as_in_a_notebook():
    async def cell():
        return conduct(awaited)

    assert asyncio.run(cell()).verdict.outcome == "VALIDATED"


def test_an_async_body_can_wait_for_an_async_system():
    async def answer(text):
        await asyncio.sleep(0)
        return {"x": False}

    @scenario("few are wrong", FEW, substrate=answer)
    async def tried(substrate):
        """Does it hold?"""
        for _ in range(20):
            await substrate.arun_cycle("in")
            substrate.run_cycle("in")

    record = conduct(tried)
    assert (record.verdict.outcome, record.evidence[0].detail["n_units"]) == ("VALIDATED", 40)


# -- the system under test --------------------------------------------------------------------------------------------


@scenario("phi is above nothing", mean("phi", bounds=(0, 1)) >= 0.2)
def phi(substrate):
    """Is there any?"""
    for _ in range(30):
        substrate.run_cycle("in")


def test_the_system_may_be_an_object_a_class_a_name_or_a_callable():
    for system in (MockSubstrate(seed=7), "mock:seed=7"):
        assert conduct(phi, system).substrate_git_commit == "mock-0000007"
    assert conduct(phi, MockSubstrate).substrate_name == "mock"
    assert conduct(phi, lambda _: {"phi": 0.9}).verdict.outcome == "VALIDATED"


class Probe:
    """Has the members of a system under test, and inherits nothing."""

    name = "probe"

    def git_commit(self):
        return "p1"

    def reset(self):
        pass

    def run_cycle(self, stimulus, params=None):
        return CycleResult(0, True, {"phi": 0.9})

    def run_batch(self, stimuli, params=None):
        return [self.run_cycle(one) for one in stimuli]


def test_a_system_needs_no_base_class():
    assert isinstance(as_system(Probe()), SubstrateUnderTest)
    assert conduct(phi, Probe()).substrate_git_commit == "p1"


@pytest.mark.parametrize("value", [5, None, object()])
def test_what_is_no_system_is_refused(value):
    with pytest.raises(ClaimError, match="is no substrate"):
        as_system(value)


def test_a_scenario_without_a_system_says_how_to_give_one():
    with pytest.raises(ClaimError, match="no system under test"):
        conduct(phi)


def test_the_declared_system_is_taken_and_several_must_be_chosen_from():
    @scenario("phi", mean("phi", bounds=(0, 1)) >= 0.2, substrate="mock:seed=3")
    def one(substrate):
        """Is there any?"""
        for _ in range(30):
            substrate.run_cycle("in")

    @scenario("phi", mean("phi", bounds=(0, 1)) >= 0.2, substrates=["mock:seed=3", "mock:seed=4"])
    def two(substrate):
        """Is there any?"""

    assert conduct(one).substrate_git_commit == "mock-0000003"
    with pytest.raises(ClaimError, match=r"declares 2 substrates; pass one: conduct\(two, substrate\)"):
        conduct(two)


# -- the command ------------------------------------------------------------------------------------------------------

MODULE = '''
from ophamin import mean, rate, scenario

@scenario("phi is above nothing", mean("phi", bounds=(0, 1)) >= 0.2)
def phi(substrate):
    """Is there any?"""
    for _ in range(30):
        substrate.run_cycle("in")

@scenario("both", rate("x") <= 0.1, rate("x") >= 0.9)
def both(trial):
    """Does it hold?"""
    for _ in range(40):
        trial.observe(x=False)
'''


@pytest.mark.parametrize(("name", "system"), [("phi", "mock:seed=3"), ("both", None)])
def test_the_command_of_the_record_runs_when_it_is_pasted(tmp_path, monkeypatch, name, system):
    (tmp_path / "some_claims.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import some_claims

    command = conduct_all(getattr(some_claims, name), system, root=Path(__file__).parent)[0].reproduction.command
    program, *arguments = shlex.split(command)
    assert program == "python"
    run = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_system_that_has_no_name_is_left_open_in_the_command():
    command = conduct(phi, MockSubstrate(seed=7)).reproduction.command
    assert "conduct(phi, SUBSTRATE, seed=0)" in command
