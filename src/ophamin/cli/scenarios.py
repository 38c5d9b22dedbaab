# SPDX-License-Identifier: Apache-2.0
"""``ophamin scenario``: what a project claims, read from its source. Running is pytest's part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ophamin.cli.output import fail, note, on_terminal, say_fields, say_json, shown_path, terminal
from ophamin.core.text import visible

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

    from ophamin.cli.find import FoundScenario

__all__ = ["app", "scenario_table"]

DEPENDS = "depends on parameters"
REGISTERED = "installed class"
LONGEST_TIER = 21

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def scenario() -> None:
    """What a project claims.

    \b
    Example:
      ophamin scenario list
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters


@app.command("list")
def list_scenarios(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Files or folders; default: the project's testpaths, or all of it.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List the scenarios of a project, without importing or running any of its code.

    Shows name, tier, claim and expectation of each, and the scenario classes that installed packages offer. A file that
    is no Python is named on stderr. Into a pipe goes one line for each: name, tier, claim, expectations, between tabs.

    \b
    Example:
      ophamin scenario list
      ophamin scenario list scenarios/test_response.py
      ophamin scenario list --json | jq '.[].name'
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.cli.find import find_scenarios
    from ophamin.core.plugins import Registry
    from ophamin.settings import project_root, search_paths, search_patterns

    given = [path.resolve() for path in paths or ()]
    for path, shown in zip(given, paths or (), strict=True):
        if not path.exists():
            fail(f"{shown}: no such file or folder; name one that holds tests")
    root = project_root(Path(os.path.commonpath(given)) if given else Path.cwd())
    searched = given or search_paths(root) or [root]  # where pytest itself would look
    findings = find_scenarios(searched, root=root, patterns=search_patterns(root))
    for bad in findings.unreadable:
        note(f"warning: {shown_path(bad.path)}:{bad.line}: not read: {bad.problem}")
    registered: Registry[Any] = Registry("scenario", object, "ophamin.scenarios")  # names alone; nothing is imported
    _print(findings.scenarios, registered.names(), root, as_json=as_json)
    if not findings.scenarios:
        where = ", ".join(shown_path(path) for path in searched)
        note(f"no scenario in {where}; a scenario is a test function under @scenario(...)")


def scenario_table(scenarios: Sequence[FoundScenario], registered: Sequence[str]) -> Group:
    """Each name on a line of its own; below it the tier beside claim and expectations."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    for one in scenarios:
        said = Text("\n".join(visible(line) for line in (_statement(one), *one.expectations)), overflow="fold")
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=LONGEST_TIER)
        row.add_row(Text(visible(_tier(one)), style="cyan"), said)
        parts += [Text(visible(one.name), style="bold", overflow="fold"), Padding(row, (0, 0, 0, 2))]
    parts += [Text.assemble((visible(name), "bold"), f"  {REGISTERED}", overflow="fold") for name in registered]
    return Group(*parts)


def _print(scenarios: Sequence[FoundScenario], registered: Sequence[str], root: Path, *, as_json: bool) -> None:
    if as_json:
        say_json([*(_plain(one, root) for one in scenarios), *map(_plain_registered, registered)])
    elif not on_terminal():
        for one in scenarios:
            say_fields((one.name, _tier(one), _statement(one), "; ".join(one.expectations)))
        for name in registered:
            say_fields((name, REGISTERED, "", ""))
    elif scenarios or registered:
        terminal().print(scenario_table(scenarios, registered))


def _statement(one: FoundScenario) -> str:
    return DEPENDS if one.statement is None else one.statement


def _tier(one: FoundScenario) -> str:
    return DEPENDS if one.tier is None else one.tier


def _plain(one: FoundScenario, root: Path) -> dict[str, Any]:
    file = one.path.relative_to(root) if one.path.is_relative_to(root) else one.path
    return {
        "name": one.name,
        "form": one.form,
        "tier": one.tier,
        "statement": one.statement,
        "expectations": one.expectations,
        "file": file.as_posix(),
        "line": one.line,
    }


def _plain_registered(name: str) -> dict[str, Any]:
    unknown = dict.fromkeys(("tier", "statement", "expectations", "file", "line"))
    return {"name": name, "form": "entry point", **unknown}
