# SPDX-License-Identifier: Apache-2.0
"""P10: verifying and signing records, checking a lock, and what signing adds to the start of a session.

The older way reads a record as JSON, validates it against the schema and recomputes an HMAC in Python; it looks at no
observations and decides nothing again. ``python benchmarks/trust.py [records]``, 1,000 by default.
"""

import hashlib
import hmac
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
from measure import child_cpu, paired, report

import ophamin.measuring.proof.schema as schema
from ophamin import rate, scenario
from ophamin.core.dsse import IN_TOTO_TYPE, sign
from ophamin.core.keyring import KeyRing, RingKey
from ophamin.core.keys import generate_key
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Situation, Trial
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.statements import proof_statement
from ophamin.trust.verify import verify_paths

COMMIT, TREE, SECRET = "ab" * 20, "cd" * 20, bytes(range(32))
ROUNDS = 5
CLAIMS = 500
OPHAMIN = "import sys; from ophamin.cli.app import main; sys.exit(main())"
SCHEMA = json.loads((Path(schema.__file__).parent / "schema.json").read_text(encoding="utf-8"))


def concluded(count):
    """So many claims, each tried on 100 answers."""

    def test_it(trial):
        """Is it right?"""

    declared = declaration_of(scenario("few are wrong", rate("wrong") <= 0.5)(test_it))
    draw = random.Random(0)
    for number in range(count):
        trial = Trial(declared.compile(test_it, name=f"shop.claim_{number}"), Situation("command", Path.cwd()))
        trial.open()
        for _ in range(100):
            trial.observe(wrong=draw.random() < 0.2)
        yield trial.conclude()[0]


def write_records(folder, count, signer):
    """Write signed and sealed records; seconds of CPU that signing took."""
    spent = 0.0
    for one in concluded(count):
        record = one.record.sign(SECRET)
        place = folder / one.proof_id[:12]
        place.mkdir(parents=True)
        (place / "proof.json").write_text(record.dumps(), encoding="ascii")
        (place / "observations.json.gz").write_bytes(one.observations)
        began = time.process_time()
        digest = record.evidence[0].detail["observations_sha256"]
        made = proof_statement(record, digest, COMMIT, TREE)
        envelope = sign(made.data, IN_TOTO_TYPE, [signer]).to_bytes()
        spent += time.process_time() - began
        (place / "proof.dsse.json").write_bytes(envelope)
    return spent


def ours(folder, policy, jobs):
    now = datetime.now(UTC)
    answers = list(verify_paths([folder], policy, commit=COMMIT, tree=TREE, now=now, jobs=jobs))
    assert {one.code.value for one in answers} == {"OK"}


def older(files, validate):
    for file in files:
        record = json.loads(file.read_text(encoding="utf-8"))
        validate(record)
        signature = record.pop("signature")
        record.pop("proof_id")
        body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        hmac.compare_digest(hmac.digest(SECRET, body, "sha256").hex(), signature)
        hashlib.sha256(body).hexdigest()


def cpu_of(what):
    began = time.process_time()
    what()
    return time.process_time() - began


def verifying(count):
    signer = generate_key()
    policy = TrustPolicy.lenient(KeyRing((RingKey(signer.public, frozenset({"seal"})),)))
    kept = jsonschema.Draft202012Validator(SCHEMA)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spent = write_records(folder, count, signer)
        print(f"signing: {count / spent:,.0f} records/s of CPU, statement included")
        files = sorted(folder.rglob("proof.json"))
        few = files[: max(20, count // 20)]
        ways = {
            "ours: signature, commit, files, decided again": lambda: ours(folder, policy, 1),
            "older, validator kept": lambda: older(files, kept.validate),
        }
        rounds = [{way: cpu_of(what) for way, what in ways.items()} for _ in range(ROUNDS)]
        naive = statistics.median(cpu_of(lambda: older(few, _validate)) for _ in range(3)) / len(few) * count
        mine = [one["ours: signature, commit, files, decided again"] for one in rounds]
        for way in ways:
            median = statistics.median(one[way] for one in rounds)
            ratio = statistics.median(one[way] / each for one, each in zip(rounds, mine, strict=True))
            print(f"  {way:<48} {count / median:9,.0f} records/s of CPU   x {ratio:5.2f} of ours")
        told = "older, jsonschema.validate for each record"
        print(f"  {told:<48} {count / naive:9,.0f} records/s of CPU   x {naive / statistics.median(mine):5.2f} of ours")
        for jobs in (1, 2):
            began = time.perf_counter()
            ours(folder, policy, jobs)
            print(
                f"  ours with {jobs} process{'es' * (jobs > 1)}: {count / (time.perf_counter() - began):,.0f} records/s"
            )


def _validate(record):
    jsonschema.validate(record, SCHEMA)


LOCKED = """
from ophamin import rate, scenario

{claims}
"""
CLAIM = '''
@scenario("few are wrong", rate("wrong") <= 0.5)
def test_{number}(trial):
    """Is it right?"""
'''


def locking():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        claims = "".join(CLAIM.format(number=number) for number in range(CLAIMS))
        (folder / "test_claims.py").write_text(LOCKED.format(claims=claims), encoding="utf-8")
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid"]
        subprocess.run([*git, "init", "-q", "-b", "main"], cwd=folder, check=True)
        child_cpu([sys.executable, "-m", "pytest", "--ophamin", "--ophamin-register", "-q"], folder)
        for words in (["add", "-A"], ["commit", "-q", "-m", "claims"], ["switch", "-q", "-c", "change"]):
            subprocess.run([*git, *words], cwd=folder, check=True)
        variants = {
            "git status": ["git", "status", "--porcelain"],
            "python -c pass": [sys.executable, "-c", "pass"],
            "ophamin --version": [sys.executable, "-c", OPHAMIN, "--version"],
            f"ophamin lock check, {CLAIMS} claims": [sys.executable, "-c", OPHAMIN, "lock", "check"],
        }
        report("checking a lock", paired(variants, folder, rounds=7), "git status", "told as a ratio")


ONE = '''
from ophamin import rate, scenario


@scenario("few are wrong", rate("wrong") <= 0.5)
def test_one(trial):
    """Is it right?"""
    for number in range(40):
        trial.observe(wrong=number < 3)
'''


def starting():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_one.py").write_text(ONE, encoding="utf-8")
        key = folder / "key.pem"
        key.write_bytes(generate_key().to_pem())
        key.chmod(0o600)
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        variants = {
            "pytest, the claim deselected": pytest,
            "--ophamin, unsigned": ["env", "CI=1", *pytest, "--ophamin"],
            "--ophamin, signed": ["env", "CI=1", *pytest, "--ophamin", f"--ophamin-key-file={key}"],
        }
        report("start with one claim", paired(variants, folder, rounds=9), "pytest, the claim deselected", "<= +150 ms")


def main():
    verifying(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    locking()
    starting()


if __name__ == "__main__":
    main()
