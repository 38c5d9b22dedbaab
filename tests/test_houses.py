# SPDX-License-Identifier: Apache-2.0
"""Promises about the house itself: what an import costs, how large a room is, and that every door opens."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from fixtures.heavy import HEAVY

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SCENARIO_MODULE = """
from ophamin import rate, scenario

@scenario("few are wrong", rate("wrong") <= 0.1, corpus="sentences", substrate="mock", pillars=["O.spc"])
def test_answers(substrate, stream):
    '''Are the answers good?'''
"""


def loaded_by(program):
    """The packages that a fresh interpreter has loaded after a program."""
    program += "\nimport sys\nprint(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT / "src", timeout=120
    )
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "program",
    ["import ophamin", SCENARIO_MODULE, "import ophamin.errors", "import ophamin.protocols", "import qmpt"],
    ids=["ophamin", "a module with a scenario", "errors", "protocols", "qmpt"],
)
def test_nothing_beyond_the_standard_library_is_loaded_until_something_runs(program):
    packages = loaded_by(program)
    assert packages & HEAVY == set()
    assert {name for name in packages if not name.startswith("_")} - set(sys.stdlib_module_names) <= {
        "ophamin",
        "qmpt",
        "sitecustomize",
        "usercustomize",
    } | site_hooks()


def site_hooks():
    """What this interpreter loads by itself at its start, through .pth files."""
    return loaded_by("")


def test_the_entry_of_the_plugin_loads_nothing_but_pytest_and_the_standard_library():
    before = loaded_by("import pytest")
    assert loaded_by("import pytest\nimport ophamin.plugin.entry") - before - set(sys.stdlib_module_names) == {
        "ophamin"
    }


def test_a_trial_loads_no_heavy_statistics():
    packages = loaded_by("import ophamin.measuring.trial, ophamin.measuring.conduct, ophamin.measuring.scenarios.base")
    assert (
        packages & {"scipy", "statsmodels", "sklearn", "jsonschema", "pandas", "numpy", "rich", "typer", "jinja2"}
        == set()
    )


def test_conducting_a_scenario_loads_no_heavy_statistics():
    packages = loaded_by(
        """
from ophamin import conduct, mean, scenario

@scenario("high enough", mean("x", bounds=(0, 1)) >= 0.5)
def test_it(trial):
    '''Is it high?'''
    for _ in range(40):
        trial.observe(x=0.75)

assert conduct(test_it).verdict.outcome == "VALIDATED"
"""
    )
    assert packages & {"scipy", "statsmodels", "sklearn", "jsonschema", "pandas", "numpy"} == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_module_has_at_most_400_lines_a_licence_line_and_a_docstring(path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= 400
    assert lines[0] == "# SPDX-License-Identifier: Apache-2.0"
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize(
    "path",
    sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "fixtures").rglob("*.py"), ROOT / "conftest.py"]),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_file_of_the_tests_names_its_licence(path):
    assert path.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: Apache-2.0\n")


ENTRY_POINTS = [
    EntryPoint(name, value, group)
    for group, points in PROJECT["entry-points"].items()
    for name, value in points.items()
] + [EntryPoint(name, value, "console_scripts") for name, value in PROJECT["scripts"].items()]


@pytest.mark.parametrize("point", ENTRY_POINTS, ids=lambda point: f"{point.group}:{point.name}")
def test_every_entry_point_opens(point):
    assert point.load() is not None


@pytest.mark.parametrize(
    ("group", "kind"),
    [("ophamin.substrates", "SUBSTRATES"), ("ophamin.corpora", "CORPORA"), ("ophamin.pillars", "PILLARS")],
)
def test_every_plug_in_that_is_offered_satisfies_its_protocol(group, kind):
    from ophamin import registry

    plugins = getattr(registry, kind)
    for name in PROJECT["entry-points"].get(group, {}):
        assert plugins.get(name) is not None


def test_the_version_is_said_once():
    import ophamin
    from ophamin.core.environment import ophamin_version

    assert ophamin.__version__ == PROJECT["version"] == ophamin_version()


def test_every_public_name_is_there():
    import ophamin

    assert all(getattr(ophamin, name) is not None for name in ophamin.__all__)
    assert set(ophamin.__all__) <= set(dir(ophamin))


def test_a_name_that_is_not_there_says_so():
    import ophamin

    with pytest.raises(AttributeError, match="no attribute 'scenarios'"):
        _ = ophamin.scenarios
