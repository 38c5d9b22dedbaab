# SPDX-License-Identifier: Apache-2.0
"""One finding of one tool, in the form that all tools share, and the five severities.

A finding is what a tool said, made comparable. Whether it is true, new or tolerated is not said here.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import Annotated, Any, Final

from pydantic import Field, PlainValidator

from ophamin.core.canonical import MAX_SAFE_INTEGER
from ophamin.core.records import JsonMap, Section, record

__all__ = ["Finding", "FindingSeverity"]

_Place = Annotated[int, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]


class FindingSeverity(str, Enum):  # noqa: UP042 - the bases are part of the public name; StrEnum changes str() of a member
    """How bad a finding is, on one scale for all tools; worst first.

    Example:
        >>> FindingSeverity("high") is FindingSeverity.HIGH
        True
        >>> sorted([FindingSeverity.INFO, FindingSeverity.CRITICAL], key=lambda severity: severity.rank)[0].value
        'critical'
    """

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst, 4 for the mildest: the order in which findings are shown."""
        return _RANKS[self]


_RANKS: Final = {severity: rank for rank, severity in enumerate(FindingSeverity)}


def _severity(value: Any) -> FindingSeverity:
    try:
        return FindingSeverity(value)
    except ValueError:
        known = ", ".join(severity.value for severity in FindingSeverity)
        raise ValueError(f"a severity is one of {known}, not {value!r:.60}") from None


@record
class Finding(Section):
    """One finding, normalised across tools.

    Attributes:
        pillar_name: the pillar that found it.
        rule_id: the tool's own name of the rule, or empty.
        severity: one of five; its text is taken too.
        message: what the tool says, without links, hints and excerpts of the source.
        path: the file, relative to the audited tree with forward slashes; ``<dependency:NAME>`` for a package.
        line: 1-based; 0 where the tool names none.
        column: 1-based; 0 where the tool names none. Records of the earlier project hold what each tool gave.
        extra: what else the tool said; plain JSON values.

    Example:
        >>> Finding("ruff", "F401", FindingSeverity.LOW, "`os` imported but unused", "src/a.py", 1, 8).severity.value
        'low'
    """

    pillar_name: str
    rule_id: str
    severity: Annotated[FindingSeverity, PlainValidator(_severity)]
    message: str
    path: str
    line: _Place = 0
    column: _Place = 0
    extra: JsonMap = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        """Every field under its own name; the severity as its text."""
        return {
            "pillar_name": self.pillar_name,
            "rule_id": self.rule_id,
            "severity": self.severity.value,
            "message": self.message,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "extra": self.extra,
        }
