# SPDX-License-Identifier: Apache-2.0
"""What a claim says of a metric: an estimator, and an estimator with a bound.

``mean("phi") >= 0.55`` is a value, not a comparison: it has no truth, so a chained bound cannot slip by.
Standard library only, since a test module imports this even when no scenario runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn

from ophamin.errors import ClaimError

__all__ = ["KINDS", "Estimator", "Expectation"]

OPPOSITE = {">=": "<", "<=": ">", ">": "<=", "<": ">=", "==": "!="}

_MEANING = {
    "rate": "the share of units in which {metric} is true",
    "mean": "the mean of {metric} over the units",
    "quantile": "the {q:g} quantile (inverted distribution function) of {metric} over the units",
    "observed": "the value observed as {metric}",
    "difference": "the mean over pairs of {metric} where {by} is {first!r}, minus {metric} where it is {second!r}",
    "count_rate": "events counted as {metric}, per unit of exposure ({exposure:g} for each count)",
    "rank_correlation": "Kendall's tau between {metric} and {other} over the units",
    "effect_size": "the mean of {metric} over its standard deviation",
}


KINDS = tuple(_MEANING)
"""The statistics that a claim can be about."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimator:
    """A statistic of one metric; comparing it with a number gives an `Expectation`.

    Attributes:
        kind: one of `KINDS`.
        metric: the key under which cycles or observations carry the value.
        q: the quantile's level, in (0, 1).
        bounds: the smallest and largest value that the metric of a mean, or of a difference, can take.
        model: ``gaussian`` where normality is assumed instead of bounds.
        sigma: a guess of the standard deviation under that model; it only aims a sequential test.
        deterministic: the same on every run, so that one value decides.
        arms: the two arms of a difference: the first minus the second.
        by: the key that names the arm of a row.
        other: the second key of a rank correlation.
        exposure: of one count, in the unit that the rate is per.
        units: of the metric, for people.
    """

    kind: str
    metric: str
    q: float | None = None
    bounds: tuple[float, float] | None = None
    model: str | None = None
    sigma: float | None = None
    deterministic: bool = False
    arms: tuple[str, str] | None = None
    by: str = "arm"
    other: str = ""
    exposure: float = 1.0
    units: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric.strip():
            raise ClaimError(f"a metric is named by a text, got {self.metric!r}; write {self.kind}('latency_ms')")
        if self.q is not None and not 0 < self.q < 1:
            raise ClaimError(f"the level of a quantile lies between 0 and 1, got {self.q!r}; p95 is 0.95")

    @property
    def label(self) -> str:
        """The statistic as text, such as ``quantile(wall_time_s, 0.95)``."""
        if self.kind == "quantile":
            return f"median({self.metric})" if self.q == 0.5 else f"quantile({self.metric}, {self.q:g})"
        if self.arms is not None:
            return f"difference({self.metric}, {self.arms[0]} - {self.arms[1]})"
        if self.other:
            return f"{self.kind}({self.metric}, {self.other})"
        return f"{self.kind}({self.metric})"

    @property
    def meaning(self) -> str:
        """What is computed, in words."""
        first, second = self.arms or ("", "")
        return _MEANING[self.kind].format(
            metric=self.metric, q=self.q, by=self.by, first=first, second=second, other=self.other,
            exposure=self.exposure,
        )  # fmt: skip

    def between(self, low: float, high: float) -> tuple[Expectation, Expectation]:
        """Two claims, both needed: at least ``low`` and at most ``high``.

        >>> [str(bound) for bound in Estimator("rate", "hit").between(0.2, 0.4)]
        ['rate(hit) >= 0.2', 'rate(hit) <= 0.4']
        """
        lower, upper = self >= low, self <= high
        if lower.value >= upper.value:
            raise ClaimError(f"between({low!r}, {high!r}) is empty; write the smaller bound first")
        return lower, upper

    def __ge__(self, value: float) -> Expectation:
        return Expectation(self, ">=", value)

    def __le__(self, value: float) -> Expectation:
        return Expectation(self, "<=", value)

    def __gt__(self, value: float) -> Expectation:
        return Expectation(self, ">", value)

    def __lt__(self, value: float) -> Expectation:
        return Expectation(self, "<", value)

    def __eq__(self, value: object) -> Expectation:  # type: ignore[override]  # a value, like the other comparisons
        return Expectation(self, "==", value)  # type: ignore[arg-type]  # Expectation says what is wrong with it

    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise ClaimError(f"{self.label} alone is no claim; compare it with a bound, such as {self.label} >= 0.5")


@dataclass(frozen=True, slots=True)
class Expectation:
    """An estimator, a comparator and a bound: the part of a claim that can be false."""

    estimator: Estimator
    comparator: str
    value: float

    def __post_init__(self) -> None:
        label = self.estimator.label
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise ClaimError(f"{label} is compared with a number, got {self.value!r}")
        if not math.isfinite(self.value):
            raise ClaimError(f"the bound of {label} is {self.value!r}; a claim needs a finite number")
        if self.comparator == "==" and not (self.estimator.kind == "observed" and self.estimator.deterministic):
            raise ClaimError(
                f"{label} == {self.value:g} cannot be validated by a sample; "
                "write .between(low, high), or observed(name, deterministic=True) == value for a fixed value"
            )
        object.__setattr__(self, "value", float(self.value))

    def __str__(self) -> str:
        return f"{self.estimator.label} {self.comparator} {self.value:g}"

    @property
    def opposite(self) -> str:
        """The claim's negation as text: the null hypothesis."""
        return f"{self.estimator.label} {OPPOSITE[self.comparator]} {self.value:g}"

    def __bool__(self) -> NoReturn:
        raise ClaimError(
            f"'{self}' is a claim and has no truth value before it is tried; "
            f"for two bounds write {self.estimator.label}.between(low, high)"
        )
