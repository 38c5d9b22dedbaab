# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from ophamin.seeing.corpus import tables
from ophamin.seeing.corpus.base import CorpusUnavailableError
from ophamin.seeing.corpus.tables import BreastCancerCorpus, DigitsCorpus, IrisCorpus, WineCorpus

# rows, features, rows per label: the data set descriptions that scikit-learn ships (and UCI, the source of all four)
FACTS = [
    (BreastCancerCorpus, 569, 30, {"malignant": 212, "benign": 357}),
    (IrisCorpus, 150, 4, {"setosa": 50, "versicolor": 50, "virginica": 50}),
    (WineCorpus, 178, 13, {"class_0": 59, "class_1": 71, "class_2": 48}),
    (DigitsCorpus, 1797, 64, dict(zip("0123456789", [178, 182, 177, 183, 181, 182, 181, 179, 174, 180], strict=True))),
]


@pytest.mark.parametrize(("corpus", "rows", "features", "labels"), FACTS)
def test_rows_features_and_labels_are_the_published_ones(corpus, rows, features, labels):
    records = list(corpus().records())
    counted = {name: sum(1 for record in records if record.metadata["label_name"] == name) for name in labels}
    assert (len(records), corpus().count(), {len(record.metadata["features"]) for record in records}) == (
        rows,
        rows,
        {features},
    )
    assert counted == labels


def test_a_record_is_the_row_as_json_with_its_label():
    # Fisher 1936, first flower: 5.1, 3.5, 1.4, 0.2, setosa
    record = next(IrisCorpus().records())
    assert record.id == "0"
    assert json.loads(record.text) == {
        "petal length (cm)": 1.4,
        "petal width (cm)": 0.2,
        "sepal length (cm)": 5.1,
        "sepal width (cm)": 3.5,
    }
    assert record.metadata == {"features": [5.1, 3.5, 1.4, 0.2], "label": 0, "label_name": "setosa"}
    assert type(record.metadata["label"]) is int


def test_tables_have_different_hashes_that_do_not_change():
    hashes = {corpus().content_hash() for corpus, *_ in FACTS}
    assert len(hashes) == 4
    assert hashes == {corpus().content_hash() for corpus, *_ in FACTS}


def test_one_number_changes_the_hash():
    corpus = IrisCorpus()
    before = corpus.content_hash()
    corpus._table[2][7, 2] += 1e-9
    assert corpus.content_hash(fresh=True) != before


def test_one_label_changes_the_hash():
    corpus = IrisCorpus()
    before = corpus.content_hash()
    corpus._table[3][7] = 2
    assert corpus.content_hash(fresh=True) != before


def test_without_the_library_the_way_out_is_told(monkeypatch):
    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    with pytest.raises(
        CorpusUnavailableError, match="corpus 'iris': scikit-learn is not installed; pip install scikit-learn"
    ):
        next(IrisCorpus().records())
