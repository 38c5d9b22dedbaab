# SPDX-License-Identifier: Apache-2.0
"""Which rule a claim gets."""

from __future__ import annotations

import math

import pytest

from ophamin.errors import ClaimError
from ophamin.measuring.inference import (
    BinomialRate,
    BoundedMean,
    Census,
    DeclaredInterval,
    Deterministic,
    GaussianMean,
    Quantile,
    choose,
)


@pytest.mark.parametrize("method", ["auto", "exact"])
@pytest.mark.parametrize(
    ("kind", "options", "rule"),
    [
        ("rate", {}, BinomialRate()),
        ("rate", {"bounds": (0, 5), "model": "gaussian"}, BinomialRate()),
        ("rate", {"census": True}, Census("rate")),
        ("mean", {"bounds": (0, 5)}, BoundedMean(0, 5)),
        ("mean", {"bounds": [0.0, 5.0]}, BoundedMean(0, 5)),
        ("mean", {"model": "gaussian"}, GaussianMean()),
        ("mean", {"census": True}, Census("mean")),
        ("quantile", {"q": 0.95}, Quantile(0.95)),
        ("quantile", {"q": 0.95, "census": True}, Census("quantile", 0.95)),
        ("observed", {"deterministic": True}, Deterministic()),
        ("observed", {}, DeclaredInterval()),
    ],
)
def test_the_claim_decides_the_rule(method, kind, options, rule):
    assert choose(kind, method=method, **options) == rule


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("mean", {}, "Bahadur and Savage"),
        ("mean", {}, r"bounds=\(lo, hi\).*model=\"gaussian\""),
        ("mean", {"bounds": (1, 0)}, "lower one first"),
        ("mean", {"bounds": (1, 1)}, "lower one first"),
        ("mean", {"bounds": (0, math.inf)}, "finite"),
        ("mean", {"bounds": (0,)}, "two numbers"),
        ("mean", {"bounds": 5}, "two numbers"),
        ("mean", {"bounds": (0, 1), "model": "gaussian"}, "give one of them"),
        ("mean", {"model": "lognormal"}, "'lognormal' is not a model; Known: gaussian"),
        ("mean", {"model": "Gaussian"}, "did you mean 'gaussian'"),
        ("mean", {"model": "gaussian", "q": 0.5}, "takes none"),
        ("quantile", {}, "both excluded"),
        ("quantile", {"q": 95}, "both excluded"),
        ("quantile", {"q": 0.0}, "both excluded"),
        ("quantile", {"q": math.nan}, "both excluded"),
        ("rate", {"method": "exakt"}, "did you mean 'exact'"),
        ("rate", {"method": "sprt"}, "'sprt' is not a method; Known: auto, exact"),
        ("rate", {"deterministic": True}, "belongs to observed"),
        ("rate", {"q": 0.5}, "takes none"),
        ("observed", {"census": True}, "deterministic=True"),
        ("median", {}, "did you mean 'mean'"),
        ("", {}, "is not a kind"),
    ],
)
def test_arguments_that_name_no_rule_are_refused_with_a_way_out(kind, options, words):
    with pytest.raises(ClaimError, match=words):
        choose(kind, **options)
