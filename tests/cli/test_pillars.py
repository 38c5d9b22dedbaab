# SPDX-License-Identifier: Apache-2.0
"""``ophamin pillar list`` and ``show``."""

import json

from typer.testing import CliRunner

from ophamin.cli.app import app
from ophamin.measuring.pillars._adapters import ADAPTERS


def run(*arguments):
    return CliRunner().invoke(app, ["pillar", *arguments])


def test_every_pillar_is_listed_with_library_and_version():
    result = run("list", "--json")
    assert result.exit_code == 0
    found = {one["name"]: one for one in json.loads(result.stdout)}
    assert set(ADAPTERS) <= set(found)
    assert all(one["library"] and one["version"] and one["computes"] for one in found.values())


def test_into_a_pipe_goes_one_line_for_each():
    lines = run("list").stdout.splitlines()
    assert len(lines) >= len(ADAPTERS)
    assert all(line.count("\t") == 3 for line in lines)


def test_a_pillar_is_shown_with_what_it_computes():
    result = run("show", "O.spc")
    assert "numpy" in result.stdout
    assert "control chart" in result.stdout.lower()


def test_an_unknown_pillar_is_answered_with_the_nearest():
    result = run("show", "O.spcc")
    assert result.exit_code == 2
    assert "O.spc" in result.output
