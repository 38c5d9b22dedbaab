# SPDX-License-Identifier: Apache-2.0
import gzip
import json

import pytest

from qmpt.data.sources import open_source
from qmpt.errors import DataError, RowError, SourceError

MAP = {"pattern": "who", "time": "when", "text": "said", "numbers": ["score"]}


def table(tmp_path, text, name="calls.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows(path, **options):
    return open_source("auto", path, **options).population()


def test_columns_become_the_parts_of_an_observation(tmp_path):
    path = table(
        tmp_path, 'who,when,said,score,team\nanna,2026-11-21,"hello, you",1.5,red\nbob,2026-11-22,bye,NA,blue\n'
    )
    found = rows(path, **MAP, layer_column="team", tags=["team"])
    assert [one.payload for one in found.observations] == [
        {"text": "hello, you", "numbers": {"score": 1.5}},
        {"text": "bye", "numbers": {"score": None}},
    ]
    assert [(one.obs_id, one.modality, one.tags) for one in found.observations] == [
        ("2", "text", ["team=red"]),
        ("3", "text", ["team=blue"]),
    ]
    assert {name: pattern.layer_id for name, pattern in found.patterns.items()} == {"anna": "red", "bob": "blue"}
    assert {name: layer.patterns for name, layer in found.layers.items()} == {"red": ["anna"], "blue": ["bob"]}


def test_a_text_over_several_lines_keeps_its_blank_lines(tmp_path):
    path = table(tmp_path, 'who,when,said\r\nanna,2026-11-21,"one\n\n three"\r\n\r\nbob,2026-11-21,x\r\n')
    found = rows(path, **{**MAP, "numbers": []})
    assert [one.payload["text"] for one in found.observations] == ["one\n\n three", "x"]


@pytest.mark.parametrize(
    ("cell", "unit", "seconds"),
    [
        ("1795251600", "s", 1795251600.0),
        ("1795251600123", "ms", 1795251600.123),
        ("1795251600000000000", "ns", 1795251600.0),
    ],
)
def test_times_as_numbers_are_read_in_their_unit(tmp_path, cell, unit, seconds):
    found = rows(table(tmp_path, f"who,when,said\na,{cell},x\n"), **{**MAP, "numbers": []}, time_unit=unit)
    assert found.observations[0].timestamp == seconds


def test_numbers_alone_become_a_list_that_signals_can_read(tmp_path):
    path = table(tmp_path, "who\twhen\tx\ty\na\t0\t1\t\n", "signals.tsv")
    found = rows(path, pattern="who", time="when", numbers=["x", "y"])
    assert [(one.modality, one.payload) for one in found.observations] == [("numeric", [1.0, None])]
    assert list(found.layers) == ["signals"]


def test_json_lines_are_read_too_also_gzipped(tmp_path):
    text = "\n".join(json.dumps({"u": 7, "t": 0, "p": {"action": "go"}, "n": str(n)}) for n in range(3))
    for path in (table(tmp_path, text, "a.jsonl"), table(tmp_path, gzip.compress(text.encode()), "a.jsonl.gz")):
        found = rows(path, pattern="u", time="t", payload="p", modality="behavior", id="n", layer="L")
        assert [(one.obs_id, one.pattern_id, one.payload) for one in found.observations] == [
            (str(n), "7", {"action": "go"}) for n in range(3)
        ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("who,when,said,score\na,soon,x,1\n", "row 2: the time stamp 'soon'"),
        ("who,when,said,score\na,0,x,1\nb,0,x,much\n", "row 3: score is 'much'"),
        ("who,when,said,score\n,0,x,1\n", "row 2: '' is no name"),
        ("who,when,said,score\na,0,x\n", "row 2: 3 cells under 4 columns"),
        ("who,when,said,scor\na,0,x,1\n", "no column 'score'; did you mean 'scor'"),
        ('who,when,said,score\na,0,"x,1\n', "unexpected end of data"),
        ("who,when,said,score\na,0,x,inf\n", "row 2: payload"),
        (f"who,when,said,score\na,0,{'x' * 200_000},1\n", "field larger than field limit"),
    ],
    ids=["time", "number", "name", "cells", "column", "quote", "infinite", "long"],
)
def test_a_bad_row_is_told_with_its_number(tmp_path, text, said):
    with pytest.raises(RowError, match=said):
        rows(table(tmp_path, text), **MAP)


def test_a_header_is_needed_and_names_each_column_once(tmp_path):
    for text, said in (("", "is empty"), ("who,who\n", "name each column once")):
        with pytest.raises(SourceError, match=said):
            rows(table(tmp_path, text), **MAP)


def test_another_encoding_is_told_as_such(tmp_path):
    with pytest.raises(DataError, match="save the file as UTF-8"):
        rows(table(tmp_path, "who,when,said,score\nJörg,0,x,1\n".encode("latin-1")), **MAP)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either payload= or text="),
        ({"payload": "a", "text": "b"}, "either payload= or text="),
        ({"text": "a", "time_unit": "hours"}, "time_unit='hours'"),
        ({"text": "a", "delimiter": ";;"}, "one character"),
        ({"numbers": "score"}, r"\['name'\]"),
    ],
    ids=["nothing", "both", "unit", "delimiter", "one name"],
)
def test_options_that_contradict_each_other_are_refused_at_once(tmp_path, options, said):
    with pytest.raises(SourceError, match=said):
        open_source("table", tmp_path / "x.csv", **options)


@pytest.mark.parametrize("line", ["[1]", "{", '{"u": null, "t": 0, "p": 1}', '{"u": "a", "t": true, "p": 1}'])
def test_bad_json_lines_are_told_with_their_number(tmp_path, line):
    with pytest.raises(RowError, match="row 1"):
        rows(table(tmp_path, line, "a.jsonl"), pattern="u", time="t", payload="p")
