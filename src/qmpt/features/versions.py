# SPDX-License-Identifier: Apache-2.0
"""The version string of anything that computes numbers from a configuration.

It has the form ``name@semver+digest``. The digest covers the whole resolved configuration, so that two numbers with
equal version strings were made in the same way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["version_string"]

DIGEST_LENGTH = 8
"""Hexadecimal digits of SHA-256 that are kept."""


def version_string(name: str, semver: str, config: Mapping[str, Any]) -> str:
    """Name what computed a number: ``<name>@<semver>+<8 hex digits>``.

    Args:
        name: of the estimator or feature specification.
        semver: version of its code.
        config: the resolved configuration, of plain values; the order of its keys does not matter.

    Raises:
        TypeError: a value that JSON cannot write.
        ValueError: a number that is not finite.

    Example:
        >>> version_string("text_v1", "1.0.0", {"seed": 0})
        'text_v1@1.0.0+bd048884'
    """
    canonical = json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{name}@{semver}+{hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_LENGTH]}"
