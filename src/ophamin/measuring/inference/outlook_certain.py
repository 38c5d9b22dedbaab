# SPDX-License-Identifier: Apache-2.0
"""Rules that test nothing: what they say follows from the value itself, or from the interval that its user gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.exact import Census, DeclaredInterval, Deterministic
from ophamin.measuring.inference.outlook_case import Case, UndefinedError
from ophamin.measuring.inference.planning import Outlook

__all__ = ["CertainCase", "certain"]


@dataclass(frozen=True, kw_only=True)
class CertainCase(Case):
    """No sample is drawn.

    Attributes:
        known: whether the outcome follows from the truth alone.
    """

    known: bool

    def fixed_size(self, low: float, high: float) -> int:
        """Undefined."""
        raise UndefinedError("nothing is sampled, so that no sample size tells two truths apart")

    def least_expected(self, low: float, high: float) -> tuple[float, float]:
        """Undefined."""
        raise UndefinedError("nothing is sampled, so that there is no least expected n")

    def reach(self, n: int) -> float:
        """Undefined."""
        raise UndefinedError("nothing is sampled, so that no distance takes more units than another")

    def outlooks(self, truths: Sequence[float], cap: int) -> tuple[Outlook, ...]:
        """Certain, where the value is compared."""
        if not self.known:
            raise UndefinedError("the interval is the user's own, and so are its error rates")
        sides = [self.bar.holds(truth) for truth in truths]
        return tuple(
            Outlook(truth, float(holds), float(not holds), 0.0, float(cap), cap)
            for truth, holds in zip(truths, sides, strict=True)
        )


def certain(rule: Deterministic | DeclaredInterval | Census, bar: Bar) -> CertainCase:
    """A rule without a test."""
    rule.smallest_n(bar)  # refuses what it cannot compare
    share = isinstance(rule, Census) and rule.kind == "rate"
    assumptions = {
        Census: "the units are the whole population",
        DeclaredInterval: "one estimate with its interval",
        Deterministic: "every unit repeats the same value",
    }
    return CertainCase(
        bar=bar, sequential=False, unit="value", known=not isinstance(rule, DeclaredInterval),
        assumption=assumptions[type(rule)], enough=None if isinstance(rule, Census) else 1,
        floor=0.0 if share else -math.inf, ceiling=1.0 if share else math.inf,
    )  # fmt: skip
