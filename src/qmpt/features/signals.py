# SPDX-License-Identifier: Apache-2.0
"""The features of numeric series, such as sensor channels or logits: level, spread, memory and regularity.

The payload of an observation is a list of numbers, one per channel and always as many; None marks a value that was
not measured. The series of a channel are its values in the order of time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from qmpt.data.values import LARGEST
from qmpt.errors import ConfigError, DataError
from qmpt.features.base import UNDEFINED_SHARE, BaseFeatureSpec, MissingValues, stacked
from qmpt.features.text_statistics import entropy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.data.models import Observation

    Groups = dict[str, list[Observation]]
    Matrix = NDArray[np.float64]

__all__ = ["SIGNAL_STATISTICS", "NumericFeatureSpec", "lempel_ziv", "permutation_entropy", "signal_statistics"]

SIGNAL_STATISTICS: Final = ("mean", "mad", "lag1", "permutation_entropy", "lempel_ziv")
"""Names of the statistics of one channel, in the order of the columns."""


_ORDER: Final = 3
_LEAST_SERIES: Final = 10
"""Values below which memory and regularity are not estimated."""


def signal_statistics(values: Matrix) -> dict[str, float]:
    """The statistics of one series that are defined.

    ``mad`` is the median absolute deviation; ``lag1`` the autocorrelation at lag one, in [-1, 1], undefined for a
    constant series. From ten values on.

    Args:
        values: shape (n,), finite.

    Example:
        >>> import numpy as np
        >>> found = signal_statistics(np.array([1.0, -1.0] * 10))
        >>> found["mean"], found["mad"], round(found["lag1"], 2)
        (0.0, 1.0, -0.95)
    """
    import numpy as np

    if not values.size:
        return {}
    # sums of values near the largest float would overflow; a power of two scales without rounding
    scale = math.ldexp(1.0, math.frexp(float(np.abs(values).max()))[1] - 1)
    scaled = values / scale
    center = float(np.median(scaled))
    # rounding must not carry it beyond the values: equal ones have exactly that mean
    mean = min(max(math.fsum(scaled.tolist()) / len(values), float(scaled.min())), float(scaled.max()))
    mad = float(np.median(np.abs(scaled - center)))
    found = {"mean": mean * scale, "mad": mad * scale}
    if len(values) < _LEAST_SERIES:
        return found
    found["permutation_entropy"] = permutation_entropy(scaled)
    found["lempel_ziv"] = lempel_ziv(scaled > center)
    deviations = scaled - mean
    power = float(deviations @ deviations)
    if power > len(values) * np.finfo(float).eps ** 2:
        found["lag1"] = float(deviations[1:] @ deviations[:-1]) / power
    return found


def permutation_entropy(values: Matrix, order: int = _ORDER) -> float:
    """Entropy of the orders of neighbouring values as a share of its maximum: 0 for a ramp, towards 1 for noise.

    Bandt and Pompe, Physical Review Letters 88 (2002). Equal values are ordered as they come.

    Args:
        values: shape (n,), n at least ``order``.
        order: neighbours that are compared.

    Example:
        >>> import numpy as np
        >>> permutation_entropy(np.arange(10.0))
        0.0
    """
    import numpy as np

    windows = np.lib.stride_tricks.sliding_window_view(values, order)
    patterns = np.argsort(windows, axis=1, kind="stable") @ (order ** np.arange(order))
    counts = np.unique(patterns, return_counts=True)[1]
    return entropy(counts.tolist()) / math.log2(math.factorial(order))


def lempel_ziv(bits: NDArray[np.bool_]) -> float:
    """Phrases of the Lempel-Ziv parsing of 1978, times log2(n)/n: about 1 for fair coin flips of great length.

    Lempel and Ziv, IEEE Transactions on Information Theory 24 (1978). Linear in the length; short series lie above 1.

    Args:
        bits: shape (n,), n at least 2.

    Example:
        >>> import numpy as np
        >>> round(lempel_ziv(np.zeros(1000, dtype=bool)), 2)
        0.45
    """
    children: dict[tuple[int, bool], int] = {}
    node = phrases = 0
    for bit in bits.tolist():
        following = children.get((node, bit))
        if following is None:
            phrases += 1
            children[node, bit] = phrases
            node = 0
        else:
            node = following
    phrases += node != 0
    return phrases * math.log2(len(bits)) / len(bits)


class NumericFeatureSpec(BaseFeatureSpec):
    """Features of numeric channels: `SIGNAL_STATISTICS` for each, and the share that was undefined.

    Args:
        modality: of the observations that are read: ``numeric``, ``eeg``, ``logits`` or another.

    Attributes:
        channels_: numbers per observation, set by `fit`.

    Example:
        >>> from qmpt.data.models import Observation
        >>> seen = [
        ...     Observation(obs_id=str(i), pattern_id="a", timestamp=i, modality="numeric", payload=[i, 1.0])
        ...     for i in range(3)
        ... ]
        >>> spec = NumericFeatureSpec()
        >>> spec.fit_transform(seen)[0, :2].tolist(), spec.feature_names_[:2]
        ([1.0, 1.0], ('mean[0]', 'mad[0]'))
    """

    id = "numeric_v1"
    channels_: int

    def __init__(self, *, modality: str = "numeric") -> None:
        if not modality:
            raise ConfigError(f"modality is {modality!r}; give the name of a modality")
        self.modalities = (modality,)

    @property
    def config(self) -> dict[str, Any]:
        """What the numbers depend on."""
        return {"modality": self.modalities[0]}

    def _learn(self, groups: Groups) -> Matrix:
        first = next((one for group in groups.values() for one in group), None)
        if first is None:
            raise DataError(f"no observation has the modality {self.modalities[0]!r}; give some, or leave it out")
        self.channels_ = len(_numbers(first))
        if self.channels_ == 0:
            raise DataError(f"the observation {first.obs_id!r} holds 0 numbers; give at least 1")
        self._names = tuple(f"{name}[{channel}]" for channel in range(self.channels_) for name in SIGNAL_STATISTICS)
        raw = stacked(groups, self._names, self._statistics_of)
        self._missing = MissingValues().fit(raw)
        self.feature_names_ = (*self._names, UNDEFINED_SHARE)
        return self._missing.fill(raw)

    def _rows(self, groups: Groups) -> Matrix:
        return self._missing.fill(stacked(groups, self._names, self._statistics_of))

    def _statistics_of(self, group: list[Observation]) -> dict[str, float]:
        import numpy as np

        rows = np.array([self._row(one) for one in group]).reshape(len(group), self.channels_)
        found: dict[str, float] = {}
        for channel, column in enumerate(rows.T):
            measured = column[~np.isnan(column)]
            found |= {f"{name}[{channel}]": value for name, value in signal_statistics(measured).items()}
        return found

    def _row(self, observation: Observation) -> list[float]:
        row = _numbers(observation)
        if len(row) != self.channels_:
            raise DataError(
                f"the observation {observation.obs_id!r} holds {len(row)} numbers, and the first of "
                f"{self.modalities[0]!r} held {self.channels_}; give as many in each, None for one not measured"
            )
        return row


def _numbers(observation: Observation) -> list[float]:
    """The numbers of a payload, NaN for one that was not measured."""
    payload: Any = observation.payload
    if not isinstance(payload, list | tuple):
        raise DataError(
            f"the observation {observation.obs_id!r} has the modality {observation.modality!r}, but its payload is "
            f"{type(payload).__name__}; give a list of numbers"
        )
    for place, value in enumerate(payload):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or _too_large(value)):
            raise DataError(
                f"the observation {observation.obs_id!r} holds {value!r:.40} at place {place}; give a number between "
                f"-{LARGEST:g} and {LARGEST:g}, or None where none was measured"
            )
    return [math.nan if value is None else float(value) for value in payload]


def _too_large(value: float) -> bool:
    return abs(value) > LARGEST  # false for NaN, which counts as not measured
