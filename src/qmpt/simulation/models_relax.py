# SPDX-License-Identifier: Apache-2.0
r"""`relax_v1`, the reference model of a layer: stress, protection and novelty relax towards targets, capacity grows.

With \(a\) the strength and \(u\) the direction of the anomalies, \(K\) the potential and \(P\) the protection:

.. math::
    s^* &= clip(w_{gap} gap + w_{rig} P div + w_{sup} P a, 0, 1), \quad gap = clip((K - C) / K, 0, 1) \\
    P^* &= logistic(b_0 + b_a a - b_s max(s - s_c, 0)) \\
    n^* &= clip(\nu_0 + \nu_a (1 - P) a, 0, 1) \\
    dC/dt &= g_0 C (1 - C/K) + (1 - P) g_a u a C max(1 - C/(1.2 K), 0) - d max(s - s_b, 0) C

It is an assumption. It has the three sources of stress and the damping by protection that the theory names; the forms
and all constants are open choices.
"""

from __future__ import annotations

from typing import Final

from qmpt.simulation.dynamics import (
    Finite,
    Forcing,
    LayerModel,
    LayerSettings,
    NotNegative,
    Operations,
    Rates,
    State,
    Unit,
)

__all__ = ["MODEL", "OVERSHOOT", "RelaxSettings", "capacity_rate", "relax_rates"]

OVERSHOOT: Final = 1.2
"""Anomalies push capacity up to this multiple of the potential (open choice)."""


class RelaxSettings(LayerSettings):
    """Settings of `relax_v1`, beside those of `LayerSettings`.

    Attributes:
        w_gap: stress per share of the potential that is not reached.
        w_rig: stress per protection times diversity.
        w_sup: stress per protection times strength of the anomalies.
        div: diversity of the patterns, in [0, 1].
        b0: logit of protection at rest.
        b_a: how much anomalies raise the logit of protection.
        b_s: how much stress above ``s_c`` lowers it.
        s_c: stress above which protection breaks, in [0, 1].
        nu0: novelty at rest.
        nu_a: how much anomalies that come through raise novelty.

    Example:
        >>> RelaxSettings().b_s
        9.0
    """

    w_gap: NotNegative = 0.9
    w_rig: NotNegative = 0.25
    w_sup: NotNegative = 0.5
    div: Unit = 0.4
    b0: Finite = 1.4
    b_a: NotNegative = 1.0
    b_s: NotNegative = 9.0
    s_c: Unit = 0.55
    nu0: Unit = 0.05
    nu_a: NotNegative = 0.8


def relax_rates(state: State, forcing: Forcing, k: RelaxSettings, ops: Operations) -> Rates:
    """The rates of change of `relax_v1`.

    Example:
        >>> from qmpt.simulation.dynamics import FLOATS
        >>> rates = relax_rates(State(0.0, 0.0, 1.0, 0.0, 0.0, 0.0), Forcing(0.0, 0.0, 1.0), RelaxSettings(), FLOATS)
        >>> rates.stress, rates.capacity
        (0.0, 0.0)
    """
    stress, protection = state.stress, state.protection
    anomaly, potential = forcing.anomaly, forcing.potential
    gap = ops.clip((potential - state.capacity) / potential)
    stress_target = ops.clip(k.w_gap * gap + protection * (k.w_rig * k.div + k.w_sup * anomaly))
    protection_target = ops.logistic(k.b0 + k.b_a * anomaly - k.b_s * ops.positive(stress - k.s_c))
    novelty_target = ops.clip(k.nu0 + k.nu_a * (1.0 - protection) * anomaly)
    return Rates(
        (stress_target - stress) / k.tau_s,
        (protection_target - protection) / k.tau_p,
        capacity_rate(state, (1.0 - protection) * forcing.direction * anomaly, potential, k, ops),
        (novelty_target - state.novelty) / k.tau_n,
    )


def capacity_rate(state: State, push: float, potential: float, k: LayerSettings, ops: Operations) -> float:
    """Growth towards the potential, the push of the anomalies that come through, and loss under high stress.

    Args:
        state: of the layer.
        push: of the anomalies, already damped by protection, in [-1, 1].
        potential: K.
        k: settings.
        ops: `FLOATS` or `ARRAYS`.

    Returns:
        dC/dt; an array where the state is one.
    """
    capacity = state.capacity
    growth = k.g0 * (1.0 - capacity / potential)
    pushed = k.g_a * push * ops.positive(1.0 - capacity / (OVERSHOOT * potential))
    lost = k.d * ops.positive(state.stress - k.s_b)
    rate: float = capacity * (growth + pushed - lost)
    return rate


MODEL: Final = LayerModel("relax_v1", "1.0.0", RelaxSettings, relax_rates)
"""The registered model."""
