# SPDX-License-Identifier: Apache-2.0
"""Where a session's records lie: ``<dir>/<tier>/<scenario>/<id12>/``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ophamin.core.files import TEMPORARY_PREFIX, slug, write_atomic, write_folder

if TYPE_CHECKING:
    from ophamin.measuring.trial import Concluded

__all__ = ["RECORD_FILES", "RecordFolder"]

PROOF: Final = "proof.json"
MARKDOWN: Final = "PROOF.md"
OBSERVATIONS: Final = "observations.json.gz"
_ID: Final = re.compile(r"[0-9a-f]{12}")
ENVELOPE: Final = "proof.dsse.json"
RECORD_FILES: Final = frozenset({PROOF, MARKDOWN, OBSERVATIONS, ENVELOPE})


class RecordFolder:
    """Writes records below one folder, and clears away those of an earlier session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Make the folder, and remove the records an earlier session wrote there, and nothing else.

        Raises:
            OSError: the folder cannot be made or written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.folder / ".ophamin_writable", b"")
        (self.folder / ".ophamin_writable").unlink(missing_ok=True)
        for folder in sorted(self.folder.glob("*/*/*")):
            if (_ID.fullmatch(folder.name) or folder.name.startswith(TEMPORARY_PREFIX)) and folder.is_dir():
                self._remove(folder)

    def write(self, one: Concluded, envelope: bytes | None = None) -> Path:
        """Write one record; its folder appears with all its files, or not at all.

        Args:
            one: the concluded claim.
            envelope: the signed statement about it; None for an unsigned record.

        Returns:
            Path of ``proof.json``.

        Raises:
            RecordWriteError: a file could not be written.
        """
        metadata = one.plan.metadata
        folder = self.folder / slug(metadata.tier) / slug(metadata.name) / one.proof_id[:12]
        files = {
            PROOF: one.record.dumps().encode("ascii"),
            MARKDOWN: one.record.to_markdown().encode("utf-8"),
            OBSERVATIONS: one.observations,
        }
        if envelope is not None:
            files[ENVELOPE] = envelope
        write_folder(folder, files)
        return folder / PROOF

    def _remove(self, folder: Path) -> None:
        """Remove one record's files, then the folders that this leaves empty; links are not followed."""
        if any(part.is_symlink() for part in (folder, folder.parent, folder.parent.parent)):
            return
        for path in sorted(folder.iterdir()):
            if path.name in RECORD_FILES and not path.is_dir():
                path.unlink()
        for empty in (folder, folder.parent, folder.parent.parent):
            if any(empty.iterdir()):
                return
            empty.rmdir()
