# SPDX-License-Identifier: Apache-2.0
"""``plan``: what a scenario's claims would cost and promise, said before the first sample. Nothing is run."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ophamin.errors import ClaimError

if TYPE_CHECKING:
    from ophamin.measuring.inference.outlook import Forecast
    from ophamin.measuring.plan import Plan
    from ophamin.measuring.script import Script

__all__ = ["ClaimOutlook", "outlooks", "plan"]


@dataclass(frozen=True, slots=True)
class ClaimOutlook:
    """What one claim would cost and promise.

    Attributes:
        plan: the claim and how it is tried.
        forecast: sample sizes and the probability of each verdict; see `ophamin.measuring.inference.outlook`.
        unit_seconds: time of one unit, where it is known.
    """

    plan: Plan
    forecast: Forecast
    unit_seconds: float | None = None

    @property
    def seconds(self) -> tuple[float, float] | None:
        """Expected and largest time, at the truth that takes longest; None where a part of it is not known."""
        cap, truths = self.forecast.cap, self.forecast.truths
        if self.unit_seconds is None or cap is None or not truths:
            return None
        return self.unit_seconds * max(truth.expected_n for truth in truths), self.unit_seconds * cap

    def to_text(self, width: int = 80) -> str:
        """A block for a terminal of so many columns."""
        claim = f"{self.plan.statistic} {self.plan.comparator} {self.plan.value:g} {self.plan.units}".rstrip()
        lines = [*textwrap.wrap(self.plan.statement, width), claim, self.forecast.to_text(width)]
        if self.seconds is not None:
            expected, most = self.seconds
            unit = _spell(self.unit_seconds or 0.0)
            lines.append(f"cost        {_spell(expected)} expected, {_spell(most)} at most ({unit} a unit)")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()


def plan(
    test: Callable[..., Any],
    *,
    parameters: Mapping[str, Any] | None = None,
    unit_seconds: float | None = None,
    root: Path | None = None,
) -> tuple[ClaimOutlook, ...]:
    """What each claim of a scenario would cost and promise.

    Args:
        test: a function under ``@scenario``.
        parameters: the test's own parameters, where a claim depends on them.
        unit_seconds: time of one unit, above 0; adds the cost in seconds.
        root: folder that a corpus path starts from; default: the current one.

    Raises:
        ClaimError: no scenario, or a claim that cannot be decided as declared.

    Example:
        >>> from ophamin import plan, rate, scenario
        >>> @scenario("most answers are right", rate("right") >= 0.9, mde=0.05)
        ... def test_answers(trial):
        ...     '''Are the answers good enough?'''
        >>> (outlook,) = plan(test_answers)
        >>> outlook.forecast.cap, outlook.forecast.smallest_n
        (596, (56, 8))
    """
    from ophamin.measuring.scenarios.functions import declaration_of

    if unit_seconds is not None and not (isinstance(unit_seconds, (int, float)) and 0 < unit_seconds < math.inf):
        raise ClaimError(f"unit_seconds is the time of one unit, above 0; got {unit_seconds!r}")
    name = f"{test.__module__}.{test.__qualname__}"
    script = declaration_of(test).compile(test, name=name, parameters=parameters, root=root or Path.cwd())
    return outlooks(script, unit_seconds)


def outlooks(script: Script, unit_seconds: float | None = None) -> tuple[ClaimOutlook, ...]:
    """What the claims of a script would cost and promise."""
    from ophamin.measuring.inference.outlook import foresee

    return tuple(
        ClaimOutlook(one, foresee(one.rule, one.bar, mde=one.distance, cap=one.cap_of_rule), unit_seconds)
        for one in script.plans
    )


def _spell(seconds: float) -> str:
    """A duration as people say it.

    >>> _spell(0.0042), _spell(75), _spell(7300)
    ('4.2 ms', '1.2 min', '2 h')
    """
    scale: Sequence[tuple[float, str]] = ((3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"))
    size, unit = next((pair for pair in scale if seconds >= pair[0]), (1e-6, "us"))
    return f"{seconds / size:.2g} {unit}"
