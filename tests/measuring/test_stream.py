# SPDX-License-Identifier: Apache-2.0
"""The records of a corpus: a uniform, seeded order; what was used is digested."""

import hashlib
from collections import Counter
from itertools import permutations

import pytest

from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError
from ophamin.measuring import stream as room
from ophamin.measuring.settings import Settings
from ophamin.measuring.stream import Stream
from ophamin.seeing.corpus.base import Corpus, CorpusUnavailableError


class Letters(Corpus):
    """So many records, named by numbers."""

    name = "letters"
    available = True

    def __init__(self, count):
        super().__init__()
        self.size = count

    def is_available(self):
        return self.available

    def records(self):
        return (CorpusRecord(str(number), f"text {number}") for number in range(self.size))

    def _compute_content_hash(self):
        return hashlib.sha256(str(self.size).encode()).hexdigest()

    def _compute_count(self):
        return self.size


def stream_of(count, *, seed=0, clock=lambda: 0.0, limit=None, decided=lambda: False, **settings):
    return Stream(Letters(count), Settings(**settings), seed=seed, limit=limit, decided=decided, clock=clock)


def ids(records):
    return [int(record.id) for record in records]


# -- order ------------------------------------------------------------------------------------------------------------


def test_without_a_budget_every_record_comes_once_in_a_random_order():
    order = ids(stream_of(50))
    assert sorted(order) == list(range(50))
    assert order != list(range(50))


def test_one_seed_gives_one_order_and_another_seed_another():
    assert ids(stream_of(50, seed=3)) == ids(stream_of(50, seed=3))
    assert ids(stream_of(50, seed=3)) != ids(stream_of(50, seed=4))
    assert ids(stream_of(500, seed=3, limit=9)) == ids(stream_of(500, seed=3, limit=9))
    assert ids(stream_of(500, seed=3, limit=9)) != ids(stream_of(500, seed=4, limit=9))


def test_the_order_of_a_seed_is_the_same_in_every_process():
    # Written down once: Python's generator is the same on every platform, and nothing here goes through hash().
    assert ids(stream_of(8, seed=1)) == [2, 5, 1, 6, 7, 3, 0, 4]
    assert ids(stream_of(100, seed=1, limit=4)) == [2, 44, 5, 33]


def test_order_file_is_the_order_of_the_source():
    assert ids(stream_of(10, order="file")) == list(range(10))
    assert ids(stream_of(10, order="file", limit=4)) == [0, 1, 2, 3]


def test_every_record_is_as_likely_to_be_sampled_as_any_other():
    seen = Counter()
    for seed in range(2000):
        seen.update(ids(stream_of(10, seed=seed, limit=3)))
    assert sum(seen.values()) == 6000
    # 600 expected for each, standard deviation 20.5: five of them are 102
    assert all(abs(seen[number] - 600) < 102 for number in range(10))


def test_the_place_of_a_record_does_not_depend_on_how_it_came_into_the_sample():
    places = Counter()
    for seed in range(3000):
        places.update(enumerate(ids(stream_of(3, seed=seed, limit=2))))
    # each of 3 records at each of 2 places: 1000 expected, standard deviation 25.8
    assert all(abs(places[place, number] - 1000) < 130 for place in range(2) for number in range(3))


def test_every_order_of_a_small_corpus_is_as_likely_as_any_other():
    orders = Counter(tuple(ids(stream_of(3, seed=seed))) for seed in range(3000))
    # 500 expected for each of 6, standard deviation 20.4
    assert all(abs(orders[order] - 500) < 102 for order in permutations(range(3)))


def test_a_corpus_too_large_to_shuffle_asks_for_a_budget(monkeypatch):
    monkeypatch.setattr(room, "MAX_SHUFFLED", 5)
    with pytest.raises(ClaimError, match=r"letters has 6 records; at most 5 .* budget= to sample, or order='file'"):
        list(stream_of(6))
    assert len(list(stream_of(6, limit=3))) == 3
    assert len(list(stream_of(6, order="file"))) == 6
    assert len(list(stream_of(5))) == 5


def test_a_corpus_that_cannot_be_read_says_so_when_the_loop_begins():
    corpus = Letters(3)
    corpus.available = False
    with pytest.raises(CorpusUnavailableError, match="letters"):
        next(iter(Stream(corpus, Settings(), seed=0)))


# -- walking ----------------------------------------------------------------------------------------------------------


def test_a_second_loop_goes_on_where_the_first_one_stopped():
    stream = stream_of(10, order="file")
    first = []
    for record in stream:
        first.append(record)
        if len(first) == 4:
            break
    assert ids(first) == [0, 1, 2, 3]
    assert ids(stream) == [4, 5, 6, 7, 8, 9]
    assert ids(stream) == []
    assert stream.used == 10


def test_it_says_how_many_were_used_and_when_there_are_no_more():
    stream = stream_of(3)
    records = iter(stream)
    next(records)
    assert (stream.used, stream.ended) == (1, False)
    assert len(list(records)) == 2
    assert (stream.used, stream.ended, stream.timed_out) == (3, True, False)


def test_chunks_are_lists_of_at_most_that_size():
    stream = stream_of(7, order="file")
    assert [ids(chunk) for chunk in stream.chunks(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert (stream.used, stream.ended) == (7, True)


def test_a_chunk_of_nothing_is_refused():
    with pytest.raises(ClaimError, match="at least one record, got 0"):
        next(stream_of(3).chunks(0))


def test_the_loop_stands_at_one_record_and_at_none_before_and_after_it():
    stream = stream_of(3, order="file")
    assert stream.current is None
    for record in stream:
        assert stream.current is record
    assert stream.current is None


def test_in_a_chunk_the_loop_stands_at_no_single_record():
    stream = stream_of(4)
    for _ in stream.chunks(2):
        assert stream.current is None


# -- time -------------------------------------------------------------------------------------------------------------


class Clock:
    """Runs ahead by one second at each look."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        self.now += 1.0
        return self.now


def test_the_stream_ends_after_its_time():
    stream = stream_of(100, order="file", max_seconds=4.5, clock=Clock())
    assert ids(stream) == [0, 1, 2, 3]
    assert (stream.timed_out, stream.ended, stream.used) == (True, False, 4)
    assert ids(stream) == []


def test_time_starts_with_the_first_record_and_not_before():
    clock = Clock()
    stream = stream_of(100, max_seconds=3.5, clock=clock)
    clock.now += 1000
    assert len(list(stream)) == 3


def test_a_corpus_that_ends_in_the_last_moment_was_not_timed_out():
    stream = stream_of(3, max_seconds=3.5, clock=Clock())
    assert len(list(stream)) == 3
    assert (stream.ended, stream.timed_out) == (True, False)


# -- what was used ----------------------------------------------------------------------------------------------------


def used_digest(records):
    stream = stream_of(3)
    stream.take(records)
    return stream.used_digest()


A, B = CorpusRecord("a", "one"), CorpusRecord("b", "two")


def test_the_digest_covers_the_records_used_in_their_order():
    assert used_digest([A, B]) == hashlib.sha256(bytes.fromhex(A.digest + B.digest)).hexdigest()
    others = [[B, A], [A], [A, B, B], [A, CorpusRecord("b", "too")], [A, CorpusRecord("b", "two", {"k": 1})]]
    assert len({used_digest([A, B]), *map(used_digest, others)}) == 6


def test_records_that_were_not_reached_are_not_in_the_digest():
    stream = stream_of(10, order="file")
    records = iter(stream)
    next(records)
    next(records)
    expected = stream_of(10, order="file")
    expected.take([CorpusRecord("0", "text 0"), CorpusRecord("1", "text 1")])
    assert stream.used_digest() == expected.used_digest()


def test_records_are_kept_only_where_something_reads_them():
    stream = stream_of(3)
    list(stream)
    assert stream.kept is None
    stream = stream_of(3, order="file")
    stream.kept = []
    list(stream)
    assert ids(stream.kept) == [0, 1, 2]
