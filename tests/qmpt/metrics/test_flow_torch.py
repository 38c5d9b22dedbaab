# SPDX-License-Identifier: Apache-2.0
"""Promises about the spline flow and the random numbers of torch.

Where torch and zuko are not installed, small stand-ins with the same calls take their place: a flow whose weights are
drawn from the one global stream of random numbers, which is what torch does.
"""

import contextlib
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from qmpt.metrics.flow_torch import SplineFlow

ROWS = np.random.default_rng(0).normal(size=(2000, 2))


class Tensor(np.ndarray):
    """An array with the calls of a tensor that training makes."""

    def split(self, size):
        return [self[start : start + size] for start in range(0, len(self), size)]

    def backward(self):
        pass


def tensor(values, dtype=None):
    return np.asarray(values, dtype=dtype).view(Tensor)


class Flow:
    """A normal density with a shift that is drawn, and that each step of training moves at random."""

    def __init__(self, stream, width):
        self.stream, self.shift = stream, stream.normal(size=width)

    def __call__(self):
        return SimpleNamespace(log_prob=lambda rows: tensor(-0.5 * ((rows - self.shift) ** 2).sum(axis=1)))

    def parameters(self):
        return [self]

    def state_dict(self):
        return {"shift": self.shift}

    def load_state_dict(self, state):
        self.shift = state["shift"]

    def step(self):
        self.shift = self.shift + 0.1 * self.stream.normal(size=self.shift.shape)


@pytest.fixture
def stream(monkeypatch):
    """The global stream of the stand-in for torch."""
    numbers = np.random.RandomState(11)

    @contextlib.contextmanager
    def fork_rng(devices=None):
        assert devices == []  # else torch asks every device for its state, and warns where there are many
        before = numbers.get_state()
        try:
            yield
        finally:
            numbers.set_state(before)

    torch, zuko = ModuleType("torch"), ModuleType("zuko")
    torch.float32, torch.as_tensor, torch.no_grad = np.float32, tensor, contextlib.nullcontext
    torch.manual_seed, torch.randperm = numbers.seed, numbers.permutation
    torch.random = SimpleNamespace(fork_rng=fork_rng)
    torch.optim = SimpleNamespace(
        Adam=lambda parameters, lr: SimpleNamespace(zero_grad=lambda: None, step=parameters[0].step)
    )
    zuko.flows = SimpleNamespace(NSF=lambda width, **_: Flow(numbers, width))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "zuko", zuko)
    return numbers


def test_a_fit_leaves_the_random_numbers_of_the_caller_alone(stream):
    expected = np.random.RandomState(11).normal(size=3)
    SplineFlow(epochs=2).fit(ROWS)
    assert stream.normal(size=3).tolist() == expected.tolist()


def test_a_fit_that_fails_leaves_them_alone_too(stream, monkeypatch):
    expected = np.random.RandomState(11).normal(size=3)
    monkeypatch.setattr(Tensor, "backward", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        SplineFlow(epochs=2).fit(ROWS)
    assert stream.normal(size=3).tolist() == expected.tolist()


def test_the_seed_decides_the_fit_whatever_was_drawn_before(stream):
    scores = []
    for seed in (0, 0, 1):
        stream.normal(size=7)
        scores.append(SplineFlow(epochs=2, seed=seed).fit(ROWS).score_samples(ROWS[:5]).tolist())
    assert scores[0] == scores[1] != scores[2]


def test_the_random_numbers_of_torch_itself_go_on_as_without_a_fit():
    torch = pytest.importorskip("torch")
    pytest.importorskip("zuko")
    torch.manual_seed(11)
    expected = torch.rand(3).tolist()
    torch.manual_seed(11)
    SplineFlow(epochs=1).fit(ROWS)
    assert torch.rand(3).tolist() == expected
