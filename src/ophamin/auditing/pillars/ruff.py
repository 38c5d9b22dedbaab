# SPDX-License-Identifier: Apache-2.0
"""The pillar over ruff: listed files only, no configuration out of the tree, and no file dropped in silence.

Without a trusted configuration ruff runs isolated, with the rules of `ophamin.auditing.pillars.ruff_rules` and as for
the Python version that runs the audit. With one it runs as that says, in the project's top folder, since ruff takes
relative patterns from where it stands; what the configuration excludes is left out and told. Comments that suppress
findings are honoured.

Ruff is asked first which of the files it would look at. A stack overflow ends it without any output; then the files
are halved until the one that it died of is found.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final, final

from ophamin.auditing.base import PillarState
from ophamin.auditing.baseline import CONFIG_DIGEST_KEY, RULE_SET_DIGEST_KEY
from ophamin.auditing.bisect import bisect
from ophamin.auditing.pillars.ruff_output import UNREAD_RULE, RuffOutput, read_output
from ophamin.auditing.pillars.ruff_rules import RuleSet, rule_set
from ophamin.auditing.pillars.source_files import Look, SourceFilePillar
from ophamin.auditing.process import ToolRun
from ophamin.auditing.sessions import ToolSession, ToolStoppedError, batches
from ophamin.core.canonical import content_hash
from ophamin.core.text import visible

__all__ = ["RuffPillar"]

_DIES: Final = "it ends ruff by a crash"
_UNTRIED: Final = "ruff crashed too often to try it alone"


@final
class RuffPillar(SourceFilePillar):
    """Findings of ``ruff check`` over Python files.

    In ``extra`` of a finding: ``name``, ``end_line``, ``end_column``, and ``fix`` (how safe it would be) and ``cell``
    where there is one. A file that does not parse counts as seen, and is named under ``unparsed``.

    Example:
        >>> RuffPillar().name
        'ruff'
    """

    name = "ruff"
    tool_binary = "ruff"
    config_names: ClassVar[tuple[str, ...]] = (".ruff.toml", "ruff.toml", "pyproject.toml")

    def look(self, look: Look, session: ToolSession) -> None:
        """Lint the listed files in batches; see `SourceFilePillar.look`."""
        look.version = self.tool_version()
        if look.config:
            arguments = [f"--config={look.config.path}", "--force-exclude", f"--extend-select={UNREAD_RULE}"]
            session.cwd = _top_of(look.listing.root)
        else:
            rules = _known_rules(session)
            arguments = _own_arguments(rules)
            look.extra |= {
                CONFIG_DIGEST_KEY: content_hash(arguments),
                RULE_SET_DIGEST_KEY: rules.digest,
                "rules": rules.to_dict(),
            }
        arguments.append(_use_cache(look, session))
        for batch in list(batches(look.listing.files, look.listing.root)):
            _lint(look, session, arguments, batch)


def _own_arguments(rules: RuleSet) -> list[str]:
    """Everything that decides what ruff finds, so that its digest stands for it."""
    return [
        "--isolated",
        "--no-preview",
        "--no-force-exclude",
        f"--target-version=py{sys.version_info.major}{sys.version_info.minor}",
        f"--select={','.join(rules.rules)}",
    ]


def _use_cache(look: Look, session: ToolSession) -> str:
    """The argument for the cache, which is one for each version and configuration.

    What ruff found from one working folder it does not believe from another, so the empty folder must be one that
    stays.
    """
    cache = look.cache_folder("ruff", look.config.digest if look.config else look.extra[CONFIG_DIGEST_KEY])
    if cache is None:
        return "--no-cache"
    stays = cache / "empty"
    if look.config is None:
        with suppress(OSError):  # then nothing is remembered
            stays.mkdir(exist_ok=True)
            if not any(stays.iterdir()):
                session.cwd = stays
    return f"--cache-dir={cache}"


def _known_rules(session: ToolSession) -> RuleSet:
    told = session.ask("rule", "--all", "--output-format=json")
    _must_end_with(told, {0})
    try:
        return rule_set(told.stdout)
    except (ValueError, TypeError, RecursionError) as error:
        raise _not_understood("ruff rule", error) from None


def _lint(look: Look, session: ToolSession, arguments: Sequence[str], batch: Sequence[str]) -> None:
    """Lint one batch: ask which of it ruff would look at, look, and account for every file."""
    root = look.listing.root
    listed = _would_look_at(session, arguments, root, batch)
    passed_over = [name for name in batch if name not in listed]
    if look.config:
        look.leave_out(passed_over, "excluded by the configuration")
    else:
        look.missed |= dict.fromkeys(passed_over, "ruff does not list it")

    def run(part: Sequence[str]) -> RuffOutput | None:
        return _check(look, session, arguments, part)

    outcome = bisect([name for name in batch if name in listed], run)
    for answer in outcome.answers:
        look.findings += answer.findings
        look.unparsed |= answer.unparsed
        look.missed |= answer.unread
    look.missed |= dict.fromkeys(outcome.fatal, _DIES) | dict.fromkeys(outcome.untried, _UNTRIED)
    look.seen |= listed - look.missed.keys()


def _would_look_at(session: ToolSession, arguments: Sequence[str], root: Path, names: Sequence[str]) -> set[str]:
    """The files of a batch that ruff says it would look at."""
    told = session.ask("check", *arguments, "--show-files", *_paths(root, names))
    _must_end_with(told, {0})
    lines = set(os.fsdecode(told.stdout).split("\n"))
    # A name may hold line feeds.
    return {name for name, path in zip(names, _paths(root, names), strict=True) if lines.issuperset(path.split("\n"))}


def _check(look: Look, session: ToolSession, arguments: Sequence[str], names: Sequence[str]) -> RuffOutput | None:
    """What ruff finds in some files; None where it was ended by a signal."""
    root = look.listing.root
    paths = _paths(root, names)
    ran = session.run("check", *arguments, "--no-fix", "--output-format=json", *paths)
    if ran.failure:
        return None
    _must_end_with(ran, {0, 1})
    try:
        output = read_output(ran.stdout, root, dict(zip(paths, names, strict=True)), look.options.severities)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise _not_understood("ruff check", error) from None
    if bool(output.findings) != bool(ran.exit_code):
        told = f"ruff ended with status {ran.exit_code} and {len(output.findings)} findings"
        raise ToolStoppedError(PillarState.INVALID_OUTPUT, f"{told}; use a version from 0.6 to 0.17")
    for path, name in zip(paths, names, strict=True):
        if f"Failed to lint {path}:".encode() in ran.stderr:
            output.unread.setdefault(name, "ruff failed to lint it")
    return output


def _paths(root: Path, names: Sequence[str]) -> list[str]:
    """Absolute, so that no name is taken for an option or a file of arguments."""
    return [f"{root}/{name}" for name in names]


def _top_of(root: Path) -> Path:
    """The top of the work tree that holds the audited folder, or the folder itself."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _must_end_with(ran: ToolRun, statuses: set[int]) -> None:
    if ran.exit_code not in statuses:
        said = f": {ran.complaint}" if ran.complaint else ""
        raise ToolStoppedError(PillarState.CRASHED, f"ruff {ran.how_it_ended}{said}")


def _not_understood(command: str, error: Exception) -> ToolStoppedError:
    what = visible(f"{type(error).__name__}: {error}")[:200]
    told = f"{command} printed what is not known here ({what}); use a version of ruff from 0.6 to 0.17"
    return ToolStoppedError(PillarState.INVALID_OUTPUT, told)
