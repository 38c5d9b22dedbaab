# SPDX-License-Identifier: Apache-2.0
"""The entry of the command line ``qmpt``, and the exit code with which it ends.

Exit codes: 0 done; 1 something was found, or something is not valid; 2 something could not be read or asked for; 130
interrupted; 141 the reader closed the pipe. No command opens a network connection.

Nothing but the standard library is imported with this module: the commands take a moment to load, and who interrupts
them then gets the same exit code as later.
"""

from __future__ import annotations

import os
import sys

from qmpt.cli.exit_codes import CLOSED_PIPE, EXIT_UNUSABLE, INTERRUPTED

__all__ = ["main"]


def main() -> int:
    """Run the command line and return its exit code.

    A reader that closes the pipe early (``qmpt score . | head -1``) is no error and leaves no traceback.
    """
    try:
        _mend_streams()
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would be written once more when the interpreter ends, and complained of.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _mend_streams() -> None:
    """Give a stream that was closed from outside (``>&-``) a place to go, and show every character somehow."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8", closefd=False))
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows few characters still shows all


def _run() -> int:
    from qmpt.cli.app import app

    try:
        app(prog_name="qmpt")
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):
            return CLOSED_PIPE
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        return EXIT_UNUSABLE
    return 0
