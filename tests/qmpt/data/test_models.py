# SPDX-License-Identifier: Apache-2.0
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qmpt.data.models import Layer, LayerState, Observation, Pattern
from qmpt.errors import validation_message

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def pattern(**fields):
    return Pattern(**{"pattern_id": "a", "layer_id": "L", **fields})


def seen(**fields):
    return Observation(
        **{"obs_id": "1", "pattern_id": "a", "timestamp": 0, "modality": "text", "payload": None, **fields}
    )


def test_the_fields_are_those_of_the_design():
    assert list(Observation.model_fields) == ["obs_id", "pattern_id", "timestamp", "modality", "payload", "tags"]
    assert list(Pattern.model_fields) == [
        "pattern_id",
        "layer_id",
        "metadata",
        "features",
        "anomaly_score",
        "reflexivity",
        "self_operator",
        "feature_spec_version",
        "metrics_version",
    ]
    assert list(LayerState.model_fields) == ["t", "stress", "protection", "macro_state"]
    assert list(Layer.model_fields) == ["layer_id", "description", "patterns", "state_trajectory"]


@given(st.lists(FINITE, min_size=1, max_size=8))
def test_features_are_finite_float64_and_survive_json(numbers):
    made = pattern(features=numbers)
    assert made.features.dtype == np.float64
    assert made.features.tolist() == numbers
    assert Pattern.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ([[1.0], [2.0]], r"shape \(2, 1\)"),
        (3.0, r"shape \(\)"),
        ([], r"shape \(0,\)"),
        ([1.0, float("nan"), float("inf")], "feature 1 is nan .2 of 3"),
        (["x"], "no real numbers"),
        (["1", "2"], "no real numbers"),
        ([[1], [1, 2]], "no real numbers"),
        ([10**400], "no real numbers"),
        (np.array([1j]), "no real numbers"),
        (np.array([1 + 0j]), "no real numbers"),
        (np.array([1, 1j], dtype=object), "no real numbers"),
        (np.array([1.0, "2"], dtype=object), "no real numbers"),
        (np.array([1.0, None]), "no real numbers"),
        (np.array(["2026-11-21"], dtype="datetime64[D]"), "no real numbers"),
        (np.ma.array([1.0, 2.0], mask=[False, True]), "hold a masked value; fill it"),
        (np.ma.array([1, 2], mask=True), "hold a masked value"),
        ([1.0, np.ma.masked], "hold a masked value"),
    ],
    ids=[
        "matrix", "number", "empty", "nan", "text", "digits", "ragged", "huge", "complex", "complex without imaginary",
        "complex object", "text object", "none object", "time", "masked", "all masked", "masked in a list",
    ],
)  # fmt: skip
def test_features_of_another_form_are_refused(features, said):
    with pytest.raises(ValidationError, match=said):
        pattern(features=features)


@pytest.mark.parametrize(
    "features",
    [
        np.ma.array([1.0, 2.0], mask=[False, False]),
        np.array([1, np.float32(2.0)], dtype=object),
        [Fraction(1), Decimal(2)],
        np.array([1, 2], dtype=np.uint8),
        (True, 2),
    ],
    ids=["mask that hides nothing", "objects", "fractions", "small integers", "truth"],
)
def test_features_of_any_real_numbers_are_taken(features):
    assert pattern(features=features).features.tolist() == [1.0, 2.0]


def test_features_are_a_copy_that_cannot_be_written_to():
    given_vector = np.array([1.0, 2.0])
    made = pattern(features=given_vector)
    given_vector[0] = 9.0
    assert made.features.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        made.features[0] = float("nan")


def test_patterns_are_equal_when_every_field_is_also_the_vector():
    assert pattern(features=[1, 2]) == pattern(features=[1, 2])
    assert pattern(features=[1, 2]) != pattern(features=[1, 3])
    assert pattern(features=[1, 2]) != pattern(features=[1, 2, 3])
    assert pattern(features=[1]) != pattern()
    assert pattern(reflexivity=0.5) != pattern(reflexivity=0.6)
    assert pattern() != "a"
    assert [pattern(features=[1, 2])].index(pattern(features=[1, 2])) == 0


def test_no_two_objects_share_a_default():
    first, second = pattern(), pattern()
    first.metadata["x"] = 1
    assert second.metadata == {}
    layers = Layer(layer_id="a"), Layer(layer_id="b")
    layers[0].patterns.append("p")
    layers[0].state_trajectory.append(LayerState(t=0))
    assert (layers[1].patterns, layers[1].state_trajectory) == ([], [])
    assert LayerState(t=0).macro_state is not LayerState(t=0).macro_state
    assert seen().tags is not seen().tags


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (pattern, {"reflexivity": 1.01}),
        (pattern, {"self_operator": -0.01}),
        (pattern, {"anomaly_score": float("inf")}),
        (pattern, {"pattern_id": ""}),
        (pattern, {"layer_id": ""}),
        (pattern, {"metadata": {1: 2}}),
        (pattern, {"metadata": []}),
        (pattern, {"metrics_version": {"a": 1}}),
        (pattern, {"colour": "red"}),
        (seen, {"obs_id": ""}),
        (seen, {"modality": ""}),
        (seen, {"payload": b"raw"}),
        (seen, {"tags": "text"}),
        (seen, {"pattern_id": 7}),
        (seen, {"pattern_id": "\ud800"}),
        (LayerState, {"t": float("nan")}),
        (LayerState, {"t": 0, "stress": 1.5}),
        (LayerState, {"t": 0, "protection": -0.1}),
        (Layer, {"layer_id": "L", "patterns": ["a", "b", "a"]}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "-".join(value),
)
def test_what_is_out_of_range_is_refused(model, fields):
    with pytest.raises(ValidationError):
        model(**fields)


@pytest.mark.parametrize(
    ("model", "fields", "where"),
    [
        (seen, {"tags": ["x", "\ud800"]}, "tags.1"),
        (Layer, {"layer_id": "L", "description": "\ud800"}, "description"),
        (pattern, {"feature_spec_version": "\ud800"}, "feature_spec_version"),
        (pattern, {"metrics_version": {"a": "\ud800"}}, "metrics_version.a"),
        (pattern, {"metrics_version": {"\ud800": "1"}}, "metrics_version"),
        (pattern, {"metadata": {"a": "\ud800"}}, "metadata"),
    ],
    ids=["tags", "description", "feature_spec_version", "metrics_version", "key of metrics_version", "metadata"],
)
def test_text_that_no_file_can_keep_is_refused_where_it_comes_in(model, fields, where):
    with pytest.raises(ValidationError) as caught:
        model(**fields)
    message = validation_message(caught.value, Pattern)
    assert message.startswith(where)
    assert "a lone surrogate at position 0; decode it with errors='replace'" in message


def test_assignment_is_checked_too():
    made = pattern()
    made.features = [1, 2]
    assert made.features.dtype == np.float64
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        made.reflexivity = 2.0
    with pytest.raises(ValidationError, match="frozen"):
        seen().payload = "changed"


@given(FINITE.filter(lambda seconds: abs(seconds) < 6e10), st.text(min_size=1))
def test_observations_survive_json_and_pickle(seconds, text):
    made = seen(timestamp=seconds, payload={"text": text, "window": (1, 2.5, None)})
    assert Observation.model_validate_json(made.model_dump_json()) == made
    assert pickle.loads(pickle.dumps(made)) == made


def test_an_error_names_the_nearest_field():
    with pytest.raises(ValidationError) as caught:
        Pattern(pattern_id="a", layer_id="L", reflexivty=0.5)
    assert "did you mean 'reflexivity'?" in validation_message(caught.value, Pattern)


def test_an_error_in_a_part_names_the_keys_of_the_part():
    with pytest.raises(ValidationError) as caught:
        Layer(layer_id="L", state_trajectory=[{"t": 0, "stres": 0.1}], descripton="")
    message = validation_message(caught.value, Layer)
    assert message.startswith("state_trajectory.0.stres is no known key; did you mean 'stress'?")
    assert message.endswith("(and 1 more)")
