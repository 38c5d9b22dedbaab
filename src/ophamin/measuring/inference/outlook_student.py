# SPDX-License-Identifier: Apache-2.0
"""The cost of t tests: fixed samples by the noncentral t distribution, sequential ones by simulation.

The simulation is seeded from its arguments, so that it says the same each time, and bounded in time: where a walk is
long, whole blocks of units are drawn at once by the law of their sum and of their squares.

Sources: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 2 (1995), 31, for the noncentral t;
Siegmund, Sequential Analysis (1985), X, for how much sooner a look after every unit comes than one after a block.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.crossing import last_excluded
from ophamin.measuring.inference.effect import EffectSprt
from ophamin.measuring.inference.gaussian import TSprt, log_t_ratio
from ophamin.measuring.inference.mean import GaussianMean
from ophamin.measuring.inference.outlook_case import Case, UndefinedError, outlook_of, shares
from ophamin.measuring.inference.planning import Outlook
from ophamin.measuring.inference.process import GUARD
from ophamin.measuring.inference.rate_walk import bisect_float
from ophamin.measuring.inference.recursion_band import Characteristics
from ophamin.measuring.inference.recursion_fixed import LARGEST_PLAN, last_true, least_information, normal_quantile
from ophamin.measuring.inference.special import student_t_ppf

__all__ = ["PATHS", "StudentCase", "noncentral_t_sf", "student"]

PATHS: Final = 400
_LOOKS: Final = 250
_EXACT_LOOKS: Final = 24
_OVERSHOOT: Final = 0.5826  # of a Gaussian walk with little drift over a far boundary, on average, in sigmas
_STEPS: Final = 6.0  # of the integral, for each scale on which its integrand changes


def noncentral_t_sf(t: float, df: float, shift: float) -> float:
    """P(T >= t) for the noncentral t distribution: (Z + shift) over the root of a mean square of ``df`` Gaussians.

    Args:
        t: where the tail begins.
        df: degrees of freedom, above 0.
        shift: noncentrality, the effect times the root of the sample size.

    Example:
        >>> round(noncentral_t_sf(1.699127, 29, 1.643168), 4)  # 30 units of effect 0.3, one-sided 0.05
        0.484
    """
    # T >= t where Z >= t s - shift for the spread s. In the logarithm of s its density is smooth and falls fast both
    # ways from s = 1, where the trapezoid rule converges geometrically.
    step = 1.0 / (_STEPS * (math.sqrt(2.0 * df) + abs(shift)))
    total = weights = 0.0
    for direction in (1, -1):
        k = 0 if direction > 0 else 1
        while True:
            logarithm = direction * k * step
            weight = math.exp(df * (logarithm - 0.5 * math.expm1(2.0 * logarithm)))
            total += weight * 0.5 * math.erfc((t * math.exp(logarithm) - shift) / math.sqrt(2.0))
            weights += weight
            if weight < 1e-17:
                break
            k += 1
    return total / weights


@dataclass(frozen=True, kw_only=True)
class StudentCase(Case):
    """Gaussian units of unknown sigma; the truth is a mean or an effect.

    Attributes:
        sigma: how far the truth moves for one standard deviation.
        null: the effect, mean over standard deviation, at the bar.
        rule: the sequential rule; None for the fixed t test.
    """

    sigma: float = 1.0
    null: float = 0.0
    rule: TSprt | EffectSprt | None = None

    def effect(self, truth: float) -> float:
        """Mean over standard deviation at a truth, counted from where t is 0 in the rule."""
        return self.null + (truth - self.bar.value) / self.sigma

    def fixed_size(self, low: float, high: float) -> int:
        """The smallest n of the t test that has the bar as its null."""
        above = low == self.bar.value
        level, miss = self.bar.low_level, self.bar.high_level
        effect = (high - low) / self.sigma
        if not above:
            level, miss = miss, level
        z_level, z_miss = normal_quantile(level), normal_quantile(miss)
        guess = ((z_level + z_miss) / effect) ** 2 + 0.5 * z_level * z_level
        if guess > LARGEST_PLAN:
            raise UndefinedError(
                f"an effect of {effect:g} takes {guess:.1e} units, and the limit is {LARGEST_PLAN:.0e}"
            )
        return last_true(lambda n: self._power(n, effect, level, above=above) < 1.0 - miss, 1, guess) + 1

    def least_expected(self, low: float, high: float) -> tuple[float, float]:
        """Wald's bound for Gaussian units of known sigma, which no test that knows less can undercut."""
        at_low, at_high = least_information(self.bar.low_level, self.bar.high_level)
        per_unit = 0.5 * ((high - low) / self.sigma) ** 2
        return at_low / per_unit, at_high / per_unit

    def reach(self, n: int) -> float:
        """The effect at which the t test misses with probability beta."""
        if n < 2:
            raise UndefinedError(f"a t test of {n} units tells nothing")
        bar, far = self.bar, 1.0
        while self._power(n, far, bar.alpha, above=bar.upward) < 1.0 - bar.beta:
            far *= 2.0
        wanted = 1.0 - bar.beta
        return self.sigma * bisect_float(
            lambda effect: self._power(n, effect, bar.alpha, above=bar.upward) < wanted, 0.0, far
        )

    def basis(self, cap: int) -> str:
        """What the probabilities rest on."""
        if self.rule is None:
            return "exact"
        block = _block(cap, self.rule.batch)
        every = "" if block == self.rule.batch else f", a look every {block} units"
        return f"simulated ({PATHS} paths{every})"

    def outlooks(self, truths: Sequence[float], cap: int) -> tuple[Outlook, ...]:
        """By the noncentral t distribution, or by simulation."""
        if self.rule is not None:
            return self._simulated(self.rule, truths, cap)
        if cap < 2:
            return tuple(shares(self.bar, truth, 0.0, 0.0, cap) for truth in truths)
        root, df = math.sqrt(cap), cap - 1
        top, bottom = (-student_t_ppf(level, df) for level in (self.bar.low_level, self.bar.high_level))
        return tuple(
            shares(
                self.bar, truth, noncentral_t_sf(top, df, self.effect(truth) * root),
                noncentral_t_sf(bottom, df, -self.effect(truth) * root), cap,
            )
            for truth in truths
        )  # fmt: skip

    def _power(self, n: int, effect: float, level: float, *, above: bool) -> float:
        """Probability that the t test of n units, whose null is the bar, detects an effect on one side of it."""
        root, df = math.sqrt(n), n - 1
        null = self.null if above else -self.null
        critical = -student_t_ppf(level, df) if null == 0.0 else _critical(level, df, null * root)
        return noncentral_t_sf(critical, df, (null + effect) * root)

    def _simulated(self, rule: TSprt | EffectSprt, truths: Sequence[float], cap: int) -> tuple[Outlook, ...]:
        looks = self._looks(rule, cap)
        effects = [self.effect(truth) for truth in truths]
        rng = random.Random(repr((rule, self.bar, effects, cap)))  # noqa: S311 - a simulation, no secret
        ends = [_walk(looks, effects, rng) for _ in range(PATHS)]
        outlooks = []
        for truth, of_truth in zip(truths, zip(*ends, strict=True), strict=True):
            above, below = (sum(side == wanted for _, side in of_truth) / PATHS for wanted in (1, -1))
            units = sorted(n for n, _ in of_truth)
            n95 = units[math.ceil(0.95 * PATHS) - 1]
            there = Characteristics(truth, above, below, 1.0 - above - below, sum(units) / PATHS, n95)
            outlooks.append(outlook_of(there, self.bar, truth))
        return tuple(outlooks)

    def _looks(self, rule: TSprt | EffectSprt, cap: int) -> list[_Look]:
        """Where the looks are, and how large the sum of the units must be at each, over the root of their squares."""
        block, walk = _block(cap, rule.batch), rule.start(self.bar)
        sizes = [*range(block, cap, block), cap]
        sooner = _OVERSHOOT * (math.sqrt(block) - math.sqrt(min(block, rule.batch)))
        up = _boundary(sizes, walk.accept, self.null, rule.delta)
        down = _boundary(sizes, walk.reject, -self.null, rule.delta)
        starts = [0, *sizes]
        return [
            _Look(n, n - start, high, -low, sooner)
            for n, start, high, low in zip(sizes, starts, up, down, strict=False)
        ]


@dataclass(frozen=True, slots=True)
class _Look:
    """One look of a simulated walk, in units of sigma.

    Attributes:
        n: number of units.
        block: units since the look before.
        up: the sum over the root of the sum of squares at which the walk ends above.
        down: the same below.
        sooner: by how much the sum may fall short of it, for the looks between the blocks.
    """

    n: int
    block: int
    up: float
    down: float
    sooner: float


def student(rule: GaussianMean | TSprt | EffectSprt, bar: Bar, mde: float | None) -> StudentCase:
    """A t test. The mde of a `TSprt` is a mean, and with its delta gives sigma; other distances are effects."""
    rule.smallest_n(bar)  # refuses what cannot be shown
    units = "independent Gaussian units"
    if isinstance(rule, EffectSprt):
        return StudentCase(
            bar=bar, sequential=True, unit="mean in standard deviations", assumption=units, null=bar.value, rule=rule,
            distances=(rule.delta, rule.delta),
        )  # fmt: skip
    if isinstance(rule, TSprt) and mde is not None:
        sigma = mde / rule.delta
        return StudentCase(
            bar=bar, sequential=True, unit="mean", assumption=f"{units}, sigma {sigma:g} (the mde over delta)",
            sigma=sigma, rule=rule, distances=(mde, mde),
        )  # fmt: skip
    case = StudentCase(
        bar=replace(bar, value=0.0), sequential=False, unit="standard deviations from the bar", assumption=units
    )
    if isinstance(rule, TSprt):
        return replace(case, sequential=True, rule=rule, distances=(rule.delta, rule.delta))
    return case


def _critical(level: float, df: int, shift: float) -> float:
    """Where the upper tail of the noncentral t distribution falls to a level."""

    def gap(t: float) -> float:
        tail = noncentral_t_sf(t, df, shift)
        return math.log(level / tail) if tail > 0.0 else math.inf

    far = 1.0
    while gap(shift + far) <= 0.0:
        far *= 2.0
    return last_excluded(gap, shift + far, shift - far)


def _block(cap: int, batch: int) -> int:
    """Units between two looks of the simulation: whole batches, and not too many looks."""
    return batch * -(-cap // (batch * _LOOKS))


def _boundary(sizes: Sequence[int], boundary: float, null: float, delta: float) -> list[float]:
    """The sum over the root of the sum of squares at which the evidence reaches its boundary, for each size.

    In the form n times mean over spread the boundary is nearly straight in n. It is found at the first looks, and
    then at sizes that grow by an eighth, with straight lines between.
    """
    known: list[tuple[int, float]] = []
    for index, n in enumerate(sizes):
        if index < _EXACT_LOOKS or 8 * n >= 9 * known[-1][0] or n == sizes[-1]:
            known.append((n, _spread_at(n, boundary, null, delta)))
    limits = []
    for n in sizes:
        i = bisect_left(known, (n, -math.inf))
        (after, value), (before, value_before) = known[i], known[max(0, i - 1)]
        ratio = value
        if n < after and math.isfinite(value_before):
            ratio = value_before + (value - value_before) * (n - before) / (after - before)
        limits.append(ratio / math.sqrt(n + ratio * ratio / n) if math.isfinite(ratio) else math.inf)
    return limits


def _spread_at(n: int, boundary: float, null: float, delta: float) -> float:
    """The boundary as n times mean over spread; infinite where no sample of n units reaches it."""
    if n < 2:
        return math.inf

    def gap(z: float) -> float:
        of_null = log_t_ratio(n, z, null) if null else 0.0
        return log_t_ratio(n, z, null + delta) - of_null - boundary - GUARD

    if gap(1.0) <= 0.0:
        return math.inf
    z = last_excluded(gap, 1.0, -1.0)
    return n * z / math.sqrt((1.0 - z) * (1.0 + z)) if z < 1.0 else math.inf


def _walk(looks: Sequence[_Look], effects: Sequence[float], rng: random.Random) -> list[tuple[int, int]]:
    """Where one path ends, and on which side, at each effect: the same noise with another mean."""
    gauss, gamma, sqrt = rng.gauss, rng.gammavariate, math.sqrt
    ends = [(looks[-1].n, 0)] * len(effects)
    still_open = list(enumerate(effects))
    total = squares = 0.0
    for look in looks:
        drawn = sqrt(look.block) * gauss()
        total += drawn
        squares += drawn * drawn / look.block
        if look.block > 1:
            squares += gamma(0.5 * (look.block - 1), 2.0)
        n = look.n
        for index, effect in still_open:
            moved = total + n * effect
            root = sqrt(squares + effect * (2.0 * total + n * effect))
            if moved + look.sooner >= look.up * root:
                ends[index] = (n, 1)
            elif moved - look.sooner <= look.down * root:
                ends[index] = (n, -1)
        still_open = [(index, effect) for index, effect in still_open if not ends[index][1]]
        if not still_open:
            break
    return ends
