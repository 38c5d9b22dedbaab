# SPDX-License-Identifier: Apache-2.0
"""How many points of a process in control pass, on average, before a chart calls one out of control.

Every number here is for known limits and independent points: limits that few subgroups set, and points that depend
on each other, give more false alarms. Nothing is simulated but the two sets of rules with trends, whose numbers are
kept with their standard errors.

Sources: Champ and Woodall, Technometrics 29 (1987), runs rules as a Markov chain; Crowder, Technometrics 29 (1987),
EWMA, and Page, Biometrika 41 (1954), CUSUM, as integral equations.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ophamin.measuring.pillars.observability.rules import CountRule, Frame, Rule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["TREND_RUN_LENGTHS", "cusum_run_length", "ewma_run_length", "normal_run_length", "rules_run_length"]

TREND_RUN_LENGTHS: Final = {
    frozenset({"nelson"}): (73.54, 0.06),
    frozenset({"nelson", "western_electric"}): (65.89, 0.06),
}
"""Sets of rules with trends, at limits of 3 sigma -> mean run length of independent normal points, standard error
(1.2 million runs)."""

_NODES: Final = 60
_SETTLED: Final = 1e-10
_LEAST_WEIGHT: Final = 0.005
_MOST_INTERVAL: Final = 500.0
_NEVER: Final = 1e-12
"""A point less likely than this does not count: run lengths above 1e12 are infinite here."""


@lru_cache(maxsize=64)
def normal_run_length(rules: tuple[Rule, ...], sigma_limit: float = 3.0) -> float | None:
    """Mean number of points to the first signal, for independent normal points and known limits.

    Args:
        rules: as `chosen_rules` gives them.
        sigma_limit: distance of the limits from the centre, in standard deviations.

    Returns:
        The run length in points; None where the rules hold a trend and it was not simulated.

    Example:
        >>> from ophamin.measuring.pillars.observability.rules import chosen_rules
        >>> round(normal_run_length(chosen_rules("shewhart")), 1)
        370.4
        >>> round(normal_run_length(chosen_rules("western_electric")), 2)
        91.75
    """
    import numpy as np
    from scipy.special import ndtr

    if not all(isinstance(rule, CountRule) for rule in rules):
        sets = frozenset(rule.rule_set for rule in rules) - {"shewhart"}  # its one rule is in every other set
        return TREND_RUN_LENGTHS[sets][0] if sigma_limit == 3.0 else None
    sigmas = {rule.sigmas for rule in rules if isinstance(rule, CountRule) and rule.sigmas is not None}
    edges = np.array(sorted({0.0, sigma_limit} | sigmas))
    cuts = np.concatenate([-edges[:0:-1], edges])
    middles = np.concatenate([[cuts[0] - 1.0], (cuts[1:] + cuts[:-1]) / 2.0, [cuts[-1] + 1.0]])
    # the upper half by symmetry: differences of Phi near 1 would lose the digits of a far limit
    lower = np.diff(ndtr(np.concatenate([[-np.inf], -edges[::-1]])))
    shares = np.concatenate([lower, lower[::-1]])
    return rules_run_length(middles, shares, Frame(0.0, 1.0, sigma_limit, -sigma_limit), rules)


def rules_run_length(values: Floats, shares: Floats, frame: Frame, rules: Iterable[Rule]) -> float | None:
    """Mean number of points to the first signal, where each point takes one of some values.

    The states of the chain are what the rules still remember of the last points.

    Args:
        values: what a point can be, shape (m,).
        shares: the probability of each, shape (m,).
        frame: what points are judged against, one number for each field.
        rules: the rules of the chart.

    Returns:
        The run length in points; infinite where no signal is possible, None where a rule is a trend.
    """
    import numpy as np

    patterns: list[tuple[int, int]] = []
    places: list[npt.NDArray[np.bool_]] = []
    for rule in rules:
        if not isinstance(rule, CountRule):
            return None
        for place in rule.places(values, frame):
            patterns.append((rule.count, rule.window))
            places.append(place)
    kinds, which = np.unique(np.array(places).T, axis=0, return_inverse=True)
    odds = np.bincount(which.ravel(), weights=shares)
    symbols = [
        ([bool(one) for one in kind], float(share)) for kind, share in zip(kinds, odds, strict=True) if share > _NEVER
    ]
    return _time_to_absorption(patterns, symbols)


def _time_to_absorption(patterns: Sequence[tuple[int, int]], symbols: Sequence[tuple[list[bool], float]]) -> float:
    """Expected steps from the empty memory to the first completed pattern."""
    from scipy.sparse import csc_array, identity
    from scipy.sparse.linalg import spsolve

    numbered = {(0,) * len(patterns): 0}
    open_states = [*numbered]
    rows: list[int] = []
    columns: list[int] = []
    odds: list[float] = []
    can_end = False
    for row, state in enumerate(open_states):
        for hits, share in symbols:
            after = _remember(state, hits, patterns)
            if after is None:
                can_end = True
                continue
            if after not in numbered:
                numbered[after] = len(open_states)
                open_states.append(after)  # the loop goes on to it
            rows.append(row)
            columns.append(numbered[after])
            odds.append(share)
    if not can_end:
        return math.inf
    size = len(open_states)
    stays = csc_array((odds, (rows, columns)), shape=(size, size))
    steps = spsolve((identity(size, format="csc") - stays).tocsc(), [1.0] * size)
    return float(steps[0])


def _remember(
    state: tuple[int, ...], hits: Sequence[bool], patterns: Sequence[tuple[int, int]]
) -> tuple[int, ...] | None:
    """The memory after one more point; None where a pattern is complete.

    A memory holds the last points of each pattern's window as bits; a run that a miss broke is forgotten.
    """
    after = []
    for bits, hit, (count, window) in zip(state, hits, patterns, strict=True):
        now = bits << 1 | hit
        if hit and now.bit_count() >= count:
            return None
        now &= (1 << (window - 1)) - 1
        after.append(0 if count == window and not hit else now)
    return tuple(after)


@lru_cache(maxsize=64)
def ewma_run_length(weight: float, sigma_limit: float, *, widening: bool = True) -> float | None:
    """Mean number of points to the first signal of an EWMA chart that starts at its centre.

    Args:
        weight: of the newest point, in (0, 1].
        sigma_limit: distance of the limits, in standard deviations of the statistic.
        widening: the limits follow the exact variance from the first point; else they are where they settle, as
            most published tables have it.

    Returns:
        The run length in points; infinite above 1e12, None for a weight below .005, which takes too long.

    Example:
        >>> round(ewma_run_length(0.25, 3.0, widening=False), 1)  # Crowder's table has 502.9
        502.9
        >>> round(ewma_run_length(1.0, 3.0), 1)
        370.4
    """
    import numpy as np

    beyond = math.erfc(sigma_limit / math.sqrt(2.0))
    if beyond < _NEVER:
        return math.inf
    if weight == 1.0 or weight < _LEAST_WEIGHT:
        return 1.0 / beyond if weight == 1.0 else None
    keep = 1.0 - weight
    settled = sigma_limit * math.sqrt(weight / (2.0 - weight))
    nodes, weights = np.polynomial.legendre.leggauss(_nodes_for(2.0 * settled / weight))

    def next_point(start: Floats, width: float) -> Floats:
        """Probability of moving from each start to each node of the next point's limits."""
        z = (width * nodes - keep * start[:, None]) / weight
        odds: Floats = width * weights * np.exp(-0.5 * z * z) / (weight * math.sqrt(2.0 * math.pi))
        return odds

    lengths = np.linalg.solve(np.eye(len(nodes)) - next_point(settled * nodes, settled), np.ones(len(nodes)))
    width = settled
    if widening:
        last = math.ceil(math.log(_SETTLED) / (2.0 * math.log(keep)))
        for t in range(last, 0, -1):
            before = settled * math.sqrt(-math.expm1(2.0 * t * math.log(keep)))
            lengths, width = 1.0 + next_point(before * nodes, width) @ lengths, before
    return float(1.0 + (next_point(np.zeros(1), width) @ lengths)[0])


@lru_cache(maxsize=64)
def cusum_run_length(allowance: float, interval: float) -> float | None:
    """Mean number of points to the first signal of a two-sided CUSUM chart that starts at zero.

    Args:
        allowance: what each point must deviate by to add to the sum, in standard deviations.
        interval: the sum that is a signal, in standard deviations.

    Returns:
        The run length in points; infinite above 1e12 or so, None for an interval above 500.

    Example:
        >>> round(cusum_run_length(0.5, 4.0)), round(cusum_run_length(0.5, 5.0))
        (168, 465)
    """
    import numpy as np
    from scipy.special import ndtr

    if 2.0 * allowance * interval > -math.log(_NEVER):  # the run length grows as exp(2 k h)
        return math.inf
    if interval > _MOST_INTERVAL:
        return None
    nodes, weights = np.polynomial.legendre.leggauss(_nodes_for(interval))
    points = interval * (nodes + 1.0) / 2.0
    starts = np.concatenate([[0.0], points])
    z = points + allowance - starts[:, None]
    density = interval / 2.0 * weights * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    stays = np.column_stack([ndtr(allowance - starts), density])
    one_sided = np.linalg.solve(np.eye(len(starts)) - stays, np.ones(len(starts)))[0]
    return float(one_sided) / 2.0


def _nodes_for(width: float) -> int:
    """How many nodes of Gauss and Legendre resolve a normal density on an interval of that many of its sigmas."""
    return max(_NODES, math.ceil(2.0 * width))
