# SPDX-License-Identifier: Apache-2.0
"""The gate's question about audit records: who signed them, and of which commit. What they found is not judged here."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from ophamin.core.dsse import MAX_ENVELOPE_BYTES
from ophamin.core.text import visible
from ophamin.trust.audits import AUDIT_ENVELOPE_NAME, AUDIT_NAME, MAX_AUDIT_BYTES
from ophamin.trust.gate_claims import exit_of
from ophamin.trust.gate_decision import Checked, GateRow
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.statements import AUDIT, StatementError
from ophamin.trust.verification import Code
from ophamin.trust.verify_files import UnreadableError, read_bounded
from ophamin.trust.verify_signatures import Refusal, open_signed

__all__ = ["check_audits"]


def check_audits(folder: Path, policy: TrustPolicy, *, commit: str, tree: str, now: datetime) -> Checked:
    """One row for each audit record below a folder; none for none.

    Args:
        folder: of the records.
        policy: as it holds for this event.
        commit: that is judged.
        tree: of that commit.
        now: the time, with an offset.
    """
    names = (AUDIT_NAME, AUDIT_ENVELOPE_NAME)
    paths = sorted({found.with_name(AUDIT_NAME) for name in names for found in folder.rglob(name)})
    rows = []
    for path in paths:
        try:
            state, words = _verified(path, policy, commit=commit, tree=tree, now=now)
        except (Refusal, StatementError, UnreadableError) as error:
            code = Code.MALFORMED if isinstance(error, UnreadableError) else Code(error.code)
            rows.append(GateRow(code.value, visible(str(path)), visible(str(error)), exit_of(code)))
        else:
            rows.append(GateRow(state, visible(str(path)), words))
    trusted = bool(rows) and all(row.state == Code.OK for row in rows)
    return Checked("audits", tuple(rows), ("OPHAMIN_AUDITS_TRUSTED",) if trusted else ())


def _verified(path: Path, policy: TrustPolicy, *, commit: str, tree: str, now: datetime) -> tuple[str, str]:
    data = read_bounded(path, MAX_AUDIT_BYTES)
    if data is None:
        raise Refusal(Code.INCOMPLETE, f"{AUDIT_NAME} is missing; get the whole folder of the audit")
    envelope = read_bounded(path.with_name(AUDIT_ENVELOPE_NAME), MAX_ENVELOPE_BYTES)
    if envelope is None:
        if policy.min_level != "L0":
            raise Refusal(Code.UNSIGNED, f"no signature; {policy.min_level} is needed. Seal the audit")
        return "UNSIGNED", "unsigned (L0): nothing shows who made the audit, or of which commit"
    if AUDIT not in policy.predicate_types:
        raise Refusal(
            Code.WRONG_TYPE, f"the policy takes no statement of the kind {AUDIT}; add it, or leave audits out"
        )
    signed = open_signed(envelope, AUDIT, policy, commit=commit, tree=tree, now=now, require_clean=True)
    found = hashlib.sha256(data).hexdigest()
    if signed.statement.digest_of(AUDIT_NAME) != found:
        raise Refusal(
            Code.MISMATCH, f"{AUDIT_NAME} has the digest {found[:12]}, and another is signed; reject the file"
        )
    return Code.OK.value, f"signed ({signed.level}), of this commit"
