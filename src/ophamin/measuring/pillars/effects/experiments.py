# SPDX-License-Identifier: Apache-2.0
"""Several experiments on the same units: the effect of each, given another, all together, and their interaction.

Units were assigned to the arms of each experiment independently, so that the experiments overlap. Two arms are
compared by Welch's t, which does not take their variances as equal; interactions by `interaction.two_way`. It says
nothing of units that were not assigned at random.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ophamin.errors import nearest_name
from ophamin.measuring.inference.special import student_t_ppf, student_t_sf
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.design import Codes, codes_of, finite_column
from ophamin.measuring.pillars.effects.interaction import Interaction, two_way
from ophamin.measuring.pillars.effects.mixed_result import Coefficient, tested

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["ArmDifference", "MultiExperimentAnalysis"]

SMALLEST_N: Final = 4
SMALLEST_ARM: Final = 2


@dataclass(frozen=True, slots=True)
class ArmDifference:
    """The mean of one arm less that of another, with Welch's t test.

    Attributes:
        experiment: the experiment.
        treated: the arm whose mean counts as positive.
        control: the other arm.
        effect: difference of the means, in units of the outcome.
        se: standard error.
        df: degrees of freedom of Welch and Satterthwaite.
        t: effect / se.
        p: two-sided p-value.
        low: lower end of the interval.
        high: upper end.
        n_treated: units of the treated arm.
        n_control: units of the control arm.
    """

    experiment: str
    treated: Any
    control: Any
    effect: float
    se: float
    df: float
    t: float
    p: float
    low: float
    high: float
    n_treated: int
    n_control: int

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {field: getattr(self, field) for field in self.__slots__}


class MultiExperimentAnalysis:
    """The outcome of units that took part in several experiments.

    Args:
        assignments: experiment -> the arm of each unit; texts, numbers or truth values.
        outcome: one number per unit.
        confidence: of the intervals.

    Raises:
        NotComputableError: fewer than 4 units, fewer than 2 in an arm, one arm alone, or lengths that differ. It is
            a `ValueError`.

    Example:
        >>> analysis = MultiExperimentAnalysis(
        ...     {"color": ["red", "blue"] * 4, "size": ["s", "s", "l", "l"] * 2}, [1, 2, 3, 5, 2, 2, 4, 5]
        ... )
        >>> analysis.marginal_effect("size", treated="l", control="s").effect
        2.5
        >>> round(analysis.interaction_test("color", "size").interaction.f, 3)
        2.0
    """

    def __init__(
        self, assignments: Mapping[str, Sequence[Any]], outcome: Sequence[float], *, confidence: float = 0.95
    ) -> None:
        self.confidence = confidence
        self._outcome = finite_column(list(outcome), "outcome")
        if len(self._outcome) < SMALLEST_N:
            raise NotComputableError(f"{len(self._outcome)} units; the analysis takes {SMALLEST_N} or more")
        self._arms = {name: _arms(name, arms, len(self._outcome)) for name, arms in assignments.items()}

    @property
    def experiments(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._arms)

    def arms(self, experiment: str) -> tuple[Any, ...]:
        """The arms of an experiment, sorted.

        Raises:
            NotComputableError: no such experiment.
        """
        return self._experiment(experiment).levels

    def marginal_effect(self, experiment: str, *, treated: Any = None, control: Any = None) -> ArmDifference:
        """The difference of two arms over all units.

        Args:
            experiment: its name.
            treated: the arm that counts as positive; by default the second of two, in sorted order.
            control: the other arm; by default the first of two.

        Raises:
            NotComputableError: no such experiment or arm, arms left open among more than two, or arms without spread.
        """
        return self.conditional_effect(experiment, {}, treated=treated, control=control)

    def conditional_effect(
        self, experiment: str, given: Mapping[str, Any], *, treated: Any = None, control: Any = None
    ) -> ArmDifference:
        """The difference of two arms among the units that are in given arms of other experiments.

        Args:
            experiment: its name.
            given: other experiment -> arm.
            treated: the arm that counts as positive; by default the second of two, in sorted order.
            control: the other arm; by default the first of two.

        Raises:
            NotComputableError: as for `marginal_effect`, or fewer than 2 units in an arm.
        """
        import numpy as np

        codes = self._experiment(experiment)
        pair = self._pair(experiment, treated, control)
        chosen = np.ones(len(self._outcome), dtype=bool)
        for name, arm in given.items():
            chosen &= self._experiment(name).codes == self._arm(name, arm)
        first, second = (self._outcome[chosen & (codes.codes == at)] for at in pair)
        return _welch(experiment, (codes.levels[pair[0]], codes.levels[pair[1]]), first, second, self.confidence)

    def interaction_test(self, first: str, second: str, *, typ: int = 2) -> Interaction:
        """Whether the effect of one experiment depends on the arm of another.

        Args:
            first: an experiment.
            second: another.
            typ: type of the sums of squares: 2, where a main effect is adjusted for the other one; or 3, where it is
                adjusted for the interaction too.

        Raises:
            NotComputableError: no such experiment, an empty cell, a saturated design, or no spread within cells.
        """
        if first == second:
            raise NotComputableError(f"{first!r} does not interact with itself; name two experiments")
        return two_way((first, second), (self._experiment(first), self._experiment(second)), self._outcome, typ)

    def joint_estimate(self) -> tuple[Coefficient, ...]:
        """The effect of each arm against the first one of its experiment, adjusted for all other experiments.

        One additive least-squares model over all experiments. Its errors take the variance as equal in all arms.

        Returns:
            The intercept, then one coefficient for each arm but the first, named ``experiment[T.arm]``.

        Raises:
            NotComputableError: the design is saturated, arms of two experiments always go together, or there is no
                noise.
        """
        import numpy as np
        from statsmodels.regression.linear_model import OLS

        n = len(self._outcome)
        names, columns = ["Intercept"], [np.ones(n)]
        for experiment, codes in self._arms.items():
            names += [f"{experiment}[T.{arm}]" for arm in codes.levels[1:]]
            columns += [(codes.codes == at).astype(np.float64) for at in range(1, len(codes.levels))]
        if n <= len(names):
            raise NotComputableError(
                f"the design is saturated: {n} units for {len(names)} coefficients; take more units"
            )
        matrix = np.column_stack(columns)
        if np.linalg.matrix_rank(matrix) < len(names):
            raise NotComputableError("arms of two experiments always go together; their effects cannot be told apart")
        center = float(self._outcome.mean())
        fit = OLS(self._outcome - center, matrix).fit()
        if not fit.ssr > 1e-26 * float(fit.centered_tss):
            raise NotComputableError("the arms fit every unit exactly; without noise there is nothing to test against")
        shift = [center] + [0.0] * (len(names) - 1)
        return tuple(
            tested(name, float(estimate) + moved, float(se), n - len(names), self.confidence)
            for name, estimate, se, moved in zip(names, fit.params, fit.bse, shift, strict=True)
        )

    def _experiment(self, name: str) -> Codes:
        if name not in self._arms:
            raise NotComputableError(f"no experiment is named {name!r}; {nearest_name(str(name), self._arms)}")
        return self._arms[name]

    def _arm(self, experiment: str, arm: Any) -> int:
        levels = self._arms[experiment].levels
        if arm not in levels:
            raise NotComputableError(f"{experiment!r} has no arm {arm!r}; it has {', '.join(map(repr, levels))}")
        return levels.index(arm)

    def _pair(self, experiment: str, treated: Any, control: Any) -> tuple[int, int]:
        levels = self._arms[experiment].levels
        if len(levels) > 2 and (treated is None or control is None):
            raise NotComputableError(f"{experiment!r} has {len(levels)} arms; name two of them: treated=, control=")
        at = None if treated is None else self._arm(experiment, treated)
        other = None if control is None else self._arm(experiment, control)
        if at is None:
            at = 1 if other is None else 1 - other
        if other is None:
            other = 1 - at
        if at == other:
            raise NotComputableError(f"{experiment!r}: {treated!r} is compared with itself; name two arms")
        return at, other


def _arms(name: str, arms: Sequence[Any], n: int) -> Codes:
    """The arm of each unit.

    Raises:
        NotComputableError: a length that differs, one arm alone, or fewer than 2 units in an arm.
    """
    import numpy as np

    if len(arms) != n:
        raise NotComputableError(f"{name!r} has {len(arms)} assignments for {n} outcomes; give one per unit")
    codes = codes_of(arms, name)
    sizes = np.bincount(codes.codes)
    if len(sizes) < 2:
        raise NotComputableError(
            f"every unit is in the arm {codes.levels[0]!r} of {name!r}; an experiment has two or more"
        )
    if sizes.min() < SMALLEST_ARM:
        arm = codes.levels[int(sizes.argmin())]
        raise NotComputableError(f"the arm {arm!r} of {name!r} has 1 unit; each takes {SMALLEST_ARM} or more")
    return codes


def _welch(experiment: str, arms: tuple[Any, Any], first: Matrix, second: Matrix, confidence: float) -> ArmDifference:
    """Welch's t test of two samples (Welch, Biometrika 34, 1947).

    Raises:
        NotComputableError: fewer than 2 units in a sample, or no spread in either.
    """
    import numpy as np

    for arm, sample in zip(arms, (first, second), strict=True):
        if len(sample) < SMALLEST_ARM:
            raise NotComputableError(
                f"the arm {arm!r} of {experiment!r} has {len(sample)} units there; each takes {SMALLEST_ARM} or more"
            )
    parts = [float(np.var(sample, ddof=1)) / len(sample) for sample in (first, second)]
    effect, variance = float(first.mean() - second.mean()), math.fsum(parts)
    if not variance > 1e-28 * float(max(np.abs(first).max(), np.abs(second).max())) ** 2:
        raise NotComputableError(f"the outcome does not vary within the arms of {experiment!r}; a t test needs noise")
    shares = (parts[0] / variance, parts[1] / variance)
    df = 1.0 / (shares[0] ** 2 / (len(first) - 1) + shares[1] ** 2 / (len(second) - 1))
    se = math.sqrt(variance)
    half = student_t_ppf(0.5 + confidence / 2, df) * se
    p = 2.0 * student_t_sf(abs(effect / se), df)
    return ArmDifference(
        experiment, *arms, effect, se, df, effect / se, p, effect - half, effect + half, len(first), len(second)
    )
