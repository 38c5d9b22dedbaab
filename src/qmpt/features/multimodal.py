# SPDX-License-Identifier: Apache-2.0
"""Several modalities side by side, each as one block of columns.

Each block is scaled robustly and then divided by the square root of its width, so that its columns together have about
the weight of one. That matters for what takes the matrix as it is and adds columns up: Euclidean distances, nearest
neighbours, clusters, principal axes and kernel densities with one bandwidth. A wide block does not decide those alone.
It changes nothing for what scales every column anew or does not depend on the units of columns: trees, histogram
densities, Mahalanobis distances, and with them the score of `qmpt.metrics.anomaly`, which standardises every column in
each of its modes. There a block counts by its columns; to have it count less, give it fewer, or score the modalities
one by one.

Where a pattern has no observation of a modality its block is zero, which is the middle of the others, and a column of
0 and 1, which is not weighted, says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from qmpt.errors import ConfigError, DataError, nearest_name
from qmpt.features.base import BaseFeatureSpec, FeatureSpec
from qmpt.features.registry import create_feature_spec, feature_spec_class

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.data.models import Observation

    Groups = dict[str, list[Observation]]
    Matrix = NDArray[np.float64]

__all__ = ["MODALITY_SPECS", "MultiModalFeatureSpec"]

MODALITY_SPECS: Final[Mapping[str, str]] = {
    "text": "text_v1",
    "behavior": "behavior_v1",
    "numeric": "numeric_v1",
    "eeg": "numeric_v1",
    "logits": "numeric_v1",
}
"""Modality -> name of the specification that reads it where none is named."""

_NORMAL_IQR: Final = 1.3489795003921634
"""Interquartile range of the standard normal distribution."""
_ROUNDING: Final = 8.0 * 2.0**-52
"""Spread, as a share of the values themselves, up to which they differ by rounding alone."""


class MultiModalFeatureSpec(BaseFeatureSpec):
    """Features of several modalities, each by a specification of its own.

    The columns of a modality are scaled by median and interquartile range and divided by the square root of their
    number; the module says for which uses that weight matters, and for which it does not.

    Args:
        modalities: names from `MODALITY_SPECS`; or a mapping from any modality to a specification, or to its
            configuration with ``spec_id``.

    Attributes:
        specs: modality -> the specification that reads it.

    Raises:
        ConfigError: no modality at all, one that no specification reads, or an unreadable configuration.

    Example:
        >>> from qmpt.data.models import Observation
        >>> seen = [
        ...     Observation(obs_id="1", pattern_id="a", timestamp=0, modality="numeric", payload=[1.0]),
        ...     Observation(obs_id="2", pattern_id="b", timestamp=0, modality="numeric", payload=[3.0]),
        ...     Observation(obs_id="3", pattern_id="c", timestamp=0, modality="text", payload="hello"),
        ... ]
        >>> spec = MultiModalFeatureSpec(modalities=["numeric"])
        >>> matrix = spec.fit_transform(seen)
        >>> matrix[:, spec.feature_names_.index("numeric:missing")].tolist(), spec.ignored_
        ([0.0, 0.0, 1.0], {'text': 1})
    """

    id = "multimodal_v1"
    specs: dict[str, FeatureSpec]

    def __init__(
        self, *, modalities: Sequence[str] | Mapping[str, FeatureSpec | Mapping[str, Any]] = ("text", "behavior")
    ) -> None:
        if isinstance(modalities, str) or not modalities:
            raise ConfigError(f"modalities is {modalities!r}; give a list of some of {', '.join(MODALITY_SPECS)}")
        wanted = modalities if isinstance(modalities, Mapping) else dict.fromkeys(modalities, None)
        self.specs = {modality: _spec_of(modality, wish) for modality, wish in wanted.items()}
        self.modalities = tuple(self.specs)

    @property
    def config(self) -> dict[str, Any]:
        """What the numbers depend on: the version of each specification."""
        return {modality: getattr(spec, "feature_spec_version", spec.id) for modality, spec in self.specs.items()}

    def _learn(self, groups: Groups) -> Matrix:
        import numpy as np

        names: list[str] = []
        parts: list[Matrix] = []
        self._scales: dict[str, tuple[Matrix, Matrix]] = {}
        for modality, spec in self.specs.items():
            observations, present = _of_modality(groups, modality)
            if not observations:
                raise DataError(f"no observation has the modality {modality!r}; give some, or leave it out")
            rows = _rows_of(spec.fit_transform(observations), len(present), modality)
            self._scales[modality] = _center_and_scale(rows)
            parts.append(self._placed(rows, present, modality, len(groups)))
            columns = getattr(spec, "feature_names_", None) or [str(place) for place in range(rows.shape[1])]
            names += [f"{modality}:{name}" for name in (*columns, "missing")]
        self.feature_names_ = tuple(names)
        return np.hstack(parts)

    def _rows(self, groups: Groups) -> Matrix:
        import numpy as np

        parts: list[Matrix] = []
        for modality, spec in self.specs.items():
            observations, present = _of_modality(groups, modality)
            width = len(self._scales[modality][0])
            rows = spec.transform(observations) if observations else np.empty((0, width))
            parts.append(self._placed(_rows_of(rows, len(present), modality), present, modality, len(groups)))
        return np.hstack(parts)

    def _placed(self, rows: Matrix, present: list[int], modality: str, patterns: int) -> Matrix:
        """The scaled rows at the places of their patterns, zeros elsewhere, and the column of what is missing."""
        import numpy as np

        center, scale = self._scales[modality]
        block = np.zeros((patterns, rows.shape[1] + 1))
        block[:, -1] = 1.0
        block[present, :-1] = (rows - center) / scale / math.sqrt(rows.shape[1])
        block[present, -1] = 0.0
        return block


def _spec_of(modality: str, wish: FeatureSpec | Mapping[str, Any] | None) -> FeatureSpec:
    if wish is not None and not isinstance(wish, Mapping):
        return wish
    options = dict(wish or {})
    spec_id = options.pop("spec_id", MODALITY_SPECS.get(modality))
    if spec_id is None:
        raise ConfigError(
            f"no feature specification reads the modality {modality!r}; {nearest_name(modality, MODALITY_SPECS)}; "
            f"or name one: {{{modality!r}: {{'spec_id': ...}}}}"
        )
    if issubclass(cast("type", feature_spec_class(spec_id)), BaseFeatureSpec):
        options.setdefault("modality", modality)
    return create_feature_spec(spec_id, **options)


def _of_modality(groups: Groups, modality: str) -> tuple[list[Observation], list[int]]:
    """The observations of one modality, and the places of the patterns that have any."""
    observations: list[Observation] = []
    present: list[int] = []
    for place, group in enumerate(groups.values()):
        wanted = [one for one in group if one.modality == modality]
        observations += wanted
        if wanted:
            present.append(place)
    return observations, present


def _rows_of(rows: Matrix, patterns: int, modality: str) -> Matrix:
    if len(rows) != patterns:
        raise DataError(
            f"the specification of {modality!r} gave {len(rows)} rows for {patterns} patterns; it must give one each"
        )
    return rows


def _center_and_scale(rows: Matrix) -> tuple[Matrix, Matrix]:
    """Median and normal-consistent interquartile range; where that is 0 the mean deviation, where that is 0 one.

    What is no more than the rounding of the values counts as 0, or dividing by it would make a column of noise loud.
    """
    import numpy as np

    low, center, high = np.quantile(rows, [0.25, 0.5, 0.75], axis=0)
    scale = (high - low) / _NORMAL_IQR
    rounding = _ROUNDING * np.maximum(np.abs(low), np.abs(high))
    scale = np.where(scale > rounding, scale, np.abs(rows - center).mean(axis=0))
    return center, np.where(scale > rounding, scale, 1.0)
