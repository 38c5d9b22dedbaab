# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from ophamin.errors import OphaminError
from ophamin.seeing.contract import (
    FieldContract,
    ScenarioFieldContract,
    ScenarioFieldContractViolation,
    check_contract,
    validate_contract_against_raw,
)


def violations(raw, *contracts):
    return validate_contract_against_raw(ScenarioFieldContract("s", contracts), raw)


def test_a_cycle_with_every_field_breaks_nothing():
    assert (
        violations({"phi": 0.5, "n": 3}, FieldContract("phi", types=(float,)), FieldContract("n", types=(int,))) == []
    )


def test_a_missing_required_field_is_told_with_the_nearest_one():
    (found,) = violations({"coherence": 1.0, "x": 2}, FieldContract("coherance"))
    assert (found.field_name, found.kind) == ("coherance", "missing_required")
    assert "did you mean 'coherence'?" in found.detail


def test_a_missing_optional_field_breaks_nothing():
    assert violations({}, FieldContract("phi", required=False, types=(float,))) == []


def test_an_optional_field_of_another_type_is_told():
    (found,) = violations({"phi": "high"}, FieldContract("phi", required=False, types=(float,)))
    assert (found.kind, found.detail) == ("type_mismatch", "'high' is of type str; the scenario reads float")


@pytest.mark.parametrize("value", [True, None, "1", [1.0]])
def test_only_a_real_number_is_a_float(value):
    assert [found.kind for found in violations({"phi": value}, FieldContract("phi", types=(float,)))] == [
        "type_mismatch"
    ]


@pytest.mark.parametrize("value", [1, 1.5, np.float32(1.5), np.int64(2)])
def test_every_real_number_will_do_where_a_float_is_read(value):
    assert violations({"phi": value}, FieldContract("phi", types=(float,))) == []


def test_a_truth_value_is_no_int_unless_named():
    assert len(violations({"ok": True}, FieldContract("ok", types=(int,)))) == 1
    assert violations({"ok": True}, FieldContract("ok", types=(int, bool))) == []


def test_null_counts_as_there_where_no_type_is_asked():
    assert violations({"phi": None}, FieldContract("phi")) == []


def test_a_dotted_name_reaches_into_nested_output():
    assert violations({"usage": {"tokens": 7}}, FieldContract("usage.tokens", types=(int,))) == []
    assert len(violations({"usage": 7}, FieldContract("usage.tokens"))) == 1


def test_a_key_with_a_dot_wins_over_the_path():
    assert violations({"a.b": 1, "a": {"b": "x"}}, FieldContract("a.b", types=(int,))) == []


def test_violations_come_in_the_order_of_the_contract():
    found = violations({"b": "x"}, FieldContract("b", types=(int,)), FieldContract("a"))
    assert [one.field_name for one in found] == ["b", "a"]


def test_checking_raises_one_error_that_names_every_field():
    contract = ScenarioFieldContract("drift", (FieldContract("phi"), FieldContract("n", types=(int,))))
    with pytest.raises(ScenarioFieldContractViolation, match=r"drift needs other fields.*phi: .*n: 'x' is") as caught:
        check_contract(contract, {"n": "x"})
    assert isinstance(caught.value, OphaminError)
    assert [one.kind for one in caught.value.violations] == ["missing_required", "type_mismatch"]


def test_a_long_value_is_cut_in_the_message():
    (found,) = violations({"phi": "x" * 10_000}, FieldContract("phi", types=(float,)))
    assert len(found.detail) < 200
