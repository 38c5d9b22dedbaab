# SPDX-License-Identifier: Apache-2.0
"""Verify records, in ten steps and in this order: who says it, of what, since when, and does it follow.

The answer is one word of `Code` with its reason and the steps that led there; never a bare yes. What the verifier
compares with (policy, keys, commit, tree, lock, time) is given by the caller, who takes it from a place that the author
of a record cannot write. The steps are in `ophamin.trust.verify_steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ophamin.measuring.lock_claims import Lock
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.verification import STEP_NAMES, Code, Step, Verification
from ophamin.trust.verify_files import files_of, record_paths
from ophamin.trust.verify_steps import Check

__all__ = ["MANY", "verify_paths", "verify_record"]

MANY: Final = 400
"""From so many records on, several processes earn the time that it takes to start them."""

CHUNK: Final = 16
FRESHNESS: Final = 7


def verify_record(
    path: Path,
    policy: TrustPolicy,
    *,
    commit: str | None,
    tree: str | None,
    now: datetime,
    lock: Lock | None = None,
    secrets: Sequence[bytes] = (),
    require_clean: bool = False,
) -> Verification:
    """Verify one record.

    Args:
        path: its folder, or its file; ``proof.dsse.json`` and ``observations.json.gz`` are looked for beside it.
        policy: as it holds for this event; see `TrustPolicy.for_event`.
        commit: what the verifier has checked out, 40 or 64 hex digits; None leaves commits uncompared.
        tree: the tree of that commit; None leaves trees uncompared.
        now: the time, with an offset.
        lock: the registered claims; None leaves registration unjudged.
        secrets: keys that old HMAC seals may have been made with.
        require_clean: refuse at every level, not at L2 alone, what was measured in a work tree that differed from its
            commit; an unsigned record then has to name this commit and say that its tree was clean.

    Returns:
        The answer; nothing in a file raises.

    Example:
        >>> import tempfile
        >>> from datetime import UTC
        >>> folder = Path(tempfile.mkdtemp())
        >>> answer = verify_record(folder, TrustPolicy.lenient(), commit=None, tree=None, now=datetime.now(UTC))
        >>> answer.code.value, answer.level, answer.steps[0].state
        ('MALFORMED', 'L0', 'fail')
    """
    return Check(files_of(path), policy, commit, tree, now, lock, tuple(secrets), require_clean).run()


def verify_paths(
    paths: Iterable[Path],
    policy: TrustPolicy,
    *,
    commit: str | None,
    tree: str | None,
    now: datetime,
    lock: Lock | None = None,
    secrets: Sequence[bytes] = (),
    require_clean: bool = False,
    only_own: bool = False,
    jobs: int = -1,
) -> Iterator[Verification]:
    """Verify every record of files and folders, in the order of the paths; a record that stands twice is REPLAYED.

    From `MANY` records on the work is shared among processes; answers come in the same order, a few at a time.

    Args:
        paths: see `ophamin.trust.verify_files.record_paths`.
        policy: see `verify_record`.
        commit: see `verify_record`.
        tree: see `verify_record`.
        now: see `verify_record`.
        lock: see `verify_record`.
        secrets: see `verify_record`.
        require_clean: see `verify_record`.
        only_own: of folders, take the records that have a folder of their own, and leave other JSON files alone.
        jobs: most processes; -1 for one on each processor.

    Raises:
        RecordPathError: nothing is at one of the paths.
    """
    files = list(dict.fromkeys(file for path in paths for file in record_paths(path, only_own=only_own)))
    how = partial(
        _verify_some,
        policy=policy,
        commit=commit,
        tree=tree,
        now=now,
        lock=lock,
        secrets=tuple(secrets),
        require_clean=require_clean,
    )
    return _replays_marked(_spread(files, how, jobs if len(files) >= MANY else 1))


def _verify_some(files: Sequence[Path], **how: Any) -> list[Verification]:
    return [verify_record(file, **how) for file in files]


def _spread(files: list[Path], how: Callable[..., list[Verification]], jobs: int) -> Iterator[Verification]:
    if jobs == 1:
        for file in files:
            yield from how([file])
        return
    from joblib import Parallel, delayed

    rest = iter(files)
    chunks = iter(lambda: list(islice(rest, CHUNK)), [])
    work = Parallel(n_jobs=jobs, return_as="generator", batch_size=1, pre_dispatch="4*n_jobs")
    for some in work(delayed(how)(chunk) for chunk in chunks):
        yield from some


def _replays_marked(answers: Iterable[Verification]) -> Iterator[Verification]:
    seen: dict[str, str] = {}
    for one in answers:
        if one.code is Code.OK and one.proof_id in seen:
            yield _replayed(one, seen[one.proof_id])
            continue
        if one.code is Code.OK:
            seen[one.proof_id] = one.path
        yield one


def _replayed(one: Verification, first: str) -> Verification:
    """The answer for a record that was verified under another path already."""
    words = f"the same record stands in {first}; a record counts once"
    step = Step(FRESHNESS, STEP_NAMES[FRESHNESS - 1], "fail", words)
    after = (Step(later.number, later.name, "not reached") for later in one.steps[FRESHNESS:])
    return replace(one, code=Code.REPLAYED, words=words, steps=(*one.steps[: FRESHNESS - 1], step, *after))
