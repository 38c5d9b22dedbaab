# SPDX-License-Identifier: Apache-2.0
"""The sections of a proof record: threshold, claim, registration, data, verdict, reproduction.

Each is a frozen value with the same field names in Python and on the wire. The record that holds them is in
`ophamin.measuring.proof.record`, which hands these names on; import them from there.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar, Final, Literal, Protocol, Self

from pydantic import Field

from ophamin.core.canonical import MAX_SAFE_INTEGER
from ophamin.core.evidence import PillarEvidence
from ophamin.core.records import JsonMap, Real, Section, TextDict, record, utc_now

__all__ = [
    "COMPARATORS",
    "OUTCOMES",
    "Claim",
    "DatasetRef",
    "PreRegistration",
    "ProofContent",
    "Reproduction",
    "Threshold",
    "Verdict",
]

COMPARATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
OUTCOMES: Final = ("VALIDATED", "REFUTED", "INCONCLUSIVE")


def _running_environment() -> dict[str, str]:
    from ophamin.core.environment import environment_lock

    return dict(environment_lock())


@record
class Threshold(Section):
    """The boundary between pass and fail; there is no claim without one.

    Attributes:
        metric: name of what is measured.
        comparator: one of ``>= <= > < ==``; ``==`` is exact equality.
        value: the boundary, finite, in ``units``.
        units: what the value counts, or empty.

    Example:
        >>> Threshold("blocked", "<=", 0.1, "fraction").describe()
        'blocked <= 0.1 fraction'
    """

    _reals: ClassVar[tuple[str, ...]] = ("value",)

    metric: str
    comparator: Literal[">=", "<=", ">", "<", "=="]
    value: Real
    units: str = ""

    def decide(self, observed: float) -> bool:
        """Whether ``observed`` lies on the passing side; NaN never does."""
        return bool(COMPARATORS[self.comparator](observed, self.value))

    def describe(self) -> str:
        """Metric, comparator, value and units in one line."""
        return f"{self.metric} {self.comparator} {self.value} {self.units}".rstrip()


@record
class Claim(Section):
    """A falsifiable claim: what is said, how it is measured, the boundary, and the two hypotheses."""

    _parts: ClassVar[Mapping[str, type[Section]]] = {"threshold": Threshold}

    statement: str
    operationalization: str
    threshold: Threshold
    h0: str
    h1: str


@record
class PreRegistration(Section):
    """What was fixed before the first observation.

    Attributes:
        config_hash: SHA-256 in hex over the configuration.
        data_hash: SHA-256 in hex over the data.
        analysis_plan: how the verdict follows from the observations.
        sweep_grid: parameters of this run; plain JSON values.
        preregistered_at: ISO 8601 with an offset, not later than the record.
    """

    config_hash: str
    data_hash: str
    analysis_plan: str
    sweep_grid: JsonMap = field(default_factory=dict)
    preregistered_at: str = field(default_factory=utc_now)


@record
class DatasetRef(Section):
    """One data set, named by the hash of its content; ``n_records`` of it were used."""

    name: str
    content_hash: str
    n_records: Annotated[int, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
    source: str
    kind: str = "corpus"


@record
class Verdict(Section):
    """VALIDATED, REFUTED or INCONCLUSIVE, with the value and the boundary it was decided on.

    Attributes:
        outcome: one of the three.
        observed_value: the estimate that was tested, or None where it is undefined.
        threshold: the boundary.
        reasoning: why, in a sentence.
    """

    _parts: ClassVar[Mapping[str, type[Section]]] = {"threshold": Threshold}
    _reals: ClassVar[tuple[str, ...]] = ("observed_value",)

    outcome: Literal["VALIDATED", "REFUTED", "INCONCLUSIVE"]
    observed_value: Real | None
    threshold: Threshold
    reasoning: str

    @classmethod
    def decide(
        cls,
        observed: float | None,
        threshold: Threshold,
        *,
        inconclusive: bool = False,
        reasoning: str = "",
    ) -> Self:
        """Decide; nothing else in the project does.

        Args:
            observed: the plain estimate; None, NaN and infinities are undefined and decide nothing.
            threshold: the boundary of the claim.
            inconclusive: the method found that the evidence excludes neither side.
            reasoning: the reason to record; made from value and boundary where empty.

        Example:
            >>> bar = Threshold("blocked", "<=", 0.1)
            >>> Verdict.decide(0.25, bar).outcome, Verdict.decide(float("nan"), bar).outcome
            ('REFUTED', 'INCONCLUSIVE')
        """
        if observed is None or not math.isfinite(observed):
            why = f"the observed value is undefined ({observed}): {threshold.describe()} was not tested"
            return cls("INCONCLUSIVE", None, threshold, reasoning or why)
        reason = reasoning or f"observed {observed:.6g} against {threshold.describe()}"
        if inconclusive:
            return cls("INCONCLUSIVE", observed, threshold, reason)
        return cls("VALIDATED" if threshold.decide(observed) else "REFUTED", observed, threshold, reason)


@record
class Reproduction(Section):
    """How to get the verdict again: a command, the environment it ran in, and the records it builds on.

    Attributes:
        command: pasted at the recorded commit, it gives the verdict again.
        environment: interpreter, platform and every installed distribution with its version; those of the
            running process where nothing is given.
        lineage_chain: ids of the records that this one builds on.
    """

    command: str
    environment: TextDict = field(default_factory=_running_environment)
    lineage_chain: list[str] = field(default_factory=list)


class ProofContent(Protocol):
    """What is read of a whole record, by what checks it and by what shows it."""

    claim: Claim
    preregistration: PreRegistration
    datasets: list[DatasetRef]
    substrate_name: str
    substrate_git_commit: str
    evidence: list[PillarEvidence]
    verdict: Verdict
    reproduction: Reproduction
    provenance: dict[str, Any]
    ophamin_version: str
    ophamin_git_commit: str
    created_at: str
    schema_version: Literal["1.0", "1.1"]
    signature: str
    attestation: dict[str, str]

    @property
    def proof_id(self) -> str:
        """SHA-256 in hex over the canonical body."""

    def validate(self) -> list[str]:
        """Everything that keeps the record from being well-formed."""
