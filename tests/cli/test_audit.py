# SPDX-License-Identifier: Apache-2.0
"""``ophamin audit``: which codes it ends with, what it prints and writes, and that nothing of it stays behind."""

import json
import os
import select
import signal
import stat
import subprocess
import sys

import pytest

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.base import AuditPillar, Coverage, Finding, PillarState
from ophamin.auditing.listing import list_files
from ophamin.core.dsse import parse_envelope, verify
from ophamin.core.keyfiles import save_private_key
from ophamin.core.keys import generate_key
from ophamin.registry import AUDITORS
from ophamin.trust.statements import AUDIT, read_statement

HOSTILE = "\x1b[2J::error::[red]x[/red] | <img> \u202e"


class Marks(AuditPillar):
    """Finds every line of a Python file that says ``# FAULT severity rule``."""

    name = "marks"
    tool_binary = "marks"
    asked = None

    def run(self, target_path, *, options=None):
        type(self).asked = options
        listing = list_files(target_path, chosen=options.files)
        found = [
            Finding(self.name, words[2], words[1], f"a {words[1]} thing", name, number, 3)
            for name in listing.files
            for number, line in enumerate((listing.root / name).read_text().splitlines(), 1)
            if (words := line.partition("# ")[2].split())[:1] == ["FAULT"]
        ]
        return self.finished_result(target_path, found, listing.coverage(listing.files), version="marks 1")


class Gone(AuditPillar):
    """A tool that is not installed."""

    name = "gone"
    tool_binary = "no-such-tool"

    def run(self, target_path, *, options=None):
        return self.unavailable_result(target_path)


@pytest.fixture
def register():
    """Add auditors for one test."""
    names = []

    def add(kind):
        AUDITORS.register(kind, kind.name)
        names.append(kind.name)
        return kind

    yield add
    for name in names:
        AUDITORS.unregister(name)


@pytest.fixture
def tree(tmp_path, monkeypatch, register):
    """A folder to audit, ``src``, in the current one; the auditors ``marks`` and ``gone``; a home of its own."""
    register(Marks)
    register(Gone)
    for name in ("CI", "GITHUB_BASE_REF", "OPHAMIN_SIGNING_KEY", "OPHAMIN_SIGNING_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    here = tmp_path / "project"
    (here / "src").mkdir(parents=True)
    monkeypatch.chdir(here)

    def write(text="x = 1\n", name="src/a.py"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
        return here

    write()
    return write


@pytest.fixture
def audit(tree, ophamin):
    """Audit ``src`` with the auditor ``marks``."""
    return lambda *words, tools="marks": ophamin("audit", "src", "--tools", tools, *words)


HIGH = "run(x)  # FAULT high X1\n"
LOW = "run(y)  # FAULT low X2\n"


# -- exit codes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tools", "code"),
    [
        ("x = 1\n", "marks", 0),
        (LOW, "marks", 0),
        (HIGH, "marks", 1),
        ("x = 1\n", "marks,gone", 3),
        (HIGH, "marks,gone", 1),
        (HIGH, "gone", 3),
    ],
    ids=["clean", "mild", "grave", "missing", "grave-and-missing", "only-missing"],
)
def test_the_exit_code_says_what_follows(tree, audit, text, tools, code):
    tree(text)
    assert audit(tools=tools).exit_code == code


@pytest.mark.parametrize(("severity", "code"), [("critical", 0), ("high", 1), ("LOW", 1)])
def test_the_mildest_severity_that_blocks_is_chosen(tree, audit, severity, code):
    tree(HIGH)
    assert audit("--fail-on", severity).exit_code == code


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["audit", "nowhere"], "nowhere: No such file or directory; give a file or a folder that is there"),
        (["audit", "src", "--tools", "marcs"], "no auditor is named 'marcs'; did you mean 'marks'?"),
        (["audit", "src", "--tools", " , "], "no auditor is named; name at least one"),
        (["audit", "src", "--format", "sarf"], "--format sarf: no such form; did you mean 'sarif'?"),
        (["audit", "src", "--fail-on", "hihg"], "--fail-on hihg: no such severity; did you mean 'high'?"),
        (["audit", "src", "--output", "a.txt"], "--output a.txt: its name says no form; let it end with .json, .md"),
        (["audit", "src", "--key-file", "k.pem"], "--key-file signs what --dir writes; give --dir too"),
        (["audit", "src", "--may-rise"], "--may-rise is about --write-baseline; give it too"),
        (["audit", "src", "--no-baseline", "--write-baseline"], "--no-baseline takes none"),
        (["audit", "src", "--baseline", "b.txt"], "b.txt: No such file or directory; write one with --write-baseline"),
        (["audit", "src", "--tools", "marks", "--osv-url", "http://127.0.0.1"], "--osv-url is for pip-audit, which is"),
        (["audit", "src", "--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
        (["audit", "src", "--dir", "records", "--key-file", "nowhere.pem"], "nowhere.pem"),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else "-".join(value[2:] or ["path"]),
)
def test_what_cannot_be_asked_is_told_before_anything_runs(tree, ophamin, words, told):
    Marks.asked = None
    result = ophamin(*words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""
    assert Marks.asked is None


def test_a_fault_of_the_machinery_has_a_code_of_its_own(tree, audit, monkeypatch):
    monkeypatch.setattr("ophamin.auditing.runner.tree_digest", lambda listing: 1 / 0)
    result = audit()
    assert result.exit_code == 5
    assert result.stderr == "error: the audit failed: ZeroDivisionError: division by zero; report this\n"


def test_a_record_that_cannot_be_written_is_a_fault_of_the_machinery(tree, audit):
    tree("", "records")
    assert audit("--dir", "records").exit_code == 5


def test_an_auditor_that_raises_leaves_the_others_and_is_undecided(tree, audit, register):
    class Raises(Marks):
        name = "raises"

        def run(self, target_path, *, options=None):
            raise SystemExit(0) if options is None else ValueError("of all things")

    register(Raises)
    result = audit(tools="marks,raises")
    assert result.exit_code == 3
    assert result.stdout.splitlines()[1].split("\t")[:3] == ["UNDECIDED", "raises", "crashed"]
    assert "ValueError: of all things" in result.stdout


# -- what is printed --------------------------------------------------------------------------------------------------


def test_into_a_pipe_go_fields_between_tabs_and_nothing_is_cut(tree, audit):
    tree((HIGH + LOW) * 30)
    result = audit(tools="marks,gone")
    first, second, *findings = (line.split("\t") for line in result.stdout.splitlines())
    del first[8], second[8]  # seconds
    reason = "30 findings of severity high or worse"
    assert first == ["FAILED", "marks", "findings", "0", "30", "0", "30", "0", reason]
    assert second[:8] == ["UNDECIDED", "gone", "unavailable", *"-----"]
    assert second[8].startswith("unavailable: no-such-tool is not installed")
    assert len(findings) == 30
    assert findings[0] == ["high", "a.py:1:3", "marks", "X1", "a high thing"]
    summary, way_out = result.stderr.splitlines()
    assert summary == "failed: 30 findings block, of 60 in all; undecided: gone"
    assert "--write-baseline" in way_out


@pytest.fixture
def shown(monkeypatch):
    monkeypatch.setattr("ophamin.cli.audit_table.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")


def test_on_a_terminal_there_is_a_table_of_80_columns_with_the_gravest_twenty(tree, audit, shown):
    tree(LOW + HIGH * 30)
    lines = audit(tools="marks,gone").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["TOOL", "STATE", "CRIT", "HIGH", "MED", "LOW", "INFO", "SECONDS"]
    assert lines[1].split()[:8] == ["FAILED", "marks", "findings", "0", "30", "0", "1", "0"]
    assert lines[2].split()[:3] == ["UNDECIDED", "gone", "unavailable"]
    assert sum(line.startswith("high ") for line in lines) == 20
    assert "and 10 more; --format json has all" in lines
    assert "failed: 30 findings block, of 31 in all; undecided: gone" in lines


def test_on_a_terminal_a_clean_tree_has_no_way_out_to_read(tree, audit, shown):
    lines = audit().stdout.splitlines()
    assert lines[1].startswith("PASSED")
    assert lines[-1] == "passed: nothing blocks, of 0 in all"


@pytest.mark.parametrize("form", ["table", "github", "markdown", "json", "sarif"])
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_what_a_tool_says_acts_on_nothing(tree, audit, register, monkeypatch, form, terminal):
    class Evil(AuditPillar):
        name = "evil"
        tool_binary = "evil"

        def run(self, target_path, *, options=None):
            found = [Finding("evil", HOSTILE, "high", f"a\n{HOSTILE}", f"a\n{HOSTILE}.py", 1, 1)]
            return self.finished_result(target_path, found, Coverage(2, 1, [HOSTILE]), version=HOSTILE)

    register(Evil)
    monkeypatch.setattr("ophamin.cli.audit_table.on_terminal", lambda: terminal)
    result = audit("--format", form, tools="evil")
    assert result.exit_code == 1
    assert not {"\x1b", "\u202e"} & set(result.stdout + result.stderr)
    commands = [line for line in result.stdout.splitlines() if line.startswith("::")]
    assert len(commands) == (form == "github")
    assert not any(line.startswith("::") for line in result.stderr.splitlines())


def test_json_is_one_document_with_a_record_that_holds(tree, audit):
    tree(HIGH + LOW)
    result = audit("--format", "json", tools="marks,gone")
    document = json.loads(result.stdout)
    assert result.exit_code == document["exit_code"] == 1
    assert document["format"] == "ophamin.audit.v1"
    assert [(one["tool"], one["outcome"], len(one["blocking"])) for one in document["tools"]] == [
        ("marks", "failed", 1),
        ("gone", "undecided", 0),
    ]
    record = AuditRecord.from_dict(document["record"])
    assert record.validate() == []
    assert record.observe("total_findings") == 2
    assert record.reproduction_command == "ophamin audit src --tools=marks,gone"


def test_sarif_names_files_as_the_repository_does(tree, audit):
    (tree(HIGH) / ".git").mkdir()
    log = json.loads(audit("--format", "sarif").stdout)
    (result,) = log["runs"][0]["results"]
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "src/a.py"
    assert location["region"]["startLine"] == 1


def test_markdown_says_the_outcome_below_its_title(tree, audit):
    tree(HIGH)
    lines = audit("--format", "markdown").stdout.splitlines()
    assert lines[0] == "# Audit of src: 1 finding"
    assert lines[2] == "**failed: 1 finding blocks, of 1 in all**"
    assert "| failed | marks | 1 finding of severity high or worse |" in lines
    assert "## Findings" in lines


def test_annotations_name_files_as_the_repository_does_and_warn_of_what_is_undecided(tree, audit):
    (tree(LOW + HIGH) / ".git").mkdir()
    lines = audit("--format", "github", tools="marks,gone").stdout.splitlines()
    assert lines[0] == "::error file=src/a.py,line=2,col=3,title=marks X1 (high)::a high thing"
    assert lines[1].startswith("::notice file=src/a.py,line=1")
    assert lines[2].startswith("::warning title=gone is undecided::unavailable: no-such-tool is not installed")
    assert lines[3] == "failed: 1 finding blocks, of 2 in all; undecided: gone"


def test_files_are_written_in_the_form_that_their_names_say_and_a_table_is_printed(tree, audit):
    here = tree(HIGH)
    files = ["out/a.sarif", "out/b.sarif.json", "c.json", "d.MD"]
    result = audit(*(word for file in files for word in ("--output", file)))
    assert result.stdout.startswith("FAILED\tmarks")
    assert json.loads((here / files[0]).read_text())["version"] == "2.1.0"
    assert (here / files[1]).read_text() == (here / files[0]).read_text()
    assert json.loads((here / files[2]).read_text())["format"] == "ophamin.audit.v1"
    assert (here / files[3]).read_text().startswith("# Audit of src")


def test_what_is_written_to_a_file_is_not_printed_as_well(tree, audit):
    here = tree(HIGH)
    result = audit("--format", "sarif", "--output", "results.txt")
    assert json.loads((here / "results.txt").read_text())["version"] == "2.1.0"
    assert result.stdout.startswith("FAILED\tmarks")


def test_a_file_is_audited_alone(tree, audit, ophamin):
    tree(HIGH)
    tree(HIGH, "src/b.py")
    result = ophamin("audit", "src/a.py", "--tools", "marks")
    assert [line.split("\t")[1] for line in result.stdout.splitlines()] == ["marks", "a.py:1:3"]


def test_progress_is_told_on_a_terminal_and_in_no_pipe(tree, audit, monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    from ophamin.cli import audit_table

    assert audit().stderr.splitlines() == ["passed: nothing blocks, of 0 in all"]
    told = []
    monkeypatch.setattr("rich.console.Console.status", lambda self, text: Status(told, text))
    monkeypatch.setattr(audit_table.sys, "stderr", Terminal())
    with audit_table.progress(["ruff", "mypy"]) as tell:
        tell(Gone().error_result("src", "no", state=PillarState.CRASHED).__class__("mypy", "mypy", "", "ok", "src"))
    assert told == ["audit: ruff, mypy", "audit: ruff"]


class Status:
    """Stands in for rich's, and keeps what it is told."""

    def __init__(self, told, text):
        self.told = told
        told.append(text)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def update(self, text):
        self.told.append(text)


# -- options that reach the tools -------------------------------------------------------------------------------------


def test_costly_things_are_kept_in_the_users_cache_by_audited_folder(tree, audit, ophamin, tmp_path):
    audit()
    first = Marks.asked.cache_dir
    assert first.is_relative_to(tmp_path / "home")
    assert first.is_dir()
    tree(name="other/a.py")
    ophamin("audit", "other", "--tools", "marks")
    assert Marks.asked.cache_dir.parent == first.parent
    assert Marks.asked.cache_dir != first


def test_options_reach_the_tools(tree, audit, tmp_path):
    (tmp_path / "trusted").mkdir()
    audit("--cache-dir", tmp_path / "c", "--config-dir", tmp_path / "trusted", "--timeout", "7")
    assert (Marks.asked.cache_dir, Marks.asked.config_dir) == (tmp_path / "c", tmp_path / "trusted")
    assert Marks.asked.timeout_s == 7.0
    audit("--no-cache")
    assert (Marks.asked.cache_dir, Marks.asked.config_dir) == (None, None)


def test_a_cache_that_cannot_be_made_costs_time_and_nothing_else(tree, audit):
    tree("", "taken")
    result = audit("--cache-dir", "taken/deeper")
    assert result.exit_code == 0
    assert "nothing is cached" in result.stderr
    assert Marks.asked.cache_dir is None


def test_trust_in_what_lies_in_the_tree_is_questioned(tree, audit):
    (tree() / "src" / "conf").mkdir()
    told = "--config-dir src/conf lies in the audited folder: whoever can change the one can change the other"
    assert told in audit("--config-dir", "src/conf").stderr


def test_the_service_of_pip_audit_can_be_chosen(tree, ophamin, monkeypatch):
    made = []

    class Asked(Gone):
        def __init__(self, *, osv_url=None):
            super().__init__()
            made.append(osv_url)

    monkeypatch.setattr("ophamin.auditing.pillars.pip_audit.PipAuditPillar", Asked)
    ophamin("audit", "src", "--tools", "marks,pip-audit", "--osv-url", "http://127.0.0.1:1/v1/query")
    assert made == ["http://127.0.0.1:1/v1/query"]


# -- the record -------------------------------------------------------------------------------------------------------


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.glob("audit/*/*")}


def test_the_record_is_written_and_signed_with_the_given_key(tree, audit, tmp_path):
    signer = generate_key()
    save_private_key(signer, tmp_path / "key.pem")
    here = tree(HIGH)
    assert audit("--dir", "records", "--key-file", tmp_path / "key.pem").exit_code == 1
    files = files_of(here / "records")
    assert sorted(files) == ["AUDIT.md", "audit.dsse.json", "audit.json"]
    envelope = parse_envelope(files["audit.dsse.json"])
    assert verify(envelope, [signer.public]) == {signer.public.key_id}
    statement = read_statement(envelope.payload, predicate_types=[AUDIT])
    assert statement.predicate["record"] == json.loads(files["audit.json"])


def test_in_ci_without_a_key_the_record_is_unsigned_and_says_so(tree, audit, monkeypatch):
    monkeypatch.setenv("CI", "true")
    result = audit("--dir", "records")
    assert sorted(files_of(tree() / "records")) == ["AUDIT.md", "audit.json"]
    assert "unsigned (L0): no key in CI" in result.stderr


def test_with_a_users_own_key_the_record_is_signed_and_says_so(tree, audit):
    result = audit("--dir", "records")
    assert "audit.dsse.json" in files_of(tree() / "records")
    assert "self-signed (L1)" in result.stderr


def test_without_a_folder_nothing_is_written_beside_the_tree(tree, audit):
    here = tree()
    audit()
    assert sorted(path.name for path in here.rglob("*")) == ["a.py", "src"]


# -- an interrupt -----------------------------------------------------------------------------------------------------

DRIVER = """
import signal
import sys
from pathlib import Path

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored

from ophamin.auditing.base import AuditPillar, PillarState
from ophamin.auditing.process import empty_folder, run_tool
from ophamin.cli.app import main
from ophamin.registry import AUDITORS


class Stubborn(AuditPillar):
    name = "{name}"
    tool_binary = "none"

    def run(self, target_path, *, options):
        for _ in range(5):  # a pillar whose tool dies looks for the file that killed it
            with empty_folder() as cwd:
                run_tool([Path({script!r}), {fifo!r}], cwd=cwd, seconds=600, max_bytes=100)
        return self.error_result(target_path, "it died", state=PillarState.CRASHED)


class Other(Stubborn):
    name = "other"


AUDITORS.register(Stubborn)
AUDITORS.register(Other)
sys.argv = ["ophamin", "audit", {target!r}, "--tools", "{name},other", "--no-cache", "--jobs", "2"]
sys.exit(main())
"""
STUBBORN = """#!/bin/sh
trap '' TERM INT
exec 3>"$1"
echo up >&3
sleep 600 &
wait
"""


def heard(pipe):
    """What is in a pipe next; nothing once nobody holds it open any longer."""
    assert select.select([pipe], [], [], 20)[0], "a process is left that says nothing"
    return os.read(pipe, 100)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["interrupt", "terminate"]
)
def test_an_interrupted_audit_leaves_no_process_behind(tmp_path, number, code):
    script, fifo = tmp_path / "stubborn", tmp_path / "fifo"
    script.write_text(STUBBORN)
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    os.mkfifo(fifo)
    (tmp_path / "a.py").write_text("x = 1\n")
    held = os.open(fifo, os.O_RDWR)  # so that neither side waits for the other
    source = DRIVER.format(name="stubborn", script=str(script), fifo=str(fifo), target=str(tmp_path / "a.py"))
    with subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as audit:
        reader = os.open(fifo, os.O_RDONLY)
        os.close(held)
        said = b""
        while said.count(b"up\n") < 2:
            said += heard(reader)
        audit.send_signal(number)
        try:
            out, err = audit.communicate(timeout=60)
        finally:
            audit.kill()
    assert audit.returncode == code, err
    assert b"Traceback" not in err
    assert out == b""
    while heard(reader):  # the end comes when the last process that holds the pipe has ended
        pass
    os.close(reader)
