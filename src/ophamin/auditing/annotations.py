# SPDX-License-Identifier: Apache-2.0
"""Findings as annotations of GitHub Actions, the log commands ``::error file=...::message``.

GitHub acts on a line of the log that begins with two colons, so foreign text must not begin one, and what ends a field
or a line is escaped. It shows at most 10 annotations of each level for a step; beyond that, one plain line says how
many there are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from ophamin.auditing.findings import Finding
from ophamin.auditing.ratchet_report import worst_first
from ophamin.auditing.ratchet_tree import is_inside
from ophamin.auditing.severities import SARIF_LEVELS
from ophamin.core.text import visible

__all__ = ["MOST_OF_ONE_LEVEL", "annotation_lines"]

MOST_OF_ONE_LEVEL: Final = 10
"""How many annotations of a level GitHub shows for one step."""

_COMMANDS: Final = {"error": "error", "warning": "warning", "note": "notice"}
_LONGEST: Final = 1000
_IN_MESSAGE: Final = re.compile(r"[%\r\n]")
_IN_PROPERTY: Final = re.compile(r"[%\r\n:,]")


def annotation_lines(findings: Iterable[Finding], *, prefix: str = "", most: int = MOST_OF_ONE_LEVEL) -> list[str]:
    """The lines to print, worst first, each without its line end.

    Args:
        findings: such as the new ones of a report.
        prefix: where the audited tree lies in the repository, such as ``src``; empty for its top.
        most: how many of each level; the rest is counted in a last line.

    Example:
        >>> annotation_lines([Finding("ruff", "S602", "high", "shell: 100%", "run.py", 3, 5)])
        ['::error file=run.py,line=3,col=5,title=ruff S602 (high)::shell: 100%25']
    """
    lines, left = [], Counter[str]()
    shown: Counter[str] = Counter()
    for finding in sorted(findings, key=worst_first):
        command = _COMMANDS[SARIF_LEVELS[finding.severity]]
        if shown[command] < most:
            shown[command] += 1
            lines.append(_line(command, finding, prefix))
        else:
            left[command] += 1
    if left:
        counted = ", ".join(f"{left[command]} of level {command}" for command in _COMMANDS.values() if left[command])
        lines.append(f"ophamin: more findings than GitHub shows: {counted}; all are in the audit record")
    return lines


def _line(command: str, finding: Finding, prefix: str) -> str:
    whole = f"{prefix}/{finding.path}" if prefix not in {"", "."} else finding.path
    title = " ".join(filter(None, [finding.pillar_name, finding.rule_id, f"({finding.severity.value})"]))
    message = _text(finding.message) or "no message"
    properties: dict[str, str] = {}
    if is_inside(whole) and visible(whole) == whole:
        properties["file"] = whole
        if finding.line > 0:
            properties["line"] = str(finding.line)
            if finding.column > 0:
                properties["col"] = str(finding.column)
    else:
        message = f"{_text(finding.path) or 'no file'}: {message}"
    properties["title"] = _text(title)
    named = ",".join(f"{name}={_IN_PROPERTY.sub(_percent, value)}" for name, value in properties.items())
    return f"::{command} {named}::{_IN_MESSAGE.sub(_percent, message)}"


def _text(text: str) -> str:
    shown = visible(" ".join(text.split()))
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + " ... (cut)"


def _percent(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"
