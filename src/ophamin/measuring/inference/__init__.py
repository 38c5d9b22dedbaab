# SPDX-License-Identifier: Apache-2.0
"""Three-way decision rules with stated error levels: VALIDATED, REFUTED, or undecided with a reason.

A rule sees numbers and a bar, nothing else. Rules of this room are fixed-sample, use the standard library
alone, and know nothing of pytest, substrates or records.
"""

from __future__ import annotations

from ophamin.measuring.inference.bar import COMPARATORS, Bar
from ophamin.measuring.inference.choose import choose
from ophamin.measuring.inference.decision import JSON, Decision, Rule
from ophamin.measuring.inference.dependence import LagOne, clearly_dependent, lag1
from ophamin.measuring.inference.exact import Census, DeclaredInterval, Deterministic, Estimate
from ophamin.measuring.inference.mean import BoundedMean, GaussianMean
from ophamin.measuring.inference.quantile import Quantile
from ophamin.measuring.inference.rate import BinomialRate

__all__ = [
    "COMPARATORS",
    "JSON",
    "Bar",
    "BinomialRate",
    "BoundedMean",
    "Census",
    "Decision",
    "DeclaredInterval",
    "Deterministic",
    "Estimate",
    "GaussianMean",
    "LagOne",
    "Quantile",
    "Rule",
    "choose",
    "clearly_dependent",
    "lag1",
]
