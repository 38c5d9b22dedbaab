# SPDX-License-Identifier: Apache-2.0
r"""`replicator_v1`: anomalies act through their share of the population, not at once.

There are three types of patterns: typical (0), constructive (1) and destructive (2) ones. Active anomalies flow into
their type, damped by protection; protection also is the advantage that typical patterns have. Realised novelty is the
share of the other two types, which takes time to build up and outlives the anomaly that began it. Otherwise the layer
is like `relax_v1`. It is an alternative assumption, for asking whether a conclusion depends on the model.
"""

from __future__ import annotations

from typing import Final, Self

from pydantic import model_validator

from qmpt.simulation.dynamics import Finite, Forcing, LayerModel, NotNegative, Operations, Rates, State
from qmpt.simulation.models_relax import RelaxSettings, capacity_rate

__all__ = ["MODEL", "ReplicatorSettings", "replicator_rates"]

_TYPES: Final = 3


class ReplicatorSettings(RelaxSettings):
    """Settings of `replicator_v1`: those of `relax_v1` with three types; ``nu0`` and ``nu_a`` are not used.

    Attributes:
        fitness: of typical, constructive and destructive patterns. The default lets typical ones win where nothing
            flows in (open choice).
        mutation: rate at which types turn into any other (open choice).

    Example:
        >>> ReplicatorSettings().first_shares()
        (1.0, 0.0, 0.0)
    """

    fitness: tuple[Finite, ...] = (0.1, 0.0, 0.0)
    mutation: NotNegative = 0.001

    @model_validator(mode="after")
    def _three_types(self) -> Self:
        if len(self.fitness) != _TYPES:
            raise ValueError(f"fitness has {len(self.fitness)} types; this model has 3: typical and two of anomalies")
        return self

    def first_shares(self) -> tuple[float, ...]:
        """The shares of types at time 0: all are typical."""
        return (1.0, 0.0, 0.0)

    def type_of(self, declared: int | None, sign: float) -> int:
        """The declared type, else constructive or destructive by the sign."""
        if declared is not None:
            return declared
        return 1 if sign >= 0.0 else 2


def replicator_rates(state: State, forcing: Forcing, k: ReplicatorSettings, ops: Operations) -> Rates:
    """The rates of change of `replicator_v1`.

    Example:
        >>> from qmpt.simulation.dynamics import FLOATS
        >>> still = State(0.0, 0.0, 1.0, 0.0, 0.0, 0.0, (1.0, 0.0, 0.0))
        >>> replicator_rates(still, Forcing(0.0, 0.0, 1.0, (0.0, 0.0, 0.0)), ReplicatorSettings(), FLOATS).novelty
        0.0
    """
    stress, protection = state.stress, state.protection
    typical, constructive, destructive = state.shares
    realised, potential = 1.0 - typical, forcing.potential
    gap = ops.clip((potential - state.capacity) / potential)
    stress_target = ops.clip(k.w_gap * gap + protection * (k.w_rig * k.div + k.w_sup * realised))
    protection_target = ops.logistic(k.b0 + k.b_a * realised - k.b_s * ops.positive(stress - k.s_c))
    return Rates(
        (stress_target - stress) / k.tau_s,
        (protection_target - protection) / k.tau_p,
        capacity_rate(state, (1.0 - protection) * (constructive - destructive), potential, k, ops),
        (realised - state.novelty) / k.tau_n,
    )


MODEL: Final = LayerModel("replicator_v1", "1.0.0", ReplicatorSettings, replicator_rates)
"""The registered model."""
