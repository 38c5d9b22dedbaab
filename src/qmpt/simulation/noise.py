# SPDX-License-Identifier: Apache-2.0
"""Random draws that depend on the seed, the number of the run and the step alone.

Two layers that share a seed meet the same chances, whatever else differs between them: common random numbers. Runs of
one seed have independent streams, as `numpy.random.SeedSequence` spawns them.
"""

from __future__ import annotations

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

    Example:
        >>> next(iter(EnsembleNoise(7, 2).normals()))[:, 1].tolist() == list(RunNoise(7, 1).normal(0))
        True
    """

    def __init__(self, seed: int, runs: int, first: int = 0) -> None:
        self._seed, self._replicates = seed, range(first, first + runs)

    def normals(self) -> _Blocks:
        """Arrays of shape (3, runs), one per step."""
        return _Blocks([_generator(self._seed, one, _NORMAL) for one in self._replicates], normal=True)

    def uniforms(self) -> _Blocks:
        """Arrays of shape (runs,), one per step."""
        return _Blocks([_generator(self._seed, one, _UNIFORM) for one in self._replicates], normal=False)


class _Blocks:
    """Draws many steps of each generator at a time, and hands them out step by step."""

    def __init__(self, generators: list[np.random.Generator], *, normal: bool) -> None:
        self._generators, self._normal = generators, normal
        self._block: Array = np.empty(0)
        self._next = 0

    def __iter__(self) -> _Blocks:
        return self

    def __next__(self) -> Array:
        if self._next >= len(self._block):
            drawn = np.stack(
                [
                    one.standard_normal((_BLOCK, CHANNELS)) if self._normal else one.random(_BLOCK)
                    for one in self._generators
                ],
                axis=-1,
            )
            self._block, self._next = drawn, 0
        row: Array = self._block[self._next]
        self._next += 1
        return row
