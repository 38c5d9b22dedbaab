# SPDX-License-Identifier: Apache-2.0
import gzip
import json

import pytest

from qmpt.data.io import save_observations, save_patterns
from qmpt.data.models import Observation, Pattern
from qmpt.data.sources import SOURCES, Entry, Source, open_source, register_source, sniff
from qmpt.errors import QmptError, SourceError


def seen(number, pattern="a"):
    return Observation(obs_id=str(number), pattern_id=pattern, timestamp=number, modality="text", payload="hi")


class Given(Source):
    kind = "given"

    def __init__(self, path, *, entries=()):
        super().__init__(path)
        self.given = entries

    def entries(self):
        yield from self.given

    def inputs(self):
        return {}


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.csv", "", "table"),
        ("a.TSV", "", "table"),
        ("a.parquet", "", "observations"),
        ("a.db", "", "observations"),
        ("a.xml", "", "junit"),
        ("a.jsonl", '{"obs_id": "1"}', "observations"),
        ("a.jsonl", '{"who": 1}', "table"),
        ("a.jsonl", '{"pytest_version": "9", "$report_type": "SessionStart"}', "report-log"),
        ("a.json", '{"resourceSpans": []}', "otel"),
        ("a.json", '{\n  "name": "x",\n  "context": {"trace_id": "0x1"}}', "otel"),
        ("a.json", '{"data": [{"traceID": "1"}]}', "otel"),
        ("proof.json", '{"proof_id": "x"}', "proofs"),
    ],
)  # fmt: skip
def test_the_kind_is_told_by_suffix_and_first_bytes(tmp_path, name, content, kind):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert sniff(path) == kind


def test_the_kind_of_a_gzipped_file_is_told_by_what_is_in_it(tmp_path):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b'{"resourceSpans": [' + b" " * 10**6))
    assert sniff(path) == "otel"
    path.write_bytes(b"plain")
    with pytest.raises(SourceError, match="no gzip file"):
        sniff(path)


def test_the_kind_of_a_folder_is_told_by_what_is_in_it(tmp_path):
    for name, kind in (("junit/sub/a.xml", "junit"), ("proofs/x/y/proof.json", "proofs"), ("repo/.git/HEAD", "git")):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("", encoding="utf-8")
        assert sniff(tmp_path / name.partition("/")[0]) == kind
    (tmp_path / "spans").mkdir()
    (tmp_path / "spans" / "a.json").write_text('{"resourceSpans": []}', encoding="utf-8")
    assert sniff(tmp_path / "spans") == "otel"


@pytest.mark.parametrize("name", ["a.txt", "a", "a.json", "empty"])
def test_what_cannot_be_told_names_the_kinds(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SourceError, match="name it: git, junit, observations"):
        sniff(tmp_path / name)


def test_every_kind_opens_under_its_own_name(tmp_path):
    options = {"table": {"text": "said"}}
    for kind in SOURCES:
        source = open_source(kind, tmp_path, **options.get(kind, {}))
        assert source.kind == kind


def test_an_unknown_kind_or_option_names_the_nearest(tmp_path):
    with pytest.raises(SourceError, match="did you mean 'junit'"):
        open_source("junt", tmp_path)
    with pytest.raises(SourceError, match="did you mean 'limit'"):
        open_source("git", tmp_path, limt=3)


def test_a_kind_of_ones_own_can_be_registered_once(tmp_path, monkeypatch):
    monkeypatch.setattr("qmpt.data.sources.SOURCES", dict(SOURCES))
    register_source("given", Given)
    assert isinstance(open_source("given", tmp_path, entries=[]), Given)
    for name in ("given", "auto"):
        with pytest.raises(SourceError, match="is taken"):
            register_source(name, Given)


def test_a_population_holds_patterns_and_layers_in_the_order_of_their_appearance():
    entries = [Entry(seen(2, "b"), "L", {"x": 1}), Entry(seen(1), "M"), Entry(seen(3, "b"), "L", {"x": 2})]
    found = Given("x", entries=entries).population()
    assert [one.obs_id for one in found.observations] == ["2", "1", "3"]
    assert [(one.pattern_id, one.layer_id, one.metadata) for one in found.patterns.values()] == [
        ("b", "L", {"source": "given", "x": 1}),
        ("a", "M", {"source": "given"}),
    ]
    assert {name: layer.patterns for name, layer in found.layers.items()} == {"L": ["b"], "M": ["a"]}


def test_one_id_for_two_things_is_refused():
    with pytest.raises(SourceError, match="obs_id '1' comes twice"):
        Given("x", entries=[Entry(seen(1), "L"), Entry(seen(1), "L")]).population()
    with pytest.raises(SourceError, match="in the layers 'L' and 'M'"):
        Given("x", entries=[Entry(seen(1), "L"), Entry(seen(2), "M")]).population()


def test_an_empty_source_is_an_empty_population():
    found = Given("x").population()
    assert (found.observations, found.patterns, found.layers, found.skipped) == ([], {}, {}, {})


def test_stored_observations_come_with_the_layers_of_their_patterns(tmp_path):
    path, patterns = tmp_path / "seen.parquet", tmp_path / "patterns.jsonl"
    save_observations(path, [seen(1), seen(2, "b")])
    save_patterns(patterns, {"a": Pattern(pattern_id="a", layer_id="M", metadata={"x": 1})})
    source = open_source("auto", path, patterns=patterns)
    found = source.population()
    assert {name: one.layer_id for name, one in found.patterns.items()} == {"a": "M", "b": "seen"}
    assert found.patterns["a"].metadata["x"] == 1
    assert sorted(source.inputs()) == ["patterns.jsonl", "seen.parquet"]


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_a_path_that_is_not_there_is_told_as_such_by_every_kind(tmp_path, kind):
    options = {"text": "said"} if kind == "table" else {}
    missing = tmp_path / ("absent.jsonl" if kind == "observations" else "absent")
    source = open_source(kind, missing, **options)
    for act in (source.population, source.inputs):
        with pytest.raises(QmptError, match="absent"):
            act()


@pytest.mark.parametrize("kind", ["otel", "report-log", "proofs", "junit", "observations", "table"])
@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"[", b'{"a":' * 5000, b"\xff\xfe{}", b"null", b'"x"', b"<a/>", b"{}"], ids=repr
)
def test_nonsense_is_refused_or_empty_but_never_breaks(tmp_path, kind, content):
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    options = {"text": "said"} if kind == "table" else {}
    source = open_source(kind, path, **options)
    try:
        assert source.population().observations == []
    except QmptError as error:
        assert "x.jsonl" in str(error)  # noqa: PT017 - either outcome is right


def test_json_that_says_nothing_is_no_trace(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"resourceMetrics": []}), encoding="utf-8")
    assert open_source("otel", path).population().observations == []
