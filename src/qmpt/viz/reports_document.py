# SPDX-License-Identifier: Apache-2.0
"""A report as plain parts, and its two forms: Markdown and one HTML page that needs nothing else.

All text in the parts is foreign. Markdown is escaped here, HTML by the template with autoescaping on; figures are SVG
that `qmpt.viz.reports_figures` made. The same parts give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from qmpt.viz.reports_text import markdown_text, visible

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["Block", "Figure", "Listing", "Paragraph", "Report", "Section", "Table", "to_html", "to_markdown"]

_TEMPLATE: Final = "report.html"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of text.

    Attributes:
        text: what it says.
        is_caveat: whether it is set apart as a caveat.
    """

    text: str
    is_caveat: bool = False
    kind: str = field(default="paragraph", init=False)


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        columns: heads.
        rows: as many cells each.
        right: places of columns that are set to the right.
        caption: what it shows.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    caption: str = ""
    kind: str = field(default="table", init=False)


@dataclass(frozen=True, slots=True)
class Listing:
    """Items, one under the other.

    Attributes:
        items: one text each.
    """

    items: tuple[str, ...]
    kind: str = field(default="listing", init=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure; Markdown has only its description.

    Attributes:
        svg: as `qmpt.viz.reports_figures.svg_of` gives it.
        description: what it shows, also for those who cannot see it.
    """

    svg: str
    description: str
    kind: str = field(default="figure", init=False)


Block = Paragraph | Table | Listing | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report.

    Attributes:
        title: its head.
        blocks: what it holds.
    """

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        title: its head.
        sections: its parts.
    """

    title: str
    sections: tuple[Section, ...]


def to_markdown(report: Report) -> str:
    r"""The report as Markdown, without figures.

    Example:
        >>> part = Section("Scores", (Table(("pattern", "score"), (("a|b", "1.00"),), frozenset({1})),))
        >>> print(to_markdown(Report("A *report*", (part,))), end="")
        # A \*report\*
        <BLANKLINE>
        ## Scores
        <BLANKLINE>
        | pattern | score |
        | :-- | --: |
        | a\|b | 1.00 |
    """
    lines = [f"# {markdown_text(report.title, at_start=True)}"]
    for section in report.sections:
        lines += ["", f"## {markdown_text(section.title, at_start=True)}"]
        for block in section.blocks:
            lines += ["", *_markdown_lines(block)]
    return "\n".join(lines) + "\n"


def to_html(report: Report) -> str:
    """The report as one HTML page: no script, no link, no file beside it.

    Example:
        >>> "<script>" in to_html(Report("<script>alert(1)</script>", ()))
        False
    """
    return _template().render(report=report) + "\n"


def _markdown_lines(block: Block) -> list[str]:
    if isinstance(block, Paragraph):
        text = markdown_text(block.text, at_start=True)
        return [f"> {text}" if block.is_caveat else text]
    if isinstance(block, Listing):
        return [f"- {markdown_text(item, at_start=True)}" for item in block.items]
    if isinstance(block, Figure):
        return [f"*Figure (in the HTML report): {markdown_text(block.description)}*"]
    marks = ["--:" if place in block.right else ":--" for place in range(len(block.columns))]
    rows = [block.columns, *block.rows]
    lines = [f"| {' | '.join(markdown_text(cell) for cell in row)} |" for row in rows]
    caption = [markdown_text(block.caption, at_start=True), ""] if block.caption else []
    return [*caption, lines[0], f"| {' | '.join(marks)} |", *lines[1:]]


@cache
def _template() -> Template:
    from importlib.resources import files

    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files("qmpt.viz").joinpath("templates")
    environment = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = _visible
    return environment.get_template(_TEMPLATE)


def _visible(text: Any) -> str:
    return visible(str(text))
