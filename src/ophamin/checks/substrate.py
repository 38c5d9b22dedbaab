# SPDX-License-Identifier: Apache-2.0
"""The promises of a system under test, tried: it forgets on reset, counts a batch from 0, and makes nothing up.

Whether the system is any good is not tried here; that is what scenarios are for.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from ophamin.checks.report import Check, CheckReport, NotTriedError, examine, name_of, raised, shown
from ophamin.checks.substrate_runs import ODD_STIMULI, UNSET, SubstrateRuns, difference
from ophamin.core.canonical import canonical_bytes
from ophamin.core.plugins import missing_members
from ophamin.core.shapes import CycleResult
from ophamin.core.text import visible
from ophamin.errors import ClaimError
from ophamin.protocols import SubstrateProbe

__all__ = ["check_substrate"]

_MAX_STIMULI: Final = 100


def check_substrate(
    substrate: Any,
    *,
    stimuli: Sequence[Any] = ("one", "two", "three"),
    params: Mapping[str, Any] | None = None,
    deterministic: bool = True,
    ignore: Collection[str] = (),
    failing: Any = UNSET,
) -> CheckReport:
    """Try what a system under test promises, on a few ordinary stimuli and on odd ones.

    The system runs about a dozen times over the stimuli; it is neither made nor closed here.

    Args:
        substrate: the system.
        stimuli: what it ordinarily takes; 2 to 100, not all alike where the system tells them apart.
        params: of every cycle.
        deterministic: whether the same stimuli after a reset give the same; a seeded system does. Without it half
            of the checks are skipped.
        ignore: keys of ``raw`` that differ each time all the same, such as a time.
        failing: a stimulus of which nothing can be measured, to see that it says so.

    Raises:
        ClaimError: fewer than 2 stimuli, or more than 100.

    Example:
        A test of one's own system::

            def test_it_keeps_the_promises_of_a_system_under_test():
                check_substrate(MySystem(seed=0), failing="no such page").raise_if_failed()

        >>> from ophamin.seeing.substrate.function import FunctionSubstrate
        >>> check_substrate(FunctionSubstrate(int), stimuli=["1", "2"], failing="one").passed
        True
    """
    if not 2 <= len(stimuli) <= _MAX_STIMULI:
        raise ClaimError(f"{len(stimuli)} stimuli; give 2 to {_MAX_STIMULI}")
    runs = SubstrateRuns(substrate, tuple(stimuli), params, deterministic, frozenset(ignore), failing)
    return examine("substrate", name_of(substrate, "name"), runs, _CHECKS, gates=("contract", "cycles"))


def _contract(runs: SubstrateRuns) -> Iterator[str]:
    if isinstance(runs.system, type):
        yield f"{runs.system.__qualname__} is a class; give an object of it"
        return
    missing = missing_members(SubstrateProbe, runs.system)
    if missing:
        yield f"it lacks {', '.join(missing)}; add what is missing"
        return
    for method in ("reset", "run_cycle", "run_batch", "git_commit"):
        if not callable(getattr(runs.system, method)):
            yield f"{method} is {shown(getattr(runs.system, method))}; write a method"


def _cycles(runs: SubstrateRuns) -> Iterator[str]:
    runs.system.reset()
    for stimulus in runs.stimuli:
        try:
            result = runs.system.run_cycle(stimulus, runs.params)
        except Exception as error:  # noqa: BLE001 - a foreign system may raise anything
            yield f"of {shown(stimulus)} {raised(error)}; give stimuli= that it takes"
            continue
        if not isinstance(result, CycleResult):
            yield f"of {shown(stimulus)} it gave a {type(result).__name__}; give a CycleResult"
        elif not isinstance(raw := getattr(result, "raw", None), dict):
            yield f"of {shown(stimulus)} raw is {shown(raw)}; give a dict"


def _results(runs: SubstrateRuns) -> Iterator[str]:
    for result in runs.cycles():
        if not isinstance(result.cycle_index, int) or isinstance(result.cycle_index, bool):
            yield f"cycle_index is {shown(result.cycle_index)}; give a whole number"
        if not isinstance(result.success, bool):
            yield f"success is {shown(result.success)}; give True or False"
        for key in result.raw:
            if not isinstance(key, str):
                yield f"raw has the key {shown(key)}; keys are text"
        for field in ("halt_mode", "stimulus_id", "error"):
            value = getattr(result, field)
            if value is not None and not isinstance(value, str):
                yield f"{field} is {shown(value)}; give a text, or None"
        if result.error is not None and result.success is True:
            yield f"a cycle is a success and has the error {shown(result.error)}; it is one of the two"


def _name(runs: SubstrateRuns) -> Iterator[str]:
    name = runs.system.name
    if not isinstance(name, str) or not name.strip() or visible(name) != name:
        yield f"the name is {shown(name)}; give a text of one line that a terminal can show"


def _revision(runs: SubstrateRuns) -> Iterator[str]:
    before = runs.system.git_commit()
    if not isinstance(before, str):
        yield f"git_commit() is {shown(before)}; give a text, empty where the system has no revision"
        return
    runs.cycles()
    after = runs.system.git_commit()
    if after != before:
        yield f"git_commit() was {shown(before)} and is {shown(after)} after some cycles; one system has one revision"


def _reset(runs: SubstrateRuns) -> Iterator[str]:
    runs.require_deterministic()
    first, again = runs.first, runs.again
    for stimulus, before, after in zip(runs.stimuli, first.told, again.told, strict=True):
        if before != after:
            yield (
                f"of {shown(stimulus)}, at first and after a reset, {difference(before, after)}; forget all state in "
                "reset(), or name a key that differs each time in ignore="
            )
    if again.indices != first.indices:
        yield f"after a reset the cycles were numbered {again.indices}, and {first.indices} at first; count anew"


def _results_stay(runs: SubstrateRuns) -> Iterator[str]:
    runs.system.reset()
    kept: list[tuple[CycleResult, Any]] = []
    for stimulus in runs.stimuli:
        result = runs.system.run_cycle(stimulus, runs.params)
        kept.append((result, runs.told([result])))
    for stimulus, (result, told) in zip(runs.stimuli, kept, strict=True):
        if runs.told([result]) != told:
            yield f"a later cycle changed the result of {shown(stimulus)}; give each cycle a dict of its own"


def _batch(runs: SubstrateRuns) -> Iterator[str]:
    results = runs.batch()
    if not _are_results(results):
        yield f"run_batch gave {shown(results)}; give a list of CycleResult"
    elif len(results) != len(runs.stimuli):
        yield f"run_batch gave {len(results)} results for {len(runs.stimuli)} stimuli; give one per stimulus"
    elif [one.cycle_index for one in results] != list(range(len(results))):
        yield f"run_batch numbers its results {[one.cycle_index for one in results]}; count from 0 in every batch"


def _batch_as_cycles(runs: SubstrateRuns) -> Iterator[str]:
    runs.require_repeats()
    results = runs.batch()
    if not _are_results(results) or len(results) != len(runs.stimuli):
        raise NotTriedError("a batch does not give one result per stimulus")
    for stimulus, one, batched in zip(runs.stimuli, runs.first.told, runs.told(results), strict=True):
        if one != batched:
            yield f"of {shown(stimulus)}, alone and in a batch, {difference(one, batched)}; make both ways agree"


def _empty_batch(runs: SubstrateRuns) -> Iterator[str]:
    runs.system.reset()
    results = runs.system.run_batch([], runs.params)
    if len(results):
        yield f"a batch of no stimulus gave {shown(results)}; give []"


def _unchanged(runs: SubstrateRuns) -> Iterator[str]:
    stimuli, params = list(runs.stimuli), dict(runs.params or {})
    kept = copy.deepcopy((stimuli, params))
    runs.system.reset()
    runs.system.run_cycle(stimuli[0], params)
    runs.system.run_batch(stimuli, params)
    for name, now, before in zip(("the stimuli", "params"), (stimuli, params), kept, strict=True):
        if now != before:
            yield f"{name} became {shown(now)} and were {shown(before)}; read them, or change a copy"


def _no_params(runs: SubstrateRuns) -> Iterator[str]:
    runs.require_repeats()
    nothing: tuple[Mapping[str, Any] | None, ...] = (None, {})
    told = []
    for params in nothing:
        runs.system.reset()
        told += runs.told([runs.system.run_cycle(runs.stimuli[0], params)])
    if told[0] != told[1]:
        yield f"with params=None and with params={{}}, {difference(*told)}; both say that nothing is varied"


def _state(runs: SubstrateRuns) -> Iterator[str]:
    capture = getattr(runs.system, "capture_state", None)
    if capture is None:
        raise NotTriedError("it tells nothing of its state; capture_state() is optional")
    runs.cycles()
    yield from _not_plain("capture_state()", capture())
    if runs.repeats:
        runs.system.reset()
        looked_at = []
        for stimulus in runs.stimuli:
            capture()
            looked_at.append(runs.system.run_cycle(stimulus, runs.params))
        if runs.told(looked_at) != runs.first.told:
            yield "a cycle gives something else after capture_state(); look at the state and leave it as it is"


def _metadata(runs: SubstrateRuns) -> Iterator[str]:
    tell = getattr(runs.system, "metadata", None)
    if tell is None:
        raise NotTriedError("it tells nothing beside name and revision; metadata() is optional")
    said = tell()
    yield from _not_plain("metadata()", said)
    if isinstance(said, dict):
        for key, value in (("name", runs.system.name), ("git_commit", runs.system.git_commit())):
            if said.get(key) != value:
                yield f"metadata() has {shown(said.get(key))} under {key!r}; the system says {shown(value)}"


def _odd_stimuli(runs: SubstrateRuns) -> Iterator[str]:
    """An exception is an answer: the trial makes a cycle with an error of it. What ends the process is none."""
    can_compare = runs.repeats
    for what, given in runs.odd.items():
        if isinstance(given, SystemExit):
            yield f"of {what} {raised(given)}; raise an ordinary exception, or give a result with error set"
        elif not isinstance(given, (CycleResult, Exception)):
            yield f"of {what} it gave a {type(given).__name__}; give a CycleResult, or raise"
    if runs.told(runs.cycles()) != runs.first.told and can_compare:
        yield "after odd stimuli and a reset it gives something else than before; forget them in reset()"


def _odd_batch(runs: SubstrateRuns) -> Iterator[str]:
    answered = [what for what, given in runs.odd.items() if isinstance(given, CycleResult)]
    runs.system.reset()
    try:
        results = runs.system.run_batch([ODD_STIMULI[what] for what in answered], runs.params)
    except Exception as error:  # noqa: BLE001 - a foreign system may raise anything
        yield f"{raised(error)} in a batch of stimuli that it takes one by one; give one result each, with error set"
        return
    if len(results) != len(answered):
        yield f"a batch of {len(answered)} odd stimuli gave {len(results)} results; give one per stimulus"


def _failure(runs: SubstrateRuns) -> Iterator[str]:
    if runs.failing is UNSET:
        raise NotTriedError("no stimulus is known of which nothing can be measured; give failing=")
    runs.system.reset()
    try:
        result = runs.system.run_cycle(runs.failing, runs.params)
    except Exception:  # noqa: BLE001 - any exception says that it failed
        return
    if not result.failed_to_measure:
        yield (
            f"of {shown(runs.failing)}, of which nothing can be measured, it gave {shown(result.raw)} and no error; "
            "set error, or raise: a value in its place is made up"
        )


def _are_results(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, CycleResult) for one in given)


def _not_plain(what: str, said: Any) -> Iterator[str]:
    if not isinstance(said, dict):
        yield f"{what} is {shown(said)}; give a dict"
        return
    try:
        read = json.loads(canonical_bytes(said))
    except Exception as error:  # noqa: BLE001 - a foreign value may fail in any way
        yield f"{what} is no plain JSON: {raised(error)}; give plain values"
        return
    if read != said:
        yield f"{what} reads back as {shown(read)} and was {shown(said)}; give lists, not tuples"


_CHECKS: Final[Mapping[str, Check[SubstrateRuns]]] = {
    "contract": _contract,
    "cycles": _cycles,
    "results": _results,
    "name": _name,
    "revision": _revision,
    "reset": _reset,
    "results stay": _results_stay,
    "batch": _batch,
    "batch as cycles": _batch_as_cycles,
    "empty batch": _empty_batch,
    "inputs unchanged": _unchanged,
    "no params": _no_params,
    "state": _state,
    "metadata": _metadata,
    "odd stimuli": _odd_stimuli,
    "odd batch": _odd_batch,
    "failure": _failure,
}
