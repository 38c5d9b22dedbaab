# SPDX-License-Identifier: Apache-2.0
"""The trust policy: strict values where nothing is said, exact reading, and a place for every refusal."""

import hashlib
import os
import pickle
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.keys import generate_key
from ophamin.trust.policy import MAX_POLICY_BYTES, PolicyError, TrustPolicy

KEY = generate_key().public
RING = f'''
[[key]]
id = "{KEY.key_id}"
public = """
{KEY.to_pem()}"""
roles = ["seal"]
valid_until = 2027-06-30
'''
WHOLE = f"""schema = 1
[policy]
payload_types = ["application/vnd.in-toto+json"]
predicate_types = ["urn:ophamin:attestation:proof:v1"]
min_level = "L1"
max_age = "90m"
allow_hmac = "never"
inconclusive = "warn"
require_complete = false
max_attempts = 3
{RING}
[role.seal]
threshold = 1
[event.fork_pull_request]
min_level = "L0"
max_age = "any"
"""


def refusal(text, **how):
    with pytest.raises(PolicyError) as caught:
        TrustPolicy.from_toml(text, **how)
    return caught.value


def test_what_is_left_out_is_strict():
    policy = TrustPolicy.from_toml("schema = 1")
    assert (policy.min_level, policy.max_age, policy.allow_hmac) == ("L2", timedelta(hours=72), "read-only")
    assert (policy.inconclusive, policy.require_complete, policy.max_attempts) == ("fail", True, 1)
    assert (len(policy.ring), policy.threshold("seal"), policy.roles()) == (0, 1, ("seal",))


def test_every_field_is_read():
    policy = TrustPolicy.from_toml(WHOLE)
    assert policy.payload_types == ("application/vnd.in-toto+json",)
    assert policy.predicate_types == ("urn:ophamin:attestation:proof:v1",)
    assert (policy.min_level, policy.max_age, policy.allow_hmac) == ("L1", timedelta(minutes=90), "never")
    assert (policy.inconclusive, policy.require_complete, policy.max_attempts) == ("warn", False, 3)
    assert policy.ring.get(KEY.key_id).valid_until == datetime(2027, 7, 1, tzinfo=UTC)
    assert policy.roles() == ("seal", "self")


def test_an_event_changes_what_it_names_and_nothing_else():
    policy = TrustPolicy.from_toml(WHOLE)
    fork = policy.for_event("fork_pull_request")
    assert (fork.min_level, fork.max_age, fork.allow_hmac) == ("L0", None, "never")
    assert fork.ring == policy.ring
    assert (policy.for_event("push").min_level, policy.for_event("push").max_age) == ("L1", timedelta(minutes=90))


@pytest.mark.parametrize(
    ("old", "new", "field", "line", "said"),
    [
        ("schema = 1", "schema = 2", "schema", 1, "this reads schema = 1"),
        ("schema = 1", "schema = true", "schema", 1, "True"),
        ("[policy]", "[polcy]", "polcy", 2, "did you mean 'policy'"),
        ("min_level", "min_levl", "policy.min_levl", 5, "did you mean 'min_level'"),
        ('"L1"', '"L3"', "policy.min_level", 5, "L0, L1, L2"),
        ('"90m"', "90", "policy.max_age", 6, '"72h"'),
        ('"90m"', '"0h"', "policy.max_age", 6, '"72h"'),
        ('"90m"', '"9999999d"', "policy.max_age", 6, '"72h"'),
        ('"never"', "[]", "policy.allow_hmac", 7, "read-only"),
        ('"warn"', '"pass"', "policy.inconclusive", 8, "fail, warn"),
        ("require_complete = false", 'require_complete = "no"', "policy.require_complete", 9, "true nor false"),
        ("max_attempts = 3", "max_attempts = 0", "policy.max_attempts", 10, "from 1 to"),
        ("max_attempts = 3", "max_attempts = true", "policy.max_attempts", 10, "from 1 to"),
        ('["application/vnd.in-toto+json"]', "[]", "policy.payload_types", 3, "1 to 16"),
        ('["urn:ophamin:attestation:proof:v1"]', "[1]", "policy.predicate_types", 4, "no type"),
        ("threshold = 1", "threshold = 2", "role.seal.threshold", 23, "1 in the ring"),
        ("threshold = 1", "threshold = 0", "role.seal.threshold", 23, "from 1 to"),
        ("[role.seal]", "[role.sael]", "role.sael.threshold", 23, "did you mean 'seal'"),
        ("[event.fork_pull_request]", "[event.Fork]", "event.Fork", 24, "a-z"),
        ('"L0"', '"L"', "event.fork_pull_request.min_level", 25, "none of"),
        ('roles = ["seal"]', "roles = []", "key[0].roles", 19, "at least one"),
        (KEY.key_id, "ab" * 32, "key[0].id", 13, "the key has"),
        ("valid_until = 2027", "valid_unti = 2027", "key[0]", 12, "unknown"),
    ],
    ids=lambda value: None if value != KEY.key_id else "key-id",
)
def test_a_refusal_names_line_field_and_way_out(old, new, field, line, said):
    assert old in WHOLE
    error = refusal(WHOLE.replace(old, new, 1))
    assert (error.field, error.line) == (field, line)
    assert said in str(error)
    assert str(error).startswith(f"line {line}: {field}: ")


@pytest.mark.parametrize(
    "text",
    [
        "schema = = 1",
        "schema = 1\nschema = 1",
        f"schema = {'9' * 5000}",
        f"schema = {'[' * 2000}",
        "schema = 1\npolicy = 3",
        "schema = 1\nrole = [1]",
        "schema = 1\nkey = 3",
        "schema = 1\n[event]\npush = 1",
        b"schema = 1\n\xff",
        "schema = 1 # \ud800",
        "<<<<<<< HEAD\nschema = 1",
        "x" * (MAX_POLICY_BYTES + 1),
        "",
    ],
)
def test_what_is_no_policy_is_refused(text):
    refusal(text)


@settings(max_examples=200)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_nothing_but_a_refusal_comes_of_any_text(text):
    with suppress(PolicyError):
        TrustPolicy.from_toml(text)


def test_a_private_key_in_a_policy_is_refused():
    private = generate_key().to_pem().decode()
    assert "private key" in str(refusal(WHOLE.replace(KEY.to_pem(), private)))


def test_a_policy_crosses_to_another_process_with_its_keys():
    policy = TrustPolicy.from_toml(WHOLE)
    again = pickle.loads(pickle.dumps(policy))
    assert again == policy
    assert [key.key_id for key in again.ring] == [KEY.key_id]
    assert again.ring.keys[0].valid_until == policy.ring.keys[0].valid_until


# --- files


def named(name):
    return "schema = 1\n" + RING.replace(f'"""\n{KEY.to_pem()}"""', f'"{name}"')


def test_a_key_may_be_named_by_a_file_below_the_policy(tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ci.pem").write_text(KEY.to_pem())
    path = tmp_path / "ophamin-trust.toml"
    path.write_text(named("keys/ci.pem"))
    assert TrustPolicy.load(path).ring.get(KEY.key_id) is not None


@pytest.mark.parametrize(
    "name", ["../ci.pem", "/etc/ci.pem", "keys/../../ci.pem", "c:\\\\ci.pem", "none.pem", "link.pem"]
)
def test_a_key_outside_of_the_folder_is_refused(tmp_path, name):
    outside = tmp_path / "ci.pem"
    outside.write_text(KEY.to_pem())
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "link.pem").symlink_to(outside)
    path = folder / "ophamin-trust.toml"
    path.write_text(named(name))
    with pytest.raises(PolicyError) as caught:
        TrustPolicy.load(path)
    assert caught.value.field == "key[0].public"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_policy_that_anybody_may_write_is_refused(tmp_path):
    path = tmp_path / "ophamin-trust.toml"
    path.write_text("schema = 1")
    path.chmod(0o666)
    with pytest.raises(PolicyError, match="chmod o-w"):
        TrustPolicy.load(path)


def test_links_folders_and_missing_files_are_refused(tmp_path):
    (tmp_path / "real.toml").write_text("schema = 1")
    (tmp_path / "link.toml").symlink_to("real.toml")
    for name in ("link.toml", "none.toml", "."):
        with pytest.raises(PolicyError):
            TrustPolicy.load(tmp_path / name)


def test_the_digest_is_that_of_the_file():
    assert TrustPolicy.from_toml(b"schema = 1").digest == hashlib.sha256(b"schema = 1").hexdigest()
    assert TrustPolicy().digest == ""
