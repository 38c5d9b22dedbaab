# SPDX-License-Identifier: Apache-2.0
"""The layers of an input with the features of their patterns, from traces or from what ``qmpt features`` kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qmpt.cli.feature_table import FeatureTable, compute_features
from qmpt.cli.populations import enough_people, is_human
from qmpt.data.models import Observation, Pattern
from qmpt.errors import DataError, InsufficientEvidence

if TYPE_CHECKING:
    from qmpt.cli.populations import Reading
    from qmpt.config.schemas import FeaturesConfig

__all__ = ["FEATURES_FILE", "FeaturedLayer", "description", "featured_layers", "kept_features"]

FEATURES_FILE: Final = "features.json"
FEATURES_FORMAT: Final = "qmpt-features/1"
_MAX_BYTES: Final = 2**28


@dataclass(frozen=True, slots=True)
class FeaturedLayer:
    """One population with its features.

    Attributes:
        layer_id: the layer.
        patterns: id -> pattern.
        table: features; None where they cannot be had.
        observations: of the patterns; empty where the features came from a file.
        reason: why there are no features.
        columns: names of the numbers of a table; empty for other sources.
    """

    layer_id: str
    patterns: dict[str, Pattern]
    table: FeatureTable | None
    observations: list[Observation] = field(default_factory=list)
    reason: str = ""
    columns: tuple[str, ...] = ()

    @property
    def people(self) -> bool:
        """Whether any pattern is a person."""
        return any(is_human(pattern) for pattern in self.patterns.values())

    def counts(self) -> dict[str, int]:
        """Pattern -> number of observations."""
        return dict(Counter(one.pattern_id for one in self.observations))

    def patterns_with_features(self) -> dict[str, Pattern]:
        """The patterns, each with its row of features and the version of what made it."""
        if self.table is None:
            return self.patterns
        rows = dict(zip(self.table.ids, self.table.rows, strict=True))
        return {
            name: one.model_copy(update={"features": rows[name], "feature_spec_version": self.table.version})
            if name in rows
            else one
            for name, one in self.patterns.items()
        }


def featured_layers(reading: Reading, config: FeaturesConfig | None = None) -> list[FeaturedLayer]:
    """Compute the features of each layer of a population, each from its own patterns alone.

    A layer whose features cannot be had, for too few people or patterns, says why instead.

    Args:
        reading: the population.
        config: of the features; None for all that fit.

    Raises:
        ConfigError: the configuration cannot be honoured.
        DataError: a payload cannot be read.
    """
    groups: dict[str, list[Observation]] = {layer_id: [] for layer_id in reading.population.layers}
    patterns = reading.population.patterns
    for one in reading.population.observations:
        groups[patterns[one.pattern_id].layer_id].append(one)
    found = []
    for layer_id, observations in groups.items():
        members = {name: patterns[name] for name in reading.population.layers[layer_id].patterns}
        try:
            enough_people(members.values(), layer_id)
            table = compute_features(observations, config, reading.columns)
        except InsufficientEvidence as error:
            found.append(FeaturedLayer(layer_id, members, None, observations, str(error)))
        else:
            found.append(FeaturedLayer(layer_id, members, table, observations, columns=reading.columns))
    return found


def kept_features(folder: Path) -> list[FeaturedLayer] | None:
    """The layers that ``qmpt features`` kept in a folder, or None where it kept none there.

    Raises:
        DataError: the files are not as ``qmpt features`` left them, do not belong together, or cannot be read.
    """
    import numpy as np

    from qmpt.data.files import open_regular
    from qmpt.data.indexing import by_layer
    from qmpt.data.io import load_patterns
    from qmpt.runs import read_kept

    file = folder / FEATURES_FILE
    if not file.is_file():
        return None
    read_kept(folder, [FEATURES_FILE, "patterns.jsonl"])
    with open_regular(file) as handle:
        data = handle.read(_MAX_BYTES)
    try:
        described: Any = json.loads(data)
        if described["format"] != FEATURES_FORMAT:
            raise ValueError(f"format {described['format']!r}")
        layers = dict(described["layers"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{file} does not describe features: {error}; run qmpt features again") from None
    found = []
    for layer_id, patterns in by_layer(load_patterns(folder / "patterns.jsonl")).items():
        enough_people(patterns.values(), layer_id)
        told = layers.get(layer_id)
        rows = {name: one.features for name, one in patterns.items() if one.features is not None}
        if told is None or not rows:
            found.append(FeaturedLayer(layer_id, patterns, None, reason="no pattern of this layer has features"))
            continue
        names = tuple(map(str, told.get("names", ())))
        if {len(row) for row in rows.values()} != {len(names)}:
            raise DataError(f"{folder}: features of the layer {layer_id!r} do not fit their names; run it again")
        terms = {name: tuple(words) for name, words in told.get("terms", {}).items()}
        table = FeatureTable(tuple(rows), names, np.vstack(list(rows.values())), str(told.get("version")), terms)
        found.append(FeaturedLayer(layer_id, patterns, table))
    return found


def description(layers: Sequence[FeaturedLayer]) -> dict[str, Any]:
    """What is kept beside the rows: names, version and words of the topics, by layer."""
    return {
        "format": FEATURES_FORMAT,
        "layers": {
            one.layer_id: {
                "names": list(one.table.names),
                "version": one.table.version,
                "terms": {name: list(words) for name, words in one.table.terms.items()},
                "ignored": dict(one.table.ignored),
            }
            for one in layers
            if one.table is not None
        },
    }
