# SPDX-License-Identifier: Apache-2.0
"""Early-warning indicators: does a series recover ever more slowly from its fluctuations?

Before many kinds of transition the variance and the lag-1 autocorrelation of the fluctuations rise (critical slowing
down; Scheffer and others, Nature 461, 2009; Dakos and others, PLoS ONE 7, 2012). The series is detrended by a Gaussian
kernel, both are taken in a rolling window, and their trend is Kendall's tau against time. Windows overlap, so tau has
no textbook distribution; its null is that of surrogates with the same spectrum and random phases (Theiler and others,
Physica D 58, 1992). A transition may come without a warning, and a warning without a transition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.metrics.layer_changes import LARGEST_VALUE

__all__ = [
    "FEWEST_VALUES",
    "EarlyWarning",
    "Trend",
    "early_warning",
    "gaussian_detrend",
    "phase_surrogates",
    "rolling_moments",
]

Array = NDArray[np.float64]

FEWEST_VALUES: Final = 40
"""Shortest series (open choice: two windows of 20)."""
FEWEST_SURROGATES: Final = 19
_REACH: Final = 4.0
_FEWEST_IN_WINDOW: Final = 10


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend of an indicator.

    Attributes:
        tau: Kendall's tau-b against time, in [-1, 1]; None where the indicator takes one value only.
        p_value: share of surrogates whose tau is at least as large, (1 + count) / (1 + surrogates): one-sided; None
            where tau is.
    """

    tau: float | None
    p_value: float | None


@dataclass(frozen=True)
class EarlyWarning:
    """Indicators of a series.

    Attributes:
        end: index of the last value of each window, shape (m,).
        variance: of the detrended values in each window, shape (m,).
        autocorrelation: at lag 1, shape (m,), in [-1, 1]; NaN where a window does not vary.
        variance_trend: of ``variance``.
        autocorrelation_trend: of ``autocorrelation``.
        window: values in a window.
        bandwidth: standard deviation of the kernel, in values.
        surrogates: how many the p-values come from.
    """

    end: NDArray[np.intp]
    variance: Array
    autocorrelation: Array
    variance_trend: Trend
    autocorrelation_trend: Trend
    window: int
    bandwidth: float
    surrogates: int


def early_warning(
    values: Any, *, window: float = 0.5, bandwidth: float = 0.1, surrogates: int = 500, seed: int = 0
) -> EarlyWarning:
    """Variance and autocorrelation in rolling windows, and whether they rise more than by chance.

    Args:
        values: evenly spaced, finite, shape (n,), n at least 40.
        window: share of the series in a window, in (0, 1); half is the usual choice.
        bandwidth: standard deviation of the detrending kernel as a share of the series, in (0, 1].
        surrogates: at least 19, for a p-value of 0.05.
        seed: of the surrogates.

    Raises:
        InsufficientEvidence: fewer than 40 values, or no variation after detrending.
        DataError: a value that is not finite, or another shape.
        ConfigError: an argument out of its range.

    Example:
        >>> draw = np.random.default_rng(1)
        >>> rising = draw.normal(size=200) * np.linspace(1.0, 3.0, 200)
        >>> early_warning(rising, surrogates=99).variance_trend.p_value < 0.05
        True
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or not (np.abs(series) <= LARGEST_VALUE).all():
        raise DataError(
            f"the series has the shape {series.shape}, or holds values that are not finite or beyond {LARGEST_VALUE}; "
            "give one row, and fill, cut or rescale it"
        )
    n = len(series)
    if n < FEWEST_VALUES:
        raise InsufficientEvidence(f"{n} values; {FEWEST_VALUES} are the fewest for an early warning")
    width = round(window * n)
    if not (_FEWEST_IN_WINDOW <= width < n and 0.0 < bandwidth <= 1.0 and surrogates >= FEWEST_SURROGATES):
        raise ConfigError(
            f"window, bandwidth and surrogates are {window}, {bandwidth} and {surrogates}; give shares in (0, 1) of at "
            f"least {_FEWEST_IN_WINDOW} values, and at least {FEWEST_SURROGATES} surrogates"
        )
    detrended = gaussian_detrend(series, bandwidth * n)
    if detrended.std() <= 1e-12 * max(float(np.abs(series).max()), 1e-300):
        raise InsufficientEvidence("the series does not vary around its trend; there is nothing to warn by")
    nulls = phase_surrogates(detrended, surrogates, seed)
    variance, autocorrelation = rolling_moments(detrended[None, :], width)
    null_variance, null_autocorrelation = rolling_moments(nulls, width)
    return EarlyWarning(
        np.arange(width - 1, n),
        variance[0],
        autocorrelation[0],
        _trend(variance[0], null_variance),
        _trend(autocorrelation[0], null_autocorrelation),
        width,
        bandwidth * n,
        surrogates,
    )


def gaussian_detrend(values: Array, bandwidth: float) -> Array:
    """What is left of a series after subtracting its Gaussian kernel mean; at the ends the kernel is cut off.

    Args:
        values: shape (n,).
        bandwidth: standard deviation of the kernel in values, above 0.

    Example:
        >>> gaussian_detrend(np.ones(9), 2.0).round(9).tolist()
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    reach = min(math.ceil(_REACH * bandwidth), len(values) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / bandwidth) ** 2)
    middle = slice(reach, reach + len(values))
    trend = np.convolve(values, kernel)[middle] / np.convolve(np.ones(len(values)), kernel)[middle]
    left: Array = values - trend
    return left


def phase_surrogates(values: Array, count: int, seed: int = 0) -> Array:
    """Series with the mean and power spectrum of a given one, and random phases.

    Args:
        values: shape (n,).
        count: how many.
        seed: of the phases.

    Returns:
        Shape (count, n).

    Example:
        >>> made = phase_surrogates(np.array([1.0, 3.0, 2.0, 5.0, 4.0]), 2)
        >>> made.mean(axis=1).round(9).tolist()
        [3.0, 3.0]
    """
    n = len(values)
    spectrum = np.fft.rfft(values)
    phases = np.random.default_rng(seed).uniform(0.0, 2.0 * math.pi, size=(count, len(spectrum)))
    phases[:, 0] = 0.0
    if n % 2 == 0:
        phases[:, -1] = 0.0  # the highest frequency of an even length is real
    surrogates: Array = np.fft.irfft(spectrum * np.exp(1j * phases), n=n, axis=1)
    return surrogates


def rolling_moments(rows: Array, window: int) -> tuple[Array, Array]:
    """Variance and lag-1 autocorrelation in every window of each row.

    Args:
        rows: shape (k, n).
        window: values in a window, at least 3.

    Returns:
        Each of shape (k, n - window + 1). A window without variation has the autocorrelation NaN.

    Example:
        >>> variance, autocorrelation = rolling_moments(np.array([[1.0, -1.0, 1.0, -1.0]]), 4)
        >>> variance.tolist(), autocorrelation.tolist()
        ([[1.0]], [[-1.0]])
    """
    centered = rows - rows.mean(axis=1, keepdims=True)
    mean = _rolling_sum(centered, window) / window
    variance = np.maximum(_rolling_sum(centered**2, window) / window - mean**2, 0.0)
    first, second = centered[:, :-1], centered[:, 1:]
    pairs = window - 1
    covariance, squares = _rolling_sum(first * second, pairs) / pairs, []
    means = [_rolling_sum(one, pairs) / pairs for one in (first, second)]
    for one, center in zip((first, second), means, strict=True):
        squares.append(np.maximum(_rolling_sum(one**2, pairs) / pairs - center**2, 0.0))
    covariance -= means[0] * means[1]
    scale = np.sqrt(squares[0] * squares[1])
    least = 1e-12 * np.maximum((centered**2).mean(axis=1, keepdims=True), 1e-300)
    correlation = np.divide(covariance, scale, out=np.full_like(covariance, math.nan), where=scale > least)
    return variance, np.clip(correlation, -1.0, 1.0)


def _rolling_sum(rows: Array, window: int) -> Array:
    sums = np.cumsum(np.pad(rows, ((0, 0), (1, 0))), axis=1)
    rolled: Array = sums[:, window:] - sums[:, :-window]
    return rolled


def _trend(indicator: Array, nulls: Array) -> Trend:
    tau = _kendall(indicator)
    if tau is None:
        return Trend(None, None)
    others = [_kendall(null) for null in nulls]
    at_least = sum(other is not None and other >= tau for other in others)
    return Trend(tau, (1 + at_least) / (1 + len(others)))


def _kendall(indicator: Array) -> float | None:
    """Kendall's tau against time of the values that are known."""
    from scipy.stats import kendalltau

    known = ~np.isnan(indicator)
    values = indicator[known]
    if len(values) < 2 or values.min() == values.max():
        return None
    return float(kendalltau(np.flatnonzero(known), values).statistic)
