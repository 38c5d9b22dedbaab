# SPDX-License-Identifier: Apache-2.0
"""One call of ``ophamin audit``, from what was asked for to the exit code.

First everything that can be refused is refused, then the tools run, then the record is written, judged and shown.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.base import AuditOptions, recorded_path
from ophamin.auditing.baseline_text import BaselineError, read_baseline
from ophamin.auditing.baseline_update import UpdateRefusedError
from ophamin.auditing.findings import FindingSeverity
from ophamin.auditing.outcomes import judge
from ophamin.auditing.ratchet import compare_to_baseline
from ophamin.auditing.runner import AuditRunner
from ophamin.cli.audit_baseline import KnownBaseline, default_baseline, find_baseline, rewrite_baseline
from ophamin.cli.audit_report import AuditReport, Form, form_of, rendered
from ophamin.cli.audit_table import print_report, progress
from ophamin.cli.output import EXIT_PROBLEM, EXIT_UNUSABLE, note, shown_path
from ophamin.core.environment import git_facts
from ophamin.core.files import write_atomic
from ophamin.errors import OphaminError, nearest_name

if TYPE_CHECKING:
    from ophamin.plugin.signing import Sealing

__all__ = ["AuditRequest", "AuditRequestError", "run_audit"]

EXIT_UNDECIDED: Final = 3
EXIT_TERMINATED: Final = 128 + signal.SIGTERM
PIP_AUDIT: Final = "pip-audit"
_KEY_DIGITS: Final = 16


class AuditRequestError(OphaminError, ValueError):
    """An audit was asked for in a way that cannot be honoured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """What was asked for on the command line.

    Attributes:
        target: a file or a folder.
        tools: names of auditors.
        form: what is printed.
        outputs: files to write besides.
        fail_on: the mildest severity that blocks without a baseline; empty for high.
        baseline: its file; None for the project's, where there is one.
        no_baseline: take none.
        branch: the protected branch, or None.
        no_git: take the baseline as it lies.
        write: write the baseline.
        may_rise: also where something is new.
        config_dir: trusted configuration, or None.
        cache_dir: where to keep what is costly; None for the user's cache.
        no_cache: keep nothing.
        folder: where the record goes, or None.
        key_file: what signs it, or None.
        osv_url: the service of pip-audit, or empty.
        timeout_s: seconds for each tool.
        jobs: tools at once, or None.
    """

    target: Path
    tools: tuple[str, ...]
    form: str = "table"
    outputs: tuple[Path, ...] = ()
    fail_on: str = ""
    baseline: Path | None = None
    no_baseline: bool = False
    branch: str | None = None
    no_git: bool = False
    write: bool = False
    may_rise: bool = False
    config_dir: Path | None = None
    cache_dir: Path | None = None
    no_cache: bool = False
    folder: Path | None = None
    key_file: Path | None = None
    osv_url: str = ""
    timeout_s: float = 600.0
    jobs: int | None = None

    @property
    def root(self) -> Path:
        """The audited folder, or that of the audited file: what paths of findings are relative to."""
        return self.target if self.target.is_dir() else self.target.parent

    @property
    def files(self) -> tuple[str, ...] | None:
        """The audited file, where it is one."""
        return None if self.target.is_dir() else (self.target.name,)


def run_audit(request: AuditRequest) -> int:
    """Audit, write, judge and show; the exit code.

    Raises:
        OphaminError: something cannot be used, or was refused.
        KeyboardInterrupt: it was interrupted; the tools are ended.
        SystemExit: it was asked to end; the same.
    """
    form, severity = _form(request.form), _severity(request.fail_on)
    outputs = {file: form_of(file, form) for file in request.outputs}
    runner = AuditRunner(_auditors(request), options=_options(request), jobs=request.jobs)
    sealing = None if request.folder is None else _sealing(request.key_file)
    known = _known(request)
    with _ended_by_sigterm(), progress(runner.names) as told:
        audit = runner.run(request.target, command=_command(request), told=told)
    if request.folder is not None and sealing is not None:
        _keep(audit, request.folder, sealing, request.root)
    refusal: BaselineError | UpdateRefusedError | None = None
    if request.write and known is not None:
        known, refusal = _written(request, audit, known)
    report = _judged(request, audit, known, severity)
    for file, its_form in outputs.items():
        write_atomic(file, rendered(report, its_form).encode("utf-8"))
    _show(report, Form.TABLE if form in outputs.values() else form)
    if refusal is not None:
        note(f"error: the baseline was not written: {refusal}")
        return _refused(refusal)
    return report.exit_code


def _form(name: str) -> Form:
    try:
        return Form(name)
    except ValueError:
        known = [one.value for one in Form]
        raise AuditRequestError(f"--format {name}: no such form; {nearest_name(name, known)}") from None


def _severity(name: str) -> FindingSeverity | None:
    try:
        return FindingSeverity(name.lower()) if name else None
    except ValueError:
        known = [one.value for one in FindingSeverity]
        raise AuditRequestError(f"--fail-on {name}: no such severity; {nearest_name(name, known)}") from None


def _auditors(request: AuditRequest) -> list[Any]:
    from ophamin.registry import AUDITORS

    names = tuple(dict.fromkeys(request.tools))
    found: list[Any] = [AUDITORS.get(name) for name in names]
    if request.osv_url:
        if PIP_AUDIT not in names:
            raise AuditRequestError(f"--osv-url is for {PIP_AUDIT}, which is not among --tools; add it")
        from ophamin.auditing.pillars.pip_audit import PipAuditPillar

        found[names.index(PIP_AUDIT)] = PipAuditPillar(osv_url=request.osv_url)
    return found


def _options(request: AuditRequest) -> AuditOptions:
    for option, folder in (("--config-dir", request.config_dir), ("--cache-dir", request.cache_dir)):
        if folder is not None and folder.resolve().is_relative_to(request.root.resolve()):
            told = "whoever can change the one can change the other"
            note(f"{option} {shown_path(folder)} lies in the audited folder: {told}")
    if request.config_dir is not None and not request.config_dir.is_dir():
        raise AuditRequestError(f"--config-dir {request.config_dir}: no such folder; give one that is there")
    return AuditOptions(timeout_s=request.timeout_s, cache_dir=_cache(request), config_dir=request.config_dir)


def _cache(request: AuditRequest) -> Path | None:
    """Where costly things are kept, one folder for each audited one; None where nothing can be kept."""
    if request.no_cache:
        return None
    key = hashlib.sha256(os.fsencode(request.root.resolve())).hexdigest()[:_KEY_DIGITS]
    try:
        folder = request.cache_dir or _user_cache() / key
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: no home
        note(f"nothing is cached: {error}; give --cache-dir a folder that can be written")
        return None
    return folder


def _user_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("ophamin", appauthor=False) / "audit"


def _known(request: AuditRequest) -> KnownBaseline | None:
    """The baseline to compare with; None where none is wanted.

    Where it is to be written, it is the file itself: what lies there is what falls or rises.
    """
    if request.no_baseline:
        return None
    if request.write:
        return KnownBaseline((request.baseline or default_baseline(request.root)).absolute())
    return find_baseline(request.baseline, request.root, branch=request.branch, as_it_lies=request.no_git)


def _command(request: AuditRequest) -> str:
    """How to get the audit again."""
    words = ["ophamin", "audit", recorded_path(request.target), f"--tools={','.join(dict.fromkeys(request.tools))}"]
    if request.config_dir is not None:
        words.append(f"--config-dir={recorded_path(request.config_dir)}")
    return shlex.join(words)


def _written(
    request: AuditRequest, audit: AuditRecord, known: KnownBaseline
) -> tuple[KnownBaseline, BaselineError | UpdateRefusedError | None]:
    """The baseline that lies there now, and why it is not a new one, if it is not."""
    try:
        made = rewrite_baseline(
            known.file,
            audit,
            request.root,
            files=request.files,
            may_rise=request.may_rise,
            branch=request.branch,
            as_it_lies=request.no_git,
        )
    except (BaselineError, UpdateRefusedError) as error:
        if isinstance(error, BaselineError) and error.reason != "rise":
            raise
        held = read_baseline(known.file) if known.file.exists() else None
        return KnownBaseline(known.file, held), error
    accepted = sum(one.count for one in made.accepted)
    counted = ", ".join(f"{tool} {number}" for tool, number in made.counts().items())
    note(f"{shown_path(known.file)}: {len(made.known)} known and {accepted} accepted findings ({counted})")
    return KnownBaseline(known.file, made), None


def _judged(
    request: AuditRequest, audit: AuditRecord, known: KnownBaseline | None, severity: FindingSeverity | None
) -> AuditReport:
    for line in known.notes if known else ():
        note(line)
    if known is None or known.baseline is None:
        return AuditReport(audit, judge(audit.pillars, fail_on=severity or FindingSeverity.HIGH), request.root)
    if severity is not None:
        note("--fail-on counts without a baseline; with one every finding that it does not hold blocks")
    ratchet = compare_to_baseline(
        audit, known.baseline, today=datetime.now(UTC).date(), root=request.root, files=request.files
    )
    return AuditReport(audit, judge(audit.pillars, ratchet=ratchet), request.root, ratchet, known.told)


def _show(report: AuditReport, form: Form) -> None:
    import sys

    if form is Form.TABLE:
        print_report(report)
    else:
        sys.stdout.write(rendered(report, form))


def _refused(refusal: BaselineError | UpdateRefusedError) -> int:
    if isinstance(refusal, BaselineError):
        return EXIT_PROBLEM
    return EXIT_UNDECIDED if refusal.reason == "incomplete" else EXIT_UNUSABLE


def _sealing(key_file: Path | None) -> Sealing:
    """With which key the record is signed: the one that is given, else the user's own, and in CI none."""
    from ophamin.cli.seal import take_signing_key
    from ophamin.core.keyfiles import user_key
    from ophamin.core.keys import KeyMaterialError
    from ophamin.plugin.signing import Sealing, user_key_folder

    signer = take_signing_key(key_file, os.environ)
    if signer is not None:
        return Sealing(signer, f"self-signed (L1), key {signer.public.key_id[:8]}")
    if os.environ.get("CI", "").lower() not in {"", "0", "false"}:
        return Sealing(None, "unsigned (L0): no key in CI")
    try:
        signer, _ = user_key(user_key_folder())
    except KeyMaterialError as error:
        return Sealing(None, f"unsigned (L0): {error}")
    return Sealing(signer, f"self-signed (L1), key {signer.public.key_id[:8]}, your own")


def _keep(audit: AuditRecord, folder: Path, sealing: Sealing, root: Path) -> None:
    from ophamin.plugin.folder import RecordFolder

    text = audit.dumps().encode("ascii")
    path = RecordFolder(folder).write_audit(audit, text, sealing.audit_envelopes(audit, text, git_facts(root)))
    note(f"{shown_path(path)}: {sealing.told}")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Where the process is asked to end, end its tools first: each is a session of its own and would stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(_number: int, _frame: Any) -> NoReturn:
    raise SystemExit(EXIT_TERMINATED)
