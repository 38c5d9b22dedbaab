# SPDX-License-Identifier: Apache-2.0
"""Making and changing a baseline: it falls by itself, and rises only where somebody says so.

`make_baseline` takes everything that is found, as on the first day and after a tool changed. `lowered` takes out what
is gone, and nothing new comes in. `write_baseline` refuses what rises unless it is told to, and `check_may_update`
refuses where git says that the tree is not what the protected branch holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal

from ophamin.auditing.accepted import Acceptance
from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.baseline import Baseline, ToolIdentity
from ophamin.auditing.baseline_text import BaselineError, read_baseline, save
from ophamin.auditing.fingerprints import Fingerprint, fingerprints
from ophamin.auditing.ratchet import audited_results, incomparable, matches, meet
from ophamin.auditing.ratchet_config import config_digests
from ophamin.auditing.ratchet_report import RatchetedFinding
from ophamin.auditing.ratchet_tree import watched_files
from ophamin.auditing.results import PillarResult
from ophamin.core.environment import GitFacts
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["UpdateRefusedError", "accept", "check_may_update", "lowered", "make_baseline", "rises", "write_baseline"]

Refusal = Literal["incomplete", "no_commit", "dirty", "shallow", "not_merged"]


class UpdateRefusedError(OphaminError, ValueError):
    """A baseline must not be made from this audit, or in this tree; ``reason`` says why in one word."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason: Refusal = reason


def make_baseline(
    audited: AuditRecord | Sequence[PillarResult],
    *,
    root: Path,
    files: Sequence[str] | None = None,
    base_commit: str = "",
) -> Baseline:
    """A baseline that knows everything an audit found.

    Args:
        audited: the record of an audit, or its results.
        root: the audited tree.
        files: its files, as for `compare_to_baseline`.
        base_commit: the commit that was audited, or empty.

    Raises:
        UpdateRefusedError: a tool did not see everything.
        RatchetError: two results have one pillar name.
    """
    listed = watched_files(root) if files is None else tuple(files)
    results = audited_results(audited, root, listed)
    for name, result in results.items():
        if not result.may_pass:
            why = visible(result.error_message) or f"its state is {result.state.value}"
            raise UpdateRefusedError(
                "incomplete",
                f"{visible(name)} did not see everything ({why}), and what it missed would be new one day; "
                "run it again, or leave it out of the audit",
            )
    return Baseline(
        tuple(ToolIdentity.of(result) for result in results.values()),
        tuple(one for result in results.values() for one in fingerprints(result.findings, root)),
        config=config_digests(root, listed),
        base_commit=base_commit,
    )


def lowered(
    baseline: Baseline,
    audited: AuditRecord | Sequence[PillarResult],
    *,
    root: Path,
    files: Sequence[str] | None = None,
    base_commit: str = "",
) -> Baseline:
    """The baseline without what is gone, with the findings that moved where they are now; nothing new comes in.

    A tool that cannot be compared, or did not see everything, keeps its lines. Acceptances stay until what they cover
    is gone, also expired ones, so that they are told.

    Args:
        baseline: what is known.
        audited: the record of an audit, or its results.
        root: the audited tree.
        files: its files, as for `compare_to_baseline`.
        base_commit: the commit that was audited, or empty.

    Raises:
        RatchetError: two results have one pillar name.
    """
    listed = watched_files(root) if files is None else tuple(files)
    results = audited_results(audited, root, listed)
    known: list[Fingerprint] = []
    accepted: list[Acceptance] = []
    for tool in baseline.tools:
        result = results.get(tool.tool)
        if result is None or not result.may_pass or incomparable(tool.tool, result, baseline) is not None:
            known += baseline.known_of(tool.tool)
            accepted += baseline.accepted_of(tool.tool)
            continue
        met = meet(result, baseline, today=date.min, root=root)  # an expired acceptance keeps its finding too
        known += [one.fingerprint for one in met.known]
        accepted += _moved(met.accepted)
    return replace(
        baseline,
        known=tuple(known),
        accepted=tuple(accepted),
        config=config_digests(root, listed),
        base_commit=base_commit,
    )


def accept(baseline: Baseline, one: Fingerprint, *, owner: str, reason: str, expires: date, count: int = 1) -> Baseline:
    """The baseline with a finding accepted; as many equal ones are then no longer merely known.

    Earlier acceptances of the same finding are replaced.

    Raises:
        AcceptanceError: see `Acceptance`.

    Example:
        >>> one = Fingerprint("ruff", "S602", "run.py", "", "0a" * 16)
        >>> baseline = Baseline((ToolIdentity("ruff", "ruff 0.17.6"),), (one, one))
        >>> accepted = accept(baseline, one, owner="ann", reason="a constant", expires=date(2027, 3, 31))
        >>> len(accepted.known), accepted.counts()
        (1, {'ruff': 2})
    """
    made = Acceptance(one, owner, reason, expires, count)
    left = Counter(baseline.known)
    left[one] -= min(count, left[one])
    others = [other for other in baseline.accepted if other.fingerprint != one]
    return replace(baseline, known=tuple(left.elements()), accepted=(*others, made))


def rises(old: Baseline, new: Baseline) -> list[str]:
    """What a baseline tolerates that another did not, one phrase for each tool; empty where it only falls.

    A finding whose line moved to another file counts as the same where the old file's findings are gone too.

    >>> one = Fingerprint("ruff", "F401", "a.py", "", "0a" * 16)
    >>> tools = (ToolIdentity("ruff", "ruff 0.17.6"),)
    >>> rises(Baseline(tools, (one,)), Baseline(tools, (one, one)))
    ['ruff: 1 finding more']
    """
    found = []
    if old.fingerprint_version != new.fingerprint_version:
        return [f"fingerprints of version {new.fingerprint_version!r} after {old.fingerprint_version!r}"]
    for tool in sorted({one.tool for one in (*old.tools, *new.tools)}):
        before, now = old.tool(tool), new.tool(tool)
        if now is None:
            found.append(f"{tool}: left out")
            continue
        if before is None:
            found.append(f"{tool}: not known before")
        elif differing := before.differences(now):
            found.append(f"{tool}: {'; '.join(differing)}")
        was, stays = ([one for one in some.everything() if one.tool == tool] for some in (old, new))
        if more := len(stays) - len(matches(stays, was)):
            found.append(f"{tool}: {more} {'finding' if more == 1 else 'findings'} more")
    return found


def write_baseline(path: Path, baseline: Baseline, *, may_rise: bool = False) -> None:
    """Write the file of a baseline, whole or not at all.

    Args:
        path: the file.
        baseline: what it is to hold.
        may_rise: also where it tolerates more than the file that is there, or where that file cannot be read.

    Raises:
        BaselineError: with the reason ``rise``, or why the file that is there cannot be read.
        RecordWriteError: the file could not be written.
    """
    if not may_rise and path.is_symlink() | path.exists():
        more = rises(read_baseline(path), baseline)
        if more:
            raise BaselineError(
                "rise", f"{visible('; '.join(more))}: a baseline falls by itself and rises only where that is asked for"
            )
    save(path, baseline)


def check_may_update(facts: GitFacts, agreed: str) -> None:
    """Do nothing where a baseline may be lowered: in a clean tree, at a commit that the protected branch holds.

    Args:
        facts: what git says of the tree.
        agreed: the newest commit in the history of HEAD that was itself a tip of the protected branch, or empty where
            nobody can say.

    Raises:
        UpdateRefusedError: git knows no commit, the tree is dirty, the clone is shallow, or HEAD is not merged.

    Example:
        >>> check_may_update(GitFacts("0a" * 20, dirty=False, shallow=False), "0a" * 20)
    """
    if not facts.commit or facts.dirty is None:
        raise UpdateRefusedError("no_commit", "git knows no commit here; lower the baseline in a checkout")
    if facts.dirty:
        raise UpdateRefusedError("dirty", "tracked files differ from the commit; commit them, or put them away")
    if facts.shallow:
        raise UpdateRefusedError("shallow", "the clone is shallow, and nobody can say what is merged; fetch it whole")
    if facts.commit != agreed:
        raise UpdateRefusedError(
            "not_merged",
            f"the commit {facts.commit[:12]} is none of the protected branch; lower the baseline once it is merged",
        )


def _moved(accepted: Iterable[RatchetedFinding]) -> list[Acceptance]:
    """Acceptances at the fingerprints that their findings have now; those that became equal are one."""
    counted: Counter[Acceptance] = Counter()
    for one in accepted:
        if one.acceptance is not None:
            counted[replace(one.acceptance, fingerprint=one.fingerprint, count=1)] += 1
    return [replace(acceptance, count=count) for acceptance, count in counted.items()]
