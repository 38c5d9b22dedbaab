# SPDX-License-Identifier: Apache-2.0
"""The head that a run left, held against what is here: every record of the run, and nothing else."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from ophamin.core.records import RecordFieldError
from ophamin.trust.chain import ChainError, RunHead, read_head
from ophamin.trust.heads import HEAD_NAME
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.statements import HEAD, StatementError
from ophamin.trust.verification import Code
from ophamin.trust.verify_files import RecordFiles, UnreadableError
from ophamin.trust.verify_signatures import Refusal, open_signed

__all__ = ["bound_head"]


def bound_head(
    folder: Path,
    proofs: Collection[str],
    audits: Collection[str],
    policy: TrustPolicy,
    *,
    commit: str | None,
    tree: str | None,
    now: datetime,
) -> RunHead:
    """The head of a run, if it binds exactly these records and was made at this commit.

    Args:
        folder: of the run.
        proofs: SHA-256 of each record file that is here.
        audits: the same of each audit.
        policy: whose keys are taken, where the head is signed.
        commit: the verifier's; None leaves commits uncompared.
        tree: of that commit.
        now: the time, with an offset.

    Raises:
        Refusal: INCOMPLETE where there is no head, or fewer records than it says; REPLAYED where a record stands twice;
            MISMATCH where a record is not one of the run's, or the head is of another commit; or what is wrong with
            the head itself.
    """
    files = RecordFiles(folder / HEAD_NAME, is_ours=False)
    try:
        plain, envelope = files.proof(), files.envelope()
        found = [] if plain is None else [read_head(plain)]
        if envelope is not None:
            signed = open_signed(envelope, HEAD, policy, commit=commit, tree=tree, now=now, require_clean=bool(commit))
            found.append(RunHead.from_dict(dict(signed.statement.predicate)))
            if signed.statement.digest_of(HEAD_NAME) != found[-1].digest:
                raise Refusal(Code.MISMATCH, "statement and head are not of one run; reject the folder")
    except (UnreadableError, ChainError, RecordFieldError) as error:
        raise Refusal(Code.MALFORMED, str(error)) from error
    except StatementError as error:
        raise Refusal(Code(error.code), str(error)) from error
    if not found:
        told = "the run left no head, so nothing says how many records it wrote"
        raise Refusal(Code.INCOMPLETE, f"{told}; get the whole folder, {HEAD_NAME} with it")
    head = found[0]
    if head != found[-1]:
        raise Refusal(Code.MISMATCH, "the head is not the one that the run signed; get the folder anew")
    if commit is not None and head.commit != commit:
        told = (head.commit or "none")[:12]
        raise Refusal(Code.MISMATCH, f"the head is of the commit {told}, and {commit[:12]} is meant")
    _require_bound(head, proofs, audits)
    return head


def _require_bound(head: RunHead, proofs: Collection[str], audits: Collection[str]) -> None:
    whole = (*proofs, *audits)
    if len(set(whole)) != len(whole):
        raise Refusal(Code.REPLAYED, "a record stands in two places; a record counts once, remove the copy")
    if head.binds(whole):
        return
    told = f"the run wrote {head.count} records, and {len(whole)} are here"
    if len(whole) < head.count:
        raise Refusal(Code.INCOMPLETE, f"{told}; get the whole folder of the run")
    raise Refusal(Code.MISMATCH, f"{told}, at least one of them not of this run; get the folder as the run left it")
