# SPDX-License-Identifier: Apache-2.0
"""The ratchet: only new findings fail, and the number of findings only falls.

An audit is held against a baseline, tool by tool. A tool that looked with another version, rule set, configuration or
severity table than the baseline names cannot be compared: that is *re-baseline needed*, never a list of new findings
and never a pass. A tool that did not see everything is *undecided*; what it found and the baseline does not know is
told all the same, because nothing that it did not see can take that back. New suppressions are findings too.

It judges what was found; finding it is the matter of the pillars, writing a baseline that of
`ophamin.auditing.baseline_update`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.baseline import Baseline, ToolIdentity
from ophamin.auditing.fingerprints import FINGERPRINT_VERSION, Fingerprint, compare, fingerprints
from ophamin.auditing.ratchet_config import config_changes, config_digests
from ophamin.auditing.ratchet_report import (
    RatchetedFinding,
    RatchetReport,
    ToolRatchet,
    ToolState,
    worst_first,
)
from ophamin.auditing.ratchet_tree import is_there, watched_files
from ophamin.auditing.results import PillarResult
from ophamin.auditing.suppressions import SUPPRESSIONS, count_suppressions
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["Met", "RatchetError", "audited_results", "compare_to_baseline", "incomparable", "matches", "meet"]

_BY_FILE: Final = frozenset({SUPPRESSIONS, "pip-audit"})
_ANEW: Final = "look at what is found, and write the baseline anew"


class RatchetError(OphaminError, ValueError):
    """An audit names one tool twice, so that nobody can say which of the two is to be compared."""


@dataclass(frozen=True, slots=True)
class Met:
    """The findings of one tool, by what the baseline says of them; each list worst first.

    Attributes:
        new: those that it does not know.
        known: those that it knows.
        accepted: those under an acceptance, whether it holds or not.
        fixed: what it knows and was not found.
    """

    new: tuple[RatchetedFinding, ...]
    known: tuple[RatchetedFinding, ...]
    accepted: tuple[RatchetedFinding, ...]
    fixed: tuple[Fingerprint, ...]


def compare_to_baseline(
    audited: AuditRecord | Sequence[PillarResult],
    baseline: Baseline,
    *,
    today: date,
    root: Path,
    files: Sequence[str] | None = None,
) -> RatchetReport:
    """Which findings of an audit are new.

    Args:
        audited: the record of an audit, or its results.
        baseline: what is known, read from the merge base and not from the work tree.
        today: the day on which acceptances must hold.
        root: the audited tree, which the paths of findings are relative to.
        files: the files of the tree, relative to it, as an audit lists them; None for `watched_files`.

    Raises:
        RatchetError: two results have one pillar name.
        ListingError: ``files`` is None, and there is no such folder.

    Example:
        >>> import tempfile
        >>> from ophamin.auditing.baseline_update import make_baseline
        >>> result = PillarResult("ruff", "ruff", "ruff 0.17.6", "ok", "src")
        >>> folder = Path(tempfile.mkdtemp())
        >>> baseline = make_baseline([result], root=folder)
        >>> compare_to_baseline([result], baseline, today=date(2026, 3, 1), root=folder).outcome.value
        'passed'
    """
    listed = watched_files(root) if files is None else tuple(files)
    results = audited_results(audited, root, listed)
    names = sorted({*results, *(one.tool for one in baseline.tools)})
    return RatchetReport(
        tuple(_judged(name, results.get(name), baseline, today, root) for name in names),
        config_changes(baseline.config, config_digests(root, listed)),
    )


def audited_results(
    audited: AuditRecord | Sequence[PillarResult], root: Path, files: Sequence[str]
) -> dict[str, PillarResult]:
    """The results of an audit by pillar name, the suppressions of the tree among them.

    Raises:
        RatchetError: two results have one pillar name.
    """
    given = audited.pillars if isinstance(audited, AuditRecord) else audited
    results: dict[str, PillarResult] = {}
    for result in (*given, count_suppressions(root, files)):
        if result.pillar_name in results:
            raise RatchetError(
                f"two results are of the pillar {visible(result.pillar_name)!r}; give one result for each pillar"
            )
        results[result.pillar_name] = result
    return results


def incomparable(name: str, result: PillarResult | None, baseline: Baseline) -> tuple[ToolState, str] | None:
    """Why the findings of a tool cannot be compared at all, and the state that follows; None where they can."""
    before, shown = baseline.tool(name), visible(name)
    if result is None:
        return ToolState.UNDECIDED, f"{shown} is in the baseline and was not run; run it"
    if not result.may_pass and not (result.findings and result.tool_version):
        return ToolState.UNDECIDED, _lacking(result)
    if baseline.fingerprint_version != FINGERPRINT_VERSION:
        versions = f"{visible(baseline.fingerprint_version)!r}, now {FINGERPRINT_VERSION!r}"
        return ToolState.REBASELINE, f"the fingerprints of the baseline are of version {versions}; {_ANEW}"
    if before is None:
        return ToolState.REBASELINE, f"the baseline does not know {shown}; {_ANEW}"
    if differing := before.differences(ToolIdentity.of(result)):
        return ToolState.REBASELINE, f"{shown} is not what the baseline was made with: {'; '.join(differing)}; {_ANEW}"
    return None


def meet(result: PillarResult, baseline: Baseline, *, today: date, root: Path) -> Met:
    """Find the partner of each finding of a tool that can be compared.

    Where findings are equal, those that are known meet first, then those under an acceptance that holds, and an expired
    acceptance meets what is left.
    """
    known = baseline.known_of(result.pillar_name)
    accepted = sorted(baseline.accepted_of(result.pillar_name), key=lambda one: not one.is_live(today))
    covers = [one for one in accepted for _ in range(one.count)]
    before = [*known, *(one.fingerprint for one in covers)]
    now = fingerprints(result.findings, root)
    pairs = matches(now, before, existing={path for path in {one.path for one in before} if is_there(root, path)})
    groups: dict[str, list[RatchetedFinding]] = {"new": [], "known": [], "accepted": []}
    for place, (finding, one) in enumerate(zip(result.findings, now, strict=True)):
        partner = pairs.get(place)
        if partner is None:
            groups["new"].append(RatchetedFinding(finding, one))
        elif partner < len(known):
            groups["known"].append(RatchetedFinding(finding, one))
        else:
            groups["accepted"].append(RatchetedFinding(finding, one, covers[partner - len(known)]))
    for group in groups.values():
        group.sort(key=lambda one: worst_first(one.finding))
    met = set(pairs.values())
    fixed = sorted(one for place, one in enumerate(before) if place not in met)
    return Met(tuple(groups["new"]), tuple(groups["known"]), tuple(groups["accepted"]), tuple(fixed))


def matches(
    now: Sequence[Fingerprint], before: Sequence[Fingerprint], *, existing: Collection[str] | None = None
) -> dict[int, int]:
    """Which fingerprint of now is which of before, by position; what has no partner is not in it.

    Beyond `fingerprints.compare`, suppressions and advisories that are left over are paired by rule and file: they are
    counted for each file, and an edited line that had one before, or a pin that was raised and not by enough, has no
    new one.

    Args:
        now: what was found.
        before: what is known, all of the same tool.
        existing: paths of the files that are there now; see `fingerprints.compare`.
    """
    comparison = compare(now, before, existing=existing)
    pairs = {match.current: match.baseline for match in comparison.matched}
    left: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place in reversed(comparison.fixed):
        if before[place].tool in _BY_FILE:
            left[before[place].rule, before[place].path].append(place)
    for place in comparison.new:
        if now[place].tool in _BY_FILE and (partners := left[now[place].rule, now[place].path]):
            pairs[place] = partners.pop()
    return pairs


def _judged(name: str, result: PillarResult | None, baseline: Baseline, today: date, root: Path) -> ToolRatchet:
    obstacle = incomparable(name, result, baseline)
    if result is None or obstacle is not None:
        return ToolRatchet(name, *(obstacle or (ToolState.UNDECIDED, "")))
    met = meet(result, baseline, today=today, root=root)
    live = [one.acceptance is not None and one.acceptance.is_live(today) for one in met.accepted]
    return ToolRatchet(
        name,
        ToolState.COMPARED if result.may_pass else ToolState.UNDECIDED,
        "" if result.may_pass else _lacking(result),
        new=met.new,
        known=len(met.known),
        accepted=tuple(one for one, holds in zip(met.accepted, live, strict=True) if holds),
        expired=tuple(one for one, holds in zip(met.accepted, live, strict=True) if not holds),
        fixed=met.fixed if result.may_pass else (),
    )


def _lacking(result: PillarResult) -> str:
    why = visible(result.error_message) or f"its state is {result.state.value}"
    return f"{visible(result.pillar_name)} did not see everything ({why}); run it again"
