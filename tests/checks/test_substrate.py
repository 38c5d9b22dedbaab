# SPDX-License-Identifier: Apache-2.0
"""The checks of a system under test: a good one passes, each broken one fails exactly the check it breaks."""

import itertools
import sys

import numpy as np
import pytest

from ophamin.checks import check_substrate
from ophamin.checks.substrate_runs import difference
from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError


class Good:
    """Counts the stimuli since its last reset; it inherits nothing."""

    name = "good"

    def __init__(self):
        self.seen = 0

    def reset(self):
        self.seen = 0

    def raw(self, stimulus, params):
        return {"length": len(stimulus), "seen": self.seen}

    def run_cycle(self, stimulus, params=None):
        self.seen += 1
        if stimulus == "hang":
            return CycleResult(0, False, stimulus_id=str(stimulus), error="TimeoutError: no answer")
        return CycleResult(self.seen, True, self.raw(stimulus, params), stimulus_id=str(stimulus))

    def run_batch(self, stimuli, params=None):
        results = [self.run_cycle(stimulus, params) for stimulus in stimuli]
        for index, result in enumerate(results):
            result.cycle_index = index
        return results

    def git_commit(self):
        return "abc"

    def capture_state(self):
        return {"seen": self.seen}

    def metadata(self):
        return {"name": self.name, "git_commit": self.git_commit()}


def results(system, **how):
    return {result.name: result for result in check_substrate(system, **{"failing": "hang", **how}).results}


def failed(system, **how):
    return {name: result.words for name, result in results(system, **how).items() if result.outcome == "failed"}


CHECKS = list(results(Good()))


# -- one that is good -------------------------------------------------------------------------------------------------


def test_a_good_system_passes_every_check():
    assert {result.outcome for result in results(Good()).values()} == {"passed"}


def test_what_is_optional_and_not_there_is_skipped():
    class Bare(Good):
        capture_state = None
        metadata = None

    told = {name: result.outcome for name, result in results(Bare()).items() if result.outcome != "passed"}
    assert told == {"state": "skipped", "metadata": "skipped"}


def test_without_a_stimulus_that_fails_that_check_is_skipped():
    report = check_substrate(Good())
    assert report.passed
    assert [result.name for result in report.results if result.outcome == "skipped"] == ["failure"]


class Random(Good):
    """Draws anew each time."""

    draw = itertools.count()

    def raw(self, stimulus, params):
        return {"drawn": next(self.draw)}


def test_a_system_that_draws_at_random_is_not_compared_where_its_author_says_so():
    told = {name: result.outcome for name, result in results(Random(), deterministic=False).items()}
    assert {name for name, outcome in told.items() if outcome == "skipped"} == {"reset", "batch as cycles", "no params"}
    assert "failed" not in told.values()


def test_a_key_that_differs_each_time_can_be_left_out():
    class Timed(Good):
        clock = itertools.count()

        def raw(self, stimulus, params):
            return {**super().raw(stimulus, params), "at": next(self.clock)}

    assert list(failed(Timed())) == ["reset"]
    assert failed(Timed(), ignore=["at"]) == {}


def test_values_that_do_not_equal_themselves_are_compared_by_what_they_say():
    class Numeric(Good):
        def raw(self, stimulus, params):
            return {"nan": float("nan"), "array": np.array([1.0, float("nan")]), "pair": (1, [float("nan")])}

    assert failed(Numeric()) == {}


def test_params_reach_every_cycle_and_batch():
    class Seeing(Good):
        def raw(self, stimulus, params):
            given.append(params)
            return {}

    given = []
    check_substrate(Seeing(), params={"rate": 0.5})
    assert {"rate": 0.5} in given
    assert [params for params in given if params != {"rate": 0.5}] == [None, {}]  # of the check of empty params


# -- broken ones ------------------------------------------------------------------------------------------------------


def with_raw(raw):
    return type("Changed", (Good,), {"raw": lambda self, stimulus, params: raw(self, stimulus, params)})


def with_members(**members):
    return type("Changed", (Good,), members)


def per_cycle(change):
    """A system whose every result is changed."""

    class PerCycle(Good):
        def run_cycle(self, stimulus, params=None):
            result = super().run_cycle(stimulus, params)
            return result if result.error else change(self, stimulus, result) or result

    return PerCycle


def per_batch(change):
    """A system whose every batch is changed."""

    class PerBatch(Good):
        def run_batch(self, stimuli, params=None):
            return change(super().run_batch(stimuli, params), stimuli)

    return PerBatch


def changes(**values):
    def change(system, stimulus, result):
        for name, value in values.items():
            setattr(result, name, value)

    return per_cycle(change)


def refuse(*_):
    raise ValueError("not taken")


class Remembering(Good):
    """Forgets nothing."""

    def reset(self):
        pass


class Numbering(Good):
    """Numbers its cycles through all resets."""

    total = itertools.count()

    def run_cycle(self, stimulus, params=None):
        result = super().run_cycle(stimulus, params)
        result.cycle_index = next(self.total)
        return result


class Sharing(Good):
    """Gives all results one dict."""

    def __init__(self):
        super().__init__()
        self.shared = {}

    def raw(self, stimulus, params):
        self.shared.update(super().raw(stimulus, params))
        return self.shared


class Moving(Good):
    """Has another revision after each cycle."""

    total = 0

    def run_cycle(self, stimulus, params=None):
        type(self).total += 1
        return super().run_cycle(stimulus, params)

    def git_commit(self):
        return f"{self.total}"


class Batching(Good):
    def run_batch(self, stimuli, params=None):
        results = super().run_batch(stimuli, params)
        for result in results:
            result.raw["how"] = "batch"
        return results


class Looking(Good):
    """Counts a look at its state as a stimulus."""

    def capture_state(self):
        self.seen += 1
        return {}


class Poisoned(Good):
    """Is never again what it was after an empty text."""

    poisoned = False

    def raw(self, stimulus, params):
        self.poisoned |= stimulus == ""
        return {"poisoned": self.poisoned}


class Exiting(Good):
    def raw(self, stimulus, params):
        return sys.exit(2) if stimulus is None else {}


class Silent(Good):
    """Gives no result where it is given nothing."""

    def run_cycle(self, stimulus, params=None):
        return None if stimulus is None else super().run_cycle(stimulus, params)


class Narrow(Good):
    """Takes every text alone, and in a batch only those of one kind."""

    def raw(self, stimulus, params):
        return {}

    def run_batch(self, stimuli, params=None):
        return [refuse() for one in stimuli if one in (None, "")] or super().run_batch(stimuli, params)


class Dropping(Good):
    """Leaves odd stimuli out of a batch."""

    def run_batch(self, stimuli, params=None):
        return super().run_batch([one for one in stimuli if one], params)


class Greedy(Good):
    def run_batch(self, stimuli, params=None):
        results = super().run_batch(stimuli, params)
        stimuli.clear()
        return results


class Scribbling(Good):
    def raw(self, stimulus, params):
        if params is not None:
            params["seen"] = True
        return {}


BROKEN = [
    ("contract", lambda: object()),
    ("contract", lambda: Good),
    ("contract", with_members(reset=None)),
    ("cycles", with_raw(refuse)),
    ("cycles", per_cycle(lambda self, stimulus, result: result.raw)),
    ("cycles", changes(raw=None)),
    ("results", changes(cycle_index="1")),
    ("results", changes(success=1)),
    ("results", with_raw(lambda self, stimulus, params: {1: "one"})),
    ("results", changes(halt_mode=3)),
    ("results", changes(stimulus_id=b"one")),
    ("results", changes(error="late")),
    ("name", with_members(name="")),
    ("name", with_members(name="a\x1b[31mb")),
    ("name", with_members(name=None)),
    ("revision", with_members(git_commit=lambda self: None)),
    ("revision", Moving),
    ("reset", Remembering),
    ("reset", Numbering),
    ("reset", Random),
    ("results stay", Sharing),
    ("batch", per_batch(lambda results, stimuli: tuple(results))),
    ("batch", per_batch(lambda results, stimuli: [one.raw for one in results])),
    ("batch", per_batch(lambda results, stimuli: results[:2] if len(stimuli) == 3 else results)),
    ("batch", per_batch(lambda results, stimuli: [setattr(one, "cycle_index", 1) or one for one in results])),
    ("batch as cycles", Batching),
    ("empty batch", per_batch(lambda results, stimuli: results or [CycleResult(0, True)])),
    ("empty batch", per_batch(lambda results, stimuli: results or refuse())),
    ("inputs unchanged", Greedy),
    ("inputs unchanged", Scribbling),
    ("no params", with_raw(lambda self, stimulus, params: {"varied": params is not None})),
    ("state", Looking),
    ("state", with_members(capture_state=lambda self: {"at": {1, 2}})),
    ("state", with_members(capture_state=lambda self: {"pair": (1, 2)})),
    ("state", with_members(capture_state=lambda self: [self.seen])),
    ("metadata", with_members(metadata=lambda self: {"name": "other", "git_commit": "abc"})),
    ("metadata", with_members(metadata=lambda self: {"name": "good"})),
    ("metadata", with_members(metadata=lambda self: None)),
    ("odd stimuli", Poisoned),
    ("odd stimuli", Exiting),
    ("odd stimuli", Silent),
    ("odd batch", Narrow),
    ("odd batch", Dropping),
    ("failure", with_members(run_cycle=lambda self, stimulus, params=None: CycleResult(0, True, {"value": 0}))),
    ("failure", with_members(run_cycle=lambda self, stimulus, params=None: CycleResult(0, False))),
]


@pytest.mark.parametrize(("check", "make"), BROKEN, ids=[f"{number}-{one[0]}" for number, one in enumerate(BROKEN)])
def test_a_broken_system_fails_exactly_the_check_that_it_breaks(check, make):
    assert list(failed(make())) == [check]


def test_there_is_a_broken_system_for_every_check():
    assert {check for check, _ in BROKEN} == set(CHECKS)


@pytest.mark.parametrize(
    ("make", "check", "words"),
    [
        (
            Remembering,
            "reset",
            "of 'one', at first and after a reset, raw['seen'] is 10 and 13; forget all state in reset",
        ),
        (Batching, "batch as cycles", "of 'one', alone and in a batch, raw['how'] is absent and 'batch'; make both"),
        (Sharing, "results stay", "a later cycle changed the result of 'one'; give each cycle a dict of its own"),
        (Exiting, "odd stimuli", "of nothing it raised SystemExit: 2; raise an ordinary exception, or give a result"),
    ],
)
def test_a_breach_is_told_with_the_stimulus_the_values_and_the_way_out(make, check, words):
    assert failed(make())[check].startswith(words)


def test_a_system_that_refuses_odd_stimuli_by_an_exception_is_good():
    class Strict(Good):
        def raw(self, stimulus, params):
            return {} if isinstance(stimulus, str) and stimulus.isalpha() else refuse()

    assert failed(Strict()) == {}


def test_a_system_that_raises_of_what_it_cannot_handle_is_good():
    assert failed(Good(), failing=3) == {}


@pytest.mark.parametrize("stimuli", [[], ["one"], ["one"] * 101])
def test_too_few_or_too_many_stimuli_are_refused(stimuli):
    with pytest.raises(ClaimError, match=f"{len(stimuli)} stimuli; give 2 to 100"):
        check_substrate(Good(), stimuli=stimuli)


def test_the_stimuli_of_the_author_are_those_that_are_run():
    system = with_raw(lambda self, stimulus, params: {"half": stimulus / 2})()
    assert list(failed(system)) == ["cycles"]
    assert failed(system, stimuli=(1, 2, 3)) == {}


def test_the_first_difference_of_two_results_is_told():
    assert difference({"a": 1, "b": 2}, {"a": 1, "b": 3}) == "b is 2 and 3"
    assert difference({"a": 1}, {"a": 1, "b": 3}) == "b is absent and 3"
    assert difference({"a": 1}, {"a": 1}) == "nothing differs"
