# SPDX-License-Identifier: Apache-2.0
"""Pillar ``diagnostics.kernel_coupling``: the same question as the sweep, asked of the rows of a run.

The run varies the coefficient itself and observes three columns; nothing is run here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.inference.values import shown
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, complete_rows, numbers
from ophamin.measuring.pillars.diagnostics.coupling import conclude, require_threshold
from ophamin.measuring.pillars.robustness.declared import require_share

__all__ = ["LARGEST_SWEEP", "PILLAR", "KernelCoupling", "kernel_coupling"]

LARGEST_SWEEP: Final = 1000


@dataclass(frozen=True)
class KernelCoupling(PillarBase):
    """Share of the coefficients at which collapse persists; made by `kernel_coupling`.

    Attributes:
        coefficient: column of the coupling coefficient; without one nothing is computed.
        repetition: column that names the independent run, such as its seed.
        collapsed: column that says whether the run collapsed.
        persist_threshold: rate from which collapse persists.
        confidence: level of the intervals.

    Raises:
        ClaimError: where a field lies outside its range.
    """

    coefficient: str = ""
    repetition: str = ""
    collapsed: str = ""
    persist_threshold: float = 0.5
    confidence: float = 0.95
    pillar_name: ClassVar[str] = "diagnostics.kernel_coupling"
    library: ClassVar[str] = "numpy"

    def __post_init__(self) -> None:
        require_threshold(self.persist_threshold)
        require_share("confidence", self.confidence)

    @property
    def columns(self) -> tuple[str, ...]:
        """Coefficient, repetition, collapsed."""
        return (self.coefficient, self.repetition, self.collapsed) if self.coefficient else ()

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The share of the coefficients at which collapse persists; rates, intervals and conclusion in the detail.

        Raises:
            NotComputableError: no columns, or a value that cannot be used.
        """
        if not self.coefficient:
            raise NotComputableError(
                "no columns are declared; write "
                "pillars=[kernel_coupling(coefficient='coupling', repetition='seed', collapsed='collapsed')]"
            )
        columns, left_out = complete_rows(cycles, self.columns)
        coefficients = numbers(columns[self.coefficient], self.coefficient)
        outcomes = numbers(columns[self.collapsed], self.collapsed)
        if not coefficients:
            raise NotComputableError("no row carries all three columns")
        if not set(outcomes) <= {0.0, 1.0}:
            raise NotComputableError(f"{self.collapsed!r} holds more than True and False")
        runs = _runs(coefficients, columns[self.repetition], outcomes)
        fewest = min(map(len, runs.values()))
        report = conclude(
            runs, self.persist_threshold, self.confidence, fewest, f"as {self.repetition!r} tells the runs apart"
        )
        detail: dict[str, Any] = {
            **asdict(report),
            "rates": [asdict(rate) for rate in report.rates],
            "rows": len(outcomes),
            "rows_left_out": left_out,
            "interval": "Clopper-Pearson, over runs",
        }
        persisting = sum(rate.persists is True for rate in report.rates)
        return self.evidence(
            f"share of {len(report.rates)} coefficients at which collapse persists",
            persisting / len(report.rates), detail=detail,
        )  # fmt: skip


def _runs(
    coefficients: Sequence[float], repetitions: Sequence[Any], outcomes: Sequence[float]
) -> dict[float, list[bool]]:
    """Coefficient, ascending -> whether each run collapsed; rows of one repetition are one run.

    Raises:
        NotComputableError: more coefficients than a sweep has.
    """
    import numpy as np

    values, which = np.unique(np.asarray(coefficients), return_inverse=True)
    if len(values) > LARGEST_SWEEP:
        raise NotComputableError(
            f"{len(values)} different coefficients; a sweep has at most {LARGEST_SWEEP}, each with several repetitions"
        )
    numbered: dict[tuple[int, str], int] = {}
    runs = [
        numbered.setdefault((coefficient, repr(repetition)), len(numbered))
        for coefficient, repetition in zip(which.tolist(), repetitions, strict=True)
    ]
    fell = np.bincount(runs, weights=outcomes) > 0.0
    of_run = np.array([coefficient for coefficient, _ in numbered])
    return {float(value): fell[of_run == index].tolist() for index, value in enumerate(values)}


def kernel_coupling(
    *,
    coefficient: str,
    repetition: str,
    collapsed: str,
    persist_threshold: float = 0.5,
    confidence: float = 0.95,
) -> KernelCoupling:
    """A pillar that says at which coefficients collapse persists.

    Args:
        coefficient: column of the coupling coefficient.
        repetition: column that names the independent run. Rows of one coefficient that share it are one run, which
            collapsed where any of its rows did; with the seed in this column, five runs reset to one seed are one.
        collapsed: column that says whether the row collapsed, True or False.
        persist_threshold: rate from which collapse persists, above 0, at most 1.
        confidence: level of the intervals.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> cells = [(c, seed) for c in (0.01, 0.05) for seed in range(8)]
        >>> rows = [CycleResult(i, True, {"c": c, "seed": s, "bad": c < 0.02}) for i, (c, s) in enumerate(cells)]
        >>> row = kernel_coupling(coefficient="c", repetition="seed", collapsed="bad").compute(rows, [])
        >>> row.statistic_value, row.detail["conclusion"], row.detail["supported"]
        (0.5, 'miscalibrated_boundary_logic', True)
    """
    for name, column in (("coefficient", coefficient), ("repetition", repetition), ("collapsed", collapsed)):
        if not isinstance(column, str) or not column:
            raise ClaimError(f"{name} is {shown(column)}; give the name of a column")
    return KernelCoupling(coefficient, repetition, collapsed, persist_threshold, confidence)


PILLAR: Final = KernelCoupling()
"""The pillar as it is registered: without columns, so that it says how to declare them."""
