# SPDX-License-Identifier: Apache-2.0
"""Pillar ``diagnostics.anticipatory``: did the first part of a run let one expect the rest of it?

It reads the finished run in its order. The half width is computed here and by mapie; the row says whether they agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, numbers
from ophamin.measuring.pillars.diagnostics.conformal import SMALLEST_HISTORY, ConformalPredictor, FailureLimit
from ophamin.measuring.pillars.robustness.declared import Formula, read_design, require_count, require_share
from ophamin.measuring.pillars.robustness.estimators import require_estimator

__all__ = ["PILLAR", "Anticipation", "anticipatory", "mapie_half_width"]


@dataclass(frozen=True)
class Anticipation(PillarBase):
    """Share of later rows that fall outside a conformal interval from earlier ones; made by `anticipatory`.

    Attributes:
        formula: ``outcome ~ feature + feature``; without one nothing is computed.
        confidence: level of the interval.
        estimator: a name, or a regressor of scikit-learn.
        history: share of the rows, the first ones, that fit and calibrate.
        calibration: share of the history that calibrates.
        failure_below: outcomes below it are failures.
        failure_above: outcomes above it are failures.
        seed: of the split of the history.

    Raises:
        ClaimError: where a field lies outside its range.
    """

    formula: str = ""
    confidence: float = 0.9
    estimator: Any = "linear"
    history: float = 0.5
    calibration: float = 0.4
    failure_below: float | None = None
    failure_above: float | None = None
    seed: int = 0
    pillar_name: ClassVar[str] = "diagnostics.anticipatory"
    library: ClassVar[str] = "mapie"

    def __post_init__(self) -> None:
        if self.formula:
            Formula.parse(self.formula)
        for name in ("confidence", "history", "calibration"):
            require_share(name, getattr(self, name))
        require_estimator(self.estimator)
        require_count("the seed", self.seed, 0)
        self._limit()

    @property
    def columns(self) -> tuple[str, ...]:
        """Outcome and features."""
        return Formula.parse(self.formula).columns if self.formula else ()

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The world-model gap, its p-value and the interval; the rest of `AnticipatoryReport` in the detail.

        Raises:
            NotComputableError: no formula, or the run does not allow it.
        """
        if not self.formula:
            raise NotComputableError("no formula is declared; write pillars=[anticipatory('y ~ x1 + x2')]")
        import mapie.regression  # noqa: F401 - without mapie there is no row, rather than one under another's name

        formula = Formula.parse(self.formula)
        design = read_design(cycles, formula)
        outcomes = numbers(design.response, formula.response)
        n_history = int(len(outcomes) * self.history)
        if n_history < SMALLEST_HISTORY:
            raise NotComputableError(
                f"{len(outcomes)} complete rows, {n_history} of them history, which needs {SMALLEST_HISTORY} or more"
            )
        if min(outcomes) == max(outcomes):
            raise NotComputableError(
                f"{formula.response!r} is {outcomes[0]!r} in every row; nothing is to be anticipated"
            )
        try:
            predictor = ConformalPredictor(self.estimator, self.confidence, seed=self.seed)
        except ClaimError as error:
            raise NotComputableError(str(error)) from error
        predictor.calibrate(design.features[:n_history], outcomes[:n_history], self.calibration)
        report = predictor.assess(design.features[n_history:], outcomes[n_history:], self._limit())
        check, said = _cross_check(predictor)
        detail = {
            **asdict(report),
            **said,
            "formula": f"{formula.response} ~ {' + '.join(formula.features)}",
            "estimator": " ".join(repr(predictor.estimator).split())[:500],
            "rows": len(outcomes),
            "rows_of_history": n_history,
            "rows_left_out": design.left_out,
            "seed": self.seed,
            "interval": "exact (Clopper-Pearson) 0.95 interval of the miscoverage, minus the expected one",
        }
        if self._limit() is None:
            detail["undefined"] = "known failures, missed failures, false alarms: no failure limit is declared"
        return self.evidence(
            "world-model gap (miscoverage minus expected)", report.world_model_gap,
            ci_low=report.miscoverage_low - report.expected_miscoverage,
            ci_high=report.miscoverage_high - report.expected_miscoverage,
            p_value=report.gap_p_value, cross_check=check, detail=detail,
        )  # fmt: skip

    def _limit(self) -> FailureLimit | None:
        if self.failure_below is None and self.failure_above is None:
            return None
        return FailureLimit(self.failure_below, self.failure_above)


def mapie_half_width(predictor: ConformalPredictor) -> float:
    """The half width that mapie computes from the same fitted model and the same calibration rows.

    Args:
        predictor: calibrated.

    Raises:
        ImportError: mapie is not installed.
        ValueError: mapie refuses so few rows.
        NotComputableError: nothing has been calibrated.

    Example:
        >>> X, y = [[i / 10] for i in range(60)], [i / 5 + (i * 7 % 11) / 10 for i in range(60)]
        >>> predictor = ConformalPredictor().calibrate(X, y)
        >>> abs(mapie_half_width(predictor) - predictor.half_width) < 1e-12
        True
    """
    from mapie.regression import SplitConformalRegressor

    if predictor.calibration_rows is None:
        raise NotComputableError("nothing has been calibrated; call calibrate(X, y) with the history first")
    features, outcomes = predictor.calibration_rows
    other = SplitConformalRegressor(predictor.estimator, confidence_level=predictor.confidence_level, prefit=True)
    other.conformalize(features, outcomes)
    _, ends = other.predict_interval(features[:1])
    return float(ends[0, 1, 0] - ends[0, 0, 0]) / 2.0


def _cross_check(predictor: ConformalPredictor) -> tuple[str, dict[str, Any]]:
    """What mapie says of the half width, and the words for it."""
    try:
        theirs = mapie_half_width(predictor)
    except ValueError as error:
        return "skipped", {"cross_check": f"mapie refuses {predictor.n_calibration} rows: {error}"}
    if not math.isfinite(theirs):
        return "failed", {"cross_check": "mapie gives an infinite half width"}
    _, low, high = predictor.predict_interval(predictor.calibration_rows[0][:1])  # type: ignore[index]  # calibrated
    rounding = 1e-9 * max(abs(float(low[0])), abs(float(high[0])))
    agree = abs(theirs - predictor.half_width) <= rounding
    return "passed" if agree else "failed", {"mapie_half_width": theirs}


def anticipatory(
    formula: str,
    *,
    confidence: float = 0.9,
    estimator: Any = "linear",
    history: float = 0.5,
    calibration: float = 0.4,
    failure_below: float | None = None,
    failure_above: float | None = None,
    seed: int = 0,
) -> Anticipation:
    """A pillar that asks whether the first rows of a run let one expect the later ones.

    Args:
        formula: ``outcome ~ feature + feature``, all of them column names.
        confidence: level of the conformal interval.
        estimator: ``linear``, ``ridge``, or a regressor of scikit-learn.
        history: share of the rows, the first ones, that fit and calibrate; the others are anticipated.
        calibration: share of the history that calibrates.
        failure_below: outcomes below it are failures; None for no such limit.
        failure_above: outcomes above it are failures; None for no such limit.
        seed: of the split of the history.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> rows = [CycleResult(i, True, {"y": i % 9 + (i * 7 % 11) / 10, "x": i % 9}) for i in range(100)]
        >>> row = anticipatory("y ~ x").compute(rows, [])
        >>> row.cross_check, row.detail["n"], row.detail["counts"]["ood_anomaly"]
        ('passed', 50, 3)
    """
    if not formula:
        raise ClaimError("the formula is empty; write 'outcome ~ feature + feature'")
    return Anticipation(formula, confidence, estimator, history, calibration, failure_below, failure_above, seed)


PILLAR: Final = Anticipation()
"""The pillar as it is registered: without a formula, so that it says how to declare one."""
