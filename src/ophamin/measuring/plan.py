# SPDX-License-Identifier: Apache-2.0
"""A plan: a claim and how it will be tried, frozen and hashed before anything runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ophamin.core.canonical import canonical_bytes
from ophamin.errors import ClaimError
from ophamin.measuring.inference import Bar, Rule, choose
from ophamin.measuring.settings import Settings

if TYPE_CHECKING:
    from ophamin.measuring.inference.process import SequentialRule
    from ophamin.measuring.proof.record import Claim, Threshold

__all__ = ["Metadata", "Plan", "unit_text"]


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an experiment is and why it is made.

    Attributes:
        name: path of the scenario in dots, unique in a project.
        tier: one of `ophamin.measuring.tier.Tier`.
        family: the theme it belongs to.
        goal: the question, in one line.
        explanation: why it is asked, and how.
        method: how it is answered, where the author says more than the plan does.
        if_refuted: what follows from a refutation.
    """

    name: str
    tier: str
    family: str
    goal: str
    explanation: str = ""
    method: str = ""
    if_refuted: str = ""


@dataclass(frozen=True)
class Plan:
    """One claim and how it will be tried.

    Attributes:
        metadata: what the experiment is.
        statement: the claim in the author's words.
        metric: the key that cycles or observations carry.
        statistic: the estimator as text, such as ``rate(blocked)``.
        kind: one of `ophamin.measuring.metrics.estimators.KINDS`; the class form's score is ``observed``.
        comparator: one of ``>= <= > < ==``.
        value: the bound.
        options: what the estimator needs besides: q, bounds, model, deterministic, arms, by, other, exposure.
        settings: error rates, budget, unit and the rest.
        sequential: looked at while units come, and ended when the verdict is decided.
        corpus: the selection rule of the corpus; None where the test makes its own input.
        parameters: the test's parameters.
        pillars: the pillars that will read the run, with their configuration.
        conditions: pillars of which each must hold for a verdict to be given.
        source_digest: digest of the test function.
    """

    metadata: Metadata
    statement: str
    metric: str
    statistic: str
    kind: str
    comparator: str
    value: float
    operationalization: str
    h0: str
    h1: str
    units: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    sequential: bool = False
    corpus: Mapping[str, Any] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pillars: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    source_digest: str = ""
    analysis: str = ""

    @cached_property
    def bar(self) -> Bar:
        """Comparator, bound and error rates, as the decision methods take them."""
        return Bar(self.comparator, self.value, alpha=self.settings.alpha, beta=self.settings.beta)

    @cached_property
    def rule(self) -> Rule:
        """The decision method; a sequential one also has ``start``.

        Raises:
            ClaimError: no honest method exists for the estimator as declared.
        """
        if not self.sequential:
            kind, options = self._tested
            method = "exact" if self.settings.method == "exact" else "auto"
            return choose(kind, method=method, census=self.settings.census, **options)
        rule: Any = self._walked(self.cap_of_rule)
        chosen: Rule = _calibrated(rule, self.bar) if self.settings.boundaries == "calibrated" else rule
        return chosen

    @cached_property
    def cap(self) -> int | None:
        """Most units that are looked at, or that a fixed plan takes; None for all that the body gives.

        Raises:
            ClaimError: the distance that was declared does not fit the bar.
        """
        settings = self.settings
        if settings.budget is not None or (settings.mde is None and settings.margin is None):
            return settings.budget
        from ophamin.measuring.inference.outlook import default_cap

        cap = default_cap(self._walked(None) if self.sequential else self.rule, self.bar, self.distance)
        return 2 * cap if self.kind == "rank_correlation" else cap  # two observations make one pair

    @property
    def cap_of_rule(self) -> int | None:
        """The cap in what the rule counts: of a rank correlation, pairs of observations."""
        return self.cap if self.cap is None or self.kind != "rank_correlation" else self.cap // 2

    @property
    def distance(self) -> float | None:
        """The mde as the planning of its rule takes it; None where the rule has it itself.

        Raises:
            ClaimError: it is in the unit of the values, and no guess of their standard deviation turns it into those.
        """
        if self.settings.mde is None or self.options.get("model") is None:
            return self.settings.mde
        if self.sequential:
            return None
        if self.options.get("sigma") is None:
            raise ClaimError(
                f"mde={self.settings.mde!r} is in the unit of the values; give a guess of their standard deviation: "
                f'mean({self.metric!r}, model="gaussian", sigma=...)'
            )
        return float(self.settings.mde / self.options["sigma"])

    def widened(self, rounds: int) -> Plan:
        """This plan with so many times its budget, to go on where it was undecided; for judging, not to be tried."""
        if rounds == 1 or self.cap is None:
            return self
        return replace(self, settings=replace(self.settings, budget=self.cap * rounds))

    @property
    def keys(self) -> tuple[str, ...]:
        """What a row must carry, and what the plan reads of it where it is there."""
        named = (self.metric, self.options.get("other"), self.settings.unit)
        arms = (self.options["by"], "pair") if self.kind == "difference" else ()
        return tuple(dict.fromkeys(key for key in (*named, *arms) if key))

    @property
    def _tested(self) -> tuple[str, dict[str, Any]]:
        """Kind and options of what is tested: the values of the units."""
        if self.kind == "rate" and self.settings.unit is not None:
            return "mean", {"bounds": (0.0, 1.0)}  # a unit's own share lies anywhere between 0 and 1
        return self.kind, {key: value for key, value in self.options.items() if key not in {"arms", "by", "other"}}

    def _walked(self, cap: int | None) -> SequentialRule:
        from ophamin.measuring.inference.sequential import Schedule, choose_sequential

        settings, (kind, options) = self.settings, self._tested
        if kind == "mean":
            choose(kind, **options)  # says what a mean needs
        schedule = Schedule(settings.method, settings.mde, settings.margin, settings.design, settings.batch, cap)
        return choose_sequential(kind, schedule, **options)

    @property
    def counts_errors(self) -> bool:
        """Whether an error is a failure of the system, and not merely a cycle that could not be measured."""
        return self.settings.errors == "fail"

    @property
    def is_machine_dependent(self) -> bool:
        """Whether the metric is a time, which another machine changes."""
        return self.metric == "wall_time_s" or self.metric.startswith("t1.timer.")

    @cached_property
    def worst_value(self) -> float:
        """What an error counts as where it is the system's failure: the value that speaks against the claim.

        Raises:
            ClaimError: the statistic has no worst value.
        """
        bounds = {"rate": (0.0, 1.0), "mean": self.options.get("bounds")}.get(self.kind)
        if bounds is None:
            raise ClaimError(
                f"errors='fail' needs a worst value, which {self.statistic} has not; use a rate, or a mean with bounds"
            )
        return float(bounds[0] if self.bar.upward else bounds[1])

    @cached_property
    def reachable(self) -> tuple[str, ...]:
        """The outcomes, VALIDATED and REFUTED, that the declared number of units can reach at best.

        Raises:
            ClaimError: the bar lies outside what the statistic can be.
        """
        cap = self.cap_of_rule
        sizes = zip(("VALIDATED", "REFUTED"), self.rule.smallest_n(self.bar), strict=True)
        return tuple(name for name, n in sizes if n is not None and (cap is None or n <= cap))

    def require_sound(self) -> None:
        """Do nothing where the plan can be honoured.

        Raises:
            ClaimError: no method, no worst value for errors, no meaning inside a unit, or no outcome within budget.
        """
        if self.counts_errors:
            _ = self.worst_value
        if self.settings.unit is not None and self.kind in {"count_rate", "rank_correlation"}:
            raise ClaimError(f"{self.statistic} has no meaning inside a unit; leave out unit={self.settings.unit!r}")
        if self.kind == "observed" and self.settings.unit is not None:
            raise ClaimError(f"{self.statistic} is one value for the whole run; leave out unit={self.settings.unit!r}")
        if not self.reachable:
            uncapped = self._walked(None) if self.sequential else self.rule
            sizes = [n for n in uncapped.smallest_n(self.bar) if n is not None]
            needed = f"at least {min(sizes)} are needed; raise budget=" if sizes else "no number would; move the bar"
            raise ClaimError(
                f"'{self.statistic} {self.comparator} {self.value:g}' can be neither validated nor refuted with "
                f"budget={self.cap} at alpha={self.settings.alpha:g}, beta={self.settings.beta:g}; {needed}"
            )

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """All that is fixed before the run, as plain JSON values."""
        return MappingProxyType(
            {
                "name": self.metadata.name,
                "tier": self.metadata.tier,
                "family": self.metadata.family,
                "goal": self.metadata.goal,
                "explanation": self.metadata.explanation,
                "method_note": self.metadata.method,
                "if_refuted": self.metadata.if_refuted,
                "statement": self.statement,
                "operationalization": self.operationalization,
                "metric": self.metric,
                "statistic": self.statistic,
                "kind": self.kind,
                "comparator": self.comparator,
                "value": self.value,
                "units": self.units,
                "h0": self.h0,
                "h1": self.h1,
                "options": {
                    key: list(value) if isinstance(value, tuple) else value for key, value in self.options.items()
                },
                "settings": self.settings.to_dict(),
                "sequential": self.sequential,
                "corpus": None if self.corpus is None else dict(self.corpus),
                "parameters": dict(self.parameters),
                "pillars": list(self.pillars),
                "conditions": list(self.conditions),
                "source_digest": self.source_digest,
                "analysis": self.analysis,
            }
        )

    @cached_property
    def config_text(self) -> str:
        """Canonical text of the configuration; its SHA-256 is the digest, so a record that holds it binds to it."""
        return canonical_bytes(dict(self.config)).decode("ascii")

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hex over the configuration."""
        return hashlib.sha256(self.config_text.encode("ascii")).hexdigest()

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Plan:
        """The plan of a configuration, as a record keeps it.

        Raises:
            ClaimError: a part of the configuration is missing, or is what no plan could have.
        """
        try:
            options = {
                key: tuple(value) if isinstance(value, list) else value for key, value in config["options"].items()
            }
            metadata = Metadata(method=config["method_note"], **{name: config[name] for name in _ABOUT})
            return cls(
                metadata=metadata,
                options=options,
                settings=_settings(config["settings"]),
                pillars=tuple(config["pillars"]),
                conditions=tuple(config["conditions"]),
                **{name: config[name] for name in _PLAIN},
            )
        except (KeyError, TypeError, AttributeError) as error:
            problem = f"{type(error).__name__}: {error}"
            raise ClaimError(f"no plan has this configuration ({problem}); give the whole text of a record") from error

    def threshold(self) -> Threshold:
        """The bound in the form of the record."""
        from ophamin.measuring.proof.record import Threshold

        comparator: Any = self.comparator  # Threshold refuses what is none
        return Threshold(metric=self.statistic, comparator=comparator, value=self.value, units=self.units)

    def claim(self) -> Claim:
        """The claim in the form of the record."""
        from ophamin.measuring.proof.record import Claim

        return Claim(self.statement, self.operationalization, self.threshold(), self.h0, self.h1)

    def analysis_plan(self) -> str:
        """How the verdict will be reached, in words."""
        if self.analysis:
            return self.analysis
        settings = self.settings
        only = f" Only {self.reachable[0]} can be reached." if len(self.reachable) == 1 else ""
        return (
            f"{self._sampling()}; one unit is {unit_text(settings.unit)}. Decide '{self.statistic} {self.comparator} "
            f"{self.value:g}' by "
            f"{self.rule.name} ({self.rule.guarantee}): VALIDATED excludes '{self.h0}' at alpha={settings.alpha:g}, "
            f"REFUTED excludes '{self.h1}' at beta={settings.beta:g}, otherwise INCONCLUSIVE. "
            f"Failed cycles: {settings.errors}, at most {settings.error_budget}.{only}{self._provided()}"
        )

    def _provided(self) -> str:
        if not self.conditions:
            return ""
        return f" Given only while {', '.join(text.partition(' ')[0] for text in self.conditions)} holds."

    def _sampling(self) -> str:
        cap, batch = self.cap, self.settings.batch
        if not self.sequential:
            return f"Take {'all observations of the test body' if cap is None else f'exactly {cap} units'}"
        every = "each unit" if batch == 1 else f"every {batch} units"
        most = "until the body or the corpus ends" if cap is None else f"at most {cap} units"
        return f"Look after {every} and stop when decided, {most}"


_ABOUT = ("name", "tier", "family", "goal", "explanation", "if_refuted")
_PLAIN = (
    "statement", "metric", "statistic", "kind", "comparator", "value", "operationalization", "h0", "h1", "units",
    "sequential", "corpus", "parameters", "source_digest", "analysis",
)  # fmt: skip


def unit_text(unit: str | None) -> str:
    """What counts as one independent replicate, in words."""
    return "one cycle or observation" if unit is None else f"all rows of one {unit!r}"


def _settings(config: Mapping[str, Any]) -> Settings:
    margin = config.get("margin")
    return Settings(**{**config, "margin": tuple(margin) if isinstance(margin, list) else margin})


@lru_cache(maxsize=256)
def _calibrated(rule: Any, bar: Bar) -> Any:
    """The rule with boundaries that meet both levels exactly under its own cap and batch.

    Raises:
        ClaimError: the rule counts no 0/1 units, or has no cap.
    """
    from ophamin.measuring.inference.quantile_process import SequentialQuantile
    from ophamin.measuring.inference.recursion import calibrate

    if isinstance(rule, SequentialQuantile):
        inner: Any = rule.inner
        return replace(rule, inner=_calibrated(inner, rule.rate_bar(bar)))
    if getattr(rule, "boundaries", None) is None:
        raise ClaimError("boundaries='calibrated' belongs to a rate or a quantile; leave it out")
    if rule.cap is None:
        raise ClaimError("boundaries='calibrated' are calibrated for a budget; declare budget=, or mde=")
    if None in rule.smallest_n(bar):
        raise ClaimError(
            f"boundaries='calibrated' need both verdicts in reach of the budget, and {rule.cap} units allow one; "
            "raise budget=, or leave boundaries out"
        )
    return replace(rule, boundaries=calibrate(rule, bar))
