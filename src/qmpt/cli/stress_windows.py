# SPDX-License-Identifier: Apache-2.0
"""How the time of a layer is cut: what lies outside, the windows, those with enough people, and the reference period.

A few times far from all others leave most windows empty. They are not left out silently, but named, with the way out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from qmpt.errors import ConfigError, InsufficientEvidence
from qmpt.metrics.layer_proxies import FEWEST_IN_WINDOW

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.data.models import Observation, Pattern
    from qmpt.metrics.layer_windows import TimeWindows

__all__ = [
    "StressSettings",
    "cut_time",
    "empty_windows",
    "of_enough_people",
    "people_among",
    "reference_windows",
    "within_times",
]

_MOST_WINDOWS: Final = 1000
_DEFAULT_WINDOWS: Final = (24, 60)
_REFERENCE_WINDOWS: Final = 24
_MOST_APART: Final = 0.05


@dataclass(frozen=True, slots=True)
class StressSettings:
    """What the command line asks for.

    Attributes:
        windows: how many; None for as many as the evidence allows, 24 to 60.
        every: width of a window in seconds, in place of a number; None for a number.
        since: earliest time that counts, in seconds; None for the first there is.
        until: time before which all that counts lies, in seconds; None for no such time.
        reference: begin and end of the reference period, in seconds; None for the first half of the windows, and as
            many as hold 24 with a value.
        fewest: observations that a window must hold for a value, at least 1.
        resamples: of the block bootstrap.
        seed: of all draws.
    """

    windows: int | None = None
    every: float | None = None
    since: float | None = None
    until: float | None = None
    reference: tuple[float, float] | None = None
    fewest: int = FEWEST_IN_WINDOW
    resamples: int = 200
    seed: int = 0


def within_times(observations: Sequence[Observation], asked: StressSettings) -> tuple[list[Observation], list[str]]:
    """The observations between the earliest and the latest time asked for, and what has to be said of the others.

    Raises:
        InsufficientEvidence: none is left.
    """
    since = -math.inf if asked.since is None else asked.since
    until = math.inf if asked.until is None else asked.until
    kept = [one for one in observations if since <= one.timestamp < until]
    outside = len(observations) - len(kept)
    if not kept:
        raise InsufficientEvidence(
            f"all {outside} observations lie before --since or from --until on; give times between which some lie"
        )
    told = f"{outside} of {len(observations)} observations lie before --since or from --until on and are left out"
    return kept, [told] if outside else []


def cut_time(times: Sequence[float], default: int, asked: StressSettings) -> TimeWindows:
    """The windows, as many or as wide as asked for.

    Args:
        times: at least one, in any order.
        default: how many windows where nothing is asked for; 24 to 60 are taken.
        asked: settings.

    Raises:
        ConfigError: there would be more than 1000.
        InsufficientEvidence: all times are one, or fit into one window.
    """
    from qmpt.metrics.layer_windows import TimeWindows

    first, last = min(times), max(times)
    if first == last:
        told = "1 observation" if len(times) == 1 else f"all {len(times)} observations have one time"
        raise InsufficientEvidence(f"{told}; a course needs several times")
    fewest, most = _DEFAULT_WINDOWS
    count = asked.windows or max(fewest, min(most, default))
    if asked.every is not None:
        count = math.floor((last - first) / asked.every) + 1
    if count > _MOST_WINDOWS:
        raise ConfigError(
            f"{count} windows; the limit is {_MOST_WINDOWS}: take fewer or wider ones, or a shorter time by --since "
            f"and --until ({_widest_gap(times)})"
        )
    if asked.every is not None:
        windows = TimeWindows.of_width(first, last, asked.every)
    else:
        windows = TimeWindows.of_number(first, last, count)
    if windows.count < 2:
        raise InsufficientEvidence("1 window; a course needs at least 2: take more, or narrower ones")
    return windows


def empty_windows(observations: Sequence[Observation], windows: TimeWindows) -> list[str]:
    """What has to be said where most windows hold nothing at all."""
    empty = sum(not held for held in windows.sorted_in(observations))
    if 2 * empty <= windows.count:
        return []
    gap = _widest_gap([one.timestamp for one in observations])
    return [f"{empty} of {windows.count} windows hold nothing: {gap}"]


def people_among(observations: Sequence[Observation], members: Mapping[str, Pattern]) -> set[str]:
    """The people who did something of this.

    Raises:
        InsufficientEvidence: there are some, but too few to be shown.
    """
    from qmpt.cli.populations import GROUP_FLOOR, is_human

    people = {one.pattern_id for one in observations if is_human(members[one.pattern_id])}
    if 0 < len(people) < GROUP_FLOOR:
        who = "1 person acts" if len(people) == 1 else f"{len(people)} people act"
        raise InsufficientEvidence(
            f"{who} in it, and nothing is shown of fewer than {GROUP_FLOOR}; give a source in which more people act"
        )
    return people


def of_enough_people(
    observations: Sequence[Observation], people: AbstractSet[str], windows: TimeWindows
) -> tuple[list[Observation], list[str]]:
    """What was done in windows in which enough people did something, and what has to be said of the others."""
    from qmpt.cli.populations import GROUP_FLOOR

    if not people:
        return list(observations), []
    kept, dropped = [], 0
    for held in windows.sorted_in(observations):
        who = people & {one.pattern_id for one in held}
        if 0 < len(who) < GROUP_FLOOR:
            dropped += 1
        else:
            kept += held
    told = f"{dropped} of {windows.count} windows hold acts of fewer than {GROUP_FLOOR} people and are left out"
    return kept, [told] if dropped else []


def reference_windows(
    windows: TimeWindows, blank: NDArray[np.bool_], asked: StressSettings
) -> tuple[tuple[int, int] | None, list[str]]:
    """The numbers of the first and last window of the reference period, and what has to be said of it.

    Args:
        windows: of time.
        blank: which of them have no value.
        asked: settings; without a period, the first half, and more where that holds fewer than 24 with a value.

    Returns:
        None for the numbers where no whole window lies in the period.
    """
    import numpy as np

    if asked.reference is not None:
        begin, end = asked.reference
        spans = pairwise(windows.edges.tolist())
        within = [place for place, (first, last) in enumerate(spans) if begin <= first and last <= end]
        return ((within[0], within[-1]) if within else None), []
    known = np.flatnonzero(~blank)[:_REFERENCE_WINDOWS]
    enough = int(known[-1]) + 1 if len(known) == _REFERENCE_WINDOWS else windows.count
    count = max(enough, windows.count // 2)
    if 2 * count <= windows.count:
        return (0, count - 1), []
    much = "the whole course" if count == windows.count else f"the first {count} of {windows.count} windows"
    why = f"the first half holds fewer than {_REFERENCE_WINDOWS} with a value"
    told = f"the reference period is {much}, for {why}: a change within it is hard to see; choose with --reference"
    return (0, count - 1), [told]


def _widest_gap(times: Sequence[float]) -> str:
    """Where the widest stretch without a time lies; where few times lie beyond it, how to leave them out."""
    ordered = sorted(times)
    place = max(range(1, len(ordered)), key=lambda number: ordered[number] - ordered[number - 1])
    edge, rest = _second(ordered[place]), len(ordered) - place
    told = f"the widest gap is from {_second(ordered[place - 1])} to {edge}"
    if min(place, rest) > _MOST_APART * len(ordered):
        return told
    few, side, option = (place, "before", "--since") if place <= rest else (rest, "after", "--until")
    return f"{told}; what lies {side} it, {few} of {len(ordered)}, can be left out with {option} {edge}"


def _second(time: float) -> str:
    """A time as an option takes it, cut to the second."""
    return datetime.fromtimestamp(math.floor(time), UTC).strftime("%Y-%m-%dT%H:%M:%S")
