# SPDX-License-Identifier: Apache-2.0
"""One population measured against another: which features moved, and which patterns are unlike the reference."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import DataError, InsufficientEvidence
from qmpt.viz.reports_models import ComparedLayer, FeatureShift, ScoredPattern

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qmpt.cli.feature_table import FeatureTable
    from qmpt.cli.layers import FeaturedLayer
    from qmpt.metrics.anomaly import AnomalyEstimator

    Rows = NDArray[np.float64]

__all__ = ["compare_layer", "feature_shifts"]

_RESAMPLES: Final = 500
_FEWEST: Final = 5
_FEWEST_FOR_P_VALUES: Final = 10


def compare_layer(
    reference: FeaturedLayer, current: FeaturedLayer, config: Any, given: Mapping[str, Any], level: float
) -> ComparedLayer:
    """Measure a layer against an earlier or otherwise different state of it.

    Features and models are fitted to the reference alone.

    Args:
        reference: with its observations.
        current: with its observations.
        config: of the features, or None.
        given: settings of the anomaly estimator.
        level: false discovery rate of the findings, in (0, 1).

    Raises:
        ConfigError: a setting cannot be honoured.
        DataError: a payload cannot be read.
    """
    before, after = set(reference.patterns), set(current.patterns)
    known: dict[str, Any] = {
        "layer_id": reference.layer_id,
        "of": (len(before), len(after)),
        "common": len(before & after),
        "gone": sorted(before - after),
        "new": sorted(after - before),
        "people": reference.people or current.people,
    }
    reason = reference.reason or current.reason
    if reason:
        return ComparedLayer(**known, reason=reason)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = _measured(reference, current, config, given, level)
        except InsufficientEvidence as error:
            return ComparedLayer(**known, reason=str(error))
    notes = [*dict.fromkeys(str(one.message) for one in caught), *found.pop("notes")]
    if known["common"]:
        notes.append(
            f"{known['common']} patterns are in both, so that the two are not independent; p-values of shifts are then "
            "rather too large than too small"
        )
    return ComparedLayer(**known, **found, notes=notes)


def feature_shifts(reference: Rows, current: Rows, names: Sequence[str], seed: int = 0) -> list[FeatureShift]:
    """How far each feature moved, least probable first.

    The median shift with a percentile bootstrap interval, and the two-sample Kolmogorov-Smirnov test with p-values
    adjusted over all features (Benjamini and Hochberg).

    Args:
        reference: in robust standard units of the reference, shape (n, k).
        current: in the same units, shape (m, k).
        names: of the features.
        seed: of the bootstrap.

    Raises:
        InsufficientEvidence: fewer than 5 rows on one side.

    Example:
        >>> import numpy as np
        >>> draw = np.random.default_rng(0)
        >>> found = feature_shifts(draw.normal(size=(50, 1)), draw.normal(3.0, size=(50, 1)), ["cost"])
        >>> found[0].feature, found[0].interval[0] > 2.0, found[0].p_value < 1e-6
        ('cost', True, True)
    """
    import numpy as np
    from scipy.stats import false_discovery_control, ks_2samp

    if min(len(reference), len(current)) < _FEWEST:
        raise InsufficientEvidence(
            f"{len(reference)} and {len(current)} patterns; {_FEWEST} on each side are the fewest that can be compared"
        )
    draw = np.random.default_rng(seed)
    shifts = np.median(current, axis=0) - np.median(reference, axis=0)
    resampled = np.array(
        [
            np.median(current[draw.integers(len(current), size=len(current))], axis=0)
            - np.median(reference[draw.integers(len(reference), size=len(reference))], axis=0)
            for _ in range(_RESAMPLES)
        ]
    )
    low, high = np.quantile(resampled, (0.025, 0.975), axis=0)
    tests = [ks_2samp(reference[:, column], current[:, column]) for column in range(len(names))]
    p_values = false_discovery_control([float(test.pvalue) for test in tests])
    found = [
        FeatureShift(
            feature=name,
            shift=float(shifts[column]),
            interval=(float(low[column]), float(high[column])),
            ks=float(tests[column].statistic),
            p_value=float(p_values[column]),
        )
        for column, name in enumerate(names)
    ]
    return sorted(found, key=lambda one: (one.p_value, -one.ks, one.feature))


def _measured(
    reference: FeaturedLayer, current: FeaturedLayer, config: Any, given: Mapping[str, Any], level: float
) -> dict[str, Any]:
    from qmpt.cli.feature_table import FeatureTable, build_spec, described, readable_observations
    from qmpt.cli.scoring import one_thread
    from qmpt.data.numbers import numeric_observations
    from qmpt.metrics.anomaly import AnomalyEstimator

    readable, numbers = readable_observations(reference.observations)
    spec = build_spec(readable, numbers or reference.columns, config)
    table = described(spec, spec.fit_transform(readable))
    after = [*current.observations, *numeric_observations(current.observations, numbers)]
    rows = spec.transform(after)
    now = FeatureTable(tuple(spec.pattern_ids_), table.names, rows, table.version, table.terms)  # type: ignore[attr-defined]  # every specification of the registry has it
    estimator = AnomalyEstimator(config={"cross_fit_from": _FEWEST_FOR_P_VALUES, **given, "bootstrap": 0})
    with one_thread():
        estimator.fit(table.rows, ids=table.ids, feature_names=table.names)
        shifts = _shifts(estimator, now, int(given.get("seed", 0)))
        p_values, found, notes = _unlike(estimator, now, level)
        scored = _scored(estimator, now, current, set(found))
    return {"shifts": shifts, "scored": scored, "p_values": p_values, "found": found, "notes": notes}


def _shifts(estimator: AnomalyEstimator, now: FeatureTable, seed: int) -> list[FeatureShift]:
    known = estimator.fitted.standardiser
    names = [now.names[int(column)] for column in known.kept]
    return feature_shifts(estimator.fitted.rows, known.transform(now.rows), names, seed)


def _scored(
    estimator: AnomalyEstimator, now: FeatureTable, current: FeaturedLayer, unlike: Collection[str]
) -> list[ScoredPattern]:
    from qmpt.cli.scoring import explained

    counts = current.counts()
    found = []
    for name, row in zip(now.ids, now.rows, strict=True):
        reasons = estimator.explain(row)
        marks = ["bot"] if current.patterns[name].metadata.get("bot") is True else []
        found.append(
            ScoredPattern(
                pattern_id=name, **explained(reasons, now.terms) | {"label": "unlike" if name in unlike else ""},
                observations=counts.get(name), marks=marks,
                notes=[told for told in reasons.notes if "in the whole population" in told],
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (-one.score, one.pattern_id))


def _unlike(
    estimator: AnomalyEstimator, now: FeatureTable, level: float
) -> tuple[dict[str, float], list[str], list[str]]:
    """p-values, the patterns they call unlike the reference, and why there may be none."""
    from qmpt.metrics.conformal import benjamini_hochberg

    try:
        p_values = estimator.p_values(now.rows)
    except (DataError, InsufficientEvidence) as error:
        return {}, [], [f"no p-values: {error}"]
    rejected = benjamini_hochberg(p_values, level)
    values = dict(zip(now.ids, p_values.tolist(), strict=True))
    found = [name for name, unlike in zip(now.ids, rejected.tolist(), strict=True) if unlike]
    reference, notes = len(estimator.scores), []
    alone = math.ceil(len(values) / level) - 1
    if reference < alone:
        together = math.ceil(len(values) / (level * (reference + 1)))
        least = f"fewer than {together} of {len(values)} at once" if together <= len(values) else "any pattern"
        notes.append(
            f"{reference} reference patterns are too few to find {least} unlike them; a single one takes {alone}"
        )
    return values, sorted(found, key=lambda name: (values[name], name)), notes
