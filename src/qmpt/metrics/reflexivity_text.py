# SPDX-License-Identifier: Apache-2.0
"""How much a text speaks about its writer's own thinking: the score ``lexical_v1``.

It measures language about oneself, not thinking. Whoever knows the word lists can raise it; two rules bound that:
a sentence counts at most once per category, and a sentence that was already said counts for nothing. A category alone
never gives more than its weight.

That bound holds for each category and not for all of them together. Sentences that differ in one word are different
sentences, and one sentence may count for all six: twenty numbered copies of such a sentence score above 0.9. With the
default weights a text is enough for a score of reflexivity, at a coverage of 0.60. Where writers may know the word
lists, ask for more coverage, or read the parts of the trajectory alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import DataError
from qmpt.features.tokens import sentences, words
from qmpt.metrics.evidence import Part, number_or_none
from qmpt.metrics.reflexivity_words_v1 import CATEGORIES, PATTERNS, SCALES, WEIGHTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LEAST_WORDS", "classified_part", "lexical_part", "lexical_score"]

LEAST_WORDS: Final = 50
"""Words below which no score is given."""

_BOOTSTRAP: Final = 200
_LEAST_UNITS: Final = 5
"""Texts, or sentences, below which there is no interval."""
_TEXTS_AS_UNITS: Final = 10
"""Texts from which on whole texts are resampled instead of sentences."""


def lexical_score(rates: Sequence[float]) -> float:
    """The score of rates per 1000 words, in the order of `CATEGORIES`: the weighted mean of 1 - exp(-rate/scale).

    Example:
        >>> lexical_score([0.0] * 6), round(lexical_score([1e9, 0.0, 0.0, 0.0, 0.0, 0.0]), 2)
        (0.0, 0.05)
    """
    return math.fsum(
        -WEIGHTS[name] * math.expm1(-rate / SCALES[name]) for name, rate in zip(CATEGORIES, rates, strict=True)
    )


def lexical_part(texts: Sequence[str], *, seed: int = 0) -> Part:
    """The score of all texts of a pattern together, as the part ``text``.

    Its interval comes from resampling texts, or sentences where there are fewer than ten texts.

    Args:
        texts: any number.
        seed: of the resampling.

    Example:
        >>> lexical_part(["too short"]).reason
        '2 words of text; at least 50 are needed'
    """
    import numpy as np

    said: set[str] = set()
    per_text = [_counted(text, said) for text in texts]
    counts = np.array([row for rows in per_text for row in rows], dtype=np.float64).reshape(-1, 1 + len(CATEGORIES))
    total = counts.sum(axis=0)
    n_words = int(total[0])
    if n_words < LEAST_WORDS:
        return Part("text", None, n=len(texts), reason=f"{n_words} words of text; at least {LEAST_WORDS} are needed")
    rates = 1000.0 * total[1:] / n_words
    units = counts
    if len(texts) >= _TEXTS_AS_UNITS:
        units = np.array([np.sum(rows, axis=0) if rows else np.zeros(counts.shape[1]) for rows in per_text])
    detail = {
        "words": n_words,
        "per_1000_words": {name: round(float(rate), 6) for name, rate in zip(CATEGORIES, rates, strict=True)},
        "resampled": "texts" if units is not counts else "sentences",
    }
    return Part("text", lexical_score(rates.tolist()), n=len(texts), interval=_interval(units, seed), detail=detail)


def classified_part(texts: Sequence[str], classifier: Callable[[str], float]) -> Part:
    """The mean of a classifier over texts, each weighted by its words, as the part ``text``.

    Raises:
        DataError: the classifier gave no number in [0, 1].

    Example:
        >>> classified_part(["word " * 50], lambda text: 0.25).value
        0.25
    """
    sizes = [len(words(text)) for text in texts]
    if sum(sizes) < LEAST_WORDS:
        return Part("text", None, n=len(texts), reason=f"{sum(sizes)} words of text; at least {LEAST_WORDS} are needed")
    scores = [_share(classifier(text)) for text in texts]
    value = math.fsum(score * size for score, size in zip(scores, sizes, strict=True)) / sum(sizes)
    return Part("text", min(1.0, value), n=len(texts), detail={"words": sum(sizes)})


def _share(given: Any) -> float:
    number = number_or_none(given)
    if number is None or not 0.0 <= number <= 1.0:
        raise DataError(f"the classifier gave {given!r:.40}; it must give a number in [0, 1]")
    return number


def _counted(text: str, said: set[str]) -> list[list[float]]:
    """The words and the hits by category of each sentence; what was said before keeps its words and loses its hits."""
    rows: list[list[float]] = []
    for found in sentences(text):
        sentence = " ".join(found)
        hits = [sentence not in said and PATTERNS[name].search(sentence) is not None for name in CATEGORIES]
        said.add(sentence)
        rows.append([len(found), *hits])
    return rows


def _interval(units: NDArray[np.float64], seed: int) -> tuple[float, float] | None:
    import numpy as np

    if len(units) < _LEAST_UNITS:
        return None
    rng = np.random.default_rng(seed)
    totals = np.array([units[rng.integers(len(units), size=len(units))].sum(axis=0) for _ in range(_BOOTSTRAP)])
    totals = totals[totals[:, 0] > 0.0]
    rates = 1000.0 * totals[:, 1:] / totals[:, :1]
    weights, scales = ([table[name] for name in CATEGORIES] for table in (WEIGHTS, SCALES))
    low, high = np.quantile(-np.expm1(-rates / scales) @ weights, [0.025, 0.975])
    return float(low), float(high)
