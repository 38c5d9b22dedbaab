# SPDX-License-Identifier: Apache-2.0
"""Word lists of English, version 1. They are frozen: a change makes a new module, so that old scores stay comparable.

The lists are short and closed on purpose. They name how something is said, never what it is about.
"""

from __future__ import annotations

from typing import Final

__all__ = ["FIRST_PERSON", "HEDGES", "LEXICON_VERSION", "NEGATIONS", "SECOND_PERSON", "listed"]

LEXICON_VERSION: Final = "english_v1"


def listed(words: str) -> frozenset[str]:
    """The words of a list that is written as one text.

    Example:
        >>> sorted(listed("one two"))
        ['one', 'two']
    """
    return frozenset(words.split())


FIRST_PERSON: Final = listed("""
    i me my mine myself i'm i've i'd i'll we us our ours ourselves we're we've we'd we'll
""")
"""Pronouns by which a writer speaks of itself."""

SECOND_PERSON: Final = listed("you your yours yourself yourselves you're you've you'd you'll")
"""Pronouns by which a writer speaks to somebody."""

HEDGES: Final = listed("""
    perhaps maybe possibly probably presumably apparently supposedly arguably likely unlikely roughly approximately
    might seem seems seemed appear appears appeared suspect guess guessing unsure uncertain doubtful tentative
    tentatively
""")
"""Words that weaken a statement. ``may``, ``can`` and ``could`` are left out: manuals use them to give permission."""

NEGATIONS: Final = listed("""
    no not never none nobody nothing neither nor nowhere without cannot can't don't doesn't didn't won't wouldn't
    shouldn't couldn't isn't aren't wasn't weren't haven't hasn't hadn't mustn't needn't
""")
"""Words that deny."""
