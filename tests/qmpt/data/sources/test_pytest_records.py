# SPDX-License-Identifier: Apache-2.0
import json
import sys

import pytest

from qmpt.data.sources import open_source, pytest_records
from qmpt.errors import SourceError


def report(when, outcome="passed", test="t.py::test_a", **fields):
    return {
        "$report_type": "TestReport",
        "nodeid": test,
        "when": when,
        "outcome": outcome,
        "start": 10.0,
        "duration": 0.25,
        **fields,
    }


def log(tmp_path, *lines, **options):
    path = tmp_path / "log.jsonl"
    head = {"pytest_version": "9.2.0", "$report_type": "SessionStart"}
    path.write_text("\n".join(json.dumps(line) for line in (head, *lines)), encoding="utf-8")
    return open_source("auto", path, **options).population()


@pytest.mark.parametrize(
    ("setup", "call", "teardown", "expected"),
    [
        ("passed", "passed", "passed", "passed"),
        ("passed", "failed", "passed", "failed"),
        ("passed", "skipped", "passed", "skipped"),
        ("failed", None, "passed", "error"),
        ("skipped", None, "passed", "skipped"),
        ("passed", "passed", "failed", "error"),
        ("passed", "failed", "failed", "error"),
        ("passed", "rerun", "passed", "rerun"),
    ],
)
def test_the_phases_of_a_test_make_one_outcome(tmp_path, setup, call, teardown, expected):
    phases = [("setup", setup), ("call", call), ("teardown", teardown)]
    (one,) = log(tmp_path, *(report(when, outcome) for when, outcome in phases if outcome)).observations
    assert (one.payload["action"], one.tags) == (expected, [expected])
    assert one.payload.get("ok") == {"passed": True, "skipped": None}.get(expected, False)
    assert one.timestamp == 10.0


def test_costs_are_added_and_the_message_of_a_failure_is_kept(tmp_path):
    crash = {"reprcrash": {"path": "t.py", "lineno": 3, "message": "assert 1 == 2"}, "reprtraceback": {}}
    (one,) = log(tmp_path, report("setup"), report("call", "failed", longrepr=crash), report("teardown")).observations
    assert one.payload == {"action": "failed", "ok": False, "cost": 0.75, "text": "assert 1 == 2"}


def test_tests_of_several_workers_may_be_mixed_and_one_may_run_again(tmp_path):
    found = log(
        tmp_path,
        report("setup"),
        report("setup", test="t.py::test_b"),
        report("call"),
        report("call", test="t.py::test_b"),
        report("teardown", test="t.py::test_b"),
        report("teardown"),
        report("setup"),
        report("teardown"),
        report("setup", test="t.py::test_c"),
        layer="nightly",
    )
    assert [one.pattern_id for one in found.observations] == ["t.py::test_b", "t.py::test_a", "t.py::test_a"]
    assert found.skipped == {"test that did not end": 1}
    assert list(found.layers) == ["nightly"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({**report("teardown"), "nodeid": None}, "line 2: a report without a nodeid"),
        ({key: value for key, value in report("teardown").items() if key != "start"}, "pytest 7.4 or later"),
        (report("teardown", start="soon"), "line 2: timestamp"),
        (report("teardown", duration="long"), "line 2"),
        ([1], "line 2: list"),
    ],
    ids=["nodeid", "start", "time", "duration", "list"],
)
def test_a_report_that_is_not_in_order_is_told_with_its_line(tmp_path, line, said):
    with pytest.raises(SourceError, match=said):
        log(tmp_path, line)


PROOF = {
    "proof_id": "0" * 64,
    "identity": {"created_at": "2026-11-21T10:00:00+00:00"},
    "claim": {"statement": "few are wrong"},
    "data": {"substrate_name": "service"},
    "evidence": [
        {"statistic_name": "rate(wrong)", "statistic_value": 0.02},
        {"statistic_name": "n", "statistic_value": None},
    ],
    "verdict": {"outcome": "VALIDATED", "observed_value": 0.02, "reasoning": "rate(wrong) = 0.02"},
    "provenance": {"entity": {"ophamin:scenario": {"ophamin:name": "test_wrong", "ophamin:tier": "engineering"}}},
}


def proofs(tmp_path, *records):
    for number, record in enumerate(records):
        folder = tmp_path / "proofs" / "family" / str(number)
        folder.mkdir(parents=True)
        (folder / "proof.json").write_text(json.dumps(record), encoding="utf-8")
    return open_source("auto", tmp_path / "proofs")


def test_a_proof_record_becomes_one_act_of_its_scenario(tmp_path):
    found = proofs(tmp_path, PROOF).population()
    (one,) = found.observations
    assert one.payload == {
        "action": "VALIDATED",
        "ok": True,
        "text": "rate(wrong) = 0.02",
        "numbers": {"observed_value": 0.02, "rate(wrong)": 0.02},
    }
    assert (one.obs_id, one.pattern_id) == ("0" * 64, "test_wrong")
    pattern = found.patterns["test_wrong"]
    assert (pattern.layer_id, pattern.metadata["claim"]) == ("engineering", "few are wrong")


def test_an_inconclusive_verdict_is_neither_right_nor_wrong(tmp_path):
    verdict = {"outcome": "INCONCLUSIVE", "observed_value": None}
    record = {**PROOF, "verdict": verdict, "provenance": None}
    found = proofs(tmp_path, record, {**record, "proof_id": "1", "verdict": {"outcome": "REFUTED"}}).population()
    assert [one.payload.get("ok") for one in found.observations] == [None, False]
    assert {name: one.layer_id for name, one in found.patterns.items()} == {"few are wrong": "proofs"}


@pytest.mark.parametrize("field", ["proof_id", "identity", "claim", "verdict"])
def test_a_record_without_its_parts_is_told_by_its_path(tmp_path, field):
    record = {key: value for key, value in PROOF.items() if key != field}
    with pytest.raises(SourceError, match=f"proof.json: '{field}' is missing"):
        proofs(tmp_path, record).population()


@pytest.mark.parametrize("field", ["claim", "verdict", "evidence", "provenance"])
def test_a_record_with_a_part_of_another_kind_is_told(tmp_path, field):
    with pytest.raises(SourceError, match=r"proof\.json"):
        proofs(tmp_path, {**PROOF, field: 5}).population()


def test_a_record_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pytest_records, "MAX_PROOF_BYTES", 100)
    with pytest.raises(SourceError, match="more than 100 bytes"):
        proofs(tmp_path, PROOF).population()


def test_nothing_of_ophamin_is_loaded_to_read_its_records():
    import subprocess

    program = (
        "import sys, qmpt.data.sources.pytest_records as m; print('ophamin' in sys.modules, 'pytest' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
