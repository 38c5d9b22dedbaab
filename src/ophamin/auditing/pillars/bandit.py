# SPDX-License-Identifier: Apache-2.0
"""The pillar over bandit: patterns in Python source that are known to be unsafe.

Whether bandit looked at a file is taken from what it printed, never from its exit code, which is 0 over a file that it
could not parse. What it said of a file is kept for the next run where a folder for that is given. No excerpt of the
source gets into the result.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, Self, final

from ophamin.auditing.base import PillarState
from ophamin.auditing.baseline import CONFIG_DIGEST_KEY, RULE_SET_DIGEST_KEY
from ophamin.auditing.listing import Listing
from ophamin.auditing.pillars.bandit_cache import BanditCache, cache_key_file, entry_key
from ophamin.auditing.pillars.bandit_output import FileReport
from ophamin.auditing.pillars.bandit_scan import OWN_ARGUMENTS, BanditScan
from ophamin.auditing.pillars.installed import installed_version, plugins
from ophamin.auditing.pillars.source_files import Look, SourceFilePillar
from ophamin.auditing.regular_files import read_within
from ophamin.auditing.sessions import ToolSession, ToolStoppedError
from ophamin.core.canonical import content_hash

__all__ = ["BanditPillar"]

_MAX_CACHED_BYTES: Final = 16 * 2**20  # of one source file
_DIES: Final = "it ends bandit by a crash"
_UNTRIED: Final = "bandit crashed too often to try it alone"


@final
class BanditPillar(SourceFilePillar):
    """Findings of bandit over Python files.

    In ``extra`` of a finding: ``name``, bandit's own ``severity`` and ``confidence``, and ``cwe`` where there is one.
    In ``extra`` of the result: ``suppressed``, file to number of findings that ``# nosec`` comments hide, and
    ``from_cache``, how many files were not looked at again.

    Args:
        cache_key_file: where the key of the cache lies; by default with the user's state.

    Example:
        >>> BanditPillar().name
        'bandit'
    """

    name = "bandit"
    tool_binary = "bandit"
    config_names: ClassVar[tuple[str, ...]] = ("bandit.yaml", "bandit.toml", "pyproject.toml")

    def __init__(self, *, cache_key_file: Path | None = None) -> None:
        super().__init__()
        self._cache_key_file = cache_key_file

    def tool_version(self) -> str:
        """The version, without starting bandit where it is installed beside this interpreter: that takes 0.24 s."""
        return _known_version(self.resolved_binary()) or super().tool_version()

    def look(self, look: Look, session: ToolSession) -> None:
        """Look at the listed files that nothing is known of; see `SourceFilePillar.look`."""
        look.version = self.tool_version()
        if not look.config:
            look.extra[CONFIG_DIGEST_KEY] = content_hash(OWN_ARGUMENTS)
        memory = self._memory(look, session.binary)
        scan = BanditScan(look.listing.root, session, look.config.path if look.config else None)
        try:
            scan.look_at([name for name in look.listing.files if name not in memory.known])
        finally:
            _note(look, {**memory.known, **scan.reports}, scan)
            look.extra["from_cache"] = len(memory.known)
        if scan.fatal and not scan.survived and not memory.known:
            raise ToolStoppedError(PillarState.CRASHED, scan.complaint)
        if look.config:
            named = look.seen | look.missed.keys()
            look.leave_out([name for name in look.listing.files if name not in named], "excluded by the configuration")
        memory.store(scan.reports)

    def _memory(self, look: Look, binary: Path) -> _Memory:
        """What is known of the files; nothing without a folder, or where it is not known which rules bandit has."""
        version = _known_version(binary)
        if not version:
            return _Memory()
        rules = plugins("bandit.plugins", "bandit.blacklists")
        look.extra[RULE_SET_DIGEST_KEY] = content_hash(rules)
        if look.options.cache_dir is None:
            return _Memory()
        config = [look.config.path.suffix, look.config.digest] if look.config else []
        tool = content_hash([version, platform.python_version(), rules, OWN_ARGUMENTS, config])
        key_file = self._cache_key_file or cache_key_file()
        cache = BanditCache(look.options.cache_dir / "bandit", str(look.listing.root), key_file)
        return _Memory.of(cache, look.listing, tool)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is known of the listed files from an earlier run, and where it is kept."""

    cache: BanditCache | None = None
    root: Path = field(default_factory=Path)
    keys: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, FileReport] = field(default_factory=dict)
    tool: str = ""
    kept: int = 0

    @classmethod
    def of(cls, cache: BanditCache, listing: Listing, tool: str) -> Self:
        """Look up every listed file by its content."""
        kept = cache.load()
        keys = {name: key for name in listing.files if (key := _key(listing.root, name, tool))}
        known = {name: kept[key] for name, key in keys.items() if key in kept}
        return cls(cache, listing.root, keys, known, tool, len(kept))

    def store(self, reports: Mapping[str, FileReport]) -> None:
        """Keep what is known and what is new, except of a file that had a problem or changed meanwhile."""
        whole = {name: report for name, report in reports.items() if not report.problem and name in self.keys}
        if self.cache is None or (not whole and self.kept == len(self.known)):
            return
        kept = {self.keys[name]: report for name, report in self.known.items()}
        for name, report in whole.items():
            if _key(self.root, name, self.tool) == self.keys[name]:
                kept[self.keys[name]] = report
        self.cache.store(kept)


def _note(look: Look, reports: Mapping[str, FileReport], scan: BanditScan) -> None:
    look.missed |= dict.fromkeys(scan.fatal, _DIES) | dict.fromkeys(scan.untried, _UNTRIED)
    look.missed |= {name: report.problem for name, report in reports.items() if report.problem}
    look.seen |= reports.keys() - look.missed.keys()
    for name, report in reports.items():
        look.findings += [issue.finding(name, look.options.severities) for issue in report.issues]
    look.extra["suppressed"] = {
        name: report.suppressed for name, report in sorted(reports.items()) if report.suppressed
    }


def _key(root: Path, name: str, tool: str) -> str:
    """What the report on a file is kept under; empty where it cannot be read, or is too large."""
    try:
        data = read_within(root, name, _MAX_CACHED_BYTES)
    except OSError:
        return ""
    return entry_key(tool, name, hashlib.sha256(data).hexdigest())


def _known_version(binary: Path | None) -> str:
    version = installed_version(binary, "bandit") if binary else ""
    return f"bandit {version}" if version else ""
