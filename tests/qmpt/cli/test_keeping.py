# SPDX-License-Identifier: Apache-2.0
"""What --out leaves: whole results with a record that fits them, or something that nobody takes for a result."""

import json
import shutil

import pytest

from qmpt.cli.claims import LOCK_NAME, Claim
from qmpt.data.files import TEMPORARY_PREFIX, digest
from qmpt.errors import DataError
from qmpt.runs import file_digests, read_kept, read_run, write_run

SCORE = ("--resamples", 0)


def test_the_record_holds_the_digest_of_every_file_that_was_written(qmpt, spans, tmp_path):
    out = tmp_path / "out"
    assert qmpt("score", spans, *SCORE, "--out", out).exit_code == 0
    record = read_run(out)
    assert record["outputs"] == {name: digest(out / name) for name in ("scores.json", "patterns.jsonl")}
    assert record["finished"] is True
    assert {path.name for path in out.iterdir()} == {"run.json", *record["outputs"]}


def test_a_run_that_fails_midway_leaves_nothing_that_is_taken_for_a_result(qmpt, spans, tmp_path):
    out = tmp_path / "out"
    assert qmpt("score", spans, *SCORE, "--seed", 1, "--out", out).exit_code == 0
    (out / "patterns.jsonl").unlink()
    (out / "patterns.jsonl").mkdir()
    failed = qmpt("score", spans, "--resamples", 20, "--seed", 2, "--out", out)
    assert failed.exit_code == 2
    for words in (("report", out), ("validate", out)):
        refused = qmpt(*words)
        assert refused.exit_code > 0
        assert "did not end" in " ".join(refused.output.split())
    (out / "patterns.jsonl").rmdir()
    assert qmpt("score", spans, *SCORE, "--seed", 3, "--out", out).exit_code == 0
    assert read_run(out)["seeds"] == {"anomaly": 3}
    assert qmpt("report", out).exit_code == 0


@pytest.fixture(scope="module")
def folders(qmpt, spans, tmp_path_factory):
    """What ingest, features and score keep."""
    top = tmp_path_factory.mktemp("kept")
    assert qmpt("ingest", spans, "--out", top / "ingest").exit_code == 0
    assert qmpt("features", spans, "--out", top / "features").exit_code == 0
    assert qmpt("score", spans, *SCORE, "--out", top / "score").exit_code == 0
    return top


@pytest.mark.parametrize(
    ("folder", "file", "words"),
    [
        pytest.param("score", "scores.json", ("report",), id="report"),
        pytest.param("score", "patterns.jsonl", ("validate",), id="validate"),
        pytest.param("ingest", "patterns.jsonl", ("score", *SCORE), id="score what was ingested"),
        pytest.param("features", "patterns.jsonl", ("score", *SCORE), id="score features"),
        pytest.param("features", "features.json", ("validate",), id="validate features"),
    ],
)
def test_files_that_are_not_those_of_the_record_are_refused_with_the_way_out(
    qmpt, folders, tmp_path, folder, file, words
):
    given = shutil.copytree(folders / folder, tmp_path / folder)
    before = qmpt(words[0], given, *words[1:])
    assert before.exit_code == 0
    with (given / file).open("ab") as handle:
        handle.write(b" ")
    changed = qmpt(words[0], given, *words[1:])
    assert changed.exit_code > 0
    said = " ".join(changed.output.split())
    assert f"{file} is not what `qmpt {folder}` wrote" in said
    assert "run it again" in said


@pytest.mark.parametrize(
    ("folder", "words"), [("score", ("report",)), ("ingest", ("score", *SCORE)), ("features", ("score", *SCORE))]
)
def test_results_without_their_record_are_recognised(qmpt, folders, tmp_path, folder, words):
    given = shutil.copytree(folders / folder, tmp_path / folder)
    (given / "run.json").unlink()
    refused = qmpt(words[0], given, *words[1:])
    assert refused.exit_code == 2
    assert "and no run.json" in refused.stderr


def test_a_file_that_the_record_does_not_know_is_no_result(tmp_path):
    (tmp_path / "rows").write_bytes(b"1")
    write_run(tmp_path, command=["qmpt", "score"], outputs={})
    with pytest.raises(DataError, match="has no such file"):
        read_kept(tmp_path, ["rows"])
    write_run(tmp_path, command=["qmpt", "score"], outputs=file_digests([tmp_path / "rows"]), finished=False)
    with pytest.raises(DataError, match="`qmpt score` did not end"):
        read_kept(tmp_path, ["rows"])


def test_what_a_killed_process_left_is_no_obstacle(qmpt, tmp_path):
    for name in (LOCK_NAME, f"{TEMPORARY_PREFIX}0123456789abcdef"):
        (tmp_path / name).touch()
    assert qmpt("history", "--runs", 100, "--out", tmp_path).exit_code == 0
    assert (tmp_path / "history.json").is_file()


def test_a_second_writer_is_refused_and_the_first_loses_nothing(qmpt, tmp_path):
    pytest.importorskip("fcntl")
    claim = Claim(tmp_path / "out")
    refused = qmpt("history", "--runs", 100, "--out", tmp_path / "out")
    assert refused.exit_code == 2
    assert "another run is writing to" in refused.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [LOCK_NAME]
    claim.release()
    assert qmpt("history", "--runs", 100, "--out", tmp_path / "out").exit_code == 0


def test_a_command_that_fails_leaves_no_folder_and_keeps_nobody_out(qmpt, tmp_path):
    out = tmp_path / "new" / "deep"
    assert qmpt("score", tmp_path / "nowhere", "--out", out).exit_code == 2
    assert list(tmp_path.iterdir()) == []
    assert qmpt("history", "--runs", 100, "--out", out).exit_code == 0


def test_a_folder_that_cannot_be_written_to_is_found_before_anything_is_computed(qmpt, tmp_path, monkeypatch):
    def computed(*_, **__):
        raise AssertionError("it was computed")

    monkeypatch.setattr("qmpt.cli.history._tested", computed)
    monkeypatch.setattr("qmpt.cli.report._sections", computed)
    (tmp_path / "file").touch()
    for words in (
        ("history", "--out", tmp_path / "file" / "out"),
        ("report", tmp_path, "--out", tmp_path / "file/r.md"),
    ):
        refused = qmpt(*words)
        assert refused.exit_code == 2
        assert "cannot be written to: " in refused.stderr
        assert "give another --out" in refused.stderr


def test_what_another_command_wrote_while_the_folder_was_free_is_left_alone(qmpt, tmp_path, monkeypatch):
    """Between the look at the folder and the lock on it another run may end."""
    real = Claim.__init__

    def slow(self, folder):
        real(self, folder)
        write_run(folder, command=["qmpt", "score"])

    monkeypatch.setattr(Claim, "__init__", slow)
    refused = qmpt("history", "--runs", 100, "--out", tmp_path)
    assert refused.exit_code == 2
    assert json.loads((tmp_path / "run.json").read_bytes())["command"] == ["qmpt", "score"]
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
