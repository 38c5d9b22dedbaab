# SPDX-License-Identifier: Apache-2.0
"""Promises about the final modes of paired runs."""

import numpy as np
import pytest

from qmpt.errors import DataError
from qmpt.metrics.counterfactual import compare_trajectories

RUNS = np.random.default_rng(0).normal(size=(32, 3, 3))
STABLE = ["stable"] * 32


@pytest.mark.parametrize(
    ("modes", "said"),
    [
        ((STABLE[1:], STABLE[1:]), "31 modes with the pattern and 31 without it for 32 pairs"),
        ((STABLE + STABLE, STABLE + STABLE), "64 modes with the pattern and 64 without it for 32 pairs"),
        ((STABLE, STABLE[1:]), "32 modes with the pattern and 31 without it for 32 pairs of runs; give one of each"),
        (([], []), "0 modes with the pattern"),
        (("stable", "collapse"), "6 modes with the pattern and 8 without"),
        (STABLE, "give two sequences"),
        ((STABLE,), "give two sequences"),
        ((STABLE, None), "give two sequences"),
        (3, "modes is 3; give two sequences"),
    ],
    ids=["too few", "too many", "unequal", "none", "texts", "one list", "one half", "half is none", "number"],
)
def test_modes_that_are_not_one_per_pair_are_refused_with_both_numbers(modes, said):
    with pytest.raises(DataError, match=said):
        compare_trajectories(RUNS, RUNS, modes=modes)


def test_modes_may_be_arrays_and_are_counted_as_a_number_of_python():
    changed = compare_trajectories(RUNS, RUNS, modes=np.array([["collapse", *STABLE[1:]], STABLE])).modes_changed
    assert (changed, type(changed)) == (1, int)
