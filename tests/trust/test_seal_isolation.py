# SPDX-License-Identifier: Apache-2.0
"""What signs loads nothing of the project: the check of the module path."""

import os
import sys
from pathlib import Path

import pytest

import ophamin
from ophamin.trust.seal_isolation import ProjectCodeError, project_entries, require_isolation


@pytest.fixture
def project(tmp_path):
    for name in ("src", ".venv/lib", "elsewhere"):
        (tmp_path / "shop" / name).mkdir(parents=True)
    return tmp_path / "shop"


@pytest.mark.parametrize("entry", [".", "src", ".venv/lib", "no-such-folder"])
def test_a_folder_of_the_project_is_named(project, entry):
    path = [sys.prefix, str(project / entry), str(project.parent)]
    assert project_entries(project, path) == [str(project / entry)]


def test_the_empty_entry_is_the_current_folder(project, monkeypatch):
    monkeypatch.chdir(project / "src")
    assert project_entries(project, [""]) == [""]
    monkeypatch.chdir(project.parent)
    assert project_entries(project, [""]) == []


def test_a_link_to_the_project_is_seen_through(project, tmp_path):
    (tmp_path / "link").symlink_to(project)
    assert project_entries(project, [str(tmp_path / "link" / "src")]) == [str(tmp_path / "link" / "src")]
    assert project_entries(tmp_path / "link", [str(project / "src")]) == [str(project / "src")]


def test_an_interpreter_that_lies_in_the_project_is_no_part_of_it(project, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(project / ".venv"))
    assert project_entries(project, [str(project / ".venv" / "lib"), str(project / "src")]) == [str(project / "src")]


def test_a_project_that_lies_below_the_interpreter_is_still_the_project(project, monkeypatch):
    monkeypatch.setattr(sys, "base_prefix", str(project.parent))
    assert project_entries(project, [str(project)]) == [str(project)]


def test_the_place_of_ophamin_itself_is_taken():
    own = Path(ophamin.__file__).parents[1]
    assert project_entries(own.parent, [str(own)]) == []


def test_the_refusal_names_the_folder_and_the_way_out(project, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, os.fspath(project / "src")])
    with pytest.raises(ProjectCodeError, match=r"src is on the module path.*unset PYTHONPATH"):
        require_isolation(project.parent / "other", project)
