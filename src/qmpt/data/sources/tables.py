# SPDX-License-Identifier: Apache-2.0
"""Tables of one's own: CSV, TSV or JSON Lines, with a map from columns to the parts of an observation."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from qmpt.data import _jsontext
from qmpt.data._jsonl import lines
from qmpt.data.files import digest
from qmpt.data.models import Observation
from qmpt.data.sources.base import Entry, Source
from qmpt.data.values import timestamp
from qmpt.errors import DataError, RowError, SourceError, nearest_name, validation_message

__all__ = ["TableSource", "TimeUnit"]

TimeUnit = Literal["s", "ms", "us", "ns"]

_PER_SECOND: Final[dict[str, float]] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "none"})
_MAX_BYTES: Final = 4 * 2**30


class TableSource(Source):
    r"""Rows of a table; each becomes one observation.

    The payload is the column ``payload`` as it is, or ``{"text": ..., "numbers": {...}}`` of the columns named by
    ``text`` and ``numbers``, or the list of the numbers where there is no text. Among the numbers, an empty cell and
    ``NA``, ``NaN``, ``null`` and ``none`` mean that there is none.

    Args:
        path: a ``.csv``, ``.tsv`` or ``.jsonl`` file (``.jsonl.gz``, too), UTF-8, CSV with a header.
        pattern: column that names the pattern.
        time: column of the time: ISO 8601 text, or a number in ``time_unit``.
        text: column of text.
        numbers: columns of numbers.
        payload: column of the whole payload; not together with ``text`` or ``numbers``.
        modality: modality of all observations; by default ``text`` where there is a text, else ``numeric``.
        layer: layer of all patterns; by default the name of the file.
        layer_column: column that names the layer instead.
        id: column of the ``obs_id``; by default the number of the row.
        tags: columns whose values become tags ``column=value``.
        time_unit: unit of times that are numbers: ``s``, ``ms``, ``us`` or ``ns``.
        delimiter: of a CSV file; by default a comma, and a tab for ``.tsv``.

    Raises:
        SourceError: the options contradict each other.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "calls.csv"
        >>> _ = path.write_text("who,when,said\nanna,2026-11-21,hello\n")
        >>> [found.payload for found in TableSource(path, pattern="who", time="when", text="said").observations()]
        [{'text': 'hello'}]
    """

    kind = "table"

    def __init__(
        self,
        path: str | Path,
        *,
        pattern: str = "pattern_id",
        time: str = "timestamp",
        text: str | None = None,
        numbers: Sequence[str] = (),
        payload: str | None = None,
        modality: str | None = None,
        layer: str | None = None,
        layer_column: str | None = None,
        id: str | None = None,  # noqa: A002 - the word of the users
        tags: Sequence[str] = (),
        time_unit: TimeUnit = "s",
        delimiter: str | None = None,
    ) -> None:
        super().__init__(path)
        if (payload is None) == (text is None and not numbers):
            raise SourceError(f"{path}: give either payload= or text= and numbers=, so that each row has a content")
        if time_unit not in _PER_SECOND:
            raise SourceError(f"time_unit={time_unit!r}; {nearest_name(str(time_unit), _PER_SECOND)}")
        if delimiter is not None and len(delimiter) != 1:
            raise SourceError(f"delimiter={delimiter!r}; give one character")
        if isinstance(numbers, str) or isinstance(tags, str):
            raise SourceError("numbers= and tags= are lists of columns; give ['name'] for one column")
        self._pattern, self._time, self._text, self._payload = pattern, time, text, payload
        self._numbers, self._tags, self._id = tuple(numbers), tuple(tags), id
        self._layer, self._layer_column = layer or self.path.name.partition(".")[0], layer_column
        self._modality = modality or ("numeric" if text is None and payload is None else "text")
        self._scale = _PER_SECOND[time_unit]
        self._is_text = self.path.suffix.lower() in (".csv", ".tsv", ".txt")
        self._delimiter = delimiter or ("\t" if self.path.suffix.lower() == ".tsv" else ",")

    def inputs(self) -> dict[str, str]:
        """The file and its digest."""
        return {self.path.name: digest(self.path)}

    def entries(self) -> Iterator[Entry]:
        """One entry per row.

        Raises:
            RowError: a row lacks a column or has a value of another kind; it has the number of the row, in CSV that of
                the line.
            SourceError: there is no header, or a column is missing.
        """
        for number, row in self._csv_rows() if self._is_text else self._json_rows():
            try:
                yield self._entry(number, row)
            except ValidationError as error:
                problem = validation_message(error, Observation)
                raise RowError(f"{self.path}, row {number}: {problem}", number) from None
            except ValueError as error:
                raise RowError(f"{self.path}, row {number}: {error}", number) from None

    def _entry(self, number: int, row: Mapping[str, Any]) -> Entry:
        observation = Observation(
            obs_id=str(number) if self._id is None else _name(self._cell(row, self._id)),
            pattern_id=_name(self._cell(row, self._pattern)),
            timestamp=self._seconds(self._cell(row, self._time)),
            modality=self._modality,
            payload=self._content(row),
            tags=[f"{column}={self._cell(row, column)}" for column in self._tags],
        )
        layer = self._layer if self._layer_column is None else _name(self._cell(row, self._layer_column))
        return Entry(observation, layer)

    def _content(self, row: Mapping[str, Any]) -> Any:
        if self._payload is not None:
            return self._cell(row, self._payload)
        numbers = {column: _number(self._cell(row, column), column) for column in self._numbers}
        if self._text is None:
            return list(numbers.values())
        text = _text(self._cell(row, self._text), self._text)
        return {"text": text, "numbers": numbers} if numbers else {"text": text}

    def _seconds(self, value: Any) -> float:
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return timestamp(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return timestamp(value / self._scale if is_number else value)

    def _cell(self, row: Mapping[str, Any], column: str) -> Any:
        try:
            return row[column]
        except KeyError:
            raise ValueError(f"there is no column {column!r}; {nearest_name(column, map(str, row))}") from None

    def _json_rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for number, line in lines(self.path, _MAX_BYTES):
            try:
                row = _jsontext.loads(line)
            except ValueError as error:
                raise RowError(f"{self.path}, row {number}: {error}; give one JSON object per line", number) from None
            if not isinstance(row, dict):
                raise RowError(f"{self.path}, row {number}: {type(row).__name__}; give a JSON object", number)
            yield number, row

    def _csv_rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        text = (_decoded(line, self.path, number) for number, line in lines(self.path, _MAX_BYTES, blank=True))
        reader = csv.reader(text, delimiter=self._delimiter, strict=True)
        try:
            header = next(reader, None)
            if header is None:
                raise SourceError(f"{self.path} is empty; give a table whose first line names the columns")
            if len(set(header)) < len(header):
                raise SourceError(f"{self.path}: the first line is {header!r:.80}; name each column once there")
            for cells in reader:
                if cells and len(cells) != len(header):
                    raise RowError(
                        f"{self.path}, row {reader.line_num}: {len(cells)} cells under {len(header)} columns; "
                        f"quote what holds {self._delimiter!r}, or give delimiter=",
                        reader.line_num,
                    )
                if cells:
                    yield reader.line_num, dict(zip(header, cells, strict=True))
        except csv.Error as error:
            raise RowError(f"{self.path}, row {reader.line_num}: {error}; mend the row", reader.line_num) from None


def _decoded(line: bytes, path: Path, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}, line {number}: no UTF-8 at byte {error.start}; save the file as UTF-8") from None


def _name(value: Any) -> str:
    """A name; numbers are names, too, but nothing is none."""
    if value is None or isinstance(value, bool | float | list | dict) or str(value).strip() == "":
        raise ValueError(f"{value!r} is no name; give text or a whole number")
    return str(value)


def _text(value: Any, column: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{column} is {value!r:.80}; give text")
    return value


def _number(value: Any, column: str) -> float | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING):
        return None
    try:
        if isinstance(value, bool | list | dict):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{column} is {value!r:.80}; give a number, or leave the cell empty") from None
