# SPDX-License-Identifier: Apache-2.0
"""P1 and P2: units to a verdict against the least possible, hard flips, and what verdicts and plans cost to compute.

Units, errors and flips are exact, from the recursion that plans with them: no simulation, so the same digits on every
machine. Times are CPU time of this process. ``--quick`` takes fewer plans, truths and repetitions.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ophamin import mean, rate, scenario
from ophamin.core.shapes import CorpusRecord
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.betting_process import BettingMean, bets_above
from ophamin.measuring.inference.planning import plan_rate
from ophamin.measuring.inference.process import Walk
from ophamin.measuring.inference.rate_walk import CountProcess
from ophamin.measuring.inference.recursion import calibrate, fixed_plan, follow, wald_bound
from ophamin.measuring.inference.special import binomial_cdf
from ophamin.measuring.inference.sprt import LikelihoodRatio, Sprt
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Situation, Trial
from ophamin.seeing.corpus.base import Corpus

PAIRS = [
    (0.10, 0.15), (0.50, 0.55), (0.05, 0.10), (0.10, 0.20), (0.20, 0.30), (0.50, 0.60), (0.80, 0.90), (0.90, 0.95),
    (0.01, 0.03), (0.95, 0.99), (0.99, 0.999),
]  # fmt: skip
PLANS = [
    (0.10, 0.05), (0.50, 0.10), (0.50, 0.05), (0.80, 0.05), (0.90, 0.05), (0.90, 0.02), (0.95, 0.02), (0.99, 0.005),
]  # fmt: skip
Z_95 = statistics.NormalDist().inv_cdf(0.975)


# -- P1: between two points -------------------------------------------------------------------------------------------


def acceptance(pairs) -> None:
    print("\nP1: units to a verdict, acceptance design, as multiples of the Wald-Hoeffding bound (at p0, at p1)")
    print("    goal for calibrated boundaries: <= 1.02 where both rates lie in [.05, .95], <= 1.10 everywhere")
    print(
        "                                                calibrated:    its           of          with the default cap:"
    )
    print("  pair           fixed n   Ville          of the bound   errors        fixed n     open   of the bound")
    worst = {True: 0.0, False: 0.0}
    for p0, p1 in pairs:
        bar = Bar(">=", 0.5 * (p0 + p1))
        rule = Sprt(design="acceptance", margin=(bar.value - p0, p1 - bar.value))
        fixed, bound = fixed_plan(p0, p1).n, wald_bound(p0, p1)
        ville = _at_both(rule, bar, p0, p1)
        exact = replace(rule, boundaries=calibrate(rule, bar))
        there = _at_both(exact, bar, p0, p1)
        capped = plan_rate(bar, design="acceptance", margin=rule.margin, calibrated=True).truths
        ratios = [[end.expected_n / least for end, least in zip(ends, bound, strict=True)] for ends in (ville, there)]
        kept = [end.expected_n / least for end, least in zip((capped[0], capped[2]), bound, strict=True)]
        inner = p0 >= 0.05 and p1 <= 0.95
        worst[inner] = max(worst[inner], *ratios[1])
        print(
            f"  {p0:5.2f} -> {p1:<6.3f}{fixed:7d}   {_two(ratios[0])}   {_two(ratios[1])}   "
            f"{there[0].above:.4f} {there[1].below:.4f}   {there[0].expected_n / fixed:.2f} "
            f"{there[1].expected_n / fixed:.2f}   {max(capped[0].undecided, capped[2].undecided):.3f}  {_two(kept)}"
        )
    print(f"  worst, calibrated: {worst[True]:.3f} within [.05, .95], {worst[False]:.3f} beyond")


def _at_both(rule, bar, p0, p1):
    ends = follow(rule.start(bar), bar.value, truths=(p0, p1))
    return ends.at(p0), ends.at(p1)


def _two(numbers) -> str:
    return " ".join(f"{number:6.3f}" for number in numbers)


# -- P2: at one bar ---------------------------------------------------------------------------------------------------


def threshold(plans, grid: int) -> None:
    print("\nP2: units to a verdict at bar + mde and at bar - mde, threshold design, cap 2 x fixed n")
    print("    goals: of the bound <= 1.18 Ville, <= 1.12 calibrated; <= 0.62 of fixed n; hard flips <= 0.007")
    print("                              of the bound     at its own       of fixed n       still open    worst flip,")
    print("  bar, mde       boundaries   for .05, .05     errors                                          at truth")
    for value, mde in plans:
        for calibrated in (False, True):
            plan = plan_rate(Bar(">=", value), mde, calibrated=calibrated)
            below, at_bar, above = plan.truths
            sides = list(zip((above, below), plan.fixed, plan.bounds, strict=True))
            own = (
                above.expected_n / least_expected(above.truth, value, above.validated, at_bar.validated),
                below.expected_n / least_expected(below.truth, value, below.refuted, at_bar.refuted),
            )
            flip, truth = worst_flip(follow(plan.rule.start(plan.bar), value), grid)
            print(
                f"  {value:.2f}, {mde:<8g} {'calibrated' if calibrated else 'Ville':<10}"
                f" {_two(side.expected_n / bound for side, _, bound in sides)}   {_two(own)}  "
                f" {_two(side.expected_n / fixed.n for side, fixed, _ in sides)}  "
                f" {_two(side.undecided for side, _, _ in sides)}   {flip:.4f}, {truth:.3f}"
            )


def least_expected(truth: float, bar: float, decided_at_truth: float, decided_at_bar: float) -> float:
    """Hoeffding's bound for the errors that a plan really has: how often it says so at the truth, and at the bar."""
    return _divergence(decided_at_truth, decided_at_bar) / _divergence(truth, bar)


def _divergence(p: float, other: float) -> float:
    return p * math.log(p / other) + (1.0 - p) * math.log((1.0 - p) / (1.0 - other))


def worst_flip(ends, grid: int) -> tuple[float, float]:
    """Over all truths, how likely two independent reruns are to contradict each other; and the truth where."""

    def flips(truths):
        return max((2.0 * at.above * at.below, truth) for truth in truths for at in (ends.at(truth),))

    _, near = flips([i / grid for i in range(1, grid)])
    return flips([min(max(near + i / (50 * grid), 0.0), 1.0) for i in range(-50, 51)])


def rivals(plans, grid: int) -> None:
    print("\nP2: what other gates do at the same bar; the fixed n of VALIDATED, the same cap")
    print("  bar, mde, n            worst flip              said to hold at the bar   said to hold at bar - mde")
    print("                         ours   naive   Wilson   ours   naive   Wilson     ours   naive   Wilson")
    for value, mde in plans:
        plan = plan_rate(Bar(">=", value), mde)
        n, ours = plan.fixed[0].n, follow(plan.rule.start(plan.bar), value)
        wilson = follow(rechecked_wilson(value, every=10, cap=plan.cap), value)
        passes = [naive_pass(value, n, i / (50 * grid)) for i in range(1, 50 * grid)]
        naive = max(2.0 * passed * (1.0 - passed) for passed in passes)
        held = [
            f"{ours.at(truth).above:6.4f} {naive_pass(value, n, truth):7.4f} {wilson.at(truth).above:7.4f}"
            for truth in (value, value - mde)
        ]
        print(
            f"  {value:.2f}, {mde:<6g}{n:6d}   {worst_flip(ours, grid)[0]:9.4f} {naive:7.4f} "
            f"{worst_flip(wilson, grid)[0]:7.4f}   {held[0]}    {held[1]}"
        )


def naive_pass(value: float, n: int, truth: float) -> float:
    """How often a point estimate of n units reaches the bar."""
    return 1.0 - binomial_cdf(math.ceil(value * n - 1e-9) - 1, n, truth)


class _Score(CountProcess):
    """The score of one side of a Wilson interval, which leaves the bar out where this exceeds its quantile."""

    __slots__ = ("_sign", "_value")

    def __init__(self, value: float, sign: float) -> None:
        super().__init__()
        self._value, self._sign = value, sign

    def at(self, successes: int, failures: int) -> float:
        n = successes + failures
        return self._sign * (successes - n * self._value) / math.sqrt(n * self._value * (1.0 - self._value))


def rechecked_wilson(value: float, *, every: int, cap: int) -> Walk:
    """A 95 % Wilson interval that is looked at again and again, until it leaves out the bar."""
    return Walk(_Score(value, 1.0), _Score(value, -1.0), accept=Z_95, reject=Z_95, every=every, cap=cap)


# -- what it costs ----------------------------------------------------------------------------------------------------


def plan_costs(rounds: int) -> None:
    print("\nPlans, ms of CPU   (goals: plan <= 50 ms up to a fixed n of 1e4, calibration <= 1 s)")
    print("  bar, mde             fixed n   plan    calibrated plan")
    for value, mde in [(0.9, 0.05), (0.95, 0.02), (0.5, 0.05), (0.9, 0.0098), (0.5, 0.0164)]:
        bar = Bar(">=", value)
        plain, exact = ([], [])
        for _ in range(rounds):
            plain.append(_seconds(lambda: plan_rate(bar, mde)))  # noqa: B023 - called at once
            exact.append(_seconds(lambda: plan_rate(bar, mde, calibrated=True)))  # noqa: B023 - called at once
        n = plan_rate(bar, mde).fixed[0].n
        print(f"  {value:.2f}, {mde:<12g}{n:10d}{_ms(plain):8.1f}{_ms(exact):12.1f}")
    for p0, p1 in [(0.1, 0.15), (0.5, 0.55), (0.99, 0.999)]:
        rule, bar = Sprt(design="acceptance", margin=0.5 * (p1 - p0)), Bar(">=", 0.5 * (p0 + p1))
        times = [_seconds(lambda: calibrate(rule, bar)) for _ in range(rounds)]  # noqa: B023 - called at once
        print(f"  {p0} -> {p1}, no cap{fixed_plan(p0, p1).n:10d}       -{_ms(times):12.1f}")


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _ms(times) -> float:
    return statistics.median(times) * 1e3


MDE = 0.002  # so small that nothing below is ever decided
SHARES = [True] * 9 + [False]
SCORES = [0.8, 1.0, 0.9, 0.95, 0.85]


def verdict_costs(units: int, rounds: int) -> None:
    answers, scores = SHARES * (units // 10), SCORES * (units // 5)
    bar = Bar(">=", 0.9)
    ways = {
        "a loop that does nothing": lambda: _seconds(lambda: _each(lambda _value: None, answers)),
        "likelihood ratio, by hand": lambda: _seconds(lambda: _by_hand(answers)),
        "likelihood ratio, one side": lambda: _seconds(lambda: _each(LikelihoodRatio(0.95, 0.9).update, answers)),
        "walk of the SPRT, both sides": lambda: _seconds(lambda: _each(Sprt(MDE).start(bar).update, answers)),
        "16 bets, one side": lambda: _seconds(lambda: _each(bets_above(0.9, 0.0, 1.0, MDE).update, scores)),
        "walk of 16 bets, both sides": lambda: _seconds(
            lambda: _each(BettingMean(0.0, 1.0, MDE).start(bar).update, scores)
        ),
        "observe, fixed sample": lambda: _observed(rate("ok") >= 0.9, answers),
        "observe and decided, SPRT": lambda: _observed(rate("ok") >= 0.9, answers, mde=MDE),
        "observe and decided, 16 bets": lambda: _observed(mean("ok", bounds=(0, 1)) >= 0.9, scores, mde=MDE),
        "stream and observe, fixed": lambda: _streamed(rate("ok") >= 0.9, answers),
        "stream and observe, SPRT": lambda: _streamed(rate("ok") >= 0.9, answers, mde=MDE),
    }
    times = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(way() / units * 1e9)
    print(f"\nVerdicts, ns of CPU per observation, {units} of them   (goals: SPRT step <= 100 ns, 16 bets <= 2,000 ns)")
    base = times["likelihood ratio, by hand"]
    for name, taken in times.items():
        ratio = statistics.median(mine / other for mine, other in zip(taken, base, strict=True))
        print(f"  {name:<30}{statistics.median(taken):9.0f} ns   x {ratio:7.1f}")


def _each(take: Callable[[float], object], values) -> None:
    for value in values:
        take(value)


def _by_hand(values) -> None:
    """The least that Python can do for a unit: one addition and two comparisons."""
    up, down, accept, reject = math.log(0.95 / 0.9), math.log(0.5), 1e9, -1e9
    total = 0.0
    for value in values:
        total += up if value else down
        if total >= accept or total <= reject:
            break


class _Numbers(Corpus):
    """As many short texts as there are units."""

    name = "numbers"

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length

    def is_available(self):
        return True

    def records(self):
        return (CorpusRecord(str(number), f"text number {number}") for number in range(self._length))

    def _compute_content_hash(self):
        return "0" * 64

    def _compute_count(self):
        return self._length


def _opened(expectation, **settings) -> Trial:
    def test_it(trial):
        """Does it hold?"""

    declared = declaration_of(scenario("it holds", expectation, **settings)(test_it))
    trial = Trial(declared.compile(test_it, name="bench.it"), Situation("bench", Path.cwd()))
    trial.open()
    return trial


def _observed(expectation, values, **settings) -> float:
    trial = _opened(expectation, **settings)

    def looked_at():
        left = iter(values)
        while not trial.decided and (value := next(left, None)) is not None:
            trial.observe(ok=value)

    def recorded():
        for value in values:
            trial.observe(ok=value)

    return _seconds(looked_at if settings else recorded)


def _streamed(expectation, values, **settings) -> float:
    trial = _opened(expectation, corpus=_Numbers(len(values)), **settings)

    def run():
        for _, value in zip(trial.stream, values, strict=False):
            trial.observe(ok=value)

    return _seconds(run)


def main() -> None:
    quick = "--quick" in sys.argv
    plans = [PLANS[2], PLANS[4]] if quick else PLANS
    acceptance(PAIRS[:2] + PAIRS[-1:] if quick else PAIRS)
    threshold(plans, grid=100 if quick else 400)
    rivals(plans, grid=100 if quick else 400)
    plan_costs(rounds=1 if quick else 7)
    verdict_costs(2_000 if quick else 20_000, rounds=3 if quick else 9)


if __name__ == "__main__":
    main()
