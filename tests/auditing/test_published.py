# SPDX-License-Identifier: Apache-2.0
"""The audit that the earlier project published: read, kept byte for byte, and verified."""

from __future__ import annotations

import json

import pytest

from ophamin.auditing import codec
from ophamin.auditing.audit_record import AuditRecord

KEY = b"ophamin-audit-default-key"  # the public key that its auditor sealed with


def test_the_published_audit_is_written_again_byte_for_byte(published, tmp_path):
    copied = codec.dump(codec.load(published), tmp_path / "audit.json")
    assert copied.read_bytes() == published.read_bytes()


def test_the_published_audit_keeps_its_id(published):
    assert codec.load(published).audit_id == json.loads(published.read_bytes())["audit_id"]


def test_the_seal_of_the_published_audit_verifies_under_the_audit_key_alone(published):
    assert codec.verify_signature(published, KEY)
    assert not codec.verify_signature(published, b"ophamin-scenario-proof-key")


def test_the_published_audit_passes_every_check(published):
    assert codec.validate(published, key=KEY) == codec.AuditValidationReport(True, (), True)
    assert codec.ingest(published, key=KEY, strict_signature=True, require_schema_version="audit/1.1").signature


def test_the_published_audit_goes_through_dict_and_back(published):
    data = json.loads(published.read_bytes())
    assert AuditRecord.from_dict(data).to_dict() == data


def test_an_audit_without_finer_states_gets_them_from_its_statuses(published):
    record = codec.load(published)
    assert {result.pillar_name: result.state.value for result in record.pillars} == {
        "ruff": "ok",
        "bandit": "ok",
        "vulture": "findings",
    }
    assert record.is_complete
    assert (record.observe("total_findings"), record.observe("medium"), record.observe("high")) == (1, 1, 0)


def test_the_published_audit_can_be_wrapped_and_taken_out_again(published, claim):
    record = codec.load(published)
    proof = record.wrap_as_proof(claim=claim(value=1.0), observed_value=1)
    assert proof.validate() == []
    assert AuditRecord.from_proof(proof).dumps().encode() == published.read_bytes()


def test_the_published_audit_can_be_shown(published):
    assert "1 finding\n" in codec.load(published).to_markdown()


def test_a_published_proof_is_no_audit(published):
    others = [path for path in published.parent.glob("*.json") if path != published]
    assert others
    for path in others:
        with pytest.raises(codec.AuditDecodeError, match="not an audit"):
            codec.load(path)
