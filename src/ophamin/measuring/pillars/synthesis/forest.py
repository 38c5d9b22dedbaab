# SPDX-License-Identifier: Apache-2.0
"""A forest plot: its rows as values, and a small SVG drawing of them.

Studies are squares whose area is their weight, on a line that is their interval; the pooled effect is a diamond, the
prediction interval a bar. The drawing takes its ink from the page around it (``currentColor``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import NormalDist
from typing import Any, Final, NamedTuple

from ophamin.core.text import visible

__all__ = ["ForestRow", "draw_forest", "study_row"]

_WIDTH: Final = 640
_LEFT, _RIGHT = 190, 470
_ROW: Final = 22
_LONGEST_LABEL: Final = 26


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One row of a forest plot.

    Attributes:
        label: name of the study.
        kind: ``study``, ``pooled`` or ``prediction``.
        estimate: the effect.
        low: lower end of its interval, or None.
        high: upper end, or None.
        weight: share of the study in the pooled effect, 0 to 1; None for the others.
    """

    label: str
    kind: str
    estimate: float
    low: float | None
    high: float | None
    weight: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {field: getattr(self, field) for field in self.__slots__}


def study_row(label: str, effect: float, variance: float, weight: float, confidence: float) -> ForestRow:
    """The row of one study, with its own normal interval.

    Example:
        >>> row = study_row("a", 1.0, 0.25, 0.4, 0.95)
        >>> round(row.low, 2), round(row.high, 2)
        (0.02, 1.98)
    """
    half = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(variance)
    return ForestRow(label, "study", effect, effect - half, effect + half, weight)


def draw_forest(rows: Sequence[ForestRow], title: str = "", *, null: float | None = 0.0) -> str:
    """A forest plot as SVG text.

    Args:
        rows: from top to bottom.
        title: shown above and read by screen readers; any text, it is escaped.
        null: value with a vertical line, or None for no line.

    Example:
        >>> text = draw_forest([ForestRow("a < b", "study", 1.0, 0.5, 1.5, 1.0)], "effects")
        >>> text.startswith("<svg "), "a &lt; b" in text
        (True, True)
    """
    axis = _axis(rows, null)
    top = 34 if title else 12
    bottom = top + _ROW * len(rows)
    size = f'viewBox="0 0 {_WIDTH} {bottom + 30}" width="{_WIDTH}" height="{bottom + 30}"'
    style = 'role="img" font-family="sans-serif" font-size="12" fill="currentColor"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>',
        f"<title>{_escaped(title or 'forest plot', 200)}</title>",
    ]
    if title:
        parts.append(f'<text x="8" y="20" font-size="14" font-weight="bold">{_escaped(title, 80)}</text>')
    if null is not None:
        parts.append(_line(axis.x(null), top, axis.x(null), bottom, ' stroke-dasharray="3 3" opacity="0.6"'))
    for at, row in enumerate(rows):
        parts += _drawn(row, top + _ROW * (at + 0.5), axis)
    parts.append(_line(_LEFT, bottom + 4, _RIGHT, bottom + 4))
    for tick in axis.ticks():
        parts.append(_line(axis.x(tick), bottom + 4, axis.x(tick), bottom + 9))
        parts.append(f'<text x="{axis.x(tick):.1f}" y="{bottom + 22}" text-anchor="middle">{tick:.6g}</text>')
    return "\n".join([*parts, "</svg>\n"])


class _Axis(NamedTuple):
    """The effects that the drawing spans."""

    low: float
    high: float

    def x(self, value: float) -> float:
        """Where an effect is drawn."""
        return _LEFT + (_RIGHT - _LEFT) * (value - self.low) / (self.high - self.low)

    def told(self, value: float) -> str:
        """An effect with as many decimals as the axis can tell apart."""
        decimals = min(max(2 - math.floor(math.log10(self.high - self.low) + 1e-9), 0), 12)
        return f"{round(value, decimals) + 0.0:.{decimals}f}"

    def ticks(self) -> list[float]:
        """Round numbers within the axis, about five."""
        rough = (self.high - self.low) / 5
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next((unit * round_ for round_ in (1, 2, 5) if unit * round_ >= rough), unit * 10)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [place * step for place in range(first, last + 1)]


def _axis(rows: Sequence[ForestRow], null: float | None) -> _Axis:
    ends = [end for row in rows for end in (row.low, row.estimate, row.high) if end is not None]
    ends += [] if null is None else [null]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    margin = 0.04 * (high - low) or 0.5 * max(abs(high), 1.0)
    return _Axis(low - margin, high + margin)


def _drawn(row: ForestRow, y: float, axis: _Axis) -> list[str]:
    bold = ' font-weight="bold"' if row.kind == "pooled" else ""
    parts = [f'<text x="8" y="{y + 4:.1f}"{bold}>{_escaped(row.label, _LONGEST_LABEL)}</text>']
    middle, told = axis.x(row.estimate), f"{axis.told(row.estimate)} (no interval)"
    if row.low is not None and row.high is not None:
        left, right = axis.x(row.low), axis.x(row.high)
        told = f"{axis.told(row.estimate)} [{axis.told(row.low)}, {axis.told(row.high)}]"
        if row.kind == "pooled":
            corners = f"M{left:.1f} {y:.1f}L{middle:.1f} {y - 7:.1f}L{right:.1f} {y:.1f}L{middle:.1f} {y + 7:.1f}Z"
            parts.append(f'<path d="{corners}"/>')
        else:
            wide = ' stroke-width="5" opacity="0.4"' if row.kind == "prediction" else ""
            parts.append(_line(left, y, right, y, wide))
    if row.kind == "study":
        side = 3.0 + 11.0 * math.sqrt(row.weight or 0.0)
        corner = f'x="{middle - side / 2:.1f}" y="{y - side / 2:.1f}"'
        parts.append(f'<rect {corner} width="{side:.1f}" height="{side:.1f}"/>')
    return [*parts, f'<text x="{_WIDTH - 8}" y="{y + 4:.1f}" text-anchor="end"{bold}>{told}</text>']


def _line(x1: float, y1: float, x2: float, y2: float, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor"{more}/>'


def _escaped(text: str, longest: int) -> str:
    """Text as XML may hold it: cut, control characters spelled out, markup escaped."""
    shown = text if len(text) <= longest else text[: longest - 3] + "..."
    return escape(visible(shown))
