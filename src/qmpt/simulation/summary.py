# SPDX-License-Identifier: Apache-2.0
"""A run of a layer in a few numbers, and arithmetic on them that a configuration may ask for.

A number that does not exist, such as the time of a collapse that never came, is None.
"""

from __future__ import annotations

import ast
import math
import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from qmpt.data.models import LayerState
from qmpt.errors import ConfigError, DataError, nearest_name
from qmpt.metrics.layer_regimes import MODES

__all__ = ["MAX_EXPRESSION", "RUN_METRICS", "course_metrics", "derived_metrics", "run_metrics", "summarise_runs"]

RUN_METRICS: Final = (
    *("stress_max", "stress_mean", "stress_sd", "time_above_critical"),
    *("protection_min", "capacity_min", "capacity_final"),
    *(f"first_{mode}" for mode in MODES),
    "recovery_time",
)
"""The names of the numbers of a run."""

MAX_EXPRESSION: Final = 200
"""Longest expression, in characters."""
_LARGEST_EXPONENT: Final = 16.0
_MAX_NODES: Final = 100

_BINARY: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: Final[dict[type[ast.unaryop], Callable[[float], float]]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}


def run_metrics(states: Sequence[LayerState], *, sigma_crit: float = 0.8) -> dict[str, float | None]:
    """What is worth keeping of one run.

    Args:
        states: evenly spaced, as `SimulationRunner.run` gives them; at least one, each with a stress.
        sigma_crit: stress above which time is counted, in [0, 1].

    Returns:
        ``stress_max``, ``stress_mean``, ``stress_sd``, ``time_above_critical`` (share of the states),
        ``protection_min``, ``capacity_min``, ``capacity_final``, ``first_<mode>`` (time of entry to each regime) and
        ``recovery_time`` (from the first collapse to the next other regime).

    Raises:
        DataError: no states, or one without a stress.
        ConfigError: ``sigma_crit`` out of its range.

    Example:
        >>> states = [LayerState(t=t, stress=s, macro_state={"capacity": 1.0}) for t, s in enumerate((0.2, 0.9))]
        >>> found = run_metrics(states)
        >>> found["stress_max"], found["time_above_critical"], found["first_collapse"]
        (0.9, 0.5, None)
    """
    stress = [state.stress for state in states if state.stress is not None]
    if not states or len(stress) < len(states):
        raise DataError(f"{len(stress)} of {len(states)} states have a stress; give a run in which all do")
    protection = [state.protection for state in states if state.protection is not None]
    capacity = [float(value) for state in states if (value := state.macro_state.get("capacity")) is not None]
    modes = [state.macro_state.get("mode") for state in states]
    return course_metrics([state.t for state in states], stress, protection, capacity, modes, sigma_crit=sigma_crit)


def course_metrics(
    times: Sequence[float],
    stress: Sequence[float],
    protection: Sequence[float],
    capacity: Sequence[float],
    modes: Sequence[str | None],
    *,
    sigma_crit: float = 0.8,
) -> dict[str, float | None]:
    """The numbers of `run_metrics` from plain columns, such as those of one run of an ensemble.

    Args:
        times: of the states; at least one.
        stress: at each time.
        protection: where it is known, in order of time.
        capacity: where it is known, in order of time.
        modes: regime at each time; None before the first is found.
        sigma_crit: stress above which time is counted, in [0, 1].

    Raises:
        ConfigError: ``sigma_crit`` out of its range.

    Example:
        >>> found = course_metrics([0.0, 1.0], [0.2, 0.9], [], [], ["stagnation", "collapse"])
        >>> tuple(found) == RUN_METRICS, found["first_collapse"], found["capacity_min"]
        (True, 1.0, None)
    """
    if not 0.0 <= sigma_crit <= 1.0:
        raise ConfigError(f"sigma_crit is {sigma_crit}; give a stress in [0, 1]")
    first = {mode: times[modes.index(mode)] if mode in modes else None for mode in MODES}
    after = None if first["collapse"] is None else modes.index("collapse")
    recovered = (
        None
        if after is None
        else next((t for t, mode in zip(times[after:], modes[after:], strict=True) if mode != "collapse"), None)
    )
    return {
        "stress_max": max(stress),
        "stress_mean": statistics.fmean(stress),
        "stress_sd": statistics.pstdev(stress),
        "time_above_critical": sum(value > sigma_crit for value in stress) / len(stress),
        "protection_min": min(protection, default=None),
        "capacity_min": min(capacity, default=None),
        "capacity_final": capacity[-1] if capacity else None,
        **{f"first_{mode}": time for mode, time in first.items()},
        "recovery_time": None if recovered is None or after is None else recovered - times[after],
    }


def summarise_runs(
    runs: Sequence[Mapping[str, float | None]], *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> dict[str, dict[str, float | None]]:
    """Each number over several runs: how many have it, its mean with a bootstrap interval, and its spread.

    Args:
        runs: as `run_metrics` gives them, independent of each other; at least one.
        level: of the interval, in (0, 1).
        resamples: of the bootstrap over runs, at least 100.
        seed: of the bootstrap.

    Returns:
        For each number ``n``, ``mean``, ``low``, ``high``, ``sd``, ``min`` and ``max``; None where no run has it, and
        for the interval and the spread where only one has.

    Raises:
        DataError: no runs, or runs with different numbers.
        ConfigError: an argument out of its range.

    Example:
        >>> summarise_runs([{"stress_max": 0.2}, {"stress_max": 0.4}])["stress_max"]["n"]
        2.0
    """
    import numpy as np

    if not 0.0 < level < 1.0 or resamples < 100:
        raise ConfigError(f"level and resamples are {level} and {resamples}; give one in (0, 1) and at least 100")
    if not runs or any(run.keys() != runs[0].keys() for run in runs):
        raise DataError(f"{len(runs)} runs do not have the same numbers; give at least one, and all from one source")
    draw, summary = np.random.default_rng(seed), {}
    for name in runs[0]:
        values = np.array([run[name] for run in runs if run[name] is not None], dtype=np.float64)
        n = len(values)
        found: dict[str, float | None] = dict.fromkeys(("mean", "low", "high", "sd", "min", "max"))
        if n:
            found |= {"mean": float(values.mean()), "min": float(values.min()), "max": float(values.max())}
        if n > 1:
            means = [values[draw.integers(n, size=n)].mean() for _ in range(resamples)]  # in the memory of one resample
            low, high = np.quantile(means, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
            found |= {"low": float(low), "high": float(high), "sd": float(values.std(ddof=1))}
        summary[name] = {"n": float(n), **found}
    return summary


def derived_metrics(expressions: Mapping[str, str], metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """Numbers computed from others by the arithmetic that a configuration gives: ``+ - * / **``, brackets, names.

    An expression may use those before it. Where a number it uses is None, so is the result.

    Args:
        expressions: name -> expression, at most `MAX_EXPRESSION` characters long.
        metrics: name -> number; with None for each of them only the expressions are checked.

    Raises:
        ConfigError: an unknown name, anything but arithmetic, an exponent above 16, a division by 0, or a result that
            is not finite.

    Example:
        >>> derived_metrics({"excess": "stress_max - 0.5"}, {"stress_max": 0.75})
        {'excess': 0.25}
    """
    known = dict(metrics)
    derived: dict[str, float | None] = {}
    for name, text in expressions.items():
        if name in known:
            raise ConfigError(f"{name!r} is a number already; give the derived one another name")
        known[name] = derived[name] = _evaluated(name, text, known)
    return derived


def _evaluated(name: str, text: str, known: Mapping[str, float | None]) -> float | None:
    if len(text) > MAX_EXPRESSION:
        raise ConfigError(f"{name}: the expression has {len(text)} characters; the limit is {MAX_EXPRESSION}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ConfigError(f"{name}: {text!r} is no expression; write one such as 'stress_max - 0.5'") from None
    if sum(1 for _ in ast.walk(tree)) > _MAX_NODES:
        raise ConfigError(f"{name}: the expression has more than {_MAX_NODES} parts; split it")
    try:
        value = _value(tree.body, name, known)
    except (ZeroDivisionError, OverflowError):
        raise ConfigError(f"{name}: {text!r} divides by 0 or overflows; guard against it in the expression") from None
    if value is not None and (isinstance(value, complex) or not math.isfinite(value)):
        raise ConfigError(f"{name}: {text!r} is {value}; the result must be a finite number")
    return value


def _value(node: ast.AST, name: str, known: Mapping[str, float | None]) -> Any:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=wanted):
            if wanted not in known:
                raise ConfigError(f"{name}: {wanted!r} is no number here; {nearest_name(wanted, known)}")
            return known[wanted]
        case ast.UnaryOp(op=sign, operand=inner) if type(sign) in _UNARY:
            value = _value(inner, name, known)
            return None if value is None else _UNARY[type(sign)](value)
        case ast.BinOp(left=first, op=sign, right=second) if type(sign) in _BINARY:
            left, right = _value(first, name, known), _value(second, name, known)
            if left is None or right is None:
                return None
            if isinstance(sign, ast.Pow) and abs(right) > _LARGEST_EXPONENT:
                raise ConfigError(f"{name}: the exponent is {right}; the limit is {_LARGEST_EXPONENT}")
            return _BINARY[type(sign)](left, right)
    raise ConfigError(f"{name}: {ast.unparse(node)!r} is no arithmetic; use numbers, names, brackets and + - * / **")
