# SPDX-License-Identifier: Apache-2.0
"""The promises of a pillar, tried: it always gives evidence, makes nothing up, and leaves no trace.

Whether the statistics are right is not tried here; that takes published numbers or a second implementation.
"""

from __future__ import annotations

import json
import math
import pickle
import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any, Final, TypeGuard

from ophamin.checks.pillar_runs import HOSTILE, ORDINARY, PillarRuns, attempt, view_of
from ophamin.checks.report import Check, CheckReport, NotTriedError, examine, name_of, raised, shown
from ophamin.core.canonical import canonical_bytes
from ophamin.core.environment import ophamin_version
from ophamin.core.evidence import CROSS_CHECKS, PillarEvidence
from ophamin.core.plugins import missing_members
from ophamin.measuring.pillars.base import pillar_text
from ophamin.protocols import Pillar

__all__ = ["check_pillar"]

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)+")
_WAY_OUT: Final = "give a PillarEvidence whose statistic_value is None, with the reason in its detail"
_NUMBERS: Final = ("effect_size", "ci_low", "ci_high", "p_value")


def check_pillar(pillar: Any, *, columns: Mapping[str, Sequence[Any]] | None = None) -> CheckReport:
    """Try what a pillar promises, on one ordinary run and a dozen hostile ones made of it.

    Args:
        pillar: the pillar, configured as it is used.
        columns: of an ordinary run on which it computes a number, name -> one value per row, None where a row has
            none; 1 to 2000 rows, some dozens are enough. Without them the pillar is given 60 numbers for each of the
            columns it says it reads, and need not compute anything of them.

    Returns:
        One result per check. The pillar computes about twenty times, so keep the run short.

    Raises:
        ClaimError: the columns differ in length, or have no row or more than 2000.

    Example:
        A test of one's own pillar::

            def test_it_keeps_the_promises_of_a_pillar():
                check_pillar(MyPillar("phi"), columns={"phi": [0.4, 0.5, 0.7]}).raise_if_failed()

        >>> from ophamin.measuring.pillars.adaptive import msprt
        >>> check_pillar(msprt("phi", mu0=0.5, sigma=0.1), columns={"phi": [0.4, 0.5, 0.7, 0.45]}).passed
        True
    """
    name = name_of(pillar, "pillar_name")
    return examine("pillar", name, PillarRuns(pillar, columns), _CHECKS, gates=("contract",))


def _contract(runs: PillarRuns) -> Iterator[str]:
    if isinstance(runs.pillar, type):
        yield f"{runs.pillar.__qualname__} is a class; give an object of it"
        return
    missing = missing_members(Pillar, runs.pillar)
    if missing:
        yield f"it lacks {', '.join(missing)}; add what is missing"
        return
    for member in ("pillar_name", "library", "library_version"):
        value = getattr(runs.pillar, member)
        if not isinstance(value, str) or not value.strip():
            yield f"{member} is {shown(value)}; give a text"
    if not callable(runs.pillar.compute):
        yield f"compute is {shown(runs.pillar.compute)}; write a method compute(cycle_results, records)"


def _name(runs: PillarRuns) -> Iterator[str]:
    if not _NAME.fullmatch(runs.pillar.pillar_name):
        yield (
            f"pillar_name is {shown(runs.pillar.pillar_name)}; write a letter or a room, a dot and a method, "
            "such as 'O.spc'"
        )


def _version(runs: PillarRuns) -> Iterator[str]:
    yield from _wrong_version(runs.pillar.library, runs.pillar.library_version)


def _columns(runs: PillarRuns) -> Iterator[str]:
    named = getattr(runs.pillar, "columns", None)
    if named is None:
        raise NotTriedError("it does not say which columns it reads; a trial then keeps the claimed ones for it")
    if not isinstance(named, tuple) or not all(isinstance(name, str) and name for name in named):
        yield f"columns is {shown(named)}; give a tuple of names"


def _gives_evidence(run: str) -> Check[PillarRuns]:
    def check(runs: PillarRuns) -> Iterator[str]:
        for name in runs.without if run == "missing column" else [run]:
            problem = runs.attempt(name).problem
            if problem:
                yield f"{name}: {problem}; {_WAY_OUT}"

    return check


def _computes(runs: PillarRuns) -> Iterator[str]:
    row = runs.attempt(ORDINARY).evidence
    if row is None:
        raise NotTriedError(f"there is no evidence of the {ORDINARY}")
    if row.statistic_value is None:
        reason = str(row.detail.get("reason", "for no reason that it tells"))[:200]
        if not runs.were_given:
            raise NotTriedError(f"it computed nothing of numbers made up for it ({reason}); give columns=")
        yield f"of the given columns it computed nothing ({reason}); give columns that it can read"


def _made_up(runs: PillarRuns) -> Iterator[str]:
    """Of nothing there is a count, which is a whole number, and no estimate, test or interval."""
    for run in ["empty run", *(["rows without a column"] if getattr(runs.pillar, "columns", ()) else [])]:
        row = runs.attempt(run).evidence
        if row is None:
            continue
        if row.statistic_value is not None and type(row.statistic_value) is not int:
            yield f"{run}: {row.statistic_name} is {row.statistic_value!r} of no value at all; {_WAY_OUT}"
        for name in _NUMBERS:
            if getattr(row, name) is not None:
                yield f"{run}: {name} is {getattr(row, name)!r} of no value at all; leave it None"


def _reasons(runs: PillarRuns) -> Iterator[str]:
    for run, row in runs.evidence():
        texts = [value for value in row.detail.values() if isinstance(value, str) and value.strip()]
        if row.statistic_value is None and not texts:
            yield f"{run}: the statistic is None and the detail says nothing; write detail={{'reason': '...'}}"


def _attribution(runs: PillarRuns) -> Iterator[str]:
    for run, row in runs.evidence():
        if row.pillar != runs.pillar.pillar_name:
            yield f"{run}: the evidence names the pillar {shown(row.pillar)}; it is {runs.pillar.pillar_name!r}"
        if row.library != runs.pillar.library:
            yield from (f"{run}: {problem}" for problem in _wrong_version(row.library, row.library_version))
        elif row.library_version != runs.pillar.library_version:
            yield f"{run}: the evidence has {row.library} {row.library_version}, the pillar {_library_of(runs.pillar)}"


def _finite(runs: PillarRuns) -> Iterator[str]:
    for run, row in runs.evidence():
        for name in ("statistic_value", *_NUMBERS):
            value = getattr(row, name)
            if value is not None and not _is_finite(value):
                yield f"{run}: {name} is {shown(value)}; it is a finite number, or None where it is undefined"


def _p_value(runs: PillarRuns) -> Iterator[str]:
    for run, row in runs.evidence():
        if _is_finite(row.p_value) and not 0 <= row.p_value <= 1:
            yield f"{run}: the p-value is {row.p_value!r}; it lies in [0, 1]"


def _interval(runs: PillarRuns) -> Iterator[str]:
    for run, row in runs.evidence():
        low, high = row.ci_low, row.ci_high
        if not _is_finite(low) or not _is_finite(high):
            continue
        if low > high:
            yield f"{run}: the interval runs from {low!r} to {high!r}; its lower end comes first"
            continue
        around = [value for value in (row.statistic_value, row.effect_size) if _is_finite(value)]
        if around and not any(low <= value <= high for value in around) and not row.detail.get("interval"):
            yield (
                f"{run}: neither statistic nor effect size ({around}) lies in the interval [{low!r}, {high!r}]; "
                "say under detail['interval'] what it is an interval of"
            )


def _cross_check(runs: PillarRuns) -> Iterator[str]:
    for run, row in runs.evidence():
        if row.cross_check not in CROSS_CHECKS:
            yield f"{run}: cross_check is {shown(row.cross_check)}; it is one of {', '.join(CROSS_CHECKS)}"


def _canonical(runs: PillarRuns) -> Iterator[str]:
    for run, row in runs.evidence():
        if not all(value is None or _is_finite(value) for value in (row.statistic_value, *_numbers(row))):
            continue  # told by another check
        try:
            read = json.loads(canonical_bytes(row.to_dict()))
        except Exception as error:  # noqa: BLE001 - what a foreign pillar puts there may fail in any way
            yield f"{run}: {raised(error)} on the way to its canonical form; put plain JSON values into the detail"
            continue
        if read != row.to_dict():
            yield f"{run}: the evidence is another one when it is read back; put lists, not tuples, into the detail"


def _silent(runs: PillarRuns) -> Iterator[str]:
    for one in runs.attempts():
        if one.printed:
            yield f"{one.run}: it printed {shown(one.printed)}; say it in the detail"


def _no_warning(runs: PillarRuns) -> Iterator[str]:
    for one in runs.attempts():
        if one.warned:
            yield f"{one.run}: it warned {shown(one.warned[0])}; catch it and say it in the detail"


def _unchanged(runs: PillarRuns) -> Iterator[str]:
    for one in runs.attempts():
        if one.changed:
            yield f"{one.run}: {one.changed} is not what it was; read it, or change a copy"


def _repeats(runs: PillarRuns) -> Iterator[str]:
    for run in (ORDINARY, "empty run"):
        first, again = runs.attempt(run).evidence, attempt(runs.pillar, run, runs.rows(run))
        if first is None:
            continue
        if again.evidence is None:
            yield f"{run}: it gave evidence once, and of the same rows again {again.problem}; keep nothing between runs"
        elif again.evidence != first:
            yield f"{run}: the same rows gave other evidence again ({_change(first, again.evidence)}); fix the seed"


def _reads_a_view(runs: PillarRuns) -> Iterator[str]:
    first = runs.attempt(ORDINARY).evidence
    viewed = attempt(runs.pillar, ORDINARY, view_of(runs.rows(ORDINARY)))
    if first is None:
        raise NotTriedError(f"there is no evidence of the {ORDINARY}")
    if viewed.evidence is None:
        yield f"of a trial's view of the rows: {viewed.problem}; take any sequence, and change nothing in it"
    elif _all_numbers(viewed.evidence) != _all_numbers(first):
        yield (
            f"a list and a trial's view of the same rows give other numbers ({_change(first, viewed.evidence)}); read "
            "the cycles by index, length and iteration alone"
        )


def _pickles(runs: PillarRuns) -> Iterator[str]:
    try:
        copy = pickle.loads(pickle.dumps(runs.pillar))  # noqa: S301 - what was pickled in this line
    except Exception as error:  # noqa: BLE001 - pickle raises what it meets
        raise NotTriedError(f"it stays in its process: {raised(error)}") from None
    first, again = runs.attempt(ORDINARY).evidence, attempt(copy, ORDINARY, runs.rows(ORDINARY))
    if first is not None and again.evidence is None:
        yield f"a pickled copy gives no evidence: {again.problem}; keep the configuration in the pickled state"
    elif first is not None and again.evidence is not None and _all_numbers(again.evidence) != _all_numbers(first):
        yield (
            f"a pickled copy gives other numbers ({_change(first, again.evidence)}); keep the configuration in the "
            "pickled state"
        )


def _plan_text(runs: PillarRuns) -> Iterator[str]:
    try:
        text, again = pillar_text(runs.pillar), pillar_text(runs.pillar)
    except Exception as error:  # noqa: BLE001 - fields of a foreign pillar may fail in any way
        yield f"a plan cannot hold its configuration: {raised(error)}; keep plain values in its fields"
        return
    if text != again or re.search(r"0x[0-9a-f]{6,}", text):
        yield f"its configuration reads {shown(text)}, which differs from run to run; keep plain values in its fields"


def _condition(runs: PillarRuns) -> Iterator[str]:
    condition = getattr(runs.pillar, "condition", None)
    if condition is None:
        raise NotTriedError("it states no condition; no verdict can depend on it")
    for run, row in runs.evidence():
        try:
            told = condition(row)
        except Exception as error:  # noqa: BLE001 - a foreign pillar may raise anything
            yield f"{run}: of its own evidence {raised(error)}; give True, False, or None where it cannot be told"
            continue
        if told is not None and not isinstance(told, bool):
            yield f"{run}: the condition is {shown(told)}; give True, False, or None where it cannot be told"
        elif told and run == "empty run":
            yield f"{run}: the condition holds of no row at all; give None where it cannot be told"


def _wrong_version(library: str, told: str) -> Iterator[str]:
    installed = _installed(library)
    if told not in installed:
        yield f"{library} is told to be {told!r}, and installed is {' or '.join(installed)}; ask importlib.metadata"


def _installed(library: str) -> tuple[str, ...]:
    """The versions that a library may be said to have: of a distribution, a package, or Python itself."""
    if library == "ophamin":
        return (ophamin_version(),)
    if library.lower() == "python" or library in sys.stdlib_module_names:
        return (platform.python_version(), f"{sys.version_info.major}.{sys.version_info.minor}")
    try:
        return (version(library),)
    except (PackageNotFoundError, ValueError):
        return tuple(sorted({version(name) for name in packages_distributions().get(library, ())})) or ("unknown",)


def _is_finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(row: PillarEvidence) -> list[float | None]:
    return [getattr(row, name) for name in _NUMBERS]


def _all_numbers(row: PillarEvidence) -> list[float | None]:
    return [row.statistic_value, *_numbers(row)]


def _change(before: PillarEvidence, after: PillarEvidence) -> str:
    """The first part in which two rows differ, in words."""
    was, now = before.to_dict(), after.to_dict()
    name = next(name for name in was if was[name] != now[name])
    return f"{name} was {shown(was[name])} and is {shown(now[name])}"


def _library_of(pillar: Any) -> str:
    return f"{pillar.library} {pillar.library_version}"


_CHECKS: Final[Mapping[str, Check[PillarRuns]]] = {
    "contract": _contract,
    "name": _name,
    "library version": _version,
    "columns": _columns,
    **{run: _gives_evidence(run) for run in (ORDINARY, *HOSTILE, "missing column")},
    "computes": _computes,
    "nothing made up": _made_up,
    "reasons": _reasons,
    "attribution": _attribution,
    "finite numbers": _finite,
    "p-value": _p_value,
    "interval": _interval,
    "cross-check": _cross_check,
    "canonical form": _canonical,
    "silent": _silent,
    "no warning": _no_warning,
    "inputs unchanged": _unchanged,
    "repeats": _repeats,
    "reads a view": _reads_a_view,
    "pickles": _pickles,
    "plan text": _plan_text,
    "condition": _condition,
}
