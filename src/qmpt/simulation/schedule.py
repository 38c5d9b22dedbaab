# SPDX-License-Identifier: Apache-2.0
"""What acts on a layer at each step of the time grid, worked out before a run begins.

Which patterns are active, where protection is held and how large the potential is depend on the interventions alone,
not on the state. So they are the same for every run of an ensemble, and a mistake in them is found before the first
step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from qmpt.data.models import Pattern
from qmpt.errors import ConfigError, DataError
from qmpt.simulation.dynamics import Forcing, LayerSettings
from qmpt.simulation.interventions import (
    AddPattern,
    Intervention,
    RemovePattern,
    SetPotential,
    SetProtection,
    ShiftProtection,
    StressShock,
)

__all__ = ["DEFAULT_SIGN", "MAX_STEPS", "Anomaly", "Jump", "Schedule", "anomaly_of", "grid_index", "make_schedule"]

MAX_STEPS: Final = 10_000_000
"""Longest run, in steps."""
DEFAULT_SIGN: Final = 1.0
"""Direction of an anomaly whose metadata give none (open choice: the theory expects those that come through to add)."""
_GRID_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An active pattern.

    Attributes:
        strength: a_i = (score - theta_2) / (theta_2 - theta_1), at most the cap.
        sign: in [-1, 1]; towards more or less capacity.
        type: number of its pattern type.
    """

    strength: float
    sign: float
    type: int


@dataclass(frozen=True, slots=True)
class Jump:
    """A change of state at one grid point.

    Attributes:
        stress: what is added to stress.
        protection: what is added to protection.
        set_protection: what protection is put to; None for nothing.
    """

    stress: float = 0.0
    protection: float = 0.0
    set_protection: float | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """What acts on a layer at the grid points 0 to ``steps``.

    Attributes:
        dt: length of a step.
        steps: number of steps.
        forcing: during the step that begins at each grid point, ``steps + 1`` of them.
        active: ids of the active anomalies at each grid point.
        jumps: grid point -> changes of state there, in order.
        events: grid point -> interventions that fire there, as plain values.
    """

    dt: float
    steps: int
    forcing: list[Forcing]
    active: list[tuple[str, ...]]
    jumps: dict[int, list[Jump]] = field(default_factory=dict)
    events: dict[int, list[dict[str, Any]]] = field(default_factory=dict)


def grid_index(t: float, dt: float) -> int:
    """The first grid point that is not before t.

    >>> grid_index(0.3, 0.1), grid_index(0.31, 0.1), grid_index(0.0, 0.1)
    (3, 4, 0)
    """
    return max(math.ceil(t / dt - _GRID_TOLERANCE * max(1.0, t / dt)), 0)


def anomaly_of(pattern: Pattern, settings: LayerSettings) -> Anomaly | None:
    """The anomaly that a pattern is, or None where its score is missing or below ``theta_2``.

    Its metadata may hold ``sign`` in [-1, 1], by default `DEFAULT_SIGN`, and ``type``, the number of its pattern type.

    Raises:
        DataError: a sign or type that is out of range.

    Example:
        >>> strong = Pattern(pattern_id="a", layer_id="L", anomaly_score=2.5, metadata={"sign": -1})
        >>> anomaly_of(strong, LayerSettings())
        Anomaly(strength=0.5, sign=-1.0, type=0)
    """
    score = pattern.anomaly_score
    if score is None or score < settings.theta_2:
        return None
    sign = pattern.metadata.get("sign", DEFAULT_SIGN)
    if isinstance(sign, bool) or not isinstance(sign, int | float) or not -1.0 <= sign <= 1.0:
        raise DataError(f"the sign of {pattern.pattern_id!r} is {sign!r}; give a number in [-1, 1], or none")
    declared, types = pattern.metadata.get("type"), len(settings.fitness)
    if declared is not None and (
        isinstance(declared, bool) or not isinstance(declared, int) or not 0 <= declared < max(types, 1)
    ):
        raise DataError(f"the type of {pattern.pattern_id!r} is {declared!r}; give a number from 0 to {types - 1}")
    strength = min((score - settings.theta_2) / (settings.theta_2 - settings.theta_1), settings.strength_cap)
    return Anomaly(strength, float(sign), settings.type_of(declared, float(sign)))


def make_schedule(
    present: Sequence[str],
    patterns: Mapping[str, Pattern],
    interventions: Sequence[Intervention],
    settings: LayerSettings,
    dt: float,
    t_end: float,
) -> Schedule:
    """Work out what acts at each grid point.

    Args:
        present: ids of the patterns that are in the layer at time 0.
        patterns: all patterns by id.
        interventions: in order of time.
        settings: of the model.
        dt: length of a step, above 0.
        t_end: end of the run; there are ``ceil(t_end / dt)`` steps.

    Raises:
        ConfigError: too many steps, an intervention after the end, a pattern that is added twice, removed while absent
            or not known.
        DataError: see `anomaly_of`.

    Example:
        >>> schedule = make_schedule([], {}, [StressShock(t=0.3, by=0.5)], LayerSettings(), 0.1, 1.0)
        >>> schedule.steps, list(schedule.events)
        (10, [3])
    """
    if not t_end / dt <= MAX_STEPS:
        raise ConfigError(
            f"{t_end} / {dt} are {t_end / dt:.3g} steps; the limit is {MAX_STEPS}: take a longer dt or a shorter run"
        )
    steps = grid_index(t_end, dt)
    due: dict[int, list[Intervention]] = {}
    for one in interventions:
        index = grid_index(one.t, dt)
        if index > steps:
            raise ConfigError(f"{one.kind} at t={one.t} is after the end, t={t_end}; it would never fire")
        due.setdefault(index, []).append(one)
    builder = _Builder(patterns, settings, Schedule(dt, steps, [], []))
    for name in present:
        builder.add(name, None)
    for index in range(steps + 1):
        for one in due.get(index, ()):
            builder.apply(one, index)
        builder.close(index)
    return builder.schedule


class _Builder:
    """Walks along the grid and keeps what is in force."""

    def __init__(self, patterns: Mapping[str, Pattern], settings: LayerSettings, schedule: Schedule) -> None:
        self.schedule = schedule
        self._patterns = dict(patterns)
        self._settings = settings
        self._present: dict[str, Anomaly | None] = {}
        self._potential: float | None = None
        self._held: SetProtection | None = None
        self._summary: tuple[float, float, tuple[float, ...], tuple[str, ...]] | None = None

    def add(self, name: str, pattern: Pattern | None) -> None:
        if name in self._present:
            raise ConfigError(f"the pattern {name!r} is in the layer already; remove it before adding it again")
        if pattern is not None:
            self._patterns[name] = pattern
        if name not in self._patterns:
            raise ConfigError(f"the pattern {name!r} is not known; give it among the patterns")
        self._present[name] = anomaly_of(self._patterns[name], self._settings)
        self._summary = None

    def _remove(self, name: str, t: float) -> None:
        if name not in self._present:
            raise ConfigError(f"the pattern {name!r} is not in the layer at t={t}; it cannot be removed")
        del self._present[name]
        self._summary = None

    def apply(self, one: Intervention, index: int) -> None:
        """Take an intervention into account and log it."""
        jump = None
        match one:
            case AddPattern():
                self.add(one.pattern_id, one.pattern)
            case RemovePattern():
                self._remove(one.pattern_id, one.t)
            case SetPotential():
                self._potential = one.value
            case SetProtection():
                self._held, jump = one, Jump(set_protection=one.value)
            case ShiftProtection():
                jump = None if self._holding(index) else Jump(protection=one.by)
            case StressShock():
                jump = Jump(stress=one.by)
        if jump is not None:
            self.schedule.jumps.setdefault(index, []).append(jump)
        self.schedule.events.setdefault(index, []).append(one.model_dump(mode="json", exclude={"pattern"}))

    def _holding(self, index: int) -> bool:
        held = self._held
        return held is not None and (held.until is None or index < grid_index(held.until, self.schedule.dt))

    def close(self, index: int) -> None:
        """Write down what is in force at a grid point."""
        if self._summary is None:
            self._summary = self._summarised()
        strength, direction, inflow, active = self._summary
        t = index * self.schedule.dt
        potential = self._settings.potential.at(t) if self._potential is None else self._potential
        held = self._held.value if self._held is not None and self._holding(index) else None
        self.schedule.forcing.append(Forcing(strength, direction, potential, inflow, held))
        self.schedule.active.append(active)

    def _summarised(self) -> tuple[float, float, tuple[float, ...], tuple[str, ...]]:
        found = {name: one for name, one in self._present.items() if one is not None}
        total = math.fsum(one.strength for one in found.values())
        signed = math.fsum(one.strength * one.sign for one in found.values())
        inflow = tuple(
            math.fsum(one.strength for one in found.values() if one.type == number)
            for number in range(len(self._settings.fitness))
        )
        return -math.expm1(-total), signed / total if total > 0.0 else 0.0, inflow, tuple(found)
