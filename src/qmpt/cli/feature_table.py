# SPDX-License-Identifier: Apache-2.0
"""Features for a population without a configuration: everything that its observations hold and some feature can read.

Each modality is read by its own specification. Named numbers that come with texts and acts are one more modality.
Topics of texts come in where there are patterns enough for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.config.schemas import FeaturesConfig
    from qmpt.data.models import Observation
    from qmpt.features.base import FeatureSpec

__all__ = ["FeatureTable", "build_spec", "compute_features", "described", "readable_observations"]

PATTERNS_PER_TOPIC: Final = 20
MOST_TOPICS: Final = 32
FEWEST_FOR_TOPICS: Final = 100
"""Patterns below which topics are left out: an axis that was found in so few texts describes one of them."""


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Features of patterns.

    Attributes:
        ids: of the rows.
        names: of the columns.
        rows: shape (patterns, features).
        version: of the specification that made them.
        terms: name of a topic -> the words that weigh most in it.
        ignored: modality -> observations that no feature reads.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    rows: NDArray[np.float64]
    version: str
    terms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)


def readable_observations(observations: Sequence[Observation]) -> tuple[list[Observation], list[str]]:
    """The observations, and beside them the named numbers of their payloads as a modality of their own.

    Returns:
        The observations, and the names of the numbers; no names where there are none, or where the modality ``numeric``
        is taken by the source itself.

    Example:
        >>> from qmpt.data.models import Observation
        >>> one = Observation(
        ...     obs_id="1", pattern_id="a", timestamp=0, modality="text", payload={"text": "x", "numbers": {"files": 2}}
        ... )
        >>> [each.modality for each in readable_observations([one])[0]]
        ['text', 'numeric']
    """
    from qmpt.data.numbers import names_of_numbers, numeric_observations

    given = list(observations)
    if any(one.modality == "numeric" for one in given):
        return given, []
    names = names_of_numbers(given)
    return [*given, *numeric_observations(given, names)], names


def build_spec(
    observations: Sequence[Observation], numbers: Sequence[str] = (), config: FeaturesConfig | None = None
) -> FeatureSpec:
    """The specification that a configuration names, or one that reads all that is there.

    Args:
        observations: as `readable_observations` gives them.
        numbers: names of the numbers in the modality ``numeric``; none where these are signals.
        config: None for one that fits the observations.

    Raises:
        ConfigError: the configuration cannot be honoured.
        DataError: no specification reads any of the modalities.
    """
    import qmpt.features  # noqa: F401 - registers the specifications
    from qmpt.features.multimodal import MODALITY_SPECS, MultiModalFeatureSpec
    from qmpt.features.named_numbers import NumbersFeatureSpec
    from qmpt.features.registry import create_feature_spec

    if config is not None:
        return create_feature_spec(config.spec_id, **config.options())
    present = {one.modality for one in observations}
    wanted: dict[str, Any] = {name: {} for name in MODALITY_SPECS if name in present}
    if not wanted:
        raise DataError(
            f"the observations have the modalities {', '.join(sorted(present))}, and features read "
            f"{', '.join(MODALITY_SPECS)}; name a specification in the section features of --config"
        )
    if "text" in wanted:
        patterns = len({one.pattern_id for one in observations})
        wanted["text"] = {"blocks": ["statistics"]}
        if patterns >= FEWEST_FOR_TOPICS:
            wanted["text"] = {"n_components": min(MOST_TOPICS, patterns // PATTERNS_PER_TOPIC)}
    if numbers:
        wanted["numeric"] = NumbersFeatureSpec(numbers)
    return MultiModalFeatureSpec(modalities=wanted)


def compute_features(
    observations: Sequence[Observation], config: FeaturesConfig | None = None, columns: Sequence[str] = ()
) -> FeatureTable:
    """One row of features per pattern.

    Args:
        observations: of a population.
        config: None for features that fit the observations.
        columns: names of the numbers of a table, whose payloads are rows; none for signals.

    Raises:
        ConfigError: the configuration cannot be honoured.
        DataError: a payload cannot be read, or no feature reads any modality.

    Example:
        >>> from qmpt.data.models import Observation
        >>> seen = [
        ...     Observation(obs_id=str(i), pattern_id=f"p{i}", timestamp=i, modality="numeric", payload=[float(i)])
        ...     for i in range(3)
        ... ]
        >>> compute_features(seen).names[:2]
        ('numeric:mean[0]', 'numeric:mad[0]')
    """
    readable, numbers = readable_observations(observations)
    spec = build_spec(readable, numbers or columns, config)
    rows = spec.fit_transform(readable)
    return described(spec, rows)


def described(spec: FeatureSpec, rows: NDArray[np.float64]) -> FeatureTable:
    """Rows that a fitted specification has made, with what it says of them."""
    width = rows.shape[1]
    names = getattr(spec, "feature_names_", None) or [f"feature {place}" for place in range(width)]
    text = getattr(spec, "specs", {}).get("text", spec)
    prefix = "text:" if text is not spec else ""
    terms = {f"{prefix}{name}": tuple(words) for name, words in getattr(text, "topic_terms_", {}).items()}
    return FeatureTable(
        tuple(spec.pattern_ids_),  # type: ignore[attr-defined]  # every specification of the registry has it
        tuple(names),
        rows,
        str(getattr(spec, "feature_spec_version", spec.id)),
        terms,
        dict(getattr(spec, "ignored_", {})),
    )
