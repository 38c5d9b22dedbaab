# SPDX-License-Identifier: Apache-2.0
"""Seal a run: sign what another process measured, after deciding all of it again in one that ran none of its code.

The folder is foreign. First everything in it is examined and nothing is written; then, only if all of it is sound,
every record is signed, and at last the head of the run, without which no run counts as sealed. A seal shows that this
process saw these records of this commit, complete, each with the verdict that its observations give. It does not show
that anybody measured those observations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from ophamin.core import strictjson
from ophamin.core.dsse import IN_TOTO_TYPE, sign
from ophamin.core.files import write_atomic
from ophamin.core.keys import Signer
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.trust.audits import AUDIT_ENVELOPE_NAME, AUDIT_NAME, audit_statement
from ophamin.trust.chain import RunHead
from ophamin.trust.heads import HEAD_ENVELOPE_NAME, HEAD_NAME, head_statement
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.redecide import Redecided, named_observations
from ophamin.trust.seal_files import run_files
from ophamin.trust.seal_head import bound_head
from ophamin.trust.statements import (
    AUDIT,
    PROOF_NAME,
    Statement,
    StatementError,
    Subject,
    make_test_result,
    proof_statement,
)
from ophamin.trust.verification import Code
from ophamin.trust.verify_files import RecordFiles, UnreadableError
from ophamin.trust.verify_registration import told
from ophamin.trust.verify_signatures import Refusal, open_signed
from ophamin.trust.verify_steps import Check

__all__ = [
    "ENVELOPE_NAME",
    "TEST_RESULT_NAME",
    "AuditReader",
    "Examination",
    "Examined",
    "SealError",
    "examine_run",
    "seal_run",
]

ENVELOPE_NAME: Final = "proof.dsse.json"
TEST_RESULT_NAME: Final = "test-result.dsse.json"
LOCK_NAME: Final = "ophamin.lock"

_KINDS: Final = ("proof", "audit")

AuditReader = Callable[[bytes], Mapping[str, Any]]
"""Reads an audit strictly and gives its wire form, which says the same as the bytes; raises a `ValueError` or an
`OphaminError` where it is none."""


class SealError(OphaminError, ValueError):
    """A run is not to be sealed, or was changed while it was; what was signed before that stands."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found of one file of a run.

    Attributes:
        path: the record, the audit, the head, or what has no place in the folder.
        kind: which of them.
        code: OK, or why it is not sealed.
        words: the same for people; safe to print.
        digest: SHA-256 of the file as it was examined; empty where it could not be read.
        outcome: the verdict of a record.
        claim: its statement; safe to print.
    """

    path: Path
    kind: Literal["proof", "audit", "head", "other"]
    code: Code
    words: str = ""
    digest: str = ""
    outcome: str = ""
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found of a run.

    Attributes:
        folder: of the run.
        files: everything that was looked at, the head last.
        head: of the run; None where it is not sound.
        commit: that was compared, and will be signed; None for none.
        tree: of that commit.
    """

    folder: Path
    files: tuple[Examined, ...]
    head: RunHead | None
    commit: str | None
    tree: str | None

    @property
    def is_sound(self) -> bool:
        """Whether everything may be sealed."""
        return self.head is not None and all(one.code is Code.OK for one in self.files)


def examine_run(
    folder: Path,
    policy: TrustPolicy,
    *,
    commit: str | None,
    tree: str | None,
    now: datetime,
    read_audit: AuditReader,
    secrets: Sequence[bytes] = (),
) -> Examination:
    """Verify and decide again everything in a folder; nothing is written, and nothing in a file raises.

    Args:
        folder: that a run wrote its records to.
        policy: its keys are taken for envelopes that are here already; any level is enough, since the seal gives one.
        commit: what the verifier has checked out, 40 or 64 hex digits; None leaves commits out, also of the seal.
        tree: of that commit; None together with it.
        now: the time, with an offset.
        read_audit: see `AuditReader`.
        secrets: keys that HMAC seals in records may have been made with.

    Raises:
        RunFolderError: it is no folder, or holds too much.

    Example:
        >>> import tempfile
        >>> from datetime import UTC
        >>> here = {"commit": None, "tree": None, "now": datetime.now(UTC), "read_audit": strictjson.loads}
        >>> [one.code.value for one in examine_run(Path(tempfile.mkdtemp()), TrustPolicy(), **here).files]
        ['INCOMPLETE']
    """
    found = run_files(folder)
    how = _How(replace(policy, min_level="L0"), commit, tree, now, read_audit, tuple(secrets))
    examined = [Examined(one.path, "other", Code.MALFORMED, one.words) for one in found.refused]
    examined += [_examine_proof(path, how) for path in found.proofs]
    examined += [_examine_audit(path, how) for path in found.audits]
    head, code, words = None, Code.OK, ""
    try:
        proofs, audits = ([one.digest for one in examined if one.kind == kind and one.digest] for kind in _KINDS)
        head = bound_head(folder, proofs, audits, how.policy, commit=commit, tree=tree, now=now)
    except Refusal as refusal:
        code, words = refusal.code, refusal.words
    examined.append(Examined(folder / HEAD_NAME, "head", code, words))
    return Examination(folder, tuple(examined), head, commit, tree)


def seal_run(examination: Examination, signer: Signer, *, read_audit: AuditReader) -> None:
    """Sign everything of a run that was examined: each record and audit, and at last the head.

    Every file appears whole. After a crash some records are sealed and the head is not; sealing again ends it.

    Args:
        examination: of a sound run.
        signer: the key of the seal.
        read_audit: see `AuditReader`.

    Raises:
        SealError: something is not sound, or a file was changed since it was examined.
        RecordWriteError: a file could not be written.
    """
    head = examination.head
    if head is None or not examination.is_sound:
        raise SealError("not everything of the run is sound; mend what the examination names, and seal again")
    for one in examination.files:
        if one.kind == "proof":
            _seal_proof(one, examination, head, signer)
        elif one.kind == "audit":
            data = _unchanged(one)
            statement = audit_statement(read_audit(data), data, examination.commit, examination.tree)
            _write(one.path.with_name(AUDIT_ENVELOPE_NAME), statement, signer)
    statement = head_statement(head, examination.commit, examination.tree, lock=head.lock)
    _write(examination.folder / HEAD_ENVELOPE_NAME, statement, signer)


@dataclass(frozen=True, slots=True)
class _How:
    """What a run is examined with; see `examine_run`."""

    policy: TrustPolicy
    commit: str | None
    tree: str | None
    now: datetime
    read_audit: AuditReader
    secrets: tuple[bytes, ...]

    def check(self, path: Path) -> Check:
        """The verification of a record."""
        files, is_compared = RecordFiles(path, is_ours=True), self.commit is not None
        return Check(files, self.policy, self.commit, self.tree, self.now, None, self.secrets, is_compared)


def _examine_proof(path: Path, how: _How) -> Examined:
    check = how.check(path)
    answer = check.run()
    code, words, data = answer.code, answer.words, b""
    try:
        data = check.files.proof() or b""
        if code is Code.OK:
            _require_sealable(check, data)
    except Refusal as refusal:
        code, words = refusal.code, refusal.words
    except StatementError as error:
        code, words = Code(error.code), visible(str(error))
    except ValueError as error:
        code, words = Code.MALFORMED, visible(str(error))
    digest = hashlib.sha256(data).hexdigest() if data else ""
    return Examined(path, "proof", code, words, digest, answer.outcome, answer.claim)


def _require_sealable(check: Check, data: bytes) -> None:
    """What a seal asks for beyond a verification: a verdict that was computed again, in a record of this commit."""
    again = check.redecision
    if again is None or again.result is not Redecided.SAME:
        why = again.words if again is not None else "nothing was decided again"
        way_out = "a seal needs a verdict that follows from the observations; keep this record in another folder"
        raise Refusal(Code.INCOMPLETE, f"{why}; {way_out}")
    record = _record(data)  # from the file, since an envelope holds its free maps in another order
    if record.proof_id != check.proof_id or record.dumps().encode("ascii") != data:
        raise Refusal(Code.MALFORMED, f"{PROOF_NAME} is not written as ophamin writes it; get it anew")
    named = told(record, "project_commit")
    if check.commit is not None and named != check.commit:
        shown = str(named or "none")[:12]
        raise Refusal(Code.MISMATCH, f"the record names the commit {shown}, and {check.commit[:12]} is meant")
    _proof_statement(record, check.commit, check.tree)


def _examine_audit(path: Path, how: _How) -> Examined:
    files = RecordFiles(path, is_ours=False)
    digest, code, words = "", Code.OK, ""
    try:
        data, envelope = files.proof(), files.envelope()
        if data is None:
            raise Refusal(Code.INCOMPLETE, f"{AUDIT_NAME} is missing; get the whole folder of the audit")
        digest = hashlib.sha256(data).hexdigest()
        audit_statement(how.read_audit(data), data, how.commit, how.tree)
        if envelope is not None:
            signed = open_signed(
                envelope,
                AUDIT,
                how.policy,
                commit=how.commit,
                tree=how.tree,
                now=how.now,
                require_clean=how.commit is not None,
            )
            if signed.statement.digest_of(AUDIT_NAME) != digest:
                raise Refusal(Code.MISMATCH, f"{AUDIT_NAME} is not the file that was signed; get it anew")
    except Refusal as refusal:
        code, words = refusal.code, refusal.words
    except StatementError as error:
        code, words = Code(error.code), visible(str(error))
    except (OphaminError, ValueError) as error:
        code, words = Code.MALFORMED, visible(str(error))
    return Examined(path, "audit", code, words, digest)


def _record(data: bytes) -> EmpiricalProofRecord:
    return EmpiricalProofRecord.from_dict(strictjson.loads(data, what=PROOF_NAME))


def _proof_statement(record: EmpiricalProofRecord, commit: str | None, tree: str | None) -> Statement:
    return proof_statement(record, named_observations(record), commit, tree)


def _seal_proof(one: Examined, run: Examination, head: RunHead, signer: Signer) -> None:
    record = _record(_unchanged(one))
    _write(one.path.with_name(ENVELOPE_NAME), _proof_statement(record, run.commit, run.tree), signer)
    if run.commit is None or run.tree is None:
        return  # the predicate of others speaks of a commit
    used = [Subject(PROOF_NAME, {"sha256": one.digest})]
    if head.lock is not None:
        used.append(Subject(LOCK_NAME, {"sha256": head.lock}))
    outcome = {str(told(record, "name") or record.claim.statement): record.verdict.outcome}
    _write(one.path.with_name(TEST_RESULT_NAME), make_test_result(outcome, used, run.commit, run.tree), signer)


def _unchanged(one: Examined) -> bytes:
    """The file as it was examined; what is signed is what was judged."""
    try:
        data = RecordFiles(one.path, is_ours=False).proof()
    except UnreadableError:
        data = None
    if data is None or hashlib.sha256(data).hexdigest() != one.digest:
        raise SealError(f"{visible(str(one.path))} was changed while the run was sealed; seal where nobody else writes")
    return data


def _write(path: Path, statement: Statement, signer: Signer) -> None:
    write_atomic(path, sign(statement.data, IN_TOTO_TYPE, [signer]).to_bytes())
