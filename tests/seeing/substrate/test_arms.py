# SPDX-License-Identifier: Apache-2.0
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.ledger import Ledger
from ophamin.seeing.substrate.arms import Arms
from ophamin.seeing.substrate.base import SubstrateUnderTest
from ophamin.seeing.substrate.function import FunctionSubstrate
from ophamin.seeing.substrate.mock import MockSubstrate
from ophamin.seeing.substrate.recording import RecordingSubstrate


class Noting(SubstrateUnderTest):
    """Notes what it is given, and what is done with it."""

    def __init__(self, name, answer=lambda stimulus: {"value": 1}):
        self.name = name
        self.answer = answer
        self.given = []
        self.resets = 0

    def git_commit(self):
        return f"commit of {self.name}"

    def reset(self):
        self.resets += 1

    def run_cycle(self, stimulus, params=None):
        self.given.append((stimulus, params))
        return CycleResult(0, True, self.answer(stimulus))


@pytest.fixture
def admitted():
    return []


@pytest.fixture
def make(admitted):
    def build(systems, rng=1, **options):
        return Arms(systems, lambda *cycle: admitted.append(cycle), rng, **options)

    return build


def orders_of(rng, n, names=("a", "b"), failing=()):
    """The order of the arms in each of ``n`` pairs."""
    seen = []

    def system(name):
        def call(_):
            seen.append(name)
            if name in failing:
                raise ValueError("broken")

        return call

    arms = Arms({name: system(name) for name in names}, lambda *_: None, rng)
    for _ in range(n):
        arms.run("x")
    return [tuple(seen[at : at + len(names)]) for at in range(0, len(seen), len(names))]


def test_every_arm_is_given_the_same_stimulus_and_params(make):
    base, head = Noting("b"), Noting("h")
    make({"base": base, "head": head}).run("hello", t=0.5)
    assert base.given == head.given == [("hello", {"t": 0.5})]


def test_results_come_in_declared_order_whatever_order_they_ran_in(make):
    arms = make({name: Noting(name) for name in "zam"})
    assert {tuple(arms.run("x")) for _ in range(50)} == {("z", "a", "m")}
    assert arms.names == tuple(arms) == ("z", "a", "m")
    assert len(arms) == 3


def test_each_result_belongs_to_its_arm(make):
    arms = make({str(n): lambda text, n=n: n for n in range(4)})
    for _ in range(20):
        assert {name: result.raw["value"] for name, result in arms.run("x").items()} == {str(n): n for n in range(4)}


def test_a_system_never_sees_the_keys_of_the_comparison(make, admitted):
    arms = make({"base": lambda text, **params: params, "head": lambda text: {}})
    assert arms.run("x")["head"].error is None
    assert arms.run("x", t=1)["base"].raw == {"t": 1}
    assert {frozenset(params) for _, params, _, _ in admitted} == {
        frozenset({"arm", "pair"}),
        frozenset({"arm", "pair", "t"}),
    }


def test_the_ledger_has_columns_of_arm_and_pair():
    ledger = Ledger(["value", "arm", "pair"])
    arms = Arms({"base": lambda text: 1, "head": lambda text: 2}, ledger.admit, 3)
    for _ in range(2):
        arms.run("the same text")
    table = ledger.table()
    rows = sorted(zip(table.columns["pair"], table.columns["arm"], table.columns["value"], strict=True))
    assert rows == [(0, "base", 1), (0, "head", 2), (1, "base", 1), (1, "head", 2)]
    assert len(set(table.stimuli)) == 1


def test_a_record_goes_in_as_its_text(make, admitted):
    base, head = Noting("b"), Noting("h")
    make({"base": base, "head": head}).run(CorpusRecord("id-1", "its text"))
    assert [given for given, _ in base.given + head.given] == ["its text"] * 2
    assert [stimulus for stimulus, _, _, _ in admitted] == ["its text"] * 2


@pytest.mark.parametrize("name", ["self", "stimulus", "params", "pair_number"])
def test_a_param_may_have_any_other_name(make, name):
    assert make({"a": Noting("a"), "b": Noting("b")}).run("x", **{name: 1})["a"].error is None


# -- order ------------------------------------------------------------------------------------------------------------


def test_every_order_is_about_as_frequent_as_any_other():
    n, orders = 6000, Counter(orders_of(20, 6000, ("a", "b", "c")))
    assert set(orders) == set(permutations("abc"))
    chi_square = sum((count - n / 6) ** 2 / (n / 6) for count in orders.values())
    assert chi_square < 20.515  # the 0.999 quantile with 5 degrees of freedom


def test_the_order_of_one_pair_says_nothing_of_the_next():
    orders = orders_of(5, 4000)
    repeats = sum(one == other for one, other in pairwise(orders))
    assert abs(repeats - 2000) < 3.3 * 1000**0.5  # binomial with n = 4000, p = 1/2: standard deviation sqrt(1000)


@given(st.integers(0, 2**64))
def test_the_same_seed_draws_the_same_orders(seed):
    assert orders_of(seed, 20) == orders_of(seed, 20) == orders_of(random.Random(seed), 20)


def test_another_seed_draws_other_orders():
    assert orders_of(1, 40) != orders_of(2, 40)


def test_an_arm_that_fails_does_not_change_the_orders():
    assert orders_of(1, 40, failing={"a"}) == orders_of(1, 40)


# -- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_an_arm_that_raises_keeps_its_error_and_the_others_run(make, admitted, seed):
    def broken(stimulus):
        raise RuntimeError("out of memory")

    results = make({"base": Noting("b", broken), "head": Noting("h"), "next": Noting("n")}, seed).run("x")
    assert results["base"].error == "RuntimeError: out of memory"
    assert results["head"].error is results["next"].error is None
    assert sorted((params["arm"], params["pair"], result.error is None) for _, params, result, _ in admitted) == [
        ("base", 0, False),
        ("head", 0, True),
        ("next", 0, True),
    ]


def test_an_error_has_its_arm_and_pair_in_the_ledger_too():
    ledger = Ledger(["value", "arm", "pair"])
    Arms({"base": lambda text: int(text), "head": len}, ledger.admit, 3).run("x")
    table = ledger.table()
    (row,) = table.errors
    assert (table.columns["arm"][row], table.columns["pair"][row]) == ("base", 0)


def test_an_interrupt_passes_through(make):
    def interrupted(stimulus):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make({"a": Noting("a", interrupted), "b": Noting("b", interrupted)}).run("x")


@pytest.mark.parametrize("key", ["arm", "pair"])
def test_a_param_with_a_key_of_the_comparison_is_refused_before_anything_runs(make, admitted, key):
    system = Noting("a")
    arms = make({"a": system, "b": Noting("b")})
    with pytest.raises(ClaimError, match=f"'{key}'.*rename"):
        arms.run("x", **{key: 1})
    assert system.given == admitted == []


def test_a_param_with_a_key_of_the_comparison_is_not_admitted_from_one_arm_alone(make, admitted):
    arms = make({"a": Noting("a"), "b": Noting("b")})
    with pytest.raises(ClaimError, match="'arm'"):
        arms["a"].run_cycle("x", arm="b")
    assert admitted == []


@pytest.mark.parametrize("key", ["arm", "pair"])
def test_an_output_that_would_hide_which_cycles_belong_together_is_refused(make, admitted, key):
    arms = make({"a": lambda text: {key: "mine"}, "b": lambda text: {key: "mine"}})
    with pytest.raises(ObservationError, match=f"'{key}'.*'system_{key}'"):
        arms.run("x")
    assert admitted == []


def test_an_answer_that_is_no_result_is_the_systems_fault_and_said_so(make):
    class Wrong(Noting):
        def run_cycle(self, stimulus, params=None):
            return 3

    with pytest.raises(ObservationError, match="gave a int for a cycle"):
        make({"a": Wrong("a"), "b": Wrong("b")}).run("x")


# -- no arm sees another ----------------------------------------------------------------------------------------------


def test_what_one_arm_changes_in_its_input_no_other_arm_sees(make):
    def greedy(stimulus, **params):
        seen = (list(stimulus["words"]), list(params["stops"]))
        stimulus["words"].clear()
        params["stops"].clear()
        return {"seen": seen}

    stimulus, stops = {"words": ["a"]}, ["."]
    results = make({"a": greedy, "b": lambda *args, **named: greedy(*args, **named)}).run(stimulus, stops=stops)
    assert results["a"].raw == results["b"].raw == {"seen": (["a"], ["."])}
    assert (stimulus, stops) == ({"words": ["a"]}, ["."])


def test_a_stimulus_that_can_be_used_only_once_is_refused_before_anything_runs(make, admitted):
    arms = make({"a": Noting("a"), "b": Noting("b")})
    with pytest.raises(ObservationError, match="a generator cannot be copied"):
        arms.run(text for text in "ab")
    assert admitted == []
    arms.run("x")
    assert {params["pair"] for _, params, _, _ in admitted} == {0}


def test_pairs_stay_whole_when_threads_run_them_at_once(make, admitted):
    arms = make({"a": len, "b": lambda text: len(text)})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(arms.run, ["x"] * 200))
    assert Counter((params["pair"], params["arm"]) for _, params, _, _ in admitted) == Counter(
        (pair, arm) for pair in range(200) for arm in "ab"
    )


# -- the arms themselves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("systems", [{}, {"only": len}])
def test_fewer_than_two_arms_are_refused(make, systems):
    with pytest.raises(ClaimError, match=f"{len(systems)} arms are given; .* two or more"):
        make(systems)


@pytest.mark.parametrize("name", ["", "  ", 3, None])
def test_an_arm_without_a_name_is_refused(make, name):
    with pytest.raises(ClaimError, match="names no arm"):
        make({"a": len, name: MockSubstrate()})


def test_what_is_no_system_is_refused(make):
    with pytest.raises(ClaimError, match="is no substrate"):
        make({"a": len, "b": 3})


def test_one_object_in_two_arms_is_refused_with_both_ways_out(make):
    system = MockSubstrate()
    with pytest.raises(ClaimError, match=r"'base' and 'again'.*two instances.*A/A"):
        make({"base": system, "head": MockSubstrate(), "again": system})


@pytest.mark.parametrize("one", [len, FunctionSubstrate(len)], ids=["function", "substrate"])
def test_one_object_is_recognised_behind_what_records_it(make, one):
    system = FunctionSubstrate(one) if callable(one) else one
    recording = RecordingSubstrate(system, lambda *_: None)
    with pytest.raises(ClaimError, match="one and the same"):
        make({"base": recording, "head": system})
    with pytest.raises(ClaimError, match="one and the same"):
        make({"base": one, "head": one})


def test_two_instances_of_one_system_are_two_arms(make):
    assert make({"base": MockSubstrate(seed=1), "head": MockSubstrate(seed=1)}).run("x").keys() == {"base", "head"}


def test_an_a_a_run_compares_a_system_with_itself(make, admitted):
    system = Noting("s")
    arms = make({"base": system, "head": system}, self_comparison=True)
    arms.reset()
    assert system.resets == 1
    arms.run("x")
    assert len(system.given) == 2
    assert {params["arm"] for _, params, _, _ in admitted} == {"base", "head"}


def test_a_recording_system_is_recorded_by_the_comparison_alone(make, admitted):
    twice = []
    recording = RecordingSubstrate(MockSubstrate(), lambda *cycle: twice.append(cycle))
    make({"base": recording, "head": len}).run("x")
    assert twice == []
    assert len(admitted) == 2


def test_reset_resets_every_system_and_numbers_go_on(make, admitted):
    systems = {"a": Noting("a"), "b": Noting("b"), "c": Noting("c")}
    arms = make(systems)
    arms.run("x")
    arms.reset()
    arms.run("x")
    assert [system.resets for system in systems.values()] == [1, 1, 1]
    assert Counter(params["pair"] for _, params, _, _ in admitted) == {0: 3, 1: 3}


def test_one_arm_alone_is_a_recording_system_without_a_pair(make, admitted):
    head = Noting("h")
    arms = make({"base": len, "head": head})
    assert arms["head"].inner is head
    arms["head"].run_cycle("x", t=1)
    arms["head"].run_batch(["y", "z"])
    assert [(stimulus, params) for stimulus, params, _, _ in admitted] == [
        ("x", {"t": 1, "arm": "head"}),
        ("y", {"arm": "head"}),
        ("z", {"arm": "head"}),
    ]


def test_an_unknown_arm_is_told_with_the_nearest_one(make):
    with pytest.raises(ClaimError, match="no arm is named 'heat'; did you mean 'head'"):
        make({"base": len, "head": Noting("h")})["heat"]


def test_each_arm_says_what_it_is(make):
    said = make({"base": Noting("b"), "head": MockSubstrate(seed=3)}).metadata()
    assert said["arms"]["base"] == {"name": "b", "git_commit": "commit of b"}
    assert said["arms"]["head"]["seed"] == 3
    assert said["self_comparison"] is False


def test_async_functions_are_arms_too(make):
    async def answer(text):
        return len(text)

    assert make({"base": answer, "head": len}).run("four")["base"].raw == {"value": 4}
