# SPDX-License-Identifier: Apache-2.0
"""What a conformance suite found: one result per check, a text for people, and an error for a test.

This module runs checks and knows no kind of plug-in; the modules beside it do.
"""

from __future__ import annotations

import reprlib
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, TypeAlias, TypeVar

from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = [
    "Check",
    "CheckReport",
    "CheckResult",
    "ConformanceError",
    "NotTriedError",
    "examine",
    "name_of",
    "raised",
    "shown",
]

T = TypeVar("T")
Check: TypeAlias = Callable[[T], Iterable[str]]
"""Tries one promise of a plug-in and gives every breach of it in words, with the value, the limit and the way out."""

_MOST_BREACHES: Final = 5
_MOST_CHARACTERS: Final = 2000
_MOST_NAME: Final = 200
_LEAST_WIDTH: Final = 40


class NotTriedError(Exception):
    """Raised within a check that cannot be tried on this plug-in; the message says why. It never leaves `examine`."""


class ConformanceError(OphaminError, AssertionError):
    """A plug-in breaks a promise of its kind; ``report`` has every result."""

    def __init__(self, report: CheckReport) -> None:
        lines = [f"- {result.name}: {result.words}" for result in report.failures]
        head = f"{report.kind} {report.plugin} fails {len(lines)} of {len(report.results)} checks:"
        super().__init__("\n".join([head, *lines]))
        self.report = report


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check.

    Attributes:
        name: of the check.
        outcome: ``passed``, ``failed`` or ``skipped``.
        words: what is wrong and what to do about it, or why the check was skipped; empty where it passed.
    """

    name: str
    outcome: Literal["passed", "failed", "skipped"]
    words: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What came of all checks of one plug-in, in the order in which they were tried.

    Attributes:
        kind: of the plug-in: ``auditor``, ``pillar``, ``substrate``, ``corpus`` or ``scenario``.
        plugin: its name, or that of its class where it has none.
        results: one for each check.

    Example:
        >>> report = CheckReport("pillar", "X.rate", (CheckResult("p-value", "failed", "it is 2; give one in [0, 1]"),))
        >>> report.passed
        False
        >>> print(report.to_text())
        pillar X.rate: 0 passed, 1 failed, 0 skipped
        failed   p-value
                 it is 2; give one in [0, 1]
    """

    kind: str
    plugin: str
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed; a skipped one does not count."""
        return not self.failures

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The results that failed."""
        return tuple(result for result in self.results if result.outcome == "failed")

    def raise_if_failed(self) -> None:
        """Do nothing where every check passed or was skipped.

        Raises:
            ConformanceError: with one line for each check that failed.
        """
        if not self.passed:
            raise ConformanceError(self)

    def to_text(self, width: int = 100) -> str:
        """One line for each check, and below it what it says.

        Args:
            width: most characters of a line of words; at least 40 are used, and a word that is longer stays whole.
        """
        counts = [
            f"{sum(result.outcome == outcome for result in self.results)} {outcome}"
            for outcome in ("passed", "failed", "skipped")
        ]
        lines = [f"{self.kind} {self.plugin}: {', '.join(counts)}"]
        indent = " " * 9
        for result in self.results:
            lines.append(f"{result.outcome:8} {result.name}")
            lines += textwrap.wrap(
                result.words,
                max(width, _LEAST_WIDTH),
                initial_indent=indent,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
        return "\n".join(lines)


def examine(
    kind: str, plugin: str, subject: T, checks: Mapping[str, Check[T]], gates: Collection[str] = ()
) -> CheckReport:
    """Try every check on a subject; nothing that a check raises passes through, an interrupt aside.

    Args:
        kind: of the plug-in.
        plugin: its name.
        subject: what the checks are given.
        checks: name -> check, in the order in which they are tried.
        gates: checks without which the later ones mean nothing: where one fails, these are skipped.

    Example:
        >>> examine("pillar", "X.rate", 2, {"p-value": lambda value: [] if value <= 1 else ["above 1"]}).results
        (CheckResult(name='p-value', outcome='failed', words='above 1'),)
    """
    results: list[CheckResult] = []
    closed = ""
    for name, check in checks.items():
        result = CheckResult(name, "skipped", f"not tried, since {closed!r} failed") if closed else _try(
            name, check, subject
        )  # fmt: skip
        if result.outcome == "failed" and name in gates:
            closed = name
        results.append(result)
    return CheckReport(kind, visible(plugin), tuple(results))


def name_of(plugin: object, attribute: str) -> str:
    """The name that a plug-in has under an attribute; that of its class where there is none, or asking for it fails.

    >>> name_of("text", "name"), name_of(str, "__name__")
    ('str', 'str')
    """
    with suppress(Exception):  # a foreign property may raise anything; the contract says what is wrong
        name = getattr(plugin, attribute, "")
        if isinstance(name, str) and name.strip():
            return name[:_MOST_NAME]
    return plugin.__qualname__ if isinstance(plugin, type) else type(plugin).__qualname__


def raised(error: BaseException) -> str:
    """An exception in words, for what a check says.

    >>> raised(ValueError("no rows"))
    'it raised ValueError: no rows'
    """
    text = str(error)
    return f"it raised {type(error).__name__}" + (f": {text[:200]}" if text else "")


def shown(value: object) -> str:
    """A value in a few words.

    >>> shown("x" * 1000)
    "'xxxxxxxxxxxx...xxxxxxxxxxxxx'"
    """
    return reprlib.repr(value)


def _try(name: str, check: Check[T], subject: T) -> CheckResult:
    try:
        breaches = list(islice(check(subject), _MOST_BREACHES))
    except NotTriedError as reason:
        return CheckResult(name, "skipped", visible(str(reason)))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign plug-in may raise anything
        breaches = [f"{raised(error)}; no exception is expected here"]
    if not breaches:
        return CheckResult(name, "passed")
    return CheckResult(name, "failed", visible("; ".join(breaches)[:_MOST_CHARACTERS]))
