# SPDX-License-Identifier: Apache-2.0
"""``ophamin key``: private halves stay where they are, and nothing is written that could not be read again."""

import stat

import pytest

from ophamin.core.keyfiles import load_private_key, save_private_key, user_key
from ophamin.core.keys import generate_key, read_public_key
from ophamin.trust.policy import TrustPolicy


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project of its own, and a user without a key."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pem(home):
    signer = generate_key()
    save_private_key(signer, home / "ci.pem")
    (home / "ci.pub.pem").write_text(signer.public.to_pem(), encoding="ascii")
    return signer


def facts(text):
    return dict(line.split(maxsplit=1) for line in text.splitlines())


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256"])
def test_a_new_key_is_readable_by_its_owner_alone(home, ophamin, algorithm):
    result = ophamin("key", "new", "ci.pem", "--algorithm", algorithm)
    assert result.exit_code == 0
    signer = load_private_key(home / "ci.pem")
    assert facts(result.stdout) == {"id": signer.public.key_id, "algorithm": algorithm, "place": "ci.pem"}
    assert stat.S_IMODE((home / "ci.pem").stat().st_mode) == 0o600
    assert "PRIVATE" not in result.output


def test_a_new_key_takes_no_other_files_place(home, ophamin, pem):
    result = ophamin("key", "new", "ci.pem")
    assert result.exit_code == 2
    assert "there already" in result.stderr
    assert load_private_key(home / "ci.pem") == pem


def test_a_new_key_in_no_folder_is_an_error_of_one_line(home, ophamin):
    result = ophamin("key", "new", "none/ci.pem")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_both_halves_show_one_id(ophamin, pem):
    for name in ("ci.pem", "ci.pub.pem"):
        assert facts(ophamin("key", "show", name).stdout)["id"] == pem.public.key_id


def test_the_public_half_is_printed_alone(ophamin, pem):
    result = ophamin("key", "show", "ci.pem", "--public")
    assert read_public_key(result.stdout) == pem.public
    assert "PRIVATE" not in result.output


def test_the_own_key_is_shown_and_never_made(home, ophamin):
    result = ophamin("key", "show")
    assert result.exit_code == 2
    assert "pytest --ophamin" in result.stderr
    assert not (home / "home").exists()
    own, _ = user_key(home / "home" / ".config" / "ophamin")
    shown = facts(ophamin("key", "show").stdout)
    assert (shown["id"], shown["place"]) == (own.public.key_id, "home/.config/ophamin/signing-key.pem")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("no key", "BEGIN PUBLIC KEY"),
        ("", "BEGIN PUBLIC KEY"),
        ("ophamin-scenario-proof-key", "public source"),
        ("x" * 99999, "Give the key alone"),
    ],
)
def test_what_is_no_key_is_an_error_of_one_line(home, ophamin, content, said):
    (home / "bad.pem").write_text(content, encoding="ascii")
    result = ophamin("key", "show", "bad.pem")
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_private_key_that_others_can_read_is_refused(home, ophamin, pem):
    (home / "ci.pem").chmod(0o644)
    result = ophamin("key", "show", "ci.pem")
    assert result.exit_code == 2
    assert "chmod 600" in result.stderr


def test_a_file_that_is_not_there_is_named(home, ophamin):
    assert "no\\nne.pem: no such file" in ophamin("key", "show", "no\nne.pem").stderr


# --- trust


def test_the_table_makes_the_policy_take_the_key(ophamin, pem):
    result = ophamin("key", "trust", "ci.pub.pem", "--role", "seal", "--until", "2027-06-30")
    assert result.exit_code == 0
    (key,) = TrustPolicy.from_toml(f"schema = 1\n{result.stdout}").ring
    assert (key.public, key.roles) == (pem.public, {"seal"})
    assert key.valid_until.isoformat() == "2027-07-01T00:00:00+00:00"


def test_write_makes_the_policy_or_adds_to_it(home, ophamin, pem):
    other = generate_key()
    (home / "other.pub.pem").write_text(other.public.to_pem(), encoding="ascii")
    assert ophamin("key", "trust", "ci.pem", "--role", "seal", "--write").exit_code == 0
    before = (home / "ophamin-trust.toml").read_text(encoding="utf-8")
    assert "PRIVATE" not in before
    assert ophamin("key", "trust", "other.pub.pem", "--role", "self", "--write").exit_code == 0
    assert (home / "ophamin-trust.toml").read_text(encoding="utf-8").startswith(before.rstrip())
    policy = TrustPolicy.load(home / "ophamin-trust.toml")
    assert [(key.public, key.roles) for key in policy.ring] == [(pem.public, {"seal"}), (other.public, {"self"})]


def test_what_would_be_no_policy_is_not_written(home, ophamin, pem):
    path = home / "ophamin-trust.toml"
    ophamin("key", "trust", "ci.pub.pem", "--role", "seal", "--write")
    before = path.read_bytes()
    twice = ophamin("key", "trust", "ci.pub.pem", "--role", "self", "--write")
    assert twice.exit_code == 2
    assert "stands twice" in twice.stderr
    assert path.read_bytes() == before
    path.write_bytes(b"schema = 1\n[[[")
    assert ophamin("key", "trust", "ci.pub.pem", "--role", "self", "--write").exit_code == 2
    assert path.read_bytes() == b"schema = 1\n[[["


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--role", "seall"), "did you mean 'seal'"), (("--role", "seal", "--until", "soon"), "ISO 8601"), ((), "--role")],
)
def test_a_request_that_makes_no_sense_ends_with_2(ophamin, pem, words, said):
    result = ophamin("key", "trust", "ci.pub.pem", *words)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("command", [("key",), ("key", "new"), ("key", "show"), ("key", "trust"), ("verify",)])
def test_help_fits_and_teaches_with_an_example(ophamin, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    result = ophamin(*command, "--help")
    assert result.exit_code == 0
    assert "Example:" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
