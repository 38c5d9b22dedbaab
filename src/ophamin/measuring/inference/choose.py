# SPDX-License-Identifier: Apache-2.0
"""Which fixed-sample rule decides a claim: from what the claim says, never from the data.

The sequential rules are chosen in `sequential`, which is imported when it is needed.
"""

from __future__ import annotations

import math
from typing import Final

from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.inference.decision import Rule
from ophamin.measuring.inference.exact import Census, DeclaredInterval, Deterministic
from ophamin.measuring.inference.mean import BoundedMean, GaussianMean
from ophamin.measuring.inference.quantile import Quantile
from ophamin.measuring.inference.rate import BinomialRate
from ophamin.measuring.inference.values import require_share, shown

__all__ = ["KINDS", "METHODS", "MODELS", "choose"]

KINDS: Final = (
    "count_rate", "difference", "effect_size", "mean", "observed", "quantile", "rank_correlation", "rate",
)  # fmt: skip
METHODS: Final = ("auto", "exact")
MODELS: Final = ("gaussian",)


def choose(
    kind: str,
    *,
    q: float | None = None,
    bounds: tuple[float, float] | None = None,
    model: str | None = None,
    deterministic: bool = False,
    census: bool = False,
    method: str = "auto",
    exposure: float = 1.0,
    sigma: float | None = None,
) -> Rule:
    """The rule for one claim.

    Args:
        kind: one of `KINDS`.
        q: which quantile, 0 to 1, both excluded; for quantiles only.
        bounds: the two numbers that no value can leave; for means and differences. Other kinds leave it unused.
        model: ``gaussian``, for means without bounds. Other kinds leave it unused.
        sigma: aims sequential tests alone; unused here.
        exposure: of one count; for a rate of events. Other kinds leave it unused.
        deterministic: every unit repeats the same value; for ``observed`` only.
        census: the values are the whole population that the claim speaks of; not for ``observed``.
        method: ``auto`` or ``exact``; both are fixed-sample.

    Raises:
        ClaimError: where the arguments name no rule.

    Example:
        >>> choose("rate"), choose("mean", bounds=(0, 100)), choose("quantile", q=0.95)
        (BinomialRate(), BoundedMean(low=0.0, high=100.0), Quantile(q=0.95))
    """
    _check_names(kind, model, method)
    if kind == "quantile":
        require_share(q)
    elif q is not None:
        raise ClaimError(f"q is {shown(q)}, but a claim of kind {kind!r} takes none; leave it out or use a quantile")
    if deterministic and kind != "observed":
        raise ClaimError(
            f"deterministic=True belongs to observed(...), not to a {kind}; use census=True or leave it out"
        )
    if census:
        if kind not in {"rate", "mean", "quantile"}:
            raise ClaimError(
                f"census=True needs a rate, a mean or a quantile, not {kind}; use observed(..., deterministic=True)"
            )
        return Census(kind, q)
    if kind == "rate":
        return BinomialRate()
    if q is not None:
        return Quantile(q)
    if kind == "observed":
        return Deterministic() if deterministic else DeclaredInterval()
    if kind == "mean":
        return _choose_mean(bounds, model)
    return _choose_late(kind, bounds, exposure)


def _choose_late(kind: str, bounds: tuple[float, float] | None, exposure: float) -> Rule:
    """The rules that few claims need, imported when one does."""
    if kind == "difference":
        from ophamin.measuring.inference.difference import FixedPairedDifference

        low, high = bounds or (math.nan, math.nan)
        return FixedPairedDifference(low, high)
    if kind == "count_rate":
        from ophamin.measuring.inference.poisson import ExactPoisson

        return ExactPoisson(exposure)
    if kind == "rank_correlation":
        from ophamin.measuring.inference.kendall import KendallTau

        return KendallTau(BinomialRate())
    from ophamin.measuring.inference.effect import EffectSprt

    return EffectSprt(0.3)  # valid at any n, so at the fixed one too


def _check_names(kind: str, model: str | None, method: str) -> None:
    for what, name, known in (("kind", kind, KINDS), ("model", model, MODELS), ("method", method, METHODS)):
        if name not in known and not (what == "model" and name is None):
            raise ClaimError(f"{shown(name)} is not a {what}; {nearest_name(str(name), known)}")


def _choose_mean(bounds: tuple[float, float] | None, model: str | None) -> Rule:
    if bounds is not None and model is not None:
        raise ClaimError(
            f"a mean has bounds {shown(bounds)} and model {model!r}, which are two tests; give one of them"
        )
    if model is not None:
        return GaussianMean()
    if bounds is None:
        raise ClaimError(
            "a mean needs bounds or a model: no test of the mean of an unbounded variable keeps its error "
            "rate for every distribution (Bahadur and Savage 1956). Say bounds=(lo, hi) where no value can "
            'leave them or model="gaussian" where the units are near Gaussian; a quantile needs neither'
        )
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise ClaimError(f"the bounds are {shown(bounds)}; give two numbers, bounds=(lo, hi)") from None
    return BoundedMean(low, high)
