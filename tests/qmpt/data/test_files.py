# SPDX-License-Identifier: Apache-2.0
import errno
import os

import pytest

from qmpt.data import files
from qmpt.data.files import digest, open_regular, replacing, write_atomic
from qmpt.errors import DataError


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "rows"
    path.write_bytes(b"old")

    def write_half():
        with replacing(path) as handle:
            handle.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["rows"]  # noqa: PTH208 - also what begins with a dot


def test_a_full_disk_is_told_with_a_way_out(tmp_path):
    with pytest.raises(DataError, match="free some space"), replacing(tmp_path / "rows"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert (link.read_bytes(), target.read_bytes(), link.is_symlink()) == (b"new", b"old", False)


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(DataError, match="remove the folder"):
        write_atomic(tmp_path, b"")


def test_a_pipe_is_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="no regular file"):
        open_regular(pipe)


def test_a_missing_file_is_told_by_its_name(tmp_path):
    with pytest.raises(DataError, match=r"absent.*No such file"):
        open_regular(tmp_path / "absent")
    with pytest.raises(DataError, match="null"):
        open_regular("a\0b")


def test_the_digest_of_abc_is_the_published_one(tmp_path, monkeypatch):
    # FIPS 180-2, appendix B.1: the message "abc"
    monkeypatch.setattr(files, "_BLOCK", 2)
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(tmp_path / "abc") == f"sha256:{expected}"
