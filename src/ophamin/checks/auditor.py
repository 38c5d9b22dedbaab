# SPDX-License-Identifier: Apache-2.0
"""The promises of an auditor, tried: it never raises, never calls clean what it did not see, and leaves no trace.

Whether its findings are right is not tried here. It is run over a dozen small trees, some of them hostile; its tool is
run, too, with the rights of whoever checks it.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.base import AuditPillar
from ophamin.auditing.findings import Finding
from ophamin.auditing.fingerprints import fingerprints
from ophamin.auditing.results import STATE_KEY, PillarResult
from ophamin.auditing.states import PillarState
from ophamin.checks.auditor_runs import HOSTILE, LINKS, ORDINARY, PLACES, AuditorRuns, Files
from ophamin.checks.report import Check, CheckReport, NotTriedError, examine, name_of, raised, shown
from ophamin.core.environment import Redactor
from ophamin.core.files import slug
from ophamin.core.plugins import missing_members
from ophamin.core.text import visible
from ophamin.errors import ClaimError
from ophamin.protocols import Auditor

__all__ = ["check_auditor"]

_NO_TOOL: Final = "ophamin-no-such-tool"
_WAY_OUT: Final = "use finished_result, error_result or unavailable_result of AuditPillar"
_DEPENDENCY: Final = "<dependency:"


def check_auditor(auditor: Any, *, files: Files | None = None, seconds: float = 60.0) -> CheckReport:
    """Try what an auditor promises, on one ordinary tree and several hostile ones made of it.

    Args:
        auditor: the auditor, or its class where that is made without arguments.
        files: of a tree in which it finds something, name to content. Without them it is given a few lines of Python,
            and need not find anything.
        seconds: how long one run may take.

    Returns:
        One result per check. The auditor runs about fifteen times, so keep the tree small.

    Raises:
        ClaimError: ``files`` is empty, or a name in it is no plain relative path.

    Example:
        A test of one's own auditor::

            def test_it_keeps_the_promises_of_an_auditor():
                check_auditor(MyAuditor, files={"a.py": "eval(input())"}).raise_if_failed()

        >>> from ophamin.auditing.pillars.ruff import RuffPillar
        >>> check_auditor(RuffPillar, files={"a.py": "import os"}).failures
        ()
    """
    for name in ("",) if files is not None and not files else files or ():
        if not name or Path(name).is_absolute() or ".." in Path(name).parts:
            raise ClaimError(f"the file {name!r} is no plain relative path; give names such as 'src/a.py'")
    with tempfile.TemporaryDirectory(prefix="ophamin-check-", ignore_cleanup_errors=True) as folder:
        runs = AuditorRuns(_instance(auditor), Path(folder).resolve(), files, seconds)
        return examine("auditor", name_of(auditor, "name"), runs, _CHECKS, gates=("contract", ORDINARY))


def _instance(auditor: Any) -> Any:
    """An object of a class; the class itself where none can be made, which the contract then refuses."""
    try:
        return auditor() if isinstance(auditor, type) else auditor
    except Exception:  # noqa: BLE001 - a foreign class may raise anything
        return auditor


def _contract(runs: AuditorRuns) -> Iterator[str]:
    if isinstance(runs.auditor, type):
        yield f"{runs.auditor.__qualname__} cannot be made without arguments; give an object of it"
        return
    missing = missing_members(Auditor, runs.auditor)
    if missing:
        yield f"it lacks {', '.join(missing)}; add what is missing"
        return
    if not callable(runs.auditor.run):
        yield f"run is {shown(runs.auditor.run)}; write a method run(target_path, *, options)"


def _name(runs: AuditorRuns) -> Iterator[str]:
    name = runs.auditor.name
    if not isinstance(name, str) or not name or slug(name) != name:
        yield f"name is {shown(name)}; give lower-case letters, digits, underscores and single dashes"


def _gives_result(run: str) -> Check[AuditorRuns]:
    def check(runs: AuditorRuns) -> Iterator[str]:
        if run == LINKS and not runs.has_links:
            raise NotTriedError("this system has no pipes")
        one = runs.attempt(run)
        if one.problem:
            yield f"{run}: {one.problem}; {_WAY_OUT}"
        elif one.result is not None and one.result.pillar_name != runs.auditor.name:
            yield f"{run}: the result is of {shown(one.result.pillar_name)}, not of {shown(runs.auditor.name)}"

    return check


def _nothing_seen(runs: AuditorRuns) -> Iterator[str]:
    for run in PLACES:
        result = runs.attempt(run).result
        if result is not None and result.may_pass:
            yield f"{run}: its state is {result.state.value}, which may pass; say partial, with a coverage of 0 listed"


def _states(runs: AuditorRuns) -> Iterator[str]:
    for one, result in runs.results():
        told = result.extra.get(STATE_KEY)
        if told not in {state.value for state in PillarState}:
            yield f"{one.run}: extra['state'] is {shown(told)}; {_WAY_OUT}"
        elif PillarState(told).status != result.status:
            yield f"{one.run}: the state {told} has the status {result.status}; {_WAY_OUT}"
        elif (told == PillarState.OK.value) == bool(result.findings) and result.may_pass:
            yield f"{one.run}: the state is {told} with {len(result.findings)} findings; {_WAY_OUT}"
        elif not result.may_pass and not result.error_message.strip():
            yield f"{one.run}: the state is {told} and error_message is empty; say why, and the way out"


def _coverage(runs: AuditorRuns) -> Iterator[str]:
    for one, result in runs.results():
        coverage = result.coverage
        if coverage is None and result.may_pass:
            yield f"{one.run}: it may pass and tells no coverage; {_WAY_OUT}"
        elif coverage is not None and coverage.seen > coverage.listed:
            yield f"{one.run}: it saw {coverage.seen} of {coverage.listed}; count what was listed, and nothing else"
        elif coverage is not None and result.may_pass and not coverage.complete:
            yield f"{one.run}: it may pass and saw {coverage.seen} of {coverage.listed}; say partial"


def _finds(runs: AuditorRuns) -> Iterator[str]:
    result = runs.ordinary()
    if not runs.were_given:
        raise NotTriedError("no tree with a fault is known; give files=")
    if not result.findings:
        why = result.error_message[:200] or f"its state is {result.state.value}"
        yield f"of the given files it found nothing ({why}); give files in which it finds something"


def _findings(runs: AuditorRuns) -> Iterator[str]:
    for one, result in runs.results():
        for finding in result.findings:
            if finding.pillar_name != runs.auditor.name:
                yield f"{one.run}: a finding is of {shown(finding.pillar_name)}; give it the auditor's own name"
            elif not finding.rule_id.strip():
                yield f"{one.run}: {shown(finding.message)} has no rule_id; without one no baseline can tell it apart"
            elif not finding.message.strip() or visible(finding.message) != finding.message:
                yield f"{one.run}: the message of {finding.rule_id} is {shown(finding.message)}; give one visible line"


def _places(runs: AuditorRuns) -> Iterator[str]:
    for one, result in runs.results():
        for finding in result.findings:
            if finding.path.startswith(_DEPENDENCY):
                continue
            path = one.target / finding.path
            if Path(finding.path).is_absolute() or ".." in Path(finding.path).parts or "\\" in finding.path:
                yield f"{one.run}: {finding.rule_id} is in {shown(finding.path)}; give a path relative to the target"
            elif not path.is_file():
                yield f"{one.run}: {finding.rule_id} is in {shown(finding.path)}, which is no file of the tree"
            elif finding.line < 0 or finding.column < 0 or finding.line > _lines(path):
                yield f"{one.run}: {finding.rule_id} is at {_at(finding)}, and the file has {_lines(path)} lines"


def _links(runs: AuditorRuns) -> Iterator[str]:
    if not runs.has_links:
        raise NotTriedError("this system has no pipes")
    one = runs.attempt(LINKS)
    for finding in one.result.findings if one.result is not None else ():
        path = one.target / finding.path
        if not path.resolve().is_relative_to(one.target) or finding.path.startswith("loop/"):
            yield f"{finding.rule_id} is in {shown(finding.path)}, behind a link; follow none (list_files does not)"


def _no_machine(runs: AuditorRuns) -> Iterator[str]:
    redactor = Redactor.from_process(None)
    for one, result in runs.results():
        text = repr(result.to_dict())
        places = (str(one.target.parent), str(Path.home()))
        for place in (place for place in places if place not in {"/", "/root"} and place in text):
            yield f"{one.run}: the result names {place}, a folder of this machine; give paths relative to the target"
        told = redactor.redact(result.error_message)
        if told != result.error_message:
            yield f"{one.run}: error_message tells of this machine; it should read {shown(told)}"


def _wire(runs: AuditorRuns) -> Iterator[str]:
    for one, result in runs.results():
        try:
            again = PillarResult.from_dict(result.to_dict())
            record = AuditRecord.from_results("tree", "0" * 64, [result], "ophamin audit tree")
            problems = record.validate()
            record.dumps()
        except Exception as error:  # noqa: BLE001 - foreign values may fail in any way
            yield f"{one.run}: it cannot be put on record: {raised(error)}; give plain JSON values"
            continue
        if again.to_dict() != result.to_dict():
            yield f"{one.run}: it reads back as something else; give lists, not tuples, and texts as keys"
        for problem in problems:
            yield f"{one.run}: its record is not well-formed: {problem}"


def _repeats(runs: AuditorRuns) -> Iterator[str]:
    first, one = runs.ordinary(), runs.attempt(ORDINARY)
    again = runs.anew(ORDINARY, one.target).result
    if again is None or _told(again) != _told(first):
        yield f"the same tree gave {_counted(first)} and then {_counted(again)}; sort them, and keep nothing between"


def _moved(runs: AuditorRuns) -> Iterator[str]:
    first, here = runs.ordinary(), runs.attempt(ORDINARY).target
    there = runs.tree(ORDINARY, "elsewhere")
    moved = runs.anew(ORDINARY, there).result
    if moved is None or fingerprints(moved.findings, there) != fingerprints(first.findings, here):
        yield f"the same tree elsewhere gave {_counted(moved)}, here {_counted(first)}; leave its place out of findings"


def _caches(runs: AuditorRuns) -> Iterator[str]:
    first, target, cache = runs.ordinary(), runs.attempt(ORDINARY).target, runs.folder()
    for turn in ("filling a cache", "reading a cache"):
        given = runs.anew(turn, target, cache_dir=cache).result
        if given is None or _told(given) != _told(first):
            yield f"{turn} it gave {_counted(given)}, and {_counted(first)} without; a cache may save time alone"
            return


def _chosen(runs: AuditorRuns) -> Iterator[str]:
    name = runs.first_source
    given = runs.anew("chosen file", runs.attempt(ORDINARY).target, files=(name,))
    if given.result is None:
        yield f"with options.files=({name!r},): {given.problem}; {_WAY_OUT}"
        return
    others = {finding.path for finding in given.result.findings} - {name}
    if others:
        yield f"with options.files=({name!r},) it found something in {shown(sorted(others))}; look at no other file"
    coverage = given.result.coverage
    if coverage is not None and coverage.listed > 1:
        yield f"with options.files=({name!r},) it lists {coverage.listed}; list what was chosen"


def _one_file(runs: AuditorRuns) -> Iterator[str]:
    name = runs.first_source
    given = runs.anew("one file", runs.attempt(ORDINARY).target / name)
    if given.result is None:
        yield f"of a file as the target: {given.problem}; {_WAY_OUT}"
        return
    others = {finding.path for finding in given.result.findings} - {Path(name).name}
    if others:
        yield f"of the file {name} it found something in {shown(sorted(others))}; name the file by its last part"


def _no_time(runs: AuditorRuns) -> Iterator[str]:
    given = runs.anew("no time", runs.attempt(ORDINARY).target, timeout_s=0.001)
    if given.result is None:
        yield f"with options.timeout_s=0.001: {given.problem}; say timeout, or be done"


def _missing_tool(runs: AuditorRuns) -> Iterator[str]:
    if not isinstance(runs.auditor, AuditPillar):
        raise NotTriedError("it is no AuditPillar, and nobody knows its tool")
    lost = copy.copy(runs.auditor)
    try:
        lost.__class__ = type(type(lost).__name__, (type(lost),), {"tool_binary": _NO_TOOL})
    except TypeError as error:
        raise NotTriedError(f"its tool cannot be taken away: {error}") from None
    given = runs.anew("missing tool", runs.attempt(ORDINARY).target, auditor=lost)
    if given.result is None:
        yield f"without its tool: {given.problem}; use unavailable_result"
    elif given.result.state is not PillarState.UNAVAILABLE:
        yield f"without its tool the state is {given.result.state.value}; ask resolved_binary, use unavailable_result"


def _unchanged(runs: AuditorRuns) -> Iterator[str]:
    for one in runs.attempts():
        if one.changed:
            yield f"{one.run}: it changed {shown(list(one.changed))} in the tree; write into options.cache_dir alone"


def _silent(runs: AuditorRuns) -> Iterator[str]:
    for one in runs.attempts():
        if one.printed:
            yield f"{one.run}: it printed {shown(one.printed)}; put what there is to say into the result"


def _told(result: PillarResult) -> list[Any]:
    return [result.state.value, *(finding.to_dict() for finding in result.findings)]


def _counted(result: PillarResult | None) -> str:
    return "no result" if result is None else f"{result.state.value} with {len(result.findings)} findings"


def _at(finding: Finding) -> str:
    return f"{shown(finding.path)}:{finding.line}:{finding.column}"


def _lines(path: Path) -> int:
    """How many lines a file has, with the empty one after its last line end, where tools place what is missing."""
    return path.read_bytes().count(b"\n") + 1


_CHECKS: Final[Mapping[str, Check[AuditorRuns]]] = {
    "contract": _contract,
    "name": _name,
    **{run: _gives_result(run) for run in (ORDINARY, *HOSTILE)},
    "nothing seen": _nothing_seen,
    "states": _states,
    "coverage": _coverage,
    "finds": _finds,
    "findings": _findings,
    "places": _places,
    "links": _links,
    "no machine": _no_machine,
    "wire": _wire,
    "repeats": _repeats,
    "moved tree": _moved,
    "caches": _caches,
    "chosen files": _chosen,
    "one file": _one_file,
    "no time": _no_time,
    "missing tool": _missing_tool,
    "tree unchanged": _unchanged,
    "silent": _silent,
}
