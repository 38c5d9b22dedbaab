# SPDX-License-Identifier: Apache-2.0
"""Published studies for the synthesis, as numbers."""

from __future__ import annotations

import math

import pytest

from ophamin.core.shapes import CycleResult

# Colditz et al. (1994), as metadat::dat.bcg: author, year, and cases and others among vaccinated and controls.
BCG = (
    ("Aronson", 1948, 4, 119, 11, 128),
    ("Ferguson & Simes", 1949, 6, 300, 29, 274),
    ("Rosenthal et al", 1960, 3, 228, 11, 209),
    ("Hart & Sutherland", 1977, 62, 13536, 248, 12619),
    ("Frimodt-Moller et al", 1973, 33, 5036, 47, 5761),
    ("Stein & Aronson", 1953, 180, 1361, 372, 1079),
    ("Vandiviere et al", 1973, 8, 2537, 10, 619),
    ("TPT Madras", 1980, 505, 87886, 499, 87892),
    ("Coetzee & Berjak", 1968, 29, 7470, 45, 7232),
    ("Rosenthal et al", 1961, 17, 1699, 65, 1600),
    ("Comstock et al", 1974, 186, 50448, 141, 27197),
    ("Comstock & Webster", 1969, 5, 2493, 3, 2338),
    ("Comstock et al", 1976, 27, 16886, 29, 17825),
)


@pytest.fixture(scope="session")
def bcg() -> list[tuple[str, int, float, float]]:
    """Author, year, log risk ratio and its variance of 13 trials of the BCG vaccine."""
    return [
        (author, year, math.log(a / (a + b) * (c + d) / c), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
        for author, year, a, b, c, d in BCG
    ]


@pytest.fixture(scope="session")
def kacker() -> tuple[list[float], list[float]]:
    """Nine measurements of one quantity by laboratories, with their variances (Kacker, Metrologia 41, 2004)."""
    effects = [61.0, 61.4, 62.21, 62.3, 62.34, 62.6, 62.7, 62.84, 65.9]
    return effects, [0.2025, 1.2100, 0.0900, 0.2025, 0.3844, 0.5625, 0.0676, 0.0225, 1.8225]


@pytest.fixture
def cycles_of():
    """Cycles out of columns."""

    def make(columns):
        names = list(columns)
        return [
            CycleResult(at, True, dict(zip(names, row, strict=True)))
            for at, row in enumerate(zip(*columns.values(), strict=True))
        ]

    return make
