# SPDX-License-Identifier: Apache-2.0
"""The runs rules, against the rules as they are written down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.observability.rules import RULE_SETS, Frame, chosen_rules, find_signals

FRAME = Frame(0.0, 1.0, 3.0, -3.0)
# points on the lines of the zones too, where beyond means strictly beyond
POINTS = st.lists(st.sampled_from([-3.5, -3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]))


def signals(name, number, values):
    found = find_signals(np.array(values, dtype=float), FRAME, chosen_rules(name))
    return [int(index) for rule, indices in found.items() if rule.number == number for index in indices]


def slow(name, number, x):
    """The same rules, point by point, from their wording."""

    def count(i, window, holds):
        return sum(map(holds, x[max(0, i + 1 - window) : i + 1]))

    def side(i, needed, window, limit):
        high = x[i] > limit and count(i, window, lambda v: v > limit) >= needed
        low = x[i] < -limit and count(i, window, lambda v: v < -limit) >= needed
        return high or low

    def row(i, window, holds):
        return i + 1 >= window and all(map(holds, x[i + 1 - window : i + 1]))

    def steps(i, window):
        return np.diff(x[i + 1 - window : i + 1]) if i + 1 >= window else np.zeros(1)

    western = {
        1: lambda i: abs(x[i]) > 3,
        2: lambda i: side(i, 2, 3, 2.0),
        3: lambda i: side(i, 4, 5, 1.0),
        4: lambda i: row(i, 8, lambda v: v > 0) or row(i, 8, lambda v: v < 0),
    }
    nelson = {
        1: western[1],
        2: lambda i: row(i, 9, lambda v: v > 0) or row(i, 9, lambda v: v < 0),
        3: lambda i: all(steps(i, 6) > 0) or all(steps(i, 6) < 0),
        4: lambda i: (d := steps(i, 14)) is not None and d.all() and all(d[1:] * d[:-1] < 0) and len(d) == 13,
        5: western[2],
        6: western[3],
        7: lambda i: row(i, 15, lambda v: abs(v) <= 1),
        8: lambda i: row(i, 8, lambda v: abs(v) > 1),
    }
    rules = {"western_electric": western, "nelson": nelson}[name]
    return [i for i in range(len(x)) if rules[number](i)]


@pytest.mark.parametrize(
    ("name", "number"), [(s, r.number) for s in ("western_electric", "nelson") for r in RULE_SETS[s]]
)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_rule_finds_the_points_that_its_wording_names(name, number, data):
    values = data.draw(POINTS | st.lists(st.sampled_from([0.5, 1.5, -1.5, -0.5]), min_size=14, max_size=40))
    assert signals(name, number, values) == slow(name, number, values)


@pytest.mark.parametrize(
    ("name", "number", "values", "expected"),
    [
        ("western_electric", 1, [3.0, 3.1, -3.1], [1, 2]),
        ("western_electric", 2, [2.1, 0.0, 2.1], [2]),
        ("western_electric", 2, [2.1, -2.1, 0.0], []),
        ("western_electric", 2, [2.1, 2.1, 0.0], [1]),
        ("western_electric", 3, [1.1, 1.1, 0.0, 1.1, 1.1], [4]),
        ("western_electric", 4, [0.1] * 9, [7, 8]),
        ("western_electric", 4, [0.1] * 7 + [0.0] + [0.1] * 7, []),
        ("nelson", 2, [0.1] * 9, [8]),
        ("nelson", 3, [0, 0.1, 0.2, 0.3, 0.4, 0.5], [5]),
        ("nelson", 3, [0.5, 0.4, 0.3, 0.2, 0.1, 0], [5]),
        ("nelson", 3, [0, 0.1, 0.2, 0.2, 0.4, 0.5], []),
        ("nelson", 4, [0.1, -0.1] * 7, [13]),
        ("nelson", 4, [0.1, -0.1] * 6 + [0.1, 0.1], []),
        ("nelson", 7, [0.9, -0.9] * 8, [14, 15]),
        ("nelson", 8, [1.1, -1.1] * 4, [7]),
    ],
)
def test_a_pattern_signals_at_the_point_that_completes_it(name, number, values, expected):
    assert signals(name, number, values) == expected


@settings(max_examples=100, deadline=None)
@given(POINTS, st.sampled_from([0.25, 1.0, 8.0]), st.integers(-64, 64))
def test_signals_do_not_depend_on_unit_or_origin(values, scale, origin):
    x = np.array(values, dtype=float)
    moved = Frame(float(origin), scale, origin + 3 * scale, origin - 3 * scale)
    rules = chosen_rules(["western_electric", "nelson"])
    here, there = find_signals(x, FRAME, rules), find_signals(x * scale + origin, moved, rules)
    assert {rule: list(found) for rule, found in here.items()} == {rule: list(found) for rule, found in there.items()}


def test_a_mirrored_process_signals_at_the_same_points():
    x = np.random.default_rng(3).normal(size=20_000)
    rules = chosen_rules(["western_electric", "nelson"])
    up, down = find_signals(x, FRAME, rules), find_signals(-x, FRAME, rules)
    assert len(up) == len(rules)
    assert all(np.array_equal(up[rule], down[rule]) for rule in rules)


def test_a_set_named_twice_counts_once():
    assert chosen_rules(["shewhart", "shewhart"]) == chosen_rules("shewhart")


@pytest.mark.parametrize("names", ["nelsen", ["western_electric", "westen"], [3]])
def test_an_unknown_set_of_rules_is_refused_with_the_known_ones(names):
    with pytest.raises(ClaimError, match="western_electric"):
        chosen_rules(names)


def test_no_set_at_all_is_refused():
    with pytest.raises(ClaimError, match="no rule is named"):
        chosen_rules([])
