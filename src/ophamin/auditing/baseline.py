# SPDX-License-Identifier: Apache-2.0
"""The baseline of an audit: the findings that were there, and what found them.

Two audits can be compared only where the same version of a tool looked with the same rules. So a baseline names, for
each tool, its version, its rule set, its configuration and the severity table. It keeps what the three passes of
`ophamin.auditing.fingerprints.compare` need and no more: tool, rule, path, digest of the line, digest of everything,
each as often as it was found. No message and no line of source is in it.

Reading and writing the file is the matter of `ophamin.auditing.baseline_text`, comparing that of
`ophamin.auditing.ratchet`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ophamin.auditing.accepted import Acceptance, fingerprint_dict
from ophamin.auditing.fingerprints import FINGERPRINT_VERSION, Fingerprint
from ophamin.auditing.results import PillarResult
from ophamin.core.text import visible

__all__ = [
    "CONFIG_DIGEST_KEY",
    "RULE_SET_DIGEST_KEY",
    "SEVERITY_TABLE_KEY",
    "Baseline",
    "ToolIdentity",
]

RULE_SET_DIGEST_KEY: Final = "rule_set_digest"
"""Where the digest of the rules that were on lies in ``extra`` of a result."""

CONFIG_DIGEST_KEY: Final = "config_digest"
"""Where the digest of the configuration that the tool was run with lies."""

SEVERITY_TABLE_KEY: Final = "severity_table"
"""Where the identity of the severity table lies."""


@dataclass(frozen=True, slots=True, order=True)
class ToolIdentity:
    """With what a tool looked; two audits of one identity can be compared.

    Attributes:
        tool: name of the pillar.
        version: what the tool says of its version.
        rule_set: digest of the rules that were on, or empty where the pillar does not say.
        config: digest of the configuration it was run with, or empty.
        severities: identity of the severity table, or empty.
    """

    tool: str
    version: str
    rule_set: str = ""
    config: str = ""
    severities: str = ""

    @classmethod
    def of(cls, result: PillarResult) -> ToolIdentity:
        """The identity that a result tells; what is no text in its ``extra`` counts as not told."""
        told = (result.extra.get(key) for key in (RULE_SET_DIGEST_KEY, CONFIG_DIGEST_KEY, SEVERITY_TABLE_KEY))
        return cls(result.pillar_name, result.tool_version, *(text if isinstance(text, str) else "" for text in told))

    def differences(self, now: ToolIdentity) -> list[str]:
        """What is not the same now, each as a phrase with both values; empty where all is.

        >>> ToolIdentity("ruff", "ruff 0.17.5").differences(ToolIdentity("ruff", "ruff 0.17.6"))
        ["version 'ruff 0.17.5', now 'ruff 0.17.6'"]
        """
        named = ("version", "rule set", "configuration", "severity table")
        pairs = zip(named, self._parts(), now._parts(), strict=True)
        return [f"{name} {visible(old)!r}, now {visible(new)!r}" for name, old, new in pairs if old != new]

    def _parts(self) -> tuple[str, str, str, str]:
        return self.version, self.rule_set, self.config, self.severities

    def to_dict(self) -> dict[str, str]:
        """Every field under its own name."""
        version, rule_set, config, severities = self._parts()
        return {
            "tool": self.tool,
            "version": version,
            "rule_set": rule_set,
            "config": config,
            "severities": severities,
        }


@dataclass(frozen=True, slots=True)
class Baseline:
    """The findings that are known.

    Attributes:
        tools: with what each tool looked, by name.
        known: the findings that nobody judged, as often as they were found, sorted.
        accepted: those that somebody accepted, sorted.
        config: the project's own configuration of tools, place to digest.
        base_commit: the commit that was audited, or empty.
        fingerprint_version: what the digests are made of.

    Example:
        >>> one = Fingerprint("ruff", "F401", "a.py", "", "0a" * 16)
        >>> baseline = Baseline((ToolIdentity("ruff", "ruff 0.17.6"),), (one, one))
        >>> baseline.counts()
        {'ruff': 2}
    """

    tools: tuple[ToolIdentity, ...] = ()
    known: tuple[Fingerprint, ...] = ()
    accepted: tuple[Acceptance, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    base_commit: str = ""
    fingerprint_version: str = FINGERPRINT_VERSION

    def __post_init__(self) -> None:
        """Put everything in one order, so that equal baselines are equal and written alike."""
        object.__setattr__(self, "tools", tuple(sorted(self.tools)))
        object.__setattr__(self, "known", tuple(sorted(self.known)))
        object.__setattr__(self, "accepted", tuple(sorted(self.accepted, key=_by_fingerprint)))
        object.__setattr__(self, "config", dict(sorted(self.config.items())))

    def tool(self, name: str) -> ToolIdentity | None:
        """With what a tool looked, or None where the baseline does not know it."""
        return next((one for one in self.tools if one.tool == name), None)

    def known_of(self, name: str) -> list[Fingerprint]:
        """The known findings of one tool, in order."""
        return [one for one in self.known if one.tool == name]

    def accepted_of(self, name: str) -> list[Acceptance]:
        """The accepted findings of one tool, in order."""
        return [one for one in self.accepted if one.fingerprint.tool == name]

    def everything(self) -> list[Fingerprint]:
        """Known and accepted findings, each as often as it counts."""
        return [*self.known, *repeated(self.accepted)]

    def counts(self) -> dict[str, int]:
        """How many findings of each tool are known or accepted, by name."""
        found = Counter(one.tool for one in self.everything())
        return {tool: found[tool] for tool in sorted({*found, *(one.tool for one in self.tools)})}

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "fingerprint_version": self.fingerprint_version,
            "base_commit": self.base_commit,
            "tools": [one.to_dict() for one in self.tools],
            "config": dict(self.config),
            "known": [fingerprint_dict(one) for one in self.known],
            "accepted": [one.to_dict() for one in self.accepted],
        }


def repeated(accepted: Iterable[Acceptance]) -> Sequence[Fingerprint]:
    """The fingerprint of each acceptance, as often as it covers one."""
    return [one.fingerprint for one in accepted for _ in range(one.count)]


def _by_fingerprint(one: Acceptance) -> tuple[Fingerprint, str, str, str, int]:
    return one.fingerprint, one.expires.isoformat(), one.owner, one.reason, one.count
