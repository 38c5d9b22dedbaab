# SPDX-License-Identifier: Apache-2.0
"""Step 10 of a verification: the head of a run, and whether the records that are here are all of its records.

The head is read from the folder in which the run left it, as a hostile file like any other. It shows that no record was
removed or exchanged since it was made; that it is the only head of that commit shows nothing here, but to whoever saw
an earlier one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ophamin.core.canonical import NotCanonicalError, canonical_bytes
from ophamin.core.dsse import MAX_ENVELOPE_BYTES
from ophamin.core.strictjson import MAX_BYTES
from ophamin.core.text import visible
from ophamin.trust.audits import AUDIT_NAME, MAX_AUDIT_BYTES
from ophamin.trust.chain import ChainError, RunHead, read_head, verify_chain
from ophamin.trust.heads import HEAD_ENVELOPE_NAME, HEAD_NAME, HEADS_NAME, MAX_HEADS_BYTES
from ophamin.trust.policy import Level, TrustPolicy
from ophamin.trust.statements import HEAD, StatementError
from ophamin.trust.verification import STEP_NAMES, Code, Step, Verification
from ophamin.trust.verify_files import UnreadableError, own_record_paths, read_bounded
from ophamin.trust.verify_signatures import Refusal, check_same, open_signed

__all__ = ["RunAnswer", "find_runs", "verify_run", "with_runs"]

MAX_HEAD_BYTES: Final = 4096
COMPLETENESS: Final = 10


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """What the head of a run shows. It has no truth value on purpose: look at the code.

    Attributes:
        folder: where the run left its records.
        path: the head's file; safe to print.
        code: OK, INCOMPLETE (a record or an earlier head is missing), MISMATCH (a record that is not of this run,
            another commit, heads that do not follow each other), or what is wrong with its signature.
        level: what signatures show; ``L0`` for an unsigned head.
        words: why, in one line; safe to print.
        head: as it was read; None where it could not be.
        attempts: at the head's commit, as far as this head and those before it tell; 0 without a head.
    """

    folder: Path
    path: str
    code: Code
    level: Level
    words: str
    head: RunHead | None = None
    attempts: int = 0

    def __bool__(self) -> bool:
        """Refuse: ``if answer`` would take every answer for a yes.

        Raises:
            TypeError: always.
        """
        raise TypeError("the answer about a run is no yes or no; compare its code with Code.OK")


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """The folders, among and below the given ones, that hold the head of a run; in the order of their paths."""
    names = (HEAD_NAME, HEAD_ENVELOPE_NAME)
    return sorted({found.parent for path in paths if path.is_dir() for name in names for found in path.rglob(name)})


def verify_run(
    folder: Path,
    policy: TrustPolicy,
    *,
    commit: str | None,
    tree: str | None,
    now: datetime,
    require_clean: bool = False,
) -> RunAnswer | None:
    """Verify the head of a run, and that it binds exactly the records below its folder.

    Args:
        folder: of the run.
        policy: as it holds for this event.
        commit: see `ophamin.trust.verify.verify_record`.
        tree: see there.
        now: see there.
        require_clean: see there.

    Returns:
        None where the folder holds no head; nothing in a file raises.

    Example:
        >>> import tempfile
        >>> from datetime import UTC
        >>> now = datetime(2026, 1, 1, tzinfo=UTC)
        >>> verify_run(Path(tempfile.mkdtemp()), TrustPolicy.lenient(), commit=None, tree=None, now=now) is None
        True
    """
    path = folder / HEAD_ENVELOPE_NAME
    level: Level = "L0"
    head: RunHead | None = None
    attempts = 0
    try:
        data = read_bounded(path, MAX_ENVELOPE_BYTES)
        if data is None:
            path = folder / HEAD_NAME
            plain = read_bounded(path, MAX_HEAD_BYTES)
            if plain is None:
                return None
            head = _unsigned(plain, policy, commit)
        else:
            git: dict[str, Any] = {"commit": commit, "tree": tree, "now": now, "require_clean": require_clean}
            level, head = _signed(data, policy, git)
        earlier = _earlier(folder, head)
        attempts = max(head.attempt, sum(one.commit == head.commit for one in [*earlier, head]))
        words = _bound(folder, head)
    except (Refusal, StatementError, UnreadableError, ChainError, NotCanonicalError) as error:
        code = Code(error.code) if isinstance(error, (Refusal, StatementError)) else Code.MALFORMED
        return RunAnswer(folder, visible(str(path)), code, level, visible(str(error)), head, attempts)
    return RunAnswer(folder, visible(str(path)), Code.OK, level, words, head, attempts)


def with_runs(answers: Iterable[Verification], runs: Sequence[RunAnswer]) -> Iterator[Verification]:
    """Answers whose last step says what the head of their run shows; a record that was OK has the code of that.

    Args:
        answers: about records.
        runs: about the folders that hold them; a record in none of them keeps its answer.
    """
    inner_first = sorted(runs, key=lambda run: len(run.folder.parts), reverse=True)
    starts = [(f"{visible(str(run.folder))}/" if run.folder != Path() else "", run) for run in inner_first]
    for one in answers:
        run = next((run for start, run in starts if one.path.startswith(start)), None)
        if run is None or one.code is not Code.OK:
            yield one
            continue
        is_fine = run.code is Code.OK
        step = Step(COMPLETENESS, STEP_NAMES[COMPLETENESS - 1], "pass" if is_fine else "fail", run.words)
        words = one.words if is_fine else run.words
        yield replace(one, code=run.code, words=words, steps=(*one.steps[: COMPLETENESS - 1], step))


def _unsigned(data: bytes, policy: TrustPolicy, commit: str | None) -> RunHead:
    head = read_head(data)
    if policy.min_level != "L0":
        raise Refusal(Code.UNSIGNED, f"the head is not signed; {policy.min_level} is needed. Seal the run")
    if commit is not None and head.commit is not None:
        check_same("commit of the head", (head.commit,), commit)
    return head


def _signed(data: bytes, policy: TrustPolicy, git: dict[str, Any]) -> tuple[Level, RunHead]:
    signed = open_signed(data, HEAD, policy, **git)
    head = read_head(canonical_bytes(dict(signed.statement.predicate)))
    if signed.statement.digest_of(HEAD_NAME) != head.digest:
        raise Refusal(Code.MISMATCH, f"no subject is this head, {head.digest[:12]}; do not use the statement")
    if git["commit"] is not None:
        check_same("commit of the head", () if head.commit is None else (head.commit,), git["commit"])
    return signed.level, head


def _earlier(folder: Path, head: RunHead) -> list[RunHead]:
    """The heads before this one, as far as they are here: none, or all of them."""
    data = read_bounded(folder / HEADS_NAME, MAX_HEADS_BYTES)
    if data is None:
        return []
    earlier = [read_head(line) for line in data.splitlines()]
    if earlier and earlier[-1] == head:  # a process that was killed has left it in both places
        earlier.pop()
    if problems := verify_chain([*earlier, head]):
        worst = next((one for one in problems if one.kind != "gap"), problems[0])
        code = Code.INCOMPLETE if worst.kind == "gap" else Code.MISMATCH
        raise Refusal(code, f"the heads do not form a chain: {worst.message}")
    return earlier


def _bound(folder: Path, head: RunHead) -> str:
    digests = set()
    for path in own_record_paths(folder):
        with suppress(UnreadableError):  # which the record's own verification says
            if (data := read_bounded(path, MAX_BYTES)) is not None:
                digests.add(hashlib.sha256(data).hexdigest())
    for path in sorted(folder.glob(f"audit/*/{AUDIT_NAME}")):
        if (data := read_bounded(path, MAX_AUDIT_BYTES)) is not None:
            digests.add(hashlib.sha256(data).hexdigest())
    if head.binds(digests):
        return f"the head of the run binds these {head.count} records"
    told = f"the head of the run binds {head.count} records, and {len(digests)} are here"
    if len(digests) < head.count:
        raise Refusal(Code.INCOMPLETE, f"{told}; one was removed, get the whole folder of the run")
    what = "one is not of this run" if len(digests) > head.count else "not the same ones, one was exchanged"
    raise Refusal(Code.MISMATCH, f"{told}: {what}; get the folder as the run left it")
