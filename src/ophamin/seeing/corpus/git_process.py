# SPDX-License-Identifier: Apache-2.0
"""git as a process that only reads: one repository, no pager, no hook, no remote, no configuration but its own.

It runs git and hands on what git says; what the words mean is for the caller.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, final

from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["GitError", "GitRepository"]

_BLOCK: Final = 2**18
# All that git is given of the outside: the caller's GIT_DIR, configuration and remotes are none of its business.
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "PATH": os.defpath,
}
_OPTIONS: Final = ("--no-pager", "-c", "core.fsmonitor=false", "-c", "log.showRoot=true")


class GitError(OphaminError):
    """git is missing, failed, or fell silent; ``status`` is how it ended, where it did."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@final
class GitRepository:
    """The repository whose top is this very folder; one that lies around the folder is another repository.

    Args:
        top: a work tree's top, or a bare repository.
        silence_seconds: how long git may say nothing before it is stopped.
    """

    def __init__(self, top: Path, silence_seconds: float = 60.0) -> None:
        self.top = top
        self.silence_seconds = silence_seconds

    def ask(self, *arguments: str) -> str:
        """What one command prints, without white space at the ends.

        Raises:
            GitError: git is missing, there is no repository, or the command failed.
        """
        command = self._command(*arguments)
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=_ENVIRONMENT,
                timeout=self.silence_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise self._silent(arguments[0]) from None
        if done.returncode:
            raise _failed(arguments[0], done.returncode, done.stderr)
        return done.stdout.decode("utf-8", "backslashreplace").strip()

    @contextmanager
    def stream(self, *arguments: str) -> Iterator[Iterator[bytes]]:
        """The output of one command in blocks; git is stopped where the context ends before its output does.

        Raises:
            GitError: as `ask`, also while the blocks are read.
        """
        command = self._command(*arguments)
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=_ENVIRONMENT
            ) as process,
        ):
            try:
                yield self._blocks(process, errors, arguments[0])
            finally:
                process.kill()

    def _blocks(self, process: subprocess.Popen[bytes], errors: IO[bytes], verb: str) -> Iterator[bytes]:
        assert isinstance(process.stdout, io.BufferedReader)
        while True:
            with _stopped_after(self.silence_seconds, process) as was_stopped:
                block = process.stdout.read1(_BLOCK)
                status = None if block else process.wait()
            if was_stopped.is_set():
                raise self._silent(verb)
            if not block:
                break
            yield block
        if status:
            errors.seek(0)
            raise _failed(verb, status, errors.read(4096))

    def _command(self, *arguments: str) -> list[str]:
        git = shutil.which("git")
        if git is None:
            raise GitError("git is not installed, or not on PATH; install it")
        return [git, *_OPTIONS, f"--git-dir={self._git_dir()}", *arguments]

    def _git_dir(self) -> Path:
        if not self.top.is_dir():
            raise GitError(f"{self.top} is no folder; name the top of a repository")
        inner = self.top / ".git"
        if inner.exists():
            return inner
        if (self.top / "HEAD").is_file() and (self.top / "objects").is_dir():
            return self.top
        around = next((folder for folder in self.top.resolve().parents if (folder / ".git").exists()), None)
        way_out = f"it lies in {around}: name that one" if around else "run git init there, or name another one"
        raise GitError(f"{self.top} is not the top of a git repository; {way_out}")

    def _silent(self, verb: str) -> GitError:
        return GitError(
            f"git {verb} said nothing for {self.silence_seconds:g} s and was stopped; see whether the disk answers"
        )


@contextmanager
def _stopped_after(seconds: float, process: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """Kill the process where the body takes longer; the event says that it was."""
    was_stopped = threading.Event()

    def stop() -> None:
        was_stopped.set()
        process.kill()

    watch = threading.Timer(seconds, stop)
    watch.daemon = True
    watch.start()
    try:
        yield was_stopped
    finally:
        watch.cancel()


def _failed(verb: str, status: int, errors: bytes) -> GitError:
    said = visible(errors.decode("utf-8", "backslashreplace").strip())[:500]
    reason = said or "it gave no reason"
    return GitError(f"git {verb} ended with status {status}: {reason}; mend the repository", status)
