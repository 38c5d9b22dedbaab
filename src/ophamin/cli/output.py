# SPDX-License-Identifier: Apache-2.0
"""What the commands print: results on stdout, everything else on stderr, one line each.

Text out of records and projects is foreign; whoever prints it here passes it through `ophamin.core.text.visible`. On a
terminal there are tables and colour; into a pipe go plain lines that nothing was cut from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import typer

from ophamin.core.text import visible

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "CLOSED_PIPE",
    "EXIT_PROBLEM",
    "EXIT_UNUSABLE",
    "INTERRUPTED",
    "fail",
    "note",
    "on_terminal",
    "say",
    "say_fields",
    "say_json",
    "shown_path",
    "terminal",
]

EXIT_PROBLEM: Final = 1
"""Something was read and found wrong."""
EXIT_UNUSABLE: Final = 2
"""Something could not be read, or the command line makes no sense."""
INTERRUPTED: Final = 130
CLOSED_PIPE: Final = 141


def say(line: str = "") -> None:
    """One line of the result."""
    sys.stdout.write(f"{line}\n")


def say_fields(fields: Iterable[str]) -> None:
    """One line of fields between tabs, so that ``cut`` and ``grep`` can read it; no field holds a tab."""
    say("\t".join(visible(field) for field in fields))


def say_json(value: Any) -> None:
    """The result as JSON in ASCII, which no terminal acts on."""
    import json

    say(json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False))


def note(text: str) -> None:
    """One line beside the result."""
    sys.stdout.flush()  # so that the lines stand in the order in which they were said
    sys.stderr.write(f"{visible(text)}\n")
    sys.stderr.flush()


def fail(message: str, *, code: int = EXIT_UNUSABLE) -> NoReturn:
    """End the command with one line that says what is wrong and the way out.

    Raises:
        typer.Exit: always.
    """
    note(f"error: {message}")
    raise typer.Exit(code)


def on_terminal() -> bool:
    """Whether a person reads along."""
    return sys.stdout.isatty()


def terminal() -> Console:
    """Where tables go: text is shown as it is, without markup, emoji codes or highlights."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


def shown_path(path: Path) -> str:
    """A path as short as it can be from here, with what a terminal would act on made visible."""
    try:
        return visible(str(path.absolute().relative_to(Path.cwd())))
    except (ValueError, OSError):
        return visible(os.fspath(path))
