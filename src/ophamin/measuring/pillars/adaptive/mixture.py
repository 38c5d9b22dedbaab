# SPDX-License-Identifier: Apache-2.0
"""Pillar ``A.msprt``: Robbins's mixture test of a mean over a column of a run, valid whenever it is read.

The tested mean and sigma are declared. Taken from the tested series, they make it reject a stationary series about
one time in three at a nominal 0.05.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from ophamin.core.environment import ophamin_version
from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.inference.legacy import MixtureSPRT
from ophamin.measuring.inference.values import plain_mean, shown
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, complete_rows, numbers
from ophamin.measuring.pillars.robustness.declared import require_share

__all__ = ["PILLAR", "MixtureTest", "msprt"]


@dataclass(frozen=True)
class MixtureTest(PillarBase):
    """The log of the mixture likelihood ratio after all rows, with its always-valid p-value; made by `msprt`.

    Attributes:
        metric: the column; without one nothing is computed.
        mu0: the tested mean.
        sigma: standard deviation of the metric.
        tau2: variance of the mixture of means about mu0; None for sigma squared.
        alpha: level of the decision, and of the interval.

    Raises:
        ClaimError: where a field lies outside its range.
    """

    metric: str = ""
    mu0: float = 0.0
    sigma: float = 1.0
    tau2: float | None = None
    alpha: float = 0.05
    pillar_name: ClassVar[str] = "A.msprt"
    library: ClassVar[str] = "ophamin"

    def __post_init__(self) -> None:
        require_share("alpha", self.alpha)
        MixtureSPRT(self.mu0, self.sigma)  # refuses what is no mean and no spread, before sigma is squared
        self.start()

    @property
    def library_version(self) -> str:
        """Version of the distribution that carries ophamin."""
        return ophamin_version()

    @property
    def columns(self) -> tuple[str, ...]:
        """The metric."""
        return (self.metric,) if self.metric else ()

    def start(self) -> MixtureSPRT:
        """The test before its first observation."""
        return MixtureSPRT(self.mu0, self.sigma, self.sigma * self.sigma if self.tau2 is None else self.tau2)

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The log mixture ratio, its always-valid p-value, and the interval of the mean that inverts the test.

        Raises:
            NotComputableError: no metric, no complete row, or a value that is no finite number.
        """
        if not self.metric:
            raise NotComputableError(
                "no mean and sigma are declared; write pillars=[msprt('phi', mu0=0.5, sigma=0.1)], "
                "both known before the run"
            )
        columns, left_out = complete_rows(cycles, (self.metric,))
        values = numbers(columns[self.metric], self.metric)
        if not values:
            raise NotComputableError(f"no row that could be measured carries {self.metric!r}")
        test = self.start()
        state = test.update_many(values)
        mean, half = plain_mean(values), self.half_width(len(values))
        if not math.isfinite(state.log_mixture_lr):
            raise NotComputableError(f"the values lie too many sigmas from mu0 {self.mu0!r}; rescale, or declare sigma")
        return self.evidence(
            f"log mixture likelihood ratio of {self.metric}", state.log_mixture_lr,
            effect_size=(mean - self.mu0) / self.sigma,
            ci_low=mean - half, ci_high=mean + half, p_value=state.always_valid_pvalue,
            detail={
                "mu0": self.mu0,
                "sigma": self.sigma,
                "tau2": test.tau2,
                "alpha": self.alpha,
                "decision": test.decision(self.alpha),
                "log_running_max": state.log_running_max_lr,
                "mean": mean,
                "effect_size": "(mean - mu0) / sigma",
                "interval": "of the mean, valid at every n (inverts the test); Gaussian values of known sigma",
                "n": state.n,
                "rows_left_out": left_out,
            },
        )  # fmt: skip

    def half_width(self, n: int) -> float:
        """Half the width of the confidence sequence of the mean after ``n`` values, in the metric's unit.

        It is the distance at which the mixture centred on a mean gives that mean a ratio of 1 / alpha.

        Source: Robbins, Annals of Mathematical Statistics 41 (1970).

        >>> round(MixtureTest("phi", sigma=1.0).half_width(100), 4)
        0.3273
        """
        weight = n * (self.start().tau2 / self.sigma) / self.sigma
        square = (1.0 + 1.0 / weight) * (math.log1p(weight) - 2.0 * math.log(self.alpha))
        return self.sigma * math.sqrt(square / n)


def msprt(metric: str, *, mu0: float, sigma: float, tau2: float | None = None, alpha: float = 0.05) -> MixtureTest:
    """A pillar that tests a declared mean of a metric, two-sided, at every row.

    Args:
        metric: the column.
        mu0: the tested mean, known before the run.
        sigma: standard deviation of the metric, known before the run, above 0.
        tau2: variance of the mixture of means about mu0, above 0; sigma squared by default.
        alpha: level of the decision, and of the interval.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> rows = [CycleResult(i, True, {"phi": 0.6}) for i in range(40)]
        >>> row = msprt("phi", mu0=0.5, sigma=0.1).compute(rows, [])
        >>> row.detail["decision"], row.p_value < 1e-6, round(row.effect_size, 6)
        ('reject_h0', True, 1.0)
    """
    if not isinstance(metric, str) or not metric:
        raise ClaimError(f"the metric is {shown(metric)}; give the name of a column")
    return MixtureTest(metric, mu0, sigma, tau2, alpha)


PILLAR: Final = MixtureTest()
"""The pillar as it is registered: without a metric, so that it says how to declare one."""
