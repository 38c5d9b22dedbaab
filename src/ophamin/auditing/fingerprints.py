# SPDX-License-Identifier: Apache-2.0
"""Which findings are new: fingerprints that survive moved lines, compared as a multiset.

A fingerprint is made of what a finding says and of the line it stands on with its neighbours, never of a line number.
Two equal findings are two, so that a second fault beside an accepted one is new. Comparing takes three passes: equal
fingerprints; then the same rule on the same text in the same file, where a neighbour or the message changed; then the
same rule on the same text in another file, where a file was renamed. What is left over is new.

This module keeps no baseline and judges no finding.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ophamin.auditing.findings import Finding
from ophamin.auditing.regular_files import read_within
from ophamin.core.canonical import canonical_bytes

__all__ = [
    "FINGERPRINT_VERSION",
    "Comparison",
    "Fingerprint",
    "Match",
    "compare",
    "fingerprint",
    "fingerprints",
    "ordinals",
]

FINGERPRINT_VERSION: Final = "1"
"""A change of what is hashed is a new version, and makes every baseline of an older one useless."""

MAX_SOURCE_BYTES: Final = 8 * 2**20
"""A larger file gives its findings no line text."""

_DIGITS: Final = 32  # 128 bits: nobody can make a finding that is taken for an accepted one
_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")  # as tools count; str.splitlines knows more ends than they do

How = Literal["equal", "same line", "renamed file"]


@dataclass(frozen=True, slots=True, order=True)
class Fingerprint:
    """What a finding is recognised by.

    Attributes:
        tool: name of the pillar.
        rule: the rule.
        path: the file, relative to the audited tree.
        line_digest: 32 hex digits of the SHA-256 of the line's text; empty where the finding has no line.
        digest: 32 hex digits of the SHA-256 of everything: tool, rule, path, line, neighbours, message.
    """

    tool: str
    rule: str
    path: str
    line_digest: str
    digest: str


@dataclass(frozen=True, slots=True)
class Match:
    """A finding that the baseline knows.

    Attributes:
        current: its position among the current fingerprints.
        baseline: the position of its partner in the baseline.
        how: in which pass they met.
    """

    current: int
    baseline: int
    how: How


@dataclass(frozen=True, slots=True)
class Comparison:
    """Current findings against a baseline.

    Attributes:
        new: positions of the current fingerprints that the baseline does not know.
        matched: the others, each with its partner.
        fixed: positions in the baseline without a partner.
    """

    new: tuple[int, ...]
    matched: tuple[Match, ...]
    fixed: tuple[int, ...]


def fingerprint(finding: Finding, lines: Sequence[str] = ()) -> Fingerprint:
    """The fingerprint of a finding.

    White space counts only as a gap. Neighbours are the nearest lines above and below that are not blank.

    Args:
        finding: its line number is used to find the text, and then forgotten.
        lines: the lines of its file; without them, or without a line number, there is no line text.

    Example:
        >>> moved = fingerprint(Finding("bandit", "B101", "low", "assert used", "a.py", 2), ["", "  assert x"])
        >>> moved == fingerprint(Finding("bandit", "B101", "low", "assert used", "a.py", 1), ["assert   x"])
        True
    """
    above, text, below = _context(lines, finding.line)
    said = _plain(finding.message)
    parts = [finding.pillar_name, finding.rule_id, finding.path, above, text, below, said]
    return Fingerprint(
        tool=finding.pillar_name,
        rule=finding.rule_id,
        path=finding.path,
        line_digest=_digest("line", [text]) if text else "",
        digest=_digest("finding", parts),
    )


def fingerprints(findings: Iterable[Finding], root: Path) -> list[Fingerprint]:
    """The fingerprints of findings in a tree, in their order; each file is read once.

    Only regular files inside ``root`` are read, no links followed, and at most 8 MiB of each. Bytes that are not UTF-8
    are kept apart. A file that cannot be read gives no line text.
    """
    sources: dict[str, list[str]] = {}
    made = []
    for finding in findings:
        if finding.line > 0 and finding.path not in sources:
            sources[finding.path] = _lines_of(root, finding.path)
        made.append(fingerprint(finding, sources.get(finding.path, ())))
    return made


def ordinals(made: Iterable[Fingerprint]) -> list[int]:
    """For each fingerprint, how many equal ones stand before it: what makes each of a multiset nameable.

    >>> one = fingerprint(Finding("ruff", "E501", "info", "line too long", "a.py", 1), ["x"])
    >>> ordinals([one, one])
    [0, 1]
    """
    seen: Counter[str] = Counter()
    numbers = []
    for one in made:
        numbers.append(seen[one.digest])
        seen[one.digest] += 1
    return numbers


def compare(
    current: Sequence[Fingerprint], baseline: Sequence[Fingerprint], *, existing: Collection[str] | None = None
) -> Comparison:
    """Which current findings are new, which are known, and which of the baseline are gone.

    Args:
        current: what was found now.
        baseline: what is accepted.
        existing: paths of the files that are there now. Where given, only findings of a file that is gone can be met
            in a renamed one; a fault copied from a file that stays is then new.

    Example:
        >>> old = fingerprint(Finding("ruff", "F401", "low", "unused", "a.py", 1), ["import os"])
        >>> compare([old, old], [old]).new
        (1,)
    """
    there = frozenset(existing) if existing is not None else frozenset()
    waiting, open_ = dict(enumerate(current)), dict(enumerate(baseline))
    matched = _pair("equal", waiting, open_, lambda one: one.digest)
    matched += _pair("same line", waiting, open_, lambda one: (one.tool, one.rule, one.path, one.line_digest))
    # A finding without a line would be met in any file.
    moved = {place: one for place, one in open_.items() if one.path not in there and one.line_digest}
    met = _pair("renamed file", waiting, moved, lambda one: (one.tool, one.rule, one.line_digest))
    gone = {match.baseline for match in met}
    return Comparison(
        new=tuple(waiting),
        matched=tuple(sorted([*matched, *met], key=lambda match: match.current)),
        fixed=tuple(place for place in open_ if place not in gone),
    )


def _pair(
    how: How,
    waiting: dict[int, Fingerprint],
    accepted: dict[int, Fingerprint],
    key: Callable[[Fingerprint], Hashable],
) -> list[Match]:
    """Pair those with equal keys, first with first, and take them out of both."""
    partners: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, one in reversed(accepted.items()):
        partners[key(one)].append(place)
    met = []
    for place, one in list(waiting.items()):
        if partners[key(one)]:
            partner = partners[key(one)].pop()
            met.append(Match(place, partner, how))
            del waiting[place], accepted[partner]
    return met


def _context(lines: Sequence[str], number: int) -> tuple[str, str, str]:
    """The text of a line and of its neighbours that are not blank; empty where there is none."""
    if not 1 <= number <= len(lines):
        return "", "", ""
    above = _first_text(lines, range(number - 2, -1, -1))
    below = _first_text(lines, range(number, len(lines)))
    return above, _plain(lines[number - 1]), below


def _first_text(lines: Sequence[str], places: range) -> str:
    return next((text for place in places if (text := _plain(lines[place]))), "")


def _plain(text: str) -> str:
    return " ".join(text.split())


def _digest(kind: str, parts: list[str]) -> str:
    named = f"ophamin.{kind}.v{FINGERPRINT_VERSION}\0".encode("ascii")
    return hashlib.sha256(named + canonical_bytes(parts)).hexdigest()[:_DIGITS]


def _lines_of(root: Path, path: str) -> list[str]:
    """The lines of a file inside ``root``; none where it is not a regular file that can be read."""
    with suppress(OSError, ValueError):
        return _LINE_ENDS.split(read_within(root, path, MAX_SOURCE_BYTES).decode("utf-8", "surrogateescape"))
    return []
