# SPDX-License-Identifier: Apache-2.0
"""P13: how often a baseline calls an old finding new, or a new one old, from commit to commit.

Each commit is audited against the baseline of the one before, by ours, by bandit's own ``-b`` and by mypy-baseline.
What is really new is known by the lines, see `audit_history`. They are counted by rule and file.

The commits are made here from an installed package, with a fixed seed: insertions, faults, copies, edits, moves,
deletions, renames. With a folder as the argument they are those of a repository, and a line that is replaced is the
same one where two thirds of its letters are. Both peers are looked for beside this interpreter and on PATH.
``--without-mypy`` leaves out what takes longest; ``--quick`` takes every fourth file of the package.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from audit import copied_package
from audit_history import COMMITS, EDITS, Author, Place, Tree, follow, repository_commits

from ophamin.auditing.base import AuditOptions
from ophamin.auditing.baseline_update import make_baseline
from ophamin.auditing.binaries import find_binary
from ophamin.auditing.pillars.bandit import BanditPillar
from ophamin.auditing.pillars.mypy import MypyPillar
from ophamin.auditing.pillars.ruff import RuffPillar
from ophamin.auditing.ratchet import compare_to_baseline

MYPY_LINE = re.compile(r"(?P<path>[^:\n]+):(?P<line>\d+):.*?(?:error|note): .*?(?:\[(?P<rule>[\w-]+)\])?\s*$")


class Ours:
    """One of our auditors and the ratchet."""

    def __init__(self, pillar, tree: Tree, cache: Path) -> None:
        self.name = f"ophamin, {pillar.name}"
        self._pillar, self._tree = pillar, tree
        self._options = AuditOptions(cache_dir=cache)

    def look(self) -> None:
        self._result = self._pillar.run(self._tree.root, options=self._options)

    def found(self) -> list[Place]:
        return [(one.path, one.line, one.rule_id) for one in self._result.findings]

    def keep(self) -> None:
        self._baseline = make_baseline([self._result], root=self._tree.root)

    def new(self) -> list[Place]:
        day = date(2026, 1, 1)
        told = compare_to_baseline([self._result], self._baseline, today=day, root=self._tree.root)
        return [(one.finding.path, one.finding.line, one.finding.rule_id) for one in told.tool(self._pillar.name).new]


class Bandit:
    """``bandit -b``."""

    name = "bandit -b"

    def __init__(self, tree: Tree, folder: Path) -> None:
        self._tree, self._kept = tree, folder / "bandit.json"
        self._command = [find_binary("bandit"), "-q", "-r", ".", "-f", "json", "--exclude="]

    def look(self) -> None:
        self._said = self._run()

    def found(self) -> list[Place]:
        return self._places(self._said)

    def keep(self) -> None:
        self._kept.write_text(self._said, encoding="utf-8")

    def new(self) -> list[Place]:
        return self._places(self._run("-b", self._kept))

    def _run(self, *more) -> str:
        done = subprocess.run([*self._command, *more], cwd=self._tree.root, capture_output=True, text=True, check=False)
        return done.stdout

    @staticmethod
    def _places(said: str) -> list[Place]:
        return [
            (one["filename"].removeprefix("./"), one["line_number"], one["test_id"])
            for one in (json.loads(said)["results"] if said.strip() else [])
        ]


class MypyBaseline:
    """mypy, and mypy-baseline over what it prints."""

    name = "mypy-baseline"

    def __init__(self, tree: Tree, folder: Path) -> None:
        self._tree, self._kept = tree, folder / "mypy-baseline.txt"
        self._filter = find_binary("mypy-baseline")
        self._command = [find_binary("mypy"), "--config-file=", "--explicit-package-bases", "--namespace-packages",
                         "--show-error-codes", "--no-error-summary", f"--cache-dir={folder / 'mypy'}", "."]  # fmt: skip

    def look(self) -> None:
        done = subprocess.run(self._command, cwd=self._tree.root, capture_output=True, text=True, check=False)
        self._said = done.stdout

    def found(self) -> list[Place]:
        return self._places(self._said)

    def keep(self) -> None:
        self._ask("sync")

    def new(self) -> list[Place]:
        return self._places(self._ask("filter", "--no-colors", "--hide-stats", "--allow-unsynced"))

    def _ask(self, *words) -> str:
        command = [self._filter, *words, "--baseline-path", self._kept]
        done = subprocess.run(
            command, cwd=self._tree.root, input=self._said, capture_output=True, text=True, check=False
        )
        return done.stdout

    @staticmethod
    def _places(said: str) -> list[Place]:
        found = (MYPY_LINE.match(line) for line in said.splitlines())
        return [(one["path"], int(one["line"]), one["rule"] or "") for one in found if one]


# -- the comparison ---------------------------------------------------------------------------------------------------


def compare(tree: Tree, steps: Iterator[None], judges: list) -> None:
    """Print how often each judge was wrong over all steps."""
    wrong = {judge.name: Counter() for judge in judges}
    seconds: Counter[str] = Counter()
    before: dict[str, Counter[tuple[str, int]]] = {}
    commits = -1  # the first has none before it
    for _ in steps:
        commits += 1
        tree.write()
        for judge in judges:
            judge.look()
            now = tree.identified(judge.found())
            if judge.name in before:
                started = time.perf_counter()
                called = tree.identified(judge.new())
                seconds[judge.name] += time.perf_counter() - started
                really = now - before[judge.name]
                told, true = tree.by_file(called), tree.by_file(really)
                wrong[judge.name] += Counter(
                    findings=now.total(),
                    new=true.total(),
                    false_new=(told - true).total(),
                    edited=sum(times for (_, at), times in (called - really).items() if tree.is_edited(at)),
                    false_old=(true - told).total(),
                )
            before[judge.name] = now
            judge.keep()
        tree.remember()
    for name, counted in wrong.items():
        shown = (f"new {counted['new']}, false new {counted['false_new']} ({counted['edited']} on an edited line), "
                 f"false old {counted['false_old']}")  # fmt: skip
        print(f"  {name:<16} {commits} commits, {counted['findings'] // max(commits, 1)} findings each: {shown}; "
              f"{seconds[name] / max(commits, 1):.2f} s to compare one")  # fmt: skip


def made_steps(tree: Tree, judges: list) -> Iterator[None]:
    author = Author(tree)
    yield
    for _ in range(COMMITS):
        author.marked = [number for judge in judges for _, number in tree.identified(judge.found())]
        author.commit()
        yield


def real_steps(tree: Tree, repository: Path) -> Iterator[None]:
    for files in repository_commits(repository):
        follow(tree, files)
        yield


def main() -> None:
    repository = next((Path(word) for word in sys.argv[1:] if not word.startswith("-")), None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = Tree(folder / "history")
        tree.root.mkdir()
        judges = [Ours(pillar(), tree, folder / "cache") for pillar in (BanditPillar, RuffPillar)]
        judges.append(Bandit(tree, folder))
        if "--without-mypy" not in sys.argv:
            judges.append(Ours(MypyPillar(), tree, folder / "cache"))
            judges += [MypyBaseline(tree, folder)] if find_binary("mypy-baseline") is not None else []
        if repository is not None:
            print(f"\nP13: baselines over the commits of {repository.resolve().name}")
            compare(tree, real_steps(tree, repository), judges)
            return
        print(f"\nP13: baselines over {COMMITS} commits of {EDITS} edits each, made from an installed package")
        copied = copied_package(folder)
        for path in sorted(copied.rglob("*.py"))[:: 4 if "--quick" in sys.argv else 1]:
            text = path.read_text(encoding="utf-8").splitlines(keepends=True)
            tree.files[path.relative_to(copied).as_posix()] = tree.numbered(text)
        compare(tree, made_steps(tree, judges), judges)


if __name__ == "__main__":
    main()
