# SPDX-License-Identifier: Apache-2.0
"""Impact by counterfactual: what a layer does with a pattern, beside what it does without it under the same chances.

This module compares trajectories; it runs no simulation.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.metrics.impact import Impact

__all__ = ["CounterfactualImpact", "Estimate", "capacity_gain", "compare_trajectories", "counterfactual_impact"]

Array = NDArray[np.float64]

FEWEST_PAIRS: Final = 32


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over pairs and its bootstrap interval.

    Attributes:
        mean: of the pairs.
        low: lower end.
        high: upper end.

    Example:
        >>> Estimate(1.0, 0.5, 1.5).sign
        1
    """

    mean: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of 0, else 0."""
        return int(self.low > 0.0) - int(self.high < 0.0)


@dataclass(frozen=True, slots=True)
class CounterfactualImpact:
    """What a pattern changes.

    Attributes:
        norm_difference: mean length of the trajectory with the pattern minus that without it, as the theory has it;
            may be negative.
        trajectory_difference: mean length of the difference of the two trajectories; not negative.
        capacity_change: final capacity with the pattern minus without it, in its own unit, one per pair.
        pairs: number of pairs of runs.
        modes_changed: pairs that end in different modes, or None where no modes were given.

    Lengths are in reference standard deviations, averaged over time.

    Example:
        >>> still = Estimate(0.0, 0.0, 0.0)
        >>> CounterfactualImpact(still, still, (0.0,) * 32, 32, 0).modes_changed
        0
    """

    norm_difference: Estimate
    trajectory_difference: Estimate
    capacity_change: tuple[float, ...]
    pairs: int
    modes_changed: int | None


def compare_trajectories(
    with_pattern: Any,
    without_pattern: Any,
    *,
    modes: tuple[Sequence[Any], Sequence[Any]] | None = None,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> CounterfactualImpact:
    """Compare paired runs of a layer with and without a pattern.

    Each quantity is put in units of its mean and standard deviation over all runs without the pattern; one that does
    not vary there keeps its own unit. Pair i must share its random numbers, else the comparison is noise.

    Args:
        with_pattern: shape (pairs, times, 3): stress, protection and capacity; at least 32 pairs.
        without_pattern: the same shape.
        modes: final modes with and without the pattern: two sequences, each with one mode per pair.
        level: of the percentile bootstrap intervals, in (0, 1).
        n_resamples: of the bootstrap over pairs, at least 100.
        seed: of the bootstrap.

    Raises:
        InsufficientEvidence: fewer than 32 pairs.
        DataError: unequal shapes, values that are not finite, or another number of modes than of pairs.
        ConfigError: ``level`` or ``n_resamples`` out of range.

    Example:
        >>> without = np.random.default_rng(0).normal(size=(32, 10, 3))
        >>> found = compare_trajectories(without + 1.0, without)
        >>> found.trajectory_difference.sign, found.pairs
        (1, 32)
    """
    if not 0.0 < level < 1.0 or n_resamples < 100:
        raise ConfigError(f"level and n_resamples are {level} and {n_resamples}; give one in (0, 1) and at least 100")
    with_runs, without_runs = _runs(with_pattern, "with"), _runs(without_pattern, "without")
    if with_runs.shape != without_runs.shape:
        raise DataError(
            f"the runs have the shapes {with_runs.shape} and {without_runs.shape}; give pairs of equal length"
        )
    pairs = len(with_runs)
    if pairs < FEWEST_PAIRS:
        raise InsufficientEvidence(
            f"{pairs} pairs of runs; {FEWEST_PAIRS} are the fewest that are compared: run more seeds"
        )
    changed = None if modes is None else _modes_changed(modes, pairs)
    center, spread = without_runs.mean(axis=(0, 1)), without_runs.std(axis=(0, 1))
    spread = np.where(spread > 1e-12 * np.maximum(np.abs(center), 1.0), spread, 1.0)
    there, here = (with_runs - center) / spread, (without_runs - center) / spread
    draws = np.random.default_rng(seed).integers(pairs, size=(n_resamples, pairs))
    return CounterfactualImpact(
        _estimate(_length(there) - _length(here), draws, level),
        _estimate(_length(there - here), draws, level),
        tuple(float(v) for v in with_runs[:, -1, 2] - without_runs[:, -1, 2]),
        pairs,
        changed,
    )


def counterfactual_impact(found: Mapping[Hashable, CounterfactualImpact], *, signed: bool = False) -> Impact:
    """Impact of each pattern from its own counterfactual.

    Args:
        found: pattern id -> its comparison.
        signed: take the difference of norms, which may be negative, in place of the norm of the difference.

    Example:
        >>> half = Estimate(0.5, 0.4, 0.6)
        >>> counterfactual_impact({"a": CounterfactualImpact(half, half, (0.0,), 32, None)}).values
        {'a': 0.5}
    """
    values = {key: (one.norm_difference if signed else one.trajectory_difference).mean for key, one in found.items()}
    return Impact("counterfactual:signed" if signed else "counterfactual", values)


def capacity_gain(changes: Sequence[float], level: float = 0.95) -> float:
    """Lower bound on the mean change of final capacity: a pattern raises capacity where it is above 0.

    One-sided Student interval over the pairs.

    Args:
        changes: final capacity with the pattern minus without it, one per pair; at least 32.
        level: of the bound, in (0.5, 1).

    Raises:
        InsufficientEvidence: fewer than 32 pairs.
        ConfigError: ``level`` out of range.
        DataError: a change that is not finite.

    Example:
        >>> capacity_gain([0.9, 1.1] * 20) > 0.9
        True
    """
    from scipy.stats import t

    if not 0.5 < level < 1.0:
        raise ConfigError(f"level is {level}; it must lie in (0.5, 1), such as 0.95")
    values = np.asarray(changes, dtype=np.float64)
    n = len(values)
    if n < FEWEST_PAIRS:
        raise InsufficientEvidence(f"{n} pairs of runs; {FEWEST_PAIRS} are the fewest for an upgrade: run more seeds")
    if not np.isfinite(values).all():
        raise DataError("a change of capacity is not finite; look at the run that gave it")
    return float(values.mean() - t.ppf(level, n - 1) * values.std(ddof=1) / np.sqrt(n))


def _runs(values: Any, which: str) -> Array:
    runs = np.asarray(values, dtype=np.float64)
    if runs.ndim != 3 or runs.shape[2] != 3 or runs.shape[1] == 0:
        raise DataError(f"the runs {which} the pattern have the shape {runs.shape}; give (pairs, times, 3)")
    if not np.isfinite(runs).all():
        raise DataError(
            f"the runs {which} the pattern hold {int((~np.isfinite(runs)).sum())} values that are not finite"
        )
    return runs


def _modes_changed(modes: Sequence[Any], pairs: int) -> int:
    try:
        there, here = (list(half) for half in modes)
    except (TypeError, ValueError):
        raise DataError(
            f"modes is {modes!r:.80}; give two sequences: the final modes with the pattern and those without it"
        ) from None
    if not len(there) == len(here) == pairs:
        raise DataError(
            f"modes holds {len(there)} modes with the pattern and {len(here)} without it for {pairs} pairs of runs; "
            "give one of each per pair"
        )
    return sum(bool(a != b) for a, b in zip(there, here, strict=True))


def _length(runs: Array) -> Array:
    length: Array = np.sqrt((runs**2).sum(axis=2)).mean(axis=1)
    return length


def _estimate(values: Array, draws: NDArray[np.int64], level: float) -> Estimate:
    means = values[draws].mean(axis=1)
    low, high = np.quantile(means, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    return Estimate(float(values.mean()), float(low), float(high))
