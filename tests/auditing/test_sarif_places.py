# SPDX-License-Identifier: Apache-2.0
"""Places in SARIF: the hash of a line is the one that GitHub's upload action computes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.findings import Finding
from ophamin.auditing.sarif_places import line_hashes, region_of, uri_of

# Inputs and hashes of github/codeql-action, src/fingerprints.test.ts.
GREETING = " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n"
GREETED = [
    "e9496ae3ebfced30:1", "fb7c023a8b9ccb3f:1", "ce8ba1a563dcdaca:1", "e20e36e16fcb0cc8:1", "b3edc88f2938467e:1",
    "c8e28b0b4002a3a0:1", "c129715d7a2bc9a3:1",
]  # fmt: skip
PUBLISHED = [
    ("", ["c129715d7a2bc9a3:1"]),
    (
        " a\nb\n  \t\tc\n d",
        ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"],
    ),
    (
        GREETING[:-1],
        [
            "8b7cf3e952e7aeb2:1", "b1ae1287ec4718d9:1", "bff680108adb0fcc:1", "c6805c5e1288b612:1",
            "b86d3392aea1be30:1", "e6ceba753e1a442:1",
        ],
    ),
    (GREETING, GREETED),
    (" hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r", GREETED),
    (GREETING.replace("\n", "\r\n"), GREETED),
    (" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n", GREETED),
    (
        "Lorem ipsum dolor sit amet.\n" * 10,
        [
            *[f"a7f2ff13bc495cf2:{n}" for n in range(1, 7)], "a7f2ff1481e87703:1", "a9cf91f7bbf1862b:1",
            "55ec222b86bcae53:1", "cc97dc7b1d7d8f7b:1", "c129715d7a2bc9a3:1",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(PUBLISHED)))
def test_hashes_are_those_that_were_published(case):
    text, expected = PUBLISHED[case]
    assert list(line_hashes(text.encode()).values()) == expected
    assert list(line_hashes(text.encode())) == list(range(1, len(expected) + 1))


def plainly(text: str) -> list[str]:
    """The definition, line by line, with nothing that rolls."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    raw = text.encode("utf-16-le", "surrogatepass")
    units = [int.from_bytes(raw[place : place + 2], "little") for place in range(0, len(raw), 2)]
    seen, hashes = [], []
    for start in [0, *(place + 1 for place, unit in enumerate(units) if unit == 10)]:
        window = [*units, 65535, *[0] * 100][start : start + 100]
        seen.append(sum(unit * 37 ** (99 - place) for place, unit in enumerate(window)) % 2**64)
        hashes.append(f"{seen[-1]:x}:{seen.count(seen[-1])}")
    return hashes


pieces = st.sampled_from(["a", "b", " ", "\t", "\n", "\r", "ä", "\u2028", "\N{GRINNING FACE}", "ab" * 60])


@given(st.lists(pieces, max_size=40).map("".join))
def test_hashes_follow_the_definition(text):
    assert list(line_hashes(text.encode()).values()) == plainly(text)


@given(st.binary(max_size=200))
def test_any_bytes_have_a_hash_for_each_line(data):
    text = data.decode("utf-8", "replace")
    assert len(line_hashes(data)) == len(plainly(text))


@pytest.mark.parametrize(
    ("path", "prefix", "expected"),
    [
        ("a.py", "", "a.py"),
        ("a.py", ".", "a.py"),
        ("a.py", "src", "src/a.py"),
        ("a%20b:c.py", "", "a%2520b%3Ac.py"),
        ("\udcff.py", "", "%FF.py"),
        ("\ud800.py", "", "%ED%A0%80.py"),
        ("a\n.py", "", "a%0A.py"),
        ("a\\b.py", "", "a%5Cb.py"),
        ("a.py", "../other", None),
        ("a.py", "/abs", None),
        ("./a.py", "", None),
        ("a/../../b.py", "", None),
    ],
)
def test_an_address_is_relative_and_encoded(path, prefix, expected):
    assert uri_of(path, prefix) == expected


@pytest.mark.parametrize(
    ("line", "column", "extra", "expected"),
    [
        (3, 8, {}, (3, 8, 3, 9)),
        (0, 0, {}, (1, 1, 1, 2)),
        (-1, -1, {}, (1, 1, 1, 2)),
        (3, 8, {"end_line": 4, "end_column": 1}, (3, 8, 4, 1)),
        (3, 8, {"end_line": 3, "end_column": 8}, (3, 8, 3, 9)),
        (3, 8, {"end_line": 2, "end_column": 9}, (3, 8, 3, 9)),
        (3, 8, {"end_line": "4", "end_column": True}, (3, 8, 3, 9)),
        (3, 8, {"end_line": 4}, (3, 8, 3, 9)),
        (2**53, 2**53, {}, (2**31 - 1, 2**31 - 1, 2**31 - 1, 2**31 - 1)),
    ],
)
def test_a_region_has_four_numbers_in_order(line, column, extra, expected):
    made = region_of(Finding("ruff", "R", "low", "m", "a.py", line, column, extra))
    assert tuple(made.values()) == expected
    assert list(made) == ["startLine", "startColumn", "endLine", "endColumn"]
