# SPDX-License-Identifier: Apache-2.0
"""Bandit's reports on files, kept from one run to the next.

Bandit has no cache of its own, and its rules look at one file at a time, so a report holds as long as the file, the
rules and the configuration stay what they are. One pack holds the reports of one audited tree, whole or not at all; a
run replaces it by what it saw, so that it never outgrows the tree. A pack says nothing of severities of ours, which
are looked up anew on every run.

A pack carries an HMAC-SHA256 under a key that lies outside the folder of the cache. A pack that was restored from
another machine, copied from another tree or changed on disk is therefore not believed, and everything is computed
anew. Whoever can read the key, which is everything that runs as the user, can forge one: a verdict that has to hold
against the code that it judges is made without a cache.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ophamin.auditing.pillars.bandit_output import FileReport, Issue
from ophamin.auditing.regular_files import read_regular
from ophamin.core.canonical import canonical_bytes, content_hash
from ophamin.core.files import TEMPORARY_PREFIX, write_atomic
from ophamin.errors import RecordWriteError

__all__ = ["MAX_PACKS", "MAX_PACK_BYTES", "BanditCache", "cache_key_file", "entry_key"]

MAX_PACK_BYTES: Final = 32 * 2**20
"""A larger pack is neither written nor read."""

MAX_PACKS: Final = 16
"""How many trees are remembered; the pack that was written longest ago goes first."""

_FORMAT: Final = "ophamin.bandit-cache.v1"
_KEY_BYTES: Final = 32
_SUFFIX: Final = ".pack"
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def cache_key_file() -> Path:
    """Where the key of this user's caches lies: with the user's other state, never in the cache's own folder."""
    from platformdirs import user_state_path

    return user_state_path("ophamin", appauthor=False) / "audit-cache.key"


def entry_key(tool: str, path: str, file_sha256: str) -> str:
    """What a report is kept under.

    Args:
        tool: identity of the tool: its version, its rules and its configuration.
        path: the file, relative to the tree.
        file_sha256: hex digest of its bytes.

    Example:
        >>> entry_key("bandit 1.9.4", "a.py", "00") == entry_key("bandit 1.9.5", "a.py", "00")
        False
    """
    return content_hash([tool, path, file_sha256])


@dataclass(frozen=True, slots=True)
class BanditCache:
    """The pack of one audited tree.

    Attributes:
        folder: where packs lie; made where it is missing.
        target: the audited tree, an absolute path; it is part of what is signed.
        key_file: where the key lies, made with mode 0600 where it is missing.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp())
        >>> cache = BanditCache(place / "cache", "/tree", place / "key")
        >>> cache.store({"k": FileReport(suppressed=1)})
        >>> cache.load()
        {'k': FileReport(issues=(), suppressed=1, problem='')}
    """

    folder: Path
    target: str
    key_file: Path

    def load(self) -> dict[str, FileReport]:
        """The reports that are kept; none where there is no pack, or one that is not believed."""
        with suppress(OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            seal, _, body = read_regular(self._pack, MAX_PACK_BYTES).partition(b"\n")
            if hmac.compare_digest(seal, self._seal(body)):
                return {key: _report(entry) for key, entry in json.loads(body).items()}
        return {}

    def store(self, reports: Mapping[str, FileReport]) -> None:
        """Keep these reports and no others; where nothing can be written nothing is kept, and nothing is wrong.

        Args:
            reports: key of `entry_key` to report.
        """
        body = canonical_bytes({key: asdict(report) for key, report in reports.items()})
        if len(body) > MAX_PACK_BYTES - 2 * _KEY_BYTES - 1:
            return
        with suppress(OSError, RecordWriteError):
            write_atomic(self._pack, self._seal(body) + b"\n" + body)
            _forget_oldest(self._pack)

    @property
    def _pack(self) -> Path:
        name = hashlib.sha256(os.fsencode(self.target)).hexdigest()[:32]
        return self.folder / f"{name}{_SUFFIX}"

    def _seal(self, body: bytes) -> bytes:
        signed = b"\0".join([_FORMAT.encode(), os.fsencode(self.target), body])
        return hmac.digest(_own_key(self.key_file), signed, "sha256").hex().encode("ascii")


def _report(entry: Any) -> FileReport:
    return FileReport(**{**entry, "issues": tuple(Issue(**issue) for issue in entry["issues"])})


def _own_key(file: Path) -> bytes:
    """The key, made where there is none.

    Raises:
        OSError: it cannot be read or made, or others can read it.
    """
    if not os.path.lexists(file):
        _make_key(file)
    key = read_regular(file, _KEY_BYTES, private=True)
    if len(key) != _KEY_BYTES:
        raise OSError(f"{file.name} holds {len(key)} bytes, not {_KEY_BYTES}")
    return key


def _make_key(file: Path) -> None:
    """Write a new key, which appears whole and never over another one."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = file.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}")
    descriptor = os.open(temporary, _CREATE, 0o600)
    try:
        with open(descriptor, "wb") as handle:  # noqa: PTH123 - a descriptor, not a path
            handle.write(secrets.token_bytes(_KEY_BYTES))
        with suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _forget_oldest(newest: Path) -> None:
    packs = sorted(newest.parent.glob(f"*{_SUFFIX}"), key=lambda pack: pack.lstat().st_mtime, reverse=True)
    for pack in packs[MAX_PACKS:]:
        pack.unlink(missing_ok=True)
