# SPDX-License-Identifier: Apache-2.0
"""Golden records of our own, and records published by others where they lie beside the repository."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from ophamin.measuring.proof.record import EmpiricalProofRecord

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "fixtures" / "golden"
PUBLISHED = ROOT / ".." / "shared" / "data" / "records"
_FILES = sorted(file for file in PUBLISHED.glob("*.json") if not file.name.startswith("audit_"))


@pytest.fixture(scope="session")
def golden_files() -> dict[str, Path]:
    """The golden files by schema version; they are never written."""
    return {version: GOLDEN / f"proof-{version}.json" for version in ("1.0", "1.1")}


@pytest.fixture(scope="session")
def golden_texts(golden_files) -> dict[str, str]:
    return {version: file.read_text(encoding="ascii") for version, file in golden_files.items()}


@pytest.fixture
def wire(golden_texts) -> dict:
    """The golden 1.0 record as plain values, free to be changed."""
    return json.loads(golden_texts["1.0"])


@pytest.fixture
def undefined_wire(golden_texts) -> dict:
    """The golden 1.1 record as plain values, free to be changed."""
    return json.loads(golden_texts["1.1"])


@pytest.fixture
def golden(wire) -> EmpiricalProofRecord:
    return EmpiricalProofRecord.from_dict(wire)


@pytest.fixture(scope="session")
def rebuilt(golden_texts):
    """Make the golden record with other values at given wire paths, and an id that fits."""

    def make(version: str = "1.0", **changes) -> EmpiricalProofRecord:
        data = copy.deepcopy(json.loads(golden_texts[version]))
        for path, value in changes.items():
            *sections, last = path.split("__")
            place = data
            for section in sections:
                place = place[int(section) if section.isdigit() else section]
            place[last] = value
        return EmpiricalProofRecord._from_sections(data)

    return make


@pytest.fixture(params=_FILES or [None], ids=lambda file: file.stem if file else "none")
def published(request) -> Path:
    """A record published by the earlier project, read in place."""
    if request.param is None:
        pytest.skip("no published records beside this repository (looked in ../shared/data/records)")
    return request.param
