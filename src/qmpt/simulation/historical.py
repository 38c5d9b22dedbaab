# SPDX-License-Identifier: Apache-2.0
"""Eleven dates in the history of science, and what they can and cannot say: a lesson in null models.

The list was picked by hand, and that outweighs everything below. The dates cluster more than events of a constant rate
would. They also cluster more than the theory's own example, a rate that rises with complexity, allows; so they do not
speak for it. Everything here is arithmetic on the list, or a simulation of a named null model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, DataError

__all__ = [
    "HISTORY",
    "HistoricalEvent",
    "NullTest",
    "age_statistics",
    "bin_counts",
    "clustering_test",
    "complexity",
    "complexity_integral",
    "constant_rate",
    "domain_complexity",
    "gini",
    "log_likelihood",
    "rising_rate",
]

Array = NDArray[np.float64]

FIRST_YEAR: Final = 1600
LAST_YEAR: Final = 2100
BIN_WIDTH: Final = 50
MIDPOINT: Final = 1900.0
WIDTH: Final = 60.0
TOY_BASE: Final = 0.01
TOY_SLOPE: Final = 8.0
_TIE: Final = 1e-12
_BATCH: Final = 20_000


@dataclass(frozen=True, slots=True)
class HistoricalEvent:
    """A work that counts as an event.

    Attributes:
        name: of the person.
        born: year.
        year: of the key work.
        domain: ``phys``, ``life``, ``comp``, ``info``, ``sys`` or ``ont``.
    """

    name: str
    born: int
    year: int
    domain: str

    @property
    def age(self) -> int:
        """Age in the year of the work, not looking at the day."""
        return self.year - self.born


HISTORY: Final = (
    HistoricalEvent("Newton", 1643, 1687, "phys"),
    HistoricalEvent("Maxwell", 1831, 1865, "phys"),
    HistoricalEvent("Darwin", 1809, 1859, "life"),
    HistoricalEvent("Boltzmann", 1844, 1877, "phys"),
    HistoricalEvent("Einstein", 1879, 1905, "phys"),
    HistoricalEvent("Gödel", 1906, 1931, "ont"),
    HistoricalEvent("Turing", 1912, 1936, "comp"),
    HistoricalEvent("von Neumann", 1903, 1945, "comp"),
    HistoricalEvent("Shannon", 1916, 1948, "info"),
    HistoricalEvent("Wiener", 1894, 1948, "sys"),
    HistoricalEvent("Tegmark", 1967, 2014, "ont"),
)
"""The theory's list. Maxwell's year is 1865; the treatise is of 1873."""


def complexity(year: Any) -> Any:
    """The assumed complexity of a time, 1 / (1 + exp(-(year - 1900) / 60)).

    Example:
        >>> round(float(complexity(1905)), 4)
        0.5208
    """
    return 1.0 / (1.0 + np.exp(-(np.asarray(year, dtype=np.float64) - MIDPOINT) / WIDTH))


def complexity_integral(first: float, last: float) -> float:
    """The integral of `complexity` from one year to another.

    Example:
        >>> round(complexity_integral(1600, 2100), 1)
        201.7
    """
    ends = np.logaddexp(0.0, (np.array([first, last]) - MIDPOINT) / WIDTH)
    return WIDTH * float(ends[1] - ends[0])


def gini(values: Any) -> float | None:
    """The Gini coefficient, sum over all pairs of |x_i - x_j| over 2 n² mean; None where the mean is 0.

    Args:
        values: not negative, at least one.

    Raises:
        DataError: no values, or a negative one.

    Example:
        >>> gini([0, 0, 0, 4]), gini([1, 1]), gini([0, 0])
        (0.75, 0.0, None)
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or given.size == 0 or not (given >= 0.0).all():
        raise DataError(f"the values have the shape {given.shape}; give one row of numbers that are not negative")
    found = _gini_rows(given[None, :])[0]
    return None if math.isnan(found) else float(found)


def bin_counts(
    years: Sequence[float], *, first: float = FIRST_YEAR, last: float = LAST_YEAR, width: float = BIN_WIDTH
) -> list[int]:
    """Events per bin [start, start + width) from ``first`` to below ``last``; those outside are left out.

    Raises:
        ConfigError: the bins do not fill the time from first to last.

    Example:
        >>> bin_counts([event.year for event in HISTORY])
        [0, 1, 0, 0, 0, 3, 6, 0, 1, 0]
    """
    bins = _bins(first, last, width)
    places = [math.floor((year - first) / width) for year in years]
    return [places.count(number) for number in range(bins)]


def age_statistics(events: Sequence[HistoricalEvent] = HISTORY) -> dict[str, float]:
    """Mean, median and population standard deviation of the ages.

    Example:
        >>> {name: round(value, 2) for name, value in age_statistics().items()}
        {'mean': 37.36, 'median': 34.0, 'sd': 10.07}
    """
    ages = np.array([event.age for event in events], dtype=np.float64)
    return {"mean": float(ages.mean()), "median": float(np.median(ages)), "sd": float(ages.std())}


def domain_complexity(events: Sequence[HistoricalEvent] = HISTORY) -> dict[str, float]:
    """Mean complexity of the times of each domain's events.

    Example:
        >>> round(domain_complexity()["ont"], 3)
        0.748
    """
    domains = dict.fromkeys(event.domain for event in events)
    return {
        domain: float(np.mean([complexity(event.year) for event in events if event.domain == domain]))
        for domain in domains
    }


def constant_rate(events: int = len(HISTORY)) -> Callable[[float, float], float]:
    """Expected events between two years under a constant rate, so many from 1600 to 2100.

    Example:
        >>> constant_rate()(1600, 2100)
        11.0
    """
    return lambda first, last: events * (last - first) / (LAST_YEAR - FIRST_YEAR)


def rising_rate(base: float = TOY_BASE, slope: float = TOY_SLOPE) -> Callable[[float, float], float]:
    """Expected events between two years under the theory's example, base (1 + slope C(t)) per year.

    Example:
        >>> round(rising_rate()(1600, 2100), 1)
        21.1
    """
    return lambda first, last: base * ((last - first) + slope * complexity_integral(first, last))


@dataclass(frozen=True, slots=True)
class NullTest:
    """The clustering of events beside that of a model.

    Attributes:
        observed: Gini coefficient of the observed counts.
        mean: of the simulated ones.
        low: their 5th percentile.
        high: their 95th percentile.
        p_value: share of simulated coefficients that are at least as large, (1 + count) / (1 + runs).
        runs: simulated histories with at least one event; others have no coefficient.
        expected: events that the model expects.
    """

    observed: float
    mean: float
    low: float
    high: float
    p_value: float
    runs: int
    expected: float


def clustering_test(
    years: Sequence[float],
    expected: Callable[[float, float], float],
    *,
    given_count: bool = False,
    first: float = FIRST_YEAR,
    last: float = LAST_YEAR,
    width: float = BIN_WIDTH,
    runs: int = 20_000,
    seed: int = 0,
) -> NullTest:
    """Do the events cluster more than a Poisson process with a given rate would have them?

    Args:
        years: of the events; those outside the bins are left out.
        expected: from two years to the expected events between them, such as `constant_rate`.
        given_count: hold the number of events at that of the observed ones, and let only their times vary.
        first: start of the first bin.
        last: end of the last bin.
        width: of a bin.
        runs: simulated histories, at least 100.
        seed: of the simulation.

    Raises:
        ConfigError: too few runs, or bins that do not fill the time.
        DataError: no event falls into the bins.

    Example:
        >>> clustering_test([event.year for event in HISTORY], constant_rate(), runs=2000).p_value < 0.05
        True
    """
    if runs < 100:
        raise ConfigError(f"runs is {runs}; give at least 100 simulated histories")
    counts = bin_counts(years, first=first, last=last, width=width)
    observed = gini(counts)
    if observed is None:
        raise DataError(f"0 of {len(years)} events fall into the years {first} to {last}; give others")
    starts = first + width * np.arange(len(counts))
    means = np.array([expected(start, start + width) for start in starts.tolist()])
    draw = np.random.default_rng(seed)
    found = []
    for done in range(0, runs, _BATCH):
        size = min(_BATCH, runs - done)
        drawn = (
            draw.multinomial(sum(counts), means / means.sum(), size=size)
            if given_count
            else draw.poisson(means, size=(size, len(means)))
        )
        found.append(_gini_rows(drawn.astype(np.float64)))
    null = np.concatenate(found)
    null = null[~np.isnan(null)]
    low, high = np.quantile(null, (0.05, 0.95))
    at_least = int((null >= observed - _TIE).sum())
    return NullTest(
        observed,
        float(null.mean()),
        float(low),
        float(high),
        (1 + at_least) / (1 + len(null)),
        len(null),
        float(means.sum()),
    )


def log_likelihood(counts: Sequence[int], expected: Sequence[float]) -> float:
    """Poisson log-likelihood of counts, with the total rate set to what was observed.

    Args:
        counts: events per bin, at least one in all.
        expected: what a model expects, up to a common factor; above 0 where there are events.

    Raises:
        DataError: unequal lengths, no events, or events where none are expected.

    Example:
        >>> round(log_likelihood([1, 1], [5.0, 5.0]), 3)
        -2.0
    """
    total, shape = sum(counts), np.asarray(expected, dtype=np.float64)
    if len(counts) != len(shape) or total == 0 or not (shape >= 0.0).all():
        raise DataError(f"{total} events in {len(counts)} bins for {len(shape)} expectations; give one for each bin")
    if any(count and not mean for count, mean in zip(counts, shape, strict=True)):
        raise DataError("there are events in a bin where 0 are expected; the model rules them out")
    means = total * shape / shape.sum()
    terms = (
        (count * math.log(mean) if count else 0.0) - mean - math.lgamma(count + 1)
        for count, mean in zip(counts, means.tolist(), strict=True)
    )
    return math.fsum(terms)


def _bins(first: float, last: float, width: float) -> int:
    bins = round((last - first) / width) if width > 0.0 else 0
    if bins < 1 or not math.isclose(bins * width, last - first, rel_tol=1e-9):
        raise ConfigError(f"bins of {width} do not fill the years {first} to {last}; take a width that does")
    return bins


def _gini_rows(rows: Array) -> Array:
    """The coefficient of each row; NaN where all values are 0."""
    n = rows.shape[1]
    ordered = np.sort(rows, axis=1)
    total = ordered.sum(axis=1)
    weighted = ordered @ (2.0 * np.arange(1, n + 1) - n - 1)
    found = np.full(len(rows), math.nan)
    np.divide(weighted, n * total, out=found, where=total > 0.0)
    return found
