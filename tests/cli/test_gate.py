# SPDX-License-Identifier: Apache-2.0
"""``ophamin gate``: lines, document, statement and exit code of a decision, and the way from a session to a merge."""

import json
import subprocess
from datetime import UTC, datetime

import pytest

from ophamin.core.dsse import parse_envelope, verify
from ophamin.core.keyfiles import save_private_key
from ophamin.core.keys import generate_key
from ophamin.trust.base_files import GateError
from ophamin.trust.gate_decision import Checked, GateDecision, GateRow
from ophamin.trust.policy import PolicyError
from ophamin.trust.statements import read_statement
from ophamin.trust.svr import SVR

LONG = "its record does not count: goalposts moved: the claim is locked otherwise: threshold 0.5 -> 0.9; put it back"


def decision(*rows, records=()):
    checks = (Checked("claims", rows, ("OPHAMIN_SOME",)), Checked("records", tuple(records)))
    now = datetime(2026, 11, 23, tzinfo=UTC)
    return GateDecision(checks, "ab" * 20, "cd" * 20, "ef" * 20, "", "L2", "12" * 32, "34" * 32, now)


GOOD = GateRow("VALIDATED", "test_one-0123456789", "VALIDATED again, from 40 units (L2)")
MISSING = GateRow("MISSING", "a_test_with_a_long_name_indeed-0123456789 on model", LONG, 3)
BAD = GateRow("REFUTED", "test_two-0123456789", "REFUTED again, from 40 units (L2)", 1)
STALE = GateRow("STALE", "proofs/a/proof.json", "7 days old; run again", 4)


@pytest.fixture
def decide(monkeypatch, tmp_path):
    """Make the gate decide so, or raise; what it was asked is kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_BASE_REF", raising=False)
    asked = {}

    def make(answer):
        def decide_gate(folder, **how):
            asked.update(how, folder=folder)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        monkeypatch.setattr("ophamin.trust.gate.decide_gate", decide_gate)
        return asked

    return make


@pytest.mark.parametrize(("rows", "code"), [((GOOD,), 0), ((GOOD, BAD), 1), ((GOOD, MISSING), 3), ((BAD, MISSING), 1)])
def test_the_exit_code_is_the_decisions(decide, ophamin, rows, code):
    decide(decision(*rows))
    assert ophamin("gate", "proofs").exit_code == code


def test_into_a_pipe_go_fields_between_tabs_and_nothing_is_cut(decide, ophamin):
    decide(decision(GOOD, MISSING, records=(STALE,)))
    result = ophamin("gate", "proofs")
    assert result.exit_code == 4
    assert [line.split("\t") for line in result.stdout.splitlines()] == [
        ["VALIDATED", "claims", GOOD.name, GOOD.words],
        ["MISSING", "claims", MISSING.name, LONG],
        ["STALE", "records", STALE.name, STALE.words],
    ]
    summary, way_out = result.stderr.splitlines()
    assert summary == "gate failed (4): 2 claims: 1 MISSING, 1 VALIDATED; 1 further problem"
    assert "measure this commit anew" in way_out


def test_on_a_terminal_no_line_is_wider_than_80_columns_and_no_reason_is_cut(decide, ophamin, monkeypatch):
    monkeypatch.setattr("ophamin.cli.gate.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    decide(decision(GOOD, MISSING, BAD))
    result = ophamin("gate", "proofs")
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("VALIDATED      test_one-0123456789  VALIDATED again")
    assert LONG in " ".join(result.stdout.split())
    assert "gate failed (1): 3 claims" in " ".join(result.stdout.split())


@pytest.mark.parametrize("shown", [True, False], ids=["terminal", "pipe"])
def test_what_a_record_says_acts_on_nothing(decide, ophamin, monkeypatch, shown):
    from ophamin.core.text import visible

    monkeypatch.setattr("ophamin.cli.gate.on_terminal", lambda: shown)
    words = visible("\x1b[2J ::error:: [red]x[/red] \u202e")
    decide(decision(GateRow("MISSING", "a", words, 3)))
    out = ophamin("gate", "proofs").stdout
    assert not {"\x1b", "\u202e"} & set(out)
    assert "[red]x[/red]" in out
    assert not any(line.startswith("::") for line in out.splitlines())


def test_json_is_one_document(decide, ophamin):
    decide(decision(GOOD, BAD))
    result = ophamin("gate", "proofs", "--json")
    assert result.exit_code == 1
    plain = json.loads(result.stdout)
    assert plain == decision(GOOD, BAD).to_dict()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (GateError("the clone is shallow; fetch", 3), 3),
        (GateError("no lock"), 2),
        (PolicyError("no TOML"), 2),
        (GateError("git said nothing", 5), 5),
        (ZeroDivisionError("of all things"), 5),
    ],
    ids=["shallow", "lock", "policy", "git", "bug"],
)
def test_what_cannot_be_decided_has_its_code_and_a_document_too(decide, ophamin, error, code):
    decide(error)
    result = ophamin("gate", "proofs")
    assert result.exit_code == code
    assert str(error) in result.stderr
    document = json.loads(ophamin("gate", "proofs", "--json").stdout)
    assert (document["passed"], document["exit_code"]) == (False, code)


def test_options_reach_the_gate(decide, ophamin, monkeypatch, tmp_path):
    asked = decide(decision(GOOD))
    ophamin("gate", "proofs", "--base", "release", "--event", "push", "--policy", "p.toml", "--baseline", "b.txt")
    assert (asked["branch"], asked["event"], asked["baseline"]) == ("release", "push", "b.txt")
    assert asked["policy_file"].name == "p.toml"
    assert asked["start"] == tmp_path
    ophamin("gate", "proofs")
    assert asked["branch"] is None
    monkeypatch.setenv("GITHUB_BASE_REF", "trunk")
    ophamin("gate", "proofs")
    assert asked["branch"] == "trunk"
    monkeypatch.setenv("GITHUB_BASE_REF", "")
    ophamin("gate", "proofs")
    assert asked["branch"] is None


def test_the_statement_is_written_also_for_a_gate_that_failed(decide, ophamin, tmp_path):
    decide(decision(BAD))
    assert ophamin("gate", "proofs", "--output", "gate.intoto.json").exit_code == 1
    data = (tmp_path / "gate.intoto.json").read_bytes()
    assert read_statement(data, predicate_types=(SVR,)).predicate["properties"] == ["OPHAMIN_SOME"]


def test_the_statement_is_signed_with_a_given_key(decide, ophamin, tmp_path):
    decide(decision(GOOD))
    key = generate_key()
    save_private_key(key, tmp_path / "gate.pem")
    result = ophamin("gate", "proofs", "--output", "gate.dsse.json", "--key-file", "gate.pem")
    assert result.exit_code == 0, result.output
    envelope = parse_envelope((tmp_path / "gate.dsse.json").read_bytes())
    assert verify(envelope, [key.public]) == {key.public.key_id}
    assert "OPHAMIN_GATE_PASSED" in read_statement(envelope.payload, predicate_types=(SVR,)).predicate["properties"]


@pytest.mark.parametrize(
    "words", [("--key-file", "gate.pem"), ("--output", "x", "--key-file", "none.pem")], ids=["no-output", "no-key"]
)
def test_a_key_without_a_use_or_a_file_ends_with_2(decide, ophamin, words, tmp_path):
    decide(decision(GOOD))
    result = ophamin("gate", "proofs", *words)
    assert result.exit_code == 2
    assert not (tmp_path / "x").exists()


def test_help_names_every_exit_code(ophamin):
    told = ophamin("gate", "--help").stdout
    for code in range(6):
        assert any(line.strip().startswith(f"{code}  ") for line in told.splitlines())
    assert "2, 5, 4, 1, 3" in told


# --- from a session of pytest to a merge

SESSION = '''
from ophamin import mean, rate, scenario


@scenario("few are wrong", rate("wrong") <= {bar})
def test_rate(trial):
    """Are few wrong?"""
    for number in range(60):
        trial.observe(wrong=number % 10 < {wrong})


@scenario("it answers", rate("success") >= 0.2, corpus="sentences", substrates=["mock"])
def test_system(substrate, stream):
    """Does it answer?"""
    for record in stream:
        substrate.run_cycle(record)
'''
POLICY = """schema = 1
[policy]
min_level = "L1"
[[key]]
id = "{id}"
public = "ci.pub.pem"
roles = ["self"]
"""


@pytest.mark.needs("git")
def test_a_session_passes_the_gate_and_a_loosened_one_does_not(pytester, monkeypatch, tmp_path_factory, ophamin):
    for name in ("CI", "GITHUB_ACTIONS", "GITHUB_BASE_REF", "GITHUB_RUN_ATTEMPT", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    key, secret = generate_key(), tmp_path_factory.mktemp("keys") / "ci.pem"
    save_private_key(key, secret)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")

    def run(*command):
        subprocess.run((*git, *command), cwd=pytester.path, check=True, capture_output=True)

    def session(*more):
        pytester.runpytest_subprocess("--ophamin", "-q", "-p", "no:randomly", f"--ophamin-key-file={secret}", *more)

    def write(bar, wrong=1):
        (pytester.path / "test_claims.py").write_text(SESSION.format(bar=bar, wrong=wrong))

    write(0.5)
    pytester.makeini("[pytest]\n")
    (pytester.path / ".gitignore").write_text("*\n!test_claims.py\n!tox.ini\n!ophamin*\n!ci.pub.pem\n")
    (pytester.path / "ci.pub.pem").write_text(key.public.to_pem())
    (pytester.path / "ophamin-trust.toml").write_text(POLICY.format(id=key.public.key_id))
    run("init", "-q", "-b", "main")
    session("--ophamin-register")
    run("add", "-A")
    run("commit", "-qm", "register")
    monkeypatch.chdir(pytester.path)

    run("switch", "-qc", "change")
    run("commit", "-qm", "a change", "--allow-empty")
    session()
    result = ophamin("gate", "proofs/latest")
    assert result.exit_code == 0, result.output
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["VALIDATED", "VALIDATED", "OK"]

    write(0.9, wrong=7)
    session("--ophamin-register", "--ophamin-reason=it was too strict")
    run("commit", "-qam", "loosen")
    session()
    result = ophamin("gate", "proofs/latest")
    assert result.exit_code == 3, result.output
    assert "goalposts moved" in result.stdout
    assert "ophamin.lock" in result.stdout
