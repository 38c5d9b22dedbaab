# SPDX-License-Identifier: Apache-2.0
"""Promises about several modalities side by side."""

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity, NearestNeighbors

from qmpt.data.models import Observation
from qmpt.errors import ConfigError, DataError
from qmpt.features import MultiModalFeatureSpec, NumericFeatureSpec, TextFeatureSpec
from qmpt.features.registry import create_feature_spec
from qmpt.metrics.anomaly import AnomalyEstimator

RNG_SEED = 5


def population(n=40, missing=()):
    rng = np.random.default_rng(RNG_SEED)
    seen = []
    for place in range(n):
        payloads = {
            "text": "word " * int(rng.integers(5, 50)) + ("why?" if place % 3 else "so."),
            "behavior": {"action": str(rng.choice(["look", "walk"])), "cost": float(rng.exponential())},
            "numeric": rng.normal(size=8).tolist(),
        }
        for modality, payload in payloads.items():
            if (place, modality) not in missing:
                seen.append(
                    Observation(
                        obs_id=f"{place}{modality}",
                        pattern_id=f"p{place}",
                        timestamp=place,
                        modality=modality,
                        payload=payload,
                    )
                )
    return seen


def block(matrix, spec, modality):
    columns = [place for place, name in enumerate(spec.feature_names_) if name.startswith(f"{modality}:")]
    return matrix[:, columns[:-1]], matrix[:, columns[-1]]


def test_a_missing_block_is_zeros_and_an_indicator():
    spec = MultiModalFeatureSpec(modalities=["text", "numeric"])
    matrix = spec.fit_transform(population(missing={(3, "text"), (7, "numeric")}))
    for modality, gap in (("text", 3), ("numeric", 7)):
        values, missing = block(matrix, spec, modality)
        assert missing.tolist() == [float(place == gap) for place in range(40)]
        assert (values[gap] == 0.0).all()
    assert spec.ignored_ == {"behavior": 40}


def narrow_and_wide(narrow, width=50):
    """One value in the modality ``eeg`` that is given, and many of noise in ``logits``, for each pattern."""
    rng = np.random.default_rng(0)
    seen = [
        Observation(
            obs_id=f"{place}{modality}", pattern_id=f"p{place}", timestamp=0, modality=modality, payload=payload
        )
        for place, value in enumerate(narrow)
        for modality, payload in (("eeg", [float(value)]), ("logits", rng.normal(size=width).tolist()))
    ]
    spec = MultiModalFeatureSpec(modalities=["eeg", "logits"])
    return spec.fit_transform(seen), spec


def unweighted(matrix, spec):
    """The blocks as they are before they are divided by the square root of their width."""
    blocks = [block(matrix, spec, modality)[0] for modality in spec.modalities]
    return np.hstack([values * np.sqrt(values.shape[1]) for values in blocks])


def test_nearest_neighbours_follow_a_narrow_block_only_because_of_the_weights():
    group = np.repeat([0, 1], 100)
    matrix, spec = narrow_and_wide(group + 0.01 * np.random.default_rng(1).normal(size=200))

    def agreement(rows):
        nearest = NearestNeighbors(n_neighbors=6).fit(rows).kneighbors(rows, return_distance=False)[:, 1:]
        return float((group[nearest] == group[:, None]).mean())

    assert agreement(matrix) > 0.95
    assert agreement(unweighted(matrix, spec)) < 0.7


def test_a_euclidean_distance_and_a_kernel_density_see_one_far_value_only_because_of_the_weights():
    narrow = np.random.default_rng(1).normal(size=200)
    narrow[0] = 5.0
    matrix, spec = narrow_and_wide(narrow)
    plain = unweighted(matrix, spec)
    for rows, is_first in ((matrix, True), (plain, False)):
        lengths = np.linalg.norm(rows, axis=1)
        bandwidth = float(np.median(lengths))
        densities = KernelDensity(bandwidth=bandwidth).fit(rows).score_samples(rows)
        assert (int(np.argmax(lengths)) == 0) is is_first
        assert (int(np.argmin(densities)) == 0) is is_first


@pytest.mark.parametrize(
    ("density", "mode"),
    [
        ("hist_v1", "mahalanobis_robust"),
        ("hist_v1", "mahalanobis"),
        ("hist_v1", "knn_typical"),
        ("kde_v1", "euclidean"),
    ],
)
def test_the_anomaly_score_standardises_for_itself_so_that_the_weights_do_not_touch_it(density, mode):
    matrix, spec = narrow_and_wide(np.random.default_rng(1).normal(size=60), width=5)
    scores = [
        AnomalyEstimator(config={"cross_fit": 0}, density_model=density, distance_mode=mode).fit(rows).scores
        for rows in (np.hstack([block(matrix, spec, one)[0] for one in spec.modalities]), unweighted(matrix, spec))
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-6, abs=1e-6)


def test_a_column_that_differs_by_rounding_alone_is_not_made_loud():
    noisy = 0.3 + np.random.default_rng(2).integers(-1, 2, size=60) * 2.0**-54
    assert len(set(noisy.tolist())) > 1
    matrix, spec = narrow_and_wide(noisy)
    assert np.abs(block(matrix, spec, "eeg")[0]).max() < 1e-12


def test_a_wide_block_is_no_louder_than_a_narrow_one():
    matrix, spec = narrow_and_wide(np.random.default_rng(1).normal(size=300))
    powers = [float((block(matrix, spec, name)[0] ** 2).sum(axis=1).mean()) for name in ("eeg", "logits")]
    # of a single value only the mean varies: one column of six, and 50 of 251, each of about unit variance
    assert powers == pytest.approx([1 / 6, 50 / 251], rel=0.15)


def test_the_middle_and_the_spread_of_each_column_are_those_of_a_standard_normal_before_weighting():
    spec = MultiModalFeatureSpec(modalities=["numeric"])
    values, _ = block(spec.fit_transform(population()), spec, "numeric")
    column = values[:, 0] * np.sqrt(values.shape[1])
    assert np.median(column) == pytest.approx(0.0, abs=1e-12)
    assert np.subtract(*np.quantile(column, [0.75, 0.25])) == pytest.approx(1.3489795, rel=1e-6)


def test_fitting_and_transforming_at_once_is_the_same_as_one_after_the_other():
    seen = population(missing={(0, "text")})
    one = MultiModalFeatureSpec(modalities=["text", "behavior", "numeric"])
    other = MultiModalFeatureSpec(modalities=["text", "behavior", "numeric"])
    assert one.fit_transform(seen) == pytest.approx(other.fit(seen).transform(seen))
    assert one.feature_names_ == other.feature_names_
    assert len(set(one.feature_names_)) == len(one.feature_names_)


def test_a_population_without_a_modality_can_be_transformed_but_not_learned_from():
    spec = MultiModalFeatureSpec(modalities=["text", "numeric"]).fit(population())
    texts = [one for one in population() if one.modality == "text"]
    assert (block(spec.transform(texts), spec, "numeric")[1] == 1.0).all()
    with pytest.raises(DataError, match="no observation has the modality 'numeric'"):
        MultiModalFeatureSpec(modalities=["text", "numeric"]).fit(texts)


def test_a_modality_of_ones_own_is_read_by_a_named_or_given_specification():
    seen = [one.model_copy(update={"modality": "heart"}) for one in population() if one.modality == "numeric"]
    named = MultiModalFeatureSpec(modalities={"heart": {"spec_id": "numeric_v1"}})
    given = MultiModalFeatureSpec(modalities={"heart": NumericFeatureSpec(modality="heart")})
    assert (named.fit_transform(seen) == given.fit_transform(seen)).all()
    assert named.feature_spec_version == given.feature_spec_version


def test_the_version_follows_that_of_each_part():
    one = create_feature_spec("multimodal_v1", modalities={"text": {"seed": 0}})
    other = create_feature_spec("multimodal_v1", modalities={"text": {"seed": 1}})
    assert one.feature_spec_version != other.feature_spec_version


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        (["txt"], r"reads the modality 'txt'; did you mean 'text'\? Known: behavior, eeg, logits, numeric, text; or"),
        ([], "modalities is"),
        ("text", "modalities is 'text'"),
        ({"text": {"spec_id": "text_v9"}}, "did you mean 'text_v1'"),
        ({"text": {"component": 3}}, "it takes blocks"),
    ],
    ids=["unknown", "none", "text", "unknown specification", "unknown argument"],
)
def test_a_modality_that_nothing_reads_is_refused_with_the_known_ones(modalities, message):
    with pytest.raises(ConfigError, match=message):
        MultiModalFeatureSpec(modalities=modalities)


def test_a_specification_that_loses_a_pattern_is_refused():
    class Short(TextFeatureSpec):
        def fit_transform(self, observations):
            return super().fit_transform(observations)[1:]

    with pytest.raises(DataError, match="gave 39 rows for 40 patterns"):
        MultiModalFeatureSpec(modalities={"text": Short()}).fit(population())


@pytest.mark.parametrize("value", [1e300, -1e300])
def test_one_extreme_value_does_not_make_the_matrix_infinite(value):
    seen = population(missing={(0, "numeric")})
    seen.append(Observation(obs_id="x", pattern_id="p0", timestamp=0, modality="numeric", payload=[value] + [0.0] * 7))
    spec = MultiModalFeatureSpec(modalities=["numeric"])
    assert np.isfinite(spec.fit_transform(seen)).all()
