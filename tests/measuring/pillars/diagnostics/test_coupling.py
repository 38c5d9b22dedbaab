# SPDX-License-Identifier: Apache-2.0
"""The sweep counts independent runs, and its conclusion says how far it is supported."""

from __future__ import annotations

import math
import random

import pytest

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.diagnostics import OracleKernelCouplingDiagnostic
from ophamin.measuring.pillars.diagnostics.coupling import collapsed, conclude
from ophamin.seeing.substrate.mock import MockSubstrate


class Seeded:
    """Collapses with a probability that the coefficient sets; takes its seed on reset."""

    def __init__(self, rates):
        self.rates = rates
        self.seeds = []
        self.params = []

    def reset(self, seed=0):
        self.seeds.append(seed)
        self.random = random.Random(seed)

    def run_cycle(self, stimulus, params=None):
        self.params.append(params)
        draw = self.random.random()
        return CycleResult(0, draw >= self.rates[params["entropy_coefficient"]], {"draw": draw})


def test_a_mock_that_collapses_at_low_entropy_is_miscalibrated():
    report = OracleKernelCouplingDiagnostic(n_reps=10).sweep(
        lambda seed: MockSubstrate(seed=seed, collapse_cells=["a"]), ["a"]
    )
    assert [(one.coefficient, one.rate) for one in report.rates] == [(0.005, 1), (0.01, 1), (0.05, 0), (0.2, 0)]
    assert (report.conclusion, report.supported) == ("miscalibrated_boundary_logic", True)
    assert (report.repetitions, report.reason) == (10, "")


@pytest.mark.parametrize(
    ("rates", "conclusion"),
    [
        ((1.0, 1.0), "intrinsic_exploration"),
        ((1.0, 0.0), "miscalibrated_boundary_logic"),
        ((0.0, 0.0), "no_collapse"),
    ],
)
def test_the_three_conclusions(rates, conclusion):
    system = Seeded(dict(zip((0.1, 0.2), rates, strict=True)))
    report = OracleKernelCouplingDiagnostic((0.1, 0.2), n_reps=8).sweep(system, ["a"])
    assert (report.conclusion, report.supported) == (conclusion, True)


def test_five_clean_runs_do_not_support_that_there_is_no_collapse():
    report = OracleKernelCouplingDiagnostic((0.1,), n_reps=5).sweep(Seeded({0.1: 0.0}), ["a"])
    # 1 - 0.025 ** (1 / 5) = 0.5218: five clean runs do not exclude a rate of one half
    assert report.rates[0].ci_high == pytest.approx(0.5218, abs=5e-5)
    assert (report.conclusion, report.supported) == ("no_collapse", False)


def test_every_run_gets_a_seed_of_its_own():
    system = Seeded({0.1: 0.5, 0.2: 0.5})
    report = OracleKernelCouplingDiagnostic((0.1, 0.2), n_reps=50).sweep(system, ["a", "b"])
    assert len(system.seeds) == len(set(system.seeds)) == 200
    assert all(0 <= seed < 2**32 for seed in system.seeds)
    assert [one.n for one in report.rates] == [100, 100]
    assert report.seeding.startswith("reset(seed=...)")
    again = Seeded({0.1: 0.5, 0.2: 0.5})
    assert OracleKernelCouplingDiagnostic((0.1, 0.2), n_reps=50).sweep(again, ["a", "b"]) == report
    assert again.seeds == system.seeds


def test_each_cell_is_run_at_each_coefficient():
    system = Seeded({0.1: 0.0, 0.2: 0.0})
    OracleKernelCouplingDiagnostic((0.1, 0.2), n_reps=2).sweep(system, ["a", "b"])
    assert [(one["entropy_coefficient"], one["cell"]) for one in system.params] == [
        (0.1, "a"), (0.1, "a"), (0.1, "b"), (0.1, "b"), (0.2, "a"), (0.2, "a"), (0.2, "b"), (0.2, "b"),
    ]  # fmt: skip


def test_repetitions_that_are_reset_to_one_seed_count_as_one():
    # the mock's own reset takes no seed and brings the same numbers back
    report = OracleKernelCouplingDiagnostic(n_reps=5).sweep(MockSubstrate(seed=3, collapse_cells=["a"]), ["a", "b"])
    assert [one.n for one in report.rates] == [2, 2, 2, 2]
    assert report.repetitions == 1
    assert "count as 1" in report.reason
    assert report.supported is False


def test_a_duration_does_not_make_repetitions_differ():
    class Timed(Seeded):
        def run_cycle(self, stimulus, params=None):
            time = len(self.seeds)
            return CycleResult(0, True, {"phi": 1, "wall_time_s": time, "cycle_latency_ns": time, "run_seconds": time})

    assert OracleKernelCouplingDiagnostic((0.1,), n_reps=5).sweep(Timed({}), ["a"]).rates[0].n == 1


def test_runs_that_could_not_be_measured_leave_the_denominator():
    class Shaky(Seeded):
        def run_cycle(self, stimulus, params=None):
            draw = self.random.random()
            if draw < 0.3:
                raise ConnectionError("gone")
            return CycleResult(0, draw <= 0.8, {"draw": draw}, error="late" if draw > 0.8 else None)

    rate = OracleKernelCouplingDiagnostic((0.1,), n_reps=40).sweep(Shaky({}), ["a"]).rates[0]
    assert rate.n + rate.errors == 40
    assert 5 < rate.errors < 35
    assert rate.rate == 0.0


def test_a_coefficient_without_a_measured_run_leaves_the_question_open():
    class Dead(Seeded):
        def run_cycle(self, stimulus, params=None):
            raise ConnectionError(self.seeds[-1])

    report = OracleKernelCouplingDiagnostic((0.1,), n_reps=3).sweep(Dead({}), ["a"])
    assert (report.conclusion, report.supported, report.rates[0].rate, report.rates[0].ci_low) == (
        None,
        False,
        None,
        None,
    )
    assert "no run could be measured at the coefficients [0.1]" in report.reason


def test_what_a_collapse_is_can_be_said():
    report = OracleKernelCouplingDiagnostic((0.1,), n_reps=9).sweep(
        Seeded({0.1: 0.0}), ["a"], is_collapse=lambda result: result.raw["draw"] >= 0.0
    )
    assert report.rates[0].rate == 1.0


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (CycleResult(0, True), False),
        (CycleResult(0, False), True),
        *((CycleResult(0, True, halt_mode=mode), True) for mode in ("amplitude_death", "rollback", "collapse", "halt")),
        (CycleResult(0, True, halt_mode="commit"), False),
    ],
)
def test_a_collapse_is_no_success_or_one_of_four_halts(result, expected):
    assert collapsed(result) is expected


def test_the_rate_at_the_threshold_persists():
    report = conclude({0.1: [True] * 5 + [False] * 5}, 0.5, 0.95, 10, "declared")
    assert (report.rates[0].persists, report.rates[0].certain) == (True, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"coefficients": ()}, "at least one, each once"),
        ({"coefficients": (0.1, 0.1)}, "at least one, each once"),
        ({"n_reps": 0}, "n_reps is 0"),
        ({"persist_threshold": 0.0}, "persist_threshold is 0.0"),
        ({"persist_threshold": math.nan}, "persist_threshold is nan"),
        ({"confidence": 1}, "confidence is 1"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(arguments, said):
    with pytest.raises(ClaimError, match=said):
        OracleKernelCouplingDiagnostic(**arguments)


def test_what_is_no_system_and_no_factory_is_refused():
    diagnostic = OracleKernelCouplingDiagnostic()
    with pytest.raises(ClaimError, match="neither a system"):
        diagnostic.sweep("kernel", ["a"])
    with pytest.raises(ClaimError, match="has no run_cycle"):
        diagnostic.sweep(lambda _: None, ["a"])
    with pytest.raises(ClaimError, match="no cells"):
        diagnostic.sweep(MockSubstrate(), [])
