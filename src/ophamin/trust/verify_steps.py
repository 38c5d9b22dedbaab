# SPDX-License-Identifier: Apache-2.0
"""The ten steps of a verification, in their order; `ophamin.trust.verify` is the door to them.

Each step passes with words, does not apply, or fails with a code, and the first failure ends the way. A record is
hostile until its last step: nothing in it may raise here, and nothing of it is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from ophamin.core import dsse, strictjson
from ophamin.core.keyring import RingKey
from ophamin.core.signing import PUBLIC_KEYS
from ophamin.core.text import visible
from ophamin.measuring.lock_claims import Lock
from ophamin.measuring.observations import ObservationsError, Table
from ophamin.measuring.proof.codec import ACCEPTED_VERSIONS
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.trust import statements
from ophamin.trust.policy import ROLE_LEVELS, Level, TrustPolicy
from ophamin.trust.redecide import (
    MAX_PACKED_BYTES,
    Redecided,
    Redecision,
    named_observations,
    redecide_rows,
    unpack_bounded,
    verdict_contradiction,
)
from ophamin.trust.verification import LEGACY_HMAC, STEP_NAMES, Code, State, Step, Verification
from ophamin.trust.verify_content import read_together
from ophamin.trust.verify_files import RecordFiles, UnreadableError
from ophamin.trust.verify_registration import attempt_of, check_registered, claimed_id, told
from ophamin.trust.verify_signatures import Refusal, check_git_subjects, check_same, level_of, signers_of

__all__ = ["Check"]

SECRET_BYTES: Final = 32
AHEAD: Final = timedelta(minutes=5)
"""How far the clock of another machine may go ahead."""


class _NotApplicable(Exception):  # noqa: N818 - ends one step, and never leaves this module
    pass


@dataclass
class Check:
    """One verification on its way: what the caller gave, and what the steps have found so far.

    The first eight attributes are those of `ophamin.trust.verify.verify_record`.
    """

    files: RecordFiles
    policy: TrustPolicy
    commit: str | None
    tree: str | None
    now: datetime
    lock: Lock | None
    secrets: tuple[bytes, ...]
    require_clean: bool = False
    envelope: dsse.Envelope | None = None
    raw: Any = None
    early: dsse.EnvelopeError | None = None
    signers: dict[str, list[RingKey]] = field(default_factory=dict)
    level: Level = "L0"
    signed_by: tuple[str, ...] = ()
    statement: statements.Statement | None = None
    record: EmpiricalProofRecord | None = None
    file: bytes | None = None
    is_read: bool = False
    table: Table | None = None
    digest: str = ""
    proof_id: str = ""
    claim_id: str = ""
    system: str = ""
    redecision: Redecision | None = None

    def run(self) -> Verification:
        """Go the ten steps, to the first that fails."""
        steps: list[Step] = []
        code, words = Code.OK, ""
        actions = (
            self._open,
            self._type,
            self._signatures,
            self._validity,
            self._content,
            self._subjects,
            self._freshness,
            self._registration,
            self._redecide,
            self._completeness,
        )
        for number, (name, action) in enumerate(zip(STEP_NAMES, actions, strict=True), 1):
            state: State = "not reached"
            told = ""
            if code is Code.OK:
                try:
                    state, told = "pass", visible(action())
                except _NotApplicable as reason:
                    state, told = "not applicable", visible(str(reason))
                except Refusal as failure:
                    state, told, code, words = "fail", failure.words, failure.code, failure.words
            steps.append(Step(number, name, state, told))
        return self._answer(code, words or steps[8].words, tuple(steps))

    def _answer(self, code: Code, words: str, steps: tuple[Step, ...]) -> Verification:
        record = self.record
        if record is not None and self.lock is not None and not self.claim_id:
            self.claim_id = claimed_id(record, self.lock)  # so that a claim's line can say what became of its record
        return Verification(
            path=self.files.label,
            code=code,
            level=self.level,
            words=words,
            steps=steps,
            proof_id=self.proof_id,
            outcome="" if record is None else record.verdict.outcome,
            claim=("" if record is None else visible(record.claim.statement)),
            claim_id=self.claim_id,
            system=self.system,
            attempt=None if record is None else attempt_of(record),
            signed_by=self.signed_by,
            redecision=self.redecision,
        )

    # 1. Open without following links, a regular file, a size limit; strict parse of the envelope.
    def _open(self) -> str:
        try:
            data = self.files.envelope()
            if data is None:
                self.raw = strictjson.loads(self._proof_file(), what=self.files.proof_name)
                return "the record, which has no envelope"
            self.envelope = dsse.parse_envelope(data, payload_types=self.policy.payload_types)
        except (dsse.WrongTypeError, dsse.UnsignedEnvelopeError) as error:
            self.early = error  # sound as JSON; the step that it belongs to speaks of it
        except (UnreadableError, strictjson.StrictJSONError, dsse.EnvelopeError) as error:
            raise Refusal(Code.MALFORMED, str(error)) from error
        return "the envelope"

    # 2. Canonical base64 (seen to while parsing), and a type that is allowed.
    def _type(self) -> str:
        if isinstance(self.early, dsse.WrongTypeError):
            raise Refusal(Code.WRONG_TYPE, str(self.early))
        if self.envelope is None:
            raise _NotApplicable("no envelope")
        return self.envelope.payload_type

    # 3. Every signature with every key of a permitted role; the algorithm is the key's, never the envelope's.
    def _signatures(self) -> str:
        if self.early is not None:
            raise Refusal(Code.UNSIGNED, str(self.early))
        if self.envelope is None:
            return self._seal()
        self.signers = signers_of(self.envelope, self.policy)
        return "; ".join(f"{role}: {', '.join(k.key_id[:12] for k in keys)}" for role, keys in self.signers.items())

    def _seal(self) -> str:
        """An old HMAC seal gives L1 at most; without one the record is unsigned."""
        sealed = isinstance(self.raw, dict) and bool(self.raw.get("signature"))
        if not sealed or self.policy.allow_hmac == "never":
            if self.policy.min_level != "L0":
                told = "an HMAC seal, which the policy does not take" if sealed else "no signature"
                raise Refusal(
                    Code.UNSIGNED, f"{told}; {self.policy.min_level} is needed. Seal the record, or mend min_level"
                )
            raise _NotApplicable("unsigned (L0): nothing shows who made the record")
        try:
            record = EmpiricalProofRecord.from_dict(self.raw)
        except ValueError:
            raise _NotApplicable("not looked at: the record cannot be read, see step 5") from None
        if any(record.verify_signature(key) for key in PUBLIC_KEYS):
            raise Refusal(Code.KEY_PUBLIC, "sealed with a key that stands in public source; anybody can do that")
        if self.policy.min_level == "L2":
            raise Refusal(Code.UNSIGNED, "an HMAC seal gives L1 at most, and L2 is needed; have the record signed")
        if not self.secrets:
            raise Refusal(Code.UNKNOWN_KEY, "sealed by HMAC, and no secret was given to check it; give it with --key")
        fitting = next((key for key in self.secrets if record.verify_signature(key)), None)
        if fitting is None:
            raise Refusal(Code.BAD_SIGNATURE, "the HMAC seal fits none of the given secrets; reject it, or try its key")
        if len(fitting) < SECRET_BYTES or len(set(fitting)) == 1:
            told = f"sealed with a secret of {len(fitting)} bytes, {len(set(fitting))} of them different"
            raise Refusal(Code.KEY_PUBLIC, f"{told}: it can be guessed; {SECRET_BYTES} random bytes are needed")
        self.level, self.signed_by = "L1", (LEGACY_HMAC,)
        return f"{LEGACY_HMAC}: made or passed by a holder of the secret"

    # 4. The keys are valid now: nobody witnesses when the signature was made.
    def _validity(self) -> str:
        if self.envelope is None:
            raise _NotApplicable("no key of a ring" if self.signed_by else "unsigned")
        self.level, self.signed_by = level_of(self.signers, self.policy, self.now)
        roles = [role for role, level in ROLE_LEVELS.items() if level == self.level]
        return f"{self.level}, by {', '.join(roles)}"

    # 5. Parse the very bytes that were verified: kind, schema, form, id.
    def _content(self) -> str:
        unknown: tuple[str, ...] = ()
        try:
            if self.envelope is not None:
                self.statement, self.record = self._signed_content(self.envelope.payload)
                unknown = self.statement.unknown
            else:
                _require_known_schema(self.raw)
                self.record = EmpiricalProofRecord.from_dict(self.raw)
        except statements.StatementError as error:
            raise Refusal(Code(error.code), str(error)) from error
        except ValueError as error:
            raise Refusal(Code.MALFORMED, str(error)) from error
        wire = self.raw if self.statement is None else self.statement.predicate["record"]
        self.proof_id = wire["proof_id"]  # compared with the content when the record was read
        problems = self.record.validate()
        if problems and not verdict_contradiction(self.record):  # which is worse, and for step 9 to say
            raise Refusal(Code.MALFORMED, problems[0])
        more = f"; unknown fields: {', '.join(unknown)[:200]}" if unknown else ""
        return f"record {self.proof_id[:12]}, schema {self.record.schema_version}{more}"

    def _signed_content(self, payload: bytes) -> tuple[statements.Statement, EmpiricalProofRecord]:
        kinds = self.policy.predicate_types
        try:
            self.file = self.files.proof()
        except UnreadableError:
            self.file = None  # the next step reads it again, and says so
        together = None if self.file is None else read_together(payload, self.file, predicate_types=kinds)
        if together is not None:
            self.is_read, (statement, record) = True, together
            return statement, statements.proof_record(statement, read=record)
        statement = statements.read_statement(payload, predicate_types=kinds)
        if statement.predicate_type == statements.PROOF:
            _require_known_schema(statement.predicate.get("record"))
        return statement, statements.proof_record(statement)

    # 6. Exactly one commit and one tree, the verifier's own; files and data as their digests say.
    def _subjects(self) -> str:
        record = self._read()
        told = [self._git_subjects(record), *self._same_file(), *self._same_observations(record)]
        if not any(told):
            raise _NotApplicable("nothing to compare: no commit was given, and the record names no file")
        return ", ".join(filter(None, told))

    def _git_subjects(self, record: EmpiricalProofRecord) -> str:
        if self.statement is not None:
            return check_git_subjects(
                self.statement, self.policy, commit=self.commit, tree=self.tree, require_clean=self.require_clean
            )
        named = told(record, "project_commit")  # an unsigned record states no tree, and need not name a commit
        theirs = (named,) if isinstance(named, str) and named else ()
        if self.commit is not None and (theirs or self.require_clean):
            check_same("commit", theirs, self.commit)
        if self.require_clean and told(record, "project_dirty") != "false":
            raise Refusal(Code.MISMATCH, "the record does not say that its work tree was clean; commit, and run again")
        return "" if self.commit is None else "this commit"

    def _same_file(self) -> Iterator[str]:
        if self.statement is None:
            return
        try:
            data = self._proof_file() if self.file is None else self.file
            statements.check_same_file(self.statement, data, is_read=self.is_read)
        except statements.StatementError as error:
            raise Refusal(Code(error.code), str(error)) from error
        except UnreadableError as error:
            raise Refusal(Code.INCOMPLETE, str(error)) from error
        yield "the signed file"

    def _same_observations(self, record: EmpiricalProofRecord) -> Iterator[str]:
        named = named_observations(record)
        if self.statement is not None and self.statement.predicate["observations_sha256"] != named:
            raise Refusal(Code.MISMATCH, "statement and record name different observations; do not use the record")
        if named is None:
            return
        try:
            data = self.files.observations(MAX_PACKED_BYTES)
            if data is None:
                raise Refusal(Code.INCOMPLETE, "the observations are missing; get observations.json.gz of this record")
            self.table, self.digest = unpack_bounded(data)
        except (UnreadableError, ObservationsError) as error:
            raise Refusal(Code.MALFORMED, str(error)) from error
        if self.digest != named:
            raise Refusal(
                Code.MISMATCH,
                f"the observations have the digest {self.digest[:12]}, and the record names {named[:12]}; get its own",
            )
        yield f"{self.table.n_rows} rows of observations"

    # 7. Not older than the policy takes, and not of tomorrow.
    def _freshness(self) -> str:
        age = self.now - datetime.fromisoformat(self._read().created_at)
        if age < -AHEAD:
            raise Refusal(Code.STALE, f"the record was made {-age} from now; set the clock, or reject it")
        if self.policy.max_age is None:
            raise _NotApplicable("any age is taken")
        if age > self.policy.max_age:
            raise Refusal(Code.STALE, f"{age} old; the policy takes {self.policy.max_age}. Run the claim again")
        return f"{max(age, timedelta())} old"

    # 8. The claim stands in the lock, as it was tried.
    def _registration(self) -> str:
        if self.lock is None:
            raise _NotApplicable("no lock was given")
        found = check_registered(self._read(), self.lock, seed=self.policy.seed)
        self.claim_id, self.system = found.claim_id, found.system
        return f"{found.claim_id} on {found.system}" if found.system else found.claim_id

    # 9. The same verdict comes out of plan and observations.
    def _redecide(self) -> str:
        self.redecision = found = redecide_rows(self._read(), self.table, self.digest)
        if found.result is Redecided.CONTRADICTION:
            raise Refusal(Code.CONTRADICTION, found.words)
        if found.result is Redecided.NOT_RECOMPUTABLE:
            if found.cause in {"plan", "observations"}:
                raise Refusal(Code.INCOMPLETE, f"not decided again: {found.words}")
            raise _NotApplicable(found.words)
        return found.words

    # 10. The set of records is for whoever has all of them.
    def _completeness(self) -> str:
        raise _NotApplicable("one record; the gate compares the set of them with the lock")

    def _proof_file(self) -> bytes:
        data = self.files.proof()
        if data is None:
            raise UnreadableError(f"{self.files.proof_name} is missing; get the whole folder of the record")
        return data

    def _read(self) -> EmpiricalProofRecord:
        assert self.record is not None
        return self.record


def _require_known_schema(raw: Any) -> None:
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if isinstance(version, str) and version not in ACCEPTED_VERSIONS:
        known = " and ".join(ACCEPTED_VERSIONS)
        told = f"the record is of schema {version[:20]!r}; this reads proofs of {known}"
        raise Refusal(Code.WRONG_TYPE, f"{told}. Verify it with the version that wrote it")
