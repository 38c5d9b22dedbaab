# SPDX-License-Identifier: Apache-2.0
"""Times as records write them: ISO 8601 with an offset, so that any two can be compared."""

from __future__ import annotations

from datetime import datetime

__all__ = ["moment_of"]


def moment_of(text: str) -> datetime | None:
    """The time that ``text`` stands for, or None where it is none, or has no offset to compare it by.

    Example:
        >>> moment_of("2026-11-21T12:00:00+00:00") < moment_of("2026-11-21T12:00:00-01:00")
        True
        >>> moment_of("2026-11-21T12:00:00") is None
        True
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
