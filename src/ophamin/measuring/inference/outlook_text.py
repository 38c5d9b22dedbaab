# SPDX-License-Identifier: Apache-2.0
"""A forecast as a block of text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from ophamin.errors import ClaimError
from ophamin.measuring.inference.outlook_forecast import Forecast
from ophamin.measuring.inference.outlook_student import PATHS
from ophamin.measuring.inference.planning import Outlook

__all__ = ["text_of"]

_NARROWEST: Final = 60
_HEADS: Final = ("truth", "VALIDATED", "REFUTED", "INCONCLUSIVE", "expected n", "95 % at most")


def text_of(forecast: Forecast, width: int = 80) -> str:
    """The block, of lines no longer than ``width`` columns.

    Raises:
        ClaimError: where the width lies below 60.
    """
    if width < _NARROWEST:
        raise ClaimError(f"the width is {width!r} columns; a forecast needs {_NARROWEST} or more")
    levels = f"alpha {forecast.alpha:g}, beta {forecast.beta:g}"
    lines = [
        f"{forecast.claim} by {forecast.method}, {levels}, {forecast.guarantee}",
        _line("smallest n", _pair(forecast.smallest_n)),
        _line("fixed n", _pair(forecast.fixed_n)),
        _line("Wald bound", _pair(forecast.wald_bound)),
        _line("cap" if forecast.sequential else "n", _units(forecast.cap)),
    ]
    if forecast.achievable_mde is not None:
        lines.append(_line("achievable", f"mde {forecast.achievable_mde:.3g} with this {lines[-1].split()[0]}"))
    if len(forecast.reachable) < 2:
        lines.append(_line("in reach", forecast.reachable[0] if forecast.reachable else "no outcome"))
    if forecast.truths is not None:
        lines += _table(forecast.truths, 1.0 / PATHS if forecast.basis.startswith("simulated") else 0.0, width)
        lines += textwrap.wrap(f"truth: {forecast.truth_unit}; {forecast.basis}; {forecast.assumption}", width)
    for reason in forecast.reasons:
        lines += textwrap.wrap(f"- {reason}", width, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(line for long in lines for line in (textwrap.wrap(long, width) if len(long) > width else [long]))


def _line(name: str, value: str) -> str:
    return f"{name:<12}{value}"


def _units(number: int | None) -> str:
    return "not known" if number is None else "1 unit" if number == 1 else f"{number} units"


def _pair(numbers: Sequence[float | None]) -> str:
    first, second = ("none" if number is None else f"{number:.0f}" for number in numbers)
    return f"VALIDATED {first}, REFUTED {second}"


def _table(truths: Sequence[Outlook], least: float, width: int) -> list[str]:
    """The heads and a row for each truth, as wide as they are, or closer where the terminal is narrow."""
    rows: list[tuple[str, ...]] = [_HEADS]
    for there in truths:
        chances = [_percent(chance, least) for chance in (there.validated, there.refuted, there.undecided)]
        rows.append((f"{there.truth:.6g}", *chances, f"{there.expected_n:.0f}", f"{there.n95}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    gap = "  " if sum(widths) + 2 * len(widths) <= width else " "
    return [gap.join(cell.rjust(size) for cell, size in zip(row, widths, strict=True)) for row in rows]


def _percent(chance: float, least: float) -> str:
    """A probability; what is not quite never or always, or what so few paths cannot tell from it, is not shown as such.

    ``least`` is the smallest probability that can be told from 0, 0.0 for an exact one.
    """
    if max(chance, least) > 0.0 and chance < max(least, 0.0005):
        return f"< {100.0 * max(least, 0.001):.1f} %"
    if max(1.0 - chance, least) > 0.0 and 1.0 - chance < max(least, 0.0005):
        return f"> {100.0 * (1.0 - max(least, 0.001)):.1f} %"
    return f"{100.0 * chance:.1f} %"
