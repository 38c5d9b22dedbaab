# SPDX-License-Identifier: Apache-2.0
"""The file of a baseline: what is written is read again, and what is broken is named with its line."""

from __future__ import annotations

import os
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing import baseline_text
from ophamin.auditing.accepted import Acceptance, AcceptanceError
from ophamin.auditing.baseline import Baseline, ToolIdentity
from ophamin.auditing.baseline_text import BaselineError, baseline_bytes, parse_baseline, read_baseline, save
from ophamin.auditing.fingerprints import Fingerprint

LINE, DIGEST, OTHER = "1a" * 16, "2b" * 16, "3c" * 16
RUFF = ToolIdentity("ruff", "ruff 0.17.6", "rules", "config", "1")
ONE = Fingerprint("ruff", "F401", "src/a b.py", LINE, DIGEST)
TWO = Fingerprint("ruff", "S602", "src/ä\n.py", "", OTHER)
ACCEPTED = Acceptance(TWO, "ann", "the command is a constant, see ADR-7", date(2027, 3, 31), 2)
FULL = Baseline((RUFF,), (ONE, ONE), (ACCEPTED,), {"pyproject.toml[tool.ruff]": "0d" * 32}, "5f" * 20)
TEXT = f"""\
# ophamin audit baseline: findings that are known, and those that somebody accepted
format 1
fingerprints 1
base {"5f" * 20}
tool ruff ruff%200.17.6 rules config 1
config pyproject.toml[tool.ruff] {"0d" * 32}
known ruff F401 src/a%20b.py 2 {LINE} {DIGEST}
accepted ruff S602 src/%C3%A4%0A.py 2 - {OTHER} 2027-03-31 ann the command is a constant, see ADR-7
# end of the baseline
"""

texts = st.text(st.characters(), max_size=12)
digests = st.integers(0, 2**128 - 1).map("{:032x}".format)
prints = st.builds(Fingerprint, st.just("ruff"), texts, texts, st.one_of(st.just(""), digests), digests)
words = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["C", "Z"]), min_size=1, max_size=8
)
acceptances = st.builds(
    Acceptance, prints, words, st.lists(words, min_size=1, max_size=4).map(" ".join), st.dates(), st.integers(1, 99)
)
baselines = st.builds(
    Baseline,
    st.builds(ToolIdentity, st.just("ruff"), texts, texts, texts, texts).map(lambda one: (one,)),
    st.lists(prints, max_size=6).flatmap(lambda some: st.just((*some, *some[:2]))),
    st.lists(acceptances, max_size=3, unique_by=lambda one: one.fingerprint).map(tuple),
    st.dictionaries(texts, texts, max_size=3),
    st.sampled_from(["", "5f" * 20, "0a" * 32]),
    texts.filter(bool),
)


def refused(text: str | bytes) -> BaselineError:
    with pytest.raises(BaselineError) as caught:
        parse_baseline(text.encode() if isinstance(text, str) else text)
    return caught.value


def test_the_file_is_the_documented_text():
    assert baseline_bytes(FULL).decode() == TEXT
    assert parse_baseline(TEXT.encode()) == FULL


@given(baselines)
def test_what_is_written_is_read_again(baseline):
    data = baseline_bytes(baseline)
    assert parse_baseline(data) == baseline
    assert baseline_bytes(parse_baseline(data)) == data


@given(baselines)
def test_every_line_is_a_line_whatever_is_in_the_names(baseline):
    data = baseline_bytes(baseline)
    assert len(data.split(b"\n")) == len(data.decode().splitlines()) + 1
    starts = {line.split(" ")[0] for line in data.decode().splitlines() if not line.startswith("#")}
    assert starts <= {"format", "fingerprints", "base", "tool", "config", "known", "accepted"}


@given(st.permutations(TEXT.splitlines()[2:-1]))
def test_lines_may_stand_in_any_order_as_a_merge_leaves_them(lines):
    head, end = TEXT.splitlines()[:2], TEXT.splitlines()[-1:]
    assert parse_baseline("\n".join([*head, *lines, *end]).encode()) == FULL


def test_comments_empty_lines_and_windows_line_ends_do_no_harm():
    lines = TEXT.replace("known ruff", "# why\n\nknown ruff").replace("\n", "\r\n")
    assert parse_baseline(lines.encode()) == FULL


def test_two_branches_that_add_findings_merge_by_keeping_the_lines_of_both():
    left = baseline_bytes(Baseline((RUFF,), (ONE, TWO))).decode().splitlines()
    third = Fingerprint("ruff", "B006", "z.py", LINE, "4d" * 16)
    right = baseline_bytes(Baseline((RUFF,), (ONE, third))).decode().splitlines()
    added = [line for line in right if line not in left]
    merged = parse_baseline("\n".join([*left[:-1], *added, left[-1]]).encode())
    assert merged == Baseline((RUFF,), (ONE, TWO, third))


@pytest.mark.parametrize(
    ("change", "reason", "line"),
    [
        pytest.param(("known ruff", "<<<<<<< HEAD\nknown ruff"), "conflict", 7, id="ours"),
        pytest.param(("known ruff", "=======\nknown ruff"), "conflict", 7, id="middle"),
        pytest.param(("known ruff", ">>>>>>> topic\nknown ruff"), "conflict", 7, id="theirs"),
        pytest.param(("known ruff", "||||||| base\nknown ruff"), "conflict", 7, id="ancestor"),
        pytest.param(("format 1", "format 2"), "version", 2, id="newer"),
        pytest.param(("format 1\n", ""), "version", 2, id="no-format"),
        pytest.param(("fingerprints 1\n", ""), "syntax", None, id="no-fingerprints"),
        pytest.param(("# end of the baseline\n", ""), "half_written", 8, id="no-end"),
        pytest.param(("# end of the baseline", "# end of the base"), "half_written", 9, id="half-an-end"),
        pytest.param(("known ruff", "knwon ruff"), "syntax", 7, id="unknown-word"),
        pytest.param((f" {DIGEST}", ""), "syntax", 7, id="field-missing"),
        pytest.param((f" {DIGEST}", f" {DIGEST} x"), "syntax", 7, id="field-more"),
        pytest.param((f" {DIGEST}", f" {DIGEST[:-1]}"), "syntax", 7, id="short-digest"),
        pytest.param((f" {DIGEST}", f" {DIGEST.upper()}"), "syntax", 7, id="upper-digest"),
        pytest.param((f" 2 {LINE}", f" 0 {LINE}"), "syntax", 7, id="zero"),
        pytest.param((f" 2 {LINE}", f" -1 {LINE}"), "syntax", 7, id="negative"),
        pytest.param((f" 2 {LINE}", f" 02 {LINE}"), "syntax", 7, id="leading-zero"),
        pytest.param((f" 2 {LINE}", f" 1000000 {LINE}"), "syntax", 7, id="huge-count"),
        pytest.param(("a%20b", "a%2fb"), "syntax", 7, id="other-spelling"),
        pytest.param(("a%20b", "%62"), "syntax", 7, id="needless-escape"),
        pytest.param(("a%20b", "%FF%20b"), "syntax", 7, id="no-utf-8"),
        pytest.param(("known ruff", "known mypy"), "syntax", 7, id="unnamed-tool"),
        pytest.param(("2027-03-31", "2027-02-30"), "syntax", 8, id="no-such-day"),
        pytest.param(("2027-03-31", "20270331"), "syntax", 8, id="day-otherwise-written"),
        pytest.param((" ann the command is a constant, see ADR-7", " ann"), "syntax", 8, id="no-reason"),
        pytest.param(("the command", "the\x1b[2K command"), "syntax", 8, id="escape-in-reason"),
        pytest.param(("the command", "the \u202ecommand"), "syntax", 8, id="bidi-in-reason"),
        pytest.param((f"base {'5f' * 20}", "base main"), "syntax", 4, id="base-is-no-commit"),
        pytest.param(("known ruff", "x" * 40_000 + "\nknown ruff"), "too_large", 7, id="long-line"),
    ],
)
def test_what_is_broken_is_named_with_its_line(change, reason, line):
    assert change[0] in TEXT
    error = refused(TEXT.replace(*change))
    assert (error.reason, error.line) == (reason, line)
    assert "\x1b" not in str(error)
    assert "\u202e" not in str(error)


@pytest.mark.parametrize("word", ["format", "fingerprints", "base", "tool", "config", "known", "accepted"])
def test_a_line_that_stands_twice_is_refused_with_both_places(word):
    lines = TEXT.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(word))
    again = lines[place].replace(" 2 ", " 3 ")
    error = refused("\n".join([*lines[:-1], again, lines[-1]]))
    assert (error.reason, error.line) == ("duplicate", 9)
    assert f"line {place + 1}" in str(error)


def test_every_cut_is_refused():
    for length in range(len(TEXT) - 1):
        refused(TEXT[:length])


def test_bytes_that_are_no_utf_8_are_named_with_their_line():
    error = refused(TEXT.encode().replace(b"a%20b", b"\xff"))
    assert (error.reason, error.line) == ("encoding", 7)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    try:
        parse_baseline(data)
    except BaselineError:
        return
    assert data.strip()


def test_too_many_bytes_and_too_many_findings_are_refused(monkeypatch):
    counted = TEXT.replace(f" 2 {LINE}", f" 99999 {LINE}")
    many = counted.replace("known ruff F401", f"known ruff F402 x 99999 {LINE} {OTHER}\nknown ruff F401")
    more = many.replace("known ruff F401", f"known ruff F403 x 99999 {LINE} {OTHER}\nknown ruff F401")
    assert len(parse_baseline(counted.encode()).known) == 99_999
    assert refused(more).reason == "too_large"
    monkeypatch.setattr(baseline_text, "MAX_BYTES", len(TEXT) - 1)
    assert refused(TEXT).reason == "too_large"


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    file = tmp_path / "x.baseline"
    save(file, FULL)
    with pytest.raises(BaselineError, match="says what found it"):
        save(file, Baseline((), (ONE,)))
    with pytest.raises(BaselineError, match="stands in line"):
        save(file, Baseline((RUFF, ToolIdentity("ruff", "ruff 2"))))
    assert read_baseline(file) == FULL
    assert [one.name for one in tmp_path.iterdir()] == ["x.baseline"]


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(BaselineError) as caught:
            read_baseline(path)
        assert caught.value.reason == "unreadable"


@pytest.mark.skipif(os.name != "posix", reason="links and pipes as POSIX has them")
def test_a_link_is_not_followed_and_a_pipe_not_waited_for(tmp_path):
    save(tmp_path / "real", FULL)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(BaselineError) as caught:
            read_baseline(tmp_path / name)
        assert caught.value.reason == "unreadable"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner", ""),
        ("owner", "ann smith"),
        ("owner", "ann\n"),
        ("reason", ""),
        ("reason", " "),
        ("reason", "two\nlines"),
        ("reason", "a \x1b[2K b"),
        ("reason", "x" * 501),
        ("count", 0),
        ("count", 100_000),
    ],
)
def test_an_acceptance_has_an_owner_a_reason_and_a_count(field, value):
    given_fields = {"owner": "ann", "reason": "because", "count": 1, field: value}
    with pytest.raises(AcceptanceError):
        Acceptance(ONE, expires=date(2027, 1, 1), **given_fields)


def test_equal_baselines_are_equal_in_whatever_order_they_were_made():
    other = Baseline((RUFF,), (TWO, ONE), (), {"b": "1", "a": "2"})
    assert other == Baseline((RUFF,), (ONE, TWO), (), {"a": "2", "b": "1"})
    assert baseline_bytes(other) == baseline_bytes(Baseline((RUFF,), (ONE, TWO), (), {"a": "2", "b": "1"}))


def test_a_baseline_has_plain_values():
    import json

    plain = json.loads(json.dumps(FULL.to_dict()))
    assert plain["accepted"][0]["expires"] == "2027-03-31"
    assert len(plain["known"]) == 2
    assert FULL.counts() == {"ruff": 4}
