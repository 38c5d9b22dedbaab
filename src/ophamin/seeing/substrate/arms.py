# SPDX-License-Identifier: Apache-2.0
"""`Arms`: the same stimulus through two or more systems, in an order that is drawn anew each time.

A stimulus that every arm sees is its own control: what makes one record harder than the next leaves the difference
(a randomised block design; Fisher, The Design of Experiments, 1935). The random order keeps what changes with time,
such as a warm cache, from settling on one arm. Nothing is compared here: each cycle is admitted with the name of its
arm and the number of its pair, and the plan says what becomes of them.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from functools import partial
from threading import Lock
from typing import Any, Final, final

from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError, ObservationError, nearest_name
from ophamin.seeing.substrate.function import as_substrate
from ophamin.seeing.substrate.recording import Admit, RecordingSubstrate

__all__ = ["ARM", "PAIR", "Arms"]

ARM: Final = "arm"
"""Key under which each cycle is admitted with the name of its arm."""
PAIR: Final = "pair"
"""Key under which each cycle of `Arms.run` is admitted with the number of its pair, from 0."""


@final
class Arms:
    """Two or more systems that are compared on the same stimuli.

    The keys `ARM` and `PAIR` are seen by whoever admits the cycles and never by a system. Two stimuli of equal text
    are two pairs.

    Args:
        systems: name of the arm -> system under test, or any callable; at least two.
        admit: called once per cycle with stimulus, params and these two keys, result, and seconds.
        rng: seed or generator of the order; the same seed gives the same orders.
        self_comparison: the arms may be one and the same object, as in an A/A run that measures the noise.

    Raises:
        ClaimError: fewer than two arms, a name that is no text, or one object in two arms.

    Example:
        >>> rows = []
        >>> arms = Arms({"base": len, "head": lambda text: len(text) + 1}, lambda *row: rows.append(row), 7)
        >>> {name: result.raw["value"] for name, result in arms.run("four").items()}
        {'base': 4, 'head': 5}
        >>> sorted((params["arm"], params["pair"]) for _, params, _, _ in rows)
        [('base', 0), ('head', 0)]
    """

    def __init__(
        self, systems: Mapping[str, Any], admit: Admit, rng: int | random.Random, *, self_comparison: bool = False
    ) -> None:
        if len(systems) < 2:
            raise ClaimError(f"{len(systems)} arms are given; a comparison takes two or more, such as base and head")
        for name in systems:
            if not isinstance(name, str) or not name.strip():
                raise ClaimError(f"{name!r} names no arm; an arm is named by a text, such as 'base'")
        bare = {name: _bare(system) for name, system in systems.items()}
        if not self_comparison:
            _refuse_one_object_twice(bare)
        wrapped = {id(system): as_substrate(system) for system in bare.values()}
        self._systems = {name: wrapped[id(system)] for name, system in bare.items()}
        self.self_comparison = self_comparison
        self._admit = admit
        self._rng = random.Random(rng) if isinstance(rng, int) else rng  # noqa: S311 - an order, not a secret
        self._pairs = 0
        self._lock = Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """The arms, in the order in which they were declared."""
        return tuple(self._systems)

    def run(self, stimulus: Any, /, **params: Any) -> dict[str, CycleResult]:
        """One pair: the stimulus through every arm, in an order drawn for this pair.

        An arm whose system raises gives a result with ``error``; the others run all the same, and the pair is
        incomplete. Each arm is given a copy of its own of stimulus and params, so that none sees what another one
        changed in them.

        Args:
            stimulus: what is put in; of a corpus record, its text.
            params: the configuration of this cycle, the same for every arm.

        Returns:
            One result per arm, in declared order.

        Raises:
            ClaimError: a param is named ``arm`` or ``pair``.
            ObservationError: the stimulus or a param cannot be copied, as an iterator cannot; a system gave an output
                with the key ``arm`` or ``pair``, or something else than a result.
        """
        _refuse_own_keys(params)
        given = stimulus.content if isinstance(stimulus, CorpusRecord) else stimulus
        inputs = {name: (_own_copy(given), _own_copy(params)) for name in self._systems}
        with self._lock:
            pair = self._pairs
            self._pairs += 1
            order = list(self._systems)
            self._rng.shuffle(order)
        results = {name: self._recording(name, pair).run_cycle(*inputs[name]) for name in order}
        return {name: results[name] for name in self._systems}

    def reset(self) -> None:
        """Reset every system once; the numbers of the pairs and the drawing of orders go on."""
        for system in {id(system): system for system in self._systems.values()}.values():
            system.reset()

    def reseed(self, seed: int) -> None:
        """Draw the orders from another seed, before the first pair."""
        self._rng = random.Random(seed)  # noqa: S311 - an order, not a secret

    def metadata(self) -> dict[str, Any]:
        """What each system says of itself, by arm, and whether one may be compared with itself."""
        said = {name: system.metadata() for name, system in self._systems.items()}
        return {"arms": said, "self_comparison": self.self_comparison}

    def __getitem__(self, name: str) -> RecordingSubstrate:
        """One arm alone; what goes through it is admitted with its name and without a pair."""
        if name not in self._systems:
            raise ClaimError(f"no arm is named {name!r}; {nearest_name(str(name), self._systems)}")
        return self._recording(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._systems)

    def __len__(self) -> int:
        return len(self._systems)

    def _recording(self, name: str, pair: int | None) -> RecordingSubstrate:
        return RecordingSubstrate(self._systems[name], partial(self._admit_as, name, pair))

    def _admit_as(
        self,
        name: str,
        pair: int | None,
        stimulus: Any,
        params: Mapping[str, Any] | None,
        result: CycleResult,
        seconds: float,
    ) -> None:
        _refuse_own_keys(params or {})
        for key in (ARM, PAIR):
            if result.raw.get(key) is not None:
                raise ObservationError(
                    f"the output of the arm {name!r} has the key {key!r}, under which the comparison itself keeps "
                    f"which cycles belong together; rename it there, for example to {'system_' + key!r}"
                )
        own = {ARM: name} if pair is None else {ARM: name, PAIR: pair}
        self._admit(stimulus, {**(params or {}), **own}, result, seconds)


def _bare(system: Any) -> Any:
    """The system below a recording one, whose cycles would else be admitted twice."""
    while isinstance(system, RecordingSubstrate):
        system = system.inner
    return system


def _refuse_one_object_twice(systems: Mapping[str, Any]) -> None:
    seen: dict[int, str] = {}
    for name, system in systems.items():
        other = seen.setdefault(id(system), name)
        if other != name:
            raise ClaimError(
                f"the arms {other!r} and {name!r} are one and the same object; to compare a system "
                "with itself give two instances of it, or declare an A/A run with self_comparison=True"
            )


def _refuse_own_keys(params: Mapping[str, Any]) -> None:
    for key in (ARM, PAIR):
        if key in params:
            raise ClaimError(
                f"a param is named {key!r}, under which the comparison itself keeps its cycles; rename the param"
            )


def _own_copy(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception as problem:
        raise ObservationError(
            f"a {type(value).__name__} cannot be copied for each arm ({problem}); give data, such as a text or a list"
        ) from problem
