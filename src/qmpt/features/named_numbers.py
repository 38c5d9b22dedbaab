# SPDX-License-Identifier: Apache-2.0
"""Features of the named numbers that come with acts and texts: lines of a commit, tokens of a call.

Such numbers are counts and sizes with long tails, and they come with acts, not at regular times. Their level and their
upper end are taken on a logarithmic scale; memory and regularity, as of a signal, are not asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qmpt.data.values import LARGEST
from qmpt.errors import ConfigError, DataError
from qmpt.features.base import UNDEFINED_SHARE, BaseFeatureSpec, MissingValues, stacked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.data.models import Observation

    Groups = dict[str, list[Observation]]
    Matrix = NDArray[np.float64]

__all__ = ["NumbersFeatureSpec", "signed_log"]


def signed_log(value: float) -> float:
    """sign(x) log(1 + |x|): near the value itself around 0, a logarithm far from it.

    Example:
        >>> signed_log(0.0), round(signed_log(-99.0), 3)
        (0.0, -4.605)
    """
    return math.copysign(math.log1p(abs(value)), value)


class NumbersFeatureSpec(BaseFeatureSpec):
    """Median and 90th percentile of each number, after `signed_log`, and the share that was undefined.

    Args:
        names: of the numbers, in the order of the payload; see `qmpt.data.numbers.numeric_observations`.
        modality: of the observations that are read.

    Raises:
        ConfigError: there is no name.

    Example:
        >>> from qmpt.data.models import Observation
        >>> seen = [
        ...     Observation(obs_id=str(i), pattern_id="a", timestamp=i, modality="numeric", payload=[i])
        ...     for i in range(3)
        ... ]
        >>> spec = NumbersFeatureSpec(["files"])
        >>> spec.fit_transform(seen).round(3).tolist(), spec.feature_names_
        ([[0.693, 1.018, 0.0]], ('files_median', 'files_p90', 'undefined_share'))
    """

    id = "numbers_v1"

    def __init__(self, names: Sequence[str], *, modality: str = "numeric") -> None:
        if not names:
            raise ConfigError("0 names of numbers are given; give at least 1")
        self.names = tuple(names)
        self.modalities = (modality,)

    @property
    def config(self) -> dict[str, Any]:
        """What the numbers depend on."""
        return {"names": list(self.names), "modality": self.modalities[0]}

    def _learn(self, groups: Groups) -> Matrix:
        self._columns = tuple(f"{name}_{part}" for name in self.names for part in ("median", "p90"))
        raw = stacked(groups, self._columns, self._statistics_of)
        self._missing = MissingValues().fit(raw)
        self.feature_names_ = (*self._columns, UNDEFINED_SHARE)
        return self._missing.fill(raw)

    def _rows(self, groups: Groups) -> Matrix:
        return self._missing.fill(stacked(groups, self._columns, self._statistics_of))

    def _statistics_of(self, group: list[Observation]) -> dict[str, float]:
        import numpy as np

        found: dict[str, float] = {}
        for place, name in enumerate(self.names):
            values = [signed_log(_finite(one.payload[place], one, name)) for one in group if _has(one, place)]
            if values:
                median, upper = np.quantile(values, [0.5, 0.9]).tolist()
                found |= {f"{name}_median": median, f"{name}_p90": upper}
        return found


def _has(observation: Observation, place: int) -> bool:
    payload: Any = observation.payload
    return isinstance(payload, list) and place < len(payload) and payload[place] is not None


def _finite(value: Any, observation: Observation, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise DataError(
            f"the observation {observation.obs_id!r} has {value!r:.40} for {name}; give a number between "
            f"-{LARGEST:g} and {LARGEST:g}, or None"
        )
    return float(value)
