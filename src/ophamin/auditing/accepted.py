# SPDX-License-Identifier: Apache-2.0
"""Findings that somebody accepted, with a name, a reason and a last day.

A known finding is one that was there before; an accepted one was looked at. It counts as new again when its day is
over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from ophamin.auditing.fingerprints import Fingerprint
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["MAX_COUNT", "Acceptance", "AcceptanceError", "fingerprint_dict"]

MAX_COUNT: Final = 99_999
"""How many equal findings one line of a baseline may stand for."""

_LONGEST: Final = 500


class AcceptanceError(OphaminError, ValueError):
    """An acceptance names no owner, no reason or no sensible count."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One accepted finding, or several that are equal.

    Attributes:
        fingerprint: what it is recognised by.
        owner: who answers for it, one word: an account or a team.
        reason: why it may stay, on one line.
        expires: the last day on which it is accepted.
        count: how many equal findings it covers.

    Raises:
        AcceptanceError: on making one: a text is empty, has several lines or acts on a terminal, or the count is not in
            1 to 99,999.

    Example:
        >>> one = Fingerprint("bandit", "B602", "run.py", "", "0a" * 16)
        >>> accepted = Acceptance(one, "ann", "the command is a constant", date(2027, 3, 31))
        >>> accepted.is_live(date(2027, 3, 31)), accepted.is_live(date(2027, 4, 1))
        (True, False)
    """

    fingerprint: Fingerprint
    owner: str
    reason: str
    expires: date
    count: int = 1

    def __post_init__(self) -> None:
        whose = f"the acceptance of {visible(self.fingerprint.rule)!r} in {visible(self.fingerprint.path)!r}"
        for name, text, words in (("owner", self.owner, "one word"), ("reason", self.reason, "words on one line")):
            if not text or text != " ".join(text.split()) or visible(text) != text or len(text) > _LONGEST:
                raise AcceptanceError(
                    f"{whose}: the {name} is {visible(text[:60])!r}; give {words}, at most {_LONGEST} characters"
                )
        if " " in self.owner:
            raise AcceptanceError(f"{whose}: the owner {self.owner!r} is no single word; give an account or a team")
        if not 1 <= self.count <= MAX_COUNT:
            raise AcceptanceError(f"{whose}: it covers {self.count} findings; give 1 to {MAX_COUNT}")

    def is_live(self, today: date) -> bool:
        """Whether it holds on that day; the last day counts."""
        return today <= self.expires

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "fingerprint": fingerprint_dict(self.fingerprint),
            "count": self.count,
            "owner": self.owner,
            "reason": self.reason,
            "expires": self.expires.isoformat(),
        }


def fingerprint_dict(one: Fingerprint) -> Mapping[str, str]:
    """A fingerprint as plain values.

    >>> fingerprint_dict(Fingerprint("ruff", "F401", "a.py", "", "0a" * 16))["rule"]
    'F401'
    """
    return {
        "tool": one.tool,
        "rule": one.rule,
        "path": one.path,
        "line_digest": one.line_digest,
        "digest": one.digest,
    }
