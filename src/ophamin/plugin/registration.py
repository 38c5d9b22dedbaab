# SPDX-License-Identifier: Apache-2.0
"""Claims against ``ophamin.lock``: registering them, and finding which are no longer what was registered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ophamin.measuring.lock_base import BaseLock, base_lock
from ophamin.measuring.lockfile import LOCK_NAME, Lock, LockError, read_lock, write_lock
from ophamin.measuring.registration import Collected, Finding, Findings, check, level_of, register

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from ophamin.measuring.plan import Plan
    from ophamin.plugin.docket import Docket

__all__ = ["GOALPOSTS", "Registration"]

NARROWING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob")
"""Options of pytest that leave out a part of what the configured paths hold."""
GOALPOSTS = 81
"""Exit code: goalposts moved, or a locked claim is missing."""


class Registration:
    """The lock of a session: what was registered, and what was collected.

    Args:
        config: of the session.
        root: the project's root folder, where the lock lies.
        insists: without a lock the session does not begin.
    """

    def __init__(self, config: pytest.Config, root: Path, *, insists: bool) -> None:
        self._config = config
        self._path = root / LOCK_NAME
        self._root = root
        self._insists = insists
        self._items: dict[str, tuple[Collected, ...]] = {}
        self._deselected = False
        self.findings: Findings | None = None
        self.told_by_worker: dict[str, Any] | None = None

    @cached_property
    def lock(self) -> Lock | None:
        """What is registered; None for nothing.

        Raises:
            pytest.UsageError: the lock cannot be read, or there is none and one is insisted on.
        """
        if not self._path.exists():
            if self._insists:
                raise pytest.UsageError(
                    f"--ophamin-locked: there is no {LOCK_NAME}; register the claims with --ophamin-register"
                )
            return None
        try:
            return read_lock(self._path)
        except LockError as error:
            raise pytest.UsageError(str(error)) from error

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the lock file that claims are held against; empty without one."""
        return "" if self.lock is None else hashlib.sha256(self._path.read_bytes()).hexdigest()

    @cached_property
    def base(self) -> BaseLock:
        """The lock at the merge base with the protected branch."""
        return base_lock(self._root)

    @property
    def blocks(self) -> bool:
        """Whether goalposts were moved or a locked claim is missing."""
        if self.told_by_worker is not None:
            return bool(self.told_by_worker["blocks"])
        return self.findings is not None and self.findings.blocks

    def level(self, nodeid: str, plan: Plan) -> str:
        """How much the registration of a claim is worth: none, declared or base."""
        if self.lock is None:
            return "none"
        mine = (one for one in self._items.get(nodeid, ()) if one.plan.digest == plan.digest)
        found = next(mine, None)
        if found is None:
            return "none"
        return level_of(found.claim, self.lock, self.base.lock, substrate=found.substrate)

    def substrate(self, nodeid: str) -> str:
        """The name under which the lock holds the system that an item tries; empty for none."""
        return next((one.substrate for one in self._items.get(nodeid, ())), "")

    def moved(self, item: pytest.Item) -> tuple[Finding, ...]:
        """The claims of an item that are not what was locked."""
        if self.findings is None:
            return ()
        found = (self.findings.finding_of(one) for one in self._items.get(item.nodeid, ()))
        return tuple(one for one in found if one.kind == "goalposts_moved")

    def is_exploratory(self, item: pytest.Item) -> bool:
        """Whether there is a lock and a claim of this item is not in it."""
        if self.findings is None:
            return False
        kinds = {self.findings.finding_of(one).kind for one in self._items.get(item.nodeid, ())}
        return bool(kinds & {"exploratory", "retired"})

    def collect(self, items: Iterable[tuple[str, tuple[Collected, ...]]]) -> None:
        """Take what was collected, and hold it against the lock.

        Raises:
            pytest.UsageError: two claims cannot be told apart.
        """
        self._items = dict(items)
        if self.lock is None:
            return
        try:
            self.findings = self._as_agreed(check(self.lock, self._all(), whole=self.is_whole()))
        except LockError as error:
            raise pytest.UsageError(str(error)) from error

    def _as_agreed(self, found: Findings) -> Findings:
        """A claim that is what was locked at the merge base has not moved: the lock did, and counts once it is merged.

        Raises:
            LockError: two claims cannot be told apart.
        """
        moved = [one for one in found.entries if one.kind == "goalposts_moved"]
        if not moved or self.base.lock is None:
            return found
        agreed = check(self.base.lock, self._all(), whole=False).entries
        kept = {one.now.id for one in agreed if one.now is not None and one.kind in {"same", "reworded"}}
        entries = (
            replace(one, kind="same", changes=()) if one in moved and one.now and one.now.id in kept else one
            for one in found.entries
        )
        return replace(found, entries=tuple(entries))

    def deselect(self) -> None:
        """Note that something was left out, so that what is missing may only not have been looked for."""
        self._deselected = True

    def is_whole(self) -> bool:
        """Whether the configured test paths were collected, with nothing left out."""
        narrowed = any(getattr(self._config.option, name, None) for name in NARROWING)
        everything = self._config.args_source is not pytest.Config.ArgsSource.ARGS
        return everything and not narrowed and not self._deselected

    def write(self, reason: str) -> str:
        """Register what was collected; what changed, in words.

        Raises:
            LockError: a reason is needed, or the file cannot be written.
        """
        whole = self.is_whole()
        new, diff = register(self.lock, self._all(), today=datetime.now(tz=UTC).date(), reason=reason, whole=whole)
        write_lock(self._path, new)
        width = max(60, self._config.get_terminal_writer().fullwidth)
        partly = "" if whole else "\nnot the whole suite was collected: claims that are not here were kept"
        return diff.to_text(width) + partly

    def header(self) -> str:
        """One line on what is registered."""
        if self.lock is None:
            return "lock: none, so all claims are exploratory (--ophamin-register writes one)"
        state = "" if self.base.state == "read" else f"; {self.base.problem}"
        return f"lock: {LOCK_NAME}, {len(self.lock.claims)} claims{state}"

    def summary(self, terminal: TerminalReporter) -> None:
        """What is not as it was locked, old and new side by side."""
        width = max(60, terminal._tw.fullwidth)  # pytest has no public name for its width
        if self.told_by_worker is not None:
            text = str(self.told_by_worker["text"])
        else:
            text = "" if self.findings is None else self.findings.to_text(width)
        if text:
            terminal.write_sep("-", LOCK_NAME)
            for line in text.splitlines():
                terminal.write_line(line)

    def for_controller(self) -> dict[str, Any] | None:
        """What a worker tells the controller, as plain values."""
        if self.findings is None:
            return None
        return {"blocks": self.findings.blocks, "text": self.findings.to_text(80)}

    def _all(self) -> list[Collected]:
        return [one for several in self._items.values() for one in several]


class Registering:
    """Hooks of a session that registers: the claims are written down, and nothing is tried.

    Args:
        docket: of the session.
        reason: why something changed, in the author's words.
    """

    def __init__(self, docket: Docket, reason: str) -> None:
        self._docket = docket
        self._reason = reason
        self._text = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object | None:
        if session.testsfailed:
            return None  # pytest says what could not be collected
        try:
            self._text = self._docket.registration.write(self._reason)
        except LockError as error:
            raise pytest.UsageError(str(error)) from error
        return True

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        for line in self._text.splitlines():
            terminalreporter.write_line(line)
