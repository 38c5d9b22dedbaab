# SPDX-License-Identifier: Apache-2.0
"""Where a session's records lie: ``<dir>/<tier>/<scenario>/<id12>/``, and ``<dir>/audit/<id12>/``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ophamin.core.files import TEMPORARY_PREFIX, slug, write_atomic, write_folder
from ophamin.trust.audits import AUDIT_ENVELOPE_NAME, AUDIT_NAME
from ophamin.trust.heads import retire_head

if TYPE_CHECKING:
    from ophamin.auditing.audit_record import AuditRecord
    from ophamin.measuring.trial import Concluded

__all__ = ["ENVELOPE", "PROOF", "RECORD_FILES", "TEST_RESULT", "RecordFolder"]

PROOF: Final = "proof.json"
MARKDOWN: Final = "PROOF.md"
OBSERVATIONS: Final = "observations.json.gz"
_ID: Final = re.compile(r"[0-9a-f]{12}")
ENVELOPE: Final = "proof.dsse.json"
TEST_RESULT: Final = "test-result.dsse.json"
AUDITS: Final = "audit"
AUDIT_MARKDOWN: Final = "AUDIT.md"
RECORD_FILES: Final = frozenset(
    {PROOF, MARKDOWN, OBSERVATIONS, ENVELOPE, TEST_RESULT, AUDIT_NAME, AUDIT_MARKDOWN, AUDIT_ENVELOPE_NAME}
)


class RecordFolder:
    """Writes records below one folder, and clears away those of an earlier session.

    Attributes:
        folder: where they lie.
        is_prepared: whether what lies there is of this session alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_prepared = False

    def prepare(self) -> None:
        """Make the folder, and remove the records an earlier session wrote there, and nothing else.

        The head of that session goes to the earlier heads, so that the chain goes on.

        Raises:
            OSError: the folder cannot be made or written.
            ChainError: the heads of earlier sessions cannot be read.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.folder / ".ophamin_writable", b"")
        (self.folder / ".ophamin_writable").unlink(missing_ok=True)
        retire_head(self.folder)
        for folder in sorted([*self.folder.glob("*/*/*"), *self.folder.glob(f"{AUDITS}/*")]):
            if (_ID.fullmatch(folder.name) or folder.name.startswith(TEMPORARY_PREFIX)) and folder.is_dir():
                self._remove(folder)
        self.is_prepared = True

    def write(self, one: Concluded, text: bytes, envelopes: Mapping[str, bytes]) -> Path:
        """Write one record; its folder appears with all its files, or not at all.

        Args:
            one: the concluded claim.
            text: its record, as ``proof.json`` holds it.
            envelopes: the signed statements about it, by their file names; none for an unsigned record.

        Returns:
            Path of ``proof.json``.

        Raises:
            RecordWriteError: a file could not be written.
        """
        metadata = one.plan.metadata
        folder = self.folder / slug(metadata.tier) / slug(metadata.name) / one.proof_id[:12]
        markdown = one.record.to_markdown().encode("utf-8")
        write_folder(folder, {PROOF: text, MARKDOWN: markdown, OBSERVATIONS: one.observations, **envelopes})
        return folder / PROOF

    def write_audit(self, audit: AuditRecord, text: bytes, envelopes: Mapping[str, bytes]) -> Path:
        """Write the record of an audit; see `write`.

        Args:
            audit: the record.
            text: it, as ``audit.json`` holds it.
            envelopes: see `write`.
        """
        folder = self.folder / AUDITS / audit.audit_id[:12]
        write_folder(folder, {AUDIT_NAME: text, AUDIT_MARKDOWN: audit.to_markdown().encode("utf-8"), **envelopes})
        return folder / AUDIT_NAME

    def _remove(self, folder: Path) -> None:
        """Remove one record's files, then the folders that this leaves empty; links are not followed."""
        above = (folder, *(part for part in folder.parents if part.is_relative_to(self.folder) and part != self.folder))
        if any(part.is_symlink() for part in above):
            return
        for path in sorted(folder.iterdir()):
            if path.name in RECORD_FILES and not path.is_dir():
                path.unlink()
        for empty in above:
            if any(empty.iterdir()):
                return
            empty.rmdir()
