# SPDX-License-Identifier: Apache-2.0
"""The audit record: what every pillar found in one tree, counted, with id and seal.

An audit describes; it claims nothing until a claim is attached to it (schema audit/1.1), or it is wrapped into a
proof. Both wires are those of the earlier Ophamin project, byte for byte: id and seal are over JSON with *default*
separators, unlike those of a proof, and an audit/1.0 body has neither ``extra`` nor a claim. This module writes and
reads the shape; `ophamin.auditing.codec` judges files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final, Literal, Self

from ophamin.auditing.checks import problems_of
from ophamin.auditing.claims import AuditClaimError, attach, attached_claim, proof_of, shortfalls, wrapped_audit
from ophamin.auditing.results import PillarResult
from ophamin.auditing.summary import AuditSummary
from ophamin.core.canonical import check_canonical
from ophamin.core.environment import ophamin_commit, ophamin_version
from ophamin.core.jsontext import indented
from ophamin.core.records import RecordFieldError, Sealed, construct, exact_fields, plain_copy, record, utc_now
from ophamin.measuring.proof.record import Claim, EmpiricalProofRecord, PreRegistration, Verdict

__all__ = [
    "ACCEPTED_VERSIONS",
    "MAX_BYTES",
    "SCHEMA_VERSION",
    "SCHEMA_VERSION_PLAIN",
    "AuditClaimError",
    "AuditIdMismatchError",
    "AuditRecord",
    "AuditSummary",
]

SCHEMA_VERSION: Final = "audit/1.1"
SCHEMA_VERSION_PLAIN: Final = "audit/1.0"
"""The version whose results have no ``extra`` and whose records have no claim; it is read and kept, not made."""

ACCEPTED_VERSIONS: Final = (SCHEMA_VERSION_PLAIN, SCHEMA_VERSION)

MAX_BYTES: Final = 16 * 2**20
"""The largest audit file, about 29,000 findings with some ``extra`` each; twice that of a proof."""

_IDENTITY: Final = ("ophamin_version", "ophamin_git_commit", "captured_at")
_TARGET: Final = ("target_path", "target_content_hash")
_CLAIMED: Final = ("preregistration", "pre_registered_metric", "verdict")
_TOP: Final = (
    "audit_id",
    "schema_version",
    "identity",
    "target",
    "pillars",
    "summary",
    "reproduction",
    "signature",
)
_ATTACH_PLAN: Final = "compare one count of this audit with the threshold; it passes only if every tool saw everything"
_WRAP_PLAN: Final = "compare one count of the audit in the evidence with the threshold, for a gate"

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=True, allow_nan=False, check_circular=False).encode


class AuditIdMismatchError(RecordFieldError):
    """The id stored in a record is not the id of its content: the record was changed, or never was whole."""


@record(frozen=False)
class AuditRecord(Sealed):
    """One audit, content-addressed and sealed.

    Values are checked where the record is made, and again when a field is assigned. Whether the record makes sense as
    a whole is for `validate` to say.

    Attributes:
        target_path: what was audited, as records name it: relative.
        target_content_hash: SHA-256 in hex over its content.
        pillars: the result of each pillar, in the order they were asked.
        summary: their findings, counted.
        reproduction_command: how to get the audit again.
        ophamin_version: version that made the record.
        ophamin_git_commit: its revision, or empty.
        captured_at: ISO 8601 with an offset.
        schema_version: "audit/1.1", or "audit/1.0" in a record that was read.
        preregistration: what was fixed for the attached claim, or None.
        pre_registered_metric: the metric of the attached claim, or None.
        verdict: what was decided over it, or None.
        signature: HMAC-SHA256 in hex over the canonical body, or empty.

    Example:
        >>> result = PillarResult("ruff", "ruff", "ruff 0.17.5", "ok", "src")
        >>> audit = AuditRecord.from_results("src", "0a" * 32, [result], "ophamin audit src")
        >>> audit.observe("high"), audit.validate()
        (0, [])
    """

    target_path: str
    target_content_hash: str
    pillars: list[PillarResult]
    summary: AuditSummary
    reproduction_command: str = ""
    ophamin_version: str = ""
    ophamin_git_commit: str = ""
    captured_at: str = field(default_factory=utc_now)
    schema_version: Literal["audit/1.0", "audit/1.1"] = SCHEMA_VERSION
    preregistration: PreRegistration | None = None
    pre_registered_metric: str | None = None
    verdict: Verdict | None = None
    signature: str = ""

    @classmethod
    def from_results(
        cls, target_path: str, target_content_hash: str, results: Sequence[PillarResult], command: str
    ) -> Self:
        """The record of an audit that ended now, made by the running version of ophamin; unsigned."""
        return cls(
            target_path=target_path,
            target_content_hash=target_content_hash,
            pillars=list(results),
            summary=AuditSummary.from_results(results),
            reproduction_command=command,
            ophamin_version=ophamin_version(),
            ophamin_git_commit=ophamin_commit(),
        )

    @property
    def audit_id(self) -> str:
        """SHA-256 in hex over the canonical body; computed anew at each access."""
        return self.body_id()

    @property
    def claim(self) -> Claim | None:
        """The claim that `attach_pre_registration` kept in the record, or None."""
        return attached_claim(self.preregistration)

    @property
    def is_complete(self) -> bool:
        """Whether every pillar ran and saw everything, so that its count of findings may pass a claim."""
        return not self.shortfalls()

    def shortfalls(self, metric: str = "total_findings") -> list[str]:
        """Which pillars may not vouch for a metric, as ``name: state``; empty where all may."""
        return shortfalls(self, metric)

    def observe(self, metric: str) -> int:
        """A count of this audit: ``total_findings``, a severity (``high``), or a pillar (``bandit``).

        It is a count of what was found; whether everything was looked at, `shortfalls` says.

        Raises:
            AuditClaimError: the audit has no such count, as for a pillar that was unavailable.
        """
        found = self.summary.metric(metric)
        if found is None:
            raise AuditClaimError(
                f"{metric!r} is no count of this audit; take total_findings, a severity, or one of "
                f"{', '.join(self.summary.findings_per_pillar) or 'its pillars, of which none ran'}"
            )
        return found

    def attach_pre_registration(
        self,
        *,
        claim: Claim,
        observed_value: float | None,
        metric: str = "total_findings",
        analysis_plan: str = _ATTACH_PLAN,
        preregistered_at: str | None = None,
    ) -> Self:
        """Put a claim, its registration and its verdict into this record, and return it; sign it afterwards.

        The record becomes audit/1.1 and loses its seal. The whole claim is kept (`claim`).

        Args:
            claim: what is claimed of the audit.
            observed_value: the value of the metric; None or NaN where it is undefined.
            metric: what the value is. Where the audit counts something of that name, it must be that count.
            analysis_plan: how the verdict follows.
            preregistered_at: when the claim was fixed, before the run; None records that it came with the result.

        Raises:
            AuditClaimError: the claim is none, or the value is not that metric of this audit.

        The verdict is INCONCLUSIVE where a tool did not see everything, unless there are too many findings already.
        """
        attach(
            self,
            claim,
            observed_value,
            metric=metric,
            analysis_plan=analysis_plan,
            preregistered_at=preregistered_at,
        )
        return self

    def wrap_as_proof(
        self,
        *,
        claim: Claim,
        observed_value: float | None,
        pillar_name: str = "audit",
        statistic_name: str = "total_findings",
        library: str = "ophamin",
        library_version: str = "",
        analysis_plan: str = _WRAP_PLAN,
        sign_key: bytes | None = None,
    ) -> EmpiricalProofRecord:
        """A proof over this audit, which holds all of it: `from_proof` gives the audit back, byte for byte.

        Args:
            claim: what is claimed of the audit.
            observed_value: the value of the statistic; None or NaN where it is undefined.
            pillar_name: the pillar that the evidence names.
            statistic_name: what the value is, as ``metric`` of `attach_pre_registration`.
            library: what counted.
            library_version: its version; where empty, that of ophamin or of the tool of that name in this audit.
            analysis_plan: how the verdict follows.
            sign_key: the key of the proof's seal; None leaves it unsigned.

        Raises:
            AuditClaimError: see `attach_pre_registration`; or the proof would be too large to be read.
            SealKeyError: the key is empty.
        """
        proof = proof_of(
            self,
            claim,
            observed_value,
            pillar_name=pillar_name,
            statistic_name=statistic_name,
            library=library,
            library_version=library_version,
            analysis_plan=analysis_plan,
        )
        return proof if sign_key is None else proof.sign(sign_key)

    @classmethod
    def from_proof(cls, proof: EmpiricalProofRecord) -> Self:
        """The audit that `wrap_as_proof` put into a proof.

        Raises:
            AuditClaimError: there is none.
            RecordFieldError: it is no audit, or its id is not its own.
        """
        return cls.from_dict(wrapped_audit(proof))

    def validate(self) -> list[str]:
        """Everything that keeps the record from being well-formed, one line each; empty when it is."""
        return problems_of(self)

    def canonical_body(self) -> bytes:
        """The bytes under id and seal: `body` as sorted ASCII JSON with a space after comma and colon."""
        body = self._wire_body()
        try:
            return _encode(body).encode("ascii")
        except (TypeError, ValueError, RecursionError):
            check_canonical(body)
            raise

    def body(self) -> dict[str, Any]:
        """The signed part of the record in wire order; a copy."""
        copy: dict[str, Any] = plain_copy(self._wire_body())
        return copy

    def to_dict(self) -> dict[str, Any]:
        """The whole record in wire order; a copy."""
        return {"audit_id": self.audit_id, **self.body(), "signature": self.signature}

    def dumps(self) -> str:
        """The exact text of the record's file: JSON with an indent of 2, ASCII, no newline at the end."""
        return indented({"audit_id": self.audit_id, **self._wire_body(), "signature": self.signature})

    def to_json(self, path: str | Path | None = None) -> str:
        """The text of `dumps`, also written to ``path`` where one is given."""
        text = self.dumps()
        if path is not None:
            from ophamin.core.files import write_atomic

            write_atomic(Path(path), text.encode("ascii"))
        return text

    def to_markdown(self) -> str:
        """A text for people; the JSON is the record."""
        from ophamin.auditing.markdown import render

        return render(self)

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Read a record from its wire form, and check that its id is its own.

        Raises:
            RecordFieldError: a field is missing, unknown or of the wrong form; nothing is filled in.
            AuditIdMismatchError: the stored ``audit_id`` is not that of the content.
        """
        version = data.get("schema_version") if isinstance(data, Mapping) else None
        if version is not None and version not in ACCEPTED_VERSIONS:
            known = " or ".join(ACCEPTED_VERSIONS)
            raise RecordFieldError("schema_version", f"{str(version)[:64]!r} is not known here; {known} can be read")
        top = exact_fields(data, _TOP, "$", optional=() if version == SCHEMA_VERSION_PLAIN else _CLAIMED)
        made = cls._from_sections(top)
        if top["audit_id"] != made.audit_id:
            stored = str(top["audit_id"])[:64]
            problem = f"{stored!r} is stored, but the content has the id {made.audit_id}; it was changed"
            raise AuditIdMismatchError("audit_id", problem)
        return made

    @classmethod
    def from_json(cls, path: str | Path) -> Self:
        """Read the file that `to_json` wrote.

        Raises:
            OphaminError: the file cannot be read, is not strict JSON, or is not a record; also a ``ValueError``.
        """
        from ophamin.core.strictjson import load

        return cls.from_dict(load(Path(path), max_bytes=MAX_BYTES))

    @classmethod
    def _from_sections(cls, top: dict[str, Any]) -> Self:
        identity = exact_fields(top["identity"], _IDENTITY, "identity")
        target = exact_fields(top["target"], _TARGET, "target")
        with_extra = top["schema_version"] != SCHEMA_VERSION_PLAIN
        listed = top["pillars"]
        if not isinstance(listed, list):
            raise RecordFieldError("pillars", f"a {type(listed).__name__} stands where a list belongs")
        fields = {
            "pillars": [
                PillarResult.from_dict(item, path=f"pillars[{index}]", with_extra=with_extra)
                for index, item in enumerate(listed)
            ],
            "summary": AuditSummary.from_dict(top["summary"], path="summary"),
            "reproduction_command": exact_fields(top["reproduction"], ("command",), "reproduction")["command"],
            "schema_version": top["schema_version"],
            "signature": top["signature"],
            **identity,
            **target,
            **_read_claimed(top),
        }
        try:
            return construct(cls, fields, "$")
        except RecordFieldError as error:
            raise RecordFieldError(_wire_path(error.path), error.problem) from error

    def _wire_body(self) -> dict[str, Any]:
        """The body in wire order; its maps are the record's own."""
        results = [result.wire() for result in self.pillars]
        if self.schema_version == SCHEMA_VERSION_PLAIN:
            for result in results:
                del result["extra"]
        body = {
            "schema_version": self.schema_version,
            "identity": {name: getattr(self, name) for name in _IDENTITY},
            "target": {name: getattr(self, name) for name in _TARGET},
            "pillars": results,
            "summary": self.summary.wire(),
            "reproduction": {"command": self.reproduction_command},
        }
        if self.schema_version != SCHEMA_VERSION_PLAIN:
            claimed = {name: getattr(self, name) for name in _CLAIMED}
            body |= {name: _wire_of(value) for name, value in claimed.items() if value is not None}
        return body


def _read_claimed(top: dict[str, Any]) -> dict[str, Any]:
    """What an audit with a claim has besides; a field that is not set is left out, and not null."""
    claimed: dict[str, Any] = {name: top[name] for name in _CLAIMED if name in top}
    for name, value in claimed.items():
        if value is None:
            raise RecordFieldError(name, "null; an audit without a claim leaves the field out")
    if "preregistration" in claimed:
        claimed["preregistration"] = PreRegistration.from_dict(claimed["preregistration"], path="preregistration")
    if "verdict" in claimed:
        claimed["verdict"] = Verdict.from_dict(claimed["verdict"], path="verdict")
    return claimed


def _wire_of(value: Any) -> Any:
    return value if isinstance(value, str) else value.wire()


def _wire_path(name: str) -> str:
    """Where a field of the record stands on the wire."""
    section = "identity." if name in _IDENTITY else "target." if name in _TARGET else ""
    return "reproduction.command" if name == "reproduction_command" else section + name
