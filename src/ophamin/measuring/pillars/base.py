# SPDX-License-Identifier: Apache-2.0
"""What the pillars share: their registry, how they read a run's columns, and what one says that cannot compute.

A pillar is a small frozen value, configured where it is used. It informs; it decides nothing.
"""

from __future__ import annotations

import math
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from typing import Any, ClassVar

from ophamin.core.canonical import canonical_bytes
from ophamin.core.environment import library_version
from ophamin.core.evidence import PillarEvidence
from ophamin.core.plugins import PluginProtocolViolationError, Registry
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError, OphaminError, nearest_name
from ophamin.measuring.observations import Cycles
from ophamin.protocols import Pillar

__all__ = [
    "PILLARS",
    "NonUniformComputeError",
    "NotComputableError",
    "PillarBase",
    "complete_rows",
    "library_version",
    "numbers",
    "pillar_text",
    "resolve_conditions",
    "resolve_pillars",
]

PILLARS: Registry[Pillar] = Registry("pillar", Pillar, "ophamin.pillars", key=lambda pillar: pillar.pillar_name)


class NotComputableError(OphaminError, ValueError):
    """The run does not allow this statistic; the message becomes the reason of a skipped row of evidence."""


class NonUniformComputeError(OphaminError, NotImplementedError):
    """A third party's pillar cannot be computed from cycles and records alone; none of ours raises it."""


class PillarBase(ABC):
    """A pillar that reads columns: a subclass writes `measure` and, where the run does not allow it, raises.

    Attributes:
        pillar_name: name in the registry and in records, such as ``O.spc``.
        library: distribution that computes it.
        columns: keys of the rows that it reads, so that the trial keeps them.
    """

    pillar_name: ClassVar[str]
    library: ClassVar[str]

    @property
    def library_version(self) -> str:
        """Version of the library that is installed; ``unknown`` where it is not."""
        return library_version(self.library)

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys of the rows that it reads; none by default, which reads the claimed ones."""
        return ()

    @abstractmethod
    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The evidence of a run.

        Raises:
            NotComputableError: the run does not allow it; the message says why.
        """

    def compute(self, cycle_results: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The evidence of a run, or a skipped row that says why there is none; warnings go into the detail."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                row = self.measure(cycle_results, records)
            except NotComputableError as error:
                row = self.skipped(str(error))
            except ImportError as error:
                row = self.skipped(f"{error}; install the extra that brings {self.library}")
        told = list(dict.fromkeys(str(one.message).strip() for one in caught))
        return row if not told else _with_detail(row, {"warnings": told[:20]})

    def evidence(self, statistic: str, value: float | None, **fields: Any) -> PillarEvidence:
        """A row of evidence under this pillar's name and library; other fields as in `PillarEvidence`."""
        return PillarEvidence(self.pillar_name, statistic, value, self.library, self.library_version, **fields)

    def skipped(self, reason: str) -> PillarEvidence:
        """A row that says why nothing was computed."""
        return self.evidence("not computed", None, cross_check="skipped", detail={"reason": reason})


def resolve_pillars(named: Iterable[Any]) -> tuple[Pillar, ...]:
    """The pillars of a plan: values as they are, names looked up.

    Raises:
        UnknownPluginError: no pillar of that name; the nearest is suggested.
        PluginProtocolViolationError: a value that is no pillar.
    """
    pillars: list[Pillar] = []
    for one in named:
        pillar = PILLARS.get(one) if isinstance(one, str) else one
        if not isinstance(pillar, Pillar):
            raise PluginProtocolViolationError(Pillar, pillar)
        pillars.append(pillar)
    return tuple(pillars)


def resolve_conditions(named: Iterable[Any]) -> tuple[Pillar, ...]:
    """The pillars that a verdict depends on; each has a method ``condition(row)`` that reads its own evidence.

    Raises:
        UnknownPluginError: no pillar of that name.
        PluginProtocolViolationError: a value that is no pillar.
        ClaimError: a pillar that states no condition.
    """
    pillars = resolve_pillars(named)
    for pillar in pillars:
        if not callable(getattr(pillar, "condition", None)):
            raise ClaimError(
                f"{pillar.pillar_name} informs and states no condition; give it under pillars=. A condition is a "
                "pillar with a method condition(row), such as srm('arm', base=0.5, head=0.5)"
            )
    return pillars


def pillar_text(pillar: Pillar) -> str:
    """A pillar with its configuration, as a plan's digest holds it.

    >>> class Counting:
    ...     pillar_name = "X.count"
    >>> pillar_text(Counting())
    'X.count'
    """
    given: Any = pillar
    if not is_dataclass(given):
        return str(pillar.pillar_name)
    values = {one.name: _plain(getattr(given, one.name)) for one in fields(given)}
    return f"{pillar.pillar_name} {canonical_bytes(values).decode('ascii')}"


def _plain(value: Any) -> Any:
    """A configured value without addresses: what is no plain value is named by its type and its public settings."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = [_plain(part) for part in value]
        return sorted(parts, key=str) if isinstance(value, (set, frozenset)) else parts
    if hasattr(value, "get_params"):  # an estimator of scikit-learn
        return {type(value).__qualname__: _plain(value.get_params())}
    return getattr(value, "__qualname__", None) or type(value).__qualname__


def complete_rows(cycles: Sequence[CycleResult], names: Sequence[str]) -> tuple[dict[str, list[Any]], int]:
    """The values of several keys, over the rows that could be measured and carry them all.

    Args:
        cycles: of the run.
        names: keys; dotted for nested output.

    Returns:
        Name -> values, all of one length; and how many rows were left out. A list may be the run's own: do not change
        it.

    Raises:
        NotComputableError: no row carries a key; the nearest known one is named.

    Example:
        >>> complete_rows([CycleResult(0, True, {"phi": 0.5, "arm": "a"}), CycleResult(1, True, {"phi": 0.4})], ["phi"])
        ({'phi': [0.5, 0.4]}, 0)
    """
    if isinstance(cycles, Cycles):
        columns = {name: cycles.table.column(name) for name in names}
        bad = set(cycles.table.errors)
    else:
        columns = {name: [_read(cycle, name) for cycle in cycles] for name in names}
        bad = {row for row, cycle in enumerate(cycles) if cycle.failed_to_measure}
    if not bad and len(cycles) and not any(type(None) in set(map(type, values)) for values in columns.values()):
        return {name: values if isinstance(values, list) else list(values) for name, values in columns.items()}, 0
    for name, values in columns.items():
        if all(value is None for value in values):
            raise NotComputableError(f"no row carries {name!r}; {nearest_name(name, _known(cycles))}")
    kept = [
        row
        for row in range(len(cycles))
        if row not in bad and all(values[row] is not None for values in columns.values())
    ]
    return {name: [values[row] for row in kept] for name, values in columns.items()}, len(cycles) - len(kept)


def numbers(values: Iterable[Any], name: str) -> list[float]:
    """Values as floats.

    Raises:
        NotComputableError: one is a text or not finite.

    Example:
        >>> numbers([True, 2, 0.5], "phi")
        [1.0, 2.0, 0.5]
    """
    given = values if isinstance(values, list) else list(values)
    kinds = set(map(type, given))
    if kinds == {float} and math.isfinite(sum(given)):
        return given
    if kinds <= {bool, int, float}:
        with suppress(OverflowError):  # an integer that no float can hold
            told = list(map(float, given))
            if all(map(math.isfinite, told)):
                return told
    for row, value in enumerate(given):
        if not isinstance(value, (bool, int, float)) or not abs(value) < math.inf or abs(value) > sys.float_info.max:
            raise NotComputableError(f"{name!r} holds {str(value)[:40]!r} in row {row}; it takes finite numbers alone")
    return [float(value) for value in given]


def _known(cycles: Sequence[CycleResult]) -> list[str]:
    """Keys that at least one row carries."""
    if isinstance(cycles, Cycles):
        return [*cycles.table.names, "stimulus"]
    return sorted({key for cycle in cycles for key in cycle.raw})


def _read(cycle: CycleResult, name: str) -> Any:
    value: Any = cycle.raw.get(name)
    if value is not None:
        return value
    value = cycle.raw
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None and name == "success":
        return cycle.success
    if value is None and name == "stimulus":
        return cycle.stimulus_id
    return cycle.to_metric_bundle().flat().get(name) if value is None else value


def _with_detail(row: PillarEvidence, more: Mapping[str, Any]) -> PillarEvidence:
    return replace(row, detail={**row.detail, **more})
