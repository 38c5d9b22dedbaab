# SPDX-License-Identifier: Apache-2.0
import random
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError, OphaminError
from ophamin.seeing.corpus.base import Corpus, CorpusDataError, CorpusUnavailableError, as_corpus, reservoir


class Numbers(Corpus):
    name = "numbers"
    source = "https://example.org/numbers"

    def __init__(self, n, root=None):
        super().__init__(root)
        self.n = n
        self.computed = Counter()

    def is_available(self):
        return self.n is not None

    def records(self):
        for number in range(self.n):
            yield CorpusRecord(str(number), f"number {number}")

    def _compute_content_hash(self):
        self.computed["hash"] += 1
        return f"{self.n:064x}"

    def _compute_count(self):
        self.computed["count"] += 1
        return self.n


def ids(records):
    return [int(record.id) for record in records]


@given(st.integers(0, 60), st.integers(1, 20), st.integers(0, 2**64))
def test_a_sample_is_the_classic_reservoir_over_the_seeded_generator(size, n, seed):
    rng = random.Random(seed)
    expected = []
    for index in range(size):
        if len(expected) < n:
            expected.append(index)
        else:
            place = rng.randint(0, index)
            if place < n:
                expected[place] = index
    assert ids(Numbers(size).sample(n, seed)) == expected


@given(st.integers(0, 60), st.integers(1, 20), st.integers(0, 2**32))
def test_a_sample_has_distinct_records_and_as_many_as_there_are(size, n, seed):
    sample = ids(Numbers(size).sample(n, seed))
    assert len(sample) == len(set(sample)) == min(n, size)


def test_every_pair_is_as_likely_as_any_other():
    # 10 pairs of 5 records, 3000 seeds: chi-square with 9 degrees of freedom, 99.9 % quantile 27.88
    counts = Counter(frozenset(ids(Numbers(5).sample(2, seed))) for seed in range(3000))
    chi_square = sum((counts[frozenset(pair)] - 300) ** 2 / 300 for pair in combinations(range(5), 2))
    assert chi_square < 27.88


def test_a_sample_of_a_small_corpus_is_all_of_it_in_order():
    assert ids(Numbers(3).sample(10)) == [0, 1, 2]


def test_the_default_seed_is_0():
    assert Numbers(50).sample(5) == Numbers(50).sample(5, seed=0)


@pytest.mark.parametrize("n", [0, -1])
def test_a_sample_of_nothing_is_refused(n):
    with pytest.raises(ValueError, match=f"n={n}; a sample has at least 1"):
        Numbers(3).sample(n)
    with pytest.raises(ClaimError):
        reservoir([1], n)


@settings(max_examples=50)
@given(st.integers(0, 40), st.integers(1, 12), st.none() | st.integers(0, 50))
def test_chunks_are_a_partition_of_the_first_records(size, chunk, limit):
    chunks = list(Numbers(size).chunks(chunk, limit))
    assert [number for part in chunks for number in ids(part)] == list(range(size))[:limit]
    assert all(len(part) == chunk for part in chunks[:-1])
    assert all(1 <= len(part) <= chunk for part in chunks)


def test_chunks_read_no_further_than_their_limit():
    read = []

    class Watched(Numbers):
        def records(self):
            for record in super().records():
                read.append(record.id)
                yield record

    list(Watched(100).chunks(2, limit=3))
    assert read == ["0", "1", "2"]


@pytest.mark.parametrize(("size", "limit"), [(0, None), (-1, None), (1, -1)])
def test_chunks_of_no_size_or_less_than_no_limit_are_refused_at_once(size, limit):
    with pytest.raises(ValueError, match=r"a chunk has at least 1 record|give 0 or more"):
        Numbers(3).chunks(size, limit)


def test_an_unavailable_corpus_says_where_its_source_is():
    with pytest.raises(CorpusUnavailableError, match=r"corpus 'numbers': .*fetch it from https://example.org/numbers"):
        Numbers(None).require_available()
    with pytest.raises(CorpusUnavailableError):
        Numbers(None).content_hash()
    assert issubclass(CorpusUnavailableError, OphaminError)
    assert issubclass(CorpusDataError, ValueError)


def test_hash_and_count_are_computed_once():
    corpus = Numbers(3)
    assert [corpus.content_hash(), corpus.content_hash()] == [f"{3:064x}"] * 2
    assert [corpus.count(), corpus.count()] == [3, 3]
    assert corpus.computed == {"hash": 1, "count": 1}


def test_a_fresh_fact_is_computed_again():
    corpus = Numbers(3)
    corpus.count()
    corpus.n = 4
    assert (corpus.count(), corpus.count(fresh=True), corpus.count()) == (3, 4, 4)


def test_a_count_of_none_is_kept_too():
    corpus = Numbers(0)
    assert (corpus.count(), corpus.count()) == (0, 0)
    assert corpus.computed["count"] == 1


def test_the_selection_is_name_and_kind():
    assert Numbers(3).selection() == {"name": "numbers", "kind": "text"}


def test_the_root_may_be_a_text(tmp_path):
    assert Numbers(3, str(tmp_path)).root == tmp_path


def test_an_object_with_the_methods_of_a_corpus_is_one():
    class Plug:
        name, kind, source = "plug", "text", "a test"

        def is_available(self):
            return True

        def records(self):
            yield from (CorpusRecord(str(i), f"text {i}") for i in range(5))

        def content_hash(self):
            return "0" * 64

        def count(self):
            return 5

    corpus = as_corpus(Plug())
    corpus.require_available()
    assert (corpus.name, corpus.count(), corpus.content_hash(), len(corpus.sample(3))) == ("plug", 5, "0" * 64, 3)
    assert corpus.selection()["name"] == "plug"
    assert as_corpus(corpus) is corpus


@pytest.mark.parametrize("value", [3, "text", object(), Corpus])
def test_anything_else_is_no_corpus(value):
    with pytest.raises(ClaimError, match="is no corpus"):
        as_corpus(value)
