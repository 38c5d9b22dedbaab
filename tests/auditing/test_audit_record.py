# SPDX-License-Identifier: Apache-2.0
"""The audit record: its two wires, its id and seal, and exact reading."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.auditing.audit_record import (
    SCHEMA_VERSION,
    AuditClaimError,
    AuditIdMismatchError,
    AuditRecord,
    AuditSummary,
)
from ophamin.auditing.base import Finding, FindingSeverity, PillarResult, PillarState
from ophamin.core.records import RecordFieldError
from ophamin.core.signing import SealKeyError

KEY = b"golden-key"
# Made once with json, hashlib and hmac alone.
GOLDEN_IDS = {
    "1.0": "6623344507eaa8e9c82762218ad08a5ff91d253d75cc8da555074c6e50662dac",
    "1.1": "0b95beed1d7be127bb4ee1970e553811786ba2cdf18f882c38a4bc2a8794f38b",
}
FREE_MAPS = {"extra", "sweep_grid", "severity_histogram", "findings_per_pillar"}


def fields_of(value, path=()):
    """Every field of a record on the wire, down to the free maps, as paths."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in items:
        if isinstance(value, dict):
            yield (*path, name)
        if name not in FREE_MAPS:
            yield from fields_of(child, (*path, name))


def spelled(path):
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def parent_of(data, path):
    for part in path[:-1]:
        data = data[part]
    return data


VERSIONS = pytest.mark.parametrize("version", ["1.0", "1.1"])


# The wire


@VERSIONS
def test_a_golden_audit_is_written_again_byte_for_byte(golden_texts, version):
    assert AuditRecord.from_dict(json.loads(golden_texts[version])).dumps() == golden_texts[version]


@VERSIONS
def test_a_golden_audit_keeps_its_id_seal_and_health(golden_texts, version):
    record = AuditRecord.from_dict(json.loads(golden_texts[version]))
    assert record.audit_id == GOLDEN_IDS[version]
    assert record.verify_signature(KEY)
    assert record.validate() == []


@VERSIONS
def test_id_and_seal_are_over_json_with_default_separators(rebuilt, version):
    record = rebuilt(version)
    plain = json.dumps(record.body(), sort_keys=True, default=str).encode()
    assert record.canonical_body() == plain
    assert record.audit_id == hashlib.sha256(plain).hexdigest()
    assert record.signature == hmac.new(KEY, plain, "sha256").hexdigest()


def test_the_signed_body_leaves_out_id_and_signature(golden):
    assert list(golden.body()) == [
        "schema_version", "identity", "target", "pillars", "summary", "reproduction", "preregistration",
        "pre_registered_metric", "verdict",
    ]  # fmt: skip


def test_an_audit_without_a_claim_has_no_field_for_one(audit, result):
    assert list(audit(result()).to_dict()) == [
        "audit_id", "schema_version", "identity", "target", "pillars", "summary", "reproduction", "signature",
    ]  # fmt: skip


def test_only_an_audit_1_0_has_results_without_extra(plain_wire, wire):
    assert all("extra" not in pillar for pillar in plain_wire["pillars"])
    assert all("extra" in pillar for pillar in wire["pillars"])
    assert all("extra" in finding for finding in plain_wire["pillars"][0]["findings"])


@pytest.mark.parametrize("name", ["per_rule_top10", "per_file_top10", "severity_histogram"])
def test_counts_in_another_order_are_kept_as_they_came(plain_wire, name):
    """The counts are inside the signed body, and the earlier project breaks ties in the order of the findings."""
    pillar, summary = plain_wire["pillars"][0], plain_wire["summary"]
    for part in (pillar, summary):
        if name in part:
            turned = part[name][::-1] if isinstance(part[name], list) else dict(reversed(part[name].items()))
            part[name] = turned
    again = AuditRecord._from_sections(plain_wire).to_dict()
    assert json.dumps(again["pillars"]) == json.dumps(plain_wire["pillars"])
    assert json.dumps(again["summary"]) == json.dumps(plain_wire["summary"])
    assert json.dumps(AuditRecord.from_dict(again).to_dict()) == json.dumps(again)


def test_an_integer_where_a_float_is_usual_keeps_its_text(rebuilt):
    record = rebuilt(pillars__0__wall_time_s=0, verdict__observed_value=2)
    text = json.loads(record.dumps())
    assert type(text["pillars"][0]["wall_time_s"]) is int
    assert type(text["verdict"]["observed_value"]) is int
    assert AuditRecord.from_dict(text).audit_id == record.audit_id


def test_what_to_dict_gives_can_be_changed_without_changing_the_record(golden):
    before = golden.audit_id
    given_out = golden.to_dict()
    given_out["pillars"][0]["extra"]["state"] = "ok"
    given_out["summary"]["top_files"].clear()
    given_out["preregistration"]["sweep_grid"].clear()
    assert golden.audit_id == before


# Reading


@VERSIONS
def test_every_field_is_needed_and_named_when_it_is_missing(golden_texts, version):
    whole = json.loads(golden_texts[version])
    optional = {"preregistration", "pre_registered_metric", "verdict"}
    for path in fields_of(whole):
        if path[0] in optional and len(path) == 1:
            continue
        data = copy.deepcopy(whole)
        del parent_of(data, path)[path[-1]]
        with pytest.raises(RecordFieldError) as caught:
            AuditRecord.from_dict(data)
        assert caught.value.path == spelled(path)


@VERSIONS
def test_a_field_more_is_refused_wherever_it_stands(golden_texts, version):
    whole = json.loads(golden_texts[version])
    sections = {path[:-1] for path in fields_of(whole)}
    for path in sections:
        data = copy.deepcopy(whole)
        parent_of(data, (*path, "surplus"))["surplus"] = 1
        with pytest.raises(RecordFieldError, match="unknown field") as caught:
            AuditRecord.from_dict(data)
        assert caught.value.path == spelled((*path, "surplus"))


@VERSIONS
def test_a_field_of_another_type_is_refused_and_named(golden_texts, version):
    whole = json.loads(golden_texts[version])
    for path in fields_of(whole):
        if path == ("audit_id",):
            continue
        data = copy.deepcopy(whole)
        place = parent_of(data, path)
        place[path[-1]] = 0.5 if isinstance(place[path[-1]], (str, list, dict)) else ["x"]
        with pytest.raises(RecordFieldError) as caught:
            AuditRecord.from_dict(data)
        assert caught.value.path.startswith(spelled(path))


def test_an_audit_1_0_has_no_place_for_extra_or_a_claim(plain_wire, wire):
    for name in ("preregistration", "pre_registered_metric", "verdict"):
        with pytest.raises(RecordFieldError, match="unknown field") as caught:
            AuditRecord.from_dict({**plain_wire, name: wire[name]})
        assert caught.value.path == name
    plain_wire["pillars"][0]["extra"] = {}
    with pytest.raises(RecordFieldError, match="unknown field") as caught:
        AuditRecord.from_dict(plain_wire)
    assert caught.value.path == "pillars[0].extra"


@pytest.mark.parametrize("name", ["preregistration", "pre_registered_metric", "verdict"])
def test_a_claim_that_is_not_set_is_left_out_and_not_null(wire, name):
    wire[name] = None
    with pytest.raises(RecordFieldError, match="leaves the field out"):
        AuditRecord.from_dict(wire)


@pytest.mark.parametrize("version", ["audit/1.2", "audit/2.0", "1.1", "", 1, ["audit/1.1"]])
def test_an_unknown_version_is_refused_before_anything_else_is_read(wire, version):
    with pytest.raises(RecordFieldError, match="schema_version") as caught:
        AuditRecord.from_dict({"schema_version": version})
    assert caught.value.path == "schema_version"
    with pytest.raises(RecordFieldError, match="schema_version"):
        AuditRecord.from_dict({**wire, "schema_version": version})


@pytest.mark.parametrize("data", [None, [], "x", 3, True])
def test_what_is_no_object_is_no_audit(data):
    with pytest.raises(RecordFieldError, match="stands where named fields belong"):
        AuditRecord.from_dict(data)


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [([["a"]], "top_files"), ([["a", 1, 2]], "top_files"), ([[1, "a"]], "top_files"), ([["a", -1]], "top_files")],
)
def test_a_pair_of_name_and_count_has_two_parts(wire, pairs, problem):
    wire["summary"]["top_files"] = pairs
    with pytest.raises(RecordFieldError, match=problem):
        AuditRecord.from_dict(wire)


def test_an_unknown_severity_is_refused_with_the_known_ones(wire):
    wire["pillars"][0]["findings"][0]["severity"] = "fatal"
    with pytest.raises(RecordFieldError, match="critical, high, medium, low, info, not 'fatal'") as caught:
        AuditRecord.from_dict(wire)
    assert caught.value.path == "pillars[0].findings[0].severity"


def test_a_stored_id_of_another_record_is_refused(wire, plain_wire):
    wire["audit_id"] = plain_wire["audit_id"]
    with pytest.raises(AuditIdMismatchError, match="it was changed"):
        AuditRecord.from_dict(wire)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_change_of_a_value_breaks_id_and_seal(golden_texts, data):
    whole = json.loads(golden_texts["1.1"])
    leaves = [path for path in fields_of(whole) if type(parent_of(whole, path)[path[-1]]) in {str, int, float}]
    path = data.draw(st.sampled_from([path for path in leaves if path[0] not in {"audit_id", "signature"}]))
    place = parent_of(whole, path)
    old = place[path[-1]]
    place[path[-1]] = f"{old}x" if isinstance(old, str) else old + 1
    try:
        forged = AuditRecord._from_sections(whole)
    except RecordFieldError:
        return
    assert forged.audit_id != GOLDEN_IDS["1.1"]
    assert not forged.verify_signature(KEY)


# Making


texts = st.text(max_size=20).filter(lambda text: not any("\ud800" <= char <= "\udfff" for char in text))
findings = st.builds(
    Finding,
    pillar_name=st.just("tool"),
    rule_id=texts,
    severity=st.sampled_from(FindingSeverity),
    message=texts,
    path=st.sampled_from(["a.py", "b.py", "é.py", ""]),
    line=st.integers(0, 2**53),
    column=st.integers(-1, 200),
    extra=st.dictionaries(
        texts, st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False), max_size=3
    ),
)


@settings(max_examples=60, deadline=None)
@given(made=st.lists(findings, max_size=30), seconds=st.floats(0, 1e6) | st.integers(0, 5))
def test_any_audit_reads_back_as_itself_and_is_well_formed(made, seconds):
    one = PillarResult("tool", "tool", "1", "ok", "src", made, wall_time_s=seconds)
    record = AuditRecord.from_results("src", "0d" * 32, [one], "ophamin audit src").sign(KEY)
    again = AuditRecord.from_dict(json.loads(record.dumps()))
    assert again == record
    assert again.dumps() == record.dumps() == json.dumps(record.to_dict(), indent=2)
    assert again.verify_signature(KEY)
    assert again.validate() == []
    assert again.observe("total_findings") == len(made)


def test_a_new_audit_says_who_made_it_and_when(audit, result):
    record = audit(result())
    assert record.schema_version == SCHEMA_VERSION == "audit/1.1"
    assert record.ophamin_version
    assert record.captured_at.endswith("+00:00")
    assert record.signature == ""
    assert not record.verify_signature(KEY)


def test_a_summary_counts_what_the_pillars_found(audit, result, found):
    record = audit(
        result(findings=found(2, "high"), state=PillarState.FINDINGS),
        result("bandit", PillarState.PARTIAL, found(1, "low", "bandit")),
        result("mypy", PillarState.UNAVAILABLE),
    )
    assert record.summary == AuditSummary(
        total_findings=3,
        severity_histogram={"high": 2, "low": 1},
        findings_per_pillar={"ruff": 2, "bandit": 1},
        top_files=[("src/0.py", 2), ("src/1.py", 1)],
        pillars_run=["ruff"],
        pillars_unavailable=["mypy"],
        pillars_errored=["bandit"],
    )
    assert [record.observe(name) for name in ("total_findings", "high", "critical", "bandit")] == [3, 2, 0, 1]


@pytest.mark.parametrize("metric", ["mypy", "coverage", ""])
def test_a_count_that_an_audit_does_not_have_is_an_error_and_not_zero(audit, result, metric):
    with pytest.raises(AuditClaimError, match="no count of this audit"):
        audit(result(), result("mypy", PillarState.UNAVAILABLE)).observe(metric)


def test_an_empty_key_seals_nothing(golden):
    with pytest.raises(SealKeyError):
        golden.sign(b"")
    with pytest.raises(SealKeyError):
        golden.verify_signature(b"")


def test_a_value_that_has_no_json_form_is_refused_where_it_is_made():
    with pytest.raises(RecordFieldError, match=r"Finding\.extra"):
        Finding("x", "r", "low", "m", "p", extra={"ratio": float("nan")})
    with pytest.raises(RecordFieldError, match="wall_time_s"):
        PillarResult("x", "x", "1", "ok", "src", wall_time_s=float("inf"))
    with pytest.raises(RecordFieldError, match="line"):
        Finding("x", "r", "low", "m", "p", 2**60)


def test_a_value_that_is_put_in_later_is_named_by_its_path(golden):
    golden.pillars[0].extra["late"] = float("nan")
    with pytest.raises(ValueError, match=r"pillars\[0\]\.extra\.late"):
        _ = golden.audit_id


def test_an_audit_is_written_to_a_file_and_read_again(golden, tmp_path):
    text = golden.to_json(tmp_path / "deep" / "audit.json")
    assert (tmp_path / "deep" / "audit.json").read_text(encoding="ascii") == text == golden.dumps()
    assert AuditRecord.from_json(tmp_path / "deep" / "audit.json") == golden
