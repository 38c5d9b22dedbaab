# SPDX-License-Identifier: Apache-2.0
"""Importers by name: what other programs write becomes observations, patterns and layers.

>>> sorted(SOURCES)
['git', 'junit', 'observations', 'otel', 'proofs', 'report-log', 'table']
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from qmpt.data.files import open_regular
from qmpt.data.sources.base import Entry, Population, Source
from qmpt.errors import SourceError, nearest_name

__all__ = ["SOURCES", "Entry", "Population", "Source", "open_source", "register_source", "require_content", "sniff"]

SOURCES: Final[dict[str, str | type[Source]]] = {
    "git": "qmpt.data.sources.git_history:GitHistorySource",
    "junit": "qmpt.data.sources.junit:JUnitSource",
    "observations": "qmpt.data.sources.stored:StoredSource",
    "otel": "qmpt.data.sources.otel:OtelSource",
    "proofs": "qmpt.data.sources.pytest_records:ProofsSource",
    "report-log": "qmpt.data.sources.pytest_records:ReportLogSource",
    "table": "qmpt.data.sources.tables:TableSource",
}
"""Name -> the class, or where it is; it is imported when it is first opened."""

_LOOKED_AT: Final = 2**16
# What only one form has, and within its first bytes; the first that is found counts.
_MARKS: Final = (
    (b'"$report_type"', "report-log"),
    (b'"pytest_version"', "report-log"),
    (b'"proof_id"', "proofs"),
    (b'"resourceSpans"', "otel"),
    (b'"resource_spans"', "otel"),
    (b'"trace_id"', "otel"),
    (b'"traceID"', "otel"),
    (b'"traceId"', "otel"),
    (b'"obs_id"', "observations"),
)


def open_source(kind: str, path: str | Path, **options: Any) -> Source:
    """An importer for a path. Nothing is read yet.

    Args:
        kind: one of `SOURCES`, or ``auto`` to choose by `sniff`.
        path: file or folder.
        options: what the class of that kind takes.

    Raises:
        SourceError: no such kind or option, or ``auto`` meets an empty file or cannot tell.

    Example:
        >>> open_source("table", "calls.csv", txt="said")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        qmpt.errors.SourceError: the source table has no option 'txt'; did you mean 'text'? Known: ...
    """
    if kind == "auto":
        require_content(path)
    name = sniff(path) if kind == "auto" else kind
    try:
        found = SOURCES[name]
    except KeyError:
        raise SourceError(f"kind={name!r}; {nearest_name(name, SOURCES)}") from None
    if isinstance(found, str):
        module, _, attribute = found.partition(":")
        found = getattr(import_module(module), attribute)
    assert not isinstance(found, str)
    known = [parameter for parameter in inspect.signature(found).parameters if parameter != "path"]
    for option in options:
        if option not in known:
            raise SourceError(f"the source {name} has no option {option!r}; {nearest_name(option, known)}")
    build: Callable[..., Source] = found
    return build(path, **options)


def register_source(kind: str, cls: type[Source]) -> None:
    """Make an importer known by a name.

    Raises:
        SourceError: the name is taken.

    Example:
        >>> register_source("git", Source)
        Traceback (most recent call last):
        ...
        qmpt.errors.SourceError: the kind 'git' is taken; choose another name
    """
    if kind in SOURCES or kind == "auto":
        raise SourceError(f"the kind {kind!r} is taken; choose another name")
    SOURCES[kind] = cls


def sniff(path: str | Path) -> str:
    """The kind of source that a path is, by its suffix and its first bytes.

    Raises:
        SourceError: it cannot be told; name the kind instead.

    Example:
        >>> sniff("calls.csv")
        'table'
    """
    given = Path(path)
    if given.is_dir():
        return _sniffed_folder(given)
    name = given.name.lower()
    if name.endswith((".csv", ".tsv")):
        return "table"
    if name.endswith((".parquet", ".sqlite", ".db")):
        return "observations"
    if name.endswith(".xml"):
        return "junit"
    if name.endswith((".json", ".jsonl", ".json.gz", ".jsonl.gz")):
        head = _head(given)
        for mark, kind in _MARKS:
            if mark in head:
                return kind
        if name.endswith((".jsonl", ".jsonl.gz")):
            return "table"
    raise SourceError(f"{path}: it cannot be told what this is; name it: {', '.join(sorted(SOURCES))}")


def require_content(path: str | Path) -> None:
    """Refuse an empty file, of which no option can make anything else.

    Raises:
        SourceError: it is empty.

    Example:
        >>> require_content(__file__)
    """
    given = Path(path)
    if given.is_file() and given.stat().st_size == 0:
        raise SourceError(f"{given} is empty; give a file with traces")


def _sniffed_folder(folder: Path) -> str:
    if (folder / ".git").exists() or ((folder / "HEAD").is_file() and (folder / "objects").is_dir()):
        return "git"
    for pattern, kind in (("proof.json", "proofs"), ("*.xml", "junit")):
        if next(folder.rglob(pattern), None) is not None:
            return kind
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in (".json", ".jsonl", ".gz"))
    if files and sniff(files[0]) == "otel":
        return "otel"
    raise SourceError(f"{folder}: it cannot be told what this is; name it: {', '.join(sorted(SOURCES))}")


def _head(path: Path) -> bytes:
    with open_regular(path) as handle:
        head = handle.read(_LOOKED_AT)
    if not path.name.lower().endswith(".gz"):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _LOOKED_AT)
    except zlib.error:
        raise SourceError(f"{path} is no gzip file; give it the suffix of its format") from None
