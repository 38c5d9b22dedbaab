# SPDX-License-Identifier: Apache-2.0
"""The contract of an audit pillar: a static-analysis tool in, a `PillarResult` with findings out.

A pillar never hides a failure: a missing tool is `AuditPillar.unavailable_result`, a run that failed is
`AuditPillar.error_result`, and what ran is `AuditPillar.finished_result`, which asks what was listed and what was
seen. Running the tool safely and reading its output is the matter of each pillar; running several is not its matter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, ClassVar, Final, TypedDict, Unpack, final

from ophamin.auditing.binaries import ask, find_binary
from ophamin.auditing.findings import Finding, FindingSeverity
from ophamin.auditing.results import COVERAGE_KEY, STATE_KEY, PillarResult
from ophamin.auditing.severities import SEVERITIES, SeverityTable
from ophamin.auditing.states import Coverage, PillarState, PillarStatus, state_of
from ophamin.core.environment import Redactor
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = [
    "DEFAULT_OPTIONS",
    "AuditOptions",
    "AuditPillar",
    "AuditPillarError",
    "Coverage",
    "Finding",
    "FindingSeverity",
    "PillarResult",
    "PillarState",
    "PillarStatus",
    "RunFacts",
    "recorded_path",
    "state_of",
]

_LONGEST_MESSAGE: Final = 2000


class AuditPillarError(OphaminError, ValueError):
    """A pillar is declared or used in a form that cannot be honoured."""


class RunFacts(TypedDict, total=False):
    """What is known of a process that ran; what is left out is as in `PillarResult`."""

    exit_code: int | None
    raw_stdout_bytes: int
    raw_stderr_bytes: int
    wall_time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What whoever runs an audit decides for every pillar.

    Attributes:
        files: regular files below the target, relative to it, with forward slashes; None where the pillar lists for
            itself. A pillar looks at no other file.
        severities: the severity table, with the project's overrides.
        timeout_s: seconds for the whole run of the pillar.
        max_output_bytes: how much of a tool's output is read; more is `PillarState.INVALID_OUTPUT`.
        cache_dir: a folder that may keep what is costly; None keeps nothing.
        config_dir: a folder with trusted configuration; None runs every tool with none but the pillar's own.
    """

    files: tuple[str, ...] | None = None
    severities: SeverityTable = SEVERITIES
    timeout_s: float = 600.0
    max_output_bytes: int = 64 * 2**20
    cache_dir: Path | None = None
    config_dir: Path | None = None


DEFAULT_OPTIONS: Final = AuditOptions()


class AuditPillar(ABC):
    """One external static-analysis tool.

    A subclass sets ``name`` and ``tool_binary`` and writes `run`. It may set ``version_arguments``.

    Attributes:
        name: the pillar, as it stands in records.
        tool_binary: the command to look up, a plain name.
        version_arguments: what makes the tool print its version on one line.

    Raises:
        AuditPillarError: on making an instance: ``name`` or ``tool_binary`` is missing or no plain name.

    Example:
        >>> class Lint(AuditPillar):
        ...     name = "lint"
        ...     tool_binary = "no-such-lint"
        ...     def run(self, target_path, *, options=DEFAULT_OPTIONS):
        ...         return self.unavailable_result(target_path)
        >>> Lint.is_available(), Lint().run("src").state.value
        (False, 'unavailable')
    """

    name: ClassVar[str] = ""
    tool_binary: ClassVar[str] = ""
    version_arguments: ClassVar[tuple[str, ...]] = ("--version",)

    def __init__(self) -> None:
        kind = type(self).__name__
        if not isinstance(self.name, str) or not self.name.strip():
            raise AuditPillarError(f"{kind}.name is {self.name!r}; give the pillar a name")
        binary = self.tool_binary
        if not isinstance(binary, str) or not binary.strip() or PurePath(binary).name != binary:
            raise AuditPillarError(f"{kind}.tool_binary is {binary!r}; give the plain name of a command")

    @classmethod
    def resolved_binary(cls) -> Path | None:
        """The absolute path of the tool: beside the running interpreter, else on PATH; None where it is in neither."""
        return find_binary(cls.tool_binary)

    @classmethod
    def is_available(cls) -> bool:
        """Whether the tool is there."""
        return cls.resolved_binary() is not None

    def tool_version(self) -> str:
        """What the tool says of its version, in one line; empty where it is missing or says nothing in time."""
        binary = self.resolved_binary()
        return visible(ask([binary, *self.version_arguments])) if binary else ""

    @abstractmethod
    def run(self, target_path: str | Path, *, options: AuditOptions = DEFAULT_OPTIONS) -> PillarResult:
        """Run the tool and say what it found.

        It raises nothing for what a tool or a tree does: a missing tool is `unavailable_result`, everything else
        that goes wrong is `error_result`.

        Args:
            target_path: a file or a folder.
            options: see `AuditOptions`.
        """

    @final
    def unavailable_result(self, target_path: str | Path, message: str = "") -> PillarResult:
        """The result where the tool, or the service that it asks, is not there.

        Args:
            target_path: what was to be audited.
            message: why; by default that the tool is not installed.
        """
        why = (
            message
            or f"{self.tool_binary} is not installed here or on PATH; install pytest-ophamin[audit], or the tool"
        )
        return self._result(target_path, PillarState.UNAVAILABLE, "", (), why, {}, {})

    @final
    def error_result(
        self,
        target_path: str | Path,
        message: str,
        *,
        state: PillarState = PillarState.CRASHED,
        findings: Sequence[Finding] = (),
        version: str = "",
        extra: Mapping[str, Any] | None = None,
        **facts: Unpack[RunFacts],
    ) -> PillarResult:
        """The result of a run that failed, whole or in part.

        Args:
            target_path: what was audited.
            message: what went wrong; kept without control characters, absolute paths and values of the environment, and
                at most 2,000 characters long.
            state: timeout, crashed, invalid_output or partial.
            findings: those that were made all the same.
            version: what the tool says of its version.
            extra: plain JSON values to keep.
            **facts: exit code, sizes of the output, seconds.

        Raises:
            AuditPillarError: the state is not one of a failed run.
        """
        if state.status != "error":
            raise AuditPillarError(
                f"{state.value} is no state of a failed run; use finished_result or unavailable_result"
            )
        return self._result(target_path, state, version, findings, message, extra or {}, facts)

    @final
    def finished_result(
        self,
        target_path: str | Path,
        findings: Sequence[Finding],
        coverage: Coverage,
        *,
        version: str = "",
        message: str = "",
        extra: Mapping[str, Any] | None = None,
        **facts: Unpack[RunFacts],
    ) -> PillarResult:
        """The result of a run whose output was understood: ok, findings, or partial where something was not seen.

        Args:
            target_path: what was audited.
            findings: all of them.
            coverage: what was listed, what the tool saw; kept in ``extra``.
            version: what the tool says of its version.
            message: why something was not seen; made from the coverage where empty.
            extra: plain JSON values to keep.
            **facts: exit code, sizes of the output, seconds.
        """
        state = state_of(findings, coverage)
        why = "" if state.may_pass else message or _incomplete(coverage)
        kept = {**(extra or {}), COVERAGE_KEY: coverage.to_dict()}
        return self._result(target_path, state, version, findings, why, kept, facts)

    def _result(
        self,
        target_path: str | Path,
        state: PillarState,
        version: str,
        findings: Sequence[Finding],
        message: str,
        extra: Mapping[str, Any],
        facts: RunFacts,
    ) -> PillarResult:
        shown = visible(Redactor.from_process(Path.cwd()).redact(message)) if message else ""
        return PillarResult(
            pillar_name=self.name,
            tool_name=self.tool_binary,
            tool_version=version,
            status=state.status,
            target_path=recorded_path(target_path),
            findings=tuple(findings),
            error_message=shown if len(shown) <= _LONGEST_MESSAGE else shown[:_LONGEST_MESSAGE] + " ... (cut)",
            extra={**extra, STATE_KEY: state.value},
            **facts,
        )


def recorded_path(target: str | Path) -> str:
    """A path as records name it: relative to the working folder, or its last part alone; never absolute.

    >>> recorded_path("src/a.py"), recorded_path("/somewhere/else/tree"), recorded_path(Path.cwd())
    ('src/a.py', 'tree', '.')
    """
    path = Path.cwd() / target
    if path.is_relative_to(Path.cwd()) and ".." not in PurePath(target).parts:
        return path.relative_to(Path.cwd()).as_posix()
    return path.resolve().name or "."


def _incomplete(coverage: Coverage) -> str:
    if coverage.listed == 0:
        return "there was nothing to look at; give a path that holds files for this tool"
    named = f": {', '.join(coverage.missed[:5])}" if coverage.missed else ""
    return f"the tool saw {coverage.seen} of {coverage.listed}{named}; its findings say nothing of the rest"
