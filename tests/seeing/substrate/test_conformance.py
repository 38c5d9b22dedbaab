# SPDX-License-Identifier: Apache-2.0
"""What every registered substrate and every wrapper keeps, whoever wrote it."""

import json
import subprocess
from contextlib import closing, nullcontext

import pytest

from ophamin.core.shapes import CycleResult
from ophamin.protocols import SubstrateProbe
from ophamin.seeing.substrate.base import SubstrateUnderTest, list_substrates, make_substrate
from ophamin.seeing.substrate.function import FunctionSubstrate
from ophamin.seeing.substrate.recording import RecordingSubstrate


def git_substrate(folder):
    """A function at a commit of a repository that is made in the folder."""
    (folder / "answers.py").write_text("def length(text):\n    return len(text)\n", encoding="utf-8")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(folder)]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "a commit"]):
        subprocess.run([*git, *arguments], check=True)
    return make_substrate(f"git:ref=main,target=answers:length,root={folder}")


MAKERS = {
    "mock": lambda _: make_substrate("mock"),
    "function": lambda _: FunctionSubstrate(len),
    "recorded mock": lambda _: RecordingSubstrate(make_substrate("mock"), lambda *_: None),
    "git": git_substrate,
}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.needs("git") if name == "git" else ()) for name in MAKERS])
def system(request, tmp_path):
    made = MAKERS[request.param](tmp_path)
    with closing(made) if request.param == "git" else nullcontext(made):
        yield made


def test_every_substrate_of_this_distribution_is_tried_here():
    ours = [name for name in list_substrates() if not name.startswith("qmpt")]
    assert set(ours) <= set(MAKERS)


def test_it_satisfies_the_contract(system):
    assert isinstance(system, SubstrateProbe)
    assert isinstance(system, SubstrateUnderTest)
    assert isinstance(system.name, str)
    assert system.name


def test_a_batch_gives_one_result_per_stimulus_numbered_from_0(system):
    results = system.run_batch(["one", "two", "three"])
    assert [type(result) for result in results] == [CycleResult] * 3
    assert [result.cycle_index for result in results] == [0, 1, 2]
    assert [result.stimulus_id for result in results] == ["one", "two", "three"]


def test_an_empty_batch_gives_nothing(system):
    assert system.run_batch([]) == []


def test_the_same_cycles_follow_every_reset(system):
    first = [system.run_cycle(text).raw for text in ("a", "bb")]
    system.reset()
    assert [system.run_cycle(text).raw for text in ("a", "bb")] == first


def test_what_it_says_of_itself_is_plain_json(system):
    for said in (system.metadata(), system.capture_state()):
        assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert system.metadata()["git_commit"] == system.git_commit()
