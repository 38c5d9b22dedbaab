# SPDX-License-Identifier: Apache-2.0
"""Published data for the effects: small tables as numbers, the larger one read where it lies."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ophamin.core.shapes import CycleResult

REFERENCE = Path(__file__).resolve().parents[4] / ".." / "shared" / "data" / "reference"


@pytest.fixture(scope="session")
def sleepstudy() -> dict[str, list]:
    """Reaction times of 18 subjects over 10 days (Belenky et al. 2003, as lme4::sleepstudy)."""
    file = REFERENCE / "sleepstudy.csv"
    if not file.is_file():
        pytest.skip("no sleepstudy.csv beside this repository (looked in ../shared/data/reference)")
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    return {
        "Reaction": [float(row["Reaction"]) for row in rows],
        "Days": [int(row["Days"]) for row in rows],
        "Subject": [row["Subject"] for row in rows],
    }


@pytest.fixture(scope="session")
def dyestuff() -> dict[str, list]:
    """Yield of 6 batches, 5 samples each (Davies 1947, as lme4::Dyestuff)."""
    batches = {
        "A": [1545, 1440, 1440, 1520, 1580],
        "B": [1540, 1555, 1490, 1560, 1495],
        "C": [1595, 1550, 1605, 1510, 1560],
        "D": [1445, 1440, 1595, 1465, 1545],
        "E": [1595, 1630, 1515, 1635, 1625],
        "F": [1520, 1455, 1450, 1480, 1445],
    }
    return {
        "yield_": [value for values in batches.values() for value in values],
        "batch": [name for name, values in batches.items() for _ in values],
    }


@pytest.fixture(scope="session")
def tooth_growth() -> dict[str, list]:
    """Length of odontoblasts of 60 guinea pigs by supplement and dose (Crampton 1947, as R's ToothGrowth)."""
    vc = [4.2, 11.5, 7.3, 5.8, 6.4, 10.0, 11.2, 11.2, 5.2, 7.0]
    vc += [16.5, 16.5, 15.2, 17.3, 22.5, 17.3, 13.6, 14.5, 18.8, 15.5]
    vc += [23.6, 18.5, 33.9, 25.5, 26.4, 32.5, 26.7, 21.5, 23.3, 29.5]
    oj = [15.2, 21.5, 17.6, 9.7, 14.5, 10.0, 8.2, 9.4, 16.5, 9.7]
    oj += [19.7, 23.3, 23.6, 26.4, 20.0, 25.2, 25.8, 21.2, 14.5, 27.3]
    oj += [25.5, 26.4, 22.4, 24.5, 24.8, 30.9, 26.4, 27.3, 29.4, 23.0]
    return {"len": vc + oj, "supp": ["VC"] * 30 + ["OJ"] * 30, "dose": ([0.5] * 10 + [1.0] * 10 + [2.0] * 10) * 2}


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
