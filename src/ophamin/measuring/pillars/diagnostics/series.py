# SPDX-License-Identifier: Apache-2.0
"""Checks of a series in its order: dependence, normality, stationarity, and how many independent values it is worth.

Every one is computed on the series scaled to its largest deviation, which changes none of them. They find clear
departures; that none is found does not show that there is none.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ophamin.measuring.inference.dependence import lag1
from ophamin.measuring.pillars.base import NotComputableError

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = [
    "LARGEST_EXACT_LAG1",
    "LARGEST_SHAPIRO",
    "LARGEST_UNIT_ROOT",
    "SMALLEST_SERIES",
    "SMALLEST_UNIT_ROOT",
    "Check",
    "autocorrelations",
    "check_series",
    "effective_sample_size",
    "ljung_box",
    "scaled_series",
]

SMALLEST_SERIES: Final = 20
SMALLEST_UNIT_ROOT: Final = 30
LARGEST_SHAPIRO: Final = 5000
"""Beyond it the approximation of the Shapiro-Wilk p-value is not made for the sample; Anderson-Darling is used."""

LARGEST_UNIT_ROOT: Final = 2000
"""A longer series is first averaged in blocks of neighbours: a unit root or a drift of the level survives that."""

LARGEST_EXACT_LAG1: Final = 100_000
"""Beyond it the p-value of the lag-1 correlation is that of the normal curve."""


@dataclass(frozen=True, slots=True)
class Check:
    """One test of a series.

    Attributes:
        test: its name.
        statistic: its value; None where it is undefined.
        p_value: against the null hypothesis that ``null`` names; None where it is undefined.
        null: the null hypothesis, in a word or two.
        note: how it was computed where that depends on n, or why it is undefined.
    """

    test: str
    statistic: float | None
    p_value: float | None
    null: str
    note: str = ""


def scaled_series(values: Sequence[float]) -> NDArray[float64]:
    """The deviations from the mean, scaled so that the largest is 1.

    Raises:
        NotComputableError: fewer than 20 values, or values that are equal up to rounding.

    Example:
        >>> scaled_series([0.0, 2.0] * 10)[:4].tolist()
        [-1.0, 1.0, -1.0, 1.0]
    """
    import numpy as np

    n = len(values)
    if n < SMALLEST_SERIES:
        raise NotComputableError(f"{n} values; the checks of a series need at least {SMALLEST_SERIES}")
    x = np.asarray(values, dtype=float)
    largest = float(np.abs(x).max())
    x = x / largest if largest > 0.0 else x
    x = x - x.mean()
    deviation = float(np.abs(x).max())
    if deviation < 1e-13:
        raise NotComputableError(f"all {n} values are equal up to rounding; a series without spread has no dependence")
    scaled: NDArray[float64] = x / deviation
    return scaled


def autocorrelations(series: NDArray[float64]) -> NDArray[float64]:
    """Autocorrelations at lags 0 to n - 1 of a series with mean 0, by the fast Fourier transform.

    >>> import numpy as np
    >>> autocorrelations(np.array([1.0, -1.0, 1.0, -1.0])).round(6).tolist()
    [1.0, -0.75, 0.5, -0.25]
    """
    from scipy import fft

    n = len(series)
    spectrum = fft.rfft(series, fft.next_fast_len(2 * n, real=True))
    products = fft.irfft(spectrum * spectrum.conj(), fft.next_fast_len(2 * n, real=True))[:n]
    correlations: NDArray[float64] = products / products[0]
    return correlations


def effective_sample_size(correlations: NDArray[float64]) -> float:
    """How many independent values estimate the mean as well as these dependent ones; between 1 and n.

    The sum of the autocorrelations ends where a pair of neighbours is no longer positive, and pairs may not grow.

    Args:
        correlations: at lags 0 to n - 1, from `autocorrelations`.

    Source: Geyer, Statistical Science 7 (1992), initial monotone sequence.

    Example:
        >>> import numpy as np
        >>> effective_sample_size(np.array([1.0, 0.5, 0.25, -0.25] + [0.0] * 96)) < 100
        True
    """
    import numpy as np

    n = len(correlations)
    pairs = correlations[: n - n % 2].reshape(-1, 2).sum(axis=1)
    ended = np.flatnonzero(pairs <= 0.0)
    kept = np.minimum.accumulate(pairs[: int(ended[0])] if len(ended) else pairs)
    time = 2.0 * float(kept.sum()) - 1.0
    return float(n) if time <= 1.0 else max(1.0, n / time)


def ljung_box(correlations: NDArray[float64]) -> Check:
    """The test of Ljung and Box over min(10, n // 5) lags.

    Args:
        correlations: at lags 0 to n - 1, from `autocorrelations`.

    Source: Ljung and Box, Biometrika 65 (1978).
    """
    import numpy as np
    from scipy.stats import chi2

    n = len(correlations)
    lags = min(10, n // 5)
    numbered = np.arange(1, lags + 1)
    statistic = float(n * (n + 2) * np.sum(correlations[1 : lags + 1] ** 2 / (n - numbered)))
    return Check("Ljung-Box", statistic, float(chi2.sf(statistic, lags)), "no autocorrelation", f"{lags} lags")


def check_series(series: NDArray[float64], correlations: NDArray[float64]) -> dict[str, Check]:
    """All checks, by name: ``lag1``, ``ljung_box``, ``normality``, ``dagostino``, ``adf``, ``kpss``.

    Args:
        series: from `scaled_series`.
        correlations: from `autocorrelations`.

    Example:
        >>> import numpy as np
        >>> series = scaled_series(np.random.default_rng(1).normal(size=200).tolist())
        >>> checks = check_series(series, autocorrelations(series))
        >>> checks["normality"].test, checks["adf"].p_value < 0.01
        ('Shapiro-Wilk', True)
    """
    return {
        "lag1": _lag1(series, correlations),
        "ljung_box": ljung_box(correlations),
        "normality": _normality(series),
        "dagostino": _dagostino(series),
        **_unit_roots(series),
    }


def _lag1(series: NDArray[float64], correlations: NDArray[float64]) -> Check:
    r, n = float(correlations[1]), len(series)
    if n > LARGEST_EXACT_LAG1:
        p_value = math.erfc(abs(r) * math.sqrt(0.5 * n))
        return Check("lag-1 autocorrelation", r, p_value, "any order is as likely", "p-value by the normal curve")
    found = lag1(series.tolist())
    return Check("lag-1 autocorrelation", r, found.p_value, "any order is as likely", "p-value of ranks or runs")


def _normality(series: NDArray[float64]) -> Check:
    if len(series) <= LARGEST_SHAPIRO:
        from scipy.stats import shapiro

        return _defined("Shapiro-Wilk", "normal", lambda: shapiro(series), "")
    from statsmodels.stats.diagnostic import normal_ad

    return _defined("Anderson-Darling", "normal", lambda: normal_ad(series), f"Shapiro-Wilk ends at {LARGEST_SHAPIRO}")


def _dagostino(series: NDArray[float64]) -> Check:
    from scipy.stats import normaltest

    return _defined("D'Agostino-Pearson", "normal", lambda: normaltest(series), "")


def _unit_roots(series: NDArray[float64]) -> dict[str, Check]:
    """The augmented Dickey-Fuller test and the KPSS test: their null hypotheses are each other's opposite."""
    names = {"adf": ("augmented Dickey-Fuller", "unit root"), "kpss": ("KPSS", "stationary level")}
    n = len(series)
    if n < SMALLEST_UNIT_ROOT:
        note = f"undefined: {n} values; at least {SMALLEST_UNIT_ROOT} are needed"
        return {key: Check(test, None, None, null, note) for key, (test, null) in names.items()}
    from statsmodels.tsa.stattools import adfuller, kpss

    size = -(-n // LARGEST_UNIT_ROOT)
    blocks = series[: n - n % size].reshape(-1, size).mean(axis=1)
    note = f"of the means of {len(blocks)} blocks of {size}" if size > 1 else ""
    found = {
        "adf": _defined(*names["adf"], lambda: adfuller(blocks, regression="c", autolag="AIC"), note),
        "kpss": _defined(*names["kpss"], lambda: kpss(blocks, regression="c", nlags="auto"), note),
    }
    table = "the table of p-values runs from 0.01 to 0.1"
    found["kpss"] = _with_note(found["kpss"], table)
    return found


def _defined(test: str, null: str, compute: Callable[[], Any], note: str) -> Check:
    """The statistic and p-value that a library gives first; undefined where it refuses, or gives no number."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of p-values beyond a table, which the note says, and of later versions
            statistic, p_value, *_ = compute()
    except (ValueError, ArithmeticError, LookupError) as error:  # LinAlgError is a ValueError
        return Check(test, None, None, null, f"undefined: {error}")
    statistic, p_value = float(statistic), float(p_value)
    if not (math.isfinite(statistic) and math.isfinite(p_value)):
        return Check(test, None, None, null, f"undefined: the library gives {statistic!r} with p-value {p_value!r}")
    return Check(test, statistic, min(1.0, max(0.0, p_value)), null, note)


def _with_note(check: Check, more: str) -> Check:
    if check.p_value is None:
        return check
    return Check(check.test, check.statistic, check.p_value, check.null, "; ".join(filter(None, (check.note, more))))
