# SPDX-License-Identifier: Apache-2.0
"""Several auditors over one path: all are in the record, the slowest begins, and an interrupt ends them all."""

import json
import threading

import pytest

from ophamin.auditing.base import AuditOptions, AuditPillar, Coverage, PillarResult, PillarState
from ophamin.auditing.listing import ListingError, list_files
from ophamin.auditing.runner import DEFAULT_TOOLS, AuditRunner, NoAuditorError, tree_digest
from ophamin.registry import AUDITORS


class Fake(AuditPillar):
    """Notes that it began, and answers."""

    tool_binary = "fake"
    seconds = 0.5

    def __init__(self, name, begun=None):
        self.name = name
        super().__init__()
        self.begun = [] if begun is None else begun

    def run(self, target_path, *, options=None):
        self.begun.append(self.name)
        return self.finished_result(target_path, (), Coverage(1, 1), version="1", wall_time_s=self.seconds)


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.py").write_text("x = 1\n")
    return tmp_path / "tree"


def states(record):
    return {result.pillar_name: result.state.value for result in record.pillars}


def test_the_default_tools_are_registered():
    assert set(DEFAULT_TOOLS) <= set(AUDITORS.names())


def test_results_stand_in_the_order_asked_for_however_they_come(tree):
    runner = AuditRunner([Fake("one"), Fake("two"), Fake("three")], jobs=3)
    record = runner.run(tree)
    assert list(states(record)) == list(runner.names) == ["one", "two", "three"]
    assert record.validate() == []
    assert record.is_complete


def test_the_record_names_the_tree_and_how_to_audit_it_again(tree, monkeypatch):
    monkeypatch.chdir(tree.parent)
    record = AuditRunner([Fake("one"), Fake("two")]).run("tree")
    assert record.target_path == "tree"
    assert record.reproduction_command == "ophamin audit tree --tools=one,two"
    assert record.target_content_hash == tree_digest(list_files("tree"))
    assert AuditRunner([Fake("one")]).run("tree", command="make audit").reproduction_command == "make audit"


def test_an_absolute_path_stays_out_of_the_record(tree):
    assert str(tree.parent) not in AuditRunner([Fake("one")]).run(tree).dumps()


@pytest.mark.parametrize(
    ("auditors", "told"),
    [([], "no auditor is named"), ([Fake("one"), Fake("two"), Fake("one")], "named twice among one, two, one")],
    ids=["none", "twice"],
)
def test_each_auditor_is_named_once_and_there_is_one(auditors, told):
    with pytest.raises(NoAuditorError, match=told):
        AuditRunner(auditors)


def test_a_path_with_nothing_runs_nothing(tmp_path):
    begun = []
    with pytest.raises(ListingError, match="nowhere"):
        AuditRunner([Fake("one", begun)]).run(tmp_path / "nowhere")
    assert begun == []


def test_each_result_is_told_as_it_comes_in_the_callers_thread(tree):
    told = []
    AuditRunner([Fake("one"), Fake("two")]).run(
        tree, told=lambda result: told.append((result.pillar_name, threading.current_thread()))
    )
    assert sorted(name for name, _ in told) == ["one", "two"]
    assert {thread for _, thread in told} == {threading.main_thread()}


def test_no_more_run_at_once_than_is_allowed(tree):
    running, most, lock = set(), [], threading.Lock()

    class Counted(Fake):
        def run(self, target_path, *, options=None):
            with lock:
                running.add(self.name)
                most.append(len(running))
            result = super().run(target_path, options=options)
            with lock:
                running.discard(self.name)
            return result

    AuditRunner([Counted(str(number)) for number in range(8)], jobs=1).run(tree)
    assert max(most) == 1


def test_as_many_run_at_once_as_are_allowed(tree):
    together = threading.Barrier(3, timeout=30)

    class Meets(Fake):
        def run(self, target_path, *, options=None):
            together.wait()
            return super().run(target_path, options=options)

    assert set(states(AuditRunner([Meets("a"), Meets("b"), Meets("c")], jobs=3).run(tree)).values()) == {"ok"}


# -- the order --------------------------------------------------------------------------------------------------------


def test_the_one_that_took_longest_last_time_begins(tree, tmp_path):
    begun = []
    auditors = [Fake(name, begun) for name in ("quick", "slow", "middling")]
    for one, seconds in zip(auditors, (0.1, 9.0, 3.0), strict=True):
        one.seconds = seconds
    runner = AuditRunner(auditors, options=AuditOptions(cache_dir=tmp_path / "cache"), jobs=1)
    runner.run(tree)
    begun.clear()
    runner.run(tree)
    assert begun == ["slow", "middling", "quick"]


def test_what_is_not_known_begins_before_what_is_quick(tree):
    begun = []
    AuditRunner([Fake("ruff", begun), Fake("mypy", begun), Fake("unheard-of", begun)], jobs=1).run(tree)
    assert begun == ["unheard-of", "mypy", "ruff"]


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff", b"[1]", b'{"one": "two"}', b'{"one": NaN}', b"[" * 60_000, b'{"one": 1' + b"0" * 400 + b"}"],
    ids=["empty", "bytes", "list", "text", "nan", "deep", "huge"],
)
def test_remembered_seconds_that_are_broken_are_forgotten(tree, tmp_path, text):
    (tmp_path / "seconds.json").write_bytes(text)
    AuditRunner([Fake("one"), Fake("two")], options=AuditOptions(cache_dir=tmp_path)).run(tree)
    assert json.loads((tmp_path / "seconds.json").read_bytes())["one"] == 0.5


def test_seconds_of_other_auditors_are_kept(tree, tmp_path):
    options = AuditOptions(cache_dir=tmp_path)
    AuditRunner([Fake("one")], options=options).run(tree)
    AuditRunner([Fake("two")], options=options).run(tree)
    assert json.loads((tmp_path / "seconds.json").read_bytes()) == {"one": 0.5, "two": 0.5}


# -- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: None, "it gave a NoneType that is no result of its own"),
        (lambda: PillarResult("other", "x", "", "ok", "src"), "it gave a PillarResult that is no result of its own"),
    ],
    ids=["raises", "nothing", "another"],
)
def test_an_auditor_that_breaks_is_crashed_and_the_others_still_count(tree, answer, told):
    class Breaks(Fake):
        def run(self, target_path, *, options=None):
            return answer()

    record = AuditRunner([Breaks("breaks"), Fake("works")]).run(tree)
    assert states(record) == {"breaks": "crashed", "works": "ok"}
    assert record.pillars[0].error_message == told
    assert record.validate() == []
    assert not record.is_complete


def test_an_interrupt_ends_what_runs_and_what_an_auditor_starts_after_it(tree, monkeypatch):
    stops, begun = threading.Semaphore(0), threading.Semaphore(0)
    monkeypatch.setattr("ophamin.auditing.runner.stop_tools", stops.release)
    finished = []

    class Restarts(Fake):
        def run(self, target_path, *, options=None):
            begun.release()
            for _ in range(3):  # each stands for a tool that runs until it is ended
                assert stops.acquire(timeout=30)
            finished.append(self.name)
            return super().run(target_path, options=options)

    def interrupt(_result):
        assert begun.acquire(timeout=30)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        AuditRunner([Fake("quick"), Restarts("slow")], jobs=2).run(tree, told=interrupt)
    assert finished == ["slow"]


def test_after_an_interrupt_nothing_new_begins(tree, monkeypatch):
    begun = []

    def interrupt(_result):
        raise KeyboardInterrupt

    blocked = threading.Event()
    monkeypatch.setattr("ophamin.auditing.runner.stop_tools", blocked.set)

    class Waits(Fake):
        def run(self, target_path, *, options=None):
            assert blocked.wait(30)
            return super().run(target_path, options=options)

    auditors = [Fake("first"), Waits("second"), *(Fake(f"more {number}", begun) for number in range(5))]
    with pytest.raises(KeyboardInterrupt):
        AuditRunner(auditors, jobs=1).run(tree, told=interrupt)
    assert begun == []


# -- the digest of a tree ---------------------------------------------------------------------------------------------


def test_the_digest_is_that_of_names_and_contents(tree):
    before = tree_digest(list_files(tree))
    (tree / "notes.txt").write_text("no source")
    assert tree_digest(list_files(tree)) == before
    (tree / "a.py").rename(tree / "b.py")
    renamed = tree_digest(list_files(tree))
    (tree / "b.py").write_text("x = 2\n")
    assert len({before, renamed, tree_digest(list_files(tree))}) == 3


def test_a_file_that_vanished_after_it_was_listed_has_a_digest_of_nothing(tree):
    listing = list_files(tree)
    (tree / "a.py").unlink()
    assert len(tree_digest(listing)) == 64


def test_a_state_that_is_no_state_of_a_pass_stays_one(tree):
    class Partial(Fake):
        def run(self, target_path, *, options=None):
            return self.finished_result(target_path, (), Coverage(2, 1, ["b.py"]), version="1")

    record = AuditRunner([Partial("partial")]).run(tree)
    assert record.pillars[0].state is PillarState.PARTIAL
