# SPDX-License-Identifier: Apache-2.0
import pytest

from ophamin.settings import SettingsError, project_root, records_folder, search_paths, search_patterns

PYTEST_TABLE = "[tool.pytest.ini_options]\nophamin_dir = 'out'\ntestpaths = ['checks']\npython_files = ['check_*.py']\n"
LAYOUTS = {
    "nothing": {},
    "pytest.ini above": {"pytest.ini": "[pytest]\nophamin_dir = out\n"},
    "an empty pytest.ini configures": {"pytest.ini": "", "pyproject.toml": PYTEST_TABLE},
    "the hidden pytest.ini": {".pytest.ini": "[pytest]\nophamin_dir = out\n"},
    "pyproject.toml": {"pyproject.toml": PYTEST_TABLE},
    "a nearer pyproject.toml without pytest": {"pyproject.toml": PYTEST_TABLE, "sub/pyproject.toml": "[project]\n"},
    "a nearer pyproject.toml of pytest": {"pyproject.toml": "[project]\n", "sub/pyproject.toml": PYTEST_TABLE},
    "only pyproject.toml without pytest": {"pyproject.toml": "[project]\nname = 'a'\n"},
    "tox.ini": {"tox.ini": "[tox]\nenvlist = py\n[pytest]\nophamin_dir = out\ntestpaths = checks more\n"},
    "tox.ini without pytest": {"pytest.ini": "[pytest]\nophamin_dir = out\n", "sub/tox.ini": "[tox]\n"},
    "setup.cfg": {"setup.cfg": "[metadata]\nname = a\n[tool:pytest]\nophamin_dir = out\n"},
    "setup.cfg without pytest": {"pytest.ini": "[pytest]\nophamin_dir = out\n", "sub/setup.cfg": "[metadata]\n"},
    "setup.py": {"setup.py": ""},
    "the first file wins": {
        "pytest.ini": "[pytest]\nophamin_dir = first\n",
        "tox.ini": "[pytest]\nophamin_dir = second\n",
    },
    "a section called DEFAULT": {"pytest.ini": "[DEFAULT]\nophamin_dir = wrong\n[pytest]\ntestpaths = checks\n"},
    "percent signs": {"pytest.ini": "[pytest]\nophamin_dir = 100%(x)s\n"},
    "quoted paths": {"pytest.ini": "[pytest]\ntestpaths = 'two words' checks\npython_files = a_*.py b_*.py\n"},
    "the new tables": {"pyproject.toml": "[tool.pytest]\nophamin_dir = 'out'\ntestpaths = ['checks']\n"},
    "pytest.toml": {"pytest.toml": "[pytest]\nophamin_dir = 'out'\n"},
    "an empty pytest.toml configures": {"pytest.toml": "", "pyproject.toml": PYTEST_TABLE},
}


def lay_out(root, files):
    for name in ("sub/deep", "checks", "two words", "more"):
        (root / name).mkdir(parents=True)
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("start", [".", "sub", "sub/deep"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_root_and_values_are_those_that_pytest_itself_finds(pytester, monkeypatch, layout, start):
    files = LAYOUTS[layout]
    if pytest.version_tuple < (9,) and ("pytest.toml" in files or "[tool.pytest]\n" in files.get("pyproject.toml", "")):
        pytest.skip("pytest 8 does not read these")
    lay_out(pytester.path, files)
    monkeypatch.chdir(pytester.path / start)
    config = pytester.parseconfig()
    root = project_root(pytester.path / start)
    assert root == config.rootpath
    assert records_folder(root) == config.rootpath / config.getini("ophamin_dir")
    assert search_patterns(root) == tuple(config.getini("python_files") or ("test_*.py", "*_test.py"))
    assert search_paths(root) == tuple(root / one for one in config.getini("testpaths") if (root / one).exists())


def test_testpaths_may_be_patterns(tmp_path):
    lay_out(tmp_path, {"pytest.ini": "[pytest]\ntestpaths = sub/* m*e nowhere\n"})
    assert search_paths(tmp_path) == (tmp_path / "sub/deep", tmp_path / "more")


def test_testpaths_may_lie_outside_the_root(tmp_path):
    lay_out(tmp_path, {"sub/pytest.ini": "[pytest]\ntestpaths = ../checks\n"})
    (found,) = search_paths(tmp_path / "sub")
    assert found.resolve() == tmp_path / "checks"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.pytest"),
        ("pyproject.toml", "a = 1\na = 2\n"),
        ("pytest.ini", "no section\n"),
        ("pytest.ini", "[pytest]\nophamin_dir = a\nophamin_dir = b\n"),
        ("pytest.ini", b"[pytest]\nophamin_dir = \xff\n"),
        ("pyproject.toml", b"\xff"),
        ("pyproject.toml", "x = " + "[" * 5000 + "]" * 5000),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, text):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    for read in (project_root, records_folder, search_paths):
        with pytest.raises(SettingsError, match=re_name(name) + ".*mend it"):
            read(tmp_path)


@pytest.mark.parametrize("text", ["tool = 3\n", "[tool]\npytest = 'x'\n", "[tool.pytest]\nini_options = 7\n"])
def test_another_thing_in_the_place_of_a_table_configures_nothing(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    assert records_folder(tmp_path) == tmp_path / "proofs/latest"


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("ophamin_dir = ['a', 'b']", records_folder),
        ("testpaths = 3", search_paths),
        ("testpaths = [1, 2]", search_paths),
        ('python_files = "\'open"', search_patterns),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_by_its_name(tmp_path, line, read):
    (tmp_path / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{line}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=line.partition(" ")[0]):
        read(tmp_path)


def re_name(name):
    return name.replace(".", r"\.")
