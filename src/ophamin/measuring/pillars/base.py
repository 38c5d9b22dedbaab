# SPDX-License-Identifier: Apache-2.0
"""The registry of pillars, and how a plan names them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ophamin.core.plugins import PluginProtocolViolationError, Registry
from ophamin.protocols import Pillar

__all__ = ["PILLARS", "resolve_pillars"]

PILLARS: Registry[Pillar] = Registry("pillar", Pillar, "ophamin.pillars", key=lambda pillar: pillar.pillar_name)


def resolve_pillars(named: Iterable[Any]) -> tuple[Pillar, ...]:
    """The pillars of a plan: values as they are, names looked up.

    Raises:
        UnknownPluginError: no pillar of that name; the nearest is suggested.
        PluginProtocolViolationError: a value that is no pillar.
    """
    pillars: list[Pillar] = []
    for one in named:
        pillar = PILLARS.get(one) if isinstance(one, str) else one
        if not isinstance(pillar, Pillar):
            raise PluginProtocolViolationError(Pillar, pillar)
        pillars.append(pillar)
    return tuple(pillars)
