# SPDX-License-Identifier: Apache-2.0
"""Split conformal prediction: which outcomes the system's own history let one expect.

A model is fitted on one part of the history; its errors on the other part give the half width of an interval that
covers a further row with the declared probability, whatever the model, as long as the rows are exchangeable. Rows
outside the interval are what the history did not prepare for.

Sources: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005); Papadopoulos et al., ECML (2002);
Lei et al., JASA 113 (2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Self

from ophamin.errors import ClaimError
from ophamin.measuring.inference.values import shown
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.diagnostics.intervals import clopper_pearson
from ophamin.measuring.pillars.robustness.declared import require_share
from ophamin.measuring.pillars.robustness.estimators import make_estimator

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = [
    "CLASSES",
    "SMALLEST_HISTORY",
    "AnticipatoryReport",
    "ConformalPredictor",
    "FailureLimit",
    "conformal_rank",
    "smallest_calibration",
]

CLASSES: Final = ("success", "known_failure", "ood_anomaly")
"""Within the interval and no failure; a failure within the interval; outside the interval."""

SMALLEST_HISTORY: Final = 8


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """From where on an outcome is a failure: below one limit, above another, or both.

    Attributes:
        below: outcomes below it are failures; None for no such limit.
        above: outcomes above it are failures; None for no such limit.

    Raises:
        ClaimError: neither is given, one is not finite, or no outcome would be a success.

    Example:
        >>> FailureLimit(below=0.2).failed([0.1, 0.2]).tolist()
        [True, False]
    """

    below: float | None = None
    above: float | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.below, self.above) if limit is not None]
        if not given or any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in given):
            raise ClaimError(f"the failure limits are {shown(self.below)} and {shown(self.above)}; give numbers")
        if not all(math.isfinite(one) for one in given) or (len(given) == 2 and given[0] > given[1]):
            raise ClaimError(
                f"failures below {self.below!r} and above {self.above!r} leave no success; swap or mend them"
            )

    def failed(self, outcomes: Any) -> NDArray[Any]:
        """Which outcomes are failures."""
        import numpy as np

        values = np.asarray(outcomes, dtype=float)
        failed = np.zeros(values.shape, dtype=bool)
        if self.below is not None:
            failed |= values < self.below
        if self.above is not None:
            failed |= values > self.above
        return failed


@dataclass(frozen=True, slots=True)
class AnticipatoryReport:
    """How well a calibrated model anticipated further rows.

    Attributes:
        n: rows that were assessed.
        n_calibration: rows that set the half width.
        confidence_level: of the interval.
        half_width: of the interval, in the outcome's unit.
        counts: number of rows by class, as in `CLASSES`; ``known_failure`` is None without a failure limit.
        empirical_miscoverage: share of rows outside the interval.
        miscoverage_low: lower end of its exact interval, for this calibration.
        miscoverage_high: upper end.
        expected_miscoverage: share that exchangeable rows would have outside, over all calibrations.
        world_model_gap: the first minus the second share; above 0 where the world has moved away from the history.
        gap_p_value: probability of so many rows outside, or more, where all rows are exchangeable.
        mae: mean absolute error of the point predictions, in the outcome's unit.
        missed_failures: failures that the point prediction did not say; None without a failure limit.
        false_alarms: failures that it said and that did not come; None without a failure limit.
    """

    n: int
    n_calibration: int
    confidence_level: float
    half_width: float
    counts: dict[str, int | None]
    empirical_miscoverage: float
    miscoverage_low: float
    miscoverage_high: float
    expected_miscoverage: float
    world_model_gap: float
    gap_p_value: float
    mae: float
    missed_failures: int | None
    false_alarms: int | None


class ConformalPredictor:
    """A regression model with a split conformal interval of constant width.

    Args:
        estimator: a name such as ``linear``, or a regressor of scikit-learn; it is cloned.
        confidence_level: least probability with which the interval covers a further exchangeable row.
        seed: of the split into rows that fit and rows that calibrate.

    Raises:
        ClaimError: an argument lies outside its range, or the estimator predicts classes.

    Example:
        >>> X, y = [[i % 10] for i in range(100)], [i % 10 + (i * 7 % 11) / 10 for i in range(100)]
        >>> predictor = ConformalPredictor(confidence_level=0.9).calibrate(X[:80], y[:80])
        >>> predictor.n_calibration, round(predictor.half_width, 1)
        (32, 0.5)
        >>> predictor.assess(X[80:], [value + 2 for value in y[80:]]).counts
        {'success': 0, 'known_failure': None, 'ood_anomaly': 20}
    """

    def __init__(self, estimator: Any = "linear", confidence_level: float = 0.9, *, seed: int = 0) -> None:
        from sklearn.base import clone, is_classifier

        self.confidence_level = require_share("confidence_level", confidence_level)
        self.seed = seed
        self.estimator = clone(make_estimator(estimator))
        if is_classifier(self.estimator):
            raise ClaimError(
                f"{shown(self.estimator)} predicts classes; an interval needs a regressor, such as 'linear'"
            )
        self.n_calibration = 0
        self.half_width = math.inf
        self.calibration_rows: tuple[NDArray[float64], NDArray[float64]] | None = None

    def calibrate(self, X: Any, y: Any, calibration_fraction: float = 0.4) -> Self:  # noqa: N803 - scikit-learn's name
        """Fit on one random part of the history, and set the half width from the errors on the other.

        The half width is the ``ceil((n + 1) * confidence_level)``-th smallest of the n absolute errors. Where that
        lies beyond n (n < 9 at 0.9, n < 19 at 0.95) it is infinite: no finite interval would cover often enough.

        Args:
            X: features, shape (rows, features), at least 8 rows.
            y: outcomes, shape (rows,).
            calibration_fraction: share of the rows that calibrate.

        Raises:
            ClaimError: a fraction outside its range.
            NotComputableError: fewer than 8 rows, shapes that do not fit, a value that is not finite, or a model
                that cannot be fitted.
        """
        import numpy as np

        fraction = require_share("calibration_fraction", calibration_fraction)
        features, outcomes = _checked(X, y)
        n = len(outcomes)
        if n < SMALLEST_HISTORY:
            raise NotComputableError(
                f"{n} rows of history; at least {SMALLEST_HISTORY} are needed to fit and calibrate"
            )
        n_calibration = min(n - 1, max(1, round(n * fraction)))
        order = np.random.default_rng(self.seed).permutation(n)
        held, fitted = order[:n_calibration], order[n_calibration:]
        try:
            self.estimator.fit(features[fitted], outcomes[fitted])
        except Exception as error:  # an estimator may raise anything
            raise NotComputableError(f"the model cannot be fitted: {type(error).__name__}: {error}") from error
        self.calibration_rows = (features[held], outcomes[held])
        errors = np.abs(outcomes[held] - self._points(features[held]))
        self.n_calibration = n_calibration
        rank = conformal_rank(n_calibration, self.confidence_level)
        self.half_width = math.inf if rank > n_calibration else float(np.partition(errors, rank - 1)[rank - 1])
        return self

    def predict_interval(self, X: Any) -> tuple[NDArray[float64], NDArray[float64], NDArray[float64]]:  # noqa: N803 - scikit-learn's name
        """Point predictions and the two ends of the interval, each of shape (rows,); infinite where it is.

        Raises:
            NotComputableError: before `calibrate`.
        """
        import numpy as np

        if self.calibration_rows is None:
            raise NotComputableError("nothing has been calibrated; call calibrate(X, y) with the history first")
        points = self._points(np.asarray(X, dtype=float))
        return points, points - self.half_width, points + self.half_width

    def classify(self, X: Any, y: Any, failure: FailureLimit | None = None) -> list[str]:  # noqa: N803 - scikit-learn's name
        """The class of each row, as in `CLASSES`; without a failure limit every covered row is a ``success``.

        Raises:
            NotComputableError: before `calibrate`, or shapes and values that cannot be used.
        """
        import numpy as np

        features, outcomes = _checked(X, y)
        outside = np.abs(outcomes - self.predict_interval(features)[0]) > self.half_width
        failed = np.zeros(len(outcomes), dtype=bool) if failure is None else failure.failed(outcomes)
        kinds = np.where(outside, 2, np.where(failed, 1, 0))
        return [CLASSES[kind] for kind in kinds.tolist()]

    def assess(self, X: Any, y: Any, failure: FailureLimit | None = None) -> AnticipatoryReport:  # noqa: N803 - scikit-learn's name
        """How well further rows were anticipated.

        Args:
            X: features, shape (rows, features), at least one row.
            y: outcomes, shape (rows,).
            failure: from where on an outcome is a failure.

        Raises:
            NotComputableError: before `calibrate`, where the interval is infinite, or for rows that cannot be used.
        """
        import numpy as np

        features, outcomes = _checked(X, y)
        points = self.predict_interval(features)[0]
        if math.isinf(self.half_width):
            least = smallest_calibration(self.confidence_level)
            raise NotComputableError(
                f"{self.n_calibration} calibration rows; at confidence {self.confidence_level!r} the interval is "
                f"infinite below {least}, so give more history or a lower confidence"
            )
        n = len(outcomes)
        errors = np.abs(outcomes - points)
        outside = errors > self.half_width
        missed = int(np.count_nonzero(outside))
        rank = conformal_rank(self.n_calibration, self.confidence_level)
        low, high = clopper_pearson(missed, n, 0.95)
        expected = (self.n_calibration + 1 - rank) / (self.n_calibration + 1)
        counts, wrong = _failures(outcomes, points, outside, failure)
        return AnticipatoryReport(
            n, self.n_calibration, self.confidence_level, self.half_width, counts,
            missed / n, low, high, expected, missed / n - expected,
            _gap_p_value(missed, n, self.n_calibration, rank), float(errors.mean()), *wrong,
        )  # fmt: skip

    def _points(self, features: NDArray[float64]) -> NDArray[float64]:
        import numpy as np

        try:
            points = np.asarray(self.estimator.predict(features), dtype=float)
        except Exception as error:  # an estimator may raise anything
            raise NotComputableError(f"the model cannot predict: {type(error).__name__}: {error}") from error
        if points.shape != (len(features),) or not np.isfinite(points).all():
            raise NotComputableError("the model's predictions are not one finite number per row; rescale the columns")
        return points


def conformal_rank(n: int, confidence: float) -> int:
    """Which of n ordered calibration errors is the half width: ``ceil((n + 1) * confidence)``, in exact arithmetic.

    The confidence is taken as it is written, so that 0.55 of 100 is 55 and not a little more.

    >>> conformal_rank(99, 0.55), conformal_rank(18, 0.95), conformal_rank(19, 0.95)
    (55, 19, 19)
    """
    return math.ceil((n + 1) * Fraction(repr(float(confidence))))


def smallest_calibration(confidence: float) -> int:
    """The fewest calibration rows that give a finite interval.

    >>> smallest_calibration(0.9), smallest_calibration(0.95)
    (9, 19)
    """
    written = Fraction(repr(float(confidence)))
    return math.ceil(written / (1 - written))


def _checked(X: Any, y: Any) -> tuple[NDArray[float64], NDArray[float64]]:  # noqa: N803 - scikit-learn's name
    import numpy as np

    try:
        features, outcomes = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    except (TypeError, ValueError) as error:
        raise NotComputableError(f"features and outcomes are numbers alone ({error}); encode texts first") from error
    if features.ndim != 2 or outcomes.shape != features.shape[:1] or not len(outcomes):
        raise NotComputableError(
            f"features of shape {features.shape} and outcomes of shape {outcomes.shape}; "
            "they are (rows, features) and (rows,), at least one row"
        )
    if not (np.isfinite(features).all() and np.isfinite(outcomes).all()):
        raise NotComputableError("a feature or an outcome is not finite; leave such rows out, as errors")
    return features, outcomes


def _failures(
    outcomes: Any, points: Any, outside: Any, failure: FailureLimit | None
) -> tuple[dict[str, int | None], tuple[int | None, int | None]]:
    """Rows by class; and failures that were missed and falsely announced, None without a limit."""
    import numpy as np

    missed = int(np.count_nonzero(outside))
    if failure is None:
        return dict(zip(CLASSES, (len(outcomes) - missed, None, missed), strict=True)), (None, None)
    failed, announced = failure.failed(outcomes), failure.failed(points)
    known = int(np.count_nonzero(failed & ~outside))
    counts: dict[str, int | None] = dict(zip(CLASSES, (len(outcomes) - missed - known, known, missed), strict=True))
    return counts, (int(np.count_nonzero(failed & ~announced)), int(np.count_nonzero(announced & ~failed)))


def _gap_p_value(missed: int, n: int, n_calibration: int, rank: int) -> float:
    """Probability of at least so many outside: over calibrations the share is Beta, so the count is Beta-binomial.

    Ties among errors let fewer rows fall outside, so that it stays an upper bound.
    """
    import numpy as np
    from scipy.stats import betabinom

    if missed == 0:
        return 1.0
    tail = betabinom.pmf(np.arange(missed, n + 1), n, n_calibration + 1 - rank, rank)
    return min(1.0, float(tail.sum()))
