# SPDX-License-Identifier: Apache-2.0
"""Runs made of columns, and the piston rings where they lie beside the repository."""

from __future__ import annotations

import csv
from array import array
from pathlib import Path

import numpy as np
import pytest

from ophamin.measuring.observations import Cycles, Table

RINGS = Path(__file__).resolve().parents[4] / ".." / "shared" / "data" / "reference" / "pistonrings.csv"


@pytest.fixture(scope="session")
def run_of():
    """Make the cycles of a run from its columns, as a trial hands them to a pillar."""

    def make(errors: dict[int, str] | None = None, **columns) -> Cycles:
        n = len(next(iter(columns.values()))) if columns else 0
        table = Table(
            n, {name: list(values) for name, values in columns.items()}, errors or {},
            array("d", [float("nan")] * n), array("b", [-1] * n), [""] * n,
        )  # fmt: skip
        return Cycles(table)

    return make


@pytest.fixture(scope="session")
def piston_rings() -> np.ndarray:
    """40 samples of 5 diameters, mm: Montgomery, Introduction to Statistical Quality Control, 2nd ed. 1991, p. 206."""
    if not RINGS.exists():
        pytest.skip("no piston-ring data beside this repository (looked in ../shared/data/reference)")
    with RINGS.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return np.array([float(row["diameter_mm"]) for row in rows]).reshape(40, 5)
