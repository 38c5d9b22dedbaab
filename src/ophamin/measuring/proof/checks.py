# SPDX-License-Identifier: Apache-2.0
"""What makes a proof record well-formed as a whole: the problems behind `EmpiricalProofRecord.validate`.

Types, finite numbers and known words are refused where a value is made; here stands what only the parts
together can show. Nothing here looks at a key or at a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from ophamin.core.timestamps import moment_of

if TYPE_CHECKING:
    from ophamin.measuring.proof.sections import ProofContent

__all__ = ["problems_of"]

_HEX_64: Final = re.compile(r"[0-9a-f]{64}")
_SHOWN: Final = 60


def problems_of(record: ProofContent) -> list[str]:
    """One line per problem, in the order of the record's sections; empty for a well-formed record."""
    return [problem for check in _CHECKS for problem in check(record)]


def _identity(record: ProofContent) -> Iterator[str]:
    if not record.ophamin_version.strip():
        yield "identity.ophamin_version is empty: say which version made the record"


def _claim(record: ProofContent) -> Iterator[str]:
    if not record.claim.statement.strip():
        yield "claim.statement is empty: a claim says something"
    if not record.claim.h0.strip() or not record.claim.h1.strip():
        yield "claim.h0 or claim.h1 is empty: state both hypotheses"


def _preregistration(record: ProofContent) -> Iterator[str]:
    registered = record.preregistration
    if not registered.config_hash.strip() or not registered.data_hash.strip():
        yield "preregistration.config_hash or data_hash is empty: hash what was fixed before the run"
    elif _HEX_64.fullmatch(registered.config_hash) is None:
        shown = registered.config_hash[:_SHOWN]
        yield f"preregistration.config_hash is {shown!r}: a SHA-256 has 64 lower-case hex digits"
    before = moment_of(registered.preregistered_at)
    after = moment_of(record.created_at)
    if before is None or after is None:
        yield "preregistered_at or created_at is no ISO 8601 time with an offset; write ...T12:00:00+00:00"
    elif before > after:
        yield (
            f"preregistered_at {registered.preregistered_at} is later than created_at {record.created_at}: "
            "a claim is registered before the run"
        )


def _data(record: ProofContent) -> Iterator[str]:
    if not record.datasets and record.schema_version == "1.0":
        yield "data.datasets is empty: name the data; only an INCONCLUSIVE 1.1 record may have none"
    for index, dataset in enumerate(record.datasets):
        if not dataset.content_hash.strip():
            yield f"data.datasets[{index}].content_hash is empty: hash the records that were used"
        if dataset.n_records <= 0:
            yield f"data.datasets[{index}].n_records is {dataset.n_records}: at least 1 record is needed"
    if not record.substrate_git_commit.strip():
        yield "data.substrate_git_commit is empty: name the revision of the system under test"


def _evidence(record: ProofContent) -> Iterator[str]:
    if not record.evidence:
        yield "evidence is empty: a verdict rests on at least one statistic"
    for index, piece in enumerate(record.evidence):
        if not piece.library.strip() or not piece.library_version.strip():
            yield f"evidence[{index}] has no library or library_version: say what computed the number"
        if piece.statistic_value is None and record.schema_version == "1.0":
            yield f"evidence[{index}].statistic_value is undefined: that takes a 1.1 record"


def _verdict(record: ProofContent) -> Iterator[str]:
    verdict = record.verdict
    if record.claim.threshold != verdict.threshold:
        yield (
            f"verdict.threshold ({verdict.threshold.describe()}) is not the claim's "
            f"({record.claim.threshold.describe()}): decide on the boundary that was claimed"
        )
    if verdict.observed_value is None:
        if record.schema_version == "1.0":
            yield "verdict.observed_value is undefined: that takes a 1.1 record"
        if verdict.outcome != "INCONCLUSIVE":
            yield f"verdict.outcome is {verdict.outcome} over an undefined value: that is INCONCLUSIVE"
    elif verdict.outcome != "INCONCLUSIVE":
        holds = verdict.threshold.decide(verdict.observed_value)
        if holds != (verdict.outcome == "VALIDATED"):
            yield (
                f"verdict.outcome {verdict.outcome} contradicts its threshold: observed "
                f"{verdict.observed_value!r} against {verdict.threshold.describe()}"
            )


def _undefined(record: ProofContent) -> Iterator[str]:
    if record.schema_version == "1.0":
        return
    if record.verdict.outcome != "INCONCLUSIVE":
        outcome = record.verdict.outcome
        yield f"verdict.outcome is {outcome} in a 1.1 record: what is undefined decides nothing"
    undefined = record.verdict.observed_value is None or not record.datasets
    if not undefined and all(piece.statistic_value is not None for piece in record.evidence):
        yield "schema_version is 1.1 but nothing is undefined: write a 1.0 record"


def _reproduction(record: ProofContent) -> Iterator[str]:
    if not record.reproduction.command.strip():
        yield "reproduction.command is empty: say how to get the verdict again"
    if not record.reproduction.environment:
        yield "reproduction.environment is empty: lock what was installed"


def _signature(record: ProofContent) -> Iterator[str]:
    if record.signature and _HEX_64.fullmatch(record.signature) is None:
        yield f"signature is {record.signature[:_SHOWN]!r}: it is empty or 64 lower-case hex digits"


_CHECKS: Final[tuple[Callable[[ProofContent], Iterator[str]], ...]] = (
    _identity,
    _claim,
    _preregistration,
    _data,
    _evidence,
    _verdict,
    _undefined,
    _reproduction,
    _signature,
)
