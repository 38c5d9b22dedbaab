# SPDX-License-Identifier: Apache-2.0
import importlib.util
import itertools

import pytest

from ophamin.core.source import source_digest

BASE = '''
def mark(function):
    return function

@mark
def test_it(stream):
    """What it is for."""
    total = 0
    for record in stream:
        total += 1
    return total
'''

counter = itertools.count()


@pytest.fixture
def digest(tmp_path):
    def of(source):
        path = tmp_path / f"module_{next(counter)}.py"
        path.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return source_digest(module.test_it)

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    total = 0\n", "    total = 0  # a comment\n"),
        ("    total = 0\n", "\n    # a comment\n\n    total = 0\n"),
        ('    """What it is for."""\n', ""),
        ('"""What it is for."""', '"""Something else\n\n    entirely."""'),
        ("total += 1", "total  +=  1"),
        ("        total += 1", "            total += 1"),
        ("@mark\ndef", "@mark\n# why\ndef"),
    ],
)
def test_comments_docstrings_and_layout_change_nothing(digest, old, new):
    assert old in BASE
    assert digest(BASE.replace(old, new)) == digest(BASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("total += 1", "total += 2"),
        ("@mark\n", ""),
        ("test_it(stream)", "test_it(stream, x=1)"),
        ("        total += 1\n    return total", "        total += 1\n        return total"),
        ("@mark\n", "@mark\n@mark\n"),
    ],
)
def test_any_other_change_is_seen(digest, old, new):
    assert old in BASE
    assert digest(BASE.replace(old, new)) != digest(BASE)


def test_functions_of_one_file_are_told_apart(digest):
    other = BASE + "\ndef later(stream):\n    return 5\n"
    assert digest(other) == digest(BASE)


def test_a_function_without_readable_source_has_an_empty_digest():
    namespace = {}
    exec("def test_it(): pass", namespace)
    assert source_digest(namespace["test_it"]) == ""
    assert source_digest(len) == ""
