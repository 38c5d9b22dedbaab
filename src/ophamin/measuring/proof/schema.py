# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of a proof record, for readers in any language.

One schema (draft 2020-12) takes both versions: 1.0, where every value is defined, and 1.1, where observed and
statistic values may be null, ``datasets`` may be empty, and the outcome is INCONCLUSIVE. It judges the shape of a
file; whether the parts agree is for `EmpiricalProofRecord.validate`. ``schema.json`` beside this module is its text:
``python -m ophamin.measuring.proof.schema`` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ophamin.core.evidence import CROSS_CHECKS
from ophamin.core.text import visible
from ophamin.measuring.proof.sections import COMPARATORS, OUTCOMES

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

__all__ = ["SCHEMA_FILE", "proof_schema", "schema_errors", "schema_text"]

SCHEMA_FILE: Final = Path(__file__).with_name("schema.json")
"""Where the text of the schema lies in the distribution."""

_MOST_ERRORS: Final = 50
_LONGEST: Final = 300

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "number"}
_NUMBER_OR_NULL: Final = {"type": ["number", "null"]}
_FREE: Final = {"type": "object"}
_TIME: Final = {"type": "string", "format": "date-time"}


def proof_schema() -> dict[str, Any]:
    """The schema as a fresh dict.

    >>> proof_schema()["properties"]["schema_version"]
    {'enum': ['1.0', '1.1']}
    """
    properties = {
        "proof_id": _hex(64),
        "schema_version": {"enum": ["1.0", "1.1"]},
        "identity": _object({"ophamin_version": _TEXT, "ophamin_git_commit": _TEXT, "created_at": _TIME}),
        **_declared(),
        **_measured(),
        "provenance": _FREE,
        "signature": {"type": "string", "pattern": "^([0-9a-f]{64})?$", "maxLength": 64},
        "attestation": _object(
            {
                "author": {"type": "string", "minLength": 1},
                "algorithm": {"const": "ed25519"},
                "public_key": _hex(64),
                "signature": _hex(128),
            }
        ),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://ophamin.example/schema/empirical-proof-record/1.1",
        "title": "Empirical Proof Record",
        **_object(properties, optional=("attestation",)),
        "allOf": [_only_in("1.0", _defined()), _only_in("1.1", _undecided())],
        "$defs": {"threshold": _threshold()},
    }


def schema_text() -> str:
    """The text of ``schema.json``."""
    return json.dumps(proof_schema(), indent=2) + "\n"


def schema_errors(data: Any) -> tuple[str, ...]:
    """What is wrong with the shape of a parsed file, as ``a.b.c: message``; ``<root>`` is the top.

    Args:
        data: plain JSON values.

    Returns:
        Nothing for a good shape; at most 50 errors in the order of their paths.

    Example:
        >>> schema_errors([])
        ("<root>: [] is not of type 'object'",)
    """
    errors = list(islice(_validator().iter_errors(data), _MOST_ERRORS + 1))
    lines = [_explain(error) for error in sorted(errors[:_MOST_ERRORS], key=_place)]
    if len(errors) > _MOST_ERRORS:
        lines.append(f"<root>: more than {_MOST_ERRORS} errors; the rest is not shown")
    return tuple(lines)


def _declared() -> dict[str, Any]:
    """Claim and registration."""
    claim = {
        "statement": _TEXT,
        "operationalization": _TEXT,
        "threshold": {"$ref": "#/$defs/threshold"},
        "h0": _TEXT,
        "h1": _TEXT,
    }
    registration = {
        "config_hash": _TEXT,
        "data_hash": _TEXT,
        "analysis_plan": _TEXT,
        "sweep_grid": _FREE,
        "preregistered_at": _TIME,
    }
    return {"claim": _object(claim), "preregistration": _object(registration)}


def _measured() -> dict[str, Any]:
    """Data, evidence, verdict and reproduction."""
    dataset = {
        "name": _TEXT,
        "content_hash": _TEXT,
        "n_records": {"type": "integer", "minimum": 1},
        "source": _TEXT,
        "kind": _TEXT,
    }
    verdict = {
        "outcome": {"enum": list(OUTCOMES)},
        "observed_value": _NUMBER_OR_NULL,
        "threshold": {"$ref": "#/$defs/threshold"},
        "reasoning": {"type": "string", "minLength": 1},
    }
    reproduction = {
        "command": _TEXT,
        "environment": {"type": "object", "minProperties": 1, "additionalProperties": _TEXT},
        "lineage_chain": {"type": "array", "items": _TEXT},
    }
    return {
        "data": _object(
            {
                "substrate_name": _TEXT,
                "substrate_git_commit": _TEXT,
                "datasets": {"type": "array", "items": _object(dataset)},
            }
        ),
        "evidence": {"type": "array", "minItems": 1, "items": _object(_piece())},
        "verdict": _object(verdict),
        "reproduction": _object(reproduction),
    }


def _piece() -> dict[str, Any]:
    return {
        "pillar": _TEXT,
        "statistic_name": _TEXT,
        "statistic_value": _NUMBER_OR_NULL,
        "library": _TEXT,
        "library_version": _TEXT,
        "effect_size": _NUMBER_OR_NULL,
        "ci_low": _NUMBER_OR_NULL,
        "ci_high": _NUMBER_OR_NULL,
        "p_value": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "cross_check": {"enum": list(CROSS_CHECKS)},
        "detail": _FREE,
    }


def _threshold() -> dict[str, Any]:
    return _object({"metric": _TEXT, "comparator": {"enum": list(COMPARATORS)}, "value": _NUMBER, "units": _TEXT})


def _defined() -> dict[str, Any]:
    """What 1.0 asks beyond the common shape: every value is there."""
    return {
        "data": {"properties": {"datasets": {"minItems": 1}}},
        "evidence": {"items": {"properties": {"statistic_value": _NUMBER}}},
        "verdict": {"properties": {"observed_value": _NUMBER}},
    }


def _undecided() -> dict[str, Any]:
    """What 1.1 asks beyond the common shape: what is undefined decides nothing."""
    return {"verdict": {"properties": {"outcome": {"const": "INCONCLUSIVE"}}}}


def _only_in(version: str, properties: dict[str, Any]) -> dict[str, Any]:
    named = {"properties": {"schema_version": {"const": version}}, "required": ["schema_version"]}
    return {"if": named, "then": {"properties": properties}}


def _object(properties: dict[str, Any], *, optional: Iterable[str] = ()) -> dict[str, Any]:
    left_out = set(optional)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name in properties if name not in left_out],
        "properties": properties,
    }


def _hex(digits: int) -> dict[str, Any]:
    # The length as well: in some engines "$" also matches before a last newline.
    return {"type": "string", "pattern": f"^[0-9a-f]{{{digits}}}$", "maxLength": digits}


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(proof_schema())


def _place(error: ValidationError) -> tuple[str, ...]:
    return tuple(str(part).rjust(9, "0") if isinstance(part, int) else part for part in error.absolute_path)


def _explain(error: ValidationError) -> str:
    """One line for an error, with the way out where the library's own words do not show it."""
    message = error.message if len(error.message) <= _LONGEST else error.message[:_LONGEST] + "..."
    field = error.absolute_path[-1] if error.absolute_path else ""
    if field == "cross_check" and isinstance(error.instance, str):
        shown = error.instance[:60]
        message = f"{shown!r} is not one of {', '.join(CROSS_CHECKS)}; files from before 0.9.5 hold prose here"
    elif "then" in error.absolute_schema_path and "allOf" in error.absolute_schema_path:
        message += _because_of_version(field)
    return visible(f"{'.'.join(_spelled(error.absolute_path)) or '<root>'}: {message}")


def _because_of_version(field: str | int) -> str:
    if field == "outcome":
        return "; a 1.1 record has an undefined value and decides nothing"
    return "; only an INCONCLUSIVE record of schema_version 1.1 may leave this undefined"


def _spelled(path: Iterable[str | int]) -> Iterator[str]:
    return (str(part)[:60] for part in path)


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
