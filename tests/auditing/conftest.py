# SPDX-License-Identifier: Apache-2.0
"""Golden audits of our own, small ones made in the test, and what others published beside the repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.base import Coverage, Finding, PillarResult, PillarState
from ophamin.measuring.proof.record import Claim, Threshold

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "fixtures" / "golden"
SHARED = ROOT / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def golden_files() -> dict[str, Path]:
    """The golden files by schema version; they are never written."""
    return {version: GOLDEN / f"audit-{version}.json" for version in ("1.0", "1.1")}


@pytest.fixture(scope="session")
def golden_texts(golden_files) -> dict[str, str]:
    return {version: file.read_text(encoding="ascii") for version, file in golden_files.items()}


@pytest.fixture
def wire(golden_texts) -> dict:
    """The golden audit/1.1 record as plain values, free to be changed."""
    return json.loads(golden_texts["1.1"])


@pytest.fixture
def plain_wire(golden_texts) -> dict:
    """The golden audit/1.0 record as plain values, free to be changed."""
    return json.loads(golden_texts["1.0"])


@pytest.fixture
def golden(wire) -> AuditRecord:
    return AuditRecord.from_dict(wire)


@pytest.fixture(scope="session")
def rebuilt(golden_texts):
    """Make a golden record with other values at given wire paths, and an id that fits."""

    def make(version: str = "1.1", **changes) -> AuditRecord:
        data = json.loads(golden_texts[version])
        for path, value in changes.items():
            *sections, last = path.split("__")
            place = data
            for section in sections:
                place = place[int(section) if section.isdigit() else section]
            place[last] = value
        return AuditRecord._from_sections(data)

    return make


@pytest.fixture(scope="session")
def result():
    """Make the result of one pillar, by default that of a run that saw all of three files and found nothing."""

    def make(name="ruff", state=PillarState.OK, findings=(), **fields) -> PillarResult:
        extra = {"state": state.value, "coverage": Coverage(listed=3, seen=3).to_dict()}
        return PillarResult(name, name, f"{name} 1", state.status, "src", tuple(findings), **{"extra": extra, **fields})

    return make


@pytest.fixture(scope="session")
def found():
    """Make findings of one pillar, all of one severity."""

    def make(count=1, severity="high", pillar="ruff") -> list[Finding]:
        return [Finding(pillar, "S602", severity, "shell", f"src/{index}.py", index + 1, 1) for index in range(count)]

    return make


@pytest.fixture(scope="session")
def audit():
    """Make an audit of some results."""

    def make(*results) -> AuditRecord:
        return AuditRecord.from_results("src", "0d" * 32, list(results), "ophamin audit src")

    return make


@pytest.fixture(scope="session")
def claim():
    """Make a claim about a count."""

    def make(metric="total_findings", comparator="<=", value=0.0) -> Claim:
        bar = Threshold(metric, comparator, value, "findings")
        return Claim("The tree is clean.", f"count of {metric}", bar, f"not {bar.describe()}", bar.describe())

    return make


@pytest.fixture
def published() -> Path:
    """An audit published by the earlier project, read in place."""
    files = sorted((SHARED / "records").glob("audit_*.json"))
    if not files:
        pytest.skip("no published audit beside this repository (looked in ../shared/data/records)")
    return files[0]


@pytest.fixture
def sample():
    """Read the real output of a tool, kept beside the repository, in place."""

    def read(name: str) -> str:
        file = SHARED / "audit" / name
        if not file.exists():
            pytest.skip("no output samples beside this repository (looked in ../shared/data/audit)")
        return file.read_text(encoding="utf-8")

    return read
