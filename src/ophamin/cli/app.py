# SPDX-License-Identifier: Apache-2.0
"""The command line ``ophamin``: the door, its version, and how any command ends.

Exit codes: 0 done, 1 something was found wrong, 2 something could not be read or asked for, 130 interrupted, 141 the
reader closed the pipe; of ``verify``, ``seal``, ``gate``, ``audit`` and ``replay`` also 3 undecided or incomplete, 4
untrusted, 5 the machinery failed, as each says in its help. Scenarios are run by pytest, not here.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ophamin import __version__
from ophamin.cli import audit, gate, keys, lock, migrate, pillars, proofs, replay, scenarios, seal, verify
from ophamin.cli.output import CLOSED_PIPE, EXIT_UNUSABLE, INTERRUPTED, fail, say
from ophamin.errors import OphaminError

__all__ = ["app", "main"]


class _Door(TyperGroup):
    """Turns the failures that any command may meet into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except OphaminError as error:
            fail(str(error))
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            fail(f"{where}{error.strerror or error}; check the path and its permissions")
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Door,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.add_typer(keys.app, name="key")
app.add_typer(lock.app, name="lock")
app.add_typer(pillars.app, name="pillar")
app.add_typer(proofs.app, name="proof")
app.add_typer(scenarios.app, name="scenario")
app.command("migrate")(migrate.migrate)
app.command("replay")(replay.replay)
app.command("seal")(seal.seal)
app.command("audit")(audit.audit)
app.command("gate")(gate.gate)
app.command("verify")(verify.verify)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"ophamin {__version__}")
        raise typer.Exit


@app.callback()
def ophamin(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Falsifiable claims about stochastic systems: look at the scenarios of a project and at the records of its runs.

    Scenarios are tests; pytest runs them and writes the records.

    \b
    Example:
      ophamin scenario list            what is claimed
      pytest --ophamin                 try it
      ophamin proof list               what came out
      ophamin proof validate proofs    is every record whole
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters


def main() -> int:
    """Run the command line and return its exit code.

    A reader that closes the pipe early (``ophamin proof list | head -1``) is no error and leaves no traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows few characters still shows all
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would be written once more when the interpreter ends, and complained of.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _run() -> int:
    try:
        app(prog_name="ophamin")
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):
            return CLOSED_PIPE
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        return EXIT_UNUSABLE
    return 0
