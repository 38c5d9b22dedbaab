# SPDX-License-Identifier: Apache-2.0
"""A plan: a claim and how it will be tried, frozen and hashed before anything runs.

Both forms of a scenario, the decorated function and the class, compile to a `Script`: the plans and, for the class,
how a finished run is scored.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from ophamin.core.canonical import canonical_bytes, content_hash
from ophamin.errors import ClaimError
from ophamin.measuring.inference import Bar, Rule, choose

if TYPE_CHECKING:
    from ophamin.core.evidence import PillarEvidence
    from ophamin.measuring.proof.record import Claim, Threshold
    from ophamin.protocols import Pillar
    from ophamin.seeing.contract import ScenarioFieldContract
    from ophamin.seeing.corpus.base import Corpus

__all__ = ["Metadata", "Plan", "ScenarioScore", "Score", "Script", "Settings"]

DEFAULT_ALPHA = 0.05
DEFAULT_BETA = 0.05


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


@dataclass(frozen=True, slots=True)
class Settings:
    """How a claim is tried.

    Attributes:
        alpha: largest probability of VALIDATED where the claim does not hold.
        beta: largest probability of REFUTED where it does.
        method: decision method, ``auto`` or a name of `ophamin.measuring.inference`.
        budget: declared number of units; None takes all that the body gives.
        min_samples: fewer units than this are INCONCLUSIVE.
        unit: key whose equal values make one independent replicate; None is one cycle or observation.
        errors: ``exclude`` leaves failed cycles out, ``fail`` counts them as failures of the system.
        error_budget: more errors than this are INCONCLUSIVE.
        max_seconds: the stream ends after this time.
        order: ``random`` (seeded) or ``file``.
        load: ``exclusive`` or ``any``: whether a wall-time claim may share the machine.
        census: the claim is about the records of the corpus and nothing beyond.
    """

    alpha: float = DEFAULT_ALPHA
    beta: float = DEFAULT_BETA
    method: str = "auto"
    budget: int | None = None
    min_samples: int = 1
    unit: str | None = None
    errors: Literal["exclude", "fail"] = "exclude"
    error_budget: int = 0
    max_seconds: float | None = None
    order: Literal["random", "file"] = "random"
    load: Literal["exclusive", "any"] = "exclusive"
    census: bool = False

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            level = getattr(self, name)
            if not isinstance(level, (int, float)) or not 0 < level <= 0.5:
                raise ClaimError(f"{name} is an error rate between 0 and 0.5, got {level!r}; 0.05 is usual")
        for name, least in (("budget", 1), ("min_samples", 1), ("error_budget", 0)):
            count = getattr(self, name)
            if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < least):
                raise ClaimError(f"{name} is a whole number, at least {least}; got {count!r}")
        for name, allowed in (
            ("errors", ("exclude", "fail")),
            ("order", ("random", "file")),
            ("load", ("exclusive", "any")),
        ):
            if getattr(self, name) not in allowed:
                raise ClaimError(f"{name} is {' or '.join(map(repr, allowed))}, got {getattr(self, name)!r}")
        seconds = self.max_seconds
        if seconds is not None and not (isinstance(seconds, (int, float)) and 0 < seconds < math.inf):
            raise ClaimError(f"max_seconds is a positive number of seconds, got {seconds!r}; leave it out for no limit")
        if self.unit is not None and (not isinstance(self.unit, str) or not self.unit):
            raise ClaimError(f"unit is the name of an observed key, got {self.unit!r}; such as unit='user_id'")
        if self.budget is not None and self.min_samples > self.budget:
            raise ClaimError(f"min_samples={self.min_samples} exceeds budget={self.budget}; no run could satisfy both")

    def to_dict(self) -> dict[str, Any]:
        """All settings, by name."""
        return {spec.name: getattr(self, spec.name) for spec in fields(self)}


@dataclass(frozen=True)
class Plan:
    """One claim and how it will be tried.

    Attributes:
        metadata: what the experiment is.
        statement: the claim in the author's words.
        metric: the key that cycles or observations carry.
        statistic: the estimator as text, such as ``rate(blocked)``.
        kind: ``rate``, ``mean``, ``quantile`` or ``observed``; the class form's score is ``observed``.
        comparator: one of ``>= <= > < ==``.
        value: the bound.
        options: what the estimator needs besides: q, bounds, model, deterministic.
        settings: error rates, budget, unit and the rest.
        corpus: the selection rule of the corpus; None where the test makes its own input.
        parameters: the test's parameters.
        pillars: names of the pillars that will read the run.
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
    corpus: Mapping[str, Any] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pillars: tuple[str, ...] = ()
    source_digest: str = ""
    analysis: str = ""

    @cached_property
    def bar(self) -> Bar:
        """Comparator, bound and error rates, as the decision methods take them."""
        return Bar(self.comparator, self.value, alpha=self.settings.alpha, beta=self.settings.beta)

    @cached_property
    def rule(self) -> Rule:
        """The decision method.

        Raises:
            ClaimError: no honest method exists for the estimator as declared.
        """
        kind, options = self.kind, dict(self.options)
        if kind == "rate" and self.settings.unit is not None:
            kind, options = "mean", {"bounds": (0.0, 1.0)}  # a unit's own share lies anywhere between 0 and 1
        return choose(kind, method=self.settings.method, census=self.settings.census, **options)

    @property
    def counts_errors(self) -> bool:
        """Whether an error is a failure of the system, and not merely a cycle that could not be measured."""
        return self.settings.errors == "fail"

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
        budget = self.settings.budget
        sizes = zip(("VALIDATED", "REFUTED"), self.rule.smallest_n(self.bar), strict=True)
        return tuple(name for name, n in sizes if n is not None and (budget is None or n <= budget))

    def require_sound(self) -> None:
        """Do nothing where the plan can be honoured.

        Raises:
            ClaimError: no method, no worst value for errors, no meaning inside a unit, or no outcome within budget.
        """
        if self.counts_errors:
            _ = self.worst_value
        if self.kind == "observed" and self.settings.unit is not None:
            raise ClaimError(f"{self.statistic} is one value for the whole run; leave out unit={self.settings.unit!r}")
        if not self.reachable:
            sizes = [n for n in self.rule.smallest_n(self.bar) if n is not None]
            needed = f"at least {min(sizes)} are needed; raise budget=" if sizes else "no number would; move the bar"
            raise ClaimError(
                f"'{self.statistic} {self.comparator} {self.value:g}' can be neither validated nor refuted with "
                f"budget={self.settings.budget} at alpha={self.settings.alpha:g}, beta={self.settings.beta:g}; {needed}"
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
                "corpus": None if self.corpus is None else dict(self.corpus),
                "parameters": dict(self.parameters),
                "pillars": list(self.pillars),
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
                settings=Settings(**config["settings"]),
                pillars=tuple(config["pillars"]),
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
        units = "all observations of the test body" if settings.budget is None else f"exactly {settings.budget} units"
        only = f" Only {self.reachable[0]} can be reached." if len(self.reachable) == 1 else ""
        return (
            f"Take {units}; one unit is {unit_text(settings.unit)}. Decide '{self.statistic} {self.comparator} "
            f"{self.value:g}' by "
            f"{self.rule.name} ({self.rule.guarantee}): VALIDATED excludes '{self.h0}' at alpha={settings.alpha:g}, "
            f"REFUTED excludes '{self.h1}' at beta={settings.beta:g}, otherwise INCONCLUSIVE. "
            f"Failed cycles: {settings.errors}, at most {settings.error_budget}.{only}"
        )


_ABOUT = ("name", "tier", "family", "goal", "explanation", "if_refuted")
_PLAIN = (
    "statement", "metric", "statistic", "kind", "comparator", "value", "operationalization", "h0", "h1", "units",
    "corpus", "parameters", "source_digest", "analysis",
)  # fmt: skip


def unit_text(unit: str | None) -> str:
    """What counts as one independent replicate, in words."""
    return "one cycle or observation" if unit is None else f"all rows of one {unit!r}"


@dataclass(slots=True)
class ScenarioScore:
    """A class scenario's own reading of a finished run.

    Attributes:
        observed_value: the number held against the threshold; None where it is undefined.
        evidence: the author's evidence rows.
        inconclusive: the author's own reason not to decide.
        reasoning: in words.
        low: lower confidence bound of the observed value.
        high: upper confidence bound of the observed value.
        deterministic: the value is exact, so that no interval is needed.
    """

    observed_value: float | None
    evidence: list[PillarEvidence] = field(default_factory=list)
    inconclusive: bool = False
    reasoning: str = ""
    low: float | None = None
    high: float | None = None
    deterministic: bool = False


Score = Callable[[Sequence[Any], Sequence[Any]], ScenarioScore]


@dataclass(frozen=True, slots=True)
class Script:
    """What the engine knows of a scenario: its plans, what feeds it, and how a class scores its own run."""

    plans: tuple[Plan, ...]
    corpus: Corpus | None = None
    pillars: tuple[Pillar, ...] = ()
    score: Score | None = None
    contract: ScenarioFieldContract | None = None
    select: Callable[[Corpus], Any] | None = None

    @property
    def metadata(self) -> Metadata:
        """What the experiment is; the same for all its claims."""
        return self.plans[0].metadata

    @property
    def settings(self) -> Settings:
        """How the claims are tried; the same for all of them."""
        return self.plans[0].settings

    @property
    def digest(self) -> str:
        """Digest over all plans: names the experiment, and seeds it."""
        return self.plans[0].digest if len(self.plans) == 1 else content_hash([plan.digest for plan in self.plans])
