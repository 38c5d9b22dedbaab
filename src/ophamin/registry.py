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
    Registry,
    RegistryError,
    UnknownPluginError,
)
from ophamin.measuring.pillars.base import PILLARS
from ophamin.measuring.scenarios.base import SCENARIOS
from ophamin.protocols import Auditor, Pillar, Renderer
from ophamin.seeing.corpus.base import CORPORA
from ophamin.seeing.substrate.base import SUBSTRATES

__all__ = [
    "AUDITORS",
    "CORPORA",
    "PILLARS",
    "RENDERERS",
    "SCENARIOS",
    "SUBSTRATES",
    "DuplicatePluginError",
    "PluginProtocolViolationError",
    "RegistryError",
    "UnknownPluginError",
    "get_auditor",
    "get_corpus",
    "get_pillar",
    "get_renderer",
    "get_scenario",
    "get_substrate",
    "list_auditors",
    "list_corpora",
    "list_pillars",
    "list_renderers",
    "list_scenarios",
    "list_substrates",
    "register_auditor",
    "register_corpus",
    "register_pillar",
    "register_renderer",
    "register_scenario",
    "register_substrate",
]

Plugin = TypeVar("Plugin")

AUDITORS: Registry[Auditor] = Registry(
    "auditor", Auditor, "ophamin.auditors", key=lambda auditor: auditor.name, accepts_classes=True
)
RENDERERS: Registry[Renderer] = Registry("renderer", Renderer, "ophamin.renderers", key=lambda renderer: renderer.name)


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


def register_auditor(auditor: Plugin) -> Plugin:
    """Add an auditor under its ``name``; returns it."""
    return AUDITORS.register(auditor)  # type: ignore[arg-type,return-value]  # the registry checks the contract


def get_auditor(name: str) -> Auditor:
    """The auditor of that name."""
    return AUDITORS.get(name)


def list_auditors() -> list[str]:
    """Names of all auditors."""
    return AUDITORS.names()


def register_renderer(renderer: Plugin) -> Plugin:
    """Add a renderer under its ``name``; returns it."""
    return RENDERERS.register(renderer)  # type: ignore[arg-type,return-value]  # the registry checks the contract


def get_renderer(name: str) -> Renderer:
    """The renderer of that name."""
    return RENDERERS.get(name)


def list_renderers() -> list[str]:
    """Names of all renderers."""
    return RENDERERS.names()
