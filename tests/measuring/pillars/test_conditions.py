# SPDX-License-Identifier: Apache-2.0
"""Pillars of a plan: what they add, what a condition does to a verdict, and what never gets lost."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from ophamin import conduct, mean, rate, scenario
from ophamin.core.evidence import PillarEvidence
from ophamin.core.plugins import PluginProtocolViolationError
from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars._adapters import ADAPTERS, adapter
from ophamin.measuring.pillars.base import (
    PILLARS,
    NonUniformComputeError,
    NotComputableError,
    PillarBase,
    complete_rows,
    numbers,
    pillar_text,
    resolve_conditions,
)
from ophamin.measuring.pillars.diagnostics import assumptions
from ophamin.measuring.pillars.provenance import PILLAR as PROVENANCE
from ophamin.measuring.scenarios.functions import declaration_of


@dataclass(frozen=True)
class Asked(PillarBase):
    """Says what it was told to say."""

    holds: bool | None = True
    fails_with: type[Exception] | None = None
    pillar_name: ClassVar[str] = "X.asked"
    library: ClassVar[str] = "pytest"

    def measure(self, cycles, records):
        if self.fails_with is not None:
            raise self.fails_with("for a reason")
        return self.evidence("rows", float(len(cycles)))

    def condition(self, row):
        return self.holds


def tried(**how):
    @scenario("few are wrong", rate("wrong") <= 0.2, **how)
    def test_it(trial):
        """Does it hold?"""
        for number in range(60):
            trial.observe(wrong=False, arm="ab"[number % 2], phi=number / 60)

    return conduct(test_it)


# -- conditions -------------------------------------------------------------------------------------------------------


def test_a_condition_that_holds_changes_nothing_and_leaves_its_evidence():
    record = tried(conditions=[Asked()])
    assert record.verdict.outcome == "VALIDATED"
    assert [row.pillar for row in record.evidence] == ["claim.exact_binomial", "X.asked"]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (Asked(holds=False), "the condition X.asked fails: rows = 60"),
        (Asked(holds=None), "the condition X.asked cannot be told: rows = 60"),
        (Asked(fails_with=NotComputableError), "the condition X.asked cannot be told: for a reason"),
        (Asked(fails_with=ZeroDivisionError), "the condition X.asked cannot be told: ZeroDivisionError: for a reason"),
    ],
)
def test_a_condition_that_fails_or_cannot_be_told_leaves_the_claim_undecided(condition, told):
    record = tried(conditions=[condition])
    assert record.verdict.outcome == "INCONCLUSIVE"
    assert told in record.verdict.reasoning
    record.validate()


def test_a_condition_never_gives_a_verdict():
    @scenario("few are wrong", rate("wrong") <= 0.2, conditions=[Asked(holds=True)])
    def test_it(trial):
        """Does it hold?"""
        trial.observe(wrong=False)

    assert conduct(test_it).verdict.outcome == "INCONCLUSIVE"


def test_a_pillar_without_a_condition_is_refused_as_one():
    class Counting:
        pillar_name, library, library_version = "X.count", "none", "1"

        def compute(self, cycles, records):
            return PillarEvidence("X.count", "n", 1.0, "none", "1")

    with pytest.raises(ClaimError, match=r"states no condition.*srm\("):
        resolve_conditions([Counting()])
    with pytest.raises(PluginProtocolViolationError):
        resolve_conditions([object()])


def test_pillars_and_conditions_with_their_configuration_are_part_of_the_digest():
    def digest(**how):
        def test_it(trial):
            """Does it hold?"""

        declared = declaration_of(scenario("s", rate("x") <= 0.2, **how)(test_it))
        return declared.compile(test_it, name="a.b").digest

    ways = [{}, {"pillars": [Asked()]}, {"conditions": [Asked()]}, {"conditions": [Asked(holds=False)]}]
    assert len({digest(**how) for how in ways}) == 4
    assert pillar_text(Asked()) == 'X.asked {"fails_with":null,"holds":true}'


def test_the_assumptions_of_a_metric_can_be_a_condition():
    record = tried(conditions=[assumptions("phi")])  # phi rises with every row
    assert record.verdict.outcome == "INCONCLUSIVE"
    assert "diagnostics.assumptions fails" in record.verdict.reasoning


# -- what a pillar does to a test -------------------------------------------------------------------------------------


def test_a_pillar_that_raises_is_a_skipped_row_and_no_lost_test():
    record = tried(pillars=[Asked(fails_with=ZeroDivisionError)])
    row = record.evidence[1]
    assert (record.verdict.outcome, row.cross_check) == ("VALIDATED", "skipped")
    assert row.detail["reason"] == "ZeroDivisionError: for a reason"


def test_a_pillar_reads_columns_that_no_claim_names(tmp_path):
    @scenario("phi is low", mean("phi", bounds=(0, 2)) <= 1.5, substrate="mock:seed=1", pillars=[Reads("coherence")])
    def test_it(substrate):
        """Is it low?"""
        for _ in range(30):
            substrate.run_cycle("x")

    row = conduct(test_it).evidence[1]
    assert row.statistic_value == 30.0


@dataclass(frozen=True)
class Reads(PillarBase):
    """Counts the rows that carry a column."""

    column: str = ""
    pillar_name: ClassVar[str] = "X.reads"
    library: ClassVar[str] = "pytest"

    @property
    def columns(self):
        return (self.column,)

    def measure(self, cycles, records):
        columns, _ = complete_rows(cycles, [self.column])
        return self.evidence("rows", float(len(numbers(columns[self.column], self.column))))


def test_a_warning_of_a_library_goes_into_the_detail_and_nowhere_else(capsys):
    import warnings

    class Warns(Asked):
        def measure(self, cycles, records):
            warnings.warn("it did not converge", stacklevel=1)
            return super().measure(cycles, records)

    row = Warns().compute([], [])
    assert row.detail["warnings"] == ["it did not converge"]
    assert capsys.readouterr() == ("", "")


def test_an_unknown_column_is_answered_with_the_nearest():
    with pytest.raises(NotComputableError, match="phi"):
        complete_rows([CycleResult(0, True, {"phi": 1.0})], ["phii"])


@pytest.mark.parametrize("value", ["text", float("nan"), None, [1]])
def test_what_is_no_number_is_named(value):
    with pytest.raises(NotComputableError, match="takes finite numbers alone"):
        numbers([1.0, value], "phi")


def test_rows_that_failed_or_lack_a_value_are_left_out_and_counted():
    cycles = [
        CycleResult(0, True, {"phi": 1.0, "deep": {"er": 2.0}}),
        CycleResult(1, True, {"phi": 1.0}),
        CycleResult(2, False, {"phi": 9.0, "deep": {"er": 9.0}}, error="broke"),
    ]
    assert complete_rows(cycles, ["phi", "deep.er", "success"]) == (
        {"phi": [1.0], "deep.er": [2.0], "success": [True]},
        2,
    )


# -- the registered ones ----------------------------------------------------------------------------------------------


def test_the_registered_pillars_are_those_of_the_adapters():
    assert set(ADAPTERS) <= set(PILLARS.names())


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_registered_pillar_computes_through_the_protocol(name, capsys):
    pillar = adapter(name)
    assert pillar.pillar_name == name
    cycles = [CycleResult(n, True, {"phi": (n * 7 % 11) / 11}, stimulus_id=str(n)) for n in range(40)]
    for run in (cycles, cycles[:1], []):
        row = pillar.compute(run, [])
        assert isinstance(row, PillarEvidence)
        assert row.pillar == name
        assert row.statistic_value is not None or row.detail["reason"]
    assert capsys.readouterr() == ("", "")


def test_the_name_for_pillars_that_cannot_be_computed_stays_for_third_parties():
    assert issubclass(NonUniformComputeError, NotImplementedError)
    sources = Path(__file__).parents[3].joinpath("src/ophamin").rglob("*.py")
    assert not [path for path in sources if "raise NonUniformComputeError" in path.read_text()]


# -- provenance of the run --------------------------------------------------------------------------------------------


def test_results_without_a_stimulus_are_not_traced():
    cycles = [CycleResult(0, True, {}, stimulus_id="ab"), CycleResult(1, True, {})]
    row = PROVENANCE.compute(cycles, [])
    assert (row.statistic_value, row.detail["activities"], row.detail["traced"]) == (0.5, 2, 1)


def test_another_run_has_another_graph():
    one, other = ([CycleResult(0, True, {}, stimulus_id=name)] for name in ("ab", "cd"))
    assert PROVENANCE.compute(one, []).detail != PROVENANCE.compute(other, []).detail


def test_the_package_prov_reads_the_graph_as_we_count_it():
    pytest.importorskip("prov")
    row = PROVENANCE.compute([CycleResult(n, True, {}, stimulus_id=str(n % 3)) for n in range(9)], [])
    assert row.cross_check == "passed"


def test_an_empty_run_has_nothing_to_trace():
    row = PROVENANCE.compute([], [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
