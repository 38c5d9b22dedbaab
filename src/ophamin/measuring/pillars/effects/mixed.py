# SPDX-License-Identifier: Apache-2.0
"""The pillar M.mixed_effects: a linear mixed model over columns of a run.

It answers how much a column shifts the response when rows come in groups (users, seeds, documents) that share more
than chance. It gives one coefficient with its interval, and everything else of the model in the detail. It does not
choose the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError, PillarBase
from ophamin.measuring.pillars.effects.confidence import require_confidence
from ophamin.measuring.pillars.effects.design import codes_of, design, finite_column, read_columns
from ophamin.measuring.pillars.effects.formula import Factor, Formula, parse_formula, parse_name
from ophamin.measuring.pillars.effects.mixed_fit import fit_mixed
from ophamin.measuring.pillars.effects.mixed_result import MixedEffectsResult

__all__ = ["PILLAR", "MixedEffects", "mixed"]

FEW_GROUPS: Final = 30
_DF_RULE: Final = (
    "columns that vary between groups: groups less such columns; columns that vary within: rows less what the random "
    "effects and these columns take"
)


@dataclass(frozen=True)
class MixedEffects(PillarBase):
    """A linear mixed model; make one with `mixed`.

    Attributes:
        formula: such as ``phi ~ arm``; the grammar is that of `formula.parse_formula`.
        groups: key whose values name the groups.
        random: key of a column with a random slope, or None for random intercepts alone.
        reml: restricted maximum likelihood, or maximum likelihood.
        term: name of the coefficient that is the statistic, such as ``arm[T.b]``; None for the first that is no
            intercept.
        confidence: of the interval.

    Raises:
        FormulaError: the formula or a name lies outside the grammar.
        ClaimError: no groups are named, or the confidence does not lie between 0 and 1.
    """

    formula: str = ""
    groups: str = ""
    random: str | None = None
    reml: bool = True
    term: str | None = None
    confidence: float = 0.95
    pillar_name: ClassVar[str] = "M.mixed_effects"
    library: ClassVar[str] = "statsmodels"

    def __post_init__(self) -> None:
        require_confidence(self.confidence)
        if not self.formula:
            return
        parse_formula(self.formula)
        if not self.groups:
            raise ClaimError(f"mixed({self.formula!r}) names no groups; say which rows belong together: groups='user'")
        for name in (self.groups, *([] if self.random is None else [self.random])):
            parse_name(name)

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys of the rows that it reads."""
        if not self.formula:
            return ()
        parsed = parse_formula(self.formula)
        slope = () if self.random is None else (self.random,)
        return tuple(dict.fromkeys((parsed.response, *parsed.names, *slope, self.groups)))

    def fit(self, columns: dict[str, list[Any]]) -> MixedEffectsResult:
        """Fit the model to columns of equal length.

        Raises:
            NotComputableError: the columns do not allow it, or the fit did not converge; the message says why.
        """
        parsed = parse_formula(self.formula)
        slope = () if self.random is None else ((Factor(self.random),),)
        random = Formula("", parsed.response, ((), *slope))
        if self.random is not None:
            finite_column(columns[self.random], self.random)
        # The intercept of a formula without names is as long as the rows it belongs to.
        rows = {name: columns[name] for name in (*parsed.names, *random.names, self.groups)}
        return fit_mixed(
            finite_column(columns[parsed.response], parsed.response),
            design(parsed, rows),
            design(random, rows),
            codes_of(columns[self.groups], self.groups, ordered=False),
            reml=self.reml,
            confidence=self.confidence,
        )

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The coefficient of the term with its interval, its t test, and the model in the detail.

        Raises:
            NotComputableError: the run does not allow it; the message says why.
        """
        if not self.formula:
            raise NotComputableError("it has no model; configure it: mixed('phi ~ arm', groups='user')")
        columns, left_out = read_columns(cycles, self.columns)
        result = self.fit(columns)
        one = result.coefficient(self.term)
        if one.p is None:
            raise NotComputableError(
                f"{one.name!r} varies between {result.n_groups} groups that leave {one.df} degrees of freedom for its "
                "error; take more groups, with several on either side of a comparison"
            )
        detail = {
            "formula": self.formula,
            "grouped_by": self.groups,
            "random_slope": self.random,
            "confidence": self.confidence,
            "left_out": left_out,
            "test": f"t with {one.df:g} degrees of freedom",
            "degrees_of_freedom": _DF_RULE,
            "effect_size": "standard deviations of a row around its fixed effects",
            **result.to_json(),
        }
        if result.n_groups < FEW_GROUPS:
            detail["few_groups"] = f"{result.n_groups} groups: the variance between them is poorly known"
        return self.evidence(
            f"coefficient of {one.name}",
            one.estimate,
            effect_size=one.estimate / math.sqrt(result.total_variance),
            ci_low=one.low,
            ci_high=one.high,
            p_value=one.p,
            cross_check=result.cross_check,
            detail=detail,
        )


def mixed(
    formula: str,
    groups: str,
    *,
    random: str | None = None,
    reml: bool = True,
    term: str | None = None,
    confidence: float = 0.95,
) -> MixedEffects:
    """A linear mixed model over columns of a run, as a pillar.

    Args:
        formula: such as ``phi ~ arm``: names, ``+ - * :``, brackets, 0, 1 and ``C(name)`` for a numeric column of
            categories. Columns of texts or truth values are categories by themselves.
        groups: key whose values name the groups; every group has a random intercept.
        random: key of a numeric column with a random slope, correlated with the intercept.
        reml: restricted maximum likelihood, or maximum likelihood.
        term: name of the coefficient that is the statistic; by default the first that is no intercept.
        confidence: of the interval.

    Raises:
        FormulaError: the formula or a name lies outside the grammar.
        ClaimError: no groups are named, or the confidence does not lie between 0 and 1.

    Example:
        >>> mixed("phi ~ arm", groups="user").columns
        ('phi', 'arm', 'user')
    """
    return MixedEffects(formula, groups, random, reml, term, confidence)


PILLAR: Final = MixedEffects()
"""The form under which the pillar is registered; it has no model and says how to give it one."""
