# SPDX-License-Identifier: Apache-2.0
"""The checks of a corpus: a good one passes, and each broken one fails exactly the check it breaks."""

import hashlib
import itertools
from pathlib import Path

import pytest

from ophamin.checks import check_corpus
from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError
from ophamin.seeing.corpus.base import Corpus, CorpusUnavailableError


class Good(Corpus):
    """A dozen words in memory, or none."""

    name = "words"
    source = "this file"
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

    def is_available(self):
        return bool(self.words)

    def made(self):
        return [CorpusRecord(f"w{number}", word, {"number": number}) for number, word in enumerate(self.words)]

    def records(self):
        self.require_available()
        yield from self.made()

    def _compute_count(self):
        return len(self.words)

    def _compute_content_hash(self):
        return hashlib.sha256(" ".join(self.words).encode()).hexdigest()


class Empty(Good):
    words = ()


class Other(Good):
    words = ("uno", "due")


class Connector:
    """What a corpus must have, and nothing more."""

    name = "connector"
    kind = "text"
    source = "this file"

    def is_available(self):
        return True

    def records(self):
        return iter(Good().made())

    def content_hash(self):
        return "0" * 64

    def count(self):
        return 12


def results(corpus, **how):
    report = check_corpus(corpus, **{"changed": Other(), "missing": Empty(), **how})
    return {result.name: result for result in report.results}


def failed(corpus, **how):
    return {name: result.words for name, result in results(corpus, **how).items() if result.outcome == "failed"}


CHECKS = list(results(Good()))


# -- one that is good -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [2, 11, 12, 13, 1000])
def test_a_good_corpus_passes_every_check_whatever_is_looked_at(limit):
    assert {result.outcome for result in results(Good(), limit=limit).values()} == {"passed"}


def test_a_connector_that_inherits_nothing_is_as_good():
    told = {name: result.outcome for name, result in results(Connector()).items() if result.outcome != "passed"}
    assert told == {"sample": "skipped", "chunks": "skipped", "selection": "skipped"}


def test_without_a_changed_and_a_missing_one_these_checks_are_skipped():
    report = check_corpus(Good())
    assert report.passed
    assert [result.name for result in report.results if result.outcome == "skipped"] == ["changed content", "missing"]


def test_an_endless_corpus_is_read_no_further_than_the_limit():
    class Endless(Connector):
        def records(self):
            for number in itertools.count():
                read.append(number)
                yield CorpusRecord(f"n{number}", "text")

        def count(self):
            return 10**9

    read = []
    assert check_corpus(Endless(), limit=20).passed
    assert max(read) == 19


def test_a_corpus_of_one_record_is_good():
    class Single(Good):
        words = ("one",)

    assert failed(Single()) == {}


# -- broken ones ------------------------------------------------------------------------------------------------------


def with_members(**members):
    return type("Changed", (Good,), members)


def with_records(change):
    """A corpus that streams other records than it should."""

    class Changed(Good):
        def made(self):
            return change(super().made())

    return Changed


def replaced(number, **values):
    def change(records):
        one = records[number]
        fields = {"id": one.id, "text": one.text, "metadata": one.metadata, **values}
        return [*records[:number], CorpusRecord(**fields), *records[number + 1 :]]

    return with_records(change)


def refuse(*_):
    raise OSError("no such disk")


class Counting(Good):
    """Says in each record how often it was read."""

    read = itertools.count()

    def made(self):
        turn = next(self.read)
        return [CorpusRecord(one.id, one.text, {"turn": turn}) for one in super().made()]


class Once(Good):
    """Streams all its records once, and then one less each time."""

    turns = 0

    def made(self):
        self.turns += 1
        return super().made()[: 12 if self.turns != 2 else 11]


class Shared(Connector):
    """Has one stream for all who read at the same time."""

    def __init__(self):
        self.left = []

    def records(self):
        self.left[:] = self.left or Good().made()
        left = self.left
        return _Stream(left)


class _Stream:
    def __init__(self, left):
        self.left = left

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            raise StopIteration
        return self.left.pop(0)


class Elbowing(Connector):
    """Begins each stream with the first record and goes on where any of them stands."""

    place = 0

    def records(self):
        self.place = 0
        return self.stream()

    def stream(self):
        records = Good().made()
        self.place += 1
        yield records[0]
        while self.place < 12:
            self.place += 1
            yield records[self.place - 1]


class Halting(Good):
    """Hashes what was read last."""

    turn = 0

    def made(self):
        self.turn += 1
        return super().made()

    def content_hash(self):
        return hashlib.sha256(str(self.turn).encode()).hexdigest()


class Recounting(Good):
    def __init__(self):
        super().__init__()
        self.turns = itertools.count(12)

    def count(self):
        return next(self.turns)


class Random(Good):
    draw = itertools.count()

    def sample(self, n, seed=0):
        start = next(self.draw) % 3
        return self.made()[start : start + n] if n <= 12 else self.made()


class Invented(Good):
    def sample(self, n, seed=0):
        return [CorpusRecord(one.id, one.text.upper()) for one in super().sample(n, seed)]


class Repeated(Good):
    def sample(self, n, seed=0):
        return self.made()[:1] * n if n <= 12 else self.made()


class Short(Good):
    def sample(self, n, seed=0):
        return super().sample(n, seed)[:3] if n <= 12 else self.made()


class Partial(Good):
    def sample(self, n, seed=0):
        return super().sample(min(n, 11), seed)


class Lossy(Good):
    def chunks(self, size, limit=None):
        return itertools.islice(super().chunks(size, limit), 2)


class Uneven(Good):
    def chunks(self, size, limit=None):
        return ([record] for record in self.made()[:limit])


class Located(Good):
    def selection(self):
        return {"name": self.name, "path": str(Path.home() / "data")}


class Rooted(Good):
    def __init__(self):
        super().__init__(Path("/srv/words"))

    def selection(self):
        return {"name": f"{self.name}:{self.root}"}


BROKEN = [
    ("contract", lambda: object()),
    ("contract", lambda: Good),
    ("contract", with_members(count=12)),
    ("available", with_members(is_available=lambda self: False)),
    ("available", with_members(is_available=lambda self: 1)),
    ("available", with_members(is_available=refuse)),
    ("records", with_records(refuse)),
    ("records", with_records(lambda records: [])),
    ("records", with_records(lambda records: [one.text for one in records])),
    ("names", with_members(kind="")),
    ("names", with_members(source="a\nb")),
    ("names", with_members(name=None)),
    ("record form", replaced(3, id=3)),
    ("record form", replaced(3, text=b"four")),
    ("record form", replaced(3, metadata={"at": {1, 2}})),
    ("record form", replaced(3, metadata={"pair": (1, 2)})),
    ("record form", replaced(3, metadata=None)),
    ("repeats", Counting),
    ("repeats", Once),
    ("streams", Shared),
    ("streams", Elbowing),
    ("streams", type("Listing", (Connector,), {"records": lambda self: Good().made()})),
    ("unique ids", replaced(11, id="w0")),
    ("count", with_members(count=lambda self: 11)),
    ("count", with_members(count=lambda self: "12")),
    ("count", type("Boolean", (Other,), {"words": ("one",), "count": lambda self: True})),
    ("count", Recounting),
    ("content hash", with_members(content_hash=lambda self: "abc")),
    ("content hash", with_members(content_hash=lambda self: "A" * 64)),
    ("content hash", Halting),
    ("changed content", with_members(content_hash=lambda self: Other().content_hash())),
    ("sample", Random),
    ("sample", Invented),
    ("sample", Repeated),
    ("sample", Short),
    ("sample", Partial),
    ("chunks", Lossy),
    ("chunks", Uneven),
    ("selection", Located),
    ("selection", Rooted),
    ("selection", with_members(selection=lambda self: {"words": (1, 2)})),
    ("selection", with_members(selection=lambda self: {"words": {1, 2}})),
]


@pytest.mark.parametrize(("check", "make"), BROKEN, ids=[f"{number}-{one[0]}" for number, one in enumerate(BROKEN)])
def test_a_broken_corpus_fails_exactly_the_check_that_it_breaks(check, make):
    assert list(failed(make())) == [check]


def test_a_folder_that_only_looks_like_one_of_this_machine_is_no_breach():
    class Below(Good):
        def selection(self):
            return {"folder": f"docs{Path.home()}", "other": f"{Path.home()}ed"}

    assert failed(Below()) == {}


class Nothing(Connector):
    """Is not there, and says so everywhere."""

    def is_available(self):
        return False

    def unavailable(self):
        raise CorpusUnavailableError("corpus 'connector': its source cannot be read; fetch it first")

    records = content_hash = count = unavailable


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"is_available": lambda self: True}, "is_available() is True of a missing corpus; say False"),
        ({"records": lambda self: iter(())}, "records() of a missing corpus gave []; raise CorpusUnavailableError"),
        ({"count": lambda self: 0}, "count() of a missing corpus gave 0; raise CorpusUnavailableError"),
        ({"content_hash": lambda self: "0" * 64}, "content_hash() of a missing corpus gave '000"),
        ({"count": lambda self: [][0:0].pop}, "count() of a missing corpus gave <built-in"),
        ({"records": lambda self: next(iter(()))}, "records() of a missing corpus: it raised StopIteration without a"),
    ],
)
def test_a_missing_corpus_that_gives_something_fails_exactly_that_check(members, words):
    told = failed(Good(), missing=type("Changed", (Nothing,), members)())
    assert list(told) == ["missing"]
    assert told["missing"].startswith(words)


def test_a_missing_corpus_that_says_so_passes():
    assert failed(Good(), missing=Nothing()) == {}


def test_there_is_a_broken_corpus_for_every_check():
    assert {check for check, _ in BROKEN} | {"missing"} == set(CHECKS)


@pytest.mark.parametrize(
    ("make", "check", "words"),
    [
        (with_members(count=lambda self: 11), "count", "count() is 11, and records() streams 12"),
        (replaced(11, id="w0"), "unique ids", "the records 0 and 11 have one id, 'w0'; give each its own"),
        (Random, "sample", "seed 7 drew ['w0', 'w1', 'w2', 'w3', 'w4'] and then ['w1', 'w2',"),
        (Uneven, "chunks", "chunks of 2 have the sizes [1, 1, 1, 1, 1, 1, 1]; only the last one may be shorter"),
        (Located, "selection", f"selection() names {Path.home()}, a folder of this machine; name the source without"),
    ],
)
def test_a_breach_is_told_with_the_values_and_the_way_out(make, check, words):
    Random.draw = itertools.count()
    assert failed(make())[check].startswith(words)


def test_of_a_longer_corpus_a_count_below_what_was_seen_is_a_breach():
    class Low(Good):
        def count(self):
            return 3

    assert failed(Low(), limit=5)["count"].startswith("count() is 3, and records() streams at least 5")


@pytest.mark.parametrize("limit", [1, 0, -3])
def test_a_limit_that_looks_at_less_than_two_records_is_refused(limit):
    with pytest.raises(ClaimError, match=f"limit={limit}; give 2 or more"):
        check_corpus(Good(), limit=limit)
