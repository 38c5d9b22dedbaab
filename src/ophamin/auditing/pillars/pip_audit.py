# SPDX-License-Identifier: Apache-2.0
"""The pillar over pip-audit: known vulnerabilities in the versions that a tree is pinned to.

Only pins are audited, and nothing of the project is run, built or downloaded: the pins are read here, and pip-audit
gets a file of plain ``name==version`` lines, with resolving switched off, in an empty folder. It asks the OSV service
through a relay. A service that is not there, or that answers with something else than advisories, makes the pillar
unavailable; what has no pin, or no whole answer, makes it partial. Neither is ever "no vulnerabilities".
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, final

from ophamin.auditing.base import DEFAULT_OPTIONS, AuditOptions, AuditPillar
from ophamin.auditing.baseline import CONFIG_DIGEST_KEY, SEVERITY_TABLE_KEY
from ophamin.auditing.binaries import tool_environment
from ophamin.auditing.findings import Finding
from ophamin.auditing.pillars.cvss import advisory_score
from ophamin.auditing.pillars.installed import installed_version
from ophamin.auditing.pillars.osv_relay import DEFAULT_OSV_URL, OsvRelay, OsvServiceError
from ophamin.auditing.pillars.pins import Pin, Pins, pin_files, read_pins
from ophamin.auditing.pillars.pip_audit_output import PipAuditOutputError, Vulnerability, read_output
from ophamin.auditing.process import ToolRun, empty_folder
from ophamin.auditing.results import PillarResult
from ophamin.auditing.sessions import ToolSession, ToolStoppedError
from ophamin.auditing.severities import SeverityTable
from ophamin.auditing.states import Coverage, PillarState
from ophamin.core.canonical import content_hash
from ophamin.core.text import visible

__all__ = ["OSV_URL_VARIABLE", "PipAuditPillar"]

OSV_URL_VARIABLE: Final = "PIP_AUDIT_OSV_URL"
"""The environment variable that pip-audit itself takes the address of an OSV service from."""

_REQUIREMENTS: Final = "requirements.txt"
_OWN_ARGUMENTS: Final = (
    *("--vulnerability-service=osv", "--no-deps", "--disable-pip", f"--requirement={_REQUIREMENTS}"),
    *("--format=json", "--desc=on", "--aliases=on", "--progress-spinner=off", "--cache-dir=cache"),
)
_ANSWER_S: Final = 15.0  # for one answer of the service, which is pip-audit's own limit
_MOST_NAMED: Final = 100
_NO_PINS: Final = (
    "there are no pinned dependencies in {target}: pip-audit needs a pylock.toml, uv.lock, poetry.lock or "
    "requirements*.txt with exact versions (uv lock, poetry lock, pip-compile, pip freeze){ranges}"
)
_RANGES: Final = "; pyproject.toml names ranges, and resolving them would run code of the dependencies"


@final
class PipAuditPillar(AuditPillar):
    """Findings of pip-audit over lock files and requirements files.

    One finding for each package, version and vulnerability, at the line of the pin. In its ``extra``: ``package``,
    ``version``, ``aliases``, ``fixed_in`` and ``cvss``, the base score or None where nobody tells one.

    Args:
        osv_url: the query address of an OSV service; by default the one in ``PIP_AUDIT_OSV_URL``, or else OSV's own.
            https, or http on this machine.

    Example:
        >>> PipAuditPillar().name
        'pip-audit'
    """

    name: ClassVar[str] = "pip-audit"
    tool_binary: ClassVar[str] = "pip-audit"

    def __init__(self, *, osv_url: str | None = None) -> None:
        super().__init__()
        self._osv_url = osv_url

    def tool_version(self) -> str:
        """The version, without starting pip-audit where it is installed beside this interpreter: that takes 0.9 s."""
        binary = self.resolved_binary()
        known = installed_version(binary, "pip-audit") if binary else ""
        return f"pip-audit {known}" if known else super().tool_version()

    def run(self, target_path: str | Path, *, options: AuditOptions = DEFAULT_OPTIONS) -> PillarResult:
        """Audit the pins of a tree, or of one lock or requirements file.

        Args:
            target_path: a folder, or a file.
            options: with ``files``, only pins in one of these are read; the list has to hold the lock or requirements
                files then, not Python files alone.
        """
        binary = self.resolved_binary()
        if binary is None:
            return self.unavailable_result(target_path)
        target = Path(target_path)
        pins = _pins_of(target, options)
        audit = _Audit(self.name, options.severities, url=self._url)
        for gap in pins.gaps:
            audit.miss(gap.what, str(gap))
        with empty_folder() as folder:
            session = ToolSession(
                binary,
                folder,
                seconds=options.timeout_s,
                max_bytes=options.max_output_bytes,
                # pip-audit keeps files of its own at home, and on macOS would ask the system's proxy for the relay.
                environment=tool_environment() | {"HOME": str(folder), "NO_PROXY": "*", "no_proxy": "*"},
            )
            return self._told(target, pins, audit, session, min(_ANSWER_S, options.timeout_s))

    @property
    def _url(self) -> str:
        return self._osv_url or os.environ.get(OSV_URL_VARIABLE) or DEFAULT_OSV_URL

    def _told(self, target: Path, pins: Pins, audit: _Audit, session: ToolSession, seconds: float) -> PillarResult:
        version = self.tool_version()
        extra: dict[str, Any] = {
            CONFIG_DIGEST_KEY: content_hash(_OWN_ARGUMENTS),
            SEVERITY_TABLE_KEY: audit.severities.identity,
            "sources": pins.sources,
            "own_packages": pins.own,
        }
        try:
            for group in pins.rounds():
                audit.ask(group, session, seconds)
        except OsvServiceError as error:
            return self.unavailable_result(target, f"{error}; nothing is known of the dependencies")
        except ToolStoppedError as stopped:
            return self.error_result(
                target,
                str(stopped),
                state=stopped.state,
                findings=audit.findings,
                version=version,
                extra=extra,
                **session.facts,
            )
        listed = len(pins.pins) + len(pins.gaps)
        return self.finished_result(
            target,
            audit.findings,
            Coverage(listed=listed, seen=audit.seen, missed=audit.missed[:_MOST_NAMED]),
            version=version,
            message="; ".join(audit.reasons[:5]) if listed else _no_pins(target),
            extra={**extra, "service": audit.service},
            **session.facts,
        )


@dataclass(slots=True)
class _Audit:
    """What pip-audit has said so far."""

    pillar: str
    severities: SeverityTable
    url: str
    service: str = ""
    findings: list[Finding] = field(default_factory=list)
    seen: int = 0
    missed: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def miss(self, what: str, reason: str) -> None:
        """Say what was not audited, and why."""
        self.missed.append(what)
        self.reasons.append(reason)

    def ask(self, group: Sequence[Pin], session: ToolSession, seconds: float) -> None:
        """Have pins audited, no two of one package.

        Args:
            group: the pins.
            session: pip-audit.
            seconds: how long the service may take for one answer.

        Raises:
            OsvServiceError: the service gave no answer.
            ToolStoppedError: pip-audit did not do its work.
        """
        lines = "".join(f"{pin.name}=={pin.version}\n" for pin in group)
        (session.cwd / _REQUIREMENTS).write_text(lines, encoding="ascii")
        patience = math.ceil(seconds) + 5  # the relay gives up first, and says why
        with OsvRelay(self.url, seconds=seconds) as relay:
            ran = session.run(*_OWN_ARGUMENTS, f"--osv-url={relay.url}", f"--timeout={patience}")
        self.service = relay.service
        if relay.failure:
            raise OsvServiceError(relay.failure)
        self._take(group, _vulnerabilities(ran), relay)

    def _take(self, group: Sequence[Pin], found: Mapping[str, list[Vulnerability] | str], relay: OsvRelay) -> None:
        for pin in group:
            shown = f"{pin.name} {pin.version}"
            vulnerabilities = found.get(pin.name, "pip-audit does not name it")
            if isinstance(vulnerabilities, str):
                self.miss(shown, f"{shown} was skipped: {vulnerabilities}")
                continue
            for one in vulnerabilities:
                score = _score(one, relay.advisories.get(pin.name, ()))
                self.findings.append(_finding(pin, one, score, self.severities, self.pillar))
            if doubts := relay.doubts.get(pin.name):
                self.miss(shown, f"{shown}: {doubts[0]}")
            else:
                self.seen += 1


def _pins_of(target: Path, options: AuditOptions) -> Pins:
    allowed = None if options.files is None else frozenset(options.files)
    if not target.is_dir():
        named = pin_files([target.name]) or [name for name in [target.name] if name.endswith(".txt")]
        return read_pins(target.parent, named, allowed)
    return read_pins(target, pin_files(_names(target) if allowed is None else allowed), allowed)


def _names(root: Path) -> Iterator[str]:
    """Names at the top of a tree and in its folder of requirements."""
    for folder in (root, root / "requirements"):
        if folder == root or (folder.is_dir() and not folder.is_symlink()):
            yield from (path.relative_to(root).as_posix() for path in folder.iterdir())


def _vulnerabilities(ran: ToolRun) -> dict[str, list[Vulnerability] | str]:
    """What one run has found.

    Raises:
        ToolStoppedError: pip-audit did not do its work.
    """
    if ran.failure or ran.exit_code not in (0, 1) or not ran.stdout.strip():
        said = f": {ran.complaint}" if ran.complaint else ""
        raise ToolStoppedError(PillarState.CRASHED, f"pip-audit {ran.how_it_ended}{said}")
    try:
        return read_output(ran.stdout)
    except PipAuditOutputError as error:
        raise ToolStoppedError(PillarState.INVALID_OUTPUT, str(error)) from None


def _finding(pin: Pin, found: Vulnerability, cvss: float | None, severities: SeverityTable, pillar: str) -> Finding:
    fixed = f" (fixed in {', '.join(found.fixed_in)})" if found.fixed_in else ""
    extra = {
        "package": pin.name,
        "version": pin.version,
        "aliases": sorted(found.names - {found.id}),
        "fixed_in": list(found.fixed_in),
        "cvss": cvss,
    }
    return Finding(
        pillar_name=pillar,
        rule_id=found.id,
        severity=severities.pip_audit(found.id, cvss=cvss),
        message=f"{pin.name} {pin.version} has a known vulnerability: {found.summary}{fixed}",
        path=pin.path if pin.line else f"<dependency:{pin.name}>",
        line=pin.line,
        extra=extra,
    )


def _score(found: Vulnerability, advisories: Iterable[Mapping[str, Any]]) -> float | None:
    """The greatest score that any advisory of this vulnerability tells."""
    scores = (advisory_score(entry) for entry in advisories if not found.names.isdisjoint(_names_of(entry)))
    return max((score for score in scores if score is not None), default=None)


def _names_of(advisory: Mapping[str, Any]) -> set[str]:
    aliases = advisory.get("aliases")
    others = aliases if isinstance(aliases, list) else []
    return {advisory["id"], *(name for name in others if isinstance(name, str))}


def _no_pins(target: Path) -> str:
    """Why there is nothing to audit, and what to give."""
    if not target.exists():
        return f"{visible(target.name)} is not there; give a file or a folder"
    ranges = _RANGES if (target / "pyproject.toml").exists() else ""
    return _NO_PINS.format(target=visible(target.name or "."), ranges=ranges)
