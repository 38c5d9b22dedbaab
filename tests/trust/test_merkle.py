# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree: the vectors of Certificate Transparency, a second implementation, and forged proofs."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.trust.merkle import MerkleTree, verify_inclusion

# google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc: kInputs, kSHA256Roots, kSHA256Paths.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",  # of no entry
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = [  # the place (counted from 0 here, from 1 there), the size, the hashes
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


def recursive_root(entries: list[bytes]) -> bytes:
    """The definition of RFC 6962, section 2.1, word for word; the tree is built from below instead."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return hashlib.sha256(b"\x01" + recursive_root(entries[:split]) + recursive_root(entries[split:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_the_published_ones(size):
    assert MerkleTree(INPUTS[:size]).root.hex() == ROOTS[size]
    assert MerkleTree(INPUTS[:size]).size == size


@pytest.mark.parametrize(("place", "size", "path"), PATHS, ids=lambda value: str(value) if type(value) is int else "")
def test_the_proofs_are_the_published_ones(place, size, path):
    proof = MerkleTree(INPUTS[:size]).proof_of(place)
    assert [one.hex() for one in proof] == path
    assert verify_inclusion(INPUTS[place], place, size, proof, bytes.fromhex(ROOTS[size]))


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=8), max_size=70))
def test_the_root_is_the_recursive_definition(entries):
    assert MerkleTree(entries).root == recursive_root(entries)


@settings(max_examples=60)
@given(st.integers(1, 70), st.data())
def test_every_entry_has_a_proof_and_only_for_its_place(size, data):
    entries = [bytes([number]) for number in range(size)]
    tree = MerkleTree(iter(entries))
    place, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(-2, size + 2))
    proof = tree.proof_of(place)
    assert verify_inclusion(entries[place], place, size, proof, tree.root)
    assert verify_inclusion(entries[place], other, size, proof, tree.root) == (other == place)
    assert len(proof) <= (size - 1).bit_length()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 9])
def test_a_forged_proof_does_not_verify(size):
    entries = [bytes([number]) for number in range(size)]
    tree = MerkleTree(entries)
    for place in range(size):
        proof = tree.proof_of(place)
        entry = entries[place]
        assert not verify_inclusion(b"forged", place, size, proof, tree.root)
        assert not verify_inclusion(entry, place, size, proof, bytes(32))
        assert not verify_inclusion(entry, place, size, proof, b"")
        assert not verify_inclusion(entry, place, size, (*proof, tree.root), tree.root)
        assert not verify_inclusion(entry, place, size, (tree.root, *proof), tree.root)
        assert not verify_inclusion(entry, place, size * 2, proof, tree.root)
        assert not verify_inclusion(entry, place, 0, proof, tree.root)
        for step in range(len(proof)):
            assert not verify_inclusion(entry, place, size, proof[:step], tree.root)
            wrong = (*proof[:step], bytes(32), *proof[step + 1 :])
            assert not verify_inclusion(entry, place, size, wrong, tree.root)


def test_an_inner_node_does_not_pass_for_an_entry():
    # What the prefixes are for: without them these two trees would have one root.
    left, right = (hashlib.sha256(b"\x00" + entry).digest() for entry in (b"a", b"b"))
    assert MerkleTree([left + right]).root != MerkleTree([b"a", b"b"]).root
    plain = hashlib.sha256(b"a").digest() + hashlib.sha256(b"b").digest()
    assert not verify_inclusion(plain, 0, 1, (), MerkleTree([b"a", b"b"]).root)


def test_a_proof_for_another_size_than_the_roots_does_not_verify():
    # Without the bound on its length, the hashes of a larger tree would lead from a tree of one to the same root.
    tree = MerkleTree([b"a", b"b", b"c", b"d"])
    assert verify_inclusion(b"d", 3, 4, tree.proof_of(3), tree.root)
    assert not verify_inclusion(b"d", 0, 1, tree.proof_of(3), tree.root)
    assert not verify_inclusion(b"d", 1, 2, tree.proof_of(3), tree.root)


def test_order_and_number_of_entries_count():
    roots = {MerkleTree(entries).root for entries in ([b"a", b"b"], [b"b", b"a"], [b"a"], [b"a", b"b", b"b"])}
    assert len(roots) == 4


@pytest.mark.parametrize("place", [-1, 3, 100])
def test_there_is_no_proof_of_an_entry_that_is_not_there(place):
    with pytest.raises(IndexError, match=f"no entry {place}; the tree has 3"):
        MerkleTree([b"a", b"b", b"c"]).proof_of(place)
