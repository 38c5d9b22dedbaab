# SPDX-License-Identifier: Apache-2.0
"""The commands of ``qmpt`` behind one door: its version, and how any command ends that meets an expected failure."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from qmpt import __version__
from qmpt.cli import (
    compare,
    features,
    history,
    ingest,
    reflexivity,
    report,
    score,
    self_operator,
    simulate,
    stress,
    validate,
)
from qmpt.cli.claims import releasing_claims
from qmpt.cli.exit_codes import INTERRUPTED
from qmpt.cli.output import fail, say
from qmpt.errors import QmptError

__all__ = ["app"]


class _Door(TyperGroup):
    """Turns the failures that any command may meet into one line and an exit code; commands in the order of use."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with releasing_claims():
                return super().invoke(ctx)
        except QmptError as error:
            fail(str(error))
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            fail(f"{where}{error.strerror or error}; check the path and its permissions")
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


app = typer.Typer(
    cls=_Door,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command("ingest", short_help="Read traces and keep them in a folder.")(ingest.ingest)
app.command("features", short_help="Compute the features of each pattern.")(features.features)
app.command("score", short_help="Who is unusual, by how much, and why.")(score.score)
app.command("reflexivity", short_help="Who speaks of itself, and who predicts itself.")(reflexivity.reflexivity)
app.command("self", short_help="Who knows the others, its place and its beliefs.")(self_operator.self_operator)
app.command("stress", short_help="How strained the whole is over time.")(stress.stress)
app.command("simulate", short_help="A simulated layer, with and without anomalies.")(simulate.simulate)
app.command("compare", short_help="One population measured against another.")(compare.compare)
app.command("history", short_help="The theory's historical example, put to the test.")(history.history)
app.command("report", short_help="One page of what other commands kept.")(report.report)
app.command("validate", short_help="Whether inputs, results and configurations are in order.")(validate.validate)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"qmpt {__version__}")
        raise typer.Exit


@app.callback()
def qmpt(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Population-level analysis of traces: which agent, test, author or account is unusual, why, and who knows it.

    Exploratory, not diagnostic. A high score means unusual for these features in this population, and nothing about
    worth. Exit codes: 0 done, 1 something was found or is not valid, 2 the input or the command cannot be used.

    \b
    Example:
      qmpt score .                     authors of this repository, pseudonymous
      qmpt score spans.jsonl           agents, from OpenTelemetry spans
      qmpt score junit.xml             tests
      qmpt stress spans.jsonl          how strained they are together, over time
      qmpt report scored --out r.html  what it found, as a page
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
