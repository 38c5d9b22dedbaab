# SPDX-License-Identifier: Apache-2.0
"""``ophamin lock``: what is registered, held against what was registered where this branch began."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ophamin.cli.output import note, say

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def lock() -> None:
    """The registered claims of a project.

    \b
    Example:
      ophamin lock check
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters


@app.command("check")
def check_lock(
    branch: Annotated[
        str | None,
        typer.Option("--branch", metavar="NAME", help="The protected branch; default: that of origin, main or master."),
    ] = None,
) -> None:
    """Compare ophamin.lock with the one at the merge base; runs nothing and imports no test.

    Exit code 1 where a claim was changed or removed without a reason, or history was dropped: somebody edited the lock
    by hand. Changes that were registered with their reason are shown, for the reviewer, and pass.

    \b
    Example, as a pre-commit hook:
      - repo: local
        hooks:
          - {id: ophamin-lock, name: claims, entry: ophamin lock check, language: system, pass_filenames: false}
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.measuring.lock_base import base_lock
    from ophamin.measuring.lock_diff import compare_locks
    from ophamin.measuring.lockfile import LOCK_NAME, read_lock
    from ophamin.settings import project_root

    root = project_root(Path.cwd())
    here = read_lock(root / LOCK_NAME)
    base = base_lock(root, branch)
    if base.lock is None and base.state != "absent":
        note(f"{LOCK_NAME} is sound, and cannot be compared: {base.problem}")
        say(f"{LOCK_NAME}: {len(here.claims)} claims")
        return
    diff = compare_locks(base.lock, here)
    say(diff.to_text(100))
    if diff.by_hand or diff.lost_history:
        raise typer.Exit(1)
