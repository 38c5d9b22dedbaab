# SPDX-License-Identifier: Apache-2.0
"""Wald's sequential probability ratio test and the normal-mixture one, as stateful objects.

These are not the rules that decide claims: they have no bar, and their states are read one by one. Wald's
boundaries ``ln((1 - beta) / alpha)`` and ``ln(beta / (1 - alpha))`` bound alpha + beta but neither alone, so
alpha can be overspent a little (0.0553 instead of 0.05 for p0 = .99, p1 = .999, beta = .20). Hypotheses and
sigma are declared; taking them from the tested series rejects a stationary series about one time in three.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.values import finite_numbers, shown

__all__ = ["SPRT", "BernoulliSPRT", "GaussianSPRT", "MixtureSPRT", "MixtureSPRTState", "SPRTState"]


@dataclass(frozen=True, slots=True)
class SPRTState:
    """Where a test stands.

    Attributes:
        n: observations up to and with the one that decided.
        llr: sum of their log likelihood ratios, h1 against h0.
        decision: ``accept_h1``, ``accept_h0`` or ``continue``.
        upper: log ratio from which h1 is accepted.
        lower: log ratio down to which h0 is accepted.
    """

    n: int
    llr: float
    decision: str
    upper: float
    lower: float

    @property
    def terminated(self) -> bool:
        """Whether the test has decided."""
        return self.decision != "continue"


class SPRT(ABC):
    """Wald's test between two simple hypotheses; what an observation adds is said by the subclass.

    A decision is final: later observations are checked and change nothing.

    Args:
        alpha: nominal probability of accepting h1 where h0 holds, between 0 and 1.
        beta: nominal probability of accepting h0 where h1 holds; alpha + beta lies below 1.

    Raises:
        ClaimError: where a level lies outside its range.

    Source: Wald, Sequential Analysis (1947).
    """

    _n: int
    _llr: float
    _decision: str

    def __init__(self, alpha: float = 0.05, beta: float = 0.20) -> None:
        _require_level("alpha", alpha)
        _require_level("beta", beta)
        if alpha + beta >= 1.0:
            raise ClaimError(f"alpha + beta is {alpha + beta!r}; a test needs less than 1, such as 0.05 and 0.20")
        self.alpha, self.beta = alpha, beta
        self.upper = math.log((1.0 - beta) / alpha)
        self.lower = math.log(beta / (1.0 - alpha))
        self.reset()

    @abstractmethod
    def log_likelihood_ratio(self, x: float) -> float:
        """What one observation adds to the log likelihood ratio of h1 to h0."""

    @property
    def state(self) -> SPRTState:
        """Where the test stands."""
        return SPRTState(self._n, self._llr, self._decision, self.upper, self.lower)

    def update(self, x: float) -> SPRTState:
        """Take one observation.

        Raises:
            ObservationError: where it cannot be used; the state stays.
        """
        step = self.log_likelihood_ratio(x)
        if self._decision == "continue":
            self._n += 1
            self._llr += step
            if self._llr >= self.upper:
                self._decision = "accept_h1"
            elif self._llr <= self.lower:
                self._decision = "accept_h0"
        return self.state

    def update_many(self, values: Iterable[float]) -> SPRTState:
        """Take observations up to the first decision; the rest is not read.

        Raises:
            ObservationError: at the first value that cannot be used.
        """
        if self._decision == "continue":
            for x in values:
                if self.update(x).terminated:
                    break
        return self.state

    def reset(self) -> None:
        """Forget all observations and the decision."""
        self._n, self._llr, self._decision = 0, 0.0, "continue"


class BernoulliSPRT(SPRT):
    """Wald's test of success probability ``p1`` (h1) against ``p0`` (h0), both between 0 and 1, excluded.

    Raises:
        ClaimError: where p0 or p1 lies outside its range, or they are equal.

    Example:
        >>> test = BernoulliSPRT(0.5, 0.9)
        >>> test.update_many([1] * 10).decision, test.state.n
        ('accept_h1', 5)
    """

    def __init__(self, p0: float, p1: float, alpha: float = 0.05, beta: float = 0.20) -> None:
        _require_level("p0", p0)
        _require_level("p1", p1)
        _require_different("p0", p0, "p1", p1)
        super().__init__(alpha, beta)
        self.p0, self.p1 = p0, p1
        self._success = math.log(p1 / p0)
        self._failure = math.log1p(-p1) - math.log1p(-p0)

    def log_likelihood_ratio(self, x: float) -> float:
        """What a success (1) or a failure (0) adds."""
        if x == 1:
            return self._success
        if x == 0:
            return self._failure
        raise ObservationError(f"the observation is {shown(x)}; a Bernoulli test needs 0 or 1 (or a truth value)")


class GaussianSPRT(SPRT):
    """Wald's test of mean ``mu1`` (h1) against ``mu0`` (h0) of Gaussian values with known ``sigma``.

    Raises:
        ClaimError: where the means are equal or not finite, or sigma is not a finite number above 0.

    Example:
        >>> GaussianSPRT(0.0, 1.0, 1.0).update(0.75).llr
        0.25
    """

    def __init__(self, mu0: float, mu1: float, sigma: float, alpha: float = 0.05, beta: float = 0.20) -> None:
        _require_finite("mu0", mu0)
        _require_finite("mu1", mu1)
        _require_above_zero("sigma", sigma)
        _require_different("mu0", mu0, "mu1", mu1)
        if not 0.0 < abs((mu1 - mu0) / sigma) < math.inf:
            raise ClaimError(f"mu0 {mu0!r} and mu1 {mu1!r} cannot be told apart in units of sigma {sigma!r}; rescale")
        super().__init__(alpha, beta)
        self.mu0, self.mu1, self.sigma = mu0, mu1, sigma

    def log_likelihood_ratio(self, x: float) -> float:
        """What a value adds: its distance from the middle of the means, in units of ``sigma**2 / (mu1 - mu0)``."""
        (number,) = finite_numbers([x])
        shift = (self.mu1 - self.mu0) / self.sigma
        return shift * ((number - self.mu0) / self.sigma - 0.5 * shift)


@dataclass(frozen=True, slots=True)
class MixtureSPRTState:
    """Where a mixture test stands.

    Attributes:
        n: number of observations.
        mixture_lr: mixture likelihood ratio now; infinite beyond about 1e308, where the log is still good.
        running_max_lr: the largest so far, 1 or more.
        always_valid_pvalue: 1 / running_max_lr; never rises.
        decision: ``reject_h0`` where the p-value is at most 0.05, otherwise ``continue``.
        log_mixture_lr: natural log of `mixture_lr`.
        log_running_max_lr: natural log of `running_max_lr`.
    """

    n: int
    mixture_lr: float
    running_max_lr: float
    always_valid_pvalue: float
    decision: str
    log_mixture_lr: float
    log_running_max_lr: float


class MixtureSPRT:
    """Robbins's mixture test of "the mean is ``mu0``" for Gaussian values with known ``sigma``, two-sided.

    The means under the alternative are mixed by a normal curve about mu0 with variance ``tau2``. It never
    accepts h0. All three are declared before the data.

    Raises:
        ClaimError: where mu0 is not finite, or sigma or tau2 is not a finite number above 0.

    Source: Robbins, Annals of Mathematical Statistics 41 (1970); Johari, Koomen, Pekelis and Walsh,
    Operations Research 70 (2022).

    Example:
        >>> test = MixtureSPRT(mu0=0.0, sigma=1.0)
        >>> test.update_many([4.0] * 100).mixture_lr, round(test.state.log_mixture_lr, 2)
        (inf, 789.77)
    """

    def __init__(self, mu0: float, sigma: float, tau2: float = 1.0) -> None:
        _require_finite("mu0", mu0)
        _require_above_zero("sigma", sigma)
        _require_above_zero("tau2", tau2)
        self.mu0, self.sigma, self.tau2 = mu0, sigma, tau2
        self._ratio = math.sqrt(tau2) / sigma
        self.reset()

    @property
    def state(self) -> MixtureSPRTState:
        """Where the test stands, its decision at 0.05."""
        return MixtureSPRTState(
            self._n, _exp(self._log), _exp(self._largest), self.always_valid_pvalue, self.decision(),
            self._log, self._largest,
        )  # fmt: skip

    @property
    def always_valid_pvalue(self) -> float:
        """At most p with probability at most p where h0 holds, however often it is read."""
        return math.exp(-self._largest)

    def decision(self, alpha: float = 0.05) -> str:
        """``reject_h0`` where the always-valid p-value is at most ``alpha`` (between 0 and 1), or ``continue``."""
        _require_level("alpha", alpha)
        return "reject_h0" if self._largest >= -math.log(alpha) else "continue"

    def update(self, x: float) -> MixtureSPRTState:
        """Take one observation.

        Raises:
            ObservationError: where it is not a finite number; the state stays.
        """
        self._take(x)
        return self.state

    def update_many(self, values: Iterable[float]) -> MixtureSPRTState:
        """Take every observation, also after a rejection.

        Raises:
            ObservationError: at the first value that is not a finite number.
        """
        for x in values:
            self._take(x)
        return self.state

    def reset(self) -> None:
        """Forget all observations."""
        self._n, self._sum, self._log, self._largest = 0, 0.0, 0.0, 0.0

    def _take(self, x: float) -> None:
        (number,) = finite_numbers([x])
        self._n += 1
        self._sum += (number - self.mu0) / self.sigma
        # n tau2 / V in units of sigma, so that no square of the data's unit is formed
        weight = self._n * self._ratio * self._ratio
        score = self._sum / math.sqrt(self._n)
        self._log = 0.5 * (score * score * (weight / (1.0 + weight)) - math.log1p(weight))
        self._largest = max(self._largest, self._log)


def _exp(log: float) -> float:
    return math.exp(log) if log < 709.0 else math.inf


def _require_level(name: str, level: float) -> None:
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0.0 < level < 1.0:
        raise ClaimError(f"{name} is {shown(level)}; it lies between 0 and 1, both excluded")


def _require_finite(name: str, number: float) -> None:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) < math.inf:
        raise ClaimError(f"{name} is {shown(number)}; give a finite number, declared before the data")


def _require_above_zero(name: str, number: float) -> None:
    _require_finite(name, number)
    if number <= 0.0:
        raise ClaimError(f"{name} is {shown(number)}; it lies above 0 and is declared before the data")


def _require_different(name0: str, value0: float, name1: str, value1: float) -> None:
    if value0 == value1:
        raise ClaimError(f"{name0} and {name1} are both {value0!r}; a test needs two different hypotheses")
