# SPDX-License-Identifier: Apache-2.0
"""Pillar O.drift: did the level of a metric change while the run went on?

The detectors are river's, which comes with the extra ``drift``. A change point is where a detector noticed, which is
later than where the change began.

Sources: Bifet and Gavalda (2007), ADWIN; Page (1954), Page-Hinkley; Raab et al. (2020), KSWIN; Gama et al. (2004),
DDM; Baena-Garcia et al. (2006), EDDM.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.pillars.base import NotComputableError, PillarBase
from ophamin.measuring.pillars.observability.charts import number_table
from ophamin.measuring.pillars.observability.series import read_series

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["DETECTORS", "DRIFT", "FALSE_ALARMS", "MAX_KSWIN", "DriftDetection", "DriftMonitor", "DriftReport", "drift"]

DETECTORS: Final[Mapping[str, tuple[str, ...]]] = {
    "adwin": ("delta", "clock", "max_buckets", "min_window_length", "grace_period"),
    "kswin": ("alpha", "window_size", "stat_size", "seed", "window"),
    "page_hinkley": ("min_instances", "delta", "threshold", "alpha", "mode"),
    "ddm": ("warm_start", "warning_threshold", "drift_threshold"),
    "eddm": ("warm_start", "alpha", "beta"),
}
"""Detectors and the parameters that river gives them."""

FALSE_ALARMS: Final[Mapping[str, tuple[float | None, float | None, float]]] = {
    "adwin": (2_100_000.0, 250_000.0, 0.0002),
    "page_hinkley": (1589.0, 7.0, 0.326),
    "kswin": (761.0, 31.0, 0.77),
    "ddm": (None, None, 0.403),
    "eddm": (None, None, 0.934),
}
"""By simulation, parameters as river sets them: mean points to a false alarm, its standard error, and the share of
streams with one within 1000 points. Independent standard normal values; for ddm and eddm errors at a rate of .1, where
half and 2 % of the streams gave none in 20,000 points, so that no mean is known."""

MAX_KSWIN: Final = 20_000
"""Most values for KSWIN, which takes about 0.25 ms for each."""

_ON_ERRORS: Final = frozenset({"ddm", "eddm"})
_SHOWN: Final = 20
_LEAST_REFERENCE: Final = 30
_MAD_TO_SIGMA: Final = 1.4826022185056018
_MEAN_DEVIATION_TO_SIGMA: Final = 1.2533141373155003


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What a detector found.

    Attributes:
        detector: its name.
        n_observations: values it was given.
        n_drifts: changes it found.
        change_points: the values, from 0, at which it found them.
        warning_points: the values at which it warned; only ddm and eddm do.
    """

    detector: str
    n_observations: int
    n_drifts: int
    change_points: list[int]
    warning_points: list[int]


class DriftMonitor:
    """One of river's detectors, fed value by value; nothing is standardised here.

    ADWIN and Page-Hinkley depend on the scale of the values, ddm and eddm take 1 for an error and 0 for none.
    KSWIN draws at random: its seed is 0 unless one is given.

    Args:
        detector: one of `DETECTORS`.
        parameters: river's own; see `DETECTORS`.

    Raises:
        ClaimError: there is no such detector, or it has no such parameter.
        ImportError: river is not installed.

    Example:
        >>> DriftMonitor("adwin").run([0.0] * 500 + [5.0] * 100).change_points
        [511]
    """

    def __init__(self, detector: str = "adwin", **parameters: Any) -> None:
        _require_parameters(detector, parameters)
        self.detector = detector
        self._model = _model(detector, parameters)
        self._seen = 0
        self._change_points: list[int] = []
        self._warning_points: list[int] = []

    def update(self, value: float) -> bool:
        """Feed one value; True where a change was found at it.

        Raises:
            NotComputableError: as for `run`.
        """
        before = len(self._change_points)
        self.run([value])
        return len(self._change_points) > before

    def run(self, values: Iterable[float]) -> DriftReport:
        """Feed values and report on all so far.

        Raises:
            NotComputableError: a value that is not finite, or for ddm and eddm neither 0 nor 1; too many for KSWIN.
        """
        sized = values if isinstance(values, Sized) else list(values)
        if len(sized):
            array = number_table(sized, (None,), "the values")
            _require_fit(self.detector, array, self._seen + len(array))
            self._feed(array)
        return self.report()

    def _feed(self, values: Floats) -> None:
        model, changes, warnings = self._model, self._change_points, self._warning_points
        start, self._seen = self._seen, self._seen + len(values)
        if self.detector not in _ON_ERRORS:
            for index, value in enumerate(values.tolist(), start):
                model.update(value)
                if model.drift_detected:
                    changes.append(index)
            return
        for index, error in enumerate((values == 1.0).tolist(), start):
            model.update(error)
            if model.drift_detected:
                changes.append(index)
            if model.warning_detected:
                warnings.append(index)

    def report(self) -> DriftReport:
        """What was found so far."""
        points = list(self._change_points)
        return DriftReport(self.detector, self._seen, len(points), points, list(self._warning_points))


@dataclass(frozen=True)
class DriftDetection(PillarBase):
    """A drift detector over one metric; the fields are the arguments of `drift`, the parameters in a mapping."""

    metric: str | None = None
    detector: str = "adwin"
    reference: int | float | None = None
    standardise: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)

    pillar_name: ClassVar[str] = "O.drift"
    library: ClassVar[str] = "river"

    def __post_init__(self) -> None:
        _require_parameters(self.detector, self.parameters)
        share = isinstance(self.reference, float) and 0.0 < self.reference < 1.0
        count = isinstance(self.reference, int) and not isinstance(self.reference, bool) and self.reference >= 2
        if not (self.reference is None or share or count):
            raise ClaimError(f"the reference is {self.reference!r}; give 2 values or more, a share in (0, 1), or None")

    @property
    def columns(self) -> tuple[str, ...]:
        """The metric, where it is named."""
        return () if self.metric is None else (self.metric,)

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The change points that the detector found in the order of the run."""
        try:
            monitor = DriftMonitor(self.detector, **self.parameters)
        except ClaimError as error:
            raise NotComputableError(str(error)) from error
        series = read_series(cycles, self.metric)
        values, scaling = series.values, None
        if self.standardise and self.detector not in _ON_ERRORS:
            values, scaling = _standardised(values, self._reference_size(len(values)))
        report = monitor.run(values)
        detail = {
            "metric": series.metric, "detector": self.detector,
            "parameters": {name: _plain(value) for name, value in self.parameters.items()},
            "points": report.n_observations, "standardised": scaling,
            "change_points": report.change_points[:_SHOWN], "change_point_count": report.n_drifts,
            "warning_points": report.warning_points[:_SHOWN], "warning_point_count": len(report.warning_points),
            **self._false_alarms(), "rows_left_out": series.left_out,
        }  # fmt: skip
        return self.evidence("change points", float(report.n_drifts), detail=detail)

    def _reference_size(self, n: int) -> int:
        """How many of the first values set centre and scale.

        Raises:
            NotComputableError: too few are left on one side.
        """
        if isinstance(self.reference, int):
            size = self.reference
        else:
            size = max(_LEAST_REFERENCE, round(n * (0.2 if self.reference is None else self.reference)))
        if size >= n:
            raise NotComputableError(
                f"the run holds {n} values, and the first {size} set centre and scale; measure more, or "
                "give a reference"
            )
        return size

    def _false_alarms(self) -> dict[str, Any]:
        """What is known of the detector on a stream that does not change."""
        if set(self.parameters) - {"seed"} or not (self.standardise or self.detector in _ON_ERRORS):
            reason = "it is known for river's own parameters on standardised values alone"
            return {"run_length": None, "run_length_reason": reason, "false_alarm_within_1000": None}
        run_length, error, within = FALSE_ALARMS[self.detector]
        told: dict[str, Any] = {
            "run_length": run_length, "run_length_standard_error": error, "false_alarm_within_1000": within,
        }  # fmt: skip
        if run_length is None:
            told["run_length_reason"] = "not known: a share of the simulated streams gave no false alarm at all"
        told["run_length_of"] = (
            "independent errors at a rate of .1" if self.detector in _ON_ERRORS else "independent normal values"
        )
        return told


def drift(
    metric: str | None = None,
    detector: str = "adwin",
    reference: int | float | None = None,
    *,
    standardise: bool = True,
    **parameters: Any,
) -> DriftDetection:
    """Configure the pillar O.drift.

    Args:
        metric: key of the values; None for the only numeric column of the run. For ddm and eddm 1 is an error.
        detector: one of `DETECTORS`. ADWIN gives a false alarm in two million points or so; Page-Hinkley and KSWIN,
            as river sets them, give one in 1600 and 760 points. See `FALSE_ALARMS`.
        reference: the values that set centre and scale: the first so many, the first share in (0, 1), or None for
            the first fifth, at least 30.
        standardise: subtract the median of the reference and divide by its scaled median absolute deviation; ddm and
            eddm never do.
        parameters: river's own for the detector.

    Raises:
        ClaimError: an argument lies outside its range, or the detector has no such parameter.

    Example:
        >>> cycles = [CycleResult(i, True, {"phi": i % 7 + (9.0 if i > 300 else 0.0)}) for i in range(600)]
        >>> drift("phi").compute(cycles, []).detail["change_points"]
        [319]
    """
    return DriftDetection(metric, detector, reference, standardise, parameters)


def _require_parameters(detector: str, parameters: Mapping[str, Any]) -> None:
    if detector not in DETECTORS:
        raise ClaimError(f"no detector is named {detector!r}; {nearest_name(str(detector), DETECTORS)}")
    for name in parameters:
        if name not in DETECTORS[detector]:
            raise ClaimError(f"{detector} has no parameter {name!r}; {nearest_name(name, DETECTORS[detector])}")


def _model(detector: str, parameters: Mapping[str, Any]) -> Any:
    """The detector of river.

    Raises:
        ClaimError: river refuses the parameters.
    """
    from river import drift as river_drift
    from river.drift import binary

    kinds: dict[str, Any] = {
        "adwin": river_drift.ADWIN, "kswin": river_drift.KSWIN, "page_hinkley": river_drift.PageHinkley,
        "ddm": binary.DDM, "eddm": binary.EDDM,
    }  # fmt: skip
    given = {"seed": 0, **parameters} if detector == "kswin" else dict(parameters)
    try:
        return kinds[detector](**given)
    except (TypeError, ValueError) as error:
        raise ClaimError(f"river refuses the parameters of {detector}: {error}; see its documentation") from error


def _require_fit(detector: str, values: Floats, total: int) -> None:
    import numpy as np

    if detector == "kswin" and total > MAX_KSWIN:
        raise NotComputableError(
            f"{total} values are too many for kswin, which takes about 0.25 ms for each; the limit is {MAX_KSWIN}. "
            "Take adwin"
        )
    if detector in _ON_ERRORS and not np.isin(values, (0.0, 1.0)).all():
        raise NotComputableError(f"{detector} takes errors, 1 or 0, and the values hold others; take adwin")


def _standardised(values: Floats, size: int) -> tuple[Floats, dict[str, Any]]:
    """Values less the median of the first ``size``, over their scale, and what these were.

    Raises:
        NotComputableError: the reference does not vary.
    """
    import numpy as np

    reference = values[:size]
    center = float(np.median(reference))
    deviations = np.abs(reference - center)
    scale = _MAD_TO_SIGMA * float(np.median(deviations))
    if scale == 0.0:  # more than half of the values are equal
        scale = _MEAN_DEVIATION_TO_SIGMA * float(deviations.mean())
    if scale == 0.0:
        raise NotComputableError(
            f"the first {size} values do not vary, so that they give no scale; give a longer reference, or "
            "standardise=False"
        )
    scaled = (values - center) / scale
    if not np.isfinite(scaled).all():
        raise NotComputableError("a value lies too far from the reference for a float; standardise it before")
    return scaled, {"center": center, "scale": scale, "reference_points": size}


def _plain(value: Any) -> Any:
    """A parameter as a record can hold it."""
    return value if isinstance(value, (bool, int, float, str)) or value is None else str(value)


DRIFT: Final = DriftDetection()
"""The pillar as it is registered: ADWIN as river sets it, on standardised values."""
