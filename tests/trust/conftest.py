# SPDX-License-Identifier: Apache-2.0
"""A repository with two locked claims, a policy and a key on its protected branch, and records of a change to it."""

import hashlib
import os
import random
import shutil
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from ophamin import rate, scenario
from ophamin.core.canonical import content_hash
from ophamin.core.dsse import IN_TOTO_TYPE, sign
from ophamin.core.keys import generate_key
from ophamin.measuring.lock_claims import Lock, LockedClaim
from ophamin.measuring.lockfile import LOCK_NAME, read_lock, write_lock
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Situation, Trial
from ophamin.trust.gate import decide_gate
from ophamin.trust.heads import write_head
from ophamin.trust.statements import proof_statement

SEAL, SELF, STRANGER = generate_key(), generate_key("ecdsa-p256"), generate_key()
MADE, NOW = "2026-11-23T10:00:00+00:00", datetime(2026, 11, 23, 12, tzinfo=UTC)
WHO = {
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Bob Example",
    "GIT_COMMITTER_EMAIL": "bob@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
}


def policy_text(rules="", seal=SEAL, events=""):
    """A policy whose keys lie in ``keys/``; strict where the rules say nothing."""
    return f"""schema = 1
[policy]
{rules}
[[key]]
id = "{seal.public.key_id}"
public = "keys/seal.pub.pem"
roles = ["seal"]
[[key]]
id = "{SELF.public.key_id}"
public = "keys/self.pub.pem"
roles = ["self"]
{events}
"""


def concluded(name, wrong=0.1, bar=0.5, *, seed=1, n=120, body=0, substrate="", **more):
    """One claim, tried: of so many units such a share is wrong."""

    def test_it(trial):
        """Is it right?"""

    def test_otherwise(trial):
        """Is it right?"""
        trial.observe(wrong=False)

    test = (test_it, test_otherwise)[body]
    script = declaration_of(scenario("few are wrong", rate("wrong") <= bar, **more)(test)).compile(test, name=name)
    trial = Trial(script, Situation("command", Path(__file__).parent, now=lambda: MADE))
    trial.open()
    if substrate:
        trial.name_system(substrate, "v1")
    rng = random.Random(seed)
    for _ in range(n):
        trial.observe(wrong=rng.random() < wrong)
    return trial.conclude()[0]


def edited(one, change):
    """The same with an edited record, whose id is its own again."""
    data = one.record.to_dict()
    change(data)
    data["proof_id"] = content_hash({key: part for key, part in data.items() if key not in {"proof_id", "signature"}})
    return replace(one, record=EmpiricalProofRecord.from_dict(data), proof_id=data["proof_id"])


def told(one, **values):
    """The same, with other things said of its trial."""

    def change(data):
        entity = data["provenance"]["entity"]["ophamin:scenario"]
        for name, value in values.items():
            entity[f"ophamin:{name}"] = {"$": value, "type": "xsd:int"} if isinstance(value, int) else value

    return edited(one, change)


def locked(one, *substrates):
    """A claim as the lock holds it, for these systems under test."""
    return replace(LockedClaim.of_plan(one.plan, corpus_digest=""), substrates=tuple(sorted(substrates)))


@dataclass
class Project:
    """A repository on the branch ``change``, and the folder that a run of its HEAD left."""

    path: Path
    proofs: Path

    def __call__(self, *arguments):
        done = subprocess.run(["git", "-C", self.path, *arguments], env=WHO, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    @property
    def head(self):
        return self("rev-parse", "HEAD")

    @property
    def tree(self):
        return self("rev-parse", "HEAD^{tree}")

    def commit(self, *, lock=None, **files):
        """Commit files, named with a dot for ``_``; None removes one."""
        if lock is not None:
            write_lock(self.path / LOCK_NAME, lock)
        for name, text in files.items():
            self.put(name.replace("__", "/").replace("_", "."), text)
        self("add", "--all")
        self("commit", "-q", "--allow-empty", "-m", "a change")
        return self.head

    def put(self, name, text):
        target = self.path / name
        if text is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def on_main(self, *, lock=None, **files):
        """Commit files to the protected branch, and bring them into the change."""
        self("switch", "-q", "main")
        self.commit(lock=lock, **files)
        self("switch", "-q", "change")
        self("merge", "-q", "--no-edit", "main")

    @property
    def lock(self):
        return read_lock(self.path / LOCK_NAME)

    def write(self, one, folder, signers=(SEAL,), *, commit=None, tree=None, dirty=False):
        """Leave one record, as a run would."""
        place = self.proofs / "scientific" / folder / one.proof_id[:12]
        place.mkdir(parents=True)
        (place / "proof.json").write_text(one.record.dumps(), encoding="ascii")
        (place / "observations.json.gz").write_bytes(one.observations)
        if signers:
            digest = one.record.evidence[0].detail["observations_sha256"]
            made = proof_statement(one.record, digest, commit or self.head, tree or self.tree, dirty=dirty)
            (place / "proof.dsse.json").write_bytes(sign(made.data, IN_TOTO_TYPE, signers).to_bytes())
        return place

    def write_head(self, signer=SEAL, *, attempt=1, commit=None, tree=None, dirty=False):
        """Leave the head of the run over the records that are there."""
        files = [*self.proofs.rglob("proof.json"), *self.proofs.rglob("audit.json")]
        digests = {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
        return write_head(
            self.proofs,
            digests,
            commit=commit or self.head,
            tree=tree or self.tree,
            dirty=dirty,
            lock=None,
            environ={"GITHUB_RUN_ATTEMPT": str(attempt)},
            signer=signer,
        )

    def run(self, *records, signer=SEAL, attempt=1, **how):
        """Leave records, each of a folder of its own, and their head; the unsigned ones say what they are of."""
        for number, one in enumerate(records):
            own = one if signer else told(one, project_commit=self.head, project_dirty="false")
            self.write(own, f"claim-{number}", (signer,) if signer else (), **how)
        self.write_head(signer, attempt=attempt, **how)

    def gate(self, **more):
        return decide_gate(self.proofs, **{"start": self.path, "now": NOW, "branch": "main"} | more)


ONE, TWO = concluded("shop.one"), concluded("shop.two", seed=2)
"""Two claims, VALIDATED."""


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """The repository once for all tests of a process."""
    project = Project(tmp_path_factory.mktemp("gate") / "project", Path())
    project.path.mkdir()
    project("init", "-q", "-b", "main")
    project.put("keys/seal.pub.pem", SEAL.public.to_pem())
    project.put("keys/self.pub.pem", SELF.public.to_pem())
    project.put("ophamin-trust.toml", policy_text())
    project.put("shop.py", "price = 1\n")
    project.commit(lock=Lock((locked(ONE), locked(TWO))))
    project("switch", "-q", "-c", "change")
    project.put("shop.py", "price = 2\n")
    project.commit()
    return project.path


@pytest.fixture
def project(template, tmp_path):
    """A copy of the repository, with an empty folder for what a run leaves."""
    shutil.copytree(template, tmp_path / "project", symlinks=True)
    (tmp_path / "proofs").mkdir()
    return Project(tmp_path / "project", tmp_path / "proofs")


@pytest.fixture
def bench():
    """The names of this module, for tests, which cannot import it."""
    return SimpleNamespace(
        SEAL=SEAL,
        SELF=SELF,
        STRANGER=STRANGER,
        NOW=NOW,
        ONE=ONE,
        TWO=TWO,
        policy_text=policy_text,
        concluded=concluded,
        edited=edited,
        told=told,
        locked=locked,
    )
