# SPDX-License-Identifier: Apache-2.0
r"""The file of a baseline: sorted text lines, one for each finding, made to be read and merged.

A line is a word and its fields, with one space between. In a field, white space, percent signs, control characters
and everything outside ASCII are percent-encoded, and a dash stands for an empty one::

    format 1
    fingerprints 1
    base 3f2a...
    tool ruff ruff%200.17.6 RULES CONFIG SEVERITIES
    config pyproject.toml[tool.ruff] DIGEST
    known ruff F401 src/a.py 1 LINE-DIGEST DIGEST
    accepted bandit B602 src/run.py 1 LINE-DIGEST DIGEST 2027-03-31 ann the command is a constant
    # end of the baseline

Known and accepted lines may stand in any order, as a merge leaves them; comments and empty lines are not kept.
Everything else is refused with its line: what a merge left, a line that stands twice, a file that was cut.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Final, Literal, NoReturn
from urllib.parse import quote, unquote_to_bytes

from ophamin.auditing.accepted import MAX_COUNT, Acceptance, AcceptanceError
from ophamin.auditing.baseline import Baseline, ToolIdentity
from ophamin.auditing.fingerprints import Fingerprint
from ophamin.core.files import write_atomic
from ophamin.core.text import visible
from ophamin.errors import OphaminError, nearest_name

__all__ = ["BASELINE_NAME", "BaselineError", "Reason", "baseline_bytes", "parse_baseline", "read_baseline", "save"]

BASELINE_NAME: Final = "ophamin-audit.baseline"
FORMAT_VERSION: Final = "1"
MAX_BYTES: Final = 32 * 2**20
MAX_LINE: Final = 2**15
MAX_FINDINGS: Final = 200_000
"""Findings in all, with each count; about twenty times what the four tools say about 40,000 lines."""

_TITLE: Final = "# ophamin audit baseline: findings that are known, and those that somebody accepted"
_END: Final = "# end of the baseline"
_PLAIN: Final = "!\"#$&'()*+,/:;<=>?@[\\]^_`{|}~-."
_CONFLICT: Final = re.compile(r"(?:<{7}|>{7}|\|{7})(?: |\Z)|={7}\Z")
_DIGEST: Final = re.compile(r"[0-9a-f]{32}")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,4}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIELDS: Final = {"format": 1, "fingerprints": 1, "base": 1, "tool": 5, "config": 2, "known": 6, "accepted": 8}
_ONCE: Final = ("format", "fingerprints", "base")
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

Reason = Literal[
    "unreadable", "too_large", "encoding", "conflict", "version", "half_written", "syntax", "duplicate", "rise"
]


class BaselineError(OphaminError, ValueError):
    """A baseline cannot be used, or must not be written.

    Attributes:
        reason: why, as one word of `Reason`.
        line: where in the file, from 1; None where no line is to blame.
    """

    def __init__(self, reason: Reason, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.reason: Reason = reason
        self.line = line


def baseline_bytes(baseline: Baseline) -> bytes:
    """The bytes of the file; equal baselines have equal ones.

    Raises:
        BaselineError: there are more findings than are read again, or two tools have one name.

    Example:
        >>> print(baseline_bytes(Baseline((ToolIdentity("ruff", "ruff 0.17.6"),))).decode())
        # ophamin audit baseline: findings that are known, and those that somebody accepted
        format 1
        fingerprints 1
        base -
        tool ruff ruff%200.17.6 - - -
        # end of the baseline
        <BLANKLINE>
    """
    counted = Counter(baseline.known)
    lines = [
        _TITLE,
        f"format {FORMAT_VERSION}",
        f"fingerprints {_field(baseline.fingerprint_version)}",
        f"base {_field(baseline.base_commit)}",
        *(_line("tool", *one.to_dict().values()) for one in baseline.tools),
        *(_line("config", place, digest) for place, digest in baseline.config.items()),
        *sorted(_finding_line("known", one, counted[one]) for one in counted),
        *sorted(
            f"{_finding_line('accepted', one.fingerprint, one.count)} {one.expires} {one.owner} {one.reason}"
            for one in baseline.accepted
        ),
        _END,
    ]
    data = ("\n".join(lines) + "\n").encode("utf-8")
    parse_baseline(data)  # what cannot be read again must not take the place of what can
    return data


def save(path: Path, baseline: Baseline) -> None:
    """Write the file, whole or not at all, whatever stood there; `baseline_update.write_baseline` asks first.

    Raises:
        BaselineError: see `baseline_bytes`.
        RecordWriteError: the file could not be written.
    """
    write_atomic(path, baseline_bytes(baseline))


def read_baseline(path: Path) -> Baseline:
    """Read a baseline from a regular file; no link is followed.

    Raises:
        BaselineError: it is missing, too large, or not whole.
    """
    name = visible(str(path))
    try:
        with open(os.open(path, _FLAGS), "rb") as handle:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                _refuse("unreadable", f"{name} is no regular file; give the baseline itself")
            data = handle.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, BaselineError):
            raise
        problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise BaselineError("unreadable", f"{name}: {problem}; write one with --write-baseline") from error
    return parse_baseline(data)


def parse_baseline(data: bytes) -> Baseline:
    """The baseline that bytes hold.

    Raises:
        BaselineError: with the line, where one is to blame.
    """
    if len(data) > MAX_BYTES:
        _refuse("too_large", f"more than {MAX_BYTES} bytes; audit the tree in parts")
    try:
        lines = data.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse("encoding", f"byte {error.start} is not UTF-8; take the file from git again", line)
    for number, line_text in enumerate(lines, 1):
        if _CONFLICT.match(line_text):
            _refuse("conflict", f"{line_text[:7]} was left by a merge; keep the lines of both sides, each once", number)
    reader = _Reader()
    for number, line_text in enumerate(lines, 1):
        reader.take(number, line_text)
    return reader.baseline(lines)


class _Reader:
    """One file, line by line."""

    def __init__(self) -> None:
        self._first: dict[object, int] = {}
        self._single: dict[str, str] = {}
        self._tools: list[ToolIdentity] = []
        self._config: dict[str, str] = {}
        self._known: list[Fingerprint] = []
        self._accepted: list[Acceptance] = []
        self._tool_at: list[tuple[int, str]] = []
        self._findings = 0

    def take(self, number: int, line: str) -> None:
        """Read one line."""
        if not line.strip() or line.startswith("#"):
            return
        if len(line) > MAX_LINE:
            _refuse("too_large", f"{len(line)} characters; the limit is {MAX_LINE}. Write the baseline anew", number)
        word, *fields = line.split(" ")
        if word not in _FIELDS:
            _refuse("syntax", f"{visible(word[:40])!r} begins no line; {nearest_name(word[:40], _FIELDS)}", number)
        if "format" not in self._single and word != "format":
            _refuse("version", f"'format {FORMAT_VERSION}' must stand before it; take the file from git again", number)
        wanted = _FIELDS[word]
        if len(fields) < wanted or (word != "accepted" and len(fields) > wanted):
            _refuse("syntax", f"{word} has {len(fields)} fields, not {wanted}; take the file from git again", number)
        if word in _ONCE:
            self._take_single(number, word, fields[0])
        elif word == "tool":
            self._once(number, (word, fields[0]), f"tool {fields[0]}")
            self._tools.append(ToolIdentity(*(_decoded(field, number) for field in fields)))
        elif word == "config":
            self._once(number, (word, fields[0]), f"config {fields[0]}")
            self._config[_decoded(fields[0], number)] = _decoded(fields[1], number)
        else:
            self._take_finding(number, word, fields)

    def _take_single(self, number: int, word: str, text: str) -> None:
        self._once(number, word, word)
        value = _decoded(text, number)
        if word == "format" and value != FORMAT_VERSION:
            problem = f"format {visible(value[:20])!r} is not known here, where {FORMAT_VERSION} is read"
            _refuse("version", f"{problem}; install the ophamin that wrote it", number)
        if word == "base" and value and _COMMIT.fullmatch(value) is None:
            _refuse("syntax", f"{visible(value[:80])!r} is no full id of a commit; write a dash for none", number)
        self._single[word] = value

    def _take_finding(self, number: int, word: str, fields: list[str]) -> None:
        tool, rule, path = (_decoded(field, number) for field in fields[:3])
        if _COUNT.fullmatch(fields[3]) is None:
            _refuse("syntax", f"{visible(fields[3][:20])!r} is no count in 1 to {MAX_COUNT}", number)
        if _DIGEST.fullmatch(fields[5]) is None or not (fields[4] == "-" or _DIGEST.fullmatch(fields[4])):
            _refuse("syntax", "a digest has 32 hex digits; take the line from git again", number)
        one = Fingerprint(tool, rule, path, "" if fields[4] == "-" else fields[4], fields[5])
        count = int(fields[3])
        self._findings += count
        if self._findings > MAX_FINDINGS:
            _refuse("too_large", f"more than {MAX_FINDINGS} findings; audit the tree in parts", number)
        self._once(number, (word, one, *fields[6:]), f"{word} {rule} in {path}")  # two people may each accept one
        self._tool_at.append((number, tool))
        if word == "known":
            self._known += [one] * count
        else:
            self._accepted.append(_acceptance(one, count, fields[6:], number))

    def _once(self, number: int, key: object, what: str) -> None:
        if (first := self._first.setdefault(key, number)) != number:
            problem = (
                f"{visible(what[:120])} stands in line {first} too; keep one of them, with the count that is right"
            )
            _refuse("duplicate", problem, number)

    def baseline(self, lines: list[str]) -> Baseline:
        """What was read, once all lines are."""
        filled = [line for line in lines if line.strip()]
        if not filled or filled[-1] != _END:
            problem = f"the last line is not '{_END}', so the file was written by half or edited"
            _refuse("half_written", f"{problem}; take it from git again", len(filled) or 1)
        if lacking := [word for word in _ONCE if word not in self._single]:
            _refuse("syntax", f"no line begins with '{lacking[0]}'; take the file from git again")
        named = {one.tool for one in self._tools}
        for number, tool in self._tool_at:
            if tool not in named:
                _refuse("syntax", f"no line 'tool {visible(tool[:60])}' says what found it", number)
        return Baseline(
            tuple(self._tools),
            tuple(self._known),
            tuple(self._accepted),
            self._config,
            self._single["base"],
            self._single["fingerprints"],
        )


def _acceptance(one: Fingerprint, count: int, fields: list[str], number: int) -> Acceptance:
    day, owner, *reason = fields
    try:
        if _DAY.fullmatch(day) is None:
            raise ValueError(f"{visible(day[:20])!r} is no day, such as 2027-03-31")
        return Acceptance(one, owner, " ".join(reason), date.fromisoformat(day), count)
    except (AcceptanceError, ValueError) as error:
        raise BaselineError("syntax", str(error), number) from error


def _finding_line(word: str, one: Fingerprint, count: int) -> str:
    return _line(word, one.tool, one.rule, one.path, str(count), one.line_digest, one.digest)


def _line(word: str, *texts: str) -> str:
    return " ".join([word, *map(_field, texts)])


def _field(text: str) -> str:
    """A text as one field; each text has one spelling, so that equal lines can be told."""
    if text in {"", "-"}:
        return "%2D" if text else "-"
    return quote(text, safe=_PLAIN, errors="surrogatepass")


def _decoded(field: str, number: int) -> str:
    try:
        text = "" if field == "-" else unquote_to_bytes(field).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = ""
    if _field(text) != field:
        problem = f"{visible(field[:60])!r} is not how a field is written"
        _refuse("syntax", f"{problem}; take the line from git again", number)
    return text


def _refuse(reason: Reason, problem: str, line: int | None = None) -> NoReturn:
    raise BaselineError(reason, problem, line)
