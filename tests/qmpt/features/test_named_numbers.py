# SPDX-License-Identifier: Apache-2.0
import pytest

from qmpt.data.models import Observation
from qmpt.errors import ConfigError, DataError
from qmpt.features.named_numbers import NumbersFeatureSpec, signed_log


def seen(name, values, pattern="a"):
    return Observation(obs_id=str(name), pattern_id=pattern, timestamp=0.0, modality="numeric", payload=values)


def test_numbers_are_taken_on_a_logarithmic_scale_and_missing_ones_are_no_zeros():
    spec = NumbersFeatureSpec(["lines"])
    given = [seen(n, [value]) for n, value in enumerate([99.0, None, 99.0])]
    rows = spec.fit_transform([*given, seen("b", [None], "b")])
    assert rows[0, 0] == pytest.approx(signed_log(99.0))
    assert rows[1].tolist() == [rows[0, 0], rows[0, 1], 1.0]


@pytest.mark.parametrize("value", [1e301, True, "7"], ids=["huge", "bool", "text"])
def test_what_is_no_number_is_refused_by_its_name(value):
    with pytest.raises(DataError, match="lines"):
        NumbersFeatureSpec(["lines"]).fit_transform([seen(1, [value])])


def test_numbers_need_names():
    with pytest.raises(ConfigError, match="at least 1"):
        NumbersFeatureSpec([])
