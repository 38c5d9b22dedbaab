# SPDX-License-Identifier: Apache-2.0
"""`RecordingSubstrate`, the proxy that stands between a test and its system and sees every cycle.

It keeps nothing and judges nothing: each cycle is handed to whoever asked to admit it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final, TypeAlias

from ophamin.core.shapes import CycleResult
from ophamin.errors import ObservationError
from ophamin.seeing.substrate.base import SubstrateUnderTest
from ophamin.seeing.substrate.function import error_result, stimulus_name

__all__ = ["Admit", "RecordingSubstrate"]

Admit: TypeAlias = Callable[[Any, Mapping[str, Any] | None, CycleResult, float], object]
"""Called for each cycle with stimulus, params, result and the seconds that the system took."""

_OWN: Final = frozenset({"_inner", "_admit", "_run"})


class RecordingSubstrate(SubstrateUnderTest):
    """A system under test that forwards everything to another one and hands on each cycle.

    An exception that the system raises becomes a `CycleResult` with ``error`` set, admitted and given back like any
    other; an answer that is no `CycleResult` raises ObservationError. Attributes are read from, and set on, the inner
    system.

    Args:
        inner: the system.
        admit: called once per cycle, in order.

    Example:
        >>> from ophamin.seeing.substrate.function import FunctionSubstrate
        >>> seen = []
        >>> recording = RecordingSubstrate(FunctionSubstrate(len), lambda *cycle: seen.append(cycle))
        >>> recording.run_cycle("four").raw, len(seen)
        ({'value': 4}, 1)
    """

    _inner: SubstrateUnderTest
    _admit: Admit
    _run: Callable[[Any, Mapping[str, Any] | None], CycleResult]

    def __init__(self, inner: SubstrateUnderTest, admit: Admit) -> None:
        own = object.__setattr__
        own(self, "_inner", inner)
        own(self, "_admit", admit)
        own(self, "_run", inner.run_cycle)  # bound once: this is the hot path

    @property
    def name(self) -> str:  # type: ignore[override] # read-only, as the inner
        """The inner system's name."""
        return self._inner.name

    @property
    def inner(self) -> SubstrateUnderTest:
        """The system itself; what runs through it is not recorded."""
        return self._inner

    def run_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None, **named: Any) -> CycleResult:
        """One cycle through the inner system; named arguments join the params and win over them."""
        if named:
            params = {**(params or {}), **named}
        started = perf_counter()
        try:
            result = self._run(stimulus, params)
        except Exception as problem:  # noqa: BLE001 - whatever the system raises is what the cycle says
            result = error_result(problem, stimulus_name(stimulus))
        seconds = perf_counter() - started
        if type(result) is not CycleResult:
            _check_result(self.name, result)
        self._admit(stimulus, params, result, seconds)
        return result

    async def arun_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None, **named: Any) -> CycleResult:
        """The same for an inner system with ``arun_cycle``; one without it runs, and blocks, in this thread."""
        inner_arun = getattr(self._inner, "arun_cycle", None)
        if inner_arun is None:
            return self.run_cycle(stimulus, params, **named)
        if named:
            params = {**(params or {}), **named}
        started = perf_counter()
        try:
            result: CycleResult = await inner_arun(stimulus, params)
        except Exception as problem:  # noqa: BLE001 - whatever the system raises is what the cycle says
            result = error_result(problem, stimulus_name(stimulus))
        seconds = perf_counter() - started
        if type(result) is not CycleResult:
            _check_result(self.name, result)
        self._admit(stimulus, params, result, seconds)
        return result

    def run_batch(
        self, stimuli: Sequence[Any], params: Mapping[str, Any] | None = None, **named: Any
    ) -> list[CycleResult]:
        """All stimuli through the inner system's own batch way; each cycle counts an equal share of the time.

        An exception out of the batch makes every cycle of it an error, since which of them ran is not known.

        Raises:
            ObservationError: the system gave more or fewer results than stimuli, or something else than results;
                nothing is admitted.
        """
        given = list(stimuli)
        if named:
            params = {**(params or {}), **named}
        started = perf_counter()
        try:
            results = list(self._inner.run_batch(given, params))
        except Exception as problem:  # noqa: BLE001 - whatever the system raises is what the cycles say
            results = [error_result(problem, stimulus_name(stimulus)) for stimulus in given]
            for index, result in enumerate(results):
                result.cycle_index = index
        seconds = perf_counter() - started
        if len(results) != len(given):
            raise ObservationError(
                f"{self.name} gave {len(results)} results for {len(given)} stimuli; run_batch gives one per stimulus, "
                "in order, with error set where a cycle failed"
            )
        for result in results:
            _check_result(self.name, result)
        for stimulus, result in zip(given, results, strict=True):
            self._admit(stimulus, params, result, seconds / len(given))
        return results

    def reset(self) -> None:
        """Reset the inner system."""
        self._inner.reset()

    def git_commit(self) -> str:
        """The inner system's revision."""
        return self._inner.git_commit()

    def capture_state(self) -> dict[str, Any]:
        """The inner system's state."""
        return self._inner.capture_state()

    def metadata(self) -> dict[str, Any]:
        """What the inner system says of itself."""
        return self._inner.metadata()

    def __getattr__(self, name: str) -> Any:
        if name in _OWN:  # while the object is being copied or unpickled
            raise AttributeError(name)
        return getattr(self._inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._inner, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._inner, name)


def _check_result(name: str, result: object) -> None:
    if not isinstance(result, CycleResult):
        raise ObservationError(
            f"{name} gave a {type(result).__name__} for a cycle; run_cycle gives a CycleResult; a function that "
            "gives something else is wrapped in FunctionSubstrate"
        )
