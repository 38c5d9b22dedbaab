# SPDX-License-Identifier: Apache-2.0
"""What must not enter a record is taken out of text: paths, names, mail addresses, secrets.

It works on values that it is given; `ophamin.core.environment` gathers those of a process. It knows no secret by its
looks: what stands in no environment variable and looks like a word is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

__all__ = ["TextRedactor"]

ELLIPSIS: Final = "\u2026"

_PART = r"""[^\s/\\'"`<>|:;,*?()\[\]{}]"""
_BEFORE = rf"(?:(?<![\w.~/\\)\]}}{ELLIPSIS}])|(?<=-[A-Z]))"  # not inside a name or a relative path, but after -I
_MAIL = r"(?<![\w.+%-])(?!git@)[\w.+%-]++@(?:[\w-]+\.)+[A-Za-z]{2,}"
_OPENING = r"(?:/|(?<!\w)[A-Za-z]:[\\/]|\\\\(?=[\w.$-]{2,}+[\\/]))"

_STRUCTURE = re.compile(
    rf"""
      (?<=\w) (?<!file) :// (?=[^\s/]) (?P<address> [^\s'"<>]*+ )
    | (?P<mail> {_MAIL} )
    | (?P<quoted> (?<=['"]) {_OPENING} [^'"\n<>|:]*+ (?=['"]) )
    | (?P<path> {_BEFORE} (?! /\w+> ) {_OPENING} [\\/]*+ (?: {_PART}++ [\\/]++ )*+ {_PART}*+ )
    """,
    re.VERBOSE,
)
# Up to the last @ of the host part; a password may hold a slash, but "host:80/@name" has none.
_CREDENTIALS = re.compile(r"\A(?:[^\s/?#]*@|[^\s/?#:@]+:(?!\d+/)[^\s@]*@)")
_MAIL_ALONE = re.compile(_MAIL)


class TextRedactor:
    """Takes given paths, values and names, every absolute path and every mail address out of text.

    Other absolute paths keep their last part. The same mail address always gives the same mark, so that two texts
    about one person can be told to be about one. Addresses on the web stay, without credentials.

    Args:
        paths: folders to their marks, such as ``.`` for the project.
        values: texts to their marks, replaced wherever they stand.
        names: whole words to their marks, in any case.

    Example:
        >>> redactor = TextRedactor(paths={"/home/ann/p": ".", "/home/ann": "~"}, values={"s3cr3t!": "<env:TOKEN>"})
        >>> redactor.redact("/home/ann/p/a.py s3cr3t! /usr/lib/b.so https://me:pw@x.org/a/b")
        './a.py <env:TOKEN> …/b.so https://x.org/a/b'
        >>> TextRedactor(names={"ann": "<user>"}).redact("Ann, not anna; ann@x.org")
        '<user>, not anna; mail-367a1e74'
    """

    __slots__ = ("_literals", "_marks", "_names")

    def __init__(
        self,
        *,
        paths: Mapping[str, str] | None = None,
        values: Mapping[str, str] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        paths, values, names = paths or {}, values or {}, names or {}
        self._marks = {**{name.lower(): mark for name, mark in names.items()}, **values, **paths}
        literals = sorted({*values, *paths}, key=lambda text: (-len(text), text))
        self._literals = _any_of(_folder(text) if text in paths else re.escape(text) for text in literals)
        words = sorted(names, key=lambda text: (-len(text), text))
        self._names = _any_of((rf"(?<!\w){re.escape(word)}(?!\w)" for word in words), re.IGNORECASE)

    def redact(self, text: str) -> str:
        """``text`` without what must not leave; the same object where nothing in it looks like that."""
        # Known texts first, while they are whole; names last, because paths and addresses hold some.
        if self._literals is not None:
            text = self._literals.sub(self._known_mark, text)
        if "/" in text or "@" in text or "\\" in text:
            text = _STRUCTURE.sub(_structural_mark, text)
        if self._names is not None:
            text = self._names.sub(self._name_mark, text)
        return text

    def _known_mark(self, match: re.Match[str]) -> str:
        return self._marks[match[0]]

    def _name_mark(self, match: re.Match[str]) -> str:
        return self._marks[match[0].lower()]


def _any_of(patterns: Iterable[str], flags: int = 0) -> re.Pattern[str] | None:
    joined = "|".join(patterns)
    return re.compile(joined, flags) if joined else None


def _folder(path: str) -> str:
    """The folder itself, not the start of a longer name and not the end of a longer path."""
    literal = re.escape(path)
    # The look back comes last, so that a search can skip to the first character.
    return rf"{literal}(?![\w-]|\.\w)(?:(?<![\w.~/\\]{literal})|(?<=-[A-Z]{literal}))"


def _structural_mark(match: re.Match[str]) -> str:
    if match.lastgroup == "address":
        return "://" + _MAIL_ALONE.sub(_mail_mark, _CREDENTIALS.sub("", match["address"]))
    if match.lastgroup == "mail":
        return _mail_mark(match)
    return _last_part(match[0])


def _mail_mark(match: re.Match[str]) -> str:
    return "mail-" + sha256(match[0].lower().encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _last_part(path: str) -> str:
    bare = path.rstrip("/\\ ")
    last = re.split(r"[\\/]", bare)[-1]
    if len(bare.strip("/\\")) < 2:
        return path  # a slash, or the "/s" of a unit
    return f"{ELLIPSIS}/{last}{path[len(bare) :]}"
