# SPDX-License-Identifier: Apache-2.0
"""What a forecast says. It is made in `outlook` and written out in `outlook_text`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ophamin.measuring.inference.decision import JSON
from ophamin.measuring.inference.planning import Outlook

__all__ = ["Forecast"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one rule does to one claim, in numbers. Each pair speaks of VALIDATED first and REFUTED second.

    Attributes:
        method: name of the test.
        guarantee: what its error levels rest on; the words are those of `Decision`.
        claim: comparator and bar.
        alpha: highest probability of a false VALIDATED.
        beta: highest probability of a false REFUTED.
        sequential: whether it stops as soon as the outcome is decided.
        cap: largest number of units, or the n of a fixed sample; None where neither cap nor mde is known.
        fixed_n: the fixed samples that tell the bar from the truth beyond it on the side where the claim holds, and
            where it fails; None with a reason.
        wald_bound: least expected n at those two truths of any test at these levels; None with a reason.
        smallest_n: the n at which each outcome can first be reached, the cap left aside; None for never.
        reachable: the outcomes that can be reached within the cap.
        mde: distance from the bar at which the outer truths lie, in ``truth_unit``; None where they lie at two
            distances, or where none is known.
        truths: outlooks at the lower truth, at the bar and at the upper one, those that exist; None with a reason.
        truth_unit: what a truth is, in words.
        basis: how the probabilities were found: ``exact``, ``simulated (400 paths)`` or what else.
        assumption: of what units they speak.
        achievable_mde: the distance from the bar that a fixed sample of half the cap, or of the whole n, tells; None
            with a reason.
        reasons: why a field is None, and what was assumed, one sentence each.
    """

    method: str
    guarantee: str
    claim: str
    alpha: float
    beta: float
    sequential: bool
    cap: int | None
    fixed_n: tuple[int | None, int | None]
    wald_bound: tuple[float | None, float | None]
    smallest_n: tuple[int | None, int | None]
    reachable: tuple[str, ...]
    mde: float | None
    truths: tuple[Outlook, ...] | None
    truth_unit: str
    basis: str
    assumption: str
    achievable_mde: float | None
    reasons: tuple[str, ...]

    def to_dict(self) -> dict[str, JSON]:
        """Every field as plain JSON values."""
        plain = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    def to_text(self, width: int = 80) -> str:
        """A block for a terminal of so many columns, 60 or more.

        Example:
            >>> from ophamin.measuring.inference.bar import Bar
            >>> from ophamin.measuring.inference.outlook import foresee
            >>> from ophamin.measuring.inference.sprt import Sprt
            >>> print(foresee(Sprt(mde=0.05), Bar(">=", 0.9)).to_text().partition("truth")[0])
            >= 0.9 by sprt, alpha 0.05, beta 0.05, exact
            smallest n  VALIDATED 56, REFUTED 8
            fixed n     VALIDATED 298, REFUTED 474
            Wald bound  VALIDATED 159, REFUTED 217
            cap         596 units
            achievable  mde 0.0495 with this cap
            <BLANKLINE>
        """
        from ophamin.measuring.inference.outlook_text import text_of

        return text_of(self, width)
