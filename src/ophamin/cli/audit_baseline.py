# SPDX-License-Identifier: Apache-2.0
"""Which baseline an audit is held against, and writing one.

Whoever proposes a change can edit the baseline in it. So where there is a repository the file counts as it stood where
the branch began, read from git by object id; what lies in the work tree is only told of. What an audit says against a
baseline is judged elsewhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from ophamin.auditing.accepted import Acceptance
from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.baseline import Baseline
from ophamin.auditing.baseline_text import BASELINE_NAME, MAX_BYTES, BaselineError, parse_baseline, read_baseline
from ophamin.auditing.baseline_update import check_may_update, make_baseline, rises, write_baseline
from ophamin.auditing.ratchet import audited_results, meet
from ophamin.auditing.ratchet_tree import read_inside, watched_files
from ophamin.cli.output import shown_path
from ophamin.core.environment import git_facts
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.measuring.lock_base import BaseLock, base_lock
from ophamin.seeing.corpus.git_process import GitError, GitRepository
from ophamin.settings import SettingsError, project_root

__all__ = ["BaselineDoubtError", "KnownBaseline", "default_baseline", "find_baseline", "rewrite_baseline"]

SHORT_ID: Final = 12
_AGREED: Final = frozenset({"absent", "read", "unreadable"})
"""What may have become of the lock at the merge base where that commit is known; the baseline stood there or not."""


class BaselineDoubtError(OphaminError):
    """There is a baseline, and git cannot say what it was at the merge base; ``failed`` where git itself failed."""

    def __init__(self, message: str, *, failed: bool = False) -> None:
        super().__init__(message)
        self.failed = failed


@dataclass(frozen=True, slots=True)
class KnownBaseline:
    """The baseline of an audit.

    Attributes:
        file: where it lies, or would lie.
        baseline: what is known; None where nothing is.
        commit: at which commit it was read; empty for the file itself.
        notes: what there is to say about it, one line each.
    """

    file: Path
    baseline: Baseline | None = None
    commit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """Which one it is, in words."""
        return shown_path(self.file) + (f" at {self.commit[:SHORT_ID]}" if self.commit else "")


def default_baseline(root: Path) -> Path:
    """Where the baseline of an audited folder lies: at the top of its project.

    >>> import tempfile
    >>> default_baseline(Path(tempfile.mkdtemp())).name
    'ophamin-audit.baseline'
    """
    try:
        return project_root(root) / BASELINE_NAME
    except SettingsError:  # an audited tree may hold anything
        return root.resolve() / BASELINE_NAME


def find_baseline(
    file: Path | None, root: Path, *, branch: str | None = None, as_it_lies: bool = False
) -> KnownBaseline:
    """Read the baseline of an audit.

    Args:
        file: that was named; None for `default_baseline`, which need not be there.
        root: the audited folder.
        branch: the protected branch, as for `ophamin.measuring.lock_base.base_lock`.
        as_it_lies: take the file itself, and ask git nothing.

    Raises:
        BaselineError: it cannot be read, or was named and is nowhere.
        BaselineDoubtError: git cannot say what was agreed on.
    """
    path = (file or default_baseline(root)).absolute()
    folder, is_there = path.parent.resolve(), path.is_symlink() or path.exists()
    top = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)
    if as_it_lies or top is None:
        return _as_it_lies(path, is_there, must_be=file is not None)
    found = base_lock(folder, branch)
    if found.state == "no_commit":
        return _as_it_lies(path, is_there, must_be=file is not None)
    if found.state not in _AGREED:
        if file is None and not is_there:
            return KnownBaseline(path)
        raise _doubt(path, found)
    return _at_base(path, top, found.commit, must_be=file is not None)


def _as_it_lies(path: Path, is_there: bool, *, must_be: bool) -> KnownBaseline:
    if is_there or must_be:
        return KnownBaseline(path, read_baseline(path))
    return KnownBaseline(path)


def _doubt(path: Path, found: BaseLock) -> BaselineDoubtError:
    way_out = "or give --no-git to take the file as it lies here"
    problem = f"{shown_path(path)} counts as it stood at the merge base, and {found.problem}; {way_out}"
    return BaselineDoubtError(problem, failed=found.state == "failed")


def _at_base(path: Path, top: Path, commit: str, *, must_be: bool) -> KnownBaseline:
    """The baseline as it stood in a commit, and how the file differs from it."""
    name = (path.parent.resolve() / path.name).relative_to(top).as_posix()
    try:
        agreed = _blob(GitRepository(top), commit, name)
    except GitError as error:
        raise BaselineDoubtError(str(error), failed=True) from error
    here = read_inside(top, name, MAX_BYTES)
    shown, base = shown_path(path), commit[:SHORT_ID]
    if agreed is None:
        if here is None:
            if must_be:
                raise BaselineError("unreadable", f"{shown}: no such file; write one with --write-baseline")
            return KnownBaseline(path)
        told = f"{shown} did not stand at the merge base {base}; it counts once it is merged, and not in this audit"
        return KnownBaseline(path, notes=(told,))
    try:
        baseline = parse_baseline(agreed)
    except BaselineError as error:
        raise BaselineError(error.reason, f"{shown} at {base}: {error}") from error
    notes: tuple[str, ...] = ()
    if agreed != here:
        how = "removed" if here is None else "edited"
        notes = (f"{shown} was {how} since the merge base {base}; what stood there counts until that is merged",)
    return KnownBaseline(path, baseline, commit, notes)


def _blob(git: GitRepository, commit: str, name: str) -> bytes | None:
    """The bytes of a file in a commit, and one more than are read; None where it does not stand there."""
    listed = git.ask("ls-tree", "--full-tree", "-z", commit, "--", name)
    if not listed:
        return None
    data = bytearray()
    with git.stream("cat-file", "blob", listed.split()[2]) as blocks:
        for block in blocks:
            data += block
            if len(data) > MAX_BYTES:
                break
    return bytes(data)


def rewrite_baseline(
    file: Path,
    audit: AuditRecord,
    root: Path,
    *,
    files: tuple[str, ...] | None = None,
    may_rise: bool = False,
    branch: str | None = None,
    as_it_lies: bool = False,
) -> Baseline:
    """Write the baseline of an audit: a first one with all that is found, later ones without what is gone.

    Without ``may_rise`` nothing new comes into a baseline that is there, and in a repository it is lowered only in a
    clean tree at a commit of the protected branch, so that no two branches lower it in different ways.

    Args:
        file: where to write.
        audit: what was found.
        root: the audited folder.
        files: what is audited of it; None for all.
        may_rise: take in what is new, and what tools now are.
        branch: see `find_baseline`.
        as_it_lies: ask git nothing, and note no commit.

    Returns:
        What was written.

    Raises:
        BaselineError: the file that is there cannot be read; or, with the reason ``rise``, something is new.
        UpdateRefusedError: a tool did not see everything, or the tree is not what the protected branch holds.
        RecordWriteError: the file could not be written.
    """
    facts = git_facts(root)
    commit = "" if as_it_lies else facts.commit
    files = watched_files(root) if files is None else files
    made = make_baseline(audit, root=root, files=files, base_commit=commit)
    before = _before(file, may_rise=may_rise)
    if before is not None:
        made = _with_acceptances(made, before, audit, root, files)
        if made == replace(before, base_commit=commit):
            return before
        if not may_rise:
            _refuse_rise(rises(before, made))
            if commit:
                check_may_update(facts, base_lock(root, branch).commit)
    write_baseline(file, made, may_rise=may_rise)
    return made


def _before(file: Path, *, may_rise: bool) -> Baseline | None:
    """The baseline that is there; None where there is none, and for one that cannot be read and may be replaced."""
    if not (file.is_symlink() or file.exists()):
        return None
    try:
        return read_baseline(file)
    except BaselineError:
        if may_rise:
            return None
        raise


def _refuse_rise(more: list[str]) -> None:
    if more:
        told = f"{visible('; '.join(more))}. Nothing was written; to tolerate that, give --may-rise"
        raise BaselineError("rise", told)


def _with_acceptances(
    made: Baseline, before: Baseline, audit: AuditRecord, root: Path, files: tuple[str, ...]
) -> Baseline:
    """A new baseline in which what was accepted stays accepted, where it is found now."""
    counted: Counter[Acceptance] = Counter()
    for result in audited_results(audit, root, files).values():
        for one in meet(result, before, today=date.min, root=root).accepted:
            if one.acceptance is not None:
                counted[replace(one.acceptance, fingerprint=one.fingerprint, count=1)] += 1
    covered = Counter(one.fingerprint for one in counted.elements())
    return replace(
        made,
        known=tuple((Counter(made.known) - covered).elements()),
        accepted=tuple(replace(one, count=count) for one, count in counted.items()),
    )
