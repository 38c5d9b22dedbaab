# SPDX-License-Identifier: Apache-2.0
"""Find observations by pattern, layer, modality, tag and time; group observations and patterns.

An index is made once of observations that are in memory. It holds their positions, not copies.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from qmpt.data.models import Observation, Pattern
from qmpt.data.values import timestamp

__all__ = ["ObservationIndex", "by_layer", "by_pattern"]


class ObservationIndex:
    """Observations in the order of their time; equal times stay in the order in which they were given.

    A range of time is found in O(log n), also within one pattern, layer, modality or tag; with several conditions the
    ranges are intersected.

    Args:
        observations: any number of them.
        patterns: ``pattern_id`` -> pattern, for `select` by layer; patterns that are missing here have no layer.

    Attributes:
        observations: all of them in order.

    Example:
        >>> def seen(number, pattern, modality):
        ...     return Observation(
        ...         obs_id=str(number), pattern_id=pattern, timestamp=number, modality=modality, payload=None
        ...     )
        >>> index = ObservationIndex([seen(2, "a", "text"), seen(1, "b", "text"), seen(3, "a", "belief")])
        >>> [found.obs_id for found in index.select(pattern="a", start=0, end=3)]
        ['2']
        >>> index.span()
        (1.0, 3.0)
    """

    def __init__(self, observations: Iterable[Observation], patterns: Mapping[str, Pattern] | None = None) -> None:
        self.observations = sorted(observations, key=lambda observation: observation.timestamp)
        self._times = [observation.timestamp for observation in self.observations]
        self._groups: dict[tuple[str, str], list[int]] = {}
        layers = {name: pattern.layer_id for name, pattern in (patterns or {}).items()}
        for place, observation in enumerate(self.observations):
            for group in _groups_of(observation, layers):
                self._groups.setdefault(group, []).append(place)

    def __len__(self) -> int:
        return len(self.observations)

    def select(
        self,
        *,
        pattern: str | None = None,
        layer: str | None = None,
        modality: str | None = None,
        tag: str | None = None,
        start: Any = None,
        end: Any = None,
    ) -> list[Observation]:
        """The observations that meet every condition, in order.

        Args:
            pattern: its ``pattern_id``.
            layer: the ``layer_id`` of its pattern.
            modality: its modality.
            tag: one of its tags.
            start: the first time that counts, in any form that `qmpt.data.values.timestamp` reads.
            end: the first time that no longer counts.

        Raises:
            ValueError: a time cannot be read.
        """
        low = -math.inf if start is None else timestamp(start)
        high = math.inf if end is None else timestamp(end)
        asked = {"pattern": pattern, "layer": layer, "modality": modality, "tag": tag}
        groups = [self._groups.get((kind, name), []) for kind, name in asked.items() if name is not None]
        if not groups:
            return self.observations[bisect_left(self._times, low) : bisect_left(self._times, high)]
        rarest, *others = sorted((self._between(group, low, high) for group in groups), key=len)
        wanted = set(rarest).intersection(*others)
        return [self.observations[place] for place in rarest if place in wanted]

    def names(self, kind: Literal["pattern", "layer", "modality", "tag"]) -> dict[str, int]:
        """What there is of one kind, in the order of its first appearance, and how many observations it has."""
        return {name: len(places) for (group, name), places in self._groups.items() if group == kind}

    def span(self) -> tuple[float, float] | None:
        """The first and the last time, or None where there is no observation."""
        return (self._times[0], self._times[-1]) if self._times else None

    def _between(self, group: list[int], low: float, high: float) -> list[int]:
        times = self._times.__getitem__
        return group[bisect_left(group, low, key=times) : bisect_left(group, high, key=times)]


def by_pattern(observations: Iterable[Observation]) -> dict[str, list[Observation]]:
    """The observations of each pattern, patterns and observations in the order of their appearance.

    Example:
        >>> seen = Observation(obs_id="1", pattern_id="a", timestamp=0, modality="text", payload="hi")
        >>> list(by_pattern([seen]))
        ['a']
    """
    groups: dict[str, list[Observation]] = {}
    for observation in observations:
        groups.setdefault(observation.pattern_id, []).append(observation)
    return groups


def by_layer(patterns: Mapping[str, Pattern]) -> dict[str, dict[str, Pattern]]:
    """The patterns of each layer, in the order of their appearance.

    Example:
        >>> {layer: list(found) for layer, found in by_layer({"a": Pattern(pattern_id="a", layer_id="L")}).items()}
        {'L': ['a']}
    """
    groups: dict[str, dict[str, Pattern]] = {}
    for name, pattern in patterns.items():
        groups.setdefault(pattern.layer_id, {})[name] = pattern
    return groups


def _groups_of(observation: Observation, layers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "pattern", observation.pattern_id
    yield "modality", observation.modality
    if (layer := layers.get(observation.pattern_id)) is not None:
        yield "layer", layer
    for tag in dict.fromkeys(observation.tags):
        yield "tag", tag
