# SPDX-License-Identifier: Apache-2.0
"""How a claim is tried: error rates, distance, method, budget, and what counts as one unit.

Declared before the run and part of the plan's digest. Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal

from ophamin.errors import ClaimError, nearest_name

__all__ = ["DEFAULT_ALPHA", "DEFAULT_BETA", "METHODS", "Settings"]

DEFAULT_ALPHA = 0.05
DEFAULT_BETA = 0.05
PROCEDURES = ("holm", "bh", "e-bh")
METHODS = ("auto", "betting", "exact", "mixture", "sprt", "t_sprt", "two_sprt")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a claim is tried.

    Attributes:
        alpha: largest probability of VALIDATED where the claim does not hold.
        beta: largest probability of REFUTED where it does.
        method: decision method, one of `METHODS`; ``exact`` is fixed-sample, ``auto`` is sequential where ``mde`` or
            ``budget`` is given or the test asks for ``stream``.
        mde: distance from the bar at which a verdict is wanted almost surely. It sets bets and budget, never the
            guarantee. In the unit of the claim; for a quantile in share of values, for an effect size in standard
            deviations.
        design: ``threshold`` (both errors hold at the bar) or ``acceptance`` (Wald's: between bar - margin and bar +
            margin either verdict may come).
        margin: distance of Wald's two points from the bar, or the two distances; for ``acceptance``.
        budget: most units that are looked at, or the declared number of a fixed plan; None is twice the fixed
            sample where an ``mde`` is given, otherwise all that the body gives.
        batch: a sequential test looks after every so many units.
        boundaries: ``ville`` holds under any change of batch or budget; ``calibrated`` needs fewer samples, holds for
            the declared ones alone, and gives no interval.
        min_samples: fewer units than this are INCONCLUSIVE.
        unit: key whose equal values make one independent replicate; None is one cycle or observation.
        errors: ``exclude`` leaves failed cycles out, ``fail`` counts them as failures of the system.
        error_budget: more errors than this are INCONCLUSIVE.
        max_seconds: the stream ends after this time.
        order: ``random`` (seeded) or ``file``.
        load: ``exclusive`` or ``any``: whether a wall-time claim may share the machine.
        census: the claim is about the records of the corpus and nothing beyond.
        multiplicity: family of claims that are corrected together, as ``name`` (by Holm's procedure), ``name:bh`` or
            ``name:e-bh``; empty for none.
    """

    alpha: float = DEFAULT_ALPHA
    beta: float = DEFAULT_BETA
    method: str = "auto"
    mde: float | None = None
    design: Literal["threshold", "acceptance"] = "threshold"
    margin: float | tuple[float, float] | None = None
    budget: int | None = None
    batch: int = 1
    boundaries: Literal["ville", "calibrated"] = "ville"
    min_samples: int = 1
    unit: str | None = None
    errors: Literal["exclude", "fail"] = "exclude"
    error_budget: int = 0
    max_seconds: float | None = None
    order: Literal["random", "file"] = "random"
    load: Literal["exclusive", "any"] = "exclusive"
    census: bool = False
    multiplicity: str = ""

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            level = getattr(self, name)
            if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level <= 0.5:
                raise ClaimError(f"{name} is an error rate between 0 and 0.5, got {level!r}; 0.05 is usual")
        if self.method not in METHODS:
            raise ClaimError(f"{self.method!r} is not a method; {nearest_name(str(self.method), METHODS)}")
        self._require_counts()
        self._require_words()
        self._require_design()
        seconds = self.max_seconds
        if seconds is not None and not (isinstance(seconds, (int, float)) and 0 < seconds < math.inf):
            raise ClaimError(f"max_seconds is a positive number of seconds, got {seconds!r}; leave it out for no limit")
        if self.unit is not None and (not isinstance(self.unit, str) or not self.unit):
            raise ClaimError(f"unit is the name of an observed key, got {self.unit!r}; such as unit='user_id'")

    def _require_counts(self) -> None:
        for name, least in (("budget", 1), ("min_samples", 1), ("batch", 1), ("error_budget", 0)):
            count = getattr(self, name)
            if count is None and name == "budget":
                continue
            if isinstance(count, bool) or not isinstance(count, int) or count < least:
                raise ClaimError(f"{name} is a whole number, at least {least}; got {count!r}")
        if self.budget is not None and self.min_samples > self.budget:
            raise ClaimError(f"min_samples={self.min_samples} exceeds budget={self.budget}; no run could satisfy both")

    def _require_words(self) -> None:
        for name, allowed in (
            ("errors", ("exclude", "fail")),
            ("order", ("random", "file")),
            ("load", ("exclusive", "any")),
            ("design", ("threshold", "acceptance")),
            ("boundaries", ("ville", "calibrated")),
        ):
            if getattr(self, name) not in allowed:
                raise ClaimError(f"{name} is {' or '.join(map(repr, allowed))}, got {getattr(self, name)!r}")
        if not isinstance(self.multiplicity, str):
            raise ClaimError(f"multiplicity is the name of a family of claims, got {self.multiplicity!r}")
        name, colon, procedure = self.multiplicity.partition(":")
        if self.multiplicity and (not name or (colon and procedure not in PROCEDURES)):
            raise ClaimError(
                f"multiplicity is 'name' or 'name:procedure', of {', '.join(PROCEDURES)}; got {self.multiplicity!r}"
            )

    def _require_design(self) -> None:
        mde, margin = self.mde, self.margin
        if mde is not None and not _is_distance(mde):
            raise ClaimError(f"mde is a distance from the bar, above 0; got {mde!r}; such as mde=0.05")
        if self.design == "acceptance":
            if mde is not None:
                raise ClaimError("design='acceptance' takes margin=, not mde=; its two points are bar - and + margin")
            distances = margin if isinstance(margin, tuple) and len(margin) == 2 else (margin, margin)
            if not all(_is_distance(one) or one == 0 for one in distances) or not any(distances):
                raise ClaimError(f"design='acceptance' needs margin=, a distance above 0 or two; got {margin!r}")
        elif margin is not None:
            raise ClaimError(f"margin={margin!r} belongs to design='acceptance'; the threshold design takes mde=")
        if self.boundaries == "calibrated" and self.method not in {"sprt", "two_sprt"}:
            raise ClaimError("boundaries='calibrated' needs method='sprt' or 'two_sprt'")

    def to_dict(self) -> dict[str, Any]:
        """All settings, by name."""
        return {spec.name: getattr(self, spec.name) for spec in fields(self)}


def _is_distance(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf
