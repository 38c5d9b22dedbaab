# SPDX-License-Identifier: Apache-2.0
import errno
import json
import os
import time

import pytest

from ophamin.errors import RecordWriteError
from ophamin.seeing.corpus import cache
from ophamin.seeing.corpus.files import JsonLinesCorpus, TextLinesCorpus
from ophamin.seeing.corpus.folder import FolderCorpus


@pytest.fixture
def later(monkeypatch):
    """All files are old enough to be believed."""
    monkeypatch.setattr(cache, "time_ns", lambda: time.time_ns() + 10**11)


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("one\ntwo\n", encoding="utf-8")
    return path


def kept(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".ophamin"))


def forbid(monkeypatch):
    def computed(self):
        raise AssertionError("computed although it was kept")

    monkeypatch.setattr(TextLinesCorpus, "_compute_content_hash", computed)
    monkeypatch.setattr(TextLinesCorpus, "_compute_count", computed)


@pytest.mark.usefixtures("later")
class TestFactsOfOldFiles:
    def test_facts_are_kept_beside_the_source(self, words):
        corpus = TextLinesCorpus(words)
        corpus.content_hash(), corpus.count()
        assert kept(words.parent) == [".ophamin_lines-words-txt_content_hash", ".ophamin_lines-words-txt_count"]

    def test_another_object_believes_what_is_kept(self, words, monkeypatch):
        facts = TextLinesCorpus(words).content_hash(), TextLinesCorpus(words).count()
        forbid(monkeypatch)
        assert (TextLinesCorpus(words).content_hash(), TextLinesCorpus(words).count()) == facts

    def test_a_fresh_fact_does_not_believe_what_is_kept(self, words):
        true = TextLinesCorpus(words).content_hash()
        path = words.parent / ".ophamin_lines-words-txt_content_hash"
        lie = json.loads(path.read_text()) | {"value": "0" * 64}
        path.write_text(json.dumps(lie), encoding="utf-8")
        assert TextLinesCorpus(words).content_hash() == "0" * 64  # the lie has the right form
        assert TextLinesCorpus(words).content_hash(fresh=True) == true
        assert TextLinesCorpus(words).content_hash() == true  # and is gone

    @pytest.mark.parametrize("text", ["one\ntwo\nthree\n", "six\nten\n"])
    def test_a_changed_file_is_read_again(self, words, text):
        corpus = TextLinesCorpus(words)
        before = corpus.content_hash()
        words.write_text(text, encoding="utf-8")
        os.utime(words, ns=(1, 1))  # an odd time, but another one
        after = corpus.content_hash()
        assert after != before
        assert TextLinesCorpus(words).content_hash() == after
        assert corpus.count() == len(text.split())

    def test_a_file_put_in_its_place_with_the_same_size_and_time_is_read_again(self, words):
        before = TextLinesCorpus(words).content_hash()
        facts = words.stat()
        other = words.with_name("other.txt")
        other.write_text("six\nten\n", encoding="utf-8")
        os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        other.replace(words)
        assert TextLinesCorpus(words).content_hash() != before

    @pytest.mark.parametrize(
        "hostile",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff\xfe",
            b"{" * 10_000,
            b"9" * 100_000,
            b'{"value": 1}',
            b'{"key": null, "rule": null, "value": 5}',
        ],
    )
    def test_a_cache_file_that_is_not_ours_is_ignored_and_written_anew(self, words, hostile):
        true = TextLinesCorpus(words).count()
        path = words.parent / ".ophamin_lines-words-txt_count"
        good = path.read_bytes()
        path.write_bytes(hostile)
        assert TextLinesCorpus(words).count() == true
        assert path.read_bytes() == good

    @pytest.mark.parametrize("value", [-1, True, "2", 2.0, None, [2]])
    def test_a_kept_count_that_is_no_count_is_ignored(self, words, value):
        TextLinesCorpus(words).count()
        path = words.parent / ".ophamin_lines-words-txt_count"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"value": value}), encoding="utf-8")
        assert TextLinesCorpus(words).count() == 2

    @pytest.mark.parametrize("value", ["", "x" * 64, "A" * 64, "0" * 63, "0" * 64 + "\n", 0])
    def test_a_kept_hash_that_is_no_hash_is_ignored(self, words, value):
        true = TextLinesCorpus(words).content_hash()
        path = words.parent / ".ophamin_lines-words-txt_content_hash"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"value": value}), encoding="utf-8")
        assert TextLinesCorpus(words).content_hash() == true

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
    def test_a_pipe_in_the_place_of_a_cache_file_is_not_waited_for(self, words):
        os.mkfifo(words.parent / ".ophamin_lines-words-txt_count")
        assert TextLinesCorpus(words).count() == 2

    def test_a_link_in_the_place_of_a_cache_file_is_replaced_and_its_target_left(self, words, tmp_path_factory):
        target = tmp_path_factory.mktemp("else") / "target"
        target.write_text("mine", encoding="utf-8")
        (words.parent / ".ophamin_lines-words-txt_count").symlink_to(target)
        assert TextLinesCorpus(words).count() == 2
        assert target.read_text(encoding="utf-8") == "mine"

    def test_where_the_folder_is_read_only_facts_go_to_the_users_cache(self, words, user_cache, monkeypatch):
        refuse_to_write_in(monkeypatch, words.parent)
        TextLinesCorpus(words).count()
        assert kept(words.parent) == []
        assert [path.parent.name for path in user_cache.rglob("*_count")] == ["corpora"]
        forbid(monkeypatch)
        assert TextLinesCorpus(words).count() == 2

    def test_two_files_of_one_name_do_not_share_the_users_cache(self, words, tmp_path_factory, monkeypatch):
        other = tmp_path_factory.mktemp("other") / "words.txt"
        other.write_text("one\n", encoding="utf-8")
        refuse_to_write_in(monkeypatch, words.parent, other.parent)
        assert [TextLinesCorpus(words).count(), TextLinesCorpus(other).count()] == [2, 1]
        forbid(monkeypatch)
        assert [TextLinesCorpus(words).count(), TextLinesCorpus(other).count()] == [2, 1]

    def test_where_nothing_can_be_written_facts_are_computed_each_time(self, words, monkeypatch):
        monkeypatch.setattr(cache, "write_atomic", refuse)
        assert [TextLinesCorpus(words).count(), TextLinesCorpus(words).count()] == [2, 2]

    def test_facts_under_another_pattern_are_not_believed(self, words):
        (words.parent / "notes.md").write_text("x", encoding="utf-8")
        folder = words.parent
        assert [FolderCorpus(folder, pattern=pattern).count() for pattern in ("*", "*.md", "*")] == [2, 1, 2]

    def test_cache_files_change_nothing_about_a_folder(self, words):
        folder = words.parent
        first = FolderCorpus(folder).content_hash()
        assert kept(folder)
        assert FolderCorpus(folder).content_hash(fresh=True) == first
        assert FolderCorpus(folder).count() == 1

    @pytest.mark.parametrize("change", ["add", "edit", "rename", "remove"])
    def test_a_changed_folder_is_read_again(self, tmp_path, change):
        for name in ("a.txt", "b.txt"):
            (tmp_path / name).write_text(name, encoding="utf-8")
        before = FolderCorpus(tmp_path).content_hash()
        if change == "add":
            (tmp_path / "c.txt").write_text("c", encoding="utf-8")
        elif change == "edit":
            (tmp_path / "a.txt").write_text("other text", encoding="utf-8")
        elif change == "rename":
            (tmp_path / "a.txt").rename(tmp_path / "z.txt")
        else:
            (tmp_path / "a.txt").unlink()
        assert FolderCorpus(tmp_path).content_hash() != before


def refuse(path, data):
    raise RecordWriteError(errno.EROFS, "read-only")


def refuse_to_write_in(monkeypatch, *folders):
    write = cache.write_atomic
    monkeypatch.setattr(
        cache, "write_atomic", lambda path, data: (refuse if path.parent in folders else write)(path, data)
    )


def test_nothing_is_kept_about_a_file_that_is_young(words):
    corpus = TextLinesCorpus(words)
    before = corpus.content_hash()
    assert kept(words.parent) == []
    words.write_text("six\nten\n", encoding="utf-8")  # same size, maybe within one tick of the file clock
    assert corpus.content_hash() != before


@pytest.mark.usefixtures("later")
def test_nothing_is_kept_of_a_file_that_changed_while_it_was_read(words, monkeypatch):
    compute = TextLinesCorpus._compute_count

    def slow(self):
        count = compute(self)
        with words.open("a", encoding="utf-8") as handle:
            handle.write("three\n")
        return count

    monkeypatch.setattr(TextLinesCorpus, "_compute_count", slow)
    assert TextLinesCorpus(words).count() == 2
    assert kept(words.parent) == []


@pytest.mark.usefixtures("later")
def test_two_files_in_one_folder_do_not_share_their_facts(tmp_path):
    for name, rows in (("a.jsonl", 1), ("b.jsonl", 3)):
        (tmp_path / name).write_text('{"text": "x"}\n' * rows, encoding="utf-8")
    counts = [JsonLinesCorpus(tmp_path / name).count() for name in ("a.jsonl", "b.jsonl", "a.jsonl", "b.jsonl")]
    assert counts == [1, 3, 1, 3]
