# SPDX-License-Identifier: Apache-2.0
"""The audited tree as mypy sees it from an empty folder: below a link, under paths that say nothing of the machine.

Modules are named as from the top of the tree or from its ``src``. A folder that is itself a package is seen as part of
the whole package, so that its relative imports are found; what else lies beside the package is not seen.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Self

from ophamin.auditing.listing import PYTHON_SUFFIXES

__all__ = ["TREE", "MypyView"]

TREE: Final = "tree"
"""The first part of every path inside the tree, as mypy knows it."""


@dataclass(frozen=True, slots=True)
class MypyView:
    """Where the tree is linked to, and how its files and modules are called.

    Attributes:
        root: the audited folder.
        linked: the folder behind the link: the audited one, or the whole package that it is part of.
        link: where the link stands, relative to the working folder.
        prefix: what goes before the name of a listed file.
        bases: where modules begin, as in ``MYPYPATH``.

    Example:
        >>> view = MypyView.of(Path("/no/such/tree"))
        >>> view.path("a.py"), view.name("tree/a.py"), view.bases
        ('tree/a.py', 'a.py', 'tree/src:tree')
    """

    root: Path
    linked: Path
    link: str
    prefix: str
    bases: str

    @classmethod
    def of(cls, root: Path) -> Self:
        """The view of a folder.

        Args:
            root: absolute, without links.
        """
        package = root
        while _is_package(package) and _is_package(package.parent):
            package = package.parent
        if _is_package(package) and package.name.isidentifier():
            inside = root.relative_to(package.parent).as_posix()
            return cls(root, package, f"{TREE}/{package.name}", f"{TREE}/{inside}/", TREE)
        source = "" if _is_package(root / "src") else f"{TREE}/src{os.pathsep}"
        return cls(root, root, TREE, f"{TREE}/", f"{source}{TREE}")

    def link_into(self, cwd: Path) -> None:
        """Link the tree into a working folder."""
        link = cwd / self.link
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(self.linked, target_is_directory=True)

    def path(self, name: str) -> str:
        """The path of a listed file."""
        return f"{self.prefix}{name}"

    def name(self, path: str) -> str:
        """The name of a file as listed, out of the path that mypy knows it by; another path stays as it is."""
        return path.removeprefix(self.prefix)

    def has_module(self, name: str) -> bool:
        """Whether mypy can name the module of a listed file.

        It stops over a package whose name is no identifier. A folder without ``__init__`` may be called anything, since
        modules begin anew below it.
        """
        for folder in PurePosixPath(name).parents:
            if folder.as_posix() in {".", "src"}:
                break
            if not folder.name.removesuffix("-stubs").isidentifier():
                return not _is_package(self.root / folder)
        return True


def _is_package(folder: Path) -> bool:
    return any((folder / f"__init__{suffix}").is_file() for suffix in PYTHON_SUFFIXES)
