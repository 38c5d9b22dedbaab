# SPDX-License-Identifier: Apache-2.0
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import pytest

import ophamin
from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError
from ophamin.seeing.substrate import _worktree_runner as runner
from ophamin.seeing.substrate import checkout
from ophamin.seeing.substrate import worktree as module
from ophamin.seeing.substrate.arms import Arms
from ophamin.seeing.substrate.checkout import (
    PREFIX,
    Checkout,
    CheckoutError,
    GitMissingError,
    NoRepositoryError,
    ShallowCloneError,
    UnknownRefError,
)
from ophamin.seeing.substrate.function import FunctionSubstrate
from ophamin.seeing.substrate.worktree import GitRef, TargetError

pytestmark = pytest.mark.needs("git")

WHO = {
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Example",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
}


class Repository:
    def __init__(self, path):
        self.path = path
        path.mkdir(parents=True)
        self("init", "-q", "-b", "main")

    def __call__(self, *arguments):
        done = subprocess.run(["git", "-C", self.path, *arguments], env=WHO, capture_output=True, check=True, text=True)
        return done.stdout.strip()

    def commit(self, files):
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", "a commit")
        return self("rev-parse", "HEAD")

    @property
    def trees(self):
        """The registered work trees, without the repository's own."""
        listed = self("worktree", "list", "--porcelain").splitlines()
        return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")][1:]


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repo")


@pytest.fixture
def two(repository):
    """A repository whose function gives 1 at HEAD~1 and 2 at HEAD."""
    for version in (1, 2):
        repository.commit({"shop/__init__.py": "", "shop/prices.py": f"def quote(text):\n    return {version}\n"})
    return repository


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The temporary folder of this process, with nothing in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def system(repository):
    """Makes a system out of the source of a function ``f``, and ends it with the test."""
    made = []

    def make(source, **options):
        repository.commit({"m.py": source})
        made.append(GitRef("main", "m:f", root=repository.path, **{"timeout": 60, **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def run_python(program, *arguments, folder, **options):
    """Start another interpreter with a program in which ``GitRef`` is known."""
    source = f"import os, sys\nfrom ophamin.seeing.substrate.worktree import GitRef\n{dedent(program)}"
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(Path(ophamin.__file__).parents[1])}
    command = [sys.executable, "-c", source, *map(str, arguments)]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        **options,
    )


# -- which commit -----------------------------------------------------------------------------------------------------


def test_a_function_is_called_as_it_was_at_its_commit(two):
    with (
        GitRef("HEAD~1", "shop.prices:quote", root=two.path) as base,
        GitRef("main", "shop.prices:quote", root=two.path) as head,
    ):
        assert (base.run_cycle("x").raw, head.run_cycle("x").raw) == ({"value": 1}, {"value": 2})
        assert base.git_commit() == two("rev-parse", "HEAD~1")
        assert base.metadata() == {
            "name": "HEAD~1:shop.prices:quote",
            "git_commit": two("rev-parse", "HEAD~1"),
            "kind": "git",
            "ref": "HEAD~1",
            "target": "shop.prices:quote",
        }


def test_the_commit_is_the_one_the_ref_named_at_construction(two):
    system = GitRef("main", "shop.prices:quote", root=two.path)
    two.commit({"shop/prices.py": "def quote(text):\n    return 3\n"})
    with system:
        assert system.run_cycle("x").raw == {"value": 2}


def test_every_way_to_name_a_commit_is_understood(two):
    commit = two("rev-parse", "HEAD~1")
    two("tag", "light", commit)
    two("tag", "-a", "heavy", "-m", "annotated", commit)
    two("branch", "feature/ümlaut", commit)
    for ref in ("HEAD~1", "main^", "light", "heavy", "feature/ümlaut", commit, commit[:10], "refs/tags/light"):
        assert Checkout(ref, two.path).commit == commit


@pytest.mark.parametrize(
    "ref", ["", "-x", "--output=/tmp/x", "a b", "main\n", "main\x00", "HEAD:shop", ":/a commit", "x" * 201, "\u2028"]
)
def test_what_cannot_be_a_ref_is_refused_before_git_sees_it(ref, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("git was asked"))
    with pytest.raises(ClaimError, match="is no ref; give a branch"):
        Checkout(ref)


@pytest.mark.parametrize("ref", ["mian", "^main", "main..main", "HEAD~2", "main;ls", "$(ls)", "0" * 40, "@{u}"])
def test_what_names_no_commit_is_an_error_with_the_way_out(two, ref):
    with pytest.raises(UnknownRefError, match=r"git fetch origin main.*Known: main"):
        Checkout(ref, two.path)


def test_a_repository_without_a_commit_knows_no_ref(repository):
    with pytest.raises(UnknownRefError, match="none is known here"):
        Checkout("HEAD", repository.path)


def test_a_shallow_clone_says_how_to_get_the_history(two, tmp_path):
    clone = tmp_path / "clone"
    two("clone", "-q", "--depth=1", f"file://{two.path}", str(clone))
    assert Checkout("HEAD", clone).commit == two("rev-parse", "HEAD")
    with pytest.raises(ShallowCloneError, match=r"'HEAD~1'.*git fetch --unshallow.*fetch-depth: 0"):
        Checkout("HEAD~1", clone)


def test_a_folder_outside_a_repository_is_an_error_that_names_it(tmp_path):
    with pytest.raises(NoRepositoryError, match=r"lies in no git repository; give root="):
        Checkout("HEAD", tmp_path)
    with pytest.raises(NoRepositoryError, match=r"missing is no folder"):
        Checkout("HEAD", tmp_path / "missing")


def test_a_missing_git_is_said(two, monkeypatch):
    monkeypatch.setenv("PATH", str(two.path))
    with pytest.raises(GitMissingError, match="install it"):
        GitRef("HEAD", "shop.prices:quote", root=two.path)


def test_a_git_that_fails_is_quoted(two, tmp_path, monkeypatch):
    broken = tmp_path / "bin" / "git"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'detected \033[2Jdubious ownership' >&2\nexit 128\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(broken.parent))
    with pytest.raises(CheckoutError, match=r"status 128: detected \\x1b\[2Jdubious ownership; mend"):
        Checkout("HEAD", two.path)


def test_a_hook_of_git_that_runs_the_tests_does_not_mislead(two, tmp_path, monkeypatch):
    other = Repository(tmp_path / "other")
    other.commit({"a": "1"})
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git" / "index"))
    with GitRef("HEAD~1", "shop.prices:quote", root=two.path) as base:
        assert base.run_cycle("x").raw == {"value": 1}
    assert other("status", "--porcelain") == ""


def test_a_bare_repository_will_do(two, tmp_path):
    two("clone", "-q", "--bare", str(two.path), str(tmp_path / "bare.git"))
    with GitRef("main~1", "shop.prices:quote", root=tmp_path / "bare.git") as base:
        assert base.run_cycle("x").raw == {"value": 1}


# -- the work tree ----------------------------------------------------------------------------------------------------


def test_the_users_own_tree_is_left_as_it_is(two, temporary):
    (two.path / "shop" / "prices.py").write_text("def quote(text):\n    return 'not committed'\n")
    (two.path / "new.txt").write_text("untracked")
    before = two("status", "--porcelain=v2", "--branch")
    with GitRef("HEAD", "shop.prices:quote", root=two.path) as system:
        assert system.run_cycle("x").raw == {"value": 2}
        system.reset()
    assert two("status", "--porcelain=v2", "--branch") == before


def test_nothing_is_left_after_close_and_a_second_close_does_nothing(two, temporary):
    system = GitRef("HEAD", "shop.prices:quote", root=two.path)
    assert (two.trees, list(temporary.iterdir())) == ([], [])
    system.reset()
    assert len(two.trees) == len(list(temporary.iterdir())) == 1
    system.close()
    system.close()
    assert (two.trees, list(temporary.iterdir())) == ([], [])
    assert system.run_cycle("x").raw == {"value": 2}
    system.close()
    assert (two.trees, list(temporary.iterdir())) == ([], [])


def test_nothing_is_left_when_the_last_reference_goes(two, temporary):
    system = GitRef("HEAD", "shop.prices:quote", root=two.path)
    system.run_cycle("x")
    del system
    assert (two.trees, list(temporary.iterdir())) == ([], [])


def test_nothing_is_left_when_the_interpreter_ends(two, temporary):
    program = """
        system = GitRef("HEAD", "shop.prices:quote", root=sys.argv[1])
        print(system.run_cycle("x").raw["value"])
    """
    out, errors = run_python(program, two.path, folder=temporary).communicate(timeout=60)
    assert (out, errors) == ("2\n", "")
    assert (two.trees, list(temporary.iterdir())) == ([], [])


def test_what_a_killed_process_left_is_removed_by_the_next_one(two, temporary):
    program = """
        system = GitRef("HEAD", "shop.prices:quote", root=sys.argv[1])
        system.run_cycle("x")
        os.kill(os.getpid(), 9)
    """
    # The streams end only once nobody holds them: neither the killed process nor the one that it had started.
    run_python(program, two.path, folder=temporary).communicate(timeout=60)
    (left,) = two.trees
    assert list(temporary.iterdir()) == [Path(left).parent]
    with GitRef("HEAD", "shop.prices:quote", root=two.path) as system:
        system.reset()
        assert len(two.trees) == 1
        assert left not in two.trees
    assert (two.trees, list(temporary.iterdir())) == ([], [])


def test_a_process_that_hangs_ends_with_the_one_that_had_started_it(two, temporary):
    two.commit({"shop/prices.py": "import threading\ndef quote(text):\n    threading.Event().wait()\n"})
    program = """
        import threading
        system = GitRef("HEAD", "shop.prices:quote", root=sys.argv[1])
        system.reset()
        threading.Thread(target=system.run_cycle, args=("x",), daemon=True).start()
        sys.stdin.readline()
        os.kill(os.getpid(), 9)
    """
    run_python(program, two.path, folder=temporary).communicate("\n", timeout=60)


def test_a_work_tree_whose_folder_was_cleaned_away_is_forgotten(two, temporary):
    folder = temporary / f"{PREFIX}gone"
    two("worktree", "add", "--detach", str(folder / "tree"), "HEAD")
    (folder / "tree" / ".git").unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    with GitRef("HEAD", "shop.prices:quote", root=two.path) as system:
        system.reset()
        assert str(folder / "tree") not in two.trees


def test_a_work_tree_of_the_user_is_not_forgotten_even_where_its_disk_is_not_there(two, tmp_path, temporary):
    mine = tmp_path / "mine"
    two("worktree", "add", "--detach", str(mine), "HEAD")
    mine.rename(tmp_path / "unplugged")
    with GitRef("HEAD", "shop.prices:quote", root=two.path) as system:
        system.reset()
    assert two.trees == [str(mine)]


def test_several_processes_and_systems_use_one_commit_at_once(two, temporary):
    program = """
        for _ in range(2):
            system = GitRef("HEAD~1", "shop.prices:quote", root=sys.argv[1])
            system.reset()
            print(system.run_cycle("x").raw["value"], flush=True)
            sys.stdin.readline()
            print(system.run_cycle("x").raw["value"], flush=True)
            system.close()
    """
    others = [run_python(program, two.path, folder=temporary) for _ in range(2)]
    with (
        GitRef("HEAD~1", "shop.prices:quote", root=two.path) as one,
        GitRef("HEAD~1", "shop.prices:quote", root=two.path) as other,
    ):
        one.reset()
        other.reset()  # sweeps while the others hold theirs
        assert [process.communicate("\n\n", timeout=60) for process in others] == [("1\n1\n1\n1\n", "")] * 2
        assert one.run_cycle("x").raw == other.run_cycle("x").raw == {"value": 1}
        assert len(two.trees) == 2
    assert (two.trees, list(temporary.iterdir())) == ([], [])


def test_work_trees_come_and_go_in_many_processes_at_once(two, temporary):
    program = """
        from pathlib import Path
        from ophamin.seeing.substrate.checkout import Checkout
        checkout = Checkout("HEAD", Path(sys.argv[1]))
        for _ in range(10):
            checkout.open()
            checkout.restore()
            checkout.close()
    """
    processes = [run_python(program, two.path, folder=temporary) for _ in range(4)]
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 4
    assert (two.trees, list(temporary.iterdir())) == ([], [])


def test_a_checkout_that_is_collected_while_another_is_made_does_not_wait_for_itself(two, temporary):
    first, second = Checkout("HEAD", two.path), Checkout("HEAD~1", two.path)
    first.open()
    with checkout._turn.taken(first._git_dir):
        first.close()
    assert list(temporary.iterdir()) == []
    (gone,) = two.trees  # git is told by the next checkout
    second.open()
    assert len(two.trees) == 1
    assert gone not in two.trees
    second.close()


def test_the_list_of_work_trees_is_changed_by_one_process_at_a_time(two, temporary, monkeypatch):
    original, seen = checkout._git, []

    def git(*arguments, **options):
        if "worktree" in arguments:
            with pytest.raises(BlockingIOError):
                os.close(lock(two.path / ".git"))
            seen.append(arguments[arguments.index("worktree") + 1])
        return original(*arguments, **options)

    def lock(folder):
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise
        return handle

    monkeypatch.setattr(checkout, "_git", git)
    one = Checkout("HEAD", two.path)
    one.open()
    one.close()
    assert seen == ["list", "add", "remove"]
    os.close(lock(two.path / ".git"))


def test_a_fork_that_ends_takes_nothing_away(two, temporary):
    program = """
        system = GitRef("HEAD", "shop.prices:quote", root=sys.argv[1])
        system.reset()
        child = os.fork()
        if child == 0:
            system.close()
            sys.exit(0)
        os.waitpid(child, 0)
        print(system.run_cycle("x").raw["value"], len(os.listdir(os.environ["TMPDIR"])))
    """
    out, errors = run_python(program, two.path, folder=temporary).communicate(timeout=60)
    assert (out, errors) == ("2 1\n", "")


def test_no_hook_of_the_repository_runs(two, tmp_path):
    hook = two.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/hooked'\n")
    hook.chmod(0o755)
    with GitRef("HEAD", "shop.prices:quote", root=two.path) as system:
        system.run_cycle("x")
        system.reset()
    assert not (tmp_path / "hooked").exists()


def test_a_commit_with_a_lost_object_is_an_error_and_leaves_nothing(two, temporary):
    blob = two("rev-parse", "HEAD:shop/prices.py")
    (two.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    system = GitRef("HEAD", "shop.prices:quote", root=two.path)
    with pytest.raises(CheckoutError, match="git ended with status"):
        system.reset()
    assert (two.trees, list(temporary.iterdir())) == ([], [])


def test_a_temporary_folder_that_cannot_be_used_is_said(two, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(CheckoutError, match="set TMPDIR"):
        GitRef("HEAD", "shop.prices:quote", root=two.path).reset()


def test_a_project_below_the_top_is_found_below_the_top(repository):
    repository.commit({"services/shop/src/prices.py": "import os\ndef quote(text):\n    return os.getcwd()\n"})
    with GitRef("HEAD", "prices:quote", root=repository.path / "services" / "shop") as system:
        assert system.run_cycle("x").raw["value"].endswith("/services/shop")


def test_a_project_that_was_not_there_yet_is_said(two):
    (two.path / "later").mkdir()
    with pytest.raises(CheckoutError, match=r"has no folder 'later/'"):
        GitRef("HEAD", "shop.prices:quote", root=two.path / "later").reset()


# -- reset ------------------------------------------------------------------------------------------------------------

STATEFUL = """
    import os, pathlib, subprocess
    seen = []
    def f(command):
        seen.append(command)
        if command == "write":
            pathlib.Path("extra/deep").mkdir(parents=True)
            pathlib.Path("extra/deep/file").write_text("x")
            pathlib.Path("m.py").write_text("def f(command):\\n    return 'changed'\\n")
            pathlib.Path("data.txt").unlink()
            pathlib.Path(".gitignore").write_text("*")
        if command == "branch":
            subprocess.run(["git", "checkout", "-q", "older"], check=True)
        if command == "unmark":
            pathlib.Path(".git").unlink()
        return {"pid": os.getpid(), "seen": len(seen), "files": sorted(str(p) for p in pathlib.Path().glob("*[!_]"))}
"""


@pytest.fixture
def stateful(repository, system):
    repository.commit({"data.txt": "1"})
    return system(STATEFUL)


def test_reset_forgets_memory_and_files(stateful):
    first = stateful.run_cycle("look").raw
    stateful.run_cycle("write")
    assert stateful.run_cycle("look").raw["seen"] == 3
    stateful.reset()
    again = stateful.run_cycle("look").raw
    assert again["pid"] != first["pid"]
    assert (again["seen"], again["files"]) == (1, first["files"])
    assert {"data.txt", "m.py"} <= set(first["files"])


def test_reset_costs_nothing_where_no_cycle_ran_since(stateful):
    stateful.reset()
    stateful.reset()
    first = stateful.run_cycle("look").raw["pid"]
    assert stateful.run_cycle("look").raw["pid"] == first


def test_reset_moves_no_branch_even_where_the_system_checked_one_out(repository, stateful):
    older = repository("rev-parse", "HEAD~1")
    repository("branch", "older", older)
    assert stateful.run_cycle("branch").error is None
    stateful.reset()
    assert repository("rev-parse", "older") == older
    assert "m.py" in stateful.run_cycle("look").raw["files"]


def test_reset_of_a_tree_that_lost_its_mark_is_an_error_and_never_reaches_the_users_own(
    repository, stateful, monkeypatch
):
    inside = repository.path / "temporary"
    inside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(inside))
    stateful.run_cycle("unmark")
    (repository.path / "data.txt").write_text("not committed")
    with pytest.raises(CheckoutError):
        stateful.reset()
    assert (repository.path / "data.txt").read_text() == "not committed"


# -- what comes back --------------------------------------------------------------------------------------------------

ANSWERS = """
import asyncio, collections, dataclasses, enum, sys
import numpy as np
from ophamin.core.shapes import CycleResult, MetricBundle, Tier1Metrics, Tier3Metrics

@dataclasses.dataclass
class Named:
    phi: float
    words: list

class Model:
    def model_dump(self):
        return {"a": 1, "success": False}

class Level(enum.IntEnum):
    HIGH = 3

async def later(value):
    await asyncio.sleep(0)
    return value

class Evil(Exception):
    def __str__(self):
        raise RuntimeError("no text")

def fail(problem):
    raise problem

TIER1, TIER3 = Tier1Metrics(gauges={"g": 1.5}, timers={"ms": [1.0]}), Tier3Metrics(jaccard_overlap=0.5)
BUNDLE = MetricBundle(4, TIER1, tier3=TIER3, wall_time=9.0)
ALIKE = {
    "none": lambda: None,
    "text": lambda: "grün \\u2028 \\U0001f600 \\ud800 \\x00\\n",
    "numbers": lambda: {"a": 0.1, "b": 2**70, "c": -0.0, "d": 1e308},
    "infinite": lambda: {"x": float("inf"), "y": float("-inf")},
    "true": lambda: True,
    "false": lambda: False,
    "outcome": lambda: {"success": False, "score": 1},
    "numpy outcome": lambda: {"success": np.bool_(False)},
    "numpy": lambda: np.float64(0.25),
    "numpy bool": lambda: np.bool_(False),
    "numpy int": lambda: np.int64(7),
    "mapping": lambda: collections.OrderedDict(b=1, a=[1, {"c": None}]),
    "ordinary text success": lambda: {"success": "yes"},
    "dataclass": lambda: Named(0.5, ["a"]),
    "model": lambda: Model(),
    "enum": lambda: Level.HIGH,
    "empty": lambda: {},
    "cycle": lambda: CycleResult(5, False, {"a": 1}, "halted", "s", None),
    "failed cycle": lambda: CycleResult(5, False, error="adapter broke"),
    "cycle with bundle": lambda: CycleResult(5, True, {"a": 1}, metric_bundle=BUNDLE),
    "async": lambda: later({"a": 1}),
    "async failure": lambda: later(None).throw(ValueError("late")),
    "future": lambda: asyncio.get_running_loop(),
    "exception": lambda: fail(ValueError("bad\\ninput")),
    "key error": lambda: fail(KeyError("name")),
    "empty exception": lambda: fail(AssertionError()),
    "group": lambda: fail(ExceptionGroup("several", [ValueError(1)])),
    "recursion": lambda: (lambda f: f(f))(lambda f: f(f)),
}
OTHERS = {
    "tuple": lambda: {"t": (1, (2,))},
    "array": lambda: {"a": np.arange(3)},
    "nan": lambda: {"x": float("nan")},
    "set": lambda: {"s": {1}},
    "bytes": lambda: b"x",
    "keys": lambda: {1: "a"},
    "deep keys": lambda: {"a": {None: 1}},
    "class": lambda: Named,
    "nested set": lambda: [[object()]],
    "big integer": lambda: 10**5000,
    "evil": lambda: fail(Evil()),
    "exit": lambda: sys.exit(3),
    "interrupt": lambda: fail(KeyboardInterrupt()),
    "cancelled": lambda: fail(asyncio.CancelledError()),
    "long error": lambda: fail(ValueError("x" * 10**6)),
}

def cyclic():
    found = []
    found.append(found)
    return found

def f(name):
    return ALIKE[name]() if name in ALIKE else OTHERS[name]() if name in OTHERS else cyclic()
"""
NAMESPACE = {}
exec(ANSWERS, NAMESPACE)  # the same source as in the other process


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    repository = Repository(tmp_path_factory.mktemp("answers") / "repo")
    repository.commit({"m.py": ANSWERS})
    with GitRef("HEAD", "m:f", root=repository.path) as system:
        yield system


@pytest.mark.parametrize("name", NAMESPACE["ALIKE"])
def test_an_answer_is_read_as_that_of_a_function_of_this_process(answers, name):
    assert answers.run_cycle(name) == FunctionSubstrate(NAMESPACE["f"]).run_cycle(name)


def test_sequences_and_arrays_arrive_as_lists(answers):
    assert answers.run_cycle("tuple").raw == {"t": [1, [2]]}
    assert answers.run_cycle("array").raw == {"a": [0, 1, 2]}
    assert repr(answers.run_cycle("nan").raw) == "{'x': nan}"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("set", "TypeError: a set has no JSON form; give numbers, texts, lists and mappings"),
        ("bytes", "TypeError: a bytes has no JSON form; give numbers, texts, lists and mappings"),
        ("class", "TypeError: a type has no JSON form; give numbers, texts, lists and mappings"),
        ("nested set", "TypeError: a object has no JSON form; give numbers, texts, lists and mappings"),
        ("keys", "TypeError: the key 1 is a int; keys are text"),
        ("deep keys", "TypeError: the key None is a NoneType; keys are text"),
        ("evil", "Evil: (its text cannot be had)"),
        ("exit", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt: "),
        ("cancelled", "CancelledError: "),
    ],
)
def test_an_answer_that_cannot_travel_is_an_error_of_its_cycle(answers, name, error):
    result = answers.run_cycle(name)
    assert (result.error, result.success, result.raw, result.stimulus_id) == (error, False, {}, name)


@pytest.mark.parametrize(("name", "error"), [("cyclic", "RecursionError: "), ("big integer", "ValueError: Exceeds")])
def test_an_answer_without_an_end_is_an_error_of_its_cycle(answers, name, error):
    assert answers.run_cycle(name).error.startswith(error)
    assert answers.run_cycle("true").raw == {"value": True}


def test_a_long_error_is_cut(answers):
    assert len(answers.run_cycle("long error").error) == runner.MAX_ERROR_CHARACTERS


def test_an_answer_beyond_the_limit_is_an_error_that_names_it(monkeypatch):
    monkeypatch.setattr(runner, "MAX_ANSWER_BYTES", 100)
    said = json.loads(runner.answer(lambda stimulus: "x" * 90, {"stimulus": "", "params": {}}, None))
    assert said == {"error": "ValueError: the answer has 103 bytes as JSON; the limit is 100; give less"}


ECHO = "def f(stimulus, **params):\n    return {'stimulus': stimulus, **params}\n"


def test_stimulus_and_params_arrive_as_they_are(system):
    stimulus = {"text": "grün \u2028 \U0001f600 \ud800\n", "n": [1, 2.5, None, True], "big": 2**70}
    params = {"self": 1, "stimulus_id": "x", "params": {"a": [1]}, "function": 2}
    assert system(ECHO).run_cycle(stimulus, params).raw == {"stimulus": stimulus, **params}


def test_a_record_goes_in_as_its_text_and_is_named_by_its_id(system):
    result = system(ECHO).run_cycle(CorpusRecord("id-1", "its text"))
    assert (result.raw, result.stimulus_id) == ({"stimulus": "its text"}, "id-1")


@pytest.mark.parametrize("stimulus", [b"x", {1: 2}, {"a": {1}}, object()])
def test_a_stimulus_that_cannot_travel_is_an_error_of_its_cycle_alone(answers, stimulus):
    assert answers.run_cycle(stimulus).error.startswith("TypeError: ")
    assert answers.run_cycle("true").raw == {"value": True}


def test_params_are_left_out_where_there_are_none(system):
    strict = system("def f(text):\n    return text\n")
    assert strict.run_cycle("x", {}).raw == {"value": "x"}
    assert strict.run_cycle("x", {"t": 1}).error.startswith("TypeError: f() got an unexpected keyword argument 't'")


def test_megabytes_go_both_ways(system):
    text = "grün" * 10**6
    assert system(ECHO).run_cycle(text).raw == {"stimulus": text}


def test_an_async_function_keeps_its_loop_from_call_to_call(system):
    source = """
        import asyncio
        loops = []
        async def f(text):
            loops.append(asyncio.get_running_loop())
            return len(set(loops))
    """
    asynchronous = system(source)
    assert [asynchronous.run_cycle("x").raw for _ in range(3)] == [{"value": 1}] * 3


def test_a_batch_is_numbered_and_the_same_after_reset(answers):
    first = answers.run_batch(["true", "none", "set"])
    assert [result.cycle_index for result in first] == [0, 1, 2]
    assert [result.error is None for result in first] == [True, True, False]
    answers.reset()
    assert answers.run_batch(["true", "none", "set"]) == first


# -- what the function does to its process ----------------------------------------------------------------------------


def test_what_the_function_prints_is_shown_and_never_taken_for_an_answer(system, capfd):
    source = """
        import os, subprocess, sys
        print("at import")
        def f(text):
            print('{"value": "printed"}')
            os.write(1, b'{"value": "written"}\\n')
            sys.__stdout__.write("x" * 100_000)
            subprocess.run(["echo", '{"value": "echoed"}'], check=True)
            try:
                input()
            except EOFError:
                return "no input"
    """
    noisy = system(source)
    assert [noisy.run_cycle("x").raw for _ in range(3)] == [{"value": "no input"}] * 3
    out, errors = capfd.readouterr()
    assert out == ""
    for said in ("at import", "printed", "written", "echoed", "x" * 100_000):
        assert said in errors


DEADLY = """
    import os, signal, threading
    calls = []
    def f(command):
        calls.append(command)
        if command == "exit":
            print("last words")
            os._exit(3)
        if command == "signal":
            os.kill(os.getpid(), signal.SIGTERM)
        if command == "hang":
            threading.Event().wait()
        if command == "close":
            os.closerange(0, 100)
        if command == "fork":
            child = os.fork()
            if child == 0:
                return "from the child"
            os.waitpid(child, 0)
        return len(calls)
"""


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("exit", "ProcessEndedError: the process ended with status 3 and gave no answer; see its output"),
        (
            "signal",
            "ProcessEndedError: the process was ended by signal 15 (Terminated) and gave no answer; see its output",
        ),
        ("hang", "TimeLimitError: no answer within 0.4 s, and the process was killed; give a longer timeout"),
    ],
)
def test_a_cycle_without_an_answer_is_an_error_and_the_next_finds_a_new_process(system, command, error):
    deadly = system(DEADLY, timeout=0.4 if command == "hang" else 60)
    deadly.reset()
    assert deadly.run_cycle("x").raw == {"value": 1}
    result = deadly.run_cycle(command)
    assert (result.error, result.success, result.raw, result.stimulus_id) == (error, False, {}, command)
    assert deadly.run_cycle("x").raw == {"value": 1}


def test_the_last_words_of_a_process_are_shown(system, capfd):
    system(DEADLY).run_cycle("exit")
    assert "last words" in capfd.readouterr().err


def test_a_process_that_does_not_even_read_is_late_too(system):
    stopped = system("import os\ndef f(text):\n    return os.getpid()\n", timeout=0.4)
    stopped.reset()
    os.kill(stopped.run_cycle("x").raw["value"], signal.SIGSTOP)
    assert stopped.run_cycle("x" * 10**6).error.startswith("TimeLimitError: ")


def test_a_function_that_closes_every_file_is_an_error_of_its_cycle(system):
    deadly = system(DEADLY)
    assert deadly.run_cycle("close").error.startswith("ProcessEndedError: ")
    assert deadly.run_cycle("x").raw == {"value": 1}


def test_a_fork_of_the_function_does_not_answer_for_it(system):
    deadly = system(DEADLY)
    assert [deadly.run_cycle(command).raw["value"] for command in ("fork", "x", "fork", "x")] == [1, 2, 3, 4]


def test_the_time_limit_ends_what_the_function_had_started_too(system, tmp_path):
    source = """
        import subprocess
        def f(path):
            program = 'exec 3> "$0"; echo ready; exec sleep 1000'
            child = subprocess.Popen(["sh", "-c", program, path], stdout=subprocess.PIPE)
            child.stdout.readline()
            child.wait()
    """
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        hanging = system(source, timeout=0.5)
        hanging.reset()
        assert hanging.run_cycle(str(path)).error.startswith("TimeLimitError")
        assert select.select([reader], [], [], 30)[0]  # readable without data: nobody holds the other end
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_an_interrupted_cycle_does_not_answer_the_next_one(system, monkeypatch):
    echo = system(ECHO)
    echo.reset()
    original = module.selectors.DefaultSelector.select
    looks = []

    def select_once(self, timeout=None):
        looks.append(timeout)
        if len(looks) == 2:  # the request is on its way
            raise KeyboardInterrupt
        return original(self, timeout)

    monkeypatch.setattr(module.selectors.DefaultSelector, "select", select_once)
    with pytest.raises(KeyboardInterrupt):
        echo.run_cycle("first")
    assert echo.run_cycle("second").raw == {"stimulus": "second"}


def test_threads_take_turns(system):
    echo = system(ECHO)
    stimuli = [str(number) * 100_000 for number in range(10, 50)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(echo.run_cycle, stimuli))
    assert [result.raw.get("stimulus") for result in results] == stimuli


# -- where code and settings come from --------------------------------------------------------------------------------

LOOK = """
    import os, sys
    def f(text):
        return {"env": dict(os.environ), "path": sys.path, "cwd": os.getcwd(), "executable": sys.executable}
"""


def test_only_the_named_variables_are_passed_on(system, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "secret")
    monkeypatch.setenv("DATABASE_URL", "postgres://")
    monkeypatch.setenv("TZ", "UTC")
    assert "API_TOKEN" not in system(LOOK).run_cycle("x").raw["env"]
    seen = system(LOOK, env_allow=["DATABASE_URL", "NOT_SET"]).run_cycle("x").raw["env"]
    assert seen["DATABASE_URL"] == "postgres://"
    assert set(seen) - {"LC_CTYPE"} <= {*module.PASSED_ON, "DATABASE_URL"}


@pytest.mark.parametrize("names", ["DATABASE_URL", [""], ["A=B"]])
def test_what_names_no_variable_is_refused(two, names):
    with pytest.raises(ClaimError, match="names"):
        GitRef("HEAD", "shop.prices:quote", root=two.path, env_allow=names)


def test_the_path_begins_with_the_commit_and_its_src(repository, system):
    repository.commit({"src/helper.py": "x = 1\n"})
    seen = system(LOOK).run_cycle("x").raw
    assert seen["path"][:2] == [seen["cwd"], f"{seen['cwd']}/src"]
    assert seen["executable"] == sys.executable
    assert str(Path(runner.__file__).parent) not in seen["path"]


def test_a_package_of_the_users_own_tree_is_looked_for_in_the_commit(repository, system, monkeypatch):
    repository.commit({"libs/helper.py": "version = 'committed'\n"})
    (repository.path / "libs" / "helper.py").write_text("version = 'not committed'\n")
    repository("update-index", "--assume-unchanged", "libs/helper.py")
    monkeypatch.setenv("PYTHONPATH", str(repository.path / "libs"))
    mixed = system("import helper\ndef f(text):\n    return helper.version\n", env_allow=["PYTHONPATH"])
    assert mixed.run_cycle("x").raw == {"value": "committed"}


def test_an_environment_inside_the_project_is_not_the_projects_own(tmp_path, monkeypatch):
    own, tree = tmp_path / "own", tmp_path / "tree"
    monkeypatch.setattr(sys, "prefix", str(own / "conda"))
    kept = [str(own / ".venv/lib/python3.11/site-packages"), str(own / "conda/lib/python3.11"), "/usr/lib/python3.11"]
    source = runner.Source(str(tree / "shop"), str(tree), str(own))
    assert source.path([*kept, str(own / "libs")]) == [str(tree / "shop"), *kept, str(tree / "libs")]
    assert runner.Source(str(tree), str(tree), "").path(kept) == [str(tree), *kept]


def test_an_import_hook_that_brings_the_users_own_tree_in_is_refused(repository, tmp_path, monkeypatch):
    repository.commit(
        {
            "shop/__init__.py": "",
            "shop/prices.py": "from shop import rates\ndef quote(text):\n    return 1\n",
            "shop/rates.py": "",
        }
    )
    hook = f"""
        import importlib.util, sys
        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "shop.rates":
                    return importlib.util.spec_from_file_location(name, "{repository.path}/shop/rates.py")
        sys.meta_path.insert(0, Finder())
    """
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "sitecustomize.py").write_text(dedent(hook))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hooks"))
    with (
        GitRef("HEAD", "shop.prices:quote", root=repository.path, env_allow=["PYTHONPATH"]) as system,
        pytest.raises(
            TargetError, match=r"shop\.rates was imported from .*, the work tree in use, and not from the commit"
        ),
    ):
        system.reset()


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("missing:f", "ModuleNotFoundError: No module named 'missing'"),
        ("m:missing", "AttributeError: module 'm' has no attribute 'missing'"),
        ("m:Class", "TypeError: m:Class is a class"),
        ("m:value", "TypeError: m:value is a int"),
        ("m:Class.method.no", "AttributeError"),
        ("broken:f", "SyntaxError"),
        ("raising:f", "ZeroDivisionError"),
        ("leaving:f", "SystemExit: 3"),
        ("dying:f", "the process ended with status 3"),
        ("json:loads", "json was imported from .*, which is not of the commit"),
        ("names:f", "names was imported from None, which is not of the commit"),
    ],
)
def test_a_target_that_cannot_be_used_is_one_clear_error_at_reset_and_at_the_first_cycle(repository, target, problem):
    repository.commit(
        {
            "m.py": "value = 3\nclass Class:\n    def method(self):\n        pass\n",
            "broken.py": "def",
            "raising.py": "1 / 0",
            "leaving.py": "import sys; sys.exit(3)",
            "dying.py": "import os; os._exit(3)",
            "names/inner.py": "",
        }
    )
    system = GitRef("HEAD", target, root=repository.path)
    with system:
        for attempt in (system.reset, lambda: system.run_cycle("x")):
            with pytest.raises(TargetError, match=f"{target} at HEAD .* cannot be used: .*{problem}"):
                attempt()


def test_an_import_without_an_end_is_an_error(repository, monkeypatch):
    monkeypatch.setattr(module, "START_SECONDS", 0.4)
    repository.commit({"m.py": "import threading\nthreading.Event().wait()\n"})
    with GitRef("HEAD", "m:f", root=repository.path) as system, pytest.raises(TargetError, match=r"within 0\.4 s"):
        system.reset()


@pytest.mark.parametrize(
    ("python", "problem"),
    [("/no/such/python", "does not start: No such file"), ("echo", "does not answer as Python"), ("true", "status 0")],
)
def test_an_interpreter_that_is_none_is_said(two, python, problem):
    with (
        GitRef("HEAD", "shop.prices:quote", root=two.path, python=python) as system,
        pytest.raises(TargetError, match=problem),
    ):
        system.reset()


@pytest.mark.parametrize(
    "target", ["", "m", "m:", ":f", "m:f:g", "m:f()", "m f:g", "../m:f", "m:f.", "-m:f", "m.py:f\n"]
)
def test_what_names_no_function_is_refused(target):
    with pytest.raises(ClaimError, match=r"write package\.module:callable"):
        GitRef("HEAD", target)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_time_limit_that_is_none_is_refused(timeout):
    with pytest.raises(ClaimError, match="time limit"):
        GitRef("HEAD", "m:f", timeout=timeout)


def test_a_method_is_a_target(system, repository):
    repository.commit(
        {"n.py": "class Shop:\n    @staticmethod\n    def quote(text):\n        return 5\nshop = Shop()\n"}
    )
    for target in ("n:Shop.quote", "n:shop.quote"):
        with GitRef("HEAD", target, root=repository.path) as system:
            assert system.run_cycle("x").raw == {"value": 5}


# -- as a spec, and in a comparison -----------------------------------------------------------------------------------


def test_a_spec_may_hold_slashes_in_its_ref(two, monkeypatch):
    two("branch", "feature/x", "HEAD~1")
    monkeypatch.chdir(two.path / "shop")
    with pytest.raises(ClaimError, match=r"write REF:package\.module:callable"):
        GitRef.from_spec("shop.prices:quote")
    monkeypatch.chdir(two.path)
    with GitRef.from_spec("feature/x:shop.prices:quote", timeout=5) as system:
        assert system.name == "feature/x:shop.prices:quote"
        assert system.run_cycle("x").raw == {"value": 1}


def test_two_commits_are_compared_on_the_same_records(two):
    rows = []
    with (
        GitRef("HEAD~1", "shop.prices:quote", root=two.path) as base,
        GitRef("HEAD", "shop.prices:quote", root=two.path) as head,
    ):
        arms = Arms({"base": base, "head": head}, lambda *row: rows.append(row), 5)
        arms.reset()
        for record in (CorpusRecord("1", "a"), CorpusRecord("2", "b")):
            results = arms.run(record)
            assert {name: result.raw["value"] for name, result in results.items()} == {"base": 1, "head": 2}
    assert sorted((params["pair"], params["arm"], stimulus) for stimulus, params, _, _ in rows) == [
        (0, "base", "a"),
        (0, "head", "a"),
        (1, "base", "b"),
        (1, "head", "b"),
    ]
