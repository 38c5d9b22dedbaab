# SPDX-License-Identifier: Apache-2.0
"""The rows of a trial as a table, and the file that keeps them beside the record.

The file is one JSON document of chunks, gzipped; its digest is over the uncompressed text. Reading it trusts
nothing: size, form and kinds are checked before anything is made of it. What the rows mean is not known here.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final, overload

from ophamin.core.shapes import CycleResult
from ophamin.errors import OphaminError

__all__ = ["Cycles", "ObservationsError", "Table", "pack", "unpack"]

FORMAT: Final = "ophamin-observations/1"
CHUNK_ROWS: Final = 4096
MAX_UNPACKED_BYTES: Final = 256 * 2**20
MAX_BRACKETS: Final = 2**22
PIECE_BYTES: Final = 2**18
"""Lists and objects in a file: an empty one has two bytes on disk and 64 in memory."""


class ObservationsError(OphaminError, ValueError):
    """An observations file cannot be read; the message says where and why."""


@dataclass(slots=True)
class Table:
    """Rows of a trial in columns.

    Attributes:
        n_rows: number of rows.
        columns: name -> one value per row, None where the row has none.
        errors: row -> why it could not be measured.
        seconds: wall time of each cycle; NaN for an observation.
        success: 1, 0, or -1 for an observation.
        stimuli: digest of what was put in; empty where nothing was, or nothing that has a fixed form.
    """

    n_rows: int = 0
    columns: dict[str, list[Any]] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    seconds: Sequence[float] = field(default_factory=lambda: array("d"))
    success: Sequence[int] = field(default_factory=lambda: array("b"))
    stimuli: Sequence[str] = ()

    def column(self, name: str) -> Sequence[Any]:
        """The values of a metric, also of what every cycle has: success, wall_time_s and the stimulus' digest."""
        given = self.columns.get(name)
        if name == "success":
            own: Sequence[Any] = [None if flag < 0 else bool(flag) for flag in self.success]
        elif name == "wall_time_s":
            own = [None if math.isnan(value) else value for value in self.seconds]
        elif name == "stimulus":
            own = [digest or None for digest in self.stimuli]
        else:
            return [None] * self.n_rows if given is None else given
        return own if given is None else [mine if one is None else one for one, mine in zip(given, own, strict=True)]

    @property
    def names(self) -> list[str]:
        """Metrics that at least one row carries."""
        carried = [name for name, values in self.columns.items() if any(value is not None for value in values)]
        return sorted([*carried, *(("success", "wall_time_s") if any(flag >= 0 for flag in self.success) else ())])


class Cycles(Sequence[CycleResult]):
    """The rows of a table as cycles, made when they are looked at; ``raw`` holds what the table keeps.

    >>> Cycles(Table(1, {"phi": [0.5]}, {}, [0.1], [1], ["ab"]))[0].raw
    {'phi': 0.5, 'wall_time_s': 0.1}
    """

    def __init__(self, table: Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return self.table.n_rows

    @overload
    def __getitem__(self, index: int) -> CycleResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[CycleResult]: ...
    def __getitem__(self, index: int | slice) -> CycleResult | list[CycleResult]:
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        row, table = range(len(self))[index], self.table
        raw = {name: values[row] for name, values in table.columns.items() if values[row] is not None}
        if not math.isnan(table.seconds[row]):
            raw["wall_time_s"] = table.seconds[row]
        stimulus = table.stimuli[row] or None
        return CycleResult(row, table.success[row] != 0, raw, stimulus_id=stimulus, error=table.errors.get(row))


def pack(table: Table) -> tuple[bytes, str]:
    """The observations file of a table, and the SHA-256 of its uncompressed text."""
    digest = hashlib.sha256()
    buffer = BytesIO()
    with gzip.GzipFile(
        fileobj=buffer, mode="wb", compresslevel=1 if table.n_rows < CHUNK_ROWS else 6, mtime=0
    ) as packed:
        for piece in _pieces(table):
            data = piece.encode("ascii")
            digest.update(data)
            packed.write(data)
    return buffer.getvalue(), digest.hexdigest()


def unpack(data: bytes, *, limit: int = MAX_UNPACKED_BYTES) -> tuple[Table, str]:
    """Read an observations file back.

    Args:
        data: the gzipped bytes.
        limit: most bytes to unpack, against a file made to fill the memory.

    Returns:
        The table and the SHA-256 of the uncompressed text.

    Raises:
        ObservationsError: not gzip, larger than ``limit``, or not in the format.
    """
    try:
        text = _unpacked(data, limit)
    except (OSError, EOFError, zlib.error) as error:
        raise ObservationsError(f"the observations are no readable gzip file: {error}") from error
    if len(text) > limit:
        raise ObservationsError(
            f"the observations unpack to more than {limit} bytes; raise the limit only for a file you trust"
        )
    if text.count(b"[") + text.count(b"{") > MAX_BRACKETS:
        raise ObservationsError(f"the observations hold more than {MAX_BRACKETS} lists or objects; no trial has those")
    try:
        header, *chunks = json.loads(text)
        if header["format"] != FORMAT:
            raise ObservationsError(f"unknown observations format {header['format']!r}; this reads {FORMAT}")
        return _join(header, chunks), hashlib.sha256(text).hexdigest()
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        if isinstance(error, ObservationsError):
            raise
        raise ObservationsError(f"the observations are not in the format {FORMAT}: {error!r}") from error


def _unpacked(data: bytes, limit: int) -> bytearray:
    """The text, a piece at a time and at most one piece beyond the limit: asked for whole, it is reserved at once."""
    text = bytearray()
    if (whole := _unpacked_at_once(data, min(limit, PIECE_BYTES))) is not None:
        return bytearray(whole)
    with gzip.GzipFile(fileobj=BytesIO(data)) as packed:
        while len(text) <= limit and (piece := packed.read(PIECE_BYTES)):
            text += piece
    return text


def _unpacked_at_once(data: bytes, most: int) -> bytes | None:
    """The text of one gzip member of at most so many bytes; None for all else, errors too, which are for `gzip`."""
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = inflate.decompress(data, most)
    except zlib.error:
        return None
    return text if inflate.eof and not inflate.unused_data else None


def _pieces(table: Table) -> Iterator[str]:
    """The text of the file, a chunk at a time."""
    seconds = [None if math.isnan(value) else value for value in table.seconds]
    success = [None if flag < 0 else bool(flag) for flag in table.success]
    columns: dict[str, Sequence[Any]] = {
        name: values
        for name, values in (
            ("stimulus", [one or None for one in table.stimuli]),
            ("success", success),
            ("wall_time_s", seconds),
        )
        if any(value is not None for value in values)
    }
    columns |= {f"m.{name}": values for name, values in table.columns.items()}
    header = {"columns": list(columns), "format": FORMAT, "rows": table.n_rows}
    yield "[" + _compact(header)
    errors_of: dict[int, dict[str, str]] = {}
    for row, text in table.errors.items():
        errors_of.setdefault(row // CHUNK_ROWS, {})[str(row)] = text
    for start in range(0, table.n_rows, CHUNK_ROWS):
        chunk: dict[str, Any] = {name: list(values[start : start + CHUNK_ROWS]) for name, values in columns.items()}
        errors = errors_of.get(start // CHUNK_ROWS, {})
        yield ",\n" + _compact({"columns": chunk, "errors": errors, "from": start})
    yield "]\n"


_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False, sort_keys=True).encode


def _join(header: Mapping[str, Any], chunks: Sequence[Mapping[str, Any]]) -> Table:
    n_rows = header["rows"]
    columns: dict[str, list[Any]] = {name: [] for name in header["columns"]}
    errors: dict[int, str] = {}
    for chunk in chunks:
        for name, values in columns.items():
            values.extend(_checked(name, chunk["columns"][name]))
        errors |= {int(row): text for row, text in chunk["errors"].items()}
    held = {len(values) for values in columns.values()} or {0}
    if type(n_rows) is not int or held != {n_rows} or any(not 0 <= row < n_rows for row in errors):
        raise ObservationsError(f"the observations promise {n_rows!r} rows and hold others; the file is damaged")
    if not all(isinstance(text, str) for text in errors.values()):
        raise ObservationsError("an error of the observations is no text; the file is damaged")
    absent: list[Any] = [None] * n_rows
    return Table(
        n_rows=n_rows,
        columns={name[2:]: values for name, values in columns.items() if name.startswith("m.")},
        errors=errors,
        seconds=array("d", (math.nan if value is None else value for value in columns.get("wall_time_s", absent))),
        success=array("b", (-1 if value is None else int(value) for value in columns.get("success", absent))),
        stimuli=[value or "" for value in columns.get("stimulus", absent)],
    )


_KINDS: Final[Mapping[str, frozenset[type]]] = {
    "stimulus": frozenset({str, type(None)}),
    "success": frozenset({bool, type(None)}),
    "wall_time_s": frozenset({int, float, type(None)}),
}


def _checked(name: str, values: Any) -> list[Any]:
    """The values of one column in one chunk.

    Raises:
        ObservationsError: they are no list, or hold what a trial never writes there.
    """
    if not isinstance(values, list):
        raise ObservationsError(f"the column {name!r} is no list; the file is damaged")
    odd = set(map(type, values)) - _KINDS.get(name, frozenset({bool, int, float, str, type(None)}))
    if odd == {list} and name not in _KINDS:
        triples = [value for value in values if isinstance(value, list)]
        odd = {list} if any(len(one) != 3 or not {int, float} >= set(map(type, one)) for one in triples) else set()
    if odd:
        raise ObservationsError(f"the column {name!r} holds a {odd.pop().__name__}; the file is damaged")
    return values
