# SPDX-License-Identifier: Apache-2.0
"""What every feature specification does: it turns the observations of each pattern into one row of numbers.

`FeatureSpec` is the contract. A class that only looks like it does not inherit ``fit_transform``, so there is
`BaseFeatureSpec` to derive from; it groups the observations and keeps the order of the rows.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

from qmpt.errors import DataError
from qmpt.features.versions import version_string

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.data.models import Observation

    Groups = dict[str, list[Observation]]
    Matrix = NDArray[np.float64]

__all__ = ["BaseFeatureSpec", "FeatureSpec", "MissingValues", "group_by_pattern", "stacked"]

UNDEFINED_SHARE = "undefined_share"
"""Name of the column that tells how much of a row had to be filled."""


@runtime_checkable
class FeatureSpec(Protocol):
    """Anything that turns observations into a matrix with one row per pattern.

    Attributes:
        id: its name, such as ``text_v1``.
    """

    id: str

    def fit(self, observations: list[Observation]) -> FeatureSpec:
        """Learn from observations what `transform` needs; returns itself."""
        ...

    def transform(self, observations: list[Observation]) -> Matrix:
        """The features, shape (patterns, features), one row per pattern in the order of first appearance."""
        ...

    def fit_transform(self, observations: list[Observation]) -> Matrix:
        """Both, on the same observations."""
        return self.fit(observations).transform(observations)


class BaseFeatureSpec(ABC):
    """A feature specification that only has to say how groups of observations become rows.

    A pattern has a row as soon as any observation of it is given, also one of another modality; observations of
    modalities that the specification does not read are counted in ``ignored_`` and change no number.

    Attributes:
        id: its name.
        semver: version of its code.
        modalities: the modalities it reads.
        feature_names_: one name per column; set by `fit`.
        pattern_ids_: one id per row of the matrix that was made last.
        ignored_: modality -> observations of it that were not read in the last call.
    """

    id: str
    semver: ClassVar[str] = "1.0.0"
    modalities: tuple[str, ...]
    feature_names_: tuple[str, ...]
    pattern_ids_: tuple[str, ...]
    ignored_: dict[str, int]

    @property
    @abstractmethod
    def config(self) -> dict[str, Any]:
        """The resolved configuration, of plain values."""

    @property
    def feature_spec_version(self) -> str:
        """What is stored beside each row: ``<id>@<semver>+<digest of the configuration>``."""
        return version_string(self.id, self.semver, self.config)

    @abstractmethod
    def _learn(self, groups: Groups) -> Matrix:
        """Learn from groups and give their rows; sets ``feature_names_``."""

    @abstractmethod
    def _rows(self, groups: Groups) -> Matrix:
        """The rows of groups; only called after `_learn`, with at least one group."""

    def fit(self, observations: list[Observation]) -> Self:
        """Learn what `transform` needs.

        Raises:
            DataError: no observation at all, or a payload that cannot be read.
        """
        self.fit_transform(observations)
        return self

    def transform(self, observations: list[Observation]) -> Matrix:
        """One row per pattern in the order of first appearance; the ids are in ``pattern_ids_``.

        Returns:
            Shape (patterns, features), finite.

        Raises:
            DataError: it is not fitted, or a payload cannot be read.
        """
        if not hasattr(self, "feature_names_"):
            raise DataError(f"{self.id} is not fitted; call fit or fit_transform before transform")
        groups = self._grouped(observations)
        if not groups:
            import numpy as np

            return np.empty((0, len(self.feature_names_)))
        return self._rows(groups)

    def fit_transform(self, observations: list[Observation]) -> Matrix:
        """`fit` and `transform` on the same observations, reading them once.

        Raises:
            DataError: no observation at all, or a payload that cannot be read.
        """
        groups = self._grouped(observations)
        if not groups:
            raise DataError(f"{self.id} was given 0 observations to learn from; give at least 1")
        return self._learn(groups)

    def _grouped(self, observations: Iterable[Observation]) -> Groups:
        groups, self.ignored_ = group_by_pattern(observations, self.modalities)
        self.pattern_ids_ = tuple(groups)
        return groups


def group_by_pattern(
    observations: Iterable[Observation], modalities: Sequence[str]
) -> tuple[dict[str, list[Observation]], dict[str, int]]:
    """Observations of the wanted modalities by pattern, in the order of time, and how many others there were.

    Returns:
        Pattern id -> its observations, patterns in the order of first appearance, also those without an observation
        of a wanted modality; and other modality -> count.

    Example:
        >>> from qmpt.data.models import Observation
        >>> seen = [
        ...     Observation(obs_id="1", pattern_id="a", timestamp=9, modality="text", payload="later"),
        ...     Observation(obs_id="2", pattern_id="a", timestamp=5, modality="text", payload="earlier"),
        ...     Observation(obs_id="3", pattern_id="b", timestamp=5, modality="eeg", payload=[1]),
        ... ]
        >>> groups, ignored = group_by_pattern(seen, ["text"])
        >>> {name: [one.payload for one in group] for name, group in groups.items()}, ignored
        ({'a': ['earlier', 'later'], 'b': []}, {'eeg': 1})
    """
    groups: dict[str, list[Observation]] = {}
    ignored: Counter[str] = Counter()
    for one in observations:
        group = groups.setdefault(one.pattern_id, [])
        if one.modality in modalities:
            group.append(one)
        else:
            ignored[one.modality] += 1
    for group in groups.values():
        group.sort(key=lambda one: one.timestamp)
    return groups, dict(sorted(ignored.items()))


def stacked(
    groups: Groups, names: Sequence[str], statistics: Callable[[list[Observation]], Mapping[str, float]]
) -> Matrix:
    """One row of named statistics per group; NaN where a statistic is undefined, shape (groups, names)."""
    import numpy as np

    rows = np.full((len(groups), len(names)), math.nan)
    for row, group in enumerate(groups.values()):
        values = statistics(group)
        rows[row] = [values.get(name, math.nan) for name in names]
    return rows


class MissingValues:
    """Fills undefined statistics with the median of the fitted patterns, and says in one more column how many.

    A column that is undefined for every fitted pattern is filled with 0. The last column is the share of the
    statistics of the row that were undefined, in [0, 1].

    Example:
        >>> import numpy as np
        >>> MissingValues().fit(np.array([[1.0, np.nan], [3.0, np.nan]])).fill(np.array([[np.nan, 2.0]])).tolist()
        [[2.0, 2.0, 0.5]]
    """

    medians_: Matrix

    def fit(self, rows: Matrix) -> Self:
        """Take the medians of the defined values of each column."""
        import numpy as np

        columns = (column[~np.isnan(column)] for column in rows.T)
        self.medians_ = np.array([np.median(defined) if defined.size else 0.0 for defined in columns])
        return self

    def fill(self, rows: Matrix) -> Matrix:
        """The filled rows and the share column, shape (rows, columns + 1)."""
        import numpy as np

        undefined = np.isnan(rows)
        return np.column_stack([np.where(undefined, self.medians_, rows), undefined.mean(axis=1)])
