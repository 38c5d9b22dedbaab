# SPDX-License-Identifier: Apache-2.0
"""Paired timings of whole processes: commands take turns, and the ratio is taken pair by pair.

CPU time of the child (user and system), since the wall clock of a shared machine says little.
"""

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def child_cpu(command: Sequence[str], cwd: Path, env: dict[str, str] | None = None) -> tuple[float, float]:
    """Run a command to its end; seconds of CPU and of wall time."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    given = {**os.environ, **(env or {})}
    given.pop("PYTHONDONTWRITEBYTECODE", None)  # users have their bytecode cached
    done = subprocess.run(command, cwd=cwd, env=given, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in {0, 5}:
        raise SystemExit(f"{command} failed with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime), wall


def paired(
    variants: dict[str, Sequence[str]], cwd: Path, *, rounds: int, before_each: Callable[[], None] = lambda: None
) -> dict[str, list[float]]:
    """CPU seconds of each variant, run in turn, one warm-up round not counted."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, command in variants.items():
            before_each()
            cpu, _ = child_cpu(command, cwd)
            if turn:
                times[name].append(cpu)
    return times


def report(title: str, times: dict[str, list[float]], base: str, goal: str) -> None:
    """Median CPU of each variant, the median of its paired ratios and differences to the base."""
    print(f"\n{title}   (goal: {goal})")
    for name, values in times.items():
        ratios = [mine / other for mine, other in zip(values, times[base], strict=True)]
        extra = [mine - other for mine, other in zip(values, times[base], strict=True)]
        print(
            f"  {name:<28} {statistics.median(values) * 1e3:9.1f} ms CPU   x {statistics.median(ratios):6.3f}"
            f"   {statistics.median(extra) * 1e3:+9.1f} ms"
        )
