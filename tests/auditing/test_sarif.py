# SPDX-License-Identifier: Apache-2.0
"""SARIF: well-formed for GitHub whatever is in the names, and honest about what it leaves out."""

from __future__ import annotations

import gzip
import json
import random
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.findings import Finding, FindingSeverity
from ophamin.auditing.fingerprints import fingerprints
from ophamin.auditing.results import PillarResult
from ophamin.auditing.sarif import SARIF_SCHEMA, SarifError, SarifLimits, sarif_bytes, to_sarif
from ophamin.auditing.states import PillarState

HOSTILE = [
    "::error::x", "a\n::error::b", "a\r\nb", "\x1b[2K", "\u202egnp.py", "%2e%2e/x", "a b#c?d", "{0}", "\x00",
    "[text](https://x.example)", "<img src=x>", "ä\N{GRINNING FACE}", "../../etc/passwd", "/etc/passwd", "C:\\x",
    "file:///etc/passwd", "", ".", "x" * 5000,
]  # fmt: skip

# Sections 3.14.17 and 3.20.21 of the specification; the package sarif-pydantic lacks them.
NOT_IN_THE_MODEL = {"columnKind", "toolExecutionNotifications"}

# The parts of the OASIS schema (sarif-schema-2.1.0, errata 01) that this file writes, and nothing besides.
TEXT = {"type": "object", "properties": {"text": {"type": "string", "minLength": 1}}, "required": ["text"],
        "additionalProperties": False}  # fmt: skip
BAG = {"type": "object", "properties": {"tags": {"type": "array", "uniqueItems": True, "items": {"type": "string"}}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
WHOLE = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}


def closed(required=(), **properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def listed(item, **more):
    return {"type": "array", "items": item, **more}


RULE = closed(
    ["id", "shortDescription", "fullDescription", "help", "properties"],
    id={"type": "string", "minLength": 1}, shortDescription=TEXT, fullDescription=TEXT, help=TEXT,
    defaultConfiguration=closed(level=LEVEL), properties=BAG,
)  # fmt: skip
REGION = closed(
    ["startLine", "startColumn", "endLine", "endColumn"],
    startLine=WHOLE, startColumn=WHOLE, endLine=WHOLE, endColumn=WHOLE,
)  # fmt: skip
PLACE = closed(
    ["artifactLocation", "region"],
    artifactLocation=closed(["uri"], uri={"type": "string", "pattern": r"^[A-Za-z0-9%._~/-]+$"}),
    region=REGION,
)
RESULT = closed(
    ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    ruleId={"type": "string"}, ruleIndex={"type": "integer", "minimum": 0}, level=LEVEL, message=TEXT,
    locations=listed(closed(["physicalLocation"], physicalLocation=PLACE), minItems=1, maxItems=1),
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
)  # fmt: skip
RUN = closed(
    ["tool", "automationDetails", "results", "invocations"],
    tool=closed(["driver"], driver=closed(
        ["name", "rules"], name={"type": "string", "minLength": 1}, version={"type": "string"},
        semanticVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}, rules=listed(RULE, uniqueItems=True),
    )),
    automationDetails=closed(["id"], id={"type": "string", "pattern": "^ophamin/[a-z0-9_-]+/$"}),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    invocations=listed(closed(
        ["executionSuccessful"], executionSuccessful={"type": "boolean"},
        toolExecutionNotifications=listed(closed(["message"], message=TEXT, level=LEVEL)),
    )),
    results=listed(RESULT), properties=BAG,
)  # fmt: skip
LOG = closed(
    ["version", "runs"],
    version={"const": "2.1.0"}, runs=listed(RUN, maxItems=20), properties=BAG,
    **{"$schema": {"type": "string", "format": "uri"}},
)  # fmt: skip

VALID = jsonschema.Draft202012Validator(LOG)


def finding(tool="ruff", rule="S602", severity="high", message="shell", path="src/a.py", line=1, column=5, **extra):
    return Finding(tool, rule, severity, message, path, line, column, extra)


def result(*findings, tool="ruff", version="ruff 0.17.6", state=None, message=""):
    state = state or (PillarState.FINDINGS if findings else PillarState.OK)
    return PillarResult(
        tool, tool, version, state.status, ".", findings, error_message=message, extra={"state": state.value}
    )


def checked(log):
    """The log, after what is known of the format agreed with it."""
    from sarif_pydantic import Sarif

    VALID.validate(log)
    model = Sarif.model_validate(log)
    unknown = {name for one in _models(model) for name in one.model_extra}
    assert unknown <= NOT_IN_THE_MODEL
    for run in log["runs"]:
        ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert len(set(ids)) == len(ids)
        assert all(ids[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    return log


def _models(value):
    """Every part of a log that has a type; a name that the format does not know would be an extra of one."""
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from _models(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            yield from _models(item)


def sarif(tmp_path, *results, **how):
    return checked(to_sarif(results, root=tmp_path, **how))


def test_a_run_has_what_github_asks_for(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("run(shell=True)\n")
    one = finding(name="subprocess-popen-with-shell-equals-true")
    log = sarif(tmp_path, result(one))
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert log["$schema"] == SARIF_SCHEMA
    assert (driver["name"], driver["version"], driver["semanticVersion"]) == ("ruff", "ruff 0.17.6", "0.17.6")
    assert run["automationDetails"] == {"id": "ophamin/ruff/"}
    (rule,) = driver["rules"]
    assert rule["shortDescription"]["text"] == "ruff: S602 (subprocess-popen-with-shell-equals-true)"
    assert rule["properties"] == {"precision": "high", "tags": ["security", "ruff"], "security-severity": "8.0"}
    (made,) = run["results"]
    assert made["level"] == "error"
    assert made["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "src/a.py"},
        "region": {"startLine": 1, "startColumn": 5, "endLine": 1, "endColumn": 6},
    }
    assert made["partialFingerprints"]["ophaminFingerprint/v1"] == f"{fingerprints([one], tmp_path)[0].digest}:1"
    assert made["partialFingerprints"]["primaryLocationLineHash"].endswith(":1")


@pytest.mark.parametrize(
    ("tool", "rule", "severity", "expected"),
    [
        ("bandit", "B602", "critical", "9.5"),
        ("bandit", "B602", "high", "8.0"),
        ("pip-audit", "PYSEC-1", "medium", "5.0"),
        ("ruff", "S101", "low", "2.0"),
        ("bandit", "B101", "info", None),
        ("ruff", "SIM102", "low", "recommendation"),
        ("mypy", "attr-defined", "medium", "warning"),
        ("other", "X1", "high", "error"),
    ],
)
def test_only_what_is_about_security_has_a_security_severity(tmp_path, tool, rule, severity, expected):
    log = sarif(tmp_path, result(finding(tool, rule, severity), tool=tool))
    properties = log["runs"][0]["tool"]["driver"]["rules"][0]["properties"]
    is_security = "security" in properties["tags"]
    assert is_security is (expected is None or expected[0].isdigit())
    assert properties.get("security-severity" if is_security else "problem.severity") == expected


def test_a_rule_has_the_severity_of_its_worst_finding(tmp_path):
    some = [finding("bandit", "B1", severity, path=f"{severity}.py") for severity in ("low", "high", "medium")]
    log = sarif(tmp_path, result(*some, tool="bandit"))
    assert log["runs"][0]["tool"]["driver"]["rules"][0]["properties"]["security-severity"] == "8.0"
    assert [one["level"] for one in log["runs"][0]["results"]] == ["error", "warning", "note"]


@pytest.mark.parametrize("path", ["<dependency:jinja2>", "../outside.py", "/etc/passwd", "", "a//b.py", "a\0b.py"])
def test_what_stands_in_no_file_is_shown_in_the_file_of_the_project(tmp_path, path):
    log = sarif(tmp_path, result(finding(path=path, line=7)), fallback="requirements/prod.txt")
    (one,) = log["runs"][0]["results"]
    place = one["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "requirements/prod.txt"
    assert place["region"]["startLine"] == 1
    assert one["message"]["text"].endswith(": shell")
    assert "primaryLocationLineHash" not in one["partialFingerprints"]


def test_paths_count_from_the_top_of_the_repository(tmp_path):
    log = sarif(tmp_path, result(finding(path="a.py")), prefix="libs/one two")
    assert log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": "libs/one%20two/a.py"
    }


@pytest.mark.parametrize("state", [state for state in PillarState if not state.may_pass])
def test_a_tool_that_did_not_see_everything_never_looks_clean(tmp_path, state):
    log = sarif(tmp_path, result(state=state, message="gone [x](y)"), result(tool="mypy"))
    if state is PillarState.PARTIAL:
        (told,) = log["runs"][0]["invocations"]
        assert told["executionSuccessful"] is False
        assert "gone" in told["toolExecutionNotifications"][0]["message"]["text"]
    else:
        assert [run["automationDetails"]["id"] for run in log["runs"]] == ["ophamin/mypy/"]
        assert log["properties"] == {"ophamin/toolsWithoutRun": [{"tool": "ruff", "state": state.value}]}


def test_a_run_that_saw_everything_says_so(tmp_path):
    assert sarif(tmp_path, result())["runs"][0]["invocations"] == [{"executionSuccessful": True}]


def test_the_mildest_are_cut_and_counted(tmp_path):
    some = [finding(severity=word.value, path=f"{n}.py") for n in range(3) for word in reversed(FindingSeverity)]
    log = sarif(tmp_path, result(*some), limits=SarifLimits(results=7))
    (run,) = log["runs"]
    assert [one["level"] for one in run["results"]] == ["error"] * 6 + ["warning"]
    assert run["properties"] == {"ophamin/state": "findings", "ophamin/found": 15, "ophamin/cut": 8}
    assert "8 of 15" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_rules_are_cut_with_their_findings(tmp_path):
    some = [finding(rule=f"S{n}", severity="high" if n else "low") for n in range(5)]
    (run,) = sarif(tmp_path, result(*some), limits=SarifLimits(rules=4))["runs"]
    assert len(run["results"]) == len(run["tool"]["driver"]["rules"]) == 4
    assert run["properties"]["ophamin/cut"] == 1


def test_the_limits_are_those_of_github():
    assert SarifLimits() == SarifLimits(runs=20, results=25_000, rules=25_000, gzipped_bytes=10_000_000)


def test_a_file_that_is_too_large_is_cut_until_it_fits(tmp_path):
    chance = random.Random(7)
    some = [finding(message=chance.randbytes(200).hex(), path=f"{n}.py") for n in range(64)]
    limits = SarifLimits(gzipped_bytes=6000)
    data = sarif_bytes([result(*some)], root=tmp_path, limits=limits)
    (run,) = checked(json.loads(data))["runs"]
    assert len(gzip.compress(data)) <= 6000
    assert 0 < len(run["results"]) < 64
    assert run["properties"]["ophamin/cut"] == 64 - len(run["results"])


def test_too_many_tools_and_two_of_one_name_are_refused(tmp_path):
    tools = [result(tool=f"tool{n}") for n in range(21)]
    assert len(sarif(tmp_path, *tools[:20])["runs"]) == 20
    for some in (tools, [result(tool="a b"), result(tool="A-B")]):
        with pytest.raises(SarifError):
            to_sarif(some, root=tmp_path)


def test_an_audit_record_gives_what_its_results_give(tmp_path, audit):
    made = result(finding())
    assert to_sarif(audit(made), root=tmp_path) == to_sarif([made], root=tmp_path)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_text_is_text(tmp_path, number):
    text = HOSTILE[number]
    made = result(
        finding(text or "x", text, "high", text, text, name=text), tool=text or "x", version=text, message=text
    )
    data = sarif_bytes([made], root=tmp_path)
    (run,) = checked(json.loads(data))["runs"]
    assert data.isascii()
    (one,) = run["results"]
    uri = one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert not urlsplit(uri).scheme
    assert not uri.startswith("/")
    assert ".." not in unquote(uri).split("/")
    for shown in (one["message"]["text"], one["ruleId"], run["tool"]["driver"]["name"]):
        assert not any(mark in shown for mark in ("\n", "\r", "\x1b", "\u202e", "\x00", "]("))
        assert len(shown) < 2200
        shown.encode("utf-8")


found = st.builds(
    Finding,
    st.just("ruff"),
    st.text(max_size=4),
    st.sampled_from(FindingSeverity),
    st.text(max_size=8),
    st.text(max_size=8),
    st.integers(-3, 2**53),
    st.integers(-3, 2**53),
    st.dictionaries(st.sampled_from(["end_line", "end_column", "name"]), st.integers(-3, 2**53) | st.text(max_size=3)),
)


@given(findings=st.lists(found, max_size=8), most=st.integers(0, 9), shuffled=st.randoms())
def test_whatever_is_found_is_well_formed_and_the_same_in_any_order(findings, most, shuffled):
    from pathlib import Path

    limits = SarifLimits(results=most)
    root = Path("/no/such/tree")
    log = checked(to_sarif([result(*findings)], root=root, limits=limits))
    (run,) = log["runs"]
    assert len(run["results"]) + run["properties"]["ophamin/cut"] == len(findings)
    for one in run["results"]:
        region = one["locations"][0]["physicalLocation"]["region"]
        start, end = (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"])
        assert start < end or start[1] == 2**31 - 1
    prints = [(one["ruleId"], one["partialFingerprints"]["ophaminFingerprint/v1"]) for one in run["results"]]
    assert len(set(prints)) == len(prints)
    other = list(findings)
    shuffled.shuffle(other)
    places = [one["locations"] for one in run["results"]]
    again = to_sarif([result(*other)], root=root, limits=limits)
    assert [one["locations"] for one in again["runs"][0]["results"]] == places
