# SPDX-License-Identifier: Apache-2.0
"""The lines of a UTF-8 file, plain or gzipped, read in blocks of bounded size.

It splits at line feeds alone, as JSON Lines has it, and knows nothing of what the lines say.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Final

from ophamin.seeing.corpus.base import CorpusDataError

__all__ = ["MAX_INFLATED", "MAX_LINE", "MAX_RATIO", "line_blocks"]

MAX_LINE: Final = 16 * 2**20
"""Bytes in one line."""

MAX_INFLATED: Final = 2**30
"""Bytes that a gzipped file may hold."""

MAX_RATIO: Final = 1000
"""How many times its own size a gzipped file may hold; deflate itself ends at about 1032."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SMALL: Final = 10 * 2**20
_BLOCK: Final = 2**20


def line_blocks(path: Path) -> Generator[list[str], None, None]:
    """Lists of lines without their line feeds; a byte order mark at the start is left out.

    Args:
        path: a regular file; one that ends in ``.gz`` is inflated on the way.

    Raises:
        CorpusDataError: it is not UTF-8, not gzip where it says so, or larger than the limits of this module.
    """
    lines_before = 0
    pieces: list[bytes] = []  # of a line whose end was not read yet
    mark = _BYTE_ORDER_MARK
    with closing(_blocks(path)) as blocks:
        for block in blocks:
            whole, feed, rest = block.removeprefix(mark).rpartition(b"\n")
            mark = b""
            if feed:
                lines = _decoded(b"".join([*pieces, whole]), path, lines_before).split("\n")
                lines_before += len(lines)
                pieces.clear()
                yield lines
            pieces.append(rest)
            if sum(map(len, pieces)) > MAX_LINE:
                raise CorpusDataError(
                    f"{path}: line {lines_before + 1} is longer than {MAX_LINE} bytes; split it into rows"
                )
    if last := b"".join(pieces):
        yield [_decoded(last, path, lines_before)]


def _decoded(data: bytes, path: Path, lines_before: int) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = lines_before + data.count(b"\n", 0, problem.start) + 1
        raise CorpusDataError(
            f"{path}, line {line}: the byte 0x{data[problem.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from None


def _blocks(path: Path) -> Generator[bytes, None, None]:
    if path.suffix != ".gz":
        with path.open("rb") as handle:
            while block := handle.read(_BLOCK):
                yield block
        return
    with gzip.open(path, "rb") as handle:
        yield from _inflated(handle, path)


def _inflated(handle: gzip.GzipFile, path: Path) -> Generator[bytes, None, None]:
    size = path.stat().st_size
    limit = min(MAX_INFLATED, max(_SMALL, size * MAX_RATIO))
    inflated = 0
    while True:
        try:
            block = handle.read(_BLOCK)
        except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
            raise CorpusDataError(f"{path}: the gzip data is broken ({problem}); fetch or compress it again") from None
        if not block:
            return
        inflated += len(block)
        if inflated > limit:
            raise CorpusDataError(
                f"{path}: {size} bytes inflate to more than {limit} (the limit is {MAX_INFLATED}, and {MAX_RATIO} "
                "times the size); inflate it yourself and name the plain file, if you trust it"
            )
        yield block
