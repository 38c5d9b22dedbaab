# SPDX-License-Identifier: Apache-2.0
"""The scenario ``historical``: a history of discoveries whose rate may rise with complexity and infrastructure.

Per year a Poisson number of events falls into domains whose weights move with complexity C. Each event has a
connectivity R, is observed with probability R^gamma, has a sign, and is recognised after an exponential lag; with
feedback, recognised events raise C. The null model has ``a_c = a_i = 0`` and no feedback. The forms of the
weights, of R and of the infrastructure I are open choices, made so that the demands of the theory hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from qmpt.errors import InsufficientEvidence
from qmpt.simulation.historical import BIN_WIDTH, FIRST_YEAR, LAST_YEAR, bin_counts, complexity, gini

__all__ = [
    "DOMAINS",
    "History",
    "HistorySettings",
    "domain_weights",
    "history_metrics",
    "infrastructure",
    "lag_regression",
    "simulate_history",
]

Array = NDArray[np.float64]

DOMAINS: Final = ("phys", "life", "comp", "info", "sys", "ont")
"""The domains, in the order of the complexity at which they peak."""
_PEAKS: Final = (0.30, 0.35, 0.60, 0.68, 0.70, 0.85)
_PEAK_WIDTH: Final = 0.15
_INFRASTRUCTURE_MIDPOINT: Final = 1920.0
_INFRASTRUCTURE_WIDTH: Final = 60.0
_BETA_SIZE: Final = 4.0
_FEWEST_FOR_REGRESSION: Final = 20
_COLUMNS: Final = np.dtype(
    [
        ("time", np.float64),
        ("domain", "U4"),
        ("connectivity", np.float64),
        ("observed", np.bool_),
        ("sign", np.int64),
        ("recognised", np.float64),
        ("complexity", np.float64),
        ("infrastructure", np.float64),
    ]
)

NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]


class HistorySettings(BaseModel):
    """Constants of the model; all are open choices.

    Attributes:
        first: first year.
        last: year after the last.
        rate: events per year at C = I = 0.
        a_c: how much C raises the rate.
        a_i: how much I raises the rate.
        gamma: events are observed with probability R^gamma, at least 1.
        plus: probability of the sign +1 at C = 0.
        plus_slope: how much C raises it; it is clipped to [0, 1].
        zero: share of the sign 0 among the rest.
        lag: mean years until recognition at C = I = R = 0.
        lag_c: how much C shortens it.
        lag_i: how much I shortens it.
        lag_r: how much R shortens it.
        lag_floor: shortest mean lag, in years, above 0.
        feedback: what a recognised event adds to C, times its sign.
        seed: of all draws.

    Example:
        >>> HistorySettings().gamma
        1.0
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: int = FIRST_YEAR
    last: int = LAST_YEAR
    rate: Annotated[float, Field(ge=0.0, le=1e4)] = 0.01
    a_c: NotNegative = 8.0
    a_i: NotNegative = 0.0
    gamma: Annotated[float, Field(ge=1.0, allow_inf_nan=False)] = 1.0
    plus: Unit = 0.3
    plus_slope: NotNegative = 0.4
    zero: Unit = 0.5
    lag: NotNegative = 60.0
    lag_c: NotNegative = 30.0
    lag_i: NotNegative = 15.0
    lag_r: NotNegative = 10.0
    lag_floor: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0
    feedback: dict[str, NotNegative] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class History:
    """The events of one history, in order of their years; each array has shape (events,).

    Attributes:
        time: year and part of it.
        domain: of `DOMAINS`.
        connectivity: R, in [0, 1].
        observed: whether it was observed.
        sign: -1, 0 or 1.
        recognised: time of recognition.
        complexity: C in the year of the event.
        infrastructure: I in that year.
        settings: what made it.
    """

    time: Array
    domain: NDArray[np.str_]
    connectivity: Array
    observed: NDArray[np.bool_]
    sign: NDArray[np.int64]
    recognised: Array
    complexity: Array
    infrastructure: Array
    settings: HistorySettings


def infrastructure(year: Any) -> Any:
    """The assumed infrastructure I of a time: like complexity, twenty years later.

    Example:
        >>> float(infrastructure(1920))
        0.5
    """
    away = (np.asarray(year, dtype=np.float64) - _INFRASTRUCTURE_MIDPOINT) / _INFRASTRUCTURE_WIDTH
    return 1.0 / (1.0 + np.exp(-away))


def domain_weights(level: float) -> Array:
    """The share of each domain at a complexity: Gaussian bumps that sum to 1, shape (6,).

    Example:
        >>> DOMAINS[int(domain_weights(0.9).argmax())]
        'ont'
    """
    bumps = np.exp(-0.5 * ((level - np.array(_PEAKS)) / _PEAK_WIDTH) ** 2)
    weights: Array = bumps / bumps.sum()
    return weights


def simulate_history(settings: HistorySettings | None = None) -> History:
    """Draw one history.

    Example:
        >>> history = simulate_history(HistorySettings(rate=0.1, seed=1))
        >>> bool((history.recognised > history.time).all())
        True
    """
    settings = settings or HistorySettings()
    draw = np.random.default_rng(settings.seed)
    gained = np.zeros(max(settings.last - settings.first, 0) + 1)
    years: list[tuple[Any, ...]] = []
    added = 0.0
    for index, year in enumerate(range(settings.first, settings.last)):
        added += gained[index]
        level, support = min(max(float(complexity(year + 0.5)) + added, 0.0), 1.0), float(infrastructure(year + 0.5))
        expected = settings.rate * (1.0 + settings.a_c * level + settings.a_i * support)
        events = _year(draw, year, level, support, int(draw.poisson(expected)), settings)
        years.extend(events)
        for event in events:
            known = math.ceil(event[5]) - settings.first
            if known < len(gained):
                gained[known] += settings.feedback.get(event[1], 0.0) * event[4]
    table = np.array(sorted(years), dtype=_COLUMNS)
    return History(**{name: table[name] for name in _COLUMNS.names or ()}, settings=settings)


def _year(
    draw: np.random.Generator, year: int, level: float, support: float, count: int, k: HistorySettings
) -> list[tuple[Any, ...]]:
    """The events of one year, each as the columns of `History`."""
    mean = (level + support) / 2.0
    plus = min(k.plus + k.plus_slope * level, 1.0)
    signs = [plus, (1.0 - plus) * k.zero, (1.0 - plus) * (1.0 - k.zero)]
    events = []
    for _ in range(count):
        time = year + float(draw.random())
        domain = str(draw.choice(DOMAINS, p=domain_weights(level)))
        connectivity = float(draw.beta(1.0 + _BETA_SIZE * mean, 1.0 + _BETA_SIZE * (1.0 - mean)))
        observed = bool(draw.random() < connectivity**k.gamma)
        sign = int(draw.choice((1, 0, -1), p=signs))
        lag = max(k.lag - k.lag_c * level - k.lag_i * support - k.lag_r * connectivity, k.lag_floor)
        recognised = time + float(draw.exponential(lag))
        events.append((time, domain, connectivity, observed, sign, recognised, level, support))
    return events


def history_metrics(history: History) -> dict[str, Any]:
    """Counts per bin by domain, sign and observation, their clustering, and when each domain peaked.

    ``overdispersion`` is the variance of the counts over their mean, 1 for a constant rate; ``chi_square`` is their
    distance from a constant rate, with its degrees of freedom. None stands for what the history is too empty to say.

    Example:
        >>> history_metrics(simulate_history(HistorySettings(rate=0.1, seed=1)))["events"] > 100
        True
    """
    first, last = history.settings.first, history.settings.last

    def counted(chosen: Any) -> list[int]:
        return bin_counts(history.time[chosen].tolist(), first=first, last=last, width=BIN_WIDTH)

    every = np.ones(len(history.time), dtype=bool)
    counts = np.array(counted(every), dtype=np.float64)
    mean = float(counts.mean())
    medians = {
        domain: float(np.median(history.time[history.domain == domain]))
        for domain in DOMAINS
        if (history.domain == domain).any()
    }
    return {
        "events": len(history.time),
        "counts": counted(every),
        "by_domain": {domain: counted(history.domain == domain) for domain in DOMAINS},
        "by_sign": {sign: counted(history.sign == sign) for sign in (-1, 0, 1)},
        "observed": counted(history.observed),
        "gini": gini(counts),
        "overdispersion": float(counts.var(ddof=1)) / mean if mean and len(counts) > 1 else None,
        "chi_square": float(((counts - mean) ** 2).sum()) / mean if mean else None,
        "degrees_of_freedom": len(counts) - 1,
        "domain_order": sorted(medians, key=medians.__getitem__),
        "positive_share": float((history.sign == 1).mean()) if len(history.sign) else None,
    }


def lag_regression(history: History) -> dict[str, float]:
    """Least squares of the lag until recognition on C, I and R.

    Raises:
        InsufficientEvidence: fewer than 20 events.

    Example:
        >>> found = lag_regression(simulate_history(HistorySettings(rate=2.0, seed=1)))
        >>> list(found)
        ['intercept', 'complexity', 'infrastructure', 'connectivity']
    """
    n = len(history.time)
    if n < _FEWEST_FOR_REGRESSION:
        raise InsufficientEvidence(f"{n} events; {_FEWEST_FOR_REGRESSION} are the fewest for a regression on three")
    table = np.column_stack([np.ones(n), history.complexity, history.infrastructure, history.connectivity])
    found = np.linalg.lstsq(table, history.recognised - history.time, rcond=None)[0]
    return dict(zip(("intercept", "complexity", "infrastructure", "connectivity"), found.tolist(), strict=True))
