# SPDX-License-Identifier: Apache-2.0
"""Finds the scenarios of a project by reading its source; nothing of the project is imported or run.

Seen are functions under ``@scenario(...)`` and assignments of ``as_test(Class)``, at the level of a module or inside
its classes. What only comes to be at run time, such as a decorator kept in a variable, is not seen.
"""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Final

from ophamin.cli.source import Source

__all__ = ["Findings", "FoundScenario", "UnreadableSource", "find_scenarios", "scenarios_in", "source_files"]

MAX_BYTES: Final = 4 * 2**20
SKIPPED: Final = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}", "__pycache__")
"""Folders that pytest does not look into either."""


@dataclass(frozen=True, slots=True)
class FoundScenario:
    """One scenario as its source declares it.

    Attributes:
        name: the path of the test below the root in dots, or what it is called by ``name=``.
        tier: the tier's name; None where it depends on what runs.
        statement: the claim; None where it depends on parameters or on what runs.
        expectations: source of each expectation.
        path: the file.
        line: where the function or assignment begins, from 1.
        form: ``function``, or ``class`` for ``as_test``.
    """

    name: str
    tier: str | None
    statement: str | None
    expectations: tuple[str, ...]
    path: Path
    line: int
    form: str = "function"


@dataclass(frozen=True, slots=True)
class UnreadableSource:
    """A file that is no Python that can be read: where, and why."""

    path: Path
    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, in the order of files and lines."""

    scenarios: tuple[FoundScenario, ...]
    unreadable: tuple[UnreadableSource, ...]


def find_scenarios(paths: Iterable[Path], *, root: Path, patterns: Sequence[str]) -> Findings:
    """The scenarios in files and folders.

    Args:
        paths: files, taken whatever they are called, and folders, searched for test files; absolute.
        root: the folder that names begin from; absolute.
        patterns: names of test files, such as ``test_*.py``.
    """
    scenarios: list[FoundScenario] = []
    unreadable: list[UnreadableSource] = []
    files = dict.fromkeys(file for path in paths for file in source_files(path, patterns))
    for file in files:
        try:
            scenarios += scenarios_in(_read(file), path=file, root=root)
        except SyntaxError as error:
            unreadable.append(UnreadableSource(file, error.lineno or 1, error.msg))
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            problem = getattr(error, "strerror", None) or str(error) or "nested too deeply"
            unreadable.append(UnreadableSource(file, 1, problem))
    return Findings(tuple(scenarios), tuple(unreadable))


def source_files(path: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """The test files of a folder in the order of their names, or the file itself; links to folders are not followed."""
    if path.is_file():
        yield path
        return
    for folder, folders, files in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not _is_skipped(here / name))
        for name in sorted(files):
            file = here / name
            if name.endswith(".py") and _matches(file, patterns) and file.is_file():
                yield file


def scenarios_in(source: bytes, *, path: Path, root: Path) -> list[FoundScenario]:
    r"""The scenarios that a file declares.

    Args:
        source: the bytes of the file.
        path: where it lies.
        root: the folder that names begin from.

    Raises:
        SyntaxError: the bytes are no Python of this version.
        ValueError: a NUL, or a number too long to show.
        RecursionError: nested too deeply; MemoryError likewise.

    Example:
        >>> text = b"import ophamin\n@ophamin.scenario('few fail', rate('failed') <= 0.1)\ndef test_it(): ..."
        >>> [found] = scenarios_in(text, path=Path("/p/tests/test_a.py"), root=Path("/p"))
        >>> found.name, found.tier, found.expectations
        ('tests.test_a.test_it', 'scientific', ("rate('failed') <= 0.1",))
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the compiler thinks of a foreign file is not asked here
        tree = ast.parse(source, filename=str(path))
    module = Source(tree)
    prefix = ".".join(_relative(path, root).with_suffix("").parts)
    return list(_in_body(tree.body, prefix, module, path))


def _in_body(body: Sequence[ast.stmt], prefix: str, module: Source, path: Path) -> Iterator[FoundScenario]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _in_body(node.body, f"{prefix}.{node.name}", module, path)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _function(node, prefix, module, path)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from _assigned(node, prefix, module, path)
        else:
            yield from _in_body([*_statements(node)], prefix, module, path)


def _statements(node: ast.stmt) -> Iterator[ast.stmt]:
    """The statements below an ``if``, ``try``, ``with`` or loop."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from child.body


def _function(
    node: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str, module: Source, path: Path
) -> Iterator[FoundScenario]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and module.calls(decorator, "scenario"):
            given = {keyword.arg: keyword.value for keyword in decorator.keywords if keyword.arg}
            claim = decorator.args[0] if decorator.args else given.get("statement")
            yield FoundScenario(
                name=module.text(given.get("name")) or f"{prefix}.{node.name}",
                tier=module.tier(given["tier"]) if "tier" in given else "scientific",
                statement=module.text(claim),
                expectations=tuple(ast.unparse(bound) for bound in decorator.args[1:]),
                path=path,
                line=node.lineno,
            )


def _assigned(node: ast.Assign | ast.AnnAssign, prefix: str, module: Source, path: Path) -> Iterator[FoundScenario]:
    call = node.value
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    if not names or not isinstance(call, ast.Call) or not module.calls(call, "as_test"):
        return
    arguments = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "cls")]
    declared = module.scenario_class(arguments[0]) if arguments else None
    for name in names:
        yield FoundScenario(
            name=(declared and declared.name) or f"{prefix}.{name}",
            tier=declared.tier if declared else None,
            statement=declared.statement if declared else None,
            expectations=declared.expectations if declared else (),
            path=path,
            line=node.lineno,
            form="class",
        )


def _read(file: Path) -> bytes:
    with file.open("rb") as handle:
        data = handle.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes, which no test file should be; not read")
    return data


def _matches(file: Path, patterns: Sequence[str]) -> bool:
    """As pytest matches: a pattern with a slash is held against the end of the whole path, another against the name."""
    return any(fnmatch(str(file), f"*/{one}") if "/" in one else fnmatch(file.name, one) for one in patterns)


def _is_skipped(folder: Path) -> bool:
    return any(fnmatch(folder.name, pattern) for pattern in SKIPPED) or (folder / "pyvenv.cfg").is_file()


def _relative(path: Path, root: Path) -> PurePath:
    """The path below the root; one that lies elsewhere keeps its name alone."""
    return path.relative_to(root) if path.is_relative_to(root) else PurePath(path.name)
