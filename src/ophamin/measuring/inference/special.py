# SPDX-License-Identifier: Apache-2.0
"""The incomplete beta function, its inverse, and the binomial and Student tails that stand on it.

Written on `math` alone, because a verdict must not wait for a numerical library to load. It is not a general
library of special functions: arguments are those of binomial and t tests, with up to 1e7 trials or degrees of
freedom at 1e-12 relative error, and about 1e9 with slowly falling accuracy.

Sources: the continued fraction of Didonato and Morris, "Algorithm 708" (ACM TOMS 18, 1992), evaluated by
Lentz's method; the leading factor by Loader, "Fast and Accurate Computation of Binomial Probabilities"
(2000), which keeps its digits where differences of log-gammas lose them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

__all__ = [
    "betainc",
    "betaincinv",
    "binomial_cdf",
    "binomial_sf",
    "continued_fraction",
    "deviance",
    "stirling_error",
    "student_t_ppf",
    "student_t_sf",
]

_DIRECT_SUM: Final = 64
_TINY: Final = 1e-300
_HALF_LOG_TWO_PI: Final = 0.9189385332046727
_STIRLING: Final = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)


def betainc(a: float, b: float, x: float) -> float:
    """Regularized incomplete beta function I_x(a, b).

    Args:
        a: first shape, above 0.
        b: second shape, above 0.
        x: upper end of the integral, 0 to 1.

    Returns:
        A probability, 0 to 1.

    Raises:
        ValueError: where an argument lies outside its range.

    Example:
        >>> round(betainc(2.0, 3.0, 0.4), 4)
        0.5248
    """
    _check_shapes(a, b)
    if not 0.0 <= x <= 1.0:
        raise ValueError(f"x is {x!r}; the integral runs from 0 to 1")
    return _tails(a, b, x, 1.0 - x)[0]


@lru_cache(maxsize=1024)  # the bounds of a rate come again with the same counts and levels
def betaincinv(a: float, b: float, p: float, *, upper: bool = False) -> float:
    """The x at which I_x(a, b), or with ``upper`` its complement, equals ``p``.

    Args:
        a: first shape, above 0.
        b: second shape, above 0.
        p: probability, 0 to 1.
        upper: take ``p`` as the probability above x; keeps its digits where p is small.

    Raises:
        ValueError: where an argument lies outside its range.

    Example:
        >>> round(betaincinv(1, 20, 0.05, upper=True), 4)
        0.1391
    """
    _check_shapes(a, b)
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"p is {p!r}; a probability lies within 0 and 1")
    if p in {0.0, 1.0}:
        return 1.0 - p if upper else p
    logit = _inverse_logit(a, b, p, upper=upper)
    return 1.0 / (1.0 + math.exp(-logit)) if logit > -700.0 else math.exp(logit)


def binomial_sf(k: int, n: int, p: float) -> float:
    """P(X >= k), k included, for a binomial count of ``n`` trials with success probability ``p``.

    >>> binomial_sf(4, 4, 0.5), round(binomial_sf(59, 59, 0.95), 4)
    (0.0625, 0.0485)
    """
    _check_trials(n, p)
    if k <= 0:
        return 1.0
    if k > n or p == 0.0:
        return 0.0
    if k == n:
        return p**n
    if n <= _DIRECT_SUM:
        return _sum_terms(k, n, n, p)
    return _tails(k, n - k + 1, p, 1.0 - p)[0]


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for a binomial count of ``n`` trials with success probability ``p``.

    >>> binomial_cdf(0, 4, 0.5), round(binomial_cdf(0, 20, 0.1391), 4)
    (0.0625, 0.05)
    """
    _check_trials(n, p)
    if k >= n:
        return 1.0
    if k < 0 or p == 1.0:
        return 0.0
    if n <= _DIRECT_SUM:
        return _sum_terms(0, k, n, p)
    if k == 0:
        return math.exp(n * math.log1p(-p))
    return _tails(k + 1, n - k, p, 1.0 - p)[1]


def student_t_sf(t: float, df: float) -> float:
    """P(T >= t) for Student's t with ``df`` degrees of freedom (above 0).

    >>> round(student_t_sf(2.228139, 10), 6)
    0.025
    """
    if not df > 0.0:
        raise ValueError(f"df is {df!r}; degrees of freedom lie above 0")
    ratio = t * t / df
    below = 1.0 / (1.0 + ratio)
    above = ratio * below if math.isfinite(ratio) else 1.0
    tail = 0.5 * _tails(0.5 * df, 0.5, below, above)[0]
    return tail if t >= 0.0 else 1.0 - tail


def student_t_ppf(q: float, df: float) -> float:
    """The value below which a share ``q`` of Student's t with ``df`` degrees of freedom lies.

    >>> round(student_t_ppf(0.975, 10), 4), student_t_ppf(0.5, 3)
    (2.2281, 0.0)
    """
    if not df > 0.0:
        raise ValueError(f"df is {df!r}; degrees of freedom lie above 0")
    if not 0.0 < q < 1.0:
        raise ValueError(f"q is {q!r}; a quantile of t needs a share between 0 and 1, both excluded")
    if q == 0.5:
        return 0.0
    logit = _inverse_logit(0.5 * df, 0.5, 2.0 * min(q, 1.0 - q), upper=False)
    return math.copysign(math.sqrt(df) * math.exp(-0.5 * logit), q - 0.5)


def _check_shapes(a: float, b: float) -> None:
    if not (0.0 < a < math.inf and 0.0 < b < math.inf):
        raise ValueError(f"the shapes are {a!r} and {b!r}; both must be finite and above 0")


def _check_trials(n: int, p: float) -> None:
    if n < 0 or not 0.0 <= p <= 1.0:
        raise ValueError(f"n is {n!r} and p is {p!r}; n must be at least 0 and p within 0 and 1")


def _sum_terms(first: int, last: int, n: int, p: float) -> float:
    """Sum of binomial terms; exact where p has few binary digits, so that 1/2**k meets a level of 1/2**k."""
    terms = (math.comb(n, i) * p**i * (1.0 - p) ** (n - i) for i in range(first, last + 1))
    return min(1.0, math.fsum(terms))


@lru_cache(maxsize=1024)
def _tails(a: float, b: float, x: float, y: float) -> tuple[float, float]:
    """I_x(a, b) and its complement, with y = 1 - x given apart so that neither loses digits; kept like bounds."""
    if x <= 0.0:
        return 0.0, 1.0
    if y <= 0.0:
        return 1.0, 0.0
    return _parted(a, b, x, y, _leading_factor(a, b, x, y))


def _parted(a: float, b: float, x: float, y: float, factor: float) -> tuple[float, float]:
    """Both tails from the leading factor; the smaller one is computed."""
    if b * x <= a * y:
        lower = min(1.0, factor / continued_fraction(a, b, x, y))
        return lower, 1.0 - lower
    upper = min(1.0, factor / continued_fraction(b, a, y, x))
    return 1.0 - upper, upper


def _leading_factor(a: float, b: float, x: float, y: float) -> float:
    """x**a * y**b / B(a, b) by saddle-point deviances."""
    total = a + b
    distance = deviance(a, total * x) + deviance(b, total * y)
    root, correction = _scale(a, b)
    return root * math.exp(correction - distance - _HALF_LOG_TWO_PI)


@lru_cache(maxsize=64)
def _scale(a: float, b: float) -> tuple[float, float]:
    """What the leading factor has of its shapes alone: a root, and the corrections of Stirling's formula."""
    total = a + b
    return math.sqrt(a * (b / total)), stirling_error(total) - stirling_error(a) - stirling_error(b)


def deviance(z: float, mean: float) -> float:
    """Z log(z / mean) + mean - z without cancellation near z = mean."""
    if mean == 0.0:
        return math.inf
    difference = z - mean
    ratio = difference / (z + mean)
    if abs(ratio) >= 0.1:
        return z * math.log(z / mean) - difference
    total = difference * ratio
    term = 2.0 * z * ratio
    square = ratio * ratio
    for odd in range(3, 200, 2):
        term *= square
        before, total = total, total + term / odd
        if total == before:
            break
    return total


def stirling_error(z: float) -> float:
    """Log-gamma of z less Stirling's leading terms (z - 1/2) log z - z + log(2 pi) / 2."""
    if z < 10.0:
        return math.lgamma(z) - ((z - 0.5) * math.log(z) - z + _HALF_LOG_TWO_PI)
    square = 1.0 / (z * z)
    total = 0.0
    for coefficient in reversed(_STIRLING):
        total = total * square + coefficient
    return total / z


def continued_fraction(a: float, b: float, x: float, y: float) -> float:
    """The fraction under the leading factor of I_x(a, b), for x at or below the mean a / (a + b).

    There every partial denominator is positive, and y enters apart, so that nothing cancels.
    """
    slope = a * y - b * x + 1.0
    value = c = a * slope / (a + 1.0)
    d = 0.0
    for m in range(1, 1_000_000):
        odd = a + 2 * m - 1
        shared = m * (b - m) * x / odd
        partial = shared * (a + m - 1) * (a + b + m - 1) * x / odd
        floor = m + shared + (a + m) * (slope + m * (1.0 + y)) / (a + 2 * m + 1)
        d = 1.0 / (floor + partial * d or _TINY)
        c = floor + partial / c or _TINY
        step = d * c
        value *= step
        if abs(step - 1.0) <= 3e-16:
            break
    return value


def _inverse_logit(a: float, b: float, p: float, *, upper: bool) -> float:
    """The log-odds of x at which the wanted tail is p, for p strictly between 0 and 1.

    In the log-odds of x the beta density is log-concave, so the log of either tail is concave and Newton's
    steps approach the root from one side, from wherever they start.
    """
    if p > 0.5:
        p, upper = 1.0 - p, not upper
    sign = -1.0 if upper else 1.0
    logit = math.log(a / b)
    for _ in range(200):
        decay = math.exp(-abs(logit))
        near, far = 1.0 / (1.0 + decay), decay / (1.0 + decay)
        x, y = (near, far) if logit >= 0.0 else (far, near)
        factor = _leading_factor(a, b, x, y)
        tail = (_parted(a, b, x, y, factor) if x > 0.0 and y > 0.0 else _tails(a, b, x, y))[upper]
        if tail == 0.0:
            logit = 0.5 * (logit + math.log(a / b))
            continue
        step = sign * math.log(tail / p) * tail / factor
        logit -= step
        if abs(step) <= 1e-15 * max(1.0, abs(logit)):
            break
    return logit
