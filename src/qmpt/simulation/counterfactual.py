# SPDX-License-Identifier: Apache-2.0
"""What a pattern does to a simulated layer: pairs of runs with and without it, under the same chances.

Both runs of a pair draw the same random numbers (common random numbers), so that what differs is due to the pattern
alone. The statement is about the model, whose constants are assumptions: ask the alternative models too, and see
`qmpt.simulation.sensitivity` for the constants.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

from qmpt.errors import ConfigError
from qmpt.metrics.counterfactual import CounterfactualImpact, compare_trajectories, counterfactual_impact
from qmpt.metrics.impact import Impact
from qmpt.simulation.core import SimulationRunner
from qmpt.simulation.ensemble import EnsembleRun, run_ensemble

__all__ = ["DEFAULT_PAIRS", "Counterfactual", "counterfactual", "pattern_impacts"]

DEFAULT_PAIRS: Final = 32
"""Pairs of runs; also the fewest that are compared."""


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """A pattern's counterfactual.

    Attributes:
        pattern_id: which pattern.
        impact: the comparison, see `qmpt.metrics.counterfactual.CounterfactualImpact`.
        with_pattern: the runs with it.
        without_pattern: the runs without it; run i shares its chances with run i of the others.
    """

    pattern_id: str
    impact: CounterfactualImpact
    with_pattern: EnsembleRun
    without_pattern: EnsembleRun


def counterfactual(
    runner: SimulationRunner,
    pattern_id: str,
    *,
    pairs: int = DEFAULT_PAIRS,
    keep_every: int = 1,
    level: float = 0.95,
    seed: int = 0,
) -> Counterfactual:
    """Compare a layer with and without a pattern.

    Args:
        runner: the layer with the pattern, and with noise.
        pattern_id: a pattern that is in the layer at some time.
        pairs: of runs, at least 32.
        keep_every: steps between the states that are compared; see `run_ensemble`.
        level: of the bootstrap intervals over pairs.
        seed: of the bootstrap; the seed of the runs is in the runner's parameters.

    Raises:
        ConfigError: no such pattern, no noise, or a number out of its range.
        InsufficientEvidence: fewer than 32 pairs.

    Example:
        >>> from qmpt.simulation.scenarios import single_anomaly
        >>> from qmpt.simulation.core import SimulationConfig
        >>> config = SimulationConfig(layer_id="L", dt=1, t_end=60, params={"eta_s": 0.02, "potential": 3.0})
        >>> found = counterfactual(single_anomaly(config), "anomaly-1")
        >>> found.impact.trajectory_difference.sign, found.impact.pairs
        (1, 32)
    """
    return _compared(
        pattern_id,
        run_ensemble(runner, pairs, keep_every=keep_every),
        run_ensemble(runner.without(pattern_id), pairs, keep_every=keep_every),
        level,
        seed,
    )


def pattern_impacts(
    runner: SimulationRunner,
    pattern_ids: Iterable[str] | None = None,
    *,
    pairs: int = DEFAULT_PAIRS,
    keep_every: int = 1,
    signed: bool = False,
    seed: int = 0,
) -> Impact:
    """The impact of patterns on a layer, as `AnomalyEstimator.fit` takes it for ``impact``.

    A pattern below ``theta_2`` does not act on a layer, so its impact is 0 without a run.

    Args:
        runner: the layer with all patterns, and with noise.
        pattern_ids: None for all that the runner knows.
        pairs: of runs per pattern, at least 32.
        keep_every: steps between the states that are compared; see `run_ensemble`.
        signed: give the difference of norms, which may be negative, in place of the norm of the difference.
        seed: of the bootstrap.

    Returns:
        One value for each id, in reference standard deviations.

    Raises:
        ConfigError: an id that the runner does not know, no noise, or a number out of its range.
        InsufficientEvidence: fewer than 32 pairs.

    Example:
        >>> from qmpt.simulation.scenarios import single_anomaly
        >>> from qmpt.simulation.core import SimulationConfig
        >>> config = SimulationConfig(layer_id="L", dt=1, t_end=60, params={"eta_s": 0.02, "potential": 3.0})
        >>> impact = pattern_impacts(single_anomaly(config), ["anomaly-1", "typical-1"])
        >>> impact.values["anomaly-1"] > impact.values["typical-1"] == 0.0
        True
    """
    wanted = list(runner.patterns) if pattern_ids is None else list(pattern_ids)
    acting = {name for active in set(runner.schedule.active) for name in active}
    together = run_ensemble(runner, pairs, keep_every=keep_every)
    found: dict[Hashable, CounterfactualImpact] = {}
    for name in wanted:
        if name not in runner.patterns and name not in acting:
            raise ConfigError(f"the pattern {name!r} is not known to the runner; give ids of its patterns")
        without = run_ensemble(runner.without(name), pairs, keep_every=keep_every) if name in acting else together
        found[name] = _compared(name, together, without, 0.95, seed).impact
    return counterfactual_impact(found, signed=signed)


def _compared(
    pattern_id: str, with_runs: EnsembleRun, without_runs: EnsembleRun, level: float, seed: int
) -> Counterfactual:
    final = tuple([run[-1] for run in runs.modes] for runs in (with_runs, without_runs))
    impact = compare_trajectories(
        with_runs.trajectories(),
        without_runs.trajectories(),
        modes=(final[0], final[1]),
        level=level,
        seed=seed,
    )
    return Counterfactual(pattern_id, impact, with_runs, without_runs)
