# SPDX-License-Identifier: Apache-2.0
"""The CVSS base score of an advisory, as far as its OSV entry tells it.

OSV gives vectors, not scores. Versions 3.0 and 3.1 are computed here; version 4.0, whose score comes from a table of
270 rows, is not. Where no vector can be scored, the word that the source of the advisory chose counts as the least
score of its band. What is not known is None, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

__all__ = ["advisory_score", "base_score"]

_AVAILABILITY: Final = {"H": 0.56, "L": 0.22, "N": 0.0}
_WEIGHTS: Final = MappingProxyType(
    {
        "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
        "AC": {"L": 0.77, "H": 0.44},
        "PR": {"N": 0.85, "L": 0.62, "H": 0.27},
        "UI": {"N": 0.85, "R": 0.62},
        "C": _AVAILABILITY,
        "I": _AVAILABILITY,
        "A": _AVAILABILITY,
    }
)
_CHANGED_PRIVILEGES: Final = {"N": 0.85, "L": 0.68, "H": 0.5}
_PREFIXES: Final = ("CVSS:3.0/", "CVSS:3.1/")
# Least scores of the bands of CVSS 3.1, section 5; the words are those of the GitHub Advisory Database.
_WORDS: Final = MappingProxyType({"CRITICAL": 9.0, "HIGH": 7.0, "MODERATE": 4.0, "MEDIUM": 4.0, "LOW": 0.1})


def base_score(vector: str) -> float | None:
    """The base score of a CVSS 3.0 or 3.1 vector: equations of section 7.1 and rounding of appendix A of CVSS 3.1.

    Temporal and environmental metrics are left aside.

    Args:
        vector: such as ``CVSS:3.1/AV:N/...``.

    Returns:
        0.0 to 10.0 in steps of 0.1; None where it is no such vector.

    Example:
        >>> base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N")
        7.5
    """
    if not vector.startswith(_PREFIXES):
        return None
    pairs = [part.partition(":")[::2] for part in vector.split("/")[1:]]
    metrics = dict(pairs)
    if len(metrics) != len(pairs) or metrics.get("S") not in {"U", "C"}:
        return None
    changed = metrics["S"] == "C"
    weights = {**_WEIGHTS, "PR": _CHANGED_PRIVILEGES} if changed else _WEIGHTS
    try:
        value = {name: weights[name][metrics[name]] for name in _WEIGHTS}
    except KeyError:
        return None
    hit = 1 - (1 - value["C"]) * (1 - value["I"]) * (1 - value["A"])
    impact = 7.52 * (hit - 0.029) - 3.25 * (hit - 0.02) ** 15 if changed else 6.42 * hit
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * value["AV"] * value["AC"] * value["PR"] * value["UI"]
    return _rounded_up(min((1.08 if changed else 1.0) * (impact + exploitability), 10.0))


def advisory_score(advisory: Mapping[str, Any]) -> float | None:
    """The greatest base score that an OSV entry tells; by its word where no vector can be scored; None for neither.

    Args:
        advisory: an entry of the OSV schema, 1.x; what is not of its form is passed over.

    Example:
        >>> advisory_score({"id": "GHSA-0", "database_specific": {"severity": "MODERATE"}})
        4.0
    """
    listed = [advisory.get("severity"), *(_of(affected, "severity") for affected in _list(advisory.get("affected")))]
    vectors = (_of(entry, "score") for entries in listed for entry in _list(entries))
    scores = [score for vector in vectors if isinstance(vector, str) and (score := base_score(vector)) is not None]
    if scores:
        return max(scores)
    word = _of(advisory.get("database_specific"), "severity")
    return _WORDS.get(word.upper()) if isinstance(word, str) else None


def _rounded_up(score: float) -> float:
    """To one decimal, upwards; on integers, so that the error of a binary fraction is no reason to go up."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (math.floor(whole / 10_000) + 1) / 10


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _of(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
