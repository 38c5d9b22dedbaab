# SPDX-License-Identifier: Apache-2.0
"""Short English sentences that ship with the package, to try things on; they stand for no population.

The sentences were written for this project. Each line of the file is one record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from importlib.resources import files

from ophamin.core.shapes import CorpusRecord
from ophamin.seeing.corpus.base import Corpus

__all__ = ["SentencesCorpus"]


class SentencesCorpus(Corpus):
    """Some sixty sentences of everyday life; ``root`` is taken and not used.

    Example:
        >>> next(SentencesCorpus().records())
        CorpusRecord(id='s01', text='The kettle clicks off before the bread is toasted.', metadata={'words': 9})
    """

    name = "sentences"
    kind = "text"
    source = "ships with ophamin"

    def is_available(self) -> bool:
        """Always: the file is part of the package."""
        return True

    def records(self) -> Iterator[CorpusRecord]:
        """Stream the sentences, ``s01`` first."""
        for number, sentence in enumerate(self._lines, 1):
            yield CorpusRecord(f"s{number:02d}", sentence, {"words": len(sentence.split())})

    def _compute_content_hash(self) -> str:
        return hashlib.sha256("\n".join(self._lines).encode("utf-8")).hexdigest()

    def _compute_count(self) -> int:
        return len(self._lines)

    @cached_property
    def _lines(self) -> list[str]:
        text = files(__package__).joinpath("sentences.txt").read_text(encoding="utf-8")
        return [line for line in text.splitlines() if line]
