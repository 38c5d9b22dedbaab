# SPDX-License-Identifier: Apache-2.0
"""Which sequential rule decides a claim: from what the claim says, never from the data.

The fixed-sample rules are chosen in `choose`. Both give the same answer for the same claim on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ophamin.errors import ClaimError
from ophamin.measuring.inference.betting_process import BettingMean
from ophamin.measuring.inference.difference import PairedDifference
from ophamin.measuring.inference.effect import EffectSprt
from ophamin.measuring.inference.gaussian import TSprt
from ophamin.measuring.inference.kendall import KendallTau
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.poisson import PoissonRate
from ophamin.measuring.inference.process import SequentialRule
from ophamin.measuring.inference.quantile_process import SequentialQuantile
from ophamin.measuring.inference.rate_walk import RateRule
from ophamin.measuring.inference.sprt import Sprt, TwoSprt

__all__ = ["DEFAULT_DELTA", "SEQUENTIAL_KINDS", "SEQUENTIAL_METHODS", "Schedule", "choose_sequential"]

SEQUENTIAL_KINDS: Final = ("count_rate", "difference", "effect_size", "mean", "quantile", "rank_correlation", "rate")
SEQUENTIAL_METHODS: Final = ("betting", "mixture", "sprt", "t_sprt", "two_sprt")

DEFAULT_DELTA: Final = 0.3
"""Effect, in standard deviations, at which a t test aims where no mde is declared."""
DEFAULT_RATIO: Final = 1.5
"""Ratio of event rates at which a Poisson test aims where no mde is declared."""

_FITS: Final = {
    "rate": ("sprt", "two_sprt", "mixture", "betting"),
    "quantile": ("sprt", "two_sprt", "mixture"),
    "rank_correlation": ("sprt", "two_sprt", "mixture"),
    "count_rate": ("sprt",),
    "mean": ("betting", "t_sprt"),
    "difference": ("betting",),
    "effect_size": ("t_sprt",),
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a sequential claim is looked at.

    Attributes:
        method: ``auto`` or one of `SEQUENTIAL_METHODS`.
        mde: distance from the bar at which a verdict is wanted; for a quantile in share of values, for an effect in
            standard deviations, otherwise in the unit of the claim.
        margin: distance of p0 and p1 from the bar, or the two distances; for the acceptance design.
        design: ``threshold`` or ``acceptance``.
        batch: a look is taken after every so many units.
        cap: the largest number of units that is looked at; None for no cap.
        boundaries: ``ville``, or two log boundaries that were calibrated for this very cap and batch.
    """

    method: str = "auto"
    mde: float | None = None
    margin: float | tuple[float, float] | None = None
    design: str = "threshold"
    batch: int = 1
    cap: int | None = None
    boundaries: str | tuple[float, float] = "ville"


def choose_sequential(kind: str, schedule: Schedule, **options: Any) -> SequentialRule:
    """The sequential rule for one claim.

    Args:
        kind: one of `SEQUENTIAL_KINDS`.
        schedule: method, distance, design, batch and cap.
        options: what the estimator needs besides: ``q bounds model sigma exposure``, as in `choose`.

    Raises:
        ClaimError: where the arguments name no rule.

    Example:
        >>> choose_sequential("rate", Schedule(mde=0.05, cap=596)).name
        'sprt'
        >>> choose_sequential("rate", Schedule()).name, choose_sequential("mean", Schedule(), bounds=(0, 1)).name
        ('mixture', 'betting')
    """
    if kind not in _FITS:
        raise ClaimError(f"a claim of kind {kind!r} has no sequential test; leave method= and mde= out")
    _check_method(kind, schedule, options)
    batch, cap = schedule.batch, schedule.cap
    if kind == "mean" and options.get("model") is not None:
        return TSprt(_delta_of_mean(schedule, options.get("sigma")), batch, cap)
    if kind == "mean":
        low, high = options["bounds"]
        return BettingMean(low, high, schedule.mde, batch=batch, cap=cap)
    if kind == "difference":
        low, high = options["bounds"]
        return PairedDifference(low, high, schedule.mde, batch, cap)
    if kind == "effect_size":
        return EffectSprt(DEFAULT_DELTA if schedule.mde is None else schedule.mde, batch, cap)
    if kind == "count_rate":
        ratio = DEFAULT_RATIO if schedule.mde is None else None
        return PoissonRate(schedule.mde, ratio, options.get("exposure", 1.0), batch, cap)
    if kind == "rate" and schedule.method == "betting":
        weights = "equal" if schedule.mde is None else "centred"
        return BettingMean(0.0, 1.0, schedule.mde, weights, batch, cap)
    if kind == "rank_correlation":
        return KendallTau(_rate_rule(schedule, scale=0.5))  # tau moves twice as fast as the share of concordant pairs
    inner = _rate_rule(schedule)
    return SequentialQuantile(options["q"], inner) if kind == "quantile" else inner


def _rate_rule(schedule: Schedule, scale: float = 1.0) -> RateRule:
    """The rule for 0/1 units; distances are scaled to them."""
    method, batch, cap, boundaries = schedule.method, schedule.batch, schedule.cap, schedule.boundaries
    mde = None if schedule.mde is None else schedule.mde * scale
    margin = schedule.margin
    if margin is not None:
        margin = (margin[0] * scale, margin[1] * scale) if isinstance(margin, tuple) else margin * scale
    if method == "two_sprt":
        if margin is None:
            raise ClaimError("two_sprt has an acceptance design; give design='acceptance' and margin=")
        return TwoSprt(margin, boundaries, batch, cap)
    if schedule.design == "acceptance":
        return Sprt(None, "acceptance", margin, boundaries, batch, cap)
    if method == "mixture" or (method == "auto" and mde is None):
        return BetaMixture(batch=batch, cap=cap)
    return Sprt(mde, "threshold", None, boundaries, batch, cap)


def _check_method(kind: str, schedule: Schedule, options: dict[str, Any]) -> None:
    method, fits = schedule.method, _FITS[kind]
    if kind == "mean":
        fits = ("t_sprt",) if options.get("model") is not None else ("betting",)
    if method != "auto" and method not in fits:
        raise ClaimError(
            f"method={method!r} does not test a {kind.replace('_', ' ')} as declared; "
            f"{' or '.join(map(repr, fits))} does, and 'auto' chooses it"
        )
    if schedule.design == "acceptance" and not set(fits) & {"sprt", "two_sprt"}:
        raise ClaimError(f"design='acceptance' belongs to 0/1 units, not to a {kind.replace('_', ' ')}; leave it out")
    if schedule.design == "acceptance" and (method in {"mixture", "betting"} or kind == "count_rate"):
        raise ClaimError(f"design='acceptance' needs method 'sprt' or 'two_sprt' on 0/1 units, not {method!r}")


def _delta_of_mean(schedule: Schedule, sigma: float | None) -> float:
    if schedule.mde is None:
        return DEFAULT_DELTA
    if sigma is None:
        raise ClaimError(
            f"mde={schedule.mde!r} is in the unit of the values, and a t test aims in standard deviations; "
            'give a guess of them: mean(name, model="gaussian", sigma=...). A wrong guess costs samples, no error rate'
        )
    return TSprt.in_units(schedule.mde, sigma).delta
