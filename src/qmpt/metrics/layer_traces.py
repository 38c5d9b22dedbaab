# SPDX-License-Identifier: Apache-2.0
"""From traces to the proxies of a layer: what each observation says of stress and of protection, window by window.

===========  ==========================================================================================================
error        acts that failed (``ok``); commits whose subject says that they mend something
retry        acts that repeat an act of the same pattern that had failed just before
conflict     commits that revert another; test runs whose outcome is unlike that of the run before
deficit      acts that failed for want of time, quota, memory or the like, by the words of their error
instability  how far the median cost moves from window to window (of commits: the changed lines)
control      acts that somebody or something blocked
rigidity     sameness of the actions; outcomes of tests are no actions
===========  ==========================================================================================================

An observation may state any of them itself: a field ``ok``, ``error``, ``conflict``, ``retry``, ``deficit`` or
``blocked`` that is true or false, or a number that is 1 or 0. Words are matched by fixed rules and miss what is said in
others. What no observation speaks of has no series, and a reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.data.indexing import by_pattern
from qmpt.data.models import Observation
from qmpt.metrics.layer_proxies import (
    FEWEST_IN_WINDOW,
    PROTECTION_PROXIES,
    STRESS_PROXIES,
    LayerProxies,
    action_rigidity,
    flag_shares,
    rolling_instability,
)
from qmpt.metrics.layer_windows import TimeWindows

__all__ = [
    "INSTABILITY_WINDOWS",
    "TraceProxies",
    "TraceReading",
    "read_traces",
    "trace_costs",
    "trace_proxies",
    "trace_signs",
]

Array = NDArray[np.float64]
Signs = dict[str, dict[str, bool]]

INSTABILITY_WINDOWS: Final = 5
"""Windows over which instability is read (open choice)."""

_RATES: Final = ("conflict", "error", "retry", "deficit", "control")
_OUTCOMES: Final = frozenset(
    {"passed", "failed", "skipped", "error", "rerun", "xfailed", "xpassed", "VALIDATED", "REFUTED", "INCONCLUSIVE"}
)
_MENDS: Final = re.compile(r"((bug|hot)?fix|mend|repair|correct)(e[sd]|ed|s|ing)?\b", re.IGNORECASE)
_REVERTS: Final = re.compile(r"(revert|back ?out|undo)(e[sd]|ed|s|ing)?\b", re.IGNORECASE)
_WANT: Final = re.compile(
    r"time.?out|timed.out|deadline|rate.?limit|too.many.requests|\b429\b|\b503\b|quota|exhausted|overload|out.of.memory"
    r"|no.space|insufficient|unavailable",
    re.IGNORECASE,
)
_BLOCKED: Final = re.compile(
    r"block|denied|forbidden|\b403\b|unauthori[sz]ed|\b401\b|not.allowed|content.?filter|guardrail|policy|moderat|refus",
    re.IGNORECASE,
)
_UNSAID: Final = {
    "conflict": "no commits, no repeated test runs",
    "error": "no outcomes, no commits",
    "retry": "no acts in a row with outcomes",
    "deficit": "no failure says why",
    "instability": "no costs",
    "control": "no failure says why",
    "rigidity": "fewer than two kinds of actions",
    "suppression": "not in traces",
}


@dataclass(frozen=True)
class TraceReading:
    """What single observations say, before any window.

    Attributes:
        signs: rate -> ``obs_id`` -> whether it counts, see `trace_signs`.
        costs: ``obs_id`` -> cost, see `trace_costs`.
    """

    signs: Signs
    costs: dict[str, float]

    @property
    def telling(self) -> int:
        """Observations that say something of the proxy that most of them speak of."""
        return max(len(self.costs), *(len(said) for said in self.signs.values()))

    def of(self, observations: Iterable[Observation]) -> TraceReading:
        """What some of the observations say."""
        names = {one.obs_id for one in observations}
        signs = {name: {one: said[one] for one in said if one in names} for name, said in self.signs.items()}
        return TraceReading(signs, {one: cost for one, cost in self.costs.items() if one in names})


@dataclass(frozen=True)
class TraceProxies:
    """The proxies of a layer as its traces show them.

    Attributes:
        windows: of time.
        proxies: the series, one value per window.
        rests_on: proxy -> observations that say something of it.
        overall: rate -> share of these of which it is true, over the whole time.
        unsaid: proxy -> why the traces say nothing of it.
    """

    windows: TimeWindows
    proxies: LayerProxies
    rests_on: dict[str, int]
    overall: dict[str, float]
    unsaid: dict[str, str]


def trace_proxies(
    observations: Sequence[Observation],
    windows: TimeWindows,
    *,
    columns: Sequence[str] = (),
    fewest: int = FEWEST_IN_WINDOW,
    reading: TraceReading | None = None,
) -> TraceProxies:
    """The proxies that can be read from traces.

    Args:
        observations: of one layer.
        windows: at least 2.
        columns: names of the numbers of observations whose payload is a row of them.
        fewest: observations that a window must hold for a value, at least 1.
        reading: what these observations say, and perhaps others; None to read it here, with the columns.

    Raises:
        ConfigError: ``fewest`` is below 1.
        DataError: there are fewer than 2 windows.

    Example:
        >>> seen = [
        ...     Observation(obs_id=str(n), pattern_id="a", timestamp=n, modality="behavior",
        ...                 payload={"action": "call", "ok": n % 5 > 0})
        ...     for n in range(40)
        ... ]
        >>> found = trace_proxies(seen, TimeWindows(0.0, 10.0, 4))
        >>> found.proxies.stress["error"].tolist(), found.rests_on["error"], found.unsaid["instability"]
        ([0.2, 0.2, 0.2, 0.2], 40, 'no costs')
    """
    told = read_traces(observations, columns) if reading is None else reading.of(observations)
    signs, costs, unsaid = dict(told.signs), told.costs, dict(_UNSAID)
    if signs["deficit"] and signs["deficit"] == signs["error"]:
        signs["deficit"], unsaid["deficit"] = {}, "every failure is one, so it is the error rate again"
    known = {name: signs[name].get for name in _RATES if signs[name]}
    flags = {name: (lambda one, said=said: said(one.obs_id)) for name, said in known.items()}
    series = flag_shares(observations, flags, windows, fewest=fewest)[1]
    rests_on = {name: len(signs[name]) for name in series}
    overall = {name: sum(signs[name].values()) / len(signs[name]) for name in series}
    if costs and windows.count >= INSTABILITY_WINDOWS:
        medians = _medians(observations, windows, costs, fewest)
        series["instability"] = rolling_instability(medians, INSTABILITY_WINDOWS)
        rests_on["instability"] = len(costs)
    acts = [one for one in observations if _action(one) is not None]
    if len({one.payload["action"] for one in acts}) > 1:
        series["rigidity"] = action_rigidity(acts, windows, fewest=fewest)[1]
        rests_on["rigidity"] = len(acts)
    if costs:
        unsaid["instability"] = f"{windows.count} windows; {INSTABILITY_WINDOWS} are the fewest"
    unsaid = {name: why for name, why in unsaid.items() if name not in series}
    stress: dict[str, Array] = {name: series[name] for name in STRESS_PROXIES if name in series}
    protection: dict[str, Array] = {name: series[name] for name in PROTECTION_PROXIES if name in series}
    return TraceProxies(windows, LayerProxies(windows.starts, stress, protection), rests_on, overall, unsaid)


def read_traces(observations: Iterable[Observation], columns: Sequence[str] = ()) -> TraceReading:
    """What each observation says of the rates, and its cost.

    Args:
        observations: of one layer.
        columns: names of the numbers of observations whose payload is a row of them.

    Example:
        >>> act = {"action": "call", "ok": False, "cost": 0.0}
        >>> read_traces([Observation(obs_id="a", pattern_id="p", timestamp=0, modality="behavior", payload=act)]).costs
        {'a': 0.0}
    """
    known = list(observations)
    return TraceReading(trace_signs(known, columns), trace_costs(known, columns))


def trace_signs(observations: Iterable[Observation], columns: Sequence[str] = ()) -> Signs:
    """What each observation says of the rates: true, false, or nothing.

    What a field states goes before what is derived from words or from the order of acts.

    Args:
        observations: of one layer.
        columns: names of the numbers of observations whose payload is a row of them.

    Returns:
        Proxy -> ``obs_id`` -> whether it counts; observations that say nothing of a proxy are left out of it.

    Example:
        >>> mend = {"text": "Fix the door", "numbers": {"insertions": 1, "deletions": 0, "parents": 1}}
        >>> trace_signs([Observation(obs_id="c", pattern_id="a", timestamp=0, modality="text", payload=mend)])["error"]
        {'c': True}
    """
    known = list(observations)
    fields = {one.obs_id: _fields(one, columns) for one in known}
    signs: Signs = {name: {} for name in _RATES}
    for one in known:
        for name, said in {**_of_commit(one), **_of_error(fields[one.obs_id]), **_stated(fields[one.obs_id])}.items():
            signs[name][one.obs_id] = said
    for name in ("deficit", "control"):
        if not any(_explains(seen, name) for seen in fields.values()):
            signs[name] = {}  # failures without words may all be for want, so that none is known to be says nothing
    for group in by_pattern(known).values():
        _add_sequences(sorted(group, key=lambda one: one.timestamp), fields, signs)
    return signs


def trace_costs(observations: Iterable[Observation], columns: Sequence[str] = ()) -> dict[str, float]:
    """The cost of each act as it was given, and of a commit the changed lines; on a scale that is logarithmic far out.

    Args:
        observations: any number of them.
        columns: names of the numbers of observations whose payload is a row of them.

    Returns:
        ``obs_id`` -> inverse hyperbolic sine of the cost.

    Example:
        >>> act = {"action": "call", "cost": 0.0}
        >>> trace_costs([Observation(obs_id="a", pattern_id="p", timestamp=0, modality="behavior", payload=act)])
        {'a': 0.0}
    """
    found = {}
    for one in observations:
        fields = _fields(one, columns)
        if _commit_subject(one) is not None:
            cost: Any = _number(fields.get("insertions")) + _number(fields.get("deletions"))
        else:
            cost = _number(fields.get("cost"))
        if math.isfinite(cost):
            found[one.obs_id] = math.asinh(cost)
    return found


def _fields(one: Observation, columns: Sequence[str]) -> dict[str, Any]:
    """The named values of a payload: its own, and its numbers."""
    payload = one.payload
    if isinstance(payload, Mapping):
        numbers = payload.get("numbers")
        return {**(numbers if isinstance(numbers, Mapping) else {}), **payload}
    if isinstance(payload, list) and len(payload) == len(columns):
        return dict(zip(columns, payload, strict=True))
    return {}


def _truth(value: Any) -> bool | None:
    return bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _stated(fields: Mapping[str, Any]) -> dict[str, bool]:
    ok = _truth(fields.get("ok"))
    said = {"error": None if ok is None else not ok}
    for name, field in (*((name, name) for name in _RATES), ("control", "blocked")):
        stated = _truth(fields.get(field))
        said[name] = stated if stated is not None else said.get(name)
    return {name: one for name, one in said.items() if one is not None}


def _of_error(fields: Mapping[str, Any]) -> dict[str, bool]:
    """What an act with an outcome says of deficit and control; of a failure without words nothing is known."""
    if _truth(fields.get("ok")) is True:
        return {"deficit": False, "control": False}
    words = fields.get("error")
    if _truth(fields.get("ok")) is None or not isinstance(words, str):
        return {}
    return {"deficit": _WANT.search(words) is not None, "control": _BLOCKED.search(words) is not None}


def _explains(fields: Mapping[str, Any], name: str) -> bool:
    stated = fields.get("blocked" if name == "control" else name)
    return _truth(stated) is not None or (_truth(fields.get("ok")) is False and isinstance(fields.get("error"), str))


def _commit_subject(one: Observation) -> str | None:
    """The first line of a message, where the observation is a commit."""
    payload = one.payload
    if one.modality != "text" or not isinstance(payload, Mapping) or not isinstance(payload.get("text"), str):
        return None
    numbers = payload.get("numbers")
    if not isinstance(numbers, Mapping) or not {"insertions", "deletions", "parents"} <= set(numbers):
        return None
    return str(payload["text"].strip().partition("\n")[0])


def _of_commit(one: Observation) -> dict[str, bool]:
    """Whether a commit mends or reverts; a merge is no work of its own."""
    subject = _commit_subject(one)
    if subject is None or _number(one.payload["numbers"]["parents"]) > 1:
        return {}
    return {"error": _MENDS.match(subject) is not None, "conflict": _REVERTS.match(subject) is not None}


def _action(one: Observation) -> str | None:
    """The action of an observation; None where there is none, or it is the outcome of a test."""
    payload = one.payload
    action = payload.get("action") if one.modality == "behavior" and isinstance(payload, Mapping) else None
    return action if isinstance(action, str) and action not in _OUTCOMES else None


def _add_sequences(group: Sequence[Observation], fields: Mapping[str, Mapping[str, Any]], signs: Signs) -> None:
    """Retries among the acts of one pattern, and changes of outcome among the runs of one test; in order of time."""
    done = [one for one in group if _truth(fields[one.obs_id].get("ok")) is not None]
    for before, after in pairwise(done):
        failed = not _truth(fields[before.obs_id]["ok"])
        first, second = _action(before), _action(after)
        if first is not None and second is not None:
            signs["retry"].setdefault(after.obs_id, failed and first == second)
        elif isinstance(fields[after.obs_id].get("action"), str):
            changed = _truth(fields[after.obs_id]["ok"]) is failed
            signs["conflict"].setdefault(after.obs_id, changed)


def _medians(
    observations: Sequence[Observation], windows: TimeWindows, costs: Mapping[str, float], fewest: int
) -> Array:
    medians = np.full(windows.count, math.nan)
    for place, held in enumerate(windows.sorted_in(one for one in observations if one.obs_id in costs)):
        if len(held) >= fewest:
            medians[place] = float(np.median([costs[one.obs_id] for one in held]))
    return medians
