# SPDX-License-Identifier: Apache-2.0
"""Counts: top lists whose ties may stand in any order, and pairs of twin findings counted once."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.base import Finding
from ophamin.auditing.tallies import is_top_of, most_common, severity_histogram, without_twins

NAMES = st.lists(st.sampled_from("abcdefgh"), max_size=40)


def shell(pillar, rule, path="a.py", line=1):
    return Finding(pillar, rule, "high", "shell", path, line, 1)


@given(names=NAMES, limit=st.integers(0, 10), seed=st.randoms())
def test_the_most_common_are_a_top_list_and_so_is_every_other_order_of_ties(names, limit, seed):
    top = most_common(names, limit)
    assert is_top_of(top, names, limit)
    shuffled = list(Counter(names).items())
    seed.shuffle(shuffled)
    assert is_top_of(sorted(shuffled, key=lambda entry: -entry[1])[:limit], names, limit)


@pytest.mark.parametrize(
    "top",
    [
        [("a", 3)],
        [("a", 3), ("b", 1)],
        [("b", 2), ("a", 3)],
        [("a", 3), ("a", 3)],
        [("a", 3), ("x", 2)],
        [("a", 2), ("b", 2)],
        [("a", 3), ("b", 2), ("c", 1)],
        [("a", 3), ("c", 2)],
    ],
)
def test_what_is_not_the_top_of_a_list_is_told(top):
    names = ["a", "a", "a", "b", "b", "c"]
    assert is_top_of([("a", 3), ("b", 2)], names, 2)
    assert not is_top_of(top, names, 2)


def test_a_name_is_not_twice_among_the_most_common():
    assert not is_top_of([("a", 2), ("a", 2)], ["a", "a", "b", "b"], 2)


def test_a_histogram_holds_the_severities_that_occur_worst_first():
    made = [Finding("x", "r", word, "m", "p") for word in ("info", "critical", "info")]
    assert list(severity_histogram(made).items()) == [("critical", 1), ("info", 2)]
    assert severity_histogram([]) == {}


def test_a_twin_on_the_same_line_is_counted_once():
    both = [shell("ruff", "S602"), shell("bandit", "B602"), shell("ruff", "F401")]
    assert without_twins(both) == both[1:]


@pytest.mark.parametrize(
    "other",
    [
        shell("bandit", "B602", line=2),
        shell("bandit", "B602", path="b.py"),
        shell("bandit", "B605"),
        shell("another", "B602"),
    ],
)
def test_what_is_no_twin_takes_nothing_away(other):
    both = [shell("ruff", "S602"), other]
    assert without_twins(both) == both


def test_one_finding_is_the_twin_of_one_other():
    three = [shell("ruff", "S602"), shell("ruff", "S602"), shell("bandit", "B602")]
    assert without_twins(three) == three[1:]
    assert without_twins([shell("bandit", "B602"), shell("bandit", "B602")]) == [shell("bandit", "B602")] * 2


def test_the_real_tools_fire_on_the_same_lines(sample):
    ruff = [
        Finding("ruff", item["code"], "high", item["message"], "pkg/app.py", item["location"]["row"])
        for item in json.loads(sample("ruff.json"))
    ]
    bandit = [
        Finding("bandit", item["test_id"], "high", item["issue_text"], "pkg/app.py", item["line_number"])
        for item in json.loads(sample("bandit.json"))["results"]
    ]
    kept = without_twins([*ruff, *bandit])
    lost = {item.rule_id for item in ruff} - {item.rule_id for item in kept}
    assert {"S324", "S602"} <= lost
    assert [item for item in kept if item.pillar_name == "bandit"] == bandit
