# SPDX-License-Identifier: Apache-2.0
import hashlib

import pytest

from ophamin.core.shapes import CorpusRecord, CycleResult, MetricBundle, Tier1Metrics, Tier2Metrics, Tier3Metrics


def test_a_bundle_shows_all_its_numbers_under_one_level_of_keys():
    bundle = MetricBundle(
        3,
        Tier1Metrics(counters={"calls": 4}, gauges={"phi": 0.5}, timers={"ms": [1.0, 2.0, 6.0]}),
        Tier2Metrics(srm_pvalue=0.1, sprt_llr=-1.5, msprt_pvalue=0.2, drift_score=0.3, extra={"psi": 0.4}),
        Tier3Metrics(0.01, 0.02, 0.03, {"kappa": 0.9}),
    )
    assert bundle.flat() == {
        "t1.counter.calls": 4,
        "t1.gauge.phi": 0.5,
        "t1.timer.ms.mean": 3.0,
        "t2.srm_pvalue": 0.1,
        "t2.sprt_llr": -1.5,
        "t2.msprt_pvalue": 0.2,
        "t2.drift_score": 0.3,
        "t2.psi": 0.4,
        "t3.prime_deformation_delta": 0.01,
        "t3.zetetic_dissonance_gradient": 0.02,
        "t3.jaccard_overlap": 0.03,
        "t3.kappa": 0.9,
    }


def test_what_was_not_measured_is_left_out_and_is_not_zero():
    assert MetricBundle(0, Tier1Metrics(timers={"ms": []}), Tier2Metrics(drift_score=0.0)).flat() == {
        "t2.drift_score": 0.0
    }


def test_a_timer_keeps_every_reading():
    metrics = Tier1Metrics()
    metrics.record_timer("ms", 1.0)
    metrics.record_timer("ms", 2.0)
    assert metrics.timers == {"ms": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("total_calls", "t1.counter.total_calls"),
        ("count_words", "t1.counter.count_words"),
        ("n_tokens", "t1.counter.n_tokens"),
        ("word_count", "t1.counter.word_count"),
        ("calls_total", "t1.counter.calls_total"),
        ("latency", "t1.timer.latency.mean"),
        ("cycle_latency_ns", "t1.timer.cycle_latency_ns.mean"),
        ("load_ms", "t1.timer.load_ms.mean"),
        ("load_us", "t1.timer.load_us.mean"),
        ("load_ns", "t1.timer.load_ns.mean"),
        ("load_seconds", "t1.timer.load_seconds.mean"),
        ("phi_drift", "t2.drift_score"),
        ("phi", "t3.prime_deformation_delta"),
        ("prime_deformation_delta", "t3.prime_deformation_delta"),
        ("jaccard_of_words", "t3.jaccard_overlap"),
        ("coherence", "t1.gauge.coherence"),
        ("latency_count", "t1.counter.latency_count"),  # the counter's rule comes first
        ("drift_ms", "t1.timer.drift_ms.mean"),  # then the timer's
    ],
)
def test_a_number_is_sorted_by_its_name(name, key):
    assert CycleResult(0, True, {name: 2}).to_metric_bundle().flat() == {key: 2.0}


def test_truth_values_are_numbers_and_anything_else_is_left_out():
    raw = {"blocked": True, "text": "x", "none": None, "list": [1], "huge": 10**400}
    assert CycleResult(0, True, raw).to_metric_bundle().flat() == {"t1.gauge.blocked": 1.0}


def test_an_attached_bundle_is_given_as_it_is():
    bundle = MetricBundle(0)
    assert CycleResult(0, True, {"phi": 1}, metric_bundle=bundle).to_metric_bundle() is bundle


@pytest.mark.parametrize(
    ("result", "failed"),
    [
        (CycleResult(0, True), False),
        (CycleResult(0, False), False),
        (CycleResult(0, False, error="no answer"), True),
        (CycleResult(0, True, error="late"), True),
        (CycleResult(0, False, halt_mode="adapter_error"), True),
        (CycleResult(0, False, halt_mode="amplitude_death"), False),
    ],
)
def test_an_error_is_a_cycle_with_error_set_or_halted_by_its_adapter(result, failed):
    assert result.failed_to_measure is failed


def test_get_reads_raw_with_a_default():
    result = CycleResult(0, True, {"phi": 0.5})
    assert (result.get("phi"), result.get("psi"), result.get("psi", 1)) == (0.5, None, 1)


def test_a_record_is_named_by_id_text_and_metadata():
    base = CorpusRecord("a", "hello", {"k": 1})
    others = [CorpusRecord("b", "hello", {"k": 1}), CorpusRecord("a", "hallo", {"k": 1}), CorpusRecord("a", "hello")]
    assert len({base.digest, *(other.digest for other in others)}) == 4
    assert base.digest == hashlib.sha256(b'["a","hello",{"k":1}]').hexdigest()


def test_content_is_the_text():
    assert CorpusRecord("a", "hello").content == "hello"
