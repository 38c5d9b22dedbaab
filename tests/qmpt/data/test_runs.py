# SPDX-License-Identifier: Apache-2.0
import json
from importlib.metadata import version
from pathlib import Path

import pytest

from qmpt import __version__
from qmpt.config.loader import load_config
from qmpt.errors import DataError
from qmpt.runs import config_hash, distinct_names, file_digests, library_versions, read_run, write_run


def test_a_record_says_how_to_make_the_output_again(tmp_path):
    (tmp_path / "rows.csv").write_bytes(b"abc")
    config = load_config("metrics_default")
    path = write_run(
        tmp_path / "out",
        command=["qmpt", "score"],
        config=config,
        seeds={"bootstrap": 7},
        inputs=file_digests([tmp_path / "rows.csv"]),
        counts={"rows": 3},
        warnings=["few rows"],
        seconds={"fit": 0.5},
        libraries=["pydantic", "numpy"],
    )
    assert path == tmp_path / "out" / "run.json"
    record = read_run(tmp_path / "out")
    # FIPS 180-2, appendix B.1: the message "abc"
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert record["inputs"] == {"rows.csv": f"sha256:{expected}"}
    assert record["config"]["metrics"]["anomaly"]["w2"] == 0.7
    assert record["config_sha256"] == config_hash(config)
    assert record["libraries"] == {"numpy": version("numpy"), "pydantic": version("pydantic")}
    assert (record["qmpt_version"], record["seeds"], record["counts"]) == (__version__, {"bootstrap": 7}, {"rows": 3})
    assert (record["command"], record["warnings"]) == (["qmpt", "score"], ["few rows"])
    assert record["time"]["seconds"] == {"fit": 0.5}


def test_two_equal_runs_differ_in_their_time_alone(tmp_path):
    texts = []
    for name, took in (("a", 1.0), ("b", 2.0)):
        path = write_run(tmp_path / name, config={"b": 1, "a": [2]}, seeds={"s": 1}, seconds={"x": took})
        record = json.loads(path.read_bytes())
        assert record.pop("time")["seconds"] == {"x": took}
        texts.append(json.dumps(record))
    assert texts[0] == texts[1]


def test_the_hash_of_a_configuration_tells_values_apart_and_not_their_order():
    assert config_hash({"a": 1, "b": [1, 2]}) == config_hash({"b": [1, 2], "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})
    assert config_hash(load_config("metrics_default")) != config_hash(load_config("features_text"))


def test_a_value_that_is_not_plain_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(DataError, match="seeds holds object"):
        write_run(tmp_path / "out", seeds={"s": object()})
    assert not (tmp_path / "out").exists()


def test_a_new_record_takes_the_place_of_the_old_one(tmp_path):
    write_run(tmp_path, seeds={"s": 1})
    write_run(tmp_path, seeds={"s": 2})
    assert read_run(tmp_path / "run.json")["seeds"] == {"s": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_two_inputs_of_one_name_are_told_apart(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows").write_text(name, encoding="utf-8")
    assert len(file_digests([tmp_path / "a" / "rows", tmp_path / "b" / "rows"])) == 2


def test_two_folders_of_one_name_have_two_names():
    assert distinct_names(["x/scored", "y/scored", "z"]) == ["x/scored", "y/scored", "z"]
    assert distinct_names(["."]) == [Path.cwd().name]


def test_libraries_by_default_are_those_that_are_loaded():
    import pydantic

    assert library_versions()["pydantic"] == pydantic.VERSION
    with pytest.raises(DataError, match="no-such-library is not installed"):
        library_versions(["no-such-library"])


@pytest.mark.parametrize(
    ("content", "said"), [("{", "no JSON"), ("[]", "format 'list'"), ('{"format": "x"}', "format 'x'")]
)
def test_what_is_no_record_is_refused(tmp_path, content, said):
    (tmp_path / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        read_run(tmp_path)
