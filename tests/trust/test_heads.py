# SPDX-License-Identifier: Apache-2.0
"""The head of a run on disk, and the heads before it."""

import pytest

from ophamin.core.keys import generate_key
from ophamin.trust.chain import ChainError, append, read_head, verify_chain
from ophamin.trust.heads import (
    HEAD_ENVELOPE_NAME,
    HEAD_NAME,
    HEADS_NAME,
    earlier_heads,
    next_attempt,
    retire_head,
    write_head,
)

COMMIT, TREE = "ab" * 20, "cd" * 20


def leave(folder, *digests, commit=COMMIT, signer=None):
    return write_head(folder, digests, commit=commit, tree=TREE, dirty=False, lock=None, environ={}, signer=signer)


def test_heads_follow_each_other_however_many_runs_there_are(tmp_path):
    for number in range(4):
        retire_head(tmp_path)
        leave(tmp_path, f"{number:064x}")
    retire_head(tmp_path)
    heads = earlier_heads(tmp_path)
    assert verify_chain(heads) == ()
    assert [head.attempt for head in heads] == [1, 2, 3, 4]
    assert not (tmp_path / HEAD_NAME).exists()


def test_a_process_killed_between_two_steps_leaves_no_head_twice(tmp_path):
    leave(tmp_path, "ab" * 32)
    kept = (tmp_path / HEAD_NAME).read_bytes()
    retire_head(tmp_path)
    (tmp_path / HEAD_NAME).write_bytes(kept)  # as if it had been killed before it removed the file
    retire_head(tmp_path)
    assert len(earlier_heads(tmp_path)) == 1


def test_another_commit_begins_to_count_anew(tmp_path):
    leave(tmp_path)
    retire_head(tmp_path)
    assert leave(tmp_path, commit="ef" * 20).attempt == 1


def test_a_signed_head_is_removed_with_its_run(tmp_path):
    leave(tmp_path, signer=generate_key())
    assert (tmp_path / HEAD_ENVELOPE_NAME).exists()
    retire_head(tmp_path)
    assert not (tmp_path / HEAD_ENVELOPE_NAME).exists()


def test_a_line_that_is_no_head_is_named(tmp_path):
    leave(tmp_path)
    retire_head(tmp_path)
    with (tmp_path / HEADS_NAME).open("ab") as handle:
        handle.write(b"<<<<<<< HEAD\n")
    with pytest.raises(ChainError, match=r"heads\.jsonl, line 2: .*move the file away"):
        leave(tmp_path)


def test_a_file_of_heads_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("ophamin.trust.heads.MAX_HEADS_BYTES", 100)
    (tmp_path / HEADS_NAME).write_bytes(b"x" * 101)
    with pytest.raises(ChainError, match="larger than 100 bytes"):
        earlier_heads(tmp_path)


@pytest.mark.parametrize("told", ["", "-3", "1e3", "²", "99999999", "0"])
def test_a_count_that_is_none_is_no_reason_to_fail(told):
    assert next_attempt(None, None, {"GITHUB_RUN_ATTEMPT": told}) == 1


def test_a_head_outside_git_counts_no_attempts():
    head = append(None, [], lock=None, attempt=1, commit=None, time="2026-11-23T09:30:00+00:00")
    assert read_head(head.to_bytes()) == head
    assert next_attempt(head, None, {}) == 1
