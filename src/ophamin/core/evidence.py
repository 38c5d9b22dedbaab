# SPDX-License-Identifier: Apache-2.0
"""One piece of evidence: a statistic, its interval, and the library and version that computed it.

It carries numbers; it computes none and decides nothing.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Final

from pydantic import AfterValidator

from ophamin.core.records import JsonMap, Number, Section, record

__all__ = ["CROSS_CHECKS", "PillarEvidence"]

CROSS_CHECKS: Final = ("passed", "skipped", "failed", "n/a")
"""What a second library said of the same statistic."""

_SHOWN: Final = 60


def _cross_check(value: str) -> str:
    if value not in CROSS_CHECKS:
        shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
        known = ", ".join(CROSS_CHECKS)
        raise ValueError(f"cross_check is one of {known}, not {shown!r}; put prose into detail")
    return value


def _probability(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise ValueError(f"a p-value lies in [0, 1], not {value!r}")
    return value


@record
class PillarEvidence(Section):
    """What one pillar measured, attributed to the library that computed it.

    Attributes:
        pillar: the pillar's name, such as ``A.msprt``.
        statistic_name: what the number is.
        statistic_value: the number; None where it is undefined, which only a 1.1 record may carry.
        library: the distribution that computed it.
        library_version: its version.
        effect_size: size of the effect in the units that ``detail`` names, or None.
        ci_low: lower end of the interval, or None.
        ci_high: upper end of the interval, or None.
        p_value: in [0, 1], or None.
        cross_check: one of `CROSS_CHECKS`.
        detail: plain JSON values, signed with the rest; an undefined value has its reason here.

    Raises:
        ValueError: a number is not finite, a p-value is outside [0, 1], an unknown cross-check, a wrong type.

    Example:
        >>> PillarEvidence("O.rate", "blocked", 0.25, "scipy", "1.17.1", ci_low=0.1, ci_high=0.4).cross_check
        'n/a'
    """

    pillar: str
    statistic_name: str
    statistic_value: Number | None
    library: str
    library_version: str
    effect_size: Number | None = None
    ci_low: Number | None = None
    ci_high: Number | None = None
    p_value: Annotated[Number | None, AfterValidator(_probability)] = None
    cross_check: Annotated[str, AfterValidator(_cross_check)] = "n/a"
    detail: JsonMap = field(default_factory=dict)
