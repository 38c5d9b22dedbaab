# SPDX-License-Identifier: Apache-2.0
"""What the commands print: results on stdout, everything else on stderr.

Names of patterns and features are foreign text; what a terminal would act on is made visible before it is printed.
Tables fit 80 columns, or the terminal where it is wider. Colour and progress are for terminals alone.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import typer

from qmpt.cli.exit_codes import EXIT_FINDINGS, EXIT_UNUSABLE
from qmpt.viz.reports_text import NO_BREAK, visible

__all__ = [
    "EXIT_FINDINGS",
    "EXIT_UNUSABLE",
    "NO_BREAK",
    "coloured",
    "fail",
    "note",
    "progress",
    "say",
    "say_json",
    "say_table",
    "say_text",
    "text_width",
]

NARROWEST: Final = 80
WIDEST: Final = 120

_COLOURS: Final = {"rare": typer.colors.YELLOW, "anomaly": typer.colors.RED, "upgrade": typer.colors.MAGENTA}


def say(line: str = "") -> None:
    """One line of the result."""
    sys.stdout.write(f"{line}\n")


def say_text(text: str, indent: str = "") -> None:
    """A sentence of the result, in lines that fit; a no-break space holds two words together and is printed as one."""
    for line in textwrap.wrap(visible(text), text_width(), initial_indent=indent, subsequent_indent=indent):
        say(line.replace(NO_BREAK, " "))


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


def text_width() -> int:
    """Columns that a table may take: those of the terminal within 80 and 120, and 80 into a pipe."""
    if not sys.stdout.isatty():
        return NARROWEST
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((NARROWEST, 24)).columns))


def coloured(label: str, width: int = 0) -> str:
    """A label, filled up with spaces, and in its colour on a terminal."""
    text = label.ljust(width)
    return typer.style(text, fg=_COLOURS[label]) if label in _COLOURS and sys.stdout.isatty() else text


def say_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> None:
    """A table of short cells; the last column takes what is left of the line, and wraps.

    Args:
        columns: heads.
        rows: as many cells each.
        right: places of columns that are set to the right.
    """
    shown = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(line[place]) for line in [columns, *shown]) for place in range(len(columns) - 1)]
    to_right = set(right)
    before = sum(widths) + 2 * len(widths)
    room = max(20, text_width() - before)
    for cells in [columns, *shown]:
        head = "".join(
            f"{cell.rjust(width) if place in to_right else cell.ljust(width)}  "
            for place, (cell, width) in enumerate(zip(cells[:-1], widths, strict=True))
        )
        first, *others = textwrap.wrap(cells[-1], room) or [""]
        say(f"{head}{first}".rstrip())
        for line in others:
            say(f"{' ' * before}{line}")


@contextmanager
def progress(steps: int, title: str) -> Iterator[Any]:
    """A bar on stderr where that is a terminal, else nothing; gives a function to call after each step."""
    if not sys.stderr.isatty() or steps < 2:
        yield lambda: None
        return
    with typer.progressbar(length=steps, label=title, file=sys.stderr) as bar:
        yield lambda: bar.update(1)
