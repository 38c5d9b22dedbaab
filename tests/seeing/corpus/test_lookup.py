# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

import pytest

from ophamin.core.plugins import UnknownPluginError
from ophamin.core.shapes import CorpusRecord
from ophamin.errors import ClaimError
from ophamin.seeing.corpus import lookup
from ophamin.seeing.corpus.base import CORPORA, Corpus
from ophamin.seeing.corpus.lookup import get_corpus, list_corpora, register_corpus_factory

OURS = {"sentences", "git", "jsonl", "csv", "lines", "folder", "breast-cancer", "iris", "wine", "digits"}


class Mails(Corpus):
    name = "mails"

    def __init__(self, root=None, *, folder: str = "inbox", limit: int | None = None):
        super().__init__(root)
        self.folder, self.limit = folder, limit

    def is_available(self):
        return True

    def records(self):
        yield CorpusRecord("1", "hi")

    def _compute_content_hash(self):
        return "0" * 64

    def _compute_count(self):
        return 1


@pytest.fixture
def register():
    names = []

    def add(name, factory):
        register_corpus_factory(name, factory)
        names.append(name)

    yield add
    for name in names:
        lookup._FACTORIES.unregister(name)


def test_our_own_corpora_are_listed():
    assert set(list_corpora()) >= OURS
    assert list_corpora() == sorted(list_corpora())


def test_a_name_alone_is_a_corpus():
    assert get_corpus("sentences").name == "sentences"
    assert get_corpus(" iris ").count() == 150


def test_a_path_counts_from_the_root(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.jsonl").write_text('{"text": "a"}\n', encoding="utf-8")
    corpus = get_corpus("jsonl:data/x.jsonl", tmp_path)
    assert corpus.count() == 1
    assert corpus.selection()["file"] == "data/x.jsonl"


def test_without_a_root_a_path_counts_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "x.txt").write_text("a\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert get_corpus("lines:x.txt").count() == 1


def test_an_absolute_path_stays_and_only_its_last_part_is_shown(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("a\n", encoding="utf-8")
    corpus = get_corpus(f"lines:{path}", Path("/elsewhere"))
    assert corpus.count() == 1
    assert corpus.name == "lines:x.txt"


def test_the_folder_itself_is_named_the_same_wherever_it_is_checked_out(tmp_path):
    (tmp_path / "x.txt").write_text("a\n", encoding="utf-8")
    assert get_corpus("folder:.", tmp_path).name == "folder:."


def test_options_follow_the_path():
    corpus = get_corpus("csv:data/x.csv,text=body,id=key,delimiter=;")
    assert (corpus.root, corpus.text_field, corpus.id_field, corpus.delimiter) == (
        Path("data/x.csv"),
        "body",
        "key",
        ";",
    )


def test_a_value_may_hold_commas_that_begin_no_option():
    assert get_corpus("folder:docs,pattern=**/*.[m,d]*").pattern == "**/*.[m,d]*"


def test_a_path_may_hold_colons_and_commas():
    assert get_corpus("lines:C:/a,b.txt").root == Path("C:/a,b.txt")


def test_options_may_stand_without_a_path():
    corpus = get_corpus("git:rev=main,limit=5")
    assert (corpus.rev, corpus.limit, corpus.root) == ("main", 5, Path())


def test_an_option_that_is_text_by_its_annotation_stays_text():
    assert get_corpus("git:rev=0012").rev == "0012"
    assert get_corpus("git:rev=1e5").rev == "1e5"
    assert get_corpus("jsonl:x,text=1").text_field == "1"


def test_a_truth_value_is_read_as_one():
    assert get_corpus("folder:docs,pinned=false").pinned is False


@pytest.mark.parametrize("spec", ["jsonl", "csv", "lines", "folder", "jsonl:text=body"])
def test_a_corpus_that_needs_a_path_says_so(spec):
    with pytest.raises(ClaimError, match=r"needs a path; write \w+:PATH"):
        get_corpus(spec)


@pytest.mark.parametrize("spec", ["", " ", ":x", "jsonl:", "jsonl: "])
def test_a_text_of_another_form_is_refused(spec):
    with pytest.raises(ClaimError, match="names no corpus; write name"):
        get_corpus(spec)


def test_an_unknown_name_is_a_value_error_with_the_nearest_one():
    with pytest.raises(ValueError, match=r"no corpus is named 'sentence'; did you mean 'sentences'\?"):
        get_corpus("sentence")
    with pytest.raises(UnknownPluginError):
        get_corpus("nothing:x,y=1")


@pytest.mark.parametrize(
    "spec", ["jsonl:x,txt=body", "sentences:lang=en", "git:label=x", "jsonl:x,root=/etc", "iris:x=1"]
)
def test_an_unknown_option_is_refused_with_the_accepted_ones(spec):
    with pytest.raises(ClaimError, match=r"takes no option '\w+'; "):
        get_corpus(spec)


def test_an_option_that_stands_twice_is_refused():
    with pytest.raises(ClaimError, match="'text' stands twice"):
        get_corpus("jsonl:x,text=a,text=b")


def test_a_value_that_cannot_be_is_refused():
    with pytest.raises(ClaimError, match="corpus 'git' cannot be built with limit=0: limit=0; give 1 or more"):
        get_corpus("git:limit=0")


def test_a_registered_factory_gets_root_and_options(register, tmp_path):
    register("mails", Mails)
    corpus = get_corpus("mails:2026,folder=7,limit=3", tmp_path)
    assert (corpus.root, corpus.folder, corpus.limit) == (tmp_path / "2026", "7", 3)
    assert get_corpus("mails", tmp_path).root == tmp_path
    assert get_corpus("mails").root is None
    assert "mails" in list_corpora()


def test_a_factory_may_be_a_function(register):
    register("mails", lambda root=None: Mails(root, folder="sent"))
    assert get_corpus("mails").folder == "sent"


def test_a_factory_that_makes_something_else_is_told(register):
    register("mails", lambda root=None: "a text")
    with pytest.raises(ClaimError, match="'a text' is no corpus; give a name, kind:path"):
        get_corpus("mails")


def test_a_name_is_given_once(register):
    register("mails", Mails)
    register_corpus_factory("mails", Mails)
    with pytest.raises(ValueError, match="a corpus is named 'mails' already"):
        register_corpus_factory("mails", lambda root: Mails(root))
    with pytest.raises(ValueError, match="a corpus is named 'git' already"):
        register_corpus_factory("git", Mails)


@pytest.mark.parametrize("name", ["", "a:b", "a,b", "a=b", "a b"])
def test_a_name_that_no_spec_can_hold_is_refused(name):
    with pytest.raises(ClaimError, match="cannot name a corpus"):
        register_corpus_factory(name, Mails)


def test_what_cannot_be_called_is_no_factory():
    with pytest.raises(ClaimError, match="cannot be called"):
        register_corpus_factory("mails", Mails())


def test_a_ready_made_corpus_takes_no_path_and_no_options():
    ready = Mails()
    CORPORA.register(ready, "ready")
    try:
        assert get_corpus("ready") is ready
        with pytest.raises(ClaimError, match="ready-made and takes no path"):
            get_corpus("ready:x")
    finally:
        CORPORA.unregister("ready")


def test_the_package_hands_its_names_on_late():
    code = (
        "import sys, ophamin.seeing.corpus as package\n"
        "assert not [name for name in sys.modules if name.startswith('ophamin.seeing.corpus.')]\n"
        "assert all(getattr(package, name) for name in package.__all__)\n"
        "heavy = {'numpy', 'sklearn', 'scipy', 'pydantic', 'platformdirs'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_package_has_no_other_names():
    import ophamin.seeing.corpus as package

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018 - the access itself is what is tried
