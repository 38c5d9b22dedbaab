# SPDX-License-Identifier: Apache-2.0
"""Settling a decision, and the search for a sufficient size."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.canonical import canonical_bytes
from ophamin.measuring.inference import (
    Bar,
    BinomialRate,
    BoundedMean,
    Census,
    DeclaredInterval,
    Deterministic,
    GaussianMean,
    Quantile,
    Rule,
)
from ophamin.measuring.inference.decision import Decision, agree, settle, smallest_deciding

RULES: list[Rule] = [
    BinomialRate(), BoundedMean(0, 1), GaussianMean(), Quantile(0.5),
    Deterministic(), DeclaredInterval(), Census("mean"),
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_observations_is_undecided_without_an_estimate(rule):
    decision = rule.decide([], Bar(">=", 0.5))
    assert (decision.outcome, decision.estimate, decision.reason, decision.n) == (None, None, "no observations", 0)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("values", [[1], [0, 1], [1] * 80, [0, 1, 1] * 30], ids=len)
def test_every_decision_is_plain_json(rule, values):
    canonical_bytes(dataclasses.asdict(rule.decide(values, Bar("<", 0.5))))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("values", [[0], [1], [0, 1, 1, 0, 1], [1] * 80, [0] * 80])
@pytest.mark.parametrize("comparator", [">=", "<=", ">", "<"])
def test_a_decision_has_either_an_outcome_or_a_reason(rule, values, comparator):
    decision = rule.decide(values, Bar(comparator, 0.5, 0.1, 0.3))
    assert (decision.outcome is None) == bool(decision.reason)
    assert decision.outcome in {None, "VALIDATED", "REFUTED"}
    assert decision.outcome is None or decision.more is None


@pytest.mark.parametrize("rule", RULES[:4] + RULES[5:6], ids=lambda rule: rule.name)
def test_equality_is_refused_where_only_a_sample_is_seen(rule):
    with pytest.raises(Exception, match="never proves equality"):
        rule.decide([1, 0], Bar("==", 0.5))
    with pytest.raises(Exception, match="never proves equality"):
        rule.smallest_n(Bar("==", 0.5))


def test_an_estimate_on_the_wrong_side_of_its_outcome_is_undecided():
    decision = settle(Decision("m", "exact", 9, 0.4), Bar(">=", 0.5), 0.01, 0.99, lambda: 7)
    assert decision.outcome is None
    assert decision.more is None
    assert "VALIDATED" in decision.reason
    assert "0.4" in decision.reason


def test_the_p_values_change_places_for_a_downward_claim():
    up = settle(Decision("m", "exact", 9, 0.6), Bar(">=", 0.5), 0.01, 0.99, lambda: None)
    down = settle(Decision("m", "exact", 9, 0.6), Bar("<=", 0.5), 0.01, 0.99, lambda: None)
    assert (up.p_holds, up.p_fails, up.outcome) == (0.01, 0.99, "VALIDATED")
    assert (down.p_holds, down.p_fails, down.outcome) == (0.99, 0.01, "REFUTED")


def test_a_bound_on_the_wrong_side_by_rounding_is_moved_to_the_decision():
    bar = Bar(">=", 0.5)
    assert agree(0.5 - 1e-16, 0.9, bar, 0.05, 0.9, 0.0, 1.0) == (0.5, 0.9)
    low, high = agree(0.5, 0.5, bar, 0.06, 0.06, 0.0, 1.0)
    assert low < 0.5 < high


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 10**9))
def test_the_search_finds_the_threshold_within_one_part_in_4000(start, extra):
    threshold = min(start + extra, 10**9)
    found = smallest_deciding(lambda n: n >= threshold, start)
    assert found is not None
    assert threshold <= found <= threshold + max(1, found / 4000)


def test_the_search_gives_up_at_a_thousand_million():
    assert smallest_deciding(lambda n: n > 10**9, 5) is None


def test_the_room_loads_nothing_beyond_the_standard_library():
    code = (
        "import sys, ophamin.measuring.inference\n"
        "foreign = {name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(n for n in foreign if not n.startswith(('_', 'ophamin', 'sitecustomize', 'usercustomize'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
