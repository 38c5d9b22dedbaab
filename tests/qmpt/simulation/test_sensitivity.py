# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from qmpt.errors import ConfigError, InsufficientEvidence
from qmpt.simulation.core import SimulationConfig
from qmpt.simulation.scenarios import baseline, single_anomaly
from qmpt.simulation.sensitivity import sensitivity


def config(**params):
    return SimulationConfig(layer_id="L", dt=1.0, t_end=40.0, params={"potential": 3.0, **params})


def test_a_constant_without_effect_has_no_share_and_the_others_share_the_rest():
    found = sensitivity(
        single_anomaly(config()), {"g0": (0.0, 0.02), "g_a": (0.0, 0.1), "nu_a": (0.0, 1.0)}, samples=256
    )
    assert found.total["nu_a"] == pytest.approx(0.0, abs=1e-9)
    assert found.total["g0"] + found.total["g_a"] > 0.9
    assert min(found.first_order["g0"], found.first_order["g_a"]) > 0.2
    assert sum(found.first_order.values()) == pytest.approx(1.0, abs=0.15)
    assert found.runs == 256 * 5


# Ishigami and Homma 1990 with a = 7, b = 0.1: first order .3139, .4424, 0, total .5576, .4424, .2437, mean a / 2, and
# variance a^2 / 8 + b pi^4 / 5 + b^2 pi^8 / 18 + 1 / 2 = 13.845.
def test_the_indices_of_a_known_function_are_those_in_the_literature():
    ranges = {"g0": (0.0, 1.0), "g_a": (0.0, 1.0), "d": (0.0, 1.0)}
    drawn = []

    def ishigami(runs):
        x, y, z = (np.pi * (2.0 * one - 1.0) for one in drawn.pop(0))
        return np.sin(x) + 7.0 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)

    runner = baseline(SimulationConfig(layer_id="L", dt=1.0, t_end=1.0))
    settings = type(runner.settings)
    original = settings.model_copy

    def remembered(self, *, update=None, deep=False):
        drawn.append([update[name] for name in ranges])
        return original(self, update=update, deep=deep)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "model_copy", remembered)
        found = sensitivity(runner, ranges, outcome=ishigami, samples=4096)
    assert list(found.first_order.values()) == pytest.approx([0.3139, 0.4424, 0.0], abs=0.02)
    assert list(found.total.values()) == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.02)
    assert found.mean == pytest.approx(3.5, abs=0.05)
    assert found.variance == pytest.approx(13.845, abs=0.2)


@pytest.mark.parametrize(
    ("params", "ranges", "samples", "said"),
    [
        ({}, {"g0": (0.0, 0.1)}, 64, "1 ranges"),
        ({}, {"b0": (1.0, 2.0), "g0": (0.0, 0.1)}, 100, "a power of 2"),
        ({}, {"b0": (1.0, 2.0), "g_0": (0.0, 0.1)}, 64, "did you mean 'g0'"),
        ({}, {"b0": (1.0, 2.0), "theta_1": (0.0, 0.1)}, 64, "no constant that can vary"),
        ({}, {"b0": (1.0, 2.0), "g0": (0.1, 0.0)}, 64, "the smaller value first"),
        ({}, {"b0": (1.0, 2.0), "tau_s": (0.5, 2.0)}, 64, "dt is 1.0"),
        ({"eta_s": 0.1}, {"b0": (1.0, 2.0), "g0": (0.0, 0.1)}, 64, "has noise"),
    ],
)
def test_questions_that_make_no_sense_are_refused(params, ranges, samples, said):
    with pytest.raises(ConfigError, match=said):
        sensitivity(baseline(config(**params)), ranges, samples=samples)


def test_an_outcome_that_never_varies_has_no_indices():
    with pytest.raises(InsufficientEvidence, match="the same over all ranges"):
        sensitivity(baseline(config()), {"nu_a": (0.0, 1.0), "nu0": (0.0, 1.0)}, samples=64)
