# SPDX-License-Identifier: Apache-2.0
"""The pillar I.cma: the groups of a run as studies, pooled in the order in which they came.

A group is a release, a seed, a site: rows that belong together. Its effect is the mean of a metric, or the difference
of its mean between two arms; its variance is that of the mean. The pillar says what the groups say together and how
much they differ. The path to it is told as a description; nothing is decided along it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError, PillarBase
from ophamin.measuring.pillars.effects.agreement import cross_checked
from ophamin.measuring.pillars.effects.design import codes_of, finite_column, read_columns
from ophamin.measuring.pillars.effects.formula import parse_name
from ophamin.measuring.pillars.synthesis.analysis import ANY_LOOK, CumulativeMetaAnalysis
from ophamin.measuring.pillars.synthesis.pooling import Pooled, interval, pool
from ophamin.measuring.pillars.synthesis.recomputed import SECOND, LibraryPooled, by_statsmodels
from ophamin.measuring.pillars.synthesis.studies import Studies, studies_of

__all__ = ["PILLAR", "CumulativeSynthesis", "cumulative"]

MAX_PATH: Final = 50
"""Studies up to which the path and each study's influence are told; both cost a pooling per study."""


@dataclass(frozen=True)
class CumulativeSynthesis(PillarBase):
    """The groups of a run, pooled; make one with `cumulative`.

    Attributes:
        metric: key of the metric.
        by: key whose values name the groups.
        contrast: key of two arms whose difference is the effect; None for the mean of the metric.
        method: estimator of tau squared: ``reml``, ``dl``, ``pm``; or ``fixed`` for one true effect.
        hksj: the interval of Hartung and Knapp.
        tau2_fixed_after: number of studies after which tau squared stays; None to estimate it anew each time.
        null: value whose p-value is told; None for none, and 0 where there is a contrast.
        confidence: of the intervals.

    Raises:
        FormulaError: a key is no name.
        ClaimError: a field outside its range, or no groups named.
    """

    metric: str = ""
    by: str = ""
    contrast: str | None = None
    method: str = "reml"
    hksj: bool = True
    tau2_fixed_after: int | None = None
    null: float | None = None
    confidence: float = 0.95
    pillar_name: ClassVar[str] = "I.cma"
    library: ClassVar[str] = "statsmodels"

    def __post_init__(self) -> None:
        self._analysis()
        if not self.metric:
            return
        if not self.by:
            raise ClaimError(f"cumulative({self.metric!r}) names no groups; say what the studies are: by='release'")
        for name in self.columns:
            parse_name(name)

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys of the rows that it reads."""
        if not self.metric:
            return ()
        return (self.metric, self.by) if self.contrast is None else (self.metric, self.by, self.contrast)

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The pooled effect with its interval, and how much the groups differ.

        Raises:
            NotComputableError: the run does not allow it; the message says why.
        """
        if not self.metric:
            raise NotComputableError("it has no metric; configure it: cumulative('phi', by='release')")
        columns, left_out = read_columns(cycles, self.columns)
        studies = self._studies(columns)
        analysis, result = self._pooled(studies)
        frozen = self.tau2_fixed_after is not None and result.k > self.tau2_fixed_after
        again = by_statsmodels(studies.effects, studies.variances, result, frozen=frozen)
        outcome, checks = _checked(result, again, float(studies.variances.min()))
        null = 0.0 if self.null is None and self.contrast is not None else self.null
        told = replace(result, estimate=again.estimate, se=again.se)
        low, high = (None, None) if result.reason else interval(told.estimate, again.se, told.df, self.confidence)
        detail: dict[str, Any] = {
            "metric": self.metric,
            "by": self.by,
            "contrast": self.contrast,
            "rows": len(columns[self.metric]),
            "left_out": left_out,
            "groups_left_out": list(studies.left_out[:MAX_PATH]),
            "null": null,
            "interval": "normal" if result.df is None else f"Hartung-Knapp, t with {result.df} degrees of freedom",
            **result.to_json(),
            "cross_check": checks,
            **_notes(result, studies, frozen),
            **_path(analysis, null),
        }
        return self.evidence(
            f"pooled {'mean' if self.contrast is None else 'difference'} of {self.metric}",
            told.estimate,
            ci_low=low,
            ci_high=high,
            p_value=None if null is None else told.p_value(null),
            cross_check=outcome,
            detail=detail,
        )

    def _studies(self, columns: dict[str, list[Any]]) -> Studies:
        studies = studies_of(
            finite_column(columns[self.metric], self.metric),
            codes_of(columns[self.by], self.by, ordered=False),
            None if self.contrast is None else codes_of(columns[self.contrast], self.contrast),
        )
        if len(studies.labels) < 2:
            label = studies.labels[0]
            raise NotComputableError(f"{label!r} is the one group with two rows; a synthesis takes two groups")
        return studies

    def _analysis(self) -> CumulativeMetaAnalysis:
        return CumulativeMetaAnalysis(
            self.method != "fixed", self.tau2_fixed_after, self.confidence, method=self.method, hksj=self.hksj
        )

    def _pooled(self, studies: Studies) -> tuple[CumulativeMetaAnalysis | None, Pooled]:
        """The studies added one by one, and the result; of very many the result alone."""
        k = len(studies.labels)
        if k <= MAX_PATH:
            analysis = self._analysis()
            for label, effect, variance in zip(*studies[:3], strict=True):
                analysis.add(effect, variance, label)
            return analysis, analysis.result
        frozen = None
        if self.tau2_fixed_after is not None and k > self.tau2_fixed_after:
            first = slice(0, self.tau2_fixed_after)
            frozen = pool(studies.effects[first], studies.variances[first], method=self.method).tau2
        return None, pool(
            studies.effects,
            studies.variances,
            method=self.method,
            hksj=self.hksj,
            confidence=self.confidence,
            tau2=frozen,
        )


def cumulative(
    metric: str,
    by: str,
    *,
    contrast: str | None = None,
    method: str = "reml",
    hksj: bool = True,
    tau2_fixed_after: int | None = None,
    null: float | None = None,
    confidence: float = 0.95,
) -> CumulativeSynthesis:
    """The groups of a run as studies, pooled, as a pillar.

    Args:
        metric: key of the metric.
        by: key whose values name the groups, such as a release or a seed; two rows or more in each.
        contrast: key of two arms; the effect is then the mean in the second, in sorted order, less that in the first.
        method: estimator of tau squared: ``reml``, ``dl`` or ``pm``; or ``fixed`` for one true effect.
        hksj: the interval of Hartung and Knapp; a normal one otherwise.
        tau2_fixed_after: number of studies after which tau squared stays as it was estimated then.
        null: value whose p-value is told; by default 0 where there is a contrast, and none for a mean.
        confidence: of the intervals.

    Raises:
        FormulaError: a key is no name.
        ClaimError: an argument outside its range, or no groups named.

    Example:
        >>> cumulative("phi", by="release").columns
        ('phi', 'release')
    """
    return CumulativeSynthesis(metric, by, contrast, method, hksj, tau2_fixed_after, null, confidence)


def _checked(result: Pooled, again: LibraryPooled, scale: float) -> tuple[str, dict[str, Any]]:
    compared = {"estimate": (again.estimate, result.estimate), "standard error": (again.se, result.se or 0.0)}
    if again.tau2 is not None and result.tau2 is not None:
        compared["tau squared"] = (again.tau2, result.tau2)
    return cross_checked(compared, SECOND[result.method], {"estimate": scale**0.5, "tau squared": scale})


def _notes(result: Pooled, studies: Studies, frozen: bool) -> dict[str, Any]:
    """What a reader has to know of this result, beyond its numbers."""
    notes: dict[str, Any] = {}
    if result.floored:
        notes["tau2_note"] = (
            "the estimator went below 0 and was put to 0: the groups differ less than chance alone lets"
        )
    if frozen:
        notes["tau2_note"] = "tau squared was fixed after fewer studies and taken as known: the interval covers less"
    if result.df is not None and result.se is not None and not result.reason:
        weights = 1.0 / (studies.variances + (result.tau2 or 0.0))
        scale = result.se**2 * float(weights.sum())
        notes["hksj_scale"] = scale
        if scale < 1.0:
            notes["hksj_note"] = "below 1: the groups agree better than their variances let expect"
    return notes


def _path(analysis: CumulativeMetaAnalysis | None, null: float | None) -> dict[str, Any]:
    """The path of the pooled effect, the studies, and the result without each of them."""
    if analysis is None:
        return {"path": f"not told: more than {MAX_PATH} groups"}
    path: dict[str, Any] = {
        "studies": [row.to_json() for row in analysis.forest_rows()],
        "path": [
            {"k": one.k, "estimate": one.estimate, "low": one.low, "high": one.high, "tau2": one.tau2, "i2": one.i2}
            for one in analysis.steps
        ],
        "leave_one_out": [
            {"estimate": one.estimate, "low": one.low, "high": one.high} for one in analysis.leave_one_out()
        ],
    }
    if null is not None:
        path["first_significant_k"] = {"k": analysis.first_significant_k(null), "meaning": ANY_LOOK}
    return path


PILLAR: Final = CumulativeSynthesis()
"""The form under which the pillar is registered; it has no metric and says how to give it one."""
