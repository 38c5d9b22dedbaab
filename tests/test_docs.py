# SPDX-License-Identifier: Apache-2.0
"""What the documents show runs, and does what they say."""

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ophamin import conduct, rate, scenario
from ophamin.core.dsse import IN_TOTO_TYPE, sign
from ophamin.core.keys import generate_key
from ophamin.core.shapes import CycleResult
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Situation, Trial
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.statements import proof_statement

DOCS = Path(__file__).parents[1] / "docs"


def blocks(name, language="python"):
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def loaded(source, tmp_path):
    """A module of its own, since a scenario's source is read from its file."""
    import importlib.util

    path = tmp_path / "document.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("document", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_scenario_with_pillars_is_tried_and_every_row_is_computed(tmp_path):
    pytest.importorskip("statsmodels")
    record = conduct(loaded(blocks("pillars.md")[0], tmp_path).test_treated)
    rows = {row.pillar: row for row in record.evidence}
    assert set(rows) == {"claim.betting", "O.srm", "O.spc", "M.mixed_effects"}
    assert rows["O.srm"].detail["condition"] == "holds"
    assert all(row.cross_check != "skipped" for row in rows.values()), {
        n: r.detail.get("reason") for n, r in rows.items()
    }


def test_a_pillar_of_ones_own_computes_and_says_why_it_cannot(tmp_path):
    pillar = loaded(blocks("pillars.md")[1], tmp_path).Range("phi")
    cycles = [CycleResult(n, True, {"phi": float(n)}) for n in range(5)]
    assert pillar.compute(cycles, []).statistic_value == 4.0
    assert pillar.compute(cycles[:1], []).detail["reason"].startswith("1 value")


# -- evidence.md ----------------------------------------------------------------------------------------------------


@pytest.fixture
def signed_record(tmp_path):
    """A folder with a signed record, and the public key beside it."""
    signer = generate_key()

    def test_it(trial):
        """Is it right?"""

    script = declaration_of(scenario("few are wrong", rate("wrong") <= 0.5)(test_it)).compile(test_it, name="a.b")
    trial = Trial(script, Situation("command", tmp_path))
    trial.open()
    for number in range(40):
        trial.observe(wrong=number < 3)
    (one,) = trial.conclude()
    digest = one.record.evidence[0].detail["observations_sha256"]
    made = proof_statement(one.record, digest, "ab" * 20, "cd" * 20)
    (tmp_path / "proof.json").write_text(one.record.dumps(), encoding="ascii")
    (tmp_path / "observations.json.gz").write_bytes(one.observations)
    (tmp_path / "proof.dsse.json").write_bytes(sign(made.data, IN_TOTO_TYPE, [signer]).to_bytes())
    (tmp_path / "key.pem").write_text(signer.public.to_pem(), encoding="ascii")
    return tmp_path


def recipe(folder):
    """The commands of the document, each of which has to succeed."""
    command = ["bash", "-euo", "pipefail", "-c", blocks("evidence.md", "sh")[0]]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.needs("jq", "openssl")
def test_a_stranger_checks_a_record_with_jq_and_openssl(signed_record):
    done = recipe(signed_record)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert done.stdout.splitlines()[-1] == "ab" * 20


def change_payload(folder):
    path = folder / "proof.dsse.json"
    envelope = json.loads(path.read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b"VALIDATED", b"INVALID!!")
    path.write_text(json.dumps({**envelope, "payload": base64.b64encode(payload).decode()}), encoding="ascii")


def change_record(folder):
    path = folder / "proof.json"
    path.write_bytes(path.read_bytes().replace(b"VALIDATED", b"REFUTED!!"))


def change_observations(folder):
    path = folder / "observations.json.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"1", b"0", 1)))


@pytest.mark.needs("jq", "openssl")
@pytest.mark.parametrize("change", [change_payload, change_record, change_observations])
def test_the_stranger_notices_a_change(signed_record, change):
    change(signed_record)
    assert recipe(signed_record).returncode != 0


def test_the_policy_that_is_shown_is_one_with_its_defaults():
    shown = TrustPolicy.from_toml(blocks("evidence.md", "toml")[0])
    assert replace(shown, events={}, digest="") == TrustPolicy()
    assert shown.for_event("fork_pull_request").min_level == "L0"


def test_the_workflow_that_is_shown_keeps_the_key_from_the_project():
    jobs = yaml.safe_load(blocks("evidence.md", "yaml")[0])["jobs"]
    assert "secrets" not in json.dumps(jobs["measure"])
    assert "-e ." not in json.dumps(jobs["seal"])
    assert jobs["seal"]["if"] == jobs["gate"]["if"] == "always()"
    assert jobs["gate"]["steps"][0]["run"].endswith("= success")


CLAIM = '''
from ophamin import rate, scenario


@scenario("at most half of the answers are wrong", rate("wrong") <= 0.5)
def test_shop(trial):
    """Is it right?"""
    for number in range(40):
        trial.observe(wrong=number < 3)
'''
GIT = "git -c user.name=a -c user.email=a@b.invalid -c commit.gpgsign=false"
QUIET = "-q -p no:randomly -p no:asyncio -p no:cacheprovider"
SET_UP = f"""
ophamin key new ../seal.pem
mkdir keys
ophamin key show ../seal.pem --public > keys/seal.pub.pem
ophamin key trust keys/seal.pub.pem --role seal --write
printf 'proofs/\\n.ophamin/\\n__pycache__/\\n' > .gitignore
touch pytest.ini
{GIT} init -q -b main
pytest --ophamin --ophamin-register {QUIET}
{GIT} add -A
{GIT} commit -q -m base
{GIT} switch -q -c change
echo '# a change' >> README
{GIT} add -A
{GIT} commit -q -m change
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A project whose claim is locked on main, and a change that was measured and sealed."""
    folder = tmp_path_factory.mktemp("shop") / "project"
    folder.mkdir()
    (folder / "test_shop.py").write_text(CLAIM, encoding="utf-8")
    for line in SET_UP.strip().splitlines():
        done = run(line, folder)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    done = run(f"pytest --ophamin {QUIET} && ophamin seal proofs/latest --key-file ../seal.pem", folder)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return folder


@pytest.fixture
def change(shop, tmp_path):
    """A copy of it, to be tampered with."""
    return Path(shutil.copytree(shop, tmp_path / "project"))


def run(command, folder):
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "CI": "1", "HOME": str(folder.parent)}
    return subprocess.run(
        command, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def test_what_was_locked_measured_and_sealed_passes_the_gate(change):
    done = run("ophamin gate proofs/latest", change)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "gate passed" in done.stderr


MOVE = f"""
set -e
sed -i 's/<= 0.5/<= 0.9/' test_shop.py
pytest --ophamin --ophamin-register --ophamin-reason x {QUIET}
{GIT} commit -qam moved
pytest --ophamin {QUIET}
ophamin seal proofs/latest --key-file SEAL
"""
SEED = f"pytest --ophamin --ophamin-seed=5 {QUIET} && ophamin seal proofs/latest --key-file SEAL"
REVOKED = f"""
set -e
{GIT} switch -q main
echo '# revoked' >> ophamin-trust.toml
{GIT} commit -qam policy
{GIT} switch -q change
"""
LOCK_FIRST = f"""
set -e
sed -i 's/<= 0.5/<= 0.4/' test_shop.py
pytest --ophamin --ophamin-register --ophamin-reason "we promise more" {QUIET}
{GIT} checkout -q test_shop.py
{GIT} commit -qam "promise more"
pytest --ophamin {QUIET}
ophamin seal proofs/latest --key-file SEAL
"""
ATTACKS = {
    "a record is removed": ("rm -r proofs/latest/scientific", 3),
    "a record is edited": ("sed -i s/VALIDATED/VALID/ proofs/latest/*/*/*/proof.json", 4),
    "the bar is moved": (MOVE, 3),
    "the seed is chosen": (SEED, 3),
    "the rules were changed since": (REVOKED, 3),
    "another commit is measured": (f"echo more >> README && {GIT} commit -qam more", 4),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_gate_fails_where(change, shop, attack):
    command, code = ATTACKS[attack]
    done = run(command.replace("SEAL", str(shop.parent / "seal.pem")), change)
    assert done.returncode == 0, (done.stdout, done.stderr)
    done = run("ophamin gate proofs/latest", change)
    assert done.returncode == code, (done.stdout, done.stderr)


def test_a_bar_is_moved_by_merging_the_lock_first(change, shop):
    done = run(LOCK_FIRST.replace("SEAL", str(shop.parent / "seal.pem")), change)
    assert done.returncode == 0, (done.stdout, done.stderr)
    done = run("ophamin gate proofs/latest", change)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "EDITED" in done.stdout


def test_a_claim_that_is_run_again_is_the_same_to_the_last_bit(change):
    done = run("ophamin replay test_shop", change)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "SAME" in done.stdout
