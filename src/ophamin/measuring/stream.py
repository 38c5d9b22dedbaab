# SPDX-License-Identifier: Apache-2.0
"""The records of a corpus in the order a plan declares, with the digest of those that were used."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from ophamin.errors import ClaimError

if TYPE_CHECKING:
    from ophamin.core.shapes import CorpusRecord
    from ophamin.measuring.plan import Settings
    from ophamin.seeing.corpus.base import Corpus

__all__ = ["MAX_SHUFFLED", "Stream"]

MAX_SHUFFLED = 200_000
"""Most records that are held in memory to be shuffled; above it a budget must be declared, which is sampled."""


class Stream:
    """Iterates the records of a trial; ``chunks(k)`` gives them in lists.

    The order is random and seeded, unless the plan declares ``order="file"``. With a budget the stream is a uniform
    sample of that many records, taken in one pass.

    Args:
        corpus: where the records come from.
        settings: budget, order and time limit.
        seed: of the order; the same seed gives the same order.
        clock: seconds, for the time limit.

    Attributes:
        used: records given so far.
        ended: there is no further record, by the corpus or by the budget.
        timed_out: there were further records when the time was up.
        current: the record that the loop stands at; None between records and in chunks.
        kept: the records given, where a score or a pillar reads them.
    """

    def __init__(
        self, corpus: Corpus, settings: Settings, *, seed: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.corpus = corpus
        self.used = 0
        self.ended = False
        self.timed_out = False
        self.current: CorpusRecord | None = None
        self.kept: list[CorpusRecord] | None = None
        self._settings = settings
        self._seed = seed
        self._clock = clock
        self._digest = hashlib.sha256()
        self._records: Iterator[CorpusRecord] | None = None
        self._started = 0.0

    def __iter__(self) -> Iterator[CorpusRecord]:
        """Go on where the stream stands; a second loop does not start again."""
        if self._records is None:
            self._started = self._clock()
            self._records = self._ordered()
        limit = self._settings.max_seconds
        while not self.timed_out:
            record = next(self._records, None)
            self.current = None
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
        budget, order = self._settings.budget, self._settings.order
        if order == "file":
            return islice(self.corpus.records(), budget)
        if budget is None:
            count = self.corpus.count()
            if count > MAX_SHUFFLED:
                raise ClaimError(
                    f"{self.corpus.name} has {count} records; at most {MAX_SHUFFLED} are shuffled in memory; "
                    "declare budget= to sample, or order='file'"
                )
            records = list(self.corpus.records())
        else:
            records = self.corpus.sample(budget, seed=self._seed)
        # A seed of its own: with that of the sample, which records came in would sway where they stand.
        random.Random(f"{self._seed}:order").shuffle(records)  # noqa: S311 - a reproducible order, not a secret
        return iter(records)
