# SPDX-License-Identifier: Apache-2.0
"""What the pillars over source files have in common: list, look, tell.

The list is made first, and the tool is given no file besides. A pillar looks and notes what it finds, which files the
tool accounts for, and why it does not account for the others; the state follows from that alone.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Final, final

from ophamin.auditing.base import (
    DEFAULT_OPTIONS,
    AuditOptions,
    AuditPillar,
    Coverage,
    Finding,
    FindingSeverity,
    PillarResult,
)
from ophamin.auditing.baseline import CONFIG_DIGEST_KEY, SEVERITY_TABLE_KEY
from ophamin.auditing.listing import Listing, ListingError, list_files
from ophamin.auditing.pillars.trusted import TrustedConfig, TrustedConfigError, find_trusted_config
from ophamin.auditing.process import empty_folder
from ophamin.auditing.sessions import ToolSession, ToolStoppedError
from ophamin.core.canonical import content_hash
from ophamin.core.text import visible

__all__ = ["NOT_CHECKED_RULE", "Look", "SourceFilePillar", "shown_message"]

NOT_CHECKED_RULE: Final = "not-checked"
"""The rule of a finding of ours: the tool could not look at this file."""

_MOST_NAMED: Final = 100
_LONGEST_MESSAGE: Final = 500


@dataclass(slots=True)
class Look:
    """What a pillar has seen so far; kept also where the tool is stopped.

    Attributes:
        listing: the files to look at.
        options: see `AuditOptions`.
        config: the trusted configuration, or None for the pillar's own.
        version: what the tool says of its version.
        findings: what it found.
        seen: the files that it accounts for.
        unparsed: those among them whose syntax it could not read, so that few rules were tried there.
        missed: file to reason, for the others.
        extra: what else belongs into the record.
    """

    listing: Listing
    options: AuditOptions
    config: TrustedConfig | None = None
    version: str = ""
    findings: list[Finding] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    unparsed: set[str] = field(default_factory=set)
    missed: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def leave_out(self, names: Iterable[str], reason: str) -> None:
        """Take files off the list that are not meant to be looked at."""
        gone = dict.fromkeys(names, reason)
        if gone:
            files = tuple(name for name in self.listing.files if name not in gone)
            self.listing = replace(self.listing, files=files, left_out=self.listing.left_out | gone)

    def to_dict(self) -> dict[str, Any]:
        """What of it belongs into ``extra`` of a result."""
        kept = {
            CONFIG_DIGEST_KEY: self.config.digest if self.config else "",
            "config": self.config.path.name if self.config else "own",
            SEVERITY_TABLE_KEY: self.options.severities.identity,
            "listing": self.listing.to_dict(),
        }
        if self.unparsed:
            kept["unparsed"] = sorted(self.unparsed)[:_MOST_NAMED]
        if self.missed:
            kept["missed_because"] = dict(sorted(self.missed.items())[:_MOST_NAMED])
        return kept | self.extra

    def cache_folder(self, tool: str, *parts: str) -> Path | None:
        """A folder that keeps what belongs together; None where none is wanted, or none can be written.

        Args:
            tool: name of the tool.
            *parts: whatever has to be the same for a remembered answer to hold.
        """
        if self.options.cache_dir is None:
            return None
        folder = self.options.cache_dir.absolute() / tool / content_hash([self.version, *parts])[:16]
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            return folder if os.access(folder, os.W_OK | os.X_OK) else None
        return None


class SourceFilePillar(AuditPillar):
    """A tool that looks at source files.

    A subclass sets ``config_names`` and writes `look`.

    Attributes:
        config_names: the names of the tool's configuration files, in its own order.
    """

    config_names: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def look(self, look: Look, session: ToolSession) -> None:
        """Run the tool over ``look.listing`` and note everything in ``look``.

        Raises:
            ToolStoppedError: what is noted so far is all there is.
        """

    @final
    def run(self, target_path: str | Path, *, options: AuditOptions = DEFAULT_OPTIONS) -> PillarResult:
        """Run the tool over the listed files of a file or a folder; see `AuditPillar.run`."""
        binary = self.resolved_binary()
        if binary is None:
            return self.unavailable_result(target_path)
        try:
            listing = list_files(target_path, chosen=options.files)
            config = find_trusted_config(options.config_dir, self.tool_binary, self.config_names)
        except ListingError as error:
            return self.finished_result(target_path, (), Coverage(listed=0, seen=0), message=str(error))
        except TrustedConfigError as error:
            return self.error_result(target_path, str(error))
        look = Look(listing, options, config)
        with empty_folder() as cwd:
            session = ToolSession(binary, cwd, seconds=options.timeout_s, max_bytes=options.max_output_bytes)
            return self._told(target_path, look, session)

    def _told(self, target_path: str | Path, look: Look, session: ToolSession) -> PillarResult:
        try:
            if look.listing.files:
                self.look(look, session)
        except ToolStoppedError as stopped:
            return self.error_result(
                target_path,
                str(stopped),
                state=stopped.state,
                findings=self._in_order(look),
                version=look.version,
                extra=look.to_dict(),
                **session.facts,
            )
        coverage = look.listing.coverage(look.seen - look.missed.keys())
        reasons = [f"{name}: {reason}" for name, reason in sorted((look.listing.unreadable | look.missed).items())]
        return self.finished_result(
            target_path,
            self._in_order(look),
            coverage,
            version=look.version,
            message="; ".join(reasons[:5]) and f"{len(reasons)} not looked at: {'; '.join(reasons[:5])}",
            extra=look.to_dict(),
            **session.facts,
        )

    def _in_order(self, look: Look) -> list[Finding]:
        """The findings by place, and one of ours for each file that was missed without a word of the tool."""
        told = {one.path for one in look.findings}
        ours = [
            Finding(
                pillar_name=self.name,
                rule_id=NOT_CHECKED_RULE,
                severity=look.options.severities.of(self.name, NOT_CHECKED_RULE, FindingSeverity.MEDIUM),
                message=f"{self.tool_binary} did not look at this file: {reason}",
                path=name,
            )
            for name, reason in look.missed.items()
            if name not in told
        ]
        found = [*look.findings, *ours]
        return sorted(found, key=lambda one: (one.path, one.line, one.column, one.rule_id, one.message))


def shown_message(text: str, root: Path) -> str:
    r"""What a tool says, on one line, without the place of the tree, at most 500 characters long.

    >>> shown_message("see /tree/a.py\nfor  more", Path("/tree"))
    'see a.py for more'
    """
    plain = visible(" ".join(text.replace(f"{root}/", "").split()))
    return plain if len(plain) <= _LONGEST_MESSAGE else plain[:_LONGEST_MESSAGE] + " ... (cut)"
