# SPDX-License-Identifier: Apache-2.0
"""Named numbers inside payloads as observations of their own, so that a specification of signals can read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from qmpt.data.models import Observation
from qmpt.errors import DataError

__all__ = ["names_of_numbers", "numeric_observations"]


def names_of_numbers(observations: Iterable[Observation]) -> list[str]:
    """The names of all numbers in the payloads, sorted.

    Example:
        >>> seen = {"obs_id": "1", "pattern_id": "a", "timestamp": 0, "modality": "text"}
        >>> names_of_numbers([Observation(payload={"text": "", "numbers": {"files": 2, "age": 1}}, **seen)])
        ['age', 'files']
    """
    return sorted({name for observation in observations for name in _numbers(observation)})


def numeric_observations(observations: Iterable[Observation], names: Iterable[str]) -> Iterator[Observation]:
    """One observation of modality ``numeric`` for each that has named numbers; the others give none.

    Args:
        observations: payloads ``{"numbers": {name: number}, ...}``, or anything else.
        names: which numbers, in the order of the new payload; one that is not there becomes None.

    Raises:
        DataError: what stands for a number is none.

    Example:
        >>> seen = {"obs_id": "1", "pattern_id": "a", "timestamp": 0, "modality": "text"}
        >>> one = Observation(payload={"text": "", "numbers": {"files": 2}}, **seen)
        >>> [(found.obs_id, found.payload) for found in numeric_observations([one], ["age", "files"])]
        [('1#numbers', [None, 2])]
    """
    order = list(names)
    for observation in observations:
        numbers = _numbers(observation)
        if not numbers:
            continue
        values = [numbers.get(name) for name in order]
        for name, value in zip(order, values, strict=True):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise DataError(f"observation {observation.obs_id!r}: {name} is {value!r:.80}; give a number or None")
        yield Observation(
            obs_id=f"{observation.obs_id}#numbers",
            pattern_id=observation.pattern_id,
            timestamp=observation.timestamp,
            modality="numeric",
            payload=values,
            tags=observation.tags,
        )


def _numbers(observation: Observation) -> dict[str, Any]:
    numbers = observation.payload.get("numbers") if isinstance(observation.payload, dict) else None
    return numbers if isinstance(numbers, dict) else {}
