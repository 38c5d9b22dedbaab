# SPDX-License-Identifier: Apache-2.0
"""One updating line while a claim takes long, on a terminal and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest
    from _pytest.terminal import TerminalReporter

    from ophamin.measuring.trial import Trial

__all__ = ["Progress", "progress_line"]

PATIENCE = 2.0
"""Seconds that a claim may take before anything is shown."""
INTERVAL = 0.2
"""Seconds between two updates."""


class Progress:
    """Shows how far a trial is; called between two records or observations.

    Args:
        config: of the session.
        clock: seconds that never run back.
    """

    def __init__(self, config: pytest.Config, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._trial: Trial | None = None
        self._next = 0.0
        self._shown = False

    def __call__(self, trial: Trial) -> None:
        now = self._clock()
        if trial is not self._trial:
            self._trial, self._next = trial, now + PATIENCE
        if now < self._next:
            return
        self._next = now + INTERVAL
        terminal = self._terminal()
        if terminal is None:
            return
        line = progress_line(trial)
        width = terminal._tw.fullwidth - 1  # pytest has no public name for its width
        with self._config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            if not self._shown and self._config.option.verbose < 1:
                terminal.ensure_newline()
            terminal.rewrite(line[:width], erase=True)
            terminal.flush()
        self._shown = True

    def clear(self) -> None:
        """Remove the line, if there is one; pytest then writes the name of the test anew."""
        terminal = self._terminal() if self._shown else None
        if terminal is None:
            return
        with self._config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            terminal.rewrite("", erase=True)
            terminal.currentfspath = None
        self._shown = False

    def _terminal(self) -> TerminalReporter | None:
        reporter: TerminalReporter | None = self._config.pluginmanager.getplugin("terminalreporter")
        manager = self._config.pluginmanager.getplugin("capturemanager")
        return reporter if reporter is not None and manager is not None and reporter.isatty else None


def progress_line(trial: Trial) -> str:
    """Name, units of the budget, and the evidence of each sequential claim between its bounds."""
    name = trial.script.metadata.name.rpartition(".")[2]
    if not trial.watches:
        planned = trial.script.plans[0].cap
        return f"{name}: {len(trial.ledger)}{'' if planned is None else f' of {planned}'} observations"
    told = []
    for watch in trial.watches:
        walk = watch.walk
        cap = "" if watch.plan.cap is None else f" of {watch.plan.cap}"
        above, below = f"{walk.log_low:.1f}/{walk.accept:.1f}", f"{walk.log_high:.1f}/{walk.reject:.1f}"
        told.append(f"n={watch.n_units}{cap}, log E above {above}, below {below}")
    return f"{name}: {'; '.join(told)}"
