# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from ophamin.core.signing import DEFAULT_SIGN_KEY

HOSTILE = "a\x1b[2Jb\r\u202ec\td\ne\x7f"


def path_of(folder, verdict):
    where, records = folder
    return where / "scientific" / verdict.lower() / records[verdict].proof_id[:12] / "proof.json"


def test_records_without_a_problem_end_with_0(folder, ophamin):
    result = ophamin("proof", "validate", folder[0])
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 3
    assert all(line.endswith("proof.json: ok (unsigned)") for line in result.stdout.splitlines())


def test_one_file_may_be_named(folder, ophamin):
    assert ophamin("proof", "validate", path_of(folder, "REFUTED")).stdout.endswith("ok (unsigned)\n")


def test_a_file_named_twice_is_checked_once(folder, ophamin):
    assert len(ophamin("proof", "validate", folder[0], path_of(folder, "REFUTED")).stdout.splitlines()) == 3


def change(path, edit):
    data = json.loads(path.read_text(encoding="utf-8"))
    edit(data)
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda data: data["claim"].update(statement="other"), "record: "),
        (lambda data: data["verdict"].update(outcome="REFUTED"), "record: "),
        (lambda data: data.pop("verdict"), "shape: <root>: 'verdict'"),
        (lambda data: data.update(more=1), "shape: <root>: "),
    ],
)
def test_a_changed_record_is_a_problem_and_ends_with_1(folder, ophamin, edit, said):
    change(path_of(folder, "VALIDATED"), edit)
    result = ophamin("proof", "validate", folder[0])
    assert result.exit_code == 1
    assert f"proof.json: {said}" in result.stdout
    assert result.stdout.count("ok (unsigned)") == 2


def test_each_problem_has_its_line(tmp_path, build_record, ophamin):
    build_record(substrate_git_commit="", ophamin_version="").to_json(tmp_path / "proof.json")
    result = ophamin("proof", "validate", tmp_path)
    assert result.exit_code == 1
    assert [line.split(": ")[1:3] for line in result.stdout.splitlines()] == [
        ["record", "identity.ophamin_version is empty"],
        ["record", "data.substrate_git_commit is empty"],
    ]


def test_an_unreadable_file_ends_with_2_even_beside_a_problem(folder, ophamin):
    (folder[0] / "broken.json").write_text("{", encoding="utf-8")
    change(path_of(folder, "VALIDATED"), lambda data: data.update(more=1))
    result = ophamin("proof", "validate", folder[0])
    assert result.exit_code == 2
    assert "broken.json: unreadable: " in result.stdout
    assert len(result.stdout.splitlines()) == 4


def test_nothing_found_ends_with_2(tmp_path, ophamin):
    result = ophamin("proof", "validate", tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: no record in ")


def test_a_missing_path_ends_with_2(folder, ophamin):
    result = ophamin("proof", "validate", folder[0], "nowhere")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: nowhere: no such file or folder")


def test_a_hostile_record_is_checked_in_lines_that_do_nothing(tmp_path, build_record, ophamin):
    build_record().to_json(tmp_path / "proof.json")
    change(tmp_path / "proof.json", lambda data: data.update({HOSTILE: 1}))
    result = ophamin("proof", "validate", tmp_path)
    assert result.exit_code == 1
    assert not any(char in result.stdout for char in "\x1b\r\u202e\x7f\t")


@pytest.fixture
def sealed(tmp_path, build_record):
    """A record sealed with a key, and that key's file."""
    build_record().sign(b"my own key").to_json(tmp_path / "p" / "proof.json")
    (tmp_path / "key").write_bytes(b"my own key")
    return tmp_path / "p", tmp_path / "key"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_seal_that_fits_is_ok_whatever_line_end_the_key_file_has(sealed, ophamin, end):
    folder, key = sealed
    key.write_bytes(b"my own key" + end)
    result = ophamin("proof", "validate", folder, "--key-file", key)
    assert result.exit_code == 0
    assert result.stdout.endswith("ok (seal fits the key)\n")


def test_a_key_that_ends_in_a_line_feed_fits_as_it_is(sealed, build_record, ophamin):
    folder, key = sealed
    build_record().sign(b"binary\n").to_json(folder / "proof.json")
    key.write_bytes(b"binary\n")
    assert ophamin("proof", "validate", folder, "--key-file", key).exit_code == 0


def test_without_a_key_the_seal_is_said_to_be_unchecked(sealed, ophamin):
    assert ophamin("proof", "validate", sealed[0]).stdout.endswith("ok (seal not checked)\n")


def test_a_wrong_key_is_a_problem(sealed, ophamin):
    folder, key = sealed
    key.write_bytes(b"another")
    result = ophamin("proof", "validate", folder, "--key-file", key)
    assert result.exit_code == 1
    assert "seal: BAD_SIGNATURE" in result.stdout


def test_an_unsigned_record_is_no_pass_under_a_key(sealed, build_record, ophamin):
    folder, key = sealed
    build_record().to_json(folder / "proof.json")
    result = ophamin("proof", "validate", folder, "--key-file", key)
    assert result.exit_code == 1
    assert "seal: unsigned" in result.stdout


@pytest.mark.parametrize("sealed_with", [DEFAULT_SIGN_KEY, b"my own key"])
def test_a_public_key_is_no_pass_whether_it_fits_or_not(sealed, build_record, ophamin, sealed_with):
    folder, key = sealed
    build_record().sign(sealed_with).to_json(folder / "proof.json")
    key.write_bytes(DEFAULT_SIGN_KEY + b"\n")
    result = ophamin("proof", "validate", folder, "--key-file", key)
    assert result.exit_code == 1
    assert "KEY_PUBLIC" in result.stdout


def test_a_record_sealed_with_a_public_key_is_called_that(sealed, build_record, ophamin):
    folder, key = sealed
    build_record().sign(DEFAULT_SIGN_KEY).to_json(folder / "proof.json")
    plain, keyed = ophamin("proof", "validate", folder), ophamin("proof", "validate", folder, "--key-file", key)
    assert (plain.exit_code, keyed.exit_code) == (0, 1)
    assert "KEY_PUBLIC" in plain.stdout
    assert "KEY_PUBLIC" in keyed.stdout


@pytest.mark.parametrize("content", [b"", b"\n", b"secret" * 1000, None])
def test_a_key_file_without_a_usable_key_ends_with_2_and_shows_nothing_of_it(sealed, ophamin, content):
    folder, key = sealed
    key.unlink()
    if content is not None:
        key.write_bytes(content)
    result = ophamin("proof", "validate", folder, "--key-file", key)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "secret" not in result.stderr
    assert result.stderr.startswith("error: ")
