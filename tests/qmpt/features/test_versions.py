# SPDX-License-Identifier: Apache-2.0
"""Promises about what a version string covers: objects, numpy numbers, and what it refuses."""

import functools
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qmpt.errors import ConfigError
from qmpt.features import TextFeatureSpec
from qmpt.features.versions import version_string


def version(value):
    return version_string("x", "1", {"value": value})


@dataclass
class Kernel:
    bandwidth: float = 1.0
    fitted: int = field(default=0, init=False)


class Versioned:
    def __init__(self, version):
        self.version = version


class Bare:
    def score(self):
        return 0


DIFFERENT = {
    "components": lambda: [GaussianMixture(1), GaussianMixture(5)],
    "seeds": lambda: [GaussianMixture(2, random_state=0), GaussianMixture(2, random_state=1)],
    "arrays": lambda: [GaussianMixture(1, means_init=[[0.0]]), GaussianMixture(1, means_init=np.array([[1.0]]))],
    "classes": lambda: [KMeans(2), GaussianMixture(2)],
    "nested": lambda: [make_pipeline(StandardScaler(), GaussianMixture(n)) for n in (1, 5)],
    "nested order": lambda: [
        make_pipeline(*parts) for parts in ((StandardScaler(), KMeans()), (KMeans(), StandardScaler()))
    ],
    "lists": lambda: [[GaussianMixture(1)], [GaussianMixture(5)]],
    "dataclasses": lambda: [Kernel(1.0), Kernel(2.0)],
    "versions": lambda: [Versioned("a@1"), Versioned("a@2")],
    "functions": lambda: [len, sum, np.mean, Kernel, Bare],
    "text and object": lambda: [GaussianMixture(1), "GaussianMixture", repr(GaussianMixture(1))],
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_objects_with_other_parameters_have_other_versions_and_the_same_have_the_same(kind):
    values = DIFFERENT[kind]()
    versions = [version(value) for value in values]
    assert len(set(versions)) == len(values)
    assert [version(value) for value in DIFFERENT[kind]()] == versions


def test_what_a_fit_learned_does_not_change_a_version():
    mixture, kernel = GaussianMixture(1), Kernel()
    before = version(mixture), version(kernel)
    mixture.fit(np.arange(10.0)[:, None])
    kernel.fitted = 5
    assert (version(mixture), version(kernel)) == before


def test_the_version_of_an_object_is_the_same_in_another_process():
    program = (
        "from sklearn.mixture import GaussianMixture\nfrom qmpt.features.versions import version_string\n"
        "print(version_string('x', '1', {'value': GaussianMixture(5, reg_covar=1e-3)}))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == version(GaussianMixture(5, reg_covar=1e-3))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (np.int64(3), 3),
        (np.uint8(3), 3),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1, 2]]), [[1, 2]]),
        ((1, np.int64(2)), [1, 2]),
        ({"a": {"b": np.int64(1)}}, {"a": {"b": 1}}),
    ],
    ids=["int64", "uint8", "float64", "float32", "longdouble", "bool", "str", "array", "tuple", "nested"],
)
def test_numpy_numbers_count_as_those_of_python(given, meant):
    assert version(given) == version(meant)


def test_a_seed_of_numpy_is_the_seed_of_python():
    given, meant = TextFeatureSpec(seed=np.int64(3)), TextFeatureSpec(seed=3)
    assert given.feature_spec_version == meant.feature_spec_version != TextFeatureSpec().feature_spec_version


ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "value is nan"),
        ({"limit": [1.0, np.inf]}, "value.limit.1 is inf"),
        ({1, 2}, "value is of type set"),
        (b"raw", "value is of type bytes"),
        (1j, "value is of type complex"),
        (np.array([1j]), "value holds numpy values of type complex128"),
        (np.datetime64("2026-11-21"), "value holds numpy values of type datetime64"),
        (object(), "value is of type object, which has no version; give numbers"),
        (Bare(), "value is of type Bare, which has no version; give numbers"),
        (GaussianMixture(random_state=np.random.RandomState(0)), "value.random_state is of type RandomState"),
        (lambda: 0, "<lambda>, which has no name of its own"),
        (Bare().score, "Bare.score, which has no name of its own"),
        (functools.partial(int, base=2), "value is of type partial"),
        ({1: "a", "a": 1}, "give texts as keys"),
        ({(1, 2): 3}, "give texts as keys"),
        (ENDLESS, "more than 64 levels deep"),
    ],
    ids=[
        "nan", "infinite", "set", "bytes", "complex", "complex array", "time", "object", "bare object", "random state",
        "lambda", "method", "partial", "mixed keys", "tuple key", "endless",
    ],
)  # fmt: skip
def test_what_a_version_cannot_cover_is_refused_with_its_place_and_a_way_out(value, said):
    with pytest.raises(ConfigError, match=said):
        version(value)
