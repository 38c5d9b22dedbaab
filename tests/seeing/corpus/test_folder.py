# SPDX-License-Identifier: Apache-2.0
import os
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError
from ophamin.seeing.corpus import folder as module
from ophamin.seeing.corpus.base import CorpusDataError, CorpusUnavailableError
from ophamin.seeing.corpus.folder import FolderCorpus, _matches


@pytest.fixture
def tree(tmp_path):
    def make(*names, **texts):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"text of {name}", encoding="utf-8")
        return tmp_path

    return make


def ids(corpus):
    return [record.id for record in corpus.records()]


def test_each_file_is_a_record_in_the_order_of_its_path(tree):
    root = tree("b.md", "a/z.md", "a.md", "B.md", "a/b/c.txt")
    assert ids(FolderCorpus(root)) == ["B.md", "a.md", "a/b/c.txt", "a/z.md", "b.md"]


def test_a_record_has_the_text_and_what_is_known_of_the_file(tree):
    root = tree("a.md")
    assert list(FolderCorpus(root).records()) == [CorpusRecord("a.md", "text of a.md", {"bytes": 12, "suffix": ".md"})]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**/*", ["a.md", "d/b.md", "d/e/c.txt"]),
        ("**", ["a.md", "d/b.md", "d/e/c.txt"]),
        ("*", ["a.md"]),
        ("**/*.md", ["a.md", "d/b.md"]),
        ("d/**", ["d/b.md", "d/e/c.txt"]),
        ("d/*", ["d/b.md"]),
        ("*/e/*.txt", ["d/e/c.txt"]),
        ("**/**/e/?.txt", ["d/e/c.txt"]),
        ("[ab].md", ["a.md"]),
    ],
)
def test_a_pattern_chooses_files(tree, pattern, found):
    assert ids(FolderCorpus(tree("a.md", "d/b.md", "d/e/c.txt"), pattern=pattern)) == found


PARTS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4)
SEGMENTS = st.lists(st.sampled_from(["a", "b", "*", "a*", "**"]), min_size=1, max_size=4)


@settings(max_examples=200)
@given(PARTS, SEGMENTS)
def test_matching_is_that_of_a_regular_expression(parts, segments):
    # "**" takes whole folders; as the last segment it stands for "**/*"
    segments = [*segments, "*"] if segments[-1] == "**" else segments
    pieces = ["(?:[^/]+/)*" if segment == "**" else segment.replace("*", "[^/]*") + "/" for segment in segments]
    expected = re.fullmatch("".join(pieces), "/".join(parts) + "/") is not None
    assert _matches(parts, tuple(segments)) == expected


@pytest.mark.parametrize("pattern", ["", "/etc/*", "../*", "a//b", "a/", "./a", "a/../b"])
def test_a_pattern_that_leaves_the_folder_is_refused(pattern):
    with pytest.raises(ClaimError, match="it counts from the folder and stays in it"):
        FolderCorpus("x", pattern=pattern)


def test_folders_with_a_dot_and_our_own_files_are_left_out(tree):
    root = tree("a.md", ".git/config", "d/.cache/x", ".ophamin_folder_count", "d/.ophamin-0123", ".hidden")
    corpus = FolderCorpus(root)
    assert ids(corpus) == [".hidden", "a.md"]
    assert corpus.count() == 2


def test_links_are_not_followed(tree, tmp_path_factory):
    secret = tmp_path_factory.mktemp("outside")
    (secret / "key.txt").write_text("secret", encoding="utf-8")
    root = tree("a.md")
    (root / "link.txt").symlink_to(secret / "key.txt")
    (root / "linked").symlink_to(secret, target_is_directory=True)
    (root / "round").symlink_to(root, target_is_directory=True)
    corpus = FolderCorpus(root)
    before = corpus.content_hash()
    (secret / "key.txt").write_text("changed", encoding="utf-8")
    assert ids(corpus) == ["a.md"]
    assert corpus.content_hash(fresh=True) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_no_file(tree):
    root = tree("a.md")
    os.mkfifo(root / "pipe")
    assert ids(FolderCorpus(root)) == ["a.md"]


def test_the_hash_depends_on_paths_and_contents_alone(tree, tmp_path_factory):
    root = tree("a.md", "d/b.md")
    copy = tmp_path_factory.mktemp("copy") / "elsewhere"
    (copy / "d").mkdir(parents=True)
    for name in ("d/b.md", "a.md"):
        (copy / name).write_bytes((root / name).read_bytes())
    assert FolderCorpus(copy).content_hash() == FolderCorpus(root).content_hash()


def test_two_files_that_change_places_change_the_hash(tree):
    root = tree("a.md", "b.md")
    before = FolderCorpus(root).content_hash()
    a, b = (root / "a.md").read_bytes(), (root / "b.md").read_bytes()
    (root / "a.md").write_bytes(b)
    (root / "b.md").write_bytes(a)
    assert FolderCorpus(root).content_hash() != before


def test_a_file_that_is_no_text_is_told_with_its_path(tree):
    root = tree("a.md")
    (root / "z.bin").write_bytes(b"ok\xff")
    with pytest.raises(
        CorpusDataError, match=r"'z.bin': the byte 0xff at 2 is not UTF-8; .* leave it out with pattern="
    ):
        ids(FolderCorpus(root))


def test_a_file_beyond_the_limit_is_told(tree, monkeypatch):
    monkeypatch.setattr(module, "MAX_FILE", 11)
    with pytest.raises(CorpusDataError, match=r"'a.md' is larger than 11 bytes"):
        ids(FolderCorpus(tree("a.md")))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_utf_8_is_written_with_escapes(tree):
    root = tree("a.md")
    (root / os.fsdecode(b"caf\xe9.md")).write_text("x", encoding="utf-8")
    assert ids(FolderCorpus(root)) == ["a.md", "caf\\xe9.md"]
    assert FolderCorpus(root).content_hash()


def test_a_name_in_another_alphabet_is_itself(tree):
    assert ids(FolderCorpus(tree("žluť/🐎.md"))) == ["žluť/🐎.md"]


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(CorpusUnavailableError, match="none is not there; check the path"):
        FolderCorpus(tmp_path / "none").content_hash()


def test_a_file_is_no_folder(tree):
    with pytest.raises(CorpusUnavailableError, match=r"a.md is a file; name the folder that holds it"):
        FolderCorpus(tree("a.md") / "a.md").require_available()


def test_a_folder_without_a_match_is_told_with_the_pattern(tree):
    with pytest.raises(CorpusUnavailableError, match=r"holds no file that matches '\*\.txt'; put files there"):
        FolderCorpus(tree("a.md"), pattern="*.txt").count()


def test_a_corpus_without_a_path_says_how_to_name_one():
    with pytest.raises(CorpusUnavailableError, match="it needs a folder; write folder:PATH"):
        FolderCorpus().require_available()


def test_the_selection_is_label_and_pattern_without_an_absolute_path(tree):
    root = tree("a.md")
    selection = FolderCorpus(root, pattern="*.md").selection()
    assert selection == {"name": f"folder:{root.name}", "kind": "files", "folder": root.name, "pattern": "*.md"}


def test_a_folder_that_grows_may_be_declared_living():
    assert (FolderCorpus("x").pinned, FolderCorpus("x", pinned=False).pinned) == (True, False)
