# SPDX-License-Identifier: Apache-2.0
"""Find the files that a tool dies of, by halves, so that one bad file costs one file.

The tool is run over everything; where it dies, over each half, and so on down to single files. One bad file among n
costs about 2 log2(n) runs more. It is not asked why a tool died, and a tool that dies of two files together only is
not found out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

__all__ = ["MOST_RUNS", "Bisection", "bisect"]

MOST_RUNS: Final = 64
"""Enough for two bad files among 30,000."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Bisection(Generic[Answer]):
    """What a tool said of the parts that it survived.

    Attributes:
        answers: one for each part, in the order of the files.
        fatal: the files it died of alone.
        untried: the files that were not looked at alone, because the runs were used up.
        runs: how often it was run.
    """

    answers: tuple[Answer, ...]
    fatal: tuple[str, ...]
    untried: tuple[str, ...]
    runs: int


def bisect(
    files: Sequence[str], run: Callable[[Sequence[str]], Answer | None], *, most_runs: int = MOST_RUNS
) -> Bisection[Answer]:
    """Run a tool over files, and over ever smaller parts of those it dies of.

    Args:
        files: what it is to look at; none of them needs no run.
        run: runs it over some files; None where it died.
        most_runs: how often it may be run.

    Example:
        >>> found = bisect("abcde", lambda part: None if "d" in part else "".join(part))
        >>> found.answers, found.fatal, found.runs
        (('ab', 'c', 'e'), ('d',), 7)
    """
    answers: list[Answer] = []
    fatal: list[str] = []
    untried: list[str] = []
    runs = 0
    waiting = [tuple(files)] if files else []
    while waiting:
        part = waiting.pop()
        if runs == most_runs:
            untried += part
            continue
        runs += 1
        answer = run(part)
        if answer is not None:
            answers.append(answer)
        elif len(part) == 1:
            fatal += part
        else:
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]
    return Bisection(tuple(answers), tuple(fatal), tuple(untried), runs)
