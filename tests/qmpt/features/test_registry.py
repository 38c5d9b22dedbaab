# SPDX-License-Identifier: Apache-2.0
"""Promises about feature specifications by name, their contract, and their versions."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.data.models import Observation
from qmpt.errors import ConfigError, DataError
from qmpt.features import BehaviorFeatureSpec, MultiModalFeatureSpec, NumericFeatureSpec, TextFeatureSpec
from qmpt.features.base import BaseFeatureSpec, FeatureSpec, MissingValues, group_by_pattern
from qmpt.features.registry import FEATURE_SPECS, create_feature_spec, register_feature_spec
from qmpt.features.versions import version_string

THIRD_PARTY = """
class LengthSpec:
    id = "length_v1"

    def fit(self, observations):
        return self

    def transform(self, observations):
        return [[len(one.payload)] for one in observations]

    def fit_transform(self, observations):
        return self.fit(observations).transform(observations)
"""


@pytest.fixture(autouse=True)
def same_registry_afterwards():
    before = dict(FEATURE_SPECS)
    yield
    FEATURE_SPECS.clear()
    FEATURE_SPECS.update(before)


@pytest.fixture
def offer(tmp_path, monkeypatch):
    """Install a distribution that offers entry points, without installing anything."""

    def install(module, source, entry_points, distribution="third-party"):
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[qmpt.features]\n{entry_points}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def test_the_specifications_of_the_package_are_registered_under_their_own_ids():
    assert {name: cls.id for name, cls in FEATURE_SPECS.items()} == {name: name for name in FEATURE_SPECS}
    assert set(FEATURE_SPECS) == {"text_v1", "behavior_v1", "numeric_v1", "multimodal_v1"}


def test_they_are_registered_for_who_imports_the_registry_alone_and_no_heavy_library_is_loaded():
    program = (
        "import sys, json\nfrom qmpt.features.registry import FEATURE_SPECS\n"
        "print(json.dumps([sorted(FEATURE_SPECS), sorted({'numpy', 'scipy', 'sklearn'} & set(sys.modules))]))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    names, heavy = json.loads(run.stdout)
    assert "text_v1" in names
    assert heavy == []


@pytest.mark.parametrize("cls", [TextFeatureSpec, BehaviorFeatureSpec, NumericFeatureSpec, MultiModalFeatureSpec])
def test_each_satisfies_the_contract(cls):
    assert isinstance(cls(), FeatureSpec)


def test_a_second_class_under_one_name_is_refused_and_the_first_stays():
    class Other(BaseFeatureSpec):
        pass

    with pytest.raises(ConfigError, match="two feature specifications have the name 'text_v1'"):
        register_feature_spec("text_v1", Other)
    assert FEATURE_SPECS["text_v1"] is TextFeatureSpec


def test_the_same_class_may_be_registered_again():
    register_feature_spec("text_v1", TextFeatureSpec)


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_name_that_is_no_text_is_refused(name):
    with pytest.raises(ConfigError, match="has the name"):
        register_feature_spec(name, TextFeatureSpec)


def test_an_unknown_name_lists_the_known_ones_and_the_nearest():
    with pytest.raises(ConfigError, match=r"did you mean 'text_v1'\? Known: behavior_v1, multimodal_v1, numeric_v1"):
        create_feature_spec("txt_v1")


def test_arguments_that_the_class_does_not_take_are_named_with_those_it_takes():
    with pytest.raises(ConfigError, match=r"given lenght, but .*; it takes blocks, n_components, model, max_length"):
        create_feature_spec("text_v1", lenght=3)


def test_another_package_offers_a_specification_that_is_imported_when_asked_for(offer):
    offer("length_features", THIRD_PARTY, "length_v1 = length_features:LengthSpec")
    assert "length_features" not in sys.modules
    with pytest.raises(ConfigError, match=r"Known: .*length_v1"):
        create_feature_spec("length_v2")
    assert "length_features" not in sys.modules
    spec = create_feature_spec("length_v1")
    assert spec.id == "length_v1"
    assert FEATURE_SPECS["length_v1"] is type(spec)


def test_a_registered_specification_goes_before_an_entry_point_of_its_name(offer):
    offer("length_features_b", THIRD_PARTY, "text_v1 = length_features_b:LengthSpec")
    assert isinstance(create_feature_spec("text_v1"), TextFeatureSpec)


@pytest.mark.parametrize(
    ("source", "entry", "message"),
    [
        ("raise RuntimeError('no licence')", "broken:Spec", "cannot be loaded from broken:Spec: no licence"),
        ("", "broken:Spec", "cannot be loaded from broken:Spec"),
        ("class Spec:\n    def fit(self): ...", "broken:Spec", "lacks transform, fit_transform"),
    ],
    ids=["raises", "absent", "incomplete"],
)
def test_an_entry_point_that_gives_no_specification_is_named(offer, monkeypatch, source, entry, message):
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    offer("broken", source, f"strange_v1 = {entry}")
    with pytest.raises(ConfigError, match=message):
        create_feature_spec("strange_v1")


def test_two_packages_that_offer_one_name_are_both_named(offer):
    offer("one_features", THIRD_PARTY, "twice_v1 = one_features:LengthSpec", "one-party")
    offer("two_features", THIRD_PARTY, "twice_v1 = two_features:LengthSpec", "other-party")
    with pytest.raises(ConfigError, match="one_features:LengthSpec, two_features:LengthSpec"):
        create_feature_spec("twice_v1")


def test_a_version_is_the_name_and_a_digest_of_the_whole_configuration():
    # sha256 of {"a":1,"b":[0.5,null]} by coreutils
    assert version_string("x", "1.2.0", {"b": [0.5, None], "a": 1}) == "x@1.2.0+f1a92042"


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.booleans())))
def test_the_order_of_keys_does_not_change_a_version(config):
    assert version_string("x", "1", config) == version_string("x", "1", dict(reversed(config.items())))


@pytest.mark.parametrize("changed", [{"seed": 1}, {"n_components": 31}, {"blocks": ["topics"]}, {"modality": "chat"}])
def test_the_version_of_features_changes_with_each_setting_they_depend_on(changed):
    assert TextFeatureSpec(**changed).feature_spec_version != TextFeatureSpec().feature_spec_version


def test_a_group_is_in_the_order_of_time_and_stable_where_times_are_equal():
    seen = [
        Observation(obs_id=str(place), pattern_id="a", timestamp=time, modality="text", payload="")
        for place, time in enumerate([3, 1, 3, 1])
    ]
    assert [one.obs_id for one in group_by_pattern(seen, ["text"])[0]["a"]] == ["1", "3", "0", "2"]


@pytest.mark.parametrize("name", ["text_v1", "behavior_v1", "numeric_v1", "multimodal_v1"])
def test_nothing_to_learn_from_is_an_error_and_nothing_to_transform_is_an_empty_matrix(name):
    with pytest.raises(DataError, match="given 0 observations"):
        create_feature_spec(name).fit([])
    with pytest.raises(DataError, match="not fitted"):
        create_feature_spec(name).transform([])
    seen = [Observation(obs_id="1", pattern_id="a", timestamp=0, modality="text", payload="some words")]
    spec = TextFeatureSpec().fit(seen)
    assert spec.transform([]).shape == (0, len(spec.feature_names_))
    assert spec.pattern_ids_ == ()


@given(st.lists(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=3, max_size=3), min_size=1))
def test_filling_leaves_defined_values_alone_and_makes_all_finite(rows):
    table = np.array(rows)
    filled = MissingValues().fit(table).fill(table)
    assert np.isfinite(filled).all()
    defined = ~np.isnan(table)
    assert (filled[:, :-1][defined] == table[defined]).all()
    assert filled[:, -1] == pytest.approx(1.0 - defined.mean(axis=1))
