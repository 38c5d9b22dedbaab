# SPDX-License-Identifier: Apache-2.0
"""Rows as JSON Lines, plain or gzipped: one object per line, UTF-8."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Final

from qmpt.data import _jsontext
from qmpt.data._rows import Kind, Model, unwritable
from qmpt.data.files import open_regular, replacing
from qmpt.errors import DataError, RowError

__all__ = ["MAX_LINE_BYTES", "lines", "read", "write"]

MAX_LINE_BYTES: Final = 64 * 2**20
_BLOCK: Final = 2**18
_ROWS: Final = 64  # written at once
_LEVEL: Final = 6
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def write(path: Path, kind: Kind[Model], items: Iterable[Model]) -> None:
    """Write all rows.

    Raises:
        DataError: a value has no JSON form, or the system refused.
    """
    to_row, left = kind.to_row, iter(items)
    with replacing(path) as raw, _packed(raw, path) as handle:
        while block := list(islice(left, _ROWS)):
            try:
                handle.write(_jsontext.dump_lines(map(to_row, block)))
            except (TypeError, ValueError) as error:
                raise unwritable(block, kind, str(path), error) from None


def read(path: Path, kind: Kind[Model], max_bytes: int) -> Iterator[Model]:
    """Read row by row.

    Raises:
        RowError: a line is no row; it has the number of the line.
        DataError: the file cannot be read, or unpacks to more than ``max_bytes``.
    """
    loads, build, source = _jsontext.loads, kind.build, str(path)
    for number, line in lines(path, max_bytes):
        try:
            row = loads(line)
        except ValueError as error:
            raise RowError(f"{source}, row {number}: {error}; give one JSON object per line", number) from None
        yield build(row, number, source)


def lines(path: Path, max_bytes: int, *, blank: bool = False) -> Iterator[tuple[int, bytes]]:
    """The lines of a text file with their numbers from 1, gunzipped where the name ends in ``.gz``.

    Args:
        path: the file.
        max_bytes: most bytes to unpack.
        blank: give lines without a text, too.

    Raises:
        RowError: a line is longer than `MAX_LINE_BYTES`.
        DataError: the file cannot be read, or unpacks to more than ``max_bytes``.
    """
    read_bytes = 0
    with open_regular(path) as raw, _unpacked(raw, path) as handle:
        for number, line in enumerate(iter(lambda: handle.readline(MAX_LINE_BYTES + 1), b""), start=1):
            read_bytes += len(line)
            if len(line) > MAX_LINE_BYTES:
                raise RowError(f"{path}, row {number}: longer than {MAX_LINE_BYTES} bytes; split it", number)
            if read_bytes > max_bytes:
                raise DataError(f"{path} holds more than {max_bytes} bytes unpacked; if you trust it, raise max_bytes")
            if number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)  # noqa: PLW2901 - the same line without its mark
            if blank or not line.isspace():
                yield number, line


@contextmanager
def _packed(raw: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    if path.suffix.lower() != ".gz":
        yield raw
        return
    # No name and no time go into the header, so that equal rows give equal bytes.
    with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=_LEVEL, mtime=0) as packed:
        handle = io.BufferedWriter(packed, _BLOCK)
        yield handle
        handle.flush()
        handle.detach()


@contextmanager
def _unpacked(raw: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    if path.suffix.lower() != ".gz":
        yield raw
        return
    try:
        with gzip.GzipFile(fileobj=raw, mode="rb") as packed, io.BufferedReader(packed, _BLOCK) as handle:
            yield handle
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is no whole gzip file: {error}; write or fetch it again") from None
