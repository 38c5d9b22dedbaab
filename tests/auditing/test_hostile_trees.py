# SPDX-License-Identifier: Apache-2.0
"""Trees and tools that mean harm: nothing of a tree is run, nothing in it changes what is found, nothing hangs.

The tests are named after the rows of the threat model: t33 is about running tools, t37 about their configuration, t38
about their versions, t39 about their caches.
"""

from __future__ import annotations

import json
import os
import select
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from ophamin.auditing.base import AuditOptions, PillarState
from ophamin.auditing.pillars.mypy import MypyPillar
from ophamin.auditing.pillars.ruff import RuffPillar

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the tools of these tests are shell scripts")

PILLARS = {"ruff": RuffPillar, "mypy": MypyPillar}
FAULT = {"ruff": ("import os\n", "F401"), "mypy": ('x: int = "a"\n', "assignment")}


@pytest.fixture(params=list(PILLARS))
def tool(request):
    """Each pillar over its real tool."""
    if not PILLARS[request.param].is_available():
        pytest.skip(f"needs {request.param}")
    return PILLARS[request.param]()


@pytest.fixture
def tree(tmp_path):
    """A folder with one file that has a fault for each tool, and whatever else a test puts there."""
    root = tmp_path / "tree"
    root.mkdir()

    def make(tool: str, files: dict[str, str] | None = None) -> Path:
        for name, text in {"a.py": FAULT[tool][0], **(files or {})}.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return root

    return make


@pytest.fixture
def evil(tmp_path):
    """A program that leaves a mark when it is run, and a Python file that does the same when it is imported."""
    mark = tmp_path / "mark"

    class Evil:
        module = f"open({str(mark)!r}, 'w').close()\nraise SystemExit(0)\n"
        script = f"#!/bin/sh\ntouch '{mark}'\n"

        @staticmethod
        def was_run() -> bool:
            return mark.exists()

    return Evil


@pytest.fixture(params=list(PILLARS))
def fake(request, tmp_path, monkeypatch):
    """Each pillar over a script that stands in for its tool, whatever it is asked."""

    def make(script: str):
        binary = tmp_path / "bin" / request.param
        binary.parent.mkdir()
        binary.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{script}\n')
        binary.chmod(0o755)
        monkeypatch.setattr(PILLARS[request.param], "resolved_binary", classmethod(lambda cls: binary))
        return PILLARS[request.param]()

    return make


def found(result):
    return [(finding.path, finding.rule_id) for finding in result.findings]


# t33: tools that misbehave


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("trap '' TERM; while :; do printf 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'; done", PillarState.INVALID_OUTPUT),
        ("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx >&2; done", PillarState.INVALID_OUTPUT),
        ("trap '' TERM; sleep 600 & sleep 600", PillarState.TIMEOUT),
        ("exec >&- 2>&-; sleep 600", PillarState.TIMEOUT),
        ("echo some; exit 42", None),
    ],
    ids=["floods", "floods in messages", "ignores SIGTERM and forks", "closes its output", "unknown status"],
)
def test_t33_a_tool_that_misbehaves_is_ended_whole_and_never_clean(fake, tree, tmp_path, script, state):
    os.mkfifo(tmp_path / "life")
    listening = os.open(tmp_path / "life", os.O_RDONLY | os.O_NONBLOCK)
    pillar = fake(f"exec 3>'{tmp_path}/life'; {script}")
    options = AuditOptions(timeout_s=1.0, max_output_bytes=10_000)
    result = pillar.run(tree(pillar.name), options=options)
    assert result.state is state or (state is None and not result.may_pass)
    assert result.status == "error"
    assert result.error_message
    # The pipe ends when the last process that holds it has ended.
    assert select.select([listening], [], [], 30)[0]
    assert os.read(listening, 1) == b""
    os.close(listening)


def test_t33_a_child_that_holds_the_output_does_not_hold_up_the_audit(fake, tree):
    result = fake("sleep 600 & exit 2").run(tree("ruff"))
    assert (result.state, result.status) == (PillarState.CRASHED, "error")


def test_t33_a_tool_gets_no_secret_no_shell_and_an_empty_folder(fake, tree, tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET_TOKEN", "hunter2hunter2")
    for name in ("RUFF_CONFIG", "MYPYPATH", "MYPY_CONFIG_FILE_DIR", "PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD"):
        monkeypatch.setenv(name, "/evil")
    pillar = fake(f"env > '{tmp_path}/env'; pwd > '{tmp_path}/cwd'; printf '%s\\n' \"$@\" > '{tmp_path}/words'; exit 2")
    root = tree(pillar.name, {"$(touch hijacked).py": "x = 1\n", "; touch hijacked.py": "x = 1\n"})
    monkeypatch.chdir(root)
    pillar.run(root)
    environment = (tmp_path / "env").read_text()
    assert "hunter2" not in environment
    assert "/evil" not in environment
    assert not (tmp_path / "cwd").read_text().startswith(str(root))
    assert not list(tmp_path.rglob("*hijacked"))
    assert sorted(file.name for file in root.iterdir()) == ["$(touch hijacked).py", "; touch hijacked.py", "a.py"]


def test_t33_a_tool_in_the_tree_is_not_taken(tool, tree, evil, monkeypatch):
    root = tree(tool.name, {tool.tool_binary: evil.script, "git": evil.script, "python": evil.script})
    for name in (tool.tool_binary, "git", "python"):
        (root / name).chmod(0o755)
    monkeypatch.chdir(root)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", os.environ["PATH"]]))
    assert found(tool.run(root)) == [("a.py", FAULT[tool.name][1])]
    assert not evil.was_run()


def test_t33_modules_of_the_tree_are_not_imported(tool, tree, evil, monkeypatch):
    names = ("json", "random", "mypy", "sitecustomize", "usercustomize", "tempfile", "conftest", "setup")
    root = tree(tool.name, {f"{name}.py": evil.module for name in names})
    monkeypatch.chdir(root)
    result = tool.run(root)
    assert not evil.was_run()
    assert ("a.py", FAULT[tool.name][1]) in found(result)
    assert result.coverage.seen == len(names) + 1


def test_t33_a_pipe_a_link_and_a_loop_in_the_tree_hang_and_leak_nothing(tool, tree, tmp_path):
    root = tree(tool.name, {"pkg/b.py": "x = 1\n"})
    outside = tmp_path / "outside.py"
    outside.write_text("import sys\nsecret_of_mine: int = 'hunter2'\n")
    os.mkfifo(root / "x.py")
    (root / "out.py").symlink_to(outside)
    (root / "pkg" / "loop").symlink_to("..")
    result = tool.run(root, options=AuditOptions(timeout_s=60.0))
    assert (found(result), result.state) == ([("a.py", FAULT[tool.name][1])], PillarState.FINDINGS)
    assert result.extra["listing"]["left_out_names"] == {"out.py": "a link", "x.py": "a named pipe"}
    assert "secret_of_mine" not in json.dumps(result.to_dict())


def test_t33_names_of_files_are_never_options(tool, tree, tmp_path):
    written = tmp_path / "written"
    separators = ["\u2028", "\x0b", "\n"]
    names = [f"--output-file={written.name}.py", "--config=evil.toml.py", "-o.py", "@args.py", "--exit-zero.py"]
    names += [f"x{separator}--python-executable=evil.py" for separator in separators]
    root = tree(tool.name, dict.fromkeys(names, FAULT[tool.name][0]) | {"args.py": "x = 1\n"})
    result = tool.run(root)
    assert sorted(found(result)) == sorted((name, FAULT[tool.name][1]) for name in [*names, "a.py"])
    assert result.state is PillarState.FINDINGS
    assert len(list(tmp_path.iterdir())) == 1


def test_t33_no_tool_leaves_anything_in_the_tree(tool, tree, tmp_path):
    root = tree(tool.name)
    root.chmod(stat.S_IRUSR | stat.S_IXUSR)
    result = tool.run(root, options=AuditOptions(cache_dir=tmp_path / "cache"))
    root.chmod(0o755)
    assert result.state is PillarState.FINDINGS
    assert [file.name for file in root.iterdir()] == ["a.py"]


# t37: configuration in the tree

# Each would hide the fault if it were read, whatever is said on the command line.
WEAKENED = {
    "ruff": {
        "ruff.toml": '[lint.per-file-ignores]\n"*" = ["F"]\n',
        ".ruff.toml": '[lint.per-file-ignores]\n"*" = ["F"]\n',
        "pyproject.toml": '[tool.ruff.lint.per-file-ignores]\n"*" = ["F"]\n',
    },
    "mypy": {
        "mypy.ini": "[mypy]\nignore_errors = True\n",
        ".mypy.ini": "[mypy]\ndisable_error_code = assignment\n",
        "pyproject.toml": "[tool.mypy]\nignore_errors = true\n",
        "setup.cfg": "[mypy]\nignore_errors = True\n",
    },
}
PLACES = [(tool, name) for tool, files in WEAKENED.items() for name in files]


@pytest.mark.parametrize(("name", "config"), PLACES)
def test_t37_an_edited_configuration_in_the_tree_changes_nothing(tree, name, config, monkeypatch):
    if not PILLARS[name].is_available():
        pytest.skip(f"needs {name}")
    root = tree(name, {"pkg/b.py": FAULT[name][0]})
    monkeypatch.chdir(root)
    # Worst case: the tools work below the tree, so that a search upwards would end in it.
    (root / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(root / "tmp"))
    before = PILLARS[name]().run(root)
    for folder in (root, root / "pkg"):
        (folder / config).write_text(WEAKENED[name][config])
    after = PILLARS[name]().run(root)
    assert found(after) == [("a.py", FAULT[name][1]), ("pkg/b.py", FAULT[name][1])]
    assert (after.findings, after.extra) == (before.findings, before.extra)


def test_t37_a_configuration_above_the_tree_changes_nothing(tool, tree, tmp_path):
    for name, text in WEAKENED[tool.name].items():
        (tmp_path / name).write_text(text)
    assert found(tool.run(tree(tool.name))) == [("a.py", FAULT[tool.name][1])]


def test_t37_neither_a_plugin_nor_an_interpreter_that_the_tree_names_is_run(tree, evil, monkeypatch):
    if not MypyPillar.is_available():
        pytest.skip("needs mypy")
    config = "[mypy]\nplugins = ./evil.py, evil\npython_executable = ./fakepy\n"
    root = tree("mypy", {"evil.py": evil.module, "fakepy": evil.script, "mypy.ini": config, "setup.cfg": config})
    (root / "fakepy").chmod(0o755)
    (root / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(root / "tmp"))
    monkeypatch.chdir(root)
    result = MypyPillar().run(root)
    assert not evil.was_run()
    assert ("a.py", "assignment") in found(result)


def test_t37_the_configuration_stands_in_the_record_by_its_digest(tool, tree, tmp_path):
    root = tree(tool.name)
    own = tool.run(root).extra["config_digest"]
    digests = {own}
    for name, text in list(WEAKENED[tool.name].items())[:2]:
        trusted = tmp_path / f"for {name}"
        trusted.mkdir()
        (trusted / name).write_text(f"# {name}\n{text}")
        result = tool.run(root, options=AuditOptions(config_dir=trusted))
        digests.add(result.extra["config_digest"])
        assert result.extra["config"] == name
    assert len(digests) == 3
    assert all(len(digest) == 64 for digest in digests)


# t38: another version of the tool


def test_t38_version_rules_and_configuration_stand_in_the_record(tool, tree):
    result = tool.run(tree(tool.name))
    assert result.tool_version.startswith(f"{tool.name} ")
    assert len(result.extra["config_digest"]) == 64
    assert result.extra["severity_table"] == "1"
    if tool.name == "ruff":
        assert len(result.extra["rule_set_digest"]) == 64


# t39: caches


def test_t39_a_cache_of_another_tree_is_not_believed(tool, tree, tmp_path):
    cache = AuditOptions(cache_dir=tmp_path / "cache")
    clean = tmp_path / "clean"
    clean.mkdir()
    (clean / "a.py").write_text(
        "x: int = 1 "[: len(FAULT[tool.name][0]) - 1].ljust(len(FAULT[tool.name][0]) - 1) + "\n"
    )
    root = tree(tool.name)
    for file in (clean / "a.py", root / "a.py"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    assert (clean / "a.py").stat().st_size == (root / "a.py").stat().st_size
    tool.run(clean, options=cache)
    assert found(tool.run(root, options=cache)) == [("a.py", FAULT[tool.name][1])]


def test_t39_a_broken_cache_is_made_anew(tool, tree, tmp_path):
    cache = AuditOptions(cache_dir=tmp_path / "cache")
    root = tree(tool.name)
    before = tool.run(root, options=cache)
    for file in (tmp_path / "cache").rglob("*"):
        if file.is_file():
            file.write_bytes(b"\0poisoned" * 3)
    after = tool.run(root, options=cache)
    assert (after.findings, after.state) == (before.findings, PillarState.FINDINGS)


def test_the_python_of_the_audit_is_the_python_that_is_audited_for(tool, tree):
    result = tool.run(
        tree(tool.name, {"b.py": "import sys\nif sys.version_info < (3, 0):\n    x: int = undefined_name\n"})
    )
    assert sys.version_info >= (3, 11)
    assert ("b.py", "name-defined") not in found(result)
