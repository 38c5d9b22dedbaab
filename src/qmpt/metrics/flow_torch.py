# SPDX-License-Identifier: Apache-2.0
"""``flow_torch_v1``: a neural spline flow of the library zuko, for large populations. It runs only when asked for."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, InsufficientEvidence, MissingLibraryError
from qmpt.metrics.population import PrincipalAxes

__all__ = ["SplineFlow"]

Array = NDArray[np.float64]

FEWEST: Final = 2000
_HELD_OUT: Final = 0.2
_CUT: Final = 10.0


@dataclass(slots=True)
class SplineFlow:
    """An autoregressive flow with rational quadratic splines, trained with early stopping on a held-out fifth.

    Source: Durkan and others, Neural Spline Flows, NeurIPS 2019; the implementation is zuko's.

    Attributes:
        transforms: number of autoregressive layers, at least 1.
        most_axes: the largest number of principal axes, at least 1.
        epochs: the most passes over the rows, at least 1.
        patience: passes without a better held-out likelihood before it stops, at least 1.
        seed: of the split, the weights and the batches.

    Raises:
        ConfigError: where a field is below 1.
        MissingLibraryError: where zuko or torch is not installed.
    """

    name: ClassVar[str] = "flow_torch_v1"
    version: ClassVar[str] = "flow_torch_v1@1.0.0"

    transforms: int = 3
    most_axes: int = 32
    epochs: int = 100
    patience: int = 10
    seed: int = 0
    _axes: PrincipalAxes = field(init=False, repr=False)
    _flow: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if min(self.transforms, self.most_axes, self.epochs, self.patience) < 1:
            raise ConfigError(
                f"transforms, most_axes, epochs and patience are {self.transforms}, {self.most_axes}, {self.epochs} "
                f"and {self.patience}; each must be at least 1"
            )
        _load()

    def fit(self, rows: Array) -> SplineFlow:
        """Train on rows of shape (n, d). Torch's own stream of random numbers goes on as if nothing had been drawn.

        Raises:
            InsufficientEvidence: fewer than 2,000 rows, on which such a flow learns noise.
        """
        n = len(rows)
        if n < FEWEST:
            raise InsufficientEvidence(f"flow_torch_v1 has {n} rows and needs {FEWEST}; use flow_v1 or hist_v1")
        zuko, torch = _load()
        self._axes = PrincipalAxes.fit(rows, min(rows.shape[1], n // 10, self.most_axes))
        data = torch.as_tensor(self._reduced(rows), dtype=torch.float32)
        order = torch.as_tensor(np.random.default_rng(self.seed).permutation(n))
        held, kept = data[order[: round(_HELD_OUT * n)]], data[order[round(_HELD_OUT * n) :]]
        # the seed is for this fit alone; everything is on the CPU, so there is no state of a device to keep
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self._flow = zuko.flows.NSF(data.shape[1], transforms=self.transforms, hidden_features=(64, 64))
            self._train(torch, kept, held)
        return self

    def score_samples(self, rows: Array) -> Array:
        """Log densities on the principal axes, shape (n,)."""
        _, torch = _load()
        with torch.no_grad():
            scores = self._flow().log_prob(torch.as_tensor(self._reduced(rows), dtype=torch.float32))
        return np.asarray(scores, dtype=np.float64)

    def _reduced(self, rows: Array) -> Array:
        return self._axes.project(np.clip(rows, -_CUT, _CUT))

    def _train(self, torch: Any, kept: Any, held: Any) -> None:
        optimiser = torch.optim.Adam(self._flow.parameters(), lr=1e-3)
        best, best_state, waited = float("inf"), copy.deepcopy(self._flow.state_dict()), 0
        for _ in range(self.epochs):
            for batch in kept[torch.randperm(len(kept))].split(256):
                optimiser.zero_grad()
                (-self._flow().log_prob(batch).mean()).backward()
                optimiser.step()
            with torch.no_grad():
                loss = float(-self._flow().log_prob(held).mean())
            if loss < best:
                best, best_state, waited = loss, copy.deepcopy(self._flow.state_dict()), 0
            else:
                waited += 1
            if waited >= self.patience:
                break
        self._flow.load_state_dict(best_state)


def _load() -> tuple[Any, Any]:
    try:
        return import_module("zuko"), import_module("torch")
    except ImportError as error:
        raise MissingLibraryError(
            f"flow_torch_v1 needs {error.name}, which is not installed; "
            "pip install 'pytest-ophamin[flow]', or use flow_v1"
        ) from None
