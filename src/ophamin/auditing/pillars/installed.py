# SPDX-License-Identifier: Apache-2.0
"""What is known of a tool without starting it, where it is installed beside the running interpreter.

Starting a tool that is written in Python takes from 0.2 to 0.9 s, which is most of what a warm audit may take.
"""

from __future__ import annotations

import sysconfig
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

__all__ = ["installed_version", "plugins"]


def installed_version(binary: Path, distribution: str) -> str:
    """The version of a distribution, where ``binary`` is a script of this interpreter's environment; else empty.

    >>> installed_version(Path("/somewhere/else/bandit"), "bandit")
    ''
    """
    if binary.parent != Path(sysconfig.get_path("scripts")):
        return ""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def plugins(*groups: str) -> list[list[str]]:
    """What is installed in some groups of entry points: group, name, value, distribution, version; in order.

    >>> plugins("no.such.group")
    []
    """
    return sorted(
        [
            group,
            point.name,
            point.value,
            point.dist.name if point.dist else "",
            point.dist.version if point.dist else "",
        ]
        for group in groups
        for point in entry_points(group=group)
    )
