# SPDX-License-Identifier: Apache-2.0
"""A script: what the engine knows of a scenario. Both forms, the decorated function and the class, compile to one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ophamin.core.canonical import content_hash
from ophamin.measuring.plan import Metadata, Plan
from ophamin.measuring.settings import Settings

if TYPE_CHECKING:
    from ophamin.core.evidence import PillarEvidence
    from ophamin.protocols import Pillar
    from ophamin.seeing.contract import ScenarioFieldContract
    from ophamin.seeing.corpus.base import Corpus

__all__ = ["ScenarioScore", "Score", "Script"]


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
    conditions: tuple[Pillar, ...] = ()
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
