# SPDX-License-Identifier: Apache-2.0
"""Every registry in one place: what is offered, what can be added, and what is refused."""

import pytest

from ophamin import registry
from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CycleResult
from ophamin.measuring.pillars.base import resolve_pillars
from ophamin.registry import DuplicatePluginError, PluginProtocolViolationError, RegistryError, UnknownPluginError


@pytest.fixture(autouse=True)
def _registries():
    """What a test registers is taken out again."""
    kinds = (registry.PILLARS, registry.SUBSTRATES, registry.CORPORA, registry.SCENARIOS)
    before = {id(kind): set(kind.names()) for kind in kinds}
    yield
    for kind in kinds:
        for name in set(kind.names()) - before[id(kind)]:
            kind.unregister(name)


class Pillar:
    pillar_name = "X.count"
    library = "example"
    library_version = "1.2"

    def compute(self, cycle_results, records):
        return PillarEvidence("X.count", "rows", len(cycle_results), "example", "1.2")


class System:
    name = "own-system"

    def git_commit(self):
        return "1"

    def reset(self):
        pass

    def run_cycle(self, stimulus, params=None):
        return CycleResult(0, True)

    def run_batch(self, stimuli, params=None):
        return [self.run_cycle(one) for one in stimuli]


class Corpus:
    name = "own-corpus"
    kind = "text"
    source = "here"

    def is_available(self):
        return True

    def records(self):
        return iter(())

    def content_hash(self):
        return "0" * 64

    def count(self):
        return 0


class Scenario:
    name = "own-scenario"
    corpus_name = ""
    target = ""
    n_cycles = 0

    def build_claim(self):
        return None

    def score(self, cycle_results, records):
        return None

    def run(self, substrate, *, data_root=None, sign_key=b""):
        return None


DOORS = [
    (registry.register_pillar, registry.get_pillar, registry.list_pillars, Pillar(), None, "X.count"),
    (registry.register_substrate, registry.get_substrate, registry.list_substrates, System, "own", "own"),
    (registry.register_corpus, registry.get_corpus, registry.list_corpora, Corpus, "own", "own"),
    (registry.register_scenario, registry.get_scenario, registry.list_scenarios, Scenario, None, "own-scenario"),
]
each_door = pytest.mark.parametrize(
    ("register", "get", "names", "plugin", "name", "known_as"), DOORS, ids=["pillar", "substrate", "corpus", "scenario"]
)


@each_door
def test_what_is_registered_is_handed_back_listed_and_found(register, get, names, plugin, name, known_as):
    given = () if name is None else (name,)
    assert register(plugin, *given) is plugin
    assert known_as in names()
    assert get(known_as) is plugin


@each_door
def test_the_same_plug_in_again_changes_nothing(register, get, names, plugin, name, known_as):
    given = () if name is None else (name,)
    register(plugin, *given)
    register(plugin, *given)
    assert names().count(known_as) == 1


@each_door
def test_a_doubled_name_is_an_error_that_names_both(register, get, names, plugin, name, known_as):
    given = () if name is None else (name,)
    register(plugin, *given)
    other = type("Other", (type(plugin) if not isinstance(plugin, type) else plugin,), {})
    with pytest.raises(DuplicatePluginError, match=r"Other") as caught:
        register(other() if register is registry.register_pillar else other, *given)
    assert (caught.value.key, caught.value.existing) == (known_as, plugin)


@each_door
def test_what_lacks_members_is_refused_and_the_members_are_named(register, get, names, plugin, name, known_as):
    with pytest.raises(PluginProtocolViolationError, match=r"it lacks .*; add what is missing"):
        register(object() if register is registry.register_pillar else type("Empty", (), {}))


@each_door
def test_an_unknown_name_is_both_a_key_error_and_a_value_error(register, get, names, plugin, name, known_as):
    with pytest.raises(UnknownPluginError, match="is named 'nowhere'; ") as caught:
        get("nowhere")
    assert all(isinstance(caught.value, kind) for kind in (KeyError, ValueError, RegistryError))


def test_our_own_plug_ins_come_through_the_same_door_as_anyones():
    assert "mock" in registry.list_substrates()
    assert {"sentences", "git", "jsonl", "csv", "lines", "folder"} <= set(registry.list_corpora())
    assert registry.get_substrate("mock").__name__ == "MockSubstrate"
    assert registry.get_corpus("sentences")().count() == 60


def test_everything_that_is_named_is_there():
    assert all(hasattr(registry, name) for name in registry.__all__)


# -- pillars in a plan ------------------------------------------------------------------------------------------------


def test_a_plan_names_its_pillars_by_value_or_by_name():
    pillar = registry.register_pillar(Pillar())
    own = Pillar()
    assert resolve_pillars([own, "X.count"]) == (own, pillar)
    assert resolve_pillars([]) == ()


def test_a_pillar_that_is_none_is_refused():
    with pytest.raises(PluginProtocolViolationError, match="it lacks compute, library, library_version, pillar_name"):
        resolve_pillars([5])
    with pytest.raises(UnknownPluginError, match=r"no pillar is named 'X\.nowhere'"):
        resolve_pillars(["X.nowhere"])


def test_a_pillar_is_registered_as_an_object_and_not_as_a_class():
    with pytest.raises(PluginProtocolViolationError, match="it is a class; register an instance of it"):
        registry.register_pillar(Pillar)
