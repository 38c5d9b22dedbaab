# SPDX-License-Identifier: Apache-2.0
"""``ophamin migrate``: old records get a signed statement beside them, and stay as they are."""

import json
import os
from pathlib import Path

import pytest

from ophamin.core.dsse import parse_envelope, verify
from ophamin.core.keyfiles import save_private_key
from ophamin.core.keys import generate_key
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.trust.migrate import MIGRATION, check_migration, secret_id
from ophamin.trust.statements import read_statement

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = sorted((ROOT / ".." / "shared" / "data" / "records").glob("*.json"))
KEY, SECRET = generate_key(), bytes(range(1, 33))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a sealed record, a key and the secret of the seal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPHAMIN_SIGNING_KEY", raising=False)
    monkeypatch.delenv("OPHAMIN_SIGNING_KEY_FILE", raising=False)
    save_private_key(KEY, tmp_path / "key.pem")
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    record = EmpiricalProofRecord.from_dict(json.loads((ROOT / "fixtures/golden/proof-1.0.json").read_bytes()))
    record.sign(SECRET).to_json(tmp_path / "old.json")
    return tmp_path


def statement_of(path):
    envelope = parse_envelope(path.read_bytes())
    assert verify(envelope, [KEY.public])
    return read_statement(envelope.payload, predicate_types=(MIGRATION,))


def test_a_record_is_wrapped_and_left_as_it_is(place, ophamin):
    before = (place / "old.json").read_bytes()
    result = ophamin("migrate", "old.json", "--key-file", "key.pem", "--secret", "secret")
    assert result.exit_code == 0, result.output
    state, short, path = result.stdout.rstrip("\n").split("\t")
    assert (state, path) == ("verified", "old.migration.dsse.json")
    assert (place / "old.json").read_bytes() == before
    said = check_migration(statement_of(place / path), before)
    assert said["id"].startswith(short)
    assert said["seal"]["key"] == secret_id(SECRET)


def test_the_key_comes_from_the_environment_too_and_leaves_it(place, ophamin, monkeypatch):
    monkeypatch.setenv("OPHAMIN_SIGNING_KEY", KEY.to_pem().decode("ascii"))
    result = ophamin("migrate", "old.json")
    assert (result.exit_code, result.stdout.split("\t")[0]) == (0, "unverifiable")
    assert "OPHAMIN_SIGNING_KEY" not in os.environ


def test_without_a_key_nothing_is_wrapped(place, ophamin):
    result = ophamin("migrate", "old.json")
    assert (result.exit_code, "--key-file" in result.stderr) == (2, True)


def test_a_seal_that_fits_no_secret_ends_with_4_and_nothing_is_written(place, ophamin):
    (place / "secret").write_bytes(b"another secret of thirty-two bytes")
    other = EmpiricalProofRecord.from_json(place / "old.json")
    object.__setattr__(other, "signature", "")
    other.to_json(place / "first.json")
    result = ophamin("migrate", "first.json", "old.json", "--key-file", "key.pem", "--secret", "secret")
    assert (result.exit_code, "old.json: the seal fits none" in result.stderr) == (4, True)
    assert list(place.glob("*.dsse.json")) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data.replace(b'"VALIDATED"', b'"REFUTED"').replace(b'"REFUTED"', b'"INCONCLUSIVE"'),
        lambda data: data[:-1] + b', "more": 1}',
        lambda data: data.replace(b'"proof_id"', b'"signature": "", "proof_id"', 1),
        lambda data: b"[" * 5000,
        lambda data: b'{"audit_id": null}',
    ],
    ids=["empty", "edited", "unknown-field", "twice", "deep", "no-audit"],
)
def test_what_is_no_sound_record_is_not_wrapped(place, ophamin, spoil):
    (place / "old.json").write_bytes(spoil((place / "old.json").read_bytes()))
    result = ophamin("migrate", "old.json", "--key-file", "key.pem")
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert list(place.glob("*.dsse.json")) == []


def test_a_link_is_not_followed(place, ophamin):
    (place / "link.json").symlink_to(place / "old.json")
    result = ophamin("migrate", "link.json", "--key-file", "key.pem")
    assert (result.exit_code, "is a link" in result.stderr) == (2, True)


def test_no_statement_is_overwritten_and_none_is_wrapped_itself(place, ophamin):
    assert ophamin("migrate", "old.json", "--key-file", "key.pem").exit_code == 0
    first = (place / "old.migration.dsse.json").read_bytes()
    again = ophamin("migrate", "old.json", "--key-file", "key.pem")
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)
    only = ophamin("migrate", "old.migration.dsse.json", "--key-file", "key.pem")
    assert (only.exit_code, "is an envelope" in only.stderr) == (0, True)
    assert (place / "old.migration.dsse.json").read_bytes() == first


def test_two_files_of_one_name_are_not_mixed_up(place, ophamin):
    (place / "old.txt").write_bytes((place / "old.json").read_bytes())
    result = ophamin("migrate", "old.json", "old.txt", "--key-file", "key.pem")
    assert (result.exit_code, "wrap them apart" in result.stderr) == (2, True)


@pytest.mark.parametrize("file", PUBLISHED or [None], ids=lambda file: file.stem if file else "none")
def test_published_records_of_both_kinds_are_wrapped(place, ophamin, file):
    if file is None:
        pytest.skip("no published records beside this repository (looked in ../shared/data/records)")
    data = file.read_bytes()
    (place / file.name).write_bytes(data)
    result = ophamin("migrate", file.name, "--key-file", "key.pem")
    assert result.stdout.startswith("KEY_PUBLIC\t"), result.output
    said = check_migration(statement_of(place / f"{file.stem}.migration.dsse.json"), data)
    assert said["format"] == ("ophamin.audit" if file.name.startswith("audit_") else "ophamin.proof")
    assert said["id"] == json.loads(data)["audit_id" if "audit_" in file.name else "proof_id"]
