# SPDX-License-Identifier: Apache-2.0
"""Where a finding stands, in the terms of SARIF: a relative address, a region, and the hash of a line.

GitHub recognises an alert by ``primaryLocationLineHash``, which its upload action computes where it is missing. It is
computed here in the same way (github/codeql-action, ``src/fingerprints.ts``), so that an upload without that action
gives the same alerts.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from typing import Any, Final
from urllib.parse import quote

from ophamin.auditing.findings import Finding
from ophamin.auditing.ratchet_tree import is_inside

__all__ = ["line_hashes", "region_of", "uri_of"]

_BLOCK: Final = 100
_BASE: Final = 37
_MASK: Final = 2**64 - 1
_END: Final = 65535
_LARGEST: Final = 2**31 - 1
_LINE_ENDS: Final = re.compile(r"\r\n?")
_BLANKS: Final = re.compile(r"[ \t]+")


def uri_of(path: str, prefix: str = "") -> str | None:
    """The relative address of a file, percent-encoded; None where the path does not lie inside the tree.

    Args:
        path: relative to the audited tree, with forward slashes.
        prefix: where the audited tree lies in the repository, such as ``src``; empty for its top.

    Example:
        >>> uri_of("a b/ä#1.py", "src"), uri_of("../a.py"), uri_of("<dependency:jinja2>")
        ('src/a%20b/%C3%A4%231.py', None, None)
    """
    whole = f"{prefix}/{path}" if prefix not in {"", "."} else path
    if not (is_inside(path) and is_inside(whole)):
        return None
    try:
        return quote(whole, safe="/", errors="surrogateescape")
    except UnicodeEncodeError:
        return quote(whole, safe="/", errors="surrogatepass")


def region_of(finding: Finding) -> dict[str, int]:
    """The region of a finding: lines and columns from 1, the end column exclusive.

    Where a finding has no line or column it is the first; where it has no end it is one character wide.

    Example:
        >>> region_of(Finding("ruff", "F401", "low", "unused", "a.py", 3, 8))
        {'startLine': 3, 'startColumn': 8, 'endLine': 3, 'endColumn': 9}
    """
    line, column = _place(finding.line), _place(finding.column)
    end_line, end_column = _end(finding.extra, "end_line"), _end(finding.extra, "end_column")
    if end_line < line or end_column < 1 or (end_line == line and end_column <= column):
        end_line, end_column = line, min(column + 1, _LARGEST)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def line_hashes(data: bytes) -> dict[int, str]:
    r"""The hash of each line of a file, by its number from 1, as GitHub's upload action computes it.

    From the start of a line on, the first 100 characters that are neither space nor tab are taken as UTF-16 units, line
    ends as line feeds, the end of the file as 65535 followed by zeros. Their polynomial in 37, modulo 2**64, is
    written in hex; after a colon stands how often it has occurred in the file.

    Args:
        data: the bytes of the file, UTF-8; what is not is replaced.

    Example:
        >>> line_hashes(b" a\nb\n  \t\tc\n d")[2]
        '54703d4cd895b18:1'
    """
    text = _BLANKS.sub("", _LINE_ENDS.sub("\n", data.decode("utf-8", "replace")))
    units = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
    top = pow(_BASE, _BLOCK, _MASK + 1)
    starts = {0} | {place + 1 for place, unit in enumerate(units) if unit == 10}
    seen: Counter[int] = Counter()
    hashes: dict[int, str] = {}
    value = 0
    entering = chain(units, [_END], [0] * (_BLOCK - 1))
    leaving = chain([0] * _BLOCK, units)
    for place, (comes, goes) in enumerate(zip(entering, leaving, strict=False), 1 - _BLOCK):
        value = (_BASE * value + comes - top * goes) & _MASK
        if place in starts:
            seen[value] += 1
            hashes[len(hashes) + 1] = f"{value:x}:{seen[value]}"
    return hashes


def _place(number: int) -> int:
    return min(max(number, 1), _LARGEST)


def _end(extra: dict[str, Any], name: str) -> int:
    value = extra.get(name)
    return min(value, _LARGEST) if type(value) is int else 0
