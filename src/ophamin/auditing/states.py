# SPDX-License-Identifier: Apache-2.0
"""How the run of a tool can end, and how much of the tree it saw.

The wire knows three statuses: ok, unavailable, error. The seven states here say more, and lie in ``extra["state"]``
of a result. A state is found from parsed output and from coverage, never from an exit code alone: bandit ends with 0
over a file that it could not parse, ruff with 1 over a path that is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import Enum
from typing import Annotated, Final, Literal

from pydantic import Field

from ophamin.core.canonical import MAX_SAFE_INTEGER
from ophamin.core.records import Section, record

__all__ = ["STATUSES", "Coverage", "PillarState", "PillarStatus", "state_of"]

PillarStatus = Literal["ok", "unavailable", "error"]
"""What the wire says of a tool's run."""

_Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]


class PillarState(str, Enum):  # noqa: UP042 - like `FindingSeverity`; StrEnum changes str() of a member
    """How the run of a tool ended.

    >>> [state.value for state in PillarState if state.may_pass]
    ['ok', 'findings']
    >>> PillarState.PARTIAL.status
    'error'
    """

    OK = "ok"
    """Everything was looked at, and nothing was found."""
    FINDINGS = "findings"
    """Everything was looked at, and something was found."""
    PARTIAL = "partial"
    """Something was not looked at; what was found is kept."""
    UNAVAILABLE = "unavailable"
    """The tool, or the service that it asks, is not there."""
    TIMEOUT = "timeout"
    """The tool was stopped after its time."""
    CRASHED = "crashed"
    """The tool ended without doing its work."""
    INVALID_OUTPUT = "invalid_output"
    """What the tool printed is not what it prints in a version that is known here."""

    @property
    def status(self) -> PillarStatus:
        """The status on the wire."""
        return STATUSES[self]

    @property
    def may_pass(self) -> bool:
        """Whether a claim over the findings may be validated; without full coverage, few findings show nothing."""
        return self in {PillarState.OK, PillarState.FINDINGS}


STATUSES: Final[dict[PillarState, PillarStatus]] = {
    PillarState.OK: "ok",
    PillarState.FINDINGS: "ok",
    PillarState.PARTIAL: "error",
    PillarState.UNAVAILABLE: "unavailable",
    PillarState.TIMEOUT: "error",
    PillarState.CRASHED: "error",
    PillarState.INVALID_OUTPUT: "error",
}
"""State to status. A partial run is an error on the wire, so that an older reader does not take it for clean."""


@record
class Coverage(Section):
    """What a tool was to look at, and what it saw; files, or dependencies.

    Attributes:
        listed: how many were to be looked at.
        seen: how many of them the tool accounts for.
        missed: names of some that it did not look at, relative to the tree.

    Example:
        >>> Coverage(listed=3, seen=3).complete, Coverage(listed=0, seen=0).complete
        (True, False)
    """

    listed: _Count
    seen: _Count
    missed: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether everything was looked at, and there was something to look at."""
        return self.listed > 0 and self.seen >= self.listed and not self.missed


def state_of(findings: Sequence[object], coverage: Coverage) -> PillarState:
    """The state of a run whose output was understood.

    Example:
        >>> state_of([], Coverage(listed=2, seen=1)).value
        'partial'
    """
    if not coverage.complete:
        return PillarState.PARTIAL
    return PillarState.FINDINGS if findings else PillarState.OK
