# SPDX-License-Identifier: Apache-2.0
"""Audit files: what is written reads back, and every way to be wrong has its own error."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ophamin.auditing import codec
from ophamin.auditing.audit_record import AuditIdMismatchError, AuditRecord
from ophamin.auditing.base import Finding, PillarResult, PillarState
from ophamin.auditing.codec import (
    AuditCodecError,
    AuditDecodeError,
    AuditListEntry,
    AuditSchemaVersionMismatchError,
    AuditSignatureError,
    AuditValidationReport,
)
from ophamin.core.signing import SealKeyError
from ophamin.core.strictjson import StrictJSONError
from ophamin.errors import OphaminError

KEY = b"golden-key"
HOSTILE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"3",
    b'"x"',
    b"{}",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b"\x80",
    b'{"audit_id": "a", "audit_id": "b"}',
    b'{"a": NaN}',
    b'{"a": -Infinity}',
    b'{"a": 1e999}',
    b'{"a": 9007199254740993}',
    b'{"a": "\\ud800"}',
    b"[" * 100 + b"]" * 100,
    b"[" * 1_000_000,
    b'{"a": "' + b"x" * 70_000 + b'"}',
    b'{"a": 1} trailing',
    b'{"schema_version": "audit/1.1"}',
    b'{"schema_version": "audit/9"}',
    b'{"schema_version": ["audit/1.1"]}',
]


@pytest.fixture
def file(tmp_path):
    """Write values, text or bytes to a file."""

    def write(content, name="audit.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, bytes):
            content = (content if isinstance(content, str) else json.dumps(content, indent=2)).encode()
        path.write_bytes(content)
        return path

    return write


# Writing and reading


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_what_is_dumped_is_the_golden_file(golden_files, tmp_path, version):
    written = codec.dump(codec.load(golden_files[version]), tmp_path / "a" / "b" / "audit.json")
    assert written == tmp_path / "a" / "b" / "audit.json"
    assert written.read_bytes() == golden_files[version].read_bytes()


@pytest.mark.parametrize("indent", [None, 0, 4])
def test_another_indent_is_the_same_record(golden, tmp_path, indent):
    written = codec.dump(golden, str(tmp_path / "audit.json"), indent=indent)
    assert written.read_text() == json.dumps(golden.to_dict(), indent=indent)
    assert codec.load(str(written)) == golden


def test_a_dump_that_cannot_be_written_is_an_os_error(golden, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match="taken"):
        codec.dump(golden, tmp_path / "taken" / "audit.json")


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: ascii(content[:24]))
@pytest.mark.parametrize("read", [codec.load, codec.ingest, lambda path: codec.verify_signature(path, KEY)])
def test_hostile_bytes_are_a_typed_error(file, content, read):
    with pytest.raises(AuditCodecError):
        read(file(content))


def test_a_file_beyond_the_size_limit_is_refused_unread(tmp_path):
    path = tmp_path / "audit.json"
    with path.open("wb") as handle:
        handle.truncate(codec.MAX_BYTES + 1)
    with pytest.raises(AuditDecodeError, match="limit"):
        codec.load(path)


@pytest.mark.parametrize("read", [codec.load, codec.ingest, lambda path: codec.verify_signature(path, KEY)])
def test_a_file_that_cannot_be_read_is_a_decode_error_with_a_cause(tmp_path, read):
    for path in (tmp_path / "absent.json", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(AuditDecodeError) as caught:
            read(path)
        assert isinstance(caught.value.__cause__, StrictJSONError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "audit.json")
    with pytest.raises(AuditDecodeError, match="pipe"):
        codec.load(tmp_path / "audit.json")
    assert not codec.validate(tmp_path / "audit.json").all_ok


def test_a_duplicate_key_deep_inside_is_refused(file, golden_texts):
    text = golden_texts["1.1"].replace('"total_findings": 4', '"total_findings": 9,\n    "total_findings": 4')
    with pytest.raises(AuditDecodeError, match="twice"):
        codec.ingest(file(text), key=KEY)


def test_a_stored_id_of_another_record_is_refused(file, wire, plain_wire):
    wire["audit_id"] = plain_wire["audit_id"]
    path = file(wire)
    for read in (codec.load, codec.ingest):
        with pytest.raises(AuditDecodeError, match="it was changed") as caught:
            read(path)
        assert isinstance(caught.value.__cause__, AuditIdMismatchError)
    assert "it was changed" in codec.validate(path, key=KEY).record_problems[0]


def test_the_path_in_a_message_can_do_nothing_to_a_terminal(tmp_path):
    with pytest.raises(AuditDecodeError) as caught:
        codec.load(tmp_path / "a\x1b[2K.json")
    assert "\x1b" not in str(caught.value)


def test_ten_thousand_findings_are_written_and_read_again(audit, result, tmp_path):
    many = [
        Finding("ruff", "S101", "low", f"message {index}", f"src/{index % 300}.py", index, 1, {"fix": None})
        for index in range(10_000)
    ]
    record = audit(result(findings=many, state=PillarState.FINDINGS)).sign(KEY)
    path = codec.dump(record, tmp_path / "audit.json")
    assert codec.ingest(path, key=KEY) == record
    assert len(record.to_markdown()) < 100_000


@pytest.mark.parametrize(
    ("count", "message", "extra"),
    [(300, "x" * 60_000, {}), (20, "m", {"numbers": [0] * 30_000})],
    ids=["too many bytes", "too many values"],
)
def test_an_audit_that_could_not_be_read_again_is_not_written(audit, tmp_path, count, message, extra):
    many = [Finding("ruff", "X1", "low", message, "a.py", 1, 1, extra) for _ in range(count)]
    record = audit(PillarResult("ruff", "ruff", "1", "ok", "src", many))
    with pytest.raises(AuditCodecError, match=f"{count} findings is too large"):
        codec.dump(record, tmp_path / "audit.json", indent=None)
    assert not (tmp_path / "audit.json").exists()


# Validation


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_good_file_passes_every_check(golden_files, version):
    assert codec.validate(golden_files[version], key=KEY) == AuditValidationReport(True, (), True)
    assert codec.validate(golden_files[version]).signature_ok is None
    assert codec.validate(golden_files[version]).all_ok


def test_a_wrong_seal_is_reported(golden_files):
    report = codec.validate(golden_files["1.1"], key=b"other")
    assert (report.record_ok, report.signature_ok, report.all_ok) == (True, False, False)


def test_parts_that_do_not_agree_are_reported(file, rebuilt):
    report = codec.validate(file(rebuilt(summary__total_findings=0).sign(KEY).dumps()), key=KEY)
    assert not report.record_ok
    assert "total_findings is 0" in report.record_problems[0]
    assert report.signature_ok
    assert not report.all_ok


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: ascii(content[:24]))
def test_validation_never_raises_whatever_the_file_holds(file, content):
    report = codec.validate(file(content), key=KEY)
    assert (report.record_ok, report.signature_ok, report.all_ok) == (False, None, False)
    assert len(report.record_problems) == 1


@pytest.mark.parametrize("name", ["absent.json", ".", "a\0b", "x" * 5000, "a/b/c.json"])
def test_validation_never_raises_whatever_the_path_is(tmp_path, name):
    report = codec.validate(tmp_path / name)
    assert not report.all_ok
    assert len(report.record_problems) == 1


def test_under_an_empty_key_validation_reports_and_the_others_raise(golden_files):
    assert codec.validate(golden_files["1.1"], key=b"") == AuditValidationReport(True, (), False)
    with pytest.raises(SealKeyError):
        codec.verify_signature(golden_files["1.1"], b"")
    with pytest.raises(SealKeyError):
        codec.ingest(golden_files["1.1"], key=b"")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_validation_never_raises_for_a_file_cut_or_changed_anywhere(golden_texts, tmp_path, data):
    whole = golden_texts[data.draw(st.sampled_from(["1.0", "1.1"]))].encode()
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    middle = data.draw(st.sampled_from([b"", b"null", b"{}", b"[]", b"-1", b'""', b'"', b"\xff", b"1e999", b"}", b","]))
    path = tmp_path / "changed.json"
    path.write_bytes(whole[:start] + middle + whole[stop:])
    report = codec.validate(path, key=KEY)
    if report.all_ok:
        assert codec.load(path).dumps().encode() == whole


# Ingest


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_ingest_takes_both_versions_by_default(golden_files, version):
    taken = codec.ingest(golden_files[version], key=KEY, strict_signature=True)
    assert taken.schema_version == f"audit/{version}"


@pytest.mark.parametrize(
    ("version", "required", "allowed", "taken"),
    [
        ("1.0", "audit/1.0", None, True),
        ("1.1", "audit/1.0", None, False),
        ("1.1", None, ("audit/1.0", "audit/1.1"), True),
        ("1.0", None, {"audit/1.1"}, False),
        ("1.1", None, (), False),
        ("1.1", "audit/1.1", ("audit/1.1",), True),
        ("1.1", "audit/1.1", ("audit/1.0",), False),
    ],
)
def test_ingest_takes_the_required_version(golden_files, version, required, allowed, taken):
    asked = {"require_schema_version": required, "allowed_schema_versions": allowed}
    if taken:
        assert codec.ingest(golden_files[version], **asked)
    else:
        with pytest.raises(AuditSchemaVersionMismatchError, match=f"audit/{version}"):
            codec.ingest(golden_files[version], **asked)


def test_a_version_that_is_not_known_is_a_mismatch_even_if_it_is_asked_for(file, wire):
    wire["schema_version"] = "audit/1.2"
    path = file(wire)
    with pytest.raises(AuditSchemaVersionMismatchError, match="no known version"):
        codec.ingest(path, require_schema_version="audit/1.2", allowed_schema_versions=["audit/1.2"])
    with pytest.raises(AuditDecodeError, match="is not known here"):
        codec.load(path)


def test_a_proof_is_not_taken_for_an_audit(golden_files):
    with pytest.raises(AuditDecodeError, match="not an audit"):
        codec.ingest(golden_files["1.1"].with_name("proof-1.0.json"))


def test_an_audit_is_not_taken_for_a_proof(golden_files):
    from ophamin.measuring.proof import codec as proof_codec

    with pytest.raises(proof_codec.ProofSchemaError):
        proof_codec.ingest(golden_files["1.1"])


def test_ingest_names_the_problems_of_the_record(file, rebuilt):
    path = file(rebuilt(target__target_path="", reproduction__command="").sign(KEY).dumps())
    with pytest.raises(
        AuditCodecError, match=r"target\.target_path is empty.*reproduction\.command is empty"
    ) as caught:
        codec.ingest(path, key=KEY)
    assert type(caught.value) is AuditCodecError


def test_a_long_list_of_problems_is_cut_in_the_message(file, rebuilt):
    empty = {"summary__pillars_run": [], "summary__pillars_errored": [], "summary__pillars_unavailable": []}
    with pytest.raises(AuditCodecError, match="and 1 more"):
        codec.ingest(file(rebuilt(**empty, target__target_path="", reproduction__command="").dumps()))


@pytest.mark.parametrize("strict", [True, False])
def test_a_wrong_seal_is_an_error_whenever_a_key_is_given(golden_files, strict):
    with pytest.raises(AuditSignatureError, match="does not belong"):
        codec.ingest(golden_files["1.1"], key=b"other", strict_signature=strict)


@pytest.mark.parametrize("strict", [True, False])
def test_an_unsigned_record_is_an_error_whenever_a_key_is_given(file, rebuilt, strict):
    with pytest.raises(AuditSignatureError, match="is unsigned"):
        codec.ingest(file(rebuilt(signature="").dumps()), key=KEY, strict_signature=strict)
    assert not codec.verify_signature(file(rebuilt(signature="").dumps()), KEY)


def test_a_strict_ingest_needs_a_key(golden_files):
    with pytest.raises(AuditSignatureError, match="needs a key"):
        codec.ingest(golden_files["1.1"], strict_signature=True)


def test_the_checks_of_ingest_run_in_order(file, wire, rebuilt):
    wrong_everywhere = {**wire, "schema_version": "audit/1.0", "signature": "0a" * 32}
    with pytest.raises(AuditSchemaVersionMismatchError):
        codec.ingest(file(wrong_everywhere), key=KEY, require_schema_version="audit/1.1")
    with pytest.raises(AuditDecodeError):
        codec.ingest(file(wrong_everywhere), key=KEY)
    with pytest.raises(AuditCodecError, match="target_path is empty"):
        codec.ingest(file(rebuilt(target__target_path="", signature="0a" * 32).dumps()), key=KEY)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_anywhere_is_found_or_means_nothing(golden_files, tmp_path, data):
    original = golden_files["1.1"].read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    flipped = bytearray(original)
    flipped[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "flipped.json"
    path.write_bytes(flipped)
    try:
        record = codec.ingest(path, key=KEY)
    except AuditCodecError:
        return
    assert record.dumps().encode() == original  # white space, or another spelling of the same character


# Folders


def test_every_audit_below_a_folder_is_listed_in_order(file, tmp_path, golden_texts):
    for name in ("b/audit.json", "a/z/audit.json", "a/audit_0123456789abcdef.json"):
        file(golden_texts["1.0"], name)
    found = [path.relative_to(tmp_path).as_posix() for path in codec.iter_audits(tmp_path)]
    assert found == ["a/audit_0123456789abcdef.json", "a/z/audit.json", "b/audit.json"]


@pytest.mark.parametrize(
    "name",
    [
        "llm_calls/audit.json",
        "a/llm_calls/b/audit.json",
        "diagnosis.json",
        "a/proof.json",
        "CAMPAIGN.json",
        "audit.dsse.json",
        "audit.intoto.json",
        "audit.sarif.json",
        "AUDIT.md",
    ],
)
def test_other_kinds_of_file_are_left_out(file, tmp_path, name):
    file("{}", name)
    assert list(codec.iter_audits(tmp_path)) == []


@pytest.mark.parametrize("name", ["proof_of_life.json", "llm_calls.json", "sarif.json"])
def test_an_audit_is_not_left_out_for_a_name_that_only_resembles(file, tmp_path, name):
    path = file("{}", name)
    assert list(codec.iter_audits(tmp_path)) == [path]


def test_a_folder_named_like_a_file_is_left_out(tmp_path):
    (tmp_path / "a.json").mkdir()
    assert list(codec.iter_audits(tmp_path)) == []


def test_a_folder_that_is_not_there_is_an_error_and_not_an_empty_list(tmp_path):
    with pytest.raises(AuditDecodeError, match="not a folder"):
        codec.list_audits(tmp_path / "absent")


def test_a_list_says_what_each_audit_says(tmp_path, file, golden_texts, wire):
    path = file(golden_texts["1.1"])
    assert codec.list_audits(tmp_path, key=KEY) == (
        AuditListEntry(path, wire["audit_id"], 4, "audit/1.1", "src", True, None),
    )
    assert codec.list_audits(tmp_path)[0].signature_ok is None
    assert codec.list_audits(tmp_path, key=b"other")[0].signature_ok is False


def test_a_bad_file_is_an_entry_with_its_error(tmp_path, file, golden_texts):
    file(golden_texts["1.0"], "a.json")
    file("{", "b.json")
    good, bad = codec.list_audits(tmp_path, key=KEY)
    assert good.error is None
    assert "line 1, column 2" in bad.error
    assert (bad.audit_id, bad.total_findings, bad.signature_ok) == (None, None, None)


def test_every_error_of_the_codec_is_an_ophamin_and_a_runtime_error():
    for kind in (AuditDecodeError, AuditSignatureError, AuditSchemaVersionMismatchError):
        assert issubclass(kind, AuditCodecError)
    assert issubclass(AuditCodecError, RuntimeError)
    assert issubclass(AuditCodecError, OphaminError)


def test_a_record_made_by_hand_is_read_from_its_file(tmp_path):
    record = AuditRecord.from_results("src", "0d" * 32, [PillarResult("x", "x", "", "ok", "src")], "ophamin audit src")
    assert codec.load(codec.dump(record, tmp_path / "audit.json")) == record
