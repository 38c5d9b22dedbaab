# SPDX-License-Identifier: Apache-2.0
"""The noise floor of a claim: how far two runs of one system differ, and the file that keeps it.

A system is run against itself, in pairs, at the planned number of units (an A/A calibration). What such pairs differ by
is noise; a bar or a margin below it cannot be told from noise. The floor depends on the machine, which is therefore
kept with it. Nothing here runs a system.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from ophamin.core.canonical import MAX_SAFE_INTEGER
from ophamin.core.files import slug, write_atomic
from ophamin.core.jsontext import indented
from ophamin.core.machine import differences, machine_class
from ophamin.core.records import Real, TextDict, construct, exact_fields, record
from ophamin.core.strictjson import load
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.measuring.inference.values import finite_numbers, inverted_cdf, require_share

__all__ = [
    "FORMAT",
    "Floor",
    "FloorError",
    "Floors",
    "NoiseFloor",
    "foreign",
    "noise_floor",
    "pairs_needed",
    "read_floors",
    "refuse_below",
    "write_floor",
]

FORMAT: Final = "ophamin-floor/1"
MAX_PAIRS: Final = 2000
MAX_FILES: Final = 1000
MAX_BYTES: Final = 2**18

_DERIVED: Final = ("floor", "n_pairs", "machine_class")
_KEPT: Final = ("claim_digest", "scenario", "statistic", "level", "n_units", "estimates", "machine", "created_at")


class FloorError(OphaminError, ValueError):
    """A floor file cannot be written or read; the message says why."""


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """The quantile of the distances between paired runs of one system.

    Attributes:
        value: the floor, in the unit of the statistic, at least 0; None where there are too few pairs.
        level: which quantile.
        n_pairs: number of pairs.
        reason: why there is no value; empty where there is one.
    """

    value: float | None
    level: float
    n_pairs: int
    reason: str = ""


def pairs_needed(level: float = 0.95) -> int:
    """The smallest number of pairs whose quantile of this level is not simply the largest distance.

    Raises:
        ClaimError: the level does not lie between 0 and 1.

    Example:
        >>> pairs_needed(0.95), pairs_needed(0.99), pairs_needed(0.5)
        (20, 100, 2)
    """
    require_share(level)
    n = max(2, math.ceil(1.0 / (1.0 - level)) - 1)
    while (n - 1) / n < level:
        n += 1
    return n


def noise_floor(pairs: Sequence[tuple[float, float]], level: float = 0.95) -> NoiseFloor:
    """The ``level`` quantile of |A - A'| over pairs of runs (inverted distribution function).

    A new pair lies above the floor of n pairs with a probability of (n + 1 - ceil(n level)) / (n + 1): at the level of
    0.95 that is 0.095 from 20 pairs, 0.059 from 100, and 0.05 in the limit.

    Args:
        pairs: the statistic of two runs each, at the same number of units.
        level: between 0 and 1.

    Raises:
        ClaimError: the level does not lie between 0 and 1.
        ObservationError: a value or a distance is not a finite number.

    Example:
        >>> noise_floor([(0.5, 0.5 + i / 64) for i in range(20)]).value == 18 / 64
        True
        >>> noise_floor([(0.5, 0.6)] * 3).reason
        'the 0.95 quantile of distances needs at least 20 pairs of runs; there are 3'
    """
    needed, distances = pairs_needed(level), _distances(pairs)
    if len(distances) < needed:
        few = f"the {level:g} quantile of distances needs at least {needed} pairs of runs; there are {len(distances)}"
        return NoiseFloor(None, level, len(distances), few)
    return NoiseFloor(inverted_cdf(sorted(distances), level), level, len(distances))


def _distances(pairs: Sequence[tuple[float, float]]) -> list[float]:
    return finite_numbers(abs(one - other) for one, other in (finite_numbers(pair) for pair in pairs))


def _pairs(value: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    _distances(value)
    return value


def _share(value: float) -> float:
    require_share(value)
    return value


def _digest(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("a digest is 64 hex digits in lower case")
    return value


def _time(value: str) -> str:
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError("the time has no offset; write it as 2026-11-23T10:00:00+00:00")
    return value


@record
class Floor:
    """What an A/A calibration of one claim found.

    The floor itself follows from the pairs and is computed from them, here and again when a file is read.

    Attributes:
        claim_digest: SHA-256 in hex of the claim.
        scenario: name of the scenario.
        statistic: what was estimated, such as ``rate(blocked)``.
        level: which quantile of the distances the floor is, between 0 and 1.
        n_units: evidence units in each run, at least 1.
        estimates: the statistic of both runs of each pair, at most 2000 pairs.
        machine: the fingerprint of the machine, see `ophamin.core.machine.machine_fingerprint`.
        created_at: ISO 8601 with an offset.

    Raises:
        RecordFieldError: a field is of the wrong type or outside its range.

    Example:
        >>> floor = Floor("ab" * 32, "gate", "rate(ok)", 0.95, 100, ((0.5, 0.6),) * 20, {}, "2026-11-23T10:00:00+00:00")
        >>> round(floor.floor, 9), floor.n_pairs
        (0.1, 20)
    """

    claim_digest: Annotated[str, AfterValidator(_digest)]
    scenario: str
    statistic: str
    level: Annotated[Real, AfterValidator(_share)]
    n_units: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)]
    estimates: Annotated[tuple[tuple[Real, Real], ...], Field(max_length=MAX_PAIRS), AfterValidator(_pairs)]
    machine: TextDict
    created_at: Annotated[str, AfterValidator(_time)]

    @property
    def noise(self) -> NoiseFloor:
        """The floor, with the reason where there is none."""
        return noise_floor(self.estimates, self.level)

    @property
    def floor(self) -> float | None:
        """The floor in the unit of the statistic; None where there are too few pairs."""
        return self.noise.value

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return len(self.estimates)

    @property
    def machine_class(self) -> str:
        """Short name of the kind of machine."""
        return machine_class(self.machine)


@dataclass(frozen=True, slots=True)
class Floors:
    """The floors of a folder.

    Attributes:
        by_claim: claim digest -> its floor.
        problems: one line for each file that gave none, with its name and the reason; it can be shown as it is.
    """

    by_claim: Mapping[str, Floor] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[str, ...] = ()


def write_floor(folder: Path, floor: Floor) -> Path:
    """Write a floor to its file, in the place of an older one of the same claim.

    Returns:
        The file: the scenario's slug and the first 12 digits of the claim's digest.

    Raises:
        FloorError: the file would be larger than `read_floors` reads.
        RecordWriteError: the file could not be written; an older one is still whole.

    Example:
        >>> import tempfile
        >>> floor = Floor("ab" * 32, "gate.py", "rate(ok)", 0.95, 9, (), {}, "2026-11-23T10:00:00+00:00")
        >>> write_floor(Path(tempfile.mkdtemp()) / "aa", floor).name
        'gate-py-abababababab.json'
    """
    kept = {name: getattr(floor, name) for name in _KEPT}
    derived = {name: getattr(floor, name) for name in _DERIVED}
    data = f"{indented({'format': FORMAT, **kept, **derived})}\n".encode("ascii")
    if len(data) > MAX_BYTES:
        raise FloorError(f"the floor takes {len(data)} bytes; the limit is {MAX_BYTES}, so keep fewer pairs")
    path = folder / f"{slug(floor.scenario)}-{floor.claim_digest[:12]}.json"
    write_atomic(path, data)
    return path


def read_floors(folder: Path) -> Floors:
    """Read every floor of a folder: files that end in ``.json``, by name, at most 1000.

    A folder that is not there holds none. Nothing is raised and nothing dropped in silence: what cannot be read, or
    says of itself what its pairs do not give, is a problem; so is a second file of one claim.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except FileNotFoundError:
        return Floors()
    except (OSError, ValueError) as error:
        return Floors(problems=(visible(f"{folder}: no floor was read ({error})"),))
    floors: dict[str, Floor] = {}
    problems: list[str] = []
    for path in paths[:MAX_FILES]:
        try:
            floor = _read(path)
        except OphaminError as error:
            problems.append(visible(str(error)))
            continue
        if floors.setdefault(floor.claim_digest, floor) is not floor:
            problems.append(visible(f"{path}: another file before it has the floor of this claim; remove one of them"))
    if len(paths) > MAX_FILES:
        problems.append(
            visible(f"{folder}: {len(paths)} files; the last {len(paths) - MAX_FILES} by name were not read")
        )
    return Floors(MappingProxyType(floors), tuple(problems))


def refuse_below(floor: Floor, *, is_difference: bool, bar: float, mde: float | None) -> str:
    """Why a claim cannot be told from noise; empty where it can, and where the floor is not known.

    An ``mde`` below the floor is refused for every statistic; a bar of a difference between two arms where it lies
    nearer to 0 than the floor without being 0. Another statistic's bar is a place and no distance, so that the floor
    says nothing of it.

    Args:
        floor: the floor of the claim.
        is_difference: the statistic is a difference between two arms.
        bar: the claim's bar.
        mde: the distance from the bar at which a verdict is wanted; None where the claim has none.

    Example:
        >>> floor = Floor("ab" * 32, "gate", "rate(ok)", 0.95, 50, ((0.5, 0.75),) * 20, {}, "2026-11-23T10:00:00+00:00")
        >>> refuse_below(floor, is_difference=False, bar=0.1, mde=0.25)
        ''
        >>> refuse_below(floor, is_difference=True, bar=0.1, mde=None).partition(":")[0]
        'the bar 0.1 lies below the noise floor 0.25'
    """
    least = floor.floor
    if least is None:
        return ""
    below: list[str] = []
    if is_difference and 0.0 < abs(bar) < least:
        below.append(f"the bar {bar!r}")
    if mde is not None and mde < least:
        below.append(f"mde={mde!r}")
    if not below:
        return ""
    return (
        f"{' and '.join(below)} {'lies' if len(below) == 1 else 'lie'} below the noise floor {least!r}: "
        f"{100.0 * floor.level:g} % of {floor.n_pairs} pairs of runs of the same system, {floor.n_units} units each, "
        f"differ by up to that; declare at least {least!r}, or more units and measure the floor anew"
    )


def foreign(floor: Floor, fingerprint: Mapping[str, str]) -> tuple[str, ...]:
    """In what the machine of the floor differs from another, one line each; see `ophamin.core.machine.differences`."""
    return differences(floor.machine, fingerprint)


def _read(path: Path) -> Floor:
    """One floor from its file.

    Raises:
        OphaminError: the file is not plain JSON, not of the format, or contradicts itself.
    """
    data = load(path, max_bytes=MAX_BYTES)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise FloorError(f"{path}: no floor in the format {FORMAT}; measure it anew")
    try:
        fields = exact_fields(data, ("format", *_KEPT, *_DERIVED), "$")
        floor = construct(Floor, {name: _as_tuples(fields[name]) for name in _KEPT}, "$")
        own = {name: getattr(floor, name) for name in _DERIVED}
    except OphaminError as error:
        raise FloorError(f"{path}: {error}") from error
    for name, value in own.items():
        if isinstance(data[name], bool) or data[name] != value:
            raise FloorError(f"{path}: {name} does not follow from the rest, which gives {value!r}; measure it anew")
    return floor


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
