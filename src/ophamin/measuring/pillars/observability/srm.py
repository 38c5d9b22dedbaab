# SPDX-License-Identifier: Apache-2.0
"""Pillar O.srm: did the arms of a run come in the ratio that was planned?

A sample ratio mismatch means that units were lost or assigned by something else than chance, so that a comparison
of the arms is worth nothing, however good its p-value looks. It says that there is a mismatch, not why.

Source: Fabijan et al., Diagnosing Sample Ratio Mismatch in Online Controlled Experiments (KDD 2019).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, complete_rows
from ophamin.measuring.pillars.observability.multinomial import chi_square_by_hand, log_e_values
from ophamin.measuring.pillars.observability.sample_ratio import (
    METHODS,
    SMALL_EXPECTED,
    SequentialSRM,
    SRMDetector,
    SRMResult,
    level,
    normalised,
)

__all__ = ["SRM", "SRMDetector", "SRMResult", "SampleRatio", "SequentialSRM", "srm"]

_MOST_ARMS: Final = 100
_AGREE: Final = 1e-9


@dataclass(frozen=True)
class SampleRatio(PillarBase):
    """The ratio of the arms of a run; the fields are the arguments of `srm`, the arms' ratios in a mapping."""

    by: str = "arm"
    alpha: float = 0.001
    method: str = "auto"
    ratios: Mapping[str, float] = field(default_factory=dict, hash=False)

    pillar_name: ClassVar[str] = "O.srm"
    library: ClassVar[str] = "scipy"

    def __post_init__(self) -> None:
        if not isinstance(self.by, str) or not self.by:
            raise ClaimError(f"by is {self.by!r}; name the key that holds the arm of a row")
        if self.method not in METHODS:
            raise ClaimError(f"the method is {self.method!r}; take one of {', '.join(METHODS)}")
        level(self.alpha)
        if self.ratios:
            normalised(self.ratios)

    @property
    def columns(self) -> tuple[str, ...]:
        """The key that holds the arm."""
        return (self.by,)

    def condition(self, row: PillarEvidence) -> bool | None:
        """Whether the ratio holds, as a row of this pillar says; None where that cannot be told.

        >>> SRM.condition(SRM.compute([], [])) is None
        True
        """
        told = row.detail.get("condition") if row.pillar == self.pillar_name else None
        return True if told == "holds" else False if told == "fails" else None

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The test of the counts that the run gave."""
        columns, left_out = complete_rows(cycles, [self.by])
        arms = _arm_names(columns[self.by], self.by)
        declared = {str(arm): ratio for arm, ratio in self.ratios.items()}
        ratios = normalised(declared or dict.fromkeys(sorted(set(arms.values())), 1.0))
        if len(ratios) < 2:
            raise NotComputableError(f"{self.by!r} holds one arm, {next(iter(ratios))!r}; a ratio needs two")
        counts = Counter(dict.fromkeys(ratios, 0))
        for value, count in Counter(columns[self.by]).items():
            counts[arms[value]] += count
        if self.method == "sequential":
            return self._watched(columns[self.by], arms, ratios, counts, left_out)
        result = SRMDetector(ratios, self.alpha, self.method).check(counts)
        cross_check, second = _second_opinion(result, ratios)
        name = "chi-square" if result.method == "chi_square" else "chi-square, exact p-value"
        detail = self._detail(result, ratios, left_out) | second | {"looks": "one, at a number of units fixed before"}
        return self.evidence(
            name, result.chi2 if math.isfinite(result.chi2) else None, p_value=result.pvalue,
            effect_size=_deviation(result), cross_check=cross_check, detail=detail,
        )  # fmt: skip

    def _watched(
        self, values: Sequence[Any], arms: Mapping[Any, str], ratios: Mapping[str, float], counts: Mapping[str, int],
        left_out: int,
    ) -> PillarEvidence:  # fmt: skip
        """The e-process over the run, unit by unit."""
        import numpy as np

        watch = SequentialSRM(ratios, self.alpha)
        result = watch.look(counts)
        filled = [arm for arm, ratio in ratios.items() if ratio > 0.0]
        value, first = None, None
        if math.isfinite(result.chi2):
            number = {label: filled.index(arm) for label, arm in arms.items()}
            rows = np.fromiter(map(number.__getitem__, values), dtype=np.int64, count=len(values))
            path = log_e_values(rows, [ratios[arm] for arm in filled], watch.concentration)
            value, p = float(path[-1]), math.exp(-max(0.0, float(path.max())))
            crossed = np.flatnonzero(path > -math.log(self.alpha))
            first = int(crossed[0]) if len(crossed) else None
            result = replace(result, pvalue=p, is_mismatch=first is not None)
        detail = self._detail(result, ratios, left_out) | {
            "concentration": watch.concentration, "first_mismatch": first, "looks": "after every unit",
        }  # fmt: skip
        return self.evidence("log e-value", value, p_value=result.pvalue, effect_size=_deviation(result), detail=detail)

    def _detail(self, result: SRMResult, ratios: Mapping[str, float], left_out: int) -> dict[str, Any]:
        notes = []
        if not self.ratios:
            notes.append("no ratio was declared: the arms that came were expected in equal shares")
        if result.method == "chi_square" and min(e for e in result.expected.values() if e > 0.0) < SMALL_EXPECTED:
            notes.append(f"a count below {SMALL_EXPECTED:g} is expected, so that the chi-square p-value is rough")
        strays = [arm for arm, ratio in ratios.items() if ratio == 0.0 and result.observed[arm]]
        if strays:
            notes.append(f"no statistic: {', '.join(strays)} should be empty and is not")
        return {
            "condition": "fails" if result.is_mismatch else "holds",
            "by": self.by, "method": result.method, "alpha": self.alpha, "dof": result.dof,
            "observed": dict(result.observed), "expected": dict(result.expected),
            "effect_size": "largest deviation of an arm's share", "rows_left_out": left_out, "notes": notes,
        }  # fmt: skip


def srm(by: str = "arm", alpha: float = 0.001, method: str = "auto", **ratios: float) -> SampleRatio:
    """Configure the pillar O.srm.

    Args:
        by: key that holds the arm of a row: a text, or a number or bool as it is printed.
        alpha: level.
        method: one of `METHODS`: ``chi_square`` and ``exact`` hold for one look at a number of units fixed before,
            ``sequential`` at every look, also where the trial stopped because of what it saw.
        ratios: the ratio of every arm, of any scale; none for equal shares of the arms that came. Where an arm's name
            is no identifier, use `SampleRatio`.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> cycles = [CycleResult(i, True, {"arm": "a" if i % 3 else "b"}) for i in range(300)]
        >>> row = srm(a=1, b=1).compute(cycles, [])
        >>> row.statistic_value, row.detail["condition"], row.cross_check
        (33.333333333333336, 'fails', 'passed')
    """
    return SampleRatio(by, alpha, method, ratios)


def _second_opinion(result: SRMResult, ratios: Mapping[str, float]) -> tuple[str, dict[str, Any]]:
    """The same test by a second implementation, where there is one: what it says, and both numbers if it differs."""
    arms = [arm for arm, ratio in ratios.items() if ratio > 0.0]
    if not math.isfinite(result.chi2) or len(arms) < 2:
        return "n/a", {}
    observed, expected = [result.observed[arm] for arm in arms], [result.expected[arm] for arm in arms]
    ours, theirs = [result.chi2, result.pvalue], list(chi_square_by_hand(observed, expected))
    if result.method == "exact":
        if len(arms) != 2:
            return "n/a", {}
        from scipy.stats import binomtest

        theirs[1] = float(binomtest(observed[0], sum(observed), ratios[arms[0]]).pvalue)
    if all(math.isclose(a, b, rel_tol=_AGREE, abs_tol=1e-300) for a, b in zip(ours, theirs, strict=True)):
        return "passed", {}
    return "failed", {
        "cross_check_values": {"scipy" if result.method == "chi_square" else "enumerated": ours, "second": theirs}
    }


def _arm_names(values: Iterable[Any], by: str) -> dict[Any, str]:
    """The name of every value that stands for an arm.

    Raises:
        NotComputableError: a value is no text, whole number or bool, or there are too many arms.
    """
    try:
        distinct = dict.fromkeys(values)
    except TypeError as error:
        raise NotComputableError(f"{by!r} holds a list; an arm is a text or a number") from error
    if len(distinct) > _MOST_ARMS:
        raise NotComputableError(f"{by!r} holds {len(distinct)} values; more than {_MOST_ARMS} arms are no design")
    for value in distinct:
        if not isinstance(value, (str, int, float)) or (isinstance(value, float) and not math.isfinite(value)):
            raise NotComputableError(f"{by!r} holds {str(value)[:40]!r}; an arm is a text or a finite number")
    return {value: str(value) for value in distinct}


def _deviation(result: SRMResult) -> float:
    total = sum(result.observed.values())
    return max(abs(count - result.expected[arm]) / total for arm, count in result.observed.items())


SRM: Final = SampleRatio()
"""The pillar as it is registered: equal shares of the arms under the key ``arm``."""
