# SPDX-License-Identifier: Apache-2.0
"""What is done to a layer on the way: patterns come and go, protection and potential are set, stress is shocked.

An intervention fires once, at the first time step that is not before its time. Those of one time fire in the order
given. Each is written into the state in which it fired.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from qmpt.data.models import Pattern
from qmpt.errors import ConfigError, nearest_name, validation_message

__all__ = [
    "INTERVENTIONS",
    "AddPattern",
    "Intervention",
    "RemovePattern",
    "SetPotential",
    "SetProtection",
    "ShiftProtection",
    "StressShock",
    "parse_intervention",
    "parse_interventions",
]

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Shift = Annotated[float, Field(ge=-1.0, le=1.0)]
Name = Annotated[str, Field(min_length=1)]


class _Intervention(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    t: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class AddPattern(_Intervention):
    """A pattern enters the layer.

    Attributes:
        t: time, at least 0.
        kind: ``add_pattern``.
        pattern_id: which one.
        pattern: the pattern itself; None where the runner knows it already.

    Example:
        >>> AddPattern(t=5, pattern_id="agent-7").kind
        'add_pattern'
    """

    kind: Literal["add_pattern"] = "add_pattern"
    pattern_id: Name
    pattern: Pattern | None = None

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if self.pattern is not None and self.pattern.pattern_id != self.pattern_id:
            raise ValueError(f"pattern_id is {self.pattern_id!r}, but the pattern is {self.pattern.pattern_id!r}")
        return self


class RemovePattern(_Intervention):
    """A pattern leaves the layer; one that is not there is an error.

    Attributes:
        t: time, at least 0.
        kind: ``remove_pattern``.
        pattern_id: which one.

    Example:
        >>> RemovePattern(t=5, pattern_id="agent-7").kind
        'remove_pattern'
    """

    kind: Literal["remove_pattern"] = "remove_pattern"
    pattern_id: Name


class SetProtection(_Intervention):
    """Protection is put to a value and held there.

    Attributes:
        t: time, at least 0.
        kind: ``set_protection``.
        value: in [0, 1].
        until: time at which it is let go; None to hold it to the end.

    Example:
        >>> SetProtection(t=5, value=1.0, until=10).until
        10.0
    """

    kind: Literal["set_protection"] = "set_protection"
    value: Unit
    until: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _later(self) -> Self:
        if self.until is not None and self.until <= self.t:
            raise ValueError(f"until is {self.until}, but t is {self.t}; protection must be held for some time")
        return self


class ShiftProtection(_Intervention):
    """Protection is shifted once and then follows the model; held protection stays as it is.

    Attributes:
        t: time, at least 0.
        kind: ``shift_protection``.
        by: in [-1, 1]; the result is clipped to [0, 1].

    Example:
        >>> ShiftProtection(t=5, by=-0.2).kind
        'shift_protection'
    """

    kind: Literal["shift_protection"] = "shift_protection"
    by: Shift


class StressShock(_Intervention):
    """Stress is shifted once and then follows the model.

    Attributes:
        t: time, at least 0.
        kind: ``stress_shock``.
        by: in [-1, 1]; the result is clipped to [0, 1].

    Example:
        >>> StressShock(t=5, by=0.3).kind
        'stress_shock'
    """

    kind: Literal["stress_shock"] = "stress_shock"
    by: Shift


class SetPotential(_Intervention):
    """The potential is constant from here on.

    Attributes:
        t: time, at least 0.
        kind: ``set_potential``.
        value: above 0.

    Example:
        >>> SetPotential(t=5, value=2.0).value
        2.0
    """

    kind: Literal["set_potential"] = "set_potential"
    value: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


Intervention = AddPattern | RemovePattern | SetPotential | SetProtection | ShiftProtection | StressShock

INTERVENTIONS: Final[dict[str, type[Intervention]]] = {
    "add_pattern": AddPattern,
    "remove_pattern": RemovePattern,
    "set_potential": SetPotential,
    "set_protection": SetProtection,
    "shift_protection": ShiftProtection,
    "stress_shock": StressShock,
}
"""Kind -> model."""


def parse_intervention(given: Any) -> Intervention:
    """An intervention as it is, or from a mapping such as a configuration file holds.

    Raises:
        ConfigError: an unknown kind or key, or a value out of its range.

    Example:
        >>> parse_intervention({"t": 5, "kind": "stress_shock", "by": 0.3})
        StressShock(t=5.0, kind='stress_shock', by=0.3)
    """
    if isinstance(given, Intervention):
        return given
    if not isinstance(given, dict):
        raise ConfigError(f"an intervention is {type(given).__name__}; give a dictionary with t and kind")
    kind = given.get("kind")
    model = INTERVENTIONS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise ConfigError(f"the kind of an intervention is {kind!r}; {nearest_name(str(kind), INTERVENTIONS)}")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"{kind}: {validation_message(error, model)}") from None


def parse_interventions(given: Iterable[Any]) -> list[Intervention]:
    """Interventions by time; those of one time stay in the order given.

    Raises:
        ConfigError: see `parse_intervention`.

    Example:
        >>> late, early = {"t": 5, "kind": "stress_shock", "by": 0.3}, {"t": 1, "kind": "stress_shock", "by": 0.1}
        >>> [one.t for one in parse_interventions([late, early])]
        [1.0, 5.0]
    """
    return sorted((parse_intervention(one) for one in given), key=lambda one: one.t)
