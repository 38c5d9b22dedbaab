# SPDX-License-Identifier: Apache-2.0
"""Configuration of tools in the tree: what it says counts, how it is laid out does not."""

from __future__ import annotations

import os

import pytest

from ophamin.auditing.ratchet_config import MAX_CONFIG_BYTES, config_changes, config_digests


def digests(root, **files):
    for name, content in files.items():
        path = root / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return config_digests(root)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("pyproject__toml", "[tool.ruff]\na = 1\n", "# why\n[tool.ruff]\na=1 # because\n[project]\nname = 'x'\n"),
        ("ruff__toml", "a = 1\nb = [1, 2]\n", "b = [\n 1,\n 2, # two\n]\n\na = 1\n"),
        ("mypy__ini", "[mypy]\nstrict = true\n", "# why\n[mypy]\nstrict=true\n"),
        ("setup__cfg", "[mypy]\nstrict = true\n", "[metadata]\nname = x\n[mypy]\nstrict = true\n"),
    ],
)
def test_comments_layout_and_other_tables_do_not_count(tmp_path, name, one, other):
    before = digests(tmp_path, **{name: one})
    assert before
    assert digests(tmp_path, **{name: other}) == before


@pytest.mark.parametrize("content", ["tool = 1", "[project]\nname = 'x'", "[tool]\nother = 1"])
def test_a_project_that_says_nothing_of_a_tool_has_no_configuration(tmp_path, content):
    assert digests(tmp_path, pyproject__toml=content, setup__cfg="[metadata]\nname = x\n") == {}


@pytest.mark.parametrize("name", ["pyproject__toml", "ruff__toml", "mypy__ini", "setup__cfg", "__bandit"])
@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = [", b"= =\n[", b"[" * 5000, b"x" * (MAX_CONFIG_BYTES + 1)])
def test_a_file_that_cannot_be_parsed_has_a_digest_all_the_same(tmp_path, name, content):
    found = digests(tmp_path, **{name: content})
    assert list(found) == [name.replace("__", ".")]
    assert config_changes({}, found)[0].how == "added"


@pytest.mark.parametrize("value", ["2027-03-31", "nan", "inf", "9007199254740993", "07:32:00"])
def test_values_that_json_does_not_know_have_a_digest(tmp_path, value):
    one = digests(tmp_path, ruff__toml=f"a = {value}")
    assert one == digests(tmp_path, ruff__toml=f"a = {value} # same")
    assert one != digests(tmp_path, ruff__toml="a = 1")


def test_files_below_the_top_are_looked_at_where_they_are_listed(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "mypy.ini").write_text("[mypy]\nstrict = true\n")
    assert config_digests(tmp_path) == {}
    assert list(config_digests(tmp_path, ["pkg/mypy.ini", "pkg/a.py", "gone/ruff.toml"])) == ["pkg/mypy.ini"]


@pytest.mark.skipif(os.name != "posix", reason="links and pipes as POSIX has them")
def test_a_link_or_a_pipe_is_told_and_not_read(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (tmp_path / "outside.toml").write_text("a = 1")
    (root / "ruff.toml").symlink_to(tmp_path / "outside.toml")
    os.mkfifo(root / "mypy.ini")
    before = config_digests(root)
    assert list(before) == ["mypy.ini", "ruff.toml"]
    (tmp_path / "outside.toml").write_text("a = 2")
    assert config_digests(root) == before
