# SPDX-License-Identifier: Apache-2.0
"""The commands beside score: what they print, keep and refuse."""

import json
import random

import pytest

from qmpt.data.io import load_layers, load_observations, load_patterns
from qmpt.runs import read_run
from qmpt.viz.reports_models import Assessed, Comparison, Simulation, read_result


def test_ingest_keeps_observations_patterns_and_layers(qmpt, spans, tmp_path):
    out = tmp_path / "in"
    result = qmpt("ingest", spans, "--out", out)
    assert result.exit_code == 0
    assert "632 behavior, 144 text" in result.stdout
    assert len(load_observations(out / "observations.jsonl.gz")) == 776
    assert set(load_layers(out / "layers.jsonl")) == {"shop", "desk"}
    assert len(load_patterns(out / "patterns.jsonl")) == 12
    assert read_run(out)["counts"]["observations"] == 776


def test_a_folder_of_something_else_is_left_alone(qmpt, spans, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work", encoding="utf-8")
    refused = qmpt("ingest", spans, "--out", mine)
    assert refused.exit_code == 2
    assert "give another --out" in refused.stderr
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    assert qmpt("ingest", spans, "--out", tmp_path / "in").exit_code == 0
    assert qmpt("ingest", spans, "--out", tmp_path / "in").exit_code == 0
    other = qmpt("score", tmp_path / "in", "--resamples", 0, "--out", tmp_path / "in")
    assert other.exit_code == 2
    assert "`qmpt ingest`" in other.stderr


def test_features_are_listed_with_their_spread_and_version(qmpt, spans):
    result = qmpt("features", spans, "--layer", "fleet")
    assert result.exit_code == 0
    assert "fleet: 12 patterns" in result.stdout
    assert "multimodal_v1@" in result.stdout
    assert "behavior:success_rate" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


def test_features_of_a_configuration_that_names_none_are_refused(qmpt, spans):
    result = qmpt("features", spans, "--config", "metrics_default")
    assert result.exit_code == 2
    assert "has no section features" in result.stderr


def test_reflexivity_has_a_value_with_its_coverage_or_a_reason(qmpt, agents, tmp_path):
    result = qmpt("reflexivity", agents, "--top", 30, "--out", tmp_path / "out")
    assert result.exit_code == 0
    kept = read_result(tmp_path / "out" / "reflexivity.json", Assessed)
    values = {one.pattern_id: one for one in kept.patterns}
    assert values["agent-03"].value is not None
    assert values["agent-03"].coverage == pytest.approx(1.0)
    assert values["agent-00"].value is None
    assert "0 words of text; at least 50 are needed" in values["agent-00"].reason
    assert "no value: " in result.stdout
    assert "can be raised by vocabulary" in " ".join(result.stdout.split())
    patterns = load_patterns(tmp_path / "out" / "patterns.jsonl")
    assert patterns["agent-03"].reflexivity == values["agent-03"].value
    assert patterns["agent-00"].reflexivity is None


def test_self_rewards_the_one_that_knows_its_place(qmpt, agents, tmp_path):
    result = qmpt("self", agents, "--windows", 6, "--out", tmp_path / "out")
    assert result.exit_code == 0
    whole = read_result(tmp_path / "out" / "self.json", Assessed)
    assert set(whole.versions) == {"self_operator_version", "reflexivity_model_version"}
    stored = load_patterns(tmp_path / "out" / "patterns.jsonl")["agent-03"].metrics_version
    assert set(stored) == {"density_model_version", "reflexivity_model_version", "self_operator_version"}
    kept = {one.pattern_id: one for one in whole.patterns}
    honest, boaster = ({part["name"]: part for part in kept[name].parts} for name in ("agent-03", "agent-04"))
    assert honest["self"]["value"] > 0.9 > 0.1 > boaster["self"]["value"]
    assert kept["agent-00"].value is None
    assert "no part has evidence" in kept["agent-00"].reason
    assert all(one.persistence for one in kept.values())
    assert "no self-aware anomaly" in kept["agent-04"].persistence
    assert "not consciousness" in " ".join(result.stdout.split())


@pytest.mark.needs("git")
@pytest.mark.parametrize(
    "words", [("self",), ("reflexivity",), ("features",), ("score",), ("compare", "{own}")], ids=lambda w: w[0]
)
def test_no_command_shows_anything_of_fewer_than_five_people(qmpt, own_repository, tmp_path, words):
    given = [word.format(own=own_repository) for word in words]
    result = qmpt(*given, own_repository, "--out", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "fewer than 5" in result.stderr
    kept = "".join(
        path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*.json") if path.name != "run.json"
    )
    assert "author-" not in kept


def test_who_says_nothing_of_itself_has_no_self_operator(qmpt, spans):
    found = json.loads(qmpt("self", spans, "--json").stdout)
    assert {one["value"] for one in found["patterns"]} == {None}


def test_a_simulation_shows_its_regimes_and_keeps_its_course(qmpt, tmp_path):
    words = ("--scenario", "single_anomaly", "--steps", 300, "--set", 'potential={"base": 1.25, "rise": 3}')
    result = qmpt("simulate", *words, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    for regime in ("stagnation", "transition", "upgrade"):
        assert regime in result.stdout
    kept = read_result(tmp_path / "out" / "simulation.json", Simulation)
    layer = load_layers(tmp_path / "out" / "layers.jsonl")["Lk"]
    assert len(layer.state_trajectory) == 301
    assert kept.scenarios[0].final["capacity"][0] == pytest.approx(layer.state_trajectory[-1].macro_state["capacity"])
    assert kept.scenarios[0].peak_stress == max(state.stress for state in layer.state_trajectory)


def test_the_same_scenario_can_be_asked_of_another_model_and_at_other_constants(qmpt, tmp_path):
    versions = set()
    for model in ("relax_v1", "linear_v1", "replicator_v1"):
        found = json.loads(qmpt("simulate", "--model", model, "--steps", 20, "--json").stdout)
        versions.add(found["version"].partition("@")[0])
    assert versions == {"relax_v1", "linear_v1", "replicator_v1"}
    config = tmp_path / "sweep.yaml"
    config.write_text(
        "simulation: {horizon: 50, ensemble: {enabled: true, mode: sweep, "
        "param_grid: {tau_s: [2, 5], g0: [0.01, 0.02]}}}",
        encoding="utf-8",
    )
    found = json.loads(qmpt("simulate", config, "--json").stdout)
    assert [one["scenario"] for one in found["scenarios"]][:2] == [
        "baseline, tau_s=2, g0=0.01",
        "baseline, tau_s=2, g0=0.02",
    ]
    assert "tau_s=5" in qmpt("simulate", config).stdout


def test_runs_spread_and_a_counterfactual_has_an_interval(qmpt):
    words = (
        "--scenario",
        "single_anomaly",
        "--steps",
        100,
        "--set",
        "eta_s=0.05",
        "--set",
        "potential=3",
        "--runs",
        40,
    )
    found = json.loads(qmpt("simulate", *words, "--without", "anomaly-1", "--json").stdout)
    mean, low, high = found["scenarios"][0]["final"]["stress"]
    assert low < mean < high
    assert sum(found["scenarios"][0]["final_modes"].values()) == pytest.approx(1.0)
    mean, low, high = found["counterfactual"]["anomaly-1"]["final capacity"]
    assert 0.0 < low <= mean <= high


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--scenario", "basline"], "did you mean 'baseline'?", id="scenario"),
        pytest.param(["--set", "tau_x=1"], "did you mean 'tau_s'?", id="constant"),
        pytest.param(["--set", "tau_s=fast"], "write it as --set eta_s=0.02", id="no number"),
        pytest.param(["--runs", "5"], "set eta_s", id="runs without noise"),
        pytest.param(["--without", "nobody", "--set", "eta_s=0.1"], "never is in the layer", id="pattern"),
        pytest.param(["metrics_default"], "has no section simulation", id="section"),
    ],
)
def test_a_simulation_that_cannot_be_run_says_why(qmpt, words, said):
    result = qmpt("simulate", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.fixture
def two_weeks(tmp_path, columns):
    """Sixty callers in two weeks; in the second all calls are longer, and one caller is far slower than any."""
    import random

    draw, paths = random.Random(5), []
    for week, level in enumerate((4.0, 5.0)):
        lines = ["who,at,ms,size"]
        for caller in range(60):
            own = level + (6.0 if week and caller == 30 else 0.0)
            times = [1_795_000_000 + week * 604_800 + turn * 3600 + caller for turn in range(10)]
            lines += [f"caller{caller},{at},{draw.lognormvariate(own, 0.1):.3f},{draw.randint(1, 9)}" for at in times]
        paths.append(tmp_path / f"week{week}.csv")
        paths[-1].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def test_compare_shows_which_features_moved_and_how_far(qmpt, two_weeks, columns, tmp_path):
    words = ("compare", *two_weeks, *columns, "--layer", "calls")
    result = qmpt(*words, "--out", tmp_path / "out")
    assert result.exit_code == 0
    layer = read_result(tmp_path / "out" / "comparison.json", Comparison).layers[0]
    first = layer.shifts[0]
    assert first.feature == "numeric:ms_median"
    assert first.interval[0] <= first.shift <= first.interval[1]
    assert first.p_value < 0.001
    sizes = next(shift for shift in layer.shifts if shift.feature == "numeric:size_median")
    assert sizes.p_value > 0.05
    assert (layer.common, layer.gone, layer.new) == (60, [], [])
    assert layer.scored[0].pattern_id == "caller30"
    assert "features moved" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


def test_compare_ends_with_1_only_where_findings_were_asked_to_fail(qmpt, two_weeks, columns):
    words = ("compare", *two_weeks, *columns, "--layer", "calls")
    assert qmpt(*words).exit_code == 0
    assert qmpt(*words, "--fail-on-findings").exit_code == 1
    same = ("compare", two_weeks[0], two_weeks[0], *columns, "--layer", "calls", "--fail-on-findings")
    assert qmpt(*same).exit_code == 0


@pytest.mark.parametrize("members", [12, 30])
def test_compare_finds_nobody_unlike_where_both_sides_are_drawn_alike(qmpt, columns, tmp_path, members):
    draw = random.Random(members)
    sides = []
    for side in ("before", "after"):
        lines = ["who,at,ms,size"]
        for member in range(members):
            usual, length = draw.gauss(100, 10), draw.gauss(5, 1)
            lines += [
                f"{side}{member},2026-11-{day:02d},{usual + draw.gauss(0, 3):.2f},{length + draw.gauss(0, 0.3):.2f}"
                for day in range(1, 7)
            ]
        sides.append(tmp_path / f"{side}.csv")
        sides[-1].write_text("\n".join(lines), encoding="utf-8")
    result = qmpt("compare", *sides, *columns, "--layer", "calls", "--fail-on-findings")
    assert result.exit_code == 0
    assert f"None of {members} patterns is found to be unlike it" in " ".join(result.stdout.split())
    assert "too few to find any pattern unlike them" in result.stderr or members > 12
    assert "anomaly " not in result.stdout.replace("anomaly score", "")


def test_layers_that_only_one_side_has_are_named(qmpt, two_weeks, columns):
    result = qmpt("compare", *two_weeks, *columns)
    assert result.exit_code == 2
    assert "has no such layer; --layer NAME" in result.stderr


def test_history_gives_the_published_coefficient_and_does_not_speak_for_the_theory(qmpt):
    found = json.loads(qmpt("history", "--runs", 2000, "--json").stdout)
    assert found["counts"] == [0, 1, 0, 0, 0, 3, 6, 0, 1, 0]
    tests = {one["model"]: one for one in found["tests"]}
    assert tests["constant rate"]["observed"] == pytest.approx(0.7545, abs=1e-3)
    assert tests["rising rate (the theory's example)"]["p_value"] < tests["constant rate"]["p_value"]
    printed = " ".join(qmpt("history", "--runs", 1000).stdout.split())
    assert "do not speak for the theory" in printed


def test_validate_tells_good_files_from_bad_ones(qmpt, spans, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("metrics: {anomaly: {w_1: 2.0}}\n", encoding="utf-8")
    twice = tmp_path / "twice.jsonl"
    row = '{"obs_id": "1", "pattern_id": "a", "timestamp": 0, "modality": "text", "payload": "x", "tags": []}'
    twice.write_text(f"{row}\n{row}\n", encoding="utf-8")
    good = qmpt("validate", spans, "metrics_default", "simulation_default")
    assert good.exit_code == 0
    assert "3 of 3 are in order" in good.stdout
    found = qmpt("validate", spans, bad, twice)
    assert found.exit_code == 1
    said = " ".join(found.stdout.split())
    assert "did you mean 'w1'?" in said
    assert "comes twice" in said
    assert "1 of 3 are in order" in said
    told = json.loads(qmpt("validate", bad, "--json").stdout)
    assert [one["valid"] for one in told["inputs"]] == [False]


@pytest.mark.parametrize("name", ["nowhere", "nowhere.yaml", "nowhere.csv"])
def test_validate_of_what_is_not_there_ends_with_2(qmpt, spans, tmp_path, name):
    found = qmpt("validate", spans, tmp_path / name)
    assert found.exit_code == 2
    assert "does not exist; give another path" in " ".join(found.stdout.split())
    assert "1 of 2 are in order" in found.stdout


@pytest.mark.parametrize("command", ["score", "reflexivity", "self", "features", "compare"])
def test_a_configuration_that_says_nothing_to_a_command_is_refused(qmpt, spans, command):
    sources = (spans, spans) if command == "compare" else (spans,)
    refused = qmpt(command, *sources, "--config", "simulation_default")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "simulation_default has no section " in refused.stderr
    assert "leave --config out" in refused.stderr


def test_every_json_says_of_what_form_it_is(qmpt, spans, tmp_path):
    scored = tmp_path / "scored"
    assert qmpt("score", spans, "--resamples", 0, "--out", scored).exit_code == 0
    for words in (
        ("ingest", spans, "--out", tmp_path / "in"),
        ("features", spans),
        ("score", spans, "--resamples", 0),
        ("reflexivity", spans),
        ("self", spans),
        ("simulate", "--steps", 5),
        ("compare", spans, spans, "--layer", "fleet"),
        ("history", "--runs", 100),
        ("report", scored, "--out", tmp_path / "r.md"),
        ("validate", spans),
    ):
        found = json.loads(qmpt(*words, "--json").stdout)
        assert found["format"].startswith("qmpt-"), words


def test_validate_reads_what_other_commands_kept(qmpt, spans, tmp_path):
    qmpt("score", spans, "--resamples", 0, "--out", tmp_path / "scored")
    assert "2 in scores.json" in qmpt("validate", tmp_path / "scored").stdout
    (tmp_path / "scored" / "scores.json").write_text("{}", encoding="utf-8")
    assert qmpt("validate", tmp_path / "scored").exit_code == 1


def test_a_model_that_cannot_be_had_offline_is_not_valid(qmpt, offline):
    pytest.importorskip("qmpt")
    result = qmpt("validate", "features_text")
    try:
        import sentence_transformers  # noqa: F401 - only whether it is there
    except ImportError:
        assert result.exit_code == 1
        assert "fallback: tfidf" in " ".join(result.stdout.split())
