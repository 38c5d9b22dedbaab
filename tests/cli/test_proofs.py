# SPDX-License-Identifier: Apache-2.0
import io
import json

import pytest
from rich.console import Console

from ophamin.cli.proofs import print_record, proof_table
from ophamin.cli.records import Listed

HOSTILE = "a\x1b[2Jb\r\u202ec\td\ne\x7f"
SHOWN = r"a\x1b[2Jb\r\u202ec\td\ne\x7f"


def console(width=80, **options):
    return Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False, **options)


def path_of(folder, verdict):
    where, records = folder
    return where / "scientific" / verdict.lower() / records[verdict].proof_id[:12] / "proof.json"


def test_a_pipe_gets_one_line_for_each_record(project, folder, ophamin):
    _, records = folder
    result = ophamin("proof", "list")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [fields[0] for fields in lines] == ["INCONCLUSIVE", "REFUTED", "VALIDATED"]
    ident = records["VALIDATED"].proof_id[:12]
    assert lines[2] == [
        "VALIDATED",
        ident,
        "2026-05-18",
        "rate(blocked) 0.04 [0.01, 0.09] <= 0.1 fraction",
        "few are blocked",
        f"proofs/scientific/validated/{ident}/proof.json",
    ]
    assert lines[0][3] == "rate(blocked) undefined, <= 0.1 fraction"


def test_a_folder_may_be_named(folder, ophamin):
    assert len(ophamin("proof", "list", folder[0]).stdout.splitlines()) == 3


def test_a_file_that_cannot_be_read_is_a_row_with_its_error(folder, ophamin):
    (folder[0] / "broken.json").write_text("{", encoding="utf-8")
    result = ophamin("proof", "list", folder[0])
    first = result.stdout.splitlines()[0].split("\t")
    assert result.exit_code == 0
    assert first[:4] == ["unreadable", "", "", ""]
    assert "line 1" in first[4]


def test_json_is_one_list(folder, ophamin):
    (folder[0] / "broken.json").write_text("{", encoding="utf-8")
    listed = json.loads(ophamin("proof", "list", folder[0], "--json").stdout)
    assert [one["verdict"] for one in listed] == [None, "INCONCLUSIVE", "REFUTED", "VALIDATED"]
    assert listed[0]["error"]
    assert listed[1]["observed"] is None
    assert listed[3] == {
        "path": path_of(folder, "VALIDATED").as_posix(),
        "proof_id": folder[1]["VALIDATED"].proof_id,
        "verdict": "VALIDATED",
        "statement": "few are blocked",
        "metric": "rate(blocked)",
        "observed": 0.04,
        "comparator": "<=",
        "threshold": 0.1,
        "units": "fraction",
        "created_at": "2026-05-18T12:00:00+00:00",
        "schema_version": "1.0",
        "error": None,
    }


@pytest.mark.parametrize("words", [("nowhere",), ()])
def test_no_folder_is_an_error_with_a_way_out(tmp_path, monkeypatch, ophamin, words):
    monkeypatch.chdir(tmp_path)
    result = ophamin("proof", "list", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert ("name a folder" if words else "run pytest --ophamin first") in result.stderr


def test_a_file_in_the_place_of_the_folder_is_no_folder(folder, ophamin):
    assert ophamin("proof", "list", path_of(folder, "REFUTED")).exit_code == 2


def test_hostile_text_is_made_visible_and_stays_on_its_line(tmp_path, build_record, ophamin):
    build_record(HOSTILE).to_json(tmp_path / "proof.json")
    line = ophamin("proof", "list", tmp_path).stdout
    assert line.count("\n") == 1
    assert line.split("\t")[4] == SHOWN
    printed = ophamin("proof", "list", tmp_path, "--json").stdout
    assert printed.isascii()
    assert "\x7f" not in printed
    assert json.loads(printed)[0]["statement"] == HOSTILE


def test_a_link_to_a_file_is_named_and_not_followed(folder, tmp_path, build_record, ophamin):
    outside = tmp_path / "outside.json"
    build_record("outside").to_json(outside)
    (folder[0] / "away.json").symlink_to(outside)
    result = ophamin("proof", "list", folder[0])
    assert "outside" not in result.stdout
    assert result.stderr.startswith("skipped: ")


def test_the_table_fits_80_columns(tmp_path, build_record):
    listed = [
        Listed(tmp_path / "a", build_record("word " * 60)),
        Listed(tmp_path / "b", build_record("[red]x[/red] :smile: " + HOSTILE, observed=0.5)),
        Listed(tmp_path / "c", None, "no good " * 30),
    ]
    screen = console()
    screen.print(proof_table(listed))
    text = screen.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert f"[red]x[/red] :smile: {SHOWN[:20]}" in text
    assert text.count("good") == 30
    assert listed[0].record.proof_id[:12] in text
    assert "2026-05-18" in text


def test_the_table_colours_verdicts(tmp_path, build_record):
    screen = console(force_terminal=True, color_system="standard")
    screen.print(proof_table([Listed(tmp_path, build_record()), Listed(tmp_path, build_record(observed=0.5))]))
    text = screen.file.getvalue()
    assert "\x1b[1;32mVALIDATED" in text
    assert "\x1b[1;31mREFUTED" in text


@pytest.mark.parametrize("way", ["file", "folder", "id", "prefix", "upper case"])
def test_a_record_is_found_by_path_folder_and_id(project, folder, ophamin, way):
    path, ident = path_of(folder, "VALIDATED"), folder[1]["VALIDATED"].proof_id
    given = {"file": path, "folder": path.parent, "id": ident, "prefix": ident[:6], "upper case": ident[:6].upper()}
    result = ophamin("proof", "show", given[way])
    assert result.exit_code == 0
    assert result.stdout.startswith("VALIDATED: few are blocked\n")


def test_the_plain_form_has_each_fact_on_a_line(project, folder, ophamin):
    record = folder[1]["VALIDATED"]
    lines = ophamin("proof", "show", record.proof_id).stdout.splitlines()
    for line in (
        "measured     rate(blocked) 0.04 [0.01, 0.09] <= 0.1 fraction",
        f"why          {record.verdict.reasoning}",
        "bar          rate(blocked) <= 0.1 fraction",
        "h0           rate(blocked) > 0.1",
        "evidence     claim.rate: rate(blocked) 0.04 [0.01, 0.09] (scipy 1.17.1)",
        "run again    python -m pytest --ophamin tests/test_a.py",
        f"record       {record.proof_id}",
        "seal         unsigned",
    ):
        assert line in lines


def test_what_the_scenario_says_of_itself_is_shown(tmp_path, build_record, ophamin):
    said = {
        "name": "tests.test_a",
        "tier": "engineering",
        "family": "latency",
        "if_refuted": "do not ship",
        "attempt": 3,
    }
    entity = {
        f"ophamin:{key}": value if key != "attempt" else {"$": value, "type": "xsd:int"} for key, value in said.items()
    }
    record = build_record(observed=0.5, provenance={"entity": {"ophamin:scenario": entity}})
    record.to_json(tmp_path / "proof.json")
    lines = ophamin("proof", "show", tmp_path).stdout.splitlines()
    assert "scenario     tests.test_a" in lines
    assert "kind         engineering, latency" in lines
    assert "consequence  do not ship" in lines
    assert "attempt      3" in lines


@pytest.mark.parametrize(
    "provenance",
    [{"entity": []}, {"entity": {"ophamin:scenario": 3}}, {"entity": {"ophamin:scenario": {"ophamin:name": []}}}],
)
def test_a_provenance_graph_of_any_form_is_no_failure(tmp_path, build_record, ophamin, provenance):
    build_record(provenance=provenance).to_json(tmp_path / "proof.json")
    assert ophamin("proof", "show", tmp_path).exit_code == 0


def test_problems_of_a_record_are_shown(tmp_path, build_record, ophamin):
    build_record(substrate_git_commit="").to_json(tmp_path / "proof.json")
    assert "\nproblem      data.substrate_git_commit is empty" in ophamin("proof", "show", tmp_path).stdout


def test_markdown_and_json_are_those_of_the_record(project, folder, ophamin):
    record = folder[1]["REFUTED"]
    assert ophamin("proof", "show", record.proof_id, "--markdown").stdout == record.to_markdown()
    shown = ophamin("proof", "show", record.proof_id, "--json").stdout
    assert shown.rstrip("\n") == path_of(folder, "REFUTED").read_text(encoding="utf-8")
    assert ophamin("proof", "show", record.proof_id, "--json", "--markdown").exit_code == 2


@pytest.mark.parametrize("form", [(), ("--markdown",), ("--json",)])
def test_no_form_lets_hostile_text_act(tmp_path, build_record, ophamin, form):
    record = build_record(
        HOSTILE, substrate_name=HOSTILE, provenance={"entity": {"ophamin:scenario": {"ophamin:name": HOSTILE}}}
    )
    record.evidence[0].detail["first_error"] = HOSTILE
    record.to_json(tmp_path / "proof.json")
    text = ophamin("proof", "show", tmp_path, *form).stdout
    assert not any(char in text for char in "\x1b\r\u202e\x7f\t")


def test_the_terminal_form_fits_its_width_and_says_all(build_record):
    record = build_record("lengthy claim " * 20, observed=0.5)
    record.evidence[0].detail["note"] = "x" * 300
    screen = console()
    print_record(record, screen)
    text = screen.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.count("lengthy") == 20
    assert text.count("x") >= 300
    assert record.proof_id in text.replace("\n", "").replace(" ", "")


def test_a_file_that_is_no_record_is_an_error(tmp_path, ophamin):
    (tmp_path / "proof.json").write_text('{"claim": 1}', encoding="utf-8")
    result = ophamin("proof", "show", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere.json", "no such file, and no id either"),
        ("ab1", "3 digits of an id; give at least 4"),
        ("0000", "there are "),
        ("a" * 65, "no such file"),
    ],
)
def test_what_leads_to_no_record_is_an_error_with_a_way_out(project, ophamin, given, said):
    result = ophamin("proof", "show", given)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_unknown_id_names_those_that_are_there(project, folder, ophamin):
    ids = {record.proof_id[:12] for record in folder[1].values()}
    said = ophamin("proof", "show", "0000").stderr
    assert all(ident in said for ident in ids)


def test_many_ids_are_not_all_named(project, build_record, ophamin):
    for number in range(20):
        build_record(f"claim {number}").to_json(project / "proofs" / f"{number}.json")
    assert "and 13 more" in ophamin("proof", "show", "0" * 20).stderr


def test_a_folder_without_a_record_is_an_error(project, ophamin):
    result = ophamin("proof", "show", "proofs/scientific")
    assert result.exit_code == 2
    assert "ophamin proof list proofs/scientific" in result.stderr


def test_an_id_without_a_folder_of_records_says_how_to_get_one(tmp_path, monkeypatch, ophamin):
    monkeypatch.chdir(tmp_path)
    assert "run pytest --ophamin" in ophamin("proof", "show", "abcd").stderr


def with_shared_prefix(build_record, digits=4):
    """Two records whose ids begin alike; by the birthday bound some hundred tries are enough for four digits."""
    seen = {}
    for number in range(5000):
        record = build_record(f"claim {number}")
        other = seen.setdefault(record.proof_id[:digits], record)
        if other is not record:
            return other, record
    raise AssertionError("no two ids begin alike")


def test_an_ambiguous_prefix_names_the_candidates_and_one_more_digit_decides(project, build_record, ophamin):
    pair = with_shared_prefix(build_record)
    for record in pair:
        record.to_json(project / "proofs" / f"{record.proof_id}.json")
    ids = [record.proof_id for record in pair]
    result = ophamin("proof", "show", ids[0][:4])
    assert result.exit_code == 2
    assert all(ident[:12] in result.stderr for ident in ids)
    assert "give more digits" in result.stderr
    assert ophamin("proof", "show", ids[0][:12]).stdout.startswith(f"VALIDATED: {pair[0].claim.statement}\n")


def test_one_record_in_two_files_is_not_ambiguous(project, folder, ophamin):
    record = folder[1]["VALIDATED"]
    record.to_json(project / "proofs" / "copy.json")
    assert ophamin("proof", "show", record.proof_id[:12]).exit_code == 0
