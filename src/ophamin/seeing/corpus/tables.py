# SPDX-License-Identifier: Apache-2.0
"""The labelled tables that scikit-learn carries in its own package, as corpora; nothing is fetched.

One record per row: its text is the row's features as JSON, its metadata the same numbers with the label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from ophamin.core.canonical import canonical_bytes
from ophamin.core.shapes import CorpusRecord
from ophamin.seeing.corpus.base import Corpus

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BreastCancerCorpus", "DigitsCorpus", "IrisCorpus", "TableCorpus", "WineCorpus"]


class TableCorpus(Corpus):
    """Base of the tables; ``root`` is taken and not used.

    The content hash is over names of features and labels, the shape, and the numbers as little-endian 64 bit values, so
    it is the same on every machine.
    """

    kind = "table"
    source = "scikit-learn"
    loader: ClassVar[str] = ""

    def is_available(self) -> bool:
        """Whether scikit-learn is installed."""
        return find_spec("sklearn") is not None

    def why_unavailable(self) -> str:
        """What to install."""
        return "scikit-learn is not installed; pip install scikit-learn"

    def records(self) -> Iterator[CorpusRecord]:
        """Stream the rows; the id is the index of the row, from 0."""
        self.require_available()
        names, labels, data, target = self._table
        for index, (row, label) in enumerate(zip(data.tolist(), target.tolist(), strict=True)):
            text = canonical_bytes(dict(zip(names, row, strict=True))).decode("ascii")
            yield CorpusRecord(str(index), text, {"features": row, "label": label, "label_name": labels[label]})

    def _compute_content_hash(self) -> str:
        names, labels, data, target = self._table
        head = canonical_bytes({"features": names, "labels": labels, "shape": list(data.shape)})
        return hashlib.sha256(head + data.astype("<f8").tobytes() + target.astype("<i8").tobytes()).hexdigest()

    def _compute_count(self) -> int:
        return len(self._table[3])

    @cached_property
    def _table(self) -> tuple[list[str], list[str], NDArray[Any], NDArray[Any]]:
        """Names of the features, names of the labels, one row of numbers per record, and the labels."""
        from sklearn import datasets

        table = getattr(datasets, self.loader)()
        names = [str(name) for name in table.feature_names]
        labels = [str(name) for name in table.target_names]
        return names, labels, table.data, table.target


class BreastCancerCorpus(TableCorpus):
    """Breast cancer Wisconsin (diagnostic): 569 rows, 30 features; Wolberg, Street, Mangasarian 1995."""

    name = "breast-cancer"
    loader = "load_breast_cancer"


class IrisCorpus(TableCorpus):
    """Iris plants: 150 rows, 4 features; Fisher 1936.

    >>> next(IrisCorpus().records()).metadata["label_name"]
    'setosa'
    """

    name = "iris"
    loader = "load_iris"


class WineCorpus(TableCorpus):
    """Wine recognition: 178 rows, 13 features; Aeberhard, Forina 1991."""

    name = "wine"
    loader = "load_wine"


class DigitsCorpus(TableCorpus):
    """Handwritten digits of 8 by 8 pixels: 1,797 rows, 64 features of 0 to 16; Alpaydin, Kaynak 1998."""

    name = "digits"
    loader = "load_digits"
