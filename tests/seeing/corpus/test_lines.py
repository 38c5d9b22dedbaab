# SPDX-License-Identifier: Apache-2.0
import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ophamin.seeing.corpus import lines as module
from ophamin.seeing.corpus.base import CorpusDataError
from ophamin.seeing.corpus.lines import line_blocks


def all_lines(path):
    return [line for lines in line_blocks(path) for line in lines]


@pytest.fixture
def put(tmp_path):
    def write(data, name="data.txt"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8"), max_size=60), st.integers(1, 9), st.sampled_from(["x.txt", "x.txt.gz"]))
def test_lines_are_the_text_cut_at_line_feeds_whatever_the_block_size(put, monkeypatch, text, block, name):
    monkeypatch.setattr(module, "_BLOCK", block)
    body = text.removeprefix("\ufeff")
    expected = body.split("\n")
    if expected[-1] == "":
        expected.pop()
    if block < 3:  # a mark is looked for in the first block, which is never that small
        text = body
    assert all_lines(put(text.encode(), name)) == expected


def test_other_line_ends_stay_in_the_line(put):
    assert all_lines(put("a\r\nb\u2028c\x0bd\n".encode())) == ["a\r", "b\u2028c\x0bd"]


def test_a_byte_order_mark_is_left_out_only_at_the_start(put):
    assert all_lines(put(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")) == ["one", "\ufefftwo"]


@pytest.mark.parametrize("block", [4, 2**20])
def test_a_byte_that_is_no_utf_8_is_told_with_its_line(put, monkeypatch, block):
    monkeypatch.setattr(module, "_BLOCK", block)
    with pytest.raises(CorpusDataError, match=r"data.txt, line 3: the byte 0xff is not UTF-8; save the file as UTF-8"):
        all_lines(put(b"one\ntwo\nth\xffree\nfour\n"))


def test_a_file_of_two_byte_characters_is_told_so(put):
    with pytest.raises(CorpusDataError, match="line 1: the byte 0xff is not UTF-8"):
        all_lines(put("text\n".encode("utf-16")))


@pytest.mark.parametrize("name", ["data.txt", "data.txt.gz"])
def test_a_line_without_end_is_refused_before_it_is_held(put, monkeypatch, name):
    monkeypatch.setattr(module, "_BLOCK", 16)
    monkeypatch.setattr(module, "MAX_LINE", 64)
    with pytest.raises(CorpusDataError, match="line 2 is longer than 64 bytes; split it"):
        all_lines(put(b"one\n" + b"x" * 200, name))


def test_a_gzip_bomb_is_refused_by_its_ratio(put):
    path = put(b"\n" * (32 * 2**20), "bomb.jsonl.gz")
    assert path.stat().st_size < 40_000
    with pytest.raises(CorpusDataError, match="inflate it yourself"):
        all_lines(path)


def test_a_gzip_file_is_refused_by_its_size_too(put, monkeypatch):
    monkeypatch.setattr(module, "MAX_INFLATED", 1000)
    monkeypatch.setattr(module, "_SMALL", 10)
    with pytest.raises(CorpusDataError, match="inflate to more than 1000 "):
        all_lines(put(bytes(range(32, 127)) * 20, "big.txt.gz"))


def test_a_small_file_may_inflate_more_than_its_ratio(put, monkeypatch):
    monkeypatch.setattr(module, "MAX_RATIO", 1)
    assert len(all_lines(put(b"\n" * 5000, "small.txt.gz"))) == 5000


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"plain text", lambda data: data[:12] + b"\xff" * 40]
)
def test_broken_gzip_data_is_told(tmp_path, damage):
    path = tmp_path / "x.txt.gz"
    path.write_bytes(damage(gzip.compress(bytes(range(256)) * 40)))
    with pytest.raises(CorpusDataError, match=r"x.txt.gz: the gzip data is broken \(.*fetch or compress it again"):
        all_lines(path)


def test_a_reader_that_stops_early_closes_the_file(put):
    blocks = line_blocks(put(b"one\ntwo\n"))
    next(blocks)
    blocks.close()  # an open file would be a ResourceWarning, which is an error here
    assert list(blocks) == []
