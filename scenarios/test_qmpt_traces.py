# SPDX-License-Identifier: Apache-2.0
"""Claims through the names under which qmpt is plugged in: traces as a corpus, and a simulated layer under test."""

import pytest

from ophamin import observed, rate, scenario
from qmpt.bridge import observations_in, reflexivity_coverage


def scored(observations):
    """The default score of what agents did and wrote, and their names."""
    from qmpt.features.multimodal import MultiModalFeatureSpec
    from qmpt.metrics.anomaly import AnomalyEstimator

    spec = MultiModalFeatureSpec(modalities={"behavior": {}, "text": {"blocks": ["statistics"]}})
    rows = spec.fit_transform(observations)
    names = spec.pattern_ids_
    return AnomalyEstimator().fit(rows, ids=names, feature_names=spec.feature_names_), names


@scenario(
    "in the traces of the worked example the agent that fails is the most unusual, and its failures are named first",
    observed("place", deterministic=True) == 1,
    observed("place_of_failures", deterministic=True) == 1,
    tier="empirical_deep",
    family="qmpt-traces",
    corpus="qmpt-patterns:fixtures/agent_spans.jsonl",
    pillars=[reflexivity_coverage("said", by="agent")],
)
def test_the_failing_agent_is_found(stream, trial):
    """Does the documentation show what happens?

    Twelve made-up agents, of which one calls its tool again and again and fails often. Places count from 1: of the
    agent among all scores, and of its success rate among the features that an explanation names.

    If refuted: the worked example says something else than the software.
    """
    seen = [one for record in stream for one in observations_in(record)]
    with pytest.warns(match="12 patterns"):
        estimator, agents = scored(seen)
    agent = agents.index("shop/refunds")
    named = [part.feature for part in estimator.explain(agent).top_features]
    for one in seen:
        if one.modality == "text":
            trial.observe(agent=one.pattern_id, said=one.payload["text"])
    trial.observe(
        place=1 + int((estimator.scores > estimator.scores[agent]).sum()),
        place_of_failures=1 + named.index("behavior:success_rate"),
    )


NOISY = "scenario=single_anomaly,t_end=150,potential=3,anomaly_level=0.6,eta_s=0.02,eta_c=0.002"


@scenario(
    "a constructive anomaly raises the capacity of a layer, in nine runs of ten",
    rate("raised") >= 0.9,
    tier="scientific",
    family="qmpt-traces",
    substrates={model: f"qmpt-layer:model_id={model},{NOISY}" for model in ("relax_v1", "linear_v1", "replicator_v1")},
    budget=200,
)
def test_an_anomaly_raises_capacity_under_every_model(substrate, trial, rng):
    """Does the conclusion depend on the dynamics, which are assumptions?

    Pairs of runs with the same chances, with and without the anomaly, and with noise.

    If refuted: what is said of a constructive anomaly holds under some of the models alone.
    """
    while not trial.decided:
        seed = int(rng.integers(2**31))
        with_one = substrate.run_cycle({"seed": seed})
        without = substrate.run_cycle({"seed": seed, "scenario": "baseline"})
        trial.observe(raised=with_one.raw["capacity"] > without.raw["capacity"])
