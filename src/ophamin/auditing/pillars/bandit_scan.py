# SPDX-License-Identifier: Apache-2.0
"""Runs bandit over listed files: in batches, and by halves where it dies.

Bandit takes settings from a ``.bandit`` file and leaves out every path that holds one of its usual exclusions, such as
``.git`` in ``.github``. Neither happens here: it gets an empty file of settings, no exclusions, and every file by its
absolute path. What it says is read elsewhere, and kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ophamin.auditing.bisect import bisect
from ophamin.auditing.pillars.bandit_output import BanditOutputError, FileReport, read_output
from ophamin.auditing.process import ToolRun
from ophamin.auditing.sessions import ToolSession, ToolStoppedError, batches
from ophamin.auditing.states import PillarState

__all__ = ["OWN_ARGUMENTS", "BanditScan"]

_SETTINGS: Final = "settings.ini"
OWN_ARGUMENTS: Final = ("--quiet", "--format=json", "--number=1", "--exclude=", f"--ini={_SETTINGS}")
"""What bandit is always given, besides a configuration and the files."""

_REFUSED: Final = 2  # its status for arguments or a configuration that it does not take


@dataclass(slots=True)
class BanditScan:
    """What bandit has said so far.

    Attributes:
        root: the folder that names are relative to, absolute.
        session: bandit, in an empty folder.
        config: a trusted configuration, or None.
        reports: name to report, for the files that bandit names.
        fatal: names of the files that it died of alone.
        untried: names of the files that it was not started over alone, because it had died too often.
        survived: how often it ended with something to say.
        complaint: how it died the last time, or empty.
    """

    root: Path
    session: ToolSession
    config: Path | None = None
    reports: dict[str, FileReport] = field(default_factory=dict)
    fatal: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    survived: int = 0
    complaint: str = ""

    def look_at(self, files: Sequence[str]) -> None:
        """Have files looked at.

        Args:
            files: regular files, relative to the root.

        Raises:
            ToolStoppedError: bandit did not start, hung, flooded, or printed what is not known.
        """
        (self.session.cwd / _SETTINGS).write_text("[bandit]\n", encoding="ascii")
        for batch in batches(files, self.root):
            outcome = bisect(batch, self._survives)
            self.fatal += outcome.fatal
            self.untried += outcome.untried
            self.survived += len(outcome.answers)

    def _survives(self, part: Sequence[str]) -> bool | None:
        chosen = [f"--configfile={self.config}"] if self.config else []
        paths = {f"{self.root}/{name}": name for name in part}
        ran = self.session.run(*OWN_ARGUMENTS, *chosen, "--", *paths)
        ending = f"bandit {ran.how_it_ended}" + (f": {ran.complaint}" if ran.complaint else "")
        if ran.exit_code == _REFUSED:
            raise ToolStoppedError(PillarState.CRASHED, ending)
        if _died(ran):
            self.complaint = ending
            return None
        try:
            said = read_output(ran.stdout, ran.stderr)
        except BanditOutputError as error:
            raise ToolStoppedError(PillarState.INVALID_OUTPUT, str(error)) from None
        self.reports |= {paths[path]: report for path, report in said.items() if path in paths}
        return True


def _died(ran: ToolRun) -> bool:
    """Whether it was killed, or ended with an error and without a word of output."""
    return ran.failure is PillarState.CRASHED or (ran.exit_code != 0 and not ran.stdout.strip())
