# SPDX-License-Identifier: Apache-2.0
import json
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from qmpt.config import loader
from qmpt.config.loader import dump_config, load_config, sample_names
from qmpt.config.schemas import LARGEST_CONSTANT, QmptConfig
from qmpt.errors import ConfigError

ROOT = Path(__file__).parents[3]


def written(tmp_path, text, name="config.yaml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_samples_are_the_files_at_the_top_of_the_project():
    folder = files("qmpt.config").joinpath("samples")
    inside = {item.name: item.read_bytes() for item in folder.iterdir() if item.name.endswith(".yaml")}
    outside = {path.name: path.read_bytes() for path in (ROOT / "config").iterdir()}
    assert inside == outside
    assert sorted(inside) == ["features_text.yaml", "metrics_default.yaml", "simulation_default.yaml"]


def test_the_samples_have_the_values_of_the_design():
    features = load_config("features_text").features
    assert (features.spec_id, features.model, features.max_length) == (
        "text_v1",
        "sentence-transformers/all-mpnet-base-v2",
        4096,
    )
    metrics = load_config("metrics_default").metrics
    assert metrics.anomaly.density_model == "flow_v1"
    assert (metrics.anomaly.w1, metrics.anomaly.w2, metrics.anomaly.w3) == (1.0, 0.7, 0.5)
    assert (metrics.reflexivity.beta_text, metrics.reflexivity.beta_dyn) == (0.6, 0.4)
    operator = metrics.self_operator
    assert (operator.alpha_pop, operator.alpha_self, operator.alpha_meta, operator.alpha_R) == (0.3, 0.3, 0.2, 0.2)
    simulation = load_config("simulation_default").simulation
    assert (simulation.seed, simulation.horizon, simulation.end_time, simulation.scenario) == (42, 80, 80.0, "baseline")


@pytest.mark.parametrize("name", ["features_text", "metrics_default", "simulation_default"])
def test_a_sample_read_back_from_its_own_dump_is_equal(tmp_path, name):
    config = load_config(name)
    assert load_config(written(tmp_path, dump_config(config))) == config
    document = config.model_dump(mode="json", exclude_none=True)
    assert load_config(written(tmp_path, json.dumps(document), "config.json")) == config


def test_the_options_of_features_are_those_that_were_given(tmp_path):
    assert load_config("features_text").features.options() == {
        "max_length": 4096,
        "model": "sentence-transformers/all-mpnet-base-v2",
    }
    other = load_config(written(tmp_path, "features: {spec_id: behavior_v1, params: {top_k: 3}}")).features
    assert (other.spec_id, other.options()) == ("behavior_v1", {"top_k": 3})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metrics: {anomaly: {density_modle: x}}", "density_modle is no known key; did you mean 'density_model'"),
        ("metrics: {reflexivity: {beta_txt: 1}}", "did you mean 'beta_text'"),
        ("simulation: {horizon: 1, ensemble: {n_run: 3}}", "did you mean 'n_runs'"),
        ("metric: {}", "did you mean 'metrics'"),
        ("features: {modle: x}", "did you mean 'model'"),
        ("simulation: {horizon: 1, quantum: {}}", "quantum is no known key"),
        ("simulation: {horizon: 1, backend: quantum}", "backend 'quantum' is not part of qmpt; give 'classical'"),
        ("simulation: {dt: 1}", "neither t_end nor horizon"),
        ("simulation: {dt: 0.5, t_end: 3, horizon: 3}", "horizon [*] dt is 1.5"),
        ("simulation: {horizon: 1, dt: 0}", "greater than 0, not 0"),
        ("simulation: {horizon: 1, dt: .inf}", "finite"),
        ("simulation: {horizon: 1, params: {tau: .inf}}", "simulation.params: the value holds inf"),
        ("simulation: {horizon: 1, params: {eta_c: 1000001}}", "eta_c is 1000001; .* to 1e[+]06"),
        ("simulation: {horizon: 1, params: {potential: {rise: -2.0e+6}}}", "rise is -2000000.0"),
        ("simulation: {horizon: 1, interventions: [{t: 0, kind: stress_shock, by: 1.0e+308}]}", "by is 1e[+]308"),
        ("simulation: {horizon: 1, ensemble: {mode: sweep, param_grid: {d: [1, 1.0e+9]}}}", "d is 1000000000.0"),
        ("simulation: {horizon: 1, interventions: [{t: 2026-11-21}]}", "holds date"),
        ("simulation: {horizon: 1, substrates: [a], substrate_noise: [0, 1]}", "2 values for 1 substrates"),
        ("simulation: {horizon: 1, ensemble: {mode: sweep}}", "a sweep has some"),
        ("metrics: {anomaly: {w1: 0, w2: 0, w3: 0}}", "all 0"),
        ("metrics: {anomaly: {w1: -1}}", "greater than or equal to 0, not -1"),
        ("metrics: {anomaly: {cross_fit: 1}}", "at least 2 folds"),
        ("metrics: {anomaly: {anomaly_fdr: 0.2}}", "at most rare_fdr"),
        ("metrics: {self_operator: {alpha_pop: 0.4}}", "sum to 1"),
        ("{}", "there is no section"),
        ("", "holds NoneType"),
        ("- features", "holds list"),
        ("features: [", "while parsing"),
        ("features: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("features: {spec_id: a, spec_id: b}", "'spec_id' stands twice"),
        ("features: {spec_id: a}\nfeatures: {spec_id: b}", "line 2: the key 'features' stands twice"),
        ("? [a]\n: b", "unhashable"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("a: 2026-99-99", "month must be"),
        (b"\xff\xfe\xfd", "config.yaml"),
        (b"a: \x00", "config.yaml"),
    ],
    ids=lambda value: None,
)  # fmt: skip
def test_what_cannot_be_honoured_is_told_with_the_file(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(written(tmp_path, text))
    assert "config.yaml" in str(caught.value)


def test_a_seed_and_a_time_are_no_constants_and_may_be_large(tmp_path):
    text = (
        "simulation: {horizon: 1, params: {seed: 9000000000}, interventions: [{t: 2.0e+6, kind: stress_shock, by: 0}]}"
    )
    section = load_config(written(tmp_path, text)).simulation
    assert (section.params["seed"], section.interventions[0]["t"]) == (9_000_000_000, 2e6)


def test_an_anchor_that_unfolds_is_refused_before_it_does(tmp_path):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(ConfigError, match="anchor 'a0'; write the value out"):
        load_config(written(tmp_path, "\n".join(levels)))


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(loader, "MAX_BYTES", 10)
    with pytest.raises(ConfigError, match="more than 10 bytes"):
        load_config(written(tmp_path, "features: {}"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "config.json"),
        ('{"features": {"seed": 1, "seed": 2}}', "'seed' stands twice"),
        ('{"metrics": {"anomaly": {"w1": NaN}}}', "finite"),
        ("[" * 100_000, "nested too deeply"),
    ],
    ids=["cut", "twice", "nan", "deep"],
)
def test_json_is_held_to_the_same_rules(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        load_config(written(tmp_path, text, "config.json"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("metrics_defaults", "did you mean 'metrics_default'"),
        ("absent.yaml", "No such file"),
        ("../samples/features_text", "nor a sample"),
        ("config.toml", "nor a sample"),
        ("", "nor a sample"),
    ],
)
def test_what_is_neither_a_file_nor_a_sample_is_told(name, said):
    with pytest.raises(ConfigError, match=said):
        load_config(name)


def test_a_sample_goes_before_a_file_of_its_bare_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "features: {}", "features_text")
    assert load_config("features_text").features.max_length == 4096


def test_the_names_of_the_samples_are_known():
    assert sample_names() == ["features_text", "metrics_default", "simulation_default"]


@given(
    st.fixed_dictionaries(
        {"horizon": st.integers(1, 10**6), "dt": st.floats(1e-6, 1e6)},
        optional={
            "seed": st.integers(0, 2**63 - 1),
            "params": st.dictionaries(
                st.text("abc", min_size=1), st.floats(-LARGEST_CONSTANT, LARGEST_CONSTANT), max_size=3
            ),
            "interventions": st.lists(st.dictionaries(st.text("abc", min_size=1), st.text(), max_size=2), max_size=2),
            "layer_id": st.text(min_size=1).filter(str.isprintable),
            "sigma_crit": st.floats(0, 1),
        },
    )
)
def test_every_configuration_survives_its_dump(section):
    config = QmptConfig.model_validate({"simulation": section})
    assert QmptConfig.model_validate(yaml.safe_load(dump_config(config))) == config
