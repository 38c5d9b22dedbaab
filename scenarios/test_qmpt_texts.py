# SPDX-License-Identifier: Apache-2.0
"""Claims about the features of texts: are foreign documents found among the topics of the language reference?

Six descriptions of data sets are planted among 79 topics, all cut to 400 words, and scored by the default anomaly
score. A unit is one draw of documents and cuts from the same two collections, so the claims are about these.
"""

from functools import cache

import pytest

from ophamin import Refuted, difference, mean, scenario

BLOCKS = {"A": ["statistics"], "B": ["topics"], "A+B": ["statistics", "topics"]}


pytestmark = pytest.mark.usefixtures("one_thread")


@cache
def area(arm, seed):
    """Area under the ROC curve of one draw, by the features of the blocks."""
    from sklearn.metrics import roc_auc_score

    from qmpt.features.planted_documents import planted_documents
    from qmpt.features.text import TextFeatureSpec
    from qmpt.metrics.anomaly import AnomalyEstimator

    planted = planted_documents(6, seed=seed)
    spec = (
        TextFeatureSpec(blocks=["topics"], n_components=0)
        if arm == "closeness"
        else TextFeatureSpec(blocks=BLOCKS[arm])
    )
    rows = spec.fit_transform(planted.observations)
    if arm == "closeness":
        scores = -rows[:, spec.feature_names_.index("closeness")]
    else:
        scores = AnomalyEstimator({"bootstrap": 0}).fit(rows).scores
    return float(roc_auc_score(planted.foreign, scores))


def try_areas(trial, *arms):
    seed = 0
    while not trial.decided:
        for arm in arms:
            trial.observe(arm=arm, draw=seed, auroc=area(arm, seed))
        seed += 1


@pytest.mark.slow
@scenario(
    "by the statistics of texts alone, foreign documents are ranked with a mean AUROC of at least 0.70",
    mean("auroc", bounds=(0, 1)) >= 0.70,
    tier="empirical_deep",
    family="qmpt-texts",
    budget=200,
)
def test_statistics_find_foreign_documents(trial):
    """Is style enough to notice a foreign document?

    If refuted: statistics of texts need a reference of their own.
    """
    try_areas(trial, "A")


@pytest.mark.slow
@scenario(
    "by the closeness to the mean document alone, foreign documents are ranked with a mean AUROC of at least 0.90",
    mean("auroc", bounds=(0, 1)) >= 0.90,
    tier="empirical_deep",
    family="qmpt-texts",
    budget=200,
)
def test_closeness_finds_foreign_documents(trial):
    """Is one number about vocabulary better than forty about everything?

    If refuted: the column is no better than others, and must not be recommended alone.
    """
    try_areas(trial, "closeness")


@pytest.mark.slow
@pytest.mark.xfail(raises=Refuted, strict=True, reason="a topic of the reference is as far from others as any document")
@scenario(
    "by topics alone, foreign documents are ranked no worse than by chance",
    mean("auroc", bounds=(0, 1)) >= 0.50,
    tier="empirical_deep",
    family="qmpt-texts",
    budget=200,
)
def test_topics_alone_find_foreign_documents(trial):
    """Does the latent space of topics suffice?

    A known refutation. Foreign documents share no topic with the others and lie near the middle of the space.
    """
    try_areas(trial, "B")


@pytest.mark.slow
@pytest.mark.xfail(raises=Refuted, strict=True, reason="topics hide what statistics show")
@scenario(
    "with topics beside statistics, foreign documents are ranked no worse than by statistics alone",
    difference(mean("auroc", bounds=(0, 1)), "A+B", "A") >= 0.0,
    tier="empirical_deep",
    family="qmpt-texts",
    budget=200,
    unit="draw",
)
def test_topics_beside_statistics_do_no_harm(trial):
    """Are the default blocks of text features the best ones for this?

    A known refutation: they are made for telling patterns apart, and not for this.
    """
    try_areas(trial, "A+B", "A")
