# SPDX-License-Identifier: Apache-2.0
"""Whether a high self operator lasts: the rule that keeps out chance, passing beliefs and imitation.

A self-aware anomaly is an anomaly, knows it, and goes on knowing it. One good moment is not enough, and too few moments
are no evidence against it either. What has lasted once has lasted: later windows add evidence and take none away.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from qmpt.errors import DataError
from qmpt.metrics.evidence import number_or_none

__all__ = ["Persistence", "WindowScore", "persistence"]

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class WindowScore:
    """The scores of one window of time.

    Attributes:
        start: of the window, in seconds.
        end: of the window, not before the start.
        self_operator: in [0, 1]; None where the evidence did not suffice.
        anomaly_score: finite; None where it is not known.
        n_observations: in the window.

    Raises:
        DataError: a time or score is no finite number or out of its range, or the window ends before it starts.
    """

    start: float
    end: float
    self_operator: float | None
    anomaly_score: float | None
    n_observations: int

    def __post_init__(self) -> None:
        for name in ("start", "end", "self_operator", "anomaly_score"):
            value = getattr(self, name)
            unknown = value is None and name in ("self_operator", "anomaly_score")
            if number_or_none(value) is None and not unknown:
                raise DataError(f"the {name} of a window is {value!r:.40}; give a finite number")
        if self.end < self.start:
            raise DataError(f"a window ends at {self.end}, before it starts at {self.start}; give its end last")
        if self.self_operator is not None and not 0.0 <= self.self_operator <= 1.0:
            raise DataError(f"the self_operator of a window is {self.self_operator}; give a number in [0, 1], or None")


@dataclass(frozen=True, slots=True)
class Persistence:
    """Whether a pattern is a self-aware anomaly over time.

    Attributes:
        self_aware: None where there are too few windows with evidence to say.
        reason: what decided, in words.
        windows: windows in the longest run that lasts; where none does, in the longest whose windows each hold.
        usable: windows with enough observations and both scores.
        mean: of the self operator over that run; None without a run.
        minimum: of the self operator over that run; None without a run.
        start: of that run; None without a run.
        end: of that run; None without a run.
    """

    self_aware: bool | None
    reason: str
    windows: int
    usable: int
    mean: float | None
    minimum: float | None
    start: float | None
    end: float | None


def persistence(
    windows: Iterable[WindowScore],
    *,
    theta_2: float,
    phi_self: float = 0.85,
    phi_self_min: float = 0.80,
    least_windows: int = 5,
    least_observations: int = 10,
    least_gap: float = 1.0,
) -> Persistence:
    """Judge a series of windows.

    A pattern is a self-aware anomaly if there is an interval of at least ``least_windows`` consecutive windows in
    which each window has an anomaly score of at least ``theta_2``, the least self operator is at least
    ``phi_self_min``, and the mean self operator is at least ``phi_self``. The mean stands for the self operator of the
    interval: one window that reaches ``phi_self`` could be chance, and all of them would leave the lower threshold no
    meaning. Any such interval will do, so that windows before and after it never take the verdict back.

    A window without evidence is not passed over; what lies on its two sides is not consecutive. The same holds for a
    window that is not there: a gap of ``least_gap`` lengths of the longer of the two windows beside it, or more.

    Verdicts are False, and not None, where there are windows enough and no interval of them fulfils the rule.

    Args:
        windows: in any order, not overlapping.
        theta_2: the threshold of an anomaly.
        phi_self: in [0, 1].
        phi_self_min: in [0, 1].
        least_windows: at least 1.
        least_observations: below which a window has no evidence.
        least_gap: in lengths of a window, above 0; gaps from this on end an interval. By default a gap ends it that
            has room for another window.

    Raises:
        DataError: windows overlap, the threshold is not a number, or the gap is not above 0.

    Example:
        >>> lasting = [WindowScore(t, t + 1, 0.9, 4.0, 12) for t in range(6)]
        >>> persistence(lasting, theta_2=3.0).self_aware, persistence(lasting[:2], theta_2=3.0).self_aware
        (True, None)
    """
    ordered = sorted(windows, key=lambda one: one.start)
    _check(ordered, theta_2, least_gap)
    usable = [one for one in ordered if _has_evidence(one, least_observations)]
    holding = [_has_evidence(one, least_observations) and _holds(one, theta_2, phi_self_min) for one in ordered]
    runs = _consecutive(ordered, holding, least_gap)
    lasting = [_longest_lasting(run, least_windows, phi_self) for run in runs]
    longest = max(lasting if any(lasting) else runs, key=len)
    verdict: bool | None = False
    if any(lasting):
        verdict, reason = True, f"{len(longest)} windows in a row, of at least {least_windows}"
    elif len(usable) < least_windows:
        verdict, reason = None, f"{len(usable)} windows with evidence; at least {least_windows} are needed"
    elif len(longest) < least_windows:
        reason = f"the longest run has {len(longest)} windows, of at least {least_windows}"
    else:
        reason = (
            f"no {least_windows} or more windows in a row have a mean of at least {phi_self}; over the longest run "
            f"it is {_mean(longest):.3f}"
        )
    return Persistence(
        self_aware=verdict,
        reason=reason,
        windows=len(longest),
        usable=len(usable),
        mean=_mean(longest) if longest else None,
        minimum=min(_known(one) for one in longest) if longest else None,
        start=longest[0].start if longest else None,
        end=longest[-1].end if longest else None,
    )


def _check(ordered: Sequence[WindowScore], theta_2: float, least_gap: float) -> None:
    if not math.isfinite(theta_2):
        raise DataError(f"theta_2 is {theta_2}; give the threshold that the anomaly estimator found")
    if not least_gap > 0.0:
        raise DataError(f"least_gap is {least_gap}; give lengths of a window, above 0")
    for before, after in pairwise(ordered):
        if after.start < before.end:
            raise DataError(
                f"the window from {after.start} begins before the one from {before.start} ends at {before.end}; "
                "give windows that do not overlap"
            )


def _consecutive(ordered: Sequence[WindowScore], holding: Sequence[bool], least_gap: float) -> list[list[WindowScore]]:
    """The windows that hold, in runs; one run at least, which may be empty."""
    runs: list[list[WindowScore]] = [[]]
    for one, holds in zip(ordered, holding, strict=True):
        if runs[-1] and (not holds or _apart(runs[-1][-1], one, least_gap)):
            runs.append([])
        if holds:
            runs[-1].append(one)
    return runs


def _apart(before: WindowScore, after: WindowScore, least_gap: float) -> bool:
    gap = after.start - before.end
    longer = max(before.end - before.start, after.end - after.start)
    # equal windows of which one is missing leave a gap of their length, but for rounding
    return gap > 0.0 and gap >= least_gap * longer * (1.0 - _ROUNDING)


def _longest_lasting(run: Sequence[WindowScore], least_windows: int, phi_self: float) -> Sequence[WindowScore]:
    """The longest part of a run that is long enough and whose mean is high enough, the first of several; or nothing.

    A part has a mean of at least ``phi_self`` where the running sum of what is above it has not fallen between its
    ends.
    """
    sums = [0.0, *accumulate(_known(one) - phi_self for one in run)]
    for length in range(len(run), least_windows - 1, -1):
        for start in range(len(run) - length + 1):
            if sums[start + length] - sums[start] >= -_ROUNDING:
                return run[start : start + length]
    return run[:0]


def _has_evidence(window: WindowScore, least_observations: int) -> bool:
    known = window.self_operator is not None and window.anomaly_score is not None
    return known and window.n_observations >= least_observations


def _holds(window: WindowScore, theta_2: float, phi_self_min: float) -> bool:
    assert window.anomaly_score is not None
    return window.anomaly_score >= theta_2 and _known(window) >= phi_self_min


def _known(window: WindowScore) -> float:
    assert window.self_operator is not None
    return window.self_operator


def _mean(run: Sequence[WindowScore]) -> float:
    return math.fsum(_known(one) for one in run) / len(run)
