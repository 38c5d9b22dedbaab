# SPDX-License-Identifier: Apache-2.0
"""What must not leave the machine does not, and what is harmless stays readable."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.redaction import TextRedactor

TOKEN = "gh/p+9=zZ.7@q"
REDACTOR = TextRedactor(
    paths={"/home/ann/proj": ".", "/home/ann": "~", "/srv/app": "."},
    values={TOKEN: "<env:CI_TOKEN>", "swordfish": "<env:PASSWORD>"},
    names={"ann": "<user>", "box-7.lan": "<host>", "box-7": "<host>"},
)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("/home/ann/proj", "."),
        ("/home/ann/proj/", "./"),
        ('File "/home/ann/proj/src/a.py", line 3', 'File "./src/a.py", line 3'),
        ("(/home/ann/proj/a.py:3)", "(./a.py:3)"),
        ("cd /home/ann/proj.", "cd .."),
        ("/home/ann/proj-2/a", "~/proj-2/a"),
        ("/home/ann/.cache/x", "~/.cache/x"),
        ("/home/annex/x", "…/x"),
        ("-I/home/ann/proj/include -L/usr/lib64", "-I./include -L…/lib64"),
        ("lib/srv/app/x", "lib/srv/app/x"),
        ("--dir=/var/tmp/run7", "--dir=…/run7"),
        ("PATH=/usr/local/bin:/opt/tool", "PATH=…/bin:…/tool"),
        ("No such file: '/data/Jane Doe/x.csv'", "No such file: '…/x.csv'"),
        ("/tmp 2>/dev/null </etc/passwd", "…/tmp 2>…/null <…/passwd"),
        ("/usr/lib/", "…/lib/"),
        (r"C:\Users\Jane\x.txt", "…/x.txt"),
        (r"'C:\\Program Files\\x.txt'", "'…/x.txt'"),
        ("D:/work/x", "…/x"),
        (r"\\server\share\x", "…/x"),
        ("file:///var/x/y.db sqlite:////var/z.db file://host/a/b.db", "file:…/y.db sqlite:…/z.db file:…/b.db"),
    ],
)
def test_an_absolute_path_keeps_its_last_part_or_its_place_in_the_project(text, redacted):
    assert REDACTOR.redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rate(blocked) <= 0.10",
        "and/or, n/a, 1/2, 5 /s, (a+b)/n, x[i]/n, s/x/y/",
        "src/a.py ./b ../c ~/d …/e",
        "https://x.org/a/b?q=/etc/x#y",
        "https://social.example/@someone and http://x.org:8080/@me",
        "git@github.com:org/repo.git",
        "<b>x</b><br/>",
        "tests/a/test_b.py::test_c[x-1]",
        r"\d+\w \n C: D:x",
        "X @ w, A@B, pytest@8.2",
        "annex, hannah, box-71",
        "größer als 3 µs / 模型",
    ],
)
def test_harmless_text_stays_as_it_is(text):
    assert REDACTOR.redact(text) == text


def test_text_in_which_nothing_matches_comes_back_as_the_same_object():
    text = "the mean latency of 40 calls, in seconds; see a/b and größer"
    assert REDACTOR.redact(text) is text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("https://me:pw@x.org/a/b", "https://x.org/a/b"),
        ("postgres://u:p/w@db.x.org/main", "postgres://db.x.org/main"),
        ("ssh://git@x.org/r", "ssh://x.org/r"),
        ("git+https://tok@x.org/r, ok", "git+https://x.org/r, ok"),
        ("http://box-7.lan:80/ann/x", "http://<host>:80/<user>/x"),
    ],
)
def test_an_address_loses_its_credentials_and_names_and_nothing_else(text, redacted):
    assert REDACTOR.redact(text) == redacted


def test_a_mail_address_becomes_the_same_mark_wherever_it_stands():
    mark = "mail-" + hashlib.sha256(b"jane.doe@example.org").hexdigest()[:8]
    text = "Jane.Doe@example.org, <jane.doe@example.org>. https://x.org/?m=jane.doe@example.org"
    assert REDACTOR.redact(text) == f"{mark}, <{mark}>. https://x.org/?m={mark}"


def test_two_mail_addresses_have_two_marks():
    first, second = REDACTOR.redact("a@x.org b@x.org").split()
    assert first != second


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("ann on box-7.lan", "<user> on <host>"),
        ("ANN's Box-7", "<user>'s <host>"),
        ("/mnt/ann", "…/<user>"),
        ("mnt/ann/x", "mnt/<user>/x"),
    ],
)
def test_a_name_of_the_machine_is_taken_out_as_a_whole_word(text, redacted):
    assert REDACTOR.redact(text) == redacted


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=20), st.sampled_from([TOKEN, "swordfish"]), st.text(alphabet="/\\@:'\" a.1~-", max_size=20))
def test_a_planted_secret_never_survives(before, secret, after):
    redacted = REDACTOR.redact(f"{before}{secret}{after}{secret}{before}")
    assert secret not in redacted


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="/\\@:'\" a.1~-<>\n[]()=IC", max_size=40))
def test_redacted_text_has_nothing_more_to_take_out_of_known_folders(text):
    redacted = REDACTOR.redact(f"{text} /home/ann/proj/{text}")
    assert "/home/ann" not in redacted


def test_the_longest_of_several_values_wins():
    redactor = TextRedactor(values={"abcdef": "<env:SHORT>", "abcdefgh": "<env:LONG>"})
    assert redactor.redact("abcdefgh abcdefg") == "<env:LONG> <env:SHORT>g"


def test_a_value_with_special_characters_is_taken_literally():
    assert TextRedactor(values={"a.c*(": "<env:K>"}).redact("abc a.c*(") == "abc <env:K>"


def test_a_redactor_that_knows_nothing_still_takes_out_paths_and_mail():
    assert TextRedactor().redact("/a/b ann@x.org").startswith("…/b mail-")


@pytest.mark.parametrize("piece", ["a", "/", "a@", "/a", "a.", "'/", "://a", "\\\\", "-A/", "C:\\", "'/a "])
def test_long_hostile_text_is_answered(piece):
    """Each repeat would take minutes in a pattern that goes back."""
    text = piece * 50_000
    assert isinstance(REDACTOR.redact("x@" + text), str)
