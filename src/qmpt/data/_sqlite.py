# SPDX-License-Identifier: Apache-2.0
"""Rows as tables of an SQLite database, which may hold all three kinds at once.

A write replaces one table in one transaction and leaves the others alone; SQLite itself sees to it that a reader
finds the old table or the new one. Lists and payloads are kept as JSON text.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from qmpt.data import _jsontext
from qmpt.data._rows import SCHEMA_VERSION, Column, Kind, Model, unwritable
from qmpt.data.files import require_regular
from qmpt.data.values import utf8_text
from qmpt.errors import DataError, RowError

__all__ = ["LOCK_SECONDS", "read", "write"]

LOCK_SECONDS = 5.0
"""How long to wait for another process that writes."""
MAX_VALUE_BYTES: Final = 64 * 2**20

_BATCH: Final = 1024
_SQL_TYPES: Final[dict[Column, str]] = {"number": "REAL"}


def write(path: Path, kind: Kind[Model], items: Iterable[Model]) -> None:
    """Replace the table of this kind.

    Raises:
        DataError: the database is locked, or is none, or the system refused.
    """
    columns = ", ".join(
        f"{name} {_SQL_TYPES.get(column, 'TEXT')}{' NOT NULL' * (name in kind.required)}"
        for name, column in kind.columns.items()
    )
    marks = ", ".join("?" * len(kind.columns))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            require_regular(path)
    except OSError as error:
        raise DataError(f"{path} was not written: {error.strerror}; choose another folder") from None
    with _speaking_of(path), closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode = WAL")  # readers go on with the old rows meanwhile
        base.execute("BEGIN IMMEDIATE")
        with base:
            base.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"qmpt.{kind.name}", SCHEMA_VERSION))
            base.execute(f"DROP TABLE IF EXISTS {kind.name}")
            base.execute(f"CREATE TABLE {kind.name} (place INTEGER PRIMARY KEY, {columns}, UNIQUE ({kind.key}))")
            insert = f"INSERT INTO {kind.name} ({', '.join(kind.columns)}) VALUES ({marks})"  # noqa: S608 - names of fields
            base.executemany(insert, _cells(path, kind, items))


def read(path: Path, kind: Kind[Model], max_bytes: int) -> Iterator[Model]:
    """Read row by row, in the order of writing.

    Raises:
        RowError: a row is not what the model asks for; it has the place of the row.
        DataError: the database is locked, is none, has no such table, or is larger than ``max_bytes``.
    """
    if (size := require_regular(path).stat().st_size) > max_bytes:
        raise DataError(f"{path} has {size} bytes; the limit is {max_bytes}: if you trust it, raise max_bytes")
    parsers = [None if column in ("text", "number") else _jsontext.loads for column in kind.columns.values()]
    select = f"SELECT place, {', '.join(kind.columns)} FROM {kind.name} ORDER BY place"  # noqa: S608 - names of fields
    with _speaking_of(path), closing(_opened(path)) as base:
        _check_version(base, path, kind)
        cursor = base.execute(select)
        while rows := cursor.fetchmany(_BATCH):
            for place, *cells in rows:
                yield kind.build(_row(path, place, kind, cells, parsers), place, str(path))


def _opened(path: Path) -> sqlite3.Connection:
    # A connection that may write takes the two files of the write-ahead log away again; where nobody can write, there
    # is no need of one.
    can_write = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    mode = "mode=rw" if can_write else "mode=ro&immutable=1"
    base = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=LOCK_SECONDS)
    base.execute("PRAGMA query_only = ON")
    base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    base.execute("PRAGMA trusted_schema = OFF")
    return base


def _check_version(base: sqlite3.Connection, path: Path, kind: Kind[Any]) -> None:
    tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if kind.name not in tables or "meta" not in tables:
        raise DataError(f"{path} has no {kind.name} that qmpt wrote; it has {', '.join(sorted(tables)) or 'no table'}")
    found = base.execute("SELECT value FROM meta WHERE key = ?", (f"qmpt.{kind.name}",)).fetchone()
    if found != (SCHEMA_VERSION,):
        version = found[0] if found else None
        raise DataError(
            f"{path} holds {kind.name} of schema {version!r}; this reads {SCHEMA_VERSION!r}: use the qmpt that wrote it"
        )


def _cells(path: Path, kind: Kind[Model], items: Iterable[Model]) -> Iterator[list[Any]]:
    as_json = {name: column not in ("text", "number") for name, column in kind.columns.items()}
    for item in items:
        row = kind.to_row(item)
        try:
            yield [
                _jsontext.dumps(row[name]).decode()
                if encode and (row[name] is not None or name in kind.required)
                else _cell(row[name])
                for name, encode in as_json.items()
            ]
        except (TypeError, ValueError) as error:
            raise unwritable([item], kind, str(path), error) from None


def _cell(value: Any) -> Any:
    return utf8_text(value) if isinstance(value, str) and not value.isascii() else value


def _row(
    path: Path, place: int, kind: Kind[Any], cells: list[Any], parsers: Sequence[Callable[[bytes], Any] | None]
) -> dict[str, Any]:
    row = {}
    for name, cell, parse in zip(kind.columns, cells, parsers, strict=True):
        try:
            row[name] = cell if parse is None or cell is None else parse(cell.encode())
        except (AttributeError, ValueError) as error:
            raise RowError(f"{path}, row {place}: {name} is no JSON text: {error}; mend it there", place) from None
    return row


@contextmanager
def _speaking_of(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "") or ""
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            way_out = f"another process holds it for more than {LOCK_SECONDS:g} s; end that one, or try again"
        elif code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            way_out = "write it again, or give it the suffix of its format"
        else:
            way_out = "see that the folder is writable and the disk has space"
        raise DataError(f"{path}: {error}; {way_out}") from error
