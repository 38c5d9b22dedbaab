# SPDX-License-Identifier: Apache-2.0
"""The variance of true effects between studies, tau squared: three estimators, none of them below 0.

DerSimonian and Laird (1986) in closed form; Paule and Mandel (1982) by Newton's method, which rises to the root of a
convex function and cannot overshoot; restricted maximum likelihood by Fisher scoring. The last is the default
elsewhere: it is the least biased of the three when studies differ in size (Veroniki et al., Research Synthesis
Methods 7, 2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

__all__ = ["METHODS", "TauSquared", "generalized_excess", "restricted_likelihood", "restricted_score", "tau_squared"]

METHODS: Final = ("reml", "dl", "pm", "fixed")
_STEPS: Final = 2000
_CLOSE: Final = 1e-13
_NOISE: Final = 1e-12
"""Rounding of a log-likelihood."""


class TauSquared(NamedTuple):
    """An estimate of tau squared.

    ``floored`` says that the estimator went below 0 and was put to 0; ``untruncated`` is what it went to where that
    is a number, which is so for DerSimonian and Laird alone.
    """

    value: float
    floored: bool
    untruncated: float | None = None


def tau_squared(effects: Vector, variances: Vector, method: str) -> TauSquared:
    """Estimate tau squared.

    Args:
        effects: shape (k,), k at least 2.
        variances: shape (k,), of the effects within their studies; above 0.
        method: ``reml``, ``dl``, ``pm``, or ``fixed`` for none.

    Raises:
        ClaimError: an unknown method.
        NotComputableError: the iteration did not converge.

    Example:
        >>> import numpy as np
        >>> tau_squared(np.array([0.0, 1.0, 2.0]), np.array([0.25, 0.25, 0.25]), "dl").value
        0.75
    """
    if method not in METHODS:
        raise ClaimError(f"the method is {str(method)[:40]!r}; it is one of {', '.join(METHODS)}")
    if method == "fixed":
        return TauSquared(0.0, floored=False)
    if method == "dl":
        return _dersimonian_laird(effects, variances)
    return (_paule_mandel if method == "pm" else _restricted)(effects, variances)


def restricted_likelihood(effects: Vector, variances: Vector, tau2: float) -> float:
    """The restricted log-likelihood of tau squared, but for a constant.

    Example:
        >>> import numpy as np
        >>> y, v = np.array([0.0, 1.0, 2.0]), np.array([0.25] * 3)
        >>> restricted_likelihood(y, v, 0.75) > restricted_likelihood(y, v, 0.7)
        True
    """
    import numpy as np

    weights = 1.0 / (variances + tau2)
    total = float(weights.sum())
    rest = effects - float(weights @ effects) / total
    return 0.5 * (float(np.log(weights).sum()) - float(np.log(total)) - float(weights @ rest**2))


def restricted_score(effects: Vector, variances: Vector, tau2: float) -> tuple[float, float]:
    """The derivative of the restricted log-likelihood in tau squared, and its expected information.

    Example:
        >>> import numpy as np
        >>> score, information = restricted_score(np.array([0.0, 1.0, 2.0]), np.array([0.25] * 3), 0.75)
        >>> round(score, 12), information
        (0.0, 1.0)
    """
    weights = 1.0 / (variances + tau2)
    total, squares = float(weights.sum()), float((weights**2).sum())
    rest = effects - float(weights @ effects) / total
    score = 0.5 * (float((weights**2) @ rest**2) - total + squares / total)
    information = 0.5 * (squares - 2.0 * float((weights**3).sum()) / total + (squares / total) ** 2)
    return score, information


def generalized_excess(effects: Vector, variances: Vector, tau2: float) -> tuple[float, float]:
    """How far the generalized Q at tau squared lies above its degrees of freedom, and how fast it falls there.

    Example:
        >>> import numpy as np
        >>> generalized_excess(np.array([0.0, 1.0, 2.0]), np.array([0.25] * 3), 0.75)
        (0.0, 2.0)
    """
    weights = 1.0 / (variances + tau2)
    rest = effects - float(weights @ effects) / float(weights.sum())
    return float(weights @ rest**2) - (len(effects) - 1), float((weights**2) @ rest**2)


def _dersimonian_laird(effects: Vector, variances: Vector) -> TauSquared:
    weights = 1.0 / variances
    total = float(weights.sum())
    excess, _ = generalized_excess(effects, variances, 0.0)
    value = excess / (total - float((weights**2).sum()) / total)
    return TauSquared(max(value, 0.0), value < 0.0, value)


def _paule_mandel(effects: Vector, variances: Vector) -> TauSquared:
    """The tau squared at which the weighted squares are as many as the degrees of freedom.

    Raises:
        NotComputableError: the iteration did not converge.
    """
    tau2 = 0.0
    for _ in range(_STEPS):
        excess, slope = generalized_excess(effects, variances, tau2)
        if excess <= 0.0:
            return TauSquared(tau2, floored=tau2 == 0.0 and excess < 0.0)
        step = excess / slope
        if step <= _CLOSE * tau2:
            return TauSquared(tau2, floored=False)
        tau2 += step
    raise NotComputableError(f"the iteration of Paule and Mandel did not converge in {_STEPS} steps; use method='reml'")


def _restricted(effects: Vector, variances: Vector) -> TauSquared:
    """The maximum of the restricted likelihood, from the estimate of DerSimonian and Laird.

    Raises:
        NotComputableError: the iteration did not converge.
    """
    tau2 = _dersimonian_laird(effects, variances).value
    least, damping, before = float(variances.min()), 1.0, 0.0
    for _ in range(_STEPS):
        score, information = restricted_score(effects, variances, tau2)
        if tau2 == 0.0 and score <= 0.0:
            return TauSquared(0.0, floored=score < 0.0)
        if score * before < 0.0 and abs(score) > 0.5 * abs(before):
            damping *= 0.5  # the expected information is too small here: full steps jump from side to side
        before = score
        moved = max(tau2 + damping * score / information, 0.0)
        here = restricted_likelihood(effects, variances, tau2) - _NOISE
        while restricted_likelihood(effects, variances, moved) < here:
            moved = 0.5 * (moved + tau2)
        if abs(moved - tau2) <= _CLOSE * (tau2 + least):
            return TauSquared(moved, floored=False)
        tau2 = moved
    raise NotComputableError(f"restricted likelihood did not converge in {_STEPS} steps of scoring; use method='dl'")
