# SPDX-License-Identifier: Apache-2.0
"""Cognitive inertia: how much of the change that was asked for did the system make?

Each row says how strong a push was, how much change it called for, how much came, and whether the system took it.
What was not asked cannot be judged: without a row that calls for change inertia is undefined, not 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.values import finite_numbers, shown
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, complete_rows, numbers
from ophamin.measuring.pillars.diagnostics.intervals import clopper_pearson, unit_mean_interval
from ophamin.measuring.pillars.robustness.declared import require_share

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["PILLAR", "CognitiveInertiaMeter", "Inertia", "InertiaReport", "inertia"]


@dataclass(frozen=True, slots=True)
class InertiaReport:
    """What a meter says of all rows; a share is None where no row defines it, and `reason` says why.

    Attributes:
        n: rows.
        n_expected: rows that called for change, of which adaptation is the mean.
        adaptation: mean share of the expected change that came, each row between 0 and 1.
        inertia: 1 minus adaptation.
        inertia_low: lower end of its interval, by betting; valid for any distribution of independent rows.
        inertia_high: upper end.
        weighted_inertia: the same mean with each row weighed by its strength; None where the strengths add up to 0.
        rejection: share of the rows that were not accepted.
        rejection_low: lower end of its exact interval.
        rejection_high: upper end.
        balance: adaptation minus rejection, from -1 to 1.
        stagnant: whether inertia or rejection reaches the threshold; None where that is open.
        stagnant_threshold: the threshold.
        confidence: level of the two intervals.
        reason: what is undefined and why; empty where nothing is.
    """

    n: int
    n_expected: int
    adaptation: float | None
    inertia: float | None
    inertia_low: float | None
    inertia_high: float | None
    weighted_inertia: float | None
    rejection: float | None
    rejection_low: float | None
    rejection_high: float | None
    balance: float | None
    stagnant: bool | None
    stagnant_threshold: float
    confidence: float
    reason: str


class _Rows(NamedTuple):
    strength: NDArray[float64]
    expected: NDArray[float64]
    observed: NDArray[float64]
    accepted: NDArray[float64]


class CognitiveInertiaMeter:
    """Collects pushes and answers, and says how inert the system is.

    Args:
        stagnant_threshold: inertia or rejection from which the system is called stagnant, above 0, at most 1.
        confidence: level of the intervals.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> meter = CognitiveInertiaMeter(stagnant_threshold=0.8)
        >>> for came in (0.0, 0.1, 0.1, 0.2):
        ...     meter.observe(1.0, 1.0, came, True)
        >>> report = meter.report()
        >>> round(report.inertia, 6), report.rejection, report.stagnant
        (0.9, 0.0, True)
        >>> CognitiveInertiaMeter().report().reason
        'no rows; observe at least one'
    """

    def __init__(self, stagnant_threshold: float = 0.8, confidence: float = 0.95) -> None:
        self.stagnant_threshold = _require_threshold(stagnant_threshold)
        self.confidence = require_share("confidence", confidence)
        self._rows: list[tuple[float, float, float, bool]] = []

    def observe(self, strength: float, expected: float, observed: float, accepted: bool) -> None:
        """Add one row.

        Args:
            strength: how strong the push was, 0 or more; it weighs `InertiaReport.weighted_inertia` alone.
            expected: how much change it called for; at 0 or below it called for none.
            observed: how much change came, in the same unit; below 0 it went the other way and counts as none.
            accepted: whether the system took the push.

        Raises:
            ObservationError: a number is not finite, the strength is below 0, or ``accepted`` is no truth value.
        """
        strength, expected, observed = finite_numbers((strength, expected, observed))
        if strength < 0.0:
            raise ObservationError(f"the strength is {strength!r}; it is 0 or more")
        if accepted not in (0, 1):
            raise ObservationError(f"accepted is {shown(accepted)}; it is True or False")
        self._rows.append((strength, expected, observed, bool(accepted)))

    def report(self) -> InertiaReport:
        """What can be said of all rows so far."""
        import numpy as np

        table = np.array(self._rows, dtype=float).reshape(-1, 4)
        return _report(_Rows(*table.T), self.stagnant_threshold, self.confidence)


@dataclass(frozen=True)
class Inertia(PillarBase):
    """The meter over the columns of a run; made by `inertia`.

    Attributes:
        expected: column of the change that was called for; without one nothing is computed.
        observed: column of the change that came.
        accepted: column that says whether the push was taken.
        strength: column of the push's strength; None where all are alike.
        stagnant_threshold: as in `CognitiveInertiaMeter`.
        confidence: level of the intervals.

    Raises:
        ClaimError: where a field lies outside its range.
    """

    expected: str = ""
    observed: str = ""
    accepted: str = ""
    strength: str | None = None
    stagnant_threshold: float = 0.8
    confidence: float = 0.95
    pillar_name: ClassVar[str] = "diagnostics.inertia"
    library: ClassVar[str] = "numpy"

    def __post_init__(self) -> None:
        _require_threshold(self.stagnant_threshold)
        require_share("confidence", self.confidence)

    @property
    def columns(self) -> tuple[str, ...]:
        """Expected, observed, accepted, and strength where it is named."""
        named = (self.expected, self.observed, self.accepted) if self.expected else ()
        return named if self.strength is None else (*named, self.strength)

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """Inertia with its interval; the rest of `InertiaReport` in the detail.

        Raises:
            NotComputableError: no columns, no row that calls for change, or a value that cannot be used.
        """
        import numpy as np

        if not self.expected:
            raise NotComputableError(
                "no columns are declared; write pillars=[inertia(expected='asked', observed='came', accepted='taken')]"
            )
        columns, left_out = complete_rows(cycles, self.columns)
        table = {name: np.array(numbers(values, name)) for name, values in columns.items()}
        strength = np.ones(len(table[self.expected])) if self.strength is None else table[self.strength]
        rows = _Rows(strength, table[self.expected], table[self.observed], table[self.accepted])
        if not np.isin(rows.accepted, (0.0, 1.0)).all():
            raise NotComputableError(f"{self.accepted!r} holds more than True and False")
        if (rows.strength < 0.0).any():
            raise NotComputableError(f"{self.strength!r} holds a strength below 0")
        report = _report(rows, self.stagnant_threshold, self.confidence)
        if report.inertia is None:
            raise NotComputableError(report.reason)
        interval = "betting for the inertia, Clopper-Pearson for the rejection; rows are taken as independent"
        return self.evidence(
            "cognitive inertia", report.inertia, ci_low=report.inertia_low, ci_high=report.inertia_high,
            detail={**asdict(report), "interval": interval, "rows_left_out": left_out},
        )  # fmt: skip


def inertia(
    *,
    expected: str,
    observed: str,
    accepted: str,
    strength: str | None = None,
    stagnant_threshold: float = 0.8,
    confidence: float = 0.95,
) -> Inertia:
    """A pillar that says how much of the change that was called for came.

    Args:
        expected: column of the change that was called for; rows with 0 or less call for none.
        observed: column of the change that came, in the same unit.
        accepted: column that says whether the system took the push, True or False.
        strength: column of the push's strength, 0 or more; None where all are alike.
        stagnant_threshold: inertia or rejection from which the system is called stagnant.
        confidence: level of the intervals.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> rows = [CycleResult(i, True, {"asked": 2.0, "came": 1.5, "taken": i < 9}) for i in range(10)]
        >>> row = inertia(expected="asked", observed="came", accepted="taken").compute(rows, [])
        >>> row.statistic_value, row.detail["rejection"], row.detail["stagnant"]
        (0.25, 0.1, False)
    """
    for name, column in (("expected", expected), ("observed", observed), ("accepted", accepted)):
        if not isinstance(column, str) or not column:
            raise ClaimError(f"{name} is {shown(column)}; give the name of a column")
    return Inertia(expected, observed, accepted, strength, stagnant_threshold, confidence)


def _report(rows: _Rows, threshold: float, confidence: float) -> InertiaReport:
    n = len(rows.expected)
    rejected = n - int(rows.accepted.sum())
    rejection = rejected / n if n else None
    rejection_low, rejection_high = clopper_pearson(rejected, n, confidence) if n else (None, None)
    asked = rows.expected > 0.0
    shares = _shares(rows.observed[asked], rows.expected[asked])
    adaptation = float(shares.mean()) if len(shares) else None
    inert = None if adaptation is None else float((1.0 - shares).mean())
    low, high = unit_mean_interval((1.0 - shares).tolist(), confidence) if len(shares) else (None, None)
    reached = [value is not None and value >= threshold for value in (inert, rejection)]
    open_question = inert is None or rejection is None
    return InertiaReport(
        n=n,
        n_expected=len(shares),
        adaptation=adaptation,
        inertia=inert,
        inertia_low=low,
        inertia_high=high,
        weighted_inertia=_weighted(1.0 - shares, rows.strength[asked]),
        rejection=rejection,
        rejection_low=rejection_low,
        rejection_high=rejection_high,
        balance=None if adaptation is None or rejection is None else adaptation - rejection,
        stagnant=True if any(reached) else None if open_question else False,
        stagnant_threshold=threshold,
        confidence=confidence,
        reason=_reason(n, len(shares)),
    )


def _shares(observed: NDArray[float64], expected: NDArray[float64]) -> NDArray[float64]:
    """The share of the expected change that came, between 0 and 1, without a quotient that overflows."""
    import numpy as np

    came = np.clip(observed, 0.0, expected)
    return np.divide(came, expected)


def _weighted(values: NDArray[float64], weights: NDArray[float64]) -> float | None:
    largest = float(weights.max(initial=0.0))
    if largest == 0.0:
        return None
    scaled = weights / largest
    return math.fsum((values * scaled).tolist()) / math.fsum(scaled.tolist())


def _reason(n: int, n_expected: int) -> str:
    if n == 0:
        return "no rows; observe at least one"
    if n_expected == 0:
        return f"none of {n} rows calls for change (expected above 0); inertia and adaptation are undefined"
    return ""


def _require_threshold(threshold: object) -> float:
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0.0 < threshold <= 1.0:
        raise ClaimError(f"stagnant_threshold is {shown(threshold)}; it lies above 0 and is at most 1")
    return float(threshold)


PILLAR: Final = Inertia()
"""The pillar as it is registered: without columns, so that it says how to declare them."""
