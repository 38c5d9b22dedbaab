# SPDX-License-Identifier: Apache-2.0
"""Claims about the explanations of qmpt: is what was planted named first?"""

import pytest

from ophamin import rate, scenario

BLOCKS = {"words": (0, 1), "tools": (2, 3), "time": (4, 5)}
PATTERNS = 120
SHIFTED, HUB = 7, 11


pytestmark = pytest.mark.usefixtures("one_thread")


def population(rng):
    """Six features in three blocks that hang together, a random graph, and two plants.

    In the features of one block the pattern `SHIFTED` lies 8 standard deviations off. The pattern `HUB` is ordinary in
    its features, and half of all patterns are tied to it.
    """
    import networkx as nx
    import numpy as np

    rows = rng.normal(size=(PATTERNS, 6)) + np.repeat(rng.normal(size=(PATTERNS, 3)), 2, axis=1)
    block = list(BLOCKS)[rng.integers(len(BLOCKS))]
    rows[SHIFTED, list(BLOCKS[block])] += 8.0 * rows.std(axis=0)[list(BLOCKS[block])] * rng.choice([-1.0, 1.0])
    rows[HUB] = np.median(rows, axis=0)
    graph = nx.gnm_random_graph(PATTERNS, 3 * PATTERNS, seed=int(rng.integers(2**31)))
    graph.add_edges_from(
        (HUB, int(other)) for other in rng.choice(PATTERNS, PATTERNS // 2, replace=False) if other != HUB
    )
    return rows, graph, block


@pytest.mark.slow
@scenario(
    "what was planted is named first in at least nine explanations out of ten",
    rate("block_is_named") >= 0.9,
    rate("role_is_named") >= 0.9,
    tier="scientific",
    family="qmpt-explanation",
    budget=300,
)
def test_the_planted_cause_is_named_first(trial, rng):
    """Does an explanation name the cause?

    Two plants in each population: a shift in one block of features, for which the first feature named must be of that
    block and the first term must not be impact; and a role in the graph, for which the first term must be impact.

    If refuted: explanations must not be shown beside scores.
    """
    from qmpt.metrics.anomaly import AnomalyEstimator

    estimator = AnomalyEstimator({"impact": "graph:pagerank", "bootstrap": 0})
    while not trial.decided:
        rows, graph, block = population(rng)
        fitted = estimator.fit(rows, graph=graph, ids=range(PATTERNS))
        shift, role = fitted.explain(SHIFTED), fitted.explain(HUB)
        first = int(shift.top_features[0].feature.removeprefix("feature "))
        trial.observe(
            block_is_named=first in BLOCKS[block] and shift.top_term != "impact",
            role_is_named=role.top_term == "impact",
            block=block,
        )
