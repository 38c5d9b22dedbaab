# SPDX-License-Identifier: Apache-2.0
"""Which files of a run are to be sealed: found below one folder, without following a link, and not without end.

The folder comes out of a process that ran a project's code, so anything may lie in it. What has none of the names of a
run's files is left alone, and is not sealed. Nothing is read here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.trust.audits import AUDIT_ENVELOPE_NAME, AUDIT_NAME
from ophamin.trust.statements import PROOF_NAME

__all__ = ["MAX_DEPTH", "MAX_ENTRIES", "Refused", "RunFiles", "RunFolderError", "run_files"]

MAX_ENTRIES: Final = 200_000
"""Most files and folders that are looked at; a run of 10,000 records has about 60,000."""
MAX_DEPTH: Final = 8
"""Records lie three folders deep."""

_ENVELOPES: Final = {"proof.dsse.json": PROOF_NAME, AUDIT_ENVELOPE_NAME: AUDIT_NAME}


class RunFolderError(OphaminError, ValueError):
    """The folder is none, or holds more than any run leaves."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something in the folder that no run leaves there.

    Attributes:
        path: where.
        words: what it is, and the way out.
    """

    path: Path
    words: str


@dataclass(frozen=True, slots=True)
class RunFiles:
    """What is to be sealed, in the order of the paths.

    Attributes:
        folder: of the run.
        proofs: paths of records; also where only the envelope of one is there, so that its loss is seen.
        audits: the same of audits.
        refused: links, and what is neither file nor folder.
    """

    folder: Path
    proofs: tuple[Path, ...]
    audits: tuple[Path, ...]
    refused: tuple[Refused, ...]


def run_files(folder: Path) -> RunFiles:
    """The files of a run.

    Raises:
        RunFolderError: there is no such folder, it is a link, or it has more than `MAX_ENTRIES` entries or `MAX_DEPTH`
            levels.
        OSError: it cannot be listed.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> record = root / "scientific" / "a" / "80d5b9f33fba"
        >>> record.mkdir(parents=True)
        >>> (record / "proof.json").touch()
        >>> (root / "audit.json").symlink_to("/etc/hostname")
        >>> found = run_files(root)
        >>> len(found.proofs), [one.path.name for one in found.refused]
        (1, ['audit.json'])
    """
    if folder.is_symlink() or not folder.is_dir():
        kind = "a link" if folder.is_symlink() else "no folder"
        raise RunFolderError(f"{visible(str(folder))} is {kind}; give the folder that the records were written to")
    found: dict[str, set[Path]] = {PROOF_NAME: set(), AUDIT_NAME: set()}
    refused = []
    for number, (path, problem) in enumerate(_walk(folder, 1)):
        if number >= MAX_ENTRIES:
            raise RunFolderError(
                f"{visible(str(folder))} has more than {MAX_ENTRIES} entries; no run leaves so many, seal them apart"
            )
        if problem:
            refused.append(Refused(path, problem))
            continue
        name = _ENVELOPES.get(path.name, path.name)
        if name in found:
            found[name].add(path.with_name(name))
    return RunFiles(
        folder,
        tuple(sorted(found[PROOF_NAME])),
        tuple(sorted(found[AUDIT_NAME])),
        tuple(sorted(refused, key=lambda one: one.path)),
    )


def _walk(folder: Path, depth: int) -> Iterator[tuple[Path, str]]:
    """Every entry below a folder, with what is wrong with it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.is_symlink():
                yield path, "a link, and a run leaves none; put the file itself there"
            elif entry.is_dir(follow_symlinks=False):
                yield path, ""
                if depth == MAX_DEPTH:
                    raise RunFolderError(
                        f"{visible(str(path))} lies deeper than {MAX_DEPTH} folders; give the folder of one run"
                    )
                yield from _walk(path, depth + 1)
            elif entry.is_file(follow_symlinks=False):
                yield path, ""
            else:
                yield path, "a pipe, socket or device, and a run leaves none; remove it"
