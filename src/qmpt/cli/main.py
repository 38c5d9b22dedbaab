# SPDX-License-Identifier: Apache-2.0
"""The command line ``qmpt``. It answers with its version and its purpose, and has no other command yet."""

from __future__ import annotations

from typing import Annotated

import typer

from qmpt import __version__

__all__ = ["app", "main"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qmpt {__version__}")
        raise typer.Exit


@app.command(no_args_is_help=True, context_settings={"help_option_names": ["--help", "-h"]})
def qmpt(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A measurement library over populations of traces.

    It is to score how unusual a trace is among many, and how a population answers to itself. This version holds no
    measurement yet: it only names the package and its version.

    \b
    Example:
      qmpt --version
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    app(prog_name="qmpt")
