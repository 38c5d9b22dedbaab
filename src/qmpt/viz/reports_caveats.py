# SPDX-License-Identifier: Apache-2.0
"""What must stand beside every number of qmpt, wherever it is shown."""

from __future__ import annotations

from typing import Final

__all__ = ["ANOMALY", "CAVEATS", "GENERAL", "HISTORY", "PEOPLE", "REFLEXIVITY", "SELF_OPERATOR", "SIMULATION"]

GENERAL: Final = "Exploratory, not diagnostic: no medical, legal, moral or personnel use."
ANOMALY: Final = (
    "A high anomaly score means structurally unusual for these features in this population, and nothing about worth. "
    "Scores are relative to the reference population and cannot be compared across layers."
)
REFLEXIVITY: Final = (
    "Reflexivity from text measures language about oneself, and can be raised by vocabulary alone. Only the parts from "
    "the trajectory need answers that come out right."
)
SELF_OPERATOR: Final = (
    "The self operator is a composite of calibrated self-knowledge, not consciousness; a typical pattern that says so "
    "correctly scores high."
)
SIMULATION: Final = (
    "The dynamics and their constants are assumptions. A conclusion holds where it holds under other models and "
    "constants, too."
)
PEOPLE: Final = (
    "People are shown under pseudonyms, which whoever has the source can undo; this is no ranking of people."
)
HISTORY: Final = (
    "The list was picked by hand, and that outweighs every number here. The dates cluster more than a constant rate "
    "has them, and more than the theory's own rising rate, too: they do not speak for the theory."
)
CAVEATS: Final = (
    GENERAL,
    ANOMALY,
    REFLEXIVITY,
    SELF_OPERATOR,
    SIMULATION,
    "The theory behind qmpt is speculative; the numbers can be used without accepting it.",
)
"""All of them, as they end a report."""
