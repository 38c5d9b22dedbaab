# SPDX-License-Identifier: Apache-2.0
"""One file as a corpus: rows of JSON, rows of CSV, or lines of text; gzipped where the name ends in ``.gz``.

A file is streamed, never loaded. Its content hash is the SHA-256 of its bytes as they lie on disk.
"""

from __future__ import annotations

import csv
import json
import os
import random
import stat
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path, PurePath
from typing import Any, ClassVar, Final, NoReturn, TypeAlias

from ophamin.core.canonical import NotCanonicalError, canonical_bytes, file_digest
from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError, nearest_name
from ophamin.seeing.corpus.base import Corpus, CorpusDataError, CorpusUnavailableError
from ophamin.seeing.corpus.lines import line_blocks

__all__ = ["CsvCorpus", "FileCorpus", "JsonLinesCorpus", "TextLinesCorpus"]

_TEXT_FIELDS: Final = ("text", "content", "prompt", "input", "question", "body")
_MISSING: Final = object()
_Scan: TypeAlias = Callable[[str, int], tuple[Any, int]]


class FileCorpus(Corpus):
    """What the corpora of one file share.

    Args:
        root: the file.
        pinned: False for a file that grows, such as a log.
        label: how records name the file; by default its name without the folders above it.
    """

    source = "local file"
    needs_root: ClassVar[bool] = True

    def __init__(self, root: str | Path | None = None, *, pinned: bool = True, label: str | None = None) -> None:
        super().__init__(root)
        self.pinned = pinned
        self.label = label or ("" if self.root is None else self.root.name)
        self.name = f"{type(self).name}:{self.label}" if self.label else type(self).name

    def is_available(self) -> bool:
        """Whether the file is there, can be read, and holds something."""
        return not self._problem()

    def why_unavailable(self) -> str:
        """What is wrong with the file."""
        return self._problem()

    def selection(self) -> dict[str, Any]:
        """Name, kind, the file's label, and the options that say what is read of it."""
        return {"name": self.name, "kind": self.kind, "file": self.label}

    def _path(self) -> Path:
        self.require_available()
        assert self.root is not None
        return self.root

    def _problem(self) -> str:
        if self.root is None:
            return f"it needs a file; write {type(self).name}:PATH"
        try:
            facts = self.root.stat()
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or str(problem)
            return f"{self.root}: {reason}; check the path, which counts from the root of the project"
        if stat.S_ISDIR(facts.st_mode):
            return f"{self.root} is a folder; name a file in it, or write folder:PATH to read them all"
        if not stat.S_ISREG(facts.st_mode):
            return f"{self.root} is a pipe, socket or device; give a regular file"
        if facts.st_size == 0:
            return f"{self.root} is empty; a corpus has at least one record"
        return "" if os.access(self.root, os.R_OK) else f"{self.root} may not be read; change its permissions"

    def _compute_content_hash(self) -> str:
        return file_digest(self._path())

    def _refuse_no_record(self) -> NoReturn:
        raise CorpusUnavailableError(f"corpus {self.name!r}: {self.root} holds no record; a corpus has at least one")


class _LineCorpus(FileCorpus):
    """A file with one record on each line that is not blank."""

    @abstractmethod
    def _record(self, number: int, line: str) -> CorpusRecord:
        """The record on the line of that number, from 1."""

    def records(self) -> Iterator[CorpusRecord]:
        """Stream one record per line that is not blank."""
        record_of = self._record
        number = 0
        found = False
        with closing(line_blocks(self._path())) as blocks:
            for lines in blocks:
                for line in lines:
                    number += 1
                    if line and not line.isspace():
                        found = True
                        yield record_of(number, line)
        if not found:
            self._refuse_no_record()

    def sample(self, n: int, seed: int = 0) -> list[CorpusRecord]:
        """The sample that `Corpus.sample` gives, decoding only what is kept.

        A line that is not kept is not looked into, so a fault in it does not show here.

        Raises:
            ClaimError: ``n`` is below 1.
        """
        if n < 1:
            raise ClaimError(f"n={n}; a sample has at least 1 record")
        bits = random.Random(seed).getrandbits  # noqa: S311 - a reproducible sample, no secret
        kept: list[tuple[int, str]] = []
        number = index = 0
        for lines in line_blocks(self._path()):
            for line in lines:
                number += 1
                if not line or line.isspace():
                    continue
                if index < n:
                    kept.append((number, line))
                else:  # randint(0, index) without its three calls
                    width = (index + 1).bit_length()
                    while (place := bits(width)) > index:
                        pass
                    if place < n:
                        kept[place] = (number, line)
                index += 1
        if not kept:
            self._refuse_no_record()
        return [self._record(number, line) for number, line in kept]

    def _compute_count(self) -> int:
        blocks = line_blocks(self._path())
        count = sum(1 for lines in blocks for line in lines if line and not line.isspace())
        return count or self._refuse_no_record()


class TextLinesCorpus(_LineCorpus):
    r"""Every line of a text file that is not blank; ids are ``line-1`` and so on, by the lines of the file.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "words.txt"
        >>> _ = path.write_text("one\n\nthree\n")
        >>> [(record.id, record.text) for record in TextLinesCorpus(path).records()]
        [('line-1', 'one'), ('line-3', 'three')]
    """

    name = "lines"
    kind = "text"

    def _record(self, number: int, line: str) -> CorpusRecord:
        return CorpusRecord(f"line-{number}", line.removesuffix("\r"), {"line": number})


class _RowCorpus(FileCorpus):
    """A file of rows, of which one field is the text and one the id.

    Args:
        root: the file.
        text: the field that is fed to the system; by default the first that is there of text, content, prompt, input,
            question, body, and else the whole row as canonical JSON.
        id: the field that names the row; by default ``id``, and else ``line-`` and the number of its line.
        pinned: False for a file that grows.
        label: how records name the file.
    """

    kind = "rows"

    def __init__(
        self,
        root: str | Path | None = None,
        *,
        text: str | None = None,
        id: str | None = None,  # noqa: A002 - the word a user writes in a spec
        pinned: bool = True,
        label: str | None = None,
    ) -> None:
        super().__init__(root, pinned=pinned, label=label)
        self.text_field = text
        self.id_field = id

    def selection(self) -> dict[str, Any]:
        """Name, kind, the file's label, and the fields where they were given."""
        fields = {"text": self.text_field, "id": self.id_field}
        return {**super().selection(), **{key: value for key, value in fields.items() if value is not None}}

    def _row(self, number: int, row: dict[str, Any]) -> CorpusRecord:
        """The record of a row; takes text and id out of it."""
        record_id = row.pop(self.id_field or "id", _MISSING)
        if not isinstance(record_id, (str, int)) or isinstance(record_id, bool):
            if self.id_field is not None:
                self._refuse_field("id", self.id_field, number, row, record_id)
            if record_id is not _MISSING:
                row["id"] = record_id
            record_id = f"line-{number}"
        if self.text_field is not None:
            text = row.pop(self.text_field, _MISSING)
            if text is _MISSING:
                self._refuse_field("text", self.text_field, number, row, text)
            return CorpusRecord(str(record_id), text if isinstance(text, str) else self._json(number, text), row)
        for name in _TEXT_FIELDS:
            if isinstance(row.get(name), str):
                return CorpusRecord(str(record_id), row.pop(name), row)
        return CorpusRecord(str(record_id), self._json(number, row), row)

    def _json(self, number: int, value: Any) -> str:
        try:
            return canonical_bytes(value).decode("ascii")
        except NotCanonicalError as problem:
            raise CorpusDataError(
                f"{self.root}, line {number}: {problem}; or name the field that holds the text: text=FIELD"
            ) from None

    def _refuse_field(self, role: str, name: str, number: int, row: dict[str, Any], value: Any) -> NoReturn:
        if value is _MISSING:
            raise CorpusDataError(
                f"{self.root}, line {number}: the row has no field {name!r} ({role}={name}); {nearest_name(name, row)}"
            )
        raise CorpusDataError(
            f"{self.root}, line {number}: the field {name!r} ({role}={name}) is {value!r:.60}; "
            "an id is text or a whole number"
        )


class JsonLinesCorpus(_RowCorpus, _LineCorpus):
    r"""A JSON Lines file: one JSON value per line; the other fields of an object are the metadata of its record.

    A line that is text is the text itself; any other value that is no object is its canonical JSON.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "prompts.jsonl"
        >>> _ = path.write_text('{"id": "a", "prompt": "hello", "lang": "en"}\n')
        >>> next(JsonLinesCorpus(path).records())
        CorpusRecord(id='a', text='hello', metadata={'lang': 'en'})
    """

    name = "jsonl"

    def _record(self, number: int, line: str) -> CorpusRecord:
        line = line.strip(" \t\r")
        try:
            value, end = _scan(line, 0)
        except StopIteration:
            self._refuse_line(number, line, "no JSON value")
        except (ValueError, RecursionError) as problem:
            self._refuse_line(number, line, f"{getattr(problem, 'msg', problem)}")
        if end != len(line):
            self._refuse_line(number, line, f"more than one value, from column {end + 1} on")
        if type(value) is dict:
            return self._row(number, value)
        return CorpusRecord(f"line-{number}", value if isinstance(value, str) else self._json(number, value))

    def _refuse_line(self, number: int, line: str, problem: str) -> NoReturn:
        raise CorpusDataError(
            f"{self.root}, line {number}: {problem} in {line[:60]!r}; write one whole JSON value per line"
        ) from None


class CsvCorpus(_RowCorpus):
    r"""A CSV file whose first row names the columns; every value is text.

    Args:
        delimiter: between the values; by default a comma, and a tab in a file that ends in ``.tsv``.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "mails.csv"
        >>> _ = path.write_text("key,body,lang\n7,hello,en\n")
        >>> next(CsvCorpus(path, id="key").records())
        CorpusRecord(id='7', text='hello', metadata={'lang': 'en'})
    """

    name = "csv"

    def __init__(
        self,
        root: str | Path | None = None,
        *,
        text: str | None = None,
        id: str | None = None,  # noqa: A002 - the word a user writes in a spec
        delimiter: str | None = None,
        pinned: bool = True,
        label: str | None = None,
    ) -> None:
        super().__init__(root, text=text, id=id, pinned=pinned, label=label)
        if delimiter is None:
            delimiter = "\t" if PurePath(root or "").name.removesuffix(".gz").endswith(".tsv") else ","
        if len(delimiter) != 1 or delimiter in '\r\n"':
            raise ClaimError(f"delimiter={delimiter!r}; it is one character, no quote and no line end")
        self.delimiter = delimiter

    def selection(self) -> dict[str, Any]:
        """Name, kind, the file's label, the delimiter, and the fields where they were given."""
        return {**super().selection(), "delimiter": self.delimiter}

    def records(self) -> Iterator[CorpusRecord]:
        """Stream one record per row below the header."""
        found = False
        for number, header, values in self._rows():
            found = True
            yield self._row(number, dict(zip(header, values, strict=True)))
        if not found:
            self._refuse_no_record()

    def _compute_count(self) -> int:
        return sum(1 for _ in self._rows()) or self._refuse_no_record()

    def _rows(self) -> Iterator[tuple[int, list[str], list[str]]]:
        """The number of a row's last line, the header, and the row's values."""
        with closing(line_blocks(self._path())) as blocks:
            text = (f"{line}\n" for lines in blocks for line in lines)
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            try:
                header = self._checked_header(next(reader, []))
                for values in reader:
                    if values and len(values) != len(header):
                        raise CorpusDataError(
                            f"{self.root}, line {reader.line_num}: {len(values)} values under {len(header)} columns; "
                            "quote a value that holds the delimiter"
                        )
                    if values:
                        yield reader.line_num, header, values
            except csv.Error as problem:
                raise CorpusDataError(
                    f"{self.root}, line {reader.line_num}: {problem}; mend that row, or keep long texts as JSON Lines"
                ) from None

    def _checked_header(self, header: list[str]) -> list[str]:
        if not any(name.strip() for name in header):
            raise CorpusDataError(f"{self.root}, line 1: there is no header; the first row names the columns")
        if len(set(header)) < len(header):
            twice = next(name for place, name in enumerate(header) if name in header[:place])
            raise CorpusDataError(f"{self.root}, line 1: two columns are named {twice!r}; rename one")
        return header


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; write null, or leave the field out")


# The scanner is in no published type; it reads one value without a copy of the line.
_scan: Final[_Scan] = json.JSONDecoder(parse_constant=_no_constant).scan_once  # type: ignore[attr-defined]
