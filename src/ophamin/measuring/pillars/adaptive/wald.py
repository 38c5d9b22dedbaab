# SPDX-License-Identifier: Apache-2.0
"""Pillar ``A.sprt``: Wald's sequential probability ratio test over a column of a run, in the order of its rows.

Both hypotheses, and sigma for a mean, are declared. They are never taken from the series that is tested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from ophamin.core.environment import ophamin_version
from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.legacy import SPRT, BernoulliSPRT, GaussianSPRT
from ophamin.measuring.inference.values import shown
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, complete_rows, numbers

__all__ = ["PILLAR", "WaldTest", "sprt"]


@dataclass(frozen=True)
class WaldTest(PillarBase):
    """The log likelihood ratio where Wald's test ended, or at the last row; made by `sprt`.

    Attributes:
        metric: the column; without one nothing is computed.
        h0: success probability, or mean, of the first hypothesis.
        h1: that of the second one.
        sigma: standard deviation of a Gaussian metric; None for a metric of 0 and 1.
        alpha: nominal probability of accepting h1 where h0 holds.
        beta: nominal probability of accepting h0 where h1 holds.

    Raises:
        ClaimError: where a field lies outside its range.
    """

    metric: str = ""
    h0: float = 0.5
    h1: float = 0.6
    sigma: float | None = None
    alpha: float = 0.05
    beta: float = 0.20
    pillar_name: ClassVar[str] = "A.sprt"
    library: ClassVar[str] = "ophamin"

    def __post_init__(self) -> None:
        self.start()

    @property
    def library_version(self) -> str:
        """Version of the distribution that carries ophamin."""
        return ophamin_version()

    @property
    def columns(self) -> tuple[str, ...]:
        """The metric."""
        return (self.metric,) if self.metric else ()

    def start(self) -> SPRT:
        """The test before its first observation."""
        if self.sigma is None:
            return BernoulliSPRT(self.h0, self.h1, self.alpha, self.beta)
        return GaussianSPRT(self.h0, self.h1, self.sigma, self.alpha, self.beta)

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The log likelihood ratio of h1 to h0 and the always-valid p-value against h0; the decision in the detail.

        Raises:
            NotComputableError: no metric, no complete row, or a value that the test cannot take.
        """
        if not self.metric:
            raise NotComputableError(
                "no hypotheses are declared; write pillars=[sprt('hit', p0=0.1, p1=0.2)], "
                "or pillars=[sprt('phi', mu0=0.5, mu1=0.6, sigma=0.1)]"
            )
        columns, left_out = complete_rows(cycles, (self.metric,))
        values = numbers(columns[self.metric], self.metric)
        if not values:
            raise NotComputableError(f"no row that could be measured carries {self.metric!r}")
        test, largest, smallest = self.start(), 0.0, 0.0
        try:
            for value in values:
                state = test.update(value)
                largest, smallest = max(largest, state.llr), min(smallest, state.llr)
                if state.terminated:
                    break
        except ObservationError as error:
            raise NotComputableError(str(error)) from error
        hypotheses = {"p0": self.h0, "p1": self.h1} if self.sigma is None else {
            "mu0": self.h0, "mu1": self.h1, "sigma": self.sigma,
        }  # fmt: skip
        return self.evidence(
            f"log likelihood ratio of {self.metric}", state.llr, p_value=math.exp(-largest),
            detail={
                **hypotheses,
                "alpha": self.alpha,
                "beta": self.beta,
                "decision": state.decision,
                "n": state.n,
                "upper": state.upper,
                "lower": state.lower,
                "p_value_against_h1": math.exp(smallest),
                "p_value": "always valid (Ville): exp(-largest log ratio); the boundaries are Wald's nominal ones",
                "rows": len(values),
                "rows_left_out": left_out,
            },
        )  # fmt: skip


def sprt(
    metric: str,
    *,
    p0: float | None = None,
    p1: float | None = None,
    mu0: float | None = None,
    mu1: float | None = None,
    sigma: float | None = None,
    alpha: float = 0.05,
    beta: float = 0.20,
) -> WaldTest:
    """A pillar that tests two declared hypotheses of a metric one after the other row.

    Args:
        metric: the column: 0 and 1 with ``p0`` and ``p1``, numbers with ``mu0``, ``mu1`` and ``sigma``.
        p0: success probability of h0, between 0 and 1.
        p1: success probability of h1.
        mu0: mean of h0.
        mu1: mean of h1.
        sigma: standard deviation of the metric, known before the run.
        alpha: nominal probability of accepting h1 where h0 holds.
        beta: nominal probability of accepting h0 where h1 holds.

    Raises:
        ClaimError: neither or both pairs of hypotheses, or an argument outside its range.

    Example:
        >>> rows = [CycleResult(i, True, {"hit": True}) for i in range(10)]
        >>> row = sprt("hit", p0=0.5, p1=0.9).compute(rows, [])
        >>> row.detail["decision"], row.detail["n"], round(row.p_value, 4)
        ('accept_h1', 5, 0.0529)
    """
    if not isinstance(metric, str) or not metric:
        raise ClaimError(f"the metric is {shown(metric)}; give the name of a column")
    of_rate, of_mean = (p0, p1), (mu0, mu1, sigma)
    if p0 is not None and p1 is not None and of_mean == (None, None, None):
        return WaldTest(metric, p0, p1, None, alpha, beta)
    if mu0 is not None and mu1 is not None and sigma is not None and of_rate == (None, None):
        return WaldTest(metric, mu0, mu1, sigma, alpha, beta)
    raise ClaimError(
        f"p0={p0!r}, p1={p1!r}, mu0={mu0!r}, mu1={mu1!r}, sigma={sigma!r}; "
        "give p0 and p1 for 0 and 1, or mu0, mu1 and sigma for numbers, all known before the run"
    )


PILLAR: Final = WaldTest()
"""The pillar as it is registered: without a metric, so that it says how to declare hypotheses."""
