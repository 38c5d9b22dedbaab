# SPDX-License-Identifier: Apache-2.0
"""The schema takes good records of both versions, and says by path what is wrong with the others."""

from __future__ import annotations

import runpy

import pytest
from jsonschema import Draft202012Validator

from ophamin.measuring.proof import schema
from ophamin.measuring.proof.schema import SCHEMA_FILE, proof_schema, schema_errors, schema_text

HEX = "0a" * 32


def changed(wire, path, value):
    place = wire
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return wire


def test_the_file_of_the_schema_is_in_step_with_the_types():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def test_the_module_rewrites_the_file(monkeypatch):
    written = {}
    monkeypatch.setattr("pathlib.Path.write_text", lambda path, text, encoding: written.update({path: text}))
    runpy.run_path(schema.__file__, run_name="__main__")
    assert written == {SCHEMA_FILE: schema_text()}


def test_the_schema_is_itself_valid():
    Draft202012Validator.check_schema(proof_schema())


def test_every_object_of_fixed_fields_is_closed_and_asks_for_all_of_them():
    def walk(node):
        if isinstance(node, dict):
            if "additionalProperties" in node and node["additionalProperties"] is False:
                left_out = set(node["properties"]) - set(node["required"])
                assert left_out <= {"attestation"}
            for child in node.values():
                walk(child)

    walk(proof_schema())
    assert proof_schema()["additionalProperties"] is False


def test_golden_records_of_both_versions_pass(wire, undefined_wire):
    assert schema_errors(wire) == ()
    assert schema_errors(undefined_wire) == ()


@pytest.mark.parametrize(
    ("path", "value", "start"),
    [
        (("proof_id",), "0A" * 32, "proof_id: "),
        (("proof_id",), HEX + "\n", "proof_id: "),
        (("schema_version",), "2.0", "schema_version: '2.0' is not one of"),
        (("signature",), "0a", "signature: "),
        (("surplus",), 1, "<root>: Additional properties are not allowed ('surplus'"),
        (("claim", "surplus"), 1, "claim: Additional properties"),
        (("claim", "threshold", "comparator"), "!=", "claim.threshold.comparator: '!=' is not one of"),
        (("claim", "threshold", "value"), "0.1", "claim.threshold.value: '0.1' is not of type 'number'"),
        (("claim", "threshold", "value"), True, "claim.threshold.value: True is not of type 'number'"),
        (("data", "datasets", 0, "n_records"), 0, "data.datasets.0.n_records: 0 is less than the minimum of 1"),
        (("data", "datasets"), [], "data.datasets: [] should be non-empty; only an INCONCLUSIVE record"),
        (("evidence",), [], "evidence: [] should be non-empty"),
        (("evidence", 0, "statistic_value"), None, "evidence.0.statistic_value: None is not of type 'number'; only"),
        (("evidence", 0, "p_value"), 1.5, "evidence.0.p_value: 1.5 is greater than the maximum of 1"),
        (("evidence", 0, "detail"), [], "evidence.0.detail: [] is not of type 'object'"),
        (("verdict", "outcome"), "PASSED", "verdict.outcome: 'PASSED' is not one of"),
        (("verdict", "observed_value"), None, "verdict.observed_value: None is not of type 'number'; only"),
        (("verdict", "reasoning"), "", "verdict.reasoning: '' should be non-empty"),
        (("reproduction", "environment"), {}, "reproduction.environment: {} should be non-empty"),
        (("reproduction", "environment"), {"a": 1}, "reproduction.environment.a: 1 is not of type 'string'"),
        (("reproduction", "lineage_chain"), [1], "reproduction.lineage_chain.0: 1 is not of type 'string'"),
        (("provenance",), None, "provenance: None is not of type 'object'"),
        (("attestation",), {}, "attestation: 'author' is a required property"),
        (("verdict",), 3, "verdict: 3 is not of type 'object'"),
    ],
)
def test_an_error_of_shape_is_named_by_its_path(wire, path, value, start):
    errors = schema_errors(changed(wire, path, value))
    assert errors
    assert errors[0].startswith(start)


def test_prose_in_a_cross_check_is_known_from_old_files(wire):
    prose = "agrees with statsmodels to within 1e-9 on every one of the one hundred pairs that were tried"
    (error,) = schema_errors(changed(wire, ("evidence", 0, "cross_check"), prose))
    assert error.startswith("evidence.0.cross_check: ")
    assert error.endswith("files from before 0.9.5 hold prose here")
    assert prose[:60] in error
    assert prose[:61] not in error


@pytest.mark.parametrize("outcome", ["VALIDATED", "REFUTED"])
def test_a_1_1_record_decides_nothing(undefined_wire, outcome):
    (error,) = schema_errors(changed(undefined_wire, ("verdict", "outcome"), outcome))
    assert error.startswith("verdict.outcome: 'INCONCLUSIVE' was expected; a 1.1 record")


def test_a_record_without_a_version_has_one_error_and_not_those_of_both(wire):
    del wire["schema_version"]
    assert schema_errors(wire) == ("<root>: 'schema_version' is a required property",)


@pytest.mark.parametrize("data", [None, [], "x", 3, True])
def test_what_is_no_object_is_an_error_at_the_root(data):
    (error,) = schema_errors(data)
    assert error.startswith("<root>: ")


def test_the_number_and_the_length_of_errors_are_limited(wire):
    changed(wire, ("data", "datasets"), [{"name": "x" * 10_000, "z" * 10_000: 1}] * 100)
    errors = schema_errors(wire)
    assert len(errors) == 51
    assert "more than 50" in errors[-1]
    assert max(map(len, errors)) < 500


def test_terminal_escapes_in_a_file_are_made_visible(wire):
    (error,) = schema_errors({**wire, "\x1b[2K": 1})
    assert "\x1b" not in error


def test_the_attestation_is_optional_and_closed(wire):
    attestation = {"author": "A", "algorithm": "ed25519", "public_key": HEX, "signature": HEX * 2}
    assert schema_errors({**wire, "attestation": attestation}) == ()
    assert schema_errors({**wire, "attestation": {**attestation, "x": 1}})
