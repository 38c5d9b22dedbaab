# SPDX-License-Identifier: Apache-2.0
"""What a rule and a bar must say of themselves so that their cost can be foreseen.

One `Case` stands for one law of the evidence units, with the truth as its only unknown. It computes; what is asked
of it, and how the answer is shown, is in `outlook`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from ophamin.errors import OphaminError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.planning import Outlook
from ophamin.measuring.inference.recursion import Characteristics

__all__ = ["Case", "UndefinedError", "outlook_of", "shares"]


class UndefinedError(OphaminError):
    """A number of a forecast does not exist or is not to be had in reasonable time; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Case(ABC):
    """One rule and one bar, on the scale on which truths are named.

    Attributes:
        bar: the bar on that scale, with the comparator that the claim has there.
        sequential: whether the rule stops early.
        unit: what a truth is, in words.
        assumption: of what units the probabilities speak, in words.
        distances: how far below and above the bar the rule itself aims; None where it does not.
        acceptance: VALIDATED excludes the lower truth alone and REFUTED the upper one alone.
        enough: a number of units that always suffices; None where units are sampled.
        floor: the smallest truth there can be.
        ceiling: the largest.
    """

    bar: Bar
    sequential: bool
    unit: str
    assumption: str
    distances: tuple[float, float] | None = None
    acceptance: bool = False
    enough: int | None = None
    floor: float = -math.inf
    ceiling: float = math.inf

    def aims(self, mde: float) -> tuple[float, float]:
        """The distances below and above the bar that an mde of the claim stands for."""
        return mde, mde

    def basis(self, cap: int) -> str:
        """How the probabilities of a walk of at most ``cap`` units are found, in words."""
        return "exact"

    @abstractmethod
    def fixed_size(self, low: float, high: float) -> int:
        """The smallest fixed sample that tells two truths apart: errors low_level at ``low``, high_level at ``high``.

        Raises:
            UndefinedError: where there is none.
        """

    @abstractmethod
    def least_expected(self, low: float, high: float) -> tuple[float, float]:
        """The least expected n, at ``low`` and at ``high``, of any test with those errors (Wald and Hoeffding).

        Raises:
            UndefinedError: where the bound is unknown.
        """

    @abstractmethod
    def reach(self, n: int) -> float:
        """The distance from the bar, where the claim holds, that a fixed sample of ``n`` units tells from it.

        Raises:
            UndefinedError: where there is none.
        """

    @abstractmethod
    def outlooks(self, truths: Sequence[float], cap: int) -> tuple[Outlook, ...]:
        """What the rule does at each truth, growing, with at most ``cap`` units.

        Raises:
            UndefinedError: where that takes too long or is unknown.
        """


def outlook_of(there: Characteristics, bar: Bar, truth: float) -> Outlook:
    """Which sides of a walk are which outcomes."""
    validated, refuted = (there.above, there.below) if bar.upward else (there.below, there.above)
    return Outlook(truth, validated, refuted, there.undecided, there.expected_n, there.n95)


def shares(bar: Bar, truth: float, above: float, below: float, n: int) -> Outlook:
    """The outlook of a fixed sample of ``n`` units that says "above" and "below" with these probabilities."""
    return outlook_of(Characteristics(truth, above, below, max(0.0, 1.0 - above - below), float(n), n), bar, truth)
