# SPDX-License-Identifier: Apache-2.0
import asyncio
import contextvars
import dataclasses
import functools
import gc
import inspect
import subprocess
import threading
from pathlib import Path

import numpy as np
import pydantic
import pytest

from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.seeing.substrate.base import SubstrateUnderTest
from ophamin.seeing.substrate.function import FunctionSubstrate, as_substrate
from ophamin.seeing.substrate.mock import MockSubstrate


def constant(value):
    return FunctionSubstrate(lambda stimulus: value).run_cycle("x")


@dataclasses.dataclass
class Answer:
    text: str
    nested: object = None


class Model(pydantic.BaseModel):
    text: str
    score: float


# --- what an answer becomes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 3.5, "text", None, [1, 2], (1,)])
def test_a_plain_value_is_kept_under_value_and_is_a_success(value):
    result = constant(value)
    assert (result.raw, result.success, result.error) == ({"value": value}, True, None)


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_a_truth_value_is_the_success_too(value):
    result = constant(value)
    assert (result.raw, result.success) == ({"value": bool(value)}, bool(value))
    assert type(result.raw["value"]) is bool


@pytest.mark.parametrize(("value", "kind"), [(np.float64(0.5), float), (np.int64(3), int), (np.array(2.0), float)])
def test_a_number_of_numpy_becomes_a_plain_one(value, kind):
    assert type(constant(value).raw["value"]) is kind


def test_a_mapping_becomes_raw_and_is_a_success():
    result = constant({"score": 0.5})
    assert (result.raw, result.success) == ({"score": 0.5}, True)


def test_the_truth_value_under_success_is_the_success():
    assert constant({"success": False}).success is False
    assert constant({"success": np.False_}).success is False
    assert constant({"success": "no"}).success is True


def test_raw_is_the_systems_mapping_no_longer():
    kept = {"score": 0.5}
    system = FunctionSubstrate(lambda stimulus: kept)
    system.run_cycle("x").raw["more"] = 1
    assert kept == {"score": 0.5}


def test_a_dataclass_becomes_raw_by_its_fields_which_stay_what_they_are():
    nested = object()
    assert constant(Answer("hi", nested)).raw == {"text": "hi", "nested": nested}


def test_a_pydantic_model_becomes_raw_by_its_fields():
    assert constant(Model(text="hi", score=0.5)).raw == {"text": "hi", "score": 0.5}


def test_a_result_passes_as_it_is():
    given = CycleResult(5, False, {"a": 1}, "halted", "s", "broken")
    assert constant(given) is given


def test_a_key_that_is_no_text_is_an_error_of_the_cycle():
    assert constant({1: 2}).error == "TypeError: the system gave the key 1 of type int; keys are text"


# --- exceptions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", [ValueError("bad"), AssertionError("no"), StopIteration("end")])
def test_an_exception_is_an_error_and_never_a_value(problem):
    def fail(stimulus):
        raise problem

    result = FunctionSubstrate(fail).run_cycle("x")
    assert (result.success, result.raw, result.halt_mode) == (False, {}, None)
    assert result.error == f"{type(problem).__name__}: {problem}"
    assert result.failed_to_measure


@pytest.mark.parametrize("problem", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupt_passes_through(problem):
    def stop(stimulus):
        raise problem

    with pytest.raises(problem):
        FunctionSubstrate(stop).run_cycle("x")


# --- what goes in -----------------------------------------------------------------------------------------------------


def test_params_are_keyword_arguments_where_there_are_any():
    system = FunctionSubstrate(lambda stimulus, **named: {"stimulus": stimulus, **named})
    assert system.run_cycle("x", {"t": 0.5}).raw == {"stimulus": "x", "t": 0.5}
    assert system.run_cycle("x", {}).raw == {"stimulus": "x"}


def test_a_param_that_the_function_does_not_take_is_an_error_of_the_cycle():
    assert FunctionSubstrate(lambda stimulus: 1).run_cycle("x", {"t": 1}).error.startswith("TypeError: ")


def test_a_long_stimulus_is_named_by_its_first_200_characters():
    assert FunctionSubstrate(len).run_cycle("x" * 1000).stimulus_id == "x" * 200


def test_a_stimulus_that_is_no_text_is_named_by_its_text():
    assert FunctionSubstrate(len).run_cycle([1, 2]).stimulus_id == "[1, 2]"


def test_a_corpus_record_is_named_by_its_id():
    system = FunctionSubstrate(lambda record: record.content)
    assert system.run_cycle(CorpusRecord("r7", "hello")).stimulus_id == "r7"


def test_what_cannot_be_called_is_refused():
    with pytest.raises(ClaimError, match="3 cannot be called"):
        FunctionSubstrate(3)


# --- async ------------------------------------------------------------------------------------------------------------


async def echo(stimulus, **named):
    await asyncio.sleep(0)
    return {"stimulus": stimulus, "loop": id(asyncio.get_running_loop()), "thread": threading.get_ident(), **named}


def test_an_async_function_runs_where_no_loop_runs():
    raw = FunctionSubstrate(echo).run_cycle("x", {"t": 1}).raw
    assert (raw["stimulus"], raw["t"], raw["thread"]) == ("x", 1, threading.get_ident())


def test_an_async_function_runs_in_a_thread_of_its_own_where_a_loop_runs():
    async def body():
        return FunctionSubstrate(echo).run_cycle("x").raw, id(asyncio.get_running_loop())

    raw, outer = asyncio.run(body())
    assert raw["stimulus"] == "x"
    assert raw["thread"] != threading.get_ident()
    assert raw["loop"] != outer


def test_all_cycles_of_one_substrate_share_one_loop_inside_and_outside():
    system = FunctionSubstrate(echo)

    async def body():
        return system.run_cycle("b").raw["loop"]

    assert {system.run_cycle("a").raw["loop"], asyncio.run(body()), system.run_cycle("c").raw["loop"]} == {
        system.run_cycle("d").raw["loop"]
    }


def test_the_loop_of_the_thread_is_left_alone():
    FunctionSubstrate(echo).run_cycle("x")
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_an_awaited_cycle_runs_on_the_loop_that_runs():
    async def body():
        result = await FunctionSubstrate(echo).arun_cycle("x")
        return result.raw["loop"] == id(asyncio.get_running_loop())

    assert asyncio.run(body())


def test_an_awaited_cycle_of_a_sync_function_is_its_cycle():
    assert asyncio.run(FunctionSubstrate(len).arun_cycle("four")).raw == {"value": 4}


async def failing(stimulus):
    raise ValueError("bad")


async def exiting(stimulus):
    raise SystemExit(3)


def inside_a_loop(system):
    async def body():
        return system.run_cycle("x")

    return asyncio.run(body())


WAYS = {
    "outside": lambda system: system.run_cycle("x"),
    "inside": inside_a_loop,
    "awaited": lambda system: asyncio.run(system.arun_cycle("x")),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_async_exception_is_an_error_of_the_cycle(way):
    assert WAYS[way](FunctionSubstrate(failing)).error == "ValueError: bad"


@pytest.mark.parametrize("way", WAYS)
def test_an_async_exit_passes_through(way):
    with pytest.raises(SystemExit):
        WAYS[way](FunctionSubstrate(exiting))


def test_a_callable_object_and_a_partial_may_be_async_too():
    class Client:
        async def __call__(self, stimulus):
            return len(stimulus)

    assert FunctionSubstrate(Client()).run_cycle("four").raw == {"value": 4}
    assert FunctionSubstrate(functools.partial(echo, t=3)).run_cycle("x").raw["t"] == 3


def test_context_variables_reach_an_async_function_inside_a_loop():
    tenant = contextvars.ContextVar("tenant", default="none")

    async def read(stimulus):
        return tenant.get()

    async def body():
        tenant.set("t1")
        return FunctionSubstrate(read).run_cycle("x").raw

    assert asyncio.run(body()) == {"value": "t1"}


def test_a_cycle_within_a_cycle_is_an_error_and_no_deadlock():
    async def nested(stimulus):
        return system.run_cycle("inner").error

    system = FunctionSubstrate(nested)
    assert "RuntimeError: one awaitable runs on this loop already" in system.run_cycle("outer").raw["value"]


def test_a_closed_substrate_opens_a_new_loop():
    system = FunctionSubstrate(echo)
    system.run_cycle("x")
    system.close()
    system.close()
    assert system.run_cycle("x").raw["stimulus"] == "x"


def test_a_forgotten_substrate_closes_its_loop(recwarn):
    loops = []

    async def note(stimulus):
        loops.append(asyncio.get_running_loop())

    system = FunctionSubstrate(note)
    system.run_cycle("x")
    del system
    gc.collect()
    assert loops[0].is_closed()


# --- what it says of itself -------------------------------------------------------------------------------------------


def test_its_name_is_that_of_the_function():
    assert FunctionSubstrate(echo).name == "echo"
    assert FunctionSubstrate(functools.partial(echo, t=1)).name == "echo"
    assert FunctionSubstrate(MockSubstrate().run_cycle).name == "run_cycle"
    assert FunctionSubstrate(lambda s: s).name == "function"
    assert FunctionSubstrate(echo, name="mine").name == "mine"


def test_a_callable_object_is_named_by_its_class():
    class Judge:
        def __call__(self, stimulus):
            return 1

    assert FunctionSubstrate(Judge()).name == "Judge"


def test_reset_calls_the_functions_own():
    class Counter:
        calls = 0

        def __call__(self, stimulus):
            self.calls += 1
            return self.calls

        def reset(self):
            self.calls = 0

    system = FunctionSubstrate(Counter())
    system.run_cycle("x")
    system.reset()
    assert system.run_cycle("x").raw == {"value": 1}


def test_reset_of_a_plain_function_does_nothing():
    FunctionSubstrate(len).reset()


def test_a_given_commit_is_the_commit():
    assert FunctionSubstrate(echo, commit="abc").git_commit() == "abc"


def test_a_function_of_the_interpreter_has_no_commit():
    assert FunctionSubstrate(len).git_commit() == ""


def test_an_installed_function_has_no_commit_though_a_repository_lies_around_it(monkeypatch):
    monkeypatch.setattr("ophamin.core.environment.git_facts", lambda tree: pytest.fail("asked for a commit"))
    assert "site-packages" in inspect.getsourcefile(pytest.approx)
    assert FunctionSubstrate(pytest.approx).git_commit() == ""


@pytest.mark.needs("git")
def test_the_commit_is_that_of_the_tree_with_the_source(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    source = tmp_path / "pkg" / "model.py"
    source.parent.mkdir()
    source.write_text("def model(stimulus):\n    return 1\n", encoding="utf-8")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    names = {}
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), names)
    system = FunctionSubstrate(names["model"])
    assert system.git_commit() == head
    assert system.metadata()["git_dirty"] is False


def test_metadata_name_the_function_with_its_module():
    known = FunctionSubstrate(echo, commit="abc").metadata()
    assert known == {"name": "echo", "git_commit": "abc", "kind": "function", "function": f"{__name__}.echo"}


# --- as_substrate -----------------------------------------------------------------------------------------------------


def test_a_substrate_stays_itself():
    mock = MockSubstrate()
    assert as_substrate(mock) is mock


def test_a_callable_is_wrapped():
    assert isinstance(as_substrate(echo), FunctionSubstrate)


def test_an_object_with_the_methods_is_no_mere_callable():
    class Probe:
        name = "probe"

        def __call__(self, stimulus):
            raise AssertionError("not the way in")

        def git_commit(self):
            return ""

        def reset(self):
            pass

        def run_cycle(self, stimulus, params=None):
            return CycleResult(0, True, {"way": "in"})

        def run_batch(self, stimuli, params=None):
            return []

    system = as_substrate(Probe())
    assert isinstance(system, SubstrateUnderTest)
    assert system.run_cycle("x").raw == {"way": "in"}


def test_a_class_is_refused_with_the_way_to_an_object():
    with pytest.raises(ClaimError, match=r"give an object of it, MockSubstrate\(...\)"):
        as_substrate(MockSubstrate)


def test_what_is_neither_is_refused():
    with (
        pytest.raises(ClaimError, match="a Path is no substrate") if type(Path()) is Path else pytest.raises(ClaimError)
    ):
        as_substrate(Path())
