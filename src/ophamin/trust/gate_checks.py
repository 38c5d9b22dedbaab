# SPDX-License-Identifier: Apache-2.0
"""The checks of a gate, in their order: claims, records, the run, audits, and the rules themselves.

Each is a function of what the gate was given, and gives rows; `ophamin.trust.gate` goes through the list. A further
check is a further function in `CHECKS`, or in the list that a caller gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ophamin.core.text import visible
from ophamin.trust.base_files import BaseFiles
from ophamin.trust.gate_audits import check_audits
from ophamin.trust.gate_claims import check_claims, exit_of
from ophamin.trust.gate_decision import PASS, UNDECIDED, Checked, GateRow
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.verification import Code, Verification
from ophamin.trust.verify_runs import RunAnswer, verify_run

__all__ = ["CHECKS", "GateCheck", "GateInput"]


@dataclass(frozen=True)
class GateInput:
    """What every check of a gate is given.

    Attributes:
        folder: of the records.
        base: the rules as they stood at the merge base; also the commit that is judged, and its tree.
        policy: as it holds for this event.
        now: the time, with an offset.
        answers: about every record of the folder, verified against the lock at the base.
        baseline: the bytes of the baseline at the base; None where no path was given.
        unknown_event: the event, where the policy has no rules of its own for it; empty otherwise.
    """

    folder: Path
    base: BaseFiles
    policy: TrustPolicy
    now: datetime
    answers: tuple[Verification, ...]
    baseline: bytes | None = None
    unknown_event: str = ""


GateCheck = Callable[[GateInput], Checked]
"""Gives what it found; it raises for what no gate can go on after."""


def _claims(given: GateInput) -> Checked:
    return check_claims(given.base.lock, given.answers, given.policy)


def _records(given: GateInput) -> Checked:
    """Records that do not count: those that cannot be trusted, and exploratory ones, which are only told."""
    rows = tuple(
        GateRow(
            "EXPLORATORY" if one.code is Code.UNREGISTERED else one.code.value,
            one.path,
            one.words,
            exit_of(one.code),
            {"proof_id": one.proof_id or None, "verdict": one.outcome or None, "level": one.level},
        )
        for one in given.answers
        if one.code is not Code.OK
    )
    trusted = bool(given.answers) and all(row.exit_code == PASS for row in rows)
    return Checked("records", rows, ("OPHAMIN_RECORDS_TRUSTED",) if trusted else ())


def _run(given: GateInput) -> Checked:
    """The head of the run: it binds exactly the records that are here, and says which attempt they are."""
    answer = verify_run(
        given.folder,
        given.policy,
        commit=given.base.head,
        tree=given.base.tree,
        now=given.now,
        require_clean=True,
    )
    row = _head_row(given, answer)
    whole = answer is not None and answer.code is Code.OK and row.state == Code.OK
    return Checked("run", (row,), ("OPHAMIN_RUN_WHOLE",) if whole else ())


def _head_row(given: GateInput, answer: RunAnswer | None) -> GateRow:
    name = visible(str(given.folder)) if answer is None else answer.path
    lacking = UNDECIDED if given.policy.require_complete else PASS
    is_signed = any(one.signed_by for one in given.answers)
    if answer is None:
        words = "no head of the run is here, so that nothing shows whether a record was removed"
        return GateRow("MISSING", name, f"{words}; get the whole folder", lacking if is_signed else PASS)
    if answer.code is Code.UNSIGNED or (answer.code is Code.OK and answer.level == "L0" and is_signed):
        # like none at all: whoever removes the signed head may leave an unsigned one
        return GateRow("UNSIGNED", name, "the head of the run is not signed as its records are; seal the run", lacking)
    if answer.code is not Code.OK:
        exit_code = lacking if answer.code is Code.INCOMPLETE else exit_of(answer.code)
        return GateRow(answer.code.value, name, answer.words, exit_code)
    if answer.attempts > (most := given.policy.max_attempts):
        told = f"the run is attempt {answer.attempts} at this commit; the policy takes {most}"
        return GateRow("ATTEMPTS", name, f"{told}. Give the first ones, or have max_attempts raised", UNDECIDED)
    return GateRow(Code.OK.value, name, f"{answer.words} ({answer.level})")


def _audits(given: GateInput) -> Checked:
    return check_audits(given.folder, given.policy, commit=given.base.head, tree=given.base.tree, now=given.now)


def _rules(given: GateInput) -> Checked:
    """Rules that the change itself edits, and an event without rules: told, and without effect."""
    rows = [
        GateRow("EDITED", one.path, f"{one.words}; the one at {given.base.commit[:12]} counts until this is merged")
        for one in given.base.edits()
    ]
    rows += [
        GateRow(
            "BEHIND", path, "the protected branch holds another one by now; merge or rebase, and measure", UNDECIDED
        )
        for path in given.base.behind()
    ]
    if given.unknown_event:
        words = "the policy has no rules for this event, so its general ones hold"
        rows.append(GateRow("NO_RULES", visible(given.unknown_event), words))
    return Checked("rules", tuple(rows))


CHECKS: Final[tuple[GateCheck, ...]] = (_claims, _records, _run, _audits, _rules)
