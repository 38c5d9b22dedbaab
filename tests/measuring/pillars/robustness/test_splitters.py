# SPDX-License-Identifier: Apache-2.0
"""What is said of a scheme is true of its splits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.robustness.splitters import SPLITTERS, OutOfBag, bootstrap_scheme, scheme_of

N = 60
X = np.arange(N, dtype=float).reshape(-1, 1)
CLASSES = np.array([0] * 40 + [1] * 20)
GROUPS = [f"g{row // 4}" for row in range(N)]


def _splits(scheme):
    return list(scheme.splitter.split(X, CLASSES, GROUPS if scheme.grouped else None))


@pytest.mark.parametrize("name", SPLITTERS)
@pytest.mark.parametrize("stratified", [False, True])
def test_overlap_is_said_exactly_where_a_row_may_be_tested_twice(name, stratified):
    scheme = scheme_of(name, 4, 1, 0, stratified)
    tested = np.concatenate([test for _, test in _splits(scheme)])
    assert scheme.overlap is (len(set(tested.tolist())) < len(tested))


@pytest.mark.parametrize("name", SPLITTERS)
def test_no_row_both_trains_and_tests(name):
    for train, test in _splits(scheme_of(name, 4, 1, 0, stratified=False)):
        assert not set(train.tolist()) & set(test.tolist())


@pytest.mark.parametrize("name", ["group", "group_shuffle"])
def test_groups_stay_together(name):
    for train, test in _splits(scheme_of(name, 4, 1, 0, stratified=False)):
        assert not {GROUPS[row] for row in train} & {GROUPS[row] for row in test}


def test_time_trains_on_what_came_before():
    for train, test in _splits(scheme_of("time", 4, 1, None, stratified=False)):
        assert max(train) < min(test)


@pytest.mark.parametrize("name", ["kfold", "shuffle"])
def test_stratified_splits_keep_the_shares_of_the_classes(name):
    for _, test in _splits(scheme_of(name, 4, 1, 0, stratified=True)):
        assert abs(CLASSES[test].mean() - 1 / 3) < 0.05


def test_repeats_are_new_splits():
    scheme = scheme_of("kfold", 3, 4, 0, stratified=False)
    assert len({tuple(test.tolist()) for _, test in _splits(scheme)}) == 12
    assert (scheme.label, scheme.overlap) == ("4 x 3 folds", True)


@pytest.mark.parametrize("name", ["kfold", "shuffle", "group_shuffle"])
def test_one_seed_gives_one_set_of_splits(name):
    one, same, other = (_splits(scheme_of(name, 4, 1, seed, stratified=False)) for seed in (3, 3, 4))
    assert all((a[1] == b[1]).all() for a, b in zip(one, same, strict=True))
    assert not all((a[1] == b[1]).all() for a, b in zip(one, other, strict=True))


@settings(max_examples=60)
@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_out_of_bag_rows_are_those_that_were_not_drawn(n, seed):
    for train, test in OutOfBag(3, seed).split(range(n)):
        assert len(train) == n
        assert len(test) > 0
        assert set(train.tolist()) | set(test.tolist()) == set(range(n))
        assert not set(train.tolist()) & set(test.tolist())


def test_a_bootstrap_leaves_out_a_share_of_one_over_e():
    tested = [len(test) for _, test in bootstrap_scheme(200, 1).splitter.split(range(1000))]
    # each draw leaves out 368 +- 9.9 of 1000 rows, so that the mean of 200 has a standard error of 0.7
    assert np.mean(tested) == pytest.approx(1000 * (1 - 1 / 1000) ** 1000, abs=2.8)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("kfold_", 4, 1, 0), "did you mean 'kfold'"),
        (("kfold", 1, 1, 0), "k is 1"),
        (("kfold", 4, 0, 0), "repeats is 0"),
        (("kfold", 4, 2, None), "need a seed"),
        (("shuffle", 4, 1, None), "need a seed"),
        (("shuffle", 4, 1, 2**32), "need a seed"),
        (("shuffle", 4, 1, -1), "seed is -1"),
        (("group", 4, 2, 0), "would split alike"),
        (("time", 4, 3, 0), "would split alike"),
    ],
)
def test_what_cannot_be_split_is_refused(arguments, said):
    with pytest.raises(ClaimError, match=said):
        scheme_of(*arguments, stratified=False)
