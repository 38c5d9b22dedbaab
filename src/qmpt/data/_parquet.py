# SPDX-License-Identifier: Apache-2.0
"""Rows as Apache Parquet with a fixed schema. Payloads and other free values are kept as JSON text.

It needs pyarrow, which the extra ``data`` installs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from qmpt.data import _jsontext
from qmpt.data._rows import SCHEMA_VERSION, Column, Kind, Model, unwritable
from qmpt.data.files import open_regular, replacing
from qmpt.errors import DataError, MissingLibraryError, RowError

__all__ = ["read", "write"]

_BATCH: Final = 8192
_ROW_GROUP: Final = 16 * _BATCH
_KIND_KEY: Final = b"qmpt.kind"
_VERSION_KEY: Final = b"qmpt.schema"


def write(path: Path, kind: Kind[Model], items: Iterable[Model]) -> None:
    """Write all rows.

    Raises:
        MissingLibraryError: pyarrow is not installed.
        DataError: a value has no JSON form, or the system refused.
    """
    pa = _pyarrow(path)
    from pyarrow import parquet  # type: ignore[import-untyped]  # it ships no types

    schema = _schema(pa, kind)
    rows = iter(items)
    with (
        replacing(path) as handle,
        _speaking_of(path, pa),
        parquet.ParquetWriter(handle, schema, compression="zstd", compression_level=1) as writer,
    ):
        while batch := list(itertools.islice(rows, _ROW_GROUP)):
            writer.write_table(_table(pa, schema, kind, batch, path))


def read(path: Path, kind: Kind[Model], max_bytes: int) -> Iterator[Model]:
    """Read row by row, in batches.

    Raises:
        MissingLibraryError: pyarrow is not installed.
        RowError: a row is not what the model asks for; it has the number of the row.
        DataError: the file is damaged, of another schema, or unpacks to more than ``max_bytes``.
    """
    pa = _pyarrow(path)
    from pyarrow import parquet

    before = 0
    with open_regular(path) as handle, _speaking_of(path, pa):
        file = parquet.ParquetFile(handle)
        _check(pa, file, path, kind, max_bytes)
        for batch in file.iter_batches(batch_size=_BATCH, columns=list(kind.columns)):
            yield from _models(batch, kind, path, before)
            before += batch.num_rows


def _models(batch: Any, kind: Kind[Model], path: Path, before: int) -> Iterable[Model]:
    columns = [
        _decoded(column, kept_as, path, before)
        for column, kept_as in zip(batch.columns, kind.columns.values(), strict=True)
    ]
    if kind.from_columns is not None and not _has_nulls(batch, kind):
        models = kind.from_columns(columns)
        if models is not None:
            return models
    rows = (dict(zip(kind.columns, cells, strict=True)) for cells in zip(*columns, strict=True))
    return [kind.build(row, number, str(path)) for number, row in enumerate(rows, start=before + 1)]


def _has_nulls(batch: Any, kind: Kind[Any]) -> bool:
    inside = (
        column.flatten().null_count
        for column, kept_as in zip(batch.columns, kind.columns.values(), strict=True)
        if kept_as in ("texts", "numbers")
    )
    return any(column.null_count for column in batch.columns) or any(inside)


def _schema(pa: Any, kind: Kind[Any]) -> Any:
    state = pa.struct(
        [
            pa.field("t", pa.float64(), nullable=False),
            pa.field("stress", pa.float64()),
            pa.field("protection", pa.float64()),
            pa.field("macro_state", pa.string(), nullable=False),
        ]
    )
    types: dict[Column, Any] = {
        "text": pa.string(),
        "number": pa.float64(),
        "texts": pa.list_(pa.string()),
        "numbers": pa.list_(pa.float64()),
        "json": pa.string(),
        "states": pa.list_(state),
    }
    fields = [
        pa.field(name, types[column], nullable=name not in kind.required) for name, column in kind.columns.items()
    ]
    return pa.schema(fields, {_KIND_KEY: kind.name.encode(), _VERSION_KEY: SCHEMA_VERSION.encode()})


def _table(pa: Any, schema: Any, kind: Kind[Model], batch: list[Model], path: Path) -> Any:
    rows = [kind.to_row(item) for item in batch]
    arrays = []
    try:
        for field, (name, column) in zip(schema, kind.columns.items(), strict=True):
            encode = _ENCODERS.get(column)
            cells = [row[name] for row in rows]
            if encode is not None:
                required = name in kind.required
                cells = [cell if cell is None and not required else encode(cell) for cell in cells]
            arrays.append(pa.array(cells, type=field.type))
    except (TypeError, ValueError) as error:
        raise unwritable(batch, kind, str(path), error) from None
    return pa.Table.from_arrays(arrays, schema=schema)


def _as_text(value: Any) -> str:
    return _jsontext.dumps(value).decode()


def _states_as_text(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**state, "macro_state": _as_text(state["macro_state"])} for state in states]


_ENCODERS: Final[dict[Column, Callable[[Any], Any]]] = {"json": _as_text, "states": _states_as_text}


def _decoded(column: Any, kept_as: Column, path: Path, before: int) -> list[Any]:
    """The cells of one column as plain values."""
    if kept_as in ("texts", "numbers"):
        return _lists(column)
    cells: list[Any] = column.to_pylist()
    if kept_as not in ("json", "states"):
        return cells
    number = before
    try:
        for place, cell in enumerate(cells):
            number = before + place + 1
            if kept_as == "states":
                for state in cell:
                    state["macro_state"] = _jsontext.loads(state["macro_state"].encode())
            elif cell is not None:
                cells[place] = _jsontext.loads(cell.encode())
    except (AttributeError, TypeError, ValueError) as error:
        raise RowError(f"{path}, row {number}: it holds no JSON text: {error}; write it again", number) from None
    return cells


def _lists(column: Any) -> list[Any]:
    """What ``to_pylist`` gives for a column of lists, in a tenth of the time: all the elements at once, then cut."""
    elements = column.flatten().to_pylist()
    start, cells = 0, []
    for length in column.value_lengths().to_pylist():
        cells.append(None if length is None else elements[start : start + length])
        start += length or 0
    return cells


def _check(pa: Any, file: Any, path: Path, kind: Kind[Any], max_bytes: int) -> None:
    metadata = file.schema_arrow.metadata or {}
    if metadata.get(_KIND_KEY) != kind.name.encode():
        found = metadata.get(_KIND_KEY, b"no rows that qmpt wrote").decode(errors="replace")
        raise DataError(f"{path} holds {found}, not {kind.name}; give another file, or write {kind.name} with qmpt")
    version = metadata.get(_VERSION_KEY, b"").decode(errors="replace")
    if version != SCHEMA_VERSION:
        raise DataError(f"{path} has schema {version!r}; this reads {SCHEMA_VERSION!r}: use the qmpt that wrote it")
    expected = _schema(pa, kind)
    for field in expected:
        found = file.schema_arrow.field(field.name) if field.name in file.schema_arrow.names else None
        if found is None or found.type != field.type:
            raise DataError(f"{path}: column {field.name} is {found and found.type}, not {field.type}; write it again")
    size = sum(file.metadata.row_group(place).total_byte_size for place in range(file.num_row_groups))
    if size > max_bytes:
        raise DataError(f"{path} unpacks to {size} bytes; the limit is {max_bytes}: if you trust it, raise max_bytes")


@contextmanager
def _speaking_of(path: Path, pa: Any) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(f"{path} is no whole Parquet file, or was not written: {said}; write it again") from error


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingLibraryError(
            f"{path}: Parquet needs pyarrow; install 'pytest-ophamin[data]', or use .jsonl.gz or .sqlite"
        ) from None
    return pa
