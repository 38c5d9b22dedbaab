# SPDX-License-Identifier: Apache-2.0
"""Whose signature an envelope bears, whether it counts now, and of which commit the statement in it speaks.

What a proof, an audit and the head of a run have in common. What the statement says beyond that is for the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ophamin.core import dsse
from ophamin.core.keyring import RingKey
from ophamin.core.text import visible
from ophamin.trust import statements
from ophamin.trust.policy import ROLE_LEVELS, Level, TrustPolicy
from ophamin.trust.verification import Code

__all__ = ["Refusal", "Signed", "check_git_subjects", "check_same", "level_of", "open_signed", "signers_of"]


class Refusal(Exception):  # noqa: N818 - ends one verification; whoever goes the steps makes an answer of it
    """Something does not pass: ``code`` says what, ``words`` say why and are safe to print."""

    def __init__(self, code: Code, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = visible(words)


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement whose signature counts.

    Attributes:
        statement: as it was signed.
        level: what the signature shows.
        signed_by: ids of the keys.
    """

    statement: statements.Statement
    level: Level
    signed_by: tuple[str, ...]


def open_signed(
    data: bytes,
    kind: str,
    policy: TrustPolicy,
    *,
    commit: str | None,
    tree: str | None,
    now: datetime,
    require_clean: bool = False,
) -> Signed:
    """Read an envelope that is not a proof's, and check signature, keys, kind, commit and tree.

    Args:
        data: the envelope.
        kind: the predicate type that it has to be of, compared exactly.
        policy: as it holds for this event.
        commit: see `check_git_subjects`.
        tree: see `check_git_subjects`.
        now: the time, with an offset.
        require_clean: see `check_git_subjects`.

    Raises:
        Refusal: the first thing that does not pass.

    Example:
        >>> from datetime import UTC
        >>> when = datetime(2026, 1, 1, tzinfo=UTC)
        >>> try:
        ...     open_signed(b"{}", statements.HEAD, TrustPolicy.lenient(), commit=None, tree=None, now=when)
        ... except Refusal as refusal:
        ...     refusal.code.value
        'MALFORMED'
    """
    try:
        envelope = dsse.parse_envelope(data, payload_types=policy.payload_types)
        level, signed_by = level_of(signers_of(envelope, policy), policy, now)
        statement = statements.read_statement(envelope.payload, predicate_types=(kind,))
    except (dsse.EnvelopeError, statements.StatementError) as error:
        raise Refusal(Code(error.code), str(error)) from error
    check_git_subjects(statement, policy, commit=commit, tree=tree, require_clean=require_clean)
    return Signed(statement, level, signed_by)


def signers_of(envelope: dsse.Envelope, policy: TrustPolicy) -> dict[str, list[RingKey]]:
    """The keys that signed, by each role in which enough of them did; the algorithm is the key's, never the envelope's.

    Raises:
        Refusal: in no role that reaches the least level did enough keys sign.
    """
    refused: list[dsse.EnvelopeError] = []
    signers: dict[str, list[RingKey]] = {}
    for role in policy.roles():
        keys = policy.ring.with_role(role)
        try:
            made = dsse.verify(envelope, [key.public for key in keys], threshold=policy.threshold(role))
        except dsse.EnvelopeError as error:
            refused.append(error)
        else:
            signers[role] = [key for key in keys if key.key_id in made]
    if not signers:
        worst = next((one for one in refused if one.code == "BAD_SIGNATURE"), refused[0])
        raise Refusal(Code(worst.code), f"{worst} (roles: {', '.join(policy.roles())})")
    return signers


def level_of(
    signers: Mapping[str, Sequence[RingKey]], policy: TrustPolicy, now: datetime
) -> tuple[Level, tuple[str, ...]]:
    """The best level that keys give which are valid now, and their ids; nobody witnesses when a signature was made.

    Raises:
        Refusal: too few of the keys are valid; a revoked one goes before an expired one.
    """
    problems: list[tuple[Code, str]] = []
    for role, keys in signers.items():
        valid = [key for key in keys if key.status(now, witnessed=False) == "valid"]
        if len(valid) >= policy.threshold(role):
            return ROLE_LEVELS[role], tuple(key.key_id for key in valid)
        problems += [_invalid(key, now) for key in keys if key not in valid]
    raise Refusal(*next((one for one in problems if one[0] is Code.KEY_REVOKED), problems[0]))


def check_git_subjects(
    statement: statements.Statement,
    policy: TrustPolicy,
    *,
    commit: str | None,
    tree: str | None,
    require_clean: bool = False,
) -> str:
    """Check that a statement speaks of exactly one commit and one tree, and that they are these.

    Args:
        statement: whose signature was verified.
        policy: at L2 a tree that differed from its commit is no evidence.
        commit: what the verifier has checked out; None leaves commits uncompared.
        tree: the tree of that commit; None leaves trees uncompared.
        require_clean: refuse such a tree at every level.

    Returns:
        What was compared, in words; empty for nothing.

    Raises:
        Refusal: another commit or tree, several, none, or a tree that differed.
    """
    for what, mine, algorithm in (("commit", commit, "gitCommit"), ("tree", tree, "gitTree")):
        if mine is not None:
            check_same(what, statement.digests(algorithm), mine)
    if any(one.dirty for one in statement.subjects):
        if require_clean or policy.min_level == "L2":
            raise Refusal(Code.MISMATCH, "the work tree differed from the commit; commit, and run again")
        return "a work tree that differed from the commit"
    return "" if commit is None else "this commit"


def check_same(what: str, theirs: tuple[str, ...], mine: str) -> None:
    """Do nothing where exactly this commit or tree is stated.

    Raises:
        Refusal: another one, several, or none.
    """
    if theirs != (mine,):
        shown = ", ".join(one[:12] for one in theirs) or "none"
        raise Refusal(
            Code.MISMATCH,
            f"the {what} is {shown}, and {mine[:12]} is checked out; check that one out, or leave git aside",
        )


def _invalid(key: RingKey, now: datetime) -> tuple[Code, str]:
    status, short = key.status(now, witnessed=False), key.key_id[:12]
    if status == "revoked":
        return Code.KEY_REVOKED, f"the key {short} was revoked, and nobody witnesses an earlier time; sign with another"
    if status == "expired":
        return Code.KEY_EXPIRED, f"the key {short} is valid until {key.valid_until}; sign with a valid one"
    return Code.KEY_EXPIRED, f"the key {short} is valid from {key.valid_from} on only; mend the policy or the clock"
