# SPDX-License-Identifier: Apache-2.0
"""The statement about an audit: the whole record, and the commit that it was found at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from ophamin.trust.statements import AUDIT, Statement, Subject, git_subjects, make_statement

__all__ = ["AUDIT_ENVELOPE_NAME", "AUDIT_NAME", "MAX_AUDIT_BYTES", "audit_statement"]

AUDIT_NAME: Final = "audit.json"
AUDIT_ENVELOPE_NAME: Final = "audit.dsse.json"
MAX_AUDIT_BYTES: Final = 2**24
"""As much as the reader of audits takes."""


def audit_statement(
    wire: Mapping[str, Any], text: bytes, commit: str | None, tree: str | None, *, dirty: bool = False
) -> Statement:
    """The statement about one audit.

    Args:
        wire: the record as plain values.
        text: the bytes of ``audit.json``, which say the same.
        commit: see `ophamin.trust.statements.git_subjects`.
        tree: see there.
        dirty: see there.

    Example:
        >>> audit_statement({}, b"{}", None, None).subjects[0].name
        'audit.json'
    """
    file = Subject(AUDIT_NAME, {"sha256": hashlib.sha256(text).hexdigest()})
    return make_statement(AUDIT, (*git_subjects(commit, tree, dirty=dirty), file), {"record": dict(wire)})
