# SPDX-License-Identifier: Apache-2.0
"""Pillar ``N.cross_validation``: how well some columns of a run predict another, on rows that did not train.

It reads the finished run. It says nothing of a claim's verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.inference.values import shown
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, numbers
from ophamin.measuring.pillars.robustness.declared import Design, Formula, read_design, require_count, require_share
from ophamin.measuring.pillars.robustness.estimators import make_estimator, require_estimator
from ophamin.measuring.pillars.robustness.splitters import SPLITTERS, scheme_of

__all__ = ["PILLAR", "CrossValidation", "k_fold"]


@dataclass(frozen=True)
class CrossValidation(PillarBase):
    """Mean score over splits of the rows, with the interval of `CVResult`; made by `k_fold`.

    Attributes:
        formula: ``response ~ feature + feature``; without one nothing is computed.
        estimator: a name, or an estimator of scikit-learn.
        score: a scorer's name in scikit-learn; None for accuracy, or r2 where numbers are predicted.
        k: number of folds; random splits test one row in k.
        splitter: ``kfold``, ``shuffle``, ``group``, ``group_shuffle`` or ``time``.
        groups: column whose equal values stay together, for the two group splitters.
        repeats: how often the rows are split anew.
        seed: of the splits; None keeps the order of the rows.
        confidence: level of the interval.

    Raises:
        ClaimError: where a field lies outside its range.
    """

    formula: str = ""
    estimator: Any = "logistic"
    score: str | None = None
    k: int = 5
    splitter: str = "kfold"
    groups: str | None = None
    repeats: int = 1
    seed: int | None = 0
    confidence: float = 0.95
    pillar_name: ClassVar[str] = "N.cross_validation"
    library: ClassVar[str] = "scikit-learn"

    def __post_init__(self) -> None:
        if self.formula:
            Formula.parse(self.formula)
        require_estimator(self.estimator)
        require_count("k", self.k, 2)
        require_count("repeats", self.repeats, 1)
        require_share("confidence", self.confidence)
        if self.splitter not in SPLITTERS:
            raise ClaimError(f"the splitter is {shown(self.splitter)}; {nearest_name(str(self.splitter), SPLITTERS)}")
        grouped = self.splitter in {"group", "group_shuffle"}
        if grouped is (self.groups is None):
            raise ClaimError(
                f"the splitter {self.splitter!r} with groups={self.groups!r}; "
                "'group' and 'group_shuffle' take the column of the groups, the others take none"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Response, features, and the column of the groups."""
        named = Formula.parse(self.formula).columns if self.formula else ()
        return named if self.groups is None else (*named, self.groups)

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The mean score with its interval; scores and split sizes in the detail.

        Raises:
            NotComputableError: no formula, or the run does not allow it.
        """
        if not self.formula:
            raise NotComputableError("no formula is declared; write pillars=[k_fold('label ~ x1 + x2')]")
        formula = Formula.parse(self.formula)
        design = read_design(cycles, formula, () if self.groups is None else (self.groups,))
        try:
            return self._score(formula, design)
        except ClaimError as error:
            raise NotComputableError(str(error)) from error

    def _score(self, formula: Formula, design: Design) -> PillarEvidence:
        from ophamin.measuring.pillars.robustness.resampling import is_classifier, score_splits

        model = make_estimator(self.estimator)
        classifies = is_classifier(model)
        response = design.response if classifies else numbers(design.response, formula.response)
        if classifies and len({isinstance(one, str) for one in response}) > 1:
            raise NotComputableError(f"{formula.response!r} holds texts and numbers; a class is one or the other")
        scheme = scheme_of(self.splitter, self.k, self.repeats, self.seed, classifies)
        groups = None if self.groups is None else design.extra[self.groups]
        result = score_splits(
            model, design.features, response, scheme, score=self.score, groups=groups, confidence=self.confidence
        )
        detail: dict[str, Any] = {
            "formula": f"{formula.response} ~ {' + '.join(formula.features)}",
            "estimator": " ".join(repr(model).split())[:500],
            "score": result.score,
            "scores": list(result.scores),
            "standard_deviation": result.sd,
            "standard_error": result.sem,
            "interval": result.interval_label,
            "confidence": self.confidence,
            "splits": result.scheme,
            "n_train": result.n_train,
            "n_test": result.n_test,
            "seed": self.seed,
            "rows": len(response),
            "rows_left_out": design.left_out,
        }
        if classifies:
            detail["majority_share"] = Counter(response).most_common(1)[0][1] / len(response)
        return self.evidence(
            f"mean {result.score} over {result.scheme}", result.mean,
            ci_low=result.ci_low, ci_high=result.ci_high, detail=detail,
        )  # fmt: skip


def k_fold(
    formula: str,
    *,
    estimator: Any = "logistic",
    score: str | None = None,
    k: int = 5,
    splitter: str = "kfold",
    groups: str | None = None,
    repeats: int = 1,
    seed: int | None = 0,
    confidence: float = 0.95,
) -> CrossValidation:
    """A pillar that cross-validates one column of the run by others.

    Args:
        formula: ``response ~ feature + feature``, all of them column names.
        estimator: ``logistic``, ``linear``, ``ridge``, ``svc``, ``majority``, or an estimator of scikit-learn.
        score: a scorer's name in scikit-learn; by default accuracy, or r2 where numbers are predicted.
        k: number of folds; random splits test one row in k, and there are k of them per repeat.
        splitter: ``kfold``, ``shuffle`` (random splits), ``group`` and ``group_shuffle`` (the same with groups kept
            together), or ``time`` (train on what came before).
        groups: column of the groups; for the two group splitters.
        repeats: how often the rows are split anew; the interval is then corrected for the overlap.
        seed: of the splits; None keeps the order of the rows, for ``kfold`` without repeats.
        confidence: level of the interval.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> rows = [CycleResult(i, True, {"hit": i % 2 == 0, "x": float(i % 2)}) for i in range(20)]
        >>> row = k_fold("hit ~ x", k=4).compute(rows, [])
        >>> row.statistic_name, row.statistic_value, row.ci_low
        ('mean accuracy over 4 folds', 1.0, None)
    """
    if not formula:
        raise ClaimError("the formula is empty; write 'response ~ feature + feature'")
    return CrossValidation(formula, estimator, score, k, splitter, groups, repeats, seed, confidence)


PILLAR: Final = CrossValidation()
"""The pillar as it is registered: without a formula, so that it says how to declare one."""
