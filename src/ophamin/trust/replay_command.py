# SPDX-License-Identifier: Apache-2.0
"""The command in a record, read as what it has to be: one item of pytest, with the options that fixed its trial.

A record is foreign text, and its command is never given to a shell. It is taken apart, held against the one form that
ophamin writes, and only its parts are used. Commands of other tools are refused, whatever they would do.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["ForeignCommandError", "PytestCommand", "read_command"]

MAX_CHARACTERS: Final = 8192

_START: Final = ("python", "-m", "pytest", "--ophamin")
_SEED: Final = re.compile(r"--ophamin-seed=\d{1,15}(?:\.[1-9]\d{0,4})?")
_SUBSTRATE: Final = re.compile(r"--substrate=[A-Za-z0-9_.-]{1,64}(?::[^\x00-\x1f\x7f]{0,1024})?")


class ForeignCommandError(OphaminError, ValueError):
    """The command of a record is not one of ours, and is not run."""


@dataclass(frozen=True, slots=True)
class PytestCommand:
    """A command of our own form.

    Attributes:
        item: the node id: a Python file below the project's root, then names after ``::``.
        options: ``--substrate=`` and ``--ophamin-seed=``, in the order of the record.
    """

    item: str
    options: tuple[str, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        """What comes after ``python -m pytest``."""
        return ("--ophamin", self.item, *self.options)


def read_command(text: str) -> PytestCommand:
    """Read the command of a record.

    Raises:
        ForeignCommandError: it is of any other form than ``python -m pytest --ophamin FILE.py::NAME`` with the options
            that a session writes into a record.

    Example:
        >>> read_command("python -m pytest --ophamin tests/test_a.py::test_b --ophamin-seed=0").item
        'tests/test_a.py::test_b'
        >>> read_command("python -m pytest --ophamin test_a.py::test_b; rm -rf ~")
        Traceback (most recent call last):
        ...
        ophamin.trust.replay_command.ForeignCommandError: the record's command is none that a session of pytest ...
    """
    if len(text) > MAX_CHARACTERS:
        _refuse(f"it has {len(text)} characters; the limit is {MAX_CHARACTERS}")
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        _refuse(f"{error}")
    if words[: len(_START)] != _START or len(words) == len(_START):
        _refuse(f"it begins with {' '.join(words[:4])[:60]!r}, not with {' '.join(_START)!r}")
    item, *options = words[len(_START) :]
    _require_item(item)
    for option in options:
        if not (_SEED.fullmatch(option) or _SUBSTRATE.fullmatch(option)):
            _refuse(f"{option[:60]!r} is neither --substrate=NAME nor --ophamin-seed=NUMBER")
    return PytestCommand(item, tuple(options))


def _require_item(item: str) -> None:
    """A node id below the root; not an option, and not the name of a file of arguments."""
    file, separator, names = item.partition("::")
    path = PurePosixPath(file)
    if not separator or not names or any(ord(char) < 32 or ord(char) == 127 for char in item):
        _refuse(f"{item[:60]!r} names no test; a node id is FILE.py::NAME")
    if path.suffix != ".py" or path.is_absolute() or ".." in path.parts or file.startswith(("-", "@")) or "\\" in file:
        _refuse(f"{file[:60]!r} is no Python file below the project's root")


def _refuse(problem: str) -> None:
    raise ForeignCommandError(
        f"the record's command is none that a session of pytest writes: {visible(problem)}; "
        "read it in the record, and run it by hand if you trust it"
    )
