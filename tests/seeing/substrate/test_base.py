# SPDX-License-Identifier: Apache-2.0
import subprocess

import pytest

from ophamin.core.plugins import UnknownPluginError
from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.seeing.substrate.base import (
    SUBSTRATES,
    SubstrateSpec,
    SubstrateUnderTest,
    as_under_test,
    get_substrate,
    list_substrates,
    make_substrate,
    parse_spec,
)
from ophamin.seeing.substrate.mock import MockSubstrate


class Constant(SubstrateUnderTest):
    name = "constant"

    def __init__(self):
        self.result = CycleResult(41, True, {"value": 1})
        self.seen = []

    def git_commit(self):
        return "abc"

    def reset(self):
        self.seen.clear()

    def run_cycle(self, stimulus, params=None):
        self.seen.append((stimulus, params))
        return self.result


class Probe:
    """Has the members of a substrate and no base class."""

    name = "probe"
    extra = 5

    def __init__(self):
        self.resets = 0

    def git_commit(self):
        return "p1"

    def reset(self):
        self.resets += 1

    def run_cycle(self, stimulus, params=None):
        return CycleResult(0, True, {"echo": stimulus})

    def run_batch(self, stimuli, params=None):
        return [CycleResult(9, True, {"batch": True}) for _ in stimuli]


@pytest.fixture
def registered():
    names = []

    def register(plugin, name):
        SUBSTRATES.register(plugin, name)
        names.append(name)

    yield register
    for name in names:
        SUBSTRATES.unregister(name)


def test_a_batch_runs_each_stimulus_with_the_params_and_counts_from_0():
    system = Constant()
    results = system.run_batch(["a", "b"], {"p": 1})
    assert system.seen == [("a", {"p": 1}), ("b", {"p": 1})]
    assert [result.cycle_index for result in results] == [0, 1]


def test_a_batch_leaves_the_systems_own_result_as_it_is():
    system = Constant()
    system.run_batch(["a", "b"])
    assert system.result.cycle_index == 41


def test_a_substrate_says_its_name_and_revision_and_has_no_state_by_default():
    assert Constant().metadata() == {"name": "constant", "git_commit": "abc"}
    assert Constant().capture_state() == {}


def test_a_substrate_without_its_methods_cannot_be_made():
    with pytest.raises(TypeError):
        SubstrateUnderTest()


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("mock", SubstrateSpec("mock")),
        (" mock ", SubstrateSpec("mock")),
        ("mock:seed=3", SubstrateSpec("mock", {"seed": 3})),
        (
            "k:target=walker,rate=0.5,on=true,off=false",
            SubstrateSpec("k", {"target": "walker", "rate": 0.5, "on": True, "off": False}),
        ),
        ("mock:fresh=true,seed=1", SubstrateSpec("mock", {"seed": 1}, fresh=True)),
        ("mock:fresh", SubstrateSpec("mock", fresh=True)),
        ("mock:fresh=false", SubstrateSpec("mock")),
        ("k:url=http://localhost:80/", SubstrateSpec("k", {"url": "http://localhost:80/"})),
        ("git:main:shop.prices:quote", SubstrateSpec("git", place="main:shop.prices:quote")),
        (
            "git:HEAD~1:shop:quote,timeout=5,fresh",
            SubstrateSpec("git", {"timeout": 5}, fresh=True, place="HEAD~1:shop:quote"),
        ),
        ("git:origin/main:m:f, timeout=0.5", SubstrateSpec("git", {"timeout": 0.5}, place="origin/main:m:f")),
        ("git:1234567:m:f", SubstrateSpec("git", place="1234567:m:f")),
        ("git:ref=main,target=m:f", SubstrateSpec("git", {"ref": "main", "target": "m:f"})),
    ],
)
def test_a_spec_is_read_into_name_options_and_fresh(text, parsed):
    assert parse_spec(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", ":seed=1", "mock:", "mock:=1", "mock:seed=1,seed=2", "mock:fresh=maybe", "mock:,", "mock:seed=1,a:b",
        "git:main:m:f,main:m:g", "git:main:m:f,timeout=1,timeout=2",
    ],
)  # fmt: skip
def test_a_text_of_another_form_is_refused_with_the_text(text):
    with pytest.raises(ClaimError) as caught:
        parse_spec(text)
    assert repr(text) in str(caught.value)


def test_the_mock_is_made_by_its_name_with_its_options():
    mock = make_substrate("mock:seed=3,base_phi=0.7,name=walker")
    assert isinstance(mock, MockSubstrate)
    assert (mock.seed, mock.base_phi, mock.name) == (3, 0.7, "walker")


def test_an_unknown_option_names_the_accepted_ones():
    with pytest.raises(
        ClaimError, match=r"substrate 'mock' takes no option 'sed'; did you mean 'seed'\? Known: base_phi"
    ):
        make_substrate("mock:sed=3")


def test_a_value_that_the_substrate_refuses_is_a_claim_error():
    with pytest.raises(ClaimError, match="substrate 'mock' cannot be built with seed='abc'"):
        make_substrate("mock:seed=abc")


def test_an_unknown_name_tells_the_nearest_one():
    with pytest.raises(UnknownPluginError, match="did you mean 'mock'"):
        make_substrate("moc:seed=1")


def test_the_mock_is_listed_and_found():
    assert "mock" in list_substrates()
    assert get_substrate("mock") is MockSubstrate


def test_every_call_makes_a_new_one():
    assert make_substrate("mock") is not make_substrate("mock")


def test_a_class_that_only_has_the_methods_is_given_a_base(registered):
    registered(Probe, "probe")
    system = make_substrate("probe")
    system.reset()
    assert isinstance(system, SubstrateUnderTest)
    assert (system.name, system.git_commit(), system.resets, system.extra) == ("probe", "p1", 1, 5)
    assert system.run_cycle("x").raw == {"echo": "x"}
    assert system.run_batch(["x"])[0].raw == {"batch": True}
    assert system.metadata() == {"name": "probe", "git_commit": "p1"}


def test_a_ready_made_system_takes_no_options(registered):
    system = Constant()
    registered(system, "ready")
    assert make_substrate("ready") is system
    with pytest.raises(ClaimError, match=r"ready-made, without options; leave out \['seed'\]"):
        make_substrate("ready:seed=1")


class Placed(Constant):
    """Made from a place and an option, as a spec has them."""

    def __init__(self, *given):
        super().__init__()
        self.given = given

    @classmethod
    def from_spec(cls, place, *, python="", timeout=60.0):
        if place.count(":") < 2:
            raise ClaimError(f"{place!r} names nothing")
        return cls(place, python, timeout)


def test_a_place_goes_to_the_class_that_reads_one_with_the_options_beside_it(registered):
    registered(Placed, "placed")
    assert make_substrate("placed:main:shop:quote").given == ("main:shop:quote", "", 60.0)
    assert make_substrate("placed:main:shop:quote,timeout=5").given == ("main:shop:quote", "", 5)


def test_a_place_that_the_class_refuses_is_a_claim_error_with_its_reason(registered):
    registered(Placed, "placed")
    with pytest.raises(ClaimError, match="substrate 'placed' cannot be built with no option: 'a:b' names nothing"):
        make_substrate("placed:a:b")


@pytest.mark.parametrize("option", ["rate=1", "place=x"])
def test_beside_a_place_the_options_are_those_of_from_spec(registered, option):
    registered(Placed, "placed")
    with pytest.raises(ClaimError, match=r"takes no option '\w+'.*Known: python, timeout"):
        make_substrate(f"placed:main:shop:quote,{option}")


def test_a_substrate_that_reads_no_place_says_what_it_takes(registered):
    ready = Placed("a", "b", 1)
    registered(ready, "ready-placed")
    for name in ("mock", "ready-placed"):
        with pytest.raises(ClaimError) as caught:
            make_substrate(f"{name}:main:shop:quote,seed=1")
        assert str(caught.value) == (
            f"'{name}:main:shop:quote,seed=1': 'main:shop:quote' is no option; write name:key=value,key=value"
        )


@pytest.mark.needs("git")
def test_a_function_at_a_commit_is_named_by_place_or_by_options(tmp_path, monkeypatch):
    (tmp_path / "answers.py").write_text("def length(text):\n    return len(text)\n", encoding="utf-8")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(tmp_path)]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "a commit"]):
        subprocess.run([*git, *arguments], check=True)
    monkeypatch.chdir(tmp_path)
    for spec in ("git:main:answers:length,timeout=60", "git:ref=main,target=answers:length"):
        with make_substrate(spec) as system:
            assert system.metadata()["ref"] == "main"
            assert system.run_cycle("four").raw == {"value": 4}


def test_an_object_without_the_methods_is_no_substrate():
    with pytest.raises(ClaimError, match="str is no substrate; it needs name, reset"):
        as_under_test("text")
