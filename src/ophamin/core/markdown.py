# SPDX-License-Identifier: Apache-2.0
"""Pieces of a Markdown text over values from outside: each can be read, and none can be markup.

What a text says of a record is for the rooms of the records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ophamin.core.text import escape_markdown, visible

__all__ = ["MarkdownTwin", "fenced"]


@dataclass(frozen=True, slots=True)
class MarkdownTwin:
    r"""Writes the readable twin of a JSON record.

    Attributes:
        longest: characters of one value; what is longer is cut, and says so.

    Example:
        >>> MarkdownTwin(9).text("a|b is long")
        'a\\|b is lo ... (cut; whole in the JSON file)'
        >>> MarkdownTwin(9).table(["n"], [[1]])
        ['| n |', '| --- |', '| 1 |']
    """

    longest: int

    def text(self, value: Any) -> str:
        """One line that shows ``value`` and does nothing else."""
        return _line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), self.longest)

    def facts(self, facts: Mapping[str, Any]) -> list[str]:
        """A list of titles and values; titles are our own words."""
        return [f"- {title}: {self.text(value)}" for title, value in facts.items()]

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
        """A table, or nothing where there are no rows; titles are our own words."""
        lines = [f"| {' | '.join(self.text(cell) for cell in row)} |" for row in rows]
        if not lines:
            return []
        return [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles), *lines]

    def ending(self, problems: Sequence[str], what: str) -> list[str]:
        """The end of a twin: whether the record is well-formed, and what the JSON file is that the twin is not."""
        state = ["The record is well-formed."]
        if problems:
            state = [f"**The record is not well-formed ({len(problems)}):**", ""]
            state += [f"- {self.text(problem)}" for problem in problems]
        caveat = f"The JSON file is the {what}. This text is a view of it and can be changed by anyone."
        return ["---", "", *state, "", caveat]


def fenced(text: str) -> list[str]:
    """A command to be pasted; the fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, visible(text), fence]


@lru_cache(maxsize=2048)  # records of one session, and findings of one audit, share most of what they say
def _line(plain: str, longest: int) -> str:
    if not plain.strip():
        return "(empty)"
    if len(plain) > longest:
        plain = plain[:longest] + " ... (cut; whole in the JSON file)"
    return escape_markdown(plain)
