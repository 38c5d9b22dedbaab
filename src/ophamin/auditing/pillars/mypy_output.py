# SPDX-License-Identifier: Apache-2.0
"""What ``mypy --output json --verbose`` prints: findings, the files it took, and what stopped it.

Mypy prints one JSON object per line. Columns are 0-based, but for syntax errors; -1 stands for no place. Its log names
every file that it takes as a source, with the name of the module that it takes it for. Where an error prevents all
further checking it ends with 2, and says so partly in JSON and partly in plain lines. Hints are dropped, since mypy
attaches them to other findings when it runs in parallel. This module starts nothing and reads no file.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ophamin.auditing.findings import Finding
from ophamin.auditing.pillars.output_fields import as_mapping, as_text, as_whole
from ophamin.auditing.pillars.source_files import shown_message
from ophamin.auditing.process import ToolRun
from ophamin.auditing.severities import SeverityTable
from ophamin.core.text import visible

__all__ = ["SYNTAX_CODE", "Message", "MypyOutput", "read_output"]

SYNTAX_CODE: Final = "syntax"
"""The code of a syntax error, which mypy does not get over."""

_SOURCE: Final = re.compile(r"^LOG:  Found source: +(BuildSource\(.*\))$", re.MULTILINE)
_PLAIN_ERROR: Final = re.compile(r"(.+?\.pyi?)(?::[0-9]+)*: error: (.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of mypy, before it has a severity of ours.

    Attributes:
        file: as mypy names it.
        line: 1-based, 0 for none.
        column: 1-based, 0 for none.
        end_line: 1-based, 0 for none.
        end_column: 1-based and exclusive, 0 for none.
        text: what it says.
        code: its code, or empty.
        severity: error or note.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    code: str
    severity: str

    def finding(self, path: str, root: Path, severities: SeverityTable) -> Finding:
        """The finding, with its severity out of the table."""
        return Finding(
            pillar_name="mypy",
            rule_id=self.code,
            severity=severities.mypy(self.code or None, self.severity),
            message=shown_message(self.text, root),
            path=path,
            line=self.line,
            column=self.column,
            extra={"severity": self.severity, "end_line": self.end_line, "end_column": self.end_column},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MypyOutput:
    """One run.

    Attributes:
        messages: in the order of mypy.
        modules: file to module, for every file that mypy took as a source.
        stopped: an error prevented further checking, so that no file was checked.
        plain: file to what a plain line says of it.
        complaint: the first thing it said, where it was stopped.
    """

    messages: tuple[Message, ...]
    modules: Mapping[str, str]
    stopped: bool
    plain: Mapping[str, str]
    complaint: str = ""

    def unparsed(self) -> set[str]:
        """The files with a syntax error."""
        return {one.file for one in self.messages if one.code == SYNTAX_CODE}

    def culprits(self) -> dict[str, str]:
        """File to reason, for the files that stopped mypy: syntax errors, and what plain lines name."""
        syntax = {one.file: one.text for one in self.messages if one.code == SYNTAX_CODE}
        return {**self.plain, **syntax}

    def namesakes(self) -> set[str]:
        """The files whose module another file before them has taken; mypy stops over them, too."""
        taken: set[str] = set()
        late = set()
        for file, module in self.modules.items():
            if module in taken:
                late.add(file)
            taken.add(module)
        return late


def read_output(ran: ToolRun) -> MypyOutput:
    """Read one run that ended with a status.

    Raises:
        ValueError, TypeError, LookupError, SyntaxError, RecursionError: it is not what mypy prints since 1.11.

    Example:
        >>> log = b"LOG:  Found source:   BuildSource(path='a.py', module='a', has_text=False)"
        >>> dict(read_output(ToolRun(exit_code=0, stdout=b"", stderr=log)).modules)
        {'a.py': 'a'}
    """
    if ran.exit_code not in {0, 1, 2}:
        raise ValueError(f"status {ran.exit_code}, and 0, 1 or 2 was expected")
    stopped = ran.exit_code == 2
    log = ran.stderr.decode("utf-8", "surrogateescape")
    lines = ran.stdout.decode("utf-8", "replace").split("\n")
    if stopped:  # what stopped it may stand on standard error, in either form
        lines += [line for line in log.split("\n") if not line.startswith("LOG:")]
    messages = [_message(as_mapping(json.loads(line))) for line in lines if line.startswith("{")]
    others = [line for line in lines if line.strip() and not line.startswith("{")]
    if others and not stopped:
        raise ValueError(f"a line is no JSON: {others[0]!r:.80}")
    errors = any(one.severity == "error" for one in messages)
    if (ran.exit_code == 0 and errors) or (ran.exit_code == 1 and not messages):
        raise ValueError(f"status {ran.exit_code} with {len(messages)} messages")
    return MypyOutput(
        messages=tuple(messages),
        modules=dict(_source(match[1]) for match in _SOURCE.finditer(log)),
        stopped=stopped,
        plain={match[1]: visible(match[2]) for match in map(_PLAIN_ERROR.match, others) if match},
        complaint=visible(next(iter([one.text for one in messages] + others), "it gave no reason"))[:500],
    )


def _message(item: Mapping[str, Any]) -> Message:
    code = "" if item["code"] is None else visible(as_text(item["code"]))
    severity = as_text(item["severity"])
    if severity not in {"error", "note"}:
        raise ValueError(f"severity {severity!r:.40}, and error or note was expected")
    # Columns of syntax errors come from another parser, which counts from 1.
    first = 0 if code == SYNTAX_CODE else 1
    column, end_column = as_whole(item["column"]), as_whole(item.get("end_column", -1))
    line, end_line = as_whole(item["line"]), as_whole(item.get("end_line", -1))
    return Message(
        file=as_text(item["file"]),
        line=max(line, 0),
        column=column + first if line > 0 and column >= 0 else 0,
        end_line=max(end_line, 0),
        end_column=end_column + first if end_line > 0 and end_column >= 0 else 0,
        text=as_text(item["message"]),
        code=code,
        severity=severity,
    )


def _source(text: str) -> tuple[str, str]:
    """Path and module out of the text of a ``BuildSource``."""
    call = ast.parse(text, mode="eval").body
    if not isinstance(call, ast.Call):
        raise TypeError("a source of the log is no call")
    named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    return as_text(named["path"]), as_text(named["module"])
