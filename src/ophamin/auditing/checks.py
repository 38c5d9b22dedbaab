# SPDX-License-Identifier: Apache-2.0
"""What makes an audit record well-formed as a whole: the problems behind `AuditRecord.validate`.

Types and known words are refused where a value is made; here stands what only the parts together can show: that the
counts add up, that summary and pillars speak of the same tools, and that a verdict follows from its claim and rests
on tools that saw everything. Nothing here looks at a key or at a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from ophamin.auditing.claims import attached_claim, shortfalls
from ophamin.auditing.results import STATE_KEY, PillarResult
from ophamin.auditing.states import PillarState
from ophamin.auditing.tallies import TOP, TOP_FILES, is_top_of, severity_histogram
from ophamin.core.canonical import content_hash
from ophamin.core.timestamps import moment_of

if TYPE_CHECKING:
    from ophamin.auditing.audit_record import AuditRecord
    from ophamin.measuring.proof.record import PreRegistration, Verdict

__all__ = ["problems_of"]

_HEX_64: Final = re.compile(r"[0-9a-f]{64}")
_SHOWN: Final = 60


def problems_of(record: AuditRecord) -> list[str]:
    """One line per problem, in the order of the record's sections; empty for a well-formed record."""
    return [problem for check in _CHECKS for problem in check(record)]


def _identity(record: AuditRecord) -> Iterator[str]:
    if not record.ophamin_version.strip():
        yield "identity.ophamin_version is empty: say which version made the record"
    if moment_of(record.captured_at) is None:
        shown = record.captured_at[:_SHOWN]
        yield f"identity.captured_at is {shown!r}, no ISO 8601 time with an offset; write ...T12:00:00+00:00"


def _target(record: AuditRecord) -> Iterator[str]:
    if not record.target_path.strip():
        yield "target.target_path is empty: say what was audited"
    if not record.target_content_hash.strip():
        yield "target.target_content_hash is empty: hash what was audited"


def _pillars(record: AuditRecord) -> Iterator[str]:
    names = [result.pillar_name for result in record.pillars]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"pillars: {name!r} stands there {names.count(name)} times: one result for each pillar"
    for index, result in enumerate(record.pillars):
        yield from (f"pillars[{index}].{problem}" for problem in _result(result))
        if record.schema_version == "audit/1.0" and result.extra:
            yield f"pillars[{index}].extra is not empty: an audit/1.0 record has no place for it"


def _result(result: PillarResult) -> Iterator[str]:
    counts, findings = result.counts, result.findings
    if counts.finding_count != len(findings):
        yield f"finding_count is {counts.finding_count}, but there are {len(findings)} findings"
    if counts.severity_histogram != severity_histogram(findings):
        yield f"severity_histogram is {counts.severity_histogram}, but the findings give {severity_histogram(findings)}"
    if not is_top_of(counts.per_file_top10, (finding.path for finding in findings), TOP):
        yield "per_file_top10 does not follow from the findings"
    if not is_top_of(counts.per_rule_top10, (finding.rule_id for finding in findings), TOP):
        yield "per_rule_top10 does not follow from the findings"
    strange = [finding.pillar_name for finding in findings if finding.pillar_name != result.pillar_name]
    if strange:
        yield f"findings: {len(strange)} of them are by another pillar ({strange[0][:_SHOWN]!r})"
    named = result.extra.get(STATE_KEY)
    known = [state for state in PillarState if state.value == named]
    if known and known[0].status != result.status:
        yield f"status is {result.status}, but extra.state {named!r} is {known[0].status} on the wire"


def _summary(record: AuditRecord) -> Iterator[str]:
    summary = record.summary
    lists = {
        "ok": ("pillars_run", summary.pillars_run),
        "unavailable": ("pillars_unavailable", summary.pillars_unavailable),
        "error": ("pillars_errored", summary.pillars_errored),
    }
    listed = {name for _, names in lists.values() for name in names}
    there = {result.pillar_name for result in record.pillars}
    for name in sorted(listed - there):
        yield f"summary names the pillar {name[:_SHOWN]!r}, which is not in the record"
    for result in record.pillars:
        title, names = lists[result.status]
        if result.pillar_name not in names:
            yield f"summary.{title} lacks {result.pillar_name[:_SHOWN]!r}, whose status is {result.status}"
        elif result.status != "ok" and result.pillar_name in summary.pillars_run:
            yield f"summary.pillars_run names {result.pillar_name[:_SHOWN]!r}, whose status is {result.status}"


def _totals(record: AuditRecord) -> Iterator[str]:
    summary = record.summary
    findings = [finding for result in record.pillars for finding in result.findings]
    if summary.total_findings != len(findings):
        yield f"summary.total_findings is {summary.total_findings}, but there are {len(findings)} findings"
    histogram = severity_histogram(findings)
    if summary.severity_histogram != histogram:
        yield f"summary.severity_histogram is {summary.severity_histogram}, but the findings give {histogram}"
    made = {result.pillar_name: len(result.findings) for result in record.pillars if result.findings}
    told = {name: count for name, count in summary.findings_per_pillar.items() if count}
    if made != told or not set(summary.findings_per_pillar) <= {result.pillar_name for result in record.pillars}:
        yield f"summary.findings_per_pillar is {summary.findings_per_pillar}, but the pillars have {made}"
    if not is_top_of(summary.top_files, (finding.path for finding in findings), TOP_FILES):
        yield "summary.top_files does not follow from the findings"


def _reproduction(record: AuditRecord) -> Iterator[str]:
    if not record.reproduction_command.strip():
        yield "reproduction.command is empty: say how to get the audit again"


def _claimed(record: AuditRecord) -> Iterator[str]:
    parts = (record.preregistration, record.pre_registered_metric, record.verdict)
    if all(part is None for part in parts):
        return
    if record.schema_version == "audit/1.0":
        yield "an audit/1.0 record has no place for a claim: write audit/1.1"
    if record.preregistration is None or record.pre_registered_metric is None or record.verdict is None:
        yield "preregistration, pre_registered_metric and verdict belong together: one of them is missing"
    else:
        yield from _registered(record, record.preregistration)
        yield from _decided(record, record.pre_registered_metric, record.verdict)


def _registered(record: AuditRecord, registered: PreRegistration) -> Iterator[str]:
    if not registered.config_hash.strip() or not registered.data_hash.strip():
        yield "preregistration.config_hash or data_hash is empty: hash what was fixed before the run"
    before, after = moment_of(registered.preregistered_at), moment_of(record.captured_at)
    if before is None:
        yield "preregistration.preregistered_at is no ISO 8601 time with an offset; write ...T12:00:00+00:00"
    elif after is not None and before > after:
        yield (
            f"preregistered_at {registered.preregistered_at} is later than captured_at {record.captured_at}: "
            "a claim is registered before the run"
        )
    if attached_claim(registered) is not None and registered.config_hash != content_hash(registered.sweep_grid):
        yield "preregistration.config_hash is not that of sweep_grid, which holds the claim: one of them was changed"


def _decided(record: AuditRecord, metric: str, verdict: Verdict) -> Iterator[str]:
    claim = attached_claim(record.preregistration)
    if claim is not None and claim.threshold != verdict.threshold:
        yield (
            f"verdict.threshold ({verdict.threshold.describe()}) is not the claim's ({claim.threshold.describe()}): "
            "decide on the boundary that was claimed"
        )
    counted, observed = record.summary.metric(metric), verdict.observed_value
    if counted is not None and observed is not None and observed != counted:
        yield f"verdict.observed_value is {observed!r}, but {metric} of this audit is {counted}"
    if verdict.outcome == "INCONCLUSIVE":
        return
    if observed is None:
        yield f"verdict.outcome is {verdict.outcome} over an undefined value: that is INCONCLUSIVE"
    elif verdict.threshold.decide(observed) != (verdict.outcome == "VALIDATED"):
        yield (
            f"verdict.outcome {verdict.outcome} contradicts its threshold: observed {observed!r} against "
            f"{verdict.threshold.describe()}"
        )
    elif verdict.outcome == "VALIDATED" and (lacking := shortfalls(record, metric)):
        yield f"verdict.outcome is VALIDATED, but not everything was looked at ({'; '.join(lacking)[:200]})"


def _signature(record: AuditRecord) -> Iterator[str]:
    if record.signature and _HEX_64.fullmatch(record.signature) is None:
        yield f"signature is {record.signature[:_SHOWN]!r}: it is empty or 64 lower-case hex digits"


_CHECKS: Final[tuple[Callable[[AuditRecord], Iterator[str]], ...]] = (
    _identity,
    _target,
    _pillars,
    _summary,
    _totals,
    _reproduction,
    _claimed,
    _signature,
)
