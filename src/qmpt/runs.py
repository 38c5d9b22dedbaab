# SPDX-License-Identifier: Apache-2.0
"""The record of a run: ``run.json`` in every folder that something was written to.

It says with which configuration, seeds, libraries and inputs the output was made, so that it can be made again, and
which files the output is, by their digests. Two runs that differ in nothing else differ in the field ``time`` alone.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qmpt import __version__
from qmpt.data.files import digest, open_regular, write_atomic
from qmpt.data.values import plain, plain_mapping
from qmpt.errors import DataError

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "FILE_NAME",
    "config_hash",
    "distinct_names",
    "file_digests",
    "library_versions",
    "read_kept",
    "read_run",
    "write_run",
]

FILE_NAME: Final = "run.json"
FORMAT: Final = "qmpt-run/1"
MAX_BYTES: Final = 64 * 2**20

LIBRARIES: Final = {
    "matplotlib": "matplotlib",
    "networkx": "networkx",
    "numpy": "numpy",
    "orjson": "orjson",
    "ot": "POT",
    "pyarrow": "pyarrow",
    "pydantic": "pydantic",
    "pyod": "pyod",
    "ruptures": "ruptures",
    "scipy": "scipy",
    "sentence_transformers": "sentence-transformers",
    "sklearn": "scikit-learn",
    "statsmodels": "statsmodels",
    "torch": "torch",
    "yaml": "PyYAML",
    "zuko": "zuko",
}
"""Module -> distribution of what a number may depend on."""


def write_run(
    folder: str | Path,
    *,
    command: Sequence[str] = (),
    config: BaseModel | Mapping[str, Any] | None = None,
    seeds: Mapping[str, int] | None = None,
    inputs: Mapping[str, str] | None = None,
    counts: Mapping[str, int] | None = None,
    warnings: Sequence[str] = (),
    seconds: Mapping[str, float] | None = None,
    libraries: Iterable[str] | None = None,
    outputs: Mapping[str, str] | None = None,
    finished: bool = True,
    name: str = FILE_NAME,
) -> Path:
    """Write ``run.json``, whole or not at all.

    Args:
        folder: where the output is.
        command: what was called, as words.
        config: the resolved configuration.
        seeds: what they were for -> seed.
        inputs: name -> digest, from `file_digests` or from a source's ``inputs()``.
        counts: what was counted -> how many: rows, patterns, what was skipped and why.
        warnings: what the user was told.
        seconds: step -> wall time; it stands under ``time``.
        libraries: distributions whose versions to keep; by default those of `LIBRARIES` that are loaded.
        outputs: name -> digest of what was written, from `file_digests`; `read_kept` compares the files with it.
        finished: False while the output is being written; `read_kept` refuses such a folder.
        name: of the record, where one folder holds several.

    Returns:
        The file.

    Raises:
        DataError: a value is not plain, or the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = write_run(tempfile.mkdtemp(), seeds={"bootstrap": 7})
        >>> read_run(path)["seeds"]
        {'bootstrap': 7}
    """
    try:
        resolved = _resolved(config)
        record = {
            "format": FORMAT,
            "qmpt_version": __version__,
            "command": plain(list(command), where="command"),
            "config": resolved,
            "config_sha256": None if resolved is None else config_hash(resolved),
            "seeds": plain_mapping(dict(seeds or {}), where="seeds"),
            "inputs": plain_mapping(dict(inputs or {}), where="inputs"),
            "outputs": plain_mapping(dict(outputs or {}), where="outputs"),
            "finished": finished,
            "counts": plain_mapping(dict(counts or {}), where="counts"),
            "warnings": plain(list(warnings), where="warnings"),
            "python": platform.python_version(),
            "libraries": library_versions(libraries),
            "time": {
                "written": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds": plain_mapping(dict(seconds or {}), where="seconds"),
            },
        }
    except ValueError as error:
        raise DataError(f"the record of the run: {error}") from None
    path = Path(folder) / name
    text = json.dumps(record, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    write_atomic(path, f"{text}\n".encode())
    return path


def read_run(path: str | Path) -> dict[str, Any]:
    """Read a record back.

    Args:
        path: the file, or the folder that holds it.

    Raises:
        DataError: it cannot be read, or is no record of this format.

    Example:
        See `write_run`.
    """
    given = Path(path)
    file = given / FILE_NAME if given.is_dir() else given
    with open_regular(file) as handle:
        data = handle.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DataError(f"{file} has more than {MAX_BYTES} bytes; no record of a run has")
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is no JSON: {error}; run again") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        found = record.get("format") if isinstance(record, dict) else type(record).__name__
        raise DataError(f"{file} has the format {found!r}; this reads {FORMAT!r}")
    return record


def read_kept(folder: str | Path, names: Iterable[str]) -> dict[str, Any]:
    """The record of a folder, once the files that are read from it are those that the run wrote.

    Args:
        folder: with its record.
        names: of files; those that are not in the folder are left out.

    Raises:
        DataError: there is no record, the run did not end, or a file is not the one it wrote.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "rows.jsonl").write_bytes(b"{}")
        >>> _ = write_run(folder, outputs=file_digests([folder / "rows.jsonl"]))
        >>> list(read_kept(folder, ["rows.jsonl"])["outputs"])
        ['rows.jsonl']
    """
    given = Path(folder)
    present = [name for name in names if (given / name).is_file()]
    if not (given / FILE_NAME).exists():
        held = f"{present[0]} and no {FILE_NAME}" if present else f"no {FILE_NAME}"
        raise DataError(f"{given} holds {held}, so it is not known what made it; run the command that writes it again")
    record = read_run(given)
    command = " ".join(map(str, record.get("command", ())[:2])) or "the command"
    if record.get("finished") is not True:
        raise DataError(f"{given}: the last run of `{command}` did not end, and its files may be mixed; run it again")
    written = record.get("outputs", {})
    for name in present:
        found = digest(given / name)
        if written.get(name) != found:
            raise DataError(
                f"{given / name} is not what `{command}` wrote: {FILE_NAME} has {written.get(name, 'no such file')}, "
                f"the file is {found}; run it again"
            )
    return record


def config_hash(config: BaseModel | Mapping[str, Any]) -> str:
    """The SHA-256 of a resolved configuration as canonical JSON; the order of keys does not matter.

    Raises:
        ValueError: a value is not plain.

    Example:
        >>> config_hash({"a": 1, "b": 2}) == config_hash({"b": 2, "a": 1})
        True
    """
    text = json.dumps(_resolved(config), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digests(paths: Iterable[str | Path]) -> dict[str, str]:
    """The SHA-256 of files, by their names.

    Args:
        paths: files; two of one name are told apart by their paths as given.

    Returns:
        Name -> ``sha256:`` and 64 hexadecimal digits.

    Raises:
        DataError: one cannot be read.

    Example:
        >>> list(file_digests([__file__]))
        ['runs.py']
    """
    given = [Path(path) for path in paths]
    return {name: digest(path) for name, path in zip(distinct_names(given), given, strict=True)}


def distinct_names(paths: Iterable[str | Path]) -> list[str]:
    """A name for each path: its last part, or the path as given where two end alike.

    Example:
        >>> distinct_names(["a/scored", "b/scored", "c"])
        ['a/scored', 'b/scored', 'c']
    """
    given = [Path(path) for path in paths]
    names = [path.name or path.absolute().name for path in given]
    return [path.as_posix() if names.count(name) > 1 else name for path, name in zip(given, names, strict=True)]


def library_versions(distributions: Iterable[str] | None = None) -> dict[str, str]:
    """The versions of libraries, sorted by name.

    Args:
        distributions: their names; by default those of `LIBRARIES` that are loaded in this process.

    Raises:
        DataError: one that was asked for by name is not installed.

    Example:
        >>> list(library_versions(["pydantic"]))
        ['pydantic']
    """
    if distributions is None:
        loaded = [distribution for module, distribution in LIBRARIES.items() if module in sys.modules]
    else:
        loaded = list(distributions)
    try:
        return {name: version(name) for name in sorted(loaded)}
    except PackageNotFoundError as error:
        raise DataError(f"{error.name} is not installed; name distributions that are") from None


def _resolved(config: BaseModel | Mapping[str, Any] | None) -> dict[str, Any] | None:
    if config is None:
        return None
    dump = getattr(config, "model_dump", None)
    return plain_mapping(dict(config) if dump is None else dump(mode="json"), where="config")
