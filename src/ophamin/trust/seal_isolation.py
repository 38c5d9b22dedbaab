# SPDX-License-Identifier: Apache-2.0
"""Whether this process could load code of the project whose records it is about to sign.

What signs must run none of the project's code, or that code could take the key. The command ``ophamin`` puts no folder
of the project on the module path; ``PYTHONPATH=.``, ``python -m`` in the work tree and an editable installation of the
project do. It is a check against mistakes of a workflow: code that is loaded already can pass any check.
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Sequence
from pathlib import Path

import ophamin
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["ProjectCodeError", "project_entries", "require_isolation"]


class ProjectCodeError(OphaminError, RuntimeError):
    """A folder of the project is on the module path."""


def require_isolation(*projects: Path) -> None:
    """Refuse to go on where a module of the project could be imported by this process.

    Args:
        projects: the project's folder, and that of its records.

    Raises:
        ProjectCodeError: the message names the folder and the way out.

    Example:
        >>> import tempfile
        >>> require_isolation(Path(tempfile.mkdtemp()))
    """
    for project in projects:
        for entry in project_entries(project, sys.path):
            raise ProjectCodeError(
                f"{visible(entry) or 'the current folder'} is on the module path, so code of the project could run "
                "where the key is; install ophamin alone, unset PYTHONPATH, and start it as ophamin seal"
            )


def project_entries(project: Path, path: Sequence[str]) -> list[str]:
    """Entries of a module path from which files of a project could be imported.

    Args:
        project: the folder.
        path: as ``sys.path``; the empty entry is the current folder.

    Returns:
        Entries that are the folder or lie in it; not those of an interpreter or virtual environment that lies in it
        too, and not the place that ophamin itself is loaded from.

    Example:
        >>> project_entries(Path("/srv/shop"), ["/srv/shop/src", "/usr/lib/python3.11"])
        ['/srv/shop/src']
    """
    top = Path(os.path.realpath(project))
    own = Path(os.path.realpath(Path(ophamin.__file__).parents[1]))
    installed = [one for one in _installations() if one.is_relative_to(top) and one != top]
    found = []
    for entry in path:
        folder = Path(os.path.realpath(entry or Path.cwd()))
        is_installed = folder == own or any(folder.is_relative_to(one) for one in installed)
        if folder.is_relative_to(top) and not is_installed:
            found.append(entry)
    return found


def _installations() -> list[Path]:
    places = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, site.getusersitepackages()}
    return [Path(os.path.realpath(place)) for place in places]
