# SPDX-License-Identifier: Apache-2.0
"""The promises of a scenario class, tried: it says what it is, claims one thing, and of nothing scores nothing.

Nothing is run against a system here. Scenarios that are functions need no such check: they have no score of their own.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeGuard

from ophamin.checks.report import Check, CheckReport, NotTriedError, examine, name_of, raised, shown
from ophamin.core.evidence import PillarEvidence
from ophamin.core.plugins import missing_members
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import OphaminError
from ophamin.measuring.proof.record import Claim
from ophamin.measuring.scenarios.base import SENTINEL, Scenario, ScenarioScore
from ophamin.measuring.tier import Tier
from ophamin.protocols import ScenarioProtocol
from ophamin.seeing.contract import ScenarioFieldContract, validate_contract_against_raw

__all__ = ["check_scenario"]

_NAME: Final = re.compile(r"[\w.-]+")
_FAILED_CYCLES: Final = 5
_NO_CYCLES: Final = "no cycles of an ordinary run are known; give cycles="
_WAY_OUT: Final = "give ScenarioScore(None, reasoning='...')"


@dataclass
class _Subject:
    """A scenario class and what it is tried on."""

    cls: Any
    arguments: Mapping[str, Any]
    cycles: tuple[CycleResult, ...]
    records: tuple[CorpusRecord, ...]
    root: Path | None

    @cached_property
    def instance(self) -> Any:
        """One scenario of the class."""
        return self.make()

    def make(self) -> Any:
        """A new scenario of the class."""
        return self.cls(**self.arguments)


def check_scenario(
    cls: Any,
    *,
    arguments: Mapping[str, Any] | None = None,
    cycles: Sequence[CycleResult] = (),
    records: Sequence[CorpusRecord] = (),
    data_root: str | Path | None = None,
) -> CheckReport:
    """Try what a scenario class promises.

    Args:
        cls: the class.
        arguments: for its constructor.
        cycles: of an ordinary run; without them its score is tried on nothing alone.
        records: of that run.
        data_root: folder that the path of its corpus starts from; by default the current one.

    Example:
        A test of one's own scenario::

            def test_it_keeps_the_promises_of_a_scenario():
                check_scenario(MyScenario, cycles=[CycleResult(0, True, {"phi": 0.5})]).raise_if_failed()

        >>> [failed.name for failed in check_scenario(Scenario).failures]
        ['contract']
    """
    root = None if data_root is None else Path(data_root)
    subject = _Subject(cls, dict(arguments or {}), tuple(cycles), tuple(records), root)
    return examine("scenario", name_of(cls, "name"), subject, _CHECKS, gates=("contract",))


def _contract(subject: _Subject) -> Iterator[str]:
    if not isinstance(subject.cls, type):
        yield f"{shown(subject.cls)} is no class; give the class, and what it is made with as arguments="
        return
    try:
        instance = subject.instance
    except Exception as error:  # noqa: BLE001 - a foreign constructor may raise anything
        yield f"it cannot be made: {raised(error)}; give what its constructor needs as arguments="
        return
    missing = missing_members(ScenarioProtocol, instance)
    if missing:
        yield f"it lacks {', '.join(missing)}; add what is missing"
        return
    for method in ("build_claim", "score", "run"):
        if not callable(getattr(instance, method)):
            yield f"{method} is {shown(getattr(instance, method))}; write a method"


def _name(subject: _Subject) -> Iterator[str]:
    name = subject.instance.name
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == SENTINEL:
        yield f"the name is {shown(name)}; give one of its own, of letters, digits, dots, dashes and underscores"


def _metadata(subject: _Subject) -> Iterator[str]:
    if not issubclass(subject.cls, Scenario):
        raise NotTriedError("it does not inherit from Scenario, and need not say what it is")
    tier = getattr(subject.instance, "tier", None)
    try:
        Tier.parse(tier if isinstance(tier, str) else "")
    except OphaminError as error:
        yield f"tier is {shown(tier)}: {error}"
    for member in ("family", "goal", "explanation"):
        value = getattr(subject.instance, member)
        if not isinstance(value, str) or not value.strip():
            yield f"{member} is {shown(value)}; say it in a sentence"
    for member in ("method", "falsification_consequence", "runner_path"):
        if not isinstance(getattr(subject.instance, member), str):
            yield f"{member} is {shown(getattr(subject.instance, member))}; give a text, empty for none"


def _feed(subject: _Subject) -> Iterator[str]:
    for member in ("corpus_name", "target"):
        value = getattr(subject.instance, member)
        if not isinstance(value, str):
            yield f"{member} is {shown(value)}; give a text"
    n_cycles = subject.instance.n_cycles
    if not isinstance(n_cycles, int) or isinstance(n_cycles, bool) or n_cycles < 1:
        yield f"n_cycles is {shown(n_cycles)}; give a whole number, 1 or more"


def _claim(subject: _Subject) -> Iterator[str]:
    claim = subject.instance.build_claim()
    if not isinstance(claim, Claim):
        yield f"build_claim() gave a {type(claim).__name__}; give a Claim"
        return
    for part in ("statement", "operationalization", "h0", "h1"):
        if not getattr(claim, part).strip():
            yield f"the claim has no {part}; say it, so that it can fail"
    if not claim.threshold.metric.strip():
        yield "the threshold names no metric; say what is held against it"


def _same_claim(subject: _Subject) -> Iterator[str]:
    first = subject.instance.build_claim()
    for which, other in (("asked again", subject.instance), ("made anew", subject.make())):
        again = other.build_claim()
        if again != first:
            yield f"{which}, it claims {_claim_text(again)} and first {_claim_text(first)}; a claim is fixed beforehand"


def _plan(subject: _Subject) -> Iterator[str]:
    if not issubclass(subject.cls, Scenario):
        raise NotTriedError("it does not inherit from Scenario and runs in its own way")
    if any(_metadata(subject)):
        raise NotTriedError("it does not say what it is, as its plan would")
    both = (subject.instance, subject.make())
    first, second = (one.build_claim() for one in both)
    if not isinstance(first, Claim) or first != second:
        raise NotTriedError("it does not claim one thing, as its plan would")
    digests = {one.script(subject.root).digest for one in both}
    if len(digests) != 1:
        yield f"two of it have the plans {', '.join(sorted(one[:12] for one in digests))}; let nothing in them vary"
    if not subject.instance.analysis_plan().strip():
        yield "analysis_plan() is empty; say how the run will be read"


def _field_contract(subject: _Subject) -> Iterator[str]:
    asked = getattr(subject.instance, "field_contract", None)
    contract = asked() if callable(asked) else None
    if contract is None:
        raise NotTriedError("it asks for no field")
    if not isinstance(contract, ScenarioFieldContract):
        yield f"field_contract() gave a {type(contract).__name__}; give a ScenarioFieldContract, or None"
        return
    if contract.scenario_name != subject.instance.name:
        yield f"its field contract names {shown(contract.scenario_name)}; the scenario is {subject.instance.name!r}"
    for cycle in subject.cycles[:1]:
        for breach in validate_contract_against_raw(contract, cycle.raw):
            yield f"the given cycles break its field contract: {breach.field_name}: {breach.detail}"


def _scores_nothing(subject: _Subject) -> Iterator[str]:
    score, problem = _scored(subject, (), ())
    if problem:
        yield f"of no cycle at all {problem}; {_WAY_OUT}"
    elif score is not None and _is_defined(score.observed_value) and not score.inconclusive:
        yield f"of no cycle at all it scores {score.observed_value!r}; {_WAY_OUT}"


def _scores_failures(subject: _Subject) -> Iterator[str]:
    failed = tuple(
        CycleResult(row, False, stimulus_id=f"s{row}", error="TimeoutError: no answer") for row in range(_FAILED_CYCLES)
    )
    _, problem = _scored(subject, failed, ())
    if problem:
        yield f"of cycles that all failed {problem}; {_WAY_OUT}"


def _scores_a_run(subject: _Subject) -> Iterator[str]:
    if not subject.cycles:
        raise NotTriedError(_NO_CYCLES)
    score, problem = _scored(subject, subject.cycles, subject.records)
    if score is None:
        yield f"of the given cycles {problem or 'it has no score'}; give cycles that it can read"
        return
    if not _is_defined(score.observed_value):
        yield f"of the given cycles it scores {shown(score.observed_value)}; give cycles that it can read"
    rows: Sequence[Any] = score.evidence
    for row in rows:
        if not isinstance(row, PillarEvidence):
            yield f"its evidence holds a {type(row).__name__}; give PillarEvidence"
    ends = [score.low, score.high]
    if any(end is not None and not _is_defined(end) for end in ends):
        yield f"the interval is {shown(ends)}; its ends are finite numbers, or None"


def _interval(subject: _Subject) -> Iterator[str]:
    score = _of_the_run(subject)
    low, value, high = score.low, score.observed_value, score.high
    if not (_is_defined(low) and _is_defined(value) and _is_defined(high)):
        raise NotTriedError("there is no interval around the score")
    if not low <= value <= high:
        yield f"the score {value!r} lies outside its interval [{low!r}, {high!r}]; give the interval of the score"


def _repeats(subject: _Subject) -> Iterator[str]:
    first, again = _of_the_run(subject), _of_the_run(subject)
    for member in ("observed_value", "low", "high", "inconclusive", "deterministic", "evidence"):
        one, other = repr(getattr(first, member)), repr(getattr(again, member))  # so that not-a-number equals itself
        if one != other:
            yield f"{member} is {one[:100]} and then {other[:100]} of the same cycles; seed what is drawn at random"


def _unchanged(subject: _Subject) -> Iterator[str]:
    _of_the_run(subject)
    cycles, records = copy.deepcopy((list(subject.cycles), list(subject.records)))
    subject.instance.score(cycles, records)
    if (cycles, records) != (list(subject.cycles), list(subject.records)):
        yield "score() changed the cycles or the records that it was given; read them, or change a copy"


def _of_the_run(subject: _Subject) -> ScenarioScore:
    """The score of the given cycles.

    Raises:
        NotTriedError: none were given, or they have no score.
    """
    score, problem = _scored(subject, subject.cycles, subject.records)
    if not subject.cycles or score is None:
        raise NotTriedError(_NO_CYCLES if not subject.cycles else f"there is no score: {problem}")
    return score


def _scored(
    subject: _Subject, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]
) -> tuple[ScenarioScore | None, str]:
    """The score of a copy of the cycles, and what is wrong with it in words.

    An error of ours is no wrong: it says, as it should, that there is no score.
    """
    try:
        score = subject.make().score(*copy.deepcopy((list(cycles), list(records))))
    except OphaminError:
        return None, ""
    except Exception as error:  # noqa: BLE001 - a foreign score may raise anything
        return None, raised(error)
    return (score, "") if isinstance(score, ScenarioScore) else (None, f"it gave a {type(score).__name__}")


def _is_defined(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _claim_text(claim: Any) -> str:
    return shown(claim.threshold.describe() if isinstance(claim, Claim) else claim)


_CHECKS: Final[Mapping[str, Check[_Subject]]] = {
    "contract": _contract,
    "name": _name,
    "metadata": _metadata,
    "feed": _feed,
    "claim": _claim,
    "same claim": _same_claim,
    "plan": _plan,
    "field contract": _field_contract,
    "scores nothing of nothing": _scores_nothing,
    "cycles that failed": _scores_failures,
    "scores a run": _scores_a_run,
    "interval": _interval,
    "repeats": _repeats,
    "inputs unchanged": _unchanged,
}
