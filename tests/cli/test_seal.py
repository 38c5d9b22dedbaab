# SPDX-License-Identifier: Apache-2.0
"""``ophamin seal``: runs of a real project, sealed by a process that has the key and runs none of its code."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from ophamin.cli import output
from ophamin.core import environment
from ophamin.core.keyfiles import save_private_key
from ophamin.core.keys import generate_key

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
KEY, PLAIN = generate_key(), "ordinary-value-of-a-variable"
TESTS = '''
from ophamin import rate, scenario


@scenario("at most half are wrong", rate("wrong") <= 0.5)
def test_good(trial):
    """Is it right?"""
    for number in range(40):
        trial.observe(wrong=number < 2)


@scenario("at most half of the others are wrong", rate("wrong") <= 0.5)
def test_bad(trial):
    """Is it right?"""
    for number in range(40):
        trial.observe(wrong=number < 38)
'''
DUMPS = """
import os
import pathlib
import stat


def test_that_looks_for_the_key():
    found = [f"{name}={value}" for name, value in os.environ.items()]
    found.append(pathlib.Path("/proc/self/environ").read_bytes().decode("utf-8", "replace"))
    for number in range(3, 64):
        try:
            if stat.S_ISREG(os.fstat(number).st_mode):
                found.append(os.pread(number, 10**6, 0).decode("utf-8", "replace"))
        except OSError:
            pass
    pathlib.Path("dump.txt").write_text("\\n".join(found))
"""
PATCHES = '''
from ophamin.measuring import evidence
from ophamin.measuring.judgement import judge
from ophamin.measuring.observations import Table


def judge_something_else(plan, table, around):
    """Every answer is right, whatever was observed."""
    real = judge(plan, table, around)
    import dataclasses

    decision = dataclasses.replace(real.decision, estimate=0.0, low=0.0, high=0.08, outcome="holds", p_holds=1e-9)
    return dataclasses.replace(real, decision=decision, inconclusive=())


evidence.judge = judge_something_else
'''


class Project:
    """A repository with claims, its runs in a process of their own, and the command that seals them."""

    def __init__(self, path, keys):
        self.path, self.keys = path, keys
        self.write("pytest.ini", "[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        self.write(".gitignore", "proofs/\n.ophamin/\n__pycache__/\ndump.txt\n")
        self.write("test_claims.py", TESTS)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def commit(self):
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "--allow-empty", "-m", "x")):
            subprocess.run((*GIT, *command), cwd=self.path, check=True)

    def measure(self, **variables):
        self.commit()
        command = [sys.executable, "-m", "pytest", "--ophamin", "-q", "-pno:randomly", "-pno:cacheprovider"]
        done = subprocess.run(
            command,
            cwd=self.path,
            env=surroundings(CI="true", **variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (self.path / "proofs/latest/head.json").exists(), done.stdout + done.stderr

    def seal(self, *words, **variables):
        """The command as a job calls it, in a process of its own."""
        script = Path(sysconfig.get_path("scripts")) / "ophamin"
        command = [script, "seal", "proofs/latest", *words]
        return subprocess.run(
            command, cwd=self.path, env=surroundings(**variables), capture_output=True, text=True, check=False
        )

    def trust(self, role="seal", **more):
        lines = "".join(f'{name} = "{value}"\n' for name, value in more.items())
        pem, key_id = KEY.public.to_pem(), KEY.public.key_id
        table = f'[[key]]\nid = "{key_id}"\npublic = """\n{pem}"""\nroles = ["{role}"]\n{lines}'
        self.write("ophamin-trust.toml", f'schema = 1\n[policy]\nmin_level = "L0"\nmax_age = "any"\n{table}')

    def envelopes(self):
        return sorted((self.path / "proofs").rglob("*.dsse.json"))


def surroundings(**variables):
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TMPDIR"}}
    return {**kept, "HOME": "/nonexistent", "COLUMNS": "80", "PLAIN": PLAIN, **variables}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "seal.pem"
    save_private_key(KEY, path)
    return path


@pytest.fixture
def project(tmp_path, key_file):
    (tmp_path / "shop").mkdir()
    return Project(tmp_path / "shop", key_file)


@pytest.fixture(scope="module")
def measured_once(tmp_path_factory, key_file):
    project = Project(tmp_path_factory.mktemp("measured") / "shop", key_file)
    project.measure()
    return project


@pytest.fixture
def measured(measured_once, tmp_path, monkeypatch, key_file):
    """A project whose claims were tried once; nothing is signed, and the user has no key."""
    shutil.copytree(measured_once.path, tmp_path / "shop")
    monkeypatch.chdir(tmp_path / "shop")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.delenv("OPHAMIN_SIGNING_KEY", raising=False)
    monkeypatch.delenv("OPHAMIN_SIGNING_KEY_FILE", raising=False)
    environment._git_facts.cache_clear()
    made = object.__new__(Project)
    made.path, made.keys = tmp_path / "shop", key_file
    return made


# --- the command


def test_a_run_is_sealed_and_verified_at_level_2(measured, ophamin, key_file):
    measured.trust()
    result = ophamin("seal", "proofs/latest", "--key-file", key_file)
    assert result.exit_code == 0, result.output
    lines = [line.split("\t")[:3] for line in result.stdout.splitlines()]
    assert sorted(lines) == [["OK", "proof", "REFUTED"], ["OK", "proof", "VALIDATED"]]
    assert re.search(r"^sealed by \w{12} at \w{12}: 1 REFUTED, 1 VALIDATED, and the head$", result.stderr, re.MULTILINE)
    verified = ophamin("verify", "proofs/latest")
    assert [line.split("\t")[:2] for line in verified.stdout.splitlines()] == [["OK", "L2"], ["OK", "L2"]]


def test_the_key_comes_from_the_environment_too_and_leaves_it(measured, ophamin, monkeypatch, key_file):
    monkeypatch.setenv("OPHAMIN_SIGNING_KEY", KEY.to_pem().decode("ascii"))
    assert ophamin("seal", "proofs/latest").exit_code == 0
    assert "OPHAMIN_SIGNING_KEY" not in os.environ
    monkeypatch.setenv("OPHAMIN_SIGNING_KEY_FILE", str(key_file))
    monkeypatch.setenv("OPHAMIN_SIGNING_KEY", "goes unread")
    assert ophamin("seal", "proofs/latest").exit_code == 0
    assert not {"OPHAMIN_SIGNING_KEY", "OPHAMIN_SIGNING_KEY_FILE"} & set(os.environ)


def test_a_dry_run_needs_no_key_and_signs_nothing(measured, ophamin):
    result = ophamin("seal", "proofs/latest", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "decided again and not signed (L0): 1 REFUTED, 1 VALIDATED" in result.stderr
    assert measured.envelopes() == []


def test_a_dry_run_with_a_key_signs_nothing_either(measured, ophamin, key_file):
    assert ophamin("seal", "proofs/latest", "--dry-run", "--key-file", key_file).exit_code == 0
    assert measured.envelopes() == []


def test_without_a_key_nothing_is_examined(measured, ophamin):
    result = ophamin("seal", "proofs/latest")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--dry-run" in result.stderr


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.chmod(0o644), "chmod 600"),
        (lambda path: path.write_text("no key"), "no private key in PEM"),
        (lambda path: path.write_text("ophamin-scenario-proof-key"), "stands in public source"),
        (lambda path: path.unlink(), "No such file"),
    ],
    ids=["world-readable", "no-key", "public", "missing"],
)
def test_t01_a_key_that_cannot_be_used_is_refused(measured, ophamin, tmp_path, spoil, told):
    path = tmp_path / "key.pem"
    save_private_key(KEY, path)
    spoil(path)
    result = ophamin("seal", "proofs/latest", "--key-file", path)
    assert (result.exit_code, told in result.stderr) == (2, True), result.stderr
    assert measured.envelopes() == []


def test_an_expired_key_is_refused_before_it_signs(measured, ophamin, key_file):
    measured.trust(valid_until="2020-01-01")
    result = ophamin("seal", "proofs/latest", "--key-file", key_file)
    assert (result.exit_code, "is expired" in result.stderr) == (2, True)
    assert measured.envelopes() == []


def test_a_key_that_the_policy_does_not_know_as_seal_is_named(measured, ophamin, key_file):
    measured.trust(role="self")
    result = ophamin("seal", "proofs/latest", "--key-file", key_file)
    assert result.exit_code == 0
    assert "in the role seal; until it has, this gives no L2" in result.stderr


def test_t08_a_missing_record_ends_with_3(measured, ophamin, key_file):
    shutil.rmtree(next((measured.path / "proofs").rglob("proof.json")).parent)
    result = ophamin("seal", "proofs/latest", "--key-file", key_file)
    assert (result.exit_code, "the run wrote 2 records, and 1 are here" in result.stdout) == (3, True)
    assert "nothing signed" in result.stderr
    assert measured.envelopes() == []


def test_t11_records_of_another_commit_end_with_4(measured, ophamin, key_file):
    first = ophamin("seal", "proofs/latest", "--dry-run", "--json")
    subprocess.run((*GIT, "commit", "-q", "--allow-empty", "-m", "y"), cwd=measured.path, check=True)
    environment._git_facts.cache_clear()
    assert ophamin("seal", "proofs/latest", "--key-file", key_file).exit_code == 4
    assert measured.envelopes() == []
    assert ophamin("seal", "proofs/latest", "--dry-run", "--no-git").exit_code == 0
    commit = json.loads(first.stdout)["commit"]
    named = ophamin("seal", "proofs/latest", "--key-file", key_file, "--commit", commit[:10], "--json")
    assert (named.exit_code, json.loads(named.stdout)["commit"]) == (0, commit)
    assert json.loads(named.stdout)["tree"] == json.loads(first.stdout)["tree"]


def test_json_says_all_that_was_found(measured, ophamin, key_file):
    dry = json.loads(ophamin("seal", "proofs/latest", "--dry-run", "--json").stdout)
    told = json.loads(ophamin("seal", "proofs/latest", "--key-file", key_file, "--json").stdout)
    assert (told["sealed"], told["key"]) == (True, KEY.public.key_id)
    assert [(one["kind"], one["code"]) for one in told["files"]] == [("proof", "OK"), ("proof", "OK"), ("head", "OK")]
    assert (dry["sealed"], dry["key"], dry["head"]) == (False, None, told["head"])


def test_an_audit_is_read_as_strictly_as_its_codec_reads_it(measured, ophamin, key_file):
    place = measured.path / "proofs/latest/audit/0123456789ab"
    place.mkdir(parents=True)
    (place / "audit.json").write_text('{"audit_id": "x", "audit_id": "y"}', encoding="ascii")
    result = ophamin("seal", "proofs/latest", "--key-file", key_file)
    assert (result.exit_code, "stands twice" in result.stdout) == (4, True)
    assert measured.envelopes() == []


def test_what_breaks_the_examination_ends_with_5_and_signs_nothing(measured, ophamin, key_file, monkeypatch):
    monkeypatch.setattr("ophamin.trust.seal.examine_run", lambda *_, **__: 1 // 0)
    result = ophamin("seal", "proofs/latest", "--key-file", key_file)
    assert (result.exit_code, "ZeroDivisionError" in result.stderr) == (5, True)


def test_a_folder_that_cannot_be_written_ends_with_5(measured, ophamin, key_file, monkeypatch):
    from ophamin.errors import RecordWriteError

    def refuse(*_, **__):
        raise RecordWriteError("the disk is full; free some space")

    monkeypatch.setattr("ophamin.trust.seal.write_atomic", refuse)
    result = ophamin("seal", "proofs/latest", "--key-file", key_file)
    assert (result.exit_code, "the disk is full" in result.stderr) == (5, True)


@pytest.mark.parametrize("width", [80, 40])
def test_on_a_terminal_every_line_of_a_sound_record_fits(measured, ophamin, monkeypatch, width):
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setattr("ophamin.cli.seal.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    result = ophamin("seal", "proofs/latest", "--dry-run")
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("words", [("--no-git", "--commit", "HEAD"), ("--commit", "no-such-branch")], ids=" ".join)
def test_a_commit_that_cannot_be_meant_ends_with_2(measured, ophamin, words):
    assert ophamin("seal", "proofs/latest", "--dry-run", *words).exit_code == 2


def test_outside_a_repository_the_way_out_is_named(measured, ophamin):
    shutil.rmtree(measured.path / ".git")
    environment._git_facts.cache_clear()
    result = ophamin("seal", "proofs/latest", "--dry-run")
    assert (result.exit_code, "--no-git" in result.stderr) == (2, True)


# --- threats, in processes of their own


def test_t02_the_key_of_the_seal_is_nowhere_in_the_process_of_the_tests(project, key_file):
    """The job that measures has no key; the one that seals has it and runs no test. A control shows what a leak is."""
    project.write("test_dump.py", DUMPS)
    project.trust()
    project.measure()
    dump = (project.path / "dump.txt").read_text()
    secret = KEY.to_pem().decode("ascii").splitlines()[1]
    assert PLAIN in dump
    assert secret not in dump
    sealed = project.seal(OPHAMIN_SIGNING_KEY=KEY.to_pem().decode("ascii"))
    assert sealed.returncode == 0, sealed.stderr
    assert (project.path / "dump.txt").read_text() == dump  # no test ran again
    project.measure(OPHAMIN_SIGNING_KEY=KEY.to_pem().decode("ascii"))
    assert secret in (project.path / "dump.txt").read_text()


def test_t02_no_program_that_the_seal_starts_is_given_the_key(measured, tmp_path):
    spy = tmp_path / "bin" / "git"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\nenv >> {tmp_path}/seen.txt\nexec {shutil.which("git")} "$@"\n', encoding="ascii")
    spy.chmod(0o755)
    path = f"{spy.parent}:{os.environ['PATH']}"
    sealed = measured.seal(OPHAMIN_SIGNING_KEY=KEY.to_pem().decode("ascii"), PATH=path)
    assert sealed.returncode == 0, sealed.stderr
    seen = (tmp_path / "seen.txt").read_text()
    assert PLAIN in seen
    assert "OPHAMIN_SIGNING_KEY" not in seen


def test_t03_a_conftest_that_patches_the_decision_is_contradicted(project, key_file):
    project.write("conftest.py", PATCHES)
    project.measure()
    verdicts = {json.loads(path.read_bytes())["verdict"]["outcome"] for path in project.path.rglob("proof.json")}
    assert verdicts == {"VALIDATED"}  # the patch worked
    sealed = project.seal("--key-file", str(key_file))
    assert sealed.returncode == 4, sealed.stdout + sealed.stderr
    assert [line.split("\t")[0] for line in sealed.stdout.splitlines()] == ["CONTRADICTION", "CONTRADICTION"]
    assert project.envelopes() == []


TRAP = "import pathlib, os\npathlib.Path({place!r}).write_text(repr(dict(os.environ)))\n"
TRAPS = (
    "sitecustomize.py",
    "usercustomize.py",
    "json.py",
    "typer.py",
    "ophamin.py",
    "conftest.py",
    "src/numpy.py",
    "ophamin_trust.py",
)


def test_t33_nothing_that_lies_in_the_project_runs_while_the_seal_is_made(measured, tmp_path, key_file):
    for name in TRAPS:
        measured.write(name, TRAP.format(place=str(tmp_path / "sprung.txt")))
    measured.commit()  # another commit, so git is left aside
    sealed = measured.seal("--no-git", "--key-file", str(key_file))
    assert sealed.returncode == 0, sealed.stderr
    assert not (tmp_path / "sprung.txt").exists()


@pytest.mark.parametrize("variable", [".", "src"])
def test_t33_a_module_path_into_the_project_is_refused(measured, key_file, variable):
    measured.write("src/shop.py", "")
    sealed = measured.seal("--no-git", "--key-file", str(key_file), PYTHONPATH=str(measured.path / variable))
    assert (sealed.returncode, "is on the module path" in sealed.stderr) == (2, True), sealed.stderr
    assert measured.envelopes() == []


def test_t40_no_installed_plug_in_is_loaded(measured, tmp_path, key_file):
    """A distribution that names entry points in all of our groups and in pytest's is on the module path."""
    site = tmp_path / "site"
    info = site / "evil-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "evil.py").write_text(TRAP.format(place=str(tmp_path / "sprung.txt")), encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n", encoding="ascii")
    groups = ("pytest11", "ophamin.pillars", "ophamin.substrates", "ophamin.corpora")
    (info / "entry_points.txt").write_text("".join(f"[{one}]\nevil = evil:x\n" for one in groups), encoding="ascii")
    sealed = measured.seal("--key-file", str(key_file), PYTHONPATH=str(site))
    assert sealed.returncode == 0, sealed.stderr
    assert not (tmp_path / "sprung.txt").exists()
