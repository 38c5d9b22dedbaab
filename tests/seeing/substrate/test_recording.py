# SPDX-License-Identifier: Apache-2.0
import asyncio
import copy

import pytest

from ophamin.core.shapes import CycleResult
from ophamin.errors import ObservationError
from ophamin.seeing.substrate.base import SubstrateUnderTest
from ophamin.seeing.substrate.function import FunctionSubstrate
from ophamin.seeing.substrate.mock import MockSubstrate
from ophamin.seeing.substrate.recording import RecordingSubstrate


class Batched(SubstrateUnderTest):
    """Has its own way for many stimuli, and gives whatever it was told to."""

    name = "batched"

    def __init__(self, answer):
        self.answer = answer
        self.batches = []

    def git_commit(self):
        return "b1"

    def reset(self):
        self.batches.clear()

    def run_cycle(self, stimulus, params=None):
        raise AssertionError("the batch way was not taken")

    def run_batch(self, stimuli, params=None):
        self.batches.append((list(stimuli), params))
        return self.answer(stimuli)


def each(stimuli):
    return [CycleResult(index, True, {"value": text}) for index, text in enumerate(stimuli)]


@pytest.fixture
def admitted():
    return []


@pytest.fixture
def record(admitted):
    return lambda inner: RecordingSubstrate(inner, lambda *cycle: admitted.append(cycle))


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is one second after the last."""
    ticks = iter(range(1000))
    monkeypatch.setattr("ophamin.seeing.substrate.recording.perf_counter", lambda: float(next(ticks)))


def test_a_cycle_is_given_back_and_admitted_with_all_that_is_known_of_it(record, admitted, clock):
    recording = record(FunctionSubstrate(lambda stimulus, t: t))
    result = recording.run_cycle("x", {"t": 0.5})
    assert result.raw == {"value": 0.5}
    assert admitted == [("x", {"t": 0.5}, result, 1.0)]
    assert admitted[0][2] is result


def test_a_cycle_without_params_has_none(record, admitted):
    record(FunctionSubstrate(len)).run_cycle("four")
    assert admitted[0][1] is None


def test_named_arguments_join_the_params_and_win(record, admitted):
    params = {"t": 1, "u": 2}
    result = record(FunctionSubstrate(lambda stimulus, **named: named)).run_cycle("x", params, t=3)
    assert result.raw == {"t": 3, "u": 2}
    assert admitted[0][1] == {"t": 3, "u": 2}
    assert params == {"t": 1, "u": 2}


def test_named_arguments_alone_are_the_params(record):
    assert record(FunctionSubstrate(lambda stimulus, **named: named)).run_cycle("x", t=3).raw == {"t": 3}


def test_an_exception_is_a_cycle_that_is_admitted_and_given_back(record, admitted):
    recording = record(MockSubstrate())
    result = recording.run_cycle("s1", {"variant": []})
    assert (result.success, result.halt_mode, result.raw, result.stimulus_id) == (False, None, {}, "s1")
    assert result.error.startswith("TypeError: ")
    assert admitted[0][2] is result


def test_an_interrupt_passes_through_and_admits_nothing(record, admitted):
    def stop(stimulus):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(FunctionSubstrate(stop)).run_cycle("x")
    assert admitted == []


def test_what_the_admission_raises_is_not_taken_for_the_systems(record):
    def refuse(*cycle):
        raise ValueError("the ledger is closed")

    with pytest.raises(ValueError, match="the ledger is closed"):
        RecordingSubstrate(MockSubstrate(), refuse).run_cycle("x")


def test_a_subclass_of_a_result_is_a_result(record, admitted):
    class Wider(CycleResult):
        pass

    wider = Wider(0, True)
    system = MockSubstrate()
    system.run_cycle = lambda stimulus, params=None: wider
    assert record(system).run_cycle("x") is wider


def test_an_answer_that_is_no_result_is_refused(record, admitted):
    system = MockSubstrate()
    system.run_cycle = lambda stimulus, params=None: {"phi": 1}
    with pytest.raises(ObservationError, match="mock gave a dict for a cycle"):
        record(system).run_cycle("x")
    assert admitted == []


def test_a_batch_takes_the_inner_batch_way_once_and_shares_its_time(record, admitted, clock):
    inner = Batched(each)
    results = record(inner).run_batch(["a", "b", "c", "d"], {"t": 1})
    assert inner.batches == [(["a", "b", "c", "d"], {"t": 1})]
    assert [(stimulus, params, seconds) for stimulus, params, _, seconds in admitted] == [
        (text, {"t": 1}, 0.25) for text in "abcd"
    ]
    assert [cycle[2] for cycle in admitted] == results


def test_named_arguments_join_the_params_of_a_batch(record, admitted):
    inner = Batched(each)
    record(inner).run_batch(["a"], {"t": 1}, u=2)
    assert inner.batches == [(["a"], {"t": 1, "u": 2})]
    assert admitted[0][1] == {"t": 1, "u": 2}


def test_a_batch_may_be_given_as_any_iterable(record, admitted):
    record(Batched(each)).run_batch(iter("ab"))
    assert [cycle[0] for cycle in admitted] == ["a", "b"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_batch_with_another_number_of_results_is_refused_whole(record, admitted, count):
    recording = record(Batched(lambda stimuli: each("x" * count)))
    with pytest.raises(ObservationError, match=f"batched gave {count} results for 2 stimuli"):
        recording.run_batch(["a", "b"])
    assert admitted == []


def test_a_batch_with_something_that_is_no_result_is_refused_whole(record, admitted):
    with pytest.raises(ObservationError, match="gave a NoneType for a cycle"):
        record(Batched(lambda stimuli: [*each("a"), None])).run_batch(["a", "b"])
    assert admitted == []


def test_an_exception_out_of_a_batch_makes_every_cycle_an_error(record, admitted):
    def fail(stimuli):
        raise TimeoutError("the runner is gone")

    results = record(Batched(fail)).run_batch(["a", "b"])
    assert [(one.cycle_index, one.stimulus_id, one.error) for one in results] == [
        (0, "a", "TimeoutError: the runner is gone"),
        (1, "b", "TimeoutError: the runner is gone"),
    ]
    assert [cycle[2] for cycle in admitted] == results


def test_an_awaited_cycle_is_admitted_too(record, admitted):
    async def answer(stimulus, **named):
        return named

    result = asyncio.run(record(FunctionSubstrate(answer)).arun_cycle("x", {"t": 1}, u=2))
    assert result.raw == {"t": 1, "u": 2}
    assert [(stimulus, params) for stimulus, params, _, _ in admitted] == [("x", {"t": 1, "u": 2})]


def test_an_awaited_cycle_of_a_system_without_one_is_its_cycle(record, admitted):
    result = asyncio.run(record(MockSubstrate()).arun_cycle("x", injection_rate=0.5))
    assert result.raw["params"] == {"injection_rate": 0.5}
    assert len(admitted) == 1


def test_an_exception_of_an_awaited_cycle_is_an_error(record, admitted):
    class Raising(MockSubstrate):
        async def arun_cycle(self, stimulus, params=None):
            raise ValueError("bad")

    result = asyncio.run(record(Raising()).arun_cycle("x"))
    assert result.error == "ValueError: bad"
    assert admitted[0][2] is result


def test_everything_else_is_the_inner_systems(record):
    mock = MockSubstrate(seed=5, name="walker")
    recording = record(mock)
    recording.run_cycle("x")
    assert isinstance(recording, SubstrateUnderTest)
    assert (recording.name, recording.seed, recording.inner) == ("walker", 5, mock)
    assert recording.capture_state() == mock.capture_state()
    assert recording.metadata() == mock.metadata()
    assert recording.git_commit() == "mock-0000005"
    recording.reset()
    assert mock.capture_state()["cycle"] == 0


def test_an_attribute_is_set_and_deleted_on_the_inner_system(record):
    mock = MockSubstrate()
    recording = record(mock)
    recording.base_phi = 0.9
    assert mock.base_phi == 0.9
    del recording.base_phi
    assert not hasattr(mock, "base_phi")


def test_an_attribute_that_the_system_lacks_is_told_as_its(record):
    with pytest.raises(AttributeError, match="MockSubstrate"):
        record(MockSubstrate()).temperature  # noqa: B018 - the access itself is what is tried


def test_a_half_made_copy_does_not_recurse():
    with pytest.raises(AttributeError):
        copy.copy(RecordingSubstrate.__new__(RecordingSubstrate)).seed  # noqa: B018 - the access is what is tried
