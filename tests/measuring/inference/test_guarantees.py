# SPDX-License-Identifier: Apache-2.0
"""What every rule promises, whichever rule it is.

Error rates by a recursion of their own, without simulation; the contract of a decision as properties; what the room
imports. What one rule alone promises is tested beside that rule.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ophamin.errors import ObservationError
from ophamin.measuring.inference import Bar, BinomialRate, BoundedMean, GaussianMean, Quantile
from ophamin.measuring.inference.betting_process import BettingMean
from ophamin.measuring.inference.difference import FixedPairedDifference, PairedDifference
from ophamin.measuring.inference.gaussian import GaussianKnownSigma, TSprt
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.poisson import ExactPoisson, PoissonRate
from ophamin.measuring.inference.process import Walk, outcome_of
from ophamin.measuring.inference.quantile_process import Counted, SequentialQuantile
from ophamin.measuring.inference.recursion import calibrate, fixed_plan
from ophamin.measuring.inference.sprt import Sprt, TwoSprt

# --- error rates, by recursion over the counts -------------------------------------------------------------------


class Plan(NamedTuple):
    """A rule by its kind, its claim (a rate; for a quantile the share q), and its schedule.

    The cap is ``times`` the fixed sample that tells the bar from the mde.
    """

    kind: str
    comparator: str
    value: float
    mde: float
    alpha: float
    beta: float
    batch: int
    times: int

    def __str__(self):
        return (
            f"{self.kind} {self.comparator}{self.value:g}+-{self.mde:g} {self.alpha:g}/{self.beta:g} "
            f"batch{self.batch} cap{self.times}x"
        )


CLAIMS = [
    (">=", 0.99, 0.007, 0.05, 0.2), ("<=", 0.01, 0.008, 0.1, 0.05), (">", 0.5, 0.08, 0.01, 0.1),
    ("<", 0.2, 0.07, 0.05, 0.05), (">=", 0.9, 0.05, 0.2, 0.01),
]  # fmt: skip
SCHEDULES = [  # kind, part of the mde, batch, cap
    ("sprt", 0.5, 1, 2), ("sprt", 0.5, 10, 1), ("sprt acceptance", 0.5, 1, 2), ("2-sprt", 0.5, 1, 1),
    ("mixture", 0.5, 1, 1), ("quantile by sprt", 0.5, 50, 2), ("quantile by mixture", 1.0, 10, 2),
    ("sprt calibrated", 1.0, 1, 1), ("sprt acceptance calibrated", 1.0, 50, 2), ("2-sprt calibrated", 0.8, 10, 2),
]  # fmt: skip
PLANS = [
    Plan(kind, *claim[:2], part * claim[2], *claim[3:], batch, times)
    for kind, part, batch, times in SCHEDULES
    for claim in CLAIMS
]
FEW = [
    *(Plan(kind, "<=", 0.3, 0.2, 0.01, 0.2, min(batch, 10), times) for kind, _, batch, times in SCHEDULES),
    Plan("sprt acceptance", ">=", 0.9945, 0.009, 0.05, 0.2, 1, 2),  # Wald's textbook boundary overspends here
]


def _between(plan):
    """Whether the plan tells two rates on either side of the bar apart."""
    return "acceptance" in plan.kind or "2-sprt" in plan.kind


def _fixed(plan):
    bar = Bar(plan.comparator, plan.value, plan.alpha, plan.beta)
    middle = bar.value if _between(plan) else bar.value + (0.5 if bar.upward else -0.5) * plan.mde
    pair = middle - 0.5 * plan.mde, middle + 0.5 * plan.mde
    return fixed_plan(*pair, bar.low_level, bar.high_level).n


def _built(plan):
    """The rule and the bar."""
    bar = Bar(plan.comparator, plan.value, plan.alpha, plan.beta)
    schedule = {"batch": plan.batch, "cap": plan.times * _fixed(plan)}
    if "quantile" in plan.kind:
        inner = BetaMixture(**schedule) if "mixture" in plan.kind else Sprt(plan.mde, **schedule)
        return SequentialQuantile(plan.value, inner), replace(bar, value=200.0)
    if "mixture" in plan.kind:
        return BetaMixture(**schedule), bar
    if "2-sprt" in plan.kind:
        rule = TwoSprt(plan.mde / 2, **schedule)
    elif "acceptance" in plan.kind:
        rule = Sprt(design="acceptance", margin=plan.mde / 2, **schedule)
    else:
        rule = Sprt(plan.mde, **schedule)
    return (replace(rule, boundaries=calibrate(rule, bar)) if "calibrated" in plan.kind else rule), bar


def _nulls(rule, bar):
    """The chances of an up (a success, or a value above the bar) that the two sides exclude."""
    if isinstance(rule, SequentialQuantile):
        low, high = rule.inner.nulls(rule.rate_bar(bar))
        return 1.0 - high, 1.0 - low
    return rule.nulls(bar)


class _Held:
    """Evidence that stands where it is put."""

    def __init__(self, log_e):
        self.log_e = log_e

    def update(self, value):
        pass


def _side(walk, ups, downs):
    """Where a walk that stands at these counts ends, as the walk itself says."""
    low, high = walk.low, walk.high
    if isinstance(low, Counted):  # there the values up to the bar are the successes
        at = low.inner.at(downs, ups), high.inner.at(downs, ups)
    else:
        at = low.at(ups, downs), high.at(ups, downs)
    probe = Walk(*map(_Held, at), accept=walk.accept, reject=walk.reject)
    probe.update(0.0)
    return probe.side


def _looks(walk):
    """Each n up to the cap, with the least ups that end above and the most that end below; None between looks."""
    top, bottom = 0, -1
    for n in range(1, walk.cap + 1):
        if n % walk.every and n != walk.cap:
            yield n, None
            continue
        while top <= n and _side(walk, top, n - top) != "above":
            top += 1
        while bottom < n and _side(walk, bottom + 1, n - bottom - 1) == "below":
            bottom += 1
        yield n, (top, bottom)


def _ended(walk, truths):
    """Probability of ending above, below, and open at the cap, at each true chance of an up."""
    sides = np.zeros((3, len(truths)))
    left, up = np.arange(len(truths)), truths
    mass, base = np.ones((1, len(truths))), 0
    for n, edges in _looks(walk):
        after = np.empty((len(mass) + 1, len(left)))
        np.multiply(mass, 1.0 - up, out=after[:-1])
        after[-1] = 0.0
        after[1:] += mass * up
        mass = after
        if edges is not None:
            top, bottom = (min(max(edge - base, 0), len(mass)) for edge in (edges[0], edges[1] + 1))
            sides[0, left] += mass[top:].sum(axis=0)
            sides[1, left] += mass[:bottom].sum(axis=0)
            mass, base = mass[bottom:top], base + bottom
        if n % 16 == 0:  # truths at which hardly a walk is left are done with
            kept = mass.sum(axis=0) > 1e-14
            mass, left, up = mass[:, kept], left[kept], up[kept]
    sides[2, left] = mass.sum(axis=0)
    return sides


def _truths(nulls, mde, number):
    """Half over the whole range, half about the bar, the nulls and their neighbours among the floats besides."""
    around = np.linspace(max(0.0, nulls[0] - 3.0 * mde), min(1.0, nulls[1] + 3.0 * mde), number // 2)
    beside = [np.nextafter(null, end) for null in nulls for end in (0.0, 1.0)]
    return np.unique(np.concatenate([np.linspace(0.0, 1.0, number // 2 + 2), around, nulls, beside]))


def _check_errors(plan, number):
    rule, bar = _built(plan)
    nulls = _nulls(rule, bar)
    truths = _truths(nulls, plan.mde, number)
    assert len(truths) >= number
    above, below, undecided = _ended(rule.start(bar), truths)
    assert above + below + undecided == pytest.approx(1.0, abs=1e-10)
    slack = 1e-6 if "calibrated" in plan.kind else 1e-9
    for side, error in (("above", above[truths <= nulls[0]]), ("below", below[truths >= nulls[1]])):
        level = bar.alpha if outcome_of(side, bar) == "VALIDATED" else bar.beta
        assert 0.0 < error.max() <= level + slack
        assert "calibrated" not in plan.kind or error.max() > 0.8 * level
    assert above.max() > 0.99
    assert below.max() > 0.99


@pytest.mark.parametrize("plan", FEW, ids=str)
def test_errors_never_exceed_their_levels(plan):
    _check_errors(plan, 200)


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_errors_never_exceed_their_levels_at_a_thousand_truths(plan):
    _check_errors(plan, 1000)


@pytest.mark.parametrize("plan", FEW, ids=str)
def test_a_walk_ends_at_the_counts_that_the_recursion_takes_for_its_ends(plan):
    rule, bar = _built(plan)
    walk = rule.start(bar)
    looks, rng = list(_looks(walk)), random.Random(20261121)
    for truth in (0.1, 0.3, 0.5, 0.7):
        for _ in range(10):
            units, ups, side, decided_at = [rng.random() < truth for _ in range(walk.cap)], 0, None, None
            for unit, (n, edges) in zip(units, looks, strict=True):
                ups += unit
                if edges is not None and (ups >= edges[0] or ups <= edges[1]):
                    side, decided_at = ("above" if ups >= edges[0] else "below"), n
                    break
            walked = rule.start(bar)
            for unit in units:
                walked.update(200.0 + unit - 0.5 if isinstance(rule, SequentialQuantile) else unit)
            assert (walked.side, walked.decided_at) == (side, decided_at)


def test_the_recursion_finds_the_textbook_boundary_wanting():
    # ln((1 - beta) / alpha) for .99 against .999, alpha .05 and beta .20: exactly .0553
    boundaries = (math.log(0.8 / 0.05), math.log(0.95 / 0.2))
    rule = Sprt(design="acceptance", margin=0.0045, boundaries=boundaries, cap=8000)
    bar = Bar(">=", 0.9945, 0.05, 0.2)
    above, _, undecided = _ended(rule.start(bar), np.array([0.99]))
    assert (round(above[0], 4), round(undecided[0], 9)) == (0.0553, 0.0)


# --- the contract of a decision ----------------------------------------------------------------------------------

UNIT, SCORE = st.integers(0, 1), st.integers(0, 64).map(lambda i: i / 64)
RANK, EVENTS = st.integers(0, 4).map(float), st.integers(0, 6)
REAL, GAIN = st.integers(-40, 40).map(lambda i: i / 8), st.integers(-64, 64).map(lambda i: i / 64)
SEQUENTIAL = [
    (Sprt(0.125), UNIT, 0.5), (Sprt(0.0625, batch=5), UNIT, 0.75), (Sprt(0.125, boundaries=(1.5, 2.0)), UNIT, 0.25),
    (Sprt(design="acceptance", margin=0.125), UNIT, 0.5), (TwoSprt((0.125, 0.25)), UNIT, 0.5),
    (BetaMixture(), UNIT, 0.75), (BetaMixture(batch=4), UNIT, 0.25),
    (SequentialQuantile(0.75, Sprt(0.125)), RANK, 2.0), (SequentialQuantile(0.5, BetaMixture()), RANK, 2.0),
    (BettingMean(0.0, 1.0, 0.125), SCORE, 0.5), (BettingMean(0.0, 1.0), SCORE, 0.25),
    (TSprt(0.5), REAL, 0.25), (GaussianKnownSigma(2.0, 1.0), REAL, 0.25),
    (PoissonRate(mde=0.5), EVENTS, 2.0), (PoissonRate(ratio=1.5, batch=3), EVENTS, 2.0),
    (PairedDifference(0.0, 1.0, 0.25), GAIN, 0.125),
]  # fmt: skip
FIXED = [
    (BinomialRate(), UNIT, 0.75), (BoundedMean(0.0, 1.0), SCORE, 0.5), (GaussianMean(), REAL, 0.25),
    (Quantile(0.75), RANK, 2.0), (ExactPoisson(), EVENTS, 2.0), (FixedPairedDifference(0.0, 1.0), GAIN, 0.125),
]  # fmt: skip
COMPARATORS = st.sampled_from([">=", ">", "<=", "<"])
NEGATED = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
SWAPPED = {"VALIDATED": "REFUTED", "REFUTED": "VALIDATED", None: None}
RANKED = {"REFUTED": 0, None: 1, "VALIDATED": 2}


def _each(rows):
    ids = [f"{type(rule).__name__}-{i}" for i, (rule, *_) in enumerate(rows)]
    return pytest.mark.parametrize(("rule", "unit", "value"), rows, ids=ids)


def _runs(unit):
    """Streams that stay with one value for a while, so that many of them are decided."""
    blocks = st.lists(st.tuples(unit, st.integers(1, 30)), max_size=8)
    return blocks.map(lambda drawn: [value for value, times in drawn for _ in range(times)])


def _capped(rule, cap):
    if isinstance(rule, SequentialQuantile):
        return replace(rule, inner=replace(rule.inner, cap=cap))
    return replace(rule, cap=cap)


def _said(decision):
    """The decision without what tells how many units were collected."""
    told = {key: value for key, value in decision.detail.items() if key not in {"observed", "path"}}
    return replace(decision, detail=told)


@_each(SEQUENTIAL)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_later_values_never_change_a_decision(rule, unit, value, data):
    values, later = data.draw(_runs(unit)), data.draw(_runs(unit))
    bar = Bar(data.draw(COMPARATORS), value, 0.125, 0.05)
    decision = rule.decide(values, bar)
    if decision.detail["decided_at"] is not None:
        assert _said(rule.decide([*values, *later], bar)) == _said(decision)
        assert _said(rule.decide(values[: decision.n], bar)) == _said(decision)
        assert rule.decide(values[: decision.n - 1], bar).detail["decided_at"] is None


@_each(SEQUENTIAL)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_walk_fed_in_pieces_is_the_decision_over_the_whole(rule, unit, value, data):
    values, size = data.draw(_runs(unit)), data.draw(st.integers(1, 40))
    bar = Bar(data.draw(COMPARATORS), value, 0.125, 0.05)
    walk = rule.start(bar)
    answers = [[walk.update(value) for value in values[start : start + size]] for start in range(0, len(values), size)]
    decision = rule.decide(values, bar)
    p_values = (walk.p_above(), walk.p_below())
    assert (decision.p_holds, decision.p_fails) == (p_values if bar.upward else p_values[::-1])
    assert (decision.n, decision.detail["decided_at"]) == (walk.used, walk.decided_at)
    assert decision.outcome in {outcome_of(walk.side, bar), None}
    assert sum(map(sum, answers)) == (0 if walk.decided_at is None else len(values) - walk.decided_at + 1)


@_each(SEQUENTIAL)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_cap_only_takes_decisions_away(rule, unit, value, data):
    values = data.draw(_runs(unit))
    bar = Bar(data.draw(COMPARATORS), value, 0.125, 0.05)
    every = rule.start(bar).every
    # a cap is a look, so that one between two looks adds one
    cap = every * data.draw(st.integers(1, 1 + len(values) // every))
    free, capped = rule.decide(values, bar), _capped(rule, cap).decide(values, bar)
    decided_at = free.detail["decided_at"]
    if decided_at is not None and decided_at <= cap:
        assert _said(capped) == _said(free)
    else:
        assert (capped.outcome, capped.detail["decided_at"]) == (None, None)
        assert capped.n == min(cap, len(values))


@_each(SEQUENTIAL + FIXED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_opposite_claim_with_swapped_levels_gets_the_opposite_verdict(rule, unit, value, data):
    values = data.draw(_runs(unit))
    comparator, alpha, beta = data.draw(COMPARATORS), *data.draw(st.permutations([0.02, 0.125]))
    one = rule.decide(values, Bar(comparator, value, alpha, beta))
    other = rule.decide(values, Bar(NEGATED[comparator], value, beta, alpha))
    assert one.outcome == SWAPPED[other.outcome]
    assert (one.n, one.estimate, one.low, one.high) == (other.n, other.estimate, other.low, other.high)
    assert (one.p_holds, one.p_fails, one.more) == (other.p_fails, other.p_holds, other.more)


@pytest.mark.parametrize(
    ("rule", "mirror"),
    [
        *[(rule, rule) for rule in (
            Sprt(0.125), Sprt(0.0625, batch=5, cap=130), Sprt(design="acceptance", margin=0.125), TwoSprt(0.125),
            BetaMixture(), BettingMean(0.0, 1.0, 0.125), BinomialRate(), BoundedMean(0.0, 1.0),
        )],
        (Sprt(0.125, boundaries=(1.5, 2.0)), Sprt(0.125, boundaries=(2.0, 1.5))),
        (TwoSprt((0.0625, 0.125)), TwoSprt((0.125, 0.0625))), (BetaMixture(0.5, 2.0), BetaMixture(2.0, 0.5)),
    ],
    ids=str,
)  # fmt: skip
@settings(max_examples=25, deadline=None)
@given(
    _runs(UNIT).filter(len),
    st.sampled_from([0.25, 0.5, 0.75]),
    st.sampled_from([(">=", ">"), (">", ">="), ("<=", "<")]),
)
def test_naming_failures_successes_and_the_levels_by_each_other_swaps_the_verdicts(rule, mirror, values, value, pair):
    one = rule.decide(values, Bar(pair[0], value, 0.02, 0.125))
    other = mirror.decide([1 - unit for unit in values], Bar(pair[1], 1.0 - value, 0.125, 0.02))
    assert (one.outcome, one.n) == (SWAPPED[other.outcome], other.n)
    assert (one.p_holds, one.p_fails) == pytest.approx((other.p_fails, other.p_holds), rel=1e-9)


MONOTONE = [
    row for row in SEQUENTIAL + FIXED
    if not isinstance(row[0], TSprt | GaussianMean | TwoSprt) and getattr(row[0], "design", "") != "acceptance"
]  # fmt: skip


@_each(MONOTONE)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_larger_value_never_moves_a_verdict_away_from_a_lower_bar(rule, unit, value, data):
    values = data.draw(_runs(unit).filter(len))
    raised, index = list(values), data.draw(st.integers(0, len(values) - 1))
    raised[index] = max(values[index], data.draw(unit))
    # a bounded mean has a sharper rule for values on its bounds, so that only like is compared with like
    assume(not isinstance(rule, BoundedMean) or (set(values) <= {0.0, 1.0}) is (set(raised) <= {0.0, 1.0}))
    bar = Bar(data.draw(COMPARATORS), value, 0.125, 0.2)
    before, after = (RANKED[rule.decide(stream, bar).outcome] for stream in (values, raised))
    assert before <= after if bar.upward else before >= after


def test_a_raised_value_may_end_a_walk_before_larger_ones_come():
    rule, bar = GaussianKnownSigma(1.0, 0.5), Bar(">=", 0.0)
    before, after = rule.decide([0.5] * 22 + [50.0], bar), rule.decide([1.5] + [0.5] * 21 + [50.0], bar)
    assert (before.outcome, after.outcome) == ("VALIDATED", "VALIDATED")
    assert (before.n, after.n) == (23, 20)
    assert after.estimate < before.estimate
    assert after.p_holds > before.p_holds


def test_in_an_acceptance_design_the_later_look_at_the_estimate_is_not_monotone():
    # failing at .80 and passing at .95, the ratio may speak against the claim while the estimate still meets the bar
    rule, bar = Sprt(design="acceptance", margin=(0.0, 0.15)), Bar(">=", 0.8, 0.2, 0.2)
    before = [0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0]
    undecided, refuted = rule.decide(before, bar), rule.decide([1, *before[1:]], bar)
    assert (undecided.outcome, undecided.n, undecided.estimate) == (None, 15, 0.8)
    assert "on the other side" in undecided.reason
    assert (refuted.outcome, refuted.n) == ("REFUTED", 19)


def test_one_far_value_on_the_right_side_may_take_a_t_verdict_away():
    values, bar = [1.0, 0.9, 1.1, 1.0] * 3, Bar(">=", 0.0)
    for rule in (TSprt(0.5), GaussianMean()):
        assert rule.decide(values, bar).outcome == "VALIDATED"
        assert rule.decide([40.0, *values[1:]], bar).outcome is None


@_each(SEQUENTIAL + FIXED)
def test_an_undefined_value_never_becomes_a_verdict(rule, unit, value):
    for comparator in NEGATED:
        assert Bar(comparator, value).holds(math.nan) is False  # which a plain comparison calls a refutation
        for stream in ([math.nan], [value, math.nan] if unit is not UNIT else [1, 0, math.nan], [math.nan] * 99):
            with pytest.raises(ObservationError):
                rule.decide(stream, Bar(comparator, value))


# --- what the room imports ---------------------------------------------------------------------------------------


def test_every_module_of_the_room_needs_the_standard_library_alone():
    code = (
        "import importlib, pkgutil, sys\n"
        "before = set(sys.modules)\n"
        "import ophamin.measuring.inference as room\n"
        "names = [module.name for module in pkgutil.iter_modules(room.__path__, room.__name__ + '.')]\n"
        "for name in names: importlib.import_module(name)\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(len(names) > 20, sorted(roots - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True ['ophamin']"
