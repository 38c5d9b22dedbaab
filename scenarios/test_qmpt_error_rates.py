# SPDX-License-Identifier: Apache-2.0
"""Claims about the error rates that qmpt states: how often is an ordinary pattern called unusual?"""

import pytest

from ophamin import mean, scenario

DRAWS = 200
FEATURES = 4


@pytest.mark.slow
@scenario(
    "labels by p-values keep a false discovery rate of 10 %; thresholds call at most 5.5 % and 1.25 % of ordinary patterns "
    "rare and anomalies",
    mean("false_discoveries", bounds=(0, 1)) <= 0.10,
    mean("called_rare", model="gaussian") <= 0.055,
    mean("called_anomaly", model="gaussian") <= 0.0125,
    tier="scientific",
    family="qmpt-error-rates",
    budget=DRAWS,
    method="exact",
)
def test_stated_error_rates_hold(trial):
    """Can an alarm be taken at its word?

    In each draw the score is fitted to 1000 ordinary patterns, half of which are held out for calibration. Of 200 new
    ones 40 are shifted by 3 standard deviations in each feature; the false discovery proportion is bounded, so that its
    mean is tried without assumptions. Of 1000 new ordinary ones the share above each threshold is taken; over draws it
    is close to normal, which is assumed. The thresholds are quantiles, so that the true rates lie at 5 % and 1 % and
    the bars a little above.

    If refuted: no label may be shown with a rate.
    """
    import numpy as np

    from qmpt.metrics.anomaly import AnomalyEstimator

    estimator = AnomalyEstimator({"calibration": "split", "calibration_share": 0.5, "bootstrap": 0})
    for seed in range(DRAWS):
        draw = np.random.default_rng((seed, 4))
        fitted = estimator.fit(draw.normal(size=(1000, FEATURES)))
        mixed = draw.normal(size=(200, FEATURES))
        mixed[:40] += 3.0
        called = np.array(fitted.classify(mixed, method="p_values")) != "typical"
        ordinary = np.array(fitted.classify(draw.normal(size=(1000, FEATURES))))
        trial.observe(
            false_discoveries=float(called[40:].sum() / max(1, called.sum())),
            found=float(called[:40].mean()),
            called_rare=float((ordinary != "typical").mean()),
            called_anomaly=float((ordinary == "anomaly").mean()),
        )
