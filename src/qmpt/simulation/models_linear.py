# SPDX-License-Identifier: Apache-2.0
r"""`linear_v1`: the plainest model, in which every target is a linear function of the state.

There is no threshold: protection gives way in proportion to stress, and capacity is lost in proportion to it. Only the
damping of anomalies by \(1 - P\), which the theory fixes, is a product. It is an alternative assumption, for asking
whether a conclusion depends on the thresholds of `relax_v1`.

What protection holds back strains the layer, and strain costs capacity here from the first, in `relax_v1` above ``s_b``
only. So even under full protection an anomaly lowers capacity a little; novelty and shares it leaves alone.
"""

from __future__ import annotations

from typing import Final

from qmpt.simulation.dynamics import Forcing, LayerModel, LayerSettings, NotNegative, Operations, Rates, State, Unit

__all__ = ["MODEL", "LinearSettings", "linear_rates"]


class LinearSettings(LayerSettings):
    """Settings of `linear_v1`, beside those of `LayerSettings`; ``s_b`` is used by resets only.

    Attributes:
        k_gap: stress per share of the potential that is not reached; may be negative where it is exceeded.
        k_sup: stress per protection times strength of the anomalies.
        p0: protection at rest without stress, in [0, 1].
        k_pa: how much anomalies raise protection.
        k_ps: how much stress lowers it.
        nu0: novelty at rest.
        nu_a: how much anomalies that come through raise novelty.

    Example:
        >>> LinearSettings().k_gap
        0.9
    """

    k_gap: NotNegative = 0.9
    k_sup: NotNegative = 0.5
    p0: Unit = 0.85
    k_pa: NotNegative = 0.1
    k_ps: NotNegative = 0.3
    nu0: Unit = 0.05
    nu_a: NotNegative = 0.8
    d: NotNegative = 0.005


def linear_rates(state: State, forcing: Forcing, k: LinearSettings, ops: Operations) -> Rates:
    """The rates of change of `linear_v1`.

    Example:
        >>> from qmpt.simulation.dynamics import FLOATS
        >>> linear_rates(State(0.0, 0.85, 1.0, 0.05, 0.8, 0.0), Forcing(0.0, 0.0, 1.0), LinearSettings(), FLOATS)
        Rates(stress=0.0, protection=0.0, capacity=0.0, novelty=0.0)
    """
    protection, anomaly, open_ = state.protection, forcing.anomaly, 1.0 - state.protection
    gap = (forcing.potential - state.capacity) / forcing.potential
    stress_target = k.k_gap * gap + k.k_sup * protection * anomaly
    protection_target = k.p0 + k.k_pa * anomaly - k.k_ps * state.stress
    return Rates(
        (stress_target - state.stress) / k.tau_s,
        (protection_target - protection) / k.tau_p,
        k.g0 * (forcing.potential - state.capacity) + k.g_a * open_ * forcing.direction * anomaly - k.d * state.stress,
        (k.nu0 + k.nu_a * open_ * anomaly - state.novelty) / k.tau_n,
    )


MODEL: Final = LayerModel("linear_v1", "1.0.0", LinearSettings, linear_rates)
"""The registered model."""
