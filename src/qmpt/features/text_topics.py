# SPDX-License-Identifier: Apache-2.0
"""What the texts of a pattern are about: hashed words and word pairs, weighted by rarity, in a few dimensions.

Deerwester et al., Indexing by latent semantic analysis (1990). Hashing bounds the memory and keeps no vocabulary;
collisions are rare at this width and only add noise.

The dimensions say what a document is about. They do not say that it is about something else than all others: such
a document lies near 0 in each, as most documents do. One more column does, the closeness to the mean document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from qmpt.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["CLOSENESS", "HASHED_TERMS", "TERMS_SHOWN", "TopicSpace"]

HASHED_TERMS: Final = 2**16
"""Columns that words and word pairs are hashed to."""
TERMS_SHOWN: Final = 5
"""Terms that describe a dimension."""
CLOSENESS: Final = "closeness"
"""Name of the column of the similarity to all fitted documents."""
_ROUNDING: Final = 1e-12


class TopicSpace:
    """A latent semantic space of documents.

    Args:
        n_components: dimensions, fewer where there are fewer documents; with 0 the closeness alone remains.
        seed: of the randomised decomposition.

    Attributes:
        names_: one name per column: ``topic_01`` onwards, and ``closeness``; set by `fit`.
        terms_: name of a dimension -> the terms that weigh most in it.

    Example:
        >>> space = TopicSpace(n_components=2).fit(["red green blue", "green blue red", "one two three"])
        >>> space.transform(["blue green", ""]).shape, space.terms_["topic_02"][:2]
        ((2, 3), ('one', 'one two'))
    """

    names_: tuple[str, ...]
    terms_: dict[str, tuple[str, ...]]

    def __init__(self, n_components: int = 32, seed: int = 0) -> None:
        self.n_components = n_components
        self.seed = seed

    def fit(self, documents: Sequence[str]) -> Self:
        """Learn weights and dimensions.

        Raises:
            DataError: no document holds a word of at least two letters.
        """
        import numpy as np
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

        self._vectorizer = HashingVectorizer(
            n_features=HASHED_TERMS, ngram_range=(1, 2), norm=None, alternate_sign=False
        )
        hashed = self._hashed(documents)
        if hashed.nnz == 0:
            raise DataError(
                f"none of the {len(documents)} texts holds a word of two letters; leave the block 'topics' out"
            )
        self._weights = TfidfTransformer(sublinear_tf=True).fit(hashed)
        weighted = self._weights.transform(hashed)
        # a column that no document fills has no weight in any dimension, so that leaving it out changes nothing;
        # two stay in any case, which is what the decomposition asks for
        self._filled = np.union1d(weighted.indices, [0, 1])
        weighted = weighted[:, self._filled]
        width = min(self.n_components, len(documents), len(self._filled))
        self._components = self._decomposed(weighted, width)
        self._mean_document = np.asarray(weighted.mean(axis=0)).ravel()
        dimensions = [f"topic_{place + 1:02d}" for place in range(width)]
        self.names_ = (*dimensions, CLOSENESS)
        self.terms_ = self._describe(dimensions, documents, weighted @ self._components.T)
        return self

    def transform(self, documents: Sequence[str]) -> Matrix:
        """Places of documents in the space and their closeness, shape (documents, dimensions + 1).

        All are zero for a document without a word. The closeness is the mean cosine similarity to the fitted
        documents, in [0, 1]; it counts a fitted document itself, so that for n of them it is 1/n too high there.
        """
        import numpy as np

        weighted = self._weights.transform(self._hashed(documents))[:, self._filled]
        rows = np.column_stack([weighted @ self._components.T, weighted @ self._mean_document])
        rows[np.abs(rows) < _ROUNDING] = 0.0  # documents have length 1, so that this is nothing but rounding
        return rows

    def _decomposed(self, weighted: Any, width: int) -> Matrix:
        """The directions of the dimensions, shape (dimensions, columns)."""
        import numpy as np
        from sklearn.decomposition import TruncatedSVD

        if width == 0:
            return np.empty((0, weighted.shape[1]))
        # ten rounds and not the usual five: the space must not depend on chance in its third digit
        space = TruncatedSVD(width, n_iter=10, random_state=self.seed)
        # one document has no variance, and the decomposition divides by it for a ratio that is not used here
        with np.errstate(invalid="ignore", divide="ignore"):
            space.fit(weighted)
        return np.asarray(space.components_, dtype=np.float64)

    def _hashed(self, documents: Sequence[str]) -> Any:
        # lone surrogates cannot be hashed
        return self._vectorizer.transform([text.encode("utf-8", "replace").decode("utf-8") for text in documents])

    def _describe(self, dimensions: Sequence[str], documents: Sequence[str], placed: Any) -> dict[str, tuple[str, ...]]:
        """Look the terms up in the document that lies farthest out in each dimension: hashes cannot be read back."""
        import numpy as np
        from sklearn.feature_extraction import FeatureHasher

        analyze = self._vectorizer.build_analyzer()
        hasher = FeatureHasher(HASHED_TERMS, input_type="string", alternate_sign=False)
        described: dict[str, tuple[str, ...]] = {}
        for place, name in enumerate(dimensions):
            farthest = documents[int(np.argmax(np.abs(placed[:, place])))]
            terms = sorted(set(analyze(farthest.encode("utf-8", "replace").decode("utf-8"))))
            hashes = hasher.transform([[term] for term in terms]).indices if terms else []
            weights = np.abs(self._components[place][np.searchsorted(self._filled, hashes)])
            described[name] = tuple(terms[index] for index in np.argsort(-weights, kind="stable")[:TERMS_SHOWN])
        return described
