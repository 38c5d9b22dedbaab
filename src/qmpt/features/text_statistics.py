# SPDX-License-Identifier: Apache-2.0
"""Named statistics of the texts of one pattern: length, variety, marks, manner of speaking, and rhythm in time.

Each is a plain number that a reader can check by hand. A statistic that the texts cannot give is absent, never zero.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from qmpt.features.lexicon_v1 import FIRST_PERSON, HEDGES, NEGATIONS, SECOND_PERSON
from qmpt.features.tokens import sentences

__all__ = ["MATTR_WINDOW", "STATISTICS", "entropy", "moving_type_token_ratio", "text_statistics", "time_statistics"]

MATTR_WINDOW: Final = 50
"""Words of the moving window."""

_LONG_WORD: Final = 7
_RATES: Final = {
    "first_person_rate": FIRST_PERSON,
    "second_person_rate": SECOND_PERSON,
    "hedge_rate": HEDGES,
    "negation_rate": NEGATIONS,
}
STATISTICS: Final = (
    "log_words",
    "log_texts",
    "words_per_text",
    "mean_word_length",
    "long_word_share",
    "type_token_ratio",
    "once_only_share",
    "sentence_length_mean",
    "sentence_length_sd",
    *_RATES,
    "question_rate",
    "exclamation_rate",
    "punctuation_share",
    "digit_share",
    "uppercase_share",
    "non_ascii_share",
    "line_break_share",
    "character_entropy",
    "compression_ratio",
    "log_gap_mean",
    "burstiness",
    "active_hours",
)
"""Names of all statistics, in the order of the columns."""


def text_statistics(texts: Sequence[str], timestamps: Sequence[float]) -> dict[str, float]:
    """The statistics of the texts of one pattern that are defined.

    Rates are per 1000 words or, for questions and exclamations, marks per sentence; shares are of all characters or
    words, in [0, 1].

    Args:
        texts: all its texts, in the order of time.
        timestamps: seconds, one per text, ascending.

    Returns:
        Name -> value, names from `STATISTICS`.

    Example:
        >>> found = text_statistics(["I do not know. Do you?"], [0.0])
        >>> found["first_person_rate"], found["question_rate"], "burstiness" in found
        (166.66666666666666, 0.5, False)
    """
    whole = "\n\n".join(texts)
    found = {**_word_statistics(whole, len(texts)), **_character_statistics(whole)}
    return {**found, **time_statistics(timestamps)}


def _word_statistics(whole: str, texts: int) -> dict[str, float]:
    parts = list(sentences(whole))
    tokens = [word for part in parts for word in part]
    n = len(tokens)
    if n == 0:
        return {}
    counts = Counter(tokens)
    lengths = [len(part) for part in parts]
    # in whole numbers, so that texts with the same lengths in another order have the same digits
    squared_spread = len(parts) * sum(length**2 for length in lengths) - n**2
    found = {
        "log_words": math.log1p(n),
        "log_texts": math.log1p(texts),
        "words_per_text": n / texts,
        "mean_word_length": sum(len(word) * times for word, times in counts.items()) / n,
        "long_word_share": sum(times for word, times in counts.items() if len(word) >= _LONG_WORD) / n,
        "type_token_ratio": moving_type_token_ratio(tokens),
        "once_only_share": sum(times == 1 for times in counts.values()) / n,
        "sentence_length_mean": n / len(parts),
        "sentence_length_sd": math.sqrt(squared_spread) / len(parts),
        "question_rate": whole.count("?") / len(parts),
        "exclamation_rate": whole.count("!") / len(parts),
    }
    for name, listed in _RATES.items():
        found[name] = 1000.0 * sum(counts[word] for word in listed) / n
    return found


def _character_statistics(whole: str) -> dict[str, float]:
    counts = Counter(whole)
    n = len(whole)
    if n == 0 or whole.isspace():
        return {}

    def share(wanted: Sequence[str]) -> float:
        return sum(counts[character] for character in wanted) / n

    coded = whole.encode("utf-8", errors="surrogatepass")
    marks = [one for one in counts if not (one.isalnum() or one.isspace())]
    return {
        "punctuation_share": share(marks),
        "digit_share": share([one for one in counts if one.isdigit()]),
        "uppercase_share": share([one for one in counts if one.isupper()]),
        "non_ascii_share": share([one for one in counts if not one.isascii()]),
        "line_break_share": share(["\n"]),
        "character_entropy": entropy(list(counts.values())),
        "compression_ratio": len(zlib.compress(coded)) / len(coded),
    }


def time_statistics(timestamps: Sequence[float]) -> dict[str, float]:
    """How observations lie in time.

    ``log_gap_mean`` is log(1 + mean gap in seconds); ``burstiness`` is (s - m)/(s + m) of mean m and standard
    deviation s of the gaps, -1 for a clock, about 0 for a Poisson process, towards 1 for bursts (Goh and Barabasi,
    EPL 81, 2008), undefined below two gaps; ``active_hours`` is the entropy of the hour of the day, UTC, as a share of
    its maximum.

    Example:
        >>> time_statistics([0, 60, 120])["burstiness"]
        -1.0
    """
    found: dict[str, float] = {}
    if timestamps:
        hours = Counter(math.floor(moment / 3600.0) % 24 for moment in timestamps)
        found["active_hours"] = entropy(list(hours.values())) / math.log2(24)
    gaps = [later - earlier for earlier, later in pairwise(timestamps)]
    if not gaps:
        return found
    mean = sum(gaps) / len(gaps)
    found["log_gap_mean"] = math.log1p(mean)
    if len(gaps) > 1 and mean > 0.0:
        spread = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
        found["burstiness"] = (spread - mean) / (spread + mean)
    return found


def moving_type_token_ratio(tokens: Sequence[str], window: int = MATTR_WINDOW) -> float:
    """Mean share of distinct words in all windows of that length; of the whole text where it is shorter.

    Covington and McFall, Journal of Quantitative Linguistics 17 (2010). A word counts once in each window that holds
    it after its previous use, so that one pass over the words gives the sum over all windows.

    Args:
        tokens: at least one.
        window: in words.

    Example:
        >>> moving_type_token_ratio(["a", "b", "a", "b"], window=2), moving_type_token_ratio(["a", "a"])
        (1.0, 0.5)
    """
    n = len(tokens)
    window = min(window, n)
    last_start = n - window
    seen_at: dict[str, int] = {}
    distinct = 0
    for place, word in enumerate(tokens):
        first = max(seen_at.get(word, -1) + 1, place - window + 1, 0)
        distinct += max(0, min(place, last_start) - first + 1)
        seen_at[word] = place
    return distinct / ((last_start + 1) * window)


def entropy(counts: Sequence[int]) -> float:
    """Shannon entropy in bits of a distribution given by counts, at least one of them positive.

    The order of the counts does not change a digit.

    Example:
        >>> entropy([1, 1])
        1.0
    """
    total = sum(counts)
    return -math.fsum(count / total * math.log2(count / total) for count in counts if count) + 0.0
