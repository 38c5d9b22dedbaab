# SPDX-License-Identifier: Apache-2.0
"""The fixtures of a trial. A project's own fixture of one of these names wins, as always in pytest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ophamin.core.plugins import UnknownPluginError
from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.conduct import arms_of, injectable
from ophamin.plugin.docket import TRIAL, declaration_on, docket_of
from ophamin.seeing.substrate.base import SUBSTRATES

if TYPE_CHECKING:
    import numpy as np

    from ophamin.measuring.proof.record import Claim
    from ophamin.measuring.stream import Stream
    from ophamin.measuring.trial import Trial
    from ophamin.plugin.audits import Audits
    from ophamin.seeing.corpus.base import Corpus
    from ophamin.seeing.substrate.arms import Arms
    from ophamin.seeing.substrate.recording import RecordingSubstrate


@pytest.fixture
def trial(request: pytest.FixtureRequest) -> Trial:
    """The trial of this scenario: ``observe(...)``, ``stream``, ``rng``, ``ledger``."""
    found = request.node.stash.get(TRIAL, None)
    if found is None:
        raise ClaimError(
            f"{request.node.name} asks for the fixture {request.fixturename!r} and is no scenario; "
            "decorate it with @scenario"
        )
    return found  # type: ignore[no-any-return]  # the stash key says its type


@pytest.fixture
def claim(trial: Trial) -> Claim | tuple[Claim, ...]:
    """The frozen claim of this scenario, or the tuple of them."""
    return injectable(trial)["claim"]()  # type: ignore[no-any-return]  # typed by its name


@pytest.fixture
def corpus(trial: Trial) -> Corpus | None:
    """The corpus the scenario declares."""
    return trial.script.corpus


@pytest.fixture
def stream(trial: Trial) -> Stream:
    """The records of the corpus in the declared order; ``stream.chunks(k)`` gives lists."""
    return trial.stream


@pytest.fixture
def rng(trial: Trial) -> np.random.Generator:
    """A generator seeded from the claim's digest, the session's seed and the attempt."""
    return trial.rng


@pytest.fixture
def substrate(request: pytest.FixtureRequest, trial: Trial) -> RecordingSubstrate:
    """The system under test; what goes through it is recorded."""
    if not hasattr(request, "param"):
        return trial.substrate  # raises, and says how to declare one
    trial.attach(docket_of(request.config).system(request.param, lambda name: _project_fixture(request, name)))
    return trial.substrate


@pytest.fixture
def arms(request: pytest.FixtureRequest, trial: Trial) -> Arms:
    """The systems that the scenario compares: ``arms.run(record)`` puts one record through each, in shuffled order."""
    declared = declaration_on(request.node).substrates
    if declared:
        clerk, fixture = docket_of(request.config), partial(_project_fixture, request)
        itself = clerk.options.against_itself
        systems = arms_of(declared, lambda arm, named: clerk.system(named, fixture, arm=arm), self_comparison=itself)
        trial.attach_arms(systems, self_comparison=itself)
    return injectable(trial)["arms"]()  # type: ignore[no-any-return]  # typed by its name


@pytest.fixture(scope="session")
def audit(pytestconfig: pytest.Config) -> Audits:
    """Audit source code: ``audit("src", tools=("ruff", "bandit"))`` gives an `AuditRecord`, made once in a session."""
    return docket_of(pytestconfig).audits


def _project_fixture(request: pytest.FixtureRequest, name: str) -> Any:
    """The project's fixture of that name, where no registered system has it."""
    try:
        return request.getfixturevalue(name)
    except pytest.FixtureLookupError:
        raise UnknownPluginError(
            f"unknown substrate {name!r}: neither registered nor a fixture of this project; "
            f"{nearest_name(name, SUBSTRATES.names())}"
        ) from None
