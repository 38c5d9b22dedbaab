# SPDX-License-Identifier: Apache-2.0
"""The lag-1 test of dependence."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from ophamin.errors import ObservationError
from ophamin.measuring.inference import LagOne, clearly_dependent, lag1

STREAMS = {
    "rare ones": lambda rng: int(rng.random() < 0.03),
    "common ones": lambda rng: int(rng.random() < 0.35),
    "three values": lambda rng: rng.choice([0, 0, 1, 2]),
    "heavy tails": lambda rng: rng.paretovariate(0.5) * rng.choice([-1, 1]),
    "mostly zero": lambda rng: 0.0 if rng.random() < 0.9 else rng.expovariate(1.0),
    "half zero": lambda rng: 0.0 if rng.random() < 0.45 else rng.expovariate(1.0),
    "gaussian": lambda rng: rng.gauss(0.0, 1.0),
}


@pytest.mark.parametrize("name", STREAMS)
def test_independent_streams_are_called_dependent_at_most_twice_in_a_thousand(name):
    rng = random.Random(20261121)
    alarms = sum(clearly_dependent([STREAMS[name](rng) for _ in range(60)]) for _ in range(5000))
    assert alarms <= 10


def test_r_is_the_usual_autocorrelation():
    rng = random.Random(1)
    values = [rng.gauss(0, 1) for _ in range(200)]
    deviations = np.asarray(values) - np.mean(values)
    assert lag1(values).r == pytest.approx(
        float((deviations[:-1] * deviations[1:]).sum() / (deviations**2).sum()), rel=1e-12
    )


def test_the_normal_score_has_mean_zero_and_variance_one_over_all_orders():
    n = 7
    scores = []
    for order in itertools.permutations(range(n)):
        result = lag1(order)
        sign = math.copysign(1.0, result.r + 1.0 / n)
        scores.append(sign * math.sqrt(2.0) * float(special.erfcinv(result.p_value)))
    assert math.fsum(scores) / len(scores) == pytest.approx(0.0, abs=1e-9)
    assert math.fsum(score * score for score in scores) / len(scores) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(("ones", "n"), [(1, 8), (3, 9), (4, 8), (5, 11)])
def test_the_p_value_of_a_two_valued_stream_is_that_of_all_orders(ones, n):
    runs_of = {}
    for places in itertools.combinations(range(n), ones):
        stream = [int(i in places) for i in range(n)]
        runs_of[tuple(stream)] = 1 + sum(a != b for a, b in itertools.pairwise(stream))
    everything = list(runs_of.values())
    for stream, runs in runs_of.items():
        fewer, more = sum(r <= runs for r in everything), sum(r >= runs for r in everything)
        assert lag1(stream).p_value == pytest.approx(min(1.0, 2.0 * min(fewer, more) / len(everything)), rel=1e-12)


def test_the_p_value_is_uniform_enough_for_ranks_of_fifty():
    rng = random.Random(20261121)
    values = list(range(50))
    small = 0
    for _ in range(2000):
        rng.shuffle(values)
        small += lag1(values).p_value < 0.1
    assert 150 <= small <= 250


@pytest.mark.parametrize("phi", [0.6, -0.6])
def test_an_autoregressive_stream_is_clearly_dependent(phi):
    rng = random.Random(20261121)
    values = [0.0]
    for _ in range(299):
        values.append(phi * values[-1] + rng.gauss(0, 1))
    assert clearly_dependent(values)
    assert lag1(values).r == pytest.approx(phi, abs=0.15)


def test_clusters_are_clearly_dependent():
    rng = random.Random(20261121)
    shares = [rng.betavariate(0.5, 2.0) for _ in range(30)]
    assert clearly_dependent([int(rng.random() < share) for share in shares for _ in range(20)])


def test_a_sorted_stream_is_clearly_dependent_from_fifty_values_on():
    assert clearly_dependent(range(50))
    assert not clearly_dependent(range(49))


def test_two_neighbouring_ones_among_fifty_are_no_alarm():
    values = [0] * 50
    values[20] = values[21] = 1
    assert not clearly_dependent(values)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [3.0] * 80])
def test_nothing_is_said_where_there_is_nothing_to_compare(values):
    assert lag1(values) == LagOne(None, None, len(values))
    assert not clearly_dependent(values)


def test_a_long_two_valued_stream_is_judged_exactly():
    rng = random.Random(20261121)
    values = [int(rng.random() < 0.5) for _ in range(100_000)]
    ones = sum(values)
    runs = 1 + sum(a != b for a, b in itertools.pairwise(values))
    mean = 1 + 2 * ones * (100_000 - ones) / 100_000
    z = (runs - mean) / math.sqrt((mean - 1) * (mean - 2) / 99_999)
    assert lag1(values).p_value == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), abs=0.01)


def test_huge_values_do_not_overflow():
    assert clearly_dependent([1e300 * i for i in range(60)])


def test_a_change_of_unit_changes_nothing():
    rng = random.Random(3)
    values = [rng.gauss(0, 1) for _ in range(80)]
    plain, moved = lag1(values), lag1([5.0 + 8.0 * value for value in values])
    assert moved.p_value == plain.p_value
    assert moved.r == pytest.approx(plain.r, rel=1e-9)


def test_what_is_no_finite_number_is_refused():
    with pytest.raises(ObservationError, match="observation 1 is nan"):
        lag1([0.0, math.nan, 1.0])


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(45, 130),
    st.sampled_from([[0, 1], [0, 0, 0, 1], [0, 1, 2], [0.0, 0.5, 1.5, 2.5]]),
    st.floats(0.0, 1.0),
)
def test_the_short_way_answers_like_the_whole_test(seed, n, values, stickiness):
    rng = random.Random(seed)
    stream = [rng.choice(values)]
    while len(stream) < n:
        stream.append(stream[-1] if rng.random() < stickiness else rng.choice(values))
    assert clearly_dependent(stream) is lag1(stream).is_clear


def test_the_short_way_answers_like_the_whole_test_for_every_number_of_runs():
    answers = set()
    for changes in range(60):
        stream = [0] * 60
        for place in range(60):
            stream[place] = min(place, changes) % 2
        assert clearly_dependent(stream) is lag1(stream).is_clear
        answers.add(lag1(stream).is_clear)
    assert answers == {False, True}
