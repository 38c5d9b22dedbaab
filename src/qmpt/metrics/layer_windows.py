# SPDX-License-Identifier: Apache-2.0
"""Windows of time of one width, side by side, into which observations are sorted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from qmpt.data.models import Observation
from qmpt.errors import ConfigError

__all__ = ["MOST_WINDOWS", "TimeWindows", "seconds_of"]

MOST_WINDOWS: Final = 1_000_000
"""Most windows at once."""

_UNITS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_FIRST_MONDAY: Final = 345_600.0  # 1970-01-05
_ROOM: Final = 1e-9


@dataclass(frozen=True, slots=True)
class TimeWindows:
    """Half-open windows of time, each beginning where the one before ends.

    Attributes:
        start: of the first window, in seconds since 1970-01-01, UTC.
        width: of each window, in seconds, above 0.
        count: how many, 1 to a million.

    Raises:
        ConfigError: a number out of its range.

    Example:
        >>> TimeWindows(0.0, 10.0, 3).starts.tolist()
        [0.0, 10.0, 20.0]
    """

    start: float
    width: float
    count: int

    def __post_init__(self) -> None:
        if not (self.width > 0.0 and math.isfinite(self.width) and math.isfinite(self.start)):
            raise ConfigError(f"width is {self.width}; give seconds, above 0")
        if self.count < 1:
            raise ConfigError(f"count is {self.count}; give at least 1 window")
        if self.count > MOST_WINDOWS:
            raise ConfigError(
                f"windows of {self.width} s would be {self.count}; the limit is {MOST_WINDOWS}: take wider ones"
            )

    @classmethod
    def of_number(cls, first: float, last: float, count: int) -> Self:
        """So many windows that hold everything from a first to a last time, both included.

        The windows are wider than their share by one part in a billion, so that the last time lies in the last one.

        Args:
            first: earliest time.
            last: latest time, after the first.
            count: how many windows.

        Raises:
            ConfigError: the times are equal or in another order, or a number is out of its range.

        Example:
            >>> TimeWindows.of_number(0.0, 30.0, 3).place(30.0)
            2
        """
        if not last > first:
            raise ConfigError(f"the times run from {first} to {last}; give a last time after the first")
        if count < 1:
            raise ConfigError(f"count is {count}; give at least 1 window")
        rounding = math.ulp(max(abs(first), abs(last)))
        return cls(first, ((last - first) * (1.0 + _ROOM) + 2.0 * rounding) / count, count)

    @classmethod
    def of_width(cls, first: float, last: float, width: float) -> Self:
        """Windows that begin at whole multiples of their width, UTC: full hours, days, and weeks on Mondays.

        Args:
            first: earliest time.
            last: latest time, not before the first.
            width: of each window, in seconds.

        Raises:
            ConfigError: the width is not above 0, or makes more than a million windows.

        Example:
            >>> TimeWindows.of_width(5000.0, 9000.0, 3600.0)
            TimeWindows(start=3600.0, width=3600.0, count=2)
        """
        _check_width(width)
        multiple = _FIRST_MONDAY + math.floor((first - _FIRST_MONDAY) / width) * width
        return cls.from_start(min(multiple, first), last, width)  # rounding may have put it after the first by a hair

    @classmethod
    def from_start(cls, start: float, last: float, width: float) -> Self:
        """Windows that begin at a time, as many as hold a last time.

        Args:
            start: of the first window.
            last: latest time, not before the start.
            width: of each window, in seconds.

        Raises:
            ConfigError: the width is not above 0, or makes more than a million windows.

        Example:
            >>> TimeWindows.from_start(0.0, 20.0, 10.0).count
            3
        """
        _check_width(width)
        count = int((last - start) // width) + 1
        # A quotient is rounded in another way than the begin of a window, which counts.
        if start + width * count <= last:
            count += 1
        elif start + width * (count - 1) > last:
            count -= 1
        return cls(start, width, count)

    @property
    def edges(self) -> NDArray[np.float64]:
        """When each window begins and the last one ends, shape (count + 1,)."""
        edges: NDArray[np.float64] = self.start + self.width * np.arange(self.count + 1, dtype=np.float64)
        return edges

    @property
    def starts(self) -> NDArray[np.float64]:
        """When each window begins, shape (count,)."""
        return self.edges[:-1]

    def place(self, time: float) -> int | None:
        """The number of the window that holds a time; None where none does.

        Example:
            >>> TimeWindows(0.0, 10.0, 3).place(10.0), TimeWindows(0.0, 10.0, 3).place(30.0)
            (1, None)
        """
        number = int(_places(self.edges, [time])[0])
        return number if 0 <= number < self.count else None

    def sorted_in(self, observations: Iterable[Observation]) -> list[list[Observation]]:
        """The observations of each window; those outside all windows are left out.

        Args:
            observations: any number of them.

        Example:
            >>> seen = Observation(obs_id="1", pattern_id="a", timestamp=12, modality="text", payload="hi")
            >>> [len(held) for held in TimeWindows(0.0, 10.0, 3).sorted_in([seen])]
            [0, 1, 0]
        """
        known = list(observations)
        held: list[list[Observation]] = [[] for _ in range(self.count)]
        numbers = _places(self.edges, [one.timestamp for one in known]).tolist()
        for one, number in zip(known, numbers, strict=True):
            if 0 <= number < self.count:
                held[number].append(one)
        return held


def seconds_of(text: str) -> float:
    """The seconds in a length of time such as ``30min``, ``1h``, ``1d`` or ``2w``.

    Raises:
        ConfigError: another form, or no time at all.

    Example:
        >>> seconds_of("30min"), seconds_of("1w")
        (1800.0, 604800.0)
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(s|min|h|d|w)", text.strip(), re.ASCII)
    seconds = float(found[1]) * _UNITS[found[2]] if found is not None else 0.0
    if seconds <= 0.0:
        raise ConfigError(f"{text!r} is no length of time; write it as 30min, 1h, 1d or 1w")
    return seconds


def _places(edges: NDArray[np.float64], times: Sequence[float]) -> NDArray[np.intp]:
    """The number of the last edge that is not after each time; -1 before the first."""
    places: NDArray[np.intp] = np.searchsorted(edges, np.asarray(times, dtype=np.float64), side="right") - 1
    return places


def _check_width(width: float) -> None:
    if not (width > 0.0 and math.isfinite(width)):
        raise ConfigError(f"width is {width}; give seconds, above 0")
