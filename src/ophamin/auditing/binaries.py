# SPDX-License-Identifier: Apache-2.0
"""Where the binary of a tool lies, and what it says of its version.

Looked for are the scripts of the running interpreter's environment, then the absolute folders of PATH: never the
current folder, which may be the audited tree. Tools are run for their findings elsewhere.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

__all__ = ["ask", "find_binary", "tool_environment"]

_MOST_BYTES: Final = 4096
_INHERITED: Final = ("SYSTEMROOT", "TEMP", "TMP", "TMPDIR")


def find_binary(name: str) -> Path | None:
    """The absolute path of a tool: of this interpreter's environment if it has it, else of PATH; None if neither has.

    Args:
        name: a plain name, without folders.

    Example:
        >>> find_binary("no-such-tool") is None
        True
    """
    searched = [sysconfig.get_path("scripts"), *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    for folder in searched:
        # An empty or relative entry would mean the current folder.
        if Path(folder).is_absolute() and (found := shutil.which(name, path=folder)):
            return Path(found)
    return None


def tool_environment() -> dict[str, str]:
    """The environment a tool gets: a fixed locale, the system's PATH, and nothing that may be a secret.

    ``PYTHONSAFEPATH`` keeps a tool that is written in Python from importing out of its working folder.

    >>> "HOME" in tool_environment()
    False
    """
    fixed = {"LC_ALL": "C.UTF-8", "PATH": os.defpath, "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1", "NO_COLOR": "1"}
    return fixed | {name: os.environ[name] for name in _INHERITED if name in os.environ}


def ask(command: Sequence[str | os.PathLike[str]], *, seconds: float = 10.0) -> str:
    """The first line that a program prints, or nothing where it fails, floods or hangs.

    It runs in an empty folder of its own, in its own process group, which is ended with everything in it.

    Args:
        command: an absolute binary and its arguments; no shell.
        seconds: how long to wait for the line.
    """
    printed = bytearray()
    with suppress(OSError, ValueError), tempfile.TemporaryDirectory(prefix="ophamin-") as empty:
        process = subprocess.Popen(
            command,
            bufsize=0,
            cwd=empty,
            env=tool_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdout is not None
        # A thread, since a process that left the group could hold the pipe open for ever.
        reader = threading.Thread(target=_read_line, args=(process.stdout, printed), daemon=True)
        reader.start()
        reader.join(seconds)
        _end(process)
        reader.join(1.0)
        if not reader.is_alive():
            process.stdout.close()
    return bytes(printed).partition(b"\n")[0].decode("utf-8", "replace").strip()


def _read_line(stream: IO[bytes], printed: bytearray) -> None:
    with suppress(OSError, ValueError):
        while len(printed) < _MOST_BYTES and b"\n" not in printed:
            block = stream.read(_MOST_BYTES - len(printed))
            if not block:
                return
            printed += block


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group; SIGKILL, because SIGTERM can be ignored."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
