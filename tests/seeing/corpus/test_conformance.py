# SPDX-License-Identifier: Apache-2.0
"""What every registered corpus keeps, whoever wrote it."""

import json
import re
import subprocess
from itertools import islice

import pytest

from ophamin.core.shapes import CorpusRecord
from ophamin.protocols import DatasetConnector
from ophamin.seeing.corpus.base import CORPORA, Corpus
from ophamin.seeing.corpus.lookup import get_corpus, list_corpora

NEEDS_SOURCE = {
    "jsonl": "jsonl:rows.jsonl",
    "csv": "csv:rows.csv",
    "lines": "lines:rows.txt",
    "folder": "folder:docs",
    "git": "git:repo",
}
NAMES = [name for name in list_corpora() if not name.startswith("qmpt")]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    (root / "rows.jsonl").write_text(
        '{"id": "a", "text": "one"}\n{"id": "b", "text": "two", "n": 1}\n', encoding="utf-8"
    )
    (root / "rows.csv").write_text("id,text,lang\na,one,en\nb,two,cs\n", encoding="utf-8")
    (root / "rows.txt").write_text("one\ntwo\nthree\n", encoding="utf-8")
    (root / "docs").mkdir()
    (root / "docs" / "a.md").write_text("one", encoding="utf-8")
    (root / "docs" / "b.md").write_text("two", encoding="utf-8")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(root / "repo")]
    (root / "repo").mkdir()
    subprocess.run([*git, "init", "-q"], check=True)
    for number in range(3):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", f"number {number}"], check=True)
    return root


@pytest.fixture(params=NAMES)
def corpus(request, sources):
    return get_corpus(NEEDS_SOURCE.get(request.param, request.param), sources)


pytestmark = pytest.mark.needs("git")


def test_it_satisfies_the_contract(corpus):
    assert isinstance(corpus, DatasetConnector)
    assert isinstance(corpus, Corpus)
    assert corpus.is_available()
    assert all(isinstance(text, str) and text for text in (corpus.name, corpus.kind, corpus.source))
    assert isinstance(corpus.pinned, bool)


@pytest.mark.parametrize("name", NAMES)
def test_making_one_touches_no_disk(name, tmp_path, monkeypatch):
    factory = CORPORA[name]
    monkeypatch.setattr("os.stat", lambda *_, **__: pytest.fail("the disk was asked"))
    monkeypatch.setattr("builtins.open", lambda *_, **__: pytest.fail("the disk was asked"))
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was run"))
    factory(tmp_path / "nowhere")
    monkeypatch.undo()


def test_it_streams_the_same_records_every_time(corpus):
    first = list(corpus.records())
    assert first
    assert list(corpus.records()) == first
    assert all(type(record) is CorpusRecord for record in first)


def test_its_records_come_one_by_one(corpus):
    stream = corpus.records()
    assert iter(stream) is stream
    next(stream)
    stream.close()


def test_ids_are_unique_and_all_is_plain_json(corpus):
    records = list(corpus.records())
    assert len({record.id for record in records}) == len(records)
    for record in islice(records, 50):
        assert isinstance(record.text, str)
        assert json.loads(json.dumps(dict(record.metadata), allow_nan=False)) == record.metadata
        assert re.fullmatch("[0-9a-f]{64}", record.digest)


def test_the_count_is_that_of_the_records(corpus):
    assert corpus.count() == sum(1 for _ in corpus.records())


def test_the_hash_is_the_same_for_another_object(corpus, request, sources):
    name = request.node.callspec.params["corpus"]
    digest = corpus.content_hash()
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert get_corpus(NEEDS_SOURCE.get(name, name), sources).content_hash(fresh=True) == digest


def test_a_sample_is_that_of_the_base(corpus):
    assert corpus.sample(2, 7) == Corpus.sample(corpus, 2, 7)


def test_chunks_are_the_records(corpus):
    flat = [record for chunk in corpus.chunks(2, limit=5) for record in chunk]
    assert flat == list(islice(corpus.records(), 5))


def test_its_rule_is_plain_json_without_a_path_of_this_machine(corpus, sources):
    rule = corpus.selection()
    assert json.loads(json.dumps(rule, allow_nan=False)) == rule
    assert rule["name"] == corpus.name
    assert str(sources) not in json.dumps(rule)
