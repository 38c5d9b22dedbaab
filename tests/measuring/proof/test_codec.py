# SPDX-License-Identifier: Apache-2.0
"""Proof files: what is written reads back, and every way to be wrong has its own error."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ophamin.core.signing import DEFAULT_SIGN_KEY, SealKeyError
from ophamin.errors import OphaminError
from ophamin.measuring.proof import codec
from ophamin.measuring.proof.codec import (
    ProofCodecError,
    ProofDecodeError,
    ProofSchemaError,
    ProofSchemaVersionMismatchError,
    ProofSignatureError,
    ProofValidationError,
    ValidationReport,
)
from ophamin.measuring.proof.record import ProofIdMismatchError

KEY = b"golden-key"


@pytest.fixture
def file(tmp_path):
    """Write values, text or bytes to a file."""

    def write(content, name="proof.json"):
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
    written = codec.dump(codec.load(golden_files[version]), tmp_path / "a" / "b" / "proof.json")
    assert written == tmp_path / "a" / "b" / "proof.json"
    assert written.read_bytes() == golden_files[version].read_bytes()


@pytest.mark.parametrize("indent", [None, 0, 4])
def test_another_indent_is_the_same_record(golden, tmp_path, indent):
    written = codec.dump(golden, tmp_path / "proof.json", indent=indent)
    assert written.read_text() == json.dumps(golden.to_dict(), indent=indent)
    assert codec.load(written) == golden


def test_a_dump_that_cannot_be_written_is_an_os_error(golden, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match="taken"):
        codec.dump(golden, tmp_path / "taken" / "proof.json")


def test_paths_may_be_text(golden, tmp_path):
    codec.dump(golden, str(tmp_path / "proof.json"))
    assert codec.load(str(tmp_path / "proof.json")) == golden


@pytest.mark.parametrize(
    "content",
    [
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
        b'{"proof_id": "a", "proof_id": "b"}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": 9007199254740993}',
        b'{"a": "\\ud800"}',
        b"[" * 100 + b"]" * 100,
        b'{"a": "' + b"x" * 70_000 + b'"}',
        b'{"a": 1} trailing',
    ],
)
@pytest.mark.parametrize("read", [codec.load, codec.validate, codec.ingest, codec.validate_schema])
def test_hostile_bytes_are_a_typed_error(file, content, read):
    path = file(content)
    if read in {codec.validate, codec.validate_schema}:
        try:
            result = read(path)
        except ProofDecodeError:
            return
        assert not (result.all_ok if isinstance(result, ValidationReport) else result[0])
    else:
        with pytest.raises(ProofCodecError):
            read(path)


def test_a_file_beyond_the_size_limit_is_refused_unread(tmp_path):
    path = tmp_path / "proof.json"
    with path.open("wb") as handle:
        handle.truncate(9 * 2**20)
    with pytest.raises(ProofDecodeError, match="limit"):
        codec.load(path)


@pytest.mark.parametrize(
    "read",
    [
        codec.load,
        codec.validate,
        codec.validate_schema,
        codec.ingest,
        lambda path: codec.verify_signature(path, KEY),
    ],
)
def test_a_file_that_cannot_be_read_is_a_decode_error_with_a_cause(tmp_path, read):
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(ProofDecodeError) as caught:
            read(path)
        assert caught.value.__cause__ is not None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "proof.json")
    with pytest.raises(ProofDecodeError, match="pipe"):
        codec.load(tmp_path / "proof.json")


def test_a_duplicate_key_deep_inside_is_refused(file, golden_texts):
    text = golden_texts["1.0"].replace('"outcome": "VALIDATED"', '"outcome": "REFUTED",\n    "outcome": "VALIDATED"')
    with pytest.raises(ProofDecodeError, match="twice"):
        codec.ingest(file(text), key=KEY)


def test_a_stored_id_of_another_record_is_refused(file, wire, undefined_wire):
    wire["proof_id"] = undefined_wire["proof_id"]
    path = file(wire)
    with pytest.raises(ProofDecodeError, match="it was changed") as caught:
        codec.load(path)
    assert isinstance(caught.value.__cause__, ProofIdMismatchError)
    with pytest.raises(ProofValidationError, match="it was changed"):
        codec.ingest(path)
    assert codec.validate(path, key=KEY).record_ok is False


def test_a_missing_section_is_named(file, wire):
    del wire["identity"]
    with pytest.raises(ProofDecodeError, match="identity: missing"):
        codec.load(file(wire))


def test_the_path_in_a_message_can_do_nothing_to_a_terminal(tmp_path):
    with pytest.raises(ProofDecodeError) as caught:
        codec.load(tmp_path / "a\x1b[2K.json")
    assert "\x1b" not in str(caught.value)


# Validation


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_good_file_passes_every_layer(golden_files, version):
    assert codec.validate(golden_files[version], key=KEY) == ValidationReport(True, (), True, (), True)
    assert codec.validate(golden_files[version]).signature_ok is None
    assert codec.validate(golden_files[version]).all_ok


def test_a_wrong_seal_is_reported(golden_files):
    report = codec.validate(golden_files["1.0"], key=b"other")
    assert (report.schema_ok, report.record_ok, report.signature_ok, report.all_ok) == (True, True, False, False)


def test_a_wrong_shape_stops_the_other_layers(file, wire):
    del wire["claim"]["h0"]
    report = codec.validate(file(wire), key=KEY)
    assert report.schema_errors == ("claim: 'h0' is a required property",)
    assert (report.schema_ok, report.record_ok, report.signature_ok) == (False, False, None)
    assert report.record_problems == ("skipped: the shape of the file is wrong",)
    assert not report.all_ok


def test_parts_that_do_not_agree_are_reported(file, rebuilt):
    report = codec.validate(file(rebuilt(verdict__outcome="REFUTED").sign(KEY).dumps()), key=KEY)
    assert report.schema_ok
    assert not report.record_ok
    assert "contradicts" in report.record_problems[0]
    assert report.signature_ok
    assert not report.all_ok


def test_the_shape_alone_can_be_asked_for(file, wire):
    assert codec.validate_schema(file(wire)) == (True, ())
    wire["surplus"] = 1
    ok, errors = codec.validate_schema(file(wire))
    assert not ok
    assert "surplus" in errors[0]


def test_a_seal_verifies_under_its_key_alone(golden_files, file, rebuilt):
    assert codec.verify_signature(golden_files["1.0"], KEY)
    assert not codec.verify_signature(golden_files["1.0"], DEFAULT_SIGN_KEY)
    assert not codec.verify_signature(file(rebuilt(signature="").dumps()), KEY)


def test_an_empty_key_is_an_error_and_not_a_failed_check(golden_files):
    for check in (
        lambda: codec.verify_signature(golden_files["1.0"], b""),
        lambda: codec.validate(golden_files["1.0"], key=b""),
        lambda: codec.ingest(golden_files["1.0"], key=b""),
    ):
        with pytest.raises(SealKeyError):
            check()


# Ingest


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_ingest_takes_both_versions_by_default(golden_files, version):
    assert codec.ingest(golden_files[version], key=KEY, strict_signature=True).schema_version == version


@pytest.mark.parametrize(
    ("version", "required", "taken"),
    [
        ("1.0", "1.0", True),
        ("1.1", "1.1", True),
        ("1.1", "1.0", False),
        ("1.0", "1.1", False),
        ("1.1", None, True),
        ("1.1", ("1.0", "1.1"), True),
        ("1.1", ["1.0"], False),
        ("1.0", "1.0.1", False),
        ("1.0", (), False),
    ],
)
def test_ingest_takes_the_required_version(golden_files, version, required, taken):
    if taken:
        assert codec.ingest(golden_files[version], require_schema_version=required)
    else:
        with pytest.raises(ProofSchemaVersionMismatchError, match=version):
            codec.ingest(golden_files[version], require_schema_version=required)


def test_ingest_names_the_errors_of_shape(file, wire):
    wire["claim"]["threshold"]["comparator"] = "!="
    path = file(wire)
    with pytest.raises(ProofSchemaError, match=r"claim\.threshold\.comparator") as caught:
        codec.ingest(path)
    assert caught.value.path == path
    assert len(caught.value.schema_errors) == 1


def test_ingest_says_that_prose_in_a_cross_check_is_from_old_files(file, wire):
    wire["evidence"][0]["cross_check"] = "matches the second library on all pairs"
    with pytest.raises(ProofSchemaError, match=r"before 0\.9\.5 hold prose"):
        codec.ingest(file(wire))


def test_ingest_names_the_problems_of_the_record(file, rebuilt):
    path = file(rebuilt(claim__statement="", reproduction__command="").sign(KEY).dumps())
    with pytest.raises(ProofValidationError, match=r"claim\.statement is empty") as caught:
        codec.ingest(path, key=KEY)
    assert caught.value.path == path
    assert len(caught.value.record_problems) == 2


def test_a_long_list_of_errors_is_cut_in_the_message_and_whole_in_the_error(file, wire):
    wire["claim"] = {}
    wire["identity"] = {}
    with pytest.raises(ProofSchemaError, match="and 3 more") as caught:
        codec.ingest(file(wire))
    assert len(caught.value.schema_errors) == 8


@pytest.mark.parametrize("strict", [True, False])
def test_a_wrong_seal_is_an_error_whenever_a_key_is_given(golden_files, strict):
    with pytest.raises(ProofSignatureError, match="does not belong"):
        codec.ingest(golden_files["1.0"], key=b"other", strict_signature=strict)


@pytest.mark.parametrize("strict", [True, False])
def test_an_unsigned_record_is_an_error_whenever_a_key_is_given(file, rebuilt, strict):
    with pytest.raises(ProofSignatureError, match="unsigned"):
        codec.ingest(file(rebuilt(signature="").dumps()), key=KEY, strict_signature=strict)


def test_a_strict_ingest_needs_a_key(golden_files):
    with pytest.raises(ProofSignatureError, match="needs a key"):
        codec.ingest(golden_files["1.0"], strict_signature=True)


def test_without_a_key_the_seal_is_not_looked_at(file, rebuilt):
    assert codec.ingest(file(rebuilt(signature="0a" * 32).dumps())).signature == "0a" * 32


def test_the_checks_of_ingest_run_in_order(file, rebuilt):
    broken = rebuilt(claim__statement="")
    broken.signature = "0a" * 32
    path = file(broken.dumps())
    with pytest.raises(ProofValidationError):
        codec.ingest(path, key=KEY, require_schema_version="1.1")
    whole = file(rebuilt(signature="0a" * 32).dumps())
    with pytest.raises(ProofSchemaVersionMismatchError):
        codec.ingest(whole, key=KEY, require_schema_version="1.1")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_anywhere_is_found_or_means_nothing(golden_files, tmp_path, data):
    original = golden_files["1.0"].read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    flipped = bytearray(original)
    flipped[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "flipped.json"
    path.write_bytes(flipped)
    try:
        record = codec.ingest(path, key=KEY)
    except ProofCodecError:
        return
    assert record.dumps().encode() == original  # white space, or another spelling of the same character


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_digit_of_the_body_breaks_the_seal_even_with_a_fitting_id(golden_texts, rebuilt, data):
    paths = {
        "verdict__observed_value": st.floats(0, 0.0999),
        "evidence__0__statistic_value": st.floats(0, 1),
        "evidence__0__ci_high": st.floats(0, 1),
        "data__datasets__0__n_records": st.integers(1, 2**53),
        "claim__threshold__value": st.floats(0.05, 1),
    }
    path = data.draw(st.sampled_from(sorted(paths)))
    value = data.draw(paths[path])
    forged = rebuilt(**{path: value})
    same = forged.dumps() == golden_texts["1.0"]
    assert forged.verify_signature(KEY) == same


# Folders


def test_every_proof_below_a_folder_is_listed_in_order(tmp_path, golden_texts):
    for name in ("b/proof.json", "a/z/proof.json", "a/proof.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(golden_texts["1.0"])
    found = [path.relative_to(tmp_path).as_posix() for path in codec.iter_proofs(tmp_path)]
    assert found == ["a/proof.json", "a/z/proof.json", "b/proof.json"]


@pytest.mark.parametrize(
    "name",
    [
        "llm_calls/proof.json",
        "a/llm_calls/b/proof.json",
        "diagnosis.json",
        "a/diagnosis.json",
        "audit.json",
        "audit_0123456789abcdef.json",
        "proof.dsse.json",
        "proof.intoto.json",
        "PROOF.md",
        "observations.json.gz",
    ],
)
def test_other_kinds_of_file_are_left_out(file, tmp_path, name):
    file("{}", name)
    assert list(codec.iter_proofs(tmp_path)) == []


@pytest.mark.parametrize("name", ["audit_trail_mock_0123456789abcdef.json", "llm_calls.json", "x.json"])
def test_a_proof_is_not_left_out_for_a_name_that_only_resembles(file, tmp_path, name):
    path = file("{}", name)
    assert list(codec.iter_proofs(tmp_path)) == [path]


def test_a_folder_named_like_a_file_is_left_out(tmp_path):
    (tmp_path / "a.json").mkdir()
    assert list(codec.iter_proofs(tmp_path)) == []


def test_a_folder_that_is_not_there_is_an_error_and_not_an_empty_list(tmp_path):
    with pytest.raises(ProofDecodeError, match="not a folder"):
        codec.list_proofs(tmp_path / "absent")


def test_a_list_says_what_each_proof_says(tmp_path, file, golden_texts):
    path = file(golden_texts["1.1"])
    (entry,) = codec.list_proofs(tmp_path, key=KEY)
    wire = json.loads(golden_texts["1.1"])
    assert entry == codec.ProofListEntry(
        path, wire["proof_id"], "INCONCLUSIVE", "1.1", wire["claim"]["statement"], True, None
    )
    assert codec.list_proofs(tmp_path)[0].signature_ok is None
    assert codec.list_proofs(tmp_path, key=b"other")[0].signature_ok is False


def test_a_bad_file_is_an_entry_with_its_error(tmp_path, file, golden_texts):
    file(golden_texts["1.0"], "a.json")
    file("{", "b.json")
    good, bad = codec.list_proofs(tmp_path, key=KEY)
    assert good.error is None
    assert "line 1, column 2" in bad.error
    assert (bad.proof_id, bad.verdict, bad.signature_ok) == (None, None, None)


def test_every_error_of_the_codec_is_an_ophamin_and_a_runtime_error():
    for kind in (
        ProofDecodeError,
        ProofSchemaError,
        ProofValidationError,
        ProofSignatureError,
        ProofSchemaVersionMismatchError,
    ):
        assert issubclass(kind, ProofCodecError)
    assert issubclass(ProofCodecError, RuntimeError)
    assert issubclass(ProofCodecError, OphaminError)
