# SPDX-License-Identifier: Apache-2.0
r"""The scenario ``transfer_cycle``: is what arrives on another carrier still the same pattern?

A pattern here is a small linear process: a rule that leads from state to state, inputs from a world, and a self-model
fitted to its own past. Rule and state are encoded onto a carrier of limited width and noise, decoded, and live on.
Both the original and what arrived meet the same inputs (common random numbers), so a perfect copy diverges by exactly
0, and every number stands beside that of an unrelated pattern, which is chance. It is a toy that shows how such a test
must be built; it says nothing about minds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from qmpt.errors import ConfigError, validation_message
from qmpt.metrics.counterfactual import Estimate
from qmpt.simulation.scenarios import section_of
from qmpt.simulation.transfer_identity import identity_drift, identity_threshold

if TYPE_CHECKING:
    from qmpt.config.schemas import SimulationSection

__all__ = ["Carrier", "TransferCycle", "TransferSettings", "cycle_from_section", "transfer_cycle"]

Array = NDArray[np.float64]

FEWEST_REPLICATES: Final = 32
_MEMORY: Final = 0.9
_MOST_MEMORY: Final = 0.99
_WINDOWS: Final = 12
_WINDOW_PAIRS: Final = 200
_RESAMPLES: Final = 2000

NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class TransferSettings(BaseModel):
    """Constants of the process; all are open choices.

    Attributes:
        dimension: of the state, at least 2.
        steps: lived before the transfer, and after it; at least 24 per dimension.
        input_noise: standard deviation of the inputs, above 0.
        seed: of all draws.
        replicates: independent patterns, at least 32.

    Example:
        >>> TransferSettings().replicates
        64
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dimension: Annotated[int, Field(ge=2, le=64)] = 4
    steps: Annotated[int, Field(ge=48, le=100_000)] = 600
    input_noise: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0
    seed: Annotated[int, Field(ge=0)] = 0
    replicates: Annotated[int, Field(ge=FEWEST_REPLICATES, le=100_000)] = 64

    @model_validator(mode="after")
    def _windows_hold_enough(self) -> Self:
        if self.steps < 2 * _WINDOWS * self.dimension:
            raise ValueError(f"steps is {self.steps}; give at least {2 * _WINDOWS * self.dimension}, 24 per dimension")
        return self


class Carrier(BaseModel):
    """What a pattern is written onto.

    Attributes:
        name: of the carrier.
        width: dimensions it holds, at least 1; fewer than the pattern has lose some of it.
        noise: standard deviation of the error of each number, at least 0; a rule's numbers are of the order of
            0.9 over the root of the dimension.

    Example:
        >>> Carrier(name="disk", width=8).noise
        0.0
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "carrier"
    width: Annotated[int, Field(ge=1)]
    noise: NotNegative = 0.0

    def carry(self, rows: Array, draw: np.random.Generator) -> Array:
        """Encode rows, hold them, and decode them: the first columns with an error, and 0 for what found no place."""
        kept, error = np.arange(rows.shape[1]) < self.width, self.noise * draw.standard_normal(rows.shape)
        arrived: Array = np.where(kept, rows + error, 0.0)
        return arrived


@dataclass(frozen=True)
class TransferCycle:
    """What became of patterns that were transferred.

    Attributes:
        divergence: mean distance per step between the original and what arrived, in standard deviations of the state.
        chance: the same for an unrelated pattern under the same inputs.
        excess: ``divergence`` minus ``chance``, pair by pair; below 0 where something of the pattern arrived.
        self_knowledge_before: share of the variance of its next state that the pattern's self-model predicts, on steps
            it was not fitted to.
        self_knowledge_after: the same after the transfer.
        same_identity: share of patterns whose drift over the transfer is within the 95th percentile of their own
            drift; about 0.95 for a perfect copy.
        same_by_chance: the same for the unrelated pattern.
        replicates: independent patterns.
    """

    divergence: Estimate
    chance: Estimate
    excess: Estimate
    self_knowledge_before: Estimate
    self_knowledge_after: Estimate
    same_identity: float
    same_by_chance: float
    replicates: int


def transfer_cycle(carriers: list[Carrier], settings: TransferSettings | None = None) -> TransferCycle:
    """Transfer patterns over a chain of carriers, and compare them with what they would have become.

    Each replicate is a pattern of its own: dynamics, past and inputs come from its own stream of random numbers. Means
    have 95% bootstrap intervals over replicates.

    Args:
        carriers: in order; at least one.
        settings: None for the defaults.

    Raises:
        ConfigError: no carrier.

    Example:
        >>> found = transfer_cycle([Carrier(width=4)], TransferSettings(replicates=32))
        >>> found.divergence.mean, found.chance.mean > 0.1
        (0.0, True)
    """
    if not carriers:
        raise ConfigError("there are 0 carriers; give at least one")
    settings = settings or TransferSettings()
    children = np.random.SeedSequence(settings.seed).spawn(settings.replicates)
    lives = np.array([_life(carriers, settings, np.random.default_rng(child)) for child in children])
    draws = np.random.default_rng(settings.seed).integers(len(lives), size=(_RESAMPLES, len(lives)))
    divergence, chance, before, after, same, same_by_chance = lives.T
    return TransferCycle(
        _estimate(divergence, draws),
        _estimate(chance, draws),
        _estimate(divergence - chance, draws),
        _estimate(before, draws),
        _estimate(after, draws),
        float(same.mean()),
        float(same_by_chance.mean()),
        settings.replicates,
    )


def cycle_from_section(given: SimulationSection | Mapping[str, Any]) -> TransferCycle:
    """The transfer that a configuration names: one carrier per entry of ``substrates``, with its ``substrate_noise``.

    Its ``params`` may hold ``dimension``, ``steps``, ``input_noise``, ``replicates``, and ``width``, which holds for
    all carriers and by default is the dimension.

    Args:
        given: the section ``simulation`` of a configuration, with the scenario ``transfer_cycle``.

    Raises:
        ConfigError: another scenario, no substrates, or a value that cannot be honoured.

    Example:
        >>> section = {"scenario": "transfer_cycle", "horizon": 1, "substrates": ["disk"], "params": {"replicates": 32}}
        >>> cycle_from_section(section).divergence.mean
        0.0
    """
    section = section_of(given)
    if section.scenario != "transfer_cycle":
        raise ConfigError(f"scenario is {section.scenario!r}; this reads 'transfer_cycle'")
    params = dict(section.params)
    width = params.pop("width", None)
    try:
        settings = TransferSettings.model_validate({"seed": section.seed, **params})
    except ValidationError as error:
        raise ConfigError(f"params of transfer_cycle: {validation_message(error, TransferSettings)}") from None
    noises = section.substrate_noise or [0.0] * len(section.substrates)
    rows = zip(section.substrates, noises, strict=True)
    try:
        carriers = [
            Carrier(name=name, width=settings.dimension if width is None else width, noise=noise)
            for name, noise in rows
        ]
    except ValidationError as error:
        raise ConfigError(f"a carrier of transfer_cycle: {validation_message(error, Carrier)}") from None
    return transfer_cycle(carriers, settings)


def _life(carriers: list[Carrier], k: TransferSettings, draw: np.random.Generator) -> list[float]:
    """One pattern: divergence, chance, self-knowledge before and after, and whether it or a stranger is like it."""
    own, other = _dynamics(k.dimension, draw), _dynamics(k.dimension, draw)
    start = np.zeros(k.dimension)
    past, unrelated = _lived(own, start, _inputs(k, draw)), _lived(other, start, _inputs(k, draw))
    half = len(past) // 2
    self_model = _transitions(past[:half])
    arrived: Array = own
    state: Array = past[-1]
    for carrier in carriers:
        arrived = carrier.carry(arrived, draw)
        state = carrier.carry(state[None, :], draw)[0]
    inputs = _inputs(k, draw)
    stayed, moved = _lived(own, past[-1], inputs), _lived(_stable(arrived), state, inputs)
    stranger = _lived(other, unrelated[-1], inputs)
    windows = [_transitions(part).ravel() for part in np.array_split(past, _WINDOWS)]
    threshold = identity_threshold(windows, pairs=_WINDOW_PAIRS)
    length, scale = len(past) // _WINDOWS, float(past.std())
    return [
        _distance(stayed, moved) / scale,
        _distance(stayed, stranger) / scale,
        _predicted(self_model, past[half:]),
        _predicted(self_model, moved),
        float(_is_same(windows[-1], moved[:length], threshold)),
        float(_is_same(windows[-1], stranger[:length], threshold)),
    ]


def _is_same(window: Array, states: Array, threshold: float) -> bool:
    drift = identity_drift(window, _transitions(states).ravel())
    return drift is not None and drift <= threshold


def _transitions(states: Array) -> Array:
    """How each state leads to the next, by least squares: what a pattern is known by, and its model of itself."""
    return np.asarray(np.linalg.lstsq(states[:-1], states[1:], rcond=None)[0], dtype=np.float64)


def _stable(dynamics: Array) -> Array:
    """Dynamics that do not run away, whatever the carrier did to them."""
    return dynamics * min(1.0, _MOST_MEMORY / max(float(np.linalg.norm(dynamics, 2)), 1e-12))


def _dynamics(dimension: int, draw: np.random.Generator) -> Array:
    """A random rotation, damped: a stable process that remembers."""
    rotation: Array = np.linalg.qr(draw.standard_normal((dimension, dimension)))[0]
    return _MEMORY * rotation


def _inputs(k: TransferSettings, draw: np.random.Generator) -> Array:
    return k.input_noise * draw.standard_normal((k.steps, k.dimension))


def _lived(dynamics: Array, start: Array, inputs: Array) -> Array:
    states, state = [], start
    for given in inputs:
        state = state @ dynamics + given
        states.append(state)
    return np.array(states)


def _distance(one: Array, other: Array) -> float:
    return float(np.linalg.norm(one - other, axis=1).mean()) / math.sqrt(one.shape[1])


def _predicted(model: Array, states: Array) -> float:
    """Share of the variance of the next state that the model predicts."""
    error = states[1:] - states[:-1] @ model
    return 1.0 - float((error**2).sum() / ((states[1:] - states[1:].mean(axis=0)) ** 2).sum())


def _estimate(values: Array, draws: NDArray[np.int64]) -> Estimate:
    low, high = np.quantile(values[draws].mean(axis=1), (0.025, 0.975))
    return Estimate(float(values.mean()), float(low), float(high))
