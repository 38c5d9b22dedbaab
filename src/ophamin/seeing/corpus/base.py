# SPDX-License-Identifier: Apache-2.0
"""What a corpus is: records that can be streamed, counted, sampled, and addressed by their content.

Nothing here knows where records come from; the modules beside it do.
"""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from ophamin.core.plugins import Registry
from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError, OphaminError
from ophamin.protocols import DatasetConnector
from ophamin.seeing.corpus.cache import FactCache, SourceStamp, stamp_of_files

__all__ = [
    "CORPORA",
    "Corpus",
    "CorpusDataError",
    "CorpusRecord",
    "CorpusUnavailableError",
    "as_corpus",
    "reservoir",
]

T = TypeVar("T")

CORPORA: Final[Registry[Any]] = Registry(
    "corpus", DatasetConnector, "ophamin.corpora", key=lambda corpus: corpus.name, accepts_classes=True
)
"""Every corpus that is known by name."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class CorpusUnavailableError(OphaminError):
    """The records cannot be read here and now; the message says why, and what to do."""


class CorpusDataError(OphaminError, ValueError):
    """The source is there, but something in it is not what it should be; the message says where."""


class Corpus(ABC):
    """Base of a corpus. Constructing one never touches the disk.

    Args:
        root: file or folder that holds the source, for corpora that have one.

    Attributes:
        name: of the data, in records.
        kind: what its items are.
        source: where it comes from, in words.
        pinned: False for a corpus that lives, such as a history: it is named by the rule that selects it, and its
            digest tells what was there.
        needs_root: whether there is no corpus without a path.
    """

    name: str = "corpus"
    kind: str = "text"
    source: str = ""
    pinned: bool = True
    needs_root: ClassVar[bool] = False

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = None if root is None else Path(root)
        self._known: dict[str, tuple[str, Any]] = {}

    @abstractmethod
    def is_available(self) -> bool:
        """Whether the records can be read here and now."""

    @abstractmethod
    def records(self) -> Iterator[CorpusRecord]:
        """Stream every record, in the order of the source, without holding them all.

        Raises:
            CorpusUnavailableError: at the first step, where the source cannot be read.
            CorpusDataError: where something in the source is not what it should be.
        """

    @abstractmethod
    def _compute_content_hash(self) -> str:
        """SHA-256 in hex over what the corpus holds."""

    @abstractmethod
    def _compute_count(self) -> int:
        """How many records there are."""

    def why_unavailable(self) -> str:
        """Why the records cannot be read and what to do; called only where they cannot."""
        where = "" if self.root is None else f" at {self.root}"
        return f"its source cannot be read{where}; fetch it from {self.source or 'where it is published'} first"

    def require_available(self) -> None:
        """Do nothing where the records can be read.

        Raises:
            CorpusUnavailableError: with the reason and the way out.
        """
        if not self.is_available():
            raise CorpusUnavailableError(f"corpus {self.name!r}: {self.why_unavailable()}")

    def content_hash(self, *, fresh: bool = False) -> str:
        """SHA-256 in hex over what the corpus holds; computed again once the source was changed.

        Args:
            fresh: read the source whatever is kept about it.

        Raises:
            CorpusUnavailableError: the source cannot be read.
        """
        value: str = self._fact("content_hash", self._compute_content_hash, _is_digest, fresh=fresh)
        return value

    def count(self, *, fresh: bool = False) -> int:
        """How many records there are; counted again once the source was changed.

        Args:
            fresh: read the source whatever is kept about it.

        Raises:
            CorpusUnavailableError: the source cannot be read.
        """
        value: int = self._fact("count", self._compute_count, _is_count, fresh=fresh)
        return value

    def sample(self, n: int, seed: int = 0) -> list[CorpusRecord]:
        """A reservoir sample in one pass: every record is as likely as any other; the same seed, the same records.

        Args:
            n: how many, 1 at least; a smaller corpus gives all it has.
            seed: of ``random.Random``.

        Raises:
            ClaimError: ``n`` is below 1.
        """
        return reservoir(self.records(), n, seed)

    def chunks(self, size: int, limit: int | None = None) -> Iterator[list[CorpusRecord]]:
        """The records in lists of ``size``; only the last one may be shorter.

        Args:
            size: records per list, 1 at least.
            limit: records in all lists together; None for every record.

        Raises:
            ClaimError: ``size`` is below 1 or ``limit`` below 0.
        """
        if size < 1:
            raise ClaimError(f"size={size}; a chunk has at least 1 record")
        if limit is not None and limit < 0:
            raise ClaimError(f"limit={limit}; give 0 or more, or None for every record")
        return _chunks(islice(self.records(), limit), size)

    def selection(self) -> dict[str, Any]:
        """The rule that says what is selected, as plain JSON values and without any absolute path."""
        return {"name": self.name, "kind": self.kind}

    def _stamp(self) -> SourceStamp:
        """What the source looks like from outside; for a corpus without a file, always the same."""
        if self.root is None or not self.root.is_file():
            return SourceStamp("")
        return stamp_of_files([(self.root.name, self.root.stat())])

    def _cache_folder(self) -> Path | None:
        """Where facts may be kept; None keeps them in memory alone."""
        return self.root.parent if self.root is not None and self.root.is_file() else None

    def _fact(self, name: str, compute: Callable[[], Any], is_sound: Callable[[Any], bool], *, fresh: bool) -> Any:
        self.require_available()
        stamp = self._stamp()
        key, value = self._known.get(name, (None, None))
        if key == stamp.key and stamp.settled and not fresh:
            return value
        folder = self._cache_folder()
        cache = None if folder is None else FactCache(folder, self.name, self.selection())
        if cache is not None and stamp.settled and not fresh:
            value = cache.read(name, stamp)
            if is_sound(value):
                self._known[name] = stamp.key, value
                return value
        value = compute()
        if stamp.settled and self._stamp() == stamp:
            self._known[name] = stamp.key, value
            if cache is not None:
                cache.write(name, stamp, value)
        return value


def as_corpus(corpus: Any) -> Corpus:
    """The corpus itself, or a thin base around a plug-in that has the methods of one without inheriting them.

    Raises:
        ClaimError: a method is missing.
    """
    if isinstance(corpus, Corpus):
        return corpus
    if isinstance(corpus, DatasetConnector) and not isinstance(corpus, type):
        return _ConnectorCorpus(corpus)
    raise ClaimError(
        f"{corpus!r} is no corpus; give a name, kind:path, or an object with name, kind, source, is_available, "
        "records, content_hash and count"
    )


class _ConnectorCorpus(Corpus):
    """A plug-in that has the methods without inheriting them; it keeps its own facts."""

    def __init__(self, connector: DatasetConnector) -> None:
        super().__init__()
        self.name, self.kind, self.source = connector.name, connector.kind, connector.source
        self._connector = connector

    def is_available(self) -> bool:
        return self._connector.is_available()

    def records(self) -> Iterator[CorpusRecord]:
        return self._connector.records()

    def _compute_content_hash(self) -> str:
        return self._connector.content_hash()

    def _compute_count(self) -> int:
        return self._connector.count()


def reservoir(items: Iterable[T], n: int, seed: int = 0) -> list[T]:
    """A uniform sample of ``n`` items in one pass (algorithm R: Vitter 1985, doi:10.1145/3147.3165).

    Args:
        items: any number of them.
        n: size of the sample, 1 at least; fewer items are given back whole, in their order.
        seed: of ``random.Random``; one ``randint(0, i)`` is drawn per item from the item ``n`` on.

    Raises:
        ClaimError: ``n`` is below 1.

    Example:
        >>> reservoir(range(100), 3, seed=1)
        [36, 54, 6]
    """
    if n < 1:
        raise ClaimError(f"n={n}; a sample has at least 1 record")
    draw = random.Random(seed).randint  # noqa: S311 - a reproducible sample, no secret
    kept: list[T] = []
    for index, item in enumerate(items):
        if index < n:
            kept.append(item)
        elif (place := draw(0, index)) < n:
            kept[place] = item
    return kept


def _chunks(records: Iterator[CorpusRecord], size: int) -> Iterator[list[CorpusRecord]]:
    while chunk := list(islice(records, size)):
        yield chunk


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
