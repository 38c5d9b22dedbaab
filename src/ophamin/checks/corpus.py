# SPDX-License-Identifier: Apache-2.0
"""The promises of a corpus, tried: the same records each time, counted, named by their content, sampled by a seed.

What the records say is not tried here.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from ophamin.checks.report import Check, CheckReport, NotTriedError, examine, name_of, raised, shown
from ophamin.core.canonical import canonical_bytes
from ophamin.core.plugins import missing_members
from ophamin.core.shapes import CorpusRecord
from ophamin.core.text import visible
from ophamin.errors import ClaimError
from ophamin.protocols import DatasetConnector

__all__ = ["check_corpus"]

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SEED: Final = 7


@dataclass(frozen=True)
class _Subject:
    """A corpus and how it is tried."""

    corpus: Any
    changed: Any
    missing: Any
    limit: int

    @cached_property
    def first(self) -> list[Any]:
        """The first records, as they were read at first."""
        return self.read()

    def read(self) -> list[Any]:
        """The first records, read anew."""
        return list(islice(self.corpus.records(), self.limit))

    @property
    def is_whole(self) -> bool:
        """Whether the first records are all there are."""
        return len(self.first) < self.limit

    def own(self, method: str) -> Any:
        """A method beyond the contract.

        Raises:
            NotTriedError: the corpus has none of its own.
        """
        found = getattr(self.corpus, method, None)
        if found is None:
            raise NotTriedError(f"it has no {method}(); a trial uses the general one")
        return found


def check_corpus(corpus: Any, *, changed: Any = None, missing: Any = None, limit: int = 1000) -> CheckReport:
    """Try what a corpus promises.

    Count and content hash are asked of the whole corpus, and a sample reads it through; give a small one.

    Args:
        corpus: the corpus; its records can be read here and now.
        changed: the same kind of corpus over other content, to see that its hash is another one.
        missing: the same kind of corpus whose source is not there, to see that it says so.
        limit: records that are looked at, 2 at least; of a longer corpus the first ones.

    Raises:
        ClaimError: ``limit`` is below 2.

    Example:
        A test of one's own corpus::

            def test_it_keeps_the_promises_of_a_corpus(tmp_path):
                check_corpus(MyCorpus(FOLDER), missing=MyCorpus(tmp_path / "nowhere")).raise_if_failed()

        >>> from ophamin.seeing.corpus.sentences import SentencesCorpus
        >>> check_corpus(SentencesCorpus()).passed
        True
    """
    if limit < 2:
        raise ClaimError(f"limit={limit}; give 2 or more")
    subject = _Subject(corpus, changed, missing, limit)
    return examine("corpus", name_of(corpus, "name"), subject, _CHECKS, gates=("contract", "available", "records"))


def _contract(subject: _Subject) -> Iterator[str]:
    if isinstance(subject.corpus, type):
        yield f"{subject.corpus.__qualname__} is a class; give an object of it"
        return
    missing = missing_members(DatasetConnector, subject.corpus)
    if missing:
        yield f"it lacks {', '.join(missing)}; add what is missing"
        return
    for method in ("is_available", "records", "content_hash", "count"):
        if not callable(getattr(subject.corpus, method)):
            yield f"{method} is {shown(getattr(subject.corpus, method))}; write a method"


def _available(subject: _Subject) -> Iterator[str]:
    available = subject.corpus.is_available()
    if available is not True:
        yield f"is_available() is {shown(available)}; try a corpus whose records can be read here and now"


def _records(subject: _Subject) -> Iterator[str]:
    try:
        first = subject.first
    except Exception as error:  # noqa: BLE001 - a foreign corpus may raise anything
        yield f"is_available() is True and on reading {raised(error)}; say False where records cannot be read"
        return
    if not first:
        yield "it gave no record; a corpus has at least one, and is not available otherwise"
    for number, record in enumerate(first):
        if type(record) is not CorpusRecord:
            yield f"record {number} is a {type(record).__name__}; give a CorpusRecord"


def _names(subject: _Subject) -> Iterator[str]:
    for member in ("name", "kind", "source"):
        value = getattr(subject.corpus, member)
        if not isinstance(value, str) or not value.strip() or visible(value) != value:
            yield f"{member} is {shown(value)}; give a text of one line that a terminal can show"


def _record_form(subject: _Subject) -> Iterator[str]:
    for number, record in enumerate(subject.first):
        if not isinstance(record.id, str) or not record.id:
            yield f"record {number} has the id {shown(record.id)}; give a text"
        if not isinstance(record.text, str):
            yield f"record {number} has a {type(record.text).__name__} as its text; decode it"
        try:
            metadata = dict(record.metadata)
            same = json.loads(canonical_bytes(metadata)) == metadata
        except Exception as error:  # noqa: BLE001 - foreign metadata may fail in any way
            yield f"the metadata of record {number} is no plain JSON: {raised(error)}; give plain values"
            continue
        if not same:
            yield f"the metadata of record {number} reads back as something else; give lists, not tuples"


def _repeats(subject: _Subject) -> Iterator[str]:
    again = subject.read()
    for number, (first, second) in enumerate(zip(subject.first, again, strict=False)):
        if first != second:
            yield f"record {number} was {shown(first.id)} and then {shown(second.id)}; stream the same ones each time"
            return
    if len(again) != len(subject.first):
        yield f"it gave {len(subject.first)} records and then {len(again)}; begin anew with each call of records()"


def _streams(subject: _Subject) -> Iterator[str]:
    one, other = subject.corpus.records(), subject.corpus.records()
    if iter(one) is not one:
        yield f"records() gave a {type(one).__name__}; give an iterator, so that a large source is never held whole"
        return
    begun = [*islice(one, 1), *islice(other, 1)]
    if _told(begun) != _told(subject.first[:1]) * 2:
        yield f"two streams at once begin with {_ids(begun)}; open the source anew in each call of records()"
    elif _told(islice(one, 1)) != _told(subject.first[1:2]):
        yield "two streams at once take records from each other; open the source anew in each call of records()"


def _unique_ids(subject: _Subject) -> Iterator[str]:
    seen: dict[Any, int] = {}
    for number, record in enumerate(subject.first):
        if record.id in seen:
            yield f"the records {seen[record.id]} and {number} have one id, {shown(record.id)}; give each its own"
        seen.setdefault(record.id, number)


def _count(subject: _Subject) -> Iterator[str]:
    told, again = subject.corpus.count(), subject.corpus.count()
    if not isinstance(told, int) or isinstance(told, bool):
        yield f"count() is {shown(told)}; give a whole number"
    elif told != again:
        yield f"count() is {told} and then {again}; count what records() streams"
    elif told != len(subject.first) if subject.is_whole else told < len(subject.first):
        yield f"count() is {told}, and records() streams {'' if subject.is_whole else 'at least '}{len(subject.first)}"


def _content_hash(subject: _Subject) -> Iterator[str]:
    told = subject.corpus.content_hash()
    if not isinstance(told, str) or not _DIGEST.fullmatch(told):
        yield f"content_hash() is {shown(told)}; give a SHA-256, 64 characters of lower-case hex"
        return
    subject.read()
    again = subject.corpus.content_hash()
    if again != told:
        yield f"content_hash() is {told} and, after reading, {again}; hash what the corpus holds and nothing else"


def _changed_content(subject: _Subject) -> Iterator[str]:
    if subject.changed is None:
        raise NotTriedError("no corpus of other content is known; give changed=")
    if subject.changed.content_hash() == subject.corpus.content_hash():
        yield "another content has the same content_hash(); hash the records themselves, not their place or number"


def _sample(subject: _Subject) -> Iterator[str]:
    sample, size = subject.own("sample"), min(5, len(subject.first))
    drawn, again = sample(size, _SEED), sample(size, _SEED)
    if _told(drawn) != _told(again):
        yield f"seed {_SEED} drew {_ids(drawn)} and then {_ids(again)}; draw by the seed alone"
    if len(drawn) != size:
        yield f"a sample of {size} holds {len(drawn)} records; give as many as are asked for"
    if subject.is_whole:
        if Counter(_told(drawn)) - Counter(_told(subject.first)):
            yield f"a sample holds {_ids(drawn)}, not all of them records of the corpus, or one too often"
        if len(sample(len(subject.first) + 1, _SEED)) != len(subject.first):
            yield "a sample larger than the corpus is not all of it; give what there is"


def _chunks(subject: _Subject) -> Iterator[str]:
    chunks, wanted = subject.own("chunks"), subject.first[:7]
    given = list(chunks(2, len(wanted)))
    sizes = [len(chunk) for chunk in given]
    if _told(chain.from_iterable(given)) != _told(wanted):
        yield f"chunks of 2 over {len(wanted)} records have the sizes {sizes}; give each record once, in order"
    elif any(size != 2 for size in sizes[:-1]) or sizes[-1] not in {1, 2}:
        yield f"chunks of 2 have the sizes {sizes}; only the last one may be shorter"


def _selection(subject: _Subject) -> Iterator[str]:
    rule = subject.own("selection")()
    text = canonical_bytes(rule).decode("ascii")
    if json.loads(text) != rule:
        yield f"selection() reads back as something else than {shown(rule)}; give lists, not tuples"
    root = getattr(subject.corpus, "root", None)
    places = {Path.home(), Path.cwd(), Path(tempfile.gettempdir()), *([root.absolute()] if root is not None else [])}
    for place in sorted(map(str, places)):
        # A folder "docs/root" is not below "/root", nor is "/rooted".
        if place != "/" and re.search(rf"(?<![\w.-]){re.escape(json.dumps(place)[1:-1])}(?![\w.-])", text):
            yield f"selection() names {place}, a folder of this machine; name the source without it"


def _missing(subject: _Subject) -> Iterator[str]:
    """Nothing is what a missing corpus must not give: an empty stream or a count of 0 looks like a result."""
    if subject.missing is None:
        raise NotTriedError("no corpus without its source is known; give missing=")
    if subject.missing.is_available() is not False:
        yield f"is_available() is {shown(subject.missing.is_available())} of a missing corpus; say False"
    for what, read in (
        ("records()", lambda: list(islice(subject.missing.records(), 1))),
        ("count()", subject.missing.count),
        ("content_hash()", subject.missing.content_hash),
    ):
        try:
            given = read()
        except Exception as error:  # noqa: BLE001 - any exception with words says so
            if not str(error).strip():
                yield f"{what} of a missing corpus: {raised(error)} without a word; say what is missing"
        else:
            yield f"{what} of a missing corpus gave {shown(given)}; raise CorpusUnavailableError"


def _told(records: Iterable[CorpusRecord]) -> list[tuple[str, str]]:
    return [(record.id, record.text) for record in records]


def _ids(records: Iterable[CorpusRecord]) -> str:
    return shown([record.id for record in records])


_CHECKS: Final[Mapping[str, Check[_Subject]]] = {
    "contract": _contract,
    "available": _available,
    "records": _records,
    "names": _names,
    "record form": _record_form,
    "repeats": _repeats,
    "streams": _streams,
    "unique ids": _unique_ids,
    "count": _count,
    "content hash": _content_hash,
    "changed content": _changed_content,
    "sample": _sample,
    "chunks": _chunks,
    "selection": _selection,
    "missing": _missing,
}
