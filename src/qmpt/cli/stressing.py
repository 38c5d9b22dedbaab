# SPDX-License-Identifier: Apache-2.0
"""The course of a layer from its traces: windows, proxies, levels, shifts and early warning, put into one record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import ConfigError, InsufficientEvidence
from qmpt.metrics.layer_proxies import FEWEST_IN_WINDOW

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.data.models import Observation, Pattern
    from qmpt.metrics.layer_metrics import LayerAssessment, LayerLevel
    from qmpt.metrics.layer_traces import TraceProxies
    from qmpt.metrics.layer_windows import TimeWindows
    from qmpt.viz.reports_stress import Change, EarlySigns, Level, ProxyCourse, StressedLayer

    Array = NDArray[np.float64]

__all__ = ["SHIFTED", "SIGNIFICANT", "StressSettings", "stressed_layer"]

SHIFTED: Final = 0.05
"""Level of the test of shifts."""
SIGNIFICANT: Final = 0.025
"""Level of each of the two tests of early warning: together at most 5 percent of steady series warn."""

_MOST_WINDOWS: Final = 1000
_DEFAULT_WINDOWS: Final = (24, 60)
_REFERENCE_WINDOWS: Final = 24
_MOST_FILLED: Final = 0.1
_USUAL: Final = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class StressSettings:
    """What the command line asks for.

    Attributes:
        windows: how many; None for as many as the evidence allows, 24 to 60.
        every: width of a window in seconds, in place of a number; None for a number.
        reference: begin and end of the reference period, in seconds; None for the first half of the windows, and as
            many as hold 24 with a value.
        fewest: observations that a window must hold for a value, at least 1.
        resamples: of the block bootstrap.
        seed: of all draws.
    """

    windows: int | None = None
    every: float | None = None
    reference: tuple[float, float] | None = None
    fewest: int = FEWEST_IN_WINDOW
    resamples: int = 200
    seed: int = 0


def stressed_layer(
    layer_id: str,
    members: Mapping[str, Pattern],
    observations: Sequence[Observation],
    columns: Sequence[str],
    asked: StressSettings,
) -> StressedLayer:
    """The course of one layer, or the reason why there is none.

    Args:
        layer_id: the layer.
        members: its patterns.
        observations: theirs, at least one.
        columns: names of the numbers of a table.
        asked: settings.

    Raises:
        ConfigError: a setting cannot be honoured.
    """
    from qmpt.cli.populations import enough_people, is_human
    from qmpt.metrics.layer_traces import trace_proxies
    from qmpt.viz.reports_stress import StressedLayer

    people = any(is_human(one) for one in members.values())
    head: dict[str, Any] = {"layer_id": layer_id, "patterns": len(members), "observations": len(observations)}
    head["people"] = people
    try:
        enough_people(members.values(), layer_id)
        windows = _windows(observations, columns, asked)
    except InsufficientEvidence as error:
        return StressedLayer(**head, reason=str(error))
    kept, notes = _of_enough_people(observations, members, windows) if people else (observations, [])
    traces = trace_proxies(kept, windows, columns=columns, fewest=asked.fewest)
    if not traces.rests_on:
        told = "; ".join(f"{name}: {why}" for name, why in traces.unsaid.items())
        return StressedLayer(**head, reason=f"nothing in the traces tells stress or protection ({told})")
    blank = _without_value(traces)
    if blank.any():
        notes.append(
            f"windows without a value: {int(blank.sum())} of {windows.count}; fewer than {asked.fewest} of their "
            "observations tell anything"
        )
    counts = [len(held) for held in windows.sorted_in(kept)]
    course = {"starts": windows.starts.tolist(), "width": windows.width, "counts": counts, "notes": notes}
    return StressedLayer(**head, **course, **_levels(traces, _reference(windows, blank, asked), asked))


def _windows(observations: Sequence[Observation], columns: Sequence[str], asked: StressSettings) -> TimeWindows:
    from qmpt.metrics.layer_windows import TimeWindows

    times = [one.timestamp for one in observations]
    first, last = min(times), max(times)
    if first == last:
        told = "1 observation" if len(times) == 1 else f"all {len(times)} observations have one time"
        raise InsufficientEvidence(f"{told}; a course needs several times")
    if asked.every is not None:
        windows = TimeWindows.of_width(first, last, asked.every)
    else:
        windows = TimeWindows.of_number(first, last, asked.windows or _number(observations, columns, asked.fewest))
    if windows.count > _MOST_WINDOWS:
        raise ConfigError(f"{windows.count} windows; the limit is {_MOST_WINDOWS}: take fewer or wider ones")
    if windows.count < 2:
        raise InsufficientEvidence("1 window; a course needs at least 2: take more, or narrower ones")
    return windows


def _number(observations: Sequence[Observation], columns: Sequence[str], fewest: int) -> int:
    """So many windows that one holds half as many again as it must, on average; within the default range."""
    from qmpt.metrics.layer_traces import trace_costs, trace_signs

    signs = trace_signs(observations, columns)
    telling = max(len(trace_costs(observations, columns)), *(len(said) for said in signs.values()))
    least, most = _DEFAULT_WINDOWS
    return max(least, min(most, telling // math.ceil(1.5 * fewest)))


def _of_enough_people(
    observations: Sequence[Observation], members: Mapping[str, Pattern], windows: TimeWindows
) -> tuple[list[Observation], list[str]]:
    """What was done in windows in which enough people did something, and what has to be said of the others."""
    from qmpt.cli.populations import GROUP_FLOOR, is_human

    kept, dropped = [], 0
    for held in windows.sorted_in(observations):
        who = {one.pattern_id for one in held if is_human(members[one.pattern_id])}
        if 0 < len(who) < GROUP_FLOOR:
            dropped += 1
        else:
            kept += held
    told = f"{dropped} of {windows.count} windows hold acts of fewer than {GROUP_FLOOR} people and are left out"
    return kept, [told] if dropped else []


def _reference(windows: TimeWindows, blank: NDArray[np.bool_], asked: StressSettings) -> tuple[int, int] | None:
    """The numbers of the first and last window that lie in the reference period; None where none does."""
    import numpy as np

    if asked.reference is None:
        known = np.flatnonzero(~blank)[:_REFERENCE_WINDOWS]
        enough = int(known[-1]) + 1 if len(known) == _REFERENCE_WINDOWS else windows.count
        return 0, max(enough, windows.count // 2) - 1
    begin, end = asked.reference
    within = [place for place, start in enumerate(windows.starts) if begin <= start and start + windows.width <= end]
    return (within[0], within[-1]) if within else None


def _levels(traces: TraceProxies, reference: tuple[int, int] | None, asked: StressSettings) -> dict[str, Any]:
    """Everything in the record that is computed from the proxies."""
    from qmpt.metrics.layer_metrics import LayerMetricsEstimator
    from qmpt.viz.reports_stress import EarlySigns

    estimator = LayerMetricsEstimator(config={"resamples": asked.resamples, "seed": asked.seed})
    try:
        period = _period(traces.windows, reference)
    except InsufficientEvidence as error:
        return _no_levels(traces, reference, str(error))
    courses = _courses(traces, reference)
    if not any(one.used for one in courses):
        told = "no proxy has enough values that vary in the reference period: take wider windows, or lower --fewest"
        return _no_levels(traces, reference, told)
    found = estimator.fit(traces.proxies, reference=period).evaluate(traces.proxies)
    even, reason = _even_stress(traces)
    changes, p_value, why = _changes(even, found, traces.windows, asked.seed) if not reason else ([], None, reason)
    shares = zip(found.modes, found.mode_probs, strict=True)
    return {
        "reference": reference,
        "proxies": courses,
        "stress": _level("stress", found.stress, courses, reference),
        "protection": _level("protection", found.protection, courses, reference),
        "changes": changes,
        "changes_p": p_value,
        "changes_reason": why,
        "warning": EarlySigns(level=SIGNIFICANT, reason=reason) if reason else _early_signs(even, asked.seed),
        "modes": found.modes,
        "mode_shares": [None if mode is None or probs is None else probs[mode] for mode, probs in shares],
    }


def _period(windows: TimeWindows, reference: tuple[int, int] | None) -> tuple[float, float]:
    """The begin of the first and of the last window of the reference period.

    Raises:
        InsufficientEvidence: there are too few windows in it.
    """
    from qmpt.metrics.layer_levels import FEWEST_REFERENCE

    count = 0 if reference is None else reference[1] - reference[0] + 1
    if reference is None or count < FEWEST_REFERENCE:
        raise InsufficientEvidence(
            f"{count} whole windows lie in the reference period, at least {FEWEST_REFERENCE} are needed: take more or "
            "narrower ones, or a longer --reference"
        )
    return float(windows.starts[reference[0]]), float(windows.starts[reference[1]])


def _no_levels(traces: TraceProxies, reference: tuple[int, int] | None, reason: str) -> dict[str, Any]:
    """The part of the record that remains where there is no level."""
    from qmpt.viz.reports_stress import EarlySigns, Level

    none, why = Level(values=[], intervals=[], coverage=[], reason=reason), "there is no level of stress"
    return {
        "reference": reference,
        "proxies": _courses(traces, reference),
        "stress": none,
        "protection": none,
        "changes_reason": why,
        "warning": EarlySigns(level=SIGNIFICANT, reason=why),
    }


def _courses(traces: TraceProxies, reference: tuple[int, int] | None) -> list[ProxyCourse]:
    """Every proxy with its series, or with the reason why it has none."""
    import numpy as np

    from qmpt.metrics.layer_levels import fit_proxy_scales
    from qmpt.metrics.layer_proxies import PROTECTION_PROXIES, STRESS_PROXIES
    from qmpt.viz.reports_stress import ProxyCourse

    courses = []
    for kind, names in (("stress", STRESS_PROXIES), ("protection", PROTECTION_PROXIES)):
        for name in names:
            values = getattr(traces.proxies, kind).get(name, np.full(traces.windows.count, math.nan))
            before = values[slice(*_span(reference))]
            known = before[~np.isnan(before)]
            missing = traces.unsaid.get(name) or fit_proxy_scales({name: before})[1].get(name, "")
            courses.append(
                ProxyCourse(
                    name=name,
                    kind=kind,
                    rests_on=traces.rests_on.get(name, 0),
                    overall=traces.overall.get(name),
                    values=_with_gaps(values),
                    reference=float(np.median(known)) if known.size else None,
                    used=not missing,
                    reason=missing,
                )
            )
    return courses


def _level(kind: str, found: LayerLevel, courses: Sequence[ProxyCourse], reference: tuple[int, int] | None) -> Level:
    import numpy as np

    from qmpt.viz.reports_stress import Level

    values = _with_gaps(found.value)
    low, high = ([None] * len(values) if end is None else _with_gaps(end) for end in (found.low, found.high))
    before = [value for value in values[slice(*_span(reference))] if value is not None]
    usual = np.quantile(before, _USUAL).tolist() if before else None
    reason = ""
    if not any(value is not None for value in values):
        seen = any(one.rests_on for one in courses if one.kind == kind)
        reason = "no proxy of it has a scale" if seen else "no proxy of it is seen"
    return Level(
        values=values,
        intervals=[(a, b) if a is not None and b is not None else None for a, b in zip(low, high, strict=True)],
        coverage=found.coverage.tolist(),
        usual=None if usual is None else (usual[0], usual[1]),
        reason=reason,
    )


def _even_stress(traces: TraceProxies) -> tuple[Array, str]:
    """The stress for tests over time; or why there is none.

    Its scale is that of the whole time, for a scale of one part makes the other part look unlike it. Instability is
    left out: its windows overlap, so that its values hang together.
    """
    from qmpt.metrics.layer_metrics import LayerMetricsEstimator

    estimator = LayerMetricsEstimator(config={"resamples": 0, "weights": {"instability": 0.0}})
    starts = traces.windows.starts
    found = estimator.fit(traces.proxies, reference=(starts[0], starts[-1])).evaluate(traces.proxies).stress
    return found.value, "" if found.coverage.any() else "no rate of stress has a scale"


def _changes(
    even: Array, found: LayerAssessment, windows: TimeWindows, seed: int
) -> tuple[list[Change], float | None, str]:
    """The shifts of the mean over the windows that have a value, where they stand out; their p-value; or a reason."""
    import numpy as np

    from qmpt.metrics.layer_changes import change_test
    from qmpt.viz.reports_stress import Change

    places = np.flatnonzero(~np.isnan(even))
    try:
        tested = change_test(even[places], seed=seed)
    except InsufficientEvidence as error:
        return [], None, str(error)
    if tested.p_value > SHIFTED:
        return [], tested.p_value, ""
    begins = [int(places[first]) for first in tested.found.first]
    means = [_mean(part) for part in np.split(found.stress.value, begins)]
    changes = [
        Change(window=place, time=float(windows.starts[place]), before=before, after=after)
        for place, (before, after) in zip(begins, pairwise(means), strict=True)
    ]
    return changes, tested.p_value, ""


def _mean(values: Array) -> float | None:
    """The mean of what is known; None where nothing is."""
    known = [value for value in values.tolist() if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else None


def _early_signs(stress: Array, seed: int) -> EarlySigns:
    """The trends of variance and autocorrelation; few gaps are filled in between their neighbours."""
    import numpy as np

    from qmpt.metrics.layer_warning import early_warning
    from qmpt.viz.reports_stress import EarlySigns, Trend

    places = np.flatnonzero(~np.isnan(stress))
    inner = stress[places[0] : places[-1] + 1]
    gaps = np.isnan(inner)
    if gaps.mean() > _MOST_FILLED:
        told = f"{int(gaps.sum())} of {len(inner)} windows have no value; at most one in ten may be filled"
        return EarlySigns(level=SIGNIFICANT, reason=told)
    order = np.arange(len(inner))
    try:
        found = early_warning(np.interp(order, order[~gaps], inner[~gaps]), seed=seed)
    except InsufficientEvidence as error:
        return EarlySigns(level=SIGNIFICANT, reason=str(error))
    pairs = (("variance", found.variance_trend), ("autocorrelation", found.autocorrelation_trend))
    trends = [Trend(indicator=name, tau=one.tau, p_value=one.p_value) for name, one in pairs]
    p_values = [one.p_value for one in trends if one.p_value is not None]
    rises = any(p_value <= SIGNIFICANT for p_value in p_values) if p_values else None
    reason = "" if p_values else "both indicators take one value only"
    return EarlySigns(trends=trends, rises=rises, level=SIGNIFICANT, filled=int(gaps.sum()), reason=reason)


def _without_value(traces: TraceProxies) -> NDArray[np.bool_]:
    """The windows in which no proxy is known; instability lacks a value in the first ones anyway."""
    import numpy as np

    series = {**traces.proxies.stress, **traces.proxies.protection}
    own = [values for name, values in series.items() if name != "instability" or len(series) == 1]
    blank: NDArray[np.bool_] = np.isnan(np.array(own)).all(axis=0)
    return blank


def _with_gaps(values: Array) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


def _span(reference: tuple[int, int] | None) -> tuple[int, int]:
    return (0, 0) if reference is None else (reference[0], reference[1] + 1)
