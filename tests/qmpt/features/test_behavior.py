# SPDX-License-Identifier: Apache-2.0
"""Promises about the features of actions."""

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


def test_a_fixed_cycle_has_no_transition_entropy_and_a_change_after_failure_is_seen():
    assert behavior_statistics(actions("abcabcabca"))["transition_entropy"] == pytest.approx(0.0, abs=1e-12)
    names, oks = "ab" * 10, [name == "a" for name in "ab" * 10]
    assert behavior_statistics(actions(names, oks))["shift_after_failure"] == pytest.approx(1.0)


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
