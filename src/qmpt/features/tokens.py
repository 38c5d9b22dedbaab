# SPDX-License-Identifier: Apache-2.0
"""Words and sentences of a text, in time linear in its length for any text.

A word is a run of letters, digits and underscores, with apostrophes inside it. That fits languages that put spaces
between words; in others a whole run counts as one word, and every number per word is to be read with that in mind.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import DataError

if TYPE_CHECKING:
    from qmpt.data.models import Observation

__all__ = ["LONGEST_SENTENCE", "folded", "sentences", "text_of", "words"]

LONGEST_SENTENCE: Final = 60
"""Words. A longer run without an end mark, such as a table or a log, is cut into sentences of this length."""

# neither pattern has a repetition inside a repetition, so that no text makes them search for long
_WORD = re.compile(r"\w+(?:'\w+)*")
_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n\s*\n")  # noqa: RUF001 - full-width marks end sentences, too


def text_of(observation: Observation) -> str:
    """The text of an observation whose payload is a text, or a dictionary with a ``text``.

    Raises:
        DataError: the payload is something else.

    Example:
        >>> from qmpt.data.models import Observation
        >>> seen = {"obs_id": "1", "pattern_id": "a", "timestamp": 0, "modality": "text"}
        >>> text_of(Observation(payload={"text": "hello", "role": "user"}, **seen))
        'hello'
    """
    payload: Any = observation.payload
    text = payload.get("text") if isinstance(payload, dict) else payload
    if not isinstance(text, str):
        found = f"a dictionary with the text {text!r:.40}" if isinstance(payload, dict) else type(payload).__name__
        raise DataError(
            f"the observation {observation.obs_id!r} has the modality {observation.modality!r}, but its payload is "
            f"{found}; give a text or {{'text': ...}}, or name another modality"
        )
    return text


def folded(text: str) -> str:
    r"""A text in one form of writing: compatibility characters resolved, case folded, one kind of apostrophe.

    Example:
        >>> folded("I\u2019M \ufb01ne")
        "i'm fine"
    """
    normal = text if text.isascii() else unicodedata.normalize("NFKC", text).replace("’", "'")  # noqa: RUF001 - that apostrophe is meant
    return normal.casefold()


def words(text: str) -> list[str]:
    """The words of a text, folded.

    Example:
        >>> words("I don't know: 2 or 3?")
        ['i', "don't", 'know', '2', 'or', '3']
    """
    return _WORD.findall(folded(text))


def sentences(text: str) -> Iterator[list[str]]:
    """The words of each sentence; a sentence without a word is left out.

    Example:
        >>> list(sentences("One. Two three!"))
        [['one'], ['two', 'three']]
    """
    for part in _END.split(folded(text)):
        found = _WORD.findall(part)
        for start in range(0, len(found), LONGEST_SENTENCE):
            yield found[start : start + LONGEST_SENTENCE]
