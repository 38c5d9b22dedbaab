# SPDX-License-Identifier: Apache-2.0
"""A claim over an audit: attached to the record, or made into a proof around it.

A count of findings speaks for the whole tree only if every tool saw all of it. Where one did not, a claim that few
findings were made is INCONCLUSIVE, however few there are; that more were made than allowed stays REFUTED, since
looking at the rest can only add to them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ophamin.core.canonical import content_hash
from ophamin.core.environment import ophamin_commit, ophamin_version
from ophamin.core.records import RecordFieldError
from ophamin.core.strictjson import StrictJSONError, loads
from ophamin.errors import OphaminError
from ophamin.measuring.proof.provenance import provenance_graph
from ophamin.measuring.proof.record import (
    Claim,
    DatasetRef,
    EmpiricalProofRecord,
    PillarEvidence,
    PreRegistration,
    Reproduction,
    Verdict,
    schema_version_for,
)

if TYPE_CHECKING:
    from ophamin.auditing.audit_record import AuditRecord

__all__ = ["AuditClaimError", "attach", "attached_claim", "proof_of", "shortfalls", "wrapped_audit"]

AUDITOR: Final = "ophamin.auditing.AuditRecord"
"""The system a wrapped audit names; the audited tree is its data."""

_KEY: Final = "audit"
_BEFORE: Final = "before the run"
_AFTER: Final = "with the result"


class AuditClaimError(OphaminError, ValueError):
    """A claim does not fit the audit that it is put over."""


def shortfalls(record: AuditRecord, metric: str = "total_findings") -> list[str]:
    """Which pillars may not vouch for ``metric``, as ``name: state``; empty where all may.

    The number of findings of one pillar rests on that pillar alone.
    """
    counted = [result for result in record.pillars if result.pillar_name == metric] or record.pillars
    lacking = [f"{result.pillar_name}: {result.state.value}" for result in counted if not result.may_pass]
    return lacking if counted else ["no pillar ran"]


def attach(
    record: AuditRecord,
    claim: Claim,
    observed_value: float | None,
    *,
    metric: str,
    analysis_plan: str,
    preregistered_at: str | None,
) -> None:
    """Put claim, registration and verdict into a record, which becomes audit/1.1 and unsigned.

    Raises:
        AuditClaimError: the claim is none, or the value is not that metric of this audit.
    """
    verdict = _decided(record, claim, observed_value, metric)
    registered = _registration(record, claim, metric, analysis_plan, preregistered_at)
    record.schema_version = "audit/1.1"
    record.preregistration = registered
    record.pre_registered_metric = metric
    record.verdict = verdict
    record.signature = ""


def attached_claim(registered: PreRegistration | None) -> Claim | None:
    """The claim that `attach` kept in a registration; None where there is none in that form."""
    if registered is not None:
        with suppress(RecordFieldError):
            return Claim.from_dict(registered.sweep_grid.get("claim"))
    return None


def proof_of(
    record: AuditRecord,
    claim: Claim,
    observed_value: float | None,
    *,
    pillar_name: str,
    statistic_name: str,
    library: str,
    library_version: str,
    analysis_plan: str,
) -> EmpiricalProofRecord:
    """An unsigned proof over an audit, with the whole audit in the detail of its one piece of evidence.

    Raises:
        AuditClaimError: the claim is none, the value is not that statistic of this audit, the version of the library
            is not known, or the proof would be too large to be read.
    """
    verdict = _decided(record, claim, observed_value, statistic_name)
    registered = record.preregistration if attached_claim(record.preregistration) == claim else None
    evidence = PillarEvidence(
        pillar=pillar_name,
        statistic_name=statistic_name,
        statistic_value=verdict.observed_value if verdict.observed_value is None else observed_value,
        library=library,
        library_version=_version_of(record, library, library_version),
        detail={_KEY: record.to_dict(), "environment": "of the process that made the proof"},
    )
    dataset = DatasetRef(
        name=f"audit-target:{record.target_path}",
        content_hash=record.target_content_hash,
        n_records=_looked_at(record),
        source=record.target_path,
        kind="audit-target",
    )
    before = registered.preregistered_at if registered and _was_before(registered) else None
    stated = {"name": f"audit.{statistic_name}", "method": "exact", "registration": _BEFORE if before else _AFTER}
    proof = EmpiricalProofRecord(
        claim=claim,
        preregistration=_registration(record, claim, statistic_name, analysis_plan, before),
        datasets=[dataset],
        substrate_name=AUDITOR,
        substrate_git_commit=record.ophamin_git_commit or f"ophamin-{record.ophamin_version or 'unknown'}",
        evidence=[evidence],
        verdict=verdict,
        reproduction=Reproduction(command=record.reproduction_command, lineage_chain=[record.audit_id]),
        provenance=provenance_graph(stated, [dataset], AUDITOR),
        ophamin_version=ophamin_version(),
        ophamin_git_commit=ophamin_commit(),
        created_at=record.captured_at,
        schema_version=schema_version_for(verdict.observed_value, [evidence], [dataset]),
    )
    _check_readable(proof, record)
    return proof


def wrapped_audit(proof: EmpiricalProofRecord) -> Mapping[str, Any]:
    """The wire form of the audit inside a proof that `proof_of` made.

    Raises:
        AuditClaimError: there is none.
    """
    for piece in proof.evidence:
        if isinstance(found := piece.detail.get(_KEY), Mapping):
            return found
    raise AuditClaimError("this proof holds no audit; give one that AuditRecord.wrap_as_proof made")


def _decided(record: AuditRecord, claim: Claim, observed: float | None, metric: str) -> Verdict:
    if not isinstance(claim, Claim):
        raise AuditClaimError(f"a {type(claim).__name__} is no claim; make one with ophamin.claim(...)")
    if observed is None or not math.isfinite(observed):
        return Verdict.decide(observed, claim.threshold)
    counted = record.summary.metric(metric)
    if counted is not None and observed != counted:
        raise AuditClaimError(
            f"{observed!r} is not {metric} of this audit, which is {counted}; name the metric that was observed"
        )
    bar, lacking = claim.threshold, shortfalls(record, metric)
    # Looking at what was not seen can only raise a count.
    beyond = bar.comparator in {"<=", "<", "=="} and observed >= bar.value and not bar.decide(observed)
    if not lacking or (counted is not None and beyond):
        return Verdict.decide(observed, bar)
    reason = f"not everything was looked at ({'; '.join(lacking)}), so {metric} = {observed:g} decides nothing"
    return Verdict.decide(observed, bar, inconclusive=True, reasoning=reason)


def _registration(
    record: AuditRecord, claim: Claim, metric: str, analysis_plan: str, preregistered_at: str | None
) -> PreRegistration:
    """What was fixed; the configuration is in the record whole, and its SHA-256 beside it."""
    configuration = {
        "claim": claim.to_dict(),
        "metric": metric,
        "registered": _AFTER if preregistered_at is None else _BEFORE,
    }
    return PreRegistration(
        config_hash=content_hash(configuration),
        data_hash=record.target_content_hash,
        analysis_plan=analysis_plan,
        sweep_grid=configuration,
        preregistered_at=record.captured_at if preregistered_at is None else preregistered_at,
    )


def _was_before(registered: PreRegistration) -> bool:
    return registered.sweep_grid.get("registered") == _BEFORE


def _looked_at(record: AuditRecord) -> int:
    """How many files and dependencies were listed for a pillar; the findings where no pillar says."""
    listed = max((result.coverage.listed for result in record.pillars if result.coverage), default=0)
    return max(listed or record.summary.total_findings, 1)


def _version_of(record: AuditRecord, library: str, given: str) -> str:
    if given.strip():
        return given
    if library == "ophamin":
        return record.ophamin_version or ophamin_version()
    for result in record.pillars:
        if library in {result.tool_name, result.pillar_name} and result.tool_version:
            return result.tool_version
    raise AuditClaimError(f"the version of {library!r} is not in this audit; pass library_version=")


def _check_readable(proof: EmpiricalProofRecord, record: AuditRecord) -> None:
    try:
        loads(proof.dumps().encode("ascii"), what="the proof")
    except StrictJSONError as error:
        raise AuditClaimError(
            f"an audit of {record.summary.total_findings} findings does not fit into a proof ({error}); "
            "attach the claim to the audit itself (attach_pre_registration), or audit a part of the tree"
        ) from error
