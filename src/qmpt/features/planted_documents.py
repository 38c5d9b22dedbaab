# SPDX-License-Identifier: Apache-2.0
"""A population of texts with a few foreign ones planted in it, to try text features on; nothing is downloaded.

The population is the 79 topics of the language reference that comes with Python (``pydoc_data.topics``). The foreign
documents are descriptions of data sets that come with scikit-learn: English prose of the same mark-up, on statistics
instead of a programming language.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from importlib.resources import files

from qmpt.data.models import Observation
from qmpt.errors import DataError

__all__ = ["PlantedDocuments", "foreign_documents", "planted_documents", "reference_documents"]

_FOREIGN = "sklearn.datasets.descr"


@dataclass(frozen=True, slots=True)
class PlantedDocuments:
    """A labelled population of texts.

    Attributes:
        observations: one text per pattern, in random order.
        foreign: whether a pattern was planted, in the order of the observations.
    """

    observations: list[Observation]
    foreign: tuple[bool, ...]


def reference_documents() -> dict[str, str]:
    """The topics of the language reference of this Python, by name.

    Example:
        >>> "assert" in reference_documents()
        True
    """
    from pydoc_data.topics import topics

    return dict(sorted(topics.items()))


def foreign_documents() -> dict[str, str]:
    """The descriptions of data sets of this scikit-learn, by name.

    Example:
        >>> "iris" in foreign_documents()
        True
    """
    found = (entry for entry in files(_FOREIGN).iterdir() if entry.name.endswith(".rst"))
    return {
        entry.name.removesuffix(".rst"): entry.read_text(encoding="utf-8")
        for entry in sorted(found, key=lambda one: one.name)
    }


def planted_documents(n_foreign: int = 6, *, words: int | None = 400, seed: int = 0) -> PlantedDocuments:
    """All topics, and some foreign documents drawn at random.

    Args:
        n_foreign: documents to plant, at least 1.
        words: a longer document is cut to a random run of that many words, so that length gives nothing away; None
            leaves them whole.
        seed: of draw, cuts and order.

    Raises:
        DataError: there are not so many foreign documents, or ``words`` is below 50.

    Example:
        >>> planted = planted_documents(4, seed=1)
        >>> sum(planted.foreign), len(planted.observations) == len(planted.foreign)
        (4, True)
    """
    foreign = foreign_documents()
    if not 1 <= n_foreign <= len(foreign):
        raise DataError(f"n_foreign is {n_foreign}; give 1 to {len(foreign)}, as many as scikit-learn brings along")
    if words is not None and words < 50:
        raise DataError(f"words is {words}; give at least 50, or None for whole documents")
    draw = random.Random(seed)  # noqa: S311 - a seeded draw, not a secret
    chosen = [(f"topic:{name}", text, False) for name, text in reference_documents().items()]
    chosen += [(f"foreign:{name}", foreign[name], True) for name in draw.sample(sorted(foreign), n_foreign)]
    draw.shuffle(chosen)
    observations = [
        Observation(obs_id=name, pattern_id=name, timestamp=0.0, modality="text", payload=_cut(text, words, draw))
        for name, text, _ in chosen
    ]
    return PlantedDocuments(observations, tuple(planted for *_, planted in chosen))


def _cut(text: str, words: int | None, draw: random.Random) -> str:
    """A run of words with the marks and line breaks between them."""
    places = [match.start() for match in re.finditer(r"\S+", text)]
    if words is None or len(places) <= words:
        return text
    start = draw.randrange(len(places) - words)
    return text[places[start] : places[start + words]]
