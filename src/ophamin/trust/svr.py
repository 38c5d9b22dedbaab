# SPDX-License-Identifier: Apache-2.0
"""The decision of a gate as a statement for others: in-toto's Simple Verification Result, version 0.1.

It lists the properties that were verified, and nothing else: a property that is not there was not shown. A gate that
did not pass leaves a result too, without `PASSED`. Source: in-toto attestation framework, predicate type svr v0.1,
https://github.com/in-toto/attestation/blob/main/spec/predicates/svr.md.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from ophamin.core.environment import ophamin_version
from ophamin.trust.statements import Statement, git_subjects, make_statement

__all__ = ["PASSED", "SVR", "VERIFIER", "make_svr"]

SVR: Final = "https://in-toto.io/attestation/svr/v0.1"

VERIFIER: Final = "urn:ophamin:gate:v1"
"""Who verified; the number goes up when a property comes to mean something else."""

PASSED: Final = "OPHAMIN_GATE_PASSED"
"""The property of a gate that passed."""


def make_svr(
    properties: Collection[str],
    *,
    commit: str,
    tree: str,
    now: datetime,
    base: str,
    policy: str = "",
    lock: str = "",
    event: str = "",
) -> Statement:
    """The statement about one commit and its tree.

    Args:
        properties: what was verified; written in sorted order.
        commit: that was judged.
        tree: of that commit.
        now: when, with an offset.
        base: the merge base, from which the rules were read.
        policy: SHA-256 of the policy file; empty for none.
        lock: digest of the lock at the base (`ophamin.measuring.lock_claims.Lock.digest`); empty for none.
        event: for which the policy was asked; empty for none.

    Raises:
        ValueError: the time has no offset.
        MalformedStatementError: commit or tree is no digest.

    Example:
        >>> when = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
        >>> made = make_svr([PASSED], commit="ab" * 20, tree="cd" * 20, now=when, base="ef" * 20)
        >>> made.predicate["timeCreated"], made.predicate["properties"]
        ('2026-11-23T09:30:00Z', ['OPHAMIN_GATE_PASSED'])
    """
    if now.tzinfo is None:
        raise ValueError(f"the time {now.isoformat()} has no offset from UTC; give one")
    created = now.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    digests = {"policy": policy, "lock": lock}
    verifier = {
        "id": VERIFIER,
        "version": {"ophamin": ophamin_version()},
        "base": {"digest": {"gitCommit": base}},
        **{name: {"digest": {"sha256": digest}} for name, digest in digests.items() if digest},
        **({"event": event} if event else {}),
    }
    predicate = {"verifier": verifier, "timeCreated": created, "properties": sorted(properties)}
    return make_statement(SVR, git_subjects(commit, tree), predicate)
