# SPDX-License-Identifier: Apache-2.0
"""The seal of the 1.0 records: HMAC-SHA256 under a shared secret.

A seal shows that the bytes were not changed by anyone without the key. It does not show who made them: whoever can
check a seal can make one. Five keys stand in public source; what they seal is sealed by nobody.
"""

from __future__ import annotations

import hmac
from typing import Final

from ophamin.errors import OphaminError

__all__ = ["DEFAULT_SIGN_KEY", "PUBLIC_KEYS", "SECRET_BYTES", "SealKeyError", "is_public_key", "seal", "seal_matches"]

SECRET_BYTES: Final = 32
"""A shorter secret can be guessed."""

DEFAULT_SIGN_KEY: Final = b"ophamin-scenario-proof-key"
"""The key of scenarios and campaigns when none is given. It is public."""

PUBLIC_KEYS: Final = frozenset(
    {
        DEFAULT_SIGN_KEY,
        b"ophamin-audit-default-key",
        b"ophamin-inventory-default-key",
        b"ophamin-canonical-test-key-v1",
        b"ophamin-default-sign-key",
    }
)
"""Every key that was ever published; none of them shows anything about an origin."""


class SealKeyError(OphaminError, ValueError):
    """A key cannot be used to make or check a seal."""


def seal(body: bytes, key: bytes) -> str:
    """HMAC-SHA256 (RFC 2104, FIPS 180-4) of ``body`` under ``key``, as 64 hex digits.

    Raises:
        SealKeyError: the key is empty.

    Example:
        >>> seal(b"what do ya want for nothing?", b"Jefe")  # RFC 4231, case 2
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'
    """
    if not key:
        raise SealKeyError("the sealing key has 0 bytes; give at least 1, or leave the record unsigned")
    return hmac.digest(key, body, "sha256").hex()


def seal_matches(body: bytes, key: bytes, signature: str) -> bool:
    """Whether ``signature`` is the seal of ``body`` under ``key``, compared in constant time.

    An empty signature is an unsigned record and never matches. A match under a public key shows nothing: ask
    `is_public_key` too.

    Raises:
        SealKeyError: the key is empty.

    Example:
        >>> seal_matches(b"body", b"key", seal(b"body", b"key"))
        True
        >>> seal_matches(b"body", b"key", "")
        False
    """
    expected = seal(body, key)
    return hmac.compare_digest(expected.encode("ascii"), signature.encode("utf-8", "backslashreplace"))


def is_public_key(key: bytes) -> bool:
    """Whether ``key`` stands in public source, so that anyone can seal with it.

    >>> is_public_key(DEFAULT_SIGN_KEY), is_public_key(b"my own")
    (True, False)
    """
    return key in PUBLIC_KEYS
