# SPDX-License-Identifier: Apache-2.0
r"""Whether the beliefs of a pattern fit together and last: \(Q_{meta}\), the geometric mean of two shares.

Consistency looks at propositions that were stated in both forms, X and not X, whose probabilities must sum to 1.
Stability looks at propositions that were stated again, in other words, under pressure or later. A zero in either cannot
be bought back by the other, and without evidence for both there is no value.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import DataError
from qmpt.metrics.evidence import Interval, Part, count_or_none, number_or_none

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LEAST_CHECKS", "LEAST_REPEATS", "Belief", "belief_of", "meta_part"]

LEAST_CHECKS: Final = 5
"""Propositions in both forms, or other checks for contradiction, below which consistency is not estimated."""
LEAST_REPEATS: Final = 5
"""Pairs of successive statements below which stability is not estimated."""

_NEGATION: Final = "not "
_BOOTSTRAP: Final = 400


@dataclass(frozen=True, slots=True)
class Belief:
    """One stated belief.

    Attributes:
        proposition: in its positive form, folded.
        negated: whether it was stated with "not" before it.
        probability: of what was stated, in [0, 1].
        weight: of the statement, above 0.
    """

    proposition: str
    negated: bool
    probability: float
    weight: float

    @property
    def affirmed(self) -> float:
        """Probability of the positive form."""
        return 1.0 - self.probability if self.negated else self.probability


def belief_of(payload: Any) -> Belief:
    """Read a belief: ``{"proposition": text, "probability": number or bool, "weight": number}``, the weight optional.

    Numbers and truth values may be those of Python or numpy. A leading "not " makes it the
    opposite of the rest, and is read as often as it stands there.

    Raises:
        DataError: another form.

    Example:
        >>> belief_of({"proposition": "Not it rains", "probability": 0.25}).affirmed
        0.75
    """
    import numpy as np

    told: Mapping[str, Any] = payload if isinstance(payload, Mapping) else {}
    proposition, stated = told.get("proposition"), told.get("probability")
    probability = float(stated) if isinstance(stated, bool | np.bool_) else number_or_none(stated)
    weight = number_or_none(told.get("weight", 1.0))
    named = isinstance(proposition, str) and proposition.strip() != ""
    if not named or probability is None or not 0.0 <= probability <= 1.0 or weight is None or weight <= 0.0:
        raise DataError(
            f"a belief is {payload!r:.80}; give {{'proposition': text, 'probability': true, false or a number in "
            "[0, 1]}, and where wanted 'weight': a number above 0"
        )
    rest = " ".join(str(proposition).casefold().split())
    negated = False
    while rest.startswith(_NEGATION):
        rest, negated = rest.removeprefix(_NEGATION), not negated
    return Belief(rest, negated, probability, weight)


def meta_part(
    beliefs: Sequence[Any],
    contradictions: Mapping[str, Any] | None = None,
    *,
    weight: float = 1.0,
    intervals: bool = True,
    seed: int = 0,
) -> Part:
    """The part ``meta``.

    The contradiction of a proposition is ``|p(X) + p(not X) - 1|`` of the mean statements in each form. A flip is a
    change of side of 0.5 between successive statements; statements of exactly 0.5 have no side and are passed over.
    The interval comes from resampling propositions.

    Args:
        beliefs: payloads as `belief_of` reads them, in the order of time.
        contradictions: ``{"found": k, "checked": m}`` of a detector of one's own, such as one that reads texts.
        weight: of the part.
        intervals: whether to compute the interval.
        seed: of the resampling.

    Raises:
        DataError: a belief or the contradictions have another form.

    Example:
        >>> said = [
        ...     {"proposition": sign + name, "probability": 0.5 + side * 0.4}
        ...     for name in "abcde" for sign, side in (("", 1), ("not ", -1), ("", 1))
        ... ]
        >>> round(meta_part(said).value, 6)
        1.0
    """
    found, checked = _counted(contradictions)
    if isinstance(beliefs, str | Mapping) or not isinstance(beliefs, Iterable):
        raise DataError(f"the beliefs are {beliefs!r:.60}; give a list of beliefs, or leave them out")
    told: dict[str, list[Belief]] = defaultdict(list)
    for payload in beliefs:
        one = belief_of(payload)
        told[one.proposition].append(one)
    rows = [_tally(group) for group in told.values()]
    checks = sum(row[1] > 0.0 for row in rows) + checked
    repeats = int(sum(row[3] for row in rows))
    n = len(beliefs) + checked
    missing = []
    if checks < LEAST_CHECKS:
        missing.append(f"{checks} checks for contradiction, of at least {LEAST_CHECKS}")
    if repeats < LEAST_REPEATS:
        missing.append(f"{repeats} repeated statements, of at least {LEAST_REPEATS}")
    if missing:
        return Part("meta", None, weight, n, reason="; ".join(missing))
    consistency, stability = _shares(_sums(rows), found, checked)
    interval = _interval(rows, found, checked, seed) if intervals else None
    detail = {"consistency": consistency, "stability": stability, "checks": checks, "repeats": repeats}
    return Part("meta", math.sqrt(consistency * stability), weight, n, interval, detail=detail)


def _tally(group: Sequence[Belief]) -> tuple[float, float, float, float]:
    """Weighted contradiction, its weight, flips, and repeats of one proposition."""
    forms = [[one for one in group if one.negated is negated] for negated in (False, True)]
    contradiction = weight = 0.0
    if all(forms):
        weight = sum(one.weight for one in group) / len(group)
        contradiction = weight * abs(sum(_mean(form) for form in forms) - 1.0)
    sides = [one.affirmed > 0.5 for one in group if one.affirmed != 0.5]
    flips = sum(before != after for before, after in pairwise(sides))
    return contradiction, weight, float(flips), float(max(0, len(sides) - 1))


def _mean(form: Sequence[Belief]) -> float:
    return math.fsum(one.weight * one.probability for one in form) / math.fsum(one.weight for one in form)


def _sums(rows: Iterable[Sequence[float]]) -> list[float]:
    return [math.fsum(column) for column in zip(*rows, strict=True)] or [0.0] * 4


def _shares(sums: Sequence[float], found: int, checked: int) -> tuple[float, float]:
    contradiction, weight, flips, repeats = sums
    consistency = 1.0 - (contradiction + found) / (weight + checked)
    return min(1.0, max(0.0, consistency)), 1.0 - flips / repeats


def _interval(rows: Sequence[Sequence[float]], found: int, checked: int, seed: int) -> Interval | None:
    import numpy as np

    table: NDArray[np.float64] = np.array(rows)
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(_BOOTSTRAP):
        sums = table[rng.integers(len(table), size=len(table))].sum(axis=0).tolist()
        again = int(rng.binomial(checked, found / checked)) if checked else 0
        if sums[1] + checked > 0.0 and sums[3] > 0.0:
            consistency, stability = _shares(sums, again, checked)
            values.append(math.sqrt(consistency * stability))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _counted(contradictions: Mapping[str, Any] | None) -> tuple[int, int]:
    if contradictions is None:
        return 0, 0
    told: Mapping[str, Any] = contradictions if isinstance(contradictions, Mapping) else {}
    found, checked = count_or_none(told.get("found")), count_or_none(told.get("checked"))
    if found is None or checked is None or found > checked:
        raise DataError(
            f"contradictions are {contradictions!r:.60}; give {{'found': k, 'checked': m}} with 0 <= k <= m"
        )
    return found, checked
