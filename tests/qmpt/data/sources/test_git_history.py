# SPDX-License-Identifier: Apache-2.0
import os
import subprocess

import pytest

from qmpt.data.sources import git_history, open_source
from qmpt.data.sources.git_history import _commits, _without_people
from qmpt.errors import SourceError

pytestmark = pytest.mark.needs("git")

ADA = ("Ada Example", "ada@example.org")
BOB = ("Bob Example", "bob@example.org")
BOT = ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.example.org")


class Repository:
    def __init__(self, path):
        self.path = path
        path.mkdir()
        self("init", "-q", "-b", "main")

    def __call__(self, *arguments, who=ADA, date="2026-11-21T23:30:00+02:00"):
        name, address = who
        parts = {"NAME": name, "EMAIL": address, "DATE": date}
        people = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in parts.items()}
        settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
        done = subprocess.run(
            ["git", "-C", self.path, *arguments], env={**settings, **people}, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(self, message, files=(), **options):
        for name, content in dict(files).items():
            (self.path / name).write_bytes(content)
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message, **options)
        return self("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "project")


def read(repository, **options):
    return open_source("auto", repository.path, **options).population()


def test_a_commit_gives_its_message_and_its_numbers(repository):
    first = repository.commit("Begin", {"a.txt": b"1\n2\n3\n", "b.bin": b"\0\1"})
    second = repository.commit("Change\n\nfor a reason", {"a.txt": b"1\n2\nx\n"}, date="2026-11-22T00:30:00-05:00")
    newest, oldest = read(repository).observations
    assert (newest.obs_id, oldest.obs_id) == (second, first)
    assert oldest.payload == {
        "text": "Begin",
        "numbers": {"files": 2, "insertions": 3, "deletions": 0, "hour": 23, "weekday": 5, "parents": 0},
    }  # 2026-11-21 is a Saturday
    assert newest.payload == {
        "text": "Change\n\nfor a reason",
        "numbers": {"files": 1, "insertions": 1, "deletions": 1, "hour": 0, "weekday": 6, "parents": 1},
    }
    assert newest.timestamp - oldest.timestamp == 8 * 3600  # 05:30 UTC after 21:30 UTC
    assert (newest.modality, newest.tags) == ("text", [])


def test_no_name_and_no_address_leaves_the_repository(repository):
    repository.commit(
        "Mend it, says ada example\n\nWrite to <bob@example.org> or to ada@example.org.\n\n"
        "Signed-off-by: Bob Example <bob@example.org>\nCo-authored-by: Bob Example <b@c.example.org>\nCc: Carl",
        {"a": b""},
    )
    found = read(repository)
    said = found.observations[0].payload["text"]
    assert said == "Mend it, says <author>\n\nWrite to <address> or to <address>."
    everything = repr(found).casefold().replace("metadata", "")
    assert not any(word in everything for word in ("ada", "bob", "example", "carl"))


def test_one_author_has_one_pseudonym_and_bots_are_kept_with_a_mark(repository):
    repository.commit("1", who=ADA)
    repository.commit("2", who=("A. Example", "ADA@example.org"))
    repository.commit("3", who=BOB)
    repository.commit("4", who=BOT)
    found = read(repository)
    assert [one.metadata["bot"] for one in found.patterns.values()] == [True, False, False]
    assert [one.metadata["human"] for one in found.patterns.values()] == [False, True, True]
    assert all(one.metadata["pseudonymised"] for one in found.patterns.values())
    ids = [one.pattern_id for one in found.observations]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 3
    assert found.layers["project"].patterns == list(found.patterns)


def test_a_mailmap_joins_the_addresses_of_one_author(repository):
    repository.commit("1", {".mailmap": b"Ada Example <ada@example.org> <old@example.org>\n"})
    repository.commit("2", who=("Ada", "old@example.org"))
    assert len(read(repository).patterns) == 1


def test_pseudonyms_stay_from_run_to_run_and_change_with_the_key(repository):
    repository.commit("1")
    names = [list(read(repository, **options).patterns) for options in ({}, {}, {"key": "secret"}, {"key": b"secret"})]
    assert names[0] == names[1]
    assert names[2] == names[3]
    assert names[0] != names[2]


def test_two_repositories_give_one_author_two_pseudonyms(tmp_path):
    one, other = Repository(tmp_path / "one"), Repository(tmp_path / "other")
    one.commit("1", {"a": b"1"})
    other.commit("1", {"a": b"2"})
    assert set(read(one).patterns).isdisjoint(read(other).patterns)


def test_a_merge_changes_nothing_itself_and_is_marked(repository):
    repository.commit("base", {"a": b"1\n"})
    repository("checkout", "-q", "-b", "side")
    repository.commit("side", {"b": b"1\n"})
    repository("checkout", "-q", "main")
    repository.commit("main", {"c": b"1\n"})
    repository("merge", "-q", "--no-ff", "-m", "merge", "side")
    merge = next(one for one in read(repository).observations if one.payload["text"] == "merge")
    assert merge.tags == ["merge"]
    assert merge.payload["numbers"]["files"] == 0
    assert merge.payload["numbers"]["parents"] == 2


def test_revision_and_limit_choose_the_commits(repository):
    first = repository.commit("1")
    repository.commit("2")
    repository.commit("3")
    assert [one.payload["text"] for one in read(repository, limit=2).observations] == ["3", "2"]
    assert [one.payload["text"] for one in read(repository, rev=first).observations] == ["1"]
    assert open_source("git", repository.path, rev=first).inputs() == {"project": f"git:{first}"}


@pytest.mark.parametrize("name", ["tab\tname", "new\nline", "ümlaut", "3\t4\tx", "-dash"])
def test_awkward_file_names_are_counted_once(repository, name):
    repository.commit("1", {name: b"x\n"})
    assert read(repository).observations[0].payload["numbers"]["files"] == 1
    assert read(repository).observations[0].payload["numbers"]["insertions"] == 1


@pytest.mark.parametrize(
    "message", ["", "\x01\x1f\x7f", "ümlaut \U0001f600", "m" * 100_000], ids=["empty", "control", "unicode", "long"]
)
def test_awkward_messages_are_kept(repository, message):
    repository.commit(message)
    assert read(repository).observations[0].payload["text"] == message.strip()


def test_a_message_that_is_no_utf8_is_kept_as_well_as_can_be(repository):
    repository.commit("before")
    people = b"\nauthor A <a@b.c> 0 +0000\ncommitter A <a@b.c> 0 +0000\n\n"
    raw = b"tree " + repository("rev-parse", "HEAD^{tree}").encode() + people + b"f\xfcr\n"
    command = ["git", "-C", repository.path, "hash-object", "-t", "commit", "-w", "--stdin"]
    made = subprocess.run(command, input=raw, capture_output=True, check=True)
    assert read(repository, rev=made.stdout.decode().strip()).observations[0].payload["text"] == "f\ufffdr"


def test_a_long_word_costs_no_more_than_it_is_long():
    assert _without_people("a" * 10**6 + " b@c.d", "A") == "a" * 10**6 + " <address>"


def test_a_configuration_of_the_repository_runs_no_program(repository, tmp_path):
    repository.commit("1", {"a": b"1\n", ".gitattributes": b"* diff=evil\n"})
    mark = tmp_path / "ran"
    for key in (
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
        "core.pager",
        "core.fsmonitor",
        "gpg.program",
    ):
        repository("config", key, f"touch {mark};")
    repository("config", "log.showSignature", "true")
    read(repository)
    assert not mark.exists()


def test_a_folder_inside_a_repository_is_not_taken_for_it(repository):
    repository.commit("1", {"a": b""})
    inner = repository.path / "inner"
    inner.mkdir()
    with pytest.raises(SourceError, match="not a git repository"):
        open_source("git", inner).population()


def test_the_environment_of_the_caller_does_not_choose_the_repository(repository, tmp_path, monkeypatch):
    repository.commit("1")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert len(read(repository).observations) == 1


def test_an_empty_repository_or_an_unknown_revision_is_told(repository):
    with pytest.raises(SourceError, match="project is a repository without commits"):
        read(repository)
    repository.commit("1")
    with pytest.raises(SourceError, match="project has no commit 'absent'; give rev="):
        read(repository, rev="absent")


@pytest.mark.parametrize(
    "options",
    [{"rev": "--all"}, {"rev": "^main"}, {"rev": "a..b"}, {"rev": ""}, {"limit": 0}, {"limit": True}, {"key": ""}],
    ids=str,
)
def test_options_that_cannot_be_honoured_are_refused_at_once(tmp_path, options):
    with pytest.raises(SourceError, match=next(iter(options))):
        open_source("git", tmp_path, **options)


def test_without_git_it_says_so(repository, monkeypatch):
    repository.commit("1")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SourceError, match="install git"):
        read(repository)


def test_a_reader_that_stops_early_leaves_no_process(repository):
    for number in range(3):
        repository.commit(str(number))
    entries = open_source("git", repository.path).entries()
    next(entries)
    entries.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_time_that_cannot_be_kept_is_counted_and_left_out(repository, monkeypatch):
    repository.commit("1")
    fields = b"\0".join([b"i" + b"a" * 40, b"a99999-01-01T00:00:00Z", b"nA", b"ea@b.c", b"p", b"mx"])
    monkeypatch.setattr(git_history, "_commits", lambda _: iter([fields]))
    found = read(repository)
    assert (found.observations, sum(found.skipped.values())) == ([], 1)


@pytest.mark.parametrize("block", [1, 2, 3, 7, 100])
def test_commits_are_cut_alike_wherever_the_blocks_end(block, monkeypatch):
    class Stream:
        def __init__(self, data):
            self.data = data

        def read(self, size):
            piece, self.data = self.data[:size], self.data[size:]
            return piece

    monkeypatch.setattr(git_history, "_BLOCK", block)
    assert [one.strip(b"\0") for one in _commits(Stream(b"\0one\0x\0\0two\0\0three\0"))] == [
        b"one\0x",
        b"two",
        b"three",
    ]


def test_one_commit_without_an_end_stops_at_the_limit(monkeypatch):
    monkeypatch.setattr(git_history, "MAX_COMMIT_BYTES", 10)

    class Endless:
        def read(self, size):
            return b"x" * 8

    with pytest.raises(SourceError, match="larger than 10 bytes"):
        list(_commits(Endless()))


def test_authors_are_linked_to_those_whose_files_they_change(repository):
    first = repository.commit("a", {"x.py": b"1\n", "y.py": b"1\n", "z.py": b"1\n"}, who=ADA)
    second = repository.commit("b", {"x.py": b"2\n", "y.py": b"2\n"}, who=BOB)
    repository.commit("c", {"x.py": b"3\n"}, who=BOB)
    found = read(repository, cochange=True)
    bob, ada = (one.pattern_id for one in read(repository).observations if one.obs_id in (first, second))
    links = [one for one in found.observations if one.modality == "interaction"]
    assert [(one.obs_id, one.pattern_id, one.payload) for one in links] == [
        (f"{second}-{first}", bob, {"peer": ada, "weight": 2})
    ]
    assert list(found.patterns) == list(read(repository).patterns)
    assert not [one for one in read(repository).observations if one.modality == "interaction"]


def test_whether_authors_are_linked_is_true_or_false(repository):
    with pytest.raises(SourceError, match="cochange='yes'; give true or false"):
        open_source("git", repository.path, cochange="yes")
