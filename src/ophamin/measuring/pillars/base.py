# SPDX-License-Identifier: Apache-2.0
"""What the pillars share: their registry, how they read a run's columns, and what one says that cannot compute.

A pillar is a small frozen value, configured where it is used. It informs; it decides nothing.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

from ophamin.core.evidence import PillarEvidence
from ophamin.core.plugins import PluginProtocolViolationError, Registry
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import OphaminError, nearest_name
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


def library_version(distribution: str) -> str:
    """Version of an installed distribution; ``unknown`` where it is not installed.

    >>> library_version("no such distribution")
    'unknown'
    """
    try:
        return version(distribution)
    except (PackageNotFoundError, ValueError):
        return "unknown"


def complete_rows(cycles: Sequence[CycleResult], names: Sequence[str]) -> tuple[dict[str, list[Any]], int]:
    """The values of several keys, over the rows that could be measured and carry them all.

    Args:
        cycles: of the run.
        names: keys; dotted for nested output.

    Returns:
        Name -> values, all of one length; and how many rows were left out.

    Raises:
        NotComputableError: no row carries a key; the nearest known one is named.

    Example:
        >>> complete_rows([CycleResult(0, True, {"phi": 0.5, "arm": "a"}), CycleResult(1, True, {"phi": 0.4})], ["phi"])
        ({'phi': [0.5, 0.4]}, 0)
    """
    if isinstance(cycles, Cycles):
        table = cycles.table
        columns = {name: table.column(name) for name in names}
        known: Iterable[str] = [*table.names, "stimulus"]
        failed: Iterable[int] = table.errors
    else:
        columns = {name: [_read(cycle, name) for cycle in cycles] for name in names}
        known = sorted({key for cycle in cycles for key in cycle.raw})
        failed = [row for row, cycle in enumerate(cycles) if cycle.failed_to_measure]
    for name, values in columns.items():
        if all(value is None for value in values):
            raise NotComputableError(f"no row carries {name!r}; {nearest_name(name, known)}")
    bad = set(failed)
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
    told: list[float] = []
    for row, value in enumerate(values):
        if not isinstance(value, (bool, int, float)) or not math.isfinite(value):
            raise NotComputableError(f"{name!r} holds {str(value)[:40]!r} in row {row}; it takes finite numbers alone")
        told.append(float(value))
    return told


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
    from dataclasses import replace

    return replace(row, detail={**row.detail, **more})
