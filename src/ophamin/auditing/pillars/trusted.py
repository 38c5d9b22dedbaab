# SPDX-License-Identifier: Apache-2.0
"""The configuration of a tool that whoever runs an audit trusts, out of a folder that they name.

Nothing else is looked for: a configuration inside the audited tree may name a plugin to be run, or switch every rule
off. A file is found by the names that the tool itself knows, in the tool's own order; it is not understood here, so
what it draws in from elsewhere (``extend`` of ruff) is not part of its digest.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["TrustedConfig", "TrustedConfigError", "find_trusted_config"]

_MOST_BYTES: Final = 2**20
_PYPROJECT: Final = "pyproject.toml"
_SETUP: Final = "setup.cfg"


class TrustedConfigError(OphaminError, ValueError):
    """A configuration that was named as trusted cannot be read."""


@dataclass(frozen=True, slots=True)
class TrustedConfig:
    """A configuration file.

    Attributes:
        path: absolute.
        digest: SHA-256 of its bytes, in hex.
    """

    path: Path
    digest: str


def find_trusted_config(folder: Path | None, tool: str, names: Sequence[str]) -> TrustedConfig | None:
    """The first file of a folder that configures a tool; None where none does.

    Args:
        folder: the trusted folder, or None.
        tool: the name of the tool's table, ``tool.NAME`` in ``pyproject.toml``, ``NAME`` in ``setup.cfg``; without it
            these two do not count.
        names: names of files, in the order of the tool.

    Raises:
        TrustedConfigError: a file is there and cannot be read, or has more than 1 MiB.

    Example:
        >>> find_trusted_config(None, "ruff", ["ruff.toml"]) is None
        True
    """
    if folder is None:
        return None
    for name in names:
        path = (folder / name).absolute()
        if not path.is_file():
            continue
        try:
            data = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else None
            if data is None:
                raise TrustedConfigError(f"{name} has more than {_MOST_BYTES} bytes; give a smaller configuration")
            if _configures(name, data.decode("utf-8"), tool):
                return TrustedConfig(path, sha256(data).hexdigest())
        except (OSError, ValueError, ConfigError) as error:
            if isinstance(error, TrustedConfigError):
                raise
            why = visible(f"{type(error).__name__}: {error}")[:200]
            raise TrustedConfigError(f"{name} of the trusted folder cannot be read ({why}); mend it") from None
    return None


def _configures(name: str, text: str, tool: str) -> bool:
    if name == _PYPROJECT:
        return isinstance(tomllib.loads(text).get("tool", {}).get(tool), dict)
    if name == _SETUP:
        parser = ConfigParser(interpolation=None)
        parser.read_string(text)
        return parser.has_section(tool)
    return True
