# SPDX-License-Identifier: Apache-2.0
"""What the process runs in, and what of it may leave."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from ophamin.core import environment
from ophamin.core.environment import (
    GitFacts,
    Redactor,
    environment_lock,
    git_facts,
    library_version,
    ophamin_commit,
    ophamin_version,
)

NOTHING_KNOWN = GitFacts("", None, shallow=False)


def test_the_lock_begins_with_python_and_platform():
    lock = environment_lock()
    assert list(lock)[:2] == ["python", "platform"]
    assert lock["python"] == platform.python_version()
    assert lock["platform"] == platform.platform()


def test_the_lock_is_ordered_by_lower_cased_name():
    names = list(environment_lock())[2:]
    assert names == sorted(names, key=str.lower)
    assert len(names) > 10


def test_the_lock_holds_what_the_standard_library_says_of_each_distribution():
    lock = environment_lock()
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            assert lock[name] == metadata.version(name)


def test_the_lock_is_computed_once_and_cannot_be_changed():
    assert environment_lock() is environment_lock()
    with pytest.raises(TypeError):
        environment_lock()["python"] = "2"


def test_the_distribution_that_is_imported_counts_and_a_broken_one_is_left_out(tmp_path, monkeypatch):
    _install(tmp_path / "late", "Twice_Here-9.0", "Metadata-Version: 2.1\nName: twice-here\nVersion: 9.0\n\nName: no\n")
    _install(tmp_path / "early", "Twice.Here-1.0", "Name: Twice.Here\r\nVersion: 1.0\r\n\r\nVersion: 5\r\n")
    _install(tmp_path / "early", "Broken-1.0", "Version: 1.0\n\nName: Broken\n")
    _install(tmp_path / "early", "Nameless-1.0", None)
    _install(tmp_path / "early", "Odd-1.0", "Name: Odd\n\n")
    _install(tmp_path / "early", "platform-1.0", "Name: platform\nVersion: 6\n")
    monkeypatch.syspath_prepend(tmp_path / "late")
    monkeypatch.syspath_prepend(tmp_path / "early")
    lock = environment_lock.__wrapped__()
    assert lock["Twice.Here"] == "1.0"
    assert lock["Odd"] == "unknown"
    assert lock["platform"] == platform.platform()
    assert not {"twice-here", "Broken", "no", "Nameless"} & set(lock)


def test_a_library_that_is_absent_has_the_version_unknown():
    assert library_version("no-such-distribution") == library_version("") == "unknown"


def test_a_library_has_the_version_it_was_installed_with():
    assert library_version("pytest") == pytest.__version__


def test_the_version_of_ophamin_is_the_one_of_its_distribution():
    assert ophamin_version() == metadata.version("pytest-ophamin")


@pytest.fixture
def git(monkeypatch):
    """Run git in a folder, without what the machine configures."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def run(folder, *arguments):
        folder.mkdir(exist_ok=True)
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main"]
        command = ["git", "-C", str(folder), *identity, *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def repository(tmp_path, git):
    tree = tmp_path / "repository"
    git(tree, "init", "-q")
    (tree / "a.txt").write_text("1")
    git(tree, "add", "a.txt")
    git(tree, "commit", "-qm", "first")
    return tree


needs_git = pytest.mark.needs("git")


@needs_git
def test_a_clean_tree_has_its_commit(repository, git):
    assert git_facts(repository) == GitFacts(
        git(repository, "rev-parse", "HEAD"),
        dirty=False,
        shallow=False,
        tree=git(repository, "rev-parse", "HEAD^{tree}"),
    )


@needs_git
def test_a_changed_file_makes_a_tree_dirty(repository):
    (repository / "a.txt").write_text("2")
    assert git_facts(repository).dirty is True


@needs_git
def test_an_untracked_file_does_not_make_a_tree_dirty(repository):
    (repository / "b.txt").write_text("new")
    assert git_facts(repository).dirty is False


@needs_git
def test_a_staged_file_makes_a_tree_dirty_as_seen_from_a_folder_inside(repository, git):
    (repository / "b.txt").write_text("new")
    git(repository, "add", "b.txt")
    (repository / "inside").mkdir()
    assert git_facts(repository / "inside").dirty is True


@needs_git
def test_a_cut_history_is_shallow(repository, git, tmp_path):
    (repository / "a.txt").write_text("2")
    git(repository, "commit", "-qam", "second")
    git(tmp_path, "clone", "-q", "--depth=1", repository.as_uri(), "copy")
    facts = git_facts(tmp_path / "copy")
    assert facts == GitFacts(
        git(repository, "rev-parse", "HEAD"),
        dirty=False,
        shallow=True,
        tree=git(repository, "rev-parse", "HEAD^{tree}"),
    )


@needs_git
def test_facts_are_asked_once_per_tree_however_it_is_spelled(repository):
    facts = git_facts(repository)
    (repository / "a.txt").write_text("2")
    assert git_facts(repository / ".." / "repository") is facts


@needs_git
def test_a_hook_of_another_repository_does_not_mislead(repository, git, tmp_path, monkeypatch):
    git(tmp_path / "other", "init", "-q")
    git(tmp_path / "other", "commit", "-qm", "other", "--allow-empty")
    expected, tree = git(repository, "rev-parse", "HEAD"), git(repository, "rev-parse", "HEAD^{tree}")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other" / ".git" / "index"))
    assert git_facts(repository) == GitFacts(expected, dirty=False, shallow=False, tree=tree)


@needs_git
def test_a_program_named_by_the_tree_is_not_started_to_look_for_changes(repository, git, tmp_path):
    watcher = tmp_path / "watcher"
    watcher.write_text(f"#!/bin/sh\ntouch {tmp_path / 'started'}\n")
    watcher.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(watcher))
    assert git_facts(repository).dirty is False
    assert not (tmp_path / "started").exists()


@needs_git
def test_asking_takes_no_lock(repository):
    before = (repository / ".git" / "index").read_bytes()
    os.utime(repository / "a.txt", (1, 1))
    git_facts(repository)
    assert (repository / ".git" / "index").read_bytes() == before


@needs_git
def test_a_tree_without_a_commit_is_not_known(git, tmp_path):
    git(tmp_path / "empty", "init", "-q")
    assert git_facts(tmp_path / "empty") == NOTHING_KNOWN


def test_a_folder_that_is_no_repository_is_not_known(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "plain").mkdir()
    assert git_facts(tmp_path / "plain") == NOTHING_KNOWN


@pytest.mark.parametrize("name", ["missing", "a\0b", "-x"])
def test_a_folder_that_is_not_there_is_not_known(name):
    assert git_facts(Path("/no/such/folder") / name) == NOTHING_KNOWN


def test_without_a_git_program_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "tree").mkdir()
    assert git_facts(tmp_path / "tree") == NOTHING_KNOWN


@pytest.mark.parametrize("answer", ["HEAD true", "", "a b c", "../../etc/passwd false", "A" * 40 + " false"])
def test_an_answer_that_is_no_commit_is_not_believed(answer, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "_git", lambda *_arguments: answer)
    assert git_facts(tmp_path) == NOTHING_KNOWN


def test_a_git_that_does_not_answer_in_time_tells_nothing(tmp_path, monkeypatch):
    def wait(command, timeout, **_options):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", wait)
    assert git_facts(tmp_path) == NOTHING_KNOWN


def test_a_status_that_fails_leaves_the_commit_and_no_word_about_changes(tmp_path, monkeypatch):
    answers = {"rev-parse": f"{'a' * 40}\n{'b' * 40}\nfalse\n", "status": None}
    monkeypatch.setattr(environment, "_git", lambda _tree, command, *_rest: answers[command])
    assert git_facts(tmp_path) == GitFacts("a" * 40, None, shallow=False, tree="b" * 40)


def test_the_commit_of_ophamin_is_empty_or_a_whole_one():
    assert re.fullmatch(r"|[0-9a-f]{40}|[0-9a-f]{64}", ophamin_commit())


@pytest.mark.parametrize(
    ("pyproject", "git", "known"),
    [
        ('[project]\nname = "pytest-ophamin"\n', True, True),
        ('[project]\nname = "pytest-ophamin"\n', False, False),
        ('[project]\nname = "another"\n', True, False),
        ("not toml = = ", True, False),
        (None, True, False),
    ],
)
def test_only_a_checkout_of_ophamin_itself_is_its_own(tmp_path, pyproject, git, known):
    package = tmp_path / "src" / "ophamin"
    package.mkdir(parents=True)
    if git:
        (tmp_path / ".git").mkdir()
    if pyproject is not None:
        (tmp_path / "pyproject.toml").write_text(pyproject)
    assert environment._own_checkout(package) == (tmp_path if known else None)


def test_a_copy_installed_inside_another_checkout_has_no_commit_of_its_own(tmp_path):
    package = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages" / "ophamin"
    package.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "pytest-ophamin"\n')
    assert environment._own_checkout(package) is None


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A process with a known user, host and home, and nothing else in its environment."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    home = tmp_path / "zelda"
    (home / "proj").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("LOGNAME", "zelda")
    monkeypatch.setattr(socket, "gethostname", lambda: "hyrule-3.example.org")
    return home


def test_root_home_user_and_host_are_taken_out(machine):
    redactor = Redactor.from_process(machine / "proj")
    text = f"{machine / 'proj' / 'a.py'} {machine / 'x'} zelda hyrule-3 HYRULE-3.example.org zelda@x.org"
    assert re.sub(r"-[0-9a-f]{8}", "-8", redactor.redact(text)) == "./a.py ~/x <user> <host> <host> mail-8"


def test_a_project_given_relative_to_the_working_folder_is_found(machine, monkeypatch):
    monkeypatch.chdir(machine)
    assert Redactor.from_process(Path("proj")).redact(str(machine / "proj" / "a.py")) == "./a.py"


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_project_behind_a_link_is_found_under_both_names(machine, tmp_path):
    (tmp_path / "short").symlink_to(machine / "proj")
    redactor = Redactor.from_process(tmp_path / "short")
    assert redactor.redact(f"{tmp_path}/short/a {machine}/proj/a") == "./a ./a"


def test_a_root_of_the_whole_disk_hides_nothing(machine):
    assert Redactor.from_process(Path("/")).redact("a / b, /var/x") == "a / b, …/x"


def test_without_a_project_only_the_home_is_known(machine):
    assert Redactor.from_process(None).redact(f"{machine}/proj/a") == "~/proj/a"


@pytest.mark.parametrize("name", ["root", "runner", "user", "jo", "localhost"])
def test_a_name_that_anyone_may_have_is_kept(machine, monkeypatch, name):
    monkeypatch.setenv("LOGNAME", name)
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert Redactor.from_process(None).redact(f"the {name} of it") == f"the {name} of it"


@pytest.mark.parametrize(
    "name",
    ["GH_TOKEN", "API_KEY", "CLIENT_SECRET", "PGPASSWORD", "BASIC_AUTH", "MY_CREDENTIALS", "PRIVATE_THING", "ApiKey"],
)
def test_the_value_of_a_variable_that_sounds_secret_is_taken_out_from_six_characters_on(machine, monkeypatch, name):
    monkeypatch.setenv(name, "hunter2")
    assert Redactor.from_process(None).redact("ahunter2b") == f"a<env:{name}>b"
    monkeypatch.setenv(name, "short")
    assert Redactor.from_process(None).redact("short") == "short"


def test_a_key_of_several_lines_is_recognised_by_one_of_them(machine, monkeypatch):
    monkeypatch.setenv("SSH_KEY", "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----\n")
    assert Redactor.from_process(None).redact("line MIIEvQIBADANBg") == "line <env:SSH_KEY>"


def test_a_secret_that_is_a_path_or_holds_one_is_taken_out_whole(machine, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "/abc/def/ghi")
    assert Redactor.from_process(None).redact("pw=/abc/def/ghi") == "pw=<env:DB_PASSWORD>"


def test_any_other_value_is_taken_out_from_twelve_characters_on(machine, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://u:pw@db.internal/main")
    monkeypatch.setenv("STAGE", "production")
    redacted = Redactor.from_process(None).redact("to postgres://u:pw@db.internal/main in production")
    assert redacted == "to <env:DATABASE_URL> in production"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LC_ALL", "en_US.UTF-8@euro"),
        ("TERM", "xterm-256color"),
        ("PYTEST_CURRENT_TEST", "tests/test_a.py::test_b (call)"),
        ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
        ("GITHUB_REF", "main-branch-of-it"),
        ("GITHUB_REPOSITORY", "someone/project-name"),
        ("GITHUB_SERVER_URL", "https://github.com"),
    ],
)
def test_locale_terminal_and_public_facts_of_a_build_are_kept(machine, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert Redactor.from_process(None).redact(value) == value


def test_a_list_of_paths_is_left_to_the_rule_for_paths(machine, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/opt/tool/lib", "/srv/other/lib", "."]))
    redacted = Redactor.from_process(None).redact("/opt/tool/lib and /srv/other/lib")
    assert redacted == "…/lib and …/lib"


def test_a_process_without_home_user_or_host_still_has_a_redactor(monkeypatch):
    for name in list(os.environ):
        monkeypatch.delenv(name)

    def fail(*_arguments):
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", fail)
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid")))
    monkeypatch.setattr(socket, "gethostname", lambda: "")
    assert Redactor.from_process(None).redact("/a/b c") == "…/b c"


def _install(site, name, text):
    folder = site / f"{name}.dist-info"
    folder.mkdir(parents=True)
    if text is not None:
        (folder / "METADATA").write_bytes(text.encode())
