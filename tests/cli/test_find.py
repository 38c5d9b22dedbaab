# SPDX-License-Identifier: Apache-2.0
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.cli.find import find_scenarios, scenarios_in

PATTERNS = ("test_*.py", "*_test.py")
PLAIN = "from ophamin import rate, scenario\n@scenario('few fail', rate('failed') <= 0.1)\ndef test_it(): ...\n"


def found(text, path="/p/tests/test_a.py"):
    source = text if isinstance(text, bytes) else text.encode()
    return scenarios_in(source, path=Path(path), root=Path("/p"))


def names(text):
    return [one.name for one in found(text)]


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def test_a_scenario_is_named_by_its_path_in_dots():
    (one,) = found(PLAIN, "/p/tests/deep/test_a.py")
    assert (one.name, one.line, one.form) == ("tests.deep.test_a.test_it", 3, "function")
    assert (one.tier, one.statement, one.expectations) == ("scientific", "few fail", ("rate('failed') <= 0.1",))


@pytest.mark.parametrize(
    "decorator",
    [
        "from ophamin import scenario as claims\n@claims('s', x)",
        "import ophamin\n@ophamin.scenario('s', x)",
        "import ophamin as o\n@o.scenario('s', x)",
        "import ophamin.measuring.scenarios.functions as f\n@f.scenario('s', x)",
        "import ophamin.measuring.scenarios.functions\n@ophamin.measuring.scenarios.functions.scenario('s', x)",
        "from ophamin import *\n@scenario('s', x <= 1)",
        "from .helpers import scenario\n@scenario('s', rate('x') <= 1)",
        "from functools import partial\nscenario = partial(o, tier='t')\n@scenario('s', lambda p: rate(p) <= 1)",
        "from helpers import scenario\n@scenario('s', mean('x').between(0, 1))",
    ],
)
def test_the_decorator_is_known_under_each_of_its_names(decorator):
    assert names(f"{decorator}\ndef test_it(): ...") == ["tests.test_a.test_it"]


@pytest.mark.parametrize(
    "decorator",
    [
        "from pytest_bdd import scenario\n@scenario('publish.feature', 'Publishing')",
        "import other\n@other.scenario('s')",
        "from ophamin import scenario\n@scenario",
        "from ophamin import rate\n@rate('s')",
        "import pytest\n@pytest.mark.parametrize('scenario', [1 <= 2])",
    ],
)
def test_other_decorators_are_no_scenarios(decorator):
    assert names(f"{decorator}\ndef test_it(): ...") == []


def test_scenarios_lie_in_classes_and_below_conditions_but_not_in_functions():
    inner = "@scenario('s', rate('x') <= 1)\n"
    text = (
        "from ophamin import scenario, rate\n"
        f"class TestA:\n class TestB:\n  {inner}  async def test_1(self): ...\n"
        f"if True:\n {inner} def test_2(): ...\n"
        f"try:\n pass\nexcept ValueError:\n {inner} def test_3(): ...\n"
        f"with x:\n {inner} def test_4(): ...\n"
        f"match x:\n case 1:\n  {inner}  def test_5(): ...\n"
        f"def outer():\n {inner} def test_6(): ...\n"
    )
    assert names(text) == [
        f"tests.test_a.{name}" for name in ("TestA.TestB.test_1", "test_2", "test_3", "test_4", "test_5")
    ]


@pytest.mark.parametrize(
    ("arguments", "name", "tier", "statement"),
    [
        ("'s', x, name='mine', tier='engineering'", "mine", "engineering", "s"),
        ("statement='s', tier=Tier.EMPIRICAL_DEEP", "tests.test_a.test_it", "empirical_deep", "s"),
        ("WORDS, x, tier=KIND", "tests.test_a.test_it", "philosophical", "constant words"),
        ("'a ' + \"b \" 'c'", "tests.test_a.test_it", "scientific", "a b c"),
        ("lambda dose: f'{dose}', x", "tests.test_a.test_it", "scientific", None),
        ("f'at {LIMIT}', x, tier=choose()", "tests.test_a.test_it", None, None),
        ("*both, **more", "tests.test_a.test_it", "scientific", None),
        ("", "tests.test_a.test_it", "scientific", None),
    ],
)
def test_what_is_constant_is_shown_and_the_rest_is_left_open(arguments, name, tier, statement):
    head = "from ophamin import scenario\nWORDS = 'constant words'\nKIND: str = 'philosophical'\n"
    (one,) = found(f"{head}@scenario({arguments})\ndef test_it(): ...")
    assert (one.name, one.tier, one.statement) == (name, tier, statement)


def test_a_constant_that_is_set_anew_to_something_else_is_not_trusted():
    (one,) = found("from ophamin import scenario\nW = 'a'\nW = make()\n@scenario(W, x)\ndef test_it(): ...")
    assert one.statement is None


def test_each_expectation_is_shown_as_source():
    (one,) = found(
        "import ophamin\n@ophamin.scenario('s', rate('x') <= 0.10, lambda d: mean(d) > 1, *more)\ndef t(): ..."
    )
    assert one.expectations == ("rate('x') <= 0.1", "lambda d: mean(d) > 1", "*more")


def test_a_class_made_into_a_test_is_shown_with_what_the_class_declares():
    text = (
        "from ophamin import as_test\n"
        "class Siege(Scenario):\n"
        " name = 'immune-siege'\n tier = Tier.ENGINEERING\n"
        " def build_claim(self): return Claim('few are blocked', 'op', Threshold('blocked', '<=', 0.1), 'h0', 'h1')\n"
        "test_siege = as_test(Siege)\n"
        "test_other: object = as_test(imported.Other, n_cycles=3)\n"
        "test_third = make(Siege)\n"
    )
    siege, other = found(text)
    assert (siege.name, siege.tier, siege.statement) == ("immune-siege", "engineering", "few are blocked")
    assert siege.expectations == ("Threshold('blocked', '<=', 0.1)",)
    assert (siege.form, siege.line, siege.path.name) == ("class", 6, "test_a.py")
    assert (other.name, other.tier, other.statement, other.expectations) == ("tests.test_a.test_other", None, None, ())


def test_a_claim_made_by_the_function_is_read_too():
    (one,) = found(
        "from ophamin import as_test, claim\n"
        "class A:\n name = 'a'\n def build_claim(self):\n  return claim('s', expectation=rate('x') <= 1)\n"
        "test_a = as_test(A)\n"
    )
    assert (one.statement, one.expectations) == ("s", ("rate('x') <= 1",))


def test_reading_runs_and_imports_nothing(tmp_path):
    write(
        tmp_path,
        {"test_a.py": f"import pathlib\npathlib.Path({str(tmp_path)!r}, 'ran').touch()\nimport nowhere\n{PLAIN}"},
    )
    before = set(sys.modules)
    findings = find_scenarios([tmp_path], root=tmp_path, patterns=PATTERNS)
    assert [one.name for one in findings.scenarios] == ["test_a.test_it"]
    assert not (tmp_path / "ran").exists()
    assert "test_a" not in set(sys.modules) - before


def test_only_test_files_of_a_folder_are_read_and_a_file_that_is_named_always(tmp_path):
    write(tmp_path, dict.fromkeys(("test_a.py", "b_test.py", "sub/test_c.py", "helper.py", "test_d.txt"), PLAIN))
    below = find_scenarios([tmp_path], root=tmp_path, patterns=PATTERNS)
    assert [one.name for one in below.scenarios] == ["b_test.test_it", "test_a.test_it", "sub.test_c.test_it"]
    named = find_scenarios([tmp_path / "helper.py"], root=tmp_path, patterns=PATTERNS)
    assert [one.name for one in named.scenarios] == ["helper.test_it"]


def test_a_pattern_with_a_slash_is_held_against_the_path(tmp_path):
    write(tmp_path, dict.fromkeys(("checks/a.py", "other/a.py"), PLAIN))
    findings = find_scenarios([tmp_path], root=tmp_path, patterns=("checks/*.py",))
    assert [one.name for one in findings.scenarios] == ["checks.a.test_it"]


def test_a_file_reached_by_two_paths_is_listed_once(tmp_path):
    write(tmp_path, {"sub/test_a.py": PLAIN})
    findings = find_scenarios([tmp_path, tmp_path / "sub"], root=tmp_path, patterns=PATTERNS)
    assert len(findings.scenarios) == 1


def test_folders_that_pytest_skips_are_skipped(tmp_path):
    skipped = (".hidden", "node_modules", "build", "dist", "a.egg", "__pycache__", "my_env")
    write(
        tmp_path, {**{f"{name}/test_a.py": PLAIN for name in skipped}, "my_env/pyvenv.cfg": "", "ok/test_a.py": PLAIN}
    )
    findings = find_scenarios([tmp_path], root=tmp_path, patterns=PATTERNS)
    assert [one.name for one in findings.scenarios] == ["ok.test_a.test_it"]


def test_a_link_to_a_folder_is_not_followed(tmp_path):
    write(tmp_path, {"outside/test_b.py": PLAIN, "root/test_a.py": PLAIN})
    (tmp_path / "root/away").symlink_to(tmp_path / "outside", target_is_directory=True)
    (tmp_path / "root/loop").symlink_to(tmp_path / "root", target_is_directory=True)
    findings = find_scenarios([tmp_path / "root"], root=tmp_path / "root", patterns=PATTERNS)
    assert [one.name for one in findings.scenarios] == ["test_a.test_it"]


HOSTILE = {
    "a syntax error": (b"x = 1\ndef test(:\n", 2),
    "a NUL": (b"x = 1\0\n", 1),
    "an unknown encoding": (b"# coding: nowhere\nx = 1\n", 1),
    "bytes that are no UTF-8": (b"x = '\xff'\n", 1),
    "deep brackets": (b"x = " + b"[" * 20_000, 1),
    "a long sum": (b"x = " + b"+".join([b"'a'"] * 50_000), 1),
    "deep minus signs": (b"x = " + b"-" * 50_000 + b"1", 1),
    "a number too long to show": (
        b"from ophamin import scenario\n@scenario('s', 0x" + b"f" * 20_000 + b" < x)\ndef t(): ...",
        1,
    ),
    "a huge file": (b"#" * (4 * 2**20 + 1), 1),
    "merge marks": (b"<<<<<<< HEAD\nx = 1\n=======\n", 1),
    "a tab mix": (b"if x:\n        a = 1\n\tb = 2\n", 3),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_is_no_python_is_named_and_the_others_are_read(tmp_path, kind):
    source, line = HOSTILE[kind]
    write(tmp_path, {"test_bad.py": source, "test_good.py": PLAIN})
    findings = find_scenarios([tmp_path], root=tmp_path, patterns=PATTERNS)
    assert [one.name for one in findings.scenarios] == ["test_good.test_it"]
    (bad,) = findings.unreadable
    assert bad.path.name == "test_bad.py"
    assert bad.line == line
    assert bad.problem


def test_a_file_with_invalid_escapes_is_read_without_a_warning(tmp_path):
    write(tmp_path, {"test_a.py": f"pattern = '\\d'\nassert (1, 'x')\n{PLAIN}"})
    assert len(find_scenarios([tmp_path], root=tmp_path, patterns=PATTERNS).scenarios) == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    with suppress(SyntaxError, ValueError):
        assert isinstance(found(data), list)


@given(st.text(), st.sampled_from(["scientific", "engineering"]))
def test_a_constant_statement_comes_out_as_it_is(statement, tier):
    text = f"from ophamin import scenario\n@scenario({statement!a}, x, tier={tier!r})\ndef test_it(): ..."
    (one,) = found(text)
    assert (one.statement, one.tier) == (statement, tier)
