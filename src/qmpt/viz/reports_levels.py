# SPDX-License-Identifier: Apache-2.0
"""The part of a report that shows observed stress and protection over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qmpt.viz.reports_course import changes_text, early_text, mode_text
from qmpt.viz.reports_document import Block, Listing, Paragraph, Section, Table
from qmpt.viz.reports_figures import figure_of
from qmpt.viz.reports_scores import people_caveat
from qmpt.viz.reports_stress import STRESS_CAVEAT
from qmpt.viz.reports_text import interval_text, number

if TYPE_CHECKING:
    from qmpt.viz.reports_stress import Level, Stress, StressedLayer

__all__ = ["stress_sections"]


def stress_sections(found: Stress) -> list[Section]:
    """The sections of observed stress: one per layer.

    Example:
        >>> from qmpt.viz.reports_stress import Stress, StressedLayer
        >>> layer = StressedLayer(layer_id="shop", patterns=2, observations=9, reason="too few windows")
        >>> stress_sections(Stress(source="calls", layers=[layer]))[0].title
        'Stress of calls, layer shop'
    """
    return [_section(layer, f"Stress of {found.source}, layer {layer.layer_id}") for layer in found.layers]


def _section(layer: StressedLayer, title: str) -> Section:
    if layer.reason or layer.width is None:
        return Section(title, (Paragraph(f"No course: {layer.reason}."),))
    levels = {name: level for name, level in (("stress", layer.stress), ("protection", layer.protection)) if level}
    blocks: list[Block] = [
        Paragraph(STRESS_CAVEAT, is_caveat=True),
        *people_caveat(layer.people),
        Paragraph(f"{layer.patterns} patterns, {layer.observations} observations, {len(layer.starts)} windows."),
        Table(
            ("level", "now", "95 % interval", "usual range", "coverage", "remark"),
            tuple(_row(name, level) for name, level in levels.items()),
            frozenset({1, 4}),
        ),
    ]
    known = {name: (level.values, level.intervals) for name, level in levels.items() if level.last() is not None}
    if known:
        from qmpt.viz.plots_stress import plot_observed_levels

        shifts = [one.time for one in layer.changes]
        drawn = figure_of(
            lambda ax: plot_observed_levels(
                layer.starts, known, ax, reference=_reference(layer, layer.width or 0.0), changes=shifts
            ),
            "Stress and protection by window.",
        )
        blocks += [drawn] if drawn is not None else []
    blocks += [_proxies(layer), Listing((changes_text(layer), early_text(layer), mode_text(layer), *layer.notes))]
    return Section(title, tuple(blocks))


def _row(name: str, level: Level) -> tuple[str, ...]:
    last = level.last()
    if last is None:
        return name, "-", "-", "-", "-", level.reason
    numbers = number(level.values[last]), interval_text(level.intervals[last]), interval_text(level.usual)
    return name, *numbers, number(level.coverage[last]), ""


def _reference(layer: StressedLayer, width: float) -> tuple[float, float] | None:
    if layer.reference is None:
        return None
    first, last = layer.reference
    return layer.starts[first], layer.starts[last] + width


def _proxies(layer: StressedLayer) -> Table:
    rows = tuple(
        (one.kind, one.name, number(one.overall, 3), str(one.rests_on), number(one.reference, 3), one.reason)
        for one in layer.proxies
    )
    heads = ("level", "proxy", "overall share", "observations", "in the reference", "not used because")
    return Table(heads, rows, frozenset({2, 3, 4}), "What the levels rest on.")
