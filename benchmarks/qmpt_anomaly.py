# SPDX-License-Identifier: Apache-2.0
"""P15: what the anomaly score finds on the nine tuned sets, beside PyOD's defaults, and how many rows a second it does.

The default was chosen while looking at these nine sets, so the first table is no claim about other data. PyOD's
detectors are at their documented defaults on standardised features and score the rows they were fitted to, as is their
custom; ours scores each row by a model that did not see it. ``--draws N`` (default 10), ``--rows N`` (default 100,000),
``--part quality`` or ``--part speed``.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from qmpt.benchmark_sets import benchmark_sets
from qmpt.metrics.anomaly import AnomalyEstimator
from qmpt.metrics.density import create_density
from qmpt.metrics.distance import fit_distance
from qmpt.metrics.population import RobustStandardiser

try:
    from pyod.models.ecod import ECOD
    from pyod.models.hbos import HBOS
    from pyod.models.iforest import IForest
    from pyod.models.mcd import MCD
except ImportError:
    raise SystemExit("this compares with PyOD; install it: pip install pyod") from None

FEATURES = 32
KDE_ROWS = 10_000


def peers(seed: int) -> dict:
    return {"ECOD": ECOD(), "HBOS": HBOS(), "MCD": MCD(random_state=seed), "IForest": IForest(random_state=seed)}


def scores_of(rows, seed: int) -> dict:
    standard = StandardScaler().fit_transform(rows)
    found = {"ours": AnomalyEstimator().fit(rows).scores}
    for name, detector in peers(seed).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[name] = np.nan_to_num(detector.fit(standard).decision_scores_)
    return found


def quality(draws: int) -> None:
    """AUROC and average precision, mean and standard deviation over the draws; a line that we lose is marked."""
    total: dict = {}
    print(f"\nP15, tuned sets, {draws} draws: AUROC / average precision (standard deviation of the AUROC over draws)")
    for one in benchmark_sets("tuned"):
        found: dict = {}
        for seed in range(draws):
            drawn = one.draw(seed)
            for name, scores in scores_of(drawn.rows, seed).items():
                pair = roc_auc_score(drawn.anomaly, scores), average_precision_score(drawn.anomaly, scores)
                found.setdefault(name, []).append(pair)
        means = {name: np.mean(pairs, axis=0) for name, pairs in found.items()}
        best = max(means, key=lambda name: (round(means[name][0], 3), name == "ours"))
        cells = [
            f"{name} {means[name][0]:.3f}/{means[name][1]:.3f} ({np.std(pairs, axis=0)[0]:.3f})"
            for name, pairs in found.items()
        ]
        print(f"  {one.name:19} {'  '.join(cells)}{'' if best == 'ours' else f'   LOST to {best}'}", flush=True)
        for name, mean in means.items():
            total.setdefault(name, []).append(mean)
    for name, rows in total.items():
        auroc, precision = np.mean(rows, axis=0)
        print(f"  mean of {len(rows)}: {name:8} {auroc:.3f} / {precision:.3f}")


def timed(call) -> tuple[float, object]:
    started = time.process_time()
    found = call()
    return time.process_time() - started, found


def line(name: str, n: int, fit: float, score: float) -> None:
    print(f"  {name:44} fit {n / fit:12,.0f} rows/s   score {n / score:12,.0f} rows/s", flush=True)


def speed(n: int) -> None:
    """Rows a second of CPU time of all threads, one run each, on normal rows; wall clock says little here."""
    rows = np.random.default_rng(0).normal(size=(n, FEATURES))
    print(f"\nP15, speed, {n:,} x {FEATURES}")
    seconds, known = timed(lambda: RobustStandardiser.fit(rows))
    apply, standard = timed(lambda: known.transform(rows))
    line("ours: standardising alone", n, seconds, apply)
    for name in ("hist_v1", "flow_v1", "gmm_v1", "kde_v1"):
        part = standard[:KDE_ROWS] if name == "kde_v1" else standard
        model = create_density(name)
        fit, _ = timed(lambda model=model, part=part: model.fit(part))
        score, _ = timed(lambda model=model, part=part: model.score_samples(part))
        line(f"ours: {name}" + (f" ({len(part):,} rows)" if part is not standard else ""), len(part), fit, score)
    fit, distance = timed(lambda: fit_distance(standard, "mahalanobis_robust", log_density=np.empty(0)))
    score, _ = timed(lambda: distance.distances(standard))
    line("ours: mahalanobis_robust", n, fit, score)
    for folds in (0, 5):
        estimator = AnomalyEstimator(config={"cross_fit": folds})
        fit, _ = timed(lambda estimator=estimator: estimator.fit(rows))
        score, _ = timed(lambda estimator=estimator: estimator.batch_score(rows))
        line(f"ours: all of it, {f'{folds} folds' if folds else 'no cross-fitting'}", n, fit, score)
    for name, detector in peers(0).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit, _ = timed(lambda detector=detector: detector.fit(rows))
            score, _ = timed(lambda detector=detector: detector.decision_function(rows))
        line(f"PyOD {name} (fit scores the rows too)", n, fit, score)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--part", choices=["quality", "speed"])
    given = parser.parse_args()
    if given.part != "speed":
        quality(given.draws)
    if given.part != "quality":
        speed(given.rows)


if __name__ == "__main__":
    main()
