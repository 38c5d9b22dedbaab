# SPDX-License-Identifier: Apache-2.0
"""A Merkle tree: one hash that stands for many entries in their order, and short proofs that an entry is among them.

Leaves and inner nodes are hashed under different prefixes, so that no node can pass for a leaf. Source: RFC 6962,
section 2.1, and RFC 9162, section 2.1.3 (verification), with SHA-256. The tree knows nothing of records.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import final

__all__ = ["MerkleTree", "verify_inclusion"]


@final
class MerkleTree:
    """The tree over entries in their order; all of its nodes are kept, about twice as many as entries.

    Args:
        entries: any byte strings, also none, also equal ones.

    Example:
        >>> tree = MerkleTree([b"a", b"b", b"c"])
        >>> verify_inclusion(b"b", 1, tree.size, tree.proof_of(1), tree.root)
        True
        >>> MerkleTree([]).root.hex()[:8]
        'e3b0c442'
    """

    __slots__ = ("_levels",)

    def __init__(self, entries: Iterable[bytes]) -> None:
        level = [_leaf(entry) for entry in entries]
        self._levels = [level]
        while len(level) > 1:
            level = [_node(level[i], level[i + 1]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
            self._levels.append(level)

    @property
    def size(self) -> int:
        """The number of entries."""
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """32 bytes; of no entry, the SHA-256 of nothing."""
        return self._levels[-1][0] if self.size else hashlib.sha256().digest()

    def proof_of(self, index: int) -> tuple[bytes, ...]:
        """The hashes that lead from one entry to the root, beside its way, from the bottom up.

        Args:
            index: the place of the entry, from 0.

        Raises:
            IndexError: there is no such entry.
        """
        if not 0 <= index < self.size:
            raise IndexError(f"there is no entry {index}; the tree has {self.size}, counted from 0")
        path = []
        for level in self._levels[:-1]:
            beside = index ^ 1
            if beside < len(level):
                path.append(level[beside])
            index >>= 1
        return tuple(path)


def verify_inclusion(entry: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether ``entry`` is the one at ``index`` among the ``size`` that ``root`` stands for (RFC 9162, 2.1.3.2).

    Args:
        entry: the bytes of the entry.
        index: its place, from 0.
        size: the number of entries; taken from where the root was taken.
        proof: what `MerkleTree.proof_of` gave.
        root: the hash that is trusted.
    """
    if not 0 <= index < size:
        return False
    place, last, value = index, size - 1, _leaf(entry)
    for beside in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            value = _node(beside, value)
            while not place & 1 and place:  # the last node of a level moves up alone
                place, last = place >> 1, last >> 1
        else:
            value = _node(value, beside)
        place, last = place >> 1, last >> 1
    return last == 0 and hmac.compare_digest(value, root)


def _leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
