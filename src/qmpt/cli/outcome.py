# SPDX-License-Identifier: Apache-2.0
"""The folder that a command leaves: its files, and ``run.json`` with how they were made.

One folder belongs to one command. A second run of the same command takes its place; a folder of anything else is left
alone. While the files are written, ``run.json`` says that the run has not ended, so that what a failure leaves is never
taken for a result.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from qmpt.cli.claims import Claim, claim_folder

__all__ = ["Outcome", "words_of_command", "write_json"]


@dataclass(slots=True)
class Outcome:
    """What is kept of one run.

    Attributes:
        command: name of the command.
        out: folder, or None where nothing is kept.
        inputs: name -> digest.
        config: resolved settings.
        seeds: what they are for -> seed.
        counts: what was counted -> how many.
        warnings: what the user was told.
        seconds: step -> wall time.

    Example:
        >>> import tempfile
        >>> outcome = Outcome("score", Path(tempfile.mkdtemp()) / "out")
        >>> outcome.keep({"scores.json": lambda path: write_json(path, {"n": 1})})
        >>> sorted(path.name for path in outcome.out.iterdir())
        ['run.json', 'scores.json']
    """

    command: str
    out: Path | None
    inputs: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    _started: float = field(default_factory=perf_counter)
    _claim: Claim | None = None

    def __post_init__(self) -> None:
        if self.out is not None:
            self._claim = claim_folder(self.out, self.command)

    def lap(self, step: str) -> None:
        """Note the time since the last lap under the name of a step."""
        now = perf_counter()
        self.seconds[step] = round(now - self._started, 3)
        self._started = now

    def keep(self, files: Mapping[str, Callable[[Path], None]]) -> None:
        """Write the files, and ``run.json`` last; nothing where no folder was asked for.

        Args:
            files: name -> what writes it.

        Raises:
            DataError: the system refused.
        """
        if self.out is None:
            return
        from qmpt.runs import file_digests, write_run

        command = words_of_command(self.command)
        write_run(self.out, command=command, finished=False)
        for name, write in files.items():
            write(self.out / name)
        self.lap("writing")
        write_run(
            self.out,
            command=command,
            config=self.config,
            seeds=self.seeds,
            inputs=self.inputs,
            counts=self.counts,
            warnings=self.warnings,
            seconds=self.seconds,
            outputs=file_digests(self.out / name for name in files),
        )
        assert self._claim is not None
        self._claim.release()


def write_json(path: Path, value: Any) -> None:
    """Plain values as JSON, whole or not at all; the same values give the same bytes."""
    from qmpt.data.files import write_atomic

    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    write_atomic(path, f"{text}\n".encode())


def words_of_command(command: str) -> Sequence[str]:
    """The command line as it was given; in a program that is not this one, the command alone.

    Example:
        >>> words_of_command("score")
        ['qmpt', 'score']
    """
    words = sys.argv[1:]
    if words[:1] != [command]:
        return ["qmpt", command]
    # where something lay on this machine helps nobody on another one
    return ["qmpt", *(Path(word).name if Path(word).is_absolute() else word for word in words)]
