# SPDX-License-Identifier: Apache-2.0
from ophamin.seeing.corpus.sentences import SentencesCorpus


def test_there_are_sixty_different_sentences():
    texts = [record.text for record in SentencesCorpus().records()]
    assert len(texts) == len(set(texts)) == SentencesCorpus().count() == 60


def test_each_is_one_short_plain_sentence():
    for record in SentencesCorpus().records():
        assert record.text.isascii()
        assert record.text[0].isupper()
        assert record.text.endswith(".")
        assert 5 <= record.metadata["words"] == len(record.text.split()) <= 14


def test_the_hash_is_that_of_the_sentences_whatever_the_line_ends():
    corpus = SentencesCorpus()
    before = corpus.content_hash()
    corpus._lines[3] += "!"
    assert corpus.content_hash(fresh=True) != before
    assert SentencesCorpus().content_hash() == before
