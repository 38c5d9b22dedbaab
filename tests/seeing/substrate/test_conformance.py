# SPDX-License-Identifier: Apache-2.0
"""What every registered substrate and every wrapper keeps, whoever wrote it."""

import json

import pytest

from ophamin.core.shapes import CycleResult
from ophamin.protocols import SubstrateProbe
from ophamin.seeing.substrate.base import SubstrateUnderTest, list_substrates, make_substrate
from ophamin.seeing.substrate.function import FunctionSubstrate
from ophamin.seeing.substrate.recording import RecordingSubstrate

MAKERS = {
    "mock": lambda: make_substrate("mock"),
    "function": lambda: FunctionSubstrate(len),
    "recorded mock": lambda: RecordingSubstrate(make_substrate("mock"), lambda *_: None),
}


@pytest.fixture(params=MAKERS)
def system(request):
    return MAKERS[request.param]()


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
