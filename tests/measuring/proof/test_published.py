# SPDX-License-Identifier: Apache-2.0
"""Records that the earlier project published: read, kept byte for byte, and verified."""

from __future__ import annotations

import json

from ophamin.core.canonical import canonical_bytes
from ophamin.core.signing import DEFAULT_SIGN_KEY
from ophamin.measuring.proof import codec
from ophamin.measuring.proof.record import EmpiricalProofRecord


def test_a_published_record_is_written_again_byte_for_byte(published, tmp_path):
    copied = codec.dump(codec.load(published), tmp_path / "proof.json")
    assert copied.read_bytes() == published.read_bytes()


def test_a_published_record_keeps_its_id(published):
    assert codec.load(published).proof_id == json.loads(published.read_bytes())["proof_id"]


def test_the_seal_of_a_published_record_verifies_under_its_public_key(published):
    assert codec.verify_signature(published, DEFAULT_SIGN_KEY)
    assert not codec.verify_signature(published, DEFAULT_SIGN_KEY + b"x")


def test_a_published_record_passes_every_check(published):
    report = codec.validate(published, key=DEFAULT_SIGN_KEY)
    assert report == codec.ValidationReport(True, (), True, (), True)
    assert codec.ingest(published, key=DEFAULT_SIGN_KEY, require_schema_version="1.0").signature


def test_a_published_record_goes_through_dict_and_back(published):
    data = json.loads(published.read_bytes())
    assert EmpiricalProofRecord.from_dict(data).to_dict() == data


def test_the_body_of_a_published_record_has_one_canonical_form(published):
    record = codec.load(published)
    assert record.canonical_body() == canonical_bytes(record.body())


def test_a_published_record_can_be_shown(published):
    record = codec.load(published)
    assert record.to_markdown().startswith(f"# {record.verdict.outcome}: ")
