# SPDX-License-Identifier: Apache-2.0
"""Which regime a layer is in, read from its stress, protection and capacity: a pure function with hysteresis.

==========  ===================================================================================================
stagnation  stress below 0.55 and protection at least 0.6: the layer holds what it has
transition  stress at least 0.55 while protection falls
upgrade     capacity grew by at least 10 % within 20 units of time, in which there was a transition and an anomaly
collapse    capacity fell by at least 30 % below its highest value so far, or the layer was reset
==========  ===================================================================================================

The first that applies from the bottom up is taken; where none applies the regime stays. A new regime counts once it
has lasted 5 units of time. The numbers are open choices, set together with the model `relax_v1`; units of time are
those of the series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, DataError

__all__ = ["MODES", "RegimeRules", "classify_modes", "mode_shares"]

Array = NDArray[np.float64]

MODES: Final = ("stagnation", "transition", "upgrade", "collapse")
"""The regimes."""
_KEEP: Final = -1
_STAGNATION, _TRANSITION, _UPGRADE, _COLLAPSE = range(4)
_LONG_AGO: Final = -(2**62)


@dataclass(frozen=True, slots=True)
class RegimeRules:
    """The numbers in the rules.

    Attributes:
        high_stress: stress from which on it is high, in [0, 1].
        firm_protection: protection from which on it is firm, in [0, 1].
        window: time over which the change of protection is read, above 0.
        hold: time over which growth is read, and for which a transition and an anomaly are remembered; above 0.
        growth: relative growth of capacity that makes an upgrade, above 0.
        fall: relative fall of capacity that makes a collapse, in (0, 1).
        settle: time that a new regime must last, at least 0.

    Raises:
        ConfigError: a number out of its range.

    Example:
        >>> RegimeRules().settle
        5.0
    """

    high_stress: float = 0.55
    firm_protection: float = 0.6
    window: float = 5.0
    hold: float = 20.0
    growth: float = 0.10
    fall: float = 0.30
    settle: float = 5.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.high_stress <= 1.0 and 0.0 <= self.firm_protection <= 1.0 and 0.0 < self.fall < 1.0):
            raise ConfigError(
                f"high_stress, firm_protection and fall are {self.high_stress}, {self.firm_protection} and "
                f"{self.fall}; give shares in [0, 1], the last in (0, 1)"
            )
        if not (self.window > 0.0 and self.hold > 0.0 and self.growth > 0.0 and self.settle >= 0.0):
            raise ConfigError(
                f"window, hold, growth and settle are {self.window}, {self.hold}, {self.growth} and {self.settle}; "
                "give numbers above 0, the last at least 0"
            )


def classify_modes(
    stress: Any,
    protection: Any,
    capacity: Any | None,
    active: Any,
    *,
    dt: float = 1.0,
    reset: Any | None = None,
    rules: RegimeRules | None = None,
) -> list[list[str | None]]:
    """The regime at each time of each run.

    Args:
        stress: in [0, 1], shape (times,) or (runs, times).
        protection: in [0, 1], the same shape.
        capacity: above 0, the same shape; None where it is not known, and then nothing is called upgrade or collapse.
        active: whether an anomaly is active, shape (times,) or (runs, times).
        dt: time between two values, above 0.
        reset: whether the layer was reset at that time; None for never.
        rules: None for the defaults.

    Returns:
        For each run a list of `MODES`; None until the first regime is found.

    Raises:
        DataError: unequal shapes, no values, or values that are not finite.
        ConfigError: ``dt`` is not above 0.

    Example:
        >>> classify_modes([0.2] * 3, [0.8] * 3, None, [False] * 3)
        [['stagnation', 'stagnation', 'stagnation']]
    """
    if not dt > 0.0:
        raise ConfigError(f"dt is {dt}; give the time between two values, above 0")
    rules = rules or RegimeRules()
    s, p = _runs(stress, "stress"), _runs(protection, "protection")
    c = np.ones_like(s) if capacity is None else _runs(capacity, "capacity")
    on = np.broadcast_to(np.atleast_2d(np.asarray(active, dtype=bool)), s.shape)
    if not s.shape == p.shape == c.shape:
        raise DataError(f"stress, protection and capacity have the shapes {s.shape}, {p.shape}, {c.shape}; make equal")
    raw = _raw_modes(s, p, c, on, dt, rules)
    if reset is not None:
        fired = np.broadcast_to(np.atleast_2d(np.asarray(reset, dtype=bool)), s.shape)
        raw[_held_for(fired, _steps(rules.settle, dt))] = _COLLAPSE
    wait = _steps(rules.settle, dt) if rules.settle > 0.0 else 0
    return [_settled(run, wait) for run in raw]


def mode_shares(modes: Sequence[Sequence[str | None]]) -> list[dict[str, float] | None]:
    """At each time, the share of runs in each regime.

    Runs without a regime yet are left out; where all are, there are no shares.

    Args:
        modes: as `classify_modes` gives them; at least one run.

    Returns:
        For each time four numbers that sum to 1, or None.

    Raises:
        DataError: no runs, or runs of unequal length.

    Example:
        >>> mode_shares([["stagnation"], ["collapse"]])
        [{'stagnation': 0.5, 'transition': 0.0, 'upgrade': 0.0, 'collapse': 0.5}]
    """
    if not modes or len({len(run) for run in modes}) != 1:
        raise DataError(f"{len(modes)} runs of {len({len(run) for run in modes})} lengths; give runs of one length")
    shares: list[dict[str, float] | None] = []
    for now in zip(*modes, strict=True):
        known = sum(mode is not None for mode in now)
        shares.append({mode: now.count(mode) / known for mode in MODES} if known else None)
    return shares


def _runs(values: Any, name: str) -> Array:
    runs = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if runs.ndim != 2 or runs.size == 0:
        raise DataError(f"{name} has the shape {np.shape(values)}; give (times,) or (runs, times), with values")
    if not np.isfinite(runs).all():
        raise DataError(f"{name} holds {int((~np.isfinite(runs)).sum())} values that are not finite; leave those out")
    return runs


def _steps(time: float, dt: float) -> int:
    return max(1, round(time / dt))


def _before(values: Array, steps: int) -> Array:
    """The value so many steps earlier, or the first one."""
    index = np.maximum(np.arange(values.shape[1]) - steps, 0)
    earlier: Array = values[:, index]
    return earlier


def _held_for(condition: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Whether a condition held now or within so many steps before."""
    times = np.arange(condition.shape[1])
    last = np.maximum.accumulate(np.where(condition, times, _LONG_AGO), axis=1)
    recent: NDArray[np.bool_] = times - last <= steps
    return recent


def _raw_modes(s: Array, p: Array, c: Array, on: NDArray[np.bool_], dt: float, rules: RegimeRules) -> NDArray[np.int64]:
    hold = _steps(rules.hold, dt)
    transition = (s >= rules.high_stress) & (p < _before(p, _steps(rules.window, dt)))
    growing = c >= (1.0 + rules.growth) * _before(c, hold)
    upgrade = _held_for(on, hold) & _held_for(transition, hold) & growing
    collapse = c <= (1.0 - rules.fall) * np.maximum.accumulate(c, axis=1)
    stagnation = (s < rules.high_stress) & (p >= rules.firm_protection)
    return np.select(
        [collapse, upgrade, transition, stagnation], [_COLLAPSE, _UPGRADE, _TRANSITION, _STAGNATION], _KEEP
    )


def _settled(raw: NDArray[np.int64], wait: int) -> list[str | None]:
    """Follow the raw regimes, but change only to one that lasts; stretch by stretch of equal values."""
    starts = np.flatnonzero(np.diff(raw, prepend=raw[0] - 1)).tolist()
    settled: list[str | None] = []
    mode: str | None = None
    for start, end in zip(starts, [*starts[1:], len(raw)], strict=True):
        wanted = int(raw[start])
        length = end - start
        if wanted == _KEEP or MODES[wanted] == mode:
            settled += [mode] * length
            continue
        kept = 0 if mode is None else min(wait, length)
        settled += [mode] * kept
        if kept < length:
            mode = MODES[wanted]
            settled += [mode] * (length - kept)
    return settled
