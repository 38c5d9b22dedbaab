# SPDX-License-Identifier: Apache-2.0
"""Every registry in one place.

>>> from ophamin.registry import list_substrates
>>> "mock" in list_substrates()
True
"""

from __future__ import annotations

from typing import Any, TypeVar

from ophamin.core.plugins import (
    DuplicatePluginError,
    PluginProtocolViolationError,
    RegistryError,
    UnknownPluginError,
)
from ophamin.measuring.pillars.base import PILLARS
from ophamin.measuring.scenarios.base import SCENARIOS
from ophamin.protocols import Pillar
from ophamin.seeing.corpus.base import CORPORA
from ophamin.seeing.substrate.base import SUBSTRATES

__all__ = [
    "CORPORA",
    "PILLARS",
    "SCENARIOS",
    "SUBSTRATES",
    "DuplicatePluginError",
    "PluginProtocolViolationError",
    "RegistryError",
    "UnknownPluginError",
    "get_corpus",
    "get_pillar",
    "get_scenario",
    "get_substrate",
    "list_corpora",
    "list_pillars",
    "list_scenarios",
    "list_substrates",
    "register_corpus",
    "register_pillar",
    "register_scenario",
    "register_substrate",
]

Plugin = TypeVar("Plugin")


def register_pillar(pillar: Plugin) -> Plugin:
    """Add a pillar under its ``pillar_name``; returns it.

    Raises:
        PluginProtocolViolationError: it lacks members of `ophamin.protocols.Pillar`.
        DuplicatePluginError: another pillar has the name.
    """
    return PILLARS.register(pillar)  # type: ignore[arg-type,return-value]  # the registry checks the contract


def get_pillar(name: str) -> Pillar:
    """The pillar of that name; KeyError with the nearest name where there is none."""
    return PILLARS.get(name)


def list_pillars() -> list[str]:
    """Names of all pillars."""
    return PILLARS.names()


def register_substrate(substrate: Plugin, name: str | None = None) -> Plugin:
    """Add a substrate, or the class of one, under ``name``, or its own; returns it."""
    return SUBSTRATES.register(substrate, name)  # type: ignore[no-any-return]  # the registry checks the contract


def get_substrate(name: str) -> Any:
    """The substrate class of that name."""
    return SUBSTRATES.get(name)


def list_substrates() -> list[str]:
    """Names of all substrates."""
    return SUBSTRATES.names()


def register_corpus(corpus: Plugin, name: str | None = None) -> Plugin:
    """Add a corpus, or the class of one, under ``name``, or its own; returns it."""
    return CORPORA.register(corpus, name)  # type: ignore[no-any-return]  # the registry checks the contract


def get_corpus(name: str) -> Any:
    """The corpus class of that name."""
    return CORPORA.get(name)


def list_corpora() -> list[str]:
    """Names of all corpora."""
    return CORPORA.names()


def register_scenario(scenario: Plugin, name: str | None = None) -> Plugin:
    """Add a scenario class under ``name``, or its own; returns it."""
    return SCENARIOS.register(scenario, name)  # type: ignore[no-any-return]  # the registry checks the contract


def get_scenario(name: str) -> Any:
    """The scenario class of that name."""
    return SCENARIOS.get(name)


def list_scenarios() -> list[str]:
    """Names of all scenario classes."""
    return SCENARIOS.names()
