# SPDX-License-Identifier: Apache-2.0
"""The runs that a system under test is tried on, and what of two runs can be compared.

Nothing is judged here; `ophamin.checks.substrate` does that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from ophamin.checks.report import NotTriedError, shown
from ophamin.core.shapes import CycleResult

__all__ = ["ODD_STIMULI", "UNSET", "Run", "SubstrateRuns", "difference"]

UNSET: Final = object()
"""Stands where None would be a value."""

ODD_STIMULI: Final[Mapping[str, Any]] = {
    "an empty text": "",
    "white space": " \t\r\n\u2028",
    "text in many scripts": "na\u00efve \u4f60\u597d \u0645\u0631\u062d\u0628\u0627 \U0001f9ea e\u0301",
    "control characters": "a\x00b\x1b[31mc\u202ed",
    "half of a surrogate pair": "a\ud800b",
    "a text of 100,000 characters": "word " * 20_000,
    "nothing": None,
}
"""Stimuli that a corpus may hold and few authors think of, by what they are."""


class Run(NamedTuple):
    """What a run over the stimuli gave: the part of each result that can be compared, and how they were numbered."""

    told: list[dict[str, Any]]
    indices: list[int]


@dataclass(frozen=True)
class SubstrateRuns:
    """A system and how it is run.

    Attributes:
        system: what is tried.
        stimuli: what it ordinarily takes.
        params: of every cycle.
        deterministic: whether its author says that two runs give the same.
        ignore: keys of ``raw`` that are not compared.
        failing: a stimulus of which nothing can be measured, or `UNSET`.
    """

    system: Any
    stimuli: tuple[Any, ...]
    params: Mapping[str, Any] | None = None
    deterministic: bool = True
    ignore: frozenset[str] = frozenset()
    failing: Any = UNSET

    def cycles(self) -> list[Any]:
        """One result per stimulus, run one by one after a reset."""
        self.system.reset()
        return [self.system.run_cycle(stimulus, self.params) for stimulus in self.stimuli]

    def batch(self) -> Any:
        """What the system gives for all stimuli at once after a reset."""
        self.system.reset()
        return self.system.run_batch(list(self.stimuli), self.params)

    def told(self, results: Sequence[CycleResult]) -> list[dict[str, Any]]:
        """What of each result is the same each time, part by part, in a form that can be compared."""
        return [
            {
                "success": one.success,
                "halt_mode": one.halt_mode,
                "stimulus_id": one.stimulus_id,
                "error": one.error,
                **{f"raw[{key!r}]": _comparable(one.raw[key]) for key in one.raw if key not in self.ignore},
            }
            for one in results
        ]

    @cached_property
    def first(self) -> Run:
        """The first run that is compared with others."""
        return self._run()

    @cached_property
    def again(self) -> Run:
        """The run after it."""
        return self._run()

    @property
    def repeats(self) -> bool:
        """Whether two runs can be compared: the author says so, and the same stimuli gave the same after a reset."""
        return self.deterministic and self.first.told == self.again.told

    @cached_property
    def odd(self) -> dict[str, Any]:
        """What the system gives for each odd stimulus, one after the other; an exception where it raises one."""
        self.system.reset()
        given: dict[str, Any] = {}
        for what, stimulus in ODD_STIMULI.items():
            try:
                given[what] = self.system.run_cycle(stimulus, self.params)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign system may refuse it in any way
                given[what] = error
        return given

    def _run(self) -> Run:
        results = self.cycles()
        return Run(self.told(results), [one.cycle_index for one in results])

    def require_deterministic(self) -> None:
        """Do nothing where the author says that two runs give the same.

        Raises:
            NotTriedError: the author says that they do not.
        """
        if not self.deterministic:
            raise NotTriedError("it draws at random, deterministic=False: no two runs can be compared")

    def require_repeats(self) -> None:
        """Do nothing where two runs can be compared.

        Raises:
            NotTriedError: they cannot.
        """
        self.require_deterministic()
        if not self.repeats:
            raise NotTriedError("the same stimuli give something else after a reset: no two runs can be compared")


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The first part in which two results differ, in words.

    >>> difference({"success": True, "raw['phi']": 0.5}, {"success": True})
    "raw['phi'] is 0.5 and absent"
    """
    for part in {**one, **other}:
        first, second = one.get(part, UNSET), other.get(part, UNSET)
        if first != second:
            texts = ["absent" if value is UNSET else shown(value) for value in (first, second)]
            return f"{part} is {texts[0]} and {texts[1]}"
    return "nothing differs"


def _comparable(value: Any) -> Any:
    """A value that equals another of the same content: not-a-number as text, arrays as lists."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {key: _comparable(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_comparable(part) for part in value]
    return _comparable(value.tolist()) if callable(getattr(value, "tolist", None)) else value
