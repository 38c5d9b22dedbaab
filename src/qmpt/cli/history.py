# SPDX-License-Identifier: Apache-2.0
"""``qmpt history``: the theory's historical example, beside the null models that it should have been held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from qmpt.cli.options import AsJson, Out, Seed
from qmpt.cli.output import say, say_json, say_table, say_text

if TYPE_CHECKING:
    from qmpt.viz.reports_models import HistoryTest, HistoryTests

__all__ = ["HISTORY_FILE", "history"]

HISTORY_FILE: Final = "history.json"
_SHIFTS: Final = range(0, 50, 5)
_TODAY: Final = 2025


def history(
    runs: Annotated[
        int, typer.Option("--runs", min=100, max=1_000_000, metavar="N", help="Simulated histories per model.")
    ] = 20_000,
    seed: Seed = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Test eleven dates in the history of science against null models.

    A lesson, not evidence: the list was picked by hand. It shows how far the dates cluster (Gini coefficient of the
    counts per 50 years), how far models without the theory do, and how far the theory's own example does.

    Ends with 0, or with 2 where the command makes no sense.

    \b
    Example:
      qmpt history
      qmpt history --runs 200000 --seed 1 --out history
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from qmpt.cli.outcome import Outcome, write_json

    outcome = Outcome("history", out)
    outcome.config, outcome.seeds = {"runs": runs}, {"simulation": seed or 0}
    result = _tested(runs, seed or 0)
    outcome.lap("testing")
    outcome.counts = {"events": len(result.events), "tests": len(result.tests)}
    outcome.keep({HISTORY_FILE: lambda file: write_json(file, result.model_dump(mode="json"))})
    if as_json:
        say_json(result.model_dump(mode="json"))
        return
    _print(result)


def _tested(runs: int, seed: int) -> HistoryTests:
    from qmpt.simulation.historical import HISTORY, bin_counts, clustering_test, constant_rate, gini, rising_rate
    from qmpt.viz.reports_models import HistoryTests

    years = [event.year for event in HISTORY]
    models: list[tuple[str, Any, dict[str, Any]]] = [
        ("constant rate", constant_rate(), {}),
        ("constant rate, 11 events", constant_rate(), {"given_count": True}),
        ("constant rate, to 2025", _until_today(len(years)), {}),
        ("rising rate (the theory's example)", rising_rate(), {}),
        ("rising rate, 11 events", rising_rate(), {"given_count": True}),
    ]
    tests = [_test(name, clustering_test(years, rate, runs=runs, seed=seed, **more)) for name, rate, more in models]
    origins = [gini(bin_counts(years, first=1600 - shift, last=2100 + 50 - shift)) for shift in _SHIFTS]
    one_out = [gini(bin_counts([*years[:place], *years[place + 1 :]])) for place in range(len(years))]
    return HistoryTests(
        events=[(event.name, event.year, event.domain, event.age) for event in HISTORY],
        starts=list(range(1600, 2100, 50)),
        counts=bin_counts(years),
        tests=tests,
        origins=_span(origins),
        left_out=_span(one_out),
    )


def _until_today(events: int) -> Callable[[float, float], float]:
    """A constant rate that ends today, for nobody can be on the list who comes later; so many events in all."""
    years = _TODAY - 1600
    return lambda first, last: events * (min(last, _TODAY) - min(first, _TODAY)) / years


def _test(name: str, found: Any) -> HistoryTest:
    from qmpt.viz.reports_models import HistoryTest

    return HistoryTest(
        model=name, expected=found.expected, observed=found.observed, mean=found.mean, band=(found.low, found.high),
        p_value=found.p_value, runs=found.runs,
    )  # fmt: skip


def _span(values: list[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    return min(known), max(known)


def _print(result: HistoryTests) -> None:
    from qmpt.viz.reports_caveats import GENERAL, HISTORY
    from qmpt.viz.reports_text import interval_text, number

    width = result.starts[1] - result.starts[0]
    for start, count in zip(result.starts, result.counts, strict=True):
        who = ", ".join(name for name, year, *_ in result.events if 0 <= year - start < width)
        say(f"{start}  {'■' * count:<6}  {who}".rstrip())
    say()
    rows = [
        (f"{one.expected:.1f}", number(one.observed, 3), interval_text(one.band, 3), f"{one.p_value:.2g}", one.model)
        for one in result.tests
    ]
    say_table(("events", "Gini", "5 to 95 % of model", "p", "model"), rows, right=(0, 1))
    say()
    say_text(
        f"Other beginnings of the bins give a Gini coefficient of {interval_text(result.origins, 3)}, leaving one "
        f"person out {interval_text(result.left_out, 3)}. p: share of histories under the model "
        "that cluster at least as much."
    )
    say()
    say_text(f"{HISTORY} {GENERAL}")
