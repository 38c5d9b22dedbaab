# SPDX-License-Identifier: Apache-2.0
"""`FunctionSubstrate`: any callable, sync or async, as a system under test.

The callable's answer is kept as it is; an exception becomes a cycle with ``error`` set, never a value.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.protocols import SubstrateProbe
from ophamin.seeing.substrate.base import SubstrateUnderTest, as_under_test

if TYPE_CHECKING:
    from ophamin.seeing.substrate.loop import PrivateLoop

__all__ = ["FunctionSubstrate", "as_substrate", "error_result", "stimulus_name"]

_NAME_LENGTH: Final = 200
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


class FunctionSubstrate(SubstrateUnderTest):
    """Wraps ``function(stimulus)``, or ``function(stimulus, **params)`` where a cycle has params.

    What the function gives becomes a `CycleResult`: one passes as it is; a mapping becomes ``raw`` (a bool under its
    key ``success`` is the success); a bool is value and success; a dataclass or a pydantic model becomes ``raw`` by
    its fields; anything else is ``raw["value"]`` of a success. An exception gives ``success=False`` and ``error``.

    Args:
        function: sync or async; its method ``reset()``, where it has one, is called by `reset`.
        name: in records; by default the name of the function.
        commit: revision of the function; by default the commit of the tree that holds its source file.

    Raises:
        ClaimError: ``function`` cannot be called.

    Example:
        >>> FunctionSubstrate(len).run_cycle("four").raw
        {'value': 4}
        >>> FunctionSubstrate(int).run_cycle("x").error
        "ValueError: invalid literal for int() with base 10: 'x'"
    """

    def __init__(self, function: Callable[..., Any], *, name: str | None = None, commit: str | None = None) -> None:
        if not callable(function):
            raise ClaimError(f"{function!r} cannot be called; give a function of one stimulus")
        self.function = function
        self.name = name if name is not None else _name_of(function)
        self._commit = commit
        self._dirty: bool | None = None
        self._loop: PrivateLoop | None = None

    def git_commit(self) -> str:
        """The given commit, else that of the tree with the source file, else an empty text.

        A function that was installed into an environment has none, even where a repository holds the environment.
        """
        if self._commit is None:
            self._commit, self._dirty = _revision_of(self.function)
        return self._commit

    def reset(self) -> None:
        """Call the function's own ``reset``, where it has one."""
        own = getattr(self.function, "reset", None)
        if callable(own):
            own()

    def run_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None) -> CycleResult:
        """Call the function once; an awaitable answer is awaited on a loop of this substrate's own.

        That works also where a loop runs in this thread already, which then waits; `arun_cycle` does not make it wait.
        """
        name = stimulus_name(stimulus)
        try:
            answer = self.function(stimulus, **params) if params else self.function(stimulus)
            if type(answer) not in _PLAIN and inspect.isawaitable(answer):
                answer = self._own_loop().run(answer)
            return _as_result(answer, name)
        except Exception as problem:  # noqa: BLE001 - whatever the system raises is what the cycle says
            return error_result(problem, name)

    async def arun_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None) -> CycleResult:
        """The same on the loop that runs now."""
        name = stimulus_name(stimulus)
        try:
            answer = self.function(stimulus, **params) if params else self.function(stimulus)
            if type(answer) not in _PLAIN and inspect.isawaitable(answer):
                answer = await answer
            return _as_result(answer, name)
        except Exception as problem:  # noqa: BLE001 - whatever the system raises is what the cycle says
            return error_result(problem, name)

    def metadata(self) -> dict[str, Any]:
        """Name, revision, the function's module and name, and whether its tree had uncommitted changes."""
        known = {"name": self.name, "git_commit": self.git_commit(), "kind": "function"}
        target = inspect.unwrap(_unbound(self.function))
        where = getattr(target, "__module__", None), getattr(target, "__qualname__", None)
        known["function"] = ".".join(part for part in where if part)
        return known if self._dirty is None else {**known, "git_dirty": self._dirty}

    def close(self) -> None:
        """Close the private loop, where an async function had needed one; the next cycle opens a new one."""
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def _own_loop(self) -> PrivateLoop:
        if self._loop is None:
            from ophamin.seeing.substrate.loop import PrivateLoop

            self._loop = PrivateLoop()
            weakref.finalize(self, self._loop.close)
        return self._loop


def as_substrate(system: Any) -> SubstrateUnderTest:
    """A system under test out of what a project offers as one.

    Args:
        system: a `SubstrateUnderTest`, an object with the methods of one, or any callable.

    Raises:
        ClaimError: it is none of these.

    Example:
        >>> as_substrate(len).name
        'len'
    """
    if isinstance(system, type):
        raise ClaimError(f"the class {system.__name__} is no substrate; give an object of it, {system.__name__}(...)")
    if isinstance(system, (SubstrateUnderTest, SubstrateProbe)) or not callable(system):
        return as_under_test(system)
    return FunctionSubstrate(system)


def stimulus_name(stimulus: Any) -> str:
    """How a stimulus is named in a result: a corpus record by its id, anything else by its text; 200 characters.

    >>> stimulus_name(["a", 1])
    "['a', 1]"
    """
    if isinstance(stimulus, CorpusRecord):
        return stimulus.id[:_NAME_LENGTH]
    return (stimulus if isinstance(stimulus, str) else str(stimulus))[:_NAME_LENGTH]


def error_result(problem: Exception, stimulus_id: str | None) -> CycleResult:
    """The cycle that an exception stands for."""
    return CycleResult(0, False, stimulus_id=stimulus_id, error=f"{type(problem).__name__}: {problem}")


_PLAIN: Final = frozenset({CycleResult, dict, bool, int, float, str, type(None)})


def _as_result(answer: Any, stimulus_id: str) -> CycleResult:
    if isinstance(answer, CycleResult):
        return answer
    answer = _plain_scalar(answer)
    if isinstance(answer, bool):
        return CycleResult(0, answer, {"value": answer}, stimulus_id=stimulus_id)
    fields = _fields_of(answer)
    if fields is None:
        return CycleResult(0, True, {"value": answer}, stimulus_id=stimulus_id)
    for key in fields:
        if not isinstance(key, str):
            raise TypeError(f"the system gave the key {key!r} of type {type(key).__name__}; keys are text")
    success = _plain_scalar(fields.get("success", True))
    return CycleResult(0, success if isinstance(success, bool) else True, fields, stimulus_id=stimulus_id)


def _plain_scalar(value: Any) -> Any:
    """Numbers of numpy and its kin as Python's own; anything else untouched."""
    if type(value) in _PLAIN or getattr(value, "shape", None) != () or not hasattr(value, "item"):
        return value
    return value.item()


def _fields_of(answer: Any) -> dict[str, Any] | None:
    """The named parts of an answer, or None where it has none."""
    if isinstance(answer, Mapping):
        return dict(answer)
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        return {part.name: getattr(answer, part.name) for part in dataclasses.fields(answer)}
    if callable(dump := getattr(answer, "model_dump", None)) and not isinstance(answer, type):
        return dict(dump())
    return None


def _unbound(function: Any) -> Any:
    """The function below partial objects and bound methods; the class of any other callable object."""
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    return function if hasattr(function, "__qualname__") else type(function)


def _name_of(function: Any) -> str:
    name: str = getattr(_unbound(function), "__name__", "function")
    return "function" if name == "<lambda>" else name


def _revision_of(function: Any) -> tuple[str, bool | None]:
    from ophamin.core.environment import git_facts

    try:
        source = inspect.getsourcefile(inspect.unwrap(_unbound(function)))
    except TypeError:  # built into the interpreter
        return "", None
    if source is None or not Path(source).is_file() or _INSTALLED.intersection(Path(source).parts):
        return "", None
    facts = git_facts(Path(source).resolve().parent)
    return (facts.commit, facts.dirty) if facts.commit else ("", None)
