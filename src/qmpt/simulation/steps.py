# SPDX-License-Identifier: Apache-2.0
"""The three things that change the state of a layer: a step of its model, a jump at one moment, and a reset.

They are pure functions, and work on one run (floats) and on many (arrays).
"""

from __future__ import annotations

import math
from typing import Any

from qmpt.simulation.dynamics import CAPACITY_FLOOR, Forcing, LayerSettings, Operations, Rates, State, Value
from qmpt.simulation.schedule import Jump

__all__ = ["advance", "apply_jump", "reset_layer"]


def advance(
    rates: Rates,
    state: State,
    forcing: Forcing,
    settings: Any,
    dt: float,
    noise: Any,
    ops: Operations,
) -> State:
    """One Euler-Maruyama step; results are clipped to their ranges.

    Args:
        rates: of the model at ``state``.
        state: at the start of the step.
        forcing: during the step.
        settings: of the model.
        dt: length of the step.
        noise: standard normal draws, one each for stress, protection and capacity; None for no noise.
        ops: `FLOATS` or `ARRAYS`.

    Example:
        >>> from qmpt.simulation.dynamics import FLOATS
        >>> state = State(0.25, 0.8, 1.0, 0.05, 0.8, 0.0)
        >>> moved = advance(Rates(0.1, 0, 0, 0), state, Forcing(0.0, 0.0, 1.25), LayerSettings(), 0.5, None, FLOATS)
        >>> moved.stress, moved.protection
        (0.3, 0.8)
    """
    stress = state.stress + rates.stress * dt
    protection = state.protection + rates.protection * dt
    capacity = state.capacity + rates.capacity * dt
    if noise is not None:
        root = math.sqrt(dt)
        stress = stress + settings.eta_s * root * noise[0]
        protection = protection + settings.eta_p * root * noise[1]
        capacity = capacity + settings.eta_c * root * state.capacity * noise[2]
    stress = ops.clip(stress)
    # A held value is spread over as many values as there are runs.
    protection = ops.clip(protection) if forcing.held is None else forcing.held + 0.0 * state.protection
    rigidity = state.rigidity + (state.protection - state.rigidity) / settings.tau_r * dt
    time_above = ops.where(stress > settings.s_b, state.time_above + dt, 0.0)
    shares = state.shares and _advance_shares(state, forcing, settings, dt, ops)
    capacity = ops.where(capacity > CAPACITY_FLOOR, capacity, CAPACITY_FLOOR)
    return State(
        stress, protection, capacity, ops.clip(state.novelty + rates.novelty * dt), rigidity, time_above, shares
    )


def _advance_shares(state: State, forcing: Forcing, settings: Any, dt: float, ops: Operations) -> tuple[Value, ...]:
    """Replicator-mutator step; the inflow of anomalies is damped by protection."""
    shares, fitness = state.shares, settings.fitness
    mean = sum(share * fit for share, fit in zip(shares, fitness, strict=True))
    even, total, open_ = 1.0 / len(shares), sum(forcing.inflow), 1.0 - state.protection
    moved = tuple(
        ops.positive(
            share + dt * (share * (fit - mean) + settings.mutation * (even - share) + open_ * (into - share * total))
        )
        for share, fit, into in zip(shares, fitness, forcing.inflow, strict=True)
    )
    whole = sum(moved)
    return tuple(share / whole for share in moved)


def apply_jump(state: State, jump: Jump, ops: Operations) -> State:
    """A change of state at one moment.

    Example:
        >>> from qmpt.simulation.dynamics import FLOATS
        >>> apply_jump(State(0.9, 0.8, 1.0, 0.05, 0.8, 0.0), Jump(stress=0.3), FLOATS).stress
        1.0
    """
    stress = ops.clip(state.stress + jump.stress)
    if jump.set_protection is not None:
        return state._replace(stress=stress, protection=jump.set_protection + 0.0 * state.protection)
    return state._replace(stress=stress, protection=ops.clip(state.protection + jump.protection))


def reset_layer(state: State, uniform: Any, settings: LayerSettings, dt: float, ops: Operations) -> tuple[State, Any]:
    """Let a layer break down, if stress was too high for long enough and chance has it.

    The hazard is ``reset_hazard * (stress - s_b)`` once stress has been above ``s_b`` for ``reset_hold``.

    Args:
        state: of the layer.
        uniform: a draw in [0, 1), one per run.
        settings: of the model.
        dt: length of the step.
        ops: `FLOATS` or `ARRAYS`.

    Returns:
        The state and whether a reset fired.

    Example:
        >>> from qmpt.simulation.dynamics import FLOATS
        >>> worn = State(1.0, 0.9, 2.0, 0.05, 0.9, 30.0)
        >>> after, fired = reset_layer(worn, 0.0, LayerSettings(reset_hazard=1.0), 0.1, FLOATS)
        >>> fired, round(after.capacity, 9), after.stress
        (True, 0.6, 0.4)
    """
    hazard = settings.reset_hazard * ops.positive(state.stress - settings.s_b)
    chance = 1.0 - ops.exp(-hazard * dt)
    fired = (state.time_above >= settings.reset_hold) & (uniform < chance)
    keep, types = settings.reset_shares, max(len(state.shares), 1)
    return (
        State(
            ops.where(fired, settings.reset_stress, state.stress),
            ops.where(fired, settings.reset_protection, state.protection),
            ops.where(fired, settings.reset_capacity * state.capacity, state.capacity),
            state.novelty,
            state.rigidity,
            ops.where(fired, 0.0, state.time_above),
            tuple(ops.where(fired, keep * share + (1.0 - keep) / types, share) for share in state.shares),
        ),
        fired,
    )
