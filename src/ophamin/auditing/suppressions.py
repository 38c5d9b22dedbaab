# SPDX-License-Identifier: Apache-2.0
"""Comments and settings that keep a tool from speaking, counted as findings of their own.

Every tool obeys some comment: ``noqa`` and ``ruff: ignore``, ``nosec``, ``type: ignore``, ``mypy: ignore-errors``. One
that is added hides a finding better than any baseline, so each is a finding of severity *medium*, and the ratchet asks
whether there are more of them than there were. Comments are found by Python's tokenizer, so that a text that speaks of
a suppression is none. Bandit's list of skipped tests counts too.

Nothing here says whether a suppression is justified.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ophamin.auditing.findings import Finding, FindingSeverity
from ophamin.auditing.listing import PYTHON_SUFFIXES
from ophamin.auditing.ratchet_config import bandit_skips
from ophamin.auditing.ratchet_tree import read_inside, watched_files
from ophamin.auditing.results import COVERAGE_KEY, STATE_KEY, PillarResult
from ophamin.auditing.states import Coverage, PillarState
from ophamin.core.text import visible

__all__ = ["SUPPRESSIONS", "SUPPRESSIONS_VERSION", "count_suppressions", "suppressions_in"]

SUPPRESSIONS: Final = "suppressions"
"""The name under which they stand in a baseline and in a report, beside the names of the pillars."""

SUPPRESSIONS_VERSION: Final = "1"
"""A change of what is counted, or how it is named, is a new version, and asks for a new baseline."""

_LONGEST_CODE: Final = 60
_MISSED: Final = 20

# Ruff takes codes that run together, such as F401E501, for two.
_CODES: Final = r"(?:\s*:\s*(?P<run>[A-Za-z]+[0-9]+(?:[\s,]*[A-Za-z]+[0-9]+)*))?"
_FORMS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("file-noqa", re.compile(rf"#\s*(?:ruff|flake8)\s*:\s*noqa{_CODES}", re.IGNORECASE)),
    ("noqa", re.compile(rf"#\s*noqa{_CODES}", re.IGNORECASE)),
    ("ruff-ignore", re.compile(r"#\s*ruff\s*:\s*ignore(?:\s*\[(?P<codes>[^\]]*)\])?", re.IGNORECASE)),
    ("ruff-file-ignore", re.compile(r"#\s*ruff\s*:\s*file-ignore(?:\s*\[(?P<codes>[^\]]*)\])?", re.IGNORECASE)),
    ("ruff-disable", re.compile(r"#\s*ruff\s*:\s*disable(?:\s*\[(?P<codes>[^\]]*)\])?", re.IGNORECASE)),
    ("nosec", re.compile(r"#\s*nosec(?P<tests>[^#]*)", re.IGNORECASE)),
    ("type-ignore", re.compile(r"#\s*type\s*:\s*ignore(?:\s*\[(?P<codes>[^\]]*)\])?")),
    (
        "mypy",
        re.compile(r"#\s*mypy\s*:(?=[^#]*(?:ignore|disable|allow|no[-_]|follow[-_]imports))(?P<options>[^#]*)"),
    ),
)
_MAY_HOLD: Final = re.compile(r"noqa|nosec|#\s*(?:ruff|type|mypy)\s*:", re.IGNORECASE)
_CODE: Final = re.compile(r"[A-Za-z]+[0-9]+")
# Bandit knows its tests by number and by name, most of which have an underscore.
_TEST: Final = re.compile(
    r"B[0-9]{3}|[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+"
    r"|\b(?:ciphers|eval|ftplib|hashlib|marshal|md5|pickle|random|telnetlib|trojansource)\b"
)
_OPTION: Final = re.compile(r"(?<![=\w-])[A-Za-z][A-Za-z_-]*(?==|,|\s|\Z)")


def count_suppressions(root: Path, files: Sequence[str] | None = None) -> PillarResult:
    r"""Every suppression in a tree, as the result of a pillar named ``suppressions``.

    Args:
        root: the tree.
        files: what to look at, relative to it; None for `watched_files` of it.

    Raises:
        ListingError: ``files`` is None, and there is no such folder.

    Returns:
        A result that may pass only where every Python file could be read. Its state is ``findings`` where there is a
        suppression, which is no fault: only a new one is.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.py").write_text("import os  # noqa: F401\n")
        >>> [finding.rule_id for finding in count_suppressions(folder).findings]
        ['noqa:F401']
    """
    listed = watched_files(root) if files is None else tuple(files)
    sources = [path for path in listed if path.lower().endswith(PYTHON_SUFFIXES)]
    findings = [_finding("bandit-skip", test, place, 0, 0) for place, test in bandit_skips(root, listed)]
    missed = []
    for path in sources:
        data = read_inside(root, path)
        if data is None:
            missed.append(path)
        else:
            findings += suppressions_in(data, path)
    coverage = Coverage(len(sources), len(sources) - len(missed), missed[:_MISSED])
    state = PillarState.PARTIAL if missed else PillarState.FINDINGS if findings else PillarState.OK
    return PillarResult(
        pillar_name=SUPPRESSIONS,
        tool_name=SUPPRESSIONS,
        tool_version=SUPPRESSIONS_VERSION,
        status=state.status,
        target_path=".",
        findings=tuple(findings),
        error_message=f"{len(missed)} files could not be read: {', '.join(map(visible, missed[:5]))}" if missed else "",
        extra={STATE_KEY: state.value, COVERAGE_KEY: coverage.to_dict()},
    )


def suppressions_in(data: bytes, path: str) -> list[Finding]:
    r"""The suppressions in one Python file, in their order; a comment with two codes gives two.

    Where the file is no Python, its lines are searched instead, which may find too many and never too few.

    Args:
        data: its bytes.
        path: how findings name it.

    Example:
        >>> [one.rule_id for one in suppressions_in(b"x = '# nosec'  # nosec B105, B106\n", "a.py")]
        ['nosec:B105', 'nosec:B106']
        >>> suppressions_in(b"x: int = y  # type: ignore\n", "a.py")[0].rule_id
        'type-ignore'
    """
    text = _decoded(data)
    if _MAY_HOLD.search(text) is None:
        return []
    found = []
    for line, column, comment in _comments(text):
        for kind, codes in _read(comment):
            found += [_finding(kind, code, path, line, column) for code in codes]
    return found


def _finding(kind: str, code: str, path: str, line: int, column: int) -> Finding:
    rule = f"{kind}:{code}" if code else kind
    silenced = code or "every finding in its reach"
    return Finding(SUPPRESSIONS, rule, FindingSeverity.MEDIUM, f"{kind} silences {silenced}", path, line, column)


def _read(comment: str) -> Iterator[tuple[str, list[str]]]:
    """Kind and codes of each suppression in a comment; the code is empty where it silences everything."""
    for kind, form in _FORMS:
        for match in form.finditer(comment):
            named = match.groupdict()
            if "run" in named:
                codes = [code.upper() for code in _CODE.findall(named["run"] or "")]
            elif "tests" in named:
                codes = _TEST.findall(named["tests"])
            elif "options" in named:
                codes = [option.replace("_", "-") for option in _OPTION.findall(named["options"])]
            else:
                codes = re.split(r"[\s,]+", named["codes"] or "")
            yield kind, sorted({visible(code[:_LONGEST_CODE]) for code in codes if code}) or [""]


def _comments(text: str) -> Iterator[tuple[int, int, str]]:
    """Line, column and text of the comments, both from 1."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text, newline="").readline))
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError):
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
            if "#" in line:
                yield number, line.index("#") + 1, line[line.index("#") :]
    else:
        for token in tokens:
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.start[1] + 1, token.string


def _decoded(data: bytes) -> str:
    """The text in the encoding that the file declares; what is not in it is kept apart."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding, "surrogateescape")
    except (SyntaxError, LookupError, UnicodeError, ValueError):
        return data.decode("utf-8", "surrogateescape")
