# SPDX-License-Identifier: Apache-2.0
"""Plug-ins that a project's conftest files add, for one session alone."""

from __future__ import annotations

from typing import Any

import pytest

from ophamin import registry
from ophamin.core.plugins import RegistryError

__all__ = ["SessionRegistry"]


class SessionRegistry:
    """What ``pytest_ophamin_register`` is given: the registries, remembering what to take back at the end."""

    def __init__(self, registered: list[tuple[Any, str | None]]) -> None:
        self._registered = registered

    def register_substrate(self, substrate: Any, name: str | None = None) -> Any:
        """Add a system under test."""
        return self._add(registry.SUBSTRATES, substrate, name or getattr(substrate, "name", None))

    def register_corpus(self, corpus: Any, name: str | None = None) -> Any:
        """Add a corpus."""
        return self._add(registry.CORPORA, corpus, name or getattr(corpus, "name", None))

    def register_auditor(self, auditor: Any) -> Any:
        """Add an auditor."""
        return self._add(registry.AUDITORS, auditor, getattr(auditor, "name", None))

    def register_pillar(self, pillar: Any) -> Any:
        """Add a pillar."""
        return self._add(registry.PILLARS, pillar, getattr(pillar, "pillar_name", None))

    def _add(self, plugins: Any, plugin: Any, name: str | None) -> Any:
        try:
            plugins.register(plugin, name)
        except RegistryError as error:
            raise pytest.UsageError(f"pytest_ophamin_register: {error}") from error
        if (plugins, name) not in self._registered:
            self._registered.append((plugins, name))
        return plugin
