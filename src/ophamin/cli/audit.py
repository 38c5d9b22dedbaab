# SPDX-License-Identifier: Apache-2.0
"""``ophamin audit``: static analysis of a tree by several tools at once, as one record and one answer.

It runs tools over files and nothing out of them; what a tool may do to this machine is kept small elsewhere. Of a
project it reads the baseline, and no configuration.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from ophamin.cli.output import fail
from ophamin.cli.verify import BASE_BRANCH
from ophamin.errors import OphaminError, RecordWriteError

__all__ = ["audit"]

EXIT_UNDECIDED: Final = 3
EXIT_BROKEN: Final = 5
TOOLS: Final = "ruff,bandit,mypy,pip-audit"


def audit(
    target: Annotated[Path, typer.Argument(metavar="PATH", help="A file or a folder.")],
    tools: Annotated[str, typer.Option(metavar="LIST", help="Which auditors, with commas between.")] = TOOLS,
    form: Annotated[
        str, typer.Option("--format", metavar="FORM", help="What is printed: table, json, markdown, sarif, github.")
    ] = "table",
    output: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write a file too, may be repeated: its name says .json, .md or .sarif, else it is as --format.",
            show_default=False,
        ),
    ] = None,
    fail_on: Annotated[
        str,
        typer.Option(metavar="SEVERITY", help="Without a baseline: which findings block; default: high."),
    ] = "",
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Known findings; default: ophamin-audit.baseline at the top of the project, where there is one.",
            show_default=False,
        ),
    ] = None,
    no_baseline: Annotated[bool, typer.Option("--no-baseline", help="Take no baseline.")] = False,
    base: Annotated[
        str,
        typer.Option(
            metavar="BRANCH|COMMIT",
            help="The protected branch; default: $GITHUB_BASE_REF, that of origin, main or master.",
            show_default=False,
        ),
    ] = "",
    no_git: Annotated[bool, typer.Option("--no-git", help="Take the baseline as it lies here.")] = False,
    write: Annotated[bool, typer.Option("--write-baseline", help="Write the baseline, and compare with that.")] = False,
    may_rise: Annotated[bool, typer.Option("--may-rise", help="Let it take in what is new.")] = False,
    config_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Configuration of the tools that you trust.", show_default=False),
    ] = None,
    cache_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep there what is costly; default: your cache.", show_default=False),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep nothing, and believe nothing kept.")] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Write the signed record to DIR/audit/ID.", show_default=False),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sign with this key; default: your own, in CI none.", show_default=False),
    ] = None,
    osv_url: Annotated[
        str,
        typer.Option(metavar="URL", help="The OSV service that pip-audit asks.", show_default=False),
    ] = "",
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="For each tool.")] = 600.0,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Tools at once; default: one a processor.", show_default=False),
    ] = None,
) -> None:
    """Look over source code and pinned dependencies with ruff, bandit, mypy and pip-audit, all at once.

    A tool passes only if it saw every file. One that is missing, crashed, ran out of time or skipped a file is
    undecided, never clean. Nothing of the tree is run, and no configuration in it counts.

    Findings of severity high or worse block. Where the project has a baseline, every finding that it does not hold
    blocks instead, new suppressions included; it counts as it stood at the merge base with the protected branch.
    --write-baseline makes one, takes out what is gone, and refuses what is new without --may-rise.

    \b
    Ends with
      0  everything passed
      1  findings block, or --write-baseline met something new
      2  the command or the baseline cannot be used
      3  undecided: a tool is missing or did not see everything, another version
         of a tool than the baseline's, a merge base that git cannot tell
      5  the audit itself failed
    Of several reasons the first of 2, 5, 1, 3 counts.

    \b
    Example:
      ophamin audit src
      ophamin audit . --tools ruff,bandit --fail-on medium
      ophamin audit . --write-baseline
      ophamin audit . --format github --output audit.sarif --dir records
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.cli.audit_baseline import BaselineDoubtError
    from ophamin.cli.audit_run import AuditRequest, run_audit

    if key_file is not None and folder is None:
        fail("--key-file signs what --dir writes; give --dir too")
    if no_baseline and (baseline is not None or write):
        fail("--no-baseline takes none; leave it out, or --baseline and --write-baseline")
    if may_rise and not write:
        fail("--may-rise is about --write-baseline; give it too")
    request = AuditRequest(
        target=target,
        tools=tuple(filter(None, (name.strip() for name in tools.split(",")))),
        form=form,
        outputs=tuple(output or ()),
        fail_on=fail_on,
        baseline=baseline,
        no_baseline=no_baseline,
        branch=base or os.environ.get(BASE_BRANCH) or None,
        no_git=no_git,
        write=write,
        may_rise=may_rise,
        config_dir=config_dir,
        cache_dir=cache_dir,
        no_cache=no_cache,
        folder=folder,
        key_file=key_file,
        osv_url=osv_url,
        timeout_s=timeout,
        jobs=jobs,
    )
    try:
        code = run_audit(request)
    except BaselineDoubtError as error:
        fail(str(error), code=EXIT_BROKEN if error.failed else EXIT_UNDECIDED)
    except RecordWriteError as error:
        fail(str(error), code=EXIT_BROKEN)
    except (OphaminError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, a tree that was not audited must not pass
        fail(f"the audit failed: {type(error).__name__}: {error}; report this", code=EXIT_BROKEN)
    raise typer.Exit(code)
