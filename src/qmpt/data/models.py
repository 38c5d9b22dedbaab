# SPDX-License-Identifier: Apache-2.0
r"""What a population of traces consists of: observations, the patterns that leave them, and the layers these live in.

A pattern \(\Psi\) is seen only through its observations; its derived fields are None until something computes them,
and stay None where the evidence is too thin. The models check what they are given and compute nothing.
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, PlainValidator
from pydantic import WithJsonSchema as JsonSchema

from qmpt.data.values import plain, plain_mapping, timestamp, utf8_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FeatureVector", "Layer", "LayerState", "Observation", "Pattern"]


def feature_vector(value: Any) -> NDArray[np.float64]:
    """A read-only copy of a feature vector, as `Pattern.features` keeps it.

    Args:
        value: array or sequence of real numbers, shape (d,), d at least 1; none of them masked.

    Returns:
        float64, shape (d,), all finite, not writable.

    Raises:
        ValueError: another shape, no real numbers, a masked value, or not finite.

    Example:
        >>> feature_vector([1, 2]).tolist()
        [1.0, 2.0]
    """
    import numpy as np

    if np.ma.is_masked(value) or (isinstance(value, list | tuple) and any(item is np.ma.masked for item in value)):
        raise ValueError("features hold a masked value; fill it, or drop that feature first")
    try:
        given = np.asarray(value)
        if not _holds_real_numbers(given):
            raise TypeError
        vector = np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("features are no real numbers; give one row of finite numbers") from None
    if vector.ndim != 1 or vector.size == 0:
        raise ValueError(f"features have the shape {vector.shape}; give one row of at least one number, or None")
    bad = np.flatnonzero(~np.isfinite(vector))
    if bad.size:
        raise ValueError(
            f"feature {bad[0]} is {vector[bad[0]]} ({bad.size} of {vector.size} are not finite); fill or drop it first"
        )
    vector.flags.writeable = False
    return vector


def _holds_real_numbers(given: NDArray[Any]) -> bool:
    """Whether float64 takes the values as they are; of complex numbers, texts and times it would make others."""
    if given.dtype.kind == "O":
        return all(isinstance(item, Real | Decimal) for item in given.flat)
    return given.dtype.kind in "biuf"


def _as_list(vector: Any) -> list[float] | None:
    return None if vector is None else vector.tolist()


def _unique(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"the pattern {twice!r} stands twice in one layer; name each pattern once")
    return names


if TYPE_CHECKING:
    FeatureVector = NDArray[np.float64]
    Metadata = dict[str, Any]
else:  # numpy is loaded when a vector is checked, not when the model is defined
    FeatureVector = Annotated[
        Any,
        PlainValidator(feature_vector),
        PlainSerializer(_as_list, when_used="json"),
        JsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 1}),
    ]
    Metadata = Annotated[dict[str, Any], BeforeValidator(plain_mapping)]

Text = Annotated[str, AfterValidator(utf8_text)]
Name = Annotated[str, Field(min_length=1)]  # with a length to see to, pydantic refuses lone surrogates by itself
Finite = Annotated[float, Field(allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Timestamp = Annotated[float, BeforeValidator(timestamp, json_schema_input_type=float | str)]
Payload = Annotated[Any, PlainValidator(plain)]


class Observation(BaseModel):
    """One thing that was seen of a pattern. It does not change.

    Attributes:
        obs_id: its id, not empty; unique within a file.
        pattern_id: the pattern that left it.
        timestamp: seconds since 1970-01-01, UTC; also takes a datetime, a date or ISO 8601 text, see
            `qmpt.data.values.timestamp`.
        modality: ``text``, ``behavior``, ``numeric``, ``prediction``, ``belief``, ...; any name is kept.
        payload: what was seen, as a plain value; arrays become lists and NaN becomes None, see
            `qmpt.data.values.plain`.
        tags: free labels, in order.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or out of its range.

    Example:
        >>> seen = Observation(obs_id="1", pattern_id="agent-7", timestamp="2026-11-21", modality="text", payload="hi")
        >>> seen.timestamp
        1795219200.0
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    obs_id: Name
    pattern_id: Name
    timestamp: Timestamp
    modality: Name
    payload: Payload
    tags: list[Text] = Field(default_factory=list)


class Pattern(BaseModel):  # noqa: PLW1641 - a pattern changes, so it has no hash
    r"""A process that is seen through its observations: an agent, an author, a test, an account.

    Attributes:
        pattern_id: its id, not empty.
        layer_id: the population it belongs to, not empty.
        metadata: free plain values.
        features: \(x_\Psi\), finite float64 of shape (d,), not writable.
        anomaly_score: \(\hat A(\Psi)\), finite.
        reflexivity: \(\hat R_{norm}(\Psi)\) in [0, 1].
        self_operator: \(\hat O_{self}(\Psi)\) in [0, 1].
        feature_spec_version: what made the features.
        metrics_version: name of a version (such as ``density_model_version``) -> version.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or out of its range; also on assignment.

    Example:
        >>> Pattern(pattern_id="a", layer_id="L", features=[1, 2]) == Pattern(
        ...     pattern_id="a", layer_id="L", features=(1.0, 2.0)
        ... )
        True
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    pattern_id: Name
    layer_id: Name
    metadata: Metadata = Field(default_factory=dict)
    features: FeatureVector | None = None
    anomaly_score: Finite | None = None
    reflexivity: Unit | None = None
    self_operator: Unit | None = None
    feature_spec_version: Text | None = None
    metrics_version: dict[Text, Text] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pattern):
            return NotImplemented
        mine, theirs = dict(self.__dict__), dict(other.__dict__)
        return _equal_vectors(mine.pop("features"), theirs.pop("features")) and mine == theirs


class LayerState(BaseModel):
    r"""The state of a layer at one time.

    Attributes:
        t: time, in the unit of the series it belongs to; finite.
        stress: \(\sigma_k(t)\) in [0, 1].
        protection: \(P_k(t)\) in [0, 1].
        macro_state: what encodes \(S_k(t)\): ``mode``, ``mode_probs``, ``capacity``, ``potential``, ``novelty``,
            ``rigidity``, ``active_anomalies``, ``distribution``, ``events``; plain values, any key is kept.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or out of its range; also on assignment.

    Example:
        >>> LayerState(t=0, stress=0.25, macro_state={"mode": "stagnation"}).protection is None
        True
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    t: Finite
    stress: Unit | None = None
    protection: Unit | None = None
    macro_state: Metadata = Field(default_factory=dict)


class Layer(BaseModel):
    """A population of patterns and the course of its state.

    Attributes:
        layer_id: its id, not empty.
        description: free text.
        patterns: ids of its patterns, each once.
        state_trajectory: its states, in the order given.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or out of its range; also on assignment.

    Example:
        >>> Layer(layer_id="search", patterns=["agent-7"]).state_trajectory
        []
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    layer_id: Name
    description: Text = ""
    patterns: Annotated[list[Name], AfterValidator(_unique)] = Field(default_factory=list)
    state_trajectory: list[LayerState] = Field(default_factory=list)


def _equal_vectors(mine: FeatureVector | None, theirs: FeatureVector | None) -> bool:
    if mine is None or theirs is None:
        return mine is theirs
    return mine.shape == theirs.shape and bool((mine == theirs).all())
