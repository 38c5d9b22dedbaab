# SPDX-License-Identifier: Apache-2.0
"""Cumulative meta-analysis: the pooled effect after each study, in the order in which the studies came.

The path is a description. Looking after every study and stopping at the first interval that excludes a value is
wrong far more often than one look: with 19 looks at 95 % intervals, about one time in three. Decide at a number of
studies that was planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.confidence import require_confidence
from ophamin.measuring.pillars.synthesis.forest import ForestRow, draw_forest, study_row
from ophamin.measuring.pillars.synthesis.heterogeneity import METHODS
from ophamin.measuring.pillars.synthesis.pooling import Pooled, pool, study_arrays

__all__ = ["ANY_LOOK", "CumulativeMetaAnalysis"]

ANY_LOOK: Final = (
    "a description, no test: when the interval is looked at after every study, the chance that any of 19 looks at .05 "
    "excludes the truth was .33; decide at a planned number of studies"
)


class CumulativeMetaAnalysis:
    """Studies that are added one by one.

    Args:
        random_effects: whether true effects may differ between studies; one true effect otherwise.
        tau2_fixed_after: number of studies, 2 or more, after which tau squared stays as it was estimated then. The
            intervals after that take it as known and cover less than they say.
        confidence: of the intervals.
        method: estimator of tau squared: ``reml``, ``dl`` or ``pm``.
        hksj: intervals of Hartung and Knapp; otherwise normal ones.

    Raises:
        ClaimError: an argument outside its range.

    Example:
        >>> analysis = CumulativeMetaAnalysis()
        >>> for effect, variance in [(0.1, 0.03), (0.3, 0.03), (0.35, 0.05), (0.65, 0.01)]:
        ...     step = analysis.add(effect, variance)
        >>> step.k, round(step.estimate, 3), [round(one.estimate, 3) for one in analysis.steps]
        (4, 0.377, [0.1, 0.2, 0.235, 0.377])
        >>> analysis.first_significant_k() is None
        True
    """

    def __init__(
        self,
        random_effects: bool = True,
        tau2_fixed_after: int | None = None,
        confidence: float = 0.95,
        *,
        method: str = "reml",
        hksj: bool = True,
    ) -> None:
        require_confidence(confidence)
        if method not in METHODS:
            raise ClaimError(f"the method is {str(method)[:40]!r}; it is one of {', '.join(METHODS)}")
        if tau2_fixed_after is not None and (type(tau2_fixed_after) is not int or tau2_fixed_after < 2):
            raise ClaimError(f"tau2_fixed_after is {tau2_fixed_after!r}; it is a number of studies, 2 or more")
        self.method = method if random_effects else "fixed"
        self.tau2_fixed_after = tau2_fixed_after
        self.confidence = confidence
        self.hksj = hksj
        self._labels: list[str] = []
        self._effects: list[float] = []
        self._variances: list[float] = []
        self._steps: list[Pooled] = []

    def add(self, effect: float, variance: float, label: str = "") -> Pooled:
        """Add a study and pool all so far.

        Args:
            effect: finite.
            variance: of the effect within its study; finite and above 0.
            label: name of the study; its number by default.

        Raises:
            NotComputableError: a value outside its range. It is a `ValueError`.
        """
        (y,), (v,) = study_arrays([effect], [variance])
        effects, variances = [*self._effects, float(y)], [*self._variances, float(v)]
        step = self._pool(effects, variances)
        self._effects, self._variances = effects, variances
        self._labels.append(label or f"study {len(effects)}")
        self._steps.append(step)
        return step

    @property
    def steps(self) -> tuple[Pooled, ...]:
        """The pooled effect after each study."""
        return tuple(self._steps)

    @property
    def result(self) -> Pooled:
        """The pooled effect of all studies.

        Raises:
            NotComputableError: there are none.
        """
        if not self._steps:
            raise NotComputableError("no studies; add one or more")
        return self._steps[-1]

    def heterogeneity(self) -> list[dict[str, Any]]:
        """How much the studies differ, after each from the second on: k, Q with its p-value, I squared, tau squared."""
        return [
            {"k": one.k, "q": one.q, "q_p": one.q_p, "i2": one.i2, "tau2": one.tau2, "floored": one.floored}
            for one in self._steps[1:]
        ]

    def first_significant_k(self, null: float = 0.0) -> int | None:
        """The first number of studies from which on every interval excludes ``null``; None where there is none.

        It describes the path that was seen. It is no test and no rule to stop by: see `ANY_LOOK`.
        """
        first = None
        for one in reversed(self._steps):
            if not one.excludes(null):
                break
            first = one.k
        return first

    def leave_one_out(self) -> tuple[Pooled, ...]:
        """The pooled effect without each study in turn, in the order of the studies.

        Raises:
            NotComputableError: fewer than two studies.
        """
        k = len(self._effects)
        if k < 2:
            raise NotComputableError(f"{k} studies; leaving one out takes two or more")
        return tuple(
            pool(
                self._effects[:at] + self._effects[at + 1 :],
                self._variances[:at] + self._variances[at + 1 :],
                method=self.method,
                hksj=self.hksj,
                confidence=self.confidence,
            )
            for at in range(k)
        )

    def forest_rows(self) -> list[ForestRow]:
        """What a forest plot shows: each study with its own interval and weight, then the pooled effect."""
        total = self.result
        weights = [1.0 / (variance + (total.tau2 or 0.0)) for variance in self._variances]
        rows = [
            study_row(label, effect, variance, weight / sum(weights), self.confidence)
            for label, effect, variance, weight in zip(
                self._labels, self._effects, self._variances, weights, strict=True
            )
        ]
        rows.append(ForestRow("all studies", "pooled", total.estimate, total.low, total.high))
        if total.prediction_low is not None:
            rows.append(
                ForestRow("a new study", "prediction", total.estimate, total.prediction_low, total.prediction_high)
            )
        return rows

    def forest_svg(self, title: str = "", *, null: float | None = 0.0) -> str:
        """A forest plot as SVG text; every text in it is escaped.

        Args:
            title: shown above it and read by screen readers.
            null: value with a vertical line, or None for no line.
        """
        return draw_forest(self.forest_rows(), title, null=null)

    def _pool(self, effects: Sequence[float], variances: Sequence[float]) -> Pooled:
        frozen = None
        if self.tau2_fixed_after is not None and len(effects) > self.tau2_fixed_after:
            frozen = self._steps[self.tau2_fixed_after - 1].tau2
        return pool(effects, variances, method=self.method, hksj=self.hksj, confidence=self.confidence, tau2=frozen)
