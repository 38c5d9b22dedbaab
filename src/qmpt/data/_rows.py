# SPDX-License-Identifier: Apache-2.0
"""The three kinds of rows that files hold, and the way between a row and its model. No file format is known here.

A row is a dictionary of plain values with the fields of its model as keys.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from qmpt.data import _jsontext
from qmpt.data.models import Layer, Observation, Pattern
from qmpt.data.values import MAX_TIMESTAMP, MIN_TIMESTAMP, plain
from qmpt.errors import DataError, DuplicateIdError, RowError, validation_message

__all__ = [
    "LAYERS",
    "OBSERVATIONS",
    "PATTERNS",
    "SCHEMA_VERSION",
    "Column",
    "Kind",
    "OnDuplicate",
    "collected",
    "distinct",
    "observations_of",
    "unwritable",
    "without_collection",
]

SCHEMA_VERSION: Final = "1"
Column = Literal["text", "number", "texts", "numbers", "json", "states"]
_FIELDS: Final = tuple(Observation.model_fields)
_FIELDS_SET: Final = set(_FIELDS)  # one for all, since a frozen model never changes its own
OnDuplicate = Literal["error", "first", "last"]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Kind(Generic[Model]):
    """One kind of rows.

    Attributes:
        name: name of the table, and of the kind in the metadata of a file.
        key: the field that is the id.
        model: what a row becomes.
        columns: field -> how a format with typed columns keeps it; ``json`` is JSON text.
        required: fields that are never None.
        to_row: a model's row; it may share lists with the model and is not to be changed.
        from_columns: a faster way than row by row, where there is one; see `observations_of`.
    """

    name: str
    key: str
    model: type[Model]
    columns: Mapping[str, Column]
    required: frozenset[str]
    to_row: Callable[[Model], dict[str, Any]]
    from_columns: Callable[[Sequence[Sequence[Any]]], list[Model] | None] | None = None

    def build(self, row: Any, number: int, source: str) -> Model:
        """The model of one row.

        Raises:
            RowError: the row is not what the model asks for.
        """
        try:
            return self.model.model_validate(row)
        except ValidationError as error:
            raise RowError(f"{source}, row {number}: {validation_message(error, self.model)}", number) from None


def observations_of(columns: Sequence[Sequence[Any]]) -> list[Observation] | None:
    """Observations from columns whose types are known, in a third of the time that the model takes.

    Args:
        columns: the fields in their order, equally long and without None: text, text, float, text, any plain value,
            list of text.

    Returns:
        What the model would make of them, or None where it would refuse one; it then says why.
    """
    obs_ids, pattern_ids, timestamps, modalities, payloads, _ = columns
    if not (all(obs_ids) and all(pattern_ids) and all(modalities)):
        return None
    if not all(MIN_TIMESTAMP <= seconds < MAX_TIMESTAMP for seconds in timestamps):
        return None
    try:
        columns = [*columns[:4], [plain(payload) for payload in payloads], columns[5]]
    except ValueError:
        return None
    return [_observation(dict(zip(_FIELDS, cells, strict=True))) for cells in zip(*columns, strict=True)]


def _observation(fields: dict[str, Any]) -> Observation:
    built = object.__new__(Observation)
    fill = object.__setattr__  # the model itself is frozen
    fill(built, "__dict__", fields)
    fill(built, "__pydantic_fields_set__", _FIELDS_SET)
    fill(built, "__pydantic_extra__", None)
    fill(built, "__pydantic_private__", None)
    return built


def distinct(items: Iterable[Model], kind: Kind[Model], target: str) -> Iterator[Model]:
    """The items as they come.

    Raises:
        DuplicateIdError: an id comes a second time.
    """
    seen: set[str] = set()
    key = kind.key
    for item in items:
        name = getattr(item, key)
        if name in seen:
            raise DuplicateIdError(f"{target}: {key} {name!r} comes twice; give each its own id, or leave one out")
        seen.add(name)
        yield item


def unwritable(items: Iterable[Model], kind: Kind[Model], target: str, error: Exception) -> DataError:
    """What to say where one of some items was not written: which one, and where in it the reason is.

    Args:
        items: one of them was not written.
        kind: of the items.
        target: where they were to go.
        error: what was raised, for a reason that shows in the format alone.
    """
    for item in items:
        row = kind.to_row(item)
        try:
            _jsontext.dumps(row)
        except ValueError as found:
            return DataError(f"{target}: {kind.key} {row[kind.key]!r}: {found}")
        except TypeError as found:
            return DataError(f"{target}: {kind.key} {row[kind.key]!r}: {found}; build the model anew with that value")
    return DataError(f"{target}: {error}; build the model anew with that value")


def collected(items: Iterable[Model], kind: Kind[Model], source: str, on_duplicate: OnDuplicate) -> dict[str, Model]:
    """The items by id, in the order of their first appearance.

    Raises:
        DuplicateIdError: an id comes a second time and ``on_duplicate`` is ``error``.
        ValueError: ``on_duplicate`` is no known way.
    """
    if on_duplicate not in ("error", "first", "last"):
        raise ValueError(f"on_duplicate={on_duplicate!r}; give 'error', 'first' or 'last'")
    found: dict[str, Model] = {}
    key = kind.key
    for item in items:
        name = getattr(item, key)
        if name in found and on_duplicate != "last":
            if on_duplicate == "first":
                continue
            raise DuplicateIdError(
                f"{source}: {key} {name!r} comes twice; mend the file, or give on_duplicate='first' or 'last'"
            )
        found[name] = item
    return found


@contextmanager
def without_collection() -> Iterator[None]:
    """No search for reference cycles meanwhile: rows have none, and walking all of them again and again costs most."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _observation_row(observation: Observation) -> dict[str, Any]:
    return observation.__dict__


def _pattern_row(pattern: Pattern) -> dict[str, Any]:
    features = pattern.features
    return {**pattern.__dict__, "features": None if features is None else features.tolist()}


def _layer_row(layer: Layer) -> dict[str, Any]:
    return {**layer.__dict__, "state_trajectory": [dict(state.__dict__) for state in layer.state_trajectory]}


OBSERVATIONS: Final = Kind(
    name="observations",
    key="obs_id",
    model=Observation,
    columns={
        "obs_id": "text",
        "pattern_id": "text",
        "timestamp": "number",
        "modality": "text",
        "payload": "json",
        "tags": "texts",
    },
    required=frozenset({"obs_id", "pattern_id", "timestamp", "modality", "payload", "tags"}),
    to_row=_observation_row,
    from_columns=observations_of,
)
PATTERNS: Final = Kind(
    name="patterns",
    key="pattern_id",
    model=Pattern,
    columns={
        "pattern_id": "text",
        "layer_id": "text",
        "metadata": "json",
        "features": "numbers",
        "anomaly_score": "number",
        "reflexivity": "number",
        "self_operator": "number",
        "feature_spec_version": "text",
        "metrics_version": "json",
    },
    required=frozenset({"pattern_id", "layer_id", "metadata"}),
    to_row=_pattern_row,
)
LAYERS: Final = Kind(
    name="layers",
    key="layer_id",
    model=Layer,
    columns={"layer_id": "text", "description": "text", "patterns": "texts", "state_trajectory": "states"},
    required=frozenset({"layer_id", "description", "patterns", "state_trajectory"}),
    to_row=_layer_row,
)
