# SPDX-License-Identifier: Apache-2.0
"""Pillar ``qmpt.anomaly_share``: how many rows of a run are unusual beside its first ones?

The first rows are the reference. Every other one of them fits the anomaly score, and the rest say which scores are
usual, so that a later row that is drawn like them is called unusual with a known probability. A share far above that
says that the run drifted, or that its later rows are of another kind; it does not say which.

Source: conformal p-values (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005). Given how many
reference scores there are, the number of unusual rows among m is beta-binomial where all rows are exchangeable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, complete_rows, numbers
from qmpt.errors import QmptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PILLAR", "AnomalyShare", "anomaly_share"]

_AGREE: Final = 1e-9


@dataclass(frozen=True)
class AnomalyShare(PillarBase):
    """The share of unusual rows; the fields are the arguments of `anomaly_share`."""

    features: tuple[str, ...] = ()
    reference: int = 100
    level: float = 0.05
    seed: int = 0

    pillar_name: ClassVar[str] = "qmpt.anomaly_share"
    library: ClassVar[str] = "pytest-ophamin"

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise ClaimError(f"level is {self.level!r}; give a probability between 0 and 1, such as 0.05")
        if math.floor(self.level * (self.reference // 2 + 1) + _AGREE) < 1:
            least = 2 * math.ceil(1.0 / self.level - 1.0 - _AGREE)
            raise ClaimError(
                f"reference is {self.reference}; at level {self.level} give {least} rows or more, else none is unusual"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The features."""
        return self.features

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The share with its exact interval, and the probability of so many or more where nothing changed.

        Raises:
            NotComputableError: no feature is named, too few rows, or values that cannot be scored.
        """
        if not self.features:
            raise NotComputableError("no feature is named; write pillars=[anomaly_share('cost', 'steps')]")
        columns, left_out = complete_rows(cycles, self.features)
        table = [numbers(columns[name], name) for name in self.features]
        later = len(table[0]) - self.reference
        if later < 1:
            raise NotComputableError(f"{len(table[0])} rows; {self.reference} are the reference, and none is left")
        p_values, held_out, version = self._p_values(table)
        rank = math.floor(self.level * (held_out + 1) + _AGREE)
        unusual = int((p_values <= (rank + 0.5) / (held_out + 1)).sum())
        from scipy.stats import betabinom, binomtest

        tail = float(betabinom.sf(unusual - 1, later, rank, held_out + 1 - rank))
        again = _tail(unusual, later, rank, held_out + 1 - rank)
        low, high = binomtest(unusual, later).proportion_ci(0.95, method="exact")
        expected = rank / (held_out + 1)
        return self.evidence(
            "share of unusual rows", unusual / later, ci_low=float(low), ci_high=float(high),
            p_value=min(1.0, tail), effect_size=unusual / later - expected,
            cross_check="passed" if abs(tail - again) <= _AGREE else "failed",
            detail={
                "rows": later, "unusual": unusual, "reference_rows": self.reference, "held_out": held_out,
                "expected_share": expected, "effect_size": "share beyond the expected one", "left_out": left_out,
                "density_model_version": version, "interval": "of the share, for this reference",
            },
        )  # fmt: skip

    def _p_values(self, table: list[list[float]]) -> tuple[NDArray[np.float64], int, str]:
        import numpy as np

        from qmpt.metrics.anomaly import AnomalyEstimator
        from qmpt.metrics.conformal import conformal_p_values

        rows = np.array(table).T
        reference, later = rows[: self.reference], rows[self.reference :]
        try:
            estimator = AnomalyEstimator({"cross_fit": 0, "bootstrap": 0, "seed": self.seed})
            estimator.fit(reference[::2], feature_names=list(self.features))
            calibration = estimator.batch_score(reference[1::2])
            p_values = conformal_p_values(calibration, estimator.batch_score(later))
        except QmptError as error:
            raise NotComputableError(str(error)) from None
        return p_values, len(calibration), estimator.density_model_version


def anomaly_share(*features: str, reference: int = 100, level: float = 0.05, seed: int = 0) -> AnomalyShare:
    """A pillar that counts rows which are unusual beside the first ones.

    Args:
        features: columns of numbers that are looked at together, at least one.
        reference: first rows, which say what is usual; at least 38 at a level of 0.05.
        level: probability that a row which is drawn like the reference is called unusual, at most; in (0, 1).
        seed: of the models.

    Raises:
        ClaimError: no feature, or an argument out of its range.

    Example:
        >>> rows = [CycleResult(i, True, {"cost": i % 7 + (50 if i >= 180 else 0)}) for i in range(200)]
        >>> row = anomaly_share("cost").compute(rows, [])
        >>> row.statistic_value, row.p_value < 0.05
        (0.2, True)
    """
    if not features or not all(isinstance(name, str) and name for name in features):
        raise ClaimError(f"the features are {features!r}; name the columns, such as anomaly_share('cost', 'steps')")
    return AnomalyShare(features, reference, level, seed)


def _tail(least: int, n: int, a: float, b: float) -> float:
    """Probability of ``least`` or more successes of n, beta-binomial with the parameters a and b, term by term."""

    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    return math.fsum(
        math.exp(math.log(math.comb(n, k)) + log_beta(k + a, n - k + b) - log_beta(a, b)) for k in range(least, n + 1)
    )


PILLAR: Final = AnomalyShare()
"""The form under which the pillar is registered; it names no feature and says how to."""
