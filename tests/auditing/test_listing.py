# SPDX-License-Identifier: Apache-2.0
"""The list of files: git's where there is git, a walk elsewhere, and nothing in it that would hang or lead astray."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest

from ophamin.auditing import listing as module
from ophamin.auditing.base import Coverage
from ophamin.auditing.listing import Listing, ListingError, list_files

posix_only = pytest.mark.skipif(os.name != "posix", reason="pipes and links")


@pytest.fixture
def tree(tmp_path):
    """Make files in a folder."""
    root = tmp_path / "tree"
    root.mkdir()

    def make(*names: str, text: str = "x = 1\n"):
        for name in names:
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return root

    return make


@pytest.fixture
def git(tmp_path):
    """Run git in the tree."""
    if shutil.which("git") is None:
        pytest.skip("needs git")

    def run(*arguments: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment = kept | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", *identity, "-C", str(tmp_path / "tree"), *arguments]
        subprocess.run(command, env=environment, check=True, capture_output=True)

    return run


# Inside git


def test_git_names_what_is_tracked_and_what_is_neither_tracked_nor_ignored(tree, git):
    root = tree("a.py", "pkg/b.pyi", "new.py", "ignored/c.py", "gone.py", "notes.txt")
    (root / ".gitignore").write_text("ignored/\n")
    git("init", "-q")
    git("add", "a.py", "pkg", "gone.py", "notes.txt")
    git("commit", "-qm", "x")
    (root / "gone.py").unlink()
    listing = list_files(root)
    assert listing.files == ("a.py", "new.py", "pkg/b.pyi")
    assert (listing.source, listing.unreadable, listing.left_out, listing.root) == ("git", {}, {}, root)


def test_a_folder_below_the_top_is_listed_from_itself_on(tree, git):
    root = tree("a.py", "pkg/b.py", "pkg/deep/c.py")
    git("init", "-q")
    assert list_files(root / "pkg").files == ("b.py", "deep/c.py")


def test_a_folder_that_git_ignores_is_walked(tree, git):
    root = tree("a.py", "build/lib/c.py")
    (root / ".gitignore").write_text("build/\n")
    git("init", "-q")
    listing = list_files(root / "build")
    assert (listing.files, listing.source) == (("lib/c.py",), "walk")


def test_a_folder_without_sources_inside_git_stays_empty(tree, git):
    root = tree("docs/notes.txt", "docs/build/c.py")
    (root / ".gitignore").write_text("build/\n")
    git("init", "-q")
    listing = list_files(root / "docs")
    assert (listing.files, listing.source) == ((), "git")


@posix_only
def test_nothing_that_a_repository_configures_is_started(tree, git, tmp_path):
    root = tree("a.py")
    git("init", "-q")
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    evil.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "pager.ls-files", "core.askPass"):
        git("config", key, str(evil))
    git("config", "alias.ls-files", f"!{evil}")
    hooks = root / ".git" / "hooks"
    for hook in ("post-index-change", "fsmonitor-watchman", "post-checkout"):
        shutil.copy(evil, hooks / hook)
    assert list_files(root).files == ("a.py",)
    assert not (tmp_path / "ran").exists()


def test_the_environment_of_the_caller_does_not_point_git_elsewhere(tree, git, tmp_path, monkeypatch):
    root = tree("a.py")
    git("init", "-q")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "no such"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert (list_files(root).files, list_files(root).source) == (("a.py",), "git")


def test_a_broken_repository_is_walked(tree):
    root = tree("a.py", ".git/HEAD")
    listing = list_files(root)
    assert (listing.files, listing.source) == (("a.py",), "walk")


def test_without_git_the_tree_is_walked(tree, git, monkeypatch):
    root = tree("a.py")
    git("init", "-q")
    monkeypatch.setattr(module, "find_binary", lambda name: None)
    listing = list_files(root)
    assert (listing.files, listing.source) == (("a.py",), "walk")
    assert listing.left_out == {".git": "a folder of a tool"}


# A walk


def test_a_walk_enters_no_folder_of_a_tool_and_says_so(tree):
    root = tree("a.py", ".tox/b.py", "node_modules/c.py", "env/lib/d.py", "env/pyvenv.cfg", ".hidden/e.py", "b/f.pyc")
    listing = list_files(root)
    assert listing.files == (".hidden/e.py", "a.py")
    assert listing.left_out == {
        ".tox": "a folder of a tool",
        "env": "a virtual environment",
        "node_modules": "a folder of a tool",
    }


def test_an_audited_environment_is_not_left_out_itself(tree):
    assert list_files(tree("a.py", "pyvenv.cfg")).files == ("a.py",)


@pytest.mark.parametrize("inside_git", [True, False], ids=["git", "walk"])
@posix_only
def test_what_is_no_regular_file_is_left_out_by_name(tree, request, inside_git, tmp_path, monkeypatch):
    root = tree("a.py", "real/b.py")
    outside = tmp_path / "outside.py"
    outside.write_text("secret = 1\n")
    os.mkfifo(root / "x.py")
    (root / "link.py").symlink_to(outside)
    (root / "loop.py").symlink_to("loop.py")
    (root / "linked").symlink_to("real")
    (root / "folder.py").mkdir()
    (root / "up").symlink_to("..")
    with socket.socket(socket.AF_UNIX) as open_socket:
        monkeypatch.chdir(root)  # the path of a socket may have 107 bytes
        open_socket.bind("socket.py")
    if inside_git:
        git = request.getfixturevalue("git")
        git("init", "-q")
        git("add", "-A", "--ignore-errors", "a.py", "real", "link.py", "loop.py", "linked", "up")
    listing = list_files(root)
    assert listing.files == ("a.py", "real/b.py")
    expected = {"link.py": "a link", "loop.py": "a link"}
    if not inside_git:  # git names neither pipes nor sockets
        expected |= {"socket.py": "a socket", "x.py": "a named pipe"}
    assert listing.left_out == expected
    assert listing.unreadable == {}


@posix_only
def test_a_tracked_folder_that_became_a_link_is_not_followed(tree, git, tmp_path):
    root = tree("a.py", "pkg/b.py")
    git("init", "-q")
    git("add", "-A")
    shutil.rmtree(root / "pkg")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.py").write_text("secret = 1\n")
    (root / "pkg").symlink_to(elsewhere)
    listing = list_files(root)
    assert listing.files == ("a.py",)
    assert listing.left_out == {"pkg/b.py": "behind a link"}


@pytest.mark.parametrize("inside_git", [True, False], ids=["git", "walk"])
@posix_only
def test_a_file_whose_name_is_no_utf_8_is_missed_and_not_forgotten(tree, request, inside_git):
    root = tree("a.py")
    try:
        (root / os.fsdecode(b"caf\xe9.py")).write_text("x = 1\n")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    if inside_git:
        request.getfixturevalue("git")("init", "-q")
    listing = list_files(root)
    assert listing.unreadable == {"caf\\xe9.py": "its name is no UTF-8"}
    assert listing.coverage(listing.files) == Coverage(2, 1, ["caf\\xe9.py"])


@posix_only
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_missed(tree):
    root = tree("a.py", "locked/b.py")
    (root / "locked").chmod(0)
    listing = list_files(root)
    (root / "locked").chmod(0o755)
    assert listing.unreadable == {"locked": "Permission denied"}


def test_a_folder_that_cannot_be_read_is_missed_for_whoever_runs_it(tree, monkeypatch):
    root = tree("a.py", "locked/b.py")
    scan = os.scandir

    def locked(folder):
        if str(folder).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", locked)
    listing = list_files(root)
    assert (listing.files, listing.unreadable) == (("a.py",), {"locked": "Permission denied"})
    assert not listing.coverage(listing.files).complete


@posix_only
@pytest.mark.parametrize("name", ["-rf.py", "@file.py", "a b.py", "new\nline.py", "caf\u00e9.py", "'\".py", "#.py"])
@pytest.mark.parametrize("inside_git", [True, False], ids=["git", "walk"])
def test_odd_names_are_names(tree, request, inside_git, name):
    root = tree(name)
    if inside_git:
        request.getfixturevalue("git")("init", "-q")
    assert list_files(root).files == (name,)


def test_the_order_is_that_of_the_names(tree):
    names = ["b.py", "a/z.py", "a.py", "B.py", "a/b/c.py", "_.py", "10.py", "9.py"]
    assert list_files(tree(*names)).files == tuple(sorted(names))


# Targets


def test_a_file_is_a_list_of_one_whatever_it_is_called(tree):
    root = tree("script", "other.py")
    assert (list_files(root / "script").files, list_files(root / "script").root) == (("script",), root)


@posix_only
def test_a_target_that_is_a_link_is_what_it_points_to(tree, tmp_path):
    root = tree("a.py")
    (tmp_path / "link").symlink_to(root)
    assert (list_files(tmp_path / "link").files, list_files(tmp_path / "link").root) == (("a.py",), root)


@posix_only
def test_there_must_be_a_file_or_a_folder(tmp_path):
    os.mkfifo(tmp_path / "x.py")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ListingError, match=r"x\.py is neither a file nor a folder"):
        list_files(tmp_path / "x.py")
    for absent in ("no such", "loop", "a\0b", "no\x1b[2K such"):
        with pytest.raises(ListingError, match="give a file or a folder that is there") as caught:
            list_files(tmp_path / absent)
        assert "\x1b" not in str(caught.value)
        assert isinstance(caught.value, ValueError)


def test_too_many_files_are_refused_with_the_limit(tree):
    root = tree("a.py", "b.py", "c.py")
    assert len(list_files(root, most=3).files) == 3
    with pytest.raises(ListingError, match="more than 2 files; audit a part"):
        list_files(root, most=2)


def test_an_empty_folder_is_an_empty_list_and_no_complete_audit(tree):
    listing = list_files(tree())
    assert listing.files == ()
    assert not listing.coverage(()).complete


# Files that the caller names


def test_the_caller_may_name_the_files(tree):
    root = tree("a.py", "b.py", "pkg/c.py")
    listing = list_files(root, chosen=["pkg/c.py", "a.py", "a.py"])
    assert (listing.files, listing.source) == (("a.py", "pkg/c.py"), "caller")
    assert list_files(root, chosen=[]).files == ()


@posix_only
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../outside.py", "no plain path below the audited folder"),
        ("/etc/passwd", "no plain path below the audited folder"),
        ("pkg/../a.py", "no plain path below the audited folder"),
        ("./a.py", "no plain path below the audited folder"),
        ("pkg//c.py", "no plain path below the audited folder"),
        ("", "no plain path below the audited folder"),
        ("a\0.py", "no plain path below the audited folder"),
        ("gone.py", "No such file or directory"),
        ("a.py/b.py", "Not a directory"),
        ("pipe.py", "a named pipe"),
        ("link.py", "a link"),
        ("linked/c.py", "behind a link"),
        ("pkg", "a folder"),
    ],
)
def test_a_file_that_the_caller_names_must_be_a_regular_file_below_the_folder(tree, tmp_path, name, reason):
    root = tree("a.py", "pkg/c.py")
    (tmp_path / "outside.py").write_text("")
    os.mkfifo(root / "pipe.py")
    (root / "link.py").symlink_to("a.py")
    (root / "linked").symlink_to("pkg")
    listing = list_files(root, chosen=[name, "a.py"])
    assert (listing.files, listing.unreadable) == (("a.py",), {name: reason})
    assert not listing.coverage(["a.py"]).complete


# What is told


def test_coverage_counts_listed_files_only_and_names_some(tmp_path):
    listing = Listing(tmp_path, tuple(f"{index:03}.py" for index in range(200)))
    coverage = listing.coverage([*listing.files[:50], "unlisted.py", "000.py"])
    assert (coverage.listed, coverage.seen, len(coverage.missed)) == (200, 50, 100)
    assert coverage.missed[0] == "050.py"
    assert listing.coverage(listing.files) == Coverage(200, 200)


def test_a_record_keeps_counts_and_some_names(tmp_path):
    odd = {f"{index:03}.py": "a link" for index in range(150)}
    kept = Listing(tmp_path, ("a.py",), {"b.py": "gone"}, odd, "git").to_dict()
    assert (kept["source"], kept["files"], kept["unreadable"], kept["left_out"]) == ("git", 1, 1, 150)
    assert kept["unreadable_names"] == {"b.py": "gone"}
    assert len(kept["left_out_names"]) == 100
    assert Listing(tmp_path, ("a.py",)).to_dict() == {"source": "walk", "files": 1}
