# SPDX-License-Identifier: Apache-2.0
"""The parts of a report that show scored patterns: a population, or one population against another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from qmpt.viz.reports_caveats import ANOMALY, PEOPLE
from qmpt.viz.reports_document import Block, Figure, Listing, Paragraph, Section, Table
from qmpt.viz.reports_figures import figure_of
from qmpt.viz.reports_text import interval_text, number, signed

if TYPE_CHECKING:
    from qmpt.data.models import Pattern
    from qmpt.viz.reports_models import ComparedLayer, Comparison, ScoredLayer, Scores

__all__ = [
    "GROUP_FLOOR",
    "MOST_WITHOUT_FINDINGS",
    "anomaly_and_reflexivity",
    "comparison_sections",
    "people_caveat",
    "score_sections",
]

GROUP_FLOOR: Final = 5
"""Fewest people that a row of a table of groups may stand for."""

MOST_WITHOUT_FINDINGS: Final = 3
"""Patterns of a comparison that are shown where none is found to be unlike the reference."""

_LABELS: Final = ("typical", "rare", "anomaly", "upgrade")
_UNSTABLE_ABOVE: Final = 0.2


def score_sections(scores: Scores, patterns: Mapping[str, Pattern] | None = None, top: int = 20) -> list[Section]:
    """The sections of scores: one per layer.

    Args:
        scores: what was found.
        patterns: the patterns themselves, where reflexivity is known, for one more figure.
        top: the most patterns in a table.
    """
    return [_scored_section(layer, scores.source, patterns or {}, top) for layer in scores.layers]


def comparison_sections(found: Comparison, top: int = 20) -> list[Section]:
    """The sections of a comparison: one per layer."""
    return [_compared_section(layer, found, top) for layer in found.layers]


def _scored_section(layer: ScoredLayer, source: str, patterns: Mapping[str, Pattern], top: int) -> Section:
    title = f"Anomaly scores: {source}, layer {layer.layer_id}"
    if layer.reason:
        return Section(title, (Paragraph(f"{layer.of} patterns, no scores: {layer.reason}."),))
    told = f"{len(layer.patterns)} patterns, {layer.features} features that vary. "
    told += f"{'Each pattern was' if layer.cross_fitted else 'No pattern was'} scored by a model that had not seen it."
    rows = tuple(
        (
            str(rank), number(one.score), interval_text(one.interval), _ranks(one.ranks), _label(one.label, one.flips),
            f"{one.pattern_id}{''.join(f' ({mark})' for mark in one.marks)}",
            ", ".join(f"{term} {signed(part)}" for term, part in one.terms.items()),
            ", ".join(f"{reason.feature} {signed(reason.z)}" for reason in one.features),
            "-" if one.observations is None else str(one.observations),
        )
        for rank, one in enumerate(layer.patterns[:top], start=1)
    )  # fmt: skip
    columns = ("rank", "score", "95 % interval", "ranks", "label", "pattern", "terms", "features (z)", "observations")
    caption = (
        f"The {len(rows)} highest of {len(layer.patterns)} scores. Terms are parts of the score; z is the distance "
        "from the median of the population in robust standard deviations. A question mark: the label is another one "
        "in more than 20 % of resampled populations."
    )
    return Section(
        title,
        (
            Paragraph(ANOMALY, is_caveat=True),
            *people_caveat(layer.people),
            Paragraph(told),
            _label_table(layer),
            Table(columns, rows, frozenset({0, 1, 8}), caption),
            *_score_figures(layer),
            *anomaly_and_reflexivity(
                {one.pattern_id: patterns[one.pattern_id] for one in layer.patterns if one.pattern_id in patterns}
            ),
            Listing((*layer.notes, *(f"{name}: {version}" for name, version in sorted(layer.versions.items())))),
        ),
    )


def _label_table(layer: ScoredLayer) -> Table:
    counts = Counter(one.label for one in layer.patterns)
    bars = dict(zip(("rare", "anomaly"), layer.thresholds or (), strict=False))
    rows = []
    for label in _LABELS:
        count = counts[label]
        hidden = layer.people and 0 < count < GROUP_FLOOR
        if count or label in bars:
            rows.append((label, f"fewer than {GROUP_FLOOR}" if hidden else str(count), number(bars.get(label))))
    return Table(("label", "patterns", "from a score of"), tuple(rows), frozenset({1, 2}))


def _score_figures(layer: ScoredLayer) -> list[Figure]:
    from qmpt.data.models import Pattern
    from qmpt.viz.plots import plot_anomaly_hist
    from qmpt.viz.plots_population import plot_ranked_scores, plot_terms

    scores = {one.pattern_id: one.score for one in layer.patterns}
    scored = {
        name: Pattern(pattern_id=name, layer_id=layer.layer_id, anomaly_score=score) for name, score in scores.items()
    }
    intervals = {one.pattern_id: one.interval for one in layer.patterns if one.interval is not None}
    labels = {one.pattern_id: one.label for one in layer.patterns}
    height = 1.9 + 0.24 * min(15, len(scores))
    drawn = [
        figure_of(
            lambda ax: plot_anomaly_hist(scored, ax, thresholds=layer.thresholds),
            f"Histogram of {len(scores)} anomaly scores with the thresholds.",
        ),
        figure_of(
            lambda ax: plot_ranked_scores(scores, ax, intervals=intervals, labels=labels, thresholds=layer.thresholds),
            "The highest scores with their intervals.",
            height=height,
        ),
        figure_of(
            lambda ax: plot_terms({one.pattern_id: one.terms for one in layer.patterns}, ax),
            "The highest scores by term: rarity, distance and impact.",
            height=height,
        ),
    ]
    return [figure for figure in drawn if figure is not None]


def _compared_section(layer: ComparedLayer, found: Comparison, top: int) -> Section:
    from qmpt.viz.plots_shifts import plot_shifts

    title = f"{found.current} against {found.reference}, layer {layer.layer_id}"
    if layer.reason:
        return Section(title, (Paragraph(f"Not compared: {layer.reason}."),))
    moved = {one.feature for one in layer.shifts if one.p_value <= found.level}
    unlike = set(layer.found)
    shown = [one for one in layer.scored if one.pattern_id in unlike] or layer.scored[:MOST_WITHOUT_FINDINGS]
    blocks: list[Block] = [
        Paragraph(ANOMALY, is_caveat=True),
        *people_caveat(layer.people),
        Paragraph(
            f"{layer.of[1]} patterns against {layer.of[0]}: {layer.common} in both, {len(layer.gone)} gone, "
            f"{len(layer.new)} new. {len(moved)} of {len(layer.shifts)} features moved, and {len(unlike)} patterns are "
            f"unlike the reference, at a false discovery rate of {found.level:g}."
        ),
        Table(
            ("feature", "shift", "95 % interval", "distance", "adjusted p"),
            tuple(
                (one.feature, signed(one.shift), interval_text(one.interval, 1), number(one.ks), f"{one.p_value:.2g}")
                for one in layer.shifts[:top]
            ),
            frozenset({1, 3, 4}),
            "Shift of the median in robust standard deviations of the reference; Kolmogorov-Smirnov distance.",
        ),
    ]
    shifts = {one.feature: (one.shift, *one.interval) for one in layer.shifts[:15]}
    drawn = figure_of(
        lambda ax: plot_shifts(shifts, ax, moved=moved), "Shifts of features.", height=1.9 + 0.24 * len(shifts)
    )
    rows = tuple(
        (
            number(one.score), _p_text(layer.p_values.get(one.pattern_id)), one.label, one.pattern_id,
            ", ".join(f"{reason.feature} {signed(reason.z)}" for reason in one.features),
        )
        for one in shown[:top]
    )  # fmt: skip
    blocks += [drawn] if drawn is not None else []
    heading = "" if unlike else f"The {len(shown)} highest scores; none of them is found to be unlike the reference."
    blocks.append(Table(("score", "p", "label", "pattern", "features (z)"), rows, frozenset({0, 1}), heading))
    return Section(title, (*blocks, Listing(tuple(layer.notes))))


def _label(label: str, flips: float | None) -> str:
    return f"{label}?" if flips is not None and flips > _UNSTABLE_ABOVE else label


def _ranks(ranks: tuple[int, int] | None) -> str:
    return "-" if ranks is None else f"{ranks[0]} to {ranks[1]}"


def _p_text(p_value: float | None) -> str:
    return "-" if p_value is None else f"{p_value:.2g}"


def anomaly_and_reflexivity(patterns: Mapping[str, Pattern]) -> list[Figure]:
    """The figure of both, where any pattern has both."""
    from qmpt.viz.plots import plot_anomaly_vs_reflexivity

    if not any(one.anomaly_score is not None and one.reflexivity is not None for one in patterns.values()):
        return []
    drawn = figure_of(
        lambda ax: plot_anomaly_vs_reflexivity(patterns, ax),
        "Reflexivity over the anomaly score, one mark per pattern.",
    )
    return [drawn] if drawn is not None else []


def people_caveat(people: bool) -> Sequence[Paragraph]:
    """The caveat about people, where there are any."""
    return (Paragraph(PEOPLE, is_caveat=True),) if people else ()
