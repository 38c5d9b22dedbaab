# SPDX-License-Identifier: Apache-2.0
"""``qmpt simulate``: the course of a layer in a scenario, once or many times, with and without a pattern."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from qmpt.cli.options import AsJson, Limit, Out, Seed
from qmpt.cli.output import note, progress, say, say_json, say_table, say_text
from qmpt.errors import ConfigError

if TYPE_CHECKING:
    from qmpt.config.schemas import SimulationSection
    from qmpt.data.models import LayerState
    from qmpt.viz.reports_models import SimulatedScenario, Simulation

__all__ = ["SIMULATION_FILE", "simulate"]

SIMULATION_FILE: Final = "simulation.json"
_COURSE: Final = 60
"""Columns of the course of a quantity and of the largest value beside it."""


def simulate(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="File or sample with a section simulation.")
    ] = "simulation_default",
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", metavar="NAME", help="In place of the one in CONFIG.", show_default=False),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="In place of the one in CONFIG.", show_default=False)
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, metavar="N", help="In place of those in CONFIG.", show_default=False)
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Constant of the model; repeatable.", show_default=False),
    ] = None,
    runs: Annotated[int | None, typer.Option("--runs", min=1, metavar="N", help="Runs; needs noise.")] = None,
    without: Annotated[
        str | None,
        typer.Option("--without", metavar="PATTERN", help="Also run pairs with and without it.", show_default=False),
    ] = None,
    seed: Seed = None,
    limit: Limit = 20,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a layer, and show when its regime changed and where it ended.

    Scenarios: baseline, single_anomaly, multiple_anomalies, anomaly_injection, collapse_recovery and others. The
    dynamics and their constants are assumptions, so look at the same scenario under another model (relax_v1, linear_v1,
    replicator_v1) and with other constants.

    Several runs need noise, such as --set eta_s=0.02. --without compares pairs of runs under the same chances.

    The numbers of each run (stress_max, first_collapse and others) are kept, and those that derived_metrics of CONFIG
    computes from them, such as excess: "stress_max - 0.5". Its output_dir stands for --out where that is not given.

    Ends with 0, or with 2 where the configuration cannot be honoured.

    \b
    Example:
      qmpt simulate
      qmpt simulate --scenario single_anomaly --steps 300 --set potential=3
      qmpt simulate my.yaml --runs 200 --set eta_s=0.02 --out simulated
      qmpt simulate --scenario single_anomaly --steps 200 --set eta_s=0.02 \\
          --without anomaly-1
    """  # noqa: D301 - the marks are a backspace, and a backslash at the end of a line that is shown
    from qmpt.cli.outcome import Outcome, write_json
    from qmpt.cli.simulating import check_section, counterfactual_numbers, in_short, run_many, unused_keys
    from qmpt.data.io import save_layers, save_patterns
    from qmpt.data.models import Layer
    from qmpt.simulation.scenarios import runner_from_section
    from qmpt.viz.reports_models import Simulation

    section = _section(config, settings or (), steps, scenario=scenario, model_id=model, seed=seed)
    check_section(section)
    folder = out if out is not None or section.output_dir is None else Path(section.output_dir)
    outcome = Outcome("simulate", folder, warnings=unused_keys(section))
    count = runs or (section.ensemble.n_runs if section.ensemble.enabled else 1)
    points = _points(section)
    found, layers, patterns = [], {}, {}
    base = runner_from_section(section)
    with progress(len(points), "simulating") as step:
        for point in points:
            runner = base.with_config(base.config.with_params(**point))
            states, many = run_many(runner, count)
            name = ", ".join([section.scenario, *(f"{key}={value}" for key, value in point.items())])
            found.append(in_short(name, states, many, section.sigma_crit, section.derived_metrics))
            layer_id = runner.layer.layer_id if not point else f"{runner.layer.layer_id} ({name})"
            layers[layer_id] = Layer(layer_id=layer_id, patterns=runner.layer.patterns, state_trajectory=states)
            patterns.update(runner.patterns)
            step()
    effect = {without: counterfactual_numbers(base, without, max(32, count))} if without is not None else {}
    outcome.lap("simulating")
    result = Simulation(
        layer_id=base.layer.layer_id,
        version=base.config.version(),
        t_end=base.config.t_end,
        dt=base.config.dt,
        sigma_crit=section.sigma_crit,
        scenarios=found,
        counterfactual=effect,
    )
    outcome.config, outcome.seeds = section.model_dump(mode="json"), {"simulation": section.seed}
    outcome.counts = {"runs": count, "points": len(points)}
    outcome.keep(
        {
            SIMULATION_FILE: lambda file: write_json(file, result.model_dump(mode="json")),
            "layers.jsonl": lambda file: save_layers(file, layers),
            "patterns.jsonl": lambda file: save_patterns(file, patterns),
        }
    )
    _print(result, next(iter(layers.values())).state_trajectory, limit, as_json)
    for told in outcome.warnings:
        note(told)
    if out is None and folder is not None:
        note(f"kept in {folder}, which is output_dir of the configuration")


def _section(config: str, settings: Iterable[str], steps: int | None, **changes: Any) -> SimulationSection:
    """The section of a configuration with what the command line changes."""
    from pydantic import ValidationError

    from qmpt.config.loader import load_config
    from qmpt.config.schemas import SimulationSection
    from qmpt.errors import validation_message

    loaded = load_config(config).simulation
    if loaded is None:
        raise ConfigError(
            f"{config} has no section simulation, and this command reads no other; add one, or leave CONFIG out"
        )
    given = loaded.model_dump(exclude_unset=True)
    given["params"] = {**loaded.params, **_constants(settings)}
    given |= {name: value for name, value in changes.items() if value is not None}
    if steps is not None:
        given["horizon"] = steps
        given.pop("t_end", None)
    try:
        return SimulationSection.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"simulation: {validation_message(error, SimulationSection)}") from None


def _constants(settings: Iterable[str]) -> dict[str, Any]:
    """Constants from words ``key=value``."""
    found = {}
    for word in settings:
        key, sign, value = word.partition("=")
        try:
            if not (key and sign):
                raise ValueError(word)
            found[key] = _constant(value)
        except ValueError:
            raise ConfigError(f"--set {word!r}: write it as --set eta_s=0.02, with a number or other JSON") from None
    return found


def _constant(text: str) -> Any:
    """JSON, or a number in a form that JSON lacks, such as ``.1``."""
    try:
        return json.loads(text)
    except ValueError:
        return float(text)


def _points(section: SimulationSection) -> list[dict[str, Any]]:
    """The points of a sweep, or one point that changes nothing."""
    grid = section.ensemble.param_grid if section.ensemble.enabled else {}
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _print(result: Simulation, states: list[LayerState], limit: int, as_json: bool) -> None:
    if as_json:
        say_json(result.model_dump(mode="json"))
        return
    from qmpt.viz.reports_caveats import GENERAL, SIMULATION

    say_text(f"{result.layer_id}: t = 0 to {result.t_end:g} in steps of {result.dt:g}, {result.version}")
    say()
    if len(result.scenarios) == 1:
        _print_course(states)
        _print_scenario(result.scenarios[0], result.sigma_crit, limit)
        _print_metrics(result.scenarios[0])
    else:
        _print_sweep(result.scenarios)
        _print_derived(result.scenarios)
    for pattern_id, numbers in result.counterfactual.items():
        say_text(f"With {pattern_id} minus without it, over pairs of runs under the same chances:")
        say()
        rows = [(f"{mean:+.3f}", f"{low:+.3f} to {high:+.3f}", name) for name, (mean, low, high) in numbers.items()]
        say_table(("mean", "95 % interval", "quantity"), rows, right=(0,))
        say()
    say_text(f"{GENERAL} {SIMULATION}")


def _print_course(states: list[LayerState]) -> None:
    from qmpt.cli.simulating import sparkline
    from qmpt.viz.reports_text import number

    capacity = [float(state.macro_state["capacity"]) for state in states]
    most = number(max(capacity))
    courses = {
        "stress": ([state.stress or 0.0 for state in states], 1.0, "1"),
        "protection": ([state.protection or 0.0 for state in states], 1.0, "1"),
        "capacity": (capacity, max(capacity), most),
    }
    for name, (values, high, told) in courses.items():
        say(f"{name:<10}  {sparkline(values, 0.0, high, _COURSE - len(most))}  0 to {told}")
    say()


def _print_scenario(scenario: SimulatedScenario, sigma_crit: float, limit: int) -> None:
    from qmpt.viz.reports_text import number

    rows = [
        (f"{one.t:g}", one.mode or "-", number(one.stress), number(one.protection), number(one.capacity), one.what)
        for one in scenario.moments
    ]
    if len(rows) > limit:
        note(f"{limit} of {len(rows)} moments are shown; --limit {len(rows)} shows all")
        rows = [*rows[: limit - 1], rows[-1]]
    say_table(("t", "regime", "stress", "prot.", "capacity", "what"), rows, right=(0, 2, 3, 4))
    say()
    if scenario.runs > 1:
        shares = ", ".join(f"{mode} {100.0 * share:.0f} %" for mode, share in scenario.final_modes.items())
        say_text(f"{scenario.runs} runs; the table shows their means. At the end: {shares}.")
        ends = "; ".join(f"{name} {number(low)} to {number(high)}" for name, (_, low, high) in scenario.final.items())
        say_text(f"Middle 90 % of the runs at the end: {ends}.")
    say_text(f"Stress is above {sigma_crit:g} for {100.0 * scenario.share_above:.0f} % of the time.")
    say()


def _print_metrics(scenario: SimulatedScenario) -> None:
    """The numbers of a run, or their means over the runs that have them."""
    from qmpt.viz.reports_text import number

    if scenario.runs > 1:
        _print_summary(list(scenario.metrics.items()))
    else:
        rows = [(number(value, 3), name) for name, value in scenario.metrics_by_run[0].items()]
        say_table(("value", "number of the run"), rows, right=(0,))
    say()


def _print_derived(scenarios: list[SimulatedScenario]) -> None:
    found = [(f"{name}; {one.scenario}", one.metrics[name]) for one in scenarios for name in one.derived]
    if found:
        _print_summary(found)
        say()


def _print_summary(found: list[tuple[str, dict[str, float | None]]]) -> None:
    """Numbers over several runs: how many runs have them, the mean, and its interval."""
    from qmpt.viz.reports_text import interval_text, number

    rows = []
    for name, one in found:
        low, high = one["low"], one["high"]
        interval = None if low is None or high is None else (low, high)
        rows.append((f"{one['n'] or 0:g}", number(one["mean"], 3), interval_text(interval, 3), name))
    say_table(("runs", "mean", "95 % interval", "number of the run"), rows, right=(0, 1))


def _print_sweep(scenarios: list[SimulatedScenario]) -> None:
    from qmpt.viz.reports_text import number

    rows = [
        (
            number(one.peak_stress),
            *(number(one.final[name][0]) for name in ("stress", "protection", "capacity")),
            max(one.final_modes, key=one.final_modes.__getitem__),
            one.scenario,
        )
        for one in scenarios
    ]
    say_table(("peak", "stress", "prot.", "capacity", "regime", "scenario, at the end"), rows, right=(0, 1, 2, 3))
    say()
