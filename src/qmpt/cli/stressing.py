# SPDX-License-Identifier: Apache-2.0
"""The course of a layer from its traces: proxies, levels, shifts and early warning, put into one record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import InsufficientEvidence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.cli.stress_windows import StressSettings
    from qmpt.data.models import Observation, Pattern
    from qmpt.metrics.layer_metrics import LayerAssessment, LayerLevel, LayerMetricsEstimator
    from qmpt.metrics.layer_traces import TraceProxies
    from qmpt.metrics.layer_windows import TimeWindows
    from qmpt.viz.reports_stress import Change, EarlySigns, Level, ProxyCourse, StressedLayer

    Array = NDArray[np.float64]

__all__ = ["SHIFTED", "SIGNIFICANT", "stressed_layer"]

SHIFTED: Final = 0.05
"""Level of the test of shifts."""
SIGNIFICANT: Final = 0.025
"""Level of each of the two tests of early warning: together at most 5 percent of steady series warn."""

_MOST_FILLED: Final = 0.1
_ROOM: Final = 1.5  # what a window holds on average, as a multiple of what it must
_USUAL: Final = (0.05, 0.95)


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
    from qmpt.cli.populations import is_human
    from qmpt.cli.stress_windows import (
        cut_time,
        empty_windows,
        of_enough_people,
        people_among,
        reference_windows,
        within_times,
    )
    from qmpt.metrics.layer_traces import read_traces, trace_proxies
    from qmpt.viz.reports_stress import StressedLayer

    head: dict[str, Any] = {"layer_id": layer_id, "patterns": len(members), "observations": len(observations)}
    head["people"] = any(is_human(one) for one in members.values())
    try:
        within, notes = within_times(observations, asked)
        people = people_among(within, members)
        reading, times = read_traces(within, columns), [one.timestamp for one in within]
        windows = cut_time(times, reading.telling // math.ceil(_ROOM * asked.fewest), asked)
    except InsufficientEvidence as error:
        return StressedLayer(**head, reason=str(error))
    kept, told = of_enough_people(within, people, windows)
    notes += [*told, *empty_windows(within, windows)]
    traces = trace_proxies(kept, windows, fewest=asked.fewest, reading=reading)
    if not traces.rests_on:
        why = "; ".join(f"{name}: {why}" for name, why in traces.unsaid.items())
        return StressedLayer(**head, reason=f"nothing in the traces tells stress or protection ({why})")
    blank = _without_value(traces)
    if blank.any():
        notes.append(
            f"windows without a value: {int(blank.sum())} of {windows.count}; fewer than {asked.fewest} of their "
            "observations tell anything"
        )
    reference, told = reference_windows(windows, blank, asked)
    levels = _levels(traces, reference, asked)
    notes += told if any(one.used for one in levels["proxies"]) else []
    counts = [len(held) for held in windows.sorted_in(kept)]
    course = {"starts": windows.starts.tolist(), "width": windows.width, "counts": counts, "notes": notes}
    return StressedLayer(**head, **course, **levels)


def _levels(traces: TraceProxies, reference: tuple[int, int] | None, asked: StressSettings) -> dict[str, Any]:
    """Everything in the record that is computed from the proxies."""
    from qmpt.viz.reports_stress import EarlySigns

    try:
        estimator = _fitted(traces, reference, asked)
    except InsufficientEvidence as error:
        return _no_levels(traces, reference, str(error))
    found = estimator.evaluate(traces.proxies)
    courses = _courses(traces, reference, {**found.stress.missing, **found.protection.missing})
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


def _fitted(traces: TraceProxies, reference: tuple[int, int] | None, asked: StressSettings) -> LayerMetricsEstimator:
    """The estimator with the scales of the reference period.

    Raises:
        InsufficientEvidence: there are too few windows in it, or no proxy varies in enough of them.
    """
    from qmpt.metrics.layer_levels import FEWEST_REFERENCE
    from qmpt.metrics.layer_metrics import LayerMetricsEstimator

    count = 0 if reference is None else reference[1] - reference[0] + 1
    if reference is None or count < FEWEST_REFERENCE:
        raise InsufficientEvidence(
            f"{count} whole windows lie in the reference period, at least {FEWEST_REFERENCE} are needed: take more or "
            "narrower ones, or a longer --reference"
        )
    estimator = LayerMetricsEstimator(config={"resamples": asked.resamples, "seed": asked.seed})
    starts = traces.windows.starts
    try:
        return estimator.fit(traces.proxies, reference=(float(starts[reference[0]]), float(starts[reference[1]])))
    except InsufficientEvidence:
        raise InsufficientEvidence(
            "no proxy has enough values that vary in the reference period: take wider windows, lower --fewest, or "
            "leave out times that stand apart with --since and --until"
        ) from None


def _no_levels(traces: TraceProxies, reference: tuple[int, int] | None, reason: str) -> dict[str, Any]:
    """The part of the record that remains where there is no level."""
    from qmpt.metrics.layer_levels import fit_proxy_scales
    from qmpt.viz.reports_stress import EarlySigns, Level

    series = {**traces.proxies.stress, **traces.proxies.protection}
    missing = fit_proxy_scales({name: values[_within(reference)] for name, values in series.items()})[1]
    none, why = Level(values=[], intervals=[], coverage=[], reason=reason), "there is no level of stress"
    return {
        "reference": reference,
        "proxies": _courses(traces, reference, missing),
        "stress": none,
        "protection": none,
        "changes_reason": why,
        "warning": EarlySigns(level=SIGNIFICANT, reason=why),
    }


def _courses(traces: TraceProxies, reference: tuple[int, int] | None, missing: Mapping[str, str]) -> list[ProxyCourse]:
    """Every proxy with its series, or with the reason why it has none or is not in the level."""
    import numpy as np

    from qmpt.metrics.layer_proxies import PROTECTION_PROXIES, STRESS_PROXIES
    from qmpt.viz.reports_stress import ProxyCourse

    courses = []
    for kind, names in (("stress", STRESS_PROXIES), ("protection", PROTECTION_PROXIES)):
        for name in names:
            values = getattr(traces.proxies, kind).get(name, np.full(traces.windows.count, math.nan))
            before = values[_within(reference)]
            known = before[~np.isnan(before)]
            reason = traces.unsaid.get(name) or missing.get(name, "")
            courses.append(
                ProxyCourse(
                    name=name,
                    kind=kind,
                    rests_on=traces.rests_on.get(name, 0),
                    overall=traces.overall.get(name),
                    values=_with_gaps(values),
                    reference=float(np.median(known)) if known.size else None,
                    used=not reason,
                    reason=reason,
                )
            )
    return courses


def _level(kind: str, found: LayerLevel, courses: Sequence[ProxyCourse], reference: tuple[int, int] | None) -> Level:
    import numpy as np

    from qmpt.viz.reports_stress import Level

    values = _with_gaps(found.value)
    low, high = ([None] * len(values) if end is None else _with_gaps(end) for end in (found.low, found.high))
    before = [value for value in values[_within(reference)] if value is not None]
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


def _within(reference: tuple[int, int] | None) -> slice:
    """The windows of the reference period; none where there is none."""
    return slice(0, 0) if reference is None else slice(reference[0], reference[1] + 1)
