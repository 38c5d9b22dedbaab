# SPDX-License-Identifier: Apache-2.0
"""Tests whether counts of arms came in the ratio that was planned: for one look, or for every look.

Counts in, a result out. How a run is counted is in `srm`, the tests themselves are in `multinomial`.

Sources: Fabijan et al., Diagnosing Sample Ratio Mismatch in Online Controlled Experiments (KDD 2019); Lindon and
Malek, Anytime-Valid Inference for Multinomial Count Data (NeurIPS 2022).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Final

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.observability.multinomial import MAX_OUTCOMES, exact_p_value, log_e_value, outcomes

__all__ = ["METHODS", "SMALL_EXPECTED", "SRMDetector", "SRMResult", "SequentialSRM", "level", "normalised"]

METHODS: Final = ("auto", "chi_square", "exact", "sequential")
"""How counts are tested: ``auto`` takes the exact test where a count below five is expected."""

CONCENTRATION: Final = 100.0
"""Of the mixture: at 1 % and looking after every unit it finds 52 to 48 after 6,900 units at the median."""

SMALL_EXPECTED: Final = 5.0
"""Below this expected count the chi-square distribution fits Pearson's statistic badly."""


@dataclass(frozen=True, slots=True)
class SRMResult:
    """What the counts of some arms say of their ratio.

    Attributes:
        chi2: Pearson's statistic; infinite where an arm of ratio 0 was filled.
        pvalue: in [0, 1]; of the method.
        dof: arms of a ratio above 0, less one.
        is_mismatch: the p-value lies below alpha.
        alpha: level of the test.
        observed: arm -> count.
        expected: arm -> expected count.
        method: ``chi_square``, ``exact`` or ``sequential``.
        log_e: logarithm of the largest e-value of any look so far; None for the tests of one look.
    """

    chi2: float
    pvalue: float
    dof: int
    is_mismatch: bool
    alpha: float
    observed: dict[str, int]
    expected: dict[str, float]
    method: str = "chi_square"
    log_e: float | None = None

    def summary(self) -> str:
        """One line for people.

        >>> SRMDetector({"a": 1, "b": 1}).check({"a": 600, "b": 400}).summary()
        'MISMATCH: a 600 (500.0 expected), b 400 (500.0 expected); p = 2.54e-10, alpha = 0.001, chi_square'
        """
        arms = ", ".join(f"{arm} {count} ({self.expected[arm]:.1f} expected)" for arm, count in self.observed.items())
        verdict = "MISMATCH" if self.is_mismatch else "no mismatch"
        return f"{verdict}: {arms}; p = {self.pvalue:.3g}, alpha = {self.alpha:g}, {self.method}"


class SRMDetector:
    """Tests counts against the ratio that was planned; one look at a number of units that was fixed before.

    An arm of ratio 0 must stay empty: where it does, it leaves the test; where it does not, p is 0.

    Args:
        expected_ratios: arm -> ratio, of any scale.
        alpha: level; a strict one, because a mismatch makes all else void.
        method: ``auto``, ``chi_square`` or ``exact``.

    Raises:
        ClaimError: no arm, a negative ratio, nothing but zeros, a level outside (0, 1), an unknown method.

    Example:
        >>> SRMDetector({"a": 1, "b": 1}).check({"a": 44000, "b": 45000}).is_mismatch
        True
    """

    def __init__(self, expected_ratios: Mapping[str, float], alpha: float = 0.001, method: str = "chi_square") -> None:
        if method not in METHODS[:3]:
            raise ClaimError(f"the method is {method!r}; take one of {', '.join(METHODS[:3])}, or SequentialSRM")
        self.expected_ratios = normalised(expected_ratios)
        self.alpha = level(alpha)
        self.method = method

    def check(self, counts: Mapping[str, int]) -> SRMResult:
        """Test the counts of all arms.

        Raises:
            NotComputableError: an arm is missing or unexpected, a count is negative or not whole, there are no units,
                or the exact test has too many outcomes.
        """
        observed = _checked(counts, self.expected_ratios)
        expected = _expected(observed, self.expected_ratios)
        arms = [arm for arm, ratio in self.expected_ratios.items() if ratio > 0.0]
        dof = len(arms) - 1
        method = self.chosen_method(observed)
        if any(observed[arm] for arm in observed if arm not in arms):
            chi2, p = math.inf, 0.0
        elif dof == 0:
            chi2, p = 0.0, 1.0
        else:
            chi2, p = _chi_square([observed[arm] for arm in arms], [expected[arm] for arm in arms])
            if method == "exact":
                p = exact_p_value([observed[arm] for arm in arms], [self.expected_ratios[arm] for arm in arms])
        return SRMResult(chi2, p, dof, p < self.alpha, self.alpha, observed, expected, method)

    def chosen_method(self, counts: Mapping[str, int]) -> str:
        """The method for these counts, which ``auto`` leaves open."""
        if self.method != "auto":
            return self.method
        total, ratios = sum(counts.values()), [ratio for ratio in self.expected_ratios.values() if ratio > 0.0]
        small = total * min(ratios) < SMALL_EXPECTED and outcomes(total, len(ratios)) <= MAX_OUTCOMES
        return "exact" if small else "chi_square"

    def segmented_check(self, by_segment: Mapping[str, Mapping[str, int]]) -> dict[str, SRMResult]:
        """Segment -> result, each tested at alpha on its own; of many segments some mismatch by chance.

        >>> SRMDetector({"a": 1, "b": 1}).segmented_check({"de": {"a": 50, "b": 50}})["de"].pvalue
        1.0
        """
        return {segment: self.check(counts) for segment, counts in by_segment.items()}

    def diagnose(self, by_segment: Mapping[str, Mapping[str, int]]) -> dict[str, SRMResult]:
        """The segments that mismatch, the smallest p-value first.

        >>> list(SRMDetector({"a": 1, "b": 1}).diagnose({"de": {"a": 50, "b": 50}, "fr": {"a": 90, "b": 10}}))
        ['fr']
        """
        found = [(name, result) for name, result in self.segmented_check(by_segment).items() if result.is_mismatch]
        return dict(sorted(found, key=lambda one: one[1].pvalue))


class SequentialSRM:
    """Watches the ratio of the arms; however often it looks, and whenever it stops, the level holds.

    The evidence is the largest e-value of all looks, so that a mismatch once found stays found.

    Args:
        expected_ratios: arm -> ratio, of any scale.
        alpha: level over all looks together.
        concentration: of the Dirichlet mixture, in units; a larger one looks for smaller mismatches.

    Raises:
        ClaimError: as for `SRMDetector`, or a concentration that is no number above 0.

    Example:
        >>> watch = SequentialSRM({"a": 1, "b": 1})
        >>> watch.look({"a": 52, "b": 48}).is_mismatch, watch.look({"a": 600, "b": 400}).is_mismatch
        (False, True)
    """

    def __init__(
        self, expected_ratios: Mapping[str, float], alpha: float = 0.001, concentration: float = CONCENTRATION
    ) -> None:
        self.expected_ratios = normalised(expected_ratios)
        self.alpha = level(alpha)
        if not 0.0 < concentration < math.inf:
            raise ClaimError(f"the concentration is {concentration!r}; give a number of units above 0, such as 100")
        self.concentration = float(concentration)
        self._log_e = 0.0
        self._seen: dict[str, int] = {}

    def look(self, counts: Mapping[str, int]) -> SRMResult:
        """Test all counts so far.

        Raises:
            NotComputableError: as for `SRMDetector.check`, or a count is lower than at the last look.
        """
        observed = _checked(counts, self.expected_ratios)
        for arm, before in self._seen.items():
            if observed[arm] < before:
                raise NotComputableError(f"arm {arm!r} fell from {before} to {observed[arm]} units; give all so far")
        self._seen = observed
        arms = [arm for arm, ratio in self.expected_ratios.items() if ratio > 0.0]
        now, shares = [observed[arm] for arm in arms], [self.expected_ratios[arm] for arm in arms]
        strayed = sum(now) < sum(observed.values())
        self._log_e = math.inf if strayed else max(self._log_e, log_e_value(now, shares, self.concentration))
        expected = _expected(observed, self.expected_ratios)
        chi2 = math.inf if strayed else math.fsum((observed[arm] - expected[arm]) ** 2 / expected[arm] for arm in arms)
        p = math.exp(-self._log_e)
        return SRMResult(
            chi2, p, len(arms) - 1, p < self.alpha, self.alpha, observed, expected, "sequential", self._log_e
        )


def normalised(ratios: Mapping[str, float]) -> dict[str, float]:
    """Ratios of sum 1.

    Raises:
        ClaimError: no arm, a ratio that is negative or not finite, or nothing but zeros.

    Example:
        >>> normalised({"a": 1, "b": 3})
        {'a': 0.25, 'b': 0.75}
    """
    for arm, ratio in ratios.items():
        if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0.0 <= ratio < math.inf:
            raise ClaimError(f"the ratio of arm {arm!r} is {ratio!r}; give a finite number from 0")
    total = sum(ratios.values())
    if not 0.0 < total < math.inf:
        raise ClaimError(f"the ratios {dict(ratios)!r} leave no arm to be filled; give one above 0")
    return {arm: ratio / total for arm, ratio in ratios.items()}


def level(alpha: float) -> float:
    """The level of a test.

    Raises:
        ClaimError: it lies outside (0, 1).

    Example:
        >>> level(0.001)
        0.001
    """
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0.0 < alpha < 1.0:
        raise ClaimError(f"alpha is {alpha!r}; a level lies between 0 and 1, such as 0.001")
    return float(alpha)


def _checked(counts: Mapping[str, int], ratios: Mapping[str, float]) -> dict[str, int]:
    missing, unexpected = sorted(map(str, set(ratios) - set(counts))), sorted(map(str, set(counts) - set(ratios)))
    if missing or unexpected:
        raise NotComputableError(
            f"arms missing: {', '.join(missing) or 'none'}; "
            f"arms without a ratio: {', '.join(unexpected[:5]) or 'none'}; "
            "give a count for every declared arm, and a ratio for every arm (0 where it must stay empty)"
        )
    for arm, count in counts.items():
        if not _is_count(count):
            raise NotComputableError(f"arm {arm!r} counts {count!r}; give a whole number from 0")
    if not any(counts.values()):
        raise NotComputableError("no arm holds a unit; a ratio needs at least one")
    return {arm: int(counts[arm]) for arm in ratios}


def _is_count(value: object) -> bool:
    """Whether it is a whole number from 0, also one of numpy's."""
    if isinstance(value, bool):
        return False
    return isinstance(value, Integral) and int(value) >= 0


def _expected(observed: Mapping[str, int], ratios: Mapping[str, float]) -> dict[str, float]:
    total = sum(observed.values())
    return {arm: total * ratio for arm, ratio in ratios.items()}


def _chi_square(observed: list[int], expected: list[float]) -> tuple[float, float]:
    from scipy.stats import chisquare

    found = chisquare(observed, expected)
    return float(found.statistic), float(found.pvalue)
