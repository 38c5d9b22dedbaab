# SPDX-License-Identifier: Apache-2.0
"""The pillar M.mea: do several experiments on the same rows of a run interact?

It gives the F test of the interaction that is strongest, adjusted for the number of pairs that were looked at, and
the effect of each experiment in the detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError, PillarBase
from ophamin.measuring.pillars.effects.confidence import require_confidence
from ophamin.measuring.pillars.effects.design import finite_column, read_columns
from ophamin.measuring.pillars.effects.experiments import MultiExperimentAnalysis
from ophamin.measuring.pillars.effects.formula import parse_name
from ophamin.measuring.pillars.effects.interaction import Interaction

__all__ = ["PILLAR", "MultiExperiment", "mea"]


@dataclass(frozen=True)
class MultiExperiment(PillarBase):
    """The interaction of experiments that overlap; make one with `mea`.

    Attributes:
        outcome: key of the outcome.
        factors: keys whose values are the arms, two or more.
        typ: type of the sums of squares, 2 or 3.
        confidence: of the intervals in the detail.

    Raises:
        ClaimError: fewer than two factors, one twice, a type other than 2 and 3, or a confidence outside 0 to 1.
        FormulaError: a key is no name.
    """

    outcome: str = ""
    factors: tuple[str, ...] = ()
    typ: int = 2
    confidence: float = 0.95
    pillar_name: ClassVar[str] = "M.mea"
    library: ClassVar[str] = "statsmodels"

    def __post_init__(self) -> None:
        require_confidence(self.confidence)
        if self.typ not in (2, 3):
            raise ClaimError(f"the type of the sums of squares is {self.typ!r}; it is 2 or 3")
        if not self.outcome:
            return
        for name in (self.outcome, *self.factors):
            parse_name(name)
        if len(self.factors) < 2 or len({self.outcome, *self.factors}) <= len(self.factors):
            raise ClaimError(
                f"mea({self.outcome!r}, {', '.join(map(repr, self.factors))}) names {len(self.factors)} factors; name "
                "two or more, each once and none the outcome; for one factor use mixed() or an effect size"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys of the rows that it reads."""
        return (self.outcome, *self.factors) if self.outcome else ()

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The F of the strongest interaction, its adjusted p-value and its partial eta squared.

        Raises:
            NotComputableError: the run does not allow it; the message says why.
        """
        if not self.outcome:
            raise NotComputableError("it has no outcome; configure it: mea('phi', 'arm', 'layout')")
        columns, left_out = read_columns(cycles, self.columns)
        analysis = MultiExperimentAnalysis(
            {name: columns[name] for name in self.factors},
            finite_column(columns[self.outcome], self.outcome).tolist(),
            confidence=self.confidence,
        )
        tables = [analysis.interaction_test(one, two, typ=self.typ) for one, two in combinations(self.factors, 2)]
        adjusted = _holm([table.interaction.p for table in tables])
        at = min(range(len(tables)), key=lambda place: tables[place].interaction.p)
        strongest = tables[at].interaction
        failed = [table for table in tables if table.cross_check == "failed"]
        return self.evidence(
            f"F of the interaction {strongest.term}",
            strongest.f,
            effect_size=strongest.partial_eta_squared,
            p_value=adjusted[at],
            cross_check="failed" if failed else "passed",
            detail={
                "outcome": self.outcome,
                "n": len(columns[self.outcome]),
                "left_out": left_out,
                "effect_size": "partial eta squared",
                "p_value": f"adjusted for {len(tables)} interactions (Holm)"
                if len(tables) > 1
                else "of the one interaction",
                "degrees_of_freedom": [strongest.df, tables[at].residual_df],
                "interval": "none: F has no interval that would be read as one of an effect",
                "interactions": [_told(table, p) for table, p in zip(tables, adjusted, strict=True)],
                "marginal_effects": [_marginal(analysis, name) for name in self.factors],
            },
        )


def mea(outcome: str, *factors: str, typ: int = 2, confidence: float = 0.95) -> MultiExperiment:
    """The interaction of experiments that overlap on the rows of a run, as a pillar.

    Args:
        outcome: key of the outcome.
        factors: keys whose values are the arms, two or more.
        typ: type of the sums of squares, 2 or 3.
        confidence: of the intervals in the detail.

    Raises:
        ClaimError: fewer than two factors, one twice, a type other than 2 and 3, or a confidence outside 0 to 1.
        FormulaError: a key is no name.

    Example:
        >>> mea("phi", "arm", "layout").columns
        ('phi', 'arm', 'layout')
    """
    return MultiExperiment(outcome, factors, typ, confidence)


def _holm(ps: Sequence[float]) -> list[float]:
    """P-values adjusted by Holm's step-down procedure (Scandinavian Journal of Statistics 6, 1979)."""
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[at]))
        adjusted[at] = largest
    return adjusted


def _told(table: Interaction, adjusted: float) -> dict[str, Any]:
    return {**table.to_json(), "p_adjusted": adjusted}


def _marginal(analysis: MultiExperimentAnalysis, name: str) -> dict[str, Any]:
    """The effect of an experiment of two arms; of more, which there are."""
    if len(analysis.arms(name)) > 2:
        return {"experiment": name, "arms": [str(arm) for arm in analysis.arms(name)]}
    return analysis.marginal_effect(name).to_json()


PILLAR: Final = MultiExperiment()
"""The form under which the pillar is registered; it has no columns and says how to give it some."""
