# SPDX-License-Identifier: Apache-2.0
"""Promises about values that were put into a model after it had been checked, and that no file can keep."""

import pytest

from qmpt.data import _jsontext, io
from qmpt.data.models import Layer, LayerState, Observation, Pattern
from qmpt.errors import DataError

INFINITE = float("inf")


def pattern(name="a", **fields):
    return Pattern(pattern_id=name, layer_id="L", **fields)


def seen(name="1", **fields):
    return Observation(
        **{"obs_id": name, "pattern_id": "a", "timestamp": 0, "modality": "text", "payload": {"x": 1}, **fields}
    )


def layer(name="L", **fields):
    return Layer(layer_id=name, **fields)


def infinite_metadata():
    spoiled = pattern()
    spoiled.metadata["limits"] = {"upper": [1.0, INFINITE]}
    return spoiled


def undefined_metadata():
    spoiled = pattern()
    spoiled.metadata["mean"] = float("nan")
    return spoiled


def infinite_payload():
    spoiled = seen()
    spoiled.payload["x"] = -INFINITE
    return spoiled


def infinite_state():
    spoiled = layer(state_trajectory=[LayerState(t=0), LayerState(t=1)])
    spoiled.state_trajectory[1].macro_state["capacity"] = INFINITE
    return spoiled


def surrogate_tag():
    spoiled = seen()
    spoiled.tags.append("\ud800")
    return spoiled


def surrogate_key():
    spoiled = pattern()
    spoiled.metadata["limits"] = {"\ud800": 1}
    return spoiled


def unchecked_version():
    return Pattern.model_construct(pattern_id="a", layer_id="L", feature_spec_version="\ud800")


def unchecked_description():
    return Layer.model_construct(layer_id="L", description="\ud800")


SAVERS = {
    Observation: lambda path, spoiled: io.save_observations(path, [seen("0"), spoiled]),
    Pattern: lambda path, spoiled: io.save_patterns(path, {"0": pattern("0"), "a": spoiled}),
    Layer: lambda path, spoiled: io.save_layers(path, {"0": layer("0"), "L": spoiled}),
}
SURROGATE = "holds text with a lone surrogate at position 0; decode it with errors='replace'"
SPOILED = [
    (infinite_metadata, "pattern_id 'a': metadata.limits.upper.1 is inf; give a finite number"),
    (undefined_metadata, "pattern_id 'a': metadata.mean is nan; give a finite number, or None where there is none"),
    (infinite_payload, "obs_id '1': payload.x is -inf; give a finite number"),
    (infinite_state, "layer_id 'L': state_trajectory.1.macro_state.capacity is inf; give a finite number"),
    (surrogate_tag, f"obs_id '1': tags.0 {SURROGATE}"),
    (surrogate_key, f"pattern_id 'a': a key of metadata.limits {SURROGATE}"),
    (unchecked_version, f"pattern_id 'a': feature_spec_version {SURROGATE}"),
    (unchecked_description, f"layer_id 'L': description {SURROGATE}"),
]


@pytest.fixture(params=["orjson", "json"])
def either_json(request, monkeypatch):
    """Once with orjson and once without it."""
    if request.param == "json":
        monkeypatch.setattr(_jsontext, "_orjson", lambda: None)
    _jsontext._dumper.cache_clear()
    yield
    _jsontext._dumper.cache_clear()


@pytest.mark.parametrize("suffix", io.SUFFIXES)
@pytest.mark.parametrize(("make", "said"), SPOILED, ids=[make.__name__ for make, _ in SPOILED])
def test_what_no_file_can_keep_is_named_with_its_row_and_its_place(tmp_path, either_json, suffix, make, said):
    spoiled = make()
    with pytest.raises(DataError) as caught:
        SAVERS[type(spoiled)](tmp_path / f"rows{suffix}", spoiled)
    assert said in str(caught.value)
    assert "build the model anew" not in str(caught.value)


@pytest.mark.parametrize("suffix", io.SUFFIXES)
def test_a_value_inside_itself_is_an_error_and_no_endless_search(tmp_path, either_json, suffix):
    endless = seen()
    endless.payload["x"] = [endless.payload, endless.payload]
    with pytest.raises(DataError, match=r"obs_id '1': .*; build the model anew with that value"):
        io.save_observations(tmp_path / f"rows{suffix}", [endless])


@pytest.mark.parametrize("suffix", io.SUFFIXES)
def test_the_word_null_and_none_are_kept_as_they_are(tmp_path, either_json, suffix):
    rows = [seen(payload=["null", None, {"null": None}]), seen("2", payload=None)]
    io.save_observations(tmp_path / f"rows{suffix}", rows)
    assert io.load_observations(tmp_path / f"rows{suffix}") == rows
