# SPDX-License-Identifier: Apache-2.0
import gzip
import hashlib
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError
from ophamin.seeing.corpus.base import Corpus, CorpusDataError, CorpusUnavailableError
from ophamin.seeing.corpus.files import CsvCorpus, JsonLinesCorpus, TextLinesCorpus

KINDS = {"jsonl": JsonLinesCorpus, "csv": CsvCorpus, "lines": TextLinesCorpus}


@pytest.fixture
def put(tmp_path):
    def write(data, name):
        path = tmp_path / name
        data = data.encode() if isinstance(data, str) else data
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


@pytest.fixture
def jsonl(put):
    def corpus(*rows, **options):
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        return JsonLinesCorpus(put("\n".join(lines) + "\n", "rows.jsonl"), **options)

    return corpus


def read(corpus):
    return list(corpus.records())


# --- what all three share ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_is_told_with_its_path(kind, tmp_path):
    corpus = KINDS[kind](tmp_path / "none.txt")
    assert not corpus.is_available()
    with pytest.raises(CorpusUnavailableError, match=r"none.txt: No such file or directory; check the path"):
        next(corpus.records())


@pytest.mark.parametrize("kind", KINDS)
def test_a_corpus_without_a_path_says_how_to_name_one(kind):
    with pytest.raises(CorpusUnavailableError, match=f"it needs a file; write {kind}:PATH"):
        KINDS[kind]().require_available()


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_file_is_told_so(kind, put):
    corpus = KINDS[kind](put("", "x"))
    for act in (corpus.content_hash, corpus.count, lambda: next(corpus.records()), lambda: corpus.sample(1)):
        with pytest.raises(CorpusUnavailableError, match="x is empty; a corpus has at least one record"):
            act()


@pytest.mark.parametrize("kind", ["jsonl", "lines"])
def test_a_file_of_blank_lines_holds_no_record(kind, put):
    corpus = KINDS[kind](put("\n \t\n\r\n", "x"))
    for act in (corpus.count, lambda: list(corpus.records()), lambda: corpus.sample(1)):
        with pytest.raises(CorpusUnavailableError, match="x holds no record"):
            act()


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_no_file(kind, tmp_path):
    with pytest.raises(CorpusUnavailableError, match="is a folder; name a file in it, or write folder:PATH"):
        KINDS[kind](tmp_path).require_available()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.parametrize("kind", KINDS)
def test_a_pipe_is_not_waited_for(kind, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorpusUnavailableError, match="is a pipe, socket or device"):
        KINDS[kind](tmp_path / "pipe").require_available()


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_no_system_takes_is_told(kind):
    with pytest.raises(CorpusUnavailableError, match="check the path"):
        KINDS[kind]("a\0b").require_available()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["x.txt", "x.txt.gz"])
def test_the_hash_is_that_of_the_bytes_on_disk(kind, name, put):
    path = put("text\nhello\n", name)
    assert KINDS[kind](path).content_hash() == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_a_gzipped_file_gives_the_same_records(kind, put):
    text = '"text"\n"hello"\n'
    assert read(KINDS[kind](put(text, "x"))) == read(KINDS[kind](put(text, "x.gz")))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_named_by_its_file_and_never_by_an_absolute_path(kind, tmp_path):
    corpus = KINDS[kind](tmp_path / "data.x")
    assert corpus.name == f"{kind}:data.x"
    assert str(tmp_path) not in json.dumps(corpus.selection())


def test_a_label_names_the_file_instead():
    assert JsonLinesCorpus("/far/away.jsonl", label="data/away.jsonl").name == "jsonl:data/away.jsonl"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_grows_may_be_declared_living(kind):
    assert (KINDS[kind]("x").pinned, KINDS[kind]("x", pinned=False).pinned) == (True, False)


# --- text lines -------------------------------------------------------------------------------------------------------


def test_lines_are_numbered_as_in_the_file_and_blank_ones_left_out(put):
    records = read(TextLinesCorpus(put("one\r\n\n  \n žluťoučký 🐎 \n", "x")))
    assert records == [
        CorpusRecord("line-1", "one", {"line": 1}),
        CorpusRecord("line-4", " žluťoučký 🐎 ", {"line": 4}),
    ]


# --- JSON Lines -------------------------------------------------------------------------------------------------------


def test_the_other_fields_are_the_metadata(jsonl):
    assert read(jsonl({"id": "a", "text": "hi", "lang": "en", "n": [1]})) == [
        CorpusRecord("a", "hi", {"lang": "en", "n": [1]})
    ]


@pytest.mark.parametrize("field", ["text", "content", "prompt", "input", "question", "body"])
def test_the_text_is_found_under_its_usual_names(jsonl, field):
    (record,) = read(jsonl({field: "hi", "x": 1}))
    assert (record.text, record.metadata) == ("hi", {"x": 1})


def test_of_two_usual_names_the_first_wins_and_the_other_stays(jsonl):
    (record,) = read(jsonl({"body": "b", "prompt": "p"}))
    assert (record.text, record.metadata) == ("p", {"body": "b"})


def test_a_usual_name_whose_value_is_no_text_is_passed_over(jsonl):
    (record,) = read(jsonl({"text": None, "prompt": "p"}))
    assert (record.text, record.metadata) == ("p", {"text": None})


def test_without_a_text_the_row_is_the_text_in_canonical_form(jsonl):
    (record,) = read(jsonl('{"b": 1, "a": "é", "id": "r"}'))
    assert (record.id, record.text) == ("r", '{"a":"\\u00e9","b":1}')
    assert record.metadata == {"b": 1, "a": "é"}


def test_a_named_text_field_is_taken_whatever_its_type(jsonl):
    records = read(jsonl({"q": {"b": 1, "a": 2}, "text": "t"}, {"q": "plain"}, text="q"))
    assert [record.text for record in records] == ['{"a":2,"b":1}', "plain"]
    assert records[0].metadata == {"text": "t"}


def test_a_named_text_field_that_a_row_lacks_is_told_with_line_and_nearest_field(jsonl):
    with pytest.raises(
        CorpusDataError, match=r"line 2: the row has no field 'body' \(text=body\); did you mean 'bodi'"
    ):
        read(jsonl({"body": "x"}, {"bodi": "y"}, text="body"))


def test_rows_without_an_id_are_named_by_their_line(jsonl):
    assert [
        record.id for record in read(jsonl({"text": "a"}, "", {"text": "b", "id": 7}, {"text": "c", "id": [1]}))
    ] == [
        "line-1",
        "7",
        "line-4",
    ]


def test_an_id_that_is_no_name_stays_in_the_metadata(jsonl):
    (record,) = read(jsonl({"text": "c", "id": {"x": 1}}))
    assert record.metadata == {"id": {"x": 1}}


def test_a_named_id_field_is_taken(jsonl):
    (record,) = read(jsonl({"key": "k", "id": 3, "text": "t"}, id="key"))
    assert (record.id, record.metadata) == ("k", {"id": 3})


@pytest.mark.parametrize(
    ("row", "problem"), [({"text": "t"}, "has no field 'key'"), ({"key": 1.5}, "is 1.5; an id is text")]
)
def test_a_named_id_field_that_names_nothing_is_told(jsonl, row, problem):
    with pytest.raises(CorpusDataError, match=f"line 1: .*{problem}"):
        read(jsonl(row, id="key"))


def test_a_line_that_is_text_is_the_text_and_any_other_its_canonical_form(jsonl):
    assert [record.text for record in read(jsonl('"hi"', "[2, 1]", "null", "3.50"))] == ["hi", "[2,1]", "null", "3.5"]


def test_white_space_and_carriage_returns_around_a_row_are_nothing(put):
    assert [r.text for r in read(JsonLinesCorpus(put(b' \t{"text": "a"} \t\r\n\r\n{"text": "b"}', "x")))] == ["a", "b"]


@pytest.mark.parametrize(
    "line",
    ['{"text": "cut of', '{"text"', "{", "]", "hello", "{'a': 1}", '{"a": 01}', '"\\x"', '"\t"', "\ufeff1", "\u3000 1"],
)
def test_half_a_row_is_told_with_its_line(jsonl, line):
    with pytest.raises(CorpusDataError, match=r"rows.jsonl, line 3: .*; write one whole JSON value per line") as caught:
        read(jsonl({"text": "a"}, {"text": "b"}, line, {"text": "d"}))
    assert repr(line[:5])[1:-1] in str(caught.value)


@pytest.mark.parametrize("line", ['{"a": 1} {"b": 2}', '{"a": 1},', "1 2"])
def test_two_values_on_one_line_are_refused(jsonl, line):
    with pytest.raises(CorpusDataError, match="line 1: more than one value, from column"):
        read(jsonl(line))


def test_two_halves_on_two_lines_do_not_make_a_row(jsonl):
    with pytest.raises(CorpusDataError, match="line 1: "):
        read(jsonl('{"text": "a"', ', "b": 1}'))


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_number_is_refused(jsonl, word):
    with pytest.raises(CorpusDataError, match=f"line 1: {word} is no JSON number; write null"):
        read(jsonl(f'{{"text": "a", "score": {word}}}'))


@pytest.mark.parametrize("line", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000])
def test_a_row_that_no_reader_should_hold_is_told_and_not_crashed_on(jsonl, line):
    with pytest.raises(CorpusDataError, match="line 1: "):
        read(jsonl(line))


def test_a_row_without_canonical_form_says_to_name_the_text(jsonl):
    with pytest.raises(CorpusDataError, match=r"line 1: \$.n: the integer .* lies beyond .*text=FIELD"):
        read(jsonl('{"n": 90071992547409930}'))


def test_records_before_a_bad_row_are_given(jsonl):
    stream = jsonl({"text": "a"}, "{").records()
    assert next(stream).text == "a"
    with pytest.raises(CorpusDataError):
        next(stream)


ROWS = st.lists(st.sampled_from(["", " ", '{"text": "x"}', '{"text": "y", "id": "k"}', '"z"']), min_size=1, max_size=60)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.integers(1, 8), st.integers(0, 2**40))
def test_the_fast_sample_is_the_sample_of_the_base(jsonl, rows, n, seed):
    corpus = jsonl('"first"', *rows)
    assert corpus.sample(n, seed) == Corpus.sample(corpus, n, seed)
    assert corpus.count() == len(read(corpus))


def test_the_fast_sample_of_a_large_file_is_the_sample_of_the_base(jsonl):
    corpus = jsonl(*({"text": str(number)} for number in range(3000)))
    assert corpus.sample(40, 9) == Corpus.sample(corpus, 40, 9)


def test_a_sample_decodes_only_what_it_keeps(jsonl):
    corpus = jsonl(*({"text": str(number)} for number in range(50)), "not json")
    assert sum(1 for seed in range(20) if "not json" not in str(corpus_sample(corpus, seed))) > 10


def corpus_sample(corpus, seed):
    try:
        return corpus.sample(2, seed)
    except CorpusDataError as problem:
        return problem


def test_a_sample_of_nothing_is_refused_by_the_fast_way_too(jsonl):
    with pytest.raises(ClaimError, match="n=0; a sample has at least 1"):
        jsonl('"x"').sample(0)


def test_the_selection_names_the_fields_that_were_given(jsonl):
    assert jsonl('"x"', text="q", id="k").selection() == {
        "name": "jsonl:rows.jsonl",
        "kind": "rows",
        "file": "rows.jsonl",
        "text": "q",
        "id": "k",
    }


# --- CSV --------------------------------------------------------------------------------------------------------------


def table(put, text, name="rows.csv", **options):
    return CsvCorpus(put(text, name), **options)


def test_a_row_is_text_id_and_the_other_columns(put):
    corpus = table(put, 'id,body,lang\n1,"a, b\nc",en\n2,žluť,cs\n')
    assert read(corpus) == [CorpusRecord("1", "a, b\nc", {"lang": "en"}), CorpusRecord("2", "žluť", {"lang": "cs"})]
    assert corpus.count() == 2


def test_a_row_without_an_id_is_named_by_its_last_line(put):
    assert [record.id for record in read(table(put, 'body\n"a\nb"\nc\n'))] == ["line-3", "line-4"]


def test_without_a_text_column_the_row_is_the_text(put):
    assert read(table(put, "x,y\n1,2\n")) == [CorpusRecord("line-2", '{"x":"1","y":"2"}', {"x": "1", "y": "2"})]


def test_a_tab_separates_in_a_tsv_file(put):
    assert read(table(put, "id\ttext\n1\ta,b\n", "rows.tsv"))[0].text == "a,b"
    assert CsvCorpus("rows.tsv.gz").delimiter == "\t"


def test_another_delimiter_may_be_given(put):
    assert read(table(put, "id;text\n1;a,b\n", delimiter=";"))[0].text == "a,b"


@pytest.mark.parametrize("delimiter", ["", ";;", "\n", '"'])
def test_a_delimiter_that_cannot_be_one_is_refused(delimiter):
    with pytest.raises(ClaimError, match="it is one character"):
        CsvCorpus("x.csv", delimiter=delimiter)


def test_blank_rows_are_left_out(put):
    assert table(put, "text\na\n\n\nb\n\n").count() == 2


@pytest.mark.parametrize(("row", "values"), [("1", 1), ("1,2,3", 3)])
def test_a_row_of_another_width_is_told_with_its_line(put, row, values):
    with pytest.raises(CorpusDataError, match=f"rows.csv, line 3: {values} values under 2 columns; quote a value"):
        read(table(put, f"id,text\n1,a\n{row}\n"))


def test_a_quote_that_is_never_closed_is_told(put):
    with pytest.raises(CorpusDataError, match=r"rows.csv, line 3: unexpected end of data; mend that row"):
        read(table(put, 'id,text\n1,a\n2,"b\n'))


def test_a_value_beyond_the_limit_of_the_reader_is_told(put):
    with pytest.raises(CorpusDataError, match=r"line 2: field larger than field limit \(131072\); .* JSON Lines"):
        read(table(put, "text\n" + "x" * 200_000 + "\n"))


@pytest.mark.parametrize("text", ["\n", ",,\n1,2,3\n", '"",""\n'])
def test_a_file_without_a_header_is_told(put, text):
    with pytest.raises(CorpusDataError, match="line 1: there is no header; the first row names the columns"):
        read(table(put, text))


def test_two_columns_of_one_name_are_refused(put):
    with pytest.raises(CorpusDataError, match="line 1: two columns are named 'a'; rename one"):
        read(table(put, "a,b,a\n1,2,3\n"))


def test_a_header_alone_holds_no_record(put):
    corpus = table(put, "id,text\n")
    for act in (corpus.count, lambda: read(corpus)):
        with pytest.raises(CorpusUnavailableError, match="holds no record"):
            act()


def test_a_byte_order_mark_of_a_spreadsheet_is_no_part_of_the_first_column(put):
    assert read(table(put, b"\xef\xbb\xbfid,text\r\n1,a\r\n")) == [CorpusRecord("1", "a", {})]
