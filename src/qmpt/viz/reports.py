# SPDX-License-Identifier: Apache-2.0
"""Reports of what was found: scores, reflexivity, the self operator, comparisons, simulated layers.

A report says for each number its interval and coverage, what is missing and why, how it was made (versions, seeds,
inputs), and what it does not mean. `to_markdown` and `to_html` give its two forms. Nothing here computes a score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qmpt.viz.reports_caveats import CAVEATS, GENERAL, HISTORY, REFLEXIVITY, SELF_OPERATOR, SIMULATION
from qmpt.viz.reports_document import (
    Block,
    Listing,
    Paragraph,
    Report,
    Section,
    Table,
    to_html,
    to_markdown,
)
from qmpt.viz.reports_figures import figure_of
from qmpt.viz.reports_scores import (
    GROUP_FLOOR,
    anomaly_and_reflexivity,
    comparison_sections,
    people_caveat,
    score_sections,
)
from qmpt.viz.reports_text import interval_text, number

if TYPE_CHECKING:
    from qmpt.data.models import Layer, Pattern
    from qmpt.viz.reports_models import (
        Assessed,
        HistoryTests,
        SimulatedScenario,
        Simulation,
    )

__all__ = [
    "GROUP_FLOOR",
    "assessed_sections",
    "comparison_sections",
    "history_sections",
    "layer_report",
    "provenance_section",
    "report_of",
    "score_sections",
    "simulation_sections",
    "to_html",
    "to_markdown",
]


def report_of(title: str, sections: Iterable[Section]) -> Report:
    """A report that begins with the caveat and ends with all caveats.

    Example:
        >>> [section.title for section in report_of("Agents", []).sections]
        ['Read this first', 'What these numbers do not mean']
    """
    first = Section("Read this first", (Paragraph(GENERAL, is_caveat=True),))
    last = Section("What these numbers do not mean", (Listing(CAVEATS),))
    return Report(title, (first, *sections, last))


def layer_report(layer: Layer, run: Mapping[str, Any] | None = None) -> Report:
    """The course of a layer, with its figure.

    Args:
        layer: with its states.
        run: the record of the run that made it, as `qmpt.runs.read_run` gives it.

    Example:
        >>> from qmpt.data.models import Layer, LayerState
        >>> states = [LayerState(t=t, stress=0.2, protection=0.8) for t in range(3)]
        >>> "Layer L" in to_markdown(layer_report(Layer(layer_id="L", state_trajectory=states)))
        True
    """
    made = [provenance_section(run)] if run is not None else []
    return report_of(f"Layer {layer.layer_id}", [_layer_section(layer), *made])


def assessed_sections(found: Assessed, patterns: Mapping[str, Pattern] | None = None, top: int = 50) -> list[Section]:
    """The section of a score that is put together from parts."""
    known = [one for one in found.patterns if one.value is not None]
    caveat = REFLEXIVITY if found.quantity == "reflexivity" else SELF_OPERATOR
    blocks: list[Block] = [
        Paragraph(caveat, is_caveat=True),
        *people_caveat(found.people),
        Paragraph(
            f"{len(known)} of {len(found.patterns)} patterns have a value. Coverage is the share of the weight of the "
            "parts for which there was evidence; below the least coverage there is no value."
        ),
        Table(
            ("value", "95 % interval", "coverage", "pattern", "parts", "over time"),
            tuple(
                (
                    number(one.value), interval_text(one.interval), number(one.coverage), one.pattern_id,
                    _parts_text(one.parts), one.persistence,
                )
                for one in known[:top]
            ),
            frozenset({0, 2}),
        ),
    ]  # fmt: skip
    missing = Counter(one.reason for one in found.patterns if one.value is None)
    if missing:
        blocks.append(Listing(tuple(f"{count} without a value: {why}" for why, count in sorted(missing.items()))))
    blocks += anomaly_and_reflexivity(patterns or {})
    return [Section(f"{found.quantity.capitalize()} of {found.source}", tuple(blocks))]


def simulation_sections(found: Simulation, layers: Mapping[str, Layer] | None = None) -> list[Section]:
    """The sections of a simulation: the scenarios, then the course of each layer."""
    blocks: list[Block] = [
        Paragraph(SIMULATION, is_caveat=True),
        Paragraph(f"{found.version}; t = 0 to {found.t_end:g} in steps of {found.dt:g}."),
        Table(
            ("scenario", "runs", "peak stress", "final stress", "final protection", "final capacity", "final regime"),
            tuple(
                (
                    one.scenario, str(one.runs), number(one.peak_stress),
                    *(_final(one.final[name], one.runs) for name in ("stress", "protection", "capacity")),
                    ", ".join(f"{mode} {100.0 * share:.0f} %" for mode, share in one.final_modes.items()),
                )
                for one in found.scenarios
            ),
            frozenset({1, 2}),
            f"Means over the runs, with the middle 90 % of several. Critical stress: {found.sigma_crit:g}.",
        ),
    ]  # fmt: skip
    blocks += [_metrics_table(one) for one in found.scenarios if one.metrics]
    for name, effects in found.counterfactual.items():
        rows = tuple(
            (quantity, number(mean, 3), interval_text((low, high), 3))
            for quantity, (mean, low, high) in effects.items()
        )
        heading = f"With {name} minus without it, over pairs of runs under the same chances."
        blocks.append(Table(("quantity", "mean", "95 % interval"), rows, frozenset({1}), heading))
    return [
        Section(f"Simulation of {found.layer_id}", tuple(blocks)),
        *(_layer_section(layer) for layer in (layers or {}).values()),
    ]


def _metrics_table(scenario: SimulatedScenario) -> Table:
    """Numbers of the runs; of a single run there is no spread to tell."""
    rows = tuple(
        (
            name,
            number(one["n"], 0),
            number(one["mean"], 3),
            number(one["sd"], 3),
            number(one["min"]),
            number(one["max"]),
        )
        for name, one in scenario.metrics.items()
    )
    heading = f"Numbers of the runs, {scenario.scenario}; n is how many runs have one."
    return Table(("number", "n", "mean", "sd", "least", "largest"), rows, frozenset({1, 2, 3, 4, 5}), heading)


def history_sections(found: HistoryTests) -> list[Section]:
    """The section of the historical example."""
    width = found.starts[1] - found.starts[0]
    blocks: list[Block] = [
        Paragraph(HISTORY, is_caveat=True),
        Table(
            ("years", "events", "who"),
            tuple(
                (
                    f"{start} to {start + width - 1}", str(count),
                    ", ".join(name for name, year, *_ in found.events if 0 <= year - start < width),
                )
                for start, count in zip(found.starts, found.counts, strict=True)
            ),
            frozenset({1}),
        ),
        Table(
            ("model", "expected events", "Gini", "mean under the model", "5 to 95 %", "p"),
            tuple(
                (
                    one.model, number(one.expected, 1), number(one.observed, 3), number(one.mean, 3),
                    interval_text(one.band, 3), f"{one.p_value:.2g}",
                )
                for one in found.tests
            ),
            frozenset({1, 2, 3, 5}),
        ),
        Paragraph(
            f"Other beginnings of the bins give Gini coefficients of {interval_text(found.origins, 3)}, and leaving "
            f"one person out {interval_text(found.left_out, 3)}."
        ),
    ]  # fmt: skip
    return [Section("Eleven dates in the history of science", tuple(blocks))]


def provenance_section(run: Mapping[str, Any]) -> Section:
    """How the numbers were made: command, inputs, seeds, versions, what was counted and what the user was told.

    Args:
        run: as `qmpt.runs.read_run` gives it. Times are left out, so that equal runs give equal reports.
    """
    facts = [
        ("command", " ".join(run.get("command", ()))),
        ("qmpt", str(run.get("qmpt_version"))),
        ("Python", str(run.get("python"))),
        ("configuration", f"sha256:{run.get('config_sha256')}"),
        *((f"seed: {name}", str(value)) for name, value in sorted(run.get("seeds", {}).items())),
        *((f"input: {name}", str(value)) for name, value in sorted(run.get("inputs", {}).items())),
        *((f"library: {name}", str(value)) for name, value in sorted(run.get("libraries", {}).items())),
        *((f"count: {name}", str(value)) for name, value in sorted(run.get("counts", {}).items())),
    ]
    blocks: list[Block] = [Table(("what", "value"), tuple(facts))]
    if run.get("warnings"):
        blocks.append(Listing(tuple(map(str, run["warnings"]))))
    return Section("How it was made", tuple(blocks))


def _layer_section(layer: Layer) -> Section:
    from qmpt.viz.plots import plot_layer_trajectory

    states = layer.state_trajectory
    told = f"{len(states)} states"
    if states:
        told += f", t = {states[0].t:g} to {states[-1].t:g}"
    missing = {name: sum(getattr(state, name) is None for state in states) for name in ("stress", "protection")}
    told += "".join(f"; {count} without {name}" for name, count in missing.items() if count)
    drawn = figure_of(lambda ax: plot_layer_trajectory(layer, ax), f"Course of the layer {layer.layer_id}.", height=4.6)
    return Section(f"Layer {layer.layer_id}", (Paragraph(f"{told}."), *([drawn] if drawn is not None else [])))


def _final(values: tuple[float, float, float], runs: int) -> str:
    mean, low, high = values
    return number(mean) if runs == 1 else f"{number(mean)} ({interval_text((low, high))})"


def _parts_text(parts: Sequence[Mapping[str, Any]]) -> str:
    told = []
    for one in parts:
        value = one.get("value")
        told.append(f"{one['name']} {number(value)} (n {one['n']})" if value is not None else f"no {one['name']}")
    return ", ".join(told)
