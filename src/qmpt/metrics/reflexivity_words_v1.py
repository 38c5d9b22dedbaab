# SPDX-License-Identifier: Apache-2.0
"""The phrases and scales of the text score ``lexical_v1``. They are frozen: a change makes a new module.

Every category is a closed list of English phrases about the writer's own thinking. The patterns look at the folded
words of one sentence, joined by single spaces, and step over at most twelve words, so that they take time linear in it.

The scales come from a reference of plain prose that is on every machine: the 79 topics of the language reference of
CPython 3.11 (``pydoc_data.topics``). The scale of a category is the 95th percentile of its rate over the topics of at
least 50 words, but at least `LEAST_SCALE`. A manual has next to no first person, doubt or correction, so that version 1
ends with the least scale everywhere. Other registers have other rates; compare scores within one register.
"""

from __future__ import annotations

import re
from typing import Final

from qmpt.features.lexicon_v1 import FIRST_PERSON, HEDGES

__all__ = ["CATEGORIES", "LEAST_SCALE", "PATTERNS", "REFERENCE", "SCALES", "WEIGHTS"]

CATEGORIES: Final = ("first_person", "hedges", "own_limits", "second_order", "weighed_evidence", "revision")
"""The categories, in the order of their columns."""

WEIGHTS: Final = {
    "first_person": 0.05,
    "hedges": 0.15,
    "own_limits": 0.20,
    "second_order": 0.25,
    "weighed_evidence": 0.15,
    "revision": 0.20,
}
"""Share of each category in the score. Saying "I" alone can give 0.05 and no more."""

LEAST_SCALE: Final = 10.0
"""Hits per 1000 words; the smallest scale: a hit in about every fifth sentence."""

REFERENCE: Final = {
    "first_person": 3.98,
    "hedges": 2.61,
    "own_limits": 0.0,
    "second_order": 0.0,
    "weighed_evidence": 0.51,
    "revision": 0.0,
}
"""95th percentiles of the rates of the reference, in hits per 1000 words."""

SCALES: Final = {name: max(rate, LEAST_SCALE) for name, rate in REFERENCE.items()}
"""Hits per 1000 words at which a category reaches 1 - 1/e."""

_SELF = r"(?:i|we)(?:'m|'ve|'d|'ll|'re)?"
_OWN = r"(?:my|our)(?: own)?"
_BELIEF_VERB = (
    r"(?:think|thought|believe|believed|know|knew|doubt|doubted|notice|noticed|reali[sz]ed?|suspect|suspected|wonder|"
    r"wondered|question|questioned|trust|distrust|examine|examined|reconsider|reconsidered|check|checked|ask|asked)"
)
_BELIEF_NOUN = (
    r"(?:beliefs?|thinking|thoughts?|reasoning|judg(?:e)?ments?|assumptions?|opinions?|views?|confidence|certainty|"
    r"estimates?|conclusions?|intuitions?|motives?|bias(?:es)?|understanding|memory|model)"
)
_CONTRAST = (
    r"(?:but|however|although|though|yet|nevertheless|nonetheless|despite|whereas|contrary|on the other hand|even so)"
)
_EVIDENCE = (
    r"(?:evidence|data|results?|observations?|observed|measured|measurements?|findings?|experiments?|showed|shows|"
    r"suggests?|suggested|contradicts?|contradicted|counterexamples?|proof|tests? (?:show|fail|pass)(?:s|ed)?)"
)
_STEP = r"(?:[\w']+ )"


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b")


def _word_of(listed: frozenset[str]) -> str:
    return "|".join(sorted(listed))


PATTERNS: Final = {
    "first_person": _any_of(_word_of(FIRST_PERSON)),
    "hedges": _any_of(
        _word_of(HEDGES),
        rf"{_SELF} (?:think|guess|suppose|suspect)",
        "not (?:sure|certain|clear)",
        "as far as (?:i|we)",
        "to (?:my|our) knowledge",
    ),
    "own_limits": _any_of(
        rf"{_SELF} (?:do not|don't|did not|didn't|cannot|can't|could not|couldn't) {_STEP}?"
        r"(?:know|remember|recall|tell|see|verify|check|understand|predict|explain|judge)",
        rf"{_SELF} (?:lack|lacked|have no|had no|have limited)",
        rf"{_SELF} (?:may|might|could) (?:well )?(?:be|have been) (?:wrong|mistaken|biased|missing|overlooking)",
        rf"{_SELF} (?:may|might|could) (?:well )?have (?:missed|misread|misunderstood|overlooked|forgotten)",
        rf"{_OWN} (?:limits?|limitations?|ignorance|blind spots?|bias(?:es)?|uncertainty|weakness(?:es)?)",
        r"(?:beyond|outside|exceeds) (?:my|our)",
    ),
    "second_order": _any_of(
        rf"{_SELF} {_STEP}{{0,2}}{_BELIEF_VERB} {_STEP}{{0,3}}{_OWN} {_STEP}?{_BELIEF_NOUN}",
        rf"{_SELF} {_STEP}{{0,2}}{_BELIEF_VERB} {_STEP}{{0,2}}(?:that|why|whether|how|if|what) {_SELF} {_STEP}?"
        rf"{_BELIEF_VERB}",
        rf"(?:why|whether|how) {_SELF} {_STEP}?(?:think|believe|know|trust|doubt)",
        rf"{_OWN} {_STEP}?{_BELIEF_NOUN} (?:is|was|are|were|may|might|could|seems?|depends?|rests?)",
    ),
    "weighed_evidence": _any_of(
        rf"{_CONTRAST} {_STEP}{{0,12}}{_EVIDENCE}",
        rf"{_EVIDENCE} {_STEP}{{0,12}}{_CONTRAST}",
    ),
    "revision": _any_of(
        rf"{_SELF} (?:was|were|have been) (?:wrong|mistaken|too quick|overconfident|too confident)",
        r"(?:i|we) stand corrected",
        rf"{_SELF} (?:have |had )?(?:now )?(?:changed|revised|revise|updated|update|corrected|correct|withdraw|retract)"
        rf" (?:my|our|the|that|this|what)",
        rf"{_SELF} (?:misjudged|misread|misunderstood|overestimated|underestimated|overlooked|missed)",
        rf"{_SELF} no longer {_BELIEF_VERB}",
        rf"{_SELF} used to {_BELIEF_VERB}",
        rf"{_OWN} (?:mistakes?|errors?)",
        "on (?:reflection|second thoughts?)",
        "correction",
    ),
}
"""Category -> what makes a sentence count for it."""
