# SPDX-License-Identifier: Apache-2.0
"""Folds for scoring rows by models that did not see them, and bootstrap intervals of scores, ranks and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError

__all__ = ["Intervals", "bootstrap_intervals", "fold_numbers"]

Array = NDArray[np.float64]


def fold_numbers(rows: int, folds: int, seed: int = 0) -> NDArray[np.intp]:
    """Deal rows to folds of nearly equal size.

    Args:
        rows: how many, at least 1.
        folds: at least 2; fewer come back where there are fewer rows.
        seed: of the deal.

    Returns:
        fold of each row, from 0, shape (n,).

    Raises:
        ConfigError: fewer than 2 folds.

    Example:
        >>> sorted(fold_numbers(5, 2).tolist())
        [0, 0, 0, 1, 1]
    """
    if folds < 2:
        raise ConfigError(f"cross_fit is {folds}; it must be at least 2, or 0 for none")
    return np.random.default_rng(seed).permutation(rows) % min(folds, rows)


@dataclass(frozen=True, slots=True)
class Intervals:
    """How far scores, ranks and labels would move with another sample of the same population.

    Attributes:
        low: lower ends of the scores, shape (n,).
        high: upper ends.
        rank_low: lower ends of the ranks; rank 1 is the most unusual.
        rank_high: upper ends.
        flips: share of resamples in which the label is another one, shape (n,).
        unstable: where that share is above 0.2.
        level: of the intervals.
        n_resamples: how many resamples they come from.
    """

    low: Array
    high: Array
    rank_low: NDArray[np.intp]
    rank_high: NDArray[np.intp]
    flips: Array
    unstable: NDArray[np.bool_]
    level: float
    n_resamples: int


def bootstrap_intervals(
    scores: Array,
    rescore: Callable[[NDArray[np.intp]], Array],
    categorise: Callable[[Array], NDArray[np.intp]],
    *,
    population: int,
    n_resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
    unstable_above: float = 0.2,
) -> Intervals:
    """Percentile intervals over resampled populations, centred at the reported scores.

    A model that is fitted to a resample has seen most of the rows it scores, and so scores them lower than the
    reported, cross-fitted ones. Only the deviations from the mean over resamples are therefore taken, and put around
    the score.

    Args:
        scores: the reported scores, shape (n,).
        rescore: from the rows of a resample, numbers below ``population`` with repetitions, to scores, shape (n,).
        categorise: from scores to the number of each row's label.
        population: how many rows a resample is drawn from, and has.
        n_resamples: at least 20.
        level: in (0, 1).
        seed: of the resamples.
        unstable_above: the share of other labels above which a label is unstable, in [0, 1).

    Raises:
        ConfigError: a value out of its range.

    Example:
        >>> rows = np.arange(10.0)
        >>> found = bootstrap_intervals(
        ...     rows, lambda draw: rows - rows[draw].mean(), lambda s: (s > 8).astype(int), population=10
        ... )
        >>> bool((found.low <= rows).all() and (rows <= found.high).all())
        True
    """
    if n_resamples < 20 or not 0.0 < level < 1.0 or not 0.0 <= unstable_above < 1.0:
        raise ConfigError(
            f"n_resamples, level and unstable_above are {n_resamples}, {level} and {unstable_above}; give at least 20, "
            "and shares in (0, 1) and [0, 1)"
        )
    n, draw = len(scores), np.random.default_rng(seed)
    raw = np.array([rescore(np.sort(draw.integers(population, size=population))) for _ in range(n_resamples)])
    around = scores + raw - raw.mean(axis=0)
    ends = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    low, high = np.quantile(around, ends, axis=0)
    ranks = n - around.argsort(axis=1).argsort(axis=1)
    rank_low, rank_high = np.quantile(ranks, ends, axis=0, method="inverted_cdf")
    labels = np.array([categorise(one) for one in around])
    flips = (labels != categorise(scores)).mean(axis=0)
    return Intervals(
        np.minimum(low, scores),
        np.maximum(high, scores),
        rank_low.astype(np.intp),
        rank_high.astype(np.intp),
        flips,
        flips > unstable_above,
        level,
        n_resamples,
    )
