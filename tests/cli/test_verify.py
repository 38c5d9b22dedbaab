# SPDX-License-Identifier: Apache-2.0
"""``ophamin verify``: a line for each step or record, an exit code for each kind of trouble, nothing that acts."""

import hashlib
import json
import shutil
import subprocess

import pytest

from ophamin import rate, scenario
from ophamin.cli import output
from ophamin.core.dsse import IN_TOTO_TYPE, sign
from ophamin.core.environment import git_facts
from ophamin.core.keyfiles import user_key
from ophamin.core.keys import generate_key
from ophamin.measuring.lock_claims import Lock, LockedClaim
from ophamin.measuring.lockfile import write_lock
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Situation, Trial
from ophamin.trust.heads import write_head
from ophamin.trust.statements import proof_statement

KEY = generate_key()
HOSTILE = "few\x1b[2J are\r wrong\u202e"


def concluded(root, statement="few are wrong", wrong=2):
    def test_it(trial):
        """Is it right?"""

    script = declaration_of(scenario(statement, rate("wrong") <= 0.5)(test_it)).compile(test_it, name="a.b")
    trial = Trial(script, Situation("command", root))
    trial.open()
    for number in range(40):
        trial.observe(wrong=(number * 7) % 40 < wrong)
    return trial.conclude()[0]


def write(root, name, one, signer=None, commit=None, tree=None, record=None):
    folder = root / "proofs" / name
    folder.mkdir(parents=True)
    record = record or one.record
    (folder / "proof.json").write_text(record.dumps(), encoding="ascii")
    (folder / "observations.json.gz").write_bytes(one.observations)
    if signer is not None:
        statement = proof_statement(record, record.evidence[0].detail["observations_sha256"], commit, tree)
        (folder / "proof.dsse.json").write_bytes(sign(statement.data, IN_TOTO_TYPE, [signer]).to_bytes())
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project with no policy, no repository, and a user without a key."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "ci.pub.pem").write_text(KEY.public.to_pem(), encoding="ascii")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def two(place):
    """A VALIDATED and a REFUTED record, signed."""
    write(place, "a", concluded(place), KEY)
    write(place, "b", concluded(place, wrong=36), KEY)
    return place


def policy(place, text):
    (place / "ophamin-trust.toml").write_text(f"schema = 1\n{text}", encoding="utf-8")


def test_one_record_is_shown_step_by_step(two, ophamin):
    result = ophamin("verify", "proofs/a", "--key", "ci.pub.pem")
    assert result.exit_code == 0, result.output
    head, *steps = result.stdout.splitlines()
    assert head == "OK (L1): VALIDATED: few are wrong"
    assert [line.split()[0] for line in steps] == [str(number) for number in range(1, 11)]
    assert "VALIDATED again, from 40 units" in steps[8]


def test_several_records_have_a_line_each(two, ophamin):
    result = ophamin("verify", "proofs", "--key", "ci.pub.pem")
    assert result.exit_code == 0
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[:3] for row in rows] == [["OK", "L1", "VALIDATED"], ["OK", "L1", "REFUTED"]]
    assert [row[4] for row in rows] == ["proofs/a/proof.json", "proofs/b/proof.json"]
    assert result.stderr == "2 OK\n"


def test_json_holds_all_of_it(two, ophamin):
    result = ophamin("verify", "proofs", "--key", "ci.pub.pem", "--json")
    answers = json.loads(result.stdout)
    assert [(one["code"], one["verdict"], one["redecided"]) for one in answers] == [
        ("OK", "VALIDATED", "same"),
        ("OK", "REFUTED", "same"),
    ]
    assert all(len(one["steps"]) == 10 for one in answers)


def test_an_unknown_key_ends_with_4(two, ophamin):
    result = ophamin("verify", "proofs/a")
    assert result.exit_code == 4
    assert result.stdout.startswith("UNKNOWN_KEY (L0)")


def test_the_own_key_is_trusted_where_no_policy_says_otherwise(place, ophamin):
    own, _ = user_key(place / "home" / ".config" / "ophamin")
    write(place, "a", concluded(place), own)
    assert ophamin("verify", "proofs").exit_code == 0
    policy(place, "")
    assert ophamin("verify", "proofs").exit_code == 4


def test_an_unsigned_record_is_ok_at_level_0(place, ophamin):
    write(place, "a", concluded(place))
    result = ophamin("verify", "proofs")
    assert (result.exit_code, result.stdout.split()[:2]) == (0, ["OK", "(L0):"])


def test_the_projects_policy_is_found_and_another_one_may_be_named(place, ophamin):
    write(place, "a", concluded(place))
    policy(place, "")
    assert ophamin("verify", "proofs").exit_code == 4
    (place / "mild.toml").write_text('schema = 1\n[policy]\nmin_level = "L0"\n', encoding="utf-8")
    assert ophamin("verify", "proofs", "--policy", "mild.toml").exit_code == 0


def test_a_missing_file_of_a_record_ends_with_3(two, ophamin):
    (two / "proofs" / "a" / "observations.json.gz").unlink()
    assert ophamin("verify", "proofs", "--key", "ci.pub.pem").exit_code == 3


def test_untrusted_weighs_more_than_incomplete(two, ophamin):
    (two / "proofs" / "a" / "observations.json.gz").unlink()
    (two / "proofs" / "b" / "proof.dsse.json").write_text("{}")
    assert ophamin("verify", "proofs", "--key", "ci.pub.pem").exit_code == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "no such file"),
        (("empty",), "no record in"),
        (("proofs", "--policy", "none.toml"), "none.toml"),
        (("proofs", "--policy", "bad.toml"), "line 2: polcy"),
        (("proofs", "--key", "none.pem"), "no such file"),
        (("proofs", "--key", "bad.pem"), "no public key"),
        (("proofs", "--key", "private.pem"), "private key"),
        ((), "PATH"),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_says_what_to_do(two, ophamin, words, said):
    (two / "empty").mkdir()
    (two / "bad.toml").write_text("schema = 1\n[polcy]\n")
    (two / "bad.pem").write_text("-----BEGIN PUBLIC KEY-----\n")
    (two / "private.pem").write_bytes(KEY.to_pem())
    result = ophamin("verify", *words)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_verification_that_fails_itself_ends_with_5(two, ophamin, monkeypatch):
    def broken(*_, **__):
        yield from ()
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("ophamin.trust.verify.verify_paths", broken)
    result = ophamin("verify", "proofs")
    assert result.exit_code == 5
    assert "ZeroDivisionError: of all things" in result.stderr


def test_an_hmac_secret_is_taken_from_its_file(place, ophamin):
    secret = bytes(range(33, 65))
    (place / "secret").write_bytes(secret + b"\n")
    one = concluded(place)
    record = EmpiricalProofRecord.from_dict(one.record.to_dict()).sign(secret)
    write(place, "a", one, record=record)
    assert ophamin("verify", "proofs").exit_code == 4
    result = ophamin("verify", "proofs", "--key", "secret")
    assert result.exit_code == 0
    assert "legacy-hmac" in result.stdout


# --- git


@pytest.fixture
def repository(place):
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        subprocess.run((*git, *command), cwd=place, check=True)
    return place


def test_the_commit_is_compared_with_the_one_checked_out(repository, ophamin):
    here = git_facts(repository)
    write(repository, "a", concluded(repository), KEY, here.commit, here.tree)
    write(repository, "b", concluded(repository, wrong=3), KEY, "ab" * 20, "cd" * 20)
    assert ophamin("verify", "proofs/a", "--key", "ci.pub.pem").exit_code == 0
    other = ophamin("verify", "proofs/b", "--key", "ci.pub.pem")
    assert (other.exit_code, other.stdout.split()[0]) == (4, "MISMATCH")
    assert ophamin("verify", "proofs/b", "--key", "ci.pub.pem", "--no-git").exit_code == 0


# --- events, the lock, and the head of a run


def test_the_rules_of_an_event_are_taken_and_an_unknown_one_is_named(place, ophamin):
    write(place, "a", concluded(place))
    policy(place, '[event.fork_pull_request]\nmin_level = "L0"\n')
    assert ophamin("verify", "proofs").exit_code == 4
    assert ophamin("verify", "proofs", "--event", "fork_pull_request").exit_code == 0
    result = ophamin("verify", "proofs", "--event", "fork_pul_request")
    assert result.exit_code == 4
    assert "did you mean 'fork_pull_request'" in result.stderr


def lock_file(place, one):
    write_lock(place / "ophamin.lock", Lock((LockedClaim.of_plan(one.plan, corpus_digest=""),)))


def test_a_lock_that_is_named_judges_the_registration(place, ophamin):
    one, other = concluded(place), concluded(place, "many are wrong")
    write(place, "a", one)
    lock_file(place, one)
    result = ophamin("verify", "proofs/a", "--lock", "ophamin.lock", "--json")
    (answer,) = json.loads(result.stdout)
    assert (result.exit_code, answer["claim_id"]) == (0, LockedClaim.of_plan(one.plan, corpus_digest="").id)
    assert answer["steps"][7]["state"] == "pass"
    lock_file(place, other)
    result = ophamin("verify", "proofs/a", "--lock", "ophamin.lock")
    assert (result.exit_code, result.stdout.split()[0]) == (3, "UNREGISTERED")
    (place / "ophamin.lock").write_text("schema = 1\n")
    assert ophamin("verify", "proofs/a", "--lock", "ophamin.lock").exit_code == 2


def test_the_lock_at_the_merge_base_judges_and_the_one_in_the_work_tree_does_not(place, ophamin, request):
    one, other = concluded(place.parent), concluded(place.parent, "many are wrong")
    lock_file(place, one)
    here = git_facts(request.getfixturevalue("repository"))  # commits the lock
    write(place, "a", one, KEY, here.commit, here.tree)
    write(place, "b", other, KEY, here.commit, here.tree)
    lock_file(place, other)
    rows = [line.split("\t") for line in ophamin("verify", "proofs", "--key", "ci.pub.pem").stdout.splitlines()]
    assert [row[0] for row in rows] == ["OK", "UNREGISTERED"]
    assert ophamin("verify", "proofs", "--key", "ci.pub.pem", "--no-git").exit_code == 0


def test_a_lock_at_the_base_that_cannot_be_read_is_told(repository, ophamin):
    write(repository, "a", concluded(repository))
    for command in (("branch", "-m", "trunk"), ("branch", "extra")):
        subprocess.run(("git", *command), cwd=repository, check=True)
    assert "registration is not judged: " in ophamin("verify", "proofs").stderr


def head_of(place, signer=None, run="proofs"):
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (place / run).rglob("proof.json")]
    write_head(
        place / run, digests, commit=None, tree=None, dirty=False, lock=None, environ={}, signer=signer,
    )  # fmt: skip


def test_the_head_of_a_run_is_verified_with_its_records(two, ophamin):
    head_of(two, KEY)
    result = ophamin("verify", "proofs", "--key", "ci.pub.pem")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == ["proofs/head.dsse.json: the head of the run binds these 2 records", "2 OK"]
    answers = json.loads(ophamin("verify", "proofs", "--key", "ci.pub.pem", "--json").stdout)
    assert [one["steps"][9]["state"] for one in answers] == ["pass", "pass"]


def test_a_record_that_is_missing_from_its_run_ends_with_3_and_a_foreign_one_with_4(two, ophamin):
    head_of(two)
    shutil.move(two / "proofs" / "b", two / "elsewhere")
    result = ophamin("verify", "proofs", "--key", "ci.pub.pem")
    assert result.exit_code == 3
    assert "binds 2 records, and 1 are here" in result.stdout
    for name, wrong in (("c", 3), ("d", 4)):
        write(two, name, concluded(two, wrong=wrong), KEY)
    result = ophamin("verify", "proofs", "--key", "ci.pub.pem")
    assert result.exit_code == 4
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["MISMATCH"] * 3


def test_a_record_of_another_run_is_not_judged_by_this_ones_head(two, ophamin):
    write(two, "latest/a", concluded(two, wrong=5), KEY)
    head_of(two, run="proofs/latest")
    shutil.rmtree(two / "proofs" / "latest" / "a")
    write(two, "latest/b", concluded(two, wrong=6), KEY)
    rows = [line.split("\t") for line in ophamin("verify", "proofs", "--key", "ci.pub.pem").stdout.splitlines()]
    assert {row[4]: row[0] for row in rows} == {
        "proofs/a/proof.json": "OK",
        "proofs/b/proof.json": "OK",
        "proofs/latest/b/proof.json": "MISMATCH",
    }


def test_a_head_that_cannot_be_read_spoils_its_run(two, ophamin):
    (two / "proofs" / "head.json").write_text("{}")
    assert ophamin("verify", "proofs", "--key", "ci.pub.pem").exit_code == 4


# --- hostile files and narrow terminals


def test_what_a_record_says_acts_on_nothing(place, ophamin):
    write(place, "a", concluded(place, HOSTILE))
    write(place, "b", concluded(place, HOSTILE, wrong=3))
    (place / "proofs" / "c\x1b[2J").mkdir()
    (place / "proofs" / "c\x1b[2J" / "proof.json").write_text('{"schema_version": "\\u001b[2J"}')
    for words in (("proofs/a",), ("proofs",), ("proofs", "--json")):
        shown = ophamin("verify", *words).output
        assert not {"\x1b", "\r", "\u202e"} & set(shown)


def test_on_a_terminal_nothing_is_wider_than_80_columns_and_no_reason_is_cut(two, ophamin, monkeypatch):
    monkeypatch.setattr("ophamin.cli.verify.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    assert output.terminal().width == 80
    step_by_step = ophamin("verify", "proofs/a")
    assert max(map(len, step_by_step.stdout.splitlines())) <= 80
    words = " ".join(step_by_step.stdout.split())
    assert "Add the key of the signer" in words
    listed = ophamin("verify", "proofs", "--key", "ci.pub.pem")
    assert max(map(len, listed.stdout.splitlines())) <= 80
    assert len(listed.stdout.splitlines()) == 2
    assert "Add the key of the signer" in " ".join(ophamin("verify", "proofs").stdout.split())


# --- from a session of pytest to its verification

SESSION = '''
from ophamin import difference, mean, observed, rate, scenario


@scenario("few are wrong", rate("wrong") <= 0.25, budget=40, method="mixture")
def test_sequential(trial):
    """Are few wrong?"""
    for number in range(40):
        trial.observe(wrong=number % 10 == 0)
        if trial.decided:
            break


@scenario("it is small", observed("size", deterministic=True) <= 3, rate("wrong") <= 0.01)
def test_two_claims(trial, rng):
    """Is it small, and right?"""
    trial.observe(size=2)
    for _ in range(60):
        trial.observe(wrong=bool(rng.random() < 0.6))


@scenario("the new one is no worse", difference(mean("value", bounds=(0, 4)), "head", "base") >= -1,
          corpus="sentences", substrates={"base": lambda text: len(text) % 3, "head": lambda text: len(text) % 4})
def test_arms(arms, stream):
    """Is it no worse?"""
    for record in stream:
        arms.run(record)


@scenario("it ends", rate("wrong") <= 0.5)
def test_broken(trial):
    """Does it end?"""
    trial.observe(wrong=True)
    raise ValueError("no")
'''


def test_what_sessions_leave_behind_is_ok_also_where_a_claim_was_resumed(
    pytester, monkeypatch, tmp_path_factory, ophamin
):
    for name in ("CI", "GITHUB_ACTIONS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("home") / ".config"))
    pytester.makepyfile(test_claims=SESSION)
    pytester.makeini("[pytest]\n")
    (pytester.path / ".gitignore").write_text("*\n!test_claims.py\n!tox.ini\n")  # only a clean tree has a ledger
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (("init", "-q"), ("add", "test_claims.py", "tox.ini"), ("commit", "-qm", "x")):
        subprocess.run((*git, *command), cwd=pytester.path, check=True)
    monkeypatch.chdir(pytester.path)
    outcomes = []
    for more in ((), ("--ophamin-resume",)):
        pytester.runpytest_subprocess("--ophamin", "-q", "-p", "no:randomly", *more)
        result = ophamin("verify", "proofs/latest", "--json")
        answers = json.loads(result.stdout)
        assert [(one["code"], one["level"], one["redecided"]) for one in answers] == [("OK", "L1", "same")] * 5
        assert result.exit_code == 0
        outcomes.append(sorted(one["verdict"] for one in answers))
    assert outcomes[0] == ["INCONCLUSIVE", "INCONCLUSIVE", "REFUTED", "VALIDATED", "VALIDATED"]
    assert outcomes[1] == ["INCONCLUSIVE", "REFUTED", "VALIDATED", "VALIDATED", "VALIDATED"]
