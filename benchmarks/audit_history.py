# SPDX-License-Identifier: Apache-2.0
"""Trees whose lines keep their numbers from commit to commit, and the commits: made here, or those of a repository.

Each line of a tree has a number of its own, which it keeps when it moves, is edited in place, or its file is renamed.
So it is known which findings are really new: those on a line that had none of their rule.
"""

import ast
import random
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import count
from pathlib import Path

COMMITS = 50
EDITS = 6  # in each commit that is made here
ALIKE = 2 / 3
FAULTS = (
    "def added_{n}(command):\n    import subprocess\n\n    return subprocess.call(command, shell=True)\n",
    "def added_{n}(text):\n    return eval(text)\n",
    "def added_{n}() -> int:\n    value: int = 'no number'\n    return value\n",
    "def added_{n}(path):\n    import os, pickle\n\n    return pickle.load(open(path, 'rb'))\n",
)

Place = tuple[str, int, str]
"""Path, line and rule of a finding."""


@dataclass
class Tree:
    """Files as numbered lines; a line keeps its number as long as it is the same line."""

    root: Path
    files: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    texts: dict[int, str] = field(default_factory=dict)
    """What each line said in the commit before."""

    def numbered(self, lines: Iterable[str]) -> list[tuple[int, str]]:
        return [(next(self.numbers), line) for line in lines]

    def write(self) -> None:
        """Make the folder what the tree says; nothing is touched that stays."""
        for path in self.root.rglob("*.py"):
            if path.relative_to(self.root).as_posix() not in self.files:
                path.unlink()
        for name, lines in self.files.items():
            path, text = self.root / name, "".join(line for _, line in lines)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")

    def identified(self, places: Iterable[Place]) -> Counter[tuple[str, int]]:
        """Findings by rule and line number of their own; one that names no line is left out."""
        return Counter(
            (rule, self.files[path][line - 1][0])
            for path, line, rule in places
            if path in self.files and 0 < line <= len(self.files[path])
        )

    def is_edited(self, number: int) -> bool:
        """Whether a line says something else than in the commit before."""
        now = {one: line for lines in self.files.values() for one, line in lines}
        return number in self.texts and self.texts[number] != now[number]

    def remember(self) -> None:
        """Keep what the lines say, for the next commit."""
        self.texts = {number: line for lines in self.files.values() for number, line in lines}

    def by_file(self, found: Counter[tuple[str, int]]) -> Counter[tuple[str, str]]:
        """The same by rule and file."""
        home = {number: name for name, lines in self.files.items() for number, _ in lines}
        counted: Counter[tuple[str, str]] = Counter()
        for (rule, number), times in found.items():
            counted[rule, home[number]] += times
        return counted


# -- commits that are made --------------------------------------------------------------------------------------------


class Author:
    """Edits a tree as people do, at random with a seed."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.draw = random.Random(20261123)
        self.made = count(1)
        self.marked: list[int] = []  # lines with a finding

    def commit(self) -> None:
        acts = (self._insert, self._insert, self._fault, self._copy, self._edit, self._edit, self._beside, self._move,
                self._delete, self._rename)  # fmt: skip
        for act in self.draw.choices(acts, k=EDITS):
            act()

    def _statements(self) -> tuple[str, list[tuple[int, int]]]:
        """A file, and where its statements at the top begin and end, decorators and all."""
        while True:
            name = self.draw.choice(sorted(self.tree.files))
            body = ast.parse("".join(line for _, line in self.tree.files[name])).body
            begins = [min([one.lineno, *(deco.lineno for deco in getattr(one, "decorator_list", []))]) for one in body]
            spans = [(begin - 1, one.end_lineno) for begin, one in zip(begins, body, strict=True)]
            if len(spans) > 3:
                return name, spans

    def _put(self, text: str) -> None:
        name, spans = self._statements()
        at = self.draw.choice(spans[2:])[1]
        self.tree.files[name][at:at] = self.tree.numbered([*text.splitlines(keepends=True)])

    def _insert(self) -> None:
        self._put(f"\n\n# a note, number {next(self.made)}\nVALUE_{next(self.made)} = 1\n")

    def _fault(self) -> None:
        self._put("\n\n" + self.draw.choice(FAULTS).format(n=next(self.made)))

    def _copy(self) -> None:
        """A function once more, under the same file: the second of two equal faults is a new one."""
        name, spans = self._statements()
        begin, end = self.draw.choice(spans[2:])
        lines = [line for _, line in self.tree.files[name][begin:end]]
        self.tree.files[name][end:end] = self.tree.numbered(["\n", "\n", *lines])

    def _edit(self) -> None:
        """A remark at the end of a line that has a finding."""
        self._remark(0)

    def _beside(self) -> None:
        """A line above one that has a finding."""
        for name, at in self._some_marked():
            line = self.tree.files[name][at][1]
            indent = line[: len(line) - len(line.lstrip())]
            self._if_it_parses(name, at, self.tree.numbered([f"{indent}# see {next(self.made)}\n"]), drop=0)
            return

    def _remark(self, drop: int) -> None:
        for name, at in self._some_marked():
            number, line = self.tree.files[name][at]
            self._if_it_parses(name, at, [(number, f"{line.rstrip()}  # reviewed {next(self.made)}\n")], drop=1)
            return

    def _some_marked(self) -> Iterator[tuple[str, int]]:
        home = {number: (name, at) for name, lines in self.tree.files.items() for at, (number, _) in enumerate(lines)}
        there = [number for number in self.marked if number in home]
        if there:
            yield home[self.draw.choice(there)]

    def _if_it_parses(self, name: str, at: int, lines: list[tuple[int, str]], *, drop: int) -> None:
        changed = [*self.tree.files[name][:at], *lines, *self.tree.files[name][at + drop :]]
        try:
            ast.parse("".join(line for _, line in changed))
        except SyntaxError:
            return
        self.tree.files[name] = changed

    def _move(self) -> None:
        """Two neighbours change places."""
        name, spans = self._statements()
        first = self.draw.randrange(2, len(spans) - 1)
        (begin, middle), (_, end) = spans[first], spans[first + 1]
        lines = self.tree.files[name]
        self.tree.files[name] = [*lines[:begin], *lines[middle:end], *lines[begin:middle], *lines[end:]]

    def _delete(self) -> None:
        name, spans = self._statements()
        begin, end = self.draw.choice(spans[2:])
        del self.tree.files[name][begin:end]

    def _rename(self) -> None:
        name = self.draw.choice(sorted(one for one in self.tree.files if not one.endswith("__init__.py")))
        self.tree.files[f"{name[:-3]}_{next(self.made)}.py"] = self.tree.files.pop(name)


# -- commits of a repository ------------------------------------------------------------------------------------------


def repository_commits(repository: Path, folder: str = "src") -> Iterator[dict[str, str]]:
    """The Python files below a folder, commit by commit along the line of first parents."""
    ask = ["git", "-C", repository]
    commits = subprocess.run(
        [*ask, "rev-list", "--first-parent", "--reverse", "HEAD"], capture_output=True, text=True, check=True
    )
    for commit in commits.stdout.split()[-COMMITS - 1 :]:
        listed = subprocess.run(
            [*ask, "ls-tree", "-r", "--name-only", commit, folder], capture_output=True, text=True, check=True
        )
        names = [name for name in listed.stdout.splitlines() if name.endswith(".py")]
        yield {
            name: subprocess.run([*ask, "show", f"{commit}:{name}"], capture_output=True, check=True).stdout.decode()
            for name in names
        }


def follow(tree: Tree, files: dict[str, str]) -> None:
    """Make a tree what another commit holds; lines that stay keep their numbers."""
    gone = {name: lines for name, lines in tree.files.items() if name not in files}
    after = {}
    for name, text in files.items():
        new = text.splitlines(keepends=True)
        old = tree.files.get(name)
        if old is None and gone:
            likeness, source = max((_alike(lines, new), one) for one, lines in gone.items())
            old = gone[source] if likeness >= ALIKE else None
        after[name] = tree.numbered(new) if old is None else _kept(tree, old, new)
    tree.files = after


def _alike(old: list[tuple[int, str]], new: list[str]) -> float:
    return SequenceMatcher(None, [line for _, line in old], new, autojunk=False).quick_ratio()


def _kept(tree: Tree, old: list[tuple[int, str]], new: list[str]) -> list[tuple[int, str]]:
    made: list[tuple[int, str]] = []
    for tag, a, b, c, d in SequenceMatcher(None, [line for _, line in old], new, autojunk=False).get_opcodes():
        if tag == "equal":
            made += old[a:b]
        else:
            left = list(old[a:b])
            for line in new[c:d]:
                same = next((one for one in left if SequenceMatcher(None, one[1], line).ratio() >= ALIKE), None)
                if same is not None:
                    left = left[left.index(same) + 1 :]
                made.append((next(tree.numbers) if same is None else same[0], line))
    return made
