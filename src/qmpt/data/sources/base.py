# SPDX-License-Identifier: Apache-2.0
"""What every importer has in common: a source reads another program's files and gives observations with their patterns.

An importer reads, normalises and names; it computes no feature and no score. Payloads follow one rule, so that a
feature can be asked of every source: ``text`` is what was written, ``numbers`` are named numbers (see
`qmpt.data.numbers`), and ``action``, ``ok``, ``cost`` and ``object`` describe one act.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from qmpt.data.models import Layer, Observation, Pattern
from qmpt.errors import SourceError

__all__ = ["Entry", "Population", "Source"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One observation, and what is known of its pattern.

    Attributes:
        observation: what was seen.
        layer_id: the layer of its pattern.
        metadata: of its pattern; what the first entry says counts.
    """

    observation: Observation
    layer_id: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Population:
    """All that a source holds.

    Attributes:
        observations: in the order of the source.
        patterns: ``pattern_id`` -> pattern, in the order of their first observation.
        layers: ``layer_id`` -> layer, likewise.
        skipped: why something was left out -> how many.
    """

    observations: list[Observation]
    patterns: dict[str, Pattern]
    layers: dict[str, Layer]
    skipped: dict[str, int]


class Source(ABC):
    """Input of another program.

    Attributes:
        kind: the name under which `qmpt.data.sources.open_source` knows it.
        path: what was given.
        skipped: why something was left out -> how many; filled while the source is read.
    """

    kind: ClassVar[str]

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.skipped: Counter[str] = Counter()

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Read from the start, one entry after another.

        Raises:
            SourceError: the input is not in the form that this source reads.
        """

    @abstractmethod
    def inputs(self) -> dict[str, str]:
        """What was read: name -> digest, such as ``sha256:...``, for the record of a run."""

    def observations(self) -> Iterator[Observation]:
        """The observations alone, in memory that does not grow with the source."""
        for entry in self.entries():
            yield entry.observation

    def population(self) -> Population:
        """Read everything.

        Raises:
            SourceError: the input is not in order, or one id stands for two observations or for patterns of two
                layers.
        """
        observations: dict[str, Observation] = {}
        patterns: dict[str, Pattern] = {}
        layers: dict[str, Layer] = {}
        members: dict[str, list[str]] = {}
        for entry in self.entries():
            seen, layer_id = entry.observation, entry.layer_id
            if seen.obs_id in observations:
                raise SourceError(f"{self.path}: obs_id {seen.obs_id!r} comes twice; give each observation its own id")
            observations[seen.obs_id] = seen
            pattern = patterns.get(seen.pattern_id)
            if pattern is None:
                patterns[seen.pattern_id] = Pattern(
                    pattern_id=seen.pattern_id, layer_id=layer_id, metadata={"source": self.kind, **entry.metadata}
                )
                members.setdefault(layer_id, []).append(seen.pattern_id)
            elif pattern.layer_id != layer_id:
                raise SourceError(
                    f"{self.path}: the pattern {seen.pattern_id!r} is in the layers {pattern.layer_id!r} and "
                    f"{layer_id!r}; read them apart, or name one layer for all (layer=)"
                )
        for layer_id, names in members.items():
            layers[layer_id] = Layer(layer_id=layer_id, patterns=names)
        return Population(list(observations.values()), patterns, layers, dict(sorted(self.skipped.items())))
