# SPDX-License-Identifier: Apache-2.0
"""The values that cross rooms: what one cycle gave, its metrics, and one record of a corpus.

Plain standard-library dataclasses: a cycle may happen a million times.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from ophamin.core.canonical import content_hash

__all__ = ["CorpusRecord", "CycleResult", "MetricBundle", "Tier1Metrics", "Tier2Metrics", "Tier3Metrics"]


@dataclass(slots=True)
class Tier1Metrics:
    """Operational numbers: counters, gauges and timers, by name."""

    counters: dict[str, float] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    timers: dict[str, list[float]] = field(default_factory=dict)

    def record_timer(self, name: str, value: float) -> None:
        """Add one reading to the timer ``name``."""
        self.timers.setdefault(name, []).append(value)


@dataclass(slots=True)
class Tier2Metrics:
    """Statistical monitors of a run; ``None`` where nothing was computed."""

    srm_pvalue: float | None = None
    sprt_llr: float | None = None
    msprt_pvalue: float | None = None
    drift_score: float | None = None
    extra: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Tier3Metrics:
    """Numbers about structure and meaning; ``None`` where the substrate gave none."""

    prime_deformation_delta: float | None = None
    zetetic_dissonance_gradient: float | None = None
    jaccard_overlap: float | None = None
    extra: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class MetricBundle:
    """All metrics of one cycle, in three tiers."""

    cycle_index: int
    tier1: Tier1Metrics = field(default_factory=Tier1Metrics)
    tier2: Tier2Metrics = field(default_factory=Tier2Metrics)
    tier3: Tier3Metrics = field(default_factory=Tier3Metrics)
    stimulus_id: str | None = None
    wall_time: float = field(default_factory=time.time)

    def flat(self) -> dict[str, float]:
        """All numbers under one level of keys; absent values are left out, an empty timer too.

        >>> bundle = MetricBundle(0, Tier1Metrics(gauges={"phi": 0.5}, timers={"ms": [1.0, 3.0]}))
        >>> bundle.flat()
        {'t1.gauge.phi': 0.5, 't1.timer.ms.mean': 2.0}
        """
        flat: dict[str, float] = {f"t1.counter.{name}": value for name, value in self.tier1.counters.items()}
        flat |= {f"t1.gauge.{name}": value for name, value in self.tier1.gauges.items()}
        flat |= {f"t1.timer.{name}.mean": fmean(values) for name, values in self.tier1.timers.items() if values}
        tier2 = {
            "srm_pvalue": self.tier2.srm_pvalue,
            "sprt_llr": self.tier2.sprt_llr,
            "msprt_pvalue": self.tier2.msprt_pvalue,
            "drift_score": self.tier2.drift_score,
            **self.tier2.extra,
        }
        flat |= {f"t2.{name}": value for name, value in tier2.items() if value is not None}
        tier3 = {
            "prime_deformation_delta": self.tier3.prime_deformation_delta,
            "zetetic_dissonance_gradient": self.tier3.zetetic_dissonance_gradient,
            "jaccard_overlap": self.tier3.jaccard_overlap,
            **self.tier3.extra,
        }
        flat |= {f"t3.{name}": value for name, value in tier3.items() if value is not None}
        return flat


@dataclass(slots=True)
class CycleResult:
    """What came of one stimulus through the system under test.

    Attributes:
        cycle_index: position of the cycle, from 0 within a batch.
        success: whether the system did what it is for; False alone is an outcome, not an error.
        raw: what the system gave, untouched.
        halt_mode: how the cycle ended, in the system's own words.
        stimulus_id: what was put in, by name.
        error: why the cycle could not be measured; an error leaves the denominator.
        metric_bundle: metrics that the adapter attached itself.
    """

    cycle_index: int
    success: bool
    raw: dict[str, Any] = field(default_factory=dict)
    halt_mode: str | None = None
    stimulus_id: str | None = None
    error: str | None = None
    metric_bundle: MetricBundle | None = None

    @property
    def failed_to_measure(self) -> bool:
        """True when the cycle is an error and no outcome of the system."""
        return self.error is not None or self.halt_mode == "adapter_error"

    def get(self, key: str, default: Any = None) -> Any:
        """``raw[key]``, or ``default``."""
        return self.raw.get(key, default)

    def to_metric_bundle(self) -> MetricBundle:
        """The attached bundle, or one sorted out of the numbers in ``raw`` by the usual names.

        >>> CycleResult(0, True, raw={"n_tokens": 7, "latency_ms": 3.5, "note": "x"}).to_metric_bundle().flat()
        {'t1.counter.n_tokens': 7.0, 't1.timer.latency_ms.mean': 3.5}
        """
        if self.metric_bundle is not None:
            return self.metric_bundle
        bundle = MetricBundle(self.cycle_index, stimulus_id=self.stimulus_id)
        for name, value in self.raw.items():
            if isinstance(value, (bool, int, float)):
                with suppress(OverflowError):  # an integer that no float can hold is no metric
                    _sort_metric(bundle, name, float(value))
        return bundle


@dataclass(frozen=True, slots=True)
class CorpusRecord:
    """One item of a corpus.

    Attributes:
        id: unique within the corpus.
        text: the content that is fed to the system under test.
        metadata: what else is known of it; plain JSON values.
    """

    id: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """The text, under the name that reads well in a test body."""
        return self.text

    @property
    def digest(self) -> str:
        """SHA-256 over id, text and metadata in canonical form.

        >>> CorpusRecord("a", "hello").digest == CorpusRecord("a", "hello", {}).digest
        True
        """
        return content_hash([self.id, self.text, dict(self.metadata)])


def _sort_metric(bundle: MetricBundle, name: str, value: float) -> None:
    """Put one number where its name says it belongs (the rules of the earlier project, in its order)."""
    if name.startswith(("total_", "count_", "n_")) or name.endswith(("_count", "_total")):
        bundle.tier1.counters[name] = value
    elif "latency" in name or name.endswith(("_ms", "_us", "_ns", "_seconds")):
        bundle.tier1.record_timer(name, value)
    elif "drift" in name:
        bundle.tier2.drift_score = value
    elif name in {"phi", "prime_deformation_delta"}:
        bundle.tier3.prime_deformation_delta = value
    elif "jaccard" in name:
        bundle.tier3.jaccard_overlap = value
    else:
        bundle.tier1.gauges[name] = value
