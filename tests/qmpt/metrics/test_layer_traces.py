# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.data.models import Observation
from qmpt.metrics.layer_traces import read_traces, trace_costs, trace_proxies, trace_signs
from qmpt.metrics.layer_windows import TimeWindows


def seen(number, payload, pattern="a", modality="behavior", when=None):
    time = float(number if when is None else when)
    return Observation(obs_id=str(number), pattern_id=pattern, timestamp=time, modality=modality, payload=payload)


def act(number, ok, action="call", pattern="a", **more):
    return seen(number, {"action": action, "ok": ok, **more}, pattern)


def commit(number, subject, parents=1):
    numbers = {"insertions": 3, "deletions": 1, "parents": parents}
    return seen(number, {"text": subject, "numbers": numbers}, modality="text")


def told(observations, name, columns=()):
    return trace_signs(observations, columns)[name]


def test_a_failed_act_is_an_error_and_an_act_without_outcome_says_nothing():
    assert told([act(0, False), act(1, True), seen(2, {"action": "call"})], "error") == {"0": True, "1": False}


def test_a_retry_is_the_same_act_of_the_same_pattern_right_after_it_failed():
    acts = [act(0, False), act(1, True), act(2, True), act(3, False), act(4, True, "other"), act(5, False, pattern="b")]
    assert told(acts, "retry") == {"1": True, "2": False, "3": False, "4": False}
    assert told(acts[::-1], "retry") == told(acts, "retry")


@pytest.mark.parametrize(
    ("subject", "mends", "reverts"),
    [
        ("Fix the door", True, False),
        ("fix(shop)!: the door", True, False),
        ("fixes #12", True, False),
        ("Bugfix for the door", True, False),
        ("Hotfix", True, False),
        ("Mend the parser.", True, False),
        ("Corrected a typo", True, False),
        ('Revert "Fix the door"', False, True),
        ("revert: feat: the door", False, True),
        ("Back out the change", False, True),
        ("Fixture for the door", False, False),
        ("Add a fix", False, False),
        ("Prefix names", False, False),
        ("", False, False),
    ],
)
def test_commits_that_mend_and_commits_that_revert_are_told_by_the_beginning_of_their_subject(subject, mends, reverts):
    assert told([commit(0, f"{subject}\n\nrevert fix")], "error") == {"0": mends}
    assert told([commit(0, subject)], "conflict") == {"0": reverts}


def test_a_merge_and_a_text_that_is_no_commit_say_nothing():
    signs = trace_signs([commit(0, "Fix the door", parents=2), seen(1, {"text": "Fix the door"}, modality="text")])
    assert not any(signs.values())


def test_a_test_that_changes_its_outcome_is_in_conflict_and_outcomes_are_neither_actions_nor_retries():
    runs = [act(n, ok, "passed" if ok else "failed") for n, ok in enumerate((True, False, False, True))]
    assert told(runs, "conflict") == {"1": True, "2": False, "3": True}
    assert told(runs, "retry") == {}
    found = trace_proxies(runs, TimeWindows(0.0, 2.0, 2), fewest=1)
    assert found.unsaid["rigidity"] == "fewer than two kinds of actions"


def test_failures_for_want_and_failures_that_were_blocked_are_told_by_the_words_of_their_error():
    acts = [act(n, False, error=said) for n, said in enumerate(("timeout", "HTTP 429", "403 Forbidden", "KeyError"))]
    acts.append(act(4, True))
    assert told(acts, "deficit") == {"0": True, "1": True, "2": False, "3": False, "4": False}
    assert told(acts, "control") == {"0": False, "1": False, "2": True, "3": False, "4": False}


def test_where_no_failure_says_why_there_is_no_deficit_and_no_control_instead_of_none_of_them():
    signs = trace_signs([act(0, True), act(1, False)])
    assert (signs["deficit"], signs["control"]) == ({}, {})


def test_a_deficit_that_is_every_error_is_not_counted_twice():
    acts = [act(n, n % 4 > 0, **({} if n % 4 else {"error": "timeout"})) for n in range(40)]
    found = trace_proxies(acts, TimeWindows(0.0, 10.0, 4))
    assert "deficit" not in found.proxies.stress
    assert found.unsaid["deficit"] == "every failure is one, so it is the error rate again"


@pytest.mark.parametrize("name", ["conflict", "error", "retry", "deficit"])
def test_what_a_field_states_goes_before_what_is_derived(name):
    assert told([act(0, False, error="timeout"), act(1, True, **{name: True})], name)["1"] is True


def test_rows_of_a_table_speak_through_columns_of_zeros_and_ones():
    rows = [seen(n, [float(n % 2), 7.0, 0.5], modality="numeric") for n in range(4)]
    columns = ("ok", "cost", "blocked")
    assert told(rows, "error", columns) == {"0": True, "1": False, "2": True, "3": False}
    assert trace_costs(rows, columns) == dict.fromkeys("0123", pytest.approx(math.asinh(7.0)))
    assert told(rows, "error") == {}


def test_a_cost_may_be_anything_and_what_is_no_number_is_left_out():
    given = [0.0, -5.0, 1e300, None, True, "9"]
    assert set(trace_costs([act(n, True, cost=cost) for n, cost in enumerate(given)])) == {"0", "1", "2"}
    assert trace_costs([commit(0, "x")]) == {"0": math.asinh(4.0)}


def test_windows_are_the_same_for_every_proxy_wherever_its_observations_begin():
    texts = [seen(f"t{n}", {"text": "x"}, modality="text", when=n) for n in range(10)]
    acts = [act(n, n % 3 > 0, "ab"[n % 2], cost=1.0 + n % 7) for n in range(10, 60)]
    found = trace_proxies([*texts, *acts], TimeWindows(0.0, 10.0, 6))
    assert set(found.proxies.stress) == {"error", "retry", "instability"}
    assert np.isnan(found.proxies.stress["error"]).tolist() == [True] + [False] * 5
    assert found.proxies.protection["rigidity"][1:] == pytest.approx(0.0)
    assert np.isnan(found.proxies.stress["instability"]).tolist() == [True] * 5 + [False]
    assert found.rests_on == {"error": 50, "retry": 49, "instability": 50, "rigidity": 50}
    assert found.overall["error"] == pytest.approx(16 / 50)


def test_too_few_windows_for_instability_are_its_reason():
    acts = [act(n, True, cost=1.0) for n in range(40)]
    assert trace_proxies(acts, TimeWindows(0.0, 10.0, 4)).unsaid["instability"] == "4 windows; 5 are the fewest"


def test_what_was_read_before_gives_the_same_proxies_and_counts_only_what_is_asked_of():
    acts = [act(n, n % 3 > 0, "ab"[n % 2], cost=1.0 + n % 7) for n in range(60)]
    windows, part = TimeWindows(0.0, 10.0, 6), acts[:40]
    again = trace_proxies(acts, windows, reading=read_traces(acts))
    fresh = trace_proxies(acts, windows)
    assert (again.rests_on, again.overall, again.unsaid) == (fresh.rests_on, fresh.overall, fresh.unsaid)
    for name, series in fresh.proxies.stress.items():
        np.testing.assert_array_equal(again.proxies.stress[name], series)
    assert trace_proxies(part, windows, reading=read_traces(acts)).rests_on == trace_proxies(part, windows).rests_on
    assert read_traces(acts).telling == 60


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["action", "ok", "error", "cost", "numbers", "text", "retry"]), inner)
    ),
    max_leaves=9,
)


@given(st.lists(st.tuples(JSON, st.sampled_from(["behavior", "text", "numeric"])), min_size=1, max_size=9))
def test_no_payload_whatever_is_an_obstacle(given):
    observations = [seen(n, payload, modality=kind) for n, (payload, kind) in enumerate(given)]
    found = trace_proxies(observations, TimeWindows(0.0, 5.0, 6), columns=("ok", "cost"), fewest=1)
    for name, series in {**found.proxies.stress, **found.proxies.protection}.items():
        assert name == "instability" or ((series >= 0.0) & (series <= 1.0) | np.isnan(series)).all()
