# SPDX-License-Identifier: Apache-2.0
"""The ledger of attempts as a session of pytest uses it: a claim that stands is not tried again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ophamin.core.environment import environment_lock, git_facts, untracked_files
from ophamin.measuring.attempts import Attempts, Opened, Stored
from ophamin.measuring.history import History, environment_class, usable
from ophamin.measuring.trial import Trial

if TYPE_CHECKING:
    from ophamin.plugin.options import Options

__all__ = ["Bookkeeping"]

CACHES = ".ophamin_"
"""How the files begin that a corpus caches beside its data."""


class Bookkeeping:
    """Looks up what an earlier run of the same commit found, and enters what this one finds.

    Args:
        root: the project's root folder.
        options: of the session.
    """

    def __init__(self, root: Path, options: Options) -> None:
        self._root = root
        self._options = options
        self._opened: Opened | None = None

    @cached_property
    def off(self) -> str:
        """Why the ledger is not used; empty where it is. Asked once, before anything is written."""
        reason = usable(git_facts(self._root))
        if reason:
            return reason
        others = untracked_files(self._root)
        if others is None:
            return "git could not say whether the tree has untracked files"
        own = [self._options.folder, self._options.ledger]
        strange = [
            name
            for name in others
            if not (name.rpartition("/")[2].startswith(CACHES) or any(_lies_in(self._root / name, one) for one in own))
        ]
        return f"{strange[0]} is not tracked by git" if strange else ""

    def open(self, trial: Trial, command_of: Callable[[int], str], held: ExitStack) -> tuple[Stored, ...]:
        """Hold the cases of a trial until ``held`` ends; what stands is given back, and its body need not run.

        Raises:
            CaseBusyError: another process is trying the same claim.
            HistoryError: the ledger is damaged.
        """
        if self.off:
            return ()
        opened = held.enter_context(self._attempts.open(trial))
        stored = opened.stored()
        if not stored:
            if opened.begin():
                trial.number(opened.number, command_of(opened.number))
            self._opened = opened
            held.callback(self._forget)
        return stored

    def standing(self) -> dict[str, Stored]:
        """Verdicts that stand while another claim of the same trial goes on, by the digest of their plan."""
        return {} if self._opened is None else self._opened.standing()

    def note(self, trial: Trial, broken: str) -> None:
        """Enter what a trial concluded, where its cases are held.

        Raises:
            HistoryError: the ledger could not be written.
        """
        if self._opened is not None:
            self._opened.note(trial.concluded, broken)

    @cached_property
    def _attempts(self) -> Attempts:
        commit = git_facts(self._root).commit
        return Attempts(
            History(self._options.ledger), environment_class(environment_lock()), commit, self._options.mode
        )

    def _forget(self) -> None:
        self._opened = None


def _lies_in(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) or folder.is_relative_to(path)
