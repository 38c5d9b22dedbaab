# SPDX-License-Identifier: Apache-2.0
"""What ``qmpt stress`` finds, as it is kept in JSON beside ``run.json``.

These are plain records: they hold results, with intervals, coverage and reasons, and compute nothing.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from qmpt.viz.reports_record import Finite, Pair, Record, Unit

__all__ = ["STRESS_CAVEAT", "Change", "EarlySigns", "Level", "ProxyCourse", "Stress", "StressedLayer", "Trend"]

STRESS_CAVEAT: Final = (
    "Stress and protection say how a layer stands beside its own reference period, and nothing about another layer. "
    "The interval shows how far a level would move with another such period; the noise of a single window is not in "
    "it. An early warning may come without a change, and a change without a warning."
)
"""What must stand beside these numbers."""


class ProxyCourse(Record):
    """One series that stands for stress or protection.

    Attributes:
        name: of the proxy.
        kind: the level that it is of.
        rests_on: observations that say something of it.
        overall: share of these of which it is true, over the whole time; None where it is no share.
        values: one per window; None where too few observations say anything. Shares, but for instability.
        reference: median of the reference period; None where nothing is known there.
        used: whether it is in the level.
        reason: why it is not; empty where it is.
    """

    name: str
    kind: Literal["stress", "protection"]
    rests_on: int
    overall: Unit | None = None
    values: list[Finite | None]
    reference: Finite | None
    used: bool
    reason: str = ""


class Level(Record):
    """Stress or protection over time.

    Attributes:
        values: one per window; None where there is too little evidence.
        intervals: 95 percent, over resampled reference periods; None where there is no value or no bootstrap.
        coverage: share of the weight of all proxies that was present, one per window.
        usual: between which values nine in ten windows of the reference period lie; None where none has a value.
        reason: why there is no value at all; empty where there is one.
    """

    values: list[Unit | None]
    intervals: list[Pair | None]
    coverage: list[Unit]
    usual: Pair | None = None
    reason: str = ""

    def last(self) -> int | None:
        """The number of the last window that has a value."""
        return max((place for place, value in enumerate(self.values) if value is not None), default=None)


class Change(Record):
    """A shift of the mean of the stress.

    Attributes:
        window: number of the first window after it.
        time: when that window begins, in seconds since 1970-01-01, UTC.
        before: mean of the stress in the stretch before; None where the reference period gives no level.
        after: mean in the stretch after, likewise.
    """

    window: int
    time: Finite
    before: Finite | None
    after: Finite | None


class Trend(Record):
    """The trend of an indicator of early warning.

    Attributes:
        indicator: ``variance`` or ``autocorrelation``.
        tau: Kendall's tau against time; None where the indicator takes one value only.
        p_value: share of surrogates with random phases whose tau is at least as large; None where tau is.
    """

    indicator: Literal["variance", "autocorrelation"]
    tau: Finite | None
    p_value: Finite | None


class EarlySigns(Record):
    """Whether a layer recovers ever more slowly from its fluctuations.

    Attributes:
        trends: of both indicators; empty where they cannot be had.
        rises: whether either rises at the level; None where nothing is known.
        level: of each of the two tests.
        filled: windows without a value that were filled in between their neighbours.
        reason: why nothing is known; empty where something is.
    """

    trends: list[Trend] = Field(default_factory=list)
    rises: bool | None = None
    level: Finite
    filled: int = 0
    reason: str = ""


class StressedLayer(Record):
    """The course of one layer.

    Attributes:
        layer_id: the layer.
        patterns: how many it has.
        observations: how many.
        starts: when each window begins, in seconds since 1970-01-01, UTC; empty where there are none.
        width: of each window, in seconds; None where there are none.
        counts: observations in each window.
        reference: numbers of the first and last window of the reference period; None where there is none.
        proxies: every known proxy, those of stress first.
        stress: its level.
        protection: its level.
        changes: shifts of the mean of the stress, in order of time; empty where they do not stand out.
        changes_p: share of shuffled courses whose shifts save at least as much; None where none were looked for.
        changes_reason: why none could be looked for; empty where they were.
        warning: of the stress.
        modes: regime in each window; None where it is not known.
        mode_shares: share of the fit and its resamples that have that regime; None where it is not known.
        reason: why there is no course at all; empty where there is one.
        notes: what a reader must know.
        people: whether the patterns are people.
    """

    layer_id: str
    patterns: int
    observations: int
    starts: list[Finite] = Field(default_factory=list)
    width: Finite | None = None
    counts: list[int] = Field(default_factory=list)
    reference: tuple[int, int] | None = None
    proxies: list[ProxyCourse] = Field(default_factory=list)
    stress: Level | None = None
    protection: Level | None = None
    changes: list[Change] = Field(default_factory=list)
    changes_p: Unit | None = None
    changes_reason: str = ""
    warning: EarlySigns | None = None
    modes: list[str | None] = Field(default_factory=list)
    mode_shares: list[Unit | None] = Field(default_factory=list)
    reason: str = ""
    notes: list[str] = Field(default_factory=list)
    people: bool = False


class Stress(Record):
    """What ``qmpt stress`` found.

    Attributes:
        format: ``qmpt-stress/1``.
        source: name of the input.
        layers: one entry per layer.
    """

    format: Literal["qmpt-stress/1"] = "qmpt-stress/1"
    source: str
    layers: list[StressedLayer]
