# SPDX-License-Identifier: Apache-2.0
"""Reading a signed record once, where the statement in the envelope holds the record of the file, text for text.

A statement carries the whole record, and the file beside it holds it once more. Where the payload is the file's record
in canonical text with the rest of the statement around it, one reading is both. Everything else is left to the full
reading; whether the file is the signed one is not looked at here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from ophamin.core import strictjson
from ophamin.core.jsontext import compact_sorted
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.trust.redecide import named_observations
from ophamin.trust.statements import MAX_STATEMENT_BYTES, STATEMENT_TYPE, Statement, StatementError, read_statement

__all__ = ["read_together"]

MOST_BYTES: Final = 1024 + MAX_STATEMENT_BYTES // strictjson.BYTES_PER_VALUE
"""A payload of no more bytes keeps every limit on size and number of values, whatever is in it."""


def read_together(
    payload: bytes, proof_json: bytes, *, predicate_types: Collection[str]
) -> tuple[Statement, EmpiricalProofRecord] | None:
    """The statement and its record, read from the file; None where that would not be sure to be the same.

    The payload has to begin with the fixed members of a statement about a proof and the canonical text of the record.
    What is left is read strictly with ``null`` in the record's place: one whole value stands there as well as another,
    so the payload is JSON exactly where that is. The record's text comes from values that were read strictly, and no
    free map of a record is so deep that two more levels are too many.

    Args:
        payload: the bytes that were verified.
        proof_json: the file.
        predicate_types: see `ophamin.trust.statements.read_statement`.

    Returns:
        What reading the payload alone would give, free maps in the order of the file; subjects are not yet compared.

    Example:
        >>> read_together(b"{}", b"{}", predicate_types=()) is None
        True
    """
    if len(payload) > MOST_BYTES:
        return None
    try:
        wire = strictjson.loads(proof_json)
        record, text = EmpiricalProofRecord.with_text(wire)
        before = _before(record)
        after = payload.removeprefix(before + text.encode("ascii"))
        if len(after) == len(payload):
            return None
        statement = read_statement(before + b"null" + after, predicate_types=predicate_types)
    except (ValueError, StatementError):
        return None
    predicate: Mapping[str, Any] = {**statement.predicate, "record": wire}
    return replace(statement, predicate=predicate, data=payload), record


def _before(record: EmpiricalProofRecord) -> bytes:
    """What stands before the record in the canonical text of its statement."""
    named = compact_sorted(named_observations(record))
    return f'{{"_type":"{STATEMENT_TYPE}","predicate":{{"observations_sha256":{named},"record":'.encode("ascii")
