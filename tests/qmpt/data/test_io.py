# SPDX-License-Identifier: Apache-2.0
import gzip
import json
import sqlite3
import sys
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmpt.data import _jsonl, _jsontext, _parquet, _sqlite, io
from qmpt.data.models import Layer, LayerState, Observation, Pattern
from qmpt.errors import DataError, DuplicateIdError, MissingLibraryError, RowError

SUFFIXES = io.SUFFIXES
SAME_FILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)

TEXT = st.text(max_size=20)
NAME = st.text(min_size=1, max_size=12)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
INTEGER = st.integers(-(2**63), 2**63 - 1)
PLAIN = st.recursive(
    st.none() | st.booleans() | INTEGER | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
UNIT = st.none() | st.floats(0.0, 1.0)
OBSERVATIONS = st.lists(
    st.builds(
        Observation,
        obs_id=NAME,
        pattern_id=NAME,
        timestamp=st.floats(-6e10, 2e11),
        modality=NAME,
        payload=PLAIN,
        tags=st.lists(TEXT, max_size=3),
    ),
    max_size=6,
    unique_by=lambda one: one.obs_id,
)
PATTERNS = st.lists(
    st.builds(
        Pattern,
        pattern_id=NAME,
        layer_id=NAME,
        metadata=st.dictionaries(TEXT, PLAIN, max_size=3),
        features=st.none() | st.lists(FINITE, min_size=1, max_size=5),
        anomaly_score=st.none() | FINITE,
        reflexivity=UNIT,
        self_operator=UNIT,
        feature_spec_version=st.none() | TEXT,
        metrics_version=st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    ),
    max_size=5,
    unique_by=lambda one: one.pattern_id,
)
STATES = st.builds(
    LayerState, t=FINITE, stress=UNIT, protection=UNIT, macro_state=st.dictionaries(TEXT, PLAIN, max_size=3)
)
LAYERS = st.lists(
    st.builds(
        Layer,
        layer_id=NAME,
        description=TEXT,
        patterns=st.lists(NAME, max_size=3, unique=True),
        state_trajectory=st.lists(STATES, max_size=3),
    ),
    max_size=4,
    unique_by=lambda one: one.layer_id,
)


def seen(number, **fields):
    return Observation(
        **{"obs_id": str(number), "pattern_id": "a", "timestamp": number, "modality": "text", "payload": "hi", **fields}
    )


@pytest.fixture(params=["orjson", "json"])
def either_json(request, monkeypatch):
    """Once with orjson and once without it."""
    if request.param == "json":
        monkeypatch.setattr(_jsontext, "_orjson", lambda: None)
    _jsontext._dumper.cache_clear()
    yield request.param
    _jsontext._dumper.cache_clear()


@pytest.mark.parametrize("suffix", SUFFIXES)
@SAME_FILE
@given(observations=OBSERVATIONS)
def test_observations_come_back_equal_in_order_from_every_format(tmp_path, either_json, suffix, observations):
    path = tmp_path / f"rows{suffix}"
    io.save_observations(path, iter(observations))
    assert io.load_observations(path) == observations
    assert list(io.iter_observations(path)) == observations


@pytest.mark.parametrize("suffix", SUFFIXES)
@SAME_FILE
@given(patterns=PATTERNS)
def test_patterns_come_back_equal_from_every_format(tmp_path, either_json, suffix, patterns):
    path = tmp_path / f"rows{suffix}"
    by_id = {pattern.pattern_id: pattern for pattern in patterns}
    io.save_patterns(path, by_id)
    found = io.load_patterns(path)
    assert found == by_id
    assert list(found) == list(by_id)


@pytest.mark.parametrize("suffix", SUFFIXES)
@SAME_FILE
@given(layers=LAYERS)
def test_layers_come_back_equal_from_every_format(tmp_path, either_json, suffix, layers):
    path = tmp_path / f"rows{suffix}"
    by_id = {layer.layer_id: layer for layer in layers}
    io.save_layers(path, by_id)
    assert io.load_layers(path) == by_id


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_arrays_and_awkward_numbers_come_back_as_documented(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    awkward = [1e300, 5e-324, -0.0, 2**63 - 1, 0.1, True, None, "\0", "\U0001d518\u2028\r\n", [], {}]
    io.save_observations(path, [seen(1, payload=np.array([1.0, np.nan])), seen(2, payload=awkward)])
    first, second = io.load_observations(path)
    assert first.payload == [1.0, None]
    assert json.dumps(second.payload) == json.dumps(awkward)  # also tells True from 1 and -0.0 from 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_patterns_that_were_changed_or_built_without_checks_are_written_all_the_same(tmp_path, suffix):
    changed = Pattern(pattern_id="a", layer_id="L")
    changed.features = [1.0, 2.0]
    changed.layer_id = "M"
    built = Pattern.model_construct(reflexivity=0.5, layer_id="L", pattern_id="b", metadata={"x": 1})
    path = tmp_path / f"rows{suffix}"
    io.save_patterns(path, {"a": changed, "b": built})
    assert io.load_patterns(path) == {"a": changed, "b": built}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_over_several_batches_keep_their_order(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(_parquet, "_BATCH", 7)
    monkeypatch.setattr(_parquet, "_ROW_GROUP", 10)
    monkeypatch.setattr(_sqlite, "_BATCH", 7)
    path = tmp_path / f"rows{suffix}"
    rows = [seen(number, payload={"n": number}, tags=["x"] * (number % 3)) for number in range(25)]
    io.save_observations(path, rows)
    assert io.load_observations(path) == rows


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
def test_equal_rows_give_equal_bytes_at_any_time(tmp_path, suffix, monkeypatch):
    for name, now in (("a", 1e9), ("b", 2e9)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        io.save_observations(tmp_path / f"{name}{suffix}", [seen(1), seen(2)])
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_write_leaves_the_old_rows(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    io.save_observations(path, [seen(1)])

    def breaking():
        yield seen(2)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        io.save_observations(path, breaking())
    with pytest.raises(DuplicateIdError, match="'3' comes twice"):
        io.save_observations(path, [seen(3), seen(3)])
    spoiled = seen(4, payload={})
    spoiled.payload["when"] = object()
    with pytest.raises(DataError, match="build the model anew"):
        io.save_observations(path, [spoiled])
    assert io.load_observations(path) == [seen(1)]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".sqlite", ".db"])
def test_one_database_holds_all_three_kinds(tmp_path, suffix):
    path = tmp_path / f"all{suffix}"
    io.save_observations(path, [seen(1)])
    io.save_patterns(path, {"a": Pattern(pattern_id="a", layer_id="L")})
    io.save_layers(path, {"L": Layer(layer_id="L")})
    io.save_observations(path, [seen(2)])
    assert [one.obs_id for one in io.load_observations(path)] == ["2"]
    assert (list(io.load_patterns(path)), list(io.load_layers(path))) == (["a"], ["L"])


def test_reading_a_database_leaves_no_file_beside_it(tmp_path):
    path = tmp_path / "rows.sqlite"
    io.save_observations(path, [seen(1)])
    io.load_observations(path)
    assert [file.name for file in tmp_path.iterdir()] == ["rows.sqlite"]


def test_a_database_where_nobody_can_write_is_read_all_the_same(tmp_path, monkeypatch):
    path = tmp_path / "rows.sqlite"
    io.save_observations(path, [seen(1)])
    monkeypatch.setattr(_sqlite.os, "access", lambda *_: False)
    assert io.load_observations(path) == [seen(1)]


def test_a_reader_keeps_the_rows_it_began_with_while_another_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(_sqlite, "_BATCH", 1)
    path = tmp_path / "rows.sqlite"
    io.save_observations(path, [seen(1), seen(2)])
    reader = io.iter_observations(path)
    first = next(reader)
    io.save_observations(path, [seen(9)])
    assert [first, *reader] == [seen(1), seen(2)]
    assert io.load_observations(path) == [seen(9)]


def write_lines(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")


ROW = {"obs_id": "1", "pattern_id": "a", "timestamp": 0, "modality": "text", "payload": "x"}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{", "row 3"),
        ("[1]", "row 3"),
        ('"x"', "row 3"),
        ('{"obs_id": NaN}', "row 3"),
        ({**ROW, "tag": []}, "tag is no known key; did you mean 'tags'"),
        ({key: ROW[key] for key in ROW if key != "payload"}, "payload is missing"),
        ({**ROW, "timestamp": "soon"}, "no ISO 8601"),
        ({**ROW, "timestamp": 1e15}, "divide milliseconds"),
        ({**ROW, "obs_id": 7}, "valid string, not 7"),
        ({**ROW, "payload": 2**64}, "64 bits|65 bits"),
        (json.dumps({**ROW, "payload": 0}).replace("0}", "1e999}"), "row 3"),
        (json.dumps({**ROW, "payload": "?"}).replace("?", "\\ud800"), "row 3"),
        ("[" * 2000 + "]" * 2000, "row 3"),
        ('{"payload":' * 100 + "1" + "}" * 100, "row 3"),
    ],
    ids=[
        "half", "list", "text", "nan", "unknown key", "missing", "time", "milliseconds", "number as id", "big integer",
        "infinite", "surrogate", "deep", "deep objects",
    ],
)  # fmt: skip
def test_a_bad_line_is_told_with_its_number(tmp_path, either_json, bad, said):
    path = tmp_path / "rows.jsonl"
    write_lines(path, ROW, "", bad)
    reader = io.iter_observations(path)
    assert next(reader).obs_id == "1"
    with pytest.raises(RowError, match=said) as caught:
        next(reader)
    assert caught.value.row == 3


def test_a_big_integer_is_never_rounded_in_silence(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_lines(path, {**ROW, "payload": [2**70]})  # the faster reader would make a float of it
    with pytest.raises(RowError, match="71 bits"):
        io.load_observations(path)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\r\n\r\n")
    assert [one.obs_id for one in io.load_observations(path)] == ["1"]


def test_bytes_that_are_no_utf8_are_told_with_the_line(tmp_path, either_json):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(json.dumps(ROW).encode().replace(b'"x"', b'"\xff"'))
    with pytest.raises(RowError, match="row 1"):
        io.load_observations(path)


def test_a_gzip_bomb_stops_at_the_limit(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(
        gzip.compress(b"".join(json.dumps({**ROW, "obs_id": str(i)}).encode() + b"\n" for i in range(5000)))
    )
    with pytest.raises(DataError, match="more than 100000 bytes unpacked; if you trust it, raise max_bytes"):
        io.load_observations(path, max_bytes=100_000)
    assert len(io.load_observations(path)) == 5000


def test_one_endless_line_stops_at_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(_jsonl, "MAX_LINE_BYTES", 1000)
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(bytes(10**7)))
    with pytest.raises(RowError, match="longer than 1000 bytes"):
        io.load_observations(path)


def test_a_cut_or_false_gzip_file_is_told_as_such(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    io.save_observations(path, [seen(number) for number in range(500)])
    whole = path.read_bytes()
    for spoiled in (whole[: len(whole) // 2], b"plain text", whole[:-6] + b"\0" * 6):
        path.write_bytes(spoiled)
        with pytest.raises(DataError, match="no whole gzip file"):
            io.load_observations(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_parquet_file_is_told_as_such(tmp_path, share):
    path = tmp_path / "rows.parquet"
    io.save_observations(path, [seen(number) for number in range(500)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match="no whole Parquet file"):
        io.load_observations(path)


def test_a_parquet_file_of_another_kind_is_told_as_such(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "rows.parquet"
    io.save_patterns(path, {})
    with pytest.raises(DataError, match="holds patterns, not observations"):
        io.load_observations(path)
    parquet.write_table(pa.table({"obs_id": ["1"]}), path)
    with pytest.raises(DataError, match="no rows that qmpt wrote"):
        io.load_observations(path)
    metadata = {b"qmpt.kind": b"observations", b"qmpt.schema": b"1"}
    parquet.write_table(pa.table({"obs_id": ["1"]}).replace_schema_metadata(metadata), path)
    with pytest.raises(DataError, match="column pattern_id is None"):
        io.load_observations(path)
    parquet.write_table(pa.table({"obs_id": ["1"]}).replace_schema_metadata({**metadata, b"qmpt.schema": b"9"}), path)
    with pytest.raises(DataError, match="use the qmpt that wrote it"):
        io.load_observations(path)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("payload", "{", "row 2: it holds no JSON text"),
        ("payload", '{"a": 1e999}', "row 2"),
        ("payload", "[1180591620717411303424]", "row 2: payload: the value holds an integer of 71 bits"),
        ("obs_id", "", "row 2: obs_id"),
        ("modality", None, "row 2: modality"),
        ("timestamp", float("nan"), "row 2: timestamp"),
        ("timestamp", 1e15, "row 2: timestamp"),
        ("tags", None, "row 2: tags"),
        ("tags", [None], "row 2: tags.0"),
    ],
)
def test_a_bad_row_of_a_parquet_file_is_told_with_its_number(tmp_path, column, value, said):
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "rows.parquet"
    io.save_observations(path, [seen(1), seen(2)])
    table = parquet.read_table(path)
    place = table.schema.get_field_index(column)
    cells = table.column(column).to_pylist()
    cells[1] = value
    field = pa.field(column, table.schema.field(column).type)
    parquet.write_table(table.set_column(place, field, pa.array(cells, field.type)), path)
    with pytest.raises(RowError, match=said):
        io.load_observations(path)


def test_the_fast_way_of_parquet_means_what_the_model_means(tmp_path):
    path = tmp_path / "rows.parquet"
    rows = [seen(1, payload={"a": [1]}, tags=["x"]), seen(2)]
    io.save_observations(path, rows)
    built = io.load_observations(path)
    assert [one.model_fields_set for one in built] == [set(Observation.model_fields)] * 2
    copied = built[0].model_copy(update={"modality": "belief"})
    assert (copied.modality, built[0].modality, built[0]) == ("belief", "text", rows[0])
    with pytest.raises(ValueError, match="frozen"):
        built[0].payload = 1


def test_parquet_that_unpacks_too_far_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "rows.parquet"
    io.save_observations(path, [seen(number, payload="x" * 1000) for number in range(100)])
    with pytest.raises(DataError, match="the limit is 1000"):
        io.load_observations(path, max_bytes=1000)


def test_without_pyarrow_parquet_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for act in (
        lambda: io.save_observations(tmp_path / "x.parquet", []),
        lambda: io.load_layers(tmp_path / "x.parquet"),
    ):
        with pytest.raises(MissingLibraryError, match=r"pytest-ophamin\[data\]"):
            act()


def test_a_locked_database_is_told_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(_sqlite, "LOCK_SECONDS", 0.0)
    path = tmp_path / "rows.sqlite"
    io.save_observations(path, [seen(1)])
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataError, match="locked; another process holds it"):
            io.save_observations(path, [seen(2)])
        assert io.load_observations(path) == [seen(1)]  # a reader is not held up
    finally:
        other.close()


def test_a_file_that_is_no_database_is_told_as_such(tmp_path):
    path = tmp_path / "rows.sqlite"
    path.write_bytes(b"not a database, but long enough to be taken for one " * 100)
    for act in (io.load_observations, lambda path: io.save_observations(path, [])):
        with pytest.raises(DataError, match="not a database; write it again"):
            act(path)


def test_a_database_of_another_program_is_told_by_its_tables(tmp_path):
    path = tmp_path / "rows.sqlite"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE songs (title)")
    base.close()
    with pytest.raises(DataError, match="it has songs"):
        io.load_observations(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE observations SET payload = '{' WHERE place = 2", "row 2: payload is no JSON text"),
        ("UPDATE observations SET payload = 5 WHERE place = 2", "row 2"),
        ("UPDATE observations SET payload = x'00ff' WHERE place = 2", "row 2: payload is no JSON text"),
        ("UPDATE observations SET timestamp = 'soon' WHERE place = 2", "row 2: timestamp"),
        ("UPDATE meta SET value = '9'", "use the qmpt that wrote it"),
        ("DELETE FROM meta", "schema None"),
    ],
)
def test_a_bad_row_of_a_database_is_told_with_its_place(tmp_path, change, said):
    path = tmp_path / "rows.sqlite"
    io.save_observations(path, [seen(1), seen(2, payload={"a": 1})])
    with sqlite3.connect(path) as base:
        base.execute(change)
    base.close()
    if change.endswith("5 WHERE place = 2"):  # a number is JSON text, too
        assert io.load_observations(path)[1].payload == 5
        return
    with pytest.raises(DataError, match=said):
        io.load_observations(path)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_ids_that_come_twice_in_a_file_are_an_error_unless_said_otherwise(tmp_path, suffix):
    path, other = tmp_path / f"rows{suffix}", tmp_path / "other.jsonl"
    write_lines(other, {**ROW, "payload": 1}, {**ROW, "obs_id": "2"}, {**ROW, "payload": 3})
    if suffix == ".parquet":
        rows = list(io.iter_observations(other))
        _parquet.write(path, io.OBSERVATIONS, rows)
    else:
        other.rename(path)
    with pytest.raises(DuplicateIdError, match=r"'1' comes twice.*on_duplicate"):
        io.load_observations(path)
    ways = {way: [one.payload for one in io.load_observations(path, on_duplicate=way)] for way in ("first", "last")}
    assert ways == {"first": [1, "x"], "last": [3, "x"]}
    assert len(list(io.iter_observations(path))) == 3
    with pytest.raises(ValueError, match="on_duplicate='newest'"):
        io.load_observations(path, on_duplicate="newest")


def test_a_key_that_is_not_the_id_is_refused(tmp_path):
    with pytest.raises(DataError, match="the key 'b' leads to the pattern_id 'a'"):
        io.save_patterns(tmp_path / "p.jsonl", {"b": Pattern(pattern_id="a", layer_id="L")})


@pytest.mark.parametrize("name", ["rows.csv", "rows", "rows.jsonl.xz", ".gz"])
def test_an_unknown_suffix_names_the_known_ones(tmp_path, name):
    with pytest.raises(DataError, match=r"give one of \.jsonl, \.jsonl\.gz, \.parquet, \.sqlite, \.db"):
        io.load_observations(tmp_path / name)


def test_the_suffix_may_be_written_large(tmp_path):
    io.save_observations(tmp_path / "ROWS.JSONL.GZ", [seen(1)])
    assert io.load_observations(tmp_path / "ROWS.JSONL.GZ") == [seen(1)]


def test_a_folder_in_the_place_of_a_file_is_told_as_such(tmp_path):
    for suffix in SUFFIXES:
        folder = tmp_path / f"rows{suffix}"
        folder.mkdir()
        with pytest.raises(DataError):
            io.load_observations(folder)
        with pytest.raises(DataError):
            io.save_observations(folder, [seen(1)])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_reader_takes_rows_as_they_are_asked_for(tmp_path, suffix, monkeypatch):
    """Only a batch is ahead, so memory does not grow with the file."""
    monkeypatch.setattr(_parquet, "_BATCH", 10)
    monkeypatch.setattr(_sqlite, "_BATCH", 10)
    path = tmp_path / f"rows{suffix}"
    io.save_observations(path, [seen(number) for number in range(200)])
    built = []
    check = Observation.model_validate
    monkeypatch.setattr(Observation, "model_validate", lambda row: built.append(1) or check(row))
    plain_values = []
    from qmpt.data import _rows

    monkeypatch.setattr(_rows, "plain", lambda value: plain_values.append(1) or value)
    reader = io.iter_observations(path)
    next(reader)
    assert len(built) + len(plain_values) <= 10
    reader.close()


def test_the_writer_takes_rows_as_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(_jsonl, "_ROWS", 5)
    path, held = tmp_path / "rows.jsonl", threading.local()
    held.most = held.now = 0

    class Counted(Observation):
        def __del__(self):
            held.now -= 1

    def rows():
        for number in range(100):
            held.now += 1
            held.most = max(held.most, held.now)
            yield Counted(obs_id=str(number), pattern_id="a", timestamp=0, modality="text", payload="hi")

    io.save_observations(path, rows())
    assert held.most <= 12


def test_the_collector_is_on_again_after_a_load_also_a_failed_one(tmp_path):
    import gc

    write_lines(tmp_path / "rows.jsonl", "{")
    with pytest.raises(RowError):
        io.load_observations(tmp_path / "rows.jsonl")
    assert gc.isenabled()
