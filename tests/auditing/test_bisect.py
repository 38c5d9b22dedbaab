# SPDX-License-Identifier: Apache-2.0
"""Halving: one bad file costs one file, in few runs, whatever the tool does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.bisect import MOST_RUNS, bisect


def names(count):
    return [f"{index}.py" for index in range(count)]


def dying_of(*bad):
    """A tool that answers with what it was given, and dies of some files."""
    return lambda part: None if set(bad) & set(part) else tuple(part)


@given(st.integers(0, 60), st.sets(st.integers(0, 59), max_size=6))
def test_every_file_is_answered_for_or_fatal_and_never_both(count, bad):
    files = names(count)
    fatal = {f"{index}.py" for index in bad} & set(files)
    outcome = bisect(files, dying_of(*fatal), most_runs=10_000)
    answered = [name for part in outcome.answers for name in part]
    assert answered == [name for name in files if name not in fatal]
    assert set(outcome.fatal) == fatal
    assert outcome.untried == ()


@pytest.mark.parametrize("count", [1, 2, 3, 100, 4096])
def test_one_bad_file_costs_two_runs_for_each_halving(count):
    for bad in (0, count // 2, count - 1):
        outcome = bisect(names(count), dying_of(f"{bad}.py"))
        assert outcome.fatal == (f"{bad}.py",)
        assert outcome.runs <= 1 + 2 * math.ceil(math.log2(count))


def test_a_tool_that_survives_runs_once():
    outcome = bisect(names(500), dying_of())
    assert (outcome.runs, outcome.answers, outcome.fatal) == (1, (tuple(names(500)),), ())


def test_without_files_nothing_is_run():
    assert bisect([], pytest.fail).runs == 0


@given(st.integers(1, 200), st.integers(0, 30))
def test_a_tool_that_always_dies_runs_no_oftener_than_allowed(count, most):
    runs = []
    outcome = bisect(names(count), runs.append, most_runs=most)
    assert len(runs) == outcome.runs <= most
    assert sorted([*outcome.fatal, *outcome.untried]) == sorted(names(count))
    assert outcome.answers == ()


def test_two_bad_files_among_thirty_thousand_are_found_with_the_usual_allowance():
    outcome = bisect(names(30_000), dying_of("0.py", "29999.py"))
    assert outcome.fatal == ("0.py", "29999.py")
    assert outcome.untried == ()
    assert outcome.runs <= MOST_RUNS


def test_files_that_kill_only_together_are_answered_for_apart():
    outcome = bisect(names(4), lambda part: None if {"0.py", "3.py"} <= set(part) else tuple(part))
    assert outcome.fatal == ()
    assert outcome.answers == (("0.py", "1.py"), ("2.py", "3.py"))


def test_an_answer_that_is_empty_is_an_answer():
    assert bisect(names(2), lambda part: ()).answers == ((),)


def test_an_error_of_the_run_is_not_a_crash_of_the_tool():
    def stopped(part):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        bisect(names(2), stopped)
