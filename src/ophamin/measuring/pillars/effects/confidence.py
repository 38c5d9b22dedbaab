# SPDX-License-Identifier: Apache-2.0
"""The check of a confidence level, where it is declared and before anything is computed."""

from __future__ import annotations

from ophamin.errors import ClaimError

__all__ = ["require_confidence"]


def require_confidence(confidence: object) -> None:
    """Raise `ClaimError` where a confidence does not lie between 0 and 1.

    >>> require_confidence(0.95)
    """
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)) or not 0.0 < confidence < 1.0:
        raise ClaimError(f"the confidence is {str(confidence)[:40]}; it lies between 0 and 1, such as 0.95")
