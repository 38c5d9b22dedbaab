# SPDX-License-Identifier: Apache-2.0
"""Error rates of the mixed model on few groups, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from ophamin.measuring.pillars.effects import RandomInterceptModel


@pytest.mark.slow
def test_t_on_the_degrees_of_freedom_between_groups_keeps_its_level_where_wald_does_not():
    # 5 clusters of 5 rows per arm, intraclass correlation .2, no effect. Wald's z rejects about .095 of the time.
    replicates, wald, ours = 800, 0, 0
    groups = np.repeat(np.arange(10), 5)
    arm = (groups % 2).astype(float)
    for at in range(replicates):
        rng = np.random.default_rng([20261121, at])
        y = np.sqrt(0.2) * rng.normal(size=10)[groups] + np.sqrt(0.8) * rng.normal(size=50)
        one = RandomInterceptModel().fit(y, arm, groups.tolist()).coefficient("x0")
        wald += abs(one.t) > 1.959964
        ours += one.p < 0.05
    assert wald / replicates > 0.07
    assert 0.025 < ours / replicates < 0.065
