# SPDX-License-Identifier: Apache-2.0
"""Promises of patterns as a corpus."""

import json
from pathlib import Path

import pytest

from ophamin.checks import check_corpus
from ophamin.seeing.corpus.base import CorpusDataError, CorpusUnavailableError
from qmpt.bridge import PatternCorpus, observations_in, pattern_in
from qmpt.data.io import save_observations, save_patterns
from qmpt.data.models import Observation, Pattern
from qmpt.data.sources import open_source

SPANS = Path(__file__).parents[3] / "fixtures" / "agent_spans.jsonl"


def seen(word, patterns=4, count=20):
    return [
        Observation(obs_id=str(row), pattern_id=f"p{row % patterns}", timestamp=row, modality="text", payload=word)
        for row in range(count)
    ]


@pytest.fixture
def files(tmp_path):
    save_observations(tmp_path / "given.jsonl", seen("hello"))
    save_observations(tmp_path / "changed.jsonl", [*seen("hello")[:-1], seen("bye")[-1]])
    return tmp_path


def test_it_keeps_the_promises_of_a_corpus(files):
    report = check_corpus(
        PatternCorpus(files / "given.jsonl"),
        changed=PatternCorpus(files / "changed.jsonl"),
        missing=PatternCorpus(files / "nowhere.jsonl"),
    )
    report.raise_if_failed()
    assert {result.outcome for result in report.results} == {"passed"}


def test_traces_of_agents_keep_them_too():
    check_corpus(PatternCorpus(SPANS, kind="otel")).raise_if_failed()


def test_each_pattern_comes_back_whole():
    population = open_source("otel", SPANS).population()
    records = list(PatternCorpus(SPANS).records())
    assert [pattern_in(record) for record in records] == list(population.patterns.values())
    found = [one for record in records for one in observations_in(record)]
    assert sorted(found, key=lambda one: one.obs_id) == sorted(population.observations, key=lambda one: one.obs_id)
    for record in records:
        assert {one.pattern_id for one in observations_in(record)} == {record.id}
        assert record.metadata["observations"] == len(observations_in(record))
        assert record.metadata["first"] <= record.metadata["last"]


def test_the_content_hash_is_of_the_content_and_not_of_its_place(files):
    here = PatternCorpus(files / "given.jsonl", layer="shop")
    (files / "elsewhere").mkdir()
    save_observations(files / "elsewhere" / "copy.db", seen("hello"))
    assert PatternCorpus(files / "elsewhere" / "copy.db", layer="shop").content_hash() == here.content_hash()
    assert PatternCorpus(files / "given.jsonl", layer="bank").content_hash() != here.content_hash()


def test_a_file_that_changes_is_read_again(files):
    corpus = PatternCorpus(files / "given.jsonl")
    before = corpus.content_hash()
    save_observations(files / "given.jsonl", seen("hello", patterns=5))
    assert corpus.content_hash() != before
    assert corpus.count() == 5


def test_a_folder_that_changes_is_read_again(tmp_path):
    (tmp_path / "a.xml").write_text('<testsuite><testcase classname="c" name="one" time="1"/></testsuite>')
    corpus = PatternCorpus(tmp_path, kind="junit", started="2026-11-21")
    assert corpus.count() == 1
    (tmp_path / "b.xml").write_text('<testsuite><testcase classname="c" name="two" time="1"/></testsuite>')
    assert corpus.count() == 2


def test_stored_patterns_have_their_features_and_no_observations(tmp_path):
    stored = {name: Pattern(pattern_id=name, layer_id="L", features=[1.0, 2.0], anomaly_score=0.5) for name in "ab"}
    save_patterns(tmp_path / "patterns.jsonl", stored)
    records = list(PatternCorpus(tmp_path / "patterns.jsonl", kind="patterns").records())
    assert {record.id: pattern_in(record) for record in records} == stored
    assert records[0].metadata == {
        "layer_id": "L", "observations": 0, "modalities": [], "first": None, "last": None,
    }  # fmt: skip


def test_numbers_that_no_double_holds_survive_in_the_text(tmp_path):
    save_observations(
        tmp_path / "big.jsonl",
        [Observation(obs_id="1", pattern_id="a", timestamp=0, modality="numeric", payload=[2**60, "\U0001f9ea"])],
    )
    corpus = PatternCorpus(tmp_path / "big.jsonl")
    assert observations_in(next(corpus.records()))[0].payload == [2**60, "\U0001f9ea"]
    assert len(corpus.content_hash()) == 64


def test_no_folder_of_this_machine_enters_the_selection(files):
    corpus = PatternCorpus(files / "given.jsonl", patterns=files / "patterns.jsonl")
    assert str(files) not in json.dumps(corpus.selection())
    assert corpus.selection()["options"] == {"patterns": "patterns.jsonl"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"obs_id": "1"}\n', "row 1"),
        ('{"obs_id": ', "row 1"),
        ("nothing that is known\n", "cannot be told what this is|row 1|give either payload"),
    ],
    ids=["row", "cut", "unknown"],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path, text, problem):
    (tmp_path / "bad.jsonl").write_text(text)
    with pytest.raises(CorpusDataError, match=problem):
        next(PatternCorpus(tmp_path / "bad.jsonl").records())


def test_an_importer_and_an_option_that_do_not_exist_are_named(files):
    with pytest.raises(CorpusDataError, match="did you mean 'otel'"):
        PatternCorpus(files / "given.jsonl", kind="otle").count()
    with pytest.raises(CorpusDataError, match="has no option 'layr'; did you mean 'layer'"):
        PatternCorpus(files / "given.jsonl", layr="L").count()


def test_a_source_without_a_pattern_is_no_corpus(tmp_path):
    save_observations(tmp_path / "none.db", [])
    with pytest.raises(CorpusUnavailableError, match="holds no pattern"):
        next(PatternCorpus(tmp_path / "none.db").records())
