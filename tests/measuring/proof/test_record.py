# SPDX-License-Identifier: Apache-2.0
"""The proof record: its wire, its id and seal, exact reading, and the one place that decides."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.canonical import canonical_bytes
from ophamin.core.records import RecordFieldError
from ophamin.core.signing import SealKeyError
from ophamin.measuring.proof.record import (
    SCHEMA_VERSION,
    SCHEMA_VERSION_UNDEFINED,
    Claim,
    DatasetRef,
    EmpiricalProofRecord,
    PillarEvidence,
    PreRegistration,
    ProofIdMismatchError,
    Reproduction,
    Threshold,
    Verdict,
    schema_version_for,
)

KEY = b"golden-key"
# Made once with json, hashlib and hmac alone.
GOLDEN_IDS = {
    "1.0": "66e265d4b1080a086580fcdbac766696986874c588695cdd0d47676fc66cd78c",
    "1.1": "41f2da69a6f463fd8f3b518d220db51c8fa23331fb498800888244f776f97383",
}
FREE_MAPS = {"sweep_grid", "detail", "environment", "provenance"}
NOTHING = {"author": "A", "algorithm": "ed25519", "public_key": "0a" * 32, "signature": "0b" * 64}
BAR = Threshold("blocked", "<=", 0.1, "fraction")


def fields_of(value, path=()):
    """Every field of a record on the wire, down to the free maps, as paths."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in items:
        if isinstance(value, dict):
            yield (*path, name)
        if name not in FREE_MAPS:
            yield from fields_of(child, (*path, name))


def spelled(path):
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def parent_of(data, path):
    for part in path[:-1]:
        data = data[part]
    return data


def small_record(**changes):
    fields = {
        "claim": Claim("It blocks little.", "blocked / n", BAR, "blocked > 0.1", "blocked <= 0.1"),
        "preregistration": PreRegistration("0a" * 32, "0b" * 32, "exact", {}, "2026-01-01T00:00:00+00:00"),
        "datasets": [DatasetRef("benign", "0d" * 32, 100, "fixtures")],
        "substrate_name": "mock",
        "substrate_git_commit": "mock-0000000",
        "evidence": [PillarEvidence("A.exact", "blocked", 0.05, "scipy", "1.17.1")],
        "verdict": Verdict.decide(0.05, BAR),
        "reproduction": Reproduction("pytest --ophamin", {"python": "3.12.4"}),
        "ophamin_version": "0.1.0",
    }
    return EmpiricalProofRecord(**{**fields, **changes})


# The wire


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_golden_record_is_written_again_byte_for_byte(golden_texts, version):
    record = EmpiricalProofRecord.from_dict(json.loads(golden_texts[version]))
    assert record.dumps() == golden_texts[version]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_golden_record_keeps_its_id_seal_and_health(golden_texts, version):
    record = EmpiricalProofRecord.from_dict(json.loads(golden_texts[version]))
    assert record.proof_id == GOLDEN_IDS[version]
    assert record.verify_signature(KEY)
    assert record.validate() == []
    assert record.is_valid


def test_id_and_seal_follow_the_published_formula(golden):
    plain = json.dumps(golden.body(), sort_keys=True, separators=(",", ":"), default=str).encode()
    assert golden.proof_id == hashlib.sha256(plain).hexdigest()
    assert golden.signature == hmac.new(KEY, plain, "sha256").hexdigest()


def test_the_signed_body_leaves_out_id_signature_and_attestation(golden):
    golden.attestation = NOTHING
    assert sorted(golden.body()) == [
        "claim", "data", "evidence", "identity", "preregistration", "provenance", "reproduction",
        "schema_version", "verdict",
    ]  # fmt: skip


def test_neither_signature_nor_attestation_changes_the_id(golden):
    before = golden.proof_id
    golden.sign(b"other")
    golden.attestation = NOTHING
    assert golden.proof_id == before


def test_the_wire_order_is_the_one_of_the_file(golden, wire):
    assert list(golden.to_dict()) == list(wire)
    assert "attestation" not in golden.to_dict()


def test_an_attestation_is_last_and_goes_through_in_wire_order(golden):
    golden.attestation = dict(reversed(NOTHING.items()))
    data = json.loads(golden.dumps())
    assert list(data)[-1] == "attestation"
    assert list(data["attestation"]) == list(NOTHING)
    assert EmpiricalProofRecord.from_dict(data) == golden


@pytest.mark.parametrize(
    "change",
    [
        {"author": ""},
        {"author": 1},
        {"algorithm": "rsa"},
        {"public_key": "0A" * 32},
        {"public_key": "0a" * 31},
        {"signature": "0b" * 64 + "\n"},
        {"extra": "x"},
    ],
)
def test_an_attestation_of_another_form_is_refused(change):
    with pytest.raises(ValueError, match="attestation"):
        small_record(attestation={**NOTHING, **change})


def test_an_attestation_without_one_of_its_fields_is_refused():
    for name in NOTHING:
        with pytest.raises(ValueError, match="attestation"):
            small_record(attestation={key: value for key, value in NOTHING.items() if key != name})


def test_an_empty_attestation_in_a_file_is_refused(wire):
    with pytest.raises(RecordFieldError, match="attestation: empty"):
        EmpiricalProofRecord.from_dict({**wire, "attestation": {}})


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
JSON_MAPS = st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=4)
TEXT_MAPS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4)


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=30), free=JSON_MAPS, locked=TEXT_MAPS, chain=st.lists(st.text(max_size=5), max_size=3))
def test_the_fast_texts_equal_the_plain_ones_and_read_back(text, free, locked, chain):
    evidence = [PillarEvidence("a", text, 3, "c", "1", detail=free)]
    record = small_record(
        evidence=evidence,
        reproduction=Reproduction(text, locked, chain),
        provenance=free,
        substrate_name=text,
    )
    assert record.dumps() == json.dumps(record.to_dict(), indent=2)
    assert record.canonical_body() == canonical_bytes(record.body())
    again = EmpiricalProofRecord.from_dict(json.loads(record.dumps()))
    assert again == record
    assert again.dumps() == record.dumps()


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_in_a_file_never_matters(golden_texts, random):
    def shuffled(value):
        if isinstance(value, dict):
            items = [(key, shuffled(child)) for key, child in value.items()]
            random.shuffle(items)
            return dict(items)
        return [shuffled(child) for child in value] if isinstance(value, list) else value

    record = EmpiricalProofRecord.from_dict(shuffled(json.loads(golden_texts["1.0"])))
    assert record.proof_id == GOLDEN_IDS["1.0"]
    assert record.verify_signature(KEY)


def test_what_to_dict_gives_is_a_copy(golden):
    before = golden.proof_id
    data = golden.to_dict()
    data["evidence"][0]["detail"]["n"] = 0
    data["provenance"]["entity"].clear()
    data["reproduction"]["environment"].clear()
    data["preregistration"]["sweep_grid"]["limits"].append(0)
    assert golden.proof_id == before


@pytest.mark.parametrize("value", [1, 0, 2**53])
def test_integers_where_floats_are_usual_keep_the_id_of_a_file(wire, value):
    for section in ("claim", "verdict"):
        wire[section]["threshold"]["value"] = value
    wire["verdict"]["observed_value"] = value
    del wire["proof_id"]
    body = {name: part for name, part in wire.items() if name != "signature"}
    wire["proof_id"] = hashlib.sha256(canonical_bytes(body)).hexdigest()
    assert EmpiricalProofRecord.from_dict(wire).to_dict() == wire
    assert f'"value": {value},' in EmpiricalProofRecord.from_dict(wire).dumps()


def test_a_threshold_made_from_an_integer_is_a_float_on_the_wire():
    assert json.dumps(Threshold("n", ">=", 1).to_dict()) == (
        '{"metric": "n", "comparator": ">=", "value": 1.0, "units": ""}'
    )


def test_to_json_writes_the_text_that_it_gives(golden, tmp_path):
    file = tmp_path / "new" / "proof.json"
    assert golden.to_json(file).encode() == file.read_bytes() == golden.dumps().encode()
    assert EmpiricalProofRecord.from_json(file) == golden
    assert golden.to_json() == golden.dumps()


# Seal


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_leaf_of_the_body_can_change_under_its_seal(golden_texts, data):
    wire = json.loads(golden_texts["1.0"])
    paths = [path for path in fields_of(wire) if path[0] not in {"proof_id", "signature", "schema_version"}]
    texts = [path for path in paths if isinstance(parent_of(wire, path)[path[-1]], str)]
    closed = {"comparator", "outcome", "cross_check"}
    path = data.draw(st.sampled_from([path for path in texts if path[-1] not in closed]))
    place = parent_of(wire, path)
    place[path[-1]] += data.draw(st.text(min_size=1, max_size=3))
    forged = EmpiricalProofRecord._from_sections(wire)
    assert forged.proof_id != GOLDEN_IDS["1.0"]
    assert not forged.verify_signature(KEY)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.provenance.update(x=1),
        lambda record: record.evidence[0].detail.update(n=121),
        lambda record: record.reproduction.environment.update(attrs="26.1.1"),
        lambda record: record.preregistration.sweep_grid["limits"].append(1),
        lambda record: record.datasets.clear(),
        lambda record: record.reproduction.lineage_chain.append("x"),
        lambda record: setattr(record, "created_at", "2026-03-02T09:30:13+00:00"),
        lambda record: setattr(record, "schema_version", "1.1"),
        lambda record: setattr(record, "verdict", Verdict.decide(0.5, record.verdict.threshold)),
    ],
)
def test_a_change_in_memory_breaks_the_seal_too(golden, change):
    change(golden)
    assert not golden.verify_signature(KEY)
    assert golden.proof_id != GOLDEN_IDS["1.0"]


def test_sign_gives_the_record_itself(golden):
    assert golden.sign(b"other") is golden
    assert golden.verify_signature(b"other")
    assert not golden.verify_signature(KEY)


def test_an_unsigned_record_verifies_under_no_key():
    assert not small_record().verify_signature(KEY)
    with pytest.raises(SealKeyError):
        small_record().sign(b"")


# Reading


def required_paths():
    from pathlib import Path

    root = Path(__file__).resolve().parents[3]
    data = json.loads((root / "fixtures" / "golden" / "proof-1.0.json").read_bytes())
    return list(fields_of(data))


REQUIRED = required_paths()


def test_the_required_fields_are_those_of_the_wire():
    assert {path[0] for path in REQUIRED} == {
        "proof_id", "schema_version", "identity", "claim", "preregistration", "data", "evidence", "verdict",
        "reproduction", "provenance", "signature",
    }  # fmt: skip
    assert len(REQUIRED) > 60


@pytest.mark.parametrize("path", REQUIRED, ids=spelled)
def test_a_missing_field_is_an_error_with_its_path(wire, path):
    del parent_of(wire, path)[path[-1]]
    with pytest.raises(RecordFieldError) as caught:
        EmpiricalProofRecord.from_dict(wire)
    assert caught.value.path == spelled(path)
    assert "missing" in caught.value.problem


@pytest.mark.parametrize("path", [path for path in REQUIRED if path[-1] != "proof_id"], ids=spelled)
def test_a_field_of_a_wrong_type_is_an_error_with_its_path(wire, path):
    parent_of(wire, path)[path[-1]] = 7j
    with pytest.raises(RecordFieldError) as caught:
        EmpiricalProofRecord.from_dict(wire)
    assert caught.value.path == spelled(path)


@pytest.mark.parametrize(
    "path",
    [(), ("identity",), ("claim",), ("claim", "threshold"), ("preregistration",), ("data",),
     ("data", "datasets", 0), ("evidence", 1), ("verdict",), ("verdict", "threshold"), ("reproduction",)],
    ids=spelled,
)  # fmt: skip
def test_an_unknown_field_is_an_error_with_its_path(wire, path):
    parent_of(wire, (*path, "surplus"))["surplus"] = 1
    with pytest.raises(RecordFieldError, match="unknown field") as caught:
        EmpiricalProofRecord.from_dict(wire)
    assert caught.value.path == spelled((*path, "surplus"))


@pytest.mark.parametrize("stored", ["0" * 64, "", None, 7, GOLDEN_IDS["1.0"].upper(), GOLDEN_IDS["1.0"] + "\n"])
def test_an_id_that_is_not_that_of_the_content_is_an_error(wire, stored):
    with pytest.raises(ProofIdMismatchError, match=GOLDEN_IDS["1.0"]):
        EmpiricalProofRecord.from_dict({**wire, "proof_id": stored})


@pytest.mark.parametrize("data", [None, [], "x", 1, {}])
def test_what_is_no_record_is_refused(data):
    with pytest.raises(RecordFieldError):
        EmpiricalProofRecord.from_dict(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    "path",
    [
        ("claim", "threshold", "value"),
        ("verdict", "observed_value"),
        ("evidence", 0, "statistic_value"),
        ("evidence", 0, "ci_low"),
        ("evidence", 0, "detail", "n"),
        ("preregistration", "sweep_grid", "temperature"),
        ("provenance", "entity"),
    ],
    ids=spelled,
)
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(wire, path, value):
    parent_of(wire, path)[path[-1]] = value
    with pytest.raises(RecordFieldError, match="finite"):
        EmpiricalProofRecord.from_dict(wire)


def test_nothing_is_stamped_on_reading(wire):
    wire["identity"]["created_at"] = ""
    with pytest.raises(ProofIdMismatchError):
        EmpiricalProofRecord.from_dict(wire)


@pytest.mark.parametrize("version", ["", "1", "2.0", 1.0, None])
def test_another_schema_version_is_refused(wire, version):
    with pytest.raises(RecordFieldError, match="schema_version"):
        EmpiricalProofRecord.from_dict({**wire, "schema_version": version})


@pytest.mark.parametrize("name", ["claim", "preregistration", "verdict", "reproduction"])
def test_a_section_reads_back_on_its_own(golden, name):
    section = getattr(golden, name)
    assert type(section).from_dict(section.to_dict()) == section


# Construction


@pytest.mark.parametrize(
    "change",
    [
        {"claim": {"statement": "x"}},
        {"datasets": ({},)},
        {"evidence": [{}]},
        {"evidence": None},
        {"provenance": []},
        {"provenance": {"a": float("nan")}},
        {"substrate_name": 3},
        {"schema_version": "2.0"},
        {"signature": None},
        {"surplus": 1},
    ],
)
def test_a_record_of_wrong_types_cannot_be_made(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        small_record(**change)


def test_lists_and_maps_are_copied_where_the_record_is_made():
    environment, provenance = {"python": "3.12.4"}, {"a": [1]}
    datasets = [DatasetRef("benign", "0d" * 32, 100, "fixtures")]
    record = small_record(
        reproduction=Reproduction("x", environment), provenance=provenance, datasets=datasets,
        created_at="2026-01-02T00:00:00+00:00",
    )  # fmt: skip
    before = record.proof_id
    environment["python"] = "2"
    provenance["a"].append(2)
    datasets.clear()
    assert record.proof_id == before


def test_a_reproduction_without_an_environment_locks_the_running_one():
    assert Reproduction("x").environment["python"]


def test_fields_have_the_defaults_of_the_wire():
    record = small_record()
    assert (record.schema_version, record.signature, record.attestation, record.provenance) == ("1.0", "", {}, {})
    assert DatasetRef("a", "b", 1, "c").kind == "corpus"
    assert Threshold("a", "<", 1.0).units == ""
    assert record.created_at.endswith("+00:00")


@pytest.mark.parametrize("n", [True, 1.0, "1", 2**53 + 1])
def test_a_number_of_records_is_a_plain_integer(n):
    with pytest.raises(ValueError, match="n_records"):
        DatasetRef("a", "b", n, "c")


# Threshold and verdict


@pytest.mark.parametrize(
    ("comparator", "below", "at", "above"),
    [
        (">=", False, True, True),
        (">", False, False, True),
        ("<=", True, True, False),
        ("<", True, False, False),
        ("==", False, True, False),
    ],
)
def test_a_threshold_decides_by_its_comparator(comparator, below, at, above):
    bar = Threshold("m", comparator, 0.5)
    assert [bar.decide(value) for value in (0.4999999999999999, 0.5, 0.5000000000000001)] == [below, at, above]


@pytest.mark.parametrize("comparator", [">=", ">", "<=", "<", "=="])
def test_nan_lies_on_no_side(comparator):
    assert Threshold("m", comparator, 0.5).decide(float("nan")) is False


def test_equality_is_exact():
    assert not Threshold("m", "==", 0.3).decide(0.1 + 0.2)


@pytest.mark.parametrize("comparator", ["!=", "=", "", "≤", None, ">= "])
def test_an_unknown_comparator_is_refused(comparator):
    with pytest.raises(ValueError, match="comparator"):
        Threshold("m", comparator, 0.5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.5", None, True])
def test_a_threshold_is_a_finite_number(value):
    with pytest.raises(ValueError, match="value"):
        Threshold("m", "<=", value)


@pytest.mark.parametrize(
    ("bar", "text"),
    [(BAR, "blocked <= 0.1 fraction"), (Threshold("diff", "<", 1e-9), "diff < 1e-09")],
)
def test_a_threshold_describes_itself(bar, text):
    assert bar.describe() == text


@pytest.mark.parametrize(("observed", "outcome"), [(0.05, "VALIDATED"), (0.1, "VALIDATED"), (0.11, "REFUTED")])
def test_a_defined_value_is_decided_by_the_threshold(observed, outcome):
    verdict = Verdict.decide(observed, BAR)
    assert (verdict.outcome, verdict.observed_value, verdict.threshold) == (outcome, observed, BAR)


@pytest.mark.parametrize("observed", [None, float("nan"), float("inf"), -float("inf"), np.float64("nan")])
@pytest.mark.parametrize("comparator", [">=", ">", "<=", "<", "=="])
def test_an_undefined_value_is_inconclusive_and_says_why(observed, comparator):
    verdict = Verdict.decide(observed, Threshold("m", comparator, 0.5))
    assert (verdict.outcome, verdict.observed_value) == ("INCONCLUSIVE", None)
    assert "undefined" in verdict.reasoning


@pytest.mark.parametrize("observed", [0.05, 0.5])
def test_a_method_can_make_any_value_inconclusive(observed):
    verdict = Verdict.decide(observed, BAR, inconclusive=True)
    assert (verdict.outcome, verdict.observed_value) == ("INCONCLUSIVE", observed)


def test_the_reason_shows_six_digits_and_the_threshold():
    assert Verdict.decide(0.123456789, BAR).reasoning == "observed 0.123457 against blocked <= 0.1 fraction"


@pytest.mark.parametrize("observed", [0.05, None])
def test_a_given_reason_is_kept(observed):
    assert Verdict.decide(observed, BAR, reasoning="because").reasoning == "because"


@pytest.mark.parametrize("outcome", ["validated", "", "PASSED", None])
def test_an_unknown_outcome_is_refused(outcome):
    with pytest.raises(ValueError, match="outcome"):
        Verdict(outcome, 0.5, BAR, "x")


@settings(max_examples=100, deadline=None)
@given(
    st.floats() | st.none(),
    st.sampled_from([">=", "<=", ">", "<", "=="]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
def test_every_decision_can_be_recorded_and_agrees_with_its_threshold(observed, comparator, value, inconclusive):
    bar = Threshold("m", comparator, value)
    verdict = Verdict.decide(observed, bar, inconclusive=inconclusive)
    if verdict.outcome == "INCONCLUSIVE":
        assert inconclusive or verdict.observed_value is None
    else:
        assert bar.decide(verdict.observed_value) == (verdict.outcome == "VALIDATED")
    assert Verdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict


# Version


def test_a_record_of_defined_values_is_1_0(golden):
    assert schema_version_for(0.1, golden.evidence, golden.datasets) == SCHEMA_VERSION


def test_a_record_with_something_undefined_is_1_1(golden):
    undefined = PillarEvidence("a", "b", None, "c", "1")
    for values in (
        (None, golden.evidence, golden.datasets),
        (0.1, [*golden.evidence, undefined], golden.datasets),
        (0.1, golden.evidence, []),
    ):
        assert schema_version_for(*values) == SCHEMA_VERSION_UNDEFINED


def test_two_records_of_equal_content_are_equal(golden):
    assert copy.deepcopy(golden) == golden
