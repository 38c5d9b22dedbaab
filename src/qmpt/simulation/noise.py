# SPDX-License-Identifier: Apache-2.0
"""Random draws that depend on the seed, the number of the run and the step alone.

Two layers that share a seed meet the same chances, whatever else differs between them: common random numbers. Runs of
one seed have independent streams, as `numpy.random.SeedSequence` spawns them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHANNELS", "EnsembleNoise", "RunNoise"]

Array = NDArray[np.float64]

CHANNELS: Final = 3
"""Normal draws per step: for stress, protection and capacity."""
_BLOCK: Final = 256
_NORMAL, _UNIFORM = 0, 1


def _generator(seed: int, replicate: int, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(replicate, stream))))


class RunNoise:
    """The draws of one run, by step.

    Example:
        >>> RunNoise(7, 0).normal(300) == RunNoise(7, 0).normal(300)
        True
    """

    def __init__(self, seed: int, replicate: int) -> None:
        self._normals = _generator(seed, replicate, _NORMAL)
        self._uniforms = _generator(seed, replicate, _UNIFORM)
        self._normal_rows: list[tuple[float, float, float]] = []
        self._uniform_rows: list[float] = []

    def normal(self, step: int) -> tuple[float, float, float]:
        """Standard normal draws of a step."""
        while step >= len(self._normal_rows):
            self._normal_rows.extend(map(tuple, self._normals.standard_normal((_BLOCK, CHANNELS)).tolist()))
        return self._normal_rows[step]

    def uniform(self, step: int) -> float:
        """A uniform draw of a step, in [0, 1)."""
        while step >= len(self._uniform_rows):
            self._uniform_rows.extend(self._uniforms.random(_BLOCK).tolist())
        return self._uniform_rows[step]


class EnsembleNoise:
    """The draws of many runs, step after step; run r has those of ``RunNoise(seed, first + r)``.

    Nothing is drawn before it is asked for, and many steps of each run are drawn at a time.

    Args:
        seed: of all runs.
        runs: how many, at least 1.
        steps: how many at most, at least 1.
        first: number of the first run.

    Example:
        >>> next(EnsembleNoise(7, runs=2, steps=9).normals())[:, 1].tolist() == list(RunNoise(7, 1).normal(0))
        True
    """

    def __init__(self, seed: int, runs: int, steps: int, first: int = 0) -> None:
        self._seed, self._replicates, self._steps = seed, range(first, first + runs), steps

    def normals(self) -> Iterator[Array]:
        """Arrays of shape (3, runs), one per step."""
        generators = [_generator(self._seed, one, _NORMAL) for one in self._replicates]
        for count in self._blocks():
            yield from np.stack([one.standard_normal((count, CHANNELS)) for one in generators], axis=-1)

    def uniforms(self) -> Iterator[Array]:
        """Arrays of shape (runs,), one per step."""
        generators = [_generator(self._seed, one, _UNIFORM) for one in self._replicates]
        for count in self._blocks():
            yield from np.stack([one.random(count) for one in generators], axis=-1)

    def _blocks(self) -> Iterator[int]:
        return (min(_BLOCK, self._steps - start) for start in range(0, self._steps, _BLOCK))
