# SPDX-License-Identifier: Apache-2.0
"""Kernel coupling: does a collapse go away when a coefficient is raised, or does it belong to the system?

A system is run in some cells at each of several coefficients, several times, each time with a seed of its own. Runs
that were reset to one seed are one run, however often they are repeated; where all repetitions come out byte for
byte alike they are counted as one, and the report says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.inference.values import finite_numbers, shown
from ophamin.measuring.pillars.diagnostics.intervals import clopper_pearson
from ophamin.measuring.pillars.robustness.declared import require_count, require_share

__all__ = [
    "COLLAPSE_HALTS",
    "CONCLUSIONS",
    "CoefficientRate",
    "CouplingReport",
    "OracleKernelCouplingDiagnostic",
    "collapsed",
    "conclude",
]

COLLAPSE_HALTS: Final = frozenset({"amplitude_death", "rollback", "collapse", "halt"})
"""Halt modes that are a collapse."""

CONCLUSIONS: Final = ("intrinsic_exploration", "miscalibrated_boundary_logic", "no_collapse")
"""Collapse persists at every coefficient; at some; at none."""


class _System(Protocol):
    def reset(self) -> None: ...
    def run_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None) -> CycleResult: ...


@dataclass(frozen=True, slots=True)
class CoefficientRate:
    """How often the system collapsed at one coefficient.

    Attributes:
        coefficient: its value.
        collapsed: runs that collapsed.
        n: independent runs that could be measured.
        rate: their share; None where no run could be measured.
        ci_low: lower end of its exact interval, or None.
        ci_high: upper end, or None.
        persists: whether the rate reaches the threshold; None where there is no rate.
        certain: whether the whole interval lies on that side of the threshold.
        errors: runs that could not be measured.
    """

    coefficient: float
    collapsed: int
    n: int
    rate: float | None
    ci_low: float | None
    ci_high: float | None
    persists: bool | None
    certain: bool
    errors: int


@dataclass(frozen=True, slots=True)
class CouplingReport:
    """The rates of all coefficients, and what follows from them.

    Attributes:
        rates: one per coefficient, in the order given.
        conclusion: one of `CONCLUSIONS`, from the rates; None where a coefficient has none.
        supported: whether every interval lies wholly on its side of the threshold. Where it is False the conclusion
            is that of the estimates alone: five clean runs only bound a rate by 0.52 (0.45 one-sided).
        persist_threshold: rate from which collapse is said to persist.
        confidence: level of the intervals.
        repetitions: independent repetitions per cell and coefficient.
        seeding: how each repetition got a seed of its own.
        reason: why there is no conclusion, or why repetitions were not counted; empty where there is nothing to say.
    """

    rates: tuple[CoefficientRate, ...]
    conclusion: str | None
    supported: bool
    persist_threshold: float
    confidence: float
    repetitions: int
    seeding: str
    reason: str


def collapsed(result: CycleResult) -> bool:
    """Whether a cycle is a collapse: no success, or one of `COLLAPSE_HALTS`.

    >>> collapsed(CycleResult(0, True, halt_mode="rollback")), collapsed(CycleResult(0, True))
    (True, False)
    """
    return not result.success or result.halt_mode in COLLAPSE_HALTS


class OracleKernelCouplingDiagnostic:
    """Sweeps a coefficient and counts collapses.

    Args:
        coefficients: values of the coefficient, each once; at least one.
        n_reps: repetitions per cell and coefficient, each with a seed of its own.
        persist_threshold: rate from which collapse persists, above 0, at most 1.
        parameter: name under which the coefficient is given to the system.
        confidence: level of the intervals.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> from ophamin.seeing.substrate.mock import MockSubstrate
        >>> diagnostic = OracleKernelCouplingDiagnostic(n_reps=10)
        >>> report = diagnostic.sweep(lambda seed: MockSubstrate(seed=seed, collapse_cells=["a"]), ["a"])
        >>> [one.rate for one in report.rates], report.conclusion, report.supported
        ([1.0, 1.0, 0.0, 0.0], 'miscalibrated_boundary_logic', True)
    """

    def __init__(
        self,
        coefficients: Sequence[float] = (0.005, 0.01, 0.05, 0.20),
        n_reps: int = 5,
        persist_threshold: float = 0.5,
        *,
        parameter: str = "entropy_coefficient",
        confidence: float = 0.95,
    ) -> None:
        self.coefficients = tuple(finite_numbers(coefficients))
        if not self.coefficients or len(set(self.coefficients)) < len(self.coefficients):
            raise ClaimError(f"the coefficients are {shown(coefficients)}; give at least one, each once")
        self.n_reps = require_count("n_reps", n_reps, 1)
        self.persist_threshold = require_threshold(persist_threshold)
        self.parameter = parameter
        self.confidence = require_share("confidence", confidence)

    def sweep(
        self,
        sut: Any,
        cells: Sequence[Any],
        *,
        stimulus: Any = "",
        is_collapse: Callable[[CycleResult], bool] = collapsed,
        seed: int = 0,
    ) -> CouplingReport:
        """Run every cell at every coefficient, ``n_reps`` times.

        Args:
            sut: a system, or a factory that takes a seed and gives one. A system whose ``reset`` takes ``seed`` is
                reset to a new seed before each run; another one is reset plainly, so that its repetitions differ
                only where its ``reset`` does not bring the same numbers back. Use a factory for those.
            cells: where in the system it is run; given to it as ``cell``.
            stimulus: what is put in.
            is_collapse: tells a collapse from the result of a cycle.
            seed: of the seeds.

        Raises:
            ClaimError: there are no cells, or ``sut`` is neither a system nor a factory.
        """
        if not cells:
            raise ClaimError("there are no cells; give at least one, such as ['entity']")
        start, seeding = _starter(sut)
        seeds = iter(_distinct_seeds(seed, len(self.coefficients) * len(cells) * self.n_reps))
        runs: dict[float, list[list[tuple[bool | None, str]]]] = {}
        for coefficient in self.coefficients:
            params = {self.parameter: coefficient}
            runs[coefficient] = [
                [_run(start(next(seeds)), stimulus, {**params, "cell": cell}, is_collapse) for _ in range(self.n_reps)]
                for cell in cells
            ]
        alike = self.n_reps > 1 and all(
            len({text for _, text in reps}) == 1 for cell_runs in runs.values() for reps in cell_runs
        )
        counted = 1 if alike else self.n_reps
        outcomes = {
            coefficient: [outcome for reps in cell_runs for outcome, _ in reps[:counted]]
            for coefficient, cell_runs in runs.items()
        }
        reason = (
            f"all {self.n_reps} repetitions are byte for byte alike, so that they count as 1; "
            "give a factory that takes a seed, or a reset that does, unless the system is deterministic"
        )
        return conclude(outcomes, self.persist_threshold, self.confidence, counted, seeding, reason if alike else "")


def conclude(
    outcomes: Mapping[float, Sequence[bool | None]],
    persist_threshold: float,
    confidence: float,
    repetitions: int,
    seeding: str,
    reason: str = "",
) -> CouplingReport:
    """The rates of all coefficients, and what follows from them.

    Args:
        outcomes: coefficient -> whether each independent run collapsed; None where it could not be measured.
        persist_threshold: rate from which collapse persists.
        confidence: level of the intervals.
        repetitions: as in `CouplingReport`.
        seeding: as in `CouplingReport`.
        reason: what is to be said anyway.

    Example:
        >>> conclude({0.1: [True] * 8, 0.2: [False] * 8}, 0.5, 0.95, 8, "declared").conclusion
        'miscalibrated_boundary_logic'
    """
    rates = tuple(_rate(one, runs, persist_threshold, confidence) for one, runs in outcomes.items())
    persisting = [rate.persists for rate in rates]
    conclusion = None
    if None in persisting:
        empty = [rate.coefficient for rate in rates if rate.persists is None]
        reason = "; ".join(filter(None, (reason, f"no run could be measured at the coefficients {empty}")))
    else:
        conclusion = CONCLUSIONS[0] if all(persisting) else CONCLUSIONS[1] if any(persisting) else CONCLUSIONS[2]
    supported = conclusion is not None and all(rate.certain for rate in rates)
    return CouplingReport(rates, conclusion, supported, persist_threshold, confidence, repetitions, seeding, reason)


def require_threshold(threshold: object) -> float:
    """The threshold, where it lies above 0 and is at most 1.

    Raises:
        ClaimError: it does not.

    Example:
        >>> require_threshold(0.5)
        0.5
    """
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0.0 < threshold <= 1.0:
        raise ClaimError(f"persist_threshold is {shown(threshold)}; it lies above 0 and is at most 1")
    return float(threshold)


def _rate(coefficient: float, runs: Sequence[bool | None], threshold: float, confidence: float) -> CoefficientRate:
    measured = [one for one in runs if one is not None]
    errors, n, k = len(runs) - len(measured), len(measured), sum(measured)
    if n == 0:
        return CoefficientRate(coefficient, 0, 0, None, None, None, None, certain=False, errors=errors)
    low, high = clopper_pearson(k, n, confidence)
    persists = k / n >= threshold
    certain = low >= threshold if persists else high < threshold
    return CoefficientRate(coefficient, k, n, k / n, low, high, persists, certain, errors)


def _starter(sut: Any) -> tuple[Callable[[int], _System], str]:
    """What gives a system in its first state for a seed, and how, in words."""
    if (
        callable(getattr(sut, "run_cycle", None))
        and callable(getattr(sut, "reset", None))
        and not isinstance(sut, type)
    ):

        def reseeded(seed: int) -> _System:
            sut.reset(seed=seed)
            return sut  # type: ignore[no-any-return]  # it has the two methods

        def plain(_: int) -> _System:
            sut.reset()
            return sut  # type: ignore[no-any-return]  # it has the two methods

        if _takes_seed(sut.reset):
            return reseeded, "reset(seed=...) with a new seed before each run"
        return plain, "reset() before each run; the system takes no seed"
    if callable(sut):
        return _from_factory(sut), "a new system from the factory, with a new seed, for each run"
    raise ClaimError(f"{shown(sut)} is neither a system with reset and run_cycle nor a factory that takes a seed")


def _from_factory(factory: Callable[[int], Any]) -> Callable[[int], _System]:
    def start(seed: int) -> _System:
        system = factory(seed)
        if not callable(getattr(system, "run_cycle", None)):
            raise ClaimError(f"the factory gave {shown(system)}, which has no run_cycle; it gives a system")
        return system  # type: ignore[no-any-return]  # it has the method that is used

    return start


def _takes_seed(reset: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(reset).parameters.values()
    except (TypeError, ValueError):  # a builtin may have no signature
        return False
    return any(one.name == "seed" or one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)


def _distinct_seeds(seed: int, n: int) -> list[int]:
    """``n`` seeds of 32 bits that all differ."""
    import numpy as np

    require_count("the seed", seed, 0)
    drawn: dict[int, None] = {}
    sequence = np.random.SeedSequence(seed)
    while len(drawn) < n:
        (child,) = sequence.spawn(1)
        drawn.update(dict.fromkeys(child.generate_state(n).tolist()))
    return list(drawn)[:n]


def _run(
    system: _System, stimulus: Any, params: Mapping[str, Any], is_collapse: Callable[[CycleResult], bool]
) -> tuple[bool | None, str]:
    """Whether one run collapsed, None where it could not be measured; and all it gave, as text."""
    try:
        result = system.run_cycle(stimulus, params)
    except Exception as error:  # noqa: BLE001 - a system may raise anything; it is a run that was not measured
        return None, f"{type(error).__name__}: {error}"
    outcome = None if result.failed_to_measure else bool(is_collapse(result))
    given = {name: value for name, value in result.raw.items() if not _is_time(name)}
    return outcome, repr((result.success, result.halt_mode, result.error, given))


def _is_time(name: str) -> bool:
    """Whether a key holds a duration, which differs between runs that are otherwise one and the same."""
    return "latency" in name or name == "wall_time_s" or name.endswith(("_ms", "_us", "_ns", "_seconds"))
