# SPDX-License-Identifier: Apache-2.0
"""Pillar ``diagnostics.assumptions``: which other pillars are entitled to speak of a metric.

Charts, sequential tests and intervals assume things of the rows in their order. This looks for clear signs against
each assumption. Entitled means that none was found, not that the assumption holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.inference.values import shown
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, complete_rows, library_version, numbers
from ophamin.measuring.pillars.diagnostics.series import (
    LARGEST_SHAPIRO,
    Check,
    autocorrelations,
    check_series,
    effective_sample_size,
    scaled_series,
)

__all__ = ["NEEDS", "PILLAR", "Assumptions", "assumptions"]

NEEDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "A.msprt": ("independent", "gaussian"),
        "A.sprt": ("independent",),
        "M.mea": ("independent", "gaussian"),
        "N.cross_validation": ("independent",),
        "O.drift": ("independent",),
        "O.spc": ("independent", "stationary", "gaussian"),
        "O.srm": ("independent",),
        "diagnostics.anticipatory": ("independent", "stationary"),
        "diagnostics.inertia": ("independent",),
    }
)
"""What a pillar assumes of a metric's rows. Where it reads means of many rows, a missing normality hurts it little."""

_LOWEST_ALPHA: Final = 0.01
_HIGHEST_ALPHA: Final = 0.1


@dataclass(frozen=True)
class Assumptions(PillarBase):
    """Effective sample size of a metric, with checks of what other pillars assume; made by `assumptions`.

    Attributes:
        metric: the column; without one nothing is computed.
        alpha: probability with which each assumption is denied where it holds, from 0.01 to 0.1.

    Raises:
        ClaimError: where alpha lies outside its range.
    """

    metric: str = ""
    alpha: float = 0.05
    pillar_name: ClassVar[str] = "diagnostics.assumptions"
    library: ClassVar[str] = "statsmodels"

    def __post_init__(self) -> None:
        alpha = self.alpha
        is_number = isinstance(alpha, (int, float)) and not isinstance(alpha, bool)
        if not is_number or not _LOWEST_ALPHA <= alpha <= _HIGHEST_ALPHA:
            raise ClaimError(f"alpha is {shown(alpha)}; it lies from 0.01 to 0.1, where the KPSS test has a table")

    @property
    def columns(self) -> tuple[str, ...]:
        """The metric."""
        return (self.metric,) if self.metric else ()

    def condition(self, row: PillarEvidence) -> bool | None:
        """As a condition of a verdict: the rows look independent and stationary, which every test here rests on."""
        entitled = row.detail.get("entitled", {})
        return _all(entitled.get(need) for need in ("independent", "stationary"))

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The effective sample size; checks, entitlements and the verdict in words in the detail.

        Raises:
            NotComputableError: no metric, fewer than 20 values, a constant, or a value that is no finite number.
        """
        if not self.metric:
            raise NotComputableError("no metric is declared; write pillars=[assumptions('phi')]")
        columns, left_out = complete_rows(cycles, (self.metric,))
        values = numbers(columns[self.metric], self.metric)
        series = scaled_series(values)
        correlations = autocorrelations(series)
        checks = check_series(series, correlations)
        entitled = judge(checks, self.alpha)
        pillars = {name: _all(entitled[need] for need in needs) for name, needs in NEEDS.items()}
        detail = {
            "metric": self.metric,
            "rows": len(values),
            "rows_left_out": left_out,
            "alpha": self.alpha,
            "checks": {name: asdict(check) for name, check in checks.items()},
            "entitled": entitled,
            "pillars": pillars,
            "verdict": _verdict(self.metric, entitled, pillars),
            "libraries": {name: library_version(name) for name in ("numpy", "scipy", "statsmodels")},
        }
        return self.evidence(
            f"effective sample size of {self.metric}", effective_sample_size(correlations),
            cross_check=_cross_check(series, checks["ljung_box"]), detail=detail,
        )  # fmt: skip


def assumptions(metric: str, *, alpha: float = 0.05) -> Assumptions:
    """A pillar that checks what other pillars assume of a metric.

    Args:
        metric: the column.
        alpha: probability with which each assumption is denied where it holds, from 0.01 to 0.1.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> rows = [CycleResult(i, True, {"phi": float(i)}) for i in range(60)]
        >>> row = assumptions("phi").compute(rows, [])
        >>> row.detail["entitled"]["independent"], row.statistic_value < 60
        (False, True)
    """
    if not isinstance(metric, str) or not metric:
        raise ClaimError(f"the metric is {shown(metric)}; give the name of a column")
    return Assumptions(metric, alpha)


def judge(checks: Mapping[str, Check], alpha: float) -> dict[str, bool | None]:
    """What was found of each assumption; None where a check of it is undefined.

    Two tests speak of independence and two of normality, each at half of alpha. A series is called stationary where
    the Dickey-Fuller test denies a unit root and the KPSS test does not deny a stationary level, both at alpha.

    Args:
        checks: from `check_series`.
        alpha: level of each assumption.
    """
    p_values = {name: check.p_value for name, check in checks.items()}

    def passes(name: str, level: float) -> bool | None:
        p_value = p_values[name]
        return None if p_value is None else p_value >= level

    unit_root = passes("adf", alpha)
    return {
        "gaussian": _all((passes("normality", alpha / 2), passes("dagostino", alpha / 2))),
        "independent": _all((passes("lag1", alpha / 2), passes("ljung_box", alpha / 2))),
        "stationary": _all((None if unit_root is None else not unit_root, passes("kpss", alpha))),
    }


def _all(answers: Any) -> bool | None:
    """False where one is False, otherwise None where one is None, otherwise True."""
    told = list(answers)
    return False if False in told else None if None in told else True


def _verdict(metric: str, entitled: Mapping[str, bool | None], pillars: Mapping[str, bool | None]) -> str:
    words = {True: "nothing against", False: "clear signs against", None: "undefined for"}
    found = ", ".join(f"{words[answer]} '{name}'" for name, answer in entitled.items())
    silent = [name for name, answer in pillars.items() if answer is False]
    unknown = [name for name, answer in pillars.items() if answer is None]
    told = f"not entitled to speak of it: {', '.join(silent)}" if silent else "every pillar may speak of it"
    if unknown:
        told = f"{told if silent else 'none is barred'}; unknown: {', '.join(unknown)}"
    return f"{metric}: {found}; {told}"


def _cross_check(series: Any, own: Check) -> str:
    """Whether statsmodels computes the same Ljung-Box test; its time grows with the square of n, so only for few."""
    if len(series) > LARGEST_SHAPIRO:
        return "skipped"
    from statsmodels.stats.diagnostic import acorr_ljungbox

    assert own.statistic is not None
    theirs = float(acorr_ljungbox(series, lags=[min(10, len(series) // 5)])["lb_stat"].iloc[0])
    return "passed" if abs(theirs - own.statistic) <= 1e-8 * max(1.0, abs(theirs)) else "failed"


PILLAR: Final = Assumptions()
"""The pillar as it is registered: without a metric, so that it says how to declare one."""
