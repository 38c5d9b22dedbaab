# SPDX-License-Identifier: Apache-2.0
"""The Empirical Proof Record: one claim, its registration, data, evidence and verdict, with id and seal.

The 1.0 wire is that of the earlier Ophamin project, byte for byte. A 1.1 record differs in one thing: it can
say that a value is undefined (null, or no dataset), and then it is INCONCLUSIVE. A REFUTED record is as good
as a VALIDATED one. This module writes and reads the shape; `ophamin.measuring.proof.codec` judges files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import PlainValidator

from ophamin.core.evidence import PillarEvidence
from ophamin.core.jsontext import TextMap, indented
from ophamin.core.records import (
    JsonMap,
    RecordFieldError,
    Sealed,
    Section,
    construct,
    exact_fields,
    plain_copy,
    record,
    record_text,
    utc_now,
)
from ophamin.measuring.proof.checks import problems_of
from ophamin.measuring.proof.sections import (
    COMPARATORS,
    OUTCOMES,
    Claim,
    DatasetRef,
    PreRegistration,
    Reproduction,
    Threshold,
    Verdict,
)

__all__ = [
    "COMPARATORS",
    "OUTCOMES",
    "SCHEMA_VERSION",
    "SCHEMA_VERSION_UNDEFINED",
    "Claim",
    "DatasetRef",
    "EmpiricalProofRecord",
    "PillarEvidence",
    "PreRegistration",
    "ProofIdMismatchError",
    "Reproduction",
    "Threshold",
    "Verdict",
    "schema_version_for",
]

SCHEMA_VERSION: Final = "1.0"
SCHEMA_VERSION_UNDEFINED: Final = "1.1"
"""The version of a record that carries an undefined value; used where 1.0 cannot say it, and only there."""

_SectionT = TypeVar("_SectionT", bound=Section)
_IDENTITY: Final = ("ophamin_version", "ophamin_git_commit", "created_at")
_DATA: Final = ("substrate_name", "substrate_git_commit", "datasets")
_TOP: Final = (
    "proof_id",
    "schema_version",
    "identity",
    "claim",
    "preregistration",
    "data",
    "evidence",
    "verdict",
    "reproduction",
    "provenance",
    "signature",
)
_ATTESTATION: Final = {
    "author": re.compile(r".+", re.DOTALL),
    "algorithm": re.compile(r"ed25519"),
    "public_key": re.compile(r"[0-9a-f]{64}"),
    "signature": re.compile(r"[0-9a-f]{128}"),
}


class ProofIdMismatchError(RecordFieldError):
    """The id stored in a record is not the id of its content: the record was changed, or never was whole."""


def _attestation(value: Any) -> dict[str, str]:
    """The four texts of an ed25519 attestation in wire order, or nothing at all."""
    if value == {}:
        return {}
    if not isinstance(value, Mapping) or set(value) != set(_ATTESTATION):
        raise ValueError(f"an attestation has exactly {', '.join(_ATTESTATION)}; without one leave it empty")
    for name, form in _ATTESTATION.items():
        if not isinstance(value[name], str) or form.fullmatch(value[name]) is None:
            raise ValueError(f"{name} does not have the form {form.pattern}")
    return {name: value[name] for name in _ATTESTATION}


@record(frozen=False)
class EmpiricalProofRecord(Sealed):
    """The result of one claim, content-addressed and sealed.

    Values are checked where the record is made, and again when a field is assigned. Whether the record makes
    sense as a whole is for `validate` to say.

    Attributes:
        claim: what was claimed.
        preregistration: what was fixed beforehand.
        datasets: the data; empty only in a 1.1 record.
        substrate_name: name of the system under test.
        substrate_git_commit: its revision.
        evidence: what the pillars measured.
        verdict: what was decided.
        reproduction: how to get it again.
        provenance: PROV-JSON, or empty.
        ophamin_version: version that made the record.
        ophamin_git_commit: its revision, or empty.
        created_at: ISO 8601 with an offset.
        schema_version: "1.0", or "1.1" where a value is undefined; see `schema_version_for`.
        signature: HMAC-SHA256 in hex over the canonical body, or empty.
        attestation: optional ed25519 attestation (author, algorithm, public_key, signature), or empty.
    """

    claim: Claim
    preregistration: PreRegistration
    datasets: list[DatasetRef]
    substrate_name: str
    substrate_git_commit: str
    evidence: list[PillarEvidence]
    verdict: Verdict
    reproduction: Reproduction
    provenance: JsonMap = field(default_factory=dict)
    ophamin_version: str = ""
    ophamin_git_commit: str = ""
    created_at: str = field(default_factory=utc_now)
    schema_version: Literal["1.0", "1.1"] = SCHEMA_VERSION
    signature: str = ""
    attestation: Annotated[dict[str, str], PlainValidator(_attestation)] = field(default_factory=dict)

    @property
    def proof_id(self) -> str:
        """SHA-256 in hex over the canonical body; computed anew at each access."""
        return self.body_id()

    @property
    def is_valid(self) -> bool:
        """Whether `validate` finds no problem."""
        return not self.validate()

    def validate(self) -> list[str]:
        """Everything that keeps the record from being well-formed, one line each; empty when it is."""
        return problems_of(self)

    def canonical_body(self) -> bytes:
        """The bytes under id, seal and attestation: the canonical form of `body`."""
        return _canonical(self._wire_body(), TextMap(self.reproduction.environment))

    def body(self) -> dict[str, Any]:
        """The signed part of the record in wire order; a copy."""
        copy: dict[str, Any] = plain_copy(self._wire_body())
        return copy

    def to_dict(self) -> dict[str, Any]:
        """The whole record in wire order; a copy."""
        body = self._wire_body()
        copy: dict[str, Any] = plain_copy(self._around(body, TextMap(self.reproduction.environment)))
        return copy

    def dumps(self) -> str:
        """The exact text of the record's file: JSON with an indent of 2, ASCII, no newline at the end."""
        body, environment = self._wire_body(), TextMap(self.reproduction.environment)
        whole = self._around(body, environment)
        body["reproduction"]["environment"] = environment
        return indented(whole)

    def to_json(self, path: str | Path | None = None) -> str:
        """The text of `dumps`, also written to ``path`` where one is given."""
        text = self.dumps()
        if path is not None:
            from ophamin.core.files import write_atomic

            write_atomic(Path(path), text.encode("ascii"))
        return text

    def to_markdown(self) -> str:
        """A text for people, nine sections; the JSON is the record."""
        from ophamin.measuring.proof.markdown import render

        return render(self)

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Read a record from its wire form, and check that its id is its own.

        Raises:
            RecordFieldError: a field is missing, unknown or of the wrong form; nothing is filled in.
            ProofIdMismatchError: the stored ``proof_id`` is not that of the content.
        """
        return cls.with_text(data)[0]

    @classmethod
    def with_text(cls, data: Any) -> tuple[Self, str]:
        """Read a record like `from_dict`, and give the canonical JSON text of the whole of it too.

        Raises:
            RecordFieldError: see `from_dict`.
        """
        top = exact_fields(data, _TOP, "$", optional=("attestation",))
        if "attestation" in top and not top["attestation"]:
            raise RecordFieldError("attestation", "empty; an unattested record leaves the field out")
        made = cls._from_sections(top)
        parts = _canonical_parts(made._wire_body(), TextMap(made.reproduction.environment))
        own = hashlib.sha256(_joined(parts)).hexdigest()
        if top["proof_id"] != own:
            problem = f"{str(top['proof_id'])[:64]!r} is stored, but the content has the id {own}; it was changed"
            raise ProofIdMismatchError("proof_id", problem)
        first, middle, last = parts
        if made.attestation:
            first = f'"attestation":{record_text(made.attestation)},{first}'
        return made, f'{{{first},"proof_id":"{own}",{middle},"signature":{record_text(made.signature)},{last}}}'

    @classmethod
    def from_json(cls, path: str | Path) -> Self:
        """Read the file that `to_json` wrote.

        Raises:
            OSError: the file cannot be read.
            ValueError: not strict JSON, or not a record (see `from_dict`).
        """
        from ophamin.core.strictjson import load

        return cls.from_dict(load(Path(path)))

    @classmethod
    def _from_sections(cls, top: dict[str, Any]) -> Self:
        identity = exact_fields(top["identity"], _IDENTITY, "identity")
        data = exact_fields(top["data"], _DATA, "data")
        fields = {
            "claim": Claim.from_dict(top["claim"], path="claim"),
            "preregistration": PreRegistration.from_dict(top["preregistration"], path="preregistration"),
            "datasets": _read_list(DatasetRef, data.pop("datasets"), "data.datasets"),
            "evidence": _read_list(PillarEvidence, top["evidence"], "evidence"),
            "verdict": Verdict.from_dict(top["verdict"], path="verdict"),
            "reproduction": Reproduction.from_dict(top["reproduction"], path="reproduction"),
            **identity,
            **data,
            **{name: top[name] for name in ("schema_version", "provenance", "signature")},
            "attestation": top.get("attestation", {}),
        }
        try:
            return construct(cls, fields, "$")
        except RecordFieldError as error:
            section = "identity." if error.path in _IDENTITY else "data." if error.path in _DATA else ""
            raise RecordFieldError(section + error.path, error.problem) from error

    def _wire_body(self) -> dict[str, Any]:
        """The body in wire order; its maps are the record's own."""
        return {
            "schema_version": self.schema_version,
            "identity": {name: getattr(self, name) for name in _IDENTITY},
            "claim": self.claim.wire(),
            "preregistration": self.preregistration.wire(),
            "data": {
                "substrate_name": self.substrate_name,
                "substrate_git_commit": self.substrate_git_commit,
                "datasets": [dataset.wire() for dataset in self.datasets],
            },
            "evidence": [piece.wire() for piece in self.evidence],
            "verdict": self.verdict.wire(),
            "reproduction": self.reproduction.wire(),
            "provenance": self.provenance,
        }

    def _around(self, body: dict[str, Any], environment: TextMap) -> dict[str, Any]:
        """The whole record in wire order, around its body."""
        proof_id = hashlib.sha256(_canonical(body, environment)).hexdigest()
        whole = {"proof_id": proof_id, **body, "signature": self.signature}
        if self.attestation:
            whole["attestation"] = self.attestation
        return whole


def schema_version_for(
    observed: float | None, evidence: Iterable[PillarEvidence], datasets: Sequence[DatasetRef]
) -> Literal["1.0", "1.1"]:
    """The version that a record of these values needs: "1.1" where something is undefined, else "1.0".

    >>> schema_version_for(None, [], [])
    '1.1'
    """
    undefined = observed is None or not datasets or any(piece.statistic_value is None for piece in evidence)
    return SCHEMA_VERSION_UNDEFINED if undefined else SCHEMA_VERSION


def _canonical(body: dict[str, Any], environment: TextMap) -> bytes:
    return _joined(_canonical_parts(body, environment))


def _joined(parts: tuple[str, str, str]) -> bytes:
    """Canonical bytes of a body."""
    return f"{{{','.join(parts)}}}".encode("ascii")


def _canonical_parts(body: dict[str, Any], environment: TextMap) -> tuple[str, str, str]:
    """The members of a body in canonical form, parted where the whole record has its id and its seal between them.

    The largest part, the environment, has a form that is kept.
    """
    later = ("provenance", "reproduction", "schema_version", "verdict")
    first = record_text({name: part for name, part in body.items() if name not in later})
    again = body["reproduction"]
    middle = (
        f'"provenance":{record_text(body["provenance"])},'
        f'"reproduction":{{"command":{record_text(again["command"])},"environment":{environment.canonical()},'
        f'"lineage_chain":{record_text(again["lineage_chain"])}}},"schema_version":{record_text(body["schema_version"])}'
    )
    return first[1:-1], middle, f'"verdict":{record_text(body["verdict"])}'


def _read_list(kind: type[_SectionT], data: Any, path: str) -> list[_SectionT]:
    if not isinstance(data, list):
        raise RecordFieldError(path, f"a {type(data).__name__} stands where a list belongs")
    return [kind.from_dict(item, path=f"{path}[{index}]") for index, item in enumerate(data)]
