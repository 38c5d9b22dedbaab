# SPDX-License-Identifier: Apache-2.0
"""The lines of a requirements file of pip, as far as an audit needs them: pins, includes, and what has no pin.

Nothing is resolved, downloaded or expanded; markers are not evaluated, because what another machine would install
belongs into the audit too. Hashes and options of pip are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["RequirementLine", "canonical_name", "is_version", "requirement_lines"]

_COMMENT: Final = re.compile(r"(?:^|\s)#.*$")
_INCLUDE: Final = re.compile(r"(?:-r\s*|--requirement[\s=]\s*)(\S.*)")
_EDITABLE: Final = re.compile(r"(?:-e\b|--editable\b)")
_OPTIONS: Final = re.compile(r"\s--?[a-z]")
_PIN: Final = re.compile(
    r"""
    ([A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?) \s*     # the name
    (?:\[[^\]]*\])? \s*                         # extras
    (\()? ={2,3} \s* ([^\s;,()]+) \s* (?(2)\))  # one exact version
    \s* (?:;.*)?                                # a marker
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The grammar of PEP 440, with the spellings that it normalises.
_VERSION: Final = re.compile(
    r"""
    v? (?:[0-9]+!)? [0-9]+(?:\.[0-9]+)*
    (?:[-_.]?(?:alpha|a|beta|b|preview|pre|c|rc)[-_.]?[0-9]*)?
    (?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?
    (?:[-_.]?dev[-_.]?[0-9]*)?
    (?:\+[A-Z0-9]+(?:[-_.][A-Z0-9]+)*)?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementLine:
    """One requirement, or one include.

    Attributes:
        number: 1-based number of the line where it begins.
        name: the canonical name of a pinned package, or empty.
        version: its version, or empty.
        include: the requirements file it names, or empty.
        text: the requirement, where it is neither a pin nor an include.
    """

    number: int
    name: str = ""
    version: str = ""
    include: str = ""
    text: str = ""


def canonical_name(name: str) -> str:
    """The name of a package as indexes compare it (PEP 503).

    >>> canonical_name("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def is_version(text: str) -> bool:
    """Whether a text is one version of PEP 440 of at most 200 characters.

    >>> is_version("1.0rc1+cpu"), is_version("1.*")
    (True, False)
    """
    return len(text) <= _LONGEST and _VERSION.fullmatch(text) is not None


def requirement_lines(text: str) -> Iterator[RequirementLine]:
    r"""Read a requirements file line by line; blank lines, comments and options give nothing.

    Args:
        text: its text.

    Yields:
        Pins, includes, and whatever else asks for a package.

    Example:
        >>> [(line.number, line.name, line.version) for line in requirement_lines("# locked\nSix==1.16.0 --hash=x\n")]
        [(2, 'six', '1.16.0')]
        >>> [line.text for line in requirement_lines("six>=1.16\n--index-url https://example.org")]
        ['six>=1.16']
    """
    for number, line in _joined(text):
        if include := _INCLUDE.match(line):
            yield RequirementLine(number=number, include=include[1].strip())
        elif _EDITABLE.match(line) or not line.startswith("-"):
            wanted = _OPTIONS.split(line, maxsplit=1)[0].strip() if not line.startswith("-") else line
            pin = _PIN.fullmatch(wanted)
            if pin and is_version(pin[3]):
                yield RequirementLine(number=number, name=canonical_name(pin[1]), version=pin[3])
            else:
                yield RequirementLine(number=number, text=wanted)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines that end with a backslash joined to the next one, without comments and blanks."""
    begun, pieces = 0, list[str]()
    for number, raw in enumerate([*re.split(r"\r\n|\r|\n", text), ""], 1):
        goes_on = raw.endswith("\\") and not raw.lstrip().startswith("#")
        begun = begun or number
        pieces.append(raw[:-1] if goes_on else raw)
        if goes_on:
            continue
        line = _COMMENT.sub("", " ".join(pieces)).strip()
        if line:
            yield begun, line
        begun, pieces = 0, []
