# SPDX-License-Identifier: Apache-2.0
"""``ophamin verify``: who made a record, of which commit, and does its verdict follow from its observations.

It reads files and asks git for the commit; it opens no connection, writes nothing, and runs nothing of a project.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ophamin.cli.output import fail, note, on_terminal, say, say_fields, say_json, shown_path, terminal
from ophamin.errors import OphaminError, nearest_name

if TYPE_CHECKING:
    from ophamin.measuring.lock_claims import Lock
    from ophamin.trust.policy import TrustPolicy
    from ophamin.trust.verification import Code, Verification

__all__ = ["BASE_BRANCH", "verify"]

EXIT_BROKEN: Final = 5
SHORT_ID: Final = 12
BASE_BRANCH: Final = "GITHUB_BASE_REF"
"""Where a CI service names the branch that a change is to be merged into."""
UNTOLD: Final = frozenset({"read", "absent", "no_git"})
"""What became of the lock at the merge base, where there is nothing to say about it."""
COLOURS: Final = {"pass": "green", "fail": "red", "OK": "green"}


def verify(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Records, or folders of them.")],
    policy_file: Annotated[
        Path | None,
        typer.Option(
            "--policy", metavar="FILE", help="What to demand; default: ophamin-trust.toml.", show_default=False
        ),
    ] = None,
    key_files: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="FILE", help="A public key to trust, or an HMAC secret.", show_default=False),
    ] = None,
    event: Annotated[
        str, typer.Option("--event", metavar="NAME", help="Rules of the policy's [event.NAME].", show_default=False)
    ] = "",
    lock_file: Annotated[
        Path | None,
        typer.Option(
            "--lock", metavar="FILE", help="Registered claims; default: the lock at the merge base.", show_default=False
        ),
    ] = None,
    no_git: Annotated[bool, typer.Option("--no-git", help="Compare no commit, and look for no lock.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """Verify records: signature, key, commit, age, and the verdict, computed again from the observations.

    For one record each of the ten steps has its line, for several each record. Into a pipe go code, level, verdict, id,
    path and words between tabs. Without a policy file any level passes, and your own key is trusted.

    The commit is the one checked out here; records of another one are a MISMATCH, unless --no-git is given. Where an
    ophamin.lock stood at the merge base with the protected branch, a record of no locked claim is UNREGISTERED. Where a
    run left its head, its records are INCOMPLETE when one was removed, and a MISMATCH when one was exchanged.

    Ends with 0 when all are OK, 2 when the command or the policy cannot be used, 3 when something is missing or not
    registered, 4 when a record cannot be trusted, 5 when the verification itself failed. A sound REFUTED record is OK:
    what a verdict does to a merge is for the gate.

    \b
    Example:
      ophamin verify proofs/latest
      ophamin verify proofs/baseline --no-git
      ophamin verify downloads/proof.json --key ci.pub.pem
      ophamin verify proofs --json | jq '.[] | select(.code != "OK")'
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.cli.trusted_keys import given_keys, load_policy, with_keys
    from ophamin.core.environment import git_facts
    from ophamin.trust.verification import exit_code
    from ophamin.trust.verify import verify_paths
    from ophamin.trust.verify_runs import find_runs, verify_run, with_runs

    keys, secrets = given_keys(key_files or [])
    policy = _for_event(with_keys(load_policy(policy_file), keys), event)
    facts = None if no_git else git_facts(Path.cwd())
    commit, tree = (facts.commit or None, facts.tree or None) if facts else (None, None)
    now = datetime.now(UTC)
    lock = _lock(lock_file, no_git=no_git)
    try:
        found = (verify_run(folder, policy, commit=commit, tree=tree, now=now) for folder in find_runs(paths))
        runs = [run for run in found if run is not None]
    except RecursionError:
        fail("the folders are nested too deep to be searched; name the one that a run left", code=EXIT_BROKEN)
    answers = verify_paths(paths, policy, commit=commit, tree=tree, now=now, lock=lock, secrets=secrets)
    codes: Counter[Code] = Counter(_print(_without_crash(with_runs(answers, runs)), as_json=as_json))
    for run in () if as_json else runs:
        note(f"{shown_path(Path(run.path))}: {run.words}")
    if not codes:
        fail(f"no record in {', '.join(map(str, paths))}; name a record or a folder of records")
    if sum(codes.values()) > 1 and not as_json:
        note(", ".join(f"{number} {code}" for code, number in sorted(codes.items())))
    raise typer.Exit(exit_code([*codes, *(run.code for run in runs)]))


def _without_crash(answers: Iterator[Verification]) -> Iterator[Verification]:
    try:
        yield from answers
    except (OphaminError, OSError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, a record that was not verified must not pass
        fail(f"the verification failed: {type(error).__name__}: {error}; report this with the record", code=EXIT_BROKEN)


def _for_event(policy: TrustPolicy, event: str) -> TrustPolicy:
    if event and event not in policy.events:
        near = nearest_name(event, policy.events)
        note(f"the policy has no rules for the event {event!r}, so its general ones hold; {near}")
    return policy.for_event(event)


def _lock(file: Path | None, *, no_git: bool) -> Lock | None:
    """The lock that was named, or the one at the merge base; None where claims stay unjudged."""
    from ophamin.measuring.lock_base import base_lock
    from ophamin.measuring.lockfile import read_lock
    from ophamin.settings import project_root

    if file is not None:
        return read_lock(file)
    if no_git:
        return None
    found = base_lock(project_root(Path.cwd()), os.environ.get(BASE_BRANCH) or None)
    if found.state not in UNTOLD:
        note(f"registration is not judged: {found.problem}")
    return found.lock


def _print(answers: Iterator[Verification], *, as_json: bool) -> Iterator[Code]:
    """Print every answer, and give its code; one record alone is shown step by step."""
    if as_json:
        listed = list(answers)
        say_json([one.to_dict() for one in listed])
        yield from (one.code for one in listed)
        return
    first = next(answers, None)
    if first is None:
        return
    second = next(answers, None)
    if second is None:
        _print_steps(first)
        yield first.code
        return
    for one in (first, second):
        _print_line(one)
        yield one.code
    for one in answers:
        _print_line(one)
        yield one.code


def _print_steps(one: Verification) -> None:
    rows = [(f"{step.number:>2}", step.name, step.state, step.words) for step in one.steps]
    head = f"{one.code} ({one.level})" + (f": {one.outcome}: {one.claim}" if one.outcome else "")
    if not on_terminal():
        say(head)
        for number, name, state, words in rows:
            say(f"{number} {name:<12} {state:<14} {words}".rstrip())
        return
    from rich.table import Table
    from rich.text import Text

    console = terminal()
    console.print(Text(head, style=f"bold {COLOURS.get(one.code, 'red')}"))
    grid = Table.grid(padding=(0, 1, 0, 0))
    for _ in range(3):
        grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for number, name, state, words in rows:
        grid.add_row(Text(number), Text(name), Text(state, style=COLOURS.get(state, "dim")), Text(words))
    console.print(grid)


def _print_line(one: Verification) -> None:
    path = shown_path(Path(one.path))
    if not on_terminal():
        say_fields((one.code, one.level, one.outcome, one.proof_id[:SHORT_ID], path, one.words))
        return
    from rich.text import Text

    told = f"{one.outcome:<12} {one.claim}" if one.code == "OK" else f"{path}: {one.words}"
    line = Text.assemble((f"{one.code:<13}", COLOURS.get(one.code, "red")), f" {one.level} ", told)
    terminal().print(line, no_wrap=True, overflow="ellipsis" if one.code == "OK" else "ignore", crop=one.code == "OK")
