# SPDX-License-Identifier: Apache-2.0
"""A ledger that only grows: killed writers, full disks, two hands at once, and files that others have touched."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from fixtures.heavy import HEAVY
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.environment import GitFacts, environment_lock
from ophamin.core.files import TEMPORARY_PREFIX
from ophamin.core.records import RecordFieldError
from ophamin.errors import OphaminError, RecordWriteError
from ophamin.measuring import history_store
from ophamin.measuring.history import (
    AttemptEntry,
    CaseBusyError,
    CaseKey,
    History,
    HistoryError,
    HistoryWriteError,
    environment_class,
    usable,
)

posix = pytest.mark.skipif(os.name != "posix", reason="links, signals and locks of POSIX")

KEY = CaseKey("5f" * 32, "model@abc123", "0123456789abcdef")
OTHER = CaseKey("60" * 32, "model@abc123", "0123456789abcdef")
NOON = "2026-01-02T12:00:00.000001+00:00"
FIELDS = {
    "number": 1,
    "started_at": NOON,
    "concluded_at": NOON,
    "outcome": "INCONCLUSIVE",
    "kind": "undecided",
    "reason": "40 more units would decide",
    "n_units": 10,
    "n_rows": 12,
    "seed": "18446744073709551615",
    "fresh": False,
    "resumed_from": None,
    "proof_id": "ab" * 32,
    "next_seed_counter": 10,
}


def sha(data):
    return hashlib.sha256(data).hexdigest()


def entry(number=1, proof=b"proof", observations=b"rows", **changes):
    fields = FIELDS | {"number": number, "next_seed_counter": 10 * number}
    if number > 1:
        fields["resumed_from"] = number - 1
    digests = {"proof_sha256": sha(proof), "observations_sha256": sha(observations)}
    return AttemptEntry(**(fields | digests | changes))


def note(history, count=1, key=KEY):
    """A ledger with ``count`` attempts more; the last entry."""
    with history.open(key) as case:
        for number in range(len(case.attempts) + 1, len(case.attempts) + 1 + count):
            case.append(entry(number), b"proof", b"rows")
        return case.last


def folder_of(history, key=KEY):
    return history.folder / key.id[:2] / key.id


def snapshot(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(autouse=True, scope="module")
def _a_fast_disk():
    """To wait for the disk is of no account to a killed process; one test looks at it and puts its own in place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "history")


# -- what is kept ---------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
HOSTILE = [
    "../../etc/passwd",
    "a\0b",
    "/",
    "C:\\x",
    "nul",
    "\u202e",
    "\U0001f600" * 1000,
    '"',
    "\n",
    "\x1b[2J",
    "模型@é",
]
COUNTS = st.integers(0, 2**53)


@settings(max_examples=40, deadline=None)
@given(
    texts=st.tuples(*[TEXT | st.sampled_from(HOSTILE)] * 3),
    proof=st.binary(max_size=200),
    observations=st.binary(max_size=200),
    reason=st.text(max_size=3000),
    seed=st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    counts=st.tuples(COUNTS, COUNTS, COUNTS),
    ending=st.sampled_from([("VALIDATED", "verdict"), ("REFUTED", "verdict"), ("INCONCLUSIVE", "broken")]),
)
def test_what_is_noted_is_read_back_as_it_was(texts, proof, observations, reason, seed, counts, ending):
    n_units, n_rows, counter = counts
    with tempfile.TemporaryDirectory() as folder:
        history, key = History(Path(folder) / "history"), CaseKey(*texts)
        noted = entry(
            1, proof, observations, reason=reason, seed=seed, n_units=n_units, n_rows=n_rows, next_seed_counter=counter,
            outcome=ending[0], kind=ending[1],
        )  # fmt: skip
        with history.open(key) as case:
            case.append(noted, proof, observations)
        with history.open(key) as case:
            assert case.attempts == (noted,)
            assert (case.proof(1), case.observations(1), case.repaired) == (proof, observations, "")
        assert [(one.key, one.last, one.problem) for one in history.cases()] == [(key, noted, "")]
        assert [path.name for path in Path(folder).iterdir()] == ["history"]


def test_attempts_are_kept_in_order_each_with_its_files(history):
    with history.open(KEY) as case:
        assert (case.attempts, case.last) == ((), None)
        case.append(entry(1, b"p1", b"o1"), b"p1", b"o1")
        case.append(entry(2, b"p2", b"o2", outcome="REFUTED", kind="verdict"), b"p2", b"o2")
    with history.open(KEY) as case:
        case.append(entry(3, b"p3", b"o3", fresh=True, resumed_from=None), b"p3", b"o3")
        assert [one.number for one in case.attempts] == [1, 2, 3]
        assert case.last == case.attempts[2]
        assert [(case.proof(n), case.observations(n)) for n in (1, 2, 3)] == [
            (b"p1", b"o1"), (b"p2", b"o2"), (b"p3", b"o3"),
        ]  # fmt: skip


def test_the_files_are_those_that_are_promised(history):
    noted = note(history)
    name = f"{KEY.id[:2]}/{KEY.id}"
    files = snapshot(history.folder)
    assert sorted(files) == [
        ".gitignore", f"{name}/1.observations.json.gz", f"{name}/1.proof.json", f"{name}/attempts.jsonl",
        f"{name}/key.json",
    ]  # fmt: skip
    assert files[".gitignore"] == b"*\n"
    assert json.loads(files[f"{name}/key.json"]) == {"format": "ophamin-history/1", **KEY.to_dict()}
    assert files[f"{name}/attempts.jsonl"].endswith(b"}\n")
    assert json.loads(files[f"{name}/attempts.jsonl"]) == noted.to_dict()


def test_earlier_lines_and_files_are_never_touched_by_a_later_attempt(history):
    note(history)
    before = snapshot(history.folder)
    note(history)
    after = snapshot(history.folder)
    lines = f"{KEY.id[:2]}/{KEY.id}/attempts.jsonl"
    assert after[lines].startswith(before[lines])
    assert {name: after[name] for name in before if name != lines} == {n: d for n, d in before.items() if n != lines}


def test_a_case_has_an_id_of_its_three_texts_alone():
    # SHA-256 of the canonical JSON written out by hand.
    text = '{"claim_digest":"a","environment_class":"c","system_version":"b"}'
    assert CaseKey("a", "b", "c").id == sha(text.encode())
    assert len({CaseKey(*texts).id for texts in ("abc", "acb", "bac", ("ab", "c", "c"), ("a", "bc", "c"))}) == 5


def test_another_version_another_environment_and_another_claim_are_other_cases(history):
    note(history)
    for key in (CaseKey("x", "model@abc123", "e"), CaseKey("5f" * 32, "model@abc124", "0123456789abcdef")):
        with history.open(key) as case:
            assert case.last is None


def test_a_gitignore_of_the_user_is_left_alone(history):
    history.folder.mkdir()
    (history.folder / ".gitignore").write_text("!*\n")
    note(history)
    assert (history.folder / ".gitignore").read_text() == "!*\n"


@posix
def test_the_ledger_may_lie_behind_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "history").symlink_to(tmp_path / "disk")
    note(History(tmp_path / "history"))
    with History(tmp_path / "disk").open(KEY) as case:
        assert len(case.attempts) == 1
    assert (tmp_path / "disk" / ".gitignore").exists()


def test_a_relative_folder_stays_the_one_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    history = History(Path("history"))
    (tmp_path / "elsewhere").mkdir()
    with history.open(KEY) as case:
        monkeypatch.chdir(tmp_path / "elsewhere")
        case.append(entry(), b"proof", b"rows")
    assert (tmp_path / "history" / KEY.id[:2]).is_dir()
    assert list((tmp_path / "elsewhere").iterdir()) == []


# -- what may be noted ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"number": 0}, "number"),
        ({"number": True}, "number"),
        ({"started_at": "2026-01-02T12:00:00"}, "not in UTC"),
        ({"concluded_at": "2026-01-02T12:00:00+02:00"}, "not in UTC"),
        ({"started_at": "noon"}, "no ISO 8601 time"),
        ({"outcome": "PASSED"}, "outcome"),
        ({"kind": "lost"}, "kind"),
        ({"outcome": "VALIDATED"}, "'undecided' cannot have the outcome VALIDATED"),
        ({"outcome": "REFUTED", "kind": "broken"}, "'broken' cannot have the outcome REFUTED"),
        ({"kind": "verdict"}, "'verdict' cannot have the outcome INCONCLUSIVE"),
        ({"n_units": -1}, "n_units"),
        ({"n_rows": 2**53 + 1}, "n_rows"),
        ({"n_rows": 1.0}, "n_rows"),
        ({"seed": 7}, "seed"),
        ({"seed": "7" * 201}, "seed"),
        ({"reason": None}, "reason"),
        ({"fresh": 1}, "fresh"),
        ({"number": 2, "resumed_from": None}, "goes on from no other, so it is fresh"),
        ({"number": 2, "fresh": True, "resumed_from": 1}, "choose one"),
        ({"number": 2, "resumed_from": 2}, "cannot go on from attempt 2"),
        ({"resumed_from": 1}, "cannot go on from attempt 1"),
        ({"proof_id": "AB" * 32}, "proof_id"),
        ({"proof_sha256": "ab" * 31}, "proof_sha256"),
        ({"observations_sha256": "ab" * 32 + "\n"}, "observations_sha256"),
        ({"next_seed_counter": -1}, "next_seed_counter"),
        ({"mood": "good"}, "mood"),
    ],
)
def test_an_entry_that_says_nothing_clear_is_refused(changes, says):
    with pytest.raises(RecordFieldError, match=says):
        entry(**changes)


@pytest.mark.parametrize("text", ["", "x" * 1001, "\ud800", 7, None])
@pytest.mark.parametrize("place", range(3))
def test_a_key_is_three_texts(text, place):
    texts = ["a", "b", "c"]
    texts[place] = text
    with pytest.raises(RecordFieldError):
        CaseKey(*texts)


@pytest.mark.parametrize("reason", ["x" * 10**6, "\ud800", "\x1b[2J" * 4000, "two\nlines", "", "\U0001f600" * 5000])
def test_no_reason_is_so_odd_that_the_attempt_goes_uncounted(history, reason):
    with history.open(KEY) as case:
        case.append(entry(reason=reason), b"proof", b"rows")
    with history.open(KEY) as case:
        kept = case.last.reason
    assert len(kept) <= 2000
    assert "\x1b" not in kept
    assert kept[:1] == "\\" or kept[:1999] == reason[:1999]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: entry(1), "number 1; the next one is 3"),
        (lambda: entry(4), "number 4; the next one is 3"),
        (lambda: entry(3, b"other", resumed_from=1), "the proof has the SHA-256"),
        (lambda: entry(3, observations=b"other", resumed_from=1), "the observations has the SHA-256"),
        (lambda: entry(3, resumed_from=2), "goes on from attempt 2, whose verdict stands"),
        (lambda: entry(3, resumed_from=1, next_seed_counter=19), "is 19, but the seeds before 20 are used"),
    ],
)
def test_an_entry_that_does_not_follow_is_refused_and_nothing_is_written(history, make, says):
    with history.open(KEY) as case:
        case.append(entry(1), b"proof", b"rows")
        case.append(entry(2, outcome="VALIDATED", kind="verdict"), b"proof", b"rows")
        before = snapshot(history.folder)
        with pytest.raises(HistoryError, match=says):
            case.append(make(), b"proof", b"rows")
        assert snapshot(history.folder) == before
        case.append(entry(3, fresh=True, resumed_from=None), b"proof", b"rows")


def test_a_closed_case_can_be_read_and_takes_no_more(history):
    note(history)
    with history.open(KEY) as case:
        pass
    assert case.proof(1) == b"proof"
    with pytest.raises(HistoryError, match="is closed"):
        case.append(entry(2), b"proof", b"rows")


def test_files_beyond_the_limit_are_refused_before_they_are_written(history, monkeypatch):
    monkeypatch.setattr("ophamin.measuring.history.MAX_STORED_BYTES", 4)
    with history.open(KEY) as case, pytest.raises(HistoryError, match="the proof has 5 bytes; the limit is 4"):
        case.append(entry(), b"proof", b"rows")
    assert not history.folder.exists()


def test_a_full_ledger_says_so(history, monkeypatch):
    note(history)
    monkeypatch.setattr(history_store, "MAX_LINES_BYTES", 1000)
    with history.open(KEY) as case, pytest.raises(HistoryError, match="the limits are 65536 and 1000"):
        case.append(entry(2), b"proof", b"rows")
    with history.open(KEY) as case:
        assert len(case.attempts) == 1


@pytest.mark.parametrize("number", [0, -1, 2])
def test_an_attempt_that_is_not_there_is_named(history, number):
    note(history)
    with history.open(KEY) as case, pytest.raises(HistoryError, match=f"no attempt {number}; the case .* has 1"):
        case.proof(number)


# -- opening --------------------------------------------------------------------------------------------------------


def test_opening_a_case_that_is_not_there_leaves_nothing(tmp_path):
    history = History(tmp_path / "deep" / "er" / "history")
    with history.open(KEY) as case:
        assert case.last is None
    assert list(tmp_path.iterdir()) == []


def test_a_body_that_raises_leaves_nothing_and_no_lock(history, tmp_path):
    with pytest.raises(KeyboardInterrupt), history.open(KEY):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    note(history)
    with pytest.raises(ZeroDivisionError), history.open(KEY):
        _ = 1 / 0
    assert not (folder_of(history) / "lock").exists()
    note(history)


def test_folders_that_were_there_before_stay(tmp_path):
    (tmp_path / "history").mkdir()
    with History(tmp_path / "history").open(KEY):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["history"]
    assert list((tmp_path / "history").iterdir()) == []


@posix
def test_a_second_handle_of_one_process_is_refused_and_the_first_goes_on(history):
    with history.open(KEY) as case:
        with pytest.raises(CaseBusyError, match=rf"this process \({os.getpid()}\).*close that handle first") as caught:
            note(history)
        assert caught.value.pid == os.getpid()
        case.append(entry(), b"proof", b"rows")
        with pytest.raises(CaseBusyError):
            note(History(history.folder))
        note(history, key=OTHER)
    assert note(history).number == 2


HOLDER = """
import sys
from pathlib import Path
from ophamin.measuring.history import CaseKey, History
with History(Path(sys.argv[1])).open(CaseKey(*sys.argv[2:])):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(history):
    """Another process that has the case open until its input ends."""
    command = [sys.executable, "-c", HOLDER, str(history.folder), *KEY.to_dict().values()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


@posix
def test_of_two_processes_the_second_is_told_who_has_the_case(history, holder):
    with pytest.raises(CaseBusyError, match=f"process {holder.pid} has this case .* open; wait for that") as caught:
        note(history)
    assert caught.value.pid == holder.pid
    holder.communicate()
    assert holder.returncode == 0
    assert not history.folder.exists()
    note(history)


@posix
def test_a_killed_holder_holds_nothing(history, holder):
    holder.kill()
    holder.wait()
    lock = folder_of(history) / "lock"
    assert lock.exists()
    assert list(history.cases()) == []
    lock.write_text("4294967296\n")
    with history.open(KEY):
        assert lock.read_text() == f"{os.getpid()}\n"
    assert note(history).number == 1
    assert not (folder_of(history) / "lock").exists()


@posix
def test_the_holder_is_unknown_where_the_lock_does_not_say(history, holder):
    (folder_of(history) / "lock").write_bytes(b"\xb2 me")
    with pytest.raises(CaseBusyError, match="another process has this case") as caught:
        note(history)
    assert caught.value.pid is None


@posix
def test_a_lock_that_was_removed_before_it_was_ours_is_taken_anew(history, monkeypatch):
    import fcntl

    real, removed = fcntl.flock, []

    def leave(descriptor, how):
        if not removed:
            removed.append(True)
            (folder_of(history) / "lock").unlink()  # what a holder does that leaves
            folder_of(history).rmdir()
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", leave)
    with history.open(KEY):
        assert (folder_of(history) / "lock").read_text() == f"{os.getpid()}\n"
        with pytest.raises(CaseBusyError):
            note(history)


@posix
def test_who_leaves_takes_no_other_hands_lock_along(history):
    with ExitStack() as first:
        first.enter_context(history.open(KEY))
        (folder_of(history) / "lock").unlink()  # by hand, against the advice
        with history.open(KEY):
            first.close()
            with pytest.raises(CaseBusyError):
                note(history)


def test_a_lock_that_always_vanishes_does_not_turn_for_ever(history, monkeypatch):
    def vanish(*_args, **_kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(history_store.os, "open", vanish)
    with pytest.raises(HistoryError, match="vanished 100 times"):
        note(history)


@posix
def test_a_forked_child_that_lives_on_does_not_keep_the_case(history):
    program = """
import os, sys
from pathlib import Path
from ophamin.measuring.history import CaseKey, History
history, key = History(Path(sys.argv[1])), CaseKey(*sys.argv[2:])
reads, writes = os.pipe()
with history.open(key):
    child = os.fork()
    if not child:
        os.close(writes)
        os.read(reads, 1)
        os._exit(0)
with history.open(key):
    print("open again")
os.close(writes)
os.waitpid(child, 0)
"""
    command = [sys.executable, "-c", program, str(history.folder), *KEY.to_dict().values()]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"open again\n"


def test_without_flock_the_lock_file_is_the_lock_and_says_what_to_do(history, monkeypatch):
    monkeypatch.setattr(history_store, "_HAS_FLOCK", False)
    note(history)
    with history.open(KEY):
        (folder_of(history) / "lock").write_text("4711\n")
        with pytest.raises(CaseBusyError, match=r"process 4711 .* is gone, delete \w\w/\w+/lock$") as caught:
            note(history)
        assert caught.value.pid == 4711
    assert not (folder_of(history) / "lock").exists()
    with pytest.raises(KeyboardInterrupt), history.open(KEY):
        raise KeyboardInterrupt
    assert note(history).number == 2


@posix
def test_a_disk_too_full_for_the_pid_still_locks(history, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "full")

    note(history)
    with monkeypatch.context() as patch:
        patch.setattr(history_store.os, "write", full)
        with history.open(KEY) as case:
            assert case.proof(1) == b"proof"
            with pytest.raises(CaseBusyError):
                note(history)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors cannot be counted here")
def test_no_descriptor_stays_open(history):
    before = len([*Path("/proc/self/fd").iterdir()])
    note(history)
    with history.open(KEY), pytest.raises(CaseBusyError):
        note(history)
    (folder_of(history) / "attempts.jsonl").write_bytes(b"{\n")
    with pytest.raises(HistoryError):
        note(history)
    (folder_of(history) / "lock").mkdir()
    with pytest.raises(HistoryError):
        note(history)
    assert len([*Path("/proc/self/fd").iterdir()]) == before


# -- killed writers -------------------------------------------------------------------------------------------------

KILLED = """
import itertools, json, os, shutil, signal, sys
from pathlib import Path
from ophamin.measuring.history import AttemptEntry, CaseKey, History

template, folder, fields, key = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), CaseKey(*sys.argv[4:])
os.fsync = lambda _descriptor: None
STEPS = ("open", "write", "replace", "fsync", "ftruncate", "lseek", "unlink", "mkdir", "rmdir", "close")

def die_at(point):
    left = itertools.count()
    def deadly(name, real):
        def step(*args, **kwargs):
            if next(left) == point:
                if name == "write":
                    real(args[0], args[1][: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        return step
    for name in STEPS:
        setattr(os, name, deadly(name, getattr(os, name)))

for point in itertools.count():
    run = folder / str(point)
    if template.exists():
        shutil.copytree(template, run)
    child = os.fork()
    if not child:
        die_at(point)
        with History(run).open(key) as case:
            case.append(AttemptEntry.from_dict(fields), b"proof", b"rows")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        print(point, os.WEXITSTATUS(status))
        break
"""


@posix
@pytest.mark.parametrize("earlier", [0, 2])
def test_a_writer_killed_at_any_step_leaves_the_attempt_noted_whole_or_not_at_all(tmp_path, earlier):
    template, runs = tmp_path / "template", tmp_path / "runs"
    if earlier:
        note(History(template), earlier)
    fields = json.dumps(entry(earlier + 1).to_dict())
    command = [sys.executable, "-c", KILLED, str(template), str(runs), fields, *KEY.to_dict().values()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    points, status = map(int, done.stdout.split())
    assert (status, done.stderr) == (0, "")
    assert points > 25
    found, repaired = [], []
    for point in range(points):
        history = History(runs / str(point))
        with history.open(KEY) as case:
            found.append(len(case.attempts))
            repaired.append(bool(case.repaired))
            assert [case.proof(one.number) for one in case.attempts] == [b"proof"] * len(case.attempts)
            assert [case.observations(one.number) for one in case.attempts] == [b"rows"] * len(case.attempts)
            case.append(entry(len(case.attempts) + 1), b"proof", b"rows")
        with history.open(KEY) as case:
            assert len(case.attempts) == found[-1] + 1
        leftovers = {name.rpartition("/")[2] for name in snapshot(folder_of(history))}
        assert not any(name.startswith(TEMPORARY_PREFIX) or name == "lock" for name in leftovers)
    assert set(found) == {earlier, earlier + 1}
    assert found == sorted(found)
    assert sum(repaired) == 1


@pytest.mark.parametrize("earlier", [0, 1])
@pytest.mark.parametrize("kept", [1, 20, -2, -1])
def test_a_last_line_without_its_end_did_not_happen_and_is_cut_off(history, earlier, kept):
    note(history, earlier + 1)
    lines = folder_of(history) / "attempts.jsonl"
    whole = lines.read_bytes().splitlines(keepends=True)
    torn = whole[-1][:kept]
    lines.write_bytes(b"".join(whole[:-1]) + torn)
    before = snapshot(history.folder)
    with history.open(KEY) as case:
        assert len(case.attempts) == earlier
        assert f"ends in {len(torn)} bytes of a line that was never finished" in case.repaired
        assert f"attempt {earlier + 1} did not happen" in case.repaired
    assert snapshot(history.folder) == before
    assert [one.last.number for one in history.cases()] == [earlier] * earlier
    with history.open(KEY) as case:
        case.append(entry(earlier + 1), b"proof", b"rows")
    assert lines.read_bytes() == b"".join(whole)
    with history.open(KEY) as case:
        assert case.repaired == ""


@posix
def test_all_files_are_on_the_disk_before_the_line_and_the_line_before_the_append_returns(history, monkeypatch):
    steps = []
    real_write, real_replace = os.write, os.replace

    def sync(descriptor):
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")

    def write(descriptor, data):
        steps.append("line")
        return real_write(descriptor, data)

    def replace(source, target, **options):
        steps.append(str(target))
        real_replace(source, target, **options)

    with history.open(KEY) as case:
        monkeypatch.setattr(os, "fsync", sync)
        monkeypatch.setattr(os, "write", write)
        monkeypatch.setattr(os, "replace", replace)
        case.append(entry(), b"proof", b"rows")
        first = [
            ".gitignore",
            "sync file", "key.json", "sync folder",
            "sync file", "1.proof.json", "sync folder",
            "sync file", "1.observations.json.gz", "sync folder",
            "sync folder", "sync folder", "sync folder", "line", "sync file",
        ]  # fmt: skip
        assert steps == first
        steps.clear()
        case.append(entry(2), b"proof", b"rows")
        assert steps == [one.replace("1", "2") for one in [*first[4:10], *first[13:]]]


def test_a_torn_line_longer_than_the_next_one_leaves_no_rest(history):
    with history.open(KEY) as case:
        case.append(entry(reason="long " * 200), b"proof", b"rows")
    lines = folder_of(history) / "attempts.jsonl"
    lines.write_bytes(lines.read_bytes()[:-1])
    note(history)
    with history.open(KEY) as case:
        assert (case.attempts, case.repaired) == ((entry(),), "")


# -- full disks and folders that cannot be written --------------------------------------------------------------------


@posix
@pytest.mark.parametrize("name", ["key.json", "1.proof.json", "1.observations.json.gz", ".gitignore"])
def test_a_disk_that_is_full_at_any_file_leaves_the_old_state(history, monkeypatch, name):
    real = history_store.write_atomic

    def full(path, data, **options):
        if path.name == name:
            error = RecordWriteError("full")
            error.errno = errno.ENOSPC
            raise error
        real(path, data, **options)

    with history.open(KEY) as case:
        with monkeypatch.context() as patch:
            patch.setattr(history_store, "write_atomic", full)
            with pytest.raises(HistoryWriteError, match="No space left") as caught:
                case.append(entry(), b"proof", b"rows")
        assert caught.value.errno == errno.ENOSPC
        assert f"{name} was not written" in str(caught.value)
        assert "the ledger says what it said before" in str(caught.value)
        assert case.attempts == ()
        case.append(entry(), b"proof", b"rows")
    with history.open(KEY) as case:
        assert len(case.attempts) == 1


@pytest.mark.parametrize("torn", [b"", b'{"number":2'])
@pytest.mark.parametrize("step", ["write", "fsync"])
def test_a_disk_that_fills_up_inside_the_line_leaves_the_old_state(history, monkeypatch, step, torn):
    note(history)
    lines = folder_of(history) / "attempts.jsonl"
    whole = lines.read_bytes()
    lines.write_bytes(whole + torn)
    real_write, real_fsync, written = os.write, os.fsync, []

    def write(descriptor, data):
        if written and step == "write":
            raise OSError(errno.ENOSPC, "full")
        written.append(True)
        return real_write(descriptor, data[:7])

    def fsync(descriptor):
        if written and step == "fsync":
            raise OSError(errno.EIO, "broken")
        real_fsync(descriptor)

    with history.open(KEY) as case:
        with monkeypatch.context() as patch:
            patch.setattr(history_store.os, "write", write)
            patch.setattr(history_store.os, "fsync", fsync)
            with pytest.raises(HistoryWriteError, match=r"attempts\.jsonl was not written"):
                case.append(entry(2), b"proof", b"rows")
        assert written
        assert lines.read_bytes() == whole
        assert len(case.attempts) == 1
        case.append(entry(2), b"proof", b"rows")
    with history.open(KEY) as case:
        assert (len(case.attempts), case.repaired) == (2, "")


def test_a_write_that_takes_a_few_bytes_at_a_time_still_writes_all(history, monkeypatch):
    real = os.write
    monkeypatch.setattr(history_store.os, "write", lambda descriptor, data: real(descriptor, data[:5]))
    assert note(history, 2).number == 2
    with history.open(KEY) as case:
        assert len(case.attempts) == 2


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_ledger_that_cannot_be_written_says_which_and_what_to_do(history, tmp_path, monkeypatch, number):
    def refuse(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(history_store.os, "open", refuse)
        with pytest.raises(HistoryWriteError) as caught:
            note(history)
    assert caught.value.errno == number
    assert f"{KEY.id}/lock was not written: {os.strerror(number)}" in str(caught.value)
    assert f"See that {history.folder} is a folder that is writable and has room" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_named(tmp_path):
    (tmp_path / "history").mkdir(mode=0o500)
    with pytest.raises(HistoryWriteError, match="Permission denied"):
        note(History(tmp_path / "history"))


@posix
def test_a_file_in_the_place_of_the_ledger_is_named(history):
    history.folder.write_text("mine")
    with pytest.raises(HistoryWriteError, match=r"See that .* is a folder"):
        note(history)
    assert history.folder.read_text() == "mine"
    with pytest.raises(HistoryError, match="give a ledger that can be read"):
        list(history.cases())


def test_the_errors_are_of_the_house():
    assert issubclass(CaseBusyError, HistoryError)
    assert issubclass(HistoryError, OphaminError)
    assert issubclass(HistoryWriteError, HistoryError)
    assert issubclass(HistoryWriteError, RecordWriteError)
    assert issubclass(HistoryWriteError, OSError)


# -- files that others have touched -----------------------------------------------------------------------------------


def edited(**changes):
    """Change fields of the first line; a value of ``...`` leaves the field out."""

    def edit(lines):
        fields = json.loads(lines[0]) | changes
        kept = {name: value for name, value in fields.items() if value is not ...}
        return [json.dumps(kept).encode() + b"\n", *lines[1:]]

    return edit


def first(line):
    return lambda lines: [line + b"\n", *lines[1:]]


DAMAGED_LINES = [
    (first(b'{"number":'), "line 1: "),
    (first(b""), "line 1: "),
    (first(b"[]"), "line 1: entry: a list stands"),
    (first(b"null"), "line 1: entry: a NoneType stands"),
    (first(b"\xff"), "line 1: byte 0 is not UTF-8"),
    (first(b"\xef\xbb\xbf{}"), "line 1: starts with a byte order mark"),
    (first(b'{"number": 1, "number": 1}'), "the key 'number' stands twice"),
    (first(b'{"number": NaN}'), "NaN is not a JSON number"),
    (first(b'{"number": 1e999}'), "beyond the largest float"),
    (first(b'{"number": 99999999999999999999}'), "beyond 2**53"),
    (first(b"[" * 70 + b"]" * 70), "70 levels deep"),
    (first(b'"' + b"x" * 70_000 + b'"'), "70002 bytes; the limit is 65536"),
    (edited(mood="good"), "line 1: entry.mood: unknown field"),
    (edited(seed=...), "line 1: entry.seed: missing"),
    (edited(n_units="10"), "line 1: entry.n_units: "),
    (edited(n_units=True), "line 1: entry.n_units: "),
    (edited(outcome="PASSED"), "line 1: entry.outcome: "),
    (edited(outcome="VALIDATED"), "'undecided' cannot have the outcome VALIDATED"),
    (edited(proof_sha256="../../x"), "line 1: entry.proof_sha256: "),
    (edited(started_at="\x1b[2J"), "no ISO 8601 time"),
    (edited(number=2, fresh=True), "line 1: it has the number 2; the next one is 1"),
    (edited(next_seed_counter=11), ""),  # legal by itself; the three below are not
    (edited(next_seed_counter=21), "line 2: its next_seed_counter is 20, but the seeds before 21 are used"),
    (edited(outcome="VALIDATED", kind="verdict"), "line 2: it goes on from attempt 1, whose verdict stands"),
    (lambda lines: [lines[1], lines[0], lines[2]], "line 1: it has the number 2"),
    (lambda lines: [lines[0], *lines], "line 2: it has the number 1; the next one is 2"),
    (lambda lines: lines[1:], "line 1: it has the number 2"),
    (lambda lines: [lines[0], b"\n", *lines[1:]], "line 2: "),
    (lambda lines: lines[:1], "1 attempts, but files of attempt 3: lines are missing"),
    (lambda _lines: [], "0 attempts, but files of attempt 3: lines are missing"),
    (lambda lines: [*lines, b"x" * 70_000], "it ends in a line of 70000 bytes; the limit is 65536"),
    (lambda lines: [*lines, b"x" * 20_000_000], "bytes; the limit is 8388608"),
    (lambda lines: [*lines, b"x" * 20_000_000 + b"\n"], "bytes; the limit is 8388608"),
]


def assert_damaged(history, name, says):
    """Opening fails and says all it must, listing goes on, and nothing is changed on the disk."""
    before = snapshot(history.folder)
    with pytest.raises(HistoryError) as caught:
        note(history)
    message = str(caught.value)
    assert message.startswith(f"{KEY.id[:2]}/{KEY.id}/{name}: ")
    assert says in message
    assert f"delete the folder {KEY.id[:2]}/{KEY.id} of the ledger" in message
    assert "--ophamin-fresh does not repair it" in message
    assert str(history.folder) not in message
    assert message.isprintable()
    assert snapshot(history.folder) == before
    note(history, key=OTHER)
    listed = {one.id: one for one in history.cases()}
    assert listed[KEY.id].problem == message
    assert (listed[KEY.id].key, listed[KEY.id].last) == (None, None)
    assert (listed[OTHER.id].key, listed[OTHER.id].problem) == (OTHER, "")


@pytest.mark.parametrize(("damage", "says"), DAMAGED_LINES)
def test_a_line_that_was_touched_is_an_error_that_says_where_and_what_to_do(history, damage, says):
    note(history, 3)
    lines = folder_of(history) / "attempts.jsonl"
    lines.write_bytes(b"".join(damage(lines.read_bytes().splitlines(keepends=True))))
    if says:
        assert_damaged(history, "attempts.jsonl", says)
    else:
        assert note(history).number == 4


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "the file is missing"),
        (b"", "the key: "),
        (b"[]", "the format is None, this reads ophamin-history/1"),
        (b"{}", "the format is None"),
        (b'{"format":"ophamin-history/2"}', "the format is 'ophamin-history/2', this reads ophamin-history/1"),
        (b'{"format":["\\u001b[2J"]}', "the format is "),
        (b'{"format":"ophamin-history/1"}', "key.claim_digest: missing"),
        (json.dumps({"format": "ophamin-history/1", "x": 1, **KEY.to_dict()}).encode(), "key.x: unknown field"),
        (json.dumps({"format": "ophamin-history/1", **KEY.to_dict(), "claim_digest": 7}).encode(), "key.claim_digest"),
        (json.dumps({"format": "ophamin-history/1", **OTHER.to_dict()}).encode(), "this is the key of the case"),
        (b" " * 70_000, "70000 bytes; the limit is 65536"),
    ],
)
def test_a_key_that_was_touched_is_an_error(history, content, says):
    note(history)
    path = folder_of(history) / "key.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert_damaged(history, "key.json", says)


@posix
@pytest.mark.parametrize("target", ["the same file", "nothing"])
@pytest.mark.parametrize("name", ["key.json", "attempts.jsonl"])
def test_a_link_in_the_place_of_a_file_is_refused(history, tmp_path, name, target):
    note(history)
    path = folder_of(history) / name
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / ("moved" if target == "the same file" else "nowhere"))
    assert_damaged(history, name, "a link stands in the place of the file")


@posix
def test_a_link_in_the_place_of_the_lock_is_refused(history, tmp_path):
    note(history)
    (tmp_path / "victim").write_bytes(b"precious")
    (folder_of(history) / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(HistoryError, match=r"lock: a link stands in the place of the file"):
        note(history)
    assert (tmp_path / "victim").read_bytes() == b"precious"


@posix
@pytest.mark.parametrize("depth", [1, 2])
def test_a_link_in_the_place_of_a_folder_is_refused(history, tmp_path, depth):
    note(history)
    folder = folder_of(history) if depth == 2 else folder_of(history).parent
    shutil.move(folder, tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    before = snapshot(tmp_path / "moved")
    with pytest.raises(HistoryError, match="a link stands in the place of the folder"):
        note(history)
    assert snapshot(tmp_path / "moved") == before
    assert ["a link stands in the place of" in one.problem for one in history.cases()] == [True]


@posix
@pytest.mark.parametrize("kind", ["pipe", "folder"])
@pytest.mark.parametrize("name", ["key.json", "attempts.jsonl", "lock"])
def test_what_is_no_regular_file_is_refused_without_waiting(history, kind, name):
    note(history)
    path = folder_of(history) / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(HistoryError, match=rf"{name}: this is no regular file|lock was not written: Is a directory"):
        note(history)


@pytest.mark.parametrize("kind", ["proof.json", "observations.json.gz"])
def test_a_stored_file_that_was_touched_is_an_error_and_the_others_are_read(history, kind):
    note(history, 2)
    path = folder_of(history) / f"2.{kind}"
    path.write_bytes(b"Proof")
    with history.open(KEY) as case:
        read = case.proof if kind == "proof.json" else case.observations
        with pytest.raises(HistoryError, match=rf"2\.{kind}: its SHA-256 is {sha(b'Proof')}, the ledger says"):
            read(2)
        path.unlink()
        with pytest.raises(HistoryError, match=rf"2\.{kind}: the file is missing\. Restore it, or delete"):
            read(2)
        assert read(1) in {b"proof", b"rows"}


@posix
def test_a_stored_file_behind_a_link_is_refused(history, tmp_path):
    note(history)
    path = folder_of(history) / "1.proof.json"
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    with history.open(KEY) as case, pytest.raises(HistoryError, match="a link stands in the place of the file"):
        case.proof(1)


def touch_with_a_line(lines):
    lines.write_bytes(lines.read_bytes() + b"{}\n")


def take_away(lines):
    lines.unlink()


@pytest.mark.parametrize("touch", [touch_with_a_line, take_away])
def test_what_others_do_to_an_open_case_is_not_written_over(history, touch):
    note(history)
    lines = folder_of(history) / "attempts.jsonl"
    with history.open(KEY) as case:
        touch(lines)
        before = snapshot(folder_of(history)).get("attempts.jsonl")
        with pytest.raises(HistoryError, match=r"attempts\.jsonl"):
            case.append(entry(2), b"proof", b"rows")
        assert snapshot(folder_of(history)).get("attempts.jsonl") == before
        assert len(case.attempts) == 1


# -- listing ----------------------------------------------------------------------------------------------------------


def test_cases_are_listed_with_their_last_attempt(history):
    keys = sorted((CaseKey("c", f"model@{n}", "e") for n in range(5)), key=lambda key: key.id)
    for count, key in enumerate(keys, start=1):
        note(history, count, key)
    assert [(one.id, one.key, one.last.number) for one in history.cases()] == [
        (key.id, key, count) for count, key in enumerate(keys, start=1)
    ]


def test_a_ledger_that_is_not_there_has_no_cases_and_is_not_made(history):
    assert list(history.cases()) == []
    assert not history.folder.exists()


def test_what_does_not_belong_to_the_ledger_is_passed_over(history):
    note(history)
    (history.folder / "README").write_text("mine")
    (history.folder / "zz").mkdir()
    (history.folder / "ab" / ("cd" * 32)).mkdir(parents=True)  # an id that belongs under another prefix
    (history.folder / "ab" / KEY.id).mkdir()
    (history.folder / "ab" / ("ab" * 32)).mkdir()  # a case that was opened and killed before its first attempt
    assert [one.key for one in history.cases()] == [KEY]


def test_a_case_that_goes_while_the_others_are_listed_is_passed_over(history):
    note(history)
    damaged = history.folder / KEY.id[:2] / (KEY.id[:2] + "00" * 31)
    damaged.mkdir()
    (damaged / "key.json").write_text("{")
    listed = history.cases()
    assert next(listed).id == damaged.name
    shutil.rmtree(folder_of(history))
    assert list(listed) == []


def test_a_file_that_may_not_be_read_is_named(history, monkeypatch):
    note(history)
    real = os.open

    def refuse(path, *args, **options):
        if str(path).endswith("attempts.jsonl"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **options)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(HistoryError, match=r"attempts\.jsonl: it cannot be read \(Permission denied\)"):
        note(history)


@posix
def test_a_file_in_the_place_of_a_folder_is_a_problem_of_that_folder_alone(history):
    note(history)
    (history.folder / "00").write_text("")
    (history.folder / "01").mkdir()
    (history.folder / "01" / ("01" * 32)).write_text("")
    problems = [(one.id, bool(one.problem)) for one in history.cases()]
    assert problems == [("00", True), ("01" * 32, True), (KEY.id, False)]


def test_listing_reads_without_the_lock_and_writes_nothing(history):
    with history.open(KEY) as case:
        case.append(entry(), b"proof", b"rows")
        before = snapshot(history.folder)
        assert [one.last.number for one in history.cases()] == [1]
        assert snapshot(history.folder) == before


# -- environment and tree ---------------------------------------------------------------------------------------------

LOCK = {
    "python": "3.12.3",
    "platform": "Linux-6.8.0-45-generic-x86_64-with-glibc2.39",
    "numpy": "2.1.0",
    "scipy": "1.14.0",
    "scikit-learn": "1.5.1",
    "statsmodels": "0.14.2",
    "pytest-ophamin": "0.1.0",
    "rich": "13.7.0",
}


@pytest.mark.parametrize(
    "changes",
    [
        {"python": "3.12.9"},
        {"platform": "Linux-5.4.0-x86_64-with-glibc2.31"},
        {"platform": "Linux-4.18.0-553.el8.x86_64-x86_64-with-glibc2.28"},
        {"rich": "14.0.0"},
        {"brand-new": "1"},
        {"Platform": "1.0"},  # distributions of these names are not the platform and the Python
        {"Python": "1.0"},
    ],
)
def test_what_does_not_touch_a_result_leaves_the_environment_class(changes):
    assert environment_class(LOCK | changes) == environment_class(LOCK)


@pytest.mark.parametrize(
    "changes",
    [
        {"python": "3.13.3"},
        {"python": "3.1.2"},
        {"platform": "Linux-6.8.0-aarch64-with-glibc2.39"},
        {"platform": "macOS-14.5-x86_64-i386-64bit"},
        {"platform": "Windows-11-10.0.22631-SP0"},
        {"platform": "Windows-11-10.0.22632-SP0"},
        {"numpy": "2.1.1"},
        {"scipy": "1.14.1"},
        {"scikit-learn": "1.5.2"},
        {"statsmodels": "0.14.3"},
        {"pytest-ophamin": "0.1.1"},
        {},
    ],
)
def test_what_touches_a_result_gives_an_environment_class_of_its_own(changes):
    others = [LOCK | {"numpy": "9"}, LOCK | {"platform": "macOS-14.5-arm64-arm-64bit"}, {}]
    mine = environment_class(LOCK | changes)
    assert mine not in {environment_class(one) for one in others}
    assert (mine == environment_class(LOCK)) is (not changes)


def test_two_platforms_that_name_no_machine_are_never_taken_for_one():
    builds = ["Windows-11-10.0.22631-SP0", "Windows-11-10.0.22632-SP0", "Linux-6.8.0-vax", "", "-"]
    assert len({environment_class({"platform": build}) for build in builds}) == len(builds)


def test_a_distribution_counts_however_its_name_is_spelled():
    spelled = {name: version for name, version in LOCK.items() if name != "scikit-learn"} | {"Scikit_Learn": "1.5.1"}
    assert environment_class(spelled) == environment_class(LOCK)


def test_this_environment_has_a_class():
    lock = environment_lock()
    assert len(bytes.fromhex(environment_class(lock))) == 8
    assert environment_class(lock) != environment_class({**lock, "numpy": "0"})
    assert environment_class(lock) != environment_class({**lock, "pytest-ophamin": "0"})


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (GitFacts("a" * 40, False, shallow=False), ""),
        (GitFacts("a" * 40, False, shallow=True), ""),
        (GitFacts("a" * 40, True, shallow=False), "the tree has uncommitted changes"),
        (GitFacts("a" * 40, None, shallow=False), "git could not say"),
        (GitFacts("", None, shallow=False), "not a git repository"),
        (GitFacts("", False, shallow=False), "no commit"),
    ],
)
def test_the_ledger_is_used_only_where_the_version_is_known(facts, says):
    assert says in usable(facts)
    assert bool(usable(facts)) is bool(says)


def test_the_ledger_knows_no_test_runner_and_loads_nothing_heavy():
    program = "import ophamin.measuring.history, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & (HEAVY | {"pytest", "numpy"}) <= {"pydantic"}
