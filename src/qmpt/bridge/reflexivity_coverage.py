# SPDX-License-Identifier: Apache-2.0
"""Pillar ``qmpt.reflexivity_coverage``: of how many speakers is there enough evidence for a score of reflexivity?

The score itself is in the detail, as a mean over those who have one. It is relative to the word lists and the kinds of
evidence that were there, and no measure of consciousness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, complete_rows
from qmpt.errors import QmptError

if TYPE_CHECKING:
    from qmpt.data.models import Observation
    from qmpt.metrics.evidence import Assessment

__all__ = ["PILLAR", "ReflexivityCoverage", "reflexivity_coverage"]

_MOST_SPEAKERS: Final = 1000
_REASONS: Final = 20
_LONGEST: Final = 100


@dataclass(frozen=True)
class ReflexivityCoverage(PillarBase):
    """The share of speakers with a score; the fields are the arguments of `reflexivity_coverage`."""

    by: str = ""
    text: str = ""
    probability: str = ""
    outcome: str = ""
    seed: int = 0

    pillar_name: ClassVar[str] = "qmpt.reflexivity_coverage"
    library: ClassVar[str] = "pytest-ophamin"

    @property
    def columns(self) -> tuple[str, ...]:
        """The speaker, and the columns of evidence."""
        return tuple(name for name in (self.by, self.text, self.probability, self.outcome) if name)

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The share with its exact interval; the mean score and the reasons for none in the detail.

        Raises:
            NotComputableError: no column is named, a value cannot be read, or there are too many speakers.
        """
        if not self.by:
            raise NotComputableError("no column is named; write pillars=[reflexivity_coverage('reply', by='agent')]")
        seen = self._observations(cycles)
        if not 1 <= len(seen) <= _MOST_SPEAKERS:
            raise NotComputableError(f"{self.by!r} names {len(seen)} speakers; 1 to {_MOST_SPEAKERS} can be told")
        found, version = self._assessed(seen)
        scores = [one.value for one in found.values() if one.value is not None]
        from scipy.stats import binomtest

        low, high = binomtest(len(scores), len(found)).proportion_ci(0.95, method="exact")
        without = {name: one.reason for name, one in found.items() if one.value is None}
        detail: dict[str, Any] = {
            "speakers": len(found),
            "mean_reflexivity": fmean(scores) if scores else None,
            "without_a_score": dict(list(without.items())[:_REASONS]),
            "reflexivity_model_version": version,
        }
        return self.evidence(
            "share of speakers with a score of reflexivity", len(scores) / len(found),
            ci_low=float(low), ci_high=float(high), detail=detail,
        )  # fmt: skip

    def _assessed(self, seen: Mapping[str, list[Observation]]) -> tuple[dict[str, Assessment], str]:
        from qmpt.metrics.reflexivity import ReflexivityEstimator

        estimator = ReflexivityEstimator({"seed": self.seed})
        try:
            found = {name: estimator.evaluate(observations) for name, observations in seen.items()}
        except QmptError as error:
            raise NotComputableError(str(error)) from None
        return found, estimator.reflexivity_model_version

    def _observations(self, cycles: Sequence[CycleResult]) -> dict[str, list[Observation]]:
        """What each speaker left, in the order of the rows."""
        from qmpt.data.models import Observation

        seen: dict[str, list[Observation]] = {}
        number = count()

        def add(speaker: Any, modality: str, payload: Any) -> None:
            at, name = next(number), str(speaker)[:_LONGEST] or "unnamed"
            try:
                one = Observation(obs_id=str(at), pattern_id=name, timestamp=at, modality=modality, payload=payload)
            except ValueError:
                raise NotComputableError(f"a value of {name!r} is no plain value; give texts and numbers") from None
            seen.setdefault(name, []).append(one)

        if self.text:
            columns, _ = complete_rows(cycles, (self.by, self.text))
            for speaker, text in zip(columns[self.by], columns[self.text], strict=True):
                if not isinstance(text, str):
                    raise NotComputableError(f"{self.text!r} holds {str(text)[:40]!r}; it takes texts alone")
                add(speaker, "text", text)
        if self.probability:
            columns, _ = complete_rows(cycles, (self.by, self.probability, self.outcome))
            for speaker, stated, came in zip(*columns.values(), strict=True):
                if isinstance(came, (list, dict)) or came not in (0, 1):
                    raise NotComputableError(
                        f"{self.outcome!r} holds {str(came)[:40]!r}; it takes true and false alone"
                    )
                add(speaker, "prediction", {"p": stated, "outcome": bool(came)})
        return seen


def reflexivity_coverage(
    text: str = "", *, by: str, probability: str = "", outcome: str = "", seed: int = 0
) -> ReflexivityCoverage:
    """A pillar that scores the reflexivity of each speaker, and counts those of whom enough is known.

    Args:
        text: column of what was said.
        by: column that names the speaker of a row.
        probability: column of what was stated beforehand as a probability, in [0, 1].
        outcome: column of whether it came true; both or neither.
        seed: of intervals and permutations.

    Raises:
        ClaimError: no evidence is named, or a probability without its outcome.

    Example:
        >>> said = "I was wrong about the queue. I do not know why it failed, and I may be missing something. " * 4
        >>> rows = [CycleResult(i, True, {"agent": "ab"[i % 2], "reply": said if i % 2 else "Yes."}) for i in range(6)]
        >>> reflexivity_coverage("reply", by="agent").compute(rows, []).statistic_value
        0.5
    """
    if not by or not (text or probability) or bool(probability) is not bool(outcome):
        raise ClaimError(
            f"by, text, probability and outcome are {by!r}, {text!r}, {probability!r} and {outcome!r}; name the "
            "speaker and either a text, or a probability with its outcome"
        )
    return ReflexivityCoverage(by, text, probability, outcome, seed)


PILLAR: Final = ReflexivityCoverage()
"""The form under which the pillar is registered; it names no column and says how to."""
