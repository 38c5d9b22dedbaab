# SPDX-License-Identifier: Apache-2.0
"""The HMAC seal."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.signing import DEFAULT_SIGN_KEY, PUBLIC_KEYS, SealKeyError, is_public_key, seal, seal_matches


@pytest.mark.parametrize(
    ("key", "body", "digest"),
    [  # RFC 4231, cases 1, 2 and 6
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ],
)
def test_the_seal_is_the_one_of_rfc_4231(key, body, digest):
    assert seal(body, key) == digest


@settings(max_examples=30, deadline=None)
@given(st.binary(), st.binary(min_size=1))
def test_the_seal_is_the_one_of_the_standard_library(body, key):
    assert seal(body, key) == hmac.new(key, body, hashlib.sha256).hexdigest()


def test_a_seal_matches_its_own_body_and_key():
    assert seal_matches(b"body", b"key", seal(b"body", b"key"))


@pytest.mark.parametrize("change", [(b"bodY", b"key"), (b"body", b"keY")])
def test_another_body_or_key_does_not_match(change):
    assert not seal_matches(*change, seal(b"body", b"key"))


@pytest.mark.parametrize("signature", ["", "0" * 64, "é" * 64, "\ud800", seal(b"body", b"key").upper()])
def test_what_is_no_seal_never_matches(signature):
    assert not seal_matches(b"body", b"key", signature)


def test_an_empty_key_makes_no_seal():
    with pytest.raises(SealKeyError, match="0 bytes"):
        seal(b"body", b"")


def test_an_empty_key_checks_no_seal():
    with pytest.raises(ValueError, match="0 bytes"):
        seal_matches(b"body", b"", hmac.new(b"", b"body", hashlib.sha256).hexdigest())


def test_five_keys_are_public_and_the_default_is_one_of_them():
    assert len(PUBLIC_KEYS) == 5
    assert is_public_key(DEFAULT_SIGN_KEY)


def test_a_key_that_only_begins_like_a_public_one_is_not_public():
    assert not is_public_key(DEFAULT_SIGN_KEY + b"1")
