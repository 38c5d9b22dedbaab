# SPDX-License-Identifier: Apache-2.0
import pytest

from qmpt.data.sources import junit, open_source
from qmpt.errors import SourceError

SUITE = '<testsuite name="unit" timestamp="2026-11-21T10:00:00">{}</testsuite>'
CASE = '<testcase classname="shop.cart" name="test_{}" time="{}">{}</testcase>'


def read(tmp_path, text, name="junit.xml", **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_source("junit", path, **options).population()


def test_cases_become_acts_one_after_another(tmp_path):
    cases = "".join(
        [
            CASE.format("a", "0.5", ""),
            CASE.format("b", "1.25", '<failure message="wrong sum" type="AssertionError">line 3\nline 4</failure>'),
            CASE.format("c", "0.25", '<error message="no database"/>'),
            CASE.format("d", "0", '<skipped message="not today"/>'),
        ]
    )
    found = read(tmp_path, f"<testsuites>{SUITE.format(cases)}</testsuites>")
    assert [one.payload for one in found.observations] == [
        {"action": "passed", "ok": True, "cost": 0.5},
        {"action": "failed", "ok": False, "cost": 1.25, "text": "wrong sum\nline 3\nline 4"},
        {"action": "error", "ok": False, "cost": 0.25, "text": "no database"},
        {"action": "skipped", "cost": 0.0, "text": "not today"},
    ]
    begin = found.observations[0].timestamp
    assert [one.timestamp - begin for one in found.observations] == [0.0, 0.5, 1.75, 2.0]
    assert list(found.patterns) == [f"shop.cart::test_{letter}" for letter in "abcd"]
    assert list(found.layers) == ["unit"]


def test_what_a_test_printed_is_no_failure(tmp_path):
    inside = "<system-out>hello</system-out><properties><property name='a' value='b'/></properties>"
    found = read(tmp_path, SUITE.format(CASE.format("a", "1", inside)))
    assert found.observations[0].payload == {"action": "passed", "ok": True, "cost": 1.0}


def test_an_error_after_a_failure_counts_as_the_error(tmp_path):
    inside = '<error message="in the tear-down"/><failure message="in the call"/>'
    payload = read(tmp_path, SUITE.format(CASE.format("a", "1", inside))).observations[0].payload
    assert (payload["action"], payload["text"]) == ("error", "in the tear-down\nin the call")


def test_suites_inside_suites_take_what_they_do_not_say_from_outside(tmp_path):
    inner = f"<testsuite>{CASE.format('a', '1', '')}</testsuite>"
    found = read(tmp_path, SUITE.format(inner))
    assert list(found.layers) == ["unit"]
    assert found.observations[0].timestamp > 0


def test_runs_of_one_test_in_several_files_belong_to_one_pattern(tmp_path):
    for name in ("b/run.xml", "a/run.xml"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(SUITE.format(CASE.format("a", "1", "")), encoding="utf-8")
    source = open_source("auto", tmp_path)
    found = source.population()
    assert [one.obs_id for one in found.observations] == ["a/run.xml#1", "b/run.xml#1"]
    assert len(found.patterns) == 1
    assert list(source.inputs()) == ["a/run.xml", "b/run.xml"]


def test_a_suite_without_a_time_needs_one_from_the_caller(tmp_path):
    text = f'<testsuite name="s">{CASE.format("a", "1", "")}</testsuite>'
    with pytest.raises(SourceError, match="give started="):
        read(tmp_path, text)
    assert read(tmp_path, text, started="2026-11-21").observations[0].timestamp == 1795219200.0
    with pytest.raises(SourceError, match="started: the time stamp 'soon'"):
        read(tmp_path, text, started="soon")


def test_namespaces_grouped_numbers_and_other_encodings_are_read(tmp_path):
    text = f'<?xml version="1.0" encoding="iso-8859-1"?><testsuite xmlns="urn:x" name="s">{CASE.format("ü", "1,234.5", "")}</testsuite>'  # noqa: E501 - one document
    found = read(tmp_path, text.encode("latin-1"), started=0)
    assert (found.observations[0].pattern_id, found.observations[0].payload["cost"]) == ("shop.cart::test_ü", 1234.5)


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<testsuite name="&b;"/>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<testsuite name="s"><testcase name="t"><failure>&e;</failure></testcase></testsuite>"""
PARAMETER = '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://localhost:1/x"> %p;]><testsuite/>'


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, PARAMETER], ids=["bomb", "file", "parameter"])
def test_entities_are_refused(tmp_path, text):
    with pytest.raises(SourceError, match="declares the entity"):
        read(tmp_path, text, started=0)


def test_a_document_type_from_outside_is_not_fetched(tmp_path):
    text = f'<!DOCTYPE testsuite SYSTEM "http://localhost:1/junit.dtd">{SUITE.format(CASE.format("a", "1", ""))}'
    assert len(read(tmp_path, text).observations) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no element found"),
        ("<testsuite>", "no element found"),
        ("<a>&undefined;</a>", "undefined entity"),
        ("<html/>", "no test suite"),
        ("<a>" * 100 + "</a>" * 100, "more than 64 levels"),
        (SUITE.format("<testcase/>"), "line 1: a testcase has no name"),
        (SUITE.format('<testcase name="t" time="soon"/>'), "'soon' is no duration"),
        (SUITE.format('<testcase name="t" time="-1"/>'), "'-1' is no duration"),
        (SUITE.format('<testcase name="t" time="nan"/>'), "'nan' is no duration"),
        ('<testsuite timestamp="soon"/>', "line 1: the time stamp 'soon'"),
    ],
    ids=["empty", "cut", "entity", "html", "deep", "name", "time", "negative", "nan", "timestamp"],
)
def test_what_is_no_report_is_told_with_its_place(tmp_path, text, said):
    with pytest.raises(SourceError, match=said):
        read(tmp_path, text)


def test_a_suite_without_a_time_is_told_with_the_option_of_the_command_line(tmp_path):
    with pytest.raises(SourceError, match=r"give started= .* --set started=2026"):
        read(tmp_path, '<testsuite name="s"><testcase name="t"/></testsuite>')


def test_the_text_of_a_failure_is_cut_at_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(junit, "MAX_TEXT", 10)
    inside = f'<failure message="{"m" * 8}">{"t" * 100}</failure>'
    found = read(tmp_path, SUITE.format(CASE.format("a", "1", inside)))
    assert found.observations[0].payload["text"] == "m" * 8 + "\ntt"
