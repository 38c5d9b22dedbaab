# SPDX-License-Identifier: Apache-2.0
"""What a rule will cost and promise, said before the first sample.

One function for every rule: how many units it takes at the least, at the most and on average, and how likely each
outcome is at the bar and at the distance that matters. It sees no data and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from ophamin.errors import ClaimError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.betting_process import BettingMean
from ophamin.measuring.inference.decision import Rule
from ophamin.measuring.inference.difference import FixedPairedDifference, PairedDifference
from ophamin.measuring.inference.effect import EffectSprt
from ophamin.measuring.inference.exact import Census, DeclaredInterval, Deterministic
from ophamin.measuring.inference.gaussian import GaussianKnownSigma, TSprt
from ophamin.measuring.inference.kendall import KendallTau, rate_bar
from ophamin.measuring.inference.mean import BoundedMean, GaussianMean
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.outlook_case import Case, UndefinedError
from ophamin.measuring.inference.outlook_certain import certain
from ophamin.measuring.inference.outlook_forecast import Forecast
from ophamin.measuring.inference.outlook_gaussian import known_sigma
from ophamin.measuring.inference.outlook_poisson import poisson
from ophamin.measuring.inference.outlook_rates import RateCase, betting, binomial, bounded, difference, mixture, ratio
from ophamin.measuring.inference.outlook_student import student
from ophamin.measuring.inference.planning import Outlook
from ophamin.measuring.inference.poisson import ExactPoisson, PoissonRate
from ophamin.measuring.inference.quantile import Quantile
from ophamin.measuring.inference.quantile_process import SequentialQuantile
from ophamin.measuring.inference.rate import BinomialRate
from ophamin.measuring.inference.rate_walk import is_positive
from ophamin.measuring.inference.sprt import Sprt, TwoSprt
from ophamin.measuring.inference.values import shown

__all__ = ["Forecast", "default_cap", "foresee"]

_OUTCOMES: Final = ("VALIDATED", "REFUTED")
_Pair: TypeAlias = "tuple[float, float] | None"
_Number = TypeVar("_Number")


def foresee(rule: Rule, bar: Bar, *, mde: float | None = None, cap: int | None = None) -> Forecast:
    """Say what a rule will cost and promise.

    Args:
        rule: any rule of this room.
        bar: the claim's bar.
        mde: distance from the bar of the two outer truths, in the unit of the claim; for a quantile in share of
            values up to the bar, for a fixed t test and for an effect in standard deviations. The rule's own where it
            is left out; where the rule has none, what the cap can tell.
        cap: largest number of units, or the n of a fixed sample. The rule's own where it is left out; otherwise that
            of `default_cap`.

    Raises:
        ClaimError: where the rule refuses the bar, the rule is unknown, or mde or cap cannot be honoured.

    Example:
        >>> forecast = foresee(Sprt(mde=0.02), Bar(">=", 0.95))
        >>> forecast.fixed_n, forecast.cap, forecast.smallest_n
        ((1036, 1524), 2072, (144, 9))
        >>> at_upper = forecast.truths[2]
        >>> round(at_upper.validated, 3), round(at_upper.undecided, 3), round(at_upper.expected_n)
        (0.983, 0.017, 606)
    """
    _require(mde, cap)
    reasons: list[str] = []
    case = _case(rule, bar, mde)
    distances = _distances(case, mde)
    cap = _schedule(rule)[1] if cap is None else cap
    achievable = None if cap is None else _achievable(case, cap, reasons)
    if distances is None and achievable is not None:
        distances = (achievable, achievable)
        reasons.append(f"no mde was declared: the outer truths lie at what {cap} units can tell")
    pairs = _pairs(case, distances, reasons)
    fixed = _both(pairs, case.fixed_size, "fixed n", reasons)
    if cap is None and distances is not None:
        cap = _default(case, fixed, reasons)
        achievable = None if cap is None else _achievable(case, cap, reasons)
    if distances is None or cap is None:
        reasons.append(_missing(case, distances, cap))
    smallest, reachable = _smallest(rule, bar, cap, reasons)
    distance = _one_distance(case, distances, reasons)
    return Forecast(
        rule.name, rule.guarantee, str(bar), bar.alpha, bar.beta, case.sequential, cap,
        fixed, _bounds(case, pairs, reasons), smallest, reachable,
        distance, _truths(case, distances, cap, reasons), case.unit, case.basis(cap or 1), case.assumption, achievable,
        tuple(dict.fromkeys(reasons)),
    )  # fmt: skip


def default_cap(rule: Rule, bar: Bar, mde: float | None = None) -> int:
    """The cap of a rule that has none: twice the fixed sample of VALIDATED, or of REFUTED where that has none.

    A fixed sample needs no room to wait in, so that its n is not doubled. Rules of bounded values take the fixed
    sample of 0/1 values, which have the widest spread.

    Args:
        rule: any rule of this room; its own cap is ignored.
        bar: the claim's bar.
        mde: as in `foresee`.

    Returns:
        A number of what the rule counts as a unit; for a rank correlation that is a pair of observations.

    Raises:
        ClaimError: as `foresee`, and where the rule has no distance and none is given, or no sample tells it.

    Example:
        >>> default_cap(Sprt(mde=0.05), Bar(">=", 0.9)), default_cap(BinomialRate(), Bar(">=", 0.9), 0.05)
        (596, 298)
    """
    _require(mde, None)
    case = _case(rule, bar, mde)
    distances, reasons = _distances(case, mde), list[str]()
    if distances is None:
        raise ClaimError(f"the rule {rule.name!r} aims at no distance from the bar; give mde, or a cap of your own")
    fixed = _both(_pairs(case, distances, reasons), case.fixed_size, "fixed n", reasons)
    cap = _default(case, fixed, reasons)
    if cap is None:
        raise ClaimError(f"no cap follows from the mde {shown(mde)}: {'; '.join(dict.fromkeys(reasons))}; give a cap")
    return cap


def _require(mde: float | None, cap: int | None) -> None:
    if mde is not None and not is_positive(mde):
        raise ClaimError(f"mde is {shown(mde)}; it is a distance from the bar above 0, such as 0.05")
    if cap is not None and (isinstance(cap, bool) or not isinstance(cap, int) or cap < 1):
        raise ClaimError(f"the cap is {shown(cap)}; give a whole number of units, 1 or more")


_CASES: Final[Mapping[type, Callable[[Any, Bar], Case]]] = MappingProxyType({
    BetaMixture: mixture, BettingMean: betting, BinomialRate: binomial, BoundedMean: bounded, Census: certain,
    DeclaredInterval: certain, Deterministic: certain, ExactPoisson: poisson, FixedPairedDifference: difference,
    GaussianKnownSigma: known_sigma, PairedDifference: difference, PoissonRate: poisson, Sprt: ratio, TwoSprt: ratio,
})  # fmt: skip


def _case(rule: Rule, bar: Bar, mde: float | None) -> Case:
    """The rule and the bar on the scale of the truths."""
    if isinstance(rule, (GaussianMean, TSprt, EffectSprt)):
        return student(rule, bar, mde)
    if isinstance(rule, (Quantile, SequentialQuantile)):
        bar.require_direction(rule.name)
        inner = rule.inner if isinstance(rule, SequentialQuantile) else BinomialRate()
        share = SequentialQuantile(rule.q, BetaMixture()).rate_bar(bar)
        counted = "at or below" if bar.comparator in {"<=", ">"} else "below"
        return replace(
            _counting(inner, share, mde), unit=f"share of values {counted} the bar", assumption="independent units"
        )
    if isinstance(rule, KendallTau):
        return _tau(rule, bar)
    build = _CASES.get(type(rule))
    if build is None:
        raise ClaimError(f"{shown(rule)} is a rule whose cost cannot be foreseen; use one of this library")
    return build(rule, bar)


def _counting(rule: Rule, bar: Bar, mde: float | None) -> RateCase:
    case = _case(rule, bar, mde)
    if isinstance(case, RateCase):
        return case
    raise ClaimError(f"{shown(rule)} does not count 0/1 units; give a rule for a rate")


def _tau(rule: KendallTau, bar: Bar) -> RateCase:
    case = _counting(rule.rule, rate_bar(bar), None)
    distances = case.distances and (2.0 * case.distances[0], 2.0 * case.distances[1])
    return replace(
        case, bar=bar, offset=-1.0, scale=2.0, floor=-1.0, ceiling=1.0, distances=distances, unit="tau",
        assumption="independent observations without ties; a unit is a pair of them",
    )  # fmt: skip


def _distances(case: Case, mde: float | None) -> tuple[float, float] | None:
    """How far below and above the bar the outer truths lie."""
    if mde is None:
        return case.distances
    if case.acceptance:
        raise ClaimError(f"mde is {mde!r}, but the rule has an acceptance design, whose truths its margin sets")
    return case.aims(mde)


def _inside(rule: object) -> str | None:
    """The field that holds the rule which is walked, where a rule wraps another."""
    return next((name for name in ("inner", "rule") if hasattr(rule, name)), None)


def _schedule(rule: object) -> tuple[int, int | None]:
    """Batch and cap."""
    name = _inside(rule)
    return _schedule(getattr(rule, name)) if name else (getattr(rule, "batch", 1), getattr(rule, "cap", None))


def _unscheduled(rule: Any) -> Any:
    """The rule with a look after every unit and no cap."""
    name = _inside(rule)
    if name:
        return replace(rule, **{name: _unscheduled(getattr(rule, name))})
    return replace(rule, batch=1, cap=None) if hasattr(rule, "cap") else rule


def _default(case: Case, fixed: tuple[int | None, int | None], reasons: list[str]) -> int | None:
    if case.enough is not None:
        return case.enough
    n = fixed[1] if fixed[0] is None else fixed[0]
    if n is None:
        return None
    if case.sequential:
        return 2 * n
    reasons.append(f"no n was declared: {n} units are assumed, the fixed n")
    return n


def _missing(case: Case, distances: tuple[float, float] | None, cap: int | None) -> str:
    """What the user must still declare."""
    mde = "mde, a distance from the bar that matters"
    if distances is not None:
        return "declare cap, the number of units"
    return f"declare {mde}" if cap is not None or case.enough else f"declare {mde}, or cap, the number of units"


def _pairs(case: Case, distances: tuple[float, float] | None, reasons: list[str]) -> tuple[_Pair, _Pair]:
    """The two truths that VALIDATED, and that REFUTED, tells apart, the lower one first; None where one is missing."""
    if distances is None:
        return None, None
    bar = case.bar.value
    if case.acceptance:
        pair = (bar - distances[0], bar + distances[1])
        return pair, pair
    lower, upper = _existing(case, distances, reasons)
    above = None if upper is None else (bar, upper)
    below = None if lower is None else (lower, bar)
    return (above, below) if case.bar.upward else (below, above)


def _existing(case: Case, distances: tuple[float, float], reasons: list[str]) -> tuple[float | None, float | None]:
    """The outer truths; None for one that the statistic cannot have, or that rounding makes the bar."""
    bar = case.bar.value
    lower, upper = bar - distances[0], bar + distances[1]
    below, above = case.floor <= lower < bar, bar < upper <= case.ceiling
    if not case.acceptance:
        if not below:
            reasons.append(f"no truth lies {distances[0]:.6g} below the bar: the least is {case.floor:g}")
        if not above:
            reasons.append(f"no truth lies {distances[1]:.6g} above the bar: the largest is {case.ceiling:g}")
    return lower if below else None, upper if above else None


def _both(
    pairs: tuple[_Pair, _Pair], compute: Callable[[float, float], _Number], what: str, reasons: list[str]
) -> tuple[_Number | None, _Number | None]:
    """A number for each pair; None with a reason."""
    numbers: list[_Number | None] = []
    for pair in pairs:
        try:
            numbers.append(None if pair is None else compute(*pair))
        except UndefinedError as error:
            numbers.append(None)
            reasons.append(f"{what}: {error}")
    return numbers[0], numbers[1]


def _one_distance(case: Case, distances: tuple[float, float] | None, reasons: list[str]) -> float | None:
    if distances is None or case.acceptance:
        return None
    if distances[0] != distances[1]:
        reasons.append(
            f"the truths lie {distances[0]:.6g} below and {distances[1]:.6g} above the bar, at no single mde"
        )
        return None
    return distances[0]


def _bounds(case: Case, pairs: tuple[_Pair, _Pair], reasons: list[str]) -> tuple[float | None, float | None]:
    """Wald's bound of each outcome at the truth where it is right."""
    bounds = _both(pairs, case.least_expected, "Wald bound", reasons)
    of_validated, of_refuted = bounds
    upward = case.bar.upward
    return of_validated and of_validated[upward], of_refuted and of_refuted[not upward]


def _achievable(case: Case, cap: int, reasons: list[str]) -> float | None:
    if case.acceptance:
        reasons.append("an acceptance design has a margin and no mde")
        return None
    try:
        distance = case.reach(cap // 2 if case.sequential else cap)
    except UndefinedError as error:
        reasons.append(f"achievable mde: {error}")
        return None
    if distance > 0.0:
        return distance
    reasons.append("achievable mde: at these levels no distance from the bar is needed")
    return None


def _smallest(
    rule: Rule, bar: Bar, cap: int | None, reasons: list[str]
) -> tuple[tuple[int | None, int | None], tuple[str, ...]]:
    """The first look at which each outcome can be reached, and which of them a cap leaves in reach."""
    batch, needed = _schedule(rule)[0], _unscheduled(rule).smallest_n(bar)
    reachable = []
    for outcome, n in zip(_OUTCOMES, needed, strict=True):
        if n is None:
            reasons.append(f"{outcome} cannot be reached by any number of units")
        elif cap is not None and n > cap:
            reasons.append(f"{outcome} needs at least {n} units, and the cap is {cap}")
        else:
            reachable.append(outcome)
    first, second = (None if n is None else -(-n // batch) * batch for n in needed)
    return (first, second), tuple(reachable)


def _truths(
    case: Case, distances: tuple[float, float] | None, cap: int | None, reasons: list[str]
) -> tuple[Outlook, ...] | None:
    if distances is None or cap is None:
        return None
    lower, upper = _existing(case, distances, reasons)
    truths = [truth for truth in (lower, case.bar.value, upper) if truth is not None]
    try:
        return case.outlooks(truths, cap)
    except UndefinedError as error:
        reasons.append(str(error))
        return None
