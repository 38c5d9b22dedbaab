# SPDX-License-Identifier: Apache-2.0
"""The head that a session leaves: it binds every record of the session, and the session before."""

import hashlib
import json
import subprocess

import pytest
from _pytest.config import ExitCode

from ophamin.core import environment
from ophamin.core.dsse import parse_envelope, verify
from ophamin.core.environment import git_facts
from ophamin.core.keyfiles import save_private_key
from ophamin.core.keys import generate_key
from ophamin.plugin.docket import RECORD_PROBLEM
from ophamin.trust.chain import read_head, verify_chain
from ophamin.trust.heads import HEAD_ENVELOPE_NAME, HEAD_NAME, HEADS_NAME, earlier_heads
from ophamin.trust.statements import HEAD, TEST_RESULT, read_statement


@pytest.fixture
def key(tmp_path_factory):
    signer = generate_key()
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    save_private_key(signer, path)
    return signer, f"--ophamin-key-file={path}"


@pytest.fixture
def committed(project):
    """A project whose files are in git."""
    project.claims(good=1, bad=36)
    project.write("proofs/\n.ophamin/\n__pycache__/\n", ".gitignore")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], cwd=project.path, check=True)
    environment._git_facts.cache_clear()
    return project


def head_of(project):
    return read_head((project.path / "proofs/latest" / HEAD_NAME).read_bytes())


def digests_of(project):
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in project.proofs()}


def test_the_head_binds_every_record_and_no_other(both):
    both.claims(good=1, bad=36)
    both.run()
    digests = digests_of(both)
    head = head_of(both)
    assert head.binds(digests)
    assert head.count == 2
    assert not head.binds(sorted(digests)[:1])


def test_a_second_session_goes_on_with_the_chain(project):
    project.claims(good=1)
    for _ in range(3):
        project.run()
    folder = project.path / "proofs/latest"
    heads = [*earlier_heads(folder), head_of(project)]
    assert [head.index for head in heads] == [0, 1, 2]
    assert verify_chain(heads) == ()
    assert head_of(project).binds(digests_of(project))


def test_sessions_at_one_commit_are_counted(committed):
    committed.run()
    committed.run("--ophamin-fresh")
    head = head_of(committed)
    assert head.commit == git_facts(committed.path).commit
    assert head.attempt == 2


def test_a_session_that_gives_stored_verdicts_again_is_no_attempt(committed):
    committed.run()
    committed.run().stdout.fnmatch_lines(["*(stored *"])
    assert head_of(committed).attempt == 1


def test_a_record_that_was_written_before_an_interrupt_is_bound(project):
    project.claims(good=1)
    project.write(
        """
        import os
        import signal


        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_stopped(trial):
            \'\'\'Is it right?\'\'\'
            signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
            os.kill(os.getpid(), signal.SIGINT)
        """,
        "test_stop.py",
    )
    project.run_apart()
    assert head_of(project).binds(digests_of(project))


def test_no_test_can_read_the_key_from_the_environment(project, monkeypatch):
    monkeypatch.setenv("OPHAMIN_SIGNING_KEY", generate_key().to_pem().decode())
    project.write(
        """
        import os


        def test_it():
            assert "OPHAMIN_SIGNING_KEY" not in os.environ
        """
    )
    project.run().assert_outcomes(passed=1)


def test_the_count_of_the_ci_service_counts_where_it_is_higher(project, monkeypatch):
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "4")
    project.claims(good=1)
    project.run()
    assert head_of(project).attempt == 4


def test_with_a_key_the_head_is_signed_and_names_commit_tree_and_lock(committed, key):
    signer, option = key
    committed.run("--ophamin-register")
    committed.run(option)
    folder = committed.path / "proofs/latest"
    envelope = parse_envelope((folder / HEAD_ENVELOPE_NAME).read_bytes())
    assert verify(envelope, [signer.public]) == {signer.public.key_id}
    statement = read_statement(envelope.payload, predicate_types=[HEAD])
    facts = git_facts(committed.path)
    assert statement.digests("gitCommit") == (facts.commit,)
    assert statement.digests("gitTree") == (facts.tree,)
    assert statement.predicate == json.loads((folder / HEAD_NAME).read_bytes())
    lock = hashlib.sha256((committed.path / "ophamin.lock").read_bytes()).hexdigest()
    assert statement.digest_of("ophamin.lock") == lock == statement.predicate["lock"]


def test_an_unsigned_session_leaves_no_signed_head_of_an_earlier_one(project, key):
    project.claims(good=1)
    project.run(key[1])
    assert (project.path / "proofs/latest" / HEAD_ENVELOPE_NAME).exists()
    project.run()
    assert not (project.path / "proofs/latest" / HEAD_ENVELOPE_NAME).exists()


def test_a_damaged_chain_stops_the_session_before_anything_runs_or_is_removed(project):
    project.claims(good=1)
    project.run()
    kept = project.proofs()
    (project.path / "proofs/latest" / HEADS_NAME).write_bytes(b"{}\n")
    result = project.run()
    assert result.ret == ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*heads.jsonl, line 1:*move the file away to begin a new chain*"])
    assert project.proofs() == kept


def test_a_head_that_cannot_be_written_is_a_record_problem(project):
    project.claims(good=1)
    project.write(
        """
        import pathlib
        import pytest

        @pytest.fixture(autouse=True)
        def in_the_way():
            yield
            pathlib.Path("proofs/latest/head.json").mkdir()
        """,
        "conftest.py",
    )
    result = project.run()
    assert result.ret == RECORD_PROBLEM
    result.stdout.fnmatch_lines(["*the head of this run was not written:*"])


def test_a_session_that_tries_nothing_leaves_the_head_alone(project):
    project.claims(good=1)
    project.run()
    before = (project.path / "proofs/latest" / HEAD_NAME).read_bytes()
    for look in ("--collect-only", "--ophamin-plan", "--ophamin-register"):
        project.run(look)
    assert (project.path / "proofs/latest" / HEAD_NAME).read_bytes() == before


def test_others_read_the_verdict_as_a_test_result(committed, key):
    signer, option = key
    committed.run(option)
    results = {}
    for path in (committed.path / "proofs").rglob("test-result.dsse.json"):
        envelope = parse_envelope(path.read_bytes())
        assert verify(envelope, [signer.public])
        predicate = read_statement(envelope.payload, predicate_types=[TEST_RESULT]).predicate
        results[predicate["result"]] = predicate
    assert set(results) == {"PASSED", "FAILED"}
    assert results["FAILED"]["failedTests"] == ["test_claims.test_bad"]
    assert results["PASSED"]["configuration"][0]["name"] == "proof.json"


def test_outside_git_there_is_no_test_result_since_it_would_be_about_nothing(project, key):
    project.claims(good=1)
    project.run(key[1])
    assert not list(project.path.rglob("test-result.dsse.json"))


def test_a_secret_seals_each_record_as_the_old_wire_does(project, monkeypatch, tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "hmac.key"
    secret.write_bytes(bytes(range(65, 105)))
    secret.chmod(0o600)
    monkeypatch.setenv("OPHAMIN_HMAC_KEY_FILE", str(secret))
    project.claims(good=1)
    project.run().stdout.fnmatch_lines(["records: *HMAC seal inside"])
    record = project.record()
    assert record.verify_signature(bytes(range(65, 105)))
    assert not record.verify_signature(b"another secret of enough bytes, as it seems")


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (b"ophamin-scenario-proof-key", "stands in public source"),
        (b"short", "5 bytes"),
        (b"a" * 64, "1 of them different"),
    ],
    ids=["public", "short", "repeated"],
)
def test_t01_a_secret_that_anybody_knows_or_guesses_seals_nothing(project, monkeypatch, tmp_path, secret, told):
    file = tmp_path / "hmac.key"
    file.write_bytes(secret)
    file.chmod(0o600)
    monkeypatch.setenv("OPHAMIN_HMAC_KEY_FILE", str(file))
    project.claims(good=1)
    result = project.run()
    assert result.ret == ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*the signing key cannot be used:*{told}*"])
    assert project.proofs() == []


def test_the_provenance_names_lock_claim_and_environment_and_prov_reads_it(committed):
    from prov.model import ProvDocument

    committed.run("--ophamin-register")
    committed.run()
    graph = committed.records()[0].provenance
    lock = hashlib.sha256((committed.path / "ophamin.lock").read_bytes()).hexdigest()
    assert graph["entity"]["ophamin:lock"]["ophamin:sha256"] == lock
    document = ProvDocument.deserialize(content=json.dumps(graph), format="json")
    plans = [one for one in document.get_records() if str(one.identifier) == "ophamin:claim"]
    assert [str(kind) for kind in plans[0].get_asserted_types()] == ["prov:Plan"]
    associations = graph["wasAssociatedWith"].values()
    assert {one["prov:plan"] for one in associations} == {"ophamin:claim"}
    used = {one["prov:entity"] for one in graph["used"].values()}
    assert {"ophamin:lock", "ophamin:claim", "ophamin:environment"} <= used
