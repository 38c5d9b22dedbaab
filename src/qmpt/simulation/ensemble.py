# SPDX-License-Identifier: Apache-2.0
"""Many runs of one layer at once, with independent chances, and what they have in common.

All runs go through time together, as arrays. Run r is the run of a `SimulationRunner` whose parameter ``replicate`` is
larger by r, up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.data.models import LayerState
from qmpt.errors import ConfigError
from qmpt.metrics.layer_regimes import classify_modes, mode_shares
from qmpt.simulation.core import SimulationRunner
from qmpt.simulation.dynamics import ARRAYS, LayerSettings, State
from qmpt.simulation.noise import EnsembleNoise
from qmpt.simulation.steps import advance, apply_jump, reset_layer

__all__ = ["MAX_VALUES", "EnsembleRun", "integrate_together", "run_ensemble", "sweep"]

Array = NDArray[np.float64]

MAX_VALUES: Final = 200_000_000
"""Most numbers that an ensemble keeps: 1.6 GB."""
_KEPT: Final = 4


@dataclass(frozen=True)
class EnsembleRun:
    """The courses of many runs.

    Attributes:
        times: of the states that were kept, shape (times,).
        stress: shape (runs, times).
        protection: shape (runs, times).
        capacity: shape (runs, times).
        novelty: shape (runs, times).
        reset: whether a reset fired since the time before, shape (runs, times).
        active: whether an anomaly was active, shape (times,).
        potential: shape (times,).
        active_ids: ids of the active anomalies, one tuple per time.
        events: interventions since the time before, one list per time.
    """

    times: Array
    stress: Array
    protection: Array
    capacity: Array
    novelty: Array
    reset: NDArray[np.bool_]
    active: NDArray[np.bool_]
    potential: Array
    active_ids: tuple[tuple[str, ...], ...]
    events: tuple[list[dict[str, Any]], ...]

    @cached_property
    def modes(self) -> list[list[str | None]]:
        """The regime of each run at each time; None until the first is found."""
        dt = float(self.times[1] - self.times[0])
        return classify_modes(self.stress, self.protection, self.capacity, self.active, dt=dt, reset=self.reset)

    def states(self) -> list[LayerState]:
        """The means over the runs, with the share of runs in each regime; ``mode`` is the most frequent one."""
        rows = zip(
            self.times.tolist(),
            self.stress.mean(axis=0).tolist(),
            self.protection.mean(axis=0).tolist(),
            self.capacity.mean(axis=0).tolist(),
            self.novelty.mean(axis=0).tolist(),
            self.potential.tolist(),
            mode_shares(self.modes),
            strict=True,
        )
        states = []
        for index, (t, stress, protection, capacity, novelty, potential, shares) in enumerate(rows):
            macro: dict[str, Any] = {"capacity": capacity, "novelty": novelty, "potential": potential}
            macro |= {"active_anomalies": list(self.active_ids[index]), "events": list(self.events[index])}
            if shares is not None:
                macro |= {"mode": max(shares, key=shares.__getitem__), "mode_probs": shares}
            states.append(LayerState(t=t, stress=min(stress, 1.0), protection=min(protection, 1.0), macro_state=macro))
        return states

    def trajectories(self) -> Array:
        """Stress, protection and capacity of each run, shape (runs, times, 3)."""
        return np.stack([self.stress, self.protection, self.capacity], axis=-1)


def run_ensemble(runner: SimulationRunner, runs: int, *, keep_every: int = 1) -> EnsembleRun:
    """Run a layer many times under independent chances.

    Args:
        runner: the layer.
        runs: at least 1; more than 1 only where there is noise, for else all would be the same.
        keep_every: steps between the states that are kept, a divisor of the number of steps.

    Raises:
        ConfigError: a number out of its range, or several runs without noise.

    Example:
        >>> from qmpt.data.models import Layer
        >>> from qmpt.simulation.core import SimulationConfig
        >>> config = SimulationConfig(layer_id="L", dt=1, t_end=9, params={"eta_s": 0.02})
        >>> run_ensemble(SimulationRunner(config=config, layer=Layer(layer_id="L"), patterns={}), 5).stress.shape
        (5, 10)
    """
    if runs > 1 and not runner.settings.noisy:
        raise ConfigError(
            f"without noise {runs} runs would all be the same; set eta_s, eta_p, eta_c or reset_hazard, or run once"
        )
    return integrate_together(runner, runs, runner.settings, keep_every=keep_every)


def integrate_together(
    runner: SimulationRunner, runs: int, settings: LayerSettings, *, keep_every: int = 1
) -> EnsembleRun:
    """Like `run_ensemble`, under settings in which a constant may be an array with one value per run.

    Args:
        runner: the layer.
        runs: at least 1.
        settings: of the runner's model; their ``seed``, ``replicate``, ``potential`` and ``start`` are not read.
        keep_every: see `run_ensemble`.

    Raises:
        ConfigError: a number out of its range.

    Example:
        See `run_ensemble`.
    """
    schedule, model, dt = runner.schedule, runner.config.model(), runner.config.dt
    if runs < 1 or keep_every < 1 or schedule.steps % keep_every:
        raise ConfigError(
            f"runs is {runs} and keep_every {keep_every}, at {schedule.steps} steps; give at least 1 run, "
            "and a divisor of the steps"
        )
    kept = schedule.steps // keep_every + 1
    if runs * kept * _KEPT > MAX_VALUES:
        raise ConfigError(
            f"{runs} runs of {kept} states are {runs * kept * _KEPT:.3g} numbers; the limit is {MAX_VALUES}: "
            "keep fewer states (keep_every) or split the runs"
        )
    draws = EnsembleNoise(runner.settings.seed, runs, schedule.steps, runner.settings.replicate)
    normals, uniforms = draws.normals(), draws.uniforms()
    noisy, resetting = runner.settings.noisy, runner.settings.reset_hazard > 0.0
    state = _many(runner.first_state(), runs)
    for jump in schedule.jumps.get(0, ()):
        state = apply_jump(state, jump, ARRAYS)
    record, resets = np.empty((_KEPT, kept, runs)), np.zeros((kept, runs), dtype=bool)
    record[:, 0] = state[:_KEPT]
    for index in range(schedule.steps):
        noise, forcing = next(normals) if noisy else None, schedule.forcing[index]
        state = advance(model.rates(state, forcing, settings, ARRAYS), state, forcing, settings, dt, noise, ARRAYS)
        row = -(-(index + 1) // keep_every)
        if resetting:
            state, fired = reset_layer(state, next(uniforms), settings, dt, ARRAYS)
            resets[row] |= fired
        for jump in schedule.jumps.get(index + 1, ()):
            state = apply_jump(state, jump, ARRAYS)
        if (index + 1) % keep_every == 0:
            record[:, row] = state[:_KEPT]
    return _as_run(runner, record, resets, keep_every)


def sweep(
    runner: SimulationRunner, grid: Mapping[str, Sequence[Any]], runs: int = 1, *, keep_every: int = 1
) -> list[tuple[dict[str, Any], EnsembleRun]]:
    """Run a layer at every combination of some parameters, under the same chances at each.

    Args:
        runner: the layer.
        grid: parameter -> its values; at least one value each.
        runs: at each combination.
        keep_every: see `run_ensemble`.

    Returns:
        The combinations, the last parameter changing fastest, with their runs.

    Raises:
        ConfigError: an unknown parameter, a value out of its range, or see `run_ensemble`.

    Example:
        >>> from qmpt.data.models import Layer
        >>> from qmpt.simulation.core import SimulationConfig
        >>> config = SimulationConfig(layer_id="L", dt=1, t_end=9)
        >>> runner = SimulationRunner(config=config, layer=Layer(layer_id="L"), patterns={})
        >>> [point for point, _ in sweep(runner, {"tau_s": [2, 5]})]
        [{'tau_s': 2}, {'tau_s': 5}]
    """
    empty = [name for name, values in grid.items() if not values]
    if empty:
        raise ConfigError(f"the grid has 0 values of {empty[0]!r}; give at least one")
    points = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return [
        (point, run_ensemble(runner.with_config(runner.config.with_params(**point)), runs, keep_every=keep_every))
        for point in points
    ]


def _many(state: State, runs: int) -> State:
    """The same state in each of the runs."""
    stress, protection, capacity, novelty, rigidity, time_above = (np.full(runs, value) for value in state[:-1])
    shares = tuple(np.full(runs, share) for share in state.shares)
    return State(stress, protection, capacity, novelty, rigidity, time_above, shares)


def _as_run(runner: SimulationRunner, record: Array, resets: NDArray[np.bool_], keep_every: int) -> EnsembleRun:
    schedule = runner.schedule
    kept = range(0, schedule.steps + 1, keep_every)
    since = [range(max(index - keep_every + 1, 0), index + 1) for index in kept]
    stress, protection, capacity, novelty = (np.ascontiguousarray(one.T) for one in record)
    return EnsembleRun(
        runner.config.dt * np.array(kept, dtype=np.float64),
        stress,
        protection,
        capacity,
        novelty,
        np.ascontiguousarray(resets.T),
        np.array([any(schedule.forcing[i].anomaly > 0.0 for i in span) for span in since]),
        np.array([schedule.forcing[index].potential for index in kept]),
        tuple(schedule.active[index] for index in kept),
        tuple([dict(event) for i in span for event in schedule.events.get(i, ())] for span in since),
    )
