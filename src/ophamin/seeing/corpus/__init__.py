# SPDX-License-Identifier: Apache-2.0
"""Corpora: where stimuli come from. The names are handed on late, so that importing this costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ophamin.seeing.corpus.base import Corpus, CorpusDataError, CorpusRecord, CorpusUnavailableError
    from ophamin.seeing.corpus.lookup import get_corpus, list_corpora, register_corpus_factory

__all__ = [
    "Corpus",
    "CorpusDataError",
    "CorpusRecord",
    "CorpusUnavailableError",
    "get_corpus",
    "list_corpora",
    "register_corpus_factory",
]

_IN_LOOKUP = frozenset({"get_corpus", "list_corpora", "register_corpus_factory"})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.lookup" if name in _IN_LOOKUP else f"{__name__}.base")
    return getattr(module, name)
