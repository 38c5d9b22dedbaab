# SPDX-License-Identifier: Apache-2.0
"""Runs of a layer in short: when its regime changed, how far stress went, where it ended, and its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import ConfigError
from qmpt.viz.reports_models import Moment, SimulatedScenario

if TYPE_CHECKING:
    from qmpt.config.schemas import SimulationSection
    from qmpt.data.models import LayerState
    from qmpt.simulation.core import SimulationRunner
    from qmpt.simulation.ensemble import EnsembleRun

__all__ = ["check_section", "counterfactual_numbers", "in_short", "run_many", "sparkline", "unused_keys"]

_BLOCKS: Final = "▁▂▃▄▅▆▇█"


def check_section(section: SimulationSection) -> None:
    """Refuse what a configuration asks for and ``qmpt simulate`` cannot do, before anything is run.

    Raises:
        ConfigError: the runs shall be spread over processes, or a derived metric is no arithmetic over known numbers.

    Example:
        >>> from qmpt.config.schemas import SimulationSection
        >>> check_section(SimulationSection(horizon=5, derived_metrics={"excess": "stress_max - 0.5"}))
    """
    from qmpt.simulation.summary import RUN_METRICS, derived_metrics

    executor = section.executor
    if executor.type != "local_sequential" or (executor.max_workers or 1) > 1:
        workers = "" if executor.max_workers is None else f" with max_workers {executor.max_workers}"
        raise ConfigError(
            f"simulation.executor is {executor.type!r}{workers}, but all runs go through time together in one process; "
            "give local_sequential with max_workers 1, or leave executor out"
        )
    try:
        derived_metrics(section.derived_metrics, dict.fromkeys(RUN_METRICS))
    except ConfigError as error:
        raise ConfigError(f"simulation.derived_metrics: {error}") from None


def unused_keys(section: SimulationSection) -> list[str]:
    """The keys of a configuration that name a place to write to and are without effect, in words.

    Example:
        >>> from qmpt.config.schemas import SimulationSection
        >>> unused_keys(SimulationSection(horizon=5, logs_dir="logs"))
        ['logs_dir of the configuration is not used; everything goes to output_dir or --out']
    """
    given = [name for name in ("logs_dir", "results_dir", "registry_path") if getattr(section, name) is not None]
    return [f"{name} of the configuration is not used; everything goes to output_dir or --out" for name in given]


def run_many(runner: SimulationRunner, runs: int) -> tuple[list[LayerState], EnsembleRun]:
    """The runs, and the states: of the run itself where there is one, else the means.

    Raises:
        ConfigError: several runs without noise, a configuration that cannot be honoured, or constants under which a
            number overflows.
    """
    import numpy as np

    from qmpt.simulation.ensemble import run_ensemble

    with np.errstate(over="ignore", invalid="ignore"):  # what came of it is looked at next
        found = run_ensemble(runner, runs)
    for name in ("stress", "protection", "capacity", "novelty"):
        if not np.isfinite(getattr(found, name)).all():
            raise ConfigError(f"{name} overflows under these constants; give smaller rates and noise, or a shorter dt")
    return (runner.run() if runs == 1 else found.states()), found


def in_short(
    name: str,
    states: Sequence[LayerState],
    found: EnsembleRun,
    sigma_crit: float,
    expressions: Mapping[str, str] | None = None,
) -> SimulatedScenario:
    """The course of a layer in a few numbers.

    Args:
        name: of the scenario.
        states: as `run_many` gives them.
        found: the runs.
        sigma_crit: stress above which time is counted.
        expressions: derived metric -> arithmetic over the numbers of a run.

    Raises:
        ConfigError: an expression cannot be evaluated in one of the runs.
    """
    import numpy as np

    from qmpt.simulation.summary import summarise_runs

    stress = [state.stress or 0.0 for state in states]
    final: dict[str, tuple[float, float, float]] = {}
    for quantity in ("stress", "protection", "capacity"):
        values = getattr(found, quantity)[:, -1]
        low, high = np.quantile(values, (0.05, 0.95)).tolist()
        final[quantity] = (float(values.mean()), low, high)
    modes = Counter(str(run[-1]) for run in found.modes)
    by_run = _metrics_by_run(found, sigma_crit, expressions or {})
    return SimulatedScenario(
        scenario=name,
        runs=len(found.stress),
        moments=_moments(states),
        peak_stress=max(stress),
        least_protection=min(state.protection or 0.0 for state in states),
        share_above=float((found.stress > sigma_crit).mean()),
        final=final,
        final_modes={mode: count / len(found.stress) for mode, count in sorted(modes.items())},
        metrics=summarise_runs(by_run),
        metrics_by_run=by_run,
        derived=list(expressions or {}),
    )


def _metrics_by_run(
    found: EnsembleRun, sigma_crit: float, expressions: Mapping[str, str]
) -> list[dict[str, float | None]]:
    from qmpt.simulation.summary import course_metrics, derived_metrics

    times, runs = found.times.tolist(), []
    for stress, protection, capacity, modes in zip(
        found.stress.tolist(), found.protection.tolist(), found.capacity.tolist(), found.modes, strict=True
    ):
        numbers = course_metrics(times, stress, protection, capacity, modes, sigma_crit=sigma_crit)
        runs.append(numbers | derived_metrics(expressions, numbers))
    return runs


def counterfactual_numbers(runner: SimulationRunner, pattern_id: str, pairs: int) -> dict[str, Any]:
    """What a pattern changes, over pairs of runs with and without it under the same chances.

    Returns:
        Quantity -> mean, lower and upper end of the 95 percent interval.

    Raises:
        ConfigError: no such pattern, or no noise.
        InsufficientEvidence: fewer than 32 pairs.
    """
    import numpy as np

    from qmpt.simulation.counterfactual import counterfactual

    found = counterfactual(runner, pattern_id, pairs=pairs)
    changes = np.array(found.impact.capacity_change)
    draws = np.random.default_rng(0).integers(len(changes), size=(2000, len(changes)))
    low, high = np.quantile(changes[draws].mean(axis=1), (0.025, 0.975)).tolist()
    of = found.impact
    return {
        "final capacity": (float(changes.mean()), low, high),
        "difference of norms": (of.norm_difference.mean, of.norm_difference.low, of.norm_difference.high),
        "norm of the difference": (
            of.trajectory_difference.mean,
            of.trajectory_difference.low,
            of.trajectory_difference.high,
        ),
    }


def sparkline(values: Sequence[float], low: float, high: float, width: int = 56) -> str:
    """A series as a row of blocks: each the mean of its stretch of time.

    Args:
        values: at least one.
        low: what the lowest block stands for.
        high: what the highest stands for.
        width: most blocks.

    Example:
        >>> sparkline([0.0, 0.5, 1.0], 0.0, 1.0)
        '▁▅█'
    """
    stretches = min(width, len(values))
    text = ""
    for place in range(stretches):
        part = values[place * len(values) // stretches : (place + 1) * len(values) // stretches]
        share = (sum(part) / len(part) - low) / (high - low) if high > low else 0.0
        text += _BLOCKS[min(len(_BLOCKS) - 1, max(0, int(share * len(_BLOCKS))))]
    return text


def _moments(states: Sequence[LayerState]) -> list[Moment]:
    peak = max(range(len(states)), key=lambda place: states[place].stress or 0.0)
    found = []
    mode: Any = None
    for place, state in enumerate(states):
        what = ["begin"] if place == 0 else []
        what += [_event(event) for event in state.macro_state.get("events") or ()]
        if place and state.macro_state.get("mode") != mode:
            what.append("change of regime")
        what += ["highest stress"] if place == peak else []
        what += ["end"] if place == len(states) - 1 else []
        mode = state.macro_state.get("mode")
        if what:
            found.append(
                Moment(
                    t=state.t,
                    what=", ".join(what),
                    mode=mode,
                    stress=state.stress or 0.0,
                    protection=state.protection or 0.0,
                    capacity=float(state.macro_state["capacity"]),
                )
            )
    return found


def _event(event: dict[str, Any]) -> str:
    named = event.get("pattern_id") or event.get("value") or event.get("by") or ""
    return f"{str(event.get('kind', 'event')).replace('_', ' ')} {named}".strip()
