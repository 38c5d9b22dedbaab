# SPDX-License-Identifier: Apache-2.0
"""Simulated agents of known self-knowledge, to try the self operator on: the truth about each is built in.

Every kind differs from the honest one by a named fault, and all leave the same amount of observations. Numbers that
come of them say what the estimator can tell apart, not what real agents are like.

==========  ====================================================================================
honest      knows the population, its own place, its next state and its chances; keeps its beliefs
delusional  like the honest one, but typical, and reports to be a strong anomaly
blind       like the honest one, but a strong anomaly, and reports to be typical
imitator    knows nothing of all this, and speaks of itself in every sentence
==========  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from qmpt.data.models import Observation, Pattern
from qmpt.errors import DataError, InsufficientEvidence, nearest_name
from qmpt.metrics.self_operator import self_reports_from
from qmpt.metrics.self_operator_persistence import WindowScore

if TYPE_CHECKING:
    import numpy as np

    from qmpt.metrics.evidence import Assessment
    from qmpt.metrics.reflexivity import ReflexivityEstimator
    from qmpt.metrics.self_operator import SelfOperatorEstimator

__all__ = [
    "KINDS",
    "STRONG",
    "SimulatedAgent",
    "SimulatedPopulation",
    "assess_agent",
    "simulate_agent",
    "simulate_population",
    "simulate_windows",
]

STRONG: Final = 5.0
"""Anomaly score of a strong anomaly; the population has a standard deviation of 1 around 0."""

_STATES: Final = ("rest", "search", "write", "check")
_PAIRS: Final = 60
_SENTENCES: Final = 30
_PROPOSITIONS: Final = 12
_STATEMENTS: Final = 4
_WINDOW_SECONDS: Final = 1000.0


@dataclass(frozen=True, slots=True)
class _Traits:
    """What an agent knows.

    Attributes:
        members_seen: members of the population it has seen; 0 for none.
        report_error: standard deviation of its self-report around the truth; None if it does not know its place.
        accuracy: share of its next states that it predicts.
        doubt: standard deviation of the noise of its stated beliefs; None if it states any number.
        reflective: share of its sentences that speak of itself.
    """

    members_seen: int
    report_error: float | None
    accuracy: float
    doubt: float | None
    reflective: float


_KNOWING: Final = _Traits(members_seen=200, report_error=0.1, accuracy=0.95, doubt=0.03, reflective=0.5)
_IMITATING: Final = _Traits(members_seen=0, report_error=None, accuracy=0.25, doubt=None, reflective=1.0)
_TRAITS: Final[Mapping[str, _Traits]] = {
    "honest": _KNOWING,
    "delusional": _KNOWING,
    "blind": _KNOWING,
    "imitator": _IMITATING,
}
KINDS: Final = tuple(_TRAITS)
"""The kinds of agents."""

_REFLECTIVE: Final = (
    "I think my estimate of the {noun} is too high.",
    "I was wrong about the {noun}.",
    "I do not know why the {noun} failed.",
    "Perhaps the {noun} is {adjective}, but the data suggest something else.",
    "I noticed that my view of the {noun} rests on a single test.",
    "I may be missing something about the {noun}.",
    "I no longer believe that the {noun} is {adjective}.",
)
_PLAIN: Final = (
    "The {noun} is {adjective}.",
    "Every {noun} was read from the list and written to the next one.",
    "The {adjective} {noun} went through.",
    "There is one {noun} for each run.",
)
_NOUNS: Final = ("queue", "cache", "parser", "index", "table", "request", "signal", "model", "report", "worker")
_ADJECTIVES: Final = ("slow", "full", "stale", "small", "ready", "early", "broken", "new")


@dataclass(frozen=True, slots=True)
class SimulatedPopulation:
    """A population with features of different shapes.

    Attributes:
        stats: as `SelfOperatorEstimator.evaluate` takes them.
    """

    stats: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SimulatedAgent:
    """One agent, its anomaly score set and its reflexivity not.

    Attributes:
        kind: one of `KINDS`.
        pattern: the agent.
        observations: what it left.
    """

    kind: str
    pattern: Pattern
    observations: list[Observation]


def simulate_population(n: int = 400, *, seed: int = 0) -> SimulatedPopulation:
    """A population of ``n`` members: one symmetric, one skewed and one two-peaked feature, and anomaly scores.

    Args:
        n: at least 100.
        seed: of everything.

    Example:
        >>> sorted(simulate_population(seed=1).stats["features"])
        ['cost', 'length', 'speed']
    """
    import numpy as np

    if n < 100:
        raise DataError(f"n is {n}; give at least 100 members")
    rng = np.random.default_rng(seed)
    peaks = np.where(rng.random(n) < 0.4, -2.0, 2.0)
    features = {
        "speed": rng.normal(10.0, 2.0, n).tolist(),
        "cost": rng.lognormal(0.0, 0.8, n).tolist(),
        "length": (peaks + rng.normal(0.0, 0.5, n)).tolist(),
    }
    return SimulatedPopulation({"features": features, "anomaly_scores": rng.normal(0.0, 1.0, n).tolist()})


def simulate_agent(kind: str, population: SimulatedPopulation, *, name: str = "agent", seed: int = 0) -> SimulatedAgent:
    """One agent of a kind. An honest or imitating one is a strong anomaly or typical, by chance.

    Raises:
        DataError: no such kind.

    Example:
        >>> agent = simulate_agent("blind", simulate_population(), seed=1)
        >>> agent.pattern.anomaly_score > 4.0, len(agent.observations)
        (True, 199)
    """
    import numpy as np

    if kind not in _TRAITS:
        raise DataError(f"no kind of agent is named {kind!r}; {nearest_name(kind, KINDS)}")
    rng = np.random.default_rng(seed)
    strong = {"delusional": False, "blind": True}.get(kind, bool(rng.random() < 0.5))
    score = float(rng.normal(STRONG if strong else 0.0, 0.3))
    traits = _TRAITS[kind]
    told = _told_score(kind, score, traits, rng)
    observations = _observations(name, traits, told, population, rng, start=0.0)
    return SimulatedAgent(kind, Pattern(pattern_id=name, layer_id="simulated", anomaly_score=score), observations)


def assess_agent(
    agent: SimulatedAgent,
    population: SimulatedPopulation,
    reflexivity: ReflexivityEstimator,
    self_operator: SelfOperatorEstimator,
) -> Assessment:
    """Run both estimators on an agent."""
    try:
        known: float | None = reflexivity.score(agent.observations)
    except InsufficientEvidence:
        known = None
    pattern = agent.pattern.model_copy(update={"reflexivity": known})
    return self_operator.evaluate(pattern, population.stats, self_reports_from(agent.observations), intervals=False)


def simulate_windows(
    honest: Sequence[bool],
    population: SimulatedPopulation,
    reflexivity: ReflexivityEstimator,
    self_operator: SelfOperatorEstimator,
    *,
    seed: int = 0,
) -> list[WindowScore]:
    """A strong anomaly over time, which is honest in some windows and an imitator in the others.

    Args:
        honest: one value per window.
        population: that it belongs to.
        reflexivity: estimator.
        self_operator: estimator.
        seed: of everything.

    Returns:
        The scores of each window, as `SelfOperatorEstimator.persistence` takes them.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    windows: list[WindowScore] = []
    for place, knows in enumerate(honest):
        start = place * _WINDOW_SECONDS
        kind = "honest" if knows else "imitator"
        score = float(rng.normal(STRONG, 0.3))
        observations = _observations(
            "anomaly", _TRAITS[kind], _told_score(kind, score, _TRAITS[kind], rng), population, rng, start=start
        )
        pattern = Pattern(pattern_id="anomaly", layer_id="simulated", anomaly_score=score)
        found = assess_agent(SimulatedAgent(kind, pattern, observations), population, reflexivity, self_operator)
        windows.append(WindowScore(start, start + _WINDOW_SECONDS, found.value, score, len(observations)))
    return windows


def _told_score(kind: str, score: float, traits: _Traits, rng: np.random.Generator) -> float:
    if kind == "delusional":
        return float(rng.normal(STRONG, 0.3))
    if kind == "blind":
        return float(rng.normal(0.0, 0.3))
    if traits.report_error is None:
        return float(rng.uniform(-2.0, STRONG + 2.0))
    return float(rng.normal(score, traits.report_error))


def _observations(
    name: str,
    traits: _Traits,
    told_score: float,
    population: SimulatedPopulation,
    rng: np.random.Generator,
    *,
    start: float,
) -> list[Observation]:
    report = {"anomaly_score": told_score, "population": _told_population(traits, population, rng)}
    sources: list[tuple[str, Callable[[], Iterator[Any]]]] = [
        ("self_report", lambda: iter([report])),
        ("text", lambda: _sentences(traits, rng)),
        ("self_state", lambda: _states(traits, rng)),
        ("prediction", lambda: _predictions(traits, rng)),
        ("belief", lambda: _beliefs(traits, rng)),
    ]
    return [
        Observation(
            obs_id=f"{name}-{start:g}-{modality}-{place}",
            pattern_id=name,
            timestamp=start + place,
            modality=modality,
            payload=payload,
        )
        for modality, source in sources
        for place, payload in enumerate(source())
    ]


def _told_population(traits: _Traits, population: SimulatedPopulation, rng: np.random.Generator) -> dict[str, Any]:
    """The members it has seen; without any, one guess per feature within the range of the population."""
    features: dict[str, Any] = {}
    for name, values in population.stats["features"].items():
        if traits.members_seen:
            features[name] = rng.choice(values, size=traits.members_seen).tolist()
        else:
            features[name] = [float(rng.uniform(min(values), max(values)))]
    return {"features": features}


def _sentences(traits: _Traits, rng: np.random.Generator) -> Iterator[str]:
    for _ in range(_SENTENCES):
        forms = _REFLECTIVE if rng.random() < traits.reflective else _PLAIN
        form = forms[rng.integers(len(forms))]
        yield form.format(noun=_NOUNS[rng.integers(len(_NOUNS))], adjective=_ADJECTIVES[rng.integers(len(_ADJECTIVES))])


def _states(traits: _Traits, rng: np.random.Generator) -> Iterator[dict[str, str]]:
    for _ in range(_PAIRS):
        state = predicted = _STATES[rng.integers(len(_STATES))]
        if rng.random() >= traits.accuracy:
            others = [one for one in _STATES if one != state]
            predicted = others[rng.integers(len(others))]
        yield {"state": state, "predicted_state": predicted}


def _predictions(traits: _Traits, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Chances near 0 and 1; who has no measure of doubt states any number."""
    for _ in range(_PAIRS):
        chance = float(rng.choice([0.05, 0.95]))
        stated = float(rng.random()) if traits.doubt is None else chance
        yield {"p": stated, "outcome": bool(rng.random() < chance)}


def _beliefs(traits: _Traits, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Each proposition several times, every other time as its opposite."""
    held = rng.choice([0.1, 0.9], size=_PROPOSITIONS)
    for turn in range(_STATEMENTS):
        for place, belief in enumerate(held.tolist()):
            affirmed = rng.random() if traits.doubt is None else min(1.0, max(0.0, rng.normal(belief, traits.doubt)))
            negated = turn % 2 == 1
            yield {
                "proposition": f"{'not ' if negated else ''}claim {place}",
                "probability": float(1.0 - affirmed if negated else affirmed),
            }
