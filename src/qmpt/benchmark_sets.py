# SPDX-License-Identifier: Apache-2.0
"""Labelled sets on which anomaly scores are compared: ordinary rows, and a few that are known to be otherwise.

Nine of them are ``tuned``: the default score was chosen while looking at them, and what it reaches there says little
about other data. The others are ``untouched``: the default was never tried on them before its claim was registered.
All are made of data that scikit-learn carries, or of random numbers; nothing is fetched. A draw is fixed by its seed.

The synthetic sets have the four kinds of anomaly of ADBench (Han and others, NeurIPS 2022, Datasets and Benchmarks) on
bases of our own: ``local`` rows have five times the covariance, ``global`` rows fill a box 1.1 times as wide as the
data, ``cluster`` rows have five times the mean, and ``dependency`` rows have the marginals without what ties them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, nearest_name

__all__ = ["BENCHMARK_SETS", "BenchmarkSet", "LabelledRows", "benchmark_set", "benchmark_sets"]

Array = NDArray[np.float64]
Kind = Literal["local", "global", "cluster", "dependency"]
Base = Callable[[np.random.Generator], Callable[[np.random.Generator, int, float], Array]]

_SYNTHETIC_ROWS: Final = 2000
_SYNTHETIC_ANOMALIES: Final = 100
_LOCAL: Final = 5.0
_BOX: Final = 1.1
_SHIFT: Final = 5.0


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """One draw of a set.

    Attributes:
        rows: features, shape (n, d).
        anomaly: which rows are anomalies, shape (n,).
    """

    rows: Array
    anomaly: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BenchmarkSet:
    """A set and how to draw it.

    Attributes:
        name: of the set.
        status: ``tuned`` or ``untouched``.
        about: what is ordinary, and what is not.
        build: from a seed to a draw.

    Example:
        >>> drawn = benchmark_set("wine_1").draw(seed=0)
        >>> drawn.rows.shape, int(drawn.anomaly.sum())
        ((129, 13), 10)
    """

    name: str
    status: Literal["tuned", "untouched"]
    about: str
    build: Callable[[int], LabelledRows]

    def draw(self, seed: int) -> LabelledRows:
        """The draw of a seed, at least 0; its rows are in random order."""
        found = self.build(seed)
        order = np.random.default_rng((seed, 1)).permutation(len(found.rows))
        return LabelledRows(found.rows[order], found.anomaly[order])


@cache
def _table(loader: str) -> tuple[Array, NDArray[np.intp]]:
    from sklearn import datasets

    data: Any = getattr(datasets, f"load_{loader}")()
    return np.asarray(data.data, dtype=np.float64), np.asarray(data.target, dtype=np.intp)


def _classes(loader: str, ordinary: Iterable[int], other: Iterable[int], count: int) -> Callable[[int], LabelledRows]:
    """All rows of the ordinary classes, and ``count`` random rows of the other ones."""

    def build(seed: int) -> LabelledRows:
        rows, label = _table(loader)
        inside, outside = np.isin(label, list(ordinary)), np.flatnonzero(np.isin(label, list(other)))
        drawn = np.random.default_rng(seed).choice(outside, count, replace=False)
        return _joined(rows[inside], rows[drawn])

    return build


def _joined(ordinary: Array, anomalies: Array) -> LabelledRows:
    flags = np.arange(len(ordinary) + len(anomalies)) >= len(ordinary)
    return LabelledRows(np.vstack((ordinary, anomalies)), flags)


def _factors(draw: np.random.Generator) -> Callable[[np.random.Generator, int, float], Array]:
    """Six normal features that two factors tie closely."""
    d = 6
    loadings = draw.normal(size=(d, 2))
    covariance = loadings @ loadings.T + 0.05 * np.eye(d)
    scale = np.sqrt(np.diag(covariance))
    root = np.linalg.cholesky(covariance / np.outer(scale, scale))
    mean = 0.5 * draw.normal(size=d)

    def sample(source: np.random.Generator, n: int, spread: float) -> Array:
        rows: Array = mean + spread * source.normal(size=(n, d)) @ root.T
        return rows

    return sample


def _skewed(draw: np.random.Generator) -> Callable[[np.random.Generator, int, float], Array]:
    """Ten log-normal features with a chain of correlations, in two groups of unequal size."""
    d = 10
    place = np.arange(d)
    root = np.linalg.cholesky(0.8 ** np.abs(place[:, None] - place))
    centers = draw.normal(size=(2, d))

    def sample(source: np.random.Generator, n: int, spread: float) -> Array:
        group = (source.random(n) < 0.3).astype(np.intp)
        rows: Array = np.exp(0.5 * (centers[group] + spread * source.normal(size=(n, d)) @ root.T))
        return rows

    return sample


def _synthetic(base: Base, kind: Kind) -> Callable[[int], LabelledRows]:
    def build(seed: int) -> LabelledRows:
        draw = np.random.default_rng((seed, 2))
        sample, k = base(draw), _SYNTHETIC_ANOMALIES
        ordinary = sample(draw, _SYNTHETIC_ROWS - k, 1.0)
        if kind == "local":
            anomalies = sample(draw, k, float(np.sqrt(_LOCAL)))
        elif kind == "global":
            low, high = ordinary.min(axis=0), ordinary.max(axis=0)
            anomalies = (low + high) / 2.0 + _BOX * (high - low) * (draw.random((k, ordinary.shape[1])) - 0.5)
        elif kind == "cluster":
            anomalies = sample(draw, k, 1.0) + (_SHIFT - 1.0) * ordinary.mean(axis=0)
        else:
            anomalies = np.column_stack([draw.choice(column, k, replace=False) for column in ordinary.T])
        return _joined(ordinary, anomalies)

    return build


def _tuned() -> list[BenchmarkSet]:
    digits = set(range(10))
    kinds: tuple[Kind, ...] = ("local", "global", "cluster", "dependency")
    real = [
        ("wdbc_21", "357 benign tumours, 21 malignant (as ODDS wbc)", _classes("breast_cancer", [1], [0], 21)),
        ("wdbc_39", "357 benign tumours, 39 malignant", _classes("breast_cancer", [1], [0], 39)),
        ("wine_1", "wines of cultivars 2 and 3, 10 of cultivar 1 (as ODDS wine)", _classes("wine", [1, 2], [0], 10)),
        ("digits_0", "digits 1 to 9, 50 zeros (like ODDS optdigits)", _classes("digits", digits - {0}, [0], 50)),
        ("digit_0", "zeros, 10 other digits", _classes("digits", [0], digits - {0}, 10)),
    ]
    made = [
        (f"factors_{kind}", f"six tied normal features, {kind} anomalies", _synthetic(_factors, kind)) for kind in kinds
    ]
    return [BenchmarkSet(name, "tuned", about, build) for name, about, build in [*real, *made]]


def _untouched() -> list[BenchmarkSet]:
    digits = set(range(10))
    kinds: tuple[Kind, ...] = ("local", "global", "cluster", "dependency")
    real = [
        ("wdbc_benign_11", "212 malignant tumours, 11 benign", _classes("breast_cancer", [0], [1], 11)),
        ("wine_2", "wines of cultivars 1 and 3, 10 of cultivar 2", _classes("wine", [0, 2], [1], 10)),
        ("wine_3", "wines of cultivars 1 and 2, 10 of cultivar 3", _classes("wine", [0, 1], [2], 10)),
        ("digits_8", "digits but 8, 50 eights", _classes("digits", digits - {8}, [8], 50)),
        ("digit_4", "fours, 10 other digits", _classes("digits", [4], digits - {4}, 10)),
        ("digit_7", "sevens, 10 other digits", _classes("digits", [7], digits - {7}, 10)),
        ("iris_virginica", "irises setosa and versicolor, 6 virginica", _classes("iris", [0, 1], [2], 6)),
    ]
    made = [
        (f"skewed_{kind}", f"ten log-normal features in two groups, {kind} anomalies", _synthetic(_skewed, kind))
        for kind in kinds
    ]
    return [BenchmarkSet(name, "untouched", about, build) for name, about, build in [*real, *made]]


BENCHMARK_SETS: Final[dict[str, BenchmarkSet]] = {one.name: one for one in [*_tuned(), *_untouched()]}
"""All sets by name."""


def benchmark_set(name: str) -> BenchmarkSet:
    """The set of a name.

    Raises:
        ConfigError: an unknown name.

    Example:
        >>> benchmark_set("digits_0").status
        'tuned'
    """
    found = BENCHMARK_SETS.get(name)
    if found is None:
        raise ConfigError(f"no benchmark set is called {name!r}; {nearest_name(name, BENCHMARK_SETS)}")
    return found


def benchmark_sets(status: Literal["tuned", "untouched"]) -> list[BenchmarkSet]:
    """The sets of a status, in the order of their tables.

    Example:
        >>> len(benchmark_sets("tuned")), len(benchmark_sets("untouched"))
        (9, 11)
    """
    return [one for one in BENCHMARK_SETS.values() if one.status == status]
