# SPDX-License-Identifier: Apache-2.0
"""Whole files under hostile names, on full disks and through links."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core import files
from ophamin.core.files import TEMPORARY_PREFIX, slug, write_atomic, write_folder
from ophamin.errors import OphaminError, RecordWriteError

posix = pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")


def test_a_file_is_written_and_its_folders_are_made(tmp_path):
    write_atomic(tmp_path / "a" / "b" / "proof.json", b"\x00\n\xff")
    assert (tmp_path / "a" / "b" / "proof.json").read_bytes() == b"\x00\n\xff"


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    write_atomic(tmp_path / "f", b"a long first version")
    write_atomic(tmp_path / "f", b"second", durable=True)
    assert (tmp_path / "f").read_bytes() == b"second"
    assert _names(tmp_path) == ["f"]


def test_a_name_relative_to_the_working_folder_is_written_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomic(Path("f"), b"1")
    assert (tmp_path / "f").read_bytes() == b"1"


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o000, 0o644)])
def test_the_mode_is_0644_less_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "f", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "f").stat().st_mode & 0o7777 == mode


def test_durable_asks_the_disk_for_the_file_and_plain_does_not(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(files.os, "fsync", asked.append)
    write_atomic(tmp_path / "f", b"1")
    assert asked == []
    write_atomic(tmp_path / "f", b"2", durable=True)
    assert asked


@posix
def test_t22_a_link_at_the_target_is_replaced_and_its_victim_is_intact(tmp_path):
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "f").symlink_to(tmp_path / "victim")
    write_atomic(tmp_path / "f", b"record")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "f").is_symlink()
    assert (tmp_path / "f").read_bytes() == b"record"


@posix
def test_a_folder_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "proofs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordWriteError, match="link") as caught:
        write_atomic(tmp_path / "proofs" / "f", b"1")
    assert caught.value.errno in {errno.ELOOP, errno.ENOTDIR}
    assert _names(tmp_path / "elsewhere") == []


@posix
def test_a_link_further_up_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "short").symlink_to(tmp_path / "real")
    write_atomic(tmp_path / "short" / "proofs" / "f", b"1")
    assert (tmp_path / "real" / "proofs" / "f").read_bytes() == b"1"


@posix
def test_t22_a_folder_swapped_for_a_link_between_two_steps_leads_nowhere_else(tmp_path, monkeypatch):
    (tmp_path / "proofs").mkdir()
    (tmp_path / "victim").mkdir()
    random = os.urandom

    def swap(size):
        (tmp_path / "proofs").rename(tmp_path / "moved")
        (tmp_path / "proofs").symlink_to(tmp_path / "victim")
        return random(size)

    monkeypatch.setattr(files.os, "urandom", swap)  # asked for the temporary name, after the folder was opened
    write_atomic(tmp_path / "proofs" / "f", b"1")
    assert _names(tmp_path / "victim") == []
    assert (tmp_path / "moved" / "f").read_bytes() == b"1"


@posix
def test_a_link_in_the_place_of_the_temporary_file_is_refused(tmp_path, monkeypatch):
    (tmp_path / "victim").write_bytes(b"precious")
    monkeypatch.setattr(files.os, "urandom", lambda size: b"\x00" * size)
    (tmp_path / f"{TEMPORARY_PREFIX}{'00' * 8}").symlink_to(tmp_path / "victim")
    with pytest.raises(RecordWriteError) as caught:
        write_atomic(tmp_path / "f", b"1")
    assert caught.value.errno == errno.EEXIST
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_where_folders_have_no_descriptors_the_file_is_written_by_path(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_HAS_FOLDER_DESCRIPTORS", False)
    write_atomic(tmp_path / "a" / "f", b"1")
    assert (tmp_path / "a" / "f").read_bytes() == b"1"
    assert _names(tmp_path / "a") == ["f"]


@posix
def test_where_folders_have_no_descriptors_a_link_is_refused_too(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_HAS_FOLDER_DESCRIPTORS", False)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "proofs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordWriteError, match="link"):
        write_atomic(tmp_path / "proofs" / "f", b"1")


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "free some space"), (errno.EACCES, "make the folder writable"), (errno.EIO, "mend that")],
)
@pytest.mark.parametrize("step", ["replace", "open"])
def test_an_error_of_the_system_says_what_why_and_the_way_out_and_leaves_the_old_file(
    tmp_path, monkeypatch, number, says, step
):
    write_atomic(tmp_path / "f", b"old")

    def fail(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(RecordWriteError) as caught:
        write_atomic(tmp_path / "f", b"new")
    monkeypatch.undo()
    assert caught.value.errno == number
    assert str(caught.value).startswith(f"{tmp_path / 'f'} was not written: {os.strerror(number)}; {says}")
    assert "--ophamin-dir" in str(caught.value)
    assert _names(tmp_path) == ["f"]
    assert (tmp_path / "f").read_bytes() == b"old"


@posix
def test_a_disk_that_fills_up_while_writing_leaves_no_temporary_file(tmp_path, monkeypatch):
    class FullDisk:
        def __init__(self, descriptor, _mode):
            self.descriptor = descriptor

        def __enter__(self):
            return self

        def __exit__(self, *_args):
            os.close(self.descriptor)

        def write(self, data):
            os.write(self.descriptor, data[:2])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "open", FullDisk, raising=False)
    with pytest.raises(RecordWriteError, match="No space left") as caught:
        write_atomic(tmp_path / "f", b"record")
    assert caught.value.errno == errno.ENOSPC
    assert _names(tmp_path) == []


def test_an_interrupt_leaves_no_temporary_file_and_stays_an_interrupt(tmp_path, monkeypatch):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "f", b"1")
    assert _names(tmp_path) == []


@posix
def test_t23_a_process_killed_before_the_last_step_leaves_the_old_file_whole(tmp_path):
    write_atomic(tmp_path / "f", b"old")
    program = (
        "import os, signal, sys; from pathlib import Path; from ophamin.core.files import write_atomic\n"
        "os.replace = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomic(Path(sys.argv[1]), b'new' * 100000)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "f")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "f").read_bytes() == b"old"
    assert [name for name in _names(tmp_path) if not name.startswith(TEMPORARY_PREFIX)] == ["f"]


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "..", ""])
def test_a_name_that_is_no_file_is_refused(tmp_path, name):
    folder = tmp_path / "records"
    folder.mkdir()
    with pytest.raises(RecordWriteError):
        write_atomic(folder / name, b"1")
    assert _names(folder) == []


def test_a_path_without_a_name_is_refused():
    with pytest.raises(RecordWriteError, match="names no file"):
        write_atomic(Path("/"), b"1")


def test_a_folder_in_the_place_of_the_file_is_left_alone(tmp_path):
    (tmp_path / "f").mkdir()
    with pytest.raises(RecordWriteError):
        write_atomic(tmp_path / "f", b"1")
    assert _names(tmp_path) == ["f"]


@posix
def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(RecordWriteError, match="remove the file or link") as caught:
        write_atomic(tmp_path / "f" / "g", b"1")
    assert caught.value.errno == errno.ENOTDIR


@posix
def test_a_name_with_controls_is_shown_without_them(tmp_path):
    with pytest.raises(RecordWriteError) as caught:
        write_atomic(tmp_path / ("\x1b[2J" * 100), b"1")
    assert "\x1b" not in str(caught.value)


def test_the_error_is_of_the_house_and_an_os_error():
    assert issubclass(RecordWriteError, OphaminError)
    assert issubclass(RecordWriteError, OSError)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors cannot be counted here")
def test_no_descriptor_stays_open(tmp_path):
    before = len(_names(Path("/proc/self/fd")))
    write_atomic(tmp_path / "f", b"1")
    with pytest.raises(RecordWriteError):
        write_atomic(tmp_path / ("x" * 300), b"1")
    assert len(_names(Path("/proc/self/fd"))) == before


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "x"),
        ("..", "x"),
        ("/", "x"),
        ("\x00", "x"),
        ("-rf", "rf"),
        ("a/../../b", "a-b"),
        ("test[x-../../y]", "test-x-y"),
        ("C:\\Windows\\x", "c-windows-x"),
        ("con", "con-x"),
        ("CON", "con-x"),
        ("nul.", "nul-x"),
        ("com1", "com1-x"),
        ("LPT9", "lpt9-x"),
        ("console", "console"),
        ("Crème_Brûlée", "creme_brulee"),
        ("ﬁne № ½", "fine-no-1-2"),
        ("İstanbul", "istanbul"),
        ("模型", "x"),
        ("a--b---c", "a-b-c"),
        ("trailing. ", "trailing"),
        ("a\u202eb", "a-b"),
        ("x" * 300, "x" * 48),
        ("\ud800", "x"),
    ],
)
def test_t20_a_hostile_name_becomes_a_safe_one(text, name):
    assert slug(text) == name


def test_a_cut_never_ends_in_a_dash():
    assert slug("a" * 47 + " b") == "a" * 47


@settings(max_examples=150, deadline=None)
@given(st.text() | st.from_regex(r"(?i)(con|aux|lpt\d)\W*"), st.integers(1, 60))
def test_every_slug_is_safe_and_is_its_own_slug(text, limit):
    name = slug(text, limit=limit)
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_-]*", name)
    assert len(name) <= limit
    assert not re.fullmatch(r"con|prn|aux|nul|(com|lpt)\d", name)
    assert slug(name, limit=limit) == name


def test_a_slug_of_no_length_is_refused():
    with pytest.raises(ValueError, match="is 0; give at least 1"):
        slug("a", limit=0)


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_written_with_all_its_files(tmp_path):
    write_folder(tmp_path / "a" / "id", {"one": b"1", "two": b"22"})
    assert {file.name: file.read_bytes() for file in (tmp_path / "a" / "id").iterdir()} == {"one": b"1", "two": b"22"}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["id"]


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path):
    write_folder(tmp_path / "id", {"one": b"1"})
    write_folder(tmp_path / "id", {"one": b"other", "two": b"2"})
    assert {file.name: file.read_bytes() for file in (tmp_path / "id").iterdir()} == {"one": b"1"}
    assert [path.name for path in tmp_path.iterdir()] == ["id"]


def test_a_folder_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    real = os.rename

    def full(*arguments, **keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(RecordWriteError, match="free some space") as caught:
        write_folder(tmp_path / "id", {"one": b"1"})
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(os, "rename", real)


def test_a_folder_is_not_written_through_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(RecordWriteError):
        write_folder(tmp_path / "link" / "id", {"one": b"1"})
    with pytest.raises(RecordWriteError):
        write_folder(tmp_path / "link", {"one": b"1"})
    assert list((tmp_path / "real").iterdir()) == []


@pytest.mark.parametrize("name", ["../up", "a/b", ""])
def test_a_file_of_a_folder_has_a_plain_name(tmp_path, name):
    with pytest.raises((RecordWriteError, ValueError)):
        write_folder(tmp_path / "id", {name: b"1"})
    assert not (tmp_path / "up").exists()
