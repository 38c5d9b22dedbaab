# SPDX-License-Identifier: Apache-2.0
"""Series that can be seen of a layer and that stand for its stress and its protection.

=============  ====================================================================================
stress         ``conflict``, ``error``, ``retry``, ``deficit`` (rates of what goes wrong), ``instability``
protection     ``control`` (share of actions blocked), ``rigidity`` (sameness of actions),
               ``suppression`` (share of rare patterns whose output did not survive)
=============  ====================================================================================

A larger value always means more of it. Where there is too little to see, a value is NaN; it is never 0 by default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.data.models import Observation
from qmpt.errors import ConfigError, DataError, nearest_name
from qmpt.metrics.layer_windows import TimeWindows

__all__ = [
    "FEWEST_IN_WINDOW",
    "PROTECTION_PROXIES",
    "STRESS_PROXIES",
    "LayerProxies",
    "action_rigidity",
    "flag_shares",
    "rolling_instability",
    "suppression_share",
]

Array = NDArray[np.float64]
Flag = Callable[[Observation], bool | None]

STRESS_PROXIES: Final = ("conflict", "error", "retry", "deficit", "instability")
"""Names of the series that stand for stress."""
PROTECTION_PROXIES: Final = ("control", "rigidity", "suppression")
"""Names of the series that stand for protection."""
FEWEST_IN_WINDOW: Final = 10
"""Observations that a window must hold for a value (open choice)."""

_EVEN: Final = 1e-6


@dataclass(frozen=True)
class LayerProxies:
    """The proxies of one layer over time.

    Attributes:
        times: evenly spaced and increasing, shape (n,), n at least 2; in any unit.
        stress: name of `STRESS_PROXIES` -> series, shape (n,); NaN where it is not known.
        protection: name of `PROTECTION_PROXIES` -> series, likewise.
        capacity: what the layer supports, above 0, shape (n,); None where it is not known.
        active: whether a strong anomaly was active, shape (n,); None where it is not known.

    Raises:
        DataError: unequal lengths, an unknown name, times that are not even, or an infinite value.

    Example:
        >>> LayerProxies([0, 1, 2], {"error": [0.1, 0.2, 0.1]}).interval
        1.0
    """

    times: Any
    stress: Mapping[str, Any] = field(default_factory=dict)
    protection: Mapping[str, Any] = field(default_factory=dict)
    capacity: Any | None = None
    active: Any | None = None

    def __post_init__(self) -> None:
        times = np.asarray(self.times, dtype=np.float64)
        if times.ndim != 1 or len(times) < 2 or not np.isfinite(times).all():
            raise DataError(f"times have the shape {times.shape}; give at least 2 finite times in one row")
        gaps = np.diff(times)
        if gaps.min() <= 0.0 or gaps.max() - gaps.min() > _EVEN * max(gaps.max(), np.abs(times).max()):
            raise DataError(f"the times are {gaps.min():.6g} to {gaps.max():.6g} apart; resample to one distance")
        object.__setattr__(self, "times", times)
        for kind, known in (("stress", STRESS_PROXIES), ("protection", PROTECTION_PROXIES)):
            given = getattr(self, kind)
            for name in given:
                if name not in known:
                    raise DataError(f"{name!r} is no proxy of {kind}; {nearest_name(str(name), known)}")
            object.__setattr__(self, kind, {name: self._series(given[name], name) for name in known if name in given})
        if self.capacity is not None:
            object.__setattr__(self, "capacity", self._series(self.capacity, "capacity"))
        if self.active is not None:
            active = np.asarray(self.active, dtype=bool)
            if active.shape != times.shape:
                raise DataError(f"active has the shape {active.shape} for {len(times)} times; give one value each")
            object.__setattr__(self, "active", active)

    @property
    def interval(self) -> float:
        """The time between two values."""
        return float(self.times[1] - self.times[0])

    def _series(self, values: Any, name: str) -> Array:
        series = np.array(values, dtype=np.float64)
        if series.shape != np.shape(self.times):
            raise DataError(f"{name} has the shape {series.shape} for {len(self.times)} times; give one value each")
        if np.isinf(series).any():
            raise DataError(f"{name} holds {int(np.isinf(series).sum())} infinite values; give NaN where there is none")
        series.flags.writeable = False
        return series


def flag_shares(
    observations: Iterable[Observation],
    flags: Mapping[str, Flag],
    width: float | TimeWindows,
    *,
    fewest: int = FEWEST_IN_WINDOW,
) -> tuple[Array, dict[str, Array]]:
    """The share of observations in each window of time of which something is true.

    Args:
        observations: at least one.
        flags: name -> function that says True, False, or None where it does not apply.
        width: of a window, in seconds, above 0, from the first observation on; or the windows themselves.
        fewest: observations to which a flag must apply in a window, at least 1.

    Returns:
        The starts of the windows, shape (n,), and for each name the shares, shape (n,); NaN where too few apply.

    Raises:
        DataError: no observations.
        ConfigError: a number out of its range, or more than a million windows.

    Example:
        >>> seen = [
        ...     Observation(obs_id=str(n), pattern_id="a", timestamp=n, modality="behavior", payload={"ok": n < 5})
        ...     for n in range(10)
        ... ]
        >>> flag_shares(seen, {"error": lambda one: not one.payload["ok"]}, 5.0, fewest=5)[1]["error"].tolist()
        [0.0, 1.0]
    """
    if fewest < 1:
        raise ConfigError(f"fewest is {fewest}; give at least 1 observation")
    starts, windows = _windows(list(observations), width)
    shares = {}
    for name, flag in flags.items():
        told = [[bool(said) for one in window if (said := flag(one)) is not None] for window in windows]
        shares[name] = np.array([sum(said) / len(said) if len(said) >= fewest else math.nan for said in told])
    return starts, shares


def action_rigidity(
    observations: Iterable[Observation], width: float | TimeWindows, *, fewest: int = FEWEST_IN_WINDOW
) -> tuple[Array, Array]:
    """How alike the actions in each window of time are: 1 minus their entropy over that of equal shares.

    It reads the ``action`` in the payload of ``behavior`` observations. The kinds of actions are those of all windows,
    so that windows compare; with one kind alone there is no value. Few actions look more alike than they are, which
    ``fewest`` bounds.

    Args:
        observations: at least one of ``behavior`` with an action.
        width: of a window, in seconds, above 0, from the first observation on; or the windows themselves.
        fewest: actions that a window must hold, at least 1.

    Returns:
        The starts of the windows and the rigidity in [0, 1], each of shape (n,); NaN where there are too few.

    Raises:
        DataError: no action was seen.
        ConfigError: a number out of its range, or more than a million windows.

    Example:
        >>> seen = [
        ...     Observation(obs_id=str(n), pattern_id="a", timestamp=n, modality="behavior", payload={"action": name})
        ...     for n, name in enumerate("abababab" + "aaaaaaaa")
        ... ]
        >>> action_rigidity(seen, 8.0, fewest=8)[1].tolist()
        [0.0, 1.0]
    """
    acts = [
        one
        for one in observations
        if one.modality == "behavior" and isinstance(one.payload, dict) and isinstance(one.payload.get("action"), str)
    ]
    starts, windows = _windows(acts, width)
    kinds: list[str] = sorted({one.payload["action"] for one in acts})
    rigidity = np.full(len(starts), math.nan)
    for index, window in enumerate(windows):
        if len(kinds) > 1 and len(window) >= fewest:
            names = [one.payload["action"] for one in window]
            shares = [names.count(kind) / len(names) for kind in kinds]
            entropy = -math.fsum(share * math.log(share) for share in shares if share > 0.0)
            rigidity[index] = min(max(1.0 - entropy / math.log(len(kinds)), 0.0), 1.0)
    return starts, rigidity


def suppression_share(rare: Iterable[Hashable], survived: Iterable[Hashable]) -> float | None:
    """The share of rare patterns whose output did not survive; None where no pattern is rare.

    Args:
        rare: ids of the rare patterns.
        survived: ids of the patterns of which something is left.

    Example:
        >>> suppression_share(["a", "b"], ["b", "c"])
        0.5
    """
    those, left = set(rare), set(survived)
    return len(those - left) / len(those) if those else None


def rolling_instability(values: Any, window: int) -> Array:
    """The median absolute deviation of a series within a window that ends at each time.

    Args:
        values: the macro series, shape (n,).
        window: number of values, at least 3.

    Returns:
        Shape (n,), in the unit of the series; NaN until a window is full and where it holds NaN.

    Raises:
        ConfigError: the window is shorter than 3 or longer than the series.

    Example:
        >>> rolling_instability([0.0, 0.0, 3.0, 9.0], 3).tolist()
        [nan, nan, 0.0, 3.0]
    """
    series = np.asarray(values, dtype=np.float64)
    if not 3 <= window <= len(series):
        raise ConfigError(f"window is {window} for {len(series)} values; give at least 3, and no more than there are")
    views = np.lib.stride_tricks.sliding_window_view(series, window)
    center = np.median(views, axis=1, keepdims=True)
    mad: Array = np.full(len(series), math.nan)
    mad[window - 1 :] = np.median(np.abs(views - center), axis=1)
    return mad


def _windows(observations: Sequence[Observation], width: float | TimeWindows) -> tuple[Array, list[list[Observation]]]:
    if isinstance(width, TimeWindows):
        return width.starts, width.sorted_in(observations)
    if not (width > 0.0 and math.isfinite(width)):
        raise ConfigError(f"width is {width}; give seconds, above 0")
    if not observations:
        raise DataError("there are 0 observations to take windows of; give some")
    times = [one.timestamp for one in observations]
    windows = TimeWindows.from_start(min(times), max(times), width)
    return windows.starts, windows.sorted_in(observations)
