# SPDX-License-Identifier: Apache-2.0
"""The chain of runs: what a head binds, and every way in which heads fail to be one chain."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.canonical import canonical_bytes
from ophamin.core.records import RecordFieldError
from ophamin.errors import OphaminError
from ophamin.trust.chain import ChainError, RunHead, append, read_head, record_tree, verify_chain
from ophamin.trust.merkle import MerkleTree, verify_inclusion

TIME = "2026-11-23T09:30:00+00:00"


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


A, B, C = (digest_of(name) for name in "abc")


def after(last: RunHead | None, *digests: str, **facts) -> RunHead:
    return append(last, digests, **{"lock": None, "attempt": 1, "commit": "ab" * 20, "time": TIME, **facts})


def chain_of(length: int) -> list[RunHead]:
    heads: list[RunHead] = []
    for number in range(length):
        heads.append(after(heads[-1] if heads else None, digest_of(f"record {number}")))
    return heads


def kinds(heads, **options) -> list[tuple]:
    return [(problem.kind, problem.index) for problem in verify_chain(heads, **options)]


# --- what a head binds


def test_a_head_binds_the_records_of_its_run_and_the_head_before():
    first = after(None, A, B)
    second = after(first, C, lock=digest_of("lock"), attempt=2)
    assert (first.index, first.previous, first.count) == (0, None, 2)
    assert (second.index, second.previous, second.count) == (1, first.digest, 1)
    assert second.lock == digest_of("lock")


def test_the_order_in_which_records_are_given_does_not_matter():
    assert after(None, A, B, C) == after(None, C, A, B)


@pytest.mark.parametrize(
    "others", [(A,), (A, B, C), (A, C), ()], ids=["one removed", "one added", "one exchanged", "all removed"]
)
def test_a_record_removed_added_or_exchanged_is_noticed(others):
    head = after(None, A, B)
    assert head.binds([B, A])
    assert not head.binds(others)


def test_a_head_with_another_count_binds_nothing():
    assert not replace(after(None, A, B), count=3).binds([A, B])


def test_a_run_without_records_has_a_head_too():
    head = after(None)
    assert (head.count, head.root) == (0, hashlib.sha256(b"").hexdigest())
    assert head.binds([])


def test_one_record_is_shown_to_be_in_a_run_without_the_others():
    digests = [digest_of(str(number)) for number in range(11)]
    head = after(None, *digests)
    tree = record_tree(digests)
    place = sorted(digests).index(digests[4])
    proof, root = tree.proof_of(place), bytes.fromhex(head.root)
    assert verify_inclusion(bytes.fromhex(digests[4]), place, head.count, proof, root)
    assert not verify_inclusion(bytes.fromhex(digests[5]), place, head.count, proof, root)


def test_the_leaves_are_the_digests_in_ascending_order():
    assert record_tree([B, A, C]).root == MerkleTree(bytes.fromhex(digest) for digest in sorted([A, B, C])).root


@pytest.mark.parametrize("digest", ["", "ab", A.upper(), A + "\n", f"sha256:{A}", "\x1b" * 64])
def test_what_is_no_digest_is_not_bound(digest):
    with pytest.raises(ChainError, match=r"is no SHA-256; give 64 lower-case hex digits") as caught:
        after(None, A, digest)
    assert "\x1b" not in str(caught.value)


def test_one_record_is_not_bound_twice():
    with pytest.raises(ChainError, match="stands twice"):
        after(None, A, B, A)


# --- the bytes of a head


def test_the_bytes_of_a_head_are_canonical_and_its_digest_is_their_sha256():
    # Made once with json and hashlib alone.
    head = after(None, A, lock=B, commit=None)
    plain = {
        "attempt": 1,
        "commit": None,
        "count": 1,
        "format": "ophamin.head.v1",
        "index": 0,
        "lock": "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
        "previous": None,
        "root": hashlib.sha256(b"\x00" + bytes.fromhex(A)).hexdigest(),
        "time": "2026-11-23T09:30:00+00:00",
    }
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    assert head.to_bytes() == text.encode()
    assert head.digest == hashlib.sha256(text.encode()).hexdigest()


def test_a_head_comes_back_from_its_bytes():
    head = chain_of(3)[-1]
    assert read_head(head.to_bytes()) == head


CHANGES = {
    "format": "ophamin.head.v2",
    "index": 2,
    "previous": A,
    "root": B,
    "count": 9,
    "lock": C,
    "attempt": 2,
    "commit": "cd" * 20,
    "time": "2026-11-23T09:30:01+00:00",
}


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "format"])
def test_every_field_is_under_the_digest(name):
    head = chain_of(2)[-1]
    assert replace(head, **{name: CHANGES[name]}).digest != head.digest


def test_the_table_of_changes_names_every_field():
    assert list(CHANGES) == list(chain_of(1)[0].to_dict())


@pytest.mark.parametrize("name", CHANGES)
def test_a_head_with_a_field_missing_or_of_another_kind_is_refused(name):
    fields = chain_of(2)[-1].to_dict()
    missing = {key: value for key, value in fields.items() if key != name}
    for changed in (
        missing,
        {**fields, name: [1]},
        {**fields, name: True},
        {**fields, name: 1.5},
        {**fields, name: ""},
    ):
        with pytest.raises(ChainError, match=name):
            read_head(canonical_bytes(changed))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "ophamin.head.v2"),
        ("index", -1),
        ("count", -1),
        ("attempt", 0),
        ("root", A.upper()),
        ("root", A + "\n"),
        ("root", A[:-1]),
        ("lock", "none"),
        ("commit", "HEAD"),
        ("commit", "ab" * 21),
        ("time", "2026-11-23"),
        ("time", "2026-11-23T09:30:00"),
        ("time", "2026-11-23\n09:30:00+00:00"),
        ("time", "2026-13-23T09:30:00+00:00"),
        ("previous", None),  # only the first has none
    ],
)
def test_a_head_with_a_value_that_cannot_be_is_refused(name, value):
    fields = {**chain_of(2)[-1].to_dict(), name: value}
    with pytest.raises(ChainError):
        read_head(canonical_bytes(fields))
    with pytest.raises(RecordFieldError):
        RunHead(**fields)


def test_the_first_head_has_none_before_it():
    with pytest.raises(RecordFieldError, match="no head before it"):
        replace(chain_of(1)[0], previous=A)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{}", b'{"format": NaN}', b"[" * 10_000, b'{"a": 1, "a": 2}', b"{" + b" " * 5000 + b"}"],
    ids=["nothing", "list", "null", "empty", "NaN", "deep", "twice", "long"],
)
def test_what_is_no_head_is_a_typed_error(data):
    with pytest.raises(ChainError, match="no head") as caught:
        read_head(data)
    assert isinstance(caught.value, OphaminError)


@pytest.mark.parametrize("how", ["spaces", "order", "line end", "escape", "unknown field"])
def test_one_head_has_one_text(how):
    head = chain_of(2)[-1]
    fields = head.to_dict()
    texts = {
        "spaces": json.dumps(fields, sort_keys=True),
        "order": json.dumps(dict(sorted(fields.items(), reverse=True)), separators=(",", ":")),
        "line end": head.to_bytes().decode() + "\n",
        "escape": head.to_bytes().decode().replace("ophamin", "\\u006fphamin"),
        "unknown field": canonical_bytes({**fields, "note": ""}).decode(),
    }
    assert json.loads(texts[how])["root"] == head.root
    with pytest.raises(ChainError):
        read_head(texts[how].encode())


# --- a chain


@pytest.mark.parametrize("length", [0, 1, 2, 9])
def test_a_whole_chain_has_no_problems(length):
    assert verify_chain(chain_of(length)) == ()


def test_a_head_left_out_is_a_gap():
    heads = chain_of(4)
    assert kinds([heads[0], heads[1], heads[3]]) == [("gap", 3)]
    assert kinds(heads[1:]) == [("gap", 1)]  # the beginning is missing


def test_a_head_that_stands_twice_is_a_duplicate_and_nothing_else():
    heads = chain_of(3)
    assert kinds([heads[0], heads[1], heads[1], heads[2]]) == [("duplicate", 1)]
    assert kinds([*heads, heads[0]]) == [("duplicate", 0)]


def test_heads_in_another_order_are_reordered():
    heads = chain_of(3)
    assert kinds([heads[0], heads[2], heads[1]]) == [("reorder", 1)]
    assert {kind for kind, _ in kinds(heads[::-1])} == {"reorder"}


def test_two_runs_after_the_same_head_are_a_fork():
    heads = chain_of(2)
    other = after(heads[0], A, attempt=2)
    assert kinds([*heads, other]) == [("fork", 1)]
    assert kinds([heads[0], other, after(other, B), heads[1]]) == [("reorder", 1), ("fork", 1)]


def test_two_beginnings_are_a_fork():
    assert kinds([after(None, A), after(None, B)]) == [("fork", 0)]


def test_a_head_that_was_changed_afterwards_breaks_the_next_link():
    heads = chain_of(4)
    heads[1] = replace(heads[1], count=7)
    assert kinds(heads) == [("wrong_previous", 2)]


def test_a_head_that_names_another_one_before_it_is_noticed():
    heads = chain_of(3)
    heads[2] = replace(heads[2], previous=heads[0].digest)
    assert kinds(heads) == [("wrong_previous", 2)]


def test_what_was_cut_from_the_end_only_a_witness_can_tell():
    heads = chain_of(3)
    assert kinds(heads[:2]) == []
    assert kinds(heads[:2], witnessed=[heads[2].digest, heads[0].digest]) == [("unwitnessed", None)]


def test_a_chain_written_anew_only_a_witness_can_tell():
    seen = chain_of(3)[2].digest
    forged = [after(None, A)]
    forged.append(after(forged[0], B))
    forged.append(after(forged[1], C))
    assert kinds(forged) == []
    assert kinds(forged, witnessed={seen}) == [("unwitnessed", None)]


def test_every_problem_says_what_it_is_for_people():
    heads = chain_of(5)
    broken = [heads[4], heads[0], heads[0], heads[2], after(heads[1], A), replace(heads[3], previous=A)]
    problems = verify_chain(broken, witnessed=[C])
    assert {problem.kind for problem in problems} == {
        "duplicate",
        "reorder",
        "gap",
        "fork",
        "wrong_previous",
        "unwitnessed",
    }
    assert all(problem.message.isprintable() and ";" in problem.message for problem in problems)


@settings(max_examples=100)
@given(st.integers(2, 7), st.data())
def test_any_single_damage_is_noticed(length, data):
    heads = chain_of(length)
    how = data.draw(st.sampled_from(["remove", "change", "swap", "double"]))
    place = data.draw(st.integers(0, length - 2))  # the last may go unnoticed
    if how == "remove":
        del heads[place]
    elif how == "change":
        heads[place] = replace(heads[place], root=data.draw(st.sampled_from([A, B, C])))
    elif how == "swap":
        heads[place], heads[place + 1] = heads[place + 1], heads[place]
    else:
        heads.insert(place, heads[place])
    assert verify_chain(heads)
