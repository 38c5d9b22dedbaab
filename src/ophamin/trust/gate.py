# SPDX-License-Identifier: Apache-2.0
"""The gate: may this commit be merged, by the records of one run and by the rules that stood before the change.

It verifies every record, decides each again, and compares the set of them with the lock at the merge base. Lock,
policy and keys come from git, never from the work tree. It runs nothing of the project and opens no connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath

from ophamin.core.text import visible
from ophamin.trust.base_files import MAX_BASELINE_BYTES, BaseFiles, GateError, open_base
from ophamin.trust.gate_checks import CHECKS, GateCheck, GateInput
from ophamin.trust.gate_decision import GateDecision
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.verify import verify_paths

__all__ = ["decide_gate"]


def decide_gate(
    folder: Path,
    *,
    start: Path,
    now: datetime,
    branch: str | None = None,
    event: str = "",
    policy_file: Path | None = None,
    baseline: str = "",
    checks: Sequence[GateCheck] = CHECKS,
) -> GateDecision:
    """Decide on the records of one run.

    Args:
        folder: what the run left, such as ``proofs/latest``.
        start: a folder in the repository; its HEAD is judged.
        now: the time, with an offset.
        branch: the protected branch; see `ophamin.measuring.lock_base.base_lock`.
        event: for which the policy may have other rules.
        policy_file: a policy that lies outside of the repository; None for the one at the merge base.
        baseline: path of a baseline from the lock's folder, to be read as it stood at the merge base; empty for none.
        checks: what is checked; the first one is about the claims.

    Raises:
        GateError: nothing can be decided; the error has the exit code.
        PolicyError: the policy cannot be used.

    Example:
        >>> import tempfile
        >>> from datetime import UTC
        >>> place = Path(tempfile.mkdtemp())
        >>> decide_gate(place, start=place, now=datetime(2026, 1, 1, tzinfo=UTC))
        Traceback (most recent call last):
        ...
        ophamin.trust.base_files.GateError: ... is in no git repository, so that nothing says what was locked before
    """
    if not folder.is_dir():
        raise GateError(
            f"{visible(str(folder))}: no such folder; give the one that the run left, such as proofs/latest"
        )
    base = open_base(start, branch)
    policy = _policy(base, policy_file)
    unknown_event = event if event not in policy.events else ""
    policy = policy.for_event(event)
    agreed = _baseline(base, baseline) if baseline else None
    answers = verify_paths(
        [folder],
        policy,
        commit=base.head,
        tree=base.tree,
        now=now,
        lock=base.lock,
        require_clean=True,
        only_own=True,
    )
    given = GateInput(folder, base, policy, now, tuple(answers), agreed, unknown_event)
    return GateDecision(
        checks=tuple(check(given) for check in checks),
        commit=base.head,
        tree=base.tree,
        base=base.commit,
        event=event,
        min_level=policy.min_level,
        policy_digest=policy.digest,
        lock_digest=base.lock.digest,
        now=now,
    )


def _policy(base: BaseFiles, file: Path | None) -> TrustPolicy:
    if file is None:
        return base.policy()
    if file.resolve().is_relative_to(base.git.top.resolve()):
        raise GateError(
            f"{visible(str(file))} lies in the repository, where the change that is judged can edit it; leave --policy "
            "out for the policy at the merge base, or give a file from outside"
        )
    return TrustPolicy.load(file)


def _baseline(base: BaseFiles, path: str) -> bytes:
    if ".." in PurePosixPath(path).parts or path.startswith("/"):
        raise GateError(f"{visible(path)} is no path below the folder of the lock; such as findings.txt")
    data = base.read(path, MAX_BASELINE_BYTES)
    if data is None:
        raise GateError(f"{visible(path)} did not stand at the merge base {base.commit[:12]}; merge a baseline first")
    return data
