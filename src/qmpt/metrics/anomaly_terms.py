# SPDX-License-Identifier: Apache-2.0
"""Rarity, distance and impact of patterns: in their own units, rescaled, and combined to the anomaly score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qmpt.metrics.scaling import Scale, fit_scale

__all__ = ["RawTerms", "Scales", "Terms"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RawTerms:
    """The terms in their own units.

    Attributes:
        rarity: minus the log density, in nats, shape (n,).
        distance: in the unit of the distance mode, shape (n,).
        impact: in the unit of its source, shape (n,); None without a source.
    """

    rarity: Array
    distance: Array
    impact: Array | None

    def take(self, rows: NDArray[np.intp]) -> RawTerms:
        """The terms of some rows."""
        return RawTerms(self.rarity[rows], self.distance[rows], None if self.impact is None else self.impact[rows])


@dataclass(frozen=True, slots=True)
class Terms:
    """Why patterns score as they do: the terms, and their sum.

    Attributes:
        raw: the terms in their own units.
        rarity: rescaled, shape (n,).
        distance: rescaled, shape (n,).
        impact: rescaled, shape (n,); 0 for all where ``impact_source`` is ``none``.
        weights: of rarity, distance and impact.
        score: the weighted sum of the rescaled terms, shape (n,).
        impact_source: where impact comes from; ``none`` says that the term is missing, and not that impact is average.

    Example:
        >>> raw = RawTerms(np.array([0.0, 1.0]), np.array([0.0, 2.0]), None)
        >>> found = Scales.fit(raw, "none").combine(raw, (1.0, 0.5, 0.5), "none")
        >>> found.score.tolist(), found.impact.tolist()
        ([0.0, 2.0], [0.0, 0.0])
    """

    raw: RawTerms
    rarity: Array
    distance: Array
    impact: Array
    weights: tuple[float, float, float]
    score: Array
    impact_source: str

    def weighted(self, row: int) -> dict[str, float]:
        """What each term adds to the score of one row, largest first; impact is left out where it has no source."""
        named = zip(
            ("rarity", "distance", "impact"), self.weights, (self.rarity, self.distance, self.impact), strict=True
        )
        parts = {name: weight * float(term[row]) for name, weight, term in named}
        if self.impact_source == "none":
            del parts["impact"]
        return dict(sorted(parts.items(), key=lambda one: -one[1]))


@dataclass(frozen=True, slots=True)
class Scales:
    """The constants that rescale the terms, read from the reference population.

    Attributes:
        rarity: scale of rarity.
        distance: scale of the distance.
        impact: scale of impact; None without a source.
    """

    rarity: Scale
    distance: Scale
    impact: Scale | None

    @classmethod
    def fit(cls, raw: RawTerms, mode: str) -> Scales:
        """Read the constants of each term."""
        impact = None if raw.impact is None else fit_scale(raw.impact, mode)
        return cls(fit_scale(raw.rarity, mode), fit_scale(raw.distance, mode), impact)

    def combine(self, raw: RawTerms, weights: tuple[float, float, float], impact_source: str) -> Terms:
        """Rescale the terms and add them up; the score is non-decreasing in each term."""
        rarity, distance = self.rarity.apply(raw.rarity), self.distance.apply(raw.distance)
        impact = np.zeros(len(rarity))
        if self.impact is not None and raw.impact is not None:
            impact = self.impact.apply(raw.impact)
        score = weights[0] * rarity + weights[1] * distance + weights[2] * impact
        return Terms(raw, rarity, distance, impact, weights, score, impact_source)
