# SPDX-License-Identifier: Apache-2.0
"""How often the intervals hold the truth, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from ophamin.measuring.pillars.synthesis import CumulativeMetaAnalysis, pool


def simulated(rng, k, tau2=0.3):
    """Effects and variances of k studies around 0; variances within studies between .05 and .3."""
    v = rng.uniform(0.05, 0.3, k)
    return np.sqrt(v + tau2) * rng.normal(size=k), v


@pytest.mark.slow
def test_with_three_studies_hartung_and_knapp_cover_where_the_normal_interval_does_not():
    # Tau squared .3, k = 3: .946 against .869 for DerSimonian and Laird; .714 with one true effect assumed.
    rng = np.random.default_rng(20261121)
    replicates, hits = 2000, {"hksj": 0, "normal": 0, "fixed": 0, "reml": 0}
    for _ in range(replicates):
        y, v = simulated(rng, 3)
        for name, one in {
            "hksj": pool(y, v, method="dl"),
            "reml": pool(y, v),
            "normal": pool(y, v, method="dl", hksj=False),
            "fixed": pool(y, v, method="fixed"),
        }.items():
            hits[name] += not one.excludes(0.0)
    share = {name: hit / replicates for name, hit in hits.items()}
    assert share["hksj"] == pytest.approx(0.946, abs=0.012)
    assert share["reml"] == pytest.approx(0.946, abs=0.012)
    assert share["normal"] == pytest.approx(0.869, abs=0.018)
    assert share["fixed"] == pytest.approx(0.714, abs=0.024)


@pytest.mark.slow
def test_looking_after_every_study_excludes_the_truth_far_more_often_than_one_look():
    # 19 looks; one look is .05.
    rng = np.random.default_rng(20261121)
    replicates, any_look, last_look = 150, 0, 0
    for _ in range(replicates):
        y, v = simulated(rng, 20, tau2=0.1)
        analysis = CumulativeMetaAnalysis(method="dl", hksj=False)
        for effect, variance in zip(y, v, strict=True):
            analysis.add(effect, variance)
        any_look += any(one.excludes(0.0) for one in analysis.steps[1:])
        last_look += analysis.result.excludes(0.0)
    assert any_look / replicates > 0.22
    assert last_look / replicates < 0.13
