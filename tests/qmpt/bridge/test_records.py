# SPDX-License-Identifier: Apache-2.0
"""Promises about records that are made through the bridge, and about qmpt without it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from fixtures.heavy import HEAVY

ROOT = Path(__file__).parents[3]

PROGRAM = """
import json
from ophamin import mean, rate, scenario
from ophamin.measuring.conduct import conduct_all
from qmpt.bridge import LayerSubstrate, PatternCorpus, anomaly_share, losses

LAYER = LayerSubstrate("single_anomaly", t_end=40, dt=1, eta_s=0.05, eta_p=0.02)


@scenario(
    "stress stays below one half",
    mean("stress", bounds=(0, 1)) <= 0.5,
    rate("above") <= 0.2,
    substrate=LAYER,
    pillars=[anomaly_share("stress", "capacity", reference=60, level=0.1), losses("stress", "novelty", by="mode")],
    budget=90,
    method="exact",
)
def test_layers(substrate, rng, trial):
    '''Is the layer calm?'''
    for _ in range(90):
        cycle = substrate.run_cycle({"seed": int(rng.integers(2**31))})
        trial.observe(above=cycle.raw["peak_stress"] > 0.5)


@scenario(
    "few agents are seen less than five times",
    rate("short") <= 0.5,
    corpus=PatternCorpus("fixtures/agent_spans.jsonl"),
)
def test_agents(stream, trial):
    '''Is there enough of each?'''
    for record in stream:
        trial.observe(short=record.metadata["observations"] < 5)


told = [record.to_dict() for test in (test_layers, test_agents) for record in conduct_all(test, seed=5)]
print(json.dumps(told, sort_keys=True))
"""


def told_by_a_process(program, **environment):
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def without_times(record):
    """The record without what a clock writes; observations hold the seconds of each cycle, so their digest goes too."""
    digest = record["evidence"][0]["detail"]["observations_sha256"]
    record = json.loads(json.dumps(record).replace(digest, "DIGEST"))
    del record["proof_id"], record["identity"]["created_at"], record["preregistration"]["preregistered_at"]
    return record


def test_two_processes_make_equal_records():
    first, second = (json.loads(told_by_a_process(PROGRAM, PYTHONHASHSEED=seed)) for seed in ("1", "2"))
    assert [record["verdict"]["outcome"] for record in first] == ["INCONCLUSIVE", "REFUTED", "VALIDATED"]
    assert [row["pillar"] for row in first[0]["evidence"][1:]] == ["qmpt.anomaly_share", "qmpt.losses"]
    assert list(map(without_times, first)) == list(map(without_times, second))


def test_qmpt_scores_simulates_and_answers_where_there_is_no_ophamin():
    said = told_by_a_process(
        """
import sys
sys.modules["ophamin"] = None  # an import of it fails
import numpy as np
import qmpt.cli.app
from qmpt.data.sources import open_source
from qmpt.metrics.anomaly import AnomalyEstimator
from qmpt.simulation.scenarios import runner_from_section

assert len(open_source("auto", "fixtures/agent_spans.jsonl").population().patterns) > 1
assert AnomalyEstimator({"bootstrap": 0}).fit(np.random.default_rng(0).normal(size=(60, 3))).scores.shape == (60,)
assert len(runner_from_section({"scenario": "single_anomaly", "horizon": 5}).run()) == 6
try:
    import qmpt.bridge
except ImportError:
    print("no bridge")
"""
    )
    assert said == "no bridge\n"


def test_the_bridge_works_where_the_plugin_is_not_active(pytester):
    pytester.makepyfile(
        """
        from qmpt.bridge import LayerSubstrate

        def test_a_layer_runs():
            assert LayerSubstrate(t_end=5, dt=1).run_cycle(1).success
        """
    )
    pytester.runpytest_subprocess("-p", "no:ophamin", "-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_bridge_loads_neither_pytest_nor_a_heavy_library():
    said = told_by_a_process(
        "import sys, qmpt.bridge; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    assert set(said.split()) & (HEAVY - {"pydantic"} | {"numpy", "pytest", "_pytest"}) == set()
