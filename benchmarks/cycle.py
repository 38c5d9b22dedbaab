# SPDX-License-Identifier: Apache-2.0
"""P7: what recording adds to a cycle, in nanoseconds, at 100,000 cycles."""

import statistics
import sys
import time

from ophamin.core.shapes import CycleResult
from ophamin.measuring.ledger import Ledger
from ophamin.seeing.substrate.base import SubstrateUnderTest
from ophamin.seeing.substrate.recording import RecordingSubstrate

CYCLES = 100_000


class Bare(SubstrateUnderTest):
    """A system that answers at once."""

    name = "bare"

    def __init__(self) -> None:
        self._answer = CycleResult(0, True, raw={"phi": 0.5})

    def git_commit(self) -> str:
        return "bare"

    def reset(self) -> None:
        pass

    def run_cycle(self, stimulus, params=None):
        return self._answer


def seconds(run, stimuli) -> float:
    started = time.process_time()
    for stimulus in stimuli:
        run(stimulus)
    return time.process_time() - started


def main() -> None:
    stimuli = [f"stimulus number {i}, a sentence of usual length" for i in range(CYCLES)]
    bare, recorded = [], []
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 9):
        system = Bare()
        bare.append(seconds(system.run_cycle, stimuli))
        recorded.append(seconds(RecordingSubstrate(system, Ledger(["phi"]).admit).run_cycle, stimuli))
    added = [(mine - other) / CYCLES * 1e9 for mine, other in zip(recorded, bare, strict=True)]
    print("\nP7: recording a cycle   (goal: <= 700 ns added)")
    base, more = statistics.median(bare) / CYCLES * 1e9, statistics.median(added)
    print(f"  bare loop {base:6.0f} ns; recording adds {more:6.0f} ns")


if __name__ == "__main__":
    main()
