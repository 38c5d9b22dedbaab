# SPDX-License-Identifier: Apache-2.0
"""Records to list, show and check; and a way to call the command line."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
from typer.testing import CliRunner

from ophamin.cli.app import app
from ophamin.core.evidence import PillarEvidence
from ophamin.measuring.proof.record import (
    Claim,
    DatasetRef,
    EmpiricalProofRecord,
    PreRegistration,
    Reproduction,
    Threshold,
    Verdict,
)


def new_record(statement="few are blocked", observed=0.04, *, bound=0.1, created="2026-05-18", **changes):
    bar = Threshold("rate(blocked)", "<=", bound, "fraction")
    record = EmpiricalProofRecord(
        claim=Claim(statement, "the share of blocked units", bar, "rate(blocked) > 0.1", "rate(blocked) <= 0.1"),
        preregistration=PreRegistration(
            "a" * 64, "b" * 64, "decide by exact_binomial", {}, f"{created}T10:00:00+00:00"
        ),
        datasets=[DatasetRef("sentences", "c" * 64, 50, "sentences.txt")],
        substrate_name="mock",
        substrate_git_commit="d" * 40,
        evidence=[
            PillarEvidence("claim.rate", "rate(blocked)", observed, "scipy", "1.17.1", ci_low=0.01, ci_high=0.09)
        ],
        verdict=Verdict.decide(observed, bar),
        reproduction=Reproduction("python -m pytest --ophamin tests/test_a.py", {"python": "3.11.9"}),
        ophamin_version="0.1.0",
        created_at=f"{created}T12:00:00+00:00",
    )
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def undecided_record(statement="nothing was seen"):
    record = new_record(statement)
    record.schema_version = "1.1"
    record.verdict = Verdict.decide(None, record.claim.threshold)
    record.evidence = [dataclasses.replace(record.evidence[0], statistic_value=None, ci_low=None, ci_high=None)]
    return record


@pytest.fixture
def build_record():
    """Make a record; VALIDATED, well-formed and unsigned unless told otherwise."""
    return new_record


@pytest.fixture
def folder(tmp_path):
    """A folder with a VALIDATED, a REFUTED and an INCONCLUSIVE record, and the records by verdict."""
    records = {
        "VALIDATED": new_record(),
        "REFUTED": new_record("hardly any are blocked", bound=0.02),
        "INCONCLUSIVE": undecided_record(),
    }
    where = tmp_path / "proofs"
    for verdict, record in records.items():
        path = where / "scientific" / verdict.lower() / record.proof_id[:12] / "proof.json"
        path.parent.mkdir(parents=True)
        record.to_json(path)
    return where, records


@pytest.fixture
def project(tmp_path, folder, monkeypatch):
    """The current folder is a project whose records lie in ``proofs``."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nophamin_dir = proofs\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ophamin():
    """Call the command line in this process."""
    apart = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}  # before click 8.2
    return lambda *words: CliRunner(**apart).invoke(app, [str(word) for word in words])
