# SPDX-License-Identifier: Apache-2.0
"""The features of texts: statistics with names, topics, and where wanted the embeddings of a sentence encoder.

The first two blocks need no model and no network. The matrix is not scaled: a column keeps its own unit, so that an
explanation by columns can be read. Estimators scale for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import ConfigError, MissingLibraryError, nearest_name
from qmpt.features.base import UNDEFINED_SHARE, BaseFeatureSpec, MissingValues, stacked
from qmpt.features.encoders import BUNDLED_MODEL, Encoder, encoder_name, pooled_embeddings, resolve_encoder
from qmpt.features.text_statistics import STATISTICS, text_statistics
from qmpt.features.text_topics import TopicSpace
from qmpt.features.tokens import text_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.data.models import Observation

    Groups = dict[str, list[Observation]]
    Matrix = NDArray[np.float64]

__all__ = ["TEXT_BLOCKS", "TextFeatureSpec"]

TEXT_BLOCKS: Final = ("statistics", "topics", "embeddings")
"""The blocks, in the order of their columns."""


class TextFeatureSpec(BaseFeatureSpec):
    """Features of the texts of each pattern.

    Block ``statistics``: the columns of `qmpt.features.text_statistics.STATISTICS`, undefined ones filled with the
    median of the fitted patterns, and the share of filled ones. Block ``topics``: a latent semantic space, whose terms
    are in ``topic_terms_``. Block ``embeddings``: the mean over chunks of a sentence encoder.

    Args:
        blocks: some of `TEXT_BLOCKS`; by default statistics and topics, and embeddings where a model is named.
        n_components: dimensions of the topics, at least 0; with 0 only the closeness to the mean document is kept.
        model: encoder for the embeddings, see `qmpt.features.encoders.resolve_encoder`.
        max_length: words of a pattern that the encoder reads, at least 1; the other blocks read everything.
        allow_download: whether the encoder may be fetched from the network.
        fallback: ``tfidf`` lets the topics stand in for an encoder that is not to be had; the version then says so.
        seed: of the topics.
        modality: of the observations that are read.

    Attributes:
        topic_terms_: name of a topic -> the terms that weigh most in it.
        encoder_: name of the encoder in use; ``tfidf`` where the fallback stands in; None without embeddings.

    Raises:
        ConfigError: an argument is out of its range, or a block is unknown.

    Example:
        >>> from qmpt.data.models import Observation
        >>> seen = [
        ...     Observation(obs_id=str(i), pattern_id=f"p{i}", timestamp=i, modality="text", payload=text)
        ...     for i, text in enumerate(["We saw it. We know.", "Perhaps it rains?"])
        ... ]
        >>> spec = TextFeatureSpec(n_components=1)
        >>> matrix = spec.fit_transform(seen)
        >>> matrix.shape, spec.pattern_ids_, spec.feature_names_[-1]
        ((2, 28), ('p0', 'p1'), 'closeness')
    """

    id = "text_v1"
    topic_terms_: dict[str, tuple[str, ...]]
    encoder_: str | None

    def __init__(
        self,
        *,
        blocks: Sequence[str] | None = None,
        n_components: int = 32,
        model: str | Callable[[list[str]], Any] | None = None,
        max_length: int = 4096,
        allow_download: bool = False,
        fallback: str | None = None,
        seed: int = 0,
        modality: str = "text",
    ) -> None:
        if blocks is None:
            blocks = TEXT_BLOCKS[: 2 if model is None else 3]
        _check_blocks(blocks)
        _whole_number("n_components", n_components, least=0)
        _whole_number("max_length", max_length, least=1)
        if fallback not in (None, "tfidf"):
            raise ConfigError(f"fallback is {fallback!r}; it is 'tfidf', or None for an error")
        self.blocks = tuple(block for block in TEXT_BLOCKS if block in blocks)
        self.n_components = n_components
        self.model = BUNDLED_MODEL if model is None else model
        self.max_length = max_length
        self.allow_download = allow_download
        self.fallback = fallback
        self.seed = seed
        self.modalities = (modality,)
        self.encoder_ = encoder_name(self.model) if "embeddings" in self.blocks else None

    @property
    def config(self) -> dict[str, Any]:
        """What the numbers depend on; the encoder is the one in use, so that a fallback changes the version."""
        resolved: dict[str, Any] = {"blocks": list(self.blocks), "modality": self.modalities[0]}
        if "topics" in self._used_blocks:
            resolved |= {"n_components": self.n_components, "seed": self.seed}
        if self.encoder_ is not None:
            resolved |= {"encoder": self.encoder_, "max_length": self.max_length}
        return resolved

    @property
    def _used_blocks(self) -> tuple[str, ...]:
        if self.encoder_ != "tfidf":
            return self.blocks
        return tuple(block for block in TEXT_BLOCKS[:2] if block in (*self.blocks, "topics"))

    def _learn(self, groups: Groups) -> Matrix:
        import numpy as np

        self._encoder = self._find_encoder()
        names: list[str] = []
        parts: list[Matrix] = []
        documents = _documents(groups)
        if "statistics" in self.blocks:
            raw = stacked(groups, STATISTICS, _statistics_of)
            self._missing = MissingValues().fit(raw)
            parts.append(self._missing.fill(raw))
            names += [*STATISTICS, UNDEFINED_SHARE]
        if "topics" in self._used_blocks:
            self._topics = TopicSpace(self.n_components, self.seed).fit(documents)
            self.topic_terms_ = self._topics.terms_
            parts.append(self._topics.transform(documents))
            names += self._topics.names_
        if self._encoder is not None:
            parts.append(pooled_embeddings(self._encoder.encode, documents, self.max_length))
            self._dimensions = parts[-1].shape[1]
            names += [f"embedding_{place + 1:03d}" for place in range(self._dimensions)]
        self.feature_names_ = tuple(names)
        return np.hstack(parts)

    def _rows(self, groups: Groups) -> Matrix:
        import numpy as np

        parts: list[Matrix] = []
        documents = _documents(groups)
        if "statistics" in self.blocks:
            parts.append(self._missing.fill(stacked(groups, STATISTICS, _statistics_of)))
        if "topics" in self._used_blocks:
            parts.append(self._topics.transform(documents))
        if self._encoder is not None:
            parts.append(self._embedded(self._encoder, documents))
        return np.hstack(parts)

    def _embedded(self, encoder: Encoder, documents: list[str]) -> Matrix:
        import numpy as np

        if not any(document.strip() for document in documents):
            return np.zeros((len(documents), self._dimensions))
        return pooled_embeddings(encoder.encode, documents, self.max_length)

    def _find_encoder(self) -> Encoder | None:
        if "embeddings" not in self.blocks:
            return None
        try:
            encoder = resolve_encoder(self.model, allow_download=self.allow_download)
        except MissingLibraryError:
            if self.fallback is None:
                raise
            self.encoder_ = self.fallback
            return None
        self.encoder_ = encoder.name
        return encoder


def _documents(groups: Groups) -> list[str]:
    return ["\n\n".join(text_of(one) for one in group) for group in groups.values()]


def _statistics_of(group: list[Observation]) -> dict[str, float]:
    return text_statistics([text_of(one) for one in group], [one.timestamp for one in group])


def _check_blocks(blocks: Sequence[str]) -> None:
    if isinstance(blocks, str) or not blocks:
        raise ConfigError(f"blocks is {blocks!r}; give a list of some of {', '.join(TEXT_BLOCKS)}")
    for block in blocks:
        if block not in TEXT_BLOCKS:
            raise ConfigError(f"no block of text features is named {block!r}; {nearest_name(block, TEXT_BLOCKS)}")


def _whole_number(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} is {value!r}; give a whole number of at least {least}")
