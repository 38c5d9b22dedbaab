# SPDX-License-Identifier: Apache-2.0
"""Promises about the population of topics with foreign documents, and what the text features see in it."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from qmpt.errors import DataError
from qmpt.features.planted_documents import foreign_documents, planted_documents, reference_documents
from qmpt.features.text import TextFeatureSpec


def test_the_population_is_the_language_reference_and_as_many_foreign_documents_as_wished():
    planted = planted_documents(5, seed=3)
    assert sum(planted.foreign) == 5
    assert len(planted.observations) == len(reference_documents()) + 5
    for one, foreign in zip(planted.observations, planted.foreign, strict=True):
        assert one.pattern_id.startswith("foreign:" if foreign else "topic:")


def test_the_same_seed_gives_the_same_population_and_another_another():
    assert planted_documents(4, seed=1) == planted_documents(4, seed=1)
    assert planted_documents(4, seed=1) != planted_documents(4, seed=2)


def test_no_document_is_longer_than_the_cut_and_whole_ones_are_whole():
    assert max(len(one.payload.split()) for one in planted_documents(4, words=100).observations) == 100
    whole = {one.pattern_id: one.payload for one in planted_documents(4, words=None).observations}
    assert whole["topic:assert"] == reference_documents()["assert"]


@pytest.mark.parametrize("options", [{"n_foreign": 0}, {"n_foreign": 10_000}, {"words": 10}], ids=str)
def test_what_cannot_be_built_is_refused(options):
    with pytest.raises(DataError, match="give"):
        planted_documents(**options)


def test_there_are_enough_foreign_documents_for_different_draws():
    assert len(foreign_documents()) >= 10


def test_closeness_to_the_mean_document_finds_the_foreign_ones():
    areas = []
    for seed in range(3):
        planted = planted_documents(6, seed=seed)
        spec = TextFeatureSpec(blocks=["topics"], n_components=0)
        matrix = spec.fit_transform(planted.observations)
        areas.append(roc_auc_score(planted.foreign, -matrix[:, spec.feature_names_.index("closeness")]))
    # 0.95 on average over ten draws
    assert np.mean(areas) > 0.85
