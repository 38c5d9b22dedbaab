# SPDX-License-Identifier: Apache-2.0
"""The gate's question about audits: did they find something grave, or something that the baseline does not hold?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ophamin.core.records import RecordFieldError
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.trust.audits import AUDIT_NAME
from ophamin.trust.gate_decision import DECIDED_NEGATIVE, PASS, UNDECIDED, Checked, GateRow

if TYPE_CHECKING:
    from ophamin.auditing.audit_record import AuditRecord
    from ophamin.auditing.outcomes import ToolOutcome
    from ophamin.trust.gate_checks import GateInput

__all__ = ["check_findings"]


def check_findings(given: GateInput) -> Checked:
    """One row for each tool of each audit; none where there is no audit.

    Who signed an audit is judged elsewhere. A tool that did not see everything is as an INCONCLUSIVE claim. The lines
    of files, which the baseline knows findings by, are read from the work tree, and so are the comments that suppress
    findings.

    Args:
        given: see `ophamin.trust.gate_checks`.
    """
    from ophamin.auditing.audit_record import AuditRecord

    rows = []
    undecided = PASS if given.policy.inconclusive == "warn" else UNDECIDED
    for path in sorted(given.folder.rglob(AUDIT_NAME)):
        name = visible(str(path))
        try:
            outcomes = _judged(AuditRecord.from_json(path), given)
        except OphaminError as error:
            rows.append(GateRow("UNREADABLE", name, visible(str(error)), UNDECIDED))
        else:
            rows += [_row(f"{name} {one.tool}", one, undecided) for one in outcomes]
    if given.baseline is not None and not rows:
        rows.append(GateRow("MISSING", "audit", "a baseline is given, and no audit is here; run one", UNDECIDED))
    clean = bool(rows) and all(row.exit_code == PASS for row in rows)
    return Checked("findings", tuple(rows), ("OPHAMIN_AUDIT_NO_NEW_HIGH",) if clean else ())


def _judged(record: AuditRecord, given: GateInput) -> tuple[ToolOutcome, ...]:
    from ophamin.auditing.baseline_text import parse_baseline
    from ophamin.auditing.listing import list_files
    from ophamin.auditing.outcomes import judge
    from ophamin.auditing.ratchet import compare_to_baseline
    from ophamin.auditing.runner import tree_digest

    here = given.base.git.top.resolve() / given.base.folder
    root = (here / record.target_path).resolve()
    if not root.is_relative_to(here):
        raise RecordFieldError("target.target_path", f"{record.target_path!r} leads out of the work tree; reject it")
    if tree_digest(list_files(root)) != record.target_content_hash:
        raise RecordFieldError(
            "target.target_content_hash", f"{record.target_path} holds something else than what was audited; audit it"
        )
    if given.baseline is None:
        return judge(record.pillars)
    baseline = parse_baseline(given.baseline)
    return judge(record.pillars, ratchet=compare_to_baseline(record, baseline, today=given.now.date(), root=root))


def _row(name: str, one: ToolOutcome, undecided: int) -> GateRow:
    from ophamin.auditing.outcomes import AuditOutcome

    codes = {AuditOutcome.PASSED: PASS, AuditOutcome.FAILED: DECIDED_NEGATIVE, AuditOutcome.UNDECIDED: undecided}
    return GateRow(one.outcome.value.upper(), name, visible(one.reason), codes[one.outcome])
