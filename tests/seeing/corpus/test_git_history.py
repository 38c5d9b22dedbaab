# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError
from ophamin.seeing.corpus import git_history as module
from ophamin.seeing.corpus.base import CorpusDataError, CorpusUnavailableError
from ophamin.seeing.corpus.git_history import GitHistoryCorpus, _commits
from ophamin.seeing.corpus.git_process import GitError, GitRepository

pytestmark = pytest.mark.needs("git")

WHO = {
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Bob Example",
    "GIT_COMMITTER_EMAIL": "bob@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
}


class Repository:
    def __init__(self, path):
        self.path = path
        self.minute = 0
        self("init", "-q", "-b", "main")

    def __call__(self, *arguments, data=None):
        date = f"2026-01-02T03:{self.minute:02d}:00+02:00"
        done = subprocess.run(
            ["git", "-C", self.path, *arguments],
            env={**WHO, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
            input=data,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(self, message, **files):
        self.minute += 1
        for name, text in files.items():
            path = self.path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message)
        return self("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    path = tmp_path / "repo"
    path.mkdir()
    return Repository(path)


def read(repository, **options):
    return list(GitHistoryCorpus(repository.path, **options).records())


def test_a_commit_is_a_record_with_message_date_and_files(repository):
    commit = repository.commit("Add two files\n\nThey are needed.\n\nTwice.\n", b_txt="b", a__c_txt="c")
    (record,) = read(repository)
    assert record.id == commit
    assert record.text == "Add two files\n\nThey are needed.\n\nTwice."
    assert record.metadata == {
        "subject": "Add two files",
        "body": "They are needed.\n\nTwice.",
        "author_date": "2026-01-02T03:01:00+02:00",
        "files": ["a/c.txt", "b.txt"],
        "n_files": 2,
        "parents": 0,
    }


def test_commits_come_newest_first(repository):
    commits = [repository.commit(f"number {number}", a_txt=str(number)) for number in range(4)]
    assert [record.id for record in read(repository)] == commits[::-1]
    assert [record.text for record in read(repository, limit=2)] == ["number 3", "number 2"]


def test_nothing_says_who_wrote_it(repository):
    repository.commit("one", a_txt="a")
    shown = str(read(repository)) + json.dumps(GitHistoryCorpus(repository.path).selection())
    assert not any(word in shown for word in ("Ada", "Bob", "example.org", "Example"))


def test_a_merge_has_two_parents_and_no_files(repository):
    repository.commit("base", a_txt="a")
    repository("checkout", "-q", "-b", "side")
    repository.commit("side", b_txt="b")
    repository("checkout", "-q", "main")
    repository.commit("main", c_txt="c")
    repository.minute += 1
    repository("merge", "-q", "--no-edit", "side")
    merge, *rest = read(repository)
    assert (merge.metadata["parents"], merge.metadata["files"], merge.metadata["n_files"]) == (2, [], 0)
    assert [record.metadata["files"] for record in rest] == [["c.txt"], ["b.txt"], ["a.txt"]]


def test_a_commit_without_message_or_files_is_a_record(repository):
    repository.commit("")
    (record,) = read(repository)
    assert (record.text, record.metadata["body"], record.metadata["files"]) == ("", "", [])


def test_hard_file_names_are_read_as_they_are(repository):
    names = sorted(["\nfirst", "a b", "é", 'q"uote', "0" * 40, "b\nc", "p", "s"])
    for name in names:
        (repository.path / name).write_text("x", encoding="utf-8")
    repository.commit("names")
    repository.commit("next", z_txt="z")
    records = read(repository)
    assert records[1].metadata["files"] == names
    assert records[0].text == "next"


def test_control_characters_in_a_message_stay_in_it(repository):
    repository.commit("one \x1e two\x01\n\nbody\x1f\n\x1e")
    repository.commit("next")
    assert [record.text for record in read(repository)] == ["next", "one \x1e two\x01\n\nbody\x1f\n\x1e"]


def test_bytes_that_are_no_utf_8_stand_as_escapes(repository):
    repository.commit("one")
    header = repository("cat-file", "commit", "HEAD").partition("\n\n")[0]
    odd = repository("hash-object", "-t", "commit", "-w", "--stdin", data=header.encode() + b"\n\ncaf\xe9\n")
    repository("update-ref", "HEAD", odd)
    assert read(repository)[0].text == "caf\\xe9"


def test_another_revision_may_be_named(repository):
    first = repository.commit("one")
    repository("tag", "v1")
    repository.commit("two")
    for rev in ("v1", first, first[:12], "HEAD~1", "main^"):
        assert [record.text for record in read(repository, rev=rev)] == ["one"]


def test_a_bare_repository_is_one_too(repository, tmp_path):
    repository.commit("one")
    repository("clone", "-q", "--bare", str(repository.path), str(tmp_path / "bare"))
    assert GitHistoryCorpus(tmp_path / "bare").count() == 1


def test_a_linked_work_tree_is_one_too(repository, tmp_path):
    repository.commit("one")
    repository("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    assert GitHistoryCorpus(tmp_path / "linked").count() == 1


# --- count, hash, selection -------------------------------------------------------------------------------------------


def test_the_count_is_the_number_of_records(repository):
    for number in range(3):
        repository.commit(str(number))
    assert GitHistoryCorpus(repository.path).count() == len(read(repository)) == 3
    assert GitHistoryCorpus(repository.path, limit=2).count() == 2
    assert GitHistoryCorpus(repository.path, limit=9).count() == 3


def test_a_new_commit_changes_hash_and_count_of_the_same_object(repository):
    repository.commit("one")
    corpus = GitHistoryCorpus(repository.path)
    before = corpus.content_hash(), corpus.count()
    repository.commit("two")
    assert corpus.content_hash() != before[0]
    assert (before[1], corpus.count()) == (1, 2)


def test_the_hash_depends_on_tip_and_limit_and_not_on_the_name_of_the_tip(repository):
    repository.commit("one")
    hashes = [
        GitHistoryCorpus(repository.path, **options).content_hash() for options in ({}, {"rev": "main"}, {"limit": 1})
    ]
    assert hashes[0] == hashes[1]
    assert hashes[2] != hashes[0]


def test_a_clone_has_the_same_hash_and_a_shallow_one_another(repository, tmp_path):
    repository.commit("one")
    repository.commit("two")
    url = f"file://{repository.path}"
    repository("clone", "-q", url, str(tmp_path / "whole"))
    repository("clone", "-q", "--depth", "1", url, str(tmp_path / "shallow"))
    origin, whole, shallow = (
        GitHistoryCorpus(path) for path in (repository.path, tmp_path / "whole", tmp_path / "shallow")
    )
    assert whole.content_hash() == origin.content_hash()
    assert shallow.content_hash() != origin.content_hash()
    assert (shallow.count(), shallow.is_shallow(), whole.is_shallow()) == (1, True, False)
    assert shallow.selection()["shallow"] is True
    assert "shallow" not in whole.selection()


def test_a_history_lives_unless_it_is_named_by_a_full_commit_id():
    assert not GitHistoryCorpus("x").pinned
    assert not GitHistoryCorpus("x", rev="a" * 12).pinned
    assert GitHistoryCorpus("x", rev="a" * 40).pinned


def test_the_selection_is_the_rule(repository):
    repository.commit("one")
    corpus = GitHistoryCorpus(repository.path, rev="main", limit=5)
    assert corpus.selection() == {"name": "git", "kind": "commits", "rev": "main", "limit": 5}


# --- what cannot be read ----------------------------------------------------------------------------------------------


def refused(path, match, **options):
    corpus = GitHistoryCorpus(path, **options)
    assert not corpus.is_available()
    for act in (corpus.require_available, corpus.count, corpus.content_hash, lambda: next(corpus.records())):
        with pytest.raises(CorpusUnavailableError, match=match):
            act()


def test_a_folder_without_a_repository_is_told(tmp_path):
    refused(tmp_path, "is not the top of a git repository; run git init there")


def test_a_missing_folder_is_told(tmp_path):
    refused(tmp_path / "none", "none is no folder")


def test_a_repository_around_the_folder_is_not_taken_for_it(repository):
    repository.commit("one", data__x_txt="x")
    refused(repository.path / "data", "data is not the top of a git repository; it lies in .*repo: name that one")


def test_a_repository_without_commits_is_told(repository):
    refused(repository.path, "has no commit 'HEAD'; commit something")


@pytest.mark.parametrize("rev", ["nothing", "HEAD~5", "HEAD:a.txt", "HEAD^{tree}", "f" * 40, "@{-1}"])
def test_a_revision_without_a_commit_is_told(repository, rev):
    repository.commit("one", a_txt="a")
    refused(repository.path, "has no commit|status 128", rev=rev)


def test_a_missing_git_is_told(repository, monkeypatch, tmp_path):
    repository.commit("one")
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(repository.path, "git is not installed, or not on PATH; install it")


def test_a_broken_repository_is_told_in_gits_words(tmp_path):
    (tmp_path / ".git").write_text("nonsense", encoding="utf-8")
    refused(tmp_path, r"git rev-parse ended with status 128: fatal: .*; mend the repository")


@pytest.mark.parametrize("rev", ["", "-x", "--all", "^main", "a..b", "a...b", "a\nb", "\x00"])
def test_what_is_no_single_revision_is_refused_at_once(rev):
    with pytest.raises(ClaimError, match="give one branch, tag or commit"):
        GitHistoryCorpus("x", rev=rev)


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "3"])
def test_a_limit_that_is_none_is_refused_at_once(limit):
    with pytest.raises(ClaimError, match="give 1 or more"):
        GitHistoryCorpus("x", limit=limit)


def test_a_missing_object_on_the_way_is_told(repository):
    first = repository.commit("one", a_txt="a")
    for number in range(3):
        repository.commit(f"{number}", a_txt=str(number))
    (repository.path / ".git" / "objects" / first[:2] / first[2:]).unlink()
    with pytest.raises(CorpusDataError, match=r"git log ended with status 128: .*; mend the repository"):
        read(repository)


# --- isolation and process --------------------------------------------------------------------------------------------


def test_the_callers_environment_names_no_other_repository(repository, tmp_path, monkeypatch):
    repository.commit("one")
    other = tmp_path / "other"
    other.mkdir()
    Repository(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / ".git" / "objects"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "broken")
    assert [record.text for record in read(repository)] == ["one"]


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_no_program_of_the_repositorys_configuration_is_run(repository, tmp_path):
    mark = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {mark}\n", encoding="utf-8")
    program.chmod(0o755)
    repository.commit("one", a_txt="a")
    header, _, message = repository("cat-file", "commit", "HEAD").partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n eA==\n -----END PGP SIGNATURE-----"
    signed = f"{header}\n{signature}\n\n{message}\n".encode()
    repository("update-ref", "HEAD", repository("hash-object", "-t", "commit", "-w", "--stdin", data=signed))
    for key, value in (
        ("log.showSignature", "true"),
        ("gpg.program", program),
        ("core.fsmonitor", program),
        ("core.pager", program),
        ("diff.external", program),
    ):
        repository("config", key, str(value))
    repository("log")
    assert mark.exists()  # the trap works
    mark.unlink()
    assert [record.text for record in read(repository)] == ["one"]
    assert not mark.exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("log.showRoot", "false"),
        ("log.diffMerges", "first-parent"),
        ("diff.renames", "copies"),
        ("diff.noprefix", "true"),
        ("diff.relative", "true"),
        ("color.ui", "always"),
        ("core.quotePath", "true"),
        ("i18n.logOutputEncoding", "ISO-8859-1"),
        ("format.pretty", "oneline"),
        ("log.mailmap", "true"),
        ("log.date", "relative"),
    ],
)
def test_the_repositorys_configuration_changes_no_record(repository, key, value):
    repository.commit("žluť", a_txt="some text that moves\n" * 5, é_txt="é")
    (repository.path / "a.txt").rename(repository.path / "b.txt")
    repository.commit("moved")
    repository("checkout", "-q", "-b", "side", "HEAD~1")
    repository.commit("side", s_txt="s")
    repository.minute += 1
    repository("merge", "-q", "--no-edit", "main")
    before = read(repository)
    repository("config", key, value)
    assert read(repository) == before


def test_replaced_commits_are_read_as_they_were(repository):
    first = repository.commit("true")
    repository.commit("false")
    repository("replace", "HEAD", first)
    assert [record.text for record in read(repository)] == ["false", "true"]


@pytest.fixture
def fake_git(tmp_path, monkeypatch):
    def put(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "git").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        (tmp_path / "top" / ".git").mkdir(parents=True)
        return tmp_path / "top"

    if os.name == "nt":
        pytest.skip("a shell script")
    return put


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_git_is_stopped_when_the_reader_stops(fake_git, tmp_path):
    top = fake_git(f"echo $$ > {tmp_path}/pid; exec yes")
    with GitRepository(top).stream("log") as blocks:
        assert next(blocks).startswith(b"y\n")
    assert gone(int((tmp_path / "pid").read_text()))


def test_closing_the_records_stops_git(repository):
    for number in range(3):
        repository.commit(str(number))
    records = GitHistoryCorpus(repository.path).records()
    next(records)
    records.close()  # a process left behind would be a ResourceWarning, which is an error here
    assert list(records) == []


def test_a_git_that_falls_silent_is_stopped(fake_git):
    top = fake_git("echo x; exec sleep 60")
    with (
        pytest.raises(GitError, match=r"git log said nothing for 0.2 s and was stopped"),
        GitRepository(top, silence_seconds=0.2).stream("log") as blocks,
    ):
        list(blocks)


def test_a_question_that_gets_no_answer_is_dropped(fake_git):
    top = fake_git("exec sleep 60")
    with pytest.raises(GitError, match=r"git rev-parse said nothing for 0.2 s and was stopped"):
        GitRepository(top, silence_seconds=0.2).ask("rev-parse")


def test_what_git_says_is_shown_without_terminal_escapes(fake_git):
    top = fake_git(r"printf 'fatal: \033[2Kx' >&2; exit 3")
    with pytest.raises(GitError, match=r"ended with status 3: fatal: \\x1b\[2Kx; mend") as caught:
        GitRepository(top).ask("log")
    assert caught.value.status == 3


def test_an_answer_that_is_no_commit_is_not_believed(fake_git):
    with pytest.raises(CorpusUnavailableError, match="which is no commit id"):
        GitHistoryCorpus(fake_git("echo surprise")).require_available()


@settings(max_examples=100)
@given(
    st.lists(st.binary(min_size=1, max_size=8).map(lambda b: b.replace(b"\0", b"-")), min_size=1, max_size=6), st.data()
)
def test_commits_are_cut_out_of_blocks_that_end_anywhere(parts, data):
    stream = b"\0\0".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    blocks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert list(_commits(block for block in blocks if block)) == parts


def test_a_commit_beyond_the_limit_is_told(monkeypatch):
    monkeypatch.setattr(module, "MAX_COMMIT", 100)
    with pytest.raises(CorpusDataError, match="one commit is larger than 100 bytes"):
        list(_commits(iter([b"x" * 60] * 3)))
