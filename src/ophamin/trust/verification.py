# SPDX-License-Identifier: Apache-2.0
"""What a verification answers: one code, a level, the words, and every step; and how a command ends on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from ophamin.trust.policy import Level
from ophamin.trust.redecide import Redecision

__all__ = ["LEGACY_HMAC", "STEP_NAMES", "Code", "State", "Step", "Verification", "exit_code"]

LEGACY_HMAC: Final = "legacy-hmac"
"""Stands where the ids of keys stand, for a record that an HMAC seal vouches for."""

STEP_NAMES: Final = (
    "read",
    "type",
    "signature",
    "key validity",
    "content",
    "subjects",
    "freshness",
    "registration",
    "verdict",
    "completeness",
)

State = Literal["pass", "fail", "not applicable", "not reached"]

_INCOMPLETE: Final = 3
_UNTRUSTED: Final = 4


class Code(StrEnum):
    """The one answer for one record."""

    OK = "OK"
    MALFORMED = "MALFORMED"
    WRONG_TYPE = "WRONG_TYPE"
    UNSIGNED = "UNSIGNED"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    KEY_EXPIRED = "KEY_EXPIRED"
    KEY_REVOKED = "KEY_REVOKED"
    KEY_PUBLIC = "KEY_PUBLIC"
    MISMATCH = "MISMATCH"
    STALE = "STALE"
    REPLAYED = "REPLAYED"
    UNREGISTERED = "UNREGISTERED"
    CONTRADICTION = "CONTRADICTION"
    INCOMPLETE = "INCOMPLETE"


@dataclass(frozen=True, slots=True)
class Step:
    """One of the ten steps.

    Attributes:
        number: from 1.
        name: one of `STEP_NAMES`.
        state: how it ended; ``not reached`` after the first failure.
        words: what was found; safe to print.
    """

    number: int
    name: str
    state: State
    words: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """What the ten steps found in one record. It has no truth value on purpose: look at the code.

    Attributes:
        path: where the record is; safe to print.
        code: OK, or what the first failing step says.
        level: what signatures show; ``L0`` for an unsigned record. It counts only where the code is OK.
        words: why, in one line; safe to print.
        steps: all ten.
        proof_id: id of the record; empty where none could be read.
        outcome: the verdict that the record states; empty where none could be read.
        claim: its statement; safe to print.
        claim_id: id in the lock of the claim that the record says it is of; empty where it was not looked up or found.
        system: name in the lock of the system under test; empty for none.
        attempt: number of the attempt that the record states; None where it states none.
        signed_by: ids of the keys, or `LEGACY_HMAC`.
        redecision: what deciding again gave; None where that was not reached.
    """

    path: str
    code: Code
    level: Level
    words: str
    steps: tuple[Step, ...]
    proof_id: str = ""
    outcome: str = ""
    claim: str = ""
    claim_id: str = ""
    system: str = ""
    attempt: int | None = None
    signed_by: tuple[str, ...] = ()
    redecision: Redecision | None = None

    def __bool__(self) -> bool:
        """Refuse: ``if verification`` would take every answer for a yes.

        Raises:
            TypeError: always.
        """
        raise TypeError("a verification is no yes or no; compare its code with Code.OK")

    def to_dict(self) -> dict[str, Any]:
        """The answer in plain JSON values."""
        again = self.redecision
        return {
            "path": self.path,
            "code": self.code.value,
            "level": self.level,
            "words": self.words,
            "proof_id": self.proof_id or None,
            "verdict": self.outcome or None,
            "claim": self.claim or None,
            "claim_id": self.claim_id or None,
            "system": self.system or None,
            "attempt": self.attempt,
            "signed_by": list(self.signed_by),
            "redecided": None if again is None else again.result.value,
            "steps": [
                {"number": one.number, "name": one.name, "state": one.state, "words": one.words} for one in self.steps
            ],
        }


def exit_code(answers: Iterable[Code]) -> int:
    """How a command ends: 0 all are OK, 4 one cannot be trusted, else 3 for what is incomplete or not registered.

    >>> exit_code([Code.OK]), exit_code([Code.INCOMPLETE, Code.STALE]), exit_code([Code.UNREGISTERED])
    (0, 4, 3)
    """
    wrong = set(answers) - {Code.OK}
    if not wrong:
        return 0
    return _INCOMPLETE if wrong <= {Code.INCOMPLETE, Code.UNREGISTERED} else _UNTRUSTED
