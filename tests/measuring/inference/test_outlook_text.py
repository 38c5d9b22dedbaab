# SPDX-License-Identifier: Apache-2.0
"""A forecast on a terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ophamin.errors import ClaimError
from ophamin.measuring.inference import Bar, BinomialRate, DeclaredInterval, Deterministic, GaussianMean
from ophamin.measuring.inference.betting_process import BettingMean
from ophamin.measuring.inference.difference import PairedDifference
from ophamin.measuring.inference.gaussian import TSprt
from ophamin.measuring.inference.kendall import KendallTau
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.outlook import foresee
from ophamin.measuring.inference.poisson import PoissonRate
from ophamin.measuring.inference.quantile_process import SequentialQuantile
from ophamin.measuring.inference.sprt import Sprt


def test_the_block_of_text_is_this():
    assert (
        foresee(Sprt(0.05), Bar(">=", 0.9)).to_text()
        == """\
>= 0.9 by sprt, alpha 0.05, beta 0.05, exact
smallest n  VALIDATED 56, REFUTED 8
fixed n     VALIDATED 298, REFUTED 474
Wald bound  VALIDATED 159, REFUTED 217
cap         596 units
achievable  mde 0.0495 with this cap
truth  VALIDATED  REFUTED  INCONCLUSIVE  expected n  95 % at most
 0.85    < 0.1 %   92.8 %         7.1 %         240           596
  0.9      4.8 %    4.0 %        91.2 %         560           596
 0.95     98.4 %  < 0.1 %         1.6 %         178           443
truth: rate; exact; independent 0/1 units"""
    )


def test_the_text_of_an_open_claim_is_this():
    assert (
        foresee(BetaMixture(), Bar("<", 0.1)).to_text(60)
        == """\
< 0.1 by mixture, alpha 0.05, beta 0.05, exact
smallest n  VALIDATED 36, REFUTED 2
fixed n     VALIDATED none, REFUTED none
Wald bound  VALIDATED none, REFUTED none
cap         not known
- declare mde, a distance from the bar that matters, or cap,
  the number of units"""
    )


def test_what_is_nearly_certain_is_not_shown_as_certain():
    text = foresee(Sprt(0.05), Bar(">=", 0.9), mde=0.09, cap=600).to_text()
    assert " 0.81    < 0.1 %  > 99.9 %       < 0.1 %" in text
    assert " 0.99   > 99.9 %   < 0.1 %       < 0.1 %" in text
    certain = foresee(Deterministic(), Bar(">=", 3.0), mde=1.0).to_text()
    assert "    2      0.0 %  100.0 %         0.0 %           1             1" in certain


def test_a_simulated_zero_is_not_shown_as_one():
    text = foresee(TSprt(0.5), Bar(">=", 0.0)).to_text()
    assert "simulated (400 paths)" in text
    assert "< 0.2 %" in text or "< 0.3 %" in text
    assert " 0.0 %" not in text


@pytest.mark.parametrize("width", [60, 72, 80, 200])
@pytest.mark.parametrize(("rule", "bar", "mde"), [
    (Sprt(0.1), Bar("<=", 0.3, 0.01, 0.1), None), (PairedDifference(0.0, 1e4, mde=3e3), Bar("<", 1e-9), None),
    (TSprt(0.6), Bar(">=", 10.0), None), (GaussianMean(), Bar("<=", 1e12), 0.5),
    (BettingMean(0, 1), Bar(">=", 0.9), 0.2),
    (KendallTau(BinomialRate()), Bar("<", 0.2), 0.3), (SequentialQuantile(0.9, Sprt(0.06)), Bar(">", 3.0), None),
    (PoissonRate(ratio=1.6, exposure=4.0, batch=3), Bar(">", 0.5), None), (DeclaredInterval(), Bar(">=", 1.0), None),
])  # fmt: skip
def test_no_line_is_wider_than_the_terminal(rule, bar, mde, width):
    bar = replace(bar, value=bar.value + 1.23456789e-7)
    text = foresee(rule, bar, mde=mde, cap=33).to_text(width)
    assert max(map(len, text.splitlines())) <= width


def test_a_terminal_too_narrow_is_refused():
    with pytest.raises(ClaimError, match="needs 60 or more"):
        foresee(Sprt(0.05), Bar(">=", 0.9)).to_text(40)
