# SPDX-License-Identifier: Apache-2.0
"""What a configuration asks of ``qmpt simulate`` is done or refused, and never passed over."""

import json

import pytest

from qmpt.data.io import load_layers
from qmpt.simulation.summary import RUN_METRICS, run_metrics
from qmpt.viz.reports_models import Simulation, read_result


@pytest.fixture
def configured(tmp_path):
    """Write a section simulation, and give its file."""

    def write(**keys):
        path = tmp_path / "my.json"
        section = {"scenario": "single_anomaly", "horizon": 60, "params": {"potential": 3}, **keys}
        path.write_text(json.dumps({"simulation": section}), encoding="utf-8")
        return path

    return write


DERIVED = {"excess": "stress_max - 0.5", "twice": "2 * excess", "never": "recovery_time + 1"}


def test_the_numbers_of_a_run_are_those_of_the_states_that_are_kept(qmpt, configured, tmp_path):
    result = qmpt("simulate", configured(derived_metrics=DERIVED, sigma_crit=0.7), "--out", tmp_path / "out")
    assert result.exit_code == 0
    found = read_result(tmp_path / "out" / "simulation.json", Simulation).scenarios[0]
    numbers = run_metrics(load_layers(tmp_path / "out" / "layers.jsonl")["Lk"].state_trajectory, sigma_crit=0.7)
    assert found.metrics_by_run[0].keys() == {*RUN_METRICS, *DERIVED}
    assert {name: found.metrics_by_run[0][name] for name in RUN_METRICS} == pytest.approx(numbers)
    assert found.share_above == pytest.approx(numbers["time_above_critical"])
    assert found.derived == list(DERIVED)
    assert found.metrics_by_run[0]["excess"] == pytest.approx(numbers["stress_max"] - 0.5)
    assert found.metrics_by_run[0]["twice"] == 2.0 * found.metrics_by_run[0]["excess"]
    assert found.metrics_by_run[0]["never"] is None
    assert f"{found.metrics_by_run[0]['excess']:.3f}  excess" in result.stdout
    assert "-  never" in result.stdout


def test_over_an_ensemble_each_run_has_its_numbers_and_the_mean_its_interval(qmpt, configured):
    config = configured(derived_metrics=DERIVED, params={"potential": 3, "eta_s": 0.02})
    found = json.loads(qmpt("simulate", config, "--runs", 12, "--json").stdout)["scenarios"][0]
    values = [run["excess"] for run in found["metrics_by_run"]]
    assert len(set(values)) == 12
    summary = found["metrics"]["excess"]
    assert summary["n"] == 12
    assert summary["mean"] == pytest.approx(sum(values) / 12)
    assert min(values) < summary["low"] < summary["mean"] < summary["high"] < max(values)
    assert found["metrics"]["never"] == {"n": 0, **dict.fromkeys(("mean", "low", "high", "sd", "min", "max"))}
    printed = qmpt("simulate", config, "--runs", 12).stdout
    assert "12   0." in printed
    assert " excess" in printed


def test_a_sweep_shows_the_derived_numbers_at_each_point(qmpt, configured):
    ensemble = {"enabled": True, "mode": "sweep", "param_grid": {"tau_s": [2, 9]}}
    printed = qmpt("simulate", configured(ensemble=ensemble, derived_metrics={"excess": "stress_max - 0.5"})).stdout
    for value in (2, 9):
        assert f"excess; single_anomaly, tau_s={value}" in printed


@pytest.mark.parametrize("command", ["simulate", "validate"])
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        pytest.param({"derived_metrics": {"evil": "__import__('os')"}}, "is no arithmetic", id="call"),
        pytest.param({"derived_metrics": {"a": "stress_mx"}}, "did you mean 'stress_max'?", id="unknown name"),
        pytest.param({"derived_metrics": {"stress_max": "1"}}, "another name", id="name that is taken"),
        pytest.param({"executor": {"type": "local_parallel"}}, "give local_sequential", id="processes"),
        pytest.param({"executor": {"max_workers": 4}}, "max_workers 4", id="workers"),
        pytest.param({"params": {"eta_c": 1e308}}, "eta_c is 1e+308; constants go from -1e+06 to 1e+06", id="constant"),
        pytest.param({"params": {"tau_x": 1}}, "did you mean 'tau_s'?", id="unknown constant"),
        pytest.param({"output_dir": ""}, "output_dir", id="nowhere"),
    ],
)
def test_what_cannot_be_honoured_is_refused_before_anything_runs(
    qmpt, configured, tmp_path, monkeypatch, command, keys, said
):
    def run(*_, **__):
        raise AssertionError("it ran")

    monkeypatch.setattr("qmpt.cli.simulating.run_many", run)
    out = ("--out", tmp_path / "out") if command == "simulate" else ()
    result = qmpt(command, configured(**keys), *out)
    assert result.exit_code == (2 if command == "simulate" else 1)
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_the_folder_of_the_configuration_is_used_unless_another_is_given(qmpt, configured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = configured(output_dir="kept", logs_dir="logs")
    result = qmpt("simulate", config)
    assert result.exit_code == 0
    assert "kept in kept, which is output_dir" in result.stderr
    assert "logs_dir of the configuration is not used" in result.stderr
    assert (tmp_path / "kept" / "simulation.json").is_file()
    assert qmpt("simulate", config, "--out", tmp_path / "other").exit_code == 0
    assert (tmp_path / "other" / "simulation.json").is_file()
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("value", [".1", "0.1", "1e-1", "+.1"])
def test_a_number_is_a_number_in_any_of_its_forms(qmpt, value):
    found = qmpt("simulate", "--set", f"eta_s={value}", "--steps", 5, "--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout) == json.loads(qmpt("simulate", "--set", "eta_s=0.1", "--steps", 5, "--json").stdout)


def test_a_number_that_overflows_is_no_result(qmpt, monkeypatch):
    monkeypatch.setattr("qmpt.config.schemas.LARGEST_CONSTANT", float("inf"))
    result = qmpt("simulate", "--set", "eta_c=1e308", "--runs", 40)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "capacity overflows under these constants" in result.stderr


def test_large_constants_fill_no_line(qmpt):
    result = qmpt("simulate", "--set", "eta_c=1e6")
    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


def test_a_report_of_an_ensemble_has_the_numbers_of_its_runs(qmpt, tmp_path):
    config, kept = tmp_path / "ensemble.yaml", tmp_path / "kept"
    config.write_text(
        "simulation: {scenario: single_anomaly, t_end: 30, dt: 1, params: {eta_s: 0.02},"
        ' ensemble: {enabled: true, mode: repeat, n_runs: 4}, derived_metrics: {excess: "stress_max - 0.5"}}',
        encoding="utf-8",
    )
    assert qmpt("simulate", config, "--out", kept).exit_code == 0
    text = qmpt("report", kept).stdout
    assert "Numbers of the runs, single_anomaly" in text
    assert "| excess | 4 |" in text
    assert "| first_collapse | 0 | - |" in text
