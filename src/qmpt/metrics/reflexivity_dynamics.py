# SPDX-License-Identifier: Apache-2.0
"""What the trajectory of a pattern shows of a self-model: four parts, each from observations of its own kind.

Texts count for nothing here, except those that are tagged as goals. A part without enough observations is missing, with
the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import DataError
from qmpt.features.behavior import action_of
from qmpt.features.tokens import text_of, words
from qmpt.metrics.calibration import calibration
from qmpt.metrics.evidence import Interval, Part
from qmpt.metrics.mutual_information import self_prediction_ratio

if TYPE_CHECKING:
    from qmpt.data.models import Observation

__all__ = [
    "GOAL_TAG",
    "LEAST_EVENTS",
    "LEAST_WINDOWS",
    "calibration_part",
    "consistency_part",
    "difference_interval",
    "mutual_information_part",
    "revision_part",
]

GOAL_TAG: Final = "goal"
"""Tag of the texts that state what a pattern is after."""
LEAST_EVENTS: Final = 10
"""Failures, and successes, below which no revision is estimated."""
LEAST_WINDOWS: Final = 5
"""Windows of goals below which no consistency is estimated."""

_Z95: Final = 1.959963984540054
_BOOTSTRAP: Final = 400
_HASHED: Final = 2**18


def mutual_information_part(observations: Sequence[Observation], *, permutations: int = 199, seed: int = 0) -> Part:
    """The part ``mi``: how much the predicted state tells of the state, from ``self_state`` observations.

    The payload is ``{"state": ..., "predicted_state": ...}``; pairs of which one is None are left out.

    Raises:
        DataError: a payload has another form.
    """
    pairs = [_fields(one, "state", "predicted_state") for one in observations if one.modality == "self_state"]
    known = [(state, predicted) for state, predicted in pairs if state is not None and predicted is not None]
    states, predictions = [state for state, _ in known], [predicted for _, predicted in known]
    found = self_prediction_ratio(states, predictions, permutations=permutations, seed=seed)
    detail = {} if found.value is None else {
        "unclipped": found.unclipped,
        "plug_in": found.plug_in,
        "p_value": found.p_value,
        "entropy": found.entropy,
        "levels": found.levels,
        "method": found.method,
    }  # fmt: skip
    return Part("mi", found.value, n=found.n, interval=found.interval, reason=found.reason, detail=detail)


def calibration_part(observations: Sequence[Observation], *, seed: int = 0) -> Part:
    """The part ``calibration``: the Brier skill of stated probabilities, clipped to [0, 1].

    The payload of a ``prediction`` is ``{"p": number, "outcome": bool}``; an outcome that is None is still open and is
    left out.

    Raises:
        DataError: a payload has another form.
    """
    pairs = [_fields(one, "p", "outcome") for one in observations if one.modality == "prediction"]
    known = [(stated, outcome) for stated, outcome in pairs if outcome is not None]
    found = calibration([stated for stated, _ in known], [outcome for _, outcome in known], seed=seed)
    detail = {"skill": found.skill, "brier": found.brier, "calibration_error": found.calibration_error}
    detail |= {"base_rate": found.base_rate}
    if found.skill is None or found.interval is None:
        return Part("calibration", None, n=found.n, reason=found.reason, detail=detail)
    low, high = found.interval
    return Part("calibration", _unit(found.skill), n=found.n, interval=(_unit(low), _unit(high)), detail=detail)


def revision_part(observations: Sequence[Observation], *, steps: int = 3) -> Part:
    """The part ``revision``: how much likelier a decision is changed after a failure than after a success.

    A decision is an action and its object. It is changed when another one is among the next ``steps``; decisions
    with fewer after them are left out. The share of changed ones after ``ok: true`` is the base rate and is taken off.
    The interval is Newcombe's for two independent shares; windows overlap, so that it is too narrow where changes
    come in runs.

    Args:
        observations: those of the modality ``behavior`` are read, in the order of time.
        steps: at least 1.

    Raises:
        DataError: a payload has another form.
    """
    ordered = sorted((one for one in observations if one.modality == "behavior"), key=lambda one: one.timestamp)
    actions = [action_of(one) for one in ordered]
    decisions = [(one.action, one.target) for one in actions]
    changed: dict[bool, list[bool]] = {True: [], False: []}
    for place, one in enumerate(actions[: max(0, len(actions) - steps)]):
        if one.ok is not None:
            following = decisions[place + 1 : place + 1 + steps]
            changed[one.ok].append(any(other != decisions[place] for other in following))
    failures, successes = changed[False], changed[True]
    n = len(failures) + len(successes)
    if min(len(failures), len(successes)) < LEAST_EVENTS:
        reason = f"{len(failures)} failures and {len(successes)} successes; at least {LEAST_EVENTS} of each are needed"
        return Part("revision", None, n=n, reason=reason)
    after_failure, base = sum(failures) / len(failures), sum(successes) / len(successes)
    low, high = difference_interval(sum(failures), len(failures), sum(successes), len(successes))
    detail = {"after_failure": after_failure, "base_rate": base, "failures": len(failures), "steps": steps}
    return Part("revision", _unit(after_failure - base), n=n, interval=(_unit(low), _unit(high)), detail=detail)


def consistency_part(
    observations: Sequence[Observation],
    *,
    per_window: int = 3,
    encode: Callable[[list[str]], Any] | None = None,
    seed: int = 0,
) -> Part:
    """The part ``consistency``: mean cosine similarity of successive windows of goals.

    Goals are texts with the tag `GOAL_TAG`. A text whose words were all said before, in the same order, counts for
    nothing: to paste a goal again shows nothing about holding to it. Near copies do count; their number and that of
    the repeats are in the detail. Without an encoder a window is its counts of words that carry meaning, so that other
    words for one goal look like another goal. Compare only within one encoder.

    Args:
        observations: texts with the tag are read, in the order of time.
        per_window: different goals per window; a last window that is not full is left out.
        encode: texts -> array of shape (texts, dimensions).
        seed: of the resampling of successive pairs, which gives the interval.

    Raises:
        DataError: the payload of a goal is no text, or the encoder gave no finite row per text.
    """
    import numpy as np

    goals = [one for one in observations if one.modality == "text" and GOAL_TAG in one.tags]
    told = [text_of(one) for one in sorted(goals, key=lambda one: one.timestamp)]
    texts = _without_repeats(told)
    full = len(texts) // per_window
    if full < LEAST_WINDOWS:
        reason = (
            f"{full} full windows of {per_window} different goals ({len(texts)} of {len(told)} differ); at least "
            f"{LEAST_WINDOWS} are needed"
        )
        return Part("consistency", None, n=len(texts), reason=reason)
    starts = range(0, full * per_window, per_window)
    vectors = _window_vectors([texts[start : start + per_window] for start in starts], encode)
    lengths = np.linalg.norm(vectors, axis=1)
    if (lengths == 0.0).any():
        reason = "a window of goals holds no word that carries meaning; make the windows longer, or give an encoder"
        return Part("consistency", None, n=len(texts), reason=reason)
    directions = vectors / lengths[:, None]
    similarities = (directions[1:] * directions[:-1]).sum(axis=1)
    draws = np.random.default_rng(seed).integers(len(similarities), size=(_BOOTSTRAP, len(similarities)))
    low, high = np.quantile(similarities[draws].mean(axis=1), [0.025, 0.975])
    detail = {"windows": full, "per_window": per_window, "repeats": len(told) - len(texts)}
    value = _unit(float(similarities.mean()))
    return Part("consistency", value, n=len(texts), interval=(_unit(float(low)), _unit(float(high))), detail=detail)


def difference_interval(hits: int, n: int, other_hits: int, other_n: int) -> Interval:
    """95 percent interval of the difference of two independent shares.

    The hybrid score interval, method 10 of Newcombe, Statistics in Medicine 17 (1998) 873.

    Example:
        >>> low, high = difference_interval(56, 70, 48, 80)
        >>> round(low, 4), round(high, 4)
        (0.0524, 0.3339)
    """
    share, other = hits / n, other_hits / other_n
    low, high = _wilson(share, n)
    other_low, other_high = _wilson(other, other_n)
    difference = share - other
    return (
        difference - math.hypot(share - low, other_high - other),
        difference + math.hypot(high - share, other - other_low),
    )


def _wilson(share: float, n: int) -> Interval:
    z2 = _Z95**2
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = _Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, center - reach), min(1.0, center + reach)


def _without_repeats(texts: Sequence[str]) -> list[str]:
    """The first of each of the texts with the same words."""
    first: dict[str, str] = {}
    for text in texts:
        first.setdefault(" ".join(words(text)) or text, text)
    return list(first.values())


def _window_vectors(windows: Sequence[list[str]], encode: Callable[[list[str]], Any] | None) -> Any:
    import numpy as np

    if encode is None:
        from sklearn.feature_extraction.text import HashingVectorizer

        hashed = HashingVectorizer(n_features=_HASHED, stop_words="english", norm=None, alternate_sign=False)
        counts = hashed.transform(["\n".join(window).encode("utf-8", "replace").decode() for window in windows])
        used = np.unique(counts.indices)
        return counts[:, used].toarray()
    flat = [text for window in windows for text in window]
    encoded = np.asarray(encode(flat), dtype=np.float64)
    if encoded.ndim != 2 or len(encoded) != len(flat) or not np.isfinite(encoded).all():
        raise DataError(
            f"the encoder gave the shape {encoded.shape} for {len(flat)} texts; it must give one finite row per text"
        )
    return encoded.reshape(len(windows), -1, encoded.shape[1]).mean(axis=1)


def _fields(observation: Observation, *names: str) -> list[Any]:
    payload: Any = observation.payload
    if not isinstance(payload, Mapping) or any(name not in payload for name in names):
        wanted = ", ".join(f"{name!r}: ..." for name in names)
        raise DataError(
            f"the observation {observation.obs_id!r} has the modality {observation.modality!r}, but its payload is "
            f"{payload!r:.60}; give {{{wanted}}}"
        )
    return [payload[name] for name in names]


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
