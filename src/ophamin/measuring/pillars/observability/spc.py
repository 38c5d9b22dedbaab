# SPDX-License-Identifier: Apache-2.0
"""Pillar O.spc: is the process of a run in statistical control?

A control chart over one metric in the order of the run. A first part of the run sets the limits, the rest is judged
against them. The charts themselves are in `shewhart`, `attribute_charts` and `weighted_charts`, and are offered here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.pillars.base import NotComputableError, PillarBase
from ophamin.measuring.pillars.observability.attribute_charts import CChart, PChart
from ophamin.measuring.pillars.observability.charts import Chart, ControlChartResult, NotFittedError
from ophamin.measuring.pillars.observability.constants import ShewhartConstants, shewhart_constants
from ophamin.measuring.pillars.observability.rules import Violation
from ophamin.measuring.pillars.observability.series import read_series
from ophamin.measuring.pillars.observability.shewhart import IndividualsChart, XbarRChart, XbarSChart
from ophamin.measuring.pillars.observability.subgroups import grouped_samples, required_grouping
from ophamin.measuring.pillars.observability.weighted_charts import CusumChart, EwmaChart

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = [
    "KINDS", "SPC", "CChart", "Chart", "ControlChart", "ControlChartResult", "CusumChart", "EwmaChart",
    "IndividualsChart", "NotFittedError", "PChart", "ShewhartConstants", "Violation", "XbarRChart", "XbarSChart",
    "control_chart", "shewhart_constants",
]  # fmt: skip

KINDS: Final = ("individuals", "xbar_r", "xbar_s", "p", "c", "ewma", "cusum")
"""The charts by name."""

_WITH_MEMORY: Final = frozenset({"ewma", "cusum"})
_SHOWN: Final = 20
_GOOD_REFERENCE: Final = 25
_DEPENDENT: Final = 3.0
"""Standard errors of a lag-1 correlation beyond which points are said to depend on each other."""


@dataclass(frozen=True)
class ControlChart(PillarBase):
    """A control chart of one metric; the fields are the arguments of `control_chart`."""

    metric: str | None = None
    kind: str = "individuals"
    subgroup: int | str | None = None
    reference: int | float | str | None = None
    rules: tuple[str, ...] | str | None = None
    sigma_limit: float = 3.0
    weight: float = field(default=0.2, kw_only=True)
    reference_value: float = field(default=0.5, kw_only=True)
    decision_interval: float = field(default=5.0, kw_only=True)

    pillar_name: ClassVar[str] = "O.spc"
    library: ClassVar[str] = "numpy"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ClaimError(f"no chart is of the kind {self.kind!r}; {nearest_name(str(self.kind), KINDS)}")
        if self.kind in _WITH_MEMORY and self.rules is not None:
            raise ClaimError(f"a chart of the kind {self.kind!r} takes no runs rules: its points depend on each other")
        required_grouping(self.kind, self.subgroup)
        _require_reference(self.reference)
        self.chart()

    @property
    def columns(self) -> tuple[str, ...]:
        """The metric and the key of the subgroups, where they are named."""
        return tuple(name for name in (self.metric, self.subgroup) if isinstance(name, str))

    def chart(self) -> Chart:
        """A new chart without limits."""
        rules = "western_electric" if self.rules is None else self.rules
        plain: dict[str, Callable[..., Chart]] = {
            "individuals": IndividualsChart, "xbar_r": XbarRChart, "xbar_s": XbarSChart, "p": PChart, "c": CChart,
        }  # fmt: skip
        if self.kind == "ewma":
            return EwmaChart(self.weight, self.sigma_limit)
        if self.kind == "cusum":
            return CusumChart(self.reference_value, self.decision_interval)
        return plain[self.kind](self.sigma_limit, rules)

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """Limits from the reference, and how many of the other points are out of control."""
        key = self.subgroup if isinstance(self.subgroup, str) else None
        series = read_series(cycles, self.metric, key)
        samples, dropped = grouped_samples(self.kind, series, self.subgroup)
        cut = self._reference_size(len(samples))
        judged, start = (samples, 0) if self.reference == "all" else (samples[cut:], cut)
        chart = self.chart().fit(samples[:cut])
        result, dispersion = chart.check(judged), chart.check_dispersion(judged)
        itself = result if start == 0 else chart.check(samples[:cut])
        for one in (result, dispersion):
            _require_finite(one)
        run_length = chart.run_length(result)
        count = len(result.out_of_control)
        detail = {
            **self._configuration(series.metric),
            **_limits(result),
            "process_center": chart.level.center if isinstance(chart, CusumChart) else result.center,
            "phase": "I" if self.reference == "all" else "II",
            "reference_points": cut,
            "reference_out_of_control": len(itself.out_of_control),
            "points": len(judged),
            "subgroup": self.subgroup,
            "subgroup_size": result.size,
            **_signals(result, start),
            "dispersion": None if dispersion is None else {**_limits(dispersion), **_signals(dispersion, start)},
            **_expected(run_length, len(judged)),
            "rows_left_out": series.left_out,
            "rows_dropped": dropped,
            "notes": self._notes(samples[:cut] if self.kind in _WITH_MEMORY else itself.values),
        }
        return self.evidence("points out of control", float(count), detail=detail)

    def _reference_size(self, n: int) -> int:
        """How many samples set the limits.

        Raises:
            NotComputableError: too few are left on one side.
        """
        least = 2 if self.kind in {"individuals", "ewma", "cusum"} else 1
        chosen = self.reference
        if chosen == "all":
            cut = n
        elif isinstance(chosen, int):
            cut = chosen
        else:
            cut = max(least, round(n * (0.5 if chosen is None else float(chosen))))
        if cut < least or cut > n - (chosen != "all"):
            raise NotComputableError(
                f"the run holds {n} points; {max(cut, least)} of them for the limits leave {max(0, n - cut)} to judge. "
                f"Measure more, or give a smaller reference"
            )
        return cut

    def _configuration(self, metric: str) -> dict[str, Any]:
        told: dict[str, Any] = {"metric": metric, "kind": self.kind, "sigma_limit": self.sigma_limit}
        if self.kind == "cusum":
            return {
                "metric": metric, "kind": self.kind,
                "reference_value": self.reference_value, "decision_interval": self.decision_interval,
            }  # fmt: skip
        if self.kind == "ewma":
            return told | {"weight": self.weight}
        return told | {"rules": sorted({rule.rule_set for rule in self.chart().rules})}

    def _notes(self, reference: Floats) -> list[str]:
        """What weakens the stated run length, as the points of the reference show."""
        notes = []
        if self.reference == "all":
            notes.append("the limits were set by the points they judge; the stated run length does not hold for them")
        if len(reference) < _GOOD_REFERENCE:
            notes.append(
                f"{len(reference)} points set the limits, fewer than {_GOOD_REFERENCE}: "
                "false alarms come sooner than stated"
            )
        correlation = _lag_one(reference)
        if correlation is not None and abs(correlation) * math.sqrt(len(reference)) > _DEPENDENT:
            notes.append(
                f"the points of the reference depend on each other (lag-1 correlation {correlation:.2f}); "
                "the stated run length holds for independent points"
            )
        return notes


def control_chart(
    metric: str | None = None,
    kind: str = "individuals",
    subgroup: int | str | None = None,
    reference: int | float | str | None = None,
    rules: tuple[str, ...] | str | None = None,
    sigma_limit: float = 3.0,
    *,
    weight: float = 0.2,
    reference_value: float = 0.5,
    decision_interval: float = 5.0,
) -> ControlChart:
    """Configure the pillar O.spc.

    Args:
        metric: key of the values; None for the only numeric column of the run.
        kind: one of `KINDS`.
        subgroup: what makes one point: so many rows in order, or a key whose values name the subgroups, in the
            order in which they appear. The kinds xbar_r, xbar_s and p need it, c can have it, the others take none.
        reference: which points set the limits: the first so many, the first share in (0, 1), None for the first
            half, or ``all`` of them, which the evidence then says.
        rules: names of `RULE_SETS`; None for ``western_electric``, and for the limits alone with ewma and cusum.
        sigma_limit: distance of the limits from the centre, in standard deviations of a point.
        weight: of the newest value in an EWMA, in (0, 1].
        reference_value: of a CUSUM, in sigmas.
        decision_interval: of a CUSUM, in sigmas.

    Raises:
        ClaimError: an argument lies outside its range or does not belong to the kind.

    Example:
        >>> cycles = [CycleResult(i, True, {"phi": v}) for i, v in enumerate([1.0, 2.0, 1.0, 2.0, 1.0, 9.0])]
        >>> row = control_chart("phi", reference=4).compute(cycles, [])
        >>> row.statistic_value, row.detail["out_of_control"], row.detail["run_length"]
        (1.0, [5], 91.75)
    """
    return ControlChart(
        metric, kind, subgroup, reference, rules, sigma_limit,
        weight=weight, reference_value=reference_value, decision_interval=decision_interval,
    )  # fmt: skip


def _require_reference(reference: object) -> None:
    if reference is None or reference == "all":
        return
    share = isinstance(reference, float) and 0.0 < reference < 1.0
    count = isinstance(reference, int) and not isinstance(reference, bool) and reference >= 1
    if not (share or count):
        raise ClaimError(f"the reference is {reference!r}; give a number of points, a share in (0, 1), None or 'all'")


def _require_finite(result: ControlChartResult | None) -> None:
    import numpy as np

    if result is not None and not all(
        np.isfinite(one).all() for one in (result.center, result.ucl, result.lcl, result.sigma)
    ):
        raise NotComputableError("the limits are too large for a float; scale the metric down")


def _limits(result: ControlChartResult) -> dict[str, Any]:
    """Centre and limits; the smallest and largest where they differ from point to point."""
    import numpy as np

    def told(limit: float | Floats) -> float | list[float]:
        return [float(np.min(limit)), float(np.max(limit))] if np.ndim(limit) else float(limit)

    return {"center": result.center, "sigma": result.sigma, "ucl": told(result.ucl), "lcl": told(result.lcl)}


def _signals(result: ControlChartResult, start: int) -> dict[str, Any]:
    points = result.out_of_control
    return {
        "out_of_control_count": len(points),
        "out_of_control": [start + index for index in points[:_SHOWN]],
        "violations": [
            {"rule": one.rule, "rule_set": one.rule_set, "point": start + one.index, "description": one.description}
            for one in result.first_violations(_SHOWN)
        ],
    }


def _expected(run_length: float | None, points: int) -> dict[str, Any]:
    """The run length to a false alarm, and how many points would signal all the same."""
    if run_length is None or math.isinf(run_length):
        why = "not known for these rules" if run_length is None else "above 1e12 points"
        return {"run_length": None, "run_length_reason": why, "false_alarms_expected": None}
    return {"run_length": round(run_length, 2), "false_alarms_expected": points / run_length}


def _lag_one(points: Floats) -> float | None:
    """Correlation of each point with the next; None for fewer than 20 or where they do not vary."""
    if len(points) < 20:
        return None
    centred = points - points.mean()
    total = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / total if 0.0 < total < math.inf else None


SPC: Final = ControlChart()
"""The pillar as it is registered: single values, the first half as reference, the Western Electric rules."""
