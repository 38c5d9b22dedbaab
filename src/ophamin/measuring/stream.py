# SPDX-License-Identifier: Apache-2.0
"""The records of a corpus in the order a plan declares, with the digest of those that were used."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator
from heapq import nsmallest
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from ophamin.errors import ClaimError

if TYPE_CHECKING:
    from ophamin.core.shapes import CorpusRecord
    from ophamin.measuring.settings import Settings
    from ophamin.seeing.corpus.base import Corpus

__all__ = ["MAX_SHUFFLED", "Stream"]

MAX_SHUFFLED = 200_000
"""Most records that are held in memory to be shuffled; above it a budget must be declared, which is sampled."""


class Stream:
    """Iterates the records of a trial; ``chunks(k)`` gives them in lists.

    The order is random and seeded, unless the plan declares ``order="file"``. With a limit the stream is a uniform
    sample of that many records, taken in one pass: the first of the order that all would have, so that a larger limit
    goes on where a smaller one ended. It ends early once the verdict is decided.

    Args:
        corpus: where the records come from.
        settings: order and time limit.
        seed: of the order; the same seed gives the same order.
        limit: most records of the order that are given; None for all.
        skip: records at the beginning of the order that an earlier attempt has used.
        decided: asked before each record; where it says so, the stream ends.
        clock: seconds, for the time limit.

    Attributes:
        used: records given so far.
        ended: there is no further record, by the corpus or by the limit.
        timed_out: there were further records when the time was up.
        current: the record that the loop stands at; None between records and in chunks.
        kept: the records given, where a score or a pillar reads them.
    """

    def __init__(
        self,
        corpus: Corpus,
        settings: Settings,
        *,
        seed: int,
        limit: int | None = None,
        skip: int = 0,
        decided: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.corpus = corpus
        self.limit = limit
        self.skip = skip
        self.used = 0
        self.ended = False
        self.timed_out = False
        self.current: CorpusRecord | None = None
        self.kept: list[CorpusRecord] | None = None
        self._settings = settings
        self._seed = seed
        self._decided = decided
        self._clock = clock
        self._digest = hashlib.sha256()
        self._records: Iterator[CorpusRecord] | None = None
        self._started = 0.0

    def place(self, *, seed: int, limit: int | None, skip: int) -> None:
        """Change where the order begins and ends, before the first record is taken."""
        self._seed, self.limit, self.skip = seed, limit, skip

    def __iter__(self) -> Iterator[CorpusRecord]:
        """Go on where the stream stands; a second loop does not start again."""
        if self._records is None:
            self._started = self._clock()
            self._records = self._ordered()
        limit = self._settings.max_seconds
        while not self.timed_out:
            self.current = None
            if self._decided():
                return
            record = next(self._records, None)
            if record is None:
                self.ended = True
                return
            if limit is not None and self._clock() - self._started >= limit:
                self.timed_out = True
                return
            self._use(record)
            self.current = record
            yield record

    def chunks(self, size: int) -> Iterator[list[CorpusRecord]]:
        """The same records in lists of at most ``size``."""
        if size < 1:
            raise ClaimError(f"a chunk holds at least one record, got {size}")
        records = iter(self)
        while chunk := list(islice(records, size)):
            self.current = None  # an observation on a chunk belongs to no single record
            yield chunk

    def take(self, records: Iterable[CorpusRecord]) -> None:
        """Count records that a test chose itself as used, in their order."""
        for record in records:
            self._use(record)

    def used_digest(self) -> str:
        """SHA-256 in hex over the digests of the records used, in their order."""
        return self._digest.hexdigest()

    def _use(self, record: CorpusRecord) -> None:
        self.used += 1
        self._digest.update(bytes.fromhex(record.digest))
        if self.kept is not None:
            self.kept.append(record)

    def _ordered(self) -> Iterator[CorpusRecord]:
        self.corpus.require_available()
        if self._settings.order == "file":
            return islice(self.corpus.records(), self.skip, self.limit)
        if self.limit is None:
            count = self.corpus.count()
            if count > MAX_SHUFFLED:
                raise ClaimError(
                    f"{self.corpus.name} has {count} records; at most {MAX_SHUFFLED} are shuffled in memory; "
                    "declare budget= to sample, or order='file'"
                )
        # Each record draws its place; the smallest ones are a uniform sample and its order at once.
        rng = random.Random(f"{self._seed}:order")  # noqa: S311 - a reproducible order, not a secret
        placed = ((rng.random(), row, record) for row, record in enumerate(self.corpus.records()))
        place = itemgetter(0, 1)
        ordered = sorted(placed, key=place) if self.limit is None else nsmallest(self.limit, placed, key=place)
        return (record for _, _, record in ordered[self.skip :])
