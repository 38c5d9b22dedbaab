# SPDX-License-Identifier: Apache-2.0
"""Field contracts: what a scenario needs to find in the raw output of its system.

A contract is held against the first cycle, so that a system without the field is told so at once. It judges names and
types, no values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

from ophamin.errors import OphaminError, nearest_name

__all__ = [
    "ContractViolation",
    "FieldContract",
    "ScenarioFieldContract",
    "ScenarioFieldContractViolation",
    "check_contract",
    "validate_contract_against_raw",
]

_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class FieldContract:
    """One field that a scenario reads.

    Attributes:
        field_name: a key of ``raw``, or a path of keys joined by dots.
        required: whether a cycle without it breaks the contract.
        types: what its value may be; None for anything. ``float`` takes any real number, and bool only counts where
            it is named.
        expected_family: what kind of quantity the author takes it for; kept, not judged.
    """

    field_name: str
    required: bool = True
    types: tuple[type, ...] | None = None
    expected_family: str = ""


@dataclass(frozen=True, slots=True)
class ScenarioFieldContract:
    """All fields that one scenario reads."""

    scenario_name: str
    contracts: tuple[FieldContract, ...]


@dataclass(frozen=True, slots=True)
class ContractViolation:
    """One field that is not as the contract has it; ``kind`` is ``missing_required`` or ``type_mismatch``."""

    field_name: str
    kind: str
    detail: str


class ScenarioFieldContractViolation(OphaminError, ValueError):  # noqa: N818 - the name is public API
    """The system does not give the fields that the scenario needs; ``violations`` has them one by one."""

    def __init__(self, scenario_name: str, violations: list[ContractViolation]) -> None:
        details = "; ".join(f"{violation.field_name}: {violation.detail}" for violation in violations)
        super().__init__(f"{scenario_name} needs other fields than its system gives: {details}")
        self.scenario_name = scenario_name
        self.violations = tuple(violations)


def validate_contract_against_raw(contract: ScenarioFieldContract, raw: Mapping[str, Any]) -> list[ContractViolation]:
    """What of the raw output of one cycle is not as the contract has it, in the contract's order.

    >>> needs = ScenarioFieldContract("drift", (FieldContract("phi", types=(float,)),))
    >>> validate_contract_against_raw(needs, {"phi": 0.5})
    []
    >>> validate_contract_against_raw(needs, {"phy": 0.5})[0].detail
    "the cycle gave no such field; did you mean 'phy'? Known: phy"
    """
    violations = []
    for wanted in contract.contracts:
        value = _look_up(raw, wanted.field_name)
        if value is _MISSING:
            if wanted.required:
                detail = f"the cycle gave no such field; {nearest_name(wanted.field_name, map(str, raw))}"
                violations.append(ContractViolation(wanted.field_name, "missing_required", detail))
        elif wanted.types is not None and not _is_one_of(value, wanted.types):
            names = " or ".join(kind.__name__ for kind in wanted.types)
            detail = f"{_short(value)} is of type {type(value).__name__}; the scenario reads {names}"
            violations.append(ContractViolation(wanted.field_name, "type_mismatch", detail))
    return violations


def check_contract(contract: ScenarioFieldContract, raw: Mapping[str, Any]) -> None:
    """Hold the contract against one cycle.

    Raises:
        ScenarioFieldContractViolation: a required field is missing, or a field has another type.
    """
    violations = validate_contract_against_raw(contract, raw)
    if violations:
        raise ScenarioFieldContractViolation(contract.scenario_name, violations)


def _look_up(raw: Mapping[str, Any], name: str) -> Any:
    if name in raw:
        return raw[name]
    value: Any = raw
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _is_one_of(value: Any, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in types or object in types
    return isinstance(value, types) or (float in types and isinstance(value, Real))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
