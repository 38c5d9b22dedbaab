# SPDX-License-Identifier: Apache-2.0
"""The rules of ruff that are on where no trusted configuration says otherwise: a list, not a prefix.

Ruff's own default grows with its versions, and so does every prefix, so that an upgrade alone would move the counts.
This list is fixed: the rules of seven families that name a fault or a hazard and were stable in ruff 0.17.6. Style is
left to a project's own configuration. A rule that the installed version does not know, or does not call stable, is
left out, which changes the digest of the set. Any change of the list is a new version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ophamin.core.canonical import content_hash

__all__ = ["FAMILIES", "RULES", "RULES_VERSION", "RuleSet", "rule_set"]

RULES_VERSION: Final = "1"

FAMILIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ASYNC": "100 105 109 110 115 116 210 212 220 221 222 230 240 250 251",
        "B": "002 003 004 005 006 007 008 009 010 011 012 013 014 015 016 017 018 019 020 021 022 023 024 025 026 027"
        " 028 029 030 031 032 033 034 035 039 904 905 911 912",
        "BLE": "001",
        "E": "902",  # without it, a file that cannot be read is told on standard error only
        "F": "401 402 403 404 405 406 407 501 502 503 504 505 506 507 508 509 521 522 523 524 525 541 601 602 621 622"
        " 631 632 633 634 701 702 704 706 707 722 811 821 822 823 841 842 901",
        "PLE": "0100 0101 0115 0116 0117 0118 0237 0241 0302 0303 0304 0305 0307 0308 0309 0604 0605 0643 0704 1132"
        " 1142 1205 1206 1300 1307 1310 1507 1519 1520 1700 2502 2510 2512 2513 2514 2515",
        "S": "101 102 103 104 105 106 107 108 110 112 113 201 202 301 302 303 304 305 306 307 308 310 311 312 313 314"
        " 315 316 317 318 319 321 323 324 501 502 503 504 505 506 507 508 509 601 602 603 604 605 606 607 608 609 610"
        " 611 612 701 702 704",
    }
)
"""Family to the numbers of its rules."""

RULES: Final = tuple(f"{family}{number}" for family, numbers in FAMILIES.items() for number in numbers.split())
"""All of them, as ruff names them."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules that an installed ruff is run with.

    Attributes:
        rules: those of `RULES` that it knows and calls stable.
        left_out: the others.

    Example:
        >>> RuleSet(("F401",), ("S324",)).to_dict()["left_out"]
        ['S324']
    """

    rules: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the rules, in hex."""
        return content_hash(list(self.rules))

    def to_dict(self) -> dict[str, Any]:
        """What a record keeps of it besides the digest."""
        return {"version": RULES_VERSION, "count": len(self.rules), "left_out": list(self.left_out)}


def rule_set(told: bytes, wanted: Sequence[str] = RULES) -> RuleSet:
    """Which of the wanted rules an installed ruff can be run with.

    Args:
        told: what ``ruff rule --all --output-format json`` printed.
        wanted: codes of rules.

    Raises:
        ValueError: it is not what ruff prints since 0.6.

    Example:
        >>> rule_set(b'[{"code": "F401", "preview": false}]', ["F401", "F9"])
        RuleSet(rules=('F401',), left_out=('F9',))
    """
    data = json.loads(told)
    if not isinstance(data, list) or not all(isinstance(rule, dict) for rule in data):
        raise ValueError("a list of objects was expected")
    stable = {rule.get("code") for rule in data if _is_stable(rule)}
    if not stable:
        raise ValueError("no stable rule is named")
    return RuleSet(
        tuple(code for code in wanted if code in stable), tuple(code for code in wanted if code not in stable)
    )


def _is_stable(rule: dict[str, Any]) -> bool:
    """Newer versions have a status, a text or an object with one key; older ones say only whether it is a preview."""
    return "Removed" not in (rule.get("status") or ()) and not rule.get("preview", False)
