# SPDX-License-Identifier: Apache-2.0
"""The project's settings, read once at the door of the command line: its pytest ini file.

Root and file are found as pytest finds them when it is started without arguments. What the command line of pytest may
say (``-c``, ``--rootdir``, ``-o``, ``addopts``) is not looked at, and nothing is kept between calls.
"""

from __future__ import annotations

import configparser
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ophamin.errors import OphaminError

__all__ = ["SettingsError", "project_root", "records_folder", "search_paths", "search_patterns"]

DEFAULT_FOLDER = "proofs/latest"
DEFAULT_PATTERNS = ("test_*.py", "*_test.py")
INI_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
"""In pytest's order; the first four configure even when they are empty, the others only where they speak of pytest."""


class SettingsError(OphaminError, ValueError):
    """The project's ini file cannot be read, or a value in it cannot be used."""


def project_root(start: Path) -> Path:
    """The nearest folder upwards that pytest takes its settings from, or ``start`` itself.

    Where no file speaks of pytest that is the nearest one with a ``pyproject.toml``, then with a ``setup.py``.

    Raises:
        SettingsError: a file on the way is no valid TOML or INI.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp()).resolve()
        >>> (root / "pytest.ini").touch()
        >>> (root / "scenarios").mkdir()
        >>> project_root(root / "scenarios") == root
        True
    """
    folder = start.resolve()
    upwards = (folder, *folder.parents)
    for one in upwards:
        if _section(one) is not None:
            return one
    signs = ("pyproject.toml", "setup.py")
    return next((one for sign in signs for one in upwards if (one / sign).is_file()), folder)


def records_folder(root: Path) -> Path:
    """Where the project's records are written: ``ophamin_dir`` of its ini, or ``proofs/latest``.

    Raises:
        SettingsError: the ini file is no valid TOML or INI, or the value is no text.
    """
    given = (_section(root) or {}).get("ophamin_dir", DEFAULT_FOLDER)
    if not isinstance(given, str):
        raise SettingsError(f"ophamin_dir is {given!r}; it is one folder, written as text, such as {DEFAULT_FOLDER!r}")
    return root / given


def search_paths(root: Path) -> tuple[Path, ...]:
    """Where the project's tests lie: what its ``testpaths`` name and is there; empty where it has none.

    Raises:
        SettingsError: the ini file is no valid TOML or INI, or the value is no list of paths.
    """
    return tuple(path for pattern in _words(root, "testpaths") for path in _matching(root, pattern))


def search_patterns(root: Path) -> tuple[str, ...]:
    """Which files hold tests: ``python_files`` of the ini, or pytest's own default.

    Raises:
        SettingsError: the ini file is no valid TOML or INI, or the value is no list of patterns.

    Example:
        >>> import tempfile
        >>> search_patterns(Path(tempfile.mkdtemp()))
        ('test_*.py', '*_test.py')
    """
    return _words(root, "python_files") or DEFAULT_PATTERNS


def _words(root: Path, name: str) -> tuple[str, ...]:
    """A setting that is a list, or text split as a shell would."""
    given = (_section(root) or {}).get(name, [])
    try:
        words = shlex.split(given) if isinstance(given, str) else given
    except ValueError as error:
        raise SettingsError(f"{name} is {given!r}: {error}; close the quotation") from error
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise SettingsError(f"{name} is {given!r}; it is a list of texts")
    return tuple(words)


def _matching(root: Path, pattern: str) -> Iterator[Path]:
    """What a path or pattern of ``testpaths`` names, seen from the root."""
    import glob

    # Not Path.glob: it refuses absolute patterns and those with "..", which testpaths may hold.
    for found in sorted(glob.iglob(pattern, root_dir=root, recursive=True)):  # noqa: PTH207 - see above
        yield root / found


def _section(folder: Path) -> dict[str, Any] | None:
    """The settings that pytest reads in this folder, of the first file that configures it; None without one."""
    for name in INI_FILES:
        path = folder / name
        if path.is_file():
            section = _read(path)
            if section is not None:
                return section
    return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            return _of_toml(path.name, tomllib.loads(text))
        # No section may lend its values to the others, as [DEFAULT] does in Python's own dialect and not in pytest's.
        parser = configparser.ConfigParser(interpolation=None, default_section="")
        parser.read_string(text, source=path.name)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, configparser.Error, RecursionError) as error:
        problem = " ".join(str(error).split())  # configparser writes several lines
        message = f"{path}: cannot be read: {problem}; mend it, or name the folder on the command line"
        raise SettingsError(message) from error
    name = "tool:pytest" if path.name == "setup.cfg" else "pytest"
    if parser.has_section(name):
        return dict(parser[name])
    return {} if path.name.endswith("pytest.ini") else None


def _of_toml(name: str, document: Mapping[str, Any]) -> dict[str, Any] | None:
    if name != "pyproject.toml":
        return dict(_table(document, "pytest"))
    native = dict(_table(_table(document, "tool"), "pytest"))
    ini = native.pop("ini_options", None)
    return native or (dict(ini) if isinstance(ini, dict) else None)


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table of a document, empty where something else stands in its place."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}
