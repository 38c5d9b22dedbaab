# SPDX-License-Identifier: Apache-2.0
"""``qmpt stress``: how strained a whole layer is over time, and when that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from qmpt.cli.options import AsJson, Kind, LayerName, Least, Out, PeopleOption, Resamples, Seed, Settings, SourcePath
from qmpt.cli.output import fail, note, progress, say, say_json, say_table, say_text
from qmpt.errors import ConfigError
from qmpt.viz.reports_course import changes_text, early_text, mode_text, moment

if TYPE_CHECKING:
    from qmpt.cli.populations import Reading
    from qmpt.cli.stress_windows import StressSettings
    from qmpt.data.models import Layer
    from qmpt.viz.reports_stress import Level, ProxyCourse, Stress, StressedLayer

__all__ = ["STRESS_FILE", "course_line", "stress"]

STRESS_FILE: Final = "stress.json"
_GAP: Final = "·"
_CELLS: Final = 60
_COUNTS: Final = {
    "conflict": "commits that revert, outcomes that change",
    "error": "acts that failed, commits that mend",
    "retry": "acts that repeat a failed one",
    "deficit": "failures for want of time, quota and the like",
    "instability": "how far the median cost moves",
    "control": "acts that were blocked",
    "rigidity": "sameness of actions",
    "suppression": "rare patterns whose output is gone",
}


def stress(
    path: SourcePath,
    windows: Annotated[
        int | None,
        typer.Option("--windows", min=2, metavar="N", help="Windows of time; default: 24 to 60.", show_default=False),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="TIME", help="Width of a window: 30min, 1h, 1d, 1w.", show_default=False),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="FROM..TO",
            help="Dates or times between which all was as usual; default: the first half, or 24 windows with a value.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Leave out what lies before.", show_default=False),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Leave out what lies at this time or later.", show_default=False),
    ] = None,
    fewest: Annotated[
        int, typer.Option("--fewest", min=1, metavar="N", help="Observations that a window must hold.")
    ] = 10,
    kind: Kind = "auto",
    settings: Settings = None,
    layer: LayerName = None,
    least: Least = 1,
    people: PeopleOption = False,
    seed: Seed = None,
    resamples: Resamples = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Show how strained each layer is over time: stress and protection, shifts, and early warning.

    PATH is what qmpt score reads. Its time is cut into windows. In each, shares of what goes wrong (errors, retries,
    conflicts, failures for want) and of what holds the layer in place (blocked acts, sameness of actions) are put on
    the scale of a reference period, so that 0.5 is what was usual then, and averaged. A window with too few
    observations has no value. At least 20 windows of reference are needed for a level, and 40 windows for an early
    warning. Of fewer than five people nothing is shown.

    A row of a table speaks through numbers that are 0 or 1 and named ok, error, conflict, retry, deficit or blocked,
    and through a number named cost.

    Ends with 0, also where a layer has no level but a reason, and with 2 where the input or the command cannot be used.

    \b
    Example:
      qmpt stress spans.jsonl --layer fleet
      qmpt stress . --every 1w --since 2025-01-01
      qmpt stress spans.jsonl --reference 2026-11-01..2026-11-08
      qmpt stress calls.csv --set pattern=who --set time=at --set numbers=ok,cost
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from qmpt.cli.outcome import Outcome, write_json
    from qmpt.cli.populations import read_population
    from qmpt.data.io import save_layers

    outcome = Outcome("stress", out)
    asked = _asked(windows, every, reference, since=since, until=until, fewest=fewest, resamples=resamples, seed=seed)
    reading = read_population(path, kind=kind, settings=settings, layer=layer, least=least, people=people)
    outcome.lap("reading")
    result = _stressed(reading, asked)
    outcome.lap("stress")
    outcome.inputs, outcome.seeds = reading.inputs, {"bootstrap and surrogates": asked.seed}
    outcome.config = {"source": reading.options, "stress": _plain(asked)}
    outcome.counts = {"layers": len(result.layers), "windows": sum(len(one.starts) for one in result.layers)}
    told = [f"{one.layer_id}: {text}" for one in result.layers for text in [*filter(None, [one.reason]), *one.notes]]
    outcome.warnings = [*reading.notes, *told]
    if not any(one.starts for one in result.layers):
        fail("; ".join(f"{one.layer_id}: {one.reason}" for one in result.layers))
    outcome.keep(
        {
            STRESS_FILE: lambda file: write_json(file, result.model_dump(mode="json")),
            "layers.jsonl": lambda file: save_layers(file, _states(result)),
        }
    )
    _print(result, reading, as_json)


def course_line(values: Sequence[float | None], width: int = _CELLS) -> str:
    """A series in [0, 1] as a row of blocks; a dot where a stretch of time has no value.

    Args:
        values: one per window, at least one.
        width: most blocks.

    Example:
        >>> course_line([0.0, None, 1.0])
        '▁·█'
    """
    from qmpt.cli.simulating import sparkline

    cells = min(width, len(values))
    text = ""
    for place in range(cells):
        stretch = values[place * len(values) // cells : (place + 1) * len(values) // cells]
        known = [value for value in stretch if value is not None]
        text += sparkline([sum(known) / len(known)], 0.0, 1.0) if known else _GAP
    return text


def _asked(
    windows: int | None,
    every: str | None,
    reference: str | None,
    *,
    since: str | None,
    until: str | None,
    **others: int | None,
) -> StressSettings:
    from qmpt.cli.stress_windows import StressSettings
    from qmpt.metrics.layer_windows import seconds_of

    if windows is not None and every is not None:
        raise ConfigError(f"--windows {windows} and --every {every} both say how to cut the time; give one of them")
    usage = "{0} 2026-11-01 or {0} 2026-11-01T10:00"
    begin = None if since is None else _time(since, f"--since {since!r}", usage.format("--since"))
    end = None if until is None else _time(until, f"--until {until!r}", usage.format("--until"))
    if begin is not None and end is not None and not begin < end:
        raise ConfigError(f"--until {until!r} is not after --since {since!r}; give the earlier time as --since")
    width = None if every is None else seconds_of(every)
    period = None if reference is None else _reference_times(reference)
    given = {name: value for name, value in others.items() if value is not None}
    return StressSettings(windows, width, begin, end, period, **given)


def _time(text: str, given: str, usage: str) -> float:
    from qmpt.data.values import timestamp

    try:
        return timestamp(text.strip())
    except ValueError:
        raise ConfigError(f"{given}: write it as {usage}") from None


def _reference_times(text: str) -> tuple[float, float]:
    """The two times in ``FROM..TO``."""
    begin, _, end = text.partition("..")
    given = f"--reference {text!r}"
    first, last = (_time(one, given, "--reference 2026-11-01..2026-11-08") for one in (begin, end))
    if not first < last:
        raise ConfigError(f"{given} ends before it begins; give the earlier time first")
    return first, last


def _stressed(reading: Reading, asked: StressSettings) -> Stress:
    from qmpt.cli.stressing import stressed_layer
    from qmpt.data.indexing import by_layer
    from qmpt.data.models import Observation
    from qmpt.viz.reports_stress import Stress

    patterns = reading.population.patterns
    groups: dict[str, list[Observation]] = {}
    for one in reading.population.observations:
        groups.setdefault(patterns[one.pattern_id].layer_id, []).append(one)
    members = by_layer(patterns)
    layers = []
    with progress(len(groups), "stress") as step:
        for layer_id, observations in groups.items():
            layers.append(stressed_layer(layer_id, members[layer_id], observations, reading.columns, asked))
            step()
    return Stress(source=reading.name, layers=layers)


def _plain(asked: StressSettings) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(asked)


def _states(result: Stress) -> dict[str, Layer]:
    """The layers with a state for each window."""
    from qmpt.data.models import Layer, LayerState

    layers = {}
    for one in result.layers:
        stressed, protected = (level.values if level is not None else [] for level in (one.stress, one.protection))
        states = [
            LayerState(t=t, stress=s, protection=p, macro_state={} if mode is None else {"mode": mode})
            for t, s, p, mode in zip(one.starts, stressed, protected, one.modes, strict=False)
        ]
        layers[one.layer_id] = Layer(layer_id=one.layer_id, state_trajectory=states)
    return layers


def _print(result: Stress, reading: Reading, as_json: bool) -> None:
    if as_json:
        say_json(result.model_dump(mode="json"))
        return
    from qmpt.viz.reports_caveats import GENERAL, PEOPLE
    from qmpt.viz.reports_stress import STRESS_CAVEAT

    for one in result.layers:
        _print_layer(one)
    for told in reading.notes:
        note(told)
    for one in result.layers:
        for told in one.notes:
            note(told if len(result.layers) == 1 else f"{one.layer_id}: {told}")
    say_text(f"{GENERAL} {STRESS_CAVEAT}")
    if any(one.people for one in result.layers):
        say_text(PEOPLE)


def _print_layer(layer: StressedLayer) -> None:
    if layer.width is None or layer.stress is None or layer.protection is None:
        say_text(f"{layer.layer_id}: no course: {layer.reason}")
        say()
        return
    say_text(
        f"{layer.layer_id}: {layer.patterns} patterns, {layer.observations} observations; {len(layer.starts)} windows "
        f"of {_length(layer.width)}, {_time_span(layer.starts[0], layer.starts[-1] + layer.width)}"
    )
    say()
    known = {name: one for name, one in (("stress", layer.stress), ("protection", layer.protection)) if _known(one)}
    if known:
        _print_levels(known, layer)
    _print_proxies(layer)
    if not known:
        say_text(f"No level, no shift, no early warning, no regime: {layer.stress.reason}.")
    else:
        say_text(changes_text(layer))
        say_text(early_text(layer))
        say_text(mode_text(layer))
    say()


def _print_levels(levels: dict[str, Level], layer: StressedLayer) -> None:
    from qmpt.viz.reports_text import interval_text, number

    rows = []
    for name, level in levels.items():
        last = level.last() or 0
        when = "" if last == len(layer.starts) - 1 else f"in the window from {moment(layer.starts[last])}"
        numbers = number(level.values[last]), interval_text(level.intervals[last]), interval_text(level.usual)
        rows.append((name, *numbers, number(level.coverage[last]), when))
    say_table(("level", "now", "95 % interval", "usual range", "coverage", ""), rows, right=(1, 4))
    say()
    for name, level in levels.items():
        say(f"{name:<10}  {course_line(level.values)}")
    if layer.reference is not None:
        first, last = layer.reference
        end = layer.starts[last] + (layer.width or 0.0)
        say_text(
            f"Each from 0 to 1; 0.5 is the middle of the reference period, {last - first + 1} windows, "
            f"{_time_span(layer.starts[first], end)}."
        )
    say()


def _print_proxies(layer: StressedLayer) -> None:
    from qmpt.viz.reports_text import visible

    rows = [
        (
            one.kind, one.name, _share(one, one.overall), str(one.rests_on), _share(one, one.reference),
            _share(one, _value_now(one, layer)), _COUNTS[one.name] if one.used else f"not used: {one.reason}",
        )
        for one in layer.proxies
        if one.rests_on
    ]  # fmt: skip
    say_table(("level", "proxy", "overall", "of", "usual", "now", "what it counts"), rows, right=(2, 3, 4, 5))
    absent = [f"{one.name} ({visible(one.reason)})" for one in layer.proxies if not one.rests_on]
    if absent:
        say_text(f"Not seen: {'; '.join(absent)}.")
    say()


def _share(course: ProxyCourse, value: float | None) -> str:
    from qmpt.viz.reports_text import number

    if value is None or course.name == "instability":
        return number(value)
    return f"{100.0 * value:.1f} %"


def _value_now(course: ProxyCourse, layer: StressedLayer) -> float | None:
    """The value in the window that the level is shown of; without a level, in the last window that has a value."""
    level = layer.stress if course.kind == "stress" else layer.protection
    last = level.last() if level is not None else None
    if last is None:
        held = [one.values for one in layer.proxies if one.kind == course.kind]
        last = max((place for values in held for place, value in enumerate(values) if value is not None), default=None)
    return None if last is None else course.values[last]


def _known(level: Level) -> bool:
    return level.last() is not None


def _time_span(begin: float, end: float) -> str:
    """Two times in UTC; the date once where it is the same."""
    first, second = moment(begin), moment(end)
    day, _, _ = first.partition(" ")
    return f"{first} to {second.removeprefix(f'{day} ')} UTC"


def _length(seconds: float) -> str:
    """A length of time in the largest unit that it holds."""
    units = (("week", 604_800.0), ("day", 86_400.0), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0))
    name, unit = next((one for one in units if seconds >= one[1]), units[-1])
    number = f"{seconds / unit:.3g}"
    return f"{number} {name}{'' if number == '1' else 's'}"
