# SPDX-License-Identifier: Apache-2.0
"""Facts about a corpus that are dear to compute, kept on disk until its source changes.

A kept fact is believed only while size, times and inode of the source are what they were. Whoever may write beside
the source may also write a wrong fact there: where that matters, ask for a fresh one.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import Any, Final, final

from ophamin.core import strictjson
from ophamin.core.canonical import canonical_bytes, content_hash
from ophamin.core.files import slug, write_atomic
from ophamin.errors import OphaminError

__all__ = ["FactCache", "SourceStamp", "stamp_of_files"]

_MAX_BYTES: Final = 4096
_SETTLE_NS: Final = 2_000_000_000
"""A file this young may change again without a change of its times, whose clock ticks are coarse."""


@dataclass(frozen=True, slots=True)
class SourceStamp:
    """What the source looked like from outside.

    Attributes:
        key: differs when the source was changed.
        settled: whether the key can be trusted to differ, or the source is too young for that.
    """

    key: str
    settled: bool = True


def stamp_of_files(files: list[tuple[str, os.stat_result]]) -> SourceStamp:
    """One stamp over files, each with its name and what `os.stat` says of it."""
    digest = hashlib.sha256()
    newest = 0
    for name, facts in files:
        line = f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\0{facts.st_ctime_ns}\0{facts.st_ino}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
        newest = max(newest, facts.st_mtime_ns, facts.st_ctime_ns)
    return SourceStamp(digest.hexdigest(), settled=time_ns() - newest > _SETTLE_NS)


@final
class FactCache:
    """Facts in small files beside the source, or in the user's cache folder where that cannot be written.

    Args:
        folder: where the source lies.
        name: the corpus, as it stands in the file names.
        rule: what of the source belongs to the corpus; facts under another rule are not believed.
    """

    def __init__(self, folder: Path, name: str, rule: dict[str, Any]) -> None:
        self._folder = folder
        self._slug = slug(name)
        self._rule = content_hash(rule)

    def read(self, fact: str, stamp: SourceStamp) -> Any:
        """The kept value, or None where there is none, it is old, or the file is not ours."""
        for path in (self._beside(fact), self._in_user_cache(fact)):
            try:
                kept = strictjson.load(path, max_bytes=_MAX_BYTES)
            except OphaminError:
                continue
            if isinstance(kept, dict) and kept.get("rule") == self._rule and kept.get("key") == stamp.key:
                return kept.get("value")
        return None

    def write(self, fact: str, stamp: SourceStamp, value: Any) -> None:
        """Keep a value; where no folder can be written nothing is kept, and nothing is wrong."""
        data = canonical_bytes({"key": stamp.key, "rule": self._rule, "value": value})
        for path in (self._beside(fact), self._in_user_cache(fact)):
            try:
                if path.parent != self._folder:
                    path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, data)
            except OSError:
                continue
            return

    def _beside(self, fact: str) -> Path:
        return self._folder / f".ophamin_{self._slug}_{fact}"

    def _in_user_cache(self, fact: str) -> Path:
        from platformdirs import user_cache_path

        place = hashlib.sha256(os.fsencode(self._folder.absolute())).hexdigest()[:16]
        return user_cache_path("ophamin", appauthor=False) / "corpora" / f"{place}_{self._slug}_{fact}"
