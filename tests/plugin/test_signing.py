# SPDX-License-Identifier: Apache-2.0
"""With which key a session signs, what is signed, and what happens where there is none."""

import hashlib
import json
import subprocess

import pytest
from _pytest.config import ExitCode

from ophamin.core.dsse import BadSignatureError, parse_envelope, verify
from ophamin.core.keyfiles import save_private_key
from ophamin.core.keys import generate_key
from ophamin.trust.statements import StatementMismatchError, check_matches, read_statement


@pytest.fixture
def at_home(project, monkeypatch, tmp_path_factory):
    """A project whose sessions believe to run on somebody's own machine."""
    monkeypatch.delenv("CI")
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    project.home = home
    return project


def signed(project, key):
    """Record file, statement and envelope of the only record, the signature verified."""
    (proof,) = project.proofs()
    envelope = parse_envelope((proof.parent / "proof.dsse.json").read_bytes())
    assert verify(envelope, [key]) == {key.key_id}
    return proof, read_statement(envelope.payload), envelope


def test_at_home_a_key_is_made_once_and_named(at_home):
    at_home.claims(good=1)
    first = at_home.run()
    first.stdout.fnmatch_lines(["records: proofs/latest, self-signed (L1), key * in ~/.config/ophamin, made just now"])
    second = at_home.run()
    second.stdout.fnmatch_lines(["records: proofs/latest, self-signed (L1), key * in ~/.config/ophamin"])
    (key,) = [path for path in (at_home.home / ".config/ophamin").iterdir() if path.is_file()]
    assert key.stat().st_mode & 0o077 == 0
    assert len(list(at_home.path.rglob("proof.dsse.json"))) == 1


def test_in_ci_without_a_key_records_are_unsigned_and_say_so(project):
    project.claims(good=1)
    project.run().stdout.fnmatch_lines(["records: proofs/latest, unsigned (L0): no key in CI"])
    assert list(project.path.rglob("proof.dsse.json")) == []


@pytest.mark.parametrize("way", ["option", "file", "text"])
def test_a_given_key_signs_the_whole_record_with_its_observations(both, way, monkeypatch, tmp_path_factory):
    signer = generate_key("ecdsa-p256" if way == "text" else "ed25519")
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    save_private_key(signer, path)
    if way == "file":
        monkeypatch.setenv("OPHAMIN_SIGNING_KEY_FILE", str(path))
    elif way == "text":
        monkeypatch.setenv("OPHAMIN_SIGNING_KEY", signer.to_pem().decode())
    both.claims(good=1)
    result = both.run(*([f"--ophamin-key-file={path}"] if way == "option" else []))
    assert result.ret == ExitCode.OK
    proof, statement, _ = signed(both, signer.public)
    assert check_matches(statement, proof.read_bytes()).proof_id == both.record().proof_id
    assert statement.digest_of("observations.json") == both.record().evidence[0].detail["observations_sha256"]
    assert hashlib.sha256(proof.read_bytes()).hexdigest() == statement.digest_of("proof.json")


def test_an_edited_record_no_longer_matches_its_statement(project, tmp_path_factory):
    signer = generate_key()
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    save_private_key(signer, path)
    project.claims(good=1)
    project.run(f"--ophamin-key-file={path}")
    proof, statement, envelope = signed(project, signer.public)
    edited = proof.read_bytes().replace(b'"VALIDATED"', b'"REFUTED"')
    with pytest.raises((StatementMismatchError, ValueError)):
        check_matches(statement, edited)
    with pytest.raises(BadSignatureError):
        verify(type(envelope)(envelope.payload + b" ", envelope.payload_type, envelope.signatures), [signer.public])


def test_the_statement_names_commit_and_tree(project, tmp_path_factory):
    signer = generate_key()
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    save_private_key(signer, path)
    project.claims(good=1)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        subprocess.run((*git, *command), cwd=project.path, check=True)
    project.run(f"--ophamin-key-file={path}")
    _, statement, _ = signed(project, signer.public)
    commit, tree = (
        subprocess.run(("git", "rev-parse", what), cwd=project.path, check=True, capture_output=True, text=True)
        for what in ("HEAD", "HEAD^{tree}")
    )
    assert statement.digests("gitCommit") == (commit.stdout.strip(),)
    assert statement.digests("gitTree") == (tree.stdout.strip(),)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.write_text("no key"), "cannot be used"),
        (lambda path: None, "No such file"),
        (lambda path: (save_private_key(generate_key(), path), path.chmod(0o644)), "cannot be used"),
    ],
    ids=["no-key", "missing", "world-readable"],
)
def test_a_key_that_cannot_be_used_ends_the_session_before_anything_runs(project, tmp_path_factory, make, told):
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    make(path)
    project.write('''
        @scenario("it is fine", rate("wrong") <= 0.5)
        def test_it(trial):
            """Is it fine?"""
            raise AssertionError("it must not run")
    ''')
    result = project.run(f"--ophamin-key-file={path}")
    assert result.ret == ExitCode.USAGE_ERROR
    assert told in result.stderr.str() + result.stdout.str()
    assert "must not run" not in result.stdout.str()


def test_a_required_signature_without_a_key_ends_the_session(project):
    project.claims(good=1)
    result = project.run("--ophamin-require-signature")
    assert result.ret == ExitCode.USAGE_ERROR
    assert "--ophamin-key-file" in result.stderr.str() + result.stdout.str()


def test_no_private_key_enters_a_record(project, tmp_path_factory):
    signer = generate_key()
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    save_private_key(signer, path)
    project.claims(good=1)
    project.run(f"--ophamin-key-file={path}")
    secret = signer.to_pem().splitlines()[1]
    for file in (project.path / "proofs").rglob("*.json"):
        assert secret not in file.read_bytes()
        assert json.loads(file.read_text())
