# SPDX-License-Identifier: Apache-2.0
"""The ten steps of a verification, in their order; `ophamin.trust.verify` is the door to them.

Each step passes with words, does not apply, or fails with a code, and the first failure ends the way. A record is
hostile until its last step: nothing in it may raise here, and nothing of it is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from ophamin.core import dsse, strictjson
from ophamin.core.keyring import RingKey
from ophamin.core.signing import PUBLIC_KEYS
from ophamin.core.text import visible
from ophamin.errors import ClaimError
from ophamin.measuring.lock_claims import Lock, LockedClaim, changes_between
from ophamin.measuring.lock_text import LockError
from ophamin.measuring.observations import ObservationsError, Table
from ophamin.measuring.proof.codec import ACCEPTED_VERSIONS
from ophamin.measuring.proof.provenance import SCENARIO_ENTITY
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.trust import statements
from ophamin.trust.policy import ROLE_LEVELS, Level, TrustPolicy
from ophamin.trust.redecide import (
    MAX_PACKED_BYTES,
    Redecided,
    Redecision,
    named_observations,
    recorded_plan,
    redecide_rows,
    unpack_bounded,
    verdict_contradiction,
)
from ophamin.trust.verification import LEGACY_HMAC, STEP_NAMES, Code, State, Step, Verification
from ophamin.trust.verify_files import RecordFiles, UnreadableError

__all__ = ["Check"]

SECRET_BYTES: Final = 32
AHEAD: Final = timedelta(minutes=5)
"""How far the clock of another machine may go ahead."""


class _Fail(Exception):  # noqa: N818 - ends one verification, and never leaves this module
    def __init__(self, code: Code, words: str) -> None:
        self.code = code
        self.words = visible(words)


class _NotApplicable(Exception):  # noqa: N818 - ends one step, and never leaves this module
    pass


@dataclass
class Check:
    """One verification on its way: what the caller gave, and what the steps have found so far.

    The first seven attributes are those of `ophamin.trust.verify.verify_record`.
    """

    files: RecordFiles
    policy: TrustPolicy
    commit: str | None
    tree: str | None
    now: datetime
    lock: Lock | None
    secrets: tuple[bytes, ...]
    envelope: dsse.Envelope | None = None
    raw: Any = None
    early: dsse.EnvelopeError | None = None
    signers: dict[str, list[RingKey]] = field(default_factory=dict)
    level: Level = "L0"
    signed_by: tuple[str, ...] = ()
    statement: statements.Statement | None = None
    record: EmpiricalProofRecord | None = None
    table: Table | None = None
    digest: str = ""
    proof_id: str = ""
    claim_id: str = ""
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
                except _Fail as failure:
                    state, told, code, words = "fail", failure.words, failure.code, failure.words
            steps.append(Step(number, name, state, told))
        return self._answer(code, words or steps[8].words, tuple(steps))

    def _answer(self, code: Code, words: str, steps: tuple[Step, ...]) -> Verification:
        record = self.record
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
            attempt=None if record is None else _attempt(record),
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
            raise _Fail(Code.MALFORMED, str(error)) from error
        return "the envelope"

    # 2. Canonical base64 (seen to while parsing), and a type that is allowed.
    def _type(self) -> str:
        if isinstance(self.early, dsse.WrongTypeError):
            raise _Fail(Code.WRONG_TYPE, str(self.early))
        if self.envelope is None:
            raise _NotApplicable("no envelope")
        return self.envelope.payload_type

    # 3. Every signature with every key of a permitted role; the algorithm is the key's, never the envelope's.
    def _signatures(self) -> str:
        if self.early is not None:
            raise _Fail(Code.UNSIGNED, str(self.early))
        if self.envelope is None:
            return self._seal()
        refused: list[dsse.EnvelopeError] = []
        for role in self.policy.roles():
            keys = self.policy.ring.with_role(role)
            try:
                made = dsse.verify(self.envelope, [key.public for key in keys], threshold=self.policy.threshold(role))
            except dsse.EnvelopeError as error:
                refused.append(error)
            else:
                self.signers[role] = [key for key in keys if key.key_id in made]
        if not self.signers:
            worst = next((one for one in refused if one.code == "BAD_SIGNATURE"), refused[0])
            raise _Fail(Code(worst.code), f"{worst} (roles: {', '.join(self.policy.roles())})")
        return "; ".join(f"{role}: {', '.join(k.key_id[:12] for k in keys)}" for role, keys in self.signers.items())

    def _seal(self) -> str:
        """An old HMAC seal gives L1 at most; without one the record is unsigned."""
        sealed = isinstance(self.raw, dict) and bool(self.raw.get("signature"))
        if not sealed or self.policy.allow_hmac == "never":
            if self.policy.min_level != "L0":
                told = "an HMAC seal, which the policy does not take" if sealed else "no signature"
                raise _Fail(
                    Code.UNSIGNED, f"{told}; {self.policy.min_level} is needed. Seal the record, or mend min_level"
                )
            raise _NotApplicable("unsigned (L0): nothing shows who made the record")
        try:
            record = EmpiricalProofRecord.from_dict(self.raw)
        except ValueError:
            raise _NotApplicable("not looked at: the record cannot be read, see step 5") from None
        if any(record.verify_signature(key) for key in PUBLIC_KEYS):
            raise _Fail(Code.KEY_PUBLIC, "sealed with a key that stands in public source; anybody can do that")
        if self.policy.min_level == "L2":
            raise _Fail(Code.UNSIGNED, "an HMAC seal gives L1 at most, and L2 is needed; have the record signed")
        if not self.secrets:
            raise _Fail(Code.UNKNOWN_KEY, "sealed by HMAC, and no secret was given to check it; give it with --key")
        fitting = next((key for key in self.secrets if record.verify_signature(key)), None)
        if fitting is None:
            raise _Fail(Code.BAD_SIGNATURE, "the HMAC seal fits none of the given secrets; reject it, or try its key")
        if len(fitting) < SECRET_BYTES or len(set(fitting)) == 1:
            told = f"sealed with a secret of {len(fitting)} bytes, {len(set(fitting))} of them different"
            raise _Fail(Code.KEY_PUBLIC, f"{told}: it can be guessed; {SECRET_BYTES} random bytes are needed")
        self.level, self.signed_by = "L1", (LEGACY_HMAC,)
        return f"{LEGACY_HMAC}: made or passed by a holder of the secret"

    # 4. The keys are valid now: nobody witnesses when the signature was made.
    def _validity(self) -> str:
        if self.envelope is None:
            raise _NotApplicable("no key of a ring" if self.signed_by else "unsigned")
        problems: list[tuple[Code, str]] = []
        for role, keys in self.signers.items():
            valid = [key for key in keys if key.status(self.now, witnessed=False) == "valid"]
            if len(valid) >= self.policy.threshold(role):
                self.level, self.signed_by = ROLE_LEVELS[role], tuple(key.key_id for key in valid)
                return f"{self.level}, by {role}"
            problems += [_invalid(key, self.now) for key in keys if key not in valid]
        raise _Fail(*next((one for one in problems if one[0] is Code.KEY_REVOKED), problems[0]))

    # 5. Parse the very bytes that were verified: kind, schema, form, id.
    def _content(self) -> str:
        unknown: tuple[str, ...] = ()
        try:
            if self.envelope is not None:
                kinds = self.policy.predicate_types
                self.statement = statements.read_statement(self.envelope.payload, predicate_types=kinds)
                if self.statement.predicate_type == statements.PROOF:
                    _require_known_schema(self.statement.predicate.get("record"))
                self.record, unknown = statements.proof_record(self.statement), self.statement.unknown
            else:
                _require_known_schema(self.raw)
                self.record = EmpiricalProofRecord.from_dict(self.raw)
        except statements.StatementError as error:
            raise _Fail(Code(error.code), str(error)) from error
        except ValueError as error:
            raise _Fail(Code.MALFORMED, str(error)) from error
        wire = self.raw if self.statement is None else self.statement.predicate["record"]
        self.proof_id = wire["proof_id"]  # compared with the content when the record was read
        problems = self.record.validate()
        if problems and not verdict_contradiction(self.record):  # which is worse, and for step 9 to say
            raise _Fail(Code.MALFORMED, problems[0])
        more = f"; unknown fields: {', '.join(unknown)[:200]}" if unknown else ""
        return f"record {self.proof_id[:12]}, schema {self.record.schema_version}{more}"

    # 6. Exactly one commit and one tree, the verifier's own; files and data as their digests say.
    def _subjects(self) -> str:
        record = self._read()
        told = [self._git_subjects(record), *self._same_file(), *self._same_observations(record)]
        if not any(told):
            raise _NotApplicable("nothing to compare: no commit was given, and the record names no file")
        return ", ".join(filter(None, told))

    def _git_subjects(self, record: EmpiricalProofRecord) -> str:
        stated = self.statement
        for what, mine, algorithm in (("commit", self.commit, "gitCommit"), ("tree", self.tree, "gitTree")):
            if mine is None:
                continue
            if stated is None:
                named = _told(record, "project_commit") if what == "commit" else None
                if not isinstance(named, str) or not named:
                    continue  # an unsigned record need not name one
                theirs: tuple[str, ...] = (named,)
            else:
                theirs = stated.digests(algorithm)
            if theirs != (mine,):
                shown = ", ".join(one[:12] for one in theirs) or "none"
                raise _Fail(
                    Code.MISMATCH,
                    f"the {what} is {shown}, and {mine[:12]} is checked out; check that one out, or leave git aside",
                )
        if stated is not None and any(one.dirty for one in stated.subjects):
            if self.policy.min_level == "L2":
                raise _Fail(Code.MISMATCH, "the work tree differed from the commit; commit, and run again")
            return "a work tree that differed from the commit"
        return "" if self.commit is None else "this commit"

    def _same_file(self) -> Iterator[str]:
        if self.statement is None:
            return
        try:
            data = self._proof_file()
            signed = self.statement.digest_of(statements.PROOF_NAME)
            # What the record writes is what it says; only a file in another order has to be read and compared.
            if hashlib.sha256(data).hexdigest() != signed or data != self._read().dumps().encode("ascii"):
                statements.check_matches(self.statement, data)
        except statements.StatementError as error:
            raise _Fail(Code(error.code), str(error)) from error
        except UnreadableError as error:
            raise _Fail(Code.INCOMPLETE, str(error)) from error
        yield "the signed file"

    def _same_observations(self, record: EmpiricalProofRecord) -> Iterator[str]:
        named = named_observations(record)
        if self.statement is not None and self.statement.predicate["observations_sha256"] != named:
            raise _Fail(Code.MISMATCH, "statement and record name different observations; do not use the record")
        if named is None:
            return
        try:
            data = self.files.observations(MAX_PACKED_BYTES)
            if data is None:
                raise _Fail(Code.INCOMPLETE, "the observations are missing; get observations.json.gz of this record")
            self.table, self.digest = unpack_bounded(data)
        except (UnreadableError, ObservationsError) as error:
            raise _Fail(Code.MALFORMED, str(error)) from error
        if self.digest != named:
            raise _Fail(
                Code.MISMATCH,
                f"the observations have the digest {self.digest[:12]}, and the record names {named[:12]}; get its own",
            )
        yield f"{self.table.n_rows} rows of observations"

    # 7. Not older than the policy takes, and not of tomorrow.
    def _freshness(self) -> str:
        age = self.now - datetime.fromisoformat(self._read().created_at)
        if age < -AHEAD:
            raise _Fail(Code.STALE, f"the record was made {-age} from now; set the clock, or reject it")
        if self.policy.max_age is None:
            raise _NotApplicable("any age is taken")
        if age > self.policy.max_age:
            raise _Fail(Code.STALE, f"{age} old; the policy takes {self.policy.max_age}. Run the claim again")
        return f"{max(age, timedelta())} old"

    # 8. The claim stands in the lock, as it was tried.
    def _registration(self) -> str:
        if self.lock is None:
            raise _NotApplicable("no lock was given")
        record = self._read()
        try:
            plan = recorded_plan(record)
            claim = None if plan is None else LockedClaim.of_plan(plan, corpus_digest=record.preregistration.data_hash)
        except (ClaimError, LockError) as error:
            raise _Fail(Code.UNREGISTERED, f"exploratory: {error}") from error
        locked = None if claim is None else self.lock.get(claim.id)
        if claim is None or locked is None:
            raise _Fail(Code.UNREGISTERED, "exploratory: the claim is not in the lock; register it before it is tried")
        changes = [
            one for one in changes_between(locked, claim) if one.field != "corpus_digest" or one.old
        ]  # a living corpus has no digest in the lock
        if changes:
            told = ", ".join(f"{one.field} {one.old!r} -> {one.new!r}" for one in changes)[:300]
            raise _Fail(Code.UNREGISTERED, f"goalposts moved: {claim.id} is locked otherwise: {told}")
        self.claim_id = claim.id
        return claim.id

    # 9. The same verdict comes out of plan and observations.
    def _redecide(self) -> str:
        self.redecision = found = redecide_rows(self._read(), self.table, self.digest)
        if found.result is Redecided.CONTRADICTION:
            raise _Fail(Code.CONTRADICTION, found.words)
        if found.result is Redecided.NOT_RECOMPUTABLE:
            if found.cause in {"plan", "observations"}:
                raise _Fail(Code.INCOMPLETE, f"not decided again: {found.words}")
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
        raise _Fail(Code.WRONG_TYPE, f"{told}. Verify it with the version that wrote it")


def _invalid(key: RingKey, now: datetime) -> tuple[Code, str]:
    status, short = key.status(now, witnessed=False), key.key_id[:12]
    if status == "revoked":
        return Code.KEY_REVOKED, f"the key {short} was revoked, and nobody witnesses an earlier time; sign with another"
    if status == "expired":
        return Code.KEY_EXPIRED, f"the key {short} is valid until {key.valid_until}; sign with a valid one"
    return Code.KEY_EXPIRED, f"the key {short} is valid from {key.valid_from} on only; mend the policy or the clock"


def _told(record: EmpiricalProofRecord, name: str) -> Any:
    """What the record says of its trial in the provenance; None where it says nothing."""
    entities = record.provenance.get("entity")
    told = entities.get(SCENARIO_ENTITY) if isinstance(entities, dict) else None
    value = told.get(f"ophamin:{name}") if isinstance(told, dict) else None
    return value.get("$") if isinstance(value, dict) else value


def _attempt(record: EmpiricalProofRecord) -> int | None:
    number = _told(record, "attempt")
    return number if type(number) is int else None
