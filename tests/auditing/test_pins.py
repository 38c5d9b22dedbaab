# SPDX-License-Identifier: Apache-2.0
"""Pins out of lock files and requirements files: what is pinned, what is not, and what is never read."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from ophamin.auditing.pillars.pins import MAX_PIN_FILE_BYTES, pin_files, read_pins
from ophamin.auditing.pillars.requirement_lines import is_version, requirement_lines

PYLOCK = """lock-version = "1.0"
created-by = "pip"

[[packages]]
name = "Jinja2"
version = "3.1.2"
[[packages.wheels]]
name = "jinja2-3.1.2-py3-none-any.whl"

[[packages]]
name = "project"
directory = {path = ".", editable = true}

[[packages]]
name = "unreleased"
vcs = {type = "git", url = "https://example.org/u"}
"""
UV = """version = 1
[[package]]
name = "project"
version = "0.1.0"
source = { editable = "." }
dependencies = [
    { name = "jinja2" },
]

[[package]]
name = "jinja2"
version = "3.1.2"
source = { registry = "https://pypi.org/simple" }
"""
POETRY = """[[package]]
name = "jinja2"
version = "3.1.2"

[[package]]
name = "sibling"
version = "1.0"
[package.source]
type = "directory"
url = "../sibling"
"""


@pytest.fixture
def read(tmp_path):
    """Write files, and read the pins of the first."""

    def make(text, *, name="requirements.txt", allowed=None, **others):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        for other, content in others.items():
            file = tmp_path / other.replace("__", "/")
            file.parent.mkdir(exist_ok=True)
            file.with_suffix(".txt").write_text(content)
        return read_pins(tmp_path, [name], allowed)

    return make


def pinned(pins):
    return [(pin.name, pin.version, pin.path, pin.line) for pin in pins.pins.values()]


# Requirements files


def test_pins_come_with_canonical_names_and_their_lines(read):
    pins = read(
        "\n# locked\n--index-url https://user:pw@example.org/\n"
        "Typing_Extensions==4.12.2 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11  # via x\n"
        "jinja2[i18n] == 3.1.2 ; python_version < '3'\nsix===1.16.0;extra=='a'\nzope.interface (==5.0)\r\n"
    )
    assert pinned(pins) == [
        ("typing-extensions", "4.12.2", "requirements.txt", 4),
        ("jinja2", "3.1.2", "requirements.txt", 7),
        ("six", "1.16.0", "requirements.txt", 8),
        ("zope-interface", "5.0", "requirements.txt", 9),
    ]
    assert pins.gaps == []


@pytest.mark.parametrize(
    "line",
    [
        "requests",
        "requests>=2.31",
        "requests==2.*",
        "requests==2.31.0,<3",
        "requests==${VERSION}",
        "requests==",
        "requests (==1.0",
        "requests @ https://example.org/requests.whl",
        "https://example.org/requests.whl",
        "./local",
        "-e .",
        "--editable=git+https://example.org/r",
        "requests==1.0 extra",
        "requests==" + "1" * 500,
    ],
    ids=range(14),
)
def test_what_has_no_exact_version_is_a_gap_at_its_line(read, line):
    pins = read(f"six==1.16.0\n{line}\n")
    assert [pin[0] for pin in pinned(pins)] == ["six"]
    assert [(gap.path, gap.line) for gap in pins.gaps] == [("requirements.txt", 2)]
    assert "has no exact version; pin it" in str(pins.gaps[0])


def test_users_and_passwords_of_addresses_are_not_shown(read):
    pins = read("-e git+https://me:hunter2@example.org/r\nx @ https://token@example.org/x.whl\n")
    assert not any("hunter2" in str(gap) or "token" in str(gap) for gap in pins.gaps)


def test_included_files_are_read_and_loops_end(read):
    pins = read(
        "-r requirements/base.txt\n--requirement=more.txt\n-c constraints.txt\n",
        requirements__base="six==1.16.0\n-r ../requirements.txt\n",
        more="six==1.16.0\nidna==3.7\n",
        constraints="attrs==23.1\n",
    )
    assert pinned(pins) == [("six", "1.16.0", "requirements/base.txt", 1), ("idna", "3.7", "more.txt", 2)]
    assert pins.sources == ["requirements.txt", "requirements/base.txt", "more.txt"]
    assert pins.gaps == []


@pytest.mark.parametrize("include", ["../outside.txt", "/etc/passwd", "https://example.org/r.txt", "missing.txt"])
def test_a_file_that_is_not_inside_the_tree_is_a_gap(read, tmp_path, include):
    (tmp_path.parent / "outside.txt").write_text("secret-package==6.6.6\n")
    pins = read(f"six==1.16.0\n-r {include}\n")
    assert [pin[0] for pin in pinned(pins)] == ["six"]
    assert len(pins.gaps) == 1


def test_links_pipes_and_files_that_were_not_chosen_are_gaps(read, tmp_path):
    (tmp_path / "real.txt").write_text("idna==3.7\n")
    (tmp_path / "link.txt").symlink_to("real.txt")
    (tmp_path / "away").symlink_to(tmp_path.parent, target_is_directory=True)
    (tmp_path.parent / "outside.txt").write_text("idna==3.7\n")
    os.mkfifo(tmp_path / "pipe.txt")
    pins = read("-r link.txt\n-r pipe.txt\n-r away/outside.txt\n")
    assert (pinned(pins), len(pins.gaps)) == ([], 3)
    assert len(read("-r real.txt\n", allowed=frozenset({"requirements.txt"})).gaps) == 1
    assert len(read("-r real.txt\n", allowed=frozenset({"requirements.txt", "real.txt"})).pins) == 1


@pytest.mark.parametrize("text", [b"six==1.16.0\n\xff", b"\xff\xfes\0i\0"], ids=["not UTF-8", "UTF-16"])
def test_a_file_in_another_encoding_is_a_gap(read, text):
    pins = read(text)
    assert (pinned(pins), len(pins.gaps)) == ([], 1)


def test_a_byte_order_mark_is_passed_over(read):
    assert len(read("\ufeffsix==1.16.0\n").pins) == 1


def test_a_file_that_is_too_large_is_a_gap(read):
    pins = read("#" * (MAX_PIN_FILE_BYTES + 1))
    assert (pinned(pins), len(pins.gaps)) == ([], 1)


def test_two_versions_of_one_package_are_audited_in_two_rounds(read):
    pins = read("six==1.16.0\nidna==3.7\nsix==1.15.0 ; python_version < '3'\nsix==1.16.0\n")
    assert [[(pin.name, pin.version) for pin in group] for group in pins.rounds()] == [
        [("six", "1.16.0"), ("idna", "3.7")],
        [("six", "1.15.0")],
    ]


@given(st.text(max_size=200))
def test_any_text_is_read_and_what_is_pinned_is_a_pin(text):
    for line in requirement_lines(text):
        assert line.number >= 1
        assert bool(line.name) + bool(line.include) + bool(line.text) == 1
        assert not line.name or (line.name.isascii() and is_version(line.version))


PARTS = ["", "v", "1!", "1", "1.0", "a1", "rc", ".post2", "-3", "dev", ".dev4", "+cpu", "+cpu.1", "_", "*", " ", "b-2"]


@given(st.lists(st.sampled_from(PARTS), max_size=5).map("".join))
def test_a_version_is_what_the_reference_reader_takes(text):
    try:
        Version(text)
        known = text == text.strip()
    except InvalidVersion:
        known = False
    assert is_version(text) is known


# Lock files


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [("pylock.toml", PYLOCK, 5), ("pylock.dev.toml", PYLOCK, 5), ("uv.lock", UV, 11), ("poetry.lock", POETRY, 2)],
    ids=["pylock", "named pylock", "uv", "poetry"],
)
def test_lock_files_give_pins_at_their_lines_and_tell_own_packages(read, name, text, line):
    pins = read(text, name=name)
    assert pinned(pins) == [("jinja2", "3.1.2", name, line)]
    assert pins.own == (["sibling"] if name == "poetry.lock" else ["project"])
    assert [gap.what for gap in pins.gaps] == (["unreleased"] if name.startswith("pylock") else [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lock-version = '2.0'\npackages = []",
        "lock-version = '1.0'\npackages = 3",
        "lock-version = '1.0'\npackages = [3]",
        "lock-version = '1.0'\n[[packages]]\nversion = '1'",
        "lock-version = '1.0'\n[[packages]]\nname = 3",
        "not toml",
        "x = " + "[" * 5000,
    ],
    ids=range(8),
)
def test_a_lock_of_another_form_is_a_gap_and_never_empty(read, text):
    pins = read(text, name="pylock.toml")
    assert (pinned(pins), len(pins.gaps)) == ([], 1)
    assert "was not read" in str(pins.gaps[0])


@pytest.mark.parametrize(
    "source", ["3", "['x']", "{type = ['directory']}", "{git = 'https://example.org'}"], ids=range(4)
)
def test_an_odd_source_does_not_make_a_package_ones_own(read, source):
    assert len(read(f"[[package]]\nname = 'a'\nversion = '1'\nsource = {source}\n", name="uv.lock").pins) == 1


def test_a_name_without_a_line_of_its_own_is_kept_without_a_line(read):
    pins = read("lock-version = '1.0'\npackages = [{name = 'six', version = '1.16.0'}]\n", name="pylock.toml")
    assert pinned(pins) == [("six", "1.16.0", "pylock.toml", 0)]


def test_lock_files_go_before_requirements_files():
    there = ["requirements/dev.txt", "requirements.txt", "docs/requirements.txt", "setup.py", "requirements.in"]
    assert pin_files(there) == ["requirements.txt", "requirements/dev.txt"]
    assert pin_files([*there, "poetry.lock", "pylock.ci.toml"]) == ["poetry.lock", "pylock.ci.toml"]
    assert pin_files(["pyproject.toml", "sub/uv.lock"]) == []
