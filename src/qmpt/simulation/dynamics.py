# SPDX-License-Identifier: Apache-2.0
r"""What the models of a layer share: the state, the settings and the operations on floats and arrays.

A model is a function that gives the rates of change of stress, protection, capacity and novelty. The rest is common:
anomalies act through the factor \(1 - P\), rigidity follows protection, shares of pattern types follow a
replicator-mutator equation, and noise enters with the square root of the time step.

The same code runs on floats (one layer) and on arrays (many layers at once); `Operations` holds what differs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "ARRAYS",
    "CAPACITY_FLOOR",
    "FLOATS",
    "Forcing",
    "LayerModel",
    "LayerSettings",
    "Operations",
    "Potential",
    "Rates",
    "Start",
    "State",
]

Value = Any
"""A float, or an array with one value per run."""

CAPACITY_FLOOR: Final = 1e-6
"""Capacity stays above 0 (open choice: far below any capacity of interest)."""
_LARGEST_EXPONENT: Final = 700.0

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Operations(NamedTuple):
    """The operations in which floats and arrays differ.

    Attributes:
        exp: the exponential function.
        positive: the value, or 0 if it is negative.
        clip: the nearest value in [0, 1].
        logistic: 1 / (1 + exp(-value)), also where that would overflow.
        where: of a condition, a value if it holds and one if not.
    """

    exp: Callable[[Any], Any]
    positive: Callable[[Any], Any]
    clip: Callable[[Any], Any]
    logistic: Callable[[Any], Any]
    where: Callable[[Any, Any, Any], Any]


def _positive(value: float) -> float:
    return value if value > 0.0 else 0.0  # noqa: FURB136 - max() takes three times as long, and this is the inner loop


def _clip(value: float) -> float:
    return 0.0 if value < 0.0 else 1.0 if value > 1.0 else value  # noqa: FURB136 - as above


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value)) if value > -_LARGEST_EXPONENT else 0.0


def _where(condition: bool, then: Any, other: Any) -> Any:
    return then if condition else other


def _positive_array(values: Any) -> Any:
    return np.maximum(values, 0.0)


def _clip_array(values: Any) -> Any:
    return np.minimum(np.maximum(values, 0.0), 1.0)


def _logistic_array(values: Any) -> Any:
    return 1.0 / (1.0 + np.exp(np.minimum(-values, _LARGEST_EXPONENT)))


FLOATS: Final = Operations(math.exp, _positive, _clip, _logistic, _where)
"""For one run; plain floats are several times faster than arrays of one number."""
ARRAYS: Final = Operations(np.exp, _positive_array, _clip_array, _logistic_array, np.where)
"""For many runs at once."""


class State(NamedTuple):
    """The state of a layer as numbers; each is a float or an array of shape (runs,).

    Attributes:
        stress: in [0, 1].
        protection: in [0, 1].
        capacity: above 0.
        novelty: in [0, 1].
        rigidity: in [0, 1]; the rules, which follow protection slowly.
        time_above: time since stress last was at or below ``s_b``.
        shares: of the pattern types, summing to 1; empty where types are not modelled.
    """

    stress: Value
    protection: Value
    capacity: Value
    novelty: Value
    rigidity: Value
    time_above: Value
    shares: tuple[Value, ...] = ()


class Rates(NamedTuple):
    """Rates of change per unit of time, as a model gives them."""

    stress: Value
    protection: Value
    capacity: Value
    novelty: Value


class Forcing(NamedTuple):
    """What acts on a layer from outside during one step.

    Attributes:
        anomaly: a = 1 - exp(-sum of strengths) of the active anomalies, in [0, 1).
        direction: u, their mean sign weighted by strength, in [-1, 1]; 0 without anomalies.
        potential: K, what capacity could become.
        inflow: strength per pattern type, not saturated; empty where types are not modelled.
        held: value at which protection is held, or None.
    """

    anomaly: float
    direction: float
    potential: float
    inflow: tuple[float, ...] = ()
    held: float | None = None


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Potential(_Section):
    """What capacity could become, as a logistic rise: base + rise / (1 + exp(-(t - midpoint) / width)).

    Attributes:
        base: before the rise, above 0.
        rise: total rise, at least 0; 0 for a constant potential.
        midpoint: time of half the rise.
        width: time scale of the rise, above 0.

    Example:
        >>> Potential(rise=3.0).at(120.0)
        2.75
    """

    base: Positive = 1.25
    rise: NotNegative = 0.0
    midpoint: Finite = 120.0
    width: Positive = 20.0

    def at(self, t: float) -> float:
        """The potential at time t."""
        return self.base + self.rise * float(FLOATS.logistic((t - self.midpoint) / self.width))


class Start(_Section):
    """The state at time 0; these defaults are open choices (qmpt's reference runs start here).

    Attributes:
        stress: in [0, 1].
        protection: in [0, 1].
        capacity: above 0.
        novelty: in [0, 1].
    """

    stress: Unit = 0.25
    protection: Unit = 0.8
    capacity: Positive = 1.0
    novelty: Unit = 0.05


class LayerSettings(_Section):
    """The settings that every model has. All constants are open choices: no theory or measurement fixes them.

    Attributes:
        seed: of all random draws, at least 0.
        replicate: number of the run within an ensemble; each has its own independent stream.
        theta_1: score from which on a pattern is rare, above 0.
        theta_2: score from which on it is an anomaly, above ``theta_1``. Give both as they were fitted.
        strength_cap: largest strength of one anomaly, in units of ``theta_2 - theta_1``.
        potential: what capacity could become; a number is a constant.
        start: state at time 0; None for the last state of the layer where it has one, else the defaults of `Start`.
        tau_s: time scale of stress.
        tau_p: time scale of protection.
        tau_n: time scale of novelty.
        tau_r: time scale in which rigidity follows protection.
        g0: rate of growth of capacity towards the potential.
        g_a: how much anomalies change the growth of capacity.
        d: rate of loss of capacity per stress above ``s_b``.
        s_b: stress above which capacity is lost, in [0, 1].
        eta_s: noise of stress per square root of time; 0 for none.
        eta_p: noise of protection.
        eta_c: relative noise of capacity.
        fitness: of each pattern type; empty where types are not modelled.
        mutation: rate at which types turn into any other.
        reset_hazard: rate of resets per stress above ``s_b``; 0 for none.
        reset_hold: time for which stress must have been above ``s_b`` before a reset.
        reset_capacity: share of capacity that a reset leaves.
        reset_shares: weight of the old shares of types after a reset.
        reset_protection: protection after a reset.
        reset_stress: stress after a reset.

    Example:
        >>> LayerSettings(potential=2.0).potential.at(1e6)
        2.0
    """

    seed: Annotated[int, Field(ge=0)] = 0
    replicate: Annotated[int, Field(ge=0)] = 0
    theta_1: Positive = 1.0
    theta_2: Positive = 2.0
    strength_cap: Positive = 3.0
    potential: Potential = Field(default_factory=Potential)
    start: Start | None = None
    tau_s: Positive = 5.0
    tau_p: Positive = 10.0
    tau_n: Positive = 5.0
    tau_r: Positive = 20.0
    g0: NotNegative = 0.01
    g_a: NotNegative = 0.06
    d: NotNegative = 0.10
    s_b: Unit = 0.80
    eta_s: NotNegative = 0.0
    eta_p: NotNegative = 0.0
    eta_c: NotNegative = 0.0
    fitness: tuple[Finite, ...] = ()
    mutation: NotNegative = 0.01
    reset_hazard: NotNegative = 0.0
    reset_hold: NotNegative = 20.0
    reset_capacity: Annotated[float, Field(gt=0.0, le=1.0)] = 0.3
    reset_shares: Unit = 0.2
    reset_protection: Unit = 0.5
    reset_stress: Unit = 0.4

    @model_validator(mode="before")
    @classmethod
    def _constant_potential(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("potential"), int | float):
            return {**value, "potential": {"base": value["potential"]}}
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.theta_1 < self.theta_2:
            raise ValueError(f"theta_1 is {self.theta_1} and theta_2 {self.theta_2}; theta_2 must be the larger one")
        if len(self.fitness) == 1:
            raise ValueError("fitness has 1 type; give at least 2 types, or none")
        return self

    @property
    def noisy(self) -> bool:
        """Whether two runs of different seeds can differ."""
        return max(self.eta_s, self.eta_p, self.eta_c, self.reset_hazard) > 0.0

    @property
    def shortest_time(self) -> float:
        """The shortest time scale; a longer step would overshoot."""
        return min(self.tau_s, self.tau_p, self.tau_n, self.tau_r)

    def first_shares(self) -> tuple[float, ...]:
        """The shares of types at time 0: equal."""
        return tuple(1.0 / len(self.fitness) for _ in self.fitness)

    def type_of(self, declared: int | None, sign: float) -> int:
        """The pattern type of an anomaly: the declared one, else the first."""
        return 0 if declared is None else declared


@dataclass(frozen=True, slots=True)
class LayerModel:
    """A model of a layer.

    Attributes:
        name: as `SimulationConfig.model_id` gives it.
        semver: version of its code.
        settings: its settings, a subclass of `LayerSettings`.
        rates: from state, forcing, settings and operations to the rates of change.
    """

    name: str
    semver: str
    settings: type[LayerSettings]
    rates: Callable[[State, Forcing, Any, Operations], Rates]
