# SPDX-License-Identifier: Apache-2.0
"""Scores that are put together from parts, printed with their coverage, or with the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qmpt.cli.output import note, say, say_text

if TYPE_CHECKING:
    from qmpt.metrics.evidence import Assessment
    from qmpt.viz.reports_models import Assessed, AssessedPattern

__all__ = ["assessed_pattern", "best_first", "parts_text", "print_assessed"]


def assessed_pattern(pattern_id: str, layer_id: str, found: Assessment, persistence: str = "") -> AssessedPattern:
    """The record of an assessment."""
    from qmpt.viz.reports_models import AssessedPattern

    return AssessedPattern(
        pattern_id=pattern_id,
        layer_id=layer_id,
        value=found.value,
        interval=found.interval,
        coverage=found.coverage,
        reason=found.reason,
        parts=[_plain(one) for one in found.as_dict()["parts"]],
        persistence=persistence,
    )


def best_first(patterns: Sequence[AssessedPattern]) -> list[AssessedPattern]:
    """The highest value first; those without one last, the better covered first."""
    return sorted(patterns, key=lambda one: (one.value is None, -(one.value or 0.0), -one.coverage, one.pattern_id))


def parts_text(parts: Sequence[Mapping[str, Any]]) -> str:
    """The parts that have a value, with what they rest on; then those that have none.

    Example:
        >>> parts_text([{"name": "text", "value": 0.5, "n": 9}, {"name": "dyn", "value": None}])
        'text 0.50 (n 9); no dyn'
    """
    known = [f"{one['name']} {one['value']:.2f} (n {one['n']})" for one in parts if one["value"] is not None]
    missing = [str(one["name"]) for one in parts if one["value"] is None]
    told = [", ".join(known), f"no {', '.join(missing)}" if missing else ""]
    return "; ".join(text for text in told if text)


def print_assessed(result: Assessed, top: int) -> None:
    """A table: value, interval, coverage and pattern, and under each its parts or the reason."""
    from qmpt.viz.reports_text import interval_text, number, visible

    known = sum(one.value is not None for one in result.patterns)
    say_text(f"{result.source}: {result.quantity} of {known} of {len(result.patterns)} patterns")
    say()
    say(f"{'value':>5}  {'95 % interval':<14}  {'coverage':>8}  pattern")
    for one in result.patterns[:top]:
        head = f"{number(one.value):>5}  {interval_text(one.interval):<14}  {one.coverage:>8.2f}  "
        say(f"{head}{visible(one.pattern_id)}")
        say_text(parts_text(one.parts) if one.value is not None else f"no value: {one.reason}", indent=" " * 7)
        if one.persistence:
            say_text(one.persistence, indent=" " * 7)
    say()
    if top < len(result.patterns):
        note(f"{top} of {len(result.patterns)} patterns are shown; --top {len(result.patterns)} shows all")
    for told in result.notes:
        note(told)


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    from qmpt.data.values import plain_mapping

    return plain_mapping(part, where=f"the part {part['name']!r}")
