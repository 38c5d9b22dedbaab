# SPDX-License-Identifier: Apache-2.0
"""Several runs of one tool within one allowance of time, told as one.

A tool is run more than once where its files do not fit one command line, where it dies and the file has to be found,
and where it is asked what it knows. A run that is stopped ends the whole session.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, final

from ophamin.auditing.base import RunFacts
from ophamin.auditing.process import ToolRun, run_tool
from ophamin.auditing.states import PillarState
from ophamin.errors import OphaminError

__all__ = ["BATCH_BYTES", "ToolSession", "ToolStoppedError", "batches"]

BATCH_BYTES: Final = 2**18
"""Of paths on one command line; Linux takes 2 MiB, macOS 1 MiB with the environment."""


class ToolStoppedError(OphaminError):
    """A tool did not come to an end, or to one that can be judged.

    Attributes:
        state: the state of the pillar.
    """

    def __init__(self, state: PillarState, message: str) -> None:
        super().__init__(message)
        self.state = state


@final
class ToolSession:
    """One tool, one working folder, one allowance.

    Args:
        binary: the absolute path of the tool.
        cwd: an empty folder.
        seconds: for all runs together, from now on.
        max_bytes: for each stream of each run.
        environment: all that the tool gets of an environment; by default `tool_environment`.

    Example:
        >>> import sys
        >>> from ophamin.auditing.process import empty_folder
        >>> with empty_folder() as folder:
        ...     session = ToolSession(Path(sys.executable), folder, seconds=60, max_bytes=100)
        ...     session.run("-c", "print('one')").stdout.split(), session.facts["raw_stdout_bytes"]
        ([b'one'], 4)
    """

    def __init__(
        self,
        binary: Path,
        cwd: Path,
        *,
        seconds: float,
        max_bytes: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.binary = binary
        self.cwd = cwd
        self.max_bytes = max_bytes
        self.environment = environment
        self._started = time.monotonic()
        self._deadline = self._started + seconds
        self._runs: list[tuple[int | None, int, int]] = []

    def ask(self, *arguments: str | os.PathLike[str]) -> ToolRun:
        """Run the tool to learn something about it; the run does not show in `facts`.

        Raises:
            ToolStoppedError: it could not be started, took too long or printed too much.
        """
        ran = run_tool(
            [self.binary, *arguments],
            cwd=self.cwd,
            seconds=self._deadline - time.monotonic(),
            max_bytes=self.max_bytes,
            environment=self.environment,
        )
        if ran.not_started or ran.failure in {PillarState.TIMEOUT, PillarState.INVALID_OUTPUT}:
            raise ToolStoppedError(ran.failure or PillarState.CRASHED, f"{self.binary.name} {ran.how_it_ended}")
        return ran

    def run(self, *arguments: str | os.PathLike[str]) -> ToolRun:
        """Run the tool for what it finds.

        Returns:
            How it ended by itself, which may be by a signal.

        Raises:
            ToolStoppedError: as `ask`.
        """
        ran = self.ask(*arguments)
        self._runs.append((ran.exit_code, len(ran.stdout), len(ran.stderr)))
        return ran

    @property
    def facts(self) -> RunFacts:
        """The status of the first run, the sizes of all output, and the seconds since the beginning."""
        return RunFacts(
            exit_code=self._runs[0][0] if self._runs else None,
            raw_stdout_bytes=sum(printed for _, printed, _ in self._runs),
            raw_stderr_bytes=sum(said for _, _, said in self._runs),
            wall_time_s=time.monotonic() - self._started,
        )


def batches(names: Sequence[str], root: Path) -> Iterator[list[str]]:
    """The names in parts whose paths fit on one command line.

    Example:
        >>> list(batches(["a.py", "b.py"], Path("/src")))
        [['a.py', 'b.py']]
    """
    batch: list[str] = []
    size = 0
    for name in names:
        length = len(os.fsencode(f"{root}/{name}")) + 1
        if batch and size + length > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += length
    if batch:
        yield batch
