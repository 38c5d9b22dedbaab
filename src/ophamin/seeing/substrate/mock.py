# SPDX-License-Identifier: Apache-2.0
"""`MockSubstrate`, a seeded stand-in for a real system, with every way to fail on a knob.

It models nothing. It gives numbers that drift, run down, take time and now and then collapse, the same ones for the
same seed, so that claims and pillars can be tried without any system at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ophamin.core.shapes import CycleResult, MetricBundle, Tier1Metrics, Tier2Metrics, Tier3Metrics
from ophamin.seeing.substrate.base import SubstrateUnderTest

__all__ = ["MockSubstrate"]

_HALT_MODES: Final = ("commit", "commit", "commit", "selective", "exhausted")
_TREATMENTS: Final = frozenset({"treatment", "b", "B", 1, "1"})  # True equals 1


class MockSubstrate(SubstrateUnderTest):
    """A system under test made of seeded random numbers; the stimulus has no influence on any of them.

    Params read per cycle: ``injection_rate`` (0.0), ``immune_threshold`` (0.5), ``entropy_coefficient`` (0.1),
    ``cell`` (None) and ``variant`` (treatment where it is ``"treatment"``, ``"b"``, ``"B"``, ``1``, ``"1"`` or True).

    Args:
        seed: of ``numpy.random.default_rng``; the same seed gives the same numbers after every `reset`.
        drift_rate: what ``phi`` gains per cycle.
        base_phi: where ``phi`` starts.
        injection_effect: what ``phi`` gains per unit of ``injection_rate``.
        collapse_cells: cells in which a low entropy coefficient makes the cycle collapse.
        collapse_entropy_below: how low is low.
        name: the name in records.

    Example:
        >>> result = MockSubstrate(seed=0).run_cycle("hello")
        >>> result.cycle_index, result.success, round(result.get("phi"), 6)
        (1, True, 0.503315)
    """

    def __init__(
        self,
        seed: int = 0,
        drift_rate: float = 0.0008,
        base_phi: float = 0.5,
        injection_effect: float = 0.15,
        collapse_cells: Iterable[Any] | None = None,
        collapse_entropy_below: float = 0.02,
        name: str = "mock",
    ) -> None:
        self.seed = seed
        self.drift_rate = drift_rate
        self.base_phi = base_phi
        self.injection_effect = injection_effect
        self.collapse_cells = frozenset(collapse_cells or ())
        self.collapse_entropy_below = collapse_entropy_below
        self.name = name
        self.reset()

    def git_commit(self) -> str:
        """``mock-`` and the seed in seven digits; what else tells two mocks apart is in `metadata`."""
        return f"mock-{self.seed:07d}"

    def reset(self) -> None:
        """Start the generator and all state anew."""
        import numpy as np

        self._rng = np.random.default_rng(self.seed)
        self._cycle = 0
        self._collapses = 0
        self._energy = 1.0
        self._previous_phi = self.base_phi

    def run_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None) -> CycleResult:
        """One cycle; ``cycle_index`` is 1 for the first one after construction or `reset`.

        Raises:
            TypeError: ``params["variant"]`` cannot be hashed.
        """
        given = dict(params or {})
        injection = given.get("injection_rate", 0.0)
        bonus = 0.05 if given.get("variant") in _TREATMENTS else 0.0
        rng = self._rng  # the order of the draws below is part of the contract
        self._cycle += 1
        noise = rng.normal(0.0, 0.02)
        phi = self.base_phi + self.drift_rate * self._cycle + self.injection_effect * injection + bonus + noise
        phi = max(0.0, phi)
        collapsed = self._collapses_now(given, injection)
        self._collapses += collapsed
        halt_mode = "amplitude_death" if collapsed else _HALT_MODES[int(rng.integers(0, 5))]
        self._energy = max(0.0, self._energy - 0.001 - 0.002 * injection)
        latency_ns = 5e6 + rng.exponential(1e6) + 2000 * self._cycle
        overlap = _clip(0.40 + 0.30 * rng.random() - 0.20 * injection)
        raw = {
            "phi": phi,
            "halt_mode": halt_mode,
            "success": not collapsed,
            "ouroboros_energy_reserve": self._energy,
            "coherence": _clip(0.81 - 0.10 * injection + noise),
            "cycle_latency_ns": latency_ns,
            "prime_deformation_delta": phi - self._previous_phi,
            "jaccard_overlap": overlap,
            "zetetic_dissonance_gradient": 2 * abs(noise),
            "drift_score": 0.5 * abs(injection - 0.5) + abs(noise),
            "params": given,
        }
        self._previous_phi = phi
        return self._result(str(stimulus), raw)

    def capture_state(self) -> dict[str, Any]:
        """Cycles run, energy left, collapses so far, and the last ``phi``."""
        return {
            "cycle": self._cycle,
            "energy": self._energy,
            "collapses": self._collapses,
            "prev_phi": self._previous_phi,
        }

    def metadata(self) -> dict[str, Any]:
        """All that was given to the constructor, so that two mocks which differ never look the same."""
        return {
            "name": self.name,
            "git_commit": self.git_commit(),
            "kind": "mock",
            "seed": self.seed,
            "drift_rate": self.drift_rate,
            "base_phi": self.base_phi,
            "injection_effect": self.injection_effect,
            "collapse_cells": sorted(str(cell) for cell in self.collapse_cells),
            "collapse_entropy_below": self.collapse_entropy_below,
        }

    def _collapses_now(self, params: Mapping[str, Any], injection: float) -> bool:
        cell = params.get("cell")
        entropy = params.get("entropy_coefficient", 0.1)
        if cell is not None and cell in self.collapse_cells and entropy < self.collapse_entropy_below:
            return True
        if injection > 0.8 and params.get("immune_threshold", 0.5) < 0.4:
            return bool(self._rng.random() < 0.3)
        return False

    def _result(self, stimulus_id: str, raw: dict[str, Any]) -> CycleResult:
        bundle = MetricBundle(
            self._cycle,
            Tier1Metrics(
                counters={"total_cycles": float(self._cycle), "collapses": float(self._collapses)},
                gauges={name: raw[name] for name in ("phi", "ouroboros_energy_reserve", "coherence")},
                timers={"cycle_latency_ns": [raw["cycle_latency_ns"]]},
            ),
            Tier2Metrics(drift_score=raw["drift_score"]),
            Tier3Metrics(
                prime_deformation_delta=raw["prime_deformation_delta"],
                zetetic_dissonance_gradient=raw["zetetic_dissonance_gradient"],
                jaccard_overlap=raw["jaccard_overlap"],
            ),
            stimulus_id=stimulus_id,
        )
        return CycleResult(self._cycle, raw["success"], raw, raw["halt_mode"], stimulus_id, metric_bundle=bundle)


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))
