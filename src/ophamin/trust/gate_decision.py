# SPDX-License-Identifier: Apache-2.0
"""What a gate decides: rows of several checks, one exit code, and the same as JSON and as a statement for others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ophamin.trust.statements import Statement
from ophamin.trust.svr import PASSED, make_svr

__all__ = [
    "DECIDED_NEGATIVE",
    "GATE_FORMAT",
    "MACHINERY",
    "PASS",
    "UNDECIDED",
    "UNTRUSTED",
    "USAGE",
    "Checked",
    "GateDecision",
    "GateRow",
    "worst_exit",
]

GATE_FORMAT: Final = "ophamin.gate.v1"

PASS: Final = 0
DECIDED_NEGATIVE: Final = 1
"""A claim is REFUTED."""
USAGE: Final = 2
"""The command, the policy or the lock at the base cannot be used."""
UNDECIDED: Final = 3
"""Something is missing, not registered, or INCONCLUSIVE."""
UNTRUSTED: Final = 4
"""A record cannot be trusted, or its verdict does not follow from its observations."""
MACHINERY: Final = 5
"""The gate itself, or git, failed."""

_WORST_FIRST: Final = (USAGE, MACHINERY, UNTRUSTED, DECIDED_NEGATIVE, UNDECIDED, PASS)

_WAYS_OUT: Final[Mapping[int, str]] = {
    PASS: "",
    DECIDED_NEGATIVE: "mend the system; if the claim itself is wrong, amend ophamin.lock with a reason in a change of "
    "its own, and merge that first",
    UNDECIDED: "run all scenarios at this commit (pytest --ophamin) and give the whole folder; what a change does to "
    "ophamin.lock counts once it is merged",
    UNTRUSTED: "do not merge on these records; get the folder again as the run left it, or measure this commit anew",
}


def worst_exit(codes: Iterable[int]) -> int:
    """The exit code of several reasons: 2 before 5, 4, 1, 3 and 0.

    >>> worst_exit([0, 3, 1]), worst_exit([1, 4]), worst_exit([])
    (1, 4, 0)
    """
    return min(codes, key=_WORST_FIRST.index, default=PASS)


@dataclass(frozen=True, slots=True)
class GateRow:
    """One line of a gate.

    Attributes:
        state: one word, such as VALIDATED, MISSING or EDITED.
        name: of what: a claim's id, a file; safe to print.
        words: why, with the way out; safe to print.
        exit_code: how the gate would end if this were all; 0 for what is only told.
        facts: more of it for the JSON form, as plain values.
    """

    state: str
    name: str
    words: str
    exit_code: int = PASS
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The row in plain JSON values."""
        told = {"state": self.state, "name": self.name, "words": self.words, "exit_code": self.exit_code}
        return {**told, **self.facts}


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check of a gate found.

    Attributes:
        name: of the check.
        rows: what it found, good and bad.
        properties: what it showed, by the names that a verification result lists.
    """

    name: str
    rows: tuple[GateRow, ...]
    properties: tuple[str, ...] = ()


@dataclass(frozen=True)
class GateDecision:
    """What a gate decided. It has no truth value on purpose: look at ``exit_code``.

    Attributes:
        checks: in their order; the first is about the claims.
        commit: that was judged.
        tree: of that commit.
        base: the merge base, from which the rules were read.
        event: for which the policy was asked; empty for none.
        min_level: the least level that the policy demands.
        policy_digest: SHA-256 of the policy file.
        lock_digest: digest of the lock at the base.
        now: when.
    """

    checks: tuple[Checked, ...]
    commit: str
    tree: str
    base: str
    event: str
    min_level: str
    policy_digest: str
    lock_digest: str
    now: datetime

    def __bool__(self) -> bool:
        """Refuse: ``if decision`` would take every decision for a pass.

        Raises:
            TypeError: always.
        """
        raise TypeError("a decision is no yes or no; compare its exit_code with 0")

    @property
    def exit_code(self) -> int:
        """How the command ends; see `worst_exit`."""
        return worst_exit(row.exit_code for check in self.checks for row in check.rows)

    @property
    def properties(self) -> tuple[str, ...]:
        """What was shown, sorted; with `ophamin.trust.svr.PASSED` where the gate passed."""
        shown = {name for check in self.checks for name in check.properties}
        return tuple(sorted({*shown, PASSED} if self.exit_code == PASS else shown))

    @property
    def summary(self) -> str:
        """The decision in one line: how many claims came to what."""
        claims = self.checks[0].rows if self.checks else ()
        counts = Counter(row.state for row in claims)
        told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none is locked"
        other = sum(row.exit_code != PASS for check in self.checks[1:] for row in check.rows)
        more = f"; {other} further problem{'s' if other > 1 else ''}" if other else ""
        head = "gate passed" if self.exit_code == PASS else f"gate failed ({self.exit_code})"
        return f"{head}: {len(claims)} claim{'' if len(claims) == 1 else 's'}: {told}{more}"

    @property
    def way_out(self) -> str:
        """What to do about the worst reason; empty for a pass."""
        return _WAYS_OUT[self.exit_code]

    def to_dict(self) -> dict[str, Any]:
        """The decision in plain JSON values, of the format `GATE_FORMAT`."""
        return {
            "format": GATE_FORMAT,
            "exit_code": self.exit_code,
            "passed": self.exit_code == PASS,
            "summary": self.summary,
            "way_out": self.way_out or None,
            "commit": self.commit,
            "tree": self.tree,
            "base": self.base,
            "event": self.event or None,
            "policy": {"sha256": self.policy_digest, "min_level": self.min_level},
            "lock": {"digest": self.lock_digest},
            "properties": list(self.properties),
            "checks": [{"name": check.name, "rows": [row.to_dict() for row in check.rows]} for check in self.checks],
        }

    def statement(self) -> Statement:
        """The decision as an in-toto Simple Verification Result; see `ophamin.trust.svr`."""
        return make_svr(
            self.properties,
            commit=self.commit,
            tree=self.tree,
            now=self.now,
            base=self.base,
            policy=self.policy_digest,
            lock=self.lock_digest,
            event=self.event,
        )
