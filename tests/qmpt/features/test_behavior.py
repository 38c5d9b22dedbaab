# SPDX-License-Identifier: Apache-2.0
"""Promises about the features of actions."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from qmpt.data.models import Observation
from qmpt.errors import ConfigError, DataError
from qmpt.features.behavior import Action, BehaviorFeatureSpec, behavior_statistics


def acted(payloads, pattern_id="a"):
    return [
        Observation(
            obs_id=f"{pattern_id}{place}", pattern_id=pattern_id, timestamp=place, modality="behavior", payload=payload
        )
        for place, payload in enumerate(payloads)
    ]


def actions(names, oks=None):
    return [Action(name, ok, None, None) for name, ok in zip(names, oks or [None] * len(names), strict=True)]


def test_statistics_are_those_counted_by_hand():
    found = behavior_statistics(
        [
            Action("look", True, 1.0, "x"),
            Action("look", False, 2.0, "x"),
            Action("walk", None, 3.0, "y"),
            Action("look", True, None, None),
        ]
    )
    assert found["log_actions"] == pytest.approx(math.log(5))
    assert found["action_entropy"] == pytest.approx(-(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)))
    assert found["repeat_rate"] == pytest.approx(1 / 3)
    assert found["object_variety"] == pytest.approx(2 / 3)
    assert found["success_rate"] == pytest.approx(2 / 3)
    assert found["cost_median"] == 2.0
    # after look come look and walk alike, after walk always look
    assert found["transition_entropy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("length", range(2, 60))
def test_a_fixed_cycle_has_exactly_no_transition_entropy(length):
    names = ("abcdefg" * length)[:length]
    assert behavior_statistics(actions(names))["transition_entropy"] == 0.0


@pytest.mark.parametrize(("good", "bad"), [(1, 3), (1, 6), (3, 1), (5, 7), (9, 9)])
def test_actions_that_share_nothing_after_failure_and_success_differ_by_exactly_one_bit(good, bad):
    # a sum of rounded shares gives 0.9999999999999998 for some of these, and 1.0000000000000002 for others
    names, oks = [], []
    for turn in range(5 * good * bad):
        names += ["win", f"go on {turn % good}", "lose", f"mend {turn % bad}"]
        oks += [True, None, False, None]
    assert behavior_statistics(actions(names, oks))["shift_after_failure"] == 1.0


def test_actions_that_do_not_depend_on_success_have_exactly_no_shift_after_failure():
    # after one success in four as after three failures in four: the same shares from other counts
    names = ["go", *("a", "go", "b", "go", "c", "go") * 20, "a"]
    oks = [None, *(place // 6 % 4 == 0 if name == "go" else None for place, name in enumerate(names[1:]))]
    assert behavior_statistics(actions(names, oks))["shift_after_failure"] == 0.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=2, max_size=60))
def test_the_shift_after_failure_is_the_jensen_shannon_divergence(pairs):
    names, oks = zip(*pairs, strict=True)
    found = behavior_statistics(actions(names, oks))
    after = {
        ok: [sum(was is ok and name == kind for was, name in zip(oks, names[1:], strict=False)) for kind in "abc"]
        for ok in (True, False)
    }
    if min(sum(counts) for counts in after.values()) < 5:
        assert "shift_after_failure" not in found
    else:
        expected = jensenshannon(after[True], after[False], base=2) ** 2
        assert found["shift_after_failure"] == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=30), st.integers(1, 4))
def test_the_shares_of_actions_sum_to_one(names, top):
    spec = BehaviorFeatureSpec(top_actions=top)
    row = spec.fit_transform(acted([{"action": name} for name in names]))[0]
    shares = [value for name, value in zip(spec.feature_names_, row, strict=True) if name.startswith("share[")]
    assert len(shares) == min(top, len(set(names))) + 1
    assert sum(shares) == pytest.approx(1.0)


@pytest.mark.parametrize("length", range(1, 100))
def test_the_share_of_other_actions_is_exactly_zero_where_each_action_has_its_column(length):
    # 0.1 + 0.2 + 0.7 is not 1.0: one minus the shares would leave 1.1e-16
    counts = {"a": 1 + length % 3, "b": 2 + length % 5, "c": length}
    spec = BehaviorFeatureSpec()
    row = spec.fit_transform(acted([{"action": name} for name, times in counts.items() for _ in range(times)]))[0]
    assert row[spec.feature_names_.index("share[other]")] == 0.0


def test_the_share_of_other_actions_is_what_was_counted():
    spec = BehaviorFeatureSpec(top_actions=1).fit(acted([{"action": "look"}]))
    row = spec.transform(acted([{"action": name} for name in ("look", "walk", "walk", "wait", "look", "sit")]))[0]
    assert row[spec.feature_names_.index("share[other]")] == 4 / 6


def test_patterns_that_do_the_same_in_another_order_of_names_have_the_same_entropy():
    counts = [1, 2, 3, 4, 5, 6, 7]
    found = {
        behavior_statistics(actions([name for name, times in order for _ in range(times)]))["action_entropy"]
        for order in itertools.permutations(zip("abcdefg", counts, strict=True))
    }
    assert len(found) == 1


def test_which_actions_have_columns_does_not_depend_on_the_order_of_patterns():
    # both have the shares 0.1, 0.2 and 0.3; added one by one in this order they are 0.6 and in that 0.6000000000000001
    shares = [(1, 2), (2, 3), (3, 1)]
    groups = [
        acted([{"action": name} for name in "a" * first + "b" * second + "c" * (10 - first - second)], f"p{place}")
        for place, (first, second) in enumerate(shares)
    ]
    chosen = {
        BehaviorFeatureSpec(top_actions=2).fit(list(itertools.chain(*order))).actions_
        for order in itertools.permutations(groups)
    }
    assert chosen == {("c", "a")}


def test_a_pattern_that_acts_often_does_not_decide_which_actions_have_columns():
    busy = acted([{"action": "spam"}] * 1000, "busy")
    others = [one for place in range(3) for one in acted([{"action": "read"}], f"calm{place}")]
    assert BehaviorFeatureSpec(top_actions=1).fit(busy + others).actions_ == ("read",)


def test_an_action_called_other_keeps_its_own_column():
    spec = BehaviorFeatureSpec(top_actions=1).fit(acted([{"action": "other"}] * 3))
    row = spec.transform(acted([{"action": "new"}]))[0]
    assert np.isfinite(row).all()


def test_actions_are_taken_in_the_order_of_time():
    seen = acted([{"action": name} for name in "aabb"])
    spec = BehaviorFeatureSpec()
    assert (spec.fit_transform(seen) == spec.transform([seen[2], seen[0], seen[3], seen[1]])).all()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("look", "its payload is str"),
        ({"name": "look"}, "its action is None"),
        ({"action": "look", "ok": 1}, "its ok is 1"),
        ({"action": "look", "cost": "3"}, "its cost is '3'"),
        ({"action": "look", "cost": True}, "its cost is True"),
        ({"action": "look", "cost": 1e301}, "its cost is 1e\\+301"),
    ],
    ids=["text", "no action", "ok", "cost text", "cost bool", "cost large"],
)
def test_a_payload_of_another_form_is_refused_with_the_way_out(payload, message):
    with pytest.raises(DataError, match=rf"the observation 'a0' .*{message}; give \{{'action'"):
        BehaviorFeatureSpec().fit(acted([payload]))


@pytest.mark.parametrize("top", [0, -1, 2.5, True])
def test_the_number_of_columns_must_be_a_whole_number(top):
    with pytest.raises(ConfigError, match="top_actions is"):
        BehaviorFeatureSpec(top_actions=top)
