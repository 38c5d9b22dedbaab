# SPDX-License-Identifier: Apache-2.0
import json
import shutil
import warnings
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from qmpt.data.files import digest
from qmpt.runs import read_run
from qmpt.viz.reports_figures import svg_of


@pytest.fixture(scope="module")
def kept(qmpt, spans, agents, tmp_path_factory):
    """A folder of each kind of result."""
    tmp_path = tmp_path_factory.mktemp("kept")
    assert qmpt("score", spans, "--resamples", 20, "--out", tmp_path / "scored").exit_code == 0
    assert qmpt("self", agents, "--out", tmp_path / "self").exit_code == 0
    assert (
        qmpt("simulate", "--scenario", "single_anomaly", "--steps", 40, "--out", tmp_path / "simulated").exit_code == 0
    )
    assert qmpt("compare", spans, spans, "--layer", "fleet", "--out", tmp_path / "compared").exit_code == 0
    assert qmpt("history", "--runs", 200, "--out", tmp_path / "history").exit_code == 0
    return [tmp_path / name for name in ("scored", "self", "simulated", "compared", "history")]


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


def test_one_page_holds_every_result_its_figures_and_how_it_was_made(qmpt, kept, tmp_path, offline):
    out = tmp_path / "report" / "index.html"
    result = qmpt("report", *kept, "--out", out, "--title", "Agents")
    assert result.exit_code == 0
    text = out.read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags.count("svg") == 9  # three for each of two scored layers, and one of self, simulate and compare
    assert page.tags.count("h2") == len(kept) * 2 + 4
    for said in (
        "How it was made",
        "Exploratory, not diagnostic",
        "nothing about worth",
        "sha256:",
        "not consciousness",
    ):
        assert said in text
    assert read_run(out.with_name("index.html.run.json"))["inputs"].keys() == {path.name for path in kept}


def test_the_page_needs_nothing_and_runs_nothing(qmpt, kept, tmp_path):
    qmpt("report", *kept, "--out", tmp_path / "r.html")
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    outside = [value for name, value in page.attributes if name in ("src", "href", "xlink:href") and value[:1] != "#"]
    assert outside == []
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("suffix", ["html", "md"])
def test_the_same_results_give_the_same_bytes(qmpt, kept, tmp_path, suffix):
    for name in ("one", "two"):
        assert qmpt("report", kept[0], kept[2], "--out", tmp_path / f"{name}.{suffix}").exit_code == 0
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


def test_two_folders_of_one_name_are_two_inputs(qmpt, kept, tmp_path):
    for name, folder in (("x", kept[0]), ("y", kept[4])):
        shutil.copytree(folder, tmp_path / name / "scored")
    out = tmp_path / "r.html"
    assert qmpt("report", tmp_path / "x" / "scored", tmp_path / "y" / "scored", "--out", out).exit_code == 0
    inputs = read_run(tmp_path / "r.html.run.json")["inputs"]
    assert sorted(name.rpartition("/")[0][-1:] for name in inputs) == ["x", "y"]
    assert len(set(inputs.values())) == 2


def test_each_report_of_a_folder_has_a_record_of_its_own_with_its_options(qmpt, kept, tmp_path):
    for name, title, top in (("one.html", "First", 3), ("two.md", "Second", 5)):
        assert qmpt("report", kept[0], "--out", tmp_path / name, "--title", title, "--top", top).exit_code == 0
    first, second = (read_run(tmp_path / f"{name}.run.json") for name in ("one.html", "two.md"))
    assert (first["config"], second["config"]) == ({"title": "First", "top": 3}, {"title": "Second", "top": 5})
    assert first["outputs"] == {"one.html": digest(tmp_path / "one.html")}
    assert second["outputs"] == {"two.md": digest(tmp_path / "two.md")}


def test_json_says_what_was_written(qmpt, kept, tmp_path):
    out = tmp_path / "r.md"
    found = json.loads(qmpt("report", kept[0], "--out", out, "--json").stdout)
    assert found["outputs"] == {"r.md": digest(out)}
    assert found["bytes"] == out.stat().st_size
    assert found["sections"][-1] == "How it was made"
    assert (tmp_path / found["record"]).is_file()
    refused = qmpt("report", kept[0], "--json")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "give --out FILE" in refused.stderr


def test_markdown_draws_nothing_and_says_the_same(qmpt, kept, monkeypatch):
    def drawn(*_, **__):
        raise AssertionError("it was drawn")

    monkeypatch.setattr("qmpt.viz.reports_figures.svg_of", drawn)
    result = qmpt("report", *kept)
    assert result.exit_code == 0
    assert result.stdout.count("*Figure (in the HTML report): ") == 9


@pytest.mark.parametrize(
    "name", ["代理", "агент", "סוכן", "एजेंट", "🤖"], ids=["han", "cyrillic", "hebrew", "hindi", "emoji"]
)
def test_names_in_any_script_are_drawn_without_a_word_of_missing_glyphs(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = svg_of(lambda ax: ax.set_title(name))
    assert name in drawn


def test_other_warnings_of_a_figure_are_not_hidden():
    with pytest.warns(UserWarning, match="mine"):
        svg_of(lambda ax: warnings.warn("mine", UserWarning, stacklevel=1))


def test_markdown_goes_to_stdout_and_into_a_file(qmpt, kept, tmp_path):
    printed = qmpt("report", kept[0]).stdout
    qmpt("report", kept[0], "--out", tmp_path / "r.md")
    assert printed == (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "| rank | score | 95 % interval |" in printed
    assert "shop/refunds" in printed
    assert "- impact has no source and is not in the scores" in printed


def test_figures_are_well_formed_and_can_be_searched(qmpt, kept, tmp_path):
    qmpt("report", kept[0], "--out", tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    first = text[text.index("<svg") : text.index("</svg>") + len("</svg>")]
    assert any("anomaly score" in (element.text or "") for element in ET.fromstring(first).iter())


def test_the_result_of_a_command_keeps_its_own_run_json(qmpt, kept):
    before = (kept[0] / "run.json").read_bytes()
    assert qmpt("report", kept[0], "--out", kept[0] / "r.md").exit_code == 0
    assert (kept[0] / "run.json").read_bytes() == before


@pytest.mark.parametrize(("suffix", "said"), [("pdf", "give one of .md, .html"), ("", "give one of .md, .html")])
def test_another_form_is_refused(qmpt, kept, tmp_path, suffix, said):
    result = qmpt("report", kept[0], "--out", tmp_path / f"r.{suffix}")
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_folder_without_a_result_is_refused(qmpt, spans, tmp_path):
    qmpt("ingest", spans, "--out", tmp_path / "in")
    result = qmpt("report", tmp_path / "in")
    assert result.exit_code == 2
    assert "holds no result" in result.stderr
    assert qmpt("report", tmp_path / "nowhere").exit_code == 2
