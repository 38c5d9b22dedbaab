# SPDX-License-Identifier: Apache-2.0
"""How much of a conclusion about a layer is due to each constant of its model: Sobol' indices.

All constants are assumptions. A conclusion that hangs on one of them is a statement about that constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, InsufficientEvidence, nearest_name
from qmpt.simulation.core import SimulationRunner
from qmpt.simulation.ensemble import EnsembleRun, integrate_together

__all__ = ["SensitivityIndices", "final_capacity", "sensitivity"]

Array = NDArray[np.float64]

_FIXED: Final = (
    "seed",
    "replicate",
    "theta_1",
    "theta_2",
    "strength_cap",
    "potential",
    "start",
    "fitness",
    "reset_hazard",
    "eta_s",
    "eta_p",
    "eta_c",
)
_FEWEST: Final = 64
_FEWEST_RANGES: Final = 2


@dataclass(frozen=True, slots=True)
class SensitivityIndices:
    """Shares of the variance of an outcome.

    Attributes:
        first_order: constant -> share that is due to it alone; estimates may stray below 0 or above 1.
        total: constant -> share in which it takes part.
        mean: of the outcome over the ranges.
        variance: of the outcome.
        runs: simulated layers.
    """

    first_order: dict[str, float]
    total: dict[str, float]
    mean: float
    variance: float
    runs: int


def final_capacity(runs: EnsembleRun) -> Array:
    """The last capacity of each run, shape (runs,)."""
    last: Array = runs.capacity[:, -1]
    return last


def sensitivity(
    runner: SimulationRunner,
    ranges: Mapping[str, tuple[float, float]],
    *,
    outcome: Callable[[EnsembleRun], Array] = final_capacity,
    samples: int = 256,
    keep_every: int = 1,
    seed: int = 0,
) -> SensitivityIndices:
    """Sobol' indices of an outcome, when constants are drawn uniformly and independently from their ranges.

    Estimated by Saltelli's design as scipy has it. The layer must be without noise, which would be counted as if the
    constants made it.

    Args:
        runner: the layer, without noise.
        ranges: constant -> smallest and largest value; at least two constants, for one alone has all.
        outcome: from all runs to one number each.
        samples: a power of 2, at least 64; there are ``samples * (constants + 2)`` runs.
        keep_every: see `qmpt.simulation.ensemble.run_ensemble`.
        seed: of the draws.

    Raises:
        ConfigError: a layer with noise, an unknown constant, one that cannot vary between runs, or a range that cannot
            be honoured.
        InsufficientEvidence: the outcome is the same everywhere.

    Example:
        >>> from qmpt.simulation.core import SimulationConfig
        >>> from qmpt.simulation.scenarios import baseline
        >>> runner = baseline(SimulationConfig(layer_id="L", dt=1, t_end=30, params={"potential": 3.0}))
        >>> found = sensitivity(runner, {"g0": (0.0, 0.02), "nu0": (0.0, 0.1)}, samples=64)
        >>> found.total["g0"] > 0.9, abs(found.total["nu0"]) < 0.01
        (True, True)
    """
    from scipy.stats import sobol_indices, uniform

    names = list(ranges)
    _check(runner, ranges, samples)
    low = np.array([ranges[name][0] for name in names])
    width = np.array([ranges[name][1] for name in names]) - low
    evaluated: list[Array] = []

    def outcomes(points: Array) -> Array:
        settings = runner.settings.model_copy(update=dict(zip(names, points, strict=True)))
        values = np.asarray(outcome(integrate_together(runner, points.shape[1], settings, keep_every=keep_every)))
        evaluated.append(values.copy())  # SciPy centres the array that it gets
        return values[None, :]

    dists = [uniform(loc=a, scale=b) for a, b in zip(low, width, strict=True)]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = sobol_indices(func=outcomes, n=samples, dists=dists, rng=np.random.default_rng(seed))
    values = np.concatenate(evaluated)
    if not values.std() > 1e-12 * max(abs(float(values.mean())), 1e-300):
        raise InsufficientEvidence("the outcome is the same over all ranges; widen them, or ask for another outcome")
    first, total = np.ravel(found.first_order), np.ravel(found.total_order)
    return SensitivityIndices(
        dict(zip(names, first.tolist(), strict=True)),
        dict(zip(names, total.tolist(), strict=True)),
        float(values.mean()),
        float(values.var()),
        len(values),
    )


def _check(runner: SimulationRunner, ranges: Mapping[str, tuple[float, float]], samples: int) -> None:
    """Both ends of each range must be settings that the model takes."""
    if len(ranges) < _FEWEST_RANGES or samples < _FEWEST or samples & (samples - 1):
        raise ConfigError(
            f"{len(ranges)} ranges and {samples} samples; give at least {_FEWEST_RANGES} ranges, and a power of 2 from "
            f"{_FEWEST} on"
        )
    if runner.settings.noisy:
        raise ConfigError("the layer has noise; set eta_s, eta_p, eta_c and reset_hazard to 0 for this question")
    varying = set(type(runner.settings).model_fields) - set(_FIXED)
    for name, (low, high) in ranges.items():
        if name not in varying:
            raise ConfigError(f"{name!r} is no constant that can vary between runs; {nearest_name(name, varying)}")
        if not low < high:
            raise ConfigError(f"the range of {name} is {low} to {high}; give the smaller value first")
        for end in (low, high):
            runner.config.with_params(**{name: end}).settings()
