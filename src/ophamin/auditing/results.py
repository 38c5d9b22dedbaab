# SPDX-License-Identifier: Apache-2.0
"""What one pillar's run gave: status, findings, and counts derived from them.

The counts lie inside the signed body, so a result that was read keeps the ones it came with, in their order; whether
they add up is for `ophamin.auditing.checks` to say.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import field
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field

from ophamin.auditing.findings import Finding
from ophamin.auditing.states import Coverage, PillarState, PillarStatus
from ophamin.auditing.tallies import TOP, most_common, severity_histogram
from ophamin.core.canonical import MAX_SAFE_INTEGER
from ophamin.core.records import JsonMap, Number, RecordFieldError, Section, construct, exact_fields, record

__all__ = ["COVERAGE_KEY", "STATE_KEY", "Counts", "PillarResult", "pairs_from_wire"]

STATE_KEY: Final = "state"
"""Where the finer state of a run lies in ``extra``."""

COVERAGE_KEY: Final = "coverage"
"""Where its coverage lies in ``extra``."""

_Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
_Status = Annotated[int, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
_FIRST: Final = ("pillar_name", "tool_name", "tool_version", "status", "target_path")
_LAST: Final = ("raw_stdout_bytes", "raw_stderr_bytes", "exit_code", "wall_time_s", "error_message", "extra")
_COUNTED: Final = ("finding_count", "severity_histogram", "per_file_top10", "per_rule_top10")
_FROM_STATUS: Final[dict[PillarStatus, PillarState]] = {
    "unavailable": PillarState.UNAVAILABLE,
    "error": PillarState.CRASHED,
}


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@record
class Counts(Section):
    """What the wire says about a list of findings besides the list.

    Attributes:
        finding_count: how many there are.
        severity_histogram: how many of each severity that occurs.
        per_file_top10: at most 10 files with the most findings.
        per_rule_top10: at most 10 rules with the most findings.
    """

    finding_count: _Count
    severity_histogram: dict[str, _Count]
    per_file_top10: list[tuple[str, _Count]]
    per_rule_top10: list[tuple[str, _Count]]

    @classmethod
    def of(cls, findings: tuple[Finding, ...]) -> Self:
        """The counts that follow from the findings."""
        return cls(
            finding_count=len(findings),
            severity_histogram=severity_histogram(findings),
            per_file_top10=most_common((finding.path for finding in findings), TOP),
            per_rule_top10=most_common((finding.rule_id for finding in findings), TOP),
        )

    @classmethod
    def from_dict(cls, data: Any, *, path: str = "$") -> Self:
        """Read them from the wire, where a pair is a list of two."""
        fields = exact_fields(data, _COUNTED, path)
        for name in ("per_file_top10", "per_rule_top10"):
            fields[name] = pairs_from_wire(fields[name])
        return construct(cls, fields, path)

    def wire(self) -> dict[str, Any]:
        """The four fields; a pair is a list of two."""
        return {
            "finding_count": self.finding_count,
            "severity_histogram": self.severity_histogram,
            "per_file_top10": [list(pair) for pair in self.per_file_top10],
            "per_rule_top10": [list(pair) for pair in self.per_rule_top10],
        }


@record
class PillarResult(Section):
    """What one pillar found, or why it found nothing.

    Attributes:
        pillar_name: the pillar.
        tool_name: the tool it wraps.
        tool_version: what the tool says of its version, or empty.
        status: ok, unavailable or error; `state` says more.
        target_path: what was audited, relative to where the audit ran.
        findings: all of them, in the order of the tool.
        raw_stdout_bytes: size of the tool's output.
        raw_stderr_bytes: size of its messages.
        exit_code: how the process ended; None where there was none.
        wall_time_s: seconds from start to end.
        error_message: why the status is not ok, or empty.
        extra: plain JSON values: state, coverage, digest of the configuration, version of the severity table.

    Example:
        >>> result = PillarResult("ruff", "ruff", "ruff 0.17.5", "ok", "src", extra={"state": "ok"})
        >>> result.state.value, result.may_pass, result.finding_count
        ('ok', True, 0)
    """

    pillar_name: str
    tool_name: str
    tool_version: str
    status: PillarStatus
    target_path: str
    findings: Annotated[tuple[Finding, ...], BeforeValidator(_tuple)] = ()
    raw_stdout_bytes: _Count = 0
    raw_stderr_bytes: _Count = 0
    exit_code: _Status | None = None
    wall_time_s: Number = 0.0
    error_message: str = ""
    extra: JsonMap = field(default_factory=dict)
    _counts: Counts | None = field(default=None, init=False, repr=False)

    @property
    def counts(self) -> Counts:
        """The counts on the wire: those it was read with, or those that follow from the findings."""
        return self._counts or Counts.of(self.findings)

    @property
    def finding_count(self) -> int:
        """How many findings there are."""
        return len(self.findings)

    @property
    def severity_histogram(self) -> dict[str, int]:
        """How many findings there are of each severity that occurs."""
        return severity_histogram(self.findings)

    @property
    def state(self) -> PillarState:
        """How the run ended: ``extra["state"]``, or what the status alone says.

        Where the two contradict each other, it is the one that may not pass.
        """
        plain = _FROM_STATUS.get(self.status, PillarState.FINDINGS if self.findings else PillarState.OK)
        named = plain
        with suppress(ValueError):
            named = PillarState(self.extra.get(STATE_KEY))
        return plain if named.status != self.status and named.may_pass else named

    @property
    def may_pass(self) -> bool:
        """Whether a claim over this pillar's findings may be validated."""
        return self.state.may_pass

    @property
    def coverage(self) -> Coverage | None:
        """What the tool saw of what was listed; None where the pillar does not say, or not in this form."""
        with suppress(RecordFieldError):
            return Coverage.from_dict(self.extra.get(COVERAGE_KEY))
        return None

    def wire(self) -> dict[str, Any]:
        """The result in wire order, counts between findings and process facts."""
        counts = self.counts.wire()
        return {
            **{name: getattr(self, name) for name in _FIRST},
            "finding_count": counts.pop("finding_count"),
            "findings": [finding.wire() for finding in self.findings],
            **counts,
            **{name: getattr(self, name) for name in _LAST},
        }

    @classmethod
    def from_dict(cls, data: Any, *, path: str = "$", with_extra: bool = True) -> Self:
        """Read a result from its wire form.

        Args:
            data: an object with exactly the fields of the wire.
            path: where it stands in the record, for messages.
            with_extra: False for an audit/1.0 record, whose results have no ``extra``.

        Raises:
            RecordFieldError: a field is missing, unknown, or not of its type. Nothing is filled in.
        """
        last = _LAST if with_extra else _LAST[:-1]
        fields = exact_fields(data, (*_FIRST, *_COUNTED, "findings", *last), path)
        stored = Counts.from_dict({name: fields.pop(name) for name in _COUNTED}, path=path)
        listed = fields["findings"]
        if not isinstance(listed, list):
            raise RecordFieldError(f"{path}.findings", f"a {type(listed).__name__} stands where a list belongs")
        fields["findings"] = tuple(
            Finding.from_dict(item, path=f"{path}.findings[{index}]") for index, item in enumerate(listed)
        )
        made = construct(cls, fields, path)
        if not _same_text(stored, made.counts):
            object.__setattr__(made, "_counts", stored)
        return made


def pairs_from_wire(value: Any) -> Any:
    """Lists of two as tuples, which JSON does not know; what is no such list is left for the type to refuse."""
    if not isinstance(value, list):
        return value
    return [tuple(item) if isinstance(item, list) else item for item in value]


def _same_text(one: Counts, other: Counts) -> bool:
    """Whether both would be written alike: equal, and in the same order."""
    return one == other and list(one.severity_histogram) == list(other.severity_histogram)
