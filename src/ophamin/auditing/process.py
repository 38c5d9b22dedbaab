# SPDX-License-Identifier: Apache-2.0
"""Run a tool that may misbehave over a tree that may be hostile, and keep what it printed.

A tool is run by its absolute path with an argument list, without a shell, in a folder that the caller gives (an empty
one from `empty_folder`), with an environment that holds no secret. It gets a session of its own, which is ended whole
when the tool has ended, has printed too much, has taken too long, or when the caller is interrupted. What the output
means is for each pillar to say.
"""

from __future__ import annotations

import math
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Final

from ophamin.auditing.base import RunFacts
from ophamin.auditing.binaries import tool_environment
from ophamin.auditing.states import PillarState
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["ToolCommandError", "ToolRun", "empty_folder", "run_tool", "stop_tools"]

_BLOCK: Final = 2**16
_LOOK_S: Final = 0.05  # how long to wait for output before asking whether the tool has ended
_LAST_LOOK_S: Final = 0.002  # the same once its output is closed and only its end is missing
_GRACE_S: Final = 1.0  # between asking a tool to end and ending it
_LONGEST_COMPLAINT: Final = 500

MOST_MEMORY: Final = 4 * 2**30
"""Bytes of address space that a tool may take, where the system can be told."""

_running: set[subprocess.Popen[bytes]] = set()


class ToolCommandError(OphaminError, ValueError):
    """A command is empty, or does not begin with an absolute path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """How a tool ran, and what it printed.

    Attributes:
        exit_code: its status, negative for the signal that ended it; None where it was stopped or never started.
        stdout: what it printed, at most as much as was allowed.
        stderr: its messages, at most as much as was allowed.
        seconds: from start to end.
        timed_out: it was stopped after its time.
        flooded: it was stopped because one stream held more than was allowed.
        not_started: why it could not be started, or empty.

    Example:
        >>> ended = ToolRun(exit_code=-11, seconds=0.2)
        >>> ended.how_it_ended, ended.failure.value
        ('was ended by signal SIGSEGV', 'crashed')
    """

    exit_code: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0
    timed_out: bool = False
    flooded: bool = False
    not_started: str = ""

    @property
    def failure(self) -> PillarState | None:
        """The state where its output cannot be judged; None where the tool ended by itself with a status.

        A status over 128 is a signal that a script in between reports.
        """
        if self.timed_out:
            return PillarState.TIMEOUT
        if self.flooded:
            return PillarState.INVALID_OUTPUT
        crashed = self.exit_code is None or self.exit_code < 0 or self.exit_code > 128
        return PillarState.CRASHED if crashed else None

    @property
    def how_it_ended(self) -> str:
        """The end in words, to follow the name of the tool."""
        if self.not_started:
            return f"could not be started: {self.not_started}"
        if self.timed_out:
            return f"was stopped after {self.seconds:.1f} s; allow more time, or audit less at once"
        if self.flooded:
            return "was stopped because it printed more than is allowed; allow more, or audit less at once"
        assert self.exit_code is not None
        if self.exit_code >= 0:
            return f"ended with status {self.exit_code}"
        return f"was ended by signal {_signal_name(-self.exit_code)}"

    @property
    def complaint(self) -> str:
        """The last line of its messages that is not blank, in visible characters; empty where there is none."""
        lines = self.stderr[-4 * _LONGEST_COMPLAINT :].decode("utf-8", "replace").splitlines()
        return next((visible(line.strip())[:_LONGEST_COMPLAINT] for line in reversed(lines) if line.strip()), "")

    @property
    def facts(self) -> RunFacts:
        """What a `PillarResult` keeps of the process."""
        return RunFacts(
            exit_code=self.exit_code,
            raw_stdout_bytes=len(self.stdout),
            raw_stderr_bytes=len(self.stderr),
            wall_time_s=self.seconds,
        )


class _Stop(Enum):
    """Why a tool is no longer read."""

    ENDED = "ended"
    TIME = "time"
    FLOOD = "flood"


@contextmanager
def empty_folder() -> Iterator[Path]:
    """A new empty folder for a tool to work in, removed with all that the tool left there.

    Example:
        >>> with empty_folder() as folder:
        ...     list(folder.iterdir())
        []
    """
    with tempfile.TemporaryDirectory(prefix="ophamin-", ignore_cleanup_errors=True) as name:
        yield Path(name).resolve()


def run_tool(
    command: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path,
    seconds: float,
    max_bytes: int,
    environment: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> ToolRun:
    """Run a tool to its end, or to the end of what it is allowed.

    After its time the whole session is asked to end and, 1 s later, ended; after too much output, at the end of the
    tool and on an interrupt it is ended at once. A process that left the session is not followed, nor waited for.

    Args:
        command: the absolute path of the tool, and its arguments.
        cwd: where it works; an empty folder, never the audited tree.
        seconds: how long it may take.
        max_bytes: how much is kept of each of its two streams; a tool that prints more is stopped.
        environment: all that it gets of an environment; by default `tool_environment`.
        stdin: what it reads; nothing by default.

    Raises:
        ToolCommandError: there is no command, or its first word is no absolute path.

    Example:
        >>> import sys
        >>> with empty_folder() as folder:
        ...     ran = run_tool([sys.executable, "-c", "print(1)"], cwd=folder, seconds=60, max_bytes=100)
        >>> ran.exit_code, ran.stdout.split(), ran.failure
        (0, [b'1'], None)
    """
    words = [os.fspath(word) for word in command]
    if not words or not Path(words[0]).is_absolute():
        shown = repr(words[0])[:80] if words else "nothing"
        raise ToolCommandError(f"the command begins with {shown}; give the absolute path of the tool")
    started = time.monotonic()
    with tempfile.TemporaryFile() as given:
        given.write(stdin or b"")
        given.seek(0)
        try:
            process = subprocess.Popen(
                words,
                bufsize=0,
                cwd=cwd,
                env=dict(tool_environment() if environment is None else environment),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return ToolRun(seconds=time.monotonic() - started, not_started=visible(reason))
    _limit(process, seconds)
    return _follow(process, started, started + seconds, max_bytes)


def stop_tools() -> None:
    """End every tool that runs in any thread of this process: an interrupt reaches the first thread alone."""
    for process in tuple(_running):
        _signal_group(process, signal.SIGKILL)


def _limit(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Have the kernel hold the tool to its memory and its time, also where this process is killed first.

    A sum of 20,000 terms makes mypy take all the memory there is. Only Linux can be told so of another process.
    """
    try:
        from resource import RLIMIT_AS, RLIMIT_CPU, prlimit
    except ImportError:
        return
    with suppress(OSError, ValueError):
        prlimit(process.pid, RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        most = math.ceil(max(seconds, 0.0) + _GRACE_S)
        prlimit(process.pid, RLIMIT_CPU, (most, most))


def _follow(process: subprocess.Popen[bytes], started: float, deadline: float, max_bytes: int) -> ToolRun:
    """Read the process to its end, and leave nothing of it behind."""
    assert process.stdout is not None
    assert process.stderr is not None
    printed, said = bytearray(), bytearray()
    stop = None
    _running.add(process)
    try:
        stop = _read({process.stdout: printed, process.stderr: said}, process, deadline, max_bytes)
    finally:
        _running.discard(process)
        _end_session(process, ask=stop is _Stop.TIME)
        process.stdout.close()
        process.stderr.close()
    return ToolRun(
        exit_code=process.returncode if stop is _Stop.ENDED else None,
        stdout=bytes(printed),
        stderr=bytes(said),
        seconds=time.monotonic() - started,
        timed_out=stop is _Stop.TIME,
        flooded=stop is _Stop.FLOOD,
    )


def _read(
    streams: Mapping[IO[bytes], bytearray], process: subprocess.Popen[bytes], deadline: float, max_bytes: int
) -> _Stop:
    """Read both streams until the tool has ended, whoever else still holds them open."""
    with selectors.DefaultSelector() as selector:
        for stream, kept in streams.items():
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ, kept)
        while True:
            ended = _has_ended(process)  # asked before reading: what the tool wrote is in the pipe by then
            left = deadline - time.monotonic()
            if left <= 0:
                return _Stop.TIME
            pause = _LOOK_S if selector.get_map() else _LAST_LOOK_S
            ready = selector.select(0 if ended else min(pause, left))
            if ended and not ready:
                return _Stop.ENDED
            for key, _ in ready:
                block = os.read(key.fd, _BLOCK)
                if not block:
                    selector.unregister(key.fileobj)
                room = max_bytes - len(key.data)
                key.data.extend(block[:room])
                if len(block) > room:
                    return _Stop.FLOOD


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the tool has ended. Where the system can, it is not reaped, so that its number still names its group."""
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None


def _end_session(process: subprocess.Popen[bytes], *, ask: bool) -> None:
    """End the tool and every process of its group; ``ask`` gives it a second to end by itself."""
    if ask:
        _signal_group(process, signal.SIGTERM)
        patience = time.monotonic() + _GRACE_S
        while not _has_ended(process) and time.monotonic() < patience:
            time.sleep(_LAST_LOOK_S)
    _signal_group(process, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):  # a process that hangs in the kernel is left to it
        process.wait(_GRACE_S)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(OSError):
        os.killpg(process.pid, number)


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return str(number)
