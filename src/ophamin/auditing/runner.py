# SPDX-License-Identifier: Apache-2.0
"""Several auditors over one path, as many at once as there are processors, and one record of what they found.

Each auditor lists what it looks at, since one looks at source files and another at pins. The auditor that took longest
last time begins first, so that all end as soon as the longest does. An auditor that raises, which none should, is a
crashed result in the record and not a lost audit.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.base import DEFAULT_OPTIONS, AuditOptions, recorded_path
from ophamin.auditing.listing import Listing, list_files
from ophamin.auditing.process import stop_tools
from ophamin.auditing.results import STATE_KEY, PillarResult
from ophamin.auditing.states import PillarState
from ophamin.core.canonical import content_hash, file_digest
from ophamin.core.files import write_atomic
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.protocols import Auditor

__all__ = ["DEFAULT_TOOLS", "AuditRunner", "NoAuditorError", "tree_digest"]

DEFAULT_TOOLS: Final = ("ruff", "bandit", "mypy", "pip-audit")
"""What an audit runs where nobody says otherwise."""

SECONDS_NAME: Final = "seconds.json"
MAX_SECONDS_BYTES: Final = 2**16
USUAL_SECONDS: Final = {"mypy": 20.0, "bandit": 10.0, "pip-audit": 5.0, "ruff": 0.5}
"""Where no audit was before: which auditor to begin with, not how long it takes."""

_LOOK_S: Final = 0.05  # between two attempts to end what an interrupted audit still starts

Told = Callable[[PillarResult], None]


class NoAuditorError(OphaminError, ValueError):
    """An audit was asked for without an auditor."""


class AuditRunner:
    """Runs auditors and makes the record.

    Args:
        auditors: classes or objects that satisfy `ophamin.protocols.Auditor`, each name once.
        options: for all of them.
        jobs: most auditors at once; by default as many as there are processors for this process.

    Raises:
        NoAuditorError: there is none, or a name stands twice.

    Example:
        >>> from ophamin.auditing.pillars.ruff import RuffPillar
        >>> AuditRunner([RuffPillar]).names
        ('ruff',)
    """

    def __init__(
        self,
        auditors: Iterable[Auditor | type[Auditor]],
        *,
        options: AuditOptions = DEFAULT_OPTIONS,
        jobs: int | None = None,
    ) -> None:
        self._auditors = [one() if isinstance(one, type) else one for one in auditors]
        self._options = options
        self._jobs = jobs or _processors()
        if not self._auditors:
            raise NoAuditorError("no auditor is named; name at least one, such as ruff")
        if len(set(self.names)) < len(self._auditors):
            raise NoAuditorError(f"an auditor is named twice among {', '.join(self.names)}; name each once")

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in the order in which they stand in the record."""
        return tuple(one.name for one in self._auditors)

    def run(self, target: str | Path, *, command: str = "", told: Told = lambda _result: None) -> AuditRecord:
        """Audit a file or a folder.

        Args:
            target: what to audit.
            command: how to get the audit again; by default the call of ``ophamin audit``.
            told: called with each result as it comes, in this thread.

        Raises:
            ListingError: there is nothing at the path, or too much.
            KeyboardInterrupt: it was interrupted; the tools are ended.
        """
        path = Path(target)
        listing = list_files(path, chosen=self._options.files)
        results = self._run_all(path, told)
        self._remember(results)
        shown = recorded_path(path)
        again = command or shlex.join(["ophamin", "audit", shown, f"--tools={','.join(self.names)}"])
        return AuditRecord.from_results(shown, tree_digest(listing), [results[name] for name in self.names], again)

    def _run_all(self, path: Path, told: Told) -> dict[str, PillarResult]:
        remembered = self._remembered()
        ordered = sorted(self._auditors, key=lambda one: -remembered.get(one.name, USUAL_SECONDS.get(one.name, 60.0)))
        results: dict[str, PillarResult] = {}
        with ThreadPoolExecutor(self._jobs, thread_name_prefix="ophamin-audit") as threads:
            running = [threads.submit(_run_one, one, path, self._options) for one in ordered]
            try:
                for done in as_completed(running):
                    result = done.result()
                    results[result.pillar_name] = result
                    told(result)
            except BaseException:
                _end(running)
                raise
        return results

    def _remembered(self) -> dict[str, float]:
        """How long each auditor took last time; nothing where that is not known or not to be read."""
        if self._options.cache_dir is None:
            return {}
        with suppress(OSError, ValueError, ArithmeticError, RecursionError):
            with (self._options.cache_dir / SECONDS_NAME).open("rb") as handle:
                found: Any = json.loads(handle.read(MAX_SECONDS_BYTES))
            if isinstance(found, Mapping):
                return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
        return {}

    def _remember(self, results: Mapping[str, PillarResult]) -> None:
        if self._options.cache_dir is not None:
            seconds = self._remembered() | {name: round(one.wall_time_s, 3) for name, one in results.items()}
            with suppress(OphaminError):
                write_atomic(self._options.cache_dir / SECONDS_NAME, json.dumps(seconds, sort_keys=True).encode())


def _end(running: Collection[Future[PillarResult]]) -> None:
    """End every tool, and what an auditor starts because its tool was ended, such as the search for a bad file."""
    left = {one for one in running if not one.cancel()}
    while left:
        stop_tools()
        left = wait(left, timeout=_LOOK_S).not_done


def _processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tree_digest(listing: Listing) -> str:
    """SHA-256 in hex over the names and digests of listed files, and the names of those that cannot be read.

    It is over the files that were looked at, so that another file beside them changes nothing.
    """
    files = [[name, _digest(listing.root / name)] for name in listing.files]
    return content_hash([*files, *([name, ""] for name in sorted(listing.unreadable))])


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:
        return hashlib.sha256(b"").hexdigest()


def _run_one(auditor: Auditor, path: Path, options: AuditOptions) -> PillarResult:
    try:
        result = auditor.run(path, options=options)
    except Exception as error:  # noqa: BLE001 - a third party's auditor may raise anything; the others still count
        return _broken(auditor, path, f"{type(error).__name__}: {error}")
    if not isinstance(result, PillarResult) or result.pillar_name != auditor.name:
        return _broken(auditor, path, f"it gave a {type(result).__name__} that is no result of its own")
    return result


def _broken(auditor: Auditor, path: Path, why: str) -> PillarResult:
    return PillarResult(
        pillar_name=auditor.name,
        tool_name=str(getattr(auditor, "tool_binary", auditor.name)),
        tool_version="",
        status=PillarState.CRASHED.status,
        target_path=recorded_path(path),
        error_message=visible(why)[:500],
        extra={STATE_KEY: PillarState.CRASHED.value},
    )
