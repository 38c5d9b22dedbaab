# SPDX-License-Identifier: Apache-2.0
"""What ``ruff check --output-format json`` prints, as findings.

Lines and columns are 1-based in it, names of files absolute. A file that cannot be read has a finding E902, one that
does not parse has findings without the rules that need its syntax tree. Fixes and links are dropped. This module
starts nothing and reads no file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ophamin.auditing.findings import Finding
from ophamin.auditing.pillars.output_fields import as_mapping, as_text, as_whole
from ophamin.auditing.pillars.source_files import shown_message
from ophamin.auditing.severities import SeverityTable
from ophamin.core.text import visible

__all__ = ["SYNTAX_RULE", "UNREAD_RULE", "RuffOutput", "read_output"]

SYNTAX_RULE: Final = "invalid-syntax"
"""The rule of a syntax error; before ruff 0.9 it has no name in the output."""

UNREAD_RULE: Final = "E902"
"""The rule of a file that ruff could not read."""


@dataclass(frozen=True, slots=True)
class RuffOutput:
    """What one run found.

    Attributes:
        findings: in the order of ruff, those about files that it could not read among them.
        unparsed: the files with a syntax error.
        unread: file to reason, for those that ruff could not read.
    """

    findings: tuple[Finding, ...]
    unparsed: frozenset[str]
    unread: dict[str, str]


def read_output(stdout: bytes, root: Path, files: Mapping[str, str], severities: SeverityTable) -> RuffOutput:
    """Read one run.

    Args:
        stdout: the JSON that it printed.
        root: the audited folder.
        files: absolute path to name, for every file that ruff was given.
        severities: the severity table.

    Raises:
        ValueError, TypeError, LookupError, RecursionError: it is no JSON, or not what ruff prints since 0.6.

    Example:
        >>> from ophamin.auditing.severities import SEVERITIES
        >>> place = '{"row": 1, "column": 8}'
        >>> item = '{"filename": "/t/a.py", "code": "F401", "message": "unused", "location": %s, "end_location": %s}'
        >>> told = f"[{item % (place, place)}]".encode()
        >>> found = read_output(told, Path("/t"), {"/t/a.py": "a.py"}, SEVERITIES).findings
        >>> [(one.path, one.rule_id, one.line) for one in found]
        [('a.py', 'F401', 1)]
    """
    items = json.loads(stdout)
    if not isinstance(items, list):
        raise TypeError(f"a list was expected, not {type(items).__name__}")
    findings = tuple(_finding(as_mapping(item), root, files, severities) for item in items)
    return RuffOutput(
        findings=findings,
        unparsed=frozenset(one.path for one in findings if one.rule_id == SYNTAX_RULE),
        unread={one.path: one.message for one in findings if one.rule_id == UNREAD_RULE},
    )


def _finding(item: Mapping[str, Any], root: Path, files: Mapping[str, str], severities: SeverityTable) -> Finding:
    rule = SYNTAX_RULE if item["code"] is None else visible(as_text(item["code"]))
    line, column = _place(item["location"])
    end_line, end_column = _place(item["end_location"])
    extra: dict[str, Any] = {"end_line": end_line, "end_column": end_column}
    if item.get("name") is not None:
        extra["name"] = visible(as_text(item["name"]))
    if item.get("cell") is not None:
        extra["cell"] = as_whole(item["cell"])
    if item.get("fix") is not None:
        extra["fix"] = visible(as_text(as_mapping(item["fix"])["applicability"]))
    return Finding(
        pillar_name="ruff",
        rule_id=rule,
        severity=severities.ruff(rule),
        message=shown_message(as_text(item["message"]), root),
        path=files[as_text(item["filename"])],
        line=line,
        column=column,
        extra=extra,
    )


def _place(location: Any) -> tuple[int, int]:
    """Line and column; 0 for a finding about a whole file."""
    if location is None:
        return 0, 0
    place = as_mapping(location)
    return max(as_whole(place["row"]), 0), max(as_whole(place["column"]), 0)
