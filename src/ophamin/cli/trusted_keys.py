# SPDX-License-Identifier: Apache-2.0
"""Whose signatures a command takes: the trust policy, the keys that are given with it, and the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ophamin.cli.output import fail, note

if TYPE_CHECKING:
    from ophamin.core.keyring import RingKey
    from ophamin.core.keys import PublicKey
    from ophamin.trust.policy import TrustPolicy

__all__ = ["given_keys", "load_policy", "ring_key", "with_keys"]


def load_policy(file: Path | None) -> TrustPolicy:
    """The policy of a file, else of the project; without one any level passes, and the user's own key is trusted."""
    from ophamin.settings import project_root
    from ophamin.trust.policy import POLICY_NAME, TrustPolicy

    path = file or project_root(Path.cwd()) / POLICY_NAME
    if file is not None or path.exists():
        return TrustPolicy.load(path)
    return with_keys(TrustPolicy.lenient(), _own_key())


def _own_key() -> list[RingKey]:
    """The user's own key, where there is one; none is made here."""
    from ophamin.core.keyfiles import USER_KEY_NAME, load_private_key
    from ophamin.core.keys import KeyMaterialError
    from ophamin.plugin.signing import user_key_folder

    path = user_key_folder() / USER_KEY_NAME
    if not path.exists():
        return []
    try:
        return [ring_key(load_private_key(path).public)]
    except KeyMaterialError as error:
        note(f"your own key is not used: {error}")
        return []


def given_keys(files: Sequence[Path]) -> tuple[list[RingKey], tuple[bytes, ...]]:
    """Public keys, and the secrets of old seals, told apart by their text."""
    from ophamin.cli.records import MAX_KEY_BYTES, read_keys
    from ophamin.core.keys import KeyMaterialError, read_public_key

    keys: list[RingKey] = []
    secrets: list[bytes] = []
    for file in files:
        if not file.is_file():
            fail(f"{file}: no such file; give --key a public key in PEM, or the file of an HMAC secret")
        with file.open("rb") as handle:
            data = handle.read(MAX_KEY_BYTES + 1)
        if b"-----BEGIN" not in data:
            secrets += read_keys(file)
            continue
        try:
            keys.append(ring_key(read_public_key(data)))
        except KeyMaterialError as error:
            fail(f"{file}: {error}")
    return keys, tuple(secrets)


def ring_key(public: PublicKey) -> RingKey:
    """A key in the lowest role."""
    from ophamin.core.keyring import RingKey

    return RingKey(public, frozenset({"self"}))


def with_keys(policy: TrustPolicy, keys: Iterable[RingKey]) -> TrustPolicy:
    """The policy with further keys, in the lowest role; those that it knows stay as it says."""
    from ophamin.core.keyring import KeyRing

    known = {key.key_id for key in policy.ring}
    more = {key.key_id: key for key in keys if key.key_id not in known}
    return replace(policy, ring=KeyRing((*policy.ring.keys, *more.values())))
