# SPDX-License-Identifier: Apache-2.0
"""Plug-ins by name, from this process and from installed distributions."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pytest

from ophamin.core.plugins import (
    DuplicatePluginError,
    PluginProtocolViolationError,
    Registry,
    RegistryError,
    UnknownPluginError,
    missing_members,
)
from ophamin.errors import OphaminError

GROUP = "ophamin_test.instruments"


@runtime_checkable
class Instrument(Protocol):
    name: str

    def play(self) -> str: ...

    def stop(self) -> None: ...


@dataclass
class Flute:
    name: str = "flute"

    def play(self):
        return "high"

    def stop(self):
        return None


class Drum:
    name = "drum"

    def play(self):
        return "low"


@pytest.fixture
def registry():
    return Registry("instrument", Instrument, GROUP, key=lambda plugin: plugin.name)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a distribution with a module and entry points, for one test."""

    def install(distribution, module, source, **points):
        site = tmp_path / distribution
        facts = site / f"{distribution}-1.0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {target}\n" for name, target in points.items())
        (facts / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
        (site / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, module, raising=False)

    modules = set(sys.modules)
    yield install
    for name in set(sys.modules) - modules:
        del sys.modules[name]


LYRE = (
    "class Lyre:\n name = 'lyre'\n def play(self): return 'soft'\n def stop(self): pass\n"
    "lyre = Lyre()\nbroken = object()\n"
)


def test_a_plug_in_is_registered_under_its_key_and_handed_back(registry):
    flute = Flute()
    assert registry.register(flute) is flute
    assert registry.get("flute") is registry["flute"] is flute
    assert registry.names() == list(registry) == ["flute"]
    assert dict(registry.items()) == {"flute": flute}
    assert "flute" in registry
    assert len(registry) == 1
    assert repr(registry) == "Registry('instrument', ['flute'])"


def test_a_name_that_is_given_goes_before_the_key(registry):
    registry.register(Flute(), "piccolo")
    assert registry.names() == ["piccolo"]


def test_the_same_object_again_changes_nothing(registry):
    flute = Flute()
    registry.register(flute)
    registry.register(flute)
    assert registry.names() == ["flute"]


def test_another_object_of_that_name_is_an_error_that_names_both(registry):
    first, second = Flute(), Flute()
    registry.register(first)
    with pytest.raises(DuplicatePluginError, match=r"'flute'.*Flute instance and .*Flute instance; rename") as caught:
        registry.register(second)
    assert (caught.value.kind, caught.value.key) == ("instrument", "flute")
    assert caught.value.existing is first
    assert caught.value.incoming is second
    assert registry["flute"] is first


def test_a_plug_in_that_lacks_members_is_refused_and_they_are_named(registry):
    drum = Drum()
    with pytest.raises(PluginProtocolViolationError, match="Drum instance is no Instrument: it lacks stop") as caught:
        registry.register(drum)
    assert caught.value.protocol is Instrument
    assert caught.value.offending is drum
    assert registry.names() == []


def test_a_class_is_refused_where_an_instance_is_meant(registry):
    with pytest.raises(PluginProtocolViolationError, match="it is a class; register an instance"):
        registry.register(Flute)


def test_a_class_is_accepted_where_classes_are_and_its_members_are_checked():
    registry = Registry("instrument", Instrument, "", accepts_classes=True)
    registry.register(Flute, "flute")
    with pytest.raises(PluginProtocolViolationError, match="lacks stop"):
        registry.register(Drum, "drum")


def test_a_class_that_sets_attributes_itself_is_asked_for_methods_only():
    class Horn(Drum):
        name: str

        def __init__(self):
            self.name = "horn"

    class Bare:
        def play(self): ...

        def stop(self): ...

    assert missing_members(Instrument, Horn) == ("stop",)
    assert missing_members(Instrument, Bare) == ("name",)


def test_members_that_are_made_on_demand_count():
    class Proxy:
        def __getattr__(self, name):
            if name in {"name", "play", "stop"}:
                return name
            raise AttributeError(name)

    assert missing_members(Instrument, Proxy()) == ()


def test_a_property_is_not_asked_for_its_value():
    class Costly(Flute):
        @property
        def tone(self):
            raise RuntimeError("asked")

    @runtime_checkable
    class Toned(Protocol):
        tone: str

    assert missing_members(Toned, Costly()) == ()


def test_a_protocol_of_calls_asks_for_a_callable():
    @runtime_checkable
    class Factory(Protocol):
        def __call__(self) -> object: ...

    assert missing_members(Factory, len) == ()
    assert missing_members(Factory, 3) == ("__call__",)


def test_members_of_a_base_protocol_are_members():
    @runtime_checkable
    class Loud(Instrument, Protocol):
        volume: int

    assert missing_members(Loud, Drum()) == ("stop", "volume")


def test_where_a_plain_class_is_asked_for_an_instance_of_it_is_needed():
    registry = Registry("number", int, "")
    registry.register(3, "three")
    with pytest.raises(PluginProtocolViolationError, match="derive it"):
        registry.register("3", "text")


@pytest.mark.parametrize("name", ["", 3])
def test_a_name_that_is_no_text_is_refused(registry, name):
    with pytest.raises(RegistryError, match="give a text"):
        registry.register(Flute(), name)


def test_without_key_and_name_there_is_no_name():
    with pytest.raises(RegistryError, match="has the name None"):
        Registry("instrument", Instrument, "").register(Flute())


def test_an_unknown_name_is_an_error_with_the_nearest_one(registry):
    registry.register(Flute())
    with pytest.raises(UnknownPluginError) as caught:
        registry["flut"]
    assert str(caught.value) == "no instrument is named 'flut'; did you mean 'flute'? Known: flute"


@pytest.mark.parametrize("kind", [KeyError, ValueError, RegistryError, OphaminError])
def test_an_unknown_name_can_be_caught_in_any_usual_way(registry, kind):
    with pytest.raises(kind):
        registry.get("x")


def test_a_plug_in_can_be_taken_out_again(registry):
    registry.register(Flute())
    registry.unregister("flute")
    assert "flute" not in registry
    with pytest.raises(UnknownPluginError):
        registry.unregister("flute")


def test_an_entry_point_is_listed_without_importing_it(registry, installed):
    installed("strings", "lyre_module", "raise AssertionError('imported')", lyre="lyre_module:lyre")
    assert registry.names() == ["lyre"]
    assert "lyre" in registry
    assert registry.origin("lyre") == "strings"
    assert "lyre_module" not in sys.modules


def test_an_entry_point_is_imported_when_asked_for_and_only_once(registry, installed):
    installed("strings", "lyre_module", LYRE, lyre="lyre_module:lyre")
    assert registry["lyre"].play() == "soft"
    assert registry["lyre"] is registry["lyre"]


def test_an_entry_point_that_fails_to_import_fails_only_who_asks(registry, installed):
    installed("wreck", "wreck_module", "raise OSError('no strings')", wreck="wreck_module:x")
    registry.register(Flute())
    assert registry.names() == ["flute", "wreck"]
    assert registry["flute"].play() == "high"
    says = r"'wreck' \(wreck_module:x of wreck\).*OSError: no strings.*uninstall"
    with pytest.raises(RegistryError, match=says) as caught:
        registry["wreck"]
    assert isinstance(caught.value.__cause__, OSError)


def test_an_entry_point_that_leaves_the_process_does_not(registry, installed):
    installed("leaver", "leaver_module", "import sys; sys.exit(3)", leaver="leaver_module:x")
    with pytest.raises(RegistryError, match="SystemExit: 3"):
        registry["leaver"]


def test_an_entry_point_that_lacks_members_is_refused(registry, installed):
    installed("strings", "lyre_module", LYRE, lyre="lyre_module:broken")
    with pytest.raises(PluginProtocolViolationError, match="lacks name, play, stop"):
        registry["lyre"]


def test_two_distributions_with_one_name_are_an_error_that_names_both_when_it_is_asked_for(registry, installed):
    installed("strings", "lyre_module", LYRE, lyre="lyre_module:lyre", harp="lyre_module:lyre")
    installed("winds", "other_module", LYRE, lyre="other_module:lyre")
    assert registry.names() == ["harp", "lyre"]
    assert registry["harp"].name == "lyre"
    with pytest.raises(DuplicatePluginError, match=r"of (strings|winds) and .* of (strings|winds)"):
        registry["lyre"]
    with pytest.raises(DuplicatePluginError):
        registry.origin("lyre")


def test_what_this_process_registers_goes_before_an_entry_point(registry, installed):
    installed("strings", "lyre_module", LYRE, lyre="lyre_module:lyre")
    own = registry.register(Flute(), "lyre")
    assert registry["lyre"] is own
    assert registry.origin("lyre") == __name__
    registry.unregister("lyre")
    assert registry["lyre"].name == "lyre"


def test_items_bring_every_plug_in_by_name(registry, installed):
    installed("strings", "lyre_module", LYRE, lyre="lyre_module:lyre")
    registry.register(Flute())
    assert [(name, plugin.name) for name, plugin in registry.items()] == [("flute", "flute"), ("lyre", "lyre")]


def test_the_origin_of_nothing_is_unknown(registry):
    with pytest.raises(UnknownPluginError):
        registry.origin("x")


def test_a_plug_in_with_a_wild_text_form_does_not_reach_the_message(registry):
    class Wild(Drum):
        def __repr__(self):
            return "\x1b[2J"

    with pytest.raises(PluginProtocolViolationError) as caught:
        registry.register(Wild())
    assert "\x1b" not in str(caught.value)
