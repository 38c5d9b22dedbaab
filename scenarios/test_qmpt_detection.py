# SPDX-License-Identifier: Apache-2.0
"""Claims about the anomaly score of qmpt beside the detectors of PyOD, on labelled sets.

On the tuned sets the default score was chosen; what it reaches there is told as tuned. On the untouched ones it was
not tried before these claims were registered.
"""

import warnings
from functools import cache
from math import sqrt
from statistics import fmean, stdev

import pytest

from ophamin import Refuted, estimate, mean, observed, scenario
from qmpt.bridge import losses

PEERS = {
    "HBOS": "hbos", "IForest": "iforest", "MCD": "mcd", "ECOD": "ecod", "KNN": "knn", "COPOD": "copod", "LOF": "lof",
}  # fmt: skip
DRAWS = 10


pytestmark = pytest.mark.usefixtures("one_thread")


def peer(name, seed):
    """A detector of PyOD with its documented defaults; those that draw at random get a seed."""
    from importlib import import_module
    from inspect import signature

    make = getattr(import_module(f"pyod.models.{PEERS[name]}"), name)
    return make(**({"random_state": seed} if "random_state" in signature(make).parameters else {}))


def compared(status, seed):
    """One row per set: area under the ROC curve and average precision of qmpt and of each peer, on one draw.

    Every method scores the rows that it was fitted to. The peers get standardised features, as in PyOD's own tables.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    from qmpt.benchmark_sets import benchmark_sets
    from qmpt.metrics.anomaly import AnomalyEstimator

    rows = []
    for one in benchmark_sets(status):
        drawn = one.draw(seed)
        spread = drawn.rows.std(axis=0)
        standardised = (drawn.rows - drawn.rows.mean(axis=0)) / spread.clip(min=spread.max() * 1e-12)
        scores = {"qmpt": AnomalyEstimator().fit(drawn.rows).scores}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks of the peers on their own numerics
            scores |= {name: peer(name, seed).fit(standardised).decision_scores_ for name in PEERS}
        areas = {f"auroc_{name}": float(roc_auc_score(drawn.anomaly, score)) for name, score in scores.items()}
        areas |= {
            f"precision_{name}": float(average_precision_score(drawn.anomaly, score)) for name, score in scores.items()
        }
        rows.append({"draw": seed, "set": one.name, **areas})
    return rows


@cache
def all_compared(status):
    """All draws, over two processes: the claims about one status share them."""
    from joblib import Parallel, delayed

    return [
        row for rows in Parallel(n_jobs=2)(delayed(compared)(status, seed) for seed in range(DRAWS)) for row in rows
    ]


def over_the_best(rows, measure):
    """By how much qmpt exceeds the best single peer, in the mean over all sets of a draw; with one-sided 95 % bounds.

    The best peer is the one that qmpt exceeds least. The lower bound is the least of the peers' own (t over draws),
    which needs no correction, since all must be exceeded; the upper one is corrected for their number (Bonferroni).
    """
    from scipy.stats import t

    gains = {}
    for name in PEERS:
        by_draw = {}
        for row in rows:
            by_draw.setdefault(row["draw"], []).append(row[f"{measure}_qmpt"] - row[f"{measure}_{name}"])
        gains[name] = [fmean(values) for values in by_draw.values()]
    reach = {name: stdev(gain) / sqrt(len(gain)) for name, gain in gains.items()}
    lower, upper = t.ppf(0.95, DRAWS - 1), t.ppf(1 - 0.05 / len(PEERS), DRAWS - 1)
    return estimate(
        min(map(fmean, gains.values())),
        float(min(fmean(gain) - lower * reach[name] for name, gain in gains.items())),
        float(min(fmean(gain) + upper * reach[name] for name, gain in gains.items())),
    )


def try_against_peers(trial, status, measure):
    """Observe every set of every draw, then the whole."""
    rows = all_compared(status)
    for row in rows:
        trial.observe(**{name: value for name, value in row.items() if name in {"draw", "set"} or measure in name})
    trial.observe(over_the_best=over_the_best(rows, measure))


def table(measure):
    """Evidence beside the verdict: the sets on which a peer is better, and all means."""
    return losses(f"{measure}_qmpt", *(f"{measure}_{name}" for name in PEERS), by="set")


@pytest.mark.slow
@scenario(
    "tuned: on the nine sets it was chosen on the default score has a mean AUROC no lower than the best PyOD detector",
    observed("over_the_best") >= 0,
    tier="empirical_deep",
    family="qmpt-detection",
    pillars=[table("auroc")],
)
def test_tuned_areas_reach_the_best_peer(trial):
    """Did the choice of the default pay where it was made?

    Nine sets, ten draws each, seven peers with their defaults. A necessary condition and no evidence about other data.

    If refuted: there is no reason to prefer the default to a single detector.
    """
    try_against_peers(trial, "tuned", "auroc")


@pytest.mark.slow
@pytest.mark.xfail(raises=Refuted, strict=True, reason="MCD ranks the very first rows better on the tuned sets")
@scenario(
    "tuned: on the nine sets it was chosen on the default score has a mean average precision no lower than the best "
    "PyOD detector",
    observed("over_the_best") >= 0,
    tier="empirical_deep",
    family="qmpt-detection",
    pillars=[table("precision")],
)
def test_tuned_precision_reaches_the_best_peer(trial):
    """Is the default also best at the top of the list?

    A known loss, kept so that the day it no longer holds is noticed.
    """
    try_against_peers(trial, "tuned", "precision")


@pytest.mark.slow
@pytest.mark.xfail(raises=Refuted, strict=True, reason="locked before its first run, and refuted by it: KNN is better")
@scenario(
    "on sets that were not looked at before the default score has a mean AUROC no lower than the best PyOD detector",
    observed("over_the_best") >= 0,
    tier="empirical_deep",
    family="qmpt-detection",
    pillars=[table("auroc")],
)
def test_untouched_areas_reach_the_best_peer(trial):
    """Is the default a good choice for data that nobody looked at?

    Eleven sets, ten draws each, seven peers with their defaults; the best peer is found on these very sets.

    If refuted: the default is to be called tuned to nine sets, and the best peer is to be recommended beside it.
    """
    try_against_peers(trial, "untouched", "auroc")


@pytest.mark.slow
@scenario(
    "on sets that were not looked at before the default score has a mean average precision no lower than the best PyOD "
    "detector",
    observed("over_the_best") >= 0,
    tier="empirical_deep",
    family="qmpt-detection",
    pillars=[table("precision")],
)
def test_untouched_precision_reaches_the_best_peer(trial):
    """Is the default also best at the top of the list, on data that nobody looked at?

    On the tuned sets it is not.

    If refuted: who looks at the first few rows alone is better served by the best peer.
    """
    try_against_peers(trial, "untouched", "precision")


@pytest.mark.slow
@scenario(
    "tuned: by PyOD's protocol the AUROC on the small breast cancer set is within that of PyOD's published detectors",
    mean("auroc", bounds=(0, 1)).between(0.916, 0.954),
    tier="empirical_deep",
    family="qmpt-detection",
    budget=400,
    batch=10,
)
def test_held_out_tumours_are_ranked_as_by_published_detectors(trial):
    """Does the score rank rows that it was not fitted to?

    357 benign and 21 malignant tumours, split 60 to 40 at random. PyOD's table for its version of the set has HBOS
    .954, KNN .940, LOF .937, IForest .932 and MCD .916. Two claims: not below the least of these, and not above the
    best. The trials are random splits of one set, so the claim is about this set.

    If refuted: below, the default is no serious competitor on small sets; above, it is better than we say.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    from qmpt.benchmark_sets import benchmark_set
    from qmpt.metrics.anomaly import AnomalyEstimator

    seed = 0
    while not trial.decided:
        drawn = benchmark_set("wdbc_21").draw(seed)
        seen, new, _, anomaly = train_test_split(drawn.rows, drawn.anomaly, test_size=0.4, random_state=seed)
        estimator = AnomalyEstimator({"cross_fit": 0}).fit(seen)
        trial.observe(auroc=float(roc_auc_score(anomaly, estimator.batch_score(new))), split=seed)
        seed += 1
