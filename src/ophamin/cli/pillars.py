# SPDX-License-Identifier: Apache-2.0
"""``ophamin pillar``: the statistical methods that can add evidence to a record."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from ophamin.cli.output import note, on_terminal, say, say_fields, say_json, terminal
from ophamin.core.plugins import RegistryError
from ophamin.core.text import visible

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def pillar() -> None:
    """Statistical methods that read a finished run and add evidence to its record.

    \b
    Example:
      ophamin pillar list
      ophamin pillar show O.spc
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters


@app.command("list")
def list_pillars(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List the pillars that are installed: name, library, version, and what each computes.

    One that cannot be loaded is named on stderr. Into a pipe goes one line for each, its fields between tabs.

    \b
    Example:
      ophamin pillar list
      ophamin pillar list --json | jq '.[].name'
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.registry import PILLARS

    found = []
    for name in sorted(PILLARS.names()):
        try:
            found.append(_facts(name, PILLARS.get(name)))
        except RegistryError as error:
            note(f"{name}: {error}")
    if as_json:
        say_json(found)
    elif not on_terminal():
        for one in found:
            say_fields(one.values())
    else:
        from rich.table import Table

        table = Table("pillar", "library", "version", "computes", box=None, pad_edge=False)
        for one in found:
            table.add_row(one["name"], one["library"], one["version"], one["computes"])
        terminal().print(table)


@app.command("show")
def show_pillar(name: Annotated[str, typer.Argument(metavar="NAME", help="Such as O.spc.")]) -> None:
    """Show one pillar: what it computes, from which source, and how it is configured.

    \b
    Example:
      ophamin pillar show M.mixed_effects
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.registry import get_pillar

    found = get_pillar(name)
    facts = _facts(name, found)
    say(f"{facts['name']}  ({facts['library']} {facts['version']})")
    say("")
    say(visible(inspect.getdoc(type(found)) or "No description.", keep_newlines=True))


def _facts(name: str, found: Any) -> dict[str, str]:
    text = inspect.getdoc(type(found)) or ""
    return {
        "name": name,
        "library": visible(str(found.library)),
        "version": visible(str(found.library_version)),
        "computes": visible(text.partition("\n")[0]),
    }
