# SPDX-License-Identifier: Apache-2.0
"""``ophamin gate``: may this commit be merged, by the records of a run and the rules that stood before the change.

It reads files and asks git; it opens no connection and runs nothing of a project. It writes one file, if it is told to.
"""

from __future__ import annotations

import os
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from ophamin.cli.output import fail, note, on_terminal, say, say_fields, say_json, shown_path, terminal
from ophamin.cli.verify import BASE_BRANCH
from ophamin.errors import OphaminError

if TYPE_CHECKING:
    from ophamin.trust.gate_decision import GateDecision, GateRow

__all__ = ["gate"]

USABLE: Final = 2
BROKEN: Final = 5
STATE_WIDTH: Final = 14
COLOURS: Final = {0: "green", 3: "yellow"}
TOLD: Final = frozenset({"EDITED", "EXPLORATORY", "INCONCLUSIVE", "MISSING", "NO_RULES", "UNSIGNED"})
"""States that are shown as a warning where they do not fail the gate."""


def gate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What the run left, such as proofs/latest.")],
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="BRANCH|COMMIT",
            help="The protected branch, or a commit of it; default: $GITHUB_BASE_REF, that of origin, main or master.",
            show_default=False,
        ),
    ] = None,
    event: Annotated[
        str, typer.Option("--event", metavar="NAME", help="Rules of the policy's [event.NAME].", show_default=False)
    ] = "",
    policy_file: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="A policy outside of the repository; default: ophamin-trust.toml at the merge base.",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        str,
        typer.Option(
            "--baseline", metavar="PATH", help="Accepted findings, as they stood at the merge base.", show_default=False
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="Write the decision as an in-toto statement (SVR).", show_default=False
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help="Sign that statement with this key.", show_default=False),
    ] = None,
) -> None:
    """Decide whether this commit may be merged, by the records of one run.

    Each claim that was locked where this branch began needs one record of this very commit, decided again to the same
    verdict, signed as the policy demands, and not REFUTED. Lock, policy and keys are read from git as they stood at the
    merge base; an edit of them in this change is shown, and counts once it is merged. A known refutation is a
    refutation: xfail is not known here.

    One line for each locked claim, then what else there is to say. Into a pipe go state, check, name and words between
    tabs. --json prints one document of the format ophamin.gate.v1; its exit_code is the command's.

    \b
    Ends with
      0  passed
      1  decided negative: a claim is REFUTED, or an audit has grave findings (with
         --baseline: findings that it does not hold)
      2  the command, the policy, or the lock at the base cannot be used
      3  undecided: a record is missing or not registered, a claim INCONCLUSIVE,
         attempts above the policy's, a shallow clone, no lock at the base
      4  untrusted: a record, its signature or its commit is not what it must be,
         or its verdict does not follow from its observations
      5  git, or the gate itself, failed
    Of several reasons the first of 2, 5, 4, 1, 3 counts.

    \b
    Example:
      ophamin gate proofs/latest
      ophamin gate records --base main --event fork_pull_request
      ophamin gate records --json --output gate.dsse.json --key-file gate.pem
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.cli.gate_findings import check_findings
    from ophamin.trust.base_files import GateError
    from ophamin.trust.gate import decide_gate
    from ophamin.trust.gate_checks import CHECKS

    if key_file is not None and output is None:
        fail("--key-file signs what --output writes; give --output too")
    try:
        decision = decide_gate(
            folder,
            start=Path.cwd(),
            now=datetime.now(UTC),
            branch=base or os.environ.get(BASE_BRANCH) or None,
            event=event,
            policy_file=policy_file,
            baseline=baseline,
            checks=(*CHECKS, check_findings),
        )
        if output is not None:
            _write(decision, output, key_file)
    except GateError as error:
        _refuse(str(error), error.exit_code, as_json=as_json)
    except OphaminError as error:
        _refuse(str(error), USABLE, as_json=as_json)
    except KeyboardInterrupt:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, a commit that was not judged must not pass
        _refuse(f"the gate failed: {type(error).__name__}: {error}; report this", BROKEN, as_json=as_json)
    if as_json:
        say_json(decision.to_dict())
    else:
        _print(decision)
    raise typer.Exit(decision.exit_code)


def _refuse(problem: str, code: int, *, as_json: bool) -> NoReturn:
    """End without a decision; in JSON with a document, too, so that nobody reads an empty answer."""
    if as_json:
        from ophamin.trust.gate_decision import GATE_FORMAT

        say_json({"format": GATE_FORMAT, "exit_code": code, "passed": False, "summary": problem, "checks": []})
    fail(problem, code=code)


def _write(decision: GateDecision, output: Path, key_file: Path | None) -> None:
    from ophamin.core.dsse import IN_TOTO_TYPE, sign
    from ophamin.core.files import write_atomic
    from ophamin.core.keyfiles import load_private_key

    data = decision.statement().data
    if key_file is not None:
        data = sign(data, IN_TOTO_TYPE, [load_private_key(key_file)]).to_bytes()
    write_atomic(output, data)


def _print(decision: GateDecision) -> None:
    for check in decision.checks:
        for row in check.rows:
            if on_terminal():
                _print_row(row)
            else:
                say_fields((row.state, check.name, row.name, row.words))
    if not on_terminal():
        note(decision.summary)
        if decision.way_out:
            note(decision.way_out)
        return
    from rich.text import Text

    colour = COLOURS.get(decision.exit_code, "red")
    for line in textwrap.wrap(decision.summary, _width()):
        terminal().print(Text(line, style=f"bold {colour}"), soft_wrap=True)
    for line in textwrap.wrap(decision.way_out, _width()):
        say(line)


def _print_row(row: GateRow) -> None:
    """State and name in one line, with the words behind them where they fit, else below them."""
    from rich.text import Text

    name = shown_path(Path(row.name)) if "/" in row.name else row.name
    colour = COLOURS.get(row.exit_code, "red") if row.exit_code or row.state not in TOLD else "yellow"
    head = f"{row.state:<{STATE_WIDTH}} {name}"
    whole = f"{head}  {row.words}"
    first = whole if len(whole) <= _width() else head
    line = Text(first)
    line.stylize(colour, 0, len(row.state))
    terminal().print(line, soft_wrap=True)
    if first == head:
        indent = " " * (STATE_WIDTH + 1)
        for part in textwrap.wrap(row.words, _width(), initial_indent=indent, subsequent_indent=indent):
            say(part)


def _width() -> int:
    return min(terminal().width, 120)
