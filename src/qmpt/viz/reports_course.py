# SPDX-License-Identifier: Apache-2.0
"""What the course of a layer says, in sentences, for terminal and report alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from qmpt.viz.reports_text import NO_BREAK, number

if TYPE_CHECKING:
    from qmpt.viz.reports_stress import StressedLayer

__all__ = ["changes_text", "early_text", "mode_text", "moment"]


def changes_text(layer: StressedLayer) -> str:
    """When the mean of the stress shifted, in a sentence."""
    if layer.changes_reason:
        return f"No shift of the stress was looked for: {layer.changes_reason}."
    told = [f"{moment(one.time)} UTC, from {number(one.before)} to {number(one.after)}" for one in layer.changes]
    if not told:
        return "Shifts of the mean of the stress: none."
    return f"Shifts of the mean of the stress: {'; '.join(told)} (p{NO_BREAK}{layer.changes_p:.2g})."


def early_text(layer: StressedLayer) -> str:
    """Whether there is an early warning, in a sentence."""
    found = layer.warning
    if found is None or found.rises is None:
        return f"Early warning: cannot be told: {found.reason if found is not None else 'there is no level'}."
    trends = [
        f"{one.indicator} tau{NO_BREAK}{one.tau:.2f}, p{NO_BREAK}{one.p_value:.2g}"
        for one in found.trends
        if one.tau is not None and one.p_value is not None
    ]
    told = f"Early warning: {'rises' if found.rises else 'no rise'} ({'; '.join(trends)})"
    told += f"; empty windows that were filled in: {found.filled}" if found.filled else ""
    return f"{told}. A shift of the mean raises both by itself." if found.rises and layer.changes else f"{told}."


def mode_text(layer: StressedLayer) -> str:
    """The regime, and since when, in a sentence."""
    known = [(place, mode) for place, mode in enumerate(layer.modes) if mode is not None]
    if not known:
        lacks = [
            f"{name} has no level ({level.reason})"
            for name, level in (("stress", layer.stress), ("protection", layer.protection))
            if level is not None and level.last() is None
        ]
        return f"No regime: {' and '.join(lacks) or 'no rule applies'}."
    since, mode = known[-1]
    share = layer.mode_shares[since]
    while since > 0 and layer.modes[since - 1] == mode:
        since -= 1
    sure = f", in {100.0 * share:.0f}{NO_BREAK}% of the resamples" if share is not None else ""
    return f"Regime: {mode} since {moment(layer.starts[since])} UTC{sure}."


def moment(time: float) -> str:
    """A time in UTC, to the minute.

    Example:
        >>> moment(1_795_219_260.0)
        '2026-11-21 00:01'
    """
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
