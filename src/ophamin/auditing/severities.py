# SPDX-License-Identifier: Apache-2.0
"""Which severity a finding gets: one versioned table for ruff, bandit, mypy and pip-audit.

The tools differ too much to take their own words: ruff calls everything an error. A rule that stands nowhere in the
table is *medium*, so that a new rule is seen. Any change of the table is a new version, because it moves counts; the
version belongs into the record. A project overrides single rules, not the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ophamin.auditing.findings import FindingSeverity
from ophamin.core.canonical import content_hash
from ophamin.errors import OphaminError

__all__ = [
    "SARIF_LEVELS",
    "SECURITY_SEVERITIES",
    "SEVERITIES",
    "SEVERITY_TABLE_VERSION",
    "SeverityOverrideError",
    "SeverityTable",
    "bandit_twin",
]

SEVERITY_TABLE_VERSION: Final = "1"

_CRITICAL, _HIGH, _MEDIUM, _LOW, _INFO = FindingSeverity
_SHOWN: Final = 60

SARIF_LEVELS: Final[Mapping[FindingSeverity, str]] = MappingProxyType(
    {_CRITICAL: "error", _HIGH: "error", _MEDIUM: "warning", _LOW: "note", _INFO: "note"}
)
"""The ``level`` of a result in SARIF 2.1.0."""

SECURITY_SEVERITIES: Final[Mapping[FindingSeverity, str | None]] = MappingProxyType(
    {_CRITICAL: "9.5", _HIGH: "8.0", _MEDIUM: "5.0", _LOW: "2.0", _INFO: None}
)
"""The ``security-severity`` of a rule for GitHub code scanning: over 9.0 critical, 7.0 high, 4.0 medium, 0.1 low."""


def _numbers(text: str, severity: FindingSeverity) -> dict[str, FindingSeverity]:
    return dict.fromkeys(text.split(), severity)


# Bandit's own severity of each rule (1.9.4; 320 and 410 from 1.7.9, where they last were), by the number that its
# B rule and ruff's S rule share. A rule with several severities counts as its worst.
_TWINS: Final = MappingProxyType(
    _numbers("103 201 202 304 312 321 324 401 402 411 412 413 415 501 502 505 507 602 605 609 701", _HIGH)
    | _numbers("102 104 108 113 301 302 303 305 306 307 308 310 313 314 315 316 317 318 319 320 323", _MEDIUM)
    | _numbers("503 506 508 509 601 604 608 610 611 612 702 704", _MEDIUM)
    | _numbers("101 105 106 107 110 112 311 403 404 405 406 407 408 409 410 504 603 606 607", _LOW)
)
# Letters and leading digits of a rule; the letters must be the whole prefix, so that S is not SIM.
_RUFF: Final = MappingProxyType(
    {"invalid-syntax": _HIGH, "E999": _HIGH}
    | _numbers("F63 F7 F821 F822 F823 B PLE ASYNC", _MEDIUM)
    | _numbers("F BLE TRY SIM PERF RUF UP E9", _LOW)
    | _numbers("I E W D N COM CPY DOC ERA FIX ICN ISC Q TD", _INFO)
    | {f"S{number}": severity for number, severity in _TWINS.items()}
)
_BANDIT: Final = MappingProxyType(  # severity, confidence; a severity alone stands for every other confidence
    {
        ("HIGH", "HIGH"): _HIGH,
        ("HIGH", "MEDIUM"): _HIGH,
        ("HIGH",): _MEDIUM,
        ("MEDIUM",): _MEDIUM,
        ("LOW", "HIGH"): _LOW,
        ("LOW", "MEDIUM"): _LOW,
        ("LOW",): _INFO,
        ("UNDEFINED",): _INFO,
    }
)
_MYPY: Final = MappingProxyType(
    {"syntax": _HIGH, "import-untyped": _LOW, "import-not-found": _LOW, "unused-ignore": _LOW}
)
_CVSS: Final = ((9.0, _CRITICAL), (7.0, _HIGH), (4.0, _MEDIUM))

_RUFF_RULE: Final = re.compile(r"([A-Z]+)([0-9]*)")
_TWIN_RULE: Final = re.compile(r"S([0-9]{3})")


class SeverityOverrideError(OphaminError, ValueError):
    """An override names no severity, or has not the form tool, rule, severity."""


@dataclass(frozen=True, slots=True)
class SeverityTable:
    """The table, with the overrides of one project.

    Attributes:
        overrides: tool to rule to severity; a rule is overridden whole, whatever else is known of a finding.

    Example:
        >>> SEVERITIES.ruff("S602").value, SEVERITIES.ruff("SIM102").value, SEVERITIES.ruff("XYZ1").value
        ('high', 'low', 'medium')
        >>> table = SeverityTable.with_overrides({"ruff": {"S101": "info"}})
        >>> table.ruff("S101").value, table.identity.startswith("1+")
        ('info', True)
    """

    overrides: Mapping[str, Mapping[str, FindingSeverity]] = field(default_factory=dict)

    @classmethod
    def with_overrides(cls, overrides: Mapping[str, Mapping[str, str]]) -> SeverityTable:
        """The table with some rules set by the project.

        Args:
            overrides: tool to rule to severity, as texts.

        Raises:
            SeverityOverrideError: a severity is not one of the five, or the form is another.
        """
        if not isinstance(overrides, Mapping) or not all(isinstance(rules, Mapping) for rules in overrides.values()):
            raise SeverityOverrideError("severity overrides are a table of tools, each a table of rule = severity")
        return cls(
            {tool: {rule: _word(tool, rule, word) for rule, word in overrides[tool].items()} for tool in overrides}
        )

    @property
    def identity(self) -> str:
        """What belongs into a record: the version of the table, and a digest of the overrides where there are any."""
        if not any(self.overrides.values()):
            return SEVERITY_TABLE_VERSION
        plain = {tool: {rule: word.value for rule, word in rules.items()} for tool, rules in self.overrides.items()}
        return f"{SEVERITY_TABLE_VERSION}+{content_hash(plain)[:12]}"

    def of(self, tool: str, rule: str, otherwise: FindingSeverity = _MEDIUM) -> FindingSeverity:
        """The overridden severity of a rule of any tool, or ``otherwise``."""
        return self.overrides.get(tool, {}).get(rule, otherwise)

    def ruff(self, rule: str) -> FindingSeverity:
        """The severity of a rule of ruff, by its longest known prefix that has the same letters."""
        return self.of("ruff", rule, _by_prefix(rule))

    def bandit(self, rule: str, severity: str, confidence: str) -> FindingSeverity:
        """The severity of a finding of bandit, from ``issue_severity`` and ``issue_confidence``."""
        found = _BANDIT.get((severity, confidence), _BANDIT.get((severity,), _MEDIUM))
        return self.of("bandit", rule, found)

    def mypy(self, code: str | None, severity: str) -> FindingSeverity:
        """The severity of a message of mypy; a note is *info* whatever its code."""
        found = _INFO if severity == "note" else _MYPY.get(code or "", _MEDIUM)
        return self.of("mypy", code or "", found)

    def pip_audit(
        self, advisory: str, *, cvss: float | None = None, exploited: bool = False, withdrawn: bool = False
    ) -> FindingSeverity:
        """The severity of an advisory.

        Args:
            advisory: its id.
            cvss: the base score, in [0, 10]; None where it is not known, which counts as *high*.
            exploited: it is known to be used.
            withdrawn: it was withdrawn, or a policy ignores it.
        """
        found = _INFO if withdrawn else _CRITICAL if exploited else _by_score(cvss)
        return self.of("pip-audit", advisory, found)

    def to_dict(self) -> dict[str, Any]:
        """The whole table as plain values: what a version stands for."""
        return {
            "version": SEVERITY_TABLE_VERSION,
            "ruff": {prefix: severity.value for prefix, severity in _RUFF.items()},
            "bandit": {" x ".join(pair): severity.value for pair, severity in _BANDIT.items()},
            "mypy": {"note": _INFO.value, **{code: severity.value for code, severity in _MYPY.items()}},
            "pip-audit": {str(score): severity.value for score, severity in _CVSS} | {"unknown": _HIGH.value},
            "not listed": _MEDIUM.value,
            "overrides": {
                tool: {rule: severity.value for rule, severity in rules.items()}
                for tool, rules in self.overrides.items()
            },
        }


SEVERITIES: Final = SeverityTable()
"""The table without overrides."""


def bandit_twin(rule: str) -> str | None:
    """The rule of bandit that ruff's S rule was made after, or None.

    >>> bandit_twin("S602"), bandit_twin("SIM102")
    ('B602', None)
    """
    match = _TWIN_RULE.fullmatch(rule)
    return f"B{match[1]}" if match and match[1] in _TWINS else None


def _word(tool: str, rule: str, word: str) -> FindingSeverity:
    try:
        return FindingSeverity(word)
    except ValueError:
        known = ", ".join(severity.value for severity in FindingSeverity)
        shown = f"{str(tool)[:_SHOWN]!r}, {str(rule)[:_SHOWN]!r} to {str(word)[:_SHOWN]!r}"
        raise SeverityOverrideError(f"the override of {shown} names no severity; give one of {known}") from None


def _by_prefix(rule: str) -> FindingSeverity:
    match = _RUFF_RULE.fullmatch(rule)
    if match is None:
        return _RUFF.get(rule, _MEDIUM)
    letters, digits = match.groups()
    prefixes = (letters + digits[:length] for length in range(len(digits), -1, -1))
    return next((_RUFF[prefix] for prefix in prefixes if prefix in _RUFF), _MEDIUM)


def _by_score(cvss: float | None) -> FindingSeverity:
    if cvss is None or cvss != cvss:  # NaN is as unknown as no score
        return _HIGH
    return next((severity for least, severity in _CVSS if cvss >= least), _LOW)
