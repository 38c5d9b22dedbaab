# SPDX-License-Identifier: Apache-2.0
"""Load and save observations, patterns and layers; the suffix of the file chooses the format.

``.jsonl`` and ``.jsonl.gz`` need nothing and are faster with orjson; ``.parquet`` needs pyarrow; ``.sqlite`` and
``.db`` may hold all three kinds in one file. What was saved comes back equal from each of them. A file is whole or
not there: where a write fails, the old one stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Final

from qmpt.data import _jsonl, _sqlite
from qmpt.data._rows import (
    LAYERS,
    OBSERVATIONS,
    PATTERNS,
    Kind,
    Model,
    OnDuplicate,
    collected,
    distinct,
    without_collection,
)
from qmpt.data.models import Layer, Observation, Pattern
from qmpt.errors import DataError

__all__ = [
    "MAX_BYTES",
    "SUFFIXES",
    "iter_observations",
    "load_layers",
    "load_observations",
    "load_patterns",
    "save_layers",
    "save_observations",
    "save_patterns",
]

MAX_BYTES: Final = 4 * 2**30
"""Most bytes that a file may hold or unpack to, unless the caller allows more."""
SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".parquet", ".sqlite", ".db")


def load_observations(
    path: str | Path, *, on_duplicate: OnDuplicate = "error", max_bytes: int = MAX_BYTES
) -> list[Observation]:
    """All observations of a file, in its order.

    Args:
        path: a file with one of `SUFFIXES`.
        on_duplicate: where an ``obs_id`` comes twice: ``error``, or keep the ``first`` or the ``last`` of them, at the
            place of the first.
        max_bytes: most bytes to unpack, against a file made to fill the memory.

    Raises:
        RowError: a row is not in order; it has its number.
        DuplicateIdError: an ``obs_id`` comes twice.
        DataError: the file cannot be read; the message says why.
        MissingLibraryError: the format needs a library that is not installed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "seen.jsonl.gz"
        >>> seen = [Observation(obs_id="1", pattern_id="a", timestamp=0, modality="text", payload="hello")]
        >>> save_observations(path, seen)
        >>> load_observations(path) == seen
        True
    """
    return list(_load(path, OBSERVATIONS, on_duplicate, max_bytes).values())


def iter_observations(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Iterator[Observation]:
    """The observations of a file one after another, in memory that does not grow with the file.

    Ids that come twice are not noticed, for that would need all of them in memory.

    Args:
        path: a file with one of `SUFFIXES`.
        max_bytes: most bytes to unpack.

    Raises:
        RowError: a row is not in order; it has its number. All rows before it were given.
        DataError: the file cannot be read; the message says why.
        MissingLibraryError: the format needs a library that is not installed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "seen.sqlite"
        >>> save_observations(
        ...     path, [Observation(obs_id="1", pattern_id="a", timestamp=0, modality="text", payload="hi")]
        ... )
        >>> [observation.payload for observation in iter_observations(path)]
        ['hi']
    """
    return _read(path, OBSERVATIONS, max_bytes)


def save_observations(path: str | Path, obs: Iterable[Observation]) -> None:
    """Write observations, streaming; of what was written before only the ids stay in memory.

    Args:
        path: a file with one of `SUFFIXES`; in a database only the table of observations is replaced.
        obs: observations, each with its own ``obs_id``.

    Raises:
        DuplicateIdError: an ``obs_id`` comes twice.
        DataError: the file cannot be written; what was there before is still there.
        MissingLibraryError: the format needs a library that is not installed.

    Example:
        See `load_observations`.
    """
    _save(path, OBSERVATIONS, obs)


def load_patterns(
    path: str | Path, *, on_duplicate: OnDuplicate = "error", max_bytes: int = MAX_BYTES
) -> dict[str, Pattern]:
    """All patterns of a file by ``pattern_id``, in its order.

    Args:
        path: a file with one of `SUFFIXES`.
        on_duplicate: see `load_observations`.
        max_bytes: most bytes to unpack.

    Raises:
        RowError, DuplicateIdError, DataError, MissingLibraryError: see `load_observations`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "patterns.jsonl"
        >>> save_patterns(path, {"a": Pattern(pattern_id="a", layer_id="L", features=[0.5])})
        >>> load_patterns(path)["a"].features.tolist()
        [0.5]
    """
    return _load(path, PATTERNS, on_duplicate, max_bytes)


def save_patterns(path: str | Path, patterns: Mapping[str, Pattern]) -> None:
    """Write patterns.

    Args:
        path: a file with one of `SUFFIXES`; in a database only the table of patterns is replaced.
        patterns: ``pattern_id`` -> pattern.

    Raises:
        DataError: a key is not the id of its pattern, or the file cannot be written.
        MissingLibraryError: the format needs a library that is not installed.

    Example:
        See `load_patterns`.
    """
    _save(path, PATTERNS, _keyed(patterns, PATTERNS))


def load_layers(
    path: str | Path, *, on_duplicate: OnDuplicate = "error", max_bytes: int = MAX_BYTES
) -> dict[str, Layer]:
    """All layers of a file by ``layer_id``, in its order.

    Args:
        path: a file with one of `SUFFIXES`.
        on_duplicate: see `load_observations`.
        max_bytes: most bytes to unpack.

    Raises:
        RowError, DuplicateIdError, DataError, MissingLibraryError: see `load_observations`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "layers.db"
        >>> save_layers(path, {"L": Layer(layer_id="L", patterns=["a"])})
        >>> load_layers(path)["L"].patterns
        ['a']
    """
    return _load(path, LAYERS, on_duplicate, max_bytes)


def save_layers(path: str | Path, layers: Mapping[str, Layer]) -> None:
    """Write layers with their states.

    Args:
        path: a file with one of `SUFFIXES`; in a database only the table of layers is replaced.
        layers: ``layer_id`` -> layer.

    Raises:
        DataError: a key is not the id of its layer, or the file cannot be written.
        MissingLibraryError: the format needs a library that is not installed.

    Example:
        See `load_layers`.
    """
    _save(path, LAYERS, _keyed(layers, LAYERS))


def _format(path: Path) -> ModuleType:
    name = path.name.lower()
    if name.endswith((".jsonl", ".jsonl.gz")):
        return _jsonl
    if name.endswith((".sqlite", ".db")):
        return _sqlite
    if name.endswith(".parquet"):
        from qmpt.data import _parquet

        return _parquet
    raise DataError(f"{path} has no suffix of a known format; give one of {', '.join(SUFFIXES)}")


def _read(path: str | Path, kind: Kind[Model], max_bytes: int) -> Iterator[Model]:
    rows: Iterator[Model] = _format(Path(path)).read(Path(path), kind, max_bytes)
    return rows


def _load(path: str | Path, kind: Kind[Model], on_duplicate: OnDuplicate, max_bytes: int) -> dict[str, Model]:
    with without_collection():
        return collected(_read(path, kind, max_bytes), kind, str(path), on_duplicate)


def _save(path: str | Path, kind: Kind[Model], items: Iterable[Model]) -> None:
    _format(Path(path)).write(Path(path), kind, distinct(items, kind, str(path)))


def _keyed(items: Mapping[str, Model], kind: Kind[Model]) -> Iterator[Model]:
    for key, item in items.items():
        name = getattr(item, kind.key)
        if key != name:
            raise DataError(f"the key {key!r} leads to the {kind.key} {name!r}; use the id of each as its key")
        yield item
