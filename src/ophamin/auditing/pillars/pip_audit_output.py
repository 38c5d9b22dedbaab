# SPDX-License-Identifier: Apache-2.0
"""What pip-audit prints, as vulnerabilities by package.

A package that was skipped is not one without vulnerabilities, although pip-audit ends with 0 over both. This module
starts nothing and asks nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ophamin.auditing.pillars.output_fields import as_text
from ophamin.auditing.pillars.requirement_lines import canonical_name
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["PipAuditOutputError", "Vulnerability", "read_output"]

_LONGEST: Final = 300


class PipAuditOutputError(OphaminError, ValueError):
    """What pip-audit printed is not what it prints in a version that is known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """One vulnerability of one package, under all its names.

    Attributes:
        id: the name that pip-audit prefers.
        names: that and all its aliases.
        fixed_in: versions without it.
        summary: what it is, in one line.
    """

    id: str
    names: frozenset[str]
    fixed_in: tuple[str, ...] = ()
    summary: str = ""


def read_output(stdout: bytes) -> dict[str, list[Vulnerability] | str]:
    """Read what ``pip-audit -f json`` printed.

    Args:
        stdout: the JSON.

    Returns:
        Canonical package name to its vulnerabilities, those that share a name counted once; or to the reason why it was
        skipped.

    Raises:
        PipAuditOutputError: it is no JSON, or of another form.

    Example:
        >>> read_output(b'{"dependencies": [{"name": "Six", "version": "1.16.0", "vulns": []}], "fixes": []}')
        {'six': []}
    """
    try:
        return {
            canonical_name(as_text(entry["name"])): (
                visible(as_text(entry["skip_reason"]))[:_LONGEST]
                if "skip_reason" in entry
                else _merged(_vulnerability(found) for found in entry["vulns"])
            )
            for entry in json.loads(stdout)["dependencies"]
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        what = visible(f"{type(error).__name__}: {error}"[:200])
        raise PipAuditOutputError(
            f"pip-audit printed what is not known here ({what}); use a version from 2.7 to 2.10"
        ) from error


def _vulnerability(data: Mapping[str, Any]) -> Vulnerability:
    summary = visible(" ".join(as_text(data.get("description") or "no summary").split()))
    return Vulnerability(
        id=as_text(data["id"]),
        names=frozenset([as_text(data["id"]), *map(as_text, data.get("aliases") or ())]),
        fixed_in=tuple(map(as_text, data["fix_versions"])),
        summary=summary if len(summary) <= _LONGEST else f"{summary[:_LONGEST]} ...",
    )


def _merged(found: Iterable[Vulnerability]) -> list[Vulnerability]:
    """Those that share a name made one, also where a third one ties two together."""
    merged: list[Vulnerability] = []
    for one in found:
        same = [other for other in merged if not other.names.isdisjoint(one.names)]
        first = same[0] if same else one
        names = one.names.union(*(other.names for other in same))
        fixed = tuple(dict.fromkeys(version for other in [*same, one] for version in other.fixed_in))
        merged = [other for other in merged if other not in same]
        merged.append(Vulnerability(id=first.id, names=names, fixed_in=fixed, summary=first.summary))
    return merged
