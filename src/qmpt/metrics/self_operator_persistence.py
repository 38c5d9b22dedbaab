# SPDX-License-Identifier: Apache-2.0
"""Whether a high self operator lasts: the rule that keeps out chance, passing beliefs and imitation.

A self-aware anomaly is an anomaly, knows it, and goes on knowing it. One good moment is not enough, and too few moments
are no evidence against it either.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from qmpt.errors import DataError

__all__ = ["Persistence", "WindowScore", "persistence"]


@dataclass(frozen=True, slots=True)
class WindowScore:
    """The scores of one window of time.

    Attributes:
        start: of the window, in seconds.
        end: of the window, not before the start.
        self_operator: in [0, 1]; None where the evidence did not suffice.
        anomaly_score: finite; None where it is not known.
        n_observations: in the window.
    """

    start: float
    end: float
    self_operator: float | None
    anomaly_score: float | None
    n_observations: int


@dataclass(frozen=True, slots=True)
class Persistence:
    """Whether a pattern is a self-aware anomaly over time.

    Attributes:
        self_aware: None where there are too few windows with evidence to say.
        reason: what decided, in words.
        windows: windows in the longest run that fulfils the rule for each window.
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
) -> Persistence:
    """Judge a series of windows.

    Each window of a run has an anomaly score of at least ``theta_2`` and a self operator of at least
    ``phi_self_min``; a window without evidence breaks a run. The longest run must last ``least_windows``, and the mean
    of the self operator over it must reach ``phi_self``.

    Args:
        windows: in any order, not overlapping.
        theta_2: the threshold of an anomaly.
        phi_self: in [0, 1].
        phi_self_min: in [0, 1].
        least_windows: at least 1.
        least_observations: below which a window has no evidence.

    Raises:
        DataError: windows overlap, or the threshold is not a number.

    Example:
        >>> lasting = [WindowScore(t, t + 1, 0.9, 4.0, 12) for t in range(6)]
        >>> persistence(lasting, theta_2=3.0).self_aware, persistence(lasting[:2], theta_2=3.0).self_aware
        (True, None)
    """
    ordered = sorted(windows, key=lambda one: one.start)
    _check(ordered, theta_2)
    usable = [one for one in ordered if _has_evidence(one, least_observations)]
    runs: list[list[WindowScore]] = [[]]
    for one in ordered:
        if _has_evidence(one, least_observations) and _holds(one, theta_2, phi_self_min):
            runs[-1].append(one)
        else:
            runs.append([])
    qualified = [run for run in runs if len(run) >= least_windows and _mean(run) >= phi_self]
    longest = max(qualified or runs, key=len)
    if qualified:
        verdict, reason = True, f"{len(longest)} windows in a row, of at least {least_windows}"
    elif len(usable) < least_windows:
        verdict, reason = None, f"{len(usable)} windows with evidence; at least {least_windows} are needed"
    elif len(longest) < least_windows:
        verdict, reason = False, f"the longest run has {len(longest)} windows, of at least {least_windows}"
    else:
        verdict, reason = False, f"the mean over the longest run is {_mean(longest):.3f}, of at least {phi_self}"
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


def _check(ordered: Sequence[WindowScore], theta_2: float) -> None:
    if not math.isfinite(theta_2):
        raise DataError(f"theta_2 is {theta_2}; give the threshold that the anomaly estimator found")
    for before, after in pairwise(ordered):
        if after.start < before.end:
            raise DataError(
                f"the window from {after.start} begins before the one from {before.start} ends at {before.end}; "
                "give windows that do not overlap"
            )


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
